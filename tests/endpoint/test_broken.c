/* SPDX-License-Identifier: Apache-2.0
 *
 * test_broken.c - versions that cannot be made ready: when they are tried again, when the rollout is told, and where requests go
 * meanwhile. The host of these endpoints refuses one version for a reason of the test's choice.
 */
#include "fixture.h"

#define SECOND_NS INT64_C(1000000000)

typedef struct refusal {
  int64_t version;
  mlcm_status status;
  bool silent; /* leaves no words */
  bool coded;  /* but the code, when silent */
  int n_asked;
} refusal;

static mlcm_status prepare(void *user, int64_t version, mlcm_error *err) {
  refusal *r = user;
  if (version != r->version) return MLCM_OK;
  r->n_asked++;
  if (!r->silent) return mlcm__fail(err, r->status, "the device is away");
  if (r->coded) err->code = r->status;
  return r->status;
}

/* Versions 1 to n of "digits", and a host that refuses one of them. */
static mlcm_endpoint *set_up_refusing(fixture *f, int n, refusal *r) {
  set_up(f);
  add_digits(f, n);
  f->ep = open_hosted(f, "digits", HOST_RUNS, (mlcm_endpoint_host){.prepare = prepare, .user = r});
  return f->ep;
}

/* One round, which may fail. */
static mlcm_status round_after(fixture *f, mlcm_endpoint *ep, int64_t ns) {
  mlcm_error why;
  test_clock_advance(&f->clock, ns);
  return mlcm_endpoint_tick(ep, NULL, NULL, &why);
}

START_TEST(candidate_that_may_load_later_is_tried_three_times_and_then_called_broken) {
  fixture f;
  refusal r = {.version = 2, .status = MLCM_TIMEOUT};
  mlcm_endpoint *ep = set_up_refusing(&f, 2, &r);
  mlcm_rollout *rollout = start_half(&f, 2);
  for (int i = 1; i < MLCM__LOAD_ATTEMPTS; ++i) {
    ck_assert_int_eq(round_after(&f, ep, SECOND_NS), MLCM_TIMEOUT);
    ck_assert_int_eq(r.n_asked, i);
    ck_assert_int_eq(round_after(&f, ep, 0), MLCM_TIMEOUT); /* too early to ask again */
    ck_assert_int_eq(r.n_asked, i);
    ck_assert_int_eq(mlcm__endpoint_failed(ep, 2)->told, false);
  }
  (void)round_after(&f, ep, SECOND_NS);
  ck_assert_int_eq(r.n_asked, MLCM__LOAD_ATTEMPTS);
  ck_assert_int_eq(route(ep, "k").version, 1);
  (void)round_after(&f, ep, SECOND_NS);
  (void)round_after(&f, ep, SECOND_NS);
  mlcm_rollout_state *state = NULL;
  CHECK_OK(mlcm_rollout_state_get(rollout, &state, err));
  ck_assert_int_ne(mlcm_rollout_state_summary(state)->status, MLCM_ROLLOUT_PROGRESSING);
  ck_assert_ptr_nonnull(strstr(mlcm_rollout_state_summary(state)->reason, "the device is away"));
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
  tear_down(&f);
}
END_TEST

START_TEST(version_that_goes_on_failing_is_asked_for_once_a_minute_in_the_end) {
  fixture f;
  refusal r = {.version = 2, .status = MLCM_TIMEOUT};
  mlcm_endpoint *ep = set_up_refusing(&f, 2, &r);
  set_champion(&f, "digits", 2);
  for (int i = 1; i <= 12; ++i) {
    ck_assert_int_eq(round_after(&f, ep, 60 * SECOND_NS), MLCM_TIMEOUT);
    ck_assert_int_eq(r.n_asked, i);
  }
  ck_assert_int_eq(round_after(&f, ep, 59 * SECOND_NS), MLCM_TIMEOUT);
  ck_assert_int_eq(r.n_asked, 12);
  r.version = 0;
  ck_assert_int_eq(round_after(&f, ep, SECOND_NS), MLCM_OK);
  ck_assert_int_eq(route(ep, "k").version, 2);
  tear_down(&f);
}
END_TEST

