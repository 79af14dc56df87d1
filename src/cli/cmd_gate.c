/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_gate.c - lint, run and replay of policies.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* A policy file: `mlcm: gate/v1`, or the checks of a plan. Exactly one of the two is set. */
typedef struct policy_file {
  mlcm_policy *own;
  mlcm_plan *plan;
  const mlcm_policy *policy;
} policy_file;

static bool is_plan(const char *text) {
  const char *key = strstr(text, "mlcm:");
  return key && strncmp(key + 5 + strspn(key + 5, " \t'\""), "rollout/", 8) == 0;
}

static int load_policy(cli *c, const char *path, policy_file *out) {
  char *text = NULL;
  size_t len;
  int code = cli_read_file(c, path, &text, &len);
  if (code) return code;
  *out = (policy_file){0};
  mlcm_status st = is_plan(text) ? mlcm_plan_parse(c->ctx, path, (mlcm_str){text, len}, &out->plan, &c->err)
                                 : mlcm_policy_parse(c->ctx, path, (mlcm_str){text, len}, &out->own, &c->err);
  free(text);
  if (st != MLCM_OK) return cli_fail(c);
  out->policy = out->plan ? mlcm_plan_policy(out->plan) : out->own;
  return 0;
}

static void free_policy(policy_file *file) {
  mlcm_policy_free(file->own);
  mlcm_plan_free(file->plan);
}

/* ---- lint ---------------------------------------------------------------------------------------------------------- */

int cmd_gate_lint(cli *c) {
  policy_file file = {0};
  mlcm_lint_options options;
  mlcm_lint_step *steps = NULL;
  char *json = NULL, *text = NULL;
  const char *rate = cli_get(&c->args, "rate");
  mlcm_lint_options_init(&options, sizeof options);
  options.name = c->args.positional[0];
  if (rate) {
    char *end;
    options.requests_per_second = strtod(rate, &end);
    if (end == rate || *end || !(options.requests_per_second > 0))
      return cli_usage(c, "--rate wants requests a second, got '%s'", rate);
  }
  int code = load_policy(c, c->args.positional[0], &file);
  if (code) goto done;
  options.n_steps = file.plan ? (size_t)mlcm_plan_n_steps(file.plan) : 0;
  steps = calloc(options.n_steps + 1, sizeof *steps);
  for (size_t i = 0; steps && i < options.n_steps; i++)
    steps[i] = (mlcm_lint_step){.weight = (double)mlcm_plan_step_weight_ppm(file.plan, (int32_t)i) / MLCM_WEIGHT_ALL,
                                .for_ns = mlcm_plan_step_for_ns(file.plan, (int32_t)i)};
  options.steps = steps;
  if (mlcm_policy_lint(c->ctx, file.policy, &options, &json, &text, &c->err) != MLCM_OK)
    code = cli_fail(c);
  else if (c->json)
    puts(json);
  else if (*text)
    fputs(text, stdout);
  else
    printf("%s: nothing to say against it\n", c->args.positional[0]);
done:
  mlcm_free(c->ctx, json);
  mlcm_free(c->ctx, text);
  free(steps);
  free_policy(&file);
  return code;
}

/* ---- replay -------------------------------------------------------------------------------------------------------- */

int cmd_gate_replay(cli *c) {
  policy_file file = {0};
  char *csv = NULL, *json = NULL, *text = NULL;
  size_t len;
  int code = load_policy(c, c->args.positional[0], &file);
  if (!code) code = cli_read_file(c, c->args.positional[1], &csv, &len);
  if (code) goto done;
  if (mlcm_gate_replay(c->ctx, file.policy, c->args.positional[1], (mlcm_str){csv, len}, &json, &text, &c->err) != MLCM_OK)
    code = cli_fail(c);
  else
    puts(c->json ? json : text);
done:
  free(csv);
  mlcm_free(c->ctx, json);
  mlcm_free(c->ctx, text);
  free_policy(&file);
  return code;
}

/* ---- run ----------------------------------------------------------------------------------------------------------- */

static const char *verdict_name(mlcm_verdict_kind kind) {
  return kind == MLCM_PASS ? "pass" : kind == MLCM_FAIL ? "fail" : "inconclusive";
}

