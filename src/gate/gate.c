/* SPDX-License-Identifier: Apache-2.0
 *
 * gate.c - evidence in, verdicts out. All arithmetic that decides is in evalue.c; here are the rules around it: warm-up, least
 * samples, latching, values in a row, sample ratio, harm budget. Nothing is read but the arguments.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "gate/math.h"
#include "gate/state.h"

/* ---- Life ---------------------------------------------------------------------------------------------------------- */

static size_t size_of(size_t n_checks) { return sizeof(mlcm_gate) + n_checks * sizeof(mlcm__check_progress); }

mlcm_status mlcm_gate_new(const mlcm_policy *policy, mlcm_gate **out, mlcm_error *err) {
  if (!policy || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_gate_new: policy and out must not be NULL");
  const mlcm_policy_settings *s = &policy->settings;
  mlcm_gate *gate = mlcm__alloc_zero(policy->ctx, 1, size_of(policy->n_checks));
  if (!gate) return mlcm__fail_memory(err, size_of(policy->n_checks));
  gate->policy = mlcm__policy_retain(policy);
  gate->n_checks = policy->n_checks;
  gate->warm_up_ns = s->warm_up_ns;
  gate->is_warming_up = s->warm_up_requests > 0 || s->warm_up_ns > 0;
  if (policy->n_comparing > 0) gate->log_threshold_fail = mlcm__math_log((double)policy->n_comparing / s->alpha);
  gate->log_threshold_pass = mlcm__math_log(1.0 / s->pass_alpha);
  if (s->sample_ratio_alpha > 0) gate->log_threshold_ratio = mlcm__math_log(1.0 / s->sample_ratio_alpha);
  mlcm__evalue_init_ratio(&gate->ratio);
  for (size_t i = 0; i < gate->n_checks; i++) {
    const mlcm_check *c = &policy->checks[i];
    if (c->kind != MLCM_CHECK_COMPARE) continue;
    bool is_latency = c->meter == MLCM_METER_LATENCY; /* its margins are in the thresholds: the nulls are odds ratio 1 */
    mlcm__evalue_init(&gate->checks[i].fail, MLCM__SIDE_FAIL, is_latency ? 1.0 : c->fail_above);
    mlcm__evalue_init(&gate->checks[i].pass, MLCM__SIDE_PASS, is_latency ? 1.0 : c->pass_below);
    if (c->has_at_most) mlcm__evalue_init_bound(&gate->checks[i].bound, c->at_most);
  }
  *out = gate;
  return MLCM_OK;
}

mlcm_status mlcm_gate_clone(const mlcm_gate *gate, mlcm_gate **out, mlcm_error *err) {
  if (!gate || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_gate_clone: gate and out must not be NULL");
  mlcm_gate *copy = mlcm__alloc(gate->policy->ctx, size_of(gate->n_checks));
  if (!copy) return mlcm__fail_memory(err, size_of(gate->n_checks));
  memcpy(copy, gate, size_of(gate->n_checks));
  mlcm__policy_retain(gate->policy);
  *out = copy;
  return MLCM_OK;
}

void mlcm_gate_free(mlcm_gate *gate) {
  if (!gate) return;
  mlcm_policy *policy = gate->policy;
  mlcm__free(policy->ctx, gate);
  mlcm_policy_free(policy);
}

void mlcm_gate_begin_step(mlcm_gate *gate) {
  for (size_t i = 0; i < gate->n_checks; i++) {
    mlcm__check_progress *p = &gate->checks[i];
    if (gate->policy->checks[i].kind == MLCM_CHECK_COMPARE) {
      mlcm__evalue_restart(&p->pass);
      mlcm__evalue_restart(&p->bound);
    }
    memset(&p->step, 0, sizeof(p->step));
    p->n_values = 0;
    p->has_passed = false;
    if (!p->has_failed) p->decided_ns = 0;
  }
}

/* ---- Traffic ------------------------------------------------------------------------------------------------------- */

static bool is_count(int64_t n) { return n >= 0 && n <= MLCM_GATE_MAX_COUNT; }

static bool are_counts(const mlcm_counts *c) {
  return is_count(c->candidate_n) && is_count(c->stable_n) && c->candidate_bad >= 0 && c->candidate_bad <= c->candidate_n &&
         c->stable_bad >= 0 && c->stable_bad <= c->stable_n;
}

/* Sums for display and least samples stay below this instead of overflowing. */
static void add_capped(int64_t *sum, int64_t n) {
  const int64_t cap = INT64_C(1) << 62;
  *sum = *sum > cap - n ? cap : *sum + n;
}

static void start_clock(mlcm_gate *gate, int64_t now_ns) {
  if (gate->has_started) return;
  gate->has_started = true;
  gate->started_ns = now_ns;
}

static void weigh_ratio(mlcm_gate *gate, const mlcm_traffic *t) {
  int64_t reported = t->candidate_reported + t->stable_reported;
  if (gate->policy->settings.sample_ratio_alpha == 0 || reported == 0 || t->candidate_routed == 0 || t->stable_routed == 0)
    return;
  double share = (double)t->candidate_routed / (double)(t->candidate_routed + t->stable_routed);
  mlcm__evalue_add_ratio(&gate->ratio, t->candidate_reported, reported, share);
  if (gate->ratio.log_e >= gate->log_threshold_ratio) gate->has_ratio_alarm = true;
}

/* The candidate's failures beyond stable's rate since it was last no worse. Clipping every tick at 0 instead would charge noise:
 * at one expected failure a tick a perfect candidate would pay 0.4 in each. */
static void charge_harm(mlcm_gate *gate, const mlcm_counts *c) {
  int64_t budget = gate->policy->settings.harm_budget;
  if (c->stable_n == 0) return;
  double expected = (double)c->candidate_n * ((double)c->stable_bad / (double)c->stable_n);
  double harm = gate->harm + ((double)c->candidate_bad - expected);
  gate->harm = harm > 0 ? harm : 0;
  if (budget >= 0 && gate->harm > (double)budget) gate->is_harm_spent = true;
}

mlcm_status mlcm_gate_observe_traffic(mlcm_gate *gate, int64_t now_ns, const mlcm_traffic *t, mlcm_error *err) {
  if (!gate || !t) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_gate_observe_traffic: gate and traffic must not be NULL");
  if (!is_count(t->candidate_routed) || !is_count(t->stable_routed) || !is_count(t->candidate_reported) ||
      !is_count(t->stable_reported) || !are_counts(&t->requests))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "mlcm_gate_observe_traffic: a count is negative, above 2^50, or its bad ones are "
                      "more than its trials");
  start_clock(gate, now_ns);
  gate->has_traffic = true;
  add_capped(&gate->traffic_requests, t->requests.candidate_n);
  weigh_ratio(gate, t);
  charge_harm(gate, &t->requests);
  return MLCM_OK;
}

/* ---- Evidence ------------------------------------------------------------------------------------------------------ */

static void add_counts(mlcm_counts *sum, const mlcm_counts *c) {
  add_capped(&sum->candidate_n, c->candidate_n);
  add_capped(&sum->candidate_bad, c->candidate_bad);
  add_capped(&sum->stable_n, c->stable_n);
  add_capped(&sum->stable_bad, c->stable_bad);
}

static void decide(mlcm__check_progress *p, bool *latch, int64_t now_ns) {
  if (*latch) return;
  *latch = true;
  p->decided_ns = now_ns;
}

/* A candidate is fine when it is no worse than stable or good in itself. Who passes it wrongly has both against him, and for both
 * together the mean of the two is an e-process: one threshold, and no alpha is spent twice. */
double mlcm__progress_log_e_pass(const mlcm_check *check, const mlcm__check_progress *p) {
  return check->has_at_most ? mlcm__evalue_log_mean(&p->pass, &p->bound) : p->pass.log_e;
}

static void take_strata(const mlcm_gate *gate, mlcm__check_progress *p, const mlcm_observation *o, int64_t now_ns) {
  const mlcm_check *check = &gate->policy->checks[o->check];
  int64_t least = gate->policy->settings.min_samples;
  for (int32_t i = 0; i < o->n_strata; i++) {
    mlcm__evalue_add(&p->fail, &o->fail[i]);
    mlcm__evalue_add(&p->pass, &o->pass[i]);
    if (check->has_at_most) mlcm__evalue_add_bound(&p->bound, o->pass[i].candidate_n, o->pass[i].candidate_bad);
    add_counts(&p->total, &o->fail[i]);
    add_counts(&p->step, &o->pass[i]);
  }
  bool is_fine = mlcm__progress_log_e_pass(check, p) >= gate->log_threshold_pass;
  if (is_fine && p->step.candidate_n >= least && !p->has_failed) decide(p, &p->has_passed, now_ns);
  if (p->fail.log_e >= gate->log_threshold_fail && p->total.candidate_n >= least) decide(p, &p->has_failed, now_ns);
}

bool mlcm__check_is_good(const mlcm_check *check, const mlcm_measurement *m) {
  if (check->source == MLCM_SOURCE_HTTP) /* the probe has judged; where it says the status, that must fit too */
    return m->value != 0 && (check->http_status == 0 || m->http_status == 0 || m->http_status == check->http_status);
  return (!check->has_at_least || m->value >= check->at_least) && (!check->has_at_most || m->value <= check->at_most);
}

/* Only values count: a good one ends a row of bad ones and passes until the next measurement; anything else stands in the way of
 * passing and changes no count. */
static void take_measurement(mlcm__check_progress *p, const mlcm_check *check, const mlcm_measurement *m, int64_t now_ns) {
  bool had_passed = p->has_passed;
  p->last = *m;
  p->last.detail[sizeof(p->last.detail) - 1] = '\0';
  p->has_passed = false;
  if (m->kind != MLCM_MEASURED_VALUE) return;
  p->n_values++;
  bool is_good = mlcm__check_is_good(check, m);
  if (p->has_failed && check->on_fail == MLCM_ON_FAIL_ROLLBACK) return;
  p->failures_in_a_row = is_good ? 0 : p->failures_in_a_row + (p->failures_in_a_row < check->failures);
  p->has_passed = is_good;
  if (is_good && !had_passed) p->decided_ns = now_ns;
  if (is_good) p->has_failed = false;
  if (p->failures_in_a_row >= check->failures) decide(p, &p->has_failed, now_ns);
}

static mlcm_status check_strata(const mlcm_observation *o, const char *name, mlcm_error *err) {
  if (o->n_strata < 0 || o->n_strata > 1000)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "check '%s': %d strata, it must be 0 to 1000", name, (int)o->n_strata);
  if (o->n_strata > 0 && (!o->fail || !o->pass))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "check '%s': strata without counts of both sides", name);
  for (int32_t i = 0; i < o->n_strata; i++)
    if (!are_counts(&o->fail[i]) || !are_counts(&o->pass[i]))
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                        "check '%s': a count of stratum %d is negative, above 2^50, or its bad ones are "
                        "more than its trials",
                        name, (int)i);
  return MLCM_OK;
}

