/* SPDX-License-Identifier: Apache-2.0
 *
 * test_controller.c - whole rollouts on a real registry with real meters: promotion, rollback, routing, history, replay.
 */
#include "rollout/fixture.h"

#include "rollout/evidence.h"
#include <mlcm/trust.h>

START_TEST(a_good_candidate_goes_through_its_steps_to_promotion) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(routing_of(&r).weight_ppm, 50000);
  ck_assert_int_eq(routing_of(&r).candidate, 2);
  ck_assert_int_eq(run_good(&r, r.rollout, 60), MLCM_ACTION_ADVANCE);
  ck_assert_int_eq(routing_of(&r).weight_ppm, 500000);
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 1);
  ck_assert_int_eq(run_good(&r, r.rollout, 60), MLCM_ACTION_PROMOTE);
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 2);
  ck_assert_int_eq(routing_of(&r).stable, 2);
  ck_assert_int_eq(routing_of(&r).candidate, 0);
  ck_assert_int_eq(routing_of(&r).rollout_id, 0);
  ck_assert(!mlcm_rollout_is_active(r.rollout));
  check_replay(&r, mlcm_rollout_id(r.rollout), 3);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(the_history_of_the_alias_names_the_rollout) {
  rolling r;
  mlcm_history *history = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  run_good(&r, r.rollout, 60);
  run_good(&r, r.rollout, 60);
  CHECK_OK(mlcm_alias_history(r.f.reg, "m", "champion", 0, 10, &history, err));
  mlcm_alias_move move = mlcm_history_at(history, 0);
  ck_assert_int_eq(move.cause, MLCM_CAUSE_ROLLOUT);
  ck_assert_int_eq(move.rollout_id, 1);
  ck_assert_str_eq(move.actor, "rollout 1");
  ck_assert_int_eq(move.from, 1);
  ck_assert_int_eq(move.to, 2);
  mlcm_history_free(history);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_bad_candidate_is_rolled_back_and_stable_stays) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  serve(&r, &r.s, 500, 100, 500, 5);
  mlcm_decision *decision = tick(&r, r.rollout);
  ck_assert_ptr_nonnull(decision);
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_ROLL_BACK);
  ck_assert_int_eq(mlcm_decision_status(decision), MLCM_ROLLOUT_ROLLED_BACK);
  ck_assert_int_eq(mlcm_decision_verdict(decision), MLCM_FAIL);
  ck_assert_int_eq(mlcm_decision_seq(decision), 2);
  ck_assert_int_eq(mlcm_decision_weight_ppm(decision), 0);
  mlcm_decision_free(decision);
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 1);
  ck_assert_int_eq(routing_of(&r).stable, 1);
  ck_assert_int_eq(routing_of(&r).candidate, 0);
  decision = NULL;
  CHECK_FAILS(MLCM_INVALID_STATE, "has ended: rolled back", mlcm_rollout_tick(r.rollout, NULL, &decision, err));
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(the_audit_log_has_every_decision) {
  rolling r;
  mlcm_audit_head head;
  mlcm_feed *feed = NULL;
  size_t decided = 0;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  run_good(&r, r.rollout, 60);
  run_good(&r, r.rollout, 60);
  CHECK_OK(mlcm_audit_verify(r.f.reg, NULL, NULL, &head, err));
  CHECK_OK(mlcm_changes(r.f.reg, 0, 100, &feed, err));
  for (size_t i = 0; i < mlcm_feed_n(feed); i++) decided += strcmp(mlcm_feed_at(feed, i).kind, "rollout.decided") == 0;
  ck_assert_uint_eq(decided, 3);
  mlcm_feed_free(feed);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_rollout_in_the_way_is_a_conflict) {
  rolling r;
  mlcm_rollout *second = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_FAILS(MLCM_CONFLICT, "rollout 1 is active",
              mlcm_rollout_start(r.f.reg, "p", mlcm_str_of(quick_plan), NULL, &second, err));
  rolling_tear_down(&r);
}
END_TEST

/* Each with a part of the message. */
static const struct {
  const char *endpoint, *candidate;
  mlcm_status status;
  const char *part;
} bad_starts[] = {
    {"nobody", "nobody/1", MLCM_NOT_FOUND, "nobody"},
    {"m", "m/9", MLCM_NOT_FOUND, "9"},
    {"m", "m/1", MLCM_INVALID_ARGUMENT, "is stable itself (m@champion)"},
    {"m", "@challenger", MLCM_NOT_FOUND, "candidate m@challenger does not exist"},
    {"m", "other/1", MLCM_INVALID_ARGUMENT, "not a version of 'm'"},
    {"m", "m/3", MLCM_NOT_FOUND, "candidate m/3 is deleted; restore it first"},
    {"other", "other/1", MLCM_NOT_FOUND, "other@champion does not exist"},
};

