/* SPDX-License-Identifier: Apache-2.0
 *
 * test_operators.c - every operator over its element types and odd shapes against ONNX's reference evaluator
 * (make_operators.py), and what a session with all operators does when memory fails.
 *
 * A family is NAME.onnx and NAME.data: a model whose initializers are the inputs' values and the outputs' answers, by name.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/onnx.h"
#include "infer/reference/reference.h"
#include "support/fault.h"
#include "support/suite.h"

#define FOLDER MLCM_SOURCE_DIR "/tests/infer/operators"

enum { MAX_PORTS = 1024, ROOM = 1 << 14 };

typedef struct bytes {
  char *data;
  size_t len;
} bytes;

typedef struct family {
  char name[64];
  bytes model, data;
  mlcm__arena arena;
  mlcm__onnx_model values;
} family;

static mlcm_error err;

static bytes read_file(const char *name, const char *suffix) {
  char path[512];
  bytes b = {0};
  snprintf(path, sizeof path, "%s/%s%s", FOLDER, name, suffix);
  FILE *f = fopen(path, "rb");
  ck_assert_msg(f != NULL && fseek(f, 0, SEEK_END) == 0, "%s", path);
  b.len = (size_t)ftell(f);
  b.data = malloc(b.len);
  rewind(f);
  ck_assert_uint_eq(fread(b.data, 1, b.len, f), b.len);
  fclose(f);
  return b;
}

static void family_open(family *f, mlcm_context *ctx, const char *name) {
  snprintf(f->name, sizeof f->name, "%.63s", name);
  f->model = read_file(name, ".onnx");
  f->data = read_file(name, ".data");
  mlcm__arena_init(&f->arena, ctx);
  ck_assert_msg(mlcm__onnx_read_model(&f->arena, name, f->data.data, f->data.len, &f->values, &err) == MLCM_OK, "%s",
                err.message);
}

static void family_close(family *f) {
  mlcm__arena_reset(&f->arena);
  free(f->model.data);
  free(f->data.data);
}

/* The value of a port, its elements in the family's arena. */
static mlcm_tensor value_of(family *f, const char *name) {
  for (size_t i = 0; i < f->values.n_initializers; i++) {
    const mlcm__onnx_tensor *t = &f->values.initializers[i];
    if (!mlcm__ref_text_is(t->name, name)) continue;
    mlcm_tensor out = {.dtype = t->dtype, .rank = t->rank, .count = t->count};
    memcpy(out.shape, t->shape, sizeof out.shape);
    out.data = mlcm__arena_alloc(&f->arena, (size_t)t->count, mlcm_dtype_size(t->dtype));
    if (t->form == MLCM__ONNX_RAW)
      memcpy(out.data, t->raw.ptr, t->raw.len);
    else
      ck_assert_int_eq(mlcm__onnx_tensor_elements(t, out.data, &err), MLCM_OK);
    return out;
  }
  ck_abort_msg("%s has no value '%s'", f->name, name);
}

/* One unit in the last place of what the type holds, and a little for other ways to sum. */
static double tolerance_of(mlcm_dtype dtype) {
  return dtype == MLCM_BF16 ? 1e-2 : dtype == MLCM_F16 ? 2e-3 : dtype == MLCM_F32 ? 3e-6 : 1e-12;
}

static bool same_number(mlcm_dtype dtype, double a, double b) {
  if (isnan(b)) return isnan(a);
  return a == b || (mlcm__is_real(dtype) && fabs(a - b) <= tolerance_of(dtype) * (1 + fabs(b)));
}

static void compare(const family *f, const char *name, const mlcm_output *got, const mlcm_tensor *want) {
  char a[120], b[120];
  const mlcm_tensor g = {.dtype = got->dtype, .data = got->data};
  ck_assert_msg(got->dtype == want->dtype &&
                    strcmp(mlcm__shape_text(a, got->rank, got->shape), mlcm__shape_text(b, want->rank, want->shape)) == 0,
                "%s %s is %s %s instead of %s %s", f->name, name, mlcm_dtype_name(got->dtype), a, mlcm_dtype_name(want->dtype),
                b);
  for (int64_t i = 0; i < want->count; i++) {
    if (want->dtype == MLCM_STRING)
      ck_assert_msg(mlcm__same_text(((const mlcm_str *)g.data)[i], ((const mlcm_str *)want->data)[i]), "%s %s: text %d is '%.*s'",
                    f->name, name, (int)i, (int)((const mlcm_str *)g.data)[i].len, ((const mlcm_str *)g.data)[i].ptr);
    else
      ck_assert_msg(same_number(want->dtype, mlcm__f64_at(&g, i), mlcm__f64_at(want, i)), "%s %s: element %d is %.9g, not %.9g",
                    f->name, name, (int)i, mlcm__f64_at(&g, i), mlcm__f64_at(want, i));
  }
}

