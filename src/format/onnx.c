/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx.c - ModelProto, GraphProto and the types of values.
 *
 * Two passes over each message: one counts, so that arrays have their exact size; one reads.
 */
#include "format/onnx.h"

#include <assert.h>

/* Field numbers of ModelProto, GraphProto. */
enum { MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_SPARSE = 15 };

/* ---- Types of values ---- */

enum { TYPE_TENSOR = 1, TYPE_SEQUENCE = 4, TYPE_MAP = 5 };

static mlcm_status read_dim(mlcm__pb *pb, mlcm__onnx_value *v, int32_t i, mlcm_error *err) {
  mlcm__pb_field field;
  bool more = false;
  mlcm_status st = MLCM_OK;
  v->shape[i] = -1;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.number == 1) st = mlcm__pb_i64(pb, &field, "dim_value", &v->shape[i], err);
    if (field.number == 2) st = mlcm__pb_text(pb, &field, "dim_param", &v->dim_names[i], err);
    if (st) return st;
  }
  if (v->shape[i] <= 0) v->shape[i] = -1; /* exporters write -1, and older ones 0, for "any" */
  return st;
}

static mlcm_status read_type_shape(mlcm__pb *pb, mlcm__onnx_value *v, mlcm_error *err) {
  mlcm__pb_field field;
  mlcm__pb inner;
  bool more = false;
  mlcm_status st = MLCM_OK;
  v->rank = 0;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.number != 1) continue;
    if (v->rank == MLCM_MAX_RANK)
      return mlcm__pb_fail(pb, MLCM_LIMIT, err, "more than %d dimensions are not supported", MLCM_MAX_RANK);
    st = mlcm__pb_enter(pb, &field, "dim", v->rank, &inner, err);
    if (!st) st = read_dim(&inner, v, v->rank++, err);
    if (st) return st;
  }
  return st;
}

static mlcm_status read_tensor_type(mlcm__pb *pb, mlcm__onnx_value *v, mlcm_error *err) {
  mlcm__pb_field field;
  mlcm__pb inner;
  bool more = false;
  mlcm_status st = MLCM_OK;
  v->kind |= MLCM__ONNX_TENSOR;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.number == 1) st = mlcm__pb_i32(pb, &field, "elem_type", &v->dtype, err);
    if (field.number == 2) st = mlcm__pb_enter(pb, &field, "shape", -1, &inner, err);
    if (field.number == 2 && !st) st = read_type_shape(&inner, v, err);
    if (st) return st;
  }
  return st;
}

/* Depth is bounded by mlcm__pb_enter. */
static mlcm_status read_type(mlcm__pb *pb, mlcm__onnx_value *v, mlcm_error *err);

static mlcm_status read_map_type(mlcm__pb *pb, mlcm__onnx_value *v, mlcm_error *err) {
  mlcm__pb_field field;
  mlcm__pb inner;
  mlcm__onnx_value element = {.rank = -1};
  bool more = false;
  mlcm_status st = MLCM_OK;
  v->kind |= MLCM__ONNX_MAP;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.number == 1) st = mlcm__pb_i32(pb, &field, "key_type", &v->key_dtype, err);
    if (field.number == 2) st = mlcm__pb_enter(pb, &field, "value_type", -1, &inner, err);
    if (field.number == 2 && !st) st = read_type(&inner, &element, err);
    if (st) return st;
  }
  if (element.kind != MLCM__ONNX_TENSOR) v->kind = MLCM__ONNX_OTHER;
  v->dtype = element.dtype;
  return st;
}

static mlcm_status read_sequence_type(mlcm__pb *pb, mlcm__onnx_value *v, mlcm_error *err) {
  mlcm__pb_field field;
  mlcm__pb inner;
  bool more = false;
  mlcm_status st = MLCM_OK;
  v->kind |= (v->kind & MLCM__ONNX_SEQUENCE) != 0 ? MLCM__ONNX_OTHER : MLCM__ONNX_SEQUENCE;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.number != 1) continue;
    st = mlcm__pb_enter(pb, &field, "elem_type", -1, &inner, err);
    if (!st) st = read_type(&inner, v, err);
    if (st) return st;
  }
  return st;
}

