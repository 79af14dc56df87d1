/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - small questions to the store, each in a read transaction of its own.
 */
#include "endpoint/endpoint.h"

#include <string.h>

#include "base/hash.h"

/* Runs one statement with up to three numbers; *row tells whether there was a row, of which `take` (nullable) reads the
 * columns. */
static mlcm_status ask(mlcm_registry *reg, const char *sql, const int64_t *numbers, int n, void (*take)(mlcm__db_stmt *, void *),
                       void *user, bool *row, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  mlcm_status st = mlcm__db_read_begin_single(reg->db, &conn, err);
  if (!st) st = mlcm__db_prepare(conn, sql, &stmt, err);
  for (int i = 0; !st && i < n; ++i) mlcm__db_bind_i64(stmt, i + 1, numbers[i]);
  if (!st) st = mlcm__db_step(stmt, row, err);
  if (!st && *row && take != NULL) take(stmt, user);
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  return st;
}

typedef struct birth {
  int64_t created_ns;
  uint8_t salt[MLCM__SALT_BYTES]; /* of the endpoint's first routing */
} birth;

static void take_birth(mlcm__db_stmt *stmt, void *user) {
  birth *b = user;
  size_t len = 0;
  b->created_ns = mlcm__db_i64(stmt, 0);
  const void *salt = mlcm__db_blob(stmt, 1, &len);
  if (len == sizeof b->salt) memcpy(b->salt, salt, len); /* else the row is damaged, which reading the routing finds */
}

/* Endpoints of two registries differ in the salt that their first routing drew, and in the time they were made. */
mlcm_status mlcm__endpoint_identity(mlcm_registry *reg, const mlcm__endpoint_row *row, uint64_t *out, mlcm_error *err) {
  static const char sql[] = "SELECT e.created_ns, r.salt FROM endpoint e JOIN routing r ON r.endpoint_id = e.id WHERE e.id = ?1 "
                            "ORDER BY r.epoch LIMIT 1";
  birth b = {0};
  bool found = false;
  mlcm_status st = ask(reg, sql, &row->id, 1, take_birth, &b, &found, err);
  if (st) return st;
  uint8_t text[16 + MLCM_MODEL_NAME_MAX];
  size_t len = strlen(row->name);
  memcpy(text, &b.created_ns, 8);
  memcpy(text + 8, &row->id, 8);
  memcpy(text + 16, row->name, len);
  *out = mlcm__siphash(b.salt, text, 16 + len);
  return MLCM_OK;
}

static void take_epoch(mlcm__db_stmt *stmt, void *user) { *(uint64_t *)user = (uint64_t)mlcm__db_i64(stmt, 0); }

mlcm_status mlcm__rollout_first_epoch(mlcm_registry *reg, int64_t endpoint_id, int64_t rollout_id, uint64_t *out,
                                      mlcm_error *err) {
  static const char sql[] = "SELECT min(epoch) FROM routing WHERE endpoint_id = ?1 AND rollout_id = ?2";
  int64_t numbers[2] = {endpoint_id, rollout_id};
  bool found = false;
  return ask(reg, sql, numbers, 2, take_epoch, out, &found, err);
}

mlcm_status mlcm__rollout_is_active(mlcm_registry *reg, int64_t rollout_id, bool *out, mlcm_error *err) {
  return ask(reg, "SELECT 1 FROM rollout WHERE id = ?1 AND active = 1", &rollout_id, 1, NULL, NULL, out, err);
}

mlcm_status mlcm__endpoint_has_routed(mlcm_registry *reg, int64_t endpoint_id, uint64_t epoch, int64_t version, bool *out,
                                      mlcm_error *err) {
  static const char sql[] =
      "SELECT 1 FROM routing WHERE endpoint_id = ?1 AND epoch = ?2 AND (stable = ?3 OR (candidate = ?3 AND candidate > 0))";
  int64_t numbers[3] = {endpoint_id, (int64_t)epoch, version};
  return ask(reg, sql, numbers, 3, NULL, NULL, out, err);
}

mlcm_status mlcm__endpoint_is_entitled(mlcm_registry *reg, const mlcm__endpoint_row *row, int64_t version, bool *out,
                                       mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__entitled(conn, row, version, out, err);
  mlcm__db_read_end(conn);
  return st;
}

mlcm_status mlcm__endpoint_latest_rollout(mlcm_registry *reg, int64_t endpoint_id, int64_t *out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__rollout_latest(conn, endpoint_id, out, err);
  mlcm__db_read_end(conn);
  return st;
}
