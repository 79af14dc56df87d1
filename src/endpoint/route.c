/* SPDX-License-Identifier: Apache-2.0
 *
 * route.c - weighted rendezvous hashing between two arms, and override rules.
 */
#include "endpoint/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "endpoint/guard.h"
#include "gate/math.h"

uint64_t mlcm__route_key_hash(const uint8_t salt[MLCM__SALT_BYTES], mlcm_str key) {
  return mlcm__siphash(salt, key.ptr, key.len);
}

/* Version numbers are small and close together, so they are spread before they meet the key. */
uint64_t mlcm__route_arm_hash(int64_t version) { return mlcm__mix64((uint64_t)version + UINT64_C(0x9e3779b97f4a7c15)); }

/* The arm's draw: 1 + 53 bits, so that u = draw / 2^53 lies in (0, 1]. */
static uint64_t draw(uint64_t key_hash, uint64_t arm_hash) { return (mlcm__mix64(key_hash ^ arm_hash) >> 11) + 1; }

/* -log2(u) in fixed point, 32 bits behind the point, to within ESTIMATE_ERROR. A number's binary logarithm is the place of its
 * first bit plus nearly what stands behind it: a straight line over the mantissa 1 + f, which a cubic that is 0 at both ends of
 * the line bends to an error below 0.00096. Integers alone: no result has to change registers on the way. */
#define ESTIMATE_ERROR INT64_C(4294967) /* 0.001 */

static int64_t estimate(uint64_t drawn) {
  int zeros = __builtin_clzll(drawn);
  uint64_t f = drawn << zeros << 1 >> 32;
  uint64_t bend = f * ((UINT64_C(1) << 32) - f) >> 32;
  uint64_t slope = UINT64_C(1812476199) - (f * UINT64_C(678604833) >> 32); /* 0.422 - 0.158 f */
  uint64_t log2 = ((uint64_t)(63 - zeros) << 32) + f + (bend * slope >> 32);
  return (int64_t)((UINT64_C(53) << 32) - log2);
}

static double score(uint64_t drawn, double weight_of_the_other) {
  return -mlcm__math_log((double)drawn * 0x1p-53) * weight_of_the_other;
}

bool mlcm__route_is_candidate(uint64_t key_hash, uint64_t stable_arm, uint64_t candidate_arm, int64_t candidate_ppm) {
  assert(candidate_ppm >= 0 && candidate_ppm <= MLCM__WEIGHT_ALL_PPM);
  if (candidate_ppm == 0) return false;
  if (candidate_ppm == MLCM__WEIGHT_ALL_PPM) return true;
  int64_t stable_ppm = MLCM__WEIGHT_ALL_PPM - candidate_ppm;
  uint64_t candidate = draw(key_hash, candidate_arm);
  uint64_t stable = draw(key_hash, stable_arm);
  /* Two logarithms are dear, and in all but one of a thousand cases an estimate tells which score is lower. Below 2^58. */
  int64_t ahead = estimate(stable) * candidate_ppm - estimate(candidate) * stable_ppm;
  if (llabs(ahead) > ESTIMATE_ERROR * MLCM__WEIGHT_ALL_PPM) return ahead > 0; /* one branch, and one that is easy to foresee */
  return score(candidate, (double)stable_ppm) < score(stable, (double)candidate_ppm);
}

static bool same(mlcm_str a, mlcm_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }

static bool meets(const mlcm__override_rule *rule, const mlcm_attribute *attributes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (!same(rule->key, attributes[i].key)) continue;
    if (rule->value.ptr == NULL || same(rule->value, attributes[i].value)) return true;
  }
  return false;
}

const mlcm__override_rule *mlcm__route_override(const mlcm__override_rule *rules, size_t n_rules,
                                                const mlcm_attribute *attributes, size_t n_attributes) {
  for (size_t i = 0; i < n_rules; ++i) {
    if (meets(&rules[i], attributes, n_attributes)) return &rules[i];
  }
  return NULL;
}
