/* SPDX-License-Identifier: Apache-2.0
 *
 * graph.c - resolves names: each is defined once (initializer, input or a node's output), and before its use.
 *
 * ONNX demands that nodes stand in topological order, so one pass both resolves and proves that there is no cycle.
 */
#include "infer/graph.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

mlcm_status mlcm__node_failure(const mlcm__gnode *node, mlcm_status st, const mlcm_error *why, mlcm_error *err) {
  const char *reason = why->message[0] != '\0' ? why->message : "no reason is given";
  (void)mlcm__fail(err, st, "node '%.*s' (%.*s): %.*s", mlcm__shown(node->name), node->name.ptr,
                   node->op.len < 60 ? (int)node->op.len : 60, node->op.ptr, (int)sizeof why->message, reason);
  if (err != NULL) err->sys_code = why->sys_code;
  return st;
}

typedef struct builder {
  mlcm__graph *graph;
  const mlcm__onnx_model *model;
  const mlcm__files *files;
  mlcm__map *names; /* to mlcm__value */
  mlcm_error *err;
} builder;

static mlcm_status define_value(builder *b, mlcm_str name, mlcm__value **out) {
  mlcm__graph *g = b->graph;
  if (mlcm__map_get(b->names, name.ptr, name.len) != NULL)
    return mlcm__fail(b->err, MLCM_PARSE, "value '%.*s' is defined twice", mlcm__shown(name), name.ptr);
  mlcm__value *v = &g->values[g->n_values]; /* make_room counted all definitions */
  *v = (mlcm__value){.producer = -1, .slot = -1, .name = mlcm__arena_strndup(&g->arena, name.ptr, name.len)};
  if (v->name == NULL) return mlcm__fail_memory(b->err, name.len + 1);
  mlcm_status st = mlcm__map_set(b->names, name.ptr, name.len, v, b->err);
  if (st) return st;
  g->n_values++;
  *out = v;
  return MLCM_OK;
}

static mlcm_status define_initializers(builder *b) {
  for (size_t i = 0; i < b->model->n_initializers; i++) {
    const mlcm__onnx_tensor *t = &b->model->initializers[i];
    mlcm__value *v = NULL;
    if (t->name.len == 0) return mlcm__fail(b->err, MLCM_PARSE, "graph.initializer[%zu] has no name", i);
    mlcm_status st = define_value(b, t->name, &v);
    if (!st) st = mlcm__tensor_load(&b->graph->arena, t, b->files, &v->constant, b->err);
    if (st) {
      if (st != MLCM_NO_MEMORY) mlcm__error_prefix(b->err, "initializer '%.*s': ", mlcm__shown(t->name), t->name.ptr);
      return st;
    }
    v->is_constant = true;
    v->dtype = v->constant.dtype;
  }
  return MLCM_OK;
}

/* An input that an initializer gives a value to is that constant, as in models older than IR version 4. */
static mlcm_status define_inputs(builder *b) {
  for (size_t i = 0; i < b->model->n_inputs; i++) {
    mlcm_str name = b->model->inputs[i].name;
    mlcm__value *v = mlcm__map_get(b->names, name.ptr, name.len);
    if (v != NULL && v->is_constant) continue;
    mlcm_status st = define_value(b, name, &v);
    if (st) return st;
    v->dtype = b->model->inputs[i].dtype;
  }
  return MLCM_OK;
}

static mlcm_status find_opset(builder *b, const mlcm__onnx_node *source, mlcm__gnode *node) {
  static const char standard[] = "ai.onnx";
  node->domain = source->domain.len > 0 ? source->domain : (mlcm_str){standard, sizeof standard - 1};
  bool is_standard = mlcm__str_is(node->domain, standard);
  for (size_t i = 0; i < b->model->n_opsets; i++) {
    const mlcm__onnx_opset *o = &b->model->opsets[i];
    bool same = (o->domain.len == 0 && is_standard) ||
                (o->domain.len == node->domain.len && memcmp(o->domain.ptr, node->domain.ptr, o->domain.len) == 0);
    if (same) node->opset = o->version;
  }
  if (node->opset == 0 && b->model->n_opsets == 0 && is_standard) node->opset = 1; /* before opsets were declared */
  if (node->opset > 0) return MLCM_OK;
  return mlcm__fail(b->err, MLCM_PARSE, "node '%.*s' (%.*s) is of domain '%.*s', of which the model imports no opset",
                    mlcm__shown(node->name), node->name.ptr, mlcm__shown(source->op), source->op.ptr, mlcm__shown(node->domain),
                    node->domain.ptr);
}

static mlcm_status name_node(builder *b, const mlcm__onnx_node *source, size_t index, mlcm__gnode *node) {
  char made_up[96];
  node->name = source->name;
  if (node->name.len > 0) return MLCM_OK;
  int len = snprintf(made_up, sizeof made_up, "%.*s#%zu", source->op.len < 60 ? (int)source->op.len : 60, source->op.ptr, index);
  char *copy = mlcm__arena_strndup(&b->graph->arena, made_up, (size_t)len);
  if (copy == NULL) return mlcm__fail_memory(b->err, (size_t)len + 1);
  node->name = (mlcm_str){copy, (size_t)len};
  return MLCM_OK;
}

