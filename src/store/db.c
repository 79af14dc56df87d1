/* SPDX-License-Identifier: Apache-2.0
 *
 * db.c - the database handle on SQLite: opening, the pool of readers, the one writer, checkpoints, change detection.
 *
 * The log is checkpointed by the writer only, after a commit and still under the writer lock: SQLite before 3.51.3 can lose pages
 * when one connection resets the log while another ends a checkpoint, and one lock around both rules that out.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "db_sqlite.h"

#define DEFAULT_LOCK_TIMEOUT_NS INT64_C(10000000000)

static mlcm_status check_process(const mlcm__db *db, mlcm_error *err) {
  if (db->pid == getpid()) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_STATE,
                    "database '%s' was opened by process %d and cannot be used after fork in process %d: open it again there",
                    db->path, (int)db->pid, (int)getpid());
}

/* ---- opening ---- */

/* A file: URI of the path, so that parameters can follow it. */
static mlcm_status make_uri(mlcm_context *ctx, const char *path, const char *query, char **out, mlcm_error *err) {
  mlcm__buffer b;
  mlcm__buffer_init(&b, ctx, 3 * strlen(path) + 64);
  mlcm__buffer_text(&b, "file:");
  for (const char *p = path; *p; p++) {
    if (*p == '?' || *p == '#' || *p == '%') mlcm__buffer_format(&b, "%%%02X", (unsigned)(unsigned char)*p);
    else mlcm__buffer_char(&b, *p);
  }
  mlcm__buffer_text(&b, query);
  mlcm_status status = mlcm__buffer_take(&b, "database address", out, err);
  mlcm__buffer_reset(&b);
  return status;
}

static char *dir_of(mlcm_context *ctx, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return mlcm__strdup(ctx, ".");
  return mlcm__strndup(ctx, path, slash == path ? 1 : (size_t)(slash - path));
}

static mlcm_status alloc_db(mlcm_context *ctx, const char *path, const mlcm__db_options *options, mlcm__db **out,
                            mlcm_error *err) {
  mlcm__db *db = (mlcm__db *)mlcm__alloc_zero(ctx, 1, sizeof *db);
  if (!db) return mlcm__fail_memory(err, sizeof *db);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_mutex_init(&db->mutex, NULL);
  pthread_mutex_init(&db->watch_mutex, NULL);
  pthread_cond_init(&db->returned, &attr);
  pthread_condattr_destroy(&attr);
  db->ctx = mlcm__context_retain(ctx);
  db->pid = getpid();
  db->read_only = options->read_only;
  db->lock_timeout_ns = options->lock_timeout_ns > 0 ? options->lock_timeout_ns : DEFAULT_LOCK_TIMEOUT_NS;
  db->checkpoint_at = MLCM__DB_CHECKPOINT;
  db->open_flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  db->path = mlcm__strdup(ctx, path);
  db->vfs = options->vfs ? mlcm__strdup(ctx, options->vfs) : NULL;
  mlcm_status status = MLCM_OK;
  if (!db->path || (options->vfs && !db->vfs)) status = mlcm__fail_memory(err, strlen(path) + 1);
  if (status == MLCM_OK) status = make_uri(ctx, path, "", &db->uri, err);
  if (status == MLCM_OK) *out = db;
  else mlcm__db_close(db);
  return status;
}

static mlcm_status file_size(mlcm_context *ctx, const char *path, const char *suffix, int64_t *out, mlcm_error *err) {
  mlcm_file_info info = {0};
  mlcm__buffer name;
  mlcm__buffer_init(&name, ctx, strlen(path) + 16);
  mlcm__buffer_format(&name, "%s%s", path, suffix);
  mlcm_status status = mlcm__buffer_check(&name, "file name", err);
  if (status == MLCM_OK) {
    int rc = ctx->io.stat(ctx->io.user, name.data, &info);
    if (rc == -ENOENT) *out = -1;
    else if (rc < 0) status = mlcm__fail_errno(err, rc, "database '%s' cannot be looked at", name.data);
    else if (!S_ISREG(info.mode)) /* SQLite would wait for somebody to write into a pipe */
      status = mlcm__fail(err, MLCM_CORRUPT, "database '%s' is a folder, pipe or device, not a file", name.data);
    else *out = info.size_bytes;
  }
  mlcm__buffer_reset(&name);
  return status;
}

