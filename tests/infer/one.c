/* SPDX-License-Identifier: Apache-2.0
 *
 * one.c - reads the lines of one.h.
 */
#include "infer/one.h"

#include <stdio.h>

#include "format/onnx.h"
#include "infer/reference/reference.h"
#include "support/suite.h"

static mlcm_dtype dtype_named(const char *text, size_t len) {
  for (mlcm_dtype t = MLCM_F32; t <= MLCM_BF16; t++)
    if (strlen(mlcm_dtype_name(t)) == len && memcmp(mlcm_dtype_name(t), text, len) == 0) return t;
  ck_abort_msg("no type at '%s'", text);
}

/* ---- Tensors ---- */

static void put_element(const mlcm_tensor *t, int64_t i, const char *text, size_t len) {
  if (t->dtype == MLCM_STRING)
    ((mlcm_str *)t->data)[i] = (mlcm_str){text, len};
  else if (mlcm__is_real(t->dtype))
    mlcm__store_f64(t->dtype, t->data, i, &(const double){strtod(text, NULL)}, 1);
  else
    mlcm__store_i64(t->dtype, t->data, i,
                    &(const int64_t){text[0] == '-' ? strtoll(text, NULL, 0) : (int64_t)strtoull(text, NULL, 0)}, 1);
}

/* "f32[2,3]", "f32:1,2", "f32=1" */
static mlcm_tensor read_tensor(const char *text, size_t len) {
  size_t head = strcspn(text, "[:=");
  mlcm_tensor t = {.dtype = dtype_named(text, head), .count = 1};
  char form = text[head];
  const char *at = text + head + 1, *end = text + len;
  if (form == '[') {
    for (; at < end && *at != ']'; at++) {
      char *next = NULL;
      t.shape[t.rank++] = strtoll(at, &next, 10);
      at = next;
      if (*at == ']') break;
    }
    ck_assert(mlcm__shape_count(t.rank, t.shape, &t.count));
  } else if (form == ':') {
    t.rank = 1;
    t.count = at == end ? 0 : 1;
    for (const char *c = at; c < end; c++) t.count += *c == ',';
    t.shape[0] = t.count;
  }
  t.data = calloc((size_t)t.count + 1, sizeof(mlcm_str));
  for (int64_t i = 0; i < t.count; i++) {
    if (form == '[') {
      put_element(&t, i, i % 2 == 0 ? "0" : "1", 1);
      continue;
    }
    size_t n = 0;
    while (at + n < end && at[n] != ',') n++;
    put_element(&t, i, at, n);
    at += n + 1;
  }
  return t;
}

mlcm_tensor one_tensor(const char *text) { return read_tensor(text, strlen(text)); }

static pbw tensor_proto(const mlcm_tensor *t, const char *name) {
  pbw w = {0};
  for (int32_t d = 0; d < t->rank; d++) pbw_int(&w, 1, t->shape[d]);
  pbw_int(&w, 2, t->dtype);
  for (int64_t i = 0; t->dtype == MLCM_STRING && i < t->count; i++)
    pbw_bytes(&w, 6, ((const mlcm_str *)t->data)[i].ptr, ((const mlcm_str *)t->data)[i].len);
  pbw_text(&w, 8, name);
  if (t->dtype != MLCM_STRING) pbw_bytes(&w, 9, t->data, (size_t)t->count * mlcm_dtype_size(t->dtype));
  return w;
}

/* ---- Attributes ---- */

static void add_value(pbw *attr, const char *text, size_t len, bool is_list) {
  bool real = text[0] != '\'' && memchr(text, '.', len) != NULL;
  char number[64];
  if (text[0] == '\'') {
    pbw_bytes(attr, is_list ? 9 : 4, text + 1, len - 2);
    pbw_int(attr, 20, is_list ? 8 : 3);
    return;
  }
  snprintf(number, sizeof number, "%.*s", (int)len, text);
  if (real)
    pbw_float(attr, is_list ? 7 : 2, strtof(number, NULL));
  else
    pbw_int(attr, is_list ? 8 : 3, strtoll(number, NULL, 10));
  pbw_int(attr, 20, real ? (is_list ? 6 : 1) : (is_list ? 7 : 2));
}

