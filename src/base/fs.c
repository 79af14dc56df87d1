/* SPDX-License-Identifier: Apache-2.0
 *
 * fs.c - files through the context's I/O table. Interrupted and short calls are repeated here and nowhere else.
 */
#include "fs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

mlcm_status mlcm__path_join(mlcm_context *ctx, const char *dir, const char *name, char **out, mlcm_error *err) {
  size_t n_dir = strlen(dir);
  while (n_dir > 1 && dir[n_dir - 1] == '/') n_dir--;
  const bool slash = n_dir > 0 && dir[n_dir - 1] != '/';
  const size_t n_name = strlen(name);
  const size_t size = n_dir + slash + n_name + 1;
  char *path = mlcm__alloc(ctx, size);
  if (!path) return mlcm__fail_memory(err, size);
  memcpy(path, dir, n_dir);
  if (slash) path[n_dir] = '/';
  memcpy(path + n_dir + slash, name, n_name + 1);
  *out = path;
  return MLCM_OK;
}

static int open_retrying(mlcm_context *ctx, const char *path, int flags, uint32_t mode) {
  int fd = 0;
  do fd = ctx->io.open(ctx->io.user, path, flags | O_CLOEXEC, mode);
  while (fd == -EINTR);
  return fd;
}

/* ---- Reading ------------------------------------------------------------------------------------------------------- */

static mlcm_status check_regular(mlcm_context *ctx, const char *path, int fd, size_t max_bytes, size_t *size, mlcm_error *err) {
  mlcm_file_info info;
  const int bad = ctx->io.fstat(ctx->io.user, fd, &info);
  if (bad < 0) return mlcm__fail_errno(err, bad, "cannot look at '%s'", path);
  if (!S_ISREG(info.mode)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' is %s, not a regular file", path,
                      S_ISDIR(info.mode) ? "a directory" : "a device or pipe");
  }
  if (info.size_bytes < 0 || (uint64_t)info.size_bytes > max_bytes) {
    return mlcm__fail(err, MLCM_LIMIT, "'%s' has %lld bytes, more than the limit of %zu", path, (long long)info.size_bytes,
                      max_bytes);
  }
  *size = (size_t)info.size_bytes;
  return MLCM_OK;
}

/* Reads to the end of the file: its size is only a first guess, the file may grow or shrink meanwhile. */
static mlcm_status read_open(mlcm_context *ctx, const char *path, int fd, size_t max_bytes, char **data, size_t *len,
                             mlcm_error *err) {
  size_t cap = 0;
  mlcm_status st = check_regular(ctx, path, fd, max_bytes, &cap, err);
  if (st) return st;
  assert(cap < SIZE_MAX - 2); /* sizes of files are below 2^63 */
  cap += 2; /* one byte to see the end, one for the NUL */
  *data = mlcm__alloc(ctx, cap);
  if (!*data) return mlcm__fail_memory(err, cap);
  for (;;) {
    if (*len > max_bytes)
      return mlcm__fail(err, MLCM_LIMIT, "'%s' is growing past the limit of %zu bytes", path, max_bytes);
    st = mlcm__reserve(ctx, data, &cap, *len + 2, 1, err);
    if (st) return st;
    const int64_t n = ctx->io.read(ctx->io.user, fd, *data + *len, cap - *len - 1);
    if (n == -EINTR) continue;
    if (n < 0) return mlcm__fail_errno(err, (int)n, "cannot read '%s'", path);
    if (n == 0) break;
    *len += (size_t)n;
  }
  (*data)[*len] = 0;
  return MLCM_OK;
}

mlcm_status mlcm__read_file(mlcm_context *ctx, const char *path, size_t max_bytes, char **out, size_t *out_len, mlcm_error *err) {
  char *data = NULL;
  size_t len = 0;
  const int fd = open_retrying(ctx, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0); /* a pipe must not make us wait for a writer */
  if (fd < 0) return mlcm__fail_errno(err, fd, "cannot open '%s'", path);
  const mlcm_status st = read_open(ctx, path, fd, max_bytes, &data, &len, err);
  ctx->io.close(ctx->io.user, fd); /* nothing was written: its answer tells nothing */
  if (st) {
    mlcm__free(ctx, data);
    return st;
  }
  *out = data;
  *out_len = len;
  return MLCM_OK;
}

