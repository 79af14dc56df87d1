/* SPDX-License-Identifier: Apache-2.0
 *
 * blob_write.c - writing an object: temporary file, hash while writing, sync, rename to its name, sync the folder.
 *
 * Small objects are written where they are; from LARGE bytes on threads read and write while the caller hashes (blob_pipe.c). A
 * failed sync is final for its file: the kernel may have dropped the pages, so it is never tried again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "blob_dir.h"

enum { LARGE = 8 << 20, RANDOM_BYTES = 12, TMP_ATTEMPTS = 100 };

struct mlcm__blob_writer {
  mlcm__blobs *blobs;
  mlcm__sha256 hash;
  char *tmp_path; /* NULL once it is not ours to unlink */
  int fd;
  int64_t size;
  mlcm__blob_pipe *pipe; /* NULL: written in place */
  uint8_t *room;         /* slot of the pipe being filled, NULL: none */
  size_t filled;
};

/* ---- temporary files ---- */

/* Locks a new file. *lost: garbage collection took it for a dead one's before it was locked. */
static mlcm_status lock_file(mlcm_context *ctx, int fd, const char *path, bool *lost, mlcm_error *err) {
  struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  mlcm_file_info info = {0};
  int rc;
  do rc = fcntl(fd, F_OFD_SETLK, &f);
  while (rc != 0 && errno == EINTR);
  *lost = rc != 0 && (errno == EAGAIN || errno == EACCES);
  if (*lost) return MLCM_OK;
  if (rc != 0) return mlcm__fail_errno(err, errno, "temporary file '%s' cannot be locked", path);
  rc = ctx->io.fstat(ctx->io.user, fd, &info);
  if (rc < 0) return mlcm__fail_errno(err, rc, "temporary file '%s' cannot be looked at", path);
  *lost = info.nlinks == 0;
  return MLCM_OK;
}

static mlcm_status random_name(const mlcm__blobs *blobs, const char *prefix, char **out_path, mlcm_error *err) {
  uint8_t random[RANDOM_BYTES];
  char hex[2 * RANDOM_BYTES + 1], name[64];
  mlcm_status status = mlcm__random_bytes(blobs->ctx, random, sizeof random, err);
  if (status != MLCM_OK) return status;
  mlcm__hex(random, sizeof random, hex);
  snprintf(name, sizeof name, "tmp/%s-%s", prefix, hex);
  return mlcm__blob_folder(blobs, name, out_path, err);
}

static mlcm_status try_tmp(const mlcm__blobs *blobs, const char *prefix, uint32_t mode, char **out_path, int *out_fd, bool *lost,
                           mlcm_error *err) {
  mlcm_context *ctx = blobs->ctx;
  char *path = NULL;
  mlcm_status status = random_name(blobs, prefix, &path, err);
  if (status != MLCM_OK) return status;
  int fd = ctx->io.open(ctx->io.user, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) status = mlcm__fail_errno(err, fd, "temporary file '%s' cannot be made", path);
  else status = lock_file(ctx, fd, path, lost, err);
  if (status == MLCM_OK && !*lost) {
    *out_path = path;
    *out_fd = fd;
    return MLCM_OK;
  }
  if (fd >= 0) {
    ctx->io.close(ctx->io.user, fd);
    (void)ctx->io.unlink(ctx->io.user, path); /* a left-over is garbage collection's */
  }
  mlcm__free(ctx, path);
  return status;
}

mlcm_status mlcm__blob_tmp_open(const mlcm__blobs *blobs, const char *prefix, uint32_t mode, char **out_path, int *out_fd,
                                mlcm_error *err) {
  bool lost = false;
  for (int i = 0; i < TMP_ATTEMPTS; i++) {
    mlcm_status status = try_tmp(blobs, prefix, mode, out_path, out_fd, &lost, err);
    if (status != MLCM_OK || !lost) return status;
  }
  return mlcm__fail(err, MLCM_BUSY,
                    "temporary files in '%s' are removed as soon as they are made; is a collection running without grace?",
                    blobs->dir);
}

/* ---- begin and abort ---- */

