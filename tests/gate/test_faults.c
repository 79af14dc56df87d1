/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults.c - every allocation of the room fails once: the call says so, nothing leaks, nothing has changed.
 */
#include <stdio.h>

#include "support.h"
#include "support/fault.h"

static const char yaml[] = "mlcm: gate/v1\n"
                           "checks:\n"
                           "  - {name: e, compare: error, tolerate: 1.25x, unit: request}\n"
                           "  - {name: s, compare: latency.p99, fail_above: 1.1x, pass_below: 1.3x}\n"
                           "  - {name: o, compare: outcome.wrong, tolerate: 1x, at_most: 1%, on_fail: report}\n"
                           "  - {name: up, http: {url: \"http://h/x\"}}\n"
                           "  - {name: g, prometheus: {url: \"http://p\", query: q, headers: {A: b, C: d}}, at_least: 1}\n"
                           "  - {name: a, evaluation: accuracy, at_least: 0.9}\n";

static mlcm_status parse_again(mlcm_context *ctx, void *user, mlcm_error *err) {
  (void)user;
  mlcm_policy *policy = NULL;
  mlcm_status st = mlcm_policy_parse(ctx, "g", mlcm_str_of(yaml), &policy, err);
  ck_assert((st == MLCM_OK) == (policy != NULL));
  mlcm_policy_free(policy);
  return st;
}

static mlcm_status tick(mlcm_context *ctx, void *user, mlcm_error *err) {
  (void)user;
  mlcm_policy *policy = NULL;
  mlcm_gate *gate = NULL, *copy = NULL;
  char *json = NULL;
  mlcm_counts counts = {100, 90, 100, 1};
  mlcm_observation seen = {.check = 0, .n_strata = 1, .fail = &counts, .pass = &counts};
  mlcm_status st = mlcm_policy_parse(ctx, "g", mlcm_str_of(yaml), &policy, err);
  if (!st) st = mlcm_gate_new(policy, &gate, err);
  if (!st) st = mlcm_gate_observe(gate, 1, &seen, 1, err);
  if (!st) st = mlcm_gate_clone(gate, &copy, err);
  if (!st) st = mlcm_gate_to_json(copy, &json, err);
  ck_assert((st == MLCM_OK) == (json != NULL));
  mlcm_free(ctx, json);
  mlcm_policy_free(policy);
  mlcm_gate_free(copy);
  mlcm_gate_free(gate);
  return st;
}

static mlcm_status what_if(mlcm_context *ctx, void *user, mlcm_error *err) {
  static const char csv[] = "run,tick,candidate_requests,candidate_errors,stable_requests,stable_errors\n"
                            "a,1,10,1,10,1\n\"b\"\"\",1,10,1,10,1\na,2,10,1,10,1\n";
  (void)user;
  mlcm_policy *policy = NULL;
  char *json = NULL, *text = NULL, *findings = NULL, *advice = NULL;
  mlcm_status st = mlcm_policy_parse(ctx, "g", mlcm_str_of(yaml), &policy, err);
  if (!st) st = mlcm_gate_replay(ctx, policy, "t", mlcm_str_of(csv), &json, &text, err);
  ck_assert((json == NULL) == (text == NULL));
  if (!st) st = mlcm_policy_lint(ctx, policy, NULL, &findings, &advice, err);
  ck_assert((findings == NULL) == (advice == NULL));
  mlcm_free(ctx, json);
  mlcm_free(ctx, text);
  mlcm_free(ctx, findings);
  mlcm_free(ctx, advice);
  mlcm_policy_free(policy);
  return st;
}

/* So many texts of every kind that each is the one an arena grows for. */
static mlcm_status parse_much(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm_policy *policy = NULL;
  mlcm_status st = mlcm_policy_parse(ctx, "g", mlcm_str_of(user), &policy, err);
  mlcm_policy_free(policy);
  return st;
}

START_TEST(parsing_much_survives_every_failed_allocation) {
  static char much[65536] = "mlcm: gate/v1\nchecks:\n";
  for (int i = 0; i < 100; i++) {
    size_t len = strlen(much);
    if (i % 2)
      snprintf(much + len, sizeof(much) - len, "  - {name: c%d, compare: outcome.%060d, tolerate: 2x}\n", i, i);
    else
      snprintf(much + len, sizeof(much) - len,
               "  - {name: c%d, prometheus: {url: 'http://p', query: q%050d, headers: {a: b, c: d, e: f, g: h}}, at_most: 1}\n",
               i, i);
  }
  ck_assert_uint_gt(test_fault_memory(parse_much, NULL, much), 20);
}
END_TEST

/* A query of each length takes so much of the arena that each of the other texts, in one round or another, is the one that needs
 * a new block. */
START_TEST(each_text_of_a_policy_may_lack_its_memory) {
  static char filler[2048], text[8192];
  for (size_t len = 16; len < sizeof(filler); len += 16) {
    memset(filler, 'q', len);
    filler[len] = '\0';
    snprintf(text, sizeof(text),
             "mlcm: gate/v1\nchecks:\n"
             "  - {name: p, prometheus: {url: 'http://p/%01900d', query: %s, headers: {a: b}}, at_most: 1}\n"
             "  - {name: o, compare: outcome.wrong, tolerate: 2x}\n",
             0, filler);
    ck_assert_uint_gt(test_fault_memory(parse_much, NULL, text), 5);
  }
}
END_TEST

START_TEST(parsing_survives_every_failed_allocation) { ck_assert_uint_gt(test_fault_memory(parse_again, NULL, NULL), 20); }
END_TEST

START_TEST(a_tick_survives_every_failed_allocation) { ck_assert_uint_gt(test_fault_memory(tick, NULL, NULL), 20); }
END_TEST

START_TEST(replay_and_lint_survive_every_failed_allocation) { ck_assert_uint_gt(test_fault_memory(what_if, NULL, NULL), 20); }
END_TEST

int main(void) {
  TCase *c = tcase_create("faults");
  tcase_add_test(c, parsing_survives_every_failed_allocation);
  tcase_add_test(c, parsing_much_survives_every_failed_allocation);
  tcase_add_test(c, each_text_of_a_policy_may_lack_its_memory);
  tcase_add_test(c, a_tick_survives_every_failed_allocation);
  tcase_add_test(c, replay_and_lint_survive_every_failed_allocation);
  return run_case("faults", c);
}
