/* SPDX-License-Identifier: Apache-2.0
 *
 * test_bind.c - the caller's tensors against the signature: what messages show of both sides, strings that a run made beside strings
 * that came in, maps.
 */
#include <stdio.h>

#include "infer/build.h"
#include "infer/session.h"
#include "support/fault.h"
#include "support/suite.h"

static mlcm_error err;

typedef struct fixture {
  mlcm_context *ctx;
  pbw model;
  mlcm_session *s;
} fixture;

static fixture open_graph(pbw graph) {
  fixture f = {.ctx = test_context(NULL, NULL, NULL), .model = make_model(graph, 18)};
  mlcm_model_file file = {"m.onnx", f.model.data, f.model.len};
  mlcm_session_options options;
  mlcm_session_options_init(&options, sizeof options);
  options.backend = "reference";
  ck_assert_msg(mlcm_session_open(f.ctx, &file, 1, &options, &f.s, &err) == MLCM_OK, "%s", err.message);
  return f;
}

static void finish(fixture *f) {
  mlcm_session_close(f->s);
  pbw_free(&f->model);
  mlcm_context_free(f->ctx);
}

/* ValueInfo of an f32 tensor with named dimensions, "" for one without a name; no names: the shape is not known. */
static pbw named_value(const char *name, const char *const *dims, size_t rank) {
  pbw value = {0}, type = {0}, tensor = {0}, shape = {0};
  for (size_t i = 0; i < rank; i++) {
    pbw dim = {0};
    if (dims[i][0] != '\0') pbw_text(&dim, 2, dims[i]);
    add(&shape, 1, dim);
  }
  pbw_int(&tensor, 1, MLCM_F32);
  if (rank > 0) pbw_message(&tensor, 2, &shape);
  add(&type, 1, tensor);
  pbw_text(&value, 1, name);
  add(&value, 2, type);
  pbw_free(&shape);
  return value;
}

static pbw abs_of(pbw input) {
  pbw graph = {0};
  add(&graph, 1, make_node("Abs", "a", "X", "Y"));
  add(&graph, 11, input);
  add(&graph, 12, make_value("Y", 0, NULL, 0));
  return graph;
}

static void expect_message(mlcm_status got, mlcm_status want, const char *message) {
  ck_assert_int_eq(got, want);
  ck_assert_str_eq(err.message, message);
}

/* ---- Messages ---- */

START_TEST(dimensions_show_their_names_and_unknown_ones_a_letter) {
  static const char *const dims[] = {"", "rows", "", "a-name-of-more-than-16-bytes"};
  fixture f = open_graph(abs_of(named_value("X", dims, 4)));
  const float x[1] = {0};
  mlcm_input in = {.data = x, .dtype = MLCM_F32, .rank = 1, .shape = {1}};
  expect_message(mlcm_session_run(f.s, &in, 1, NULL, 0, &err), MLCM_MISMATCH, "input 'X' wants f32 [n, rows, ?, ?], got f32 [1]");
  finish(&f);
}
END_TEST

START_TEST(a_shape_that_is_not_known_shows_dots) {
  fixture f = open_graph(abs_of(named_value("X", NULL, 0)));
  const double x[1] = {0};
  mlcm_input in = mlcm_input_f64(x, 1, 1);
  expect_message(mlcm_session_run(f.s, &in, 1, NULL, 0, &err), MLCM_MISMATCH, "input 'X' wants f32 [...], got f64 [1, 1]");
  finish(&f);
}
END_TEST

START_TEST(a_type_that_is_not_known_is_any) {
  fixture f = open_graph(abs_of(make_value("X", 0, (const int64_t[]){-1, 2}, 2)));
  const float x[1] = {0};
  mlcm_input in = mlcm_input_f32(x, 1, 1);
  expect_message(mlcm_session_run(f.s, &in, 1, NULL, 0, &err), MLCM_MISMATCH, "input 'X' wants any [n, 2], got f32 [1, 1]");
  finish(&f);
}
END_TEST

START_TEST(the_longest_shape_has_room) {
  int64_t most[8];
  for (int d = 0; d < 8; d++) most[d] = INT64_MAX;
  fixture f = open_graph(abs_of(named_value("X", (const char *const[]){"n"}, 1)));
  mlcm_input in = {.data = most, .dtype = MLCM_STRING, .rank = 8};
  memcpy(in.shape, most, sizeof most);
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, NULL, 0, &err), MLCM_MISMATCH);
  ck_assert_ptr_nonnull(strstr(err.message, "9223372036854775807, 9223372036854775807]"));
  finish(&f);
}
END_TEST

