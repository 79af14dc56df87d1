/* SPDX-License-Identifier: Apache-2.0
 *
 * test_replay.c - what-if over recorded counts: CSV in, JSON and a table out.
 */
#include <cjson/cJSON.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "gate/evalue.h"
#include "support.h"

#define HEADER "tick,candidate_requests,candidate_errors,stable_requests,stable_errors\n"
#define ONE_CHECK "mlcm: gate/v1\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n"

/* Replays csv through a policy; *out_json must be freed by the caller. */
static mlcm_status replay(const char *yaml, const char *csv, char **out_json, char **out_text, mlcm_error *err) {
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = parse(ctx, yaml);
  char *json = NULL, *text = NULL;
  mlcm_status st = mlcm_gate_replay(ctx, policy, "ticks.csv", mlcm_str_of(csv), &json, &text, err);
  ck_assert((st == MLCM_OK) == (json != NULL) && (st == MLCM_OK) == (text != NULL));
  if (out_json) *out_json = json ? strdup(json) : NULL;
  if (out_text) *out_text = text ? strdup(text) : NULL;
  mlcm_free(ctx, json);
  mlcm_free(ctx, text);
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
  return st;
}

static cJSON *ticks_of(const char *yaml, const char *csv, cJSON **out_root) {
  char *json = NULL;
  mlcm_error err;
  mlcm_status st = replay(yaml, csv, &json, NULL, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  *out_root = cJSON_Parse(json);
  ck_assert_ptr_nonnull(*out_root);
  free(json);
  return cJSON_GetObjectItem(*out_root, "ticks");
}

static double number(const cJSON *ticks, int i, const char *key) {
  return cJSON_GetObjectItem(cJSON_GetArrayItem(ticks, i), key)->valuedouble;
}
static const char *text_of(const cJSON *ticks, int i, const char *key) {
  return cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(ticks, i), key));
}

START_TEST(each_row_gives_the_evidence_so_far) {
  cJSON *root = NULL,
        *ticks = ticks_of(ONE_CHECK, HEADER "1,100,5,1900,20\n2,100,0,1900,0\n3,0,0,1900,7\n4,100,90,1900,20\n5,100,0,1900,20\n",
                          &root);
  mlcm__evalue fail, pass;
  mlcm__evalue_init(&fail, MLCM__SIDE_FAIL, 1.25);
  mlcm__evalue_init(&pass, MLCM__SIDE_PASS, 1.25);
  static const mlcm_counts counts[] = {
      {100, 5, 1900, 20}, {100, 0, 1900, 0}, {0, 0, 1900, 7}, {100, 90, 1900, 20}, {100, 0, 1900, 20}};
  static const char *const verdicts[] = {"inconclusive", "inconclusive", "inconclusive", "fail", "fail"};
  ck_assert_int_eq(cJSON_GetArraySize(ticks), 5);
  for (int i = 0; i < 5; i++) {
    mlcm__evalue_add(&fail, &counts[i]);
    mlcm__evalue_add(&pass, &counts[i]);
    ck_assert(number(ticks, i, "log_e_fail") == fail.log_e); /* 17 digits bring back the same double */
    ck_assert(number(ticks, i, "log_e_pass") == pass.log_e);
    ck_assert(number(ticks, i, "tick") == i + 1);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(ticks, i), "run")));
    ck_assert_str_eq(text_of(ticks, i, "verdict"), verdicts[i]);
  }
  cJSON_Delete(root);
}
END_TEST

START_TEST(json_has_the_documented_keys_and_digits) {
  char *json = NULL;
  ck_assert_int_eq(replay(ONE_CHECK, HEADER "7,1,0,1,0\n8,1,1,1,0\n", &json, NULL, NULL), MLCM_OK);
  const char *start = "{\"ticks\":[{\"run\":null,\"tick\":7,\"log_e_fail\":0,\"log_e_pass\":0,\"verdict\":\"inconclusive\"},"
                      "{\"run\":null,\"tick\":8,\"log_e_fail\":0.";
  ck_assert_msg(strncmp(json, start, strlen(start)) == 0, "%s", json);
  free(json);
}
END_TEST

