/* SPDX-License-Identifier: Apache-2.0
 *
 * make.c - tensors made from little: ConstantOfShape, Range, OneHot, EyeLike, Trilu, CumSum.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

/* ---- ConstantOfShape ---- */

typedef struct fill {
  mlcm_dtype dtype;
  mlcm_str bytes; /* as large as any element */
} fill;

static mlcm_status prepare_fill(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  fill *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  const mlcm_tensor *value = mlcm__ref_tensor(&r, "value");
  if (r.st) return r.st;
  if (value != NULL && value->count != 1)
    return mlcm__fail(err, MLCM_PARSE, "'value' has %lld elements instead of 1", (long long)value->count);
  p->dtype = value != NULL ? value->dtype : MLCM_F32;
  if (value != NULL) memcpy(&p->bytes, value->data, mlcm_dtype_size(p->dtype));
  k->data = p;
  return MLCM_OK;
}

static mlcm_status run_fill(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const fill *p = k->data;
  int64_t shape[MLCM_MAX_RANK];
  size_t rank = 0, size = mlcm_dtype_size(p->dtype);
  mlcm_status st = mlcm__ref_index_list(call->inputs[0], "shape", shape, MLCM_MAX_RANK, &rank, err);
  if (st) return st;
  char *out = call->host->output(call, 0, p->dtype, (int32_t)rank, shape, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < call->outputs[0]->count; i++) memcpy(out + (size_t)i * size, &p->bytes, size);
  return MLCM_OK;
}

/* ---- Range ---- */

static mlcm_status range_f64(mlcm_call *call, mlcm_error *err) {
  double v[3];
  for (size_t i = 0; i < 3; i++) mlcm__load_f64(&v[i], call->inputs[i], 0, 1, 1);
  double steps = v[2] != 0 ? ceil((v[1] - v[0]) / v[2]) : NAN;
  if (!(steps < 0x1p60)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a range with this step has no end");
  int64_t n = steps > 0 ? (int64_t)steps : 0;
  void *out = call->host->output(call, 0, call->inputs[0]->dtype, 1, &n, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < n; i++) {
    double value = v[0] + (double)i * v[2];
    mlcm__store_f64(call->inputs[0]->dtype, out, i, &value, 1);
  }
  return MLCM_OK;
}

static mlcm_status range_i64(mlcm_call *call, mlcm_error *err) {
  int64_t v[3], span = 0;
  for (size_t i = 0; i < 3; i++) mlcm__load_i64(&v[i], call->inputs[i], 0, 1, 1);
  if (v[2] == 0 || __builtin_sub_overflow(v[1], v[0], &span) || v[2] == INT64_MIN)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a range with this step has no end");
  int64_t n = (span > 0) == (v[2] > 0) && span != 0 ? (span > 0 ? (span - 1) / v[2] + 1 : (span + 1) / v[2] + 1) : 0;
  void *out = call->host->output(call, 0, call->inputs[0]->dtype, 1, &n, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < n; i++) {
    int64_t value = v[0] + i * v[2];
    mlcm__store_i64(call->inputs[0]->dtype, out, i, &value, 1);
  }
  return MLCM_OK;
}

static mlcm_status run_range(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  mlcm_dtype dtype = call->inputs[0]->dtype;
  for (size_t i = 0; i < 3; i++)
    if (call->inputs[i]->count != 1 || call->inputs[i]->dtype != dtype)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "start, limit and delta are not single numbers of one type");
  switch (mlcm__lane_kind(dtype)) {
  case MLCM__LANE_F: return range_f64(call, err);
  case MLCM__LANE_I: return range_i64(call, err);
  default: return mlcm__ref_wrong_dtype(call->inputs[0], err);
  }
}

/* ---- OneHot ---- */

typedef struct axis_param {
  int64_t axis;
} axis_param;

static mlcm_status prepare_one_hot(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  axis_param *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->axis = mlcm__ref_int(&r, "axis", -1);
  k->data = p;
  return r.st;
}

