/* SPDX-License-Identifier: Apache-2.0
 *
 * hypergeometric.c - log P(k | rho) of Fisher's noncentral hypergeometric law. Owns nothing; every loop is bounded as its comment
 * says. The order of every sum is fixed: up from the mode, then down.
 */
#include "gate/hypergeometric.h"

#include <assert.h>
#include <stdbool.h>

#include "gate/math.h"

static const double NEGLIGIBLE = 0x1p-70; /* a term this small beside the sum, with smaller ones behind it, cannot be seen */

/* The law of one stratum. Cells of the 2x2 table at a point i of the support: i, n_c - i, m - i, rest + i. */
typedef struct law {
  double n_c, m, rest; /* rest = n_s - m, negative when the support does not begin at 0 */
  int64_t low, high;   /* support */
  int64_t k;           /* the observed point */
} law;

static law law_of(const mlcm__hyper *h) {
  assert(h->n_c > 0 && h->n_s > 0 && h->m > 0 && h->m <= h->n_c + h->n_s);
  law l = {(double)h->n_c,
           (double)h->m,
           (double)(h->n_s - h->m),
           h->m > h->n_s ? h->m - h->n_s : 0,
           h->m < h->n_c ? h->m : h->n_c,
           h->k};
  assert(l.low <= l.k && l.k <= l.high);
  return l;
}

/* T_{i+1} / T_i at rho = 1, for low <= i < high. */
static inline double step_up(const law *l, int64_t at) {
  double i = (double)at;
  return ((l->n_c - i) * (l->m - i)) / ((i + 1.0) * (l->rest + i + 1.0));
}

static inline double step_down(const law *l, int64_t at) { /* T_i / T_{i+1} */
  double i = (double)at;
  return ((i + 1.0) * (l->rest + i + 1.0)) / ((l->n_c - i) * (l->m - i));
}

/* A sum of terms relative to the one it starts from. The observed term is kept apart: where it is nearly everything,
 * log P = -log1p(others / observed) has no cancellation. */
typedef struct partial {
  double others;
  double observed; /* 0 until met */
} partial;

static inline void add_term(partial *p, double t, bool is_observed) {
  if (is_observed)
    p->observed = t;
  else
    p->others += t;
}

static inline bool is_done(const partial *p, double t) { return t < NEGLIGIBLE * (p->others + p->observed); }

static double log_share(const partial *p) { return -mlcm__math_log1p(p->others / p->observed); }

/* ---- Short supports ------------------------------------------------------------------------------------------------ */

typedef struct ratios {
  double up[MLCM__HYPER_SHORT]; /* [i - low] */
  double down[MLCM__HYPER_SHORT];
  size_t n; /* size of the support - 1 */
} ratios;

static void divide_out(const law *l, ratios *r) {
  r->n = (size_t)(l->high - l->low);
  for (size_t i = 0; i < r->n; i++) {
    r->up[i] = step_up(l, l->low + (int64_t)i);
    r->down[i] = step_down(l, l->low + (int64_t)i);
  }
}

/* Mode at rho, found from a neighbouring one: the ratios fall along the support. */
static size_t move_mode(const ratios *r, size_t mode, double rho) {
  while (mode < r->n && r->up[mode] * rho >= 1.0) mode++;
  while (mode > 0 && r->up[mode - 1] * rho < 1.0) mode--;
  return mode;
}

/* log of the term at k relative to the mode's, when it is too small to have been met in the sum. */
static double log_far_term(const ratios *r, size_t mode, size_t k, double rho) {
  double log_sum = 0;
  double t = 1;
  for (size_t i = mode; i != k; i = i < k ? i + 1 : i - 1) {
    t *= i < k ? r->up[i] * rho : r->down[i - 1] / rho;
    if (t < 0x1p-500) { /* a ratio is above 2^-210: it cannot fall through the range of a double */
      log_sum += mlcm__math_log(t);
      t = 1;
    }
  }
  return log_sum + mlcm__math_log(t);
}

