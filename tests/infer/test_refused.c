/* SPDX-License-Identifier: Apache-2.0
 *
 * test_refused.c - what each operator refuses, and when: types and attributes at load, shapes and values when run. Nothing
 * that a model says makes a session take more memory or time than its limits. The lines are explained in one.h.
 */
#include "infer/one.h"
#include "support/fault.h"
#include "support/suite.h"

typedef struct refusal {
  const char *line;
  mlcm_status status;
  const char *message; /* a part of it */
} refusal;

static mlcm_error err;

static void each_is_refused(const refusal *rows, size_t n, bool at_load, uint64_t max_tensor_bytes) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < n; i++) {
    bool opened = false;
    memset(&err, 0, sizeof err);
    mlcm_status st = one_try(ctx, rows[i].line, max_tensor_bytes, 0, &opened, &err);
    ck_assert_msg(st == rows[i].status && opened == !at_load && strstr(err.message, rows[i].message) != NULL, "%s: %d, %s: %s",
                  rows[i].line, (int)st, opened ? "when run" : "at load", st ? err.message : "");
    ck_assert_msg(strncmp(err.message, "node 'n' (", 10) == 0, "%s: the node is not named: %s", rows[i].line, err.message);
  }
  mlcm_context_free(ctx);
}

#define EACH_IS_REFUSED(rows, at_load, limit) each_is_refused(rows, sizeof(rows) / sizeof(rows)[0], at_load, limit)

/* ---- At load ---- */

START_TEST(element_types_without_code_are_refused_at_load) {
  static const refusal rows[] = {
      {"Sqrt | i32[2]", MLCM_UNSUPPORTED, "(Sqrt): input 0 is i32; the operator has code for f32, f16, f64, bf16"},
      {"Abs | string[2]", MLCM_UNSUPPORTED, "input 0 is string; the operator has code for"},
      {"Add | bool[2] bool[2]", MLCM_UNSUPPORTED, "input 0 is bool"},
      {"Add | f32[2] f64[2]", MLCM_UNSUPPORTED, "input 0 is f32 and input 1 is f64: they must be of one type"},
      {"Add | f32[2] !i64:1,2", MLCM_UNSUPPORTED, "input 1 is i64"},
      {"Where | bool[2] f32[2] i32[2]", MLCM_UNSUPPORTED, "input 1 is f32 and input 2 is i32"},
      {"Where | f32[2] f32[2] f32[2]", MLCM_UNSUPPORTED, "input 0 is f32; the operator has code for bool"},
      {"Concat axis=0 | f32[2] f32[2] f32[2] f32[2] f32[2] i8[2]", MLCM_UNSUPPORTED, "input 5 is i8"},
      {"Gather | f32[2] f32[2]", MLCM_UNSUPPORTED, "input 1 is f32; the operator has code for i32, i64"},
      {"MatMul | string[2,2] string[2,2]", MLCM_UNSUPPORTED, "input 0 is string"},
      {"Not | i64[2]", MLCM_UNSUPPORTED, "has code for bool"},
      {"BitShift direction='LEFT' | i32[2] i32[2]", MLCM_UNSUPPORTED, "input 0 is i32"},
      {"TopK*2 | string[2] i64=1", MLCM_UNSUPPORTED, "input 0 is string"},
      {"ml.Scaler scale=1., | string[2,2]", MLCM_UNSUPPORTED, "input 0 is string"},
      {"ml.CategoryMapper cats_int64s=1, cats_strings='a', | f32[2]", MLCM_UNSUPPORTED, "input 0 is f32"},
      {"ml.OneHotEncoder cats_int64s=1,2 | string[2]", MLCM_UNSUPPORTED, "the categories are ints, the input is string"},
      {"ml.OneHotEncoder cats_strings='a','b' | i64[2]", MLCM_UNSUPPORTED, "the categories are strings, the input is i64"},
      {"ml.Imputer imputed_value_floats=1., | i64[2,2]", MLCM_UNSUPPORTED, "the imputed values are floats, the input is i64"},
      {"ml.Imputer imputed_value_int64s=1, | f32[2,2]", MLCM_UNSUPPORTED, "the imputed values are ints, the input is f32"},
      {"ml.LabelEncoder keys_int64s=1, values_floats=2., | string[2]", MLCM_UNSUPPORTED, "the keys are i64, the input is string"},
      {"ml.LabelEncoder@1 classes_strings='a','b' | f32[2]", MLCM_UNSUPPORTED, "the keys are string, the input is f32"},
      {"Cast to=99 | f32[2]", MLCM_UNSUPPORTED, "element type 99 ('to') is not supported"},
      {"Cast to=14 | f32[2]", MLCM_UNSUPPORTED, "element type 14"},
      {"Cast to=-1 | f32[2]", MLCM_UNSUPPORTED, "element type -1"},
      {"EyeLike dtype=8 | f32[2,2]", MLCM_UNSUPPORTED, "element type 8 is no number type"},
      {"EyeLike dtype=99 | f32[2,2]", MLCM_UNSUPPORTED, "element type 99"},
      {"EyeLike dtype=-5 | f32[2,2]", MLCM_UNSUPPORTED, "element type -5"},
  };
  EACH_IS_REFUSED(rows, true, 0);
}
END_TEST

