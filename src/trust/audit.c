/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.c - appending to the audit log.
 *
 * One append reads the head row, writes the entry with its leaf, the reason's text if there is one, and the head row; every 256th
 * also writes tiles. All in the caller's transaction.
 */
#include "audit.h"

#include <string.h>
#include <unistd.h>

#include "audit_tree.h"
#include "base/json.h"
#include "base/text.h"

enum { SALT_BYTES = 16, ENTRY_VERSION = 1, HOST_MAX = 256 };

mlcm_status mlcm__audit_leaf(const void *entry, size_t len, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err) {
  return mlcm__merkle_leaf(entry, len, out, err);
}

/* ---- the head ---- */

static mlcm_status decode_head(mlcm__db_stmt *stmt, mlcm__merkle *out, mlcm__audit_head *out_head, mlcm_error *err) {
  size_t n_root = 0, n_frontier = 0;
  int64_t size = mlcm__db_i64(stmt, 0);
  const void *root = mlcm__db_blob(stmt, 1, &n_root);
  const void *frontier = mlcm__db_blob(stmt, 2, &n_frontier);
  size_t width = mlcm__merkle_width(size);
  if (size < 0 || n_root != MLCM__SHA256_BYTES || n_frontier != width * MLCM__SHA256_BYTES)
    return mlcm__fail(err, MLCM_CORRUPT, "audit log: table audit_head does not fit itself: size %lld with %zu bytes of frontier",
                      (long long)size, n_frontier);
  out->size = size;
  out->n = width;
  if (width) memcpy(out->hashes, frontier, n_frontier);
  out_head->size = size;
  memcpy(out_head->root, root, n_root);
  return MLCM_OK;
}

