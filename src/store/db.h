/* SPDX-License-Identifier: Apache-2.0
 *
 * db.h - one small SQL layer: a database handle with a pool of readers and one writer at a time.
 *
 * Owns: connections, cached statements, the cross-process writer lock, migrations, checkpoints. No driver's type is seen here,
 * so that a second driver can stand behind the same header.
 *
 * Reading    begin, statements, end. One read transaction sees one snapshot, whatever is committed meanwhile.
 * Writing    begin (takes the writer lock, which is fair between processes), statements, commit or rollback. The writer sees
 *            its own changes. Checkpoints run inside commit, under the same lock, never elsewhere.
 * Statements prepare, bind, step until no row, reset. They are cached by their text; `prepare` hands out, `reset` gives back.
 *
 *   mlcm__db_conn *conn = NULL;
 *   mlcm__db_stmt *stmt = NULL;
 *   bool row = false;
 *   mlcm_status status = mlcm__db_read_begin(db, &conn, err);
 *   if (status == MLCM_OK) status = mlcm__db_prepare(conn, "SELECT version FROM alias WHERE model = ?1", &stmt, err);
 *   if (status == MLCM_OK) {
 *     mlcm__db_bind_i64(stmt, 1, model);
 *     mlcm__db_bind_text(stmt, 2, alias);
 *     status = mlcm__db_step(stmt, &row, err);
 *   }
 *   if (row) *out = mlcm__db_i64(stmt, 0);
 *   mlcm__db_reset(stmt);        // NULL-safe
 *   mlcm__db_read_end(conn);     // NULL-safe
 *
 * Every connection: foreign keys on, LIKE minds case, the schema is not trusted to call functions.
 * Threads: a db handle from any thread; a connection and its statements belong to the thread between begin and end.
 * Fork: in a child process every call answers MLCM_INVALID_STATE; close frees memory and touches no file.
 */
#ifndef MLCM_STORE_DB_H
#define MLCM_STORE_DB_H

#include "base/context.h"

typedef struct mlcm__db mlcm__db;
typedef struct mlcm__db_conn mlcm__db_conn;
typedef struct mlcm__db_stmt mlcm__db_stmt;

typedef struct mlcm__db_options {
  bool read_only;                 /* no change; works in a folder without write permission */
  bool create;                    /* make the file when it is missing (not with read_only) */
  uint32_t application_id;        /* written into the file; another one there: MLCM_CORRUPT */
  const char *const *migrations;  /* migrations[i] is the SQL script that takes schema version i to i + 1 */
  size_t n_migrations;            /* the schema version this library speaks */
  const char *lock_path;          /* file of the cross-process writer lock; unused with read_only */
  int64_t lock_timeout_ns;        /* how long write_begin waits by default; 0: 10 s */
  const char *vfs;                /* SQLite VFS by name; NULL: the system's. For tests that make syncs fail */
} mlcm__db_options;

/* Opens `path`, creates or migrates it under the writer lock. MLCM_NOT_FOUND: no such file and not `create`. MLCM_NEWER_FORMAT:
 * its schema is newer, the message names both numbers. MLCM_CORRUPT: not a database, or another program's. MLCM_UNSUPPORTED:
 * network file system. MLCM_REFUSED: read_only, but the schema is older and would have to be migrated, or its write-ahead log
 * cannot be read without write permission. MLCM_BUSY: lock not had in time. MLCM_IO, MLCM_DISK_FULL, MLCM_NO_MEMORY. */
mlcm_status mlcm__db_open(mlcm_context *ctx, const char *path, const mlcm__db_options *options, mlcm__db **out, mlcm_error *err);
void mlcm__db_close(mlcm__db *db); /* NULL-safe; no transaction may be open */

/* ---- transactions ---- */

/* Opens a read transaction; all statements until the end see one snapshot. At most 8 at a time a handle, the ninth waits up to
 * the lock timeout (MLCM_BUSY). Do not nest: helpers take the connection of their caller. */
mlcm_status mlcm__db_read_begin(mlcm__db *db, mlcm__db_conn **out, mlcm_error *err);
/* The same for a call that runs a single statement: one statement is one snapshot by itself, so the begin and end are saved. */
mlcm_status mlcm__db_read_begin_single(mlcm__db *db, mlcm__db_conn **out, mlcm_error *err);
void mlcm__db_read_end(mlcm__db_conn *conn); /* NULL-safe; resets what was not reset */

/* Takes the writer lock and opens a write transaction. timeout_ns < 0: the handle's default; 0: do not wait. The real monotonic
 * clock bounds the wait, not the context's. MLCM_BUSY after the timeout, MLCM_REFUSED on a read-only handle. */
mlcm_status mlcm__db_write_begin(mlcm__db *db, int64_t timeout_ns, mlcm__db_conn **out, mlcm_error *err);
/* Makes the changes durable and ends the transaction; `conn` is gone whatever the answer. On failure nothing has changed (rolled
 * back), except MLCM_OUTCOME_UNKNOWN: the sync of the log failed. */
