/* SPDX-License-Identifier: Apache-2.0
 *
 * model.c - making, reading and describing models, and tags of models and versions.
 */
#include <string.h>

#include "registry/detail.h"
#include "registry/names.h"
#include "registry/registry.h"
#include "registry/snapshot.h"
#include "registry/sql.h"

mlcm_status mlcm__model_create_in(mlcm__db_conn *conn, mlcm_registry *reg, const char *name, const char *description,
                                  int64_t now_ns, const mlcm_attribution *by, mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(
      conn, "INSERT INTO model (name, description, created_ns, updated_ns, actor) VALUES (?1, ?2, ?3, ?3, ?4)",
      MLCM__BIND(mlcm__text(name), mlcm__text(description), mlcm__i64(now_ns), mlcm__text(mlcm__registry_actor_of(reg, by))),
      err);
  if (st) return st;
  mlcm__record record = {.kind = "model.created", .object_kind = "model", .model = name, .time_ns = now_ns};
  return mlcm__registry_record(conn, reg, &record, by, NULL, err);
}

/* Says whether the name is taken by a model that is there or by a deleted one. */
static mlcm_status check_free(mlcm__db_conn *conn, const char *name, mlcm_error *err) {
  bool row = false;
  int64_t state = 0;
  mlcm_status st =
      mlcm__sql_i64(conn, "SELECT state FROM model WHERE name = ?1", MLCM__BIND(mlcm__text(name)), &row, &state, err);
  if (st || !row) return st;
  if (state == MLCM_STATE_DELETED) {
    return mlcm__fail(err, MLCM_ALREADY_EXISTS, "model '%s' exists but is deleted; restore it with `mlcm restore %s`", name,
                      name);
  }
  return mlcm__fail(err, MLCM_ALREADY_EXISTS, "model '%s' exists already", name);
}

