/* SPDX-License-Identifier: Apache-2.0
 *
 * binary.c - two elements in, one out, with broadcasting: arithmetic, comparison, logic, bits.
 *
 * The first operand's block is overwritten. Both operands are of one type, except in Pow.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

typedef struct params {
  bool fmod;     /* Mod */
  bool left;     /* BitShift */
  bool old_axis; /* before opset 7: broadcast from an axis on */
  int64_t axis;
} params;

typedef mlcm_status block_fn(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err);

typedef struct variant {
  block_fn *fn[MLCM__NUMBER_LANES];
} variant;

#define PAIR(name, from, type, to, expression)                                                                                   \
  static mlcm_status name(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {                   \
    (void)p;                                                                                                                     \
    (void)err;                                                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                                                            \
      const type x = a->from[i], y = b->from[i];                                                                                 \
      a->to[i] = (expression);                                                                                                   \
    }                                                                                                                            \
    return MLCM_OK;                                                                                                              \
  }
#define PAIR_F(name, expression) PAIR(name, f, double, f, expression)
#define PAIR_I(name, expression) PAIR(name, i, int64_t, i, expression)
#define PAIR_U(name, expression) PAIR(name, u, uint64_t, u, expression)
/* Comparisons of doubles leave their answer in the integer lanes. */
#define COMPARE_F(name, operator) PAIR(name, f, double, i, x operator y)

PAIR_F(add_f, x + y)
PAIR_F(sub_f, x - y)
PAIR_F(mul_f, x *y)
/* On the bits, which is right for signed and unsigned numbers. */
PAIR_U(add_i, x + y)
PAIR_U(sub_i, x - y)
PAIR_U(mul_i, x *y)
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
    if (!p->fmod && rest != 0 && (rest < 0) != (b->f[i] < 0)) rest += b->f[i];
    a->f[i] = rest;
  }
  return MLCM_OK;
}

