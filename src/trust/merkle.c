/* SPDX-License-Identifier: Apache-2.0
 *
 * merkle.c - RFC 6962 hashing, and the checks of proofs as RFC 9162 states them (2.1.3.2 and 2.1.4.2).
 */
#include "merkle.h"

#include <assert.h>
#include <string.h>

#include "audit.h"

enum { HASH = MLCM__SHA256_BYTES };

mlcm_status mlcm__merkle_leaf(const void *entry, size_t len, uint8_t out[HASH], mlcm_error *err) {
  static const uint8_t prefix = 0;
  mlcm__sha256 hash = {0};
  mlcm_status status = mlcm__sha256_init(&hash, err);
  if (status == MLCM_OK) status = mlcm__sha256_update(&hash, &prefix, 1, err);
  if (status == MLCM_OK) status = mlcm__sha256_update(&hash, entry, len, err);
  if (status == MLCM_OK) status = mlcm__sha256_final(&hash, out, err);
  mlcm__sha256_reset(&hash);
  return status;
}

mlcm_status mlcm__merkle_node(const uint8_t left[HASH], const uint8_t right[HASH], uint8_t out[HASH], mlcm_error *err) {
  uint8_t text[1 + 2 * HASH] = {1};
  memcpy(text + 1, left, HASH);
  memcpy(text + 1 + HASH, right, HASH);
  return mlcm__sha256_of(text, sizeof text, out, err);
}

mlcm_status mlcm__merkle_fold(uint8_t (*hashes)[HASH], size_t n, mlcm_error *err) {
  mlcm_status status = MLCM_OK;
  assert(n > 0 && (n & (n - 1)) == 0);
  for (; status == MLCM_OK && n > 1; n /= 2)
    for (size_t i = 0; status == MLCM_OK && i < n / 2; i++)
      status = mlcm__merkle_node(hashes[2 * i], hashes[2 * i + 1], hashes[i], err);
  return status;
}

/* ---- the frontier ---- */

size_t mlcm__merkle_width(int64_t size) {
  size_t n = 0;
  for (uint64_t bits = (uint64_t)size; bits; bits &= bits - 1) n++;
  return n;
}

mlcm_status mlcm__merkle_push(mlcm__merkle *tree, const uint8_t leaf[HASH], mlcm_error *err) {
  uint8_t hash[HASH];
  size_t n = tree->n;
  memcpy(hash, leaf, HASH);
  for (int64_t bits = tree->size; bits & 1; bits >>= 1) {
    mlcm_status status = mlcm__merkle_node(tree->hashes[n - 1], hash, hash, err);
    if (status != MLCM_OK) return status;
    n--;
  }
  memcpy(tree->hashes[n], hash, HASH);
  tree->n = n + 1;
  tree->size++;
  return MLCM_OK;
}

mlcm_status mlcm__merkle_root(const mlcm__merkle *tree, uint8_t out[HASH], mlcm_error *err) {
  uint8_t hash[HASH];
  if (tree->n == 0) return mlcm__sha256_of("", 0, out, err);
  memcpy(hash, tree->hashes[tree->n - 1], HASH);
  for (size_t i = tree->n - 1; i > 0; i--) {
    mlcm_status status = mlcm__merkle_node(tree->hashes[i - 1], hash, hash, err);
    if (status != MLCM_OK) return status;
  }
  memcpy(out, hash, HASH);
  return MLCM_OK;
}

/* ---- checks of proofs ---- */

static mlcm_status check_length(const mlcm__audit_proof *proof, mlcm_error *err) {
  if (proof->n <= MLCM__AUDIT_PROOF_MAX) return MLCM_OK;
  return mlcm__fail(err, MLCM_CORRUPT, "the proof says that it has %lld hashes, a proof has 0 to %d", (long long)proof->n,
                    MLCM__AUDIT_PROOF_MAX);
}

static mlcm_status not_in(int64_t seq, const mlcm__audit_head *head, mlcm_error *err) {
  return mlcm__fail(err, MLCM_CORRUPT, "the proof does not show that this is entry %lld of the log of %lld entries",
                    (long long)seq, (long long)head->size);
}

