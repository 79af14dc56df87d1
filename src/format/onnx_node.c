/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_node.c - NodeProto and AttributeProto.
 */
#include <string.h>

#include <mlcm/backend.h>

#include "format/onnx.h"

/* Field numbers of NodeProto. */
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP_TYPE = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };

/* Field numbers of AttributeProto. */
enum {
  ATTR_NAME = 1,
  ATTR_F = 2,
  ATTR_I = 3,
  ATTR_S = 4,
  ATTR_T = 5,
  ATTR_G = 6,
  ATTR_FLOATS = 7,
  ATTR_INTS = 8,
  ATTR_STRINGS = 9,
  ATTR_TENSORS = 10,
  ATTR_GRAPHS = 11,
  ATTR_TYPE = 20,
  ATTR_REF = 21
};

enum { KIND_GRAPH = 5, KIND_TENSORS = 9, KIND_GRAPHS = 10 };

/* Models older than IR version 2 leave the kind out: it follows from the field that is there. */
static int32_t kind_of_field(uint32_t number) {
  static const struct {
    uint32_t number;
    int32_t kind;
  } kinds[] = {{ATTR_F, MLCM_ATTR_FLOAT},    {ATTR_I, MLCM_ATTR_INT},
               {ATTR_S, MLCM_ATTR_STRING},   {ATTR_T, MLCM_ATTR_TENSOR},
               {ATTR_G, KIND_GRAPH},         {ATTR_FLOATS, MLCM_ATTR_FLOATS},
               {ATTR_INTS, MLCM_ATTR_INTS},  {ATTR_STRINGS, MLCM_ATTR_STRINGS},
               {ATTR_TENSORS, KIND_TENSORS}, {ATTR_GRAPHS, KIND_GRAPHS}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i].number == number) return kinds[i].kind;
  return 0;
}

static mlcm_status read_tensor_attr(mlcm__arena *arena, const mlcm__pb *pb, const mlcm__pb_field *field, mlcm__onnx_attr *a,
                                    mlcm_error *err) {
  mlcm__pb inner;
  mlcm_status st = mlcm__pb_enter(pb, field, "t", -1, &inner, err);
  if (st) return st;
  if (a->tensor == NULL) a->tensor = mlcm__arena_alloc(arena, 1, sizeof *a->tensor);
  if (a->tensor == NULL) return mlcm__fail_memory(err, sizeof *a->tensor);
  return mlcm__onnx_parse_tensor(&inner, a->tensor, err);
}

static mlcm_status take_attr_field(mlcm__arena *arena, mlcm__pb *pb, const mlcm__pb_field *field, mlcm__onnx_attr *a,
                                   int32_t *guess, mlcm_error *err) {
  int32_t kind = kind_of_field(field->number);
  if (kind != 0) *guess = kind;
  switch (field->number) {
  case ATTR_NAME: return mlcm__pb_text(pb, field, "name", &a->name, err);
  case ATTR_F: return mlcm__pb_f32(pb, field, "f", &a->f, err);
  case ATTR_I: return mlcm__pb_i64(pb, field, "i", &a->i, err);
  case ATTR_S: return mlcm__pb_bytes(pb, field, "s", &a->s, err);
  case ATTR_T: return read_tensor_attr(arena, pb, field, a, err);
  case ATTR_TYPE: return mlcm__pb_i32(pb, field, "type", &a->kind, err);
  case ATTR_REF: return mlcm__pb_fail(pb, MLCM_PARSE, err, "an attribute may refer to a function's only inside a function");
  default: return MLCM_OK;
  }
}

static mlcm_status count_list(const mlcm__pb *whole, mlcm__onnx_attr *a, mlcm_error *err) {
  switch (a->kind) {
  case MLCM_ATTR_FLOATS: return mlcm__pb_count_numbers(whole, ATTR_FLOATS, MLCM__PB_FIXED32, "floats", &a->n, err);
  case MLCM_ATTR_INTS: return mlcm__pb_count_numbers(whole, ATTR_INTS, MLCM__PB_VARINT, "ints", &a->n, err);
  case MLCM_ATTR_STRINGS: return mlcm__pb_count(whole, ATTR_STRINGS, &a->n, err);
  default: return MLCM_OK;
  }
}

