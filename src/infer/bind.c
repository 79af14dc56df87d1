/* SPDX-License-Identifier: Apache-2.0
 *
 * bind.c - the caller's tensors against the model's signature, in and out. Every complaint shows both sides.
 */
#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "infer/session.h"

/* ---- Words for messages ---- */

/* "f32 [n, 64]"; a free dimension shows its name in the model, or '?'. */
static void describe(char *out, size_t cap, mlcm_dtype dtype, int32_t rank, const int64_t *shape, const mlcm_str *names) {
  int len = snprintf(out, cap, "%s [", dtype == 0 ? "any" : mlcm_dtype_name(dtype));
  if (rank < 0) len += snprintf(out + len, cap - (size_t)len, "...");
  for (int32_t d = 0; d < rank && d < MLCM_MAX_RANK; d++) {
    const char *comma = d > 0 ? ", " : "";
    char *at = out + len;
    size_t left = cap - (size_t)len;
    if (shape[d] >= 0 || names == NULL)
      len += snprintf(at, left, "%s%lld", comma, (long long)shape[d]);
    else if (names[d].len > 0 && names[d].len <= 16)
      len += snprintf(at, left, "%s%.*s", comma, (int)names[d].len, names[d].ptr);
    else
      len += snprintf(at, left, "%s%s", comma, d == 0 ? "n" : "?");
    assert((size_t)len < cap); /* a dimension takes 22 bytes at most, all have room for 8 */
  }
  snprintf(out + len, cap - (size_t)len, "]");
}

static void list_names(char *out, size_t cap, const mlcm__gport *ports, size_t n) {
  size_t len = 0;
  out[0] = '\0';
  for (size_t i = 0; i < n && len + 8 < cap; i++) {
    len += (size_t)snprintf(out + len, cap - len, "%s%s", i > 0 ? ", " : "", ports[i].port.name);
  }
}

static mlcm_status wrong_count(const mlcm__graph *g, size_t n_inputs, mlcm_error *err) {
  char names[160];
  list_names(names, sizeof names, g->inputs, g->n_inputs);
  return mlcm__fail(err, MLCM_MISMATCH, "the model wants %zu inputs (%s), got %zu", g->n_inputs, names, n_inputs);
}

static mlcm_status unknown_name(const char *what, const char *name, const mlcm__gport *ports, size_t n, mlcm_error *err) {
  char names[200];
  list_names(names, sizeof names, ports, n);
  return mlcm__fail(err, MLCM_MISMATCH, "the model has no %s '%.80s'; it has %s", what, name, n > 0 ? names : "none");
}

/* ---- Inputs ---- */

static const mlcm__gport *find_port(const mlcm__gport *ports, size_t n, const mlcm__map *names, const char *name,
                                    size_t position) {
  if (name == NULL) return position < n ? &ports[position] : NULL;
  if (position < n && strcmp(ports[position].port.name, name) == 0) return &ports[position]; /* usual: in the model's order */
  return mlcm__map_get(names, name, strlen(name));
}

static mlcm_status input_mismatch(const mlcm__gport *p, const mlcm_input *in, mlcm_error *err) {
  char want[200], got[200];
  describe(want, sizeof want, p->port.dtype, p->port.rank, p->port.shape, p->dim_names);
  describe(got, sizeof got, in->dtype, in->rank, in->shape, NULL);
  return mlcm__fail(err, MLCM_MISMATCH, "input '%.80s' wants %s, got %s", p->port.name, want, got);
}

static size_t alignment_of(mlcm_dtype dtype) { return dtype == MLCM_STRING ? alignof(mlcm_str) : mlcm_dtype_size(dtype); }

static bool fits(const mlcm_port *port, const mlcm_input *in) {
  if (in->rank < 0 || in->rank > MLCM_MAX_RANK || mlcm_dtype_size(in->dtype) == 0) return false;
  if (port->dtype != 0 && port->dtype != in->dtype) return false;
  if (port->rank >= 0 && port->rank != in->rank) return false;
  for (int32_t d = 0; d < in->rank; d++) {
    if (in->shape[d] < 0) return false;
    if (port->rank >= 0 && port->shape[d] >= 0 && port->shape[d] != in->shape[d]) return false;
  }
  return true;
}

