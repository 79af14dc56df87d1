/* SPDX-License-Identifier: Apache-2.0
 *
 * changes.c - the change feed: rows of event, oldest first.
 */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "registry/registry.h"
#include "registry/snapshot.h"
#include "registry/sql.h"

enum { FEED_MAX = 10000 };

struct mlcm_feed {
  mlcm_context *ctx;
  mlcm__arena arena;
  mlcm_change *changes;
  size_t n;
  size_t cap;
};

static const char feed_sql[] = "SELECT seq, time_ns, kind, model, version, alias, detail, actor, reason, audit_seq FROM event"
                               " WHERE seq > ?1 ORDER BY seq LIMIT ?2";

static mlcm_status keep_change(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm_feed *feed = user;
  mlcm_change c = {.seq = mlcm__db_i64(stmt, 0),
                   .time_ns = mlcm__db_i64(stmt, 1),
                   .version = mlcm__db_i64(stmt, 4),
                   .audit_seq = mlcm__db_i64(stmt, 9)};
  const struct {
    int column;
    const char **out;
  } texts[] = {{2, &c.kind}, {3, &c.model}, {5, &c.alias}, {6, &c.detail}, {7, &c.actor}, {8, &c.reason}};
  mlcm_status st = mlcm__reserve(feed->ctx, &feed->changes, &feed->cap, feed->n + 1, sizeof feed->changes[0], err);
  for (size_t i = 0; !st && i < sizeof texts / sizeof texts[0]; i++)
    st = mlcm__keep_text(&feed->arena, stmt, texts[i].column, texts[i].out, err);
  if (!st) feed->changes[feed->n++] = c;
  return st;
}

mlcm_status mlcm_changes(mlcm_registry *reg, int64_t after_seq, size_t limit, mlcm_feed **out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  if (!reg || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "out" : "reg");
  if (after_seq < 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "after_seq is negative");
  if (limit < 1 || limit > FEED_MAX) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "limit is %zu, not 1 to %d", limit, FEED_MAX);
  mlcm_feed *feed = mlcm__alloc_zero(reg->ctx, 1, sizeof *feed);
  if (!feed) return mlcm__fail_memory(err, sizeof *feed);
  feed->ctx = mlcm__context_retain(reg->ctx);
  mlcm__arena_init(&feed->arena, reg->ctx);
  mlcm_status st = mlcm__db_read_begin_single(reg->db, &conn, err);
  if (!st) {
    st = mlcm__sql_each(conn, feed_sql, MLCM__BIND(mlcm__i64(after_seq), mlcm__i64((int64_t)limit)), keep_change, feed, err);
  }
  mlcm__db_read_end(conn);
  if (!st) {
    *out = feed;
    feed = NULL;
  }
  mlcm_feed_free(feed);
  return st;
}

mlcm_status mlcm_changes_head(mlcm_registry *reg, int64_t *out_seq, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  bool row = false;
  int64_t seq = 0;
  if (!reg || !out_seq) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "out_seq" : "reg");
  mlcm_status st = mlcm__db_read_begin_single(reg->db, &conn, err);
  if (!st) st = mlcm__sql_i64(conn, "SELECT seq FROM event ORDER BY seq DESC LIMIT 1", MLCM__NO_BIND, &row, &seq, err);
  mlcm__db_read_end(conn);
  if (!st) *out_seq = seq;
  return st;
}

void mlcm_feed_free(mlcm_feed *feed) {
  if (!feed) return;
  mlcm_context *ctx = feed->ctx;
  mlcm__free(ctx, feed->changes);
  mlcm__arena_reset(&feed->arena);
  mlcm__free(ctx, feed);
  mlcm__context_release(ctx);
}

size_t mlcm_feed_n(const mlcm_feed *feed) { return feed->n; }

mlcm_change mlcm_feed_at(const mlcm_feed *feed, size_t i) {
  assert(i < feed->n);
  return feed->changes[i];
}

static void write_optional(mlcm__json *j, const char *key, const char *value) {
  mlcm__json_string(j, key, value[0] ? value : NULL);
}

static void write_change(mlcm__json *j, const mlcm_change *c) {
  char time[40];
  mlcm__format_time(c->time_ns, time);
  mlcm__json_object(j, NULL);
  mlcm__json_i64(j, "seq", c->seq);
  mlcm__json_string(j, "time", time);
  mlcm__json_string(j, "kind", c->kind);
  write_optional(j, "model", c->model);
  if (c->version)
    mlcm__json_i64(j, "version", c->version);
  else
    mlcm__json_null(j, "version");
  write_optional(j, "alias", c->alias);
  mlcm__json_raw(j, "detail", c->detail, strlen(c->detail));
  mlcm__json_string(j, "actor", c->actor);
  write_optional(j, "reason", c->reason);
  mlcm__json_i64(j, "audit_seq", c->audit_seq);
  mlcm__json_end(j);
}

mlcm_status mlcm_feed_to_json(const mlcm_feed *feed, size_t i, char **out, mlcm_error *err) {
  mlcm__buffer text;
  mlcm__json j;
  if (!feed || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", feed ? "out" : "the feed");
  if (i >= feed->n) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "change %zu of %zu", i, feed->n);
  mlcm__buffer_init(&text, feed->ctx, MLCM__SNAPSHOT_JSON_MAX);
  mlcm__json_init(&j, &text, false);
  write_change(&j, &feed->changes[i]);
  mlcm_status st = mlcm__buffer_take(&text, "the change's JSON", out, err);
  mlcm__buffer_reset(&text);
  return st;
}
