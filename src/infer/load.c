/* SPDX-License-Identifier: Apache-2.0
 *
 * load.c - reads the model, resolves it, and takes every node through the backend: can you, then prepare.
 *
 * All nodes are asked before one is prepared, so that a model that cannot run says so before any work. Nodes that no output
 * depends on are asked too (a missing operator is an error wherever it stands) but not prepared.
 */
#include "infer/load.h"

#include <string.h>

/* One node as the backend sees it; the arrays live in `arena`. */
typedef struct node_view {
  mlcm_node node;
  unsigned char *has_input, *has_output;
  const mlcm_tensor **constants;
  size_t *readers;
  mlcm_dtype *input_dtypes, *output_dtypes;
  mlcm_attr *attrs;
} node_view;

/* *good turns false for lack of memory. */
static void *list_of(mlcm__arena *arena, size_t n, size_t size_bytes, bool *good) {
  void *list = mlcm__arena_alloc(arena, n, size_bytes);
  if (list == NULL) *good = false;
  return list;
}

static mlcm_status make_lists(mlcm__arena *arena, size_t n_inputs, size_t n_outputs, node_view *v, mlcm_error *err) {
  bool good = true;
  v->has_input = list_of(arena, n_inputs, 1, &good);
  v->has_output = list_of(arena, n_outputs, 1, &good);
  v->constants = list_of(arena, n_inputs, sizeof *v->constants, &good);
  v->readers = list_of(arena, n_inputs, sizeof *v->readers, &good);
  v->input_dtypes = list_of(arena, n_inputs, sizeof *v->input_dtypes, &good);
  v->output_dtypes = list_of(arena, n_outputs, sizeof *v->output_dtypes, &good);
  return good ? MLCM_OK : mlcm__fail_memory(err, n_inputs * sizeof *v->constants);
}

static mlcm_status view_node(mlcm_session *s, size_t n, mlcm__arena *arena, const mlcm__files *files, node_view *v,
                             mlcm_error *err) {
  const mlcm__gnode *g = &s->graph.nodes[n];
  mlcm_status st = make_lists(arena, g->n_inputs, g->n_outputs, v, err);
  if (st) return st;
  for (size_t i = 0; i < g->n_inputs; i++) {
    if (g->inputs[i] == MLCM__NO_VALUE) continue;
    const mlcm__value *value = &s->graph.values[g->inputs[i]];
    v->has_input[i] = 1;
    v->constants[i] = value->is_constant ? &value->constant : NULL;
    v->readers[i] = value->n_readers;
    v->input_dtypes[i] = value->dtype;
  }
  for (size_t i = 0; i < g->n_outputs; i++)
    v->has_output[i] = g->outputs[i] != MLCM__NO_VALUE && s->graph.values[g->outputs[i]].is_wanted;
  st = mlcm__attrs_load(arena, &s->graph.arena, g->source, files, &v->attrs, err);
  v->node = (mlcm_node){.struct_size = sizeof v->node,
                        .ctx = s->ctx,
                        .name = g->name,
                        .op = g->op,
                        .domain = g->domain,
                        .opset = g->opset,
                        .n_inputs = g->n_inputs,
                        .n_outputs = g->n_outputs,
                        .has_input = v->has_input,
                        .has_output = v->has_output,
                        .constants = v->constants,
                        .attrs = v->attrs,
                        .n_attrs = g->source->n_attrs,
                        .input_dtypes = v->input_dtypes,
                        .output_dtypes = v->output_dtypes,
                        .input_readers = v->readers};
  return st;
}

static mlcm_status missing_operator(const mlcm_session *s, const mlcm__gnode *g, mlcm_error *err) {
  return mlcm__fail(err, MLCM_UNSUPPORTED, "node '%.*s' needs operator %.*s (%.*s opset %lld): not in backend '%s'",
                    mlcm__shown(g->name), g->name.ptr, mlcm__shown(g->op), g->op.ptr, mlcm__shown(g->domain), g->domain.ptr,
                    (long long)g->opset, s->backend->name);
}

