/* SPDX-License-Identifier: Apache-2.0
 *
 * test_db_edges.c - the SQL layer where it is seldom: statements without an answer, logs of 64 MiB, reading without a log's
 * index, other programs' files, copies that are stopped, SQLite's codes in the library's words.
 */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include "db_fixture.h"
#include "store/db_sqlite.h"
#include "support/statement_fault.h"
#include "support/suite.h"

/* ---- codes ---- */

START_TEST(every_code_of_sqlite_has_a_status) {
  static const struct {
    int rc, error;
    mlcm_status status;
  } codes[] = {
      {SQLITE_OK, 0, MLCM_OK},
      {SQLITE_ROW, 0, MLCM_OK},
      {SQLITE_DONE, 0, MLCM_OK},
      {SQLITE_FULL, 0, MLCM_DISK_FULL},
      {SQLITE_BUSY_SNAPSHOT, 0, MLCM_BUSY},
      {SQLITE_LOCKED, 0, MLCM_BUSY},
      {SQLITE_PROTOCOL, 0, MLCM_BUSY},
      {SQLITE_CORRUPT_INDEX, 0, MLCM_CORRUPT},
      {SQLITE_NOTADB, 0, MLCM_CORRUPT},
      {SQLITE_CONSTRAINT_UNIQUE, 0, MLCM_CONFLICT},
      {SQLITE_READONLY_DBMOVED, 0, MLCM_REFUSED},
      {SQLITE_PERM, 0, MLCM_REFUSED},
      {SQLITE_NOMEM, 0, MLCM_NO_MEMORY},
      {SQLITE_TOOBIG, 0, MLCM_LIMIT},
      {SQLITE_CANTOPEN, EIO, MLCM_IO},
      {SQLITE_CANTOPEN, ENOSPC, MLCM_DISK_FULL},
      {SQLITE_IOERR_WRITE, EIO, MLCM_IO},
      {SQLITE_IOERR_WRITE, ENOSPC, MLCM_DISK_FULL},
      {SQLITE_IOERR_WRITE, EDQUOT, MLCM_DISK_FULL},
      {SQLITE_IOERR_NOMEM, 0, MLCM_NO_MEMORY},
      {SQLITE_IOERR_DATA, 0, MLCM_CORRUPT},
      {SQLITE_IOERR_CORRUPTFS, 0, MLCM_CORRUPT},
      {SQLITE_MISUSE, 0, MLCM_INTERNAL},
  };
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    ck_assert_msg(mlcm__db_status_of(codes[i].rc, codes[i].error) == codes[i].status, "%d with errno %d", codes[i].rc,
                  codes[i].error);
}
END_TEST

START_TEST(a_failed_sync_of_the_folder_is_an_unknown_outcome_too) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  fixture_open(&f);
  ck_assert_int_eq(fixture_exec(f.db, "DELETE FROM item", &f.err), MLCM_OK); /* the statement is prepared by now */
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
    test_statement_arm(SQLITE_IOERR_DIR_FSYNC, true, 1, false);
    test_statement_only("COMMIT");
    ck_assert_int_eq(mlcm__db_commit(conn, i ? NULL : &f.err), MLCM_OUTCOME_UNKNOWN);
    ck_assert(test_statement_disarm());
  }
  fixture_close(&f);
}
END_TEST

/* ---- statements ---- */

