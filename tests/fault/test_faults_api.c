/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults_api.c - every public function that can fail, attacked by attack.h. functions.txt is the list that coverage.py holds
 * against the headers.
 *
 * Run bare it takes a sample of the faults; with MLCM_TEST_SCALE=N all of the first N of a kind and ever fewer of those after, with
 * --full, or MLCM_FAULT_FULL=1, of the first 100. MLCM_FAULT_ONLY=TEXT attacks the functions that have it in their names.
 */
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlcm/mlcm.h>

#include "attack.h"
#include "support/soak.h"
#include "support/temp_dir.h"

enum { SAMPLE = 1, FULL = 100 };

#define WORLD attack_world *w, mlcm_error *err

static const char plan_yaml[] = "mlcm: rollout/v1\nendpoint: m\ncandidate: m/3\nsample_ratio_alpha: 0\n"
                                "steps: [{weight: 5%, for: 5s}, {weight: 50%, for: 5s}]\n"
                                "expire: {after: 10m, action: rollback}\n"
                                "checks: [{name: errors, compare: error, tolerate: 2x}]\n";
static const char gate_yaml[] = "mlcm: gate/v1\nchecks:\n  - {name: a, evaluation: accuracy, at_least: 0.9}\n"
                                "  - {name: e, compare: error, tolerate: 1.25x, unit: request}\n";
static const char ticks_csv[] = "run,tick,candidate_requests,candidate_errors,stable_requests,stable_errors\na,1,10,1,10,1\n";

/* ---- the registry that all are called on ---- */

/* Model "m": versions 1 to 4, the fourth deleted, champion moved from 1 to 2. "n": one version, no rollout. "gone": deleted. */
static mlcm_status fill(attack_world *w, mlcm_error *err) {
  const mlcm_score score = {"accuracy", 0.95};
  const mlcm_evaluation evaluation = {.name = "holdout", .scores = &score, .n_scores = 1};
  char sha[65];
  mlcm_status st = MLCM_OK;
  for (int i = 1; i <= 4 && !st; i++) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/endpoint/models/answers_%d.onnx", MLCM_SOURCE_DIR, i <= 3 ? i : 1);
    st = mlcm_register(w->reg, "m", path, NULL, NULL, NULL, err);
  }
  if (!st) st = mlcm_register(w->reg, "n", w->file, NULL, NULL, NULL, err);
  if (!st) st = mlcm_register(w->reg, "n", w->file, NULL, NULL, NULL, err);
  if (!st) st = mlcm_register(w->reg, "gone", w->file, NULL, NULL, NULL, err);
  if (!st) st = mlcm_model_delete(w->reg, "gone", 0, NULL, err);
  for (int64_t v = 1; v <= 2 && !st; v++) {
    st = mlcm_alias_set(w->reg, "m", "champion", v, MLCM_ALIAS_ANY, 0, NULL, err);
    if (!st) st = mlcm_alias_set(w->reg, "n", "champion", v, MLCM_ALIAS_ANY, 0, NULL, err);
  }
  if (!st) st = mlcm_version_delete(w->reg, "m", 4, 0, NULL, err);
  if (!st) st = mlcm_version_tag_set(w->reg, "m", 2, "k", "v", NULL, err);
  if (!st) st = mlcm_model_tag_set(w->reg, "m", "k", "v", NULL, err);
  if (!st) st = mlcm_evaluate(w->reg, "m", 2, &evaluation, NULL, err);
  if (!st) st = mlcm_policy_put(w->reg, MLCM_STR("text"), NULL, sha, err);
  if (!st) st = mlcm_backup(w->reg, w->backup, NULL, NULL, NULL, err);
  if (!st) st = mlcm_rollout_start(w->reg, "plan.yaml", mlcm_str_of(plan_yaml), NULL, &w->rollout, err);
  return st;
}

