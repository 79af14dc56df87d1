/* SPDX-License-Identifier: Apache-2.0
 *
 * search_sql.c - see search_sql.h. Every value is a parameter; only names from the table of keys and numbers of parameters are
 * text.
 */
#include "registry/search_sql.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { SQL_BYTES_MAX = 1 << 20 };

/* A statement on its way, with a sticky failure in its buffer. */
typedef struct builder {
  mlcm__arena *arena;
  const mlcm__search *search;
  mlcm__query_sql *out;
} builder;

static void put(builder *b, const char *text) { mlcm__buffer_text(&b->out->sql, text); }

static bool add_bind(builder *b, mlcm__bind bind) {
  mlcm__query_sql *q = b->out;
  if (mlcm__reserve(b->arena->ctx, &q->binds, &q->cap_binds, q->n_binds + 1, sizeof q->binds[0], NULL)) {
    q->sql.bad = MLCM_NO_MEMORY;
    return false;
  }
  q->binds[q->n_binds++] = bind;
  return true;
}

/* Adds a parameter and writes its name. */
static void put_bind(builder *b, mlcm__bind bind) {
  if (add_bind(b, bind)) mlcm__buffer_format(&b->out->sql, "?%zu", b->out->n_binds);
}

static mlcm__bind bind_of(const mlcm__value *value) {
  switch (value->kind) { /* never: each has its case */
  case MLCM__VALUE_I64: return mlcm__i64(value->i64);
  case MLCM__VALUE_F64: return mlcm__f64(value->f64);
  case MLCM__VALUE_TEXT: break;
  }
  return mlcm__text(value->text);
}

/* ---- comparisons ---- */

static const char *sign_of(mlcm__op op) {
  switch (op) { /* never: each has its case */
  case MLCM__OP_EQ: return " = ";
  case MLCM__OP_NE: return " <> ";
  case MLCM__OP_LT: return " < ";
  case MLCM__OP_LE: return " <= ";
  case MLCM__OP_GT: return " > ";
  case MLCM__OP_GE: return " >= ";
  case MLCM__OP_LIKE: return " LIKE "; /* minds case: the store sets its connections so */
  case MLCM__OP_ILIKE: return " LIKE ";
  case MLCM__OP_IN: return " IN ";
  }
  return " = ";
}

static void put_list(builder *b, const mlcm__comparison *c) {
  for (size_t i = 0; i < c->n_values; i++) {
    put(b, i ? ", " : "(");
    put_bind(b, bind_of(&c->values[i]));
  }
  put(b, ")");
}

/* `expression` sign value(s). */
static void put_test(builder *b, const char *expression, const mlcm__comparison *c) {
  bool any_case = c->op == MLCM__OP_ILIKE;
  if (any_case) put(b, "lower(");
  put(b, expression);
  if (any_case) put(b, ")");
  put(b, sign_of(c->op));
  if (c->op == MLCM__OP_IN) {
    put_list(b, c);
    return;
  }
  if (any_case) put(b, "lower(");
  put_bind(b, bind_of(&c->values[0]));
  if (any_case) put(b, ")");
}

static void put_alias_test(builder *b, const mlcm__comparison *c) {
  put(b, b->search->entity == MLCM__VERSIONS ? "(v.model_id, v.number) IN (SELECT a.model_id, a.version FROM alias a WHERE "
                                             : "m.id IN (SELECT a.model_id FROM alias a WHERE ");
  put_test(b, "a.name", c);
  put(b, ")");
}

/* Rows of a tag or metric by name and value: an index of (name, value) answers which objects have it. */
static void put_named_test(builder *b, const mlcm__comparison *c) {
  if (c->key->type == MLCM__TYPE_METRIC) {
    put(b, "v.id IN (SELECT t.version_id FROM metric t WHERE t.name = ");
  } else if (b->search->entity == MLCM__VERSIONS) {
    put(b, "v.id IN (SELECT t.version_id FROM version_tag t WHERE t.key = ");
  } else {
    put(b, "m.id IN (SELECT t.model_id FROM model_tag t WHERE t.key = ");
  }
  put_bind(b, mlcm__text(c->name));
  put(b, " AND ");
  put_test(b, "t.value", c);
  put(b, ")");
}

