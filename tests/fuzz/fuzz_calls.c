/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_calls.c - any bytes as a sequence of calls on a small registry: one byte a call, its arguments from the bytes behind it. Through
 * two handles, with the clock moved forth and back, with rollouts, backups, collections and reopening in between. After each call and at
 * the end the registry must be what a model of a few lines says (calls_model.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls_model.h"

enum { CALLS_MAX = 32, FSCK_EVERY = 8 }; /* of the inputs, by their last byte: a finding replays */

/* One call being made: where its bytes come from, and on what. */
typedef struct calls {
  const uint8_t *at, *end;
  calls_world *w;
  calls_state s;
  int handle;
  int n_backups;
} calls;

static unsigned take(calls *c, unsigned n) { return c->at < c->end ? *c->at++ % n : 0; }

static mlcm_registry *reg(const calls *c) { return c->w->reg[c->handle]; }

/* A model to call on, with what its rollouts did meanwhile learnt. */
static calls_model *take_model(calls *c, const char **name) {
  const int i = (int)take(c, CALLS_MODELS);
  *name = calls_model_names[i];
  calls_learn_rollout(&c->s, c->w, i);
  return &c->s.model[i];
}

/* Mostly one that is there. */
static int64_t take_version(calls *c, const calls_model *m) { return take(c, (unsigned)m->n + 2); }

static int64_t take_expect(calls *c, const calls_model *m, int alias) {
  switch (take(c, 4)) {
  case 0: return m->alias[alias];
  case 1: return (int64_t)take(c, 4);
  default: return MLCM_ALIAS_ANY;
  }
}

static bool done(calls *c, const char *call, mlcm_status st, const mlcm_error *err, unsigned reasons) {
  if (c->w->read_only[c->handle]) reasons |= CALLS_BECAUSE(MLCM_REFUSED);
  calls_check_step(&c->s, c->w, call, st, err, reasons, true);
  return st == MLCM_OK;
}

/* A call that only reads: read-only handles may, too. */
static bool read_done(calls *c, const char *call, mlcm_status st, const mlcm_error *err, unsigned reasons) {
  calls_check_step(&c->s, c->w, call, st, err, reasons, true);
  return st == MLCM_OK;
}

/* The effects stand in the model before the step is checked: so a call is made first, judged by its status, then checked. */
static bool judged(calls *c, mlcm_status st, unsigned *reasons) {
  if (c->w->read_only[c->handle]) *reasons |= CALLS_BECAUSE(MLCM_REFUSED);
  return st == MLCM_OK && *reasons == 0;
}

static void check(calls *c, const char *call, mlcm_status st, const mlcm_error *err, unsigned reasons) {
  calls_check_step(&c->s, c->w, call, st, err, reasons, true);
}

/* ---- versions ---- */

static void did_register(calls_model *m, int content) {
  m->exists = true;
  m->version[++m->n] = (calls_version){.content = content};
}

static void call_register(calls *c) {
  const char *name, *aliases[1];
  calls_model *m = take_model(c, &name);
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  mlcm_version *v = NULL;
  mlcm_error err = {0};
  const int content = (int)take(c, CALLS_CONTENTS), alias = (int)take(c, CALLS_ALIASES + 1);
  unsigned why = m->deleted ? CALLS_BECAUSE(MLCM_INVALID_STATE) : 0;
  if (m->n == CALLS_VERSIONS) return;
  if (alias < CALLS_ALIASES) {
    aliases[0] = calls_alias_names[alias];
    options.aliases = aliases;
    options.n_aliases = 1;
    if (alias == 0 && m->rollout_active) why |= CALLS_BECAUSE(MLCM_CONFLICT);
  }
  if (take(c, 8) == 7) { /* bytes that nothing refers to are left behind */
    options.parent = "nobody/1";
    why |= CALLS_BECAUSE(MLCM_NOT_FOUND);
  }
  mlcm_status st = mlcm_register(reg(c), name, c->w->content[content], &options, NULL, &v, &err);
  if (judged(c, st, &why)) {
    did_register(m, content);
    if (alias < CALLS_ALIASES) calls_did_move(m, alias, m->n);
    if (mlcm_version_number(v) != m->n) calls_violation("version %lld was used again or left out", (long long)m->n);
  }
  mlcm_version_free(v);
  check(c, "mlcm_register", st, &err, why);
}

static void call_register_many(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const int content[] = {(int)take(c, CALLS_CONTENTS), (int)take(c, CALLS_CONTENTS)};
  const mlcm_register_item items[] = {{c->w->content[content[0]], NULL}, {c->w->content[content[1]], NULL}};
  int64_t first = 0;
  mlcm_error err = {0};
  unsigned why = m->deleted ? CALLS_BECAUSE(MLCM_INVALID_STATE) : 0;
  if (m->n + 2 > CALLS_VERSIONS) return;
  mlcm_status st = mlcm_register_many(reg(c), name, items, 2, NULL, &first, &err);
  if (judged(c, st, &why)) {
    if (first != m->n + 1) calls_violation("mlcm_register_many began with %lld", (long long)first);
    for (int i = 0; i < 2; i++) did_register(m, content[i]);
  }
  check(c, "mlcm_register_many", st, &err, why);
}

static void call_version_delete(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const int64_t version = take_version(c, m);
  const bool force = take(c, 2);
  mlcm_error err = {0};
  unsigned why = version ? calls_no_delete(m, version, force) : CALLS_BECAUSE(MLCM_INVALID_ARGUMENT);
  mlcm_status st = mlcm_version_delete(reg(c), name, version, force ? MLCM_FORCE : 0, NULL, &err);
  if (judged(c, st, &why)) calls_did_delete(m, version);
  check(c, "mlcm_version_delete", st, &err, why);
}

static void call_version_restore(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const int64_t version = 1 + take_version(c, m);
  const bool there = m->exists && version <= m->n && m->version[version].deleted;
  mlcm_error err = {0};
  unsigned why = there ? 0 : CALLS_BECAUSE(MLCM_NOT_FOUND);
  if (m->deleted) why |= CALLS_BECAUSE(MLCM_INVALID_STATE);
  mlcm_status st = mlcm_version_restore(reg(c), name, version, NULL, &err);
  if (judged(c, st, &why)) m->version[version].deleted = false;
  check(c, "mlcm_version_restore", st, &err, why);
}

static void call_evaluate(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const int64_t version = 1 + take_version(c, m);
  const mlcm_score score = {"accuracy", 0.5};
  const mlcm_evaluation evaluation = {.name = "holdout", .scores = &score, .n_scores = 1};
  mlcm_error err = {0};
  unsigned why = calls_no_version(m, version);
  mlcm_status st = mlcm_evaluate(reg(c), name, version, &evaluation, NULL, &err);
  if (judged(c, st, &why)) m->version[version].n_evaluations++;
  check(c, "mlcm_evaluate", st, &err, why);
}

/* ---- models ---- */

static void call_model_create(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  mlcm_error err = {0};
  unsigned why = m->exists ? CALLS_BECAUSE(MLCM_ALREADY_EXISTS) : 0;
  mlcm_status st = mlcm_model_create(reg(c), name, "made", NULL, &err);
  if (judged(c, st, &why)) m->exists = true;
  check(c, "mlcm_model_create", st, &err, why);
}

static void call_model_delete(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const bool force = take(c, 2);
  mlcm_error err = {0};
  unsigned why = calls_no_delete(m, 0, force);
  mlcm_status st = mlcm_model_delete(reg(c), name, force ? MLCM_FORCE : 0, NULL, &err);
  if (judged(c, st, &why)) calls_did_delete(m, 0);
  check(c, "mlcm_model_delete", st, &err, why);
}

static void call_model_restore(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  mlcm_error err = {0};
  unsigned why = m->deleted ? 0 : CALLS_BECAUSE(MLCM_NOT_FOUND);
  mlcm_status st = mlcm_model_restore(reg(c), name, NULL, &err);
  if (judged(c, st, &why)) m->deleted = false;
  check(c, "mlcm_model_restore", st, &err, why);
}

static void call_tag(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const char value[2] = {(char)('0' + take(c, 3)), '\0'};
  mlcm_error err = {0};
  unsigned why = calls_no_model(m);
  mlcm_status st = value[0] == '0' ? mlcm_model_tag_delete(reg(c), name, "k", NULL, &err) : mlcm_model_tag_set(reg(c), name, "k", value, NULL, &err);
  if (judged(c, st, &why)) memcpy(m->tag, value[0] == '0' ? "" : value, value[0] == '0' ? 1 : 2);
  check(c, "mlcm_model_tag", st, &err, why);
}

/* ---- aliases ---- */

static void call_alias_set(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const int alias = (int)take(c, CALLS_ALIASES);
  const int64_t version = take_version(c, m), expect = take_expect(c, m, alias);
  const bool force = take(c, 2);
  mlcm_error err = {0};
  unsigned why = calls_no_move(m, alias, version, expect, force) | calls_no_version(m, version);
  mlcm_status st = mlcm_alias_set(reg(c), name, calls_alias_names[alias], version, expect, force ? MLCM_FORCE : 0, NULL, &err);
  if (judged(c, st, &why)) calls_did_move(m, alias, version);
  check(c, "mlcm_alias_set", st, &err, why);
}

static void call_alias_delete(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const int alias = (int)take(c, CALLS_ALIASES);
  const int64_t expect = take_expect(c, m, alias);
  const bool force = take(c, 2);
  mlcm_error err = {0};
  unsigned why = calls_no_move(m, alias, 0, expect, force);
  if (!m->alias[alias]) why |= CALLS_BECAUSE(MLCM_NOT_FOUND);
  if (expect == MLCM_ALIAS_UNSET) why |= CALLS_BECAUSE(MLCM_INVALID_ARGUMENT);
  mlcm_status st = mlcm_alias_delete(reg(c), name, calls_alias_names[alias], expect, force ? MLCM_FORCE : 0, NULL, &err);
  if (judged(c, st, &why)) calls_did_move(m, alias, 0);
  check(c, "mlcm_alias_delete", st, &err, why);
}

/* What the last good version is, the registry says; undo must do as it says. */
static void call_alias_undo(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const int alias = (int)take(c, CALLS_ALIASES);
  int64_t good = 0, to = 0;
  mlcm_error err = {0};
  mlcm_status known = mlcm_alias_last_good(reg(c), name, calls_alias_names[alias], &good, &err);
  if (!known && (good == m->alias[alias] || calls_no_version(m, good))) calls_violation("/%lld is no good version", (long long)good);
  unsigned why = known ? CALLS_BECAUSE(known) : calls_no_move(m, alias, good, MLCM_ALIAS_ANY, false);
  mlcm_status st = mlcm_alias_undo(reg(c), name, calls_alias_names[alias], MLCM_ALIAS_ANY, 0, NULL, &to, &err);
  if (judged(c, st, &why)) {
    if (to != good) calls_violation("undone to /%lld, not /%lld", (long long)to, (long long)good);
    calls_did_move(m, alias, to);
  }
  check(c, "mlcm_alias_undo", st, &err, why);
}

static void call_history(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const int alias = (int)take(c, CALLS_ALIASES);
  mlcm_history *history = NULL;
  mlcm_error err = {0};
  mlcm_status st = mlcm_alias_history(reg(c), name, calls_alias_names[alias], 0, 1000, &history, &err);
  if (!st && (mlcm_history_n(history) == 0 || mlcm_history_at(history, 0).to != m->alias[alias]))
    calls_violation("the newest move of %s@%s is not where it stands", name, calls_alias_names[alias]);
  mlcm_history_free(history);
  read_done(c, "mlcm_alias_history", st, &err, m->exists && m->alias_ever[alias] ? 0 : CALLS_BECAUSE(MLCM_NOT_FOUND));
}

/* ---- search ---- */

static int64_t n_ready(const calls *c) {
  int64_t n = 0;
  for (int i = 0; i < CALLS_MODELS; i++)
    for (int64_t v = 1; v <= c->s.model[i].n && !c->s.model[i].deleted; v++) n += !c->s.model[i].version[v].deleted;
  return n;
}

/* All versions, a few a page. */
static void call_search(calls *c) {
  static const char *const orders[] = {NULL, "name, version DESC", "tags.k", "created DESC"};
  mlcm_query query = MLCM_QUERY_INIT;
  mlcm_page *page = NULL;
  char *token = NULL;
  mlcm_error err = {0};
  mlcm_status st = MLCM_OK;
  size_t n = 0;
  query.order_by = orders[take(c, 4)];
  query.limit = 1 + take(c, 3);
  do {
    query.page_token = token;
    st = mlcm_search_versions(reg(c), &query, &page, &err);
    if (st) break;
    n += mlcm_page_n(page);
    free(token);
    token = mlcm_page_next(page) ? strdup(mlcm_page_next(page)) : NULL;
    mlcm_page_free(page);
  } while (token);
  free(token);
  if (!st && (int64_t)n != n_ready(c)) calls_violation("a search found %zu versions of %lld", n, (long long)n_ready(c));
  read_done(c, "mlcm_search_versions", st, &err, 0);
}

/* ---- keeping ---- */

static void call_gc(calls *c) {
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  mlcm_error err = {0};
  options.grace_ns = take(c, 2);
  options.dry_run = (int32_t)take(c, 2);
  mlcm_status st = mlcm_gc(reg(c), &options, NULL, NULL, &err);
  if (options.dry_run) read_done(c, "mlcm_gc", st, &err, 0);
  else done(c, "mlcm_gc", st, &err, 0);
}

static void call_backup(calls *c) {
  mlcm_fsck_report *report = NULL;
  mlcm_error err = {0};
  unsigned why = c->n_backups ? CALLS_BECAUSE(MLCM_ALREADY_EXISTS) : 0;
  mlcm_status st = mlcm_backup(reg(c), c->w->backup_dir, NULL, NULL, NULL, &err);
  if (!done(c, "mlcm_backup", st, &err, why)) return;
  c->n_backups++;
  if (mlcm_fsck(c->w->ctx[0], c->w->backup_dir, NULL, NULL, &report, &err)) calls_violation("backup: %s", err.message);
  if (mlcm_fsck_report_summary(report).damaged) calls_violation("a damaged backup: %s", mlcm_fsck_report_at(report, 0).problem);
  mlcm_fsck_report_free(report);
}

static void call_reopen(calls *c) { calls_world_reopen(c->w, c->handle, take(c, 4) == 3); }

static void call_clock(calls *c) {
  static const int64_t seconds[] = {1, 3600, 90000, -3600, -90000, 6};
  const int64_t by = seconds[take(c, 6)] * TEST_SECOND_NS;
  if (by > 0) test_clock_advance(&c->w->clock, by);
  else test_clock_set_wall(&c->w->clock, c->w->clock.wall_ns + by);
}

/* ---- rollouts ---- */

static void call_rollout_start(calls *c) {
  static const char form[] = "mlcm: rollout/v1\nendpoint: %s\ncandidate: %s/%lld\nsteps: [{weight: 5%%, for: 5s}]\n"
                             "expire: {after: 1h, action: rollback}\nchecks: [{name: errors, compare: error, tolerate: 2x}]\n";
  const char *name;
  calls_model *m = take_model(c, &name);
  const int64_t candidate = 1 + take_version(c, m);
  mlcm_rollout *rollout = NULL;
  mlcm_error err = {0};
  char plan[512];
  snprintf(plan, sizeof plan, form, name, name, (long long)candidate);
  unsigned why = calls_no_version(m, candidate);
  if (!why && !m->alias[0]) why |= CALLS_BECAUSE(MLCM_NOT_FOUND);
  if (m->rollout_active) why |= CALLS_BECAUSE(MLCM_CONFLICT);
  if (candidate == m->alias[0]) why |= CALLS_BECAUSE(MLCM_INVALID_ARGUMENT);
  mlcm_status st = mlcm_rollout_start(reg(c), "plan", mlcm_str_of(plan), NULL, &rollout, &err);
  if (judged(c, st, &why)) {
    m->had_rollout = true;
    c->s.n_rollouts++;
    mlcm_rollout_close(c->w->rollout[c->handle]);
    c->w->rollout[c->handle] = rollout;
  }
  check(c, "mlcm_rollout_start", st, &err, why);
}

/* Statuses that depend on what other handle holds the lease: one of them, and the registry says afterwards what came of it. */
static void rollout_done(calls *c, const char *call, mlcm_status st, const mlcm_error *err, unsigned reasons, bool whole) {
  if (c->w->read_only[c->handle]) reasons |= CALLS_BECAUSE(MLCM_REFUSED);
  for (int i = 0; i < CALLS_MODELS; i++) calls_learn_rollout(&c->s, c->w, i);
  calls_check_step(&c->s, c->w, call, st, err, reasons, whole);
}

static void call_rollout_tick(calls *c) {
  mlcm_rollout *rollout = c->w->rollout[c->handle];
  mlcm_decision *decision = NULL;
  mlcm_error err = {0};
  if (!rollout) return;
  mlcm_status st = mlcm_rollout_tick(rollout, NULL, &decision, &err);
  const mlcm_action action = decision ? mlcm_decision_action(decision) : 0;
  if (action == MLCM_ACTION_ADVANCE) calls_violation("advanced without data");
  if (action == MLCM_ACTION_PROMOTE && !mlcm_decision_actor(decision)[0]) calls_violation("promoted without data");
  mlcm_decision_free(decision);
  rollout_done(c, "mlcm_rollout_tick", st, &err,
               CALLS_BECAUSE(MLCM_OK) | CALLS_BECAUSE(MLCM_STALE) | CALLS_BECAUSE(MLCM_INVALID_STATE), false);
}

static void call_rollout_command(calls *c) {
  mlcm_rollout *rollout = c->w->rollout[c->handle];
  const mlcm_command command = (mlcm_command)(1 + take(c, 4));
  mlcm_error err = {0};
  if (!rollout) return;
  mlcm_status st = mlcm_rollout_command(rollout, command, NULL, &err);
  rollout_done(c, "mlcm_rollout_command", st, &err, CALLS_BECAUSE(MLCM_OK) | CALLS_BECAUSE(MLCM_INVALID_STATE), true);
}

static void call_rollout_open(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  mlcm_rollout *rollout = NULL;
  mlcm_error err = {0};
  mlcm_status st = mlcm_rollout_open(reg(c), name, &rollout, &err);
  if (!st) {
    mlcm_rollout_close(c->w->rollout[c->handle]);
    c->w->rollout[c->handle] = rollout;
  }
  read_done(c, "mlcm_rollout_open", st, &err, m->had_rollout ? 0 : CALLS_BECAUSE(MLCM_NOT_FOUND));
}

static void call_rollout_undo(calls *c) {
  const char *name;
  calls_model *m = take_model(c, &name);
  const bool abort_first = take(c, 2);
  int64_t to = 0;
  mlcm_error err = {0};
  mlcm_status st = mlcm_rollout_undo(reg(c), name, abort_first ? MLCM_UNDO_ABORT : 0, NULL, &to, &err);
  if (!st) {
    if (calls_no_version(m, to)) calls_violation("undone to /%lld, which is not there", (long long)to);
    calls_did_move(m, 0, to);
  }
  rollout_done(c, "mlcm_rollout_undo", st, &err,
               CALLS_BECAUSE(MLCM_OK) | CALLS_BECAUSE(MLCM_NOT_FOUND) | CALLS_BECAUSE(MLCM_CONFLICT), !abort_first);
}

/* ---- */

static void (*const table[])(calls *c) = {
    call_register,      call_register_many, call_version_delete, call_version_restore, call_evaluate,        call_model_create,
    call_model_delete,  call_model_restore, call_tag,            call_alias_set,       call_alias_delete,    call_alias_undo,
    call_history,       call_search,        call_gc,             call_backup,          call_reopen,          call_clock,
    call_rollout_start, call_rollout_tick,  call_rollout_tick,   call_rollout_command, call_rollout_open,    call_rollout_undo,
};
enum { TABLE = sizeof table / sizeof *table };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  calls c = {.at = data, .end = data + size, .w = calls_world_begin()};
  calls_state_begin(&c.s, c.w);
  for (int i = 0; i < CALLS_MAX && c.at < c.end; i++) {
    const uint8_t what = *c.at++;
    c.handle = what >> 7;
    table[(what & 0x7f) % TABLE](&c);
  }
  calls_check_end(&c.s, c.w, size == 0 || data[size - 1] % FSCK_EVERY == 0);
  calls_world_end(c.w);
  return 0;
}
