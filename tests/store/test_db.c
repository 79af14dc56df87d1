/* SPDX-License-Identifier: Apache-2.0
 *
 * test_db.c - the SQL layer: opening, migrations, transactions, statements, errors, change detection, fork.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db_fixture.h"
#include "store/db_sqlite.h"
#include "support/child.h"
#include "support/suite.h"

#define SECOND INT64_C(1000000000)

/* ---- opening and migrations ---- */

START_TEST(a_missing_file_is_not_found_without_create) {
  db_fixture f;
  fixture_files(&f);
  f.options.create = false;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_NOT_FOUND);
  ck_assert(!test_exists(f.path));
  fixture_close(&f);
}
END_TEST

START_TEST(an_empty_file_is_not_found_without_create) {
  db_fixture f;
  fixture_files(&f);
  test_write_file(f.path, "", 0);
  f.options.create = false;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_NOT_FOUND);
  fixture_close(&f);
}
END_TEST

START_TEST(a_new_file_has_the_settings_we_promise) {
  static const struct {
    const char *pragma;
    int64_t value;
  } settings[] = {
      {"PRAGMA application_id", FIXTURE_ID}, {"PRAGMA user_version", 2},     {"PRAGMA synchronous", 2},
      {"PRAGMA foreign_keys", 1},            {"PRAGMA trusted_schema", 0},   {"PRAGMA cell_size_check", 1},
      {"PRAGMA wal_autocheckpoint", 0},      {"PRAGMA mmap_size", 0},
  };
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    int64_t value = -1;
    ck_assert_int_eq(fixture_number_in(conn, settings[i].pragma, &value, &f.err), MLCM_OK);
    if (value == -1 && settings[i].value == 0) value = 0; /* no row: not set */
    ck_assert_msg(value == settings[i].value, "%s is %lld", settings[i].pragma, (long long)value);
  }
  mlcm__db_rollback(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(a_newer_schema_is_refused_naming_both_versions) {
  db_fixture f;
  fixture_open(&f);
  ck_assert_int_eq(fixture_exec(f.db, "PRAGMA user_version = 7", &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_reopen(&f), MLCM_NEWER_FORMAT);
  ck_assert_ptr_nonnull(strstr(f.err.message, "7"));
  ck_assert_ptr_nonnull(strstr(f.err.message, "up to 2"));
  fixture_close(&f);
}
END_TEST

START_TEST(an_older_schema_is_migrated_keeping_its_rows) {
  db_fixture f;
  fixture_files(&f);
  f.options.n_migrations = 1;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 5)", &f.err), MLCM_OK);
  f.options.n_migrations = 2;
  ck_assert_msg(fixture_reopen(&f) == MLCM_OK, "%s", f.err.message);
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 5);
  ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM part"), 0);
  fixture_close(&f);
}
END_TEST

START_TEST(an_older_schema_is_refused_read_only) {
  db_fixture f;
  fixture_files(&f);
  f.options.n_migrations = 1;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  f.options.n_migrations = 2;
  f.options.create = false;
  f.options.read_only = true;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_REFUSED);
  fixture_close(&f);
}
END_TEST

START_TEST(a_failed_migration_leaves_the_old_schema) {
  static const char *const broken[] = {"CREATE TABLE item (id INTEGER PRIMARY KEY) STRICT;", "CREATE TABLE other (x); nonsense"};
  db_fixture f;
  fixture_files(&f);
  f.options.migrations = broken;
  f.options.n_migrations = 1;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  f.options.n_migrations = 2;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_INTERNAL);
  ck_assert_ptr_nonnull(strstr(f.err.message, "migration 1 to 2"));
  f.options.n_migrations = 1;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM sqlite_schema WHERE name = 'other'"), 0);
  fixture_close(&f);
}
END_TEST

START_TEST(another_programs_database_is_corrupt) {
  db_fixture f;
  fixture_open(&f);
  f.options.application_id = 1;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(f.err.message, "belongs to another program"));
  ck_assert_ptr_nonnull(strstr(f.err.message, "name another directory")); /* what to do now */
  fixture_close(&f);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_corrupt) {
  db_fixture f;
  char garbage[4096];
  fixture_files(&f);
  memset(garbage, 'x', sizeof garbage);
  test_write_file(f.path, garbage, sizeof garbage);
  ck_assert_int_eq(fixture_reopen(&f), MLCM_CORRUPT);
  fixture_close(&f);
}
END_TEST

