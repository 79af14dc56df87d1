/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_blob.c - every object that a version refers to: is it there, has it its size and its digest, and where are its bytes if
 * not.
 *
 * Where the database cannot be read, objects are held against their own names instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "registry/fsck.h"

enum { CHUNK = 1 << 20, PATH_TEXT = 512 };
#define HOUR_NS INT64_C(3600000000000)

/* ---- the trash ---- */

typedef struct trash {
  mlcm_context *ctx;
  mlcm__blob_info *items; /* newest last for one digest */
  size_t n, cap;
} trash;

static mlcm_status visit_trash(void *user, const mlcm__blob_info *info, mlcm_error *err) {
  trash *t = user;
  mlcm_status st = mlcm__reserve(t->ctx, &t->items, &t->cap, t->n + 1, sizeof *t->items, err);
  if (!st) t->items[t->n++] = *info;
  return st;
}

static mlcm_status hash_open(mlcm_context *ctx, const char *path, int fd, mlcm__sha256 *hash, int64_t *size, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  int64_t n = 0;
  uint8_t *chunk = mlcm__alloc(ctx, CHUNK);
  if (!chunk) return mlcm__fail_memory(err, CHUNK);
  do {
    n = ctx->io.read(ctx->io.user, fd, chunk, CHUNK);
    if (n > 0) {
      *size += n;
      st = mlcm__sha256_update(hash, chunk, (size_t)n, err);
    } else if (n < 0 && n != -EINTR) {
      st = mlcm__fail_errno(err, (int)n, "'%s' cannot be read", path);
    }
  } while (!st && n != 0);
  mlcm__free(ctx, chunk);
  return st;
}

mlcm_status mlcm__fsck_hash_file(mlcm_context *ctx, const char *path, int64_t *out_size, char out_hex[MLCM__SHA256_HEX + 1],
                                 mlcm_error *err) {
  mlcm__sha256 hash = {0};
  uint8_t digest[MLCM__SHA256_BYTES];
  int64_t size = 0;
  int fd = ctx->io.open(ctx->io.user, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0) return mlcm__fail_errno(err, fd, "'%s' cannot be opened", path);
  mlcm_status st = mlcm__sha256_init(&hash, err);
  if (!st) st = hash_open(ctx, path, fd, &hash, &size, err);
  if (!st) st = mlcm__sha256_final(&hash, digest, err);
  mlcm__sha256_reset(&hash);
  ctx->io.close(ctx->io.user, fd);
  if (st) return st;
  *out_size = size;
  mlcm__hex(digest, sizeof digest, out_hex);
  return MLCM_OK;
}

/* Whether the trash has the bytes of `hex`, by their digest. */
static bool is_whole_in_trash(mlcm__fsck *f, const mlcm__blob_info *info, const char *hex) {
  char name[MLCM__SHA256_HEX + 48], found[MLCM__SHA256_HEX + 1];
  char *path = NULL;
  int64_t size = 0;
  (void)snprintf(name, sizeof name, "trash/%s-%lld", hex, (long long)info->time_ns);
  if (mlcm__path_join(f->ctx, f->dir, name, &path, NULL) != MLCM_OK) return false;
  bool whole = mlcm__fsck_hash_file(f->ctx, path, &size, found, NULL) == MLCM_OK && strcmp(found, hex) == 0;
  mlcm__free(f->ctx, path);
  return whole;
}

/* ---- one object ---- */

static mlcm_status count_bytes(void *user, const void *data, size_t len, mlcm_error *err) {
  mlcm__fsck *f = user;
  (void)data;
  return mlcm__pace_add(&f->pace, (int64_t)len, err);
}

/* What the damaged object's bytes are, for the report: a digest, or "12 bytes, sha256 ..." when the size differs. */
static void describe(mlcm__fsck *f, const mlcm__fsck_object *object, char out[128]) {
  char hex[MLCM__SHA256_HEX + 1];
  char *path = NULL;
  int64_t size = 0;
  out[0] = '\0';
  if (mlcm__blob_path(f->blobs, object->sha256, &path, NULL) != MLCM_OK) return;
  if (mlcm__fsck_hash_file(f->ctx, path, &size, hex, NULL) == MLCM_OK) {
    if (size == object->size_bytes) (void)snprintf(out, 128, "%s", hex);
    else (void)snprintf(out, 128, "%s (%lld bytes instead of %lld)", hex, (long long)size, (long long)object->size_bytes);
  }
  mlcm__free(f->ctx, path);
}

static void find_bytes(mlcm__fsck *f, const trash *t, const mlcm__fsck_object *object, const char *hex, mlcm__fsck_item *item,
                       char *restore) {
  memcpy(item->blob.sha256, object->sha256, MLCM__SHA256_BYTES);
  item->blob.size_bytes = object->size_bytes;
  for (size_t i = t->n; i > 0; i--) {
    if (memcmp(t->items[i - 1].sha256, object->sha256, MLCM__SHA256_BYTES) != 0 || !is_whole_in_trash(f, &t->items[i - 1], hex))
      continue;
    item->blob = t->items[i - 1];
    item->fix = MLCM__FIX_FROM_TRASH;
    (void)snprintf(restore, PATH_TEXT, "the same bytes are in the trash");
    return;
  }
  if (f->spare_blobs && mlcm__blob_verify(f->spare_blobs, object->sha256, object->size_bytes, NULL, NULL, NULL) == MLCM_OK) {
    item->fix = MLCM__FIX_FROM_BACKUP;
    (void)snprintf(restore, PATH_TEXT, "the same bytes are in the backup '%.400s'", f->options.backup);
    return;
  }
  (void)snprintf(restore, PATH_TEXT, "%s; registering the same file again heals it too",
                 f->options.backup ? "the backup does not have it" : "look in a backup: mlcm fsck --from BACKUP");
}

