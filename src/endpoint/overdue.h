/* SPDX-License-Identifier: Apache-2.0
 *
 * overdue.h - finds requests that never completed, so that a version that hangs is seen as one that errs.
 *
 * Time is cut into periods of a sixteenth of the deadline. A request is counted in the period it was routed in, and its
 * completion in the same one (the ticket says which). When a period has been over for a whole deadline it is closed: what is
 * routed and not completed is overdue, once and for ever; a completion that comes later finds the period closed and is not
 * counted.
 *
 * A period's counts are words, one a CPU and scope: how many were routed and completed, whether the word is closed, and which
 * lap of the ring it belongs to. Adding and looking at the rest is one atomic operation, so that each request is either
 * completed or overdue, never both and never neither. A completion may be counted on another CPU than its request: only the
 * sum over the words means something. A word counts to 2^28: seven million requests a second, CPU and version with the longest
 * deadline.
 *
 * Periods are told by an mlcm__overdue, one an endpoint, which only the ticking thread moves on. Requests and completions come
 * from any thread. Nothing here survives the process: what was outstanding when it died is not known to have failed.
 */
#ifndef MLCM_ENDPOINT_OVERDUE_H
#define MLCM_ENDPOINT_OVERDUE_H

#include "endpoint/guard.h"

enum {
  MLCM__PERIODS = 32,      /* kept; a ring */
  MLCM__PERIOD_SPLIT = 16, /* periods in a deadline */
  MLCM__PERIOD_SCOPES = 3  /* as mlcm__scope of metric/meter.h */
};

typedef struct mlcm__overdue {
  int64_t deadline_ns;
  _Atomic uint32_t period;         /* requests are counted in this one */
  _Atomic uint32_t oldest;         /* the oldest that is not closed */
  int64_t begun_ns;                /* of the present period; monotonic */
  int64_t ended_ns[MLCM__PERIODS]; /* of those before it that are open */
} mlcm__overdue;

/* One CPU's words. */
typedef struct mlcm__outstanding_shard {
  _Alignas(MLCM__CACHE_LINES) _Atomic uint64_t word[MLCM__PERIODS][MLCM__PERIOD_SCOPES];
} mlcm__outstanding_shard;

/* The requests of one meter cell that are under way. */
typedef struct mlcm__outstanding {
  mlcm__retired retired; /* first, so that free_fn finds the whole */
  struct mlcm__outstanding *next;
  mlcm_context *ctx;
  void *memory; /* of the shards, before alignment */
  mlcm__outstanding_shard *shards;
  unsigned n_shards; /* a power of two */
  int64_t version;
  uint64_t epoch;
  uint32_t cell;
  /* The ticking thread's. */
  unsigned n_tables;    /* routing tables that may still add to it */
  uint32_t last_period; /* in which the last of them was freed */
} mlcm__outstanding;

void mlcm__overdue_init(mlcm__overdue *overdue, int64_t deadline_ns, int64_t now_mono_ns);

mlcm_status mlcm__outstanding_new(const mlcm__overdue *overdue, mlcm_context *ctx, unsigned n_shards, mlcm__outstanding **out,
                                  mlcm_error *err);
void mlcm__outstanding_free(mlcm__outstanding *o);

/* ---- The request path ---- */

/* A word: closed (1 bit), lap of the ring (7), completed (28), routed (28). */
#define MLCM__WORD_CLOSED (UINT64_C(1) << 63)
#define MLCM__WORD_ROUTED UINT64_C(1)
enum { MLCM__WORD_LAP_SHIFT = 56, MLCM__WORD_COMPLETED_SHIFT = 28 };
#define MLCM__WORD_COMPLETED (UINT64_C(1) << MLCM__WORD_COMPLETED_SHIFT)

/* How often the ring went round before the period, as a word holds it. */
static inline uint64_t mlcm__lap_of(uint32_t period) { return (uint64_t)(period / MLCM__PERIODS & 127) << MLCM__WORD_LAP_SHIFT; }

static inline _Atomic uint64_t *mlcm__outstanding_word(mlcm__outstanding *o, unsigned shard, uint32_t period, int scope) {
  assert(scope >= 0 && scope < MLCM__PERIOD_SCOPES);
  return &o->shards[shard & (o->n_shards - 1)].word[period % MLCM__PERIODS][scope];
}

/* Adds to the word if it is still the period's and open, however long the calling thread may have slept before. */
static inline bool mlcm__outstanding_add(_Atomic uint64_t *word, uint32_t period, uint64_t amount) {
  uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);
  do {
    /* rarely: it was closed, or began its next lap, after the caller had looked at the period */
    if ((seen >> MLCM__WORD_LAP_SHIFT << MLCM__WORD_LAP_SHIFT) != mlcm__lap_of(period)) return false;
  } while (!atomic_compare_exchange_weak_explicit(word, &seen, seen + amount, memory_order_acq_rel, memory_order_relaxed));
  return true;
}

/* Counts a request in the present period, which it answers. `shard` is any number, best the CPU's. */
static inline uint32_t mlcm__outstanding_begin(mlcm__overdue *overdue, mlcm__outstanding *o, unsigned shard, int scope) {
  for (;;) {
    uint32_t period = atomic_load_explicit(&overdue->period, memory_order_acquire);
    /* rarely: the period is closed since, which takes a thread that slept for a deadline */
    if (mlcm__outstanding_add(mlcm__outstanding_word(o, shard, period, scope), period, MLCM__WORD_ROUTED)) return period;
  }
}

/* Counts its completion. False: its period is closed, the request was found overdue before (or the period never was). */
static inline bool mlcm__outstanding_end(mlcm__overdue *overdue, mlcm__outstanding *o, unsigned shard, int scope,
                                         uint32_t period) {
  uint32_t oldest = atomic_load_explicit(&overdue->oldest, memory_order_acquire);
  uint32_t newest = atomic_load_explicit(&overdue->period, memory_order_acquire);
  if (newest - period > newest - oldest) return false; /* numbers wrap around: this reads oldest <= period <= newest */
  return mlcm__outstanding_add(mlcm__outstanding_word(o, shard, period, scope), period, MLCM__WORD_COMPLETED);
}

/* ---- The ticking thread ---- */

/* The ticking thread: begins a new period in each `o` of the list when the present one is old enough. */
void mlcm__overdue_turn(mlcm__overdue *overdue, mlcm__outstanding *list, int64_t now_mono_ns);
/* Whether the oldest open period is due to be closed; then for each `o` of the list its number of overdue requests by scope is
 * to be taken with mlcm__outstanding_close, and after the last mlcm__overdue_closed called. */
bool mlcm__overdue_is_due(const mlcm__overdue *overdue, int64_t now_mono_ns);
void mlcm__outstanding_close(const mlcm__overdue *overdue, mlcm__outstanding *o, uint64_t out_overdue[MLCM__PERIOD_SCOPES]);
void mlcm__overdue_closed(mlcm__overdue *overdue);

/* No request can be outstanding in it any more, and none can be added. */
bool mlcm__outstanding_is_drained(const mlcm__overdue *overdue, const mlcm__outstanding *o);

#endif
