/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_json.c - the plan with all its defaults as canonical JSON, and the digest of that: the policy digest of every decision.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "rollout/plan.h"

enum { PLAN_JSON_MAX = 8 << 20 };

/* 64-bit numbers are strings where hashed. */
static void write_ns(mlcm__json *j, const char *key, int64_t ns) {
  char text[24];
  snprintf(text, sizeof(text), "%lld", (long long)ns);
  mlcm__json_string(j, key, text);
}

static void write_overrides(mlcm__json *j, const char *key, const mlcm_plan *plan) {
  mlcm__json_array(j, key);
  for (int32_t i = 0; i < plan->n_overrides; i++) {
    const mlcm__override *rule = &plan->overrides[i];
    mlcm__json_object(j, NULL);
    mlcm__json_string(j, "attribute", rule->attribute);
    mlcm__json_string(j, "to", rule->to_candidate ? "candidate" : "stable");
    if (rule->value) mlcm__json_string(j, "value", rule->value);
    mlcm__json_end(j);
  }
  mlcm__json_end(j);
}

static void write_step(mlcm__json *j, const mlcm_plan *plan, const mlcm__plan_step *step) {
  mlcm__json_object(j, NULL);
  mlcm__json_array(j, "checks");
  for (size_t i = 0; i < mlcm_policy_n_checks(plan->policy); i++)
    if (step->required[i]) mlcm__json_string(j, NULL, mlcm_policy_check(plan->policy, i)->name);
  mlcm__json_end(j);
  write_ns(j, "for_ns", step->for_ns);
  mlcm__json_i64(j, "weight_ppm", step->weight_ppm);
  mlcm__json_end(j);
}

static void write_plan(mlcm__json *j, const mlcm_plan *plan) {
  const char *policy = mlcm_policy_to_json(plan->policy);
  mlcm__json_object(j, NULL);
  mlcm__json_string(j, "candidate", plan->candidate);
  mlcm__json_string(j, "endpoint", plan->endpoint);
  write_ns(j, "gap_ns", plan->gap_ns);
  mlcm__json_string(j, "mlcm", "rollout/v1");
  write_overrides(j, "override", plan);
  mlcm__json_raw(j, "policy", policy, strlen(policy));
  mlcm__json_array(j, "steps");
  for (int32_t i = 0; i < plan->n_steps; i++) write_step(j, plan, &plan->steps[i]);
  mlcm__json_end(j);
  mlcm__json_string(j, "then", plan->then == MLCM__THEN_PAUSE ? "pause" : "promote");
  write_ns(j, "tick_ns", plan->tick_ns);
  mlcm__json_end(j);
}

mlcm_status mlcm__plan_seal(mlcm_plan *plan, mlcm_error *err) {
  mlcm__buffer buffer;
  mlcm__json j;
  uint8_t digest[MLCM__SHA256_BYTES];
  mlcm__buffer_init(&buffer, plan->ctx, PLAN_JSON_MAX);
  mlcm__json_init(&j, &buffer, true);
  write_overrides(&j, NULL, plan);
  mlcm_status st = mlcm__buffer_take(&buffer, "the override rules", &plan->override_json, err);
  if (!st && strlen(plan->override_json) > MLCM__PLAN_OVERRIDE_BYTES)
    st = mlcm__fail(err, MLCM_LIMIT, "the override rules are longer than %d bytes", MLCM__PLAN_OVERRIDE_BYTES);
  if (!st) {
    mlcm__json_init(&j, &buffer, true);
    write_plan(&j, plan);
    st = mlcm__buffer_take(&buffer, "the plan", &plan->json, err);
  }
  if (!st) st = mlcm__sha256_of(plan->json, strlen(plan->json), digest, err);
  if (!st) mlcm__hex(digest, sizeof(digest), plan->digest);
  mlcm__buffer_reset(&buffer);
  return st;
}
