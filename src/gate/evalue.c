/* SPDX-License-Identifier: Apache-2.0
 *
 * evalue.c - the mixture of likelihood ratios. Alternatives are taken in a fixed order, so equal counts give equal bits.
 */
#include "gate/evalue.h"

#include <assert.h>
#include <stdbool.h>

#include "gate/hypergeometric.h"
#include "gate/math.h"

/* log of alternative j of n, log-spaced from `first` to `last`, both included. */
static double log_spaced(double first, double last, int j, int n) {
  double a = mlcm__math_log(first);
  double b = mlcm__math_log(last);
  return j == n - 1 ? b : a + (b - a) * j / (n - 1);
}

static void refresh(mlcm__evalue *e) {
  e->log_e = mlcm__math_logsumexp(e->log_l, MLCM__EVALUE_GRID) - mlcm__math_log(MLCM__EVALUE_GRID);
}

void mlcm__evalue_restart(mlcm__evalue *e) {
  for (int j = 0; j < MLCM__EVALUE_GRID; j++) e->log_l[j] = 0;
  e->log_e = 0;
}

/* The margin, and alternatives from `first` to `last` times the margin. */
static void init_grid(mlcm__evalue *e, double margin, double first, double last) {
  assert(margin > 0);
  e->odds[0] = margin;
  for (int j = 0; j < MLCM__EVALUE_GRID; j++)
    e->odds[1 + j] = margin * mlcm__math_exp(log_spaced(first, last, j, MLCM__EVALUE_GRID));
  mlcm__evalue_restart(e);
}

void mlcm__evalue_init(mlcm__evalue *e, mlcm__side side, double margin) {
  bool is_fail = side == MLCM__SIDE_FAIL;
  init_grid(e, margin, is_fail ? 1.05 : 0.95, is_fail ? 20.0 : 0.2);
}

void mlcm__evalue_add(mlcm__evalue *e, const mlcm_counts *c) {
  assert(c->candidate_bad >= 0 && c->candidate_bad <= c->candidate_n && c->stable_bad >= 0 && c->stable_bad <= c->stable_n);
  mlcm__hyper h = {c->candidate_n, c->stable_n, c->candidate_bad + c->stable_bad, c->candidate_bad};
  if (h.n_c == 0 || h.n_s == 0 || h.m == 0 || h.m == h.n_c + h.n_s) return;
  double log_p[1 + MLCM__EVALUE_GRID];
  mlcm__hyper_log_pmf(&h, e->odds, 1 + MLCM__EVALUE_GRID, log_p);
  for (int j = 0; j < MLCM__EVALUE_GRID; j++) e->log_l[j] += log_p[1 + j] - log_p[0];
  refresh(e);
}

void mlcm__evalue_init_bound(mlcm__evalue *e, double rate) {
  assert(rate > 0 && rate < 1);
  init_grid(e, rate / (1.0 - rate), 0.95, 0.02);
}

void mlcm__evalue_add_bound(mlcm__evalue *e, int64_t n, int64_t bad) {
  assert(bad >= 0 && bad <= n);
  if (n == 0) return;
  double bound = e->odds[0];
  for (int j = 0; j < MLCM__EVALUE_GRID; j++) {
    double odds = e->odds[1 + j];
    double log_each = mlcm__math_log1p((odds - bound) / (1.0 + bound));
    e->log_l[j] += (double)bad * mlcm__math_log(odds / bound) - (double)n * log_each;
  }
  refresh(e);
}

double mlcm__evalue_log_mean(const mlcm__evalue *a, const mlcm__evalue *b) {
  const double both[2] = {a->log_e, b->log_e};
  return mlcm__math_logsumexp(both, 2) - mlcm__math_log(2.0);
}

void mlcm__evalue_init_ratio(mlcm__evalue *e) {
  enum { HALF = MLCM__EVALUE_GRID / 2 };
  e->odds[0] = 1;
  for (int j = 0; j < HALF; j++) {
    double log_odds = log_spaced(1.05, 2.0, j, HALF);
    e->odds[1 + j] = mlcm__math_exp(log_odds);
    e->odds[1 + HALF + j] = mlcm__math_exp(-log_odds);
  }
  mlcm__evalue_restart(e);
}

void mlcm__evalue_add_ratio(mlcm__evalue *e, int64_t candidate, int64_t reported, double share) {
  assert(candidate >= 0 && candidate <= reported && share > 0 && share < 1);
  for (int j = 0; j < MLCM__EVALUE_GRID; j++) {
    double odds = e->odds[1 + j];
    e->log_l[j] += (double)candidate * mlcm__math_log(odds) - (double)reported * mlcm__math_log1p(share * (odds - 1.0));
  }
  refresh(e);
}
