/* SPDX-License-Identifier: Apache-2.0
 *
 * test_text.c - text from outside made fit to show, and numbers as people read them.
 */
#include "cli/text.h"

#include <stdlib.h>

#include "cli/cli.h"
#include "support/suite.h"

START_TEST(counts_have_their_plural) {
  ck_assert_str_eq(cli_count(0, "version").text, "0 versions");
  ck_assert_str_eq(cli_count(1, "version").text, "1 version");
  ck_assert_str_eq(cli_count(1, "entry").text, "1 entry");
  ck_assert_str_eq(cli_count(2, "entry").text, "2 entries");
}
END_TEST

START_TEST(sizes_have_a_unit_that_suits_them) {
  static const struct {
    int64_t bytes;
    const char *text;
  } rows[] = {{0, "0 bytes"},
              {1, "1 byte"},
              {1023, "1023 bytes"},
              {1024, "1.0 KiB"},
              {1536, "1.5 KiB"},
              {INT64_C(1) << 20, "1.0 MiB"},
              {INT64_C(5) << 30, "5.0 GiB"},
              {INT64_C(1) << 40, "1.0 TiB"},
              {INT64_C(3) << 50, "3072.0 TiB"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) ck_assert_str_eq(cli_size(rows[i].bytes).text, rows[i].text);
}
END_TEST

START_TEST(durations_have_two_units_at_most) {
  static const struct {
    int64_t ms;
    const char *text;
  } rows[] = {{0, "0s"}, {499, "0s"}, {500, "1s"}, {59499, "59s"}, {59500, "1m00s"}, {3599000, "59m59s"}, {9000000, "2h30m"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    ck_assert_str_eq(cli_duration(rows[i].ms * 1000000).text, rows[i].text);
}
END_TEST

START_TEST(whole_numbers_and_nothing_else) {
  int64_t n = 7;
  static const char *const no[] = {"", "-", " 1", "1 ", "+1", "1.0", "0x1", "1e3", "9223372036854775808", "--1"};
  for (size_t i = 0; i < sizeof no / sizeof *no; i++) ck_assert_msg(!cli_number(no[i], &n) && n == 7, "'%s'", no[i]);
  ck_assert(cli_number("-9223372036854775808", &n) && n == INT64_MIN);
}
END_TEST

START_TEST(finite_numbers_and_nothing_else) {
  double x = 7;
  static const char *const no[] = {"", "x", "1x", "inf", "nan", "1e999"};
  for (size_t i = 0; i < sizeof no / sizeof *no; i++) ck_assert_msg(!cli_real(no[i], &x) && x == 7, "'%s'", no[i]);
  ck_assert(cli_real("-2.5e-3", &x) && x == -0.0025);
}
END_TEST

START_TEST(text_that_could_move_the_cursor_is_not_shown) {
  static const struct {
    const char *text, *clean, *valid;
  } rows[] = {{"plain", "plain", "plain"},
              {"a\tb\nc", "a b c", "a\tb\nc"},
              {"\033[2J", "?[2J", "\033[2J"},
              {"\xc2\x9b" "1m", "?1m", "\xc2\x9b" "1m"}, /* CSI in one character */
              {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
              {"a\xff", "a?", "a\xef\xbf\xbd"},
              {"\xe2\x82", "??", "\xef\xbf\xbd\xef\xbf\xbd"}}; /* the beginning of a character */
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *clean = cli_clean_text(rows[i].text), *valid = cli_valid_text(rows[i].text);
    ck_assert_str_eq(clean, rows[i].clean);
    ck_assert_str_eq(valid, rows[i].valid);
    free(clean);
    free(valid);
  }
}
END_TEST

START_TEST(words_can_be_pasted_into_a_shell) {
  static const struct {
    const char *text, *word;
  } rows[] = {{"digits/1@a-b_c.d", "digits/1@a-b_c.d"}, {"my model", "'my model'"}, {"$HOME", "'$HOME'"}, {"", "''"},
              {"it's", "'it'\\''s'"},                   {"a\033[2J", "'a?[2J'"}};
  cli c = {0};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) ck_assert_str_eq(cli_word(&c, rows[i].text), rows[i].word);
  cli_close(&c);
}
END_TEST

START_TEST(clean_texts_can_be_given_back) {
  cli c = {0};
  ck_assert_str_eq(cli_clean(&c, "a\rb"), "a?b");
  ck_assert_str_eq(cli_clean(&c, "c"), "c");
  cli_clean_reset(&c);
  ck_assert_uint_eq(c.n_cleaned, 0);
  ck_assert_str_eq(cli_clean(&c, "d"), "d");
  cli_close(&c);
}
END_TEST

int main(void) {
  const TTest *tests[] = {counts_have_their_plural,
                          sizes_have_a_unit_that_suits_them,
                          durations_have_two_units_at_most,
                          whole_numbers_and_nothing_else,
                          finite_numbers_and_nothing_else,
                          text_that_could_move_the_cursor_is_not_shown,
                          words_can_be_pasted_into_a_shell,
                          clean_texts_can_be_given_back};
  return TEST_RUN("cli_text", tests);
}
