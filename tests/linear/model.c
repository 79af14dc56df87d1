/* SPDX-License-Identifier: Apache-2.0
 *
 * model.c - see model.h. Five kinds of cells (the model's state, a version's state and tag, an alias's target, the list of
 * versions) change by edits that keep the hash and the journal; everything above is what include/mlcm/registry.h says of each call.
 */
#include "model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { EDIT_ADD = 1, EDIT_DELETED, EDIT_TAG, EDIT_TARGET, EDIT_CHANGE, EDIT_MODEL };

/* ---- cells ---- */

static uint64_t mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static uint64_t cell(int32_t what, int64_t at, int64_t value) {
  return mix(mix(mix((uint64_t)what * 0x9e3779b97f4a7c15u) + (uint64_t)at) + (uint64_t)value);
}

static void *grow(void *items, size_t *cap, size_t n, size_t size) {
  if (n < *cap) return items;
  *cap = *cap ? 2 * *cap : 64;
  void *more = realloc(items, *cap * size);
  if (!more) abort(); /* a test without memory proves nothing */
  return more;
}

static void note(lin_model *m, lin_edit edit) {
  m->journal = grow(m->journal, &m->cap_edits, m->n_edits, sizeof *m->journal);
  m->journal[m->n_edits++] = edit;
}

/* A version that is there. */
static lin_version *known(const lin_model *m, int64_t number) { return &m->versions[number - 1]; }

static lin_version *version_at(const lin_model *m, int64_t number) {
  return number >= 1 && (size_t)number <= m->n_versions ? known(m, number) : NULL;
}

static bool is_ready(const lin_model *m, int64_t number) {
  const lin_version *v = version_at(m, number);
  return v && !v->deleted && !m->deleted;
}

static void set_deleted(lin_model *m, int64_t number, int32_t deleted) {
  lin_version *v = known(m, number);
  m->hash ^= cell(EDIT_DELETED, number, v->deleted) ^ cell(EDIT_DELETED, number, deleted);
  v->deleted = deleted;
}

static void set_tag(lin_model *m, int64_t number, int32_t tag) {
  lin_version *v = known(m, number);
  m->hash ^= cell(EDIT_TAG, number, v->tag) ^ cell(EDIT_TAG, number, tag);
  v->tag = tag;
}

static void set_model_deleted(lin_model *m, int32_t deleted) {
  m->hash ^= cell(EDIT_MODEL, 0, m->deleted) ^ cell(EDIT_MODEL, 0, deleted);
  m->deleted = deleted;
}

static uint64_t version_cells(const lin_model *m) {
  const lin_version *v = &m->versions[m->n_versions - 1];
  int64_t number = (int64_t)m->n_versions;
  return cell(EDIT_ADD, number, v->content) ^ cell(EDIT_DELETED, number, v->deleted) ^ cell(EDIT_TAG, number, v->tag);
}

static uint64_t move_cell(const lin_model *m) {
  const lin_move *last = &m->moves[m->n_moves - 1];
  return cell(EDIT_TARGET + 16 * last->alias + 64 * last->undo, (int64_t)m->n_moves, last->to);
}

/* ---- edits ---- */

static void add_version(lin_model *m, int32_t content) {
  m->versions = grow(m->versions, &m->cap_versions, m->n_versions, sizeof *m->versions);
  m->versions[m->n_versions++] = (lin_version){.content = content};
  m->hash ^= version_cells(m);
  note(m, (lin_edit){.what = EDIT_ADD});
}

static void edit_deleted(lin_model *m, int64_t number, int32_t deleted) {
  note(m, (lin_edit){.what = EDIT_DELETED, .at = number, .old = known(m, number)->deleted});
  set_deleted(m, number, deleted);
}

static void edit_tag(lin_model *m, int64_t number, int32_t tag) {
  note(m, (lin_edit){.what = EDIT_TAG, .at = number, .old = known(m, number)->tag});
  set_tag(m, number, tag);
}

