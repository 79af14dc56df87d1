/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest.c - one reading of each file: hash and copy go together, so that what was hashed is what was stored.
 */
#include "registry/ingest.h"

#include <string.h>

#include "registry/progress.h"
#include "registry/walk.h"

/* One file on its way. */
typedef struct reading {
  const mlcm__walk_file *file;
  mlcm__pace *pace;
  int64_t seen_bytes;
} reading;

/* Counts, and stops at a file that grows as fast as it is read. */
static mlcm_status count_chunk(void *user, const void *data, size_t len, mlcm_error *err) {
  reading *r = user;
  (void)data;
  r->seen_bytes += (int64_t)len;
  if (r->seen_bytes > r->file->info.size_bytes) {
    return mlcm__fail(err, MLCM_CONFLICT, "'%s' grew while it was read (it had %lld bytes); nothing was registered",
                      r->file->path, (long long)r->file->info.size_bytes);
  }
  return mlcm__pace_add(r->pace, (int64_t)len, err);
}

static bool is_same(const mlcm_file_info *a, const mlcm_file_info *b) {
  return a->inode == b->inode && a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns;
}

/* A file that is written while it is read gives bytes that never existed together: size and times before and after must agree. */
static mlcm_status check_unchanged(mlcm_context *ctx, const mlcm__walk_file *file, int64_t stored_bytes, mlcm_error *err) {
  mlcm_file_info now;
  int answer = ctx->io.stat(ctx->io.user, file->path, &now);
  if (answer < 0) return mlcm__fail_errno(err, answer, "'%s' went away while it was registered", file->path);
  if (is_same(&file->info, &now) && stored_bytes == now.size_bytes) return MLCM_OK;
  return mlcm__fail(err, MLCM_CONFLICT, "'%s' changed while it was read (%lld bytes before, %lld after); nothing was registered",
                    file->path, (long long)file->info.size_bytes, (long long)now.size_bytes);
}

static mlcm_status ingest_file(mlcm_registry *reg, const mlcm__walk_file *file, mlcm__pace *pace, mlcm__manifest *manifest,
                               mlcm_error *err) {
  uint8_t sha256[MLCM__SHA256_BYTES];
  int64_t size_bytes = 0;
  reading r = {file, pace, 0};
  mlcm_status st = mlcm__blob_put_known_file(reg->blobs, file->path, &file->info, count_chunk, &r, sha256, &size_bytes, err);
  if (!st) st = check_unchanged(reg->ctx, file, size_bytes, err);
  if (!st) st = mlcm__manifest_add(manifest, file->name, size_bytes, sha256, err);
  return st;
}

mlcm_status mlcm__ingest(mlcm_registry *reg, const char *path, const mlcm_progress *progress, mlcm__ingested *out,
                         mlcm_error *err) {
  mlcm__walk walk = {0};
  mlcm__pace pace;
  *out = (mlcm__ingested){0};
  mlcm__manifest_init(&out->manifest, reg->ctx);
  mlcm_status st = mlcm__walk_run(reg->ctx, path, reg->dir, &walk, err);
  mlcm__pace_init(&pace, reg->ctx, progress, walk.size_bytes);
  for (size_t i = 0; !st && i < walk.n; i++) st = ingest_file(reg, &walk.files[i], &pace, &out->manifest, err);
  if (!st) st = mlcm__pace_end(&pace, err);
  if (!st) st = mlcm__manifest_write(&out->manifest, &out->text, &out->text_len, out->sha256, err);
  mlcm__walk_reset(&walk);
  return st;
}

void mlcm__ingested_reset(mlcm_context *ctx, mlcm__ingested *ingested) {
  mlcm__manifest_reset(&ingested->manifest);
  mlcm__free(ctx, ingested->text);
  *ingested = (mlcm__ingested){0};
}
