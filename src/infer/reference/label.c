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

/* ---- Load ---- */

static void list_of_tensor(mlcm__ref_reader *r, const char *name, list *out) {
  const mlcm_tensor *t = mlcm__ref_tensor(r, name);
  if (t == NULL) return;
  *out = (list){.dtype = t->dtype, .n = (size_t)t->count};
  if (t->dtype == MLCM_STRING) {
    out->strings = mlcm__ref_keep_copy(r, t->data, out->n, sizeof *out->strings);
  } else if (mlcm__is_real(t->dtype)) {
    size_t n = 0;
    out->reals = mlcm__ref_doubles(r, name, name, &n);
  } else {
    int64_t *ints = mlcm__ref_keep(r, out->n, sizeof *ints);
    if (ints != NULL) mlcm__load_i64(ints, t, 0, 1, t->count);
    out->ints = ints;
  }
}

static void list_of_attrs(mlcm__ref_reader *r, const char *strings, const char *ints, const char *floats, list *out) {
  size_t n_strings = 0, n_ints = 0, n_floats = 0;
  const mlcm_str *s = mlcm__ref_strings(r, strings, &n_strings);
  const int64_t *i = mlcm__ref_ints(r, ints, &n_ints);
  const double *f = mlcm__ref_doubles(r, floats, NULL, &n_floats);
  if (n_strings > 0)
    *out = (list){.dtype = MLCM_STRING, .n = n_strings, .strings = mlcm__ref_keep_copy(r, s, n_strings, sizeof *s)};
  else if (n_ints > 0)
    *out = (list){.dtype = MLCM_I64, .n = n_ints, .ints = mlcm__ref_keep_copy(r, i, n_ints, sizeof *i)};
  else if (n_floats > 0)
    *out = (list){.dtype = MLCM_F32, .n = n_floats, .reals = f};
}

/* What an unknown key gives: default_tensor, or default_string, _int64, _float by the values' type. */
static void read_fallback(mlcm__ref_reader *r, encoder *e) {
  list_of_tensor(r, "default_tensor", &e->fallback);
  if (e->fallback.n == 1 && e->fallback.dtype == e->values.dtype) return;
  const mlcm_str s = mlcm__ref_text(r, "default_string", "_Unused");
  const int64_t i = mlcm__ref_int(r, "default_int64", -1);
  const double f = mlcm__ref_float(r, "default_float", -0.0);
  e->fallback = (list){.dtype = e->values.dtype,
                       .n = 1,
                       .strings = mlcm__ref_keep_copy(r, &s, 1, sizeof s),
                       .ints = mlcm__ref_keep_copy(r, &i, 1, sizeof i),
                       .reals = mlcm__ref_keep_copy(r, &f, 1, sizeof f)};
}

static const mlcm__lookup *index_keys(mlcm__ref_reader *r, const list *keys) {
  if (keys->strings != NULL) return mlcm__lookup_strings(r, keys->strings, keys->n);
  return keys->ints != NULL ? mlcm__lookup_ints(r, keys->ints, keys->n) : mlcm__lookup_floats(r, keys->reals, keys->n);
}

/* The same kind of number will do: i32 for keys that are i64. */
static mlcm_status check_input(const encoder *e, mlcm_dtype dtype, mlcm_error *err) {
  bool fits = dtype == 0 || mlcm__lane_kind(dtype) == mlcm__lane_kind(e->keys.dtype) || (e->both_ways && dtype == MLCM_I64);
  if (fits) return MLCM_OK;
  return mlcm__fail(err, MLCM_UNSUPPORTED, "the keys are %s, the input is %s", mlcm_dtype_name(e->keys.dtype),
                    mlcm_dtype_name(dtype));
}

