/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_db.c - the database file: can it be opened, are its pages, indexes and references sound. Opens the object store beside it
 * too.
 *
 * All is opened read-only and nothing is made, so that a check leaves a damaged registry as it was found.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "registry/fsck.h"
#include "registry/sql.h"

enum { ROWS_MAX = 1000 }; /* findings of SQLite's own check; a file with more is beyond reading row by row */

/* ---- opening ---- */

static mlcm_status is_there(mlcm__fsck *f, const char *name, bool *out, mlcm_error *err) {
  char *path = NULL;
  mlcm_file_info info;
  mlcm_status st = mlcm__path_join(f->ctx, f->dir, name, &path, err);
  if (st) return st;
  int rc = f->ctx->io.stat(f->ctx->io.user, path, &info);
  mlcm__free(f->ctx, path);
  if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR) return mlcm__fail_errno(err, rc, "'%s/%s' cannot be looked at", f->dir, name);
  *out = rc >= 0;
  return MLCM_OK;
}

static mlcm_status open_db(mlcm_context *ctx, const char *path, mlcm__db **out, mlcm__db_conn **conn, mlcm_error *err) {
  mlcm__db_options options = {.read_only = true,
                              .application_id = MLCM__REGISTRY_APPLICATION_ID,
                              .migrations = mlcm__registry_migrations,
                              .n_migrations = mlcm__registry_n_migrations};
  mlcm_status st = mlcm__db_open(ctx, path, &options, out, err);
  return st ? st : mlcm__db_read_begin(*out, conn, err);
}

/* NOT_FOUND of the database layer is an empty file here: that a file is there was seen. */
static mlcm_status open_database(mlcm__fsck *f, mlcm_error *err) {
  mlcm_error why = {0};
  bool has_db = false, has_objects = false;
  mlcm_status st = is_there(f, "registry.db", &has_db, err);
  if (!st) st = is_there(f, "objects", &has_objects, err);
  if (!st) st = mlcm__path_join(f->ctx, f->dir, "registry.db", &f->db_path, err);
  if (st) return st;
  if (!has_db && !has_objects) return mlcm__fail(err, MLCM_NOT_FOUND, "there is no registry in '%s'", f->dir);
  if (!has_db)
    return mlcm__fsck_say(f, MLCM_DAMAGE_DATABASE, "registry.db", MLCM__FSCK_BACKUP, err,
                          "the database is gone; the objects are there");
  st = open_db(f->ctx, f->db_path, &f->db, &f->conn, &why);
  if (st == MLCM_OK) return MLCM_OK;
  mlcm__db_close(f->db);
  f->db = NULL;
  f->conn = NULL;
  if (st == MLCM_CORRUPT || st == MLCM_IO || st == MLCM_NOT_FOUND) {
    return mlcm__fsck_say(f, MLCM_DAMAGE_DATABASE, "registry.db", MLCM__FSCK_BACKUP, err, "%s", why.message);
  }
  return mlcm__fail_as(err, &why);
}

static mlcm_status open_objects(mlcm__fsck *f, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = mlcm__blobs_open(f->ctx, f->dir, true, false, &f->blobs, &why);
  if (st == MLCM_OK) return MLCM_OK;
  if (st == MLCM_NOT_FOUND) {
    mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_BLOB, .object = "object store", .problem = why.message},
                            .fix = MLCM__FIX_FOLDERS};
    item.shown.restore = "repair makes empty folders anew; what was in objects/ is then named one by one";
    return mlcm__fsck_tell(f, &item, err);
  }
  return mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_BLOB, "object store", err);
}

/* Where lost things may be: its database and its objects, each if it can be read. */
static mlcm_status open_spare(mlcm__fsck *f, mlcm_error *err) {
  char *path = NULL;
  if (!f->options.backup) return MLCM_OK;
  mlcm_status st = mlcm__path_join(f->ctx, f->options.backup, "registry.db", &path, err);
  if (!st) st = open_db(f->ctx, path, &f->spare_db, &f->spare_conn, err);
  if (!st) st = mlcm__blobs_open(f->ctx, f->options.backup, true, false, &f->spare_blobs, err);
  if (st) mlcm__error_prefix(err, "backup '%s': ", f->options.backup);
  mlcm__free(f->ctx, path);
  return st;
}

mlcm_status mlcm__fsck_open(mlcm__fsck *f, mlcm_error *err) {
  mlcm_status st = open_database(f, err);
  if (!st) st = open_objects(f, err);
  return st ? st : open_spare(f, err);
}

