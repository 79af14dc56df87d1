/* SPDX-License-Identifier: Apache-2.0
 *
 * variadic.c - Sum, Mean, Max, Min over any number of inputs, with broadcasting.
 *
 * One pass an input over an accumulator as large as the result, in the order of the inputs.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

typedef union cell {
  double f;
  int64_t i;
  uint64_t u;
} cell;

typedef void fold_fn(cell *acc, const mlcm__lanes *x, int64_t n);

typedef struct variant {
  fold_fn *f, *i, *u;
  bool mean;
} variant;

#define FOLD(name, lane, expression)                                                                                             \
  static void name(cell *acc, const mlcm__lanes *lanes, int64_t n) {                                                             \
    for (int64_t k = 0; k < n; k++) acc[k].lane = (expression);                                                                  \
  }
#define A(lane) acc[k].lane
#define X(lane) lanes->lane[k]

FOLD(sum_f, f, A(f) + X(f))
FOLD(max_f, f, isnan(A(f)) || A(f) > X(f) ? A(f) : X(f))
FOLD(max_i, i, A(i) > X(i) ? A(i) : X(i))
FOLD(max_u, u, A(u) > X(u) ? A(u) : X(u))
FOLD(min_f, f, isnan(A(f)) || A(f) < X(f) ? A(f) : X(f))
FOLD(min_i, i, A(i) < X(i) ? A(i) : X(i))
FOLD(min_u, u, A(u) < X(u) ? A(u) : X(u))
FOLD(copy_u, u, X(u))

static fold_fn *function_for(const variant *v, mlcm_dtype dtype) {
  switch (mlcm__lane_kind(dtype)) {
  case MLCM__LANE_F: return v->f;
  case MLCM__LANE_I: return v->i;
  case MLCM__LANE_U: return v->u;
  default: return NULL;
  }
}

static void fold_input(cell *acc, const mlcm_tensor *t, int32_t rank, const int64_t *shape, fold_fn *fn) {
  int64_t steps[MLCM_MAX_RANK], at = 0;
  mlcm__lanes lanes;
  mlcm__walk w;
  mlcm__broadcast_steps(t, rank, steps);
  mlcm__walk_start(&w, rank, shape, 1, (const int64_t *const[]){steps});
  while (mlcm__walk_row(&w)) {
    for (int64_t i = 0; i < w.inner; i += MLCM__BLOCK) {
      int64_t n = w.inner - i < MLCM__BLOCK ? w.inner - i : MLCM__BLOCK;
      mlcm__load(&lanes, t, w.at[0] + i * w.step[0], w.step[0], n);
      fn(acc + at + i, &lanes, n);
    }
    at += w.inner;
  }
}

static void store(const mlcm_tensor *out, const cell *acc, size_t n_inputs, bool mean) {
  mlcm__lanes lanes;
  for (int64_t at = 0; at < out->count; at += MLCM__BLOCK) {
    int64_t n = out->count - at < MLCM__BLOCK ? out->count - at : MLCM__BLOCK;
    for (int64_t i = 0; i < n; i++) lanes.u[i] = acc[at + i].u;
    for (int64_t i = 0; mean && i < n; i++) lanes.f[i] /= (double)n_inputs;
    mlcm__store(out->dtype, out->data, at, &lanes, n);
  }
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const variant *v = k->op->variant;
  const mlcm_tensor *first = call->inputs[0];
  fold_fn *fn = function_for(v, first->dtype);
  int32_t rank = 0;
  int64_t shape[MLCM_MAX_RANK] = {0};
  mlcm_status st = MLCM_OK;
  if (fn == NULL) return mlcm__ref_wrong_dtype(first, err);
  for (size_t i = 0; !st && i < call->n_inputs; i++) {
    if (call->inputs[i] == NULL || call->inputs[i]->dtype != first->dtype)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the inputs are of different types");
    st = mlcm__broadcast(&rank, shape, call->inputs[i], err);
  }
  if (st) return st;
  if (call->host->output(call, 0, first->dtype, rank, shape, err) == NULL) return err->code;
  cell *acc = call->host->scratch(call, (size_t)call->outputs[0]->count * sizeof *acc, err);
  if (acc == NULL) return err->code;
  fold_input(acc, first, rank, shape, copy_u);
  for (size_t i = 1; i < call->n_inputs; i++) fold_input(acc, call->inputs[i], rank, shape, fn);
  store(call->outputs[0], acc, call->n_inputs, v->mean);
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"Sum", MLCM__REF_CORE, 1, 0, 1, -1, NULL, run, &(const variant){.f = sum_f}},
    {"Mean", MLCM__REF_CORE, 1, 0, 1, -1, NULL, run, &(const variant){.f = sum_f, .mean = true}},
    {"Max", MLCM__REF_CORE, 1, 0, 1, -1, NULL, run, &(const variant){max_f, max_i, max_u, false}},
    {"Min", MLCM__REF_CORE, 1, 0, 1, -1, NULL, run, &(const variant){min_f, min_i, min_u, false}},
};

const mlcm__ref_family mlcm__ref_variadic_family = {OPS, sizeof OPS / sizeof OPS[0]};
