/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session.c - sessions: names, types and shapes checked both ways, run states reused, threads, memory failures.
 */
#include <pthread.h>
#include <stdio.h>

#include <mlcm/infer.h>

#include "infer/build.h"
#include "support/fault.h"
#include "support/suite.h"

static mlcm_error err;

static mlcm_session *open_bytes(mlcm_context *ctx, const pbw *model) {
  mlcm_model_file file = {"model.onnx", model->data, model->len};
  mlcm_session *s = NULL;
  ck_assert_msg(mlcm_session_open(ctx, &file, 1, NULL, &s, &err) == MLCM_OK, "%s", err.message);
  return s;
}

static void expect_message(mlcm_status got, mlcm_status want, const char *message) {
  ck_assert_int_eq(got, want);
  ck_assert_int_eq(err.code, want);
  ck_assert_str_eq(err.message, message);
}

static mlcm_status open_status(mlcm_context *ctx, pbw model) {
  mlcm_model_file file = {"model.onnx", model.data, model.len};
  mlcm_session *s = NULL;
  mlcm_status st = mlcm_session_open(ctx, &file, 1, NULL, &s, &err);
  mlcm_session_close(s);
  pbw_free(&model);
  return st;
}

/* ---- The usual ---- */

typedef struct fixture {
  mlcm_context *ctx;
  pbw model;
  mlcm_session *s;
} fixture;

static fixture gemm(void) {
  fixture f = {.ctx = test_context(NULL, NULL, NULL), .model = make_gemm_model()};
  f.s = open_bytes(f.ctx, &f.model);
  return f;
}

static void finish(fixture *f) {
  mlcm_session_close(f->s);
  pbw_free(&f->model);
  mlcm_context_free(f->ctx);
}

START_TEST(a_model_runs_by_position) {
  fixture f = gemm();
  const float x[] = {1, 0, 0, 1, 1, 1};
  float y[4] = {0};
  mlcm_input in = mlcm_input_f32(x, 2, 3);
  mlcm_output out = mlcm_output_f32(y, 4);
  ck_assert_msg(mlcm_session_run(f.s, &in, 1, &out, 1, &err) == MLCM_OK, "%s", err.message);
  ck_assert(y[0] == 11 && y[1] == 22 && y[2] == 19 && y[3] == 32);
  ck_assert_int_eq(out.dtype, MLCM_F32);
  ck_assert_int_eq(out.rank, 2);
  ck_assert(out.shape[0] == 2 && out.shape[1] == 2);
  finish(&f);
}
END_TEST

START_TEST(the_signature_is_told) {
  fixture f = gemm();
  ck_assert_uint_eq(mlcm_session_n_inputs(f.s), 1);
  ck_assert_uint_eq(mlcm_session_n_outputs(f.s), 1);
  mlcm_port x = mlcm_session_input(f.s, 0), none = mlcm_session_output(f.s, 7);
  ck_assert_str_eq(x.name, "X");
  ck_assert_int_eq(x.dtype, MLCM_F32);
  ck_assert(x.rank == 2 && x.shape[0] == -1 && x.shape[1] == 3);
  ck_assert_str_eq(none.name, "");
  finish(&f);
}
END_TEST

START_TEST(data_null_asks_for_type_and_shape_only) {
  fixture f = gemm();
  const float x[] = {1, 2, 3};
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  mlcm_output out = {.name = "Y"};
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_OK);
  ck_assert(out.dtype == MLCM_F32 && out.rank == 2 && out.shape[0] == 1 && out.shape[1] == 2);
  finish(&f);
}
END_TEST

START_TEST(no_rows_give_no_rows) {
  fixture f = gemm();
  mlcm_input in = mlcm_input_f32(NULL, 0, 3);
  mlcm_output out = mlcm_output_f32(NULL, 0);
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_OK);
  ck_assert(out.shape[0] == 0 && out.shape[1] == 2);
  finish(&f);
}
END_TEST