START_TEST(runs_are_separate_even_when_mixed) {
  cJSON *root = NULL;
  cJSON *ticks = ticks_of(ONE_CHECK,
                          "stable_errors,run,tick,note,candidate_errors,candidate_requests,stable_requests\r\n"
                          "5,a,1,x,60,500,500\r\n"
                          "5,\"b, \"\"2\"\"\",1,\"two\nlines\",5,500,500\r\n"
                          "\r\n"
                          "5,a,2,x,5,500,500\r\n"
                          "5,\"b, \"\"2\"\"\",2,x,5,500,500",
                          &root);
  ck_assert_int_eq(cJSON_GetArraySize(ticks), 4);
  ck_assert_str_eq(text_of(ticks, 0, "run"), "a");
  ck_assert_str_eq(text_of(ticks, 1, "run"), "b, \"2\"");
  ck_assert_str_eq(text_of(ticks, 2, "verdict"), "fail");
  ck_assert_str_eq(text_of(ticks, 3, "verdict"), "inconclusive");
  mlcm__evalue alone;
  mlcm__evalue_init(&alone, MLCM__SIDE_FAIL, 1.25);
  for (int i = 0; i < 2; i++) mlcm__evalue_add(&alone, &(mlcm_counts){500, 5, 500, 5});
  ck_assert(number(ticks, 3, "log_e_fail") == alone.log_e);
  cJSON_Delete(root);
}
END_TEST

START_TEST(a_verdict_latches_and_fail_overrides_pass) {
  cJSON *root = NULL;
  cJSON *ticks = ticks_of(ONE_CHECK, HEADER "1,500,0,500,60\n2,500,30,500,30\n3,5000,4000,5000,50\n4,5000,0,5000,4000\n", &root);
  static const char *const verdicts[] = {"pass", "pass", "fail", "fail"};
  for (int i = 0; i < 4; i++) ck_assert_str_eq(text_of(ticks, i, "verdict"), verdicts[i]);
  cJSON_Delete(root);
}
END_TEST

START_TEST(alpha_is_split_as_the_policy_says) {
  cJSON *root = NULL;
  const char *csv = HEADER "1,500,26,500,10\n";
  cJSON *ticks = ticks_of("mlcm: gate/v1\nchecks:\n  - {name: e, compare: error, tolerate: 1x}\n", csv, &root);
  double log_e = number(ticks, 0, "log_e_fail");
  ck_assert(log_e > log(20) * 0.2 && log_e < log(1e6));
  for (int k = 1; k <= 4; k++) {
    char yaml[512];
    double alpha = 0.999 * k / exp(log_e); /* just not enough */
    for (int enough = 0; enough < 2; enough++) {
      int len =
          snprintf(yaml, sizeof(yaml), "mlcm: gate/v1\nalpha: %.17g\nchecks:\n  - {name: e, compare: error, tolerate: 1x}\n",
                   enough ? alpha / 0.998 : alpha);
      for (int i = 1; i < k; i++)
        len += snprintf(yaml + len, sizeof(yaml) - (size_t)len, "  - {name: o%d, compare: outcome.o%d, tolerate: 1x}\n", i, i);
      cJSON *own = NULL;
      if (alpha > 0.49) continue;
      ck_assert_str_eq(text_of(ticks_of(yaml, csv, &own), 0, "verdict"), enough ? "fail" : "inconclusive");
      cJSON_Delete(own);
    }
  }
  cJSON_Delete(root);
}
END_TEST

START_TEST(warm_up_and_min_samples_count_the_candidates_requests) {
  cJSON *root = NULL;
  const char *csv = HEADER "1,500,60,500,5\n2,500,60,500,5\n3,500,60,500,5\n";
  cJSON *ticks = ticks_of("mlcm: gate/v1\nwarm_up: {requests: 400, for: 1h}\nmin_samples: 600\nchecks:\n  - {name: e, compare: "
                          "error, tolerate: 1.25x}\n",
                          csv, &root);
  ck_assert(number(ticks, 0, "log_e_fail") == 0);
  ck_assert(number(ticks, 1, "log_e_fail") > log(20));
  ck_assert_str_eq(text_of(ticks, 1, "verdict"), "inconclusive");
  ck_assert_str_eq(text_of(ticks, 2, "verdict"), "fail");
  cJSON_Delete(root);
}
END_TEST

