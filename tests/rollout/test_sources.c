/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sources.c - what threshold checks measure: in a rollout (sources.h) and asked once (mlcm_gate_run). Probes and queries go to
 * a real server.
 */
#include "rollout/fixture.h"

#include <time.h>

#include "rollout/sources.h"
#include "support/httpd.h"

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char half[] = "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1772366400,\"0.5\"]}}";

/* A query with headers and a probe; %s is the server's address, twice. */
static const char remote_checks[] =
    "checks:\n  - {name: busy, prometheus: {url: \"%s\", query: busy, max_age: 10m, headers: {X-Team: blue, X-Who: ana}},"
    " at_most: 0.9}\n"
    "  - {name: up, http: {url: \"%s/up\"}, status: 200}\n";

static const char local_checks[] =
    "checks:\n  - {name: ratio, meter: error_ratio, at_most: 50%}\n  - {name: p99, meter: latency.p99, at_most: 1s}\n"
    "  - {name: rate, meter: requests_per_second, at_least: 0}\n  - {name: wrong, meter: outcome.wrong, at_most: 50%}\n"
    "  - {name: any, evaluation: accuracy, at_least: 0}\n"
    "  - {name: one, evaluation: accuracy, dataset: \"" DIGEST_A "\", at_least: 0}\n"
    "  - {name: errors, compare: error, tolerate: 2x}\n";

enum { RATIO, P99, RATE, WRONG, ANY, ONE };

static test_httpd *start_server(char url[128]) {
  test_httpd *server = test_httpd_start();
  test_httpd_on(server, "/api/v1/query", &(test_reply){.content_type = "application/json", .body = half});
  test_httpd_on(server, "/up", &(test_reply){.body = "ok"});
  test_httpd_url(server, "", url);
  return server;
}

/* `head` and the checks on the server at `url`. */
static void with_remote(const char *head, const char *url, char out[1024]) {
  int n = snprintf(out, 1024, "%s", head);
  snprintf(out + n, 1024 - (size_t)n, remote_checks, url, url);
}

static void evaluate(const fixture *f, int64_t version, const char *metric, double value, const char *dataset) {
  const mlcm_score score = {metric, value};
  const mlcm_evaluation evaluation = {.name = "holdout", .dataset_digest = dataset, .scores = &score, .n_scores = 1};
  CHECK_OK(mlcm_evaluate(f->reg, "m", version, &evaluation, NULL, err));
}

/* ---- in a rollout --------------------------------------------------------------------------------------------------- */

#define PLAN "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 5%, for: 5s}]\n"

typedef struct rig {
  fixture f;
  mlcm_plan *plan;
  mlcm__sources *sources;
} rig;

static void rig_open(rig *r, const char *plan, int64_t candidate) {
  memset(r, 0, sizeof(*r));
  set_up(&r->f);
  add_versions(&r->f, "m", 2);
  CHECK_OK(mlcm_plan_parse(r->f.ctx, "plan.yaml", mlcm_str_of(plan), &r->plan, err));
  CHECK_OK(mlcm__sources_new(&(mlcm__sources_options){r->f.reg, r->plan, "m", candidate}, &r->sources, err));
}

static void rig_close(rig *r) {
  mlcm__sources_free(r->sources);
  mlcm_plan_free(r->plan);
  tear_down(&r->f);
}

static bool read_now(rig *r, size_t i, mlcm_measurement *out) {
  const mlcm_time now = mlcm_context_now(r->f.ctx);
  return mlcm__sources_read(r->sources, i, &now, out);
}

/* Until check i has measured a value; the sampler's threads need a moment. */
static mlcm_measurement wait_for_value(rig *r, size_t i) {
  const struct timespec pause = {0, 1000000};
  mlcm_measurement m = {0};
  for (int tries = 0; tries < 30000; tries++) {
    if (read_now(r, i, &m) && m.kind == MLCM_MEASURED_VALUE) return m;
    nanosleep(&pause, NULL);
  }
  ck_abort_msg("check %zu has not measured anything within 30 s: %s", i, m.detail);
  return m;
}

