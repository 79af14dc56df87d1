/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - a registry with three versions of model "m" (champion is /1), and a serving process in the test's hands: a meter that
 * counts what the test says, by the routing in force.
 */
#ifndef MLCM_TESTS_ROLLOUT_FIXTURE_H
#define MLCM_TESTS_ROLLOUT_FIXTURE_H

#include "registry/fixture.h"

#include <unistd.h>

#include <mlcm/rollout.h>

#include "metric/meter.h"
#include "registry/rollouts.h"
#include "rollout/controller.h"

#define SECOND TEST_SECOND_NS

static const char quick_plan[] = "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\n"
                                 "steps: [{weight: 5%, for: 5s}, {weight: 50%, for: 5s}]\n"
                                 "expire: {after: 10m, action: rollback}\n"
                                 "checks: [{name: errors, compare: error, tolerate: 2x}]\n";

typedef struct serving {
  mlcm__process process;
  mlcm__meter *meter;
} serving;

typedef struct rolling {
  fixture f;
  serving s;
  int64_t endpoint;
  mlcm_rollout *rollout;
} rolling;

static UNUSED void serve_begin(rolling *r, serving *s) {
  CHECK_OK(mlcm__process_self(r->f.ctx, &s->process, err));
  CHECK_OK(mlcm__meter_open(r->f.ctx, r->f.reg->run_dir, (uint64_t)r->endpoint, &s->process, &s->meter, err));
}

static UNUSED mlcm__endpoint_row endpoint_row(const rolling *r, const char *name) {
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  CHECK_OK(mlcm__db_read_begin(r->f.reg->db, &conn, err));
  CHECK_OK(mlcm__endpoint_find(conn, name, &row, err));
  mlcm__db_read_end(conn);
  return row;
}

/* Durability is tested elsewhere: here the disk's syncs would only cost time. */
static UNUSED void rolling_set_up(rolling *r) {
  memset(r, 0, sizeof(*r));
  if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0) ck_assert_int_eq(setenv("TMPDIR", "/dev/shm", 1), 0);
  set_up(&r->f);
  add_versions(&r->f, "m", 3);
  move_alias(&r->f, "m", "champion", 1);
}

/* Starts the plan and a serving process. */
static UNUSED void rolling_start(rolling *r, const char *plan) {
  CHECK_OK(mlcm_rollout_start(r->f.reg, "plan.yaml", mlcm_str_of(plan), NULL, &r->rollout, err));
  r->endpoint = endpoint_row(r, "m").id;
  if (!r->s.meter) serve_begin(r, &r->s);
}

static UNUSED void rolling_tear_down(rolling *r) {
  mlcm_rollout_close(r->rollout);
  mlcm__meter_close(r->s.meter);
  tear_down(&r->f);
}

static UNUSED void complete(serving *s, int64_t version, int64_t epoch, int n, int n_bad) {
  uint32_t cell = 0;
  CHECK_OK(mlcm__meter_cell(s->meter, version, (uint64_t)epoch, &cell, err));
  for (int i = 0; i < n; i++) {
    mlcm__meter_route(s->meter, cell, MLCM__SCOPE_KEY);
    mlcm__meter_complete(s->meter, cell, MLCM__SCOPE_KEY, 1000000, i >= n_bad);
  }
}

static UNUSED mlcm__routing routing_of(const rolling *r) {
  mlcm__routing routing = {0};
  CHECK_OK(mlcm__routing_current(r->f.reg, r->endpoint, &routing, err));
  mlcm__free(r->f.ctx, routing.override_json);
  routing.override_json = NULL;
  return routing;
}

/* Requests under the routing in force. */
static UNUSED void serve(rolling *r, serving *s, int candidate, int candidate_bad, int stable, int stable_bad) {
  mlcm__routing now = routing_of(r);
  if (now.candidate) complete(s, now.candidate, now.epoch, candidate, candidate_bad);
  complete(s, now.stable, now.epoch, stable, stable_bad);
}

