/* SPDX-License-Identifier: Apache-2.0
 *
 * route.c - weighted rendezvous hashing between two arms, and override rules.
 */
#include "endpoint/route.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "endpoint/guard.h"
#include "gate/math.h"

uint64_t mlcm__route_key_hash(const uint8_t salt[MLCM__SALT_BYTES], mlcm_str key) {
  return mlcm__siphash(salt, key.ptr, key.len);
}

/* Version numbers are small and close together, so they are spread before they meet the key. */
uint64_t mlcm__route_arm_hash(int64_t version) { return mlcm__mix64((uint64_t)version + UINT64_C(0x9e3779b97f4a7c15)); }

/* The arm's u: (1 + 53 bits) / 2^53, in (0, 1], exactly. */
static double draw(uint64_t key_hash, uint64_t arm_hash) {
  return (double)((mlcm__mix64(key_hash ^ arm_hash) >> 11) + 1) * 0x1p-53;
}

#define ESTIMATE_ERROR 1e-4

/* -ln(u) to within ESTIMATE_ERROR: u = m / 2^e with m in [1, 2), and ln(m) by the polynomial of degree 4 through the Chebyshev
 * points, whose error is below 8e-5. */
static double estimate(double u) {
  uint64_t bits;
  memcpy(&bits, &u, sizeof bits);
  double e = (double)(1023 - (int)(bits >> 52));
  bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
  double m;
  memcpy(&m, &bits, sizeof m);
  double m2 = m * m;
  double low = 2.792836515601201 * m - 1.7317264411435938;
  double high = 0.43393244200672443 * m - 1.4405921621322573 - 0.0543709335555871 * m2;
  return e * 0.6931471805599453 - (low + high * m2);
}

bool mlcm__route_is_candidate(uint64_t key_hash, uint64_t stable_arm, uint64_t candidate_arm, int64_t candidate_ppm) {
  assert(candidate_ppm >= 0 && candidate_ppm <= MLCM__WEIGHT_ALL_PPM);
  if (candidate_ppm == 0) return false;
  if (candidate_ppm == MLCM__WEIGHT_ALL_PPM) return true;
  double candidate_weight = (double)candidate_ppm;
  double stable_weight = (double)(MLCM__WEIGHT_ALL_PPM - candidate_ppm);
  double candidate_u = draw(key_hash, candidate_arm);
  double stable_u = draw(key_hash, stable_arm);
  /* Two logarithms are dear, and in all but a few of ten thousand cases an estimate tells which score is lower. */
  double ahead = estimate(stable_u) * candidate_weight - estimate(candidate_u) * stable_weight;
  if (fabs(ahead) > ESTIMATE_ERROR * MLCM__WEIGHT_ALL_PPM) return ahead > 0; /* one branch, and one that is easy to foresee */
  return -mlcm__math_log(candidate_u) * stable_weight < -mlcm__math_log(stable_u) * candidate_weight;
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
