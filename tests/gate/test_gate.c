/* SPDX-License-Identifier: Apache-2.0
 *
 * test_gate.c - the rules around the evidence: latching, splitting alpha, values in a row, warm-up, samples, sample ratio, harm.
 */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "gate/evalue.h"
#include "support.h"

#define SECOND INT64_C(1000000000)

#define POLICY(top, checks) "mlcm: gate/v1\n" top "checks:\n" checks
#define ERRORS "  - {name: errors, compare: error, tolerate: 1.25x}\n"
#define LIMIT(rest) "  - {name: load, prometheus: {url: 'http://p', query: q}, at_most: 10" rest "}\n"

static const mlcm_counts bad_tick = {500, 60, 500, 5};
static const mlcm_counts even_tick = {500, 5, 500, 5};
static const mlcm_counts great_tick = {500, 0, 500, 60};

/* A gate over a policy, for one test. */
typedef struct fixture {
  mlcm_context *ctx;
  mlcm_policy *policy;
  mlcm_gate *gate;
  int64_t now;
} fixture;

static fixture start(const char *yaml) {
  fixture f = {.ctx = new_context(), .now = 1000 * SECOND};
  f.policy = parse(f.ctx, yaml);
  ck_assert_int_eq(mlcm_gate_new(f.policy, &f.gate, NULL), MLCM_OK);
  return f;
}

static void stop(fixture *f) {
  mlcm_policy_free(f->policy); /* before the gate: it has a hold of its own */
  mlcm_gate_free(f->gate);
  mlcm_context_free(f->ctx);
}

static void count(fixture *f, int32_t check, mlcm_counts c) {
  mlcm_observation o = {.check = check, .n_strata = 1, .fail = &c, .pass = &c};
  f->now += SECOND;
  ck_assert_int_eq(mlcm_gate_observe(f->gate, f->now, &o, 1, NULL), MLCM_OK);
}

static void measure(fixture *f, int32_t check, mlcm_measurement m) {
  mlcm_observation o = {.check = check, .measurement = &m};
  f->now += SECOND;
  ck_assert_int_eq(mlcm_gate_observe(f->gate, f->now, &o, 1, NULL), MLCM_OK);
}

static void value(fixture *f, int32_t check, double x) {
  measure(f, check, (mlcm_measurement){.kind = MLCM_MEASURED_VALUE, .value = x});
}

static mlcm_verdict_kind verdict(const fixture *f, size_t check) { return mlcm_gate_check(f->gate, check).verdict; }

/* ---- Comparing ----------------------------------------------------------------------------------------------------- */

START_TEST(nothing_seen_is_inconclusive) {
  fixture f = start(POLICY("", ERRORS));
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_INCONCLUSIVE);
  ck_assert_str_eq(mlcm_gate_explain(f.gate).reason, "errors: no answers of the candidate yet");
  stop(&f);
}
END_TEST

START_TEST(a_worse_candidate_fails_and_says_why) {
  fixture f = start(POLICY("", ERRORS));
  count(&f, 0, bad_tick);
  mlcm_verdict v = mlcm_gate_explain(f.gate);
  ck_assert_int_eq(v.kind, MLCM_FAIL);
  ck_assert_int_eq(v.check, 0);
  ck_assert_msg(strncmp(v.reason, "errors: 12 % against 1 %, proven after 500 answers (evidence ", 60) == 0, "%s", v.reason);
  ck_assert(mlcm_gate_check(f.gate, 0).decided_ns == f.now);
  stop(&f);
}
END_TEST

START_TEST(a_candidate_no_worse_passes_in_time) {
  fixture f = start(POLICY("", ERRORS));
  for (int i = 0; i < 400 && verdict(&f, 0) == MLCM_INCONCLUSIVE; i++) count(&f, 0, (mlcm_counts){500, 25, 500, 25});
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_PASS);
  ck_assert_str_eq(mlcm_gate_explain(f.gate).reason, "all checks have passed");
  stop(&f);
}
END_TEST

START_TEST(pass_latches_within_its_step_and_starts_anew_in_the_next) {
  fixture f = start(POLICY("", ERRORS));
  count(&f, 0, great_tick);
  ck_assert_int_eq(verdict(&f, 0), MLCM_PASS);
  for (int i = 0; i < 3; i++) count(&f, 0, (mlcm_counts){500, 12, 500, 10});
  ck_assert_int_eq(verdict(&f, 0), MLCM_PASS);
  double log_e_fail = mlcm_gate_check(f.gate, 0).log_e_fail;
  mlcm_gate_begin_step(f.gate);
  mlcm_check_state s = mlcm_gate_check(f.gate, 0);
  ck_assert_int_eq(s.verdict, MLCM_INCONCLUSIVE);
  ck_assert(s.log_e_pass == 0 && s.log_e_fail == log_e_fail && s.decided_ns == 0);
  ck_assert(s.step.candidate_n == 0 && s.total.candidate_n == 2000);
  stop(&f);
}
END_TEST