START_TEST(broken_candidate_does_not_keep_a_new_stable_from_serving) {
  fixture f;
  refusal r = {.version = 3, .status = MLCM_TIMEOUT};
  mlcm_endpoint *ep = set_up_refusing(&f, 3, &r);
  set_champion(&f, "digits", 2);
  mlcm_rollout_close(start_half(&f, 3));
  ck_assert_int_eq(round_after(&f, ep, SECOND_NS), MLCM_TIMEOUT);
  for (int i = 0; i < 50; ++i) ck_assert_int_eq(route_i(ep, i).version, 2);
  r.version = 0;
  ck_assert_int_eq(round_after(&f, ep, SECOND_NS), MLCM_OK); /* loaded in the end, under the same routing */
  ck_assert_int_eq(info_of(ep).candidate, 3);
  tear_down(&f);
}
END_TEST

START_TEST(refusal_without_words_is_named_by_its_status) {
  for (int coded = 0; coded < 2; ++coded) {
    fixture f;
    refusal r = {.version = 2, .status = MLCM_TIMEOUT, .silent = true, .coded = coded};
    mlcm_endpoint *ep = set_up_refusing(&f, 2, &r);
    set_champion(&f, "digits", 2);
    CHECK_FAILS(MLCM_TIMEOUT, "the host could not prepare it: TIMEOUT", mlcm_endpoint_tick(ep, NULL, NULL, err));
    tear_down(&f);
  }
}
END_TEST

START_TEST(broken_candidate_takes_the_traffic_from_the_candidate_before) {
  fixture f;
  refusal r = {.version = 3, .status = MLCM_TIMEOUT};
  mlcm_endpoint *ep = set_up_refusing(&f, 3, &r);
  mlcm_rollout_close(start_half(&f, 2));
  tick(ep);
  ck_assert_int_eq(info_of(ep).candidate, 2);
  test_clock_advance(&f.clock, 100 * SECOND_NS); /* its lease runs out: the command is obeyed at once */
  command(&f, MLCM_COMMAND_ABORT);
  mlcm_rollout_close(start_half(&f, 3));
  ck_assert_int_eq(round_after(&f, ep, SECOND_NS), MLCM_TIMEOUT);
  ck_assert_int_eq(info_of(ep).candidate, 0);
  for (int i = 0; i < 50; ++i) ck_assert_int_eq(route_i(ep, i).version, 1);
  tear_down(&f);
}
END_TEST

START_TEST(rollout_that_could_not_be_told_is_told_later) {
  fixture f;
  refusal r = {.version = 2, .status = MLCM_LIMIT};
  mlcm_endpoint *ep = set_up_refusing(&f, 2, &r);
  mlcm_rollout_close(start_half(&f, 2));
  change_store(&f, "CREATE TRIGGER full BEFORE INSERT ON intent BEGIN SELECT RAISE(ABORT, 'the disk is full'); END");
  ck_assert_int_eq(round_after(&f, ep, SECOND_NS), MLCM_LIMIT);
  ck_assert(!mlcm__endpoint_failed(ep, 2)->told);
  change_store(&f, "DROP TRIGGER full");
  mlcm_decision *decision = NULL;
  CHECK_OK(mlcm_endpoint_tick(ep, NULL, &decision, err));
  ck_assert_ptr_nonnull(decision);
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_ROLL_BACK);
  mlcm_decision_free(decision);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {candidate_that_may_load_later_is_tried_three_times_and_then_called_broken,
                          version_that_goes_on_failing_is_asked_for_once_a_minute_in_the_end,
                          broken_candidate_does_not_keep_a_new_stable_from_serving,
                          refusal_without_words_is_named_by_its_status,
                          broken_candidate_takes_the_traffic_from_the_candidate_before,
                          rollout_that_could_not_be_told_is_told_later};
  return TEST_RUN("endpoint_broken", tests);
}