START_TEST(a_row_does_not_depend_on_its_batch) {
  fixture f = gemm();
  float x[300], all[200], one[2];
  for (int i = 0; i < 300; i++) x[i] = (float)i * 0.37f - 20;
  mlcm_input in = mlcm_input_f32(x, 100, 3);
  mlcm_output out = mlcm_output_f32(all, 200);
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_OK);
  for (int row = 0; row < 100; row++) {
    in = mlcm_input_f32(x + row * 3, 1, 3);
    out = mlcm_output_f32(one, 2);
    ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_OK);
    ck_assert_mem_eq(one, all + row * 2, sizeof one);
  }
  finish(&f);
}
END_TEST

/* ---- What does not fit ---- */

START_TEST(a_wrong_shape_shows_both_sides) {
  fixture f = gemm();
  const float x[6] = {0};
  float y[2] = {7, 7};
  mlcm_output out = mlcm_output_f32(y, 2);
  mlcm_input in = mlcm_input_f32(x, 1, 2);
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH, "input 'X' wants f32 [n, 3], got f32 [1, 2]");
  in = mlcm_input_f32(x, -1, 3);
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH, "input 'X' wants f32 [n, 3], got f32 [-1, 3]");
  in = (mlcm_input){.data = x, .dtype = MLCM_F32, .rank = 1, .shape = {3}};
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH, "input 'X' wants f32 [n, 3], got f32 [3]");
  in = (mlcm_input){.data = x, .dtype = MLCM_F32, .rank = 9};
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH);
  ck_assert(y[0] == 7 && y[1] == 7);
  finish(&f);
}
END_TEST

START_TEST(a_wrong_type_shows_both_sides) {
  fixture f = gemm();
  const double x[3] = {0};
  const int64_t i[3] = {0};
  float y[2];
  int64_t wrong[2];
  mlcm_output out = mlcm_output_f32(y, 2);
  mlcm_input in = mlcm_input_f64(x, 1, 3);
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH, "input 'X' wants f32 [n, 3], got f64 [1, 3]");
  in = mlcm_input_i64(i, 1, 3);
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH);
  const float right[3] = {0};
  in = mlcm_input_f32(right, 1, 3);
  out = mlcm_output_i64(wrong, 2);
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH,
                 "output 'Y' gives f32 [1, 2], the caller wants i64");
  finish(&f);
}
END_TEST

START_TEST(a_wrong_name_shows_the_right_ones) {
  fixture f = gemm();
  const float x[3] = {0};
  float y[2];
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  mlcm_output out = mlcm_output_f32(y, 2);
  in.name = "Z";
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH, "the model has no input 'Z'; it has X");
  in.name = "X";
  out.name = "label";
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH, "the model has no output 'label'; it has Y");
  expect_message(mlcm_session_run(f.s, NULL, 0, &out, 1, &err), MLCM_MISMATCH, "the model wants 1 inputs (X), got 0");
  mlcm_output two[] = {mlcm_output_f32(y, 2), mlcm_output_f32(y, 2)};
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, two, 2, &err), MLCM_MISMATCH);
  finish(&f);
}
END_TEST

START_TEST(too_little_room_says_how_much_is_needed) {
  fixture f = gemm();
  const float x[6] = {0};
  float y[4] = {7, 7, 7, 7};
  mlcm_input in = mlcm_input_f32(x, 2, 3);
  mlcm_output out = mlcm_output_f32(y, 3);
  expect_message(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_MISMATCH,
                 "output 'Y' gives f32 [2, 2] and needs 16 bytes, the caller has room for 12");
  ck_assert(y[0] == 7);
  finish(&f);
}
END_TEST

START_TEST(misaligned_or_missing_data_is_refused) {
  fixture f = gemm();
  float x[6] = {0}, y[4];
  mlcm_output out = mlcm_output_f32(y, 2);
  mlcm_input in = mlcm_input_f32(NULL, 1, 3);
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_INVALID_ARGUMENT);
  in = (mlcm_input){.data = (const char *)x + 1, .dtype = MLCM_F32, .rank = 2, .shape = {1, 3}};
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_INVALID_ARGUMENT);
  in = mlcm_input_f32(x, 1, 3);
  out.data = (char *)y + 1;
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_session_run(NULL, &in, 1, &out, 1, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_session_run(f.s, NULL, 1, &out, 1, &err), MLCM_INVALID_ARGUMENT);
  finish(&f);
}
END_TEST

