/* SPDX-License-Identifier: Apache-2.0
 *
 * test_lines.c - operators of ai.onnx.ml in the forms that exporters do not write, and constants of every kind: a line of one.h,
 * and what its first output must be. The numbers follow from ONNX's operator definitions by hand.
 */
#include <math.h>

#include "infer/one.h"
#include "infer/reference/reference.h"
#include "support/fault.h"
#include "support/suite.h"

typedef struct line {
  const char *line, *want;
} line;

static mlcm_error err;

/* Two leaves under one branch: x <= 0.5 gives 1, else 2. */
#define STUMP                                                                                                                    \
  "nodes_treeids=0,0,0 nodes_nodeids=0,1,2 nodes_featureids=0,0,0 nodes_truenodeids=1,0,0 nodes_falsenodeids=2,0,0 "             \
  "nodes_values=0.5,0.,0. nodes_modes='BRANCH_LEQ','LEAF','LEAF' "
#define STUMP_TARGETS STUMP "target_treeids=0,0 target_nodeids=1,2 target_ids=0,0 target_weights=1.,2. "
#define STUMP_CLASSES STUMP "class_treeids=0,0 class_nodeids=1,2 class_ids=0,0 class_weights=1.,2. classlabels_int64s=7,8 "
/* Two stumps as TreeEnsemble 5: x < 1 gives 1 or 2; x < 2 gives 5 or -3. */
#define PAIR                                                                                                                     \
  "ml.TreeEnsemble@5 nodes_featureids=0,0 nodes_splits=f32:1,2 nodes_modes=u8:1,1 nodes_truenodeids=0,2 nodes_trueleafs=1,1 "    \
  "nodes_falsenodeids=1,3 nodes_falseleafs=1,1 leaf_targetids=0,0,0,0 leaf_weights=f32:1,2,5,-3 tree_roots=0,1 n_targets=1 "

