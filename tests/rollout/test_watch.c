/* SPDX-License-Identifier: Apache-2.0
 *
 * test_watch.c - who looks on: the state of this second in another handle, from what is recorded and from the holder's live
 * lines.
 */
#include "rollout/fixture.h"

#include "rollout/handle.h"

/* Both see the same: as JSON, all that a state tells. */
static void check_sees_the_same(rolling *r, mlcm_rollout *watcher) {
  mlcm_rollout_state *own = NULL, *other = NULL;
  char *a = NULL, *b = NULL;
  CHECK_OK(mlcm_rollout_state_get(r->rollout, &own, err));
  CHECK_OK(mlcm_rollout_state_get(watcher, &other, err));
  CHECK_OK(mlcm_rollout_state_to_json(own, &a, err));
  CHECK_OK(mlcm_rollout_state_to_json(other, &b, err));
  ck_assert_str_eq(a, b);
  mlcm_free(r->f.ctx, a);
  mlcm_free(r->f.ctx, b);
  mlcm_rollout_state_free(own);
  mlcm_rollout_state_free(other);
}

START_TEST(another_handle_sees_the_state_of_this_second) {
  rolling r;
  mlcm_rollout_state *state = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_rollout *watcher = open_again(&r);
  for (int i = 0; i < 15; i++) { /* over a committed chunk and beyond */
    serve(&r, &r.s, 10, i % 9 == 8, 100, 1);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    check_sees_the_same(&r, watcher);
    mlcm_rollout_summary s = summary_of(watcher, &state);
    ck_assert(s.n_ticks == i + 2 && s.n_serving == 1);
    mlcm_rollout_state_free(state);
  }
  mlcm_rollout_close(watcher);
  rolling_tear_down(&r);
}
END_TEST

static mlcm_rollout_status seen_by(mlcm_rollout *watcher) {
  mlcm_rollout_state *state = NULL;
  CHECK_OK(mlcm_rollout_state_get(watcher, &state, err));
  mlcm_rollout_status status = mlcm_rollout_state_summary(state)->status;
  mlcm_rollout_state_free(state);
  return status;
}

START_TEST(a_watcher_sees_no_decision_before_its_record) {
  rolling r;
  mlcm_action action = 0;
  mlcm_error why = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_rollout *watcher = open_again(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  break_store(&r, "decision");
  serve(&r, &r.s, 500, 100, 500, 5);
  ck_assert_int_ne(tick_status(&r, &action, &why), MLCM_OK);
  ck_assert_int_eq(seen_by(watcher), MLCM_ROLLOUT_PROGRESSING);
  mend_store(&r);
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ROLL_BACK);
  ck_assert_int_eq(seen_by(watcher), MLCM_ROLLOUT_ROLLED_BACK);
  mlcm_rollout_close(watcher);
  rolling_tear_down(&r);
}
END_TEST

static void tick_with_traffic(rolling *r, int n) {
  for (int i = 0; i < n; i++) {
    serve(r, &r->s, 10, 0, 100, 1);
    ck_assert_int_eq(tick_action(r, r->rollout), 0);
  }
}

/* After a failed write the holder gathers anew: its next lines are not those that were seen. */
START_TEST(live_lines_that_were_not_recorded_in_the_end_are_forgotten) {
  static const struct {
    int before; /* ticks that the watcher sees and the holder forgets */
    int after;  /* ticks until the record */
    bool looks; /* the watcher in between */
  } cases[] = {{8, 0, false}, {2, 7, false}, {2, 7, true}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    rolling r;
    rolling_set_up(&r);
    rolling_start(&r, quick_plan);
    mlcm_rollout *watcher = open_again(&r);
    tick_with_traffic(&r, cases[i].before);
    check_sees_the_same(&r, watcher);
    ck_assert_uint_gt(watcher->live.len, 0);
    mlcm__handle_forget(r.rollout);
    tick_with_traffic(&r, cases[i].after);
    if (cases[i].looks) ck_assert_int_eq(seen_by(watcher), MLCM_ROLLOUT_PROGRESSING);
    CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PAUSE, NULL, err));
    ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_PAUSE);
    check_sees_the_same(&r, watcher);
    mlcm_rollout_close(watcher);
    rolling_tear_down(&r);
  }
}
END_TEST

START_TEST(live_lines_of_a_holder_who_died_are_forgotten) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_rollout *watcher = open_again(&r);
  tick_with_traffic(&r, 3);
  check_sees_the_same(&r, watcher);
  r.rollout->lease.epoch = 0; /* it dies */
  mlcm_rollout_close(r.rollout);
  r.rollout = open_again(&r);
  test_clock_advance(&r.f.clock, 100 * SECOND);
  tick_with_traffic(&r, 8);
  ck_assert_int_eq(seen_by(watcher), MLCM_ROLLOUT_PROGRESSING); /* from what it knows */
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_PAUSE, NULL, err));
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_PAUSE);
  check_sees_the_same(&r, watcher);
  mlcm_rollout_close(watcher);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(live_lines_that_say_nothing_are_left_out) {
  rolling r;
  char name[64], text[128];
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_rollout *watcher = open_again(&r);
  tick_with_traffic(&r, 1);
  snprintf(name, sizeof(name), "rollout-%lld.live", (long long)mlcm_rollout_id(r.rollout));
  snprintf(text, sizeof(text), "%lld %lld\nrubbish\n", (long long)r.rollout->lease.epoch, (long long)r.rollout->n_chunks);
  char *path = test_path(r.f.reg->run_dir, name);
  test_write_file(path, text, strlen(text));
  ck_assert_int_eq(seen_by(watcher), MLCM_ROLLOUT_PROGRESSING);
  ck_assert_int_eq(watcher->n_chunks, 1);
  ck_assert_uint_eq(watcher->live.len, 0);
  free(path);
  mlcm_rollout_close(watcher);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_watcher_who_becomes_the_holder_forgets_the_live_lines) {
  rolling r;
  mlcm_rollout_state *state = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  serve(&r, &r.s, 10, 0, 10, 0);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  mlcm_rollout *watcher = open_again(&r);
  CHECK_OK(mlcm_rollout_state_get(watcher, &state, err));
  mlcm_rollout_state_free(state);
  ck_assert_uint_gt(watcher->live.len, 0);
  r.rollout->lease.epoch = 0; /* the holder dies */
  test_clock_advance(&r.f.clock, 100 * SECOND);
  ck_assert_int_eq(tick_action(&r, watcher), 0);
  ck_assert_uint_eq(watcher->live.len, 0);
  mlcm_rollout_close(watcher);
  check_replay(&r, 1, 1);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(lines_without_a_live_file_go_nowhere) {
  rolling r;
  mlcm__live unnamed = {.fd = -1}, closed = {.path = test_path("/nowhere", "live"), .fd = -1};
  rolling_set_up(&r);
  mlcm__live_append(r.f.reg, &unnamed, "x", 1);
  mlcm__live_append(r.f.reg, &closed, "x", 1);
  ck_assert_int_eq(access(closed.path, F_OK), -1);
  free(closed.path);
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {another_handle_sees_the_state_of_this_second,
                          a_watcher_sees_no_decision_before_its_record,
                          live_lines_that_were_not_recorded_in_the_end_are_forgotten,
                          live_lines_of_a_holder_who_died_are_forgotten,
                          live_lines_that_say_nothing_are_left_out,
                          a_watcher_who_becomes_the_holder_forgets_the_live_lines,
                          lines_without_a_live_file_go_nowhere};
  return TEST_RUN("rollout_watch", tests);
}
