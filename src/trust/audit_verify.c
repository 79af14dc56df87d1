/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_verify.c - the whole log recomputed from its entries, believing nothing that is stored beside them.
 *
 * One pass over the entries in order of seq. Two trees grow side by side, one of leaves computed from the entries and one of the
 * leaves stored beside them; each has its tiles. What the database says in tile, head and text is compared with both: where only
 * one of them fits, it tells which of entry and leaf was changed. Each fault is told and the pass goes on; verification is the
 * same pass that stops at the first.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit_tree.h"
#include "base/json.h"

enum { PROGRESS_EVERY = 256, ENTRY_DEPTH = 8 };
#define PROGRESS_NS INT64_C(50000000)

typedef struct tile_state {
  size_t n;
  int64_t idx;
  mlcm__hash hashes[MLCM__TILE_HASHES];
} tile_state;

/* A tree with its tiles, grown leaf by leaf. */
typedef struct growth {
  mlcm__merkle tree;
  tile_state tiles[MLCM__TILE_LEVELS];
} growth;

typedef struct verification {
  mlcm__db_conn *conn;
  mlcm_context *ctx;
  const mlcm__audit_head *anchors;
  size_t n_anchors;
  mlcm__audit_visit *visit;
  mlcm__audit_tell *tell;
  void *user;
  const mlcm_progress *progress;
  int64_t reported_ns;
  growth *entries; /* of the leaves computed from the entries */
  growth *leaves;  /* of those stored */
  int64_t next;    /* seq that comes next */
  int64_t n_tiles; /* that the database must have */
  mlcm__audit_state state;
} verification;

/* ---- telling ---- */

static MLCM_PRINTF(3, 5) mlcm_status tell(verification *v, mlcm__audit_fault *fault, const char *format, mlcm_error *err, ...) {
  char message[sizeof err->message];
  va_list list;
  va_start(list, err);
  (void)vsnprintf(message, sizeof message, format, list);
  va_end(list);
  fault->message = message;
  return v->tell(v->user, fault, err);
}

static mlcm_status bad_entry(verification *v, mlcm__audit_fault *fault, const char *why, mlcm_error *err) {
  return tell(v, fault, "audit log: entry %lld %s: the log was changed after it was written", err, (long long)fault->seq, why);
}

/* ---- one entry ---- */

static mlcm_status check_text(verification *v, int64_t seq, const cJSON *json, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_TEXT, .seq = seq};
  size_t salt_len = 0;
  const char *text = mlcm__db_text(stmt, 4);
  const void *salt = mlcm__db_blob(stmt, 3, &salt_len);
  const cJSON *reason = cJSON_GetObjectItemCaseSensitive(json, "reason");
  if (mlcm__db_is_null(stmt, 4)) return MLCM_OK; /* none was given, or it was erased */
  mlcm_status status = mlcm__audit_text_digest(salt, salt_len, text, strlen(text), fault.found, err);
  if (status != MLCM_OK) return status;
  if (cJSON_IsString(reason) && strcmp(reason->valuestring, fault.found) == 0) return MLCM_OK;
  if (cJSON_IsString(reason)) (void)snprintf(fault.expected, sizeof fault.expected, "%s", reason->valuestring);
  return bad_entry(v, &fault, "has another reason kept beside it than the one it was written with", err);
}

/* *usable: the entry may be shown to the visitor. */
static mlcm_status check_form(verification *v, int64_t seq, const char *entry, size_t len, cJSON **json, bool *usable,
                              mlcm_error *err) {
  int64_t own = 0;
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_ENTRY, .seq = seq};
  const mlcm__json_limits limits = {.max_bytes = MLCM__AUDIT_ENTRY_MAX, .max_depth = ENTRY_DEPTH};
  mlcm_status status = mlcm__json_parse(v->ctx, "audit entry", entry, len, limits, json, NULL);
  if (status == MLCM_OK) status = mlcm__json_get_i64(*json, "seq", "audit entry", &own, NULL);
  if (status == MLCM_NO_MEMORY) return mlcm__fail_memory(err, len);
  *usable = status == MLCM_OK && own == seq;
  if (status != MLCM_OK) return bad_entry(v, &fault, "is not well formed", err);
  return own == seq ? MLCM_OK : bad_entry(v, &fault, "carries another number", err);
}

