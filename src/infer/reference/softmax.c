/* SPDX-License-Identifier: Apache-2.0
 *
 * softmax.c - Softmax, LogSoftmax, Hardmax. Before opset 13 the input is seen as a matrix, split at `axis`.
 */
#include <math.h>

#include "infer/reference/reference.h"

enum { SOFTMAX, LOG_SOFTMAX, HARDMAX };

typedef struct variant {
  int how;
} variant;

typedef struct params {
  int64_t axis;
} params;

static mlcm_status prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  params *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->axis = mlcm__ref_int(&r, "axis", node->opset < 13 ? 1 : -1);
  k->data = p;
  return r.st;
}

static void soft(double *x, int64_t n, bool in_log) {
  double top = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; i++) top = x[i] > top || isnan(x[i]) ? x[i] : top;
  for (int64_t i = 0; i < n; i++) {
    if (in_log)
      sum += exp(x[i] - top);
    else
      sum += x[i] = exp(x[i] - top);
    if (in_log) x[i] -= top;
  }
  double log_sum = in_log ? log(sum) : 0;
  for (int64_t i = 0; i < n; i++) x[i] = in_log ? x[i] - log_sum : x[i] / sum;
}

static void hard(double *x, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
  for (int64_t i = 0; i < n; i++) x[i] = i == best;
}

static void store_strided(const mlcm_tensor *out, int64_t at, int64_t step, const double *x, int64_t n) {
  if (step == 1) mlcm__store_f64(out->dtype, out->data, at, x, n);
  for (int64_t i = 0; step != 1 && i < n; i++) mlcm__store_f64(out->dtype, out->data, at + i * step, &x[i], 1);
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const variant *v = k->op->variant;
  const mlcm_tensor *x = call->inputs[0];
  int64_t axis = ((const params *)k->data)->axis;
  int32_t at = 0;
  if (mlcm__lane_kind(x->dtype) != MLCM__LANE_F) return mlcm__ref_wrong_dtype(x, err);
  bool split = k->opset < 13 && axis == x->rank; /* allowed: rows of one element */
  mlcm_status st = split ? MLCM_OK : mlcm__ref_axis(axis, x->rank, &at, err);
  if (st) return st;
  if (split) at = x->rank;
  int64_t n = k->opset < 13 ? mlcm__product(x->shape, at, x->rank) : x->shape[at];
  int64_t step = k->opset < 13 ? 1 : mlcm__product(x->shape, at + 1, x->rank);
  if (mlcm__ref_output_like(call, x, err) == NULL) return err->code;
  double *row = call->host->scratch(call, (size_t)n * sizeof *row, err);
  if (row == NULL) return err->code;
  for (int64_t block = 0; n > 0 && block < x->count; block += n * step) {
    for (int64_t i = 0; i < step; i++) {
      mlcm__load_f64(row, x, block + i, step, n);
      if (v->how == HARDMAX)
        hard(row, n);
      else
        soft(row, n, v->how == LOG_SOFTMAX);
      store_strided(call->outputs[0], block + i, step, row, n);
    }
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"Softmax", MLCM__REF_CORE, 1, 0, 1, 1, prepare, run, &(const variant){SOFTMAX}},
    {"LogSoftmax", MLCM__REF_CORE, 1, 0, 1, 1, prepare, run, &(const variant){LOG_SOFTMAX}},
    {"Hardmax", MLCM__REF_CORE, 1, 0, 1, 1, prepare, run, &(const variant){HARDMAX}},
};

const mlcm__ref_family mlcm__ref_softmax_family = {OPS, sizeof OPS / sizeof OPS[0]};
