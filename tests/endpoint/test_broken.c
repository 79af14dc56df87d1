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
  int n_asked;
} refusal;

static mlcm_status prepare(void *user, int64_t version, mlcm_error *err) {
  refusal *r = user;
  if (version != r->version) return MLCM_OK;
  r->n_asked++;
  return r->silent ? r->status : mlcm__fail(err, r->status, "the device is away");
}

static mlcm_endpoint *open_refusing(fixture *f, refusal *r) {
  return open_hosted(f, "digits", HOST_RUNS, (mlcm_endpoint_host){.prepare = prepare, .user = r});
}

static const char plan[] = "mlcm: rollout/v1\n"
                           "endpoint: digits\n"
                           "candidate: digits/%d\n"
                           "steps:\n"
                           "  - {weight: 50%%, for: 1h}\n"
                           "checks:\n"
                           "  - {name: wrong answers, compare: outcome.wrong, tolerate: 1.25x}\n";

static mlcm_rollout *roll(fixture *f, int candidate) {
  char text[512];
  snprintf(text, sizeof text, plan, candidate);
  return start_rollout(f, text);
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
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint *ep = open_refusing(&f, &r);
  mlcm_rollout *rollout = roll(&f, 2);
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
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(version_that_goes_on_failing_is_asked_for_once_a_minute_in_the_end) {
  fixture f;
  refusal r = {.version = 2, .status = MLCM_TIMEOUT, .silent = true};
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint *ep = open_refusing(&f, &r);
  set_champion(&f, "digits", 2);
  for (int i = 1; i <= 12; ++i) {
    ck_assert_int_eq(round_after(&f, ep, 60 * SECOND_NS), MLCM_TIMEOUT);
    ck_assert_int_eq(r.n_asked, i);
  }
  ck_assert_int_eq(round_after(&f, ep, 59 * SECOND_NS), MLCM_TIMEOUT);
  ck_assert_int_eq(r.n_asked, 12);
  ck_assert_ptr_nonnull(strstr(mlcm__endpoint_failed(ep, 2)->err.message, "TIMEOUT")); /* the host said no more */
  r.version = 0;
  ck_assert_int_eq(round_after(&f, ep, SECOND_NS), MLCM_OK);
  ck_assert_int_eq(route(ep, "k").version, 2);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(broken_candidate_does_not_keep_a_new_stable_from_serving) {
  fixture f;
  refusal r = {.version = 3, .status = MLCM_TIMEOUT};
  set_up(&f);
  add_digits(&f, 3);
  mlcm_endpoint *ep = open_refusing(&f, &r);
  set_champion(&f, "digits", 2);
  mlcm_rollout_close(roll(&f, 3));
  ck_assert_int_eq(round_after(&f, ep, SECOND_NS), MLCM_TIMEOUT);
  for (int i = 0; i < 50; ++i) ck_assert_int_eq(route_i(ep, i).version, 2);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(round_that_is_not_due_leaves_the_rollout_alone) {
  fixture f;
  refusal r = {0};
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint *ep = open_refusing(&f, &r);
  mlcm_rollout_close(roll(&f, 2));
  tick(ep);
  const mlcm_time now = {.wall_ns = mlcm__wall_ns(f.ctx), .mono_ns = mlcm__mono_ns(f.ctx)};
  const int64_t next_tick_ns = ep->next_tick_ns;
  ck_assert_int_gt(next_tick_ns, now.mono_ns);
  CHECK_OK(mlcm__endpoint_round(ep, &now, true, NULL, err));
  ck_assert_int_eq(ep->next_tick_ns, next_tick_ns);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(ticket_with_values_that_no_routing_writes_is_refused) {
  fixture f;
  refusal r = {0};
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint *ep = open_refusing(&f, &r);
  mlcm_ticket bad[3];
  for (int i = 0; i < 3; ++i) bad[i] = route(ep, "k");
  bad[0].version = 0;
  bad[1].reserved = 1;
  bad[2].flags |= UINT32_C(1) << 31;
  for (int i = 0; i < 3; ++i)
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, "no routing writes", mlcm_endpoint_complete(ep, &bad[i], 1, 1, err));
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(completion_of_an_epoch_that_this_handle_does_not_know_counts_nothing) {
  fixture f;
  refusal r = {0};
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint *ep = open_refusing(&f, &r);
  mlcm_ticket ticket = route(ep, "k");
  ticket.epoch += 1000;
  CHECK_FAILS(MLCM_TIMEOUT, "not counted again", mlcm_endpoint_complete(ep, &ticket, 1, 1, err));
  ck_assert_uint_eq(count(ep, 1, 0, MLCM__SCOPE_REQUEST).completed, 0);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(answer_is_given_without_a_ticket_too) {
  fixture f;
  float answer = 0;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint *ep = open_endpoint(&f, "digits", MLCM_ENDPOINT_MANUAL);
  CHECK_OK(ask(ep, "k", 1, 2, &answer, NULL, err));
  ck_assert_float_eq(answer, 4);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {candidate_that_may_load_later_is_tried_three_times_and_then_called_broken,
                          version_that_goes_on_failing_is_asked_for_once_a_minute_in_the_end,
                          broken_candidate_does_not_keep_a_new_stable_from_serving,
                          round_that_is_not_due_leaves_the_rollout_alone,
                          ticket_with_values_that_no_routing_writes_is_refused,
                          completion_of_an_epoch_that_this_handle_does_not_know_counts_nothing,
                          answer_is_given_without_a_ticket_too};
  return TEST_RUN("endpoint_broken", tests);
}
