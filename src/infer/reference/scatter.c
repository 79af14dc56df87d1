/* SPDX-License-Identifier: Apache-2.0
 *
 * scatter.c - a copy of the data with elements put in by index: ScatterElements (and its older name Scatter), ScatterND.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

enum { SET, ADD, MUL, MAX, MIN };

typedef struct params {
  int64_t axis;
  int how;
} params;

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  static const char *const names[] = {[SET] = "none", [ADD] = "add", [MUL] = "mul", [MAX] = "max", [MIN] = "min"};
  params *p = k->data;
  p->axis = mlcm__ref_int(r, "axis", 0);
  p->how = mlcm__ref_choice(r, "reduction", names, 5);
}

static double combine_f64(int how, double old, double new) {
  switch (how) {
  case ADD: return old + new;
  case MUL: return old * new;
  case MAX: return isnan(old) || old > new ? old : new;
  default: return isnan(old) || old < new ? old : new; /* MIN */
  }
}

static int64_t combine_i64(int how, bool is_unsigned, int64_t old, int64_t new) {
  bool larger = is_unsigned ? (uint64_t)old > (uint64_t)new : old > new;
  switch (how) {
  case ADD: return (int64_t)((uint64_t)old + (uint64_t)new);
  case MUL: return (int64_t)((uint64_t)old * (uint64_t)new);
  case MAX: return larger ? old : new;
  default: return larger ? new : old; /* MIN */
  }
}

/* n elements of `updates` from `from` on into `out` at `to`. */
static void put(const mlcm_tensor *out, int64_t to, const mlcm_tensor *updates, int64_t from, int64_t n, int how) {
  size_t size = mlcm_dtype_size(out->dtype);
  int kind = mlcm__lane_kind(out->dtype);
  if (how == SET) {
    memcpy((char *)out->data + (size_t)to * size, (const char *)updates->data + (size_t)from * size, (size_t)n * size);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    if (kind == MLCM__LANE_F) {
      double sum = combine_f64(how, mlcm__f64_at(out, to + i), mlcm__f64_at(updates, from + i));
      mlcm__store_f64(out->dtype, out->data, to + i, &sum, 1);
    } else {
      int64_t sum = combine_i64(how, kind == MLCM__LANE_U, mlcm__i64_at(out, to + i), mlcm__i64_at(updates, from + i));
      mlcm__store_i64(out->dtype, out->data, to + i, &sum, 1);
    }
  }
}

static mlcm_status check_reduction(const params *p, const mlcm_tensor *x, mlcm_error *err) {
  if (p->how == SET || ((MLCM__NUMBERS | MLCM__BOOLS) & 1 << x->dtype) != 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_UNSUPPORTED, "strings can be put in, but not be added up or compared");
}

static mlcm_status shapes_differ(const mlcm_tensor *x, const mlcm_tensor *indices, const mlcm_tensor *updates, mlcm_error *err) {
  char one[120], two[120], three[120];
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "data %s, indices %s and updates %s do not fit",
                    mlcm__shape_text(one, x->rank, x->shape), mlcm__shape_text(two, indices->rank, indices->shape),
                    mlcm__shape_text(three, updates->rank, updates->shape));
}

static mlcm_status run_elements(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1], *updates = call->inputs[2];
  int64_t steps[MLCM_MAX_RANK], position[MLCM_MAX_RANK] = {0};
  int32_t axis = 0;
  mlcm_status st = check_reduction(p, x, err);
  if (!st) st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  bool fits = indices->rank == x->rank && updates->rank == x->rank;
  for (int32_t d = 0; fits && d < x->rank; d++)
    fits = updates->shape[d] == indices->shape[d] && (d == axis || indices->shape[d] <= x->shape[d]);
  if (!fits) return shapes_differ(x, indices, updates, err);
  st = mlcm__ref_copy_out(call, 0, x, x->rank, x->shape, err);
  mlcm__steps_of(x->rank, x->shape, steps);
  for (int64_t i = 0; !st && i < indices->count; i++) {
    int64_t index = 0, to = 0;
    st = mlcm__ref_index_at(indices, i, x->shape[axis], &index, err);
    if (st) return st;
    for (int32_t d = 0; d < x->rank; d++) to += (d == axis ? index : position[d]) * steps[d];
    put(call->outputs[0], to, updates, i, 1, p->how);
    mlcm__index_next(position, x->rank, indices->shape);
  }
  return st;
}

/* updates: the indices' shape without its last dimension, then what an index tuple leaves of the data's. */
static bool updates_fit(const mlcm_tensor *x, const mlcm_tensor *indices, const mlcm_tensor *updates, int64_t depth) {
  int32_t lead = indices->rank - 1;
  if (updates->rank != lead + x->rank - depth) return false;
  for (int32_t d = 0; d < updates->rank; d++)
    if (updates->shape[d] != (d < lead ? indices->shape[d] : x->shape[depth + d - lead])) return false;
  return true;
}

static mlcm_status run_nd(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1], *updates = call->inputs[2];
  int64_t steps[MLCM_MAX_RANK];
  mlcm_status st = check_reduction(p, x, err);
  if (st) return st;
  int64_t depth = indices->rank > 0 ? indices->shape[indices->rank - 1] : 0;
  if (depth < 1 || depth > x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "index tuples of %lld for data of %d dimensions", (long long)depth,
                      (int)x->rank);
  if (!updates_fit(x, indices, updates, depth)) return shapes_differ(x, indices, updates, err);
  st = mlcm__ref_copy_out(call, 0, x, x->rank, x->shape, err);
  mlcm__steps_of(x->rank, x->shape, steps);
  int64_t inner = mlcm__product(x->shape, (int32_t)depth, x->rank), tuples = updates->count > 0 ? indices->count / depth : 0;
  for (int64_t i = 0; !st && i < tuples; i++) {
    int64_t to = 0;
    for (int64_t d = 0; d < depth; d++) {
      int64_t index = 0;
      st = mlcm__ref_index_at(indices, i * depth + d, x->shape[d], &index, err);
      if (st) return st;
      to += index * steps[d];
    }
    put(call->outputs[0], to, updates, i * inner, inner, p->how);
  }
  return st;
}

#define OP(name_, since_, until_, run_)                                                                                          \
  {.name = name_,                                                                                                                \
   .since = since_,                                                                                                              \
   .until = until_,                                                                                                              \
   .min_inputs = 3,                                                                                                              \
   .max_inputs = 3,                                                                                                              \
   .takes = {MLCM__ANY, MLCM__INDEX, MLCM__SAME},                                                                                \
   .gives = {MLCM__LIKE_0},                                                                                                      \
   .data_bytes = sizeof(params),                                                                                                 \
   .prepare = prepare,                                                                                                           \
   .run = run_}

static const mlcm__ref_op OPS[] = {
    OP("Scatter", 9, 10, run_elements),
    OP("ScatterElements", 11, 0, run_elements),
    OP("ScatterND", 11, 0, run_nd),
};

const mlcm__ref_family mlcm__ref_scatter_family = {OPS, sizeof OPS / sizeof OPS[0]};