START_TEST(paths_with_special_characters_work) {
  db_fixture f;
  fixture_files(&f);
  free(f.path);
  f.path = test_path(f.dir, "a b?c#d%20e.db");
  ck_assert_msg(fixture_reopen(&f) == MLCM_OK, "%s", f.err.message);
  ck_assert(test_exists(f.path));
  fixture_close(&f);
}
END_TEST

START_TEST(network_file_systems_are_known_by_their_numbers) {
  ck_assert(mlcm__is_network_fs(0x6969));
  ck_assert(mlcm__is_network_fs(0xFF534D42));
  ck_assert(mlcm__is_network_fs(UINT64_C(0xFFFFFFFFFF534D42))); /* sign-extended on some machines */
  ck_assert(!mlcm__is_network_fs(0xEF53));                       /* ext4 */
  ck_assert(!mlcm__is_network_fs(0x01021994));                   /* tmpfs */
}
END_TEST

/* Several processes open a database that does not exist yet: all of them succeed. */
START_TEST(a_race_to_create_has_no_loser) {
  db_fixture f;
  fixture_files(&f);
  for (int i = 0; i < 8; i++) {
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0) continue;
    mlcm__db *db = NULL;
    mlcm_error err = {0};
    mlcm_status status = mlcm__db_open(f.ctx, f.path, &f.options, &db, &err);
    if (status != MLCM_OK) fprintf(stderr, "%s\n", err.message);
    mlcm__db_close(db);
    _exit(status == MLCM_OK ? 0 : 1);
  }
  for (int i = 0; i < 8; i++) {
    int status = 0;
    ck_assert_int_gt(wait(&status), 0);
    ck_assert_int_eq(status, 0);
  }
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  fixture_close(&f);
}
END_TEST

/* ---- read-only ---- */

static void fill(db_fixture *f) {
  fixture_open(f);
  ck_assert_int_eq(fixture_exec(f->db, "INSERT INTO item VALUES (1, 'a', 42)", &f->err), MLCM_OK);
}

START_TEST(a_read_only_handle_reads_and_refuses_changes) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  fill(&f);
  f.options.read_only = true;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 42);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_REFUSED);
  fixture_close(&f);
}
END_TEST

START_TEST(a_reader_connection_takes_no_change) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  fill(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_exec(conn, "DELETE FROM item", &f.err), MLCM_REFUSED);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

/* Runs `check` in a process that may not write into the folder. */
static int as_nobody(db_fixture *f, int (*check)(db_fixture *f)) {
  mlcm__db_close(f->db);
  f->db = NULL;
  ck_assert_int_eq(chmod(f->dir, 0555), 0);
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(99);
    _exit(check(f));
  }
  int status = 0;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(chmod(f->dir, 0755), 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static int read_value(db_fixture *f) {
  int64_t value = 0;
  mlcm__db_conn *conn = NULL;
  f->options.read_only = true;
  f->options.create = false;
  mlcm_status status = mlcm__db_open(f->ctx, f->path, &f->options, &f->db, &f->err);
  if (status == MLCM_OK) status = mlcm__db_read_begin(f->db, &conn, &f->err);
  if (status == MLCM_OK) status = fixture_number_in(conn, "SELECT value FROM item", &value, &f->err);
  if (status != MLCM_OK) fprintf(stderr, "%s: %s\n", mlcm_status_name(status), f->err.message);
  return status == MLCM_OK ? (int)value : 100 + status;
}

static void remove_beside(const db_fixture *f, const char *suffix) {
  char *path = malloc(strlen(f->path) + strlen(suffix) + 1);
  strcpy(path, f->path);
  strcat(path, suffix);
  unlink(path);
  free(path);
}

START_TEST(a_folder_without_write_permission_can_be_read) {
  db_fixture f;
  fill(&f);
  ck_assert_int_eq(as_nobody(&f, read_value), 42);
  fixture_close(&f);
}
END_TEST

START_TEST(a_copied_database_without_log_can_be_read_in_such_a_folder) {
  db_fixture f;
  fill(&f);
  sqlite3 *raw = NULL;
  mlcm__db_close(f.db);
  f.db = NULL;
  ck_assert_int_eq(sqlite3_open(f.path, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  remove_beside(&f, "-wal");
  remove_beside(&f, "-shm");
  ck_assert_int_eq(as_nobody(&f, read_value), 42);
  fixture_close(&f);
}
END_TEST

START_TEST(a_log_without_its_index_in_such_a_folder_is_an_error_not_old_data) {
  db_fixture f;
  fill(&f);
  remove_beside(&f, "-shm");
  int answer = as_nobody(&f, read_value);
  ck_assert_msg(answer == 42 || answer == 100 + MLCM_IO || answer == 100 + MLCM_REFUSED, "answer %d", answer);
  fixture_close(&f);
}
END_TEST

/* ---- transactions ---- */

START_TEST(a_rollback_undoes_and_a_commit_stays) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_exec(conn, "INSERT INTO item VALUES (1, 'a', 1)", &f.err), MLCM_OK);
  mlcm__db_rollback(conn);
  ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM item"), 0);
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 1)", &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM item"), 1);
  fixture_close(&f);
}
END_TEST