static const char *verdict_sign(const cli_term *t, mlcm_verdict_kind kind) {
  return kind == MLCM_PASS   ? cli_sign(t, "\u2714", "ok")
         : kind == MLCM_FAIL ? cli_sign(t, "\u2716", "no")
                             : cli_sign(t, "\u25cc", "??");
}

static cli_style verdict_style(mlcm_verdict_kind kind) {
  return kind == MLCM_PASS ? STYLE_GOOD : kind == MLCM_FAIL ? STYLE_BAD : STYLE_WARN;
}

static void print_gate(cli *c, const mlcm_policy *policy, const mlcm_gate *gate) {
  for (size_t i = 0; i < mlcm_gate_n_checks(gate); i++) {
    mlcm_check_state state = mlcm_gate_check(gate, i);
    printf("%s%s%s %-24s ", cli_on(&c->out, verdict_style(state.verdict)), verdict_sign(&c->out, state.verdict), cli_off(&c->out),
           cli_clean(c, mlcm_policy_check(policy, i)->name));
    bool compares = mlcm_policy_check(policy, i)->kind == MLCM_CHECK_COMPARE;
    printf("%s\n", compares ? "compares two versions: that needs a rollout" : cli_clean(c, state.reason));
  }
  mlcm_verdict verdict = mlcm_gate_explain(gate);
  printf("%s%s%s: %s\n", cli_on(&c->out, verdict_style(verdict.kind)), verdict_name(verdict.kind), cli_off(&c->out),
         cli_clean(c, verdict.reason));
}

static cJSON *check_json(const mlcm_check *check, const mlcm_check_state *state) {
  static const char *const kinds[] = {"none", "value", "no data", "partial", "stale", "error"};
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "name", check->name);
  cJSON_AddStringToObject(object, "verdict", verdict_name(state->verdict));
  cJSON_AddStringToObject(object, "measured", kinds[state->last.kind >= 0 && state->last.kind <= 5 ? state->last.kind : 0]);
  if (state->last.kind == MLCM_MEASURED_VALUE && isfinite(state->last.value))
    cJSON_AddNumberToObject(object, "value", state->last.value);
  else
    cJSON_AddNullToObject(object, "value");
  cJSON_AddStringToObject(object, "reason", *state->last.detail ? state->last.detail : state->reason);
  return object;
}

static int json_gate(cli *c, const mlcm_policy *policy, const mlcm_gate *gate) {
  cJSON *root = cJSON_CreateObject();
  mlcm_verdict verdict = mlcm_gate_explain(gate);
  cJSON_AddStringToObject(root, "verdict", verdict_name(verdict.kind));
  cJSON_AddStringToObject(root, "reason", verdict.reason);
  cJSON_AddStringToObject(root, "policy", mlcm_policy_digest(policy));
  cJSON *checks = cJSON_AddArrayToObject(root, "checks");
  for (size_t i = 0; i < mlcm_gate_n_checks(gate); i++) {
    mlcm_check_state state = mlcm_gate_check(gate, i);
    cJSON_AddItemToArray(checks, check_json(mlcm_policy_check(policy, i), &state));
  }
  return cli_json(c, root);
}

int cmd_gate_run(cli *c) {
  policy_file file = {0};
  mlcm_gate *gate = NULL;
  const char *ref = cli_get(&c->args, "model");
  int code = load_policy(c, c->args.positional[0], &file);
  if (!code && ref) code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) goto done;
  if (mlcm_gate_run(c->ctx, file.policy, c->reg, ref, &gate, &c->err) != MLCM_OK) {
    code = cli_fail(c);
    goto done;
  }
  if (c->json)
    json_gate(c, file.policy, gate);
  else
    print_gate(c, file.policy, gate);
  mlcm_verdict_kind kind = mlcm_gate_verdict(gate);
  code = kind == MLCM_PASS ? EXIT_OK : kind == MLCM_FAIL ? EXIT_GATE_FAILED : EXIT_INCONCLUSIVE;
done:
  mlcm_gate_free(gate);
  free_policy(&file);
  return code;
}
