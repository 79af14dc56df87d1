/* SPDX-License-Identifier: Apache-2.0
 *
 * binary.c - two elements in, one out, with broadcasting: arithmetic, comparison, logic, bits.
 *
 * The first operand's block is overwritten. Both operands are of one type, except in Pow.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

typedef struct params {
  int64_t fmod;  /* Mod */
  bool left;     /* BitShift */
  bool old_axis; /* before opset 7: broadcast from an axis on */
  int64_t axis;
} params;

typedef mlcm_status block_fn(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err);

typedef struct variant {
  block_fn *f, *i, *u;
  bool gives_bool;
} variant;

#define BODY(lane, type, expression)                                                                                             \
  (void)p;                                                                                                                       \
  (void)err;                                                                                                                     \
  for (int64_t i = 0; i < n; i++) {                                                                                              \
    const type x = (type)a->lane[i], y = (type)b->lane[i];                                                                       \
    a->lane[i] = (expression);                                                                                                   \
  }                                                                                                                              \
  return MLCM_OK;
#define PAIR_F(name, expression)                                                                                                 \
  static mlcm_status name(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {                   \
    BODY(f, double, expression)                                                                                                  \
  }
#define PAIR_I(name, expression)                                                                                                 \
  static mlcm_status name(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {                   \
    BODY(i, int64_t, expression)                                                                                                 \
  }
#define PAIR_U(name, expression)                                                                                                 \
  static mlcm_status name(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {                   \
    BODY(u, uint64_t, expression)                                                                                                \
  }
/* Comparisons of doubles leave their answer in the integer lanes. */
#define COMPARE_F(name, operator)                                                                                                \
  static mlcm_status name(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {                   \
    (void)p;                                                                                                                     \
    (void)err;                                                                                                                   \
    for (int64_t i = 0; i < n; i++) a->i[i] = a->f[i] operator b->f[i];                                                          \
    return MLCM_OK;                                                                                                              \
  }

PAIR_F(add_f, x + y)
PAIR_U(add_u, x + y)
PAIR_F(sub_f, x - y)
PAIR_U(sub_u, x - y)
PAIR_F(mul_f, x *y)
PAIR_U(mul_u, x *y)
PAIR_F(div_f, x / y)
PAIR_F(pow_f, pow(x, y))
PAIR_F(prelu_f, x < 0 ? x * y : x)
PAIR_I(prelu_i, x < 0 ? (int64_t)((uint64_t)x * (uint64_t)y) : x)
COMPARE_F(equal_f, ==)
COMPARE_F(greater_f, >)
COMPARE_F(greater_equal_f, >=)
COMPARE_F(less_f, <)
COMPARE_F(less_equal_f, <=)
PAIR_I(equal_i, x == y)
PAIR_I(greater_i, x > y)
PAIR_I(greater_equal_i, x >= y)
PAIR_I(less_i, x < y)
PAIR_I(less_equal_i, x <= y)
PAIR_U(greater_u, x > y)
PAIR_U(greater_equal_u, x >= y)
PAIR_U(less_u, x < y)
PAIR_U(less_equal_u, x <= y)
PAIR_I(and_i, x &y)
PAIR_I(or_i, x | y)
PAIR_I(xor_i, x ^ y)
PAIR_U(shift_u, y > 63 ? 0 : p->left ? x << y : x >> y)

static mlcm_status by_zero(mlcm_error *err) { return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an integer is divided by zero"); }

static mlcm_status div_i(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {
  (void)p;
  for (int64_t i = 0; i < n; i++) {
    if (b->i[i] == 0) return by_zero(err);
    a->i[i] = b->i[i] == -1 ? (int64_t)(0 - (uint64_t)a->i[i]) : a->i[i] / b->i[i];
  }
  return MLCM_OK;
}

static mlcm_status div_u(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {
  (void)p;
  for (int64_t i = 0; i < n; i++) {
    if (b->u[i] == 0) return by_zero(err);
    a->u[i] /= b->u[i];
  }
  return MLCM_OK;
}

/* Python's remainder takes the divisor's sign, C's (fmod=1) the dividend's. */
static mlcm_status mod_f(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {
  (void)err;
  for (int64_t i = 0; i < n; i++) {
    double rest = fmod(a->f[i], b->f[i]);
    if (p->fmod == 0 && rest != 0 && (rest < 0) != (b->f[i] < 0)) rest += b->f[i];
    a->f[i] = rest;
  }
  return MLCM_OK;
}

static mlcm_status mod_i(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {
  for (int64_t i = 0; i < n; i++) {
    if (b->i[i] == 0) return by_zero(err);
    int64_t rest = b->i[i] == -1 ? 0 : a->i[i] % b->i[i];
    if (p->fmod == 0 && rest != 0 && (rest < 0) != (b->i[i] < 0)) rest += b->i[i];
    a->i[i] = rest;
  }
  return MLCM_OK;
}

static mlcm_status mod_u(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {
  (void)p;
  for (int64_t i = 0; i < n; i++) {
    if (b->u[i] == 0) return by_zero(err);
    a->u[i] %= b->u[i];
  }
  return MLCM_OK;
}

/* ---- Operands ---- */

/* Before opset 7, broadcast=1 lines the second operand's shape up with the first's from `axis` on. */
static mlcm_status old_shape(const params *p, const mlcm_tensor *a, mlcm_tensor *b, mlcm_error *err) {
  int32_t axis = a->rank - b->rank;
  if (!p->old_axis || b->rank == 0 || axis < 0) return MLCM_OK;
  if (p->axis != INT64_MAX) {
    mlcm_status st = mlcm__ref_axis(p->axis, a->rank, &axis, err);
    if (st) return st;
  }
  for (int32_t d = b->rank; d < a->rank - axis; d++) b->shape[d] = 1;
  if (a->rank - axis > b->rank) b->rank = a->rank - axis;
  return MLCM_OK;
}

typedef struct operands {
  mlcm_tensor a, b;
  int32_t rank;
  int64_t shape[MLCM_MAX_RANK];
} operands;

static mlcm_status line_up(const mlcm__ref_kernel *k, const mlcm_call *call, operands *o, mlcm_error *err) {
  o->a = *call->inputs[0];
  o->b = *call->inputs[1];
  mlcm_status st = old_shape(k->data, &o->a, &o->b, err);
  if (st) return st;
  o->rank = o->a.rank;
  memcpy(o->shape, o->a.shape, sizeof o->shape);
  return mlcm__broadcast(&o->rank, o->shape, &o->b, err);
}

static block_fn *function_for(const variant *v, mlcm_dtype dtype) {
  switch (mlcm__lane_kind(dtype)) {
  case MLCM__LANE_F: return v->f;
  case MLCM__LANE_I: return v->i;
  case MLCM__LANE_U: return v->u;
  default: return NULL;
  }
}

static mlcm_status prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  params *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->fmod = mlcm__ref_int(&r, "fmod", 0);
  p->left = mlcm__ref_text_is(mlcm__ref_text(&r, "direction", ""), "LEFT");
  p->old_axis = node->opset < 7 && mlcm__ref_int(&r, "broadcast", 0) != 0;
  p->axis = p->old_axis ? mlcm__ref_int(&r, "axis", INT64_MAX) : INT64_MAX;
  k->data = p;
  return r.st;
}

/* One row of the walk, block by block. */
static mlcm_status run_row(block_fn *fn, const operands *o, const mlcm__walk *w, int64_t at, mlcm_dtype dtype, void *out,
                           const params *p, mlcm_error *err) {
  mlcm__lanes a, b;
  mlcm_status st = MLCM_OK;
  for (int64_t i = 0; !st && i < w->inner; i += MLCM__BLOCK) {
    int64_t n = w->inner - i < MLCM__BLOCK ? w->inner - i : MLCM__BLOCK;
    mlcm__load(&a, &o->a, w->at[0] + i * w->step[0], w->step[0], n);
    mlcm__load(&b, &o->b, w->at[1] + i * w->step[1], w->step[1], n);
    st = fn(&a, &b, n, p, err);
    if (!st) mlcm__store(dtype, out, at + i, &a, n);
  }
  return st;
}

static mlcm_status run_numbers(const mlcm__ref_kernel *k, mlcm_call *call, const operands *o, block_fn *fn, mlcm_error *err) {
  const variant *v = k->op->variant;
  mlcm_dtype dtype = v->gives_bool ? MLCM_BOOL : o->a.dtype;
  int64_t steps_a[MLCM_MAX_RANK], steps_b[MLCM_MAX_RANK], at = 0;
  mlcm__walk w;
  void *out = call->host->output(call, 0, dtype, o->rank, o->shape, err);
  if (out == NULL) return err->code;
  mlcm__broadcast_steps(&o->a, o->rank, steps_a);
  mlcm__broadcast_steps(&o->b, o->rank, steps_b);
  mlcm__walk_start(&w, o->rank, o->shape, 2, (const int64_t *const[]){steps_a, steps_b});
  mlcm_status st = MLCM_OK;
  while (!st && mlcm__walk_row(&w)) {
    st = run_row(fn, o, &w, at, dtype, out, k->data, err);
    at += w.inner;
  }
  return st;
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  operands o;
  block_fn *fn = function_for(k->op->variant, call->inputs[0]->dtype);
  mlcm_status st = line_up(k, call, &o, err);
  if (st) return st;
  if (fn == NULL) return mlcm__ref_wrong_dtype(&o.a, err);
  if (o.a.dtype != o.b.dtype)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the operands are of types %s and %s", mlcm_dtype_name(o.a.dtype),
                      mlcm_dtype_name(o.b.dtype));
  return run_numbers(k, call, &o, fn, err);
}

/* ---- Equal of strings ---- */

static bool same_text(mlcm_str a, mlcm_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }

static mlcm_status run_equal(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  operands o;
  int64_t steps_a[MLCM_MAX_RANK], steps_b[MLCM_MAX_RANK];
  mlcm__walk w;
  if (call->inputs[0]->dtype != MLCM_STRING || call->inputs[1]->dtype != MLCM_STRING) return run(k, call, err);
  mlcm_status st = line_up(k, call, &o, err);
  if (st) return st;
  uint8_t *out = call->host->output(call, 0, MLCM_BOOL, o.rank, o.shape, err);
  if (out == NULL) return err->code;
  const mlcm_str *a = o.a.data, *b = o.b.data;
  mlcm__broadcast_steps(&o.a, o.rank, steps_a);
  mlcm__broadcast_steps(&o.b, o.rank, steps_b);
  mlcm__walk_start(&w, o.rank, o.shape, 2, (const int64_t *const[]){steps_a, steps_b});
  while (mlcm__walk_row(&w))
    for (int64_t i = 0; i < w.inner; i++) *out++ = same_text(a[w.at[0] + i * w.step[0]], b[w.at[1] + i * w.step[1]]);
  return MLCM_OK;
}

/* ---- Pow: the exponent may be of another type; the answer has the base's ---- */

static int64_t int_power(int64_t base, int64_t exponent) {
  uint64_t result = 1, factor = (uint64_t)base;
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  for (uint64_t e = (uint64_t)exponent; e > 0; e >>= 1) {
    if ((e & 1) != 0) result *= factor;
    factor *= factor;
  }
  return (int64_t)result;
}

static void pow_row(const operands *o, const mlcm__walk *w, int64_t out_at, void *out) {
  bool whole = mlcm__lane_kind(o->a.dtype) != MLCM__LANE_F;
  bool whole_exponent = mlcm__lane_kind(o->b.dtype) != MLCM__LANE_F;
  for (int64_t i = 0; i < w->inner; i++) {
    int64_t at_a = w->at[0] + i * w->step[0], at_b = w->at[1] + i * w->step[1], x = 0, y = 0;
    double base = 0, exponent = 0;
    if (whole && whole_exponent) {
      mlcm__load_i64(&x, &o->a, at_a, 1, 1);
      mlcm__load_i64(&y, &o->b, at_b, 1, 1);
      x = int_power(x, y);
    } else {
      mlcm__load_f64(&base, &o->a, at_a, 1, 1);
      mlcm__load_f64(&exponent, &o->b, at_b, 1, 1);
      base = pow(base, exponent);
      x = whole ? mlcm__f64_to_int(o->a.dtype, base) : 0;
    }
    if (whole)
      mlcm__store_i64(o->a.dtype, out, out_at + i, &x, 1);
    else
      mlcm__store_f64(o->a.dtype, out, out_at + i, &base, 1);
  }
}

static mlcm_status run_pow(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  operands o;
  int64_t steps_a[MLCM_MAX_RANK], steps_b[MLCM_MAX_RANK], at = 0;
  mlcm__walk w;
  if (call->inputs[0]->dtype == call->inputs[1]->dtype && mlcm__lane_kind(call->inputs[0]->dtype) == MLCM__LANE_F)
    return run(k, call, err);
  mlcm_status st = line_up(k, call, &o, err);
  if (st) return st;
  if (mlcm__lane_kind(o.a.dtype) == MLCM__LANE_S) return mlcm__ref_wrong_dtype(&o.a, err);
  if (mlcm__lane_kind(o.b.dtype) == MLCM__LANE_S) return mlcm__ref_wrong_dtype(&o.b, err);
  void *out = call->host->output(call, 0, o.a.dtype, o.rank, o.shape, err);
  if (out == NULL) return err->code;
  mlcm__broadcast_steps(&o.a, o.rank, steps_a);
  mlcm__broadcast_steps(&o.b, o.rank, steps_b);
  mlcm__walk_start(&w, o.rank, o.shape, 2, (const int64_t *const[]){steps_a, steps_b});
  while (mlcm__walk_row(&w)) {
    pow_row(&o, &w, at, out);
    at += w.inner;
  }
  return MLCM_OK;
}

#define NUMBERS(name, since, f, i, u)                                                                                            \
  {                                                                                                                              \
    name, MLCM__REF_CORE, since, 0, 2, 2, prepare, run, &(const variant) { f, i, u, false }                                      \
  }
#define COMPARE(name, since, f, i, u)                                                                                            \
  {                                                                                                                              \
    name, MLCM__REF_CORE, since, 0, 2, 2, prepare, run, &(const variant) { f, i, u, true }                                       \
  }

static const mlcm__ref_op OPS[] = {
    NUMBERS("Add", 1, add_f, add_u, add_u),
    NUMBERS("Sub", 1, sub_f, sub_u, sub_u),
    NUMBERS("Mul", 1, mul_f, mul_u, mul_u),
    NUMBERS("Div", 1, div_f, div_i, div_u),
    NUMBERS("Mod", 10, mod_f, mod_i, mod_u),
    NUMBERS("PRelu", 7, prelu_f, prelu_i, NULL),
    {"Pow", MLCM__REF_CORE, 1, 0, 2, 2, prepare, run_pow, &(const variant){.f = pow_f}},
    {"Equal", MLCM__REF_CORE, 1, 0, 2, 2, prepare, run_equal, &(const variant){equal_f, equal_i, equal_i, true}},
    COMPARE("Greater", 1, greater_f, greater_i, greater_u),
    COMPARE("GreaterOrEqual", 12, greater_equal_f, greater_equal_i, greater_equal_u),
    COMPARE("Less", 1, less_f, less_i, less_u),
    COMPARE("LessOrEqual", 12, less_equal_f, less_equal_i, less_equal_u),
    NUMBERS("And", 1, NULL, and_i, NULL),
    NUMBERS("Or", 1, NULL, or_i, NULL),
    NUMBERS("Xor", 1, NULL, xor_i, NULL),
    NUMBERS("BitwiseAnd", 18, NULL, and_i, and_i),
    NUMBERS("BitwiseOr", 18, NULL, or_i, or_i),
    NUMBERS("BitwiseXor", 18, NULL, xor_i, xor_i),
    NUMBERS("BitShift", 11, NULL, NULL, shift_u),
};

const mlcm__ref_family mlcm__ref_binary_family = {OPS, sizeof OPS / sizeof OPS[0]};
