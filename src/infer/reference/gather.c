/* SPDX-License-Identifier: Apache-2.0
 *
 * gather.c - elements picked by index: Gather, GatherElements, GatherND, Compress, and ai.onnx.ml's ArrayFeatureExtractor.
 */
#include <string.h>

#include "infer/reference/reference.h"

typedef struct params {
  int64_t axis, batch_dims;
  bool has_axis;
} params;

static mlcm_status prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  params *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->axis = mlcm__ref_int(&r, "axis", 0);
  p->has_axis = mlcm__ref_attr(node, "axis") != NULL;
  p->batch_dims = mlcm__ref_int(&r, "batch_dims", 0);
  k->data = p;
  return r.st;
}

static mlcm_status check_indices(const mlcm_tensor *t, mlcm_error *err) {
  if (t->dtype == MLCM_I64 || t->dtype == MLCM_I32) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "indices must be i64 or i32, they are %s", mlcm_dtype_name(t->dtype));
}

/* Index i of `t`, in 0 ... size-1; negative ones count from the end. */
static mlcm_status index_at(const mlcm_tensor *t, int64_t i, int64_t size, int64_t *out, mlcm_error *err) {
  int64_t index = 0;
  mlcm__load_i64(&index, t, i, 1, 1);
  if (index < -size || index >= size)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "index %lld is out of range for %lld elements", (long long)index,
                      (long long)size);
  *out = index < 0 ? index + size : index;
  return MLCM_OK;
}

static void copy_elements(const mlcm_tensor *out, int64_t to, const mlcm_tensor *x, int64_t from, int64_t n) {
  size_t size = mlcm_dtype_size(x->dtype);
  if (n > 0) memcpy((char *)out->data + (size_t)to * size, (const char *)x->data + (size_t)from * size, (size_t)n * size);
}

static mlcm_status too_many_dims(int32_t rank, mlcm_error *err) {
  return mlcm__fail(err, MLCM_LIMIT, "the result has %d dimensions, at most %d are supported", (int)rank, MLCM_MAX_RANK);
}

/* ---- Gather ---- */

static mlcm_status run_gather(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1];
  int64_t shape[2 * MLCM_MAX_RANK];
  int32_t axis = 0, rank = x->rank - 1 + indices->rank;
  mlcm_status st = check_indices(indices, err);
  if (!st) st = mlcm__ref_axis(((const params *)k->data)->axis, x->rank, &axis, err);
  if (st) return st;
  if (rank > MLCM_MAX_RANK) return too_many_dims(rank, err);
  memcpy(shape, x->shape, (size_t)axis * sizeof *shape);
  memcpy(shape + axis, indices->shape, (size_t)indices->rank * sizeof *shape);
  memcpy(shape + axis + indices->rank, x->shape + axis + 1, (size_t)(x->rank - axis - 1) * sizeof *shape);
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  int64_t outer = mlcm__product(x->shape, 0, axis), inner = mlcm__product(x->shape, axis + 1, x->rank), at = 0;
  if (call->outputs[0]->count == 0) return MLCM_OK;
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < indices->count; i++, at += inner) {
      int64_t index = 0;
      st = index_at(indices, i, x->shape[axis], &index, err);
      if (st) return st;
      copy_elements(call->outputs[0], at, x, (o * x->shape[axis] + index) * inner, inner);
    }
  }
  return MLCM_OK;
}

/* ---- GatherElements ---- */

static mlcm_status run_gather_elements(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1];
  int64_t steps[MLCM_MAX_RANK], position[MLCM_MAX_RANK] = {0};
  int32_t axis = 0;
  mlcm_status st = check_indices(indices, err);
  if (!st) st = mlcm__ref_axis(((const params *)k->data)->axis, x->rank, &axis, err);
  if (st) return st;
  bool fits = indices->rank == x->rank;
  for (int32_t d = 0; fits && d < x->rank; d++) fits = d == axis || indices->shape[d] <= x->shape[d];
  if (!fits) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the indices' shape does not fit the data's");
  if (call->host->output(call, 0, x->dtype, indices->rank, indices->shape, err) == NULL) return err->code;
  mlcm__steps_of(x->rank, x->shape, steps);
  for (int64_t i = 0; i < indices->count; i++) {
    int64_t index = 0, from = 0;
    st = index_at(indices, i, x->shape[axis], &index, err);
    if (st) return st;
    for (int32_t d = 0; d < x->rank; d++) from += (d == axis ? index : position[d]) * steps[d];
    copy_elements(call->outputs[0], i, x, from, 1);
    for (int32_t d = x->rank - 1; d >= 0 && ++position[d] == indices->shape[d]; d--) position[d] = 0;
  }
  return MLCM_OK;
}

/* ---- GatherND ---- */

