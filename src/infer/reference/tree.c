/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c - puts a forest in order and walks it.
 */
#include "infer/reference/tree.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- Order ---- */

typedef struct visit {
  int64_t source;
  int32_t parent; /* whose `no` this is; -1: a root or a true child */
} visit;

typedef struct builder {
  const mlcm__tree_source *source;
  mlcm__forest *forest;
  uint8_t *seen;
  visit *stack;
  size_t depth;
  mlcm_error *err;
} builder;

static mlcm_status push(builder *b, int64_t source, int32_t parent) {
  if (source < 0 || source >= (int64_t)b->source->n_nodes)
    return mlcm__fail(b->err, MLCM_PARSE, "a tree's node has a child that does not exist");
  if (b->seen[source])
    return mlcm__fail(b->err, MLCM_PARSE, "node %lld of the trees has two parents: a cycle, or not a tree", (long long)source);
  b->seen[source] = 1;
  b->stack[b->depth++] = (visit){source, parent};
  return MLCM_OK;
}

static mlcm_status place_leaf(builder *b, int64_t i, mlcm__tree_node *node) {
  const mlcm__tree_source *s = b->source;
  int64_t first = s->leaf_first[i], n = s->leaf_n[i];
  if (first < 0 || n < 0 || (uint64_t)first + (uint64_t)n > s->n_weights)
    return mlcm__fail(b->err, MLCM_PARSE, "a leaf's weights are out of range");
  *node = (mlcm__tree_node){.feature = -1, .no = (int32_t)first, .members = (uint32_t)n};
  return MLCM_OK;
}

static mlcm_status place(builder *b, visit v) {
  const mlcm__tree_source *s = b->source;
  mlcm__forest *f = b->forest;
  assert(f->n_nodes < s->n_nodes); /* each is placed once: `seen` */
  int32_t at = (int32_t)f->n_nodes++;
  mlcm__tree_node *node = &f->nodes[at];
  assert(v.parent < at);
  if (v.parent >= 0) f->nodes[v.parent].no = at;
  if (s->mode[v.source] == MLCM__TREE_LEAF) return place_leaf(b, v.source, node);
  int64_t feature = s->feature[v.source];
  if (feature < 0 || feature > INT32_MAX - 1)
    return mlcm__fail(b->err, MLCM_PARSE, "feature %lld is out of range", (long long)feature);
  *node = (mlcm__tree_node){.value = s->value[v.source],
                            .feature = (int32_t)feature,
                            .mode = s->mode[v.source],
                            .missing_true = s->missing_true[v.source],
                            .members = (uint32_t)s->members[v.source]};
  if (feature + 1 > f->n_features) f->n_features = feature + 1;
  mlcm_status st = push(b, s->no[v.source], at);
  return st ? st : push(b, s->yes[v.source], -1); /* on top: becomes the next node */
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

static mlcm_status take_weights(mlcm__ref_kernel *k, const mlcm__tree_source *s, mlcm__forest *f, mlcm_error *err) {
  f->target = mlcm__ref_keep(k, s->n_weights, sizeof *f->target, err);
  f->weight = mlcm__ref_keep(k, s->n_weights, sizeof *f->weight, err);
  double *members = mlcm__ref_keep(k, s->n_member_values, sizeof *members, err);
  if (f->target == NULL || f->weight == NULL || members == NULL) return err->code;
  if (s->n_member_values > 0) memcpy(members, s->member_values, s->n_member_values * sizeof *members);
  f->member_values = members;
  for (size_t i = 0; i < s->n_weights; i++) {
    if (s->leaf_target[i] < 0 || s->leaf_target[i] >= s->n_targets)
      return mlcm__fail(err, MLCM_PARSE, "a leaf is for target %lld of %lld", (long long)s->leaf_target[i],
                        (long long)s->n_targets);
    f->target[i] = (int32_t)s->leaf_target[i];
    f->weight[i] = s->leaf_weight[i];
  }
  return MLCM_OK;
}

static mlcm_status order_nodes(mlcm__ref_kernel *k, builder *b) {
  const mlcm__tree_source *s = b->source;
  mlcm__forest *f = b->forest;
  mlcm_status st = MLCM_OK;
  f->nodes = mlcm__ref_keep(k, s->n_nodes, sizeof *f->nodes, b->err);
  f->roots = mlcm__ref_keep(k, s->n_roots, sizeof *f->roots, b->err);
  if (f->nodes == NULL || f->roots == NULL) return b->err->code;
  for (size_t i = 0; !st && i < s->n_roots; i++) {
    f->roots[f->n_roots++] = (int32_t)f->n_nodes;
    st = push(b, s->roots[i], -1);
    while (!st && b->depth > 0) st = place(b, b->stack[--b->depth]);
  }
  if (!st && s->all_reached && f->n_nodes != s->n_nodes)
    return mlcm__fail(b->err, MLCM_PARSE, "%zu of %zu nodes cannot be reached from their tree's root: a cycle, or not a tree",
                      s->n_nodes - f->n_nodes, s->n_nodes);
  return st;
}

mlcm_status mlcm__forest_build(mlcm__ref_kernel *k, const mlcm__tree_source *s, int aggregate, mlcm__forest *out,
                               mlcm_error *err) {
  mlcm__forest f = {.aggregate = aggregate, .n_targets = s->n_targets};
  mlcm__arena arena;
  builder b = {.source = s, .forest = &f, .err = err};
  if (s->n_nodes > INT32_MAX / 2 || s->n_weights > INT32_MAX / 2 || s->n_targets < 1 || s->n_targets > INT32_MAX / 2)
    return mlcm__fail(err, MLCM_LIMIT, "%zu nodes, %zu weights and %lld targets are out of range", s->n_nodes, s->n_weights,
                      (long long)s->n_targets);
  mlcm__arena_init(&arena, k->arena.ctx);
  b.seen = mlcm__arena_alloc(&arena, s->n_nodes, 1);
  b.stack = mlcm__arena_alloc(&arena, s->n_nodes + 1, sizeof *b.stack);
  mlcm_status st = b.seen == NULL || b.stack == NULL ? mlcm__fail_memory(err, s->n_nodes * sizeof *b.stack) : order_nodes(k, &b);
  mlcm__arena_reset(&arena);
  if (!st) st = take_weights(k, s, &f, err);
  if (st) return st;
  find_only_mode(&f);
  *out = f;
  return MLCM_OK;
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