static mlcm_status mod_i(mlcm__lanes *a, const mlcm__lanes *b, int64_t n, const params *p, mlcm_error *err) {
  for (int64_t i = 0; i < n; i++) {
    if (b->i[i] == 0) return by_zero(err);
    int64_t rest = b->i[i] == -1 ? 0 : a->i[i] % b->i[i];
    if (!p->fmod && rest != 0 && (rest < 0) != (b->i[i] < 0)) rest += b->i[i];
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

typedef struct operands {
  mlcm_tensor a, b;
  mlcm__together both;
} operands;

/* Before opset 7, broadcast=1 lines the second operand's shape up with the first's from `axis` on. */
static mlcm_status old_shape(const params *p, const mlcm_tensor *a, mlcm_tensor *b, mlcm_error *err) {
  int32_t axis = a->rank - b->rank;
  if (!p->old_axis || axis <= 0) return MLCM_OK;
  if (p->axis != INT64_MAX) {
    mlcm_status st = mlcm__ref_axis(p->axis, a->rank, &axis, err);
    if (st) return st;
  }
  while (b->rank < a->rank - axis) b->shape[b->rank++] = 1;
  return MLCM_OK;
}

static mlcm_status line_up(const mlcm__ref_kernel *k, const mlcm_call *call, operands *o, mlcm_error *err) {
  o->a = *call->inputs[0];
  o->b = *call->inputs[1];
  mlcm_status st = old_shape(k->data, &o->a, &o->b, err);
  return st ? st : mlcm__walk_together(&o->both, 2, (const mlcm_tensor *const[]){&o->a, &o->b}, err);
}

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  params *p = k->data;
  p->fmod = mlcm__ref_flag(r, "fmod", false);
  p->left = mlcm__ref_text_is(mlcm__ref_text(r, "direction", ""), "LEFT");
  p->old_axis = r->node->opset < 7 && mlcm__ref_flag(r, "broadcast", false);
  p->axis = mlcm__ref_int(r, "axis", INT64_MAX);
}

/* ---- One row of the walk, to out[at ...] ---- */

typedef mlcm_status row_fn(const mlcm__ref_kernel *k, const operands *o, const mlcm_tensor *out, int64_t at, mlcm_error *err);

static mlcm_status number_row(const mlcm__ref_kernel *k, const operands *o, const mlcm_tensor *out, int64_t at, mlcm_error *err) {
  block_fn *fn = ((const variant *)k->op->variant)->fn[mlcm__lane_kind(o->a.dtype)];
  const mlcm__walk *w = &o->both.walk;
  mlcm__lanes a, b;
  mlcm_status st = MLCM_OK;
  for (int64_t i = 0; !st && i < w->inner; i += MLCM__BLOCK) {
    int64_t n = mlcm__block_of(w->inner - i);
    mlcm__load(&a, &o->a, w->at[0] + i * w->step[0], w->step[0], n);
    mlcm__load(&b, &o->b, w->at[1] + i * w->step[1], w->step[1], n);
    st = fn(&a, &b, n, k->data, err);
    if (!st) mlcm__store(out->dtype, out->data, at + i, &a, n);
  }
  return st;
}

static mlcm_status text_row(const mlcm__ref_kernel *k, const operands *o, const mlcm_tensor *out, int64_t at, mlcm_error *err) {
  const mlcm__walk *w = &o->both.walk;
  const mlcm_str *a = o->a.data, *b = o->b.data;
  uint8_t *to = out->data;
  (void)k;
  (void)err;
  for (int64_t i = 0; i < w->inner; i++) to[at + i] = mlcm__same_text(a[w->at[0] + i * w->step[0]], b[w->at[1] + i * w->step[1]]);
  return MLCM_OK;
}

static int64_t int_power(int64_t base, int64_t exponent) {
  uint64_t result = 1, factor = (uint64_t)base;
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  for (uint64_t e = (uint64_t)exponent; e > 0; e >>= 1) {
    if ((e & 1) != 0) result *= factor;
    factor *= factor;
  }
  return (int64_t)result;
}

/* Pow with an exponent of another type, or of whole numbers: the answer has the base's type. */
static mlcm_status power_row(const mlcm__ref_kernel *k, const operands *o, const mlcm_tensor *out, int64_t at, mlcm_error *err) {
  const mlcm__walk *w = &o->both.walk;
  bool whole = !mlcm__is_real(o->a.dtype), whole_exponent = !mlcm__is_real(o->b.dtype);
  (void)k;
  (void)err;
  for (int64_t i = 0; i < w->inner; i++) {
    int64_t at_a = w->at[0] + i * w->step[0], at_b = w->at[1] + i * w->step[1];
    if (whole && whole_exponent) {
      int64_t power = int_power(mlcm__i64_at(&o->a, at_a), mlcm__i64_at(&o->b, at_b));
      mlcm__store_i64(out->dtype, out->data, at + i, &power, 1);
      continue;
    }
    mlcm__put_number(out->dtype, out->data, at + i, pow(mlcm__f64_at(&o->a, at_a), mlcm__f64_at(&o->b, at_b)));
  }
  return MLCM_OK;
}

/* ---- The operators ---- */

static mlcm_status run_rows(const mlcm__ref_kernel *k, mlcm_call *call, row_fn *row, mlcm_error *err) {
  operands o;
  int64_t at = 0;
  mlcm_status st = line_up(k, call, &o, err);
  if (st) return st;
  mlcm_dtype dtype = k->op->gives[0] == MLCM_BOOL ? MLCM_BOOL : o.a.dtype;
  if (call->host->output(call, 0, dtype, o.both.rank, o.both.shape, err) == NULL) return err->code;
  while (!st && mlcm__walk_row(&o.both.walk)) {
    st = row(k, &o, call->outputs[0], at, err);
    at += o.both.walk.inner;
  }
  return st;
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) { return run_rows(k, call, number_row, err); }

static mlcm_status run_equal(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  return run_rows(k, call, call->inputs[0]->dtype == MLCM_STRING ? text_row : number_row, err);
}

static mlcm_status run_pow(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  mlcm_dtype base = call->inputs[0]->dtype;
  return run_rows(k, call, base == call->inputs[1]->dtype && mlcm__is_real(base) ? number_row : power_row, err);
}

#define OP(name_, since_, takes_, second_, gives_, run_, ...)                                                                    \
  {                                                                                                                              \
    .name = name_, .since = since_, .min_inputs = 2, .max_inputs = 2, .takes = {takes_, second_}, .gives = {gives_},             \
    .data_bytes = sizeof(params), .prepare = prepare, .run = run_, .variant = &(const variant) {                                 \
      {                                                                                                                          \
        __VA_ARGS__                                                                                                              \
      }                                                                                                                          \
    }                                                                                                                            \
  }
#define SAME(name, since, takes, ...) OP(name, since, takes, MLCM__SAME, MLCM__LIKE_0, run, __VA_ARGS__)
#define COMPARE(name, since, ...) OP(name, since, MLCM__NUMBERS, MLCM__SAME, MLCM_BOOL, run, __VA_ARGS__)

static const mlcm__ref_op OPS[] = {
    SAME("Add", 1, MLCM__NUMBERS, add_f, add_i, add_i),
    SAME("Sub", 1, MLCM__NUMBERS, sub_f, sub_i, sub_i),
    SAME("Mul", 1, MLCM__NUMBERS, mul_f, mul_i, mul_i),
    SAME("Div", 1, MLCM__NUMBERS, div_f, div_i, div_u),
    SAME("Mod", 10, MLCM__NUMBERS, mod_f, mod_i, mod_u),
    SAME("PRelu", 7, MLCM__REALS | MLCM__SIGNED, prelu_f, prelu_i),
    SAME("And", 1, MLCM__BOOLS, NULL, and_i),
    SAME("Or", 1, MLCM__BOOLS, NULL, or_i),
    SAME("Xor", 1, MLCM__BOOLS, NULL, xor_i),
    SAME("BitwiseAnd", 18, MLCM__SIGNED | MLCM__UNSIGNED, NULL, and_i, and_i),
    SAME("BitwiseOr", 18, MLCM__SIGNED | MLCM__UNSIGNED, NULL, or_i, or_i),
    SAME("BitwiseXor", 18, MLCM__SIGNED | MLCM__UNSIGNED, NULL, xor_i, xor_i),
    SAME("BitShift", 11, MLCM__UNSIGNED, NULL, NULL, shift_u),
    COMPARE("Greater", 1, greater_f, greater_i, greater_u),
    COMPARE("GreaterOrEqual", 12, greater_equal_f, greater_equal_i, greater_equal_u),
    COMPARE("Less", 1, less_f, less_i, less_u),
    COMPARE("LessOrEqual", 12, less_equal_f, less_equal_i, less_equal_u),
    OP("Equal", 1, MLCM__ANY, MLCM__SAME, MLCM_BOOL, run_equal, equal_f, equal_i, equal_i),
    OP("Pow", 1, MLCM__NUMBERS, MLCM__NUMBERS, MLCM__LIKE_0, run_pow, pow_f),
};

const mlcm__ref_family mlcm__ref_binary_family = {OPS, sizeof OPS / sizeof OPS[0]};
