/* SPDX-License-Identifier: Apache-2.0
 *
 * encode.c - ai.onnx.ml's OneHotEncoder and CategoryMapper.
 */
#include <string.h>

#include "infer/reference/reference.h"

/* Position of element i of a tensor among the categories: strings by text, numbers as whole numbers. */
static mlcm_status position_of(const mlcm_tensor *x, int64_t i, bool strings, const mlcm__lookup *cats, int64_t *out,
                               mlcm_error *err) {
  int64_t whole = 0;
  double real = 0;
  if ((x->dtype == MLCM_STRING) != strings)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the categories are %s, the input is %s", strings ? "strings" : "ints",
                      mlcm_dtype_name(x->dtype));
  if (strings) {
    *out = mlcm__lookup_string(cats, ((const mlcm_str *)x->data)[i]);
    return MLCM_OK;
  }
  if (mlcm__lane_kind(x->dtype) == MLCM__LANE_F) {
    mlcm__load_f64(&real, x, i, 1, 1);
    whole = mlcm__f64_to_int(MLCM_I64, real);
  } else {
    mlcm__load_i64(&whole, x, i, 1, 1);
  }
  *out = mlcm__lookup_int(cats, whole);
  return MLCM_OK;
}

/* ---- OneHotEncoder ---- */

typedef struct one_hot {
  bool strings, zeros;
  const mlcm__lookup *cats;
  int64_t n;
} one_hot;

static mlcm_status prepare_one_hot(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  one_hot *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  size_t n_ints = 0, n_strings = 0;
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  const int64_t *ints = mlcm__ref_ints(&r, "cats_int64s", &n_ints);
  const mlcm_str *strings = mlcm__ref_strings(&r, "cats_strings", &n_strings);
  p->zeros = mlcm__ref_int(&r, "zeros", 1) != 0;
  if (r.st) return r.st;
  if ((n_ints == 0) == (n_strings == 0))
    return mlcm__fail(err, MLCM_PARSE, "categories must be given either as ints or as strings");
  p->strings = n_strings > 0;
  p->n = (int64_t)(n_ints + n_strings);
  k->data = p;
  return p->strings ? mlcm__lookup_strings(k, strings, n_strings, &p->cats, err)
                    : mlcm__lookup_ints(k, ints, n_ints, &p->cats, err);
}

static mlcm_status run_one_hot(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const one_hot *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK + 1];
  memcpy(shape, x->shape, sizeof x->shape);
  shape[x->rank] = p->n;
  float *out = call->host->output(call, 0, MLCM_F32, x->rank + 1, shape, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)call->outputs[0]->count * sizeof *out);
  for (int64_t i = 0; i < x->count; i++) {
    int64_t position = -1;
    mlcm_status st = position_of(x, i, p->strings, p->cats, &position, err);
    if (st) return st;
    if (position >= 0)
      out[i * p->n + position] = 1;
    else if (!p->zeros)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "element %lld is in none of the %lld categories", (long long)i,
                        (long long)p->n);
  }
  return MLCM_OK;
}

/* ---- CategoryMapper: strings to ints and back ---- */

typedef struct mapper {
  const mlcm__lookup *by_string, *by_int;
  int64_t *ints;
  mlcm_str *strings;
  int64_t default_int;
  mlcm_str default_string;
} mapper;

static mlcm_status prepare_mapper(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  mapper *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  size_t n_ints = 0, n_strings = 0;
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  const int64_t *ints = mlcm__ref_ints(&r, "cats_int64s", &n_ints);
  const mlcm_str *strings = mlcm__ref_strings(&r, "cats_strings", &n_strings);
  p->default_int = mlcm__ref_int(&r, "default_int64", -1);
  p->default_string = mlcm__ref_text(&r, "default_string", "_Unused");
  if (r.st) return r.st;
  if (n_ints != n_strings || n_ints == 0)
    return mlcm__fail(err, MLCM_PARSE, "there are %zu ints for %zu strings", n_ints, n_strings);
  p->ints = mlcm__ref_keep(k, n_ints, sizeof *ints, err);
  p->strings = mlcm__ref_keep(k, n_ints, sizeof *strings, err);
  if (p->ints == NULL || p->strings == NULL) return err->code;
  memcpy(p->ints, ints, n_ints * sizeof *ints);
  memcpy(p->strings, strings, n_ints * sizeof *strings);
  k->data = p;
  mlcm_status st = mlcm__lookup_strings(k, strings, n_strings, &p->by_string, err);
  return st ? st : mlcm__lookup_ints(k, ints, n_ints, &p->by_int, err);
}

static mlcm_status run_mapper(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mapper *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  if (x->dtype != MLCM_STRING && x->dtype != MLCM_I64) return mlcm__ref_wrong_dtype(x, err);
  void *out = call->host->output(call, 0, x->dtype == MLCM_STRING ? MLCM_I64 : MLCM_STRING, x->rank, x->shape, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x->count; i++) {
    if (x->dtype == MLCM_STRING) {
      int64_t position = mlcm__lookup_string(p->by_string, ((const mlcm_str *)x->data)[i]);
      ((int64_t *)out)[i] = position < 0 ? p->default_int : p->ints[position];
    } else {
      int64_t position = mlcm__lookup_int(p->by_int, ((const int64_t *)x->data)[i]);
      ((mlcm_str *)out)[i] = position < 0 ? p->default_string : p->strings[position];
    }
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"OneHotEncoder", MLCM__REF_ML, 1, 0, 1, 1, prepare_one_hot, run_one_hot, NULL},
    {"CategoryMapper", MLCM__REF_ML, 1, 0, 1, 1, prepare_mapper, run_mapper, NULL},
};

const mlcm__ref_family mlcm__ref_encode_family = {OPS, sizeof OPS / sizeof OPS[0]};
