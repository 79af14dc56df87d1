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

static mlcm_status prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  static const char *const names[] = {"none", "add", "mul", "max", "min"};
  params *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  mlcm_str how = mlcm__ref_text(&r, "reduction", "none");
  p->axis = mlcm__ref_int(&r, "axis", 0);
  p->how = -1;
  for (int i = 0; i < 5; i++)
    if (mlcm__ref_text_is(how, names[i])) p->how = i;
  if (p->how < 0) return mlcm__fail(err, MLCM_PARSE, "the reduction is unknown");
  k->data = p;
  return r.st;
}

static double combine_f64(int how, double old, double new) {
  switch (how) {
  case ADD: return old + new;
  case MUL: return old * new;
  case MAX: return isnan(old) || old > new ? old : new;
  case MIN: return isnan(old) || old < new ? old : new;
  default: return new;
  }
}

static int64_t combine_i64(int how, bool is_unsigned, int64_t old, int64_t new) {
  bool larger = is_unsigned ? (uint64_t)old > (uint64_t) new : old > new;
  switch (how) {
  case ADD: return (int64_t)((uint64_t)old + (uint64_t) new);
  case MUL: return (int64_t)((uint64_t)old * (uint64_t) new);
  case MAX: return larger ? old : new;
  case MIN: return larger ? new : old;
  default: return new;
  }
}

/* n elements of `updates` from `from` on into `out` at `to`. */
static void put(const mlcm_tensor *out, int64_t to, const mlcm_tensor *updates, int64_t from, int64_t n, int how) {
  size_t size = mlcm_dtype_size(out->dtype);
  int kind = mlcm__lane_kind(out->dtype);
  if (how == SET) {
    if (n > 0) memcpy((char *)out->data + (size_t)to * size, (const char *)updates->data + (size_t)from * size, (size_t)n * size);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    double old_f = 0, new_f = 0;
    int64_t old_i = 0, new_i = 0;
    if (kind == MLCM__LANE_F) {
      mlcm__load_f64(&old_f, out, to + i, 1, 1);
      mlcm__load_f64(&new_f, updates, from + i, 1, 1);
      old_f = combine_f64(how, old_f, new_f);
      mlcm__store_f64(out->dtype, out->data, to + i, &old_f, 1);
    } else {
      mlcm__load_i64(&old_i, out, to + i, 1, 1);
      mlcm__load_i64(&new_i, updates, from + i, 1, 1);
      old_i = combine_i64(how, kind == MLCM__LANE_U, old_i, new_i);
      mlcm__store_i64(out->dtype, out->data, to + i, &old_i, 1);
    }
  }
}

static mlcm_status check(const mlcm_tensor *x, const mlcm_tensor *indices, const mlcm_tensor *updates, int how, mlcm_error *err) {
  if (indices->dtype != MLCM_I64 && indices->dtype != MLCM_I32)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "indices must be i64 or i32, they are %s", mlcm_dtype_name(indices->dtype));
  if (updates->dtype != x->dtype)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the updates are %s, the data is %s", mlcm_dtype_name(updates->dtype),
                      mlcm_dtype_name(x->dtype));
  return how != SET && x->dtype == MLCM_STRING ? mlcm__ref_wrong_dtype(x, err) : MLCM_OK;
}

static mlcm_status index_at(const mlcm_tensor *t, int64_t i, int64_t size, int64_t *out, mlcm_error *err) {
  int64_t index = 0;
  mlcm__load_i64(&index, t, i, 1, 1);
  if (index < -size || index >= size)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "index %lld is out of range for %lld elements", (long long)index,
                      (long long)size);
  *out = index < 0 ? index + size : index;
  return MLCM_OK;
}

static mlcm_status run_elements(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1], *updates = call->inputs[2];
  int64_t steps[MLCM_MAX_RANK], position[MLCM_MAX_RANK] = {0};
  int32_t axis = 0;
  mlcm_status st = check(x, indices, updates, p->how, err);
  if (!st) st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  bool fits = indices->rank == x->rank && updates->rank == x->rank;
  for (int32_t d = 0; fits && d < x->rank; d++)
    fits = updates->shape[d] == indices->shape[d] && (d == axis || indices->shape[d] <= x->shape[d]);
  if (!fits) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the shapes of data, indices and updates do not fit");
  st = mlcm__ref_copy_out(call, 0, x, x->rank, x->shape, err);
  mlcm__steps_of(x->rank, x->shape, steps);
  for (int64_t i = 0; !st && i < indices->count; i++) {
    int64_t index = 0, to = 0;
    st = index_at(indices, i, x->shape[axis], &index, err);
    if (st) return st;
    for (int32_t d = 0; d < x->rank; d++) to += (d == axis ? index : position[d]) * steps[d];
    put(call->outputs[0], to, updates, i, 1, p->how);
    for (int32_t d = x->rank - 1; d >= 0 && ++position[d] == indices->shape[d]; d--) position[d] = 0;
  }
  return st;
}

static mlcm_status run_nd(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1], *updates = call->inputs[2];
  int64_t steps[MLCM_MAX_RANK];
  mlcm_status st = check(x, indices, updates, p->how, err);
  if (st) return st;
  int64_t depth = indices->rank > 0 ? indices->shape[indices->rank - 1] : 0;
  if (depth < 1 || depth > x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "index tuples of %lld for data of %d dimensions", (long long)depth,
                      (int)x->rank);
  int64_t inner = mlcm__product(x->shape, (int32_t)depth, x->rank), tuples = indices->count / depth;
  if (tuples > 0 && inner > updates->count / tuples) inner = -1;
  if (inner < 0 || updates->count != tuples * inner)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the shapes of data, indices and updates do not fit");
  st = mlcm__ref_copy_out(call, 0, x, x->rank, x->shape, err);
  mlcm__steps_of(x->rank, x->shape, steps);
  for (int64_t i = 0; !st && i < tuples; i++) {
    int64_t to = 0;
    for (int64_t d = 0; d < depth; d++) {
      int64_t index = 0;
      st = index_at(indices, i * depth + d, x->shape[d], &index, err);
      if (st) return st;
      to += index * steps[d];
    }
    put(call->outputs[0], to, updates, i * inner, inner, p->how);
  }
  return st;
}

static const mlcm__ref_op OPS[] = {
    {"Scatter", MLCM__REF_CORE, 9, 10, 3, 3, prepare, run_elements, NULL},
    {"ScatterElements", MLCM__REF_CORE, 11, 0, 3, 3, prepare, run_elements, NULL},
    {"ScatterND", MLCM__REF_CORE, 11, 0, 3, 3, prepare, run_nd, NULL},
};

const mlcm__ref_family mlcm__ref_scatter_family = {OPS, sizeof OPS / sizeof OPS[0]};
