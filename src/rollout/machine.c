/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.c - one tick of a rollout: time, evidence, and the rules of machine.h in their order.
 *
 * Every rule is a function that fills in the outcome and answers true when it decided; the first that does ends the tick. What they
 * share is enter(): the only place where status, step and weight change.
 */
#include "rollout/machine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "rollout/words.h"

/* One tick under way. */
typedef struct turn {
  mlcm__machine *m;
  const mlcm__tick *tick;
  mlcm__outcome *out;
  mlcm_verdict verdict; /* of the gate, this tick's evidence included */
} turn;

mlcm_status mlcm__machine_new(mlcm_context *ctx, const mlcm_plan *plan, int64_t stable, int64_t candidate, mlcm__machine **out,
                              mlcm_error *err) {
  size_t n = mlcm_policy_n_checks(plan->policy);
  mlcm__machine *m = mlcm__alloc_zero(ctx, 1, sizeof(*m));
  if (!m) return mlcm__fail_memory(err, sizeof(*m));
  m->ctx = mlcm__context_retain(ctx);
  m->plan = plan;
  m->stable = stable;
  m->candidate = candidate;
  m->next_expiry_ns = mlcm_policy_get_settings(plan->policy).expire_after_ns;
  assert(m->next_expiry_ns > 0);
  m->last_data_ns = mlcm__alloc_zero(ctx, n, sizeof(*m->last_data_ns));
  m->decided = mlcm__alloc_zero(ctx, n, sizeof(*m->decided));
  mlcm_status st = m->last_data_ns && m->decided ? MLCM_OK : mlcm__fail_memory(err, n * sizeof(*m->decided));
  if (!st) st = mlcm_gate_new(plan->policy, &m->gate, err);
  if (st) {
    mlcm__machine_free(m);
    return st;
  }
  *out = m;
  return MLCM_OK;
}

void mlcm__machine_free(mlcm__machine *m) {
  if (!m) return;
  mlcm_context *ctx = m->ctx;
  mlcm_gate_free(m->gate);
  mlcm__free(ctx, m->last_data_ns);
  mlcm__free(ctx, m->decided);
  mlcm__free(ctx, m);
  mlcm__context_release(ctx);
}

bool mlcm__machine_active(const mlcm__machine *m) {
  return m->status == MLCM_ROLLOUT_PROGRESSING || m->status == MLCM_ROLLOUT_PAUSED;
}

/* ---- changing state ------------------------------------------------------------------------------------------------- */

static void begin_step(mlcm__machine *m, int32_t step) {
  m->step = step;
  m->step_elapsed_ns = 0;
  m->last_request_ns = -1;
  for (size_t i = 0; i < mlcm_gate_n_checks(m->gate); i++) m->last_data_ns[i] = -1;
}

/* Takes the decision: writes the outcome and moves the machine to where it leads. The reason is already there. */
static bool enter(turn *t, mlcm_action action, mlcm_rollout_status status, int32_t step, int64_t weight_ppm,
                  mlcm_verdict_kind verdict) {
  mlcm__machine *m = t->m;
  mlcm__outcome *out = t->out;
  assert(weight_ppm >= 0 && weight_ppm <= MLCM_WEIGHT_ALL);
  out->action = action;
  out->seq = m->seq + 1;
  out->at_ns = t->tick->wall_ns;
  out->from_step = m->step;
  out->to_step = step;
  out->from_weight_ppm = m->weight_ppm;
  out->to_weight_ppm = weight_ppm;
  out->status = status;
  out->verdict = verdict;
  for (size_t i = 0; i < mlcm_gate_n_checks(m->gate); i++) m->decided[i] = mlcm_gate_check(m->gate, i);
  m->seq++;
  m->status = status;
  m->weight_ppm = weight_ppm;
  if (step != m->step || action == MLCM_ACTION_START) begin_step(m, step);
  if (!mlcm__machine_active(m)) m->ended_ns = t->tick->wall_ns;
  return true;
}

static const char *reason_of(const turn *t) { return t->tick->command.reason ? t->tick->command.reason : ""; }

/* By whom and why, for decisions that somebody asked for. */
static void attribute(turn *t) {
  t->out->is_obeyed = true;
  snprintf(t->out->actor, sizeof(t->out->actor), "%s", t->tick->command.actor ? t->tick->command.actor : "");
  mlcm__words_cut(reason_of(t), t->out->note, sizeof(t->out->note));
}

#define SAY(t, ...) mlcm__words_format((t)->out->reason, sizeof((t)->out->reason), __VA_ARGS__)
#define REFUSE(t, ...) (mlcm__words_format((t)->out->refused, sizeof((t)->out->refused), __VA_ARGS__), false)

