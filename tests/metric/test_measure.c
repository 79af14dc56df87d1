/* SPDX-License-Identifier: Apache-2.0
 *
 * test_measure.c - mlcm_measure against a real server that answers well and badly.
 */
#include <pthread.h>
#include <string.h>

#include <mlcm/metric.h>

#include "support/fault.h"
#include "support/httpd.h"
#include "support/suite.h"

static const int64_t ms = 1000000;

/* The far future, so that no sample is old: the server's clock runs ahead. */
static const char fresh_body[] = "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[8999999999,\"0.5\"]}}";

static mlcm_measurement measure_one(mlcm_source source) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_measurement m;
  mlcm_error err;
  mlcm_status st = mlcm_measure(ctx, &source, 1, &m, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  mlcm_context_free(ctx);
  return m;
}

/* Asks a fresh server whose query address answers so. */
static mlcm_measurement measure_reply(const test_reply *reply, int64_t timeout_ns) {
  test_httpd *server = test_httpd_start();
  char url[128];
  test_httpd_on(server, "/api/v1/query", reply);
  test_httpd_url(server, "", url);
  const mlcm_measurement m = measure_one((mlcm_source){.url = url, .query = "up", .timeout_ns = timeout_ns});
  test_httpd_stop(server);
  return m;
}

START_TEST(a_query_reaches_the_server_as_it_was_written) {
  test_httpd *server = test_httpd_start();
  const char *const headers[] = {"Authorization: Bearer abc"};
  char url[128];
  test_request request;
  test_httpd_on(server, "/base/api/v1/query",
                &(test_reply){.content_type = "application/json; charset=utf-8", .body = fresh_body});
  test_httpd_url(server, "/base/", url);
  const mlcm_measurement m =
      measure_one((mlcm_source){.url = url, .query = "a{b=\"c\"} > 1", .headers = headers, .n_headers = 1});
  ck_assert_int_eq(m.kind, MLCM_MEASURED_VALUE);
  ck_assert_double_eq(m.value, 0.5);
  ck_assert_int_eq(m.http_status, 200);
  ck_assert_int_gt(m.took_ns, 0);
  ck_assert(test_httpd_last(server, "/base/api/v1/query", &request));
  ck_assert_str_eq(request.method, "GET");
  ck_assert_str_eq(request.query, "query=a%7Bb%3D%22c%22%7D%20%3E%201&timeout=10000ms");
  ck_assert_ptr_nonnull(strstr(request.headers, "Authorization: Bearer abc"));
  test_httpd_stop(server);
}
END_TEST

