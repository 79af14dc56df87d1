/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram.c - exponential buckets without a logarithm. The exponent bits of a double give the octave; within it, 64 equal
 * slices of the mantissa are each cut by at most one boundary (the narrowest bucket is wider than a slice), so one look into
 * `below_slice` and one comparison find the bucket. tests/metric/test_histogram.c checks every boundary against exact integers.
 */
#include "metric/histogram.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { PER_OCTAVE = MLCM__HISTOGRAM_PER_OCTAVE, BUCKETS = MLCM__HISTOGRAM_BUCKETS, MANTISSA_BITS = 52, SLICE_SHIFT = 46 };

/* Bucket b ends at 2^((b - UPPER_OFFSET)/32) s. */
enum { UPPER_OFFSET = MLCM__HISTOGRAM_ZERO_INDEX - 1, EXPONENT_BIAS = 1023, MAX_RATIO_BUCKETS = 320 };

#define LOWEST 0x1p-20
#define HIGHEST 0x1p10

/* Mantissa bits of 2^(j/32), j = 0 .. 31, rounded to nearest, and an end that no mantissa reaches. Prometheus' constants
 * lie up to three units in the last place below these; no whole number of nanoseconds falls between (tests/metric). */
static const uint64_t boundary[PER_OCTAVE + 1] = {
    0x0000000000000, 0x059b0d3158574, 0x0b5586cf9890f, 0x11301d0125b51, 0x172b83c7d517b, 0x1d4873168b9aa, 0x2387a6e756238,
    0x29e9df51fdee1, 0x306fe0a31b715, 0x371a7373aa9cb, 0x3dea64c123422, 0x44e086061892d, 0x4bfdad5362a27, 0x5342b569d4f82,
    0x5ab07dd485429, 0x6247eb03a5585, 0x6a09e667f3bcd, 0x71f75e8ec5f74, 0x7a11473eb0187, 0x82589994cce13, 0x8ace5422aa0db,
    0x93737b0cdc5e5, 0x9c49182a3f090, 0xa5503b23e255d, 0xae89f995ad3ad, 0xb7f76f2fb5e47, 0xc199bdd85529c, 0xcb720dcef9069,
    0xd5818dcfba487, 0xdfc97337b9b5f, 0xea4afa2a490da, 0xf50765b6e4540, UINT64_MAX,
};

/* How many boundaries lie below the start of each slice. */
static const uint8_t below_slice[64] = {
    0,  1,  2,  3,  3,  4,  5,  5,  6,  7,  7,  8,  8,  9,  10, 10, 11, 11, 12, 13, 13, 14,
    14, 15, 15, 16, 16, 17, 17, 18, 18, 19, 19, 20, 20, 21, 21, 22, 22, 22, 23, 23, 24, 24,
    25, 25, 26, 26, 26, 27, 27, 28, 28, 28, 29, 29, 30, 30, 30, 31, 31, 31, 32, 32,
};

/* The smallest k with 2^(k/32) >= value, for a positive normal value. */
static int32_t ceil_index(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint64_t mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
  const int32_t octave = (int32_t)(bits >> MANTISSA_BITS) - EXPONENT_BIAS;
  const uint32_t below = below_slice[mantissa >> SLICE_SHIFT];
  return octave * PER_OCTAVE + (int32_t)below + (boundary[below] < mantissa);
}

