/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rows.c - rows of endpoints and rollouts: what is not there, what serves something else, and what was damaged, are errors
 * that say so.
 */
#include "registry/rows.h"

#include "registry/audit_rows.h"
#include "registry/snapshot.h"

static mlcm__db_conn *reader(const fixture *f) {
  mlcm__db_conn *conn = NULL;
  CHECK_OK(mlcm__db_read_begin(f->reg->db, &conn, err));
  return conn;
}

/* ---- what is not there ---- */

START_TEST(what_does_not_exist_is_not_found) {
  fixture f;
  mlcm__endpoint_row endpoint;
  mlcm__rollout_head head;
  mlcm_model *model = NULL;
  char *name = NULL, *text = NULL;
  set_rows(&f);
  mlcm__db_conn *conn = reader(&f);
  CHECK_FAILS(MLCM_NOT_FOUND, "endpoint 9 does not exist", mlcm__endpoint_read(conn, 9, &endpoint, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "did you mean 'e'?", mlcm__endpoint_find(conn, "ee", &endpoint, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "it is made when", mlcm__endpoint_find(conn, "something else", &endpoint, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "rollout 9 does not exist", mlcm__rollout_read(conn, 9, &head, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "rollout 9 does not exist", mlcm__rollout_read_plan(conn, 9, &name, &text, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "no decision 9", mlcm__decision_read(conn, 1, 9, &text, err));
  CHECK_FAILS(MLCM_CORRUPT, "model row 9 is missing", mlcm__model_name_of(conn, 9, &name, err));
  CHECK_FAILS(MLCM_CORRUPT, "model row 9 is missing", mlcm__model_load(conn, 9, &model, err));
  mlcm__db_read_end(conn);
  tear_down(&f);
}
END_TEST

START_TEST(an_endpoint_serves_one_alias_of_one_model) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  set_rows(&f);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f.reg, "e", NULL, "champion", &row, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f.reg, "e", "m", NULL, &row, err));
  CHECK_FAILS(MLCM_CONFLICT, "serves m@champion, not n@champion", mlcm__endpoint_ensure(conn, f.reg, "e", "n", NULL, &row, err));
  CHECK_FAILS(MLCM_CONFLICT, "serves m@champion, not m@other", mlcm__endpoint_ensure(conn, f.reg, "e", NULL, "other", &row, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "m@none does not exist", mlcm__endpoint_ensure(conn, f.reg, "new", "m", "none", &row, err));
  mlcm__db_rollback(conn);
  tear_down(&f);
}
END_TEST

/* Endpoint "o" follows alias "other", where no rollout is. */
START_TEST(an_endpoint_follows_its_alias_and_outlives_it) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  mlcm__routing routing = {0};
  set_rows(&f);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f.reg, "o", "m", "other", &row, err));
  CHECK_OK(mlcm__registry_commit(f.reg, &conn, err));
  move_alias(&f, "m", "other", 2);
  CHECK_OK(mlcm__routing_current(f.reg, row.id, &routing, err));
  ck_assert_int_eq(routing.stable, 2);
  const int64_t epoch = routing.epoch;
  CHECK_OK(mlcm_alias_delete(f.reg, "m", "other", MLCM_ALIAS_ANY, 0, NULL, err));
  move_alias(&f, "m", "other", 2);
  CHECK_OK(mlcm__routing_current(f.reg, row.id, &routing, err));
  ck_assert_int_eq(routing.epoch, epoch); /* it served that all the time */
  mlcm__routing_reset(f.ctx, &routing);
  tear_down(&f);
}
END_TEST

START_TEST(a_lease_that_another_has_taken_since_is_stale) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  set_rows(&f);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_FAILS(MLCM_STALE, "another process decides for rollout 1 now", mlcm__lease_renew(conn, 1, 9, 2000, err));
  mlcm__db_rollback(conn);
  tear_down(&f);
}
END_TEST

