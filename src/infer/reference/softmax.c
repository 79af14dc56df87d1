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

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  *(int64_t *)k->data = mlcm__ref_int(r, "axis", r->node->opset < 13 ? 1 : -1);
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

/* What is normalised together. Before opset 13 the axis may be one past the last: rows of one element. */
static mlcm_status lines_of(const mlcm__ref_kernel *k, const mlcm_tensor *x, mlcm__lines *out, mlcm_error *err) {
  int64_t axis = *(const int64_t *)k->data;
  int32_t at = x->rank;
  bool old = k->opset < 13, past = old && axis == x->rank;
  mlcm_status st = past ? MLCM_OK : mlcm__ref_axis(axis, x->rank, &at, err);
  if (st) return st;
  if (old)
    *out = (mlcm__lines){mlcm__product(x->shape, 0, at), mlcm__product(x->shape, at, x->rank), 1};
  else
    *out = mlcm__lines_along(x, at);
  return MLCM_OK;
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const variant *v = k->op->variant;
  const mlcm_tensor *x = call->inputs[0];
  mlcm__lines lines = {0};
  mlcm_status st = lines_of(k, x, &lines, err);
  if (st) return st;
  void *out = mlcm__ref_output_like(call, x, err);
  if (out == NULL) return err->code;
  double *row = mlcm__ref_scratch(call, lines.length, err);
  if (row == NULL) return err->code;
  for (int64_t i = 0; x->count > 0 && i < lines.n_lines; i++) {
    int64_t start = mlcm__line_start(&lines, i, lines.length);
    mlcm__load_f64(row, x, start, lines.step, lines.length);
    if (v->how == HARDMAX)
      hard(row, lines.length);
    else
      soft(row, lines.length, v->how == LOG_SOFTMAX);
    mlcm__store_line(x->dtype, out, start, lines.step, row, lines.length);
  }
  return MLCM_OK;
}

#define OP(name_, how_)                                                                                                          \
  {                                                                                                                              \
    .name = name_, .since = 1, .min_inputs = 1, .max_inputs = 1, .takes = {MLCM__REALS}, .gives = {MLCM__LIKE_0},                \
    .data_bytes = sizeof(int64_t), .prepare = prepare, .run = run, .variant = &(const variant) {                                 \
      how_                                                                                                                       \
    }                                                                                                                            \
  }

static const mlcm__ref_op OPS[] = {OP("Softmax", SOFTMAX), OP("LogSoftmax", LOG_SOFTMAX), OP("Hardmax", HARDMAX)};

const mlcm__ref_family mlcm__ref_softmax_family = {OPS, sizeof OPS / sizeof OPS[0]};
