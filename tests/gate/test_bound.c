/* SPDX-License-Identifier: Apache-2.0
 *
 * test_bound.c - at_most beside a comparison: a candidate without any error passes in the end, and one above the bound does not.
 */
#include <math.h>
#include <stdio.h>

#include "gate/evalue.h"
#include "gate/policy.h"
#include "support.h"

#define PLAIN "mlcm: gate/v1\nchecks: [{name: e, compare: error, tolerate: 1.25x}]\n"
#define BOUNDED "mlcm: gate/v1\nchecks: [{name: e, compare: error, tolerate: 1.25x, at_most: 0.1%}]\n"

typedef struct fixture {
  mlcm_context *ctx;
  mlcm_policy *policy;
  mlcm_gate *gate;
} fixture;

static fixture start(const char *yaml) {
  fixture f = {.ctx = new_context()};
  f.policy = parse(f.ctx, yaml);
  ck_assert_int_eq(mlcm_gate_new(f.policy, &f.gate, NULL), MLCM_OK);
  return f;
}

static void stop(fixture *f) {
  mlcm_gate_free(f->gate);
  mlcm_policy_free(f->policy);
  mlcm_context_free(f->ctx);
}

/* So many ticks of these counts; the verdict after them. */
static mlcm_verdict_kind count(fixture *f, int ticks, mlcm_counts c) {
  mlcm_observation o = {.n_strata = 1, .fail = &c, .pass = &c};
  for (int i = 0; i < ticks; i++) ck_assert_int_eq(mlcm_gate_observe(f->gate, i, &o, 1, NULL), MLCM_OK);
  return mlcm_gate_verdict(f->gate);
}

/* ---- The test itself ----------------------------------------------------------------------------------------------- */

/* Sum over all outcomes of n trials of probability p of the e-process's mean of likelihood ratios. */
static double expectation(double bound, double p, int64_t n) {
  double sum = 0;
  for (int64_t bad = 0; bad <= n; bad++) {
    mlcm__evalue e;
    mlcm__evalue_init_bound(&e, bound);
    mlcm__evalue_add_bound(&e, n, bad);
    double log_p = lgamma((double)n + 1) - lgamma((double)bad + 1) - lgamma((double)(n - bad) + 1) + (double)bad * log(p) +
                   (double)(n - bad) * log1p(-p);
    sum += exp(log_p + e.log_e);
  }
  return sum;
}

START_TEST(expectation_is_one_at_the_bound_and_less_above_it) {
  static const double bounds[] = {1e-6, 0.001, 0.02, 0.5};
  static const int64_t sizes[] = {1, 2, 40, 500};
  for (size_t b = 0; b < 4; b++)
    for (size_t s = 0; s < 4; s++) {
      double at = expectation(bounds[b], bounds[b], sizes[s]);
      ck_assert_msg(fabs(at - 1) < 1e-11, "E - 1 = %g at bound %g, n %d", at - 1, bounds[b], (int)sizes[s]);
      ck_assert(expectation(bounds[b], 1.3 * bounds[b], sizes[s]) < 1);
      ck_assert(expectation(bounds[b], 0.5 * bounds[b], sizes[s]) > 1);
    }
}
END_TEST

START_TEST(ticks_may_be_cut_as_one_likes) {
  mlcm__evalue whole, parts;
  mlcm__evalue_init_bound(&whole, 0.01);
  parts = whole;
  mlcm__evalue_add_bound(&whole, 1000, 3);
  for (int i = 0; i < 10; i++) mlcm__evalue_add_bound(&parts, 100, i < 3);
  ck_assert(fabs(whole.log_e - parts.log_e) < 1e-12);
}
END_TEST

START_TEST(no_trials_change_nothing) {
  mlcm__evalue e;
  mlcm__evalue_init_bound(&e, 0.01);
  mlcm__evalue_add_bound(&e, 0, 0);
  ck_assert(e.log_e == 0);
}
END_TEST

START_TEST(evidence_of_a_clean_record_is_the_textbooks) {
  const double bound = 0.001;
  const int64_t n = 5000;
  double sum = 0;
  for (int j = 0; j < 24; j++) {
    double odds = bound / (1 - bound) * exp(log(0.95) + (log(0.02) - log(0.95)) * j / 23);
    sum += exp((double)n * (log1p(-odds / (1 + odds)) - log1p(-bound)));
  }
  mlcm__evalue e;
  mlcm__evalue_init_bound(&e, bound);
  mlcm__evalue_add_bound(&e, n, 0);
  ck_assert(fabs(e.log_e - log(sum / 24)) < 1e-10);
}
END_TEST

/* ---- In a gate ----------------------------------------------------------------------------------------------------- */

static const mlcm_counts clean_tick = {500, 0, 500, 0};

START_TEST(without_a_bound_a_clean_candidate_never_passes) {
  fixture f = start(PLAIN);
  ck_assert_int_eq(count(&f, 10000, clean_tick), MLCM_INCONCLUSIVE);
  stop(&f);
}
END_TEST

START_TEST(with_a_bound_a_clean_candidate_passes_after_some_thousand_answers) {
  fixture f = start(BOUNDED);
  ck_assert_int_eq(count(&f, 8, clean_tick), MLCM_INCONCLUSIVE);
  ck_assert_int_eq(count(&f, 1, clean_tick), MLCM_PASS);
  mlcm_check_state s = mlcm_gate_check(f.gate, 0);
  ck_assert_msg(strncmp(s.reason, "0 %, proven below 0.1 % (evidence ", 34) == 0, "%s", s.reason);
  ck_assert(s.log_e_pass >= s.log_threshold_pass && s.log_threshold_pass == log(1 / 0.05));
  stop(&f);
}
END_TEST

