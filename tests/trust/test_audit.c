/* SPDX-License-Identifier: Apache-2.0
 *
 * test_audit.c - the audit log: RFC 6962 vectors, proofs against a verifier written from the definitions, tampering with each
 * table.
 */
#include "fixture.h"
#include "support/fake_clock.h"
#include "support/suite.h"
#include "trust/merkle.h"

/* ---- the definitions, once more: RFC 6962 2.1 by recursion ---- */

static void node(const hash l, const hash r, hash out) {
  uint8_t text[65] = {1};
  memcpy(text + 1, l, 32);
  memcpy(text + 33, r, 32);
  ck_assert_int_eq(mlcm__sha256_of(text, 65, out, NULL), MLCM_OK);
}

static int64_t largest_power_below(int64_t n) {
  int64_t k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

static void mth(const hash *leaves, int64_t n, hash out) {
  if (n == 0) {
    ck_assert_int_eq(mlcm__sha256_of("", 0, out, NULL), MLCM_OK);
  } else if (n == 1) {
    memcpy(out, leaves[0], 32);
  } else {
    hash l, r;
    int64_t k = largest_power_below(n);
    mth(leaves, k, l);
    mth(leaves + k, n - k, r);
    node(l, r, out);
  }
}

static void path(int64_t m, const hash *leaves, int64_t n, mlcm__audit_proof *out) {
  if (n == 1) return;
  int64_t k = largest_power_below(n);
  if (m < k) {
    path(m, leaves, k, out);
    mth(leaves + k, n - k, out->hashes[out->n++]);
  } else {
    path(m - k, leaves + k, n - k, out);
    mth(leaves, k, out->hashes[out->n++]);
  }
}

static void subproof(int64_t m, const hash *leaves, int64_t n, bool whole, mlcm__audit_proof *out) {
  if (m == n) {
    if (!whole) mth(leaves, n, out->hashes[out->n++]);
    return;
  }
  int64_t k = largest_power_below(n);
  if (m <= k) {
    subproof(m, leaves, k, whole, out);
    mth(leaves + k, n - k, out->hashes[out->n++]);
  } else {
    subproof(m - k, leaves + k, n - k, false, out);
    mth(leaves, k, out->hashes[out->n++]);
  }
}

/* ---- published vectors ---- */

/* The eight leaves and roots of the Certificate Transparency test suite. */
static const struct {
  const char *leaf, *root;
} vectors[] = {
    {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

START_TEST(the_roots_of_the_published_leaves_are_right) {
  mlcm__merkle tree = {0};
  hash root;
  char hex[65];
  ck_assert_int_eq(mlcm__merkle_root(&tree, root, NULL), MLCM_OK);
  mlcm__hex(root, 32, hex);
  ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (size_t i = 0; i < 8; i++) {
    uint8_t entry[16];
    hash leaf;
    size_t len = strlen(vectors[i].leaf) / 2;
    ck_assert(len == 0 || mlcm__unhex(vectors[i].leaf, 2 * len, entry));
    ck_assert_int_eq(mlcm__audit_leaf(entry, len, leaf, NULL), MLCM_OK);
    ck_assert_int_eq(mlcm__merkle_push(&tree, leaf, NULL), MLCM_OK);
    ck_assert_int_eq(mlcm__merkle_root(&tree, root, NULL), MLCM_OK);
    mlcm__hex(root, 32, hex);
    ck_assert_str_eq(hex, vectors[i].root);
    ck_assert_uint_eq(tree.n, mlcm__merkle_width((int64_t)i + 1));
  }
}
END_TEST

/* ---- the stored log ---- */

START_TEST(an_entry_is_canonical_json_with_what_happened) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  size_t len = 0;
  log_open(&f);
  append(&f, 1, 3);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT entry FROM audit_entry WHERE seq = 3", &stmt, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_step(stmt, &row, &f.err), MLCM_OK);
  char *entry = strndup(mlcm__db_blob(stmt, 0, &len), 65535);
  entry[len] = '\0';
  ck_assert_int_eq(
      strncmp(entry, "{\"action\":\"alias.set\",\"actor\":\"ana\",\"actor_auth\":\"os\",\"after\":\"2\",\"before\":\"1\",", 78),
      0);
  ck_assert_ptr_nonnull(strstr(entry, "\"object\":{\"kind\":\"alias\",\"name\":\"digits/3\",\"version\":3},\"reason\":\""));
  ck_assert_ptr_nonnull(strstr(entry, "\"result\":\"ok\",\"seq\":3,\"ts\":\"2026-03-01T12:00:00.000000Z\",\"v\":1}"));
  ck_assert_ptr_null(strstr(entry, "better")); /* free text stays outside */
  free(entry);
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(a_log_verifies_at_every_size_around_a_tile) {
  static const int sizes[] = {0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 700};
  fixture f;
  mlcm__audit_head head;
  int at = 0;
  log_open(&f);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    if (sizes[i] > at) append(&f, at + 1, sizes[i]);
    at = sizes[i];
    ck_assert_msg(verify(&f, NULL, &head) == MLCM_OK, "%d: %s", at, f.err.message);
    ck_assert_int_eq(head.size, at);
  }
  fixture_close(&f);
}
END_TEST

START_TEST(a_rolled_back_change_leaves_no_entry) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head;
  mlcm__audit_event event = event_of(2);
  log_open(&f);
  append(&f, 1, 1);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_append(conn, &event, NULL, &f.err), MLCM_OK);
  mlcm__db_rollback(conn);
  ck_assert_int_eq(verify(&f, NULL, &head), MLCM_OK);
  ck_assert_int_eq(head.size, 1);
  fixture_close(&f);
}
END_TEST