static mlcm_status open_writable(mlcm__db *db, const mlcm__db_options *options, bool is_new, mlcm_error *err) {
  char *dir = NULL;
  db->open_flags |= SQLITE_OPEN_READWRITE | (options->create ? SQLITE_OPEN_CREATE : 0);
  mlcm_status status = mlcm__lock_open(db->ctx, options->lock_path, &db->lock, err);
  if (status == MLCM_OK) status = mlcm__db_connect(db, true, &db->writer, err);
  if (status == MLCM_OK) status = mlcm__db_migrate(db, options, err);
  if (status == MLCM_OK && is_new) {
    dir = dir_of(db->ctx, db->path);
    status = dir ? mlcm__sync_dir(db->ctx, dir, err) : mlcm__fail_memory(err, strlen(db->path));
  }
  mlcm__free(db->ctx, dir);
  return status;
}

static mlcm_status try_reader(mlcm__db *db, const mlcm__db_options *options, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  bool current = false;
  mlcm_status status = mlcm__db_connect(db, false, &conn, err);
  if (status == MLCM_OK) status = mlcm__db_check_schema(conn, options, &current, err);
  if (status != MLCM_OK) {
    mlcm__db_disconnect(conn);
    return status;
  }
  db->idle = conn;
  db->n_readers = 1;
  return MLCM_OK;
}

/* The index may be missing for good here: the folder cannot be written. Lack of descriptors, of memory or a sick disk will pass, and
 * somebody may be writing. */
static bool cannot_be_made(mlcm_status status, const mlcm_error *why) {
  if (status == MLCM_REFUSED) return true;
  const int cause = why->sys_code;
  return status == MLCM_IO && (cause == ENOENT || cause == EACCES || cause == EPERM || cause == EROFS);
}

/* A log needs its index file (-shm). Closing leaves both in place, so that reading works in a folder without write permission.
 * Where they are missing and cannot be made, nobody is writing, and with an empty log the database file alone is the whole truth:
 * it is then opened as immutable. A log with content but without an index cannot be read there. */
static mlcm_status open_read_only(mlcm__db *db, const mlcm__db_options *options, mlcm_error *err) {
  mlcm_error first = {0};
  int64_t wal_bytes = 0;
  db->open_flags |= SQLITE_OPEN_READONLY;
  mlcm_status status = try_reader(db, options, &first);
  if (cannot_be_made(status, &first)) {
    mlcm_status looked = file_size(db->ctx, db->path, "-wal", &wal_bytes, err);
    if (looked != MLCM_OK) return looked;
    if (wal_bytes <= 0) {
      mlcm__free(db->ctx, db->uri);
      db->uri = NULL;
      status = make_uri(db->ctx, db->path, "?immutable=1", &db->uri, &first);
      if (status == MLCM_OK) status = try_reader(db, options, &first);
    } else {
      mlcm__error_prefix(&first,
                         "its log ('-wal') has %lld bytes that may need write permission to read; open it once for writing: ",
                         (long long)wal_bytes);
    }
  }
  if (status != MLCM_OK && err) *err = first;
  return status;
}

mlcm_status mlcm__db_open(mlcm_context *ctx, const char *path, const mlcm__db_options *options, mlcm__db **out, mlcm_error *err) {
  mlcm__db *db = NULL;
  char *dir = NULL;
  int64_t size = -1;
  assert(options->read_only || options->lock_path);
  mlcm_status status = file_size(ctx, path, "", &size, err);
  if (status == MLCM_OK && size < 0 && (options->read_only || !options->create))
    status = mlcm__fail(err, MLCM_NOT_FOUND, "database '%s' does not exist", path);
  if (status == MLCM_OK && !(dir = dir_of(ctx, path))) status = mlcm__fail_memory(err, strlen(path));
  if (status == MLCM_OK) status = mlcm__refuse_network_fs(dir, err);
  if (status == MLCM_OK) status = alloc_db(ctx, path, options, &db, err);
  if (status == MLCM_OK)
    status = options->read_only ? open_read_only(db, options, err) : open_writable(db, options, size <= 0, err);
  if (status == MLCM_OK) {
    *out = db;
    db = NULL;
  }
  mlcm__db_close(db);
  mlcm__free(ctx, dir);
  return status;
}

