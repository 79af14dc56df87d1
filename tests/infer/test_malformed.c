/* SPDX-License-Identifier: Apache-2.0
 *
 * test_malformed.c - bytes that are no good model: each gives an error that says where, none crashes (run under sanitizers).
 */
#include <stdio.h>

#include <mlcm/infer.h>

#include "infer/build.h"
#include "support/fault.h"
#include "support/suite.h"

static mlcm_context *ctx;
static mlcm_error err;

/* Opens from a copy of exactly the right size, so that a read past the end is caught; runs it when it opens. */
static mlcm_status try_bytes(const char *data, size_t len) {
  char *copy = malloc(len > 0 ? len : 1);
  if (len > 0) memcpy(copy, data, len);
  mlcm_model_file file = {"model.onnx", copy, len};
  mlcm_session_options options;
  mlcm_session *s = NULL;
  mlcm_session_options_init(&options, sizeof options);
  options.max_tensor_bytes = 1 << 20;
  memset(&err, 0, sizeof err);
  mlcm_status st = mlcm_session_open(ctx, &file, 1, &options, &s, &err);
  if (st == MLCM_OK && mlcm_session_n_inputs(s) == 1) {
    static const float x[64] = {1, 2, 3};
    mlcm_port port = mlcm_session_input(s, 0);
    mlcm_input in = {.data = x, .dtype = MLCM_F32, .rank = port.rank < 0 ? 2 : port.rank};
    for (int d = 0; d < MLCM_MAX_RANK; d++) in.shape[d] = d < 2 && port.shape[d] > 0 && port.shape[d] < 8 ? port.shape[d] : 1;
    mlcm_output out = {.name = mlcm_session_n_outputs(s) > 0 ? mlcm_session_output(s, 0).name : NULL};
    mlcm_error unused;
    mlcm_status ran = mlcm_session_run(s, &in, 1, &out, mlcm_session_n_outputs(s) > 0 ? 1 : 0, &unused);
    ck_assert_int_ne(ran, MLCM_INTERNAL);
  }
  mlcm_session_close(s);
  free(copy);
  if (st != MLCM_OK) ck_assert_msg(err.code == st && err.message[0] != '\0', "an error without words");
  return st;
}

static mlcm_status try_model(pbw model) {
  mlcm_status st = try_bytes(model.data, model.len);
  pbw_free(&model);
  return st;
}

static void expect(pbw model, mlcm_status want, const char *part) {
  mlcm_status st = try_model(model);
  ck_assert_msg(st == want, "got %d '%s' instead of %d", (int)st, err.message, (int)want);
  ck_assert_msg(strstr(err.message, part) != NULL, "'%s' does not contain '%s'", err.message, part);
}

/* A stump as a classifier with every kind of attribute. */
static void add_ints(pbw *node, const char *name, const int64_t *values, size_t n) {
  pbw attr = {0};
  pbw_text(&attr, 1, name);
  for (size_t i = 0; i < n; i++) pbw_int(&attr, 8, values[i]);
  pbw_int(&attr, 20, 7);
  add(node, 5, attr);
}

static void add_floats(pbw *node, const char *name, const float *values, size_t n) {
  pbw attr = {0};
  pbw_text(&attr, 1, name);
  for (size_t i = 0; i < n; i++) pbw_float(&attr, 7, values[i]);
  pbw_int(&attr, 20, 6);
  add(node, 5, attr);
}

static void add_strings(pbw *node, const char *name, const char *const *values, size_t n) {
  pbw attr = {0};
  pbw_text(&attr, 1, name);
  for (size_t i = 0; i < n; i++) pbw_text(&attr, 9, values[i]);
  pbw_int(&attr, 20, 8);
  add(node, 5, attr);
}

