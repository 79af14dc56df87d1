/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoints.c - endpoints, their routing epochs, who may serve, and what a change of an alias by hand does to them.
 */
#include <stdio.h>
#include <string.h>

#include "registry/find.h"
#include "registry/rollouts.h"
#include "registry/sql.h"

/* ---- endpoints ---- */

#define ENDPOINT_SQL "SELECT e.id, e.model_id, e.name, m.name, e.alias FROM endpoint e JOIN model m ON m.id = e.model_id "

static void endpoint_from_row(mlcm__db_stmt *stmt, mlcm__endpoint_row *out) {
  out->id = mlcm__db_i64(stmt, 0);
  out->model_id = mlcm__db_i64(stmt, 1);
  mlcm__sql_copy_text(stmt, 2, out->name, sizeof(out->name));
  mlcm__sql_copy_text(stmt, 3, out->model, sizeof(out->model));
  mlcm__sql_copy_text(stmt, 4, out->alias, sizeof(out->alias));
}

/* *found false when there is none. */
static mlcm_status look_up(mlcm__db_conn *conn, const char *name, mlcm__endpoint_row *out, bool *found, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status st = mlcm__sql_first(conn, ENDPOINT_SQL "WHERE e.name = ?1", MLCM__BIND(mlcm__text(name)), &stmt, found, err);
  if (!st && *found) endpoint_from_row(stmt, out);
  if (!st) mlcm__db_reset(stmt);
  return st;
}

static mlcm_status no_endpoint(mlcm__db_conn *conn, const char *name, mlcm_error *err) {
  char hint[MLCM__HINT_BYTES];
  mlcm__hint(conn, name, "SELECT name FROM endpoint ORDER BY name LIMIT 1000", MLCM__NO_BIND, hint);
  return mlcm__fail(err, MLCM_NOT_FOUND, "endpoint '%s' does not exist%s", name,
                    hint[0] ? hint : "; it is made when a process opens it or a rollout starts on it");
}

mlcm_status mlcm__endpoint_find(mlcm__db_conn *conn, const char *name, mlcm__endpoint_row *out, mlcm_error *err) {
  mlcm__endpoint_row row;
  bool found = false;
  mlcm_status st = look_up(conn, name, &row, &found, err);
  if (!st && !found) st = no_endpoint(conn, name, err);
  if (!st) *out = row;
  return st;
}

mlcm_status mlcm__endpoint_read(mlcm__db_conn *conn, int64_t id, mlcm__endpoint_row *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, ENDPOINT_SQL "WHERE e.id = ?1", MLCM__BIND(mlcm__i64(id)), &stmt, &row, err);
  if (st) return st;
  if (row)
    endpoint_from_row(stmt, out);
  else
    st = mlcm__fail(err, MLCM_NOT_FOUND, "endpoint %lld does not exist", (long long)id);
  mlcm__db_reset(stmt);
  return st;
}

static mlcm_status endpoint_insert(mlcm__db_conn *conn, const char *name, const char *model, const char *alias,
                                   mlcm__endpoint_row *out, mlcm_error *err) {
  mlcm_context *ctx = mlcm__db_context(conn);
  mlcm__model_row row;
  mlcm__routing routing = {0};
  int64_t now = mlcm__wall_ns(ctx);
  mlcm_status st = mlcm__model_find_ready(conn, model, &row, err);
  if (!st) st = mlcm__alias_target(conn, row.id, alias, &routing.stable, err);
  if (!st && routing.stable == 0)
    st = mlcm__fail(err, MLCM_NOT_FOUND, "%s@%s does not exist; set the alias to the version that is to serve", model, alias);
  if (!st)
    st = mlcm__sql_run(conn, "INSERT INTO endpoint (name, model_id, alias, created_ns) VALUES (?1, ?2, ?3, ?4)",
                       MLCM__BIND(mlcm__text(name), mlcm__i64(row.id), mlcm__text(alias), mlcm__i64(now)), err);
  if (!st) routing.endpoint_id = mlcm__db_last_id(conn);
  if (!st) st = mlcm__random_bytes(ctx, routing.salt, sizeof(routing.salt), err);
  if (!st) st = mlcm__routing_append(conn, &routing, now, err);
  if (!st) st = mlcm__endpoint_read(conn, routing.endpoint_id, out, err);
  return st;
}

