/* SPDX-License-Identifier: Apache-2.0
 *
 * test_evalue.c - the sequential test against an independent 60-digit computation (make_golden.py), and Ville's condition by
 * exact enumeration.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/evalue.h"
#include "gate/hypergeometric.h"

/* Largest error allowed: 1e-13, relative above 1 and absolute below. */
static void check_close(const char *name, double got, double want, double unit) {
  double error = fabs(got - want) / fmax(1.0, fabs(want));
  ck_assert_msg(error <= unit, "%s: log E is %.17g, independently %.17g (error %g)", name, got, want, error);
}

START_TEST(log_e_equals_the_independent_computation) {
  FILE *f = fopen(MLCM_SOURCE_DIR "/tests/gate/data/evalue_golden.csv", "r");
  ck_assert_ptr_nonnull(f);
  char line[512];
  char previous[128] = "";
  mlcm__evalue e;
  int rows = 0;
  ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
  while (fgets(line, sizeof(line), f)) {
    char name[32], side[8], margin[16], id[128];
    long long n_c, e_c, n_s, e_s;
    double want;
    ck_assert_int_eq(
        sscanf(line, "%31[^,],%7[^,],%15[^,],%lld,%lld,%lld,%lld,%lf", name, side, margin, &n_c, &e_c, &n_s, &e_s, &want), 8);
    snprintf(id, sizeof(id), "%s %s %s", name, side, margin);
    if (strcmp(id, previous) != 0)
      mlcm__evalue_init(&e, side[0] == 'f' ? MLCM__SIDE_FAIL : MLCM__SIDE_PASS, strtod(margin, NULL));
    strcpy(previous, id);
    mlcm__evalue_add(&e, &(mlcm_counts){n_c, e_c, n_s, e_s});
    check_close(id, e.log_e, want, 1e-13);
    rows++;
  }
  fclose(f);
  ck_assert_int_gt(rows, 900);
}
END_TEST

START_TEST(strata_that_say_nothing_leave_log_e_alone) {
  static const mlcm_counts silent[] = {{0, 0, 10, 3}, {10, 3, 0, 0}, {10, 0, 10, 0}, {10, 10, 10, 10}, {0, 0, 0, 0}};
  for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
    mlcm__evalue e;
    mlcm__evalue_init(&e, MLCM__SIDE_FAIL, 1.25);
    mlcm__evalue_add(&e, &(mlcm_counts){100, 5, 100, 2});
    double before = e.log_e;
    mlcm__evalue_add(&e, &silent[i]);
    ck_assert(e.log_e == before);
  }
}
END_TEST

START_TEST(log_e_starts_at_zero_and_restarts_there) {
  mlcm__evalue e;
  mlcm__evalue_init(&e, MLCM__SIDE_PASS, 1.5);
  ck_assert(e.log_e == 0);
  mlcm__evalue_add(&e, &(mlcm_counts){100, 1, 100, 30});
  ck_assert(e.log_e > 0);
  mlcm__evalue_restart(&e);
  ck_assert(e.log_e == 0);
}
END_TEST

START_TEST(the_grid_has_its_documented_ends) {
  mlcm__evalue e;
  mlcm__evalue_init(&e, MLCM__SIDE_FAIL, 1.25);
  ck_assert(fabs(e.odds[1] / 1.25 - 1.05) < 1e-15 && fabs(e.odds[24] / 1.25 - 20) < 1e-14);
  mlcm__evalue_init(&e, MLCM__SIDE_PASS, 1.25);
  ck_assert(fabs(e.odds[1] / 1.25 - 0.95) < 1e-15 && fabs(e.odds[24] / 1.25 - 0.2) < 1e-15);
}
END_TEST

/* Sum over the support of P(k | null) * L(k), the expectation of one tick's factor. */
static double expectation(mlcm__side side, double margin, double null_odds, int64_t n_c, int64_t n_s, int64_t m) {
  int64_t low = m > n_s ? m - n_s : 0;
  int64_t high = m < n_c ? m : n_c;
  double sum = 0;
  mlcm__evalue start;
  mlcm__evalue_init(&start, side, margin);
  for (int64_t k = low; k <= high; k++) {
    double log_p;
    mlcm__evalue e = start;
    mlcm__evalue_add(&e, &(mlcm_counts){n_c, k, n_s, m - k});
    mlcm__hyper_log_pmf(&(mlcm__hyper){n_c, n_s, m, k}, &null_odds, 1, &log_p);
    sum += exp(log_p + e.log_e);
  }
  return sum;
}

START_TEST(expectation_is_at_most_one_on_both_nulls) {
  static const int64_t sizes[][2] = {{1, 1}, {1, 50}, {50, 1}, {7, 13}, {100, 1900}, {300, 300}, {900, 700}};
  static const double inside[] = {1.0, 0.9, 0.5, 0.05};
  for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
    int64_t n_c = sizes[s][0], n_s = sizes[s][1], all = n_c + n_s;
    int64_t ms[] = {1, 2, all / 100 + 1, all / 10 + 1, all / 2, all - 1};
    for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
      for (size_t d = 0; d < sizeof(inside) / sizeof(inside[0]); d++)
        for (double margin = 1.0; margin < 2; margin += 0.25) {
          double fail = expectation(MLCM__SIDE_FAIL, margin, margin * inside[d], n_c, n_s, ms[i]);
          double pass = expectation(MLCM__SIDE_PASS, margin, margin / inside[d], n_c, n_s, ms[i]);
          ck_assert_msg(fail <= 1 + 1e-12, "fail side: E[L] - 1 = %g at n_c %d n_s %d m %d", fail - 1, (int)n_c, (int)n_s,
                        (int)ms[i]);
          ck_assert_msg(pass <= 1 + 1e-12, "pass side: E[L] - 1 = %g at n_c %d n_s %d m %d", pass - 1, (int)n_c, (int)n_s,
                        (int)ms[i]);
          if (d == 0) ck_assert(fail > 1 - 1e-12 && pass > 1 - 1e-12);
        }
  }
}
END_TEST

