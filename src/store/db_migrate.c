/* SPDX-License-Identifier: Apache-2.0
 *
 * db_migrate.c - schema version: checked at every open, raised by migrations.
 *
 * user_version is the number of migrations the file has seen, application_id says whose file it is. All outstanding migrations
 * run in one exclusive transaction under the writer lock; whoever comes second finds them done.
 */
#include <stdio.h>

#include "db_sqlite.h"

typedef struct schema_state {
  int64_t application_id;
  int64_t user_version;
  int64_t n_objects;
} schema_state;

static mlcm_status read_values(mlcm__db_conn *conn, schema_state *out, mlcm_error *err) {
  mlcm_status status = mlcm__db_pragma_i64(conn, "PRAGMA application_id", &out->application_id, err);
  if (status == MLCM_OK) status = mlcm__db_pragma_i64(conn, "PRAGMA user_version", &out->user_version, err);
  if (status == MLCM_OK) status = mlcm__db_pragma_i64(conn, "SELECT count(*) FROM sqlite_schema", &out->n_objects, err);
  return status;
}

/* All of one moment: another process may be setting the file up right now. */
static mlcm_status read_state(mlcm__db_conn *conn, schema_state *out, mlcm_error *err) {
  mlcm_status status = mlcm__db_exec(conn, "BEGIN", err);
  if (status != MLCM_OK) return status;
  status = read_values(conn, out, err);
  if (status == MLCM_OK) status = mlcm__db_exec(conn, "COMMIT", err);
  if (!sqlite3_get_autocommit(conn->raw)) (void)sqlite3_exec(conn->raw, "ROLLBACK", NULL, NULL, NULL); /* else closing does */
  return status;
}

static bool is_empty(const schema_state *state) {
  return state->application_id == 0 && state->user_version == 0 && state->n_objects == 0;
}

mlcm_status mlcm__db_check_schema(mlcm__db_conn *conn, const mlcm__db_options *options, bool *out_current, mlcm_error *err) {
  schema_state state = {0};
  const char *path = conn->db->path;
  mlcm_status status = read_state(conn, &state, err);
  if (status != MLCM_OK) return status;
  if (is_empty(&state)) {
    if (!options->create) return mlcm__fail(err, MLCM_NOT_FOUND, "database '%s' is empty: it was never set up", path);
    *out_current = false;
    return MLCM_OK;
  }
  if (state.application_id != (int64_t)(int32_t)options->application_id)
    return mlcm__fail(err, MLCM_CORRUPT,
                      "database '%s' belongs to another program: its application id is 0x%08llx, not 0x%08x; name another "
                      "directory, or put back the file that belongs there",
                      path, (unsigned long long)(uint32_t)state.application_id, options->application_id);
  if (state.user_version > (int64_t)options->n_migrations)
    return mlcm__fail(err, MLCM_NEWER_FORMAT,
                      "database '%s' has schema version %lld, this library knows up to %zu: use a newer library", path,
                      (long long)state.user_version, options->n_migrations);
  *out_current = state.user_version == (int64_t)options->n_migrations;
  if (!*out_current && options->read_only)
    return mlcm__fail(
        err, MLCM_REFUSED,
        "database '%s' has schema version %lld and must be brought to %zu, but it was opened read only: open it once "
        "for writing",
        path, (long long)state.user_version, options->n_migrations);
  return MLCM_OK;
}

static mlcm_status run_migrations(mlcm__db_conn *conn, const mlcm__db_options *options, mlcm_error *err) {
  int64_t version = 0;
  char pragmas[96];
  mlcm_status status = mlcm__db_pragma_i64(conn, "PRAGMA user_version", &version, err);
  for (size_t i = (size_t)version; status == MLCM_OK && i < options->n_migrations; i++) {
    status = mlcm__db_exec(conn, options->migrations[i], err);
    if (status != MLCM_OK) mlcm__error_prefix(err, "migration %zu to %zu: ", i, i + 1);
  }
  if (status != MLCM_OK) return status;
  snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %zu", (int)options->application_id,
           options->n_migrations);
  return mlcm__db_exec(conn, pragmas, err);
}

/* Under the writer lock. The journal mode stays in the file and cannot change inside a transaction. */
static mlcm_status migrate_locked(mlcm__db *db, const mlcm__db_options *options, mlcm_error *err) {
  bool current = false;
  mlcm_status status = mlcm__db_check_schema(db->writer, options, &current, err);
  if (status == MLCM_OK) status = mlcm__db_exec(db->writer, "PRAGMA journal_mode = WAL", err);
  if (status != MLCM_OK || current) return status;
  status = mlcm__db_exec(db->writer, "BEGIN EXCLUSIVE", err);
  if (status != MLCM_OK) return status;
  status = run_migrations(db->writer, options, err);
  if (status == MLCM_OK) status = mlcm__db_exec(db->writer, "COMMIT", err);
  if (!sqlite3_get_autocommit(db->writer->raw))
    (void)sqlite3_exec(db->writer->raw, "ROLLBACK", NULL, NULL, NULL); /* else closing does */
  return status;
}

static mlcm_status is_wal(mlcm__db_conn *conn, bool *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status status = mlcm__db_prepare(conn, "PRAGMA journal_mode", &stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  if (status == MLCM_OK) *out = row && sqlite3_stricmp(mlcm__db_text(stmt, 0), "wal") == 0;
  mlcm__db_reset(stmt);
  return status;
}

mlcm_status mlcm__db_migrate(mlcm__db *db, const mlcm__db_options *options, mlcm_error *err) {
  bool current = false, wal = false;
  mlcm_status status = mlcm__db_check_schema(db->writer, options, &current, err);
  if (status == MLCM_OK && current) status = is_wal(db->writer, &wal, err);
  if (status != MLCM_OK || (current && wal)) return status;
  status = mlcm__lock_take(db->lock, db->lock_timeout_ns, err);
  if (status != MLCM_OK) return status;
  status = migrate_locked(db, options, err);
  mlcm__lock_release(db->lock);
  return status;
}
