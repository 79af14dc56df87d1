/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx.h - an ONNX file as a plain description: structs of views into the file's bytes, nothing decoded that nobody asked for.
 *
 * The arrays of structs live in the caller's arena; names, texts and raw tensor data point into the file. Subgraphs (attributes
 * of kind GRAPH) are not descended into.
 */
#ifndef MLCM_FORMAT_ONNX_H
#define MLCM_FORMAT_ONNX_H

#include <mlcm/infer.h>

#include "base/arena.h"
#include "format/protobuf.h"

/* Where a tensor's elements are. */
enum { MLCM__ONNX_TYPED = 0, MLCM__ONNX_RAW = 1, MLCM__ONNX_EXTERNAL = 2 };

/* TensorProto. */
typedef struct mlcm__onnx_tensor {
  mlcm_str name;
  mlcm_dtype dtype;
  int32_t rank;
  int64_t shape[MLCM_MAX_RANK];
  int64_t count;     /* product of shape */
  int32_t form;      /* MLCM__ONNX_* */
  mlcm_str raw;      /* RAW: exactly count elements, little-endian, not necessarily aligned */
  mlcm_str location; /* EXTERNAL: checked relative path inside the model's folder */
  int64_t offset;    /* EXTERNAL */
  int64_t length;    /* EXTERNAL: bytes; -1 when not stated */
  mlcm__pb message;  /* detached */
} mlcm__onnx_tensor;

/* AttributeProto; kinds as in mlcm/backend.h, plus those no backend gets (GRAPH 5 and up). */
typedef struct mlcm__onnx_attr {
  mlcm_str name;
  int32_t kind;
  int64_t i;
  float f;
  mlcm_str s;
  size_t n;                  /* FLOATS, INTS, STRINGS */
  mlcm__onnx_tensor *tensor; /* TENSOR */
  mlcm__pb message;          /* detached */
} mlcm__onnx_attr;

/* NodeProto. An empty input or output name is one left out. */
typedef struct mlcm__onnx_node {
  mlcm_str name, op, domain;
  mlcm_str *inputs, *outputs;
  size_t n_inputs, n_outputs;
  mlcm__onnx_attr *attrs;
  size_t n_attrs;
} mlcm__onnx_node;

/* What a value may be: a tensor, a map (key to one element), or a sequence of either. */
enum { MLCM__ONNX_NO_TYPE = 0, MLCM__ONNX_TENSOR = 1, MLCM__ONNX_MAP = 2, MLCM__ONNX_SEQUENCE = 4, MLCM__ONNX_OTHER = 8 };

/* ValueInfoProto. */
typedef struct mlcm__onnx_value {
  mlcm_str name;
  int32_t kind;                      /* MLCM__ONNX_TENSOR or _MAP, with _SEQUENCE added for a sequence of them */
  mlcm_dtype dtype;                  /* of the tensor, or of the map's values; 0: unknown */
  mlcm_dtype key_dtype;              /* maps */
  int32_t rank;                      /* -1: unknown */
  int64_t shape[MLCM_MAX_RANK];      /* -1: free */
  mlcm_str dim_names[MLCM_MAX_RANK]; /* name of a free dimension, or empty */
} mlcm__onnx_value;

typedef struct mlcm__onnx_opset {
  mlcm_str domain;
  int64_t version;
} mlcm__onnx_opset;

/* ModelProto with its graph. */
typedef struct mlcm__onnx_model {
  int64_t ir_version;
  mlcm_str producer;
  mlcm__onnx_opset *opsets;
  size_t n_opsets;
  mlcm_str graph_name;
  mlcm__onnx_node *nodes;
  size_t n_nodes;
  mlcm__onnx_tensor *initializers;
  size_t n_initializers;
  mlcm__onnx_value *inputs, *outputs;
  size_t n_inputs, n_outputs;
} mlcm__onnx_model;

/* Reads a model. `name` is the file's name for messages. Everything in *out lives as long as the arena and the bytes. */
mlcm_status mlcm__onnx_read_model(mlcm__arena *arena, const char *name, const void *data, size_t size_bytes,
                                  mlcm__onnx_model *out, mlcm_error *err);

/* Reads one serialized TensorProto (a file of the conformance suite). */
mlcm_status mlcm__onnx_read_tensor(const char *name, const void *data, size_t size_bytes, mlcm__onnx_tensor *out,
                                   mlcm_error *err);

/* Writes a TYPED tensor's elements to out, which has room for tensor->count of them (strings: mlcm_str views). */
mlcm_status mlcm__onnx_tensor_elements(const mlcm__onnx_tensor *tensor, void *out, mlcm_error *err);

/* Writes the attr->n elements of a FLOATS, INTS or STRINGS attribute. */
void mlcm__onnx_attr_floats(const mlcm__onnx_attr *attr, float *out);
void mlcm__onnx_attr_ints(const mlcm__onnx_attr *attr, int64_t *out);
mlcm_status mlcm__onnx_attr_strings(const mlcm__onnx_attr *attr, mlcm_str *out, mlcm_error *err);

/* Product of the dimensions. False when one is negative or when the product of those that are not 0 is out of range: so that
 * no step of a row-major tensor ever overflows. */
bool mlcm__shape_count(int32_t rank, const int64_t *shape, int64_t *out);

/* Parts that the reader's files share. */
mlcm_status mlcm__onnx_parse_tensor(mlcm__pb *pb, mlcm__onnx_tensor *out, mlcm_error *err);
mlcm_status mlcm__onnx_parse_node(mlcm__arena *arena, mlcm__pb *pb, mlcm__onnx_node *out, mlcm_error *err);
mlcm_status mlcm__onnx_parse_value(mlcm__pb *pb, mlcm__onnx_value *out, mlcm_error *err);

#endif
