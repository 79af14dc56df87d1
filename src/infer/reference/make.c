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

static void prepare_fill(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  fill *p = k->data;
  const mlcm_tensor *value = mlcm__ref_tensor(r, "value");
  p->dtype = MLCM_F32;
  if (value == NULL) return;
  if (value->count != 1) {
    mlcm__ref_bad(r, MLCM_PARSE, "'value' has %lld elements instead of 1", (long long)value->count);
    return;
  }
  p->dtype = value->dtype;
  memcpy(&p->bytes, value->data, mlcm_dtype_size(p->dtype));
}

static mlcm_dtype fill_gives(const mlcm_node *node, size_t i) {
  const mlcm_attr *value = mlcm__ref_attr(node, "value");
  (void)i;
  if (value == NULL) return MLCM_F32;
  return value->tensor != NULL ? value->tensor->dtype : 0;
}

static mlcm_status run_fill(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const fill *p = k->data;
  mlcm__int_list shape = {0};
  size_t size = mlcm_dtype_size(p->dtype);
  mlcm_status st = mlcm__ref_index_list(call->inputs[0], "shape", MLCM_MAX_RANK, &shape, err);
  if (st) return st;
  char *out = call->host->output(call, 0, p->dtype, (int32_t)shape.n, shape.at, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < call->outputs[0]->count; i++) memcpy(out + (size_t)i * size, &p->bytes, size);
  return MLCM_OK;
}

/* ---- Range ---- */

static mlcm_status no_end(mlcm_error *err) {
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a range with this start, limit and step has no end, or too many elements");
}

static mlcm_status range_f64(mlcm_call *call, mlcm_error *err) {
  mlcm_dtype dtype = call->inputs[0]->dtype;
  double start = mlcm__f64_at(call->inputs[0], 0), step = mlcm__f64_at(call->inputs[2], 0);
  double steps = ceil((mlcm__f64_at(call->inputs[1], 0) - start) / step);
  if (step == 0 || !(steps < 0x1p60)) return no_end(err); /* of NaN too */
  int64_t n = steps > 0 ? (int64_t)steps : 0;
  void *out = call->host->output(call, 0, dtype, 1, &n, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < n; i++) mlcm__put_number(dtype, out, i, start + (double)i * step);
  return MLCM_OK;
}

static mlcm_status range_i64(mlcm_call *call, mlcm_error *err) {
  mlcm_dtype dtype = call->inputs[0]->dtype;
  int64_t start = mlcm__i64_at(call->inputs[0], 0), step = mlcm__i64_at(call->inputs[2], 0), span = 0;
  if (step == 0 || step == INT64_MIN || __builtin_sub_overflow(mlcm__i64_at(call->inputs[1], 0), start, &span) ||
      span == INT64_MIN)
    return no_end(err);
  if (step < 0) span = -span;
  int64_t each = step < 0 ? -step : step, n = span > 0 ? (span - 1) / each + 1 : 0;
  void *out = call->host->output(call, 0, dtype, 1, &n, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < n; i++) mlcm__store_i64(dtype, out, i, &(const int64_t){start + i * step}, 1);
  return MLCM_OK;
}

static mlcm_status run_range(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  for (size_t i = 0; i < 3; i++)
    if (call->inputs[i]->count != 1)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "start, limit and delta are not single numbers");
  return mlcm__is_real(call->inputs[0]->dtype) ? range_f64(call, err) : range_i64(call, err);
}

/* ---- OneHot ---- */

