/* SPDX-License-Identifier: Apache-2.0
 *
 * alias_history.c - the moves of an alias: as a snapshot, and as the answer to "what was good before?".
 */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "registry/names.h"
#include "registry/registry.h"
#include "registry/snapshot.h"
#include "registry/sql.h"

enum { HISTORY_MAX = 1000 };

struct mlcm_history {
  mlcm_context *ctx;
  mlcm__arena arena;
  const char *model;
  const char *alias;
  mlcm_alias_move *moves; /* newest first */
  size_t n;
  size_t cap;
};

const char *mlcm_cause_name(mlcm_cause cause) {
  switch (cause) {
  case MLCM_CAUSE_MANUAL: return "manual";
  case MLCM_CAUSE_ROLLOUT: return "rollout";
  case MLCM_CAUSE_UNDO: return "undo";
  case MLCM_CAUSE_DELETED: return "deleted";
  case MLCM_CAUSE_ROLLBACK: return "rollback";
  default: return "unknown";
  }
}

/* ---- the last good version ---- */

/* Versions that a later move left as bad. Few, so a list will do. */
typedef struct bad_list {
  int64_t *items;
  size_t n;
  size_t cap;
} bad_list;

static bool is_bad(const bad_list *bad, int64_t version) {
  for (size_t i = 0; i < bad->n; i++) {
    if (bad->items[i] == version) return true;
  }
  return false;
}

static bool takes_back(int64_t cause) { return cause == MLCM_CAUSE_UNDO || cause == MLCM_CAUSE_ROLLBACK; }

/* Walks the moves from the newest back. A version that was left by an undo or a rollback is bad for all moves before that; so is
 * one that is deleted now. The first target that is neither bad nor the present one is the answer. */
static const char walk_sql[] = "SELECT h.from_version, h.to_version, h.cause, v.state FROM alias_move h"
                               " LEFT JOIN version v ON v.model_id = h.model_id AND v.number = h.to_version"
                               " WHERE h.model_id = ?1 AND h.alias = ?2 ORDER BY h.seq DESC";

static mlcm_status walk(mlcm__db_conn *conn, int64_t model_id, const char *alias, int64_t current, bad_list *bad, int64_t *out,
                        bool *any, mlcm_error *err) {
  mlcm_context *ctx = mlcm__db_context(conn);
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, walk_sql, MLCM__BIND(mlcm__i64(model_id), mlcm__text(alias)), &stmt, &row, err);
  *any = row;
  while (!st && row && *out == 0) {
    int64_t from = mlcm__db_i64(stmt, 0);
    int64_t to = mlcm__db_i64(stmt, 1);
    bool ready = mlcm__db_i64(stmt, 3) == MLCM_STATE_READY;
    if (to && to != current && ready && !is_bad(bad, to)) *out = to;
    if (takes_back(mlcm__db_i64(stmt, 2)) && !is_bad(bad, from)) {
      st = mlcm__reserve(ctx, &bad->items, &bad->cap, bad->n + 1, sizeof bad->items[0], err);
      if (!st) bad->items[bad->n++] = from;
    }
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  return st;
}

mlcm_status mlcm__alias_last_good_in(mlcm__db_conn *conn, int64_t model_id, const char *model, const char *alias,
                                     int64_t *out_version, mlcm_error *err) {
  bad_list bad = {0};
  int64_t current = 0;
  int64_t found = 0;
  bool any = false;
  mlcm_status st = mlcm__alias_target(conn, model_id, alias, &current, err);
  if (!st) st = walk(conn, model_id, alias, current, &bad, &found, &any, err);
  if (!st && !any) st = mlcm__alias_missing(conn, model_id, model, alias, err);
  if (!st && found == 0) {
    st = mlcm__fail(err, MLCM_NOT_FOUND,
                    "%s@%s has no earlier good version: every version it stood on was rolled back or deleted, or it never moved",
                    model, alias);
  }
  if (!st) *out_version = found;
  mlcm__free(mlcm__db_context(conn), bad.items);
  return st;
}

mlcm_status mlcm_alias_last_good(mlcm_registry *reg, const char *model, const char *alias, int64_t *out_version,
                                 mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  if (!reg || !model || !alias || !out_version)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_alias_last_good is NULL");
  mlcm_status st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__model_find_ready(conn, model, &row, err);
  if (!st) st = mlcm__alias_last_good_in(conn, row.id, model, alias, out_version, err);
  mlcm__db_read_end(conn);
  return st;
}

/* ---- the history as a snapshot ---- */

static const char history_sql[] =
    "SELECT h.seq, e.time_ns, h.from_version, h.to_version, h.cause, h.rollout_id, e.actor, e.reason"
    " FROM alias_move h JOIN event e ON e.seq = h.seq"
    " WHERE h.model_id = ?1 AND h.alias = ?2 AND h.seq < ?3 ORDER BY h.seq DESC LIMIT ?4";

static mlcm_status keep_move(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm_history *history = user;
  mlcm_alias_move move = {.seq = mlcm__db_i64(stmt, 0),
                          .time_ns = mlcm__db_i64(stmt, 1),
                          .from = mlcm__db_i64(stmt, 2),
                          .to = mlcm__db_i64(stmt, 3),
                          .cause = (mlcm_cause)mlcm__db_i64(stmt, 4),
                          .rollout_id = mlcm__db_i64(stmt, 5)};
  mlcm_status st = mlcm__reserve(history->ctx, &history->moves, &history->cap, history->n + 1, sizeof history->moves[0], err);
  if (!st) st = mlcm__keep_text(&history->arena, stmt, 6, &move.actor, err);
  if (!st) st = mlcm__keep_text(&history->arena, stmt, 7, &move.reason, err);
  if (!st) history->moves[history->n++] = move;
  return st;
}