START_TEST(candidates_answers_count_for_the_bound_also_where_stable_has_none) {
  fixture f = start(BOUNDED);
  ck_assert_int_eq(count(&f, 20, (mlcm_counts){500, 0, 0, 0}), MLCM_PASS);
  stop(&f);
}
END_TEST

START_TEST(evidence_is_the_mean_of_both_tests) {
  fixture f = start(BOUNDED);
  const mlcm_counts c = {500, 1, 500, 4};
  mlcm__evalue pass, bound;
  mlcm__evalue_init(&pass, MLCM__SIDE_PASS, 1.25);
  mlcm__evalue_init_bound(&bound, 0.001);
  count(&f, 1, c);
  mlcm__evalue_add(&pass, &c);
  mlcm__evalue_add_bound(&bound, c.candidate_n, c.candidate_bad);
  double mean = log((exp(pass.log_e) + exp(bound.log_e)) / 2);
  ck_assert(fabs(mlcm_gate_check(f.gate, 0).log_e_pass - mean) < 1e-12);
  stop(&f);
}
END_TEST

START_TEST(the_comparison_still_passes_a_candidate_above_the_bound) {
  fixture f = start(BOUNDED);
  ck_assert_int_eq(count(&f, 40, (mlcm_counts){500, 5, 500, 20}), MLCM_PASS);
  ck_assert_ptr_nonnull(strstr(mlcm_gate_check(f.gate, 0).reason, "against 4 %, proven fine"));
  stop(&f);
}
END_TEST

START_TEST(a_failure_overrides_a_bound_that_is_kept) {
  fixture f = start(BOUNDED);
  ck_assert_int_eq(count(&f, 20, clean_tick), MLCM_PASS);
  ck_assert_int_eq(count(&f, 20, (mlcm_counts){500, 5, 5000, 0}), MLCM_FAIL);
  stop(&f);
}
END_TEST

START_TEST(each_step_has_to_prove_the_bound_anew) {
  fixture f = start(BOUNDED);
  ck_assert_int_eq(count(&f, 20, clean_tick), MLCM_PASS);
  mlcm_gate_begin_step(f.gate);
  ck_assert(mlcm_gate_check(f.gate, 0).log_e_pass == 0);
  ck_assert_int_eq(count(&f, 8, clean_tick), MLCM_INCONCLUSIVE);
  ck_assert_int_eq(count(&f, 1, clean_tick), MLCM_PASS);
  stop(&f);
}
END_TEST

START_TEST(min_samples_hold_for_the_bound_too) {
  fixture f =
      start("mlcm: gate/v1\nmin_samples: 20000\nchecks: [{name: e, compare: outcome.wrong, tolerate: 1.25x, at_most: 1%}]\n");
  ck_assert_int_eq(count(&f, 39, clean_tick), MLCM_INCONCLUSIVE);
  ck_assert_int_eq(count(&f, 1, clean_tick), MLCM_PASS);
  stop(&f);
}
END_TEST

START_TEST(only_policies_with_a_bound_name_its_method) {
  fixture with = start(BOUNDED), without = start(PLAIN);
  ck_assert_ptr_nonnull(
      strstr(mlcm_policy_to_json(with.policy),
             "{\"at_most\":\"0x1.0624dd2f1a9fcp-10\",\"at_most_method\":\"binomial-e/1\",\"compare\":\"error\","));
  ck_assert_ptr_null(strstr(mlcm_policy_to_json(without.policy), "at_most"));
  stop(&with);
  stop(&without);
}
END_TEST

START_TEST(a_replay_weighs_the_bound) {
  fixture f = start(BOUNDED);
  char *text = NULL;
  ck_assert_int_eq(mlcm_gate_replay(f.ctx, f.policy, "t",
                                    MLCM_STR("tick,candidate_requests,candidate_errors,stable_requests,stable_errors\n"
                                             "1,10000,0,10000,0\n"),
                                    NULL, &text, NULL),
                   MLCM_OK);
  ck_assert_msg(strstr(text, "pass at tick 1 of 1: 0 %, proven below 0.1 %") != NULL, "%s", text);
  mlcm_free(f.ctx, text);
  stop(&f);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("bound");
  tcase_add_test(c, expectation_is_one_at_the_bound_and_less_above_it);
  tcase_add_test(c, ticks_may_be_cut_as_one_likes);
  tcase_add_test(c, no_trials_change_nothing);
  tcase_add_test(c, evidence_of_a_clean_record_is_the_textbooks);
  tcase_add_test(c, without_a_bound_a_clean_candidate_never_passes);
  tcase_add_test(c, with_a_bound_a_clean_candidate_passes_after_some_thousand_answers);
  tcase_add_test(c, candidates_answers_count_for_the_bound_also_where_stable_has_none);
  tcase_add_test(c, evidence_is_the_mean_of_both_tests);
  tcase_add_test(c, the_comparison_still_passes_a_candidate_above_the_bound);
  tcase_add_test(c, a_failure_overrides_a_bound_that_is_kept);
  tcase_add_test(c, each_step_has_to_prove_the_bound_anew);
  tcase_add_test(c, min_samples_hold_for_the_bound_too);
  tcase_add_test(c, only_policies_with_a_bound_name_its_method);
  tcase_add_test(c, a_replay_weighs_the_bound);
  return run_case("bound", c);
}