static void start(turn *t) {
  char weight[32];
  t->m->started_ns = t->tick->wall_ns;
  t->m->last_mono_ns = t->tick->mono_ns;
  int64_t first = t->m->plan->steps[0].weight_ppm;
  mlcm__words_weight(first, weight);
  t->out->cause = MLCM__CAUSE_START;
  SAY(t, "canary of /%lld against /%lld starts at %s", (long long)t->m->candidate, (long long)t->m->stable, weight);
  attribute(t);
  enter(t, MLCM_ACTION_START, MLCM_ROLLOUT_PROGRESSING, 0, first, MLCM_INCONCLUSIVE);
}

/* ---- time and evidence ---------------------------------------------------------------------------------------------- */

/* A clock that jumps, a process that was stopped and a new boot (where the clock starts anew) add at most the gap, and never less
 * than nothing: no step ends because of them. */
static void pass_time(mlcm__machine *m, const mlcm__tick *tick) {
  uint64_t difference = (uint64_t)tick->mono_ns - (uint64_t)m->last_mono_ns; /* of any two clocks, without overflow */
  int64_t passed = tick->mono_ns <= m->last_mono_ns         ? 0
                   : difference < (uint64_t)m->plan->gap_ns ? (int64_t)difference
                                                            : m->plan->gap_ns;
  m->last_mono_ns = tick->mono_ns;
  m->last_wall_ns = tick->wall_ns;
  m->counted_ns += passed;
  if (m->status != MLCM_ROLLOUT_PROGRESSING) return;
  m->step_elapsed_ns += passed;
  m->elapsed_ns += passed;
}

static void note_data(mlcm__machine *m, const mlcm_observation *seen) {
  for (int32_t i = 0; i < seen->n_strata; i++)
    if (seen->pass[i].candidate_n > 0) m->last_data_ns[seen->check] = m->step_elapsed_ns;
}

static mlcm_status take_evidence(mlcm__machine *m, const mlcm__tick *tick, mlcm_error *err) {
  int64_t now_ns = m->started_ns + m->counted_ns;
  for (size_t i = 0; i < tick->n_traffic; i++) {
    const mlcm_counts *seen = &tick->traffic[i].requests;
    mlcm_status st = mlcm_gate_observe_traffic(m->gate, now_ns, &tick->traffic[i], err);
    if (st) return st;
    if (seen->candidate_n > 0) m->last_request_ns = m->step_elapsed_ns;
    m->requests.candidate_n += seen->candidate_n;
    m->requests.candidate_bad += seen->candidate_bad;
    m->requests.stable_n += seen->stable_n;
    m->requests.stable_bad += seen->stable_bad;
  }
  mlcm_status st = mlcm_gate_observe(m->gate, now_ns, tick->observations, tick->n_observations, err);
  if (st) return st;
  for (size_t i = 0; i < tick->n_observations; i++) note_data(m, &tick->observations[i]);
  return MLCM_OK;
}

/* ---- harm ----------------------------------------------------------------------------------------------------------- */

static bool roll_back_on_harm(turn *t) {
  mlcm__machine *m = t->m;
  const mlcm__tick_command *command = &t->tick->command;
  if (t->verdict.kind == MLCM_FAIL) {
    SAY(t, "rolled back to /%lld: %s", (long long)m->stable, t->verdict.reason);
    t->out->check = t->verdict.check;
    t->out->cause = t->verdict.check >= 0 ? MLCM__CAUSE_CHECK : MLCM__CAUSE_HARM_BUDGET;
  } else if (command->kind == MLCM__INTENT_BROKEN) {
    t->out->cause = MLCM__CAUSE_BROKEN;
    SAY(t, "rolled back to /%lld: /%lld cannot serve: %s", (long long)m->stable, (long long)m->candidate,
        reason_of(t));
    attribute(t);
  } else {
    return false;
  }
  return enter(t, MLCM_ACTION_ROLL_BACK, MLCM_ROLLOUT_ROLLED_BACK, m->step, 0, MLCM_FAIL);
}

/* ---- commands ------------------------------------------------------------------------------------------------------- */

static bool displace(turn *t) {
  mlcm__machine *m = t->m;
  if (t->tick->command.kind != MLCM__INTENT_DISPLACED) return false;
  if (m->displaced) return REFUSE(t, "already paused for a change by hand");
  m->displaced = true;
  t->out->cause = MLCM__CAUSE_CHANGED_BY_HAND;
  SAY(t, "paused with no traffic on /%lld: %s", (long long)m->candidate, reason_of(t));
  attribute(t);
  return enter(t, MLCM_ACTION_PAUSE, MLCM_ROLLOUT_PAUSED, m->step, 0, MLCM_INCONCLUSIVE);
}

