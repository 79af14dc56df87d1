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
    for (size_t i = 0; status == MLCM_OK && i < n / 2; i++) status = mlcm__merkle_node(hashes[2 * i], hashes[2 * i + 1], hashes[i], err);
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

/* A failing hash function proves nothing, so that its failure is a "no". */
static bool join(const uint8_t left[HASH], const uint8_t right[HASH], uint8_t out[HASH]) {
  return mlcm__merkle_node(left, right, out, NULL) == MLCM_OK;
}

bool mlcm__audit_check_inclusion(const mlcm__audit_proof *proof, int64_t seq, const uint8_t leaf[HASH], const mlcm__audit_head *head) {
  uint8_t r[HASH];
  if (seq < 1 || seq > head->size || proof->n > MLCM__AUDIT_PROOF_MAX) return false;
  uint64_t fn = (uint64_t)seq - 1, sn = (uint64_t)head->size - 1;
  memcpy(r, leaf, HASH);
  for (size_t i = 0; i < proof->n; i++) {
    if (sn == 0) return false;
    if ((fn & 1) || fn == sn) {
      if (!join(proof->hashes[i], r, r)) return false;
      while (!(fn & 1) && fn != 0) fn >>= 1, sn >>= 1;
    } else if (!join(r, proof->hashes[i], r)) {
      return false;
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && memcmp(r, head->root, HASH) == 0;
}

static bool check_trivial(const mlcm__audit_proof *proof, const mlcm__audit_head *old_head, const mlcm__audit_head *new_head) {
  uint8_t empty[HASH];
  if (proof->n != 0) return false;
  if (old_head->size == new_head->size) return memcmp(old_head->root, new_head->root, HASH) == 0;
  return mlcm__sha256_of("", 0, empty, NULL) == MLCM_OK && memcmp(old_head->root, empty, HASH) == 0;
}

bool mlcm__audit_check_consistency(const mlcm__audit_proof *proof, const mlcm__audit_head *old_head, const mlcm__audit_head *new_head) {
  if (old_head->size < 0 || old_head->size > new_head->size || proof->n > MLCM__AUDIT_PROOF_MAX) return false;
  if (old_head->size == 0 || old_head->size == new_head->size) return check_trivial(proof, old_head, new_head);
  bool power_of_two = (old_head->size & (old_head->size - 1)) == 0;
  size_t next = power_of_two ? 0 : 1; /* the old root itself begins the path then, and is not sent */
  if (proof->n < next + (power_of_two ? 1 : 0)) return false;
  uint64_t fn = (uint64_t)old_head->size - 1, sn = (uint64_t)new_head->size - 1;
  while (fn & 1) fn >>= 1, sn >>= 1;
  uint8_t fr[HASH], sr[HASH];
  memcpy(fr, power_of_two ? old_head->root : proof->hashes[0], HASH);
  memcpy(sr, fr, HASH);
  for (size_t i = next; i < proof->n; i++) {
    const uint8_t *c = proof->hashes[i];
    if (sn == 0) return false;
    if ((fn & 1) || fn == sn) {
      if (!join(c, fr, fr) || !join(c, sr, sr)) return false;
      while (!(fn & 1) && fn != 0) fn >>= 1, sn >>= 1;
    } else if (!join(sr, c, sr)) {
      return false;
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && memcmp(fr, old_head->root, HASH) == 0 && memcmp(sr, new_head->root, HASH) == 0;
}
