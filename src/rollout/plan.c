/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c - reads a plan (`mlcm: rollout/v1`). The checks and their settings are read by the gate, from the same map.
 *
 * Invariants of what comes out: at least one step and one check; weights rise strictly; a step that waits for a comparing check
 * leaves stable some traffic to compare with.
 */
#include "rollout/plan.h"

#include <math.h>
#include <string.h>

#include "gate/policy.h"

static const char *const plan_keys[] = {"mlcm",  "endpoint", "candidate", "tick",           "gap",
                                        "steps", "then",     "override",  MLCM__POLICY_KEYS};
static const char *const step_keys[] = {"weight", "for", "checks"};
static const char *const override_keys[] = {"attribute", "value", "to"};

enum { N_PLAN_KEYS = sizeof(plan_keys) / sizeof(*plan_keys) };

#define MAX_STEP_NS (INT64_C(400) * 24 * 3600 * INT64_C(1000000000))
#define MIN_TICK_NS INT64_C(1000000)
#define MAX_TICK_NS (INT64_C(3600) * INT64_C(1000000000))

/* One parse under way. */
typedef struct reader {
  mlcm_context *ctx;
  const mlcm__yaml *doc;
  mlcm_plan *plan;
  mlcm_error *err;
} reader;

static mlcm_status missing(reader *r, const mlcm__node *at, const char *key, const char *example) {
  return mlcm__yaml_fail(r->doc, at, r->err, "'%s' is missing; write e.g. %s", key, example);
}

/* Text of a required or optional key, copied into *out. */
static mlcm_status read_text(reader *r, const mlcm__node *map, const char *key, const char *example, char **out) {
  const mlcm__node *node = mlcm__yaml_get(map, key);
  if (!node) return missing(r, map, key, example);
  const char *text = NULL;
  mlcm_status st = mlcm__yaml_text(r->doc, node, key, &text, r->err);
  if (st) return st;
  if (!*text) return mlcm__yaml_fail(r->doc, node, r->err, "'%s' is empty; write e.g. %s", key, example);
  *out = mlcm__strdup(r->ctx, text);
  return *out ? MLCM_OK : mlcm__fail_memory(r->err, strlen(text) + 1);
}

static mlcm_status read_kind(reader *r, const mlcm__node *map) {
  const mlcm__node *node = mlcm__yaml_get(map, "mlcm");
  if (!node) return missing(r, map, "mlcm", "mlcm: rollout/v1");
  const char *text = NULL;
  mlcm_status st = mlcm__yaml_text(r->doc, node, "mlcm", &text, r->err);
  if (st) return st;
  if (strcmp(text, "rollout/v1") == 0) return MLCM_OK;
  if (strcmp(text, "gate/v1") == 0)
    return mlcm__yaml_fail(r->doc, node, r->err, "this is a gate policy ('gate/v1'); a plan says 'mlcm: rollout/v1'");
  return mlcm__yaml_fail(r->doc, node, r->err, "'%s' is not known; a plan says 'mlcm: rollout/v1'", text);
}

/* "@alias", or a reference that names one version. */
static mlcm_status check_candidate(reader *r, const mlcm__node *map) {
  const mlcm__node *node = mlcm__yaml_get(map, "candidate");
  const char *text = r->plan->candidate;
  mlcm_ref ref;
  mlcm_error why;
  char full[MLCM_MODEL_NAME_MAX + MLCM_ALIAS_NAME_MAX + 8];
  if (text[0] == '@' && strlen(text) <= MLCM_ALIAS_NAME_MAX + 1) {
    full[0] = 'm';
    memcpy(full + 1, text, strlen(text) + 1);
    text = full;
  }
  if (mlcm_ref_parse(text, &ref, &why)) return mlcm__yaml_fail(r->doc, node, r->err, "candidate: %.400s", why.message);
  if (ref.kind == MLCM_REF_MODEL)
    return mlcm__yaml_fail(r->doc, node, r->err, "candidate '%s' names a model; name one version: %s/3 or @challenger",
                           r->plan->candidate, ref.model);
  return MLCM_OK;
}

static mlcm_status read_duration(reader *r, const mlcm__node *map, const char *key, int64_t least, int64_t most, int64_t fallback,
                                 int64_t *out) {
  const mlcm__node *node = mlcm__yaml_get(map, key);
  *out = fallback;
  if (!node) return MLCM_OK;
  mlcm_status st = mlcm__yaml_duration(r->doc, node, key, out, r->err);
  if (st || (*out >= least && *out <= most)) return st;
  char low[32], high[32];
  mlcm__format_duration(least, low);
  mlcm__format_duration(most, high);
  return mlcm__yaml_fail(r->doc, node, r->err, "'%s' is %s; it must be from %s to %s", key, node->text, low, high);
}

