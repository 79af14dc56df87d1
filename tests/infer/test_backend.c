/* SPDX-License-Identifier: Apache-2.0
 *
 * test_backend.c - the contract of mlcm/backend.h, seen from a backend made here.
 */
#include <mlcm/backend.h>

#include <stdio.h>
#include <string.h>

#include "infer/build.h"
#include "support/fault.h"
#include "support/suite.h"

static mlcm_error err;

/* Knows the operators whose names begin with Twice, which double, and counts what the host asks. */
typedef struct counts {
  int supports, prepared, ran, released;
  bool fail_run, is_silent; /* silent: fails without a word */
  int bad_output; /* 1 ...: what run asks for that the host must refuse */
} counts;

static mlcm_status supports(const mlcm_backend *b, const mlcm_node *node, mlcm_error *e) {
  (void)e;
  ((counts *)b->user)->supports++;
  ck_assert_uint_eq(node->struct_size, sizeof *node);
  return node->op.len >= 5 && memcmp(node->op.ptr, "Twice", 5) == 0 ? MLCM_OK : MLCM_UNSUPPORTED;
}

static mlcm_status prepare(const mlcm_backend *b, const mlcm_node *node, void **out, mlcm_error *e) {
  (void)node;
  (void)e;
  ((counts *)b->user)->prepared++;
  *out = b->user;
  return MLCM_OK;
}

static mlcm_status ask_wrongly(int how, mlcm_call *call, mlcm_error *e) {
  static const int64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, endless[] = {INT64_MAX}, large[] = {(int64_t)1 << 40};
  void *got = NULL;
  switch (how) {
  case 1: got = call->host->output(call, 7, MLCM_F32, 1, shape, e); break;
  case 2: got = call->host->output(call, 0, 99, 1, shape, e); break;
  case 3: got = call->host->output(call, 0, MLCM_F32, -1, shape, e); break;
  case 4: got = call->host->output(call, 0, MLCM_F32, 9, shape, e); break;
  case 5: got = call->host->output(call, 0, MLCM_F32, 1, endless, e); break;
  case 6: got = call->host->output(call, 0, MLCM_F32, 1, large, e); break;
  case 7: got = call->host->scratch(call, SIZE_MAX, e); break;
  default: got = call->host->text(call, SIZE_MAX, e); break;
  }
  ck_assert_ptr_null(got);
  return e->code;
}

static mlcm_status run(const mlcm_backend *b, const void *kernel, mlcm_call *call, mlcm_error *e) {
  counts *c = b->user;
  ck_assert_ptr_eq(kernel, b->user);
  ck_assert_uint_eq(call->host->abi_version, MLCM_BACKEND_ABI_VERSION);
  c->ran++;
  if (c->fail_run && c->is_silent) return MLCM_NETWORK;
  if (c->fail_run) {
    strcpy(e->message, "the device is gone");
    return MLCM_IO;
  }
  const mlcm_tensor *x = call->inputs[0];
  if (c->bad_output > 0) return ask_wrongly(c->bad_output, call, e);
  float *scratch = call->host->scratch(call, 1000, e);
  float *y = call->host->output(call, 0, x->dtype, x->rank, x->shape, e);
  ck_assert(y != NULL && scratch != NULL && (uintptr_t)y % 64 == 0 && (uintptr_t)scratch % 64 == 0);
  ck_assert_ptr_ne(y, x->data);
  for (int64_t i = 0; i < x->count; i++) y[i] = 2 * ((const float *)x->data)[i];
  return MLCM_OK;
}

static void release(const mlcm_backend *b, void *kernel) {
  ck_assert_ptr_eq(kernel, b->user);
  ((counts *)b->user)->released++;
}

static mlcm_backend make_backend(counts *c) {
  return (mlcm_backend){.struct_size = sizeof(mlcm_backend),
                        .abi_version = MLCM_BACKEND_ABI_VERSION,
                        .name = "toy",
                        .user = c,
                        .supports = supports,
                        .prepare = prepare,
                        .run = run,
                        .release = release};
}

/* X -> Twice -> Twice -> Twice -> Y, and a fourth whose answer nobody wants. */
static pbw chain(const char *last) {
  pbw graph = {0};
  add(&graph, 1, make_node("Twice", "a", "X", "A"));
  add(&graph, 1, make_node("Twice", "b", "A", "B"));
  add(&graph, 1, make_node("Twice", "unused", "A", "U"));
  add(&graph, 1, make_node(last, "c", "B", "Y"));
  add(&graph, 11, make_value("X", 1, (const int64_t[]){-1, 3}, 2));
  add(&graph, 12, make_value("Y", 1, (const int64_t[]){-1, 3}, 2));
  return make_model(graph, 18);
}

static mlcm_status open_with(mlcm_context *ctx, const mlcm_backend *b, const pbw *model, mlcm_session **out) {
  mlcm_model_file file = {"m.onnx", model->data, model->len};
  mlcm_session_options options;
  mlcm_session_options_init(&options, sizeof options);
  options.table = b;
  return mlcm_session_open(ctx, &file, 1, &options, out, &err);
}

