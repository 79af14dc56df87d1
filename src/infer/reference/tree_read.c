/* SPDX-License-Identifier: Apache-2.0
 *
 * tree_read.c - the attributes of tree ensembles, old (TreeEnsembleClassifier, TreeEnsembleRegressor) and new (TreeEnsemble).
 *
 * The old form names nodes by (tree, id), mostly but not always counted from 0 in file order; the new one by position.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/reference/tree.h"

/* All lists of one length. */
static void same_length(mlcm__ref_reader *r, const char *name, size_t n, size_t want) {
  if (n != want) mlcm__ref_bad(r, MLCM_PARSE, "'%s' has %zu elements, %zu are needed", name, n, want);
}

static const int64_t *ints_of(mlcm__ref_reader *r, const char *name, size_t want) {
  size_t n = 0;
  const int64_t *list = mlcm__ref_ints(r, name, &n);
  same_length(r, name, n, want);
  return list;
}

/* One a node, or none at all: NULL. */
static const int64_t *missing_of(mlcm__ref_reader *r, size_t want) {
  static const char name[] = "nodes_missing_value_tracks_true";
  size_t n = 0;
  const int64_t *list = mlcm__ref_ints(r, name, &n);
  if (n > 0) same_length(r, name, n, want);
  return n > 0 ? list : NULL;
}

static const double *doubles_of(mlcm__ref_reader *r, const char *name, const char *tensor_name, size_t want) {
  size_t n = 0;
  const double *list = mlcm__ref_doubles(r, name, tensor_name, &n);
  same_length(r, name, n, want);
  return list;
}

