/* SPDX-License-Identifier: Apache-2.0
 *
 * db_stmt.c - statements: cached by their text, handed out by prepare, given back by reset.
 *
 * A connection keeps up to 64 of them. When all places are taken, the one unused for longest goes; when all are handed out, or
 * the same text is wanted twice at a time, the new one is not kept.
 */
#include <assert.h>
#include <string.h>

#include "db_sqlite.h"

/* ---- the transaction ---- */

void mlcm__db_enter_tx(mlcm__db_conn *conn) {
  conn->in_tx = true;
  conn->lost_by = MLCM_INVALID_STATE;
}

/* Some failures (no memory, no space, I/O) make SQLite roll the whole transaction back at once. A caller that goes on all the
 * same must not find his next statements committed one by one: he is told of that failure again. */
static mlcm_status check_tx(const mlcm__db_conn *conn, mlcm_error *err) {
  if (!conn->in_tx || !sqlite3_get_autocommit(conn->raw)) return MLCM_OK;
  return mlcm__fail(err, conn->lost_by, "database '%s': the transaction was rolled back by an earlier failure", conn->db->path);
}

mlcm_status mlcm__db_note_lost(mlcm__db_conn *conn, mlcm_status status) {
  if (conn->in_tx && conn->lost_by == MLCM_INVALID_STATE && sqlite3_get_autocommit(conn->raw)) conn->lost_by = status;
  return status;
}

/* ---- the cache ---- */

/* FNV-1a: texts come from the library itself, so that nobody can craft collisions; equality is checked anyway. */
static uint64_t hash_text(const char *text) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (; *text; text++) h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
  return h;
}

static mlcm__db_stmt *find_cached(mlcm__db_conn *conn, uint64_t hash, const char *sql) {
  for (size_t i = 0; i < conn->n_stmts; i++) {
    mlcm__db_stmt *stmt = conn->stmts[i];
    /* rarely: two texts with one hash */
    if (stmt->hash == hash && !stmt->handed_out && strcmp(sqlite3_sql(stmt->raw), sql) == 0) return stmt;
  }
  return NULL;
}

static void free_stmt(mlcm__db_stmt *stmt) {
  sqlite3_finalize(stmt->raw);
  mlcm__free(stmt->conn->db->ctx, stmt);
}

/* Place for a new statement: a free one, or that of the idle statement unused for longest; NULL when all are handed out. */
static mlcm__db_stmt **find_place(mlcm__db_conn *conn) {
  if (conn->n_stmts < MLCM__DB_CACHED) return &conn->stmts[conn->n_stmts++];
  mlcm__db_stmt **oldest = NULL;
  for (size_t i = 0; i < conn->n_stmts; i++) {
    mlcm__db_stmt **place = &conn->stmts[i];
    if (!(*place)->handed_out && (!oldest || (*place)->last_use < (*oldest)->last_use)) oldest = place;
  }
  if (oldest) free_stmt(*oldest);
  return oldest;
}

static mlcm_status new_stmt(mlcm__db_conn *conn, uint64_t hash, const char *sql, mlcm__db_stmt **out, mlcm_error *err) {
  mlcm__db_stmt *stmt = (mlcm__db_stmt *)mlcm__alloc_zero(conn->db->ctx, 1, sizeof *stmt);
  if (!stmt) return mlcm__fail_memory(err, sizeof *stmt);
  stmt->conn = conn;
  stmt->hash = hash;
  const char *tail = NULL;
  int rc = sqlite3_prepare_v3(conn->raw, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->raw, &tail);
  mlcm_status status = MLCM_OK;
  if (rc != SQLITE_OK)
    status = mlcm__db_note_lost(conn, mlcm__db_fail(conn->db, conn->raw, rc, "a statement cannot be prepared", err));
  else if (!stmt->raw || *tail) status = mlcm__fail(err, MLCM_INTERNAL, "not one SQL statement: %.200s", sql);
  if (status != MLCM_OK) {
    free_stmt(stmt);
    return status;
  }
  mlcm__db_stmt **place = find_place(conn);
  if (place) *place = stmt;
  *out = stmt;
  return MLCM_OK;
}

mlcm_status mlcm__db_prepare(mlcm__db_conn *conn, const char *sql, mlcm__db_stmt **out, mlcm_error *err) {
  mlcm_status live = check_tx(conn, err);
  if (live != MLCM_OK) return live;
  uint64_t hash = hash_text(sql);
  mlcm__db_stmt *stmt = find_cached(conn, hash, sql);
  mlcm_status status = stmt ? MLCM_OK : new_stmt(conn, hash, sql, &stmt, err);
  if (!stmt) return status;
  stmt->handed_out = true;
  stmt->last_use = ++conn->uses;
  stmt->on_constraint = MLCM_CONFLICT;
  stmt->bind_rc = SQLITE_OK;
  conn->n_handed_out++;
  *out = stmt;
  return MLCM_OK;
}

static bool is_cached(const mlcm__db_stmt *stmt) {
  for (size_t i = 0; i < stmt->conn->n_stmts; i++)
    if (stmt->conn->stmts[i] == stmt) return true;
  return false;
}

void mlcm__db_reset(mlcm__db_stmt *stmt) {
  if (!stmt) return;
  assert(stmt->handed_out);
  mlcm__db_conn *conn = stmt->conn;
  sqlite3_reset(stmt->raw); /* repeats the failure that step has answered already */
  sqlite3_clear_bindings(stmt->raw);
  stmt->handed_out = false;
  conn->n_handed_out--;
  if (!is_cached(stmt)) free_stmt(stmt);
}

/* ---- parameters ---- */

static void note_bind(mlcm__db_stmt *stmt, int rc) {
  if (stmt->bind_rc == SQLITE_OK) stmt->bind_rc = rc;
}

