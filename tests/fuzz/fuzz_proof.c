/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_proof.c - audit proofs. Any bytes as a proof must be judged without a fault; and a right proof for a tree of at most 64 entries,
 * made here by the recursion of RFC 6962, must hold as it is and with no bit of it changed.
 *
 *   input: size, seq, old size, where to change, how (one byte each), then the bytes of a proof: n (8), two heads (8 + 32 each), hashes
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <mlcm/trust.h>

#include "trust/merkle.h"

enum { LEAVES = 64 };
typedef uint8_t hash[MLCM_AUDIT_HASH_BYTES];

/* ---- RFC 6962, word for word; depth is log2(LEAVES) ---- */

static int64_t split(int64_t n) {
  int64_t k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

static void entry_of(int64_t i, char out[1]) { out[0] = (char)i; }

/* Each root is computed once: the trees are always the same. */
static void root_of(int64_t first, int64_t n, hash out) {
  static hash roots[LEAVES + 1][LEAVES + 1];
  static bool known[LEAVES + 1][LEAVES + 1];
  uint8_t *root = roots[first][n];
  hash left, right;
  char entry[1];
  if (!known[first][n] && n <= 1) {
    entry_of(first, entry);
    if (n == 0 ? mlcm__sha256_of("", 0, root, NULL) : mlcm__merkle_leaf(entry, 1, root, NULL)) abort();
  } else if (!known[first][n]) {
    const int64_t k = split(n);
    root_of(first, k, left);
    root_of(first + k, n - k, right);
    if (mlcm__merkle_node(left, right, root, NULL)) abort();
  }
  known[first][n] = true;
  memcpy(out, root, sizeof(hash));
}

static void include(int64_t first, int64_t m, int64_t n, mlcm_audit_proof *proof) {
  if (n <= 1) return;
  const int64_t k = split(n);
  include(m < k ? first : first + k, m < k ? m : m - k, m < k ? k : n - k, proof);
  root_of(m < k ? first + k : first, m < k ? n - k : k, proof->hashes[proof->n++]);
}

static void continues(int64_t first, int64_t m, int64_t n, bool whole, mlcm_audit_proof *proof) {
  if (m == n) {
    if (!whole) root_of(first, n, proof->hashes[proof->n++]);
    return;
  }
  const int64_t k = split(n);
  if (m <= k) continues(first, m, k, whole, proof);
  else continues(first + k, m - k, n - k, false, proof);
  root_of(m <= k ? first + k : first, m <= k ? n - k : k, proof->hashes[proof->n++]);
}

/* ---- right proofs, and the same with one byte changed ---- */

static bool change(mlcm_audit_proof *proof, uint8_t where, uint8_t how) {
  if (proof->n == 0 || how == 0) return false;
  proof->hashes[where % proof->n][how % 32] ^= how;
  return true;
}

static void try_inclusion(int64_t size, int64_t seq, uint8_t where, uint8_t how) {
  mlcm_audit_head head = {.size = size};
  mlcm_audit_proof proof = {0};
  mlcm_error err;
  char entry[1];
  root_of(0, size, head.root);
  include(0, seq - 1, size, &proof);
  entry_of(seq - 1, entry);
  if (mlcm_audit_check_inclusion(&proof, seq, entry, 1, &head, &err)) abort();
  entry[0] ^= 1;
  if (mlcm_audit_check_inclusion(&proof, seq, entry, 1, &head, &err) != MLCM_CORRUPT) abort();
  entry[0] ^= 1;
  if (change(&proof, where, how) && mlcm_audit_check_inclusion(&proof, seq, entry, 1, &head, &err) != MLCM_CORRUPT) abort();
}

static void try_consistency(int64_t size, int64_t old_size, uint8_t where, uint8_t how) {
  mlcm_audit_head old_head = {.size = old_size}, new_head = {.size = size};
  mlcm_audit_proof proof = {0};
  mlcm_error err;
  root_of(0, old_size, old_head.root);
  root_of(0, size, new_head.root);
  if (old_size > 0) continues(0, old_size, size, true, &proof);
  if (mlcm_audit_check_consistency(&proof, &old_head, &new_head, &err)) abort();
  if (change(&proof, where, how) && mlcm_audit_check_consistency(&proof, &old_head, &new_head, &err) != MLCM_CORRUPT) abort();
}

/* ---- any bytes ---- */

static void take(const uint8_t **data, size_t *size, void *out, size_t n) {
  const size_t got = *size < n ? *size : n;
  memcpy(out, *data, got);
  *data += got;
  *size -= got;
}

static void check_answer(mlcm_status st, const mlcm_error *err) {
  if (st && st != MLCM_CORRUPT && st != MLCM_INVALID_ARGUMENT) abort();
  if (st && (err->code != st || !err->message[0])) abort();
}

static void try_bytes(const uint8_t *data, size_t size) {
  mlcm_audit_head old_head = {0}, new_head = {0};
  mlcm_audit_proof proof = {0};
  mlcm_error err = {0};
  int64_t seq = 0;
  take(&data, &size, &proof.n, sizeof proof.n);
  take(&data, &size, &old_head, sizeof old_head);
  take(&data, &size, &new_head, sizeof new_head);
  take(&data, &size, &seq, sizeof seq);
  take(&data, &size, proof.hashes, sizeof proof.hashes);
  check_answer(mlcm_audit_check_inclusion(&proof, seq, data, size, &new_head, &err), &err);
  check_answer(mlcm_audit_check_consistency(&proof, &old_head, &new_head, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 5) return 0;
  const int64_t n = 1 + data[0] % LEAVES;
  try_inclusion(n, 1 + data[1] % n, data[3], data[4]);
  try_consistency(n, data[2] % (n + 1), data[3], data[4]);
  try_bytes(data + 5, size - 5);
  return 0;
}
