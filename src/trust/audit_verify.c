/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_verify.c - the whole log recomputed from its entries, believing nothing that is stored beside them.
 *
 * One pass over the entries in order of seq. Each one's leaf is computed anew and pushed onto a tree in memory and onto the tiles in
 * memory; what the database says in leaf, tile, frontier, root and text is compared with that.
 */
#include <string.h>

#include "audit_tree.h"
#include "base/json.h"

enum { PROGRESS_EVERY = 256, ENTRY_DEPTH = 8 };
#define PROGRESS_NS INT64_C(50000000)

typedef struct tile_state {
  size_t n;
  int64_t idx;
  mlcm__hash hashes[MLCM__TILE_HASHES];
} tile_state;

typedef struct verification {
  mlcm__db_conn *conn;
  mlcm_context *ctx;
  const mlcm__audit_head *anchors;
  size_t n_anchors;
  mlcm__audit_visit *visit;
  void *user;
  const mlcm_progress *progress;
  int64_t reported_ns;
  mlcm__merkle tree;
  tile_state *tiles; /* [MLCM__TILE_LEVELS] */
  int64_t n_tiles;   /* that the database must have */
} verification;

static mlcm_status bad_entry(int64_t seq, const char *why, mlcm_error *err) {
  return mlcm__fail(err, MLCM_CORRUPT, "audit log: entry %lld %s: the log was changed after it was written", (long long)seq, why);
}

/* ---- one entry ---- */

static mlcm_status check_text(int64_t seq, const cJSON *json, mlcm__db_stmt *stmt, mlcm_error *err) {
  char digest[65];
  size_t salt_len = 0;
  const char *text = mlcm__db_text(stmt, 4);
  const void *salt = mlcm__db_blob(stmt, 3, &salt_len);
  const cJSON *reason = cJSON_GetObjectItemCaseSensitive(json, "reason");
  if (!text) return MLCM_OK; /* none was given, or it was erased */
  mlcm_status status = mlcm__audit_text_digest(salt, salt_len, text, strlen(text), digest, err);
  if (status != MLCM_OK) return status;
  if (!cJSON_IsString(reason) || strcmp(reason->valuestring, digest) != 0)
    return bad_entry(seq, "has another reason kept beside it than the one it was written with", err);
  return MLCM_OK;
}

static mlcm_status check_form(verification *v, int64_t seq, const char *entry, size_t len, mlcm__db_stmt *stmt, mlcm_error *err) {
  cJSON *json = NULL;
  int64_t own = 0;
  const mlcm__json_limits limits = {.max_bytes = MLCM__AUDIT_ENTRY_MAX, .max_depth = ENTRY_DEPTH};
  mlcm_status status = mlcm__json_parse(v->ctx, "audit entry", entry, len, limits, &json, NULL);
  if (status == MLCM_OK) status = mlcm__json_get_i64(json, "seq", "audit entry", &own, NULL);
  if (status == MLCM_NO_MEMORY) status = mlcm__fail_memory(err, len);
  else if (status != MLCM_OK) status = bad_entry(seq, "is not well formed", err);
  else if (own != seq) status = bad_entry(seq, "carries another number", err);
  else status = check_text(seq, json, stmt, err);
  if (status == MLCM_OK && v->visit) status = v->visit(v->user, seq, json, err);
  cJSON_Delete(json);
  return status;
}

static mlcm_status check_entry(verification *v, int64_t seq, mlcm__db_stmt *stmt, uint8_t leaf[MLCM__SHA256_BYTES], mlcm_error *err) {
  size_t len = 0, leaf_len = 0;
  const char *entry = (const char *)mlcm__db_blob(stmt, 1, &len);
  const void *stored = mlcm__db_blob(stmt, 2, &leaf_len);
  if (mlcm__db_i64(stmt, 0) != seq) return bad_entry(seq, "is missing", err);
  if (!entry || len == 0) return bad_entry(seq, "is empty", err);
  mlcm_status status = mlcm__merkle_leaf(entry, len, leaf, err);
  if (status != MLCM_OK) return status;
  if (!stored || leaf_len != MLCM__SHA256_BYTES || memcmp(stored, leaf, leaf_len) != 0)
    return bad_entry(seq, "does not have the hash of its leaf", err);
  return check_form(v, seq, entry, len, stmt, err);
}