/* Compares an entry with its stored leaf and gives both. */
static mlcm_status check_leaf(verification *v, int64_t seq, mlcm__db_stmt *stmt, mlcm__hash computed, mlcm__hash stored,
                              bool *usable, mlcm_error *err) {
  size_t len = 0, leaf_len = 0;
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_ENTRY, .seq = seq};
  const char *entry = (const char *)mlcm__db_blob(stmt, 1, &len);
  const void *leaf = mlcm__db_blob(stmt, 2, &leaf_len);
  mlcm_status status = mlcm__merkle_leaf(entry ? entry : "", len, computed, err);
  if (status != MLCM_OK) return status;
  const bool has_leaf = leaf_len == MLCM__SHA256_BYTES;
  memcpy(stored, has_leaf ? leaf : computed, sizeof(mlcm__hash));
  mlcm__hex(computed, MLCM__SHA256_BYTES, fault.found);
  if (has_leaf) mlcm__hex(stored, MLCM__SHA256_BYTES, fault.expected);
  *usable = false;
  if (len == 0) return bad_entry(v, &fault, "is empty", err);
  if (!has_leaf || memcmp(computed, stored, MLCM__SHA256_BYTES) != 0)
    return bad_entry(v, &fault, "does not have the hash of its leaf", err);
  *usable = true;
  return MLCM_OK;
}

static mlcm_status check_entry(verification *v, int64_t seq, mlcm__db_stmt *stmt, mlcm__hash computed, mlcm__hash stored,
                               mlcm_error *err) {
  size_t len = 0;
  cJSON *json = NULL;
  bool usable = false;
  mlcm_status status = check_leaf(v, seq, stmt, computed, stored, &usable, err);
  if (status != MLCM_OK) return status;
  if (usable) {
    const char *entry = (const char *)mlcm__db_blob(stmt, 1, &len);
    status = check_form(v, seq, entry, len, &json, &usable, err);
  }
  if (status == MLCM_OK && usable) status = check_text(v, seq, json, stmt, err);
  if (status == MLCM_OK) status = v->visit(v->user, seq, usable ? json : NULL, err);
  cJSON_Delete(json);
  return status;
}

/* Below the first, or so large that none could follow. */
static bool has_odd_number(const verification *v, int64_t seq) { return seq < v->next || seq == INT64_MAX; }

static mlcm_status tell_odd_number(verification *v, int64_t seq, mlcm_error *err) {
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_ENTRY, .seq = seq};
  v->state.is_complete = false;
  return bad_entry(v, &fault, "has a number that no entry can have", err);
}

/* Entries v->next to seq - 1 are not there. */
static mlcm_status check_gap(verification *v, int64_t seq, mlcm_error *err) {
  if (seq == v->next) return MLCM_OK;
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_GAP, .seq = v->next, .last = seq - 1};
  v->state.is_complete = false;
  mlcm_status status = bad_entry(v, &fault, "is missing", err);
  if (status == MLCM_OK) status = v->visit(v->user, seq - 1, NULL, err);
  v->next = seq;
  return status;
}

/* ---- tiles ---- */

/* Position of the first hash in which a stored tile differs from the one of the entries. */
static size_t first_difference(const tile_state *tile, const mlcm__hash *stored, size_t n) {
  size_t i = 0;
  while (i < n && i < tile->n && memcmp(stored[i], tile->hashes[i], sizeof(mlcm__hash)) == 0) i++;
  return i;
}

static bool fits(const tile_state *tile, const mlcm__hash *stored, size_t n) {
  return n == tile->n && memcmp(stored, tile->hashes, n * sizeof(mlcm__hash)) == 0;
}

static mlcm_status check_tile(verification *v, int level, mlcm_error *err) {
  const tile_state *tile = &v->entries->tiles[level];
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_TILE, .level = level, .idx = tile->idx};
  mlcm__hash stored[MLCM__TILE_HASHES];
  size_t n = 0;
  mlcm_error why = {0};
  v->n_tiles++;
  mlcm_status status = mlcm__audit_tile_read(v->conn, level, tile->idx, stored, &n, &why);
  if (status == MLCM_CORRUPT) return tell(v, &fault, "%s", err, why.message);
  if (status != MLCM_OK) {
    if (err) *err = why;
    return status;
  }
  if (fits(tile, (const mlcm__hash *)stored, n) || fits(&v->leaves->tiles[level], (const mlcm__hash *)stored, n)) return MLCM_OK;
  size_t at = first_difference(tile, (const mlcm__hash *)stored, n);
  if (level == 0) fault.seq = tile->idx * MLCM__TILE_HASHES + (int64_t)at + 1;
  if (at < n) mlcm__hex(stored[at], sizeof stored[at], fault.found);
  if (at < tile->n) mlcm__hex(tile->hashes[at], sizeof stored[at], fault.expected);
  return tell(v, &fault, "audit log: tile %d/%lld does not have the hashes of its entries", err, level, (long long)tile->idx);
}