START_TEST(a_start_that_makes_no_sense_changes_nothing) {
  rolling r;
  char plan[512];
  int64_t before = 0, after = 0;
  rolling_set_up(&r);
  add_version(&r.f, "other", "x", NULL);
  CHECK_OK(mlcm_version_delete(r.f.reg, "m", 3, 0, NULL, err));
  CHECK_OK(mlcm_changes_head(r.f.reg, &before, err));
  for (size_t i = 0; i < sizeof(bad_starts) / sizeof(*bad_starts); i++) {
    snprintf(plan, sizeof(plan),
             "mlcm: rollout/v1\nendpoint: %s\ncandidate: \"%s\"\nsteps: [{weight: 5%%, for: 5s}]\n"
             "checks: [{name: errors, compare: error, tolerate: 2x}]\n",
             bad_starts[i].endpoint, bad_starts[i].candidate);
    CHECK_FAILS(bad_starts[i].status, bad_starts[i].part,
                mlcm_rollout_start(r.f.reg, "p", mlcm_str_of(plan), NULL, &r.rollout, err));
  }
  const mlcm_attribution nameless = {.actor = "line\nbreak"};
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "actor",
              mlcm_rollout_start(r.f.reg, "p", mlcm_str_of(quick_plan), &nameless, &r.rollout, err));
  CHECK_OK(mlcm_changes_head(r.f.reg, &after, err));
  ck_assert_int_eq(before, after);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(an_endpoint_whose_alias_is_gone_has_nothing_to_go_back_to) {
  rolling r;
  mlcm_rollout *second = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  CHECK_OK(mlcm_alias_delete(r.f.reg, "m", "champion", MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "m@champion does not exist, so there is no stable version",
              mlcm_rollout_start(r.f.reg, "p", mlcm_str_of(quick_plan), NULL, &second, err));
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_candidate_may_be_named_by_alias) {
  rolling r;
  rolling_set_up(&r);
  move_alias(&r.f, "m", "challenger", 3);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: \"@challenger\"\nsteps: [{weight: 5%, for: 5s}]\n"
                    "checks: [{name: errors, compare: error, tolerate: 2x}]\n");
  ck_assert_int_eq(routing_of(&r).candidate, 3);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(each_rollout_spreads_keys_anew_and_keeps_them_within_itself) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm__routing first = routing_of(&r);
  run_good(&r, r.rollout, 60);
  ck_assert_mem_eq(first.salt, routing_of(&r).salt, sizeof(first.salt));
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ABORT);
  mlcm_rollout_close(r.rollout);
  rolling_start(&r, quick_plan);
  ck_assert_mem_ne(first.salt, routing_of(&r).salt, sizeof(first.salt));
  rolling_tear_down(&r);
}
END_TEST

START_TEST(override_rules_go_with_the_routing_and_end_with_it) {
  rolling r;
  mlcm__routing routing = {0};
  rolling_set_up(&r);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 5%, for: 5s}]\n"
                    "override: {attribute: x-canary, value: always, to: candidate}\n"
                    "checks: [{name: errors, compare: error, tolerate: 2x}]\n");
  CHECK_OK(mlcm__routing_current(r.f.reg, r.endpoint, &routing, err));
  ck_assert_str_eq(routing.override_json, "[{\"attribute\":\"x-canary\",\"to\":\"candidate\",\"value\":\"always\"}]");
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  CHECK_OK(mlcm__routing_current(r.f.reg, r.endpoint, &routing, err));
  ck_assert_str_eq(routing.override_json, "[]");
  mlcm__routing_reset(r.f.ctx, &routing);
  rolling_tear_down(&r);
}
END_TEST

static void finish_promotion(rolling *r) {
  rolling_start(r, quick_plan);
  run_good(r, r->rollout, 60);
  ck_assert_int_eq(run_good(r, r->rollout, 60), MLCM_ACTION_PROMOTE);
}

START_TEST(undo_goes_back_to_the_version_before_the_promotion) {
  rolling r;
  int64_t version = 0;
  rolling_set_up(&r);
  finish_promotion(&r);
  CHECK_OK(mlcm_rollout_undo(r.f.reg, "m", 0, NULL, &version, err));
  ck_assert_int_eq(version, 1);
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 1);
  ck_assert_int_eq(routing_of(&r).stable, 1);
  rolling_tear_down(&r);
}
END_TEST