START_TEST(the_table_ends_with_a_line_for_each_run) {
  char *text = NULL;
  ck_assert_int_eq(replay(ONE_CHECK, "run," HEADER "a,1,500,60,500,5\nb,1,500,5,500,5\n", NULL, &text, NULL), MLCM_OK);
  ck_assert_msg(
      strncmp(text, "run                    tick     log E fail     log E pass  verdict\na                         1 ", 90) == 0,
      "%s", text);
  ck_assert_ptr_nonnull(strstr(text, "\nrun a: fail at tick 1 of 1: 12 % against 1 %, proven after 500 answers (evidence "));
  ck_assert_ptr_nonnull(strstr(text, "\nrun b: inconclusive after 1 ticks: no proof yet, fail "));
  free(text);
}
END_TEST

START_TEST(a_header_alone_gives_no_ticks) {
  char *json = NULL;
  ck_assert_int_eq(replay(ONE_CHECK, "\xEF\xBB\xBF" HEADER, &json, NULL, NULL), MLCM_OK);
  ck_assert_str_eq(json, "{\"ticks\":[]}");
  free(json);
}
END_TEST

static const struct {
  const char *csv;
  mlcm_status status;
  const char *message;
} complaints[] = {
    {"", MLCM_PARSE,
     "ticks.csv: empty; the first line must name the columns tick, candidate_requests, candidate_errors, stable_requests, "
     "stable_errors"},
    {"tick,candidate_requests,candidate_errors,stable_requests\n", MLCM_PARSE,
     "ticks.csv:1: no column 'stable_errors'; the first line must name tick, candidate_requests, candidate_errors, "
     "stable_requests, "
     "stable_errors"},
    {"tick," HEADER, MLCM_PARSE, "ticks.csv:1: column 'tick' stands twice"},
    {HEADER "1,2,3\n", MLCM_PARSE, "ticks.csv:2: 3 fields, 'stable_requests' is missing"},
    {"run," HEADER "a,1,2,1,2,1\n\"a,b\",1,2,1,2\n", MLCM_PARSE, "ticks.csv:3: 5 fields, 'stable_errors' is missing"},
    {HEADER "1,10,1,10,\"1\"\rx\n", MLCM_PARSE, "ticks.csv:2: text behind a closing quote"},
    {"run," HEADER "a,1,10,1,10,1\na,2,10,1,10,x\n", MLCM_PARSE,
     "ticks.csv:3: 'stable_errors' must be a whole number from 0, found 'x'"},
    {"run," HEADER "a,1,10,1,10,1\na,2,10,1,10,1\nb,1,1,1,1,2\n", MLCM_PARSE,
     "ticks.csv:4: 2 stable_errors in 1 stable_requests"},
    {HEADER "x,10,1,10,1\n", MLCM_PARSE, "ticks.csv:2: 'tick' must be a whole number from 0, found 'x'"},
    {"tick,"
     "candidate_requests,candidate_errors,stable_requests,stable_errors,run\n1,2,1,2,1\n",
     MLCM_PARSE, "ticks.csv:2: 5 fields, 'run' is missing"},
    {HEADER "1,10,1,10,1\n\n2,x,1,10,1\n", MLCM_PARSE,
     "ticks.csv:4: 'candidate_requests' must be a whole number from 0, found 'x'"},
    {HEADER "1,10,-1,10,1\n", MLCM_PARSE, "ticks.csv:2: 'candidate_errors' must be a whole number from 0, found '-1'"},
    {HEADER "1,10,1.0,10,1\n", MLCM_PARSE, "ticks.csv:2: 'candidate_errors' must be a whole number from 0, found '1.0'"},
    {HEADER "1,10,,10,1\n", MLCM_PARSE, "ticks.csv:2: 'candidate_errors' must be a whole number from 0, found ''"},
    {HEADER "1,10,11,10,1\n", MLCM_PARSE, "ticks.csv:2: 11 candidate_errors in 10 candidate_requests"},
    {HEADER "1,10,1,10,12\n", MLCM_PARSE, "ticks.csv:2: 12 stable_errors in 10 stable_requests"},
    {HEADER "1,9999999999999999,1,10,1\n", MLCM_PARSE,
     "ticks.csv:2: 'candidate_requests' is 9999999999999999, the limit is 1125899906842624"},
    {HEADER "1,99999999999999999999,1,10,1\n", MLCM_PARSE,
     "ticks.csv:2: 'candidate_requests' must be a whole number from 0, found '99999999999999999999'"},
    {HEADER "1,\"10,1,10,1\n", MLCM_PARSE, "ticks.csv:2: a quote is never closed"},
    {HEADER "1,\"10\"x,1,10,1\n", MLCM_PARSE, "ticks.csv:2: text behind a closing quote"},
    {"run," HEADER "\xff,1,10,1,10,1\n", MLCM_PARSE, "ticks.csv:2: the run's name is not UTF-8"},
};