/* What the backend told of its outputs is known to the nodes after it. */
static void take_types(mlcm_session *s, size_t n, const node_view *v) {
  const mlcm__gnode *g = &s->graph.nodes[n];
  for (size_t i = 0; i < g->n_outputs; i++)
    if (g->outputs[i] != MLCM__NO_VALUE) s->graph.values[g->outputs[i]].dtype = v->output_dtypes[i];
}

static mlcm_status ask(mlcm_session *s, size_t n, const node_view *v, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = s->backend->supports(s->backend, &v->node, &why);
  if (st == MLCM_OK) {
    take_types(s, n, v);
    return MLCM_OK;
  }
  if (st == MLCM_UNSUPPORTED && why.code == 0) return missing_operator(s, &s->graph.nodes[n], err);
  return mlcm__node_failure(&s->graph.nodes[n], st, &why, err);
}

static bool has_subgraph(const mlcm__onnx_node *node) {
  for (size_t i = 0; i < node->n_attrs; i++)
    if (node->attrs[i].kind == 5 || node->attrs[i].kind == 10) return true;
  return false;
}

static mlcm_status prepare_node(mlcm_session *s, size_t n, const node_view *v, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = s->backend->prepare(s->backend, &v->node, &s->kernels[n], &why);
  s->prepared[n] = st == MLCM_OK;
  return st ? mlcm__node_failure(&s->graph.nodes[n], st, &why, err) : MLCM_OK;
}

static mlcm_status view_and_ask(mlcm_session *s, size_t n, mlcm__arena *arena, const mlcm__files *files, node_view *v,
                                mlcm_error *err) {
  const mlcm__gnode *g = &s->graph.nodes[n];
  mlcm_error why = {0};
  if (has_subgraph(g->source)) return missing_operator(s, g, err); /* If, Loop, Scan: no backend is offered subgraphs yet */
  mlcm_status st = view_node(s, n, arena, files, v, &why);
  return st ? mlcm__node_failure(g, st, &why, err) : ask(s, n, v, err);
}

static mlcm_status prepare_nodes(mlcm_session *s, mlcm__arena *arena, const mlcm__files *files, mlcm_error *err) {
  size_t n_nodes = s->graph.n_nodes;
  mlcm_status st = MLCM_OK;
  node_view *views = mlcm__arena_alloc(arena, n_nodes, sizeof *views);
  s->kernels = mlcm__arena_alloc(&s->graph.arena, n_nodes, sizeof *s->kernels);
  s->prepared = mlcm__arena_alloc(&s->graph.arena, n_nodes, sizeof *s->prepared);
  if (views == NULL || s->kernels == NULL || s->prepared == NULL) return mlcm__fail_memory(err, n_nodes * sizeof *views);
  for (size_t n = 0; !st && n < n_nodes; n++) st = view_and_ask(s, n, arena, files, &views[n], err);
  for (size_t n = 0; !st && n < n_nodes; n++)
    if (s->graph.nodes[n].is_live) st = prepare_node(s, n, &views[n], err);
  return st;
}

mlcm_status mlcm__session_load(mlcm_session *s, const mlcm__files *files, mlcm_error *err) {
  const mlcm_model_file *file = &files->files[files->model];
  mlcm__onnx_model model = {0};
  mlcm__graph graph = {0};
  mlcm__arena arena;
  mlcm__arena_init(&arena, s->ctx);
  mlcm_status st = mlcm__onnx_read_model(&arena, file->path, file->data, file->size_bytes, &model, err);
  if (!st) st = mlcm__graph_build(s->ctx, &model, files, &graph, err);
  if (!st) {
    mlcm__graph_free(&s->graph);
    s->graph = graph;
    st = prepare_nodes(s, &arena, files, err);
  }
  for (size_t n = 0; n < s->graph.n_nodes; n++) s->graph.nodes[n].source = NULL; /* goes with this arena */
  mlcm__arena_reset(&arena);
  return st;
}