static double short_log_pmf(const ratios *r, size_t mode, size_t k, double rho) {
  partial p = {0, 0};
  double inverse = 1.0 / rho;
  add_term(&p, 1.0, mode == k);
  double t = 1;
  for (size_t i = mode; i < r->n && !is_done(&p, t); i++) {
    t *= r->up[i] * rho;
    add_term(&p, t, i + 1 == k);
  }
  t = 1;
  for (size_t i = mode; i > 0 && !is_done(&p, t); i--) {
    t *= r->down[i - 1] * inverse;
    add_term(&p, t, i - 1 == k);
  }
  if (p.observed > 0) return log_share(&p);
  return log_far_term(r, mode, k, rho) - mlcm__math_log(p.others);
}

static void short_log_pmfs(const law *l, const double *rho, size_t n, double *out) {
  ratios r;
  divide_out(l, &r);
  size_t mode = 0;
  for (size_t j = 0; j < n; j++) {
    mode = move_mode(&r, mode, rho[j]);
    out[j] = short_log_pmf(&r, mode, (size_t)(l->k - l->low), rho[j]);
  }
}

/* ---- Long supports ------------------------------------------------------------------------------------------------- */

/* x log(x / y) + y - x, without cancellation where x is near y (Loader 2000). x >= 0, y > 0. */
static double deviance(double x, double y) {
  if (x == 0) return y;
  double v = (x - y) / (x + y);
  if (v > 0.1 || v < -0.1) return x * mlcm__math_log(x / y) + y - x;
  double z = v * v;
  double series = 1.0 / 17;
  for (int odd = 15; odd >= 3; odd -= 2) series = series * z + 1.0 / odd;
  return (x - y) * v + 2.0 * x * v * z * series;
}

/* log x! - (x + 1/2) log x + x - log(2 pi) / 2 for x >= 1; at 0 it is set to 0, the other half being in half_log_factor. */
static double stirling_error(double x) {
  static const double small[16] = {0,
                                   0x1.4c071bcda0a5bp-4,
                                   0x1.52a9b923ea649p-5,
                                   0x1.c579a268d80b3p-6,
                                   0x1.54a2662fd78a9p-6,
                                   0x1.10b4e513fcbedp-6,
                                   0x1.c6b167bebdf36p-7,
                                   0x1.85d4d612e4a86p-7,
                                   0x1.552805e7b3076p-7,
                                   0x1.2f4871b12ab64p-7,
                                   0x1.10f9d4c0743a7p-7,
                                   0x1.f0593088014f8p-8,
                                   0x1.c7018733aa9c6p-8,
                                   0x1.a40514700f36cp-8,
                                   0x1.86076c002d4a7p-8,
                                   0x1.6c08f6f194a10p-8};
  if (x < 16) return small[(int)x];
  double z = 1.0 / (x * x);
  return (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188 - z * (691.0 / 360360)))))) / x;
}

/* The factor whose half logarithm Stirling's formula adds: x, and at 0 what makes log 0! = 0. */
static double half_log_factor(double x) { return x > 0 ? x : 0x1.45f306dc9c883p-3; /* 1 / (2 pi) */ }

/* An interior point of the support to which others are compared: no cell is 0. */
typedef struct anchor {
  int64_t at;
  double cell[4];
  double error[4]; /* Stirling errors of the cells */
  double slope;    /* log of rho over the odds ratio whose mode the anchor is */
} anchor;

static void cells_of(const law *l, int64_t at, double cell[4]) {
  double i = (double)at;
  cell[0] = i;
  cell[1] = l->n_c - i;
  cell[2] = l->m - i;
  cell[3] = l->rest + i;
}

static anchor anchor_at(const law *l, int64_t at, double rho) {
  anchor a = {.at = at};
  cells_of(l, at, a.cell);
  for (int c = 0; c < 4; c++) a.error[c] = stirling_error(a.cell[c]);
  a.slope = mlcm__math_log(rho * ((a.cell[1] / a.cell[0]) * (a.cell[2] / a.cell[3])));
  return a;
}

