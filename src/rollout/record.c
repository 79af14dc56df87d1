/* SPDX-License-Identifier: Apache-2.0
 *
 * record.c - writes the canonical record of a decision and reads it back. docs/formats-rollout.md has every member.
 */
#include "rollout/record.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "gate/policy.h"
#include "rollout/words.h"

enum { RECORD_MAX = 1 << 20, FORMAT = 2 };
static const mlcm__json_limits limits = {.max_bytes = RECORD_MAX, .max_depth = 16};

/* What a record is made of: the decision, and, when one is made again, the record there is. Sentences are taken over from that:
 * they are for people, and their wording may change from release to release, while what is decided and why (`cause`) may not. */
typedef struct source {
  const mlcm__machine *machine;
  const mlcm__outcome *outcome;
  int64_t rollout_id;
  const char *evidence;
  const cJSON *recorded; /* NULL: none */
} source;

static const char *const cause_words[] = {"",        "start",  "check",   "harm_budget", "broken", "changed_by_hand",
                                          "command", "proven", "expired"};

static int64_t format_of(const cJSON *recorded) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(recorded, "v");
  return cJSON_IsNumber(v) && v->valuedouble == 1 ? 1 : FORMAT;
}

/* recorded: the record, or a check of it. */
static const char *sentence(const cJSON *recorded, const char *own) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(recorded, "reason"));
  return text ? text : own;
}

/* 64-bit numbers that may pass 2^53 are strings where hashed. */
static void write_i64(mlcm__json *j, const char *key, int64_t value) {
  char text[24];
  snprintf(text, sizeof(text), "%lld", (long long)value);
  mlcm__json_string(j, key, text);
}

static void write_counts(mlcm__json *j, const char *key, const mlcm_counts *counts) {
  mlcm__json_object(j, key);
  mlcm__json_i64(j, "candidate_bad", counts->candidate_bad);
  mlcm__json_i64(j, "candidate_n", counts->candidate_n);
  mlcm__json_i64(j, "stable_bad", counts->stable_bad);
  mlcm__json_i64(j, "stable_n", counts->stable_n);
  mlcm__json_end(j);
}

static void write_last(mlcm__json *j, const mlcm_measurement *last) {
  mlcm__json_object(j, "last");
  write_i64(j, "at_ns", last->at_ns);
  mlcm__json_string(j, "detail", last->detail);
  mlcm__json_string(j, "kind", mlcm_measurement_kind_name(last->kind));
  mlcm__json_hexf64(j, "value", last->value);
  mlcm__json_end(j);
}

static void write_check(mlcm__json *j, const mlcm_check *check, const mlcm_check_state *state, const cJSON *recorded) {
  bool compare = check->kind == MLCM_CHECK_COMPARE;
  mlcm__json_object(j, NULL);
  if (!compare) mlcm__json_i64(j, "failures_in_a_row", state->failures_in_a_row);
  mlcm__json_string(j, "kind", compare ? "compare" : "threshold");
  if (!compare && state->last.kind) write_last(j, &state->last);
  if (compare) {
    mlcm__json_hexf64(j, "log_e_fail", state->log_e_fail);
    mlcm__json_hexf64(j, "log_e_pass", state->log_e_pass);
    mlcm__json_hexf64(j, "log_threshold_fail", state->log_threshold_fail);
    mlcm__json_hexf64(j, "log_threshold_pass", state->log_threshold_pass);
  }
  mlcm__json_string(j, "name", check->name);
  mlcm__json_string(j, "on_fail", mlcm__on_fail_name(check->on_fail));
  mlcm__json_string(j, "reason", sentence(recorded, state->reason));
  if (compare) {
    write_counts(j, "step", &state->step);
    write_counts(j, "total", &state->total);
  }
  mlcm__json_string(j, "verdict", mlcm__verdict_name(state->verdict));
  mlcm__json_end(j);
}

static void write_place(mlcm__json *j, const char *key, int32_t step, int64_t weight_ppm) {
  mlcm__json_object(j, key);
  mlcm__json_i64(j, "step", step + 1);
  mlcm__json_i64(j, "weight_ppm", weight_ppm);
  mlcm__json_end(j);
}

static void write_checks(mlcm__json *j, const source *s) {
  const mlcm_policy *policy = s->machine->plan->policy;
  const cJSON *recorded = cJSON_GetObjectItemCaseSensitive(s->recorded, "checks");
  mlcm__json_array(j, "checks");
  for (size_t i = 0; i < mlcm_policy_n_checks(policy); i++)
    write_check(j, mlcm_policy_check(policy, i), &s->machine->decided[i], cJSON_GetArrayItem(recorded, (int)i));
  mlcm__json_end(j);
}