static const line LINES[] = {
    {"ml.LabelEncoder@1 classes_strings='a','b' | string:b,zz,a", "i64:1,-1,0"},
    {"ml.LabelEncoder@1 classes_strings='a','b' default_string='?' | i64:1,7,-1", "string:b,?,?"},
    {"ml.LabelEncoder keys_int64s=1,2 values_strings='x','y' | i64:2,9", "string:y,_Unused"},
    {"ml.LabelEncoder keys_int64s=1,2 values_strings='x','y' | i32:2,1", "string:y,x"},
    {"ml.LabelEncoder keys_floats=1.5,2.5 values_int64s=4,5 | f32:2.5,0,-0", "i64:5,-1,-1"},
    {"ml.LabelEncoder keys_floats=0.,nan. values_int64s=4,5 default_int64=9 | f64:-0,1", "i64:4,9"},
    {"ml.LabelEncoder@4 keys_tensor=i64:1,2 values_tensor=f64:1.5,2.5 default_tensor=f64:7 | i64:2,3", "f64:2.5,7"},
    {"ml.LabelEncoder@4 keys_tensor=string:p,q values_tensor=i16:3,4 | string:q,r", "i16:4,-1"},
    {"ml.LabelEncoder@4 keys_tensor=f32:1,2 values_tensor=string:p,q default_tensor=f64:1 | f32:1,5", "string:p,_Unused"},
    {"ml.CategoryMapper cats_int64s=5,6 cats_strings='a','b' | string:b,c", "i64:6,-1"},
    {"ml.CategoryMapper cats_int64s=5,6 cats_strings='a','b' default_string='?' | i64:5,1", "string:a,?"},
    {"ml.OneHotEncoder cats_int64s=1,2 | f32:2,1.5", "f32:0,1,1,0"},
    {"ml.OneHotEncoder cats_strings='a','b' | string:b", "f32:0,1"},
    {"ml.Imputer imputed_value_int64s=7,8 replaced_value_int64=0 | i64[2,2]", "i64:7,1,7,1"},
    {"ml.Imputer imputed_value_int64s=7, | i64:0,5", "i64:7,5"},
    {"ml.Imputer imputed_value_int64s=7,8 | i64:0,0", "i64:7,8"},
    {"ml.Imputer imputed_value_floats=7., replaced_value_float=nan. | f32:nan,5", "f32:7,5"},
    {"ml.Imputer imputed_value_floats=7.,8. | f32:0,0", "f32:7,8"},
    {"ml.Scaler offset=1., scale=2., | i64:3,4", "f32:4,6"},
    {"ml.Scaler | i32:3,4", "f32:3,4"},
    {"ml.Scaler offset=1.,2. | f64:3,4", "f32:2,2"},
    {"ml.Normalizer norm='L1' | f32:1,-3", "f32:0.25,-0.75"},
    {"ml.Normalizer | f32:0,0", "f32:0,0"},
    {"ml.Binarizer threshold=1.5 | i64:1,2", "i64:0,1"},
    {"ml.FeatureVectorizer inputdimensions=2,1 | f32:1 i64:2,3", "f32:1,0,2"},
    {"ml.LinearRegressor coefficients=1.,2. intercepts=0.5,1.5 targets=2 | f32:3", "f32:3.5,7.5"},
    {"ml.LinearClassifier*2 coefficients=1., intercepts=-1., classlabels_ints=3,4 post_transform='PROBIT' | f32:1.5", "i64:4"},
    {"ml.LinearClassifier*2 coefficients=1., intercepts=-1., classlabels_ints=3,4 post_transform='LOGISTIC' | f32:0", "i64:3"},
    {"ml.LinearClassifier*2 coefficients=1., intercepts=-1., classlabels_ints=3, | f32:0", "i64:3"},
    {"ml.LinearClassifier*2 coefficients=1.,2. intercepts=0.,0. classlabels_strings='a','b' post_transform='SOFTMAX_ZERO' | "
     "f32:2",
     "string:b"},
    {"ml.LinearClassifier*2 coefficients=1.,2. intercepts=0.,0. classlabels_ints=1,2 post_transform='SOFTMAX' | f32:nan",
     "i64:1"},
    {"ml.SVMRegressor coefficients=1.,2. rho=0.5, | f32:1,2", "f32:5.5"},
    {"ml.SVMRegressor coefficients=1., rho=0., support_vectors=1., n_supports=1 one_class=1 | f32:-2", "f32:-1"},
    {"ml.SVMClassifier*2 coefficients=1.,-1. rho=0.,5. classlabels_ints=0,1 | f32:1", "i64:1"},
    {"ml.SVMClassifier*2 coefficients=1.,-1. rho=0.5, classlabels_strings='a','b' | f32:1", "string:a"},
    {"ml.TreeEnsembleRegressor " STUMP_TARGETS "| f32[2,1]", "f32:1,2"},
    {"ml.TreeEnsembleClassifier*2 " STUMP_CLASSES "base_values=-5.,-5. post_transform='LOGISTIC' | f32:1", "i64:7"},
    {"ml.TreeEnsembleClassifier*2 " STUMP_CLASSES "base_values=3., | f32:1", "i64:8"},
    {PAIR "| f32:0", "f32:6"},
    {PAIR "aggregate_function=0 | f32:0", "f32:3"},
    {PAIR "aggregate_function=2 | f32:0", "f32:1"},
    {PAIR "aggregate_function=3 | f32:0", "f32:5"},
    {PAIR "aggregate_function=3 | f32:5", "f32:2"},
    {PAIR "aggregate_function=2 | f64:5", "f64:-3"},
    {PAIR "aggregate_function=3 post_transform=3 | f32:5", "f32:1"},
    {"StringConcat | string:a,b string:c", "string:ac,bc"},
    {"Cast to=8 | i64:1,22", "string:1,22"},
    {"Cast to=8 | f32:150,0.25,1e20", "string:150,0.25,1e+20"},
    {"Cast to=8 | f64:0.5", "string:0.5"},
    {"Cast to=7 | string:+12", "i64:12"},
    {"Mod fmod=0 | f32:-3,3,-4 f32:2,-2,2", "f32:1,-1,0"},
    {"Pad mode='reflect' | f32:5 i64:1,1", "f32:5,5,5"},
    {"Dropout@9*2 | f32:1,2", "f32:1,2"},
    {"MatMul | f32:1,2 !f32:3,4", "f32=11"},
    {"ReduceMin keepdims=0 | f32:nan,1", "f32=nan"},
    {"ReduceLogSumExp keepdims=0 | f32:0", "f32=0"},
    {"ReduceProd keepdims=0 | f32:2,3", "f32=6"},
    {"Split*4 | f32:1,2,3,4", "f32:1"},
    {"Add@6 broadcast=1 | f32:1,2 f32:3,4", "f32:4,6"},
    {"Cast to=7 | string:\t12\t", "i64:12"},
    {"BatchNormalization epsilon=0. | f32[1,2] f32:1,2 f32:3,4 f32:0,1 f32:1,1", "f32:3,4"},
    {"Gather | f32:5,6 i64:1", "f32:6"},
    {"Scatter@9 | f32:1,2 i64:1 f32:5", "f32:1,5"},
    {"GatherND | f32:5,6 i64[1,1]", "f32:5"},
    {"Compress | f32:5,6 bool:0,1", "f32:6"},
    {"Transpose | f32:1,2", "f32:1,2"},
    {"Tile | f32:1 i64:2", "f32:1,1"},
    {"Where | bool:1,0 f32:1,2 f32:3,4", "f32:1,4"},
    {"ArgMax | f32:1,5", "i64:1"},
    {"NonZero | f32:0,1", "i64:1"},
    {"TopK*2 | f32:5,6 i64=1", "f32:6"},
    {"CumSum | f32:1,2 i64=0", "f32:1,3"},
    {"Clip | f32:1,9 f32=2 f32=8", "f32:2,8"},
    {"Shape | f32[2,3]", "i64:2,3"},
    {"Size | f32[2,3]", "i64=6"},
    {"Range | i64=0 i64=2 i64=1", "i64:0,1"},
    {"Softmax | f32:3", "f32:1"},
    {"Concat axis=0 | f32:1 f32:2", "f32:1,2"},
    {"LpNormalization p=1 | f32:2,-2", "f32:0.5,-0.5"},
    {"LayerNormalization*3 epsilon=0. | f32:1,3 f32:1,2", "f32:-1,2"},
    {"ml.LabelEncoder@1 classes_strings='a','b' | ?string:b", "i64:1"},
    {"ml.TreeEnsembleClassifier*2 " STUMP "classlabels_int64s=7,8 | f32:1", "i64:7"},
};