START_TEST(fail_latches_for_ever_and_overrides_a_pass) {
  fixture f = start(POLICY("", ERRORS));
  count(&f, 0, great_tick);
  ck_assert_int_eq(verdict(&f, 0), MLCM_PASS);
  for (int i = 0; i < 10; i++) count(&f, 0, bad_tick);
  ck_assert_int_eq(verdict(&f, 0), MLCM_FAIL);
  int64_t decided = mlcm_gate_check(f.gate, 0).decided_ns;
  for (int i = 0; i < 50; i++) count(&f, 0, great_tick);
  mlcm_gate_begin_step(f.gate);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_FAIL);
  ck_assert(mlcm_gate_check(f.gate, 0).decided_ns == decided);
  ck_assert(mlcm_gate_check(f.gate, 0).log_e_fail < 0); /* evidence goes on, the verdict stays */
  stop(&f);
}
END_TEST

START_TEST(alpha_is_split_over_the_comparing_checks_only) {
  fixture one = start(POLICY("", ERRORS LIMIT("")));
  fixture four =
      start(POLICY("alpha: 0.02\npass_alpha: 0.1\n",
                   ERRORS "  - {name: b, compare: outcome.b, tolerate: 2x}\n  - {name: c, compare: latency.p99, tolerate: 2x}\n"
                          "  - {name: d, compare: latency.p50, tolerate: 2x, on_fail: report}\n" LIMIT("")));
  ck_assert(fabs(mlcm_gate_check(one.gate, 0).log_threshold_fail - log(1 / 0.05)) < 1e-14);
  ck_assert(fabs(mlcm_gate_check(four.gate, 2).log_threshold_fail - log(4 / 0.02)) < 1e-14);
  ck_assert(fabs(mlcm_gate_check(four.gate, 2).log_threshold_pass - log(1 / 0.1)) < 1e-14);
  stop(&one);
  stop(&four);
}
END_TEST

START_TEST(fail_comes_exactly_at_its_threshold) {
  fixture f = start(POLICY("", ERRORS "  - {name: b, compare: outcome.b, tolerate: 1.25x}\n"));
  mlcm__evalue own;
  mlcm__evalue_init(&own, MLCM__SIDE_FAIL, 1.25);
  for (int i = 0; i < 100; i++) {
    mlcm_counts c = {500, 10, 500, 5};
    mlcm__evalue_add(&own, &c);
    count(&f, 0, c);
    ck_assert(mlcm_gate_check(f.gate, 0).log_e_fail == own.log_e);
    ck_assert_int_eq(verdict(&f, 0) == MLCM_FAIL, own.log_e >= mlcm_gate_check(f.gate, 0).log_threshold_fail);
  }
  ck_assert_int_eq(verdict(&f, 0), MLCM_FAIL);
  stop(&f);
}
END_TEST

START_TEST(a_latency_check_tests_odds_ratio_one_on_two_different_counts) {
  fixture f = start(POLICY("", "  - {name: slow, compare: latency.p99, fail_above: 1.1x, pass_below: 1.5x}\n"));
  mlcm__evalue fail, pass;
  mlcm__evalue_init(&fail, MLCM__SIDE_FAIL, 1.0);
  mlcm__evalue_init(&pass, MLCM__SIDE_PASS, 1.0);
  mlcm_counts above_fail = {1000, 9, 1000, 10}, above_pass = {1000, 1, 1000, 10};
  mlcm_observation o = {.check = 0, .n_strata = 1, .fail = &above_fail, .pass = &above_pass};
  ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, &o, 1, NULL), MLCM_OK);
  mlcm__evalue_add(&fail, &above_fail);
  mlcm__evalue_add(&pass, &above_pass);
  mlcm_check_state s = mlcm_gate_check(f.gate, 0);
  ck_assert(s.log_e_fail == fail.log_e && s.log_e_pass == pass.log_e);
  ck_assert(s.total.candidate_bad == 9 && s.step.candidate_bad == 1);
  stop(&f);
}
END_TEST