START_TEST(inputs_that_are_no_tensors_are_refused) {
  fixture f = open_graph(abs_of(named_value("X", NULL, 0)));
  const float x[1] = {0};
  const mlcm_input wrong[] = {{.data = x, .dtype = MLCM_F32, .rank = -1},
                              {.data = x, .dtype = MLCM_F32, .rank = 9},
                              {.data = x, .dtype = 99, .rank = 0},
                              {.data = x, .dtype = -1, .rank = 0},
                              {.data = x, .dtype = 14, .rank = 0},
                              {.data = x, .dtype = MLCM_F32, .rank = 1, .shape = {-1}},
                              {.data = x, .dtype = MLCM_F32, .rank = 2, .shape = {INT64_MAX, 3}}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    ck_assert_int_eq(mlcm_session_run(f.s, &wrong[i], 1, NULL, 0, &err), MLCM_MISMATCH);
  finish(&f);
}
END_TEST

START_TEST(names_of_inputs_are_listed_as_far_as_there_is_room) {
  char names[3][101];
  pbw graph = {0};
  for (size_t i = 0; i < 3; i++) {
    memset(names[i], 'a' + (int)i, 100);
    names[i][100] = '\0';
    add(&graph, 1, make_node("Abs", "", names[i], (const char *const[]){"P", "Q", "R"}[i]));
    add(&graph, 11, make_value(names[i], MLCM_F32, NULL, 0));
    add(&graph, 12, make_value((const char *const[]){"P", "Q", "R"}[i], MLCM_F32, NULL, 0));
  }
  fixture f = open_graph(graph);
  ck_assert_int_eq(mlcm_session_run(f.s, NULL, 0, NULL, 0, &err), MLCM_MISMATCH);
  ck_assert_ptr_nonnull(strstr(err.message, "the model wants 3 inputs (aaaa"));
  ck_assert_ptr_nonnull(strstr(err.message, "aa, bb"));
  ck_assert_ptr_null(strstr(err.message, "cc"));
  finish(&f);
}
END_TEST

START_TEST(a_model_without_outputs_has_none) {
  pbw graph = {0};
  add(&graph, 1, make_node("Abs", "a", "X", "Y"));
  add(&graph, 11, make_value("X", MLCM_F32, NULL, 0));
  fixture f = open_graph(graph);
  const float x = 1;
  mlcm_input in = {.data = &x, .dtype = MLCM_F32};
  mlcm_output out = {.name = "Y"};
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH, "the model has no output 'Y'; it has none");
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, NULL, 0, &err), MLCM_OK);
  finish(&f);
}
END_TEST

START_TEST(an_output_may_be_asked_for_twice) {
  fixture f = open_graph(abs_of(make_value("X", MLCM_F32, (const int64_t[]){-1}, 1)));
  const float x = -1;
  float y[2] = {0};
  mlcm_input in = {.data = &x, .dtype = MLCM_F32, .rank = 1, .shape = {1}};
  mlcm_output out[] = {mlcm_output_f32(&y[0], 1), mlcm_output_f32(&y[1], INT64_MAX)};
  out[0].name = out[1].name = "Y";
  ck_assert_uint_eq(out[1].capacity_bytes, SIZE_MAX);
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, out, 2, &err), MLCM_OK);
  ck_assert(y[0] == 1 && y[1] == 1);
  finish(&f);
}
END_TEST

/* ---- Strings ---- */

START_TEST(made_strings_and_given_ones_come_out_side_by_side) {
  enum { N = 400 };
  pbw graph = {0}, cast = make_node("Cast", "c", "X", "T");
  add_int_attr(&cast, "to", MLCM_STRING);
  pbw concat = make_node("Concat", "j", "T S", "Y");
  add_int_attr(&concat, "axis", 0);
  add(&graph, 1, cast);
  add(&graph, 1, concat);
  add(&graph, 11, make_value("X", MLCM_I64, (const int64_t[]){-1}, 1));
  add(&graph, 11, make_value("S", MLCM_STRING, (const int64_t[]){-1}, 1));
  add(&graph, 12, make_value("Y", MLCM_STRING, (const int64_t[]){-1}, 1));
  fixture f = open_graph(graph);
  int64_t x[N]; /* their texts fill several blocks */
  static mlcm_str y[N + 1000];
  const mlcm_str given[] = {MLCM_STR("given"), {NULL, 0}};
  for (int i = 0; i < N; i++) x[i] = 1000 + i;
  mlcm_input in[] = {{.data = x, .dtype = MLCM_I64, .rank = 1, .shape = {N}},
                     {.data = given, .dtype = MLCM_STRING, .rank = 1, .shape = {2}}};
  mlcm_output out = {.data = y, .capacity_bytes = sizeof y};
  ck_assert_msg(mlcm_session_run(f.s, in, 2, &out, 1, &err) == MLCM_OK, "%s", err.message);
  for (int i = 0; i < N; i++) {
    char want[8];
    snprintf(want, sizeof want, "%d", 1000 + i);
    ck_assert(y[i].len == 4 && memcmp(y[i].ptr, want, 4) == 0);
    ck_assert((const char *)y[i].ptr >= (const char *)(y + N + 2)); /* in the caller's room */
  }
  ck_assert_ptr_eq(y[N].ptr, given[0].ptr);
  ck_assert_uint_eq(y[N + 1].len, 0);
  finish(&f);
}
END_TEST

