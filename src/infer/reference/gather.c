/* SPDX-License-Identifier: Apache-2.0
 *
 * gather.c - elements picked by index: Gather, GatherElements, GatherND, Compress, and ai.onnx.ml's ArrayFeatureExtractor.
 */
#include <assert.h>
#include <string.h>

#include "infer/reference/reference.h"

static void copy_elements(const mlcm_tensor *out, int64_t to, const mlcm_tensor *x, int64_t from, int64_t n) {
  size_t size = mlcm_dtype_size(x->dtype);
  assert(n > 0); /* results without an element were left before */
  memcpy((char *)out->data + (size_t)to * size, (const char *)x->data + (size_t)from * size, (size_t)n * size);
}

/* ---- Gather ---- */

static mlcm_status run_gather(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1];
  int64_t shape[2 * MLCM_MAX_RANK];
  int32_t axis = 0, rank = x->rank - 1 + indices->rank;
  mlcm_status st = mlcm__ref_axis(*(const int64_t *)k->data, x->rank, &axis, err);
  if (!st) st = mlcm__ref_rank_limit(rank, err);
  if (st) return st;
  memcpy(shape, x->shape, (size_t)axis * sizeof *shape);
  memcpy(shape + axis, indices->shape, (size_t)indices->rank * sizeof *shape);
  memcpy(shape + axis + indices->rank, x->shape + axis + 1, (size_t)(x->rank - axis - 1) * sizeof *shape);
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  int64_t outer = mlcm__product(x->shape, 0, axis), inner = mlcm__product(x->shape, axis + 1, x->rank), at = 0;
  if (call->outputs[0]->count == 0) return MLCM_OK;
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < indices->count; i++, at += inner) {
      int64_t index = 0;
      st = mlcm__ref_index_at(indices, i, x->shape[axis], &index, err);
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
  mlcm_status st = mlcm__ref_axis(*(const int64_t *)k->data, x->rank, &axis, err);
  if (st) return st;
  bool fits = indices->rank == x->rank;
  for (int32_t d = 0; fits && d < x->rank; d++) fits = d == axis || indices->shape[d] <= x->shape[d];
  if (!fits) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the indices' shape does not fit the data's");
  if (call->host->output(call, 0, x->dtype, indices->rank, indices->shape, err) == NULL) return err->code;
  mlcm__steps_of(x->rank, x->shape, steps);
  for (int64_t i = 0; i < indices->count; i++) {
    int64_t index = 0, from = 0;
    st = mlcm__ref_index_at(indices, i, x->shape[axis], &index, err);
    if (st) return st;
    for (int32_t d = 0; d < x->rank; d++) from += (d == axis ? index : position[d]) * steps[d];
    copy_elements(call->outputs[0], i, x, from, 1);
    mlcm__index_next(position, x->rank, indices->shape);
  }
  return MLCM_OK;
}

/* ---- GatherND ---- */

static void prepare_nd(mlcm__ref_kernel *k, mlcm__ref_reader *r) { *(int64_t *)k->data = mlcm__ref_int(r, "batch_dims", 0); }

static mlcm_status gather_nd_shape(const mlcm_tensor *x, const mlcm_tensor *indices, int64_t batch_dims, int32_t *rank,
                                   int64_t *shape, mlcm_error *err) {
  if (batch_dims < 0 || batch_dims >= indices->rank || batch_dims >= x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "batch_dims %lld does not fit data of %d and indices of %d dimensions",
                      (long long)batch_dims, (int)x->rank, (int)indices->rank);
  const int32_t batch = (int32_t)batch_dims;
  int64_t depth = indices->shape[indices->rank - 1];
  if (depth < 1 || depth > x->rank - batch)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "index tuples of %lld for data of %d dimensions", (long long)depth,
                      (int)x->rank);
  for (int32_t d = 0; d < batch; d++)
    if (x->shape[d] != indices->shape[d])
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "batch dimension %d differs between data and indices", (int)d);
  int32_t rest = batch + (int32_t)depth;
  *rank = indices->rank - 1 + x->rank - rest;
  mlcm_status st = mlcm__ref_rank_limit(*rank, err);
  if (st) return st;
  memcpy(shape, indices->shape, (size_t)(indices->rank - 1) * sizeof *shape);
  memcpy(shape + indices->rank - 1, x->shape + rest, (size_t)(x->rank - rest) * sizeof *shape);
  return MLCM_OK;
}