START_TEST(wrong_attributes_are_refused_at_load) {
  static const refusal rows[] = {
      {"LeakyRelu alpha=1 | f32[2]", MLCM_PARSE, "attribute 'alpha' is of kind 2, 1 is needed"},
      {"Gather axis='x' | f32[2] i64[1]", MLCM_PARSE, "attribute 'axis' is of kind 3, 2 is needed"},
      {"Transpose perm=0 | f32[2]", MLCM_PARSE, "attribute 'perm' is of kind 2, 7"},
      {"Transpose perm=0,0 | f32[2,2]", MLCM_PARSE, "'perm' is no permutation"},
      {"Transpose perm=0,2 | f32[2,2]", MLCM_PARSE, "'perm' is no permutation"},
      {"Transpose perm=-1,0 | f32[2,2]", MLCM_PARSE, "'perm' is no permutation"},
      {"Transpose perm=0,1,2,3,4,5,6,7,8 | f32[2]", MLCM_LIMIT, "'perm' has 9 elements, at most 8 are supported"},
      {"Slice | f32[2]", MLCM_PARSE, "the inputs 'starts' and 'ends' are missing"},
      {"Reshape | f32[2]", MLCM_PARSE, "the input 'shape' is missing"},
      {"Pad | f32[2]", MLCM_PARSE, "the input 'pads' is missing"},
      {"Pad mode='odd' | f32[2] i64:1,1", MLCM_PARSE, "mode 'odd' is unknown"},
      {"Pad mode='odd-and-far-longer-than-any-mode-there-ever-was' | f32[2] i64:1,1", MLCM_PARSE, "mode 'odd-and-far-longer"},
      {"TopK | f32[2]", MLCM_PARSE, "the input 'K' is missing"},
      {"Split*2 split=1,1,1 | f32[3]", MLCM_PARSE, "'split' has 3 sizes for 2 outputs"},
      {"ScatterND reduction='odd' | f32[2] i64[1,1] f32[1]", MLCM_PARSE, "reduction 'odd' is unknown"},
      {"ConstantOfShape value=f32:1,2 | i64[1]", MLCM_PARSE, "'value' has 2 elements instead of 1"},
      {"ConstantOfShape value=1 | i64[1]", MLCM_PARSE, "attribute 'value' is of kind 2, 4"},
      {"BatchNormalization training_mode=1 | f32[2,2] f32[2] f32[2] f32[2] f32[2]", MLCM_UNSUPPORTED, "training_mode 1"},
      {"BatchNormalization@8 spatial=0 | f32[2,2] f32[2] f32[2] f32[2] f32[2]", MLCM_UNSUPPORTED, "spatial 0"},
      {"Dropout@6 is_test=0 | f32[2]", MLCM_UNSUPPORTED, "is_test is 0"},
      {"Sum | f32[2] -  f32[2]", MLCM_PARSE, "it has 3 inputs"},
      {"Add | f32[2]", MLCM_PARSE, "it has 1 inputs and 1 outputs; at least 2 inputs"},
      {"Add | - f32[2]", MLCM_PARSE, "at least 2 inputs"},
      {"Abs | f32[2] f32[2]", MLCM_PARSE, "at most 1"},
      {"Abs*0 | f32[2]", MLCM_PARSE, "it has 1 inputs and 0 outputs"},
      {"Abs*2 | f32[2]", MLCM_UNSUPPORTED, "output 1 is used; only the first 1 are supported"},
      {"ml.Normalizer norm='L9' | f32[2,2]", MLCM_PARSE, "norm 'L9' is unknown"},
      {"ml.Imputer | f32[2,2]", MLCM_PARSE, "imputed values must be given either"},
      {"ml.Imputer imputed_value_floats=1., imputed_value_int64s=1, | f32[2,2]", MLCM_PARSE,
       "imputed values must be given either"},
      {"ml.FeatureVectorizer inputdimensions=1, | f32[2] f32[2]", MLCM_PARSE, "'inputdimensions' has 1 values for 2 inputs"},
      {"ml.FeatureVectorizer inputdimensions=-1, | f32[2]", MLCM_PARSE, "out of range"},
      {"ml.FeatureVectorizer inputdimensions=9223372036854775807,1 | f32[2] f32[2]", MLCM_PARSE, "out of range"},
      {"ml.OneHotEncoder | i64[2]", MLCM_PARSE, "categories must be given either as ints ('cats_int64s')"},
      {"ml.OneHotEncoder cats_int64s=1, cats_strings='a', | i64[2]", MLCM_PARSE, "categories must be given either"},
      {"ml.CategoryMapper cats_int64s=1,2 cats_strings='a', | i64[2]", MLCM_PARSE, "there are 2 ints for 1 strings"},
      {"ml.CategoryMapper | i64[2]", MLCM_PARSE, "there are 0 ints for 0 strings"},
      {"ml.LabelEncoder keys_int64s=1,2 values_floats=2., | i64[2]", MLCM_PARSE, "there are 2 keys for 1 values"},
      {"ml.LabelEncoder keys_int64s=1, | i64[2]", MLCM_PARSE, "there are 1 keys for 0 values"},
      {"ml.LabelEncoder | i64[2]", MLCM_PARSE, "there are 0 keys for 0 values"},
      {"ml.LabelEncoder@4 keys_int64s=1, values_tensor=5 | i64[2]", MLCM_PARSE, "attribute 'values_tensor' is of kind 2, 4"},
      {"ml.ZipMap | f32[2,2]", MLCM_PARSE, "class labels must be given either"},
      {"ml.CastMap cast_to='TO_X' | f32[2]", MLCM_PARSE, "cast_to 'TO_X' is unknown"},
      {"ml.CastMap map_form='ODD' | f32[2]", MLCM_PARSE, "map_form 'ODD' is unknown"},
      {"ml.CastMap map_form='SPARSE' max_map=0 | f32[2]", MLCM_PARSE, "'max_map' is 0"},
      {"ml.DictVectorizer | f32[2]", MLCM_PARSE, "the vocabulary must be given either"},
      {"ml.LinearRegressor | f32[2,2]", MLCM_PARSE, "0 coefficients and 0 intercepts do not fit 1 targets"},
      {"ml.LinearRegressor coefficients=1.,2.,3. targets=2 | f32[2,2]", MLCM_PARSE, "3 coefficients"},
      {"ml.LinearRegressor coefficients=1.,2. intercepts=1.,2.,3. | f32[2,2]", MLCM_PARSE, "3 intercepts do not fit 1"},
      {"ml.LinearRegressor coefficients=1., targets=0 | f32[2,2]", MLCM_PARSE, "do not fit 0 targets"},
      {"ml.LinearRegressor coefficients=1., post_transform='ODD' | f32[2,1]", MLCM_PARSE, "post_transform 'ODD' is unknown"},
      {"ml.LinearClassifier coefficients=1.,2. intercepts=1.,2. | f32[2,1]", MLCM_PARSE, "class labels must be given"},
      {"ml.LinearClassifier coefficients=1.,2. intercepts=1.,2. classlabels_ints=1,2,3 | f32[2,1]", MLCM_PARSE,
       "there are 2 rows of coefficients for 3 classes"},
      {"ml.SVMRegressor | f32[2,1]", MLCM_PARSE, "'rho' or 'coefficients' is empty"},
      {"ml.SVMRegressor rho=1., | f32[2,1]", MLCM_PARSE, "'rho' or 'coefficients' is empty"},
      {"ml.SVMRegressor kernel_type='ODD' coefficients=1., rho=1., | f32[2,1]", MLCM_PARSE, "kernel_type 'ODD' is unknown"},
      {"ml.SVMRegressor kernel_params=1.,2. coefficients=1., rho=1., | f32[2,1]", MLCM_PARSE, "'kernel_params' has 2 values"},
      {"ml.SVMRegressor n_supports=2 coefficients=1., rho=1., | f32[2,1]", MLCM_PARSE, "1 coefficients for 2 support vectors"},
      {"ml.SVMRegressor n_supports=2 coefficients=1.,2. rho=1., support_vectors=1.,2.,3. | f32[2,1]", MLCM_PARSE,
       "3 values are no 2 support vectors"},
      {"ml.SVMClassifier*2 coefficients=1.,2.,3. rho=1., classlabels_ints=0,1 | f32[2,1]", MLCM_PARSE,
       "3 coefficients for 2 classes"},
      {"ml.SVMClassifier*2 coefficients=1., rho=1., | f32[2,1]", MLCM_PARSE, "class labels must be given"},
      {"ml.SVMClassifier*2 prob_a=1., coefficients=1.,2. rho=1., classlabels_ints=0,1 | f32[2,1]", MLCM_PARSE,
       "differ in length"},
      {"ml.SVMClassifier*2 vectors_per_class=1,1,1 coefficients=1.,2. rho=1., classlabels_ints=0,1 | f32[2,1]", MLCM_PARSE,
       "more support vectors than there are coefficients"},
      {"ml.SVMClassifier*2 vectors_per_class=-1,1 coefficients=1.,2. rho=1., classlabels_ints=0,1 | f32[2,1]", MLCM_PARSE,
       "more support vectors than there are coefficients"},
      {"ml.SVMClassifier*2 vectors_per_class=1,1 coefficients=1.,2. rho=1.,2. classlabels_ints=0,1 | f32[2,1]", MLCM_PARSE,
       "rho (2), coefficients (2) and probabilities (0) do not fit"},
      {"ml.SVMClassifier*2 vectors_per_class=1,1 coefficients=1.,2. rho=1., classlabels_ints=0,1,2 | f32[2,1]", MLCM_PARSE,
       "classes (2 of 3 labels)"},
      {"ml.SVMClassifier*2 vectors_per_class=1, coefficients=1., rho=1., classlabels_ints=0, | f32[2,1]", MLCM_PARSE,
       "do not fit"},
      {"ml.SVMClassifier*2 vectors_per_class=1,1 coefficients=1.,2.,3. rho=1., classlabels_ints=0,1 | f32[2,1]", MLCM_PARSE,
       "do not fit"},
      {"ml.SVMClassifier*2 vectors_per_class=1,1 coefficients=1.,2. rho=1., prob_a=1.,2. prob_b=1.,2. classlabels_ints=0,1 | "
       "f32[2,1]",
       MLCM_PARSE, "probabilities (2) do not fit"},
      {"ml.SVMClassifier*2 vectors_per_class=0,0 coefficients=1.,2. rho=1., classlabels_ints=0,1 | f32[2,1]", MLCM_PARSE,
       "do not fit"},
  };
  EACH_IS_REFUSED(rows, true, 0);
}
END_TEST

