/* SPDX-License-Identifier: Apache-2.0
 *
 * state.c - a rollout as people and programs want to see it: read from the machine, the head row and the meters, then immutable.
 */
#include "rollout/state.h"

#include <string.h>

#include "rollout/handle.h"
#include "rollout/words.h"

void mlcm_rollout_state_free(mlcm_rollout_state *s) {
  if (!s) return;
  mlcm_context *ctx = s->ctx;
  mlcm_decision_free(s->decision);
  for (int32_t i = 0; s->checks && i < s->summary.n_checks; i++) mlcm__free(ctx, s->check_names[i]);
  mlcm__free(ctx, s->check_names);
  mlcm__free(ctx, s->checks);
  mlcm__free(ctx, s);
  mlcm__context_release(ctx);
}

const mlcm_rollout_summary *mlcm_rollout_state_summary(const mlcm_rollout_state *state) { return &state->summary; }

const mlcm_rollout_check *mlcm_rollout_state_check(const mlcm_rollout_state *state, int32_t i) {
  return i >= 0 && i < state->summary.n_checks ? &state->checks[i] : NULL;
}

const mlcm_decision *mlcm_rollout_state_decision(const mlcm_rollout_state *state) { return state->decision; }

/* ---- filling in ----------------------------------------------------------------------------------------------------- */

static mlcm_status fill_checks(const mlcm_rollout *h, mlcm_rollout_state *s, mlcm_error *err) {
  const mlcm_policy *policy = h->plan->policy;
  size_t n = mlcm_policy_n_checks(policy);
  s->checks = mlcm__alloc_zero(s->ctx, n, sizeof(*s->checks));
  s->check_names = mlcm__alloc_zero(s->ctx, n, sizeof(*s->check_names));
  if (!s->checks || !s->check_names) return mlcm__fail_memory(err, n * sizeof(*s->checks));
  s->summary.n_checks = (int32_t)n;
  for (size_t i = 0; i < n; i++) {
    const mlcm_check *check = mlcm_policy_check(policy, i);
    s->check_names[i] = mlcm__strdup(s->ctx, check->name);
    if (!s->check_names[i]) return mlcm__fail_memory(err, strlen(check->name));
    s->checks[i] = (mlcm_rollout_check){.name = s->check_names[i],
                                        .kind = check->kind,
                                        .on_fail = check->on_fail,
                                        .required = h->plan->steps[h->machine->step].required[i],
                                        .state = mlcm_gate_check(h->machine->gate, i)};
  }
  return MLCM_OK;
}

static void fill_progress(const mlcm_rollout *h, mlcm_rollout_state *s) {
  const mlcm__machine *m = h->machine;
  const mlcm__plan_step *step = &h->plan->steps[m->step];
  mlcm_rollout_summary *u = &s->summary;
  u->stable = m->stable;
  u->candidate = m->candidate;
  u->status = m->status;
  u->step = m->step + 1;
  u->n_steps = h->plan->n_steps;
  u->weight_ppm = m->weight_ppm;
  u->step_for_ns = step->for_ns;
  u->step_elapsed_ns = m->step_elapsed_ns;
  u->step_remaining_ns = step->for_ns > m->step_elapsed_ns && !m->ended_ns ? step->for_ns - m->step_elapsed_ns : 0;
  u->elapsed_ns = m->elapsed_ns;
  u->expire_after_ns = mlcm_policy_get_settings(h->plan->policy).expire_after_ns;
  u->started_ns = m->started_ns;
  u->ended_ns = m->ended_ns;
  u->n_ticks = m->n_ticks;
  u->stable_requests = m->requests.stable_n;
  u->candidate_requests = m->requests.candidate_n;
  mlcm__words_cut(m->waits_for, s->waits_for, sizeof(s->waits_for));
  if (m->ended_ns) s->waits_for[0] = '\0';
  u->waits_for = s->waits_for;
}

