/* SPDX-License-Identifier: Apache-2.0
 *
 * gather.c - meters into strata, sources into measurements.
 *
 * `now` is what the evidence has, `next` what the meters show; a tick is their difference, and then `next` becomes `now`.
 */
#include "rollout/gather.h"

#include <assert.h>
#include <string.h>

#include "gate/latency.h"
#include "gate/policy.h"
#include "rollout/sources.h"

enum {
  MAX_EPOCHS = 1000,        /* as many strata as a check takes */
  MAX_CHECK_EPOCHS = 25000  /* of all comparing checks: at most 140 bytes each in a line of evidence, which has 4 MiB */
};

/* One routing epoch's part of a tick. */
typedef struct stratum {
  uint64_t epoch;
  int64_t weight_ppm;
  mlcm__meter_sum candidate[MLCM__COUNTED_SCOPES];
  mlcm__meter_sum stable[MLCM__COUNTED_SCOPES];
} stratum;

typedef struct epoch_weight {
  uint64_t epoch;
  int64_t weight_ppm;
} epoch_weight;

struct mlcm__gather {
  mlcm_context *ctx;
  mlcm__gather_options options;
  mlcm__sources *sources;
  mlcm__counted now, next;
  mlcm__counted_wanted wanted;
  int32_t n_serving;
  size_t n_checks;
  int32_t ratio_check; /* the outcome whose reports the sample ratio looks at, -1: completions */
  epoch_weight *weights;
  size_t n_weights, weights_cap;
  stratum *strata;
  size_t n_strata, strata_cap;
  /* the tick handed out */
  mlcm_traffic *traffic;
  size_t traffic_cap;
  mlcm_counts *counts; /* [2 * n_checks * n_strata] */
  size_t counts_cap;
  mlcm_observation *observations; /* [n_checks] */
  mlcm_measurement *measurements; /* [n_checks] */
};

static mlcm_status look_at_plan(mlcm__gather *g, mlcm_error *err) {
  g->n_checks = mlcm_policy_n_checks(g->options.plan->policy);
  g->ratio_check = -1;
  for (size_t i = g->n_checks; i-- > 0;) {
    const mlcm_check *check = mlcm_policy_check(g->options.plan->policy, i);
    if (check->kind == MLCM_CHECK_COMPARE && check->meter == MLCM_METER_OUTCOME) g->ratio_check = (int32_t)i;
    if (check->meter == MLCM_METER_LATENCY) g->wanted.with_latency = true;
  }
  g->observations = mlcm__alloc_zero(g->ctx, g->n_checks, sizeof(*g->observations));
  g->measurements = mlcm__alloc_zero(g->ctx, g->n_checks, sizeof(*g->measurements));
  return g->observations && g->measurements ? MLCM_OK : mlcm__fail_memory(err, g->n_checks * sizeof(*g->measurements));
}

static mlcm_status start_sources(mlcm__gather *g, mlcm_error *err) {
  mlcm__endpoint_row row;
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__db_read_begin(g->options.reg->db, &conn, err);
  if (!st) st = mlcm__endpoint_read(conn, g->options.endpoint_id, &row, err);
  mlcm__db_read_end(conn);
  if (st) return st;
  mlcm__sources_options options = {g->options.reg, g->options.plan, row.model, g->options.candidate};
  return mlcm__sources_new(&options, &g->sources, err);
}

mlcm_status mlcm__gather_new(const mlcm__gather_options *options, mlcm__gather **out, mlcm_error *err) {
  mlcm_context *ctx = options->reg->ctx;
  mlcm__gather *g = mlcm__alloc_zero(ctx, 1, sizeof(*g));
  if (!g) return mlcm__fail_memory(err, sizeof(*g));
  g->ctx = mlcm__context_retain(ctx);
  g->options = *options;
  g->options.reg = mlcm__registry_retain(options->reg);
  g->wanted = (mlcm__counted_wanted){options->stable, options->candidate, options->first_epoch, false};
  mlcm_status st = look_at_plan(g, err);
  if (!st) st = start_sources(g, err);
  if (st) {
    mlcm__gather_free(g);
    return st;
  }
  *out = g;
  return MLCM_OK;
}

void mlcm__gather_free(mlcm__gather *g) {
  if (!g) return;
  mlcm_context *ctx = g->ctx;
  mlcm__sources_free(g->sources);
  mlcm__counted_reset(ctx, &g->now);
  mlcm__counted_reset(ctx, &g->next);
  mlcm__free(ctx, g->weights);
  mlcm__free(ctx, g->strata);
  mlcm__free(ctx, g->traffic);
  mlcm__free(ctx, g->counts);
  mlcm__free(ctx, g->observations);
  mlcm__free(ctx, g->measurements);
  mlcm__registry_release(g->options.reg);
  mlcm__free(ctx, g);
  mlcm__context_release(ctx);
}

