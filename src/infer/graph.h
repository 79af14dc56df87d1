/* SPDX-License-Identifier: Apache-2.0
 *
 * graph.h - a model after its names were resolved: values, nodes in order, ports, and which buffer each value lives in.
 *
 * Invariants after mlcm__graph_build: every value is defined once, before it is used; a value that a node writes has a slot,
 * and two values that are alive at the same time never share one. Immutable afterwards.
 */
#ifndef MLCM_INFER_GRAPH_H
#define MLCM_INFER_GRAPH_H

#include <mlcm/backend.h>

#include "base/arena.h"
#include "base/map.h"
#include "format/onnx.h"

enum { MLCM__NO_VALUE = -1 };

typedef struct mlcm__value {
  const char *name;
  bool is_constant;
  mlcm_tensor constant;
  mlcm_dtype dtype; /* 0: known only after a run */
  int64_t producer; /* node, -1: input or constant */
  int32_t slot;     /* -1: needs no buffer */
  bool is_output;
  bool is_wanted;  /* some live node or output reads it */
  size_t last_use;  /* last live node that reads it */
  size_t n_readers; /* how often live nodes read it */
} mlcm__value;

typedef struct mlcm__gnode {
  const mlcm__onnx_node *source; /* while loading */
  mlcm_str name, domain, op;
  int64_t opset;
  size_t n_inputs, n_outputs;
  int64_t *inputs, *outputs; /* values or MLCM__NO_VALUE */
  bool is_live;              /* an output depends on it */
} mlcm__gnode;

/* Which part of a value a port is: all of a tensor, or one side of a map. */
enum { MLCM__PORT_TENSOR = 0, MLCM__PORT_KEYS = 1, MLCM__PORT_VALUES = 2 };

typedef struct mlcm__gport {
  mlcm_port port;
  mlcm_str dim_names[MLCM_MAX_RANK];
  int64_t value;
  int part;
} mlcm__gport;

typedef struct mlcm__graph {
  mlcm_context *ctx;
  mlcm__arena arena; /* lives as long as the session */
  mlcm__value *values;
  size_t n_values;
  mlcm__gnode *nodes;
  size_t n_nodes;
  mlcm__gport *inputs, *outputs;
  size_t n_inputs, n_outputs;
  mlcm__map *input_names, *output_names; /* to mlcm__gport */
  size_t n_slots;
} mlcm__graph;

/* The files a model came with, for external data. `model` is the index of the .onnx file. */
typedef struct mlcm__files {
  const mlcm_model_file *files;
  size_t n_files;
  size_t model;
} mlcm__files;

/* Resolves `model`, which must live as long as the graph is used for loading (its arena may go afterwards). */
mlcm_status mlcm__graph_build(mlcm_context *ctx, const mlcm__onnx_model *model, const mlcm__files *files, mlcm__graph *out,
                              mlcm_error *err);
void mlcm__graph_free(mlcm__graph *graph);

/* Turns a tensor of the file into one that lives as long as `arena` and the files: a view where aligned, else a copy. */
mlcm_status mlcm__tensor_load(mlcm__arena *arena, const mlcm__onnx_tensor *source, const mlcm__files *files, mlcm_tensor *out,
                              mlcm_error *err);

/* The value of a Constant node. */
mlcm_status mlcm__constant_load(mlcm__arena *arena, const mlcm__onnx_node *node, const mlcm__files *files, mlcm_tensor *out,
                                mlcm_error *err);

/* Decodes the attributes of a node into arrays in `arena`; tensors go to `keep`. */
mlcm_status mlcm__attrs_load(mlcm__arena *arena, mlcm__arena *keep, const mlcm__onnx_node *node, const mlcm__files *files,
                             mlcm_attr **out, mlcm_error *err);

/* Ports of a graph's inputs and outputs (ports.c). */
mlcm_status mlcm__ports_build(mlcm__graph *graph, const mlcm__onnx_model *model, const mlcm__map *names, mlcm_error *err);

/* How much of a name from the file goes into a message. */
static inline int mlcm__shown(mlcm_str text) { return text.len < 100 ? (int)text.len : 100; }

/* A failure at a node becomes "node 'x' (Gemm): ...". `why` may be filled as sparsely as a backend likes; its code is `st`. */
mlcm_status mlcm__node_failure(const mlcm__gnode *node, mlcm_status st, const mlcm_error *why, mlcm_error *err);

/* Liveness and slots (plan.c). */
mlcm_status mlcm__plan_slots(mlcm__graph *graph, mlcm_error *err);

static inline bool mlcm__str_is(mlcm_str text, const char *word) {
  size_t i = 0;
  while (i < text.len && word[i] != '\0' && text.ptr[i] == word[i]) i++;
  return i == text.len && word[i] == '\0';
}

#endif