/* log(T_i / T_anchor): deviances of the four cells, what Stirling's formula leaves, and the tilt that is left. */
static double log_term(const law *l, const anchor *a, int64_t at) {
  double cell[4];
  cells_of(l, at, cell);
  double sum = 0;
  double factor = 1;
  for (int c = 0; c < 4; c++) {
    sum += deviance(cell[c], a->cell[c]) + (stirling_error(cell[c]) - a->error[c]);
    factor *= half_log_factor(cell[c]) / a->cell[c];
  }
  return (double)(at - a->at) * a->slope - sum - 0.5 * mlcm__math_log(factor);
}

/* First point whose next term is smaller: 50 halvings at most. */
static int64_t find_mode(const law *l, double rho) {
  int64_t low = l->low;
  int64_t high = l->high;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (step_up(l, middle) * rho >= 1.0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Every term from the mode outwards: some twenty standard deviations, which are below 128 here. */
static partial narrow_sum(const law *l, int64_t mode, double rho) {
  partial p = {0, 0};
  add_term(&p, 1.0, mode == l->k);
  double t = 1;
  for (int64_t i = mode; i < l->high && !is_done(&p, t); i++) {
    t *= step_up(l, i) * rho;
    add_term(&p, t, i + 1 == l->k);
  }
  t = 1;
  for (int64_t i = mode; i > l->low && !is_done(&p, t); i--) {
    t *= step_down(l, i - 1) / rho;
    add_term(&p, t, i - 1 == l->k);
  }
  return p;
}

/* The whole sum from every h-th term, relative to the anchor's: at most some eighty terms, whatever the counts. Every cell is at
 * least the variance, so the ends of the support are 128 standard deviations away and more: no term that counts lies there. */
static double wide_sum(const law *l, const anchor *a, double variance) {
  int64_t h = 1;
  while (16.0 * (double)h * (double)h <= variance) h *= 2; /* now sigma / 4 < h <= sigma / 2 */
  double sum = 1;
  double t = 1;
  for (int64_t i = a->at; t >= NEGLIGIBLE * sum;) {
    i += h;
    assert(i <= l->high);
    t = mlcm__math_exp(log_term(l, a, i));
    sum += t;
  }
  t = 1;
  for (int64_t i = a->at; t >= NEGLIGIBLE * sum;) {
    i -= h;
    assert(i >= l->low);
    t = mlcm__math_exp(log_term(l, a, i));
    sum += t;
  }
  return sum * (double)h;
}

static double long_log_pmf(const law *l, double rho) {
  int64_t mode = find_mode(l, rho);
  int64_t inner = mode == l->low ? mode + 1 : mode == l->high ? mode - 1 : mode;
  anchor a = anchor_at(l, inner, rho);
  double variance = 1.0 / (1.0 / a.cell[0] + 1.0 / a.cell[1] + 1.0 / a.cell[2] + 1.0 / a.cell[3]);
  if (variance >= 128.0 * 128.0) return log_term(l, &a, l->k) - mlcm__math_log(wide_sum(l, &a, variance));
  partial p = narrow_sum(l, mode, rho);
  if (p.observed > 0) return log_share(&p);
  double shift = inner == mode  ? 0
                 : inner > mode ? mlcm__math_log(step_up(l, mode) * rho)
                                : mlcm__math_log(step_down(l, inner) / rho);
  return log_term(l, &a, l->k) + shift - mlcm__math_log(p.others);
}

/* -------------------------------------------------------------------------------------------------------------------- */

void mlcm__hyper_log_pmf(const mlcm__hyper *h, const double *rho, size_t n, double *out) {
  law l = law_of(h);
  if (l.high - l.low < MLCM__HYPER_SHORT) {
    short_log_pmfs(&l, rho, n, out);
    return;
  }
  for (size_t j = 0; j < n; j++) out[j] = long_log_pmf(&l, rho[j]);
}
