/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_gate.c - lint, run and replay of policies.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "memory.h"

enum { POLICY_MAX_BYTES = 1 << 20, TICKS_MAX_BYTES = 64 << 20 }; /* what the library takes */

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
  int code = cli_read_file(c, path, POLICY_MAX_BYTES, &text, &len);
  if (code) return code;
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

static mlcm_lint_step *lint_steps(const mlcm_plan *plan, size_t n) {
  mlcm_lint_step *steps = cli_alloc(n, sizeof *steps);
  for (int32_t i = 0; i < (int32_t)n; i++)
    steps[i] = (mlcm_lint_step){.weight = (double)mlcm_plan_step_weight_ppm(plan, i) / MLCM_WEIGHT_ALL,
                                .for_ns = mlcm_plan_step_for_ns(plan, i),
                                .line = mlcm_plan_step_line(plan, i)};
  return steps;
}

static int lint(cli *c, const policy_file *file, mlcm_lint_options *options) {
  char *json = NULL, *text = NULL;
  options->n_steps = file->plan ? (size_t)mlcm_plan_n_steps(file->plan) : 0;
  mlcm_lint_step *steps = lint_steps(file->plan, options->n_steps);
  options->steps = steps;
  mlcm_status st = mlcm_policy_lint(c->ctx, file->policy, options, &json, &text, &c->err);
  free(steps);
  if (st != MLCM_OK) return cli_fail(c);
  if (c->json)
    puts(json);
  else
    cli_lines(c, text); /* nothing to say against it: nothing */
  mlcm_free(c->ctx, json);
  mlcm_free(c->ctx, text);
  return EXIT_OK;
}

int cmd_gate_lint(cli *c) {
  policy_file file = {0};
  mlcm_lint_options options;
  const char *rate = cli_get(&c->args, "rate");
  mlcm_lint_options_init(&options, sizeof options);
  options.name = c->args.positional[0];
  if (rate && (!cli_real(rate, &options.requests_per_second) || options.requests_per_second <= 0))
    return cli_usage(c, "--rate wants requests a second, got '%s'", rate);
  int code = load_policy(c, c->args.positional[0], &file);
  if (!code) code = lint(c, &file, &options);
  free_policy(&file);
  return code;
}

/* ---- replay -------------------------------------------------------------------------------------------------------- */

int cmd_gate_replay(cli *c) {
  policy_file file = {0};
  char *csv = NULL, *json = NULL, *text = NULL;
  size_t len;
  int code = load_policy(c, c->args.positional[0], &file);
  if (!code) code = cli_read_file(c, c->args.positional[1], TICKS_MAX_BYTES, &csv, &len);
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

static cli_mark verdict_mark(mlcm_verdict_kind kind) {
  return kind == MLCM_PASS ? CLI_GOOD : kind == MLCM_FAIL ? CLI_BAD : CLI_OPEN;
}

static void print_gate(cli *c, const mlcm_policy *policy, const mlcm_gate *gate) {
  for (size_t i = 0; i < mlcm_gate_n_checks(gate); i++) {
    const mlcm_check *check = mlcm_policy_check(policy, i);
    const mlcm_check_state state = mlcm_gate_check(gate, i);
    const char *reason = check->kind == MLCM_CHECK_COMPARE ? "compares two versions: that needs a rollout" : state.reason;
    cli_line(c, 4, "%s %-24s %s", cli_marked(&c->out, verdict_mark(state.verdict)).text, cli_clean(c, check->name),
             cli_clean(c, reason));
  }
  const mlcm_verdict verdict = mlcm_gate_explain(gate);
  cli_line(c, 4, "%s%s%s: %s", cli_on(&c->out, verdict_mark(verdict.kind).style), verdict_name(verdict.kind), cli_off(&c->out),
           cli_clean(c, verdict.reason));
}

static cJSON *check_json(const mlcm_check *check, const mlcm_check_state *state) {
  static const char *const kinds[] = {"none", "value", "no data", "partial", "stale", "error"};
  cJSON *object = json_object();
  json_text(object, "name", check->name);
  json_text(object, "verdict", verdict_name(state->verdict));
  assert(state->last.kind >= 0 && state->last.kind <= 5);
  json_text(object, "measured", kinds[state->last.kind]);
  const bool measured = state->last.kind == MLCM_MEASURED_VALUE;
  json_put(object, "value", measured ? cJSON_CreateNumber(state->last.value) : cJSON_CreateNull());
  json_text(object, "reason", *state->last.detail ? state->last.detail : state->reason);
  return object;
}

static int json_gate(const mlcm_policy *policy, const mlcm_gate *gate) {
  cJSON *root = json_object();
  mlcm_verdict verdict = mlcm_gate_explain(gate);
  json_text(root, "verdict", verdict_name(verdict.kind));
  json_text(root, "reason", verdict.reason);
  json_text(root, "policy", mlcm_policy_digest(policy));
  cJSON *checks = json_put_list(root, "checks");
  for (size_t i = 0; i < mlcm_gate_n_checks(gate); i++) {
    mlcm_check_state state = mlcm_gate_check(gate, i);
    json_add(checks, check_json(mlcm_policy_check(policy, i), &state));
  }
  return cli_json(root);
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
    json_gate(file.policy, gate);
  else
    print_gate(c, file.policy, gate);
  mlcm_verdict_kind kind = mlcm_gate_verdict(gate);
  code = kind == MLCM_PASS ? EXIT_OK : kind == MLCM_FAIL ? EXIT_GATE_FAILED : EXIT_INCONCLUSIVE;
done:
  mlcm_gate_free(gate);
  free_policy(&file);
  return code;
}
