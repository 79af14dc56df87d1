/* SPDX-License-Identifier: Apache-2.0
 *
 * fault.c - failing memory, failing I/O, and the loops that let call after call fail.
 */
#include "fault.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOO_MANY_RUNS = 200000 };

/* ---- Memory -------------------------------------------------------------------------------------------------------- */

typedef struct test_block {
  struct test_block *next, *previous;
  size_t size_bytes;
  size_t call; /* the call that made it */
} test_block;

_Static_assert(sizeof(test_block) % 16 == 0, "what stands behind the header is aligned as malloc aligns");

void test_memory_init(test_memory *memory) {
  memset(memory, 0, sizeof *memory);
  pthread_mutex_init(&memory->lock, NULL);
}

/* Under the lock. */
static bool due(test_memory *m) {
  m->n_calls++;
  const bool by_number = m->fail_at && (m->n_calls == m->fail_at || (m->fail_ever_after && m->n_calls > m->fail_at));
  const bool fails = by_number || (m->sites && !m->fired && test_site_is_new(m->sites, "memory"));
  m->fired = m->fired || fails;
  return fails;
}

/* Under the lock. */
static void enlist(test_memory *m, test_block *b, size_t size_bytes) {
  *b = (test_block){.next = m->blocks, .size_bytes = size_bytes, .call = m->n_calls};
  if (b->next) b->next->previous = b;
  m->blocks = b;
  m->n_live++;
  m->live_bytes += size_bytes;
  if (m->live_bytes > m->peak_bytes) m->peak_bytes = m->live_bytes;
}

/* Under the lock. */
static void delist(test_memory *m, test_block *b) {
  if (b->next) b->next->previous = b->previous;
  if (b->previous) {
    b->previous->next = b->next;
  } else {
    m->blocks = b->next;
  }
  m->n_live--;
  m->live_bytes -= b->size_bytes;
}

static void *memory_alloc(void *user, size_t size_bytes) {
  test_memory *m = user;
  test_block *b = NULL;
  pthread_mutex_lock(&m->lock);
  if (!due(m) && size_bytes < SIZE_MAX - sizeof *b) b = malloc(sizeof *b + size_bytes);
  if (b) enlist(m, b, size_bytes);
  pthread_mutex_unlock(&m->lock);
  if (!b) return NULL;
  memset(b + 1, 0xA5, size_bytes); /* nobody may count on zeros */
  return b + 1;
}

static void memory_free(void *user, void *ptr) {
  test_memory *m = user;
  if (!ptr) return;
  test_block *b = (test_block *)ptr - 1;
  pthread_mutex_lock(&m->lock);
  delist(m, b);
  pthread_mutex_unlock(&m->lock);
  free(b);
}

static void *memory_realloc(void *user, void *ptr, size_t size_bytes) {
  if (!ptr) return memory_alloc(user, size_bytes);
  void *moved = memory_alloc(user, size_bytes); /* always moves: stale pointers are found */
  if (!moved) return NULL;
  const size_t old_bytes = ((test_block *)ptr - 1)->size_bytes;
  memcpy(moved, ptr, old_bytes < size_bytes ? old_bytes : size_bytes);
  memory_free(user, ptr);
  return moved;
}

mlcm_allocator test_memory_table(test_memory *memory) {
  return (mlcm_allocator){memory_alloc, memory_realloc, memory_free, memory};
}

void test_memory_check_empty(test_memory *memory, const char *when) {
  pthread_mutex_lock(&memory->lock);
  const size_t n_live = memory->n_live;
  const test_block *b = memory->blocks;
  const size_t call = b ? b->call : 0, bytes = b ? b->size_bytes : 0;
  pthread_mutex_unlock(&memory->lock);
  ck_assert_msg(n_live == 0, "%zu blocks leak %s; the newest is of call %zu (%zu bytes)", n_live, when, call, bytes);
}

