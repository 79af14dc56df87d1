/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_filter.c - any bytes as a filter and an order: "v name = 'x' | version DESC" asks for versions, anything but 'v' first for models.
 * What is accepted must become SQL that the database understands, with as many parameters as it has values; a page token of it must
 * read back.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "registry/page_token.h"
#include "registry/registry.h"
#include "registry/search_sql.h"

/* One empty database for all inputs. */
static sqlite3 *schema(void) {
  static sqlite3 *db;
  if (db) return db;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) abort();
  for (size_t i = 0; i < mlcm__registry_n_migrations; i++) {
    if (sqlite3_exec(db, mlcm__registry_migrations[i], NULL, NULL, NULL) != SQLITE_OK) abort();
  }
  return db;
}

static void check_sql(const mlcm__query_sql *query) {
  sqlite3_stmt *stmt = NULL;
  if (sqlite3_prepare_v2(schema(), query->sql.data, -1, &stmt, NULL) != SQLITE_OK) abort();
  if ((size_t)sqlite3_bind_parameter_count(stmt) != query->n_binds) abort();
  sqlite3_finalize(stmt);
}

/* A last row that fits the terms. */
static size_t last_row(const mlcm__query_sql *query, mlcm__bind *last) {
  for (size_t i = 0; i < query->n_terms; i++) {
    last[i] = mlcm__i64((int64_t)i);
    if (query->terms[i].kind == MLCM__VALUE_F64) last[i] = mlcm__f64(0.1);
    if (query->terms[i].kind == MLCM__VALUE_TEXT) {
      last[i] = mlcm__text("it's");
      last[i].len = 4;
    }
  }
  return query->n_terms;
}

static void check_token(mlcm_context *ctx, mlcm__arena *arena, const char *text, const mlcm__bind *last, size_t n) {
  mlcm__bind again[MLCM__TERMS_MAX];
  char *token = NULL;
  size_t n_again = 0;
  if (mlcm__page_token_write(ctx, text, last, n, &token, NULL)) abort();
  if (mlcm__page_token_read(arena, text, token, again, MLCM__TERMS_MAX, &n_again, NULL) || n_again != n) abort();
  mlcm__free(ctx, token);
}

static void check_accepted(mlcm_context *ctx, mlcm__arena *arena, const mlcm__search *search, const char *text) {
  mlcm__query_sql query;
  mlcm__bind last[MLCM__TERMS_MAX];
  if (mlcm__search_sql(arena, search, NULL, 0, 10, &query, NULL)) abort();
  check_sql(&query);
  size_t n = last_row(&query, last);
  mlcm__query_sql_reset(&query);
  if (mlcm__search_sql(arena, search, last, n, 10, &query, NULL)) abort();
  check_sql(&query);
  mlcm__query_sql_reset(&query);
  check_token(ctx, arena, text, last, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm__arena arena;
  static mlcm__search search;
  mlcm_error err = {0};
  if (mlcm_context_new(NULL, &ctx, NULL)) abort();
  mlcm__arena_init(&arena, ctx);
  char *text = mlcm__strndup(ctx, (const char *)data, size);
  if (!text) abort();
  mlcm__entity entity = text[0] == 'v' ? MLCM__VERSIONS : MLCM__MODELS;
  char *filter = text[0] ? text + 1 : text;
  char *order = strchr(filter, '|');
  if (order) *order++ = '\0';
  if (mlcm__search_parse(&arena, entity, filter, order, &search, &err) == MLCM_OK) check_accepted(ctx, &arena, &search, text);
  else if (!err.message[0]) abort();
  mlcm__free(ctx, text);
  mlcm__arena_reset(&arena);
  mlcm_context_free(ctx);
  return 0;
}