mlcm_status mlcm__audit_tree_read(mlcm__db_conn *conn, mlcm__merkle *out, mlcm__audit_head *out_head, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status status = mlcm__db_prepare(conn, "SELECT size, root, frontier FROM audit_head WHERE id = 1", &stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  if (status == MLCM_OK && !row) status = mlcm__fail(err, MLCM_CORRUPT, "audit log: table audit_head has no row");
  if (status == MLCM_OK) status = decode_head(stmt, out, out_head, err);
  mlcm__db_reset(stmt);
  return status;
}

mlcm_status mlcm__audit_head_read(mlcm__db_conn *conn, mlcm__audit_head *out, mlcm_error *err) {
  mlcm__merkle tree;
  return mlcm__audit_tree_read(conn, &tree, out, err);
}

static mlcm_status write_head(mlcm__db_conn *conn, const mlcm__merkle *tree, const mlcm__audit_head *head, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status status =
      mlcm__db_prepare(conn, "UPDATE audit_head SET size = ?1, root = ?2, frontier = ?3 WHERE id = 1", &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, head->size);
  mlcm__db_bind_blob(stmt, 2, head->root, sizeof head->root);
  mlcm__db_bind_blob(stmt, 3, tree->hashes, tree->n * MLCM__SHA256_BYTES);
  return mlcm__db_run(stmt, err);
}

/* ---- the entry ---- */

static void write_optional(mlcm__json *j, const char *key, const char *value) {
  if (value) mlcm__json_string(j, key, value);
}

static void write_object(mlcm__json *j, const mlcm__audit_event *event) {
  if (!event->object_kind) return;
  mlcm__json_object(j, "object");
  mlcm__json_string(j, "kind", event->object_kind);
  write_optional(j, "name", event->object_name);
  if (event->object_version) mlcm__json_i64(j, "version", event->object_version);
  mlcm__json_end(j);
}

/* Canonical JSON: keys in ascending order. `reason` is the salted digest in hex, or NULL. */
static mlcm_status write_entry(mlcm__buffer *out, const mlcm__audit_event *event, int64_t seq, const char *reason,
                               mlcm_error *err) {
  char time[40], host[HOST_MAX] = "";
  mlcm__json j;
  mlcm__format_time(event->wall_ns, time);
  (void)gethostname(host, sizeof host); /* no name: none is written */
  host[sizeof host - 1] = '\0';
  mlcm__json_init(&j, out, true);
  mlcm__json_object(&j, NULL);
  mlcm__json_string(&j, "action", event->action);
  mlcm__json_string(&j, "actor", event->actor);
  write_optional(&j, "actor_auth", event->actor_auth);
  write_optional(&j, "after", event->after);
  write_optional(&j, "before", event->before);
  write_optional(&j, "evidence", event->evidence);
  /* rarely: a machine whose name has control characters */
  if (mlcm__text_is_plain(host, strlen(host))) mlcm__json_string(&j, "host", host);
  mlcm__json_string(&j, "lib", mlcm_library_version());
  write_object(&j, event);
  write_optional(&j, "reason", reason);
  mlcm__json_string(&j, "result", event->result ? event->result : "ok");
  mlcm__json_i64(&j, "seq", seq);
  mlcm__json_string(&j, "ts", time);
  mlcm__json_i64(&j, "v", ENTRY_VERSION);
  mlcm__json_end(&j);
  return mlcm__buffer_check(out, "audit entry", err);
}

mlcm_status mlcm__audit_text_digest(const void *salt, size_t salt_len, const char *text, size_t len, char out_hex[65],
                                    mlcm_error *err) {
  mlcm__sha256 hash = {0};
  uint8_t digest[MLCM__SHA256_BYTES];
  mlcm_status status = mlcm__sha256_init(&hash, err);
  if (status == MLCM_OK) status = mlcm__sha256_update(&hash, salt, salt_len, err);
  if (status == MLCM_OK) status = mlcm__sha256_update(&hash, text, len, err);
  if (status == MLCM_OK) status = mlcm__sha256_final(&hash, digest, err);
  mlcm__sha256_reset(&hash);
  if (status == MLCM_OK) mlcm__hex(digest, sizeof digest, out_hex);
  return status;
}

/* ---- append ---- */

static mlcm_status insert_entry(mlcm__db_conn *conn, int64_t seq, const mlcm__buffer *entry, const uint8_t *leaf,
                                mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status status = mlcm__db_prepare(conn, "INSERT INTO audit_entry (seq, entry, leaf) VALUES (?1, ?2, ?3)", &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, seq);
  mlcm__db_bind_blob(stmt, 2, entry->data, entry->len);
  mlcm__db_bind_blob(stmt, 3, leaf, MLCM__SHA256_BYTES);
  mlcm__db_on_constraint(stmt, MLCM_CORRUPT); /* entry `seq` is there already: the head is behind its log */
  return mlcm__db_run(stmt, err);
}

static mlcm_status insert_text(mlcm__db_conn *conn, int64_t seq, const uint8_t *salt, const char *text, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status status = mlcm__db_prepare(conn, "INSERT INTO audit_text (seq, salt, text) VALUES (?1, ?2, ?3)", &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, seq);
  mlcm__db_bind_blob(stmt, 2, salt, SALT_BYTES);
  mlcm__db_bind_text(stmt, 3, text);
  return mlcm__db_run(stmt, err);
}

mlcm_status mlcm__audit_append(mlcm__db_conn *conn, const mlcm__audit_event *event, mlcm__audit_head *out_head, mlcm_error *err) {
  mlcm_context *ctx = mlcm__db_context(conn);
  mlcm__merkle tree;
  mlcm__audit_head head;
  mlcm__buffer entry;
  uint8_t salt[SALT_BYTES], leaf[MLCM__SHA256_BYTES];
  char digest[65];
  const char *reason = event->reason && *event->reason ? event->reason : NULL;
  mlcm__buffer_init(&entry, ctx, MLCM__AUDIT_ENTRY_MAX);
  mlcm_status status = mlcm__audit_tree_read(conn, &tree, &head, err);
  int64_t seq = status == MLCM_OK ? tree.size + 1 : 0;
  if (status == MLCM_OK && reason) status = mlcm__random_bytes(ctx, salt, sizeof salt, err);
  if (status == MLCM_OK && reason) status = mlcm__audit_text_digest(salt, sizeof salt, reason, strlen(reason), digest, err);
  if (status == MLCM_OK) status = write_entry(&entry, event, seq, reason ? digest : NULL, err);
  if (status == MLCM_OK) status = mlcm__merkle_leaf(entry.data, entry.len, leaf, err);
  if (status == MLCM_OK) status = mlcm__merkle_push(&tree, leaf, err);
  if (status == MLCM_OK) status = mlcm__merkle_root(&tree, head.root, err);
  if (status == MLCM_OK) status = insert_entry(conn, seq, &entry, leaf, err);
  if (status == MLCM_OK && reason) status = insert_text(conn, seq, salt, reason, err);
  if (status == MLCM_OK) status = mlcm__audit_tiles_update(conn, seq, err);
  head.size = seq;
  if (status == MLCM_OK) status = write_head(conn, &tree, &head, err);
  if (status == MLCM_OK && out_head) *out_head = head;
  mlcm__buffer_reset(&entry);
  return status;
}

mlcm_status mlcm__audit_erase_text(mlcm__db_conn *conn, int64_t seq, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status status = mlcm__db_prepare(conn, "DELETE FROM audit_text WHERE seq = ?1", &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, seq);
  return mlcm__db_run(stmt, err);
}