START_TEST(everything_else_is_refused_with_its_line) {
  mlcm_error err;
  ck_assert_int_eq(replay(ONE_CHECK, complaints[_i].csv, NULL, NULL, &err), complaints[_i].status);
  ck_assert_str_eq(err.message, complaints[_i].message);
}
END_TEST

START_TEST(line_ends_and_quotes_may_stand_anywhere) {
  static const char *const same[] = {HEADER "1,5,0,5,0",
                                     HEADER "1,5,0,5,0\r",
                                     "\xEF\xBB\xBF" HEADER "1,5,0,5,0\r\n\r\n",
                                     HEADER "1,5,0,5,\"0\"",
                                     HEADER "\"1\",5,0,5,\"0\"\r\n",
                                     "\"a\rb\",x\ry," HEADER "\"\n\",,1,5,0,5,0\n",
                                     HEADER "1,5,0,5,0,\n",
                                     HEADER "1,5,0,5,0,"};
  for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
    char *json = NULL;
    mlcm_error err;
    mlcm_status st = replay(ONE_CHECK, same[i], &json, NULL, &err);
    ck_assert_msg(st == MLCM_OK, "%d: %s", (int)i, st ? err.message : "");
    ck_assert_str_eq(json,
                     "{\"ticks\":[{\"run\":null,\"tick\":1,\"log_e_fail\":0,\"log_e_pass\":0,\"verdict\":\"inconclusive\"}]}");
    free(json);
  }
}
END_TEST

