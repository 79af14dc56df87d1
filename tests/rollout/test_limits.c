/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - what a plan may hold at most, each with the error that says so. docs/limits.md lists them.
 */
#include "registry/fixture.h"

#include "rollout/plan.h"

static char yaml[MLCM__PLAN_OVERRIDE_BYTES * 2];

/* A plan with `n` times the item in one of its lists. */
static const char *plan_with(const char *before, const char *item, int n, const char *behind) {
  size_t len = (size_t)snprintf(yaml, sizeof yaml, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\n%s[", before);
  for (int i = 0; i < n; i++) {
    len += (size_t)snprintf(yaml + len, sizeof yaml - len, "%s", i ? ", " : "");
    len += (size_t)snprintf(yaml + len, sizeof yaml - len, item, (i + 1) / 10, (i + 1) % 10);
  }
  (void)snprintf(yaml + len, sizeof yaml - len, "]\n%s", behind);
  return yaml;
}

static void check_list(const char *before, const char *item, int max, const char *behind, const char *words) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_plan *plan = NULL;
  CHECK_OK(mlcm_plan_parse(ctx, "p", mlcm_str_of(plan_with(before, item, max, behind)), &plan, err));
  mlcm_plan_free(plan);
  CHECK_FAILS(MLCM_PARSE, words, mlcm_plan_parse(ctx, "p", mlcm_str_of(plan_with(before, item, max + 1, behind)), &plan, err));
  mlcm_context_free(ctx);
}

START_TEST(a_plan_has_a_hundred_steps_and_override_rules) {
  static const char checks[] = "checks: [{name: e, compare: error, tolerate: 2x}]\n";
  static const char both[] = "steps: [{weight: 5%, for: 5s}]\nchecks: [{name: e, compare: error, tolerate: 2x}]\n";
  check_list("steps: ", "{weight: %d.%d%%, for: 5s}", MLCM__PLAN_MAX_STEPS, checks, "101 steps are too many; the most is 100");
  check_list("override: ", "{attribute: a%d.%d, to: stable}", MLCM__PLAN_MAX_OVERRIDES, both,
             "101 override rules are too many; the most is 100");
}
END_TEST

START_TEST(override_rules_have_a_length_together) {
  static char item[2048], value[1001];
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_plan *plan = NULL;
  memset(value, 'v', sizeof value - 1);
  (void)snprintf(item, sizeof item, "{attribute: a%%d.%%d, value: %s, to: stable}", value);
  const char *text = plan_with("override: ", item, 70,
                               "steps: [{weight: 5%, for: 5s}]\nchecks: [{name: e, compare: error, tolerate: 2x}]\n");
  CHECK_FAILS(MLCM_LIMIT, "longer than 65536 bytes", mlcm_plan_parse(ctx, "p", mlcm_str_of(text), &plan, err));
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_plan_has_a_hundred_steps_and_override_rules, override_rules_have_a_length_together};
  return TEST_RUN("rollout_limits", tests);
}