static void make_room(mlcm__ref_reader *r, mlcm__tree_source *s) {
  size_t n = s->n_nodes;
  s->mode = mlcm__ref_keep(r, n, 1);
  s->missing_true = mlcm__ref_keep(r, n, 1);
  s->feature = mlcm__ref_keep(r, n, sizeof *s->feature);
  s->value = mlcm__ref_keep(r, n, sizeof *s->value);
  s->members = mlcm__ref_keep(r, n, sizeof *s->members);
  s->yes = mlcm__ref_keep(r, n, sizeof *s->yes);
  s->no = mlcm__ref_keep(r, n, sizeof *s->no);
  s->leaf_first = mlcm__ref_keep(r, n, sizeof *s->leaf_first);
  s->leaf_n = mlcm__ref_keep(r, n, sizeof *s->leaf_n);
  s->leaf_target = mlcm__ref_keep(r, s->n_weights, sizeof *s->leaf_target);
  s->leaf_weight = mlcm__ref_keep(r, s->n_weights, sizeof *s->leaf_weight);
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

static void read_old_lists(mlcm__ref_reader *r, old_lists *l, size_t *n_nodes) {
  size_t n_modes = 0;
  l->trees = mlcm__ref_ints(r, "nodes_treeids", n_nodes);
  l->ids = ints_of(r, "nodes_nodeids", *n_nodes);
  l->features = ints_of(r, "nodes_featureids", *n_nodes);
  l->yes = ints_of(r, "nodes_truenodeids", *n_nodes);
  l->no = ints_of(r, "nodes_falsenodeids", *n_nodes);
  l->modes = mlcm__ref_strings(r, "nodes_modes", &n_modes);
  same_length(r, "nodes_modes", n_modes, *n_nodes);
  l->missing = missing_of(r, *n_nodes);
  l->values = doubles_of(r, "nodes_values", "nodes_values_as_tensor", *n_nodes);
  l->sorted = mlcm__ref_keep(r, *n_nodes, sizeof *l->sorted);
  l->is_child = mlcm__ref_keep(r, *n_nodes, 1);
}

static void sort_nodes(mlcm__ref_reader *r, old_lists *l, size_t n) {
  for (size_t i = 0; i < n; i++) l->sorted[i] = (node_key){l->trees[i], l->ids[i], (int64_t)i};
  if (!is_sorted(l->sorted, n)) qsort(l->sorted, n, sizeof *l->sorted, compare_keys);
  for (size_t i = 1; i < n; i++)
    if (compare_keys(&l->sorted[i - 1], &l->sorted[i]) == 0)
      mlcm__ref_bad(r, MLCM_PARSE, "node %lld of tree %lld is there twice", (long long)l->sorted[i].id,
                    (long long)l->sorted[i].tree);
}

/* Where the child would stand if ids counted up in file order: as far from node i as its id is. */
static int64_t guess_child(const old_lists *l, size_t i, int64_t child) {
  return (int64_t)((uint64_t)i - (uint64_t)l->ids[i] + (uint64_t)child);
}

static void link_node(mlcm__ref_reader *r, const old_lists *l, mlcm__tree_source *s, size_t i) {
  s->yes[i] = find_node(l, s->n_nodes, l->trees[i], l->yes[i], guess_child(l, i, l->yes[i]));
  s->no[i] = find_node(l, s->n_nodes, l->trees[i], l->no[i], guess_child(l, i, l->no[i]));
  if (s->yes[i] < 0 || s->no[i] < 0) {
    mlcm__ref_bad(r, MLCM_PARSE, "node %lld of tree %lld has a child that does not exist", (long long)l->ids[i],
                  (long long)l->trees[i]);
    return;
  }
  l->is_child[s->yes[i]] = l->is_child[s->no[i]] = 1;
}

static void link_children(mlcm__ref_reader *r, const old_lists *l, mlcm__tree_source *s) {
  for (size_t i = 0; i < s->n_nodes; i++) {
    s->mode[i] = mode_of(l->modes[i]);
    s->feature[i] = l->features[i];
    s->value[i] = l->values[i];
    s->missing_true[i] = l->missing != NULL && l->missing[i] != 0;
    if (s->mode[i] == UINT8_MAX)
      mlcm__ref_bad(r, MLCM_PARSE, "node mode '%.*s' is unknown", l->modes[i].len < 40 ? (int)l->modes[i].len : 40,
                    l->modes[i].ptr);
    else if (s->mode[i] != MLCM__TREE_LEAF)
      link_node(r, l, s, i);
  }
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

static void find_roots(mlcm__ref_reader *r, const old_lists *l, mlcm__tree_source *s) {
  int64_t *roots = mlcm__ref_keep(r, s->n_nodes, sizeof *roots);
  for (size_t from = 0, to = 0; r->st == MLCM_OK && from < s->n_nodes; from = to) {
    while (to < s->n_nodes && l->sorted[to].tree == l->sorted[from].tree) to++;
    int64_t root = root_of(l, from, to);
    roots[s->n_roots++] = root;
    if (root < 0) mlcm__ref_bad(r, MLCM_PARSE, "tree %lld has no root: it is a cycle", (long long)l->sorted[from].tree);
  }
  s->roots = roots;
}

/* Leaf weights, sorted by the node they belong to; within a node in file order. */
typedef struct weight_key {
  int64_t node, order;
} weight_key;

static int compare_weights(const void *a, const void *b) {
  const weight_key *x = a, *y = b;
  if (x->node != y->node) return x->node < y->node ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

typedef struct leaf_lists {
  const int64_t *trees, *ids, *targets;
  const double *weights;
  weight_key *keys;
  size_t n;
} leaf_lists;

static void read_leaf_lists(mlcm__ref_reader *r, const char *prefix, leaf_lists *out) {
  char name[40], tensor_name[48];
  snprintf(name, sizeof name, "%s_treeids", prefix);
  out->trees = mlcm__ref_ints(r, name, &out->n);
  snprintf(name, sizeof name, "%s_nodeids", prefix);
  out->ids = ints_of(r, name, out->n);
  snprintf(name, sizeof name, "%s_ids", prefix);
  out->targets = ints_of(r, name, out->n);
  snprintf(name, sizeof name, "%s_weights", prefix);
  snprintf(tensor_name, sizeof tensor_name, "%s_weights_as_tensor", prefix);
  out->weights = doubles_of(r, name, tensor_name, out->n);
  out->keys = mlcm__ref_keep(r, out->n, sizeof *out->keys);
}

static void find_leaves(mlcm__ref_reader *r, const old_lists *l, const leaf_lists *in, mlcm__tree_source *s) {
  for (size_t i = 0; i < in->n; i++) {
    int64_t node = find_node(l, s->n_nodes, in->trees[i], in->ids[i], i > 0 ? in->keys[i - 1].node : 0);
    if (node < 0 || s->mode[node] != MLCM__TREE_LEAF) {
      mlcm__ref_bad(r, MLCM_PARSE, "a weight is for node %lld of tree %lld, which is no leaf", (long long)in->ids[i],
                    (long long)in->trees[i]);
      return;
    }
    in->keys[i] = (weight_key){node, (int64_t)i};
  }
  qsort(in->keys, in->n, sizeof *in->keys, compare_weights);
  for (size_t i = 0; i < in->n; i++) {
    const weight_key *key = &in->keys[i];
    s->leaf_target[i] = in->targets[key->order];
    s->leaf_weight[i] = in->weights[key->order];
    if (s->leaf_n[key->node]++ == 0) s->leaf_first[key->node] = (int64_t)i;
  }
}

void mlcm__tree_read_old(mlcm__ref_reader *r, const char *leaf_prefix, mlcm__tree_source *s) {
  old_lists l = {0};
  leaf_lists leaves = {0};
  read_old_lists(r, &l, &s->n_nodes);
  read_leaf_lists(r, leaf_prefix, &leaves);
  s->n_weights = leaves.n;
  s->all_reached = true;
  make_room(r, s);
  if (r->st == MLCM_OK) sort_nodes(r, &l, s->n_nodes);
  if (r->st == MLCM_OK) link_children(r, &l, s);
  if (r->st == MLCM_OK) find_roots(r, &l, s);
  if (r->st == MLCM_OK) find_leaves(r, &l, &leaves, s);
}

/* ---- The new form: branches first, leaves after them ---- */

typedef struct new_lists {
  const int64_t *features, *yes, *yes_is_leaf, *no, *no_is_leaf, *missing, *leaf_targets, *roots;
  size_t n, n_leaves, n_roots, n_members;
  const mlcm_tensor *modes;
  const double *splits, *leaf_weights, *members;
} new_lists;

static void read_new_lists(mlcm__ref_reader *r, new_lists *l) {
  l->features = mlcm__ref_ints(r, "nodes_featureids", &l->n);
  l->yes = ints_of(r, "nodes_truenodeids", l->n);
  l->yes_is_leaf = ints_of(r, "nodes_trueleafs", l->n);
  l->no = ints_of(r, "nodes_falsenodeids", l->n);
  l->no_is_leaf = ints_of(r, "nodes_falseleafs", l->n);
  l->missing = missing_of(r, l->n);
  l->splits = doubles_of(r, "nodes_splits", "nodes_splits", l->n);
  l->leaf_targets = mlcm__ref_ints(r, "leaf_targetids", &l->n_leaves);
  l->leaf_weights = doubles_of(r, "leaf_weights", "leaf_weights", l->n_leaves);
  l->roots = mlcm__ref_ints(r, "tree_roots", &l->n_roots);
  const mlcm_tensor *members = mlcm__ref_tensor(r, "membership_values");
  if (members != NULL) l->members = mlcm__ref_doubles(r, "", "membership_values", &l->n_members);
  l->modes = mlcm__ref_tensor(r, "nodes_modes");
  if (l->modes == NULL || l->modes->dtype != MLCM_U8)
    mlcm__ref_bad(r, MLCM_PARSE, "'nodes_modes' must be a tensor of u8");
  else
    same_length(r, "nodes_modes", (size_t)l->modes->count, l->n);
}

/* Sets of members stand one after the other, each ended by a NaN, in the order of the MEMBER nodes. */
static void next_members(mlcm__ref_reader *r, const new_lists *l, size_t *at, size_t *first, double *count) {
  *first = *at;
  while (*at < l->n_members && !isnan(l->members[*at])) ++*at;
  *count = (double)(*at - *first);
  if (*at < l->n_members)
    ++*at; /* over the NaN */
  else if (*count == 0)
    mlcm__ref_bad(r, MLCM_PARSE, "'membership_values' has fewer sets than there are BRANCH_MEMBER nodes");
}

static int64_t child_position(int64_t id, int64_t is_leaf, const new_lists *l) {
  int64_t limit = is_leaf ? (int64_t)l->n_leaves : (int64_t)l->n;
  if (id < 0 || id >= limit) return -1;
  return is_leaf ? (int64_t)l->n + id : id;
}

static void fill_new(mlcm__ref_reader *r, const new_lists *l, mlcm__tree_source *s) {
  static const uint8_t modes[] = {MLCM__TREE_LEQ, MLCM__TREE_LT,  MLCM__TREE_GTE,   MLCM__TREE_GT,
                                  MLCM__TREE_EQ,  MLCM__TREE_NEQ, MLCM__TREE_MEMBER};
  size_t at_members = 0;
  for (size_t i = 0; i < l->n; i++) {
    uint8_t mode = ((const uint8_t *)l->modes->data)[i];
    if (mode >= sizeof modes) {
      mlcm__ref_bad(r, MLCM_PARSE, "node mode %u is unknown", mode);
      return;
    }
    s->mode[i] = modes[mode];
    s->feature[i] = l->features[i];
    s->value[i] = l->splits[i];
    s->missing_true[i] = l->missing != NULL && l->missing[i] != 0;
    s->yes[i] = child_position(l->yes[i], l->yes_is_leaf[i], l);
    s->no[i] = child_position(l->no[i], l->no_is_leaf[i], l);
    if (s->mode[i] == MLCM__TREE_MEMBER) next_members(r, l, &at_members, &s->members[i], &s->value[i]);
  }
  for (size_t i = 0; i < l->n_leaves; i++) {
    s->leaf_first[l->n + i] = (int64_t)i;
    s->leaf_n[l->n + i] = 1;
    s->leaf_target[i] = l->leaf_targets[i];
    s->leaf_weight[i] = l->leaf_weights[i];
  }
}

/* A tree that is one leaf is written as a branch whose children are both that leaf: it becomes the leaf. */
static void unfold_single_leaves(mlcm__tree_source *s, const new_lists *l, int64_t *roots) {
  for (size_t i = 0; i < l->n_roots; i++) {
    int64_t root = l->roots[i];
    bool known = root >= 0 && root < (int64_t)l->n;
    roots[i] = known && s->yes[root] == s->no[root] && s->yes[root] >= (int64_t)l->n ? s->yes[root] : root;
  }
}

void mlcm__tree_read_new(mlcm__ref_reader *r, mlcm__tree_source *s) {
  new_lists l = {0};
  read_new_lists(r, &l);
  s->n_nodes = l.n + l.n_leaves;
  s->n_weights = l.n_leaves;
  s->n_roots = l.n_roots;
  s->member_values = l.members;
  s->n_member_values = l.n_members;
  make_room(r, s);
  int64_t *roots = mlcm__ref_keep(r, l.n_roots, sizeof *roots);
  if (r->st) return;
  fill_new(r, &l, s);
  unfold_single_leaves(s, &l, roots);
  s->roots = roots;
}