START_TEST(wide_rows_long_fields_and_too_many_runs_are_refused) {
  static char wide[300], large[5100], runs[2400000];
  mlcm_error err;
  memset(wide, ',', 299);
  ck_assert_int_eq(replay(ONE_CHECK, wide, NULL, NULL, &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message, "ticks.csv:1: more than 256 fields in a row");
  memset(large, 'x', 5099);
  ck_assert_int_eq(replay(ONE_CHECK, large, NULL, NULL, &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message, "ticks.csv:1: a field of 5099 bytes, the limit is 4096");
  size_t len = (size_t)snprintf(runs, sizeof runs, "run," HEADER);
  for (int i = 0; i <= 100000; i++) len += (size_t)snprintf(runs + len, sizeof runs - len, "%d,1,0,0,0,0\n", i);
  ck_assert_int_eq(replay(ONE_CHECK, runs, NULL, NULL, &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message, "ticks.csv:100002: more than 100000 runs");
}
END_TEST

START_TEST(the_check_to_feed_must_be_clear) {
  mlcm_error err;
  char *json = NULL;
  ck_assert_int_eq(replay("mlcm: gate/v1\nchecks: [{name: l, compare: latency.p99, tolerate: 2x}]", HEADER, NULL, NULL, &err),
                   MLCM_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message,
                   "the policy compares neither errors nor an outcome, so these counts are for none of its checks; add one with "
                   "'compare: error'");
  ck_assert_int_eq(
      replay("mlcm: gate/v1\nchecks: [{name: a, compare: outcome.a, tolerate: 2x}, {name: b, compare: outcome.b, tolerate: 2x}]",
             HEADER, NULL, NULL, &err),
      MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(
      replay("mlcm: gate/v1\nchecks: [{name: a, compare: error, tolerate: 2x}, {name: b, compare: error, tolerate: 3x}]", HEADER,
             NULL, NULL, &err),
      MLCM_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message,
                   "the policy has 2 checks that compare errors and 0 that compare outcomes; a replay feeds one: keep a "
                   "single 'compare: error'");
  ck_assert_int_eq(replay("mlcm: gate/v1\nchecks: [{name: a, compare: outcome.a, tolerate: 2x}]", HEADER, NULL, NULL, &err),
                   MLCM_OK);
  ck_assert_int_eq(
      replay("mlcm: gate/v1\nchecks: [{name: a, compare: outcome.a, tolerate: 2x}, {name: b, compare: error, tolerate: 2x}]",
             HEADER "1,5,0,5,0\n", &json, NULL, &err),
      MLCM_OK);
  free(json);
}
END_TEST

START_TEST(a_nul_byte_and_null_arguments_are_refused) {
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = parse(ctx, ONE_CHECK);
  static const char nul[] = HEADER "1,1\0,0,1,0\n";
  char *json = NULL;
  ck_assert_int_eq(mlcm_gate_replay(ctx, policy, "t", (mlcm_str){nul, sizeof(nul) - 1}, &json, NULL, NULL), MLCM_PARSE);
  static const char quoted[] = HEADER "1,\"\0\",0,1,0\n";
  ck_assert_int_eq(mlcm_gate_replay(ctx, policy, "t", (mlcm_str){quoted, sizeof(quoted) - 1}, &json, NULL, NULL), MLCM_PARSE);
  ck_assert_int_eq(mlcm_gate_replay(ctx, policy, "t", (mlcm_str){NULL, 1}, &json, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_replay(ctx, policy, "t", (mlcm_str){NULL, 0}, &json, NULL, NULL), MLCM_PARSE);
  ck_assert_int_eq(mlcm_gate_replay(ctx, policy, "t", (mlcm_str){nul, (256u << 20) + 1}, &json, NULL, NULL), MLCM_LIMIT);
  ck_assert_int_eq(mlcm_gate_replay(NULL, policy, "t", MLCM_STR(""), &json, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_replay(ctx, NULL, "t", MLCM_STR(""), &json, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_replay(ctx, policy, NULL, MLCM_STR(""), &json, NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_gate_replay(ctx, policy, "t", MLCM_STR(HEADER), NULL, NULL, NULL), MLCM_OK);
  ck_assert_ptr_null(json);
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(numbers_have_a_point_in_every_locale) {
  if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) return; /* not on this machine */
  char *json = NULL;
  ck_assert_int_eq(replay(ONE_CHECK, HEADER "1,10,5,10,1\n", &json, NULL, NULL), MLCM_OK);
  ck_assert_ptr_null(strstr(json, "0,"));
  free(json);
  setlocale(LC_NUMERIC, "C");
}
END_TEST

int main(void) {
  TCase *c = tcase_create("replay");
  tcase_add_test(c, each_row_gives_the_evidence_so_far);
  tcase_add_test(c, json_has_the_documented_keys_and_digits);
  tcase_add_test(c, runs_are_separate_even_when_mixed);
  tcase_add_test(c, a_verdict_latches_and_fail_overrides_pass);
  tcase_add_test(c, alpha_is_split_as_the_policy_says);
  tcase_add_test(c, warm_up_and_min_samples_count_the_candidates_requests);
  tcase_add_test(c, the_table_ends_with_a_line_for_each_run);
  tcase_add_test(c, a_header_alone_gives_no_ticks);
  tcase_add_loop_test(c, everything_else_is_refused_with_its_line, 0, (int)(sizeof(complaints) / sizeof(complaints[0])));
  tcase_add_test(c, line_ends_and_quotes_may_stand_anywhere);
  tcase_add_test(c, wide_rows_long_fields_and_too_many_runs_are_refused);
  tcase_add_test(c, the_check_to_feed_must_be_clear);
  tcase_add_test(c, a_nul_byte_and_null_arguments_are_refused);
  tcase_add_test(c, numbers_have_a_point_in_every_locale);
  return run_case("replay", c);
}
