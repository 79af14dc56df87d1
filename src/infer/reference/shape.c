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
  mlcm__int_list shape; /* opset 1 */
} reshape;

static void prepare_reshape(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  reshape *p = k->data;
  mlcm__ref_int_list(r, "shape", MLCM_MAX_RANK, &p->shape);
  p->allow_zero = mlcm__ref_flag(r, "allowzero", false);
  if (r->node->opset >= 5 && r->node->n_inputs < 2) mlcm__ref_bad(r, MLCM_PARSE, "the input 'shape' is missing");
}

static mlcm_status reshape_mismatch(const mlcm_tensor *x, const mlcm__int_list *wanted, mlcm_error *err) {
  char from[120], to[120];
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "shape %s does not become %s", mlcm__shape_text(from, x->rank, x->shape),
                    mlcm__shape_text(to, (int32_t)wanted->n, wanted->at));
}

/* Resolves 0 (as in x) and -1 (what is left). False when x does not have that many elements. */
static bool resolve_shape(const mlcm_tensor *x, const mlcm__int_list *wanted, bool allow_zero, int64_t *shape) {
  int64_t known = 1, *open = NULL;
  for (size_t d = 0; d < wanted->n; d++) {
    bool copied = wanted->at[d] == 0 && !allow_zero;
    if (copied && d >= (size_t)x->rank) return false;
    shape[d] = copied ? x->shape[d] : wanted->at[d];
    if (shape[d] < -1 || (shape[d] == -1 && open != NULL)) return false;
    if (shape[d] == -1)
      open = &shape[d];
    else if (__builtin_mul_overflow(known, shape[d], &known))
      return false;
  }
  if (open == NULL) return known == x->count;
  if (known == 0 || x->count % known != 0) return false;
  *open = x->count / known;
  return true;
}

static mlcm_status run_reshape(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const reshape *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  mlcm__int_list wanted = p->shape;
  int64_t shape[MLCM_MAX_RANK];
  mlcm_status st = mlcm__ref_index_list(mlcm__ref_input(call, 1), "shape", MLCM_MAX_RANK, &wanted, err);
  if (st) return st;
  if (!resolve_shape(x, &wanted, p->allow_zero, shape)) return reshape_mismatch(x, &wanted, err);
  return mlcm__ref_copy_out(call, 0, x, (int32_t)wanted.n, shape, err);
}

/* ---- Flatten ---- */

static mlcm_status run_flatten(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  int32_t axis = 0;
  int64_t wanted = *(const int64_t *)k->data;
  mlcm_status st = mlcm__ref_axis(wanted == x->rank ? 0 : wanted, x->rank > 0 ? x->rank : 1, &axis, err);
  if (st) return st;
  if (wanted == x->rank) axis = x->rank; /* one past the last is allowed: a single column */
  int64_t shape[] = {mlcm__product(x->shape, 0, axis), mlcm__product(x->shape, axis, x->rank)};
  return mlcm__ref_copy_out(call, 0, x, 2, shape, err);
}

/* ---- Squeeze, Unsqueeze: axes were an attribute before opset 13 ---- */

static void prepare_axes(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  if (r->node->opset < 13) mlcm__ref_int_list(r, "axes", MLCM_MAX_RANK, k->data);
}

/* Marks the axes of a tensor of `rank` dimensions, and of as many more as there are axes when they are of the result. */
static mlcm_status mark_axes(const mlcm__ref_kernel *k, const mlcm_call *call, bool of_result, bool *marked, size_t *n,
                             mlcm_error *err) {
  mlcm__int_list axes = *(const mlcm__int_list *)k->data;
  mlcm_status st = mlcm__ref_index_list(mlcm__ref_input(call, 1), "axes", MLCM_MAX_RANK, &axes, err);
  if (st) return st;
  int32_t rank = call->inputs[0]->rank + (of_result ? (int32_t)axes.n : 0);
  st = mlcm__ref_rank_limit(rank, err);
  for (size_t i = 0; !st && i < axes.n; i++) {
    int32_t axis = 0;
    st = mlcm__ref_axis(axes.at[i], rank, &axis, err);
    if (st) return st;
    if (marked[axis]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "axis %d is named twice", (int)axis);
    marked[axis] = true;
  }
  *n = axes.n;
  return st;
}

