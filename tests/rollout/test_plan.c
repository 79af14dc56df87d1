/* SPDX-License-Identifier: Apache-2.0
 *
 * test_plan.c - the grammar of plans: what is read, the defaults, the digest, and the exact complaint about everything else.
 */
#include "registry/fixture.h"

#include "rollout/plan.h"

static const char small[] = "mlcm: rollout/v1\n"
                            "endpoint: digits\n"
                            "candidate: digits/3\n"
                            "steps: [{weight: 5%, for: 1m}]\n"
                            "checks: [{name: errors, compare: error, tolerate: 1.25x}]\n";

static const char full[] = "mlcm: rollout/v1\n"
                           "endpoint: digits\n"
                           "candidate: \"@challenger\"\n"
                           "alpha: 1%\n"
                           "tick: 500ms\n"
                           "gap: 10s\n"
                           "steps:\n"
                           "  - {weight: 5%,  for: 1m}\n"
                           "  - {weight: 25%, for: 2m, checks: [errors]}\n"
                           "  - {weight: 0.5, for: 0}\n"
                           "then: pause\n"
                           "expire: {after: 1h, action: hold}\n"
                           "override:\n"
                           "  - {attribute: x-canary, value: always, to: candidate}\n"
                           "  - {attribute: x-old, to: stable}\n"
                           "checks:\n"
                           "  - {name: errors, compare: error, tolerate: 1.25x}\n"
                           "  - {name: wrong, compare: outcome.wrong, tolerate: 2x}\n"
                           "  - {name: seen, meter: requests_per_second, at_least: 1, on_fail: report}\n";

static mlcm_plan *parse(const char *yaml) {
  mlcm_plan *plan = NULL;
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  CHECK_OK(mlcm_plan_parse(ctx, "plan.yaml", mlcm_str_of(yaml), &plan, err));
  mlcm_context_free(ctx);
  return plan;
}

START_TEST(every_key_is_read) {
  mlcm_plan *p = parse(full);
  ck_assert_str_eq(mlcm_plan_endpoint(p), "digits");
  ck_assert_str_eq(mlcm_plan_candidate(p), "@challenger");
  ck_assert_int_eq(p->tick_ns, 500000000);
  ck_assert_int_eq(p->gap_ns, 10000000000);
  ck_assert_int_eq(p->then, MLCM__THEN_PAUSE);
  ck_assert_int_eq(mlcm_plan_n_steps(p), 3);
  ck_assert_int_eq(mlcm_plan_step_weight_ppm(p, 0), 50000);
  ck_assert_int_eq(mlcm_plan_step_for_ns(p, 0), 60000000000);
  ck_assert_int_eq(mlcm_plan_step_weight_ppm(p, 2), 500000);
  ck_assert_int_eq(mlcm_plan_step_for_ns(p, 2), 0);
  ck_assert_int_eq(mlcm_plan_step_weight_ppm(p, 3), 0);
  ck_assert_int_eq(mlcm_plan_step_line(p, 1) - mlcm_plan_step_line(p, 0), 1);
  ck_assert_int_eq(mlcm_plan_step_line(p, 3) + mlcm_plan_step_line(p, -1), 0);
  ck_assert(p->steps[0].required[0] && p->steps[0].required[1] && !p->steps[0].required[2]);
  ck_assert(p->steps[1].required[0] && !p->steps[1].required[1]);
  ck_assert_str_eq(
      p->override_json,
      "[{\"attribute\":\"x-canary\",\"to\":\"candidate\",\"value\":\"always\"},{\"attribute\":\"x-old\",\"to\":\"stable\"}]");
  ck_assert(mlcm_policy_get_settings(mlcm_plan_policy(p)).expire_action == MLCM_EXPIRE_HOLD);
  mlcm_plan_free(p);
}
END_TEST

START_TEST(defaults_are_in_the_canonical_text) {
  mlcm_plan *p = parse(small);
  ck_assert_int_eq(p->tick_ns, 1000000000);
  ck_assert_int_eq(p->gap_ns, 5000000000);
  ck_assert_int_eq(p->then, MLCM__THEN_PROMOTE);
  ck_assert_str_eq(p->override_json, "[]");
  ck_assert(strstr(mlcm_plan_json(p), "\"gap_ns\":\"5000000000\"") != NULL);
  ck_assert(strstr(mlcm_plan_json(p), "\"then\":\"promote\"") != NULL);
  ck_assert(strstr(mlcm_plan_json(p), MLCM_GATE_METHOD) != NULL);
  ck_assert_uint_eq(strlen(mlcm_plan_digest(p)), 64);
  mlcm_plan_free(p);
}
END_TEST

