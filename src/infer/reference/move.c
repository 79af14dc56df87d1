/* SPDX-License-Identifier: Apache-2.0
 *
 * move.c - operators that put elements elsewhere, all by strided copies: Transpose, Expand, Tile, Slice, Concat, Split, Pad.
 */
#include <string.h>

#include "infer/reference/reference.h"

static void place_whole(const mlcm_tensor *t, mlcm__place *out) {
  *out = (mlcm__place){.data = t->data};
  mlcm__steps_of(t->rank, t->shape, out->steps);
}

/* ---- Transpose ---- */

typedef struct perm_param {
  size_t n;
  int64_t perm[MLCM_MAX_RANK];
} perm_param;

static mlcm_status prepare_transpose(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  perm_param *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  bool seen[MLCM_MAX_RANK] = {false};
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  const int64_t *perm = mlcm__ref_ints(&r, "perm", &p->n);
  if (p->n > MLCM_MAX_RANK) return mlcm__fail(err, MLCM_PARSE, "'perm' has %zu elements", p->n);
  for (size_t i = 0; i < p->n; i++) {
    if (perm[i] < 0 || perm[i] >= (int64_t)p->n || seen[perm[i]]) return mlcm__fail(err, MLCM_PARSE, "'perm' is no permutation");
    seen[perm[i]] = true;
    p->perm[i] = perm[i];
  }
  k->data = p;
  return r.st;
}