static mlcm_status run_one_hot(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *indices = call->inputs[0], *values = call->inputs[2];
  int64_t shape[MLCM_MAX_RANK + 1], depth = 0;
  int32_t axis = 0, rank = indices->rank + 1;
  mlcm_status st = mlcm__ref_one_int(call->inputs[1], "depth", &depth, err);
  if (!st) st = mlcm__ref_axis(*(const int64_t *)k->data, rank, &axis, err);
  if (st) return st;
  if (values->count != 2)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'values' must be two, off and on; it has %lld", (long long)values->count);
  for (int32_t d = 0; d < rank; d++) shape[d] = d < axis ? indices->shape[d] : d == axis ? depth : indices->shape[d - 1];
  char *out = call->host->output(call, 0, values->dtype, rank, shape, err);
  if (out == NULL) return err->code;
  size_t size = mlcm_dtype_size(values->dtype);
  const char *off = values->data, *on = off + size;
  int64_t inner = mlcm__product(shape, axis + 1, rank);
  for (int64_t i = 0; i < call->outputs[0]->count; i++) memcpy(out + (size_t)i * size, off, size);
  for (int64_t i = 0; i < indices->count; i++) {
    int64_t index = mlcm__int_at(indices, i);
    if (index < -depth || index >= depth) continue;
    if (index < 0) index += depth;
    memcpy(out + (size_t)((i / inner * depth + index) * inner + i % inner) * size, on, size);
  }
  return MLCM_OK;
}

/* ---- EyeLike ---- */

typedef struct eye {
  mlcm_dtype dtype; /* 0: the input's */
  int64_t k;
} eye;

static mlcm_dtype eye_gives(const mlcm_node *node, size_t i) {
  const mlcm_attr *dtype = mlcm__ref_attr(node, "dtype");
  (void)i;
  if (dtype == NULL) return node->input_dtypes[0];
  return dtype->i > 0 && dtype->i <= MLCM_BF16 ? (mlcm_dtype)dtype->i : 0;
}

static void prepare_eye(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  eye *p = k->data;
  int64_t dtype = mlcm__ref_int(r, "dtype", 0);
  p->k = mlcm__ref_int(r, "k", 0);
  bool known = dtype == 0 || (dtype > 0 && dtype <= MLCM_BF16 && ((MLCM__NUMBERS | MLCM__BOOLS) & 1 << dtype) != 0);
  if (!known) mlcm__ref_bad(r, MLCM_UNSUPPORTED, "element type %lld is no number type", (long long)dtype);
  p->dtype = known ? (mlcm_dtype)dtype : 0;
}

static mlcm_status run_eye(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const eye *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  mlcm_dtype dtype = p->dtype != 0 ? p->dtype : x->dtype;
  if (x->rank != 2) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a matrix is needed, got %d dimensions", (int)x->rank);
  void *out = call->host->output(call, 0, dtype, 2, x->shape, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)x->count * mlcm_dtype_size(dtype));
  for (int64_t row = 0; x->count > 0 && row < x->shape[0]; row++) {
    int64_t column = 0;
    if (__builtin_add_overflow(row, p->k, &column) || column < 0 || column >= x->shape[1]) continue;
    mlcm__put_number(dtype, out, row * x->shape[1] + column, 1);
  }
  return MLCM_OK;
}

/* ---- Trilu ---- */

static void prepare_trilu(mlcm__ref_kernel *k, mlcm__ref_reader *r) { *(bool *)k->data = mlcm__ref_flag(r, "upper", true); }

static mlcm_status run_trilu(const mlcm__ref_kernel *kernel, mlcm_call *call, mlcm_error *err) {
  const bool upper = *(const bool *)kernel->data;
  const mlcm_tensor *x = call->inputs[0];
  size_t size = mlcm_dtype_size(x->dtype);
  int64_t k = 0;
  if (x->rank < 2) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a matrix is needed, got %d dimensions", (int)x->rank);
  mlcm_status st = mlcm__ref_one_int(mlcm__ref_input(call, 1), "k", &k, err);
  if (!st) st = mlcm__ref_copy_out(call, 0, x, x->rank, x->shape, err);
  if (st) return st;
  int64_t rows = x->shape[x->rank - 2], columns = x->shape[x->rank - 1];
  for (int64_t i = 0; i < x->count; i++) {
    int64_t row = i / columns % rows, column = i % columns;
    bool keep = upper ? column - row >= k : column - row <= k;
    if (!keep) memset((char *)call->outputs[0]->data + (size_t)i * size, 0, size);
  }
  return MLCM_OK;
}