START_TEST(the_digest_sees_meaning_not_layout) {
  mlcm_plan *a = parse(small);
  mlcm_plan *b = parse(
      "# the same, otherwise written\nmlcm: rollout/v1\ncandidate: digits/3\nendpoint: digits\nthen: promote\ntick: 1000ms\n"
      "checks:\n - name: errors\n   tolerate: 1.25\n   compare: error\nsteps:\n - for: 60s\n   weight: 0.05\n");
  mlcm_plan *c = parse("mlcm: rollout/v1\nendpoint: digits\ncandidate: digits/3\nsteps: [{weight: 6%, for: 1m}]\n"
                       "checks: [{name: errors, compare: error, tolerate: 1.25x}]\n");
  ck_assert_str_eq(mlcm_plan_digest(a), mlcm_plan_digest(b));
  ck_assert_str_ne(mlcm_plan_digest(a), mlcm_plan_digest(c));
  mlcm_plan_free(a);
  mlcm_plan_free(b);
  mlcm_plan_free(c);
}
END_TEST

#define HEAD "mlcm: rollout/v1\nendpoint: digits\ncandidate: digits/3\n"
#define STEPS "steps: [{weight: 5%, for: 1m}]\n"
#define CHECKS "checks: [{name: errors, compare: error, tolerate: 1.25x}]\n"

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

