/* SPDX-License-Identifier: Apache-2.0
 *
 * tree_read.c - the attributes of tree ensembles, old (TreeEnsembleClassifier, TreeEnsembleRegressor) and new (TreeEnsemble).
 *
 * The old form names nodes by (tree, id), mostly but not always counted from 0 in file order; the new one by position.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/reference/tree.h"

/* All lists of one length. */
static mlcm_status same_length(mlcm__ref_reader *r, const char *name, size_t n, size_t want) {
  if (r->st != MLCM_OK || n == want) return r->st;
  return r->st = mlcm__fail(r->err, MLCM_PARSE, "'%s' has %zu elements, %zu are needed", name, n, want);
}

static mlcm_status make_room(mlcm__ref_reader *r, mlcm__ref_kernel *k, mlcm__tree_source *s) {
  size_t n = s->n_nodes;
  s->mode = mlcm__ref_keep(k, n, 1, r->err);
  s->missing_true = mlcm__ref_keep(k, n, 1, r->err);
  s->feature = mlcm__ref_keep(k, n, sizeof *s->feature, r->err);
  s->value = mlcm__ref_keep(k, n, sizeof *s->value, r->err);
  s->members = mlcm__ref_keep(k, n, sizeof *s->members, r->err);
  s->yes = mlcm__ref_keep(k, n, sizeof *s->yes, r->err);
  s->no = mlcm__ref_keep(k, n, sizeof *s->no, r->err);
  s->leaf_first = mlcm__ref_keep(k, n, sizeof *s->leaf_first, r->err);
  s->leaf_n = mlcm__ref_keep(k, n, sizeof *s->leaf_n, r->err);
  bool good = s->mode && s->missing_true && s->feature && s->value && s->members && s->yes && s->no && s->leaf_first && s->leaf_n;
  return good ? MLCM_OK : (r->st = r->err->code);
}

/* ---- The old form ---- */

typedef struct node_key {
  int64_t tree, id;
  int64_t position;
} node_key;

typedef struct old_lists {
  const int64_t *trees, *ids, *features, *yes, *no, *missing;
  const mlcm_str *modes;
  const double *values;
  node_key *sorted; /* by tree, id */
  uint8_t *is_child;
} old_lists;

static int compare_keys(const void *a, const void *b) {
  const node_key *x = a, *y = b;
  if (x->tree != y->tree) return x->tree < y->tree ? -1 : 1;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return 0;
}

static bool is_sorted(const node_key *keys, size_t n) {
  for (size_t i = 1; i < n; i++)
    if (compare_keys(&keys[i - 1], &keys[i]) > 0) return false;
  return true;
}

/* Position of a node, or -1. Near `guess` first: ids usually count up in file order. */
static int64_t find_node(const old_lists *l, size_t n, int64_t tree, int64_t id, int64_t guess) {
  node_key wanted = {tree, id, 0};
  if (guess >= 0 && guess < (int64_t)n && l->trees[guess] == tree && l->ids[guess] == id) return guess;
  const node_key *found = bsearch(&wanted, l->sorted, n, sizeof wanted, compare_keys);
  return found != NULL ? found->position : -1;
}