static void build(attack_world *w) {
  mlcm_error err = {0};
  w->file = test_path(w->dir, "model.bin");
  test_write_file(w->file, "bytes of a model", 16);
  const mlcm_status st = fill(w, &err);
  ck_assert_msg(st == MLCM_OK, "%s: %s", mlcm_status_name(st), err.message);
}

/* ---- what stands ready ---- */

static mlcm_status with_version(WORLD) { return mlcm_version_get(w->reg, "m/2", &w->version, err); }
static mlcm_status with_model(WORLD) { return mlcm_model_get(w->reg, "m", &w->model, err); }
static mlcm_status with_history(WORLD) { return mlcm_alias_history(w->reg, "m", "champion", 0, 10, &w->history, err); }
static mlcm_status with_feed(WORLD) { return mlcm_changes(w->reg, 0, 10, &w->feed, err); }
static mlcm_status with_report(WORLD) { return mlcm_fsck(w->ctx, w->reg_dir, NULL, NULL, &w->report, err); }
static mlcm_status with_rollout(WORLD) { return mlcm_rollout_open(w->reg, "m", &w->rollout, err); }

static mlcm_status with_state(WORLD) {
  const mlcm_status st = with_rollout(w, err);
  return st ? st : mlcm_rollout_state_get(w->rollout, &w->state, err);
}

static mlcm_status with_decision(WORLD) {
  const mlcm_status st = with_rollout(w, err);
  return st ? st : mlcm_decision_get(w->rollout, 1, &w->decision, err);
}

static mlcm_status with_policy(WORLD) { return mlcm_policy_parse(w->ctx, "gate.yaml", mlcm_str_of(gate_yaml), &w->policy, err); }

static mlcm_status with_gate(WORLD) {
  const mlcm_status st = with_policy(w, err);
  return st ? st : mlcm_gate_new(w->policy, &w->gate, err);
}

static mlcm_status with_session(WORLD) {
  const mlcm_status st = with_version(w, err);
  return st ? st : mlcm_version_load(w->reg, w->version, NULL, &w->session, err);
}

static mlcm_status open_endpoint(WORLD) {
  mlcm_endpoint_options options;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = MLCM_ENDPOINT_MANUAL;
  return mlcm_endpoint_open(w->reg, "m", &options, &w->endpoint, err);
}

static mlcm_status with_ticket(WORLD) {
  const mlcm_status st = open_endpoint(w, err);
  return st ? st : mlcm_endpoint_route(w->endpoint, MLCM_STR("user"), &w->ticket, err);
}

static mlcm_status with_outcome(WORLD) {
  const mlcm_status st = with_ticket(w, err);
  return st ? st : mlcm_endpoint_report(w->endpoint, &w->ticket, "wrong", 0, err);
}

static mlcm_status with_old_rollout(WORLD) {
  mlcm_status st = with_rollout(w, err);
  if (!st) st = mlcm_rollout_command(w->rollout, MLCM_COMMAND_ABORT, NULL, err);
  mlcm_rollout_close(w->rollout);
  w->rollout = NULL;
  return st;
}

/* ---- base, registry ---- */

static mlcm_status context_new(WORLD) {
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  mlcm_context *ctx = NULL;
  (void)w;
  const mlcm_status st = mlcm_context_new(&options, &ctx, err);
  mlcm_context_free(ctx);
  return st;
}

static mlcm_status registry_open(WORLD) {
  mlcm_registry *reg = NULL;
  const mlcm_status st = mlcm_registry_open(w->ctx, w->reg_dir, NULL, &reg, err);
  mlcm_registry_close(reg);
  return st;
}

static mlcm_status registry_create(WORLD) {
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_registry *reg = NULL;
  options.flags = MLCM_OPEN_CREATE;
  const mlcm_status st = mlcm_registry_open(w->ctx, w->fresh, &options, &reg, err);
  mlcm_registry_close(reg);
  return st;
}

static mlcm_status ref_parse(WORLD) {
  mlcm_ref ref;
  (void)w;
  return mlcm_ref_parse("m@champion", &ref, err);
}

