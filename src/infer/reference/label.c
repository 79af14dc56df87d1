/* SPDX-License-Identifier: Apache-2.0
 *
 * label.c - ai.onnx.ml's LabelEncoder in all its forms: classes_strings (opset 1), keys_* and values_* lists (2), tensors (4).
 *
 * Keys and values are brought to one form first: a list of a type, which is string, i64 or a floating type.
 */
#include <string.h>

#include "infer/reference/reference.h"

/* A list of keys or values. */
typedef struct list {
  mlcm_dtype dtype; /* 0: none */
  size_t n;
  const mlcm_str *strings;
  const int64_t *ints;
  const double *reals;
} list;

typedef struct encoder {
  list keys, values;
  const mlcm__lookup *by_key;
  list fallback;  /* one value */
  bool both_ways; /* opset 1: a string gives its index, an index its string */
} encoder;

static mlcm_status list_of_tensor(mlcm__ref_reader *r, mlcm__ref_kernel *k, const char *name, list *out) {
  const mlcm_tensor *t = mlcm__ref_tensor(r, name);
  if (t == NULL) return r->st;
  int kind = mlcm__lane_kind(t->dtype);
  size_t n = (size_t)t->count;
  *out = (list){.dtype = t->dtype, .n = n};
  void *memory = mlcm__ref_keep(k, n, kind == MLCM__LANE_S ? sizeof(mlcm_str) : 8, r->err);
  if (memory == NULL) return r->st = r->err->code;
  if (kind == MLCM__LANE_S && n > 0) memcpy(memory, t->data, n * sizeof(mlcm_str));
  if (kind == MLCM__LANE_F) mlcm__load_f64(memory, t, 0, 1, t->count);
  if (kind == MLCM__LANE_I || kind == MLCM__LANE_U) mlcm__load_i64(memory, t, 0, 1, t->count);
  out->strings = kind == MLCM__LANE_S ? memory : NULL;
  out->reals = kind == MLCM__LANE_F ? memory : NULL;
  out->ints = kind == MLCM__LANE_I || kind == MLCM__LANE_U ? memory : NULL;
  return MLCM_OK;
}

static mlcm_status list_of_attrs(mlcm__ref_reader *r, mlcm__ref_kernel *k, const char *strings, const char *ints,
                                 const char *floats, list *out) {
  size_t n_strings = 0, n_ints = 0, n_floats = 0;
  const mlcm_str *s = mlcm__ref_strings(r, strings, &n_strings);
  const int64_t *i = mlcm__ref_ints(r, ints, &n_ints);
  const double *f = mlcm__ref_doubles(r, k, floats, NULL, &n_floats);
  mlcm_str *own_s = mlcm__ref_keep(k, n_strings, sizeof *own_s, r->err);
  int64_t *own_i = mlcm__ref_keep(k, n_ints, sizeof *own_i, r->err);
  if (r->st) return r->st;
  if (own_s == NULL || own_i == NULL) return r->st = r->err->code;
  if (n_strings > 0) memcpy(own_s, s, n_strings * sizeof *s);
  if (n_ints > 0) memcpy(own_i, i, n_ints * sizeof *i);
  if (n_strings > 0)
    *out = (list){.dtype = MLCM_STRING, .n = n_strings, .strings = own_s};
  else if (n_ints > 0)
    *out = (list){.dtype = MLCM_I64, .n = n_ints, .ints = own_i};
  else if (n_floats > 0)
    *out = (list){.dtype = MLCM_F32, .n = n_floats, .reals = f};
  return MLCM_OK;
}

/* What an unknown key gives: default_tensor, or default_string, _int64, _float by the values' type. */
static mlcm_status read_fallback(mlcm__ref_reader *r, mlcm__ref_kernel *k, encoder *e) {
  mlcm_str *s = mlcm__ref_keep(k, 1, sizeof *s, r->err);
  int64_t *i = mlcm__ref_keep(k, 1, sizeof *i, r->err);
  double *f = mlcm__ref_keep(k, 1, sizeof *f, r->err);
  if (s == NULL || i == NULL || f == NULL) return r->st = r->err->code;
  mlcm_status st = list_of_tensor(r, k, "default_tensor", &e->fallback);
  if (st || (e->fallback.n == 1 && e->fallback.dtype == e->values.dtype)) return st;
  *s = mlcm__ref_text(r, "default_string", "_Unused");
  *i = mlcm__ref_int(r, "default_int64", -1);
  *f = mlcm__ref_float(r, "default_float", -0.0);
  e->fallback = (list){.dtype = e->values.dtype, .n = 1, .strings = s, .ints = i, .reals = f};
  return r->st;
}

