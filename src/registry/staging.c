/* SPDX-License-Identifier: Apache-2.0
 *
 * staging.c - see staging.h.
 */
#include "registry/staging.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/hash.h"

enum { RANDOM_BYTES = 8, DEPTH_MAX = 4 }; /* objects/ab/FILE is the deepest there is */

/* The folder that `dest` stands in: "." for "x", "/" for "/x". */
static mlcm_status find_parent(mlcm__staging *s, size_t len, mlcm_error *err) {
  while (len > 0 && s->dest[len - 1] != '/') len--;
  size_t n = len > 1 ? len - 1 : len;
  s->parent = n == 0 ? mlcm__strdup(s->ctx, ".") : mlcm__strndup(s->ctx, s->dest, n);
  return s->parent ? MLCM_OK : mlcm__fail_memory(err, n + 1);
}

static mlcm_status make_name(mlcm__staging *s, size_t len, char **out, mlcm_error *err) {
  uint8_t random[RANDOM_BYTES];
  char hex[2 * RANDOM_BYTES + 1];
  mlcm__buffer name;
  mlcm_status st = mlcm__random_bytes(s->ctx, random, sizeof random, err);
  if (st) return st;
  mlcm__hex(random, sizeof random, hex);
  mlcm__buffer_init(&name, s->ctx, len + 64);
  mlcm__buffer_append(&name, s->dest, len);
  mlcm__buffer_format(&name, ".tmp-%s", hex);
  st = mlcm__buffer_take(&name, "a temporary name", out, err);
  mlcm__buffer_reset(&name);
  return st;
}

static mlcm_status refuse_existing(const mlcm__staging *s, mlcm_error *err) {
  mlcm_file_info info;
  int rc = s->ctx->io.stat(s->ctx->io.user, s->dest, &info);
  if (rc == -ENOENT) return MLCM_OK;
  if (rc < 0) return mlcm__fail_errno(err, rc, "'%s' cannot be looked at", s->dest);
  return mlcm__fail(err, MLCM_ALREADY_EXISTS, "'%s' exists already and is not touched: name a directory that does not", s->dest);
}

mlcm_status mlcm__staging_open(mlcm__staging *s, mlcm_context *ctx, const char *dest, mlcm_error *err) {
  char *path = NULL;
  size_t len = strlen(dest);
  *s = (mlcm__staging){.ctx = ctx, .dest = dest};
  while (len > 1 && dest[len - 1] == '/') len--;
  mlcm_status st = refuse_existing(s, err);
  if (!st) st = find_parent(s, len, err);
  if (!st) st = make_name(s, len, &path, err);
  if (st) return st;
  int rc = ctx->io.mkdir(ctx->io.user, path, 0777);
  if (rc < 0) {
    st = mlcm__fail_errno(err, rc, "'%s' cannot be made", path);
    mlcm__free(ctx, path);
    return st;
  }
  s->path = path;
  return MLCM_OK;
}

mlcm_status mlcm__staging_publish(mlcm__staging *s, mlcm_error *err) {
  mlcm_status st = mlcm__sync_dir(s->ctx, s->path, err);
  if (!st) st = refuse_existing(s, err);
  if (st) return st;
  int rc = s->ctx->io.rename(s->ctx->io.user, s->path, s->dest);
  if (rc == -EEXIST || rc == -ENOTEMPTY || rc == -ENOTDIR)
    return mlcm__fail(err, MLCM_ALREADY_EXISTS, "'%s' was made by somebody else meanwhile", s->dest);
  if (rc < 0) return mlcm__fail_errno(err, rc, "'%s' cannot be put in its place", s->dest);
  mlcm_error why = {0};
  st = mlcm__sync_dir(s->ctx, s->parent, &why);
  if (!st) return MLCM_OK;
  if (mlcm__staging_withdraw(s)) return mlcm__fail(err, st, "%s", why.message);
  return mlcm__fail(err, MLCM_OUTCOME_UNKNOWN, "'%s' is complete, but may be gone after a crash: %s", s->dest, why.message);
}

bool mlcm__staging_withdraw(mlcm__staging *s) {
  int rc = s->ctx->io.rename(s->ctx->io.user, s->dest, s->path);
  if (rc < 0) mlcm__log(s->ctx, MLCM_LOG_ERROR, "'%s' cannot be taken back: errno %d", s->dest, -rc);
  return rc >= 0;
}

/* ---- removing ---- */

typedef struct removal {
  mlcm_context *ctx;
  const char *folder;
  int depth;
} removal;

static void remove_tree(mlcm_context *ctx, const char *path, int depth);

static mlcm_status remove_entry(void *user, const char *name, mlcm_error *err) {
  removal *r = user;
  char *path = NULL;
  mlcm_file_info info;
  (void)err;
  if (mlcm__path_join(r->ctx, r->folder, name, &path, NULL) != MLCM_OK)
    return MLCM_OK; /* stays; the log of remove_tree says so */
  if (r->ctx->io.stat(r->ctx->io.user, path, &info) >= 0 && S_ISDIR(info.mode)) {
    if (r->depth < DEPTH_MAX) remove_tree(r->ctx, path, r->depth + 1);
  } else {
    (void)r->ctx->io.unlink(r->ctx->io.user, path);
  }
  mlcm__free(r->ctx, path);
  return MLCM_OK;
}

/* Best effort: what cannot be removed is told to the log and harms nobody. */
static void remove_tree(mlcm_context *ctx, const char *path, int depth) {
  removal r = {.ctx = ctx, .folder = path, .depth = depth};
  (void)mlcm__list_dir(ctx, path, remove_entry, &r, NULL);
  int rc = ctx->io.rmdir(ctx->io.user, path);
  if (rc < 0 && depth == 0) mlcm__log(ctx, MLCM_LOG_WARN, "'%s' is left over and may be removed: errno %d", path, -rc);
}

void mlcm__staging_close(mlcm__staging *s, bool keep) {
  if (s->path && !keep) remove_tree(s->ctx, s->path, 0);
  mlcm__free(s->ctx, s->path);
  mlcm__free(s->ctx, s->parent);
  s->path = s->parent = NULL;
}
