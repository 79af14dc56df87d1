/* SPDX-License-Identifier: Apache-2.0
 *
 * test_holders.c - who decides: leases, crashes of the holder, fencing, commands from outside, changes by hand.
 */
#include "rollout/fixture.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollout/handle.h"

/* What a crash leaves: nothing is written, nothing given back. */
static void crash(mlcm_rollout *h) {
  h->lease.epoch = 0; /* close would give it back */
  mlcm_rollout_close(h);
}

/* ---- leases --------------------------------------------------------------------------------------------------------- */

START_TEST(a_second_controller_is_told_that_it_is_not_needed) {
  rolling r;
  mlcm_decision *decision = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_rollout *second = open_again(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  CHECK_FAILS(MLCM_STALE, "another process (pid ", mlcm_rollout_tick(second, NULL, &decision, err));
  mlcm_rollout_close(second);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_closed_holder_gives_the_lease_back) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_rollout *second = open_again(&r);
  serve(&r, &r.s, 100, 1, 100, 1);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  mlcm_rollout_close(r.rollout);
  r.rollout = second;
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  check_totals(totals(r.rollout), 100, 1, 100, 1);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(after_a_crash_the_next_holder_counts_everything_once) {
  rolling r;
  mlcm_decision *decision = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  for (int i = 0; i < 14; i++) { /* ten seconds are recorded, four are not */
    serve(&r, &r.s, 20, i % 10 == 9, 30, i % 10 == 5);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  }
  crash(r.rollout);
  r.rollout = open_again(&r);
  serve(&r, &r.s, 5, 0, 7, 1);
  test_clock_advance(&r.f.clock, SECOND);
  CHECK_FAILS(MLCM_STALE, "another process",
              mlcm_rollout_tick(r.rollout, NULL, &decision, err)); /* this process lives: time must run out */
  test_clock_advance(&r.f.clock, MLCM__LEASE_NS);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  check_totals(totals(r.rollout), 14 * 20 + 5, 1, 14 * 30 + 7, 2);
  for (int i = 0; i < 12; i++) tick_action(&r, r.rollout);
  check_totals(totals(r.rollout), 14 * 20 + 5, 1, 14 * 30 + 7, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_dead_process_is_not_waited_for) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  pid_t child = fork();
  if (child == 0) { /* takes the lease and dies with it */
    mlcm_registry *reg = NULL;
    mlcm_rollout *rollout = NULL;
    mlcm_decision *decision = NULL;
    mlcm_context *ctx = NULL;
    mlcm_clock clock = test_clock_table(&r.f.clock);
    mlcm_context_options options;
    mlcm_context_options_init(&options, sizeof(options));
    options.clock = clock;
    mlcm_status st = mlcm_context_new(&options, &ctx, NULL);
    if (!st) st = mlcm_registry_open(ctx, r.f.reg_dir, NULL, &reg, NULL);
    if (!st) st = mlcm_rollout_open(reg, "m", &rollout, NULL);
    if (!st) st = mlcm_rollout_tick(rollout, NULL, &decision, NULL);
    _exit(st);
  }
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0); /* one second later */
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_holder_that_was_overtaken_writes_nothing) {
  rolling r;
  mlcm_decision *decision = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_rollout *second = open_again(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  test_clock_advance(&r.f.clock, 2 * MLCM__LEASE_NS); /* the first one sleeps */
  ck_assert_int_eq(tick_action(&r, second), 0);
  serve(&r, &r.s, 500, 100, 500, 5);
  CHECK_FAILS(MLCM_STALE, "another process", mlcm_rollout_tick(r.rollout, NULL, &decision, err));
  ck_assert_int_eq(tick_action(&r, second), MLCM_ACTION_ROLL_BACK);
  check_replay(&r, 1, 2);
  mlcm_rollout_close(second);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_write_that_was_under_way_when_the_lease_was_lost_is_fenced) {
  rolling r;
  mlcm__db_conn *conn = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  uint8_t digest[MLCM__SHA256_BYTES] = {0};
  int64_t epoch = r.rollout->lease.epoch;
  CHECK_OK(mlcm__db_write_begin(r.f.reg->db, -1, &conn, err));
  CHECK_FAILS(MLCM_STALE, "nothing was written", mlcm__evidence_append(conn, 1, epoch - 1, "{}\n", 3, 1, digest, 0, err));
  CHECK_FAILS(MLCM_STALE, "nothing was written",
              mlcm__decision_append(conn, 1, epoch - 1, 2, 0, MLCM_ACTION_PROMOTE, "{}", MLCM_ROLLOUT_PROMOTED, false, err));
  CHECK_FAILS(MLCM_STALE, "nothing was written", mlcm__lease_renew(conn, 1, epoch - 1, INT64_MAX, err));
  CHECK_FAILS(MLCM_STALE, "nothing was written",
              mlcm__decision_append(conn, 1, epoch, 7, 0, MLCM_ACTION_PROMOTE, "{}", MLCM_ROLLOUT_PROMOTED, false,
                                    err)); /* not the next */
  mlcm__db_rollback(conn);
  rolling_tear_down(&r);
}
END_TEST

/* Who was stopped between reading that the lease has run out and taking it. */
START_TEST(a_lease_renewed_in_the_meantime_is_not_taken) {
  rolling r;
  mlcm__db_conn *conn = NULL;
  mlcm__rollout_head seen;
  int64_t epoch = 0;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  CHECK_OK(mlcm__db_write_begin(r.f.reg->db, -1, &conn, err));
  CHECK_OK(mlcm__rollout_read(conn, 1, &seen, err));
  CHECK_OK(mlcm__lease_renew(conn, 1, seen.lease_epoch, seen.lease_expires_ns + SECOND, err));
  CHECK_FAILS(MLCM_STALE, "nothing was written", mlcm__lease_take(conn, &seen, "me", INT64_MAX, &epoch, err));
  CHECK_OK(mlcm__rollout_read(conn, 1, &seen, err));
  CHECK_OK(mlcm__lease_take(conn, &seen, "me", INT64_MAX, &epoch, err));
  ck_assert_int_eq(epoch, seen.lease_epoch + 1);
  mlcm__db_rollback(conn);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_forked_child_is_refused_and_closes_without_touching_anything) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  pid_t child = fork();
  if (child == 0) {
    mlcm_decision *decision = NULL;
    mlcm_status st = mlcm_rollout_tick(r.rollout, NULL, &decision, NULL);
    mlcm_rollout_close(r.rollout);
    _exit(st == MLCM_INVALID_STATE ? 0 : 1);
  }
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  serve(&r, &r.s, 500, 100, 500, 5);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ROLL_BACK); /* the parent still holds the lease */
  rolling_tear_down(&r);
}
END_TEST

