/* SPDX-License-Identifier: Apache-2.0
 *
 * test_db_faults.c - the SQL layer on a failing disk: a SQLite VFS whose syncs and writes fail on demand.
 *
 * The shim stands on the system's VFS and wraps the methods of each file it opens.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "db_fixture.h"
#include "store/db_sqlite.h"
#include "support/suite.h"

/* ---- the shim ---- */

typedef struct shim_file {
  sqlite3_file base;
  sqlite3_file *real; /* directly behind */
} shim_file;

static struct {
  sqlite3_vfs vfs;
  sqlite3_vfs *real;
  sqlite3_io_methods methods;
  long calls;     /* writes and syncs so far */
  long fail_from; /* this call fails; 0: none */
  long fail_count; /* and so many from there on */
  bool syncs_only;
  int answer;
} shim;

static bool due(bool is_sync) {
  if (shim.syncs_only && !is_sync) return false;
  long call = ++shim.calls;
  return shim.fail_from && call >= shim.fail_from && call < shim.fail_from + shim.fail_count;
}

static sqlite3_file *real_of(sqlite3_file *file) {
  return ((shim_file *)file)->real;
}

static int shim_close(sqlite3_file *f) { return real_of(f)->pMethods->xClose(real_of(f)); }
static int shim_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at) {
  return real_of(f)->pMethods->xRead(real_of(f), out, n, at);
}
static int shim_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at) {
  if (due(false)) return shim.answer;
  return real_of(f)->pMethods->xWrite(real_of(f), data, n, at);
}
static int shim_truncate(sqlite3_file *f, sqlite3_int64 n) { return real_of(f)->pMethods->xTruncate(real_of(f), n); }
static int shim_sync(sqlite3_file *f, int flags) {
  if (due(true)) return shim.syncs_only ? SQLITE_IOERR_FSYNC : shim.answer == SQLITE_FULL ? SQLITE_OK : SQLITE_IOERR_FSYNC;
  return real_of(f)->pMethods->xSync(real_of(f), flags);
}
static int shim_size(sqlite3_file *f, sqlite3_int64 *out) { return real_of(f)->pMethods->xFileSize(real_of(f), out); }
static int shim_lock(sqlite3_file *f, int l) { return real_of(f)->pMethods->xLock(real_of(f), l); }
static int shim_unlock(sqlite3_file *f, int l) { return real_of(f)->pMethods->xUnlock(real_of(f), l); }
static int shim_reserved(sqlite3_file *f, int *out) { return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out); }
static int shim_control(sqlite3_file *f, int op, void *arg) { return real_of(f)->pMethods->xFileControl(real_of(f), op, arg); }
static int shim_sector(sqlite3_file *f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
static int shim_traits(sqlite3_file *f) { return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f)); }
static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
  return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int shim_shm_lock(sqlite3_file *f, int at, int n, int flags) {
  return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}
static void shim_shm_barrier(sqlite3_file *f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); }
static int shim_shm_unmap(sqlite3_file *f, int del) { return real_of(f)->pMethods->xShmUnmap(real_of(f), del); }
static int shim_fetch(sqlite3_file *f, sqlite3_int64 at, int n, void **out) {
  return real_of(f)->pMethods->xFetch(real_of(f), at, n, out);
}
static int shim_unfetch(sqlite3_file *f, sqlite3_int64 at, void *p) { return real_of(f)->pMethods->xUnfetch(real_of(f), at, p); }

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
  (void)vfs;
  shim_file *f = (shim_file *)file;
  f->real = (sqlite3_file *)(f + 1);
  int rc = shim.real->xOpen(shim.real, name, f->real, flags, out_flags);
  f->base.pMethods = f->real->pMethods ? &shim.methods : NULL;
  return rc;
}

