/* SPDX-License-Identifier: Apache-2.0
 *
 * mapped.c - see mapped.h. Opening, reading the folder and unlinking go through the context's I/O table; what works on an open
 * descriptor and has no entry there (size, space, lock, map, mode) is called directly.
 */
#include "metric/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

static mlcm_status folder_mode(mlcm_context *ctx, const char *run_dir, uint32_t *out_mode, mlcm_error *err) {
  mlcm_file_info info;
  int bad = ctx->io.stat(ctx->io.user, run_dir, &info);
  if (bad == -ENOENT) {
    mlcm_status st = mlcm__make_dirs(ctx, run_dir, 0700, err);
    if (st) return st;
    bad = ctx->io.stat(ctx->io.user, run_dir, &info);
  }
  if (bad < 0) return mlcm__fail_errno(err, bad, "%s: cannot look at the folder", run_dir);
  *out_mode = 0600 | (info.mode & 0666);
  return MLCM_OK;
}

static mlcm_status map(mlcm__mapped *m, bool writable, const char *path, mlcm_error *err) {
  void *base = mmap(NULL, m->size_bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, m->fd, 0);
  /* never: address space is not what tests run out of */
  if (base == MAP_FAILED) return mlcm__fail_errno(err, errno, "%s: cannot map %zu bytes", path, m->size_bytes);
  m->base = base;
  return MLCM_OK;
}

mlcm_status mlcm__mapped_reserve(const mlcm__mapped *m, size_t offset, size_t size_bytes, const char *what, mlcm_error *err) {
  int bad;
  do bad = posix_fallocate(m->fd, (off_t)offset, (off_t)size_bytes);
  while (bad == EINTR); /* never: local file systems are not interrupted */
  return bad ? mlcm__fail_errno(err, bad, "%s: cannot set %zu bytes aside", what, size_bytes) : MLCM_OK;
}

/* Everything about a new file but its final name. */
static mlcm_status fill(mlcm_context *ctx, const mlcm__mapped_spec *spec, uint32_t mode, const char *path, mlcm__mapped *m,
                        mlcm_error *err) {
  m->fd = ctx->io.open(ctx->io.user, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (m->fd < 0) {
    const int bad = m->fd;
    m->fd = -1;
    return mlcm__fail_errno(err, bad, "%s: cannot make the file", path);
  }
  m->size_bytes = spec->size_bytes;
  const int bad = mlcm__write_all(ctx, m->fd, spec->header, spec->header_bytes);
  if (bad) return mlcm__fail_errno(err, bad, "%s: cannot write the header", path);
  /* The file is new and ours: whether there is room for it shows below. */
  /* never: what a process may do to a file that it just made */
  if (fchmod(m->fd, (mode_t)mode) < 0 || ftruncate(m->fd, (off_t)spec->size_bytes) < 0 ||
      (spec->lock && flock(m->fd, LOCK_EX | LOCK_NB) < 0)) { /* never: nobody else knows its name yet */
    return mlcm__fail_errno(err, errno, "%s: cannot set mode, size or lock", path);
  }
  mlcm_status st = mlcm__mapped_reserve(m, 0, spec->reserve_bytes, path, err);
  return st ? st : map(m, true, path, err);
}

static mlcm_status unfinished_path(mlcm_context *ctx, const mlcm__mapped_spec *spec, char **out, mlcm_error *err) {
  uint64_t salt;
  mlcm_status st = mlcm__random_bytes(ctx, &salt, sizeof salt, err);
  if (st) return st;
  mlcm__buffer path;
  mlcm__buffer_init(&path, ctx, SIZE_MAX);
  mlcm__buffer_format(&path, "%s/%s" MLCM__MAPPED_UNFINISHED "%016" PRIx64, spec->run_dir, spec->name, salt);
  st = mlcm__buffer_take(&path, "path of a shared file", out, err);
  mlcm__buffer_reset(&path);
  return st;
}

mlcm_status mlcm__mapped_make(mlcm_context *ctx, const mlcm__mapped_spec *spec, mlcm__mapped *out, mlcm_error *err) {
  mlcm__mapped m = MLCM__MAPPED_NONE;
  char *path = NULL;
  char *unfinished = NULL;
  uint32_t mode = 0;
  mlcm_status st = folder_mode(ctx, spec->run_dir, &mode, err);
  if (!st) st = mlcm__path_join(ctx, spec->run_dir, spec->name, &path, err);
  if (!st) st = unfinished_path(ctx, spec, &unfinished, err);
  if (st) goto done;
  st = fill(ctx, spec, mode, unfinished, &m, err);
  if (!st) {
    const int bad = ctx->io.link(ctx->io.user, unfinished, path);
    if (bad == -EEXIST)
      st = mlcm__fail(err, MLCM_ALREADY_EXISTS, "%s: is there already", path);
    else if (bad < 0)
      st = mlcm__fail_errno(err, bad, "%s: cannot put the file in place", path);
  }
  if (m.fd >= 0) ctx->io.unlink(ctx->io.user, unfinished); /* left behind by a failure: swept later */
  if (!st) {
    *out = m;
    m = MLCM__MAPPED_NONE;
  }
done:
  mlcm__mapped_close(ctx, &m);
  mlcm__free(ctx, unfinished);
  mlcm__free(ctx, path);
  return st;
}

static mlcm_status open_path(mlcm_context *ctx, const char *path, bool writable, size_t min_bytes, mlcm__mapped *m,
                             mlcm_error *err) {
  mlcm_file_info info;
  const int fd = ctx->io.open(ctx->io.user, path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0) return mlcm__fail_errno(err, fd, "%s: cannot open", path);
  m->fd = fd;
  const int bad = ctx->io.fstat(ctx->io.user, fd, &info);
  if (bad < 0) return mlcm__fail_errno(err, bad, "%s: cannot look at the file", path);
  if (!S_ISREG(info.mode)) return mlcm__fail(err, MLCM_IO, "%s: is not a regular file", path);
  m->size_bytes = (size_t)info.size_bytes;
  return m->size_bytes < min_bytes ? MLCM_OK : map(m, writable, path, err);
}

mlcm_status mlcm__mapped_open(mlcm_context *ctx, const char *run_dir, const char *name, bool writable, size_t min_bytes,
                              mlcm__mapped *out, mlcm_error *err) {
  mlcm__mapped m = MLCM__MAPPED_NONE;
  char *path = NULL;
  mlcm_status st = mlcm__path_join(ctx, run_dir, name, &path, err);
  if (!st) st = open_path(ctx, path, writable, min_bytes, &m, err);
  if (!st) {
    *out = m;
    m = MLCM__MAPPED_NONE;
  }
  mlcm__mapped_close(ctx, &m);
  mlcm__free(ctx, path);
  return st;
}

bool mlcm__mapped_lock(mlcm_context *ctx, const mlcm__mapped *m) {
  mlcm_file_info info;
  if (flock(m->fd, LOCK_EX | LOCK_NB) < 0) return false;
  /* rarely: its name was taken away between opening and locking */
  return ctx->io.fstat(ctx->io.user, m->fd, &info) == 0 && info.nlinks > 0;
}

void mlcm__mapped_close(mlcm_context *ctx, mlcm__mapped *m) {
  if (m->base) munmap(m->base, m->size_bytes);
  if (m->fd >= 0) ctx->io.close(ctx->io.user, m->fd);
  *m = MLCM__MAPPED_NONE;
}
