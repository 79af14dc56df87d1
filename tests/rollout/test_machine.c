/* SPDX-License-Identifier: Apache-2.0
 *
 * test_machine.c - the state machine, one fact a test. Many facts are what users of other rollout controllers complained about; the
 * comment names the complaint.
 */
#include "registry/fixture.h"

#include "rollout/machine.h"

#define SECOND TEST_SECOND_NS

/* A rollout in a test's hands: every tick is one second later unless the test says otherwise. */
typedef struct rig {
  mlcm_context *ctx;
  mlcm_plan *plan;
  mlcm__machine *machine;
  int64_t wall, mono;
  mlcm_counts errors;  /* of check 0 in the next tick */
  mlcm_measurement up; /* of check 1 in the next tick; kind 0: nothing new */
  mlcm__tick_command command;
  mlcm__outcome out;
} rig;

static const char two_steps[] = "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\n"
                                "steps: [{weight: 5%, for: 10s}, {weight: 50%, for: 10s}]\n"
                                "expire: {after: 10m, action: rollback}\nsample_ratio_alpha: 0\n"
                                "checks: [{name: errors, compare: error, tolerate: 2x}]\n";

static const char with_probe[] = "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\n"
                                 "steps: [{weight: 5%, for: 10s}]\n"
                                 "expire: {after: 2m, action: rollback}\nsample_ratio_alpha: 0\n"
                                 "checks:\n  - {name: errors, compare: error, tolerate: 2x}\n"
                                 "  - {name: up, http: {url: \"http://127.0.0.1:1/\"}, status: 200}\n";

static void rig_open(rig *r, const char *yaml) {
  memset(r, 0, sizeof(*r));
  r->ctx = test_context(NULL, NULL, NULL);
  r->wall = TEST_EPOCH_NS;
  r->mono = 1000 * SECOND;
  CHECK_OK(mlcm_plan_parse(r->ctx, "plan.yaml", mlcm_str_of(yaml), &r->plan, err));
  CHECK_OK(mlcm__machine_new(r->ctx, r->plan, 1, 2, &r->machine, err));
}

static void rig_close(rig *r) {
  mlcm__machine_free(r->machine);
  mlcm_plan_free(r->plan);
  mlcm_context_free(r->ctx);
}

/* One tick with what the rig holds; commands are given once. */
static mlcm_action tick(rig *r) {
  mlcm_observation seen[2] = {{.check = 0, .n_strata = 1, .fail = &r->errors, .pass = &r->errors},
                              {.check = 1, .measurement = &r->up}};
  mlcm_traffic traffic = {.requests = r->errors};
  mlcm__tick t = {.wall_ns = r->wall,
                  .mono_ns = r->mono,
                  .observations = seen,
                  .n_observations = 1,
                  .traffic = &traffic,
                  .n_traffic = 1,
                  .command = r->command};
  if (r->up.kind && mlcm_policy_n_checks(r->plan->policy) > 1) t.n_observations = 2;
  CHECK_OK(mlcm__machine_tick(r->machine, &t, &r->out, err));
  r->command = (mlcm__tick_command){0};
  r->wall += SECOND;
  r->mono += SECOND;
  return r->out.action;
}

/* Ticks until something is decided, at most n times. */
static mlcm_action run(rig *r, int n) {
  for (int i = 0; i < n; i++)
    if (tick(r)) return r->out.action;
  return 0;
}

static mlcm_action ask(rig *r, int32_t kind) {
  r->command = (mlcm__tick_command){kind, "ana", "because"};
  return tick(r);
}

static const mlcm_counts good = {500, 5, 500, 5}, bad = {500, 100, 500, 5}, none = {0, 0, 0, 0};
static const mlcm_measurement is_up = {.kind = MLCM_MEASURED_VALUE, .http_status = 200, .value = 1};
static const mlcm_measurement is_down = {.kind = MLCM_MEASURED_VALUE, .http_status = 503, .value = 0};