static mlcm_status parse_attr(mlcm__arena *arena, mlcm__pb *pb, mlcm__onnx_attr *out, mlcm_error *err) {
  mlcm__pb whole = *pb;
  mlcm__onnx_attr a = {.message = mlcm__pb_detach(pb, "attribute")};
  mlcm__pb_field field;
  int32_t guess = 0;
  bool more = false;
  mlcm_status st = MLCM_OK;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    st = take_attr_field(arena, pb, &field, &a, &guess, err);
    if (st) return st;
  }
  if (st) return st;
  if (a.kind == 0) a.kind = guess;
  if (a.name.len == 0) return mlcm__pb_fail(pb, MLCM_PARSE, err, "the attribute has no name");
  if (a.kind == MLCM_ATTR_TENSOR && a.tensor == NULL) return mlcm__pb_fail(pb, MLCM_PARSE, err, "the tensor is missing");
  st = count_list(&whole, &a, err);
  if (!st) *out = a;
  return st;
}

typedef struct node_room {
  size_t inputs, outputs, attrs;
} node_room;

static mlcm_status make_room(mlcm__arena *arena, const mlcm__pb *pb, mlcm__onnx_node *node, mlcm_error *err) {
  node_room n = {0};
  mlcm_status st = mlcm__pb_count(pb, NODE_INPUT, &n.inputs, err);
  if (!st) st = mlcm__pb_count(pb, NODE_OUTPUT, &n.outputs, err);
  if (!st) st = mlcm__pb_count(pb, NODE_ATTRIBUTE, &n.attrs, err);
  if (st) return st;
  node->inputs = mlcm__arena_alloc(arena, n.inputs, sizeof *node->inputs);
  node->outputs = mlcm__arena_alloc(arena, n.outputs, sizeof *node->outputs);
  node->attrs = mlcm__arena_alloc(arena, n.attrs, sizeof *node->attrs);
  if (node->inputs == NULL || node->outputs == NULL || node->attrs == NULL)
    return mlcm__fail_memory(err, n.attrs * sizeof *node->attrs);
  return MLCM_OK;
}

static mlcm_status take_node_field(mlcm__arena *arena, mlcm__pb *pb, const mlcm__pb_field *field, mlcm__onnx_node *node,
                                   mlcm_error *err) {
  mlcm__pb inner;
  mlcm_status st = MLCM_OK;
  switch (field->number) {
  case NODE_INPUT: return mlcm__pb_text(pb, field, "input", &node->inputs[node->n_inputs++], err);
  case NODE_OUTPUT: return mlcm__pb_text(pb, field, "output", &node->outputs[node->n_outputs++], err);
  case NODE_NAME: return mlcm__pb_text(pb, field, "name", &node->name, err);
  case NODE_OP_TYPE: return mlcm__pb_text(pb, field, "op_type", &node->op, err);
  case NODE_DOMAIN: return mlcm__pb_text(pb, field, "domain", &node->domain, err);
  case NODE_ATTRIBUTE:
    st = mlcm__pb_enter(pb, field, "attribute", (int64_t)node->n_attrs, &inner, err);
    return st ? st : parse_attr(arena, &inner, &node->attrs[node->n_attrs++], err);
  default: return MLCM_OK;
  }
}

mlcm_status mlcm__onnx_parse_node(mlcm__arena *arena, mlcm__pb *pb, mlcm__onnx_node *out, mlcm_error *err) {
  mlcm__onnx_node node = {0};
  mlcm__pb_field field;
  mlcm_status st = make_room(arena, pb, &node, err);
  while (!st && mlcm__pb_again(pb, &field)) st = take_node_field(arena, pb, &field, &node, err);
  if (st) return st;
  if (node.op.len == 0) return mlcm__pb_fail(pb, MLCM_PARSE, err, "the node has no op_type");
  *out = node;
  return MLCM_OK;
}

/* ---- Lists of attributes, decoded when asked for ---- */

static void put_float(void *user, size_t i, uint64_t value) {
  uint32_t bits = (uint32_t)value;
  memcpy((float *)user + i, &bits, sizeof bits);
}

static void put_int(void *user, size_t i, uint64_t value) { ((int64_t *)user)[i] = (int64_t)value; }

void mlcm__onnx_attr_floats(const mlcm__onnx_attr *attr, float *out) {
  mlcm__pb_each_number(&attr->message, ATTR_FLOATS, MLCM__PB_FIXED32, put_float, out);
}

void mlcm__onnx_attr_ints(const mlcm__onnx_attr *attr, int64_t *out) {
  mlcm__pb_each_number(&attr->message, ATTR_INTS, MLCM__PB_VARINT, put_int, out);
}

mlcm_status mlcm__onnx_attr_strings(const mlcm__onnx_attr *attr, mlcm_str *out, mlcm_error *err) {
  mlcm__pb scan = attr->message;
  mlcm__pb_field field;
  size_t n = 0;
  mlcm_status st = MLCM_OK;
  while (!st && mlcm__pb_again(&scan, &field))
    if (field.number == ATTR_STRINGS) st = mlcm__pb_bytes(&scan, &field, "strings", &out[n++], err);
  return st;
}
