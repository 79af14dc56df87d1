/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sampler.c - the newest measurement of each source, without waiting. Ages come from a clock that the test moves; real
 * waiting is only for a measurement to come in, by polling with a generous limit.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "metric/sampler.h"
#include "support/child.h"
#include "support/fake_clock.h"
#include "support/fault.h"
#include "support/httpd.h"
#include "support/suite.h"

static const int64_t ms = 1000000;
static const char fresh_body[] = "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[8999999999,\"0.5\"]}}";

/* Waits until source i has at least n measurements. */
static void wait_for_count(mlcm__sampler *sampler, size_t i, uint64_t n) {
  const struct timespec pause = {0, 1000000};
  for (int tries = 0; tries < 30000; tries++) {
    if (mlcm__sampler_count(sampler, i) >= n) return;
    nanosleep(&pause, NULL);
  }
  ck_abort_msg("source %zu has not had %llu measurements within 30 s", i, (unsigned long long)n);
}

static mlcm__sampler *start(mlcm_context *ctx, const mlcm_source *sources, size_t n) {
  mlcm__sampler *sampler = NULL;
  mlcm_error err;
  mlcm_status st = mlcm__sampler_new(ctx, sources, n, &sampler, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  return sampler;
}

static mlcm_measurement read_at(mlcm__sampler *sampler, size_t i, mlcm_time now) {
  mlcm_measurement m;
  memset(&m, 0x55, sizeof m);
  mlcm__sampler_read(sampler, i, &now, &m);
  return m;
}

START_TEST(before_the_first_answer_there_is_no_data) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char url[128];
  test_httpd_on(server, "/slow", &(test_reply){.delay_ms = 60000});
  test_httpd_url(server, "/slow", url);
  mlcm__sampler *sampler = start(ctx, &(mlcm_source){.url = url}, 1);
  const mlcm_measurement m = read_at(sampler, 0, mlcm_context_now(ctx));
  ck_assert_int_eq(m.kind, MLCM_MEASURED_NO_DATA);
  ck_assert_str_eq(m.detail, "not measured yet");
  mlcm__sampler_free(sampler); /* does not wait for the answer either: the test would time out */
  test_httpd_stop(server);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_slow_source_delays_only_itself) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char slow[128];
  char fast[128];
  test_httpd_on(server, "/slow", &(test_reply){.delay_ms = 60000});
  test_httpd_on(server, "/fast", &(test_reply){.body = "ok"});
  test_httpd_url(server, "/slow", slow);
  test_httpd_url(server, "/fast", fast);
  const mlcm_source sources[] = {{.url = slow, .timeout_ns = 60000 * ms}, {.url = fast, .interval_ns = 5 * ms}};
  mlcm__sampler *sampler = start(ctx, sources, 2);
  wait_for_count(sampler, 1, 5);
  ck_assert_uint_eq(mlcm__sampler_count(sampler, 0), 0);
  ck_assert_int_eq(read_at(sampler, 0, mlcm_context_now(ctx)).kind, MLCM_MEASURED_NO_DATA);
  ck_assert_double_eq(read_at(sampler, 1, mlcm_context_now(ctx)).value, 1);
  mlcm__sampler_free(sampler);
  test_httpd_stop(server);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_measurement_goes_stale_when_no_newer_one_comes) {
  test_clock clock;
  test_clock_init(&clock, TEST_EPOCH_NS);
  const mlcm_clock table = test_clock_table(&clock);
  mlcm_context *ctx = test_context(NULL, NULL, &table);
  test_httpd *server = test_httpd_start();
  char url[128];
  test_httpd_on(server, "/ok", &(test_reply){.body = "ok"});
  test_httpd_url(server, "/ok", url);
  const mlcm_source source = {.url = url, .interval_ns = 3600 * TEST_SECOND_NS, .max_age_ns = 7200 * TEST_SECOND_NS};
  mlcm__sampler *sampler = start(ctx, &source, 1);
  wait_for_count(sampler, 0, 1);
  ck_assert_int_eq(read_at(sampler, 0, mlcm_context_now(ctx)).kind, MLCM_MEASURED_VALUE);
  test_clock_advance(&clock, 7200 * TEST_SECOND_NS);
  ck_assert_int_eq(read_at(sampler, 0, mlcm_context_now(ctx)).kind, MLCM_MEASURED_VALUE);
  test_clock_advance(&clock, 1);
  const mlcm_measurement m = read_at(sampler, 0, mlcm_context_now(ctx));
  ck_assert_int_eq(m.kind, MLCM_MEASURED_STALE);
  ck_assert_double_eq(m.value, 0);
  mlcm__sampler_free(sampler);
  test_httpd_stop(server);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_jump_of_the_wall_clock_makes_nothing_stale) {
  test_clock clock;
  test_clock_init(&clock, TEST_EPOCH_NS);
  const mlcm_clock table = test_clock_table(&clock);
  mlcm_context *ctx = test_context(NULL, NULL, &table);
  test_httpd *server = test_httpd_start();
  char url[128];
  test_httpd_on(server, "/ok", &(test_reply){.body = "ok"});
  test_httpd_url(server, "/ok", url);
  mlcm__sampler *sampler = start(ctx, &(mlcm_source){.url = url}, 1);
  wait_for_count(sampler, 0, 1);
  test_clock_set_wall(&clock, TEST_EPOCH_NS + 86400 * TEST_SECOND_NS);
  ck_assert_int_eq(read_at(sampler, 0, mlcm_context_now(ctx)).kind, MLCM_MEASURED_VALUE);
  mlcm__sampler_free(sampler);
  test_httpd_stop(server);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(an_outage_and_the_return_are_both_seen) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char url[128];
  test_httpd_on(server, "/api/v1/query", &(test_reply){.content_type = "application/json", .body = fresh_body});
  test_httpd_url(server, "", url);
  mlcm__sampler *sampler = start(ctx, &(mlcm_source){.url = url, .query = "up", .interval_ns = 5 * ms}, 1);
  wait_for_count(sampler, 0, 1);
  ck_assert_int_eq(read_at(sampler, 0, mlcm_context_now(ctx)).kind, MLCM_MEASURED_VALUE);
  for (int round = 0; round < 2; round++) {
    const bool down = round == 0;
    test_httpd_refuse(server, down);
    wait_for_count(sampler, 0, mlcm__sampler_count(sampler, 0) + 2); /* the one under way may be from before */
    ck_assert_int_eq(read_at(sampler, 0, mlcm_context_now(ctx)).kind, down ? MLCM_MEASURED_ERROR : MLCM_MEASURED_VALUE);
  }
  mlcm__sampler_free(sampler);
  test_httpd_stop(server);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(connections_are_kept_between_rounds) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char url[128];
  test_httpd_on(server, "/ok", &(test_reply){.body = "ok"});
  test_httpd_url(server, "/ok", url);
  mlcm__sampler *sampler = start(ctx, &(mlcm_source){.url = url, .interval_ns = ms}, 1);
  wait_for_count(sampler, 0, 10);
  ck_assert_uint_eq(test_httpd_connections(server), 1);
  mlcm__sampler_free(sampler);
  test_httpd_stop(server);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(waking_asks_before_the_source_is_due) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char url[128];
  test_httpd_on(server, "/ok", &(test_reply){.body = "ok"});
  test_httpd_url(server, "/ok", url);
  const mlcm_source source = {.url = url, .interval_ns = 3600 * TEST_SECOND_NS, .max_age_ns = 7200 * TEST_SECOND_NS};
  mlcm__sampler *sampler = start(ctx, &source, 1);
  for (uint64_t n = 1; n <= 3; n++) {
    wait_for_count(sampler, 0, n);
    mlcm__sampler_wake(sampler);
  }
  wait_for_count(sampler, 0, 4);
  mlcm__sampler_free(sampler);
  test_httpd_stop(server);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(sources_are_copied) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  test_request request;
  char url[128];
  char query[] = "up";
  char header[] = "X-A: b";
  const char *headers[] = {header};
  test_httpd_on(server, "/api/v1/query", &(test_reply){.content_type = "application/json", .body = fresh_body});
  test_httpd_url(server, "", url);
  mlcm_source source = {.url = url, .query = query, .headers = headers, .n_headers = 1, .interval_ns = ms};
  mlcm__sampler *sampler = start(ctx, &source, 1);
  memset(url, 'x', 10);
  memset(query, 'y', 2);
  memset(header, 'z', 6);
  headers[0] = NULL;
  memset(&source, 0x7f, sizeof source);
  wait_for_count(sampler, 0, mlcm__sampler_count(sampler, 0) + 2);
  ck_assert(test_httpd_last(server, "/api/v1/query", &request));
  ck_assert_ptr_nonnull(strstr(request.query, "query=up&"));
  ck_assert_ptr_nonnull(strstr(request.headers, "X-A: b"));
  mlcm__sampler_free(sampler);
  test_httpd_stop(server);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(an_interval_as_long_as_the_age_is_refused) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__sampler *sampler = NULL;
  mlcm_error err;
  const mlcm_source source = {.url = "http://127.0.0.1:1", .interval_ns = 5000 * ms, .max_age_ns = 5000 * ms};
  ck_assert_int_eq(mlcm__sampler_new(ctx, &source, 1, &sampler, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, "source 0: asked every 5000 ms, but older than 5000 ms is stale: shorten the interval");
  const mlcm_source bad = {.url = "x"};
  ck_assert_int_eq(mlcm__sampler_new(ctx, &bad, 1, &sampler, &err), MLCM_INVALID_ARGUMENT);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(no_sources_and_no_sampler_are_fine) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__sampler *sampler = start(ctx, NULL, 0);
  mlcm__sampler_wake(sampler);
  mlcm__sampler_free(sampler);
  mlcm__sampler_free(NULL);
  mlcm_context_free(ctx);
}
END_TEST

static volatile sig_atomic_t handled_on_main;
static pthread_t main_thread;
static void on_signal(int number) {
  (void)number;
  if (pthread_equal(pthread_self(), main_thread)) handled_on_main = handled_on_main + 1;
}

START_TEST(signals_stay_with_the_host) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  struct sigaction action = {.sa_handler = on_signal};
  struct sigaction before;
  main_thread = pthread_self();
  handled_on_main = 0;
  ck_assert_int_eq(sigaction(SIGUSR1, &action, &before), 0);
  const mlcm_source sources[] = {{.url = "http://127.0.0.1:1"}, {.url = "http://127.0.0.1:1"}};
  mlcm__sampler *sampler = start(ctx, sources, 2);
  for (int i = 0; i < 20; i++) kill(getpid(), SIGUSR1); /* to the process: any thread that does not block it may get it */
  ck_assert_int_gt(handled_on_main, 0);
  mlcm__sampler_free(sampler);
  sigaction(SIGUSR1, &before, NULL);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_forked_child_may_free_it) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__sampler *sampler = start(ctx, &(mlcm_source){.url = "http://127.0.0.1:1"}, 1);
  int status = 0;
  const pid_t pid = fork();
  if (pid == 0) {
    mlcm__sampler_free(sampler);
    test_child_exit(0);
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
  mlcm__sampler_free(sampler);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status open_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__sampler *sampler = NULL;
  mlcm_status st = mlcm__sampler_new(ctx, user, 2, &sampler, err);
  mlcm__sampler_free(sampler);
  return st;
}