/* In a forked child SQLite's connections are left alone: closing them would touch files that the parent is using. So are the
 * locks: to destroy a condition that a thread of the parent waits for would wait for ever. */
void mlcm__db_close(mlcm__db *db) {
  if (!db) return;
  mlcm_context *ctx = db->ctx;
  if (db->pid == getpid()) {
    while (db->idle) {
      mlcm__db_conn *conn = db->idle;
      db->idle = conn->next_idle;
      mlcm__db_disconnect(conn);
    }
    mlcm__db_disconnect(db->watcher);
    mlcm__db_disconnect(db->writer);
    pthread_cond_destroy(&db->returned);
    pthread_mutex_destroy(&db->mutex);
    pthread_mutex_destroy(&db->watch_mutex);
  }
  mlcm__lock_close(db->lock);
  mlcm__free(ctx, db->vfs);
  mlcm__free(ctx, db->uri);
  mlcm__free(ctx, db->path);
  mlcm__free(ctx, db);
  mlcm__context_release(ctx);
}

/* ---- the pool of readers ---- */

static struct timespec lock_deadline(const mlcm__db *db) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  int64_t ns = ts.tv_nsec + db->lock_timeout_ns % 1000000000;
  ts.tv_sec += (time_t)(db->lock_timeout_ns / 1000000000 + ns / 1000000000);
  ts.tv_nsec = (long)(ns % 1000000000);
  return ts;
}

/* An idle connection in *out, or NULL there with a place in the pool reserved for a new one. */
static mlcm_status take_place(mlcm__db *db, mlcm__db_conn **out, mlcm_error *err) {
  mlcm_status status = MLCM_OK;
  pthread_mutex_lock(&db->mutex);
  if (!db->idle && db->n_readers == MLCM__DB_READERS) {
    struct timespec until = lock_deadline(db);
    int rc = 0;
    while (rc == 0 && !db->idle && db->n_readers == MLCM__DB_READERS)
      rc = pthread_cond_timedwait(&db->returned, &db->mutex, &until);
  }
  *out = db->idle;
  if (db->idle) db->idle = db->idle->next_idle;
  else if (db->n_readers < MLCM__DB_READERS) db->n_readers++;
  else
    status =
        mlcm__fail(err, MLCM_BUSY, "database '%s': %d reads are going on and none ended in time", db->path, MLCM__DB_READERS);
  pthread_mutex_unlock(&db->mutex);
  return status;
}

static void give_place(mlcm__db *db, mlcm__db_conn *conn) {
  pthread_mutex_lock(&db->mutex);
  if (conn) {
    conn->next_idle = db->idle;
    db->idle = conn;
  } else {
    db->n_readers--;
  }
  pthread_cond_signal(&db->returned);
  pthread_mutex_unlock(&db->mutex);
}

static mlcm_status take_reader(mlcm__db *db, mlcm__db_conn **out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status status = check_process(db, err);
  if (status == MLCM_OK) status = take_place(db, &conn, err);
  if (status != MLCM_OK) return status;
  if (!conn && (status = mlcm__db_connect(db, false, &conn, err)) != MLCM_OK) {
    give_place(db, NULL);
    return status;
  }
  *out = conn;
  return MLCM_OK;
}

static mlcm_status run_text(mlcm__db_conn *conn, const char *sql, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status status = mlcm__db_prepare(conn, sql, &stmt, err);
  return status == MLCM_OK ? mlcm__db_run(stmt, err) : status;
}

mlcm_status mlcm__db_read_begin_single(mlcm__db *db, mlcm__db_conn **out, mlcm_error *err) {
  return take_reader(db, out, err);
}

