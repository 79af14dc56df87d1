/* SPDX-License-Identifier: Apache-2.0
 *
 * test_math.c - own exp and log against long double, and at their edges.
 */
#include <float.h>
#include <math.h>

#include "gate/math.h"
#include "support.h"

/* Distance of `got` from the true value in units of the last place of the true value. */
static double ulps(double got, long double want) {
  double nearest = (double)want;
  double unit = nextafter(fabs(nearest), INFINITY) - fabs(nearest);
  return (double)(fabsl((long double)got - want) / (long double)unit);
}

static uint64_t state = 7;

static double random_between(double a, double b) {
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return a + (b - a) * (double)(state >> 11) * 0x1p-53;
}

START_TEST(exp_is_within_one_ulp) {
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double x = i % 4 == 0 ? random_between(-708, 709.5) : random_between(-2, 2);
    worst = fmax(worst, ulps(mlcm__math_exp(x), expl(x)));
  }
  ck_assert_msg(worst < 1, "worst error %g ulp", worst);
}
END_TEST

START_TEST(log_is_within_one_ulp) {
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double x = i % 4 == 0 ? exp(random_between(-700, 700)) : i % 4 == 1 ? random_between(0.5, 2) : random_between(0.99, 1.01);
    worst = fmax(worst, ulps(mlcm__math_log(x), logl(x)));
  }
  ck_assert_msg(worst < 1, "worst error %g ulp", worst);
}
END_TEST

START_TEST(log1p_is_within_two_ulp) {
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double x = i % 4 == 0 ? exp(random_between(-700, 700)) : i % 4 == 1 ? random_between(-0.999, 3) : random_between(-1e-3, 1e-3);
    worst = fmax(worst, ulps(mlcm__math_log1p(x), log1pl(x)));
  }
  ck_assert_msg(worst < 2, "worst error %g ulp", worst);
}
END_TEST

START_TEST(exp_keeps_its_promises_at_the_edges) {
  ck_assert(mlcm__math_exp(0) == 1 && mlcm__math_exp(-0.0) == 1);
  ck_assert(mlcm__math_exp(710) == INFINITY && mlcm__math_exp(INFINITY) == INFINITY && mlcm__math_exp(DBL_MAX) == INFINITY);
  ck_assert(mlcm__math_exp(-746) == 0 && mlcm__math_exp(-INFINITY) == 0 && mlcm__math_exp(-DBL_MAX) == 0);
  ck_assert(isnan(mlcm__math_exp(NAN)));
  ck_assert(mlcm__math_exp(709.78) < INFINITY);
  ck_assert(ulps(mlcm__math_exp(-740), expl(-740.0L)) < 1); /* below DBL_MIN */
  ck_assert(mlcm__math_exp(-745) == 0x1p-1074);
}
END_TEST

START_TEST(log_keeps_its_promises_at_the_edges) {
  ck_assert(mlcm__math_log(1) == 0 && mlcm__math_log(0) == -INFINITY && mlcm__math_log(INFINITY) == INFINITY);
  ck_assert(isnan(mlcm__math_log(-1)) && isnan(mlcm__math_log(NAN)) && isnan(mlcm__math_log(-INFINITY)));
  ck_assert(ulps(mlcm__math_log(0x1p-1074), logl(0x1p-1074L)) < 1);
  ck_assert(ulps(mlcm__math_log(DBL_MAX), logl(DBL_MAX)) < 1);
}
END_TEST

START_TEST(log1p_keeps_its_promises_at_the_edges) {
  ck_assert(mlcm__math_log1p(0) == 0 && mlcm__math_log1p(-1) == -INFINITY && mlcm__math_log1p(INFINITY) == INFINITY);
  ck_assert(isnan(mlcm__math_log1p(-1.5)) && isnan(mlcm__math_log1p(NAN)));
  ck_assert(mlcm__math_log1p(1e-300) == 1e-300);
}
END_TEST

START_TEST(logsumexp_neither_overflows_nor_underflows) {
  double big[] = {1000, 1000}, small[] = {-1000, -1000}, none[] = {-INFINITY, -INFINITY};
  ck_assert(fabs(mlcm__math_logsumexp(big, 2) - (1000 + log(2))) < 1e-12);
  ck_assert(fabs(mlcm__math_logsumexp(small, 2) - (-1000 + log(2))) < 1e-12);
  ck_assert(mlcm__math_logsumexp(none, 2) == -INFINITY);
  ck_assert(mlcm__math_logsumexp(big, 0) == -INFINITY);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("math");
  tcase_add_test(c, exp_is_within_one_ulp);
  tcase_add_test(c, log_is_within_one_ulp);
  tcase_add_test(c, log1p_is_within_two_ulp);
  tcase_add_test(c, exp_keeps_its_promises_at_the_edges);
  tcase_add_test(c, log_keeps_its_promises_at_the_edges);
  tcase_add_test(c, log1p_keeps_its_promises_at_the_edges);
  tcase_add_test(c, logsumexp_neither_overflows_nor_underflows);
  return run_case("math", c);
}