/* One run. Answers whether the failure came. */
static bool run_without_memory(test_script script, void (*check)(void *user), void *user, size_t fail_at, bool ever_after,
                               size_t *n_calls) {
  test_memory memory;
  test_memory_init(&memory);
  memory.fail_at = fail_at;
  memory.fail_ever_after = ever_after;
  mlcm_context_options options;
  mlcm_context_options_init(&options, sizeof options);
  options.allocator = test_memory_table(&memory);
  mlcm_context *ctx = NULL;
  mlcm_error err;
  mlcm_status st = mlcm_context_new(&options, &ctx, &err);
  if (!st) st = script(ctx, user, &err);
  mlcm_context_free(ctx);
  char when[80];
  snprintf(when, sizeof when, "when allocation %zu fails%s", fail_at, ever_after ? " and all after it" : "");
  ck_assert_msg(st == MLCM_OK || (st == MLCM_NO_MEMORY && memory.fired), "%s: %s: %s", when, mlcm_status_name(st),
                st ? err.message : "");
  if (st) ck_assert_msg(err.code == st, "%s: the error says %d, the call %d", when, err.code, st);
  test_memory_check_empty(&memory, when);
  if (memory.fired && check) check(user);
  *n_calls = memory.n_calls;
  const bool fired = memory.fired;
  pthread_mutex_destroy(&memory.lock);
  return fired;
}

size_t test_fault_memory(test_script script, void (*check)(void *user), void *user) {
  return test_fault_memory_sampled(script, check, user, 1);
}

size_t test_fault_memory_sampled(test_script script, void (*check)(void *user), void *user, size_t stride) {
  size_t n_calls = 0;
  for (int ever_after = 0; ever_after <= 1; ever_after++) {
    size_t n = 1;
    while (run_without_memory(script, check, user, n, ever_after, &n_calls)) {
      ck_assert_msg(n < TOO_MANY_RUNS, "the script does not end");
      n += stride;
    }
  }
  return n_calls;
}

/* ---- I/O ----------------------------------------------------------------------------------------------------------- */

void test_io_init(test_io *io) {
  memset(io, 0, sizeof *io);
  mlcm_io_default(&io->real);
  io->counted = TEST_IO_ALL;
  io->fail_errno = EIO;
}

/* 0, or the negative errno that this call is to answer. */
static int io_due(test_io *io, unsigned op) {
  if (!(io->counted & op)) return 0;
  const size_t n = atomic_fetch_add(&io->n_calls, 1) + 1;
  const bool by_number = io->fail_at && (n == io->fail_at || (io->fail_ever_after && n > io->fail_at));
  const bool fails = by_number || (io->sites && !io->fired && test_site_is_new(io->sites, test_io_name(op)));
  if (!fails) return 0;
  if (!atomic_exchange(&io->fired, true)) io->fired_op = op;
  return -io->fail_errno;
}

static int io_open(void *user, const char *path, int flags, uint32_t mode) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_OPEN);
  const int fd = bad ? bad : io->real.open(io->real.user, path, flags, mode);
  if (fd >= 0) atomic_fetch_add(&io->n_open, 1);
  return fd;
}

static int io_close(void *user, int fd) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_CLOSE);
  const int closed = io->real.close(io->real.user, fd);
  atomic_fetch_sub(&io->n_open, 1);
  return bad ? bad : closed;
}

static size_t transfer(const test_io *io, size_t size_bytes) {
  return io->max_transfer && size_bytes > io->max_transfer ? io->max_transfer : size_bytes;
}

static int64_t io_read(void *user, int fd, void *out, size_t size_bytes) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_READ);
  return bad ? bad : io->real.read(io->real.user, fd, out, transfer(io, size_bytes));
}

static int64_t io_write(void *user, int fd, const void *data, size_t size_bytes) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_WRITE);
  return bad ? bad : io->real.write(io->real.user, fd, data, transfer(io, size_bytes));
}

static int io_sync(void *user, int fd) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_SYNC);
  return bad ? bad : io->real.sync(io->real.user, fd);
}

static int io_stat(void *user, const char *path, mlcm_file_info *out) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_STAT);
  return bad ? bad : io->real.stat(io->real.user, path, out);
}

static int io_fstat(void *user, int fd, mlcm_file_info *out) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_FSTAT);
  return bad ? bad : io->real.fstat(io->real.user, fd, out);
}

static int io_link(void *user, const char *from, const char *to) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_LINK);
  return bad ? bad : io->real.link(io->real.user, from, to);
}

