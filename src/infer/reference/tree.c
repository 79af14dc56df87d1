/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c - puts a forest in order and walks it.
 */
#include "infer/reference/tree.h"

#include <assert.h>
#include <math.h>

enum { MAX_NODES = INT32_MAX / 2 };

/* ---- Order ---- */

typedef struct visit {
  int64_t source;
  int32_t parent; /* whose `no` this is; -1: a root or a true child */
} visit;

typedef struct builder {
  mlcm__ref_reader *r;
  const mlcm__tree_source *source;
  mlcm__forest *forest;
  uint8_t *seen;
  visit *stack;
  size_t depth;
} builder;

static void push(builder *b, int64_t source, int32_t parent) {
  if (source < 0 || source >= (int64_t)b->source->n_nodes) {
    mlcm__ref_bad(b->r, MLCM_PARSE, "a tree's node has a child that does not exist");
  } else if (b->seen[source]) {
    mlcm__ref_bad(b->r, MLCM_PARSE, "node %lld of the trees has two parents: a cycle, or not a tree", (long long)source);
  } else {
    b->seen[source] = 1;
    b->stack[b->depth++] = (visit){source, parent};
  }
}

static void place(builder *b, visit v) {
  const mlcm__tree_source *s = b->source;
  mlcm__forest *f = b->forest;
  assert(f->n_nodes < s->n_nodes); /* each is placed once: `seen` */
  int32_t at = (int32_t)f->n_nodes++;
  mlcm__tree_node *node = &f->nodes[at];
  int64_t feature = s->feature[v.source];
  assert(v.parent < at);
  if (v.parent >= 0) f->nodes[v.parent].no = at;
  if (s->mode[v.source] == MLCM__TREE_LEAF) {
    *node = (mlcm__tree_node){.feature = -1, .no = (int32_t)s->leaf_first[v.source], .members = (uint32_t)s->leaf_n[v.source]};
    assert((uint64_t)s->leaf_first[v.source] + (uint64_t)s->leaf_n[v.source] <= s->n_weights);
    return;
  }
  if (feature < 0 || feature > INT32_MAX - 1) {
    mlcm__ref_bad(b->r, MLCM_PARSE, "feature %lld is out of range", (long long)feature);
    return;
  }
  *node = (mlcm__tree_node){.value = s->value[v.source],
                            .feature = (int32_t)feature,
                            .mode = s->mode[v.source],
                            .missing_true = s->missing_true[v.source],
                            .members = (uint32_t)s->members[v.source]};
  if (feature + 1 > f->n_features) f->n_features = feature + 1;
  push(b, s->no[v.source], at);
  push(b, s->yes[v.source], -1); /* on top: becomes the next node */
}

static void find_only_mode(mlcm__forest *f) {
  f->only_mode = MLCM__TREE_LEAF;
  for (size_t i = 0; i < f->n_nodes; i++) {
    const mlcm__tree_node *n = &f->nodes[i];
    if (n->feature < 0) continue;
    if (f->only_mode == MLCM__TREE_LEAF) f->only_mode = n->mode;
    if (n->mode != f->only_mode || n->missing_true) {
      f->only_mode = MLCM__TREE_LEAF;
      return;
    }
  }
}

static void take_weights(mlcm__ref_reader *r, const mlcm__tree_source *s, mlcm__forest *f) {
  int32_t *target = mlcm__ref_keep(r, s->n_weights, sizeof *target);
  f->target = target;
  f->weight = mlcm__ref_keep_copy(r, s->leaf_weight, s->n_weights, sizeof *f->weight);
  f->member_values = mlcm__ref_keep_copy(r, s->member_values, s->n_member_values, sizeof *f->member_values);
  for (size_t i = 0; r->st == MLCM_OK && i < s->n_weights; i++) {
    if (s->leaf_target[i] < 0 || s->leaf_target[i] >= s->n_targets)
      mlcm__ref_bad(r, MLCM_PARSE, "a leaf is for target %lld of %lld", (long long)s->leaf_target[i], (long long)s->n_targets);
    target[i] = (int32_t)s->leaf_target[i];
  }
}

static void order_nodes(builder *b) {
  const mlcm__tree_source *s = b->source;
  mlcm__forest *f = b->forest;
  int32_t *roots = mlcm__ref_keep(b->r, s->n_roots, sizeof *roots);
  f->nodes = mlcm__ref_keep(b->r, s->n_nodes, sizeof *f->nodes);
  f->roots = roots;
  for (size_t i = 0; b->r->st == MLCM_OK && i < s->n_roots; i++) {
    roots[f->n_roots++] = (int32_t)f->n_nodes;
    push(b, s->roots[i], -1);
    while (b->r->st == MLCM_OK && b->depth > 0) place(b, b->stack[--b->depth]);
  }
  if (s->all_reached && f->n_nodes != s->n_nodes)
    mlcm__ref_bad(b->r, MLCM_PARSE, "%zu of %zu nodes cannot be reached from their tree's root: a cycle, or not a tree",
                  s->n_nodes - f->n_nodes, s->n_nodes);
}