static void edit_model_deleted(lin_model *m, int32_t deleted) {
  note(m, (lin_edit){.what = EDIT_MODEL, .old = m->deleted});
  set_model_deleted(m, deleted);
}

static void edit_target(lin_model *m, int32_t alias, int64_t to, int32_t undo) {
  int64_t from = m->targets[alias];
  m->moves = grow(m->moves, &m->cap_moves, m->n_moves, sizeof *m->moves);
  m->moves[m->n_moves++] = (lin_move){.alias = alias, .undo = undo, .from = from, .to = to};
  m->hash ^= move_cell(m);
  note(m, (lin_edit){.what = EDIT_TARGET, .at = alias, .old_target = from});
  m->targets[alias] = to;
}

/* The next line of the feed. False: the feed has another one there. */
static bool edit_change(lin_model *m, lin_change made) {
  if (m->feed) {
    if (m->n_changes >= m->n_feed) return false;
    const lin_change *c = &m->feed[m->n_changes];
    if (c->kind != made.kind || c->version != made.version || c->alias != made.alias || c->value != made.value) return false;
  }
  m->hash ^= cell(EDIT_CHANGE, 0, (int64_t)m->n_changes) ^ cell(EDIT_CHANGE, 0, (int64_t)m->n_changes + 1);
  m->n_changes++;
  note(m, (lin_edit){.what = EDIT_CHANGE});
  return true;
}

static void take_back(lin_model *m, const lin_edit *edit) {
  switch (edit->what) {
  case EDIT_ADD:
    m->hash ^= version_cells(m);
    m->n_versions--;
    break;
  case EDIT_DELETED: set_deleted(m, edit->at, edit->old); break;
  case EDIT_TAG: set_tag(m, edit->at, edit->old); break;
  case EDIT_MODEL: set_model_deleted(m, edit->old); break;
  case EDIT_TARGET:
    m->hash ^= move_cell(m);
    m->n_moves--;
    m->targets[edit->at] = edit->old_target;
    break;
  default:
    assert(edit->what == EDIT_CHANGE);
    m->n_changes--;
    m->hash ^= cell(EDIT_CHANGE, 0, (int64_t)m->n_changes) ^ cell(EDIT_CHANGE, 0, (int64_t)m->n_changes + 1);
    break;
  }
}

void lin_model_back(lin_model *m, size_t n_edits) {
  while (m->n_edits > n_edits) take_back(m, &m->journal[--m->n_edits]);
}

void lin_model_forget(lin_model *m) { m->n_edits = 0; }

void lin_model_init(lin_model *m) { memset(m, 0, sizeof *m); }

void lin_model_reset(lin_model *m) {
  free(m->versions);
  free(m->moves);
  free(m->journal);
  lin_model_init(m);
}

/* ---- changes ---- */

static bool move(lin_model *m, int32_t alias, int64_t to, int32_t undo) {
  int64_t from = m->targets[alias];
  if (from == to) return true;
  edit_target(m, alias, to, undo);
  lin_change made = {.kind = to ? LIN_MOVED : LIN_REMOVED, .alias = alias, .version = to ? to : from, .value = undo};
  return edit_change(m, made);
}

/* The newest target of the alias that is neither deleted, nor where it stands, nor left by an undo since. 0: none. */
static int64_t last_good(const lin_model *m, int32_t alias) {
  int64_t found = 0;
  bool *left = calloc(m->n_versions + 1, sizeof *left); /* by an undo, later than the move looked at */
  if (!left) abort();
  for (size_t i = m->n_moves; i-- > 0 && !found;) {
    const lin_move *past = &m->moves[i];
    if (past->alias != alias) continue;
    if (past->to != m->targets[alias] && is_ready(m, past->to) && !left[past->to]) found = past->to;
    if (past->undo) left[past->from] = true;
  }
  free(left);
  return found;
}

