/* SPDX-License-Identifier: Apache-2.0
 *
 * test_lint.c - advice: one policy a finding, and silence where there is nothing to say.
 */
#include <cjson/cJSON.h>

#include "support.h"

#define MINUTE (INT64_C(60) * 1000000000)
#define CHECKS(text) "mlcm: gate/v1\nchecks:\n" text

static const mlcm_lint_step canary[] = {{.weight = 0.05, .for_ns = MINUTE}, {.weight = 0.5, .for_ns = MINUTE}};
static const mlcm_lint_step long_steps[] = {{.weight = 0.5, .for_ns = 600 * MINUTE}};

static char *lint_at(const char *yaml, const mlcm_lint_step *steps, size_t n, double rate, double bad_rate) {
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = parse(ctx, yaml);
  mlcm_lint_options o;
  mlcm_lint_options_init(&o, sizeof(o));
  o.name = "plan.yaml";
  o.steps = steps;
  o.n_steps = n;
  o.requests_per_second = rate;
  o.bad_rate = bad_rate;
  char *text = NULL, *json = NULL;
  ck_assert_int_eq(mlcm_policy_lint(ctx, policy, &o, &json, &text, NULL), MLCM_OK);
  cJSON *root = cJSON_Parse(json);
  int lines = 0;
  for (const char *p = text; *p; p++) lines += *p == '\n';
  ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(root, "findings")), lines);
  cJSON_Delete(root);
  char *copy = strdup(text);
  mlcm_free(ctx, text);
  mlcm_free(ctx, json);
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
  return copy;
}

static char *lint(const char *yaml, const mlcm_lint_step *steps, size_t n, double rate) {
  return lint_at(yaml, steps, n, rate, 0);
}

static void check_text(char *got, const char *want) {
  ck_assert_str_eq(got, want);
  free(got);
}

static void check_contains(char *got, const char *want) {
  ck_assert_msg(strstr(got, want) != NULL, "'%s' is not in:\n%s", want, got);
  free(got);
}

START_TEST(a_sound_policy_gets_no_finding) {
  check_text(lint(CHECKS("  - {name: e, compare: error, tolerate: 1.25x, at_most: 0.1%}\n"), long_steps, 1, 1000), "");
}
END_TEST

START_TEST(a_step_too_short_for_a_doubling_is_named) {
  check_contains(
      lint(CHECKS("  - {name: wrong answers, compare: outcome.wrong, tolerate: 1.25x}\n"), canary, 2, 7.5),
      "plan.yaml:3:5: 'wrong answers' sees a doubling at 5 % weight only after about 71,000 requests of different keys (2h35m at "
      "today's 7.5/s); the "
      "step lasts 1 min. Raise the weight, the duration, or the tolerance.\n");
}
END_TEST

START_TEST(without_a_rate_the_number_of_requests_is_told) {
  check_text(lint(CHECKS("  - {name: e, compare: error, tolerate: 1.25x, at_most: 0.1%}\n"), NULL, 0, 0),
             "plan.yaml:3:5: note: 'e' sees a doubling at 5 % weight after about 71,000 requests of different keys, if 1 % are "
             "bad today\n");
}
END_TEST

START_TEST(the_design_pages_figures_come_out) {
  /* statistics: rho 5 %, x2 needs 358 errors; at 1 % errors and 1.05 times the rate that is 34,100 requests. */
  check_contains(lint(CHECKS("  - {name: e, compare: error, fail_above: 1x, pass_below: 1.5x}\n"), NULL, 0, 0),
                 "after about 35,000 requests");
}
END_TEST

START_TEST(a_proof_that_comes_after_expiry_is_named) {
  check_contains(
      lint("mlcm: gate/v1\nexpire: {after: 1h}\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n", canary, 2, 7.5),
      "to prove a candidate as good as stable in all steps; the rollout expires after 1 h");
}
END_TEST

static const char hour[] = "mlcm: gate/v1\nexpire: {after: 1h}\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n";

