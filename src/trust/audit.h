/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.h - the audit log: an RFC 6962 Merkle tree kept in the registry's own database.
 *
 * Each change appends one entry in its own write transaction, so that neither exists without the other. An entry is canonical
 * JSON (docs/formats.md); its leaf is SHA-256(0x00 || entry), a node SHA-256(0x01 || left || right), the empty tree SHA-256("").
 * Entries count from seq 1; the leaf of seq n has index n - 1. Free text (the reason) is kept in a side table and stands in the
 * entry as a salted digest, so that it can be erased without touching the log.
 *
 * The tables are in audit_schema.h. Every function works on the connection it is given and sees that transaction's state.
 */
#ifndef MLCM_TRUST_AUDIT_H
#define MLCM_TRUST_AUDIT_H

#include "base/hash.h"
#include "base/json.h"
#include "store/db.h"

enum { MLCM__AUDIT_ENTRY_MAX = 65535, MLCM__AUDIT_PROOF_MAX = 64 };

/* What happened. Every text but `actor` and `action` may be NULL (left out of the entry). */
typedef struct mlcm__audit_event {
  int64_t wall_ns;         /* when; the caller's one reading of the clock for the whole change */
  const char *actor;       /* who */
  const char *actor_auth;  /* how that is known, e.g. "os" (user of the process) or "claimed" (given by the caller) */
  const char *action;      /* e.g. "version.register", "alias.set", "rollout.decide", "gc.sweep" */
  const char *object_kind; /* "model", "version", "alias", "rollout", ... */
  const char *object_name; /* e.g. "digits", "digits@champion" */
  int64_t object_version;  /* version number; 0: none */
  const char *before;      /* digest or short state before, e.g. the alias's old target "2" */
  const char *after;       /* digest or short state after */
  const char *evidence;    /* sha256 in hex of a larger document in the object store */
  const char *reason;      /* free text; goes to the side table, its salted digest into the entry */
  const char *result;      /* NULL: "ok" */
} mlcm__audit_event;

typedef struct mlcm__audit_head {
  int64_t size;
  uint8_t root[MLCM__SHA256_BYTES];
} mlcm__audit_head;

/* Appends inside the write transaction of `conn`. *out_head (nullable) is the head with this entry. MLCM_LIMIT: the entry would
 * be longer than 65,535 bytes. MLCM_CORRUPT: the stored head makes no sense. O(log n). */
mlcm_status mlcm__audit_append(mlcm__db_conn *conn, const mlcm__audit_event *event, mlcm__audit_head *out_head, mlcm_error *err);

mlcm_status mlcm__audit_head_read(mlcm__db_conn *conn, mlcm__audit_head *out, mlcm_error *err);

/* Removes the free text of an entry; the log stays as it is. Not an error when there is none. */
mlcm_status mlcm__audit_erase_text(mlcm__db_conn *conn, int64_t seq, mlcm_error *err);

/* ---- verification ---- */

/* Sees each verified entry in order, taken apart. A non-OK answer stops and is returned. */
typedef mlcm_status mlcm__audit_visit(void *user, int64_t seq, const cJSON *entry, mlcm_error *err);

/* Recomputes everything: sequence without gaps, each entry's form and leaf, erasable texts, tiles, frontier, root. MLCM_CORRUPT
 * names the first bad seq or table. anchors[n_anchors]: earlier heads; the log must be a continuation of each. `visit` and
 * `progress` may be NULL. O(n). */
mlcm_status mlcm__audit_verify(mlcm__db_conn *conn, const mlcm__audit_head *anchors, size_t n_anchors, mlcm__audit_visit *visit,
                               void *user, const mlcm_progress *progress, mlcm__audit_head *out, mlcm_error *err);

/* One thing that is wrong with the log. Digests are hex, "" when there is none. */
typedef enum mlcm__audit_part {
  MLCM__AUDIT_GAP = 1, /* entries seq to last are missing */
  MLCM__AUDIT_ENTRY,   /* entry seq and the leaf beside it do not fit each other, or it is not well formed */
  MLCM__AUDIT_TEXT,    /* the erasable text beside entry seq is not that it was written with */
  MLCM__AUDIT_TILE,
  MLCM__AUDIT_HEAD,    /* size, root or frontier in the head's row */
  MLCM__AUDIT_ANCHOR   /* the log is not a continuation of a head that was kept */
} mlcm__audit_part;