/* ---- CumSum ---- */

typedef struct cumulative {
  bool exclusive, reverse;
} cumulative;

static void prepare_cum_sum(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  cumulative *p = k->data;
  p->exclusive = mlcm__ref_flag(r, "exclusive", false);
  p->reverse = mlcm__ref_flag(r, "reverse", false);
}

/* Position of the j-th element of a line in the order of summing. */
static int64_t nth(const cumulative *p, const mlcm__lines *l, int64_t line, int64_t j) {
  return mlcm__line_start(l, line, l->length) + (p->reverse ? l->length - 1 - j : j) * l->step;
}

static void sum_f64(const cumulative *p, const mlcm_tensor *x, const mlcm_tensor *out, const mlcm__lines *l, int64_t line) {
  double sum = 0;
  for (int64_t j = 0; j < l->length; j++) {
    int64_t at = nth(p, l, line, j);
    double before = sum;
    sum += mlcm__f64_at(x, at);
    mlcm__store_f64(x->dtype, out->data, at, p->exclusive ? &before : &sum, 1);
  }
}

static void sum_i64(const cumulative *p, const mlcm_tensor *x, const mlcm_tensor *out, const mlcm__lines *l, int64_t line) {
  int64_t sum = 0;
  for (int64_t j = 0; j < l->length; j++) {
    int64_t at = nth(p, l, line, j), before = sum;
    sum = (int64_t)((uint64_t)sum + (uint64_t)mlcm__i64_at(x, at));
    mlcm__store_i64(x->dtype, out->data, at, p->exclusive ? &before : &sum, 1);
  }
}

static mlcm_status run_cum_sum(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  int64_t wanted = 0;
  int32_t axis = 0;
  mlcm_status st = mlcm__ref_one_int(call->inputs[1], "axis", &wanted, err);
  if (!st) st = mlcm__ref_axis(wanted, x->rank, &axis, err);
  if (st) return st;
  if (mlcm__ref_output_like(call, x, err) == NULL) return err->code;
  mlcm__lines lines = mlcm__lines_along(x, axis);
  for (int64_t i = 0; x->count > 0 && i < lines.n_lines; i++) {
    if (mlcm__is_real(x->dtype))
      sum_f64(k->data, x, call->outputs[0], &lines, i);
    else
      sum_i64(k->data, x, call->outputs[0], &lines, i);
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("ConstantOfShape", 9, 1, 1), .takes = {MLCM__INDEX}, .gives_by = fill_gives, .data_bytes = sizeof(fill),
     .prepare = prepare_fill, .run = run_fill},
    {MLCM__REF_OP("Range", 11, 3, 3), .takes = {MLCM__REALS | MLCM__SIGNED, MLCM__SAME}, .gives = {MLCM__LIKE_0},
     .run = run_range},
    {MLCM__REF_OP("OneHot", 9, 3, 3), .takes = {MLCM__NUMBERS, MLCM__NUMBERS, MLCM__ANY}, .gives = {MLCM__LIKE_2},
     .data_bytes = sizeof(int64_t), .prepare = mlcm__ref_prepare_axis, .run = run_one_hot, .variant = &mlcm__ref_axis_last},
    {MLCM__REF_OP("EyeLike", 9, 1, 1), .takes = {MLCM__NUMBERS | MLCM__BOOLS}, .gives_by = eye_gives, .data_bytes = sizeof(eye),
     .prepare = prepare_eye, .run = run_eye},
    {MLCM__REF_OP("Trilu", 14, 1, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(bool),
     .prepare = prepare_trilu, .run = run_trilu},
    {MLCM__REF_OP("CumSum", 11, 2, 2), .takes = {MLCM__NUMBERS, MLCM__INDEX}, .gives = {MLCM__LIKE_0},
     .data_bytes = sizeof(cumulative), .prepare = prepare_cum_sum, .run = run_cum_sum},
};

const mlcm__ref_family mlcm__ref_make_family = {OPS, sizeof OPS / sizeof OPS[0]};