START_TEST(without_bad_answers_a_bound_is_proposed) {
  check_contains(lint(CHECKS("  - {name: e, compare: error, tolerate: 1.25x}\n"), NULL, 0, 0),
                 "plan.yaml:3:5: note: 'e' cannot pass while neither side has a bad answer. Add 'at_most: 0.1%' to pass also a "
                 "candidate whose own share is proven below that, whatever stable does\n");
}
END_TEST

START_TEST(a_late_proof_proposes_a_bound_with_room_above_todays_rate) {
  check_contains(lint_at(hour, canary, 2, 100, 0.0002), "Raise a weight, pass_below, or 'expire', or add 'at_most: 0.1%'.\n");
  check_contains(lint_at(hour, canary, 2, 10, 0.008), "or add 'at_most: 1.6%'.\n");
  check_contains(lint_at(hour, canary, 2, 0.1, 0.4), "or add 'at_most: 50%'.\n");
}
END_TEST

START_TEST(a_bound_that_is_proven_in_time_gets_no_finding) {
  const char *yaml =
      "mlcm: gate/v1\nexpire: {after: 1h}\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x, at_most: 0.1%}\n";
  check_text(lint_at(yaml, long_steps, 1, 100, 0.0001), "");
}
END_TEST

START_TEST(a_bound_makes_up_for_a_margin_that_passes_nobody) {
  check_text(lint_at(CHECKS("  - {name: e, compare: error, tolerate: 1x, at_most: 1%}\n"), long_steps, 1, 100, 0.0001), "");
}
END_TEST

START_TEST(a_bound_that_is_proven_too_late_is_named_without_proposing_it_again) {
  const char *yaml =
      "mlcm: gate/v1\nexpire: {after: 1h}\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x, at_most: 0.1%}\n";
  check_contains(lint_at(yaml, canary, 2, 10, 0.0001), "Raise a weight, pass_below, or 'expire'.\n");
}
END_TEST

START_TEST(a_bound_that_today_breaks_is_named) {
  check_contains(
      lint_at(CHECKS("  - {name: e, compare: error, tolerate: 1.25x, at_most: 0.5%}\n"), long_steps, 1, 1000, 0.01),
      "plan.yaml:3:5: 'e': at_most 0.5 % is not above today's 1 % of bad answers, so it passes nobody that is like stable; "
      "'at_most: 2%' leaves room\n");
}
END_TEST

START_TEST(margins_that_prove_nothing_or_both_are_named) {
  check_contains(lint(CHECKS("  - {name: e, compare: error, tolerate: 0.9x}\n"), long_steps, 1, 1000),
                 "fails a candidate that is exactly as good");
  check_contains(lint(CHECKS("  - {name: e, compare: error, tolerate: 1x}\n"), long_steps, 1, 1000),
                 "passes only a candidate that is proven better");
  check_contains(lint(CHECKS("  - {name: e, compare: error, fail_above: 1.1x, pass_below: 1.3x}\n"), long_steps, 1, 1000),
                 "note: 'e': between 1.1x and 1.3x both can be proven");
  check_contains(lint(CHECKS("  - {name: e, compare: error, fail_above: 1.5x, pass_below: 1.3x}\n"), long_steps, 1, 1000),
                 "between 1.3x and 1.5x nothing can be proven");
}
END_TEST

START_TEST(latency_margins_are_shown_as_tested) {
  check_contains(lint(CHECKS("  - {name: s, compare: latency.p99, fail_above: 1.1x, pass_below: 1.3x}\n"), long_steps, 1, 1000),
                 "'s' is tested at whole buckets of 2.2 %: fail_above 1.091x, pass_below 1.297x");
}
END_TEST

START_TEST(counting_every_request_is_explained) {
  check_contains(lint(CHECKS("  - {name: e, compare: error, tolerate: 1.25x, unit: request}\n"), long_steps, 1, 1000),
                 "'e' counts every request");
}
END_TEST

START_TEST(secrets_in_headers_are_named) {
  check_contains(lint(CHECKS("  - {name: g, prometheus: {url: 'http://p', query: q, headers: {Authorization: x}}, at_most: 1}\n"),
                      NULL, 0, 0),
                 "'g' sends the header 'Authorization': its value is kept with every record");
}
END_TEST