START_TEST(a_tensor_over_the_limit_is_refused) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw model = make_gemm_model();
  mlcm_model_file file = {"model.onnx", model.data, model.len};
  mlcm_session_options options;
  mlcm_session *s = NULL;
  float x[300] = {0}, y[200];
  mlcm_session_options_init(&options, sizeof options);
  options.max_tensor_bytes = 1000;
  ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, &options, &s, &err), MLCM_OK);
  mlcm_input in = mlcm_input_f32(x, 100, 3);
  mlcm_output out = mlcm_output_f32(y, 200);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_LIMIT);
  in = mlcm_input_f32(x, 80, 3);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_OK);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Loading ---- */

static pbw one_node_model(pbw node) {
  pbw graph = {0};
  add(&graph, 1, node);
  add(&graph, 11, make_value("X", 1, (const int64_t[]){-1, 3}, 2));
  add(&graph, 12, make_value("Y", 1, (const int64_t[]){-1, 3}, 2));
  return make_model(graph, 18);
}

START_TEST(a_missing_operator_is_named_with_node_domain_and_opset) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_status st = open_status(ctx, one_node_model(make_node("Foo", "x", "X", "Y")));
  expect_message(st, MLCM_UNSUPPORTED, "node 'x' needs operator Foo (ai.onnx opset 18): not in backend 'reference'");
  pbw node = make_node("Conv", "", "X", "Y");
  expect_message(open_status(ctx, one_node_model(node)), MLCM_UNSUPPORTED,
                 "node 'Conv#0' needs operator Conv (ai.onnx opset 18): not in backend 'reference'");
  pbw foreign = make_node("Gelu", "g", "X", "Y");
  pbw_text(&foreign, 7, "com.acme");
  expect_message(open_status(ctx, one_node_model(foreign)), MLCM_PARSE,
                 "node 'g' (Gelu) is of domain 'com.acme', of which the model imports no opset");
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_kernel_failure_names_the_node) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw node = make_node("Transpose", "turn", "X", "Y"), attr = {0};
  pbw_text(&attr, 1, "perm");
  pbw_int(&attr, 8, 0);
  pbw_int(&attr, 20, 7);
  add(&node, 5, attr);
  pbw model = one_node_model(node);
  mlcm_session *s = open_bytes(ctx, &model);
  const float x[3] = {0};
  float y[3];
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  mlcm_output out = mlcm_output_f32(y, 3);
  expect_message(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_INVALID_ARGUMENT,
                 "node 'turn' (Transpose): 'perm' has 1 elements for 2 dimensions");
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(arguments_of_open_are_checked) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw model = make_gemm_model();
  mlcm_model_file file = {"model.onnx", model.data, model.len}, text = {"README.md", "hello", 5};
  mlcm_session_options options;
  mlcm_session *s = NULL;
  ck_assert_int_eq(mlcm_session_open(NULL, &file, 1, NULL, &s, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, NULL, NULL, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_session_open(ctx, NULL, 0, NULL, &s, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_session_open(ctx, &text, 1, NULL, &s, &err), MLCM_INVALID_ARGUMENT);
  mlcm_session_options_init(&options, sizeof options);
  options.backend = "cuda";
  ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, &options, &s, &err), MLCM_NOT_FOUND);
  ck_assert_str_eq(err.message, "there is no backend 'cuda'; this build has 'reference'");
  mlcm_session_options_init(&options, sizeof options);
  options.reserved[0] = 1;
  options.struct_size = 3;
  ck_assert_int_eq(mlcm_session_open(ctx, &file, 1, &options, &s, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_ptr_null(s);
  mlcm_session_close(NULL);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(files_of_a_model_have_paths_and_data) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const mlcm_model_file files[] = {{NULL, "x", 1}, {"m.onnx", NULL, 1}, {"m.on", "x", 1}, {"x", "x", 1}};
  mlcm_session *s = NULL;
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    ck_assert_int_eq(mlcm_session_open(ctx, &files[i], 1, NULL, &s, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_session_open(ctx, files, 0, NULL, &s, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_session_open(ctx, &(mlcm_model_file){"m.onnx", NULL, 0}, 1, NULL, &s, &err), MLCM_PARSE);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(no_session_has_no_ports_and_small_options_stay_untouched) {
  mlcm_session_options options = {.struct_size = 77};
  ck_assert_uint_eq(mlcm_session_n_inputs(NULL) + mlcm_session_n_outputs(NULL), 0);
  ck_assert_str_eq(mlcm_session_input(NULL, 0).name, "");
  mlcm_session_options_init(NULL, sizeof options);
  mlcm_session_options_init(&options, 4);
  ck_assert_uint_eq(options.struct_size, 77);
}
END_TEST

START_TEST(errors_may_be_left_unread) {
  fixture f = gemm();
  const float x[6] = {0};
  mlcm_input in = mlcm_input_f32(x, 1, 2);
  mlcm_output out = {0};
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, &out, 1, NULL), MLCM_MISMATCH);
  ck_assert_int_eq(mlcm_session_run(f.s, &in, 1, NULL, 1, NULL), MLCM_INVALID_ARGUMENT);
  pbw node = make_node("Transpose", "turn", "X", "Y"), attr = {0};
  pbw_text(&attr, 1, "perm");
  pbw_int(&attr, 8, 0);
  pbw_int(&attr, 20, 7);
  add(&node, 5, attr);
  pbw model = one_node_model(node);
  mlcm_session *s = open_bytes(f.ctx, &model);
  in = mlcm_input_f32(x, 1, 3);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, NULL), MLCM_INVALID_ARGUMENT);
  mlcm_session_close(s);
  pbw_free(&model);
  finish(&f);
}
END_TEST

