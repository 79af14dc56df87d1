/* SPDX-License-Identifier: Apache-2.0
 *
 * test_unrecorded.c - a store that does not take what was decided, or does not say whether it did: what takes effect all the
 * same, what is taken back, what is found written, and how much evidence waits.
 */
#include "rollout/fixture.h"

#include "rollout/handle.h"

typedef struct diverted {
  int n;
  int64_t stable, candidate;
  mlcm_action action;
} diverted;

static void note_diversion(void *user, const mlcm__routing *routing, mlcm_action action, const char *reason) {
  diverted *d = user;
  ck_assert_str_ne(reason, "");
  d->n++;
  d->stable = routing->stable;
  d->candidate = routing->candidate;
  d->action = action;
}

/* Writes what the handle holds pending as a commit would whose answer was lost. */
static void write_behind_its_back(rolling *r) {
  mlcm__db_conn *conn = NULL;
  CHECK_OK(mlcm__db_write_begin(r->f.reg->db, -1, &conn, err));
  CHECK_OK(mlcm__pending_write(r->rollout, conn, r->rollout->lease.epoch, err));
  CHECK_FAILS(MLCM_STALE, "has been recorded since", mlcm__pending_write(r->rollout, conn, r->rollout->lease.epoch, err));
  CHECK_OK(mlcm__db_commit(conn, err));
}

