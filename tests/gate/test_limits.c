/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - what policies and recorded counts may hold at most, each with the error that says so. docs/limits.md
 * lists them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "gate/csv.h"
#include "support.h"

/* `n` times `letter`. */
static const char *letters(char letter, size_t n) {
  static char text[16384];
  ck_assert_uint_lt(n, sizeof text);
  memset(text, letter, n);
  text[n] = '\0';
  return text;
}

/* A policy with one check of this text is refused, with these words; with one byte less in the long place it is fine. */
static void check_policy(const char *form, size_t max, const char *words) {
  static char yaml[32768];
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = NULL;
  mlcm_error err = {0};
  snprintf(yaml, sizeof yaml, form, letters('a', max));
  ck_assert_msg(mlcm_policy_parse(ctx, "g", mlcm_str_of(yaml), &policy, &err) == MLCM_OK, "%s", err.message);
  mlcm_policy_free(policy);
  snprintf(yaml, sizeof yaml, form, letters('a', max + 1));
  ck_assert_int_eq(mlcm_policy_parse(ctx, "g", mlcm_str_of(yaml), &policy, &err), MLCM_PARSE);
  ck_assert_msg(strstr(err.message, words) != NULL, "no '%s' in: %s", words, err.message);
  mlcm_context_free(ctx);
}

START_TEST(texts_of_a_policy_have_a_length) {
  check_policy("mlcm: gate/v1\nchecks: [{name: %s, compare: error, tolerate: 2x}]\n", 64, "64");
  check_policy("mlcm: gate/v1\nchecks: [{name: a, http: {url: \"http://%s\"}}]\n", 2048 - 7, "2048");
  check_policy("mlcm: gate/v1\nchecks: [{name: a, prometheus: {url: \"http://a\", query: \"%s\"}, at_most: 1}]\n", 8192, "8192");
  check_policy("mlcm: gate/v1\nchecks: [{name: a, prometheus: {url: \"http://a\", query: q, headers: {%s: b}}, at_most: 1}]\n",
               64, "64");
}
END_TEST

START_TEST(a_query_has_sixteen_headers) {
  static char yaml[4096];
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = NULL;
  mlcm_error err = {0};
  size_t len = (size_t)snprintf(
      yaml, sizeof yaml, "mlcm: gate/v1\nchecks: [{name: a, at_most: 1, prometheus: {url: \"http://a\", query: q, headers: {");
  for (int i = 0; i < 17; i++) len += (size_t)snprintf(yaml + len, sizeof yaml - len, "%sh%d: x", i ? ", " : "", i);
  snprintf(yaml + len, sizeof yaml - len, "}}}]\n");
  ck_assert_int_eq(mlcm_policy_parse(ctx, "g", mlcm_str_of(yaml), &policy, &err), MLCM_PARSE);
  ck_assert_msg(strstr(err.message, "17 headers, the limit is 16") != NULL, "%s", err.message);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_row_has_256_fields_of_4096_bytes) {
  static mlcm__csv csv;
  mlcm_context *ctx = new_context();
  mlcm_error err = {0};
  bool more = false;
  const struct {
    char letter;
    size_t n;
    mlcm_status status;
    const char *words;
  } cases[] = {{',', MLCM__CSV_MAX_FIELDS - 1, MLCM_OK, ""},
               {',', MLCM__CSV_MAX_FIELDS, MLCM_LIMIT, "more than 256 fields"},
               {'a', MLCM__CSV_MAX_FIELD, MLCM_OK, ""},
               {'a', MLCM__CSV_MAX_FIELD + 1, MLCM_LIMIT, "the limit is 4096"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mlcm__csv_init(&csv, ctx, "c", mlcm_str_of(letters(cases[i].letter, cases[i].n)));
    ck_assert_int_eq(mlcm__csv_next(&csv, &more, &err), cases[i].status);
    if (cases[i].status) ck_assert_msg(strstr(err.message, cases[i].words) != NULL, "%s", err.message);
    mlcm__csv_reset(&csv);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(recorded_counts_have_a_length) {
  const size_t size = ((size_t)64 << 20) + 1;
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = NULL;
  mlcm_error err = {0};
  char *json = NULL, *text = NULL;
  char *huge = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); /* never looked at */
  ck_assert_ptr_ne(huge, MAP_FAILED);
  ck_assert_int_eq(
      mlcm_policy_parse(ctx, "g", mlcm_str_of("mlcm: gate/v1\nchecks: [{name: e, compare: error, tolerate: 2x}]"), &policy, &err),
      MLCM_OK);
  ck_assert_int_eq(mlcm_gate_replay(ctx, policy, "ticks", (mlcm_str){huge, size}, &json, &text, &err), MLCM_LIMIT);
  ck_assert_msg(strstr(err.message, "67108865 bytes, the limit is 67108864") != NULL, "%s", err.message);
  munmap(huge, size);
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("limits");
  tcase_add_test(c, texts_of_a_policy_have_a_length);
  tcase_add_test(c, a_query_has_sixteen_headers);
  tcase_add_test(c, recorded_counts_have_a_length);
  tcase_add_test(c, a_row_has_256_fields_of_4096_bytes);
  return run_case("limits", c);
}
