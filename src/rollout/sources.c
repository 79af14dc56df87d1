/* SPDX-License-Identifier: Apache-2.0
 *
 * sources.c - measurements of threshold checks.
 *
 * Owns the sampler of the plan's queries and probes. A check on the meters looks at windows: at least five ticks long, and until
 * they hold enough requests to say something (1 / (1 - q) for a quantile, 20 else) or have grown to sixty ticks, which is no data.
 */
#include "rollout/sources.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metric/sampler.h"
#include "registry/registry.h"
#include "rollout/words.h"

enum { WINDOW_TICKS = 5, LONGEST_WINDOW_TICKS = 60, LEAST_REQUESTS = 20 };

#define SLOWEST_POLL_NS INT64_C(5000000000)
#define FASTEST_POLL_NS INT64_C(100000000)

/* State of one check. */
typedef struct source {
  int32_t sampled; /* index in the sampler, -1 */
  uint64_t seen;   /* measurements handed on so far */
  mlcm_measurement_kind seen_kind;
  int64_t window_ns; /* monotonic begin of the window, or of the time since the last look at evaluations */
  bool has_window;
  uint64_t n, bad; /* of the window */
  mlcm__histogram latency;
} source;

struct mlcm__sources {
  mlcm_context *ctx;
  mlcm_registry *reg;
  const mlcm_plan *plan;
  mlcm__sampler *sampler;
  int64_t candidate;
  int32_t n_serving;
  char model[MLCM_MODEL_NAME_MAX + 1];
  size_t n;
  source *items; /* [n] one a check */
};

/* ---- sampled sources ------------------------------------------------------------------------------------------------ */

static bool is_sampled(const mlcm_check *check) {
  return check->source == MLCM_SOURCE_PROMETHEUS || check->source == MLCM_SOURCE_HTTP;
}

static int64_t poll_interval(const mlcm_plan *plan, const mlcm_check *check) {
  int64_t interval = check->source == MLCM_SOURCE_HTTP ? plan->tick_ns : WINDOW_TICKS * plan->tick_ns;
  if (interval > SLOWEST_POLL_NS) interval = SLOWEST_POLL_NS;
  if (interval < FASTEST_POLL_NS) interval = FASTEST_POLL_NS;
  if (interval > check->max_age_ns / 2) interval = check->max_age_ns / 2;
  return interval;
}

/* The sources of a plan as the sampler takes them; it copies all of it. */
typedef struct source_list {
  mlcm_source *sources;
  char **headers; /* "Name: value" of all sources, one after another */
  size_t n, n_headers;
} source_list;

static void free_list(mlcm_context *ctx, source_list *list) {
  for (size_t i = 0; i < list->n_headers; i++) mlcm__free(ctx, list->headers[i]);
  mlcm__free(ctx, list->headers);
  mlcm__free(ctx, list->sources);
}

static mlcm_status add_headers(mlcm_context *ctx, const mlcm_check *check, source_list *list, mlcm_source *s, mlcm_error *err) {
  s->headers = (const char *const *)(list->headers + list->n_headers);
  s->n_headers = (size_t)check->n_headers;
  for (int64_t i = 0; i < check->n_headers; i++) {
    size_t size = strlen(check->headers[i].name) + strlen(check->headers[i].value) + 3;
    char *text = mlcm__alloc(ctx, size);
    if (!text) return mlcm__fail_memory(err, size);
    snprintf(text, size, "%s: %s", check->headers[i].name, check->headers[i].value);
    list->headers[list->n_headers++] = text;
  }
  return MLCM_OK;
}

static mlcm_status add_source(mlcm__sources *s, const mlcm_check *check, source_list *list, mlcm_error *err) {
  mlcm_source *to = &list->sources[list->n++];
  to->url = check->url;
  to->query = check->source == MLCM_SOURCE_PROMETHEUS ? check->query : NULL;
  to->timeout_ns = check->timeout_ns;
  to->max_age_ns = check->max_age_ns;
  to->interval_ns = poll_interval(s->plan, check);
  to->expect_status = check->source == MLCM_SOURCE_HTTP ? check->http_status : 0;
  return add_headers(s->ctx, check, list, to, err);
}