START_TEST(what_was_not_given_is_not_in_the_entry) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  size_t len = 0;
  const mlcm__audit_event event = {.wall_ns = 1, .actor = "ana", .action = "gc", .result = "refused", .reason = ""};
  log_open(&f);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_append(conn, &event, NULL, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT entry FROM audit_entry", &stmt, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_step(stmt, &row, &f.err), MLCM_OK);
  const char *entry = mlcm__db_blob(stmt, 0, &len);
  ck_assert_ptr_nonnull(memmem(entry, len, "\"result\":\"refused\"", 18));
  ck_assert_ptr_null(memmem(entry, len, "\"object\"", 8));
  ck_assert_ptr_null(memmem(entry, len, "\"reason\"", 8));
  mlcm__db_reset(stmt);
  ck_assert_int_eq(mlcm__db_commit(conn, &f.err), MLCM_OK);
  fixture_close(&f);
}
END_TEST

START_TEST(an_entry_beyond_the_limit_is_refused) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_event event = event_of(1);
  log_open(&f);
  char *long_text = malloc(70000);
  memset(long_text, 'x', 69999);
  long_text[69999] = '\0';
  event.after = long_text;
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_append(conn, &event, NULL, &f.err), MLCM_LIMIT);
  mlcm__db_rollback(conn);
  free(long_text);
  fixture_close(&f);
}
END_TEST

START_TEST(a_reason_can_be_erased_and_the_log_still_verifies) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  log_open(&f);
  append(&f, 1, 6);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_erase_text(conn, 3, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_erase_text(conn, 4, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_commit(conn, &f.err), MLCM_OK);
  ck_assert_int_eq(verify(&f, NULL, NULL), MLCM_OK);
  fixture_close(&f);
}
END_TEST

/* ---- proofs ---- */

enum { PROOF_LOG = 600 };

