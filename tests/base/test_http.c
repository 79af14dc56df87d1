/* SPDX-License-Identifier: Apache-2.0
 *
 * test_http.c - the HTTP client against a real server that behaves well and badly. Time limits are real here and a few hundred
 * milliseconds; no test waits for one that is not its subject.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/http.h"
#include "support/fault.h"
#include "support/httpd.h"
#include "support/malloc_fault.h"
#include "support/suite.h"
#include "support/tls_server.h"

enum { MS = 1000000 };

/* Server, client and one exchange. */
typedef struct bench {
  test_httpd *server;
  mlcm_context *ctx;
  mlcm__http *http;
  mlcm__http_answer answer;
} bench;

static bench set_up(void) {
  bench b = {.server = test_httpd_start(), .ctx = test_context(NULL, NULL, NULL)};
  ck_assert_int_eq(mlcm__http_new(b.ctx, &b.http, NULL), MLCM_OK);
  return b;
}

static void end(bench *b) {
  mlcm__http_free(b->http);
  mlcm_context_free(b->ctx);
  test_httpd_stop(b->server);
}

/* Runs one request to a path of the server; the caller resets b->answer. */
static void run(bench *b, const char *path, mlcm__http_request request) {
  char url[128];
  mlcm_error err;
  test_httpd_url(b->server, path, url);
  if (!request.url) request.url = url;
  const mlcm_status st = mlcm__http_run(b->http, &request, &b->answer, 1, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
}

static void assert_end(bench *b, const char *path, mlcm__http_request request, mlcm__http_end expected) {
  run(b, path, request);
  ck_assert_msg(b->answer.end == expected, "%s ended as %d, not %d: %s", path, b->answer.end, expected, b->answer.detail);
  if (expected == MLCM__HTTP_ANSWERED) {
    ck_assert_str_eq(b->answer.detail, "");
  } else {
    ck_assert_str_ne(b->answer.detail, "");
    ck_assert_uint_eq(b->answer.body.len, 0);
    ck_assert_int_eq(b->answer.status, 0);
  }
  mlcm__http_answer_reset(&b->answer);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

START_TEST(an_answer_has_status_type_and_body) {
  bench b = set_up();
  test_httpd_on(b.server, "/a",
                &(test_reply){.status = 418, .content_type = "Application/JSON; charset=utf-8", .body = "{\"x\":1}"});
  run(&b, "/a", (mlcm__http_request){0});
  ck_assert_int_eq(b.answer.end, MLCM__HTTP_ANSWERED);
  ck_assert_int_eq(b.answer.status, 418);
  ck_assert_str_eq(b.answer.content_type, "application/json");
  ck_assert_str_eq(b.answer.body.data, "{\"x\":1}");
  ck_assert_int_gt(b.answer.took_ns, 0);
  mlcm__http_answer_reset(&b.answer);
  end(&b);
}
END_TEST

START_TEST(an_empty_body_is_an_answer) {
  bench b = set_up();
  test_httpd_on(b.server, "/a", &(test_reply){.status = 204});
  assert_end(&b, "/a", (mlcm__http_request){0}, MLCM__HTTP_ANSWERED);
  end(&b);
}
END_TEST

START_TEST(requests_carry_method_headers_and_body) {
  bench b = set_up();
  test_request seen;
  static const char *const headers[] = {"Content-Type: application/json", "X-Test: yes"};
  test_httpd_on(b.server, "/a", &(test_reply){.body = "ok"});
  assert_end(&b, "/a?x=1%202", (mlcm__http_request){.headers = headers, .n_headers = 2, .body = "{}", .body_len = 2},
             MLCM__HTTP_ANSWERED);
  ck_assert(test_httpd_last(b.server, "/a", &seen));
  ck_assert_str_eq(seen.method, "POST");
  ck_assert_str_eq(seen.query, "x=1%202");
  ck_assert_str_eq(seen.body, "{}");
  ck_assert_ptr_nonnull(strstr(seen.headers, "Content-Type: application/json\r\n"));
  ck_assert_ptr_nonnull(strstr(seen.headers, "X-Test: yes\r\n"));
  ck_assert_ptr_nonnull(strstr(seen.headers, "User-Agent: libmlcm\r\n"));
  ck_assert_ptr_null(strstr(seen.headers, "Expect:"));
  assert_end(&b, "/a", (mlcm__http_request){.method = "DELETE"}, MLCM__HTTP_ANSWERED);
  ck_assert(test_httpd_last(b.server, "/a", &seen));
  ck_assert_str_eq(seen.method, "DELETE");
  assert_end(&b, "/a", (mlcm__http_request){.method = "HEAD"}, MLCM__HTTP_ANSWERED);
  ck_assert(test_httpd_last(b.server, "/a", &seen));
  ck_assert_str_eq(seen.method, "HEAD");
  assert_end(&b, "/a", (mlcm__http_request){0}, MLCM__HTTP_ANSWERED);
  ck_assert(test_httpd_last(b.server, "/a", &seen));
  ck_assert_str_eq(seen.method, "GET");
  end(&b);
}
END_TEST

START_TEST(connections_are_used_again) {
  bench b = set_up();
  test_httpd_on(b.server, "/a", &(test_reply){.body = "ok"});
  for (int i = 0; i < 5; i++) assert_end(&b, "/a", (mlcm__http_request){0}, MLCM__HTTP_ANSWERED);
  ck_assert_uint_eq(test_httpd_hits(b.server, "/a"), 5);
  ck_assert_uint_eq(test_httpd_connections(b.server), 1);
  end(&b);
}
END_TEST

START_TEST(refused_connections_are_told) {
  bench b = set_up();
  test_httpd_refuse(b.server, true);
  run(&b, "/a", (mlcm__http_request){0});
  ck_assert_int_eq(b.answer.end, MLCM__HTTP_REFUSED);
  ck_assert_str_eq(b.answer.detail, "connection refused");
  mlcm__http_answer_reset(&b.answer);
  test_httpd_refuse(b.server, false);
  test_httpd_on(b.server, "/a", &(test_reply){.body = "back"});
  assert_end(&b, "/a", (mlcm__http_request){0}, MLCM__HTTP_ANSWERED);
  end(&b);
}
END_TEST

/* The resolver of this program: "unknown.test" is nobody's name, "stuck.test" is not answered until the gate opens, as with a
 * name server that is gone. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int n_waiting;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
  if (node && strcmp(node, "unknown.test") == 0) return EAI_NONAME;
  if (node && strcmp(node, "stuck.test") == 0) {
    pthread_mutex_lock(&gate_lock);
    n_waiting++;
    while (!gate_open) pthread_cond_wait(&gate_moved, &gate_lock);
    n_waiting--;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate_lock);
    return EAI_AGAIN;
  }
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
  void *found = dlsym(RTLD_NEXT, "getaddrinfo");
  memcpy(&real, &found, sizeof real);
  return real(node, service, hints, out);
}

START_TEST(unknown_hosts_are_refused_too) {
  bench b = set_up();
  assert_end(&b, "", (mlcm__http_request){.url = "http://unknown.test/"}, MLCM__HTTP_REFUSED);
  end(&b);
}
END_TEST

START_TEST(a_stuck_name_server_does_not_stretch_the_limit) {
  bench b = set_up();
  const int64_t start = now_ns();
  assert_end(&b, "", (mlcm__http_request){.url = "http://stuck.test/", .timeout_ns = 100 * MS}, MLCM__HTTP_TIMED_OUT);
  ck_assert_int_lt(now_ns() - start, INT64_C(30000) * MS); /* else it would wait for the gate, for ever */
  end(&b);
  pthread_mutex_lock(&gate_lock);
  ck_assert_int_eq(n_waiting, 1);
  gate_open = true;
  pthread_cond_broadcast(&gate_moved);
  while (n_waiting) pthread_cond_wait(&gate_moved, &gate_lock);
  pthread_mutex_unlock(&gate_lock);
}
END_TEST

START_TEST(a_late_answer_is_a_timeout) {
  bench b = set_up();
  test_httpd_on(b.server, "/late", &(test_reply){.delay_ms = 60000, .body = "late"});
  const int64_t start = now_ns();
  run(&b, "/late", (mlcm__http_request){.timeout_ns = 100 * MS});
  ck_assert_int_eq(b.answer.end, MLCM__HTTP_TIMED_OUT);
  ck_assert_str_eq(b.answer.detail, "no complete answer within 100 ms");
  ck_assert_int_lt(now_ns() - start, INT64_C(30000) * MS);
  mlcm__http_answer_reset(&b.answer);
  end(&b);
}
END_TEST

START_TEST(a_slow_drip_is_a_timeout) {
  bench b = set_up();
  test_httpd_on(b.server, "/drip", &(test_reply){.drip_ms = 20, .body = "x", .repeat = 100000});
  assert_end(&b, "/drip", (mlcm__http_request){.timeout_ns = 200 * MS}, MLCM__HTTP_TIMED_OUT);
  end(&b);
}
END_TEST

START_TEST(large_bodies_are_stopped) {
  bench b = set_up();
  test_httpd_on(b.server, "/large", &(test_reply){.body = "0123456789", .repeat = 200000});
  test_httpd_on(b.server, "/endless", &(test_reply){.raw = "HTTP/1.1 200 OK\r\n\r\n0123456789012345678901234567890"});
  test_httpd_on(b.server, "/exact", &(test_reply){.body = "0123456789"});
  assert_end(&b, "/large", (mlcm__http_request){0}, MLCM__HTTP_TOO_LARGE); /* announced: 2 MB against 1 MiB */
  assert_end(&b, "/endless", (mlcm__http_request){.max_body_bytes = 10}, MLCM__HTTP_TOO_LARGE); /* not announced */
  assert_end(&b, "/exact", (mlcm__http_request){.max_body_bytes = 10}, MLCM__HTTP_ANSWERED);
  assert_end(&b, "/exact", (mlcm__http_request){.max_body_bytes = SIZE_MAX}, MLCM__HTTP_ANSWERED);
  assert_end(&b, "/exact", (mlcm__http_request){.max_body_bytes = 9}, MLCM__HTTP_TOO_LARGE);
  end(&b);
}
END_TEST

START_TEST(cut_garbled_and_missing_answers_are_broken) {
  bench b = set_up();
  test_httpd_on(b.server, "/cut", &(test_reply){.body = "0123456789", .cut_after = 4});
  test_httpd_on(b.server, "/garbage", &(test_reply){.raw = "\x16\x03\x01 this is not HTTP\r\n\r\n"});
  test_httpd_on(b.server, "/reset", &(test_reply){.reset = true});
  test_httpd_on(b.server, "/head", &(test_reply){.raw = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"});
  test_httpd_on(b.server, "/length", &(test_reply){.raw = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc"});
  test_httpd_on(b.server, "/chunk", &(test_reply){.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"});
  static const char *const paths[] = {"/cut", "/garbage", "/reset", "/head", "/length", "/chunk"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    assert_end(&b, paths[i], (mlcm__http_request){0}, MLCM__HTTP_BROKEN);
  end(&b);
}
END_TEST

START_TEST(redirects_are_followed_only_when_asked) {
  bench b = set_up();
  test_httpd_on(b.server, "/from", &(test_reply){.status = 302, .headers = "Location: /to\r\n", .body = "moved"});
  test_httpd_on(b.server, "/to", &(test_reply){.body = "here"});
  test_httpd_on(b.server, "/circle", &(test_reply){.status = 302, .headers = "Location: /circle\r\n"});
  test_httpd_on(b.server, "/file", &(test_reply){.status = 302, .headers = "Location: file:///etc/passwd\r\n"});
  run(&b, "/from", (mlcm__http_request){0});
  ck_assert_int_eq(b.answer.status, 302);
  ck_assert_str_eq(b.answer.body.data, "moved");
  ck_assert_uint_eq(test_httpd_hits(b.server, "/to"), 0);
  mlcm__http_answer_reset(&b.answer);
  run(&b, "/from", (mlcm__http_request){.max_redirects = 1});
  ck_assert_int_eq(b.answer.status, 200);
  ck_assert_str_eq(b.answer.body.data, "here");
  mlcm__http_answer_reset(&b.answer);
  assert_end(&b, "/circle", (mlcm__http_request){.max_redirects = 3}, MLCM__HTTP_BROKEN);
  ck_assert_uint_eq(test_httpd_hits(b.server, "/circle"), 4);
  assert_end(&b, "/file", (mlcm__http_request){.max_redirects = 3}, MLCM__HTTP_BROKEN);
  end(&b);
}
END_TEST

START_TEST(tls_with_a_plain_server_is_a_tls_failure) {
  bench b = set_up();
  char url[128];
  snprintf(url, sizeof url, "https://127.0.0.1:%d/", test_httpd_port(b.server));
  assert_end(&b, "", (mlcm__http_request){.url = url, .timeout_ns = INT64_C(2000) * MS}, MLCM__HTTP_TLS);
  end(&b);
}
END_TEST

START_TEST(a_certificate_that_nobody_vouches_for_is_refused) {
  test_tls_server *server = test_tls_server_start();
  bench b = set_up();
  char url[64];
  snprintf(url, sizeof url, "https://localhost:%d/", test_tls_server_port(server));
  assert_end(&b, "", (mlcm__http_request){.url = url, .timeout_ns = INT64_C(10000) * MS}, MLCM__HTTP_TLS);
  ck_assert_uint_eq(test_tls_server_handshakes(server), 0);
  end(&b);
  test_tls_server_stop(server);
}
END_TEST

START_TEST(wrong_requests_are_refused_before_any_is_sent) {
  bench b = set_up();
  static const char *const inject[] = {"X: a\r\nY: b"}, *const bare[] = {"no colon"};
  static const mlcm__http_request bad[] = {
      {.url = NULL},
      {.url = ""},
      {.url = "file:///etc/passwd"},
      {.url = "ftp://127.0.0.1/"},
      {.url = "127.0.0.1"},
      {.url = "http://"},
      {.url = "http://127.0.0.1:1/a b\n"},
      {.url = "http://127.0.0.1:1/", .method = "get"},
      {.url = "http://127.0.0.1:1/", .method = "GET / HTTP/1.1\r\nX:"},
      {.url = "http://127.0.0.1:1/", .headers = inject, .n_headers = 1},
      {.url = "http://127.0.0.1:1/", .headers = bare, .n_headers = 1},
      {.url = "http://127.0.0.1:1/", .timeout_ns = -1},
      {.url = "http://127.0.0.1:1/", .max_redirects = -1},
  };
  char good_url[128];
  test_httpd_url(b.server, "/good", good_url);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const mlcm__http_request pair[2] = {{.url = good_url}, bad[i]};
    mlcm__http_answer answers[2];
    mlcm_error err;
    const mlcm_status st = mlcm__http_run(b.http, pair, answers, 2, &err);
    ck_assert_msg(st == MLCM_INVALID_ARGUMENT, "row %zu gives %d", i, st);
  }
  ck_assert_uint_eq(test_httpd_hits(b.server, NULL), 0);
  end(&b);
}
END_TEST

START_TEST(exchanges_run_side_by_side) {
  enum { N = 20 };
  bench b = set_up();
  mlcm__http_request requests[N] = {0};
  mlcm__http_answer answers[N];
  char slow[128], quick[128];
  test_httpd_on(b.server, "/slow", &(test_reply){.delay_ms = 150, .body = "s"});
  test_httpd_on(b.server, "/quick", &(test_reply){.body = "q"});
  test_httpd_url(b.server, "/slow", slow);
  test_httpd_url(b.server, "/quick", quick);
  for (size_t i = 0; i < N; i++) requests[i].url = i % 2 ? slow : quick;
  requests[1].timeout_ns = 20 * MS; /* each has its own limit */
  const int64_t start = now_ns();
  ck_assert_int_eq(mlcm__http_run(b.http, requests, answers, N, NULL), MLCM_OK);
  ck_assert_int_lt(now_ns() - start, INT64_C(10) * 150 * MS * 9 / 10); /* one behind the other would take ten times 150 ms */
  for (size_t i = 0; i < N; i++) {
    ck_assert_int_eq(answers[i].end, i == 1 ? MLCM__HTTP_TIMED_OUT : MLCM__HTTP_ANSWERED);
    if (i != 1) ck_assert_str_eq(answers[i].body.data, i % 2 ? "s" : "q");
    mlcm__http_answer_reset(&answers[i]);
  }
  end(&b);
}
END_TEST

START_TEST(no_requests_are_done_at_once) {
  bench b = set_up();
  ck_assert_int_eq(mlcm__http_run(b.http, NULL, NULL, 0, NULL), MLCM_OK);
  end(&b);
}
END_TEST

/* Cancels as soon as the server has the request. */
static test_reply cancel_on_arrival(void *user, const test_request *request) {
  (void)request;
  mlcm__http_cancel(user);
  return (test_reply){.delay_ms = 60000};
}

START_TEST(cancelling_ends_a_run_from_another_thread) {
  bench b = set_up();
  test_httpd_on_call(b.server, "/wait", cancel_on_arrival, b.http);
  const int64_t start = now_ns();
  assert_end(&b, "/wait", (mlcm__http_request){.timeout_ns = INT64_C(60000) * MS}, MLCM__HTTP_CANCELLED);
  ck_assert_int_lt(now_ns() - start, INT64_C(30000) * MS);
  test_httpd_on(b.server, "/a", &(test_reply){.body = "ok"});
  assert_end(&b, "/a", (mlcm__http_request){0}, MLCM__HTTP_ANSWERED); /* it holds for one run */
  end(&b);
}
END_TEST

START_TEST(cancelling_before_a_run_is_not_lost) {
  bench b = set_up();
  test_httpd_on(b.server, "/late", &(test_reply){.delay_ms = 60000});
  mlcm__http_cancel(b.http);
  assert_end(&b, "/late", (mlcm__http_request){.timeout_ns = INT64_C(60000) * MS}, MLCM__HTTP_CANCELLED);
  end(&b);
}
END_TEST

START_TEST(the_environments_proxy_is_not_used) {
  bench b = set_up();
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  test_httpd_on(b.server, "/a", &(test_reply){.body = "direct"});
  run(&b, "/a", (mlcm__http_request){0});
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
  ck_assert_int_eq(b.answer.end, MLCM__HTTP_ANSWERED);
  mlcm__http_answer_reset(&b.answer);
  end(&b);
}
END_TEST

START_TEST(the_signal_mask_is_as_before) {
  bench b = set_up();
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  test_httpd_on(b.server, "/reset", &(test_reply){.reset = true});
  assert_end(&b, "/reset", (mlcm__http_request){.body = "x", .body_len = 1}, MLCM__HTTP_BROKEN);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  ck_assert_int_eq(sigismember(&before, SIGPIPE), sigismember(&after, SIGPIPE));
  end(&b);
}
END_TEST

static void *run_alone(void *user) {
  bench b = {.server = user, .ctx = test_context(NULL, NULL, NULL)};
  ck_assert_int_eq(mlcm__http_new(b.ctx, &b.http, NULL), MLCM_OK);
  for (int i = 0; i < 10; i++) assert_end(&b, "/a", (mlcm__http_request){0}, MLCM__HTTP_ANSWERED);
  mlcm__http_free(b.http);
  mlcm_context_free(b.ctx);
  return NULL;
}

START_TEST(clients_of_several_threads_do_not_meet) {
  test_httpd *server = test_httpd_start();
  test_httpd_on(server, "/a", &(test_reply){.body = "ok"});
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, run_alone, server), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_eq(test_httpd_hits(server, "/a"), 40);
  test_httpd_stop(server);
}
END_TEST

static mlcm_status fetch(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__http *http = NULL;
  mlcm__http_answer answer;
  const mlcm__http_request request = {.url = user, .timeout_ns = INT64_C(20000) * MS};
  mlcm_status st = mlcm__http_new(ctx, &http, err);
  if (!st) st = mlcm__http_run(http, &request, &answer, 1, err);
  if (!st) {
    ck_assert_int_eq(answer.end, MLCM__HTTP_ANSWERED);
    mlcm__http_answer_reset(&answer);
  }
  mlcm__http_free(http);
  return st;
}

START_TEST(lack_of_memory_is_an_error_each_time) {
  test_httpd *server = test_httpd_start();
  char url[128];
  test_httpd_on(server, "/a", &(test_reply){.body = "0123456789", .repeat = 100});
  test_httpd_url(server, "/a", url);
  ck_assert_uint_ge(test_fault_memory(fetch, NULL, url), 3);
  test_httpd_stop(server);
}
END_TEST

/* curl and what stands below it. Lack of memory is either told, or ends the exchange as one that broke. */
static mlcm_status fetch_or_break(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__http *http = NULL;
  mlcm__http_answer answer;
  const mlcm__http_request request = {.url = user, .timeout_ns = INT64_C(20000) * MS};
  mlcm_status st = mlcm__http_new(ctx, &http, err);
  if (!st) st = mlcm__http_run(http, &request, &answer, 1, err);
  if (!st) mlcm__http_answer_reset(&answer);
  mlcm__http_free(http);
  return st;
}

START_TEST(lack_of_curls_memory_is_survived) {
  test_httpd *server = test_httpd_start();
  char url[128];
  test_httpd_on(server, "/a", &(test_reply){.body = "0123456789", .repeat = 100});
  test_httpd_url(server, "/a", url);
  if (test_malloc_can_fail()) ck_assert_uint_gt(test_fault_malloc(fetch_or_break, NULL, url, 1), 50);
  test_httpd_stop(server);
}
END_TEST

START_TEST(what_a_server_says_of_its_content_is_cut_or_left_out) {
  char type[400];
  bench b = set_up();
  memset(type, 'T', sizeof type);
  type[sizeof type - 1] = 0;
  test_httpd_on(b.server, "/long", &(test_reply){.content_type = type, .body = "x"});
  run(&b, "/long", (mlcm__http_request){0});
  ck_assert_uint_eq(strlen(b.answer.content_type), sizeof b.answer.content_type - 1);
  mlcm__http_answer_reset(&b.answer);
  test_httpd_on(b.server, "/none", &(test_reply){.raw = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"});
  run(&b, "/none", (mlcm__http_request){0});
  ck_assert_str_eq(b.answer.content_type, "");
  mlcm__http_answer_reset(&b.answer);
  end(&b);
}
END_TEST

START_TEST(one_wrong_request_stops_all_of_them) {
  bench b = set_up();
  mlcm_error err;
  mlcm__http_answer answers[2];
  const mlcm__http_request requests[2] = {{.url = "ftp://127.0.0.1/"}, {.url = "http://127.0.0.1:1/"}};
  ck_assert_int_eq(mlcm__http_run(b.http, requests, answers, 2, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "ftp://"));
  end(&b);
}
END_TEST

START_TEST(cancelling_leaves_what_has_ended) {
  bench b = set_up();
  char wait[128], refused[] = "http://127.0.0.1:1/";
  mlcm__http_answer answers[2];
  test_httpd_on_call(b.server, "/wait", cancel_on_arrival, b.http);
  test_httpd_url(b.server, "/wait", wait);
  const mlcm__http_request requests[2] = {{.url = refused}, {.url = wait, .timeout_ns = INT64_C(60000) * MS}};
  ck_assert_int_eq(mlcm__http_run(b.http, requests, answers, 2, NULL), MLCM_OK);
  ck_assert_int_eq(answers[0].end, MLCM__HTTP_REFUSED);
  ck_assert_int_eq(answers[1].end, MLCM__HTTP_CANCELLED);
  mlcm__http_answer_reset(&answers[0]);
  mlcm__http_answer_reset(&answers[1]);
  end(&b);
}
END_TEST

START_TEST(a_signal_that_waited_before_waits_on) {
  bench b = set_up();
  sigset_t pipe_only, before, pending;
  const struct timespec at_once = {0, 0};
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  raise(SIGPIPE);
  test_httpd_on(b.server, "/a", &(test_reply){.body = "ok"});
  assert_end(&b, "/a", (mlcm__http_request){0}, MLCM__HTTP_ANSWERED);
  sigpending(&pending);
  ck_assert(sigismember(&pending, SIGPIPE));
  sigtimedwait(&pipe_only, NULL, &at_once);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  end(&b);
}
END_TEST

int main(void) {
  const TTest *tests[] = {an_answer_has_status_type_and_body,
                          an_empty_body_is_an_answer,
                          requests_carry_method_headers_and_body,
                          connections_are_used_again,
                          refused_connections_are_told,
                          unknown_hosts_are_refused_too,
                          a_stuck_name_server_does_not_stretch_the_limit,
                          a_late_answer_is_a_timeout,
                          a_slow_drip_is_a_timeout,
                          large_bodies_are_stopped,
                          cut_garbled_and_missing_answers_are_broken,
                          redirects_are_followed_only_when_asked,
                          tls_with_a_plain_server_is_a_tls_failure,
                          a_certificate_that_nobody_vouches_for_is_refused,
                          wrong_requests_are_refused_before_any_is_sent,
                          exchanges_run_side_by_side,
                          no_requests_are_done_at_once,
                          cancelling_ends_a_run_from_another_thread,
                          cancelling_before_a_run_is_not_lost,
                          the_environments_proxy_is_not_used,
                          the_signal_mask_is_as_before,
                          clients_of_several_threads_do_not_meet,
                          lack_of_memory_is_an_error_each_time,
                          lack_of_curls_memory_is_survived,
                          what_a_server_says_of_its_content_is_cut_or_left_out,
                          one_wrong_request_stops_all_of_them,
                          cancelling_leaves_what_has_ended,
                          a_signal_that_waited_before_waits_on};
  return TEST_RUN("base_http", tests);
}