START_TEST(the_first_tick_starts) {
  rig r;
  rig_open(&r, two_steps);
  ck_assert_int_eq(tick(&r), MLCM_ACTION_START);
  ck_assert_int_eq(r.out.seq, 1);
  ck_assert_int_eq(r.out.to_weight_ppm, 50000);
  ck_assert_int_eq(r.machine->status, MLCM_ROLLOUT_PROGRESSING);
  ck_assert_str_eq(r.out.reason, "canary of /2 against /1 starts at 5 %");
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_START);
  rig_close(&r);
}
END_TEST

START_TEST(a_good_candidate_is_advanced_and_promoted) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = good;
  ck_assert_int_eq(run(&r, 60), MLCM_ACTION_ADVANCE);
  ck_assert_int_eq(r.out.verdict, MLCM_PASS);
  ck_assert_int_eq(r.machine->weight_ppm, 500000);
  ck_assert_int_eq(run(&r, 60), MLCM_ACTION_PROMOTE);
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_PROVEN);
  ck_assert_int_eq(r.machine->status, MLCM_ROLLOUT_PROMOTED);
  ck_assert_int_eq(r.machine->weight_ppm, MLCM_WEIGHT_ALL);
  ck_assert_int_eq(r.out.seq, 3);
  rig_close(&r);
}
END_TEST

START_TEST(a_step_lasts_at_least_its_time_however_good_the_proof) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = (mlcm_counts){50000, 50, 50000, 50};
  for (int i = 0; i < 9; i++) ck_assert_int_eq(tick(&r), 0);
  ck_assert_str_eq(r.machine->waits_for, "the time of this step");
  ck_assert_int_eq(tick(&r), MLCM_ACTION_ADVANCE);
  rig_close(&r);
}
END_TEST

START_TEST(a_bad_candidate_is_rolled_back_at_once) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = bad;
  ck_assert_int_eq(tick(&r), MLCM_ACTION_ROLL_BACK);
  ck_assert_int_eq(r.out.status, MLCM_ROLLOUT_ROLLED_BACK);
  ck_assert_int_eq(r.out.to_weight_ppm, 0);
  ck_assert_int_eq(r.out.check, 0);
  ck_assert_msg(strncmp(r.out.reason, "rolled back to /1: errors: 20 % against 1 %", 43) == 0, "%s", r.out.reason);
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_CHECK);
  rig_close(&r);
}
END_TEST

START_TEST(after_the_end_nothing_is_taken_in) {
  rig r;
  mlcm__tick t = {0};
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = bad;
  tick(&r);
  CHECK_FAILS(MLCM_INVALID_STATE, "has ended: rolled back", mlcm__machine_tick(r.machine, &t, &r.out, err));
  rig_close(&r);
}
END_TEST

/* flagger 1011, 1035: traffic stops, and the canary advances or is rolled back. */
START_TEST(no_traffic_holds_then_expires_without_blame) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = none;
  ck_assert_int_eq(run(&r, 599), 0);
  ck_assert_int_eq(run(&r, 2), MLCM_ACTION_ROLL_BACK);
  ck_assert_int_eq(r.out.status, MLCM_ROLLOUT_EXPIRED);
  ck_assert_int_eq(r.out.verdict, MLCM_INCONCLUSIVE);
  ck_assert_msg(strstr(r.out.reason, "not blamed") != NULL, "%s", r.out.reason);
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_EXPIRED);
  rig_close(&r);
}
END_TEST