static mlcm_status bind_input(mlcm__state *s, const mlcm__gport *p, const mlcm_input *in, mlcm_error *err) {
  if (!fits(&p->port, in)) return input_mismatch(p, in, err);
  mlcm_tensor t = {.dtype = in->dtype, .rank = in->rank, .count = 1, .data = (void *)(uintptr_t)in->data};
  size_t size = mlcm_dtype_size(in->dtype);
  for (int32_t d = 0; d < in->rank; d++) t.shape[d] = in->shape[d];
  if (!mlcm__shape_count(in->rank, t.shape, &t.count)) return input_mismatch(p, in, err);
  if ((uint64_t)t.count > s->session->max_tensor_bytes / size)
    return mlcm__fail(err, MLCM_LIMIT, "input '%.80s' of %lld elements is over the limit of %llu bytes (max_tensor_bytes)",
                      p->port.name, (long long)t.count, (unsigned long long)s->session->max_tensor_bytes);
  if (in->data == NULL && t.count > 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "input '%.80s' has no data", p->port.name);
  if ((uintptr_t)in->data % alignment_of(in->dtype) != 0)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "input '%.80s': data is not aligned for %s", p->port.name,
                      mlcm_dtype_name(in->dtype));
  mlcm_tensor *out = &s->tensors[p->value];
  if (p->part == MLCM__PORT_KEYS) {
    out->keys = in->data;
    out->key_dtype = in->dtype;
    out->shape[1] = t.count; /* kept until the values come: map_is_whole compares */
    return MLCM_OK;
  }
  if (p->part == MLCM__PORT_VALUES) {
    t.keys = out->keys;
    t.key_dtype = out->key_dtype;
    t.shape[1] = out->shape[1];
  }
  *out = t;
  return MLCM_OK;
}

static mlcm_status check_maps(const mlcm__state *s, mlcm_error *err) {
  const mlcm__graph *g = &s->session->graph;
  for (size_t i = 0; i < g->n_inputs; i++) {
    const mlcm_tensor *t = &s->tensors[g->inputs[i].value];
    if (g->inputs[i].part == MLCM__PORT_VALUES && t->count != t->shape[1])
      return mlcm__fail(err, MLCM_MISMATCH, "input '%.80s' has %lld elements, but there are %lld keys", g->inputs[i].port.name,
                        (long long)t->count, (long long)t->shape[1]);
  }
  return MLCM_OK;
}

/* Inputs that were not given keep type 0 from forget_inputs. */
static void forget_inputs(mlcm__state *s) {
  const mlcm__graph *g = &s->session->graph;
  for (size_t i = 0; i < g->n_inputs; i++) s->tensors[g->inputs[i].value] = (mlcm_tensor){0};
}

/* Keys before values, whatever the caller's order: the values' description takes the keys over. */
static mlcm_status bind_pass(mlcm__state *s, const mlcm_input *inputs, size_t n, bool keys, mlcm_error *err) {
  const mlcm__graph *g = &s->session->graph;
  for (size_t i = 0; i < n; i++) {
    const mlcm__gport *p = find_port(g->inputs, g->n_inputs, g->input_names, inputs[i].name, i);
    if (p == NULL) return unknown_name("input", inputs[i].name, g->inputs, g->n_inputs, err);
    if ((p->part == MLCM__PORT_KEYS) != keys) continue;
    const mlcm_tensor *bound = &s->tensors[p->value];
    if (keys ? bound->key_dtype != 0 : bound->dtype != 0)
      return mlcm__fail(err, MLCM_MISMATCH, "input '%.80s' is given twice", p->port.name);
    mlcm_status st = bind_input(s, p, &inputs[i], err);
    if (st) return st;
  }
  return MLCM_OK;
}

mlcm_status mlcm__bind_inputs(mlcm__state *s, const mlcm_input *inputs, size_t n_inputs, mlcm_error *err) {
  const mlcm__graph *g = &s->session->graph;
  bool has_maps = false;
  if (n_inputs != g->n_inputs) return wrong_count(g, n_inputs, err);
  forget_inputs(s);
  for (size_t i = 0; i < g->n_inputs; i++) has_maps = has_maps || g->inputs[i].part != MLCM__PORT_TENSOR;
  mlcm_status st = has_maps ? bind_pass(s, inputs, n_inputs, true, err) : MLCM_OK;
  if (!st) st = bind_pass(s, inputs, n_inputs, false, err);
  if (!st && has_maps) st = check_maps(s, err);
  return st;
}

/* ---- Outputs ---- */

