/* SPDX-License-Identifier: Apache-2.0
 *
 * test_load.c - from a model's bytes to a session: names, constants, optional outputs, the signature, and memory that fails at
 * any place of loading.
 */
#include <stdio.h>

#include "infer/build.h"
#include "infer/session.h"
#include "support/fault.h"
#include "support/suite.h"

#define LONG_NAME /* 110 bytes */                                                                                                \
  "a-name-that-is-much-longer-than-what-a-message-shows-of-it-because-nobody-has-to-read-more-than-a-hundred-bytes"

static mlcm_error err;

static mlcm_status open_model(mlcm_context *ctx, const pbw *model, mlcm_session **out) {
  mlcm_model_file file = {"m.onnx", model->data, model->len};
  return mlcm_session_open(ctx, &file, 1, NULL, out, &err);
}

static void expect_refusal(pbw model, mlcm_status want, const char *message) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_session *s = NULL;
  mlcm_status st = open_model(ctx, &model, &s);
  ck_assert_msg(st == want && strstr(err.message, message) != NULL, "%d %s", (int)st, st ? err.message : "");
  ck_assert_ptr_null(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}

static pbw list_value(const char *name) { return make_value(name, MLCM_F32, (const int64_t[]){-1}, 1); }

/* X, the nodes, Y. */
static pbw graph_with(pbw first, pbw second) {
  pbw graph = {0};
  add(&graph, 1, first);
  if (second.len > 0) add(&graph, 1, second);
  add(&graph, 11, list_value("X"));
  add(&graph, 12, list_value("Y"));
  return graph;
}

static pbw of_domain(pbw node, const char *domain) {
  pbw_text(&node, 7, domain);
  return node;
}

/* An attribute of numbers or text: field 2 (float), 3 (int), 4 (text), 7, 8, 9 (lists). */
static pbw with_attr(pbw node, const char *name, uint32_t field, int32_t kind, const char *text) {
  pbw attr = {0};
  pbw_text(&attr, 1, name);
  if (field == 4 || field == 9)
    pbw_text(&attr, field, text);
  else if (field == 2 || field == 7)
    pbw_float(&attr, field, strtof(text, NULL));
  else
    pbw_int(&attr, field, strtoll(text, NULL, 10));
  pbw_int(&attr, 20, kind);
  add(&node, 5, attr);
  return node;
}

static pbw with_tensor(pbw node, const char *name) {
  pbw attr = {0};
  const float one = 1;
  pbw_text(&attr, 1, name);
  add(&attr, 5, make_tensor("t", (const int64_t[]){1}, 1, &one, 1));
  pbw_int(&attr, 20, 4);
  add(&node, 5, attr);
  return node;
}

/* ---- Names ---- */

START_TEST(long_names_are_cut_in_messages) {
  char op[80];
  memset(op, 'o', sizeof op - 1);
  op[sizeof op - 1] = '\0';
  expect_refusal(make_model(graph_with(make_node("Abs", "a", LONG_NAME, "Y"), (pbw){0}), 18), MLCM_PARSE,
                 "more-than-a-hu', which nothing");
  expect_refusal(make_model(graph_with(make_node("Nothing", LONG_NAME, "X", "Y"), (pbw){0}), 18), MLCM_UNSUPPORTED,
                 "more-than-a-hu' needs operator Nothing");
  expect_refusal(make_model(graph_with(make_node(op, "", "X", "Y"), (pbw){0}), 18), MLCM_UNSUPPORTED, "ooo#0' needs operator ooo");
  pbw graph = graph_with(make_node("Abs", "a", "X", "Y"), (pbw){0});
  add(&graph, 12, list_value(LONG_NAME));
  expect_refusal(make_model(graph, 18), MLCM_PARSE, "more-than-a-hu' is not defined by any node");
}
END_TEST

