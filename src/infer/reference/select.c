/* SPDX-License-Identifier: Apache-2.0
 *
 * select.c - which element: Where, Clip, ArgMax, ArgMin, TopK, NonZero.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

/* ---- Where ---- */

static void where_row(const mlcm__walk *w, const uint8_t *condition, const mlcm_tensor *x, const mlcm_tensor *y,
                      const mlcm_tensor *out, int64_t at) {
  size_t size = mlcm_dtype_size(x->dtype);
  char *to = (char *)out->data + (size_t)at * size;
  for (int64_t i = 0; i < w->inner; i++) {
    bool first = condition[w->at[0] + i * w->step[0]] != 0;
    const char *from = first ? (const char *)x->data + (size_t)(w->at[1] + i * w->step[1]) * size
                             : (const char *)y->data + (size_t)(w->at[2] + i * w->step[2]) * size;
    memcpy(to + (size_t)i * size, from, size);
  }
}

static mlcm_status run_where(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *condition = call->inputs[0], *x = call->inputs[1], *y = call->inputs[2];
  mlcm__together all;
  int64_t at = 0;
  mlcm_status st = mlcm__walk_together(&all, 3, call->inputs, err);
  if (st) return st;
  if (call->host->output(call, 0, x->dtype, all.rank, all.shape, err) == NULL) return err->code;
  while (mlcm__walk_row(&all.walk)) {
    where_row(&all.walk, condition->data, x, y, call->outputs[0], at);
    at += all.walk.inner;
  }
  return MLCM_OK;
}

/* ---- Clip: the limits were attributes before opset 11 ---- */

typedef struct clip {
  double low, high;
} clip;

static void prepare_clip(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  clip *p = k->data;
  p->low = mlcm__ref_float(r, "min", -INFINITY);
  p->high = mlcm__ref_float(r, "max", INFINITY);
}

static mlcm_status get_limit(const mlcm_call *call, size_t i, mlcm__lanes *out, bool *has, mlcm_error *err) {
  const mlcm_tensor *t = mlcm__ref_input(call, i);
  *has = t != NULL;
  if (t == NULL) return MLCM_OK;
  if (t->count != 1)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a limit must be one number, it has %lld", (long long)t->count);
  mlcm__load(out, t, 0, 1, 1);
  return MLCM_OK;
}

static void clip_f64(double *x, int64_t n, double low, double high) {
  for (int64_t i = 0; i < n; i++) {
    if (x[i] < low) x[i] = low;
    if (x[i] > high) x[i] = high;
  }
}

/* The smaller of the two when signed or unsigned. */
static bool less(bool is_unsigned, int64_t a, int64_t b) { return is_unsigned ? (uint64_t)a < (uint64_t)b : a < b; }

static mlcm_status run_clip(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const clip *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  mlcm__lanes low, high, lanes;
  bool has_low = false, has_high = false;
  int kind = mlcm__lane_kind(x->dtype);
  mlcm_status st = get_limit(call, 1, &low, &has_low, err);
  if (!st) st = get_limit(call, 2, &high, &has_high, err);
  if (st) return st;
  void *out = mlcm__ref_output_like(call, x, err);
  if (out == NULL) return err->code;
  for (int64_t at = 0; at < x->count; at += MLCM__BLOCK) {
    int64_t n = mlcm__block_of(x->count - at);
    mlcm__load(&lanes, x, at, 1, n);
    if (kind == MLCM__LANE_F) clip_f64(lanes.f, n, has_low ? low.f[0] : p->low, has_high ? high.f[0] : p->high);
    for (int64_t i = 0; kind != MLCM__LANE_F && i < n; i++) {
      if (has_low && less(kind == MLCM__LANE_U, lanes.i[i], low.i[0])) lanes.i[i] = low.i[0];
      if (has_high && less(kind == MLCM__LANE_U, high.i[0], lanes.i[i])) lanes.i[i] = high.i[0];
    }
    mlcm__store(x->dtype, out, at, &lanes, n);
  }
  return MLCM_OK;
}

/* ---- Elements compared by value ---- */

typedef union key {
  double f;
  int64_t i;
} key;

/* Does a come before b when the largest are wanted? NaN counts as larger than any number, as in NumPy. */
static bool above(int kind, key a, key b) {
  if (kind == MLCM__LANE_F) return a.f > b.f || (isnan(a.f) && !isnan(b.f));
  return kind == MLCM__LANE_U ? (uint64_t)a.i > (uint64_t)b.i : a.i > b.i;
}

