/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c - the context: the seams to the outside, counted so that every handle can keep it alive. Its tables are written once,
 * before the context is handed out, and only read after that, so no lock is needed.
 */
#include "context.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* ---- Defaults ------------------------------------------------------------------------------------------------------ */

static void *default_alloc(void *user, size_t size_bytes) {
  (void)user;
  return malloc(size_bytes);
}

static void *default_realloc(void *user, void *ptr, size_t size_bytes) {
  (void)user;
  return realloc(ptr, size_bytes);
}

static void default_free(void *user, void *ptr) {
  (void)user;
  free(ptr);
}

static int64_t read_clock(clockid_t id) {
  struct timespec now = {0, 0};
  clock_gettime(id, &now); /* cannot fail for the two clocks used here */
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t default_wall(void *user) {
  (void)user;
  return read_clock(CLOCK_REALTIME);
}

static int64_t default_mono(void *user) {
  (void)user;
  return read_clock(CLOCK_BOOTTIME);
}

static int default_fill(void *user, void *out, size_t size_bytes) {
  (void)user;
  unsigned char *at = out;
  while (size_bytes > 0) {
    const ssize_t n = getrandom(at, size_bytes, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    at += n;
    size_bytes -= (size_t)n;
  }
  return 0;
}

/* ---- Making one ---------------------------------------------------------------------------------------------------- */

void mlcm_context_options_init(mlcm_context_options *options, size_t size_bytes) {
  memset(options, 0, size_bytes);
  if (size_bytes >= sizeof options->struct_size) options->struct_size = size_bytes;
}

static mlcm_status partly_filled(const char *table, mlcm_error *err) {
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                    "context options: the %s table is only partly filled: set every function, or leave it all zero", table);
}

static mlcm_status take_allocator(mlcm_context *ctx, const mlcm_allocator *given, mlcm_error *err) {
  if (given->alloc && given->realloc && given->free) {
    ctx->allocator = *given;
    return MLCM_OK;
  }
  if (given->alloc || given->realloc || given->free || given->user) return partly_filled("allocator", err);
  ctx->allocator = (mlcm_allocator){default_alloc, default_realloc, default_free, NULL};
  return MLCM_OK;
}

static mlcm_status take_clock(mlcm_context *ctx, const mlcm_clock *given, mlcm_error *err) {
  if (given->wall_ns && given->mono_ns) {
    ctx->clock = *given;
    return MLCM_OK;
  }
  if (given->wall_ns || given->mono_ns || given->user) return partly_filled("clock", err);
  ctx->clock = (mlcm_clock){default_wall, default_mono, NULL};
  return MLCM_OK;
}

static mlcm_status take_random(mlcm_context *ctx, const mlcm_random *given, mlcm_error *err) {
  if (!given->fill && given->user) return partly_filled("random", err);
  ctx->random = given->fill ? *given : (mlcm_random){default_fill, NULL};
  return MLCM_OK;
}

static mlcm_status take_log(mlcm_context *ctx, const mlcm_log *given, mlcm_error *err) {
  if (!given->write && given->user) return partly_filled("log", err);
  ctx->log = *given; /* write == NULL drops everything */
  return MLCM_OK;
}

static mlcm_status take_io(mlcm_context *ctx, const mlcm_io *given, mlcm_error *err) {
  if (!given) {
    mlcm_io_default(&ctx->io);
    return MLCM_OK;
  }
  mlcm_io io;
  const mlcm_status st = mlcm__options_read(given, sizeof io, &io, sizeof io, "I/O table", err);
  if (st) return st;
  const bool full = io.open && io.close && io.read && io.write && io.sync && io.stat && io.fstat && io.link && io.rename &&
                    io.unlink && io.mkdir && io.rmdir && io.list;
  if (!full)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "context options: the I/O table is only partly filled: start from mlcm_io_default and replace some");
  ctx->io = io;
  return MLCM_OK;
}

static mlcm_status fill_tables(mlcm_context *ctx, const mlcm_context_options *options, mlcm_error *err) {
  mlcm_context_options known;
  mlcm_status st = mlcm__options_read(options, sizeof known, &known, sizeof known, "context options", err);
  if (!st) st = take_allocator(ctx, &known.allocator, err);
  if (!st) st = take_clock(ctx, &known.clock, err);
  if (!st) st = take_random(ctx, &known.random, err);
  if (!st) st = take_log(ctx, &known.log, err);
  if (!st) st = take_io(ctx, known.io, err);
  return st;
}

mlcm_status mlcm_context_new(const mlcm_context_options *options, mlcm_context **out, mlcm_error *err) {
  if (!out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_context_new: out is NULL: there is nowhere to put the context");
  mlcm_context tables;
  memset(&tables, 0, sizeof tables);
  const mlcm_status st = fill_tables(&tables, options, err);
  if (st) return st;
  mlcm_context *ctx = tables.allocator.alloc(tables.allocator.user, sizeof *ctx);
  if (!ctx) return mlcm__fail_memory(err, sizeof *ctx);
  memset(ctx, 0, sizeof *ctx);
  ctx->allocator = tables.allocator;
  ctx->clock = tables.clock;
  ctx->random = tables.random;
  ctx->log = tables.log;
  ctx->io = tables.io;
  atomic_init(&ctx->refs, 1);
  *out = ctx;
  return MLCM_OK;
}

mlcm_context *mlcm__context_retain(mlcm_context *ctx) {
  const int before = atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
  assert(before > 0);
  (void)before;
  return ctx;
}

void mlcm__context_release(mlcm_context *ctx) {
  if (!ctx) return;
  const int before = atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel);
  assert(before > 0);
  if (before > 1) return;
  const mlcm_allocator allocator = ctx->allocator; /* outlives the memory it stood in */
  allocator.free(allocator.user, ctx);
}