START_TEST(strata_add_up_one_by_one_whatever_the_order_of_checks) {
  fixture a = start(POLICY("", ERRORS "  - {name: b, compare: outcome.b, tolerate: 2x}\n")),
          b = start(POLICY("", ERRORS "  - {name: b, compare: outcome.b, tolerate: 2x}\n"));
  mlcm_counts two[] = {{100, 5, 100, 2}, {900, 10, 100, 1}};
  mlcm_observation forward[] = {{.check = 0, .n_strata = 2, .fail = two, .pass = two},
                                {.check = 1, .n_strata = 1, .fail = two, .pass = two}};
  mlcm_observation back[] = {forward[1], forward[0]};
  ck_assert_int_eq(mlcm_gate_observe(a.gate, 5, forward, 2, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm_gate_observe(b.gate, 5, back, 2, NULL), MLCM_OK);
  char *x = NULL, *y = NULL;
  ck_assert_int_eq(mlcm_gate_to_json(a.gate, &x, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm_gate_to_json(b.gate, &y, NULL), MLCM_OK);
  ck_assert_str_eq(x, y);
  mlcm_free(a.ctx, x);
  mlcm_free(b.ctx, y);
  stop(&a);
  stop(&b);
}
END_TEST

START_TEST(consequences_of_a_failed_comparison) {
  static const struct {
    const char *on_fail;
    mlcm_verdict_kind want;
  } rows[] = {{"rollback", MLCM_FAIL}, {"hold", MLCM_INCONCLUSIVE}, {"report", MLCM_PASS}};
  for (size_t i = 0; i < 3; i++) {
    char yaml[512];
    snprintf(yaml, sizeof(yaml), POLICY("", "  - {name: e, compare: error, tolerate: 1.25x, on_fail: %s}\n" LIMIT("")),
             rows[i].on_fail);
    fixture f = start(yaml);
    value(&f, 1, 5);
    count(&f, 0, bad_tick);
    ck_assert_int_eq(verdict(&f, 0), MLCM_FAIL);
    ck_assert_int_eq(mlcm_gate_verdict(f.gate), rows[i].want);
    stop(&f);
  }
}
END_TEST

/* ---- Limits -------------------------------------------------------------------------------------------------------- */

START_TEST(a_good_value_passes_until_the_next_measurement) {
  fixture f = start(POLICY("", LIMIT("")));
  value(&f, 0, 5);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_PASS);
  value(&f, 0, 11);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_INCONCLUSIVE);
  ck_assert_str_eq(mlcm_gate_explain(f.gate).reason, "load: 11, at most 10 wanted: bad value 1 of 3");
  value(&f, 0, 10);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_PASS);
  stop(&f);
}
END_TEST

START_TEST(no_other_measurement_passes_or_fails) {
  for (mlcm_measurement_kind kind = MLCM_MEASURED_NO_DATA; kind <= MLCM_MEASURED_ERROR; kind++) {
    fixture f = start(POLICY("", LIMIT(", on_fail: rollback")));
    value(&f, 0, 5);
    for (int i = 0; i < 100; i++)
      measure(&f, 0, (mlcm_measurement){.kind = kind, .value = kind == MLCM_MEASURED_PARTIAL ? 99 : 0, .detail = "why"});
    mlcm_verdict v = mlcm_gate_explain(f.gate);
    ck_assert_int_eq(v.kind, MLCM_INCONCLUSIVE);
    ck_assert_ptr_nonnull(strstr(v.reason, ": why"));
    value(&f, 0, 5);
    ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_PASS);
    stop(&f);
  }
}
END_TEST

START_TEST(three_bad_values_in_a_row_fail_and_latch_when_they_roll_back) {
  fixture f = start(POLICY("", LIMIT(", on_fail: rollback")));
  value(&f, 0, 11);
  value(&f, 0, 11);
  value(&f, 0, 5);
  value(&f, 0, 11);
  measure(&f, 0, (mlcm_measurement){.kind = MLCM_MEASURED_NO_DATA}); /* neither counts nor ends the row */
  value(&f, 0, 11);
  ck_assert_int_eq(verdict(&f, 0), MLCM_INCONCLUSIVE);
  value(&f, 0, 11);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_FAIL);
  ck_assert_str_eq(mlcm_gate_explain(f.gate).reason, "load: 11, at most 10 wanted: 3 bad values in a row");
  value(&f, 0, 5);
  mlcm_gate_begin_step(f.gate);
  value(&f, 0, 5);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_FAIL);
  stop(&f);
}
END_TEST

START_TEST(a_failed_limit_that_holds_recovers_with_its_value) {
  fixture f = start(POLICY("", LIMIT(", failures: 2")));
  value(&f, 0, 11);
  value(&f, 0, 11);
  ck_assert_int_eq(verdict(&f, 0), MLCM_FAIL);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_INCONCLUSIVE);
  value(&f, 0, 5);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_PASS);
  stop(&f);
}
END_TEST

START_TEST(a_limit_needs_a_value_in_each_step) {
  fixture f = start(POLICY("", LIMIT("")));
  value(&f, 0, 5);
  mlcm_gate_begin_step(f.gate);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_INCONCLUSIVE);
  ck_assert_str_eq(mlcm_gate_check(f.gate, 0).reason, "5, before this step");
  value(&f, 0, 5);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_PASS);
  stop(&f);
}
END_TEST

START_TEST(limits_include_their_ends) {
  fixture f = start(POLICY("", "  - {name: x, meter: requests_per_second, at_least: 1, at_most: 2}\n"));
  static const double good[] = {1, 2, 1.5}, bad[] = {0.999, 2.001};
  for (size_t i = 0; i < 3; i++) {
    value(&f, 0, good[i]);
    ck_assert_int_eq(verdict(&f, 0), MLCM_PASS);
  }
  for (size_t i = 0; i < 2; i++) {
    value(&f, 0, bad[i]);
    ck_assert_int_eq(verdict(&f, 0), MLCM_INCONCLUSIVE);
  }
  stop(&f);
}
END_TEST

