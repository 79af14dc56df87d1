/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/trust.h - the audit log: an RFC 6962 Merkle tree over every change of a registry.
 *
 *   mlcm_audit_head head;
 *   if (mlcm_audit_verify(reg, NULL, NULL, &head, &err) != MLCM_OK) {
 *     fprintf(stderr, "audit: %s\n", err.message);
 *     return 1;
 *   }
 *   printf("%lld entries\n", (long long)head.size);
 *
 * Each change appends one entry in its own transaction. An entry is canonical JSON; its leaf is SHA-256(0x00 || entry), a node
 * SHA-256(0x01 || left || right), the empty tree SHA-256(""). Entries count from seq 1; in RFC 6962's words entry `seq` is leaf
 * number seq - 1. Free text (a reason) stands in the entry as a salted digest only and is kept beside the log, so that it can be
 * erased and the log still verifies.
 *
 * What it proves  Whoever holds a head (size and root) that was taken earlier can have it proven that the log of today is its
 *                 continuation: nothing before was changed, removed or put in between. Without a head kept elsewhere, a full
 *                 rewrite by an owner of the files cannot be seen; then the log is evidence against partial edits only. The
 *                 library keeps the newest head in the file `audit.head` of the registry directory, outside the database, and
 *                 compares it with the log at each verification.
 * Threads         As the registry: any thread. Memory: plain structs of the caller; entries are freed with mlcm_free.
 *
 * Every function can also answer what mlcm/registry.h says of all: MLCM_INVALID_ARGUMENT, MLCM_NO_MEMORY, MLCM_IO, MLCM_CORRUPT from the
 * store, MLCM_INVALID_STATE after fork.
 */
#ifndef MLCM_TRUST_H
#define MLCM_TRUST_H

#include <mlcm/base.h>
#include <mlcm/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  MLCM_AUDIT_HASH_BYTES = 32,
  MLCM_AUDIT_PROOF_MAX = 64 /* hashes in a proof, at most */
};

/* The tree's size and root at one moment: all it takes to hold the registry to its past. */
typedef struct mlcm_audit_head {
  int64_t size;     /* entries */
  uint8_t root[32]; /* RFC 6962 root; SHA-256("") when size is 0 */
} mlcm_audit_head;

/* A proof: up to 64 hashes in the order of RFC 6962. */
typedef struct mlcm_audit_proof {
  int64_t n;
  uint8_t hashes[64][32];
} mlcm_audit_proof;

/* The head as of the last commit. Believes the database; mlcm_audit_verify does not. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_head_get(mlcm_registry *reg, mlcm_audit_head *out, mlcm_error *err);

/* Recomputes the whole log: no gap in the sequence, every entry well formed with its own seq, every leaf, tile and the root;
 * that erasable texts have their digests; that the log continues the head kept in `audit.head`, and `anchor` (nullable: a head taken
 * earlier and kept elsewhere); and that entries agree with the registry's rows: each change of the feed has its entry and the other way
 * round, each version its manifest, each alias its target, each rollout's decision its record, what is deleted was deleted.
 * `progress` may be NULL and counts entries. `out` may be NULL and gets the verified head. O(entries); does not block writers.
 * MLCM_CORRUPT: names the first bad seq or row, with both values. MLCM_CANCELLED. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_verify(mlcm_registry *reg, const mlcm_audit_head *anchor, const mlcm_progress *progress,
                                                     mlcm_audit_head *out, mlcm_error *err);

/* Reads entry `seq` (1 to the log's size): its canonical JSON of *out_len bytes, NUL-terminated; *out is to be freed with mlcm_free.
 * MLCM_NOT_FOUND: the log is shorter. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_entry(mlcm_registry *reg, int64_t seq, char **out, size_t *out_len, mlcm_error *err);

/* Proves that entry `seq` is in the tree of the first `size` entries (RFC 6962 2.1.1); 1 <= seq <= size.
 * MLCM_NOT_FOUND: the log has fewer than `size` entries. O(log n) reads. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_prove_inclusion(mlcm_registry *reg, int64_t seq, int64_t size, mlcm_audit_proof *out,
                                                              mlcm_error *err);

/* Proves that the tree of the first `old_size` entries is the beginning of that of the first `new_size` (RFC 6962 2.1.2);
 * 0 <= old_size <= new_size. MLCM_NOT_FOUND: the log has fewer than `new_size` entries. O(log n) reads. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_prove_consistency(mlcm_registry *reg, int64_t old_size, int64_t new_size,
                                                                mlcm_audit_proof *out, mlcm_error *err);

/* Checks an inclusion proof without any registry: that the `len` bytes at `entry` are entry `seq` of the tree `head`.
 * MLCM_OK: proven. MLCM_CORRUPT: not proven by this. MLCM_NO_MEMORY: it could not be hashed. O(log n). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_check_inclusion(const mlcm_audit_proof *proof, int64_t seq, const void *entry, size_t len,
                                                              const mlcm_audit_head *head, mlcm_error *err);

/* Checks a consistency proof without any registry: that the tree `old_head` is the beginning of the tree `new_head`.
 * MLCM_OK: proven. MLCM_CORRUPT: not proven by this. MLCM_NO_MEMORY: it could not be hashed. O(log n). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_check_consistency(const mlcm_audit_proof *proof, const mlcm_audit_head *old_head,
                                                                const mlcm_audit_head *new_head, mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