static int64_t as_int(const mlcm_tensor *t, int64_t at) {
  int64_t whole = 0;
  double real = 0;
  if (mlcm__lane_kind(t->dtype) != MLCM__LANE_F) {
    mlcm__load_i64(&whole, t, at, 1, 1);
    return whole;
  }
  mlcm__load_f64(&real, t, at, 1, 1);
  return mlcm__f64_to_int(MLCM_I64, real);
}

static mlcm_status run_one_hot(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *indices = call->inputs[0], *depth_input = call->inputs[1], *values = call->inputs[2];
  int64_t shape[MLCM_MAX_RANK + 1];
  int32_t axis = 0, rank = indices->rank + 1;
  if (indices->dtype == MLCM_STRING || depth_input->dtype == MLCM_STRING || depth_input->count != 1 || values->count != 2)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "numbers, one depth and two values are needed");
  mlcm_status st = mlcm__ref_axis(((const axis_param *)k->data)->axis, rank, &axis, err);
  if (st) return st;
  int64_t depth = as_int(depth_input, 0);
  for (int32_t d = 0; d < rank; d++) shape[d] = d < axis ? indices->shape[d] : d == axis ? depth : indices->shape[d - 1];
  char *out = call->host->output(call, 0, values->dtype, rank, shape, err);
  if (out == NULL) return err->code;
  size_t size = mlcm_dtype_size(values->dtype);
  const char *off = values->data, *on = off + size;
  int64_t inner = mlcm__product(shape, axis + 1, rank);
  for (int64_t i = 0; i < call->outputs[0]->count; i++) memcpy(out + (size_t)i * size, off, size);
  for (int64_t i = 0; depth > 0 && i < indices->count; i++) {
    int64_t index = as_int(indices, i);
    if (index < -depth || index >= depth) continue;
    if (index < 0) index += depth;
    memcpy(out + (size_t)((i / inner * depth + index) * inner + i % inner) * size, on, size);
  }
  return MLCM_OK;
}

/* ---- EyeLike ---- */

typedef struct eye {
  int64_t dtype, k;
} eye;

static mlcm_status prepare_eye(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  eye *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->dtype = mlcm__ref_int(&r, "dtype", 0);
  p->k = mlcm__ref_int(&r, "k", 0);
  k->data = p;
  return r.st;
}

static mlcm_status run_eye(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const eye *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  mlcm_dtype dtype = p->dtype > 0 && p->dtype < 32 ? (mlcm_dtype)p->dtype : x->dtype;
  if (mlcm_dtype_size(dtype) == 0 || dtype == MLCM_STRING || x->rank != 2)
    return mlcm__fail(err, MLCM_UNSUPPORTED, "a matrix of a number type is needed");
  void *out = call->host->output(call, 0, dtype, 2, x->shape, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)x->count * mlcm_dtype_size(dtype));
  for (int64_t row = 0; row < x->shape[0]; row++) {
    int64_t column = 0;
    if (__builtin_add_overflow(row, p->k, &column) || column < 0 || column >= x->shape[1]) continue;
    if (mlcm__lane_kind(dtype) == MLCM__LANE_F)
      mlcm__store_f64(dtype, out, row * x->shape[1] + column, &(const double){1}, 1);
    else
      mlcm__store_i64(dtype, out, row * x->shape[1] + column, &(const int64_t){1}, 1);
  }
  return MLCM_OK;
}

/* ---- Trilu ---- */

typedef struct trilu {
  bool upper;
} trilu;

static mlcm_status prepare_trilu(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  trilu *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->upper = mlcm__ref_int(&r, "upper", 1) != 0;
  k->data = p;
  return r.st;
}