START_TEST(names_that_are_taken_are_refused) {
  pbw twice = graph_with(make_node("Abs", "a", "X", "Y"), (pbw){0});
  add(&twice, 11, list_value("X"));
  expect_refusal(make_model(twice, 18), MLCM_PARSE, "value 'X' is defined twice");
  expect_refusal(make_model(graph_with(with_attr(make_node("Constant", "k", "", "X"), "value_float", 2, 1, "1"),
                                       make_node("Abs", "a", "X", "Y")), 18),
                 MLCM_PARSE, "value 'X' is defined twice");
  pbw maps = graph_with(make_node("Abs", "a", "X", "Y"), (pbw){0});
  add(&maps, 11, list_value("M.keys"));
  add(&maps, 11, map_value("M", MLCM_I64));
  expect_refusal(make_model(maps, 18), MLCM_PARSE, "'M.keys' is an input or output twice");
}
END_TEST

START_TEST(an_input_with_an_initializer_is_a_constant) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const float w[] = {5}, x[] = {1, 2};
  float y[2];
  pbw graph = graph_with(make_node("Add", "a", "X W", "Y"), (pbw){0});
  add(&graph, 11, list_value("W"));
  add(&graph, 5, make_tensor("W", (const int64_t[]){1}, 1, w, 1));
  pbw model = make_model(graph, 18);
  mlcm_session *s = NULL;
  ck_assert_int_eq(open_model(ctx, &model, &s), MLCM_OK);
  ck_assert_uint_eq(mlcm_session_n_inputs(s), 1);
  mlcm_input in = {.data = x, .dtype = MLCM_F32, .rank = 1, .shape = {2}};
  mlcm_output out = mlcm_output_f32(y, 2);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_OK);
  ck_assert(y[0] == 6 && y[1] == 7);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Outputs that nobody wants ---- */

