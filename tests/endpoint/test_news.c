/* SPDX-License-Identifier: Apache-2.0
 *
 * test_news.c - what the host is told of decisions: by callback and through a descriptor, in order, each once, whoever took them.
 */
#include "fixture.h"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct news {
  int n;
  int64_t seq[16];
  mlcm_action action[16];
} news;

static void take_news(void *user, const mlcm_decision *decision) {
  news *all = user;
  ck_assert_int_lt(all->n, 16);
  all->seq[all->n] = mlcm_decision_seq(decision);
  all->action[all->n++] = mlcm_decision_action(decision);
}

static mlcm_endpoint *open_listening(fixture *f, news *all, uint32_t flags) {
  return open_hosted(f, "digits", flags, (mlcm_endpoint_host){.on_decision = take_news, .user = all});
}

static void check_news(const news *all) {
  static const mlcm_action expected[] = {MLCM_ACTION_START, MLCM_ACTION_PAUSE, MLCM_ACTION_RESUME, MLCM_ACTION_ABORT};
  ck_assert_int_eq(all->n, 4);
  for (int i = 0; i < 4; ++i) {
    ck_assert_int_eq(all->seq[i], i + 1);
    ck_assert_int_eq(all->action[i], expected[i]);
  }
}

START_TEST(host_is_told_of_each_decision_once_and_in_order_by_whomever_it_was_taken) {
  fixture f;
  news own = {0};
  news others = {0};
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint *steering = open_listening(&f, &own, HOST_RUNS);
  mlcm_endpoint *following = open_listening(&f, &others, HOST_RUNS | MLCM_ENDPOINT_FOLLOW);
  mlcm_rollout_close(start_half(&f, 2));
  const mlcm_command commands[] = {MLCM_COMMAND_PAUSE, MLCM_COMMAND_RESUME, MLCM_COMMAND_ABORT};
  for (int i = 0; i < 3; ++i) {
    tick(steering);
    command(&f, commands[i]);
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    tick(steering);
    tick(following);
  }
  check_news(&own);
  check_news(&others);
  mlcm_endpoint_close(following);
  mlcm_endpoint_close(steering);
  tear_down(&f);
}
END_TEST

START_TEST(rollout_that_began_and_ended_between_two_ticks_is_news_too) {
  fixture f;
  news all = {0};
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint *ep = open_listening(&f, &all, HOST_RUNS);
  mlcm_rollout_close(start_half(&f, 2));
  command(&f, MLCM_COMMAND_ABORT); /* nobody holds the lease: obeyed by the call */
  tick(ep);
  ck_assert_int_eq(all.n, 2);
  ck_assert_int_eq(all.action[0], MLCM_ACTION_START);
  ck_assert_int_eq(all.action[1], MLCM_ACTION_ABORT);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(decisions_before_the_endpoint_was_opened_are_no_news) {
  fixture f;
  news all = {0};
  set_up(&f);
  add_digits(&f, 2);
  mlcm_rollout_close(start_half(&f, 2));
  mlcm_endpoint *ep = open_listening(&f, &all, HOST_RUNS);
  tick(ep);
  ck_assert_int_eq(all.n, 0);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

static bool is_readable(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
}

START_TEST(descriptor_is_readable_while_decisions_wait) {
  fixture f;
  int32_t fd = -1;
  mlcm_decision *decision = NULL;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  CHECK_OK(mlcm_endpoint_next_decision(ep, &decision, err)); /* nothing is kept for who has not asked for it */
  ck_assert_ptr_null(decision);
  CHECK_OK(mlcm_endpoint_event_fd(ep, &fd, err));
  ck_assert(!is_readable(fd));
  mlcm_rollout_close(start_half(&f, 2));
  tick(ep);
  ck_assert(is_readable(fd));
  command(&f, MLCM_COMMAND_PAUSE);
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  tick(ep);
  CHECK_OK(mlcm_endpoint_next_decision(ep, &decision, err));
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_START);
  mlcm_decision_free(decision);
  ck_assert(is_readable(fd));
  CHECK_OK(mlcm_endpoint_next_decision(ep, &decision, err));
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_PAUSE);
  mlcm_decision_free(decision);
  ck_assert(!is_readable(fd));
  CHECK_OK(mlcm_endpoint_next_decision(ep, &decision, err));
  ck_assert_ptr_null(decision);
  tear_down(&f);
}
END_TEST

START_TEST(descriptor_that_the_system_does_not_give_is_an_error) {
  fixture f;
  struct rlimit all, few;
  int32_t fd = -1;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  int next = dup(0); /* the lowest that is free */
  ck_assert_int_eq(close(next), 0);
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
  few = (struct rlimit){(rlim_t)next, all.rlim_max};
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
  CHECK_FAILS(MLCM_IO, "cannot make a descriptor for endpoint 'digits'", mlcm_endpoint_event_fd(ep, &fd, err));
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
  CHECK_OK(mlcm_endpoint_event_fd(ep, &fd, err));
  tear_down(&f);
}
END_TEST

START_TEST(newest_decisions_are_kept_when_nobody_takes_them) {
  fixture f;
  int32_t fd = -1;
  int64_t n = 0;
  int64_t last = 0;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  CHECK_OK(mlcm_endpoint_event_fd(ep, &fd, err));
  mlcm_rollout_close(start_half(&f, 2));
  tick(ep);
  for (int i = 0; i < 70; ++i) { /* decisions 2 to 71 */
    command(&f, i % 2 ? MLCM_COMMAND_RESUME : MLCM_COMMAND_PAUSE);
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    tick(ep);
  }
  for (;; ++n) {
    mlcm_decision *decision = NULL;
    CHECK_OK(mlcm_endpoint_next_decision(ep, &decision, err));
    if (decision == NULL) break;
    ck_assert_int_eq(mlcm_decision_seq(decision), n == 0 ? 8 : last + 1);
    last = mlcm_decision_seq(decision);
    mlcm_decision_free(decision);
  }
  ck_assert_int_eq(n, 64);
  ck_assert_int_eq(last, 71);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {host_is_told_of_each_decision_once_and_in_order_by_whomever_it_was_taken,
                          rollout_that_began_and_ended_between_two_ticks_is_news_too,
                          decisions_before_the_endpoint_was_opened_are_no_news,
                          descriptor_is_readable_while_decisions_wait,
                          descriptor_that_the_system_does_not_give_is_an_error,
                          newest_decisions_are_kept_when_nobody_takes_them};
  return TEST_RUN("endpoint_news", tests);
}
