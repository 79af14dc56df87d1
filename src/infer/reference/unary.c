/* SPDX-License-Identifier: Apache-2.0
 *
 * unary.c - one element in, one out: arithmetic, activations, tests, logic.
 *
 * A function works on a block of lanes in place. Tests (IsNaN ...) leave 0 or 1 in the integer lanes and give a bool tensor.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

typedef struct params {
  double alpha, beta, gamma;
  bool detect_negative, detect_positive; /* IsInf */
  bool approximate;                      /* Gelu: by tanh */
} params;

typedef void block_fn(mlcm__lanes *x, int64_t n, const params *p);

typedef struct variant {
  block_fn *fn[MLCM__NUMBER_LANES];
  double alpha, beta, gamma; /* defaults of the attributes */
} variant;

#define EACH(name, from, type, to, expression)                                                                                   \
  static void name(mlcm__lanes *lanes, int64_t n, const params *p) {                                                             \
    (void)p;                                                                                                                     \
    for (int64_t i = 0; i < n; i++) {                                                                                            \
      const type x = lanes->from[i];                                                                                             \
      lanes->to[i] = (expression);                                                                                               \
    }                                                                                                                            \
  }
#define EACH_F(name, expression) EACH(name, f, double, f, expression)
#define EACH_I(name, expression) EACH(name, i, int64_t, i, expression)
#define EACH_TEST(name, expression) EACH(name, f, double, i, expression)

static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

EACH_F(abs_f, fabs(x))
EACH_F(neg_f, -x)
EACH_F(sqrt_f, sqrt(x))
EACH_F(exp_f, exp(x))
EACH_F(log_f, log(x))
EACH_F(sigmoid_f, sigmoid(x))
EACH_F(tanh_f, tanh(x))
EACH_F(relu_f, x > 0 || isnan(x) ? x : 0.0)
EACH_F(leaky_relu_f, x < 0 ? p->alpha * x : x)
EACH_F(elu_f, x < 0 ? p->alpha * expm1(x) : x)
EACH_F(selu_f, p->gamma *(x > 0 ? x : p->alpha * expm1(x)))
EACH_F(celu_f, fmax(0, x) + fmin(0, p->alpha *expm1(x / p->alpha)))
EACH_F(thresholded_relu_f, x > p->alpha ? x : 0.0)
EACH_F(softplus_f, softplus(x))
EACH_F(softsign_f, x / (1 + fabs(x)))
EACH_F(hard_sigmoid_f, clamp(p->alpha *x + p->beta, 0, 1))
EACH_F(hard_swish_f, x *clamp(x / 6 + 0.5, 0, 1))
EACH_F(mish_f, x *tanh(softplus(x)))
EACH_F(erf_f, erf(x))
EACH_F(gelu_f, p->approximate ? 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
                              : 0.5 * x * (1 + erf(x * 0.7071067811865476)))
EACH_F(swish_f, x *sigmoid(p->alpha *x))
EACH_F(floor_f, floor(x))
EACH_F(ceil_f, ceil(x))
EACH_F(round_f, rint(x))
EACH_F(sign_f, sign_of(x))
EACH_F(reciprocal_f, 1 / x)
EACH_F(sin_f, sin(x))
EACH_F(cos_f, cos(x))
EACH_F(tan_f, tan(x))
EACH_F(asin_f, asin(x))
EACH_F(acos_f, acos(x))
EACH_F(atan_f, atan(x))
EACH_F(sinh_f, sinh(x))
EACH_F(cosh_f, cosh(x))
EACH_F(asinh_f, asinh(x))
EACH_F(acosh_f, acosh(x))
EACH_F(atanh_f, atanh(x))
EACH_F(shrink_f, x<-p->alpha ? x + p->beta : x> p->alpha ? x - p->beta : 0.0)
EACH_I(shrink_i, (double)x<-p->alpha ? x + (int64_t)p->beta : (double)x> p->alpha ? x - (int64_t)p->beta : 0)
EACH_I(keep_i, x)
EACH_I(abs_i, x < 0 ? (int64_t)(0 - (uint64_t)x) : x)
EACH_I(neg_i, (int64_t)(0 - (uint64_t)x))
EACH_I(relu_i, x > 0 ? x : 0)
EACH_I(sign_i, (x > 0) - (x < 0))
EACH_I(sign_u, x != 0)
EACH_I(not_i, x == 0)
EACH_I(bit_not_i, ~x)
EACH_TEST(is_nan_f, isnan(x) != 0)
EACH_TEST(is_inf_f, isinf(x) != 0 && (x > 0 ? p->detect_positive : p->detect_negative))

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  const variant *v = k->op->variant;
  params *p = k->data;
  bool shrink = mlcm__ref_text_is(r->node->op, "Shrink");
  p->alpha = mlcm__ref_float(r, shrink ? "lambd" : "alpha", v->alpha);
  p->beta = mlcm__ref_float(r, shrink ? "bias" : "beta", v->beta);
  p->gamma = mlcm__ref_float(r, "gamma", v->gamma);
  p->detect_negative = mlcm__ref_flag(r, "detect_negative", true);
  p->detect_positive = mlcm__ref_flag(r, "detect_positive", true);
  p->approximate = mlcm__ref_text_is(mlcm__ref_text(r, "approximate", "none"), "tanh");
}

