/* SPDX-License-Identifier: Apache-2.0
 *
 * calls_model.c - see calls_model.h.
 */
#include "calls_model.h"

#include <stdio.h>
#include <string.h>

const char *const calls_model_names[CALLS_MODELS] = {"a", "b"};
const char *const calls_alias_names[CALLS_ALIASES] = {"champion", "next"};

/* ---- reasons ---- */

unsigned calls_no_model(const calls_model *m) { return m->exists && !m->deleted ? 0 : CALLS_BECAUSE(MLCM_NOT_FOUND); }

unsigned calls_no_version(const calls_model *m, int64_t version) {
  if (version < 1) return CALLS_BECAUSE(MLCM_INVALID_ARGUMENT) | CALLS_BECAUSE(MLCM_NOT_FOUND);
  const bool there = version <= m->n && !m->version[version].deleted;
  return calls_no_model(m) | (there ? 0 : CALLS_BECAUSE(MLCM_NOT_FOUND));
}

unsigned calls_no_move(const calls_model *m, int alias, int64_t to, int64_t expect, bool force) {
  unsigned why = calls_no_model(m);
  if (why) return why;
  if (expect != MLCM_ALIAS_ANY && expect != m->alias[alias]) why |= CALLS_BECAUSE(MLCM_CONFLICT);
  if (alias == 0 && m->rollout_active && to != m->alias[0] && !force) why |= CALLS_BECAUSE(MLCM_CONFLICT);
  return why;
}

unsigned calls_no_delete(const calls_model *m, int64_t version, bool force) {
  const unsigned why = version ? calls_no_version(m, version) : calls_no_model(m);
  if (why || force) return why;
  for (int i = 0; i < CALLS_ALIASES; i++)
    if (m->alias[i] && (version == 0 || m->alias[i] == version)) return CALLS_BECAUSE(MLCM_CONFLICT);
  const bool in_rollout = m->rollout_active && (version == 0 || version == m->stable || version == m->candidate);
  return in_rollout ? CALLS_BECAUSE(MLCM_CONFLICT) : 0;
}

/* ---- effects ---- */

void calls_did_move(calls_model *m, int alias, int64_t to) {
  m->alias[alias] = to;
  if (to) m->alias_ever[alias] = true;
}

void calls_did_delete(calls_model *m, int64_t version) {
  for (int i = 0; i < CALLS_ALIASES; i++)
    if (version == 0 || m->alias[i] == version) m->alias[i] = 0;
  if (version) m->version[version].deleted = true;
  else m->deleted = true;
}

/* ---- what the registry says ---- */

static int64_t alias_of(const calls_world *w, int handle, int model, int alias) {
  int64_t version = 0;
  mlcm_error err = {0};
  mlcm_status st = mlcm_alias_get(w->reg[handle], calls_model_names[model], calls_alias_names[alias], &version, &err);
  if (st && st != MLCM_NOT_FOUND) calls_violation("mlcm_alias_get: %s", err.message);
  return version;
}

static void counts_of(const calls_world *w, int64_t *seq, int64_t *audit_size) {
  mlcm_audit_head head = {0};
  mlcm_error err = {0};
  if (mlcm_changes_head(w->reg[0], seq, &err) || mlcm_audit_head_get(w->reg[0], &head, &err)) calls_violation("heads: %s", err.message);
  *audit_size = head.size;
}

void calls_learn_rollout(calls_state *s, const calls_world *w, int model) {
  calls_model *m = &s->model[model];
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  mlcm_error err = {0};
  if (!m->had_rollout) return;
  mlcm_status st = mlcm_rollout_open(w->reg[0], calls_model_names[model], &rollout, &err);
  if (!st) st = mlcm_rollout_state_get(rollout, &state, &err);
  if (st) calls_violation("a rollout that was started is not there: %s", err.message);
  const mlcm_rollout_summary *now = mlcm_rollout_state_summary(state);
  const int64_t champion = alias_of(w, 0, model, 0);
  if (champion != m->alias[0] && champion != now->candidate && champion != now->stable)
    calls_violation("a rollout of %lld against %lld moved the alias to %lld", (long long)now->candidate, (long long)now->stable, (long long)champion);
  calls_did_move(m, 0, champion);
  m->rollout_active = now->ended_ns == 0;
  m->stable = now->stable;
  m->candidate = now->candidate;
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
}

void calls_state_begin(calls_state *s, const calls_world *w) {
  memset(s, 0, sizeof *s);
  calls_model *a = &s->model[0];
  a->exists = true;
  a->n = 2;
  a->version[2].content = 1;
  calls_did_move(a, 0, 1);
  counts_of(w, &s->seq, &s->audit_size);
}

/* ---- after each call ---- */

static void check_aliases(const calls_state *s, const calls_world *w, const char *call) {
  for (int m = 0; m < CALLS_MODELS; m++)
    for (int i = 0; i < CALLS_ALIASES; i++) {
      const int64_t stands = alias_of(w, i % CALLS_HANDLES, m, i);
      if (stands != s->model[m].alias[i])
        calls_violation("after %s %s@%s stands on %lld, not on %lld", call, calls_model_names[m], calls_alias_names[i], (long long)stands,
                        (long long)s->model[m].alias[i]);
    }
}

