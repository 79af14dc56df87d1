/* SPDX-License-Identifier: Apache-2.0
 *
 * test_half.c - numbers of 16 bits: every one of them there and back, and how others are rounded.
 */
#include "base/half.h"

#include <math.h>

#include "support/suite.h"

START_TEST(every_number_of_16_bits_comes_back) {
  for (uint32_t bits = 0; bits <= 0xffff; bits++) {
    const double half = mlcm__f16_to_f64((uint16_t)bits), brain = mlcm__bf16_to_f64((uint16_t)bits);
    const uint16_t half_again = mlcm__f64_to_f16(half), brain_again = mlcm__f64_to_bf16(brain);
    ck_assert_msg(isnan(half) ? isnan(mlcm__f16_to_f64(half_again)) : half_again == bits, "f16 %04x", bits);
    ck_assert_msg(isnan(brain) ? isnan(mlcm__bf16_to_f64(brain_again)) : brain_again == bits, "bf16 %04x", bits);
  }
}
END_TEST

START_TEST(numbers_between_two_are_rounded_to_the_nearest_and_ties_to_even) {
  static const struct {
    double value;
    uint16_t half, brain;
  } rows[] = {{1, 0x3c00, 0x3f80},
              {-1.5, 0xbe00, 0xbfc0},
              {0.1, 0x2e66, 0x3dcd},
              {1 + 0x1p-11, 0x3c00, 0x3f80},          /* a tie of f16: down to even */
              {1 + 3 * 0x1p-11, 0x3c02, 0x3f80},      /* a tie of f16: up to even */
              {1 + 0x1p-8, 0x3c04, 0x3f80},           /* a tie of bf16: down to even */
              {1 + 3 * 0x1p-8, 0x3c0c, 0x3f82},       /* a tie of bf16: up to even */
              {65504, 0x7bff, 0x4780},                /* the largest f16 */
              {65519.9, 0x7bff, 0x4780},
              {65520, 0x7c00, 0x4780},                /* too large: infinite */
              {0x1p-24, 0x0001, 0x3380},              /* the smallest f16 */
              {0x1p-25, 0x0000, 0x3300},
              {1.0001 * 0x1p-25, 0x0001, 0x3300},
              {-0.0, 0x8000, 0x8000},
              {1e300, 0x7c00, 0x7f80},
              {-(double)INFINITY, 0xfc00, 0xff80}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const uint16_t half = mlcm__f64_to_f16(rows[i].value), brain = mlcm__f64_to_bf16(rows[i].value);
    ck_assert_msg(half == rows[i].half, "f16 of %a: %04x", rows[i].value, half);
    ck_assert_msg(brain == rows[i].brain, "bf16 of %a: %04x", rows[i].value, brain);
  }
}
END_TEST

int main(void) {
  const TTest *tests[] = {every_number_of_16_bits_comes_back, numbers_between_two_are_rounded_to_the_nearest_and_ties_to_even};
  return TEST_RUN("base_half", tests);
}