START_TEST(ids_come_newest_first_and_as_many_as_fit) {
  fixture f;
  int64_t ids[1] = {0};
  size_t n = 9;
  set_rows(&f);
  sqlite3 *raw = open_raw(&f);
  ck_assert_int_eq(sqlite3_exec(raw, "UPDATE rollout SET active = NULL", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  mlcm__db_conn *conn = NULL;
  int64_t id = 0;
  mlcm__rollout_new row = {.endpoint_id = 1,
                           .stable = 1,
                           .candidate = 3,
                           .plan_name = "p",
                           .plan = "x",
                           .policy_digest = "d",
                           .salt = salt,
                           .actor = "ana"};
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__rollout_insert(conn, &row, &id, err));
  CHECK_OK(mlcm__rollout_ids(conn, 1, 0, ids, 1, &n, err));
  ck_assert_uint_eq(n, 1);
  ck_assert_int_eq(ids[0], id);
  CHECK_OK(mlcm__rollout_ids(conn, 1, id, ids, 1, &n, err));
  ck_assert_int_eq(ids[0], id - 1);
  mlcm__db_rollback(conn);
  tear_down(&f);
}
END_TEST

/* ---- what was damaged ---- */

static mlcm_status see_chunk(void *user, int64_t chunk, int64_t lease_epoch, const char *lines, size_t len, const uint8_t *digest,
                             mlcm_error *err) {
  (void)user, (void)chunk, (void)lease_epoch, (void)lines, (void)len, (void)digest, (void)err;
  return MLCM_OK;
}

START_TEST(rows_of_the_wrong_size_are_not_read) {
  fixture f;
  mlcm__rollout_head head;
  mlcm__routing routing = {0};
  set_rows(&f);
  tamper(&f, "UPDATE rollout SET salt = x'00'; UPDATE routing SET salt = x'00'; UPDATE evidence SET digest = x'00'");
  mlcm__db_conn *conn = reader(&f);
  CHECK_FAILS(MLCM_CORRUPT, "column 16 has 1 bytes", mlcm__rollout_read(conn, 1, &head, err));
  CHECK_FAILS(MLCM_CORRUPT, "the salt has 1 bytes", mlcm__routing_read(conn, 1, &routing, err));
  CHECK_FAILS(MLCM_CORRUPT, "column 3 has 1 bytes", mlcm__evidence_each(conn, 1, 0, see_chunk, NULL, err));
  mlcm__db_read_end(conn);
  tamper(&f, "UPDATE rollout SET chain = x'00'; DELETE FROM routing");
  conn = reader(&f);
  CHECK_FAILS(MLCM_CORRUPT, "column 15 has 1 bytes", mlcm__rollout_read(conn, 1, &head, err));
  CHECK_FAILS(MLCM_CORRUPT, "has no routing", mlcm__routing_read(conn, 1, &routing, err));
  mlcm__db_read_end(conn);
  tear_down(&f);
}
END_TEST

START_TEST(a_chunk_whose_digest_is_none_is_told) {
  fixture f;
  set_rows(&f);
  tamper(&f, "UPDATE evidence SET digest = x'00'; UPDATE rollout SET chain = x'00'");
  mlcm_fsck_report *report = check(&f);
  mlcm_finding x = only_finding(report);
  ck_assert_str_eq(x.object, "rollout 1 evidence chunk 1");
  ck_assert_str_eq(x.found, "00");
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(a_version_that_lost_what_it_is_made_of_is_not_read) {
  static const char *const damages[][2] = {
      {"DELETE FROM manifest WHERE id = 1", "its manifest is missing"},
      {"UPDATE version SET n_files = 2 WHERE number = 1", "its row says 2 files, its manifest 1"},
      {"UPDATE manifest SET text = x'' WHERE id = 1", "the manifest is damaged"}};
  for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
    fixture f;
    mlcm_version *version = NULL;
    set_rows(&f);
    tamper(&f, damages[i][0]);
    CHECK_FAILS(MLCM_CORRUPT, damages[i][1], mlcm_version_get(f.reg, "m/1", &version, err));
    tear_down(&f);
  }
}
END_TEST

/* What audit verify says first, and of what fsck speaks. */
static const char *const against_the_log[][3] = {
    {"UPDATE decision SET record = '{}'", "rollout 1 decision 1", "m@champion"},
    {"DELETE FROM decision", "rollout 1 decision 1 is 'gone'", "m@champion"},
    {"UPDATE event SET detail = '{}' WHERE kind = 'rollout.decided'", "the event's detail", "m@champion"},
    {"UPDATE event SET detail = '{\"rollout\":\"1\"}' WHERE kind = 'rollout.decided'", "the event's detail", "m@champion"},
    {"UPDATE event SET detail = '!' WHERE kind = 'rollout.decided'", "the event's detail", "m@champion"},
    {"UPDATE event SET version = 2 WHERE kind = 'alias.set' AND alias = 'other'", "the change's version", "m@other"},
    {"DELETE FROM version WHERE number = 3", "the version's manifest is 'gone'", "m/3"},
    {"UPDATE event SET detail = '{}' WHERE kind = 'alias.set' AND alias = 'other'", "the event's detail", "m@other"},
    {"UPDATE event SET audit_seq = 2 WHERE kind = 'alias.set' AND alias = 'other'", "no event", "audit entry 6"},
    {"UPDATE event SET actor = 'eve' WHERE kind = 'model.created' AND model = 'm'", "the change's actor", "m"},
    {"UPDATE event SET actor = 'eve' WHERE kind = 'policy.kept'", "the change's actor", "event 13"},
    {"DELETE FROM event WHERE seq = 14", "no event", "audit entry 14"},
};

static bool speaks_of(const mlcm_fsck_report *report, const char *object) {
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    if (strcmp(mlcm_fsck_report_at(report, i).object, object) == 0) return true;
  }
  return false;
}

