/* SPDX-License-Identifier: Apache-2.0
 *
 * live.c - uncommitted evidence in DIR/run/rollout-ID.live.
 */
#include "rollout/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"

static mlcm_status live_path(mlcm_registry *reg, int64_t rollout_id, char **out, mlcm_error *err) {
  char name[64];
  snprintf(name, sizeof(name), "rollout-%lld.live", (long long)rollout_id);
  return mlcm__path_join(reg->ctx, reg->run_dir, name, out, err);
}

static void close_file(mlcm_registry *reg, mlcm__live *live) {
  const mlcm_io *io = &reg->ctx->io;
  if (live->path && live->fd >= 0) io->close(io->user, live->fd);
  live->fd = -1;
}

static void write_text(mlcm_registry *reg, mlcm__live *live, const char *text, size_t len) {
  int rc = mlcm__write_all(reg->ctx, live->fd, text, len);
  if (rc == 0) return;
  mlcm__log(reg->ctx, MLCM_LOG_WARN, "%s: cannot be written (%s); watchers see committed evidence only", live->path,
            strerror(-rc));
  close_file(reg, live);
}

void mlcm__live_begin(mlcm_registry *reg, mlcm__live *live, int64_t rollout_id, int64_t lease_epoch, int64_t n_chunks) {
  const mlcm_io *io = &reg->ctx->io;
  char head[80];
  close_file(reg, live);
  if (!live->path && live_path(reg, rollout_id, &live->path, NULL)) return;
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK; /* a pipe is not waited for */
  live->fd = io->open(io->user, live->path, flags, 0640);
  if (live->fd < 0) {
    mlcm__log(reg->ctx, MLCM_LOG_WARN, "%s: cannot be opened (%s); watchers see committed evidence only", live->path,
              strerror(-live->fd));
    return;
  }
  int n = snprintf(head, sizeof(head), "%lld %lld\n", (long long)lease_epoch, (long long)n_chunks);
  write_text(reg, live, head, (size_t)n);
}

void mlcm__live_append(mlcm_registry *reg, mlcm__live *live, const char *line, size_t len) {
  if (live->path && live->fd >= 0) write_text(reg, live, line, len);
}

void mlcm__live_close(mlcm_registry *reg, mlcm__live *live) {
  close_file(reg, live);
  mlcm__free(reg->ctx, live->path);
  live->path = NULL;
}

void mlcm__live_end(mlcm_registry *reg, mlcm__live *live) {
  const mlcm_io *io = &reg->ctx->io;
  if (live->path) io->unlink(io->user, live->path);
  mlcm__live_close(reg, live);
}

mlcm_status mlcm__live_read(mlcm_registry *reg, const mlcm__rollout_head *head, mlcm__buffer *out, mlcm_error *err) {
  char *path = NULL, *text = NULL;
  size_t len = 0;
  long long epoch = 0, chunks = 0;
  mlcm__buffer_clear(out);
  if (!head->active || !head->holder[0]) return MLCM_OK;
  mlcm_status st = live_path(reg, head->id, &path, err);
  if (!st) st = mlcm__read_file(reg->ctx, path, MLCM__LIVE_MAX, &text, &len, err);
  mlcm__free(reg->ctx, path);
  if (st == MLCM_NOT_FOUND) return MLCM_OK;
  if (st) return st;
  const char *first = memchr(text, '\n', len);
  const char *last = len ? memrchr(text, '\n', len) : NULL;
  bool fits = first && sscanf(text, "%lld %lld", &epoch, &chunks) == 2 && epoch == head->lease_epoch && chunks == head->n_chunks;
  if (fits && last > first) mlcm__buffer_append(out, first + 1, (size_t)(last - first));
  mlcm__free(reg->ctx, text);
  return mlcm__buffer_check(out, "live evidence", err);
}
