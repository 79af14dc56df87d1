/* SPDX-License-Identifier: Apache-2.0
 *
 * db_schema.c - tables, indexes and triggers of a file against those that its migrations make.
 *
 * The migrations are run in a database in memory, which then says in SQLite's own words what should be there. A trigger that is
 * gone lets mistakes through; one that was added can change whatever is written. Tables of SQLite's own (ANALYZE makes some) are
 * left out.
 */
#include <string.h>

#include "db_sqlite.h"

typedef struct comparison {
  mlcm__db_conn *conn;
  sqlite3 *model; /* as the migrations make it */
  mlcm__db_schema_tell *tell;
  void *user;
} comparison;

static const char list_sql[] =
    "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
static const char find_sql[] = "SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2";

static mlcm_status fail_model(const comparison *c, int rc, mlcm_error *err) {
  return mlcm__db_fail(c->conn->db, c->model, rc, "its schema cannot be made in memory to compare with", err);
}

static const char *text_of(sqlite3_stmt *stmt, int column) {
  return (const char *)sqlite3_column_text(stmt, column);
}

/* SQLITE_ROW: it is there; SQLITE_DONE: it is not. */
static int look_up(sqlite3_stmt *find, const char *type, const char *name) {
  if (!type || !name) return SQLITE_NOMEM; /* list_sql gives none that is NULL */
  int rc = sqlite3_bind_text(find, 1, type, -1, SQLITE_TRANSIENT);
  if (rc == SQLITE_OK) rc = sqlite3_bind_text(find, 2, name, -1, SQLITE_TRANSIENT);
  return rc == SQLITE_OK ? sqlite3_step(find) : rc;
}

/* Looks everything in `from` up in `in` and tells what is missing there, and in the first of the two directions what differs. */
static mlcm_status compare(comparison *c, sqlite3 *from, sqlite3 *in, bool from_is_model, mlcm_error *err) {
  sqlite3_stmt *list = NULL, *find = NULL;
  mlcm_status status = MLCM_OK;
  int rc = sqlite3_prepare_v2(from, list_sql, -1, &list, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(in, find_sql, -1, &find, NULL);
  while (rc == SQLITE_OK && status == MLCM_OK && (rc = sqlite3_step(list)) == SQLITE_ROW) {
    mlcm__db_schema_fault fault = {.type = text_of(list, 0), .name = text_of(list, 1)};
    rc = look_up(find, fault.type, fault.name);
    const char *here = text_of(list, 2); /* list_sql leaves out what has none */
    const char *there = rc == SQLITE_ROW ? text_of(find, 0) : NULL;
    if (!here || (rc == SQLITE_ROW && !there && sqlite3_column_type(find, 0) != SQLITE_NULL)) rc = SQLITE_NOMEM;
    fault.expected = from_is_model ? here : there;
    fault.found = from_is_model ? there : here;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) break;
    if (!there || (from_is_model && strcmp(here, there) != 0)) status = c->tell(c->user, &fault, err);
    rc = sqlite3_reset(find);
  }
  sqlite3_finalize(find);
  sqlite3_finalize(list);
  if (status != MLCM_OK || rc == SQLITE_DONE) return status;
  return mlcm__db_note_lost(c->conn, mlcm__db_fail(c->conn->db, NULL, rc, "its schema cannot be read", err));
}

mlcm_status mlcm__db_compare_schema(mlcm__db_conn *conn, const char *const *migrations, size_t n_migrations,
                                    mlcm__db_schema_tell *tell, void *user, mlcm_error *err) {
  comparison c = {.conn = conn, .tell = tell, .user = user};
  int rc = sqlite3_open_v2(":memory:", &c.model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
  for (size_t i = 0; rc == SQLITE_OK && i < n_migrations; i++) rc = sqlite3_exec(c.model, migrations[i], NULL, NULL, NULL);
  mlcm_status status = rc == SQLITE_OK ? MLCM_OK : fail_model(&c, rc, err);
  if (status == MLCM_OK) status = compare(&c, c.model, conn->raw, true, err);
  if (status == MLCM_OK) status = compare(&c, conn->raw, c.model, false, err);
  sqlite3_close(c.model);
  return status;
}
