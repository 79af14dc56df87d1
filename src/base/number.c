/* SPDX-License-Identifier: Apache-2.0
 *
 * number.c - numbers to text and back, the same in every locale and on every machine. The C library is only asked for digits
 * (whose value no locale changes); points and exponents are placed here.
 */
#include <assert.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool mlcm__parse_i64(const char *text, size_t len, int64_t *out) {
  const bool negative = len > 0 && text[0] == '-';
  size_t at = negative ? 1 : 0;
  if (at == len) return false;
  int64_t value = 0; /* counts downwards: INT64_MIN has no positive twin */
  for (; at < len; at++) {
    if (!is_digit(text[at])) return false;
    if (__builtin_mul_overflow(value, (int64_t)10, &value) || __builtin_sub_overflow(value, (int64_t)(text[at] - '0'), &value))
      return false;
  }
  if (!negative && value == INT64_MIN) return false;
  *out = negative ? value : -value;
  return true;
}

/* ---- Decimal floating point ---------------------------------------------------------------------------------------- */

enum { LONGEST_NUMBER = 1023 }; /* bytes; a double needs at most 770 digits to be told apart from its neighbours */

/* strtod in the C locale. The text is a number by our own grammar, so only the range is left to judge. */
static bool read_decimal(const char *text, double *out) {
  const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* the built-in one: costs nothing, cannot fail in glibc */
  if (!c) return false; /* never: see above */
  const double value = strtod_l(text, NULL, c);
  freelocale(c);
  if (isinf(value)) return false;
  *out = value;
  return true;
}

