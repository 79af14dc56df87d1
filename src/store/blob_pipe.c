/* SPDX-License-Identifier: Apache-2.0
 *
 * blob_pipe.c - a thread that writes full buffers to a file while the caller fills and hashes the next ones.
 *
 * A ring of SLOTS buffers: the caller fills slot `sent % SLOTS`, the thread writes slot `written % SLOTS`; written <= sent <= written +
 * SLOTS. `mutex` guards sent, written, closing and bad. The bytes of a slot belong to whoever's turn it is, without the mutex.
 * After every WRITEOUT bytes the kernel is told to begin writing to disk, so that the sync at the end finds little left to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "blob_dir.h"

enum { SLOTS = 8, WRITEOUT = 8 << 20 };

struct mlcm__blob_pipe {
  mlcm_context *ctx;
  int fd;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  uint64_t sent;
  uint64_t written;
  bool closing;
  int bad; /* first failure as a negative errno */
  size_t len[SLOTS];
  uint8_t *slots; /* [SLOTS][MLCM__BLOB_CHUNK] */
};

static uint8_t *slot(const mlcm__blob_pipe *pipe, uint64_t i) {
  return pipe->slots + (size_t)(i % SLOTS) * MLCM__BLOB_CHUNK;
}

/* False at the end: nothing left and closing. */
static bool wait_for_work(mlcm__blob_pipe *pipe) {
  pthread_mutex_lock(&pipe->mutex);
  while (pipe->written == pipe->sent && !pipe->closing) pthread_cond_wait(&pipe->changed, &pipe->mutex);
  bool more = pipe->written < pipe->sent;
  pthread_mutex_unlock(&pipe->mutex);
  return more;
}

static void note_written(mlcm__blob_pipe *pipe, int rc) {
  pthread_mutex_lock(&pipe->mutex);
  if (pipe->bad == 0 && rc < 0) pipe->bad = rc;
  pipe->written++;
  pthread_cond_signal(&pipe->changed);
  pthread_mutex_unlock(&pipe->mutex);
}

static void *run(void *user) {
  mlcm__blob_pipe *pipe = (mlcm__blob_pipe *)user;
  int64_t at = 0, begun = 0;
  int rc = 0;
  while (wait_for_work(pipe)) {
    size_t len = pipe->len[pipe->written % SLOTS];
    if (rc == 0) rc = mlcm__write_all(pipe->ctx, pipe->fd, slot(pipe, pipe->written), len);
    at += (int64_t)len;
    if (rc == 0 && at - begun >= WRITEOUT) {
      (void)sync_file_range(pipe->fd, begun, at - begun, SYNC_FILE_RANGE_WRITE); /* a hint: the real sync comes later */
      begun = at;
    }
    note_written(pipe, rc);
  }
  return NULL;
}

/* The thread takes no signals: they are the host's business. */
static int start(mlcm__blob_pipe *pipe) {
  sigset_t all, before;
  sigfillset(&all);
  int rc = pthread_sigmask(SIG_SETMASK, &all, &before);
  if (rc != 0) return rc;
  rc = pthread_create(&pipe->thread, NULL, run, pipe);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return rc;
}

static void destroy(mlcm__blob_pipe *pipe) {
  pthread_cond_destroy(&pipe->changed);
  pthread_mutex_destroy(&pipe->mutex);
  mlcm__free(pipe->ctx, pipe->slots);
  mlcm__free(pipe->ctx, pipe);
}

mlcm_status mlcm__blob_pipe_open(mlcm_context *ctx, int fd, mlcm__blob_pipe **out, mlcm_error *err) {
  mlcm__blob_pipe *pipe = (mlcm__blob_pipe *)mlcm__alloc_zero(ctx, 1, sizeof *pipe);
  if (!pipe) return mlcm__fail_memory(err, sizeof *pipe);
  pipe->ctx = ctx;
  pipe->fd = fd;
  pipe->slots = (uint8_t *)mlcm__alloc(ctx, (size_t)SLOTS * MLCM__BLOB_CHUNK);
  pthread_mutex_init(&pipe->mutex, NULL);
  pthread_cond_init(&pipe->changed, NULL);
  if (!pipe->slots) {
    destroy(pipe);
    return mlcm__fail_memory(err, (size_t)SLOTS * MLCM__BLOB_CHUNK);
  }
  if (start(pipe) != 0) {
    destroy(pipe);
    pipe = NULL;
  }
  *out = pipe;
  return MLCM_OK;
}

int mlcm__blob_pipe_buffer(mlcm__blob_pipe *pipe, uint8_t **out) {
  pthread_mutex_lock(&pipe->mutex);
  while (pipe->sent - pipe->written == SLOTS && pipe->bad == 0) pthread_cond_wait(&pipe->changed, &pipe->mutex);
  int rc = pipe->bad;
  pthread_mutex_unlock(&pipe->mutex);
  *out = slot(pipe, pipe->sent); /* only this thread changes `sent` */
  return rc;
}

void mlcm__blob_pipe_send(mlcm__blob_pipe *pipe, size_t len) {
  pthread_mutex_lock(&pipe->mutex);
  pipe->len[pipe->sent % SLOTS] = len;
  pipe->sent++;
  pthread_cond_signal(&pipe->changed);
  pthread_mutex_unlock(&pipe->mutex);
}

int mlcm__blob_pipe_close(mlcm__blob_pipe *pipe) {
  pthread_mutex_lock(&pipe->mutex);
  pipe->closing = true;
  pthread_cond_signal(&pipe->changed);
  pthread_mutex_unlock(&pipe->mutex);
  pthread_join(pipe->thread, NULL);
  int rc = pipe->bad;
  destroy(pipe);
  return rc;
}