static mlcm_status read_then(reader *r, const mlcm__node *map) {
  const mlcm__node *node = mlcm__yaml_get(map, "then");
  const char *text = "promote";
  mlcm_status st = node ? mlcm__yaml_text(r->doc, node, "then", &text, r->err) : MLCM_OK;
  if (st) return st;
  r->plan->then = strcmp(text, "pause") == 0 ? MLCM__THEN_PAUSE : MLCM__THEN_PROMOTE;
  if (r->plan->then == MLCM__THEN_PAUSE || strcmp(text, "promote") == 0) return MLCM_OK;
  return mlcm__yaml_fail(r->doc, node, r->err, "'then' is '%s'; it must be 'promote' or 'pause'", text);
}

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

/* Without `checks` a step waits for every check that can stop it. */
static void require_all(reader *r, mlcm__plan_step *step) {
  for (size_t i = 0; i < mlcm_policy_n_checks(r->plan->policy); i++)
    step->required[i] = mlcm_policy_check(r->plan->policy, i)->on_fail != MLCM_ON_FAIL_REPORT;
}

static mlcm_status require_one(reader *r, const mlcm__node *node, mlcm__plan_step *step) {
  const char *name = NULL;
  const char *names[MLCM__POLICY_MAX_CHECKS];
  size_t n = mlcm_policy_n_checks(r->plan->policy);
  mlcm_status st = mlcm__yaml_text(r->doc, node, "checks", &name, r->err);
  if (st) return st;
  for (size_t i = 0; i < n; i++) {
    const mlcm_check *check = mlcm_policy_check(r->plan->policy, i);
    names[i] = check->name;
    if (strcmp(check->name, name) != 0) continue;
    if (step->required[i]) return mlcm__yaml_fail(r->doc, node, r->err, "check '%s' is named twice in this step", name);
    if (check->on_fail == MLCM_ON_FAIL_REPORT)
      return mlcm__yaml_fail(r->doc, node, r->err, "check '%s' only reports; a step cannot wait for it", name);
    step->required[i] = true;
    return MLCM_OK;
  }
  const char *near = mlcm__nearest(name, names, n);
  if (near) return mlcm__yaml_fail(r->doc, node, r->err, "there is no check '%s' (did you mean '%s'?)", name, near);
  return mlcm__yaml_fail(r->doc, node, r->err, "there is no check '%s' in this plan", name);
}

static mlcm_status read_required(reader *r, const mlcm__node *map, mlcm__plan_step *step) {
  const mlcm__node *list = mlcm__yaml_get(map, "checks");
  step->required = mlcm__alloc_zero(r->ctx, mlcm_policy_n_checks(r->plan->policy), sizeof(bool));
  if (!step->required) return mlcm__fail_memory(r->err, mlcm_policy_n_checks(r->plan->policy));
  if (!list) {
    require_all(r, step);
    return MLCM_OK;
  }
  if (list->kind != MLCM__YAML_LIST || list->n == 0)
    return mlcm__yaml_fail(r->doc, list, r->err, "'checks' of a step is a list of names of checks, e.g. [errors, up]");
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < list->n; i++) st = require_one(r, list->items[i], step);
  return st;
}

static bool waits_for_comparison(const reader *r, const mlcm__plan_step *step) {
  for (size_t i = 0; i < mlcm_policy_n_checks(r->plan->policy); i++)
    if (step->required[i] && mlcm_policy_check(r->plan->policy, i)->kind == MLCM_CHECK_COMPARE) return true;
  return false;
}

static mlcm_status read_weight(reader *r, const mlcm__node *map, const mlcm__plan_step *before, mlcm__plan_step *step) {
  const mlcm__node *node = mlcm__yaml_get(map, "weight");
  double share = 0;
  if (!node) return missing(r, map, "weight", "weight: 5%");
  mlcm_status st = mlcm__yaml_share(r->doc, node, "weight", &share, r->err);
  if (st) return st;
  step->weight_ppm = (int64_t)floor(share * MLCM_WEIGHT_ALL + 0.5);
  if (step->weight_ppm < 1)
    return mlcm__yaml_fail(r->doc, node, r->err, "weight %s gives the candidate no traffic; the least is 0.0001%%", node->text);
  if (before && step->weight_ppm <= before->weight_ppm)
    return mlcm__yaml_fail(r->doc, node, r->err,
                           "weight %s does not rise above the step before (%.6g%%); weights must rise from step to step",
                           node->text, (double)before->weight_ppm / 1e4);
  if (step->weight_ppm == MLCM_WEIGHT_ALL && waits_for_comparison(r, step))
    return mlcm__yaml_fail(r->doc, node, r->err,
                           "weight 100%% leaves stable no traffic to compare with, so a comparing check can prove nothing; "
                           "end at e.g. 50%% ('then: promote' does the rest)");
  return MLCM_OK;
}