static mlcm_status model_create(WORLD) { return mlcm_model_create(w->reg, "new", "described", NULL, err); }
static mlcm_status model_get(WORLD) { return mlcm_model_get(w->reg, "m", &w->model, err); }
static mlcm_status model_to_json(WORLD) { return mlcm_model_to_json(w->model, &w->text, err); }
static mlcm_status model_describe(WORLD) { return mlcm_model_describe(w->reg, "m", "new words", NULL, err); }
static mlcm_status model_tag_set(WORLD) { return mlcm_model_tag_set(w->reg, "m", "new", "v", NULL, err); }
static mlcm_status model_tag_delete(WORLD) { return mlcm_model_tag_delete(w->reg, "m", "k", NULL, err); }
static mlcm_status model_delete(WORLD) { return mlcm_model_delete(w->reg, "n", MLCM_FORCE, NULL, err); }
static mlcm_status model_restore(WORLD) { return mlcm_model_restore(w->reg, "gone", NULL, err); }

static mlcm_status register_one(WORLD) {
  const char *const aliases[] = {"fresh"};
  const mlcm_tag tags[] = {{"team", "vision"}};
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  o.aliases = aliases;
  o.n_aliases = 1;
  o.tags = tags;
  o.n_tags = 1;
  o.parent = "m@champion";
  return mlcm_register(w->reg, "n", w->file, &o, NULL, &w->version, err);
}

static mlcm_status register_many(WORLD) {
  const mlcm_register_item items[] = {{w->file, NULL}, {w->file, NULL}};
  return mlcm_register_many(w->reg, "many", items, 2, NULL, NULL, err);
}

static mlcm_status version_to_json(WORLD) { return mlcm_version_to_json(w->version, &w->text, err); }

static mlcm_status version_read(WORLD) {
  size_t len = 0;
  return mlcm_version_read(w->reg, w->version, mlcm_version_file(w->version, 0).path, &w->text, &len, err);
}

static mlcm_status version_verify(WORLD) { return mlcm_version_verify(w->reg, w->version, NULL, err); }
static mlcm_status version_describe(WORLD) { return mlcm_version_describe(w->reg, "m", 2, "new words", NULL, err); }
static mlcm_status version_tag_set(WORLD) { return mlcm_version_tag_set(w->reg, "m", 2, "new", "v", NULL, err); }
static mlcm_status version_tag_delete(WORLD) { return mlcm_version_tag_delete(w->reg, "m", 2, "k", NULL, err); }
static mlcm_status version_delete(WORLD) { return mlcm_version_delete(w->reg, "n", 1, 0, NULL, err); }
static mlcm_status version_restore(WORLD) { return mlcm_version_restore(w->reg, "m", 4, NULL, err); }

static mlcm_status evaluate(WORLD) {
  const mlcm_score score = {"accuracy", 0.5};
  const mlcm_evaluation e = {.name = "again", .scores = &score, .n_scores = 1};
  return mlcm_evaluate(w->reg, "m", 2, &e, NULL, err);
}

static mlcm_status alias_get(WORLD) {
  int64_t version = 0;
  return mlcm_alias_get(w->reg, "m", "champion", &version, err);
}

static mlcm_status alias_set(WORLD) { return mlcm_alias_set(w->reg, "n", "champion", 1, 2, 0, NULL, err); }
static mlcm_status alias_delete(WORLD) { return mlcm_alias_delete(w->reg, "n", "champion", 2, 0, NULL, err); }

static mlcm_status alias_last_good(WORLD) {
  int64_t version = 0;
  return mlcm_alias_last_good(w->reg, "n", "champion", &version, err);
}

static mlcm_status alias_undo(WORLD) { return mlcm_alias_undo(w->reg, "n", "champion", 2, 0, NULL, NULL, err); }
static mlcm_status history_to_json(WORLD) { return mlcm_history_to_json(w->history, 0, &w->text, err); }