static void shim_install(void) {
  static bool done;
  shim.calls = shim.fail_from = 0;
  shim.fail_count = 1000000;
  shim.syncs_only = false;
  shim.answer = SQLITE_IOERR_WRITE;
  if (done) return;
  done = true;
  shim.real = sqlite3_vfs_find(NULL);
  shim.vfs = *shim.real;
  shim.vfs.zName = "shim";
  shim.vfs.szOsFile = (int)sizeof(shim_file) + shim.real->szOsFile;
  shim.vfs.xOpen = shim_open;
  shim.methods = (sqlite3_io_methods){3,           shim_close,   shim_read,     shim_write,       shim_truncate,  shim_sync,
                                      shim_size,   shim_lock,    shim_unlock,   shim_reserved,    shim_control,   shim_sector,
                                      shim_traits, shim_shm_map, shim_shm_lock, shim_shm_barrier, shim_shm_unmap, shim_fetch,
                                      shim_unfetch};
  ck_assert_int_eq(sqlite3_vfs_register(&shim.vfs, 0), SQLITE_OK);
}

static void open_on_shim(db_fixture *f) {
  shim_install();
  fixture_files(f);
  f->options.vfs = "shim";
  ck_assert_msg(fixture_reopen(f) == MLCM_OK, "%s", f->err.message);
  ck_assert_int_eq(fixture_exec(f->db, "INSERT INTO item VALUES (1, 'a', 1)", &f->err), MLCM_OK);
  shim.calls = 0;
}

/* ---- the facts ---- */

START_TEST(a_failed_sync_of_the_log_is_an_unknown_outcome) {
  db_fixture f;
  open_on_shim(&f);
  shim.syncs_only = true;
  shim.fail_from = 1;
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 2", &f.err), MLCM_OUTCOME_UNKNOWN);
  ck_assert_int_eq(f.err.code, MLCM_OUTCOME_UNKNOWN);
  shim.fail_from = 0;
  int64_t value = fixture_number(f.db, "SELECT value FROM item");
  ck_assert(value == 1 || value == 2);
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 3", &f.err), MLCM_OK); /* and it goes on */
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 3);
  fixture_close(&f);
}
END_TEST

START_TEST(a_failed_write_changes_nothing) {
  db_fixture f;
  open_on_shim(&f);
  shim.fail_from = 1;
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 2", &f.err), MLCM_IO);
  shim.fail_from = 0;
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 1);
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 3", &f.err), MLCM_OK);
  fixture_close(&f);
}
END_TEST

START_TEST(a_full_disk_is_named_and_reading_goes_on) {
  db_fixture f;
  open_on_shim(&f);
  shim.fail_from = 1;
  shim.answer = SQLITE_FULL;
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 2", &f.err), MLCM_DISK_FULL);
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 1);
  shim.fail_from = 0;
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 2", &f.err), MLCM_OK);
  fixture_close(&f);
}
END_TEST

/* Every single write and sync of a transaction fails once: the state is the old or, where the answer says so, either. */
START_TEST(each_write_and_sync_may_fail) {
  for (long k = 1;; k++) {
    db_fixture f;
    open_on_shim(&f);
    shim.fail_from = k;
    shim.fail_count = 1;
    mlcm_status status =
        fixture_exec(f.db, "UPDATE item SET value = 2; INSERT INTO item VALUES (2, 'b', hex(randomblob(9000)) <> '')", &f.err);
    bool over = shim.calls < k;
    shim.fail_from = 0;
    int64_t value = fixture_number(f.db, "SELECT value FROM item WHERE id = 1");
    int64_t count = fixture_number(f.db, "SELECT count(*) FROM item");
    ck_assert_msg(count == value, "half a transaction after failing call %ld", k);
    if (status == MLCM_OK) ck_assert_int_eq(value, 2);
    else if (status != MLCM_OUTCOME_UNKNOWN) ck_assert_int_eq(value, 1);
    ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 9", &f.err), MLCM_OK);
    ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
    ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item WHERE id = 1"), 9);
    fixture_close(&f);
    if (over) break;
    ck_assert_int_lt(k, 100);
  }
}
END_TEST

START_TEST(a_failed_checkpoint_is_logged_and_the_commit_stands) {
  db_fixture f;
  open_on_shim(&f);
  ck_assert_int_eq(fixture_exec(f.db, "CREATE TABLE big (x BLOB)", &f.err), MLCM_OK);
  for (int i = 0; i < 12; i++) {
    shim.calls = 0;
    shim.fail_from = 300; /* a commit writes 123 pages in two parts and syncs: only a checkpoint comes that far */
    ck_assert_msg(fixture_exec(f.db, "INSERT INTO big VALUES (randomblob(500000))", &f.err) == MLCM_OK, "%s", f.err.message);
  }
  shim.fail_from = 0;
  ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM big"), 12);
  fixture_close(&f);
}
END_TEST

