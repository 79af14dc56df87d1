/* SPDX-License-Identifier: Apache-2.0
 *
 * ports.c - the signature: what a caller gives and gets.
 *
 * A map that goes in becomes two ports, keys and values; ZipMap's sequence of maps that comes out becomes one table with class
 * names. So callers only ever see tensors.
 */
#include <stdio.h>
#include <string.h>

#include "infer/graph.h"

static mlcm_status add_name(mlcm__graph *g, mlcm__map *names, mlcm__gport *p, const char *name, const char *suffix,
                            mlcm_error *err) {
  char *full = mlcm__arena_alloc(&g->arena, strlen(name) + strlen(suffix) + 1, 1);
  if (full == NULL) return mlcm__fail_memory(err, strlen(name) + strlen(suffix) + 1);
  memcpy(full, name, strlen(name));
  memcpy(full + strlen(name), suffix, strlen(suffix));
  p->port.name = full;
  if (mlcm__map_get(names, full, strlen(full)) != NULL)
    return mlcm__fail(err, MLCM_PARSE, "'%.100s' is an input or output twice", full);
  return mlcm__map_set(names, full, strlen(full), p, err);
}

static mlcm_status check_dtype(const mlcm__gport *p, const char *what, mlcm_error *err) {
  if (p->port.dtype == 0 || mlcm_dtype_size(p->port.dtype) != 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_UNSUPPORTED, "%s '%.100s' is of element type %d, which is not supported", what, p->port.name,
                    (int)p->port.dtype);
}

/* ---- Inputs ---- */

static mlcm_status add_map_input(mlcm__graph *g, const mlcm__onnx_value *source, int64_t value, mlcm_error *err) {
  static const char *const suffix[] = {".keys", ".values"};
  mlcm_status st = MLCM_OK;
  for (int part = 0; !st && part < 2; part++) {
    mlcm__gport *p = &g->inputs[g->n_inputs++];
    p->value = value;
    p->part = part == 0 ? MLCM__PORT_KEYS : MLCM__PORT_VALUES;
    p->port = (mlcm_port){.dtype = part == 0 ? source->key_dtype : source->dtype, .rank = 1, .shape = {-1}};
    st = add_name(g, g->input_names, p, g->values[value].name, suffix[part], err);
    if (!st) st = check_dtype(p, "input", err);
  }
  return st;
}

static mlcm_status add_input(mlcm__graph *g, const mlcm__onnx_value *source, int64_t value, mlcm_error *err) {
  const char *name = g->values[value].name;
  if (source->kind == MLCM__ONNX_MAP) return add_map_input(g, source, value, err);
  if (source->kind != MLCM__ONNX_TENSOR)
    return mlcm__fail(err, MLCM_UNSUPPORTED, "input '%.100s' is neither a tensor nor a map", name);
  mlcm__gport *p = &g->inputs[g->n_inputs++];
  p->value = value;
  p->port = (mlcm_port){.dtype = source->dtype, .rank = source->rank};
  memcpy(p->port.shape, source->shape, sizeof p->port.shape);
  memcpy(p->dim_names, source->dim_names, sizeof p->dim_names);
  mlcm_status st = add_name(g, g->input_names, p, name, "", err);
  return st ? st : check_dtype(p, "input", err);
}

static mlcm_status add_inputs(mlcm__graph *g, const mlcm__onnx_model *model, const mlcm__map *names, mlcm_error *err) {
  g->inputs = mlcm__arena_alloc(&g->arena, model->n_inputs * 2, sizeof *g->inputs);
  if (g->inputs == NULL) return mlcm__fail_memory(err, model->n_inputs * 2 * sizeof *g->inputs);
  for (size_t i = 0; i < model->n_inputs; i++) {
    const mlcm__value *v = mlcm__map_get(names, model->inputs[i].name.ptr, model->inputs[i].name.len);
    if (v->is_constant) continue;
    mlcm_status st = add_input(g, &model->inputs[i], v - g->values, err);
    if (st) return st;
  }
  return MLCM_OK;
}

/* ---- Classes of a ZipMap ---- */

static const mlcm__gnode *zipmap_of(const mlcm__graph *g, const mlcm__value *v) {
  if (v->producer < 0) return NULL;
  const mlcm__gnode *node = &g->nodes[v->producer];
  return mlcm__str_is(node->source->op, "ZipMap") && mlcm__str_is(node->domain, "ai.onnx.ml") ? node : NULL;
}

