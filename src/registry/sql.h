/* SPDX-License-Identifier: Apache-2.0
 *
 * sql.h - a statement with its parameters in one call.
 *
 *   st = mlcm__sql_run(conn, "UPDATE model SET updated_ns = ?1 WHERE id = ?2", MLCM__BIND(mlcm__i64(now), mlcm__i64(id)), err);
 */
#ifndef MLCM_REGISTRY_SQL_H
#define MLCM_REGISTRY_SQL_H

#include "store/db.h"

typedef enum mlcm__bind_kind {
  MLCM__BIND_I64 = 1,
  MLCM__BIND_F64,
  MLCM__BIND_TEXT,
  MLCM__BIND_BLOB,
  MLCM__BIND_NULL
} mlcm__bind_kind;

/* One parameter. Text and bytes are borrowed until the statement is reset. */
typedef struct mlcm__bind {
  mlcm__bind_kind kind;
  int64_t i64;
  double f64;
  const void *data;
  size_t len;
} mlcm__bind;

static inline mlcm__bind mlcm__i64(int64_t value) { return (mlcm__bind){.kind = MLCM__BIND_I64, .i64 = value}; }
static inline mlcm__bind mlcm__f64(double value) { return (mlcm__bind){.kind = MLCM__BIND_F64, .f64 = value}; }
static inline mlcm__bind mlcm__text(const char *value) { /* NUL-terminated; NULL binds NULL */
  return (mlcm__bind){.kind = MLCM__BIND_TEXT, .data = value};
}
static inline mlcm__bind mlcm__blob(const void *data, size_t len) {
  return (mlcm__bind){.kind = MLCM__BIND_BLOB, .data = data, .len = len};
}

/* The parameters ?1 ?2 ... of one call: an array and its length. */
#define MLCM__BIND(...) (const mlcm__bind[]){__VA_ARGS__}, sizeof((const mlcm__bind[]){__VA_ARGS__}) / sizeof(mlcm__bind)
#define MLCM__NO_BIND NULL, 0

/* Prepares and binds; *out is to be reset by the caller. */
mlcm_status mlcm__sql_open(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, mlcm__db_stmt **out,
                           mlcm_error *err);
/* The same and steps to the first row. *out is set on success only (row or not) and then to be reset by the caller. */
mlcm_status mlcm__sql_first(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, mlcm__db_stmt **out,
                            bool *row, mlcm_error *err);
/* Shows each row in turn; a non-OK answer stops and is returned. `row` must not be stepped or reset. */
typedef mlcm_status mlcm__sql_visit(void *user, mlcm__db_stmt *row, mlcm_error *err);
mlcm_status mlcm__sql_each(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, mlcm__sql_visit *visit,
                           void *user, mlcm_error *err);
/* Runs a statement without rows of interest. */
mlcm_status mlcm__sql_run(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, mlcm_error *err);
/* Copies a text that is NOT NULL, cut to fit. */
void mlcm__sql_copy_text(mlcm__db_stmt *row, int column, char *out, size_t out_bytes);
/* First column of the first row as a number; *row false and *value untouched when there is no row. */
mlcm_status mlcm__sql_i64(mlcm__db_conn *conn, const char *sql, const mlcm__bind *binds, size_t n, bool *row, int64_t *value,
                          mlcm_error *err);

#endif