START_TEST(proof_from_before_the_traffic_stopped_does_not_advance) {
  rig r;
  rig_open(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\ntick: 1s\nsample_ratio_alpha: 0\n"
               "steps: [{weight: 5%, for: 1m}, {weight: 50%, for: 1m}]\nexpire: {after: 1h, action: rollback}\n"
               "checks: [{name: errors, compare: error, tolerate: 2x}]\n");
  tick(&r);
  r.errors = (mlcm_counts){5000, 50, 5000, 50};
  run(&r, 3);
  ck_assert_int_eq(mlcm_gate_check(r.machine->gate, 0).verdict, MLCM_PASS);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_PAUSE), MLCM_ACTION_PAUSE);
  r.errors = none;
  ck_assert_int_eq(ask(&r, MLCM__INTENT_RESUME), MLCM_ACTION_RESUME);
  r.machine->step_elapsed_ns += 200 * SECOND; /* as if it had waited for another check all the time */
  ck_assert_int_eq(run(&r, 100), 0);
  ck_assert_str_eq(r.machine->waits_for, "errors: no traffic on the candidate");
  r.errors = good;
  ck_assert_int_eq(tick(&r), MLCM_ACTION_ADVANCE);
  rig_close(&r);
}
END_TEST

/* argo 3850: retries until one passes. Here the evidence of harm goes on over all steps. */
START_TEST(evidence_of_harm_is_kept_from_step_to_step_and_proof_starts_anew) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = good;
  run(&r, 60);
  mlcm_check_state state = mlcm_gate_check(r.machine->gate, 0);
  ck_assert(state.log_e_pass == 0);
  ck_assert(state.log_e_fail != 0);
  ck_assert_int_eq(state.verdict, MLCM_INCONCLUSIVE);
  rig_close(&r);
}
END_TEST

/* flagger 1801: harm while it waits for approval, and no rollback. */
START_TEST(a_paused_rollout_is_rolled_back_on_harm) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_PAUSE), MLCM_ACTION_PAUSE);
  r.errors = bad;
  ck_assert_int_eq(tick(&r), MLCM_ACTION_ROLL_BACK);
  rig_close(&r);
}
END_TEST

START_TEST(time_does_not_pass_while_paused) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = good;
  ask(&r, MLCM__INTENT_PAUSE);
  ck_assert_int_eq(run(&r, 5000), 0); /* neither step nor expiry */
  ck_assert_int_le(r.machine->elapsed_ns, SECOND);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_RESUME), MLCM_ACTION_RESUME);
  ck_assert_int_eq(run(&r, 30), MLCM_ACTION_ADVANCE);
  rig_close(&r);
}
END_TEST

/* argo 1905, 4479, flagger 1553: an outage of the metrics provider counts as a pass, or as a bad canary. */
START_TEST(an_outage_never_promotes_and_never_rolls_back_by_itself) {
  mlcm_measurement_kind kinds[] = {MLCM_MEASURED_NO_DATA, MLCM_MEASURED_PARTIAL, MLCM_MEASURED_STALE, MLCM_MEASURED_ERROR};
  for (size_t i = 0; i < 4; i++) {
    rig r;
    rig_open(&r, with_probe);
    tick(&r);
    r.errors = good;
    r.up = (mlcm_measurement){.kind = kinds[i], .detail = "connection refused"};
    ck_assert_int_eq(run(&r, 119), 0);
    ck_assert_int_eq(run(&r, 2), MLCM_ACTION_ROLL_BACK);
    ck_assert_int_eq(r.out.status, MLCM_ROLLOUT_EXPIRED);
    ck_assert_int_eq(r.out.verdict, MLCM_INCONCLUSIVE);
    rig_close(&r);
  }
}
END_TEST

START_TEST(an_outage_after_a_pass_holds_too) {
  rig r;
  rig_open(&r, with_probe);
  tick(&r);
  r.errors = good;
  r.up = is_up;
  run(&r, 5);
  r.up = (mlcm_measurement){.kind = MLCM_MEASURED_ERROR, .detail = "connection refused"};
  ck_assert_int_eq(run(&r, 60), 0);
  ck_assert_str_eq(r.machine->waits_for, "up: error: connection refused");
  r.up = is_up;
  ck_assert_int_eq(tick(&r), MLCM_ACTION_PROMOTE);
  rig_close(&r);
}
END_TEST