static void add_attr(pbw *node, const char *text, size_t len) {
  size_t name = strcspn(text, "=");
  const char *value = text + name + 1, *end = text + len;
  pbw attr = {0};
  pbw_bytes(&attr, 1, text, name);
  if (value < end && *value != '\'' && memchr(value, ':', (size_t)(end - value)) != NULL) {
    mlcm_tensor t = read_tensor(value, (size_t)(end - value));
    add(&attr, 5, tensor_proto(&t, "t"));
    pbw_int(&attr, 20, 4);
    free(t.data);
  } else {
    bool is_list = memchr(value, ',', (size_t)(end - value)) != NULL;
    while (value < end) {
      size_t n = 0;
      while (value + n < end && value[n] != ',') n++;
      add_value(&attr, value, n, is_list);
      value += n + 1;
    }
  }
  add(node, 5, attr);
}

/* ---- Models ---- */

static const char *skip(const char *at) { return at + strspn(at, " "); }

static void add_input(one *o, pbw *graph, pbw *node, const char *text, size_t len, size_t index) {
  char name[32];
  bool constant = text[0] == '!', untyped = text[0] == '?';
  if (len == 1 && text[0] == '-') {
    pbw_text(node, 1, "");
    return;
  }
  snprintf(name, sizeof name, "x%zu", index);
  pbw_text(node, 1, name);
  mlcm_tensor t = read_tensor(text + (constant || untyped), len - (constant || untyped));
  if (constant) {
    add(graph, 5, tensor_proto(&t, name));
    free(t.data);
    return;
  }
  add(graph, 11, make_value(name, untyped ? 0 : t.dtype, t.shape, (size_t)t.rank));
  mlcm_input *in = &o->inputs[o->n_inputs];
  *in = (mlcm_input){.data = t.data, .dtype = t.dtype, .rank = t.rank};
  memcpy(in->shape, t.shape, sizeof t.shape);
  o->data[o->n_inputs++] = t.data;
}

void one_make(one *o, const char *line) {
  pbw graph = {0}, node = {0}, core = {0}, ml = {0};
  const char *at = skip(line);
  bool is_ml = strncmp(at, "ml.", 3) == 0;
  if (is_ml) at += 3;
  size_t len = strcspn(at, "@* ");
  *o = (one){.n_outputs = 1};
  int64_t opset = is_ml ? 3 : 24;
  pbw_text(&node, 3, "n");
  pbw_bytes(&node, 4, at, len);
  if (is_ml) pbw_text(&node, 7, "ai.onnx.ml");
  at += len;
  if (*at == '@') opset = strtoll(at + 1, (char **)(uintptr_t)&at, 10);
  if (*at == '*') o->n_outputs = strtoull(at + 1, (char **)(uintptr_t)&at, 10);
  for (at = skip(at); *at != '|'; at = skip(at + len)) {
    ck_assert_msg(*at != '\0', "no '|' in '%s'", line);
    len = strcspn(at, " ");
    add_attr(&node, at, len);
  }
  size_t index = 0;
  for (at = skip(at + 1); *at != '\0'; at = skip(at + len)) {
    len = strcspn(at, " ");
    add_input(o, &graph, &node, at, len, index++);
  }
  for (size_t i = 0; i < o->n_outputs; i++) {
    char name[32];
    pbw value = {0};
    snprintf(name, sizeof name, "y%zu", i);
    pbw_text(&node, 2, name);
    pbw_text(&value, 1, name);
    add(&graph, 12, value);
  }
  add(&graph, 1, node);
  pbw_int(&o->model, 1, 8);
  pbw_text(&core, 1, "");
  pbw_int(&core, 2, is_ml ? 18 : opset);
  pbw_text(&ml, 1, "ai.onnx.ml");
  pbw_int(&ml, 2, is_ml ? opset : 3);
  add(&o->model, 8, core);
  add(&o->model, 8, ml);
  add(&o->model, 7, graph);
}

void one_free(one *o) {
  for (size_t i = 0; i < o->n_inputs; i++) free(o->data[i]);
  pbw_free(&o->model);
}

mlcm_status one_try(mlcm_context *ctx, const char *line, uint64_t max_tensor_bytes, uint64_t max_session_bytes, bool *opened,
                    mlcm_error *err) {
  one o;
  mlcm_session_options options;
  mlcm_session *s = NULL;
  mlcm_output outputs[8] = {0};
  one_make(&o, line);
  mlcm_session_options_init(&options, sizeof options);
  options.max_tensor_bytes = max_tensor_bytes;
  options.max_session_bytes = max_session_bytes;
  mlcm_model_file file = {"one.onnx", o.model.data, o.model.len};
  mlcm_status st = mlcm_session_open(ctx, &file, 1, &options, &s, err);
  *opened = st == MLCM_OK;
  if (!st) st = mlcm_session_run(s, o.inputs, o.n_inputs, outputs, o.n_outputs, err);
  mlcm_session_close(s);
  one_free(&o);
  return st;
}