START_TEST(a_rollback_is_in_effect_before_the_store_takes_it) {
  rolling r;
  diverted d = {0};
  mlcm_action action = 0;
  mlcm_error why = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm__rollout_set_hooks(r.rollout, &(mlcm__rollout_hooks){note_diversion, &d});
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  break_store(&r, "decision");
  serve(&r, &r.s, 500, 100, 500, 5);
  ck_assert_int_ne(tick_status(&r, &action, &why), MLCM_OK);
  ck_assert_msg(strstr(why.message, "in effect on this process's traffic, but not recorded yet") != NULL, "%s", why.message);
  ck_assert_int_eq(d.n, 1);
  ck_assert(d.stable == 1 && d.candidate == 0 && d.action == MLCM_ACTION_ROLL_BACK);
  ck_assert_int_eq(routing_of(&r).candidate, 2); /* not in the store */
  for (int i = 0; i < 30; i++) ck_assert_int_ne(tick_status(&r, &action, i % 2 ? &why : NULL), MLCM_OK);
  mend_store(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ROLL_BACK);
  ck_assert_int_eq(routing_of(&r).candidate, 0);
  ck_assert_int_eq(d.n, 1);
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_change_by_hand_is_in_effect_before_the_store_takes_its_pause) {
  rolling r;
  diverted d = {0};
  mlcm_action action = 0;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm__rollout_set_hooks(r.rollout, &(mlcm__rollout_hooks){note_diversion, &d});
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  CHECK_OK(mlcm_alias_set(r.f.reg, "m", "champion", 3, MLCM_ALIAS_ANY, MLCM_ALIAS_FORCE, NULL, err));
  break_store(&r, "decision");
  ck_assert_int_ne(tick_status(&r, &action, NULL), MLCM_OK);
  ck_assert(d.n == 1 && d.candidate == 0 && d.action == MLCM_ACTION_PAUSE);
  mend_store(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_PAUSE);
  ck_assert_int_eq(d.n, 1);
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(an_advance_that_is_not_recorded_has_not_happened) {
  rolling r;
  mlcm_action action = 0;
  mlcm_error why = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  break_store(&r, "decision");
  mlcm_status st = MLCM_OK;
  for (int i = 0; i < 30 && !st; i++) {
    serve(&r, &r.s, GOOD_N, 4, GOOD_N, 4);
    st = tick_status(&r, &action, &why);
  }
  ck_assert_int_ne(st, MLCM_OK);
  ck_assert_int_eq(routing_of(&r).weight_ppm, 50000);
  mend_store(&r);
  ck_assert_int_eq(run_good(&r, r.rollout, 30), MLCM_ACTION_ADVANCE);
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(who_took_a_decision_back_still_holds_the_lease) {
  rolling r;
  mlcm_action action = 0;
  mlcm_rollout_state *state = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  break_store(&r, "decision");
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PROMOTE, NULL, err));
  ck_assert_int_ne(tick_status(&r, &action, NULL), MLCM_OK);
  ck_assert_int_eq(summary_of(r.rollout, &state).status, MLCM_ROLLOUT_PROGRESSING);
  mlcm_rollout_state_free(state);
  mend_store(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_PROMOTE);
  ck_assert_int_eq(r.rollout->head.lease_epoch, 1);
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(harm_is_watched_while_evidence_cannot_be_recorded) {
  rolling r;
  diverted d = {0};
  mlcm_action action = 0;
  mlcm_error why = {0};
  int failures = 0;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm__rollout_set_hooks(r.rollout, &(mlcm__rollout_hooks){note_diversion, &d});
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  break_store(&r, "evidence");
  for (int i = 0; i < 60; i++) {
    serve(&r, &r.s, 10, 0, 100, 1);
    failures += tick_status(&r, &action, &why) != MLCM_OK;
  }
  ck_assert_int_gt(failures, 10);
  ck_assert_int_eq(d.n, 0);
  serve(&r, &r.s, 500, 150, 500, 5);
  ck_assert_int_ne(tick_status(&r, &action, &why), MLCM_OK);
  ck_assert_int_eq(d.n, 1);
  mend_store(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ROLL_BACK);
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_rollback_whose_commit_had_no_answer_is_found_written) {
  rolling r;
  mlcm_action action = 0;
  mlcm_error why = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  break_store(&r, "decision");
  serve(&r, &r.s, 500, 100, 500, 5);
  ck_assert_int_ne(tick_status(&r, &action, &why), MLCM_OK);
  mend_store(&r);
  write_behind_its_back(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ROLL_BACK); /* handed out, not made again */
  ck_assert(!mlcm_rollout_is_active(r.rollout));
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(evidence_whose_commit_had_no_answer_counts_once) {
  for (int written = 0; written < 2; written++) {
    rolling r;
    mlcm__outcome nothing = {.check = -1};
    rolling_set_up(&r);
    rolling_start(&r, quick_plan);
    serve(&r, &r.s, 20, 0, 30, 1);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    CHECK_OK(mlcm__pending_seal(r.rollout, &nothing, NULL, mlcm__gather_counted(r.rollout->gather), err));
    if (written) write_behind_its_back(&r);
    serve(&r, &r.s, 5, 1, 5, 0);
    for (int i = 0; i < 12; i++) ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    check_totals(totals(r.rollout), 25, 1, 35, 1);
    CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
    ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ABORT);
    check_replay(&r, 1, 2);
    rolling_tear_down(&r);
  }
}
END_TEST

START_TEST(a_close_after_a_commit_without_an_answer_writes_nothing_twice) {
  for (int written = 0; written < 2; written++) {
    rolling r;
    mlcm__outcome nothing = {.check = -1};
    rolling_set_up(&r);
    rolling_start(&r, quick_plan);
    serve(&r, &r.s, 20, 0, 30, 1);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    CHECK_OK(mlcm__pending_seal(r.rollout, &nothing, NULL, mlcm__gather_counted(r.rollout->gather), err));
    if (written) write_behind_its_back(&r);
    mlcm_rollout_close(r.rollout);
    r.rollout = open_again(&r);
    check_totals(totals(r.rollout), 20, 0, 30, 1);
    ck_assert_int_eq(r.rollout->head.n_chunks, 2);
    ck_assert_str_eq(r.rollout->head.holder, "");
    check_replay(&r, 1, 1);
    rolling_tear_down(&r);
  }
}
END_TEST

/* What waited for the store when another process ended the rollout: evidence, or a rollback. */
START_TEST(what_waits_is_dropped_when_another_process_has_ended_the_rollout) {
  for (int decided = 0; decided < 2; decided++) {
    rolling r;
    mlcm_action action = 0;
    mlcm_decision *decision = NULL;
    rolling_set_up(&r);
    rolling_start(&r, quick_plan);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    break_store(&r, decided ? "decision" : "evidence");
    serve(&r, &r.s, 500, decided ? 100 : 5, 500, 5);
    for (int i = 0; i < 10; i++) (void)!tick_status(&r, &action, NULL);
    mend_store(&r);
    test_clock_advance(&r.f.clock, 2 * MLCM__LEASE_NS);
    mlcm_rollout *other = open_again(&r);
    CHECK_OK(mlcm_rollout_command(other, MLCM_COMMAND_ABORT, NULL, err));
    CHECK_FAILS(MLCM_INVALID_STATE, decided ? "has ended: rolled back" : "has ended: aborted",
                mlcm_rollout_tick(r.rollout, NULL, &decision, err));
    ck_assert(!r.rollout->pending.is_open && r.rollout->chunk.len == 0 && !r.rollout->lease.epoch);
    mlcm_rollout_close(other);
    check_replay(&r, 1, 2);
    rolling_tear_down(&r);
  }
}
END_TEST

START_TEST(meters_that_cannot_be_read_hold_and_people_are_still_obeyed) {
  rolling r;
  mlcm_action action = 0;
  mlcm_error why = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  serve(&r, &r.s, 100, 1, 100, 1);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  char *damaged = r.f.reg->run_dir;
  char away[512];
  snprintf(away, sizeof(away), "%s.away", damaged);
  ck_assert_int_eq(rename(damaged, away), 0);
  FILE *file = fopen(damaged, "w"); /* a file where the folder was: it cannot be listed */
  ck_assert_ptr_nonnull(file);
  fclose(file);
  for (int i = 0; i < 5; i++) ck_assert_int_ne(tick_status(&r, &action, i % 2 ? &why : NULL), MLCM_OK);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  ck_assert_int_eq(tick_status(&r, &action, &why), MLCM_OK);
  ck_assert_int_eq(action, MLCM_ACTION_ABORT);
  ck_assert_int_eq(unlink(damaged), 0);
  ck_assert_int_eq(rename(away, damaged), 0);
  check_replay(&r, 1, 2);
  rolling_tear_down(&r);
}
END_TEST

/* Twenty ticks a second, and a long line at each. */
START_TEST(much_evidence_is_recorded_before_its_time) {
  enum { CHECKS = 90 };
  static char plan[CHECKS * 64 + 256];
  rolling r;
  mlcm_decision *d = NULL;
  int ticks = 0;
  int n = snprintf(plan, sizeof(plan), "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\ntick: 50ms\n"
                                       "steps: [{weight: 5%%, for: 1h}]\nchecks:\n");
  for (int i = 0; i < CHECKS; i++)
    n += snprintf(plan + n, sizeof(plan) - (size_t)n, "  - {name: c%d, compare: error, tolerate: 2x}\n", i);
  rolling_set_up(&r);
  rolling_start(&r, plan);
  while (r.rollout->n_chunks < 2 && ticks < 200) {
    serve(&r, &r.s, 1, 0, 1, 0);
    test_clock_advance(&r.f.clock, SECOND / 20);
    CHECK_OK(mlcm_rollout_tick(r.rollout, NULL, &d, err));
    ticks++;
  }
  ck_assert_int_gt(ticks, 20);
  ck_assert_int_lt(ticks, 199); /* at 200 its ten seconds are over */
  check_replay(&r, 1, 1);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(evidence_that_the_store_does_not_take_has_a_limit) {
  rolling r;
  mlcm_decision *d = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  const size_t len = r.rollout->chunk.len;
  r.rollout->chunk.len = MLCM__CHUNK_MAX_BYTES + 1; /* as after hours */
  CHECK_FAILS(MLCM_LIMIT, "wait for the store", mlcm_rollout_tick(r.rollout, NULL, &d, err));
  r.rollout->chunk.len = len;
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_rollback_is_in_effect_before_the_store_takes_it,
                          a_change_by_hand_is_in_effect_before_the_store_takes_its_pause,
                          an_advance_that_is_not_recorded_has_not_happened,
                          who_took_a_decision_back_still_holds_the_lease,
                          harm_is_watched_while_evidence_cannot_be_recorded,
                          a_rollback_whose_commit_had_no_answer_is_found_written,
                          evidence_whose_commit_had_no_answer_counts_once,
                          a_close_after_a_commit_without_an_answer_writes_nothing_twice,
                          what_waits_is_dropped_when_another_process_has_ended_the_rollout,
                          meters_that_cannot_be_read_hold_and_people_are_still_obeyed,
                          much_evidence_is_recorded_before_its_time,
                          evidence_that_the_store_does_not_take_has_a_limit};
  return TEST_RUN("rollout_unrecorded", tests);
}
