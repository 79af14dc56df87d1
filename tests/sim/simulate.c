/* SPDX-License-Identifier: Apache-2.0
 *
 * simulate.c - does the gate keep its word? Many rollouts of 300 ticks, looked at after every tick, with weights 5/10/25/50 %
 * from ticks 1/51/101/151; seeded, so that every run of the program prints the same table.
 *
 *   simulate [repetitions] [seed]      500 in the tests, 10,000 in `ninja simulate`
 *
 * Traffic: steady; shock (each tick's error rate times a lognormal, sigma 0.5, common to both sides); incident (shocks, and
 * ten ticks of ten times the rate on both sides); ramp (the rate rises fivefold while the weight does); zero traffic (requests
 * arrive by Poisson's law, some twenty a tick, most ticks without a candidate's request); sticky users (10,000 by Zipf's law,
 * some of which fail nearly always, each on the side its key is on).
 *
 * What must hold: a good candidate fails with probability at most alpha (plus three standard errors), a candidate at the
 * passing margin passes with probability at most pass_alpha (likewise), also where a bound (at_most) is an other way to pass
 * and it is just as bad as that; one without any error passes with a bound; a tenfold error rate is found within 5 ticks on
 * average, and the other delays lie within 10 % of the design's figures (plus rounding and three standard errors). Otherwise
 * the exit status is 1.
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/evalue.h"
#include "random.h"

enum { TICKS = 300, USERS = 10000 };

static const double ALPHA = 0.05;
static const double PASS_MARGIN = 1.5;

typedef enum traffic { STEADY, SHOCK, INCIDENT, RAMP, ZERO, STICKY_KEY, STICKY_REQUEST } traffic;
static const char *const traffic_names[] = {
    "steady", "shock", "incident", "ramp", "zero traffic", "sticky, unit key", "sticky, unit request"};

/* One row of the table. */
typedef struct cell {
  traffic traffic;
  int64_t requests; /* a tick */
  double base;      /* stable's error rate */
  double ratio;     /* candidate's over stable's */
  bool is_odds;     /* the ratio is one of odds: exactly at a margin */
  double bound;     /* at_most of the check; 0: none */
} cell;

typedef struct result {
  int64_t n;
  int64_t failed;
  int64_t passed;
  double fail_ticks; /* sum over the failed ones */
  double fail_squares;
  double pass_ticks;
} result;

static double weight_at(int tick) { return tick <= 50 ? 0.05 : tick <= 100 ? 0.10 : tick <= 150 ? 0.25 : 0.50; }

/* ---- Traffic ------------------------------------------------------------------------------------------------------- */

/* Number of N requests routed to the candidate, from a table of the binomial law: the same few laws are drawn from all the
 * time. */
typedef struct split_table {
  int64_t n;
  double weight;
  double *cumulative; /* [n + 1] */
} split_table;

static split_table tables[16];
static size_t n_tables;

static const split_table *table_of(int64_t n, double weight) {
  for (size_t i = 0; i < n_tables; i++)
    if (tables[i].n == n && tables[i].weight == weight) return &tables[i];
  split_table *t = &tables[n_tables++];
  *t = (split_table){n, weight, calloc((size_t)n + 1, sizeof(double))};
  if (!t->cumulative) exit(2);
  double log_choose = 0;
  double sum = 0;
  for (int64_t k = 0; k <= n; k++) {
    sum += mlcm__math_exp(log_choose + (double)k * mlcm__math_log(weight) + (double)(n - k) * mlcm__math_log(1 - weight));
    t->cumulative[k] = sum;
    log_choose += mlcm__math_log((double)(n - k) / (double)(k + 1));
  }
  return t;
}