static mlcm_status search_versions(WORLD) {
  mlcm_query q = MLCM_QUERY_INIT;
  q.filter = "name = 'm' AND tags.k = 'v' AND metrics.accuracy > 0.5";
  q.order_by = "metrics.accuracy DESC";
  return mlcm_search_versions(w->reg, &q, &w->page, err);
}

static mlcm_status search_models(WORLD) { return mlcm_search_models(w->reg, NULL, &w->page, err); }

static mlcm_status policy_put(WORLD) {
  char sha[65];
  return mlcm_policy_put(w->reg, MLCM_STR("another text"), NULL, sha, err);
}

static mlcm_status policy_get(WORLD) {
  size_t len = 0;
  return mlcm_policy_get(w->reg, "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1", &w->text, &len, err);
}

static mlcm_status feed_to_json(WORLD) { return mlcm_feed_to_json(w->feed, 0, &w->text, err); }

static mlcm_status changes_head(WORLD) {
  int64_t seq = 0;
  return mlcm_changes_head(w->reg, &seq, err);
}

static mlcm_status collect(WORLD) {
  mlcm_gc_options o = MLCM_GC_OPTIONS_INIT;
  o.grace_ns = 1;
  return mlcm_gc(w->reg, &o, NULL, NULL, err);
}

static mlcm_status fsck(WORLD) { return mlcm_fsck(w->ctx, w->reg_dir, NULL, NULL, &w->report, err); }
static mlcm_status report_to_json(WORLD) { return mlcm_fsck_report_to_json(w->report, &w->text, err); }
static mlcm_status back_up(WORLD) { return mlcm_backup(w->reg, w->fresh, NULL, NULL, NULL, err); }
static mlcm_status restore(WORLD) { return mlcm_restore(w->ctx, w->backup, w->fresh, NULL, NULL, NULL, err); }

/* ---- trust ---- */

static mlcm_status audit_head_get(WORLD) {
  mlcm_audit_head head;
  return mlcm_audit_head_get(w->reg, &head, err);
}

static mlcm_status audit_verify(WORLD) { return mlcm_audit_verify(w->reg, NULL, NULL, NULL, err); }

static mlcm_status audit_entry(WORLD) {
  size_t len = 0;
  return mlcm_audit_entry(w->reg, 3, &w->text, &len, err);
}

static mlcm_status audit_prove_inclusion(WORLD) {
  mlcm_audit_proof proof;
  return mlcm_audit_prove_inclusion(w->reg, 3, 7, &proof, err);
}

static mlcm_status audit_prove_consistency(WORLD) {
  mlcm_audit_proof proof;
  return mlcm_audit_prove_consistency(w->reg, 3, 7, &proof, err);
}

/* Proofs about entry 3 of the first 7, as somebody without a registry holds them. */
static mlcm_status with_proof(WORLD) {
  mlcm_status st = mlcm_audit_head_get(w->reg, &w->head, err);
  if (!st) st = mlcm_audit_entry(w->reg, 3, &w->text, &w->text_len, err);
  return st ? st : mlcm_audit_prove_inclusion(w->reg, 3, w->head.size, &w->proof, err);
}

static mlcm_status audit_check_inclusion(WORLD) {
  return mlcm_audit_check_inclusion(&w->proof, 3, w->text, w->text_len, &w->head, err);
}

static mlcm_status with_two_heads(WORLD) {
  mlcm_status st = mlcm_audit_head_get(w->reg, &w->old_head, err);
  if (!st) st = mlcm_model_create(w->reg, "more", NULL, NULL, err);
  if (!st) st = mlcm_audit_head_get(w->reg, &w->head, err);
  return st ? st : mlcm_audit_prove_consistency(w->reg, w->old_head.size, w->head.size, &w->proof, err);
}

static mlcm_status audit_check_consistency(WORLD) {
  return mlcm_audit_check_consistency(&w->proof, &w->old_head, &w->head, err);
}

