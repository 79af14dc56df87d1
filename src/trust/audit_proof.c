/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_proof.c - roots of earlier trees and proofs, read from tiles and, behind the last full one, from the entries' leaves.
 *
 * RFC 6962 defines both proofs by recursion over the split at the largest power of two below n. Here each is the loop down that
 * path: the hash beside every step is noted on the way, and the notes are turned round at the end.
 */
#include <assert.h>
#include <string.h>

#include "audit_tree.h"

/* ---- one complete subtree ---- */

static mlcm_status fail_missing(int level, int64_t idx, mlcm_error *err) {
  return mlcm__fail(err, MLCM_CORRUPT, "audit log: hash %lld of level %d is missing", (long long)idx, level);
}

/* Root of the complete subtree number `idx` of level `level` (2^level leaves). */
static mlcm_status subtree(mlcm__db_conn *conn, int level, int64_t idx, mlcm__hash out, mlcm_error *err) {
  mlcm__hash tile[MLCM__TILE_HASHES];
  size_t in_tile = 0;
  int tile_level = level / MLCM__TILE_BITS;
  size_t n = (size_t)1 << (level % MLCM__TILE_BITS);
  int64_t first = idx * (int64_t)n; /* in hashes of the tile's level */
  size_t at = (size_t)(first % MLCM__TILE_HASHES);
  mlcm_status status = mlcm__audit_tile_read(conn, tile_level, first / MLCM__TILE_HASHES, tile, &in_tile, err);
  if (status == MLCM_OK && in_tile < at + n) {
    if (tile_level > 0) return fail_missing(level, idx, err);
    status = mlcm__audit_leaves(conn, first, n, tile + at, err);
  }
  if (status == MLCM_OK) status = mlcm__merkle_fold(tile + at, n, err);
  if (status == MLCM_OK) memcpy(out, tile[at], MLCM__SHA256_BYTES);
  return status;
}

/* ---- a stretch of leaves ---- */

/* Root over the `n` leaves from `first` on, where `first` is a multiple of a power of two that is >= n: as a frontier, from the
 * largest complete subtree to the smallest. */
static mlcm_status stretch(mlcm__db_conn *conn, int64_t first, int64_t n, mlcm__hash out, mlcm_error *err) {
  mlcm__merkle tree = {.size = n};
  mlcm_status status = MLCM_OK;
  for (int level = MLCM__MERKLE_LEVELS - 1; status == MLCM_OK && level >= 0; level--) {
    int64_t width = INT64_C(1) << level;
    if (!(n & width)) continue;
    status = subtree(conn, level, first / width, tree.hashes[tree.n++], err);
    first += width;
  }
  return status == MLCM_OK ? mlcm__merkle_root(&tree, out, err) : status;
}

static int64_t split(int64_t n) {
  int64_t k = 1;
  assert(n > 1);
  while (k < n - k) k *= 2;
  return k;
}

static mlcm_status note(mlcm__db_conn *conn, int64_t first, int64_t n, mlcm__audit_proof *proof, mlcm_error *err) {
  assert(proof->n < MLCM__AUDIT_PROOF_MAX);
  return stretch(conn, first, n, proof->hashes[proof->n++], err);
}

static void turn_round(mlcm__audit_proof *proof) {
  for (size_t i = 0, j = proof->n; i + 1 < j; i++) {
    mlcm__hash kept;
    j--;
    memcpy(kept, proof->hashes[i], sizeof kept);
    memcpy(proof->hashes[i], proof->hashes[j], sizeof kept);
    memcpy(proof->hashes[j], kept, sizeof kept);
  }
}

static mlcm_status check_size(mlcm__db_conn *conn, int64_t size, mlcm_error *err) {
  mlcm__audit_head head;
  mlcm_status status = mlcm__audit_head_read(conn, &head, err);
  if (status == MLCM_OK && size > head.size)
    status =
        mlcm__fail(err, MLCM_NOT_FOUND, "the audit log has %lld entries, not yet %lld", (long long)head.size, (long long)size);
  return status;
}

mlcm_status mlcm__audit_root_at(mlcm__db_conn *conn, int64_t size, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err) {
  if (size < 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "no audit log has %lld entries", (long long)size);
  mlcm_status status = check_size(conn, size, err);
  return status == MLCM_OK ? stretch(conn, 0, size, out, err) : status;
}

mlcm_status mlcm__audit_prove_inclusion(mlcm__db_conn *conn, int64_t seq, int64_t size, mlcm__audit_proof *out, mlcm_error *err) {
  mlcm__audit_proof proof = {0};
  if (seq < 1 || seq > size)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "entry %lld is not among the first %lld", (long long)seq, (long long)size);
  mlcm_status status = check_size(conn, size, err);
  for (int64_t first = 0, m = seq - 1, n = size; status == MLCM_OK && n > 1;) {
    int64_t k = split(n);
    if (m < k) {
      status = note(conn, first + k, n - k, &proof, err);
      n = k;
    } else {
      status = note(conn, first, k, &proof, err);
      first += k;
      m -= k;
      n -= k;
    }
  }
  if (status != MLCM_OK) return status;
  turn_round(&proof);
  *out = proof;
  return MLCM_OK;
}

/* `whole`: the old tree is the part of the new one that is left to look at, so that the verifier has its root already. */
mlcm_status mlcm__audit_prove_consistency(mlcm__db_conn *conn, int64_t old_size, int64_t new_size, mlcm__audit_proof *out,
                                          mlcm_error *err) {
  mlcm__audit_proof proof = {0};
  bool whole = true;
  int64_t first = 0, m = old_size, n = new_size;
  if (old_size < 0 || old_size > new_size)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a log of %lld entries does not begin one of %lld", (long long)old_size,
                      (long long)new_size);
  mlcm_status status = check_size(conn, new_size, err);
  while (status == MLCM_OK && m > 0 && m < n) {
    int64_t k = split(n);
    if (m <= k) {
      status = note(conn, first + k, n - k, &proof, err);
      n = k;
    } else {
      status = note(conn, first, k, &proof, err);
      first += k;
      m -= k;
      n -= k;
      whole = false;
    }
  }
  if (status == MLCM_OK && !whole) status = note(conn, first, n, &proof, err);
  if (status != MLCM_OK) return status;
  turn_round(&proof);
  *out = proof;
  return MLCM_OK;
}