START_TEST(a_backend_of_ones_own_runs_a_model) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  counts c = {0};
  mlcm_backend b = make_backend(&c);
  pbw model = chain("Twice");
  mlcm_session *s = NULL;
  ck_assert_msg(open_with(ctx, &b, &model, &s) == MLCM_OK, "%s", err.message);
  const float x[] = {1, 2, 3};
  float y[3];
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  mlcm_output out = mlcm_output_f32(y, 3);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_OK);
  ck_assert(y[0] == 8 && y[1] == 16 && y[2] == 24);
  ck_assert_int_eq(c.supports, 4);
  ck_assert_int_eq(c.prepared, 3); /* not the one nobody wants */
  ck_assert_int_eq(c.ran, 3);
  c.fail_run = true;
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, &out, 1, &err), MLCM_IO);
  ck_assert_str_eq(err.message, "node 'a' (Twice): the device is gone");
  ck_assert(err.code == MLCM_IO && err.kind == MLCM_KIND_PERMANENT && err.sys_code == 0);
  mlcm_session_close(s);
  ck_assert_int_eq(c.released, 3);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_backend_that_fails_without_a_word_leaves_no_garbage) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  counts c = {.fail_run = true, .is_silent = true};
  mlcm_backend b = make_backend(&c);
  pbw model = chain("Twice");
  mlcm_session *s = NULL;
  const float x[] = {1, 2, 3};
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  memset(&err, 'x', sizeof err);
  ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_OK);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, NULL, 0, &err), MLCM_NETWORK);
  ck_assert_str_eq(err.message, "node 'a' (Twice): no reason is given");
  ck_assert(err.code == MLCM_NETWORK && err.kind == MLCM_KIND_TRANSIENT && err.sys_code == 0 && err.reserved == 0);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(what_it_cannot_do_is_said_with_its_name_before_any_work) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  counts c = {0};
  mlcm_backend b = make_backend(&c);
  pbw model = chain("Thrice");
  mlcm_session *s = NULL;
  ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_UNSUPPORTED);
  ck_assert_str_eq(err.message, "node 'c' needs operator Thrice (ai.onnx opset 18): not in backend 'toy'");
  ck_assert_int_eq(c.prepared, 0);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(what_a_backend_may_not_ask_for_is_refused) {
  static const mlcm_status want[] = {MLCM_INTERNAL, MLCM_INTERNAL, MLCM_LIMIT, MLCM_LIMIT,
                                     MLCM_LIMIT,    MLCM_LIMIT,    MLCM_LIMIT, MLCM_LIMIT};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  counts c = {0};
  mlcm_backend b = make_backend(&c);
  pbw model = chain("Twice");
  mlcm_session *s = NULL;
  const float x[] = {1, 2, 3};
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  mlcm_output out = {0};
  ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_OK);
  for (c.bad_output = 1; c.bad_output <= 8; c.bad_output++)
    ck_assert_msg(mlcm_session_run(s, &in, 1, &out, 1, &err) == want[c.bad_output - 1], "%d: %s", c.bad_output, err.message);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(long_names_of_a_node_that_fails_are_cut) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  counts c = {.fail_run = true};
  mlcm_backend b = make_backend(&c);
  char name[121], op[81] = "Twice";
  memset(name, 'n', 120);
  memset(op + 5, 'o', 75);
  name[120] = op[80] = '\0';
  pbw graph = {0};
  add(&graph, 1, make_node(op, name, "X", "Y"));
  add(&graph, 11, make_value("X", 1, (const int64_t[]){-1, 3}, 2));
  add(&graph, 12, make_value("Y", 1, (const int64_t[]){-1, 3}, 2));
  pbw model = make_model(graph, 18);
  mlcm_session *s = NULL;
  const float x[] = {1, 2, 3};
  char want[256];
  mlcm_input in = mlcm_input_f32(x, 1, 3);
  ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_OK);
  ck_assert_int_eq(mlcm_session_run(s, &in, 1, NULL, 0, &err), MLCM_IO);
  snprintf(want, sizeof want, "node '%.100s' (%.60s): the device is gone", name, op);
  ck_assert_str_eq(err.message, want);
  mlcm_session_close(s);
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(another_major_version_or_an_empty_table_is_refused) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  counts c = {0};
  pbw model = chain("Twice");
  mlcm_session *s = NULL;
  mlcm_backend b = make_backend(&c);
  b.abi_version = 2u << 16;
  ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_UNSUPPORTED);
  b = make_backend(&c);
  b.abi_version += 5; /* a later minor version is fine */
  ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_OK);
  mlcm_session_close(s);
  b = make_backend(&c);
  b.struct_size = 8;
  ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_UNSUPPORTED);
  b.name = NULL;
  ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(err.message, "backend '?'"));
  for (int missing = 0; missing < 5; missing++) {
    b = make_backend(&c);
    if (missing == 0) b.name = NULL;
    if (missing == 1) b.supports = NULL;
    if (missing == 2) b.prepare = NULL;
    if (missing == 3) b.run = NULL;
    if (missing == 4) b.release = NULL;
    ck_assert_int_eq(open_with(ctx, &b, &model, &s), MLCM_INVALID_ARGUMENT);
  }
  pbw_free(&model);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_backend_of_ones_own_runs_a_model, a_backend_that_fails_without_a_word_leaves_no_garbage,
                          what_it_cannot_do_is_said_with_its_name_before_any_work, what_a_backend_may_not_ask_for_is_refused,
                          long_names_of_a_node_that_fails_are_cut,
                          another_major_version_or_an_empty_table_is_refused};
  return TEST_RUN("infer_backend", tests);
}
