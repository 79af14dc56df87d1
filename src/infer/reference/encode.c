/* SPDX-License-Identifier: Apache-2.0
 *
 * encode.c - ai.onnx.ml's OneHotEncoder and CategoryMapper.
 */
#include <string.h>

#include "infer/reference/reference.h"

/* ---- OneHotEncoder: strings by text, numbers as whole numbers ---- */

typedef struct one_hot {
  mlcm__labels cats;
  const mlcm__lookup *positions;
  bool zeros;
} one_hot;

static mlcm_status check_input(const one_hot *p, mlcm_dtype dtype, mlcm_error *err) {
  if (dtype == 0 || (dtype == MLCM_STRING) == (p->cats.strings != NULL)) return MLCM_OK;
  return mlcm__fail(err, MLCM_UNSUPPORTED, "the categories are %s, the input is %s", p->cats.strings != NULL ? "strings" : "ints",
                    mlcm_dtype_name(dtype));
}

static void prepare_one_hot(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  one_hot *p = k->data;
  mlcm__ref_labels(r, "categories", "cats_int64s", "cats_strings", &p->cats);
  p->zeros = mlcm__ref_flag(r, "zeros", true);
  p->positions = mlcm__lookup_labels(r, &p->cats);
  if (r->st == MLCM_OK) r->st = check_input(p, r->node->input_dtypes[0], r->err);
}

static mlcm_status run_one_hot(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const one_hot *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  const bool strings = x->dtype == MLCM_STRING;
  int64_t shape[MLCM_MAX_RANK + 1];
  mlcm_status st = check_input(p, x->dtype, err);
  if (st) return st;
  memcpy(shape, x->shape, sizeof x->shape);
  shape[x->rank] = p->cats.n;
  float *out = call->host->output(call, 0, MLCM_F32, x->rank + 1, shape, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)call->outputs[0]->count * sizeof *out);
  for (int64_t i = 0; i < x->count; i++) {
    int64_t position = strings ? mlcm__lookup_string(p->positions, ((const mlcm_str *)x->data)[i])
                               : mlcm__lookup_int(p->positions, mlcm__int_at(x, i));
    if (position >= 0)
      out[i * p->cats.n + position] = 1;
    else if (!p->zeros)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "element %lld is in none of the %lld categories", (long long)i,
                        (long long)p->cats.n);
  }
  return MLCM_OK;
}

/* ---- CategoryMapper: strings to ints and back ---- */

typedef struct mapper {
  const mlcm__lookup *by_string, *by_int;
  const int64_t *ints;
  const mlcm_str *strings;
  int64_t default_int;
  mlcm_str default_string;
} mapper;

static void prepare_mapper(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  mapper *p = k->data;
  size_t n_ints = 0, n_strings = 0;
  const int64_t *ints = mlcm__ref_ints(r, "cats_int64s", &n_ints);
  const mlcm_str *strings = mlcm__ref_strings(r, "cats_strings", &n_strings);
  p->default_int = mlcm__ref_int(r, "default_int64", -1);
  p->default_string = mlcm__ref_text(r, "default_string", "_Unused");
  if (n_ints != n_strings || n_ints == 0) mlcm__ref_bad(r, MLCM_PARSE, "there are %zu ints for %zu strings", n_ints, n_strings);
  p->ints = mlcm__ref_keep_copy(r, ints, n_ints, sizeof *ints);
  p->strings = mlcm__ref_keep_copy(r, strings, n_strings, sizeof *strings);
  if (r->st) return;
  p->by_string = mlcm__lookup_strings(r, p->strings, n_strings);
  p->by_int = mlcm__lookup_ints(r, p->ints, n_ints);
}

static mlcm_dtype mapper_gives(const mlcm_node *node, size_t i) {
  mlcm_dtype from = node->input_dtypes[0];
  (void)i;
  return from == MLCM_STRING ? MLCM_I64 : from == MLCM_I64 ? MLCM_STRING : 0;
}

static mlcm_status run_mapper(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mapper *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  const bool strings = x->dtype == MLCM_STRING;
  void *out = call->host->output(call, 0, strings ? MLCM_I64 : MLCM_STRING, x->rank, x->shape, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x->count; i++) {
    int64_t position = strings ? mlcm__lookup_string(p->by_string, ((const mlcm_str *)x->data)[i])
                               : mlcm__lookup_int(p->by_int, ((const int64_t *)x->data)[i]);
    if (strings)
      ((int64_t *)out)[i] = position < 0 ? p->default_int : p->ints[position];
    else
      ((mlcm_str *)out)[i] = position < 0 ? p->default_string : p->strings[position];
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("OneHotEncoder", 1, 1, 1), .domain = MLCM__REF_ML, .takes = {MLCM__NUMBERS | MLCM__TEXTS}, .gives = {MLCM_F32},
     .data_bytes = sizeof(one_hot), .prepare = prepare_one_hot, .run = run_one_hot},
    {MLCM__REF_OP("CategoryMapper", 1, 1, 1), .domain = MLCM__REF_ML, .takes = {MLCM__TEXTS | MLCM__I64S},
     .gives_by = mapper_gives, .data_bytes = sizeof(mapper), .prepare = prepare_mapper, .run = run_mapper},
};

const mlcm__ref_family mlcm__ref_encode_family = {OPS, sizeof OPS / sizeof OPS[0]};