static hash *all_leaves(fixture *f) {
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  size_t len = 0;
  hash *leaves = calloc(PROOF_LOG, sizeof *leaves);
  ck_assert_int_eq(mlcm__db_read_begin(f->db, &conn, &f->err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT entry FROM audit_entry ORDER BY seq", &stmt, &f->err), MLCM_OK);
  for (int i = 0; i < PROOF_LOG; i++) {
    ck_assert_int_eq(mlcm__db_step(stmt, &row, &f->err), MLCM_OK);
    const void *entry = mlcm__db_blob(stmt, 0, &len);
    ck_assert_int_eq(mlcm__audit_leaf(entry, len, leaves[i], NULL), MLCM_OK);
  }
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  return leaves;
}

static void check_same(const mlcm__audit_proof *a, const mlcm__audit_proof *b, int64_t x, int64_t n) {
  ck_assert_msg(a->n == b->n && memcmp(a->hashes, b->hashes, a->n * 32) == 0, "another proof for %lld of %lld", (long long)x,
                (long long)n);
}

static const int64_t proof_sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 257, 300, 511, 512, 513, 599, 600};
enum { N_PROOF_SIZES = sizeof proof_sizes / sizeof proof_sizes[0] };

START_TEST(inclusion_proofs_are_those_of_the_definition_and_check) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  log_open(&f);
  append(&f, 1, PROOF_LOG);
  hash *leaves = all_leaves(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  for (int i = 0; i < N_PROOF_SIZES; i++) {
    mlcm__audit_head head = {.size = proof_sizes[i]};
    hash root;
    ck_assert_int_eq(mlcm__audit_root_at(conn, head.size, head.root, &f.err), MLCM_OK);
    mth((const hash *)leaves, head.size, root);
    ck_assert_mem_eq(head.root, root, 32);
    for (int64_t seq = 1; seq <= head.size; seq += head.size > 20 ? 13 : 1) {
      mlcm__audit_proof proof, expected = {0};
      ck_assert_msg(mlcm__audit_prove_inclusion(conn, seq, head.size, &proof, &f.err) == MLCM_OK, "%s", f.err.message);
      path(seq - 1, (const hash *)leaves, head.size, &expected);
      check_same(&proof, &expected, seq, head.size);
      ck_assert_int_eq(mlcm__audit_check_inclusion(&proof, seq, leaves[seq - 1], &head, &f.err), MLCM_OK);
      if (head.size > 1) {
        int64_t other = seq == 1 ? 2 : seq - 1;
        ck_assert_int_eq(mlcm__audit_check_inclusion(&proof, seq, leaves[other - 1], &head, &f.err), MLCM_CORRUPT);
        proof.hashes[proof.n / 2][5] ^= 1;
        ck_assert_int_eq(mlcm__audit_check_inclusion(&proof, seq, leaves[seq - 1], &head, &f.err), MLCM_CORRUPT);
        proof.n--;
        ck_assert_int_eq(mlcm__audit_check_inclusion(&proof, seq, leaves[seq - 1], &head, &f.err), MLCM_CORRUPT);
      }
    }
  }
  mlcm__db_read_end(conn);
  free(leaves);
  fixture_close(&f);
}
END_TEST

START_TEST(consistency_proofs_are_those_of_the_definition_and_check) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  log_open(&f);
  append(&f, 1, PROOF_LOG);
  hash *leaves = all_leaves(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  for (int i = 0; i < N_PROOF_SIZES; i++) {
    for (int k = i; k < N_PROOF_SIZES; k++) {
      mlcm__audit_head before = {.size = proof_sizes[i]}, after = {.size = proof_sizes[k]};
      mlcm__audit_proof proof, expected = {0};
      mth((const hash *)leaves, before.size, before.root);
      mth((const hash *)leaves, after.size, after.root);
      ck_assert_msg(mlcm__audit_prove_consistency(conn, before.size, after.size, &proof, &f.err) == MLCM_OK, "%s", f.err.message);
      subproof(before.size, (const hash *)leaves, after.size, true, &expected);
      check_same(&proof, &expected, before.size, after.size);
      ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &before, &after, &f.err), MLCM_OK);
      before.root[0] ^= 1;
      ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &before, &after, &f.err), MLCM_CORRUPT);
      before.root[0] ^= 1;
      after.root[31] ^= 1;
      ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &before, &after, &f.err), MLCM_CORRUPT);
    }
  }
  mlcm__db_read_end(conn);
  free(leaves);
  fixture_close(&f);
}
END_TEST