static pbw tree_model(const int64_t yes[3], const int64_t no[3], const int64_t features[3], const int64_t class_ids[2]) {
  static const char *const modes[] = {"BRANCH_LEQ", "LEAF", "LEAF"};
  static const int64_t zeros[3] = {0}, ids[] = {0, 1, 2}, labels[] = {0, 1, 2}, leaves[] = {1, 2};
  static const float values[] = {0.5f, 0, 0}, weights[] = {1, 2};
  pbw graph = {0}, node = make_node("TreeEnsembleClassifier", "tree", "X", "L S");
  pbw_text(&node, 7, "ai.onnx.ml");
  add_ints(&node, "nodes_treeids", zeros, 3);
  add_ints(&node, "nodes_nodeids", ids, 3);
  add_ints(&node, "nodes_featureids", features, 3);
  add_ints(&node, "nodes_truenodeids", yes, 3);
  add_ints(&node, "nodes_falsenodeids", no, 3);
  add_floats(&node, "nodes_values", values, 3);
  add_strings(&node, "nodes_modes", modes, 3);
  add_ints(&node, "class_treeids", zeros, 2);
  add_ints(&node, "class_nodeids", leaves, 2);
  add_ints(&node, "class_ids", class_ids, 2);
  add_floats(&node, "class_weights", weights, 2);
  add_ints(&node, "classlabels_int64s", labels, 3);
  add(&graph, 1, node);
  add(&graph, 11, make_value("X", 1, (const int64_t[]){-1, 3}, 2));
  add(&graph, 12, make_value("L", 7, (const int64_t[]){-1}, 1));
  add(&graph, 12, make_value("S", 1, (const int64_t[]){-1, 3}, 2));
  return make_model(graph, 18);
}

static pbw good_tree(void) {
  return tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){2, 0, 0}, (const int64_t[]){2, 0, 0}, (const int64_t[]){0, 2});
}

/* ---- Every byte ---- */

START_TEST(a_model_cut_at_any_byte_is_no_crash) {
  pbw models[] = {make_gemm_model(), good_tree()};
  for (size_t m = 0; m < 2; m++) {
    ck_assert_msg(try_bytes(models[m].data, models[m].len) == MLCM_OK, "%s", err.message);
    size_t opened = 0;
    for (size_t len = 0; len < models[m].len; len++) opened += try_bytes(models[m].data, len) == MLCM_OK;
    ck_assert_uint_eq(opened, 0); /* the graph is the last field */
    pbw_free(&models[m]);
  }
}
END_TEST

START_TEST(a_model_with_any_byte_changed_is_no_crash) {
  static const unsigned char masks[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff};
  pbw models[] = {make_gemm_model(), good_tree()};
  for (size_t m = 0; m < 2; m++) {
    for (size_t at = 0; at < models[m].len; at++) {
      for (size_t k = 0; k < sizeof masks; k++) {
        models[m].data[at] = (char)(models[m].data[at] ^ (char)masks[k]);
        (void)try_bytes(models[m].data, models[m].len);
        models[m].data[at] = (char)(models[m].data[at] ^ (char)masks[k]);
      }
    }
    pbw_free(&models[m]);
  }
}
END_TEST

START_TEST(a_model_with_any_byte_left_out_is_no_crash) {
  pbw model = good_tree();
  char *shorter = malloc(model.len);
  for (size_t at = 0; at < model.len; at++) {
    memcpy(shorter, model.data, at);
    memcpy(shorter + at, model.data + at + 1, model.len - at - 1);
    (void)try_bytes(shorter, model.len - 1);
  }
  free(shorter);
  pbw_free(&model);
}
END_TEST

START_TEST(what_is_no_model_says_so) {
  static const char zip[] = "PK\003\004\024\000\000\000\010\000", json[] = "{\"ir_version\": 8}", text[] = "not a model at all";
  ck_assert_int_eq(try_bytes("", 0), MLCM_PARSE);
  ck_assert_str_eq(err.message, "model.onnx at byte 0: there is no graph: is this an ONNX model?");
  ck_assert_int_eq(try_bytes(zip, sizeof zip - 1), MLCM_PARSE);
  ck_assert_int_eq(try_bytes(json, sizeof json - 1), MLCM_PARSE);
  ck_assert_int_eq(try_bytes(text, sizeof text - 1), MLCM_PARSE);
}
END_TEST