#define ENSEMBLE(split, leaf, root)                                                                                              \
  "ml.TreeEnsemble@5 nodes_featureids=0, nodes_splits=" split " nodes_modes=u8:1 nodes_truenodeids=0, nodes_trueleafs=1, "       \
  "nodes_falsenodeids=" leaf ", nodes_falseleafs=1, leaf_targetids=0,0 leaf_weights=f32:1,2 tree_roots=" root ", "

/* Two leaves in one tree: the second one is reached by nobody. */
#define LEAVES(ids, modes)                                                                                                       \
  "ml.TreeEnsembleRegressor nodes_treeids=0,0 nodes_nodeids=" ids " nodes_featureids=0,0 nodes_truenodeids=0,0 "                 \
  "nodes_falsenodeids=0,0 nodes_values=0.,0. nodes_modes=" modes " "

#define FEATURE(id)                                                                                                              \
  "ml.TreeEnsembleRegressor nodes_treeids=0,0,0 nodes_nodeids=0,1,2 nodes_featureids=" id ",0,0 nodes_truenodeids=1,0,0 "        \
  "nodes_falsenodeids=2,0,0 nodes_values=0.5,0.,0. nodes_modes='BRANCH_LEQ','LEAF','LEAF' target_treeids=0, target_nodeids=1, "  \
  "target_ids=0, target_weights=1., "

START_TEST(ensembles_that_are_none_are_refused_at_load) {
  static const refusal rows[] = {
      {ENSEMBLE("f32:1", "1", "0") "post_transform=9 | f32[1,1]", MLCM_PARSE,
       "post_transform or aggregate_function is out of range"},
      {ENSEMBLE("f32:1", "1", "0") "post_transform=-1 | f32[1,1]", MLCM_PARSE, "out of range"},
      {ENSEMBLE("f32:1", "1", "0") "aggregate_function=4 | f32[1,1]", MLCM_PARSE, "out of range"},
      {ENSEMBLE("f32:1", "1", "0") "aggregate_function=-1 | f32[1,1]", MLCM_PARSE, "out of range"},
      {ENSEMBLE("f32:1", "1", "0") "n_targets=0 | f32[1,1]", MLCM_LIMIT, "targets must be positive"},
      {ENSEMBLE("f32:1", "1", "0") "n_targets=9000000000 | f32[1,1]", MLCM_LIMIT, "none may be over 1073741823"},
      {ENSEMBLE("f32:1", "2", "0") " | f32[1,1]", MLCM_PARSE, "a child that does not exist"},
      {ENSEMBLE("f32:1", "-1", "0") " | f32[1,1]", MLCM_PARSE, "a child that does not exist"},
      {ENSEMBLE("f32:1", "1", "-1") " | f32[1,1]", MLCM_PARSE, "a child that does not exist"},
      {ENSEMBLE("f32:1", "1", "99") " | f32[1,1]", MLCM_PARSE, "a child that does not exist"},
      {ENSEMBLE("i64:1", "1", "0") " | f32[1,1]", MLCM_PARSE, "is a tensor of i64, floating numbers are needed"},
      {ENSEMBLE("string:a", "1", "0") " | f32[1,1]", MLCM_PARSE, "is a tensor of string, floating numbers are needed"},
      {"ml.TreeEnsembleRegressor nodes_treeids=0,0 nodes_nodeids=0,1 nodes_featureids=0,0 nodes_truenodeids=1,0 "
       "nodes_falsenodeids=1,0 nodes_values=0.5,0. nodes_modes='BRANCH_LEQ','BRANCH_LT' | f32[1,1]",
       MLCM_PARSE, "tree 0 has no root: it is a cycle"},
      {LEAVES("0,1", "'LEAF','A_MODE_THAT_IS_FAR_LONGER_THAN_ALL_THAT_THERE_ARE'") "| f32[1,1]", MLCM_PARSE,
       "node mode 'A_MODE_THAT_IS_FAR_LONGER_THAN_ALL_THAT_' is unknown"},
      {LEAVES("1,0", "'LEAF','LEAF'") "| f32[1,1]", MLCM_PARSE, "1 of 2"},
      {FEATURE("-1") "| f32[1,1]", MLCM_PARSE, "feature -1 is out of range"},
      {FEATURE("9000000000") "| f32[1,1]", MLCM_PARSE, "feature 9000000000 is out of range"},
      {"ml.TreeEnsembleClassifier*2 base_values=1.,2.,3. classlabels_int64s=7,8 nodes_treeids=0, nodes_nodeids=0, "
       "nodes_featureids=0, nodes_truenodeids=0, nodes_falsenodeids=0, nodes_values=0., nodes_modes='LEAF', class_treeids=0, "
       "class_nodeids=0, class_ids=0, class_weights=1., | f32[1,1]",
       MLCM_PARSE, "'base_values' has 3 values for 2 targets"},
  };
  EACH_IS_REFUSED(rows, true, 0);
}
END_TEST

/* ---- When run ---- */

START_TEST(element_types_that_were_not_known_are_refused_when_run) {
  static const refusal rows[] = {
      {"Sqrt | ?i32[2]", MLCM_UNSUPPORTED, "input 0 is i32"},
      {"Add | ?f32[2] ?f64[2]", MLCM_UNSUPPORTED, "they must be of one type"},
      {"Add | ?f32[2] f64[2]", MLCM_UNSUPPORTED, "they must be of one type"},
      {"ml.OneHotEncoder cats_int64s=1,2 | ?string[2]", MLCM_UNSUPPORTED, "the categories are ints"},
      {"ml.Imputer imputed_value_floats=1., | ?i64[2,2]", MLCM_UNSUPPORTED, "the imputed values are floats"},
      {"ml.LabelEncoder keys_int64s=1, values_floats=2., | ?f32[2]", MLCM_UNSUPPORTED, "the keys are i64"},
      {"ScatterND reduction='add' | string[2] i64[1,1] string[1]", MLCM_UNSUPPORTED, "strings can be put in"},
      {"ScatterElements reduction='add' | string[2] i64[1] string[1]", MLCM_UNSUPPORTED, "strings can be put in"},
      {"Dropout | f32[2] - bool=1", MLCM_UNSUPPORTED, "training_mode is on"},
      {"LayerNormalization | f32[2,3] f32[2]", MLCM_UNSUPPORTED, "scale or bias has 2 elements, rows have 3"},
      {"LayerNormalization | f32[2,3] f32[3] f32[1]", MLCM_UNSUPPORTED, "scale or bias has 1 elements"},
  };
  EACH_IS_REFUSED(rows, false, 0);
}
END_TEST