/* Each with the whole message. */
static const struct {
  const char *yaml;
  const char *message;
} bad[] = {
    {"a: [", "plan.yaml:"},
    {"- 1\n", "plan.yaml:1:1: a plan is a map that begins with 'mlcm: rollout/v1'"},
    {"endpoint: digits\n", "plan.yaml:1:1: 'mlcm' is missing; write e.g. mlcm: rollout/v1"},
    {"mlcm: gate/v1\n", "plan.yaml:1:7: this is a gate policy ('gate/v1'); a plan says 'mlcm: rollout/v1'"},
    {"mlcm: rollout/v9\n", "plan.yaml:1:7: 'rollout/v9' is not known; a plan says 'mlcm: rollout/v1'"},
    {HEAD "stepps: []\n" CHECKS, "plan.yaml:4:1: unknown key 'stepps' (did you mean 'steps'?)"},
    {"mlcm: rollout/v1\ncandidate: digits/3\n" STEPS CHECKS, "plan.yaml:1:1: 'endpoint' is missing; write e.g. endpoint: digits"},
    {"mlcm: rollout/v1\nendpoint: digits\n" STEPS CHECKS,
     "plan.yaml:1:1: 'candidate' is missing; write e.g. candidate: digits/3"},
    {"mlcm: rollout/v1\nendpoint: \"\"\ncandidate: digits/3\n" STEPS CHECKS,
     "plan.yaml:2:11: 'endpoint' is empty; write e.g. endpoint: digits"},
    {"mlcm: rollout/v1\nendpoint: digits\ncandidate: digits\n" STEPS CHECKS,
     "plan.yaml:3:12: candidate 'digits' names a model; name one version: digits/3 or @challenger"},
    {"mlcm: rollout/v1\nendpoint: digits\ncandidate: digits/x/3\n" STEPS CHECKS, "plan.yaml:3:12: candidate: "},
    {HEAD CHECKS, "plan.yaml:1:1: 'steps' is missing; write e.g. steps: [{weight: 5%, for: 1m}, {weight: 50%, for: 2m}]"},
    {HEAD "steps: []\n" CHECKS, "plan.yaml:4:8: 'steps' is a list with at least one step, e.g. [{weight: 5%, for: 1m}]"},
    {HEAD "steps: [5%]\n" CHECKS, "plan.yaml:4:9: a step is a map, e.g. {weight: 5%, for: 1m}"},
    {HEAD "steps: [{wieght: 5%, for: 1m}]\n" CHECKS, "plan.yaml:4:10: unknown key 'wieght' (did you mean 'weight'?)"},
    {HEAD "steps: [{weight: 5%}]\n" CHECKS, "plan.yaml:4:9: 'for' is missing; write e.g. for: 1m"},
    {HEAD "steps: [{for: 1m}]\n" CHECKS, "plan.yaml:4:9: 'weight' is missing; write e.g. weight: 5%"},
    {HEAD "steps: [{weight: 0%, for: 1m}]\n" CHECKS,
     "plan.yaml:4:18: weight 0% gives the candidate no traffic; the least is 0.0001%"},
    {HEAD "steps: [{weight: 100%, for: 1m}]\n" CHECKS, "plan.yaml:4:18: weight 100% leaves stable no traffic to compare with, so "
                                                       "a comparing check can prove nothing; end at e.g. 50% "
                                                       "('then: promote' does the rest)"},
    {HEAD "steps: [{weight: 25%, for: 1m}, {weight: 10%, for: 1m}]\n" CHECKS,
     "plan.yaml:4:42: weight 10% does not rise above the step before (25%); weights must rise from step to step"},
    {HEAD "steps: [{weight: 5%, for: 401d}]\n" CHECKS, "plan.yaml:4:27: 'for' is 401d; it must be from "},
    {HEAD "steps: [{weight: 5%, for: 1m, checks: [erors]}]\n" CHECKS,
     "plan.yaml:4:40: there is no check 'erors' (did you mean 'errors'?)"},
    {HEAD "steps: [{weight: 5%, for: 1m, checks: [errors, errors]}]\n" CHECKS,
     "plan.yaml:4:48: check 'errors' is named twice in this step"},
    {HEAD "steps: [{weight: 5%, for: 1m, checks: []}]\n" CHECKS,
     "plan.yaml:4:39: 'checks' of a step is a list of names of checks, e.g. [errors, up]"},
    {HEAD "then: celebrate\n" STEPS CHECKS, "plan.yaml:4:7: 'then' is 'celebrate'; it must be 'promote' or 'pause'"},
    {HEAD "tick: 0\n" STEPS CHECKS, "plan.yaml:4:7: 'tick' is 0; it must be from "},
    {HEAD "tick: 10s\ngap: 1s\n" STEPS CHECKS, "plan.yaml:5:6: 'gap' is 1s; it must be from "},
    {HEAD "override: yes\n" STEPS CHECKS,
     "plan.yaml:4:11: 'override' is a list of rules, e.g. [{attribute: x-canary, value: always, to: candidate}]"},
    {HEAD "override: [{attribute: a, to: nowhere}]\n" STEPS CHECKS,
     "plan.yaml:4:31: 'to' is 'nowhere'; it must be 'candidate' or 'stable'"},
    {HEAD "override: [{attribute: a}]\n" STEPS CHECKS, "plan.yaml:4:12: 'to' is missing; write e.g. to: candidate"},
    {HEAD "override: [{to: stable}]\n" STEPS CHECKS, "plan.yaml:4:12: 'attribute' is missing; write e.g. attribute: x-canary"},
    {"mlcm: rollout/v1\nendpoint: digits\ncandidate: \"@" LONG LONG LONG LONG LONG LONG "\"\n" STEPS CHECKS,
     "plan.yaml:3:12: candidate"},
    {HEAD "steps: [{weight: 5%, for: 1m, checks: [[errors]]}]\n" CHECKS, "plan.yaml:4:40: 'checks'"},
    {HEAD "steps: 7\n" CHECKS, "plan.yaml:4:8: 'steps' is a list"},
    {HEAD "steps: [{weight: 5%, for: 1m, checks: errors}]\n" CHECKS, "plan.yaml:4:39: 'checks' of a step is a list"},
    {HEAD "steps: [{weight: 5%, for: 1m, checks: [zebra]}]\n" CHECKS, "plan.yaml:4:40: there is no check 'zebra' in this plan"},
    {HEAD "steps: [{weight: 5%, for: 1m, checks: [shown]}]\n"
          "checks: [{name: errors, compare: error, tolerate: 2x},"
          " {name: shown, compare: outcome.wrong, tolerate: 2x, on_fail: report}]\n",
     "plan.yaml:4:40: check 'shown' only reports; a step cannot wait for it"},
    {HEAD "steps: [{weight: many, for: 1m}]\n" CHECKS, "plan.yaml:4:18: "},
    {HEAD "steps: [{weight: 5%, for: long}]\n" CHECKS, "plan.yaml:4:27: "},
    {HEAD "override: [7]\n" STEPS CHECKS, "plan.yaml:4:12: "},
    {HEAD STEPS, "plan.yaml:1:1: "},
    {HEAD STEPS "checks: []\n", "plan.yaml:5:9: "},
};

START_TEST(each_mistake_is_named_with_its_place) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
    mlcm_plan *plan = NULL;
    mlcm_error err = {0};
    mlcm_status st = mlcm_plan_parse(ctx, "plan.yaml", mlcm_str_of(bad[i].yaml), &plan, &err);
    ck_assert_msg(st == MLCM_PARSE, "case %zu: %s: %s", i, mlcm_status_name(st), err.message);
    ck_assert_msg(strncmp(err.message, bad[i].message, strlen(bad[i].message)) == 0, "case %zu: '%s' instead of '%s'", i,
                  err.message, bad[i].message);
    ck_assert_ptr_null(plan);
  }
  mlcm_context_free(ctx);
}
END_TEST

