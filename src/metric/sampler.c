/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler.c - one thread a source. A slot's `mutex` guards what stands behind it in the struct; it is held for a copy, never
 * while asking. Waiting is by the real monotonic clock; ages are by the context's clock, so that tests can move it.
 */
#include "metric/sampler.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "metric/measurement.h"
#include "metric/poll.h"
#include "metric/source.h"

static const int64_t ns_per_s = 1000000000;

typedef struct slot {
  mlcm_context *ctx;
  mlcm_source source; /* its strings belong to the sampler's arena */
  char *url;          /* what is asked */
  mlcm__http *http;
  pthread_t thread;
  bool started;
  pthread_mutex_t mutex;
  pthread_cond_t changed; /* stop or wake was set */
  bool has_mutex;
  bool stop;
  bool wake;
  uint64_t count;
  mlcm_measurement newest;
  int64_t taken_mono_ns;
  int64_t taken_wall_ns;
} slot;

struct mlcm__sampler {
  mlcm_context *ctx;
  pid_t owner; /* threads and locks do not survive a fork: a child leaves everything as it is */
  mlcm__arena arena;
  size_t n;
  slot *slots;
};

/* ---- The thread ---------------------------------------------------------------------------------------------------- */

static int64_t real_mono_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * ns_per_s + t.tv_nsec;
}

/* After k errors in a row: 1 s doubled k-1 times, at most the interval, of which a random share between half and all. */
static int64_t retry_delay_ns(slot *s, uint32_t errors) {
  const int64_t interval = mlcm__source_interval_ns(&s->source);
  int64_t delay = ns_per_s;
  for (uint32_t i = 1; i < errors && delay < interval; i++) delay *= 2;
  if (delay > interval) delay = interval;
  uint32_t random = UINT32_MAX;
  if (mlcm__random_bytes(s->ctx, &random, sizeof random, NULL)) return delay; /* no jitter is no harm */
  return delay / 2 + (int64_t)((double)(delay / 2) * ((double)random / UINT32_MAX));
}

static void ask(slot *s, mlcm_measurement *out) {
  mlcm_error why;
  if (mlcm__poll(s->ctx, s->http, &s->source, &s->url, 1, out, &why) == MLCM_OK) return;
  *out = (mlcm_measurement){.at_ns = mlcm__wall_ns(s->ctx)};
  mlcm__measurement_set(out, MLCM_MEASURED_ERROR, "%s", why.message);
}

static void keep(slot *s, const mlcm_measurement *m) {
  const int64_t mono = mlcm__mono_ns(s->ctx);
  const int64_t wall = mlcm__wall_ns(s->ctx);
  pthread_mutex_lock(&s->mutex);
  if (!s->stop) {
    s->newest = *m;
    s->taken_mono_ns = mono;
    s->taken_wall_ns = wall;
    s->count++;
  }
  pthread_mutex_unlock(&s->mutex);
}

/* Waits until then, or to be woken. False when it is time to stop. */
static bool wait_until(slot *s, int64_t until_ns) {
  const struct timespec until = {.tv_sec = until_ns / ns_per_s, .tv_nsec = until_ns % ns_per_s};
  pthread_mutex_lock(&s->mutex);
  while (!s->stop && !s->wake && pthread_cond_timedwait(&s->changed, &s->mutex, &until) == 0) continue;
  s->wake = false;
  const bool go_on = !s->stop;
  pthread_mutex_unlock(&s->mutex);
  return go_on;
}

static void *run(void *user) {
  slot *s = user;
  uint32_t errors = 0;
  int64_t due_ns = real_mono_ns();
  while (wait_until(s, due_ns)) {
    const int64_t started_ns = real_mono_ns();
    mlcm_measurement m;
    ask(s, &m);
    keep(s, &m);
    if (m.kind == MLCM_MEASURED_ERROR) {
      errors++;
      due_ns = real_mono_ns() + retry_delay_ns(s, errors);
    } else {
      errors = 0;
      due_ns = started_ns + mlcm__source_interval_ns(&s->source);
    }
  }
  return NULL;
}

/* ---- Slots --------------------------------------------------------------------------------------------------------- */

/* A copy of text; NULL stays NULL. False for lack of memory. */
static bool copy_text(mlcm__arena *arena, const char *text, const char **out) {
  *out = text ? mlcm__arena_strndup(arena, text, strlen(text)) : NULL;
  return !text || *out;
}

static mlcm_status copy_source(mlcm__arena *arena, const mlcm_source *from, mlcm_source *out, mlcm_error *err) {
  const char **headers = mlcm__arena_alloc(arena, from->n_headers, sizeof *headers);
  bool all = headers && copy_text(arena, from->url, &out->url) && copy_text(arena, from->query, &out->query);
  for (size_t i = 0; all && i < from->n_headers; i++) all = copy_text(arena, from->headers[i], &headers[i]);
  out->headers = headers;
  return all ? MLCM_OK : mlcm__fail_memory(err, sizeof *from);
}

static void init_lock(slot *s) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&s->changed, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&s->mutex, NULL);
  s->has_mutex = true;
}