/* ---- gate ---- */

static mlcm_status policy_parse(WORLD) { return with_policy(w, err); }
static mlcm_status gate_new(WORLD) { return mlcm_gate_new(w->policy, &w->gate, err); }

static mlcm_status gate_clone(WORLD) {
  mlcm_gate *copy = NULL;
  const mlcm_status st = mlcm_gate_clone(w->gate, &copy, err);
  mlcm_gate_free(copy);
  return st;
}

static mlcm_status gate_observe(WORLD) {
  const mlcm_measurement measurement = {.kind = MLCM_MEASURED_VALUE, .value = 0.95};
  const mlcm_observation seen = {.check = 0, .measurement = &measurement};
  return mlcm_gate_observe(w->gate, 1, &seen, 1, err);
}

static mlcm_status gate_observe_traffic(WORLD) {
  const mlcm_traffic traffic = {.candidate_routed = 50, .stable_routed = 950, .candidate_reported = 50, .stable_reported = 950};
  return mlcm_gate_observe_traffic(w->gate, 1, &traffic, err);
}

static mlcm_status gate_to_json(WORLD) { return mlcm_gate_to_json(w->gate, &w->text, err); }

static mlcm_status gate_replay(WORLD) {
  return mlcm_gate_replay(w->ctx, w->policy, "ticks.csv", mlcm_str_of(ticks_csv), &w->text, &w->text2, err);
}

static mlcm_status policy_lint(WORLD) { return mlcm_policy_lint(w->ctx, w->policy, NULL, &w->text, &w->text2, err); }
static mlcm_status gate_run(WORLD) { return mlcm_gate_run(w->ctx, w->policy, w->reg, "m/2", &w->gate, err); }

/* ---- rollout ---- */

static mlcm_status plan_parse(WORLD) { return mlcm_plan_parse(w->ctx, "plan.yaml", mlcm_str_of(plan_yaml), &w->plan, err); }

static mlcm_status rollout_start(WORLD) {
  return mlcm_rollout_start(w->reg, "plan.yaml", mlcm_str_of(plan_yaml), NULL, &w->rollout, err);
}

static mlcm_status rollout_open_by_id(WORLD) { return mlcm_rollout_open_by_id(w->reg, 1, &w->rollout, err); }

static mlcm_status rollout_list(WORLD) {
  int64_t ids[4];
  size_t n = 0;
  return mlcm_rollout_list(w->reg, "m", 0, ids, 4, &n, err);
}

static mlcm_status rollout_tick(WORLD) { return mlcm_rollout_tick(w->rollout, NULL, &w->decision, err); }
static mlcm_status rollout_command(WORLD) { return mlcm_rollout_command(w->rollout, MLCM_COMMAND_PAUSE, NULL, err); }
static mlcm_status rollout_undo(WORLD) { return mlcm_rollout_undo(w->reg, "m", MLCM_UNDO_ABORT, NULL, NULL, err); }
static mlcm_status decision_get(WORLD) { return mlcm_decision_get(w->rollout, 1, &w->decision, err); }
static mlcm_status decision_explain(WORLD) { return mlcm_decision_explain(w->ctx, w->decision, &w->text, err); }

static mlcm_status rollout_replay(WORLD) {
  mlcm_replay_report report;
  return mlcm_rollout_replay(w->reg, 1, &report, err);
}

static mlcm_status state_get(WORLD) { return mlcm_rollout_state_get(w->rollout, &w->state, err); }
static mlcm_status state_to_json(WORLD) { return mlcm_rollout_state_to_json(w->state, &w->text, err); }

/* ---- infer, endpoint ---- */

static mlcm_status version_load(WORLD) { return mlcm_version_load(w->reg, w->version, NULL, &w->session, err); }

static const float row[2] = {1, 2};

static mlcm_status session_run(WORLD) {
  float answer = 0;
  const mlcm_input in = mlcm_input_f32(row, 1, 2);
  mlcm_output out = mlcm_output_f32(&answer, 1);
  return mlcm_session_run(w->session, &in, 1, &out, 1, err);
}

