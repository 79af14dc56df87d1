/* SPDX-License-Identifier: Apache-2.0
 *
 * test_status.c - status names, and what stands in an mlcm_error after a failure.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "support/suite.h"

START_TEST(error_is_512_bytes) { ck_assert_uint_eq(sizeof(mlcm_error), 512); }
END_TEST

START_TEST(names_are_the_constants_without_prefix) {
  ck_assert_str_eq(mlcm_status_name(MLCM_OK), "OK");
  ck_assert_str_eq(mlcm_status_name(MLCM_NOT_FOUND), "NOT_FOUND");
  ck_assert_str_eq(mlcm_status_name(MLCM_INTERNAL), "INTERNAL");
}
END_TEST

START_TEST(unknown_numbers_have_a_name_too) {
  ck_assert_str_eq(mlcm_status_name(-1), "UNKNOWN");
  ck_assert_str_eq(mlcm_status_name(MLCM_INTERNAL + 1), "UNKNOWN");
  ck_assert_str_eq(mlcm_status_name(INT32_MAX), "UNKNOWN");
  ck_assert_str_eq(mlcm_status_name(INT32_MIN), "UNKNOWN");
}
END_TEST

START_TEST(every_status_has_a_name_of_its_own) {
  for (mlcm_status a = 0; a <= MLCM_INTERNAL; a++) {
    ck_assert_str_ne(mlcm_status_name(a), "UNKNOWN");
    for (mlcm_status b = 0; b < a; b++) ck_assert_str_ne(mlcm_status_name(a), mlcm_status_name(b));
  }
}
END_TEST

START_TEST(kind_follows_from_the_code) {
  static const struct {
    mlcm_status code;
    uint32_t kind;
  } rows[] = {
      {MLCM_INVALID_ARGUMENT, MLCM_KIND_CALLER},
      {MLCM_NO_MEMORY, MLCM_KIND_TRANSIENT},
      {MLCM_IO, MLCM_KIND_PERMANENT},
      {MLCM_NOT_FOUND, MLCM_KIND_CALLER},
      {MLCM_ALREADY_EXISTS, MLCM_KIND_CALLER},
      {MLCM_CONFLICT, MLCM_KIND_TRANSIENT},
      {MLCM_BUSY, MLCM_KIND_TRANSIENT},
      {MLCM_CORRUPT, MLCM_KIND_PERMANENT},
      {MLCM_UNSUPPORTED, MLCM_KIND_PERMANENT},
      {MLCM_INVALID_STATE, MLCM_KIND_CALLER},
      {MLCM_REFUSED, MLCM_KIND_PERMANENT},
      {MLCM_LIMIT, MLCM_KIND_PERMANENT},
      {MLCM_PARSE, MLCM_KIND_CALLER},
      {MLCM_TIMEOUT, MLCM_KIND_TRANSIENT},
      {MLCM_CANCELLED, MLCM_KIND_CANCELLED},
      {MLCM_NETWORK, MLCM_KIND_TRANSIENT},
      {MLCM_STALE, MLCM_KIND_TRANSIENT},
      {MLCM_OUTCOME_UNKNOWN, MLCM_KIND_TRANSIENT},
      {MLCM_DISK_FULL, MLCM_KIND_PERMANENT},
      {MLCM_NEWER_FORMAT, MLCM_KIND_PERMANENT},
      {MLCM_MISMATCH, MLCM_KIND_CALLER},
      {MLCM_INTERNAL, MLCM_KIND_PERMANENT},
  };
  ck_assert_uint_eq(sizeof rows / sizeof rows[0], MLCM_INTERNAL);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    mlcm_error err;
    ck_assert_int_eq(mlcm__fail(&err, rows[i].code, "x"), rows[i].code);
    ck_assert_uint_eq(err.kind, rows[i].kind);
    ck_assert_int_eq(err.code, rows[i].code);
  }
}
END_TEST

START_TEST(failing_overwrites_all_512_bytes) {
  mlcm_error a, b;
  memset(&a, 0x55, sizeof a);
  memset(&b, 0xAA, sizeof b);
  mlcm__fail(&a, MLCM_BUSY, "model '%s'", "digits");
  mlcm__fail(&b, MLCM_BUSY, "model '%s'", "digits");
  ck_assert_mem_eq(&a, &b, sizeof a);
  ck_assert_str_eq(a.message, "model 'digits'");
  ck_assert_int_eq(a.sys_code, 0);
  ck_assert_uint_eq(a.reserved, 0);
}
END_TEST

START_TEST(null_error_is_allowed_everywhere) {
  ck_assert_int_eq(mlcm__fail(NULL, MLCM_PARSE, "x"), MLCM_PARSE);
  ck_assert_int_eq(mlcm__fail_errno(NULL, ENOSPC, "x"), MLCM_DISK_FULL);
  ck_assert_int_eq(mlcm__fail_memory(NULL, 1), MLCM_NO_MEMORY);
  mlcm__error_prefix(NULL, "x");
}
END_TEST

START_TEST(errno_picks_the_status) {
  static const struct {
    int errnum;
    mlcm_status code;
  } rows[] = {{ENOSPC, MLCM_DISK_FULL}, {EDQUOT, MLCM_DISK_FULL}, {ENOENT, MLCM_NOT_FOUND}, {ENOTDIR, MLCM_NOT_FOUND},
              {ENOMEM, MLCM_NO_MEMORY}, {EIO, MLCM_IO},           {EACCES, MLCM_IO}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    mlcm_error err;
    ck_assert_int_eq(mlcm__fail_errno(&err, rows[i].errnum, "x"), rows[i].code);
    ck_assert_int_eq(err.sys_code, rows[i].errnum);
    ck_assert_int_eq(mlcm__fail_errno(&err, -rows[i].errnum, "x"), rows[i].code);
    ck_assert_int_eq(err.sys_code, rows[i].errnum);
  }
}
END_TEST

START_TEST(errno_text_stands_behind_the_message) {
  mlcm_error err;
  mlcm__fail_errno(&err, EACCES, "cannot open '%s'", "/x");
  ck_assert_str_eq(err.message, "cannot open '/x': Permission denied");
  mlcm__fail_errno(&err, 99999, "cannot open");
  ck_assert_str_eq(err.message, "cannot open: unknown error");
}
END_TEST

/* A path as long as a system takes, and one that is far longer. */
static const size_t path_lengths[] = {500, 4095, 60000};