void mlcm__db_bind_i64(mlcm__db_stmt *stmt, int index, int64_t value) {
  note_bind(stmt, sqlite3_bind_int64(stmt->raw, index, value));
}

void mlcm__db_bind_f64(mlcm__db_stmt *stmt, int index, double value) {
  note_bind(stmt, sqlite3_bind_double(stmt->raw, index, value));
}

void mlcm__db_bind_null(mlcm__db_stmt *stmt, int index) {
  note_bind(stmt, sqlite3_bind_null(stmt->raw, index));
}

void mlcm__db_bind_text(mlcm__db_stmt *stmt, int index, const char *text) {
  mlcm__db_bind_text_n(stmt, index, text, text ? strlen(text) : 0);
}

void mlcm__db_bind_text_n(mlcm__db_stmt *stmt, int index, const char *text, size_t len) {
  note_bind(stmt, sqlite3_bind_text64(stmt->raw, index, text, len, SQLITE_STATIC, SQLITE_UTF8));
}

void mlcm__db_bind_blob(mlcm__db_stmt *stmt, int index, const void *data, size_t len) {
  note_bind(stmt, sqlite3_bind_blob64(stmt->raw, index, data, len, SQLITE_STATIC));
}

void mlcm__db_on_constraint(mlcm__db_stmt *stmt, mlcm_status status) {
  stmt->on_constraint = status;
}

/* ---- running ---- */

static mlcm_status fail_constraint(const mlcm__db_stmt *stmt, mlcm_error *err) {
  return mlcm__fail(err, stmt->on_constraint, "database '%s': %s", stmt->conn->db->path, sqlite3_errmsg(stmt->conn->raw));
}

/* Makes every text of the row NUL-terminated now, so that a getter cannot fail for want of memory and answer NULL. */
static bool finish_texts(sqlite3_stmt *raw) {
  int n = sqlite3_data_count(raw);
  for (int i = 0; i < n; i++)
    if (sqlite3_column_type(raw, i) == SQLITE_TEXT && !sqlite3_column_text(raw, i)) return false;
  return true;
}

mlcm_status mlcm__db_step(mlcm__db_stmt *stmt, bool *row, mlcm_error *err) {
  mlcm__db_conn *conn = stmt->conn;
  int rc = stmt->bind_rc;
  if (rc != SQLITE_OK) return mlcm__db_fail(conn->db, NULL, rc, "a parameter cannot be bound", err);
  rc = sqlite3_step(stmt->raw);
  if (rc == SQLITE_ROW && !finish_texts(stmt->raw)) return mlcm__db_fail(conn->db, NULL, SQLITE_NOMEM, "a read failed", err);
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
    *row = rc == SQLITE_ROW;
    return MLCM_OK;
  }
  if ((rc & 0xff) == SQLITE_CONSTRAINT) return fail_constraint(stmt, err);
  return mlcm__db_note_lost(conn,
                            mlcm__db_fail(conn->db, conn->raw, rc, conn->is_writer ? "a change failed" : "a read failed", err));
}

mlcm_status mlcm__db_run(mlcm__db_stmt *stmt, mlcm_error *err) {
  bool row = true;
  mlcm_status status = MLCM_OK;
  while (status == MLCM_OK && row) status = mlcm__db_step(stmt, &row, err);
  mlcm__db_reset(stmt);
  return status;
}

mlcm_status mlcm__db_exec(mlcm__db_conn *conn, const char *sql, mlcm_error *err) {
  mlcm_status live = check_tx(conn, err);
  if (live != MLCM_OK) return live;
  int rc = sqlite3_exec(conn->raw, sql, NULL, NULL, NULL);
  if (rc == SQLITE_OK) return MLCM_OK;
  return mlcm__db_note_lost(conn, mlcm__db_fail(conn->db, conn->raw, rc, "a script failed", err));
}

/* ---- columns ---- */

bool mlcm__db_is_null(mlcm__db_stmt *stmt, int column) {
  return sqlite3_column_type(stmt->raw, column) == SQLITE_NULL;
}

int64_t mlcm__db_i64(mlcm__db_stmt *stmt, int column) {
  return sqlite3_column_int64(stmt->raw, column);
}

double mlcm__db_f64(mlcm__db_stmt *stmt, int column) {
  return sqlite3_column_double(stmt->raw, column);
}

const char *mlcm__db_text(mlcm__db_stmt *stmt, int column) {
  const char *text = (const char *)sqlite3_column_text(stmt->raw, column);
  return text ? text : "";
}

const void *mlcm__db_blob(mlcm__db_stmt *stmt, int column, size_t *out_len) {
  const void *data = sqlite3_column_blob(stmt->raw, column);
  *out_len = (size_t)sqlite3_column_bytes(stmt->raw, column);
  return data;
}

int64_t mlcm__db_changes(const mlcm__db_conn *conn) {
  return sqlite3_changes64(conn->raw);
}

int64_t mlcm__db_last_id(const mlcm__db_conn *conn) {
  return sqlite3_last_insert_rowid(conn->raw);
}

/* ---- for the connection's end ---- */

void mlcm__db_reset_all(mlcm__db_conn *conn) {
  for (size_t i = 0; i < conn->n_stmts; i++)
    if (conn->stmts[i]->handed_out) mlcm__db_reset(conn->stmts[i]);
  assert(conn->n_handed_out == 0); /* one that was not cached is its caller's to reset */
}

void mlcm__db_drop_stmts(mlcm__db_conn *conn) {
  for (size_t i = 0; i < conn->n_stmts; i++) free_stmt(conn->stmts[i]);
  conn->n_stmts = conn->n_handed_out = 0;
}
