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
  fold_fn *fn[MLCM__NUMBER_LANES];
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

static void fold_input(cell *acc, const mlcm_tensor *t, int32_t rank, const int64_t *shape, fold_fn *fn) {
  int64_t steps[MLCM_MAX_RANK], at = 0;
  mlcm__lanes lanes;
  mlcm__walk w;
  mlcm__broadcast_steps(t, rank, steps);
  mlcm__walk_start(&w, rank, shape, 1, (const int64_t *const[]){steps});
  while (mlcm__walk_row(&w)) {
    for (int64_t i = 0; i < w.inner; i += MLCM__BLOCK) {
      int64_t n = mlcm__block_of(w.inner - i);
      mlcm__load(&lanes, t, w.at[0] + i * w.step[0], w.step[0], n);
      fn(acc + at + i, &lanes, n);
    }
    at += w.inner;
  }
}

static void store(const mlcm_tensor *out, const cell *acc, size_t n_inputs, bool mean) {
  mlcm__lanes lanes;
  for (int64_t at = 0; at < out->count; at += MLCM__BLOCK) {
    int64_t n = mlcm__block_of(out->count - at);
    for (int64_t i = 0; i < n; i++) lanes.u[i] = acc[at + i].u;
    for (int64_t i = 0; mean && i < n; i++) lanes.f[i] /= (double)n_inputs;
    mlcm__store(out->dtype, out->data, at, &lanes, n);
  }
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const variant *v = k->op->variant;
  const mlcm_tensor *first = call->inputs[0];
  fold_fn *fn = v->fn[mlcm__lane_kind(first->dtype)];
  int32_t rank = 0;
  int64_t shape[MLCM_MAX_RANK] = {0};
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < call->n_inputs; i++) st = mlcm__broadcast(&rank, shape, call->inputs[i], err);
  if (st) return st;
  if (call->host->output(call, 0, first->dtype, rank, shape, err) == NULL) return err->code;
  cell *acc = (cell *)(void *)mlcm__ref_scratch(call, call->outputs[0]->count, err);
  if (acc == NULL) return err->code;
  fold_input(acc, first, rank, shape, copy_u);
  for (size_t i = 1; i < call->n_inputs; i++) fold_input(acc, call->inputs[i], rank, shape, fn);
  store(call->outputs[0], acc, call->n_inputs, v->mean);
  return MLCM_OK;
}

#define OP(name_, since_, takes_, ...)                                                                                           \
  {                                                                                                                              \
    .name = name_, .since = since_, .min_inputs = 1, .max_inputs = -1, .takes = {takes_, MLCM__SAME}, .gives = {MLCM__LIKE_0},   \
    .run = run, .variant = &(const variant) {                                                                                    \
      .fn = __VA_ARGS__                                                                                                          \
    }                                                                                                                            \
  }

static const mlcm__ref_op OPS[] = {
    OP("Sum", 1, MLCM__REALS, {sum_f}),
    OP("Mean", 1, MLCM__REALS, {sum_f}, .mean = true),
    OP("Max", 1, MLCM__NUMBERS, {max_f, max_i, max_u}),
    OP("Min", 1, MLCM__NUMBERS, {min_f, min_i, min_u}),
};

const mlcm__ref_family mlcm__ref_variadic_family = {OPS, sizeof OPS / sizeof OPS[0]};
