/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.c - life of a policy and the keys at its top level. Immutable once made; the count of holds is its only changing part.
 */
#include "gate/policy.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS (INT64_C(86400) * SECOND_NS)
#define MAX_COUNT INT64_C(1000000000000)

static const mlcm_policy_settings defaults = {.alpha = 0.05,
                                              .pass_alpha = 0.05,
                                              .sample_ratio_alpha = 0.001,
                                              .warm_up_requests = 0,
                                              .warm_up_ns = 0,
                                              .min_samples = 0,
                                              .harm_budget = -1,
                                              .expire_after_ns = DAY_NS,
                                              .expire_action = MLCM_EXPIRE_ROLLBACK};

/* ---- Top level ----------------------------------------------------------------------------------------------------- */

static mlcm_status read_alpha(const mlcm__yaml *doc, const mlcm__node *map, const char *key, double most, bool may_be_zero,
                              double *out, mlcm_error *err) {
  const mlcm__node *node = mlcm__yaml_get(map, key);
  if (!node) return MLCM_OK;
  double value = 0;
  mlcm_status st = mlcm__yaml_share(doc, node, key, &value, err);
  if (st) return st;
  bool off = may_be_zero && value == 0;
  if (!off && (value < 1e-9 || value > most))
    return mlcm__yaml_fail(doc, node, err, "'%s' is '%.40s', it must lie between 1e-9 and %g%s", key, node->text, most,
                           may_be_zero ? ", or be 0 for off" : "");
  *out = value;
  return MLCM_OK;
}

static mlcm_status read_count(const mlcm__yaml *doc, const mlcm__node *map, const char *key, int64_t *out, mlcm_error *err) {
  const mlcm__node *node = mlcm__yaml_get(map, key);
  if (!node) return MLCM_OK;
  int64_t value = 0;
  mlcm_status st = mlcm__yaml_i64(doc, node, key, &value, err);
  if (st) return st;
  if (value < 0 || value > MAX_COUNT)
    return mlcm__yaml_fail(doc, node, err, "'%s' is %lld, it must lie between 0 and %lld", key, (long long)value,
                           (long long)MAX_COUNT);
  *out = value;
  return MLCM_OK;
}

static mlcm_status read_span(const mlcm__yaml *doc, const mlcm__node *map, const char *key, int64_t least, int64_t most_days,
                             int64_t *out, mlcm_error *err) {
  const mlcm__node *node = mlcm__yaml_get(map, key);
  if (!node) return MLCM_OK;
  int64_t value = 0;
  mlcm_status st = mlcm__yaml_duration(doc, node, key, &value, err);
  if (st) return st;
  if (value < least || value > most_days * DAY_NS) {
    char text[32];
    mlcm__format_duration(least, text);
    return mlcm__yaml_fail(doc, node, err, "'%s' is '%.40s', it must lie between %s and %lld days", key, node->text,
                           least == 0 ? "0" : text, (long long)most_days);
  }
  *out = value;
  return MLCM_OK;
}

static mlcm_status read_warm_up(const mlcm__yaml *doc, const mlcm__node *map, mlcm_policy_settings *s, mlcm_error *err) {
  static const char *const keys[] = {"requests", "for"};
  const mlcm__node *node = mlcm__yaml_get(map, "warm_up");
  if (!node) return MLCM_OK;
  mlcm_status st = mlcm__yaml_known_keys(doc, node, keys, 2, err);
  if (!st && node->n == 0) st = mlcm__yaml_fail(doc, node, err, "'warm_up' is empty: give requests, for, or both");
  if (!st) st = read_count(doc, node, "requests", &s->warm_up_requests, err);
  if (!st) st = read_span(doc, node, "for", 0, 30, &s->warm_up_ns, err);
  return st;
}

static mlcm_status read_expire(const mlcm__yaml *doc, const mlcm__node *map, mlcm_policy_settings *s, mlcm_error *err) {
  static const char *const keys[] = {"after", "action"};
  const mlcm__node *node = mlcm__yaml_get(map, "expire");
  if (!node) return MLCM_OK;
  mlcm_status st = mlcm__yaml_known_keys(doc, node, keys, 2, err);
  if (!st) st = read_span(doc, node, "after", SECOND_NS, 366, &s->expire_after_ns, err);
  const mlcm__node *action = mlcm__yaml_get(node, "action");
  const char *text = NULL;
  if (st || !action) return st;
  st = mlcm__yaml_text(doc, action, "action", &text, err);
  if (st) return st;
  if (strcmp(text, "promote") == 0)
    return mlcm__yaml_fail(doc, action, err, "'action' cannot be 'promote': time going by proves nothing; say rollback or hold");
  if (strcmp(text, "rollback") != 0 && strcmp(text, "hold") != 0)
    return mlcm__yaml_fail(doc, action, err, "'action' must be rollback or hold, found '%.60s'", text);
  s->expire_action = strcmp(text, "hold") == 0 ? MLCM_EXPIRE_HOLD : MLCM_EXPIRE_ROLLBACK;
  return MLCM_OK;
}

