/* SPDX-License-Identifier: Apache-2.0
 *
 * attrs.c - reads a node's attributes; the first wrong kind sticks, so that an operator checks once.
 */
#include <string.h>

#include "infer/reference/reference.h"

bool mlcm__ref_text_is(mlcm_str text, const char *word) {
  return text.len == strlen(word) && (text.len == 0 || memcmp(text.ptr, word, text.len) == 0);
}

mlcm__ref_reader mlcm__ref_read(const mlcm_node *node, mlcm_error *err) { return (mlcm__ref_reader){.node = node, .err = err}; }

const mlcm_attr *mlcm__ref_attr(const mlcm_node *node, const char *name) {
  for (size_t i = 0; i < node->n_attrs; i++)
    if (mlcm__ref_text_is(node->attrs[i].name, name)) return &node->attrs[i];
  return NULL;
}

static const mlcm_attr *typed(mlcm__ref_reader *r, const char *name, int32_t kind) {
  const mlcm_attr *a = r->st == MLCM_OK ? mlcm__ref_attr(r->node, name) : NULL;
  if (a == NULL || a->kind == kind) return a;
  r->st = mlcm__fail(r->err, MLCM_PARSE, "attribute '%s' is of kind %d, %d is needed", name, (int)a->kind, (int)kind);
  return NULL;
}

int64_t mlcm__ref_int(mlcm__ref_reader *r, const char *name, int64_t fallback) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_INT);
  return a != NULL ? a->i : fallback;
}

double mlcm__ref_float(mlcm__ref_reader *r, const char *name, double fallback) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_FLOAT);
  return a != NULL ? (double)a->f : fallback;
}

mlcm_str mlcm__ref_text(mlcm__ref_reader *r, const char *name, const char *fallback) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_STRING);
  return a != NULL ? a->s : (mlcm_str){fallback, strlen(fallback)};
}

const int64_t *mlcm__ref_ints(mlcm__ref_reader *r, const char *name, size_t *n) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_INTS);
  *n = a != NULL ? a->n : 0;
  return a != NULL ? a->ints : NULL;
}

const float *mlcm__ref_floats(mlcm__ref_reader *r, const char *name, size_t *n) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_FLOATS);
  *n = a != NULL ? a->n : 0;
  return a != NULL ? a->floats : NULL;
}

const mlcm_str *mlcm__ref_strings(mlcm__ref_reader *r, const char *name, size_t *n) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_STRINGS);
  *n = a != NULL ? a->n : 0;
  return a != NULL ? a->strings : NULL;
}

const mlcm_tensor *mlcm__ref_tensor(mlcm__ref_reader *r, const char *name) {
  const mlcm_attr *a = typed(r, name, MLCM_ATTR_TENSOR);
  return a != NULL ? a->tensor : NULL;
}

const double *mlcm__ref_doubles(mlcm__ref_reader *r, mlcm__ref_kernel *k, const char *name, const char *tensor_name, size_t *n) {
  const mlcm_tensor *t = tensor_name != NULL ? mlcm__ref_tensor(r, tensor_name) : NULL;
  const float *floats = t == NULL ? mlcm__ref_floats(r, name, n) : NULL;
  if (r->st != MLCM_OK || (t == NULL && floats == NULL)) return NULL;
  if (t != NULL && mlcm__lane_kind(t->dtype) != MLCM__LANE_F) {
    r->st = mlcm__fail(r->err, MLCM_PARSE, "attribute '%s' is a tensor of %s, numbers are needed", tensor_name,
                       mlcm_dtype_name(t->dtype));
    return NULL;
  }
  if (t != NULL) *n = (size_t)t->count;
  double *out = mlcm__ref_keep(k, *n, sizeof *out, r->err);
  if (out == NULL) {
    r->st = r->err->code;
    return NULL;
  }
  if (t != NULL) mlcm__load_f64(out, t, 0, 1, t->count);
  for (size_t i = 0; t == NULL && i < *n; i++) out[i] = (double)floats[i];
  return out;
}
