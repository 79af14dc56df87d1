/* SPDX-License-Identifier: Apache-2.0
 *
 * alias.c - reading and moving aliases. Every move is one row of alias_move with its event; the row of alias is the present
 * state.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "registry/names.h"
#include "registry/registry.h"
#include "registry/sql.h"

mlcm_status mlcm_alias_get(mlcm_registry *reg, const char *model, const char *alias, int64_t *out_version, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  bool row = false;
  int64_t version = 0;
  if (!reg || !model || !alias || !out_version)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_alias_get is NULL");
  mlcm_status st = mlcm__db_read_begin_single(reg->db, &conn, err);
  if (st) return st;
  st = mlcm__sql_i64(conn, "SELECT a.version FROM model m JOIN alias a ON a.model_id = m.id WHERE m.name = ?1 AND a.name = ?2",
                     MLCM__BIND(mlcm__text(model), mlcm__text(alias)), &row, &version, err);
  if (!st && !row) { /* the way of errors may take its time: which of the two is it? */
    mlcm__model_row found;
    st = mlcm__model_find_ready(conn, model, &found, err);
    if (!st) st = mlcm__alias_missing(conn, found.id, model, alias, err);
  }
  mlcm__db_read_end(conn);
  if (!st) *out_version = version;
  return st;
}

/* Where an alias stands now and who put it there. */
typedef struct standing {
  int64_t version; /* 0: nowhere */
  int64_t time_ns;
  char actor[256];
} standing;

static mlcm_status read_standing(mlcm__db_conn *conn, int64_t model_id, const char *alias, standing *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn,
                                   "SELECT a.version, e.time_ns, e.actor FROM alias a JOIN event e ON e.seq = a.move_seq"
                                   " WHERE a.model_id = ?1 AND a.name = ?2",
                                   MLCM__BIND(mlcm__i64(model_id), mlcm__text(alias)), &stmt, &row, err);
  *out = (standing){0};
  if (!st && row) {
    out->version = mlcm__db_i64(stmt, 0);
    out->time_ns = mlcm__db_i64(stmt, 1);
    mlcm__sql_copy_text(stmt, 2, out->actor, sizeof out->actor);
  }
  mlcm__db_reset(stmt);
  return st;
}

static mlcm_status check_expect(const char *alias, int64_t expect, const standing *now, mlcm_error *err) {
  char when[40];
  char expected[64];
  if (expect == MLCM_ALIAS_ANY || expect == now->version) return MLCM_OK;
  if (expect == MLCM_ALIAS_UNSET)
    (void)snprintf(expected, sizeof expected, "that it does not exist");
  else
    (void)snprintf(expected, sizeof expected, "version %lld", (long long)expect);
  if (now->version == 0) {
    return mlcm__fail(err, MLCM_CONFLICT, "alias %s moved under you: expected %s, but it does not exist. Nothing was changed",
                      alias, expected);
  }
  mlcm__format_time(now->time_ns, when);
  return mlcm__fail(err, MLCM_CONFLICT, "alias %s moved under you: expected %s, found %lld (by %s, %.19sZ). Nothing was changed",
                    alias, expected, (long long)now->version, now->actor, when);
}

/* The target exists and is not deleted. */
static mlcm_status check_target(mlcm__db_conn *conn, int64_t model_id, const char *name, int64_t version, mlcm_error *err) {
  mlcm__model_row model;
  int64_t id = 0;
  mlcm_status st = mlcm__model_find_ready(conn, name, &model, err);
  assert(st || model.id == model_id);
  (void)model_id;
  return st ? st : mlcm__version_find_ready(conn, &model, name, version, &id, err);
}

static mlcm_status record_move(mlcm__db_conn *conn, mlcm_registry *reg, const char *model, const char *alias, int64_t from,
                               int64_t to, mlcm_cause cause, int64_t rollout_id, const mlcm_attribution *by, int64_t *out_seq,
                               mlcm_error *err) {
  char before[24];
  char after[24];
  char detail[128];
  (void)snprintf(before, sizeof before, "%lld", (long long)from);
  (void)snprintf(after, sizeof after, "%lld", (long long)to);
  (void)snprintf(detail, sizeof detail, "{\"cause\":\"%s\",\"from\":%lld,\"rollout\":\"%lld\",\"to\":%lld}",
                 mlcm_cause_name(cause), (long long)from, (long long)rollout_id, (long long)to);
  mlcm__record record = {.kind = to ? "alias.set" : "alias.deleted",
                         .object_kind = "alias",
                         .model = model,
                         .version = to ? to : from,
                         .alias = alias,
                         .before = from ? before : NULL,
                         .after = to ? after : "deleted",
                         .detail = detail};
  return mlcm__registry_record(conn, reg, &record, by, out_seq, err);
}