static const char *expression_of(const builder *b, const mlcm__key *key) {
  return b->search->entity == MLCM__VERSIONS ? key->version_sql : key->model_sql;
}

static void put_comparison(builder *b, const mlcm__comparison *c) {
  put(b, " AND ");
  switch (c->key->type) { /* never: each has its case */
  case MLCM__TYPE_ALIAS: put_alias_test(b, c); break;
  case MLCM__TYPE_TAG:
  case MLCM__TYPE_METRIC: put_named_test(b, c); break;
  case MLCM__TYPE_TEXT:
  case MLCM__TYPE_NUMBER:
  case MLCM__TYPE_TIME:
  case MLCM__TYPE_STATE: put_test(b, expression_of(b, c->key), c); break;
  }
}

/* Deleted ones are found only by those who speak of the state. */
static void put_filter(builder *b) {
  bool speaks_of_state = false;
  for (size_t i = 0; i < b->search->n_comparisons; i++) {
    if (b->search->comparisons[i].key->type == MLCM__TYPE_STATE) speaks_of_state = true;
  }
  if (speaks_of_state)
    put(b, " WHERE 1");
  else
    put(b, b->search->entity == MLCM__VERSIONS ? " WHERE v.state = 1 AND m.state = 1" : " WHERE m.state = 1");
  for (size_t i = 0; i < b->search->n_comparisons; i++) put_comparison(b, &b->search->comparisons[i]);
}

/* ---- order ---- */

static void add_term(builder *b, const char *sql, mlcm__value_kind kind, bool descending, bool is_column) {
  mlcm__query_sql *q = b->out;
  assert(q->n_terms < MLCM__TERMS_MAX);
  q->terms[q->n_terms++] = (mlcm__term){sql, kind, descending, is_column};
}

static mlcm__value_kind kind_of(mlcm__key_type type) {
  if (type == MLCM__TYPE_METRIC) return MLCM__VALUE_F64;
  return type == MLCM__TYPE_TEXT || type == MLCM__TYPE_TAG ? MLCM__VALUE_TEXT : MLCM__VALUE_I64;
}

static bool has_term(const builder *b, const char *sql) {
  for (size_t i = 0; i < b->out->n_terms; i++) {
    if (strcmp(b->out->terms[i].sql, sql) == 0) return true;
  }
  return false;
}

/* The value of a tag or metric as an expression; its name is a parameter. */
static const char *named_expression(builder *b, const mlcm__order *order) {
  mlcm__query_sql *q = b->out;
  char sql[128];
  const char *beginning = "(SELECT t.value FROM model_tag t WHERE t.model_id = m.id AND t.key = ";
  if (b->search->entity == MLCM__VERSIONS)
    beginning = "(SELECT t.value FROM version_tag t WHERE t.version_id = v.id AND t.key = ";
  if (order->key->type == MLCM__TYPE_METRIC) beginning = "(SELECT t.value FROM metric t WHERE t.version_id = v.id AND t.name = ";
  if (!add_bind(b, mlcm__text(order->name))) return "";
  int len = snprintf(sql, sizeof sql, "%s?%zu)", beginning, q->n_binds);
  const char *kept = mlcm__arena_strndup(b->arena, sql, (size_t)len);
  if (!kept) q->sql.bad = MLCM_NO_MEMORY;
  return kept ? kept : "";
}

static void add_named_terms(builder *b, const mlcm__order *order) {
  const char *value = named_expression(b, order);
  size_t size = strlen(value) + 16;
  char *absent = mlcm__arena_alloc(b->arena, size, 1);
  if (!absent) {
    b->out->sql.bad = MLCM_NO_MEMORY;
    return;
  }
  (void)snprintf(absent, size, "(%s IS NULL)", value);
  add_term(b, absent, MLCM__VALUE_I64, false, false);
  add_term(b, value, kind_of(order->key->type), order->descending, false);
}