void calls_check_step(calls_state *s, const calls_world *w, const char *call, mlcm_status st, const mlcm_error *err, unsigned reasons,
                      bool whole) {
  int64_t seq = 0, audit_size = 0;
  if (reasons ? !(reasons >> st & 1) : st != MLCM_OK)
    calls_violation("%s: %s (%s), reasons 0x%x", call, mlcm_status_name(st), st ? err->message : "", reasons);
  if (st && (err->code != st || !err->message[0])) calls_violation("%s: no error in the struct", call);
  counts_of(w, &seq, &audit_size);
  if (seq < s->seq || audit_size < s->audit_size) calls_violation("%s: feed or log shrank", call);
  if (st && whole && (seq != s->seq || audit_size != s->audit_size)) calls_violation("%s failed and changed something", call);
  if (seq != s->seq) check_aliases(s, w, call);
  s->seq = seq;
  s->audit_size = audit_size;
}

/* ---- at the end ---- */

static void check_version(const calls_world *w, const calls_model *m, const char *name, int64_t number) {
  char ref[32], *bytes = NULL;
  size_t len = 0;
  mlcm_version *v = NULL;
  mlcm_error err = {0};
  snprintf(ref, sizeof ref, "%s/%lld", name, (long long)number);
  mlcm_status st = mlcm_version_get(w->reg[0], ref, &v, &err);
  if (st) calls_violation("%s: %s", ref, err.message);
  const bool deleted = m->deleted || m->version[number].deleted;
  if (mlcm_version_number(v) != number || (mlcm_version_state(v) == MLCM_STATE_DELETED) != deleted) calls_violation("%s: its state", ref);
  if (mlcm_version_n_evaluations(v) != (size_t)m->version[number].n_evaluations) calls_violation("%s: its evaluations", ref);
  for (int i = 0; i < CALLS_ALIASES; i++)
    if (m->alias[i] == number && deleted) calls_violation("%s: an alias stands on what is deleted", ref);
  st = mlcm_version_read(w->reg[0], v, mlcm_version_file(v, 0).path, &bytes, &len, &err);
  if (st || len != 1 || bytes[0] != '0' + m->version[number].content) calls_violation("%s: its bytes: %s", ref, err.message);
  mlcm_free(w->ctx[0], bytes);
  mlcm_version_free(v);
}

static void check_model(const calls_world *w, const calls_model *m, const char *name) {
  mlcm_model *got = NULL;
  mlcm_error err = {0};
  mlcm_status st = mlcm_model_get(w->reg[0], name, &got, &err);
  if (!m->exists) {
    if (st != MLCM_NOT_FOUND) calls_violation("%s is there", name);
    return;
  }
  if (st) calls_violation("%s: %s", name, err.message);
  int64_t ready = 0;
  for (int64_t i = 1; i <= m->n; i++) ready += !m->version[i].deleted;
  const char *tag = mlcm_model_tag_value(got, "k");
  if ((mlcm_model_state(got) == MLCM_STATE_DELETED) != m->deleted || mlcm_model_n_versions(got) != ready) calls_violation("%s: state or count", name);
  if (strcmp(tag ? tag : "", m->tag) != 0) calls_violation("%s: its tag is '%s', not '%s'", name, tag ? tag : "", m->tag);
  mlcm_model_free(got);
  for (int64_t i = 1; i <= m->n; i++) check_version(w, m, name, i);
}

static void check_feed(const calls_state *s, const calls_world *w) {
  mlcm_feed *feed = NULL;
  mlcm_error err = {0};
  if (mlcm_changes(w->reg[0], 0, 10000, &feed, &err)) calls_violation("feed: %s", err.message);
  if ((int64_t)mlcm_feed_n(feed) != s->seq) calls_violation("the feed has %zu changes, not %lld", mlcm_feed_n(feed), (long long)s->seq);
  for (size_t i = 0; i < mlcm_feed_n(feed); i++)
    if (mlcm_feed_at(feed, i).seq != (int64_t)i + 1) calls_violation("a gap in the feed");
  mlcm_feed_free(feed);
}

static void check_rollouts(const calls_world *w, int64_t n) {
  mlcm_error err = {0};
  for (int64_t id = 1; id <= n; id++) {
    mlcm_replay_report report = {0};
    if (mlcm_rollout_replay(w->reg[0], id, &report, &err)) calls_violation("replay of rollout %lld: %s", (long long)id, err.message);
    if (report.identical != report.decisions) calls_violation("rollout %lld replays otherwise: %s", (long long)id, report.difference);
  }
}

static void check_sound(const calls_world *w) {
  mlcm_fsck_report *report = NULL;
  mlcm_error err = {0};
  if (mlcm_fsck(w->ctx[0], w->reg_dir, NULL, NULL, &report, &err)) calls_violation("fsck: %s", err.message);
  if (mlcm_fsck_report_summary(report).damaged) {
    const mlcm_finding found = mlcm_fsck_report_at(report, 0);
    calls_violation("fsck: %s: %s (%s, not %s)", found.object, found.problem, found.found, found.expected);
  }
  mlcm_fsck_report_free(report);
}

void calls_check_end(calls_state *s, const calls_world *w, bool with_fsck) {
  mlcm_audit_head head = {0};
  mlcm_error err = {0};
  for (int i = 0; i < CALLS_MODELS; i++) check_model(w, &s->model[i], calls_model_names[i]);
  check_feed(s, w);
  check_rollouts(w, s->n_rollouts);
  if (mlcm_audit_verify(w->reg[1], NULL, NULL, &head, &err)) calls_violation("audit: %s", err.message);
  if (head.size != s->audit_size) calls_violation("the log has %lld entries, not %lld", (long long)head.size, (long long)s->audit_size);
  if (with_fsck) check_sound(w);
}