START_TEST(the_model_is_the_first_file_that_ends_in_onnx) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw model = make_gemm_model();
  mlcm_model_file files[] = {{"notes.txt", "x", 1}, {"sub/m.onnx", model.data, model.len}};
  mlcm_session *s = NULL;
  ck_assert_msg(mlcm_session_open(ctx, files, 2, NULL, &s, &err) == MLCM_OK, "%s", err.message);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- External data ---- */

static void add_entry(pbw *tensor, const char *key, const char *value) {
  pbw entry = {0};
  pbw_text(&entry, 1, key);
  pbw_text(&entry, 2, value);
  add(tensor, 13, entry);
}

/* Y = X + W, W [3] in another file. */
static pbw external_model(const char *location, const char *offset, const char *length) {
  pbw graph = {0}, w = {0};
  pbw_int(&w, 1, 3);
  pbw_int(&w, 2, 1);
  pbw_text(&w, 8, "W");
  add_entry(&w, "location", location);
  if (offset != NULL) add_entry(&w, "offset", offset);
  if (length != NULL) add_entry(&w, "length", length);
  pbw_int(&w, 14, 1);
  add(&graph, 1, make_node("Add", "add", "X W", "Y"));
  add(&graph, 5, w);
  add(&graph, 11, make_value("X", 1, (const int64_t[]){-1, 3}, 2));
  add(&graph, 12, make_value("Y", 1, (const int64_t[]){-1, 3}, 2));
  return make_model(graph, 18);
}

static mlcm_status open_external(mlcm_context *ctx, pbw model, mlcm_session **out) {
  static const float weights[] = {9, 9, 1, 2, 3};
  mlcm_model_file files[] = {{"m/net.onnx", model.data, model.len}, {"m/w.bin", weights, sizeof weights}, {"w.bin", "", 0}};
  return mlcm_session_open(ctx, files, 3, NULL, out, &err);
}