mlcm_status mlcm__db_commit(mlcm__db_conn *conn, mlcm_error *err);
void mlcm__db_rollback(mlcm__db_conn *conn); /* NULL-safe, so that a `done:` label can call it after commit cleared the pointer */

/* A number that changes whenever any process has committed since the last call on this handle. One pragma, a few microseconds. */
mlcm_status mlcm__db_changed(mlcm__db *db, int64_t *out_generation, mlcm_error *err);

/* Full check of the file: structure, indexes, foreign keys. MLCM_CORRUPT with the first finding. Runs on any connection. */
mlcm_status mlcm__db_check(mlcm__db_conn *conn, mlcm_error *err);

/* One table, index, trigger or view that is not as the migrations make it. */
typedef struct mlcm__db_schema_fault {
  const char *type, *name; /* "table", "index", "trigger" or "view" */
  const char *expected;    /* SQL that makes it; NULL: the migrations make none of that name */
  const char *found;       /* SQL in the file; NULL: it is gone */
} mlcm__db_schema_fault;

/* Compares what is in the file's schema with what the migrations make in a database in memory. A non-OK answer of `tell` stops and
 * is returned. */
typedef mlcm_status mlcm__db_schema_tell(void *user, const mlcm__db_schema_fault *fault, mlcm_error *err);
mlcm_status mlcm__db_compare_schema(mlcm__db_conn *conn, const char *const *migrations, size_t n_migrations,
                                    mlcm__db_schema_tell *tell, void *user, mlcm_error *err);

/* Copies the database as the read transaction of `conn` sees it to the new file `path`, in small steps between which writers go
 * on. The copy is one file without a log (it gets one when it is opened for writing) and is on the disk when this answers
 * MLCM_OK. `tap` (nullable) is told bytes copied and bytes in all after each step; a non-OK answer stops and is returned. What a
 * failure leaves at `path` is the caller's to remove. */
typedef mlcm_status mlcm__db_copy_tap(void *user, int64_t done_bytes, int64_t total_bytes, mlcm_error *err);
mlcm_status mlcm__db_copy(mlcm__db_conn *conn, const char *path, mlcm__db_copy_tap *tap, void *user, mlcm_error *err);

mlcm_context *mlcm__db_context(const mlcm__db_conn *conn);

/* ---- statements ---- */

/* One statement, parameters ?1 ?2 ... Cached by its text for as long as the connection lives (64 texts, the least used goes). */
mlcm_status mlcm__db_prepare(mlcm__db_conn *conn, const char *sql, mlcm__db_stmt **out, mlcm_error *err);
/* Ends the run, drops the bindings, gives the statement back to the cache. NULL-safe. Commit, rollback and read_end do it too. */
void mlcm__db_reset(mlcm__db_stmt *stmt);

/* Parameters count from 1. Text and blobs are borrowed until reset. NULL text or data binds NULL. A failure shows at step. */
void mlcm__db_bind_i64(mlcm__db_stmt *stmt, int index, int64_t value);
void mlcm__db_bind_f64(mlcm__db_stmt *stmt, int index, double value);
void mlcm__db_bind_text(mlcm__db_stmt *stmt, int index, const char *text);
void mlcm__db_bind_text_n(mlcm__db_stmt *stmt, int index, const char *text, size_t len);
void mlcm__db_bind_blob(mlcm__db_stmt *stmt, int index, const void *data, size_t len);
void mlcm__db_bind_null(mlcm__db_stmt *stmt, int index);

/* What a violated constraint (unique, foreign key, check, trigger) of this run answers; without it MLCM_CONFLICT. */
void mlcm__db_on_constraint(mlcm__db_stmt *stmt, mlcm_status status);

/* Runs to the next row (*row true) or to the end (*row false). After a failure only reset is allowed. */
mlcm_status mlcm__db_step(mlcm__db_stmt *stmt, bool *row, mlcm_error *err);
/* For statements without rows of interest: runs to the end and resets, also on failure. */
mlcm_status mlcm__db_run(mlcm__db_stmt *stmt, mlcm_error *err);
/* Runs a script of several statements without parameters. */
mlcm_status mlcm__db_exec(mlcm__db_conn *conn, const char *sql, mlcm_error *err);

/* Columns of the current row count from 0. Text and blobs live until the next step or reset. The text of
 * NULL is "": a damaged file has NULL where the schema allows none. */
bool mlcm__db_is_null(mlcm__db_stmt *stmt, int column);
int64_t mlcm__db_i64(mlcm__db_stmt *stmt, int column);
double mlcm__db_f64(mlcm__db_stmt *stmt, int column);
const char *mlcm__db_text(mlcm__db_stmt *stmt, int column);
const void *mlcm__db_blob(mlcm__db_stmt *stmt, int column, size_t *out_len);

int64_t mlcm__db_changes(const mlcm__db_conn *conn); /* rows changed by the last INSERT, UPDATE or DELETE */
int64_t mlcm__db_last_id(const mlcm__db_conn *conn); /* row id of the last INSERT */

#endif
