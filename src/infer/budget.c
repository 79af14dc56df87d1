/* SPDX-License-Identifier: Apache-2.0
 *
 * budget.c - an allocator in front of the caller's that counts. Each block begins with a head that holds its size.
 */
#include "infer/budget.h"

#include <assert.h>
#include <string.h>

struct mlcm__budget {
  mlcm_context *parent; /* held */
  mlcm_context *ctx;    /* allocates through this budget */
  uint64_t limit_bytes;
  _Atomic(uint64_t) used_bytes;
  atomic_bool refused;       /* ever: any thread's lack of memory may come from this budget */
  atomic_bool parent_failed; /* since it was last asked */
};

enum { HEAD = 16 }; /* keeps malloc's alignment */

static void *budget_alloc(void *user, size_t size_bytes) {
  mlcm__budget *b = user;
  assert(size_bytes < SIZE_MAX - HEAD); /* sizes come from tensors and arenas, which end far below */
  const uint64_t need = size_bytes + HEAD;
  if (atomic_fetch_add(&b->used_bytes, need) + need > b->limit_bytes) {
    atomic_fetch_sub(&b->used_bytes, need);
    atomic_store(&b->refused, true);
    return NULL;
  }
  char *block = mlcm__alloc(b->parent, need);
  if (block == NULL) {
    atomic_fetch_sub(&b->used_bytes, need);
    atomic_store(&b->parent_failed, true);
    return NULL;
  }
  memcpy(block, &need, sizeof need);
  return block + HEAD;
}

static void budget_free(void *user, void *ptr) {
  mlcm__budget *b = user;
  uint64_t size = 0;
  assert(ptr != NULL); /* mlcm__free and mlcm__realloc pass on what is there */
  char *block = (char *)ptr - HEAD;
  memcpy(&size, block, sizeof size);
  mlcm__free(b->parent, block); /* before it is counted as free: another thread may take the room at once */
  atomic_fetch_sub(&b->used_bytes, size);
}

static void *budget_realloc(void *user, void *ptr, size_t size_bytes) {
  uint64_t old = 0;
  void *grown = budget_alloc(user, size_bytes);
  if (grown == NULL) return NULL;
  memcpy(&old, (char *)ptr - HEAD, sizeof old);
  const size_t keep = (size_t)old - HEAD;
  memcpy(grown, ptr, keep < size_bytes ? keep : size_bytes);
  budget_free(user, ptr);
  return grown;
}

mlcm_status mlcm__budget_open(mlcm_context *ctx, uint64_t limit_bytes, mlcm__budget **out, mlcm_error *err) {
  mlcm__budget *b = mlcm__alloc_zero(ctx, 1, sizeof *b);
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  if (b == NULL) return mlcm__fail_memory(err, sizeof *b);
  b->parent = mlcm__context_retain(ctx);
  b->limit_bytes = limit_bytes;
  options.allocator = (mlcm_allocator){budget_alloc, budget_realloc, budget_free, b};
  options.clock = ctx->clock;
  options.random = ctx->random;
  options.log = ctx->log;
  options.io = &ctx->io;
  mlcm_status st = mlcm__budget_explain(b, mlcm_context_new(&options, &b->ctx, err), err);
  if (st)
    mlcm__budget_close(b);
  else
    *out = b;
  return st;
}

void mlcm__budget_close(mlcm__budget *b) {
  mlcm_context *parent = b->parent;
  mlcm__context_release(b->ctx);
  assert(atomic_load(&b->used_bytes) == 0);
  mlcm__free(parent, b);
  mlcm__context_release(parent);
}

mlcm_context *mlcm__budget_context(mlcm__budget *b) { return b->ctx; }

mlcm_status mlcm__budget_explain(mlcm__budget *b, mlcm_status st, mlcm_error *err) {
  if (st != MLCM_NO_MEMORY || atomic_exchange(&b->parent_failed, false) || !atomic_load(&b->refused)) return st;
  return mlcm__fail(err, MLCM_LIMIT, "the session would need more than its limit of %llu bytes (max_session_bytes)",
                    (unsigned long long)b->limit_bytes);
}