START_TEST(a_probe_passes_up_and_fails_down) {
  fixture f = start(POLICY("", "  - {name: up, http: {url: 'http://h'}, status: 200}\n"));
  measure(&f, 0, (mlcm_measurement){.kind = MLCM_MEASURED_VALUE, .value = 1, .http_status = 200});
  ck_assert_int_eq(verdict(&f, 0), MLCM_PASS);
  ck_assert_str_eq(mlcm_gate_check(f.gate, 0).reason, "status 200, status 200 wanted");
  measure(&f, 0, (mlcm_measurement){.kind = MLCM_MEASURED_VALUE, .value = 1, .http_status = 204});
  ck_assert_int_eq(verdict(&f, 0), MLCM_INCONCLUSIVE);
  measure(&f, 0, (mlcm_measurement){.kind = MLCM_MEASURED_VALUE, .value = 0, .http_status = 503});
  measure(&f, 0, (mlcm_measurement){.kind = MLCM_MEASURED_VALUE, .value = 0, .detail = "connection refused"});
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_FAIL);
  ck_assert_str_eq(mlcm_gate_check(f.gate, 0).reason, "connection refused, status 200 wanted: 3 bad values in a row");
  stop(&f);
}
END_TEST

START_TEST(an_evaluation_decides_at_its_first_value) {
  fixture f = start(POLICY("", "  - {name: acc, evaluation: accuracy, at_least: 95%}\n"));
  value(&f, 0, 0.94);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_FAIL);
  stop(&f);
}
END_TEST

/* ---- Guard rails --------------------------------------------------------------------------------------------------- */

START_TEST(warm_up_drops_the_first_requests) {
  fixture f = start(POLICY("warm_up: {requests: 800}\n", ERRORS));
  count(&f, 0, bad_tick);
  ck_assert(mlcm_gate_explain(f.gate).warming_up);
  count(&f, 0, bad_tick); /* 500 candidate's requests before it: still warming up */
  ck_assert(mlcm_gate_check(f.gate, 0).log_e_fail == 0);
  ck_assert_str_eq(mlcm_gate_check(f.gate, 0).reason, "warming up");
  count(&f, 0, even_tick);
  ck_assert(!mlcm_gate_explain(f.gate).warming_up);
  ck_assert(mlcm_gate_check(f.gate, 0).total.candidate_n == 500);
  stop(&f);
}
END_TEST

START_TEST(warm_up_by_requests_counts_told_traffic) {
  fixture f = start(POLICY("warm_up: {requests: 800}\n", ERRORS));
  mlcm_traffic t = {.requests = {1000, 0, 1000, 0}};
  ck_assert_int_eq(mlcm_gate_observe_traffic(f.gate, f.now, &t, NULL), MLCM_OK);
  count(&f, 0, bad_tick);
  ck_assert(mlcm_gate_check(f.gate, 0).total.candidate_n == 0);
  count(&f, 0, bad_tick);
  ck_assert(mlcm_gate_check(f.gate, 0).total.candidate_n == 500);
  stop(&f);
}
END_TEST

START_TEST(warm_up_drops_the_first_time) {
  fixture f = start(POLICY("warm_up: {for: 3s}\n", ERRORS));
  for (int i = 0; i < 3; i++) count(&f, 0, bad_tick);
  ck_assert(mlcm_gate_check(f.gate, 0).total.candidate_n == 0);
  count(&f, 0, bad_tick);
  ck_assert_int_eq(verdict(&f, 0), MLCM_FAIL);
  stop(&f);
}
END_TEST

START_TEST(min_samples_hold_back_both_verdicts) {
  fixture f = start(POLICY("min_samples: 1200\n", ERRORS));
  count(&f, 0, great_tick);
  ck_assert_int_eq(verdict(&f, 0), MLCM_INCONCLUSIVE);
  ck_assert_str_eq(mlcm_gate_check(f.gate, 0).reason, "700 answers more needed (min_samples)");
  ck_assert(mlcm_gate_explain(f.gate).samples_short == 700);
  count(&f, 0, great_tick);
  count(&f, 0, great_tick);
  ck_assert_int_eq(verdict(&f, 0), MLCM_PASS);
  fixture g = start(POLICY("min_samples: 1200\n", ERRORS));
  count(&g, 0, bad_tick);
  count(&g, 0, bad_tick);
  ck_assert_int_eq(verdict(&g, 0), MLCM_INCONCLUSIVE);
  count(&g, 0, bad_tick);
  ck_assert_int_eq(verdict(&g, 0), MLCM_FAIL);
  stop(&f);
  stop(&g);
}
END_TEST

static void report(fixture *f, int64_t candidate, int64_t stable) {
  mlcm_traffic t = {.candidate_routed = 1000, .stable_routed = 3000, .candidate_reported = candidate, .stable_reported = stable};
  ck_assert_int_eq(mlcm_gate_observe_traffic(f->gate, f->now, &t, NULL), MLCM_OK);
}

START_TEST(a_broken_sample_ratio_makes_a_pass_inconclusive) {
  fixture f = start(POLICY("", ERRORS));
  report(&f, 250, 750);
  count(&f, 0, great_tick);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_PASS);
  for (int i = 0; i < 5; i++) report(&f, 150, 750);
  mlcm_verdict v = mlcm_gate_explain(f.gate);
  ck_assert_int_eq(v.kind, MLCM_INCONCLUSIVE);
  ck_assert(v.ratio_alarm && v.log_e_ratio >= log(1000) && v.check == -1);
  ck_assert_ptr_nonnull(strstr(v.reason, "share of reports"));
  count(&f, 0, (mlcm_counts){5000, 2000, 5000, 0}); /* harm that is proven still fails */
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_FAIL);
  stop(&f);
}
END_TEST