enum { N_LINES = sizeof LINES / sizeof LINES[0] };

/* Runs a line with room for its first output, and compares. */
static void check_line(mlcm_context *ctx, const line *l) {
  one o;
  mlcm_session *s = NULL;
  mlcm_str room[256];
  mlcm_output out = {.data = room, .capacity_bytes = sizeof room};
  one_make(&o, l->line);
  mlcm_model_file file = {"one.onnx", o.model.data, o.model.len};
  ck_assert_msg(mlcm_session_open(ctx, &file, 1, NULL, &s, &err) == MLCM_OK, "%s: %s", l->line, err.message);
  ck_assert_msg(mlcm_session_run(s, o.inputs, o.n_inputs, &out, 1, &err) == MLCM_OK, "%s: %s", l->line, err.message);
  mlcm_tensor want = one_tensor(l->want), got = {.dtype = out.dtype, .data = room, .count = 1};
  for (int32_t d = 0; d < out.rank; d++) got.count *= out.shape[d];
  ck_assert_msg(got.dtype == want.dtype && got.count == want.count, "%s: %s, %d elements", l->line, mlcm_dtype_name(got.dtype),
                (int)got.count);
  for (int64_t i = 0; i < want.count; i++) {
    if (want.dtype == MLCM_STRING)
      ck_assert_msg(mlcm__same_text(room[i], ((mlcm_str *)want.data)[i]), "%s: text %d is '%.*s'", l->line, (int)i,
                    (int)room[i].len, room[i].ptr);
    else
      ck_assert_msg(mlcm__f64_at(&got, i) == mlcm__f64_at(&want, i) || isnan(mlcm__f64_at(&want, i)), "%s: element %d is %g",
                    l->line, (int)i, mlcm__f64_at(&got, i));
  }
  free(want.data);
  mlcm_session_close(s);
  one_free(&o);
}

