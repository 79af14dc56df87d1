/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.h - lets readers use what a pointer shows while a writer replaces it: no lock, no thread-local state, no allocation.
 *
 * A reader enters, loads the pointer, uses the object, leaves. A writer exchanges the pointer, retires the old object and calls
 * sweep from time to time; sweep frees an object once every reader that could have seen it has left. Sweep never waits, so a
 * reader that stays for minutes (a long inference) delays only the freeing.
 *
 * Readers count themselves in a slot of the CPU they run on, so that they share no cache line; the token remembers the counter,
 * because the thread may run on another CPU when it leaves.
 */
#ifndef MLCM_ENDPOINT_GUARD_H
#define MLCM_ENDPOINT_GUARD_H

#include <assert.h>
#include <sched.h>

#include "base/context.h"

enum { MLCM__CACHE_LINES = 128 }; /* bytes: two lines, since processors fetch them in pairs */

/* One CPU's counters. */
typedef struct mlcm__guard_slot {
  _Alignas(MLCM__CACHE_LINES) _Atomic int64_t readers[2]; /* inside, by parity of the generation they entered in */
  _Atomic uint64_t random;                                /* state of this slot's generator, see mlcm__guard_random */
  _Atomic uint64_t routed;                                /* requests, for the endpoint's own use */
} mlcm__guard_slot;

/* Something to be freed when no reader can see it any more. Embedded in the object. */
typedef struct mlcm__retired {
  struct mlcm__retired *next;
  void (*free_fn)(struct mlcm__retired *self);
} mlcm__retired;

typedef struct mlcm__guard {
  mlcm_context *ctx;
  void *memory; /* of the slots, before alignment */
  mlcm__guard_slot *slots;
  unsigned n_slots; /* a power of two */
  _Atomic unsigned generation;
  /* The writer's side; one thread at a time. */
  mlcm__retired *pending; /* retired since the grace period in progress began */
  mlcm__retired *waiting; /* freed at the end of the grace period in progress; NULL: none is in progress */
  int phase;              /* of that grace period: 0 or 1 */
} mlcm__guard;

/* What a reader keeps on its stack between enter and leave. */
typedef struct mlcm__guard_token {
  mlcm__guard_slot *slot;
  unsigned parity;
} mlcm__guard_token;

mlcm_status mlcm__guard_init(mlcm__guard *guard, mlcm_context *ctx, mlcm_error *err);
/* Frees what is retired. No reader may be inside. */
void mlcm__guard_reset(mlcm__guard *guard);

/* The proof in guard.c speaks of the order of these operations. */
static inline mlcm__guard_token mlcm__guard_enter(mlcm__guard *guard) {
  int cpu = sched_getcpu();
  mlcm__guard_token token;
  token.slot = &guard->slots[(unsigned)(cpu < 0 ? 0 : cpu) & (guard->n_slots - 1)];
  token.parity = atomic_load(&guard->generation) & 1;
  atomic_fetch_add(&token.slot->readers[token.parity], 1);
  return token;
}

static inline void mlcm__guard_leave(mlcm__guard_token token) {
  int64_t before = atomic_fetch_sub(&token.slot->readers[token.parity], 1);
  assert(before > 0);
  (void)before;
}

/* Hands over an object that no pointer shows to new readers any more. Writer only. */
void mlcm__guard_retire(mlcm__guard *guard, mlcm__retired *object, void (*free_fn)(mlcm__retired *self));
/* Frees what can be freed now, without waiting. True when nothing is left. Writer only. */
bool mlcm__guard_sweep(mlcm__guard *guard);

/* The finaliser of splitmix64: a fixed bijection that spreads every bit. */
static inline uint64_t mlcm__mix64(uint64_t x) {
  x ^= x >> 30;
  x *= UINT64_C(0xbf58476d1ce4e5b9);
  x ^= x >> 27;
  x *= UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

/* 64 random bits, good for picking an arm and not for secrets. */
static inline uint64_t mlcm__guard_random(mlcm__guard_slot *slot) {
  return mlcm__mix64(atomic_fetch_add_explicit(&slot->random, UINT64_C(0x9e3779b97f4a7c15), memory_order_relaxed));
}

#endif