START_TEST(outputs_may_be_left_out_or_unread) {
  static const char *const outputs[] = {"- Y", "V Y"};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const float x[] = {3, 9, 5};
  const int64_t k = 1;
  for (size_t i = 0; i < 2; i++) {
    pbw graph = graph_with(make_node("TopK", "top", "X K", outputs[i]), (pbw){0});
    add(&graph, 11, make_value("K", MLCM_I64, (const int64_t[]){1}, 1));
    pbw model = make_model(graph, 18);
    mlcm_session *s = NULL;
    int64_t y = 0;
    ck_assert_msg(open_model(ctx, &model, &s) == MLCM_OK, "%s", err.message);
    mlcm_input in[] = {{.data = x, .dtype = MLCM_F32, .rank = 1, .shape = {3}},
                       {.data = &k, .dtype = MLCM_I64, .rank = 1, .shape = {1}}};
    mlcm_output out = mlcm_output_i64(&y, 1);
    ck_assert_msg(mlcm_session_run(s, in, 2, &out, 1, &err) == MLCM_OK, "%s", err.message);
    ck_assert_int_eq(y, 1);
    mlcm_session_close(s);
    pbw_free(&model);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(dropout_may_give_its_mask_only) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const float x[] = {3, 9};
  bool y[2] = {0};
  pbw model = make_model(graph_with(make_node("Dropout", "d", "X", "- Y"), (pbw){0}), 18);
  mlcm_session *s = NULL;
  ck_assert_msg(open_model(ctx, &model, &s) == MLCM_OK, "%s", err.message);
  mlcm_input in = {.data = x, .dtype = MLCM_F32, .rank = 1, .shape = {2}};
  mlcm_output out = {.data = y, .capacity_bytes = sizeof y};
  ck_assert_msg(mlcm_session_run(s, &in, 1, &out, 1, &err) == MLCM_OK, "%s", err.message);
  ck_assert(out.dtype == MLCM_BOOL && y[0] && y[1]);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Constants and attributes ---- */

START_TEST(constants_that_are_none_are_refused) {
  expect_refusal(make_model(graph_with(with_attr(make_node("Constant", "k", "", "Y Z"), "value_int", 3, 2, "1"), (pbw){0}), 18),
                 MLCM_PARSE, "node 'k': Constant has one output");
  expect_refusal(make_model(graph_with(with_attr(make_node("Constant", "k", "", "Y"), LONG_NAME, 4, 11, ""), (pbw){0}), 18),
                 MLCM_UNSUPPORTED, "is of kind 11 (a graph, type or sparse tensor)");
  expect_refusal(make_model(graph_with(with_attr(make_node("Constant", "k", "", "Y"), "sparse", 4, 11, ""), (pbw){0}), 18),
                 MLCM_UNSUPPORTED, "attribute 'sparse' is of kind 11");
}
END_TEST

START_TEST(attributes_of_a_zipmap_that_are_no_classes) {
  pbw tensor = with_tensor(of_domain(make_node("ZipMap", "z", "X", "Y"), "ai.onnx.ml"), "classes");
  expect_refusal(make_model(graph_with(tensor, (pbw){0}), 18), MLCM_PARSE, "ZipMap has no attribute that is a tensor");
  pbw odd = with_attr(of_domain(make_node("ZipMap", "z", "X", "Y"), "ai.onnx.ml"), "classlabels_floats", 7, 6, "1.5");
  expect_refusal(make_model(graph_with(odd, (pbw){0}), 18), MLCM_PARSE, "class labels must be given either");
}
END_TEST

static mlcm_status open_external(const char *path, const char *data_path, const char *location) {
  static const float weights[] = {7};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw graph = graph_with(make_node("Add", "a", "X W", "Y"), (pbw){0}), w = {0}, entry = {0};
  pbw_int(&w, 1, 1);
  pbw_int(&w, 2, 1);
  pbw_text(&w, 8, "W");
  pbw_text(&entry, 1, "location");
  pbw_text(&entry, 2, location);
  add(&w, 13, entry);
  pbw_int(&w, 14, 1);
  add(&graph, 5, w);
  pbw model = make_model(graph, 18);
  mlcm_model_file files[] = {{path, model.data, model.len}, {data_path, weights, sizeof weights}};
  mlcm_session *s = NULL;
  mlcm_status st = mlcm_session_open(ctx, files, 2, NULL, &s, &err);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
  return st;
}

START_TEST(external_data_lies_beside_the_model) {
  ck_assert_int_eq(open_external("m.onnx", "w.bin", "w.bin"), MLCM_OK);
  ck_assert_int_eq(open_external("a/m.onnx", "a/w.bin", "w.bin"), MLCM_OK);
  ck_assert_int_eq(open_external("a/m.onnx", "b/w.bin", "w.bin"), MLCM_NOT_FOUND);
  ck_assert_int_eq(open_external("a/m.onnx", "a/v.bin", "w.bin"), MLCM_NOT_FOUND);
  ck_assert_int_eq(open_external("m.onnx", "w.bin", LONG_NAME), MLCM_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(err.message, "more-than-a-hu', which is not among the 2 files"));
}
END_TEST

START_TEST(a_failure_to_load_may_be_left_unread) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw model = make_model(graph_with(make_node("Add", "a", "X", "Y"), (pbw){0}), 18);
  mlcm_model_file file = {"m.onnx", model.data, model.len};
  mlcm_session *s = NULL;
  ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, NULL, &s, NULL), MLCM_PARSE);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- A constant with many readers ---- */