static void write_record(mlcm__json *j, const source *s) {
  const mlcm__machine *m = s->machine;
  const mlcm__outcome *out = s->outcome;
  const int64_t format = format_of(s->recorded);
  mlcm__json_object(j, NULL);
  mlcm__json_string(j, "action", mlcm__action_word(out->action));
  mlcm__json_string(j, "actor", out->actor);
  write_i64(j, "at_ns", out->at_ns);
  mlcm__json_i64(j, "candidate", m->candidate);
  if (format > 1) mlcm__json_string(j, "cause", cause_words[out->cause]);
  mlcm__json_string(j, "check", out->check >= 0 ? mlcm_policy_check(m->plan->policy, (size_t)out->check)->name : NULL);
  write_checks(j, s);
  write_i64(j, "elapsed_ns", m->elapsed_ns);
  mlcm__json_string(j, "evidence", s->evidence);
  write_place(j, "from", out->from_step, out->from_weight_ppm);
  mlcm__json_hexf64(j, "harm", mlcm_gate_explain(m->gate).harm);
  mlcm__json_string(j, "method", MLCM_GATE_METHOD);
  mlcm__json_string(j, "note", out->note);
  mlcm__json_string(j, "policy", m->plan->digest);
  mlcm__json_string(j, "reason", sentence(s->recorded, out->reason));
  write_counts(j, "requests", &m->requests);
  mlcm__json_i64(j, "rollout", s->rollout_id);
  mlcm__json_i64(j, "seq", out->seq);
  mlcm__json_i64(j, "stable", m->stable);
  mlcm__json_string(j, "status", mlcm__status_word(out->status));
  mlcm__json_i64(j, "ticks", m->n_ticks);
  write_place(j, "to", out->to_step, out->to_weight_ppm);
  mlcm__json_i64(j, "v", format);
  mlcm__json_string(j, "verdict", mlcm__verdict_name(out->verdict));
  mlcm__json_end(j);
}

static mlcm_status write_text(const source *s, char **out, mlcm_error *err) {
  mlcm__buffer buffer;
  mlcm__json j;
  mlcm__buffer_init(&buffer, s->machine->ctx, RECORD_MAX);
  mlcm__json_init(&j, &buffer, true);
  write_record(&j, s);
  mlcm_status st = mlcm__buffer_take(&buffer, "the record of a decision", out, err);
  mlcm__buffer_reset(&buffer);
  return st;
}

mlcm_status mlcm__record_write(const mlcm__machine *machine, const mlcm__outcome *outcome, int64_t rollout_id,
                               const uint8_t evidence[MLCM__SHA256_BYTES], char **out, mlcm_error *err) {
  char hex[MLCM__SHA256_HEX + 1];
  mlcm__hex(evidence, MLCM__SHA256_BYTES, hex);
  return write_text(&(source){machine, outcome, rollout_id, hex, NULL}, out, err);
}

