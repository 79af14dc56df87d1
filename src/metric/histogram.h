/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram.h - latencies in base-2 exponential buckets: the boundaries of a Prometheus native histogram of schema 5.
 *
 * Bucket b in 0 .. 959 holds the values in (2^((b-640)/32), 2^((b-639)/32)] seconds, upper end included: 32 buckets an octave,
 * each 2.19 % wider than the one before, from 2^-20 s (0.95 us) to 2^10 s (1,024 s). What is at or below 2^-20 s counts as
 * underflow (zero), above 2^10 s as overflow. In Prometheus' numbering bucket b has index b - 639.
 *
 * Counts and sum are integers, so that merging in any order and on any machine gives the same bits.
 */
#ifndef MLCM_METRIC_HISTOGRAM_H
#define MLCM_METRIC_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

enum {
  MLCM__HISTOGRAM_BUCKETS = 960,
  MLCM__HISTOGRAM_PER_OCTAVE = 32,
  MLCM__HISTOGRAM_ZERO_INDEX = 640, /* the bucket whose lower end is 1 s */
  /* What mlcm__histogram_bucket answers outside the buckets. */
  MLCM__HISTOGRAM_UNDERFLOW = -1,
  MLCM__HISTOGRAM_OVERFLOW = MLCM__HISTOGRAM_BUCKETS,
  MLCM__HISTOGRAM_INVALID = -2
};

typedef struct mlcm__histogram {
  uint64_t bucket[MLCM__HISTOGRAM_BUCKETS];
  uint64_t underflow; /* 0 .. 2^-20 s */
  uint64_t overflow;  /* above 2^10 s */
  uint64_t invalid;   /* negative or NaN: in no bucket, not in count, not in sum */
  uint64_t count;     /* underflow + all buckets + overflow */
  uint64_t sum_ns;
} mlcm__histogram;

/* The bucket of a value: 0 .. 959, UNDERFLOW, OVERFLOW (also +Inf), or INVALID (negative, NaN). Two table look-ups. */
int32_t mlcm__histogram_bucket(double seconds);

/* The same for a duration: the value is latency_ns / 1e9 rounded to the nearest double. */
static inline int32_t mlcm__histogram_bucket_ns(int64_t latency_ns) { return mlcm__histogram_bucket((double)latency_ns / 1e9); }

/* Upper end of a bucket in seconds, 2^((bucket-639)/32) rounded to nearest. UNDERFLOW: 2^-20. OVERFLOW: +Inf. */
double mlcm__histogram_upper(int32_t bucket);

void mlcm__histogram_record_ns(mlcm__histogram *h, int64_t latency_ns);

/* into += from. */
void mlcm__histogram_merge(mlcm__histogram *into, const mlcm__histogram *from);

/* *out = later - earlier, of two readings of the same growing counters. False when a counter ran backwards (a file is gone):
 * then *out is all zero and the caller starts anew from `later`. out may be one of the two. */
bool mlcm__histogram_difference(const mlcm__histogram *later, const mlcm__histogram *earlier, mlcm__histogram *out);

/* How many values lie in buckets above `bucket` (UNDERFLOW .. OVERFLOW): exactly those greater than its upper end. */
uint64_t mlcm__histogram_above(const mlcm__histogram *h, int32_t bucket);

/* The bucket of the q-quantile, 0 <= q <= 1: the one that holds the value of rank max(1, ceil(q * count)) in ascending order,
 * where a product within 1e-9 (relative) above a whole number counts as that number. INVALID when the histogram is empty. */
int32_t mlcm__histogram_quantile_bucket(const mlcm__histogram *h, double q);

/* The q-quantile in seconds: the point of its bucket whose relative distance to both ends is the same (within 1.09 % of the
 * true value). 2^-20 for underflow, 2^10 for overflow, NaN when empty. */
double mlcm__histogram_quantile(const mlcm__histogram *h, double q);

/* A ratio in (0, 1024] as the nearest whole number of buckets: round(32 * log2(ratio)), without a logarithm. Bounded to
 * +-320; ratios that are not positive or NaN give 0. */
int32_t mlcm__histogram_ratio_buckets(double ratio);

/* The ratio that so many buckets (-320 .. 320) stand for: 2^(buckets/32). */
double mlcm__histogram_ratio(int32_t buckets);

#endif