/* ---- Graphs ---- */

static pbw graph_of(pbw a, pbw b) {
  pbw graph = {0};
  add(&graph, 1, a);
  if (b.len > 0) add(&graph, 1, b);
  add(&graph, 11, make_value("X", 1, (const int64_t[]){-1, 3}, 2));
  add(&graph, 12, make_value("Y", 1, (const int64_t[]){-1, 3}, 2));
  return graph;
}

START_TEST(a_cycle_is_refused) {
  expect(make_model(graph_of(make_node("Add", "a", "X B", "A"), make_node("Relu", "b", "A", "B")), 18), MLCM_PARSE,
         "node 'a' (Add) reads 'B', which nothing before it defines");
  expect(make_model(graph_of(make_node("Add", "self", "X Y", "Y"), (pbw){0}), 18), MLCM_PARSE, "node 'self' (Add) reads 'Y'");
}
END_TEST

START_TEST(a_missing_initializer_is_named) {
  expect(make_model(graph_of(make_node("Gemm", "dense", "X W", "Y"), (pbw){0}), 18), MLCM_PARSE, "node 'dense' (Gemm) reads 'W'");
}
END_TEST

START_TEST(a_value_defined_twice_is_refused) {
  expect(make_model(graph_of(make_node("Relu", "a", "X", "Y"), make_node("Relu", "b", "X", "Y")), 18), MLCM_PARSE,
         "value 'Y' is defined twice");
  expect(make_model(graph_of(make_node("Relu", "a", "X", "X"), (pbw){0}), 18), MLCM_PARSE, "value 'X' is defined twice");
}
END_TEST

START_TEST(an_output_that_nothing_defines_is_refused) {
  expect(make_model(graph_of(make_node("Relu", "a", "X", "Z"), (pbw){0}), 18), MLCM_PARSE,
         "output 'Y' is not defined by any node");
}
END_TEST

START_TEST(a_node_without_operator_or_inputs_is_refused) {
  expect(make_model(graph_of(make_node("", "a", "X", "Y"), (pbw){0}), 18), MLCM_PARSE, "graph.node[0]");
  expect(make_model(graph_of(make_node("Add", "a", "X", "Y"), (pbw){0}), 18), MLCM_PARSE, "node 'a' (Add): it has 1 inputs");
  expect(make_model(graph_of(make_node("Add", "a", "X -", "Y"), (pbw){0}), 18), MLCM_PARSE, "node 'a' (Add)");
  expect(make_model(graph_of(make_node("Relu", "a", "X X", "Y"), (pbw){0}), 18), MLCM_PARSE, "node 'a' (Relu)");
}
END_TEST

START_TEST(an_opset_from_the_future_is_not_guessed_at) {
  expect(make_model(graph_of(make_node("Relu", "a", "X", "Y"), (pbw){0}), 999), MLCM_UNSUPPORTED, "Relu (ai.onnx opset 999)");
}
END_TEST

/* ---- Tensors ---- */

static pbw with_initializer(pbw tensor) {
  pbw graph = graph_of(make_node("Add", "a", "X W", "Y"), (pbw){0});
  add(&graph, 5, tensor);
  return make_model(graph, 18);
}