/* Fills text up to its end with a letter. */
static const char *lengthen(char *text, size_t cap) {
  const size_t len = strlen(text);
  memset(text + len, 'a', cap - 1 - len);
  return text;
}

/* Each text is twice as long as the one before, so that it asks for memory of its own. */
START_TEST(failing_memory_leaves_nothing_running) {
  char url[5000] = "http://127.0.0.1:1/", query[10000] = "", header[20000] = "X-A: ";
  const char *headers[] = {lengthen(header, sizeof header)};
  lengthen(url, sizeof url);
  lengthen(query, sizeof query);
  mlcm_source sources[2] = {{.url = "http://127.0.0.1:1"}, {.url = url, .query = query, .headers = headers, .n_headers = 1}};
  ck_assert_uint_gt(test_fault_memory(open_script, NULL, sources), 8);
}
END_TEST

START_TEST(waking_asks_a_source_that_waits_after_errors_too) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const mlcm_source source = {.url = "http://127.0.0.1:1", .query = "up", .interval_ns = 3600 * TEST_SECOND_NS,
                              .max_age_ns = 7200 * TEST_SECOND_NS};
  mlcm__sampler *sampler = start(ctx, &source, 1);
  for (uint64_t n = 1; n <= 4; n++) {
    wait_for_count(sampler, 0, n);
    mlcm__sampler_wake(sampler);
  }
  wait_for_count(sampler, 0, 5);
  mlcm__sampler_free(sampler);
  mlcm_context_free(ctx);
}
END_TEST

