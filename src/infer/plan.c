/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c - which nodes are needed, and which buffer ("slot") each value lives in.
 *
 * Shapes are often free until a run, so a slot is not a number of bytes but a buffer that each run state grows to what it has
 * seen. A slot is given on when the last reader of its value has run, and only after the reader's outputs got theirs, so that a
 * kernel's inputs and outputs never overlap.
 */
#include "infer/graph.h"

#include <assert.h>

/* From the outputs backwards: nodes that matter, values that somebody reads, and by whom last. */
static void mark_live(mlcm__graph *g) {
  for (size_t i = 0; i < g->n_outputs; i++) {
    mlcm__value *v = &g->values[g->outputs[i].value];
    v->is_output = v->is_wanted = true;
  }
  for (size_t n = g->n_nodes; n-- > 0;) {
    mlcm__gnode *node = &g->nodes[n];
    for (size_t i = 0; i < node->n_outputs; i++)
      if (node->outputs[i] != MLCM__NO_VALUE && g->values[node->outputs[i]].is_wanted) node->is_live = true;
    for (size_t i = 0; node->is_live && i < node->n_inputs; i++) {
      if (node->inputs[i] == MLCM__NO_VALUE) continue;
      mlcm__value *v = &g->values[node->inputs[i]];
      if (!v->is_wanted) v->last_use = n;
      v->is_wanted = true;
      v->n_readers++;
    }
  }
}

typedef struct free_slots {
  int32_t *stack;
  size_t n;
} free_slots;

static void give_outputs(mlcm__graph *g, const mlcm__gnode *node, free_slots *idle) {
  for (size_t i = 0; i < node->n_outputs; i++) {
    if (node->outputs[i] == MLCM__NO_VALUE || !g->values[node->outputs[i]].is_wanted) continue;
    g->values[node->outputs[i]].slot = idle->n > 0 ? idle->stack[--idle->n] : (int32_t)g->n_slots++;
  }
}

static void take_back_inputs(mlcm__graph *g, size_t n, free_slots *idle) {
  const mlcm__gnode *node = &g->nodes[n];
  for (size_t i = 0; i < node->n_inputs; i++) {
    if (node->inputs[i] == MLCM__NO_VALUE) continue;
    mlcm__value *v = &g->values[node->inputs[i]];
    if (v->slot < 0 || v->is_output || v->last_use != n) continue;
    assert(v->is_wanted && (size_t)v->slot < g->n_slots && idle->n < g->n_slots);
    idle->stack[idle->n++] = v->slot;
    v->last_use = SIZE_MAX; /* done with, even if the node reads it twice */
  }
}

mlcm_status mlcm__plan_slots(mlcm__graph *g, mlcm_error *err) {
  free_slots idle = {.stack = mlcm__arena_alloc(&g->arena, g->n_values, sizeof *idle.stack)};
  if (idle.stack == NULL) return mlcm__fail_memory(err, g->n_values * sizeof *idle.stack);
  mark_live(g);
  for (size_t n = 0; n < g->n_nodes; n++) {
    if (!g->nodes[n].is_live) continue;
    give_outputs(g, &g->nodes[n], &idle);
    take_back_inputs(g, n, &idle);
  }
  assert(g->n_slots <= g->n_values);
  return MLCM_OK;
}
