/* SPDX-License-Identifier: Apache-2.0
 *
 * test_run.c - eight processes and a collector on one registry, each with a clock that is wrong by up to ten days and jumps,
 * killed at random moments: every answer that anybody got is explained by one order of the calls, and nothing acknowledged is
 * lost.
 *
 * MLCM_TEST_SCALE multiplies the rounds, MLCM_TEST_SEED varies them, MLCM_TEST_UNTIL ends them.
 */
#include <stdlib.h>
#include <string.h>

#include <mlcm/trust.h>

#include "linear/rounds.h"
#include "support/soak.h"
#include "support/suite.h"

enum { ROUNDS = 3, CALLS = 1000, LYING_ROUNDS = 20 };

/* fsck finds nothing, the audit log verifies, and every version has its bytes. */
static void check_registry(const lin_run *run) {
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_fsck_report *report = NULL;
  mlcm_error err = {0};
  mlcm_status st = mlcm_context_new(NULL, &ctx, &err);
  if (!st) st = mlcm_fsck(ctx, run->work.reg_dir, NULL, NULL, &report, &err);
  ck_assert_msg(st == MLCM_OK, "%s", err.message);
  mlcm_fsck_summary found = mlcm_fsck_report_summary(report);
  int64_t versions = 0;
  for (int32_t i = 0; i < LIN_MODELS; i++) versions += (int64_t)run->models[i].n_versions;
  ck_assert_int_eq(found.damaged, 0);
  ck_assert_int_eq(found.versions, versions);
  mlcm_fsck_report_free(report);
  st = mlcm_registry_open(ctx, run->work.reg_dir, NULL, &reg, &err);
  if (!st) st = mlcm_audit_verify(reg, NULL, NULL, NULL, &err);
  ck_assert_msg(st == MLCM_OK, "%s", err.message);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
}

START_TEST(every_answer_is_explained_by_one_order) {
  lin_run run;
  int rounds = 0;
  lin_run_open(&run, test_seed(1));
  for (; rounds < ROUNDS * test_scale() && (rounds == 0 || test_time_left()) && run.n_unexplained == 0; rounds++)
    lin_run_round(&run, CALLS, stdout);
  printf("%d rounds: %lld calls, %lld of them changes, %lld cut off by a kill\n", rounds, (long long)run.n_ops,
         (long long)run.n_changes, (long long)run.n_open);
  printf("{\"what\":\"processes killed\",\"n\":%lld,\"violations\":0}\n", (long long)run.n_killed);
  printf("{\"what\":\"history events\",\"n\":%lld,\"violations\":%lld}\n", (long long)run.n_ops, (long long)run.n_unexplained);
  fflush(stdout); /* before the first assertion: what has no explanation must be seen */
  ck_assert_int_eq(run.n_unexplained, 0);
  ck_assert_int_gt(run.n_open, 0);
  check_registry(&run);
  lin_run_close(&run);
}
END_TEST

/* The test of the test: one reader in eight answers from memory. */
START_TEST(a_reader_that_lies_is_found) {
  lin_run run;
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  lin_run_open(&run, test_seed(2));
  run.work.one_lies = true;
  for (int i = 0; i < LYING_ROUNDS && run.n_unexplained == 0; i++) lin_run_round(&run, CALLS, out);
  fclose(out);
  ck_assert_int_gt(run.n_unexplained, 0);
  ck_assert_ptr_nonnull(strstr(text, "cannot be explained"));
  free(text);
  lin_run_close(&run);
}
END_TEST

int main(void) {
  const TTest *tests[] = {every_answer_is_explained_by_one_order, a_reader_that_lies_is_found};
  return TEST_RUN("linear_run", tests);
}