static mlcm_status gather_nd_shape(const mlcm_tensor *x, const mlcm_tensor *indices, int32_t batch, int32_t *rank, int64_t *shape,
                                   mlcm_error *err) {
  if (indices->rank < 1 || x->rank < 1 || batch < 0 || batch >= indices->rank || batch >= x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "batch_dims %d does not fit data of %d and indices of %d dimensions",
                      (int)batch, (int)x->rank, (int)indices->rank);
  int64_t depth = indices->shape[indices->rank - 1];
  if (depth < 1 || depth > x->rank - batch)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "index tuples of %lld for data of %d dimensions", (long long)depth,
                      (int)x->rank);
  for (int32_t d = 0; d < batch; d++)
    if (x->shape[d] != indices->shape[d])
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "batch dimension %d differs between data and indices", (int)d);
  int32_t rest = batch + (int32_t)depth;
  *rank = indices->rank - 1 + x->rank - rest;
  if (*rank > MLCM_MAX_RANK) return too_many_dims(*rank, err);
  memcpy(shape, indices->shape, (size_t)(indices->rank - 1) * sizeof *shape);
  memcpy(shape + indices->rank - 1, x->shape + rest, (size_t)(x->rank - rest) * sizeof *shape);
  return MLCM_OK;
}

static mlcm_status run_gather_nd(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1];
  int64_t batch_dims = ((const params *)k->data)->batch_dims;
  int64_t shape[2 * MLCM_MAX_RANK], steps[MLCM_MAX_RANK];
  int32_t rank = 0, batch = batch_dims < 0 || batch_dims > MLCM_MAX_RANK ? -1 : (int32_t)batch_dims;
  mlcm_status st = check_indices(indices, err);
  if (!st) st = gather_nd_shape(x, indices, batch, &rank, shape, err);
  if (st) return st;
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  if (call->outputs[0]->count == 0) return MLCM_OK;
  int32_t depth = (int32_t)indices->shape[indices->rank - 1];
  int64_t n_batches = mlcm__product(x->shape, 0, batch), batch_size = x->count / (n_batches > 0 ? n_batches : 1);
  int64_t tuples = indices->count / depth, inner = mlcm__product(x->shape, batch + depth, x->rank);
  mlcm__steps_of(x->rank, x->shape, steps);
  for (int64_t i = 0; i < tuples; i++) {
    int64_t from = i / (tuples / n_batches) * batch_size;
    for (int32_t d = 0; d < depth; d++) {
      int64_t index = 0;
      st = index_at(indices, i * depth + d, x->shape[batch + d], &index, err);
      if (st) return st;
      from += index * steps[batch + d];
    }
    copy_elements(call->outputs[0], i * inner, x, from, inner);
  }
  return MLCM_OK;
}

/* ---- Compress ---- */

static mlcm_status run_compress(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  mlcm_tensor x = *call->inputs[0];
  const mlcm_tensor *condition = call->inputs[1];
  const uint8_t *keep = condition->data;
  int64_t shape[MLCM_MAX_RANK], kept = 0, at = 0;
  int32_t axis = 0;
  if (condition->dtype != MLCM_BOOL || condition->rank != 1)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the condition is no list of bool");
  if (!p->has_axis) {
    x.rank = 1;
    x.shape[0] = x.count;
  }
  mlcm_status st = mlcm__ref_axis(p->axis, x.rank, &axis, err);
  if (st) return st;
  int64_t limit = condition->count < x.shape[axis] ? condition->count : x.shape[axis];
  for (int64_t i = 0; i < limit; i++) kept += keep[i] != 0;
  memcpy(shape, x.shape, sizeof shape);
  shape[axis] = kept;
  if (call->host->output(call, 0, x.dtype, x.rank, shape, err) == NULL) return err->code;
  int64_t outer = mlcm__product(x.shape, 0, axis), inner = mlcm__product(x.shape, axis + 1, x.rank);
  for (int64_t o = 0; x.count > 0 && o < outer; o++) {
    for (int64_t i = 0; i < limit; i++) {
      if (keep[i] == 0) continue;
      copy_elements(call->outputs[0], at, &x, (o * x.shape[axis] + i) * inner, inner);
      at += inner;
    }
  }
  return MLCM_OK;
}

/* ---- ArrayFeatureExtractor: columns of the last dimension ---- */

static mlcm_status run_extract(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *x = call->inputs[0], *columns = call->inputs[1];
  int64_t shape[MLCM_MAX_RANK];
  mlcm_status st = check_indices(columns, err);
  if (st) return st;
  if (x->rank < 1) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the data has no dimension");
  int64_t width = x->shape[x->rank - 1], rows = mlcm__product(x->shape, 0, x->rank - 1);
  int32_t rank = x->rank == 1 ? 2 : x->rank;
  memcpy(shape, x->shape, sizeof shape);
  if (x->rank == 1) shape[0] = 1;
  shape[rank - 1] = columns->count;
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  for (int64_t row = 0; row < rows && columns->count > 0; row++) {
    for (int64_t c = 0; c < columns->count; c++) {
      int64_t column = 0;
      st = index_at(columns, c, width, &column, err);
      if (st) return st;
      copy_elements(call->outputs[0], row * columns->count + c, x, row * width + column, 1);
    }
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"Gather", MLCM__REF_CORE, 1, 0, 2, 2, prepare, run_gather, NULL},
    {"GatherElements", MLCM__REF_CORE, 11, 0, 2, 2, prepare, run_gather_elements, NULL},
    {"GatherND", MLCM__REF_CORE, 11, 0, 2, 2, prepare, run_gather_nd, NULL},
    {"Compress", MLCM__REF_CORE, 9, 0, 2, 2, prepare, run_compress, NULL},
    {"ArrayFeatureExtractor", MLCM__REF_ML, 1, 0, 2, 2, NULL, run_extract, NULL},
};

const mlcm__ref_family mlcm__ref_gather_family = {OPS, sizeof OPS / sizeof OPS[0]};