mlcm_status mlcm__db_read_begin(mlcm__db *db, mlcm__db_conn **out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status status = take_reader(db, &conn, err);
  if (status != MLCM_OK) return status;
  status = run_text(conn, "BEGIN", err);
  if (status != MLCM_OK) {
    give_place(db, conn);
    return status;
  }
  mlcm__db_enter_tx(conn);
  *out = conn;
  return MLCM_OK;
}

/* A connection whose transaction does not end (no memory for its statement) is closed instead of kept. */
void mlcm__db_read_end(mlcm__db_conn *conn) {
  if (!conn) return;
  mlcm__db *db = conn->db;
  assert(!conn->is_writer);
  mlcm__db_reset_all(conn);
  bool usable = !conn->in_tx || run_text(conn, "COMMIT", NULL) == MLCM_OK;
  conn->in_tx = false;
  if (!usable) {
    mlcm__db_disconnect(conn);
    conn = NULL;
  }
  give_place(db, conn);
}

/* ---- the writer ---- */

mlcm_status mlcm__db_write_begin(mlcm__db *db, int64_t timeout_ns, mlcm__db_conn **out, mlcm_error *err) {
  mlcm_status status = check_process(db, err);
  if (status != MLCM_OK) return status;
  if (db->read_only) return mlcm__fail(err, MLCM_REFUSED, "database '%s' was opened read only and takes no change", db->path);
  status = mlcm__lock_take(db->lock, timeout_ns < 0 ? db->lock_timeout_ns : timeout_ns, err);
  if (status != MLCM_OK) return status;
  status = db->writer ? MLCM_OK : mlcm__db_connect(db, true, &db->writer, err);
  if (status == MLCM_OK) status = run_text(db->writer, "BEGIN IMMEDIATE", err);
  if (status != MLCM_OK) {
    mlcm__lock_release(db->lock);
    return status;
  }
  mlcm__db_enter_tx(db->writer);
  *out = db->writer;
  return MLCM_OK;
}

static void warn_checkpoint(mlcm__db *db, int rc) {
  mlcm__log(db->ctx, MLCM_LOG_WARN,
            "database '%s': a checkpoint of the log failed: %s; the commit stands and the next one tries again", db->path,
            sqlite3_errstr(rc));
}