START_TEST(a_query_and_a_probe_are_measured_and_handed_on_once) {
  rig r;
  char url[128], plan[1024];
  mlcm_measurement m;
  test_request request;
  test_httpd *server = start_server(url);
  with_remote("tick: 1h\ngap: 2h\n" PLAN, url, plan); /* asked every 5 s at the least */
  rig_open(&r, plan, 2);
  ck_assert_double_eq(wait_for_value(&r, 0).value, 0.5);
  ck_assert_int_eq(wait_for_value(&r, 1).http_status, 200);
  ck_assert(!read_now(&r, 0, &m));
  ck_assert(!read_now(&r, 1, &m));
  ck_assert(test_httpd_last(server, "/api/v1/query", &request));
  ck_assert_ptr_nonnull(strstr(request.headers, "X-Team: blue"));
  ck_assert_ptr_nonnull(strstr(request.headers, "X-Who: ana"));
  test_clock_advance(&r.f.clock, 3600 * SECOND); /* the same answer is too old now, and that is news */
  ck_assert(read_now(&r, 0, &m));
  ck_assert_int_ne(m.kind, MLCM_MEASURED_VALUE);
  rig_close(&r);
  test_httpd_stop(server);
}
END_TEST

START_TEST(a_query_is_asked_twice_within_the_age_it_may_have_and_a_probe_at_every_tick) {
  rig r;
  char url[128], plan[1024];
  test_httpd *server = start_server(url);
  snprintf(plan, sizeof(plan),
           "tick: 10ms\n%schecks:\n  - {name: busy, prometheus: {url: \"%s\", query: busy, max_age: 1s}, at_most: 0.9}\n"
           "  - {name: up, http: {url: \"%s/up\"}, status: 200}\n",
           PLAN, url, url);
  rig_open(&r, plan, 2);
  wait_for_value(&r, 0);
  wait_for_value(&r, 0);
  wait_for_value(&r, 1);
  wait_for_value(&r, 1); /* ten times a second at most */
  rig_close(&r);
  snprintf(plan, sizeof(plan), "%schecks: [{name: busy, prometheus: {url: \"%s\", query: busy, max_age: 1s}, at_most: 0.9}]\n",
           PLAN, url);
  rig_open(&r, plan, 2);
  wait_for_value(&r, 0);
  wait_for_value(&r, 0); /* after 0.5 s and not 5 s */
  rig_close(&r);
  test_httpd_stop(server);
}
END_TEST

/* One second, in which the candidate answered so many. */
static void add_second(rig *r, const mlcm__counted *names, int n, int n_bad, int32_t n_serving) {
  static mlcm__meter_sum sum;
  memset(&sum, 0, sizeof(sum));
  sum.completed = (uint64_t)n;
  sum.errors = (uint64_t)n_bad;
  sum.outcome[0] = (mlcm__outcome_sum){.n = (uint64_t)n, .bad = (uint64_t)n_bad};
  for (int i = 0; i < n; i++) mlcm__histogram_record_ns(&sum.latency, 1000000);
  const mlcm_time now = mlcm_context_now(r->f.ctx);
  mlcm__sources_add(r->sources, &sum, names, n_serving, &now);
  test_clock_advance(&r->f.clock, SECOND);
}

START_TEST(a_meter_is_read_when_its_window_holds_enough) {
  rig r;
  mlcm_measurement m;
  mlcm__counted names = {.n_outcomes = 1};
  char plan[1024];
  snprintf(names.outcomes[0], sizeof(names.outcomes[0]), "wrong");
  snprintf(plan, sizeof(plan), "%s%s", PLAN, local_checks);
  rig_open(&r, plan, 2);
  ck_assert(!read_now(&r, RATIO, &m)); /* before the first tick */
  for (int i = 0; i < 5; i++) add_second(&r, &names, 10, 1, 1);
  ck_assert(read_now(&r, RATIO, &m));
  ck_assert_double_eq(m.value, 0.1);
  ck_assert(read_now(&r, RATE, &m));
  ck_assert_double_eq(m.value, 10);
  ck_assert(read_now(&r, WRONG, &m));
  ck_assert_double_eq(m.value, 0.1);
  ck_assert(!read_now(&r, P99, &m)); /* 50 of 100 */
  for (int i = 0; i < 5; i++) add_second(&r, &names, 10, 1, 1);
  ck_assert(read_now(&r, P99, &m));
  ck_assert_double_gt(m.value, 0);
  rig_close(&r);
}
END_TEST