static mlcm_status start_sampler(mlcm__sources *s, mlcm_error *err) {
  source_list list = {0};
  size_t n_headers = 1;
  for (size_t i = 0; i < s->n; i++) n_headers += (size_t)mlcm_policy_check(s->plan->policy, i)->n_headers;
  list.sources = mlcm__alloc_zero(s->ctx, s->n, sizeof(*list.sources));
  list.headers = mlcm__alloc_zero(s->ctx, n_headers, sizeof(*list.headers));
  mlcm_status st = list.sources && list.headers ? MLCM_OK : mlcm__fail_memory(err, s->n * sizeof(*list.sources));
  for (size_t i = 0; !st && i < s->n; i++) {
    const mlcm_check *check = mlcm_policy_check(s->plan->policy, i);
    s->items[i].sampled = -1;
    if (!is_sampled(check)) continue;
    s->items[i].sampled = (int32_t)list.n;
    st = add_source(s, check, &list, err);
  }
  if (!st) st = mlcm__sampler_new(s->ctx, list.sources, list.n, &s->sampler, err);
  free_list(s->ctx, &list);
  return st;
}

mlcm_status mlcm__sources_new(const mlcm__sources_options *options, mlcm__sources **out, mlcm_error *err) {
  mlcm_context *ctx = options->reg->ctx;
  mlcm__sources *s = mlcm__alloc_zero(ctx, 1, sizeof(*s));
  if (!s) return mlcm__fail_memory(err, sizeof(*s));
  s->ctx = mlcm__context_retain(ctx);
  s->reg = options->reg;
  s->plan = options->plan;
  s->candidate = options->candidate;
  snprintf(s->model, sizeof(s->model), "%s", options->model);
  s->n = mlcm_policy_n_checks(options->plan->policy);
  s->items = mlcm__alloc_zero(ctx, s->n, sizeof(*s->items));
  mlcm_status st = s->items ? start_sampler(s, err) : mlcm__fail_memory(err, s->n * sizeof(*s->items));
  if (st) {
    mlcm__sources_free(s);
    return st;
  }
  *out = s;
  return MLCM_OK;
}

void mlcm__sources_free(mlcm__sources *s) {
  if (!s) return;
  mlcm_context *ctx = s->ctx;
  mlcm__sampler_free(s->sampler);
  mlcm__free(ctx, s->items);
  mlcm__free(ctx, s);
  mlcm__context_release(ctx);
}

static bool read_sampled(mlcm__sources *s, source *item, const mlcm_time *now, mlcm_measurement *out) {
  uint64_t count = mlcm__sampler_count(s->sampler, (size_t)item->sampled);
  mlcm__sampler_read(s->sampler, (size_t)item->sampled, now, out);
  if (count == item->seen && (out->kind == item->seen_kind || count == 0)) return false;
  item->seen = count;
  item->seen_kind = out->kind;
  return true;
}

/* ---- evaluations ---------------------------------------------------------------------------------------------------- */

static void no_value(mlcm_measurement *out, mlcm_measurement_kind kind, int64_t at_ns, const char *detail) {
  memset(out, 0, sizeof(*out));
  out->kind = kind;
  out->at_ns = at_ns;
  mlcm__words_cut(detail, out->detail, sizeof(out->detail));
}

static void find_score(const mlcm_version *version, const mlcm_check *check, mlcm_measurement *out) {
  for (size_t i = mlcm_version_n_evaluations(version); i-- > 0;) {
    mlcm_evaluation e = mlcm_version_evaluation(version, i);
    if (check->dataset[0] && strcmp(check->dataset, e.dataset_digest) != 0) continue;
    for (size_t k = 0; k < e.n_scores; k++) {
      if (strcmp(e.scores[k].metric, check->metric) != 0) continue;
      memset(out, 0, sizeof(*out));
      out->kind = MLCM_MEASURED_VALUE;
      out->value = e.scores[k].value;
      out->at_ns = e.time_ns;
      return;
    }
  }
}