static mlcm_status run_trilu(const mlcm__ref_kernel *kernel, mlcm_call *call, mlcm_error *err) {
  const trilu *p = kernel->data;
  const mlcm_tensor *x = call->inputs[0], *given = mlcm__ref_input(call, 1);
  size_t size = mlcm_dtype_size(x->dtype);
  int64_t k = 0;
  if (x->rank < 2) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a matrix is needed");
  if (given != NULL && (given->dtype != MLCM_I64 || given->count != 1))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "k is no single i64");
  if (given != NULL) k = *(const int64_t *)given->data;
  mlcm_status st = mlcm__ref_copy_out(call, 0, x, x->rank, x->shape, err);
  if (st) return st;
  int64_t rows = x->shape[x->rank - 2], columns = x->shape[x->rank - 1];
  for (int64_t i = 0; i < x->count; i++) {
    int64_t row = i / columns % rows, column = i % columns;
    bool keep = p->upper ? column - row >= k : column - row <= k;
    if (!keep) memset((char *)call->outputs[0]->data + (size_t)i * size, 0, size);
  }
  return MLCM_OK;
}

/* ---- CumSum ---- */

typedef struct cumulative {
  bool exclusive, reverse;
} cumulative;

static mlcm_status prepare_cum_sum(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  cumulative *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->exclusive = mlcm__ref_int(&r, "exclusive", 0) != 0;
  p->reverse = mlcm__ref_int(&r, "reverse", 0) != 0;
  k->data = p;
  return r.st;
}

static void sum_line(const cumulative *p, const mlcm_tensor *x, const mlcm_tensor *out, int64_t base, int64_t step, int64_t n) {
  bool real = mlcm__lane_kind(x->dtype) == MLCM__LANE_F;
  double sum = 0;
  uint64_t total = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = base + (p->reverse ? n - 1 - i : i) * step, whole = 0;
    double value = 0;
    if (real)
      mlcm__load_f64(&value, x, at, 1, 1);
    else
      mlcm__load_i64(&whole, x, at, 1, 1);
    double shown = p->exclusive ? sum : sum + value;
    int64_t shown_whole = (int64_t)(p->exclusive ? total : total + (uint64_t)whole);
    if (real)
      mlcm__store_f64(x->dtype, out->data, at, &shown, 1);
    else
      mlcm__store_i64(x->dtype, out->data, at, &shown_whole, 1);
    sum += value;
    total += (uint64_t)whole;
  }
}

static mlcm_status run_cum_sum(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0], *axis_input = call->inputs[1];
  int64_t wanted = 0;
  int32_t axis = 0;
  if (x->dtype == MLCM_STRING) return mlcm__ref_wrong_dtype(x, err);
  if ((axis_input->dtype != MLCM_I64 && axis_input->dtype != MLCM_I32) || axis_input->count != 1)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the axis is no single i64 or i32");
  mlcm__load_i64(&wanted, axis_input, 0, 1, 1);
  mlcm_status st = mlcm__ref_axis(wanted, x->rank, &axis, err);
  if (st) return st;
  if (mlcm__ref_output_like(call, x, err) == NULL) return err->code;
  int64_t n = x->shape[axis], step = mlcm__product(x->shape, axis + 1, x->rank);
  for (int64_t block = 0; n > 0 && block < x->count; block += n * step)
    for (int64_t i = 0; i < step; i++) sum_line(k->data, x, call->outputs[0], block + i, step, n);
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"ConstantOfShape", MLCM__REF_CORE, 9, 0, 1, 1, prepare_fill, run_fill, NULL},
    {"Range", MLCM__REF_CORE, 11, 0, 3, 3, NULL, run_range, NULL},
    {"OneHot", MLCM__REF_CORE, 9, 0, 3, 3, prepare_one_hot, run_one_hot, NULL},
    {"EyeLike", MLCM__REF_CORE, 9, 0, 1, 1, prepare_eye, run_eye, NULL},
    {"Trilu", MLCM__REF_CORE, 14, 0, 1, 2, prepare_trilu, run_trilu, NULL},
    {"CumSum", MLCM__REF_CORE, 11, 0, 2, 2, prepare_cum_sum, run_cum_sum, NULL},
};

const mlcm__ref_family mlcm__ref_make_family = {OPS, sizeof OPS / sizeof OPS[0]};
