/* SPDX-License-Identifier: Apache-2.0
 *
 * state_json.c - a state as JSON for programs, and a decision in words for people.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "gate/json_text.h"
#include "gate/math.h"
#include "gate/policy.h"
#include "rollout/record.h"
#include "rollout/state.h"
#include "rollout/words.h"

enum { STATE_MAX = 4 << 20, EXPLAIN_MAX = 1 << 20 };

/* ---- JSON ----------------------------------------------------------------------------------------------------------- */

static void write_counts(mlcm__json *j, const char *key, const mlcm_counts *c) {
  mlcm__json_object(j, key);
  mlcm__json_i64(j, "candidate_bad", c->candidate_bad);
  mlcm__json_i64(j, "candidate_n", c->candidate_n);
  mlcm__json_i64(j, "stable_bad", c->stable_bad);
  mlcm__json_i64(j, "stable_n", c->stable_n);
  mlcm__json_end(j);
}

static void write_last(mlcm__json *j, const mlcm_measurement *m) {
  if (!m->kind) {
    mlcm__json_null(j, "last");
    return;
  }
  mlcm__json_object(j, "last");
  mlcm__json_i64_text(j, "at_ns", m->at_ns);
  mlcm__json_string(j, "detail", m->detail);
  mlcm__json_i64(j, "http_status", m->http_status);
  mlcm__json_string(j, "kind", mlcm_measurement_kind_name(m->kind));
  mlcm__json_i64_text(j, "took_ns", m->took_ns);
  mlcm__json_f64(j, "value", m->value);
  mlcm__json_end(j);
}

static void write_check(mlcm__json *j, const mlcm_rollout_check *c) {
  mlcm__json_object(j, NULL);
  mlcm__json_i64_text(j, "decided_ns", c->state.decided_ns);
  mlcm__json_i64(j, "failures_in_a_row", c->state.failures_in_a_row);
  mlcm__json_string(j, "kind", c->kind == MLCM_CHECK_COMPARE ? "compare" : "threshold");
  if (c->kind == MLCM_CHECK_THRESHOLD) write_last(j, &c->state.last);
  if (c->kind == MLCM_CHECK_COMPARE) {
    mlcm__json_f64(j, "log_e_fail", c->state.log_e_fail);
    mlcm__json_f64(j, "log_e_pass", c->state.log_e_pass);
    mlcm__json_f64(j, "log_threshold_fail", c->state.log_threshold_fail);
    mlcm__json_f64(j, "log_threshold_pass", c->state.log_threshold_pass);
  }
  mlcm__json_string(j, "name", c->name);
  mlcm__json_string(j, "on_fail", mlcm__on_fail_name(c->on_fail));
  mlcm__json_string(j, "reason", c->state.reason);
  mlcm__json_bool(j, "required", c->required != 0);
  if (c->kind == MLCM_CHECK_COMPARE) {
    write_counts(j, "step", &c->state.step);
    write_counts(j, "total", &c->state.total);
  }
  mlcm__json_string(j, "verdict", mlcm__verdict_name(c->state.verdict));
  mlcm__json_end(j);
}

static void write_summary(mlcm__json *j, const mlcm_rollout_state *s) {
  const mlcm_rollout_summary *u = &s->summary;
  mlcm__json_string(j, "alias", u->alias);
  mlcm__json_i64(j, "candidate", u->candidate);
  mlcm__json_i64(j, "candidate_requests", u->candidate_requests);
  mlcm__json_array(j, "checks");
  for (int32_t i = 0; i < u->n_checks; i++) write_check(j, &s->checks[i]);
  mlcm__json_end(j);
  mlcm__json_raw(j, "decision", s->decision->json, strlen(s->decision->json));
  mlcm__json_i64_text(j, "elapsed_ns", u->elapsed_ns);
  mlcm__json_i64_text(j, "ended_ns", u->ended_ns);
  mlcm__json_string(j, "endpoint", u->endpoint);
  mlcm__json_i64(j, "evidence_bytes", u->evidence_bytes);
  mlcm__json_i64_text(j, "expire_after_ns", u->expire_after_ns);
  mlcm__json_string(j, "holder", u->holder);
  mlcm__json_i64(j, "lease_epoch", u->lease_epoch);
  mlcm__json_string(j, "model", u->model);
  mlcm__json_i64(j, "n_decisions", u->n_decisions);
  mlcm__json_i64(j, "n_pending", u->n_pending);
  mlcm__json_i64(j, "n_serving", u->n_serving);
  mlcm__json_i64(j, "n_steps", u->n_steps);
  mlcm__json_i64(j, "n_ticks", u->n_ticks);
  mlcm__json_string(j, "reason", u->reason);
  mlcm__json_i64(j, "rollout", u->id);
  mlcm__json_i64(j, "stable", u->stable);
  mlcm__json_i64(j, "stable_requests", u->stable_requests);
  mlcm__json_i64_text(j, "started_ns", u->started_ns);
  mlcm__json_string(j, "status", mlcm__status_word(u->status));
  mlcm__json_i64(j, "step", u->step);
  mlcm__json_i64_text(j, "step_elapsed_ns", u->step_elapsed_ns);
  mlcm__json_i64_text(j, "step_for_ns", u->step_for_ns);
  mlcm__json_i64_text(j, "step_remaining_ns", u->step_remaining_ns);
  mlcm__json_string(j, "waits_for", u->waits_for);
  mlcm__json_i64(j, "weight_ppm", u->weight_ppm);
}

