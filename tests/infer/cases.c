/* SPDX-License-Identifier: Apache-2.0
 *
 * cases.c - reads a case, runs it, compares.
 */
#include "infer/cases.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/onnx.h"
#include "infer/reference/reference.h"

enum { MAX_TENSORS = 64 };

typedef struct tensor {
  char *bytes; /* of the file: raw data and strings point into it */
  mlcm_tensor t;
} tensor;

typedef struct test_case {
  mlcm_context *ctx;
  char *model;
  size_t model_len;
  tensor inputs[MAX_TENSORS], outputs[MAX_TENSORS];
  size_t n_inputs, n_outputs;
  mlcm_session *session;
  mlcm_output got[MAX_TENSORS];
  char *why;
} test_case;

static char *read_file(const char *path, size_t *len) {
  FILE *f = fopen(path, "rb");
  char *bytes = NULL;
  long size = -1;
  if (f != NULL && fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0)
    bytes = malloc((size_t)size + 1);
  if (bytes != NULL && fread(bytes, 1, (size_t)size, f) != (size_t)size) {
    free(bytes);
    bytes = NULL;
  }
  if (f != NULL) fclose(f);
  if (bytes != NULL) *len = (size_t)size;
  return bytes;
}

/* ---- Reading ---- */

static int read_tensor(const char *path, tensor *out, char *why) {
  mlcm__onnx_tensor source;
  mlcm_error err;
  size_t len = 0;
  out->bytes = read_file(path, &len);
  if (out->bytes == NULL) return CASE_FAIL;
  if (mlcm__onnx_read_tensor(path, out->bytes, len, &source, &err) != MLCM_OK || source.form == MLCM__ONNX_EXTERNAL) {
    snprintf(why, 512, "%.200s: %.200s", path, err.message);
    return CASE_SKIP;
  }
  size_t size = mlcm_dtype_size(source.dtype), bytes = (size_t)source.count * size;
  out->t =
      (mlcm_tensor){.dtype = source.dtype, .rank = source.rank, .count = source.count, .data = malloc(bytes > 0 ? bytes : 1)};
  memcpy(out->t.shape, source.shape, sizeof out->t.shape);
  if (source.form == MLCM__ONNX_RAW)
    memcpy(out->t.data, source.raw.ptr, bytes);
  else if (mlcm__onnx_tensor_elements(&source, out->t.data, &err) != MLCM_OK)
    return CASE_SKIP;
  return CASE_PASS;
}

static int read_tensors(const char *folder, const char *kind, tensor *out, size_t *n, char *why) {
  char path[1024];
  struct stat info;
  for (*n = 0; *n < MAX_TENSORS; ++*n) {
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%zu.pb", folder, kind, *n);
    if (stat(path, &info) != 0) return CASE_PASS;
    int end = read_tensor(path, &out[*n], why);
    if (end != CASE_PASS) {
      ++*n;
      return end;
    }
  }
  return CASE_PASS;
}

static void free_case(test_case *c) {
  for (size_t i = 0; i < c->n_inputs; i++) {
    free(c->inputs[i].t.data);
    free(c->inputs[i].bytes);
  }
  for (size_t i = 0; i < c->n_outputs; i++) {
    free(c->outputs[i].t.data);
    free(c->outputs[i].bytes);
    free(c->got[i].data);
  }
  mlcm_session_close(c->session);
  mlcm_context_free(c->ctx);
  free(c->model);
}

/* ---- Comparing ---- */

static bool same_number(double a, double b, case_tolerance tolerance) {
  if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
  if (isinf(a) || isinf(b)) return a == b;
  return fabs(a - b) <= tolerance.absolute + tolerance.relative * fabs(b);
}

static bool same_element(const mlcm_tensor *got, const mlcm_tensor *want, int64_t i, case_tolerance tolerance, char *why) {
  if (want->dtype == MLCM_STRING) {
    mlcm_str a = ((const mlcm_str *)got->data)[i], b = ((const mlcm_str *)want->data)[i];
    bool same = a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
    if (!same) snprintf(why, 200, "element %lld is '%.*s' instead of '%.*s'", (long long)i, (int)a.len, a.ptr, (int)b.len, b.ptr);
    return same;
  }
  double a = 0, b = 0;
  mlcm__load_f64(&a, got, i, 1, 1);
  mlcm__load_f64(&b, want, i, 1, 1);
  bool same = same_number(a, b, tolerance);
  if (!same) snprintf(why, 200, "element %lld is %.9g instead of %.9g", (long long)i, a, b);
  return same;
}

