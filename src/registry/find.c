/* SPDX-License-Identifier: Apache-2.0
 *
 * find.c - from names and references to rows; what is not found names its nearest neighbour.
 */
#include "registry/find.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "registry/registry.h"

/* Keeps the best of two candidates as the list goes by: `best` is "" at first. */
static void consider(const char *wanted, const char *name, char *best, size_t best_bytes) {
  const char *pair[2] = {best, name};
  const char *nearest = best[0] ? mlcm__nearest(wanted, pair, 2) : mlcm__nearest(wanted, &name, 1);
  if (nearest == name) (void)snprintf(best, best_bytes, "%s", name);
}

void mlcm__hint(mlcm__db_conn *conn, const char *wanted, const char *sql, const mlcm__bind *binds, size_t n,
                char out[MLCM__HINT_BYTES]) {
  char best[MLCM_MODEL_NAME_MAX + 1] = "";
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  out[0] = '\0';
  /* A hint that cannot be made is left out: the message it belongs to stands without it. */
  mlcm_status st = mlcm__sql_first(conn, sql, binds, n, &stmt, &row, NULL);
  while (!st && row) {
    consider(wanted, mlcm__db_text(stmt, 0), best, sizeof best);
    st = mlcm__db_step(stmt, &row, NULL);
  }
  mlcm__db_reset(stmt);
  if (best[0]) (void)snprintf(out, MLCM__HINT_BYTES, " (did you mean '%s'?)", best);
}

mlcm_status mlcm__model_look_up(mlcm__db_conn *conn, const char *name, mlcm__model_row *out, bool *found, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, "SELECT id, state, last_version, n_versions, newest FROM model WHERE name = ?1",
                                   MLCM__BIND(mlcm__text(name)), &stmt, &row, err);
  if (st) return st;
  if (row) {
    *out = (mlcm__model_row){.id = mlcm__db_i64(stmt, 0),
                             .state = (int32_t)mlcm__db_i64(stmt, 1),
                             .last_version = mlcm__db_i64(stmt, 2),
                             .n_versions = mlcm__db_i64(stmt, 3),
                             .newest = mlcm__db_i64(stmt, 4)};
  }
  mlcm__db_reset(stmt);
  *found = row;
  return MLCM_OK;
}

mlcm_status mlcm__model_find(mlcm__db_conn *conn, const char *name, mlcm__model_row *out, mlcm_error *err) {
  bool found = false;
  char hint[MLCM__HINT_BYTES];
  mlcm_status st = mlcm__model_look_up(conn, name, out, &found, err);
  if (st || found) return st;
  mlcm__hint(conn, name, "SELECT name FROM model WHERE state = 1 ORDER BY name LIMIT 1000", MLCM__NO_BIND, hint);
  return mlcm__fail(err, MLCM_NOT_FOUND, "model '%s' does not exist%s", name, hint);
}

mlcm_status mlcm__model_find_ready(mlcm__db_conn *conn, const char *name, mlcm__model_row *out, mlcm_error *err) {
  mlcm__model_row found;
  mlcm_status st = mlcm__model_find(conn, name, &found, err);
  if (st) return st;
  if (found.state == MLCM_STATE_DELETED) {
    return mlcm__fail(err, MLCM_NOT_FOUND, "model '%s' is deleted; restore it with `mlcm restore %s` or mlcm_model_restore", name,
                      name);
  }
  *out = found;
  return MLCM_OK;
}

mlcm_status mlcm__model_name_of(mlcm__db_conn *conn, int64_t model_id, char **out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st =
      mlcm__sql_first(conn, "SELECT name FROM model WHERE id = ?1", MLCM__BIND(mlcm__i64(model_id)), &stmt, &row, err);
  if (!st && !row) st = mlcm__fail(err, MLCM_CORRUPT, "model row %lld is missing", (long long)model_id);
  if (!st) {
    char *name = mlcm__strdup(mlcm__db_context(conn), mlcm__db_text(stmt, 0));
    if (name)
      *out = name;
    else
      st = mlcm__fail_memory(err, MLCM_MODEL_NAME_MAX);
  }
  mlcm__db_reset(stmt);
  return st;
}