START_TEST(the_first_of_two_wrong_parameters_is_told) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT ?1", &stmt, &f.err), MLCM_OK);
  mlcm__db_bind_i64(stmt, 2, 1);
  mlcm__db_bind_i64(stmt, 3, 1);
  mlcm__db_bind_i64(stmt, 1, 1);
  ck_assert_int_eq(mlcm__db_step(stmt, &row, &f.err), MLCM_INTERNAL);
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(a_transaction_that_ends_resets_what_runs_in_it) {
  static const char *const texts[] = {"SELECT 1", "SELECT 2", "SELECT 3"};
  db_fixture f;
  fixture_open(&f);
  for (int write = 0; write <= 1; write++) {
    mlcm__db_conn *conn = NULL;
    mlcm__db_stmt *stmts[3];
    bool row = false;
    ck_assert_int_eq(write ? mlcm__db_write_begin(f.db, -1, &conn, &f.err) : mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
    for (int i = 0; i < 3; i++) {
      ck_assert_int_eq(mlcm__db_prepare(conn, texts[i], &stmts[i], &f.err), MLCM_OK);
      ck_assert_int_eq(mlcm__db_step(stmts[i], &row, &f.err), MLCM_OK);
    }
    mlcm__db_reset(stmts[1]);
    if (write) ck_assert_int_eq(mlcm__db_commit(conn, &f.err), MLCM_OK);
    else mlcm__db_read_end(conn);
  }
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 1)", &f.err), MLCM_OK);
  fixture_close(&f);
}
END_TEST

/* What a pragma leaves unanswered is said, not taken for zero. */
START_TEST(a_pragma_without_a_row_is_an_error) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  int64_t generation = 0;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_changed(f.db, &generation, &f.err), MLCM_OK);
  test_statement_arm(SQLITE_DONE, false, 1, true);
  test_statement_only("data_version");
  ck_assert_int_eq(mlcm__db_changed(f.db, &generation, &f.err), MLCM_INTERNAL);
  ck_assert(test_statement_disarm());
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  test_statement_arm(SQLITE_DONE, false, 2, false); /* its step */
  test_statement_only("integrity_check");
  ck_assert_int_eq(mlcm__db_check(conn, &f.err), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(f.err.message, "no answer"));
  ck_assert(test_statement_disarm());
  mlcm__db_read_end(conn);
  test_statement_arm(SQLITE_DONE, false, 2, false);
  test_statement_only("PRAGMA journal_mode");
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK); /* taken for another mode, which is set right under the lock */
  ck_assert(test_statement_disarm());
  fixture_close(&f);
}
END_TEST

START_TEST(a_value_of_the_wrong_type_fails_the_check) {
  db_fixture f;
  sqlite3 *raw = NULL;
  mlcm__db_conn *conn = NULL;
  fixture_open(&f);
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 1)", &f.err), MLCM_OK);
  ck_assert_int_eq(sqlite3_open(f.path, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw,
                                "PRAGMA writable_schema = ON;"
                                "UPDATE sqlite_schema SET sql = replace(sql, 'value INTEGER', 'value TEXT') WHERE name = 'item'",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  sqlite3_close(raw);
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_check(conn, &f.err), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(f.err.message, "item.value"));
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

/* ---- the log ---- */

/* More than MLCM__DB_TRUNCATE pages in one commit, which checkpoints and then cuts the log. */
static mlcm_status write_64_mib(db_fixture *f) {
  return fixture_exec(f->db,
                      "CREATE TABLE IF NOT EXISTS big (x BLOB);"
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)"
                      "INSERT INTO big SELECT zeroblob(1000000) FROM n; DELETE FROM big",
                      &f->err);
}

static int64_t log_bytes(const db_fixture *f) {
  char *path = test_path(f->dir, "test.db-wal");
  size_t len = 0;
  free(test_read_file(path, &len));
  free(path);
  return (int64_t)len;
}

START_TEST(a_log_of_64_mib_is_cut_once_nothing_needs_it) {
  db_fixture f;
  fixture_open(&f);
  ck_assert_msg(write_64_mib(&f) == MLCM_OK, "%s", f.err.message);
  ck_assert_int_eq(log_bytes(&f), 0);
  fixture_close(&f);
}
END_TEST

START_TEST(a_log_that_is_read_or_cannot_be_cut_stays_and_the_commit_stands) {
  static const struct {
    size_t checkpoint; /* the first copies, the second cuts */
    int rc;
  } cases[] = {{1, SQLITE_IOERR}, {1, SQLITE_BUSY}, {2, SQLITE_IOERR}, {2, SQLITE_BUSY}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    db_fixture f;
    fixture_open(&f);
    test_statement_arm(cases[i].rc, false, cases[i].checkpoint, false);
    test_statement_only("a checkpoint");
    ck_assert_msg(write_64_mib(&f) == MLCM_OK, "%s", f.err.message);
    ck_assert(test_statement_disarm());
    ck_assert_int_gt(log_bytes(&f), 64 << 20);
    fixture_close(&f);
  }
}
END_TEST

