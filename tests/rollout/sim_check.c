/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_check.c - what must hold after each step of a simulated rollout, read from the database by an observer of its own.
 *
 *   writer     chunks and decisions are written by the holder of the lease of that moment, under its epoch; epochs never fall
 *   store      what was there stays: no chunk, decision or routing epoch goes away; numbers have no gaps; the chain is whole
 *   once       a tick's evidence is exactly what was served by then, since the beginning: nothing lost, nothing counted twice
 *   proof      a weight is raised, and a candidate promoted, only on proof of this very step, or because a person said so
 *   data       ... and never without answers of the candidate in this step
 *   harm       a verdict of failure stands on enough evidence of harm
 *   good       whatever ends or displaces a rollout leaves the traffic on a version that was good: where a person put the
 *              alias, or what was promoted
 *   rest       alias and routing agree whenever no rollout is under way, and stable is the alias's while one is
 *   hand out   each decision is handed out at most once, and only when it is recorded
 *   replay     every decision is made again, byte for byte
 *   sound      mlcm_fsck finds no damage after any decision
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/sim.h"

void sim_blame(sim *s, const char *format, ...) {
  va_list args;
  if (s->violation[0]) return; /* the first says most */
  va_start(args, format);
  vsnprintf(s->violation, sizeof(s->violation), format, args);
  va_end(args);
  sim_say(s, "VIOLATION %s", s->violation);
}

bool sim_violated(const sim *s) { return s->violation[0] != '\0'; }

/* ---- the observer --------------------------------------------------------------------------------------------------- */

static sqlite3_stmt *prepare(sim *s, const char *sql) {
  sqlite3_stmt *stmt = NULL;
  ck_assert_msg(sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(s->db));
  return stmt;
}

void sim_observe_begin(sim *s) {
  char *path = test_path(s->reg_dir, "registry.db");
  ck_assert_int_eq(sqlite3_open(path, &s->db), SQLITE_OK);
  free(path);
  s->look = prepare(s, "SELECT n_chunks, n_decisions, lease_epoch, lease_expires_ns, status, ifnull(active, 0), holder,"
                       " (SELECT ifnull(max(version), 0) FROM alias WHERE name = 'champion')"
                       " FROM rollout WHERE id = 1");
  s->routes = prepare(s, "SELECT epoch, stable, candidate, rollout_id FROM routing WHERE epoch > ? ORDER BY epoch");
  s->chunks = prepare(s, "SELECT chunk, lease_epoch, lines, digest FROM evidence WHERE chunk > ? ORDER BY chunk");
  s->decisions = prepare(s, "SELECT seq, record FROM decision WHERE seq > ? ORDER BY seq");
  sim_proof_begin(&s->proof, s->plan);
  ck_assert_int_eq(mlcm__sha256_of("", 0, s->chain, NULL), MLCM_OK);
  sim_look(s, SIM_PERSON);
}

void sim_observe_end(sim *s) {
  sqlite3_finalize(s->look);
  sqlite3_finalize(s->routes);
  sqlite3_finalize(s->chunks);
  sqlite3_finalize(s->decisions);
  ck_assert_int_eq(sqlite3_close(s->db), SQLITE_OK);
}

static bool step_row(sim *s, sqlite3_stmt *stmt) {
  const int rc = sqlite3_step(stmt);
  ck_assert_msg(rc == SQLITE_ROW || rc == SQLITE_DONE, "seed %u: the observer: %s", s->seed, sqlite3_errmsg(s->db));
  return rc == SQLITE_ROW;
}

static void read_head(sim *s, sim_seen *now) {
  *now = s->seen;
  ck_assert(step_row(s, s->look));
  now->n_chunks = sqlite3_column_int64(s->look, 0);
  now->n_decisions = sqlite3_column_int64(s->look, 1);
  now->lease_epoch = sqlite3_column_int64(s->look, 2);
  now->lease_expires_ns = sqlite3_column_int64(s->look, 3);
  now->status = sqlite3_column_int64(s->look, 4);
  now->active = sqlite3_column_int64(s->look, 5);
  snprintf(now->holder, sizeof(now->holder), "%s", (const char *)sqlite3_column_text(s->look, 6));
  now->alias = sqlite3_column_int64(s->look, 7);
  sqlite3_reset(s->look);
}