START_TEST(a_down_probe_acts_after_three_values_in_a_row) {
  rig r;
  rig_open(&r, with_probe);
  tick(&r);
  r.errors = good;
  r.up = is_down;
  ck_assert_int_eq(tick(&r), 0);
  ck_assert_int_eq(tick(&r), 0);
  ck_assert_int_eq(tick(&r), MLCM_ACTION_ROLL_BACK);
  ck_assert_int_eq(r.out.check, 1);
  rig_close(&r);
}
END_TEST

START_TEST(a_failed_hold_check_holds_and_its_recovery_goes_on) {
  rig r;
  rig_open(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 5%, for: 2s}]\nsample_ratio_alpha: 0\n"
               "expire: {after: 5m, action: rollback}\nchecks:\n  - {name: errors, compare: error, tolerate: 2x}\n"
               "  - {name: up, http: {url: \"http://127.0.0.1:1/\"}, status: 200, on_fail: hold}\n");
  tick(&r);
  r.errors = good;
  r.up = is_down;
  ck_assert_int_eq(run(&r, 100), 0);
  ck_assert_msg(strncmp(r.machine->waits_for, "up: ", 4) == 0, "%s", r.machine->waits_for);
  rig_close(&r);
}
END_TEST

START_TEST(expire_hold_is_recorded_and_goes_on) {
  rig r;
  rig_open(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 5%, for: 2s}]\nsample_ratio_alpha: 0\n"
               "expire: {after: 1m, action: hold}\nchecks: [{name: errors, compare: error, tolerate: 2x}]\n");
  tick(&r);
  ck_assert_int_eq(run(&r, 61), MLCM_ACTION_HOLD);
  ck_assert_int_eq(r.out.status, MLCM_ROLLOUT_PROGRESSING);
  ck_assert_int_eq(r.out.to_weight_ppm, 50000);
  ck_assert_int_eq(run(&r, 59), 0);
  ck_assert_int_eq(run(&r, 1), MLCM_ACTION_HOLD);
  r.errors = good;
  ck_assert_int_eq(run(&r, 20), MLCM_ACTION_PROMOTE);
  rig_close(&r);
}
END_TEST

START_TEST(then_pause_leaves_the_promotion_to_a_person) {
  rig r;
  rig_open(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 5%, for: 2s}]\nsample_ratio_alpha: 0\n"
               "then: pause\nchecks: [{name: errors, compare: error, tolerate: 2x}]\n");
  tick(&r);
  r.errors = good;
  ck_assert_int_eq(run(&r, 60), MLCM_ACTION_PAUSE);
  ck_assert_int_eq(r.out.verdict, MLCM_PASS);
  ck_assert_int_eq(run(&r, 60), 0);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_PROMOTE), MLCM_ACTION_PROMOTE);
  ck_assert_str_eq(r.out.actor, "ana");
  ck_assert_str_eq(r.out.note, "because");
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_COMMAND);
  rig_close(&r);
}
END_TEST

/* argo 1152, 4461, 2048: abort, retry and promote wedge each other. */
START_TEST(each_command_is_obeyed_or_refused_with_a_reason) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_RESUME), 0);
  ck_assert_str_eq(r.out.refused, "it is not paused");
  ck_assert_int_eq(ask(&r, MLCM__INTENT_PAUSE), MLCM_ACTION_PAUSE);
  ck_assert(r.out.is_obeyed);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_PAUSE), 0);
  ck_assert_str_eq(r.out.refused, "it is paused already");
  ck_assert_int_eq(ask(&r, MLCM__INTENT_ABORT), MLCM_ACTION_ABORT);
  ck_assert_int_eq(r.machine->status, MLCM_ROLLOUT_ABORTED);
  ck_assert_int_eq(r.machine->weight_ppm, 0); /* argo 4841: abort leaves a weight behind */
  rig_close(&r);
}
END_TEST

START_TEST(a_person_may_promote_without_proof_and_it_says_so) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_PROMOTE), MLCM_ACTION_PROMOTE);
  ck_assert_int_eq(r.out.verdict, MLCM_INCONCLUSIVE);
  ck_assert_str_eq(r.out.reason, "promoted /2 from 5 % by ana (not all checks proven)");
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_COMMAND);
  rig_close(&r);
}
END_TEST

