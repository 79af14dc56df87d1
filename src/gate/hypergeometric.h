/* SPDX-License-Identifier: Apache-2.0
 *
 * hypergeometric.h - log probabilities of Fisher's noncentral hypergeometric law, exact to rounding at a bounded cost.
 *
 * P(k | rho) = T_k / sum_i T_i,  T_k = C(n_c, k) C(n_s, m - k) rho^k,  max(0, m - n_s) <= k <= min(m, n_c).
 *
 * Terms are taken relative to one near the mode, so none overflows and the far ones vanish harmlessly.
 *   short supports (<= MLCM__HYPER_SHORT values): the ratios T_{k+1} / (rho T_k) are divided out once and shared by all rho; each
 *     sum walks up and down from its mode until terms fall below 2^-70 of it.
 *   long supports: the distance from the mode to the observed k comes from Loader's deviance form of the binomial
 *     (relative error of a few ulp, no cancellation), the sum from the recurrence when the law is narrow, else from every h-th
 *     term with h a power of two <= sigma / 2. The law is a sum of independent Bernoulli variables, hence sum over every h-th
 *     term * h differs from the full sum by less than 2 exp(-2 sigma^2 sin^2(pi / h)) * h < e^-70 of it
 *     (docs/decisions/gate-evidence.md).
 */
#ifndef MLCM_GATE_HYPERGEOMETRIC_H
#define MLCM_GATE_HYPERGEOMETRIC_H

#include <stddef.h>
#include <stdint.h>

enum { MLCM__HYPER_SHORT = 512 };

/* Margins of a 2x2 table and the observed cell. */
typedef struct mlcm__hyper {
  int64_t n_c; /* candidate's trials */
  int64_t n_s; /* stable's trials */
  int64_t m;   /* bad ones in both */
  int64_t k;   /* candidate's bad ones, within the support */
} mlcm__hyper;

/* out[j] = log P(k | rho[j]) for j < n. rho > 0 in monotone order is fastest. Counts up to 2^50. */
void mlcm__hyper_log_pmf(const mlcm__hyper *h, const double *rho, size_t n, double *out);

#endif
