/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_audit.c - the audit log against itself and the head file, and the rows it speaks of against it.
 *
 * What is derived (leaves, tiles, head) can be written anew only when the entries are confirmed by something that a change of
 * theirs would have missed: the root in the head's row, or the head file of the same size. Otherwise rebuilding would make a
 * forgery the truth.
 */
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "registry/audit_rows.h"
#include "registry/backup_file.h"
#include "registry/fsck.h"
#include "registry/sql.h"

typedef struct examination {
  mlcm__fsck *f;
  mlcm__audit_rows *rows;
  size_t first; /* findings of the log itself: from here on */
  bool contradicted; /* an earlier head says otherwise */
} examination;

/* ---- the head file ---- */

static mlcm_status tell_anchor(mlcm__fsck *f, bool is_damage, const char *problem, mlcm__fix fix, mlcm_error *err) {
  mlcm__fsck_item item = {
      .shown = {.kind = is_damage ? MLCM_DAMAGE_AUDIT : MLCM_DAMAGE_LEFTOVER, .object = "audit.head", .problem = problem}};
  item.fix = fix;
  item.shown.restore =
      fix ? "it is written anew from the log, which verifies" : "the log must be sound before it can be written anew";
  return mlcm__fsck_tell(f, &item, err);
}

/* A backup keeps its head in backup.json, which is durable. */
static void anchor_of_backup(mlcm__fsck *f, mlcm__fsck_anchor *out) {
  mlcm__backup_file file;
  if (mlcm__backup_file_read(f->ctx, f->dir, &file, NULL) != MLCM_OK) return; /* fsck_backup.c says what is wrong with it */
  out->is_there = true;
  out->head = file.audit;
}

mlcm_status mlcm__fsck_anchor_read(mlcm__fsck *f, mlcm__fsck_anchor *out, mlcm_error *err) {
  char *path = NULL;
  mlcm_error why = {0};
  mlcm_status st = mlcm__path_join(f->ctx, f->dir, "audit.head", &path, err);
  if (st) return st;
  st = mlcm__audit_anchor_read(f->ctx, path, &out->head, &why);
  mlcm__free(f->ctx, path);
  out->is_there = st == MLCM_OK;
  out->is_unreadable = st == MLCM_CORRUPT || st == MLCM_LIMIT || st == MLCM_INVALID_ARGUMENT;
  if (st == MLCM_NOT_FOUND) anchor_of_backup(f, out);
  if (st == MLCM_OK || st == MLCM_NOT_FOUND || out->is_unreadable) return MLCM_OK;
  return mlcm__fail_as(err, &why);
}

/* ---- faults of the log ---- */

static void name_fault(const mlcm__audit_fault *fault, char out[96]) {
  switch (fault->part) { /* never: each has its case */
    case MLCM__AUDIT_GAP:
      if (fault->seq == fault->last) (void)snprintf(out, 96, "audit entry %lld", (long long)fault->seq);
      else (void)snprintf(out, 96, "audit entries %lld to %lld", (long long)fault->seq, (long long)fault->last);
      break;
    case MLCM__AUDIT_ENTRY: (void)snprintf(out, 96, "audit entry %lld", (long long)fault->seq); break;
    case MLCM__AUDIT_TEXT: (void)snprintf(out, 96, "audit entry %lld reason", (long long)fault->seq); break;
    case MLCM__AUDIT_TILE:
      if (fault->level < 0) (void)snprintf(out, 96, "audit tiles");
      else if (fault->seq)
        (void)snprintf(out, 96, "audit tile %d/%lld at entry %lld", fault->level, (long long)fault->idx, (long long)fault->seq);
      else (void)snprintf(out, 96, "audit tile %d/%lld", fault->level, (long long)fault->idx);
      break;
    case MLCM__AUDIT_HEAD: (void)snprintf(out, 96, "audit head"); break;
    case MLCM__AUDIT_ANCHOR: (void)snprintf(out, 96, "audit.head"); break;
  }
}

