/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml.c - from libyaml's events to a tree with positions. All nodes and texts live in one arena. Open lists and maps stand on a
 * stack of fixed depth, so depth costs no recursion; their items are collected in growable arrays and copied into the arena at
 * the end. What could make a small text large or ambiguous (anchors, aliases, tags, several documents) is refused.
 */
#include "yaml.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "arena.h"
#include "buffer.h"
#include "map.h"

enum { MAX_BYTES = 1 << 20, MAX_DEPTH = 32, MAX_NODES = 100000 };

struct mlcm__yaml {
  mlcm_context *ctx;
  mlcm__arena arena;
  const char *name;
  mlcm__node *root;
};

typedef struct frame {
  mlcm__node *node; /* the open list or map */
  mlcm__node **items;
  size_t n, cap;
  uint64_t number;
} frame;

typedef struct reader {
  mlcm__yaml *doc;
  yaml_parser_t parser;
  frame frames[MAX_DEPTH];
  int depth;
  size_t n_nodes;
  mlcm__buffer key; /* map number and key text, for the table of keys */
  mlcm__map *keys;  /* every key of the document to its node */
  mlcm_error *err;
} reader;

/* ---- Complaints ---------------------------------------------------------------------------------------------------- */

static mlcm_status fail_at(const reader *r, mlcm_status code, yaml_mark_t mark, const char *what) {
  return mlcm__fail(r->err, code, "%s:%zu:%zu: %s", r->doc->name, mark.line + 1, mark.column + 1, what);
}

/* What libyaml found wrong. A byte that is no UTF-8 has only an offset. */
static mlcm_status parser_failed(const reader *r, const char *text, size_t len) {
  const yaml_parser_t *p = &r->parser;
  if (p->error == YAML_MEMORY_ERROR) return mlcm__fail_memory(r->err, len);
  assert(p->problem && p->problem_offset <= len);
  if (p->error != YAML_READER_ERROR) return fail_at(r, MLCM_PARSE, p->problem_mark, p->problem);
  yaml_mark_t mark = {p->problem_offset, 0, 0};
  for (size_t i = 0; i < p->problem_offset; i++) {
    const bool begins_character = ((unsigned char)text[i] & 0xC0) != 0x80;
    mark.column = text[i] == '\n' ? 0 : mark.column + begins_character;
    mark.line += text[i] == '\n';
  }
  return fail_at(r, MLCM_PARSE, mark, p->problem);
}

/* ---- Building ------------------------------------------------------------------------------------------------------ */

static mlcm_status new_node(reader *r, int kind, yaml_mark_t mark, mlcm__node **out) {
  if (++r->n_nodes > MAX_NODES) {
    return mlcm__fail(r->err, MLCM_LIMIT, "%s:%zu:%zu: more than the limit of %d values", r->doc->name, mark.line + 1,
                      mark.column + 1, MAX_NODES);
  }
  mlcm__node *node = mlcm__arena_alloc(&r->doc->arena, 1, sizeof *node);
  if (!node) return mlcm__fail_memory(r->err, sizeof *node);
  node->kind = kind;
  node->line = (int)mark.line + 1;
  node->column = (int)mark.column + 1;
  node->text = "";
  *out = node;
  return MLCM_OK;
}

static bool is_key(const frame *f) { return f->node->kind == MLCM__YAML_MAP && f->n % 2 == 0; }

/* Keys are plain values and stand once in their map. */
static mlcm_status check_key(reader *r, const frame *f, mlcm__node *key) {
  if (key->kind != MLCM__YAML_SCALAR) return mlcm__yaml_fail(r->doc, key, r->err, "a key must be a plain value");
  mlcm__buffer_clear(&r->key);
  mlcm__buffer_append(&r->key, &f->number, sizeof f->number);
  mlcm__buffer_append(&r->key, key->text, key->len);
  const mlcm_status st = mlcm__buffer_check(&r->key, "a key", r->err);
  if (st) return st;
  const mlcm__node *first = mlcm__map_get(r->keys, r->key.data, r->key.len);
  if (first) return mlcm__yaml_fail(r->doc, key, r->err, "key '%.100s' stands twice, first in line %d", key->text, first->line);
  return mlcm__map_set(r->keys, r->key.data, r->key.len, key, r->err);
}