START_TEST(a_window_that_stays_empty_says_why) {
  rig r;
  mlcm_measurement m;
  mlcm__counted nobody = {0};
  char plan[1024];
  snprintf(plan, sizeof(plan), "%s%s", PLAN, local_checks);
  rig_open(&r, plan, 2);
  for (int i = 0; i < 60; i++) add_second(&r, &nobody, 100, 0, 1);
  ck_assert(read_now(&r, WRONG, &m)); /* no outcome was ever reported */
  ck_assert_int_eq(m.kind, MLCM_MEASURED_NO_DATA);
  ck_assert_str_eq(m.detail, "too few answers of the candidate");
  for (int i = 0; i < 60; i++) add_second(&r, &nobody, 0, 0, 0);
  ck_assert(read_now(&r, WRONG, &m));
  ck_assert_str_eq(m.detail, "no process serves the endpoint");
  for (int i = 0; i < 60; i++) add_second(&r, &nobody, 100, 0, 0); /* what dead processes left counts for nothing */
  ck_assert(read_now(&r, RATIO, &m));
  ck_assert_str_eq(m.detail, "no process serves the endpoint");
  rig_close(&r);
}
END_TEST

START_TEST(an_evaluation_is_the_newest_on_the_data_set_of_the_check) {
  rig r;
  mlcm_measurement m;
  char plan[1024];
  snprintf(plan, sizeof(plan), "%s%s", PLAN, local_checks);
  rig_open(&r, plan, 2);
  evaluate(&r.f, 2, "accuracy", 0.5, DIGEST_A);
  evaluate(&r.f, 2, "accuracy", 0.75, DIGEST_B);
  evaluate(&r.f, 2, "loss", 3, NULL);
  ck_assert(read_now(&r, ANY, &m));
  ck_assert_double_eq(m.value, 0.75);
  ck_assert(read_now(&r, ONE, &m));
  ck_assert_double_eq(m.value, 0.5);
  ck_assert(!read_now(&r, ONE, &m)); /* looked up every few ticks */
  rig_close(&r);
}
END_TEST

START_TEST(a_version_that_is_gone_has_no_evaluation) {
  rig r;
  mlcm_measurement m;
  char plan[1024];
  snprintf(plan, sizeof(plan), "%s%s", PLAN, local_checks);
  rig_open(&r, plan, 9);
  ck_assert(read_now(&r, ANY, &m));
  ck_assert_int_eq(m.kind, MLCM_MEASURED_ERROR);
  rig_close(&r);
}
END_TEST

static mlcm_status script_sources(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm_registry reg = {.ctx = ctx}; /* its evaluations are not read here */
  mlcm__sources *sources = NULL;
  mlcm_plan *plan = NULL;
  mlcm_status st = mlcm_plan_parse(ctx, "plan.yaml", mlcm_str_of(user), &plan, err);
  if (!st) st = mlcm__sources_new(&(mlcm__sources_options){&reg, plan, "m", 2}, &sources, err);
  mlcm__sources_free(sources);
  mlcm_plan_free(plan);
  return st;
}

START_TEST(sources_without_memory_leak_nothing) {
  char plan[1024];
  with_remote(PLAN, "http://127.0.0.1:1", plan);
  ck_assert_uint_gt(test_fault_memory(script_sources, NULL, plan), 10);
}
END_TEST

/* ---- asked once ----------------------------------------------------------------------------------------------------- */

static mlcm_gate *gate_run(const fixture *f, const char *policy_text, const char *ref) {
  mlcm_policy *policy = NULL;
  mlcm_gate *gate = NULL;
  CHECK_OK(mlcm_policy_parse(f->ctx, "gate.yaml", mlcm_str_of(policy_text), &policy, err));
  CHECK_OK(mlcm_gate_run(f->ctx, policy, ref ? f->reg : NULL, ref, &gate, err));
  mlcm_policy_free(policy);
  return gate;
}