static mlcm_status read_step(reader *r, const mlcm__node *map, const mlcm__plan_step *before, mlcm__plan_step *step) {
  if (map->kind != MLCM__YAML_MAP) return mlcm__yaml_fail(r->doc, map, r->err, "a step is a map, e.g. {weight: 5%%, for: 1m}");
  step->line = map->line;
  step->column = map->column;
  mlcm_status st = mlcm__yaml_known_keys(r->doc, map, step_keys, sizeof(step_keys) / sizeof(*step_keys), r->err);
  if (!st && !mlcm__yaml_get(map, "for")) st = missing(r, map, "for", "for: 1m");
  if (!st) st = read_duration(r, map, "for", 0, MAX_STEP_NS, 0, &step->for_ns);
  if (!st) st = read_required(r, map, step);
  if (!st) st = read_weight(r, map, before, step);
  return st;
}

static mlcm_status read_steps(reader *r, const mlcm__node *map) {
  const mlcm__node *list = mlcm__yaml_get(map, "steps");
  mlcm_plan *plan = r->plan;
  if (!list) return missing(r, map, "steps", "steps: [{weight: 5%, for: 1m}, {weight: 50%, for: 2m}]");
  if (list->kind != MLCM__YAML_LIST || list->n == 0)
    return mlcm__yaml_fail(r->doc, list, r->err, "'steps' is a list with at least one step, e.g. [{weight: 5%%, for: 1m}]");
  if (list->n > MLCM__PLAN_MAX_STEPS)
    return mlcm__yaml_fail(r->doc, list, r->err, "%zu steps are too many; the most is %d", list->n, MLCM__PLAN_MAX_STEPS);
  plan->steps = mlcm__alloc_zero(r->ctx, list->n, sizeof(*plan->steps));
  if (!plan->steps) return mlcm__fail_memory(r->err, list->n * sizeof(*plan->steps));
  plan->n_steps = (int32_t)list->n;
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < list->n; i++) st = read_step(r, list->items[i], i ? &plan->steps[i - 1] : NULL, &plan->steps[i]);
  return st;
}

/* ---- overrides ------------------------------------------------------------------------------------------------------ */

static mlcm_status read_override(reader *r, const mlcm__node *map, mlcm__override *rule) {
  const char *to = NULL;
  if (map->kind != MLCM__YAML_MAP)
    return mlcm__yaml_fail(r->doc, map, r->err, "an override is a map, e.g. {attribute: x-canary, value: always, to: candidate}");
  mlcm_status st = mlcm__yaml_known_keys(r->doc, map, override_keys, sizeof(override_keys) / sizeof(*override_keys), r->err);
  char *text = NULL;
  if (!st) st = read_text(r, map, "attribute", "attribute: x-canary", &text);
  rule->attribute = text;
  text = NULL;
  if (!st && mlcm__yaml_get(map, "value")) st = read_text(r, map, "value", "value: always", &text);
  rule->value = text;
  const mlcm__node *node = mlcm__yaml_get(map, "to");
  if (!st && !node) st = missing(r, map, "to", "to: candidate");
  if (!st) st = mlcm__yaml_text(r->doc, node, "to", &to, r->err);
  if (st) return st;
  rule->to_candidate = strcmp(to, "candidate") == 0;
  if (rule->to_candidate || strcmp(to, "stable") == 0) return MLCM_OK;
  return mlcm__yaml_fail(r->doc, node, r->err, "'to' is '%s'; it must be 'candidate' or 'stable'", to);
}

