/* SPDX-License-Identifier: Apache-2.0
 *
 * restore.c - a new registry from a backup: checked whole, copied beside its place, its log continued, then renamed.
 *
 * A backup of an older schema cannot be checked where it lies, since checking changes nothing; its copy is checked then, after it
 * was brought to the schema of today.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "registry/backup_file.h"
#include "registry/detail.h"
#include "registry/fsck.h"
#include "registry/progress.h"
#include "registry/staging.h"

enum { FIRST_OPTIONS_BYTES = 56, CHUNK = 1 << 20 };

typedef struct restoring {
  mlcm_context *ctx;
  const char *backup;
  mlcm_backup_options options;
  const mlcm_attribution *by;
  mlcm__backup_file file;
  mlcm__staging staging;
  mlcm__blobs *from, *to;
  mlcm__pace pace;
} restoring;

/* ---- checking ---- */

static mlcm_status fail_damaged(const restoring *r, const mlcm_fsck_report *report, mlcm_error *err) {
  size_t i = 0;
  while (!report->items[i].shown.is_damage) i++; /* one is: something is left */
  const mlcm_finding *first = &report->items[i].shown;
  int64_t more = report->summary.left - 1;
  if (more == 0) {
    return mlcm__fail(err, MLCM_CORRUPT, "the backup '%s' is damaged: %s: %s; nothing was restored", r->backup, first->object,
                      first->problem);
  }
  return mlcm__fail(
      err, MLCM_CORRUPT,
      "the backup '%s' is damaged: %s: %s; and %lld more, which `mlcm fsck --registry` on it names; nothing was restored",
      r->backup, first->object, first->problem, (long long)more);
}

static mlcm_status check(restoring *r, const char *dir, mlcm_error *err) {
  mlcm_fsck_report *report = NULL;
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  options.progress = r->options.progress;
  mlcm_status st = mlcm_fsck(r->ctx, dir, &options, NULL, &report, err);
  if (!st && report->summary.left > 0) st = fail_damaged(r, report, err);
  mlcm_fsck_report_free(report);
  return st;
}

/* *too_old: its schema must be raised first. */
static mlcm_status check_backup(restoring *r, bool *too_old, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = check(r, r->backup, &why);
  *too_old = st == MLCM_REFUSED;
  return st == MLCM_OK || *too_old ? MLCM_OK : mlcm__fail_as(err, &why);
}

/* ---- copying ---- */

static mlcm_status on_bytes(void *user, const void *data, size_t len, mlcm_error *err) {
  restoring *r = user;
  (void)data;
  return mlcm__pace_add(&r->pace, (int64_t)len, err);
}

static mlcm_status copy_object(void *user, const mlcm__blob_info *info, mlcm_error *err) {
  restoring *r = user;
  char *path = NULL;
  uint8_t sha256[MLCM__SHA256_BYTES];
  mlcm_status st = mlcm__blob_path(r->from, info->sha256, &path, err);
  if (!st) st = mlcm__blob_put_file(r->to, path, on_bytes, r, sha256, NULL, err);
  if (!st && memcmp(sha256, info->sha256, sizeof sha256) != 0) {
    st = mlcm__fail(err, MLCM_CORRUPT, "'%s' was changed while the backup was restored; nothing was restored", path);
  }
  mlcm__free(r->ctx, path);
  return st;
}

static mlcm_status pass_on(restoring *r, const char *name, const uint8_t *chunk, size_t n, int out, mlcm__sha256 *hash,
                           mlcm_error *err) {
  int rc = mlcm__write_all(r->ctx, out, chunk, n);
  if (rc < 0) return mlcm__fail_errno(err, rc, "the copy of '%s' cannot be written", name);
  mlcm_status st = mlcm__pace_add(&r->pace, (int64_t)n, err);
  return st ? st : mlcm__sha256_update(hash, chunk, n, err);
}

