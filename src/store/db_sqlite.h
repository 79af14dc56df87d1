/* SPDX-License-Identifier: Apache-2.0
 *
 * db_sqlite.h - the SQLite driver's own types, shared by the db_*.c files and by nobody else.
 */
#ifndef MLCM_STORE_DB_SQLITE_H
#define MLCM_STORE_DB_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <sys/types.h>

#include "db.h"
#include "lock.h"

enum {
  MLCM__DB_READERS = 8,        /* read transactions at a time a handle */
  MLCM__DB_BUSY_TIMEOUT_MS = 10000, /* for what the writer lock does not cover: log recovery, foreign programs */
  MLCM__DB_CACHED = 64,        /* statements kept a connection */
  MLCM__DB_CHECKPOINT = 1024,  /* pages in the log (4 MiB) from which on a commit checkpoints */
  MLCM__DB_TRUNCATE = 16384    /* pages (64 MiB) from which on the log file is cut, if no reader stands in the way */
};

struct mlcm__db_stmt {
  mlcm__db_conn *conn;
  sqlite3_stmt *raw;
  uint64_t hash;            /* of its text */
  uint64_t last_use;        /* tick of conn->uses */
  mlcm_status on_constraint;
  int bind_rc;              /* first failure of a bind; shown at step */
  bool handed_out;          /* between prepare and reset */
};

struct mlcm__db_conn {
  mlcm__db *db;
  sqlite3 *raw;
  mlcm__db_conn *next_idle;
  mlcm__db_stmt *stmts[MLCM__DB_CACHED];
  size_t n_stmts;
  size_t n_handed_out;
  uint64_t uses;
  int wal_pages;            /* length of the log after this connection's last commit */
  bool is_writer;
  bool in_tx;
  mlcm_status lost_by;      /* what made SQLite roll the open transaction back by itself; MLCM_INVALID_STATE: nothing known */
};

/* `mutex` guards idle, n_readers and `returned`; `watch_mutex` guards watcher, data_version and generation; the writer is guarded
 * by the writer lock. Order: writer lock before mutex; watch_mutex alone. */
struct mlcm__db {
  mlcm_context *ctx;
  char *path;
  char *uri;                /* what sqlite3_open_v2 gets */
  char *vfs;
  int open_flags;
  pid_t pid;
  bool read_only;
  int64_t lock_timeout_ns;

  pthread_mutex_t mutex;
  pthread_cond_t returned;
  mlcm__db_conn *idle;
  size_t n_readers;

  mlcm__lock *lock;
  mlcm__db_conn *writer;
  int checkpoint_at;

  pthread_mutex_t watch_mutex;
  mlcm__db_conn *watcher;
  int64_t data_version;
  int64_t generation;
};

/* db_error.c: status and message for SQLite's answer on `raw` (NULL: none was made). */
mlcm_status mlcm__db_fail(const mlcm__db *db, sqlite3 *raw, int rc, const char *what, mlcm_error *err);
mlcm_status mlcm__db_status_of(int extended_rc, int sys_errno);

/* db_conn.c: one connection with its settings. */
mlcm_status mlcm__db_connect(mlcm__db *db, bool is_writer, mlcm__db_conn **out, mlcm_error *err);
void mlcm__db_disconnect(mlcm__db_conn *conn);
mlcm_status mlcm__db_pragma_i64(mlcm__db_conn *conn, const char *sql, int64_t *out, mlcm_error *err);

/* db_stmt.c */
void mlcm__db_enter_tx(mlcm__db_conn *conn); /* BEGIN has been run */
mlcm_status mlcm__db_note_lost(mlcm__db_conn *conn, mlcm_status status); /* a statement failed with `status`, which is answered */
void mlcm__db_reset_all(mlcm__db_conn *conn);
void mlcm__db_drop_stmts(mlcm__db_conn *conn);

/* db_migrate.c: brings a file that is open for writing to the schema of `options`, under the writer lock where it must change. */
mlcm_status mlcm__db_migrate(mlcm__db *db, const mlcm__db_options *options, mlcm_error *err);
mlcm_status mlcm__db_check_schema(mlcm__db_conn *conn, const mlcm__db_options *options, bool *out_current, mlcm_error *err);

/* netfs.c */
bool mlcm__is_network_fs(uint64_t statfs_type);
mlcm_status mlcm__refuse_network_fs(const char *path, mlcm_error *err);

#endif