static void free_writer(mlcm__blob_writer *writer) {
  mlcm_context *ctx = writer->blobs->ctx;
  if (writer->pipe) (void)mlcm__blob_pipe_close(writer->pipe); /* the bytes are given up */
  if (writer->fd >= 0) ctx->io.close(ctx->io.user, writer->fd);
  if (writer->tmp_path) (void)ctx->io.unlink(ctx->io.user, writer->tmp_path); /* a left-over is garbage collection's */
  mlcm__free(ctx, writer->tmp_path);
  mlcm__sha256_reset(&writer->hash);
  mlcm__free(ctx, writer);
}

/* `source`: the file whose bytes will be written, -1: they come from the caller. */
static mlcm_status begin(mlcm__blobs *blobs, int64_t size_hint_bytes, int source, mlcm__blob_writer **out, mlcm_error *err) {
  mlcm_status status = mlcm__blob_check_writable(blobs, err);
  if (status != MLCM_OK) return status;
  mlcm__blob_writer *writer = (mlcm__blob_writer *)mlcm__alloc_zero(blobs->ctx, 1, sizeof *writer);
  if (!writer) return mlcm__fail_memory(err, sizeof *writer);
  writer->blobs = blobs;
  writer->fd = -1;
  status = mlcm__sha256_init(&writer->hash, err);
  if (status == MLCM_OK) status = mlcm__blob_tmp_open(blobs, "up", 0444, &writer->tmp_path, &writer->fd, err);
  if (status == MLCM_OK && size_hint_bytes >= LARGE)
    status = mlcm__blob_pipe_open(blobs->ctx, writer->fd, source, &writer->pipe, err);
  if (status == MLCM_OK) *out = writer;
  else free_writer(writer);
  return status;
}

mlcm_status mlcm__blob_begin(mlcm__blobs *blobs, int64_t size_hint_bytes, mlcm__blob_writer **out, mlcm_error *err) {
  return begin(blobs, size_hint_bytes, -1, out, err);
}

void mlcm__blob_abort(mlcm__blob_writer *writer) {
  if (writer) free_writer(writer);
}

/* ---- writing ---- */

static mlcm_status fail_write(const mlcm__blob_writer *writer, int rc, mlcm_error *err) {
  return mlcm__fail_errno(err, rc, "object of %lld bytes so far cannot be written in '%s'", (long long)writer->size,
                          writer->blobs->dir);
}

static mlcm_status hash_bytes(mlcm__blob_writer *writer, const void *data, size_t len, mlcm_error *err) {
  mlcm_status status = mlcm__sha256_update(&writer->hash, data, len, err);
  if (status == MLCM_OK) writer->size += (int64_t)len;
  return status;
}

static void send_room(mlcm__blob_writer *writer) {
  if (writer->filled > 0) mlcm__blob_pipe_send(writer->pipe, writer->filled);
  writer->filled = 0;
  writer->room = NULL;
}

/* The caller's bytes are copied, since they are his again after the call and are written later. */
static mlcm_status write_piped(mlcm__blob_writer *writer, const uint8_t *data, size_t len, mlcm_error *err) {
  while (len > 0) {
    size_t n = MLCM__BLOB_CHUNK - writer->filled < len ? MLCM__BLOB_CHUNK - writer->filled : len;
    int rc = writer->room ? 0 : mlcm__blob_pipe_buffer(writer->pipe, &writer->room);
    if (rc < 0) return fail_write(writer, rc, err);
    memcpy(writer->room + writer->filled, data, n);
    mlcm_status status = hash_bytes(writer, data, n, err);
    if (status != MLCM_OK) return status;
    writer->filled += n;
    if (writer->filled == MLCM__BLOB_CHUNK) send_room(writer);
    data += n;
    len -= n;
  }
  return MLCM_OK;
}

mlcm_status mlcm__blob_write(mlcm__blob_writer *writer, const void *data, size_t len, mlcm_error *err) {
  if (writer->pipe) return write_piped(writer, (const uint8_t *)data, len, err);
  mlcm_status status = hash_bytes(writer, data, len, err);
  if (status != MLCM_OK) return status;
  int rc = mlcm__write_all(writer->blobs->ctx, writer->fd, data, len);
  return rc < 0 ? fail_write(writer, rc, err) : MLCM_OK;
}

/* ---- publishing ---- */

/* All bytes in the file and on the disk. The file stays open, and with that locked, until it has its name: closing it earlier
 * would let a collection take it for a dead writer's. A failure to close after a good sync loses nothing. */
