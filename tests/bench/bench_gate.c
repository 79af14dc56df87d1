/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_gate.c - what a tick costs the gate: ten comparing checks at 2,000 requests and 1 % errors, 5 % and 50 % on the candidate.
 * Takes the median of many ticks; prints one JSON line a bar.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mlcm/gate.h>

enum { CHECKS = 10, TICKS = 4001 };

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t state = 1;

static double uniform(void) {
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(state >> 11) * 0x1p-53;
}

static int64_t draw(int64_t n, double p) {
  int64_t k = 0;
  for (int64_t i = 0; i < n; i++) k += uniform() < p;
  return k;
}

static int compare_times(const void *a, const void *b) {
  const int64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static mlcm_policy *ten_checks(mlcm_context *ctx) {
  char yaml[4096] = "mlcm: gate/v1\nchecks:\n";
  mlcm_policy *policy = NULL;
  mlcm_error err;
  for (int i = 0; i < CHECKS; i++) {
    size_t len = strlen(yaml);
    snprintf(yaml + len, sizeof(yaml) - len, "  - {name: c%d, compare: outcome.o%d, fail_above: 1.1x, pass_below: 1.5x}\n", i, i);
  }
  if (mlcm_policy_parse(ctx, "bench", mlcm_str_of(yaml), &policy, &err) == MLCM_OK) return policy;
  fprintf(stderr, "%s\n", err.message);
  exit(1);
}

/* Median nanoseconds of a tick. */
static int64_t measure(const mlcm_policy *policy, int64_t requests, double weight, double rate) {
  static int64_t took[TICKS];
  mlcm_gate *gate = NULL;
  if (mlcm_gate_new(policy, &gate, NULL) != MLCM_OK) exit(1);
  for (int t = 0; t < TICKS; t++) {
    mlcm_counts counts[CHECKS];
    mlcm_observation seen[CHECKS];
    for (int i = 0; i < CHECKS; i++) {
      counts[i].candidate_n = draw(requests, weight);
      counts[i].stable_n = requests - counts[i].candidate_n;
      counts[i].candidate_bad = draw(counts[i].candidate_n, rate);
      counts[i].stable_bad = draw(counts[i].stable_n, rate);
      seen[i] = (mlcm_observation){.check = i, .n_strata = 1, .fail = &counts[i], .pass = &counts[i]};
    }
    int64_t start = now_ns();
    if (mlcm_gate_observe(gate, t, seen, CHECKS, NULL) != MLCM_OK || mlcm_gate_verdict(gate) == 0) exit(1);
    took[t] = now_ns() - start;
  }
  mlcm_gate_free(gate);
  qsort(took, TICKS, sizeof(took[0]), compare_times);
  return took[TICKS / 2];
}

static void report(const char *name, int64_t ns, double goal_us) {
  printf("{\"name\":\"%s\",\"unit\":\"us\",\"ours\":%.2f,\"theirs\":null,\"ratio\":null,\"goal\":\"<= %g\",\"ok\":%s}\n", name,
         (double)ns / 1e3, goal_us, (double)ns / 1e3 <= goal_us ? "true" : "false");
}

int main(void) {
  mlcm_context *ctx = NULL;
  if (mlcm_context_new(NULL, &ctx, NULL) != MLCM_OK) return 1;
  mlcm_policy *policy = ten_checks(ctx);
  report("gate tick, 10 checks, 2,000 requests, 1 % bad, weight 5 %", measure(policy, 2000, 0.05, 0.01), 100);
  report("gate tick, 10 checks, 2,000 requests, 1 % bad, weight 50 %", measure(policy, 2000, 0.5, 0.01), 100);
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
  return 0;
}