START_TEST(huge_dimensions_are_refused) {
  static const float one = 1;
  const int64_t big = INT64_C(1) << 40, max = INT64_MAX;
  expect(with_initializer(make_tensor("W", (const int64_t[]){big, big}, 2, &one, 1)), MLCM_PARSE, "out of range");
  expect(with_initializer(make_tensor("W", (const int64_t[]){0, max, max}, 3, &one, 0)), MLCM_PARSE, "out of range");
  expect(with_initializer(make_tensor("W", &max, 1, &one, 1)), MLCM_PARSE, "out of range");
  expect(with_initializer(make_tensor("W", &big, 1, &one, 1)), MLCM_PARSE, "raw_data has 4 bytes");
  expect(with_initializer(make_tensor("W", (const int64_t[]){-1}, 1, &one, 1)), MLCM_PARSE, "dimension 0 is -1");
  expect(with_initializer(make_tensor("W", (const int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, 9, &one, 1)), MLCM_LIMIT,
         "9 dimensions");
}
END_TEST

START_TEST(data_of_the_wrong_length_is_refused) {
  static const float two[2] = {1, 2};
  expect(with_initializer(make_tensor("W", (const int64_t[]){3}, 1, two, 2)), MLCM_PARSE,
         "model.onnx: graph.initializer[0] at byte");
  pbw typed = {0};
  pbw_int(&typed, 1, 3);
  pbw_int(&typed, 2, 1);
  pbw_text(&typed, 8, "W");
  pbw_bytes(&typed, 4, two, sizeof two);
  expect(with_initializer(typed), MLCM_PARSE, "'float_data' has 2 elements, the shape wants 3");
  pbw ragged = {0};
  pbw_int(&ragged, 1, 1);
  pbw_int(&ragged, 2, 1);
  pbw_text(&ragged, 8, "W");
  pbw_bytes(&ragged, 4, two, 5);
  expect(with_initializer(ragged), MLCM_PARSE, "'float_data' has 5 bytes, not a multiple of 4");
}
END_TEST

START_TEST(an_unknown_element_type_is_refused) {
  pbw w = {0};
  pbw_int(&w, 1, 3);
  pbw_int(&w, 2, 77);
  pbw_text(&w, 8, "W");
  expect(with_initializer(w), MLCM_UNSUPPORTED, "element type 77 is not supported");
}
END_TEST

START_TEST(a_result_too_large_for_memory_is_refused_when_run) {
  static const int64_t shape[] = {INT64_C(1) << 30, INT64_C(1) << 20};
  pbw graph = {0}, w = {0}, attr = {0}, node = make_node("Expand", "grow", "X S", "Y");
  (void)attr;
  pbw_int(&w, 1, 2);
  pbw_int(&w, 2, 7);
  pbw_text(&w, 8, "S");
  pbw_bytes(&w, 9, shape, sizeof shape);
  add(&graph, 1, node);
  add(&graph, 5, w);
  add(&graph, 11, make_value("X", 1, (const int64_t[]){1, 1}, 2));
  add(&graph, 12, make_value("Y", 1, (const int64_t[]){-1, -1}, 2));
  pbw model = make_model(graph, 18);
  mlcm_model_file file = {"model.onnx", model.data, model.len};
  mlcm_session *s = NULL;
  const float x = 1;
  mlcm_input in = mlcm_input_f32(&x, 1, 1);
  mlcm_output out = {0};
  ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, NULL, &s, &err), MLCM_OK);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_LIMIT);
  ck_assert_ptr_nonnull(strstr(err.message, "node 'grow' (Expand)"));
  mlcm_session_close(s);
  pbw_free(&model);
}
END_TEST

/* ---- Depth ---- */

START_TEST(types_nested_without_end_are_refused) {
  pbw type = {0};
  for (int depth = 0; depth < 5000; depth++) {
    pbw sequence = {0}, outer = {0};
    add(&sequence, 1, type);
    add(&outer, 4, sequence);
    type = outer;
  }
  pbw value = {0}, graph = {0};
  pbw_text(&value, 1, "X");
  add(&value, 2, type);
  add(&graph, 11, value);
  expect(make_model(graph, 18), MLCM_LIMIT, "nested more than 64 deep");
}
END_TEST