static mlcm_status run_squeeze(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  bool marked[MLCM_MAX_RANK] = {false};
  int64_t shape[MLCM_MAX_RANK];
  size_t n = 0;
  int32_t rank = 0;
  mlcm_status st = mark_axes(k, call, false, marked, &n, err);
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
  mlcm_status st = mark_axes(k, call, true, marked, &n, err);
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
  void *mask = NULL;
  mlcm_status st = mlcm__ref_output_if(call, 1, dtype, x->rank, x->shape, &mask, err);
  for (int64_t i = 0; mask != NULL && i < x->count; i++) mlcm__put_number(dtype, mask, i, 1);
  return st;
}

static mlcm_status run_dropout(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *training = mlcm__ref_input(call, 2);
  int64_t is_on = 0;
  mlcm_status st = mlcm__ref_one_int(training, "training_mode", &is_on, err);
  if (st) return st;
  if (is_on) return mlcm__fail(err, MLCM_UNSUPPORTED, "training_mode is on; only inference is supported");
  st = write_mask(call, k->opset >= 10 ? MLCM_BOOL : call->inputs[0]->dtype, err);
  return st || !mlcm__ref_wants(call, 0) ? st : run_identity(k, call, err);
}

static void prepare_dropout(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  (void)k;
  if (r->node->opset < 7 && !mlcm__ref_flag(r, "is_test", true))
    mlcm__ref_bad(r, MLCM_UNSUPPORTED, "is_test is 0; only inference is supported");
}

static mlcm_dtype dropout_gives(const mlcm_node *node, size_t i) {
  return i == 1 && node->opset >= 10 ? MLCM_BOOL : node->input_dtypes[0];
}

typedef struct range_param {
  int64_t start, end;
} range_param;

static void prepare_shape(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  range_param *p = k->data;
  p->start = mlcm__ref_int(r, "start", 0);
  p->end = mlcm__ref_int(r, "end", INT64_MAX);
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
    {MLCM__REF_OP("Reshape", 1, 1, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(reshape),
     .prepare = prepare_reshape, .run = run_reshape},
    {MLCM__REF_OP("Flatten", 1, 1, 1), .takes = {MLCM__ANY}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(int64_t),
     .prepare = mlcm__ref_prepare_axis, .run = run_flatten, .variant = &mlcm__ref_axis_second},
    {MLCM__REF_OP("Squeeze", 1, 1, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0},
     .data_bytes = sizeof(mlcm__int_list), .prepare = prepare_axes, .run = run_squeeze},
    {MLCM__REF_OP("Unsqueeze", 1, 1, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0},
     .data_bytes = sizeof(mlcm__int_list), .prepare = prepare_axes, .run = run_unsqueeze},
    {MLCM__REF_OP("Identity", 1, 1, 1), .takes = {MLCM__ANY}, .gives = {MLCM__LIKE_0}, .run = run_identity},
    {MLCM__REF_OP("Dropout", 1, 1, 3), .max_outputs = 2, .takes = {MLCM__REALS, MLCM__REALS, MLCM__BOOLS},
     .gives_by = dropout_gives, .prepare = prepare_dropout, .run = run_dropout},
    {MLCM__REF_OP("Shape", 1, 1, 1), .takes = {MLCM__ANY}, .gives = {MLCM_I64}, .data_bytes = sizeof(range_param),
     .prepare = prepare_shape, .run = run_shape},
    {MLCM__REF_OP("Size", 1, 1, 1), .takes = {MLCM__ANY}, .gives = {MLCM_I64}, .run = run_size},
};

const mlcm__ref_family mlcm__ref_shape_family = {OPS, sizeof OPS / sizeof OPS[0]};
