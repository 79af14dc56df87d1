/* SPDX-License-Identifier: Apache-2.0
 *
 * pad.c - Pad: a tensor with a margin, filled with a constant, its edge, its mirror image or itself again.
 */
#include <string.h>

#include "infer/reference/reference.h"

enum { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

typedef struct pad {
  int mode;
  double value;        /* attribute, before opset 11 */
  mlcm__int_list pads; /* the same */
} pad;

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  static const char *const modes[] = {
      [PAD_CONSTANT] = "constant", [PAD_REFLECT] = "reflect", [PAD_EDGE] = "edge", [PAD_WRAP] = "wrap"};
  pad *p = k->data;
  p->mode = mlcm__ref_choice(r, "mode", modes, 4);
  p->value = mlcm__ref_float(r, "value", 0);
  mlcm__ref_int_list(r, r->node->opset < 2 ? "paddings" : "pads", 2 * MLCM_MAX_RANK, &p->pads);
  if (r->node->opset >= 11 && r->node->n_inputs < 2) mlcm__ref_bad(r, MLCM_PARSE, "the input 'pads' is missing");
}

/* begin[d] and end[d] of each dimension. */
static mlcm_status get_pads(const pad *p, const mlcm_call *call, int32_t rank, int64_t *begin, int64_t *end, mlcm_error *err) {
  mlcm__int_list pads = p->pads, axes = {.n = (size_t)rank};
  for (int32_t d = 0; d < rank; d++) axes.at[d] = d;
  mlcm_status st = mlcm__ref_index_list(mlcm__ref_input(call, 1), "pads", 2 * MLCM_MAX_RANK, &pads, err);
  if (!st) st = mlcm__ref_index_list(mlcm__ref_input(call, 3), "axes", MLCM_MAX_RANK, &axes, err);
  if (st) return st;
  if (pads.n != 2 * axes.n) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'pads' has %zu elements for %zu axes", pads.n, axes.n);
  for (size_t i = 0; i < axes.n; i++) {
    int32_t axis = 0;
    st = mlcm__ref_axis(axes.at[i], rank, &axis, err);
    if (st) return st;
    begin[axis] = pads.at[i];
    end[axis] = pads.at[i + axes.n];
  }
  return MLCM_OK;
}

/* ---- Where elements come from ---- */

static int64_t wrap_into(int64_t at, int64_t size) {
  int64_t rest = at % size;
  return rest < 0 ? rest + size : rest;
}

/* Where output position `at` of a dimension comes from; -1: from the padding value. */
static int64_t source_of(int mode, int64_t at, int64_t size) {
  if (at >= 0 && at < size) return at;
  if (size == 0) return -1;
  switch (mode) {
  case PAD_EDGE: return at < 0 ? 0 : size - 1;
  case PAD_WRAP: return wrap_into(at, size);
  case PAD_REFLECT: {
    int64_t period = size > 1 ? 2 * (size - 1) : 1, rest = wrap_into(at, period);
    return rest < size ? rest : period - rest;
  }
  default: return -1;
  }
}

static void pad_elements(const mlcm_tensor *x, const mlcm_tensor *out, const int64_t *begin, int mode, const void *fill) {
  size_t size = mlcm_dtype_size(x->dtype);
  int64_t own[MLCM_MAX_RANK], index[MLCM_MAX_RANK] = {0};
  mlcm__steps_of(x->rank, x->shape, own);
  for (int64_t at = 0; at < out->count; at++) {
    int64_t from = 0;
    for (int32_t d = 0; d < x->rank && from >= 0; d++) {
      int64_t source = source_of(mode, index[d] - begin[d], x->shape[d]);
      from = source < 0 ? -1 : from + source * own[d];
    }
    memcpy((char *)out->data + (size_t)at * size, from < 0 ? fill : (const char *)x->data + (size_t)from * size, size);
    mlcm__index_next(index, x->rank, out->shape);
  }
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const pad *p = k->data;
  const mlcm_tensor *x = call->inputs[0], *value = mlcm__ref_input(call, 2);
  int64_t begin[MLCM_MAX_RANK] = {0}, end[MLCM_MAX_RANK] = {0}, shape[MLCM_MAX_RANK];
  mlcm_str fill = {0}; /* as large as any element */
  mlcm_status st = get_pads(p, call, x->rank, begin, end, err);
  if (st) return st;
  for (int32_t d = 0; d < x->rank; d++)
    if (__builtin_add_overflow(x->shape[d], begin[d], &shape[d]) || __builtin_add_overflow(shape[d], end[d], &shape[d]) ||
        shape[d] < 0)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the padding of dimension %d is out of range", (int)d);
  if (value != NULL && value->count != 1)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the padding value must be one, it has %lld elements", (long long)value->count);
  if (value != NULL)
    memcpy(&fill, value->data, mlcm_dtype_size(x->dtype));
  else if (x->dtype != MLCM_STRING)
    mlcm__put_number(x->dtype, &fill, 0, p->value);
  if (call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  pad_elements(x, call->outputs[0], begin, p->mode, &fill);
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("Pad", 1, 1, 4), .takes = {MLCM__ANY, MLCM__INDEX, MLCM__SAME, MLCM__INDEX}, .gives = {MLCM__LIKE_0},
     .data_bytes = sizeof(pad), .prepare = prepare, .run = run},
};

const mlcm__ref_family mlcm__ref_pad_family = {OPS, sizeof OPS / sizeof OPS[0]};