static mlcm_status tell_object(mlcm__fsck *f, const trash *t, const mlcm__fsck_object *object, mlcm_status st,
                               const mlcm_error *why, mlcm_error *err) {
  char hex[MLCM__SHA256_HEX + 1], found[128] = "", restore[PATH_TEXT], problem[sizeof why->message + 32];
  mlcm__fsck_item item = {
      .shown = {.kind = MLCM_DAMAGE_BLOB, .object = object->owner, .expected = hex, .found = found, .restore = restore}};
  mlcm__hex(object->sha256, MLCM__SHA256_BYTES, hex);
  item.shown.problem = problem;
  if (st == MLCM_NOT_FOUND) {
    (void)snprintf(problem, sizeof problem, "its bytes are gone from the object store");
  } else if (st == MLCM_CORRUPT) {
    describe(f, object, found);
    (void)snprintf(problem, sizeof problem, "its stored bytes were changed");
  } else {
    (void)snprintf(problem, sizeof problem, "its bytes cannot be read: %s", why->message);
  }
  find_bytes(f, t, object, hex, &item, restore);
  return mlcm__fsck_tell(f, &item, err);
}

static mlcm_status check_object(mlcm__fsck *f, const trash *t, const mlcm__fsck_object *object, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = mlcm__blob_verify(f->blobs, object->sha256, object->size_bytes, count_bytes, f, &why);
  f->report->summary.objects++;
  f->report->summary.bytes += object->size_bytes;
  if (st == MLCM_OK) return MLCM_OK;
  if (st == MLCM_NOT_FOUND || st == MLCM_CORRUPT || st == MLCM_IO) return tell_object(f, t, object, st, &why, err);
  return mlcm__fail_as(err, &why);
}

/* ---- what nothing refers to ---- */

static mlcm_status visit_stored(void *user, const mlcm__blob_info *info, mlcm_error *err) {
  mlcm__fsck *f = user;
  char hex[MLCM__SHA256_HEX + 1], object[MLCM__SHA256_HEX + 16];
  mlcm_error why = {0};
  if (f->conn) {
    f->report->summary.unreferenced += mlcm__map_get(f->known, info->sha256, MLCM__SHA256_BYTES) == NULL;
    return MLCM_OK;
  }
  mlcm__hex(info->sha256, MLCM__SHA256_BYTES, hex);
  (void)snprintf(object, sizeof object, "object %s", hex);
  const mlcm__fsck_object named = {.size_bytes = info->size_bytes, .owner = object};
  mlcm__fsck_object copy = named;
  memcpy(copy.sha256, info->sha256, MLCM__SHA256_BYTES);
  f->report->summary.objects++;
  f->report->summary.bytes += info->size_bytes;
  mlcm_status st = mlcm__blob_verify(f->blobs, info->sha256, info->size_bytes, NULL, NULL, &why);
  if (st == MLCM_CORRUPT || st == MLCM_IO) return tell_object(f, &(trash){.ctx = f->ctx}, &copy, st, &why, err);
  return st == MLCM_OK || st == MLCM_NOT_FOUND ? MLCM_OK : mlcm__fail_as(err, &why); /* not found: collected meanwhile */
}

/* An hour's grace: a file that was just made is locked by its writer in the next moment. */
static mlcm_status check_leftovers(mlcm__fsck *f, mlcm_error *err) {
  int64_t oldest = 0, files = 0, bytes = 0;
  char problem[96];
  mlcm_status st = mlcm__blob_sweep_tmp(f->blobs, mlcm__wall_ns(f->ctx) - HOUR_NS, true, &oldest, &files, &bytes, err);
  if (st || files == 0) return st;
  (void)snprintf(problem, sizeof problem, "%lld files of writers that died, %lld bytes", (long long)files, (long long)bytes);
  mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_LEFTOVER, .object = "tmp", .problem = problem}, .fix = MLCM__FIX_TMP};
  item.shown.restore = "nothing needs them; garbage collection removes them too";
  return mlcm__fsck_tell(f, &item, err);
}

static mlcm_status list_trash(mlcm__fsck *f, trash *t, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = mlcm__blob_each(f->blobs, MLCM__BLOB_TRASH, visit_trash, t, &why);
  return mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_BLOB, "trash", err);
}

static mlcm_status each_stored(mlcm__fsck *f, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = mlcm__blob_each(f->blobs, MLCM__BLOB_OBJECTS, visit_stored, f, &why);
  return mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_BLOB, "objects", err);
}

mlcm_status mlcm__fsck_objects(mlcm__fsck *f, mlcm_error *err) {
  trash t = {.ctx = f->ctx};
  mlcm_status st = list_trash(f, &t, err);
  for (size_t i = 0; !st && i < f->n_objects; i++) st = check_object(f, &t, &f->objects[i], err);
  if (!st) st = mlcm__pace_end(&f->pace, err);
  if (!st) st = each_stored(f, err);
  if (!st) st = check_leftovers(f, err);
  mlcm__free(f->ctx, t.items);
  return st;
}