#define MOST "f32[576460752303423487,0] " /* 2^59 - 1 rows of nothing */

static const refusal WRONG_SHAPES[] = {
    {"Add | f32[2,3] f32[2]", MLCM_INVALID_ARGUMENT, "shapes [2, 3] and [2] do not broadcast"},
    {"Sum | f32[2] f32[3]", MLCM_INVALID_ARGUMENT, "do not broadcast"},
    {"Where | bool[2] f32[3] f32[1]", MLCM_INVALID_ARGUMENT, "do not broadcast"},
    {"StringConcat | string[2] string[3]", MLCM_INVALID_ARGUMENT, "do not broadcast"},
    {"Add@6 broadcast=1 axis=5 | f32[2,3] f32[2]", MLCM_INVALID_ARGUMENT, "axis 5 is out of range"},
    {"Expand | f32[3] i64:2", MLCM_INVALID_ARGUMENT, "do not broadcast"},
    {"Expand | f32[3] i64[2,2]", MLCM_INVALID_ARGUMENT, "'shape' must be a list, it has 2 dimensions"},
    {"Expand | f32[3] i64:1,1,1,1,1,1,1,1,3", MLCM_LIMIT, "'shape' has 9 elements, at most 8"},
    {"Transpose perm=0,1 | f32[2]", MLCM_INVALID_ARGUMENT, "'perm' has 2 elements for 1 dimensions"},
    {"Tile | f32[2] i64:1,1", MLCM_INVALID_ARGUMENT, "'repeats' has 2 elements for 1"},
    {"Tile | f32[2] i64[1,1]", MLCM_INVALID_ARGUMENT, "'repeats' must be a list"},
    {"Tile | f32[2] i64:-1", MLCM_INVALID_ARGUMENT, "repeat -1 of dimension 0"},
    {"Slice | f32[3] i64:0,0 i64:1", MLCM_INVALID_ARGUMENT, "differ in length"},
    {"Slice | f32[3] i64:0 i64:1 i64:0,1", MLCM_INVALID_ARGUMENT, "differ in length"},
    {"Slice | f32[3] i64:0 i64:1 i64:0 i64:1,1", MLCM_INVALID_ARGUMENT, "differ in length"},
    {"Slice@9 starts=0,0 ends=1, | f32[3]", MLCM_INVALID_ARGUMENT, "differ in length"},
    {"Slice | f32[3] i64:0 i64:1 i64:7", MLCM_INVALID_ARGUMENT, "axis 7 is out of range"},
    {"Slice | f32[3] i64:0 i64:1 i64:0 i64:0", MLCM_INVALID_ARGUMENT, "a step is 0"},
    {"Slice | f32[9,9] i64:0,8 i64:9,9 i64:0,0 i64:4,1", MLCM_INVALID_ARGUMENT, "axis 0 is named twice"},
    {"Slice | f32[9,9] i64:0,8 i64:9,9 i64:0,-2 i64:4,1", MLCM_INVALID_ARGUMENT, "axis 0 is named twice"},
    {"Slice | f32[3] i64[1,1] i64:1", MLCM_INVALID_ARGUMENT, "'starts' must be a list"},
    {"Slice | f32[3] i64:0 i64[1,1]", MLCM_INVALID_ARGUMENT, "'ends' must be a list"},
    {"Slice | f32[3] i64:0 i64:1 i64[1,1]", MLCM_INVALID_ARGUMENT, "'axes' must be a list"},
    {"Concat axis=1 | f32[2]", MLCM_INVALID_ARGUMENT, "axis 1 is out of range for 1"},
    {"Concat axis=0 | f32[2] f32[2,2]", MLCM_INVALID_ARGUMENT, "[2] and [2, 2] cannot be joined along axis 0"},
    {"Concat axis=0 | f32[2,2] f32[2,3]", MLCM_INVALID_ARGUMENT, "cannot be joined"},
    {"Split*2 axis=3 | f32[2]", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"Split*2 | f32[3] i64:1,1", MLCM_INVALID_ARGUMENT, "the parts add up to 2 of 3"},
    {"Split*2 | f32[3] i64:1,5", MLCM_INVALID_ARGUMENT, "part 1 of 5 elements does not fit into 3"},
    {"Split*2 | f32[3] i64:-1,4", MLCM_INVALID_ARGUMENT, "part 0 of -1"},
    {"Split*2 | f32[3] i64:3", MLCM_INVALID_ARGUMENT, "'split' has 1 sizes for 2 outputs"},
    {"Reshape | f32[2,3] i64:4", MLCM_INVALID_ARGUMENT, "shape [2, 3] does not become [4]"},
    {"Reshape | f32[2,3] i64:-1,-1", MLCM_INVALID_ARGUMENT, "does not become"},
    {"Reshape | f32[2,3] i64:-2", MLCM_INVALID_ARGUMENT, "does not become"},
    {"Reshape | f32[2,3] i64:-1,4", MLCM_INVALID_ARGUMENT, "does not become"},
    {"Reshape | f32[6] i64:2,0", MLCM_INVALID_ARGUMENT, "does not become"},
    {"Reshape allowzero=1 | f32[0,3] i64:0,-1", MLCM_INVALID_ARGUMENT, "does not become"},
    {"Reshape | f32[6] i64:4611686018427387904,4", MLCM_INVALID_ARGUMENT, "does not become"},
    {"Reshape | f32[6] i64[1,1]", MLCM_INVALID_ARGUMENT, "'shape' must be a list"},
    {"Flatten axis=3 | f32[2,2]", MLCM_INVALID_ARGUMENT, "axis 3 is out of range"},
    {"Flatten axis=-3 | f32[2,2]", MLCM_INVALID_ARGUMENT, "axis -3 is out of range"},
    {"Squeeze | f32[2,1] i64:0", MLCM_INVALID_ARGUMENT, "dimension 0 has 2 elements, not 1"},
    {"Squeeze | f32[1,1] i64:0,-2", MLCM_INVALID_ARGUMENT, "axis 0 is named twice"},
    {"Squeeze | f32[1] i64:4", MLCM_INVALID_ARGUMENT, "axis 4"},
    {"Squeeze | f32[1] i64[1,1]", MLCM_INVALID_ARGUMENT, "'axes' must be a list"},
    {"Unsqueeze | f32[1] i64:4", MLCM_INVALID_ARGUMENT, "axis 4"},
    {"Unsqueeze | f32[1,1,1,1] i64:0,1,2,3,4", MLCM_LIMIT, "9 dimensions, at most 8"},
    {"Dropout | f32[2] - bool[2]", MLCM_INVALID_ARGUMENT, "'training_mode' must be one number"},
    {"Pad | f32[2] i64:1", MLCM_INVALID_ARGUMENT, "'pads' has 1 elements for 1 axes"},
    {"Pad | f32[2] i64[1,2]", MLCM_INVALID_ARGUMENT, "'pads' must be a list"},
    {"Pad | f32[2] i64:1,1 - i64[1,1]", MLCM_INVALID_ARGUMENT, "'axes' must be a list"},
    {"Pad | f32[2] i64:1,1 - i64:3", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"Pad | f32[2] i64:-2,-1", MLCM_INVALID_ARGUMENT, "the padding of dimension 0"},
    {"Pad | f32[2] i64:9223372036854775807,0", MLCM_INVALID_ARGUMENT, "the padding of dimension 0"},
    {"Pad | f32[2] i64:1,9223372036854775807", MLCM_INVALID_ARGUMENT, "the padding of dimension 0"},
    {"Pad | f32[2] i64:1,1 f32[2]", MLCM_INVALID_ARGUMENT, "the padding value must be one, it has 2"},
    {"Gather axis=2 | f32[2,2] i64[1]", MLCM_INVALID_ARGUMENT, "axis 2"},
    {"Gather | f32[1,1,1,1,1] i64[1,1,1,1,1]", MLCM_LIMIT, "9 dimensions"},
    {"GatherElements | f32[2,2] i64[2]", MLCM_INVALID_ARGUMENT, "the indices' shape does not fit"},
    {"GatherElements | f32[2,2] i64[2,3]", MLCM_INVALID_ARGUMENT, "the indices' shape does not fit"},
    {"GatherElements axis=5 | f32[2,2] i64[2,2]", MLCM_INVALID_ARGUMENT, "axis 5"},
    {"GatherND batch_dims=1 | f32[2,2] i64[2]", MLCM_INVALID_ARGUMENT, "batch_dims 1 does not fit"},
    {"GatherND batch_dims=1 | f32[2] i64[2,1]", MLCM_INVALID_ARGUMENT, "batch_dims 1 does not fit"},
    {"GatherND batch_dims=-1 | f32[2] i64[2,1]", MLCM_INVALID_ARGUMENT, "batch_dims -1"},
    {"GatherND | f32[2] i64[1,2]", MLCM_INVALID_ARGUMENT, "index tuples of 2"},
    {"GatherND | f32[2] i64[1,0]", MLCM_INVALID_ARGUMENT, "index tuples of 0"},
    {"GatherND batch_dims=1 | f32[2,2] i64[3,1]", MLCM_INVALID_ARGUMENT, "batch dimension 0 differs"},
    {"GatherND | f32[1,1,1,1,1] i64[1,1,1,1,1,1]", MLCM_LIMIT, "9 dimensions"},
    {"Compress | f32[2] bool[1,2]", MLCM_INVALID_ARGUMENT, "the condition must be a list"},
    {"Compress axis=1 | f32[2] bool[2]", MLCM_INVALID_ARGUMENT, "axis 1"},
    {"ml.ArrayFeatureExtractor | f32=1 i64[1]", MLCM_INVALID_ARGUMENT, "the data has no dimension"},
    {"ScatterElements axis=4 | f32[2] i64[1] f32[1]", MLCM_INVALID_ARGUMENT, "axis 4"},
    {"ScatterElements | f32[2] i64[1,1] f32[1]", MLCM_INVALID_ARGUMENT, "data [2], indices [1, 1] and updates [1] do not fit"},
    {"ScatterElements | f32[2] i64[1] f32[1,1]", MLCM_INVALID_ARGUMENT, "do not fit"},
    {"ScatterElements | f32[2] i64[1] f32[2]", MLCM_INVALID_ARGUMENT, "do not fit"},
    {"ScatterElements | f32[2,2] i64[1,3] f32[1,3]", MLCM_INVALID_ARGUMENT, "do not fit"},
    {"ScatterND | f32[2] i64=1 f32[1]", MLCM_INVALID_ARGUMENT, "index tuples of 0"},
    {"ScatterND | f32[2] i64[1,2] f32[1]", MLCM_INVALID_ARGUMENT, "index tuples of 2"},
    {"ScatterND | f32[2] i64[1,1] f32[2]", MLCM_INVALID_ARGUMENT, "do not fit"},
    {"ScatterND | f32[2] i64[1,1] f32[1,1]", MLCM_INVALID_ARGUMENT, "do not fit"},
    {"MatMul | f32[2,3] f32[2,3]", MLCM_INVALID_ARGUMENT, "[2, 3] and [2, 3] do not multiply"},
    {"MatMul | f32=1 f32[2,3]", MLCM_INVALID_ARGUMENT, "do not multiply"},
    {"MatMul | f32[2,3] f32=1", MLCM_INVALID_ARGUMENT, "do not multiply"},
    {"MatMul | f32[2,2,3] f32[3,3,2]", MLCM_INVALID_ARGUMENT, "do not broadcast"},
    {"Gemm | f32[2] f32[2,2]", MLCM_INVALID_ARGUMENT, "do not multiply"},
    {"Gemm | f32[2,2] f32[2]", MLCM_INVALID_ARGUMENT, "do not multiply"},
    {"Gemm | f32[2,3] f32[2,3]", MLCM_INVALID_ARGUMENT, "do not multiply"},
    {"Gemm | f32[2,3] f32[3,2] f32[3]", MLCM_INVALID_ARGUMENT, "do not broadcast"},
    {"Gemm | f32[2,3] f32[3,1] f32[1,2]", MLCM_INVALID_ARGUMENT, "C of shape [1, 2] does not broadcast to [2, 1]"},
    {"Gemm | f32[1,3] f32[3,2] f32[2,1]", MLCM_INVALID_ARGUMENT, "does not broadcast to"},
    {"Gemm | f32[2,3] f32[3,2] f32[1,2,2]", MLCM_INVALID_ARGUMENT, "does not broadcast to"},
    {"ReduceSum | f32[2] i64:3", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"ReduceSum | f32[2] i64[1,1]", MLCM_INVALID_ARGUMENT, "'axes' must be a list"},
    {"Softmax axis=2 | f32[2,2]", MLCM_INVALID_ARGUMENT, "axis 2"},
    {"Softmax@12 axis=3 | f32[2,2]", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"LayerNormalization axis=3 | f32[2] f32[2]", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"LpNormalization axis=3 | f32[2]", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"BatchNormalization | f32[2,3] f32[3] f32[3] f32[2] f32[3]", MLCM_INVALID_ARGUMENT, "input 3 has 2 elements for 3 channels"},
    {"ArgMax axis=3 | f32[2]", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"ArgMax | f32[0,2]", MLCM_INVALID_ARGUMENT, "there is no element along axis 0"},
    {"TopK*2 axis=3 | f32[2] i64=1", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"TopK*2 | f32[2] i64[2]", MLCM_INVALID_ARGUMENT, "'K' must be one number, it has 2"},
    {"TopK*2 | f32[2] i64=3", MLCM_INVALID_ARGUMENT, "K is 3, there are 2 elements"},
    {"TopK*2 | f32[2] i64=-1", MLCM_INVALID_ARGUMENT, "K is -1"},
    {"Clip | f32[2] f32[2]", MLCM_INVALID_ARGUMENT, "a limit must be one number, it has 2"},
    {"Clip | f32[2] f32=1 f32[2]", MLCM_INVALID_ARGUMENT, "a limit must be one number"},
    {"CumSum | f32[2] i64[2]", MLCM_INVALID_ARGUMENT, "'axis' must be one number"},
    {"CumSum | f32[2] i64=2", MLCM_INVALID_ARGUMENT, "axis 2"},
    {"Trilu | f32[2]", MLCM_INVALID_ARGUMENT, "a matrix is needed, got 1 dimensions"},
    {"Trilu | f32[2,2] i64[2]", MLCM_INVALID_ARGUMENT, "'k' must be one number"},
    {"EyeLike | f32[2]", MLCM_INVALID_ARGUMENT, "a matrix is needed"},
    {"OneHot | i64[2] i64[2] f32[2]", MLCM_INVALID_ARGUMENT, "'depth' must be one number"},
    {"OneHot | i64[2] i64=3 f32[3]", MLCM_INVALID_ARGUMENT, "'values' must be two, off and on; it has 3"},
    {"OneHot axis=3 | i64[2] i64=3 f32[2]", MLCM_INVALID_ARGUMENT, "axis 3"},
    {"Range | i64[2] i64=1 i64=1", MLCM_INVALID_ARGUMENT, "not single numbers"},
    {"ConstantOfShape | i64[1,1]", MLCM_INVALID_ARGUMENT, "'shape' must be a list"},
    {"ml.Scaler scale=1., | f32[2,2,2]", MLCM_INVALID_ARGUMENT, "rows of features [n, f] are needed, got [2, 2, 2]"},
    {"ml.Scaler scale=1., | f32=1", MLCM_INVALID_ARGUMENT, "rows of features [n, f] are needed, got []"},
    {"ml.Scaler scale=1.,2.,3. | f32[2,2]", MLCM_INVALID_ARGUMENT, "'scale' has 3 values for 2 columns"},
    {"ml.Scaler offset=1.,2.,3. | f32[2,2]", MLCM_INVALID_ARGUMENT, "'offset' has 3 values for 2 columns"},
    {"ml.Normalizer | f32=1", MLCM_INVALID_ARGUMENT, "rows of features"},
    {"ml.Imputer imputed_value_floats=1.,2.,3. | f32[2,2]", MLCM_INVALID_ARGUMENT, "'imputed_value' has 3 values"},
    {"ml.Imputer imputed_value_floats=1., | f32=1", MLCM_INVALID_ARGUMENT, "rows of features"},
    {"ml.FeatureVectorizer inputdimensions=1,1 | f32[2,1] f32[3,1]", MLCM_INVALID_ARGUMENT,
     "input 1 has 3 rows, the ones before 2"},
    {"ml.FeatureVectorizer inputdimensions=1, | f32=1", MLCM_INVALID_ARGUMENT, "rows of features"},
    {"ml.ZipMap classlabels_int64s=0,1 | f32[2,3]", MLCM_INVALID_ARGUMENT, "there are 3 columns for 2 classes"},
    {"ml.ZipMap classlabels_int64s=0,1 | f32=1", MLCM_INVALID_ARGUMENT, "rows of features"},
    {"ml.LinearRegressor coefficients=1.,2. | f32[2,3]", MLCM_INVALID_ARGUMENT, "the model has 2 features, rows have 3"},
    {"ml.LinearRegressor coefficients=1.,2. | f32=1", MLCM_INVALID_ARGUMENT, "rows of features"},
    {"ml.SVMRegressor coefficients=1.,2. rho=1., | f32[2,3]", MLCM_INVALID_ARGUMENT, "the model has 2 features, rows have 3"},
    {"ml.SVMClassifier*2 coefficients=1.,2. rho=1., classlabels_ints=0,1 | f32[2,3]", MLCM_INVALID_ARGUMENT,
     "the model has 1 features, rows have 3"},
    {"ml.OneHotEncoder cats_int64s=1,2 | i64[1,1,1,1,1,1,1,1]", MLCM_LIMIT, "9 dimensions"},
    {"ml.DictVectorizer int64_vocabulary=1,2 | f32[2]", MLCM_INVALID_ARGUMENT,
     "the vocabulary is ints, the map's keys are unknown"},
    {"ml.DictVectorizer string_vocabulary='a','b' | f32[2]", MLCM_INVALID_ARGUMENT, "the vocabulary is strings"},
    {"ml.CastMap | f32[2]", MLCM_INVALID_ARGUMENT, "a map with i64 keys is needed"},
    {"Reshape | f32[6] "
     "i64:1000000000000000001,1000000000000000002,1000000000000000003,1000000000000000004,1000000000000000005,7,7,7",
     MLCM_INVALID_ARGUMENT, "does not become [1000000000000000001, 1000000000000000002, 1000000000000000003, "
     "1000000000000000004, 1000000000000000005, ...]"},
    {"Concat axis=0 | " MOST MOST MOST MOST MOST MOST MOST MOST MOST MOST, MLCM_LIMIT, "out of range"},
    {ENSEMBLE("f32:1", "1", "0") "| f32=1", MLCM_INVALID_ARGUMENT, "rows of features [n, f] are needed, got []"},
};

