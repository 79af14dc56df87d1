/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.c - two-generation reader counters (as in SRCU), one pair a CPU.
 *
 * Why an object is never freed under a reader. All operations below on `generation`, `readers` and the guarded pointer are
 * sequentially consistent, so there is one order S of them all.
 *
 *   reader   r1: load generation   r2: readers[slot][parity] += 1   r3: load pointer   ... use ...   r4: readers[..] -= 1
 *   writer   w1: exchange pointer  w2: generation += 1              w3: every readers[slot][old parity] seen 0
 *                                  w4: generation += 1              w5: every readers[slot][other parity] seen 0      w6: free
 *
 * A reader that got the old object has r3 before w1 in S, hence r2 before w1. It is counted under one of the two parities, and
 * w3 or w5, which both come later, look at that one. The look sees r2's addition, so it finds 0 only after r4. r4 releases and
 * the look acquires (every change of the counter is a read-modify-write, so later ones continue r4's release sequence): all that
 * the reader did happens before w6. Slots may be looked at one after another: each reader stands in one counter only.
 *
 * Why both parities. A reader may stop between r1 and r2 for as long as it likes and then count itself under the old parity
 * after w3 looked. It loads the pointer later still, so it has the new object and is no danger to this grace period; but the
 * next one must see it, whatever parity it begins with.
 *
 * Why it ends. After w2 new readers count under the other parity, so the old one only drains (each thread stopped between r1
 * and r2 adds itself at most once).
 */
#include "endpoint/guard.h"

#include <string.h>
#include <unistd.h>

enum { MAX_SLOTS = 256 };

static unsigned slot_count(void) {
  long cpus = sysconf(_SC_NPROCESSORS_CONF);
  unsigned n = 1;
  while (n < MAX_SLOTS && (long)n < cpus) n *= 2; /* rarely: a machine of more than 256 processors */
  return n;
}

mlcm_status mlcm__guard_init(mlcm__guard *guard, mlcm_context *ctx, mlcm_error *err) {
  memset(guard, 0, sizeof *guard);
  unsigned n = slot_count();
  size_t size = (n + 1) * sizeof(mlcm__guard_slot);
  void *memory = mlcm__alloc_zero(ctx, 1, size);
  if (memory == NULL) return mlcm__fail_memory(err, size);
  uint64_t seed[2];
  mlcm_status st = mlcm__random_bytes(ctx, seed, sizeof seed, err);
  if (st) {
    mlcm__free(ctx, memory);
    return st;
  }
  uintptr_t start = ((uintptr_t)memory + sizeof(mlcm__guard_slot) - 1) & ~(uintptr_t)(sizeof(mlcm__guard_slot) - 1);
  guard->ctx = ctx;
  guard->memory = memory;
  guard->slots = (mlcm__guard_slot *)start;
  guard->n_slots = n;
  for (unsigned i = 0; i < n; ++i) atomic_init(&guard->slots[i].random, mlcm__mix64(seed[0] + i) ^ seed[1]);
  return MLCM_OK;
}

static void free_list(mlcm__retired *list) {
  while (list != NULL) {
    mlcm__retired *next = list->next;
    list->free_fn(list);
    list = next;
  }
}

void mlcm__guard_reset(mlcm__guard *guard) {
  free_list(guard->waiting);
  free_list(guard->pending);
  mlcm__free(guard->ctx, guard->memory);
  memset(guard, 0, sizeof *guard);
}

void mlcm__guard_retire(mlcm__guard *guard, mlcm__retired *object, void (*free_fn)(mlcm__retired *self)) {
  object->free_fn = free_fn;
  object->next = guard->pending;
  guard->pending = object;
}

static bool parity_is_empty(mlcm__guard *guard, unsigned parity) {
  for (unsigned i = 0; i < guard->n_slots; ++i) {
    if (atomic_load(&guard->slots[i].readers[parity]) != 0) return false;
  }
  return true;
}

/* Turns the generation and so begins the drain of the parity it had. */
static void begin_phase(mlcm__guard *guard, int phase) {
  guard->phase = phase;
  atomic_fetch_add(&guard->generation, 1);
}

bool mlcm__guard_sweep(mlcm__guard *guard) {
  while (guard->waiting != NULL || guard->pending != NULL) {
    if (guard->waiting == NULL) {
      guard->waiting = guard->pending;
      guard->pending = NULL;
      begin_phase(guard, 0);
    }
    unsigned draining = (atomic_load(&guard->generation) - 1) & 1;
    if (!parity_is_empty(guard, draining)) return false;
    if (guard->phase == 0) {
      begin_phase(guard, 1);
    } else {
      mlcm__retired *done = guard->waiting;
      guard->waiting = NULL;
      free_list(done);
    }
  }
  return true;
}