/* ---- SQLite's own memory ---- */

static struct {
  sqlite3_mem_methods real;
  long calls, fail_at;
} sqlite_memory;

static bool memory_due(void) {
  return ++sqlite_memory.calls == sqlite_memory.fail_at;
}

static void *failing_malloc(int n) { return memory_due() ? NULL : sqlite_memory.real.xMalloc(n); }
static void *failing_realloc(void *p, int n) { return memory_due() ? NULL : sqlite_memory.real.xRealloc(p, n); }

/* Must come before anything else uses SQLite. */
static void install_failing_memory(void) {
  sqlite3_mem_methods failing;
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory.real);
  if (!sqlite_memory.real.xMalloc) { /* set at first use only */
    sqlite3_initialize();
    sqlite3_shutdown();
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory.real);
  }
  failing = sqlite_memory.real;
  failing.xMalloc = failing_malloc;
  failing.xRealloc = failing_realloc;
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* every allocation is seen */
  sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
}

/* Every allocation of SQLite in a write fails once, on a fresh handle each time: all or nothing, no memory, and it goes on. */
START_TEST(sqlite_may_run_out_of_memory_in_a_write) {
  db_fixture f;
  shim_install();
  fixture_open(&f);
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, 'a', 0)", &f.err), MLCM_OK);
  int64_t value = 0;
  for (long k = 1;; k++) {
    ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
    sqlite_memory.calls = 0;
    sqlite_memory.fail_at = k;
    mlcm_status status = fixture_exec(
        f.db, "UPDATE item SET value = value + 1; INSERT INTO item (name, value) VALUES (hex(randomblob(20)), 1)", &f.err);
    bool over = sqlite_memory.calls < k;
    sqlite_memory.fail_at = 0;
    ck_assert_msg(status == MLCM_OK || status == MLCM_NO_MEMORY, "call %ld: %s: %s", k, mlcm_status_name(status), f.err.message);
    if (status == MLCM_OK) value++;
    ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item WHERE id = 1"), value);
    ck_assert_int_eq(fixture_number(f.db, "SELECT count(*) FROM item"), value + 1);
    ck_assert_msg(fixture_exec(f.db, "UPDATE item SET value = value", &f.err) == MLCM_OK, "after call %ld: %s", k, f.err.message);
    if (!over) continue;
    ck_assert_int_gt(k, 50);
    break;
  }
  fixture_close(&f);
}
END_TEST