static void read_routes(sim *s, sim_seen *now) {
  sqlite3_bind_int64(s->routes, 1, s->seen.epoch);
  while (step_row(s, s->routes)) {
    now->epoch = sqlite3_column_int64(s->routes, 0);
    now->stable = sqlite3_column_int64(s->routes, 1);
    now->candidate = sqlite3_column_int64(s->routes, 2);
    now->rollout = sqlite3_column_int64(s->routes, 3);
    ck_assert_int_lt(now->epoch, SIM_EPOCHS);
    if (!now->rollout && now->epoch == 1) continue; /* before the rollout: not its evidence */
    s->route[now->epoch][0] = now->stable;
    s->route[now->epoch][1] = now->candidate;
  }
  sqlite3_reset(s->routes);
}

/* ---- chunks --------------------------------------------------------------------------------------------------------- */

/* The lease under which the writer may have written: his own, or one that was free for him to take. */
static void check_writer(sim *s, int by, int64_t epoch) {
  const sim_seen *before = &s->seen;
  if (epoch < s->last_chunk_epoch)
    sim_blame(s, "writer: a chunk of lease epoch %lld after one of %lld", (long long)epoch, (long long)s->last_chunk_epoch);
  s->last_chunk_epoch = epoch;
  if (by < 0 && (epoch == before->lease_epoch || epoch == before->lease_epoch + 1)) return;
  const sim_process *p = by < 0 ? NULL : &s->process[by];
  const int64_t now = p ? 1000 * SECOND + s->now_ns + p->mono_skew_ns : 0;
  const bool held = p && epoch == before->lease_epoch && strcmp(before->holder, s->name[by]) == 0;
  const bool was_free = epoch == before->lease_epoch + 1 && (!before->holder[0] || now >= before->lease_expires_ns);
  const bool starts = epoch == 0 && before->n_chunks == 0;
  if (!held && !was_free && !starts)
    sim_blame(s, "writer: process %d wrote under lease epoch %lld; before its step it was %lld of another holder", by,
              (long long)epoch, (long long)before->lease_epoch);
}

static const sim_moment *moment_of(const sim *s, int by, int64_t mono_ns) {
  for (size_t i = s->n_moments; i-- > 0;)
    if ((by < 0 || s->moments[i].process == by) && s->moments[i].mono_ns == mono_ns) return &s->moments[i];
  return NULL;
}

static bool same(const sim_counts *a, const sim_counts *b) {
  return a->cn == b->cn && a->cb == b->cb && a->sn == b->sn && a->sb == b->sb;
}

static bool more(const sim_counts *a, const sim_counts *b) {
  return a->cn > b->cn || a->cb > b->cb || a->sn > b->sn || a->sb > b->sb;
}

static void check_once(sim *s, const sim_moment *m, const char *what, const sim_counts *recorded, const sim_counts *served) {
  if (m->is_clean ? same(recorded, served) : !more(recorded, served)) return;
  sim_blame(s, "once: %s: recorded are %lld/%lld of the candidate, %lld/%lld of stable; served were %lld/%lld, %lld/%lld", what,
            (long long)recorded->cb, (long long)recorded->cn, (long long)recorded->sb, (long long)recorded->sn,
            (long long)served->cb, (long long)served->cn, (long long)served->sb, (long long)served->sn);
}

static void check_counts(sim *s, int by, int64_t mono_ns) {
  const sim_moment *m = moment_of(s, by, mono_ns);
  if (!m) {
    sim_blame(s, "once: a tick at %lld is recorded at which process %d did not tick", (long long)mono_ns, by);
    return;
  }
  check_once(s, m, "requests", &s->proof.traffic, &m->served[SIM_REQUEST]);
  for (int i = 0; i < s->plan->n_checks; i++) {
    const sim_check *check = &s->plan->checks[i];
    if (!check->compares) continue;
    const int kind = check->is_outcome ? SIM_WRONG_REQUEST : SIM_REQUEST;
    check_once(s, m, check->name, &s->proof.check[i].total, &m->served[check->by_request ? kind : kind + 1]);
  }
}

/* Lines of ticks, and the closing one of totals. */
static void take_lines(sim *s, int by, const char *lines) {
  for (const char *at = lines; *at && !sim_violated(s);) {
    const char *end = strchrnul(at, '\n');
    int64_t mono_ns = 0;
    if (strncmp(at, "{\"cells\"", 8) != 0) {
      if (!sim_proof_take(&s->proof, at, (size_t)(end - at), &mono_ns)) sim_blame(s, "store: a line of evidence cannot be read");
      if (s->n_ticks_recorded++ > 0) check_counts(s, by, mono_ns); /* the first one starts the rollout */
    }
    at = *end ? end + 1 : end;
  }
}