/* The part is kept in `id` until the whole says what can be done. */
static mlcm_status on_fault(void *user, const mlcm__audit_fault *fault, mlcm_error *err) {
  examination *x = user;
  char object[96];
  name_fault(fault, object);
  if (fault->part == MLCM__AUDIT_ANCHOR) x->contradicted = true;
  mlcm__fsck_item item = {
      .shown = {.kind = MLCM_DAMAGE_AUDIT, .object = object, .problem = fault->message, .expected = fault->expected}};
  item.shown.found = fault->found;
  item.id = (int64_t)fault->part;
  return mlcm__fsck_tell(x->f, &item, err);
}

/* Whether a fault of this part is put right by writing leaves, tiles and head anew. When the entries are confirmed, one that does
 * not fit its leaf is right and the leaf is not. */
static bool is_derived(int64_t part) {
  return part == MLCM__AUDIT_TILE || part == MLCM__AUDIT_HEAD || part == MLCM__AUDIT_ENTRY;
}

static const char *way_back(int64_t part, const mlcm__audit_state *state, bool can_rebuild) {
  if (can_rebuild) return "the entries are confirmed: leaves, tiles and head are made anew from them";
  switch (part) {
    case MLCM__AUDIT_ENTRY:
      return state->leaves_fit_head ? "its leaf is confirmed by the log's head: only a backup has the entry"
                                    : "nothing confirms entry or leaf: compare with a backup";
    case MLCM__AUDIT_GAP: return "only a backup has it";
    case MLCM__AUDIT_TEXT: return "a backup has the reason; or it may be erased, the log verifies without it";
    case MLCM__AUDIT_ANCHOR:
      return "the log is older than this head or was rewritten: compare with a backup or a head kept elsewhere";
    default: return "nothing confirms the entries (no head of this size): compare with a backup or a head kept elsewhere";
  }
}

static void decide_fixes(examination *x, const mlcm__audit_state *state) {
  bool confirmed = state->is_complete && !x->contradicted && (state->entries_fit_head || state->entries_fit_anchor);
  for (size_t i = x->first; i < x->f->report->n; i++) {
    mlcm__fsck_item *item = &x->f->report->items[i];
    if (item->shown.kind != MLCM_DAMAGE_AUDIT) continue;
    bool can = confirmed && is_derived(item->id);
    item->fix = can ? MLCM__FIX_AUDIT : MLCM__FIX_NONE;
    item->shown.can_repair = can;
    item->shown.restore = way_back(item->id, state, can);
    item->id = 0;
  }
}

/* ---- rows ---- */

/* A manifest whose text is damaged was told with more to say than that the log knows another one. */
static bool was_told(const examination *x, const mlcm__row_fault *fault) {
  return strncmp(fault->stored, "sha256:", 7) == 0 &&
         mlcm__map_get(x->f->told, fault->stored + 7, strlen(fault->stored + 7)) != NULL;
}

static mlcm_status on_row(void *user, const mlcm__row_fault *fault, mlcm_error *err) {
  examination *x = user;
  char problem[600], restore[96];
  if (was_told(x, fault)) return MLCM_OK;
  if (fault->stored[0]) (void)snprintf(problem, sizeof problem, "%s is not what the audit log says", fault->what);
  else (void)snprintf(problem, sizeof problem, "%s", fault->what);
  if (fault->seq) (void)snprintf(restore, sizeof restore, "audit entry %lld has what it should be", (long long)fault->seq);
  else (void)snprintf(restore, sizeof restore, "the audit log has what it should be; a backup has the row");
  mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_ROW, .object = fault->object, .problem = problem, .restore = restore}};
  item.shown.expected = fault->logged;
  item.shown.found = fault->stored;
  return mlcm__fsck_tell(x->f, &item, err);
}