static mlcm_status infer(WORLD) {
  float answer = 0;
  const mlcm_input in = mlcm_input_f32(row, 1, 2);
  mlcm_output out = mlcm_output_f32(&answer, 1);
  return mlcm_endpoint_infer(w->endpoint, MLCM_STR("user"), &in, 1, &out, 1, &w->ticket, err);
}

static mlcm_status infer_with(WORLD) {
  float answer = 0;
  const mlcm_attribute attribute = {MLCM_STR("region"), MLCM_STR("eu")};
  const mlcm_input in = mlcm_input_f32(row, 1, 2);
  mlcm_output out = mlcm_output_f32(&answer, 1);
  return mlcm_endpoint_infer_with(w->endpoint, MLCM_STR("user"), &attribute, 1, &in, 1, &out, 1, &w->ticket, err);
}

static mlcm_status route(WORLD) { return mlcm_endpoint_route(w->endpoint, MLCM_STR("user"), &w->ticket, err); }

static mlcm_status route_with(WORLD) {
  const mlcm_attribute attribute = {MLCM_STR("region"), MLCM_STR("eu")};
  return mlcm_endpoint_route_with(w->endpoint, MLCM_STR("user"), &attribute, 1, &w->ticket, err);
}

static mlcm_status complete(WORLD) { return mlcm_endpoint_complete(w->endpoint, &w->ticket, 1000, 1, err); }
static mlcm_status report(WORLD) { return mlcm_endpoint_report(w->endpoint, &w->ticket, "wrong", 1, err); }

static mlcm_status outcome(WORLD) {
  int32_t id = 0;
  return mlcm_endpoint_outcome(w->endpoint, "score", &id, err);
}

static mlcm_status report_id(WORLD) {
  int32_t id = 0;
  const mlcm_status st = mlcm_endpoint_outcome(w->endpoint, "wrong", &id, err);
  return st ? st : mlcm_endpoint_report_id(w->endpoint, &w->ticket, id, 1, err);
}

static mlcm_status endpoint_tick(WORLD) { return mlcm_endpoint_tick(w->endpoint, NULL, &w->decision, err); }

static mlcm_status get_info(WORLD) {
  mlcm_endpoint_info info;
  return mlcm_endpoint_get_info(w->endpoint, &info, err);
}

static mlcm_status endpoint_to_json(WORLD) { return mlcm_endpoint_to_json(w->endpoint, &w->text, err); }

static mlcm_status event_fd(WORLD) {
  int32_t fd = -1;
  return mlcm_endpoint_event_fd(w->endpoint, &fd, err);
}

static mlcm_status next_decision(WORLD) { return mlcm_endpoint_next_decision(w->endpoint, &w->decision, err); }

static mlcm_status ticket_from_text(WORLD) {
  char text[MLCM_TICKET_TEXT_SIZE];
  mlcm_ticket_to_text(&w->ticket, text);
  return mlcm_ticket_from_text(mlcm_str_of(text), &w->ticket, err);
}

/* ---- all of them ---- */

