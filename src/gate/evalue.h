/* SPDX-License-Identifier: Apache-2.0
 *
 * evalue.h - the exact conditional sequential test on two counts, method "hypergeometric-e/1".
 *
 * In a stratum with n_c and n_s trials and m bad ones among them, the candidate's share e_c follows, given those margins,
 * Fisher's noncentral hypergeometric law with the odds ratio as its only parameter. For a grid of alternatives
 * rho_j = margin * g_j
 *
 *     log L_j += log P(e_c | rho_j) - log P(e_c | margin),        log E = log of the mean of the L_j
 *
 * with 24 log-spaced g_j: 1.05 ... 20 on the fail side, 0.95 ... 0.2 on the pass side, both ends included, equal weights. E
 * starts at 1. Strata with n_c, n_s or m = 0 (and those where every trial was bad) are left out: they say nothing. E is an
 * e-process for "odds ratio <= margin" (fail) or ">= margin" (pass) whatever the rates, weights and sizes do over time.
 *
 * How P is computed, its error and its bounded cost: see hypergeometric.h.
 *
 * Beside it, method "binomial-e/1": the absolute bound of `at_most`. Of n trials of the candidate alone, `bad` are bad; the
 * null is "whatever came before, each is bad with a probability of at least the bound". With odds o = p / (1 - p),
 *
 *     log L_j += bad * log(o_j / o_bound) - n * log((1 + o_j) / (1 + o_bound))
 *
 * with 24 log-spaced o_j / o_bound: 0.95 ... 0.02. The expectation of a trial's factor falls with its probability and is 1 at the
 * bound, so rates may change as they like. Trials without any bad event are evidence here, and none for the comparison.
 */
#ifndef MLCM_GATE_EVALUE_H
#define MLCM_GATE_EVALUE_H

#include <mlcm/gate.h>

enum { MLCM__EVALUE_GRID = 24 };

typedef int mlcm__side;
enum { MLCM__SIDE_FAIL = 1, MLCM__SIDE_PASS = 2 };

/* One e-process; a plain value, copied freely. */
typedef struct mlcm__evalue {
  double odds[1 + MLCM__EVALUE_GRID]; /* [0] the margin, then the alternatives */
  double log_l[MLCM__EVALUE_GRID];
  double log_e;
} mlcm__evalue;

/* Starts at log E = 0. margin is an odds ratio, > 0. */
void mlcm__evalue_init(mlcm__evalue *e, mlcm__side side, double margin);

/* Forgets all evidence, keeps side and margin. */
void mlcm__evalue_restart(mlcm__evalue *e);

/* Adds one stratum: 0 <= bad <= n <= 2^50 on both sides (asserted). */
void mlcm__evalue_add(mlcm__evalue *e, const mlcm_counts *counts);

/* The absolute bound: rate in (0, 1). 0 <= bad <= n <= 2^50 (asserted). */
void mlcm__evalue_init_bound(mlcm__evalue *e, double rate);
void mlcm__evalue_add_bound(mlcm__evalue *e, int64_t n, int64_t bad);

/* log of the mean of two e-processes: again one, for the null that both their nulls hold. */
double mlcm__evalue_log_mean(const mlcm__evalue *a, const mlcm__evalue *b);

/* The same for the sample ratio: of `reported` units, `candidate` belong to the candidate; under the null each does with
 * probability `share` in (0, 1). Two-sided: alternatives are odds ratios 1.05 ... 2 and their inverses. Init with
 * mlcm__evalue_init_ratio. */
void mlcm__evalue_init_ratio(mlcm__evalue *e);
void mlcm__evalue_add_ratio(mlcm__evalue *e, int64_t candidate, int64_t reported, double share);

#endif
