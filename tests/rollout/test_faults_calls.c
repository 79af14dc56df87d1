/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults_calls.c - every call of this room with each allocation, SQL statement, file call and allocation of OpenSSL's
 * failing in turn (registry/faults.h): it answers what such a fault gives, leaks nothing, and leaves records that replay.
 */
#include "registry/faults.h"

#include "rollout/fixture.h"
#include "rollout/handle.h"
#include "support/statement_fault.h" /* here too: it tells CMake to put it in front of SQLite */

static const char every_check[] =
    "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\nsteps: [{weight: 5%, for: 5s}]\n"
    "override: [{attribute: x, value: y, to: candidate}]\n"
    "checks:\n  - {name: errors, compare: error, tolerate: 2x}\n  - {name: p99, compare: latency.p99, tolerate: 2x}\n"
    "  - {name: wrong, compare: outcome.wrong, tolerate: 2x}\n  - {name: ratio, meter: error_ratio, at_most: 50%}\n"
    "  - {name: accuracy, evaluation: accuracy, at_least: 0.5}\n";

static const char gate_checks[] = "mlcm: gate/v1\nchecks:\n  - {name: ratio, meter: error_ratio, at_most: 50%}\n"
                                  "  - {name: accuracy, evaluation: accuracy, at_least: 0.5}\n";

/* A rollout with evidence and open commands, held by nobody, and meters with news for it. Broken: its next tick ends it. */
static void build(world *w, bool is_broken) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, every_check);
  serve(&r, &r.s, 50, 1, 50, 1);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  mlcm_rollout_close(r.rollout);
  mlcm_rollout *other = NULL;
  CHECK_OK(mlcm_rollout_open_by_id(r.f.reg, 1, &other, err));
  ck_assert_int_eq(tick_action(&r, other), 0); /* holds, so that the command stays open */
  if (is_broken) CHECK_OK(mlcm__rollout_report_broken(r.f.reg, 1, "it crashes", err));
  CHECK_OK(mlcm_rollout_command(other, MLCM_COMMAND_PAUSE, NULL, err));
  other->lease.epoch = 0; /* it dies */
  mlcm_rollout_close(other);
  test_clock_advance(&r.f.clock, 100 * SECOND);
  serve(&r, &r.s, 50, 1, 50, 1);
  mlcm__meter_close(r.s.meter);
  *w = (world){.f = r.f};
  keep_base(w);
}

typedef mlcm_status handle_call(mlcm_rollout *h, mlcm_error *err);

static mlcm_status with_handle(world *w, handle_call *call, mlcm_error *err) {
  mlcm_rollout *h = NULL;
  mlcm_status st = mlcm_rollout_open(w->f.reg, "m", &h, err);
  if (!st) st = call(h, err);
  mlcm_rollout_close(h);
  return st;
}

static mlcm_status tick_twice(mlcm_rollout *h, mlcm_error *err) {
  mlcm_decision *one = NULL, *two = NULL;
  mlcm_status st = mlcm_rollout_tick(h, NULL, &one, err);
  if (!st) st = mlcm_rollout_tick(h, NULL, &two, err);
  mlcm_decision_free(one);
  mlcm_decision_free(two);
  return st == MLCM_INVALID_STATE ? MLCM_OK : st; /* it ended in the first */
}

static mlcm_status show(mlcm_rollout *h, mlcm_error *err) {
  mlcm_rollout_state *state = NULL;
  mlcm_decision *d = NULL;
  char *json = NULL, *text = NULL;
  mlcm_status st = mlcm_rollout_state_get(h, &state, err);
  if (!st) st = mlcm_rollout_state_to_json(state, &json, err);
  if (!st) st = mlcm_decision_get(h, 1, &d, err);
  if (!st) st = mlcm_decision_explain(h->ctx, d, &text, err);
  mlcm_free(h->ctx, json);
  mlcm_free(h->ctx, text);
  mlcm_decision_free(d);
  mlcm_rollout_state_free(state);
  return st;
}

static mlcm_status abort_it(mlcm_rollout *h, mlcm_error *err) { return mlcm_rollout_command(h, MLCM_COMMAND_ABORT, NULL, err); }

static mlcm_status resume_it(mlcm_rollout *h, mlcm_error *err) { return mlcm_rollout_command(h, MLCM_COMMAND_RESUME, NULL, err); }

static mlcm_status promote_it(mlcm_rollout *h, mlcm_error *err) { return mlcm_rollout_command(h, MLCM_COMMAND_PROMOTE, NULL, err); }