START_TEST(a_read_transaction_sees_one_snapshot) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  int64_t before = 0, after = 0;
  fill(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_number_in(conn, "SELECT value FROM item", &before, &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 43", &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_number_in(conn, "SELECT value FROM item", &after, &f.err), MLCM_OK);
  mlcm__db_read_end(conn);
  ck_assert_int_eq(before, 42);
  ck_assert_int_eq(after, 42);
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 43);
  fixture_close(&f);
}
END_TEST

START_TEST(a_single_read_sees_the_newest_state_every_time) {
  db_fixture f;
  fill(&f);
  for (int64_t i = 0; i < 3; i++) {
    mlcm__db_conn *conn = NULL;
    int64_t value = 0;
    ck_assert_int_eq(mlcm__db_read_begin_single(f.db, &conn, &f.err), MLCM_OK);
    ck_assert_int_eq(fixture_number_in(conn, "SELECT value FROM item", &value, &f.err), MLCM_OK);
    mlcm__db_read_end(conn);
    ck_assert_int_eq(value, 42 + i);
    ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = value + 1", &f.err), MLCM_OK);
  }
  fixture_close(&f);
}
END_TEST

START_TEST(eight_reads_at_a_time_and_the_ninth_is_busy) {
  db_fixture f;
  mlcm__db_conn *conns[9] = {NULL};
  fixture_files(&f);
  f.options.lock_timeout_ns = 1;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  for (int i = 0; i < 8; i++) ck_assert_int_eq(mlcm__db_read_begin(f.db, &conns[i], &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conns[8], &f.err), MLCM_BUSY);
  mlcm__db_read_end(conns[3]);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conns[3], &f.err), MLCM_OK);
  for (int i = 0; i < 8; i++) mlcm__db_read_end(conns[i]);
  fixture_close(&f);
}
END_TEST

START_TEST(a_deferred_constraint_fails_the_commit_and_changes_nothing) {
  db_fixture f;
  fixture_open(&f);
  mlcm__db_conn *conn = NULL;
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_exec(conn, "INSERT INTO part VALUES (99)", &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_commit(conn, &f.err), MLCM_CONFLICT);
  ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM part"), 0);
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 1)", &f.err), MLCM_OK);
  fixture_close(&f);
}
END_TEST

START_TEST(the_log_is_checkpointed_past_its_size) {
  db_fixture f;
  struct stat wal;
  char *wal_path = NULL;
  fixture_open(&f);
  ck_assert_int_eq(fixture_exec(f.db, "CREATE TABLE big (x BLOB)", &f.err), MLCM_OK);
  for (int i = 0; i < 40; i++)
    ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO big VALUES (randomblob(500000))", &f.err), MLCM_OK);
  wal_path = test_path(f.dir, "test.db-wal");
  ck_assert_int_eq(stat(wal_path, &wal), 0);
  ck_assert_int_lt(wal.st_size, 8 << 20); /* 20 MB were written */
  ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM big"), 40);
  free(wal_path);
  fixture_close(&f);
}
END_TEST