static void check_says(const mlcm_gate *gate, size_t i, const char *part) {
  const mlcm_check_state state = mlcm_gate_check(gate, i);
  ck_assert_msg(state.last.kind == MLCM_MEASURED_NO_DATA && strstr(state.last.detail, part), "check %zu: kind %d, '%s'", i,
                (int)state.last.kind, state.last.detail);
}

static double value_of(const mlcm_gate *gate, size_t i) {
  const mlcm_check_state state = mlcm_gate_check(gate, i);
  ck_assert_msg(state.last.kind == MLCM_MEASURED_VALUE, "check %zu: kind %d, '%s'", i, (int)state.last.kind, state.last.detail);
  return state.last.value;
}

START_TEST(a_gate_asks_servers_with_the_headers_of_its_checks) {
  rig r = {0};
  char url[128], policy[1024];
  test_request request;
  test_httpd *server = start_server(url);
  set_up(&r.f);
  with_remote("mlcm: gate/v1\n", url, policy);
  mlcm_gate *gate = gate_run(&r.f, policy, NULL);
  ck_assert_double_eq(value_of(gate, 0), 0.5);
  ck_assert_int_eq(mlcm_gate_check(gate, 1).last.http_status, 200);
  ck_assert(test_httpd_last(server, "/api/v1/query", &request));
  ck_assert_ptr_nonnull(strstr(request.headers, "X-Team: blue"));
  mlcm_gate_free(gate);
  tear_down(&r.f);
  test_httpd_stop(server);
}
END_TEST