mlcm_status mlcm__endpoint_ensure(mlcm__db_conn *conn, mlcm_registry *reg, const char *name, const char *model, const char *alias,
                                  mlcm__endpoint_row *out, mlcm_error *err) {
  mlcm__endpoint_row row;
  bool found = false;
  (void)reg;
  mlcm_status st = look_up(conn, name, &row, &found, err);
  if (st) return st;
  if (!found) return endpoint_insert(conn, name, model ? model : name, alias ? alias : "champion", out, err);
  if ((model && strcmp(row.model, model) != 0) || (alias && strcmp(row.alias, alias) != 0))
    return mlcm__fail(err, MLCM_CONFLICT, "endpoint '%s' serves %s@%s, not %s@%s", name, row.model, row.alias,
                      model ? model : row.model, alias ? alias : row.alias);
  *out = row;
  return MLCM_OK;
}

/* ---- routing ---- */

static mlcm_status routing_from_row(mlcm_context *ctx, mlcm__db_stmt *stmt, mlcm__routing *out, mlcm_error *err) {
  size_t salt_len = 0;
  const void *salt = mlcm__db_blob(stmt, 5, &salt_len);
  char *override = mlcm__strdup(ctx, mlcm__db_text(stmt, 6));
  if (!override) return mlcm__fail_memory(err, 1);
  if (salt_len != MLCM__ROUTING_SALT_BYTES) {
    mlcm__free(ctx, override);
    return mlcm__fail(err, MLCM_CORRUPT, "routing row: the salt has %zu bytes instead of %d", salt_len, MLCM__ROUTING_SALT_BYTES);
  }
  mlcm__routing_reset(ctx, out);
  out->epoch = mlcm__db_i64(stmt, 0);
  out->rollout_id = mlcm__db_i64(stmt, 1);
  out->stable = mlcm__db_i64(stmt, 2);
  out->candidate = mlcm__db_i64(stmt, 3);
  out->weight_ppm = mlcm__db_i64(stmt, 4);
  memcpy(out->salt, salt, sizeof(out->salt));
  out->override_json = override;
  return MLCM_OK;
}

mlcm_status mlcm__routing_read(mlcm__db_conn *conn, int64_t endpoint_id, mlcm__routing *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn,
                                   "SELECT epoch, rollout_id, stable, candidate, weight_ppm, salt, override FROM routing"
                                   " WHERE endpoint_id = ?1 ORDER BY epoch DESC LIMIT 1",
                                   MLCM__BIND(mlcm__i64(endpoint_id)), &stmt, &row, err);
  if (st) return st;
  if (!row) st = mlcm__fail(err, MLCM_CORRUPT, "endpoint %lld has no routing", (long long)endpoint_id);
  if (!st) st = routing_from_row(mlcm__db_context(conn), stmt, out, err);
  if (!st) out->endpoint_id = endpoint_id;
  mlcm__db_reset(stmt);
  return st;
}

mlcm_status mlcm__routing_current(mlcm_registry *reg, int64_t endpoint_id, mlcm__routing *out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__db_read_begin_single(reg->db, &conn, err);
  if (!st) st = mlcm__routing_read(conn, endpoint_id, out, err);
  mlcm__db_read_end(conn);
  return st;
}

void mlcm__routing_reset(mlcm_context *ctx, mlcm__routing *routing) {
  mlcm__free(ctx, routing->override_json);
  memset(routing, 0, sizeof(*routing));
}

mlcm_status mlcm__routing_first_epoch(mlcm__db_conn *conn, int64_t endpoint_id, int64_t rollout_id, int64_t *out,
                                      mlcm_error *err) {
  bool row = false;
  int64_t epoch = 0;
  mlcm_status st = mlcm__sql_i64(conn, "SELECT coalesce(min(epoch), 0) FROM routing WHERE endpoint_id = ?1 AND rollout_id = ?2",
                                 MLCM__BIND(mlcm__i64(endpoint_id), mlcm__i64(rollout_id)), &row, &epoch, err);
  if (!st) *out = epoch;
  return st;
}