mlcm__counted *mlcm__gather_counted(mlcm__gather *g) { return &g->now; }

int32_t mlcm__gather_n_serving(const mlcm__gather *g) { return g->n_serving; }

/* ---- differences ---------------------------------------------------------------------------------------------------- */

/* Counters are read one after another while others write: a tick may see a bad one whose trial it has not seen. It waits for the
 * next tick then, in which both are seen. */
static uint64_t hold_back(uint64_t *later_bad, uint64_t bad, uint64_t n) {
  if (bad <= n) return bad; /* rarely: only when a request ends between two reads of its counters */
  *later_bad -= bad - n;
  return n;
}

static void subtract(mlcm__meter_sum *later, const mlcm__meter_sum *earlier, mlcm__meter_sum *out) {
  static const mlcm__meter_sum nothing;
  if (!earlier) earlier = &nothing;
  memset(out, 0, sizeof(*out));
  out->routed = later->routed - earlier->routed;
  out->completed = later->completed - earlier->completed;
  out->errors = hold_back(&later->errors, later->errors - earlier->errors, out->completed);
  mlcm__histogram_difference(&later->latency, &earlier->latency, &out->latency);
  for (size_t i = 0; i < MLCM__SNAPSHOT_OUTCOMES; i++) {
    out->outcome[i].n = later->outcome[i].n - earlier->outcome[i].n;
    out->outcome[i].bad = hold_back(&later->outcome[i].bad, later->outcome[i].bad - earlier->outcome[i].bad, out->outcome[i].n);
  }
}

/* What one version's cell gained. A meter file that is gone makes its counters run backwards: that tick says nothing about it. */
static void difference(mlcm__gather *g, int64_t version, uint64_t epoch, mlcm__meter_sum out[MLCM__COUNTED_SCOPES]) {
  mlcm__counted_cell *later = NULL;
  for (size_t i = 0; i < g->next.n; i++)
    if (g->next.cells[i].version == version && g->next.cells[i].epoch == epoch) later = &g->next.cells[i];
  const mlcm__counted_cell *earlier = mlcm__counted_find(&g->now, version, epoch);
  memset(out, 0, MLCM__COUNTED_SCOPES * sizeof(*out));
  if (!later) return;
  if (!mlcm__counted_grew(later, earlier)) {
    mlcm__log(g->ctx, MLCM_LOG_WARN, "meters of version %lld ran backwards (a file of a serving process is gone)",
              (long long)version);
    return;
  }
  for (int s = 0; s < MLCM__COUNTED_SCOPES; s++) subtract(&later->scope[s], earlier ? &earlier->scope[s] : NULL, &out[s]);
}

/* ---- strata --------------------------------------------------------------------------------------------------------- */

static mlcm_status weight_of(mlcm__gather *g, uint64_t epoch, int64_t *out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  for (size_t i = 0; i < g->n_weights; i++) {
    if (g->weights[i].epoch != epoch) continue;
    *out = g->weights[i].weight_ppm;
    return MLCM_OK;
  }
  mlcm_status st = mlcm__reserve(g->ctx, &g->weights, &g->weights_cap, g->n_weights + 1, sizeof(*g->weights), err);
  if (!st) st = mlcm__db_read_begin_single(g->options.reg->db, &conn, err);
  if (!st) st = mlcm__routing_weight(conn, g->options.endpoint_id, (int64_t)epoch, out, err);
  mlcm__db_read_end(conn);
  if (!st) g->weights[g->n_weights++] = (epoch_weight){epoch, *out};
  return st;
}

static size_t most_epochs(const mlcm__gather *g) {
  const size_t n = g->options.plan->policy->n_comparing;
  return n * MAX_EPOCHS > MAX_CHECK_EPOCHS ? MAX_CHECK_EPOCHS / n : MAX_EPOCHS;
}

static mlcm_status add_stratum(mlcm__gather *g, uint64_t epoch, mlcm_error *err) {
  int64_t weight_ppm = 0;
  if (g->n_strata == most_epochs(g))
    return mlcm__fail(err, MLCM_LIMIT,
                      "its meters count for more than %zu routing epochs of one rollout with %zu comparing checks; move old meter "
                      "files away",
                      g->n_strata, g->options.plan->policy->n_comparing);
  mlcm_status st = mlcm__reserve(g->ctx, &g->strata, &g->strata_cap, g->n_strata + 1, sizeof(*g->strata), err);
  if (!st) st = weight_of(g, epoch, &weight_ppm, err);
  if (st) return st;
  stratum *s = &g->strata[g->n_strata++];
  s->epoch = epoch;
  s->weight_ppm = weight_ppm;
  difference(g, g->options.candidate, epoch, s->candidate);
  difference(g, g->options.stable, epoch, s->stable);
  return MLCM_OK;
}

