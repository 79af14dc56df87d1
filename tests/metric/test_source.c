/* SPDX-License-Identifier: Apache-2.0
 *
 * test_source.c - what each answer means: the table of mlcm/metric.h, row by row, without a network.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "metric/measurement.h"
#include "metric/source.h"
#include "support/fault.h"
#include "support/suite.h"

static const int64_t now = INT64_C(1772366400000000000); /* 2026-03-01T12:00:00Z */
static const int64_t second = 1000000000;

#define SAMPLE(value) "[1772366399.5,\"" value "\"]"
#define VECTOR(series) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" series "]}}"
#define SERIES(value) "{\"metric\":{\"job\":\"a\"},\"value\":" SAMPLE(value) "}"
#define DATA(type, result) "{\"status\":\"success\",\"data\":{\"resultType\":\"" type "\",\"result\":" result "}}"

/* The answer's meaning, with HTTP 200 and JSON unless stated. */
static mlcm_measurement judge_as(const char *body, int32_t status, const char *type) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_measurement m;
  mlcm_error err;
  memset(&m, 0x55, sizeof m);
  ck_assert_int_eq(mlcm__prometheus_read(ctx, status, type, body, strlen(body), now, 60 * second, &m, &err), MLCM_OK);
  mlcm_context_free(ctx);
  return m;
}

static mlcm_measurement judge(const char *body) { return judge_as(body, 200, "application/json"); }

typedef struct judged {
  const char *body;
  mlcm_measurement_kind kind;
  double value;
  const char *detail; /* words that must be in it */
} judged;

static void check_all(const judged *cases, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const mlcm_measurement m = judge(cases[i].body);
    ck_assert_msg(m.kind == cases[i].kind, "%s: is %s (%s)", cases[i].body, mlcm_measurement_kind_name(m.kind), m.detail);
    ck_assert_msg(m.value == cases[i].value, "%s: value %g", cases[i].body, m.value);
    ck_assert_msg(strstr(m.detail, cases[i].detail) != NULL, "%s: '%s' lacks '%s'", cases[i].body, m.detail, cases[i].detail);
    ck_assert_int_eq(m.http_status, 200);
  }
}

#define CHECK_ALL(cases) check_all(cases, sizeof cases / sizeof *cases)

START_TEST(one_finite_sample_is_a_value) {
  const judged cases[] = {
      {VECTOR(SERIES("0.97")), MLCM_MEASURED_VALUE, 0.97, ""},
      {VECTOR(SERIES("-1.5e-3")), MLCM_MEASURED_VALUE, -1.5e-3, ""},
      {VECTOR(SERIES("0")), MLCM_MEASURED_VALUE, 0, ""},
      {VECTOR(SERIES("1e+308")), MLCM_MEASURED_VALUE, 1e308, ""},
      {DATA("scalar", SAMPLE("42")), MLCM_MEASURED_VALUE, 42, ""},
      {"{\"status\":\"success\",\"infos\":[\"PromQL info\"],\"data\":{\"resultType\":\"scalar\",\"result\":" SAMPLE("1") "}}",
       MLCM_MEASURED_VALUE, 1, ""},
      {"{\"status\":\"success\",\"isPartial\":false,\"warnings\":[],\"data\":{\"resultType\":\"scalar\",\"result\":" SAMPLE(
           "1") "}}",
       MLCM_MEASURED_VALUE, 1, ""},
  };
  CHECK_ALL(cases);
}
END_TEST

START_TEST(a_value_is_from_the_samples_time) {
  const mlcm_measurement m = judge(VECTOR(SERIES("1")));
  ck_assert_int_eq(m.at_ns, now - second / 2);
  ck_assert_str_eq(m.detail, "");
}
END_TEST