/* Starts the thread with all signals blocked: they are the host's. */
static mlcm_status start_thread(slot *s, mlcm_error *err) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int bad = pthread_create(&s->thread, NULL, run, s);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  /* never: tests do not run out of threads */
  if (bad) return mlcm__fail_errno(err, bad, "cannot start a thread for a source");
  s->started = true;
  pthread_setname_np(s->thread, "mlcm-source");
  return MLCM_OK;
}

static mlcm_status start_slot(slot *s, mlcm__arena *arena, const mlcm_source *source, mlcm_error *err) {
  mlcm__measurement_set(&s->newest, MLCM_MEASURED_NO_DATA, "not measured yet");
  s->source = *source;
  mlcm_status st = copy_source(arena, source, &s->source, err);
  if (!st) st = mlcm__source_url(s->ctx, &s->source, &s->url, err);
  if (!st) st = mlcm__http_new(s->ctx, &s->http, err);
  if (st) return st;
  init_lock(s);
  return start_thread(s, err);
}

static void signal_slot(slot *s, bool stop) {
  pthread_mutex_lock(&s->mutex);
  if (stop)
    s->stop = true;
  else
    s->wake = true;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->mutex);
}

static void free_slot(slot *s) {
  if (s->has_mutex) {
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
  }
  mlcm__http_free(s->http);
  mlcm__free(s->ctx, s->url);
}

/* ---- What the header offers ---------------------------------------------------------------------------------------- */

static mlcm_status check_cadence(const mlcm_source *sources, size_t n, mlcm_error *err) {
  for (size_t i = 0; i < n; i++) {
    if (mlcm__source_interval_ns(&sources[i]) < mlcm__source_max_age_ns(&sources[i])) continue;
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "source %zu: asked every %lld ms, but older than %lld ms is stale: shorten the interval", i,
                      (long long)(mlcm__source_interval_ns(&sources[i]) / 1000000),
                      (long long)(mlcm__source_max_age_ns(&sources[i]) / 1000000));
  }
  return MLCM_OK;
}

mlcm_status mlcm__sampler_new(mlcm_context *ctx, const mlcm_source *sources, size_t n, mlcm__sampler **out, mlcm_error *err) {
  mlcm_status st = mlcm__sources_check(sources, n, err);
  if (!st) st = check_cadence(sources, n, err);
  if (st) return st;
  mlcm__sampler *sampler = mlcm__alloc_zero(ctx, 1, sizeof *sampler);
  if (!sampler) return mlcm__fail_memory(err, sizeof *sampler);
  sampler->ctx = mlcm__context_retain(ctx);
  sampler->owner = getpid();
  mlcm__arena_init(&sampler->arena, ctx);
  sampler->slots = mlcm__alloc_zero(ctx, n, sizeof *sampler->slots);
  if (!sampler->slots) st = mlcm__fail_memory(err, n * sizeof *sampler->slots);
  for (size_t i = 0; i < n && !st; i++) {
    sampler->slots[i].ctx = ctx;
    sampler->n++;
    st = start_slot(&sampler->slots[i], &sampler->arena, &sources[i], err);
  }
  if (!st)
    *out = sampler;
  else
    mlcm__sampler_free(sampler);
  return st;
}

void mlcm__sampler_free(mlcm__sampler *sampler) {
  if (!sampler || sampler->owner != getpid()) return;
  mlcm_context *ctx = sampler->ctx;
  for (size_t i = 0; i < sampler->n; i++) {
    if (!sampler->slots[i].started) continue;
    signal_slot(&sampler->slots[i], true);
    mlcm__http_cancel(sampler->slots[i].http);
  }
  for (size_t i = 0; i < sampler->n; i++) {
    if (sampler->slots[i].started) pthread_join(sampler->slots[i].thread, NULL);
    free_slot(&sampler->slots[i]);
  }
  mlcm__arena_reset(&sampler->arena);
  mlcm__free(ctx, sampler->slots);
  mlcm__free(ctx, sampler);
  mlcm__context_release(ctx);
}

void mlcm__sampler_read(mlcm__sampler *sampler, size_t i, const mlcm_time *now, mlcm_measurement *out) {
  assert(i < sampler->n);
  slot *s = &sampler->slots[i];
  pthread_mutex_lock(&s->mutex);
  const mlcm_measurement newest = s->newest;
  const int64_t taken_mono_ns = s->taken_mono_ns;
  const int64_t taken_wall_ns = s->taken_wall_ns;
  const bool any = s->count > 0;
  pthread_mutex_unlock(&s->mutex);
  *out = newest;
  if (!any) return;
  mlcm__measurement_age(out, taken_wall_ns - newest.at_ns, now->mono_ns - taken_mono_ns, mlcm__source_max_age_ns(&s->source));
}

uint64_t mlcm__sampler_count(mlcm__sampler *sampler, size_t i) {
  assert(i < sampler->n);
  slot *s = &sampler->slots[i];
  pthread_mutex_lock(&s->mutex);
  const uint64_t count = s->count;
  pthread_mutex_unlock(&s->mutex);
  return count;
}

void mlcm__sampler_wake(mlcm__sampler *sampler) {
  for (size_t i = 0; i < sampler->n; i++) signal_slot(&sampler->slots[i], false);
}
