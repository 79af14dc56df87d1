/* SPDX-License-Identifier: Apache-2.0
 *
 * sql.c - see sql.h.
 */
#include "registry/sql.h"

#include <stdio.h>

static void bind(mlcm__db_stmt *stmt, int index, const mlcm__bind *b) {
  switch (b->kind) { /* never: each has its case */
  case MLCM__BIND_I64: mlcm__db_bind_i64(stmt, index, b->i64); break;
  case MLCM__BIND_F64: mlcm__db_bind_f64(stmt, index, b->f64); break;
  case MLCM__BIND_TEXT: mlcm__db_bind_text(stmt, index, b->data); break;
  case MLCM__BIND_BLOB: mlcm__db_bind_blob(stmt, index, b->data, b->len); break;
  case MLCM__BIND_NULL: mlcm__db_bind_null(stmt, index); break;
  }
}

mlcm_status mlcm__sql_open(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, mlcm__db_stmt **out,
                           mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status st = mlcm__db_prepare(conn, sql, &stmt, err);
  if (st) return st;
  for (size_t i = 0; i < n; i++) bind(stmt, (int)i + 1, &binds[i]);
  *out = stmt;
  return MLCM_OK;
}

mlcm_status mlcm__sql_first(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, mlcm__db_stmt **out,
                            bool *row, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status st = mlcm__sql_open(conn, sql, binds, n, &stmt, err);
  if (!st) st = mlcm__db_step(stmt, row, err);
  if (st) {
    mlcm__db_reset(stmt);
    return st;
  }
  *out = stmt;
  return MLCM_OK;
}

mlcm_status mlcm__sql_each(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, mlcm__sql_visit *visit,
                           void *user, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, sql, binds, n, &stmt, &row, err);
  while (!st && row) {
    st = visit(user, stmt, err);
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  return st;
}

mlcm_status mlcm__sql_run(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status st = mlcm__sql_open(conn, sql, binds, n, &stmt, err);
  return st ? st : mlcm__db_run(stmt, err);
}

void mlcm__sql_copy_text(mlcm__db_stmt *row, int column, char *out, size_t out_bytes) {
  (void)snprintf(out, out_bytes, "%s", mlcm__db_text(row, column));
}

mlcm_status mlcm__sql_i64(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, bool *row, int64_t *value,
                          mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status st = mlcm__sql_first(conn, sql, binds, n, &stmt, row, err);
  if (!st && *row) *value = mlcm__db_i64(stmt, 0);
  mlcm__db_reset(stmt);
  return st;
}