static mlcm_status run_gather_nd(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0], *indices = call->inputs[1];
  int64_t shape[2 * MLCM_MAX_RANK], steps[MLCM_MAX_RANK], batch_dims = *(const int64_t *)k->data;
  int32_t rank = 0;
  mlcm_status st = gather_nd_shape(x, indices, batch_dims, &rank, shape, err);
  if (st) return st;
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  if (call->outputs[0]->count == 0) return MLCM_OK;
  const int32_t depth = (int32_t)indices->shape[indices->rank - 1], batch = (int32_t)batch_dims;
  int64_t n_batches = mlcm__product(x->shape, 0, batch), batch_size = mlcm__product(x->shape, batch, x->rank);
  int64_t tuples = indices->count / depth, inner = mlcm__product(x->shape, batch + depth, x->rank);
  mlcm__steps_of(x->rank, x->shape, steps);
  for (int64_t i = 0; i < tuples; i++) {
    int64_t from = i / (tuples / n_batches) * batch_size;
    for (int32_t d = 0; d < depth; d++) {
      int64_t index = 0;
      st = mlcm__ref_index_at(indices, i * depth + d, x->shape[batch + d], &index, err);
      if (st) return st;
      from += index * steps[batch + d];
    }
    copy_elements(call->outputs[0], i * inner, x, from, inner);
  }
  return MLCM_OK;
}

/* ---- Compress ---- */

typedef struct compress {
  bool has_axis;
  int64_t axis;
} compress;

static void prepare_compress(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  compress *p = k->data;
  p->has_axis = mlcm__ref_attr(r->node, "axis") != NULL;
  p->axis = mlcm__ref_int(r, "axis", 0);
}

static mlcm_status run_compress(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const compress *p = k->data;
  mlcm_tensor x = *call->inputs[0];
  const mlcm_tensor *condition = call->inputs[1];
  const uint8_t *keep = condition->data;
  int64_t shape[MLCM_MAX_RANK], kept = 0, at = 0;
  int32_t axis = 0;
  if (condition->rank != 1)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the condition must be a list, it has %d dimensions", (int)condition->rank);
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
  for (int64_t o = 0; call->outputs[0]->count > 0 && o < outer; o++) {
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
  if (x->rank < 1) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the data has no dimension");
  int64_t width = x->shape[x->rank - 1], rows = mlcm__product(x->shape, 0, x->rank - 1);
  int32_t rank = x->rank == 1 ? 2 : x->rank;
  memcpy(shape, x->shape, sizeof shape);
  if (x->rank == 1) shape[0] = 1;
  shape[rank - 1] = columns->count;
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  for (int64_t row = 0; columns->count > 0 && row < rows; row++) {
    for (int64_t c = 0; c < columns->count; c++) {
      int64_t column = 0;
      mlcm_status st = mlcm__ref_index_at(columns, c, width, &column, err);
      if (st) return st;
      copy_elements(call->outputs[0], row * columns->count + c, x, row * width + column, 1);
    }
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("Gather", 1, 2, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(int64_t),
     .prepare = mlcm__ref_prepare_axis, .run = run_gather, .variant = &mlcm__ref_axis_first},
    {MLCM__REF_OP("GatherElements", 11, 2, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0},
     .data_bytes = sizeof(int64_t), .prepare = mlcm__ref_prepare_axis, .run = run_gather_elements,
     .variant = &mlcm__ref_axis_first},
    {MLCM__REF_OP("GatherND", 11, 2, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0},
     .data_bytes = sizeof(int64_t), .prepare = prepare_nd, .run = run_gather_nd},
    {MLCM__REF_OP("Compress", 9, 2, 2), .takes = {MLCM__ANY, MLCM__BOOLS}, .gives = {MLCM__LIKE_0},
     .data_bytes = sizeof(compress), .prepare = prepare_compress, .run = run_compress},
    {MLCM__REF_OP("ArrayFeatureExtractor", 1, 2, 2), .domain = MLCM__REF_ML, .takes = {MLCM__ANY, MLCM__INDEX},
     .gives = {MLCM__LIKE_0}, .run = run_extract},
};

const mlcm__ref_family mlcm__ref_gather_family = {OPS, sizeof OPS / sizeof OPS[0]};