/* "- item" n times over. */
static char *list_of(const char *before, const char *item, int n, const char *after) {
  char *text = malloc(strlen(before) + (size_t)n * (strlen(item) + 16) + strlen(after) + 1), *end = text;
  ck_assert_ptr_nonnull(text);
  end += sprintf(end, "%s", before);
  for (int i = 0; i < n; i++) end += sprintf(end, "  - %s\n", item);
  strcpy(end, after);
  return text;
}

START_TEST(more_steps_or_rules_than_the_limit_are_refused) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_plan *p = NULL;
  char *steps = list_of(HEAD "steps:\n", "{weight: 5%, for: 1m}", 101, CHECKS);
  char *rules = list_of(HEAD STEPS "override:\n", "{attribute: a, to: stable}", 101, CHECKS);
  CHECK_FAILS(MLCM_PARSE, "100", mlcm_plan_parse(ctx, "p", mlcm_str_of(steps), &p, err));
  CHECK_FAILS(MLCM_PARSE, "100", mlcm_plan_parse(ctx, "p", mlcm_str_of(rules), &p, err));
  free(steps);
  free(rules);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_step_that_does_not_exist_has_no_weight_and_no_time) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_plan *p = NULL;
  CHECK_OK(mlcm_plan_parse(ctx, "p", mlcm_str_of(HEAD STEPS CHECKS), &p, err));
  ck_assert_int_eq(mlcm_plan_step_weight_ppm(p, 0), 50000);
  for (int32_t i = -1; i < 2; i += 2)
    ck_assert(mlcm_plan_step_weight_ppm(p, i) == 0 && mlcm_plan_step_for_ns(p, i) == 0);
  ck_assert_int_gt(mlcm_plan_step_for_ns(p, 0), 0);
  mlcm_plan_free(p);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_threshold_only_plan_may_end_at_all_traffic) {
  mlcm_plan *p = parse(HEAD "steps: [{weight: 100%, for: 1m}]\nchecks: [{name: ratio, meter: error_ratio, at_most: 2%}]\n");
  ck_assert_int_eq(mlcm_plan_step_weight_ppm(p, 0), MLCM_WEIGHT_ALL);
  mlcm_plan_free(p);
}
END_TEST

START_TEST(null_arguments_are_refused) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_plan *plan = NULL;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_plan_parse(NULL, "p", mlcm_str_of(small), &plan, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_plan_parse(ctx, NULL, mlcm_str_of(small), &plan, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_plan_parse(ctx, "p", (mlcm_str){NULL, 0}, &plan, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_plan_parse(ctx, "p", mlcm_str_of(small), NULL, err));
  mlcm_plan_free(NULL);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status parse_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm_plan *plan = NULL;
  mlcm_status st = mlcm_plan_parse(ctx, "plan.yaml", mlcm_str_of(user), &plan, err);
  mlcm_plan_free(plan);
  return st;
}

START_TEST(a_lack_of_memory_at_any_point_leaves_nothing_behind) {
  char text[sizeof(full)];
  memcpy(text, full, sizeof(full));
  ck_assert_uint_gt(test_fault_memory(parse_script, NULL, text), 20);
}
END_TEST

START_TEST(a_step_at_all_the_traffic_may_wait_for_checks_that_do_not_compare) {
  mlcm_plan *p = parse(HEAD "steps: [{weight: 100%, for: 1m, checks: [rate]}]\n"
                            "checks: [{name: errors, compare: error, tolerate: 1.25x},\n"
                            "         {name: rate, meter: error_ratio, at_most: 5%}]\n");
  ck_assert_int_eq(mlcm_plan_step_weight_ppm(p, 0), MLCM_WEIGHT_ALL);
  ck_assert(!p->steps[0].required[0] && p->steps[0].required[1]);
  mlcm_plan_free(p);
}
END_TEST

START_TEST(a_list_of_override_rules_may_be_empty) {
  mlcm_plan *p = parse(HEAD STEPS CHECKS "override: []\n");
  ck_assert_str_eq(p->override_json, "[]");
  mlcm_plan_free(p);
}
END_TEST

int main(void) {
  const TTest *tests[] = {every_key_is_read,
                          defaults_are_in_the_canonical_text,
                          the_digest_sees_meaning_not_layout,
                          each_mistake_is_named_with_its_place,
                          more_steps_or_rules_than_the_limit_are_refused,
                          a_step_that_does_not_exist_has_no_weight_and_no_time,
                          a_threshold_only_plan_may_end_at_all_traffic,
                          null_arguments_are_refused,
                          a_lack_of_memory_at_any_point_leaves_nothing_behind,
                          a_step_at_all_the_traffic_may_wait_for_checks_that_do_not_compare,
                          a_list_of_override_rules_may_be_empty};
  return TEST_RUN("rollout_plan", tests);
}