void mlcm__forest_build(mlcm__ref_reader *r, const mlcm__tree_source *s, int aggregate, mlcm__forest *out) {
  *out = (mlcm__forest){.aggregate = aggregate, .n_targets = s->n_targets};
  mlcm__arena arena;
  mlcm__arena_init(&arena, r->node->ctx);
  mlcm__ref_reader load = {.node = r->node, .arena = &arena, .err = r->err};
  builder b = {.r = r, .source = s, .forest = out};
  /* never: so many nodes or weights make a model of many GiB */
  if (s->n_nodes > MAX_NODES || s->n_weights > MAX_NODES || s->n_targets < 1 || s->n_targets > MAX_NODES)
    mlcm__ref_bad(r, MLCM_LIMIT, "%zu nodes, %zu weights and %lld targets: none may be over %d, and targets must be positive",
                  s->n_nodes, s->n_weights, (long long)s->n_targets, MAX_NODES);
  b.seen = mlcm__ref_keep(&load, s->n_nodes, 1);
  b.stack = mlcm__ref_keep(&load, s->n_nodes + 1, sizeof *b.stack);
  if (r->st == MLCM_OK) r->st = load.st;
  if (r->st == MLCM_OK) order_nodes(&b);
  if (r->st == MLCM_OK) take_weights(r, s, out);
  if (r->st == MLCM_OK) find_only_mode(out);
  mlcm__arena_reset(&arena);
}

/* ---- Walk ---- */

static bool is_member(const mlcm__forest *f, const mlcm__tree_node *node, double x) {
  const double *members = f->member_values + node->members;
  for (size_t i = 0; i < (size_t)node->value; i++)
    if (members[i] == x) return true;
  return false;
}

static bool goes_yes(const mlcm__forest *f, const mlcm__tree_node *node, double x) {
  if (node->missing_true && isnan(x)) return true;
  switch (node->mode) {
  case MLCM__TREE_LEQ: return x <= node->value;
  case MLCM__TREE_LT: return x < node->value;
  case MLCM__TREE_GTE: return x >= node->value;
  case MLCM__TREE_GT: return x > node->value;
  case MLCM__TREE_EQ: return x == node->value;
  case MLCM__TREE_NEQ: return x != node->value;
  default: return is_member(f, node, x);
  }
}

static const mlcm__tree_node *find_leaf(const mlcm__forest *f, const mlcm__tree_node *node, const double *row) {
  const mlcm__tree_node *nodes = f->nodes;
  switch (f->only_mode) {
  case MLCM__TREE_LEQ:
    while (node->feature >= 0) node = row[node->feature] <= node->value ? node + 1 : nodes + node->no;
    return node;
  case MLCM__TREE_LT:
    while (node->feature >= 0) node = row[node->feature] < node->value ? node + 1 : nodes + node->no;
    return node;
  default:
    while (node->feature >= 0) node = goes_yes(f, node, row[node->feature]) ? node + 1 : nodes + node->no;
    return node;
  }
}

static void take_leaf(const mlcm__forest *f, const mlcm__tree_node *leaf, double *scores, uint8_t *has_score) {
  for (uint32_t i = 0; i < leaf->members; i++) {
    int32_t target = f->target[(uint32_t)leaf->no + i];
    assert(target >= 0 && target < f->n_targets);
    double weight = f->weight[(uint32_t)leaf->no + i];
    if (f->aggregate == MLCM__MIN && has_score[target])
      scores[target] = weight < scores[target] ? weight : scores[target];
    else if (f->aggregate == MLCM__MAX && has_score[target])
      scores[target] = weight > scores[target] ? weight : scores[target];
    else
      scores[target] += weight;
    has_score[target] = 1;
  }
}

void mlcm__forest_score(const mlcm__forest *f, const double *row, double *scores, uint8_t *has_score) {
  for (int64_t t = 0; t < f->n_targets; t++) {
    scores[t] = 0;
    has_score[t] = 0;
  }
  for (size_t i = 0; i < f->n_roots; i++) take_leaf(f, find_leaf(f, f->nodes + f->roots[i], row), scores, has_score);
  for (int64_t t = 0; f->aggregate == MLCM__AVERAGE && t < f->n_targets; t++) scores[t] /= (double)f->n_roots;
}