static mlcm_status run_transpose(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const perm_param *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK], own[MLCM_MAX_RANK];
  mlcm__place from = {.data = x->data}, to;
  if (p->n != 0 && p->n != (size_t)x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'perm' has %zu elements for %d dimensions", p->n, (int)x->rank);
  mlcm__steps_of(x->rank, x->shape, own);
  for (int32_t d = 0; d < x->rank; d++) {
    int64_t source = p->n != 0 ? p->perm[d] : x->rank - 1 - d;
    shape[d] = x->shape[source];
    from.steps[d] = own[source];
  }
  if (call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  place_whole(call->outputs[0], &to);
  mlcm__move(mlcm_dtype_size(x->dtype), x->rank, shape, &to, &from);
  return MLCM_OK;
}

/* ---- Expand ---- */

static mlcm_status run_expand(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *x = call->inputs[0];
  mlcm_tensor wanted = {.count = 1};
  mlcm__place from = {.data = x->data}, to;
  size_t n = 0;
  mlcm_status st = mlcm__ref_index_list(call->inputs[1], "shape", wanted.shape, MLCM_MAX_RANK, &n, err);
  if (st) return st;
  wanted.rank = (int32_t)n;
  int32_t rank = x->rank;
  int64_t shape[MLCM_MAX_RANK];
  memcpy(shape, x->shape, sizeof shape);
  st = mlcm__broadcast(&rank, shape, &wanted, err);
  if (st) return st;
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  mlcm__broadcast_steps(x, rank, from.steps);
  place_whole(call->outputs[0], &to);
  mlcm__move(mlcm_dtype_size(x->dtype), rank, shape, &to, &from);
  return MLCM_OK;
}

/* ---- Tile: each dimension is seen as [repeats, size] ---- */

static mlcm_status run_tile(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *x = call->inputs[0];
  int64_t repeats[MLCM_MAX_RANK], shape[MLCM_MAX_RANK], own[MLCM_MAX_RANK], grid_steps[MLCM_MAX_RANK] = {0};
  mlcm__place from, to;
  mlcm__walk w;
  size_t n = 0;
  mlcm_status st = mlcm__ref_index_list(call->inputs[1], "repeats", repeats, MLCM_MAX_RANK, &n, err);
  if (st) return st;
  if (n != (size_t)x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'repeats' has %zu elements for %d dimensions", n, (int)x->rank);
  for (size_t d = 0; d < n; d++)
    if (repeats[d] < 0 || __builtin_mul_overflow(x->shape[d], repeats[d], &shape[d]))
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "repeat %lld of dimension %zu is out of range", (long long)repeats[d], d);
  if (call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  if (call->outputs[0]->count == 0) return MLCM_OK;
  place_whole(x, &from);
  mlcm__steps_of(x->rank, shape, own);
  to = (mlcm__place){.data = call->outputs[0]->data};
  memcpy(to.steps, own, sizeof own);
  for (int32_t d = 0; d < x->rank; d++) grid_steps[d] = own[d] * x->shape[d];
  mlcm__walk_start(&w, x->rank, repeats, 1, (const int64_t *const[]){grid_steps});
  while (mlcm__walk_row(&w)) {
    for (int64_t i = 0; i < w.inner; i++) {
      to.at = w.at[0] + i * w.step[0];
      mlcm__move(mlcm_dtype_size(x->dtype), x->rank, x->shape, &to, &from);
    }
  }
  return MLCM_OK;
}

/* ---- Slice ---- */

typedef struct slice {
  size_t n;
  int64_t starts[MLCM_MAX_RANK], ends[MLCM_MAX_RANK], axes[MLCM_MAX_RANK], steps[MLCM_MAX_RANK];
} slice;

static mlcm_status slice_attribute(mlcm__ref_reader *r, const char *name, int64_t *out, size_t *n) {
  const int64_t *list = mlcm__ref_ints(r, name, n);
  if (*n > MLCM_MAX_RANK) return mlcm__fail(r->err, MLCM_PARSE, "'%s' has %zu elements", name, *n);
  if (list != NULL) memcpy(out, list, *n * sizeof *out);
  return r->st;
}

static mlcm_status prepare_slice(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  slice *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  size_t n_ends = 0, n_axes = 0;
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  k->data = p;
  if (node->opset >= 10)
    return node->n_inputs >= 3 ? MLCM_OK : mlcm__fail(err, MLCM_PARSE, "the inputs 'starts' and 'ends' are missing");
  mlcm_status st = slice_attribute(&r, "starts", p->starts, &p->n);
  if (!st) st = slice_attribute(&r, "ends", p->ends, &n_ends);
  if (!st) st = slice_attribute(&r, "axes", p->axes, &n_axes);
  if (st) return st;
  if (n_ends != p->n || (n_axes != 0 && n_axes != p->n))
    return mlcm__fail(err, MLCM_PARSE, "'starts', 'ends' and 'axes' differ in length");
  for (size_t i = 0; i < p->n; i++) {
    if (n_axes == 0) p->axes[i] = (int64_t)i;
    p->steps[i] = 1;
  }
  return MLCM_OK;
}

static mlcm_status slice_inputs(const mlcm_call *call, slice *s, mlcm_error *err) {
  const mlcm_tensor *axes = mlcm__ref_input(call, 3), *steps = mlcm__ref_input(call, 4);
  size_t n_ends = 0, n_axes = 0, n_steps = 0;
  if (call->n_inputs < 3) return MLCM_OK; /* attributes */
  mlcm_status st = mlcm__ref_index_list(call->inputs[1], "starts", s->starts, MLCM_MAX_RANK, &s->n, err);
  if (!st) st = mlcm__ref_index_list(call->inputs[2], "ends", s->ends, MLCM_MAX_RANK, &n_ends, err);
  if (!st && axes != NULL) st = mlcm__ref_index_list(axes, "axes", s->axes, MLCM_MAX_RANK, &n_axes, err);
  if (!st && steps != NULL) st = mlcm__ref_index_list(steps, "steps", s->steps, MLCM_MAX_RANK, &n_steps, err);
  if (st) return st;
  if (n_ends != s->n || (axes != NULL && n_axes != s->n) || (steps != NULL && n_steps != s->n))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'starts', 'ends', 'axes' and 'steps' differ in length");
  for (size_t i = 0; i < s->n; i++) {
    if (axes == NULL) s->axes[i] = (int64_t)i;
    if (steps == NULL) s->steps[i] = 1;
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
  mlcm__place from, to;
  mlcm_status st = slice_inputs(call, &s, err);
  if (st) return st;
  place_whole(x, &from);
  memcpy(shape, x->shape, sizeof shape);
  for (size_t i = 0; i < s.n; i++) {
    int32_t axis = 0;
    st = mlcm__ref_axis(s.axes[i], x->rank, &axis, err);
    if (st) return st;
    if (s.steps[i] == 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a step is 0");
    int64_t start = s.starts[i];
    shape[axis] = slice_length(x->shape[axis], &start, s.ends[i], s.steps[i]);
    int64_t own = from.steps[axis];
    if (shape[axis] > 0) from.at += start * own;
    from.steps[axis] = shape[axis] > 1 ? own * s.steps[i] : own;
  }
  if (call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  place_whole(call->outputs[0], &to);
  mlcm__move(mlcm_dtype_size(x->dtype), x->rank, shape, &to, &from);
  return MLCM_OK;
}

/* ---- Concat ---- */

typedef struct axis_param {
  int64_t axis;
} axis_param;

static mlcm_status prepare_axis(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  axis_param *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->axis = mlcm__ref_int(&r, "axis", 1);
  k->data = p;
  return r.st;
}

static mlcm_status concat_shape(const mlcm_call *call, int32_t axis, int64_t *shape, mlcm_error *err) {
  const mlcm_tensor *first = call->inputs[0];
  char one[120], other[120];
  memcpy(shape, first->shape, sizeof first->shape);
  for (size_t i = 1; i < call->n_inputs; i++) {
    const mlcm_tensor *t = call->inputs[i];
    bool same = t != NULL && t->rank == first->rank && t->dtype == first->dtype;
    for (int32_t d = 0; same && d < t->rank; d++) same = d == axis || t->shape[d] == first->shape[d];
    if (t == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "input %zu is left out", i);
    if (!same)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s %s and %s %s cannot be joined along axis %d",
                        mlcm_dtype_name(first->dtype), mlcm__shape_text(one, first->rank, first->shape),
                        mlcm_dtype_name(t->dtype), mlcm__shape_text(other, t->rank, t->shape), (int)axis);
    if (__builtin_add_overflow(shape[axis], t->shape[axis], &shape[axis]))
      return mlcm__fail(err, MLCM_LIMIT, "the result is too large");
  }
  return MLCM_OK;
}

static mlcm_status run_concat(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm_tensor *first = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK];
  int32_t axis = 0;
  mlcm__place from, to;
  mlcm_status st = mlcm__ref_axis(((const axis_param *)k->data)->axis, first->rank, &axis, err);
  if (!st) st = concat_shape(call, axis, shape, err);
  if (st) return st;
  if (call->host->output(call, 0, first->dtype, first->rank, shape, err) == NULL) return err->code;
  place_whole(call->outputs[0], &to);
  for (size_t i = 0; i < call->n_inputs; i++) {
    const mlcm_tensor *t = call->inputs[i];
    place_whole(t, &from);
    mlcm__move(mlcm_dtype_size(t->dtype), t->rank, t->shape, &to, &from);
    to.at += t->shape[axis] * to.steps[axis];
  }
  return MLCM_OK;
}

/* ---- Split ---- */

typedef struct split {
  int64_t axis;
  size_t n; /* of sizes, from the attribute; 0: none */
  int64_t *sizes;
} split;

static mlcm_status prepare_split(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  split *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->axis = mlcm__ref_int(&r, "axis", 0);
  const int64_t *sizes = mlcm__ref_ints(&r, "split", &p->n);
  if (r.st) return r.st;
  if (p->n != 0 && p->n != node->n_outputs)
    return mlcm__fail(err, MLCM_PARSE, "'split' has %zu sizes for %zu outputs", p->n, node->n_outputs);
  p->sizes = mlcm__ref_keep(k, p->n, sizeof *p->sizes, err);
  if (p->sizes == NULL) return err->code;
  if (p->n > 0) memcpy(p->sizes, sizes, p->n * sizeof *sizes);
  k->data = p;
  return MLCM_OK;
}

/* The size of part i: given, or equal parts of which the last may be smaller. */
static mlcm_status split_size(const split *p, const mlcm_tensor *given, size_t i, size_t n_parts, int64_t total, int64_t *out,
                              mlcm_error *err) {
  int64_t each = (total + (int64_t)n_parts - 1) / (int64_t)n_parts;
  if (given != NULL && (given->dtype != MLCM_I64 || given->rank != 1 || given->count != (int64_t)n_parts))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'split' must have one i64 for each of %zu outputs", n_parts);
  if (given != NULL)
    *out = ((const int64_t *)given->data)[i];
  else if (p->n > 0)
    *out = p->sizes[i];
  else
    *out = clamp_int(total - (int64_t)i * each, 0, each);
  return MLCM_OK;
}

static mlcm_status run_split(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const split *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK], done = 0;
  int32_t axis = 0;
  mlcm__place from, to;
  mlcm_status st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  memcpy(shape, x->shape, sizeof shape);
  place_whole(x, &from);
  for (size_t i = 0; i < call->n_outputs; i++) {
    st = split_size(p, mlcm__ref_input(call, 1), i, call->n_outputs, x->shape[axis], &shape[axis], err);
    if (st) return st;
    if (shape[axis] < 0 || shape[axis] > x->shape[axis] - done)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "part %zu of %lld elements does not fit into %lld", i, (long long)shape[axis],
                        (long long)x->shape[axis]);
    from.at = done * from.steps[axis];
    done += shape[axis];
    if (!mlcm__ref_wants(call, i)) continue;
    if (call->host->output(call, i, x->dtype, x->rank, shape, err) == NULL) return err->code;
    place_whole(call->outputs[i], &to);
    mlcm__move(mlcm_dtype_size(x->dtype), x->rank, shape, &to, &from);
  }
  if (done != x->shape[axis])
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the parts add up to %lld of %lld elements", (long long)done,
                      (long long)x->shape[axis]);
  return MLCM_OK;
}

