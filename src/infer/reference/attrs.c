/* SPDX-License-Identifier: Apache-2.0
 *
 * attrs.c - what prepare works with: a node's attributes and the kernel's memory. The first failure sticks, so that an operator
 * checks once.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "infer/reference/reference.h"

bool mlcm__ref_text_is(mlcm_str text, const char *word) {
  return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

void mlcm__ref_bad(mlcm__ref_reader *r, mlcm_status code, const char *format, ...) {
  char message[sizeof r->err->message];
  va_list args;
  if (r->st) return;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  r->st = mlcm__fail(r->err, code, "%s", message);
}

/* ---- Memory ---- */

void *mlcm__ref_keep(mlcm__ref_reader *r, size_t count, size_t size) {
  if (r->st) return NULL;
  void *memory = mlcm__arena_alloc(r->arena, count, size);
  if (memory == NULL) r->st = mlcm__fail_memory(r->err, count * size);
  return memory;
}

void *mlcm__ref_keep_copy(mlcm__ref_reader *r, const void *source, size_t count, size_t size) {
  void *copy = mlcm__ref_keep(r, count, size);
  if (copy != NULL && count > 0) memcpy(copy, source, count * size);
  return copy;
}

/* ---- Attributes ---- */

const mlcm_attr *mlcm__ref_attr(const mlcm_node *node, const char *name) {
  for (size_t i = 0; i < node->n_attrs; i++)
    if (mlcm__ref_text_is(node->attrs[i].name, name)) return &node->attrs[i];
  return NULL;
}

static const mlcm_attr *typed(mlcm__ref_reader *r, const char *name, int32_t kind) {
  static const mlcm_attr none = {0};
  const mlcm_attr *a = r->st == MLCM_OK ? mlcm__ref_attr(r->node, name) : NULL;
  if (a == NULL) return &none;
  if (a->kind == kind) return a;
  mlcm__ref_bad(r, MLCM_PARSE, "attribute '%s' is of kind %d, %d is needed", name, (int)a->kind, (int)kind);
  return &none;
}

int64_t mlcm__ref_int(mlcm__ref_reader *r, const char *name, int64_t fallback) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_INT);
  return a->kind != 0 ? a->i : fallback;
}

bool mlcm__ref_flag(mlcm__ref_reader *r, const char *name, bool fallback) { return mlcm__ref_int(r, name, fallback) != 0; }

double mlcm__ref_float(mlcm__ref_reader *r, const char *name, double fallback) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_FLOAT);
  return a->kind != 0 ? (double)a->f : fallback;
}

mlcm_str mlcm__ref_text(mlcm__ref_reader *r, const char *name, const char *fallback) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_STRING);
  return a->kind != 0 ? a->s : (mlcm_str){fallback, strlen(fallback)};
}

int mlcm__ref_choice(mlcm__ref_reader *r, const char *name, const char *const *words, int n) {
  mlcm_str text = mlcm__ref_text(r, name, words[0]);
  for (int i = 0; i < n; i++)
    if (mlcm__ref_text_is(text, words[i])) return i;
  mlcm__ref_bad(r, MLCM_PARSE, "%s '%.*s' is unknown", name, text.len < 40 ? (int)text.len : 40, text.ptr);
  return 0;
}

const int64_t *mlcm__ref_ints(mlcm__ref_reader *r, const char *name, size_t *n) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_INTS);
  *n = a->n;
  return a->ints;
}

const float *mlcm__ref_floats(mlcm__ref_reader *r, const char *name, size_t *n) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_FLOATS);
  *n = a->n;
  return a->floats;
}

const mlcm_str *mlcm__ref_strings(mlcm__ref_reader *r, const char *name, size_t *n) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_STRINGS);
  *n = a->n;
  return a->strings;
}

const mlcm_tensor *mlcm__ref_tensor(mlcm__ref_reader *r, const char *name) { return typed(r, name, MLCM_ATTR_TENSOR)->tensor; }

static const double *doubles_of_tensor(mlcm__ref_reader *r, const char *name, const mlcm_tensor *t, size_t *n) {
  if (!mlcm__is_real(t->dtype)) {
    mlcm__ref_bad(r, MLCM_PARSE, "attribute '%s' is a tensor of %s, floating numbers are needed", name,
                  mlcm_dtype_name(t->dtype));
    return NULL;
  }
  double *out = mlcm__ref_keep(r, (size_t)t->count, sizeof *out);
  if (out == NULL) return NULL;
  mlcm__load_f64(out, t, 0, 1, t->count);
  *n = (size_t)t->count;
  return out;
}

const double *mlcm__ref_doubles(mlcm__ref_reader *r, const char *name, const char *tensor_name, size_t *n) {
  const mlcm_tensor *t = tensor_name != NULL ? mlcm__ref_tensor(r, tensor_name) : NULL;
  size_t n_floats = 0;
  *n = 0;
  if (t != NULL) return doubles_of_tensor(r, tensor_name, t, n);
  const float *floats = mlcm__ref_floats(r, name, &n_floats);
  double *out = mlcm__ref_keep(r, n_floats, sizeof *out);
  if (out == NULL) return NULL;
  for (size_t i = 0; i < n_floats; i++) out[i] = (double)floats[i];
  *n = n_floats;
  return out;
}

void mlcm__ref_int_list(mlcm__ref_reader *r, const char *name, size_t cap, mlcm__int_list *out) {
  size_t n = 0;
  const int64_t *list = mlcm__ref_ints(r, name, &n);
  if (n > cap) {
    mlcm__ref_bad(r, MLCM_LIMIT, "'%s' has %zu elements, at most %zu are supported", name, n, cap);
    return;
  }
  out->given = list != NULL;
  out->n = n;
  if (n > 0) memcpy(out->at, list, n * sizeof *list);
}

/* ---- Operators that have but an axis ---- */

const int64_t mlcm__ref_axis_first = 0, mlcm__ref_axis_second = 1, mlcm__ref_axis_last = -1;

void mlcm__ref_prepare_axis(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  *(int64_t *)k->data = mlcm__ref_int(r, "axis", *(const int64_t *)k->op->variant);
}
