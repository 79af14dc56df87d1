/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.c - policies by digest: what a decision was made by can be read again, word for word.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "registry/digest.h"
#include "registry/names.h"
#include "registry/registry.h"
#include "registry/sql.h"

mlcm_status mlcm__policy_put_in(mlcm__db_conn *conn, mlcm_registry *reg, mlcm_str text, const mlcm_attribution *by,
                                char out_sha256[MLCM__SHA256_HEX + 1], mlcm_error *err) {
  char sha256[MLCM__SHA256_HEX + 1];
  char digest[MLCM__DIGEST_TEXT + 1], detail[96];
  int64_t now = mlcm__wall_ns(reg->ctx);
  mlcm_status st = mlcm__hex_of(text.ptr, text.len, sha256, err);
  if (!st) {
    st = mlcm__sql_run(
        conn, "INSERT INTO policy (sha256, text, created_ns, actor) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (sha256) DO NOTHING",
        MLCM__BIND(mlcm__text(sha256), mlcm__blob(text.ptr, text.len), mlcm__i64(now),
                   mlcm__text(mlcm__registry_actor_of(reg, by))),
        err);
  }
  if (!st && mlcm__db_changes(conn) > 0) {
    mlcm__digest_from_hex(sha256, digest);
    (void)snprintf(detail, sizeof detail, "{\"policy\":\"%s\"}", sha256);
    mlcm__record record = {
        .kind = "policy.kept", .object_kind = "policy", .name = sha256, .after = digest, .detail = detail, .time_ns = now};
    st = mlcm__registry_record(conn, reg, &record, by, NULL, err);
  }
  if (!st) memcpy(out_sha256, sha256, sizeof sha256);
  return st;
}

mlcm_status mlcm_policy_put(mlcm_registry *reg, mlcm_str text, const mlcm_attribution *by, char out_sha256[65], mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  if (!reg || !text.ptr || !out_sha256) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_policy_put is NULL");
  if (text.len < 1 || text.len > MLCM_POLICY_BYTES_MAX) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the policy has %zu bytes, not 1 to %d", text.len, (int)MLCM_POLICY_BYTES_MAX);
  }
  if (!mlcm__utf8_valid(text.ptr, text.len)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the policy is not valid UTF-8");
  mlcm_status st = mlcm__check_attribution(by, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = mlcm__policy_put_in(conn, reg, text, by, out_sha256, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

static mlcm_status copy_checked(mlcm_context *ctx, const char *sha256, const void *text, size_t len, char **out,
                                mlcm_error *err) {
  char actual[MLCM__SHA256_HEX + 1];
  mlcm_status st = mlcm__hex_of(text, len, actual, err);
  if (st) return st;
  if (strcmp(actual, sha256) != 0)
    return mlcm__fail(err, MLCM_CORRUPT, "policy %s was changed: its sha256 is %s", sha256, actual);
  char *copy = mlcm__strndup(ctx, text, len);
  if (!copy) return mlcm__fail_memory(err, len + 1);
  *out = copy;
  return MLCM_OK;
}

mlcm_status mlcm_policy_get(mlcm_registry *reg, const char *sha256, char **out, size_t *out_len, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  if (!reg || !out || !out_len) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_policy_get is NULL");
  mlcm_status st = mlcm__check_sha256(sha256, "the policy's digest", err);
  if (!st) st = mlcm__db_read_begin_single(reg->db, &conn, err);
  if (!st)
    st = mlcm__sql_first(conn, "SELECT text FROM policy WHERE sha256 = ?1", MLCM__BIND(mlcm__text(sha256)), &stmt, &row, err);
  if (!st && !row) st = mlcm__fail(err, MLCM_NOT_FOUND, "no policy with sha256 %s is kept here", sha256);
  if (!st) {
    size_t len = 0;
    const void *text = mlcm__db_blob(stmt, 0, &len);
    st = copy_checked(reg->ctx, sha256, text, len, out, err);
    if (!st) *out_len = len;
  }
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  return st;
}