/* 2^(k/32), |k| <= 640. */
static double power(int32_t k) {
  assert(k >= -640 && k <= 640);
  const uint64_t shifted = (uint64_t)(k + EXPONENT_BIAS * PER_OCTAVE);
  const uint64_t bits = (shifted / PER_OCTAVE) << MANTISSA_BITS | boundary[shifted % PER_OCTAVE];
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

int32_t mlcm__histogram_bucket(double seconds) {
  if (!(seconds >= 0)) return MLCM__HISTOGRAM_INVALID;
  if (seconds <= LOWEST) return MLCM__HISTOGRAM_UNDERFLOW;
  if (seconds > HIGHEST) return MLCM__HISTOGRAM_OVERFLOW;
  return ceil_index(seconds) + UPPER_OFFSET;
}

double mlcm__histogram_upper(int32_t bucket) {
  assert(bucket >= MLCM__HISTOGRAM_UNDERFLOW && bucket <= MLCM__HISTOGRAM_OVERFLOW);
  return bucket == MLCM__HISTOGRAM_OVERFLOW ? INFINITY : power(bucket - UPPER_OFFSET);
}

void mlcm__histogram_record_ns(mlcm__histogram *h, int64_t latency_ns) {
  const int32_t b = mlcm__histogram_bucket_ns(latency_ns);
  if (b == MLCM__HISTOGRAM_INVALID) {
    h->invalid++;
    return;
  }
  if (b == MLCM__HISTOGRAM_UNDERFLOW)
    h->underflow++;
  else if (b == MLCM__HISTOGRAM_OVERFLOW)
    h->overflow++;
  else
    h->bucket[b]++;
  h->count++;
  h->sum_ns += (uint64_t)latency_ns;
}

void mlcm__histogram_merge(mlcm__histogram *into, const mlcm__histogram *from) {
  for (size_t b = 0; b < BUCKETS; b++) into->bucket[b] += from->bucket[b];
  into->underflow += from->underflow;
  into->overflow += from->overflow;
  into->invalid += from->invalid;
  into->count += from->count;
  into->sum_ns += from->sum_ns;
}

/* Every member of the struct is a counter, so that it can be walked as an array. */
enum { COUNTERS = sizeof(mlcm__histogram) / sizeof(uint64_t) };
static_assert(COUNTERS == BUCKETS + 5, "a member that is not a counter");

bool mlcm__histogram_difference(const mlcm__histogram *later, const mlcm__histogram *earlier, mlcm__histogram *out) {
  const uint64_t *a = (const uint64_t *)later;
  const uint64_t *b = (const uint64_t *)earlier;
  for (size_t i = 0; i < COUNTERS; i++) {
    if (a[i] >= b[i]) continue;
    memset(out, 0, sizeof *out);
    return false;
  }
  uint64_t *o = (uint64_t *)out;
  for (size_t i = 0; i < COUNTERS; i++) o[i] = a[i] - b[i];
  return true;
}

uint64_t mlcm__histogram_above(const mlcm__histogram *h, int32_t bucket) {
  assert(bucket >= MLCM__HISTOGRAM_UNDERFLOW && bucket <= MLCM__HISTOGRAM_OVERFLOW);
  if (bucket == MLCM__HISTOGRAM_OVERFLOW) return 0;
  uint64_t n = h->overflow;
  for (int32_t b = bucket + 1; b < BUCKETS; b++) n += h->bucket[b];
  return n;
}

/* Rank of the q-quantile among `count` values, 1-based. 0.07 * 100 is a little above 7 in doubles and still means 7. */
static uint64_t quantile_rank(uint64_t count, double q) {
  const double product = q * (double)count;
  double rank = floor(product);
  if (product - rank > product * 1e-9) rank += 1;
  if (rank < 1) return 1;
  return rank >= (double)count ? count : (uint64_t)rank;
}

int32_t mlcm__histogram_quantile_bucket(const mlcm__histogram *h, double q) {
  assert(q >= 0 && q <= 1);
  if (h->count == 0) return MLCM__HISTOGRAM_INVALID;
  const uint64_t rank = quantile_rank(h->count, q);
  uint64_t seen = h->underflow;
  if (seen >= rank) return MLCM__HISTOGRAM_UNDERFLOW;
  for (int32_t b = 0; b < BUCKETS; b++) {
    seen += h->bucket[b];
    if (seen >= rank) return b;
  }
  return MLCM__HISTOGRAM_OVERFLOW;
}

double mlcm__histogram_quantile(const mlcm__histogram *h, double q) {
  const int32_t b = mlcm__histogram_quantile_bucket(h, q);
  if (b == MLCM__HISTOGRAM_INVALID) return NAN;
  if (b == MLCM__HISTOGRAM_UNDERFLOW) return LOWEST;
  if (b == MLCM__HISTOGRAM_OVERFLOW) return HIGHEST;
  const double lower = mlcm__histogram_upper(b - 1);
  const double upper = mlcm__histogram_upper(b);
  return 2 * lower * upper / (lower + upper);
}

int32_t mlcm__histogram_ratio_buckets(double ratio) {
  if (!(ratio > 0)) return 0;
  if (ratio >= HIGHEST) return MAX_RATIO_BUCKETS;
  if (ratio <= 1 / HIGHEST) return -MAX_RATIO_BUCKETS;
  const int32_t k = ceil_index(ratio);
  return ratio * ratio > power(k - 1) * power(k) ? k : k - 1; /* nearer in the logarithm: above the geometric mean */
}

double mlcm__histogram_ratio(int32_t buckets) {
  assert(buckets >= -MAX_RATIO_BUCKETS && buckets <= MAX_RATIO_BUCKETS);
  return power(buckets);
}
