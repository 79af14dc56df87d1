/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_json.c - the state of a gate in canonical JSON: equal states, equal bytes. Read by people's tools and compared in replays.
 */
#include "gate/json_text.h"
#include "gate/state.h"

enum { MAX_JSON_BYTES = 1 << 20 };

static void write_counts(mlcm__json *j, const char *key, const mlcm_counts *c) {
  mlcm__json_object(j, key);
  mlcm__json_i64_text(j, "candidate_bad", c->candidate_bad);
  mlcm__json_i64_text(j, "candidate_n", c->candidate_n);
  mlcm__json_i64_text(j, "stable_bad", c->stable_bad);
  mlcm__json_i64_text(j, "stable_n", c->stable_n);
  mlcm__json_end(j);
}

static void write_measurement(mlcm__json *j, const mlcm_measurement *m) {
  static const char *const kinds[] = {"none", "value", "no data", "partial", "stale", "error"};
  mlcm__json_object(j, "last");
  mlcm__json_i64_text(j, "at_ns", m->at_ns);
  mlcm__json_string(j, "detail", m->detail);
  mlcm__json_i64(j, "http_status", m->http_status);
  mlcm__json_string(j, "kind", kinds[m->kind]);
  mlcm__json_hexf64(j, "value", m->value);
  mlcm__json_end(j);
}

static void write_check(mlcm__json *j, const mlcm_gate *gate, size_t i) {
  mlcm_check_state s = mlcm_gate_check(gate, i);
  bool is_compare = gate->policy->checks[i].kind == MLCM_CHECK_COMPARE;
  mlcm__json_object(j, NULL);
  mlcm__json_i64_text(j, "decided_ns", s.decided_ns);
  if (!is_compare) mlcm__json_i64(j, "failures_in_a_row", s.failures_in_a_row);
  if (!is_compare) write_measurement(j, &s.last);
  if (is_compare) {
    mlcm__json_hexf64(j, "log_e_fail", s.log_e_fail);
    mlcm__json_hexf64(j, "log_e_pass", s.log_e_pass);
    mlcm__json_hexf64(j, "log_threshold_fail", s.log_threshold_fail);
    mlcm__json_hexf64(j, "log_threshold_pass", s.log_threshold_pass);
  }
  if (!is_compare) mlcm__json_i64_text(j, "n_values", s.n_values);
  mlcm__json_string(j, "name", gate->policy->checks[i].name);
  mlcm__json_string(j, "reason", s.reason);
  if (is_compare) write_counts(j, "step", &s.step);
  if (is_compare) write_counts(j, "total", &s.total);
  mlcm__json_string(j, "verdict", mlcm__verdict_name(s.verdict));
  mlcm__json_end(j);
}

static void write_verdict(mlcm__json *j, const mlcm_gate *gate) {
  mlcm_verdict v = mlcm_gate_explain(gate);
  mlcm__json_object(j, "verdict");
  mlcm__json_i64(j, "check", v.check);
  mlcm__json_hexf64(j, "harm", v.harm);
  mlcm__json_string(j, "kind", mlcm__verdict_name(v.kind));
  mlcm__json_hexf64(j, "log_e_ratio", v.log_e_ratio);
  mlcm__json_bool(j, "ratio_alarm", v.ratio_alarm);
  mlcm__json_string(j, "reason", v.reason);
  mlcm__json_i64_text(j, "samples_short", v.samples_short);
  mlcm__json_bool(j, "warming_up", v.warming_up);
  mlcm__json_end(j);
}

mlcm_status mlcm_gate_to_json(const mlcm_gate *gate, char **out, mlcm_error *err) {
  if (!gate || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_gate_to_json: gate and out must not be NULL");
  mlcm__buffer buffer;
  mlcm__json j;
  mlcm__buffer_init(&buffer, gate->policy->ctx, MAX_JSON_BYTES);
  mlcm__json_init(&j, &buffer, true);
  mlcm__json_object(&j, NULL);
  mlcm__json_array(&j, "checks");
  for (size_t i = 0; i < gate->n_checks; i++) write_check(&j, gate, i);
  mlcm__json_end(&j);
  mlcm__json_string(&j, "policy_digest", gate->policy->digest);
  write_verdict(&j, gate);
  mlcm__json_end(&j);
  mlcm_status st = mlcm__buffer_take(&buffer, "the gate's state", out, err);
  mlcm__buffer_reset(&buffer);
  return st;
}