/* ---- tiles ---- */

static mlcm_status check_tile(verification *v, int level, mlcm_error *err) {
  tile_state *tile = &v->tiles[level];
  mlcm__hash stored[MLCM__TILE_HASHES];
  size_t n = 0;
  mlcm_status status = mlcm__audit_tile_read(v->conn, level, tile->idx, stored, &n, err);
  if (status == MLCM_OK && (n != tile->n || memcmp(stored, tile->hashes, n * MLCM__SHA256_BYTES) != 0))
    status = mlcm__fail(err, MLCM_CORRUPT, "audit log: tile %d/%lld does not have the hashes of its entries", level,
                        (long long)tile->idx);
  v->n_tiles++;
  return status;
}

/* Puts a hash into the tile of a level; a full tile is compared and gives one hash to the level above. */
static mlcm_status push_tiles(verification *v, const uint8_t leaf[MLCM__SHA256_BYTES], mlcm_error *err) {
  mlcm__hash hash;
  memcpy(hash, leaf, sizeof hash);
  for (int level = 0; level < MLCM__TILE_LEVELS; level++) {
    tile_state *tile = &v->tiles[level];
    memcpy(tile->hashes[tile->n++], hash, sizeof hash);
    if (tile->n < MLCM__TILE_HASHES) break;
    mlcm_status status = check_tile(v, level, err);
    if (status == MLCM_OK) status = mlcm__merkle_fold(tile->hashes, MLCM__TILE_HASHES, err);
    if (status != MLCM_OK) return status;
    memcpy(hash, tile->hashes[0], sizeof hash);
    tile->n = 0;
    tile->idx++;
  }
  return MLCM_OK;
}