START_TEST(nothing_and_nan_are_no_data) {
  const judged cases[] = {
      {VECTOR(""), MLCM_MEASURED_NO_DATA, 0, "no series matches"},
      {VECTOR(SERIES("NaN")), MLCM_MEASURED_NO_DATA, 0, "NaN"},
      {DATA("scalar", SAMPLE("NaN")), MLCM_MEASURED_NO_DATA, 0, "NaN"},
      {"{\"status\":\"success\",\"warnings\":[\"w\"],\"data\":{\"resultType\":\"vector\",\"result\":[]}}", MLCM_MEASURED_NO_DATA,
       0, ""},
  };
  CHECK_ALL(cases);
}
END_TEST

START_TEST(what_is_no_single_finite_number_is_an_error) {
  const judged cases[] = {
      {VECTOR(SERIES("+Inf")), MLCM_MEASURED_ERROR, 0, "positive infinite"},
      {VECTOR(SERIES("-Inf")), MLCM_MEASURED_ERROR, 0, "negative infinite"},
      {VECTOR(SERIES("1") "," SERIES("1")), MLCM_MEASURED_ERROR, 0, "2 series where one is expected"},
      {VECTOR(SERIES("NaN") "," SERIES("1")), MLCM_MEASURED_ERROR, 0, "2 series"},
      {DATA("matrix", "[{\"metric\":{},\"values\":[" SAMPLE("1") "]}]"), MLCM_MEASURED_ERROR, 0, "range of samples"},
      {DATA("string", SAMPLE("1")), MLCM_MEASURED_ERROR, 0, "string"},
      {DATA("streams", "[]"), MLCM_MEASURED_ERROR, 0, "'streams'"},
      {VECTOR("{\"metric\":{},\"histogram\":[1772366399,{\"count\":\"1\"}]}"), MLCM_MEASURED_ERROR, 0, "native histogram"},
  };
  CHECK_ALL(cases);
}
END_TEST

START_TEST(a_malformed_answer_is_an_error) {
  const judged cases[] = {
      {"", MLCM_MEASURED_ERROR, 0, "not JSON"},
      {"<html>", MLCM_MEASURED_ERROR, 0, "not JSON"},
      {"{\"status\":\"success\"", MLCM_MEASURED_ERROR, 0, "not JSON"},
      {"null", MLCM_MEASURED_ERROR, 0, "status is not success"},
      {"[]", MLCM_MEASURED_ERROR, 0, "status is not success"},
      {"{}", MLCM_MEASURED_ERROR, 0, "status is not success"},
      {"{\"status\":\"success\"}", MLCM_MEASURED_ERROR, 0, "without a result type"},
      {"{\"status\":\"success\",\"data\":[]}", MLCM_MEASURED_ERROR, 0, "without a result type"},
      {DATA("vector", "{}"), MLCM_MEASURED_ERROR, 0, "not a list"},
      {DATA("vector", "null"), MLCM_MEASURED_ERROR, 0, "not a list"},
      {DATA("vector", "[1]"), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("vector", "[[1,2]]"), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("vector", "[{\"value\":[1772366399]}]"), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", "[1772366399,1]"), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", "[\"1772366399\",\"1\"]"), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", "[-5,\"1\"]"), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", "[1e300,\"1\"]"), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", SAMPLE("")), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", SAMPLE("1,5")), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", SAMPLE("1 ")), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", SAMPLE("0x10")), MLCM_MEASURED_ERROR, 0, "not a pair"},
      {DATA("scalar", SAMPLE("1e999")), MLCM_MEASURED_ERROR, 0, ""},
      {DATA("scalar", "[1772366399,\"1\"],\"result\":[1772366399,\"2\"]"), MLCM_MEASURED_ERROR, 0, "not JSON"},
  };
  CHECK_ALL(cases);
}
END_TEST

START_TEST(status_error_is_an_error_also_with_data) {
  const judged cases[] = {
      {"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}", MLCM_MEASURED_ERROR, 0,
       "bad_data: parse error"},
      {"{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"late\",\"data\":{\"resultType\":\"scalar\","
       "\"result\":" SAMPLE("1") "}}",
       MLCM_MEASURED_ERROR, 0, "timeout: late"},
      {"{\"status\":\"Success\",\"data\":{\"resultType\":\"scalar\",\"result\":" SAMPLE("1") "}}", MLCM_MEASURED_ERROR, 0,
       "not success"},
  };
  CHECK_ALL(cases);
}
END_TEST

