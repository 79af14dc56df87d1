/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_run.c - a policy asked once, outside any rollout: sources side by side, recorded evaluations, the endpoint's meters.
 *
 * One answer has to do, so a value outside its limits counts as often as the check wants bad values in a row.
 */
#include <stdio.h>
#include <string.h>

#include <mlcm/rollout.h>

#include "base/buffer.h"
#include "base/fs.h"
#include "metric/meter.h"
#include "registry/rollouts.h"

typedef struct gate_run {
  mlcm_context *ctx;
  const mlcm_policy *policy;
  mlcm_registry *reg;
  const mlcm_version *version; /* NULL: none was named */
  mlcm_measurement *measured;  /* [n] one a check */
  size_t n;
  int64_t wall_ns;
} gate_run;

static mlcm_measurement no_data(const gate_run *run, const char *why) {
  mlcm_measurement m = {.kind = MLCM_MEASURED_NO_DATA, .at_ns = run->wall_ns};
  snprintf(m.detail, sizeof m.detail, "%s", why);
  return m;
}

static mlcm_measurement value_of(const gate_run *run, double value) {
  return (mlcm_measurement){.kind = MLCM_MEASURED_VALUE, .at_ns = run->wall_ns, .value = value};
}

/* ---- sources ------------------------------------------------------------------------------------------------------- */

static bool is_source(const mlcm_check *check) {
  return check->kind == MLCM_CHECK_THRESHOLD && (check->source == MLCM_SOURCE_PROMETHEUS || check->source == MLCM_SOURCE_HTTP);
}

/* Header lines of one check, each "Name: value" in memory of its own. */
static mlcm_status header_lines(mlcm_context *ctx, const mlcm_check *check, char ***out, mlcm_error *err) {
  char **lines = mlcm__alloc_zero(ctx, (size_t)check->n_headers + 1, sizeof *lines);
  mlcm_status st = lines ? MLCM_OK : mlcm__fail_memory(err, sizeof *lines);
  for (int64_t i = 0; st == MLCM_OK && i < check->n_headers; i++) {
    mlcm__buffer b;
    mlcm__buffer_init(&b, ctx, SIZE_MAX); /* the policy has limits for both */
    mlcm__buffer_format(&b, "%s: %s", check->headers[i].name, check->headers[i].value);
    st = mlcm__buffer_take(&b, "a header", &lines[i], err);
    mlcm__buffer_reset(&b);
  }
  *out = lines;
  return st;
}

static void free_lines(mlcm_context *ctx, char **lines) {
  for (size_t i = 0; lines && lines[i]; i++) mlcm__free(ctx, lines[i]);
  mlcm__free(ctx, lines);
}

static mlcm_status ask_sources(gate_run *run, mlcm_error *err) {
  mlcm_source *sources = mlcm__alloc_zero(run->ctx, run->n + 1, sizeof *sources);
  mlcm_measurement *answers = mlcm__alloc_zero(run->ctx, run->n + 1, sizeof *answers);
  char ***lines = mlcm__alloc_zero(run->ctx, run->n + 1, sizeof *lines);
  size_t n = 0;
  mlcm_status st = sources && answers && lines ? MLCM_OK : mlcm__fail_memory(err, run->n * sizeof *answers);
  for (size_t i = 0; st == MLCM_OK && i < run->n; i++) {
    const mlcm_check *check = mlcm_policy_check(run->policy, i);
    if (!is_source(check)) continue;
    st = header_lines(run->ctx, check, &lines[n], err);
    sources[n] = (mlcm_source){.url = check->url,
                               .query = check->source == MLCM_SOURCE_PROMETHEUS ? check->query : NULL,
                               .n_headers = (size_t)check->n_headers,
                               .timeout_ns = check->timeout_ns,
                               .max_age_ns = check->max_age_ns,
                               .expect_status = check->source == MLCM_SOURCE_HTTP ? check->http_status : 0};
    n++;
  }
  for (size_t i = 0; st == MLCM_OK && i < n; i++) sources[i].headers = (const char *const *)lines[i];
  if (st == MLCM_OK) st = mlcm_measure(run->ctx, sources, n, answers, err);
  for (size_t i = 0, k = 0; st == MLCM_OK && i < run->n; i++)
    if (is_source(mlcm_policy_check(run->policy, i))) run->measured[i] = answers[k++];
  for (size_t i = 0; lines && i < n; i++) free_lines(run->ctx, lines[i]);
  mlcm__free(run->ctx, lines);
  mlcm__free(run->ctx, answers);
  mlcm__free(run->ctx, sources);
  return st;
}

/* ---- evaluations --------------------------------------------------------------------------------------------------- */

/* Newest value of the metric, on the data set that the check names. */
static mlcm_measurement evaluation_of(const gate_run *run, const mlcm_check *check) {
  for (size_t i = mlcm_version_n_evaluations(run->version); i-- > 0;) {
    mlcm_evaluation e = mlcm_version_evaluation(run->version, i);
    if (*check->dataset && strcmp(e.dataset_digest, check->dataset) != 0) continue;
    for (size_t k = 0; k < e.n_scores; k++)
      if (strcmp(e.scores[k].metric, check->metric) == 0) return value_of(run, e.scores[k].value);
  }
  return no_data(run, "the version has no such evaluation");
}

/* ---- meters -------------------------------------------------------------------------------------------------------- */