void mlcm_context_free(mlcm_context *ctx) { mlcm__context_release(ctx); }

/* ---- Memory -------------------------------------------------------------------------------------------------------- */

void *mlcm__alloc(mlcm_context *ctx, size_t size_bytes) {
  return ctx->allocator.alloc(ctx->allocator.user, size_bytes ? size_bytes : 1);
}

void *mlcm__alloc_zero(mlcm_context *ctx, size_t count, size_t size_bytes) {
  size_t total = 0;
  if (__builtin_mul_overflow(count, size_bytes, &total)) return NULL;
  void *ptr = mlcm__alloc(ctx, total);
  if (ptr) memset(ptr, 0, total);
  return ptr;
}

void *mlcm__realloc(mlcm_context *ctx, void *ptr, size_t size_bytes) {
  if (!ptr) return mlcm__alloc(ctx, size_bytes);
  return ctx->allocator.realloc(ctx->allocator.user, ptr, size_bytes ? size_bytes : 1);
}

void mlcm__free(mlcm_context *ctx, void *ptr) {
  if (ptr) ctx->allocator.free(ctx->allocator.user, ptr);
}

void mlcm_free(mlcm_context *ctx, void *ptr) {
  if (ctx) mlcm__free(ctx, ptr);
}

char *mlcm__strndup(mlcm_context *ctx, const char *text, size_t len) {
  if (len == SIZE_MAX) return NULL;
  char *copy = mlcm__alloc(ctx, len + 1);
  if (!copy) return NULL;
  memcpy(copy, text, len);
  copy[len] = 0;
  return copy;
}

char *mlcm__strdup(mlcm_context *ctx, const char *text) { return mlcm__strndup(ctx, text, strlen(text)); }

mlcm_status mlcm__reserve(mlcm_context *ctx, void *array_ptr, size_t *cap, size_t need, size_t elem_size, mlcm_error *err) {
  if (need <= *cap) return MLCM_OK;
  size_t grown = *cap ? *cap : 4;
  while (grown < need) {
    if (__builtin_mul_overflow(grown, (size_t)2, &grown)) return mlcm__fail_memory(err, SIZE_MAX);
  }
  size_t bytes = 0;
  if (__builtin_mul_overflow(grown, elem_size, &bytes)) return mlcm__fail_memory(err, SIZE_MAX);
  void *array = NULL;
  memcpy(&array, array_ptr, sizeof array); /* array_ptr is some T **: read without breaking aliasing */
  array = mlcm__realloc(ctx, array, bytes);
  if (!array) return mlcm__fail_memory(err, bytes);
  memcpy(array_ptr, &array, sizeof array);
  *cap = grown;
  return MLCM_OK;
}

/* ---- Clock, random, log -------------------------------------------------------------------------------------------- */

int64_t mlcm__wall_ns(const mlcm_context *ctx) { return ctx->clock.wall_ns(ctx->clock.user); }

int64_t mlcm__mono_ns(const mlcm_context *ctx) { return ctx->clock.mono_ns(ctx->clock.user); }

int64_t mlcm__wall_coarse_ns(const mlcm_context *ctx) {
  return ctx->clock.wall_ns == default_wall ? read_clock(CLOCK_REALTIME_COARSE) : mlcm__wall_ns(ctx);
}

mlcm_time mlcm_context_now(const mlcm_context *ctx) {
  if (!ctx) return (mlcm_time){0, 0};
  return (mlcm_time){mlcm__wall_ns(ctx), mlcm__mono_ns(ctx)};
}

mlcm_status mlcm__random_bytes(mlcm_context *ctx, void *out, size_t size_bytes, mlcm_error *err) {
  const int errnum = ctx->random.fill(ctx->random.user, out, size_bytes);
  return errnum ? mlcm__fail_errno(err, errnum, "cannot read %zu random bytes", size_bytes) : MLCM_OK;
}

void mlcm__log(mlcm_context *ctx, int32_t level, const char *format, ...) {
  if (!ctx->log.write) return;
  char line[1024];
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n < 0) return;
  if ((size_t)n >= sizeof line) line[mlcm__utf8_cut(line, sizeof line - 1, sizeof line - 2)] = 0;
  ctx->log.write(ctx->log.user, level, line);
}

/* ---- Small values -------------------------------------------------------------------------------------------------- */

mlcm_str mlcm_str_of(const char *text) { return (mlcm_str){text, text ? strlen(text) : 0}; }

int32_t mlcm_library_version_number(void) { return MLCM_VERSION_NUMBER; }

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

const char *mlcm_library_version(void) {
  return TEXT(MLCM_VERSION_MAJOR) "." TEXT(MLCM_VERSION_MINOR) "." TEXT(MLCM_VERSION_PATCH);
}