START_TEST(the_empty_log_begins_every_log) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_proof proof;
  mlcm__audit_head empty = {0}, head;
  log_open(&f);
  append(&f, 1, 5);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_head_read(conn, &head, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_root_at(conn, 0, empty.root, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_prove_consistency(conn, 0, 5, &proof, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &empty, &head, &f.err), MLCM_OK);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(proofs_beyond_the_log_are_not_found) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_proof proof;
  log_open(&f);
  append(&f, 1, 5);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_prove_inclusion(conn, 3, 6, &proof, &f.err), MLCM_NOT_FOUND);
  ck_assert_int_eq(mlcm__audit_prove_inclusion(conn, 0, 5, &proof, &f.err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm__audit_prove_inclusion(conn, 5, 4, &proof, &f.err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm__audit_prove_consistency(conn, 3, 6, &proof, &f.err), MLCM_NOT_FOUND);
  ck_assert_int_eq(mlcm__audit_prove_consistency(conn, 4, 3, &proof, &f.err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm__audit_prove_consistency(conn, -1, 3, &proof, &f.err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm__audit_root_at(conn, -1, proof.hashes[0], &f.err), MLCM_INVALID_ARGUMENT);
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

START_TEST(what_is_no_proof_of_inclusion_is_refused) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_proof proof, longer;
  mlcm__audit_head head;
  log_open(&f);
  append(&f, 1, 5);
  hash *leaves = all_leaves(&f);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_head_read(conn, &head, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_prove_inclusion(conn, 2, 5, &proof, &f.err), MLCM_OK);
  mlcm__db_read_end(conn);
  ck_assert_int_eq(mlcm__audit_check_inclusion(&proof, 2, leaves[1], &head, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_check_inclusion(&proof, 0, leaves[1], &head, &f.err), MLCM_CORRUPT);
  ck_assert_int_eq(mlcm__audit_check_inclusion(&proof, 6, leaves[1], &head, &f.err), MLCM_CORRUPT);
  longer = proof;
  longer.n++;
  ck_assert_int_eq(mlcm__audit_check_inclusion(&longer, 2, leaves[1], &head, &f.err), MLCM_CORRUPT);
  longer.n = MLCM__AUDIT_PROOF_MAX + 1;
  ck_assert_int_eq(mlcm__audit_check_inclusion(&longer, 2, leaves[1], &head, &f.err), MLCM_CORRUPT);
  free(leaves);
  fixture_close(&f);
}
END_TEST

START_TEST(what_is_no_proof_of_consistency_is_refused) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_proof proof, longer, none = {0};
  mlcm__audit_head old = {.size = 3}, head, odd;
  log_open(&f);
  append(&f, 1, 5);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_head_read(conn, &head, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_root_at(conn, 3, old.root, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_prove_consistency(conn, 3, 5, &proof, &f.err), MLCM_OK);
  mlcm__db_read_end(conn);
  ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &old, &head, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_check_consistency(&none, &old, &head, &f.err), MLCM_CORRUPT);
  ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &head, &head, &f.err), MLCM_CORRUPT); /* nothing is to be proven */
  ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &head, &old, &f.err), MLCM_CORRUPT);
  odd = old;
  odd.size = -1;
  ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &odd, &head, &f.err), MLCM_CORRUPT);
  longer = proof;
  longer.n--;
  ck_assert_int_eq(mlcm__audit_check_consistency(&longer, &old, &head, &f.err), MLCM_CORRUPT);
  longer.n = proof.n + 1;
  ck_assert_int_eq(mlcm__audit_check_consistency(&longer, &old, &head, &f.err), MLCM_CORRUPT);
  longer.n = MLCM__AUDIT_PROOF_MAX + 1;
  ck_assert_int_eq(mlcm__audit_check_consistency(&longer, &old, &head, &f.err), MLCM_CORRUPT);
  fixture_close(&f);
}
END_TEST

/* 65,536 entries make a full tile of level 1 and begin one of level 2. */
START_TEST(a_large_tree_keeps_its_upper_tiles) {
  fixture f;
  log_open(&f);
  mlcm__audit_head head;
  append(&f, 1, 65536);
  ck_assert_msg(verify(&f, NULL, &head) == MLCM_OK, "%s", f.err.message);
  append(&f, 65537, 66000);
  mlcm__db_conn *conn = NULL;
  ck_assert_msg(verify(&f, NULL, &head) == MLCM_OK, "%s", f.err.message);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  for (int64_t seq = 1; seq <= 66000; seq += 9973) {
    mlcm__audit_proof proof;
    mlcm__audit_head old = {.size = seq};
    ck_assert_int_eq(mlcm__audit_root_at(conn, seq, old.root, &f.err), MLCM_OK);
    ck_assert_msg(mlcm__audit_prove_consistency(conn, seq, 66000, &proof, &f.err) == MLCM_OK, "%s", f.err.message);
    ck_assert_int_eq(mlcm__audit_check_consistency(&proof, &old, &head, &f.err), MLCM_OK);
  }
  mlcm__db_read_end(conn);
  fixture_close(&f);
}
END_TEST

/* ---- tampering ---- */

