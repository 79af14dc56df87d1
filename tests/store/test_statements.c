/* SPDX-License-Identifier: Apache-2.0
 *
 * test_statements.c - the SQL layer with SQLite's statements failing: what each failure is called, and what is left of a
 * transaction.
 */
#include <sqlite3.h>
#include <unistd.h>

#include "db_fixture.h"
#include "support/statement_fault.h"
#include "support/suite.h"

static const struct {
  int rc;
  bool rolls_back;
  mlcm_status status;
} failures[] = {
    {SQLITE_IOERR, true, MLCM_IO},         {SQLITE_FULL, true, MLCM_DISK_FULL}, {SQLITE_NOMEM, true, MLCM_NO_MEMORY},
    {SQLITE_NOMEM, false, MLCM_NO_MEMORY}, {SQLITE_BUSY, false, MLCM_BUSY},     {SQLITE_CORRUPT, false, MLCM_CORRUPT},
};
enum { N_FAILURES = sizeof failures / sizeof failures[0] };

static void arm(size_t i, size_t n, bool ever_after) {
  test_statement_arm(failures[i].rc, failures[i].rolls_back, n, ever_after);
}

/* ---- every statement of a walk through the layer ---- */

static mlcm_status no_difference(void *user, const mlcm__db_schema_fault *fault, mlcm_error *err) {
  (void)user;
  (void)err;
  ck_abort_msg("%s '%s' differs", fault->type, fault->name);
  return MLCM_OK;
}

static mlcm_status copy(const db_fixture *f, mlcm__db_conn *conn, mlcm_error *err) {
  char *path = test_path(f->dir, "copy.db");
  unlink(path);
  const mlcm_status status = mlcm__db_copy(conn, path, NULL, NULL, err);
  free(path);
  return status;
}

static mlcm_status walk(db_fixture *f, mlcm_error *err) {
  mlcm__db *db = NULL;
  mlcm__db_conn *conn = NULL;
  int64_t number = 0;
  mlcm_status status = mlcm__db_open(f->ctx, f->path, &f->options, &db, err);
  if (status == MLCM_OK)
    status = fixture_exec(db, "UPDATE item SET value = value + 1; INSERT INTO part SELECT id FROM item", err);
  if (status == MLCM_OK) status = mlcm__db_changed(db, &number, err);
  if (status == MLCM_OK) status = mlcm__db_read_begin(db, &conn, err);
  if (status == MLCM_OK) status = fixture_number_in(conn, "SELECT value FROM item", &number, err);
  if (status == MLCM_OK) status = mlcm__db_check(conn, err);
  if (status == MLCM_OK) status = mlcm__db_compare_schema(conn, fixture_migrations, 2, no_difference, NULL, err);
  if (status == MLCM_OK) status = copy(f, conn, err);
  mlcm__db_read_end(conn);
  mlcm__db_close(db);
  return status;
}

/* One run; answers whether a statement failed. The change is there whole or not at all. */
static bool fail_statement(db_fixture *f, size_t i, size_t n, bool ever_after) {
  arm(i, n, ever_after);
  const mlcm_status status = walk(f, n % 2 ? &f->err : NULL);
  const bool fired = test_statement_disarm();
  ck_assert_msg(fired || status == MLCM_OK, "without a failure: %s", mlcm_status_name(status));
  ck_assert_msg(status == MLCM_OK || status == failures[i].status, "statement %zu (%s) failing: %s", n, test_statement_failed(),
                mlcm_status_name(status));
  ck_assert_int_eq(fixture_reopen(f), MLCM_OK);
  ck_assert_int_eq(fixture_number(f->db, "SELECT count(*) FROM part"), fixture_number(f->db, "SELECT value FROM item"));
  return fired;
}

