/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_csv.c - what-if: recorded counts through a policy. Bytes in, JSON and a table out.
 *
 * Each value of the column `run` has a gate of its own, started afresh; rows of different runs may be mixed. The file is one
 * step.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/text.h"
#include "gate/csv.h"
#include "gate/state.h"

enum { MAX_RUNS = 100000, N_COUNTS = 4 };
#define MAX_INPUT_BYTES ((size_t)64 << 20)
#define MAX_OUTPUT_BYTES ((size_t)2 << 30) /* a row of ten bytes gives 120 of JSON, one of a long name six times its own: never met */

/* One run's gate and what its closing line needs. */
typedef struct run {
  char *name; /* NULL: the file has no column `run` */
  mlcm_gate *gate;
  int64_t n_ticks;
  int64_t decided_tick;
  mlcm_verdict_kind verdict;
} run;

typedef struct replay {
  mlcm_context *ctx;
  mlcm_policy only; /* the policy with the one check that is fed: a run's gate is as small as can be; lives as long as this */
  mlcm__csv csv;
  int column[2 + N_COUNTS]; /* run, tick, then the counts in the order of mlcm_counts; -1: absent */
  mlcm__map *by_name;       /* name to run */
  run **runs;               /* [n_runs] in order of appearance */
  size_t n_runs;
  size_t cap_runs;
  run *latest;
  mlcm__buffer json_bytes;
  mlcm__json json;
  mlcm__buffer text;
} replay;

static const char *const column_names[2 + N_COUNTS] = {
    "run", "tick", "candidate_requests", "candidate_errors", "stable_requests", "stable_errors"};

/* ---- Set-up -------------------------------------------------------------------------------------------------------- */

/* The policy with nothing but the check that the counts are for: the one that compares errors, else the only one that compares
 * outcomes. How its alpha is shared stays as it is. */
static mlcm_status choose_check(const mlcm_policy *policy, mlcm_policy *out, mlcm_error *err) {
  int32_t error = -1, outcome = -1, n_error = 0, n_outcome = 0;
  for (size_t i = 0; i < policy->n_checks; i++) {
    const mlcm_check *c = &policy->checks[i];
    if (c->kind != MLCM_CHECK_COMPARE) continue;
    if (c->meter == MLCM_METER_ERROR) {
      error = (int32_t)i;
      n_error++;
    } else if (c->meter == MLCM_METER_OUTCOME) {
      outcome = (int32_t)i;
      n_outcome++;
    }
  }
  const int32_t chosen = n_error == 1 ? error : n_error == 0 && n_outcome == 1 ? outcome : -1;
  if (chosen >= 0) {
    *out = (mlcm_policy){.ctx = policy->ctx,
                         .refs = 1,
                         .settings = policy->settings,
                         .n_checks = 1,
                         .n_comparing = policy->n_comparing,
                         .checks = &policy->checks[chosen]};
    return MLCM_OK;
  }
  if (n_error + n_outcome == 0)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "the policy compares neither errors nor an outcome, so these counts are for none of "
                      "its checks; add one with 'compare: error'");
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                    "the policy has %d checks that compare errors and %d that compare outcomes; a replay "
                    "feeds one: keep a single 'compare: error'",
                    (int)n_error, (int)n_outcome);
}

static mlcm_status read_header(replay *r, mlcm_error *err) {
  bool more = false;
  mlcm_status st = mlcm__csv_next(&r->csv, &more, err);
  if (st) return st;
  if (!more)
    return mlcm__fail(err, MLCM_PARSE,
                      "%s: empty; the first line must name the columns tick, candidate_requests, candidate_errors, "
                      "stable_requests, stable_errors",
                      r->csv.name);
  for (int c = 0; c < 2 + N_COUNTS; c++) {
    r->column[c] = -1;
    for (size_t i = 0; i < r->csv.n_fields; i++) {
      if (strcmp(mlcm__csv_field(&r->csv, i), column_names[c]) != 0) continue;
      if (r->column[c] >= 0)
        return mlcm__fail(err, MLCM_PARSE, "%s:%lld: column '%s' stands twice", r->csv.name, (long long)r->csv.line,
                          column_names[c]);
      r->column[c] = (int)i;
    }
    if (c > 0 && r->column[c] < 0)
      return mlcm__fail(err, MLCM_PARSE,
                        "%s:%lld: no column '%s'; the first line must name tick, candidate_requests, "
                        "candidate_errors, stable_requests, stable_errors",
                        r->csv.name, (long long)r->csv.line, column_names[c]);
  }
  return MLCM_OK;
}

/* ---- Runs ---------------------------------------------------------------------------------------------------------- */

static void free_run(mlcm_context *ctx, run *one) {
  mlcm_gate_free(one->gate);
  mlcm__free(ctx, one->name);
  mlcm__free(ctx, one);
}