mlcm_status mlcm__audit_check_inclusion(const mlcm__audit_proof *proof, int64_t seq, const uint8_t leaf[HASH],
                                        const mlcm__audit_head *head, mlcm_error *err) {
  uint8_t r[HASH];
  mlcm_status status = check_length(proof, err);
  if (status != MLCM_OK) return status;
  if (seq < 1 || seq > head->size) return not_in(seq, head, err);
  uint64_t fn = (uint64_t)seq - 1, sn = (uint64_t)head->size - 1;
  memcpy(r, leaf, HASH);
  for (size_t i = 0; i < proof->n; i++) {
    const uint8_t *c = proof->hashes[i];
    const bool is_right = (fn & 1) || fn == sn;
    if (sn == 0) return not_in(seq, head, err);
    status = is_right ? mlcm__merkle_node(c, r, r, err) : mlcm__merkle_node(r, c, r, err);
    if (status != MLCM_OK) return status;
    while (is_right && !(fn & 1)) fn >>= 1, sn >>= 1; /* fn is sn, which is not 0 */
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && memcmp(r, head->root, HASH) == 0 ? MLCM_OK : not_in(seq, head, err);
}

static mlcm_status not_grown(const mlcm__audit_head *old_head, const mlcm__audit_head *new_head, mlcm_error *err) {
  return mlcm__fail(err, MLCM_CORRUPT, "the proof does not show that the log of %lld entries begins that of %lld",
                    (long long)old_head->size, (long long)new_head->size);
}

/* Nothing to prove: the same log, or the empty one. */
static mlcm_status check_trivial(const mlcm__audit_proof *proof, const mlcm__audit_head *old_head,
                                 const mlcm__audit_head *new_head, mlcm_error *err) {
  uint8_t root[HASH];
  mlcm_status status = MLCM_OK;
  if (old_head->size == new_head->size) memcpy(root, new_head->root, HASH);
  else status = mlcm__sha256_of("", 0, root, err);
  if (status != MLCM_OK) return status;
  return proof->n == 0 && memcmp(old_head->root, root, HASH) == 0 ? MLCM_OK : not_grown(old_head, new_head, err);
}

/* Both roots from the hashes of the proof behind the first `next`; *fits: it has as many hashes as there are levels. */
static mlcm_status climb(const mlcm__audit_proof *proof, size_t next, uint64_t fn, uint64_t sn, uint8_t fr[HASH],
                         uint8_t sr[HASH], bool *fits, mlcm_error *err) {
  mlcm_status status = MLCM_OK;
  for (size_t i = next; i < proof->n && sn != 0; i++) {
    const uint8_t *c = proof->hashes[i];
    const bool is_shared = (fn & 1) || fn == sn;
    if (is_shared) status = mlcm__merkle_node(c, fr, fr, err);
    if (status == MLCM_OK) status = is_shared ? mlcm__merkle_node(c, sr, sr, err) : mlcm__merkle_node(sr, c, sr, err);
    if (status != MLCM_OK) return status;
    while (is_shared && !(fn & 1)) fn >>= 1, sn >>= 1; /* fn is sn, which is not 0 */
    fn >>= 1;
    sn >>= 1;
    next = i + 1;
  }
  *fits = sn == 0 && next == proof->n;
  return MLCM_OK;
}

mlcm_status mlcm__audit_check_consistency(const mlcm__audit_proof *proof, const mlcm__audit_head *old_head,
                                          const mlcm__audit_head *new_head, mlcm_error *err) {
  uint8_t fr[HASH], sr[HASH];
  bool fits = false;
  mlcm_status status = check_length(proof, err);
  if (status != MLCM_OK) return status;
  if (old_head->size < 0 || old_head->size > new_head->size) return not_grown(old_head, new_head, err);
  if (old_head->size == 0 || old_head->size == new_head->size) return check_trivial(proof, old_head, new_head, err);
  const bool power_of_two = (old_head->size & (old_head->size - 1)) == 0;
  const size_t next = power_of_two ? 0 : 1; /* the old root itself begins the path then, and is not sent */
  if (proof->n == 0) return not_grown(old_head, new_head, err);
  uint64_t fn = (uint64_t)old_head->size - 1, sn = (uint64_t)new_head->size - 1;
  while (fn & 1) fn >>= 1, sn >>= 1;
  memcpy(fr, power_of_two ? old_head->root : proof->hashes[0], HASH);
  memcpy(sr, fr, HASH);
  status = climb(proof, next, fn, sn, fr, sr, &fits, err);
  if (status != MLCM_OK) return status;
  fits = fits && memcmp(fr, old_head->root, HASH) == 0 && memcmp(sr, new_head->root, HASH) == 0;
  return fits ? MLCM_OK : not_grown(old_head, new_head, err);
}