/* kserve 2130: the pointer to the previous revision is wrong after two canaries. */
START_TEST(a_rolled_back_candidate_is_never_the_last_good_version) {
  rolling r;
  int64_t version = 0;
  rolling_set_up(&r);
  finish_promotion(&r); /* 1 -> 2 */
  mlcm_rollout_close(r.rollout);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/3\nsteps: [{weight: 5%, for: 5s}]\nsample_ratio_alpha: 0\n"
                    "checks: [{name: errors, compare: error, tolerate: 2x}]\n");
  serve(&r, &r.s, 500, 100, 500, 5);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ROLL_BACK);
  CHECK_OK(mlcm_rollout_undo(r.f.reg, "m", 0, NULL, &version, err));
  ck_assert_int_eq(version, 1);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(undo_during_a_rollout_needs_to_be_told_to_abort_it) {
  rolling r;
  int64_t version = 0;
  rolling_set_up(&r);
  finish_promotion(&r);
  mlcm_rollout_close(r.rollout);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/3\nsteps: [{weight: 5%, for: 5s}]\n"
                    "checks: [{name: errors, compare: error, tolerate: 2x}]\n");
  CHECK_FAILS(MLCM_CONFLICT, "rollout 2 is active", mlcm_rollout_undo(r.f.reg, "m", 0, NULL, &version, err));
  CHECK_OK(mlcm_rollout_undo(r.f.reg, "m", MLCM_UNDO_ABORT, NULL, NULL, err));
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 1);
  ck_assert_int_eq(routing_of(&r).candidate, 0);
  ck_assert_int_eq(routing_of(&r).stable, 1);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(who_may_serve_is_stable_candidate_and_the_alias_target) {
  rolling r;
  bool may[4] = {false};
  mlcm__db_conn *conn = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm__endpoint_row row = endpoint_row(&r, "m");
  CHECK_OK(mlcm__db_read_begin(r.f.reg->db, &conn, err));
  for (int64_t v = 1; v <= 3; v++) CHECK_OK(mlcm__entitled(conn, &row, v, &may[v], err));
  mlcm__db_read_end(conn);
  ck_assert(may[1] && may[2] && !may[3]);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(late_outcomes_join_the_epoch_that_routed_them) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm__routing old = routing_of(&r);
  ck_assert_int_eq(run_good(&r, r.rollout, 60), MLCM_ACTION_ADVANCE);
  complete(&r.s, 2, old.epoch, 500, 100); /* answers of the first step that arrive in the second */
  complete(&r.s, 1, old.epoch, 500, 5);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ROLL_BACK);
  check_replay(&r, 1, 3);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(overridden_traffic_is_never_compared) {
  rolling r;
  uint32_t cell = 0;
  mlcm_rollout_state *state = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm__meter_cell(r.s.meter, 2, (uint64_t)routing_of(&r).epoch, &cell, err));
  for (int i = 0; i < 1000; i++) mlcm__meter_complete(r.s.meter, cell, MLCM__SCOPE_OVERRIDE, 1000, false);
  serve(&r, &r.s, 0, 0, 1000, 0);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  ck_assert_int_eq(summary_of(r.rollout, &state).candidate_requests, 0);
  mlcm_rollout_state_free(state);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_slow_candidate_is_found_by_its_latency) {
  rolling r;
  uint32_t cells[2];
  mlcm_action action = 0;
  rolling_set_up(&r);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 50%, for: 5s}]\nsample_ratio_alpha: 0\n"
                    "checks: [{name: slow, compare: latency.p90, tolerate: 1.1x}]\n");
  for (int v = 0; v < 2; v++) CHECK_OK(mlcm__meter_cell(r.s.meter, v + 1, (uint64_t)routing_of(&r).epoch, &cells[v], err));
  for (int t = 0; t < 20 && !action; t++) {
    for (int i = 0; i < 500; i++) {
      mlcm__meter_complete(r.s.meter, cells[0], MLCM__SCOPE_KEY, 1000000 + i * 1000, true);
      mlcm__meter_complete(r.s.meter, cells[1], MLCM__SCOPE_KEY, 2000000 + i * 2000, true);
    }
    action = tick_action(&r, r.rollout);
  }
  ck_assert_int_eq(action, MLCM_ACTION_ROLL_BACK);
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(thresholds_on_meters_and_evaluations_are_measured) {
  rolling r;
  mlcm_score score = {"accuracy", 0.97};
  mlcm_evaluation evaluation = {.name = "holdout", .scores = &score, .n_scores = 1};
  rolling_set_up(&r);
  rolling_start(
      &r,
      "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 50%, for: 5s}]\nsample_ratio_alpha: 0\n"
      "checks:\n  - {name: ratio, meter: error_ratio, at_most: 5%}\n  - {name: p99, meter: latency.p99, at_most: 50ms}\n"
      "  - {name: rate, meter: requests_per_second, at_least: 10}\n  - {name: accuracy, evaluation: accuracy, at_least: 95%}\n");
  ck_assert_int_eq(run_good(&r, r.rollout, 30), 0); /* the evaluation is missing */
  CHECK_OK(mlcm_evaluate(r.f.reg, "m", 2, &evaluation, NULL, err));
  ck_assert_int_eq(run_good(&r, r.rollout, 30), MLCM_ACTION_PROMOTE);
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

/* ---- state and records ---------------------------------------------------------------------------------------------- */

START_TEST(times_in_the_json_of_a_state_are_strings) {
  rolling r;
  mlcm_rollout_state *state = NULL;
  char *json = NULL;
  int n = 0;
  rolling_set_up(&r);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 50%, for: 1h}]\nsample_ratio_alpha: 0\n"
                    "checks:\n  - {name: errors, compare: error, tolerate: 2x}\n"
                    "  - {name: ratio, meter: error_ratio, at_most: 50%}\n");
  ck_assert_int_eq(run_good(&r, r.rollout, 12), 0);
  CHECK_OK(mlcm_rollout_state_get(r.rollout, &state, err));
  CHECK_OK(mlcm_rollout_state_to_json(state, &json, err));
  for (const char *at = json; (at = strstr(at, "_ns\":")) != NULL; at += 5, n++) ck_assert_int_eq(at[5], '"');
  ck_assert_int_ge(n, 10);
  ck_assert_ptr_nonnull(strstr(json, "\"started_ns\":\"1772366400000000000\""));
  mlcm_free(r.f.ctx, json);
  mlcm_rollout_state_free(state);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_state_tells_what_it_waits_for) {
  rolling r;
  mlcm_rollout_state *state = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  mlcm_rollout_summary s = summary_of(r.rollout, &state);
  ck_assert_str_eq(s.endpoint, "m");
  ck_assert_str_eq(s.alias, "champion");
  ck_assert_int_eq(s.step, 1);
  ck_assert_int_eq(s.n_steps, 2);
  ck_assert_int_eq(s.step_elapsed_ns, SECOND);
  ck_assert_int_eq(s.step_remaining_ns, 4 * SECOND);
  ck_assert_str_eq(s.waits_for, "errors: no answers of the candidate yet");
  ck_assert_str_eq(mlcm_rollout_state_check(state, 0)->name, "errors");
  ck_assert_int_eq(mlcm_rollout_state_check(state, 0)->required, 1);
  ck_assert_ptr_null(mlcm_rollout_state_check(state, 1));
  ck_assert_int_eq(mlcm_decision_action(mlcm_rollout_state_decision(state)), MLCM_ACTION_START);
  mlcm_rollout_state_free(state);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(decisions_can_be_read_and_explained) {
  rolling r;
  mlcm_decision *decision = NULL;
  char *text = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  serve(&r, &r.s, 500, 100, 500, 5);
  tick_action(&r, r.rollout);
  CHECK_OK(mlcm_decision_get(r.rollout, 0, &decision, err));
  ck_assert_int_eq(mlcm_decision_seq(decision), 2);
  CHECK_OK(mlcm_decision_explain(r.f.ctx, decision, &text, err));
  ck_assert_msg(strstr(text, "FAIL  errors: 20 % against 1 %") != NULL, "%s", text);
  ck_assert_msg(strstr(text, "whole rollout: candidate 100 of 500, stable 5 of 500") != NULL, "%s", text);
  mlcm_free(r.f.ctx, text);
  mlcm_decision_free(decision);
  decision = NULL;
  CHECK_FAILS(MLCM_NOT_FOUND, "no decision 3", mlcm_decision_get(r.rollout, 3, &decision, err));
  rolling_tear_down(&r);
}
END_TEST

static void check_explained(rolling *r, int64_t seq, const char *part) {
  mlcm_decision *decision = NULL;
  char *text = NULL;
  CHECK_OK(mlcm_decision_get(r->rollout, seq, &decision, err));
  CHECK_OK(mlcm_decision_explain(r->f.ctx, decision, &text, err));
  ck_assert_msg(strstr(text, part), "%s", text);
  mlcm_free(r->f.ctx, text);
  mlcm_decision_free(decision);
}

START_TEST(an_explanation_names_who_asked_and_why_and_what_was_proven) {
  rolling r;
  const mlcm_attribution by = {"eve", "lunch"}, silent = {.actor = "eve"};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PAUSE, &by, err));
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_RESUME, &silent, err));
  ck_assert_int_eq(run_good(&r, r.rollout, 60), MLCM_ACTION_ADVANCE);
  check_explained(&r, 2, "  asked for by eve: lunch\n");
  check_explained(&r, 3, "  asked for by eve\n");
  check_explained(&r, 4, "  pass  errors: ");
  rolling_tear_down(&r);
}
END_TEST