START_TEST(rows_are_held_against_the_log) {
  for (size_t i = 0; i < sizeof against_the_log / sizeof against_the_log[0]; i++) {
    fixture f;
    set_rows(&f);
    CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
    tamper(&f, against_the_log[i][0]);
    CHECK_FAILS(MLCM_CORRUPT, against_the_log[i][1], mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
    mlcm_fsck_report *report = check(&f);
    if (!speaks_of(report, against_the_log[i][2])) print_findings(report);
    ck_assert_msg(speaks_of(report, against_the_log[i][2]), "%s: nothing of %s", against_the_log[i][0], against_the_log[i][2]);
    mlcm_fsck_report_free(report);
    tear_down(&f);
  }
}
END_TEST

/* Where entries are lost, their events are believed, so that one loss is told once and not for every row it speaks of. */
START_TEST(a_lost_entry_is_told_and_its_event_believed) {
  for (int seq = 1; seq < LAST_ENTRY; seq++) { /* without the last, a log is cut short (test_fsck.c) */
    fixture f;
    char sql[160], object[48];
    set_rows(&f);
    (void)snprintf(sql, sizeof sql, "DELETE FROM audit_entry WHERE seq = %d; DELETE FROM audit_text WHERE seq = %d", seq, seq);
    (void)snprintf(object, sizeof object, "audit entry %d", seq);
    tamper(&f, sql);
    mlcm_fsck_report *report = check(&f);
    ck_assert_msg(speaks_of(report, object), "nothing of %s", object);
    for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
      if (mlcm_fsck_report_at(report, i).kind != MLCM_DAMAGE_AUDIT) print_findings(report);
      ck_assert_int_eq(mlcm_fsck_report_at(report, i).kind, MLCM_DAMAGE_AUDIT);
    }
    mlcm_fsck_report_free(report);
    tear_down(&f);
  }
}
END_TEST

START_TEST(an_entry_that_is_lost_with_all_later_events_is_told_by_itself) {
  fixture f;
  set_rows(&f);
  tamper(&f, "DELETE FROM event WHERE seq >= 13; DELETE FROM audit_entry WHERE seq = 13; DELETE FROM audit_text WHERE seq = 13");
  mlcm_fsck_report *report = check(&f);
  ck_assert(speaks_of(report, "audit entry 13"));
  ck_assert(speaks_of(report, "audit entry 14"));
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* As a library might write it that has a fault: the log itself is in order. */
START_TEST(a_move_that_was_logged_to_no_version_is_told) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  const mlcm__record record = {
      .kind = "alias.set", .object_kind = "alias", .model = "m", .alias = "odd", .version = 2, .after = "two", .detail = "{}"};
  set_rows(&f);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__registry_record(conn, f.reg, &record, NULL, NULL, err));
  CHECK_OK(mlcm__registry_commit(f.reg, &conn, err));
  CHECK_FAILS(MLCM_CORRUPT, "the event's version is 'another' in the registry, but 'two' was logged",
              mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  mlcm_fsck_report *report = check(&f);
  ck_assert(speaks_of(report, "m@odd"));
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

static mlcm_status stop_at_once(void *user, const mlcm__row_fault *fault, mlcm_error *err) {
  (void)user;
  return mlcm__fail(err, MLCM_CANCELLED, "heard of %s", fault->object);
}

START_TEST(who_is_told_of_a_fault_may_stop) {
  fixture f;
  mlcm__audit_rows *rows = NULL;
  const cJSON entry = {.type = cJSON_Object};
  set_rows(&f);
  mlcm__db_conn *conn = reader(&f);
  CHECK_OK(mlcm__audit_rows_open(f.ctx, conn, &rows, err));
  mlcm__audit_rows_tell_to(rows, stop_at_once, NULL);
  CHECK_FAILS(MLCM_CANCELLED, "heard of event 1", mlcm__audit_rows_visit(rows, 3, &entry, err));
  mlcm__audit_rows_close(rows);
  mlcm__db_read_end(conn);
  tear_down(&f);
}
END_TEST

START_TEST(an_entry_without_bytes_is_given_out_without_bytes) {
  fixture f;
  char *entry = NULL;
  size_t len = 9;
  set_rows(&f);
  tamper(&f, "UPDATE audit_entry SET entry = x'' WHERE seq = 2");
  CHECK_OK(mlcm_audit_entry(f.reg, 2, &entry, &len, err));
  ck_assert_uint_eq(len, 0);
  ck_assert_str_eq(entry, "");
  mlcm_free(f.ctx, entry);
  CHECK_FAILS(MLCM_CORRUPT, "entry 2 is empty", mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  tear_down(&f);
}
END_TEST

int main(void) {
  in_memory();
  const TTest *tests[] = {what_does_not_exist_is_not_found,
                          an_endpoint_serves_one_alias_of_one_model,
                          an_endpoint_follows_its_alias_and_outlives_it,
                          a_lease_that_another_has_taken_since_is_stale,
                          ids_come_newest_first_and_as_many_as_fit,
                          rows_of_the_wrong_size_are_not_read,
                          a_chunk_whose_digest_is_none_is_told,
                          a_version_that_lost_what_it_is_made_of_is_not_read,
                          rows_are_held_against_the_log,
                          a_lost_entry_is_told_and_its_event_believed,
                          an_entry_that_is_lost_with_all_later_events_is_told_by_itself,
                          a_move_that_was_logged_to_no_version_is_told,
                          who_is_told_of_a_fault_may_stop,
                          an_entry_without_bytes_is_given_out_without_bytes};
  return TEST_RUN("registry_rows", tests);
}
