/* SPDX-License-Identifier: Apache-2.0
 *
 * build.h - writes small ONNX models in a test's own memory, right or wrong on purpose.
 *
 *   pbw graph = {0}, model = {0};
 *   pbw_message(&graph, 1, &node);         // field 1 holds the message `node`
 *   pbw_text(&graph, 2, "g");
 *   ...
 *   model_finish(&model, &graph, 18);      // opset imports, ir_version
 *
 * A buffer is freed with pbw_free; writing a message into another one does not free it.
 */
#ifndef MLCM_TESTS_INFER_BUILD_H
#define MLCM_TESTS_INFER_BUILD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mlcm/infer.h>

typedef struct pbw {
  char *data;
  size_t len, cap;
} pbw;

static inline void pbw_bytes_raw(pbw *w, const void *data, size_t len) {
  if (w->len + len > w->cap) {
    w->cap = (w->len + len) * 2 + 64;
    w->data = realloc(w->data, w->cap);
  }
  if (len > 0) memcpy(w->data + w->len, data, len);
  w->len += len;
}

static inline void pbw_varint(pbw *w, uint64_t value) {
  do {
    char byte = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    pbw_bytes_raw(w, &byte, 1);
    value >>= 7;
  } while (value != 0);
}

static inline void pbw_tag(pbw *w, uint32_t field, uint32_t wire) { pbw_varint(w, (uint64_t)field << 3 | wire); }

static inline void pbw_int(pbw *w, uint32_t field, int64_t value) {
  pbw_tag(w, field, 0);
  pbw_varint(w, (uint64_t)value);
}

static inline void pbw_float(pbw *w, uint32_t field, float value) {
  pbw_tag(w, field, 5);
  pbw_bytes_raw(w, &value, 4);
}

static inline void pbw_bytes(pbw *w, uint32_t field, const void *data, size_t len) {
  pbw_tag(w, field, 2);
  pbw_varint(w, len);
  pbw_bytes_raw(w, data, len);
}

static inline void pbw_text(pbw *w, uint32_t field, const char *text) { pbw_bytes(w, field, text, strlen(text)); }

static inline void pbw_message(pbw *w, uint32_t field, const pbw *message) { pbw_bytes(w, field, message->data, message->len); }

static inline void pbw_free(pbw *w) {
  free(w->data);
  *w = (pbw){0};
}

/* ---- ONNX ---- */

/* TensorProto of f32 with raw data. */
static inline pbw make_tensor(const char *name, const int64_t *dims, size_t rank, const float *data, size_t n) {
  pbw t = {0};
  for (size_t i = 0; i < rank; i++) pbw_int(&t, 1, dims[i]);
  pbw_int(&t, 2, 1);
  pbw_text(&t, 8, name);
  pbw_bytes(&t, 9, data, n * sizeof *data);
  return t;
}

/* NodeProto; inputs and outputs are space-separated names, "-" for one left out. */
static inline void add_names(pbw *node, uint32_t field, const char *names) {
  while (*names != '\0') {
    size_t len = strcspn(names, " ");
    if (len == 1 && *names == '-')
      pbw_bytes(node, field, "", 0);
    else
      pbw_bytes(node, field, names, len);
    names += len;
    if (*names == ' ') names++;
  }
}

static inline pbw make_node(const char *op, const char *name, const char *inputs, const char *outputs) {
  pbw node = {0};
  add_names(&node, 1, inputs);
  add_names(&node, 2, outputs);
  if (name[0] != '\0') pbw_text(&node, 3, name);
  pbw_text(&node, 4, op);
  return node;
}

static inline void add_int_attr(pbw *node, const char *name, int64_t value) {
  pbw attr = {0};
  pbw_text(&attr, 1, name);
  pbw_int(&attr, 3, value);
  pbw_int(&attr, 20, 2);
  pbw_message(node, 5, &attr);
  pbw_free(&attr);
}

/* ValueInfoProto of a tensor; a dimension of -1 is free and called "n". */
static inline pbw make_value(const char *name, int32_t dtype, const int64_t *dims, size_t rank) {
  pbw value = {0}, type = {0}, tensor = {0}, shape = {0};
  for (size_t i = 0; i < rank; i++) {
    pbw dim = {0};
    if (dims[i] < 0)
      pbw_text(&dim, 2, "n");
    else
      pbw_int(&dim, 1, dims[i]);
    pbw_message(&shape, 1, &dim);
    pbw_free(&dim);
  }
  pbw_int(&tensor, 1, dtype);
  pbw_message(&tensor, 2, &shape);
  pbw_message(&type, 1, &tensor);
  pbw_text(&value, 1, name);
  pbw_message(&value, 2, &type);
  pbw_free(&shape);
  pbw_free(&tensor);
  pbw_free(&type);
  return value;
}

static inline void add(pbw *w, uint32_t field, pbw message) {
  pbw_message(w, field, &message);
  pbw_free(&message);
}

/* ValueInfo of map(key, f32). */
static inline pbw map_value(const char *name, int32_t key) {
  pbw value = {0}, type = {0}, map = {0}, element = {0}, tensor = {0};
  pbw_int(&tensor, 1, MLCM_F32);
  add(&element, 1, tensor);
  pbw_int(&map, 1, key);
  add(&map, 2, element);
  add(&type, 5, map);
  pbw_text(&value, 1, name);
  add(&value, 2, type);
  return value;
}

/* ModelProto around a graph (which is freed), with opset imports for ai.onnx and ai.onnx.ml. */
static inline pbw make_model(pbw graph, int64_t opset) {
  pbw model = {0}, core = {0}, ml = {0};
  pbw_int(&model, 1, 8);
  pbw_text(&core, 1, "");
  pbw_int(&core, 2, opset);
  pbw_text(&ml, 1, "ai.onnx.ml");
  pbw_int(&ml, 2, 3);
  add(&model, 8, core);
  add(&model, 8, ml);
  add(&model, 7, graph);
  return model;
}

/* Y = Gemm(X, W, B): X is f32 [n, 3], Y f32 [n, 2]. */
static inline pbw make_gemm_model(void) {
  static const float weights[] = {1, 2, 3, 4, 5, 6}, bias[] = {10, 20};
  pbw graph = {0};
  pbw_text(&graph, 2, "g");
  add(&graph, 1, make_node("Gemm", "dense", "X W B", "Y"));
  add(&graph, 5, make_tensor("W", (const int64_t[]){3, 2}, 2, weights, 6));
  add(&graph, 5, make_tensor("B", (const int64_t[]){2}, 1, bias, 2));
  add(&graph, 11, make_value("X", 1, (const int64_t[]){-1, 3}, 2));
  add(&graph, 12, make_value("Y", 1, (const int64_t[]){-1, 2}, 2));
  return make_model(graph, 18);
}

#endif
