/* SPDX-License-Identifier: Apache-2.0
 *
 * blob.c - the object store's directory: its folders and paths, opening, looking for an object.
 */
#include "blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "blob_dir.h"

enum { FAN_OUT = 256, RANDOM_BYTES = 12 };

/* ---- paths ---- */

mlcm_status mlcm__blob_folder(const mlcm__blobs *blobs, const char *name, char **out, mlcm_error *err) {
  return mlcm__path_join(blobs->ctx, blobs->dir, name, out, err);
}

mlcm_status mlcm__blob_object_path(const mlcm__blobs *blobs, const uint8_t *sha256, char **out, mlcm_error *err) {
  char hex[MLCM__SHA256_HEX + 1], name[MLCM__SHA256_HEX + 16];
  mlcm__hex(sha256, MLCM__SHA256_BYTES, hex);
  snprintf(name, sizeof name, "objects/%.2s/%s", hex, hex + 2);
  return mlcm__path_join(blobs->ctx, blobs->dir, name, out, err);
}

mlcm_status mlcm__blob_object_folder(const mlcm__blobs *blobs, const uint8_t *sha256, char **out, mlcm_error *err) {
  char name[16];
  snprintf(name, sizeof name, "objects/%02x", sha256[0]);
  return mlcm__path_join(blobs->ctx, blobs->dir, name, out, err);
}

mlcm_status mlcm__blob_path(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], char **out, mlcm_error *err) {
  return mlcm__blob_object_path(blobs, sha256, out, err);
}

mlcm_status mlcm__blob_check_writable(const mlcm__blobs *blobs, mlcm_error *err) {
  if (!blobs->read_only) return MLCM_OK;
  return mlcm__fail(err, MLCM_REFUSED, "object store '%s' was opened read only and takes no change", blobs->dir);
}

/* ---- opening ---- */

static mlcm_status make_folder(mlcm_context *ctx, const char *path, mlcm_error *err) {
  int rc = ctx->io.mkdir(ctx->io.user, path, 0777);
  if (rc < 0 && rc != -EEXIST) return mlcm__fail_errno(err, rc, "folder '%s' cannot be made", path);
  return MLCM_OK;
}

static mlcm_status for_fan_out(mlcm_context *ctx, const char *objects,
                               mlcm_status (*visit)(mlcm_context *, const char *, mlcm_error *), mlcm_error *err) {
  mlcm_status status = MLCM_OK;
  for (unsigned i = 0; status == MLCM_OK && i < FAN_OUT; i++) {
    char name[4];
    char *path = NULL;
    snprintf(name, sizeof name, "%02x", i);
    status = mlcm__path_join(ctx, objects, name, &path, err);
    if (status == MLCM_OK) status = visit(ctx, path, err);
    mlcm__free(ctx, path);
  }
  return status;
}

static mlcm_status remove_folder(mlcm_context *ctx, const char *path, mlcm_error *err) {
  (void)err;
  (void)ctx->io.rmdir(ctx->io.user, path); /* best effort: clears away what another process made first, or a failed set-up */
  return MLCM_OK;
}

/* objects/ appears with all its folders or not at all, so that publishing never has to make one and sync its parent. */
static mlcm_status make_objects(const mlcm__blobs *blobs, const char *objects, mlcm_error *err) {
  mlcm_context *ctx = blobs->ctx;
  char *fresh = NULL;
  uint8_t random[RANDOM_BYTES];
  char hex[2 * RANDOM_BYTES + 1], name[64];
  mlcm_status status = mlcm__random_bytes(ctx, random, sizeof random, err);
  if (status != MLCM_OK) return status;
  mlcm__hex(random, sizeof random, hex);
  snprintf(name, sizeof name, "tmp/objects-%s", hex);
  status = mlcm__blob_folder(blobs, name, &fresh, err);
  if (status == MLCM_OK) status = make_folder(ctx, fresh, err);
  if (status == MLCM_OK) status = for_fan_out(ctx, fresh, make_folder, err);
  if (status == MLCM_OK) status = mlcm__sync_dir(ctx, fresh, err);
  if (status == MLCM_OK) {
    int rc = ctx->io.rename(ctx->io.user, fresh, objects);
    bool lost_race = rc == -EEXIST || rc == -ENOTEMPTY;
    if (rc < 0 && !lost_race) status = mlcm__fail_errno(err, rc, "folder '%s' cannot be made", objects);
    if (rc >= 0) goto done;
  }
  if (fresh) {
    (void)for_fan_out(ctx, fresh, remove_folder, NULL);
    (void)remove_folder(ctx, fresh, NULL);
  }
done:
  mlcm__free(ctx, fresh);
  return status;
}