static bool same_word(const char *text, size_t len, const char *lower) {
  if (strlen(lower) != len) return false;
  for (size_t i = 0; i < len; i++) {
    if ((text[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

static bool read_special(const char *text, size_t len, double *out) {
  if (same_word(text, len, "nan")) {
    *out = NAN;
    return true;
  }
  const bool negative = len > 0 && text[0] == '-';
  if (len > 0 && (text[0] == '-' || text[0] == '+')) text++, len--;
  if (!same_word(text, len, "inf") && !same_word(text, len, "infinity")) return false;
  *out = negative ? -INFINITY : INFINITY;
  return true;
}

static size_t skip_digits(const char *text, size_t len, size_t at) {
  while (at < len && is_digit(text[at])) at++;
  return at;
}

/* -? digits [. digits] [e [+-] digits], with at least one digit before or behind the point. */
static bool is_decimal(const char *text, size_t len) {
  size_t at = len > 0 && text[0] == '-' ? 1 : 0;
  const size_t whole = at;
  at = skip_digits(text, len, at);
  size_t n_digits = at - whole;
  if (at < len && text[at] == '.') {
    const size_t fraction = ++at;
    at = skip_digits(text, len, at);
    n_digits += at - fraction;
  }
  if (n_digits == 0) return false;
  if (at < len && (text[at] == 'e' || text[at] == 'E')) {
    at++;
    if (at < len && (text[at] == '+' || text[at] == '-')) at++;
    const size_t exponent = at;
    at = skip_digits(text, len, at);
    if (at == exponent) return false;
  }
  return at == len;
}

bool mlcm__parse_f64(const char *text, size_t len, double *out) {
  if (read_special(text, len, out)) return true;
  if (len > LONGEST_NUMBER || !is_decimal(text, len)) return false;
  char copy[LONGEST_NUMBER + 1];
  memcpy(copy, text, len);
  copy[len] = 0;
  return read_decimal(copy, out);
}

/* A positive finite double as digits[0].digits[1]... times 10^exponent. */
typedef struct decimal {
  char digits[20];
  int n;
  int exponent;
} decimal;

static decimal round_to(double value, int n_digits) {
  char text[64];
  snprintf(text, sizeof text, "%.*e", n_digits - 1, value);
  decimal d = {{0}, 0, 0};
  const char *at = text;
  for (; *at != 'e'; at++) {
    if (is_digit(*at)) d.digits[d.n++] = *at; /* steps over the locale's point */
  }
  assert(d.n == n_digits);
  d.exponent = atoi(at + 1);
  return d;
}

/* The next larger decimal of the same length. */
static decimal step_up(decimal d) {
  int at = d.n - 1;
  while (at >= 0 && d.digits[at] == '9') d.digits[at--] = '0';
  if (at >= 0) {
    d.digits[at]++;
  } else {
    d.digits[0] = '1'; /* 9.99 becomes 1.00 times ten */
    d.exponent++;
  }
  return d;
}

static bool reads_back(const decimal *d, double value) {
  char text[40];
  double back = 0;
  snprintf(text, sizeof text, "%.*se%d", d->n, d->digits, d->exponent - (d->n - 1));
  return read_decimal(text, &back) && back == value;
}

/* Shortest digits. Up to 15 digits survive the way through a normal double, so a shorter answer shows as trailing zeros at 15;
 * subnormals have fewer bits and are searched from one digit on. Below a power of two the doubles lie closer, hence step_up. */
static decimal shortest(double value) {
  for (int n = value < 0x1p-1022 ? 1 : 15; n < 17; n++) {
    const decimal nearest = round_to(value, n);
    if (reads_back(&nearest, value)) return nearest;
    const decimal above = step_up(nearest);
    if (reads_back(&above, value)) return above;
  }
  return round_to(value, 17);
}

/* Lays the digits out as ECMAScript does: plain from 1e-6 to below 1e21, otherwise with an exponent. */
static void lay_out(const decimal *d, char *out) {
  char *at = out;
  const int point = d->exponent + 1; /* digits before the point */
  if (point > 21 || point < -5) {
    *at++ = d->digits[0];
    if (d->n > 1) *at++ = '.';
    for (int i = 1; i < d->n; i++) *at++ = d->digits[i];
    snprintf(at, 8, "e%+d", d->exponent); /* at most "e+308" behind 18 bytes */
    return;
  }
  if (point <= 0) {
    *at++ = '0';
    *at++ = '.';
    for (int i = point; i < 0; i++) *at++ = '0';
  }
  for (int i = 0; i < d->n; i++) {
    if (i == point && i > 0) *at++ = '.';
    *at++ = d->digits[i];
  }
  for (int i = d->n; i < point; i++) *at++ = '0';
  *at = 0;
}

void mlcm__format_f64(double value, char out[32]) {
  if (isnan(value) || isinf(value)) {
    snprintf(out, 32, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    return;
  }
  if (value == 0) {
    snprintf(out, 32, "%s", signbit(value) ? "-0" : "0");
    return;
  }
  if (value < 0) *out++ = '-';
  decimal d = shortest(fabs(value));
  while (d.n > 1 && d.digits[d.n - 1] == '0') d.n--;
  lay_out(&d, out);
}

/* ---- Hexadecimal floating point ------------------------------------------------------------------------------------ */

enum { FRACTION_BITS = 52, FRACTION_DIGITS = 13, EXPONENT_BIAS = 1023 };

void mlcm__format_hexf64(double value, char out[32]) {
  if (isnan(value) || isinf(value)) {
    snprintf(out, 32, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    return;
  }
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  uint64_t fraction = bits & ((UINT64_C(1) << FRACTION_BITS) - 1);
  int exponent = (int)(bits >> FRACTION_BITS & 0x7ff) - EXPONENT_BIAS;
  int lead = 1;
  if (exponent == -EXPONENT_BIAS) { /* zero or subnormal: move the leading bit to where a normal number has it */
    exponent = fraction ? 1 - EXPONENT_BIAS : 0;
    lead = 0;
    while (fraction && !lead) {
      fraction <<= 1;
      exponent--;
      lead = (int)(fraction >> FRACTION_BITS & 1);
    }
    fraction &= (UINT64_C(1) << FRACTION_BITS) - 1;
  }
  int n_digits = FRACTION_DIGITS;
  while (n_digits > 0 && (fraction & 15) == 0) fraction >>= 4, n_digits--;
  char *at = out;
  at += snprintf(at, 8, "%s0x%d", bits >> 63 ? "-" : "", lead);
  if (n_digits) at += snprintf(at, 16, ".%0*llx", n_digits, (unsigned long long)fraction);
  snprintf(at, 14, "p%+d", exponent);
}

static int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads what the formatter could have written, more or less; the caller compares. */
static bool read_hex(const char *text, size_t len, double *out) {
  size_t at = 0;
  const bool negative = len > 0 && text[0] == '-';
  if (negative) at++;
  if (len - at < 6 || text[at] != '0' || text[at + 1] != 'x' || (text[at + 2] != '0' && text[at + 2] != '1')) return false;
  double value = text[at + 2] - '0';
  at += 3;
  if (text[at] == '.') {
    double weight = 1.0 / 16;
    for (at++; at < len && hex_value(text[at]) >= 0; at++, weight /= 16) value += hex_value(text[at]) * weight;
  }
  if (at == len || text[at] != 'p') return false;
  at++;
  const bool up = at < len && text[at] == '+';
  int64_t exponent = 0;
  if (!mlcm__parse_i64(text + at + (up ? 1 : 0), len - at - (up ? 1 : 0), &exponent)) return false;
  if (exponent < -1100 || exponent > 1100) return false;
  *out = ldexp(negative ? -value : value, (int)exponent);
  return true;
}

bool mlcm__parse_hexf64(const char *text, size_t len, double *out) {
  double value = 0;
  char again[32];
  if (len >= sizeof again) return false;
  if (!read_special(text, len, &value) && !read_hex(text, len, &value)) return false;
  mlcm__format_hexf64(value, again); /* one spelling per value: anything but our own is refused */
  if (strlen(again) != len || memcmp(again, text, len) != 0) return false;
  *out = value;
  return true;
}
