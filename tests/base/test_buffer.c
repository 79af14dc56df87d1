/* SPDX-License-Identifier: Apache-2.0
 *
 * test_buffer.c - growable bytes: limit, sticky failure.
 */
#include <string.h>

#include "base/buffer.h"
#include "support/fault.h"
#include "support/suite.h"

static mlcm_context *ctx;

static mlcm__buffer fresh(size_t max_bytes) {
  mlcm__buffer b;
  if (!ctx) ctx = test_context(NULL, NULL, NULL);
  mlcm__buffer_init(&b, ctx, max_bytes);
  return b;
}

/* Each test ends here, so that nothing is left for the leak checker. */
static void end(mlcm__buffer *b) {
  mlcm__buffer_reset(b);
  mlcm_context_free(ctx);
  ctx = NULL;
}

START_TEST(appends_stand_one_behind_the_other) {
  mlcm__buffer b = fresh(100);
  mlcm__buffer_text(&b, "ab");
  mlcm__buffer_char(&b, 'c');
  mlcm__buffer_append(&b, "\0d", 2);
  mlcm__buffer_format(&b, "%d-%s", 42, "x");
  ck_assert_int_eq(mlcm__buffer_check(&b, "it", NULL), MLCM_OK);
  ck_assert_uint_eq(b.len, 9);
  ck_assert_mem_eq(b.data, "abc\0d42-x\0", 10);
  end(&b);
}
END_TEST

START_TEST(the_limit_itself_still_fits) {
  mlcm__buffer b = fresh(4);
  mlcm__buffer_text(&b, "abcd");
  ck_assert_int_eq(mlcm__buffer_check(&b, "it", NULL), MLCM_OK);
  mlcm__buffer_append(&b, "", 0);
  ck_assert_int_eq(mlcm__buffer_check(&b, "it", NULL), MLCM_OK);
  end(&b);
}
END_TEST

