/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.c - the audit log's public face (mlcm/trust.h), over the registry's database.
 *
 * Verification has two halves: the log against itself (trust/audit_verify.c) and the registry's rows against the log
 * (audit_rows.c), in one snapshot. The head file is read before the snapshot is taken, so that it cannot be newer than what is
 * compared with it.
 */
#include <mlcm/trust.h>

#include <string.h>

#include "registry/audit_rows.h"
#include "registry/registry.h"
#include "registry/sql.h"
#include "trust/audit.h"

_Static_assert(sizeof(mlcm_audit_proof) == 8 + MLCM__AUDIT_PROOF_MAX * MLCM__SHA256_BYTES, "both proofs have the same room");

static mlcm_audit_head head_out(const mlcm__audit_head *head) {
  mlcm_audit_head out = {.size = head->size};
  memcpy(out.root, head->root, sizeof out.root);
  return out;
}

static mlcm__audit_head head_in(const mlcm_audit_head *head) {
  mlcm__audit_head in = {.size = head->size};
  memcpy(in.root, head->root, sizeof in.root);
  return in;
}

static mlcm_audit_proof proof_out(const mlcm__audit_proof *proof) {
  mlcm_audit_proof out = {.n = (int64_t)proof->n};
  memcpy(out.hashes, proof->hashes, proof->n * sizeof proof->hashes[0]);
  return out;
}

/* A length that no proof has stays as it is: checks refuse it. */
static void proof_in(const mlcm_audit_proof *proof, mlcm__audit_proof *out) {
  const bool fits = proof->n >= 0 && proof->n <= MLCM__AUDIT_PROOF_MAX;
  out->n = (size_t)proof->n;
  if (fits) memcpy(out->hashes, proof->hashes, out->n * sizeof out->hashes[0]);
}

/* ---- reading ---- */

mlcm_status mlcm_audit_head_get(mlcm_registry *reg, mlcm_audit_head *out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head;
  if (!reg || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "out" : "reg");
  mlcm_status st = mlcm__db_read_begin_single(reg->db, &conn, err);
  if (!st) st = mlcm__audit_head_read(conn, &head, err);
  mlcm__db_read_end(conn);
  if (!st) *out = head_out(&head);
  return st;
}

static mlcm_status copy_entry(mlcm_context *ctx, mlcm__db_stmt *stmt, char **out, size_t *out_len, mlcm_error *err) {
  size_t len = 0;
  const char *entry = mlcm__db_blob(stmt, 0, &len);
  char *copy = mlcm__strndup(ctx, entry ? entry : "", len);
  if (!copy) return mlcm__fail_memory(err, len + 1);
  *out = copy;
  *out_len = len;
  return MLCM_OK;
}

mlcm_status mlcm_audit_entry(mlcm_registry *reg, int64_t seq, char **out, size_t *out_len, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  if (!reg || !out || !out_len) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_audit_entry is NULL");
  if (seq < 1) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "audit entries count from 1, %lld was asked for", (long long)seq);
  mlcm_status st = mlcm__db_read_begin_single(reg->db, &conn, err);
  if (!st)
    st = mlcm__sql_first(conn, "SELECT entry FROM audit_entry WHERE seq = ?1", MLCM__BIND(mlcm__i64(seq)), &stmt, &row, err);
  if (!st && !row) st = mlcm__fail(err, MLCM_NOT_FOUND, "the audit log has no entry %lld yet", (long long)seq);
  if (!st) st = copy_entry(reg->ctx, stmt, out, out_len, err);
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  return st;
}

/* ---- verifying ---- */

/* The heads that the log must continue: the one kept beside the database, if there is one, and the caller's. */
static mlcm_status collect_anchors(mlcm_registry *reg, const mlcm_audit_head *anchor, mlcm__audit_head out[2], size_t *out_n,
                                   mlcm_error *err) {
  size_t n = 0;
  mlcm_error why = {0};
  mlcm_status st = mlcm__audit_anchor_read(reg->ctx, reg->anchor_path, &out[0], &why);
  if (!st) {
    n++;
  } else if (st != MLCM_NOT_FOUND) return mlcm__fail_as(err, &why);
  if (anchor && anchor->size < 0) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the anchor speaks of %lld entries", (long long)anchor->size);
  }
  if (anchor) out[n++] = head_in(anchor);
  *out_n = n;
  return MLCM_OK;
}

mlcm_status mlcm_audit_verify(mlcm_registry *reg, const mlcm_audit_head *anchor, const mlcm_progress *progress,
                              mlcm_audit_head *out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_rows *rows = NULL;
  mlcm__audit_head anchors[2], head;
  size_t n_anchors = 0;
  if (!reg) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "reg is NULL");
  mlcm_status st = collect_anchors(reg, anchor, anchors, &n_anchors, err);
  if (!st) st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__audit_rows_open(reg->ctx, conn, &rows, err);
  if (!st) st = mlcm__audit_verify(conn, anchors, n_anchors, mlcm__audit_rows_visit, rows, progress, &head, err);
  if (!st) st = mlcm__audit_rows_end(rows, err);
  mlcm__audit_rows_close(rows);
  mlcm__db_read_end(conn);
  if (!st && out) *out = head_out(&head);
  return st;
}

/* ---- proofs ---- */

mlcm_status mlcm_audit_prove_inclusion(mlcm_registry *reg, int64_t seq, int64_t size, mlcm_audit_proof *out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_proof proof;
  if (!reg || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "out" : "reg");
  mlcm_status st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__audit_prove_inclusion(conn, seq, size, &proof, err);
  mlcm__db_read_end(conn);
  if (!st) *out = proof_out(&proof);
  return st;
}

mlcm_status mlcm_audit_prove_consistency(mlcm_registry *reg, int64_t old_size, int64_t new_size, mlcm_audit_proof *out,
                                         mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_proof proof;
  if (!reg || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "out" : "reg");
  mlcm_status st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__audit_prove_consistency(conn, old_size, new_size, &proof, err);
  mlcm__db_read_end(conn);
  if (!st) *out = proof_out(&proof);
  return st;
}

mlcm_status mlcm_audit_check_inclusion(const mlcm_audit_proof *proof, int64_t seq, const void *entry, size_t len,
                                       const mlcm_audit_head *head, mlcm_error *err) {
  mlcm__audit_proof in;
  uint8_t leaf[MLCM__SHA256_BYTES];
  if (!proof || !entry || !head)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_audit_check_inclusion is NULL");
  mlcm__audit_head against = head_in(head);
  proof_in(proof, &in);
  mlcm_status st = mlcm__audit_leaf(entry, len, leaf, err);
  return st ? st : mlcm__audit_check_inclusion(&in, seq, leaf, &against, err);
}

mlcm_status mlcm_audit_check_consistency(const mlcm_audit_proof *proof, const mlcm_audit_head *old_head,
                                         const mlcm_audit_head *new_head, mlcm_error *err) {
  mlcm__audit_proof in;
  if (!proof || !old_head || !new_head) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_audit_check_consistency is NULL");
  }
  mlcm__audit_head before = head_in(old_head), after = head_in(new_head);
  proof_in(proof, &in);
  return mlcm__audit_check_consistency(&in, &before, &after, err);
}