/* Puts a leaf into the tiles of `g`; each full one gives one hash to the level above. *n_full: how many levels became full. */
static mlcm_status grow_tiles(growth *g, const mlcm__hash leaf, int *n_full, mlcm_error *err) {
  mlcm__hash hash;
  int level = 0;
  memcpy(hash, leaf, sizeof hash);
  for (;; level++) {
    assert(level < MLCM__TILE_LEVELS);
    mlcm__hash folded[MLCM__TILE_HASHES];
    tile_state *tile = &g->tiles[level];
    if (tile->n == MLCM__TILE_HASHES) { /* was compared when it became full */
      tile->n = 0;
      tile->idx++;
    }
    memcpy(tile->hashes[tile->n++], hash, sizeof hash);
    if (tile->n < MLCM__TILE_HASHES) break;
    memcpy(folded, tile->hashes, sizeof folded);
    mlcm_status status = mlcm__merkle_fold(folded, MLCM__TILE_HASHES, err);
    if (status != MLCM_OK) return status;
    memcpy(hash, folded[0], sizeof hash);
  }
  *n_full = level;
  return MLCM_OK;
}

static mlcm_status grow(verification *v, const mlcm__hash computed, const mlcm__hash stored, mlcm_error *err) {
  int n_full = 0;
  mlcm_status status = mlcm__merkle_push(&v->entries->tree, computed, err);
  if (status == MLCM_OK) status = mlcm__merkle_push(&v->leaves->tree, stored, err);
  if (status == MLCM_OK) status = grow_tiles(v->leaves, stored, &n_full, err);
  if (status == MLCM_OK) status = grow_tiles(v->entries, computed, &n_full, err);
  for (int level = 0; status == MLCM_OK && level < n_full; level++) status = check_tile(v, level, err);
  return status;
}

static mlcm_status check_last_tiles(verification *v, mlcm_error *err) {
  int64_t stored = 0;
  mlcm_status status = MLCM_OK;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  for (int level = 1; status == MLCM_OK && level < MLCM__TILE_LEVELS; level++) {
    size_t n = v->entries->tiles[level].n;
    if (n > 0 && n < MLCM__TILE_HASHES) status = check_tile(v, level, err);
  }
  if (status == MLCM_OK) status = mlcm__db_prepare(v->conn, "SELECT count(*) FROM audit_tile", &stmt, err);
  if (status == MLCM_OK) status = mlcm__db_step(stmt, &row, err);
  if (status == MLCM_OK) stored = mlcm__db_i64(stmt, 0);
  mlcm__db_reset(stmt);
  if (status != MLCM_OK || stored <= v->n_tiles) return status; /* fewer: each missing one was told */
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_TILE, .level = -1};
  return tell(v, &fault, "audit log: %lld tiles are stored, its entries make %lld", err, (long long)stored,
              (long long)v->n_tiles);
}

/* ---- the whole ---- */

/* Compares the trees so far with the earlier heads of that size. */
static mlcm_status check_anchors(verification *v, mlcm_error *err) {
  mlcm__hash of_entries, of_leaves;
  for (size_t i = 0; i < v->n_anchors; i++) {
    const mlcm__audit_head *anchor = &v->anchors[i];
    if (anchor->size != v->entries->tree.size) continue;
    mlcm_status status = mlcm__merkle_root(&v->entries->tree, of_entries, err);
    if (status == MLCM_OK) status = mlcm__merkle_root(&v->leaves->tree, of_leaves, err);
    if (status != MLCM_OK) return status;
    bool fit = memcmp(of_entries, anchor->root, sizeof of_entries) == 0;
    if (fit) v->state.entries_fit_anchor = true;
    if (fit || memcmp(of_leaves, anchor->root, sizeof of_leaves) == 0) continue;
    mlcm__audit_fault fault = {.part = MLCM__AUDIT_ANCHOR};
    mlcm__hex(anchor->root, sizeof anchor->root, fault.expected);
    mlcm__hex(of_entries, sizeof of_entries, fault.found);
    status = tell(v, &fault, "audit log: its first %lld entries are not those of the head that was kept: the log was rewritten",
                  err, (long long)anchor->size);
    if (status != MLCM_OK) return status;
  }
  return MLCM_OK;
}