static void fill_head(const mlcm_rollout *h, mlcm_rollout_state *s) {
  mlcm_rollout_summary *u = &s->summary;
  u->id = h->id;
  mlcm__words_cut(h->endpoint.name, s->endpoint, sizeof(s->endpoint));
  mlcm__words_cut(h->endpoint.model, s->model, sizeof(s->model));
  mlcm__words_cut(h->endpoint.alias, s->alias, sizeof(s->alias));
  u->endpoint = s->endpoint;
  u->model = s->model;
  u->alias = s->alias;
  u->n_decisions = h->head.n_decisions;
  u->evidence_bytes = h->head.evidence_bytes;
  u->lease_epoch = h->head.lease_epoch;
  mlcm__lease_describe(h->head.holder, s->holder);
  u->holder = s->holder;
}

static mlcm_status fill_from_store(const mlcm_rollout *h, mlcm_rollout_state *s, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  char *record = NULL;
  int64_t pending = 0;
  mlcm_status st = mlcm__db_read_begin(h->reg->db, &conn, err);
  if (!st) st = mlcm__intent_count(conn, h->id, &pending, err);
  if (!st) st = mlcm__decision_read(conn, h->id, h->head.n_decisions, &record, err);
  mlcm__db_read_end(conn);
  if (!st) st = mlcm__decision_of(h->ctx, record, &s->decision, err);
  mlcm__free(h->ctx, record);
  if (st) return st;
  s->summary.n_pending = (int32_t)pending;
  s->summary.reason = s->decision->reason;
  return MLCM_OK;
}

/* Meters that cannot be read cost the number, not the state. */
static void fill_serving(const mlcm_rollout *h, mlcm_rollout_state *s) {
  mlcm__meter_snapshot *snapshot = NULL;
  mlcm_error why;
  if (mlcm__meter_read(h->ctx, h->reg->run_dir, (uint64_t)h->endpoint.id, &snapshot, &why)) {
    mlcm__log(h->ctx, MLCM_LOG_WARN, "rollout %lld: meters cannot be read: %s", (long long)h->id, why.message);
    return;
  }
  s->summary.n_serving = (int32_t)mlcm__meter_n_alive(snapshot);
  mlcm__meter_snapshot_free(snapshot);
}

/* The holder's machine is ahead of the record; the head row is read for what others changed. */
static mlcm_status refresh(mlcm_rollout *h, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  if (!mlcm__handle_holds(h)) {
    mlcm_status st = mlcm__handle_follow(h, err);
    return st ? st : mlcm__handle_follow_live(h, err);
  }
  mlcm_status st = mlcm__db_read_begin(h->reg->db, &conn, err);
  if (!st) st = mlcm__rollout_read(conn, h->id, &h->head, err);
  mlcm__db_read_end(conn);
  return st;
}

mlcm_status mlcm_rollout_state_get(mlcm_rollout *rollout, mlcm_rollout_state **out, mlcm_error *err) {
  mlcm_status st = mlcm__handle_check(rollout, "mlcm_rollout_state_get", err);
  if (!st && !out) st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_state_get: out is NULL");
  if (!st) st = refresh(rollout, err);
  if (st) return st;
  mlcm_rollout_state *s = mlcm__alloc_zero(rollout->ctx, 1, sizeof(*s));
  if (!s) return mlcm__fail_memory(err, sizeof(*s));
  s->ctx = mlcm__context_retain(rollout->ctx);
  fill_head(rollout, s);
  fill_progress(rollout, s);
  st = fill_checks(rollout, s, err);
  if (!st) st = fill_from_store(rollout, s, err);
  if (st) {
    mlcm_rollout_state_free(s);
    return st;
  }
  fill_serving(rollout, s);
  *out = s;
  return MLCM_OK;
}

/* ---- decisions ------------------------------------------------------------------------------------------------------ */

mlcm_status mlcm_decision_get(mlcm_rollout *rollout, int64_t seq, mlcm_decision **out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__rollout_head head;
  char *record = NULL;
  mlcm_status st = mlcm__handle_check(rollout, "mlcm_decision_get", err);
  if (!st && (!out || seq < 0)) st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_decision_get: out is NULL or seq negative");
  if (!st) st = mlcm__db_read_begin(rollout->reg->db, &conn, err);
  if (!st) st = mlcm__rollout_read(conn, rollout->id, &head, err);
  if (!st) st = mlcm__decision_read(conn, rollout->id, seq ? seq : head.n_decisions, &record, err);
  mlcm__db_read_end(conn);
  if (!st) st = mlcm__decision_of(rollout->ctx, record, out, err);
  if (rollout) mlcm__free(rollout->ctx, record);
  return st;
}
