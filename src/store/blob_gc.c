/* SPDX-License-Identifier: Apache-2.0
 *
 * blob_gc.c - what garbage collection needs of the object store: leases, listing, the trash.
 *
 * A lease is a file in tmp/ that its holder keeps locked. Its time is taken by the same file system that stamps the objects, so
 * "written after the lease was taken" compares like with like, whatever the clocks say. The kernel drops the lock of a dead
 * holder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "blob_dir.h"

struct mlcm__blob_lease {
  const mlcm__blobs *blobs;
  char *path;
  int fd;
};

/* ---- leases ---- */

mlcm_status mlcm__blob_lease_open(mlcm__blobs *blobs, mlcm__blob_lease **out, mlcm_error *err) {
  mlcm_status status = mlcm__blob_check_writable(blobs, err);
  if (status != MLCM_OK) return status;
  mlcm__blob_lease *lease = (mlcm__blob_lease *)mlcm__alloc_zero(blobs->ctx, 1, sizeof *lease);
  if (!lease) return mlcm__fail_memory(err, sizeof *lease);
  lease->blobs = blobs;
  status = mlcm__blob_tmp_open(blobs, "lease", 0644, &lease->path, &lease->fd, err);
  if (status == MLCM_OK) *out = lease;
  else mlcm__free(blobs->ctx, lease);
  return status;
}

void mlcm__blob_lease_close(mlcm__blob_lease *lease) {
  if (!lease) return;
  mlcm_context *ctx = lease->blobs->ctx;
  (void)ctx->io.unlink(ctx->io.user, lease->path); /* a left-over without lock is garbage collection's */
  ctx->io.close(ctx->io.user, lease->fd);
  mlcm__free(ctx, lease->path);
  mlcm__free(ctx, lease);
}

/* ---- temporary files ---- */

typedef struct tmp_sweep {
  mlcm__blobs *blobs;
  const char *folder;
  int64_t before_ns;
  bool dry_run;
  int64_t oldest_ns, files, bytes;
} tmp_sweep;

/* Takes a shared lock on a temporary file, which its living owner's lock forbids and which keeps a new owner from locking it
 * while it is removed. *out_fd is to be closed after that; -1 when it is gone. A file that cannot be opened is taken for
 * living. */