START_TEST(harm_goes_before_a_promotion_asked_for_in_the_same_tick) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = bad;
  ck_assert_int_eq(ask(&r, MLCM__INTENT_PROMOTE), MLCM_ACTION_ROLL_BACK);
  ck_assert(!r.out.is_obeyed);
  ck_assert_str_eq(r.out.actor, "");
  rig_close(&r);
}
END_TEST

START_TEST(a_change_by_hand_pauses_without_traffic_and_only_abort_leads_out) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.command = (mlcm__tick_command){MLCM__INTENT_DISPLACED, "eve", "alias champion was moved from /1 to /7 by eve"};
  ck_assert_int_eq(tick(&r), MLCM_ACTION_PAUSE);
  ck_assert_int_eq(r.out.to_weight_ppm, 0);
  ck_assert_str_eq(r.out.reason, "paused with no traffic on /2: alias champion was moved from /1 to /7 by eve");
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_CHANGED_BY_HAND);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_RESUME), 0);
  ck_assert_int_eq(ask(&r, MLCM__INTENT_PROMOTE), 0);
  ck_assert_str_ne(r.out.refused, "");
  ck_assert_int_eq(ask(&r, MLCM__INTENT_ABORT), MLCM_ACTION_ABORT);
  rig_close(&r);
}
END_TEST

START_TEST(a_candidate_that_cannot_serve_is_rolled_back_without_statistics) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.command = (mlcm__tick_command){MLCM__INTENT_BROKEN, "ana", "operator Foo is missing"};
  ck_assert_int_eq(tick(&r), MLCM_ACTION_ROLL_BACK);
  ck_assert_str_eq(r.out.reason, "rolled back to /1: /2 cannot serve: operator Foo is missing");
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_BROKEN);
  rig_close(&r);
}
END_TEST

START_TEST(a_spent_harm_budget_rolls_back) {
  rig r;
  rig_open(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 5%, for: 2s}]\nsample_ratio_alpha: 0\n"
               "harm_budget: 10\nmin_samples: 100000\nchecks: [{name: errors, compare: error, tolerate: 2x}]\n");
  tick(&r);
  r.errors = (mlcm_counts){20, 4, 380, 0};
  ck_assert_int_eq(tick(&r), 0);
  ck_assert_int_eq(tick(&r), 0);
  ck_assert_int_eq(tick(&r), MLCM_ACTION_ROLL_BACK);
  ck_assert_msg(strstr(r.out.reason, "harm budget") != NULL, "%s", r.out.reason);
  ck_assert_int_eq(r.out.cause, MLCM__CAUSE_HARM_BUDGET);
  rig_close(&r);
}
END_TEST

START_TEST(sticky_users_who_were_all_counted_are_named_as_the_reason) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  for (int i = 0; i < 20; i++) { /* requests of known keys: traffic, but no unit */
    mlcm_traffic traffic = {.requests = {100, 1, 100, 1}};
    mlcm__tick t = {.wall_ns = r.wall, .mono_ns = r.mono, .traffic = &traffic, .n_traffic = 1};
    CHECK_OK(mlcm__machine_tick(r.machine, &t, &r.out, err));
    r.mono += SECOND;
  }
  ck_assert_msg(strncmp(r.machine->waits_for, "errors: new keys; each counts once", 34) == 0, "%s", r.machine->waits_for);
  rig_close(&r);
}
END_TEST

/* ---- clocks --------------------------------------------------------------------------------------------------------- */

START_TEST(a_jump_of_the_wall_clock_moves_nothing) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.errors = good;
  r.wall += 365 * 24 * 3600 * SECOND;
  ck_assert_int_eq(tick(&r), 0);
  ck_assert_int_eq(r.machine->step_elapsed_ns, SECOND);
  r.wall -= 800 * INT64_C(24) * 3600 * SECOND;
  ck_assert_int_eq(tick(&r), 0);
  ck_assert_int_eq(r.machine->step_elapsed_ns, 2 * SECOND);
  rig_close(&r);
}
END_TEST