/* Cuts the log file once nothing needs it; a reader in the way is not waited for. */
static void truncate_log(mlcm__db *db) {
  sqlite3 *raw = db->writer->raw;
  sqlite3_busy_timeout(raw, 0);
  int rc = sqlite3_wal_checkpoint_v2(raw, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  sqlite3_busy_timeout(raw, MLCM__DB_BUSY_TIMEOUT_MS);
  if (rc != SQLITE_OK && rc != SQLITE_BUSY) warn_checkpoint(db, rc);
}

/* Copies the log into the database file when it has grown long. When all of it could be copied, the next commit starts the log
 * anew; a reader of an old snapshot holds that up, and then the next try comes a quarter of the threshold later. */
static void checkpoint_if_due(mlcm__db *db) {
  int in_log = 0, copied = 0;
  if (db->writer->wal_pages < MLCM__DB_CHECKPOINT) db->checkpoint_at = MLCM__DB_CHECKPOINT; /* the log was started anew */
  if (db->writer->wal_pages < db->checkpoint_at) return;
  int rc = sqlite3_wal_checkpoint_v2(db->writer->raw, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
  if (rc != SQLITE_OK) warn_checkpoint(db, rc);
  db->checkpoint_at = db->writer->wal_pages + MLCM__DB_CHECKPOINT / 4;
  if (rc == SQLITE_OK && copied == in_log && in_log >= MLCM__DB_TRUNCATE) truncate_log(db);
}

/* Rolls back what is still open and gives the lock back. A connection that cannot even roll back (no memory) is closed, which
 * does it; the next writer opens a new one. */
static void end_write(mlcm__db *db) {
  db->writer->in_tx = false;
  if (!sqlite3_get_autocommit(db->writer->raw)) (void)sqlite3_exec(db->writer->raw, "ROLLBACK", NULL, NULL, NULL);
  if (!sqlite3_get_autocommit(db->writer->raw)) {
    mlcm__db_disconnect(db->writer);
    db->writer = NULL;
  }
  mlcm__lock_release(db->lock);
}

static mlcm_status fail_unknown(const mlcm__db *db, mlcm_error *err) {
  mlcm__fail(
      err, MLCM_OUTCOME_UNKNOWN,
      "database '%s': the sync of a commit failed, so it may or may not survive a crash; check the disk, then read back what "
      "was written",
      db->path);
  if (err) err->sys_code = sqlite3_system_errno(db->writer->raw);
  return MLCM_OUTCOME_UNKNOWN;
}

static bool is_sync_failure(int rc) {
  return rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC;
}

mlcm_status mlcm__db_commit(mlcm__db_conn *conn, mlcm_error *err) {
  mlcm__db *db = conn->db;
  mlcm__db_stmt *stmt = NULL;
  assert(conn->is_writer && conn->in_tx);
  mlcm__db_reset_all(conn);
  mlcm_status status = mlcm__db_prepare(conn, "COMMIT", &stmt, err);
  if (status == MLCM_OK) {
    int rc = sqlite3_step(stmt->raw);
    if (is_sync_failure(rc)) status = fail_unknown(db, err);
    else if (rc != SQLITE_DONE) status = mlcm__db_fail(db, conn->raw, rc, "a commit failed", err);
    mlcm__db_reset(stmt);
  }
  if (status == MLCM_OK) checkpoint_if_due(db);
  end_write(db);
  return status;
}

void mlcm__db_rollback(mlcm__db_conn *conn) {
  if (!conn) return;
  assert(conn->is_writer && conn->in_tx);
  mlcm__db_reset_all(conn);
  end_write(conn->db);
}

mlcm_context *mlcm__db_context(const mlcm__db_conn *conn) {
  return conn->db->ctx;
}

/* ---- watching and checking ---- */

/* data_version of a connection changes when any other one, of whatever process, has committed; the watcher never writes. */
mlcm_status mlcm__db_changed(mlcm__db *db, int64_t *out_generation, mlcm_error *err) {
  int64_t version = 0;
  mlcm_status status = check_process(db, err);
  if (status != MLCM_OK) return status;
  pthread_mutex_lock(&db->watch_mutex);
  if (!db->watcher) status = mlcm__db_connect(db, false, &db->watcher, err);
  if (status == MLCM_OK) status = mlcm__db_pragma_i64(db->watcher, "PRAGMA data_version", &version, err);
  if (status == MLCM_OK) {
    if (version != db->data_version) db->generation++;
    db->data_version = version;
    *out_generation = db->generation;
  }
  pthread_mutex_unlock(&db->watch_mutex);
  return status;
}

static mlcm_status first_text(mlcm__db_conn *conn, const char *sql, mlcm__db_stmt **stmt, const char **out, mlcm_error *err) {
  bool row = false;
  *out = NULL;
  mlcm_status status = mlcm__db_prepare(conn, sql, stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(*stmt, &row, err);
  if (status == MLCM_OK && row) *out = mlcm__db_text(*stmt, 0);
  return status;
}

mlcm_status mlcm__db_check(mlcm__db_conn *conn, mlcm_error *err) {
  mlcm__db_stmt *integrity = NULL, *keys = NULL;
  const char *finding = NULL;
  mlcm_status status = first_text(conn, "PRAGMA integrity_check(1)", &integrity, &finding, err);
  if (status == MLCM_OK && (!finding || strcmp(finding, "ok") != 0))
    status = mlcm__fail(err, MLCM_CORRUPT, "database '%s' is damaged: %s; restore it from a backup", conn->db->path,
                        finding ? finding : "the check gave no answer");
  if (status == MLCM_OK) status = first_text(conn, "PRAGMA foreign_key_check", &keys, &finding, err);
  if (status == MLCM_OK && finding)
    status = mlcm__fail(err, MLCM_CORRUPT, "database '%s' is damaged: a row of table '%s' refers to a row that is not there",
                        conn->db->path, finding);
  mlcm__db_reset(keys);
  mlcm__db_reset(integrity);
  return status;
}