typedef struct ports {
  mlcm_input inputs[MAX_PORTS];
  mlcm_output outputs[MAX_PORTS];
  size_t n_inputs, n_outputs;
} ports;

static void fill_ports(family *f, const mlcm_session *s, ports *p) {
  p->n_inputs = mlcm_session_n_inputs(s);
  p->n_outputs = mlcm_session_n_outputs(s);
  ck_assert(p->n_inputs <= MAX_PORTS && p->n_outputs <= MAX_PORTS);
  for (size_t i = 0; i < p->n_inputs; i++) {
    mlcm_tensor t = value_of(f, mlcm_session_input(s, i).name);
    p->inputs[i] = (mlcm_input){.data = t.data, .dtype = t.dtype, .rank = t.rank};
    memcpy(p->inputs[i].shape, t.shape, sizeof t.shape);
  }
  for (size_t i = 0; i < p->n_outputs; i++)
    p->outputs[i] = (mlcm_output){.data = mlcm__arena_alloc(&f->arena, ROOM, 1), .capacity_bytes = ROOM};
}

static mlcm_status open_family(mlcm_context *ctx, const family *f, mlcm_session **out, mlcm_error *e) {
  mlcm_model_file file = {"family.onnx", f->model.data, f->model.len};
  return mlcm_session_open(ctx, &file, 1, NULL, out, e);
}

static void each_family(void (*visit)(family *f, mlcm_context *ctx)) {
  struct dirent **entries = NULL;
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  int n = scandir(FOLDER, &entries, NULL, alphasort), visited = 0;
  for (int i = 0; i < n; i++) {
    char *dot = strstr(entries[i]->d_name, ".onnx");
    family f = {0};
    if (dot != NULL) {
      *dot = '\0';
      family_open(&f, ctx, entries[i]->d_name);
      visit(&f, ctx);
      family_close(&f);
      visited++;
    }
    free(entries[i]);
  }
  free(entries);
  mlcm_context_free(ctx);
  ck_assert_int_ge(visited, 10);
}

static void answers(family *f, mlcm_context *ctx) {
  ports *p = calloc(1, sizeof *p);
  mlcm_session *s = NULL;
  ck_assert_msg(open_family(ctx, f, &s, &err) == MLCM_OK, "%s: %s", f->name, err.message);
  fill_ports(f, s, p);
  for (int again = 0; again < 2; again++) { /* the second time with buffers that have been used */
    ck_assert_msg(mlcm_session_run(s, p->inputs, p->n_inputs, p->outputs, p->n_outputs, &err) == MLCM_OK, "%s: %s", f->name,
                  err.message);
    for (size_t i = 0; i < p->n_outputs; i++) {
      mlcm_tensor want = value_of(f, mlcm_session_output(s, i).name);
      compare(f, mlcm_session_output(s, i).name, &p->outputs[i], &want);
    }
  }
  mlcm_session_close(s);
  free(p);
}

START_TEST(every_operator_answers_as_the_reference_evaluator) { each_family(answers); }
END_TEST

typedef struct faulty {
  family *f;
  ports *p;
} faulty;

static mlcm_status open_and_run(mlcm_context *ctx, void *user, mlcm_error *e) {
  faulty *t = user;
  mlcm_session *s = NULL;
  mlcm_status st = open_family(ctx, t->f, &s, e);
  if (!st) st = mlcm_session_run(s, t->p->inputs, t->p->n_inputs, t->p->outputs, t->p->n_outputs, e);
  mlcm_session_close(s);
  return st;
}

static void survives(family *f, mlcm_context *ctx) {
  faulty t = {f, calloc(1, sizeof *t.p)};
  mlcm_session *s = NULL;
  ck_assert_int_eq(open_family(ctx, f, &s, &err), MLCM_OK);
  fill_ports(f, s, t.p);
  mlcm_session_close(s);
  ck_assert_uint_gt(test_fault_memory_sampled(open_and_run, NULL, &t, 61), 10); /* each operator is there many times */
  free(t.p);
}

START_TEST(every_operator_survives_failing_allocations) { each_family(survives); }
END_TEST

int main(void) {
  const TTest *tests[] = {every_operator_answers_as_the_reference_evaluator, every_operator_survives_failing_allocations};
  return TEST_RUN("infer_operators", tests);
}