START_TEST(a_suspended_process_adds_one_gap_at_most) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.mono += 3600 * SECOND;
  tick(&r);
  ck_assert_int_eq(r.machine->step_elapsed_ns, 5 * SECOND); /* gap: 5 ticks */
  ck_assert_int_eq(r.machine->elapsed_ns, 5 * SECOND);
  rig_close(&r);
}
END_TEST

START_TEST(a_new_boot_adds_nothing) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.mono = 0;
  tick(&r);
  ck_assert_int_eq(r.machine->step_elapsed_ns, 0);
  tick(&r);
  ck_assert_int_eq(r.machine->step_elapsed_ns, SECOND);
  rig_close(&r);
}
END_TEST

START_TEST(extreme_clocks_do_not_overflow) {
  rig r;
  rig_open(&r, two_steps);
  tick(&r);
  r.mono = INT64_MAX - SECOND;
  tick(&r);
  r.mono = INT64_MIN;
  tick(&r);
  r.mono = INT64_MAX - SECOND;
  tick(&r);
  ck_assert_int_le(r.machine->elapsed_ns, 10 * SECOND);
  rig_close(&r);
}
END_TEST

START_TEST(a_step_waits_only_for_the_checks_it_names) {
  rig r;
  rig_open(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\n"
               "steps: [{weight: 5%, for: 2s, checks: [errors]}, {weight: 10%, for: 2s}]\n"
               "checks:\n  - {name: errors, compare: error, tolerate: 2x}\n"
               "  - {name: up, http: {url: \"http://127.0.0.1:1/\"}, status: 200}\n");
  tick(&r);
  r.errors = good;
  ck_assert_int_eq(run(&r, 60), MLCM_ACTION_ADVANCE); /* without any probe */
  ck_assert_int_eq(run(&r, 60), 0);
  r.up = is_up;
  ck_assert_int_eq(run(&r, 5), MLCM_ACTION_PROMOTE);
  rig_close(&r);
}
END_TEST

START_TEST(evidence_that_the_gate_refuses_ends_the_tick) {
  rig r;
  const mlcm_observation strange = {.check = 99};
  const mlcm_traffic backwards = {.requests = {1, 5, 1, 1}};
  mlcm__tick t = {.mono_ns = 1000 * SECOND, .observations = &strange, .n_observations = 1};
  rig_open(&r, two_steps);
  tick(&r);
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "", mlcm__machine_tick(r.machine, &t, &r.out, err));
  t = (mlcm__tick){.mono_ns = 1000 * SECOND, .traffic = &backwards, .n_traffic = 1};
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "", mlcm__machine_tick(r.machine, &t, &r.out, err));
  ck_assert_int_eq(r.machine->status, MLCM_ROLLOUT_PROGRESSING);
  rig_close(&r);
}
END_TEST

START_TEST(a_step_waits_for_the_warm_up_with_any_check) {
  rig r;
  rig_open(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\nwarm_up: {for: 30s}\n"
               "steps: [{weight: 5%, for: 2s, checks: [up]}]\n"
               "checks:\n  - {name: errors, compare: error, tolerate: 2x}\n"
               "  - {name: up, http: {url: \"http://127.0.0.1:1/\"}, status: 200}\n");
  tick(&r);
  r.errors = good;
  r.up = is_up;
  ck_assert_int_eq(run(&r, 5), 0);
  ck_assert_str_eq(r.machine->waits_for, "warming up");
  ck_assert_int_eq(run(&r, 60), MLCM_ACTION_PROMOTE);
  rig_close(&r);
}
END_TEST