START_TEST(every_form_gives_its_answer) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < N_LINES; i++) check_line(ctx, &LINES[i]);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(blanks_around_a_number_are_left_out) {
  static const char *const texts[] = {"12", " 12", "12 ", "\t 12 \t "};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    one o;
    mlcm_session *s = NULL;
    int64_t number = 0;
    mlcm_output out = mlcm_output_i64(&number, 1);
    one_make(&o, "Cast to=7 | string:x");
    *(mlcm_str *)o.data[0] = mlcm_str_of(texts[i]);
    mlcm_model_file file = {"one.onnx", o.model.data, o.model.len};
    ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, NULL, &s, &err), MLCM_OK);
    ck_assert_msg(mlcm_session_run(s, o.inputs, o.n_inputs, &out, 1, &err) == MLCM_OK, "%s", err.message);
    ck_assert_int_eq(number, 12);
    mlcm_session_close(s);
    one_free(&o);
  }
  mlcm_context_free(ctx);
}
END_TEST

/* Too large to be kept as lanes beside the model: read where it is. */
START_TEST(a_constant_of_sixteen_million_weights_is_multiplied_as_it_is) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const line l = {"MatMul | u8:1 !u8[1,16777217]", ""};
  bool opened = false;
  ck_assert_msg(one_try(ctx, l.line, 0, 0, &opened, &err) == MLCM_OK, "%s", err.message);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status open_and_run(mlcm_context *ctx, void *user, mlcm_error *e) {
  bool opened = false;
  return one_try(ctx, ((const line *)user)->line, 0, 0, &opened, e);
}

START_TEST(every_form_survives_every_failing_allocation) {
  for (size_t i = 0; i < N_LINES; i++) {
    line l = LINES[i];
    ck_assert_uint_gt(test_fault_memory(open_and_run, NULL, &l), 5);
  }
}
END_TEST

/* Tables too large for the kernel's first block are allocated on their own. */
START_TEST(large_tables_survive_every_failing_allocation) {
  enum { KEYS = 2000 };
  static const struct {
    const char *head, *key, *tail;
  } forms[] = {{"ml.LabelEncoder@4 keys_tensor=i64:", "7,", "7 values_tensor=i64:"},
               {"ml.LabelEncoder keys_floats=", "7.,", "7. values_int64s="},
               {"ml.LabelEncoder keys_strings=", "'k',", "'k' values_int64s="}};
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    pbw text = {0};
    pbw_bytes_raw(&text, forms[i].head, strlen(forms[i].head));
    for (int k = 0; k < KEYS; k++) pbw_bytes_raw(&text, forms[i].key, strlen(forms[i].key));
    pbw_bytes_raw(&text, forms[i].tail, strlen(forms[i].tail));
    for (int k = 0; k < KEYS; k++) pbw_bytes_raw(&text, "1,", 2);
    const char *input = i == 0 ? "1 | i64:7" : i == 1 ? "1 | f32:7" : "1 | string:k";
    pbw_bytes_raw(&text, input, strlen(input) + 1);
    line l = {text.data, "i64:1"};
    mlcm_context *ctx = test_context(NULL, NULL, NULL);
    check_line(ctx, &l);
    mlcm_context_free(ctx);
    ck_assert_uint_gt(test_fault_memory(open_and_run, NULL, &l), 5);
    pbw_free(&text);
  }
}
END_TEST