/* ---- Writing ------------------------------------------------------------------------------------------------------- */

int mlcm__write_all(mlcm_context *ctx, int fd, const void *data, size_t len) {
  const char *at = data;
  while (len > 0) {
    const int64_t n = ctx->io.write(ctx->io.user, fd, at, len);
    if (n == -EINTR) continue;
    if (n < 0) return (int)n;
    if (n == 0) return -EIO; /* a file that takes nothing would keep us here for ever */
    at += n;
    len -= (size_t)n;
  }
  return 0;
}

mlcm_status mlcm__sync_dir(mlcm_context *ctx, const char *path, mlcm_error *err) {
  const int fd = open_retrying(ctx, path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return mlcm__fail_errno(err, fd, "cannot open directory '%s'", path);
  const int bad = ctx->io.sync(ctx->io.user, fd);
  ctx->io.close(ctx->io.user, fd);
  return bad < 0 ? mlcm__fail_errno(err, bad, "cannot sync directory '%s'", path) : MLCM_OK;
}

/* The folder a path's last part stands in: "." for "x", "/" for "/x". */
static mlcm_status parent_of(mlcm_context *ctx, const char *path, char **out, mlcm_error *err) {
  const char *slash = strrchr(path, '/');
  while (slash && slash > path && slash[-1] == '/') slash--;
  const size_t len = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
  *out = mlcm__strndup(ctx, slash ? path : ".", len);
  return *out ? MLCM_OK : mlcm__fail_memory(err, len + 1);
}

/* Makes one directory unless it exists; its parent does. */
static mlcm_status make_one(mlcm_context *ctx, const char *path, uint32_t mode, mlcm_error *err) {
  mlcm_file_info info;
  if (ctx->io.stat(ctx->io.user, path, &info) >= 0) return MLCM_OK; /* whether it is a directory shows at the next step */
  const int bad = ctx->io.mkdir(ctx->io.user, path, mode);
  if (bad == -EEXIST) return MLCM_OK; /* another process was faster */
  if (bad < 0) return mlcm__fail_errno(err, bad, "cannot make directory '%s'", path);
  char *parent = NULL;
  mlcm_status st = parent_of(ctx, path, &parent, err);
  if (!st) st = mlcm__sync_dir(ctx, parent, err);
  mlcm__free(ctx, parent);
  return st;
}

mlcm_status mlcm__make_dirs(mlcm_context *ctx, const char *path, uint32_t mode, mlcm_error *err) {
  if (!*path) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the path of a directory to make is empty");
  char *prefix = mlcm__strdup(ctx, path);
  if (!prefix) return mlcm__fail_memory(err, strlen(path) + 1);
  size_t len = strlen(prefix);
  while (len > 1 && prefix[len - 1] == '/') prefix[--len] = 0;
  mlcm_status st = MLCM_OK;
  for (size_t i = 1; i <= len && !st; i++) {
    if ((prefix[i] != '/' && prefix[i] != 0) || prefix[i - 1] == '/') continue;
    const char kept = prefix[i];
    prefix[i] = 0;
    st = make_one(ctx, prefix, mode, err);
    prefix[i] = kept;
  }
  if (!st) {
    const int fd = open_retrying(ctx, prefix, O_RDONLY | O_DIRECTORY, 0); /* follows a symbolic link to a directory */
    if (fd < 0) st = mlcm__fail_errno(err, fd, "cannot open directory '%s'", prefix);
    if (fd >= 0) ctx->io.close(ctx->io.user, fd);
  }
  mlcm__free(ctx, prefix);
  return st;
}

static mlcm_status temporary_name(mlcm_context *ctx, const char *path, char **out, mlcm_error *err) {
  uint64_t number = 0;
  mlcm_status st = mlcm__random_bytes(ctx, &number, sizeof number, err);
  if (st) return st;
  mlcm__buffer name;
  mlcm__buffer_init(&name, ctx, strlen(path) + 32);
  mlcm__buffer_format(&name, "%s.%016llx.tmp", path, (unsigned long long)number);
  st = mlcm__buffer_take(&name, "the name of a temporary file", out, err);
  mlcm__buffer_reset(&name);
  return st;
}

/* Makes the file with all its bytes on disk. What a failure leaves behind is removed by the caller. */
static mlcm_status write_new(mlcm_context *ctx, const char *path, const void *data, size_t len, uint32_t mode, mlcm_error *err) {
  const int fd = open_retrying(ctx, path, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (fd < 0) return mlcm__fail_errno(err, fd, "cannot create '%s'", path);
  int bad = mlcm__write_all(ctx, fd, data, len);
  if (bad >= 0) bad = ctx->io.sync(ctx->io.user, fd);
  const int bad_close = ctx->io.close(ctx->io.user, fd);
  if (bad >= 0) bad = bad_close;
  return bad < 0 ? mlcm__fail_errno(err, bad, "cannot write '%s'", path) : MLCM_OK;
}

/* After the rename the new bytes are in place; only whether they survive a power cut is open. */
static mlcm_status sync_parent(mlcm_context *ctx, const char *path, const char *parent, mlcm_error *err) {
  mlcm_error why;
  const mlcm_status st = mlcm__sync_dir(ctx, parent, &why);
  if (!st) return MLCM_OK;
  mlcm__fail(err, MLCM_OUTCOME_UNKNOWN, "'%s' was replaced, but may be the old one again after a crash: %s", path, why.message);
  if (err) err->sys_code = why.sys_code;
  return MLCM_OUTCOME_UNKNOWN;
}

mlcm_status mlcm__replace_file(mlcm_context *ctx, const char *path, const void *data, size_t len, uint32_t mode,
                               mlcm_error *err) {
  char *temporary = NULL, *parent = NULL;
  mlcm_status st = temporary_name(ctx, path, &temporary, err);
  if (!st) st = parent_of(ctx, path, &parent, err);
  if (st) goto done;
  st = write_new(ctx, temporary, data, len, mode, err);
  if (!st) {
    const int bad = ctx->io.rename(ctx->io.user, temporary, path);
    if (bad < 0) st = mlcm__fail_errno(err, bad, "cannot replace '%s'", path);
  }
  if (st) {
    ctx->io.unlink(ctx->io.user, temporary); /* best effort: the first failure is the one to tell */
    goto done;
  }
  st = sync_parent(ctx, path, parent, err);
done:
  mlcm__free(ctx, parent);
  mlcm__free(ctx, temporary);
  return st;
}

/* ---- Listing ------------------------------------------------------------------------------------------------------- */

typedef struct names {
  mlcm_context *ctx;
  char **items;
  size_t n, cap;
} names;

static int keep_name(void *user, const char *name) {
  names *all = user;
  if (all->n == MLCM__DIR_ENTRIES_MAX) return -E2BIG;
  if (mlcm__reserve(all->ctx, &all->items, &all->cap, all->n + 1, sizeof *all->items, NULL)) return -ENOMEM;
  char *copy = mlcm__strdup(all->ctx, name);
  if (!copy) return -ENOMEM;
  all->items[all->n++] = copy;
  return 0;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

mlcm_status mlcm__list_dir(mlcm_context *ctx, const char *path,
                           mlcm_status (*visit)(void *user, const char *name, mlcm_error *err), void *user, mlcm_error *err) {
  names all = {.ctx = ctx};
  mlcm_status st = MLCM_OK;
  const int bad = ctx->io.list(ctx->io.user, path, keep_name, &all);
  if (bad == -E2BIG) st = mlcm__fail(err, MLCM_LIMIT, "directory '%s' has more than %d entries", path, MLCM__DIR_ENTRIES_MAX);
  else if (bad < 0) st = mlcm__fail_errno(err, bad, "cannot list directory '%s'", path);
  if (!st && all.n) qsort(all.items, all.n, sizeof *all.items, by_bytes);
  for (size_t i = 0; i < all.n && !st; i++) st = visit(user, all.items[i], err);
  for (size_t i = 0; i < all.n; i++) mlcm__free(ctx, all.items[i]);
  mlcm__free(ctx, all.items);
  return st;
}