static mlcm_status check_last_tiles(verification *v, mlcm_error *err) {
  int64_t stored = 0;
  mlcm_status status = MLCM_OK;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  for (int level = 1; status == MLCM_OK && level < MLCM__TILE_LEVELS; level++)
    if (v->tiles[level].n > 0) status = check_tile(v, level, err);
  if (status == MLCM_OK) status = mlcm__db_prepare(v->conn, "SELECT count(*) FROM audit_tile", &stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  if (status == MLCM_OK) stored = mlcm__db_i64(stmt, 0);
  mlcm__db_reset(stmt);
  if (status == MLCM_OK && stored != v->n_tiles)
    status = mlcm__fail(err, MLCM_CORRUPT, "audit log: %lld tiles are stored, its entries make %lld", (long long)stored,
                        (long long)v->n_tiles);
  return status;
}

/* ---- the whole ---- */

/* Compares the tree of the entries so far with the earlier heads of that size. */
static mlcm_status check_anchors(verification *v, mlcm_error *err) {
  uint8_t root[MLCM__SHA256_BYTES];
  for (size_t i = 0; i < v->n_anchors; i++) {
    if (v->anchors[i].size != v->tree.size) continue;
    mlcm_status status = mlcm__merkle_root(&v->tree, root, err);
    if (status != MLCM_OK) return status;
    if (memcmp(root, v->anchors[i].root, sizeof root) != 0)
      return mlcm__fail(err, MLCM_CORRUPT,
                        "audit log: its first %lld entries are not those of the head that was kept: the log was rewritten",
                        (long long)v->tree.size);
  }
  return MLCM_OK;
}

static mlcm_status report(verification *v, bool last, mlcm_error *err) {
  if (!v->progress || !v->progress->report) return MLCM_OK;
  if (!last && v->tree.size % PROGRESS_EVERY != 0) return MLCM_OK;
  int64_t now = mlcm__mono_ns(v->ctx);
  if (!last && now - v->reported_ns < PROGRESS_NS) return MLCM_OK;
  v->reported_ns = now;
  if (v->progress->report(v->progress->user, v->tree.size, last ? v->tree.size : -1) == 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_CANCELLED, "verification of the audit log was stopped at entry %lld", (long long)v->tree.size);
}

static mlcm_status check_entries(verification *v, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  uint8_t leaf[MLCM__SHA256_BYTES];
  mlcm_status status = mlcm__db_prepare(v->conn,
                                        "SELECT e.seq, e.entry, e.leaf, t.salt, t.text FROM audit_entry e"
                                        " LEFT JOIN audit_text t ON t.seq = e.seq ORDER BY e.seq",
                                        &stmt, err);
  if (status == MLCM_OK) status = check_anchors(v, err);
  while (status == MLCM_OK) {
    status = mlcm__db_step(stmt, &row, err);
    if (status != MLCM_OK || !row) break;
    status = check_entry(v, v->tree.size + 1, stmt, leaf, err);
    if (status == MLCM_OK) status = mlcm__merkle_push(&v->tree, leaf, err);
    if (status == MLCM_OK) status = push_tiles(v, leaf, err);
    if (status == MLCM_OK) status = check_anchors(v, err);
    if (status == MLCM_OK) status = report(v, false, err);
  }
  mlcm__db_reset(stmt);
  return status;
}

static mlcm_status check_head(verification *v, mlcm__audit_head *out, mlcm_error *err) {
  mlcm__merkle stored;
  mlcm__audit_head head;
  uint8_t root[MLCM__SHA256_BYTES];
  mlcm_status status = mlcm__audit_tree_read(v->conn, &stored, &head, err);
  if (status == MLCM_OK) status = mlcm__merkle_root(&v->tree, root, err);
  if (status != MLCM_OK) return status;
  if (head.size != v->tree.size)
    return mlcm__fail(err, MLCM_CORRUPT, "audit log: its head counts %lld entries, there are %lld", (long long)head.size,
                      (long long)v->tree.size);
  if (memcmp(head.root, root, sizeof root) != 0)
    return mlcm__fail(err, MLCM_CORRUPT, "audit log: the root in its head is not that of its %lld entries", (long long)head.size);
  if (memcmp(stored.hashes, v->tree.hashes, v->tree.n * MLCM__SHA256_BYTES) != 0)
    return mlcm__fail(err, MLCM_CORRUPT, "audit log: the frontier in its head is not that of its %lld entries", (long long)head.size);
  for (size_t i = 0; i < v->n_anchors; i++)
    if (v->anchors[i].size > head.size)
      return mlcm__fail(err, MLCM_CORRUPT, "audit log: it has %lld entries, but a head of %lld was kept: entries were removed",
                        (long long)head.size, (long long)v->anchors[i].size);
  *out = head;
  return MLCM_OK;
}

mlcm_status mlcm__audit_verify(mlcm__db_conn *conn, const mlcm__audit_head *anchors, size_t n_anchors, mlcm__audit_visit *visit,
                               void *user, const mlcm_progress *progress, mlcm__audit_head *out, mlcm_error *err) {
  mlcm__audit_head head = {0};
  mlcm_context *ctx = mlcm__db_context(conn);
  verification v = {.conn = conn, .ctx = ctx, .anchors = anchors, .n_anchors = n_anchors};
  v.visit = visit;
  v.user = user;
  v.progress = progress;
  v.tiles = (tile_state *)mlcm__alloc_zero(ctx, MLCM__TILE_LEVELS, sizeof *v.tiles);
  if (!v.tiles) return mlcm__fail_memory(err, MLCM__TILE_LEVELS * sizeof *v.tiles);
  mlcm_status status = check_entries(&v, err);
  if (status == MLCM_OK) status = check_head(&v, &head, err);
  if (status == MLCM_OK) status = check_last_tiles(&v, err);
  if (status == MLCM_OK) status = report(&v, true, err);
  if (status == MLCM_OK && out) *out = head;
  mlcm__free(ctx, v.tiles);
  return status;
}