static mlcm_status check_observation(const mlcm_gate *gate, const mlcm_observation *o, mlcm_error *err) {
  if (o->check < 0 || (size_t)o->check >= gate->n_checks)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "observation of check %d, the policy has %zu", (int)o->check, gate->n_checks);
  const mlcm_check *check = &gate->policy->checks[o->check];
  if (check->kind == MLCM_CHECK_COMPARE && o->measurement)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "check '%s' compares counts, a measurement was given", check->name);
  if (check->kind == MLCM_CHECK_COMPARE) return check_strata(o, check->name, err);
  if (o->n_strata != 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "check '%s' has a limit, strata were given", check->name);
  const mlcm_measurement *m = o->measurement;
  if (m && (m->kind < MLCM_MEASURED_VALUE || m->kind > MLCM_MEASURED_ERROR || m->value - m->value != 0))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "check '%s': measurement of unknown kind %d or without a finite value",
                      check->name, (int)m->kind);
  return MLCM_OK;
}

static void update_warm_up(mlcm_gate *gate, int64_t now_ns) {
  bool few_requests = gate->warm_requests < gate->policy->settings.warm_up_requests;
  gate->is_warming_up = few_requests || now_ns - gate->started_ns < gate->warm_up_ns;
}

/* Candidate trials of the check that has most in this tick. */
static int64_t most_trials(const mlcm_observation *observations, size_t n) {
  int64_t most = 0;
  for (size_t i = 0; i < n; i++) {
    int64_t sum = 0;
    for (int32_t k = 0; k < observations[i].n_strata; k++) add_capped(&sum, observations[i].fail[k].candidate_n);
    if (sum > most) most = sum;
  }
  return most;
}