static mlcm_status run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const variant *v = k->op->variant;
  const mlcm_tensor *x = call->inputs[0];
  mlcm_dtype dtype = k->op->gives[0] == MLCM_BOOL ? MLCM_BOOL : x->dtype;
  block_fn *fn = v->fn[mlcm__lane_kind(x->dtype)];
  mlcm__lanes lanes;
  void *out = call->host->output(call, 0, dtype, x->rank, x->shape, err);
  if (out == NULL) return err->code;
  for (int64_t at = 0; at < x->count; at += MLCM__BLOCK) {
    int64_t n = mlcm__block_of(x->count - at);
    mlcm__load(&lanes, x, at, 1, n);
    fn(&lanes, n, k->data);
    mlcm__store(dtype, out, at, &lanes, n);
  }
  return MLCM_OK;
}

/* Functions are given for floating, signed and unsigned lanes; what an operator takes says which are needed. */
#define OP(name_, since_, takes_, gives_, ...)                                                                                   \
  {                                                                                                                              \
    .name = name_, .since = since_, .min_inputs = 1, .max_inputs = 1, .takes = {takes_}, .gives = {gives_},                      \
    .data_bytes = sizeof(params), .prepare = prepare, .run = run, .variant = &(const variant) {                                  \
      .fn = __VA_ARGS__                                                                                                          \
    }                                                                                                                            \
  }
#define F(name, since, ...) OP(name, since, MLCM__REALS, MLCM__LIKE_0, __VA_ARGS__)

static const mlcm__ref_op OPS[] = {
    OP("Abs", 1, MLCM__NUMBERS, MLCM__LIKE_0, {abs_f, abs_i, keep_i}),
    OP("Neg", 1, MLCM__REALS | MLCM__SIGNED, MLCM__LIKE_0, {neg_f, neg_i}),
    OP("Relu", 1, MLCM__REALS | MLCM__SIGNED, MLCM__LIKE_0, {relu_f, relu_i}),
    OP("Sign", 9, MLCM__NUMBERS, MLCM__LIKE_0, {sign_f, sign_i, sign_u}),
    OP("Shrink", 9, MLCM__REALS | MLCM__SIGNED, MLCM__LIKE_0, {shrink_f, shrink_i}, .alpha = 0.5),
    OP("Not", 1, MLCM__BOOLS, MLCM__LIKE_0, {NULL, not_i}),
    OP("BitwiseNot", 18, MLCM__SIGNED | MLCM__UNSIGNED, MLCM__LIKE_0, {NULL, bit_not_i, bit_not_i}),
    OP("IsNaN", 9, MLCM__REALS, MLCM_BOOL, {is_nan_f}),
    OP("IsInf", 10, MLCM__REALS, MLCM_BOOL, {is_inf_f}),
    F("Sqrt", 1, {sqrt_f}),
    F("Exp", 1, {exp_f}),
    F("Log", 1, {log_f}),
    F("Sigmoid", 1, {sigmoid_f}),
    F("Tanh", 1, {tanh_f}),
    F("LeakyRelu", 1, {leaky_relu_f}, .alpha = 0.009999999776482582), /* the float 0.01 */
    F("Elu", 1, {elu_f}, .alpha = 1),
    F("Selu", 1, {selu_f}, .alpha = 1.67326319217681884765625, .gamma = 1.05070102214813232421875),
    F("Celu", 12, {celu_f}, .alpha = 1),
    F("ThresholdedRelu", 10, {thresholded_relu_f}, .alpha = 1),
    F("Softplus", 1, {softplus_f}),
    F("Softsign", 1, {softsign_f}),
    F("HardSigmoid", 1, {hard_sigmoid_f}, .alpha = 0.20000000298023224, .beta = 0.5),
    F("HardSwish", 14, {hard_swish_f}),
    F("Mish", 18, {mish_f}),
    F("Gelu", 20, {gelu_f}),
    F("Swish", 24, {swish_f}, .alpha = 1),
    F("Erf", 9, {erf_f}),
    F("Floor", 1, {floor_f}),
    F("Ceil", 1, {ceil_f}),
    F("Round", 11, {round_f}),
    F("Reciprocal", 1, {reciprocal_f}),
    F("Sin", 7, {sin_f}),
    F("Cos", 7, {cos_f}),
    F("Tan", 7, {tan_f}),
    F("Asin", 7, {asin_f}),
    F("Acos", 7, {acos_f}),
    F("Atan", 7, {atan_f}),
    F("Sinh", 9, {sinh_f}),
    F("Cosh", 9, {cosh_f}),
    F("Asinh", 9, {asinh_f}),
    F("Acosh", 9, {acosh_f}),
    F("Atanh", 9, {atanh_f}),
};

const mlcm__ref_family mlcm__ref_unary_family = {OPS, sizeof OPS / sizeof OPS[0]};