START_TEST(the_sample_ratio_check_can_be_turned_off) {
  fixture f = start(POLICY("sample_ratio_alpha: 0\n", ERRORS));
  count(&f, 0, great_tick);
  for (int i = 0; i < 50; i++) report(&f, 0, 1000);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_PASS);
  stop(&f);
}
END_TEST

static void harm(fixture *f, mlcm_counts requests) {
  mlcm_traffic t = {.requests = requests};
  ck_assert_int_eq(mlcm_gate_observe_traffic(f->gate, f->now, &t, NULL), MLCM_OK);
}

START_TEST(a_spent_harm_budget_fails_without_statistics) {
  fixture f = start(POLICY("harm_budget: 20\n", ERRORS));
  harm(&f, (mlcm_counts){100, 20, 1000, 0});
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_INCONCLUSIVE);
  harm(&f, (mlcm_counts){100, 1, 1000, 0});
  mlcm_verdict v = mlcm_gate_explain(f.gate);
  ck_assert_int_eq(v.kind, MLCM_FAIL);
  ck_assert_int_eq(v.check, -1);
  ck_assert_str_eq(v.reason, "harm budget spent: 21 failed requests more than stable's rate, the budget is 20");
  harm(&f, (mlcm_counts){10000, 0, 1000, 1000});
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_FAIL);
  stop(&f);
}
END_TEST

START_TEST(harm_is_only_what_exceeds_stables_rate) {
  fixture f = start(POLICY("harm_budget: 20\n", ERRORS));
  for (int i = 0; i < 1000; i++) harm(&f, (mlcm_counts){100, 10, 1000, 100});
  harm(&f, (mlcm_counts){100, 100, 0, 0}); /* nobody to compare with */
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_INCONCLUSIVE);
  ck_assert(mlcm_gate_explain(f.gate).harm < 1e-6);
  stop(&f);
}
END_TEST

/* ---- Arguments, copies, memory ------------------------------------------------------------------------------------- */

START_TEST(an_observation_of_nobody_changes_nothing) {
  fixture f = start(POLICY("", ERRORS));
  const mlcm_observation nobody = {.check = 0};
  ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, &nobody, 1, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm_gate_check(f.gate, 0).total.candidate_n, 0);
  stop(&f);
}
END_TEST