static mlcm_status settle(mlcm__blob_writer *writer, mlcm_error *err) {
  mlcm_context *ctx = writer->blobs->ctx;
  int rc = 0;
  if (writer->pipe) {
    send_room(writer);
    rc = mlcm__blob_pipe_close(writer->pipe);
    writer->pipe = NULL;
  }
  if (rc == 0) rc = ctx->io.sync(ctx->io.user, writer->fd);
  return rc < 0 ? fail_write(writer, rc, err) : MLCM_OK;
}

static mlcm_status sync_objects(const mlcm__blobs *blobs, mlcm_error *err) {
  char *objects = NULL;
  mlcm_status status = mlcm__blob_folder(blobs, "objects", &objects, err);
  if (status == MLCM_OK) status = mlcm__sync_dir(blobs->ctx, objects, err);
  mlcm__free(blobs->ctx, objects);
  return status;
}

/* The folder is there since set-up; a backup tool that drops empty folders may have taken it. */
static mlcm_status make_folder_again(const mlcm__blobs *blobs, const char *folder, mlcm_error *err) {
  int rc = blobs->ctx->io.mkdir(blobs->ctx->io.user, folder, 0777);
  if (rc < 0 && rc != -EEXIST) return mlcm__fail_errno(err, rc, "folder '%s' cannot be made", folder);
  return sync_objects(blobs, err);
}

static mlcm_status publish(mlcm__blob_writer *writer, const uint8_t *sha256, mlcm_error *err) {
  const mlcm__blobs *blobs = writer->blobs;
  mlcm_context *ctx = blobs->ctx;
  char *path = NULL, *folder = NULL;
  int rc = 0;
  mlcm_status status = mlcm__blob_object_path(blobs, sha256, &path, err);
  if (status == MLCM_OK) status = mlcm__blob_object_folder(blobs, sha256, &folder, err);
  if (status != MLCM_OK) goto done;
  rc = ctx->io.rename(ctx->io.user, writer->tmp_path, path);
  if (rc == -ENOENT) {
    status = make_folder_again(blobs, folder, err);
    if (status != MLCM_OK) goto done;
    rc = ctx->io.rename(ctx->io.user, writer->tmp_path, path);
  }
  if (rc < 0) {
    status = mlcm__fail_errno(err, rc, "object '%s' cannot be published", path);
    goto done;
  }
  mlcm__free(ctx, writer->tmp_path);
  writer->tmp_path = NULL;
  status = mlcm__sync_dir(ctx, folder, err);
done:
  mlcm__free(ctx, folder);
  mlcm__free(ctx, path);
  return status;
}

mlcm_status mlcm__blob_finish(mlcm__blob_writer *writer, uint8_t out_sha256[MLCM__SHA256_BYTES], int64_t *out_size,
                              mlcm_error *err) {
  uint8_t sha256[MLCM__SHA256_BYTES];
  mlcm_status status = settle(writer, err);
  if (status == MLCM_OK) status = mlcm__sha256_final(&writer->hash, sha256, err);
  if (status == MLCM_OK) status = publish(writer, sha256, err);
  if (status == MLCM_OK) {
    memcpy(out_sha256, sha256, sizeof sha256);
    if (out_size) *out_size = writer->size;
  }
  free_writer(writer);
  return status;
}

/* ---- all in one ---- */

mlcm_status mlcm__blob_put(mlcm__blobs *blobs, const void *data, size_t len, uint8_t out_sha256[MLCM__SHA256_BYTES],
                           mlcm_error *err) {
  mlcm__blob_writer *writer = NULL;
  mlcm_status status = mlcm__blob_begin(blobs, (int64_t)len, &writer, err);
  if (status != MLCM_OK) return status;
  status = mlcm__blob_write(writer, data, len, err);
  if (status == MLCM_OK) return mlcm__blob_finish(writer, out_sha256, NULL, err);
  mlcm__blob_abort(writer);
  return status;
}