/* Looked up every few ticks: each step asks anew, and an evaluation may be recorded while the rollout runs. */
static bool read_evaluation(mlcm__sources *s, const mlcm_check *check, source *item, const mlcm_time *now,
                            mlcm_measurement *out) {
  char ref[MLCM_MODEL_NAME_MAX + 32], detail[2 * MLCM_MODEL_NAME_MAX + 64];
  mlcm_version *version = NULL;
  mlcm_error why;
  if (item->has_window && now->mono_ns - item->window_ns < WINDOW_TICKS * s->plan->tick_ns) return false;
  item->has_window = true;
  item->window_ns = now->mono_ns;
  snprintf(ref, sizeof(ref), "%s/%lld", s->model, (long long)s->candidate);
  if (mlcm_version_get(s->reg, ref, &version, &why)) {
    no_value(out, MLCM_MEASURED_ERROR, now->wall_ns, why.message);
    return true;
  }
  snprintf(detail, sizeof(detail), "'%s' was never recorded for %s", check->metric, ref);
  no_value(out, MLCM_MEASURED_NO_DATA, now->wall_ns, detail);
  find_score(version, check, out);
  mlcm_version_free(version);
  return true;
}

/* ---- meters --------------------------------------------------------------------------------------------------------- */

static void begin_window(source *item, const mlcm_time *now) {
  item->n = item->bad = 0;
  memset(&item->latency, 0, sizeof(item->latency));
  item->window_ns = now->mono_ns;
  item->has_window = true;
}

static void add_to_window(source *item, const mlcm_check *check, const mlcm__meter_sum *sum, const mlcm__counted *names) {
  if (check->meter == MLCM_METER_OUTCOME) {
    int32_t outcome = mlcm__counted_outcome(names, check->outcome);
    if (outcome < 0) return;
    item->n += sum->outcome[outcome].n;
    item->bad += sum->outcome[outcome].bad;
    return;
  }
  if (check->meter == MLCM_METER_LATENCY) mlcm__histogram_merge(&item->latency, &sum->latency);
  item->n += check->meter == MLCM_METER_LATENCY ? sum->latency.count : sum->completed; /* which a damaged file counts without */
  item->bad += sum->errors;
}

void mlcm__sources_add(mlcm__sources *s, const mlcm__meter_sum *candidate, const mlcm__counted *names, int32_t n_serving,
                       const mlcm_time *now) {
  s->n_serving = n_serving;
  for (size_t i = 0; i < s->n; i++) {
    const mlcm_check *check = mlcm_policy_check(s->plan->policy, i);
    if (check->kind != MLCM_CHECK_THRESHOLD || check->source != MLCM_SOURCE_METER) continue;
    if (!s->items[i].has_window) begin_window(&s->items[i], now);
    add_to_window(&s->items[i], check, candidate, names);
  }
}

static double window_value(const mlcm_check *check, const source *item, int64_t length_ns) {
  switch (check->meter) {
  case MLCM_METER_RATE: return (double)item->n / ((double)length_ns / 1e9);
  case MLCM_METER_LATENCY: return mlcm__histogram_quantile(&item->latency, check->quantile);
  default: return (double)item->bad / (double)item->n;
  }
}

static uint64_t enough(const mlcm_check *check) {
  if (check->meter == MLCM_METER_RATE) return 0;
  double need = check->meter == MLCM_METER_LATENCY ? ceil(1.0 / (1.0 - check->quantile)) : 0;
  return need > LEAST_REQUESTS ? (uint64_t)need : LEAST_REQUESTS;
}

static bool read_meter(mlcm__sources *s, const mlcm_check *check, source *item, const mlcm_time *now, mlcm_measurement *out) {
  int64_t length = item->has_window ? now->mono_ns - item->window_ns : 0;
  bool has_enough = item->n >= enough(check) && s->n_serving > 0;
  if (length < WINDOW_TICKS * s->plan->tick_ns) return false;
  if (!has_enough && length < LONGEST_WINDOW_TICKS * s->plan->tick_ns) return false;
  if (has_enough) {
    memset(out, 0, sizeof(*out));
    out->kind = MLCM_MEASURED_VALUE;
    out->at_ns = now->wall_ns;
    out->value = window_value(check, item, length);
  } else {
    no_value(out, MLCM_MEASURED_NO_DATA, now->wall_ns,
             s->n_serving ? "too few answers of the candidate" : "no process serves the endpoint");
  }
  begin_window(item, now);
  return true;
}

bool mlcm__sources_read(mlcm__sources *s, size_t i, const mlcm_time *now, mlcm_measurement *out) {
  const mlcm_check *check = mlcm_policy_check(s->plan->policy, i);
  source *item = &s->items[i];
  if (item->sampled >= 0) return read_sampled(s, item, now, out);
  if (check->source == MLCM_SOURCE_EVALUATION) return read_evaluation(s, check, item, now, out);
  return read_meter(s, check, item, now, out);
}