static void check_chain(sim *s, const char *lines, const void *digest) {
  mlcm__sha256 h = {0};
  ck_assert_int_eq(mlcm__sha256_init(&h, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__sha256_update(&h, s->chain, sizeof(s->chain), NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__sha256_update(&h, lines, strlen(lines), NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__sha256_final(&h, s->chain, NULL), MLCM_OK);
  if (memcmp(s->chain, digest, sizeof(s->chain)) != 0) sim_blame(s, "store: a chunk does not continue the chain");
}

/* ---- decisions ------------------------------------------------------------------------------------------------------ */

static double logarithm(const cJSON *check, const char *key) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(check, key));
  return text ? strtod(text, NULL) : NAN;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-6 * (1 + fabs(b)); }

/* The numbers that the record shows, against what the evidence says. */
static void check_numbers(sim *s, const cJSON *root) {
  for (int i = 0; i < s->plan->n_checks; i++) {
    const cJSON *check = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "checks"), i);
    if (!s->plan->checks[i].compares) continue;
    if (!near(logarithm(check, "log_e_fail"), s->proof.check[i].fail.log_e) ||
        !near(logarithm(check, "log_e_pass"), s->proof.check[i].pass.log_e))
      sim_blame(s, "proof: %s: the record has ln E %g and %g, the evidence says %g and %g", s->plan->checks[i].name,
                logarithm(check, "log_e_fail"), logarithm(check, "log_e_pass"), s->proof.check[i].fail.log_e,
                s->proof.check[i].pass.log_e);
  }
}

static const char *text_of(const cJSON *root, const char *key) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(root, key));
  return text ? text : "";
}

static void check_rise(sim *s, const cJSON *root, const char *action) {
  const bool raises = strcmp(action, "advance") == 0 || strcmp(action, "promote") == 0;
  if (!raises) return;
  const bool by_itself = text_of(root, "actor")[0] == '\0';
  const char *missing = by_itself ? sim_proof_missing(&s->proof) : NULL;
  if (missing) sim_blame(s, "%s (%s)", missing, action);
  if (by_itself && strcmp(text_of(root, "verdict"), "pass") != 0) sim_blame(s, "proof: %s without a verdict of pass", action);
  if (by_itself && s->is_bad && strcmp(action, "promote") == 0) sim_blame(s, "proof: a bad candidate was promoted");
  if (strcmp(action, "promote") == 0) s->good = 2;
}

static void take_decision(sim *s, int64_t seq, const char *record) {
  cJSON *root = cJSON_Parse(record);
  const char *action = text_of(root, "action");
  const int step = (int)cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "to"), "step")) - 1;
  char digest[MLCM__SHA256_HEX + 1];
  mlcm__hex(s->chain, sizeof(s->chain), digest);
  sim_say(s, "  decision %lld: %s, %s", (long long)seq, action, text_of(root, "reason"));
  if (cJSON_GetNumberValue(cJSON_GetObjectItem(root, "seq")) != (double)seq || seq != ++s->n_decided)
    sim_blame(s, "store: decision %lld is not the next", (long long)seq);
  if (strcmp(text_of(root, "evidence"), digest) != 0)
    sim_blame(s, "store: decision %lld stands on another chunk", (long long)seq);
  check_numbers(s, root);
  check_rise(s, root, action);
  if (strcmp(text_of(root, "verdict"), "fail") == 0 && !text_of(root, "actor")[0] && !sim_proof_failed(&s->proof))
    sim_blame(s, "harm: a candidate was failed without enough evidence");
  if (step != s->proof.step) sim_proof_begin_step(&s->proof, step);
  snprintf(s->last_action, sizeof(s->last_action), "%s", action);
  cJSON_Delete(root);
}

/* A decision is the last line of its chunk: chunks and decisions are taken in their order. */
static void take_chunks(sim *s, int by, const sim_seen *now) {
  int64_t n = s->seen.n_chunks;
  sqlite3_bind_int64(s->chunks, 1, n);
  sqlite3_bind_int64(s->decisions, 1, s->seen.n_decisions);
  bool has_decision = step_row(s, s->decisions);
  while (step_row(s, s->chunks) && !sim_violated(s)) {
    const char *lines = (const char *)sqlite3_column_text(s->chunks, 2);
    char digest[MLCM__SHA256_HEX + 1];
    if (sqlite3_column_int64(s->chunks, 0) != ++n) sim_blame(s, "store: chunk %lld is missing", (long long)n);
    check_writer(s, by, sqlite3_column_int64(s->chunks, 1));
    take_lines(s, by, lines);
    check_chain(s, lines, sqlite3_column_blob(s->chunks, 3));
    mlcm__hex(s->chain, sizeof(s->chain), digest);
    const char *record = has_decision ? (const char *)sqlite3_column_text(s->decisions, 1) : NULL;
    if (!record || !strstr(record, digest)) continue;
    take_decision(s, sqlite3_column_int64(s->decisions, 0), record);
    has_decision = step_row(s, s->decisions);
  }
  if (n != now->n_chunks && !sim_violated(s))
    sim_blame(s, "store: %lld chunks are said, %lld are there", (long long)now->n_chunks, (long long)n);
  if (has_decision) sim_blame(s, "store: a decision stands on no chunk, or is one too many for its chunk");
  sqlite3_reset(s->chunks);
  sqlite3_reset(s->decisions);
}