/* Cells come in the order of their epochs, and so do strata. */
static mlcm_status build_strata(mlcm__gather *g, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  g->n_strata = 0;
  for (size_t i = 0; !st && i < g->next.n; i++) {
    uint64_t epoch = g->next.cells[i].epoch;
    assert(g->n_strata == 0 || g->strata[g->n_strata - 1].epoch <= epoch);
    if (g->n_strata == 0 || g->strata[g->n_strata - 1].epoch != epoch) st = add_stratum(g, epoch, err);
  }
  return st;
}

/* ---- traffic -------------------------------------------------------------------------------------------------------- */

static uint64_t reports(const mlcm__gather *g, const mlcm__meter_sum *sum) {
  if (g->ratio_check < 0) return sum->completed;
  int32_t i = mlcm__counted_outcome(&g->next, mlcm_policy_check(g->options.plan->policy, (size_t)g->ratio_check)->outcome);
  return i < 0 ? 0 : sum->outcome[i].n;
}

/* The share of units that routing sends to the candidate is known exactly, its weight; what was routed in this very tick would be a
 * noisy stand-in for it, and reports may be of earlier ticks. */
static bool fill_traffic(const mlcm__gather *g, const stratum *s, mlcm_traffic *out) {
  const mlcm__meter_sum *c = &s->candidate[MLCM__COUNTED_REQUEST], *t = &s->stable[MLCM__COUNTED_REQUEST];
  memset(out, 0, sizeof(*out));
  out->candidate_routed = s->weight_ppm;
  out->stable_routed = MLCM_WEIGHT_ALL - s->weight_ppm;
  out->candidate_reported = (int64_t)reports(g, &s->candidate[MLCM__COUNTED_KEY]);
  out->stable_reported = (int64_t)reports(g, &s->stable[MLCM__COUNTED_KEY]);
  out->requests = (mlcm_counts){(int64_t)c->completed, (int64_t)c->errors, (int64_t)t->completed, (int64_t)t->errors};
  return out->candidate_reported || out->stable_reported || c->completed || t->completed;
}

static mlcm_status build_traffic(mlcm__gather *g, mlcm__tick *tick, mlcm_error *err) {
  mlcm_status st = mlcm__reserve(g->ctx, &g->traffic, &g->traffic_cap, g->n_strata + 1, sizeof(*g->traffic), err);
  if (st) return st;
  tick->traffic = g->traffic;
  tick->n_traffic = 0;
  for (size_t i = 0; i < g->n_strata; i++)
    if (fill_traffic(g, &g->strata[i], &g->traffic[tick->n_traffic])) tick->n_traffic++;
  return MLCM_OK;
}

/* ---- comparing checks ----------------------------------------------------------------------------------------------- */

static int scope_of(const mlcm_check *check) {
  return check->unit == MLCM_UNIT_REQUEST ? MLCM__COUNTED_REQUEST : MLCM__COUNTED_KEY;
}

static mlcm_counts plain_counts(const mlcm__gather *g, const mlcm_check *check, const stratum *s) {
  const mlcm__meter_sum *c = &s->candidate[scope_of(check)], *t = &s->stable[scope_of(check)];
  if (check->meter == MLCM_METER_ERROR)
    return (mlcm_counts){(int64_t)c->completed, (int64_t)c->errors, (int64_t)t->completed, (int64_t)t->errors};
  int32_t i = mlcm__counted_outcome(&g->next, check->outcome);
  if (i < 0) return (mlcm_counts){0};
  return (mlcm_counts){(int64_t)c->outcome[i].n, (int64_t)c->outcome[i].bad, (int64_t)t->outcome[i].n,
                       (int64_t)t->outcome[i].bad};
}

static mlcm__latency_view view(const mlcm__histogram *h) {
  return (mlcm__latency_view){h->bucket, MLCM__HISTOGRAM_BUCKETS, h->underflow, h->overflow};
}

/* The bucket of stable's quantile over earlier ticks: the threshold must not depend on what it is used on. */
static int32_t past_threshold(const mlcm__gather *g, const mlcm_check *check) {
  mlcm__histogram past;
  memset(&past, 0, sizeof(past));
  for (size_t i = 0; i < g->now.n; i++)
    if (g->now.cells[i].version == g->options.stable)
      mlcm__histogram_merge(&past, &g->now.cells[i].scope[scope_of(check)].latency);
  mlcm__latency_view seen = view(&past);
  return mlcm__latency_threshold(&seen, check->quantile);
}