static const attack attacks[] = {
    {"mlcm_context_new", NULL, context_new, 0},
    {"mlcm_registry_open", NULL, registry_open, 0},
    {"mlcm_registry_open, making one", NULL, registry_create, 0},
    {"mlcm_ref_parse", NULL, ref_parse, ATTACK_CALM},
    {"mlcm_model_create", NULL, model_create, 0},
    {"mlcm_model_get", NULL, model_get, 0},
    {"mlcm_model_to_json", with_model, model_to_json, 0},
    {"mlcm_model_describe", NULL, model_describe, 0},
    {"mlcm_model_tag_set", NULL, model_tag_set, 0},
    {"mlcm_model_tag_delete", NULL, model_tag_delete, 0},
    {"mlcm_model_delete", NULL, model_delete, 0},
    {"mlcm_model_restore", NULL, model_restore, 0},
    {"mlcm_register", NULL, register_one, 0},
    {"mlcm_register_many", NULL, register_many, 0},
    {"mlcm_version_get", NULL, with_version, 0},
    {"mlcm_version_to_json", with_version, version_to_json, 0},
    {"mlcm_version_read", with_version, version_read, 0},
    {"mlcm_version_verify", with_version, version_verify, 0},
    {"mlcm_version_describe", NULL, version_describe, 0},
    {"mlcm_version_tag_set", NULL, version_tag_set, 0},
    {"mlcm_version_tag_delete", NULL, version_tag_delete, 0},
    {"mlcm_version_delete", NULL, version_delete, 0},
    {"mlcm_version_restore", NULL, version_restore, 0},
    {"mlcm_evaluate", NULL, evaluate, 0},
    {"mlcm_alias_get", NULL, alias_get, 0},
    {"mlcm_alias_set", NULL, alias_set, 0},
    {"mlcm_alias_delete", NULL, alias_delete, 0},
    {"mlcm_alias_last_good", NULL, alias_last_good, 0},
    {"mlcm_alias_undo", NULL, alias_undo, 0},
    {"mlcm_alias_history", NULL, with_history, 0},
    {"mlcm_history_to_json", with_history, history_to_json, 0},
    {"mlcm_search_versions", NULL, search_versions, 0},
    {"mlcm_search_models", NULL, search_models, 0},
    {"mlcm_policy_put", NULL, policy_put, 0},
    {"mlcm_policy_get", NULL, policy_get, 0},
    {"mlcm_changes", NULL, with_feed, 0},
    {"mlcm_feed_to_json", with_feed, feed_to_json, 0},
    {"mlcm_changes_head", NULL, changes_head, 0},
    {"mlcm_gc", NULL, collect, ATTACK_SEVERAL},
    {"mlcm_fsck", NULL, fsck, ATTACK_JUDGES},
    {"mlcm_fsck_report_to_json", with_report, report_to_json, 0},
    {"mlcm_backup", NULL, back_up, 0},
    {"mlcm_restore", NULL, restore, ATTACK_JUDGES},
    {"mlcm_audit_head_get", NULL, audit_head_get, 0},
    {"mlcm_audit_verify", NULL, audit_verify, 0},
    {"mlcm_audit_entry", NULL, audit_entry, 0},
    {"mlcm_audit_prove_inclusion", NULL, audit_prove_inclusion, 0},
    {"mlcm_audit_prove_consistency", NULL, audit_prove_consistency, 0},
    {"mlcm_audit_check_inclusion", with_proof, audit_check_inclusion, 0},
    {"mlcm_audit_check_consistency", with_two_heads, audit_check_consistency, 0},
    {"mlcm_policy_parse", NULL, policy_parse, 0},
    {"mlcm_gate_new", with_policy, gate_new, 0},
    {"mlcm_gate_clone", with_gate, gate_clone, 0},
    {"mlcm_gate_observe", with_gate, gate_observe, ATTACK_CALM},
    {"mlcm_gate_observe_traffic", with_gate, gate_observe_traffic, ATTACK_CALM},
    {"mlcm_gate_to_json", with_gate, gate_to_json, 0},
    {"mlcm_gate_replay", with_policy, gate_replay, 0},
    {"mlcm_policy_lint", with_policy, policy_lint, 0},
    {"mlcm_gate_run", with_policy, gate_run, 0},
    {"mlcm_plan_parse", NULL, plan_parse, 0},
    {"mlcm_rollout_start", with_old_rollout, rollout_start, ATTACK_RANDOM},
    {"mlcm_rollout_open", NULL, with_rollout, 0},
    {"mlcm_rollout_open_by_id", NULL, rollout_open_by_id, 0},
    {"mlcm_rollout_list", NULL, rollout_list, 0},
    {"mlcm_rollout_tick", with_rollout, rollout_tick, ATTACK_SEVERAL},
    {"mlcm_rollout_command", with_rollout, rollout_command, ATTACK_RANDOM},
    {"mlcm_rollout_undo", NULL, rollout_undo, ATTACK_SEVERAL},
    {"mlcm_decision_get", with_rollout, decision_get, 0},
    {"mlcm_decision_explain", with_decision, decision_explain, 0},
    {"mlcm_rollout_replay", NULL, rollout_replay, 0},
    {"mlcm_rollout_state_get", with_rollout, state_get, 0},
    {"mlcm_rollout_state_to_json", with_state, state_to_json, 0},
    {"mlcm_version_load, mlcm_session_open", with_version, version_load, 0},
    {"mlcm_session_run", with_session, session_run, 0},
    {"mlcm_endpoint_open", NULL, open_endpoint, ATTACK_SEVERAL},
    {"mlcm_endpoint_infer", open_endpoint, infer, ATTACK_CALM},
    {"mlcm_endpoint_infer_with", open_endpoint, infer_with, ATTACK_CALM},
    {"mlcm_endpoint_route", open_endpoint, route, ATTACK_CALM},
    {"mlcm_endpoint_route_with", open_endpoint, route_with, ATTACK_CALM},
    {"mlcm_endpoint_complete", with_ticket, complete, ATTACK_CALM | ATTACK_ONCE},
    {"mlcm_endpoint_report", with_outcome, report, 0},
    {"mlcm_endpoint_outcome", with_ticket, outcome, 0},
    {"mlcm_endpoint_report_id", with_outcome, report_id, 0},
    {"mlcm_endpoint_tick", open_endpoint, endpoint_tick, ATTACK_SEVERAL},
    {"mlcm_endpoint_get_info", open_endpoint, get_info, ATTACK_CALM},
    {"mlcm_endpoint_to_json", open_endpoint, endpoint_to_json, 0},
    {"mlcm_endpoint_event_fd", open_endpoint, event_fd, 0},
    {"mlcm_endpoint_next_decision", open_endpoint, next_decision, ATTACK_CALM},
    {"mlcm_ticket_from_text", with_ticket, ticket_from_text, ATTACK_CALM},
};

