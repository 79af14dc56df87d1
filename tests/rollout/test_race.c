/* SPDX-License-Identifier: Apache-2.0
 *
 * test_race.c - several controllers of one rollout on threads of their own, with traffic and a person in between. Run under
 * ThreadSanitizer too.
 */
#include "rollout/fixture.h"

#include <pthread.h>

enum { CONTROLLERS = 4, ROUNDS = 400, MAX_DECISIONS = 16 };

typedef struct contest {
  rolling r;
  atomic_int handed_out[MAX_DECISIONS];
  atomic_int n_ticks;
  atomic_bool over;
} contest;

static void *control(void *arg) {
  contest *race = arg;
  mlcm_rollout *rollout = NULL;
  CHECK_OK(mlcm_rollout_open_by_id(race->r.f.reg, 1, &rollout, err));
  while (!atomic_load(&race->over)) {
    mlcm_decision *decision = NULL;
    mlcm_error why = {0};
    mlcm_status st = mlcm_rollout_tick(rollout, NULL, &decision, &why);
    ck_assert_msg(st == MLCM_OK || st == MLCM_STALE || st == MLCM_INVALID_STATE || st == MLCM_BUSY, "%s: %s",
                  mlcm_status_name(st), why.message);
    if (!st) atomic_fetch_add(&race->n_ticks, 1);
    if (decision) atomic_fetch_add(&race->handed_out[mlcm_decision_seq(decision)], 1);
    mlcm_decision_free(decision);
    if (st == MLCM_INVALID_STATE) break;
    if (st == MLCM_OK && atomic_load(&race->n_ticks) % 7 == 0) { /* the lease changes hands all the time */
      mlcm_rollout_close(rollout);
      CHECK_OK(mlcm_rollout_open_by_id(race->r.f.reg, 1, &rollout, err));
    }
  }
  mlcm_rollout_close(rollout);
  return NULL;
}

static void *watch(void *arg) {
  contest *race = arg;
  mlcm_rollout *rollout = NULL;
  CHECK_OK(mlcm_rollout_open_by_id(race->r.f.reg, 1, &rollout, err));
  while (!atomic_load(&race->over)) {
    mlcm_rollout_state *state = NULL;
    ck_assert_int_ge(summary_of(rollout, &state).step, 1);
    mlcm_rollout_state_free(state);
  }
  mlcm_rollout_close(rollout);
  return NULL;
}

/* Good traffic and time that passes, until the rollout is over. */
static void drive(contest *race) {
  mlcm_rollout *outside = open_again(&race->r);
  for (int i = 0; i < ROUNDS; i++) {
    mlcm__routing now = routing_of(&race->r);
    if (!now.rollout_id) break;
    serve(&race->r, &race->r.s, GOOD_N, 4, GOOD_N, 4);
    test_clock_advance(&race->r.f.clock, SECOND);
    if (i == 5) CHECK_OK(mlcm_rollout_command(outside, MLCM_COMMAND_PAUSE, NULL, err));
    int seen = atomic_load(&race->n_ticks);
    for (int k = 0; k < 2000 && atomic_load(&race->n_ticks) == seen; k++) sched_yield();
    mlcm_error why;
    if (i == 12) (void)!mlcm_rollout_command(outside, MLCM_COMMAND_RESUME, NULL, &why);
  }
  mlcm_rollout_close(outside);
}

START_TEST(every_decision_is_taken_once_by_one_of_many) {
  contest race;
  pthread_t threads[CONTROLLERS], watcher;
  memset(&race, 0, sizeof(race));
  rolling_set_up(&race.r);
  rolling_start(&race.r, quick_plan);
  for (int i = 0; i < CONTROLLERS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, control, &race), 0);
  ck_assert_int_eq(pthread_create(&watcher, NULL, watch, &race), 0);
  drive(&race);
  atomic_store(&race.over, true);
  for (int i = 0; i < CONTROLLERS; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  ck_assert_int_eq(pthread_join(watcher, NULL), 0);
  mlcm_rollout_state *state = NULL;
  int64_t n = summary_of(race.r.rollout, &state).n_decisions;
  mlcm_rollout_state_free(state);
  ck_assert_int_ge(n, 3);
  for (int seq = 2; seq <= n; seq++) ck_assert_int_le(atomic_load(&race.handed_out[seq]), 1);
  check_replay(&race.r, 1, n);
  rolling_tear_down(&race.r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {every_decision_is_taken_once_by_one_of_many};
  return TEST_RUN("rollout_race", tests);
}
