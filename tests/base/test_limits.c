/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - limits of what every room reads with: the largest passes, one more is an error. docs/limits.md lists them; what
 * belongs to one reader alone is in its own tests.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/http.h"
#include "base/json.h"
#include "support/child.h"
#include "support/fault.h"
#include "support/httpd.h"
#include "support/status.h"
#include "support/suite.h"

enum { DEEPEST = 64, BODY_BYTES = 1 << 20, LARGEST_FUTURE_BYTES = 65536 };

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static mlcm_status read_lists(int depth, mlcm_error *err) {
  const mlcm__json_limits limits = {.max_bytes = SIZE_MAX, .max_depth = DEEPEST};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char text[2 * (DEEPEST + 1)];
  cJSON *tree = NULL;
  memset(text, '[', (size_t)depth);
  memset(text + depth, ']', (size_t)depth);
  mlcm_status st = mlcm__json_parse(ctx, "f", text, 2 * (size_t)depth, limits, &tree, err);
  cJSON_Delete(tree);
  mlcm_context_free(ctx);
  return st;
}

START_TEST(json_has_a_depth) {
  CHECK_OK(read_lists(DEEPEST, err));
  CHECK_FAILS(MLCM_LIMIT, "f:1:65: nested deeper than the limit of 64", read_lists(DEEPEST + 1, err));
}
END_TEST

/* What reading this text over and over, in a list of 1 MiB, adds to the memory of a process; in KiB. */
static long kib_to_read(const char *value) {
  enum { TEXT_BYTES = 1 << 20 };
  const mlcm__json_limits limits = {.max_bytes = TEXT_BYTES, .max_depth = DEEPEST};
  const size_t len = strlen(value);
  char *text = malloc(TEXT_BYTES), *at = text;
  struct rusage before, after;
  cJSON *tree = NULL;
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (*at++ = '['; at + len + 2 < text + TEXT_BYTES; *at++ = ',') at = mempcpy(at, value, len);
  at[-1] = ']';
  (void)getrusage(RUSAGE_SELF, &before);
  CHECK_OK(mlcm__json_parse(ctx, "f", text, (size_t)(at - text), limits, &tree, err));
  (void)getrusage(RUSAGE_SELF, &after);
  return after.ru_maxrss - before.ru_maxrss;
}

#ifdef MLCM_SANITIZED /* a sanitizer keeps more around each value than there is in it */
enum { TIMES_THE_TEXT = 200 };
#else
enum { TIMES_THE_TEXT = 50 };
#endif

/* The shortest values, which say the least in the most memory; each in a process of its own. */
START_TEST(json_takes_fifty_times_its_text_at_most) {
  static const char *const values[] = {"0", "\"\"", "[]", "{}", "{\"\":0}", "[[[[[0]]]]]"};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    int how = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) test_child_exit(kib_to_read(values[i]) > TIMES_THE_TEXT * 1024);
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert_msg(how == 0, "%s: %d", values[i], how);
  }
}
END_TEST

/* ---- HTTP ---------------------------------------------------------------------------------------------------------- */

static mlcm__http_end ask(size_t body_bytes) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__http *http = NULL;
  mlcm__http_answer answer = {0};
  char url[128], *body = malloc(body_bytes);
  memset(body, 'a', body_bytes);
  test_httpd_on(server, "/", &(test_reply){.body = body, .body_len = body_bytes});
  test_httpd_url(server, "/", url);
  CHECK_OK(mlcm__http_new(ctx, &http, err));
  CHECK_OK(mlcm__http_run(http, &(mlcm__http_request){.url = url}, &answer, 1, err));
  const mlcm__http_end end = answer.end;
  if (end == MLCM__HTTP_TOO_LARGE) ck_assert_msg(strstr(answer.detail, "1048576") != NULL, "%s", answer.detail);
  mlcm__http_answer_reset(&answer);
  mlcm__http_free(http);
  mlcm_context_free(ctx);
  test_httpd_stop(server);
  free(body);
  return end;
}

START_TEST(an_answer_has_a_length_unless_the_request_says_otherwise) {
  ck_assert_int_eq(ask(BODY_BYTES), MLCM__HTTP_ANSWERED);
  ck_assert_int_eq(ask(BODY_BYTES + 1), MLCM__HTTP_TOO_LARGE);
}
END_TEST

/* ---- Options ------------------------------------------------------------------------------------------------------- */

static mlcm_status read_options(size_t struct_size, mlcm_error *err) {
  char *options = calloc(1, LARGEST_FUTURE_BYTES + 1);
  uint64_t known[2] = {0};
  memcpy(options, &struct_size, sizeof struct_size);
  mlcm_status st = mlcm__options_read(options, sizeof known, known, sizeof known, "the options", err);
  free(options);
  return st;
}

START_TEST(a_struct_of_options_has_a_size) {
  CHECK_OK(read_options(LARGEST_FUTURE_BYTES, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "struct_size is 65537, more than the 65536", read_options(LARGEST_FUTURE_BYTES + 1, err));
}
END_TEST

int main(void) {
  const TTest *tests[] = {json_has_a_depth, json_takes_fifty_times_its_text_at_most,
                          an_answer_has_a_length_unless_the_request_says_otherwise, a_struct_of_options_has_a_size};
  return TEST_RUN("base_limits", tests);
}