START_TEST(a_made_string_may_be_longer_than_a_block) {
  static char text[5000];
  static mlcm_str y[1000];
  pbw graph = {0};
  memset(text, 't', sizeof text);
  add(&graph, 1, make_node("StringConcat", "j", "X X", "Y"));
  add(&graph, 11, make_value("X", MLCM_STRING, NULL, 0));
  add(&graph, 12, make_value("Y", MLCM_STRING, NULL, 0));
  fixture f = {.ctx = test_context(NULL, NULL, NULL), .model = make_model(graph, 20)};
  mlcm_model_file file = {"m.onnx", f.model.data, f.model.len};
  ck_assert_msg(mlcm_session_open(f.ctx, &file, 1, NULL, &f.s, &err) == MLCM_OK, "%s", err.message);
  const mlcm_str x = {text, sizeof text};
  mlcm_input in = {.data = &x, .dtype = MLCM_STRING};
  mlcm_output out = {.data = y, .capacity_bytes = sizeof y};
  ck_assert_msg(mlcm_session_run(f.s, &in, 1, &out, 1, &err) == MLCM_OK, "%s", err.message);
  ck_assert_uint_eq(y[0].len, 2 * sizeof text);
  ck_assert_mem_eq(y[0].ptr + sizeof text, text, sizeof text);
  finish(&f);
}
END_TEST

/* ---- Maps ---- */

static pbw map_graph(const char *op, pbw attr, int32_t value_type) {
  pbw graph = {0}, node = make_node(op, "m", "X", "Y"), value = {0}, type = {0}, map = {0}, element = {0}, tensor = {0};
  pbw_text(&node, 7, "ai.onnx.ml");
  if (attr.len > 0) add(&node, 5, attr);
  add(&graph, 1, node);
  pbw_int(&tensor, 1, value_type);
  add(&element, 1, tensor);
  pbw_int(&map, 1, MLCM_I64);
  add(&map, 2, element);
  add(&type, 5, map);
  pbw_text(&value, 1, "X");
  add(&value, 2, type);
  add(&graph, 11, value);
  add(&graph, 12, make_value("Y", 0, NULL, 0));
  return graph;
}

static pbw text_attr(const char *name, const char *text) {
  pbw attr = {0};
  pbw_text(&attr, 1, name);
  pbw_text(&attr, 4, text);
  pbw_int(&attr, 20, 3);
  return attr;
}

static mlcm_status run_map(fixture *f, const int64_t *keys, const void *values, mlcm_dtype type, int64_t n, mlcm_output *out) {
  mlcm_input in[] = {{.data = keys, .dtype = MLCM_I64, .rank = 1, .shape = {n}},
                     {.data = values, .dtype = type, .rank = 1, .shape = {n}}};
  return mlcm_session_run(f->s, in, 2, out, 1, &err);
}

static mlcm_status open_and_run_map(mlcm_context *ctx, void *user, mlcm_error *e) {
  const pbw *model = user;
  const int64_t key = 2;
  const float value = 20;
  float y[2];
  mlcm_session *s = NULL;
  mlcm_model_file file = {"m.onnx", model->data, model->len};
  mlcm_input in[] = {{.data = &key, .dtype = MLCM_I64, .rank = 1, .shape = {1}},
                     {.data = &value, .dtype = MLCM_F32, .rank = 1, .shape = {1}}};
  mlcm_output out = mlcm_output_f32(y, 2);
  mlcm_status st = mlcm_session_open(ctx, &file, 1, NULL, &s, e);
  if (!st) st = mlcm_session_run(s, in, 2, &out, 1, e);
  mlcm_session_close(s);
  return st;
}

START_TEST(maps_survive_every_failing_allocation) {
  pbw vocabulary = {0};
  pbw_text(&vocabulary, 1, "int64_vocabulary");
  pbw_int(&vocabulary, 8, 1);
  pbw_int(&vocabulary, 8, 2);
  pbw_int(&vocabulary, 20, 7);
  pbw models[] = {make_model(map_graph("CastMap", (pbw){0}, MLCM_F32), 18),
                  make_model(map_graph("DictVectorizer", vocabulary, MLCM_F32), 18)};
  for (size_t i = 0; i < 2; i++) {
    ck_assert_uint_gt(test_fault_memory(open_and_run_map, NULL, &models[i]), 10);
    pbw_free(&models[i]);
  }
}
END_TEST