static mlcm_status read_long_text(mlcm__db_conn *conn, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status status = mlcm__db_prepare(conn, "SELECT name FROM item WHERE id = 2", &stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  if (status == MLCM_OK) ck_assert_uint_eq(strlen(mlcm__db_text(stmt, 0)), 9000);
  mlcm__db_reset(stmt);
  return status;
}

static mlcm_status no_difference(void *user, const mlcm__db_schema_fault *fault, mlcm_error *err) {
  (void)user;
  (void)err;
  ck_abort_msg("%s '%s' differs", fault->type, fault->name);
  return MLCM_OK;
}

static mlcm_status copy(db_fixture *f, mlcm__db_conn *conn) {
  char *path = test_path(f->dir, "copy.db");
  unlink(path);
  const mlcm_status status = mlcm__db_copy(conn, path, NULL, NULL, &f->err);
  free(path);
  return status;
}

START_TEST(sqlite_may_run_out_of_memory_in_opening_and_reading) {
  db_fixture f;
  shim_install();
  fixture_open(&f);
  ck_assert_int_eq(
      fixture_exec(f.db,
                   "INSERT INTO item VALUES (1, 'a', 7), (2, hex(zeroblob(4500)), 8); CREATE INDEX added ON item (value);"
                   "DROP INDEX added",
                   &f.err),
      MLCM_OK);
  mlcm__db_close(f.db);
  f.db = NULL;
  for (long k = 1;; k++) {
    mlcm__db_conn *conn = NULL;
    int64_t value = 7, generation = 0;
    sqlite_memory.calls = 0;
    sqlite_memory.fail_at = k;
    mlcm_status status = fixture_reopen(&f);
    if (status == MLCM_OK) status = mlcm__db_read_begin(f.db, &conn, &f.err);
    if (status == MLCM_OK) status = fixture_number_in(conn, "SELECT value FROM item WHERE name = 'a'", &value, &f.err);
    if (status == MLCM_OK) status = read_long_text(conn, &f.err);
    if (status == MLCM_OK) status = mlcm__db_compare_schema(conn, fixture_migrations, 2, no_difference, NULL, &f.err);
    if (status == MLCM_OK) status = copy(&f, conn);
    mlcm__db_read_end(conn);
    if (status == MLCM_OK) status = mlcm__db_changed(f.db, &generation, &f.err);
    bool over = sqlite_memory.calls < k;
    sqlite_memory.fail_at = 0;
    ck_assert_msg(status == MLCM_OK || status == MLCM_NO_MEMORY, "call %ld: %s: %s", k, mlcm_status_name(status), f.err.message);
    ck_assert_int_eq(value, 7);
    if (!over) continue;
    ck_assert_int_gt(k, 200);
    break;
  }
  fixture_close(&f);
}
END_TEST

START_TEST(a_caller_that_goes_on_after_a_failure_commits_nothing) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  open_on_shim(&f);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_exec(conn, "UPDATE item SET value = 2", &f.err), MLCM_OK);
  ck_assert_int_eq(sqlite3_exec(conn->raw, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK); /* as SQLite does by itself when in need */
  ck_assert_int_eq(mlcm__db_exec(conn, "UPDATE item SET value = 3", &f.err), MLCM_INVALID_STATE);
  ck_assert_int_eq(mlcm__db_commit(conn, &f.err), MLCM_INVALID_STATE);
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item"), 1);
  ck_assert_int_eq(fixture_exec(f.db, "UPDATE item SET value = 4", &f.err), MLCM_OK);
  fixture_close(&f);
}
END_TEST

/* ---- memory and I/O table ---- */

static mlcm_status script(mlcm_context *ctx, void *user, mlcm_error *err) {
  db_fixture *f = (db_fixture *)user;
  mlcm__db *db = NULL;
  mlcm__db_conn *conn = NULL;
  int64_t value = 0;
  mlcm_status status = mlcm__db_open(ctx, f->path, &f->options, &db, err);
  if (status == MLCM_OK) status = fixture_exec(db, "INSERT OR REPLACE INTO item VALUES (1, 'a', 1)", err);
  if (status == MLCM_OK) status = mlcm__db_read_begin(db, &conn, err);
  if (status == MLCM_OK) status = fixture_number_in(conn, "SELECT value FROM item", &value, err);
  mlcm__db_read_end(conn);
  if (status == MLCM_OK) status = mlcm__db_changed(db, &value, err);
  mlcm__db_close(db);
  return status;
}

static void still_opens(void *user) {
  db_fixture *f = (db_fixture *)user;
  ck_assert_msg(fixture_reopen(f) == MLCM_OK, "%s", f->err.message);
  mlcm__db_close(f->db);
  f->db = NULL;
}

START_TEST(every_allocation_may_fail) {
  db_fixture f;
  shim_install();
  fixture_files(&f);
  ck_assert_uint_gt(test_fault_memory(script, still_opens, &f), 10);
  fixture_close(&f);
}
END_TEST

START_TEST(every_call_of_the_io_table_may_fail) {
  db_fixture f;
  shim_install();
  fixture_files(&f);
  ck_assert_uint_gt(test_fault_io(script, still_opens, &f), 2);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      a_failed_sync_of_the_log_is_an_unknown_outcome,
      a_failed_write_changes_nothing,
      a_full_disk_is_named_and_reading_goes_on,
      each_write_and_sync_may_fail,
      a_failed_checkpoint_is_logged_and_the_commit_stands,
      sqlite_may_run_out_of_memory_in_a_write,
      sqlite_may_run_out_of_memory_in_opening_and_reading,
      a_caller_that_goes_on_after_a_failure_commits_nothing,
      every_allocation_may_fail,
      every_call_of_the_io_table_may_fail,
  };
  install_failing_memory();
  return TEST_RUN("store_db_faults", tests);
}