START_TEST(subgraphs_nested_without_end_are_not_followed) {
  pbw graph = {0};
  for (int depth = 0; depth < 5000; depth++) {
    pbw attr = {0}, node = make_node("If", "deep", "X", "Y"), outer = {0};
    pbw_text(&attr, 1, "then_branch");
    add(&attr, 6, graph);
    pbw_int(&attr, 20, 5);
    add(&node, 5, attr);
    add(&outer, 1, node);
    graph = outer;
  }
  add(&graph, 11, make_value("X", 9, NULL, 0));
  expect(make_model(graph, 18), MLCM_UNSUPPORTED, "node 'deep' needs operator If (ai.onnx opset 18)");
}
END_TEST

START_TEST(groups_are_refused) {
  pbw model = make_gemm_model();
  pbw_tag(&model, 99, 3);
  expect(model, MLCM_PARSE, "field 99 has wire type 3");
}
END_TEST

/* ---- Trees ---- */

START_TEST(trees_that_are_no_trees_are_refused) {
  static const int64_t feature[3] = {2, 0, 0}, classes[2] = {0, 1};
  expect(tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){0, 0, 0}, feature, classes), MLCM_PARSE,
         "2 of 3 nodes cannot be reached");
  expect(tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){2, 0, 0}, feature, (const int64_t[]){0, INT64_MAX}), MLCM_PARSE,
         "target 9223372036854775807 of 3");
  expect(tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){1, 0, 0}, feature, classes), MLCM_PARSE, "two parents");
  expect(tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){9, 0, 0}, feature, classes), MLCM_PARSE,
         "child that does not exist");
  expect(tree_model((const int64_t[]){INT64_MAX, 0, 0}, (const int64_t[]){INT64_MIN, 0, 0}, feature, classes), MLCM_PARSE,
         "child that does not exist");
  expect(tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){2, 0, 0}, (const int64_t[]){-1, 0, 0}, classes), MLCM_PARSE,
         "feature -1");
  expect(tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){2, 0, 0}, feature, (const int64_t[]){0, 3}), MLCM_PARSE,
         "target 3 of 3");
  expect(tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){2, 0, 0}, feature, (const int64_t[]){-1, 0}), MLCM_PARSE,
         "target -1 of 3");
}
END_TEST

START_TEST(rows_too_short_for_the_trees_are_refused_when_run) {
  pbw model =
      tree_model((const int64_t[]){1, 0, 0}, (const int64_t[]){2, 0, 0}, (const int64_t[]){7, 0, 0}, (const int64_t[]){0, 1});
  mlcm_model_file file = {"model.onnx", model.data, model.len};
  mlcm_session *s = NULL;
  const float x[3] = {0};
  int64_t label = 0;
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  mlcm_output out = mlcm_output_i64(&label, 1);
  ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, NULL, &s, &err), MLCM_OK);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, "node 'tree' (TreeEnsembleClassifier): the trees read feature 7, rows have 3 features");
  mlcm_session_close(s);
  pbw_free(&model);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_model_cut_at_any_byte_is_no_crash,
                          a_model_with_any_byte_changed_is_no_crash,
                          a_model_with_any_byte_left_out_is_no_crash,
                          what_is_no_model_says_so,
                          a_cycle_is_refused,
                          a_missing_initializer_is_named,
                          a_value_defined_twice_is_refused,
                          an_output_that_nothing_defines_is_refused,
                          a_node_without_operator_or_inputs_is_refused,
                          an_opset_from_the_future_is_not_guessed_at,
                          huge_dimensions_are_refused,
                          data_of_the_wrong_length_is_refused,
                          an_unknown_element_type_is_refused,
                          a_result_too_large_for_memory_is_refused_when_run,
                          types_nested_without_end_are_refused,
                          subgraphs_nested_without_end_are_not_followed,
                          groups_are_refused,
                          trees_that_are_no_trees_are_refused,
                          rows_too_short_for_the_trees_are_refused_when_run};
  if (mlcm_context_new(NULL, &ctx, NULL) != MLCM_OK) return 1;
  int end = TEST_RUN("infer_malformed", tests);
  mlcm_context_free(ctx);
  return end;
}