START_TEST(castmap_orders_values_by_key) {
  fixture f = open_graph(map_graph("CastMap", (pbw){0}, MLCM_F32));
  const int64_t keys[] = {7, 2, 9};
  const float values[] = {70, 20, 90};
  float y[3] = {0};
  mlcm_output out = mlcm_output_f32(y, 3);
  ck_assert_msg(run_map(&f, keys, values, MLCM_F32, 3, &out) == MLCM_OK, "%s", err.message);
  ck_assert(out.rank == 2 && out.shape[0] == 1 && out.shape[1] == 3);
  ck_assert(y[0] == 20 && y[1] == 70 && y[2] == 90);
  ck_assert_int_eq(run_map(&f, keys, values, MLCM_F32, 0, &out), MLCM_OK);
  ck_assert_int_eq(out.shape[1], 0);
  mlcm_input wrong[] = {{.data = values, .dtype = MLCM_F32, .rank = 1, .shape = {1}},
                        {.data = values, .dtype = MLCM_F32, .rank = 1, .shape = {1}}};
  ck_assert_int_eq(mlcm_session_run(f.s, wrong, 2, &out, 1, &err), MLCM_MISMATCH); /* keys of another type */
  finish(&f);
}
END_TEST

START_TEST(castmap_makes_numbers_of_texts) {
  fixture f = open_graph(map_graph("CastMap", (pbw){0}, MLCM_STRING));
  const int64_t keys[] = {1, 2};
  const mlcm_str good[] = {MLCM_STR("1.5"), MLCM_STR("2")}, bad[] = {MLCM_STR("1.5"), MLCM_STR("two")};
  float y[2] = {0};
  mlcm_output out = mlcm_output_f32(y, 2);
  ck_assert_msg(run_map(&f, keys, good, MLCM_STRING, 2, &out) == MLCM_OK, "%s", err.message);
  ck_assert(y[0] == 1.5f && y[1] == 2);
  expect_message(run_map(&f, keys, bad, MLCM_STRING, 2, &out), MLCM_INVALID_ARGUMENT, "node 'm' (CastMap): 'two' is no number");
  finish(&f);
}
END_TEST

START_TEST(castmap_makes_texts_of_numbers) {
  fixture f = open_graph(map_graph("CastMap", text_attr("cast_to", "TO_STRING"), MLCM_F32));
  const int64_t keys[] = {1, 2, 3};
  const float values[] = {1.5f, 1e20f, -1e20f};
  static mlcm_str y[64];
  mlcm_output out = {.data = y, .capacity_bytes = sizeof y};
  ck_assert_msg(run_map(&f, keys, values, MLCM_F32, 3, &out) == MLCM_OK, "%s", err.message);
  ck_assert(y[0].len == 8 && memcmp(y[0].ptr, "1.500000", 8) == 0);
  ck_assert(y[1].ptr[0] == '1' && memchr(y[1].ptr, '.', y[1].len) == NULL && y[2].ptr[0] == '-');
  finish(&f);
  f = open_graph(map_graph("CastMap", text_attr("cast_to", "TO_STRING"), MLCM_STRING));
  const mlcm_str texts[] = {MLCM_STR("as it is")};
  ck_assert_msg(run_map(&f, keys, texts, MLCM_STRING, 1, &out) == MLCM_OK, "%s", err.message);
  ck_assert_ptr_eq(y[0].ptr, texts[0].ptr);
  finish(&f);
}
END_TEST

START_TEST(a_sparse_castmap_puts_values_in_the_column_of_their_key) {
  fixture f = open_graph(map_graph("CastMap", text_attr("map_form", "SPARSE"), MLCM_F32)); /* max_map: one column */
  const int64_t keys[] = {0, 1, -1};
  const float values[] = {5, 6, 7};
  float y[1] = {0};
  mlcm_output out = mlcm_output_f32(y, 1);
  ck_assert_msg(run_map(&f, keys, values, MLCM_F32, 3, &out) == MLCM_OK, "%s", err.message);
  ck_assert(out.shape[1] == 1 && y[0] == 5);
  finish(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {dimensions_show_their_names_and_unknown_ones_a_letter,
                          a_shape_that_is_not_known_shows_dots,
                          a_type_that_is_not_known_is_any,
                          the_longest_shape_has_room,
                          inputs_that_are_no_tensors_are_refused,
                          names_of_inputs_are_listed_as_far_as_there_is_room,
                          a_model_without_outputs_has_none,
                          an_output_may_be_asked_for_twice,
                          made_strings_and_given_ones_come_out_side_by_side,
                          a_made_string_may_be_longer_than_a_block,
                          maps_survive_every_failing_allocation,
                          castmap_orders_values_by_key,
                          castmap_makes_numbers_of_texts,
                          castmap_makes_texts_of_numbers,
                          a_sparse_castmap_puts_values_in_the_column_of_their_key};
  return TEST_RUN("infer_bind", tests);
}
