/* SPDX-License-Identifier: Apache-2.0
 *
 * route.h - which arm answers a key: weighted rendezvous hashing. Pure: no state, no clock, no random.
 *
 * A key is hashed with SipHash-2-4 under the endpoint's salt. Each arm (a version) draws u = (1 + top 53 bits of
 * mix64(key_hash ^ mix64(version))) / 2^53, a number in (0, 1] that depends on nothing but salt, key and version, and scores
 * -ln(u) / weight. The lower score wins, and stable wins a tie. So each arm gets exactly its share of the keys, and a key
 * moves only when weights change: raising the candidate's weight lowers its scores and raises stable's, so keys move from
 * stable to the candidate and never back. Scores are compared as -ln(u_c) * weight_s < -ln(u_s) * weight_c, with the library's
 * own logarithm: the same keys move on every machine, whatever its libm. Rounding keeps the order, so stickiness holds to the
 * last bit.
 */
#ifndef MLCM_ENDPOINT_ROUTE_H
#define MLCM_ENDPOINT_ROUTE_H

#include <mlcm/endpoint.h>

#include "base/context.h"

enum { MLCM__SALT_BYTES = 16, MLCM__WEIGHT_ALL_PPM = 1000000 };

/* A rule that sends a request with a certain attribute to one arm, whatever its key. */
typedef struct mlcm__override_rule {
  mlcm_str key;
  mlcm_str value; /* ptr NULL: any value */
  bool to_candidate;
} mlcm__override_rule;

uint64_t mlcm__route_key_hash(const uint8_t salt[MLCM__SALT_BYTES], mlcm_str key);

/* What an arm adds to the key's hash. */
uint64_t mlcm__route_arm_hash(int64_t version);

/* True when the candidate, of weight candidate_ppm in parts per million, answers the key. */
bool mlcm__route_is_candidate(uint64_t key_hash, uint64_t stable_arm, uint64_t candidate_arm, int64_t candidate_ppm);

/* The first of the rules that one of the attributes meets, or NULL. */
const mlcm__override_rule *mlcm__route_override(const mlcm__override_rule *rules, size_t n_rules,
                                                const mlcm_attribute *attributes, size_t n_attributes);

#endif