static uint8_t mode_of(mlcm_str text) {
  static const char *const names[] = {"LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"};
  for (uint8_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (mlcm__ref_text_is(text, names[i])) return i;
  return UINT8_MAX;
}

static mlcm_status read_old_lists(mlcm__ref_reader *r, mlcm__ref_kernel *k, old_lists *l, size_t *n_nodes) {
  size_t n = 0, n_trees = 0, n_values = 0;
  l->trees = mlcm__ref_ints(r, "nodes_treeids", &n_trees);
  l->ids = mlcm__ref_ints(r, "nodes_nodeids", &n);
  same_length(r, "nodes_nodeids", n, n_trees);
  l->features = mlcm__ref_ints(r, "nodes_featureids", &n);
  same_length(r, "nodes_featureids", n, n_trees);
  l->yes = mlcm__ref_ints(r, "nodes_truenodeids", &n);
  same_length(r, "nodes_truenodeids", n, n_trees);
  l->no = mlcm__ref_ints(r, "nodes_falsenodeids", &n);
  same_length(r, "nodes_falsenodeids", n, n_trees);
  l->modes = mlcm__ref_strings(r, "nodes_modes", &n);
  same_length(r, "nodes_modes", n, n_trees);
  l->missing = mlcm__ref_ints(r, "nodes_missing_value_tracks_true", &n);
  if (n != 0)
    same_length(r, "nodes_missing_value_tracks_true", n, n_trees);
  else
    l->missing = NULL;
  l->values = mlcm__ref_doubles(r, k, "nodes_values", "nodes_values_as_tensor", &n_values);
  same_length(r, "nodes_values", n_values, n_trees);
  *n_nodes = n_trees;
  return r->st;
}

static mlcm_status sort_nodes(mlcm__ref_reader *r, old_lists *l, size_t n) {
  for (size_t i = 0; i < n; i++) l->sorted[i] = (node_key){l->trees[i], l->ids[i], (int64_t)i};
  if (!is_sorted(l->sorted, n)) qsort(l->sorted, n, sizeof *l->sorted, compare_keys);
  for (size_t i = 1; i < n; i++)
    if (compare_keys(&l->sorted[i - 1], &l->sorted[i]) == 0)
      return r->st = mlcm__fail(r->err, MLCM_PARSE, "node %lld of tree %lld is there twice", (long long)l->sorted[i].id,
                                (long long)l->sorted[i].tree);
  return MLCM_OK;
}

static mlcm_status link_children(mlcm__ref_reader *r, const old_lists *l, mlcm__tree_source *s) {
  for (size_t i = 0; i < s->n_nodes; i++) {
    s->mode[i] = mode_of(l->modes[i]);
    s->feature[i] = l->features[i];
    s->value[i] = l->values[i];
    s->missing_true[i] = l->missing != NULL && l->missing[i] != 0;
    if (s->mode[i] == UINT8_MAX)
      return r->st = mlcm__fail(r->err, MLCM_PARSE, "node mode '%.*s' is unknown",
                                l->modes[i].len < 40 ? (int)l->modes[i].len : 40, l->modes[i].ptr);
    if (s->mode[i] == MLCM__TREE_LEAF) continue;
    int64_t start = 0; /* where node 0 of this tree would stand if ids count up */
    if (__builtin_sub_overflow((int64_t)i, l->ids[i], &start)) start = -1;
    int64_t guess_yes = 0, guess_no = 0;
    if (__builtin_add_overflow(start, l->yes[i], &guess_yes) || __builtin_add_overflow(start, l->no[i], &guess_no))
      guess_yes = guess_no = -1;
    s->yes[i] = find_node(l, s->n_nodes, l->trees[i], l->yes[i], guess_yes);
    s->no[i] = find_node(l, s->n_nodes, l->trees[i], l->no[i], guess_no);
    if (s->yes[i] < 0 || s->no[i] < 0)
      return r->st = mlcm__fail(r->err, MLCM_PARSE, "node %lld of tree %lld has a child that does not exist",
                                (long long)l->ids[i], (long long)l->trees[i]);
    l->is_child[s->yes[i]] = l->is_child[s->no[i]] = 1;
  }
  return MLCM_OK;
}

/* The root of one tree, whose nodes are sorted[from..to): the first in file order that is nobody's child. */
static int64_t root_of(const old_lists *l, size_t from, size_t to) {
  int64_t root = -1;
  for (size_t i = from; i < to; i++) {
    int64_t position = l->sorted[i].position;
    if (!l->is_child[position] && (root < 0 || position < root)) root = position;
  }
  return root;
}

static mlcm_status find_roots(mlcm__ref_reader *r, mlcm__ref_kernel *k, const old_lists *l, mlcm__tree_source *s) {
  int64_t *roots = mlcm__ref_keep(k, s->n_nodes, sizeof *roots, r->err);
  if (roots == NULL) return r->st = r->err->code;
  for (size_t from = 0, to = 0; from < s->n_nodes; from = to) {
    while (to < s->n_nodes && l->sorted[to].tree == l->sorted[from].tree) to++;
    roots[s->n_roots] = root_of(l, from, to);
    if (roots[s->n_roots++] < 0)
      return r->st = mlcm__fail(r->err, MLCM_PARSE, "tree %lld has no root: it is a cycle", (long long)l->sorted[from].tree);
  }
  s->roots = roots;
  return MLCM_OK;
}

/* Leaf weights, sorted by the node they belong to; within a node in file order. */
typedef struct weight_key {
  int64_t node, order;
} weight_key;

static int compare_weights(const void *a, const void *b) {
  const weight_key *x = a, *y = b;
  if (x->node != y->node) return x->node < y->node ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

typedef struct leaf_lists {
  const int64_t *trees, *ids, *targets;
  const double *weights;
  size_t n;
} leaf_lists;

static mlcm_status read_leaf_lists(mlcm__ref_reader *r, mlcm__ref_kernel *k, const char *prefix, leaf_lists *out) {
  char name[40], tensor_name[48];
  size_t n = 0;
  snprintf(name, sizeof name, "%s_treeids", prefix);
  out->trees = mlcm__ref_ints(r, name, &out->n);
  snprintf(name, sizeof name, "%s_nodeids", prefix);
  out->ids = mlcm__ref_ints(r, name, &n);
  same_length(r, name, n, out->n);
  snprintf(name, sizeof name, "%s_ids", prefix);
  out->targets = mlcm__ref_ints(r, name, &n);
  same_length(r, name, n, out->n);
  snprintf(name, sizeof name, "%s_weights", prefix);
  snprintf(tensor_name, sizeof tensor_name, "%s_weights_as_tensor", prefix);
  out->weights = mlcm__ref_doubles(r, k, name, tensor_name, &n);
  return same_length(r, name, n, out->n);
}

static mlcm_status find_leaves(mlcm__ref_reader *r, const old_lists *l, const leaf_lists *in, mlcm__tree_source *s,
                               weight_key *keys) {
  for (size_t i = 0; i < in->n; i++) {
    int64_t node = find_node(l, s->n_nodes, in->trees[i], in->ids[i], i > 0 ? keys[i - 1].node : 0);
    if (node < 0 || s->mode[node] != MLCM__TREE_LEAF)
      return r->st = mlcm__fail(r->err, MLCM_PARSE, "a weight is for node %lld of tree %lld, which is no leaf",
                                (long long)in->ids[i], (long long)in->trees[i]);
    keys[i] = (weight_key){node, (int64_t)i};
  }
  qsort(keys, in->n, sizeof *keys, compare_weights);
  for (size_t i = 0; i < in->n; i++) {
    s->leaf_target[i] = in->targets[keys[i].order];
    s->leaf_weight[i] = in->weights[keys[i].order];
    if (s->leaf_n[keys[i].node]++ == 0) s->leaf_first[keys[i].node] = (int64_t)i;
  }
  return MLCM_OK;
}

mlcm_status mlcm__tree_read_old(mlcm__ref_reader *r, mlcm__ref_kernel *k, const char *leaf_prefix, mlcm__tree_source *s) {
  old_lists l = {0};
  leaf_lists leaves = {0};
  weight_key *keys = NULL;
  mlcm__arena arena;
  if (read_old_lists(r, k, &l, &s->n_nodes) || read_leaf_lists(r, k, leaf_prefix, &leaves) || make_room(r, k, s)) return r->st;
  s->n_weights = leaves.n;
  s->all_reached = true;
  s->leaf_target = mlcm__ref_keep(k, leaves.n, sizeof *s->leaf_target, r->err);
  s->leaf_weight = mlcm__ref_keep(k, leaves.n, sizeof *s->leaf_weight, r->err);
  if (s->leaf_target == NULL || s->leaf_weight == NULL) return r->st = r->err->code;
  mlcm__arena_init(&arena, k->arena.ctx);
  l.sorted = mlcm__arena_alloc(&arena, s->n_nodes, sizeof *l.sorted);
  l.is_child = mlcm__arena_alloc(&arena, s->n_nodes, 1);
  keys = mlcm__arena_alloc(&arena, leaves.n, sizeof *keys);
  if (l.sorted == NULL || l.is_child == NULL || keys == NULL) r->st = mlcm__fail_memory(r->err, s->n_nodes * sizeof *l.sorted);
  if (r->st == MLCM_OK) r->st = sort_nodes(r, &l, s->n_nodes);
  if (r->st == MLCM_OK) r->st = link_children(r, &l, s);
  if (r->st == MLCM_OK) r->st = find_roots(r, k, &l, s);
  if (r->st == MLCM_OK) r->st = find_leaves(r, &l, &leaves, s, keys);
  mlcm__arena_reset(&arena);
  return r->st;
}

/* ---- The new form: branches first, leaves after them ---- */

typedef struct new_lists {
  const int64_t *features, *yes, *yes_is_leaf, *no, *no_is_leaf, *missing, *leaf_targets, *roots;
  size_t n, n_leaves, n_roots, n_members;
  const mlcm_tensor *modes;
  const double *splits, *leaf_weights, *members;
} new_lists;

static mlcm_status read_new_lists(mlcm__ref_reader *r, mlcm__ref_kernel *k, new_lists *l) {
  size_t n = 0;
  l->features = mlcm__ref_ints(r, "nodes_featureids", &l->n);
  l->yes = mlcm__ref_ints(r, "nodes_truenodeids", &n);
  same_length(r, "nodes_truenodeids", n, l->n);
  l->yes_is_leaf = mlcm__ref_ints(r, "nodes_trueleafs", &n);
  same_length(r, "nodes_trueleafs", n, l->n);
  l->no = mlcm__ref_ints(r, "nodes_falsenodeids", &n);
  same_length(r, "nodes_falsenodeids", n, l->n);
  l->no_is_leaf = mlcm__ref_ints(r, "nodes_falseleafs", &n);
  same_length(r, "nodes_falseleafs", n, l->n);
  l->missing = mlcm__ref_ints(r, "nodes_missing_value_tracks_true", &n);
  if (n != 0)
    same_length(r, "nodes_missing_value_tracks_true", n, l->n);
  else
    l->missing = NULL;
  l->modes = mlcm__ref_tensor(r, "nodes_modes");
  if (r->st == MLCM_OK && (l->modes == NULL || l->modes->dtype != MLCM_U8))
    return r->st = mlcm__fail(r->err, MLCM_PARSE, "'nodes_modes' must be a tensor of u8");
  if (l->modes != NULL) same_length(r, "nodes_modes", (size_t)l->modes->count, l->n);
  l->splits = mlcm__ref_doubles(r, k, "nodes_splits", "nodes_splits", &n);
  same_length(r, "nodes_splits", n, l->n);
  l->leaf_targets = mlcm__ref_ints(r, "leaf_targetids", &l->n_leaves);
  l->leaf_weights = mlcm__ref_doubles(r, k, "leaf_weights", "leaf_weights", &n);
  same_length(r, "leaf_weights", n, l->n_leaves);
  l->roots = mlcm__ref_ints(r, "tree_roots", &l->n_roots);
  l->members = mlcm__ref_doubles(r, k, "membership_values", "membership_values", &l->n_members);
  return r->st;
}

/* Sets of members stand one after the other, each ended by a NaN, in the order of the MEMBER nodes. */
static mlcm_status next_members(mlcm__ref_reader *r, const new_lists *l, size_t *at, size_t *first, double *count) {
  *first = *at;
  while (*at < l->n_members && l->members[*at] == l->members[*at]) ++*at;
  *count = (double)(*at - *first);
  if (*at < l->n_members)
    ++*at; /* over the NaN */
  else if (*count == 0)
    return r->st = mlcm__fail(r->err, MLCM_PARSE, "'membership_values' has fewer sets than there are BRANCH_MEMBER nodes");
  return MLCM_OK;
}

static int64_t child_position(int64_t id, int64_t is_leaf, const new_lists *l) {
  int64_t limit = is_leaf ? (int64_t)l->n_leaves : (int64_t)l->n;
  if (id < 0 || id >= limit) return -1;
  return is_leaf ? (int64_t)l->n + id : id;
}

static mlcm_status fill_new(mlcm__ref_reader *r, const new_lists *l, mlcm__tree_source *s) {
  static const uint8_t modes[] = {MLCM__TREE_LEQ, MLCM__TREE_LT,  MLCM__TREE_GTE,   MLCM__TREE_GT,
                                  MLCM__TREE_EQ,  MLCM__TREE_NEQ, MLCM__TREE_MEMBER};
  size_t at_members = 0;
  for (size_t i = 0; i < l->n; i++) {
    uint8_t mode = ((const uint8_t *)l->modes->data)[i];
    if (mode >= sizeof modes) return r->st = mlcm__fail(r->err, MLCM_PARSE, "node mode %u is unknown", mode);
    s->mode[i] = modes[mode];
    s->feature[i] = l->features[i];
    s->value[i] = l->splits[i];
    s->missing_true[i] = l->missing != NULL && l->missing[i] != 0;
    s->yes[i] = child_position(l->yes[i], l->yes_is_leaf[i], l);
    s->no[i] = child_position(l->no[i], l->no_is_leaf[i], l);
    if (s->mode[i] == MLCM__TREE_MEMBER && next_members(r, l, &at_members, &s->members[i], &s->value[i])) return r->st;
  }
  for (size_t i = 0; i < l->n_leaves; i++) {
    s->leaf_first[l->n + i] = (int64_t)i;
    s->leaf_n[l->n + i] = 1;
    s->leaf_target[i] = l->leaf_targets[i];
    s->leaf_weight[i] = l->leaf_weights[i];
  }
  return MLCM_OK;
}

/* A tree that is one leaf is written as a branch whose children are both that leaf: it becomes the leaf. */
static void unfold_single_leaves(mlcm__tree_source *s, const new_lists *l, int64_t *roots) {
  for (size_t i = 0; i < l->n_roots; i++) {
    int64_t root = l->roots[i];
    bool known = root >= 0 && root < (int64_t)l->n;
    roots[i] = known && s->yes[root] == s->no[root] && s->yes[root] >= (int64_t)l->n ? s->yes[root] : root;
  }
}

mlcm_status mlcm__tree_read_new(mlcm__ref_reader *r, mlcm__ref_kernel *k, mlcm__tree_source *s) {
  new_lists l = {0};
  if (read_new_lists(r, k, &l)) return r->st;
  s->n_nodes = l.n + l.n_leaves;
  s->n_weights = l.n_leaves;
  s->n_roots = l.n_roots;
  s->member_values = l.members;
  s->n_member_values = l.n_members;
  if (make_room(r, k, s)) return r->st;
  s->leaf_target = mlcm__ref_keep(k, l.n_leaves, sizeof *s->leaf_target, r->err);
  s->leaf_weight = mlcm__ref_keep(k, l.n_leaves, sizeof *s->leaf_weight, r->err);
  int64_t *roots = mlcm__ref_keep(k, l.n_roots, sizeof *roots, r->err);
  if (s->leaf_target == NULL || s->leaf_weight == NULL || roots == NULL) return r->st = r->err->code;
  if (fill_new(r, &l, s)) return r->st;
  unfold_single_leaves(s, &l, roots);
  s->roots = roots;
  return MLCM_OK;
}