START_TEST(a_gate_reads_meters_and_evaluations_of_the_version) {
  rolling r;
  char policy[1024];
  snprintf(policy, sizeof(policy), "mlcm: gate/v1\n%s", local_checks);
  rolling_set_up(&r);
  evaluate(&r.f, 2, "accuracy", 0.5, DIGEST_A);
  evaluate(&r.f, 2, "accuracy", 0.75, DIGEST_B);
  evaluate(&r.f, 2, "loss", 3, DIGEST_A);
  mlcm_gate *gate = gate_run(&r.f, policy, "m/2");
  check_says(gate, RATIO, "never served");
  ck_assert_double_eq(value_of(gate, ANY), 0.75);
  ck_assert_double_eq(value_of(gate, ONE), 0.5);
  mlcm_gate_free(gate);
  rolling_start(&r, quick_plan);
  gate = gate_run(&r.f, policy, "m/2");
  check_says(gate, RATIO, "has answered no request yet");
  mlcm_gate_free(gate);
  serve(&r, &r.s, 100, 10, 100, 0);
  gate = gate_run(&r.f, policy, "m/2");
  ck_assert_double_eq(value_of(gate, RATIO), 0.1);
  ck_assert_double_gt(value_of(gate, P99), 0);
  check_says(gate, RATE, "only a rollout can measure it");
  check_says(gate, WRONG, "not a meter that can be asked once");
  mlcm_gate_free(gate);
  gate = gate_run(&r.f, policy, "m/3");
  check_says(gate, ONE, "the version has no such evaluation");
  mlcm_gate_free(gate);
  gate = gate_run(&r.f, policy, NULL);
  check_says(gate, RATIO, "name a version to look at");
  mlcm_gate_free(gate);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_gate_needs_what_it_is_asked_with) {
  fixture f;
  mlcm_policy *policy = NULL;
  mlcm_gate *gate = NULL;
  char text[1024];
  set_up(&f);
  snprintf(text, sizeof(text), "mlcm: gate/v1\n%s", local_checks);
  CHECK_OK(mlcm_policy_parse(f.ctx, "gate.yaml", mlcm_str_of(text), &policy, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "a gate needs", mlcm_gate_run(NULL, policy, NULL, NULL, &gate, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "a gate needs", mlcm_gate_run(f.ctx, NULL, NULL, NULL, &gate, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "a gate needs", mlcm_gate_run(f.ctx, policy, NULL, NULL, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "without a registry", mlcm_gate_run(f.ctx, policy, NULL, "m/2", &gate, err));
  mlcm_policy_free(policy);
  tear_down(&f);
}
END_TEST

static mlcm_status script_gate(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm_policy *policy = NULL;
  mlcm_gate *gate = NULL;
  mlcm_status st = mlcm_policy_parse(ctx, "gate.yaml", mlcm_str_of(user), &policy, err);
  if (!st) st = mlcm_gate_run(ctx, policy, NULL, NULL, &gate, err);
  mlcm_gate_free(gate);
  mlcm_policy_free(policy);
  return st;
}

START_TEST(a_gate_without_memory_leaks_nothing) {
  char policy[1024];
  with_remote("mlcm: gate/v1\n", "http://127.0.0.1:1", policy);
  ck_assert_uint_gt(test_fault_memory(script_gate, NULL, policy), 10);
}
END_TEST

/* What a meter file never holds unless it was changed. */
START_TEST(answers_without_a_latency_have_no_quantile) {
  rolling r;
  uint32_t cell = 0;
  mlcm_rollout_state *state = NULL;
  rolling_set_up(&r);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 5%, for: 5s}]\nsample_ratio_alpha: 0\n"
                    "checks: [{name: p50, meter: latency.p50, at_most: 1s}]\n");
  CHECK_OK(mlcm__meter_cell(r.s.meter, 2, (uint64_t)routing_of(&r).epoch, &cell, err));
  for (int i = 0; i < 100; i++) mlcm__meter_complete(r.s.meter, cell, MLCM__SCOPE_REQUEST, -1, true);
  mlcm_gate *gate = gate_run(&r.f, "mlcm: gate/v1\nchecks: [{name: p50, meter: latency.p50, at_most: 1s}]\n", "m/2");
  check_says(gate, 0, "no answer has a latency");
  mlcm_gate_free(gate);
  for (int i = 0; i <= 60; i++) ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  summary_of(r.rollout, &state);
  ck_assert_str_eq(mlcm_rollout_state_check(state, 0)->state.last.detail, "too few answers of the candidate");
  mlcm_rollout_state_free(state);
  rolling_tear_down(&r);
}
END_TEST

/* SQLite holds what mlcm_evaluate does not take. */
START_TEST(a_score_that_is_no_number_is_refused) {
  rolling r;
  mlcm_policy *policy = NULL;
  mlcm_gate *gate = NULL;
  mlcm_action action = 0;
  rolling_set_up(&r);
  evaluate(&r.f, 2, "accuracy", 0.5, NULL);
  change_store(&r, "UPDATE evaluation_score SET value = 9e999");
  CHECK_OK(mlcm_policy_parse(r.f.ctx, "gate.yaml",
                             mlcm_str_of("mlcm: gate/v1\nchecks:\n  - {name: a, evaluation: accuracy, at_least: 0.1}\n"
                                         "  - {name: b, evaluation: accuracy, at_least: 0.2}\n"),
                             &policy, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "check 'a': measurement", mlcm_gate_run(r.f.ctx, policy, r.f.reg, "m/2", &gate, err));
  mlcm_policy_free(policy);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 5%, for: 5s}]\nsample_ratio_alpha: 0\n"
                    "checks: [{name: a, evaluation: accuracy, at_least: 0.1}]\n");
  for (int told = 0; told < 2; told++) {
    mlcm_error why = {0};
    ck_assert_int_eq(tick_status(&r, &action, told ? &why : NULL), MLCM_INVALID_ARGUMENT);
    test_clock_advance(&r.f.clock, 4 * SECOND); /* it is looked up every five ticks */
  }
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_query_and_a_probe_are_measured_and_handed_on_once,
                          a_query_is_asked_twice_within_the_age_it_may_have_and_a_probe_at_every_tick,
                          a_meter_is_read_when_its_window_holds_enough,
                          a_window_that_stays_empty_says_why,
                          an_evaluation_is_the_newest_on_the_data_set_of_the_check,
                          a_version_that_is_gone_has_no_evaluation,
                          sources_without_memory_leak_nothing,
                          a_gate_asks_servers_with_the_headers_of_its_checks,
                          a_gate_reads_meters_and_evaluations_of_the_version,
                          a_gate_needs_what_it_is_asked_with,
                          a_gate_without_memory_leaks_nothing,
                          answers_without_a_latency_have_no_quantile,
                          a_score_that_is_no_number_is_refused};
  return TEST_RUN("rollout_sources", tests);
}