static mlcm_status open_source(mlcm_context *ctx, const char *path, int *out_fd, mlcm_file_info *out, mlcm_error *err) {
  int fd = ctx->io.open(ctx->io.user, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return mlcm__fail_errno(err, fd, "file '%s' cannot be opened", path);
  *out_fd = fd;
  int rc = ctx->io.fstat(ctx->io.user, fd, out);
  if (rc < 0) return mlcm__fail_errno(err, rc, "file '%s' cannot be looked at", path);
  if (!S_ISREG(out->mode)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' is not a regular file", path);
  return MLCM_OK;
}

static mlcm_status fail_read(const char *path, int rc, mlcm_error *err) {
  return mlcm__fail_errno(err, rc, "file '%s' cannot be read", path);
}

static mlcm_status pump_piped(mlcm__blob_writer *writer, const char *path, mlcm__blob_tap *tap, void *user, mlcm_error *err) {
  for (;;) {
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = mlcm__blob_pipe_next(writer->pipe, &data, &len);
    if (rc < 0)
      return mlcm__fail_errno(err, rc, "file '%s' cannot be read, or its bytes not be written to '%s'", path, writer->blobs->dir);
    if (len == 0) return MLCM_OK;
    mlcm_status status = tap ? tap(user, data, len, err) : MLCM_OK;
    if (status == MLCM_OK) status = hash_bytes(writer, data, len, err);
    if (status != MLCM_OK) return status;
    mlcm__blob_pipe_send(writer->pipe, len);
  }
}

static mlcm_status pump_plain(mlcm__blob_writer *writer, int fd, const char *path, uint8_t *chunk, mlcm__blob_tap *tap,
                              void *user, mlcm_error *err) {
  mlcm_context *ctx = writer->blobs->ctx;
  for (;;) {
    int64_t n = ctx->io.read(ctx->io.user, fd, chunk, MLCM__BLOB_CHUNK);
    if (n == -EINTR) continue;
    if (n < 0) return fail_read(path, (int)n, err);
    if (n == 0) return MLCM_OK;
    mlcm_status status = tap ? tap(user, chunk, (size_t)n, err) : MLCM_OK;
    if (status == MLCM_OK) status = mlcm__blob_write(writer, chunk, (size_t)n, err);
    if (status != MLCM_OK) return status;
  }
}

static mlcm_status pump(mlcm__blob_writer *writer, int fd, const char *path, mlcm__blob_tap *tap, void *user, mlcm_error *err) {
  mlcm_context *ctx = writer->blobs->ctx;
  if (writer->pipe) return pump_piped(writer, path, tap, user, err);
  uint8_t *chunk = (uint8_t *)mlcm__alloc(ctx, MLCM__BLOB_CHUNK);
  if (!chunk) return mlcm__fail_memory(err, MLCM__BLOB_CHUNK);
  mlcm_status status = pump_plain(writer, fd, path, chunk, tap, user, err);
  mlcm__free(ctx, chunk);
  return status;
}

mlcm_status mlcm__blob_put_file(mlcm__blobs *blobs, const char *path, mlcm__blob_tap *tap, void *user,
                                uint8_t out_sha256[MLCM__SHA256_BYTES], int64_t *out_size, mlcm_error *err) {
  return mlcm__blob_put_known_file(blobs, path, NULL, tap, user, out_sha256, out_size, err);
}

mlcm_status mlcm__blob_put_known_file(mlcm__blobs *blobs, const char *path, const mlcm_file_info *known, mlcm__blob_tap *tap,
                                      void *user, uint8_t out_sha256[MLCM__SHA256_BYTES], int64_t *out_size, mlcm_error *err) {
  mlcm_context *ctx = blobs->ctx;
  mlcm__blob_writer *writer = NULL;
  mlcm_file_info info = {0};
  int fd = -1;
  mlcm_status status = open_source(ctx, path, &fd, &info, err);
  if (status == MLCM_OK && known && info.inode != known->inode)
    status = mlcm__fail(err, MLCM_CONFLICT, "file '%s' was replaced by another after it was found; nothing was read", path);
  if (status == MLCM_OK) status = begin(blobs, info.size_bytes, fd, &writer, err);
  if (writer) status = pump(writer, fd, path, tap, user, err);
  if (status == MLCM_OK) {
    status = mlcm__blob_finish(writer, out_sha256, out_size, err);
    writer = NULL;
  }
  mlcm__blob_abort(writer);
  if (fd >= 0) ctx->io.close(ctx->io.user, fd);
  return status;
}
