/* SPDX-License-Identifier: Apache-2.0
 *
 * bits.c - prints log E and its ingredients as hexadecimal floats, for check_bits.py to compare between compilers and with the
 * committed data/evalue_bits.txt. Counts of every size come from a fixed linear congruence.
 */
#include <inttypes.h>
#include <stdio.h>

#include "gate/evalue.h"
#include "gate/latency.h"
#include "gate/math.h"

static uint64_t state = 1;

static int64_t below(int64_t n) {
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int64_t)((state >> 33) % (uint64_t)n);
}

static void print_functions(void) {
  for (int i = -60; i <= 60; i++) printf("exp %d %a\n", i, mlcm__math_exp(i * 11.7));
  for (int i = 1; i <= 120; i++) printf("log %d %a\n", i, mlcm__math_log(i * 0.173 + (i % 7) * 1e9));
  for (int i = -9; i <= 60; i++) printf("log1p %d %a\n", i, mlcm__math_log1p(i * 0.107));
  for (int i = -40; i <= 40; i++) printf("shift %d %d\n", i, (int)mlcm__latency_shift(mlcm__math_exp(i * 0.13)));
}

/* A sequence of strata with up to 10^digits trials on each side. */
static void print_sequence(mlcm__side side, double margin, int digits) {
  mlcm__evalue e;
  int64_t most = 10;
  for (int i = 1; i < digits; i++) most *= 10;
  mlcm__evalue_init(&e, side, margin);
  for (int i = 0; i < 12; i++) {
    mlcm_counts c = {.candidate_n = 1 + below(most), .stable_n = 1 + below(most)};
    c.candidate_bad = below(c.candidate_n / (1 + below(100)) + 1);
    c.stable_bad = below(c.stable_n / (1 + below(100)) + 1);
    mlcm__evalue_add(&e, &c);
    printf("%s %a 10^%d %d %a\n", side == MLCM__SIDE_FAIL ? "fail" : "pass", margin, digits, i, e.log_e);
  }
}

static void print_ratio(void) {
  mlcm__evalue e;
  mlcm__evalue_init_ratio(&e);
  for (int i = 1; i <= 20; i++) {
    int64_t n = 1 + below(5000);
    mlcm__evalue_add_ratio(&e, below(n + 1), n, i / 21.0);
    printf("ratio %d %a\n", i, e.log_e);
  }
}

static void print_bound(void) {
  mlcm__evalue e;
  mlcm__evalue_init_bound(&e, 0.001);
  for (int64_t n = 1; n < INT64_C(1) << 40; n *= 4) {
    mlcm__evalue_add_bound(&e, n, below(n / 500 + 2));
    printf("bound %lld %a\n", (long long)n, e.log_e);
  }
}

int main(void) {
  print_functions();
  for (int digits = 1; digits <= 9; digits++) {
    print_sequence(MLCM__SIDE_FAIL, 1.25, digits);
    print_sequence(MLCM__SIDE_PASS, 1.25, digits);
    print_sequence(MLCM__SIDE_FAIL, 1.0, digits);
    print_sequence(MLCM__SIDE_PASS, 1.5, digits);
  }
  print_ratio();
  print_bound();
  return 0;
}
