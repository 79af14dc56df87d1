/* SPDX-License-Identifier: Apache-2.0
 *
 * test_latency.c - thresholds and exceedances out of buckets.
 */
#include <math.h>

#include "gate/latency.h"
#include "support.h"

enum { N = 10 };

static mlcm__latency_view view(const uint64_t *bucket, uint64_t below, uint64_t above) {
  return (mlcm__latency_view){bucket, N, below, above};
}

START_TEST(ratios_are_rounded_to_whole_buckets) {
  static const struct {
    double ratio;
    int32_t shift;
  } rows[] = {{1, 0}, {2, 32}, {0.5, -32}, {1.1, 4}, {1.25, 10}, {1.3, 12}, {1.5, 19}, {1e9, 320}, {1e-9, -320}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    ck_assert_int_eq(mlcm__latency_shift(rows[i].ratio), rows[i].shift);
    ck_assert(fabs(mlcm__latency_rounded(rows[i].shift) / exp2(rows[i].shift / 32.0) - 1) < 1e-14);
  }
}
END_TEST

START_TEST(threshold_is_the_bucket_of_the_quantile) {
  uint64_t past[N] = {0, 50, 0, 40, 0, 9, 0, 1, 0, 0};
  mlcm__latency_view v = view(past, 0, 0);
  ck_assert_int_eq(mlcm__latency_threshold(&v, 0.5), 1);
  ck_assert_int_eq(mlcm__latency_threshold(&v, 0.51), 3);
  ck_assert_int_eq(mlcm__latency_threshold(&v, 0.9), 3); /* 0.9 * 100 is 90, not 91, though the product is rounded */
  ck_assert_int_eq(mlcm__latency_threshold(&v, 0.99), 5);
  ck_assert_int_eq(mlcm__latency_threshold(&v, 0.999), 7);
}
END_TEST

START_TEST(threshold_may_lie_below_or_above_the_buckets) {
  uint64_t past[N] = {1};
  mlcm__latency_view low = view(past, 99, 0), high = view(past, 0, 99), empty = view((uint64_t[N]){0}, 0, 0);
  ck_assert_int_eq(mlcm__latency_threshold(&low, 0.5), -1);
  ck_assert_int_eq(mlcm__latency_threshold(&high, 0.5), N);
  ck_assert_int_eq(mlcm__latency_threshold(&empty, 0.5), MLCM__LATENCY_NONE);
}
END_TEST

START_TEST(slow_ones_are_counted_above_the_shifted_threshold) {
  uint64_t candidate[N] = {0, 0, 5, 4, 3, 2, 1, 0, 0, 0}, stable[N] = {0, 0, 50, 40, 30, 20, 10, 0, 0, 0};
  mlcm__latency_view c = view(candidate, 1, 2), s = view(stable, 10, 20);
  mlcm_counts counts = mlcm__latency_counts(&c, &s, 3, 2);
  ck_assert(counts.candidate_n == 18 && counts.stable_n == 180);
  ck_assert(counts.candidate_bad == 1 + 2); /* buckets 6 and up, and above */
  ck_assert(counts.stable_bad == 30 + 20 + 10 + 20);
}
END_TEST

START_TEST(a_threshold_without_room_above_says_nothing) {
  uint64_t some[N] = {0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
  mlcm__latency_view v = view(some, 0, 9);
  ck_assert(mlcm__latency_counts(&v, &v, MLCM__LATENCY_NONE, 0).candidate_n == 0);
  ck_assert(mlcm__latency_counts(&v, &v, N, 0).stable_n == 0);
  ck_assert(mlcm__latency_counts(&v, &v, N - 1, 1).stable_n == 0);
  ck_assert(mlcm__latency_counts(&v, &v, 0, -5).stable_n == 0);
  ck_assert(mlcm__latency_counts(&v, &v, N - 1, 0).stable_bad == 9);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("latency");
  tcase_add_test(c, ratios_are_rounded_to_whole_buckets);
  tcase_add_test(c, threshold_is_the_bucket_of_the_quantile);
  tcase_add_test(c, threshold_may_lie_below_or_above_the_buckets);
  tcase_add_test(c, slow_ones_are_counted_above_the_shifted_threshold);
  tcase_add_test(c, a_threshold_without_room_above_says_nothing);
  return run_case("latency", c);
}