static void read_lists(mlcm__ref_reader *r, encoder *e) {
  if (e->both_ways) {
    list_of_attrs(r, "classes_strings", "", "", &e->keys);
    e->values.dtype = MLCM_I64;
    e->values.n = e->keys.n;
    return;
  }
  list_of_attrs(r, "keys_strings", "keys_int64s", "keys_floats", &e->keys);
  list_of_attrs(r, "values_strings", "values_int64s", "values_floats", &e->values);
  if (e->keys.dtype == 0) list_of_tensor(r, "keys_tensor", &e->keys);
  if (e->values.dtype == 0) list_of_tensor(r, "values_tensor", &e->values);
}

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  encoder *e = k->data;
  e->both_ways = r->node->opset == 1;
  read_lists(r, e);
  read_fallback(r, e);
  if (e->keys.dtype == 0 || e->values.dtype == 0 || e->keys.n != e->values.n)
    mlcm__ref_bad(r, MLCM_PARSE, "there are %zu keys for %zu values", e->keys.n, e->values.n);
  if (r->st) return;
  e->by_key = index_keys(r, &e->keys);
  if (r->st == MLCM_OK) r->st = check_input(e, r->node->input_dtypes[0], r->err);
}

static mlcm_dtype gives(const mlcm_node *node, size_t i) {
  const mlcm_attr *tensor = mlcm__ref_attr(node, "values_tensor");
  (void)i;
  if (node->opset == 1) return node->input_dtypes[0] == MLCM_STRING ? MLCM_I64 : node->input_dtypes[0] != 0 ? MLCM_STRING : 0;
  if (mlcm__ref_attr(node, "values_strings") != NULL) return MLCM_STRING;
  if (mlcm__ref_attr(node, "values_int64s") != NULL) return MLCM_I64;
  if (mlcm__ref_attr(node, "values_floats") != NULL) return MLCM_F32;
  return tensor != NULL && tensor->tensor != NULL ? tensor->tensor->dtype : 0;
}

/* ---- Run ---- */

static int64_t position_of(const encoder *e, const mlcm_tensor *x, int64_t i) {
  switch (mlcm__lane_kind(x->dtype)) {
  case MLCM__LANE_S: return mlcm__lookup_string(e->by_key, ((const mlcm_str *)x->data)[i]);
  case MLCM__LANE_F: return mlcm__lookup_float(e->by_key, mlcm__f64_at(x, i));
  default: return mlcm__lookup_int(e->by_key, mlcm__i64_at(x, i));
  }
}

static void store(const list *from, size_t at, void *out, int64_t i) {
  switch (mlcm__lane_kind(from->dtype)) {
  case MLCM__LANE_S: ((mlcm_str *)out)[i] = from->strings[at]; break;
  case MLCM__LANE_F: mlcm__store_f64(from->dtype, out, i, &from->reals[at], 1); break;
  default: mlcm__store_i64(from->dtype, out, i, &from->ints[at], 1); break;
  }
}

/* Opset 1 with an index as input. */
static mlcm_status run_backwards(const encoder *e, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  mlcm_str *out = call->host->output(call, 0, MLCM_STRING, x->rank, x->shape, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x->count; i++) {
    int64_t index = ((const int64_t *)x->data)[i];
    out[i] = index >= 0 && index < (int64_t)e->keys.n ? e->keys.strings[index] : *e->fallback.strings;
  }
  return MLCM_OK;
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const encoder *e = k->data;
  const mlcm_tensor *x = call->inputs[0];
  mlcm_status st = check_input(e, x->dtype, err);
  if (st) return st;
  if (e->both_ways && x->dtype == MLCM_I64) return run_backwards(e, call, err);
  void *out = call->host->output(call, 0, e->values.dtype, x->rank, x->shape, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x->count; i++) {
    int64_t position = position_of(e, x, i);
    if (position < 0)
      store(&e->fallback, 0, out, i);
    else if (e->both_ways)
      ((int64_t *)out)[i] = position;
    else
      store(&e->values, (size_t)position, out, i);
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("LabelEncoder", 1, 1, 1), .domain = MLCM__REF_ML, .takes = {MLCM__ANY}, .gives_by = gives,
     .data_bytes = sizeof(encoder), .prepare = prepare, .run = run},
};

const mlcm__ref_family mlcm__ref_label_family = {OPS, sizeof OPS / sizeof OPS[0]};
