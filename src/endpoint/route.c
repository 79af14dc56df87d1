/* SPDX-License-Identifier: Apache-2.0
 *
 * route.c - weighted rendezvous hashing between two arms, and override rules.
 */
#include "endpoint/route.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "endpoint/guard.h"
#include "gate/math.h"

uint64_t mlcm__route_key_hash(const uint8_t salt[MLCM__SALT_BYTES], mlcm_str key) { return mlcm__siphash(salt, key.ptr, key.len); }

/* Version numbers are small and close together, so they are spread before they meet the key. */
uint64_t mlcm__route_arm_hash(int64_t version) { return mlcm__mix64((uint64_t)version + UINT64_C(0x9e3779b97f4a7c15)); }

/* -ln of the arm's draw: exponentially distributed, 0 at the least. */
static double draw(uint64_t key_hash, uint64_t arm_hash) {
  uint64_t bits = mlcm__mix64(key_hash ^ arm_hash) >> 11;
  return -mlcm__math_log((double)(bits + 1) * 0x1p-53);
}

bool mlcm__route_is_candidate(uint64_t key_hash, uint64_t stable_arm, uint64_t candidate_arm, int64_t candidate_ppm) {
  assert(candidate_ppm >= 0 && candidate_ppm <= MLCM__WEIGHT_ALL_PPM);
  if (candidate_ppm == 0) return false;
  if (candidate_ppm == MLCM__WEIGHT_ALL_PPM) return true;
  double stable_ppm = (double)(MLCM__WEIGHT_ALL_PPM - candidate_ppm);
  return draw(key_hash, candidate_arm) * stable_ppm < draw(key_hash, stable_arm) * (double)candidate_ppm;
}

static bool same(mlcm_str a, mlcm_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }

static bool meets(const mlcm__override_rule *rule, const mlcm_attribute *attributes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (!same(rule->key, attributes[i].key)) continue;
    if (rule->value.ptr == NULL || same(rule->value, attributes[i].value)) return true;
  }
  return false;
}

const mlcm__override_rule *mlcm__route_override(const mlcm__override_rule *rules, size_t n_rules, const mlcm_attribute *attributes,
                                                size_t n_attributes) {
  for (size_t i = 0; i < n_rules; ++i) {
    if (meets(&rules[i], attributes, n_attributes)) return &rules[i];
  }
  return NULL;
}