static mlcm_status read_moves(mlcm__db_conn *conn, int64_t model_id, int64_t before_seq, size_t limit, mlcm_history *history,
                              mlcm_error *err) {
  int64_t bound = before_seq ? before_seq : INT64_MAX;
  return mlcm__sql_each(
      conn, history_sql, MLCM__BIND(mlcm__i64(model_id), mlcm__text(history->alias), mlcm__i64(bound), mlcm__i64((int64_t)limit)),
      keep_move, history, err);
}

/* An alias that has no move at all never existed; one page of it may still be empty. */
static mlcm_status check_existed(mlcm__db_conn *conn, int64_t model_id, const mlcm_history *history, mlcm_error *err) {
  bool row = false;
  int64_t seq = 0;
  mlcm_status st = mlcm__sql_i64(conn, "SELECT seq FROM alias_move WHERE model_id = ?1 AND alias = ?2 LIMIT 1",
                                 MLCM__BIND(mlcm__i64(model_id), mlcm__text(history->alias)), &row, &seq, err);
  if (!st && !row) st = mlcm__alias_missing(conn, model_id, history->model, history->alias, err);
  return st;
}

static mlcm_status history_new(mlcm_context *ctx, const char *model, const char *alias, mlcm_history **out, mlcm_error *err) {
  mlcm_history *history = mlcm__alloc_zero(ctx, 1, sizeof *history);
  if (!history) return mlcm__fail_memory(err, sizeof *history);
  history->ctx = mlcm__context_retain(ctx);
  mlcm__arena_init(&history->arena, ctx);
  history->model = mlcm__arena_strndup(&history->arena, model, strlen(model));
  history->alias = mlcm__arena_strndup(&history->arena, alias, strlen(alias));
  /* never: the block that was made for the model has room for the alias */
  if (!history->model || !history->alias) {
    mlcm_history_free(history);
    return mlcm__fail_memory(err, MLCM_MODEL_NAME_MAX);
  }
  *out = history;
  return MLCM_OK;
}

mlcm_status mlcm_alias_history(mlcm_registry *reg, const char *model, const char *alias, int64_t before_seq, size_t limit,
                               mlcm_history **out, mlcm_error *err) {
  mlcm_history *history = NULL;
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  if (!reg || !model || !alias || !out)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_alias_history is NULL");
  if (limit < 1 || limit > HISTORY_MAX)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "limit is %zu, not 1 to %d", limit, HISTORY_MAX);
  if (before_seq < 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "before_seq is negative");
  mlcm_status st = mlcm__check_alias_name(alias, err);
  if (!st) st = history_new(reg->ctx, model, alias, &history, err);
  if (!st) st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__model_find(conn, model, &row, err);
  if (!st) st = check_existed(conn, row.id, history, err);
  if (!st) st = read_moves(conn, row.id, before_seq, limit, history, err);
  mlcm__db_read_end(conn);
  if (!st) {
    *out = history;
    history = NULL;
  }
  mlcm_history_free(history);
  return st;
}

void mlcm_history_free(mlcm_history *history) {
  if (!history) return;
  mlcm_context *ctx = history->ctx;
  mlcm__free(ctx, history->moves);
  mlcm__arena_reset(&history->arena);
  mlcm__free(ctx, history);
  mlcm__context_release(ctx);
}

size_t mlcm_history_n(const mlcm_history *history) { return history->n; }

mlcm_alias_move mlcm_history_at(const mlcm_history *history, size_t i) {
  assert(i < history->n);
  return history->moves[i];
}

/* Version 0 stands for "none" and is written as null. */
static void write_version(mlcm__json *j, const char *key, int64_t version) {
  if (version)
    mlcm__json_i64(j, key, version);
  else
    mlcm__json_null(j, key);
}

static void write_move_json(mlcm__json *j, const mlcm_history *history, const mlcm_alias_move *move) {
  char time[40];
  mlcm__format_time(move->time_ns, time);
  mlcm__json_object(j, NULL);
  mlcm__json_i64(j, "seq", move->seq);
  mlcm__json_string(j, "time", time);
  mlcm__json_string(j, "model", history->model);
  mlcm__json_string(j, "alias", history->alias);
  write_version(j, "from", move->from);
  write_version(j, "to", move->to);
  mlcm__json_string(j, "cause", mlcm_cause_name(move->cause));
  write_version(j, "rollout", move->rollout_id);
  mlcm__json_string(j, "actor", move->actor);
  mlcm__json_string(j, "reason", move->reason[0] ? move->reason : NULL);
  mlcm__json_end(j);
}

mlcm_status mlcm_history_to_json(const mlcm_history *history, size_t i, char **out, mlcm_error *err) {
  mlcm__buffer text;
  mlcm__json j;
  if (!history || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", history ? "out" : "the history");
  if (i >= history->n) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "move %zu of %zu", i, history->n);
  mlcm__buffer_init(&text, history->ctx, MLCM__SNAPSHOT_JSON_MAX);
  mlcm__json_init(&j, &text, false);
  write_move_json(&j, history, &history->moves[i]);
  mlcm_status st = mlcm__buffer_take(&text, "the move's JSON", out, err);
  mlcm__buffer_reset(&text);
  return st;
}