START_TEST(limits_alone_and_limits_that_roll_back_are_noted) {
  const char *yaml = CHECKS("  - {name: g, prometheus: {url: 'http://p', query: q}, at_most: 1, on_fail: rollback}\n");
  check_contains(lint(yaml, NULL, 0, 0), "no check compares the candidate with stable");
  check_contains(lint(yaml, NULL, 0, 0), "'g' rolls back on an absolute limit");
}
END_TEST

START_TEST(a_harm_budget_within_chance_is_named) {
  const char *yaml = "mlcm: gate/v1\nharm_budget: 5\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n";
  check_contains(lint(yaml, long_steps, 1, 100), "harm_budget 5 is within chance");
}
END_TEST

START_TEST(samples_that_do_not_come_are_named) {
  const char *yaml = "mlcm: gate/v1\nmin_samples: 10000\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n";
  check_contains(lint(yaml, canary, 2, 100), "'e' waits for min_samples (10000) at 5 % weight");
}
END_TEST

START_TEST(options_out_of_range_are_refused) {
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = parse(ctx, CHECKS("  - {name: e, compare: error, tolerate: 1.25x}\n"));
  static const mlcm_lint_step steps[] = {{.weight = 0}, {.weight = 0.5, .for_ns = -1}};
  const mlcm_lint_options bad[] = {
      {.requests_per_second = -1},    {.requests_per_second = 1e13},     {.bad_rate = -1}, {.n_steps = 1},
      {.n_steps = 1, .steps = steps}, {.n_steps = 1, .steps = steps + 1}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    mlcm_lint_options o = bad[i];
    o.struct_size = sizeof(o);
    ck_assert_int_eq(mlcm_policy_lint(ctx, policy, &o, NULL, NULL, NULL), MLCM_INVALID_ARGUMENT);
  }
  ck_assert_int_eq(mlcm_policy_lint(NULL, policy, NULL, NULL, NULL, NULL), MLCM_INVALID_ARGUMENT);
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(what_takes_for_ever_is_told_in_years) {
  check_contains(lint_at(hour, canary, 2, 1e-6, 0.0001), "(years at today's 1e-06/s)");
  check_contains(lint_at(CHECKS("  - {name: e, compare: error, tolerate: 1.0000001x}\n"), canary, 2, 1e-6, 0.0001),
                 "more than 10^15");
}
END_TEST

START_TEST(a_doubling_that_is_tolerated_is_no_finding) {
  check_text(lint_at(CHECKS("  - {name: e, compare: error, tolerate: 3x}\n"), canary, 2, 1000, 0.6), "");
}
END_TEST

START_TEST(a_short_step_is_named_by_its_line) {
  static const mlcm_lint_step steps[] = {{.weight = 0.05, .for_ns = MINUTE, .line = 7}};
  check_contains(lint(CHECKS("  - {name: e, compare: error, tolerate: 1.25x}\n"), steps, 1, 7.5),
                 "the step (line 7) lasts 1 min");
}
END_TEST

START_TEST(a_late_latency_proof_proposes_no_bound) {
  check_contains(lint("mlcm: gate/v1\nexpire: {after: 1m}\nchecks:\n  - {name: s, compare: latency.p99, tolerate: 1.25x}\n",
                      long_steps, 1, 1),
                 "in its step; the rollout expires after 1 min. Raise a weight, pass_below, or 'expire'.\n");
  check_contains(lint(CHECKS("  - {name: s, compare: latency.p99, tolerate: 1.25x}\n"), NULL, 0, 0), "of different keys\n");
}
END_TEST

START_TEST(steps_without_a_rate_tell_what_the_first_needs) {
  check_contains(lint_at(CHECKS("  - {name: e, compare: error, tolerate: 1.25x}\n"), canary, 2, 0, 0.9),
                 "plan.yaml:3:5: note: 'e' sees a doubling at 5 % weight after about 780 requests of different keys\n");
}
END_TEST

START_TEST(a_secret_is_known_in_any_spelling) {
  check_contains(
      lint(CHECKS("  - {name: g, prometheus: {url: 'http://p', query: q, headers: {X-Api_Key: x, x-API-key: y}}, at_most: 1}\n"),
           NULL, 0, 0),
      "'g' sends the header 'x-API-key'");
}
END_TEST

START_TEST(a_harm_budget_with_room_is_no_finding) {
  const char *yaml = "mlcm: gate/v1\nharm_budget: 100000\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n";
  check_text(lint_at(yaml, long_steps, 1, 1000, 0.01), "");
  check_contains(lint_at(yaml, NULL, 0, 0, 0.01),
                 "note: 'e' sees a doubling at 5 % weight after about 71,000 requests of different keys\n");
}
END_TEST

START_TEST(bad_options_are_refused) {
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = parse(ctx, CHECKS("  - {name: e, compare: error, tolerate: 1.25x}\n"));
  mlcm_lint_options o;
  mlcm_lint_step step = {.weight = 1};
  mlcm_lint_options_init(&o, sizeof(o));
  o.steps = &step;
  o.n_steps = 1;
  ck_assert_int_eq(mlcm_policy_lint(ctx, policy, &o, NULL, NULL, NULL), MLCM_INVALID_ARGUMENT);
  o.n_steps = 0;
  o.bad_rate = 1;
  ck_assert_int_eq(mlcm_policy_lint(ctx, policy, &o, NULL, NULL, NULL), MLCM_INVALID_ARGUMENT);
  o.bad_rate = 0;
  o.struct_size = 1;
  ck_assert_int_eq(mlcm_policy_lint(ctx, policy, &o, NULL, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_policy_lint(ctx, NULL, NULL, NULL, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_policy_lint(ctx, policy, NULL, NULL, NULL, NULL), MLCM_OK);
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("lint");
  tcase_add_test(c, a_sound_policy_gets_no_finding);
  tcase_add_test(c, a_step_too_short_for_a_doubling_is_named);
  tcase_add_test(c, without_a_rate_the_number_of_requests_is_told);
  tcase_add_test(c, without_bad_answers_a_bound_is_proposed);
  tcase_add_test(c, a_late_proof_proposes_a_bound_with_room_above_todays_rate);
  tcase_add_test(c, a_bound_that_is_proven_in_time_gets_no_finding);
  tcase_add_test(c, a_bound_makes_up_for_a_margin_that_passes_nobody);
  tcase_add_test(c, a_bound_that_is_proven_too_late_is_named_without_proposing_it_again);
  tcase_add_test(c, a_bound_that_today_breaks_is_named);
  tcase_add_test(c, the_design_pages_figures_come_out);
  tcase_add_test(c, a_proof_that_comes_after_expiry_is_named);
  tcase_add_test(c, margins_that_prove_nothing_or_both_are_named);
  tcase_add_test(c, latency_margins_are_shown_as_tested);
  tcase_add_test(c, counting_every_request_is_explained);
  tcase_add_test(c, secrets_in_headers_are_named);
  tcase_add_test(c, limits_alone_and_limits_that_roll_back_are_noted);
  tcase_add_test(c, a_harm_budget_within_chance_is_named);
  tcase_add_test(c, samples_that_do_not_come_are_named);
  tcase_add_test(c, options_out_of_range_are_refused);
  tcase_add_test(c, what_takes_for_ever_is_told_in_years);
  tcase_add_test(c, a_doubling_that_is_tolerated_is_no_finding);
  tcase_add_test(c, a_short_step_is_named_by_its_line);
  tcase_add_test(c, a_late_latency_proof_proposes_no_bound);
  tcase_add_test(c, steps_without_a_rate_tell_what_the_first_needs);
  tcase_add_test(c, a_secret_is_known_in_any_spelling);
  tcase_add_test(c, a_harm_budget_with_room_is_no_finding);
  tcase_add_test(c, bad_options_are_refused);
  return run_case("lint", c);
}
