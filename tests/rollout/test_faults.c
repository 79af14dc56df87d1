/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults.c - a tick that decides, with every allocation failing once: the decision is recorded whole or not at all, and
 * nothing is left behind.
 */
#include "rollout/fixture.h"

typedef struct faulty {
  rolling r;
  char command[1024]; /* makes the registry as it was before the tick */
  char *copy;
} faulty;

/* Takes the lease, gathers, rolls back. */
static mlcm_status tick_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  faulty *f = user;
  mlcm_registry *reg = NULL;
  mlcm_rollout *rollout = NULL;
  mlcm_decision *decision = NULL;
  ck_assert_int_eq(system(f->command), 0);
  mlcm_status st = mlcm_registry_open(ctx, f->copy, NULL, &reg, err);
  if (!st) st = mlcm_rollout_open(reg, "m", &rollout, err);
  if (!st) st = mlcm_rollout_tick(rollout, NULL, &decision, err);
  if (!st) ck_assert_ptr_nonnull(decision);
  if (st) ck_assert_ptr_null(decision);
  mlcm_decision_free(decision);
  mlcm_rollout_close(rollout);
  mlcm_registry_close(reg);
  return st;
}

static void check_old_or_new(void *user) {
  faulty *f = user;
  mlcm_registry *reg = open_registry(f->r.f.ctx, f->copy, MLCM_OPEN_READ_ONLY);
  mlcm__routing routing = {0};
  mlcm_replay_report report;
  CHECK_OK(mlcm__routing_current(reg, f->r.endpoint, &routing, err));
  CHECK_OK(mlcm_rollout_replay(reg, 1, &report, err));
  ck_assert_int_eq(report.identical, report.decisions);
  ck_assert(report.decisions == 1 || report.decisions == 2);
  ck_assert_int_eq(routing.candidate, report.decisions == 1 ? 2 : 0);
  mlcm__routing_reset(f->r.f.ctx, &routing);
  mlcm_registry_close(reg);
}

START_TEST(a_tick_without_memory_decides_whole_or_not_at_all) {
  faulty f;
  memset(&f, 0, sizeof(f));
  rolling_set_up(&f.r);
  rolling_start(&f.r, quick_plan);
  serve(&f.r, &f.r.s, 500, 100, 500, 5);
  mlcm_rollout_close(f.r.rollout);
  f.r.rollout = NULL;
  mlcm_registry_close(f.r.f.reg);
  f.copy = test_path(f.r.f.dir, "copy");
  snprintf(f.command, sizeof(f.command), "rm -rf '%s' && cp -r '%s' '%s'", f.copy, f.r.f.reg_dir, f.copy);
  ck_assert_int_eq(system(f.command), 0);
  ck_assert_uint_gt(test_fault_memory(tick_script, check_old_or_new, &f), 50);
  free(f.copy);
  f.r.f.reg = open_registry(f.r.f.ctx, f.r.f.reg_dir, 0);
  rolling_tear_down(&f.r);
}
END_TEST

static mlcm_status start_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  faulty *f = user;
  mlcm_registry *reg = NULL;
  mlcm_rollout *rollout = NULL;
  ck_assert_int_eq(system(f->command), 0);
  mlcm_status st = mlcm_registry_open(ctx, f->copy, NULL, &reg, err);
  if (!st) st = mlcm_rollout_start(reg, "plan.yaml", mlcm_str_of(quick_plan), NULL, &rollout, err);
  mlcm_rollout_close(rollout);
  mlcm_registry_close(reg);
  return st;
}

static void check_started_or_not(void *user) {
  faulty *f = user;
  mlcm_registry *reg = open_registry(f->r.f.ctx, f->copy, MLCM_OPEN_READ_ONLY);
  int64_t ids[2];
  size_t n = 0;
  mlcm_replay_report report;
  CHECK_OK(mlcm_rollout_list(reg, NULL, 0, ids, 2, &n, err));
  if (n) CHECK_OK(mlcm_rollout_replay(reg, 1, &report, err));
  if (n) ck_assert(report.decisions == 1 && report.identical == 1);
  mlcm_registry_close(reg);
}

START_TEST(a_start_without_memory_starts_whole_or_not_at_all) {
  faulty f;
  memset(&f, 0, sizeof(f));
  rolling_set_up(&f.r);
  mlcm_registry_close(f.r.f.reg);
  f.copy = test_path(f.r.f.dir, "copy");
  snprintf(f.command, sizeof(f.command), "rm -rf '%s' && cp -r '%s' '%s'", f.copy, f.r.f.reg_dir, f.copy);
  ck_assert_int_eq(system(f.command), 0);
  ck_assert_uint_gt(test_fault_memory(start_script, check_started_or_not, &f), 50);
  free(f.copy);
  f.r.f.reg = open_registry(f.r.f.ctx, f.r.f.reg_dir, 0);
  rolling_tear_down(&f.r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_tick_without_memory_decides_whole_or_not_at_all, a_start_without_memory_starts_whole_or_not_at_all};
  return TEST_RUN("rollout_faults", tests);
}