/* Y = X W W ... W: n MatMuls that read one constant. */
static size_t bytes_of_chain(int n) {
  enum { SIDE = 128 };
  static const float w[SIDE * SIDE];
  test_memory memory;
  test_memory_init(&memory);
  mlcm_allocator table = test_memory_table(&memory);
  mlcm_context *ctx = test_context(&table, NULL, NULL);
  pbw graph = {0};
  add(&graph, 5, make_tensor("W", (const int64_t[]){SIDE, SIDE}, 2, w, SIDE * SIDE)); /* first: aligned the same for every n */
  for (int i = 0; i < n; i++) {
    char in[16], out[16];
    snprintf(in, sizeof in, i == 0 ? "X W" : "T%d W", i);
    snprintf(out, sizeof out, i == n - 1 ? "Y" : "T%d", i + 1);
    add(&graph, 1, make_node("MatMul", "", in, out));
  }
  add(&graph, 11, make_value("X", MLCM_F32, (const int64_t[]){-1, SIDE}, 2));
  add(&graph, 12, make_value("Y", MLCM_F32, (const int64_t[]){-1, SIDE}, 2));
  pbw model = make_model(graph, 18);
  mlcm_session *s = NULL;
  const float x[SIDE] = {0};
  ck_assert_msg(open_model(ctx, &model, &s) == MLCM_OK, "%s", err.message);
  mlcm_input in = mlcm_input_f32(x, 1, SIDE);
  mlcm_output out = {0};
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_OK);
  size_t bytes = memory.live_bytes;
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
  test_memory_check_empty(&memory, "at the end");
  return bytes;
}

START_TEST(a_shared_constant_is_unpacked_in_one_place_however_many_read_it) {
  enum { PACKED = 128 * 128 * 8 };
  size_t one = bytes_of_chain(1), two = bytes_of_chain(2), ten = bytes_of_chain(10);
  ck_assert_uint_gt(one, PACKED);
  ck_assert_uint_lt(two, one + PACKED);
  ck_assert_uint_lt(ten, two + 2 * PACKED); /* eight kernels more; a copy for each would be four times as much */
}
END_TEST

/* ---- Failing memory ---- */

/* A model of many kinds of things; `pad` moves what comes after it in the arenas of loading by 16 bytes each. */
static pbw padded_model(int pad) {
  pbw graph = {0}, sum = make_node("Sum", "", "X", "S"), ints = {0};
  char name[16 * 300];
  memset(name, 'p', sizeof name);
  name[pad * 16 + 1] = '\0';
  add(&graph, 5, make_tensor(name, (const int64_t[]){1}, 1, &(const float){1}, 1));
  pbw_int(&ints, 1, 2);
  pbw_int(&ints, 2, MLCM_F32);
  pbw_float(&ints, 4, 1);
  pbw_float(&ints, 4, 2);
  pbw_text(&ints, 8, "typed");
  add(&graph, 5, ints);
  for (int i = 0; i < pad; i++) pbw_text(&sum, 1, "X");
  add(&graph, 1, with_tensor(make_node("Constant", "k", "", "K"), "value"));
  add(&graph, 1, make_node("Add", "", "X K", "A"));
  add(&graph, 1, make_node("Add", "b", "A typed", "Y"));
  add(&graph, 1, with_attr(of_domain(make_node("ZipMap", "z", "Z", "C"), "ai.onnx.ml"), "classlabels_strings", 9, 8, "yes"));
  add(&graph, 1, with_attr(of_domain(make_node("ZipMap", "y", "Z", "D"), "ai.onnx.ml"), "classlabels_int64s", 8, 7, "1"));
  add(&graph, 1, with_attr(of_domain(make_node("CastMap", "m", "M", "N"), "ai.onnx.ml"), "cast_to", 4, 3, "TO_FLOAT"));
  add(&graph, 1, sum);
  add(&graph, 11, list_value("X"));
  add(&graph, 11, make_value("Z", MLCM_F32, (const int64_t[]){-1, 1}, 2));
  add(&graph, 11, map_value("M", MLCM_I64));
  static const char *const outputs[] = {"Y", "C", "D", "N", "S"};
  for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) add(&graph, 12, list_value(outputs[i]));
  return make_model(graph, 18);
}

static mlcm_status only_open(mlcm_context *ctx, void *user, mlcm_error *e) {
  const pbw *model = user;
  mlcm_model_file file = {"m.onnx", model->data, model->len};
  mlcm_session *s = NULL;
  mlcm_status st = mlcm_session_open(ctx, &file, 1, NULL, &s, e);
  mlcm_session_close(s);
  return st;
}