/* ---- commands ------------------------------------------------------------------------------------------------------- */

START_TEST(a_command_is_obeyed_by_the_holder_at_its_next_tick) {
  rolling r;
  mlcm_rollout_state *state = NULL;
  mlcm_attribution by = {"eve", "lunch"};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  mlcm_rollout *outside = open_again(&r);
  CHECK_OK(mlcm_rollout_command(outside, MLCM_COMMAND_PAUSE, &by, err));
  ck_assert_int_eq(summary_of(outside, &state).n_pending, 1);
  mlcm_rollout_state_free(state);
  mlcm_decision *decision = tick(&r, r.rollout);
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_PAUSE);
  ck_assert_str_eq(mlcm_decision_actor(decision), "eve");
  ck_assert_ptr_nonnull(strstr(mlcm_decision_json(decision), "\"note\":\"lunch\""));
  mlcm_decision_free(decision);
  mlcm_rollout_summary s = summary_of(outside, &state);
  ck_assert(s.n_pending == 0 && s.status == MLCM_ROLLOUT_PAUSED);
  mlcm_rollout_state_free(state);
  CHECK_FAILS(MLCM_INVALID_STATE, "paused already", mlcm_rollout_command(outside, MLCM_COMMAND_PAUSE, &by, err));
  mlcm_rollout_close(outside);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(without_a_holder_the_command_itself_decides) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PAUSE, NULL, err));
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_RESUME, NULL, err));
  CHECK_FAILS(MLCM_INVALID_STATE, "not paused", mlcm_rollout_command(r.rollout, MLCM_COMMAND_RESUME, NULL, err));
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PROMOTE, NULL, err));
  ck_assert(!mlcm_rollout_is_active(r.rollout));
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 2);
  CHECK_FAILS(MLCM_INVALID_STATE, "has ended (promoted)", mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "no command", mlcm_rollout_command(r.rollout, 9, NULL, err));
  check_replay(&r, 1, 4);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(an_abort_goes_before_older_commands) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PAUSE, NULL, err));
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PROMOTE, NULL, err));
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ABORT);
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 1);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_command_behind_many_is_left_to_the_next_tick) {
  rolling r;
  mlcm_rollout_state *state = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  for (int i = 0; i < 4; i++) CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PAUSE, NULL, err));
  crash(r.rollout);
  r.rollout = open_again(&r);
  test_clock_advance(&r.f.clock, 2 * MLCM__LEASE_NS);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PROMOTE, NULL, err)); /* after three: one obeyed, two refused */
  mlcm_rollout_summary s = summary_of(r.rollout, &state);
  ck_assert(s.status == MLCM_ROLLOUT_PAUSED && s.n_pending == 2);
  mlcm_rollout_state_free(state);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_PROMOTE);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(the_same_version_may_be_tried_again_after_an_abort) { /* flagger 862, 1310 */
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  ck_assert_int_eq(routing_of(&r).candidate, 0);
  mlcm_rollout_close(r.rollout);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(mlcm_rollout_id(r.rollout), 2);
  ck_assert_int_eq(run_good(&r, r.rollout, 60), MLCM_ACTION_ADVANCE);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_candidate_reported_broken_is_rolled_back) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm__rollout_report_broken(r.f.reg, 1, "m/2: operator Foo is missing", err));
  mlcm_decision *decision = tick(&r, r.rollout);
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_ROLL_BACK);
  ck_assert_str_eq(mlcm_decision_reason(decision), "rolled back to /1: /2 cannot serve: m/2: operator Foo is missing");
  mlcm_decision_free(decision);
  CHECK_OK(mlcm__rollout_report_broken(r.f.reg, 1, "again", err)); /* ended: no error, no effect */
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