static const char *path_of(size_t len) {
  static char path[60001];
  memset(path, 'd', len);
  path[0] = '/';
  path[len] = '\0';
  return path;
}

static void check_ends(const mlcm_error *err, const char *head, const char *tail) {
  const size_t len = strlen(err->message);
  ck_assert_uint_eq(len, sizeof err->message - 1);
  ck_assert_msg(strncmp(err->message, head, strlen(head)) == 0, "no '%s' in front of: %s", head, err->message);
  ck_assert_msg(strcmp(err->message + len - strlen(tail), tail) == 0, "no '%s' behind: %s", tail, err->message);
  ck_assert_ptr_nonnull(strstr(err->message, "ddd...ddd"));
}

START_TEST(a_long_path_loses_its_middle_and_the_reason_stays) {
  for (size_t i = 0; i < 2; i++) {
    mlcm_error err;
    const char *path = path_of(path_lengths[i]);
    mlcm__fail(&err, MLCM_REFUSED, "the registry in '%s' was opened read-only", path);
    check_ends(&err, "the registry in '/ddd", "ddd' was opened read-only");
    mlcm__fail(&err, MLCM_CONFLICT, "'%s' and '%s' are one file", path, path);
    check_ends(&err, "'/ddd", "ddd' are one file");
  }
}
END_TEST

START_TEST(behind_a_path_of_any_length_stands_the_errno_text) {
  for (size_t i = 0; i < sizeof path_lengths / sizeof path_lengths[0]; i++) {
    mlcm_error err;
    ck_assert_int_eq(mlcm__fail_errno(&err, EIO, "cannot open %s", path_of(path_lengths[i])), MLCM_IO);
    check_ends(&err, "cannot open /ddd", "ddd: Input/output error");
  }
}
END_TEST