/* ---- the writer lock ---- */

START_TEST(the_lock_is_busy_while_another_handle_writes) {
  db_fixture f;
  mlcm__db *other = NULL;
  mlcm__db_conn *mine = NULL, *theirs = NULL;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_open(f.ctx, f.path, &f.options, &other, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &mine, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_write_begin(other, 0, &theirs, &f.err), MLCM_BUSY);
  ck_assert_int_eq(mlcm__db_write_begin(other, 2000000, &theirs, &f.err), MLCM_BUSY);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, 1000000, &theirs, &f.err), MLCM_BUSY); /* the same handle from within */
  mlcm__db_rollback(mine);
  ck_assert_int_eq(mlcm__db_write_begin(other, 0, &theirs, &f.err), MLCM_OK);
  mlcm__db_rollback(theirs);
  mlcm__db_close(other);
  fixture_close(&f);
}
END_TEST

START_TEST(a_killed_holder_frees_the_lock) {
  db_fixture f;
  int ready[2];
  char byte = 0;
  mlcm__db_conn *conn = NULL;
  fixture_open(&f);
  ck_assert_int_eq(pipe(ready), 0);
  pid_t pid = fork();
  if (pid == 0) {
    mlcm__db *db = NULL;
    if (mlcm__db_open(f.ctx, f.path, &f.options, &db, NULL) == MLCM_OK && mlcm__db_write_begin(db, -1, &conn, NULL) == MLCM_OK)
      (void)!write(ready[1], "x", 1);
    pause();
    _exit(0);
  }
  ck_assert_int_eq(read(ready[0], &byte, 1), 1);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, 0, &conn, &f.err), MLCM_BUSY);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, SECOND, &conn, &f.err), MLCM_OK);
  mlcm__db_rollback(conn);
  close(ready[0]);
  close(ready[1]);
  fixture_close(&f);
}
END_TEST

typedef struct hammer {
  db_fixture *f;
  int n;
  mlcm_status status;
  mlcm_error err;
} hammer;

static void *run_hammer(void *user) {
  hammer *h = (hammer *)user;
  for (int i = 0; h->status == MLCM_OK && i < h->n; i++)
    h->status = fixture_exec(h->f->db, "UPDATE item SET value = value + 1", &h->err);
  return NULL;
}

START_TEST(threads_of_one_handle_take_turns) {
  db_fixture f;
  pthread_t threads[4];
  hammer hammers[4];
  fill(&f);
  for (int i = 0; i < 4; i++) {
    hammers[i] = (hammer){.f = &f, .n = 25};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, run_hammer, &hammers[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    ck_assert_msg(hammers[i].status == MLCM_OK, "%s", hammers[i].err.message);
  }
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 142);
  fixture_close(&f);
}
END_TEST

START_TEST(two_processes_take_turns) {
  db_fixture f;
  fill(&f);
  mlcm__db_close(f.db);
  f.db = NULL;
  for (int i = 0; i < 2; i++) {
    pid_t pid = fork();
    if (pid > 0) continue;
    mlcm_status status = fixture_reopen(&f);
    for (int k = 0; status == MLCM_OK && k < 50; k++) status = fixture_exec(f.db, "UPDATE item SET value = value + 1", &f.err);
    if (status != MLCM_OK) fprintf(stderr, "%s\n", f.err.message);
    _exit(status == MLCM_OK ? 0 : 1);
  }
  for (int i = 0; i < 2; i++) {
    int status = 0;
    ck_assert_int_gt(wait(&status), 0);
    ck_assert_int_eq(status, 0);
  }
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 142);
  fixture_close(&f);
}
END_TEST

/* ---- statements ---- */