static mlcm_status pump(restoring *r, const char *name, int in, int out, mlcm__sha256 *hash, mlcm_error *err) {
  mlcm_context *ctx = r->ctx;
  mlcm_status st = MLCM_OK;
  int64_t n = 0;
  uint8_t *chunk = mlcm__alloc(ctx, CHUNK);
  if (!chunk) return mlcm__fail_memory(err, CHUNK);
  do {
    n = ctx->io.read(ctx->io.user, in, chunk, CHUNK);
    if (n > 0) st = pass_on(r, name, chunk, (size_t)n, out, hash, err);
    else if (n < 0 && n != -EINTR) st = mlcm__fail_errno(err, (int)n, "'%s' cannot be read", name);
  } while (!st && n != 0);
  mlcm__free(ctx, chunk);
  return st;
}

/* A file copied durably, with the digest of what was copied. */
static mlcm_status copy_file(restoring *r, const char *from, const char *to, uint8_t out_sha256[MLCM__SHA256_BYTES],
                             mlcm_error *err) {
  mlcm_context *ctx = r->ctx;
  mlcm__sha256 hash = {0};
  mlcm_status st = mlcm__sha256_init(&hash, err);
  int in = -1, out = -1, rc = 0;
  if (st) return st;
  in = ctx->io.open(ctx->io.user, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
  if (in < 0) st = mlcm__fail_errno(err, in, "'%s' cannot be opened", from);
  if (!st) out = ctx->io.open(ctx->io.user, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (!st && out < 0) st = mlcm__fail_errno(err, out, "'%s' cannot be made", to);
  if (!st) st = pump(r, from, in, out, &hash, err);
  if (!st) rc = ctx->io.sync(ctx->io.user, out);
  if (out >= 0) {
    int closed = ctx->io.close(ctx->io.user, out);
    if (rc >= 0) rc = closed;
  }
  if (in >= 0) ctx->io.close(ctx->io.user, in);
  if (!st && rc < 0) st = mlcm__fail_errno(err, rc, "'%s' cannot be written", to);
  if (!st) st = mlcm__sha256_final(&hash, out_sha256, err);
  mlcm__sha256_reset(&hash);
  return st;
}

static mlcm_status copy_database(restoring *r, mlcm_error *err) {
  char *from = NULL, *to = NULL;
  uint8_t sha256[MLCM__SHA256_BYTES];
  char hex[MLCM__SHA256_HEX + 1];
  mlcm_status st = mlcm__path_join(r->ctx, r->backup, "registry.db", &from, err);
  if (!st) st = mlcm__path_join(r->ctx, r->staging.path, "registry.db", &to, err);
  if (!st) st = copy_file(r, from, to, sha256, err);
  if (!st) mlcm__hex(sha256, sizeof sha256, hex);
  if (!st && strcmp(hex, r->file.database_sha256) != 0) {
    st = mlcm__fail(err, MLCM_CORRUPT,
                    "the backup '%s' is damaged: registry.db has sha256 %s, backup.json says %s; nothing was restored", r->backup,
                    hex, r->file.database_sha256);
  }
  mlcm__free(r->ctx, to);
  mlcm__free(r->ctx, from);
  return st;
}

static mlcm_status copy_all(restoring *r, mlcm_error *err) {
  mlcm__pace_init(&r->pace, r->ctx, &r->options.progress, r->file.object_bytes + r->file.database_bytes);
  mlcm_status st = mlcm__blobs_open(r->ctx, r->backup, true, false, &r->from, err);
  if (!st) st = mlcm__blobs_open(r->ctx, r->staging.path, false, true, &r->to, err);
  if (!st) st = mlcm__blob_each(r->from, MLCM__BLOB_OBJECTS, copy_object, r, err);
  if (!st) st = copy_database(r, err);
  if (!st) st = mlcm__pace_end(&r->pace, err);
  mlcm__blobs_close(r->to);
  mlcm__blobs_close(r->from);
  return st;
}

/* ---- the record ---- */

static mlcm_status record(restoring *r, mlcm_registry *reg, mlcm__db_conn *conn, mlcm_error *err) {
  mlcm__detail detail;
  char root[MLCM__SHA256_HEX + 1], time[40];
  mlcm__hex(r->file.audit.root, sizeof r->file.audit.root, root);
  mlcm__format_time(r->file.created_ns, time);
  mlcm__detail_open(&detail, r->ctx);
  mlcm__json_i64(&detail.json, "audit_entries", r->file.audit.size);
  mlcm__json_string(&detail.json, "audit_root", root);
  mlcm__json_string(&detail.json, "database_sha256", r->file.database_sha256);
  mlcm__json_string(&detail.json, "from", r->backup);
  mlcm__json_string(&detail.json, "made", time);
  return mlcm__detail_record(&detail, conn, reg, (mlcm__record){.kind = "registry.restored", .object_kind = "registry"}, r->by,
                             NULL, err);
}

/* Opens the copy for the first time: raises its schema where it is older, makes what a registry has beside a backup, continues
 * its log. */
static mlcm_status continue_log(restoring *r, mlcm_error *err) {
  mlcm_registry *reg = NULL;
  mlcm__db_conn *conn = NULL;
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  options.flags = MLCM_OPEN_CREATE;
  mlcm_status st = mlcm_registry_open(r->ctx, r->staging.path, &options, &reg, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = record(r, reg, conn, err);
  if (!st) {
    mlcm_error why = {0};
    st = mlcm__registry_commit(reg, &conn, &why);
    if (st == MLCM_OUTCOME_UNKNOWN) st = MLCM_IO; /* the copy is thrown away: nothing unknown is left */
    if (st) st = mlcm__fail(err, st, "%s", why.message);
  }
  if (reg) mlcm__db_rollback(conn);
  mlcm_registry_close(reg);
  return st;
}

/* ---- the whole ---- */

static mlcm_status read_backup_file(restoring *r, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = mlcm__backup_file_read(r->ctx, r->backup, &r->file, &why);
  if (st == MLCM_OK) return MLCM_OK;
  if (st == MLCM_NOT_FOUND) return mlcm__fail(err, st, "there is no backup in '%s': it has no backup.json", r->backup);
  if (st == MLCM_CORRUPT)
    return mlcm__fail(err, st, "the backup '%s' is damaged: %s; nothing was restored", r->backup, why.message);
  return mlcm__fail_as(err, &why);
}

static mlcm_status run(restoring *r, const char *dest, mlcm_error *err) {
  bool too_old = false;
  mlcm_status st = read_backup_file(r, err);
  if (!st) st = mlcm__staging_open(&r->staging, r->ctx, dest, err);
  if (!st) st = check_backup(r, &too_old, err);
  if (!st) st = copy_all(r, err);
  if (!st) st = continue_log(r, err);
  if (!st && too_old) st = check(r, r->staging.path, err);
  if (!st) st = mlcm__staging_publish(&r->staging, err);
  mlcm__staging_close(&r->staging, st == MLCM_OK || st == MLCM_OUTCOME_UNKNOWN);
  return st;
}

mlcm_status mlcm_restore(mlcm_context *ctx, const char *backup, const char *dest, const mlcm_backup_options *options,
                         const mlcm_attribution *by, mlcm_backup_result *out, mlcm_error *err) {
  if (!ctx || !backup || !dest)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", !ctx ? "ctx" : !backup ? "backup" : "dest");
  if (!backup[0] || !dest[0])
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the %s directory is empty text", backup[0] ? "registry's" : "backup's");
  restoring r = {.ctx = ctx, .backup = backup, .by = by, .staging = {.ctx = ctx}};
  mlcm_status st = mlcm__options_read(options, FIRST_OPTIONS_BYTES, &r.options, sizeof r.options, "mlcm_backup_options", err);
  if (!st) st = mlcm__check_attribution(by, err);
  if (!st) st = run(&r, dest, err);
  if (st || !out) return st;
  *out = (mlcm_backup_result){.versions = r.file.versions,
                              .objects = r.file.objects,
                              .object_bytes = r.file.object_bytes,
                              .database_bytes = r.file.database_bytes,
                              .audit_entries = r.file.audit.size};
  mlcm__hex(r.file.audit.root, sizeof r.file.audit.root, out->audit_root);
  return MLCM_OK;
}
