/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_tree.h - the stored tree, shared by the audit_*.c files and by nobody else.
 */
#ifndef MLCM_TRUST_AUDIT_TREE_H
#define MLCM_TRUST_AUDIT_TREE_H

#include "audit.h"
#include "merkle.h"

enum {
  MLCM__TILE_BITS = 8,
  MLCM__TILE_HASHES = 1 << MLCM__TILE_BITS,
  MLCM__TILE_BYTES = MLCM__TILE_HASHES * MLCM__SHA256_BYTES,
  MLCM__TILE_LEVELS = 8 /* 256^8 leaves and more than an int64 counts */
};

typedef uint8_t mlcm__hash[MLCM__SHA256_BYTES];

/* Reads the head row with its frontier and checks that its parts fit each other. */
mlcm_status mlcm__audit_tree_read(mlcm__db_conn *conn, mlcm__merkle *out, mlcm__audit_head *out_head, mlcm_error *err);

/* Reads the hashes stored in a tile into `out`; *out_n is 0 when there is no such tile. */
mlcm_status mlcm__audit_tile_read(mlcm__db_conn *conn, int level, int64_t idx, mlcm__hash out[MLCM__TILE_HASHES], size_t *out_n,
                                  mlcm_error *err);
/* `n` leaves from leaf number `first` (0-based) on, at most 256. */
mlcm_status mlcm__audit_leaves(mlcm__db_conn *conn, int64_t first, size_t n, mlcm__hash *out, mlcm_error *err);
/* To be called when `size` entries are stored: writes the tiles that became full or longer by the last one. */
mlcm_status mlcm__audit_tiles_update(mlcm__db_conn *conn, int64_t size, mlcm_error *err);

/* Hex of SHA-256(salt || text): how a free text stands in its entry. */
mlcm_status mlcm__audit_text_digest(const void *salt, size_t salt_len, const char *text, size_t len, char out_hex[65],
                                    mlcm_error *err);

#endif
