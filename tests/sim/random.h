/* SPDX-License-Identifier: Apache-2.0
 *
 * random.h - seeded random numbers of the simulation: xoshiro256** and the laws it draws from. Uses the gate's own exp and
 * log, so that a seed gives the same table on every machine.
 */
#ifndef MLCM_TESTS_SIM_RANDOM_H
#define MLCM_TESTS_SIM_RANDOM_H

#include <stdint.h>

#include "gate/math.h"

typedef struct rng {
  uint64_t s[4];
} rng;

static inline uint64_t split_mix(uint64_t *x) {
  uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline void seed(rng *r, uint64_t value) {
  for (int i = 0; i < 4; i++) r->s[i] = split_mix(&value);
}

static inline uint64_t rotate(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

static inline uint64_t next(rng *r) {
  uint64_t *s = r->s;
  uint64_t result = rotate(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  return result;
}

/* In (0, 1). */
static inline double uniform(rng *r) { return ((double)(next(r) >> 11) + 0.5) * 0x1p-53; }

/* By the polar method. */
static inline double normal(rng *r) {
  for (;;) {
    double x = 2 * uniform(r) - 1;
    double y = 2 * uniform(r) - 1;
    double q = x * x + y * y;
    if (q >= 1 || q == 0) continue;
    double a = -2 * mlcm__math_log(q) / q; /* x * sqrt(a); the root by Newton's iteration from above */
    double root = a > 1 ? a : 1;
    for (int i = 0; i < 60 && root * root - a > 1e-14 * a; i++) root = 0.5 * (root + a / root);
    return x * root;
  }
}

/* By inversion; mean up to some hundreds, in parts of at most 20. */
static inline int64_t poisson(rng *r, double mean) {
  int64_t sum = 0;
  while (mean > 0) {
    double part = mean > 20 ? 20 : mean;
    double p = mlcm__math_exp(-part);
    double u = uniform(r);
    int64_t k = 0;
    for (; u > p && k < 500; k++) {
      u -= p;
      p *= part / (double)(k + 1);
    }
    sum += k;
    mean -= part;
  }
  return sum;
}

/* By inversion from 0, in parts with a mean of at most 20. */
static inline int64_t binomial(rng *r, int64_t n, double p) {
  if (p > 0.5) return n - binomial(r, n, 1 - p);
  if (p <= 0) return 0;
  double log_q = mlcm__math_log1p(-p);
  double odds = p / (1 - p);
  int64_t sum = 0;
  while (n > 0) {
    int64_t part = (double)n * p > 20 ? (int64_t)(20 / p) : n;
    double mass = mlcm__math_exp((double)part * log_q);
    double u = uniform(r);
    int64_t k = 0;
    for (; u > mass && k < part; k++) {
      u -= mass;
      mass *= (double)(part - k) / (double)(k + 1) * odds;
    }
    sum += k;
    n -= part;
  }
  return sum;
}

#endif