/* The same while the model is deleted: nothing but its restoration goes. */
static mlcm_status answer_when_deleted(const lin_model *m, const lin_op *op) {
  const lin_version *v = version_at(m, op->version);
  switch (op->kind) {
  case LIN_MODEL_RESTORE: return MLCM_OK;
  case LIN_REGISTER: return MLCM_INVALID_STATE;
  case LIN_RESTORE: return v && v->deleted ? MLCM_INVALID_STATE : MLCM_NOT_FOUND;
  default: return MLCM_NOT_FOUND;
  }
}

static bool has_alias(const lin_model *m) {
  for (int32_t a = 0; a < LIN_ALIASES; a++)
    if (m->targets[a]) return true;
  return false;
}

/* What the call must answer now; an answer of MLCM_OK goes with the changes that `change` makes. */
static mlcm_status answer_to(const lin_model *m, const lin_op *op) {
  bool expected = op->expect == -1 || (op->alias >= 0 && op->expect == m->targets[op->alias]);
  if (m->deleted) return answer_when_deleted(m, op);
  switch (op->kind) {
  case LIN_MODEL_DELETE: return m->n_versions == 0 ? MLCM_NOT_FOUND : has_alias(m) && !op->force ? MLCM_CONFLICT : MLCM_OK;
  case LIN_MODEL_RESTORE: return MLCM_NOT_FOUND;
  case LIN_ALIAS_SET: return !expected ? MLCM_CONFLICT : is_ready(m, op->version) ? MLCM_OK : MLCM_NOT_FOUND;
  case LIN_ALIAS_DELETE: return m->targets[op->alias] == 0 ? MLCM_NOT_FOUND : expected ? MLCM_OK : MLCM_CONFLICT;
  case LIN_UNDO: return last_good(m, op->alias) ? MLCM_OK : MLCM_NOT_FOUND;
  case LIN_DELETE: {
    if (!is_ready(m, op->version)) return MLCM_NOT_FOUND;
    return lin_model_row(m, op->version).aliases && !op->force ? MLCM_CONFLICT : MLCM_OK;
  }
  case LIN_RESTORE: return version_at(m, op->version) && !is_ready(m, op->version) ? MLCM_OK : MLCM_NOT_FOUND;
  case LIN_TAG: return is_ready(m, op->version) ? MLCM_OK : MLCM_NOT_FOUND;
  default: return MLCM_OK;
  }
}

static bool remove_version(lin_model *m, int64_t number) {
  bool fits = true;
  for (int32_t a = 0; fits && a < LIN_ALIASES; a++)
    if (m->targets[a] == number) fits = move(m, a, 0, 0);
  edit_deleted(m, number, 1);
  return fits && edit_change(m, (lin_change){.kind = LIN_DELETED, .alias = -1, .version = number});
}

static bool remove_model(lin_model *m) {
  bool fits = true;
  for (int32_t a = 0; fits && a < LIN_ALIASES; a++) fits = move(m, a, 0, 0);
  edit_model_deleted(m, 1);
  return fits && edit_change(m, (lin_change){.kind = LIN_MODEL_DELETED, .alias = -1});
}

static bool add(lin_model *m, const lin_op *op, bool answered) {
  add_version(m, op->content);
  int64_t number = (int64_t)m->n_versions;
  if (answered && op->seen != number) return false;
  lin_change made = {.kind = LIN_REGISTERED, .alias = -1, .version = number, .value = op->content};
  return edit_change(m, made) && (op->alias < 0 || move(m, op->alias, number, 0));
}

static bool undo(lin_model *m, const lin_op *op, bool answered) {
  int64_t to = last_good(m, op->alias);
  return (!answered || op->seen == to) && move(m, op->alias, to, 1);
}

