/* SPDX-License-Identifier: Apache-2.0
 *
 * db_conn.c - one SQLite connection and the settings that every connection has.
 */
#include "db_sqlite.h"

/* Called by SQLite after each commit of the writer with the length of the log. */
static int note_wal_pages(void *user, sqlite3 *raw, const char *schema, int pages) {
  (void)raw;
  (void)schema;
  ((mlcm__db_conn *)user)->wal_pages = pages;
  return SQLITE_OK;
}

/* Options cannot fail on an open connection; what is a statement can. */
static int configure(mlcm__db_conn *conn) {
  static const struct {
    int option, value;
  } flags[] = {
      {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}, /* closing holds no writer lock */
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
      {SQLITE_DBCONFIG_DQS_DDL, 0},
      {SQLITE_DBCONFIG_DQS_DML, 0},
  };
  sqlite3_extended_result_codes(conn->raw, 1);
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
    sqlite3_db_config(conn->raw, flags[i].option, flags[i].value, (int *)NULL);
  sqlite3_busy_timeout(conn->raw, MLCM__DB_BUSY_TIMEOUT_MS);
  int rc = sqlite3_exec(conn->raw,
                        "PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                        "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA case_sensitive_like = ON;",
                        NULL, NULL, NULL);
  if (rc == SQLITE_OK && !conn->is_writer) rc = sqlite3_exec(conn->raw, "PRAGMA query_only = ON", NULL, NULL, NULL);
  if (rc == SQLITE_OK && conn->is_writer) sqlite3_wal_hook(conn->raw, note_wal_pages, conn);
  return rc;
}

mlcm_status mlcm__db_connect(mlcm__db *db, bool is_writer, mlcm__db_conn **out, mlcm_error *err) {
  mlcm_status status = MLCM_OK;
  mlcm__db_conn *conn = (mlcm__db_conn *)mlcm__alloc_zero(db->ctx, 1, sizeof *conn);
  if (!conn) return mlcm__fail_memory(err, sizeof *conn);
  conn->db = db;
  conn->is_writer = is_writer;
  int rc = sqlite3_open_v2(db->uri, &conn->raw, db->open_flags, db->vfs);
  if (rc == SQLITE_OK) rc = configure(conn);
  if (rc != SQLITE_OK) {
    status = mlcm__db_fail(db, conn->raw, rc, "cannot be opened", err);
    goto done;
  }
  *out = conn;
  conn = NULL;
done:
  mlcm__db_disconnect(conn);
  return status;
}

void mlcm__db_disconnect(mlcm__db_conn *conn) {
  if (!conn) return;
  mlcm__db_drop_stmts(conn);
  sqlite3_close(conn->raw);
  mlcm__free(conn->db->ctx, conn);
}

mlcm_status mlcm__db_pragma_i64(mlcm__db_conn *conn, const char *sql, int64_t *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status status = mlcm__db_prepare(conn, sql, &stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  if (status == MLCM_OK && !row) status = mlcm__fail(err, MLCM_INTERNAL, "database '%s': '%s' gave no row", conn->db->path, sql);
  if (status == MLCM_OK) *out = mlcm__db_i64(stmt, 0);
  mlcm__db_reset(stmt);
  return status;
}
