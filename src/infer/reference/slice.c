/* SPDX-License-Identifier: Apache-2.0
 *
 * slice.c - Slice, Concat and Split: boxes cut out of tensors and put together, by strided copies.
 */
#include <string.h>

#include "infer/reference/reference.h"

/* ---- Slice: its lists were attributes before opset 10 ---- */

typedef struct slice {
  mlcm__int_list starts, ends, axes, steps;
} slice;

static void prepare_slice(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  slice *p = k->data;
  if (r->node->opset >= 10) {
    if (r->node->n_inputs < 3) mlcm__ref_bad(r, MLCM_PARSE, "the inputs 'starts' and 'ends' are missing");
    return;
  }
  mlcm__ref_int_list(r, "starts", MLCM_MAX_RANK, &p->starts);
  mlcm__ref_int_list(r, "ends", MLCM_MAX_RANK, &p->ends);
  mlcm__ref_int_list(r, "axes", MLCM_MAX_RANK, &p->axes);
}

static mlcm_status slice_inputs(const mlcm_call *call, slice *s, mlcm_error *err) {
  mlcm_status st = mlcm__ref_index_list(mlcm__ref_input(call, 1), "starts", MLCM_MAX_RANK, &s->starts, err);
  if (!st) st = mlcm__ref_index_list(mlcm__ref_input(call, 2), "ends", MLCM_MAX_RANK, &s->ends, err);
  if (!st) st = mlcm__ref_index_list(mlcm__ref_input(call, 3), "axes", MLCM_MAX_RANK, &s->axes, err);
  if (!st) st = mlcm__ref_index_list(mlcm__ref_input(call, 4), "steps", MLCM_MAX_RANK, &s->steps, err);
  if (st) return st;
  size_t n = s->starts.n;
  if (s->ends.n != n || (s->axes.given && s->axes.n != n) || (s->steps.given && s->steps.n != n))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'starts', 'ends', 'axes' and 'steps' differ in length");
  for (size_t i = 0; i < n; i++) {
    if (!s->axes.given) s->axes.at[i] = (int64_t)i;
    if (!s->steps.given) s->steps.at[i] = 1;
  }
  return MLCM_OK;
}