START_TEST(bad_observations_are_refused_and_change_nothing) {
  fixture f = start(POLICY("", ERRORS LIMIT("")));
  mlcm_counts good = {10, 1, 10, 1}, negative = {10, -1, 10, 1}, many = {10, 11, 10, 1}, huge = {INT64_MAX, 1, 10, 1};
  mlcm_measurement m = {.kind = MLCM_MEASURED_VALUE}, odd = {.kind = 9}, nan = {.kind = MLCM_MEASURED_VALUE, .value = NAN};
  const mlcm_observation bad[] = {
      {.check = -1},
      {.check = 2},
      {.check = 0, .n_strata = -1},
      {.check = 0, .n_strata = 1001, .fail = &good, .pass = &good},
      {.check = 0, .n_strata = 1, .fail = &good},
      {.check = 0, .n_strata = 1, .pass = &good},
      {.check = 0, .n_strata = 1, .fail = &negative, .pass = &good},
      {.check = 0, .n_strata = 1, .fail = &good, .pass = &many},
      {.check = 0, .n_strata = 1, .fail = &huge, .pass = &good},
      {.check = 0, .measurement = &m},
      {.check = 1, .n_strata = 1, .fail = &good, .pass = &good},
      {.check = 1, .measurement = &odd},
      {.check = 1, .measurement = &nan},
  };
  char *before = NULL, *after = NULL;
  ck_assert_int_eq(mlcm_gate_to_json(f.gate, &before, NULL), MLCM_OK);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    mlcm_observation two[] = {{.check = 0, .n_strata = 1, .fail = &good, .pass = &good}, bad[i]};
    mlcm_error err;
    ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, two, 2, &err), MLCM_INVALID_ARGUMENT);
    ck_assert_uint_gt(strlen(err.message), 10);
  }
  mlcm_traffic traffic = {.candidate_routed = -1};
  ck_assert_int_eq(mlcm_gate_observe_traffic(f.gate, 1, &traffic, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_observe_traffic(f.gate, 1, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, NULL, 1, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_observe(NULL, 1, NULL, 0, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_to_json(f.gate, &after, NULL), MLCM_OK);
  ck_assert_str_eq(before, after);
  mlcm_free(f.ctx, before);
  mlcm_free(f.ctx, after);
  stop(&f);
}
END_TEST

START_TEST(a_clone_goes_its_own_way) {
  fixture f = start(POLICY("", ERRORS));
  count(&f, 0, even_tick);
  mlcm_gate *copy = NULL;
  ck_assert_int_eq(mlcm_gate_clone(f.gate, &copy, NULL), MLCM_OK);
  ck_assert(mlcm_gate_check(copy, 0).log_e_fail == mlcm_gate_check(f.gate, 0).log_e_fail);
  count(&f, 0, bad_tick);
  ck_assert_int_eq(mlcm_gate_verdict(f.gate), MLCM_FAIL);
  ck_assert_int_eq(mlcm_gate_verdict(copy), MLCM_INCONCLUSIVE);
  stop(&f);
  ck_assert_uint_eq(mlcm_gate_n_checks(copy), 1);
  mlcm_gate_free(copy);
}
END_TEST

START_TEST(state_json_is_canonical_and_complete) {
  fixture f = start(POLICY("", ERRORS LIMIT("")));
  count(&f, 0, (mlcm_counts){1, 1, 1, 0});
  measure(&f, 1, (mlcm_measurement){.kind = MLCM_MEASURED_STALE, .at_ns = 5, .detail = "old"});
  char *json = NULL, want[2048];
  ck_assert_int_eq(mlcm_gate_to_json(f.gate, &json, NULL), MLCM_OK);
  snprintf(want, sizeof(want),
           "\"policy_digest\":\"%s\",\"verdict\":{\"check\":0,\"harm\":\"0x0p+0\",\"kind\":\"inconclusive\","
           "\"log_e_ratio\":\"0x0p+0\",\"ratio_alarm\":false,\"reason\":\"errors: no proof yet, fail ",
           mlcm_policy_digest(f.policy));
  ck_assert_msg(strstr(json, want) != NULL, "%s", json);
  ck_assert_ptr_nonnull(strstr(json, "\"failures_in_a_row\":0,\"last\":{\"at_ns\":\"5\",\"detail\":\"old\",\"http_status\":0,"
                                     "\"kind\":\"stale\",\"value\":\"0x0p+0\"}"));
  ck_assert_ptr_nonnull(
      strstr(json, "\"total\":{\"candidate_bad\":\"1\",\"candidate_n\":\"1\",\"stable_bad\":\"0\",\"stable_n\":\"1\"}"));
  mlcm_free(f.ctx, json);
  stop(&f);
}
END_TEST

START_TEST(checks_out_of_range_are_all_zero) {
  fixture f = start(POLICY("", ERRORS));
  mlcm_check_state s = mlcm_gate_check(f.gate, 1);
  ck_assert(s.verdict == 0 && s.reason[0] == '\0');
  stop(&f);
}
END_TEST

static const mlcm_traffic bad_traffic[] = {
    {.candidate_routed = -1},
    {.stable_routed = -1},
    {.candidate_reported = -1},
    {.stable_reported = -1},
    {.stable_routed = MLCM_GATE_MAX_COUNT + 1},
    {.requests = {.candidate_n = -1}},
    {.requests = {.stable_n = -1}},
    {.requests = {.candidate_n = 1, .candidate_bad = -1}},
    {.requests = {.candidate_n = 1, .candidate_bad = 2}},
    {.requests = {.stable_n = 1, .stable_bad = -1}},
    {.requests = {.stable_n = 1, .stable_bad = 2}},
};

START_TEST(traffic_out_of_range_is_refused) {
  fixture f = start(POLICY("", ERRORS));
  for (size_t i = 0; i < sizeof(bad_traffic) / sizeof(bad_traffic[0]); i++)
    ck_assert_int_eq(mlcm_gate_observe_traffic(f.gate, 1, &bad_traffic[i], NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_observe_traffic(f.gate, 1, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_observe_traffic(NULL, 1, &bad_traffic[0], NULL), MLCM_INVALID_ARGUMENT);
  stop(&f);
}
END_TEST

START_TEST(half_an_observation_and_unknown_measurements_are_refused) {
  fixture f = start(POLICY("", ERRORS LIMIT("")));
  const mlcm_counts c = {1, 0, 1, 0};
  const mlcm_measurement none = {.kind = 0}, strange = {.kind = 99}, endless = {.kind = MLCM_MEASURED_VALUE, .value = INFINITY};
  const mlcm_observation bad[] = {{.check = 0, .n_strata = 1, .fail = &c},
                                  {.check = 0, .n_strata = 1, .pass = &c},
                                  {.check = 1, .measurement = &none},
                                  {.check = 1, .measurement = &strange},
                                  {.check = 1, .measurement = &endless}};
  const mlcm_observation nothing = {.check = 1};
  for (size_t i = 0; i < 5; i++) ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, &bad[i], 1, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, &nothing, 1, NULL), MLCM_OK);
  stop(&f);
}
END_TEST

START_TEST(null_arguments_are_refused) {
  fixture f = start(POLICY("", ERRORS));
  mlcm_gate *gate = NULL;
  char *json = NULL;
  ck_assert_int_eq(mlcm_gate_observe(NULL, 1, NULL, 0, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, NULL, 1, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, NULL, 0, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm_gate_new(NULL, &gate, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_new(f.policy, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_clone(NULL, &gate, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_clone(f.gate, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_to_json(NULL, &json, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_to_json(f.gate, NULL, NULL), MLCM_INVALID_ARGUMENT);
  stop(&f);
}
END_TEST

START_TEST(the_sample_ratio_needs_reports_and_traffic_on_both_sides) {
  static const mlcm_traffic silent[] = {{.candidate_routed = 5, .stable_routed = 5},
                                        {.stable_routed = 5, .candidate_reported = 900},
                                        {.candidate_routed = 5, .stable_reported = 900}};
  fixture f = start(POLICY("", ERRORS));
  for (size_t i = 0; i < 3; i++) ck_assert_int_eq(mlcm_gate_observe_traffic(f.gate, 1, &silent[i], NULL), MLCM_OK);
  ck_assert(mlcm_gate_explain(f.gate).log_e_ratio == 0);
  stop(&f);
}
END_TEST

START_TEST(sums_for_display_stop_before_they_overflow) {
  fixture f = start(POLICY("", ERRORS));
  static mlcm_counts strata[1000];
  for (int i = 0; i < 1000; i++) strata[i] = (mlcm_counts){MLCM_GATE_MAX_COUNT, 0, MLCM_GATE_MAX_COUNT, 0};
  mlcm_observation o = {.check = 0, .n_strata = 1000, .fail = strata, .pass = strata};
  for (int i = 0; i < 6; i++) ck_assert_int_eq(mlcm_gate_observe(f.gate, 1, &o, 1, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm_gate_check(f.gate, 0).total.candidate_n, INT64_C(1) << 62);
  stop(&f);
}
END_TEST

#define MEASURED(...) {.kind = MLCM_MEASURED_VALUE, __VA_ARGS__}

/* One check, the measurements it gets in turn, and what its reason says then. */
static const struct {
  const char *check;
  mlcm_measurement seen[4];
  const char *reason;
} told[] = {
    {"{name: x, http: {url: 'http://x'}}", {MEASURED(.value = 1)}, "up, any 2xx status wanted"},
    {"{name: x, http: {url: 'http://x'}}", {MEASURED(.value = 1, .http_status = 204)}, "status 204, any 2xx status wanted"},
    {"{name: x, http: {url: 'http://x'}, status: 204}", {MEASURED(.value = 1)}, "up, status 204 wanted"},
    {"{name: x, http: {url: 'http://x'}, status: 204}", {MEASURED(.value = 1, .http_status = 200)}, "bad value 1 of 3"},
    {"{name: x, http: {url: 'http://x'}}", {MEASURED(.value = 0)}, "down, any 2xx status wanted: bad value 1 of 3"},
    {"{name: x, http: {url: 'http://x'}}", {MEASURED(.value = 0, .detail = "refused")}, "refused, any 2xx"},
    {"{name: x, meter: latency.p99, at_most: 5ms}", {MEASURED(.value = 0.0005)}, "500 us, at most 5 ms wanted"},
    {"{name: x, meter: latency.p99, at_most: 5ms}", {MEASURED(.value = -1)}, "-1, at most 5 ms wanted"},
    {"{name: x, meter: latency.p99, at_most: 5ms}", {MEASURED(.value = 1e10)}, "1e+10, at most 5 ms wanted"},
    {"{name: x, meter: outcome.wrong, at_most: 5%}", {MEASURED(.value = 0.02)}, "2 %, at most 5 % wanted"},
    {"{name: x, meter: error_ratio, at_most: 5%}", {MEASURED(.value = 0.5)}, "50 %, at most 5 % wanted: bad value 1 of 3"},
    {"{name: x, meter: requests_per_second, at_least: 7, at_most: 9}", {MEASURED(.value = 8.25)}, "8.25, between 7 and 9 wanted"},
    {"{name: x, meter: requests_per_second, at_least: 7, at_most: 9}", {MEASURED(.value = 6)}, "bad value 1 of 3"},
    {"{name: x, meter: requests_per_second, at_least: 7, at_most: 9}", {MEASURED(.value = 10)}, "bad value 1 of 3"},
    {"{name: x, meter: requests_per_second, at_least: 7}", {MEASURED(.value = 10)}, "10, at least 7 wanted"},
    {"{name: x, evaluation: f1, at_least: 0.5}", {MEASURED(.value = 0.25)}, "0.25, at least 0.5 wanted: 1 bad values in a row"},
    {"{name: x, evaluation: f1, at_least: 0.5}",
     {MEASURED(.value = 0.25), {.kind = MLCM_MEASURED_STALE}},
     "at least 0.5 wanted, 1 bad values in a row, then stale"},
    {"{name: x, evaluation: f1, at_least: 0.5}", {{.kind = MLCM_MEASURED_ERROR, .detail = "gone"}}, "error: gone"},
    {"{name: x, evaluation: f1, at_least: 0.5}", {{.kind = MLCM_MEASURED_NO_DATA}}, "no data"},
};

START_TEST(a_reason_tells_numbers_and_limits) {
  char yaml[256];
  snprintf(yaml, sizeof(yaml), "mlcm: gate/v1\nchecks: [%s]\n", told[_i].check);
  fixture f = start(yaml);
  for (int i = 0; i < 4 && told[_i].seen[i].kind != 0; i++) measure(&f, 0, told[_i].seen[i]);
  mlcm_check_state s = mlcm_gate_check(f.gate, 0);
  ck_assert_msg(strstr(s.reason, told[_i].reason) != NULL, "no '%s' in: %s", told[_i].reason, s.reason);
  stop(&f);
}
END_TEST

/* The longest name a check may have. */
#define NAME "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

/* Of characters of two bytes, from an even and from an odd place on: each end falls into one of them in one of the two. */
START_TEST(reasons_are_cut_between_characters) {
  for (size_t shift = 0; shift < 2; shift++) {
    fixture f = start(POLICY("", "  - {name: " NAME ", prometheus: {url: 'http://p', query: q}, at_most: 10}\n"));
    mlcm_measurement m = {.kind = MLCM_MEASURED_ERROR, .detail = "x"};
    for (size_t i = shift; i + 2 < sizeof(m.detail); i += 2) memcpy(m.detail + i, "\xC3\xBC", 2);
    measure(&f, 0, m);
    const mlcm_check_state check = mlcm_gate_check(f.gate, 0);
    const mlcm_verdict verdict = mlcm_gate_explain(f.gate);
    ck_assert_int_eq(verdict.check, 0);
    ck_assert_uint_ge(strlen(check.reason), sizeof(check.reason) - 2);
    ck_assert_uint_ge(strlen(verdict.reason), sizeof(verdict.reason) - 2);
    ck_assert(mlcm__utf8_valid(check.reason, strlen(check.reason)));
    ck_assert(mlcm__utf8_valid(verdict.reason, strlen(verdict.reason)));
    stop(&f);
  }
}
END_TEST

START_TEST(evidence_beyond_all_numbers_is_told_as_such) {
  fixture f = start(POLICY("", ERRORS));
  for (int i = 0; i < 40; i++) count(&f, 0, (mlcm_counts){5000, 2500, 5000, 5});
  ck_assert_ptr_nonnull(strstr(mlcm_gate_check(f.gate, 0).reason, "(evidence over 1e+300, needed 20"));
  stop(&f);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("gate");
  tcase_add_test(c, nothing_seen_is_inconclusive);
  tcase_add_test(c, a_worse_candidate_fails_and_says_why);
  tcase_add_test(c, a_candidate_no_worse_passes_in_time);
  tcase_add_test(c, pass_latches_within_its_step_and_starts_anew_in_the_next);
  tcase_add_test(c, fail_latches_for_ever_and_overrides_a_pass);
  tcase_add_test(c, alpha_is_split_over_the_comparing_checks_only);
  tcase_add_test(c, fail_comes_exactly_at_its_threshold);
  tcase_add_test(c, a_latency_check_tests_odds_ratio_one_on_two_different_counts);
  tcase_add_test(c, strata_add_up_one_by_one_whatever_the_order_of_checks);
  tcase_add_test(c, consequences_of_a_failed_comparison);
  tcase_add_test(c, a_good_value_passes_until_the_next_measurement);
  tcase_add_test(c, no_other_measurement_passes_or_fails);
  tcase_add_test(c, three_bad_values_in_a_row_fail_and_latch_when_they_roll_back);
  tcase_add_test(c, a_failed_limit_that_holds_recovers_with_its_value);
  tcase_add_test(c, a_limit_needs_a_value_in_each_step);
  tcase_add_test(c, limits_include_their_ends);
  tcase_add_test(c, a_probe_passes_up_and_fails_down);
  tcase_add_test(c, an_evaluation_decides_at_its_first_value);
  tcase_add_test(c, warm_up_drops_the_first_requests);
  tcase_add_test(c, warm_up_by_requests_counts_told_traffic);
  tcase_add_test(c, warm_up_drops_the_first_time);
  tcase_add_test(c, min_samples_hold_back_both_verdicts);
  tcase_add_test(c, a_broken_sample_ratio_makes_a_pass_inconclusive);
  tcase_add_test(c, the_sample_ratio_check_can_be_turned_off);
  tcase_add_test(c, a_spent_harm_budget_fails_without_statistics);
  tcase_add_test(c, harm_is_only_what_exceeds_stables_rate);
  tcase_add_test(c, an_observation_of_nobody_changes_nothing);
  tcase_add_test(c, bad_observations_are_refused_and_change_nothing);
  tcase_add_test(c, a_clone_goes_its_own_way);
  tcase_add_test(c, state_json_is_canonical_and_complete);
  tcase_add_test(c, checks_out_of_range_are_all_zero);
  tcase_add_test(c, traffic_out_of_range_is_refused);
  tcase_add_test(c, half_an_observation_and_unknown_measurements_are_refused);
  tcase_add_test(c, null_arguments_are_refused);
  tcase_add_test(c, the_sample_ratio_needs_reports_and_traffic_on_both_sides);
  tcase_add_test(c, sums_for_display_stop_before_they_overflow);
  tcase_add_loop_test(c, a_reason_tells_numbers_and_limits, 0, (int)(sizeof(told) / sizeof(told[0])));
  tcase_add_test(c, reasons_are_cut_between_characters);
  tcase_add_test(c, evidence_beyond_all_numbers_is_told_as_such);
  return run_case("gate", c);
}
