/* SPDX-License-Identifier: Apache-2.0
 *
 * shape.c - operators that keep the elements and change the shape, or tell it: Reshape, Flatten, Squeeze, Unsqueeze, Identity,
 * Dropout, Shape, Size.
 */
#include <string.h>

#include "infer/reference/reference.h"

/* ---- Reshape ---- */

typedef struct reshape {
  bool allow_zero;
  size_t n;
  int64_t shape[MLCM_MAX_RANK]; /* opset 1 */
} reshape;

static mlcm_status prepare_reshape(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  reshape *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  const int64_t *shape = mlcm__ref_ints(&r, "shape", &p->n);
  p->allow_zero = mlcm__ref_int(&r, "allowzero", 0) != 0;
  if (p->n > MLCM_MAX_RANK)
    return mlcm__fail(err, MLCM_LIMIT, "a shape of %zu dimensions is over the limit of %d", p->n, MLCM_MAX_RANK);
  if (shape != NULL) memcpy(p->shape, shape, p->n * sizeof *shape);
  if (node->opset >= 5 && node->n_inputs < 2) return mlcm__fail(err, MLCM_PARSE, "the input 'shape' is missing");
  k->data = p;
  return r.st;
}

static mlcm_status reshape_mismatch(const mlcm_tensor *x, size_t rank, const int64_t *shape, mlcm_error *err) {
  char from[120], to[120];
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "shape %s does not become %s", mlcm__shape_text(from, x->rank, x->shape),
                    mlcm__shape_text(to, (int32_t)rank, shape));
}

static mlcm_status run_reshape(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const reshape *p = k->data;
  const mlcm_tensor *x = call->inputs[0], *given = mlcm__ref_input(call, 1);
  int64_t shape[MLCM_MAX_RANK], wanted[MLCM_MAX_RANK], known = 1;
  size_t rank = p->n, free_dim = SIZE_MAX;
  mlcm_status st = MLCM_OK;
  memcpy(shape, p->shape, sizeof shape);
  if (given != NULL) st = mlcm__ref_index_list(given, "shape", shape, MLCM_MAX_RANK, &rank, err);
  if (st) return st;
  memcpy(wanted, shape, sizeof wanted);
  for (size_t d = 0; d < rank; d++) {
    if (shape[d] == 0 && !p->allow_zero) {
      if (d >= (size_t)x->rank) return reshape_mismatch(x, rank, wanted, err);
      shape[d] = x->shape[d];
    }
    if (shape[d] < -1 || (shape[d] == -1 && free_dim != SIZE_MAX)) return reshape_mismatch(x, rank, wanted, err);
    if (shape[d] == -1)
      free_dim = d;
    else if (__builtin_mul_overflow(known, shape[d], &known))
      return reshape_mismatch(x, rank, wanted, err);
  }
  if (free_dim != SIZE_MAX) {
    if (known == 0 || x->count % known != 0) return reshape_mismatch(x, rank, wanted, err);
    shape[free_dim] = x->count / known;
    known = x->count;
  }
  if (known != x->count) return reshape_mismatch(x, rank, wanted, err);
  return mlcm__ref_copy_out(call, 0, x, (int32_t)rank, shape, err);
}

/* ---- Flatten ---- */

typedef struct axis_param {
  int64_t axis;
} axis_param;

static mlcm_status prepare_flatten(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  axis_param *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->axis = mlcm__ref_int(&r, "axis", 1);
  k->data = p;
  return r.st;
}

static mlcm_status run_flatten(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  int64_t axis = ((const axis_param *)k->data)->axis;
  if (axis < -x->rank || axis > x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "axis %lld is out of range for %d dimensions", (long long)axis, (int)x->rank);
  if (axis < 0) axis += x->rank;
  int64_t shape[] = {mlcm__product(x->shape, 0, (int32_t)axis), mlcm__product(x->shape, (int32_t)axis, x->rank)};
  return mlcm__ref_copy_out(call, 0, x, 2, shape, err);
}

/* ---- Squeeze, Unsqueeze: axes were an attribute before opset 13 ---- */

typedef struct axes_param {
  size_t n;
  int64_t axes[MLCM_MAX_RANK];
} axes_param;

static mlcm_status prepare_axes(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  axes_param *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  const int64_t *axes = node->opset < 13 ? mlcm__ref_ints(&r, "axes", &p->n) : NULL;
  if (p->n > MLCM_MAX_RANK) return mlcm__fail(err, MLCM_PARSE, "'axes' has %zu elements", p->n);
  if (axes != NULL) memcpy(p->axes, axes, p->n * sizeof *axes);
  k->data = p;
  return r.st;
}

static mlcm_status get_axes(const mlcm__ref_kernel *k, const mlcm_call *call, int32_t rank, bool *marked, size_t *n,
                            mlcm_error *err) {
  const axes_param *p = k->data;
  const mlcm_tensor *given = mlcm__ref_input(call, 1);
  int64_t axes[MLCM_MAX_RANK];
  mlcm_status st = MLCM_OK;
  memcpy(axes, p->axes, sizeof axes);
  *n = p->n;
  if (given != NULL) st = mlcm__ref_index_list(given, "axes", axes, MLCM_MAX_RANK, n, err);
  if (st) return st;
  if (rank < 0) rank = -rank + (int32_t)*n; /* Unsqueeze: axes are of the result */
  if (rank > MLCM_MAX_RANK)
    return mlcm__fail(err, MLCM_LIMIT, "the result has %d dimensions, at most %d are supported", (int)rank, MLCM_MAX_RANK);
  for (size_t i = 0; i < *n; i++) {
    int32_t axis = 0;
    st = mlcm__ref_axis(axes[i], rank, &axis, err);
    if (st) return st;
    if (marked[axis]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "axis %d is named twice", (int)axis);
    marked[axis] = true;
  }
  return MLCM_OK;
}