static bool pause_rollout(turn *t) {
  mlcm__machine *m = t->m;
  char weight[32];
  if (m->status == MLCM_ROLLOUT_PAUSED) return REFUSE(t, "it is paused already");
  mlcm__words_weight(m->weight_ppm, weight);
  SAY(t, "paused at %s by %s", weight, t->tick->command.actor);
  return enter(t, MLCM_ACTION_PAUSE, MLCM_ROLLOUT_PAUSED, m->step, m->weight_ppm, t->verdict.kind);
}

static bool resume(turn *t) {
  mlcm__machine *m = t->m;
  if (m->status != MLCM_ROLLOUT_PAUSED) return REFUSE(t, "it is not paused");
  if (m->displaced) return REFUSE(t, "stable or candidate was changed by hand; abort it and start a new one");
  SAY(t, "resumed by %s", t->tick->command.actor);
  return enter(t, MLCM_ACTION_RESUME, MLCM_ROLLOUT_PROGRESSING, m->step, m->weight_ppm, t->verdict.kind);
}

static bool abort_rollout(turn *t) {
  SAY(t, "aborted by %s; /%lld goes on serving", t->tick->command.actor, (long long)t->m->stable);
  return enter(t, MLCM_ACTION_ABORT, MLCM_ROLLOUT_ABORTED, t->m->step, 0, t->verdict.kind);
}

static bool promote_by_hand(turn *t) {
  char weight[32];
  if (t->m->displaced) return REFUSE(t, "stable or candidate was changed by hand; abort it and start a new one");
  mlcm__words_weight(t->m->weight_ppm, weight);
  SAY(t, "promoted /%lld from %s by %s (%s)", (long long)t->m->candidate, weight, t->tick->command.actor,
      t->verdict.kind == MLCM_PASS ? "all checks proven" : "not all checks proven");
  return enter(t, MLCM_ACTION_PROMOTE, MLCM_ROLLOUT_PROMOTED, t->m->step, MLCM_WEIGHT_ALL, t->verdict.kind);
}

static bool obey(turn *t) {
  bool done = false;
  switch (t->tick->command.kind) {
  case MLCM__INTENT_PAUSE: done = pause_rollout(t); break;
  case MLCM__INTENT_RESUME: done = resume(t); break;
  case MLCM__INTENT_ABORT: done = abort_rollout(t); break;
  case MLCM__INTENT_PROMOTE: done = promote_by_hand(t); break;
  default: break;
  }
  if (!done) return false;
  t->out->cause = MLCM__CAUSE_COMMAND;
  attribute(t);
  return true;
}

/* ---- progress ------------------------------------------------------------------------------------------------------- */

/* Evidence of a comparing check is fresh while the candidate had outcomes within the step's own duration (or ten ticks, when that
 * is longer): proof from its beginning does not raise the weight after the traffic stopped. */
static bool has_fresh_data(const mlcm__machine *m, size_t i) {
  int64_t window = MLCM__QUIET_TICKS * m->plan->tick_ns;
  if (m->plan->steps[m->step].for_ns > window) window = m->plan->steps[m->step].for_ns;
  return m->last_data_ns[i] >= 0 && /* never: a check is proven in a step only by answers of the candidate in it */
         m->step_elapsed_ns - m->last_data_ns[i] <= window;
}

/* Requests come, but all of keys that were counted already: time alone will prove nothing. */
static bool has_no_new_keys(const mlcm__machine *m, size_t i) {
  int64_t window = MLCM__QUIET_TICKS * m->plan->tick_ns, last = m->last_data_ns[i] < 0 ? 0 : m->last_data_ns[i];
  const mlcm_check *check = mlcm_policy_check(m->plan->policy, i);
  return check->kind == MLCM_CHECK_COMPARE && check->unit == MLCM_UNIT_KEY && m->last_request_ns >= 0 &&
         m->step_elapsed_ns - m->last_request_ns <= window && m->step_elapsed_ns - last > window;
}

#define WAIT(m, ...) (mlcm__words_format((m)->waits_for, sizeof((m)->waits_for), __VA_ARGS__), false)

static bool check_allows(mlcm__machine *m, size_t i) {
  const mlcm_check *check = mlcm_policy_check(m->plan->policy, i);
  mlcm_check_state state = mlcm_gate_check(m->gate, i);
  if (check->on_fail == MLCM_ON_FAIL_HOLD && state.verdict == MLCM_FAIL) return WAIT(m, "%s: %s", check->name, state.reason);
  if (!m->plan->steps[m->step].required[i]) return true;
  if (state.verdict != MLCM_PASS && has_no_new_keys(m, i))
    return WAIT(m, "%s: new keys; each counts once and those that come were counted (unit: request would count every request)",
                check->name);
  if (state.verdict != MLCM_PASS) return WAIT(m, "%s: %s", check->name, state.reason);
  assert(check->kind != MLCM_CHECK_THRESHOLD || state.last.kind == MLCM_MEASURED_VALUE); /* only a value passes */
  if (check->kind == MLCM_CHECK_COMPARE && !has_fresh_data(m, i)) return WAIT(m, "%s: no traffic on the candidate", check->name);
  return true;
}

