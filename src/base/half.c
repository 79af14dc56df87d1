/* SPDX-License-Identifier: Apache-2.0
 *
 * half.c - numbers of 16 bits, taken apart and put together.
 */
#include "half.h"

#include <math.h>
#include <string.h>

double mlcm__f16_to_f64(uint16_t bits) {
  int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  double value = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                 : exponent == 0 ? ldexp(fraction, -24)
                                 : ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

double mlcm__bf16_to_f64(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return (double)value;
}

/* Rounds to a multiple of the format's last place, nearest even (rint's mode), then packs. */
uint16_t mlcm__f64_to_f16(double value) {
  uint16_t sign = signbit(value) ? 0x8000 : 0;
  double size = fabs(value);
  int exponent = 0;
  if (isnan(value)) return 0x7e00;
  if (size == 0) return sign;
  (void)frexp(size, &exponent); /* size = m * 2^exponent, m in [0.5, 1) */
  int last_place = (exponent < -13 ? -13 : exponent) - 11;
  double units = isinf(size) ? 0 : rint(ldexp(size, -last_place));
  if (isinf(size) || ldexp(units, last_place) > 65504.0) return (uint16_t)(sign | 0x7c00);
  uint32_t whole = (uint32_t)units;
  uint32_t biased = (uint32_t)(last_place + 24); /* exponent field less one for normal numbers, 0 for subnormal ones */
  return (uint16_t)(sign | ((biased << 10) + whole));
}

uint16_t mlcm__f64_to_bf16(double value) {
  float narrow = (float)value;
  uint32_t bits;
  memcpy(&bits, &narrow, sizeof bits);
  if (isnan(value)) return (uint16_t)((bits >> 16) | 0x40);
  bits += 0x7fff + ((bits >> 16) & 1);
  return (uint16_t)(bits >> 16);
}