/* Whether the text beside the entry was told already: then that is the damaged one of the two. */
static bool text_was_told(const examination *x, int64_t seq) {
  char object[96];
  name_fault(&(mlcm__audit_fault){.part = MLCM__AUDIT_TEXT, .seq = seq}, object);
  for (size_t i = x->first; i < x->f->report->n; i++)
    if (strcmp(x->f->report->items[i].shown.object, object) == 0) return true;
  return false;
}

/* Columns: seq of the event, audit_seq, reason in the feed, beside the log. */
static mlcm_status tell_reason(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  const examination *x = user;
  char object[48];
  mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_ROW, .object = object}};
  if (text_was_told(x, mlcm__db_i64(stmt, 1))) return MLCM_OK;
  (void)snprintf(object, sizeof object, "event %lld reason", (long long)mlcm__db_i64(stmt, 0));
  item.shown.problem = "it is not the reason that is kept beside its audit entry";
  item.shown.found = mlcm__db_text(stmt, 2);
  item.shown.expected = mlcm__db_text(stmt, 3);
  item.shown.restore = "the one beside the audit entry has the digest that was logged, if there is one; a backup has both";
  return mlcm__fsck_tell(x->f, &item, err);
}

static mlcm_status check_reasons(examination *x, mlcm_error *err) {
  return mlcm__sql_each(x->f->conn,
                        "SELECT e.seq, e.audit_seq, e.reason, coalesce(t.text, '') FROM event e"
                        " JOIN audit_entry a ON a.seq = e.audit_seq LEFT JOIN audit_text t ON t.seq = e.audit_seq"
                        " WHERE e.reason <> coalesce(t.text, '') ORDER BY e.seq",
                        MLCM__NO_BIND, tell_reason, x, err);
}

static mlcm_status visit(void *user, int64_t seq, const cJSON *entry, mlcm_error *err) {
  examination *x = user;
  return mlcm__audit_rows_visit(x->rows, seq, entry, err);
}

/* ---- the whole ---- */

static mlcm_status examine(examination *x, const mlcm__fsck_anchor *anchor, mlcm__audit_state *state, mlcm_error *err) {
  mlcm__fsck *f = x->f;
  mlcm_status st = mlcm__audit_rows_open(f->ctx, f->conn, &x->rows, err);
  if (st) return st;
  mlcm__audit_rows_tell_to(x->rows, on_row, x);
  st = mlcm__audit_examine(f->conn, &anchor->head, anchor->is_there, visit, on_fault, x, NULL, state, err);
  if (!st) st = mlcm__audit_rows_end(x->rows, err);
  if (!st) st = check_reasons(x, err);
  mlcm__audit_rows_close(x->rows);
  return st;
}

static mlcm_status check_anchor(examination *x, const mlcm__fsck_anchor *anchor, const mlcm__audit_state *state,
                                mlcm_error *err) {
  mlcm__fix fix = state->is_complete && state->entries_fit_head ? MLCM__FIX_ANCHOR : MLCM__FIX_NONE;
  if (anchor->is_unreadable) return tell_anchor(x->f, true, "the head file is not a head", fix, err);
  if (anchor->is_there || state->n_entries == 0) return MLCM_OK;
  return tell_anchor(x->f, false, "there is no head file, or it is empty as after a power cut: a log cut short would go unseen",
                     fix, err);
}

mlcm_status mlcm__fsck_audit(mlcm__fsck *f, const mlcm__fsck_anchor *anchor, mlcm_error *err) {
  examination x = {.f = f, .first = f->report->n};
  mlcm__audit_state state = {0};
  mlcm_error why = {0};
  mlcm_status st = examine(&x, anchor, &state, &why);
  f->report->summary.audit_entries = state.n_entries;
  bool reached_end = st == MLCM_OK;
  st = mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_DATABASE, "audit log", err);
  if (!reached_end) state = (mlcm__audit_state){0};
  decide_fixes(&x, &state);
  if (!st && reached_end) st = check_anchor(&x, anchor, &state, err);
  return st;
}