START_TEST(answers_that_are_none_are_errors) {
  const struct {
    test_reply reply;
    const char *detail;
  } cases[] = {
      {{.status = 503, .content_type = "application/json", .body = "{\"status\":\"error\",\"error\":\"busy\"}"},
       "HTTP 503: busy"},
      {{.status = 302, .headers = "Location: /api/v1/query2\r\n"}, "HTTP 302"},
      {{.content_type = "text/html", .body = "<html>log in</html>"}, "text/html instead of JSON"},
      {{.content_type = "application/json", .body = fresh_body, .cut_after = 20}, ""},
      {{.content_type = "application/json", .body = "0123456789abcdef", .repeat = 1 << 17}, "larger than"},
      {{.raw = "what?\r\n\r\n"}, ""},
      {{.reset = true}, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const mlcm_measurement m = measure_reply(&cases[i].reply, 0);
    ck_assert_msg(m.kind == MLCM_MEASURED_ERROR, "case %zu is %s", i, mlcm_measurement_kind_name(m.kind));
    ck_assert_msg(strstr(m.detail, cases[i].detail) != NULL, "case %zu: '%s' lacks '%s'", i, m.detail, cases[i].detail);
    ck_assert_msg(m.detail[0] != 0, "case %zu has no detail", i);
  }
}
END_TEST

START_TEST(a_time_out_is_an_error_of_prometheus_and_down_for_a_probe) {
  const test_reply slow = {.delay_ms = 60000, .body = "late"};
  ck_assert_int_eq(measure_reply(&slow, 50 * ms).kind, MLCM_MEASURED_ERROR);
  test_httpd *server = test_httpd_start();
  char url[128];
  test_httpd_on(server, "/healthz", &slow);
  test_httpd_url(server, "/healthz", url);
  const mlcm_measurement m = measure_one((mlcm_source){.url = url, .timeout_ns = 50 * ms});
  ck_assert_int_eq(m.kind, MLCM_MEASURED_VALUE);
  ck_assert_double_eq(m.value, 0);
  ck_assert_ptr_nonnull(strstr(m.detail, "down: "));
  test_httpd_stop(server);
}
END_TEST

START_TEST(a_refused_connection_is_an_error_of_prometheus_and_down_for_a_probe) {
  test_httpd *server = test_httpd_start();
  char url[128];
  test_httpd_url(server, "", url);
  test_httpd_refuse(server, true);
  const mlcm_measurement query = measure_one((mlcm_source){.url = url, .query = "up"});
  const mlcm_measurement probe = measure_one((mlcm_source){.url = url});
  ck_assert_int_eq(query.kind, MLCM_MEASURED_ERROR);
  ck_assert_int_eq(probe.kind, MLCM_MEASURED_VALUE);
  ck_assert_double_eq(probe.value, 0);
  ck_assert_str_eq(probe.detail, "down: connection refused");
  test_httpd_stop(server);
}
END_TEST

START_TEST(a_probe_reads_the_status_and_no_redirect) {
  const struct {
    int status;
    double value;
  } cases[] = {{200, 1}, {204, 1}, {301, 0}, {404, 0}, {500, 0}, {503, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_httpd *server = test_httpd_start();
    char url[128];
    test_httpd_on(server, "/healthz", &(test_reply){.status = cases[i].status, .headers = "Location: /other\r\n"});
    test_httpd_on(server, "/other", &(test_reply){.status = 200});
    test_httpd_url(server, "/healthz", url);
    const mlcm_measurement m = measure_one((mlcm_source){.url = url});
    ck_assert_int_eq(m.kind, MLCM_MEASURED_VALUE);
    ck_assert_int_eq(m.http_status, cases[i].status);
    ck_assert_double_eq(m.value, cases[i].value);
    ck_assert_uint_eq(test_httpd_hits(server, "/other"), 0);
    test_httpd_stop(server);
  }
}
END_TEST

/* Answers nobody before all of them have asked. */
enum { SIDE_BY_SIDE = 8 };
static test_reply answer_together(void *user, const test_request *request) {
  pthread_barrier_t *all_here = user;
  (void)request;
  pthread_barrier_wait(all_here);
  return (test_reply){.body = "ok"};
}

START_TEST(sources_are_asked_side_by_side) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_source sources[SIDE_BY_SIDE];
  mlcm_measurement m[SIDE_BY_SIDE];
  pthread_barrier_t all_here;
  char url[128];
  pthread_barrier_init(&all_here, NULL, SIDE_BY_SIDE);
  test_httpd_on_call(server, "/together", answer_together, &all_here);
  test_httpd_url(server, "/together", url);
  for (int i = 0; i < SIDE_BY_SIDE; i++) sources[i] = (mlcm_source){.url = url, .timeout_ns = 60000 * ms};
  ck_assert_int_eq(mlcm_measure(ctx, sources, SIDE_BY_SIDE, m, NULL), MLCM_OK);
  for (int i = 0; i < SIDE_BY_SIDE; i++) ck_assert_double_eq(m[i].value, 1);
  test_httpd_stop(server);
  pthread_barrier_destroy(&all_here);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(wrong_arguments_are_refused_and_leave_out_alone) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const mlcm_source sources[] = {{.url = "http://127.0.0.1:1"}, {.url = "gopher://x"}};
  mlcm_measurement m[2] = {{.kind = 77}, {.kind = 77}};
  mlcm_error err;
  ck_assert_int_eq(mlcm_measure(ctx, sources, 2, m, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "source 1"));
  ck_assert_int_eq(m[0].kind, 77);
  ck_assert_int_eq(mlcm_measure(NULL, sources, 1, m, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_measure(ctx, NULL, 1, m, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_measure(ctx, sources, 1, NULL, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_measure(ctx, sources, 257, m, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_measure(ctx, NULL, 0, NULL, &err), MLCM_OK);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status measure_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  const mlcm_source *sources = user;
  mlcm_measurement m[2];
  return mlcm_measure(ctx, sources, 2, m, err);
}

START_TEST(one_wrong_source_stops_all_of_them) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const mlcm_source sources[2] = {{.url = "ftp://h"}, {.url = "http://127.0.0.1:1"}};
  mlcm_measurement m[2];
  mlcm_error err;
  ck_assert_int_eq(mlcm_measure(ctx, sources, 2, m, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "source 0"));
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(failing_memory_is_no_measurement) {
  test_httpd *server = test_httpd_start();
  char base[128];
  char probe[128];
  test_httpd_on(server, "/api/v1/query", &(test_reply){.content_type = "application/json", .body = fresh_body});
  test_httpd_on(server, "/healthz", &(test_reply){.body = "ok"});
  test_httpd_url(server, "", base);
  test_httpd_url(server, "/healthz", probe);
  mlcm_source sources[2] = {{.url = base, .query = "up"}, {.url = probe}};
  ck_assert_uint_gt(test_fault_memory(measure_script, NULL, sources), 5);
  test_httpd_stop(server);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_query_reaches_the_server_as_it_was_written,
                          answers_that_are_none_are_errors,
                          a_time_out_is_an_error_of_prometheus_and_down_for_a_probe,
                          a_refused_connection_is_an_error_of_prometheus_and_down_for_a_probe,
                          a_probe_reads_the_status_and_no_redirect,
                          sources_are_asked_side_by_side,
                          wrong_arguments_are_refused_and_leave_out_alone,
                          one_wrong_source_stops_all_of_them,
                          failing_memory_is_no_measurement};
  return TEST_RUN("metric_measure", tests);
}