static mlcm_status read_type(mlcm__pb *pb, mlcm__onnx_value *v, mlcm_error *err) {
  mlcm__pb_field field;
  mlcm__pb inner;
  bool more = false;
  mlcm_status st = MLCM_OK;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.wire != MLCM__PB_BYTES || field.number == 6) continue; /* 6: denotation */
    st = mlcm__pb_enter(pb, &field, "type", -1, &inner, err);
    if (st) return st;
    switch (field.number) {
    case TYPE_TENSOR: st = read_tensor_type(&inner, v, err); break;
    case TYPE_SEQUENCE: st = read_sequence_type(&inner, v, err); break;
    case TYPE_MAP: st = read_map_type(&inner, v, err); break;
    default: v->kind |= MLCM__ONNX_OTHER; break;
    }
    if (st) return st;
  }
  return st;
}

mlcm_status mlcm__onnx_parse_value(mlcm__pb *pb, mlcm__onnx_value *out, mlcm_error *err) {
  mlcm__onnx_value v = {.rank = -1};
  mlcm__pb_field field;
  mlcm__pb inner;
  bool more = false;
  mlcm_status st = MLCM_OK;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.number == 1) st = mlcm__pb_text(pb, &field, "name", &v.name, err);
    if (field.number == 2) st = mlcm__pb_enter(pb, &field, "type", -1, &inner, err);
    if (field.number == 2 && !st) st = read_type(&inner, &v, err);
    if (st) return st;
  }
  if (st) return st;
  if (v.name.len == 0) return mlcm__pb_fail(pb, MLCM_PARSE, err, "the value has no name");
  *out = v;
  return MLCM_OK;
}

/* ---- Graph ---- */

/* An array with room for every occurrence of `number`; NULL with *st set on failure. */
static void *room_for(mlcm__arena *arena, const mlcm__pb *pb, uint32_t number, size_t size, mlcm_status *st, mlcm_error *err) {
  size_t n = 0;
  if (*st == MLCM_OK) *st = mlcm__pb_count(pb, number, &n, err);
  if (*st != MLCM_OK) return NULL;
  void *array = mlcm__arena_alloc(arena, n, size);
  if (array == NULL) *st = mlcm__fail_memory(err, n * size);
  return array;
}

static mlcm_status make_graph_room(mlcm__arena *arena, const mlcm__pb *pb, mlcm__onnx_model *m, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  m->nodes = room_for(arena, pb, GRAPH_NODE, sizeof *m->nodes, &st, err);
  m->initializers = room_for(arena, pb, GRAPH_INITIALIZER, sizeof *m->initializers, &st, err);
  m->inputs = room_for(arena, pb, GRAPH_INPUT, sizeof *m->inputs, &st, err);
  m->outputs = room_for(arena, pb, GRAPH_OUTPUT, sizeof *m->outputs, &st, err);
  return st;
}

static mlcm_status take_graph_field(mlcm__arena *arena, mlcm__pb *pb, const mlcm__pb_field *field, mlcm__onnx_model *m,
                                    mlcm_error *err) {
  mlcm__pb inner;
  mlcm_status st = MLCM_OK;
  switch (field->number) {
  case GRAPH_NAME: return mlcm__pb_text(pb, field, "name", &m->graph_name, err);
  case GRAPH_NODE:
    st = mlcm__pb_enter(pb, field, "node", (int64_t)m->n_nodes, &inner, err);
    return st ? st : mlcm__onnx_parse_node(arena, &inner, &m->nodes[m->n_nodes++], err);
  case GRAPH_INITIALIZER:
    st = mlcm__pb_enter(pb, field, "initializer", (int64_t)m->n_initializers, &inner, err);
    return st ? st : mlcm__onnx_parse_tensor(&inner, &m->initializers[m->n_initializers++], err);
  case GRAPH_INPUT:
    st = mlcm__pb_enter(pb, field, "input", (int64_t)m->n_inputs, &inner, err);
    return st ? st : mlcm__onnx_parse_value(&inner, &m->inputs[m->n_inputs++], err);
  case GRAPH_OUTPUT:
    st = mlcm__pb_enter(pb, field, "output", (int64_t)m->n_outputs, &inner, err);
    return st ? st : mlcm__onnx_parse_value(&inner, &m->outputs[m->n_outputs++], err);
  case GRAPH_SPARSE: return mlcm__pb_fail(pb, MLCM_UNSUPPORTED, err, "sparse initializers are not supported");
  default: return MLCM_OK;
  }
}

