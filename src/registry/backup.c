/* SPDX-License-Identifier: Apache-2.0
 *
 * backup.c - a copy of a registry in use, as it is at one moment.
 *
 * One read transaction gives the database's copy and the list of objects, so that both are of the same moment; then it ends, and
 * the objects are copied without it. None of them can go meanwhile: what a manifest names is never swept, manifests are never
 * removed, and the lease, taken before the moment, spares what is newer. Bytes are checked while they are copied: a backup of
 * damage would be found out only when it is needed.
 *
 * The record of the backup and its appearance are as close to one step as two stores allow: the record is written, the directory
 * renamed to its place, then the record committed. A crash between the two leaves a backup without a record, never a record
 * without a backup.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/map.h"
#include "registry/backup_file.h"
#include "registry/detail.h"
#include "registry/fsck.h"
#include "registry/manifest.h"
#include "registry/progress.h"
#include "registry/sql.h"
#include "registry/staging.h"

enum { FIRST_OPTIONS_BYTES = 56 };
_Static_assert(sizeof(mlcm_backup_options) == FIRST_OPTIONS_BYTES, "mlcm_backup_options changed: keep the first size here");

void mlcm_backup_options_init(mlcm_backup_options *options, size_t size_bytes) {
  memset(options, 0, size_bytes);
  options->struct_size = size_bytes;
}

typedef struct object {
  uint8_t sha256[MLCM__SHA256_BYTES];
  int64_t size_bytes;
  int64_t manifest_id;
  const char *path; /* in the version, for messages; of the arena */
} object;

typedef struct copying {
  mlcm_registry *reg;
  const mlcm_attribution *by;
  mlcm__staging staging;
  mlcm__blobs *to;
  mlcm__arena arena;
  mlcm__map *known; /* digests in `objects` */
  object *objects;
  size_t n, cap;
  mlcm__pace pace;
  int64_t db_done; /* bytes of the database that were told */
  mlcm__backup_file file;
} copying;

/* ---- the list ---- */

static mlcm_status add_file(copying *c, int64_t manifest_id, const mlcm__manifest_file *file, mlcm_error *err) {
  if (mlcm__map_get(c->known, file->sha256, MLCM__SHA256_BYTES)) return MLCM_OK;
  mlcm_status st = mlcm__reserve(c->reg->ctx, &c->objects, &c->cap, c->n + 1, sizeof *c->objects, err);
  if (st) return st;
  object *o = &c->objects[c->n];
  *o = (object){.size_bytes = file->size_bytes, .manifest_id = manifest_id};
  memcpy(o->sha256, file->sha256, MLCM__SHA256_BYTES);
  o->path = mlcm__arena_strndup(&c->arena, file->path, strlen(file->path));
  if (!o->path) return mlcm__fail_memory(err, strlen(file->path) + 1);
  c->n++;
  c->file.objects++;
  c->file.object_bytes += file->size_bytes;
  return mlcm__map_set(c->known, file->sha256, MLCM__SHA256_BYTES, c, err);
}

static mlcm_status add_manifest(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  copying *c = user;
  mlcm__manifest manifest;
  size_t len = 0;
  const char *text = mlcm__db_blob(stmt, 2, &len);
  int64_t id = mlcm__db_i64(stmt, 0);
  mlcm_status st = mlcm__manifest_parse(c->reg->ctx, "a stored manifest", text, len, mlcm__db_text(stmt, 1), &manifest, err);
  for (size_t i = 0; !st && i < manifest.n; i++) st = add_file(c, id, &manifest.files[i], err);
  mlcm__manifest_reset(&manifest);
  return st;
}

static mlcm_status list_objects(copying *c, mlcm__db_conn *conn, mlcm_error *err) {
  bool row = false;
  mlcm_status st = mlcm__sql_i64(conn, "SELECT count(*) FROM version", MLCM__NO_BIND, &row, &c->file.versions, err);
  return st ? st : mlcm__sql_each(conn, "SELECT id, sha256, text FROM manifest ORDER BY id", MLCM__NO_BIND, add_manifest, c, err);
}