static int no_random(void *user, void *out, size_t size_bytes) {
  (void)user;
  memset(out, 0, size_bytes);
  return EIO;
}

START_TEST(without_random_bytes_a_failing_source_is_asked_again_all_the_same) {
  mlcm_context_options options;
  mlcm_context *ctx = NULL;
  mlcm_context_options_init(&options, sizeof options);
  options.random = (mlcm_random){.fill = no_random};
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_OK);
  mlcm__sampler *sampler = start(ctx, &(mlcm_source){.url = "http://127.0.0.1:1", .query = "up", .interval_ns = 5 * ms}, 1);
  wait_for_count(sampler, 0, 3);
  mlcm__sampler_free(sampler);
  mlcm_context_free(ctx);
}
END_TEST

/* From now on all memory fails, or none. */
static void memory_fails(test_memory *memory, bool fails) {
  pthread_mutex_lock(&memory->lock);
  memory->fail_at = fails ? memory->n_calls + 1 : 0;
  memory->fail_ever_after = fails;
  pthread_mutex_unlock(&memory->lock);
}

START_TEST(lack_of_memory_is_an_error_of_the_measurement_and_passes) {
  test_memory memory;
  test_httpd *server = test_httpd_start();
  char url[128];
  test_memory_init(&memory);
  const mlcm_allocator table = test_memory_table(&memory);
  mlcm_context *ctx = test_context(&table, NULL, NULL);
  test_httpd_on(server, "/ok", &(test_reply){.body = "ok"});
  test_httpd_url(server, "/ok", url);
  const mlcm_source source = {.url = url, .interval_ns = 3600 * TEST_SECOND_NS, .max_age_ns = 7200 * TEST_SECOND_NS};
  mlcm__sampler *sampler = start(ctx, &source, 1);
  for (uint64_t n = 1; n <= 3; n++) {
    wait_for_count(sampler, 0, n);
    const mlcm_measurement m = read_at(sampler, 0, mlcm_context_now(ctx));
    const bool failed = n == 2;
    ck_assert_int_eq(m.kind, failed ? MLCM_MEASURED_ERROR : MLCM_MEASURED_VALUE);
    ck_assert_msg((strstr(m.detail, "memory") != NULL) == failed, "%s", m.detail);
    memory_fails(&memory, n == 1);
    mlcm__sampler_wake(sampler);
  }
  mlcm__sampler_free(sampler);
  test_httpd_stop(server);
  mlcm_context_free(ctx);
  test_memory_check_empty(&memory, "after lack of memory");
}
END_TEST

int main(void) {
  const TTest *tests[] = {before_the_first_answer_there_is_no_data,
                          a_slow_source_delays_only_itself,
                          a_measurement_goes_stale_when_no_newer_one_comes,
                          a_jump_of_the_wall_clock_makes_nothing_stale,
                          an_outage_and_the_return_are_both_seen,
                          connections_are_kept_between_rounds,
                          waking_asks_before_the_source_is_due,
                          sources_are_copied,
                          an_interval_as_long_as_the_age_is_refused,
                          no_sources_and_no_sampler_are_fine,
                          signals_stay_with_the_host,
                          a_forked_child_may_free_it,
                          failing_memory_leaves_nothing_running,
                          waking_asks_a_source_that_waits_after_errors_too,
                          without_random_bytes_a_failing_source_is_asked_again_all_the_same,
                          lack_of_memory_is_an_error_of_the_measurement_and_passes};
  return TEST_RUN("metric_sampler", tests);
}
