/* SPDX-License-Identifier: Apache-2.0
 *
 * reduce.c - ReduceSum and its relatives: one number out of many, along some axes.
 *
 * Elements of one result are taken in row-major order of the reduced axes, whatever the other axes are.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

enum { SUM, MEAN, MAX, MIN, PROD, L1, L2, SUM_SQUARE, LOG_SUM, LOG_SUM_EXP };

typedef struct variant {
  int how;
  int axes_input_since; /* opset in which axes became an input */
} variant;

typedef struct params {
  bool keep_dims, noop_when_empty;
  mlcm__int_list axes;
} params;

typedef struct plan {
  int32_t rank_out, n_kept, n_reduced;
  int64_t shape_out[MLCM_MAX_RANK];
  int64_t kept[MLCM_MAX_RANK], kept_steps[MLCM_MAX_RANK];
  int64_t reduced[MLCM_MAX_RANK], reduced_steps[MLCM_MAX_RANK];
  int64_t count; /* elements that go into one result */
} plan;

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  const variant *v = k->op->variant;
  params *p = k->data;
  p->keep_dims = mlcm__ref_flag(r, "keepdims", true);
  p->noop_when_empty = mlcm__ref_flag(r, "noop_with_empty_axes", false);
  if (r->node->opset < v->axes_input_since) mlcm__ref_int_list(r, "axes", MLCM_MAX_RANK, &p->axes);
}

static mlcm_status mark_axes(const params *p, const mlcm_call *call, int32_t rank, bool *reduced, mlcm_error *err) {
  mlcm__int_list axes = p->axes;
  mlcm_status st = mlcm__ref_index_list(mlcm__ref_input(call, 1), "axes", MLCM_MAX_RANK, &axes, err);
  for (size_t i = 0; !st && i < axes.n; i++) {
    int32_t axis = 0;
    st = mlcm__ref_axis(axes.at[i], rank, &axis, err);
    reduced[axis] = true;
  }
  for (int32_t d = 0; axes.n == 0 && !p->noop_when_empty && d < rank; d++) reduced[d] = true;
  return st;
}

static void make_plan(const params *p, const mlcm_tensor *x, const bool *reduced, plan *out) {
  int64_t steps[MLCM_MAX_RANK];
  *out = (plan){.count = 1};
  mlcm__steps_of(x->rank, x->shape, steps);
  for (int32_t d = 0; d < x->rank; d++) {
    if (!reduced[d]) {
      out->kept[out->n_kept] = x->shape[d];
      out->kept_steps[out->n_kept++] = steps[d];
      out->shape_out[out->rank_out++] = x->shape[d];
      continue;
    }
    out->reduced[out->n_reduced] = x->shape[d];
    out->reduced_steps[out->n_reduced++] = steps[d];
    out->count *= x->shape[d];
    if (p->keep_dims) out->shape_out[out->rank_out++] = 1;
  }
}

/* ---- Floating types (and integers where the answer is rounded from a real number) ---- */

static double identity_of(int how) {
  return how == MAX ? -INFINITY : how == MIN ? INFINITY : how == PROD ? 1 : 0;
}

static double fold_f64(int how, double acc, const double *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    switch (how) {
    case PROD: acc *= x[i]; break;
    case L1: acc += fabs(x[i]); break;
    case L2:
    case SUM_SQUARE: acc += x[i] * x[i]; break;
    case LOG_SUM_EXP:
    case MAX: acc = isnan(acc) || acc > x[i] ? acc : x[i]; break;
    case MIN: acc = isnan(acc) || acc < x[i] ? acc : x[i]; break;
    default: acc += x[i]; break;
    }
  }
  return acc;
}

static double finish_f64(int how, double acc, int64_t count) {
  switch (how) {
  case MEAN: return acc / (double)count;
  case L2: return sqrt(acc);
  case LOG_SUM: return log(acc);
  default: return acc;
  }
}

static double reduce_f64(int how, const mlcm_tensor *x, const plan *p, int64_t base) {
  const int64_t *steps[] = {p->reduced_steps};
  double block[MLCM__BLOCK], acc = identity_of(how);
  mlcm__walk w;
  mlcm__walk_start(&w, p->n_reduced, p->reduced, 1, steps);
  while (mlcm__walk_row(&w)) {
    for (int64_t i = 0; i < w.inner; i += MLCM__BLOCK) {
      int64_t n = mlcm__block_of(w.inner - i);
      mlcm__load_f64(block, x, base + w.at[0] + i * w.step[0], w.step[0], n);
      acc = fold_f64(how, acc, block, n);
    }
  }
  return acc;
}

/* Shifted by the largest, so that exp cannot overflow. */
static double log_sum_exp(const mlcm_tensor *x, const plan *p, int64_t base) {
  const int64_t *steps[] = {p->reduced_steps};
  double top = reduce_f64(MAX, x, p, base), sum = 0;
  mlcm__walk w;
  if (isinf(top) || isnan(top)) return top;
  mlcm__walk_start(&w, p->n_reduced, p->reduced, 1, steps);
  while (mlcm__walk_row(&w)) {
    for (int64_t i = 0; i < w.inner; i++) sum += exp(mlcm__f64_at(x, base + w.at[0] + i * w.step[0]) - top);
  }
  return top + log(sum);
}

