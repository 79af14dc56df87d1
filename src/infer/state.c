/* SPDX-License-Identifier: Apache-2.0
 *
 * state.c - run states: buffers that grow to what they have seen, and the free set that hands them out.
 *
 * A state belongs to one thread between take and give_back. In the free set each entry is one atomic pointer; taking is an
 * exchange with NULL, giving back a compare-and-swap from NULL, so the same state can never be handed out twice.
 */
#include <assert.h>
#include <sched.h>
#include <string.h>

#include "infer/session.h"

enum { ALIGNMENT = 64, TEXT_BLOCK = 1024 };

/* Made strings of one run; the block's bytes follow it. */
struct mlcm__text_block {
  mlcm__text_block *next;
  size_t cap, used;
};

/* The old bytes are not kept: they were of another run, or of a value that is done with. */
static mlcm_status grow(mlcm_context *ctx, mlcm__slot *slot, size_t need, mlcm_error *err) {
  if (slot->memory != NULL && need <= slot->cap) return MLCM_OK;
  size_t cap = need < 64 ? 64 : need;
  mlcm__free(ctx, slot->memory);
  *slot = (mlcm__slot){0};
  slot->memory = mlcm__alloc(ctx, cap + ALIGNMENT);
  if (slot->memory == NULL) return mlcm__fail_memory(err, cap);
  slot->data = (void *)(((uintptr_t)slot->memory + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  slot->cap = cap;
  return MLCM_OK;
}

/* ---- What kernels ask for ---- */

static mlcm_status check_size(const mlcm__state *s, uint64_t count, size_t size, mlcm_error *err) {
  uint64_t limit = s->session->max_tensor_bytes;
  if (count <= limit / size) return MLCM_OK;
  return mlcm__fail(err, MLCM_LIMIT,
                    "a tensor of %llu elements of %zu bytes is over the limit of %llu bytes (max_tensor_bytes)",
                    (unsigned long long)count, size, (unsigned long long)limit);
}

static mlcm_status describe(mlcm_dtype dtype, int32_t rank, const int64_t *shape, mlcm_tensor *out, mlcm_error *err) {
  *out = (mlcm_tensor){.dtype = dtype, .rank = rank, .count = 1};
  if (mlcm_dtype_size(dtype) == 0)
    return mlcm__fail(err, MLCM_INTERNAL, "the backend gives an output of type %d, which is none", (int)dtype);
  if (rank < 0 || rank > MLCM_MAX_RANK)
    return mlcm__fail(err, MLCM_LIMIT, "the result has %d dimensions, at most %d are supported", (int)rank, MLCM_MAX_RANK);
  for (int32_t d = 0; d < rank; d++) out->shape[d] = shape[d];
  if (!mlcm__shape_count(rank, out->shape, &out->count))
    return mlcm__fail(err, MLCM_LIMIT, "the result has a dimension or a number of elements that is out of range");
  return MLCM_OK;
}

static void *give_output(mlcm_call *call, size_t i, mlcm_dtype dtype, int32_t rank, const int64_t *shape, mlcm_error *err) {
  mlcm__state *s = call->run;
  const mlcm__graph *g = &s->session->graph;
  mlcm_tensor *t = i < call->n_outputs ? call->outputs[i] : NULL;
  mlcm_tensor next;
  if (t == NULL) {
    (void)mlcm__fail(err, MLCM_INTERNAL, "the backend gives output %zu, which nobody wants", i);
    return NULL;
  }
  if (describe(dtype, rank, shape, &next, err)) return NULL;
  if (check_size(s, (uint64_t)next.count, mlcm_dtype_size(dtype), err)) return NULL;
  int32_t slot = g->values[g->nodes[call->node].outputs[i]].slot;
  assert(slot >= 0 && (size_t)slot < g->n_slots); /* every value that is wanted has one */
  if (grow(s->session->ctx, &s->slots[slot], (size_t)next.count * mlcm_dtype_size(dtype), err)) return NULL;
  next.data = s->slots[slot].data;
  *t = next;
  return next.data;
}

static void *give_scratch(mlcm_call *call, size_t size_bytes, mlcm_error *err) {
  mlcm__state *s = call->run;
  if (check_size(s, size_bytes, 1, err)) return NULL;
  return grow(s->session->ctx, &s->scratch, size_bytes, err) ? NULL : s->scratch.data;
}

static char *block_bytes(mlcm__text_block *block) { return (char *)block + sizeof *block; }

static char *give_text(mlcm_call *call, size_t len, mlcm_error *err) {
  mlcm__state *s = call->run;
  if (check_size(s, len, 1, err)) return NULL;
  if (s->text == NULL || s->text->cap - s->text->used < len) {
    size_t cap = s->text != NULL ? s->text->cap * 2 : TEXT_BLOCK;
    if (cap < len) cap = len;
    mlcm__text_block *block = mlcm__alloc(s->session->ctx, sizeof *block + cap);
    if (block == NULL) {
      (void)mlcm__fail_memory(err, cap);
      return NULL;
    }
    *block = (mlcm__text_block){.next = s->text, .cap = cap};
    s->text = block;
  }
  assert(s->text->used + len <= s->text->cap);
  char *at = block_bytes(s->text) + s->text->used;
  s->text->used += len;
  return at;
}

const mlcm_host mlcm__host = {.struct_size = sizeof mlcm__host,
                              .abi_version = MLCM_BACKEND_ABI_VERSION,
                              .output = give_output,
                              .scratch = give_scratch,
                              .text = give_text};

bool mlcm__state_owns_text(const mlcm__state *s, const char *ptr) {
  for (const mlcm__text_block *b = s->text; b != NULL; b = b->next) {
    uintptr_t start = (uintptr_t)b + sizeof *b;
    if ((uintptr_t)ptr - start < b->used) return true; /* what lies before wraps around to far behind */
  }
  return false;
}

/* Keeps only the newest block, which is the largest: after some runs it is large enough and nothing is allocated any more. */
static void forget_text(mlcm__state *s) {
  if (s->text == NULL) return;
  while (s->text->next != NULL) {
    mlcm__text_block *old = s->text->next;
    s->text->next = old->next;
    mlcm__free(s->session->ctx, old);
  }
  s->text->used = 0;
}

/* ---- Making and freeing ---- */

static void state_free(mlcm__state *s) {
  mlcm_context *ctx = s->session->ctx;
  for (size_t i = 0; s->slots != NULL && i < s->session->graph.n_slots; i++) mlcm__free(ctx, s->slots[i].memory);
  forget_text(s);
  mlcm__free(ctx, s->text);
  mlcm__free(ctx, s->scratch.memory);
  mlcm__free(ctx, s->tensors);
  mlcm__free(ctx, s->slots);
  mlcm__free(ctx, s->calls);
  mlcm__free(ctx, s->inputs);
  mlcm__free(ctx, s->outputs);
  mlcm__free(ctx, s);
}

static void count_lists(const mlcm__graph *g, size_t *n_inputs, size_t *n_outputs) {
  for (size_t i = 0; i < g->n_nodes; i++) {
    *n_inputs += g->nodes[i].n_inputs;
    *n_outputs += g->nodes[i].n_outputs;
  }
}

static mlcm_tensor *tensor_of(mlcm__state *s, int64_t value) { return value == MLCM__NO_VALUE ? NULL : &s->tensors[value]; }

/* Fills the calls once: tensors do not move, so the lists stay right for every run. */
static void fill_calls(mlcm__state *s) {
  const mlcm__graph *g = &s->session->graph;
  const mlcm_tensor **inputs = s->inputs;
  mlcm_tensor **outputs = s->outputs;
  for (size_t n = 0; n < g->n_nodes; n++) {
    const mlcm__gnode *node = &g->nodes[n];
    for (size_t i = 0; i < node->n_inputs; i++) inputs[i] = tensor_of(s, node->inputs[i]);
    for (size_t i = 0; i < node->n_outputs; i++) {
      outputs[i] = tensor_of(s, node->outputs[i]);
      if (outputs[i] != NULL && !g->values[node->outputs[i]].is_wanted) outputs[i] = NULL;
    }
    s->calls[n] = (mlcm_call){.host = &mlcm__host,
                              .run = s,
                              .node = n,
                              .n_inputs = node->n_inputs,
                              .n_outputs = node->n_outputs,
                              .inputs = inputs,
                              .outputs = outputs};
    inputs += node->n_inputs;
    outputs += node->n_outputs;
  }
}

static mlcm_status state_new(mlcm_session *session, mlcm__state **out, mlcm_error *err) {
  const mlcm__graph *g = &session->graph;
  mlcm__state *s = mlcm__alloc_zero(session->ctx, 1, sizeof *s);
  size_t n_inputs = 0, n_outputs = 0;
  if (s == NULL) return mlcm__fail_memory(err, sizeof *s);
  count_lists(g, &n_inputs, &n_outputs);
  s->session = session;
  s->tensors = mlcm__alloc_zero(session->ctx, g->n_values, sizeof *s->tensors);
  s->slots = mlcm__alloc_zero(session->ctx, g->n_slots, sizeof *s->slots);
  s->calls = mlcm__alloc_zero(session->ctx, g->n_nodes, sizeof *s->calls);
  s->inputs = mlcm__alloc_zero(session->ctx, n_inputs, sizeof(void *));
  s->outputs = mlcm__alloc_zero(session->ctx, n_outputs, sizeof(void *));
  if (s->tensors == NULL || s->slots == NULL || s->calls == NULL || s->inputs == NULL || s->outputs == NULL) {
    state_free(s);
    return mlcm__fail_memory(err, g->n_values * sizeof *s->tensors);
  }
  for (size_t i = 0; i < g->n_values; i++)
    if (g->values[i].is_constant) s->tensors[i] = g->values[i].constant;
  fill_calls(s);
  *out = s;
  return MLCM_OK;
}

/* ---- The free set ---- */

static size_t home_index(void) {
  int cpu = sched_getcpu(); /* only a hint that keeps processors apart */
  return cpu < 0 ? 0 : (size_t)cpu % MLCM__IDLE_STATES; /* never: Linux always knows the processor */
}

mlcm_status mlcm__state_take(mlcm_session *session, mlcm__state **out, mlcm_error *err) {
  size_t home = home_index();
  for (size_t k = 0; k < MLCM__IDLE_STATES; k++) {
    _Atomic(mlcm__state *) *entry = &session->idle[(home + k) % MLCM__IDLE_STATES];
    if (atomic_load_explicit(entry, memory_order_relaxed) == NULL) continue;
    mlcm__state *s = atomic_exchange_explicit(entry, NULL, memory_order_acquire);
    if (s == NULL) continue; /* rarely: another thread took it between the two */
    assert(s->session == session);
    s->home = home;
    *out = s;
    return MLCM_OK;
  }
  mlcm_status st = state_new(session, out, err);
  if (!st) (*out)->home = home;
  return st;
}

void mlcm__state_give_back(mlcm__state *s) {
  mlcm_session *session = s->session;
  assert(s->home < MLCM__IDLE_STATES);
  forget_text(s);
  for (size_t k = 0; k < MLCM__IDLE_STATES; k++) {
    mlcm__state *empty = NULL;
    if (atomic_compare_exchange_strong_explicit(&session->idle[(s->home + k) % MLCM__IDLE_STATES], &empty, s,
                                                memory_order_release, memory_order_relaxed))
      return;
  }
  state_free(s);
}

void mlcm__states_drop(mlcm_session *session) {
  for (size_t k = 0; k < MLCM__IDLE_STATES; k++) {
    mlcm__state *s = atomic_exchange_explicit(&session->idle[k], NULL, memory_order_acquire);
    if (s != NULL) state_free(s);
  }
}