static mlcm_status report(verification *v, bool last, mlcm_error *err) {
  int64_t done = v->entries->tree.size;
  if (!v->progress || !v->progress->report) return MLCM_OK;
  if (!last && done % PROGRESS_EVERY != 0) return MLCM_OK;
  int64_t now = mlcm__mono_ns(v->ctx);
  if (!last && now - v->reported_ns < PROGRESS_NS) return MLCM_OK;
  v->reported_ns = now;
  if (v->progress->report(v->progress->user, done, last ? done : -1) == 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_CANCELLED, "verification of the audit log was stopped at entry %lld", (long long)done);
}

static mlcm_status check_entries(verification *v, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm__hash computed, stored;
  mlcm_status status = mlcm__db_prepare(v->conn,
                                        "SELECT e.seq, e.entry, e.leaf, t.salt, t.text FROM audit_entry e"
                                        " LEFT JOIN audit_text t ON t.seq = e.seq ORDER BY e.seq",
                                        &stmt, err);
  if (status == MLCM_OK) status = check_anchors(v, err);
  while (status == MLCM_OK) {
    status = mlcm__db_step(stmt, &row, err);
    if (status != MLCM_OK || !row) break;
    const int64_t seq = mlcm__db_i64(stmt, 0);
    if (has_odd_number(v, seq)) {
      status = tell_odd_number(v, seq, err);
      continue;
    }
    status = check_gap(v, seq, err);
    if (status == MLCM_OK) status = check_entry(v, v->next, stmt, computed, stored, err);
    if (status != MLCM_OK) break;
    v->next++;
    v->state.n_entries++;
    if (!v->state.is_complete) continue; /* without the missing leaves no hash above can be computed */
    v->state.entries_fit_anchor = false; /* counts only for the whole log */
    status = grow(v, computed, stored, err);
    if (status == MLCM_OK) status = check_anchors(v, err);
    if (status == MLCM_OK) status = report(v, false, err);
  }
  mlcm__db_reset(stmt);
  return status;
}

static mlcm_status tell_head(verification *v, const char *what, const uint8_t *expected, const uint8_t *found, mlcm_error *err) {
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_HEAD};
  if (expected) mlcm__hex(expected, MLCM__SHA256_BYTES, fault.expected);
  if (found) mlcm__hex(found, MLCM__SHA256_BYTES, fault.found);
  return tell(v, &fault, "audit log: %s", err, what);
}

/* Reads the head's row. *usable false: a fault was told instead. */
static mlcm_status read_head(verification *v, mlcm__merkle *stored, mlcm__audit_head *head, bool *usable, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status status = mlcm__audit_tree_read(v->conn, stored, head, &why);
  mlcm__audit_fault fault = {.part = MLCM__AUDIT_HEAD};
  *usable = status == MLCM_OK;
  if (status == MLCM_CORRUPT) return tell(v, &fault, "%s", err, why.message);
  if (status != MLCM_OK && err) *err = why;
  return status;
}