/* ---- the snapshot ---- */

static mlcm_status on_pages(void *user, int64_t done, int64_t total, mlcm_error *err) {
  copying *c = user;
  c->pace.total = c->file.object_bytes + total;
  int64_t step = done - c->db_done;
  c->db_done = done;
  return mlcm__pace_add(&c->pace, step, err);
}

static mlcm_status take_snapshot(copying *c, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  char *path = NULL;
  mlcm_status st = mlcm__path_join(c->reg->ctx, c->staging.path, "registry.db", &path, err);
  if (!st) st = mlcm__db_read_begin(c->reg->db, &conn, err);
  if (!st) st = mlcm__audit_head_read(conn, &c->file.audit, err);
  if (!st) st = list_objects(c, conn, err);
  if (!st) st = mlcm__db_copy(conn, path, on_pages, c, err);
  mlcm__db_read_end(conn);
  if (!st) st = mlcm__fsck_hash_file(c->reg->ctx, path, &c->file.database_bytes, c->file.database_sha256, err);
  mlcm__free(c->reg->ctx, path);
  return st;
}

/* ---- the objects ---- */

static mlcm_status on_bytes(void *user, const void *data, size_t len, mlcm_error *err) {
  copying *c = user;
  (void)data;
  return mlcm__pace_add(&c->pace, (int64_t)len, err);
}

/* "digits/3 weights.bin: ..." before the message. Best effort: the message stands without it. */
static void name_owner(copying *c, const object *o, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  /* rarely: the connection that read the list is idle, unless other threads have taken all */
  if (mlcm__db_read_begin_single(c->reg->db, &conn, NULL) != MLCM_OK) return;
  mlcm_status st =
      mlcm__sql_first(conn,
                      "SELECT m.name, v.number FROM version v JOIN model m ON m.id = v.model_id WHERE v.manifest_id = ?1"
                      " ORDER BY v.id LIMIT 1",
                      MLCM__BIND(mlcm__i64(o->manifest_id)), &stmt, &row, NULL);
  if (!st && row) mlcm__error_prefix(err, "%s/%lld %s: ", mlcm__db_text(stmt, 0), (long long)mlcm__db_i64(stmt, 1), o->path);
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
}

static mlcm_status copy_object(copying *c, const object *o, mlcm_error *err) {
  char *from = NULL;
  uint8_t sha256[MLCM__SHA256_BYTES];
  char expected[MLCM__SHA256_HEX + 1], found[MLCM__SHA256_HEX + 1];
  int64_t size = 0;
  mlcm_status st = mlcm__blob_path(c->reg->blobs, o->sha256, &from, err);
  if (!st) st = mlcm__blob_put_file(c->to, from, on_bytes, c, sha256, &size, err);
  if (!st && (size != o->size_bytes || memcmp(sha256, o->sha256, sizeof sha256) != 0)) {
    mlcm__hex(o->sha256, sizeof o->sha256, expected);
    mlcm__hex(sha256, sizeof sha256, found);
    st = mlcm__fail(err, MLCM_CORRUPT,
                    "its stored bytes were changed: expected sha256:%s, found sha256:%s; mlcm fsck says what can be done",
                    expected, found);
  }
  if (st == MLCM_CORRUPT || st == MLCM_NOT_FOUND) name_owner(c, o, err);
  mlcm__free(c->reg->ctx, from);
  return st;
}

static mlcm_status copy_objects(copying *c, mlcm_error *err) {
  mlcm_status st = mlcm__blobs_open(c->reg->ctx, c->staging.path, false, true, &c->to, err);
  for (size_t i = 0; !st && i < c->n; i++) st = copy_object(c, &c->objects[i], err);
  mlcm__blobs_close(c->to);
  return st ? st : mlcm__pace_end(&c->pace, err);
}

/* ---- the record ---- */