static key key_at(const mlcm_tensor *x, int kind, int64_t at) {
  return kind == MLCM__LANE_F ? (key){.f = mlcm__f64_at(x, at)} : (key){.i = mlcm__i64_at(x, at)};
}

/* ---- ArgMax, ArgMin ---- */

typedef struct variant {
  bool largest;
} variant;

typedef struct arg {
  bool largest, keep_dims, last;
  int64_t axis;
} arg;

static void prepare_arg(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  arg *p = k->data;
  p->axis = mlcm__ref_int(r, "axis", 0);
  p->keep_dims = mlcm__ref_flag(r, "keepdims", true);
  p->last = mlcm__ref_flag(r, "select_last_index", false);
  p->largest = ((const variant *)k->op->variant)->largest;
}

/* Of equal ones the first counts, or the last when asked. */
static bool takes_over(const arg *p, int kind, key next, key best) {
  if (p->last) return p->largest ? !above(kind, best, next) : !above(kind, next, best);
  return p->largest ? above(kind, next, best) : above(kind, best, next);
}

static int64_t best_of(const arg *p, const mlcm_tensor *x, int64_t base, const mlcm__lines *l) {
  int kind = mlcm__lane_kind(x->dtype);
  key best = key_at(x, kind, base);
  int64_t index = 0;
  for (int64_t i = 1; i < l->length; i++) {
    key next = key_at(x, kind, base + i * l->step);
    if (!takes_over(p, kind, next, best)) continue;
    best = next;
    index = i;
  }
  return index;
}

static mlcm_status run_arg(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const arg *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK];
  int32_t axis = 0, rank = 0;
  mlcm_status st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  for (int32_t d = 0; d < x->rank; d++)
    if (d != axis || p->keep_dims) shape[rank++] = d != axis ? x->shape[d] : 1;
  int64_t *out = call->host->output(call, 0, MLCM_I64, rank, shape, err);
  if (out == NULL) return err->code;
  mlcm__lines lines = mlcm__lines_along(x, axis);
  if (lines.length == 0 && lines.n_lines > 0)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "there is no element along axis %d", (int)axis);
  for (int64_t i = 0; i < lines.n_lines; i++) out[i] = best_of(p, x, mlcm__line_start(&lines, i, lines.length), &lines);
  return MLCM_OK;
}

/* ---- TopK ---- */

typedef struct item {
  key value;
  int64_t index;
} item;

typedef struct pick {
  int64_t axis, k;
  bool largest;
} pick;

static void prepare_top_k(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  pick *p = k->data;
  p->axis = mlcm__ref_int(r, "axis", -1);
  p->k = mlcm__ref_int(r, "k", -1);
  p->largest = mlcm__ref_flag(r, "largest", true);
  if (r->node->opset >= 10 && r->node->n_inputs < 2) mlcm__ref_bad(r, MLCM_PARSE, "the input 'K' is missing");
}

static bool comes_first(const pick *p, int kind, const item *a, const item *b) {
  if (p->largest ? above(kind, a->value, b->value) : above(kind, b->value, a->value)) return true;
  if (p->largest ? above(kind, b->value, a->value) : above(kind, a->value, b->value)) return false;
  return a->index < b->index;
}

