/* SPDX-License-Identifier: Apache-2.0
 *
 * db_copy.c - a copy of a database that is in use, by SQLite's online backup.
 *
 * The source connection has its read transaction open all the time, so that every step sees the same snapshot and the copy never
 * has to start again, however many commits come in between. The writer lock is not taken: readers do not disturb writers, but the
 * log cannot be started anew before the copy ends.
 */
#include <assert.h>

#include "db_sqlite.h"

enum { STEP_PAGES = 256 };

static mlcm_status fail_copy(mlcm__db_conn *conn, sqlite3 *raw, int rc, const char *path, mlcm_error *err) {
  mlcm_status status = mlcm__db_fail(conn->db, raw, rc, "a copy failed", err);
  mlcm__error_prefix(err, "'%s': ", path);
  return status;
}

static mlcm_status run_steps(sqlite3_backup *backup, int64_t page_bytes, mlcm__db_copy_tap *tap, void *user, int *rc,
                             mlcm_error *err) {
  mlcm_status status = MLCM_OK;
  do {
    *rc = sqlite3_backup_step(backup, STEP_PAGES);
    int64_t total = sqlite3_backup_pagecount(backup) * page_bytes;
    int64_t done = total - sqlite3_backup_remaining(backup) * page_bytes;
    if ((*rc == SQLITE_OK || *rc == SQLITE_DONE) && tap) status = tap(user, done, total, err);
  } while (status == MLCM_OK && *rc == SQLITE_OK);
  return status;
}

/* The pages, and with the last of them the commit of the copy. */
static mlcm_status copy_pages(mlcm__db_conn *conn, sqlite3 *to, const char *path, mlcm__db_copy_tap *tap, void *user,
                              mlcm_error *err) {
  int64_t page_bytes = 0;
  int rc = SQLITE_OK;
  mlcm_status status = mlcm__db_pragma_i64(conn, "PRAGMA page_size", &page_bytes, err);
  if (status != MLCM_OK) return status;
  sqlite3_backup *backup = sqlite3_backup_init(to, "main", conn->raw, "main");
  if (!backup) return fail_copy(conn, to, sqlite3_errcode(to), path, err);
  status = run_steps(backup, page_bytes, tap, user, &rc, err);
  int end = sqlite3_backup_finish(backup);
  if (status != MLCM_OK) return status;
  if (rc == SQLITE_DONE) rc = end;
  return rc == SQLITE_OK ? MLCM_OK : fail_copy(conn, to, rc, path, err);
}

mlcm_status mlcm__db_copy(mlcm__db_conn *conn, const char *path, mlcm__db_copy_tap *tap, void *user, mlcm_error *err) {
  sqlite3 *to = NULL;
  assert(conn->in_tx && !conn->is_writer);
  int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                           conn->db->vfs);
  if (rc == SQLITE_OK) rc = sqlite3_exec(to, "PRAGMA synchronous = FULL; PRAGMA journal_mode = OFF", NULL, NULL, NULL);
  mlcm_status status = rc == SQLITE_OK ? copy_pages(conn, to, path, tap, user, err) : fail_copy(conn, to, rc, path, err);
  if (status == MLCM_OK) {
    rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL,
                      NULL); /* the header said "log": there is none beside this file */
    if (rc != SQLITE_OK) status = fail_copy(conn, to, rc, path, err);
  }
  sqlite3_close(to);
  return status;
}