static mlcm_status is_there(mlcm_context *ctx, const char *path, bool *out, mlcm_error *err) {
  mlcm_file_info info;
  int rc = ctx->io.stat(ctx->io.user, path, &info);
  if (rc < 0 && rc != -ENOENT) return mlcm__fail_errno(err, rc, "folder '%s' cannot be looked at", path);
  *out = rc >= 0;
  return MLCM_OK;
}

static mlcm_status make_missing(const mlcm__blobs *blobs, const char *name, bool create, bool *made, mlcm_error *err) {
  char *path = NULL;
  bool there = false;
  mlcm_status status = mlcm__blob_folder(blobs, name, &path, err);
  if (status == MLCM_OK) status = is_there(blobs->ctx, path, &there, err);
  if (status == MLCM_OK && !there) {
    *made = true;
    if (!create) status = mlcm__fail(err, MLCM_NOT_FOUND, "object store '%s' has no folder '%s'", blobs->dir, name);
    else if (strcmp(name, "objects") == 0) status = make_objects(blobs, path, err);
    else status = make_folder(blobs->ctx, path, err);
  }
  mlcm__free(blobs->ctx, path);
  return status;
}

mlcm_status mlcm__blobs_open(mlcm_context *ctx, const char *dir, bool read_only, bool create, mlcm__blobs **out,
                             mlcm_error *err) {
  static const char *const folders[] = {"tmp", "trash", "objects"};
  bool made = false;
  mlcm_status status = MLCM_OK;
  mlcm__blobs *blobs = (mlcm__blobs *)mlcm__alloc_zero(ctx, 1, sizeof *blobs);
  if (!blobs) return mlcm__fail_memory(err, sizeof *blobs);
  blobs->ctx = mlcm__context_retain(ctx);
  blobs->read_only = read_only;
  blobs->dir = mlcm__strdup(ctx, dir);
  if (!blobs->dir) status = mlcm__fail_memory(err, strlen(dir) + 1);
  for (size_t i = 0; status == MLCM_OK && i < sizeof folders / sizeof folders[0]; i++)
    status = make_missing(blobs, folders[i], create && !read_only, &made, err);
  if (status == MLCM_OK && made) status = mlcm__sync_dir(ctx, dir, err);
  if (status == MLCM_OK) *out = blobs;
  else mlcm__blobs_close(blobs);
  return status;
}

void mlcm__blobs_close(mlcm__blobs *blobs) {
  if (!blobs) return;
  mlcm_context *ctx = blobs->ctx;
  mlcm__free(ctx, blobs->dir);
  mlcm__free(ctx, blobs);
  mlcm__context_release(ctx);
}

/* ---- looking ---- */

mlcm_status mlcm__blob_stat(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], mlcm__blob_info *out, mlcm_error *err) {
  char *path = NULL;
  mlcm_file_info info;
  mlcm_status status = mlcm__blob_object_path(blobs, sha256, &path, err);
  if (status != MLCM_OK) return status;
  int rc = blobs->ctx->io.stat(blobs->ctx->io.user, path, &info);
  if (rc < 0) {
    status = mlcm__fail_errno(err, rc, "object '%s' cannot be found", path);
  } else {
    memcpy(out->sha256, sha256, MLCM__SHA256_BYTES);
    out->size_bytes = info.size_bytes;
    out->time_ns = info.mtime_ns;
  }
  mlcm__free(blobs->ctx, path);
  return status;
}

mlcm_status mlcm__blob_exists(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], int64_t size_bytes, mlcm_error *err) {
  mlcm__blob_info info;
  char hex[MLCM__SHA256_HEX + 1];
  mlcm_status status = mlcm__blob_stat(blobs, sha256, &info, err);
  if (status != MLCM_OK || size_bytes < 0 || info.size_bytes == size_bytes) return status;
  mlcm__hex(sha256, MLCM__SHA256_BYTES, hex);
  return mlcm__fail(err, MLCM_CORRUPT, "object sha256:%s has %lld bytes, %lld were stored; restore it from a backup", hex,
                    (long long)info.size_bytes, (long long)size_bytes);
}
