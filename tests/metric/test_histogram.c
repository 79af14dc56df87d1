/* SPDX-License-Identifier: Apache-2.0
 *
 * test_histogram.c - every bucket's end against exact integers (buckets.h), and the arithmetic on histograms against plain lists.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metric/buckets.h"
#include "metric/histogram.h"
#include "support/suite.h"

enum { N_ENDS = sizeof exact_bucket_end / sizeof *exact_bucket_end };

/* How many units in the last place the constants that Prometheus' clients and server use for 2^(j/32) lie below the nearest
 * double. */
static const int prometheus_below[MLCM__HISTOGRAM_PER_OCTAVE] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1,
                                                                 1, 1, 1, 2, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 2};

START_TEST(upper_ends_are_the_nearest_doubles) {
  ck_assert_int_eq(N_ENDS, MLCM__HISTOGRAM_BUCKETS + 1);
  for (int32_t i = 0; i < N_ENDS; i++) ck_assert_msg(mlcm__histogram_upper(i - 1) == exact_bucket_end[i].upper, "end %d", i);
  ck_assert(isinf(mlcm__histogram_upper(MLCM__HISTOGRAM_OVERFLOW)));
}
END_TEST

START_TEST(a_whole_nanosecond_falls_where_exact_arithmetic_says) {
  for (int32_t i = 0; i < N_ENDS; i++) {
    const int64_t last = exact_bucket_end[i].last_ns;
    ck_assert_msg(mlcm__histogram_bucket_ns(last) == i - 1, "%lld ns", (long long)last);
    ck_assert_msg(mlcm__histogram_bucket_ns(last + 1) == i, "%lld ns", (long long)last + 1);
  }
}
END_TEST

START_TEST(a_whole_nanosecond_falls_where_prometheus_puts_it) {
  for (int32_t i = 0; i < N_ENDS; i++) {
    double end = exact_bucket_end[i].upper;
    for (int ulps = prometheus_below[i % MLCM__HISTOGRAM_PER_OCTAVE]; ulps > 0; ulps--) end = nextafter(end, 0);
    ck_assert_msg((double)exact_bucket_end[i].last_ns / 1e9 <= end, "end %d", i);
    ck_assert_msg((double)(exact_bucket_end[i].last_ns + 1) / 1e9 > end, "end %d", i);
  }
}
END_TEST

START_TEST(the_upper_end_belongs_to_the_bucket_and_the_lower_does_not) {
  for (int32_t b = 0; b < MLCM__HISTOGRAM_BUCKETS; b++) {
    const double upper = mlcm__histogram_upper(b);
    ck_assert_int_eq(mlcm__histogram_bucket(upper), b);
    ck_assert_int_eq(mlcm__histogram_bucket(nextafter(upper, 0)), b);
    ck_assert_int_eq(mlcm__histogram_bucket(nextafter(upper, INFINITY)), b + 1);
  }
}
END_TEST

START_TEST(values_outside_the_buckets_have_names) {
  ck_assert_int_eq(mlcm__histogram_bucket(0.0), MLCM__HISTOGRAM_UNDERFLOW);
  ck_assert_int_eq(mlcm__histogram_bucket(-0.0), MLCM__HISTOGRAM_UNDERFLOW);
  ck_assert_int_eq(mlcm__histogram_bucket(5e-324), MLCM__HISTOGRAM_UNDERFLOW);
  ck_assert_int_eq(mlcm__histogram_bucket(0x1p-20), MLCM__HISTOGRAM_UNDERFLOW);
  ck_assert_int_eq(mlcm__histogram_bucket(nextafter(0x1p-20, 1)), 0);
  ck_assert_int_eq(mlcm__histogram_bucket(1024), MLCM__HISTOGRAM_BUCKETS - 1);
  ck_assert_int_eq(mlcm__histogram_bucket(nextafter(1024, 2000)), MLCM__HISTOGRAM_OVERFLOW);
  ck_assert_int_eq(mlcm__histogram_bucket(INFINITY), MLCM__HISTOGRAM_OVERFLOW);
  ck_assert_int_eq(mlcm__histogram_bucket(NAN), MLCM__HISTOGRAM_INVALID);
  ck_assert_int_eq(mlcm__histogram_bucket(-1e-9), MLCM__HISTOGRAM_INVALID);
  ck_assert_int_eq(mlcm__histogram_bucket(-INFINITY), MLCM__HISTOGRAM_INVALID);
  ck_assert_int_eq(mlcm__histogram_bucket_ns(INT64_MAX), MLCM__HISTOGRAM_OVERFLOW);
  ck_assert_int_eq(mlcm__histogram_bucket_ns(INT64_MIN), MLCM__HISTOGRAM_INVALID);
  ck_assert_int_eq(mlcm__histogram_bucket_ns(1000000000), MLCM__HISTOGRAM_ZERO_INDEX - 1);
  ck_assert_int_eq(mlcm__histogram_bucket_ns(1000000001), MLCM__HISTOGRAM_ZERO_INDEX);
}
END_TEST