static mlcm_status index_keys(mlcm__ref_kernel *k, encoder *e, mlcm_error *err) {
  if (e->keys.strings != NULL) return mlcm__lookup_strings(k, e->keys.strings, e->keys.n, &e->by_key, err);
  if (e->keys.ints != NULL) return mlcm__lookup_ints(k, e->keys.ints, e->keys.n, &e->by_key, err);
  return mlcm__lookup_floats(k, e->keys.reals, e->keys.n, &e->by_key, err);
}

static mlcm_status prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  encoder *e = mlcm__ref_keep(k, 1, sizeof *e, err);
  if (e == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  k->data = e;
  e->both_ways = node->opset == 1;
  mlcm_status st =
      list_of_attrs(&r, k, e->both_ways ? "classes_strings" : "keys_strings", "keys_int64s", "keys_floats", &e->keys);
  if (!st && !e->both_ways) st = list_of_attrs(&r, k, "values_strings", "values_int64s", "values_floats", &e->values);
  if (!st && e->keys.dtype == 0) st = list_of_tensor(&r, k, "keys_tensor", &e->keys);
  if (!st && e->values.dtype == 0 && !e->both_ways) st = list_of_tensor(&r, k, "values_tensor", &e->values);
  if (e->both_ways) e->values.dtype = MLCM_I64;
  if (!st) st = read_fallback(&r, k, e);
  if (st) return st;
  if (e->keys.dtype == 0 || e->values.dtype == 0 || (!e->both_ways && e->keys.n != e->values.n))
    return mlcm__fail(err, MLCM_PARSE, "there are %zu keys for %zu values", e->keys.n, e->values.n);
  return index_keys(k, e, err);
}

static mlcm_status position_of(const encoder *e, const mlcm_tensor *x, int64_t i, int64_t *out, mlcm_error *err) {
  int64_t whole = 0;
  double real = 0;
  int kind = mlcm__lane_kind(x->dtype);
  bool fits = e->keys.strings != NULL ? kind == MLCM__LANE_S
              : e->keys.reals != NULL ? kind == MLCM__LANE_F
                                      : kind == MLCM__LANE_I || kind == MLCM__LANE_U;
  if (!fits)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the keys are %s, the input is %s", mlcm_dtype_name(e->keys.dtype),
                      mlcm_dtype_name(x->dtype));
  if (kind == MLCM__LANE_S) {
    *out = mlcm__lookup_string(e->by_key, ((const mlcm_str *)x->data)[i]);
  } else if (kind == MLCM__LANE_F) {
    mlcm__load_f64(&real, x, i, 1, 1);
    *out = mlcm__lookup_float(e->by_key, real);
  } else {
    mlcm__load_i64(&whole, x, i, 1, 1);
    *out = mlcm__lookup_int(e->by_key, whole);
  }
  return MLCM_OK;
}

static void store(const list *from, size_t at, void *out, int64_t i) {
  switch (mlcm__lane_kind(from->dtype)) {
  case MLCM__LANE_S: ((mlcm_str *)out)[i] = from->strings[at]; break;
  case MLCM__LANE_F: mlcm__store_f64(from->dtype, out, i, &from->reals[at], 1); break;
  default: mlcm__store_i64(from->dtype, out, i, &from->ints[at], 1); break;
  }
}

/* Opset 1 with an index as input. */
static mlcm_status run_backwards(const mlcm__ref_kernel *k, const encoder *e, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  mlcm_str unused = {0};
  (void)k;
  mlcm_str *out = call->host->output(call, 0, MLCM_STRING, x->rank, x->shape, err);
  if (out == NULL) return err->code;
  unused = *e->fallback.strings;
  for (int64_t i = 0; i < x->count; i++) {
    int64_t index = ((const int64_t *)x->data)[i];
    out[i] = index >= 0 && index < (int64_t)e->keys.n ? e->keys.strings[index] : unused;
  }
  return MLCM_OK;
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const encoder *e = k->data;
  const mlcm_tensor *x = call->inputs[0];
  if (e->both_ways && x->dtype == MLCM_I64) return run_backwards(k, e, call, err);
  void *out = call->host->output(call, 0, e->values.dtype, x->rank, x->shape, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x->count; i++) {
    int64_t position = -1;
    mlcm_status st = position_of(e, x, i, &position, err);
    if (st) return st;
    if (position < 0)
      store(&e->fallback, 0, out, i);
    else if (e->both_ways)
      ((int64_t *)out)[i] = position;
    else
      store(&e->values, (size_t)position, out, i);
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {{"LabelEncoder", MLCM__REF_ML, 1, 0, 1, 1, prepare, run, NULL}};

const mlcm__ref_family mlcm__ref_label_family = {OPS, sizeof OPS / sizeof OPS[0]};
