/* SPDX-License-Identifier: Apache-2.0
 *
 * blob_pipe.c - threads that read a large file ahead of the caller and write it out behind, while the caller hashes.
 *
 * A ring of SLOTS buffers is passed round: the reader (or the caller itself, when the bytes come from memory) fills slot
 * `filled`, the caller looks at slot `sent` and sends it on, the writer writes slot `written`; written <= sent <= filled <=
 * written + SLOTS. The bytes of a slot belong to whoever's turn it is, without the mutex, which guards everything else that more
 * than one thread changes. After every WRITEOUT bytes the kernel is told to begin writing to disk, so that the sync at the end
 * finds little left to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "blob_dir.h"

enum { SLOTS = 16, WRITEOUT = 8 << 20 };

struct mlcm__blob_pipe {
  mlcm_context *ctx;
  int target;
  int source; /* -1: the caller fills the slots */
  pthread_t writer, reader;
  bool has_writer, has_reader;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  uint64_t filled, sent, written;
  bool at_end;  /* the reader has seen the end of its file */
  bool closing; /* nothing more will be sent */
  int bad_read, bad_write; /* first failures as negative errno values */
  size_t len[SLOTS];
  uint8_t *slots; /* [SLOTS][MLCM__BLOB_CHUNK] */
};

static uint8_t *slot(const mlcm__blob_pipe *pipe, uint64_t i) {
  return pipe->slots + (size_t)(i % SLOTS) * MLCM__BLOB_CHUNK;
}

static bool is_full(const mlcm__blob_pipe *pipe) {
  return pipe->filled - pipe->written == SLOTS;
}

/* ---- the writer ---- */

/* False at the end: nothing left and closing. */
static bool wait_for_sent(mlcm__blob_pipe *pipe) {
  pthread_mutex_lock(&pipe->mutex);
  while (pipe->written == pipe->sent && !pipe->closing) pthread_cond_wait(&pipe->changed, &pipe->mutex);
  bool more = pipe->written < pipe->sent;
  pthread_mutex_unlock(&pipe->mutex);
  return more;
}

static void note_written(mlcm__blob_pipe *pipe, int rc) {
  pthread_mutex_lock(&pipe->mutex);
  if (pipe->bad_write == 0 && rc < 0) pipe->bad_write = rc;
  pipe->written++;
  pthread_cond_broadcast(&pipe->changed);
  pthread_mutex_unlock(&pipe->mutex);
}

static void *run_writer(void *user) {
  mlcm__blob_pipe *pipe = (mlcm__blob_pipe *)user;
  int64_t at = 0, begun = 0;
  int rc = 0;
  while (wait_for_sent(pipe)) {
    size_t len = pipe->len[pipe->written % SLOTS];
    if (rc == 0) rc = mlcm__write_all(pipe->ctx, pipe->target, slot(pipe, pipe->written), len);
    at += (int64_t)len;
    if (rc == 0 && at - begun >= WRITEOUT) {
      (void)sync_file_range(pipe->target, begun, at - begun, SYNC_FILE_RANGE_WRITE); /* a hint: the real sync comes later */
      begun = at;
    }
    note_written(pipe, rc);
  }
  return NULL;
}

/* ---- the reader ---- */

static bool wait_for_room(mlcm__blob_pipe *pipe) {
  pthread_mutex_lock(&pipe->mutex);
  while (is_full(pipe) && !pipe->closing) pthread_cond_wait(&pipe->changed, &pipe->mutex);
  bool room = !pipe->closing;
  pthread_mutex_unlock(&pipe->mutex);
  return room;
}

/* A whole slot, or less at the end of the file. */
static int64_t read_slot(mlcm__blob_pipe *pipe, uint8_t *out) {
  size_t got = 0;
  while (got < MLCM__BLOB_CHUNK) {
    int64_t n = pipe->ctx->io.read(pipe->ctx->io.user, pipe->source, out + got, MLCM__BLOB_CHUNK - got);
    if (n == -EINTR) continue;
    if (n < 0) return n;
    if (n == 0) break;
    got += (size_t)n;
  }
  return (int64_t)got;
}

/* Answers whether there is more to read. */
static bool note_read(mlcm__blob_pipe *pipe, int64_t n) {
  pthread_mutex_lock(&pipe->mutex);
  if (n < 0) pipe->bad_read = (int)n;
  if (n > 0) pipe->len[pipe->filled++ % SLOTS] = (size_t)n;
  pipe->at_end = n < MLCM__BLOB_CHUNK;
  bool more = !pipe->at_end;
  pthread_cond_broadcast(&pipe->changed);
  pthread_mutex_unlock(&pipe->mutex);
  return more;
}