static mlcm_status check_head(verification *v, mlcm_error *err) {
  mlcm__merkle stored;
  mlcm__audit_head head = {0};
  mlcm__hash of_leaves;
  const mlcm__merkle *tree = &v->entries->tree;
  char what[160];
  bool usable = false;
  mlcm_status status = read_head(v, &stored, &head, &usable, err);
  v->state.of_entries.size = tree->size;
  if (status == MLCM_OK) status = mlcm__merkle_root(tree, v->state.of_entries.root, err);
  if (status == MLCM_OK) status = mlcm__merkle_root(&v->leaves->tree, of_leaves, err);
  if (status != MLCM_OK || !usable) return status;
  if (head.size != v->next - 1) {
    (void)snprintf(what, sizeof what, "its head counts %lld entries, there are %lld", (long long)head.size,
                   (long long)(v->next - 1));
    return tell_head(v, what, NULL, NULL, err);
  }
  if (!v->state.is_complete) return MLCM_OK;
  v->state.entries_fit_head = memcmp(head.root, v->state.of_entries.root, sizeof head.root) == 0;
  v->state.leaves_fit_head = memcmp(head.root, of_leaves, sizeof head.root) == 0;
  if (!v->state.entries_fit_head && !v->state.leaves_fit_head) {
    (void)snprintf(what, sizeof what, "the root in its head is not that of its %lld entries", (long long)head.size);
    return tell_head(v, what, v->state.of_entries.root, head.root, err);
  }
  tree = v->state.entries_fit_head ? tree : &v->leaves->tree;
  if (memcmp(stored.hashes, tree->hashes, tree->n * MLCM__SHA256_BYTES) == 0) return MLCM_OK;
  (void)snprintf(what, sizeof what, "the frontier in its head is not that of its %lld entries", (long long)head.size);
  return tell_head(v, what, NULL, NULL, err);
}

static mlcm_status check_length(verification *v, mlcm_error *err) {
  mlcm_status status = MLCM_OK;
  for (size_t i = 0; status == MLCM_OK && i < v->n_anchors; i++) {
    mlcm__audit_fault fault = {.part = MLCM__AUDIT_ANCHOR};
    if (v->anchors[i].size < v->next) continue;
    v->state.entries_fit_anchor = false;
    status = tell(v, &fault, "audit log: it has %lld entries, but a head of %lld was kept: entries were removed", err,
                  (long long)(v->next - 1), (long long)v->anchors[i].size);
  }
  return status;
}

static mlcm_status run(verification *v, mlcm_error *err) {
  v->entries = (growth *)mlcm__alloc_zero(v->ctx, 2, sizeof *v->entries);
  if (!v->entries) return mlcm__fail_memory(err, 2 * sizeof *v->entries);
  v->leaves = v->entries + 1;
  v->next = 1;
  v->state.is_complete = true;
  mlcm_status status = check_entries(v, err);
  if (status == MLCM_OK) status = check_head(v, err);
  if (status == MLCM_OK) status = check_length(v, err);
  if (status == MLCM_OK && v->state.is_complete) status = check_last_tiles(v, err);
  if (status == MLCM_OK) status = report(v, true, err);
  mlcm__free(v->ctx, v->entries);
  return status;
}

mlcm_status mlcm__audit_examine(mlcm__db_conn *conn, const mlcm__audit_head *anchors, size_t n_anchors, mlcm__audit_visit *visit,
                                mlcm__audit_tell *teller, void *user, const mlcm_progress *progress, mlcm__audit_state *out,
                                mlcm_error *err) {
  assert(visit && teller);
  verification v = {.conn = conn, .ctx = mlcm__db_context(conn), .anchors = anchors, .n_anchors = n_anchors};
  v.visit = visit;
  v.tell = teller;
  v.user = user;
  v.progress = progress;
  mlcm_status status = run(&v, err);
  *out = v.state;
  return status;
}

/* ---- verification: the first fault is the answer ---- */

typedef struct strict {
  mlcm__audit_visit *visit;
  void *user;
} strict;

static mlcm_status fail_at_once(void *user, const mlcm__audit_fault *fault, mlcm_error *err) {
  (void)user;
  return mlcm__fail(err, MLCM_CORRUPT, "%s", fault->message);
}

static mlcm_status pass_on(void *user, int64_t seq, const cJSON *entry, mlcm_error *err) {
  const strict *s = user;
  return s->visit ? s->visit(s->user, seq, entry, err) : MLCM_OK;
}

mlcm_status mlcm__audit_verify(mlcm__db_conn *conn, const mlcm__audit_head *anchors, size_t n_anchors, mlcm__audit_visit *visit,
                               void *user, const mlcm_progress *progress, mlcm__audit_head *out, mlcm_error *err) {
  strict s = {.visit = visit, .user = user};
  mlcm__audit_state state;
  mlcm_status status = mlcm__audit_examine(conn, anchors, n_anchors, pass_on, fail_at_once, &s, progress, &state, err);
  if (status == MLCM_OK && out) *out = state.of_entries;
  return status;
}