/* log P by summing every term in long double. */
static double plain_log_pmf(int64_t n_c, int64_t n_s, int64_t m, int64_t k, double odds) {
  int64_t low = m > n_s ? m - n_s : 0;
  int64_t high = m < n_c ? m : n_c;
  long double t = 1, sum = 1, observed = k == low ? 1 : 0;
  for (int64_t i = low; i < high; i++) {
    t *= (long double)odds * (long double)(n_c - i) * (long double)(m - i) /
         ((long double)(i + 1) * (long double)(n_s - m + i + 1));
    sum += t;
    if (i + 1 == k) observed = t;
  }
  return (double)(logl(observed) - logl(sum));
}

START_TEST(a_long_support_with_its_mode_at_an_end_is_exact) {
  const int64_t n_c = 600, n_s = 10000000;
  const int64_t ms[] = {n_s - 1, 700};
  const double odds[] = {20, 0.05};
  for (int side = 0; side < 2; side++)
    for (int64_t k = 0; k <= n_c; k += 150) {
      double log_p = 0;
      mlcm__hyper_log_pmf(&(mlcm__hyper){n_c, n_s, ms[side], k}, &odds[side], 1, &log_p);
      double plain = plain_log_pmf(n_c, n_s, ms[side], k, odds[side]);
      ck_assert_msg(fabs(log_p - plain) <= 1e-11 * (1 + fabs(plain)), "m %d k %d: %.17g, %.17g", (int)ms[side], (int)k, log_p,
                    plain);
    }
}
END_TEST

START_TEST(long_and_short_supports_agree_where_they_meet) {
  for (int64_t m = MLCM__HYPER_SHORT - 3; m < MLCM__HYPER_SHORT + 3; m++)
    for (int64_t k = 0; k <= m; k += 50) {
      double odds = 1.3, p;
      mlcm__hyper_log_pmf(&(mlcm__hyper){5000, 9000, m, k}, &odds, 1, &p);
      check_close("seam", p, plain_log_pmf(5000, 9000, m, k, odds), 1e-13);
    }
}
END_TEST

START_TEST(narrow_and_wide_sums_agree_with_the_total_probability) {
  /* At sigma = 128 the sum turns from every term to every h-th; probabilities add up to 1 on both sides. */
  for (int64_t n = 60000; n <= 70000; n += 2500) {
    double odds = 1.0, sum = 0;
    for (int64_t k = n / 2 - 1500; k <= n / 2 + 1500; k++) {
      double log_p;
      mlcm__hyper_log_pmf(&(mlcm__hyper){2 * n, 2 * n, n, k}, &odds, 1, &log_p);
      sum += exp(log_p);
    }
    ck_assert_msg(fabs(sum - 1) < 1e-12, "n %d: sum - 1 = %g", (int)n, sum - 1);
  }
}
END_TEST

START_TEST(sample_ratio_expectation_is_at_most_one_under_sampling_without_replacement) {
  /* Reports are drawn from what was routed: hypergeometric, tighter than the binomial of the test. */
  int64_t n_c = 40, n_s = 160, m = 60;
  double sum = 0, odds = 1;
  for (int64_t k = 0; k <= n_c; k++) {
    double log_p;
    mlcm__evalue e;
    mlcm__evalue_init_ratio(&e);
    mlcm__evalue_add_ratio(&e, k, m, 0.2);
    mlcm__hyper_log_pmf(&(mlcm__hyper){n_c, n_s, m, k}, &odds, 1, &log_p);
    sum += exp(log_p + e.log_e);
  }
  ck_assert(sum <= 1 + 1e-12);
}
END_TEST

START_TEST(sample_ratio_evidence_grows_when_one_arm_loses_reports) {
  mlcm__evalue e;
  mlcm__evalue_init_ratio(&e);
  mlcm__evalue_add_ratio(&e, 500, 2000, 0.25);
  ck_assert(e.log_e < 0);
  for (int i = 0; i < 4; i++) mlcm__evalue_add_ratio(&e, 400, 2000, 0.25);
  ck_assert(e.log_e > log(1000));
}
END_TEST

int main(void) {
  TCase *c = tcase_create("evalue");
  tcase_set_timeout(c, 120);
  tcase_add_test(c, log_e_equals_the_independent_computation);
  tcase_add_test(c, strata_that_say_nothing_leave_log_e_alone);
  tcase_add_test(c, log_e_starts_at_zero_and_restarts_there);
  tcase_add_test(c, the_grid_has_its_documented_ends);
  tcase_add_test(c, expectation_is_at_most_one_on_both_nulls);
  tcase_add_test(c, a_long_support_with_its_mode_at_an_end_is_exact);
  tcase_add_test(c, long_and_short_supports_agree_where_they_meet);
  tcase_add_test(c, narrow_and_wide_sums_agree_with_the_total_probability);
  tcase_add_test(c, sample_ratio_expectation_is_at_most_one_under_sampling_without_replacement);
  tcase_add_test(c, sample_ratio_evidence_grows_when_one_arm_loses_reports);
  Suite *s = suite_create("evalue");
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