/* Here nothing else stands in the block that the table could lie in. */
START_TEST(a_large_table_of_strings_survives_every_failing_allocation) {
  pbw text = {0};
  static const char head[] = "ml.OneHotEncoder cats_strings=", tail[] = "'k' | string:k";
  pbw_bytes_raw(&text, head, strlen(head));
  for (int k = 0; k < 2000; k++) pbw_bytes_raw(&text, "'k',", 4);
  pbw_bytes_raw(&text, tail, sizeof tail);
  line l = {text.data, ""};
  ck_assert_uint_gt(test_fault_memory(open_and_run, NULL, &l), 5);
  pbw_free(&text);
}
END_TEST

/* Y = Constant: one attribute of each kind. */
static pbw constant_model(pbw attr, const char *domain) {
  pbw graph = {0}, node = make_node("Constant", "k", "", "Y");
  if (attr.len > 0) add(&node, 5, attr);
  if (domain != NULL) pbw_text(&node, 7, domain);
  add(&graph, 1, node);
  add(&graph, 12, make_value("Y", 0, NULL, 0));
  return make_model(graph, 18);
}

static mlcm_status run_constant(mlcm_context *ctx, pbw model, mlcm_output *out) {
  mlcm_model_file file = {"m.onnx", model.data, model.len};
  mlcm_session *s = NULL;
  mlcm_status st = mlcm_session_open(ctx, &file, 1, NULL, &s, &err);
  if (!st) st = mlcm_session_run(s, NULL, 0, out, 1, &err);
  mlcm_session_close(s);
  pbw_free(&model);
  return st;
}

START_TEST(a_constant_may_be_of_every_kind) {
  static const struct {
    uint32_t field, kind;
    mlcm_dtype dtype;
    int32_t rank;
  } kinds[] = {{2, 1, MLCM_F32, 0}, {3, 2, MLCM_I64, 0}, {4, 3, MLCM_STRING, 0},
               {7, 6, MLCM_F32, 1}, {8, 7, MLCM_I64, 1}, {9, 8, MLCM_STRING, 1}};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    pbw attr = {0};
    mlcm_output out = {0};
    pbw_text(&attr, 1, "value");
    if (kinds[i].dtype == MLCM_F32) pbw_float(&attr, kinds[i].field, 1.5f);
    if (kinds[i].dtype == MLCM_I64) pbw_int(&attr, kinds[i].field, 5);
    if (kinds[i].dtype == MLCM_STRING) pbw_text(&attr, kinds[i].field, "five");
    pbw_int(&attr, 20, kinds[i].kind);
    ck_assert_msg(run_constant(ctx, constant_model(attr, NULL), &out) == MLCM_OK, "%s", err.message);
    ck_assert(out.dtype == kinds[i].dtype && out.rank == kinds[i].rank);
  }
  mlcm_output out = {0};
  ck_assert_int_eq(run_constant(ctx, constant_model((pbw){0}, NULL), &out), MLCM_PARSE);
  ck_assert_ptr_nonnull(strstr(err.message, "Constant has no value"));
  ck_assert_int_eq(run_constant(ctx, constant_model((pbw){0}, "ai.onnx.ml"), &out), MLCM_UNSUPPORTED);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {every_form_gives_its_answer,
                          blanks_around_a_number_are_left_out,
                          a_constant_of_sixteen_million_weights_is_multiplied_as_it_is,
                          every_form_survives_every_failing_allocation,
                          large_tables_survive_every_failing_allocation,
                          a_large_table_of_strings_survives_every_failing_allocation,
                          a_constant_may_be_of_every_kind};
  return TEST_RUN("infer_lines", tests);
}