static mlcm_status new_run(replay *r, const char *name, size_t len, run **out, mlcm_error *err) {
  if (r->n_runs == MAX_RUNS)
    return mlcm__fail(err, MLCM_LIMIT, "%s:%lld: more than %d runs", r->csv.name, (long long)r->csv.line, MAX_RUNS);
  mlcm_status st = mlcm__reserve(r->ctx, &r->runs, &r->cap_runs, r->n_runs + 1, sizeof(*r->runs), err);
  if (st) return st;
  run *one = mlcm__alloc_zero(r->ctx, 1, sizeof(*one));
  if (!one) return mlcm__fail_memory(err, sizeof(*one));
  one->verdict = MLCM_INCONCLUSIVE;
  if (name) one->name = mlcm__strndup(r->ctx, name, len);
  if (name && !one->name) st = mlcm__fail_memory(err, len + 1);
  if (!st) st = mlcm_gate_new(&r->only, &one->gate, err);
  if (!st && name) st = mlcm__map_set(r->by_name, name, len, one, err);
  if (st) {
    free_run(r->ctx, one);
    return st;
  }
  one->gate->warm_up_ns = 0;
  r->runs[r->n_runs++] = one;
  *out = one;
  return MLCM_OK;
}

/* The run of the present row; most files are grouped, so the latest one is tried first. */
static mlcm_status find_run(replay *r, run **out, mlcm_error *err) {
  if (r->column[0] < 0) {
    if (r->latest) *out = r->latest;
    return r->latest ? MLCM_OK : new_run(r, NULL, 0, out, err);
  }
  const char *name = mlcm__csv_field(&r->csv, (size_t)r->column[0]);
  size_t len = r->csv.len[r->column[0]];
  if (!mlcm__utf8_valid(name, len))
    return mlcm__fail(err, MLCM_PARSE, "%s:%lld: the run's name is not UTF-8", r->csv.name, (long long)r->csv.line);
  if (r->latest && strcmp(r->latest->name, name) == 0) {
    *out = r->latest;
    return MLCM_OK;
  }
  *out = mlcm__map_get(r->by_name, name, len);
  return *out ? MLCM_OK : new_run(r, name, len, out, err);
}

/* ---- Rows ---------------------------------------------------------------------------------------------------------- */

static mlcm_status read_count(const replay *r, int c, int64_t most, int64_t *out, mlcm_error *err) {
  size_t column = (size_t)r->column[c];
  if (column >= r->csv.n_fields)
    return mlcm__fail(err, MLCM_PARSE, "%s:%lld: %zu fields, '%s' is missing", r->csv.name, (long long)r->csv.line,
                      r->csv.n_fields, column_names[c]);
  const char *text = mlcm__csv_field(&r->csv, column);
  if (!mlcm__parse_i64(text, r->csv.len[column], out) || *out < 0)
    return mlcm__fail(err, MLCM_PARSE, "%s:%lld: '%s' must be a whole number from 0, found '%.40s'", r->csv.name,
                      (long long)r->csv.line, column_names[c], text);
  if (*out > most)
    return mlcm__fail(err, MLCM_PARSE, "%s:%lld: '%s' is %s, the limit is %lld", r->csv.name, (long long)r->csv.line,
                      column_names[c], text, (long long)most);
  return MLCM_OK;
}

static mlcm_status read_row(const replay *r, int64_t *out_tick, mlcm_counts *out, mlcm_error *err) {
  int64_t *counts[N_COUNTS] = {&out->candidate_n, &out->candidate_bad, &out->stable_n, &out->stable_bad};
  if (r->column[0] >= 0 && (size_t)r->column[0] >= r->csv.n_fields)
    return mlcm__fail(err, MLCM_PARSE, "%s:%lld: %zu fields, 'run' is missing", r->csv.name, (long long)r->csv.line,
                      r->csv.n_fields);
  mlcm_status st = read_count(r, 1, INT64_MAX, out_tick, err);
  for (int c = 0; !st && c < N_COUNTS; c++) st = read_count(r, 2 + c, MLCM_GATE_MAX_COUNT, counts[c], err);
  if (st) return st;
  const char *side = out->candidate_bad > out->candidate_n ? "candidate" : out->stable_bad > out->stable_n ? "stable" : NULL;
  if (!side) return MLCM_OK;
  bool is_candidate = side[0] == 'c';
  return mlcm__fail(err, MLCM_PARSE, "%s:%lld: %lld %s_errors in %lld %s_requests", r->csv.name, (long long)r->csv.line,
                    (long long)(is_candidate ? out->candidate_bad : out->stable_bad), side,
                    (long long)(is_candidate ? out->candidate_n : out->stable_n), side);
}

static void write_tick(replay *r, const run *one, int64_t tick) {
  const mlcm__check_progress *p = &one->gate->checks[0];
  double log_e_pass = mlcm__progress_log_e_pass(&r->only.checks[0], p);
  char fail[40], pass[40];
  mlcm__gate_number(p->fail.log_e, 17, fail);
  mlcm__gate_number(log_e_pass, 17, pass);
  mlcm__json_object(&r->json, NULL);
  mlcm__json_string(&r->json, "run", one->name);
  mlcm__json_i64(&r->json, "tick", tick);
  mlcm__json_raw(&r->json, "log_e_fail", fail, strlen(fail));
  mlcm__json_raw(&r->json, "log_e_pass", pass, strlen(pass));
  mlcm__json_string(&r->json, "verdict", mlcm__verdict_name(one->verdict));
  mlcm__json_end(&r->json);
  mlcm__buffer_format(&r->text, "%-16s %10lld %14.4f %14.4f  %s\n", one->name ? one->name : "-", (long long)tick, p->fail.log_e,
                      log_e_pass, mlcm__verdict_name(one->verdict));
}