static bool step_is_over(turn *t) {
  mlcm__machine *m = t->m;
  const mlcm__plan_step *step = &m->plan->steps[m->step];
  m->waits_for[0] = '\0';
  for (size_t i = 0; i < mlcm_gate_n_checks(m->gate); i++)
    if (!check_allows(m, i)) return false;
  if (t->verdict.ratio_alarm) return WAIT(m, "%s", t->verdict.reason);
  if (t->verdict.warming_up) return WAIT(m, "warming up");
  if (m->step_elapsed_ns < step->for_ns) return WAIT(m, "the time of this step");
  return true;
}

static bool advance(turn *t) {
  mlcm__machine *m = t->m;
  char from[32], to[32];
  int64_t weight = m->plan->steps[m->step + 1].weight_ppm;
  mlcm__words_weight(m->weight_ppm, from);
  mlcm__words_weight(weight, to);
  SAY(t, "advanced %s to %s, all checks proven", from, to);
  enter(t, MLCM_ACTION_ADVANCE, MLCM_ROLLOUT_PROGRESSING, m->step + 1, weight, MLCM_PASS);
  mlcm_gate_begin_step(m->gate);
  return true;
}

static bool progress(turn *t) {
  mlcm__machine *m = t->m;
  bool over = step_is_over(t);
  if (m->status == MLCM_ROLLOUT_PAUSED)
    return WAIT(m, "%s", m->displaced ? "an abort: stable or candidate was changed by hand" : "a person: it is paused");
  if (!over) return false;
  t->out->cause = MLCM__CAUSE_PROVEN;
  if (m->step + 1 < m->plan->n_steps) return advance(t);
  if (m->plan->then == MLCM__THEN_PAUSE) {
    SAY(t, "all checks proven in the last step; the plan leaves the promotion of /%lld to a person", (long long)m->candidate);
    return enter(t, MLCM_ACTION_PAUSE, MLCM_ROLLOUT_PAUSED, m->step, m->weight_ppm, MLCM_PASS);
  }
  SAY(t, "promoted /%lld: all checks proven in every step", (long long)m->candidate);
  return enter(t, MLCM_ACTION_PROMOTE, MLCM_ROLLOUT_PROMOTED, m->step, MLCM_WEIGHT_ALL, MLCM_PASS);
}

/* ---- expiry --------------------------------------------------------------------------------------------------------- */

static bool expire(turn *t) {
  mlcm__machine *m = t->m;
  mlcm_policy_settings settings = mlcm_policy_get_settings(m->plan->policy);
  char after[32];
  if (m->status != MLCM_ROLLOUT_PROGRESSING || m->elapsed_ns < m->next_expiry_ns) return false;
  mlcm__format_duration(m->elapsed_ns, after);
  t->out->cause = MLCM__CAUSE_EXPIRED;
  if (settings.expire_action == MLCM_EXPIRE_HOLD) {
    m->next_expiry_ns = m->elapsed_ns + settings.expire_after_ns;
    SAY(t, "nothing proven after %s; holds and waits for %s", after, m->waits_for);
    return enter(t, MLCM_ACTION_HOLD, MLCM_ROLLOUT_PROGRESSING, m->step, m->weight_ppm, MLCM_INCONCLUSIVE);
  }
  SAY(t, "expired after %s, back to /%lld; /%lld is not blamed, it waited for %s", after, (long long)m->stable,
      (long long)m->candidate, m->waits_for);
  return enter(t, MLCM_ACTION_ROLL_BACK, MLCM_ROLLOUT_EXPIRED, m->step, 0, MLCM_INCONCLUSIVE);
}

mlcm_status mlcm__machine_tick(mlcm__machine *m, const mlcm__tick *tick, mlcm__outcome *out, mlcm_error *err) {
  turn t = {.m = m, .tick = tick, .out = out};
  memset(out, 0, sizeof(*out));
  out->check = -1;
  if (m->status && !mlcm__machine_active(m))
    return mlcm__fail(err, MLCM_INVALID_STATE, "the rollout has ended: %s", mlcm_rollout_status_name(m->status));
  m->n_ticks++;
  if (!m->status) {
    start(&t);
    return MLCM_OK;
  }
  pass_time(m, tick);
  mlcm_status st = take_evidence(m, tick, err);
  if (st) return st;
  t.verdict = mlcm_gate_explain(m->gate);
  bool decided = roll_back_on_harm(&t) || displace(&t) || obey(&t) || progress(&t) || expire(&t);
  if (decided && out->action != MLCM_ACTION_HOLD && !mlcm__machine_active(m)) m->waits_for[0] = '\0';
  return MLCM_OK;
}