START_TEST(an_endpoint_may_never_have_had_a_rollout) {
  rolling r;
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  rolling_set_up(&r);
  CHECK_OK(mlcm__registry_write_begin(r.f.reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, r.f.reg, "m", NULL, NULL, &row, err));
  CHECK_OK(mlcm__registry_commit(r.f.reg, &conn, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "'m' has never had a rollout", mlcm_rollout_open(r.f.reg, "m", &r.rollout, err));
  rolling_tear_down(&r);
}
END_TEST

START_TEST(rollouts_are_listed_newest_first) {
  rolling r;
  int64_t ids[4] = {0};
  size_t n = 0;
  rolling_set_up(&r);
  finish_promotion(&r);
  mlcm_rollout_close(r.rollout);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/3\nsteps: [{weight: 5%, for: 5s}]\n"
                    "checks: [{name: errors, compare: error, tolerate: 2x}]\n");
  CHECK_OK(mlcm_rollout_list(r.f.reg, "m", 0, ids, 4, &n, err));
  ck_assert(n == 2 && ids[0] == 2 && ids[1] == 1);
  CHECK_OK(mlcm_rollout_list(r.f.reg, NULL, 2, ids, 4, &n, err));
  ck_assert(n == 1 && ids[0] == 1);
  CHECK_OK(mlcm_rollout_list(r.f.reg, "m", 0, NULL, 0, &n, err)); /* asks for none */
  ck_assert_uint_eq(n, 0);
  CHECK_FAILS(MLCM_NOT_FOUND, "did you mean 'm'", mlcm_rollout_list(r.f.reg, "n", 0, ids, 4, &n, err));
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_read_only_registry_shows_and_does_not_tick) {
  rolling r;
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  mlcm_decision *decision = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_registry *reader = open_registry(r.f.ctx, r.f.reg_dir, MLCM_OPEN_READ_ONLY);
  CHECK_OK(mlcm_rollout_open(reader, "m", &rollout, err));
  ck_assert_int_eq(summary_of(rollout, &state).status, MLCM_ROLLOUT_PROGRESSING);
  CHECK_FAILS(MLCM_REFUSED, "read-only", mlcm_rollout_tick(rollout, NULL, &decision, err));
  CHECK_FAILS(MLCM_REFUSED, "read-only", mlcm_rollout_command(rollout, MLCM_COMMAND_PAUSE, NULL, err));
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
  mlcm_registry_close(reader);
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_good_candidate_goes_through_its_steps_to_promotion,
                          the_history_of_the_alias_names_the_rollout,
                          a_bad_candidate_is_rolled_back_and_stable_stays,
                          the_audit_log_has_every_decision,
                          a_rollout_in_the_way_is_a_conflict,
                          a_start_that_makes_no_sense_changes_nothing,
                          an_endpoint_whose_alias_is_gone_has_nothing_to_go_back_to,
                          a_candidate_may_be_named_by_alias,
                          each_rollout_spreads_keys_anew_and_keeps_them_within_itself,
                          override_rules_go_with_the_routing_and_end_with_it,
                          undo_goes_back_to_the_version_before_the_promotion,
                          a_rolled_back_candidate_is_never_the_last_good_version,
                          undo_during_a_rollout_needs_to_be_told_to_abort_it,
                          who_may_serve_is_stable_candidate_and_the_alias_target,
                          late_outcomes_join_the_epoch_that_routed_them,
                          overridden_traffic_is_never_compared,
                          a_slow_candidate_is_found_by_its_latency,
                          thresholds_on_meters_and_evaluations_are_measured,
                          times_in_the_json_of_a_state_are_strings,
                          a_state_tells_what_it_waits_for,
                          decisions_can_be_read_and_explained,
                          an_explanation_names_who_asked_and_why_and_what_was_proven,
                          an_endpoint_may_never_have_had_a_rollout,
                          rollouts_are_listed_newest_first,
                          a_read_only_registry_shows_and_does_not_tick};
  return TEST_RUN("rollout_controller", tests);
}
