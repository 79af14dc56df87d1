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
  int64_t shape[MLCM_MAX_RANK] = {0}, steps[3][MLCM_MAX_RANK], at = 0;
  int32_t rank = 0;
  mlcm__walk w;
  if (condition->dtype != MLCM_BOOL || x->dtype != y->dtype)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the condition is %s, the values are %s and %s",
                      mlcm_dtype_name(condition->dtype), mlcm_dtype_name(x->dtype), mlcm_dtype_name(y->dtype));
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < 3; i++) st = mlcm__broadcast(&rank, shape, call->inputs[i], err);
  if (st) return st;
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  for (size_t i = 0; i < 3; i++) mlcm__broadcast_steps(call->inputs[i], rank, steps[i]);
  mlcm__walk_start(&w, rank, shape, 3, (const int64_t *const[]){steps[0], steps[1], steps[2]});
  while (mlcm__walk_row(&w)) {
    where_row(&w, condition->data, x, y, call->outputs[0], at);
    at += w.inner;
  }
  return MLCM_OK;
}

/* ---- Clip: the limits were attributes before opset 11 ---- */

typedef struct clip {
  double low, high;
} clip;

static mlcm_status prepare_clip(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  clip *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->low = mlcm__ref_float(&r, "min", -INFINITY);
  p->high = mlcm__ref_float(&r, "max", INFINITY);
  k->data = p;
  return r.st;
}