START_TEST(recording_keeps_count_and_sum_apart_from_what_is_invalid) {
  static mlcm__histogram h;
  memset(&h, 0, sizeof h);
  const int64_t values[] = {0, 500, 1000000, 2000000000, INT64_C(2000000000000), -5};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) mlcm__histogram_record_ns(&h, values[i]);
  ck_assert_uint_eq(h.count, 5);
  ck_assert_uint_eq(h.underflow, 2);
  ck_assert_uint_eq(h.overflow, 1);
  ck_assert_uint_eq(h.invalid, 1);
  ck_assert_uint_eq(h.sum_ns, UINT64_C(2002001000500));
}
END_TEST

static int by_value(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a;
  const int64_t y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* 997 latencies spread over seven decades. */
static void fill(int64_t values[997], mlcm__histogram *h) {
  uint64_t state = 12345;
  memset(h, 0, sizeof *h);
  for (size_t i = 0; i < 997; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    values[i] = (int64_t)((double)(state >> 40) * pow(10, (double)(i % 7) - 3)) + 1000;
    mlcm__histogram_record_ns(h, values[i]);
  }
  qsort(values, 997, sizeof *values, by_value);
}

START_TEST(a_quantile_is_the_bucket_of_the_value_of_its_rank) {
  static int64_t values[997];
  static mlcm__histogram h;
  fill(values, &h);
  for (int percent = 0; percent <= 100; percent++) {
    const size_t rank = percent == 0 ? 1 : (size_t)(997 * percent + 99) / 100;
    const int32_t expected = mlcm__histogram_bucket_ns(values[rank - 1]);
    ck_assert_msg(mlcm__histogram_quantile_bucket(&h, percent / 100.0) == expected, "p%d", percent);
    const double exact = (double)values[rank - 1] / 1e9;
    const double estimate = mlcm__histogram_quantile(&h, percent / 100.0);
    ck_assert_msg(fabs(estimate - exact) <= 0.0109 * exact || expected < 0 || expected >= MLCM__HISTOGRAM_BUCKETS, "p%d",
                  percent);
  }
}
END_TEST

START_TEST(a_rank_that_is_whole_is_not_rounded_up) {
  static mlcm__histogram h;
  memset(&h, 0, sizeof h);
  for (int64_t i = 1; i <= 100; i++) mlcm__histogram_record_ns(&h, i * 1000000);
  ck_assert_int_eq(mlcm__histogram_quantile_bucket(&h, 0.07), mlcm__histogram_bucket_ns(7000000)); /* 0.07 * 100 > 7 in doubles */
  ck_assert_int_eq(mlcm__histogram_quantile_bucket(&h, 0.99), mlcm__histogram_bucket_ns(99000000));
}
END_TEST

START_TEST(quantiles_of_the_ends_and_of_nothing) {
  static mlcm__histogram h;
  memset(&h, 0, sizeof h);
  ck_assert_int_eq(mlcm__histogram_quantile_bucket(&h, 0.5), MLCM__HISTOGRAM_INVALID);
  ck_assert(isnan(mlcm__histogram_quantile(&h, 0.5)));
  mlcm__histogram_record_ns(&h, 0);
  mlcm__histogram_record_ns(&h, INT64_MAX);
  ck_assert_double_eq(mlcm__histogram_quantile(&h, 0), 0x1p-20);
  ck_assert_double_eq(mlcm__histogram_quantile(&h, 1), 1024);
}
END_TEST

START_TEST(above_counts_exactly_what_is_greater_than_the_upper_end) {
  static int64_t values[997];
  static mlcm__histogram h;
  fill(values, &h);
  mlcm__histogram_record_ns(&h, INT64_MAX);
  for (int32_t b = MLCM__HISTOGRAM_UNDERFLOW; b <= MLCM__HISTOGRAM_OVERFLOW; b++) {
    uint64_t expected = b < MLCM__HISTOGRAM_OVERFLOW;
    for (size_t i = 0; i < 997; i++) expected += (double)values[i] / 1e9 > mlcm__histogram_upper(b);
    ck_assert_msg(mlcm__histogram_above(&h, b) == expected, "above bucket %d", b);
  }
}
END_TEST

START_TEST(merging_then_taking_the_difference_gives_the_part_back) {
  static int64_t values[997];
  static mlcm__histogram part, whole, back;
  fill(values, &part);
  memset(&whole, 0, sizeof whole);
  for (int i = 0; i < 3; i++) mlcm__histogram_merge(&whole, &part);
  back = part;
  mlcm__histogram_merge(&back, &part);
  ck_assert(mlcm__histogram_difference(&whole, &back, &back));
  ck_assert_mem_eq(&back, &part, sizeof part);
}
END_TEST

START_TEST(a_counter_that_ran_backwards_gives_an_empty_difference) {
  static mlcm__histogram later, earlier, out;
  memset(&later, 0, sizeof later);
  memset(&earlier, 0, sizeof earlier);
  memset(&out, 7, sizeof out);
  mlcm__histogram_record_ns(&earlier, 1000000);
  mlcm__histogram_record_ns(&later, 3000000);
  ck_assert(!mlcm__histogram_difference(&later, &earlier, &out));
  ck_assert_uint_eq(out.count, 0);
  ck_assert_uint_eq(out.bucket[mlcm__histogram_bucket_ns(3000000)], 0);
}
END_TEST

START_TEST(a_ratio_is_rounded_to_the_nearest_number_of_buckets) {
  for (int32_t k = -320; k <= 320; k++) {
    const double ratio = mlcm__histogram_ratio(k);
    ck_assert_double_eq_tol(ratio, pow(2, k / 32.0), 1e-12 * ratio);
    ck_assert_int_eq(mlcm__histogram_ratio_buckets(ratio), k);
  }
  for (double ratio = 0.002; ratio < 1000; ratio *= 1.00123) {
    const double exact = 32 * log2(ratio);
    if (fabs(exact - floor(exact) - 0.5) > 1e-6) ck_assert_int_eq(mlcm__histogram_ratio_buckets(ratio), (int)lround(exact));
  }
  ck_assert_int_eq(mlcm__histogram_ratio_buckets(1.1), 4);
  ck_assert_int_eq(mlcm__histogram_ratio_buckets(1), 0);
}
END_TEST

START_TEST(a_ratio_out_of_range_is_bounded) {
  ck_assert_int_eq(mlcm__histogram_ratio_buckets(1e9), 320);
  ck_assert_int_eq(mlcm__histogram_ratio_buckets(INFINITY), 320);
  ck_assert_int_eq(mlcm__histogram_ratio_buckets(1e-9), -320);
  ck_assert_int_eq(mlcm__histogram_ratio_buckets(0), 0);
  ck_assert_int_eq(mlcm__histogram_ratio_buckets(-2), 0);
  ck_assert_int_eq(mlcm__histogram_ratio_buckets(NAN), 0);
}
END_TEST

int main(void) {
  const TTest *tests[] = {upper_ends_are_the_nearest_doubles,
                          a_whole_nanosecond_falls_where_exact_arithmetic_says,
                          a_whole_nanosecond_falls_where_prometheus_puts_it,
                          the_upper_end_belongs_to_the_bucket_and_the_lower_does_not,
                          values_outside_the_buckets_have_names,
                          recording_keeps_count_and_sum_apart_from_what_is_invalid,
                          a_quantile_is_the_bucket_of_the_value_of_its_rank,
                          a_rank_that_is_whole_is_not_rounded_up,
                          quantiles_of_the_ends_and_of_nothing,
                          above_counts_exactly_what_is_greater_than_the_upper_end,
                          merging_then_taking_the_difference_gives_the_part_back,
                          a_counter_that_ran_backwards_gives_an_empty_difference,
                          a_ratio_is_rounded_to_the_nearest_number_of_buckets,
                          a_ratio_out_of_range_is_bounded};
  return TEST_RUN("metric_histogram", tests);
}
