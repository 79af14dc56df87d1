/* SPDX-License-Identifier: Apache-2.0
 *
 * search.c - a query to a page: parse, one statement, then each row as a snapshot; all in one read transaction.
 */
#include <assert.h>
#include <string.h>

#include "registry/page_token.h"
#include "registry/registry.h"
#include "registry/search_sql.h"
#include "registry/snapshot.h"

enum { FIRST_QUERY_BYTES = 72, LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };
_Static_assert(sizeof(mlcm_query) == FIRST_QUERY_BYTES, "mlcm_query changed: keep the first size here");

struct mlcm_page {
  mlcm_context *ctx;
  mlcm__entity entity;
  mlcm_version **versions; /* of MLCM__VERSIONS */
  mlcm_model **models;     /* of MLCM__MODELS */
  size_t n;
  char *next; /* NULL on the last page */
};

void mlcm_query_init(mlcm_query *query, size_t size_bytes) {
  memset(query, 0, size_bytes);
  query->struct_size = size_bytes;
}

/* One run of a search. */
typedef struct run {
  mlcm_registry *reg;
  mlcm_query query;
  mlcm__arena arena;
  mlcm__search search;
  mlcm__query_sql sql;
  const char *identity; /* of the query, for its page tokens */
  mlcm__bind last[MLCM__TERMS_MAX];
  size_t n_last;
  int64_t *ids; /* [n] of the rows found */
  size_t n;
  size_t cap;
} run;

static mlcm_status set_identity(run *r, mlcm_error *err) {
  const char *filter = r->query.filter ? r->query.filter : "";
  const char *order = r->query.order_by ? r->query.order_by : "";
  size_t filter_len = strlen(filter);
  size_t order_len = strlen(order);
  char *identity = mlcm__arena_alloc(&r->arena, filter_len + order_len + 3, 1);
  if (!identity) return mlcm__fail_memory(err, filter_len + order_len + 3);
  identity[0] = r->search.entity == MLCM__VERSIONS ? 'v' : 'm';
  memcpy(identity + 1, filter, filter_len);
  identity[1 + filter_len] = '\n'; /* no filter and order can be cut elsewhere to the same text: both were parsed */
  memcpy(identity + 2 + filter_len, order, order_len + 1);
  r->identity = identity;
  return MLCM_OK;
}

static mlcm_status prepare(run *r, mlcm__entity entity, mlcm_error *err) {
  if (r->query.limit > LIMIT_MAX)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "limit is %zu, more than %d", r->query.limit, LIMIT_MAX);
  if (r->query.limit == 0) r->query.limit = LIMIT_DEFAULT;
  mlcm_status st = mlcm__search_parse(&r->arena, entity, r->query.filter, r->query.order_by, &r->search, err);
  if (!st) st = set_identity(r, err);
  const char *token = r->query.page_token;
  bool go_on = token && token[0];
  if (!st && go_on) st = mlcm__page_token_read(&r->arena, r->identity, token, r->last, MLCM__TERMS_MAX, &r->n_last, err);
  if (!st) {
    st = mlcm__search_sql(&r->arena, &r->search, go_on ? r->last : NULL, r->n_last, (int64_t)r->query.limit + 1, &r->sql, err);
  }
  return st;
}

/* One term of the current row, copied: it is needed after the statement went on. */
static mlcm_status keep_term(run *r, mlcm__db_stmt *stmt, size_t i, mlcm_error *err) {
  int column = (int)i + 1;
  mlcm__bind *term = &r->last[i];
  const char *text = NULL;
  mlcm_status st = MLCM_OK;
  if (mlcm__db_is_null(stmt, column)) {
    *term = (mlcm__bind){.kind = MLCM__BIND_NULL};
  } else if (r->sql.terms[i].kind == MLCM__VALUE_I64) {
    *term = mlcm__i64(mlcm__db_i64(stmt, column));
  } else if (r->sql.terms[i].kind == MLCM__VALUE_F64) {
    *term = mlcm__f64(mlcm__db_f64(stmt, column));
  } else {
    st = mlcm__keep_text(&r->arena, stmt, column, &text, err);
    if (!st) *term = (mlcm__bind){.kind = MLCM__BIND_TEXT, .data = text, .len = strlen(text)};
  }
  return st;
}

static mlcm_status keep_terms(run *r, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < r->sql.n_terms; i++) st = keep_term(r, stmt, i, err);
  return st;
}