static const struct {
  const char *sql, *says;
} tamperings[] = {
    {"UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'ana', 'eve') AS BLOB) WHERE seq = 4", "entry 4"},
    {"UPDATE audit_entry SET leaf = zeroblob(32) WHERE seq = 5", "entry 5"},
    {"DELETE FROM audit_text; DELETE FROM audit_entry WHERE seq = 6", "entry 6 is missing"},
    {"DELETE FROM audit_text; DELETE FROM audit_entry WHERE seq = 300", "counts 300 entries, there are 299"},
    {"INSERT INTO audit_entry SELECT 301, entry, leaf FROM audit_entry WHERE seq = 300", "entry 301"},
    {"UPDATE audit_entry SET entry = (SELECT entry FROM audit_entry WHERE seq = 8), leaf = (SELECT leaf FROM audit_entry WHERE "
     "seq = 8)"
     " WHERE seq = 9",
     "entry 9 carries another number"},
    {"UPDATE audit_head SET size = 299", "frontier"},
    {"UPDATE audit_head SET root = zeroblob(32)", "root"},
    {"UPDATE audit_head SET frontier = zeroblob(length(frontier))", "frontier"},
    {"UPDATE audit_head SET frontier = x''", "does not fit itself"},
    {"DELETE FROM audit_head", "no row"},
    {"UPDATE audit_head SET size = -1, frontier = zeroblob(2048)", "does not fit itself"},
    {"UPDATE audit_head SET root = x'00'", "does not fit itself"},
    {"UPDATE audit_entry SET leaf = x'00' WHERE seq = 5", "entry 5"},
    {"UPDATE audit_entry SET entry = x'' WHERE seq = 5", "entry 5 is empty"},
    {"UPDATE audit_tile SET hashes = x'' WHERE level = 1", "a length that no tile has"},
    {"UPDATE audit_tile SET hashes = zeroblob(33) WHERE level = 1", "a length that no tile has"},
    {"UPDATE audit_tile SET hashes = zeroblob(8224) WHERE level = 1", "a length that no tile has"},
    {"UPDATE audit_tile SET hashes = CAST(hashes || zeroblob(32) AS BLOB) WHERE level = 1", "tile 1/0"},
    {"UPDATE audit_tile SET hashes = zeroblob(8192) WHERE level = 0", "tile 0/0"},
    {"UPDATE audit_tile SET hashes = zeroblob(32) WHERE level = 1", "tile 1/0"},
    {"DELETE FROM audit_tile WHERE level = 1", "tile 1/0"},
    {"INSERT INTO audit_tile VALUES (3, 0, zeroblob(32))", "tiles are stored"},
    {"UPDATE audit_text SET text = 'it is worse' WHERE seq = 3", "entry 3 has another reason"},
    {"UPDATE audit_text SET salt = x'00' WHERE seq = 6", "entry 6 has another reason"},
    {"INSERT INTO audit_text VALUES (4, x'00', 'made up')", "entry 4 has another reason"},
};

START_TEST(tampering_with_any_table_is_found) {
  for (size_t i = 0; i < sizeof tamperings / sizeof tamperings[0]; i++) {
    fixture f;
    log_open(&f);
    append(&f, 1, 300);
    ck_assert_int_eq(verify(&f, NULL, NULL), MLCM_OK);
    tamper(&f, tamperings[i].sql);
    ck_assert_msg(verify(&f, NULL, NULL) == MLCM_CORRUPT, "not found: %s", tamperings[i].sql);
    ck_assert_msg(strstr(f.err.message, tamperings[i].says) != NULL, "%s: %s", tamperings[i].sql, f.err.message);
    fixture_close(&f);
  }
}
END_TEST

START_TEST(the_triggers_stop_mistakes) {
  static const char *const mistakes[] = {
      "UPDATE audit_entry SET entry = x'00'",          "DELETE FROM audit_entry", "UPDATE audit_tile SET hashes = zeroblob(8192)",
      "DELETE FROM audit_tile",                        "DELETE FROM audit_head",  "UPDATE audit_text SET text = 'x'",
      "UPDATE audit_head SET size = size - 1",
  };
  fixture f;
  log_open(&f);
  append(&f, 1, 300);
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    mlcm__db_conn *conn = NULL;
    ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
    ck_assert_msg(mlcm__db_exec(conn, mistakes[i], &f.err) == MLCM_CONFLICT, "%s", mistakes[i]);
    mlcm__db_rollback(conn);
  }
  fixture_close(&f);
}
END_TEST

START_TEST(appending_to_a_damaged_head_is_refused) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_event event = event_of(11);
  log_open(&f);
  append(&f, 1, 10);
  tamper(&f, "UPDATE audit_head SET size = 8, frontier = zeroblob(32)");
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_append(conn, &event, NULL, &f.err), MLCM_CORRUPT);
  mlcm__db_rollback(conn);
  fixture_close(&f);
}
END_TEST