static mlcm_status get_limit(const mlcm_call *call, size_t i, mlcm__lanes *out, bool *has, mlcm_error *err) {
  const mlcm_tensor *t = mlcm__ref_input(call, i);
  *has = t != NULL;
  if (t == NULL) return MLCM_OK;
  if (t->count != 1 || t->dtype != call->inputs[0]->dtype)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a limit is no single %s", mlcm_dtype_name(call->inputs[0]->dtype));
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
  if (kind == MLCM__LANE_S) return mlcm__ref_wrong_dtype(x, err);
  mlcm_status st = get_limit(call, 1, &low, &has_low, err);
  if (!st) st = get_limit(call, 2, &high, &has_high, err);
  if (st) return st;
  void *out = mlcm__ref_output_like(call, x, err);
  if (out == NULL) return err->code;
  for (int64_t at = 0; at < x->count; at += MLCM__BLOCK) {
    int64_t n = x->count - at < MLCM__BLOCK ? x->count - at : MLCM__BLOCK;
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

/* ---- ArgMax, ArgMin, TopK: elements compared by value, equal ones by position ---- */

typedef union key {
  double f;
  int64_t i;
} key;

typedef struct item {
  key value;
  int64_t index;
} item;

typedef struct pick {
  int64_t axis, k;
  bool keep_dims, last, largest, sorted;
} pick;

/* Does a come before b when the largest are wanted? NaN counts as larger than any number, as in NumPy. */
static bool above(int kind, key a, key b) {
  if (kind == MLCM__LANE_F) return a.f > b.f || (isnan(a.f) && !isnan(b.f));
  return kind == MLCM__LANE_U ? (uint64_t)a.i > (uint64_t)b.i : a.i > b.i;
}

static key key_at(const mlcm_tensor *x, int kind, int64_t at) {
  key k = {0};
  if (kind == MLCM__LANE_F)
    mlcm__load_f64(&k.f, x, at, 1, 1);
  else
    mlcm__load_i64(&k.i, x, at, 1, 1);
  return k;
}

typedef struct arg_variant {
  bool largest;
} arg_variant;

static mlcm_status prepare_arg(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  pick *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->axis = mlcm__ref_int(&r, "axis", 0);
  p->keep_dims = mlcm__ref_int(&r, "keepdims", 1) != 0;
  p->last = mlcm__ref_int(&r, "select_last_index", 0) != 0;
  p->largest = ((const arg_variant *)k->op->variant)->largest;
  k->data = p;
  return r.st;
}

static int64_t best_of(const pick *p, const mlcm_tensor *x, int kind, int64_t base, int64_t step, int64_t n) {
  key best = key_at(x, kind, base);
  int64_t index = 0;
  for (int64_t i = 1; i < n; i++) {
    key next = key_at(x, kind, base + i * step);
    bool better = p->largest ? above(kind, next, best) : above(kind, best, next);
    bool equal = p->last && !above(kind, next, best) && !above(kind, best, next);
    if (!better && !equal) continue;
    best = next;
    index = i;
  }
  return index;
}

static mlcm_status run_arg(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const pick *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK];
  int32_t axis = 0, rank = 0;
  int kind = mlcm__lane_kind(x->dtype);
  if (kind == MLCM__LANE_S) return mlcm__ref_wrong_dtype(x, err);
  mlcm_status st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  for (int32_t d = 0; d < x->rank; d++) {
    if (d != axis)
      shape[rank++] = x->shape[d];
    else if (p->keep_dims)
      shape[rank++] = 1;
  }
  int64_t n = x->shape[axis], step = mlcm__product(x->shape, axis + 1, x->rank), outer = mlcm__product(x->shape, 0, axis);
  int64_t *out = call->host->output(call, 0, MLCM_I64, rank, shape, err);
  if (out == NULL) return err->code;
  if (n == 0 && outer * step > 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "there is no element along axis %d", (int)axis);
  for (int64_t o = 0; n > 0 && o < outer; o++)
    for (int64_t i = 0; i < step; i++) *out++ = best_of(p, x, kind, o * n * step + i, step, n);
  return MLCM_OK;
}

/* ---- TopK ---- */

static mlcm_status prepare_top_k(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  pick *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->axis = mlcm__ref_int(&r, "axis", -1);
  p->k = mlcm__ref_int(&r, "k", -1);
  p->largest = mlcm__ref_int(&r, "largest", 1) != 0;
  p->sorted = mlcm__ref_int(&r, "sorted", 1) != 0;
  if (r.st == MLCM_OK && node->opset >= 10 && node->n_inputs < 2) return mlcm__fail(err, MLCM_PARSE, "the input 'K' is missing");
  k->data = p;
  return r.st;
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

static void select_best(const pick *p, const mlcm_tensor *x, int64_t base, int64_t step, int64_t n, int64_t k, item *heap) {
  int kind = mlcm__lane_kind(x->dtype);
  for (int64_t i = 0; i < k; i++) heap[i] = (item){key_at(x, kind, base + i * step), i};
  for (int64_t i = k / 2; i-- > 0;) sink(p, kind, heap, k, i);
  for (int64_t i = k; k > 0 && i < n; i++) {
    item next = {key_at(x, kind, base + i * step), i};
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

static void store_best(mlcm_call *call, const mlcm_tensor *x, int64_t base, int64_t step, int64_t k, const item *best) {
  bool real = mlcm__lane_kind(x->dtype) == MLCM__LANE_F;
  for (int64_t i = 0; i < k; i++) {
    int64_t at = base + i * step;
    if (mlcm__ref_wants(call, 0) && real) mlcm__store_f64(x->dtype, call->outputs[0]->data, at, &best[i].value.f, 1);
    if (mlcm__ref_wants(call, 0) && !real) mlcm__store_i64(x->dtype, call->outputs[0]->data, at, &best[i].value.i, 1);
    if (mlcm__ref_wants(call, 1)) ((int64_t *)call->outputs[1]->data)[at] = best[i].index;
  }
}

static mlcm_status run_top_k(const mlcm__ref_kernel *kernel, mlcm_call *call, mlcm_error *err) {
  const pick *p = kernel->data;
  const mlcm_tensor *x = call->inputs[0], *given = mlcm__ref_input(call, 1);
  int64_t shape[MLCM_MAX_RANK], k = p->k;
  int32_t axis = 0;
  if (mlcm__lane_kind(x->dtype) == MLCM__LANE_S) return mlcm__ref_wrong_dtype(x, err);
  if (given != NULL && (given->dtype != MLCM_I64 || given->count != 1))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "K is no single i64");
  if (given != NULL) k = *(const int64_t *)given->data;
  mlcm_status st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  int64_t n = x->shape[axis], step = mlcm__product(x->shape, axis + 1, x->rank), outer = mlcm__product(x->shape, 0, axis);
  if (k < 0 || k > n)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "K is %lld, there are %lld elements", (long long)k, (long long)n);
  memcpy(shape, x->shape, sizeof shape);
  shape[axis] = k;
  if (mlcm__ref_wants(call, 0) && call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  if (mlcm__ref_wants(call, 1) && call->host->output(call, 1, MLCM_I64, x->rank, shape, err) == NULL) return err->code;
  item *heap = call->host->scratch(call, (size_t)k * sizeof *heap, err);
  if (heap == NULL) return err->code;
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < step; i++) {
      select_best(p, x, o * n * step + i, step, n, k, heap);
      store_best(call, x, o * k * step + i, step, k, heap);
    }
  }
  return MLCM_OK;
}

/* ---- NonZero ---- */

static bool is_zero(const mlcm_tensor *x, int64_t at) {
  double real = 0;
  if (x->dtype == MLCM_STRING) return ((const mlcm_str *)x->data)[at].len == 0;
  mlcm__load_f64(&real, x, at, 1, 1);
  return real == 0;
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
    for (int32_t d = x->rank - 1; d >= 0 && ++index[d] == x->shape[d]; d--) index[d] = 0;
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"Where", MLCM__REF_CORE, 9, 0, 3, 3, NULL, run_where, NULL},
    {"Clip", MLCM__REF_CORE, 1, 0, 1, 3, prepare_clip, run_clip, NULL},
    {"ArgMax", MLCM__REF_CORE, 1, 0, 1, 1, prepare_arg, run_arg, &(const arg_variant){true}},
    {"ArgMin", MLCM__REF_CORE, 1, 0, 1, 1, prepare_arg, run_arg, &(const arg_variant){false}},
    {"TopK", MLCM__REF_CORE, 1, 0, 1, 2, prepare_top_k, run_top_k, NULL, 2},
    {"NonZero", MLCM__REF_CORE, 9, 0, 1, 1, NULL, run_non_zero, NULL},
};

const mlcm__ref_family mlcm__ref_select_family = {OPS, sizeof OPS / sizeof OPS[0]};
