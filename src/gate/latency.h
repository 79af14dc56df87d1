/* SPDX-License-Identifier: Apache-2.0
 *
 * latency.h - a latency quantile as two counts, so that the exact test of evalue.h serves it (statistics of exceedances).
 *
 * Stable's own past gives a threshold x_t: the upper bound of the bucket that holds its quantile. With a margin r, "candidate
 * slower than r * x_t" is held against "stable slower than x_t": under "candidate <= r times stable" the odds ratio is at most 1.
 * Buckets grow by 2^(1/32), so r is rounded to a whole number of buckets; the rounded r is what the check tests and shows.
 * Buckets are plain ascending counts; the last one may hold everything above the range (it counts as slower than any threshold
 * that can be proven; a threshold in it makes the tick say nothing).
 */
#ifndef MLCM_GATE_LATENCY_H
#define MLCM_GATE_LATENCY_H

#include <mlcm/gate.h>

enum { MLCM__BUCKETS_PER_OCTAVE = 32 };

/* Number of whole buckets nearest to the ratio r > 0 (negative below 1), and the ratio they stand for. */
int32_t mlcm__latency_shift(double r);
double mlcm__latency_rounded(int32_t shift);

/* Index of the bucket that holds quantile q in (0, 1) of the past counts; -1 when they are all 0. */
int32_t mlcm__latency_threshold(const uint64_t *past, size_t n_buckets, double q);

/* Counts of one tick (not cumulative) against the threshold bucket: bad = in a bucket above threshold + shift (candidate) or above
 * threshold (stable). A threshold < 0 gives all zeros, as does one that leaves no bucket above it. */
mlcm_counts mlcm__latency_counts(const uint64_t *candidate, const uint64_t *stable, size_t n_buckets, int32_t threshold,
                                 int32_t shift);

#endif
