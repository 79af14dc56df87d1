/* SPDX-License-Identifier: Apache-2.0
 *
 * overdue.c - counting what is under way, period by period.
 */
#include "endpoint/overdue.h"

#include <assert.h>
#include <string.h>

void mlcm__overdue_init(mlcm__overdue *overdue, int64_t deadline_ns, int64_t now_mono_ns) {
  memset(overdue, 0, sizeof *overdue);
  overdue->deadline_ns = deadline_ns;
  overdue->begun_ns = now_mono_ns;
  atomic_init(&overdue->period, 1);
  atomic_init(&overdue->oldest, 1);
}

/* Opens the words of a period, in which nothing is counted yet. */
static void open_words(mlcm__outstanding *o, uint32_t period) {
  for (unsigned shard = 0; shard < o->n_shards; ++shard) {
    for (int scope = 0; scope < MLCM__PERIOD_SCOPES; ++scope) {
      atomic_store_explicit(mlcm__outstanding_word(o, shard, period, scope), mlcm__lap_of(period), memory_order_relaxed);
    }
  }
}

mlcm_status mlcm__outstanding_new(const mlcm__overdue *overdue, mlcm_context *ctx, unsigned n_shards, mlcm__outstanding **out,
                                  mlcm_error *err) {
  mlcm__outstanding *o = mlcm__alloc_zero(ctx, 1, sizeof *o);
  if (o == NULL) return mlcm__fail_memory(err, sizeof *o);
  size_t size = (size_t)n_shards * sizeof(mlcm__outstanding_shard) + MLCM__CACHE_LINES;
  o->ctx = ctx;
  o->n_shards = n_shards;
  o->memory = mlcm__alloc_zero(ctx, 1, size);
  if (o->memory == NULL) {
    mlcm__free(ctx, o);
    return mlcm__fail_memory(err, size);
  }
  uintptr_t start = ((uintptr_t)o->memory + MLCM__CACHE_LINES - 1) & ~(uintptr_t)(MLCM__CACHE_LINES - 1);
  o->shards = (mlcm__outstanding_shard *)start;
  uint32_t newest = atomic_load_explicit(&overdue->period, memory_order_relaxed);
  for (uint32_t p = atomic_load_explicit(&overdue->oldest, memory_order_relaxed); p != newest + 1; ++p) open_words(o, p);
  *out = o;
  return MLCM_OK;
}

void mlcm__outstanding_free(mlcm__outstanding *o) {
  mlcm__free(o->ctx, o->memory);
  mlcm__free(o->ctx, o);
}

void mlcm__overdue_turn(mlcm__overdue *overdue, mlcm__outstanding *list, int64_t now_mono_ns) {
  if (now_mono_ns - overdue->begun_ns < overdue->deadline_ns / MLCM__PERIOD_SPLIT) return;
  uint32_t period = atomic_load_explicit(&overdue->period, memory_order_relaxed);
  uint32_t oldest = atomic_load_explicit(&overdue->oldest, memory_order_relaxed);
  /* A period is at least a sixteenth of the deadline long and closed a deadline after its end, so about 18 are open. */
  if (period + 1 - oldest >= MLCM__PERIODS) return;
  for (mlcm__outstanding *o = list; o != NULL; o = o->next) open_words(o, period + 1);
  overdue->ended_ns[period % MLCM__PERIODS] = now_mono_ns;
  overdue->begun_ns = now_mono_ns;
  atomic_store_explicit(&overdue->period, period + 1, memory_order_release);
}

bool mlcm__overdue_is_due(const mlcm__overdue *overdue, int64_t now_mono_ns) {
  uint32_t oldest = atomic_load_explicit(&overdue->oldest, memory_order_relaxed);
  if (oldest == atomic_load_explicit(&overdue->period, memory_order_relaxed)) return false;
  return now_mono_ns - overdue->ended_ns[oldest % MLCM__PERIODS] >= overdue->deadline_ns;
}

void mlcm__outstanding_close(const mlcm__overdue *overdue, mlcm__outstanding *o, uint64_t out_overdue[MLCM__PERIOD_SCOPES]) {
  uint32_t oldest = atomic_load_explicit(&overdue->oldest, memory_order_relaxed);
  for (int scope = 0; scope < MLCM__PERIOD_SCOPES; ++scope) {
    uint64_t routed = 0;
    uint64_t completed = 0;
    for (unsigned shard = 0; shard < o->n_shards; ++shard) {
      uint64_t word =
          atomic_fetch_or_explicit(mlcm__outstanding_word(o, shard, oldest, scope), MLCM__WORD_CLOSED, memory_order_acq_rel);
      routed += word & (MLCM__WORD_COMPLETED - 1);
      completed += word >> MLCM__WORD_COMPLETED_SHIFT & (MLCM__WORD_COMPLETED - 1);
    }
    /* More completions than requests: somebody completed two copies of a ticket. */
    out_overdue[scope] = routed > completed ? routed - completed : 0;
  }
}

void mlcm__overdue_closed(mlcm__overdue *overdue) {
  uint32_t oldest = atomic_load_explicit(&overdue->oldest, memory_order_relaxed);
  atomic_store_explicit(&overdue->oldest, oldest + 1, memory_order_release);
}

bool mlcm__outstanding_is_drained(const mlcm__overdue *overdue, const mlcm__outstanding *o) {
  uint32_t oldest = atomic_load_explicit(&overdue->oldest, memory_order_relaxed);
  uint32_t period = atomic_load_explicit(&overdue->period, memory_order_relaxed);
  return o->n_tables == 0 && period - o->last_period > period - oldest;
}