START_TEST(a_share_of_traffic_that_is_not_the_plans_stops_the_progress) {
  rig r;
  rig_open(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0.001\n"
               "steps: [{weight: 5%, for: 2s, checks: [up]}]\n"
               "checks:\n  - {name: errors, compare: error, tolerate: 2x}\n"
               "  - {name: up, http: {url: \"http://127.0.0.1:1/\"}, status: 200}\n");
  tick(&r);
  for (int i = 0; i < 5; i++) {
    const mlcm_observation up = {.check = 1, .measurement = &is_up};
    const mlcm_traffic half = {.candidate_routed = 5, .stable_routed = 95, .candidate_reported = 500, .stable_reported = 500};
    const mlcm__tick t = {.mono_ns = r.mono, .observations = &up, .n_observations = 1, .traffic = &half, .n_traffic = 1};
    CHECK_OK(mlcm__machine_tick(r.machine, &t, &r.out, err));
    ck_assert_int_eq(r.out.action, 0);
    r.mono += SECOND;
  }
  ck_assert(mlcm_gate_explain(r.machine->gate).ratio_alarm);
  ck_assert_str_eq(r.machine->waits_for, mlcm_gate_explain(r.machine->gate).reason);
  rig_close(&r);
}
END_TEST

START_TEST(the_same_ticks_give_the_same_outcomes_to_the_bit) {
  rig a, b;
  rig_open(&a, with_probe);
  rig_open(&b, with_probe);
  for (int i = 0; i < 50; i++) {
    a.errors = b.errors = (mlcm_counts){90 + i, i % 4, 400, 3};
    a.up = b.up = is_up;
    mlcm_action x = tick(&a), y = tick(&b);
    ck_assert_int_eq(x, y);
    ck_assert_mem_eq(&a.out, &b.out, sizeof(a.out));
    mlcm_check_state p = mlcm_gate_check(a.machine->gate, 0), q = mlcm_gate_check(b.machine->gate, 0);
    ck_assert_mem_eq(&p, &q, sizeof(p));
    if (!mlcm__machine_active(a.machine)) break;
  }
  rig_close(&a);
  rig_close(&b);
}
END_TEST

int main(void) {
  const TTest *tests[] = {the_first_tick_starts,
                          a_good_candidate_is_advanced_and_promoted,
                          a_step_lasts_at_least_its_time_however_good_the_proof,
                          a_bad_candidate_is_rolled_back_at_once,
                          after_the_end_nothing_is_taken_in,
                          no_traffic_holds_then_expires_without_blame,
                          proof_from_before_the_traffic_stopped_does_not_advance,
                          evidence_of_harm_is_kept_from_step_to_step_and_proof_starts_anew,
                          a_paused_rollout_is_rolled_back_on_harm,
                          time_does_not_pass_while_paused,
                          an_outage_never_promotes_and_never_rolls_back_by_itself,
                          an_outage_after_a_pass_holds_too,
                          a_down_probe_acts_after_three_values_in_a_row,
                          a_failed_hold_check_holds_and_its_recovery_goes_on,
                          expire_hold_is_recorded_and_goes_on,
                          then_pause_leaves_the_promotion_to_a_person,
                          each_command_is_obeyed_or_refused_with_a_reason,
                          a_person_may_promote_without_proof_and_it_says_so,
                          harm_goes_before_a_promotion_asked_for_in_the_same_tick,
                          a_change_by_hand_pauses_without_traffic_and_only_abort_leads_out,
                          a_candidate_that_cannot_serve_is_rolled_back_without_statistics,
                          a_spent_harm_budget_rolls_back,
                          sticky_users_who_were_all_counted_are_named_as_the_reason,
                          a_jump_of_the_wall_clock_moves_nothing,
                          a_suspended_process_adds_one_gap_at_most,
                          a_new_boot_adds_nothing,
                          extreme_clocks_do_not_overflow,
                          a_step_waits_only_for_the_checks_it_names,
                          evidence_that_the_gate_refuses_ends_the_tick,
                          a_step_waits_for_the_warm_up_with_any_check,
                          a_share_of_traffic_that_is_not_the_plans_stops_the_progress,
                          the_same_ticks_give_the_same_outcomes_to_the_bit};
  return TEST_RUN("rollout_machine", tests);
}