mlcm_status mlcm__record_make_again(const mlcm__machine *machine, const mlcm__outcome *outcome, int64_t rollout_id,
                                    const uint8_t evidence[MLCM__SHA256_BYTES], const char *recorded, char **out,
                                    mlcm_error *err) {
  char hex[MLCM__SHA256_HEX + 1];
  mlcm_error why;
  cJSON *root = NULL;
  mlcm__hex(evidence, MLCM__SHA256_BYTES, hex);
  mlcm_status st = mlcm__json_parse(machine->ctx, "decision record", recorded, strlen(recorded), limits, &root, &why);
  if (st == MLCM_NO_MEMORY) return mlcm__fail_memory(err, strlen(recorded)); /* otherwise it is damaged, and will differ */
  st = write_text(&(source){machine, outcome, rollout_id, hex, root}, out, err);
  cJSON_Delete(root);
  return st;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static mlcm_verdict_kind verdict_of(const char *word) {
  for (mlcm_verdict_kind v = MLCM_PASS; v <= MLCM_INCONCLUSIVE; v++)
    if (strcmp(mlcm__verdict_name(v), word) == 0) return v;
  return 0;
}

static mlcm_status read_words(const cJSON *root, mlcm_decision *d, mlcm_error *err) {
  static const char what[] = "a decision record";
  const char *action = "", *status = "", *verdict = "", *actor = NULL, *reason = NULL;
  mlcm_status st = mlcm__json_get_string(root, "action", what, &action, err);
  if (!st) st = mlcm__json_get_string(root, "status", what, &status, err);
  if (!st) st = mlcm__json_get_string(root, "verdict", what, &verdict, err);
  if (!st) st = mlcm__json_get_string(root, "actor", what, &actor, err);
  if (!st) st = mlcm__json_get_string(root, "reason", what, &reason, err);
  if (st) return st;
  d->action = mlcm__action_of(action);
  d->status = mlcm__status_of(status);
  d->verdict = verdict_of(verdict);
  if (!d->action || !d->status || !d->verdict)
    return mlcm__fail(err, MLCM_PARSE, "a decision record has an unknown action '%s', status '%s' or verdict '%s'", action,
                      status, verdict);
  d->actor = mlcm__strdup(d->ctx, actor);
  d->reason = mlcm__strdup(d->ctx, reason);
  return d->actor && d->reason ? MLCM_OK : mlcm__fail_memory(err, strlen(actor) + strlen(reason));
}

static mlcm_status read_numbers(const cJSON *root, mlcm_decision *d, mlcm_error *err) {
  static const char what[] = "a decision record";
  const cJSON *to = cJSON_GetObjectItemCaseSensitive(root, "to");
  int64_t step = 0;
  mlcm_status st = mlcm__json_get_i64(root, "rollout", what, &d->rollout, err);
  if (!st) st = mlcm__json_get_i64(root, "seq", what, &d->seq, err);
  if (!st) st = mlcm__json_get_i64(root, "at_ns", what, &d->at_ns, err);
  if (!st) st = mlcm__json_get_i64(root, "stable", what, &d->stable, err);
  if (!st) st = mlcm__json_get_i64(root, "candidate", what, &d->candidate, err);
  if (!st) st = mlcm__json_get_i64(to, "step", what, &step, err);
  if (!st) st = mlcm__json_get_i64(to, "weight_ppm", what, &d->weight_ppm, err);
  d->step = (int32_t)step;
  return st;
}

mlcm_status mlcm__decision_of(mlcm_context *ctx, const char *record, mlcm_decision **out, mlcm_error *err) {
  cJSON *root = NULL;
  mlcm_decision *d = mlcm__alloc_zero(ctx, 1, sizeof(*d));
  if (!d) return mlcm__fail_memory(err, sizeof(*d));
  d->ctx = mlcm__context_retain(ctx);
  d->json = mlcm__strdup(ctx, record);
  mlcm_status st = d->json ? MLCM_OK : mlcm__fail_memory(err, strlen(record));
  if (!st) st = mlcm__json_parse(ctx, "decision record", record, strlen(record), limits, &root, err);
  if (!st) st = read_words(root, d, err);
  if (!st) st = read_numbers(root, d, err);
  if (st == MLCM_PARSE || st == MLCM_LIMIT) {
    if (err) err->code = MLCM_CORRUPT;
    st = MLCM_CORRUPT;
  }
  if (!st) {
    *out = d;
    d = NULL;
  }
  cJSON_Delete(root);
  mlcm_decision_free(d);
  return st;
}

void mlcm_decision_free(mlcm_decision *d) {
  if (!d) return;
  mlcm_context *ctx = d->ctx;
  mlcm__free(ctx, d->json);
  mlcm__free(ctx, d->actor);
  mlcm__free(ctx, d->reason);
  mlcm__free(ctx, d);
  mlcm__context_release(ctx);
}

int64_t mlcm_decision_rollout(const mlcm_decision *d) { return d->rollout; }

int64_t mlcm_decision_seq(const mlcm_decision *d) { return d->seq; }

int64_t mlcm_decision_at_ns(const mlcm_decision *d) { return d->at_ns; }

mlcm_action mlcm_decision_action(const mlcm_decision *d) { return d->action; }

mlcm_rollout_status mlcm_decision_status(const mlcm_decision *d) { return d->status; }

mlcm_verdict_kind mlcm_decision_verdict(const mlcm_decision *d) { return d->verdict; }

int32_t mlcm_decision_step(const mlcm_decision *d) { return d->step; }

int64_t mlcm_decision_weight_ppm(const mlcm_decision *d) { return d->weight_ppm; }

int64_t mlcm_decision_stable(const mlcm_decision *d) { return d->stable; }

int64_t mlcm_decision_candidate(const mlcm_decision *d) { return d->candidate; }

const char *mlcm_decision_actor(const mlcm_decision *d) { return d->actor; }

const char *mlcm_decision_reason(const mlcm_decision *d) { return d->reason; }

const char *mlcm_decision_json(const mlcm_decision *d) { return d->json; }
