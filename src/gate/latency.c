/* SPDX-License-Identifier: Apache-2.0
 *
 * latency.c - from buckets to counts. Pure arithmetic on integers, but for the ratio's logarithm.
 */
#include "gate/latency.h"

#include <assert.h>

#include "gate/math.h"

int32_t mlcm__latency_shift(double r) {
  assert(r > 0);
  double exact = mlcm__math_log(r) / mlcm__math_log(2.0) * MLCM__LATENCY_PER_OCTAVE;
  if (exact >= MLCM__LATENCY_MAX_SHIFT) return MLCM__LATENCY_MAX_SHIFT;
  if (exact <= -MLCM__LATENCY_MAX_SHIFT) return -MLCM__LATENCY_MAX_SHIFT;
  return (int32_t)(exact < 0 ? exact - 0.5 : exact + 0.5);
}

double mlcm__latency_rounded(int32_t shift) { return mlcm__math_exp(mlcm__math_log(2.0) * shift / MLCM__LATENCY_PER_OCTAVE); }

static uint64_t total(const mlcm__latency_view *view) {
  uint64_t sum = view->below + view->above;
  for (int32_t b = 0; b < view->n_buckets; b++) sum += view->bucket[b];
  return sum;
}

static uint64_t count_above(const mlcm__latency_view *view, int32_t bucket) {
  uint64_t sum = view->above;
  for (int32_t b = bucket + 1; b < view->n_buckets; b++) sum += view->bucket[b];
  return sum;
}

/* ceil(q * count), so from 1 to count; a product a rounding error above a whole number counts as that number. */
static uint64_t rank_of(double q, uint64_t count) {
  double exact = q * (double)count;
  uint64_t rank = (uint64_t)exact;
  if (exact - (double)rank > 1e-9 * exact) rank++;
  return rank;
}

int32_t mlcm__latency_threshold(const mlcm__latency_view *past, double q) {
  assert(q > 0 && q < 1);
  uint64_t count = total(past);
  if (count == 0) return MLCM__LATENCY_NONE;
  uint64_t rank = rank_of(q, count);
  uint64_t seen = past->below;
  int32_t b = -1;
  while (seen < rank) { /* rank <= count: it ends with what lies above */
    b++;
    seen += b < past->n_buckets ? past->bucket[b] : past->above;
  }
  return b;
}

mlcm_counts mlcm__latency_counts(const mlcm__latency_view *candidate, const mlcm__latency_view *stable, int32_t threshold,
                                 int32_t shift) {
  assert(candidate->n_buckets == stable->n_buckets);
  mlcm_counts none = {0, 0, 0, 0};
  int32_t last = stable->n_buckets - 1; /* the highest bucket with an upper end */
  if (threshold < -1 || threshold > last || threshold + shift > last || threshold + shift < -1) return none;
  mlcm_counts counts = {.candidate_n = (int64_t)total(candidate),
                        .candidate_bad = (int64_t)count_above(candidate, threshold + shift),
                        .stable_n = (int64_t)total(stable),
                        .stable_bad = (int64_t)count_above(stable, threshold)};
  return counts;
}