mlcm_status mlcm__routing_weight(mlcm__db_conn *conn, int64_t endpoint_id, int64_t epoch, int64_t *out_ppm, mlcm_error *err) {
  bool row = false;
  int64_t weight = 0;
  mlcm_status st = mlcm__sql_i64(conn, "SELECT weight_ppm FROM routing WHERE endpoint_id = ?1 AND epoch = ?2",
                                 MLCM__BIND(mlcm__i64(endpoint_id), mlcm__i64(epoch)), &row, &weight, err);
  if (!st) *out_ppm = weight;
  return st;
}

mlcm_status mlcm__routing_append(mlcm__db_conn *conn, mlcm__routing *r, int64_t now_wall_ns, mlcm_error *err) {
  bool row = false;
  int64_t last = 0;
  mlcm_status st = mlcm__sql_i64(conn, "SELECT coalesce(max(epoch), 0) FROM routing WHERE endpoint_id = ?1",
                                 MLCM__BIND(mlcm__i64(r->endpoint_id)), &row, &last, err);
  if (!st)
    st = mlcm__sql_run(
        conn,
        "INSERT INTO routing (endpoint_id, epoch, rollout_id, stable, candidate, weight_ppm, salt, override, created_ns)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        MLCM__BIND(mlcm__i64(r->endpoint_id), mlcm__i64(last + 1), mlcm__i64(r->rollout_id), mlcm__i64(r->stable),
                   mlcm__i64(r->candidate), mlcm__i64(r->weight_ppm), mlcm__blob(r->salt, sizeof(r->salt)),
                   mlcm__text(r->override_json ? r->override_json : "[]"), mlcm__i64(now_wall_ns)),
        err);
  if (!st) r->epoch = last + 1;
  return st;
}

mlcm_status mlcm__entitled(mlcm__db_conn *conn, const mlcm__endpoint_row *endpoint, int64_t version, bool *out, mlcm_error *err) {
  int64_t target = 0, n = 0;
  bool row = false;
  mlcm_status st = mlcm__alias_target(conn, endpoint->model_id, endpoint->alias, &target, err);
  if (!st && target != version)
    st = mlcm__sql_i64(conn,
                       "SELECT count(*) FROM rollout WHERE endpoint_id = ?1 AND active = 1 AND (stable = ?2 OR candidate = ?2)",
                       MLCM__BIND(mlcm__i64(endpoint->id), mlcm__i64(version)), &row, &n, err);
  if (!st) *out = target == version || n > 0;
  return st;
}

/* ---- changes by hand ---- */

/* One change that reaches an endpoint. */
typedef struct change {
  mlcm_registry *reg;
  const char *alias; /* NULL: version `from`, or with 0 the model, is being deleted */
  int64_t from, to;
  uint32_t flags;
  const mlcm_attribution *by;
  int64_t now;
} change;

static mlcm_status refuse(const mlcm__endpoint_row *e, const mlcm__rollout_head *r, const change *c, mlcm_error *err) {
  char what[MLCM_ALIAS_NAME_MAX + 32];
  if (c->alias)
    snprintf(what, sizeof(what), "alias %s", c->alias);
  else if (!c->from)
    snprintf(what, sizeof(what), "the model");
  else
    snprintf(what, sizeof(what), "version %lld", (long long)c->from);
  return mlcm__fail(
      err, MLCM_CONFLICT,
      "rollout %lld on endpoint '%s' (/%lld against /%lld) is active and speaks of %s; abort it first, or force the "
      "change, which pauses it. Nothing was changed",
      (long long)r->id, e->name, (long long)r->candidate, (long long)r->stable, what);
}

/* What the paused rollout will say. */
static void describe(const mlcm__rollout_head *r, const change *c, char *out, size_t size) {
  const char *actor = mlcm__registry_actor_of(c->reg, c->by);
  if (!c->alias && !c->from)
    snprintf(out, size, "the model was deleted by %s", actor);
  else if (!c->alias)
    snprintf(out, size, "%s /%lld was deleted by %s", c->from == r->stable ? "stable" : "the candidate", (long long)c->from,
             actor);
  else if (c->to)
    snprintf(out, size, "alias %s was moved from /%lld to /%lld by %s", c->alias, (long long)c->from, (long long)c->to, actor);
  else
    snprintf(out, size, "alias %s was removed by %s", c->alias, actor);
}