static mlcm_status record(copying *c, mlcm__db_conn *conn, const char *dest, mlcm_error *err) {
  mlcm__detail detail;
  char root[MLCM__SHA256_HEX + 1];
  mlcm__hex(c->file.audit.root, sizeof c->file.audit.root, root);
  mlcm__detail_open(&detail, c->reg->ctx);
  mlcm__json_i64(&detail.json, "audit_entries", c->file.audit.size);
  mlcm__json_string(&detail.json, "audit_root", root);
  mlcm__json_string(&detail.json, "database_sha256", c->file.database_sha256);
  mlcm__json_i64(&detail.json, "objects", c->file.objects);
  mlcm__json_string(&detail.json, "to", dest);
  return mlcm__detail_record(&detail, conn, c->reg, (mlcm__record){.kind = "registry.backed_up", .object_kind = "registry"},
                             c->by, NULL, err);
}

static mlcm_status publish(copying *c, const char *dest, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  bool published = false;
  mlcm_status st = mlcm__registry_write_begin(c->reg, &conn, err);
  if (!st) st = record(c, conn, dest, err);
  if (!st) st = mlcm__staging_publish(&c->staging, err);
  if (!st) {
    published = true;
    st = mlcm__registry_commit(c->reg, &conn, err);
  }
  mlcm__db_rollback(conn);
  if (!st || st == MLCM_OUTCOME_UNKNOWN || !published || mlcm__staging_withdraw(&c->staging)) return st;
  mlcm__error_prefix(err, "'%s' is complete, but its record could not be written: ", dest);
  if (err) err->code = MLCM_OUTCOME_UNKNOWN;
  return MLCM_OUTCOME_UNKNOWN;
}

/* ---- the whole ---- */

static void tell_result(const copying *c, mlcm_backup_result *out) {
  *out = (mlcm_backup_result){.versions = c->file.versions,
                              .objects = c->file.objects,
                              .object_bytes = c->file.object_bytes,
                              .database_bytes = c->file.database_bytes,
                              .audit_entries = c->file.audit.size};
  mlcm__hex(c->file.audit.root, sizeof c->file.audit.root, out->audit_root);
}

static mlcm_status run(copying *c, const char *dest, mlcm_error *err) {
  mlcm__blob_lease *lease = NULL;
  c->file.created_ns = mlcm__wall_ns(c->reg->ctx);
  mlcm_status st = mlcm__staging_open(&c->staging, c->reg->ctx, dest, err);
  if (!st) st = mlcm__map_new(c->reg->ctx, &c->known, err);
  if (!st) st = mlcm__blob_lease_open(c->reg->blobs, &lease, err);
  if (!st) st = take_snapshot(c, err);
  if (!st) st = copy_objects(c, err);
  if (!st) st = mlcm__backup_file_write(c->reg->ctx, c->staging.path, &c->file, err);
  if (!st) st = publish(c, dest, err);
  mlcm__blob_lease_close(lease);
  mlcm__staging_close(&c->staging, st == MLCM_OK || st == MLCM_OUTCOME_UNKNOWN);
  mlcm__map_free(c->known);
  mlcm__free(c->reg->ctx, c->objects);
  return st;
}

mlcm_status mlcm_backup(mlcm_registry *reg, const char *dest, const mlcm_backup_options *options, const mlcm_attribution *by,
                        mlcm_backup_result *out, mlcm_error *err) {
  mlcm_backup_options known;
  if (!reg || !dest) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "dest" : "reg");
  if (!dest[0]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the backup's directory is empty text");
  mlcm_status st = mlcm__options_read(options, FIRST_OPTIONS_BYTES, &known, sizeof known, "mlcm_backup_options", err);
  if (!st) st = mlcm__check_attribution(by, err);
  if (!st && reg->read_only) {
    st = mlcm__fail(err, MLCM_REFUSED,
                    "the registry in '%s' was opened read-only; a backup is recorded in it: open it for writing", reg->dir);
  }
  if (st) return st;
  copying c = {.reg = reg, .by = by, .staging = {.ctx = reg->ctx}};
  mlcm__arena_init(&c.arena, reg->ctx);
  mlcm__pace_init(&c.pace, reg->ctx, &known.progress, 0);
  st = run(&c, dest, err);
  if (!st && out) tell_result(&c, out);
  mlcm__arena_reset(&c.arena);
  return st;
}
