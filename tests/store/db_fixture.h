/* SPDX-License-Identifier: Apache-2.0
 *
 * db_fixture.h - a small database in a scratch folder, for the tests of the SQL layer.
 */
#ifndef MLCM_TESTS_STORE_DB_FIXTURE_H
#define MLCM_TESTS_STORE_DB_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "support/fault.h"
#include "support/temp_dir.h"

enum { FIXTURE_ID = 0x6d6c6374 };

static const char *const fixture_migrations[] = {
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, value INTEGER NOT NULL) STRICT;",
    "CREATE TABLE part (item_id INTEGER NOT NULL REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED) STRICT;",
};

typedef struct db_fixture {
  mlcm_context *ctx;
  char *dir, *path, *lock_path;
  mlcm__db_options options;
  mlcm__db *db;
  mlcm_error err;
} db_fixture;

static inline void fixture_files_of(db_fixture *f, const char *const *migrations, size_t n_migrations) {
  memset(f, 0, sizeof *f);
  f->ctx = test_context(NULL, NULL, NULL);
  f->dir = test_temp_dir();
  f->path = test_path(f->dir, "test.db");
  f->lock_path = test_path(f->dir, "test.lock");
  f->options = (mlcm__db_options){.create = true,
                                  .application_id = FIXTURE_ID,
                                  .migrations = migrations,
                                  .n_migrations = n_migrations,
                                  .lock_path = f->lock_path};
}

static inline void fixture_files(db_fixture *f) { fixture_files_of(f, fixture_migrations, 2); }

static inline mlcm_status fixture_reopen(db_fixture *f) {
  mlcm__db_close(f->db);
  f->db = NULL;
  return mlcm__db_open(f->ctx, f->path, &f->options, &f->db, &f->err);
}

static inline void fixture_open(db_fixture *f) {
  fixture_files(f);
  ck_assert_msg(fixture_reopen(f) == MLCM_OK, "%s", f->err.message);
}

static inline void fixture_close(db_fixture *f) {
  mlcm__db_close(f->db);
  mlcm_context_free(f->ctx);
  free(f->path);
  free(f->lock_path);
  test_temp_dir_remove(f->dir);
}

static inline mlcm_status fixture_exec(mlcm__db *db, const char *sql, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status status = mlcm__db_write_begin(db, -1, &conn, err);
  if (status != MLCM_OK) return status;
  status = mlcm__db_exec(conn, sql, err);
  if (status == MLCM_OK) return mlcm__db_commit(conn, err);
  mlcm__db_rollback(conn);
  return status;
}

static inline mlcm_status fixture_number_in(mlcm__db_conn *conn, const char *sql, int64_t *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status status = mlcm__db_prepare(conn, sql, &stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  if (status == MLCM_OK) *out = row ? mlcm__db_i64(stmt, 0) : -1;
  mlcm__db_reset(stmt);
  return status;
}

static inline int64_t fixture_number(mlcm__db *db, const char *sql) {
  mlcm__db_conn *conn = NULL;
  mlcm_error err = {0};
  int64_t out = -1;
  mlcm_status status = mlcm__db_read_begin(db, &conn, &err);
  if (status == MLCM_OK) status = fixture_number_in(conn, sql, &out, &err);
  mlcm__db_read_end(conn);
  ck_assert_msg(status == MLCM_OK, "%s", err.message);
  return out;
}

#endif