/* The log of 600 entries: a proof reads the first tile of level 1, and leaves behind the last full tile of level 0. */
START_TEST(a_proof_from_damaged_tables_is_an_error) {
  static const struct {
    const char *sql;
    int64_t seq;
  } damages[] = {
      {"DELETE FROM audit_tile WHERE level = 1", 600},
      {"DELETE FROM audit_entry WHERE seq = 599", 600},
      {"UPDATE audit_entry SET leaf = x'' WHERE seq = 599", 600},
  };
  for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
    fixture f;
    mlcm__db_conn *conn = NULL;
    mlcm__audit_proof proof;
    log_open(&f);
    append(&f, 1, 600);
    tamper(&f, damages[i].sql);
    ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
    ck_assert_msg(mlcm__audit_prove_inclusion(conn, damages[i].seq, 600, &proof, &f.err) == MLCM_CORRUPT, "%s", damages[i].sql);
    mlcm__db_read_end(conn);
    fixture_close(&f);
  }
}
END_TEST

/* The 512th entry makes the tile of level 1 grow. */
START_TEST(appending_to_a_damaged_tile_is_refused) {
  static const char *const damages[] = {
      "DELETE FROM audit_tile WHERE level = 1",
      "UPDATE audit_tile SET hashes = zeroblob(33) WHERE level = 1",
  };
  for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
    fixture f;
    mlcm__db_conn *conn = NULL;
    const mlcm__audit_event event = event_of(512);
    log_open(&f);
    append(&f, 1, 511);
    tamper(&f, damages[i]);
    ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
    ck_assert_int_eq(mlcm__audit_append(conn, &event, NULL, &f.err), MLCM_CORRUPT);
    mlcm__db_rollback(conn);
    fixture_close(&f);
  }
}
END_TEST

START_TEST(an_entry_that_is_no_json_is_found_though_its_leaf_fits) {
  fixture f;
  uint8_t leaf[32];
  char hex[65], sql[256];
  log_open(&f);
  append(&f, 1, 5);
  ck_assert_int_eq(mlcm__audit_leaf("no json", 7, leaf, &f.err), MLCM_OK);
  mlcm__hex(leaf, 32, hex);
  snprintf(sql, sizeof sql, "UPDATE audit_entry SET entry = CAST('no json' AS BLOB), leaf = x'%s' WHERE seq = 2", hex);
  tamper(&f, sql);
  ck_assert_int_eq(verify(&f, NULL, NULL), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(f.err.message, "entry 2 is not well formed"));
  fixture_close(&f);
}
END_TEST

typedef struct told {
  int n;
  int64_t seq;
} told;

static mlcm_status note_fault(void *user, const mlcm__audit_fault *fault, mlcm_error *err) {
  told *t = user;
  (void)err;
  t->n++;
  t->seq = fault->seq;
  return MLCM_OK;
}

static mlcm_status pass_by(void *user, int64_t seq, const cJSON *entry, mlcm_error *err) {
  (void)user;
  (void)seq;
  (void)entry;
  (void)err;
  return MLCM_OK;
}

START_TEST(an_examination_tells_only_of_the_entry_where_leaf_tiles_and_head_agree) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_state state;
  told t = {0};
  log_open(&f);
  append(&f, 1, 300);
  tamper(&f, tamperings[0].sql);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_examine(conn, NULL, 0, pass_by, note_fault, &t, NULL, &state, &f.err), MLCM_OK);
  mlcm__db_read_end(conn);
  ck_assert_int_eq(t.n, 1);
  ck_assert_int_eq(t.seq, 4);
  ck_assert(state.leaves_fit_head && !state.entries_fit_head);
  fixture_close(&f);
}
END_TEST

/* ---- rebuilding ---- */

static mlcm_status rebuild(fixture *f) {
  mlcm__db_conn *conn = NULL;
  ck_assert_int_eq(mlcm__db_write_begin(f->db, -1, &conn, &f->err), MLCM_OK);
  const mlcm_status status = mlcm__audit_rebuild(conn, &f->err);
  if (status == MLCM_OK) return mlcm__db_commit(conn, &f->err);
  mlcm__db_rollback(conn);
  return status;
}

