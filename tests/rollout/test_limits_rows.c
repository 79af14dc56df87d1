/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits_rows.c - rows of rollouts, decisions, evidence, routing and leases that claim too much.
 */
#include "rollout/fixture.h"

#include "registry/claims.h"

/* An active rollout with decisions and evidence, and no process that holds it. */
static void roll(rolling *r) {
  mlcm_decision *d = NULL;
  rolling_set_up(r);
  rolling_start(r, quick_plan);
  for (int i = 0; i < 20; i++) {
    complete(&r->s, 1, routing_of(r).epoch, 50, 1);
    complete(&r->s, 2, routing_of(r).epoch, 50, 1);
    test_clock_advance(&r->f.clock, SECOND);
    CHECK_OK(mlcm_rollout_tick(r->rollout, NULL, &d, err));
    mlcm_decision_free(d);
    d = NULL;
  }
  mlcm_rollout_close(r->rollout);
  r->rollout = NULL;
  close_and_checkpoint(&r->f);
}

static void read_rollout(reader *r, mlcm_rollout *rollout) {
  mlcm_rollout_state *state = NULL;
  mlcm_decision *d = NULL;
  char *text = NULL;
  if (ANSWERS(mlcm_rollout_state_get(rollout, &state, NULL))) {
    if (ANSWERS(mlcm_rollout_state_to_json(state, &text, NULL))) mlcm_free(r->ctx, text);
    mlcm_rollout_state_free(state);
  }
  if (ANSWERS(mlcm_decision_get(rollout, 1, &d, NULL))) {
    if (ANSWERS(mlcm_decision_explain(r->ctx, d, &text, NULL))) mlcm_free(r->ctx, text);
    mlcm_decision_free(d);
  }
}

static void use_all(reader *r, const char *dir) {
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_replay_report replayed;
  mlcm_rollout *rollout = NULL;
  mlcm_decision *d = NULL;
  mlcm_fsck_report *report = NULL;
  if (ANSWERS(mlcm_registry_open(r->ctx, dir, &options, &r->reg, NULL))) {
    if (ANSWERS(mlcm_rollout_open(r->reg, "m", &rollout, NULL))) {
      read_rollout(r, rollout);
      if (ANSWERS(mlcm_rollout_tick(rollout, NULL, &d, NULL))) mlcm_decision_free(d);
      d = NULL;
      (void)ANSWERS(mlcm_rollout_command(rollout, MLCM_COMMAND_ABORT, NULL, NULL));
      if (ANSWERS(mlcm_rollout_tick(rollout, NULL, &d, NULL))) mlcm_decision_free(d);
      mlcm_rollout_close(rollout);
    }
    (void)ANSWERS(mlcm_rollout_replay(r->reg, 1, &replayed, NULL));
    mlcm_registry_close(r->reg);
  }
  if (ANSWERS(mlcm_fsck(r->ctx, dir, NULL, NULL, &report, NULL))) mlcm_fsck_report_free(report);
}

START_TEST(rollouts_that_claim_too_much_come_to_an_end) {
  rolling r;
  roll(&r);
  check_claims(&r.f, use_all);
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {rollouts_that_claim_too_much_come_to_an_end};
  return TEST_RUN("rollout_limits_rows", tests);
}