static int compare(const mlcm_output *output, const mlcm_tensor *want, case_tolerance tolerance, size_t index, char *why) {
  mlcm_tensor got = {.dtype = output->dtype, .rank = output->rank, .data = output->data};
  char got_shape[120], want_shape[120], detail[200] = "";
  memcpy(got.shape, output->shape, sizeof got.shape);
  mlcm__shape_text(got_shape, got.rank, got.shape);
  mlcm__shape_text(want_shape, want->rank, want->shape);
  if (got.dtype != want->dtype || strcmp(got_shape, want_shape) != 0) {
    snprintf(why, 512, "output %zu is %s %s instead of %s %s", index, mlcm_dtype_name(got.dtype), got_shape,
             mlcm_dtype_name(want->dtype), want_shape);
    return CASE_FAIL;
  }
  for (int64_t i = 0; i < want->count; i++) {
    if (same_element(&got, want, i, tolerance, detail)) continue;
    snprintf(why, 512, "output %zu: %s", index, detail);
    return CASE_FAIL;
  }
  return CASE_PASS;
}

/* ---- Running ---- */

static int open_session(test_case *c) {
  mlcm_error err;
  mlcm_model_file file = {"model.onnx", c->model, c->model_len};
  mlcm_status st = mlcm_session_open(c->ctx, &file, 1, NULL, &c->session, &err);
  if (st == MLCM_OK) return CASE_PASS;
  snprintf(c->why, 512, "open: %.490s", err.message);
  return st == MLCM_UNSUPPORTED ? CASE_SKIP : CASE_FAIL;
}

static int run_session(test_case *c) {
  mlcm_input inputs[MAX_TENSORS] = {0};
  mlcm_error err;
  for (size_t i = 0; i < c->n_inputs; i++) {
    const mlcm_tensor *t = &c->inputs[i].t;
    inputs[i] = (mlcm_input){.data = t->data, .dtype = t->dtype, .rank = t->rank};
    memcpy(inputs[i].shape, t->shape, sizeof t->shape);
  }
  for (size_t i = 0; i < c->n_outputs; i++) {
    size_t room = (size_t)c->outputs[i].t.count * 16 + 65536;
    c->got[i] = (mlcm_output){.data = malloc(room), .capacity_bytes = room};
  }
  mlcm_status st = mlcm_session_run(c->session, inputs, c->n_inputs, c->got, c->n_outputs, &err);
  if (st == MLCM_OK) return CASE_PASS;
  snprintf(c->why, 512, "run: %.490s", err.message);
  return st == MLCM_UNSUPPORTED ? CASE_SKIP : CASE_FAIL;
}

int case_run(const char *folder, case_tolerance tolerance, char why[512]) {
  char path[1024];
  test_case c = {.why = why};
  why[0] = '\0';
  snprintf(path, sizeof path, "%s/model.onnx", folder);
  c.model = read_file(path, &c.model_len);
  int end = c.model != NULL && mlcm_context_new(NULL, &c.ctx, NULL) == MLCM_OK ? CASE_PASS : CASE_FAIL;
  if (end == CASE_PASS) end = open_session(&c);
  if (end == CASE_PASS) end = read_tensors(folder, "input", c.inputs, &c.n_inputs, why);
  if (end == CASE_PASS) end = read_tensors(folder, "output", c.outputs, &c.n_outputs, why);
  if (end == CASE_PASS) end = run_session(&c);
  for (size_t i = 0; end == CASE_PASS && i < c.n_outputs; i++) end = compare(&c.got[i], &c.outputs[i].t, tolerance, i, why);
  if (end == CASE_PASS && c.n_outputs == 0) end = CASE_SKIP;
  free_case(&c);
  return end;
}

/* ---- Folders ---- */

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

int case_each(const char *folder, void (*visit)(const char *path, const char *name, void *user), void *user) {
  struct dirent **entries = NULL;
  char path[1024];
  struct stat info;
  int n_entries = scandir(folder, &entries, visible, alphasort), n = 0;
  for (int i = 0; i < n_entries; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
      visit(path, entries[i]->d_name, user);
      n++;
    }
    free(entries[i]);
  }
  free(entries);
  return n;
}
