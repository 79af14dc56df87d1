/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits_runs.c - what as many runs as a file of recorded counts may have take; that one more is refused stands in
 * test_replay.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate/policy.h"
#include "support.h"
#include "support/child.h"

enum { MAX_RUNS = 100000, ROW_BYTES = 24 };

/* Recorded counts of n runs, a row each. */
static char *runs_of(int n) {
  static const char head[] = "run,tick,candidate_requests,candidate_errors,stable_requests,stable_errors\n";
  char *text = malloc(sizeof head + (size_t)n * ROW_BYTES);
  size_t len = sizeof head - 1;
  memcpy(text, head, sizeof head);
  for (int i = 0; i < n; i++) len += (size_t)snprintf(text + len, ROW_BYTES, "%d,1,9,1,9,1\n", i);
  return text;
}

static mlcm_status replay(mlcm_context *ctx, const mlcm_policy *policy, int n, mlcm_error *err) {
  char *csv = runs_of(n), *json = NULL, *text = NULL;
  mlcm_status st = mlcm_gate_replay(ctx, policy, "ticks", mlcm_str_of(csv), &json, &text, err);
  free(csv);
  mlcm_free(ctx, json);
  mlcm_free(ctx, text);
  return st;
}

/* One check that compares errors among as many as a policy has. */
static mlcm_policy *largest_policy(mlcm_context *ctx) {
  static char yaml[MLCM__POLICY_MAX_CHECKS * 96];
  size_t len = (size_t)snprintf(yaml, sizeof yaml, "mlcm: gate/v1\nchecks:\n- {name: e, compare: error, tolerate: 2x}\n");
  for (int i = 1; i < MLCM__POLICY_MAX_CHECKS; i++)
    len += (size_t)snprintf(yaml + len, sizeof yaml - len, "- {name: o%d, compare: outcome.o%d, tolerate: 2x}\n", i, i);
  return parse(ctx, yaml);
}

/* All runs under a policy of a hundred checks: what a run holds must not be a hundred times as much. */
static int replay_largest(void) {
  struct rusage used;
  mlcm_error err = {0};
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = largest_policy(ctx);
  const mlcm_status st = replay(ctx, policy, MAX_RUNS, &err);
  (void)getrusage(RUSAGE_SELF, &used);
  if (st) fprintf(stderr, "%s\n", err.message);
  fprintf(stderr, "%ld KiB\n", used.ru_maxrss);
  return st ? 2 : used.ru_maxrss > 1 << 20; /* KiB: a GiB, with a sanitizer's share */
}

START_TEST(other_checks_of_the_policy_take_no_memory) {
  int how = 0;
  const pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) test_child_exit(replay_largest());
  ck_assert_int_eq(waitpid(child, &how, 0), child);
  ck_assert_int_eq(how, 0);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("limits");
  tcase_add_test(c, other_checks_of_the_policy_take_no_memory);
  return run_case("limits_runs", c);
}