static mlcm_status run_squeeze(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  bool marked[MLCM_MAX_RANK] = {false};
  int64_t shape[MLCM_MAX_RANK];
  size_t n = 0;
  int32_t rank = 0;
  mlcm_status st = get_axes(k, call, x->rank, marked, &n, err);
  if (st) return st;
  for (int32_t d = 0; d < x->rank; d++) {
    bool drop = n == 0 ? x->shape[d] == 1 : marked[d];
    if (drop && x->shape[d] != 1)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "dimension %d has %lld elements, not 1", (int)d, (long long)x->shape[d]);
    if (!drop) shape[rank++] = x->shape[d];
  }
  return mlcm__ref_copy_out(call, 0, x, rank, shape, err);
}

static mlcm_status run_unsqueeze(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  bool marked[MLCM_MAX_RANK] = {false};
  int64_t shape[MLCM_MAX_RANK];
  size_t n = 0;
  mlcm_status st = get_axes(k, call, x->rank == 0 ? 0 : -x->rank, marked, &n, err);
  if (st) return st;
  int32_t rank = x->rank + (int32_t)n, from = 0;
  for (int32_t d = 0; d < rank; d++) shape[d] = marked[d] ? 1 : x->shape[from++];
  return mlcm__ref_copy_out(call, 0, x, rank, shape, err);
}

/* ---- Identity, Dropout, Shape, Size ---- */

static mlcm_status run_identity(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *x = call->inputs[0];
  return mlcm__ref_copy_out(call, 0, x, x->rank, x->shape, err);
}

/* At inference nothing is dropped and the mask is all true; before opset 10 it has the data's type. */
static mlcm_status write_mask(mlcm_call *call, mlcm_dtype dtype, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  int kind = mlcm__lane_kind(dtype);
  if (kind == MLCM__LANE_S) return mlcm__ref_wrong_dtype(x, err);
  void *mask = call->host->output(call, 1, dtype, x->rank, x->shape, err);
  if (mask == NULL) return err->code;
  for (int64_t i = 0; i < x->count; i++) {
    if (kind == MLCM__LANE_F)
      mlcm__store_f64(dtype, mask, i, &(const double){1}, 1);
    else
      mlcm__store_i64(dtype, mask, i, &(const int64_t){1}, 1);
  }
  return MLCM_OK;
}

static mlcm_status run_dropout(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *training = mlcm__ref_input(call, 2);
  mlcm_status st = MLCM_OK;
  if (training != NULL && (training->dtype != MLCM_BOOL || training->count != 1)) return mlcm__ref_wrong_dtype(training, err);
  if (training != NULL && *(const uint8_t *)training->data != 0)
    return mlcm__fail(err, MLCM_UNSUPPORTED, "training_mode is on; only inference is supported");
  if (mlcm__ref_wants(call, 1)) st = write_mask(call, k->opset >= 10 ? MLCM_BOOL : call->inputs[0]->dtype, err);
  return st || !mlcm__ref_wants(call, 0) ? st : run_identity(k, call, err);
}

static mlcm_status prepare_dropout(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  (void)k;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  if (node->opset < 7 && mlcm__ref_int(&r, "is_test", 0) == 0 && mlcm__ref_attr(node, "is_test") != NULL)
    return mlcm__fail(err, MLCM_UNSUPPORTED, "is_test is 0; only inference is supported");
  return r.st;
}

typedef struct range_param {
  int64_t start, end;
} range_param;

static mlcm_status prepare_shape(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  range_param *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->start = mlcm__ref_int(&r, "start", 0);
  p->end = mlcm__ref_int(&r, "end", INT64_MAX);
  k->data = p;
  return r.st;
}

static int64_t into_range(int64_t at, int32_t rank) {
  if (at < 0) at = at < -rank ? 0 : at + rank;
  return at > rank ? rank : at;
}

static mlcm_status run_shape(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const range_param *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t start = into_range(p->start, x->rank), end = into_range(p->end, x->rank);
  int64_t n = end > start ? end - start : 0;
  int64_t *out = call->host->output(call, 0, MLCM_I64, 1, &n, err);
  if (out == NULL) return err->code;
  if (n > 0) memcpy(out, x->shape + start, (size_t)n * sizeof *out);
  return MLCM_OK;
}

static mlcm_status run_size(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  int64_t *out = call->host->output(call, 0, MLCM_I64, 0, NULL, err);
  if (out == NULL) return err->code;
  *out = call->inputs[0]->count;
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"Reshape", MLCM__REF_CORE, 1, 0, 1, 2, prepare_reshape, run_reshape, NULL},
    {"Flatten", MLCM__REF_CORE, 1, 0, 1, 1, prepare_flatten, run_flatten, NULL},
    {"Squeeze", MLCM__REF_CORE, 1, 0, 1, 2, prepare_axes, run_squeeze, NULL},
    {"Unsqueeze", MLCM__REF_CORE, 1, 0, 1, 2, prepare_axes, run_unsqueeze, NULL},
    {"Identity", MLCM__REF_CORE, 1, 0, 1, 1, NULL, run_identity, NULL},
    {"Dropout", MLCM__REF_CORE, 1, 0, 1, 3, prepare_dropout, run_dropout, NULL, 2},
    {"Shape", MLCM__REF_CORE, 1, 0, 1, 1, prepare_shape, run_shape, NULL},
    {"Size", MLCM__REF_CORE, 1, 0, 1, 1, NULL, run_size, NULL},
};

const mlcm__ref_family mlcm__ref_shape_family = {OPS, sizeof OPS / sizeof OPS[0]};