mlcm_status mlcm_gate_observe(mlcm_gate *gate, int64_t now_ns, const mlcm_observation *observations, size_t n, mlcm_error *err) {
  if (!gate || (!observations && n > 0))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_gate_observe: gate and observations must not be NULL");
  for (size_t i = 0; i < n; i++) {
    mlcm_status st = check_observation(gate, &observations[i], err);
    if (st) return st;
  }
  start_clock(gate, now_ns);
  update_warm_up(gate, now_ns);
  for (size_t i = 0; i < n; i++) {
    const mlcm_observation *o = &observations[i];
    const mlcm_check *check = &gate->policy->checks[o->check];
    mlcm__check_progress *p = &gate->checks[o->check];
    if (check->kind == MLCM_CHECK_COMPARE && !gate->is_warming_up) take_strata(gate, p, o, now_ns);
    if (o->measurement) take_measurement(p, check, o->measurement, now_ns);
  }
  add_capped(&gate->counted_requests, most_trials(observations, n));
  gate->warm_requests = gate->has_traffic ? gate->traffic_requests : gate->counted_requests;
  return MLCM_OK;
}

/* ---- Verdicts ------------------------------------------------------------------------------------------------------ */

mlcm_verdict_kind mlcm__progress_verdict(const mlcm__check_progress *p) {
  return p->has_failed ? MLCM_FAIL : p->has_passed ? MLCM_PASS : MLCM_INCONCLUSIVE;
}

