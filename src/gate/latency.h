/* SPDX-License-Identifier: Apache-2.0
 *
 * latency.h - a latency quantile as two counts, so that the exact test of evalue.h serves it (statistics of exceedances).
 *
 * Stable's own past gives a threshold x_t: the upper bound of the bucket that holds its quantile. With a margin r, "candidate
 * slower than r * x_t" is held against "stable slower than x_t": under "candidate <= r times stable" the odds ratio is at most 1.
 * Buckets grow by 2^(1/32), so r is rounded to a whole number of buckets; the rounded r is what the check tests and shows.
 * Buckets come as plain ascending counts with what lies below and above their range; the metric room's histograms are such.
 */
#ifndef MLCM_GATE_LATENCY_H
#define MLCM_GATE_LATENCY_H

#include <mlcm/gate.h>

enum { MLCM__LATENCY_PER_OCTAVE = 32, MLCM__LATENCY_NONE = -2, MLCM__LATENCY_MAX_SHIFT = 320 };

/* A histogram as this room sees it. Index -1 means below, n_buckets means above. */
typedef struct mlcm__latency_view {
  const uint64_t *bucket; /* [n_buckets] */
  int32_t n_buckets;
  uint64_t below;
  uint64_t above;
} mlcm__latency_view;

/* Number of whole buckets nearest to the ratio r > 0 (negative below 1, at most 320 either way), and the ratio they stand for. */
int32_t mlcm__latency_shift(double r);
double mlcm__latency_rounded(int32_t shift);

/* Index of the bucket that holds the value of rank ceil(q * count) of the past counts, -1 .. n_buckets; MLCM__LATENCY_NONE when
 * they are all 0. */
int32_t mlcm__latency_threshold(const mlcm__latency_view *past, double q);

/* Counts of one tick (not cumulative) against the threshold bucket: bad = in a bucket above threshold + shift (candidate),
 * above threshold (stable). All zero, which changes no evidence, for MLCM__LATENCY_NONE and where a threshold leaves no bucket
 * above it. */
mlcm_counts mlcm__latency_counts(const mlcm__latency_view *candidate, const mlcm__latency_view *stable, int32_t threshold,
                                 int32_t shift);

#endif