static mlcm_status read_overrides(reader *r, const mlcm__node *map) {
  const mlcm__node *list = mlcm__yaml_get(map, "override");
  mlcm_plan *plan = r->plan;
  if (!list) return MLCM_OK;
  bool single = list->kind == MLCM__YAML_MAP;
  size_t n = single ? 1 : list->n;
  if (list->kind == MLCM__YAML_SCALAR)
    return mlcm__yaml_fail(r->doc, list, r->err,
                           "'override' is a list of rules, e.g. [{attribute: x-canary, value: always, to: candidate}]");
  if (n > MLCM__PLAN_MAX_OVERRIDES)
    return mlcm__yaml_fail(r->doc, list, r->err, "%zu override rules are too many; the most is %d", n, MLCM__PLAN_MAX_OVERRIDES);
  plan->overrides = mlcm__alloc_zero(r->ctx, n ? n : 1, sizeof(*plan->overrides));
  if (!plan->overrides) return mlcm__fail_memory(r->err, n * sizeof(*plan->overrides));
  plan->n_overrides = (int32_t)n;
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < n; i++) st = read_override(r, single ? list : list->items[i], &plan->overrides[i]);
  return st;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static mlcm_status read_plan(reader *r) {
  const mlcm__node *map = mlcm__yaml_root(r->doc);
  mlcm_plan *plan = r->plan;
  if (map->kind != MLCM__YAML_MAP)
    return mlcm__yaml_fail(r->doc, map, r->err, "a plan is a map that begins with 'mlcm: rollout/v1'");
  mlcm_status st = read_kind(r, map);
  if (!st) st = mlcm__yaml_known_keys(r->doc, map, plan_keys, N_PLAN_KEYS, r->err);
  if (!st) st = read_text(r, map, "endpoint", "endpoint: digits", &plan->endpoint);
  if (!st) st = read_text(r, map, "candidate", "candidate: digits/3", &plan->candidate);
  if (!st) st = check_candidate(r, map);
  if (!st) st = read_duration(r, map, "tick", MIN_TICK_NS, MAX_TICK_NS, MLCM__PLAN_TICK_NS, &plan->tick_ns);
  if (!st) st = read_duration(r, map, "gap", plan->tick_ns, MAX_STEP_NS, MLCM__PLAN_GAP_TICKS * plan->tick_ns, &plan->gap_ns);
  if (!st) st = read_then(r, map);
  if (!st) st = mlcm__policy_from_node(r->ctx, r->doc, map, &plan->policy, r->err);
  if (!st) st = read_steps(r, map);
  if (!st) st = read_overrides(r, map);
  if (!st) st = mlcm__plan_seal(plan, r->err);
  return st;
}

mlcm_status mlcm_plan_parse(mlcm_context *ctx, const char *name, mlcm_str yaml, mlcm_plan **out, mlcm_error *err) {
  if (!ctx || !name || !yaml.ptr || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_plan_parse: an argument is NULL");
  mlcm__yaml *doc = NULL;
  mlcm_plan *plan = mlcm__alloc_zero(ctx, 1, sizeof(*plan));
  mlcm_status st = plan ? MLCM_OK : mlcm__fail_memory(err, sizeof(*plan));
  if (plan) plan->ctx = mlcm__context_retain(ctx);
  if (!st) st = mlcm__yaml_parse(ctx, name, yaml.ptr, yaml.len, &doc, err);
  if (!st) st = read_plan(&(reader){ctx, doc, plan, err});
  if (!st) {
    *out = plan;
    plan = NULL;
  }
  mlcm_plan_free(plan);
  mlcm__yaml_free(doc);
  return st;
}

void mlcm_plan_free(mlcm_plan *plan) {
  if (!plan) return;
  mlcm_context *ctx = plan->ctx;
  for (int32_t i = 0; plan->steps && i < plan->n_steps; i++) mlcm__free(ctx, plan->steps[i].required);
  for (int32_t i = 0; plan->overrides && i < plan->n_overrides; i++) {
    mlcm__free(ctx, plan->overrides[i].attribute);
    mlcm__free(ctx, plan->overrides[i].value);
  }
  mlcm__free(ctx, plan->steps);
  mlcm__free(ctx, plan->overrides);
  mlcm_policy_free(plan->policy);
  mlcm__free(ctx, plan->endpoint);
  mlcm__free(ctx, plan->candidate);
  mlcm__free(ctx, plan->override_json);
  mlcm__free(ctx, plan->json);
  mlcm__free(ctx, plan);
  mlcm__context_release(ctx);
}

const char *mlcm_plan_endpoint(const mlcm_plan *plan) { return plan->endpoint; }

const char *mlcm_plan_candidate(const mlcm_plan *plan) { return plan->candidate; }

const mlcm_policy *mlcm_plan_policy(const mlcm_plan *plan) { return plan->policy; }

const char *mlcm_plan_json(const mlcm_plan *plan) { return plan->json; }

const char *mlcm_plan_digest(const mlcm_plan *plan) { return plan->digest; }

int32_t mlcm_plan_n_steps(const mlcm_plan *plan) { return plan->n_steps; }

int64_t mlcm_plan_step_weight_ppm(const mlcm_plan *plan, int32_t i) {
  return i >= 0 && i < plan->n_steps ? plan->steps[i].weight_ppm : 0;
}

int64_t mlcm_plan_step_for_ns(const mlcm_plan *plan, int32_t i) {
  return i >= 0 && i < plan->n_steps ? plan->steps[i].for_ns : 0;
}

int32_t mlcm_plan_step_line(const mlcm_plan *plan, int32_t i) {
  return i >= 0 && i < plan->n_steps ? (int32_t)plan->steps[i].line : 0;
}
