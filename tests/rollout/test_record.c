/* SPDX-License-Identifier: Apache-2.0
 *
 * test_record.c - what was recorded and is read again: records of older formats replay, and rows that were changed, moved or
 * lost are found by whoever reads them.
 */
#include "rollout/fixture.h"

#include <mlcm/trust.h>

START_TEST(a_changed_record_or_evidence_is_found_by_replay) {
  rolling r;
  mlcm_replay_report report;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  run_good(&r, r.rollout, 60);
  change_store(&r, "DROP TRIGGER decision_is_immutable;"
                   "UPDATE decision SET record = replace(record, '\"proven\"', '\"proved\"') WHERE seq = 2");
  CHECK_OK(mlcm_rollout_replay(r.f.reg, 1, &report, err));
  ck_assert(report.decisions == 2 && report.identical == 1 && report.first_different_seq == 2);
  ck_assert_msg(strstr(report.difference, "proved") != NULL, "%s", report.difference);
  change_store(&r, "UPDATE evidence SET lines = replace(lines, '400,4,400,4', '400,5,400,4') WHERE chunk = 2");
  CHECK_FAILS(MLCM_CORRUPT, "does not match its digest", mlcm_rollout_replay(r.f.reg, 1, &report, err));
  rolling_tear_down(&r);
}
END_TEST

/* The wording of sentences may change between releases: the record keeps what was said, and replay compares what was decided. */
START_TEST(a_record_in_other_words_replays_and_the_audit_log_still_knows_the_words) {
  rolling r;
  mlcm_audit_head head;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  run_good(&r, r.rollout, 60);
  CHECK_OK(mlcm_audit_verify(r.f.reg, NULL, NULL, &head, err));
  change_store(&r, "DROP TRIGGER decision_is_immutable; UPDATE decision SET record = replace(record, 'advanced', 'went on')");
  check_replay(&r, 1, 2);
  CHECK_FAILS(MLCM_CORRUPT, "", mlcm_audit_verify(r.f.reg, NULL, NULL, &head, err));
  rolling_tear_down(&r);
}
END_TEST

/* What the first release recorded (data/rollout_v1.sql). */
START_TEST(records_of_format_1_replay) {
  rolling r;
  mlcm_decision *d = NULL;
  rolling_set_up(&r);
  char *sql = test_read_file(MLCM_SOURCE_DIR "/tests/rollout/data/rollout_v1.sql", NULL);
  change_store(&r, sql);
  check_replay(&r, 1, 5);
  CHECK_OK(mlcm_rollout_open_by_id(r.f.reg, 1, &r.rollout, err));
  CHECK_OK(mlcm_decision_get(r.rollout, 5, &d, err));
  ck_assert_int_eq(mlcm_decision_action(d), MLCM_ACTION_ROLL_BACK);
  ck_assert_ptr_nonnull(strstr(mlcm_decision_json(d), "\"v\":1,"));
  mlcm_decision_free(d);
  change_store(&r, "DROP TRIGGER decision_is_immutable; UPDATE decision SET record = 'no record' WHERE seq = 3");
  mlcm_replay_report report;
  CHECK_OK(mlcm_rollout_replay(r.f.reg, 1, &report, err));
  ck_assert(report.identical == 4 && report.first_different_seq == 3);
  free(sql);
  rolling_tear_down(&r);
}
END_TEST

/* Each with what a new handle's state and a replay say of it: a status, and a part of the message (or of the first difference). */
static const struct {
  const char *sql;
  mlcm_status state, replay;
  const char *state_says, *replay_says;
} changes[] = {
    {"UPDATE evidence SET chunk = 7 WHERE chunk = 2", MLCM_CORRUPT, MLCM_CORRUPT, "chunk 7 does not match its digest",
     "chunk 7 does not match its digest"},
    {"UPDATE evidence SET lines = lines || '{}' WHERE chunk = 2", MLCM_CORRUPT, MLCM_CORRUPT,
     "chunk 2 does not match its digest", "chunk 2 does not match its digest"},
    {"DELETE FROM evidence WHERE chunk = 2", MLCM_CORRUPT, MLCM_CORRUPT, "2 chunks of evidence are recorded, 1 are there",
     "the newest evidence is missing"},
    {"DELETE FROM decision WHERE seq = 2", MLCM_NOT_FOUND, MLCM_OK, "no decision 2", "made by replay but never recorded"},
};

static mlcm_status state_of_new_handle(rolling *r, mlcm_error *err) {
  mlcm_rollout_state *state = NULL;
  mlcm_rollout *h = open_again(r);
  mlcm_status st = mlcm_rollout_state_get(h, &state, err);
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(h);
  return st;
}

START_TEST(rows_that_were_changed_or_lost_are_found) {
  for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
    rolling r;
    mlcm_replay_report report = {0};
    mlcm_error why = {0};
    rolling_set_up(&r);
    rolling_start(&r, quick_plan);
    CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PAUSE, NULL, err));
    change_store(&r, changes[i].sql);
    CHECK_FAILS(changes[i].state, changes[i].state_says, state_of_new_handle(&r, err));
    ck_assert_int_eq(mlcm_rollout_replay(r.f.reg, 1, &report, &why), changes[i].replay);
    const char *said = changes[i].replay ? why.message : report.difference;
    ck_assert_msg(strstr(said, changes[i].replay_says), "%s: %s", changes[i].sql, said);
    rolling_tear_down(&r);
  }
}
END_TEST

START_TEST(a_plan_that_was_changed_is_not_opened) {
  rolling r;
  mlcm_rollout *h = NULL;
  rolling_set_up(&r);
  move_alias(&r.f, "m", "champion", 3);
  move_alias(&r.f, "m", "champion", 1); /* there is a version to go back to */
  rolling_start(&r, quick_plan);
  change_store(&r, "UPDATE rollout SET plan = replace(plan, '5%', '6%')");
  CHECK_FAILS(MLCM_CORRUPT, "the recorded plan has digest", mlcm_rollout_open(r.f.reg, "m", &h, err));
  CHECK_FAILS(MLCM_CORRUPT, "the recorded plan has digest", mlcm_rollout_undo(r.f.reg, "m", MLCM_UNDO_ABORT, NULL, NULL, err));
  ck_assert_int_eq(alias_of(&r.f, "m", "champion"), 1);
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_changed_record_or_evidence_is_found_by_replay,
                          a_record_in_other_words_replays_and_the_audit_log_still_knows_the_words,
                          records_of_format_1_replay,
                          rows_that_were_changed_or_lost_are_found,
                          a_plan_that_was_changed_is_not_opened};
  return TEST_RUN("rollout_record", tests);
}