static mlcm_status read_graph(mlcm__arena *arena, mlcm__pb *pb, mlcm__onnx_model *m, mlcm_error *err) {
  mlcm__pb_field field;
  mlcm_status st = make_graph_room(arena, pb, m, err);
  while (!st && mlcm__pb_again(pb, &field)) st = take_graph_field(arena, pb, &field, m, err);
  return st;
}

/* ---- Model ---- */

static mlcm_status read_opset(mlcm__pb *pb, mlcm__onnx_opset *out, mlcm_error *err) {
  mlcm__pb_field field;
  bool more = false;
  mlcm_status st = MLCM_OK;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.number == 1) st = mlcm__pb_text(pb, &field, "domain", &out->domain, err);
    if (field.number == 2) st = mlcm__pb_i64(pb, &field, "version", &out->version, err);
    if (st) return st;
  }
  return st;
}

static mlcm_status take_model_field(mlcm__arena *arena, mlcm__pb *pb, const mlcm__pb_field *field, mlcm__onnx_model *m,
                                    bool *has_graph, mlcm_error *err) {
  mlcm__pb inner;
  mlcm_status st = MLCM_OK;
  switch (field->number) {
  case MODEL_IR_VERSION: return mlcm__pb_i64(pb, field, "ir_version", &m->ir_version, err);
  case MODEL_PRODUCER: return mlcm__pb_text(pb, field, "producer_name", &m->producer, err);
  case MODEL_OPSET:
    st = mlcm__pb_enter(pb, field, "opset_import", (int64_t)m->n_opsets, &inner, err);
    return st ? st : read_opset(&inner, &m->opsets[m->n_opsets++], err);
  case MODEL_GRAPH:
    if (*has_graph) return mlcm__pb_fail(pb, MLCM_PARSE, err, "there are two graphs");
    *has_graph = true;
    st = mlcm__pb_enter(pb, field, "graph", -1, &inner, err);
    return st ? st : read_graph(arena, &inner, m, err);
  default: return MLCM_OK;
  }
}

mlcm_status mlcm__onnx_read_model(mlcm__arena *arena, const char *name, const void *data, size_t size_bytes,
                                  mlcm__onnx_model *out, mlcm_error *err) {
  assert(arena != NULL && name != NULL && (data != NULL || size_bytes == 0));
  mlcm__onnx_model m = {0};
  mlcm__pb pb;
  mlcm__pb_field field;
  size_t n_opsets = 0;
  bool has_graph = false;
  mlcm__pb_open(&pb, name, data, size_bytes);
  mlcm_status st = mlcm__pb_count(&pb, MODEL_OPSET, &n_opsets, err);
  if (st) return st;
  m.opsets = mlcm__arena_alloc(arena, n_opsets, sizeof *m.opsets);
  if (m.opsets == NULL) return mlcm__fail_memory(err, n_opsets * sizeof *m.opsets);
  while (!st && mlcm__pb_again(&pb, &field)) st = take_model_field(arena, &pb, &field, &m, &has_graph, err);
  if (st) return st;
  if (!has_graph) return mlcm__pb_fail(&pb, MLCM_PARSE, err, "there is no graph: is this an ONNX model?");
  *out = m;
  return MLCM_OK;
}