static mlcm_status take_row(replay *r, mlcm_error *err) {
  mlcm_counts counts = {0, 0, 0, 0};
  int64_t tick = 0;
  mlcm_status st = read_row(r, &tick, &counts, err);
  if (!st) st = find_run(r, &r->latest, err);
  if (st) return st;
  run *one = r->latest;
  mlcm_observation seen = {.check = 0, .n_strata = 1, .fail = &counts, .pass = &counts};
  st = mlcm_gate_observe(one->gate, one->n_ticks, &seen, 1, err); /* the file has no time: ticks count */
  assert(st == MLCM_OK);                                          /* read_row has refused what it would */
  (void)st;
  one->n_ticks++;
  mlcm_verdict_kind verdict = mlcm__progress_verdict(&one->gate->checks[0]);
  if (verdict != one->verdict) one->decided_tick = tick;
  one->verdict = verdict;
  write_tick(r, one, tick);
  return MLCM_OK;
}

static void write_closing_lines(replay *r) {
  for (size_t i = 0; i < r->n_runs; i++) {
    const run *one = r->runs[i];
    mlcm_check_state state = mlcm_gate_check(one->gate, 0);
    mlcm__buffer_format(&r->text, "%s%s%s", one->name ? "run " : "", one->name ? one->name : "", one->name ? ": " : "");
    if (one->verdict == MLCM_INCONCLUSIVE)
      mlcm__buffer_format(&r->text, "inconclusive after %lld ticks: %s\n", (long long)one->n_ticks, state.reason);
    else
      mlcm__buffer_format(&r->text, "%s at tick %lld of %lld: %s\n", mlcm__verdict_name(one->verdict),
                          (long long)one->decided_tick, (long long)one->n_ticks, state.reason);
  }
}

/* ---- The whole ----------------------------------------------------------------------------------------------------- */

static void release(replay *r) {
  for (size_t i = 0; i < r->n_runs; i++) free_run(r->ctx, r->runs[i]);
  mlcm__free(r->ctx, r->runs);
  mlcm__map_free(r->by_name);
  mlcm__csv_reset(&r->csv);
  mlcm__buffer_reset(&r->json_bytes);
  mlcm__buffer_reset(&r->text);
}

static mlcm_status run_all(replay *r, mlcm_error *err) {
  mlcm_status st = read_header(r, err);
  mlcm__json_object(&r->json, NULL);
  mlcm__json_array(&r->json, "ticks");
  mlcm__buffer_format(&r->text, "%-16s %10s %14s %14s  %s\n", "run", "tick", "log E fail", "log E pass", "verdict");
  bool more = true;
  while (!st) {
    st = mlcm__csv_next(&r->csv, &more, err);
    if (st || !more) break;
    st = take_row(r, err);
  }
  if (st) return st;
  mlcm__json_end(&r->json);
  mlcm__json_end(&r->json);
  write_closing_lines(r);
  return MLCM_OK;
}

static mlcm_status hand_over(replay *r, char **out_json, char **out_text, mlcm_error *err) {
  char *json = NULL;
  char *text = NULL;
  mlcm_status st = mlcm__buffer_take(&r->json_bytes, "the replay", &json, err);
  if (!st) st = mlcm__buffer_take(&r->text, "the replay's table", &text, err);
  if (!st && out_json) {
    *out_json = json;
    json = NULL;
  }
  if (!st && out_text) {
    *out_text = text;
    text = NULL;
  }
  mlcm__free(r->ctx, json);
  mlcm__free(r->ctx, text);
  return st;
}

mlcm_status mlcm_gate_replay(mlcm_context *ctx, const mlcm_policy *policy, const char *name, mlcm_str csv, char **out_json,
                             char **out_text, mlcm_error *err) {
  if (!ctx || !policy || !name || (!csv.ptr && csv.len > 0))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_gate_replay: ctx, policy, name and csv must not be NULL");
  if (csv.len > MAX_INPUT_BYTES)
    return mlcm__fail(err, MLCM_LIMIT, "%s: %zu bytes, the limit is %zu", name, csv.len, MAX_INPUT_BYTES);
  replay r = {.ctx = ctx};
  mlcm__csv_init(&r.csv, ctx, name, csv.ptr ? csv : (mlcm_str){"", 0});
  mlcm__buffer_init(&r.json_bytes, ctx, MAX_OUTPUT_BYTES);
  mlcm__buffer_init(&r.text, ctx, MAX_OUTPUT_BYTES);
  mlcm__json_init(&r.json, &r.json_bytes, false);
  mlcm_status st = choose_check(policy, &r.only, err);
  if (!st) st = mlcm__map_new(ctx, &r.by_name, err);
  if (!st) st = run_all(&r, err);
  if (!st) st = hand_over(&r, out_json, out_text, err);
  release(&r);
  return st;
}