mlcm_status mlcm__version_find(mlcm__db_conn *conn, const mlcm__model_row *model, const char *name, int64_t number,
                               int64_t *out_id, int32_t *out_state, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, "SELECT id, state FROM version WHERE model_id = ?1 AND number = ?2",
                                   MLCM__BIND(mlcm__i64(model->id), mlcm__i64(number)), &stmt, &row, err);
  if (!st && row) {
    *out_id = mlcm__db_i64(stmt, 0);
    if (out_state) *out_state = (int32_t)mlcm__db_i64(stmt, 1);
  }
  mlcm__db_reset(stmt);
  if (st || row) return st;
  if (model->last_version == 0)
    return mlcm__fail(err, MLCM_NOT_FOUND, "version %s/%lld does not exist: the model has no versions yet", name,
                      (long long)number);
  return mlcm__fail(err, MLCM_NOT_FOUND, "version %s/%lld does not exist: the model has versions 1 to %lld", name,
                    (long long)number, (long long)model->last_version);
}

mlcm_status mlcm__version_find_ready(mlcm__db_conn *conn, const mlcm__model_row *model, const char *name, int64_t number,
                                     int64_t *out_id, mlcm_error *err) {
  int64_t id = 0;
  int32_t state = 0;
  mlcm_status st = mlcm__version_find(conn, model, name, number, &id, &state, err);
  if (st) return st;
  if (state == MLCM_STATE_DELETED) {
    return mlcm__fail(err, MLCM_NOT_FOUND, "version %s/%lld is deleted; restore it with `mlcm restore %s/%lld`", name,
                      (long long)number, name, (long long)number);
  }
  *out_id = id;
  return MLCM_OK;
}

mlcm_status mlcm__alias_target(mlcm__db_conn *conn, int64_t model_id, const char *alias, int64_t *out, mlcm_error *err) {
  bool row = false;
  int64_t version = 0;
  mlcm_status st = mlcm__sql_i64(conn, "SELECT version FROM alias WHERE model_id = ?1 AND name = ?2",
                                 MLCM__BIND(mlcm__i64(model_id), mlcm__text(alias)), &row, &version, err);
  if (!st) *out = row ? version : 0;
  return st;
}

mlcm_status mlcm__alias_missing(mlcm__db_conn *conn, int64_t model_id, const char *model, const char *alias, mlcm_error *err) {
  char hint[MLCM__HINT_BYTES];
  mlcm__hint(conn, alias, "SELECT name FROM alias WHERE model_id = ?1 ORDER BY name LIMIT 1000", MLCM__BIND(mlcm__i64(model_id)),
             hint);
  return mlcm__fail(err, MLCM_NOT_FOUND, "model '%s' has no alias '%s'%s", model, alias, hint);
}

static mlcm_status resolve_newest(const mlcm_ref *ref, const mlcm__model_row *model, int64_t *out, mlcm_error *err) {
  if (model->newest == 0) {
    return mlcm__fail(err, MLCM_NOT_FOUND, "model '%s' has no version%s", ref->model,
                      model->last_version ? " that is not deleted" : " yet");
  }
  *out = model->newest;
  return MLCM_OK;
}

static mlcm_status resolve_alias(mlcm__db_conn *conn, const mlcm_ref *ref, const mlcm__model_row *model, int64_t *out,
                                 mlcm_error *err) {
  int64_t version = 0;
  mlcm_status st = mlcm__alias_target(conn, model->id, ref->alias, &version, err);
  if (!st && version == 0) st = mlcm__alias_missing(conn, model->id, ref->model, ref->alias, err);
  if (!st) *out = version;
  return st;
}

mlcm_status mlcm__ref_resolve(mlcm__db_conn *conn, const mlcm_ref *ref, mlcm__model_row *out_model, int64_t *out_number,
                              mlcm_error *err) {
  mlcm__model_row model;
  int64_t number = ref->version;
  mlcm_status st = ref->kind == MLCM_REF_NUMBER ? mlcm__model_find(conn, ref->model, &model, err)
                                                : mlcm__model_find_ready(conn, ref->model, &model, err);
  if (!st && ref->kind == MLCM_REF_MODEL) st = resolve_newest(ref, &model, &number, err);
  if (!st && ref->kind == MLCM_REF_ALIAS) st = resolve_alias(conn, ref, &model, &number, err);
  if (st) return st;
  *out_model = model;
  *out_number = number;
  return MLCM_OK;
}