START_TEST(long_messages_are_shortened_between_characters) {
  static char text[20000];
  for (size_t shift = 0; shift < 4; shift++) {
    size_t at = shift;
    memset(text, 'a', shift);
    while (at + 4 < sizeof text) memcpy(text + at, "\xF0\x9F\x98\x80", 4), at += 4;
    text[at] = 0;
    mlcm_error err;
    mlcm__fail(&err, MLCM_IO, "%s", text);
    const size_t len = strlen(err.message);
    ck_assert_uint_gt(len, sizeof err.message - 8);
    ck_assert(mlcm__utf8_valid(err.message, len));
    ck_assert_int_eq(strncmp(err.message, text, 200), 0);
    ck_assert_ptr_nonnull(strstr(err.message, "\x80...\xF0"));
  }
}
END_TEST

START_TEST(a_message_may_quote_the_error_it_replaces) {
  mlcm_error err;
  mlcm__fail(&err, MLCM_IO, "disk gone");
  mlcm__fail(&err, MLCM_CORRUPT, "cannot check: %s", err.message);
  ck_assert_str_eq(err.message, "cannot check: disk gone");
}
END_TEST

START_TEST(prefix_keeps_code_kind_and_errno) {
  mlcm_error err;
  mlcm__fail_errno(&err, EIO, "read");
  mlcm__error_prefix(&err, "%s/%d: ", "digits", 3);
  ck_assert_str_eq(err.message, "digits/3: read: Input/output error");
  ck_assert_int_eq(err.code, MLCM_IO);
  ck_assert_int_eq(err.sys_code, EIO);
  ck_assert_uint_eq(err.kind, MLCM_KIND_PERMANENT);
}
END_TEST

START_TEST(a_prefix_leaves_the_end_of_a_long_message) {
  mlcm_error err;
  mlcm__fail(&err, MLCM_IO, "'%s': disk gone", path_of(4000));
  mlcm__error_prefix(&err, "%s", "p: ");
  check_ends(&err, "p: '/ddd", "ddd': disk gone");
}
END_TEST

START_TEST(a_long_prefix_leaves_the_message) {
  for (size_t i = 0; i < sizeof path_lengths / sizeof path_lengths[0]; i++) {
    mlcm_error err;
    mlcm__fail(&err, MLCM_IO, "disk gone");
    mlcm__error_prefix(&err, "%s: ", path_of(path_lengths[i]));
    check_ends(&err, "/ddd", i < 2 ? "ddd: disk gone" : "ddddisk gone"); /* the last is longer than any path can be */
  }
}
END_TEST

START_TEST(text_without_the_beginning_of_a_character_is_cut_to_nothing) {
  char text[1000];
  memset(text, 0x80, sizeof text);
  ck_assert_uint_eq(mlcm__utf8_cut(text, sizeof text, 500), 0);
}
END_TEST

START_TEST(an_unknown_status_is_permanent) {
  mlcm_error err;
  ck_assert_int_eq(mlcm__fail(&err, 9999, "odd"), 9999);
  ck_assert_int_eq(err.kind, MLCM_KIND_PERMANENT);
}
END_TEST

START_TEST(a_format_that_cannot_be_written_gives_an_empty_message) {
  mlcm_error err;
  ck_assert_int_eq(mlcm__fail(&err, MLCM_IO, "%ls", L"\u00e9"), MLCM_IO); /* the C locale has no bytes for it */
  ck_assert_str_eq(err.message, "");
}
END_TEST

int main(void) {
  const TTest *tests[] = {error_is_512_bytes,
                          names_are_the_constants_without_prefix,
                          unknown_numbers_have_a_name_too,
                          every_status_has_a_name_of_its_own,
                          kind_follows_from_the_code,
                          failing_overwrites_all_512_bytes,
                          null_error_is_allowed_everywhere,
                          errno_picks_the_status,
                          errno_text_stands_behind_the_message,
                          a_long_path_loses_its_middle_and_the_reason_stays,
                          behind_a_path_of_any_length_stands_the_errno_text,
                          long_messages_are_shortened_between_characters,
                          a_message_may_quote_the_error_it_replaces,
                          prefix_keeps_code_kind_and_errno,
                          a_prefix_leaves_the_end_of_a_long_message,
                          a_long_prefix_leaves_the_message,
                          text_without_the_beginning_of_a_character_is_cut_to_nothing,
                          an_unknown_status_is_permanent,
                          a_format_that_cannot_be_written_gives_an_empty_message};
  return TEST_RUN("base_status", tests);
}