static bool change(lin_model *m, const lin_op *op, bool answered) {
  mlcm_status must = answer_to(m, op);
  if (answered ? must != op->status : must != MLCM_OK) return false;
  if (must != MLCM_OK) return true;
  switch (op->kind) {
  case LIN_REGISTER: return add(m, op, answered);
  case LIN_ALIAS_SET: return move(m, op->alias, op->version, 0);
  case LIN_ALIAS_DELETE: return move(m, op->alias, 0, 0);
  case LIN_UNDO: return undo(m, op, answered);
  case LIN_DELETE: return remove_version(m, op->version);
  case LIN_RESTORE:
    edit_deleted(m, op->version, 0);
    return edit_change(m, (lin_change){.kind = LIN_RESTORED, .alias = -1, .version = op->version});
  case LIN_MODEL_DELETE: return remove_model(m);
  case LIN_MODEL_RESTORE:
    edit_model_deleted(m, 0);
    return edit_change(m, (lin_change){.kind = LIN_MODEL_RESTORED, .alias = -1});
  default:
    assert(op->kind == LIN_TAG);
    edit_tag(m, op->version, op->tag);
    return edit_change(m, (lin_change){.kind = LIN_TAGGED, .alias = -1, .version = op->version, .value = op->tag});
  }
}

/* ---- readings ---- */

lin_row lin_model_row(const lin_model *m, int64_t number) {
  const lin_version *v = known(m, number);
  lin_row row = {.number = number, .content = v->content, .tag = v->tag, .deleted = (int16_t)(v->deleted | m->deleted)};
  for (int a = 0; a < LIN_ALIASES; a++)
    if (m->targets[a] == number) row.aliases = (int16_t)(row.aliases | 1 << a);
  return row;
}

static bool same_row(const lin_row *a, const lin_row *b) {
  return a->number == b->number && a->content == b->content && a->tag == b->tag && a->deleted == b->deleted &&
         a->aliases == b->aliases;
}

static bool was_got(const lin_model *m, const lin_op *op) {
  int64_t number = op->alias < 0 ? op->version : m->targets[op->alias];
  if (!version_at(m, number)) return op->status == MLCM_NOT_FOUND;
  lin_row row = lin_model_row(m, number);
  return op->status == MLCM_OK && op->n_rows == 1 && same_row(&row, &op->rows[0]);
}

static bool was_listed(const lin_model *m, const lin_op *op) {
  int32_t n = 0;
  if (op->status != MLCM_OK) return false;
  for (int64_t number = (int64_t)m->n_versions; number > 0 && n < LIN_LISTED; number--) {
    if (!is_ready(m, number)) continue;
    lin_row row = lin_model_row(m, number);
    if (n >= op->n_rows || !same_row(&row, &op->rows[n])) return false;
    n++;
  }
  return n == op->n_rows;
}

static bool was_read(const lin_model *m, const lin_op *op) {
  switch (op->kind) {
  case LIN_RESOLVE: {
    int64_t target = m->targets[op->alias];
    return target ? op->status == MLCM_OK && op->seen == target : op->status == MLCM_NOT_FOUND;
  }
  case LIN_GET: return was_got(m, op);
  case LIN_LIST: return was_listed(m, op);
  default: return op->kind == LIN_HEAD && op->status == MLCM_OK && op->seen == (int64_t)m->n_changes;
  }
}

bool lin_model_apply(lin_model *m, const lin_op *op) {
  size_t n_edits = m->n_edits;
  bool answered = op->progress == LIN_ANSWERED;
  if (!lin_is_change(op->kind)) return answered && was_read(m, op);
  bool fits = change(m, op, answered);
  if (!fits) lin_model_back(m, n_edits);
  return fits;
}

void lin_model_print(FILE *out, const lin_model *m) {
  int32_t n = 0;
  fprintf(out, "%s%zu versions, %zu changes", m->deleted ? "deleted, " : "", m->n_versions, m->n_changes);
  for (int a = 0; a < LIN_ALIASES; a++) fprintf(out, ", %c on %lld", 'a' + a, (long long)m->targets[a]);
  for (int64_t number = (int64_t)m->n_versions; number > 0 && n < LIN_LISTED; number--, n++) {
    lin_row row = lin_model_row(m, number);
    fprintf(out, n ? ", " : "; newest ");
    lin_print_row(out, &row);
  }
  fputc('\n', out);
}