static void collect_terms(builder *b) {
  const mlcm__search *s = b->search;
  bool versions = s->entity == MLCM__VERSIONS;
  for (size_t i = 0; i < s->n_orders; i++) {
    const mlcm__order *order = &s->orders[i];
    bool named = order->key->type == MLCM__TYPE_TAG || order->key->type == MLCM__TYPE_METRIC;
    if (named)
      add_named_terms(b, order);
    else
      add_term(b, expression_of(b, order->key), kind_of(order->key->type), order->descending,
               order->key->type != MLCM__TYPE_STATE);
  }
  if (versions && s->n_orders == 0) { /* newest first: exactly an index's order, so that a page costs a page */
    add_term(b, "v.updated_ns", MLCM__VALUE_I64, true, true);
    add_term(b, "v.id", MLCM__VALUE_I64, true, true);
    return;
  }
  if (!has_term(b, "m.name")) add_term(b, "m.name", MLCM__VALUE_TEXT, false, true);
  if (versions && !has_term(b, "v.number")) add_term(b, "v.number", MLCM__VALUE_I64, true, true);
}

static void put_order(builder *b) {
  for (size_t i = 0; i < b->out->n_terms; i++) {
    put(b, i ? ", " : " ORDER BY ");
    put(b, b->out->terms[i].sql);
    if (b->out->terms[i].descending) put(b, " DESC");
  }
}

/* Adds the values of the last row as parameters first ... first + n_terms - 1, without writing them. */
static bool add_last(builder *b, const mlcm__bind *last, size_t *first) {
  mlcm__query_sql *q = b->out;
  *first = q->n_binds + 1;
  for (size_t i = 0; i < q->n_terms; i++) {
    if (!add_bind(b, last[i])) return false;
  }
  return true;
}

/* Equal to the last row in all terms before `n`, and behind it in term `n`. NULL is equal to NULL: whether a value is absent is a
 * term of its own before it. */
static void put_behind(builder *b, size_t first, size_t n) {
  const mlcm__query_sql *q = b->out;
  put(b, "(");
  for (size_t i = 0; i < n; i++) mlcm__buffer_format(&b->out->sql, "%s IS ?%zu AND ", q->terms[i].sql, first + i);
  mlcm__buffer_format(&b->out->sql, "%s %s ?%zu)", q->terms[n].sql, q->terms[n].descending ? "<" : ">", first + n);
}

/* Behind the last row: behind in term 0, or equal there and behind in term 1, and so on. Flat, since SQLite's parser has a stack.
 * The bound on a leading column repeats a part of it in a form that an index can start from. */
static void put_continuation(builder *b, const mlcm__bind *last) {
  mlcm__query_sql *q = b->out;
  size_t first = 0;
  if (!add_last(b, last, &first)) return;
  if (q->terms[0].is_column)
    mlcm__buffer_format(&q->sql, " AND %s %s ?%zu", q->terms[0].sql, q->terms[0].descending ? "<=" : ">=", first);
  put(b, " AND (");
  for (size_t i = 0; i < q->n_terms; i++) {
    if (i) put(b, " OR ");
    put_behind(b, first, i);
  }
  put(b, ")");
}

static void put_select(builder *b) {
  put(b, b->search->entity == MLCM__VERSIONS ? "SELECT v.id" : "SELECT m.id");
  for (size_t i = 0; i < b->out->n_terms; i++) {
    put(b, ", ");
    put(b, b->out->terms[i].sql);
  }
  put(b, b->search->entity == MLCM__VERSIONS ? " FROM version v JOIN model m ON m.id = v.model_id" : " FROM model m");
}

mlcm_status mlcm__search_sql(mlcm__arena *arena, const mlcm__search *search, const mlcm__bind *last, size_t n_last, int64_t rows,
                             mlcm__query_sql *out, mlcm_error *err) {
  builder b = {arena, search, out};
  *out = (mlcm__query_sql){0};
  mlcm__buffer_init(&out->sql, arena->ctx, SQL_BYTES_MAX);
  collect_terms(&b);
  if (last && n_last != out->n_terms && !out->sql.bad) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the page token has %zu values, this query orders by %zu", n_last,
                      out->n_terms);
  }
  put_select(&b);
  put_filter(&b);
  if (last) put_continuation(&b, last);
  put_order(&b);
  put(&b, " LIMIT ");
  put_bind(&b, mlcm__i64(rows));
  return mlcm__buffer_check(&out->sql, "the search", err);
}

void mlcm__query_sql_reset(mlcm__query_sql *query) {
  mlcm_context *ctx = query->sql.ctx;
  if (!ctx) return;
  mlcm__free(ctx, query->binds);
  mlcm__buffer_reset(&query->sql);
  *query = (mlcm__query_sql){0};
}