START_TEST(external_data_comes_from_the_files_given) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw model = external_model("w.bin", "8", "12");
  mlcm_session *s = NULL;
  ck_assert_msg(open_external(ctx, model, &s) == MLCM_OK, "%s", err.message);
  const float x[3] = {10, 20, 30};
  float y[3];
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  mlcm_output out = mlcm_output_f32(y, 3);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_OK);
  ck_assert(y[0] == 11 && y[1] == 22 && y[2] == 33);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(external_data_elsewhere_or_out_of_range_is_refused) {
  static const struct {
    const char *location, *offset, *length;
    mlcm_status want;
  } cases[] = {
      {"../w.bin", NULL, NULL, MLCM_PARSE},
      {"/etc/passwd", NULL, NULL, MLCM_PARSE},
      {"a/../w.bin", NULL, NULL, MLCM_PARSE},
      {"./w.bin", NULL, NULL, MLCM_PARSE},
      {"", NULL, NULL, MLCM_PARSE},
      {"a//b", NULL, NULL, MLCM_PARSE},
      {"a\\b", NULL, NULL, MLCM_PARSE},
      {"c:w.bin", NULL, NULL, MLCM_PARSE},
      {"none.bin", NULL, NULL, MLCM_NOT_FOUND},
      {"w.bin", "12", NULL, MLCM_PARSE},
      {"w.bin", "8", "11", MLCM_PARSE},
      {"w.bin", "-4", NULL, MLCM_PARSE},
      {"w.bin", "9223372036854775807", NULL, MLCM_PARSE},
      {"w.bin", "eight", NULL, MLCM_PARSE},
      {"w.bin", "900000000000", NULL, MLCM_PARSE},
  };
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pbw model = external_model(cases[i].location, cases[i].offset, cases[i].length);
    mlcm_session *s = NULL;
    mlcm_status st = open_external(ctx, model, &s);
    ck_assert_msg(st == cases[i].want, "%s %s: %d %s", cases[i].location, cases[i].offset, (int)st, err.message);
    pbw_free(&model);
  }
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Strings and maps ---- */

START_TEST(made_strings_are_put_behind_the_elements) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw graph = {0}, node = make_node("Cast", "text", "X", "Y");
  add_int_attr(&node, "to", MLCM_STRING);
  add(&graph, 1, node);
  add(&graph, 11, make_value("X", MLCM_I64, (const int64_t[]){-1, 2}, 2));
  add(&graph, 12, make_value("Y", MLCM_STRING, (const int64_t[]){-1, 2}, 2));
  pbw model = make_model(graph, 18);
  mlcm_session *s = open_bytes(ctx, &model);
  const int64_t x[] = {-12345, 7};
  union {
    mlcm_str strings[2];
    char room[2 * sizeof(mlcm_str) + 7];
  } y;
  mlcm_input in = mlcm_input_i64(x, 1, 2);
  mlcm_output out = {.data = &y, .capacity_bytes = 2 * sizeof(mlcm_str) + 6, .dtype = MLCM_STRING};
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_MISMATCH);
  out.capacity_bytes++;
  ck_assert_msg(mlcm_session_run(s, &in, 1, &out, 1, &err) == MLCM_OK, "%s", err.message);
  mlcm_session_close(s); /* the strings live on */
  ck_assert_uint_eq(y.strings[0].len, 6);
  ck_assert_mem_eq(y.strings[0].ptr, "-12345", 6);
  ck_assert_uint_eq(y.strings[1].len, 1);
  ck_assert_mem_eq(y.strings[1].ptr, "7", 1);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_map_goes_in_as_keys_and_values) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw graph = {0}, node = make_node("DictVectorizer", "dict", "X", "Y"), attr = {0};
  pbw_text(&node, 7, "ai.onnx.ml");
  pbw_text(&attr, 1, "string_vocabulary");
  pbw_text(&attr, 9, "b");
  pbw_text(&attr, 9, "a");
  pbw_text(&attr, 9, "c");
  pbw_int(&attr, 20, 8);
  add(&node, 5, attr);
  add(&graph, 1, node);
  add(&graph, 11, map_value("X", MLCM_STRING));
  add(&graph, 12, make_value("Y", MLCM_F32, (const int64_t[]){-1, 3}, 2));
  pbw model = make_model(graph, 18);
  mlcm_session *s = open_bytes(ctx, &model);
  ck_assert_uint_eq(mlcm_session_n_inputs(s), 2);
  ck_assert_str_eq(mlcm_session_input(s, 0).name, "X.keys");
  ck_assert_str_eq(mlcm_session_input(s, 1).name, "X.values");
  const mlcm_str keys[] = {MLCM_STR("a"), MLCM_STR("b"), MLCM_STR("zzz")};
  const float values[] = {1, 2, 3};
  float y[3];
  mlcm_input in[] = {{.name = "X.values", .data = values, .dtype = MLCM_F32, .rank = 1, .shape = {3}},
                     {.name = "X.keys", .data = keys, .dtype = MLCM_STRING, .rank = 1, .shape = {3}}};
  mlcm_output out = mlcm_output_f32(y, 3);
  ck_assert_msg(mlcm_session_run(s, in, 2, &out, 1, &err) == MLCM_OK, "%s", err.message);
  ck_assert(y[0] == 2 && y[1] == 1 && y[2] == 0);
  in[0].shape[0] = 2;
  ck_assert_int_eq(mlcm_session_run(s, in, 2, &out, 1, &err), MLCM_MISMATCH);
  in[1] = in[0];
  ck_assert_int_eq(mlcm_session_run(s, in, 2, &out, 1, &err), MLCM_MISMATCH);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