START_TEST(shapes_that_do_not_fit_are_refused_when_run) { EACH_IS_REFUSED(WRONG_SHAPES, false, 0); }
END_TEST

START_TEST(values_out_of_range_are_refused_when_run) {
  static const refusal rows[] = {
      {"Gather | f32[2] i64:2", MLCM_INVALID_ARGUMENT, "index 2 is out of range for 2 elements"},
      {"Gather | f32[2] i64:-3", MLCM_INVALID_ARGUMENT, "index -3 is out of range"},
      {"Gather | f32[2] i64:-9223372036854775808", MLCM_INVALID_ARGUMENT, "index -9223372036854775808"},
      {"Gather | f32[2] i32:2147483647", MLCM_INVALID_ARGUMENT, "index 2147483647"},
      {"GatherElements | f32[2] i64:5", MLCM_INVALID_ARGUMENT, "index 5"},
      {"GatherND | f32[2,2] !i64:0,9", MLCM_INVALID_ARGUMENT, "index 9"},
      {"ScatterElements | f32[2] i64:7 f32:1", MLCM_INVALID_ARGUMENT, "index 7"},
      {"ScatterND | f32[2,2] i64:0,-9 f32=1", MLCM_INVALID_ARGUMENT, "index -9"},
      {"ml.ArrayFeatureExtractor | f32[2,2] i64:2", MLCM_INVALID_ARGUMENT, "index 2"},
      {"Div | i32:1 i32:0", MLCM_INVALID_ARGUMENT, "an integer is divided by zero"},
      {"Div | u8:1 u8:0", MLCM_INVALID_ARGUMENT, "an integer is divided by zero"},
      {"Mod | i32:1 i32:0", MLCM_INVALID_ARGUMENT, "an integer is divided by zero"},
      {"Mod | u8:1 u8:0", MLCM_INVALID_ARGUMENT, "an integer is divided by zero"},
      {"Cast to=1 | string:abc", MLCM_INVALID_ARGUMENT, "'abc' is no number"},
      {"Cast to=7 | string:1x", MLCM_INVALID_ARGUMENT, "'1x' is no number"},
      {"Cast to=7 | string:,", MLCM_INVALID_ARGUMENT, "'' is no number"},
      {"Cast to=1 | string:0123456789012345678901234567890123456789012345678901234567890123456789x", MLCM_INVALID_ARGUMENT,
       "is no number"},
      {"Range | i64=0 i64=5 i64=0", MLCM_INVALID_ARGUMENT, "has no end"},
      {"Range | i64=0 i64=5 i64=-9223372036854775808", MLCM_INVALID_ARGUMENT, "has no end"},
      {"Range | i64=-9223372036854775808 i64=5 i64=1", MLCM_INVALID_ARGUMENT, "has no end"},
      {"Range | i64=0 i64=-9223372036854775808 i64=-1", MLCM_INVALID_ARGUMENT, "has no end"},
      {"Range | f32=0 f32=5 f32=0", MLCM_INVALID_ARGUMENT, "has no end"},
      {"Range | f32=0 f32=-5 f32=0", MLCM_INVALID_ARGUMENT, "has no end"},
      {"Range | f64=0 f64=1e300 f64=1", MLCM_INVALID_ARGUMENT, "has no end"},
      {"Range | f32=0 f32=nan f32=1", MLCM_INVALID_ARGUMENT, "has no end"},
      {"ml.OneHotEncoder cats_int64s=1,2 zeros=0 | i64:1,3", MLCM_INVALID_ARGUMENT, "element 1 is in none of the 2 categories"},
  };
  EACH_IS_REFUSED(rows, false, 0);
}
END_TEST

