/* SPDX-License-Identifier: Apache-2.0
 *
 * test_warm_up.c - models whose inputs cannot be guessed, or are too large or too many, serve without a first run on zeros.
 */
#include "fixture.h"

#include "infer/build.h"

enum { MANY = 65 }; /* one more than a warm-up has places for */

/* A value of which nothing but the type of its elements is said. */
static pbw shapeless(const char *name) {
  pbw value = {0}, type = {0}, tensor = {0};
  pbw_int(&tensor, 1, MLCM_F32);
  add(&type, 1, tensor);
  pbw_text(&value, 1, name);
  add(&value, 2, type);
  return value;
}

/* Y is X. */
static pbw identity(pbw input, pbw output) {
  pbw graph = {0};
  add(&graph, 1, make_node("Identity", "same", "X", "Y"));
  add(&graph, 11, input);
  add(&graph, 12, output);
  return graph;
}

static pbw fixed(int32_t dtype, int64_t rows, int64_t columns) {
  const int64_t dims[2] = {rows, columns};
  return identity(make_value("X", dtype, dims, 2), make_value("Y", dtype, dims, 2));
}

static pbw of_unknown_shape(void) { return identity(shapeless("X"), shapeless("Y")); }
static pbw of_unknown_type(void) { return fixed(0, -1, 4); }
static pbw of_text(void) { return fixed(MLCM_STRING, -1, 1); }
static pbw of_more_bytes_than_there_are(void) { return fixed(MLCM_F32, INT64_C(1) << 40, INT64_C(1) << 40); }
static pbw of_32_mebibytes(void) { return fixed(MLCM_F32, 1024, 8192); }
static pbw of_one_row(void) { return fixed(MLCM_F32, -1, 4); }

/* X + S, where S is the smaller. */
static pbw of_two_sizes(void) {
  pbw graph = {0};
  add(&graph, 1, make_node("Add", "sum", "X S", "Y"));
  add(&graph, 11, make_value("X", MLCM_F32, (const int64_t[]){-1, 4}, 2));
  add(&graph, 11, make_value("S", MLCM_F32, (const int64_t[]){1}, 1));
  add(&graph, 12, make_value("Y", MLCM_F32, (const int64_t[]){-1, 4}, 2));
  return graph;
}

/* One node an output. */
static pbw of_many(int n_inputs, int n_outputs) {
  static const int64_t dims[] = {-1, 1};
  pbw graph = {0};
  for (int i = 0; i < n_inputs || i < n_outputs; ++i) {
    char in[16], out[16];
    snprintf(in, sizeof in, "X%d", i % n_inputs);
    snprintf(out, sizeof out, "Y%d", i % n_outputs);
    if (i < n_outputs) add(&graph, 1, make_node("Identity", out, in, out));
    if (i < n_inputs) add(&graph, 11, make_value(in, MLCM_F32, dims, 2));
    if (i < n_outputs) add(&graph, 12, make_value(out, MLCM_F32, dims, 2));
  }
  return graph;
}

static pbw of_many_inputs(void) { return of_many(MANY, 1); }
static pbw of_many_outputs(void) { return of_many(1, MANY); }

static pbw (*const graphs[])(void) = {of_unknown_shape, of_unknown_type, of_text,      of_more_bytes_than_there_are,
                                      of_32_mebibytes,  of_one_row,      of_two_sizes, of_many_inputs,
                                      of_many_outputs};

START_TEST(model_serves_whatever_a_warm_up_makes_of_it) {
  fixture f;
  mlcm_version *version = NULL;
  set_up(&f);
  char *path = test_path(f.dir, "model.onnx");
  pbw model = make_model(graphs[_i](), 18);
  test_write_file(path, model.data, model.len);
  CHECK_OK(mlcm_register(f.reg, "digits", path, NULL, NULL, &version, err));
  mlcm_version_free(version);
  set_champion(&f, "digits", 1);
  f.ep = open_endpoint(&f, "digits", MLCM_ENDPOINT_MANUAL);
  ck_assert_int_eq(route(f.ep, "k").version, 1);
  ck_assert_uint_eq(info_of(f.ep).load_failures, 0);
  pbw_free(&model);
  free(path);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("endpoint_warm_up");
  TCase *c = tcase_create("all");
  tcase_add_loop_test(c, model_serves_whatever_a_warm_up_makes_of_it, 0, (int)(sizeof graphs / sizeof graphs[0]));
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