START_TEST(past_the_limit_the_buffer_stays_bad) {
  mlcm__buffer b = fresh(4);
  mlcm_error err;
  mlcm__buffer_text(&b, "abc");
  mlcm__buffer_text(&b, "de");
  mlcm__buffer_text(&b, "f");
  ck_assert_int_eq(mlcm__buffer_check(&b, "the manifest", &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message, "the manifest is larger than the limit of 4 bytes");
  ck_assert_str_eq(b.data, "abc");
  end(&b);
}
END_TEST

START_TEST(format_past_the_limit_appends_nothing) {
  mlcm__buffer b = fresh(6);
  mlcm__buffer_text(&b, "abc");
  mlcm__buffer_format(&b, "%d", 1234567);
  ck_assert_int_eq(b.bad, MLCM_LIMIT);
  ck_assert_str_eq(b.data, "abc");
  ck_assert_uint_eq(b.len, 3);
  end(&b);
}
END_TEST

START_TEST(long_formats_grow_the_buffer) {
  mlcm__buffer b = fresh(100000);
  char text[5000];
  memset(text, 'y', sizeof text - 1);
  text[sizeof text - 1] = 0;
  mlcm__buffer_format(&b, "<%s>", text);
  ck_assert_uint_eq(b.len, sizeof text - 1 + 2);
  ck_assert_int_eq(b.data[b.len - 1], '>');
  end(&b);
}
END_TEST

START_TEST(clear_keeps_memory_and_forgives) {
  mlcm__buffer b = fresh(4);
  mlcm__buffer_text(&b, "abcd");
  mlcm__buffer_text(&b, "e");
  const char *data = b.data;
  mlcm__buffer_clear(&b);
  ck_assert_str_eq(b.data, "");
  mlcm__buffer_text(&b, "xy");
  ck_assert_ptr_eq(b.data, data);
  ck_assert_str_eq(b.data, "xy");
  ck_assert_int_eq(b.bad, MLCM_OK);
  end(&b);
}
END_TEST

START_TEST(taking_an_empty_buffer_gives_empty_text) {
  mlcm__buffer b = fresh(4);
  char *text = NULL;
  ck_assert_int_eq(mlcm__buffer_take(&b, "it", &text, NULL), MLCM_OK);
  ck_assert_str_eq(text, "");
  mlcm__free(ctx, text);
  end(&b);
}
END_TEST

START_TEST(taking_hands_over_and_starts_anew) {
  mlcm__buffer b = fresh(4);
  char *text = NULL;
  mlcm__buffer_text(&b, "abc");
  ck_assert_int_eq(mlcm__buffer_take(&b, "it", &text, NULL), MLCM_OK);
  ck_assert_str_eq(text, "abc");
  ck_assert_ptr_null(b.data);
  mlcm__buffer_text(&b, "abcd");
  ck_assert_int_eq(mlcm__buffer_check(&b, "it", NULL), MLCM_OK);
  mlcm__free(ctx, text);
  end(&b);
}
END_TEST

START_TEST(taking_a_bad_buffer_fails_and_leaves_the_output) {
  mlcm__buffer b = fresh(1);
  char *text = NULL;
  mlcm__buffer_text(&b, "abc");
  ck_assert_int_eq(mlcm__buffer_take(&b, "it", &text, NULL), MLCM_LIMIT);
  ck_assert_ptr_null(text);
  end(&b);
}
END_TEST

START_TEST(no_limit_is_size_max) {
  mlcm__buffer b = fresh(SIZE_MAX);
  mlcm__buffer_text(&b, "abc");
  ck_assert_int_eq(b.bad, MLCM_OK);
  mlcm__buffer_append(&b, "x", SIZE_MAX - 1);
  ck_assert_int_eq(b.bad, MLCM_LIMIT);
  end(&b);
}
END_TEST

static mlcm_status build(mlcm_context *c, void *user, mlcm_error *err) {
  (void)user;
  mlcm__buffer b;
  char *text = NULL;
  mlcm__buffer_init(&b, c, 10000);
  for (int i = 0; i < 200; i++) mlcm__buffer_format(&b, "line %d\n", i);
  const mlcm_status st = mlcm__buffer_take(&b, "lines", &text, err);
  mlcm__free(c, text);
  mlcm__buffer_reset(&b);
  return st;
}

START_TEST(lack_of_memory_is_told_at_the_end) { ck_assert_uint_ge(test_fault_memory(build, NULL, NULL), 5); }
END_TEST

START_TEST(a_buffer_that_was_never_opened_can_be_reset) {
  mlcm__buffer b = {0};
  mlcm__buffer_reset(&b);
  ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(a_format_that_cannot_be_written_spoils_the_buffer) {
  mlcm__buffer b = fresh(100);
  mlcm_error err;
  mlcm__buffer_text(&b, "good");
  mlcm__buffer_format(&b, "%ls", L"\u00e9"); /* the C locale has no bytes for it */
  ck_assert_int_eq(mlcm__buffer_check(&b, "it", &err), MLCM_INTERNAL);
  ck_assert_str_eq(err.message, "it cannot be built (INTERNAL)");
  end(&b);
}
END_TEST

int main(void) {
  const TTest *tests[] = {appends_stand_one_behind_the_other,
                          the_limit_itself_still_fits,
                          past_the_limit_the_buffer_stays_bad,
                          format_past_the_limit_appends_nothing,
                          long_formats_grow_the_buffer,
                          clear_keeps_memory_and_forgives,
                          taking_an_empty_buffer_gives_empty_text,
                          taking_hands_over_and_starts_anew,
                          taking_a_bad_buffer_fails_and_leaves_the_output,
                          no_limit_is_size_max,
                          lack_of_memory_is_told_at_the_end,
                          a_buffer_that_was_never_opened_can_be_reset,
                          a_format_that_cannot_be_written_spoils_the_buffer};
  return TEST_RUN("base_buffer", tests);
}
