/* SPDX-License-Identifier: Apache-2.0
 *
 * merkle.h - RFC 6962 hashing without any storage: leaves, nodes, the frontier of a growing tree.
 *
 * The frontier of a tree of n leaves holds the roots of its complete subtrees from the largest to the smallest, one for each bit
 * that is set in n. Appending a leaf merges from the right; the root is all of them folded from the right.
 */
#ifndef MLCM_TRUST_MERKLE_H
#define MLCM_TRUST_MERKLE_H

#include "base/hash.h"

enum { MLCM__MERKLE_LEVELS = 63 }; /* of a tree whose size is an int64 */

typedef struct mlcm__merkle {
  int64_t size;
  size_t n; /* number of bits set in size */
  uint8_t hashes[MLCM__MERKLE_LEVELS][MLCM__SHA256_BYTES];
} mlcm__merkle;

mlcm_status mlcm__merkle_leaf(const void *entry, size_t len, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err);
mlcm_status mlcm__merkle_node(const uint8_t left[MLCM__SHA256_BYTES], const uint8_t right[MLCM__SHA256_BYTES],
                              uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err);
/* Root over `n` hashes of one level, n a power of two up to 256. Overwrites `hashes`; the root is then the first. */
mlcm_status mlcm__merkle_fold(uint8_t (*hashes)[MLCM__SHA256_BYTES], size_t n, mlcm_error *err);

mlcm_status mlcm__merkle_push(mlcm__merkle *tree, const uint8_t leaf[MLCM__SHA256_BYTES], mlcm_error *err);
mlcm_status mlcm__merkle_root(const mlcm__merkle *tree, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err);
size_t mlcm__merkle_width(int64_t size); /* hashes in the frontier of a tree of that size */

#endif