/* Everything counted for the version, over all routing epochs. */
static void sum_version(const mlcm__meter_snapshot *snapshot, int64_t version, uint64_t *completed, uint64_t *errors,
                        mlcm__histogram *latency) {
  for (size_t i = 0; i < snapshot->n_cells; i++) {
    if (snapshot->cells[i]->version != version) continue;
    const mlcm__meter_sum *sum = &snapshot->cells[i]->scope[MLCM__SCOPE_REQUEST];
    *completed += sum->completed;
    *errors += sum->errors;
    mlcm__histogram_merge(latency, &sum->latency);
  }
}

static mlcm_measurement meter_of(const gate_run *run, const mlcm_check *check, const mlcm__meter_snapshot *snapshot,
                                 mlcm__histogram *latency) {
  uint64_t completed = 0, errors = 0;
  memset(latency, 0, sizeof *latency);
  sum_version(snapshot, mlcm_version_number(run->version), &completed, &errors, latency);
  if (check->meter == MLCM_METER_RATE) return no_data(run, "a rate needs time: only a rollout can measure it");
  if (completed == 0) return no_data(run, "the version has answered no request yet");
  if (check->meter == MLCM_METER_LATENCY && latency->count == 0)
    return no_data(run, "no answer has a latency: a meter file is damaged");
  if (check->meter == MLCM_METER_ERROR) return value_of(run, (double)errors / (double)completed);
  if (check->meter == MLCM_METER_LATENCY) return value_of(run, mlcm__histogram_quantile(latency, check->quantile));
  return no_data(run, "not a meter that can be asked once");
}

static mlcm_status read_meters(gate_run *run, mlcm__meter_snapshot **out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  char *dir = NULL;
  mlcm_status st = mlcm__db_read_begin(run->reg->db, &conn, err);
  if (st != MLCM_OK) return st;
  st = mlcm__endpoint_find(conn, mlcm_version_model(run->version), &row, err);
  mlcm__db_read_end(conn);
  if (st == MLCM_NOT_FOUND) return MLCM_OK; /* never served: nothing was counted */
  if (st == MLCM_OK) st = mlcm__path_join(run->ctx, run->reg->dir, "run", &dir, err);
  if (st == MLCM_OK) st = mlcm__meter_read(run->ctx, dir, (uint64_t)row.id, out, err);
  mlcm__free(run->ctx, dir);
  return st;
}

static mlcm_status ask_registry(gate_run *run, mlcm_error *err) {
  mlcm__meter_snapshot *snapshot = NULL;
  mlcm__histogram *latency = mlcm__alloc(run->ctx, sizeof *latency);
  mlcm_status st = latency ? MLCM_OK : mlcm__fail_memory(err, sizeof *latency);
  if (st == MLCM_OK && run->version) st = read_meters(run, &snapshot, err);
  for (size_t i = 0; st == MLCM_OK && i < run->n; i++) {
    const mlcm_check *check = mlcm_policy_check(run->policy, i);
    if (check->kind != MLCM_CHECK_THRESHOLD || is_source(check)) continue;
    if (!run->version) run->measured[i] = no_data(run, "name a version to look at");
    else if (check->source == MLCM_SOURCE_EVALUATION) run->measured[i] = evaluation_of(run, check);
    else if (!snapshot) run->measured[i] = no_data(run, "the endpoint has never served");
    else run->measured[i] = meter_of(run, check, snapshot, latency);
  }
  mlcm__meter_snapshot_free(snapshot);
  mlcm__free(run->ctx, latency);
  return st;
}

/* ---- the verdict --------------------------------------------------------------------------------------------------- */

static mlcm_status observe(gate_run *run, mlcm_gate *gate, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; st == MLCM_OK && i < run->n; i++) {
    const mlcm_check *check = mlcm_policy_check(run->policy, i);
    mlcm_observation seen = {.check = (int32_t)i, .measurement = &run->measured[i]};
    if (check->kind != MLCM_CHECK_THRESHOLD) continue;
    for (int32_t k = 0; st == MLCM_OK && k < check->failures; k++) st = mlcm_gate_observe(gate, run->wall_ns, &seen, 1, err);
  }
  return st;
}

mlcm_status mlcm_gate_run(mlcm_context *ctx, const mlcm_policy *policy, mlcm_registry *reg, const char *ref, mlcm_gate **out,
                          mlcm_error *err) {
  if (!ctx || !policy || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a gate needs a context, a policy and an out pointer");
  if (ref && !reg) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' cannot be looked up without a registry", ref);
  gate_run run = {.ctx = ctx, .policy = policy, .reg = reg, .n = mlcm_policy_n_checks(policy), .wall_ns = mlcm__wall_ns(ctx)};
  mlcm_version *version = NULL;
  mlcm_gate *gate = NULL;
  mlcm_status st = MLCM_OK;
  run.measured = mlcm__alloc_zero(ctx, run.n + 1, sizeof *run.measured);
  if (!run.measured) st = mlcm__fail_memory(err, run.n * sizeof *run.measured);
  if (st == MLCM_OK && ref) st = mlcm_version_get(reg, ref, &version, err);
  run.version = version;
  if (st == MLCM_OK) st = mlcm_gate_new(policy, &gate, err);
  if (st == MLCM_OK) st = ask_sources(&run, err);
  if (st == MLCM_OK) st = ask_registry(&run, err);
  if (st == MLCM_OK) st = observe(&run, gate, err);
  if (st == MLCM_OK) {
    *out = gate;
    gate = NULL;
  }
  mlcm_gate_free(gate);
  mlcm_version_free(version);
  mlcm__free(ctx, run.measured);
  return st;
}