static int64_t clamp_int(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

/* NumPy's rule for start:end:step on `size` elements. */
static int64_t slice_length(int64_t size, int64_t *start, int64_t end, int64_t step) {
  if (*start < 0) *start = *start < -size ? -1 : *start + size;
  if (end < 0) end = end < -size ? -1 : end + size;
  if (step > 0) {
    *start = clamp_int(*start, 0, size);
    end = clamp_int(end, 0, size);
    return end > *start ? (end - *start - 1) / step + 1 : 0;
  }
  *start = clamp_int(*start, -1, size - 1);
  end = clamp_int(end, -1, size - 1);
  return *start > end ? (int64_t)(((uint64_t)(*start - end) - 1) / (0 - (uint64_t)step)) + 1 : 0;
}

static mlcm_status run_slice(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  slice s = *(const slice *)k->data;
  int64_t shape[MLCM_MAX_RANK];
  bool seen[MLCM_MAX_RANK] = {false};
  mlcm__place from = mlcm__place_whole(x);
  mlcm_status st = slice_inputs(call, &s, err);
  if (st) return st;
  memcpy(shape, x->shape, sizeof shape);
  for (size_t i = 0; i < s.starts.n; i++) {
    int32_t axis = 0;
    st = mlcm__ref_axis(s.axes.at[i], x->rank, &axis, err);
    if (st) return st;
    int64_t start = s.starts.at[i], step = s.steps.at[i], own = from.steps[axis];
    if (step == 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a step is 0");
    if (seen[axis]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "axis %d is named twice", (int)axis);
    seen[axis] = true;
    shape[axis] = slice_length(x->shape[axis], &start, s.ends.at[i], step);
    if (shape[axis] > 0) from.at += start * own;
    from.steps[axis] = shape[axis] > 1 ? own * step : own; /* a step over the end must not overflow */
  }
  if (call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  mlcm__place to = mlcm__place_whole(call->outputs[0]);
  mlcm__move(mlcm_dtype_size(x->dtype), x->rank, shape, &to, &from);
  return MLCM_OK;
}

/* ---- Concat ---- */

static mlcm_status concat_shape(const mlcm_call *call, int32_t axis, int64_t *shape, mlcm_error *err) {
  const mlcm_tensor *first = call->inputs[0];
  char one[120], other[120];
  memcpy(shape, first->shape, sizeof first->shape);
  for (size_t i = 1; i < call->n_inputs; i++) {
    const mlcm_tensor *t = call->inputs[i];
    bool same = t->rank == first->rank;
    for (int32_t d = 0; same && d < t->rank; d++) same = d == axis || t->shape[d] == first->shape[d];
    if (!same)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s and %s cannot be joined along axis %d",
                        mlcm__shape_text(one, first->rank, first->shape), mlcm__shape_text(other, t->rank, t->shape), (int)axis);
    if (__builtin_add_overflow(shape[axis], t->shape[axis], &shape[axis]))
      return mlcm__fail(err, MLCM_LIMIT, "the result's axis %d is too long", (int)axis);
  }
  return MLCM_OK;
}

static mlcm_status run_concat(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *first = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK];
  int32_t axis = 0;
  mlcm_status st = mlcm__ref_axis(*(const int64_t *)k->data, first->rank, &axis, err);
  if (!st) st = concat_shape(call, axis, shape, err);
  if (st) return st;
  if (call->host->output(call, 0, first->dtype, first->rank, shape, err) == NULL) return err->code;
  mlcm__place to = mlcm__place_whole(call->outputs[0]);
  for (size_t i = 0; i < call->n_inputs; i++) {
    const mlcm_tensor *t = call->inputs[i];
    mlcm__place from = mlcm__place_whole(t);
    mlcm__move(mlcm_dtype_size(t->dtype), t->rank, t->shape, &to, &from);
    to.at += t->shape[axis] * to.steps[axis];
  }
  return MLCM_OK;
}

/* ---- Split ---- */

typedef struct split {
  int64_t axis;
  size_t n; /* of sizes, from the attribute; 0: none */
  const int64_t *sizes;
} split;

static void prepare_split(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  split *p = k->data;
  p->axis = mlcm__ref_int(r, "axis", 0);
  const int64_t *sizes = mlcm__ref_ints(r, "split", &p->n);
  if (p->n != 0 && p->n != r->node->n_outputs)
    mlcm__ref_bad(r, MLCM_PARSE, "'split' has %zu sizes for %zu outputs", p->n, r->node->n_outputs);
  p->sizes = mlcm__ref_keep_copy(r, sizes, p->n, sizeof *sizes);
}

/* The size of part i: given, or equal parts of which the last may be smaller. */
static int64_t split_size(const split *p, const mlcm_tensor *given, size_t i, size_t n_parts, int64_t total) {
  int64_t each = total / (int64_t)n_parts + (total % (int64_t)n_parts != 0);
  if (given != NULL) return mlcm__i64_at(given, (int64_t)i);
  return p->n > 0 ? p->sizes[i] : clamp_int(total - (int64_t)i * each, 0, each);
}

static mlcm_status run_split(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const split *p = k->data;
  const mlcm_tensor *x = call->inputs[0], *given = mlcm__ref_input(call, 1);
  int64_t shape[MLCM_MAX_RANK], done = 0;
  int32_t axis = 0;
  mlcm__place from = mlcm__place_whole(x);
  mlcm_status st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  if (given != NULL && given->count != (int64_t)call->n_outputs)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'split' has %lld sizes for %zu outputs", (long long)given->count,
                      call->n_outputs);
  memcpy(shape, x->shape, sizeof shape);
  for (size_t i = 0; i < call->n_outputs; i++) {
    shape[axis] = split_size(p, given, i, call->n_outputs, x->shape[axis]);
    if (shape[axis] < 0 || shape[axis] > x->shape[axis] - done)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "part %zu of %lld elements does not fit into %lld", i, (long long)shape[axis],
                        (long long)x->shape[axis]);
    from.at = done * from.steps[axis];
    done += shape[axis];
    if (!mlcm__ref_wants(call, i)) continue;
    if (call->host->output(call, i, x->dtype, x->rank, shape, err) == NULL) return err->code;
    mlcm__place to = mlcm__place_whole(call->outputs[i]);
    mlcm__move(mlcm_dtype_size(x->dtype), x->rank, shape, &to, &from);
  }
  if (done != x->shape[axis])
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the parts add up to %lld of %lld elements", (long long)done,
                      (long long)x->shape[axis]);
  return MLCM_OK;
}

static mlcm_dtype gives_parts(const mlcm_node *node, size_t i) {
  (void)i;
  return node->input_dtypes[0];
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("Slice", 1, 1, 5), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(slice),
     .prepare = prepare_slice, .run = run_slice},
    {MLCM__REF_OP("Concat", 1, 1, -1), .takes = {MLCM__ANY, MLCM__SAME}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(int64_t),
     .prepare = mlcm__ref_prepare_axis, .run = run_concat, .variant = &mlcm__ref_axis_second},
    {MLCM__REF_OP("Split", 2, 1, 2), .max_outputs = SIZE_MAX, .takes = {MLCM__ANY, MLCM__INDEX}, .gives_by = gives_parts,
     .data_bytes = sizeof(split), .prepare = prepare_split, .run = run_split},
};

const mlcm__ref_family mlcm__ref_slice_family = {OPS, sizeof OPS / sizeof OPS[0]};
