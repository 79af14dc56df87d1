/* SPDX-License-Identifier: Apache-2.0
 *
 * tombstone.c - delete and restore. A deleted version or model keeps its rows; what it loses are its aliases.
 */
#include <stdio.h>

#include "registry/names.h"
#include "registry/registry.h"
#include "registry/snapshot.h"
#include "registry/sql.h"

static mlcm_status check_arguments(const mlcm_registry *reg, const char *model, uint32_t flags, const mlcm_attribution *by,
                                   mlcm_error *err) {
  if (!reg || !model) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "the model's name" : "reg");
  if (flags & ~(uint32_t)MLCM_FORCE) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "unknown flags 0x%x", (unsigned)flags);
  return mlcm__check_attribution(by, err);
}

/* First alias of a model (version 0) or of one version; *row false when there is none. */
static mlcm_status first_alias(mlcm__db_conn *conn, int64_t model_id, int64_t version, char *out, size_t out_bytes,
                               int64_t *out_version, bool *row, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status st = mlcm__sql_first(
      conn, "SELECT name, version FROM alias WHERE model_id = ?1 AND (?2 = 0 OR version = ?2) ORDER BY name LIMIT 1",
      MLCM__BIND(mlcm__i64(model_id), mlcm__i64(version)), &stmt, row, err);
  if (!st && *row) {
    mlcm__sql_copy_text(stmt, 0, out, out_bytes);
    *out_version = mlcm__db_i64(stmt, 1);
  }
  mlcm__db_reset(stmt);
  return st;
}

static mlcm_status remove_aliases(mlcm__db_conn *conn, mlcm_registry *reg, const char *model, int64_t model_id, int64_t version,
                                  uint32_t flags, const mlcm_attribution *by, mlcm_error *err) {
  char alias[MLCM_ALIAS_NAME_MAX + 1];
  int64_t from = 0;
  for (;;) {
    bool row = false;
    mlcm_status st = first_alias(conn, model_id, version, alias, sizeof alias, &from, &row, err);
    if (st || !row) return st;
    if (!(flags & MLCM_FORCE)) {
      return mlcm__fail(err, MLCM_CONFLICT, "%s@%s stands on version %lld; move the alias first, or force the deletion", model,
                        alias, (long long)from);
    }
    st = mlcm__alias_move_in(conn, reg, model_id, alias, 0, MLCM_ALIAS_ANY, MLCM_CAUSE_DELETED, 0, by, err);
    if (!st) st = mlcm__rollouts_on_alias_change(conn, reg, model_id, alias, from, 0, flags, by, err);
    if (st) return st;
  }
}

static mlcm_status record_state(mlcm__db_conn *conn, mlcm_registry *reg, const char *model, int64_t version, bool deleted,
                                int64_t now, const mlcm_attribution *by, mlcm_error *err) {
  static const char *const kinds[2][2] = {{"model.restored", "model.deleted"}, {"version.restored", "version.deleted"}};
  mlcm__record record = {.kind = kinds[version != 0][deleted],
                         .object_kind = version ? "version" : "model",
                         .model = model,
                         .version = version,
                         .before = deleted ? "ready" : "deleted",
                         .after = deleted ? "deleted" : "ready",
                         .time_ns = now};
  return mlcm__registry_record(conn, reg, &record, by, NULL, err);
}

/* ---- versions ---- */

/* Sets the state and brings the model's counters in line; an index answers which version is the newest now. */
static mlcm_status set_version_state(mlcm__db_conn *conn, int64_t model_id, int64_t version_id, bool deleted, int64_t now,
                                     mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(
      conn, "UPDATE version SET state = ?2, updated_ns = ?3 WHERE id = ?1",
      MLCM__BIND(mlcm__i64(version_id), mlcm__i64(deleted ? MLCM_STATE_DELETED : MLCM_STATE_READY), mlcm__i64(now)), err);
  if (st) return st;
  return mlcm__sql_run(
      conn,
      "UPDATE model SET n_versions = n_versions + ?2, updated_ns = ?3, newest = coalesce((SELECT max(number) FROM version"
      " WHERE model_id = ?1 AND state = 1), 0) WHERE id = ?1",
      MLCM__BIND(mlcm__i64(model_id), mlcm__i64(deleted ? -1 : 1), mlcm__i64(now)), err);
}

static mlcm_status delete_version_in(mlcm__db_conn *conn, mlcm_registry *reg, const char *model, int64_t version, uint32_t flags,
                                     const mlcm_attribution *by, mlcm_error *err) {
  mlcm__model_row row;
  int64_t id = 0;
  int32_t state = 0;
  int64_t now = mlcm__wall_ns(reg->ctx);
  mlcm_status st = mlcm__model_find_ready(conn, model, &row, err);
  if (!st) st = mlcm__version_find(conn, &row, model, version, &id, &state, err);
  if (!st && state == MLCM_STATE_DELETED)
    st = mlcm__fail(err, MLCM_NOT_FOUND, "version %s/%lld is deleted already", model, (long long)version);
  if (!st) st = remove_aliases(conn, reg, model, row.id, version, flags, by, err);
  if (!st) st = mlcm__rollouts_on_alias_change(conn, reg, row.id, NULL, version, 0, flags, by, err);
  if (!st) st = set_version_state(conn, row.id, id, true, now, err);
  if (!st) st = record_state(conn, reg, model, version, true, now, by, err);
  return st;
}