/* Bytes of the strings among the elements that only this run state keeps. */
static size_t made_text_bytes(const mlcm__state *s, const mlcm_tensor *t) {
  const mlcm_str *strings = t->data;
  size_t bytes = 0;
  for (int64_t i = 0; t->dtype == MLCM_STRING && s->text != NULL && i < t->count; i++)
    if (mlcm__state_owns_text(s, strings[i].ptr)) bytes += strings[i].len;
  return bytes;
}

static const mlcm_tensor *tensor_for(const mlcm__state *s, const mlcm_output *outputs, size_t i) {
  const mlcm__graph *g = &s->session->graph;
  const mlcm__gport *p = find_port(g->outputs, g->n_outputs, g->output_names, outputs[i].name, i);
  assert(p != NULL); /* mlcm__check_outputs found it */
  return &s->tensors[p->value];
}

static mlcm_status check_output(const mlcm__state *s, const mlcm_output *o, const char *name, const mlcm_tensor *t,
                                mlcm_error *err) {
  char gives[200];
  describe(gives, sizeof gives, t->dtype, t->rank, t->shape, NULL);
  if (o->dtype != 0 && o->dtype != t->dtype)
    return mlcm__fail(err, MLCM_MISMATCH, "output '%.80s' gives %s, the caller wants %s", name, gives, mlcm_dtype_name(o->dtype));
  if (o->data == NULL) return MLCM_OK;
  size_t need = (size_t)t->count * mlcm_dtype_size(t->dtype) + made_text_bytes(s, t);
  if (need > o->capacity_bytes)
    return mlcm__fail(err, MLCM_MISMATCH, "output '%.80s' gives %s and needs %zu bytes, the caller has room for %zu", name, gives,
                      need, o->capacity_bytes);
  if ((uintptr_t)o->data % alignment_of(t->dtype) != 0)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "output '%.80s': data is not aligned for %s", name, mlcm_dtype_name(t->dtype));
  return MLCM_OK;
}

/* The usual case without any words. */
static bool plainly_fits(const mlcm_output *o, const mlcm_tensor *t) {
  return t->dtype != MLCM_STRING && (o->dtype == t->dtype || o->dtype == 0) &&
         (o->data == NULL || ((size_t)t->count * mlcm_dtype_size(t->dtype) <= o->capacity_bytes &&
                              (uintptr_t)o->data % mlcm_dtype_size(t->dtype) == 0));
}

mlcm_status mlcm__check_outputs(mlcm__state *s, const mlcm_output *outputs, size_t n_outputs, mlcm_error *err) {
  const mlcm__graph *g = &s->session->graph;
  for (size_t i = 0; i < n_outputs; i++) {
    const mlcm__gport *p = find_port(g->outputs, g->n_outputs, g->output_names, outputs[i].name, i);
    if (p == NULL && outputs[i].name == NULL)
      return mlcm__fail(err, MLCM_MISMATCH, "the model gives %zu outputs, %zu are asked for by position", g->n_outputs,
                        n_outputs);
    if (p == NULL) return unknown_name("output", outputs[i].name, g->outputs, g->n_outputs, err);
    const mlcm_tensor *t = &s->tensors[p->value];
    if (plainly_fits(&outputs[i], t)) continue;
    mlcm_status st = check_output(s, &outputs[i], p->port.name, t, err);
    if (st) return st;
  }
  return MLCM_OK;
}

/* Strings made in this run move behind the elements, so that they outlive the run state. */
static void copy_strings(const mlcm__state *s, const mlcm_tensor *t, void *data) {
  const mlcm_str *from = t->data;
  mlcm_str *to = data;
  char *room = (char *)data + (size_t)t->count * sizeof *to;
  for (int64_t i = 0; i < t->count; i++) {
    to[i] = from[i];
    if (from[i].len == 0 || s->text == NULL || !mlcm__state_owns_text(s, from[i].ptr)) continue;
    memcpy(room, from[i].ptr, from[i].len);
    to[i].ptr = room;
    room += from[i].len;
  }
}

void mlcm__copy_outputs(mlcm__state *s, mlcm_output *outputs, size_t n_outputs) {
  for (size_t i = 0; i < n_outputs; i++) {
    const mlcm_tensor *t = tensor_for(s, outputs, i);
    mlcm_output *o = &outputs[i];
    o->dtype = t->dtype;
    o->rank = t->rank;
    memcpy(o->shape, t->shape, sizeof o->shape);
    if (o->data == NULL || t->count == 0) continue;
    if (t->dtype == MLCM_STRING)
      copy_strings(s, t, o->data);
    else
      memcpy(o->data, t->data, (size_t)t->count * mlcm_dtype_size(t->dtype));
  }
}