mlcm_status mlcm_rollout_state_to_json(const mlcm_rollout_state *state, char **out, mlcm_error *err) {
  if (!state || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_state_to_json: an argument is NULL");
  mlcm__buffer buffer;
  mlcm__json j;
  mlcm__buffer_init(&buffer, state->ctx, STATE_MAX);
  mlcm__json_init(&j, &buffer, false);
  mlcm__json_object(&j, NULL);
  write_summary(&j, state);
  mlcm__json_end(&j);
  mlcm_status st = mlcm__buffer_take(&buffer, "a rollout's state", out, err);
  mlcm__buffer_reset(&buffer);
  return st;
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsString(item) ? item->valuestring : "";
}

static const char *mark(const char *verdict) {
  return strcmp(verdict, "pass") == 0 ? "pass" : strcmp(verdict, "fail") == 0 ? "FAIL" : "open";
}

static void explain_counts(mlcm__buffer *b, const cJSON *counts, const char *label) {
  mlcm_error ignored;
  int64_t cn = 0, cb = 0, sn = 0, sb = 0;
  if (mlcm__json_get_i64(counts, "candidate_n", "", &cn, &ignored) ||
      mlcm__json_get_i64(counts, "candidate_bad", "", &cb, &ignored) ||
      mlcm__json_get_i64(counts, "stable_n", "", &sn, &ignored) || mlcm__json_get_i64(counts, "stable_bad", "", &sb, &ignored))
    return;
  mlcm__buffer_format(b, "        %s: candidate %lld of %lld, stable %lld of %lld\n", label, (long long)cb, (long long)cn,
                      (long long)sb, (long long)sn);
}

static void explain_evidence(mlcm__buffer *b, const cJSON *check, const char *label, const char *key, const char *threshold) {
  mlcm_error ignored;
  double log_e = 0, limit = 0;
  if (mlcm__json_get_hexf64(check, key, "", &log_e, &ignored) || mlcm__json_get_hexf64(check, threshold, "", &limit, &ignored))
    return;
  mlcm__buffer_format(b, "        %s evidence %.4g of %.4g needed (ln %.6f of %.6f)\n", label, mlcm__math_exp(log_e),
                      mlcm__math_exp(limit), log_e, limit);
}

static void explain_check(mlcm__buffer *b, const cJSON *check) {
  mlcm__buffer_format(b, "  %s  %s: %s\n", mark(text_of(check, "verdict")), text_of(check, "name"), text_of(check, "reason"));
  if (strcmp(text_of(check, "kind"), "compare") != 0) return;
  explain_counts(b, cJSON_GetObjectItemCaseSensitive(check, "total"), "whole rollout");
  explain_counts(b, cJSON_GetObjectItemCaseSensitive(check, "step"), "this step");
  explain_evidence(b, check, "fail", "log_e_fail", "log_threshold_fail");
  explain_evidence(b, check, "pass", "log_e_pass", "log_threshold_pass");
}

static void explain(mlcm__buffer *b, const mlcm_decision *d, const cJSON *root) {
  char at[40], weight[32];
  mlcm__format_time(d->at_ns, at);
  mlcm__words_weight(d->weight_ppm, weight);
  mlcm__buffer_format(b, "decision %lld of rollout %lld, %s: %s\n", (long long)d->seq, (long long)d->rollout, at,
                      mlcm_action_name(d->action));
  mlcm__buffer_format(b, "  %s\n", d->reason);
  if (d->actor[0])
    mlcm__buffer_format(b, "  asked for by %s%s%s\n", d->actor, text_of(root, "note")[0] ? ": " : "", text_of(root, "note"));
  mlcm__buffer_format(b, "  afterwards %s, step %d, /%lld gets %s, stable is /%lld; verdict %s\n",
                      mlcm_rollout_status_name(d->status), (int)d->step, (long long)d->candidate, weight, (long long)d->stable,
                      mlcm__verdict_name(d->verdict));
  const cJSON *checks = cJSON_GetObjectItemCaseSensitive(root, "checks");
  for (const cJSON *check = checks ? checks->child : NULL; check; check = check->next) explain_check(b, check);
  mlcm__buffer_format(b, "  evidence %s\n  policy   %s\n  method   %s\n", text_of(root, "evidence"), text_of(root, "policy"),
                      text_of(root, "method"));
}

mlcm_status mlcm_decision_explain(mlcm_context *ctx, const mlcm_decision *decision, char **out, mlcm_error *err) {
  if (!ctx || !decision || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_decision_explain: an argument is NULL");
  mlcm__buffer buffer;
  cJSON *root = NULL;
  mlcm__buffer_init(&buffer, ctx, EXPLAIN_MAX);
  mlcm_status st = mlcm__json_parse(ctx, "decision record", decision->json, strlen(decision->json),
                                    (mlcm__json_limits){.max_bytes = EXPLAIN_MAX, .max_depth = 16}, &root, err);
  if (!st) {
    explain(&buffer, decision, root);
    st = mlcm__buffer_take(&buffer, "an explanation", out, err);
  }
  cJSON_Delete(root);
  mlcm__buffer_reset(&buffer);
  return st;
}