/* Puts a finished or just opened node where it belongs. */
static mlcm_status place(reader *r, mlcm__node *node) {
  if (r->depth == 0) {
    r->doc->root = node;
    return MLCM_OK;
  }
  frame *f = &r->frames[r->depth - 1];
  mlcm_status st = is_key(f) ? check_key(r, f, node) : MLCM_OK;
  if (!st) st = mlcm__reserve(r->doc->ctx, &f->items, &f->cap, f->n + 1, sizeof *f->items, r->err);
  if (!st) f->items[f->n++] = node;
  return st;
}

static mlcm_status open_frame(reader *r, int kind, yaml_mark_t mark) {
  if (r->depth == MAX_DEPTH) {
    return mlcm__fail(r->err, MLCM_LIMIT, "%s:%zu:%zu: nested deeper than the limit of %d", r->doc->name, mark.line + 1,
                      mark.column + 1, MAX_DEPTH);
  }
  mlcm__node *node = NULL;
  mlcm_status st = new_node(r, kind, mark, &node);
  if (!st) st = place(r, node);
  if (st) return st;
  frame *f = &r->frames[r->depth++];
  f->node = node; /* items and cap stay: the array is used again by the next frame of this depth */
  f->n = 0;
  f->number = r->n_nodes;
  return MLCM_OK;
}

static mlcm_status close_frame(reader *r) {
  assert(r->depth > 0);
  const frame *f = &r->frames[--r->depth];
  f->node->n = f->node->kind == MLCM__YAML_MAP ? f->n / 2 : f->n;
  f->node->items = mlcm__arena_alloc(&r->doc->arena, f->n, sizeof *f->items);
  if (!f->node->items) return mlcm__fail_memory(r->err, f->n * sizeof *f->items);
  if (f->n) memcpy(f->node->items, f->items, f->n * sizeof *f->items);
  return MLCM_OK;
}

static mlcm_status add_scalar(reader *r, const yaml_event_t *event) {
  const char *text = (const char *)event->data.scalar.value;
  const size_t len = event->data.scalar.length;
  if (memchr(text, 0, len)) return fail_at(r, MLCM_PARSE, event->start_mark, "text with a NUL character is not supported");
  mlcm__node *node = NULL;
  const mlcm_status st = new_node(r, MLCM__YAML_SCALAR, event->start_mark, &node);
  if (!node) return st;
  node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  node->len = len;
  node->text = mlcm__arena_strndup(&r->doc->arena, text, len);
  if (!node->text) return mlcm__fail_memory(r->err, len + 1);
  return place(r, node);
}

static mlcm_status refuse_extras(const reader *r, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag) {
  if (anchor) return fail_at(r, MLCM_PARSE, event->start_mark, "anchors ('&name') are not supported: write the value out");
  if (tag) return fail_at(r, MLCM_PARSE, event->start_mark, "tags ('!name') are not supported: leave it out, or quote the text");
  return MLCM_OK;
}