mlcm_status mlcm_version_delete(mlcm_registry *reg, const char *model, int64_t version, uint32_t flags,
                                const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = check_arguments(reg, model, flags, by, err);
  if (!st) st = mlcm__check_version_number(version, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = delete_version_in(conn, reg, model, version, flags, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

/* All bytes must still be there: garbage collection may have taken them. */
static mlcm_status check_bytes(mlcm__db_conn *conn, mlcm_registry *reg, int64_t version_id, mlcm_error *err) {
  mlcm_version *version = NULL;
  mlcm_status st = mlcm__version_load(conn, version_id, true, &version, err);
  for (size_t i = 0; !st && i < version->manifest.n; i++) {
    const mlcm__manifest_file *file = &version->manifest.files[i];
    st = mlcm__blob_exists(reg->blobs, file->sha256, file->size_bytes, err);
    if (st == MLCM_NOT_FOUND) {
      st = mlcm__fail(err, MLCM_INVALID_STATE,
                      "version %s/%lld cannot be restored: the bytes of '%s' were collected; register them again", version->model,
                      (long long)version->number, file->path);
    }
  }
  mlcm_version_free(version);
  return st;
}

static mlcm_status restore_version_in(mlcm__db_conn *conn, mlcm_registry *reg, const char *model, int64_t version,
                                      const mlcm_attribution *by, mlcm_error *err) {
  mlcm__model_row row;
  int64_t id = 0;
  int32_t state = 0;
  int64_t now = mlcm__wall_ns(reg->ctx);
  mlcm_status st = mlcm__model_find(conn, model, &row, err);
  if (!st) st = mlcm__version_find(conn, &row, model, version, &id, &state, err);
  if (!st && state != MLCM_STATE_DELETED)
    st = mlcm__fail(err, MLCM_NOT_FOUND, "version %s/%lld is not deleted", model, (long long)version);
  if (!st && row.state == MLCM_STATE_DELETED)
    st = mlcm__fail(err, MLCM_INVALID_STATE, "model '%s' is deleted; restore it first", model);
  if (!st) st = check_bytes(conn, reg, id, err);
  if (!st) st = set_version_state(conn, row.id, id, false, now, err);
  if (!st) st = record_state(conn, reg, model, version, false, now, by, err);
  return st;
}

mlcm_status mlcm_version_restore(mlcm_registry *reg, const char *model, int64_t version, const mlcm_attribution *by,
                                 mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = check_arguments(reg, model, 0, by, err);
  if (!st) st = mlcm__check_version_number(version, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = restore_version_in(conn, reg, model, version, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

/* ---- models ---- */

static mlcm_status set_model_state(mlcm__db_conn *conn, mlcm_registry *reg, const char *model, int64_t model_id, bool deleted,
                                   const mlcm_attribution *by, mlcm_error *err) {
  int64_t now = mlcm__wall_ns(reg->ctx);
  mlcm_status st = mlcm__sql_run(
      conn, "UPDATE model SET state = ?2, updated_ns = ?3 WHERE id = ?1",
      MLCM__BIND(mlcm__i64(model_id), mlcm__i64(deleted ? MLCM_STATE_DELETED : MLCM_STATE_READY), mlcm__i64(now)), err);
  return st ? st : record_state(conn, reg, model, 0, deleted, now, by, err);
}

mlcm_status mlcm_model_delete(mlcm_registry *reg, const char *name, uint32_t flags, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  mlcm_status st = check_arguments(reg, name, flags, by, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = mlcm__model_find_ready(conn, name, &row, err);
  if (!st) st = remove_aliases(conn, reg, name, row.id, 0, flags, by, err);
  if (!st) st = mlcm__rollouts_on_alias_change(conn, reg, row.id, NULL, 0, 0, flags, by, err); /* its alias may be gone already */
  if (!st) st = set_model_state(conn, reg, name, row.id, true, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

mlcm_status mlcm_model_restore(mlcm_registry *reg, const char *name, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  mlcm_status st = check_arguments(reg, name, 0, by, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = mlcm__model_find(conn, name, &row, err);
  if (!st && row.state != MLCM_STATE_DELETED) st = mlcm__fail(err, MLCM_NOT_FOUND, "model '%s' is not deleted", name);
  if (!st) st = set_model_state(conn, reg, name, row.id, false, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}