static pbw zipmap_model(void) {
  pbw graph = {0}, node = make_node("ZipMap", "zip", "X", "Y"), attr = {0}, stray = {0}, value = {0};
  pbw_text(&node, 7, "ai.onnx.ml");
  pbw_text(&attr, 1, "classlabels_strings");
  pbw_text(&attr, 9, "no");
  pbw_text(&attr, 9, "yes");
  pbw_int(&attr, 20, 8);
  add(&node, 5, attr);
  pbw_text(&stray, 1, "notes"); /* no class is called "maybe" */
  pbw_text(&stray, 9, "maybe");
  pbw_int(&stray, 20, 8);
  add(&node, 5, stray);
  add(&graph, 1, node);
  add(&graph, 11, make_value("X", 1, (const int64_t[]){-1, -1}, 2));
  pbw sequence = {0}, type = {0}, inner = map_value("Y", MLCM_STRING);
  /* the type inside map_value stands after its name: field 2 */
  pbw_bytes(&sequence, 1, inner.data + 2 + 1 + 2, inner.len - 5);
  add(&type, 4, sequence);
  pbw_text(&value, 1, "Y");
  add(&value, 2, type);
  pbw_free(&inner);
  add(&graph, 12, value);
  return make_model(graph, 18);
}

START_TEST(zipmap_comes_out_as_a_table_with_classes) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw model = zipmap_model();
  mlcm_session *s = open_bytes(ctx, &model);
  mlcm_port port = mlcm_session_output(s, 0);
  ck_assert_uint_eq(port.n_classes, 2);
  ck_assert_str_eq(port.classes[0], "no");
  ck_assert_str_eq(port.classes[1], "yes");
  ck_assert(port.dtype == MLCM_F32 && port.rank == 2 && port.shape[0] == -1 && port.shape[1] == 2);
  const float x[] = {0.25f, 0.75f};
  float y[2];
  mlcm_input in = mlcm_input_f32(x, 1, 2);
  mlcm_output out = mlcm_output_f32(y, 2);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_OK);
  ck_assert_mem_eq(x, y, sizeof x);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Memory and threads ---- */

START_TEST(after_the_first_run_nothing_is_allocated) {
  test_memory memory;
  test_memory_init(&memory);
  mlcm_allocator table = test_memory_table(&memory);
  mlcm_context *ctx = test_context(&table, NULL, NULL);
  pbw model = make_gemm_model();
  mlcm_session *s = open_bytes(ctx, &model);
  float x[30] = {0}, y[20];
  size_t calls = 0;
  for (int run = 0; run < 200; run++) {
    mlcm_input in = mlcm_input_f32(x, run == 0 ? 10 : 1 + run % 10, 3);
    mlcm_output out = mlcm_output_f32(y, 20);
    ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_OK);
    if (run == 0) calls = memory.n_calls;
  }
  ck_assert_uint_eq(memory.n_calls, calls);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
  test_memory_check_empty(&memory, "after close");
}
END_TEST