static mlcm_status take_event(reader *r, const yaml_event_t *event) {
  mlcm_status st = MLCM_OK;
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT:
    return r->doc->root ? fail_at(r, MLCM_PARSE, event->start_mark, "a second document begins: one a file, please") : MLCM_OK;
  case YAML_ALIAS_EVENT:
    return fail_at(r, MLCM_PARSE, event->start_mark, "aliases ('*name') are not supported: write the value out");
  case YAML_SCALAR_EVENT:
    st = refuse_extras(r, event, event->data.scalar.anchor, event->data.scalar.tag);
    return st ? st : add_scalar(r, event);
  case YAML_SEQUENCE_START_EVENT:
    st = refuse_extras(r, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    return st ? st : open_frame(r, MLCM__YAML_LIST, event->start_mark);
  case YAML_MAPPING_START_EVENT:
    st = refuse_extras(r, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    return st ? st : open_frame(r, MLCM__YAML_MAP, event->start_mark);
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT: return close_frame(r);
  default: return MLCM_OK; /* stream start and end, document end */
  }
}

static mlcm_status read_events(reader *r, const char *text, size_t len) {
  /* libyaml asserts a text, an empty one too */
  yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text ? text : ""), len);
  yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
  mlcm_status st = MLCM_OK;
  for (bool more = true; more && !st;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&r->parser, &event)) return parser_failed(r, text, len);
    more = event.type != YAML_STREAM_END_EVENT;
    st = take_event(r, &event);
    yaml_event_delete(&event);
  }
  const mlcm__node *root = r->doc->root;
  const bool empty = !root || (root->kind == MLCM__YAML_SCALAR && root->len == 0 && !root->quoted);
  if (!st && empty) st = mlcm__fail(r->err, MLCM_PARSE, "%s:1:1: the text is empty", r->doc->name);
  return st;
}

static mlcm_status read_document(mlcm__yaml *doc, const char *text, size_t len, mlcm_error *err) {
  reader *r = mlcm__alloc_zero(doc->ctx, 1, sizeof *r);
  if (!r) return mlcm__fail_memory(err, sizeof *r);
  r->doc = doc;
  r->err = err;
  mlcm__buffer_init(&r->key, doc->ctx, MAX_BYTES + sizeof(uint64_t));
  mlcm_status st = mlcm__map_new(doc->ctx, &r->keys, err);
  if (!st) {
    if (yaml_parser_initialize(&r->parser)) {
      st = read_events(r, text, len);
      yaml_parser_delete(&r->parser);
    } else {
      st = mlcm__fail_memory(err, sizeof r->parser);
    }
  }
  for (int i = 0; i < MAX_DEPTH; i++) mlcm__free(doc->ctx, r->frames[i].items);
  mlcm__map_free(r->keys);
  mlcm__buffer_reset(&r->key);
  mlcm__free(doc->ctx, r);
  return st;
}

mlcm_status mlcm__yaml_parse(mlcm_context *ctx, const char *name, const char *text, size_t len, mlcm__yaml **out,
                             mlcm_error *err) {
  if (len > MAX_BYTES) return mlcm__fail(err, MLCM_LIMIT, "%s has %zu bytes, more than the limit of %d", name, len, MAX_BYTES);
  mlcm__yaml *doc = mlcm__alloc_zero(ctx, 1, sizeof *doc);
  if (!doc) return mlcm__fail_memory(err, sizeof *doc);
  doc->ctx = ctx;
  mlcm__arena_init(&doc->arena, ctx);
  doc->name = mlcm__arena_strndup(&doc->arena, name, strlen(name));
  const mlcm_status st = doc->name ? read_document(doc, text, len, err) : mlcm__fail_memory(err, strlen(name) + 1);
  if (st) {
    mlcm__yaml_free(doc);
    return st;
  }
  *out = doc;
  return MLCM_OK;
}

void mlcm__yaml_free(mlcm__yaml *doc) {
  if (!doc) return;
  mlcm__arena_reset(&doc->arena);
  mlcm__free(doc->ctx, doc);
}

const mlcm__node *mlcm__yaml_root(const mlcm__yaml *doc) { return doc->root; }

const char *mlcm__yaml_name(const mlcm__yaml *doc) { return doc->name; }

mlcm_status mlcm__yaml_fail(const mlcm__yaml *doc, const mlcm__node *at, mlcm_error *err, const char *format, ...) {
  if (!err) return MLCM_PARSE;
  char text[sizeof err->message];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (at) return mlcm__fail(err, MLCM_PARSE, "%s:%d:%d: %s", doc->name, at->line, at->column, text);
  return mlcm__fail(err, MLCM_PARSE, "%s: %s", doc->name, text);
}