static int64_t split(rng *r, int64_t n, double weight) {
  const split_table *t = table_of(n, weight);
  double u = uniform(r) * t->cumulative[n];
  int64_t low = 0, high = n;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (t->cumulative[middle] < u)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static double candidate_rate(const cell *c, double rate) {
  if (!c->is_odds) return rate * c->ratio < 1 ? rate * c->ratio : 1;
  double odds = c->ratio * rate / (1 - rate);
  return odds / (1 + odds);
}

static double rate_at(rng *r, const cell *c, int tick, int incident) {
  double rate = c->base;
  if (c->traffic == SHOCK || c->traffic == INCIDENT) rate *= mlcm__math_exp(0.5 * normal(r));
  if (c->traffic == INCIDENT && tick >= incident && tick < incident + 10) rate *= 10;
  if (c->traffic == RAMP) rate *= 1 + 4.0 * tick / TICKS;
  return rate < 0.95 ? rate : 0.95;
}

static mlcm_counts tick_counts(rng *r, const cell *c, int tick, int incident) {
  double rate = rate_at(r, c, tick, incident);
  double weight = weight_at(tick);
  int64_t n = c->traffic == ZERO ? poisson(r, (double)c->requests) : c->requests;
  mlcm_counts counts = {.candidate_n = c->traffic == ZERO ? binomial(r, n, weight) : split(r, n, weight)};
  counts.stable_n = n - counts.candidate_n;
  counts.candidate_bad = binomial(r, counts.candidate_n, candidate_rate(c, rate));
  counts.stable_bad = binomial(r, counts.stable_n, rate);
  return counts;
}

/* Users by Zipf's law. Each has a place on the circle of keys, which decides its side, and a habit of failing. */
typedef struct users {
  double cumulative[USERS];
  double place[USERS];
  double rate[USERS];
  bool is_counted[USERS];
} users;

static users crowd;

static void gather_users(rng *r, double base) {
  double sum = 0;
  for (int i = 0; i < USERS; i++) {
    sum += 1.0 / (i + 1);
    crowd.cumulative[i] = sum;
    crowd.place[i] = uniform(r);
    crowd.rate[i] = uniform(r) < base ? 0.9 : 0.1 * base;
    crowd.is_counted[i] = false;
  }
}

static int pick_user(rng *r) {
  double u = uniform(r) * crowd.cumulative[USERS - 1];
  int low = 0, high = USERS - 1;
  while (low < high) {
    int middle = (low + high) / 2;
    if (crowd.cumulative[middle] < u)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static mlcm_counts sticky_counts(rng *r, const cell *c, int tick) {
  mlcm_counts counts = {0, 0, 0, 0};
  double weight = weight_at(tick);
  for (int64_t i = 0; i < c->requests; i++) {
    int user = pick_user(r);
    bool is_bad = uniform(r) < crowd.rate[user];
    if (c->traffic == STICKY_KEY && crowd.is_counted[user]) continue;
    crowd.is_counted[user] = true;
    bool is_candidate = crowd.place[user] < weight;
    *(is_candidate ? &counts.candidate_n : &counts.stable_n) += 1;
    if (is_bad) *(is_candidate ? &counts.candidate_bad : &counts.stable_bad) += 1;
  }
  return counts;
}

/* ---- Rollouts ------------------------------------------------------------------------------------------------------ */

static void run_once(rng *r, const cell *c, const mlcm__evalue *fail_start, const mlcm__evalue *pass_start, result *out) {
  mlcm__evalue fail = *fail_start;
  mlcm__evalue pass = *pass_start;
  mlcm__evalue bound;
  const double needed = mlcm__math_log(1 / ALPHA);
  bool is_sticky = c->traffic == STICKY_KEY || c->traffic == STICKY_REQUEST;
  int incident = 1 + (int)(uniform(r) * (TICKS - 10));
  int failed = 0, passed = 0;
  if (is_sticky) gather_users(r, c->base);
  if (c->bound > 0) mlcm__evalue_init_bound(&bound, c->bound);
  for (int tick = 1; tick <= TICKS && !(failed && passed); tick++) {
    mlcm_counts counts = is_sticky ? sticky_counts(r, c, tick) : tick_counts(r, c, tick, incident);
    if (!failed) mlcm__evalue_add(&fail, &counts);
    if (!passed) mlcm__evalue_add(&pass, &counts);
    if (!passed && c->bound > 0) mlcm__evalue_add_bound(&bound, counts.candidate_n, counts.candidate_bad);
    if (!failed && fail.log_e >= needed) failed = tick;
    double log_e_pass = c->bound > 0 ? mlcm__evalue_log_mean(&pass, &bound) : pass.log_e;
    if (!passed && log_e_pass >= needed) passed = tick;
    if (failed && c->ratio > PASS_MARGIN) break; /* for the delay nothing more is needed */
  }
  out->n++;
  out->failed += failed > 0;
  out->passed += passed > 0;
  out->fail_ticks += failed;
  out->fail_squares += (double)failed * failed;
  out->pass_ticks += passed;
}

static result run_cell(const cell *c, int64_t repetitions, uint64_t base_seed, uint64_t number) {
  mlcm__evalue fail, pass;
  result out = {0};
  rng r;
  mlcm__evalue_init(&fail, MLCM__SIDE_FAIL, 1.0);
  mlcm__evalue_init(&pass, MLCM__SIDE_PASS, PASS_MARGIN);
  seed(&r, base_seed * 1000003 + number);
  for (int64_t i = 0; i < repetitions; i++) run_once(&r, c, &fail, &pass, &out);
  return out;
}

/* ---- Table --------------------------------------------------------------------------------------------------------- */

static double share(int64_t part, int64_t n) { return (double)part / (double)n; }
static double mean(double sum, int64_t n) { return n > 0 ? sum / (double)n : 0; }
static double bound(double p, int64_t n) { return p + 3 * sqrt(p * (1 - p) / (double)n); }

static bool show_row(const cell *c, const result *x, const char *claim, bool ok) {
  printf("%-21s %5" PRId64 " %6.3g%% %6.4gx   %6.4f (%5.1f)   %6.4f (%5.1f)   %-34s %s\n", traffic_names[c->traffic], c->requests,
         100 * c->base, c->ratio, share(x->failed, x->n), mean(x->fail_ticks, x->failed), share(x->passed, x->n),
         mean(x->pass_ticks, x->passed), claim, ok ? "ok" : "BROKEN");
  fflush(stdout);
  return ok;
}

/* A good candidate must not fail. */
static bool show_false_fail(const cell *c, int64_t n, uint64_t base_seed, uint64_t number) {
  result x = run_cell(c, n, base_seed, number);
  char claim[64];
  if (c->traffic == STICKY_REQUEST) return show_row(c, &x, "why sticky users count once", true);
  snprintf(claim, sizeof(claim), "false fail <= %.4f", bound(ALPHA, n));
  return show_row(c, &x, claim, share(x.failed, x.n) <= bound(ALPHA, n));
}

/* A candidate at the passing margin must not pass. */
static bool show_false_pass(const cell *c, int64_t n, uint64_t base_seed, uint64_t number) {
  result x = run_cell(c, n, base_seed, number);
  char claim[64];
  snprintf(claim, sizeof(claim), "false pass <= %.4f", bound(ALPHA, n));
  return show_row(c, &x, claim, share(x.passed, x.n) <= bound(ALPHA, n));
}

/* A candidate at both ends: the passing margin above stable, and exactly at the bound. */
static bool show_false_bound(cell c, int64_t n, uint64_t base_seed, uint64_t number) {
  c.bound = candidate_rate(&c, c.base);
  result x = run_cell(&c, n, base_seed, number);
  char claim[64];
  snprintf(claim, sizeof(claim), "at_most %.3g%%: false pass <= %.4f", 100 * c.bound, bound(ALPHA, n));
  return show_row(&c, &x, claim, share(x.passed, x.n) <= bound(ALPHA, n));
}

/* A candidate without any error, beside a stable without any: it passes with a bound, in `delay` ticks, and never without. */
static bool show_clean(const cell *c, double delay, int64_t n, uint64_t base_seed, uint64_t number) {
  result x = run_cell(c, n, base_seed, number);
  char claim[64];
  if (c->bound == 0) return show_row(c, &x, "no bound: nobody passes", x.passed == 0 && x.failed == 0);
  snprintf(claim, sizeof(claim), "at_most %.3g%%: all pass (%.0f)", 100 * c->bound, delay);
  bool is_in_time = fabs(mean(x.pass_ticks, x.passed) - delay) <= 0.1 * delay + 0.5;
  return show_row(c, &x, claim, x.passed == n && x.failed == 0 && is_in_time);
}

/* A worse candidate must be found, about as fast as designed: `power` of them, in `delay` ticks on average. */
static bool show_delay(const cell *c, double power, double delay, int64_t n, uint64_t base_seed, uint64_t number) {
  result x = run_cell(c, n, base_seed, number);
  double average = mean(x.fail_ticks, x.failed);
  double variance = x.failed > 1 ? x.fail_squares / (double)x.failed - average * average : 0;
  double room = 0.1 * delay + 0.5 + 3 * sqrt(variance > 0 ? variance / (double)x.failed : 0);
  double found = share(x.failed, x.n);
  double power_room = 0.005 + 3 * sqrt((power * (1 - power) + 1e-4) * (1 / 2000.0 + 1 / (double)n));
  bool ok = fabs(average - delay) <= room && fabs(found - power) <= power_room;
  if (c->ratio == 10 && c->requests == 2000) ok = ok && average <= 5;
  char claim[64];
  snprintf(claim, sizeof(claim), "designed %.2f (%.0f)%s", power, delay,
           c->ratio == 10 && c->requests == 2000 ? ", at most 5 ticks" : "");
  return show_row(c, &x, claim, ok);
}

int main(int argc, char **argv) {
  static const cell good[] = {
      {STEADY, 2000, .01, 1, false, 0},    {SHOCK, 2000, .01, 1, false, 0},     {INCIDENT, 2000, .01, 1, false, 0},
      {RAMP, 2000, .01, 1, false, 0},      {SHOCK, 200, .01, 1, false, 0},      {INCIDENT, 200, .01, 1, false, 0},
      {INCIDENT, 2000, .001, 1, false, 0}, {SHOCK, 200, .001, 1, false, 0},     {ZERO, 20, .05, 1, false, 0},
      {ZERO, 2, .1, 1, false, 0},          {STICKY_KEY, 200, .02, 1, false, 0}, {STICKY_REQUEST, 200, .02, 1, false, 0}};
  static const cell border[] = {{SHOCK, 2000, .05, 1.5, true, 0},  {SHOCK, 2000, .01, 1.5, true, 0},
                                {SHOCK, 2000, .001, 1.5, true, 0}, {SHOCK, 200, .05, 1.5, true, 0},
                                {SHOCK, 200, .01, 1.5, true, 0},   {SHOCK, 200, .001, 1.5, true, 0}};
  static const cell bounded[] = {{STEADY, 2000, .01, 1.5, true, 0}, {STEADY, 2000, .001, 1.5, true, 0},
                                 {STEADY, 200, .01, 1.5, true, 0},  {STEADY, 200, .001, 1.5, true, 0},
                                 {RAMP, 2000, .001, 1.5, true, 0},  {STEADY, 2000, .001, 3, true, 0}};
  static const struct {
    cell cell;
    double delay;
  } clean[] = {{{STEADY, 2000, 0, 1, false, 0}, 0},
               {{STEADY, 2000, 0, 1, false, .001}, 44},
               {{STEADY, 200, 0, 1, false, .001}, 154},
               {{STEADY, 2000, 0, 1, false, .01}, 5}};
  static const struct {
    cell cell;
    double power, delay;
  } worse[] = {{{STEADY, 2000, .01, 1.25, false, 0}, 1.00, 103}, {{STEADY, 2000, .01, 1.5, false, 0}, 1.00, 44},
               {{STEADY, 2000, .01, 2, false, 0}, 1.00, 14},     {{STEADY, 2000, .01, 3, false, 0}, 1.00, 5},
               {{STEADY, 2000, .01, 10, false, 0}, 1.00, 1},     {{STEADY, 200, .01, 1.25, false, 0}, .31, 180},
               {{STEADY, 200, .01, 1.5, false, 0}, .94, 154},    {{STEADY, 200, .01, 2, false, 0}, 1.00, 79},
               {{STEADY, 200, .01, 3, false, 0}, 1.00, 33},      {{STEADY, 200, .01, 10, false, 0}, 1.00, 4}};
  int64_t n = argc > 1 ? atoll(argv[1]) : 500;
  uint64_t base_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20260301;
  uint64_t number = 0;
  bool ok = true;
  if (n < 10) return 2;
  printf("%" PRId64 " rollouts of %d ticks each, alpha %.2g, pass at %.2gx, seed %" PRIu64 "\n", n, TICKS, ALPHA, PASS_MARGIN,
         base_seed);
  printf("traffic                 req/t  rate   ratio   fail  (mean tick)  pass  (mean tick)\n");
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) ok &= show_false_fail(&good[i], n, base_seed, number++);
  for (size_t i = 0; i < sizeof(border) / sizeof(border[0]); i++) ok &= show_false_pass(&border[i], n, base_seed, number++);
  for (size_t i = 0; i < sizeof(bounded) / sizeof(bounded[0]); i++) ok &= show_false_bound(bounded[i], n, base_seed, 1000 + i);
  for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++)
    ok &= show_clean(&clean[i].cell, clean[i].delay, n, base_seed, 2000 + i);
  for (size_t i = 0; i < sizeof(worse) / sizeof(worse[0]); i++)
    ok &= show_delay(&worse[i].cell, worse[i].power, worse[i].delay, n, base_seed, number++);
  for (size_t i = 0; i < n_tables; i++) free(tables[i].cumulative);
  printf("%s\n", ok ? "all bounds hold" : "A BOUND IS BROKEN");
  return ok ? 0 : 1;
}