static void latency_counts(const mlcm_check *check, const stratum *s, int32_t threshold, mlcm_counts *fail, mlcm_counts *pass) {
  mlcm__latency_view candidate = view(&s->candidate[scope_of(check)].latency);
  mlcm__latency_view stable = view(&s->stable[scope_of(check)].latency);
  *fail = mlcm__latency_counts(&candidate, &stable, threshold, mlcm__latency_shift(check->fail_above));
  *pass = mlcm__latency_counts(&candidate, &stable, threshold, mlcm__latency_shift(check->pass_below));
}

static bool any(const mlcm_counts *c) { return c->candidate_n || c->stable_n; }

/* Strata of one comparing check at counts[0 .. 2n): fail, then pass. */
static void compare(mlcm__gather *g, size_t i, mlcm_counts *counts, mlcm_observation *out) {
  const mlcm_check *check = mlcm_policy_check(g->options.plan->policy, i);
  int32_t threshold = MLCM__LATENCY_NONE;
  mlcm_counts *fail = counts, *pass = counts + g->n_strata;
  if (check->meter == MLCM_METER_LATENCY) threshold = past_threshold(g, check);
  *out = (mlcm_observation){.check = (int32_t)i, .fail = fail, .pass = pass};
  for (size_t k = 0; k < g->n_strata; k++) {
    mlcm_counts f, p;
    if (check->meter == MLCM_METER_LATENCY)
      latency_counts(check, &g->strata[k], threshold, &f, &p);
    else
      f = p = plain_counts(g, check, &g->strata[k]);
    if (!any(&f) && !any(&p)) continue;
    fail[out->n_strata] = f;
    pass[out->n_strata++] = p;
  }
}

/* ---- the tick ------------------------------------------------------------------------------------------------------- */

static void feed_sources(mlcm__gather *g, const mlcm_time *now) {
  mlcm__meter_sum sum;
  memset(&sum, 0, sizeof(sum));
  for (size_t i = 0; i < g->n_strata; i++) {
    const mlcm__meter_sum *c = &g->strata[i].candidate[MLCM__COUNTED_REQUEST];
    sum.completed += c->completed;
    sum.errors += c->errors;
    mlcm__histogram_merge(&sum.latency, &c->latency);
    for (size_t k = 0; k < MLCM__SNAPSHOT_OUTCOMES; k++) {
      sum.outcome[k].n += c->outcome[k].n;
      sum.outcome[k].bad += c->outcome[k].bad;
    }
  }
  mlcm__sources_add(g->sources, &sum, &g->next, g->n_serving, now);
}

static mlcm_status build_observations(mlcm__gather *g, mlcm__tick *tick, mlcm_error *err) {
  mlcm_time now = {tick->wall_ns, tick->mono_ns};
  size_t each = 2 * g->n_strata;
  mlcm_status st = mlcm__reserve(g->ctx, &g->counts, &g->counts_cap, g->n_checks * each + 1, sizeof(*g->counts), err);
  if (st) return st;
  feed_sources(g, &now);
  tick->observations = g->observations;
  tick->n_observations = 0;
  for (size_t i = 0; i < g->n_checks; i++) {
    mlcm_observation *o = &g->observations[tick->n_observations];
    if (mlcm_policy_check(g->options.plan->policy, i)->kind == MLCM_CHECK_COMPARE) {
      compare(g, i, g->counts + i * each, o);
      if (o->n_strata > 0) tick->n_observations++;
    } else if (mlcm__sources_read(g->sources, i, &now, &g->measurements[i])) {
      *o = (mlcm_observation){.check = (int32_t)i, .measurement = &g->measurements[i]};
      tick->n_observations++;
    }
  }
  return MLCM_OK;
}

mlcm_status mlcm__gather_tick(mlcm__gather *g, mlcm__tick *tick, mlcm_error *err) {
  mlcm__meter_snapshot *snapshot = NULL;
  mlcm_status st = mlcm__meter_read(g->ctx, g->options.reg->run_dir, (uint64_t)g->options.endpoint_id, &snapshot, err);
  if (!st) st = mlcm__counted_take(g->ctx, &g->now, snapshot, &g->wanted, &g->next, err);
  if (!st) g->n_serving = (int32_t)mlcm__meter_n_alive(snapshot);
  if (!st) st = build_strata(g, err);
  if (!st) st = build_traffic(g, tick, err);
  if (!st) st = build_observations(g, tick, err);
  if (!st) {
    mlcm__counted swap = g->now;
    g->now = g->next;
    g->next = swap;
  }
  mlcm__meter_snapshot_free(snapshot);
  return st;
}