START_TEST(warnings_and_partial_answers_are_partial_and_keep_the_value) {
  const judged cases[] = {
      {"{\"status\":\"success\",\"warnings\":[\"store 2 is down\",\"x\"],\"data\":{\"resultType\":\"scalar\",\"result\":" SAMPLE(
           "7") "}}",
       MLCM_MEASURED_PARTIAL, 7, "store 2 is down"},
      {"{\"status\":\"success\",\"isPartial\":true,\"data\":{\"resultType\":\"vector\",\"result\":[" SERIES("7") "]}}",
       MLCM_MEASURED_PARTIAL, 7, "partial"},
      {"{\"status\":\"success\",\"warnings\":[5],\"data\":{\"resultType\":\"scalar\",\"result\":" SAMPLE("7") "}}",
       MLCM_MEASURED_PARTIAL, 7, "partial"},
      {"{\"status\":\"success\",\"warnings\":[\"w\"],\"data\":{\"resultType\":\"scalar\",\"result\":" SAMPLE("+Inf") "}}",
       MLCM_MEASURED_ERROR, 0, "infinite"},
  };
  CHECK_ALL(cases);
}
END_TEST

START_TEST(an_old_sample_is_stale) {
  const judged cases[] = {
      {DATA("scalar", "[1772366340,\"1\"]"), MLCM_MEASURED_VALUE, 1, ""},
      {DATA("scalar", "[1772366339.9,\"1\"]"), MLCM_MEASURED_STALE, 0, "old, the limit is 1 min"},
      {DATA("scalar", "[0,\"1\"]"), MLCM_MEASURED_STALE, 0, "old"},
      {DATA("scalar", "[1772366500,\"1\"]"), MLCM_MEASURED_VALUE, 1, ""}, /* the server's clock runs ahead */
      {"{\"status\":\"success\",\"warnings\":[\"w\"],\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"1\"]}}",
       MLCM_MEASURED_STALE, 0, "old"},
  };
  CHECK_ALL(cases);
}
END_TEST

START_TEST(any_http_status_but_2xx_is_an_error_with_the_servers_reason) {
  const int32_t bad[] = {100, 199, 300, 302, 400, 401, 403, 404, 422, 429, 500, 502, 503, 504};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const mlcm_measurement m = judge_as(VECTOR(SERIES("1")), bad[i], "application/json");
    ck_assert_int_eq(m.kind, MLCM_MEASURED_ERROR);
    ck_assert_int_eq(m.http_status, bad[i]);
    ck_assert_double_eq(m.value, 0);
  }
  mlcm_measurement m =
      judge_as("{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"too many samples\"}", 422, "application/json");
  ck_assert_str_eq(m.detail, "HTTP 422: too many samples");
  m = judge_as("<html>Bad gateway</html>", 502, "text/html");
  ck_assert_str_eq(m.detail, "HTTP 502");
  ck_assert_int_eq(judge_as(VECTOR(SERIES("1")), 206, "application/json").kind, MLCM_MEASURED_VALUE);
}
END_TEST

START_TEST(html_is_an_error_whatever_is_in_it) {
  const mlcm_measurement m = judge_as(VECTOR(SERIES("1")), 200, "text/html");
  ck_assert_int_eq(m.kind, MLCM_MEASURED_ERROR);
  ck_assert_str_eq(m.detail, "text/html instead of JSON: a login page or proxy?");
  ck_assert_int_eq(judge_as(VECTOR(SERIES("1")), 200, "").kind, MLCM_MEASURED_VALUE);
}
END_TEST