static bool is_living(mlcm_context *ctx, const char *path, int *out_fd) {
  struct flock f = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  int rc;
  *out_fd = ctx->io.open(ctx->io.user, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
  if (*out_fd < 0) return *out_fd != -ENOENT;
  do rc = fcntl(*out_fd, F_OFD_SETLK, &f);
  while (rc != 0 && errno == EINTR);
  return rc != 0;
}

static void remove_tmp(tmp_sweep *sweep, const char *path, int64_t size) {
  mlcm_context *ctx = sweep->blobs->ctx;
  int rc = sweep->dry_run ? 0 : ctx->io.unlink(ctx->io.user, path);
  if (rc < 0) {
    if (rc != -ENOENT) mlcm__log(ctx, MLCM_LOG_WARN, "temporary file '%s' cannot be removed: errno %d", path, -rc);
    return;
  }
  sweep->files++;
  sweep->bytes += size;
}

static void sweep_one(tmp_sweep *sweep, const char *path, const mlcm_file_info *info) {
  mlcm_context *ctx = sweep->blobs->ctx;
  int fd = -1;
  if (is_living(ctx, path, &fd)) {
    if (info->mtime_ns < sweep->oldest_ns) sweep->oldest_ns = info->mtime_ns;
  } else if (fd >= 0 && info->mtime_ns < sweep->before_ns) {
    remove_tmp(sweep, path, info->size_bytes);
  }
  if (fd >= 0) ctx->io.close(ctx->io.user, fd);
}

static mlcm_status visit_tmp(void *user, const char *name, mlcm_error *err) {
  tmp_sweep *sweep = (tmp_sweep *)user;
  mlcm_context *ctx = sweep->blobs->ctx;
  char *path = NULL;
  mlcm_file_info info;
  mlcm_status status = mlcm__path_join(ctx, sweep->folder, name, &path, err);
  if (status != MLCM_OK) return status;
  int rc = ctx->io.stat(ctx->io.user, path, &info);
  if (rc < 0 && rc != -ENOENT) status = mlcm__fail_errno(err, rc, "temporary file '%s' cannot be looked at", path);
  if (rc >= 0 && S_ISREG(info.mode)) sweep_one(sweep, path, &info);
  mlcm__free(ctx, path);
  return status;
}

mlcm_status mlcm__blob_sweep_tmp(mlcm__blobs *blobs, int64_t before_ns, bool dry_run, int64_t *out_oldest_ns, int64_t *out_files,
                                 int64_t *out_bytes, mlcm_error *err) {
  char *folder = NULL;
  mlcm_status status = dry_run ? MLCM_OK : mlcm__blob_check_writable(blobs, err);
  if (status == MLCM_OK) status = mlcm__blob_folder(blobs, "tmp", &folder, err);
  tmp_sweep sweep = {.blobs = blobs, .folder = folder, .before_ns = before_ns, .dry_run = dry_run, .oldest_ns = INT64_MAX};
  if (status == MLCM_OK) status = mlcm__list_dir(blobs->ctx, folder, visit_tmp, &sweep, err);
  if (status == MLCM_OK) {
    *out_oldest_ns = sweep.oldest_ns;
    *out_files += sweep.files;
    *out_bytes += sweep.bytes;
  }
  mlcm__free(blobs->ctx, folder);
  return status;
}

/* ---- listing ---- */

typedef struct listing {
  mlcm__blobs *blobs;
  const char *folder;
  const char *prefix; /* two hex digits, or "" in the trash */
  mlcm__blob_visit *visit;
  void *user;
} listing;

/* Takes a file name apart: the digest behind the folder's digits, in the trash followed by '-' and a time. False: not an
 * object. */
static bool parse_name(const listing *l, const char *name, mlcm__blob_info *out, bool *has_time) {
  char hex[MLCM__SHA256_HEX + 1];
  size_t n_prefix = strlen(l->prefix), n_name = strlen(name), n_digest = MLCM__SHA256_HEX - n_prefix;
  if (n_name < n_digest) return false;
  memcpy(hex, l->prefix, n_prefix);
  memcpy(hex + n_prefix, name, n_digest);
  if (!mlcm__unhex(hex, MLCM__SHA256_HEX, out->sha256)) return false;
  *has_time = n_prefix == 0;
  if (!*has_time) return n_name == n_digest;
  return name[n_digest] == '-' && mlcm__parse_i64(name + n_digest + 1, n_name - n_digest - 1, &out->time_ns);
}

static mlcm_status visit_file(void *user, const char *name, mlcm_error *err) {
  listing *l = (listing *)user;
  mlcm_context *ctx = l->blobs->ctx;
  mlcm__blob_info info = {0};
  mlcm_file_info file;
  bool has_time = false;
  char *path = NULL;
  if (!parse_name(l, name, &info, &has_time)) return MLCM_OK;
  mlcm_status status = mlcm__path_join(ctx, l->folder, name, &path, err);
  if (status != MLCM_OK) return status;
  int rc = ctx->io.stat(ctx->io.user, path, &file);
  if (rc < 0 && rc != -ENOENT) status = mlcm__fail_errno(err, rc, "object '%s' cannot be looked at", path);
  mlcm__free(ctx, path);
  if (rc < 0 || !S_ISREG(file.mode)) return status; /* gone meanwhile, or not an object */
  info.size_bytes = file.size_bytes;
  if (!has_time) info.time_ns = file.mtime_ns;
  return l->visit(l->user, &info, err);
}

static mlcm_status list_folder(listing *l, const char *name, mlcm_error *err) {
  char *folder = NULL;
  mlcm_file_info info;
  mlcm_context *ctx = l->blobs->ctx;
  mlcm_status status = mlcm__blob_folder(l->blobs, name, &folder, err);
  if (status != MLCM_OK) return status;
  int rc = ctx->io.stat(ctx->io.user, folder, &info);
  if (rc < 0 && rc != -ENOENT) status = mlcm__fail_errno(err, rc, "folder '%s' cannot be looked at", folder);
  l->folder = folder;
  if (rc >= 0) status = mlcm__list_dir(ctx, folder, visit_file, l, err);
  mlcm__free(ctx, folder);
  return status;
}

mlcm_status mlcm__blob_each(mlcm__blobs *blobs, int32_t area, mlcm__blob_visit *visit, void *user, mlcm_error *err) {
  listing l = {.blobs = blobs, .prefix = "", .visit = visit, .user = user};
  if (area == MLCM__BLOB_TRASH) return list_folder(&l, "trash", err);
  mlcm_status status = MLCM_OK;
  for (unsigned i = 0; status == MLCM_OK && i < 256; i++) {
    char prefix[4], name[16];
    snprintf(prefix, sizeof prefix, "%02x", i);
    snprintf(name, sizeof name, "objects/%s", prefix);
    l.prefix = prefix;
    status = list_folder(&l, name, err);
  }
  return status;
}

/* ---- the trash ---- */

static mlcm_status trash_path(const mlcm__blobs *blobs, const uint8_t *sha256, int64_t time_ns, char **out, mlcm_error *err) {
  char hex[MLCM__SHA256_HEX + 1], name[MLCM__SHA256_HEX + 40];
  mlcm__hex(sha256, MLCM__SHA256_BYTES, hex);
  snprintf(name, sizeof name, "trash/%s-%lld", hex, (long long)time_ns);
  return mlcm__blob_folder(blobs, name, out, err);
}

static mlcm_status move(mlcm__blobs *blobs, const uint8_t *sha256, int64_t time_ns, bool back, mlcm_error *err) {
  mlcm_context *ctx = blobs->ctx;
  char *object = NULL, *trash = NULL;
  mlcm_status status = mlcm__blob_check_writable(blobs, err);
  if (status == MLCM_OK) status = mlcm__blob_object_path(blobs, sha256, &object, err);
  if (status == MLCM_OK) status = trash_path(blobs, sha256, time_ns, &trash, err);
  if (status == MLCM_OK) {
    int rc = ctx->io.rename(ctx->io.user, back ? trash : object, back ? object : trash);
    if (rc < 0) status = mlcm__fail_errno(err, rc, "object '%s' cannot be moved %s the trash", object, back ? "back from" : "to");
  }
  mlcm__free(ctx, trash);
  mlcm__free(ctx, object);
  return status;
}

mlcm_status mlcm__blob_trash(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], int64_t now_ns, mlcm_error *err) {
  return move(blobs, sha256, now_ns, false, err);
}

mlcm_status mlcm__blob_restore(mlcm__blobs *blobs, const mlcm__blob_info *trashed, mlcm_error *err) {
  return move(blobs, trashed->sha256, trashed->time_ns, true, err);
}

mlcm_status mlcm__blob_unlink(mlcm__blobs *blobs, const mlcm__blob_info *trashed, mlcm_error *err) {
  mlcm_context *ctx = blobs->ctx;
  char *path = NULL;
  mlcm_status status = mlcm__blob_check_writable(blobs, err);
  if (status == MLCM_OK) status = trash_path(blobs, trashed->sha256, trashed->time_ns, &path, err);
  if (status == MLCM_OK) {
    int rc = ctx->io.unlink(ctx->io.user, path);
    if (rc < 0) status = mlcm__fail_errno(err, rc, "object '%s' cannot be removed", path);
  }
  mlcm__free(ctx, path);
  return status;
}
