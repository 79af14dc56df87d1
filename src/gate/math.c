/* SPDX-License-Identifier: Apache-2.0
 *
 * math.c - exp and log as fixed sequences of correctly rounded operations. Bits of a double are taken apart and put together with
 * integer operations; everything else is + - * /. No tables, no square roots, no calls into libm, no state.
 */
#include "gate/math.h"

#include <assert.h>
#include <float.h>
#include <stdint.h>
#include <string.h>

static const double LN2_HIGH = 0x1.62e42fefp-1; /* 33 bits: times an exponent it is exact */
static const double LN2_LOW = 0x1.473de6af278edp-34;
static const double INVERSE_LN2 = 0x1.71547652b82fep+0;

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof(bits));
  return bits;
}

static double double_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

static double positive_infinity(void) { return double_of(UINT64_C(0x7ff) << 52); }
static double not_a_number(void) { return double_of(UINT64_C(0x7ff8) << 48); }

/* 2^e for normal results. */
static double power_of_two(int e) {
  assert(e >= -1022 && e <= 1023);
  return double_of((uint64_t)(e + 1023) << 52);
}

/* e^(r + c) for |r| <= 0.35 and a correction c far below an ulp of r: Taylor's series, the leading terms added last. */
static double exp_reduced(double r, double c) {
  static const double inverse_factorial[] = {/* 1/14!, 1/13! ... 1/2! */
                                             1.0 / 87178291200.0,
                                             1.0 / 6227020800.0,
                                             1.0 / 479001600.0,
                                             1.0 / 39916800.0,
                                             1.0 / 3628800.0,
                                             1.0 / 362880.0,
                                             1.0 / 40320.0,
                                             1.0 / 5040.0,
                                             1.0 / 720.0,
                                             1.0 / 120.0,
                                             1.0 / 24.0,
                                             1.0 / 6.0,
                                             0.5};
  double p = inverse_factorial[0];
  for (size_t i = 1; i < sizeof(inverse_factorial) / sizeof(inverse_factorial[0]); i++) p = p * r + inverse_factorial[i];
  return 1.0 + (r + (r * r * p + c));
}

double mlcm__math_exp(double x) {
  if (x != x) return x;
  if (x > 709.79) return positive_infinity();
  if (x < -745.2) return 0.0;
  int k = (int)(x * INVERSE_LN2 + (x < 0 ? -0.5 : 0.5));
  double high = x - k * LN2_HIGH;
  double low = k * LN2_LOW;
  double r = high - low;
  double y = exp_reduced(r, (high - r) - low);
  int half =
      k / 2; /* in two steps, so that results below DBL_MIN are rounded once and those near DBL_MAX do not overflow early */
  return y * power_of_two(half) * power_of_two(k - half);
}

/* e * ln 2 + log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)): log(1 + f) = 2 atanh(s) with s = f / (2 + f), arranged as
 * f - (f^2/2 - s (f^2/2 + R)) so that the leading term stays exact. Odd and even powers run side by side. */
static double log_core(double f, int e) {
  double s = f / (2.0 + f);
  double z = s * s;
  double w = z * z;
  double odd = z * (2.0 / 3 + w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19 + w * (2.0 / 23))))));
  double even = w * (2.0 / 5 + w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21)))));
  double half_square = 0.5 * f * f;
  double tail = s * (half_square + (odd + even));
  if (e == 0) return f - (half_square - tail);
  return e * LN2_HIGH - ((half_square - (tail + e * LN2_LOW)) - f);
}

/* Splits x > 0 into 2^e * m with m in [sqrt(1/2), sqrt(2)). */
static double split(double x, int *out_e) {
  int e = 0;
  if (x < DBL_MIN) {
    x *= 0x1p54;
    e = -54;
  }
  uint64_t bits = bits_of(x);
  e += (int)(bits >> 52) - 1023;
  double m = double_of((bits & ((UINT64_C(1) << 52) - 1)) | (UINT64_C(1023) << 52));
  if (m > 0x1.6a09e667f3bcdp+0) {
    m *= 0.5;
    e++;
  }
  *out_e = e;
  return m;
}

double mlcm__math_log(double x) {
  if (x != x || x < 0) return not_a_number();
  if (x == 0) return -positive_infinity();
  if (x == positive_infinity()) return x;
  int e;
  double m = split(x, &e);
  return log_core(m - 1.0, e);
}

double mlcm__math_log1p(double x) {
  if (x != x || x < -1) return not_a_number();
  if (x == -1) return -positive_infinity();
  if (x == positive_infinity()) return x;
  if (x > -0.29 && x < 0.41) return log_core(x, 0);
  double y = 1.0 + x;
  double lost = x < 1 ? x - (y - 1.0) : 1.0 - (y - x); /* what rounding 1 + x left out */
  return mlcm__math_log(y) + lost / y;
}

double mlcm__math_logsumexp(const double *x, size_t n) {
  double max = -positive_infinity();
  for (size_t i = 0; i < n; i++)
    if (x[i] > max) max = x[i];
  if (max == -positive_infinity()) return max;
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += mlcm__math_exp(x[i] - max);
  return max + mlcm__math_log(sum);
}