/* One second later: a tick. The decision is freed by the caller. */
static UNUSED mlcm_decision *tick(rolling *r, mlcm_rollout *rollout) {
  mlcm_decision *decision = NULL;
  test_clock_advance(&r->f.clock, SECOND);
  CHECK_OK(mlcm_rollout_tick(rollout, NULL, &decision, err));
  return decision;
}

static UNUSED mlcm_action tick_action(rolling *r, mlcm_rollout *rollout) {
  mlcm_decision *decision = tick(r, rollout);
  mlcm_action action = decision ? mlcm_decision_action(decision) : 0;
  mlcm_decision_free(decision);
  return action;
}

enum { GOOD_N = 400 };

/* Ticks with good traffic until something is decided, at most n times. */
static UNUSED mlcm_action run_good(rolling *r, mlcm_rollout *rollout, int n) {
  for (int i = 0; i < n; i++) {
    serve(r, &r->s, GOOD_N, 4, GOOD_N, 4);
    mlcm_action action = tick_action(r, rollout);
    if (action) return action;
  }
  return 0;
}

static UNUSED void check_replay(rolling *r, int64_t id, int64_t n_decisions) {
  mlcm_replay_report report;
  CHECK_OK(mlcm_rollout_replay(r->f.reg, id, &report, err));
  ck_assert_msg(report.identical == n_decisions && report.decisions == n_decisions && !report.first_different_seq,
                "%lld of %lld identical: %s", (long long)report.identical, (long long)report.decisions, report.difference);
}

static UNUSED mlcm_rollout *open_again(rolling *r) {
  mlcm_rollout *rollout = NULL;
  CHECK_OK(mlcm_rollout_open(r->f.reg, "m", &rollout, err));
  return rollout;
}

static UNUSED mlcm_rollout_summary summary_of(mlcm_rollout *rollout, mlcm_rollout_state **state) {
  CHECK_OK(mlcm_rollout_state_get(rollout, state, err));
  return *mlcm_rollout_state_summary(*state);
}

static UNUSED mlcm_counts totals(mlcm_rollout *rollout) {
  mlcm_rollout_state *state = NULL;
  summary_of(rollout, &state);
  mlcm_counts total = mlcm_rollout_state_check(state, 0)->state.total;
  mlcm_rollout_state_free(state);
  return total;
}

static UNUSED void check_totals(mlcm_counts c, int64_t cn, int64_t cb, int64_t sn, int64_t sb) {
  ck_assert_int_eq(c.candidate_n, cn);
  ck_assert_int_eq(c.candidate_bad, cb);
  ck_assert_int_eq(c.stable_n, sn);
  ck_assert_int_eq(c.stable_bad, sb);
}

/* SQL, behind everybody's back. */
static UNUSED void change_store(rolling *r, const char *sql) {
  mlcm__db_conn *conn = NULL;
  CHECK_OK(mlcm__db_write_begin(r->f.reg->db, -1, &conn, err));
  CHECK_OK(mlcm__db_exec(conn, sql, err));
  CHECK_OK(mlcm__db_commit(conn, err));
}

/* Rows of `table` are not taken any more, as by a full disk, until the store is mended. */
static UNUSED void break_store(rolling *r, const char *table) {
  char sql[256];
  snprintf(sql, sizeof(sql), "CREATE TRIGGER broken BEFORE INSERT ON %s BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
           table);
  change_store(r, sql);
}

static UNUSED void mend_store(rolling *r) { change_store(r, "DROP TRIGGER broken"); }

/* One second later: a tick that may fail; err may be NULL. */
static UNUSED mlcm_status tick_status(rolling *r, mlcm_action *action, mlcm_error *err) {
  mlcm_decision *decision = NULL;
  test_clock_advance(&r->f.clock, SECOND);
  mlcm_status st = mlcm_rollout_tick(r->rollout, NULL, &decision, err);
  *action = decision ? mlcm_decision_action(decision) : 0;
  mlcm_decision_free(decision);
  return st;
}

#endif