/* Forced: the candidate gets no more traffic at once, and the rollout will pause and say who did it. */
static mlcm_status displace(mlcm__db_conn *conn, const mlcm__endpoint_row *e, const mlcm__rollout_head *r, const change *c,
                            mlcm_error *err) {
  char reason[MLCM_ALIAS_NAME_MAX + 512];
  mlcm__routing routing = {0};
  if (!(c->flags & MLCM_FORCE)) return refuse(e, r, c, err);
  describe(r, c, reason, sizeof(reason));
  mlcm_status st = mlcm__routing_read(conn, e->id, &routing, err);
  if (!st) {
    if (c->alias && c->to) routing.stable = c->to;
    routing.candidate = 0;
    routing.weight_ppm = 0;
    mlcm__free(c->reg->ctx, routing.override_json);
    routing.override_json = NULL;
    st = mlcm__routing_append(conn, &routing, c->now, err);
  }
  if (!st)
    st = mlcm__intent_add(conn, r->id, MLCM__INTENT_DISPLACED, mlcm__registry_actor_of(c->reg, c->by), reason, c->now, err);
  mlcm__routing_reset(c->reg->ctx, &routing);
  return st;
}

/* No rollout: the endpoint follows its alias. A removed alias leaves it serving what it served. */
static mlcm_status follow(mlcm__db_conn *conn, const mlcm__endpoint_row *e, const change *c, mlcm_error *err) {
  mlcm__routing routing = {0};
  if (!c->alias || c->to == 0) return MLCM_OK;
  mlcm_status st = mlcm__routing_read(conn, e->id, &routing, err);
  if (!st && (routing.stable != c->to || routing.candidate != 0)) {
    routing.stable = c->to;
    routing.rollout_id = routing.candidate = routing.weight_ppm = 0;
    mlcm__free(c->reg->ctx, routing.override_json);
    routing.override_json = NULL;
    st = mlcm__routing_append(conn, &routing, c->now, err);
  }
  mlcm__routing_reset(c->reg->ctx, &routing);
  return st;
}

static mlcm_status reach_endpoint(mlcm__db_conn *conn, const mlcm__endpoint_row *e, const change *c, mlcm_error *err) {
  mlcm__rollout_head head;
  int64_t id = 0;
  mlcm_status st = mlcm__rollout_active(conn, e->id, &id, err);
  if (st) return st;
  if (!id) return follow(conn, e, c, err);
  st = mlcm__rollout_read(conn, id, &head, err);
  if (st) return st;
  bool concerned = c->alias != NULL || c->from == 0 || head.stable == c->from || head.candidate == c->from;
  return concerned ? displace(conn, e, &head, c, err) : MLCM_OK;
}

/* The next endpoint of the model after `after`, that serves `alias` (NULL: any); out->id 0 at the end. */
static mlcm_status next_endpoint(mlcm__db_conn *conn, int64_t model_id, const char *alias, int64_t after, mlcm__endpoint_row *out,
                                 mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  out->id = 0;
  mlcm_status st = mlcm__sql_first(
      conn, ENDPOINT_SQL "WHERE e.model_id = ?1 AND (?2 IS NULL OR e.alias = ?2) AND e.id > ?3 ORDER BY e.id LIMIT 1",
      MLCM__BIND(mlcm__i64(model_id), mlcm__text(alias), mlcm__i64(after)), &stmt, &row, err);
  if (st) return st;
  if (row) endpoint_from_row(stmt, out);
  mlcm__db_reset(stmt);
  return MLCM_OK;
}

mlcm_status mlcm__rollouts_on_alias_change(mlcm__db_conn *conn, mlcm_registry *reg, int64_t model_id, const char *alias,
                                           int64_t from, int64_t to, uint32_t flags, const mlcm_attribution *by,
                                           mlcm_error *err) {
  change c = {.reg = reg, .alias = alias, .from = from, .to = to, .flags = flags, .by = by, .now = mlcm__wall_ns(reg->ctx)};
  mlcm__endpoint_row e = {0};
  mlcm_status st = next_endpoint(conn, model_id, alias, 0, &e, err);
  while (!st && e.id) {
    st = reach_endpoint(conn, &e, &c, err);
    if (!st) st = next_endpoint(conn, model_id, alias, e.id, &e, err);
  }
  return st;
}