START_TEST(leaves_tiles_and_head_are_rebuilt_from_the_entries) {
  static const int sizes[] = {0, 1, 300};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    fixture f;
    log_open(&f);
    append(&f, 1, sizes[i]);
    tamper(&f, "UPDATE audit_entry SET leaf = zeroblob(32); DELETE FROM audit_tile; UPDATE audit_head SET root = zeroblob(32)");
    ck_assert_msg(rebuild(&f) == MLCM_OK, "%s", f.err.message);
    ck_assert_msg(verify(&f, NULL, NULL) == MLCM_OK, "%s", f.err.message);
    fixture_close(&f);
  }
}
END_TEST

START_TEST(a_log_with_a_hole_is_not_rebuilt) {
  static const char *const holes[] = {"DELETE FROM audit_text; DELETE FROM audit_entry WHERE seq = 3",
                                      "UPDATE audit_entry SET entry = x'' WHERE seq = 3"};
  for (size_t i = 0; i < sizeof holes / sizeof holes[0]; i++) {
    fixture f;
    log_open(&f);
    append(&f, 1, 5);
    tamper(&f, holes[i]);
    ck_assert_int_eq(rebuild(&f), MLCM_CORRUPT);
    ck_assert_ptr_nonnull(strstr(f.err.message, "entry 3 is missing"));
    fixture_close(&f);
  }
}
END_TEST

/* ---- anchors ---- */

static mlcm__audit_head head_at(fixture *f, int64_t size) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head = {.size = size};
  ck_assert_int_eq(mlcm__db_read_begin(f->db, &conn, &f->err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_root_at(conn, size, head.root, &f->err), MLCM_OK);
  mlcm__db_read_end(conn);
  return head;
}

START_TEST(a_log_continues_every_earlier_head) {
  fixture f;
  log_open(&f);
  append(&f, 1, 20);
  for (int64_t size = 0; size <= 20; size++) {
    mlcm__audit_head anchor = head_at(&f, size);
    ck_assert_int_eq(verify(&f, &anchor, NULL), MLCM_OK);
    anchor.root[3] ^= 1;
    ck_assert_int_eq(verify(&f, &anchor, NULL), MLCM_CORRUPT);
  }
  fixture_close(&f);
}
END_TEST

START_TEST(a_log_shorter_than_a_kept_head_is_corrupt) {
  fixture f;
  mlcm__audit_head anchor;
  log_open(&f);
  append(&f, 1, 20);
  anchor = head_at(&f, 20);
  anchor.size = 21;
  ck_assert_int_eq(verify(&f, &anchor, NULL), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(f.err.message, "removed"));
  fixture_close(&f);
}
END_TEST

START_TEST(the_head_file_is_read_as_it_was_written) {
  fixture f;
  mlcm__audit_head head = {.size = INT64_C(1234567890123)}, again;
  log_open(&f);
  char *file = test_path(f.dir, "audit.head");
  for (int i = 0; i < 32; i++) head.root[i] = (uint8_t)(i * 8);
  ck_assert_int_eq(mlcm__audit_anchor_read(f.ctx, file, &again, &f.err), MLCM_NOT_FOUND);
  for (int i = 0; i < 3; i++) {
    head.size += i;
    mlcm__audit_anchor_write(f.ctx, file, &head);
    ck_assert_int_eq(mlcm__audit_anchor_read(f.ctx, file, &again, &f.err), MLCM_OK);
    ck_assert_int_eq(again.size, head.size);
    ck_assert_mem_eq(again.root, head.root, 32);
  }
  free(file);
  fixture_close(&f);
}
END_TEST

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

START_TEST(a_head_file_that_never_reached_the_disk_is_none_and_garbage_is_corrupt) {
  static const char *const garbage[] = {
      "mlcm-audit-head/1 12",
      "mlcm-audit-head/2 0000000000000000012 " ROOT "\n", /* another version */
      "mlcm-audit-head/1 0000000000000000012 " ROOT " ",   /* no end of line */
      "mlcm-audit-head/1 0000000000000000012-" ROOT "\n", /* no blank */
      "mlcm-audit-head/1 00000000000000000x2 " ROOT "\n", /* no number */
      "mlcm-audit-head/1 -100000000000000012 " ROOT "\n", /* a negative one */
      "mlcm-audit-head/1 0000000000000000012 x" ROOT "\n", /* too long */
      "mlcm-audit-head/1 0000000000000000012 x0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
  };
  fixture f;
  mlcm__audit_head head;
  char zeros[103] = {0};
  log_open(&f);
  char *file = test_path(f.dir, "audit.head");
  test_write_file(file, "", 0);
  ck_assert_int_eq(mlcm__audit_anchor_read(f.ctx, file, &head, &f.err), MLCM_NOT_FOUND);
  test_write_file(file, zeros, sizeof zeros);
  ck_assert_int_eq(mlcm__audit_anchor_read(f.ctx, file, &head, &f.err), MLCM_NOT_FOUND);
  for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
    test_write_file(file, garbage[i], strlen(garbage[i]));
    ck_assert_msg(mlcm__audit_anchor_read(f.ctx, file, &head, &f.err) == MLCM_CORRUPT, "%s", garbage[i]);
  }
  free(file);
  fixture_close(&f);
}
END_TEST