START_TEST(values_come_back_as_they_were_bound) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  size_t len = 0;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT ?1, ?2, ?3, ?4, ?5", &stmt, &f.err), MLCM_OK);
  mlcm__db_bind_i64(stmt, 1, INT64_MIN);
  mlcm__db_bind_f64(stmt, 2, 0.1);
  mlcm__db_bind_text(stmt, 3, "caf\xc3\xa9");
  mlcm__db_bind_blob(stmt, 4, "a\0b", 3);
  mlcm__db_bind_text(stmt, 5, NULL);
  ck_assert_int_eq(mlcm__db_step(stmt, &row, &f.err), MLCM_OK);
  ck_assert(row);
  ck_assert_int_eq(mlcm__db_i64(stmt, 0), INT64_MIN);
  ck_assert(mlcm__db_f64(stmt, 1) == 0.1);
  ck_assert_str_eq(mlcm__db_text(stmt, 2), "caf\xc3\xa9");
  ck_assert_mem_eq(mlcm__db_blob(stmt, 3, &len), "a\0b", 3);
  ck_assert_uint_eq(len, 3);
  ck_assert(mlcm__db_is_null(stmt, 4));
  ck_assert_str_eq(mlcm__db_text(stmt, 4), "");
  ck_assert_int_eq(mlcm__db_step(stmt, &row, &f.err), MLCM_OK);
  ck_assert(!row);
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(a_constraint_answers_what_its_caller_said) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  fill(&f);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(mlcm__db_prepare(conn, "INSERT INTO item VALUES (2, 'a', 1)", &stmt, &f.err), MLCM_OK);
    if (i == 1) mlcm__db_on_constraint(stmt, MLCM_ALREADY_EXISTS);
    ck_assert_int_eq(mlcm__db_run(stmt, &f.err), i == 1 ? MLCM_ALREADY_EXISTS : MLCM_CONFLICT);
  }
  mlcm__db_rollback(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(the_same_text_can_run_twice_at_a_time) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *a = NULL, *b = NULL, *again = NULL;
  bool row = false;
  fill(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT value FROM item", &a, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT value FROM item", &b, &f.err), MLCM_OK);
  ck_assert_ptr_ne(a, b);
  ck_assert_int_eq(mlcm__db_step(a, &row, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_step(b, &row, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_i64(a, 0), mlcm__db_i64(b, 0));
  mlcm__db_reset(b);
  mlcm__db_reset(a);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT value FROM item", &again, &f.err), MLCM_OK);
  ck_assert(again == a || again == b);
  mlcm__db_reset(again);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(more_texts_than_the_cache_holds_still_work) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *held[100];
  char sql[64];
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 100; i++) {
      bool row = false;
      snprintf(sql, sizeof sql, "SELECT %d", i);
      ck_assert_int_eq(mlcm__db_prepare(conn, sql, &held[i], &f.err), MLCM_OK);
      ck_assert_int_eq(mlcm__db_step(held[i], &row, &f.err), MLCM_OK);
      ck_assert_int_eq(mlcm__db_i64(held[i], 0), i);
      if (round != 1) mlcm__db_reset(held[i]); /* in the second round all are held at once */
    }
    for (int i = 0; round == 1 && i < 100; i++) mlcm__db_reset(held[i]);
  }
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(a_text_that_is_not_one_statement_is_refused) {
  static const char *const texts[] = {"SELECT 1; SELECT 2", "-- nothing"};
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    ck_assert_int_eq(mlcm__db_prepare(conn, texts[i], &stmt, &f.err), MLCM_INTERNAL);
    ck_assert_ptr_null(stmt);
  }
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(a_parameter_out_of_range_shows_at_step) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT ?1", &stmt, &f.err), MLCM_OK);
  mlcm__db_bind_i64(stmt, 2, 1);
  ck_assert_int_eq(mlcm__db_step(stmt, &row, &f.err), MLCM_INTERNAL);
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

/* ---- changes, checks, fork ---- */