/* ---- changes by hand ------------------------------------------------------------------------------------------------ */

START_TEST(moving_the_alias_under_a_rollout_is_refused_and_names_it) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_FAILS(MLCM_CONFLICT, "rollout 1 on endpoint 'm' (/2 against /1) is active",
              mlcm_alias_set(r.f.reg, "m", "champion", 3, MLCM_ALIAS_ANY, 0, NULL, err));
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 1);
  move_alias(&r.f, "m", "other", 3); /* another alias is nobody's business */
  CHECK_FAILS(MLCM_CONFLICT, "rollout 1", mlcm_alias_delete(r.f.reg, "m", "champion", MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_FAILS(MLCM_CONFLICT, "", mlcm_version_delete(r.f.reg, "m", 2, 0, NULL, err));
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_forced_move_takes_the_candidates_traffic_at_once_and_pauses) {
  rolling r;
  mlcm_rollout_state *state = NULL;
  mlcm_attribution by = {"eve", "hotfix"};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  CHECK_OK(mlcm_alias_set(r.f.reg, "m", "champion", 3, MLCM_ALIAS_ANY, MLCM_ALIAS_FORCE, &by, err));
  ck_assert_int_eq(routing_of(&r).stable, 3);
  ck_assert_int_eq(routing_of(&r).candidate, 0);
  CHECK_FAILS(MLCM_INVALID_STATE, "moved to /3 by hand", mlcm_rollout_command(r.rollout, MLCM_COMMAND_PROMOTE, NULL, err));
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_PAUSE);
  ck_assert_str_eq(summary_of(r.rollout, &state).reason,
                   "paused with no traffic on /2: alias champion was moved from /1 to /3 by eve");
  mlcm_rollout_state_free(state);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ABORT);
  ck_assert_int_eq(routing_of(&r).stable, 3);
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 3);
  check_replay(&r, 1, 3);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_forced_move_wins_over_a_promotion_decided_in_the_same_moment) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\nsteps: [{weight: 50%, for: 5s}]\n"
                    "checks: [{name: errors, compare: error, tolerate: 2x}]\n");
  for (int i = 0; i < 4; i++) {
    serve(&r, &r.s, 4000, 40, 4000, 40);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  }
  CHECK_OK(mlcm_alias_set(r.f.reg, "m", "champion", 3, MLCM_ALIAS_ANY, MLCM_ALIAS_FORCE, NULL, err));
  change_store(&r, "UPDATE intent SET done_seq = 0"); /* as if its intent had come a moment after the tick had read */
  serve(&r, &r.s, 0, 0, 0, 0);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 3);
  ck_assert_int_eq(routing_of(&r).stable, 3);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_rollback_after_a_forced_move_leaves_the_traffic_where_the_person_put_it) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  serve(&r, &r.s, 500, 100, 500, 5);
  CHECK_OK(mlcm_alias_set(r.f.reg, "m", "champion", 3, MLCM_ALIAS_ANY, MLCM_ALIAS_FORCE, NULL, err));
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ROLL_BACK);
  ck_assert_int_eq(routing_of(&r).stable, 3);
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 3);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_forced_deletion_of_the_candidate_pauses) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm_version_delete(r.f.reg, "m", 2, MLCM_FORCE, NULL, err));
  ck_assert_int_eq(routing_of(&r).candidate, 0);
  mlcm_decision *decision = tick(&r, r.rollout);
  ck_assert_str_eq(mlcm_decision_reason(decision), "paused with no traffic on /2: the candidate /2 was deleted by ana");
  mlcm_decision_free(decision);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(an_endpoint_follows_its_alias_when_no_rollout_is_active) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  int64_t epoch = routing_of(&r).epoch;
  move_alias(&r.f, "m", "champion", 3);
  ck_assert_int_eq(routing_of(&r).stable, 3);
  ck_assert_int_eq(routing_of(&r).epoch, epoch + 1);
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_second_controller_is_told_that_it_is_not_needed,
                          a_closed_holder_gives_the_lease_back,
                          after_a_crash_the_next_holder_counts_everything_once,
                          a_dead_process_is_not_waited_for,
                          a_holder_that_was_overtaken_writes_nothing,
                          a_write_that_was_under_way_when_the_lease_was_lost_is_fenced,
                          a_lease_renewed_in_the_meantime_is_not_taken,
                          a_forked_child_is_refused_and_closes_without_touching_anything,
                          a_command_is_obeyed_by_the_holder_at_its_next_tick,
                          without_a_holder_the_command_itself_decides,
                          an_abort_goes_before_older_commands,
                          a_command_behind_many_is_left_to_the_next_tick,
                          the_same_version_may_be_tried_again_after_an_abort,
                          a_candidate_reported_broken_is_rolled_back,
                          moving_the_alias_under_a_rollout_is_refused_and_names_it,
                          a_forced_move_takes_the_candidates_traffic_at_once_and_pauses,
                          a_forced_move_wins_over_a_promotion_decided_in_the_same_moment,
                          a_rollback_after_a_forced_move_leaves_the_traffic_where_the_person_put_it,
                          a_forced_deletion_of_the_candidate_pauses,
                          an_endpoint_follows_its_alias_when_no_rollout_is_active};
  return TEST_RUN("rollout_holders", tests);
}