START_TEST(every_statement_may_fail) {
  db_fixture f;
  fixture_open(&f);
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 0)", &f.err), MLCM_OK);
  for (size_t i = 0; i < N_FAILURES; i++) {
    for (int ever_after = 0; ever_after <= 1; ever_after++) {
      size_t n = 1;
      while (fail_statement(&f, i, n, ever_after)) n++;
      ck_assert_uint_gt(n, 30);
    }
  }
  fixture_close(&f);
}
END_TEST

START_TEST(setting_up_and_migrating_may_fail_at_every_statement) {
  for (size_t i = 0; i < N_FAILURES; i++) {
    bool fired = true;
    for (size_t n = 1; fired; n++) {
      db_fixture f;
      fixture_files(&f);
      arm(i, n, n % 2);
      const mlcm_status status = fixture_reopen(&f);
      fired = test_statement_disarm();
      ck_assert_int_eq(status, fired ? failures[i].status : MLCM_OK);
      ck_assert_msg(fixture_reopen(&f) == MLCM_OK, "after statement %zu: %s", n, f.err.message);
      fixture_close(&f);
    }
  }
}
END_TEST

/* ---- the transaction that SQLite gave up ---- */

START_TEST(a_caller_that_goes_on_is_told_again_what_ended_his_transaction) {
  for (size_t i = 0; i < N_FAILURES; i++) {
    if (!failures[i].rolls_back) continue;
    db_fixture f;
    mlcm__db_conn *conn = NULL;
    mlcm__db_stmt *stmt = NULL, *running = NULL;
    bool row = false;
    fixture_open(&f);
    ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
    ck_assert_int_eq(mlcm__db_exec(conn, "INSERT INTO item VALUES (1, 'a', 0)", &f.err), MLCM_OK);
    ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT 1 UNION ALL SELECT id FROM item", &running, &f.err), MLCM_OK);
    ck_assert_int_eq(mlcm__db_step(running, &row, &f.err), MLCM_OK);
    arm(i, 1, false);
    ck_assert_int_eq(mlcm__db_exec(conn, "INSERT INTO item VALUES (2, 'b', 0)", &f.err), failures[i].status);
    ck_assert(test_statement_disarm());
    ck_assert_int_eq(mlcm__db_prepare(conn, "INSERT INTO item VALUES (3, 'c', 0)", &stmt, &f.err), failures[i].status);
    test_statement_arm(SQLITE_CORRUPT, false, 1, false); /* what came later does not count */
    ck_assert_int_eq(mlcm__db_step(running, &row, &f.err), MLCM_CORRUPT);
    ck_assert(test_statement_disarm());
    ck_assert_int_eq(mlcm__db_commit(conn, &f.err), failures[i].status);
    ck_assert_ptr_nonnull(strstr(f.err.message, "earlier failure"));
    ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM item"), 0);
    fixture_close(&f);
  }
}
END_TEST

START_TEST(a_commit_that_fails_changes_nothing) {
  for (size_t i = 0; i < N_FAILURES; i++) {
    db_fixture f;
    mlcm__db_conn *conn = NULL;
    fixture_open(&f);
    ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
    ck_assert_int_eq(mlcm__db_exec(conn, "INSERT INTO item VALUES (1, 'a', 0)", &f.err), MLCM_OK);
    arm(i, 2, true); /* its prepare goes well, its step and the rollback do not */
    ck_assert_int_eq(mlcm__db_commit(conn, &f.err), failures[i].status);
    ck_assert(test_statement_disarm());
    arm(i, 1, false); /* the next writer, who may have to connect anew */
    ck_assert_int_eq(fixture_exec(f.db, "DELETE FROM item", &f.err), failures[i].status);
    ck_assert(test_statement_disarm());
    ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM item"), 0);
    ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 0)", &f.err), MLCM_OK);
    fixture_close(&f);
  }
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      every_statement_may_fail,
      setting_up_and_migrating_may_fail_at_every_statement,
      a_caller_that_goes_on_is_told_again_what_ended_his_transaction,
      a_commit_that_fails_changes_nothing,
  };
  return TEST_RUN("store_statements", tests);
}