/* ---- Pad ---- */

enum { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

typedef struct pad {
  int mode;
  double value; /* attribute, before opset 11 */
  size_t n;
  int64_t pads[2 * MLCM_MAX_RANK];
} pad;

static mlcm_status prepare_pad(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
  pad *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  mlcm_str mode = mlcm__ref_text(&r, "mode", "constant");
  p->mode = -1;
  for (int i = 0; i < 4; i++)
    if (mlcm__ref_text_is(mode, modes[i])) p->mode = i;
  if (p->mode < 0) return mlcm__fail(err, MLCM_PARSE, "the mode of padding is unknown");
  p->value = mlcm__ref_float(&r, "value", 0);
  const int64_t *pads = mlcm__ref_ints(&r, node->opset < 2 ? "paddings" : "pads", &p->n);
  if (p->n > 2 * MLCM_MAX_RANK) return mlcm__fail(err, MLCM_PARSE, "'pads' has %zu elements", p->n);
  if (pads != NULL) memcpy(p->pads, pads, p->n * sizeof *pads);
  if (node->opset >= 11 && node->n_inputs < 2) return mlcm__fail(err, MLCM_PARSE, "the input 'pads' is missing");
  k->data = p;
  return r.st;
}

/* begin[d] and end[d] of each dimension. */
static mlcm_status get_pads(const pad *p, const mlcm_call *call, int32_t rank, int64_t *begin, int64_t *end, mlcm_error *err) {
  const mlcm_tensor *given = mlcm__ref_input(call, 1), *axes = mlcm__ref_input(call, 3);
  int64_t pads[2 * MLCM_MAX_RANK], list[MLCM_MAX_RANK];
  size_t n = p->n, n_axes = (size_t)rank;
  mlcm_status st = MLCM_OK;
  memcpy(pads, p->pads, sizeof pads);
  for (int32_t d = 0; d < rank; d++) list[d] = d;
  if (given != NULL) st = mlcm__ref_index_list(given, "pads", pads, sizeof pads / sizeof pads[0], &n, err);
  if (!st && axes != NULL) st = mlcm__ref_index_list(axes, "axes", list, MLCM_MAX_RANK, &n_axes, err);
  if (st) return st;
  if (n != 2 * n_axes) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'pads' has %zu elements for %zu axes", n, n_axes);
  for (size_t i = 0; i < n_axes; i++) {
    int32_t axis = 0;
    st = mlcm__ref_axis(list[i], rank, &axis, err);
    if (st) return st;
    begin[axis] = pads[i];
    end[axis] = pads[i + n_axes];
  }
  return MLCM_OK;
}

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
    for (int32_t d = x->rank - 1; d >= 0 && ++index[d] == out->shape[d]; d--) index[d] = 0;
  }
}

