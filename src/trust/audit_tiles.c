/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_tiles.c - tiles: blocks of 256 hashes of one level, so that a proof reads a few rows instead of many.
 */
#include <assert.h>
#include <string.h>

#include "audit_tree.h"

static mlcm_status fail_tile(int level, int64_t idx, mlcm_error *err) {
  return mlcm__fail(err, MLCM_CORRUPT, "audit log: tile %d/%lld has a length that no tile has", level, (long long)idx);
}

mlcm_status mlcm__audit_tile_read(mlcm__db_conn *conn, int level, int64_t idx, mlcm__hash out[MLCM__TILE_HASHES], size_t *out_n,
                                  mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  *out_n = 0;
  mlcm_status status = mlcm__db_prepare(conn, "SELECT hashes FROM audit_tile WHERE level = ?1 AND idx = ?2", &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, level);
  mlcm__db_bind_i64(stmt, 2, idx);
  status = mlcm__db_step(stmt, &row, err);
  if (status == MLCM_OK && row) {
    size_t len = 0;
    const void *hashes = mlcm__db_blob(stmt, 0, &len);
    if (!hashes || len > MLCM__TILE_BYTES || len % MLCM__SHA256_BYTES != 0) {
      status = fail_tile(level, idx, err);
    } else {
      memcpy(out, hashes, len);
      *out_n = len / MLCM__SHA256_BYTES;
    }
  }
  mlcm__db_reset(stmt);
  return status;
}

static mlcm_status write_tile(mlcm__db_conn *conn, int level, int64_t idx, const mlcm__hash *hashes, size_t n, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm_status status = mlcm__db_prepare(conn,
                                        "INSERT INTO audit_tile (level, idx, hashes) VALUES (?1, ?2, ?3)"
                                        " ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes",
                                        &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, level);
  mlcm__db_bind_i64(stmt, 2, idx);
  mlcm__db_bind_blob(stmt, 3, hashes, n * MLCM__SHA256_BYTES);
  mlcm__db_on_constraint(stmt, MLCM_CORRUPT);
  return mlcm__db_run(stmt, err);
}

mlcm_status mlcm__audit_leaves(mlcm__db_conn *conn, int64_t first, size_t n, mlcm__hash *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  size_t got = 0;
  mlcm_status status =
      mlcm__db_prepare(conn, "SELECT leaf FROM audit_entry WHERE seq > ?1 AND seq <= ?2 ORDER BY seq", &stmt, err);
  if (status != MLCM_OK) return status;
  mlcm__db_bind_i64(stmt, 1, first);
  mlcm__db_bind_i64(stmt, 2, first + (int64_t)n);
  /* never: more rows than numbers, which only a damaged tree of the table can have */
  while ((status = mlcm__db_step(stmt, &row, err)) == MLCM_OK && row && got < n) {
    size_t len = 0;
    const void *leaf = mlcm__db_blob(stmt, 0, &len);
    if (len != MLCM__SHA256_BYTES) break;
    memcpy(out[got++], leaf, len);
  }
  mlcm__db_reset(stmt);
  if (status == MLCM_OK && got != n)
    status =
        mlcm__fail(err, MLCM_CORRUPT, "audit log: entry %lld is missing or has no leaf", (long long)(first + (int64_t)got + 1));
  return status;
}

/* Puts `hash` behind the hashes of tile number `at / 256` of a level. *full: the tile has all 256, left in `tile`. */
static mlcm_status grow_tile(mlcm__db_conn *conn, int level, int64_t at, const mlcm__hash hash,
                             mlcm__hash tile[MLCM__TILE_HASHES], bool *full, mlcm_error *err) {
  size_t n = 0;
  int64_t idx = at / MLCM__TILE_HASHES;
  mlcm_status status = mlcm__audit_tile_read(conn, level, idx, tile, &n, err);
  if (status != MLCM_OK) return status;
  if ((int64_t)n != at % MLCM__TILE_HASHES) return fail_tile(level, idx, err);
  memcpy(tile[n++], hash, MLCM__SHA256_BYTES);
  *full = n == MLCM__TILE_HASHES;
  return write_tile(conn, level, idx, (const mlcm__hash *)tile, n, err);
}

mlcm_status mlcm__audit_tiles_update(mlcm__db_conn *conn, int64_t size, mlcm_error *err) {
  mlcm__hash tile[MLCM__TILE_HASHES], root;
  bool full = true;
  if (size % MLCM__TILE_HASHES != 0) return MLCM_OK;
  int64_t at = size / MLCM__TILE_HASHES - 1; /* number of the tile that is full now, in its level */
  mlcm_status status = mlcm__audit_leaves(conn, size - MLCM__TILE_HASHES, MLCM__TILE_HASHES, tile, err);
  if (status == MLCM_OK) status = write_tile(conn, 0, at, (const mlcm__hash *)tile, MLCM__TILE_HASHES, err);
  for (int level = 1; status == MLCM_OK && full; level++) {
    assert(level < MLCM__TILE_LEVELS);
    status = mlcm__merkle_fold(tile, MLCM__TILE_HASHES, err);
    if (status != MLCM_OK) break;
    memcpy(root, tile[0], sizeof root);
    status = grow_tile(conn, level, at, (const uint8_t *)root, tile, &full, err);
    at /= MLCM__TILE_HASHES;
  }
  return status;
}