static mlcm_status write_move(mlcm__db_conn *conn, int64_t seq, int64_t model_id, const char *alias, int64_t from, int64_t to,
                              mlcm_cause cause, int64_t rollout_id, mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(conn,
                                 "INSERT INTO alias_move (seq, model_id, alias, from_version, to_version, cause, rollout_id)"
                                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                                 MLCM__BIND(mlcm__i64(seq), mlcm__i64(model_id), mlcm__text(alias), mlcm__i64(from),
                                            mlcm__i64(to), mlcm__i64(cause), mlcm__i64(rollout_id)),
                                 err);
  if (st) return st;
  if (to == 0) {
    return mlcm__sql_run(conn, "DELETE FROM alias WHERE model_id = ?1 AND name = ?2",
                         MLCM__BIND(mlcm__i64(model_id), mlcm__text(alias)), err);
  }
  return mlcm__sql_run(conn,
                       "INSERT INTO alias (model_id, name, version, move_seq) VALUES (?1, ?2, ?3, ?4)"
                       " ON CONFLICT (model_id, name) DO UPDATE SET version = excluded.version, move_seq = excluded.move_seq",
                       MLCM__BIND(mlcm__i64(model_id), mlcm__text(alias), mlcm__i64(to), mlcm__i64(seq)), err);
}

mlcm_status mlcm__alias_move_in(mlcm__db_conn *conn, mlcm_registry *reg, int64_t model_id, const char *alias, int64_t to_version,
                                int64_t expect, mlcm_cause cause, int64_t rollout_id, const mlcm_attribution *by,
                                mlcm_error *err) {
  standing now;
  char *model = NULL;
  int64_t seq = 0;
  mlcm_status st = read_standing(conn, model_id, alias, &now, err);
  if (!st) st = check_expect(alias, expect, &now, err);
  if (!st) st = mlcm__model_name_of(conn, model_id, &model, err);
  if (!st && to_version) st = check_target(conn, model_id, model, to_version, err);
  if (!st && to_version != now.version) {
    st = record_move(conn, reg, model, alias, now.version, to_version, cause, rollout_id, by, &seq, err);
    if (!st) st = write_move(conn, seq, model_id, alias, now.version, to_version, cause, rollout_id, err);
  }
  mlcm__free(reg->ctx, model);
  return st;
}

/* A move from outside: the move, then the word with an active rollout, which may refuse all of it. */
static mlcm_status move_from_outside(mlcm__db_conn *conn, mlcm_registry *reg, int64_t model_id, const char *alias, int64_t to,
                                     int64_t expect, mlcm_cause cause, uint32_t flags, const mlcm_attribution *by,
                                     mlcm_error *err) {
  int64_t from = 0;
  mlcm_status st = mlcm__alias_target(conn, model_id, alias, &from, err);
  if (!st) st = mlcm__alias_move_in(conn, reg, model_id, alias, to, expect, cause, 0, by, err);
  if (!st && from != to) st = mlcm__rollouts_on_alias_change(conn, reg, model_id, alias, from, to, flags, by, err);
  return st;
}

static mlcm_status check_flags(uint32_t flags, mlcm_error *err) {
  if (flags & ~(uint32_t)MLCM_FORCE) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "unknown flags 0x%x", (unsigned)flags);
  return MLCM_OK;
}

static mlcm_status check_arguments(const mlcm_registry *reg, const char *model, const char *alias, int64_t expect, uint32_t flags,
                                   const mlcm_attribution *by, mlcm_error *err) {
  if (!reg || !model || !alias)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", !reg ? "reg" : !model ? "model" : "alias");
  if (expect < MLCM_ALIAS_ANY)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "expect is %lld: a version, MLCM_ALIAS_UNSET or MLCM_ALIAS_ANY",
                      (long long)expect);
  mlcm_status st = check_flags(flags, err);
  if (!st) st = mlcm__check_attribution(by, err);
  return st;
}

mlcm_status mlcm_alias_set(mlcm_registry *reg, const char *model, const char *alias, int64_t version, int64_t expect,
                           uint32_t flags, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  mlcm_status st = check_arguments(reg, model, alias, expect, flags, by, err);
  if (!st) st = mlcm__check_alias_name_free(alias, err);
  if (!st) st = mlcm__check_version_number(version, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = mlcm__model_find_ready(conn, model, &row, err);
  if (!st) st = move_from_outside(conn, reg, row.id, alias, version, expect, MLCM_CAUSE_MANUAL, flags, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

mlcm_status mlcm_alias_delete(mlcm_registry *reg, const char *model, const char *alias, int64_t expect, uint32_t flags,
                              const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  int64_t from = 0;
  mlcm_status st = check_arguments(reg, model, alias, expect, flags, by, err);
  if (!st && expect == MLCM_ALIAS_UNSET)
    st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an alias that must not exist cannot be removed");
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = mlcm__model_find_ready(conn, model, &row, err);
  if (!st) st = mlcm__alias_target(conn, row.id, alias, &from, err);
  if (!st && from == 0) st = mlcm__alias_missing(conn, row.id, model, alias, err);
  if (!st) st = move_from_outside(conn, reg, row.id, alias, 0, expect, MLCM_CAUSE_MANUAL, flags, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

mlcm_status mlcm_alias_undo(mlcm_registry *reg, const char *model, const char *alias, int64_t expect, uint32_t flags,
                            const mlcm_attribution *by, int64_t *out_version, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  int64_t version = 0;
  mlcm_status st = check_arguments(reg, model, alias, expect, flags, by, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = mlcm__model_find_ready(conn, model, &row, err);
  if (!st) st = mlcm__alias_last_good_in(conn, row.id, model, alias, &version, err);
  if (!st) st = move_from_outside(conn, reg, row.id, alias, version, expect, MLCM_CAUSE_UNDO, flags, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  if (!st && out_version) *out_version = version;
  return st;
}