static int stop_at_once(void *user, int64_t done, int64_t total) {
  (void)done;
  (void)total;
  ++*(int *)user;
  return 1;
}

typedef struct reports {
  int n;
  int64_t last_done, last_total;
} reports;

static int note_report(void *user, int64_t done, int64_t total) {
  reports *r = user;
  r->n++;
  r->last_done = done;
  r->last_total = total;
  return 0;
}

/* On a clock that stands still: at the first 256 entries, not again at 512, and at the end. */
START_TEST(progress_is_told_now_and_then_and_at_the_end) {
  fixture f;
  reports r = {0};
  test_clock clock;
  mlcm__audit_head head;
  mlcm__db *db = NULL;
  mlcm__db_conn *conn = NULL;
  const mlcm_progress progress = {note_report, &r}, silent = {0};
  test_clock_init(&clock, TEST_EPOCH_NS);
  const mlcm_clock table = test_clock_table(&clock);
  log_open(&f);
  append(&f, 1, 600);
  mlcm_context *ctx = test_context(NULL, NULL, &table);
  ck_assert_int_eq(mlcm__db_open(ctx, f.path, &f.options, &db, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_read_begin(db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_verify(conn, NULL, 0, NULL, NULL, &progress, &head, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_verify(conn, NULL, 0, NULL, NULL, &silent, NULL, &f.err), MLCM_OK);
  mlcm__db_read_end(conn);
  mlcm__db_close(db);
  mlcm_context_free(ctx);
  ck_assert_int_eq(r.n, 2);
  ck_assert_int_eq(r.last_done, 600);
  ck_assert_int_eq(r.last_total, 600);
  fixture_close(&f);
}
END_TEST

START_TEST(verification_can_be_stopped) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head;
  int n = 0;
  mlcm_progress progress = {stop_at_once, &n};
  log_open(&f);
  append(&f, 1, 300);
  ck_assert_int_eq(mlcm__db_read_begin(f.db, &conn, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__audit_verify(conn, NULL, 0, NULL, NULL, &progress, &head, &f.err), MLCM_CANCELLED);
  mlcm__db_read_end(conn);
  ck_assert_int_eq(n, 1);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      the_roots_of_the_published_leaves_are_right,
      an_entry_is_canonical_json_with_what_happened,
      a_log_verifies_at_every_size_around_a_tile,
      a_rolled_back_change_leaves_no_entry,
      what_was_not_given_is_not_in_the_entry,
      an_entry_beyond_the_limit_is_refused,
      a_reason_can_be_erased_and_the_log_still_verifies,
      inclusion_proofs_are_those_of_the_definition_and_check,
      consistency_proofs_are_those_of_the_definition_and_check,
      the_empty_log_begins_every_log,
      proofs_beyond_the_log_are_not_found,
      what_is_no_proof_of_inclusion_is_refused,
      what_is_no_proof_of_consistency_is_refused,
      a_large_tree_keeps_its_upper_tiles,
      tampering_with_any_table_is_found,
      the_triggers_stop_mistakes,
      appending_to_a_damaged_head_is_refused,
      a_proof_from_damaged_tables_is_an_error,
      appending_to_a_damaged_tile_is_refused,
      an_entry_that_is_no_json_is_found_though_its_leaf_fits,
      an_examination_tells_only_of_the_entry_where_leaf_tiles_and_head_agree,
      leaves_tiles_and_head_are_rebuilt_from_the_entries,
      a_log_with_a_hole_is_not_rebuilt,
      a_log_continues_every_earlier_head,
      a_log_shorter_than_a_kept_head_is_corrupt,
      the_head_file_is_read_as_it_was_written,
      a_head_file_that_never_reached_the_disk_is_none_and_garbage_is_corrupt,
      progress_is_told_now_and_then_and_at_the_end,
      verification_can_be_stopped,
  };
  return TEST_RUN("trust_audit", tests);
}