size_t mlcm_gate_n_checks(const mlcm_gate *gate) { return gate->n_checks; }

mlcm_check_state mlcm_gate_check(const mlcm_gate *gate, size_t i) {
  mlcm_check_state state;
  memset(&state, 0, sizeof(state));
  if (i >= gate->n_checks) return state;
  const mlcm__check_progress *p = &gate->checks[i];
  state.verdict = mlcm__progress_verdict(p);
  state.failures_in_a_row = p->failures_in_a_row;
  state.total = p->total;
  state.step = p->step;
  state.n_values = p->n_values;
  state.last = p->last;
  state.decided_ns = state.verdict == MLCM_INCONCLUSIVE ? 0 : p->decided_ns;
  if (gate->policy->checks[i].kind == MLCM_CHECK_COMPARE) {
    state.log_e_fail = p->fail.log_e;
    state.log_e_pass = mlcm__progress_log_e_pass(&gate->policy->checks[i], p);
    state.log_threshold_fail = gate->log_threshold_fail;
    state.log_threshold_pass = gate->log_threshold_pass;
  }
  mlcm__gate_reason(gate, i, state.reason, sizeof(state.reason));
  return state;
}

/* First check with this verdict and this consequence (0: any but report), or -1. */
static int32_t find_check(const mlcm_gate *gate, mlcm_verdict_kind verdict, mlcm_on_fail on_fail) {
  for (size_t i = 0; i < gate->n_checks; i++) {
    mlcm_on_fail own = gate->policy->checks[i].on_fail;
    bool fits = on_fail == 0 ? own != MLCM_ON_FAIL_REPORT : own == on_fail;
    if (fits && mlcm__progress_verdict(&gate->checks[i]) == verdict) return (int32_t)i;
  }
  return -1;
}

/* The verdict and the check it stands on, -1 for none: failing beats holding, holding beats passing. */
static mlcm_verdict_kind judge(const mlcm_gate *gate, int32_t *out_check) {
  *out_check = find_check(gate, MLCM_FAIL, MLCM_ON_FAIL_ROLLBACK);
  if (*out_check >= 0) return MLCM_FAIL;
  if (gate->is_harm_spent) return MLCM_FAIL;
  if (gate->has_ratio_alarm) return MLCM_INCONCLUSIVE;
  *out_check = find_check(gate, MLCM_FAIL, MLCM_ON_FAIL_HOLD);
  if (*out_check >= 0) return MLCM_INCONCLUSIVE;
  *out_check = find_check(gate, MLCM_INCONCLUSIVE, 0);
  return *out_check >= 0 ? MLCM_INCONCLUSIVE : MLCM_PASS;
}

mlcm_verdict_kind mlcm_gate_verdict(const mlcm_gate *gate) {
  int32_t check;
  return judge(gate, &check);
}

/* Candidate trials still missing to min_samples, of the comparing check that has fewest in this step. */
static int64_t samples_short(const mlcm_gate *gate) {
  int64_t most = 0;
  for (size_t i = 0; i < gate->n_checks; i++) {
    int64_t missing = gate->policy->settings.min_samples - gate->checks[i].step.candidate_n;
    if (gate->policy->checks[i].kind == MLCM_CHECK_COMPARE && missing > most) most = missing;
  }
  return most;
}

mlcm_verdict mlcm_gate_explain(const mlcm_gate *gate) {
  mlcm_verdict v;
  memset(&v, 0, sizeof(v));
  v.kind = judge(gate, &v.check);
  v.harm = gate->harm;
  v.log_e_ratio = gate->ratio.log_e;
  v.ratio_alarm = gate->has_ratio_alarm;
  v.warming_up = gate->is_warming_up;
  v.samples_short = samples_short(gate);
  char reason[128];
  if (v.check >= 0) {
    const char *name = gate->policy->checks[v.check].name;
    mlcm__gate_reason(gate, (size_t)v.check, reason, sizeof(reason));
    const size_t len = mlcm__utf8_cut(reason, strlen(reason), sizeof(v.reason) - sizeof(": ") - strlen(name));
    snprintf(v.reason, sizeof(v.reason), "%s: %.*s", name, (int)len, reason);
  } else if (v.kind == MLCM_FAIL) {
    char harm[40];
    mlcm__gate_number(gate->harm, 4, harm);
    snprintf(v.reason, sizeof(v.reason), "harm budget spent: %s failed requests more than stable's rate, the budget is %lld",
             harm, (long long)gate->policy->settings.harm_budget);
  } else if (v.kind == MLCM_INCONCLUSIVE) {
    snprintf(v.reason, sizeof(v.reason),
             "the candidate's share of reports is not its share of traffic: a comparison would mean nothing");
  } else {
    snprintf(v.reason, sizeof(v.reason), "all checks have passed");
  }
  return v;
}
