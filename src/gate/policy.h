/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - the inside of a policy, and its YAML grammar as a part that a rollout plan embeds.
 *
 * A plan is a policy with steps: its top level map holds the policy's keys beside its own. plan.c checks the keys of the whole
 * map against its own and MLCM__POLICY_KEYS, then calls mlcm__policy_from_node on the same map.
 */
#ifndef MLCM_GATE_POLICY_H
#define MLCM_GATE_POLICY_H

#include <stdatomic.h>

#include <mlcm/gate.h>
#include "base/arena.h"
#include "base/yaml.h"

/* Top level keys of a policy, without `mlcm`. */
#define MLCM__POLICY_KEYS "alpha", "pass_alpha", "sample_ratio_alpha", "warm_up", "min_samples", "harm_budget", "expire", "checks"

enum { MLCM__POLICY_MAX_CHECKS = 100 };

struct mlcm_policy {
  mlcm_context *ctx;
  atomic_int refs;
  mlcm_policy_settings settings;
  size_t n_checks;
  size_t n_comparing;
  mlcm_check *checks; /* [n_checks]; they and their texts lie in the arena */
  mlcm__arena arena;
  char *json;
  char digest[65];
};

/* Reads the policy's keys of a map node that may hold others too (the caller checks unknown keys). */
mlcm_status mlcm__policy_from_node(mlcm_context *ctx, const mlcm__yaml *doc, const mlcm__node *map, mlcm_policy **out,
                                   mlcm_error *err);

/* Reads a list of checks into the arena. */
mlcm_status mlcm__policy_parse_checks(mlcm__arena *arena, const mlcm__yaml *doc, const mlcm__node *list, mlcm_check **out,
                                      size_t *out_n, mlcm_error *err);

/* Writes policy->json and policy->digest (policy_json.c). */
mlcm_status mlcm__policy_seal(mlcm_policy *policy, mlcm_error *err);

/* A counted hold, given up with mlcm_policy_free. The count is the one part of a policy that changes. */
mlcm_policy *mlcm__policy_retain(const mlcm_policy *policy);

/* Words of the enums, as in YAML and JSON; "unknown" for other numbers. */
const char *mlcm__verdict_name(mlcm_verdict_kind verdict);
const char *mlcm__on_fail_name(mlcm_on_fail on_fail);
const char *mlcm__source_name(mlcm_source_kind source);

/* "error", "latency.p99", "outcome.wrong", "error_ratio", "requests_per_second": the meter of a check as written. */
void mlcm__check_meter_name(const mlcm_check *check, char out[96]);

#endif