static mlcm_status resolve_inputs(builder *b, const mlcm__onnx_node *source, mlcm__gnode *node) {
  for (size_t i = 0; i < source->n_inputs; i++) {
    mlcm_str name = source->inputs[i];
    node->inputs[i] = MLCM__NO_VALUE;
    if (name.len == 0) continue;
    const mlcm__value *v = mlcm__map_get(b->names, name.ptr, name.len);
    if (v == NULL)
      return mlcm__fail(b->err, MLCM_PARSE,
                        "node '%.*s' (%.*s) reads '%.*s', which nothing before it defines: missing, or the graph has a cycle",
                        mlcm__shown(node->name), node->name.ptr, mlcm__shown(source->op), source->op.ptr, mlcm__shown(name),
                        name.ptr);
    assert(v >= b->graph->values && (size_t)(v - b->graph->values) < b->graph->n_values);
    node->inputs[i] = v - b->graph->values;
    node->n_inputs = i + 1; /* trailing ones that are left out do not count */
  }
  return MLCM_OK;
}

static mlcm_status resolve_outputs(builder *b, const mlcm__onnx_node *source, mlcm__gnode *node) {
  for (size_t i = 0; i < source->n_outputs; i++) {
    mlcm__value *v = NULL;
    node->outputs[i] = MLCM__NO_VALUE;
    if (source->outputs[i].len == 0) continue;
    mlcm_status st = define_value(b, source->outputs[i], &v);
    if (st) return st;
    v->producer = node - b->graph->nodes;
    node->outputs[i] = v - b->graph->values;
  }
  node->n_outputs = source->n_outputs;
  return MLCM_OK;
}

static bool is_constant_node(const mlcm__gnode *node) {
  return mlcm__str_is(node->source->op, "Constant") && mlcm__str_is(node->domain, "ai.onnx");
}

/* A Constant is no work for a backend: its output is a constant value and the node is dropped. */
static mlcm_status define_constant(builder *b, const mlcm__gnode *node) {
  mlcm__value *v = NULL;
  if (node->source->n_outputs != 1)
    return mlcm__fail(b->err, MLCM_PARSE, "node '%.*s': Constant has one output", mlcm__shown(node->name), node->name.ptr);
  mlcm_status st = define_value(b, node->source->outputs[0], &v);
  if (!st) st = mlcm__constant_load(&b->graph->arena, node->source, b->files, &v->constant, b->err);
  if (st) return st;
  v->is_constant = true;
  v->dtype = v->constant.dtype;
  return MLCM_OK;
}

static mlcm_status add_node(builder *b, const mlcm__onnx_node *source, size_t index) {
  mlcm__graph *g = b->graph;
  mlcm__gnode *node = &g->nodes[g->n_nodes];
  *node = (mlcm__gnode){.source = source, .op = source->op};
  mlcm_status st = name_node(b, source, index, node);
  if (!st) st = find_opset(b, source, node);
  if (st) return st;
  if (is_constant_node(node)) return define_constant(b, node);
  node->inputs = mlcm__arena_alloc(&g->arena, source->n_inputs, sizeof *node->inputs);
  node->outputs = mlcm__arena_alloc(&g->arena, source->n_outputs, sizeof *node->outputs);
  if (node->inputs == NULL || node->outputs == NULL) return mlcm__fail_memory(b->err, source->n_inputs * sizeof *node->inputs);
  st = resolve_inputs(b, source, node);
  if (!st) st = resolve_outputs(b, source, node);
  if (!st) g->n_nodes++;
  return st;
}

static mlcm_status make_room(builder *b) {
  mlcm__graph *g = b->graph;
  size_t n = b->model->n_initializers + b->model->n_inputs;
  for (size_t i = 0; i < b->model->n_nodes; i++) n += b->model->nodes[i].n_outputs;
  g->values = mlcm__arena_alloc(&g->arena, n, sizeof *g->values);
  g->nodes = mlcm__arena_alloc(&g->arena, b->model->n_nodes, sizeof *g->nodes);
  if (g->values == NULL || g->nodes == NULL) return mlcm__fail_memory(b->err, n * sizeof *g->values);
  return mlcm__map_new(g->ctx, &b->names, b->err);
}

mlcm_status mlcm__graph_build(mlcm_context *ctx, const mlcm__onnx_model *model, const mlcm__files *files, mlcm__graph *out,
                              mlcm_error *err) {
  mlcm__graph g = {.ctx = ctx};
  builder b = {.graph = &g, .model = model, .files = files, .err = err};
  mlcm__arena_init(&g.arena, ctx);
  mlcm_status st = make_room(&b);
  if (!st) st = define_initializers(&b);
  if (!st) st = define_inputs(&b);
  for (size_t i = 0; !st && i < model->n_nodes; i++) st = add_node(&b, &model->nodes[i], i);
  if (!st) st = mlcm__ports_build(&g, model, b.names, err);
  if (!st) st = mlcm__plan_slots(&g, err);
  mlcm__map_free(b.names);
  if (st)
    mlcm__graph_free(&g);
  else
    *out = g;
  return st;
}

void mlcm__graph_free(mlcm__graph *graph) {
  mlcm__map_free(graph->input_names);
  mlcm__map_free(graph->output_names);
  mlcm__arena_reset(&graph->arena);
}