/* Holds the lease and looks at what it holds. */
static mlcm_status tick_and_show(mlcm_rollout *h, mlcm_error *err) {
  mlcm_status st = tick_twice(h, err);
  return st ? st : show(h, err);
}

static mlcm_status call_promote(world *w, mlcm_error *err) { return with_handle(w, promote_it, err); }
static mlcm_status call_tick_and_show(world *w, mlcm_error *err) { return with_handle(w, tick_and_show, err); }

/* The policy of the plan, asked once. */
static mlcm_status call_gate(world *w, mlcm_error *err) {
  mlcm_policy *policy = NULL;
  mlcm_gate *gate = NULL;
  mlcm_status st = mlcm_policy_parse(w->f.ctx, "gate.yaml", mlcm_str_of(gate_checks), &policy, err);
  if (!st) st = mlcm_gate_run(w->f.ctx, policy, w->f.reg, "m/2", &gate, err);
  mlcm_gate_free(gate);
  mlcm_policy_free(policy);
  return st;
}

static mlcm_status call_tick(world *w, mlcm_error *err) { return with_handle(w, tick_twice, err); }
static mlcm_status call_show(world *w, mlcm_error *err) { return with_handle(w, show, err); }
static mlcm_status call_abort(world *w, mlcm_error *err) { return with_handle(w, abort_it, err); }
static mlcm_status call_resume(world *w, mlcm_error *err) { return with_handle(w, resume_it, err); }

static mlcm_status call_undo(world *w, mlcm_error *err) {
  return mlcm_rollout_undo(w->f.reg, "m", MLCM_UNDO_ABORT, NULL, NULL, err);
}

static mlcm_status call_broken(world *w, mlcm_error *err) { return mlcm__rollout_report_broken(w->f.reg, 1, NULL, err); }

static mlcm_status call_list(world *w, mlcm_error *err) {
  int64_t ids[2];
  size_t n = 0;
  return mlcm_rollout_list(w->f.reg, "m", 0, ids, 2, &n, err);
}

static mlcm_status call_replay(world *w, mlcm_error *err) {
  mlcm_replay_report report = {0};
  mlcm_status st = mlcm_rollout_replay(w->f.reg, 1, &report, err);
  ck_assert(st || (report.identical == report.decisions && report.first_different_seq == 0));
  return st;
}

static mlcm_status call_start(world *w, mlcm_error *err) {
  mlcm_rollout *h = NULL;
  mlcm_attribution by = {"eve", "why not"};
  static const char by_alias[] = "mlcm: rollout/v1\nendpoint: second\ncandidate: m/2\nsteps: [{weight: 5%, for: 5s}]\n"
                                 "checks: [{name: errors, compare: error, tolerate: 2x}]\n";
  mlcm_status st = mlcm_rollout_start(w->f.reg, "plan.yaml", mlcm_str_of(by_alias), &by, &h, err);
  mlcm_rollout_close(h);
  return st;
}

START_TEST(each_call_answers_what_the_fault_gives) {
  static const struct {
    const char *name;
    world_call *call;
    unsigned flags;
  } calls[] = {{"tick", call_tick, WORLD_SEVERAL | WORLD_FILES},   {"show", call_show, WORLD_SEVERAL | WORLD_FILES},
               {"abort", call_abort, WORLD_SEVERAL | WORLD_FILES}, {"resume", call_resume, WORLD_SEVERAL},
               {"promote", call_promote, WORLD_SEVERAL},           {"gate", call_gate, 0},
               {"undo", call_undo, WORLD_SEVERAL},                 {"broken", call_broken, 0},
               {"list", call_list, 0},                             {"replay", call_replay, WORLD_SEVERAL},
               {"start", call_start, WORLD_SEVERAL}};
  world w;
  build(&w, true);
  for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) world_attack(&w, calls[i].name, calls[i].call, calls[i].flags);
  world_end(&w);
}
END_TEST

START_TEST(a_holder_that_goes_on_answers_what_the_fault_gives) {
  world w;
  build(&w, false);
  world_attack(&w, "tick and show", call_tick_and_show, WORLD_SEVERAL | WORLD_FILES);
  world_end(&w);
}
END_TEST

int main(void) {
  take_over_crypto_memory();
  in_memory();
  const TTest *tests[] = {each_call_answers_what_the_fault_gives, a_holder_that_goes_on_answers_what_the_fault_gives};
  return TEST_RUN("rollout_faults_calls", tests);
}