START_TEST(loading_survives_memory_that_ends_at_any_place) {
  for (int pad = 0; pad < 256; pad++) { /* 4096 bytes: each piece once comes to lie where a new block begins */
    pbw model = padded_model(pad);
    ck_assert_uint_gt(test_fault_memory(only_open, NULL, &model), 20);
    pbw_free(&model);
  }
}
END_TEST

/* A hundred nodes: lists that are larger than a block. */
static pbw chain_model(void) {
  enum { N = 100 };
  pbw graph = {0};
  for (int i = 0; i < N; i++) {
    char from[16], to[16];
    snprintf(from, sizeof from, "v%d", i);
    snprintf(to, sizeof to, "v%d", i + 1);
    add(&graph, 1, make_node("Abs", "", i == 0 ? "X" : from, i == N - 1 ? "Y" : to));
  }
  add(&graph, 11, list_value("X"));
  add(&graph, 12, list_value("Y"));
  return make_model(graph, 18);
}

START_TEST(loading_many_nodes_survives_memory_that_ends_at_any_place) {
  pbw model = chain_model();
  ck_assert_uint_gt(test_fault_memory(only_open, NULL, &model), 20);
  pbw_free(&model);
}
END_TEST

START_TEST(outputs_that_nobody_reads_need_no_code) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_session *s = NULL;
  pbw model = make_model(graph_with(make_node("Abs", "a", "X", "Y b c d e"), (pbw){0}), 18);
  ck_assert_msg(open_model(ctx, &model, &s) == MLCM_OK, "%s", err.message);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- What lives with a session ---- */

static void count_free(void *owned) { ++*(int *)owned; }

START_TEST(what_a_session_owns_goes_with_it) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw model = make_gemm_model();
  mlcm_session *s = NULL;
  int freed = 0;
  ck_assert_int_eq(open_model(ctx, &model, &s), MLCM_OK);
  mlcm__session_own(s, count_free, &freed);
  ck_assert_int_eq(freed, 0);
  mlcm_session_close(s);
  ck_assert_int_eq(freed, 1);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(run_states_beyond_those_that_are_kept_are_freed) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw model = make_gemm_model();
  mlcm_session *s = NULL;
  mlcm__state *states[MLCM__IDLE_STATES + 1] = {0};
  ck_assert_int_eq(open_model(ctx, &model, &s), MLCM_OK);
  for (size_t i = 0; i <= MLCM__IDLE_STATES; i++) ck_assert_int_eq(mlcm__state_take(s, &states[i], &err), MLCM_OK);
  for (size_t i = 0; i <= MLCM__IDLE_STATES; i++) mlcm__state_give_back(states[i]);
  for (size_t i = 0; i < MLCM__IDLE_STATES; i++) ck_assert_ptr_nonnull(atomic_load(&s->idle[i]));
  mlcm_session_close(s); /* the leak checker sees the rest */
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {long_names_are_cut_in_messages,
                          names_that_are_taken_are_refused,
                          an_input_with_an_initializer_is_a_constant,
                          outputs_may_be_left_out_or_unread,
                          dropout_may_give_its_mask_only,
                          constants_that_are_none_are_refused,
                          attributes_of_a_zipmap_that_are_no_classes,
                          external_data_lies_beside_the_model,
                          a_failure_to_load_may_be_left_unread,
                          a_shared_constant_is_unpacked_in_one_place_however_many_read_it,
                          loading_survives_memory_that_ends_at_any_place,
                          loading_many_nodes_survives_memory_that_ends_at_any_place,
                          outputs_that_nobody_reads_need_no_code,
                          what_a_session_owns_goes_with_it,
                          run_states_beyond_those_that_are_kept_are_freed};
  return TEST_RUN("infer_load", tests);
}