START_TEST(a_log_that_a_reader_needs_is_not_cut) {
  db_fixture f;
  mlcm__db_conn *reader = NULL;
  int64_t number = 0;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &reader, &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_number_in(reader, "SELECT count(*) FROM item", &number, &f.err), MLCM_OK);
  ck_assert_msg(write_64_mib(&f) == MLCM_OK, "%s", f.err.message);
  ck_assert_int_gt(log_bytes(&f), 64 << 20);
  mlcm__db_read_end(reader);
  fixture_close(&f);
}
END_TEST

/* ---- reading only ---- */

/* Opening to read fails at its first statement with `rc`, as where the log's index cannot be made. */
static mlcm_status open_to_read(db_fixture *f, mlcm_context *ctx, int rc, mlcm_error *err) {
  mlcm__db *db = NULL;
  mlcm__db_options options = f->options;
  options.read_only = true;
  test_statement_arm(rc, false, 1, false);
  const mlcm_status status = mlcm__db_open(ctx, f->path, &options, &db, err);
  ck_assert(test_statement_disarm());
  if (status == MLCM_OK) ck_assert_int_eq(fixture_number(db, "SELECT count(*) FROM item"), 1);
  mlcm__db_close(db);
  return status;
}

static void one_row(db_fixture *f, bool with_log) {
  fixture_open(f);
  ck_assert_int_eq(fixture_exec(f->db, "INSERT INTO item VALUES (1, 'a', 1)", &f->err), MLCM_OK);
  mlcm__db_close(f->db);
  f->db = NULL;
  if (with_log) return;
  sqlite3 *raw = NULL;
  ck_assert_int_eq(sqlite3_open(f->path, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
}

START_TEST(a_log_that_cannot_be_read_is_told_and_without_one_the_file_is_the_truth) {
  db_fixture f;
  one_row(&f, true);
  ck_assert_int_eq(open_to_read(&f, f.ctx, SQLITE_READONLY, NULL), MLCM_REFUSED);
  ck_assert_int_eq(open_to_read(&f, f.ctx, SQLITE_READONLY, &f.err), MLCM_REFUSED);
  ck_assert_ptr_nonnull(strstr(f.err.message, "its log"));
  fixture_close(&f);
  one_row(&f, false);
  ck_assert_int_eq(open_to_read(&f, f.ctx, SQLITE_READONLY, &f.err), MLCM_OK);
  ck_assert_int_eq(open_to_read(&f, f.ctx, SQLITE_IOERR, &f.err), MLCM_IO); /* a sick disk: somebody may be writing all the same */
  fixture_close(&f);
}
END_TEST

static mlcm_status open_without_index(mlcm_context *ctx, void *user, mlcm_error *err) {
  return open_to_read(user, ctx, SQLITE_READONLY, err);
}

static mlcm_status open_without_file(mlcm_context *ctx, void *user, mlcm_error *err) {
  db_fixture *f = user;
  mlcm__db *db = NULL;
  unlink(f->path);
  const mlcm_status status = mlcm__db_open(ctx, f->path, &f->options, &db, err);
  mlcm__db_close(db);
  return status;
}

START_TEST(opening_without_a_logs_index_may_fail_at_every_call) {
  db_fixture f;
  one_row(&f, false);
  for (size_t n = 1, fired = 1; fired; n++) { /* allocations; the first come before the statement that fails */
    test_memory memory;
    test_memory_init(&memory);
    const mlcm_allocator table = test_memory_table(&memory);
    mlcm_context *ctx = test_context(&table, NULL, NULL);
    mlcm__db *db = NULL;
    mlcm__db_options options = f.options;
    options.read_only = true;
    memory.fail_at = memory.n_calls + n;
    test_statement_arm(SQLITE_READONLY, false, 1, false);
    const mlcm_status status = mlcm__db_open(ctx, f.path, &options, &db, n % 2 ? &f.err : NULL);
    (void)test_statement_disarm();
    fired = memory.fired;
    ck_assert_int_eq(status, fired ? MLCM_NO_MEMORY : MLCM_OK);
    mlcm__db_close(db);
    mlcm_context_free(ctx);
    test_memory_check_empty(&memory, "opening");
  }
  test_io io;
  test_io_init(&io);
  io.counted = TEST_IO_STAT;
  io.fail_at = 2; /* the log's; the first is the file's own */
  const mlcm_io table = test_io_table(&io);
  mlcm_context *ctx = test_context(NULL, &table, NULL);
  ck_assert_int_eq(open_without_index(ctx, &f, &f.err), MLCM_IO);
  mlcm_context_free(ctx);
  fixture_close(&f);
}
END_TEST

START_TEST(a_missing_file_is_not_made_by_reading) {
  db_fixture f;
  mlcm__db *db = NULL;
  fixture_files(&f);
  mlcm__db_options options = f.options;
  options.read_only = true;
  ck_assert_int_eq(mlcm__db_open(f.ctx, f.path, &options, &db, &f.err), MLCM_NOT_FOUND);
  fixture_close(&f);
}
END_TEST

/* What was opened so would never see what others write from now on. */
START_TEST(lack_of_descriptors_does_not_make_the_file_alone_the_truth) {
  db_fixture f;
  mlcm__db *db = NULL;
  struct rlimit before, few;
  one_row(&f, false);
  char *index = test_path(f.dir, "test.db-shm");
  unlink(index);
  free(index);
  mlcm__db_options options = f.options;
  options.read_only = true;
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
  few = before;
  int free_fd = dup(0);
  close(free_fd);
  mlcm_status st = MLCM_IO;
  for (rlim_t room = 0; st == MLCM_IO; room++) { /* one file, then two ... */
    few.rlim_cur = (rlim_t)free_fd + room;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    st = mlcm__db_open(f.ctx, f.path, &options, &db, &f.err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert(st == MLCM_OK || f.err.sys_code == EMFILE);
  }
  ck_assert_msg(st == MLCM_OK, "%s", f.err.message);
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK); /* another one writes */
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (2, 'b', 2)", &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_number(db, "SELECT count(*) FROM item"), 2);
  mlcm__db_close(db);
  fixture_close(&f);
}
END_TEST

/* What SQLite says of it alone, "unable to open database file", leaves everybody guessing. */
START_TEST(why_a_file_cannot_be_opened_is_told_in_the_systems_words) {
  db_fixture f;
  struct rlimit before, few;
  fixture_open(&f);
  mlcm__db_close(f.db);
  f.db = NULL;
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
  few = before;
  int free_fd = dup(0);
  close(free_fd);
  for (rlim_t room = 0;; room++) { /* until the lock's file is the last that can be opened */
    few.rlim_cur = (rlim_t)free_fd + room;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    mlcm_status st = fixture_reopen(&f);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_msg(st == MLCM_IO && room < 8, "with room for %d files: %s", (int)room, f.err.message);
    ck_assert_int_eq(f.err.sys_code, EMFILE);
    ck_assert_ptr_nonnull(strstr(f.err.message, "Too many open files"));
    if (strstr(f.err.message, "database '") && strstr(f.err.message, "SQLite 14")) break;
  }
  fixture_close(&f);
}
END_TEST

START_TEST(making_a_file_may_fail_at_every_allocation) {
  db_fixture f;
  fixture_files(&f);
  f.options.vfs = "unix";
  ck_assert_uint_gt(test_fault_memory(open_without_file, NULL, &f), 10);
  fixture_close(&f);
}
END_TEST

START_TEST(a_path_without_folder_is_in_the_working_one_and_one_in_the_root_in_that) {
  db_fixture f;
  mlcm__db *db = NULL;
  char *before = getcwd(NULL, 0);
  fixture_files(&f);
  ck_assert_int_eq(chdir(f.dir), 0);
  ck_assert_msg(mlcm__db_open(f.ctx, "here.db", &f.options, &db, &f.err) == MLCM_OK, "%s", f.err.message);
  mlcm__db_close(db);
  db = NULL;
  ck_assert_int_eq(chdir(before), 0);
  f.options.lock_path = "/no/such/folder/lock"; /* which comes before the file is made */
  ck_assert_int_eq(mlcm__db_open(f.ctx, "/no-such-file.db", &f.options, &db, &f.err), MLCM_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(f.err.message, "lock"));
  free(before);
  fixture_close(&f);
}
END_TEST

/* ---- other programs' files, older schemas ---- */

static void make_foreign(const db_fixture *f, const char *sql) {
  sqlite3 *raw = NULL;
  unlink(f->path);
  ck_assert_int_eq(sqlite3_open(f->path, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
}

START_TEST(a_file_is_new_only_without_number_version_and_tables) {
  db_fixture f;
  fixture_files(&f);
  make_foreign(&f, "CREATE TABLE theirs (x)");
  ck_assert_int_eq(fixture_reopen(&f), MLCM_CORRUPT);
  make_foreign(&f, "PRAGMA user_version = 1");
  ck_assert_int_eq(fixture_reopen(&f), MLCM_CORRUPT);
  make_foreign(&f, "VACUUM");
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  fixture_close(&f);
}
END_TEST

START_TEST(an_older_schema_waits_for_the_lock_to_be_migrated) {
  db_fixture f;
  mlcm__lock *other = NULL;
  fixture_files(&f);
  f.options.n_migrations = 1;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  ck_assert_int_eq(mlcm__lock_open(f.ctx, f.lock_path, &other, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__lock_take(other, 0, &f.err), MLCM_OK);
  f.options.n_migrations = 2;
  f.options.lock_timeout_ns = 1;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_BUSY);
  mlcm__lock_release(other);
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  mlcm__lock_close(other);
  fixture_close(&f);
}
END_TEST

START_TEST(a_file_that_lost_its_log_gets_one_again) {
  db_fixture f;
  sqlite3 *raw = NULL;
  fixture_open(&f);
  mlcm__db_close(f.db);
  f.db = NULL;
  ck_assert_int_eq(sqlite3_open(f.path, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 1)", &f.err), MLCM_OK);
  ck_assert_int_gt(log_bytes(&f), 0);
  fixture_close(&f);
}
END_TEST

static mlcm_status refuse_to_hear(void *user, const mlcm__db_schema_fault *fault, mlcm_error *err) {
  ++*(int *)user;
  return mlcm__fail(err, MLCM_CANCELLED, "%s", fault->name);
}

START_TEST(a_comparison_of_schemas_ends_when_its_listener_says_so) {
  static const char *const other[] = {
      "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX a ON item (name); CREATE INDEX b ON item (id)"};
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  int told = 0;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_compare_schema(conn, other, 1, refuse_to_hear, &told, &f.err), MLCM_CANCELLED);
  ck_assert_int_eq(told, 1);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

/* ---- readers ---- */

typedef struct reading {
  db_fixture *f;
  mlcm_status status;
} reading;

static void *read_once(void *user) {
  reading *r = user;
  mlcm__db_conn *conn = NULL;
  do r->status = mlcm__db_read_begin(r->f->db, &conn, NULL);
  while (r->status == MLCM_BUSY);
  mlcm__db_read_end(conn);
  return NULL;
}

/* All places are taken; two more threads wait, and one place after the other comes back: with its connection, and without one
 * that could not end its transaction. */
START_TEST(who_waits_to_read_gets_the_place_that_comes_back) {
  for (int broken = 0; broken <= 1; broken++) {
    db_fixture f;
    mlcm__db_conn *conns[MLCM__DB_READERS];
    reading r[2];
    pthread_t threads[2];
    fixture_files(&f);
    f.options.lock_timeout_ns = 50000000;
    ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
    for (int i = 0; i < MLCM__DB_READERS; i++) ck_assert_int_eq(mlcm__db_read_begin(f.db, &conns[i], &f.err), MLCM_OK);
    for (int i = 0; i < 2; i++) {
      r[i] = (reading){.f = &f};
      ck_assert_int_eq(pthread_create(&threads[i], NULL, read_once, &r[i]), 0);
    }
    mlcm__db_conn *ninth = NULL;
    ck_assert_int_eq(mlcm__db_read_begin(f.db, &ninth, &f.err), MLCM_BUSY); /* by now the others wait */
    for (int i = 0; i < MLCM__DB_READERS; i++) {
      if (broken) test_statement_arm(SQLITE_NOMEM, false, 1, true);
      mlcm__db_read_end(conns[i]);
      if (broken) ck_assert(test_statement_disarm());
    }
    for (int i = 0; i < 2; i++) {
      ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
      ck_assert_int_eq(r[i].status, MLCM_OK);
    }
    fixture_close(&f);
  }
}
END_TEST

/* ---- copies ---- */

static mlcm_status stop_after(void *user, int64_t done_bytes, int64_t total_bytes, mlcm_error *err) {
  ck_assert_int_le(done_bytes, total_bytes);
  return --*(int *)user ? MLCM_OK : mlcm__fail(err, MLCM_CANCELLED, "enough");
}

START_TEST(a_copy_goes_on_in_steps_until_it_is_stopped) {
  static const struct {
    int steps;
    mlcm_status status;
  } cases[] = {{1, MLCM_CANCELLED}, {2, MLCM_CANCELLED}, {1000, MLCM_OK}};
  db_fixture f;
  fixture_open(&f);
  ck_assert_int_eq(fixture_exec(f.db, "CREATE TABLE big (x BLOB); INSERT INTO big VALUES (zeroblob(3000000))", &f.err), MLCM_OK);
  char *path = test_path(f.dir, "copy.db");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mlcm__db_conn *conn = NULL;
    int left = cases[i].steps;
    unlink(path);
    ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
    ck_assert_int_eq(mlcm__db_copy(conn, path, stop_after, &left, &f.err), cases[i].status);
    mlcm__db_read_end(conn);
    if (cases[i].status == MLCM_OK) ck_assert_int_lt(left, cases[i].steps - 2);
  }
  free(path);
  fixture_close(&f);
}
END_TEST

START_TEST(a_copy_to_a_folder_that_is_not_there_is_an_error) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  fixture_open(&f);
  char *path = test_path(f.dir, "no/copy.db");
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_copy(conn, path, NULL, NULL, &f.err), MLCM_IO);
  ck_assert_ptr_nonnull(strstr(f.err.message, "no/copy.db"));
  mlcm__db_read_end(conn);
  free(path);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      every_code_of_sqlite_has_a_status,
      a_failed_sync_of_the_folder_is_an_unknown_outcome_too,
      the_first_of_two_wrong_parameters_is_told,
      a_transaction_that_ends_resets_what_runs_in_it,
      a_pragma_without_a_row_is_an_error,
      a_value_of_the_wrong_type_fails_the_check,
      a_log_of_64_mib_is_cut_once_nothing_needs_it,
      a_log_that_is_read_or_cannot_be_cut_stays_and_the_commit_stands,
      a_log_that_a_reader_needs_is_not_cut,
      a_log_that_cannot_be_read_is_told_and_without_one_the_file_is_the_truth,
      opening_without_a_logs_index_may_fail_at_every_call,
      a_missing_file_is_not_made_by_reading,
      lack_of_descriptors_does_not_make_the_file_alone_the_truth,
      why_a_file_cannot_be_opened_is_told_in_the_systems_words,
      making_a_file_may_fail_at_every_allocation,
      a_path_without_folder_is_in_the_working_one_and_one_in_the_root_in_that,
      a_file_is_new_only_without_number_version_and_tables,
      an_older_schema_waits_for_the_lock_to_be_migrated,
      a_file_that_lost_its_log_gets_one_again,
      a_comparison_of_schemas_ends_when_its_listener_says_so,
      who_waits_to_read_gets_the_place_that_comes_back,
      a_copy_goes_on_in_steps_until_it_is_stopped,
      a_copy_to_a_folder_that_is_not_there_is_an_error,
  };
  return TEST_RUN("store_db_edges", tests);
}