static mlcm_status read_settings(const mlcm__yaml *doc, const mlcm__node *map, mlcm_policy_settings *s, mlcm_error *err) {
  mlcm_status st = read_alpha(doc, map, "alpha", 0.5, false, &s->alpha, err);
  if (!st) st = read_alpha(doc, map, "pass_alpha", 0.5, false, &s->pass_alpha, err);
  if (!st) st = read_alpha(doc, map, "sample_ratio_alpha", 0.1, true, &s->sample_ratio_alpha, err);
  if (!st) st = read_warm_up(doc, map, s, err);
  if (!st) st = read_count(doc, map, "min_samples", &s->min_samples, err);
  if (!st) st = read_count(doc, map, "harm_budget", &s->harm_budget, err);
  if (!st) st = read_expire(doc, map, s, err);
  return st;
}

mlcm_status mlcm__policy_from_node(mlcm_context *ctx, const mlcm__yaml *doc, const mlcm__node *map, mlcm_policy **out,
                                   mlcm_error *err) {
  const mlcm__node *checks = mlcm__yaml_get(map, "checks");
  if (!checks) return mlcm__yaml_fail(doc, map, err, "'checks' is missing: a gate without checks proves nothing");
  mlcm_policy *policy = mlcm__alloc_zero(ctx, 1, sizeof(*policy));
  if (!policy) return mlcm__fail_memory(err, sizeof(*policy));
  policy->ctx = mlcm__context_retain(ctx);
  atomic_init(&policy->refs, 1);
  policy->settings = defaults;
  mlcm__arena_init(&policy->arena, ctx);
  mlcm_status st = read_settings(doc, map, &policy->settings, err);
  if (!st) st = mlcm__policy_parse_checks(&policy->arena, doc, checks, &policy->checks, &policy->n_checks, err);
  for (size_t i = 0; !st && i < policy->n_checks; i++) policy->n_comparing += policy->checks[i].kind == MLCM_CHECK_COMPARE;
  if (!st) st = mlcm__policy_seal(policy, err);
  if (st)
    mlcm_policy_free(policy);
  else
    *out = policy;
  return st;
}

static mlcm_status check_kind(const mlcm__yaml *doc, const mlcm__node *root, mlcm_error *err) {
  if (root->kind != MLCM__YAML_MAP) return mlcm__yaml_fail(doc, root, err, "a policy is a map that begins with 'mlcm: gate/v1'");
  const mlcm__node *kind = mlcm__yaml_get(root, "mlcm");
  if (!kind) return mlcm__yaml_fail(doc, root, err, "'mlcm: gate/v1' is missing");
  const char *text = NULL;
  mlcm_status st = mlcm__yaml_text(doc, kind, "mlcm", &text, err);
  if (!st && strcmp(text, "gate/v1") != 0) st = mlcm__yaml_fail(doc, kind, err, "'mlcm' must be gate/v1, found '%.60s'", text);
  return st;
}

mlcm_status mlcm_policy_parse(mlcm_context *ctx, const char *name, mlcm_str yaml, mlcm_policy **out, mlcm_error *err) {
  static const char *const keys[] = {"mlcm", MLCM__POLICY_KEYS};
  if (!ctx || !name || !out || (!yaml.ptr && yaml.len > 0))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_policy_parse: ctx, name, text and out must not be NULL");
  mlcm__yaml *doc = NULL;
  mlcm_status st = mlcm__yaml_parse(ctx, name, yaml.ptr, yaml.len, &doc, err);
  if (st) return st;
  const mlcm__node *root = mlcm__yaml_root(doc);
  st = check_kind(doc, root, err);
  if (!st) st = mlcm__yaml_known_keys(doc, root, keys, sizeof(keys) / sizeof(keys[0]), err);
  if (!st) st = mlcm__policy_from_node(ctx, doc, root, out, err);
  mlcm__yaml_free(doc);
  return st;
}

/* ---- Life and reading ---------------------------------------------------------------------------------------------- */

mlcm_policy *mlcm__policy_retain(const mlcm_policy *shared) {
  mlcm_policy *policy = (mlcm_policy *)(uintptr_t)shared;
  atomic_fetch_add_explicit(&policy->refs, 1, memory_order_relaxed);
  return policy;
}

void mlcm_policy_free(mlcm_policy *policy) {
  if (!policy || atomic_fetch_sub_explicit(&policy->refs, 1, memory_order_acq_rel) != 1) return;
  mlcm_context *ctx = policy->ctx;
  mlcm__arena_reset(&policy->arena);
  mlcm__free(ctx, policy->json);
  mlcm__free(ctx, policy);
  mlcm__context_release(ctx);
}

mlcm_policy_settings mlcm_policy_get_settings(const mlcm_policy *policy) { return policy->settings; }
size_t mlcm_policy_n_checks(const mlcm_policy *policy) { return policy->n_checks; }
size_t mlcm_policy_n_comparing(const mlcm_policy *policy) { return policy->n_comparing; }
const char *mlcm_policy_to_json(const mlcm_policy *policy) { return policy->json; }
const char *mlcm_policy_digest(const mlcm_policy *policy) { return policy->digest; }

const mlcm_check *mlcm_policy_check(const mlcm_policy *policy, size_t i) {
  return i < policy->n_checks ? &policy->checks[i] : NULL;
}