START_TEST(numbers_do_not_depend_on_the_locale) {
  const char *const places[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "C"};
  for (size_t i = 0; i < 4; i++) {
    if (!setlocale(LC_ALL, places[i])) continue;
    const mlcm_measurement m = judge(VECTOR(SERIES("0.97")));
    ck_assert_double_eq(m.value, 0.97);
    ck_assert_int_eq(m.at_ns, now - second / 2);
  }
  setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(a_long_detail_is_cut_at_a_character_and_stays_plain) {
  char body[1024] = "{\"status\":\"error\",\"errorType\":\"x\",\"error\":\"";
  for (int i = 0; i < 100; i++) strcat(body, "\xc3\xa9");
  strcat(body, "\"}");
  mlcm_measurement m = judge(body);
  ck_assert_uint_eq(strlen(m.detail), 3 + 2 * 62);
  m = judge("{\"status\":\"error\",\"errorType\":\"x\",\"error\":\"a\\nb\\u001bc\"}");
  ck_assert_str_eq(m.detail, "x: a?b?c");
  m = judge("{\"status\":\"error\",\"errorType\":\"x\",\"error\":\"\\n\\u007f\"}");
  ck_assert_str_eq(m.detail, "x: ??");
}
END_TEST

static mlcm_status read_for_fault(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm_measurement m;
  const char *body = user;
  return mlcm__prometheus_read(ctx, 200, "application/json", body, strlen(body), now, second, &m, err);
}

START_TEST(lack_of_memory_is_no_measurement) {
  char body[] = VECTOR(SERIES("1"));
  test_fault_memory(read_for_fault, NULL, body);
  test_memory memory;
  test_memory_init(&memory);
  const mlcm_allocator allocator = test_memory_table(&memory);
  mlcm_context *ctx = test_context(&allocator, NULL, NULL);
  memory.fail_at = memory.n_calls + 1;
  ck_assert_int_eq(read_for_fault(ctx, body, NULL), MLCM_NO_MEMORY);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Probes -------------------------------------------------------------------------------------------------------- */

static mlcm_measurement probe(mlcm__http_end end, int status, int32_t expected) {
  const mlcm__http_answer answer = {.end = end, .status = status, .took_ns = 5, .detail = "connection refused"};
  mlcm_measurement m;
  memset(&m, 0x55, sizeof m);
  mlcm__probe_read(&answer, expected, now, &m);
  ck_assert_int_eq(m.at_ns, now);
  ck_assert_int_eq(m.took_ns, 5);
  return m;
}

START_TEST(a_probe_is_up_on_its_status) {
  const struct {
    int status;
    int32_t expected;
    double value;
    const char *detail;
  } cases[] = {{200, 0, 1, ""},
               {204, 0, 1, ""},
               {299, 0, 1, ""},
               {199, 0, 0, "down: HTTP 199, expected 2xx"},
               {301, 0, 0, "down: HTTP 301, expected 2xx"},
               {404, 0, 0, "down: HTTP 404, expected 2xx"},
               {503, 0, 0, "down: HTTP 503, expected 2xx"},
               {404, 404, 1, ""},
               {200, 204, 0, "down: HTTP 200, expected 204"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const mlcm_measurement m = probe(MLCM__HTTP_ANSWERED, cases[i].status, cases[i].expected);
    ck_assert_int_eq(m.kind, MLCM_MEASURED_VALUE);
    ck_assert_int_eq(m.http_status, cases[i].status);
    ck_assert_double_eq(m.value, cases[i].value);
    ck_assert_str_eq(m.detail, cases[i].detail);
  }
}
END_TEST

START_TEST(a_probe_without_an_answer_is_down) {
  const mlcm__http_end ends[] = {MLCM__HTTP_REFUSED, MLCM__HTTP_TIMED_OUT, MLCM__HTTP_TLS, MLCM__HTTP_BROKEN};
  for (size_t i = 0; i < 4; i++) {
    const mlcm_measurement m = probe(ends[i], 0, 0);
    ck_assert_int_eq(m.kind, MLCM_MEASURED_VALUE);
    ck_assert_double_eq(m.value, 0);
    ck_assert_int_eq(m.http_status, 0);
    ck_assert_str_eq(m.detail, "down: connection refused");
  }
}
END_TEST

START_TEST(a_probe_that_was_cancelled_or_flooded_has_learned_nothing) {
  ck_assert_int_eq(probe(MLCM__HTTP_CANCELLED, 0, 0).kind, MLCM_MEASURED_ERROR);
  ck_assert_int_eq(probe(MLCM__HTTP_TOO_LARGE, 0, 0).kind, MLCM_MEASURED_ERROR);
}
END_TEST

START_TEST(prometheus_without_an_answer_is_an_error) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const mlcm_source source = {.url = "http://x", .query = "up"};
  for (int end = MLCM__HTTP_REFUSED; end <= MLCM__HTTP_CANCELLED; end++) {
    const mlcm__http_answer answer = {.end = (mlcm__http_end)end, .took_ns = 9, .detail = "why"};
    mlcm_measurement m;
    ck_assert_int_eq(mlcm__source_read(ctx, &source, &answer, now, &m, NULL), MLCM_OK);
    ck_assert_int_eq(m.kind, MLCM_MEASURED_ERROR);
    ck_assert_int_eq(m.took_ns, 9);
    ck_assert_str_eq(m.detail, "why");
  }
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Addresses and checks ------------------------------------------------------------------------------------------ */

START_TEST(addresses_are_built_and_encoded) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const struct {
    mlcm_source source;
    const char *url;
  } cases[] = {
      {{.url = "http://h:1/up?x=1"}, "http://h:1/up?x=1"},
      {{.url = "http://h:9090", .query = "up"}, "http://h:9090/api/v1/query?query=up&timeout=10000ms"},
      {{.url = "http://h/prometheus//", .query = "up", .timeout_ns = 1500000000},
       "http://h/prometheus/api/v1/query?query=up&timeout=1500ms"},
      {{.url = "http://h/?dedup=false&partial_response=false", .query = "up"},
       "http://h/api/v1/query?dedup=false&partial_response=false&query=up&timeout=10000ms"},
      {{.url = "http://h?", .query = "up"}, "http://h/api/v1/query?query=up&timeout=10000ms"},
      {{.url = "https://h", .query = "a{b=\"c d\"}+1&\xc3\xa9%", .max_age_ns = 30000000000},
       "https://h/api/v1/query?query=a%7Bb%3D%22c%20d%22%7D%2B1%26%C3%A9%25&timeout=10000ms&lookback_delta=30000ms"},
      {{.url = "http://h", .query = "up", .timeout_ns = 1, .max_age_ns = 1},
       "http://h/api/v1/query?query=up&timeout=1ms&lookback_delta=1ms"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *url = NULL;
    ck_assert_int_eq(mlcm__source_url(ctx, &cases[i].source, &url, NULL), MLCM_OK);
    ck_assert_str_eq(url, cases[i].url);
    mlcm_free(ctx, url);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(malformed_sources_are_refused_by_number) {
  const char *const good_header[] = {"A: b"};
  const char *const bad_header[] = {"A b"};
  const char *const split_header[] = {"A: b\r\nC: d"};
  const char *const no_header[] = {NULL};
  const mlcm_source bad[] = {
      {.url = NULL},
      {.url = ""},
      {.url = "ftp://h"},
      {.url = "file:///etc/passwd"},
      {.url = "http://"},
      {.url = "http://h:99999"},
      {.url = "http://h/a b"},
      {.url = "http://h/\n"},
      {.url = "http://h/\xc2\x85"},
      {.url = "http://h/\xff"},
      {.url = "http://h#x"},
      {.url = "http://h", .query = ""},
      {.url = "http://h", .timeout_ns = -1},
      {.url = "http://h", .max_age_ns = -1},
      {.url = "http://h", .interval_ns = -1},
      {.url = "http://h", .expect_status = 99},
      {.url = "http://h", .expect_status = 600},
      {.url = "http://h", .reserved32 = 1},
      {.url = "http://h", .reserved = {0, 0, 0, 1}},
      {.url = "http://h", .n_headers = 1},
      {.url = "http://h", .headers = bad_header, .n_headers = 1},
      {.url = "http://h", .headers = no_header, .n_headers = 1},
      {.url = "http://h", .headers = split_header, .n_headers = 1},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    mlcm_error err;
    ck_assert_msg(mlcm__source_check(&bad[i], i, &err) == MLCM_INVALID_ARGUMENT, "case %zu", i);
    ck_assert_ptr_nonnull(strstr(err.message, "source "));
  }
  const mlcm_source good = {
      .url = "https://h/x?y=z", .query = "up", .headers = good_header, .n_headers = 1, .expect_status = 204};
  ck_assert_int_eq(mlcm__source_check(&good, 0, NULL), MLCM_OK);
}
END_TEST

START_TEST(zero_means_the_default) {
  const mlcm_source plain = {.url = "http://h"};
  const mlcm_source brief = {.url = "http://h", .max_age_ns = 4000000000};
  ck_assert_int_eq(mlcm__source_timeout_ns(&plain), 10 * second);
  ck_assert_int_eq(mlcm__source_max_age_ns(&plain), 60 * second);
  ck_assert_int_eq(mlcm__source_interval_ns(&plain), 5 * second);
  ck_assert_int_eq(mlcm__source_interval_ns(&brief), 2 * second);
}
END_TEST

START_TEST(a_measurement_grows_stale_by_its_age_and_the_wait_together) {
  const struct {
    int64_t age, waited;
    mlcm_measurement_kind kind;
  } cases[] = {{0, 60, MLCM_MEASURED_VALUE}, {30, 30, MLCM_MEASURED_VALUE},   {30, 31, MLCM_MEASURED_STALE},
               {0, 61, MLCM_MEASURED_STALE}, {-100, 60, MLCM_MEASURED_VALUE}, {-100, 61, MLCM_MEASURED_STALE},
               {61, -5, MLCM_MEASURED_STALE}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mlcm_measurement m = {.kind = MLCM_MEASURED_VALUE, .value = 3};
    mlcm__measurement_age(&m, cases[i].age * second, cases[i].waited * second, 60 * second);
    ck_assert_msg(m.kind == cases[i].kind, "case %zu", i);
    ck_assert_double_eq(m.value, m.kind == MLCM_MEASURED_VALUE ? 3 : 0);
  }
  mlcm_measurement m = {.kind = MLCM_MEASURED_VALUE};
  mlcm__measurement_age(&m, INT64_MAX, INT64_MAX, 60 * second);
  mlcm__measurement_age(&m, 1, 1, 60 * second); /* stale already: it does not grow young again */
  ck_assert_int_eq(m.kind, MLCM_MEASURED_STALE);
}
END_TEST

START_TEST(kinds_have_names) {
  const char *const names[] = {"unknown", "value", "no data", "partial", "stale", "error", "unknown"};
  for (int32_t kind = 0; kind < 7; kind++) ck_assert_str_eq(mlcm_measurement_kind_name(kind), names[kind]);
}
END_TEST

int main(void) {
  const TTest *tests[] = {one_finite_sample_is_a_value,
                          a_value_is_from_the_samples_time,
                          nothing_and_nan_are_no_data,
                          what_is_no_single_finite_number_is_an_error,
                          a_malformed_answer_is_an_error,
                          status_error_is_an_error_also_with_data,
                          warnings_and_partial_answers_are_partial_and_keep_the_value,
                          an_old_sample_is_stale,
                          any_http_status_but_2xx_is_an_error_with_the_servers_reason,
                          html_is_an_error_whatever_is_in_it,
                          numbers_do_not_depend_on_the_locale,
                          a_long_detail_is_cut_at_a_character_and_stays_plain,
                          lack_of_memory_is_no_measurement,
                          a_probe_is_up_on_its_status,
                          a_probe_without_an_answer_is_down,
                          a_probe_that_was_cancelled_or_flooded_has_learned_nothing,
                          prometheus_without_an_answer_is_an_error,
                          addresses_are_built_and_encoded,
                          malformed_sources_are_refused_by_number,
                          zero_means_the_default,
                          a_measurement_grows_stale_by_its_age_and_the_wait_together,
                          kinds_have_names};
  return TEST_RUN("metric_source", tests);
}