static struct {
  size_t all_of_first;
  const char *only;
  attack_counts counts;
} run;

START_TEST(no_fault_breaks_a_promise) {
  attack_world w;
  attack_begin(&w, build);
  const size_t n = sizeof attacks / sizeof attacks[0];
  for (size_t k = 0; k < n && test_time_left(); k++) {
    const size_t i = (k + 3 + 29 * test_seed(0)) % n; /* when time is short each round reaches others */
    if (run.only && !strstr(attacks[i].function, run.only)) continue;
    const long before = attack_all_faults(&run.counts);
    attack_function(&w, &attacks[i], run.all_of_first, &run.counts);
    printf("%-40s %6ld faults\n", attacks[i].function, attack_all_faults(&run.counts) - before);
    fflush(stdout);
  }
  attack_end(&w);
  ck_assert_int_eq(run.counts.violations, 0);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *tests[] = {no_fault_breaks_a_promise};
  run.all_of_first = SAMPLE * (size_t)test_scale();
  if (getenv("MLCM_FAULT_FULL") || (argc > 1 && strcmp(argv[1], "--full") == 0)) run.all_of_first = FULL;
  run.only = getenv("MLCM_FAULT_ONLY");
  if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0 && setenv("TMPDIR", "/dev/shm", 1) != 0) return 2;
  const int rc = TEST_RUN("fault_api", tests);
  for (fault_kind kind = 0; kind < FAULT_KINDS; kind++) printf("%-24s %8ld\n", fault_kind_name(kind), run.counts.faults[kind]);
  printf("{\"what\":\"faults\",\"n\":%ld,\"violations\":%ld}\n", attack_all_faults(&run.counts), run.counts.violations);
  return rc;
}
