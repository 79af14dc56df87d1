/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_rebuild.c - leaves, tiles and head written anew from the entries.
 *
 * The triggers that guard the tables against mistakes stand in the way of this one on purpose: they are taken down and put up
 * again inside the same transaction, so that nobody ever sees the tables without them.
 */
#include <string.h>

#include "audit_tree.h"
#include "audit_schema.h"

/* What is dropped here is made again by MLCM__AUDIT_GUARDS_SQL. */
static const char *const drop_triggers =
    "DROP TRIGGER IF EXISTS audit_entry_no_update; DROP TRIGGER IF EXISTS audit_tile_grows;"
    "DROP TRIGGER IF EXISTS audit_tile_no_delete; DROP TRIGGER IF EXISTS audit_head_grows;"
    "DROP TRIGGER IF EXISTS audit_head_no_delete; DELETE FROM audit_tile; DELETE FROM audit_head;";

static mlcm_status fix_leaf(mlcm__db_conn *conn, int64_t seq, const uint8_t *leaf, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status status = mlcm__db_prepare(conn, "UPDATE audit_entry SET leaf = ?2 WHERE seq = ?1 AND leaf <> ?2", &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, seq);
  mlcm__db_bind_blob(stmt, 2, leaf, MLCM__SHA256_BYTES);
  return mlcm__db_run(stmt, err);
}

/* One entry: its leaf into the tree, into its row, and where a tile is full by it, into the tiles. */
static mlcm_status add_entry(mlcm__db_conn *conn, int64_t seq, mlcm__db_stmt *stmt, mlcm__merkle *tree, mlcm_error *err) {
  size_t len = 0;
  mlcm__hash leaf;
  const void *entry = mlcm__db_blob(stmt, 1, &len);
  if (mlcm__db_i64(stmt, 0) != seq || !entry) {
    return mlcm__fail(err, MLCM_CORRUPT, "audit log: entry %lld is missing: it cannot be rebuilt", (long long)seq);
  }
  mlcm_status status = mlcm__merkle_leaf(entry, len, leaf, err);
  if (status == MLCM_OK) status = fix_leaf(conn, seq, leaf, err);
  if (status == MLCM_OK) status = mlcm__merkle_push(tree, leaf, err);
  return status == MLCM_OK ? mlcm__audit_tiles_update(conn, seq, err) : status;
}

static mlcm_status add_entries(mlcm__db_conn *conn, mlcm__merkle *tree, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status status = mlcm__db_prepare(conn, "SELECT seq, entry FROM audit_entry ORDER BY seq", &stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  while (status == MLCM_OK && row) {
    status = add_entry(conn, tree->size + 1, stmt, tree, err);
    if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  return status;
}

static mlcm_status insert_head(mlcm__db_conn *conn, const mlcm__merkle *tree, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm__hash root;
  mlcm_status status = mlcm__merkle_root(tree, root, err);
  if (status == MLCM_OK)
    status = mlcm__db_prepare(conn, "INSERT INTO audit_head (id, size, root, frontier) VALUES (1, ?1, ?2, ?3)", &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, tree->size);
  mlcm__db_bind_blob(stmt, 2, root, sizeof root);
  mlcm__db_bind_blob(stmt, 3, tree->n ? (const void *)tree->hashes : "", tree->n * MLCM__SHA256_BYTES);
  return mlcm__db_run(stmt, err);
}

mlcm_status mlcm__audit_rebuild(mlcm__db_conn *conn, mlcm_error *err) {
  mlcm__merkle tree = {0};
  mlcm_status status = mlcm__db_exec(conn, drop_triggers, err);
  if (status == MLCM_OK) status = add_entries(conn, &tree, err);
  if (status == MLCM_OK) status = insert_head(conn, &tree, err);
  return status == MLCM_OK ? mlcm__db_exec(conn, MLCM__AUDIT_GUARDS_SQL, err) : status;
}