mlcm_status mlcm_model_create(mlcm_registry *reg, const char *name, const char *description, const mlcm_attribution *by,
                              mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  if (!reg) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "reg is NULL");
  mlcm_status st = mlcm__check_model_name(name, err);
  if (!st) st = mlcm__check_text(description, MLCM_DESCRIPTION_MAX, "description", err);
  if (!st) st = mlcm__check_attribution(by, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = check_free(conn, name, err);
  if (!st) st = mlcm__model_create_in(conn, reg, name, description ? description : "", mlcm__wall_ns(reg->ctx), by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

mlcm_status mlcm_model_get(mlcm_registry *reg, const char *name, mlcm_model **out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  if (!reg || !name || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", !reg ? "reg" : !name ? "name" : "out");
  mlcm_status st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__model_find(conn, name, &row, err);
  if (!st) st = mlcm__model_load(conn, row.id, out, err);
  mlcm__db_read_end(conn);
  return st;
}

/* ---- what may be changed of a model or a version: one frame for both ---- */

/* The object of a change: a model, or one of its versions. Found inside the write transaction. */
typedef struct target {
  const char *model;
  int64_t version; /* 0: the model itself */
  int64_t row_id;
  const char *object_kind;
} target;

static mlcm_status find_target(mlcm__db_conn *conn, target *t, mlcm_error *err) {
  mlcm__model_row row;
  mlcm_status st = mlcm__model_find_ready(conn, t->model, &row, err);
  t->object_kind = t->version ? "version" : "model";
  if (!st && t->version) return mlcm__version_find_ready(conn, &row, t->model, t->version, &t->row_id, err);
  if (!st) t->row_id = row.id;
  return st;
}

static mlcm_status check_target(const mlcm_registry *reg, const char *model, const mlcm_attribution *by, mlcm_error *err) {
  if (!reg || !model) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "the model's name" : "reg");
  return mlcm__check_attribution(by, err);
}

static mlcm_status describe(mlcm_registry *reg, target t, const char *description, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__detail detail;
  int64_t now = 0;
  mlcm_status st = check_target(reg, t.model, by, err);
  if (!st) st = mlcm__check_text(description, MLCM_DESCRIPTION_MAX, "description", err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = find_target(conn, &t, err);
  if (!st) {
    now = mlcm__wall_ns(reg->ctx);
    st = mlcm__sql_run(conn,
                       t.version ? "UPDATE version SET description = ?2, updated_ns = ?3 WHERE id = ?1"
                                 : "UPDATE model SET description = ?2, updated_ns = ?3 WHERE id = ?1",
                       MLCM__BIND(mlcm__i64(t.row_id), mlcm__text(description ? description : ""), mlcm__i64(now)), err);
  }
  if (!st) {
    mlcm__record record = {.kind = t.version ? "version.described" : "model.described",
                           .object_kind = t.object_kind,
                           .model = t.model,
                           .version = t.version,
                           .time_ns = now};
    mlcm__detail_open(&detail, reg->ctx);
    mlcm__json_string(&detail.json, "description", description ? description : "");
    st = mlcm__detail_record(&detail, conn, reg, record, by, NULL, err);
  }
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

mlcm_status mlcm_model_describe(mlcm_registry *reg, const char *name, const char *description, const mlcm_attribution *by,
                                mlcm_error *err) {
  return describe(reg, (target){.model = name}, description, by, err);
}

mlcm_status mlcm_version_describe(mlcm_registry *reg, const char *model, int64_t version, const char *description,
                                  const mlcm_attribution *by, mlcm_error *err) {
  mlcm_status st = mlcm__check_version_number(version, err);
  return st ? st : describe(reg, (target){.model = model, .version = version}, description, by, err);
}

/* ---- tags ---- */

static mlcm_status check_room(mlcm__db_conn *conn, const target *t, const char *key, mlcm_error *err) {
  bool row = false;
  int64_t others = 0;
  mlcm_status st = mlcm__sql_i64(conn,
                                 t->version ? "SELECT count(*) FROM version_tag WHERE version_id = ?1 AND key <> ?2"
                                            : "SELECT count(*) FROM model_tag WHERE model_id = ?1 AND key <> ?2",
                                 MLCM__BIND(mlcm__i64(t->row_id), mlcm__text(key)), &row, &others, err);
  if (!st && others >= MLCM_TAGS_MAX)
    st = mlcm__fail(err, MLCM_LIMIT, "'%s' has %d tags already, no more are allowed", t->model, (int)MLCM_TAGS_MAX);
  return st;
}

static mlcm_status record_tag(mlcm__db_conn *conn, mlcm_registry *reg, const target *t, const char *key, const char *value,
                              const mlcm_attribution *by, mlcm_error *err) {
  static const char *const kinds[2][2] = {{"model.tag_deleted", "model.tag_set"}, {"version.tag_deleted", "version.tag_set"}};
  mlcm__detail detail;
  mlcm__record record = {
      .kind = kinds[t->version != 0][value != NULL], .object_kind = t->object_kind, .model = t->model, .version = t->version};
  mlcm__detail_open(&detail, reg->ctx);
  mlcm__json_string(&detail.json, "key", key);
  if (value) mlcm__json_string(&detail.json, "value", value);
  return mlcm__detail_record(&detail, conn, reg, record, by, NULL, err);
}

static mlcm_status tag_set(mlcm_registry *reg, target t, const char *key, const char *value, const mlcm_attribution *by,
                           mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = check_target(reg, t.model, by, err);
  if (!st) st = mlcm__check_tag(key, value, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = find_target(conn, &t, err);
  if (!st) st = check_room(conn, &t, key, err);
  if (!st) {
    st = mlcm__sql_run(conn,
                       t.version ? "INSERT INTO version_tag (version_id, key, value) VALUES (?1, ?2, ?3)"
                                   " ON CONFLICT (version_id, key) DO UPDATE SET value = excluded.value"
                                 : "INSERT INTO model_tag (model_id, key, value) VALUES (?1, ?2, ?3)"
                                   " ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value",
                       MLCM__BIND(mlcm__i64(t.row_id), mlcm__text(key), mlcm__text(value)), err);
  }
  if (!st) st = record_tag(conn, reg, &t, key, value, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

static mlcm_status tag_delete(mlcm_registry *reg, target t, const char *key, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = check_target(reg, t.model, by, err);
  if (!st) st = mlcm__check_key(key, "tag", err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = find_target(conn, &t, err);
  if (!st) {
    st = mlcm__sql_run(conn,
                       t.version ? "DELETE FROM version_tag WHERE version_id = ?1 AND key = ?2"
                                 : "DELETE FROM model_tag WHERE model_id = ?1 AND key = ?2",
                       MLCM__BIND(mlcm__i64(t.row_id), mlcm__text(key)), err);
  }
  if (!st && mlcm__db_changes(conn) > 0) {
    st = record_tag(conn, reg, &t, key, NULL, by, err);
    if (!st) st = mlcm__registry_commit(reg, &conn, err);
  }
  mlcm__db_rollback(conn); /* nothing was there: nothing to commit */
  return st;
}

mlcm_status mlcm_model_tag_set(mlcm_registry *reg, const char *name, const char *key, const char *value,
                               const mlcm_attribution *by, mlcm_error *err) {
  return tag_set(reg, (target){.model = name}, key, value, by, err);
}

mlcm_status mlcm_model_tag_delete(mlcm_registry *reg, const char *name, const char *key, const mlcm_attribution *by,
                                  mlcm_error *err) {
  return tag_delete(reg, (target){.model = name}, key, by, err);
}

mlcm_status mlcm_version_tag_set(mlcm_registry *reg, const char *model, int64_t version, const char *key, const char *value,
                                 const mlcm_attribution *by, mlcm_error *err) {
  mlcm_status st = mlcm__check_version_number(version, err);
  return st ? st : tag_set(reg, (target){.model = model, .version = version}, key, value, by, err);
}

mlcm_status mlcm_version_tag_delete(mlcm_registry *reg, const char *model, int64_t version, const char *key,
                                    const mlcm_attribution *by, mlcm_error *err) {
  mlcm_status st = mlcm__check_version_number(version, err);
  return st ? st : tag_delete(reg, (target){.model = model, .version = version}, key, by, err);
}