/* ---- where the traffic goes ----------------------------------------------------------------------------------------- */

static void check_rest(sim *s, const sim_seen *now) {
  if (now->alias != s->good)
    sim_blame(s, "good: the alias is on /%lld, it was left on /%lld", (long long)now->alias, (long long)s->good);
  if (now->stable != now->alias)
    sim_blame(s, "%s: /%lld is served as stable, the alias names /%lld", now->active ? "rest" : "good", (long long)now->stable,
              (long long)now->alias);
  if (!now->active && now->candidate)
    sim_blame(s, "rest: the rollout has ended and /%lld has traffic", (long long)now->candidate);
}

static void check_kept(sim *s, const sim_seen *now) {
  if (now->n_chunks < s->seen.n_chunks || now->n_decisions < s->seen.n_decisions || now->epoch < s->seen.epoch ||
      now->lease_epoch < s->seen.lease_epoch)
    sim_blame(s, "store: what was recorded is gone: %lld chunks and %lld decisions after %lld and %lld", (long long)now->n_chunks,
              (long long)now->n_decisions, (long long)s->seen.n_chunks, (long long)s->seen.n_decisions);
  if (s->seen.epoch && !s->seen.active && (now->active || now->n_chunks != s->seen.n_chunks))
    sim_blame(s, "store: the rollout had ended and goes on");
}

static void check_replay_now(sim *s) {
  mlcm_replay_report report;
  CHECK_OK(mlcm_rollout_replay(s->process[SIM_PERSON].reg, 1, &report, err));
  if (report.identical != report.decisions || report.first_different_seq)
    sim_blame(s, "replay: %s", report.difference);
}

static void check_sound(sim *s) {
  mlcm_fsck_report *report = NULL;
  if (s->mutation != SIM_HONEST) return; /* a tampered database would be found here first */
  CHECK_OK(mlcm_fsck(s->process[SIM_PERSON].ctx, s->reg_dir, NULL, NULL, &report, err));
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    mlcm_finding found = mlcm_fsck_report_at(report, i);
    if (found.is_damage && found.kind != MLCM_DAMAGE_BLOB) /* a life has the prepared database without its objects */
      sim_blame(s, "sound: fsck says of %s: %s: expected %s, found %s", found.object, found.problem, found.expected, found.found);
  }
  mlcm_fsck_report_free(report);
}

void sim_look(sim *s, int by) {
  sim_seen now;
  if (sim_violated(s)) return;
  ck_assert_int_eq(sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
  read_head(s, &now);
  read_routes(s, &now);
  check_kept(s, &now);
  if (now.n_chunks > s->seen.n_chunks || now.n_decisions > s->seen.n_decisions) take_chunks(s, by, &now);
  ck_assert_int_eq(sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
  check_rest(s, &now);
  const bool decided = now.n_decisions > s->seen.n_decisions;
  s->seen = now;
  if (!decided || !s->process[SIM_PERSON].reg) return;
  if (!sim_violated(s)) check_replay_now(s);
  if (!sim_violated(s)) check_sound(s);
}

void sim_handed_out(sim *s, int by, const mlcm_decision *decision) {
  const int64_t seq = mlcm_decision_seq(decision);
  ck_assert_int_lt(seq, SIM_DECISIONS);
  if (seq > s->seen.n_decisions) sim_blame(s, "hand out: decision %lld is handed out and not recorded", (long long)seq);
  if (s->handed_out[seq]++) sim_blame(s, "hand out: decision %lld is handed out again, by process %d", (long long)seq, by);
}

void sim_check_life(sim *s) {
  mlcm_audit_head head;
  mlcm_error err = {0};
  if (sim_violated(s)) return;
  if (s->seen.active) sim_blame(s, "ends: the rollout goes on although nothing fails any more: %s", s->last_action);
  check_replay_now(s);
  check_sound(s);
  if (mlcm_audit_verify(s->process[SIM_PERSON].reg, NULL, NULL, &head, &err)) sim_blame(s, "audit: %s", err.message);
}
