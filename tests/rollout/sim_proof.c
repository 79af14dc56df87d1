/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_proof.c - what recorded evidence proves, from the lines alone: the definition of hypergeometric-e/1 (docs/formats-gate.md,
 * docs/decisions/gate-evidence.md) in the plainest arithmetic, the rules of formats-rollout.md, and nothing of the library.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/sim.h"

/* ---- the sequential test -------------------------------------------------------------------------------------------- */

static void e_begin(sim_e *e, double margin, double first, double last) {
  memset(e, 0, sizeof(*e));
  e->odds[0] = margin;
  for (int j = 0; j < SIM_GRID; j++) e->odds[1 + j] = margin * first * pow(last / first, (double)j / (SIM_GRID - 1));
}

static void e_restart(sim_e *e) {
  memset(e->log_l, 0, sizeof(e->log_l));
  e->log_e = e->highest = 0;
}

/* log P(cb | odds) of Fisher's noncentral hypergeometric law: one over the sum of all terms relative to the observed one. */
static double log_p(const sim_counts *c, double odds) {
  const int64_t m = c->cb + c->sb;
  double sum = 1, term = 1;
  for (int64_t k = c->cb; k < m && k < c->cn; k++) /* term k + 1 over term k */
    sum += term *= odds * (double)(c->cn - k) * (double)(m - k) / ((double)(k + 1) * (double)(c->sn - m + k + 1));
  term = 1;
  for (int64_t k = c->cb; k > 0 && m - k < c->sn; k--)
    sum += term *= (double)k * (double)(c->sn - m + k) / (odds * (double)(c->cn - k + 1) * (double)(m - k + 1));
  return -log(sum);
}

static void e_add(sim_e *e, const sim_counts *c) {
  const int64_t m = c->cb + c->sb;
  if (c->cn == 0 || c->sn == 0 || m == 0 || m == c->cn + c->sn) return;
  const double null = log_p(c, e->odds[0]);
  double mean = 0, most = -INFINITY;
  for (int j = 0; j < SIM_GRID; j++) {
    e->log_l[j] += log_p(c, e->odds[1 + j]) - null;
    most = fmax(most, e->log_l[j]);
  }
  for (int j = 0; j < SIM_GRID; j++) mean += exp(e->log_l[j] - most) / SIM_GRID;
  e->log_e = most + log(mean);
  e->highest = fmax(e->highest, e->log_e);
}

/* ---- the rollout ---------------------------------------------------------------------------------------------------- */

void sim_proof_begin(sim_proof *p, const sim_plan *plan) {
  memset(p, 0, sizeof(*p));
  p->plan = plan;
  for (int i = 0; i < plan->n_checks; i++) {
    e_begin(&p->check[i].fail, plan->checks[i].margin, 1.05, 20);
    e_begin(&p->check[i].pass, plan->checks[i].margin, 0.95, 0.2);
  }
}

void sim_proof_begin_step(sim_proof *p, int step) {
  p->step = step;
  for (int i = 0; i < p->plan->n_checks; i++) {
    e_restart(&p->check[i].pass);
    p->check[i].step_n = 0;
    p->check[i].is_good = false;
  }
}

static void add(sim_counts *sum, const sim_counts *c) {
  sum->cn += c->cn;
  sum->cb += c->cb;
  sum->sn += c->sn;
  sum->sb += c->sb;
}

static double number(const cJSON *array, int i) { return cJSON_GetNumberValue(cJSON_GetArrayItem(array, i)); }

static sim_counts counts_at(const cJSON *row, int first) {
  return (sim_counts){(int64_t)number(row, first), (int64_t)number(row, first + 1), (int64_t)number(row, first + 2),
                      (int64_t)number(row, first + 3)};
}

/* Strata; while the candidate warms up they are counted and not weighed. */
static void take_counts(sim_proof *p, int i, const cJSON *seen, bool is_warm) {
  const cJSON *row = NULL;
  cJSON_ArrayForEach(row, cJSON_GetObjectItem(seen, "fail")) {
    sim_counts c = counts_at(row, 0);
    if (is_warm) e_add(&p->check[i].fail, &c);
    add(&p->check[i].total, &c);
  }
  cJSON_ArrayForEach(row, cJSON_GetObjectItem(seen, "pass")) {
    sim_counts c = counts_at(row, 0);
    if (is_warm) e_add(&p->check[i].pass, &c);
    if (is_warm) p->check[i].step_n += c.cn;
  }
}

static void take_measurement(sim_proof *p, int i, const cJSON *m) {
  const sim_check *check = &p->plan->checks[i];
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(m, "value"));
  double value = text ? strtod(text, NULL) : NAN;
  p->check[i].is_good = false;
  if (cJSON_GetNumberValue(cJSON_GetObjectItem(m, "kind")) != MLCM_MEASURED_VALUE) return;
  bool is_good = check->sign * value >= check->sign * check->limit;
  p->check[i].is_good = is_good;
  p->check[i].bad_in_a_row = is_good ? 0 : p->check[i].bad_in_a_row + 1;
  if (p->check[i].bad_in_a_row >= check->failures) p->check[i].failed_ever = true;
}

static bool take_tick(sim_proof *p, const cJSON *root, int64_t *out_mono_ns) {
  const char *mono = cJSON_GetStringValue(cJSON_GetObjectItem(root, "mono_ns"));
  const cJSON *item = NULL;
  const bool is_warm = p->requests >= p->plan->warm_up;
  int64_t requests = 0;
  if (!mono) return false;
  *out_mono_ns = strtoll(mono, NULL, 10);
  cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "traffic")) {
    sim_counts c = counts_at(item, 4);
    add(&p->traffic, &c);
    requests += c.cn;
  }
  cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "checks")) {
    const int i = (int)cJSON_GetNumberValue(cJSON_GetObjectItem(item, "check"));
    const cJSON *measured = cJSON_GetObjectItem(item, "measured");
    if (i < 0 || i >= p->plan->n_checks || p->plan->checks[i].compares == (measured != NULL)) return false;
    if (measured)
      take_measurement(p, i, measured);
    else
      take_counts(p, i, item, is_warm);
  }
  p->requests += requests;
  return true;
}

bool sim_proof_take(sim_proof *p, const char *line, size_t len, int64_t *out_mono_ns) {
  cJSON *root = cJSON_ParseWithLength(line, len);
  bool is_good = root && take_tick(p, root, out_mono_ns);
  cJSON_Delete(root);
  return is_good;
}

const char *sim_proof_missing(const sim_proof *p) {
  for (int i = 0; i < p->plan->n_checks; i++) {
    if (!(p->plan->checks[i].needed_in & 1u << p->step)) continue;
    if (!p->plan->checks[i].compares) {
      if (!p->check[i].is_good) return "proof: a limit was not met";
      continue;
    }
    if (p->check[i].step_n == 0) return "data: the candidate answered nothing in this step";
    if (p->check[i].pass.highest < log(1 / p->plan->pass_alpha) - 1e-9) return "proof: the evidence is too small";
  }
  return NULL;
}

bool sim_proof_failed(const sim_proof *p) {
  int comparing = 0;
  for (int i = 0; i < p->plan->n_checks; i++) comparing += p->plan->checks[i].compares;
  for (int i = 0; i < p->plan->n_checks; i++) {
    if (!p->plan->checks[i].rolls_back) continue;
    if (!p->plan->checks[i].compares && p->check[i].failed_ever) return true;
    if (p->plan->checks[i].compares && p->check[i].fail.highest >= log(comparing / p->plan->alpha) - 1e-9) return true;
  }
  return false;
}