static int io_rename(void *user, const char *from, const char *to) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_RENAME);
  return bad ? bad : io->real.rename(io->real.user, from, to);
}

static int io_unlink(void *user, const char *path) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_UNLINK);
  return bad ? bad : io->real.unlink(io->real.user, path);
}

static int io_mkdir(void *user, const char *path, uint32_t mode) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_MKDIR);
  return bad ? bad : io->real.mkdir(io->real.user, path, mode);
}

static int io_rmdir(void *user, const char *path) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_RMDIR);
  return bad ? bad : io->real.rmdir(io->real.user, path);
}

static int io_list(void *user, const char *path, int (*visit)(void *visit_user, const char *name), void *visit_user) {
  test_io *io = user;
  const int bad = io_due(io, TEST_IO_LIST);
  return bad ? bad : io->real.list(io->real.user, path, visit, visit_user);
}

mlcm_io test_io_table(test_io *io) {
  return (mlcm_io){
      .struct_size = sizeof(mlcm_io),
      .user = io,
      .open = io_open,
      .close = io_close,
      .read = io_read,
      .write = io_write,
      .sync = io_sync,
      .stat = io_stat,
      .fstat = io_fstat,
      .link = io_link,
      .rename = io_rename,
      .unlink = io_unlink,
      .mkdir = io_mkdir,
      .rmdir = io_rmdir,
      .list = io_list,
  };
}

const char *test_io_name(unsigned op) {
  static const char *const names[] = {"open", "close",  "read",   "write", "sync",  "stat", "fstat",
                                      "link", "rename", "unlink", "mkdir", "rmdir", "list"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (op == 1u << i) return names[i];
  }
  return "nothing";
}

static bool may_follow(mlcm_status st) {
  return st == MLCM_OK || st == MLCM_IO || st == MLCM_DISK_FULL || st == MLCM_NOT_FOUND || st == MLCM_NO_MEMORY ||
         st == MLCM_OUTCOME_UNKNOWN || st == MLCM_CORRUPT;
}

static bool run_without_disk(test_script script, void (*check)(void *user), void *user, int errnum, size_t fail_at,
                             bool ever_after, size_t *n_calls) {
  test_io io;
  test_io_init(&io);
  io.fail_at = fail_at;
  io.fail_ever_after = ever_after;
  io.fail_errno = errnum;
  const mlcm_io table = test_io_table(&io);
  mlcm_context *ctx = test_context(NULL, &table, NULL);
  mlcm_error err;
  const mlcm_status st = script(ctx, user, &err);
  mlcm_context_free(ctx);
  ck_assert_msg(may_follow(st), "when call %zu (%s) fails with %s: %s: %s", fail_at, test_io_name(io.fired_op), strerror(errnum),
                mlcm_status_name(st), st ? err.message : "");
  ck_assert_msg(io.n_open == 0, "%d descriptors stay open when call %zu (%s) fails", io.n_open, fail_at,
                test_io_name(io.fired_op));
  if (check) check(user);
  *n_calls = io.n_calls;
  return io.fired;
}

size_t test_fault_io(test_script script, void (*check)(void *user), void *user) {
  static const int errnums[] = {EIO, ENOSPC};
  size_t n_calls = 0;
  for (size_t i = 0; i < 2; i++) {
    for (int ever_after = 0; ever_after <= 1; ever_after++) {
      size_t n = 1;
      while (run_without_disk(script, check, user, errnums[i], n, ever_after, &n_calls)) {
        ck_assert_msg(n++ < TOO_MANY_RUNS, "the script does not end");
      }
    }
  }
  return n_calls;
}

mlcm_context *test_context(const mlcm_allocator *allocator, const mlcm_io *io, const mlcm_clock *clock) {
  mlcm_context_options options;
  mlcm_context_options_init(&options, sizeof options);
  if (allocator) options.allocator = *allocator;
  if (clock) options.clock = *clock;
  options.io = io;
  mlcm_context *ctx = NULL;
  mlcm_error err;
  const mlcm_status st = mlcm_context_new(&options, &ctx, &err);
  ck_assert_msg(st == MLCM_OK, "no context: %s", st ? err.message : "");
  return ctx;
}