void mlcm__fsck_close(mlcm__fsck *f) {
  mlcm__blobs_close(f->spare_blobs);
  mlcm__db_read_end(f->spare_conn);
  mlcm__db_close(f->spare_db);
  mlcm__blobs_close(f->blobs);
  mlcm__db_read_end(f->conn);
  mlcm__db_close(f->db);
  mlcm__free(f->ctx, f->db_path);
  f->spare_blobs = f->blobs = NULL;
  f->spare_conn = f->conn = NULL;
  f->spare_db = f->db = NULL;
  f->db_path = NULL;
}

/* ---- pages, indexes ---- */

/* The index that one of SQLite's sentences speaks of: "row 3 missing from index NAME", "wrong # of entries in index NAME". */
static const char *index_in(const char *text) {
  static const char word[] = " index ";
  const char *at = strstr(text, word);
  return at ? at + sizeof word - 1 : NULL;
}

/* "NULL value in version.actor", "non-INTEGER value in ...": fsck_shape.c says in which row. */
static bool is_of_a_value(const char *text) {
  return strstr(text, " value in ") != NULL && (strncmp(text, "NULL", 4) == 0 || strncmp(text, "non-", 4) == 0);
}

static mlcm_status tell_integrity(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm__fsck *f = user;
  const char *text = mlcm__db_text(stmt, 0);
  char line[512];
  if (strcmp(text, "ok") == 0 || is_of_a_value(text)) return MLCM_OK;
  const char *index = index_in(text);
  (void)snprintf(line, sizeof line, "%s", text);
  for (char *p = line; *p; p++)
    if (*p == '\n') *p = ' ';
  if (index && !strstr(text, "non-unique")) {
    mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_INDEX, .object = index, .problem = line}, .fix = MLCM__FIX_REINDEX};
    item.shown.restore = "the table is whole: the index is made anew from it";
    return mlcm__fsck_tell(f, &item, err);
  }
  return mlcm__fsck_say(f, MLCM_DAMAGE_DATABASE, index ? index : "registry.db", MLCM__FSCK_BACKUP, err, "%s", line);
}

static mlcm_status check_integrity(mlcm__fsck *f, mlcm_error *err) {
  char sql[64];
  (void)snprintf(sql, sizeof sql, "PRAGMA integrity_check(%d)", ROWS_MAX);
  return mlcm__sql_each(f->conn, sql, MLCM__NO_BIND, tell_integrity, f, err);
}

/* ---- tables, indexes and triggers as such ---- */

static mlcm_status on_schema(void *user, const mlcm__db_schema_fault *fault, mlcm_error *err) {
  mlcm__fsck *f = user;
  char object[160];
  (void)snprintf(object, sizeof object, "%s %.128s", fault->type, fault->name);
  mlcm__fsck_item item = {
      .shown = {.kind = MLCM_DAMAGE_DATABASE, .object = object, .expected = fault->expected, .found = fault->found}};
  const bool has_rows = strcmp(fault->type, "table") == 0;
  item.fix = fault->expected && !has_rows ? MLCM__FIX_SCHEMA : MLCM__FIX_NONE;
  item.text = fault->expected;
  item.text_len = fault->expected ? strlen(fault->expected) : 0;
  item.shown.problem = !fault->found     ? "it is gone"
                       : fault->expected ? "it is not the one that this library makes"
                                         : "this library makes none of that name";
  item.shown.restore = !fault->expected ? "a person must say what it is for; drop it if nobody knows"
                       : has_rows       ? MLCM__FSCK_BACKUP
                                        : "it is made anew as this library makes it";
  return mlcm__fsck_tell(f, &item, err);
}

static mlcm_status check_schema(mlcm__fsck *f, mlcm_error *err) {
  return mlcm__db_compare_schema(f->conn, mlcm__registry_migrations, mlcm__registry_n_migrations, on_schema, f, err);
}

mlcm_status mlcm__fsck_database(mlcm__fsck *f, mlcm_error *err) {
  mlcm_status st = mlcm__fsck_try(f, check_integrity, "registry.db", err);
  if (!st) st = mlcm__fsck_try(f, check_schema, "registry.db", err);
  if (!st) st = mlcm__fsck_try(f, mlcm__fsck_types, "registry.db", err);
  return st ? st : mlcm__fsck_try(f, mlcm__fsck_references, "registry.db", err);
}