/* ---- Integers ---- */

static int64_t int_identity(int how, mlcm_dtype dtype) {
  if (how == MAX) return dtype == MLCM_U64 || dtype == MLCM_BOOL ? 0 : mlcm__f64_to_int(dtype, -INFINITY);
  if (how == MIN) return mlcm__f64_to_int(dtype, INFINITY);
  return how == PROD;
}

static int64_t fold_i64(int how, bool is_unsigned, int64_t acc, int64_t x) {
  switch (how) {
  case PROD: return (int64_t)((uint64_t)acc * (uint64_t)x);
  case L1: return (int64_t)((uint64_t)acc + (is_unsigned || x >= 0 ? (uint64_t)x : 0 - (uint64_t)x));
  case SUM_SQUARE: return (int64_t)((uint64_t)acc + (uint64_t)x * (uint64_t)x);
  case MAX: return (is_unsigned ? (uint64_t)x > (uint64_t)acc : x > acc) ? x : acc;
  case MIN: return (is_unsigned ? (uint64_t)x < (uint64_t)acc : x < acc) ? x : acc;
  default: return (int64_t)((uint64_t)acc + (uint64_t)x);
  }
}

static int64_t reduce_i64(int how, const mlcm_tensor *x, const plan *p, int64_t base) {
  const int64_t *steps[] = {p->reduced_steps};
  bool is_unsigned = mlcm__lane_kind(x->dtype) == MLCM__LANE_U;
  int64_t acc = int_identity(how, x->dtype);
  mlcm__walk w;
  mlcm__walk_start(&w, p->n_reduced, p->reduced, 1, steps);
  while (mlcm__walk_row(&w)) {
    for (int64_t i = 0; i < w.inner; i++) acc = fold_i64(how, is_unsigned, acc, mlcm__i64_at(x, base + w.at[0] + i * w.step[0]));
  }
  if (how != MEAN || p->count == 0) return acc;
  return is_unsigned ? (int64_t)((uint64_t)acc / (uint64_t)p->count) : acc / p->count;
}

/* ---- The operator ---- */

static void reduce_one(int how, const mlcm_tensor *x, const plan *p, int64_t base, const mlcm_tensor *out, int64_t at) {
  bool needs_reals = how == L2 || how == LOG_SUM || how == LOG_SUM_EXP;
  if (!mlcm__is_real(x->dtype) && !needs_reals) {
    mlcm__store_i64(out->dtype, out->data, at, &(const int64_t){reduce_i64(how, x, p, base)}, 1);
    return;
  }
  double value = how == LOG_SUM_EXP ? log_sum_exp(x, p, base) : finish_f64(how, reduce_f64(how, x, p, base), p->count);
  mlcm__put_number(out->dtype, out->data, at, value);
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const variant *v = k->op->variant;
  const mlcm_tensor *x = call->inputs[0];
  bool reduced[MLCM_MAX_RANK] = {false};
  int64_t at = 0;
  plan p;
  mlcm__walk w;
  mlcm_status st = mark_axes(k->data, call, x->rank, reduced, err);
  if (st) return st;
  make_plan(k->data, x, reduced, &p);
  if (call->host->output(call, 0, x->dtype, p.rank_out, p.shape_out, err) == NULL) return err->code;
  mlcm__walk_start(&w, p.n_kept, p.kept, 1, (const int64_t *const[]){p.kept_steps});
  while (mlcm__walk_row(&w))
    for (int64_t i = 0; i < w.inner; i++) reduce_one(v->how, x, &p, w.at[0] + i * w.step[0], call->outputs[0], at++);
  return MLCM_OK;
}

#define OP(name_, takes_, how_, axes_input_since_)                                                                               \
  {                                                                                                                              \
    .name = name_, .since = 1, .min_inputs = 1, .max_inputs = 2, .takes = {takes_, MLCM__INDEX}, .gives = {MLCM__LIKE_0},        \
    .data_bytes = sizeof(params), .prepare = prepare, .run = run, .variant = &(const variant) {                                  \
      how_, axes_input_since_                                                                                                    \
    }                                                                                                                            \
  }

static const mlcm__ref_op OPS[] = {
    OP("ReduceSum", MLCM__NUMBERS, SUM, 13),
    OP("ReduceMean", MLCM__NUMBERS, MEAN, 18),
    OP("ReduceMax", MLCM__NUMBERS | MLCM__BOOLS, MAX, 18),
    OP("ReduceMin", MLCM__NUMBERS | MLCM__BOOLS, MIN, 18),
    OP("ReduceProd", MLCM__NUMBERS, PROD, 18),
    OP("ReduceL1", MLCM__NUMBERS, L1, 18),
    OP("ReduceL2", MLCM__NUMBERS, L2, 18),
    OP("ReduceSumSquare", MLCM__NUMBERS, SUM_SQUARE, 18),
    OP("ReduceLogSum", MLCM__NUMBERS, LOG_SUM, 18),
    OP("ReduceLogSumExp", MLCM__NUMBERS, LOG_SUM_EXP, 18),
};

const mlcm__ref_family mlcm__ref_reduce_family = {OPS, sizeof OPS / sizeof OPS[0]};