/* Reads ids up to the limit; *more says that there is a row beyond it. The last kept row's terms go into r->last. */
static mlcm_status read_ids(run *r, mlcm__db_conn *conn, bool *more, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, r->sql.sql.data, r->sql.binds, r->sql.n_binds, &stmt, &row, err);
  while (!st && row && r->n < r->query.limit) {
    st = mlcm__reserve(r->reg->ctx, &r->ids, &r->cap, r->n + 1, sizeof r->ids[0], err);
    if (!st) r->ids[r->n++] = mlcm__db_i64(stmt, 0);
    if (!st && r->n == r->query.limit) st = keep_terms(r, stmt, err);
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  *more = row;
  mlcm__db_reset(stmt);
  return st;
}

static mlcm_status page_new(const run *r, mlcm_page **out, mlcm_error *err) {
  mlcm_context *ctx = r->reg->ctx;
  bool versions = r->search.entity == MLCM__VERSIONS;
  mlcm_page *page = mlcm__alloc_zero(ctx, 1, sizeof *page);
  if (!page) return mlcm__fail_memory(err, sizeof *page);
  page->ctx = mlcm__context_retain(ctx);
  page->entity = r->search.entity;
  if (versions)
    page->versions = mlcm__alloc_zero(ctx, r->n, sizeof page->versions[0]);
  else
    page->models = mlcm__alloc_zero(ctx, r->n, sizeof page->models[0]);
  if (!page->versions && !page->models) {
    mlcm_page_free(page);
    return mlcm__fail_memory(err, r->n * sizeof(void *));
  }
  *out = page;
  return MLCM_OK;
}

static mlcm_status fill_page(const run *r, mlcm__db_conn *conn, mlcm_page *page, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < r->n; i++) {
    st = page->versions ? mlcm__version_load(conn, r->ids[i], false, &page->versions[i], err)
                        : mlcm__model_load(conn, r->ids[i], &page->models[i], err);
    if (!st) page->n++;
  }
  return st;
}

static mlcm_status execute(run *r, mlcm_page **out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_page *page = NULL;
  bool more = false;
  mlcm_status st = mlcm__db_read_begin(r->reg->db, &conn, err);
  if (!st) st = read_ids(r, conn, &more, err);
  if (!st) st = page_new(r, &page, err);
  if (!st) st = fill_page(r, conn, page, err);
  mlcm__db_read_end(conn);
  if (!st && more) st = mlcm__page_token_write(r->reg->ctx, r->identity, r->last, r->sql.n_terms, &page->next, err);
  if (!st) {
    *out = page;
    page = NULL;
  }
  mlcm_page_free(page);
  return st;
}

static mlcm_status search(mlcm_registry *reg, mlcm__entity entity, const mlcm_query *query, mlcm_page **out, mlcm_error *err) {
  run r = {.reg = reg};
  if (!reg || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "out" : "reg");
  mlcm_status st = mlcm__options_read(query, FIRST_QUERY_BYTES, &r.query, sizeof r.query, "mlcm_query", err);
  if (st) return st;
  mlcm__arena_init(&r.arena, reg->ctx);
  st = prepare(&r, entity, err);
  if (!st) st = execute(&r, out, err);
  mlcm__free(reg->ctx, r.ids);
  mlcm__query_sql_reset(&r.sql);
  mlcm__arena_reset(&r.arena);
  return st;
}

mlcm_status mlcm_search_versions(mlcm_registry *reg, const mlcm_query *query, mlcm_page **out, mlcm_error *err) {
  return search(reg, MLCM__VERSIONS, query, out, err);
}

mlcm_status mlcm_search_models(mlcm_registry *reg, const mlcm_query *query, mlcm_page **out, mlcm_error *err) {
  return search(reg, MLCM__MODELS, query, out, err);
}

void mlcm_page_free(mlcm_page *page) {
  if (!page) return;
  mlcm_context *ctx = page->ctx;
  for (size_t i = 0; i < page->n; i++) {
    if (page->versions)
      mlcm_version_free(page->versions[i]);
    else
      mlcm_model_free(page->models[i]);
  }
  mlcm__free(ctx, page->versions);
  mlcm__free(ctx, page->models);
  mlcm__free(ctx, page->next);
  mlcm__free(ctx, page);
  mlcm__context_release(ctx);
}

size_t mlcm_page_n(const mlcm_page *page) { return page->n; }

const mlcm_version *mlcm_page_version(const mlcm_page *page, size_t i) {
  assert(i < page->n);
  return page->versions ? page->versions[i] : NULL;
}

const mlcm_model *mlcm_page_model(const mlcm_page *page, size_t i) {
  assert(i < page->n);
  return page->models ? page->models[i] : NULL;
}

const char *mlcm_page_next(const mlcm_page *page) { return page->next; }