static mlcm_status class_names(mlcm__graph *g, const mlcm_attr *a, mlcm__gport *p, mlcm_error *err) {
  const char **classes = mlcm__arena_alloc(&g->arena, a->n, sizeof *classes);
  if (classes == NULL) return mlcm__fail_memory(err, a->n * sizeof *classes);
  for (size_t i = 0; i < a->n; i++) {
    char number[24];
    int len = a->kind == MLCM_ATTR_INTS ? snprintf(number, sizeof number, "%lld", (long long)a->ints[i]) : 0;
    classes[i] = a->kind == MLCM_ATTR_INTS ? mlcm__arena_strndup(&g->arena, number, (size_t)len)
                                           : mlcm__arena_strndup(&g->arena, a->strings[i].ptr, a->strings[i].len);
    if (classes[i] == NULL) return mlcm__fail_memory(err, sizeof number);
  }
  p->port.classes = classes;
  p->port.n_classes = a->n;
  return MLCM_OK;
}

/* Whether an attribute gives the classes: a model may carry others, which mean nothing. */
static bool are_classes(const mlcm_attr *a) {
  const char *name = a->kind == MLCM_ATTR_INTS ? "classlabels_int64s" : "classlabels_strings";
  return a->n > 0 && (a->kind == MLCM_ATTR_INTS || a->kind == MLCM_ATTR_STRINGS) && mlcm__str_is(a->name, name);
}

static mlcm_status add_classes(mlcm__graph *g, const mlcm__gnode *zipmap, mlcm__gport *p, mlcm_error *err) {
  static const mlcm__files none = {0};
  mlcm_attr *attrs = NULL;
  for (size_t i = 0; i < zipmap->source->n_attrs; i++)
    if (zipmap->source->attrs[i].kind == MLCM_ATTR_TENSOR)
      return mlcm__fail(err, MLCM_PARSE, "ZipMap has no attribute that is a tensor");
  mlcm_status st = mlcm__attrs_load(&g->arena, &g->arena, zipmap->source, &none, &attrs, err);
  for (size_t i = 0; !st && i < zipmap->source->n_attrs; i++)
    if (are_classes(&attrs[i])) st = class_names(g, &attrs[i], p, err);
  p->port.rank = 2;
  p->port.shape[0] = -1;
  p->port.shape[1] = p->port.n_classes > 0 ? (int64_t)p->port.n_classes : -1;
  if (p->port.dtype == 0) p->port.dtype = MLCM_F32;
  return st;
}

/* ---- Outputs ---- */

static mlcm_status add_output(mlcm__graph *g, const mlcm__onnx_value *source, const mlcm__value *v, mlcm_error *err) {
  const mlcm__gnode *zipmap = zipmap_of(g, v);
  mlcm__gport *p = &g->outputs[g->n_outputs++];
  p->value = v - g->values;
  p->port = (mlcm_port){.dtype = source->dtype, .rank = source->rank};
  memcpy(p->port.shape, source->shape, sizeof p->port.shape);
  memcpy(p->dim_names, source->dim_names, sizeof p->dim_names);
  mlcm_status st = add_name(g, g->output_names, p, v->name, "", err);
  if (!st) st = check_dtype(p, "output", err);
  if (!st && zipmap != NULL) return add_classes(g, zipmap, p, err);
  if (!st && (source->kind & ~MLCM__ONNX_TENSOR) != 0)
    return mlcm__fail(err, MLCM_UNSUPPORTED, "output '%.100s' is a map or sequence that no ZipMap made", v->name);
  return st;
}

static mlcm_status add_outputs(mlcm__graph *g, const mlcm__onnx_model *model, const mlcm__map *names, mlcm_error *err) {
  g->outputs = mlcm__arena_alloc(&g->arena, model->n_outputs, sizeof *g->outputs);
  if (g->outputs == NULL) return mlcm__fail_memory(err, model->n_outputs * sizeof *g->outputs);
  for (size_t i = 0; i < model->n_outputs; i++) {
    mlcm_str name = model->outputs[i].name;
    const mlcm__value *v = mlcm__map_get(names, name.ptr, name.len);
    if (v == NULL)
      return mlcm__fail(err, MLCM_PARSE, "output '%.*s' is not defined by any node", name.len < 100 ? (int)name.len : 100,
                        name.ptr);
    mlcm_status st = add_output(g, &model->outputs[i], v, err);
    if (st) return st;
  }
  return MLCM_OK;
}

mlcm_status mlcm__ports_build(mlcm__graph *g, const mlcm__onnx_model *model, const mlcm__map *names, mlcm_error *err) {
  mlcm_status st = mlcm__map_new(g->ctx, &g->input_names, err);
  if (!st) st = mlcm__map_new(g->ctx, &g->output_names, err);
  if (!st) st = add_inputs(g, model, names, err);
  if (!st) st = add_outputs(g, model, names, err);
  return st;
}