static mlcm_status run_pad(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
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
  if (value != NULL && (value->dtype != x->dtype || value->count != 1))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the padding value is not one %s", mlcm_dtype_name(x->dtype));
  if (value != NULL)
    memcpy(&fill, value->data, mlcm_dtype_size(x->dtype));
  else if (mlcm__lane_kind(x->dtype) == MLCM__LANE_F)
    mlcm__store_f64(x->dtype, &fill, 0, &p->value, 1);
  if (call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  pad_elements(x, call->outputs[0], begin, p->mode, &fill);
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"Transpose", MLCM__REF_CORE, 1, 0, 1, 1, prepare_transpose, run_transpose, NULL},
    {"Expand", MLCM__REF_CORE, 8, 0, 2, 2, NULL, run_expand, NULL},
    {"Tile", MLCM__REF_CORE, 6, 0, 2, 2, NULL, run_tile, NULL},
    {"Slice", MLCM__REF_CORE, 1, 0, 1, 5, prepare_slice, run_slice, NULL},
    {"Concat", MLCM__REF_CORE, 1, 0, 1, -1, prepare_axis, run_concat, NULL},
    {"Split", MLCM__REF_CORE, 2, 0, 1, 2, prepare_split, run_split, NULL, SIZE_MAX},
    {"Pad", MLCM__REF_CORE, 1, 0, 1, 4, prepare_pad, run_pad, NULL},
};

const mlcm__ref_family mlcm__ref_move_family = {OPS, sizeof OPS / sizeof OPS[0]};