typedef struct mlcm__audit_fault {
  mlcm__audit_part part;
  int64_t seq, last; /* 0: of no entry */
  int level;         /* of a tile; -1: their number */
  int64_t idx;
  char expected[MLCM__SHA256_HEX + 1];
  char found[MLCM__SHA256_HEX + 1];
  const char *message; /* as mlcm__audit_verify would answer it */
} mlcm__audit_fault;

/* Sees each fault in turn. A non-OK answer stops and is returned. */
typedef mlcm_status mlcm__audit_tell(void *user, const mlcm__audit_fault *fault, mlcm_error *err);

/* What the whole says about its parts. The log can be rebuilt from its entries (mlcm__audit_rebuild) when it is complete and the
 * root of its entries stands in a place that a change of theirs would have missed. */
typedef struct mlcm__audit_state {
  int64_t n_entries;
  bool is_complete;          /* no entry is missing or unreadable */
  bool entries_fit_head;     /* the root of the entries is the one in the head's row */
  bool leaves_fit_head;      /* the root of the stored leaves is */
  bool entries_fit_anchor;   /* the root of the entries is that of an anchor of the same size */
  mlcm__audit_head of_entries; /* recomputed; meaningless unless complete */
} mlcm__audit_state;

/* The same examination, but it tells each fault and goes on. `visit` is called with `entry` NULL for an entry that is missing or
 * damaged. Answers MLCM_OK when it came to the end, whatever it found. */
mlcm_status mlcm__audit_examine(mlcm__db_conn *conn, const mlcm__audit_head *anchors, size_t n_anchors, mlcm__audit_visit *visit,
                                mlcm__audit_tell *tell, void *user, const mlcm_progress *progress, mlcm__audit_state *out,
                                mlcm_error *err);

/* Writes leaves, tiles and head anew from the entries, inside the write transaction of `conn`. Only for a log whose entries are
 * confirmed: it makes whatever they say the truth. O(n). */
mlcm_status mlcm__audit_rebuild(mlcm__db_conn *conn, mlcm_error *err);

/* ---- proofs ---- */

typedef struct mlcm__audit_proof {
  size_t n;
  uint8_t hashes[MLCM__AUDIT_PROOF_MAX][MLCM__SHA256_BYTES];
} mlcm__audit_proof;

/* RFC 6962 2.1.1: that entry `seq` is in the tree of the first `size` entries (1 <= seq <= size <= log). O(log n) reads. */
mlcm_status mlcm__audit_prove_inclusion(mlcm__db_conn *conn, int64_t seq, int64_t size, mlcm__audit_proof *out, mlcm_error *err);
/* RFC 6962 2.1.2: that the tree of the first `old_size` entries is the beginning of that of the first `new_size`. */
mlcm_status mlcm__audit_prove_consistency(mlcm__db_conn *conn, int64_t old_size, int64_t new_size, mlcm__audit_proof *out,
                                          mlcm_error *err);
/* Root of the tree of the first `size` entries. */
mlcm_status mlcm__audit_root_at(mlcm__db_conn *conn, int64_t size, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err);

/* Pure checks of proofs (RFC 9162 2.1.3.2 and 2.1.4.2). MLCM_CORRUPT: does not prove it; MLCM_NO_MEMORY: it could not be
 * hashed. */
mlcm_status mlcm__audit_check_inclusion(const mlcm__audit_proof *proof, int64_t seq, const uint8_t leaf[MLCM__SHA256_BYTES],
                                        const mlcm__audit_head *head, mlcm_error *err);
mlcm_status mlcm__audit_check_consistency(const mlcm__audit_proof *proof, const mlcm__audit_head *old_head,
                                          const mlcm__audit_head *new_head, mlcm_error *err);

mlcm_status mlcm__audit_leaf(const void *entry, size_t len, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err);

/* ---- the head kept outside the database ---- */

/* Writes the head into a file beside the database after a commit. Best effort: a failure is logged, not an error, since the
 * commit stands. Not synced: it may be older than the log, never newer. */
void mlcm__audit_anchor_write(mlcm_context *ctx, const char *path, const mlcm__audit_head *head);
/* MLCM_NOT_FOUND when there is none; MLCM_CORRUPT when it cannot be read as one. */
mlcm_status mlcm__audit_anchor_read(mlcm_context *ctx, const char *path, mlcm__audit_head *out, mlcm_error *err);

#endif