static void *run_reader(void *user) {
  mlcm__blob_pipe *pipe = (mlcm__blob_pipe *)user;
  while (wait_for_room(pipe))
    if (!note_read(pipe, read_slot(pipe, slot(pipe, pipe->filled)))) break;
  return NULL;
}

/* ---- the caller ---- */

int mlcm__blob_pipe_next(mlcm__blob_pipe *pipe, uint8_t **out, size_t *out_len) {
  pthread_mutex_lock(&pipe->mutex);
  while (pipe->sent == pipe->filled && !pipe->at_end && pipe->bad_write == 0) pthread_cond_wait(&pipe->changed, &pipe->mutex);
  int rc = pipe->bad_write ? pipe->bad_write : pipe->sent == pipe->filled ? pipe->bad_read : 0;
  *out_len = pipe->sent < pipe->filled ? pipe->len[pipe->sent % SLOTS] : 0;
  pthread_mutex_unlock(&pipe->mutex);
  *out = slot(pipe, pipe->sent);
  return rc;
}

int mlcm__blob_pipe_buffer(mlcm__blob_pipe *pipe, uint8_t **out) {
  pthread_mutex_lock(&pipe->mutex);
  /* rarely: the writer fails just while all slots are full */
  while (is_full(pipe) && pipe->bad_write == 0) pthread_cond_wait(&pipe->changed, &pipe->mutex);
  int rc = pipe->bad_write;
  pthread_mutex_unlock(&pipe->mutex);
  *out = slot(pipe, pipe->filled);
  return rc;
}

void mlcm__blob_pipe_send(mlcm__blob_pipe *pipe, size_t len) {
  pthread_mutex_lock(&pipe->mutex);
  if (pipe->source < 0) pipe->len[pipe->filled++ % SLOTS] = len;
  pipe->sent++;
  pthread_cond_broadcast(&pipe->changed);
  pthread_mutex_unlock(&pipe->mutex);
}

/* ---- open and close ---- */

/* The threads take no signals: they are the host's business. */
static bool start(mlcm__blob_pipe *pipe) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pipe->has_writer = pthread_create(&pipe->writer, NULL, run_writer, pipe) == 0;
  if (pipe->has_writer && pipe->source >= 0) pipe->has_reader = pthread_create(&pipe->reader, NULL, run_reader, pipe) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pipe->has_writer && pipe->has_reader == (pipe->source >= 0);
}

mlcm_status mlcm__blob_pipe_open(mlcm_context *ctx, int target, int source, mlcm__blob_pipe **out, mlcm_error *err) {
  mlcm__blob_pipe *pipe = (mlcm__blob_pipe *)mlcm__alloc_zero(ctx, 1, sizeof *pipe);
  if (!pipe) return mlcm__fail_memory(err, sizeof *pipe);
  pipe->ctx = ctx;
  pipe->target = target;
  pipe->source = source;
  pipe->slots = (uint8_t *)mlcm__alloc(ctx, (size_t)SLOTS * MLCM__BLOB_CHUNK);
  pthread_mutex_init(&pipe->mutex, NULL);
  pthread_cond_init(&pipe->changed, NULL);
  if (!pipe->slots) {
    (void)mlcm__blob_pipe_close(pipe);
    return mlcm__fail_memory(err, (size_t)SLOTS * MLCM__BLOB_CHUNK);
  }
  if (!start(pipe)) {
    (void)mlcm__blob_pipe_close(pipe); /* nothing was sent yet */
    pipe = NULL;
  }
  *out = pipe;
  return MLCM_OK;
}

int mlcm__blob_pipe_close(mlcm__blob_pipe *pipe) {
  pthread_mutex_lock(&pipe->mutex);
  pipe->closing = true;
  pthread_cond_broadcast(&pipe->changed);
  pthread_mutex_unlock(&pipe->mutex);
  if (pipe->has_reader) pthread_join(pipe->reader, NULL);
  if (pipe->has_writer) pthread_join(pipe->writer, NULL);
  int rc = pipe->bad_write;
  pthread_cond_destroy(&pipe->changed);
  pthread_mutex_destroy(&pipe->mutex);
  mlcm__free(pipe->ctx, pipe->slots);
  mlcm__free(pipe->ctx, pipe);
  return rc;
}
