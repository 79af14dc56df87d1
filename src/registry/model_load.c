/* SPDX-License-Identifier: Apache-2.0
 *
 * model_load.c - one model from its rows, and the snapshot as the caller sees it. Counters in the row make it independent of the
 * number of versions.
 */
#include <assert.h>

#include "registry/snapshot.h"
#include "registry/sql.h"

static mlcm_status load_row(mlcm__db_conn *conn, int64_t id, mlcm_model *m, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(
      conn, "SELECT name, description, actor, state, created_ns, updated_ns, newest, n_versions FROM model WHERE id = ?1",
      MLCM__BIND(mlcm__i64(id)), &stmt, &row, err);
  if (!st && !row) st = mlcm__fail(err, MLCM_CORRUPT, "model row %lld is missing", (long long)id);
  if (!st) st = mlcm__keep_text(&m->arena, stmt, 0, &m->name, err);
  if (!st) st = mlcm__keep_text(&m->arena, stmt, 1, &m->description, err);
  if (!st) st = mlcm__keep_text(&m->arena, stmt, 2, &m->actor, err);
  if (!st) {
    m->state = (mlcm_state)mlcm__db_i64(stmt, 3);
    m->created_ns = mlcm__db_i64(stmt, 4);
    m->updated_ns = mlcm__db_i64(stmt, 5);
    m->newest = mlcm__db_i64(stmt, 6);
    m->n_versions = mlcm__db_i64(stmt, 7);
  }
  mlcm__db_reset(stmt);
  return st;
}

static mlcm_status add_alias(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm_model *m = user;
  mlcm_status st = mlcm__reserve(m->ctx, &m->aliases, &m->cap_aliases, m->n_aliases + 1, sizeof m->aliases[0], err);
  if (!st) st = mlcm__keep_text(&m->arena, stmt, 0, &m->aliases[m->n_aliases].name, err);
  if (!st) m->aliases[m->n_aliases++].version = mlcm__db_i64(stmt, 1);
  return st;
}

static mlcm_status load_aliases(mlcm__db_conn *conn, int64_t id, mlcm_model *m, mlcm_error *err) {
  return mlcm__sql_each(conn, "SELECT name, version FROM alias WHERE model_id = ?1 ORDER BY name", MLCM__BIND(mlcm__i64(id)),
                        add_alias, m, err);
}

mlcm_status mlcm__model_load(mlcm__db_conn *conn, int64_t model_id, mlcm_model **out, mlcm_error *err) {
  mlcm_context *ctx = mlcm__db_context(conn);
  mlcm_model *m = mlcm__alloc_zero(ctx, 1, sizeof *m);
  if (!m) return mlcm__fail_memory(err, sizeof *m);
  m->ctx = mlcm__context_retain(ctx);
  mlcm__arena_init(&m->arena, ctx);
  mlcm_status st = load_row(conn, model_id, m, err);
  if (!st)
    st = mlcm__tags_load(conn, "SELECT key, value FROM model_tag WHERE model_id = ?1 ORDER BY key", model_id, &m->arena, &m->tags,
                         err);
  if (!st) st = load_aliases(conn, model_id, m, err);
  if (!st) {
    *out = m;
    m = NULL;
  }
  mlcm_model_free(m);
  return st;
}

void mlcm_model_free(mlcm_model *m) {
  if (!m) return;
  mlcm_context *ctx = m->ctx;
  mlcm__free(ctx, m->tags.items);
  mlcm__free(ctx, m->aliases);
  mlcm__arena_reset(&m->arena);
  mlcm__free(ctx, m);
  mlcm__context_release(ctx);
}

const char *mlcm_model_name(const mlcm_model *m) { return m->name; }

const char *mlcm_model_description(const mlcm_model *m) { return m->description; }

mlcm_state mlcm_model_state(const mlcm_model *m) { return m->state; }

int64_t mlcm_model_created_ns(const mlcm_model *m) { return m->created_ns; }

int64_t mlcm_model_updated_ns(const mlcm_model *m) { return m->updated_ns; }

const char *mlcm_model_actor(const mlcm_model *m) { return m->actor; }

int64_t mlcm_model_newest_version(const mlcm_model *m) { return m->newest; }

int64_t mlcm_model_n_versions(const mlcm_model *m) { return m->n_versions; }

size_t mlcm_model_n_tags(const mlcm_model *m) { return m->tags.n; }

mlcm_tag mlcm_model_tag(const mlcm_model *m, size_t i) {
  assert(i < m->tags.n);
  return m->tags.items[i];
}

const char *mlcm_model_tag_value(const mlcm_model *m, const char *key) { return mlcm__tags_find(&m->tags, key); }

size_t mlcm_model_n_aliases(const mlcm_model *m) { return m->n_aliases; }

mlcm_alias mlcm_model_alias(const mlcm_model *m, size_t i) {
  assert(i < m->n_aliases);
  return m->aliases[i];
}
