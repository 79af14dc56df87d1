/* SPDX-License-Identifier: Apache-2.0
 *
 * attack.c - see attack.h.
 */
#include "attack.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash_check.h"
#include "sqlite_shim.h"
#include "support/soak.h"
#include "support/temp_dir.h"

enum { FSCK_EVERY = 16, TOO_MANY = 100000, ALL = 1000 };

/* ---- the registry's bytes, put back before each run ---- */

static struct {
  char *db, *head;
  size_t db_len, head_len;
} base;

static void put_back(const attack_world *w) {
  static const char *const logs[] = {"registry.db-wal", "registry.db-shm"};
  char *db = test_path(w->reg_dir, "registry.db"), *head = test_path(w->reg_dir, "audit.head");
  for (size_t i = 0; i < 2; i++) {
    char *path = test_path(w->reg_dir, logs[i]);
    unlink(path);
    free(path);
  }
  test_write_file(db, base.db, base.db_len);
  test_write_file(head, base.head, base.head_len);
  free(db);
  free(head);
}

static uint64_t state_of(const attack_world *w) {
  char *db = test_path(w->reg_dir, "registry.db");
  const uint64_t state = crash_db_state(db);
  free(db);
  return state;
}

static void keep_base(const attack_world *w) {
  sqlite3 *raw = NULL;
  char *db = test_path(w->reg_dir, "registry.db"), *head = test_path(w->reg_dir, "audit.head");
  ck_assert_int_eq(sqlite3_open(db, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  base.db = test_read_file(db, &base.db_len);
  base.head = test_read_file(head, &base.head_len);
  free(db);
  free(head);
}

/* ---- one world ---- */

static void free_results(attack_world *w) {
  mlcm_endpoint_close(w->endpoint);
  mlcm_session_close(w->session);
  mlcm_gate_free(w->gate);
  mlcm_plan_free(w->plan);
  mlcm_policy_free(w->policy);
  mlcm_decision_free(w->decision);
  mlcm_rollout_state_free(w->state);
  mlcm_rollout_close(w->rollout);
  mlcm_fsck_report_free(w->report);
  mlcm_feed_free(w->feed);
  mlcm_history_free(w->history);
  mlcm_page_free(w->page);
  mlcm_version_free(w->version);
  mlcm_model_free(w->model);
  mlcm_free(w->ctx, w->text);
  mlcm_free(w->ctx, w->text2);
  mlcm_registry_close(w->reg);
  w->endpoint = NULL, w->session = NULL, w->gate = NULL, w->plan = NULL, w->policy = NULL, w->decision = NULL, w->state = NULL;
  w->rollout = NULL, w->report = NULL, w->feed = NULL, w->history = NULL, w->page = NULL, w->version = NULL, w->model = NULL;
  w->text = w->text2 = NULL, w->reg = NULL;
}

/* ---- one run ---- */

static bool may_follow(fault_kind kind, bool fired, unsigned flags, mlcm_status st) {
  if (!fired) return st == MLCM_OK;
  return fault_may_give(kind, st) || ((flags & ATTACK_JUDGES) && kind != FAULT_MEMORY && st == MLCM_CORRUPT);
}

typedef struct round {
  const attack *what;
  fault_kind kind;
  size_t n;
  bool ever_after;
  uint64_t after; /* the state a call without faults leaves */
  attack_counts *counts;
} round_of;

static void violate(const round_of *r, const seams *s, const char *what, mlcm_status st, const mlcm_error *err) {
  r->counts->violations++;
  printf("VIOLATION %s, %s %zu%s [%s]: %s (%s: %s)\n", r->what->function, fault_kind_name(r->kind), r->n,
         r->ever_after ? " and all after it" : "", seams_failed(s, r->kind), what, mlcm_status_name(st), st ? err->message : "");
  fflush(stdout);
}

static void check_state(attack_world *w, const round_of *r, const seams *s, mlcm_status st, const mlcm_error *err,
                        uint64_t before) {
  const uint64_t now = state_of(w);
  if (r->what->flags & ATTACK_SEVERAL) return;
  if (st == MLCM_OK && !(r->what->flags & ATTACK_RANDOM) && now != r->after)
    violate(r, s, "succeeded, but the database is not as without faults", st, err);
  if (st && st != MLCM_OUTCOME_UNKNOWN && now != before) violate(r, s, "failed, but changed something", st, err);
  if (st == MLCM_OUTCOME_UNKNOWN && !(r->what->flags & ATTACK_RANDOM) && now != before && now != r->after)
    violate(r, s, "neither the old state nor the new", st, err);
}

static void check_again(attack_world *w, const round_of *r, const seams *s, mlcm_status first, const mlcm_error *err) {
  mlcm_error again = {0};
  if (!first || first == MLCM_OUTCOME_UNKNOWN || (r->what->flags & ATTACK_ONCE)) return;
  const mlcm_status st = r->what->call(w, &again);
  if (st) violate(r, s, again.message, st, err);
  if (!st && !(r->what->flags & (ATTACK_SEVERAL | ATTACK_RANDOM)) && state_of(w) != r->after)
    violate(r, s, "called again, left another state", st, err);
}

static void check_sound(attack_world *w, const round_of *r, const seams *s, mlcm_status st, const mlcm_error *err) {
  char why[CRASH_WHY];
  mlcm_context *plain = test_context(NULL, NULL, NULL);
  if (!crash_check_copy(plain, w->reg_dir, why)) violate(r, s, why, st, err);
  mlcm_context_free(plain);
}

static void remove_fresh(const attack_world *w) {
  if (test_exists(w->fresh)) test_temp_dir_remove(strdup(w->fresh));
}

/* Fault n of a kind; n 0: none, to learn the state afterwards. Answers whether the fault came. */
static bool run(attack_world *w, round_of *r) {
  seams s;
  mlcm_error err = {0};
  put_back(w);
  remove_fresh(w);
  seams_init(&s, &w->clock);
  w->ctx = s.ctx;
  ck_assert_msg(mlcm_registry_open(w->ctx, w->reg_dir, NULL, &w->reg, &err) == MLCM_OK, "%s", err.message);
  if (r->what->prepare) ck_assert_msg(r->what->prepare(w, &err) == MLCM_OK, "%s: %s", r->what->function, err.message);
  const uint64_t before = state_of(w);
  if (r->n) seams_arm(&s, r->kind, r->n, r->ever_after);
  const mlcm_status st = r->what->call(w, &err);
  const bool fired = r->n && seams_disarm(&s, r->kind);
  if (!may_follow(r->kind, fired, r->what->flags, st)) violate(r, &s, "such a fault does not give this status", st, &err);
  if (st && err.code != st) violate(r, &s, "the error does not carry the status", st, &err);
  if (fired && (r->what->flags & ATTACK_CALM)) violate(r, &s, "it is said to make no such call", st, &err);
  if (r->n) check_state(w, r, &s, st, &err, before);
  if (!r->n) r->after = state_of(w);
  check_again(w, r, &s, st, &err);
  free_results(w);
  w->ctx = NULL;
  seams_reset(&s);
  if (s.memory.n_live) violate(r, &s, "memory leaks", st, &err);
  if (s.io.n_open) violate(r, &s, "a descriptor stays open", st, &err);
  if ((r->what->flags & ATTACK_SEVERAL) || r->n % FSCK_EVERY == 0) check_sound(w, r, &s, st, &err);
  return fired;
}

/* All faults of one kind, once or for ever after. */
static void run_kind(attack_world *w, round_of *r, size_t all_of_first) {
  long *faults = &r->counts->faults[r->kind];
  if (r->kind == FAULT_SHORT) { /* bytes at a time, not a number of a call */
    r->n = r->ever_after ? 7 : 1;
    ++*faults;
    run(w, r);
    return;
  }
  const size_t all = fault_kind_is_rare(r->kind) ? ALL : all_of_first;
  for (r->n = 1; test_time_left() && run(w, r); r->n += 1 + r->n / all) {
    ++*faults;
    ck_assert_uint_lt(r->n, TOO_MANY);
  }
}

long attack_all_faults(const attack_counts *counts) {
  long all = 0;
  for (fault_kind kind = 0; kind < FAULT_KINDS; kind++) all += counts->faults[kind];
  return all;
}

void attack_function(attack_world *w, const attack *what, size_t all_of_first, attack_counts *counts) {
  round_of r = {.what = what, .counts = counts};
  run(w, &r);
  for (fault_kind kind = 0; kind < FAULT_KINDS; kind++) {
    if (!fault_kind_is_possible(kind)) continue;
    r.kind = kind;
    for (int ever_after = 0; ever_after <= 1; ever_after++) {
      r.ever_after = ever_after;
      run_kind(w, &r, all_of_first);
    }
  }
}

/* ---- the whole ---- */

void attack_begin(attack_world *w, void (*build)(attack_world *w)) {
  memset(w, 0, sizeof *w);
  w->dir = test_temp_dir();
  w->reg_dir = test_path(w->dir, "reg");
  w->backup = test_path(w->dir, "backup");
  w->fresh = test_path(w->dir, "fresh");
  test_clock_init(&w->clock, TEST_EPOCH_NS);
  const mlcm_clock clock = test_clock_table(&w->clock);
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_error err = {0};
  options.flags = MLCM_OPEN_CREATE;
  sqlite_shim_set(NULL);
  w->ctx = test_context(NULL, NULL, &clock);
  ck_assert_msg(mlcm_registry_open(w->ctx, w->reg_dir, &options, &w->reg, &err) == MLCM_OK, "%s", err.message);
  build(w);
  free_results(w);
  mlcm_context_free(w->ctx);
  w->ctx = NULL;
  keep_base(w);
}

void attack_end(attack_world *w) {
  free(base.db);
  free(base.head);
  free(w->file);
  free(w->reg_dir);
  free(w->backup);
  free(w->fresh);
  test_temp_dir_remove(w->dir);
}