/* ---- Limits ---- */

START_TEST(results_over_the_limit_are_refused_with_its_name) {
  static const refusal rows[] = {
      {"Expand | f32[1,1] i64:1073741824,1048576", MLCM_LIMIT, "over the limit of 1048576 bytes (max_tensor_bytes)"},
      {"Expand | f32[1] i64:4611686018427387904,4", MLCM_LIMIT, "out of range"},
      {"Expand | f32[1] i64:-5", MLCM_LIMIT, "out of range"},
      {"ConstantOfShape | i64:1073741824,1048576", MLCM_LIMIT, "max_tensor_bytes"},
      {"ConstantOfShape | i64:4294967296,4294967296,4294967296", MLCM_LIMIT, "out of range"},
      {"ConstantOfShape | i64:-1", MLCM_LIMIT, "out of range"},
      {"Tile | f32[2,2] i64:1048576,1048576", MLCM_LIMIT, "max_tensor_bytes"},
      {"Tile | f32[2] i64:9223372036854775807", MLCM_INVALID_ARGUMENT, "out of range"},
      {"Range | i64=0 i64=1000000000000 i64=1", MLCM_LIMIT, "max_tensor_bytes"},
      {"Range | f64=0 f64=1e15 f64=1", MLCM_LIMIT, "max_tensor_bytes"},
      {"OneHot | i64[2] i64=1000000000000 f32[2]", MLCM_LIMIT, "max_tensor_bytes"},
      {"OneHot | i64[2] i64=-3 f32[2]", MLCM_LIMIT, "out of range"},
      {"OneHot | i64[1,1,1,1,1,1,1,1] i64=3 f32[2]", MLCM_LIMIT, "9 dimensions, at most 8"},
      {"Pad | f32[2] i64:0,1000000000000", MLCM_LIMIT, "max_tensor_bytes"},
      {"Gather | f32[1,200000] !i64[0,0,0]", MLCM_OK, ""},
      {"Concat axis=0 | f32[200000] f32[200000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"Add | f32[1000,1] f32[1,1000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"MatMul | f32[1000,1] f32[1,1000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"MatMul | f32[1,200000] f32[200000,1]", MLCM_LIMIT, "max_tensor_bytes"},
      {"Gemm | f32[1,200000] f32[200000,1]", MLCM_LIMIT, "max_tensor_bytes"},
      {"Sum | f32[200000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"Sum | f32[1000,1] f32[1,1000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"EyeLike dtype=11 | i8[1000,1000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"Softmax | f32[1,200000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"LpNormalization | f32[1,200000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"LayerNormalization | f32[1,200000] f32[200000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"TopK*2 | i8[200000] i64=100000", MLCM_LIMIT, "max_tensor_bytes"},
      {"ml.CastMap map_form='SPARSE' max_map=1000000000000 | f32[2]", MLCM_INVALID_ARGUMENT, "a map with i64 keys"},
      {"ml.FeatureVectorizer inputdimensions=1000000000000, | f32[2]", MLCM_LIMIT, "max_tensor_bytes"},
      {"ml.Scaler scale=1., | i8[1,200000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"ml.Normalizer | i8[1,300000]", MLCM_LIMIT, "max_tensor_bytes"},
      {"Cast to=8 | i8[40000]", MLCM_OK, ""},
      {"Cast to=8 | i8[100000]", MLCM_LIMIT, "max_tensor_bytes"},
  };
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    bool opened = false;
    memset(&err, 0, sizeof err);
    mlcm_status st = one_try(ctx, rows[i].line, 1 << 20, 0, &opened, &err);
    ck_assert_msg(st == rows[i].status && opened && strstr(err.message, rows[i].message) != NULL, "%s: %d %s", rows[i].line,
                  (int)st, err.message);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_billion_rows_of_nothing_are_no_work) {
  static const char *const lines[] = {
      "Abs | f32[1099511627776,0]",
      "Add | f32[1099511627776,0] f32[1,0]",
      "MatMul | f32[1099511627776,0] f32[0,0]",
      "MatMul | f32[1099511627776,0,3] f32[3,2]",
      "Gemm | f32[1099511627776,0] f32[0,0]",
      "Softmax | f32[1099511627776,0]",
      "Softmax axis=0 | f32[1024,0]",
      "LpNormalization | f32[1099511627776,0]",
      "LpNormalization axis=0 | f32[1024,0]",
      "LayerNormalization | f32[1099511627776,0] f32[0]",
      "TopK*2 | f32[1099511627776,0] i64=0",
      "TopK*2 axis=0 | f32[1024,0] i64=2",
      "EyeLike | f32[1099511627776,0]",
      "Trilu | f32[1099511627776,0]",
      "CumSum | f32[1099511627776,0] i64=1",
      "CumSum | f32[1024,0] i64=0",
      "ReduceSum | f32[0,1099511627776] i64:1",
      "ArgMax axis=1 | f32[0,1099511627776]",
      "ArgMax axis=1 | f32[0,0]",
      "Gather axis=1 | f32[1099511627776,3,0] i64:1",
      "GatherElements axis=1 | f32[1099511627776,0] i64[1099511627776,0]",
      "GatherND | f32[2,0] i64[1024,1]",
      "Compress axis=1 | f32[1099511627776,3,0] bool:1,1",
      "Compress axis=1 | f32[1099511627776,0] bool:1,1",
      "Concat axis=0 | f32[1099511627776,0] f32[1,0]",
      "Split*2 axis=0 | f32[1099511627776,0]",
      "Transpose | f32[1099511627776,0]",
      "Tile | f32[1099511627776,0] i64:1,1",
      "Expand | f32[1,0] i64:1099511627776,0",
      "ScatterND | f32[2,0] i64[1024,1] f32[1024,0]",
      "BatchNormalization | f32[1099511627776,0] f32[0] f32[0] f32[0] f32[0]",
      "NonZero | f32[1099511627776,0]",
      "Pad | f32[1099511627776,0] i64:0,0,0,0",
      "ConstantOfShape | i64:1099511627776,0",
      "Where | bool[1099511627776,0] f32[1,0] f32[1,1]",
      "ml.Scaler scale=1., | f32[1099511627776,0]",
      "ml.Normalizer | f32[1099511627776,0]",
      "ml.Binarizer | f32[1099511627776,0]",
      "ml.Imputer imputed_value_floats=1., | f32[1099511627776,0]",
      "ml.FeatureVectorizer inputdimensions=0, | f32[1099511627776,0]",
      "ml.ArrayFeatureExtractor | f32[1099511627776,0] i64[0]",
      "ml.OneHotEncoder cats_int64s=1,2 | i64[1099511627776,0]",
      "ml.LabelEncoder keys_int64s=1, values_int64s=2, | i64[1099511627776,0]",
  };
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    bool opened = false;
    mlcm_status st = one_try(ctx, lines[i], 0, 0, &opened, &err);
    ck_assert_msg(st == MLCM_OK, "%s: %s", lines[i], err.message);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(an_operator_outside_its_opsets_is_missing) {
  static const char *const lines[] = {"Where@5 | bool[2] f32[2] f32[2]", "Upsample@3 | f32[2]", "ml.TreeEnsemble@3 | f32[2,2]"};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    bool opened = false;
    ck_assert_msg(one_try(ctx, lines[i], 0, 0, &opened, &err) == MLCM_UNSUPPORTED, "%s: %s", lines[i], err.message);
    ck_assert_ptr_nonnull(strstr(err.message, "not in backend 'reference'"));
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_pairwise_svm_has_32768_classes_at_most) {
  static const char head[] = "ml.SVMClassifier*2 coefficients=1., rho=1., classlabels_ints=0,1 vectors_per_class=";
  enum { N = 32769 };
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t n = N - 1; n <= N; n++) { /* one less is only refused for what does not fit */
    pbw line = {0};
    bool opened = false;
    pbw_bytes_raw(&line, head, sizeof head - 1);
    for (size_t i = 0; i < n; i++) pbw_bytes_raw(&line, "0,", 2);
    pbw_bytes_raw(&line, " | f32[2,1]", sizeof " | f32[2,1]");
    ck_assert_int_eq(one_try(ctx, line.data, 0, 0, &opened, &err), n == N ? MLCM_LIMIT : MLCM_PARSE);
    ck_assert_ptr_nonnull(strstr(err.message, n == N ? "there are 32769 classes, at most 32768" : "do not fit"));
    pbw_free(&line);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_session_takes_no_more_than_its_limit) {
  test_memory memory;
  test_memory_init(&memory);
  mlcm_allocator table = test_memory_table(&memory);
  mlcm_context *ctx = test_context(&table, NULL, NULL);
  bool opened = false;
  ck_assert_int_eq(one_try(ctx, "Expand | f32[1] i64:4000000", 0, 8 << 20, &opened, &err), MLCM_LIMIT);
  ck_assert(opened);
  ck_assert_str_eq(err.message, "the session would need more than its limit of 8388608 bytes (max_session_bytes)");
  ck_assert_uint_lt(memory.peak_bytes, 9 << 20);
  ck_assert_int_eq(one_try(ctx, "Expand | f32[1] i64:1000000", 0, 8 << 20, &opened, &err), MLCM_OK);
  ck_assert_int_eq(one_try(ctx, "MatMul | f32[1,500] !f32[500,1000]", 0, 1 << 20, &opened, &err),
                   MLCM_LIMIT); /* packed as doubles */
  ck_assert(!opened);
  for (uint64_t limit = 1; limit < 3000; limit += 199) { /* in every step of opening */
    ck_assert_int_eq(one_try(ctx, "Abs | f32[1]", 0, limit, &opened, &err), MLCM_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "max_session_bytes"));
  }
  mlcm_context_free(ctx);
  test_memory_check_empty(&memory, "at the end");
}
END_TEST

START_TEST(what_earlier_runs_left_behind_is_given_up_for_a_run_that_needs_it) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  static const float x[200000];
  pbw graph = {0};
  add(&graph, 1, make_node("Abs", "first", "A", "P"));
  add(&graph, 1, make_node("Abs", "second", "B", "Q"));
  add(&graph, 11, make_value("A", 1, (const int64_t[]){-1}, 1));
  add(&graph, 11, make_value("B", 1, (const int64_t[]){-1}, 1));
  add(&graph, 12, make_value("P", 1, (const int64_t[]){-1}, 1));
  add(&graph, 12, make_value("Q", 1, (const int64_t[]){-1}, 1));
  pbw model = make_model(graph, 18);
  mlcm_model_file file = {"m.onnx", model.data, model.len};
  mlcm_session_options options;
  mlcm_session *s = NULL;
  mlcm_session_options_init(&options, sizeof options);
  options.max_session_bytes = 1 << 20;
  ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, &options, &s, &err), MLCM_OK);
  for (int run = 0; run < 4; run++) { /* a large P and a large Q together would be too much */
    mlcm_input in[] = {{.data = x, .dtype = MLCM_F32, .rank = 1, .shape = {run % 2 == 0 ? 200000 : 1}},
                       {.data = x, .dtype = MLCM_F32, .rank = 1, .shape = {run % 2 == 0 ? 1 : 200000}}};
    mlcm_output out[2] = {0};
    ck_assert_msg(mlcm_session_run(s, in, 2, out, 2, &err) == MLCM_OK, "%s", err.message);
  }
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

/* Seventeen times as long as the longest input. */
START_TEST(an_axis_joined_of_many_parts_may_be_too_long) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_session *s = NULL;
  pbw graph = {0}, node = make_node("Concat", "n", "X X X X X X X X X X X X X X X X X", "Y");
  add_int_attr(&node, "axis", 1);
  add(&graph, 1, node);
  add(&graph, 11, make_value("X", MLCM_F32, (const int64_t[]){-1, -1}, 2));
  add(&graph, 12, make_value("Y", MLCM_F32, (const int64_t[]){-1, -1}, 2));
  pbw model = make_model(graph, 18);
  mlcm_model_file file = {"m.onnx", model.data, model.len};
  float nothing = 0;
  mlcm_input in = mlcm_input_f32(&nothing, 0, INT64_MAX / 16);
  mlcm_output out = mlcm_output_f32(&nothing, 1);
  ck_assert_msg(mlcm_session_open(ctx, &file, 1, NULL, &s, &err) == MLCM_OK, "%s", err.message);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_LIMIT);
  ck_assert_msg(strstr(err.message, "the result's axis 1 is too long"), "%s", err.message);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {element_types_without_code_are_refused_at_load,
                          wrong_attributes_are_refused_at_load,
                          ensembles_that_are_none_are_refused_at_load,
                          element_types_that_were_not_known_are_refused_when_run,
                          shapes_that_do_not_fit_are_refused_when_run,
                          values_out_of_range_are_refused_when_run,
                          results_over_the_limit_are_refused_with_its_name,
                          a_billion_rows_of_nothing_are_no_work,
                          an_operator_outside_its_opsets_is_missing,
                          a_pairwise_svm_has_32768_classes_at_most,
                          a_session_takes_no_more_than_its_limit,
                          what_earlier_runs_left_behind_is_given_up_for_a_run_that_needs_it,
                          an_axis_joined_of_many_parts_may_be_too_long};
  return TEST_RUN("infer_refused", tests);
}