START_TEST(the_generation_changes_with_every_commit_and_only_then) {
  db_fixture f;
  mlcm__db *other = NULL;
  int64_t first = 0, same = 0, own = 0, foreign = 0;
  fill(&f);
  ck_assert_int_eq(mlcm__db_open(f.ctx, f.path, &f.options, &other, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_changed(f.db, &first, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_changed(f.db, &same, &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 1", &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_changed(f.db, &own, &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_exec(other, "UPDATE item SET value = 2", &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_changed(f.db, &foreign, &f.err), MLCM_OK);
  ck_assert_int_eq(first, same);
  ck_assert_int_gt(own, same);
  ck_assert_int_gt(foreign, own);
  mlcm__db_close(other);
  fixture_close(&f);
}
END_TEST

START_TEST(a_sound_database_passes_its_check) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  fill(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_check(conn, &f.err), MLCM_OK);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(a_row_that_refers_to_nothing_fails_the_check) {
  db_fixture f;
  sqlite3 *raw = NULL;
  mlcm__db_conn *conn = NULL;
  fill(&f);
  ck_assert_int_eq(sqlite3_open(f.path, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, "INSERT INTO part VALUES (77)", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_check(conn, &f.err), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(f.err.message, "part"));
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

static int use_after_fork(mlcm__db *db) {
  mlcm__db_conn *conn = NULL;
  int64_t generation = 0;
  if (mlcm__db_read_begin(db, &conn, NULL) != MLCM_INVALID_STATE) return 1;
  if (mlcm__db_read_begin_single(db, &conn, NULL) != MLCM_INVALID_STATE) return 2;
  if (mlcm__db_write_begin(db, -1, &conn, NULL) != MLCM_INVALID_STATE) return 3;
  if (mlcm__db_changed(db, &generation, NULL) != MLCM_INVALID_STATE) return 4;
  mlcm__db_close(db);
  return 0;
}

START_TEST(a_handle_is_invalid_after_fork_and_closing_it_there_harms_nothing) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  int status = 0;
  fill(&f);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_exec(conn, "UPDATE item SET value = 7", &f.err), MLCM_OK);
  pid_t pid = fork();
  if (pid == 0) test_child_exit(use_after_fork(f.db));
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(WEXITSTATUS(status), 0);
  ck_assert_int_eq(mlcm__db_commit(conn, &f.err), MLCM_OK);
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 7);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      a_missing_file_is_not_found_without_create,
      an_empty_file_is_not_found_without_create,
      a_new_file_has_the_settings_we_promise,
      a_newer_schema_is_refused_naming_both_versions,
      an_older_schema_is_migrated_keeping_its_rows,
      an_older_schema_is_refused_read_only,
      a_failed_migration_leaves_the_old_schema,
      another_programs_database_is_corrupt,
      a_file_that_is_no_database_is_corrupt,
      paths_with_special_characters_work,
      network_file_systems_are_known_by_their_numbers,
      a_race_to_create_has_no_loser,
      a_read_only_handle_reads_and_refuses_changes,
      a_reader_connection_takes_no_change,
      a_folder_without_write_permission_can_be_read,
      a_copied_database_without_log_can_be_read_in_such_a_folder,
      a_log_without_its_index_in_such_a_folder_is_an_error_not_old_data,
      a_rollback_undoes_and_a_commit_stays,
      a_read_transaction_sees_one_snapshot,
      a_single_read_sees_the_newest_state_every_time,
      eight_reads_at_a_time_and_the_ninth_is_busy,
      a_deferred_constraint_fails_the_commit_and_changes_nothing,
      the_log_is_checkpointed_past_its_size,
      the_lock_is_busy_while_another_handle_writes,
      a_killed_holder_frees_the_lock,
      threads_of_one_handle_take_turns,
      two_processes_take_turns,
      values_come_back_as_they_were_bound,
      a_constraint_answers_what_its_caller_said,
      the_same_text_can_run_twice_at_a_time,
      more_texts_than_the_cache_holds_still_work,
      a_text_that_is_not_one_statement_is_refused,
      a_parameter_out_of_range_shows_at_step,
      the_generation_changes_with_every_commit_and_only_then,
      a_sound_database_passes_its_check,
      a_row_that_refers_to_nothing_fails_the_check,
      a_handle_is_invalid_after_fork_and_closing_it_there_harms_nothing,
  };
  return TEST_RUN("store_db", tests);
}
