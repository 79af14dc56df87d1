/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.h - forests in flat arrays, shared by the three tree operators of ai.onnx.ml.
 *
 * Nodes of a tree stand in depth-first order: a branch's true child is the next node, its false child is named. So half of all
 * steps stay in the same cache line, and a forest that could loop for ever cannot be expressed: children come after parents.
 */
#ifndef MLCM_INFER_TREE_H
#define MLCM_INFER_TREE_H

#include "infer/reference/reference.h"

enum {
  MLCM__TREE_LEAF = 0,
  MLCM__TREE_LEQ,
  MLCM__TREE_LT,
  MLCM__TREE_GTE,
  MLCM__TREE_GT,
  MLCM__TREE_EQ,
  MLCM__TREE_NEQ,
  MLCM__TREE_MEMBER
};

/* What the attributes say, node by node, before it is put in order. */
typedef struct mlcm__tree_source {
  size_t n_nodes;
  uint8_t *mode;
  int64_t *feature;
  double *value;   /* threshold; MEMBER: number of members */
  size_t *members; /* MEMBER: where in member_values they begin */
  const double *member_values;
  size_t n_member_values;
  uint8_t *missing_true;
  int64_t *yes, *no;            /* positions of children; of a leaf: unused */
  int64_t *leaf_first, *leaf_n; /* leaves: range in leaf_target and leaf_weight */
  const int64_t *roots;
  size_t n_roots;
  int64_t *leaf_target;
  double *leaf_weight;
  size_t n_weights;
  int64_t n_targets;
  bool all_reached; /* a node that no root leads to is an error */
} mlcm__tree_source;

/* A branch: value is the threshold. A leaf: feature is -1, no is the first weight, members how many. */
typedef struct mlcm__tree_node {
  double value;
  int32_t feature;
  int32_t no;
  uint32_t members;
  uint8_t mode;
  uint8_t missing_true;
} mlcm__tree_node;

enum { MLCM__SUM, MLCM__AVERAGE, MLCM__MIN, MLCM__MAX };

typedef struct mlcm__forest {
  mlcm__tree_node *nodes;
  size_t n_nodes;
  const int32_t *roots;
  size_t n_roots;
  const int32_t *target; /* of each weight */
  const double *weight;
  const double *member_values;
  int64_t n_targets;
  int64_t n_features; /* 1 + the largest that is read */
  int aggregate;
  uint8_t only_mode; /* all branches compare like this and none tracks missing values; LEAF: no */
} mlcm__forest;

/* Puts a source in order; nothing of the source is kept. MLCM_PARSE when it is no forest. */
void mlcm__forest_build(mlcm__ref_reader *r, const mlcm__tree_source *source, int aggregate, mlcm__forest *out);

/* Adds up one row's leaves: scores [n_targets] and has_score [n_targets] (for MIN and MAX) start afresh; AVERAGE is applied. */
void mlcm__forest_score(const mlcm__forest *forest, const double *row, double *scores, uint8_t *has_score);

/* The attributes nodes_* and either class_* or target_* (opset 1 to 4). */
void mlcm__tree_read_old(mlcm__ref_reader *r, const char *leaf_prefix, mlcm__tree_source *out);
/* The attributes of TreeEnsemble (opset 5). */
void mlcm__tree_read_new(mlcm__ref_reader *r, mlcm__tree_source *out);

#endif