static mlcm_status open_and_run(mlcm_context *ctx, void *user, mlcm_error *e) {
  const pbw *model = user;
  mlcm_model_file file = {"model.onnx", model->data, model->len};
  mlcm_session *s = NULL;
  const float x[] = {0.25f, 0.75f, 1};
  float y[8];
  mlcm_status st = mlcm_session_open(ctx, &file, 1, NULL, &s, e);
  if (!st) {
    mlcm_input in = mlcm_input_f32(x, 1, mlcm_session_input(s, 0).shape[1] == 3 ? 3 : 2);
    mlcm_output out = mlcm_output_f32(y, 8);
    st = mlcm_session_run(s, &in, 1, &out, 1, e);
  }
  mlcm_session_close(s);
  return st;
}

START_TEST(open_and_run_survive_every_failing_allocation) {
  pbw models[] = {make_gemm_model(), zipmap_model()};
  for (size_t i = 0; i < 2; i++) {
    ck_assert_uint_gt(test_fault_memory(open_and_run, NULL, &models[i]), 10);
    pbw_free(&models[i]);
  }
}
END_TEST

typedef struct worker {
  mlcm_session *s;
  int id;
  int wrong;
} worker;

static void *work(void *user) {
  worker *w = user;
  for (int run = 0; run < 2000; run++) {
    int rows = 1 + (run * 7 + w->id) % 5;
    float x[15], y[10];
    for (int i = 0; i < rows * 3; i++) x[i] = (float)(w->id * 100 + run % 50);
    mlcm_input in = mlcm_input_f32(x, rows, 3);
    mlcm_output out = mlcm_output_f32(y, 10);
    w->wrong += mlcm_session_run(w->s, &in, 1, &out, 1, NULL) != MLCM_OK;
    for (int r = 0; r < rows; r++) w->wrong += y[r * 2] != x[0] * 9 + 10 || y[r * 2 + 1] != x[0] * 12 + 20;
  }
  return NULL;
}

START_TEST(many_threads_run_one_session) {
  enum { N = 8 };
  fixture f = gemm();
  pthread_t threads[N];
  worker workers[N];
  for (int i = 0; i < N; i++) {
    workers[i] = (worker){f.s, i, 0};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < N; i++) {
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(workers[i].wrong, 0);
  }
  finish(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_model_runs_by_position,
                          the_signature_is_told,
                          data_null_asks_for_type_and_shape_only,
                          no_rows_give_no_rows,
                          a_row_does_not_depend_on_its_batch,
                          a_wrong_shape_shows_both_sides,
                          a_wrong_type_shows_both_sides,
                          a_wrong_name_shows_the_right_ones,
                          too_little_room_says_how_much_is_needed,
                          misaligned_or_missing_data_is_refused,
                          a_tensor_over_the_limit_is_refused,
                          a_missing_operator_is_named_with_node_domain_and_opset,
                          a_kernel_failure_names_the_node,
                          arguments_of_open_are_checked,
                          files_of_a_model_have_paths_and_data,
                          no_session_has_no_ports_and_small_options_stay_untouched,
                          errors_may_be_left_unread,
                          the_model_is_the_first_file_that_ends_in_onnx,
                          external_data_comes_from_the_files_given,
                          external_data_elsewhere_or_out_of_range_is_refused,
                          made_strings_are_put_behind_the_elements,
                          a_map_goes_in_as_keys_and_values,
                          zipmap_comes_out_as_a_table_with_classes,
                          after_the_first_run_nothing_is_allocated,
                          open_and_run_survive_every_failing_allocation,
                          many_threads_run_one_session};
  return TEST_RUN("infer_session", tests);
}