/* A heap of the k best with the worst on top; sinking an item from `at`. */
static void sink(const pick *p, int kind, item *heap, int64_t n, int64_t at) {
  for (;;) {
    int64_t worst = at;
    for (int64_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
      if (comes_first(p, kind, &heap[worst], &heap[child])) worst = child;
    if (worst == at) return;
    item moved = heap[at];
    heap[at] = heap[worst];
    heap[worst] = moved;
    at = worst;
  }
}

static void select_best(const pick *p, const mlcm_tensor *x, int64_t base, const mlcm__lines *l, int64_t k, item *heap) {
  int kind = mlcm__lane_kind(x->dtype);
  for (int64_t i = 0; i < k; i++) heap[i] = (item){key_at(x, kind, base + i * l->step), i};
  for (int64_t i = k / 2; i-- > 0;) sink(p, kind, heap, k, i);
  for (int64_t i = k; i < l->length; i++) {
    item next = {key_at(x, kind, base + i * l->step), i};
    if (!comes_first(p, kind, &next, &heap[0])) continue;
    heap[0] = next;
    sink(p, kind, heap, k, 0);
  }
  for (int64_t left = k; left > 1;) { /* the worst goes to the end */
    item worst = heap[0];
    heap[0] = heap[--left];
    heap[left] = worst;
    sink(p, kind, heap, left, 0);
  }
}

static void store_best(mlcm_dtype dtype, void *values, int64_t *indices, int64_t base, int64_t step, int64_t k,
                       const item *best) {
  for (int64_t i = 0; i < k; i++) {
    int64_t at = base + i * step;
    if (values != NULL && mlcm__is_real(dtype)) mlcm__store_f64(dtype, values, at, &best[i].value.f, 1);
    if (values != NULL && !mlcm__is_real(dtype)) mlcm__store_i64(dtype, values, at, &best[i].value.i, 1);
    if (indices != NULL) indices[at] = best[i].index;
  }
}

static mlcm_status run_top_k(const mlcm__ref_kernel *kernel, mlcm_call *call, mlcm_error *err) {
  const pick *p = kernel->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK], k = p->k;
  int32_t axis = 0;
  void *values = NULL, *indices = NULL;
  mlcm_status st = mlcm__ref_one_int(mlcm__ref_input(call, 1), "K", &k, err);
  if (!st) st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  mlcm__lines lines = mlcm__lines_along(x, axis);
  if (k < 0 || k > lines.length)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "K is %lld, there are %lld elements", (long long)k, (long long)lines.length);
  memcpy(shape, x->shape, sizeof shape);
  shape[axis] = k;
  st = mlcm__ref_output_if(call, 0, x->dtype, x->rank, shape, &values, err);
  if (!st) st = mlcm__ref_output_if(call, 1, MLCM_I64, x->rank, shape, &indices, err);
  if (st) return st;
  item *heap = (item *)(void *)mlcm__ref_scratch(call, 2 * k, err);
  if (heap == NULL) return err->code;
  for (int64_t i = 0; k > 0 && i < lines.n_lines; i++) {
    select_best(p, x, mlcm__line_start(&lines, i, lines.length), &lines, k, heap);
    store_best(x->dtype, values, indices, mlcm__line_start(&lines, i, k), lines.step, k, heap);
  }
  return MLCM_OK;
}

/* ---- NonZero ---- */

static bool is_zero(const mlcm_tensor *x, int64_t at) {
  return x->dtype == MLCM_STRING ? ((const mlcm_str *)x->data)[at].len == 0 : mlcm__f64_at(x, at) == 0;
}

static mlcm_status run_non_zero(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *x = call->inputs[0];
  int64_t index[MLCM_MAX_RANK] = {0}, found = 0, at = 0;
  for (int64_t i = 0; i < x->count; i++) found += !is_zero(x, i);
  int64_t *out = call->host->output(call, 0, MLCM_I64, 2, (const int64_t[]){x->rank, found}, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x->count; i++) {
    for (int32_t d = 0; !is_zero(x, i) && d < x->rank; d++) out[d * found + at] = index[d];
    at += !is_zero(x, i);
    mlcm__index_next(index, x->rank, x->shape);
  }
  return MLCM_OK;
}

#define ARG(name_, largest_)                                                                                                     \
  {                                                                                                                              \
    .name = name_, .since = 1, .min_inputs = 1, .max_inputs = 1, .takes = {MLCM__NUMBERS}, .gives = {MLCM_I64},                  \
    .data_bytes = sizeof(arg), .prepare = prepare_arg, .run = run_arg, .variant = &(const variant) {                             \
      largest_                                                                                                                   \
    }                                                                                                                            \
  }

static const mlcm__ref_op OPS[] = {
    ARG("ArgMax", true),
    ARG("ArgMin", false),
    {MLCM__REF_OP("Where", 9, 3, 3), .takes = {MLCM__BOOLS, MLCM__ANY, MLCM__SAME_AS_1}, .gives = {MLCM__LIKE_1},
     .run = run_where},
    {MLCM__REF_OP("Clip", 1, 1, 3), .takes = {MLCM__NUMBERS, MLCM__SAME}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(clip),
     .prepare = prepare_clip, .run = run_clip},
    {MLCM__REF_OP("TopK", 1, 1, 2), .max_outputs = 2, .takes = {MLCM__NUMBERS, MLCM__INDEX}, .gives = {MLCM__LIKE_0, MLCM_I64},
     .data_bytes = sizeof(pick), .prepare = prepare_top_k, .run = run_top_k},
    {MLCM__REF_OP("NonZero", 9, 1, 1), .takes = {MLCM__ANY}, .gives = {MLCM_I64}, .run = run_non_zero},
};

const mlcm__ref_family mlcm__ref_select_family = {OPS, sizeof OPS / sizeof OPS[0]};
