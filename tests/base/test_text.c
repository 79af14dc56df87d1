/* SPDX-License-Identifier: Apache-2.0
 *
 * test_text.c - numbers, times and words as text.
 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "support/suite.h"

/* ---- UTF-8 --------------------------------------------------------------------------------------------------------- */

START_TEST(utf8_accepts_the_edges_of_each_length) {
  static const char *const good[] = {"",
                                     "a",
                                     "\x7f",
                                     "\xC2\x80",
                                     "\xDF\xBF",
                                     "\xE0\xA0\x80",
                                     "\xED\x9F\xBF",
                                     "\xEE\x80\x80",
                                     "\xEF\xBF\xBF",
                                     "\xF0\x90\x80\x80",
                                     "\xF4\x8F\xBF\xBF",
                                     "m\xC3\xA4\xC3\x9Fig"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    ck_assert_msg(mlcm__utf8_valid(good[i], strlen(good[i])), "row %zu", i);
}
END_TEST

START_TEST(utf8_refuses_everything_else) {
  static const char *const bad[] = {"\x80",         "\xC2",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
                                    "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                                    "\xFF",         "\xE2\x82",     "\xE2\x28\xA1",     "a\xF0\x9F\x98",    "\xC2\xC2"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) ck_assert_msg(!mlcm__utf8_valid(bad[i], strlen(bad[i])), "row %zu", i);
}
END_TEST

START_TEST(plain_text_has_no_control_characters) {
  ck_assert(mlcm__text_is_plain("gr\xC3\xB6\xC3\x9F"
                                "er",
                                8));
  ck_assert(!mlcm__text_is_plain("a\nb", 3));
  ck_assert(!mlcm__text_is_plain("a\0b", 3));
  ck_assert(!mlcm__text_is_plain("\x7f", 1));
  ck_assert(!mlcm__text_is_plain("\xC2\x85", 2));
  ck_assert(!mlcm__text_is_plain("\xFF", 1));
}
END_TEST

/* ---- Integers ------------------------------------------------------------------------------------------------------ */

START_TEST(parse_i64_reads_the_whole_range) {
  static const struct {
    const char *text;
    int64_t value;
  } rows[] = {{"0", 0},
              {"-0", 0},
              {"7", 7},
              {"-42", -42},
              {"007", 7},
              {"9223372036854775807", INT64_MAX},
              {"-9223372036854775808", INT64_MIN}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t value = 1;
    ck_assert(mlcm__parse_i64(rows[i].text, strlen(rows[i].text), &value));
    ck_assert_int_eq(value, rows[i].value);
  }
}
END_TEST

START_TEST(parse_i64_refuses_everything_else) {
  static const char *const bad[] = {
      "", "-", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "9223372036854775808", "-9223372036854775809", "99999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t value = 77;
    ck_assert_msg(!mlcm__parse_i64(bad[i], strlen(bad[i]), &value), "'%s'", bad[i]);
    ck_assert_int_eq(value, 77);
  }
}
END_TEST

/* ---- Decimal floats ------------------------------------------------------------------------------------------------ */

START_TEST(parse_f64_reads_decimals) {
  static const struct {
    const char *text;
    double value;
  } rows[] = {{"0", 0},
              {"1.5", 1.5},
              {"-2.5e3", -2500},
              {"1E-3", 0.001},
              {".5", 0.5},
              {"5.", 5},
              {"1e-999", 0.0},
              {"4.9e-324", 0x1p-1074},
              {"0.1", 0.1},
              {"1e+2", 100},
              {"179769313486231570e291", DBL_MAX}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    double value = -1;
    ck_assert_msg(mlcm__parse_f64(rows[i].text, strlen(rows[i].text), &value), "'%s'", rows[i].text);
    ck_assert_msg(value == rows[i].value, "'%s' gives %a", rows[i].text, value);
  }
}
END_TEST

START_TEST(parse_f64_reads_special_values_in_any_case) {
  static const char *const infinite[] = {"+Inf", "-Inf", "inf", "-INFINITY", "Infinity"};
  double value = 0;
  ck_assert(mlcm__parse_f64("NaN", 3, &value) && isnan(value));
  ck_assert(mlcm__parse_f64("nan", 3, &value) && isnan(value));
  for (size_t i = 0; i < sizeof infinite / sizeof infinite[0]; i++) {
    ck_assert(mlcm__parse_f64(infinite[i], strlen(infinite[i]), &value));
    ck_assert(isinf(value) && signbit(value) == (infinite[i][0] == '-'));
  }
}
END_TEST

START_TEST(parse_f64_refuses_everything_else) {
  static const char *const bad[] = {"",   "-",  "+1",    ".",   "e5",   "1e", "1e+",   "0x10",   "1,5",
                                    " 1", "1 ", "1.2.3", "--1", "nanx", "in", "1e999", "-1e999", "1_000"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    double value = 77;
    ck_assert_msg(!mlcm__parse_f64(bad[i], strlen(bad[i]), &value), "'%s'", bad[i]);
    ck_assert(value == 77);
  }
}
END_TEST

START_TEST(parse_f64_bounds_the_length) {
  char text[2000];
  memset(text, '0', sizeof text);
  double value = 0;
  ck_assert(mlcm__parse_f64(text, 1023, &value));
  ck_assert(!mlcm__parse_f64(text, 1024, &value));
}
END_TEST

START_TEST(format_f64_is_short_and_laid_out_as_in_ecmascript) {
  static const struct {
    double value;
    const char *text;
  } rows[] = {{0, "0"},
              {-0.0, "-0"},
              {1, "1"},
              {-1, "-1"},
              {100, "100"},
              {0.1, "0.1"},
              {1.0 / 3, "0.3333333333333333"},
              {123456.789, "123456.789"},
              {1e20, "100000000000000000000"},
              {1e21, "1e+21"},
              {1e300, "1e+300"},
              {1e-6, "0.000001"},
              {1e-7, "1e-7"},
              {1.5e-9, "1.5e-9"},
              {5e-324, "5e-324"},
              {DBL_MAX, "1.7976931348623157e+308"},
              {DBL_MIN, "2.2250738585072014e-308"},
              {0x1p-44, "5.684341886080802e-14"},
              {0x1p53, "9007199254740992"},
              {9.5, "9.5"},
              {999999999999999.9, "999999999999999.9"},
              {-1.2345678901234567e-6, "-0.0000012345678901234567"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[32];
    mlcm__format_f64(rows[i].value, text);
    ck_assert_str_eq(text, rows[i].text);
  }
}
END_TEST

START_TEST(format_f64_names_what_is_not_finite) {
  char text[32];
  mlcm__format_f64(NAN, text);
  ck_assert_str_eq(text, "NaN");
  mlcm__format_f64(-NAN, text);
  ck_assert_str_eq(text, "NaN");
  mlcm__format_f64(INFINITY, text);
  ck_assert_str_eq(text, "+Inf");
  mlcm__format_f64(-INFINITY, text);
  ck_assert_str_eq(text, "-Inf");
}
END_TEST

static double from_bits(uint64_t bits) {
  double value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Doubles of every exponent, reproducibly. */
static double any_double(uint64_t i) {
  uint64_t z = i * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return from_bits(z ^ z >> 31);
}

START_TEST(both_formats_read_back_as_the_same_bits) {
  for (uint64_t i = 0; i < 20000; i++) {
    const double value = i % 4 ? any_double(i) : from_bits(i); /* a quarter are the smallest subnormals */
    if (isnan(value) || isinf(value)) continue;
    char text[32];
    double back = 0;
    mlcm__format_f64(value, text);
    ck_assert_msg(mlcm__parse_f64(text, strlen(text), &back) && memcmp(&back, &value, sizeof back) == 0, "%a as '%s'", value,
                  text);
    mlcm__format_hexf64(value, text);
    ck_assert_msg(mlcm__parse_hexf64(text, strlen(text), &back) && memcmp(&back, &value, sizeof back) == 0, "%a as '%s'", value,
                  text);
  }
}
END_TEST

/* No decimal with fewer digits may read back: tried against printf, whose every precision below must miss. */
START_TEST(format_f64_is_never_longer_than_needed) {
  for (uint64_t i = 0; i < 5000; i++) {
    const double value = fabs(any_double(i));
    if (isnan(value) || isinf(value) || value == 0) continue;
    char text[32], digits[40];
    mlcm__format_f64(value, text);
    int n = 0, shortest = 17;
    const char *first = text;
    while (*first == '0' || *first == '.') first++;
    for (const char *c = first; *c && *c != 'e'; c++) n += *c != '.';
    while (shortest > 1 && (snprintf(digits, sizeof digits, "%.*e", shortest - 2, value), strtod(digits, NULL) == value))
      shortest--;
    if (!strchr(text, 'e') && !strchr(text, '.')) continue; /* whole numbers end in zeros that are not digits */
    ck_assert_msg(n <= shortest, "'%s' has %d digits, %d are enough", text, n, shortest);
  }
}
END_TEST

START_TEST(the_locale_changes_nothing) {
  static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_AT.UTF-8"};
  const char *set = NULL;
  for (size_t i = 0; i < sizeof commas / sizeof commas[0] && !set; i++) set = setlocale(LC_NUMERIC, commas[i]);
  char text[32];
  double value = 0;
  mlcm__format_f64(1234.5, text);
  const bool read = mlcm__parse_f64("1234.5", 6, &value);
  setlocale(LC_NUMERIC, "C");
  ck_assert_str_eq(text, "1234.5"); /* proves something only where such a locale is installed */
  ck_assert(read && value == 1234.5);
}
END_TEST

/* ---- Hexadecimal floats -------------------------------------------------------------------------------------------- */

START_TEST(format_hexf64_has_one_spelling_per_value) {
  static const struct {
    double value;
    const char *text;
  } rows[] = {{3, "0x1.8p+1"},
              {-0.0, "-0x0p+0"},
              {0, "0x0p+0"},
              {1, "0x1p+0"},
              {-1.5, "-0x1.8p+0"},
              {0.1, "0x1.999999999999ap-4"},
              {0x1p-1074, "0x1p-1074"},
              {0x1.8p-1073, "0x1.8p-1073"},
              {DBL_MIN, "0x1p-1022"},
              {DBL_MAX, "0x1.fffffffffffffp+1023"},
              {0x0.fffffffffffffp-1022, "0x1.ffffffffffffep-1023"},
              {INFINITY, "inf"},
              {-INFINITY, "-inf"},
              {NAN, "nan"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[32];
    mlcm__format_hexf64(rows[i].value, text);
    ck_assert_str_eq(text, rows[i].text);
  }
}
END_TEST

START_TEST(parse_hexf64_refuses_every_other_spelling) {
  static const char *const bad[] = {"",          "0",        "1.5",
                                    "0x1.80p+1", "0x1p1",    "0x2p+0",
                                    "0x0.8p+0",  "0X1p+0",   "0x1P+0",
                                    "0x1.p+0",   "0x1p+00",  "0x1p-1075",
                                    "0x1p+1024", "+0x1p+0",  "0x1p+0 ",
                                    " 0x1p+0",   "Inf",      "+inf",
                                    "NaN",       "-nan",     "infinity",
                                    "0x1.8",     "0x1.8p",   "0x1.8p+",
                                    "0x1.8p+x",  "0x1.Ap+0", "0x1.00000000000001p+0",
                                    "0x0p+1",    "0x1p+0x",  "0x1.fffffffffffff8p+0",
                                    "0x1.88888", "0x1p+2000", "0x1p-2000", "0x1.8888888888888888888888888888p+0"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    double value = 77;
    ck_assert_msg(!mlcm__parse_hexf64(bad[i], strlen(bad[i]), &value), "'%s'", bad[i]);
    ck_assert(value == 77);
  }
}
END_TEST

START_TEST(parse_hexf64_reads_special_values) {
  double value = 0;
  ck_assert(mlcm__parse_hexf64("nan", 3, &value) && isnan(value));
  ck_assert(mlcm__parse_hexf64("inf", 3, &value) && isinf(value) && value > 0);
  ck_assert(mlcm__parse_hexf64("-inf", 4, &value) && isinf(value) && value < 0);
  ck_assert(mlcm__parse_hexf64("-0x0p+0", 7, &value) && value == 0 && signbit(value));
}
END_TEST

/* ---- Durations ----------------------------------------------------------------------------------------------------- */

START_TEST(parse_duration_reads_units) {
  static const struct {
    const char *text;
    int64_t ns;
  } rows[] = {{"0", 0},
              {"250ms", 250000000},
              {"1.5s", 1500000000},
              {"10m", INT64_C(600000000000)},
              {"2h", INT64_C(7200000000000)},
              {"1d", INT64_C(86400000000000)},
              {"1h30m", INT64_C(5400000000000)},
              {"1d2h3m4s5ms6us7ns", INT64_C(93784005006007)},
              {"3us", 3000},
              {"1ns", 1},
              {"1.0ns", 1},
              {"0s", 0},
              {"0.000000001s", 1},
              {"1.000s", 1000000000},
              {"0.5m", INT64_C(30000000000)},
              {"106751d", INT64_C(9223286400000000000)}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t ns = -1;
    ck_assert_msg(mlcm__parse_duration(rows[i].text, strlen(rows[i].text), &ns), "'%s'", rows[i].text);
    ck_assert_int_eq(ns, rows[i].ns);
  }
}
END_TEST

START_TEST(parse_duration_refuses_everything_else) {
  static const char *const bad[] = {
      "",       "1",    "-1s",  "+1s",  "s",  "1 s",   " 1s",  "1s ",           "1.s",   ".5s",     "1.5.5s",
      "1x",     "1S",   "1min", "1sec", "00", "30m1h", "1s1s", "0.0000000001s", "1.5ns", "106752d", "99999999999999999999s",
      "1h 30m", "1e3s", "1hour", "1{", "9223372036.9s", "106751d23h59m"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t ns = 77;
    ck_assert_msg(!mlcm__parse_duration(bad[i], strlen(bad[i]), &ns), "'%s'", bad[i]);
    ck_assert_int_eq(ns, 77);
  }
}
END_TEST

START_TEST(format_duration_is_for_people) {
  static const struct {
    int64_t ns;
    const char *text;
  } rows[] = {{0, "0 s"},
              {1, "1 ns"},
              {999, "999 ns"},
              {1000, "1 us"},
              {1234, "1.23 us"},
              {2500000, "2.5 ms"},
              {1210000, "1.21 ms"},
              {12345678, "12.3 ms"},
              {123456789, "123 ms"},
              {999600, "1 ms"},
              {999500000, "1 s"},
              {999400000, "999 ms"},
              {1500000000, "1.5 s"},
              {59940000000, "59.9 s"},
              {59960000000, "1 min"},
              {72000000000, "1m12s"},
              {600000000000, "10 min"},
              {3599600000000, "1 h"},
              {5400000000000, "1h30m"},
              {259200000000000, "3 d"},
              {273600000000000, "3d4h"},
              {-72000000000, "-1m12s"},
              {-1500, "-1.5 us"},
              {INT64_MIN, "-106751d23h"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[32];
    mlcm__format_duration(rows[i].ns, text);
    ck_assert_str_eq(text, rows[i].text);
  }
}
END_TEST

/* ---- Moments ------------------------------------------------------------------------------------------------------- */

START_TEST(format_time_is_utc_with_microseconds) {
  static const struct {
    int64_t ns;
    const char *text;
  } rows[] = {{0, "1970-01-01T00:00:00.000000Z"},
              {-1, "1969-12-31T23:59:59.999999Z"},
              {INT64_C(1772373731123456789), "2026-03-01T14:02:11.123456Z"},
              {INT64_C(951782400000000000), "2000-02-29T00:00:00.000000Z"},
              {INT64_MAX, "2262-04-11T23:47:16.854775Z"},
              {INT64_MIN, "1677-09-21T00:12:43.145224Z"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[40];
    mlcm__format_time(rows[i].ns, text);
    ck_assert_str_eq(text, rows[i].text);
  }
}
END_TEST

START_TEST(parse_time_reads_rfc_3339) {
  static const struct {
    const char *text;
    int64_t ns;
  } rows[] = {{"1970-01-01", 0},
              {"1970-01-01T00:00:00Z", 0},
              {"2026-03-01T14:02:11.123456Z", INT64_C(1772373731123456000)},
              {"2026-03-01t14:02:11.123456789z", INT64_C(1772373731123456789)},
              {"2026-03-01 15:02:11+01:00", INT64_C(1772373731000000000)},
              {"2026-03-01T09:32:11-04:30", INT64_C(1772373731000000000)},
              {"2026-03-01T14:02:11.5Z", INT64_C(1772373731500000000)},
              {"2026-03-01T14:02:11.1234567899Z", INT64_C(1772373731123456789)},
              {"2024-02-29", INT64_C(1709164800000000000)},
              {"1969-12-31T23:59:59Z", INT64_C(-1000000000)}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t ns = 77;
    ck_assert_msg(mlcm__parse_time(rows[i].text, strlen(rows[i].text), &ns), "'%s'", rows[i].text);
    ck_assert_int_eq(ns, rows[i].ns);
  }
}
END_TEST

START_TEST(parse_time_refuses_everything_else) {
  static const char *const bad[] = {"",
                                    "2026",
                                    "2026-03",
                                    "2026-3-1",
                                    "2026-13-01",
                                    "2026-00-01",
                                    "2026-02-29",
                                    "2026-04-31",
                                    "2026-03-00",
                                    "2026-03-01T",
                                    "2026-03-01T14:02",
                                    "2026-03-01T14:02:11",
                                    "2026-03-01T24:00:00Z",
                                    "2026-03-01T14:60:00Z",
                                    "2026-03-01T14:02:60Z",
                                    "2026-03-01T14:02:11.Z",
                                    "2026-03-01T14:02:11Zx",
                                    "2026-03-01T14:02:11+0100",
                                    "2026-03-01T14:02:11+24:00",
                                    "2026-03-01T14:02:11+01:60",
                                    "2026-03-01T14:02:11.5",
                                    "0000-01-01",
                                    "2262-04-11T23:59:59Z",
                                    "1600-01-01",
                                    "2300-01-01",
                                    " 2026-03-01",
                                    "2026-03-01 ",
                                    "20260301",
                                    "-026-03-01",
                                    "2026/03/01"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t ns = 77;
    ck_assert_msg(!mlcm__parse_time(bad[i], strlen(bad[i]), &ns), "'%s'", bad[i]);
    ck_assert_int_eq(ns, 77);
  }
  int64_t ns = 77;
  ck_assert(!mlcm__parse_time("2026\0" "03-01", 10, &ns)); /* a NUL is no separator */
}
END_TEST

START_TEST(times_read_back) {
  for (int64_t day = -100000; day < 100000; day += 37) {
    const int64_t ns = day * INT64_C(86400000000000) + day * 1000 % 86400000000 + 5000;
    char text[40];
    int64_t back = 0;
    mlcm__format_time(ns, text);
    ck_assert(mlcm__parse_time(text, strlen(text), &back));
    ck_assert_msg(back == ns, "%s", text);
  }
}
END_TEST

/* ---- Nearest spelling ---------------------------------------------------------------------------------------------- */

static const char *const words[] = {"weight", "for", "steps", "candidate", "endpoint"};

START_TEST(nearest_finds_slips_of_the_finger) {
  static const char *const rows[][2] = {{"wieght", "weight"},      {"weigth", "weight"},    {"weigh", "weight"},
                                        {"weightt", "weight"},     {"fro", "for"},          {"step", "steps"},
                                        {"candiate", "candidate"}, {"endpiont", "endpoint"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) ck_assert_str_eq(mlcm__nearest(rows[i][0], words, 5), rows[i][1]);
}
END_TEST

/* 1 + length/4 edits are near; each kind of edit counts one. */
START_TEST(nearest_counts_edits) {
  static const struct {
    const char *text, *candidate;
    bool near;
  } rows[] = {{"abcd", "abcd", true},     {"abcd", "abcdef", true},       {"abcd", "abcdefg", false},
              {"abcd", "ab", true},       {"abcd", "a", false},           {"abcd", "xyab", false},
              {"abcd", "xbcy", true},     {"abcd", "xycz", false},        {"abcd", "badc", true},
              {"abc", "acb", true},       {"abc", "cab", false},          {"abcd", "xyabcd", true},
              {"abcd", "xyzabcd", false}, {"abcdefgh", "abcdexyz", true}, {"abcdefgh", "abcdwxyz", false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *found = mlcm__nearest(rows[i].text, &rows[i].candidate, 1);
    ck_assert_msg((found != NULL) == rows[i].near, "%s against %s", rows[i].text, rows[i].candidate);
  }
  static const char *const two[] = {"stepping", "stops"};
  ck_assert_str_eq(mlcm__nearest("steps", two, 2), "stops");
}
END_TEST

START_TEST(nearest_is_null_when_nothing_is_near) {
  char longest[200];
  memset(longest, 'a', sizeof longest);
  longest[199] = 0;
  ck_assert_ptr_null(mlcm__nearest("zzz", words, 5));
  ck_assert_ptr_null(mlcm__nearest("", words, 5));
  ck_assert_ptr_null(mlcm__nearest("weight", words, 0));
  ck_assert_ptr_null(mlcm__nearest(longest, words, 5));
  const char *const only = longest;
  ck_assert_ptr_null(mlcm__nearest("weight", &only, 1));
}
END_TEST

int main(void) {
  const TTest *tests[] = {utf8_accepts_the_edges_of_each_length,
                          utf8_refuses_everything_else,
                          plain_text_has_no_control_characters,
                          parse_i64_reads_the_whole_range,
                          parse_i64_refuses_everything_else,
                          parse_f64_reads_decimals,
                          parse_f64_reads_special_values_in_any_case,
                          parse_f64_refuses_everything_else,
                          parse_f64_bounds_the_length,
                          format_f64_is_short_and_laid_out_as_in_ecmascript,
                          format_f64_names_what_is_not_finite,
                          both_formats_read_back_as_the_same_bits,
                          format_f64_is_never_longer_than_needed,
                          the_locale_changes_nothing,
                          format_hexf64_has_one_spelling_per_value,
                          parse_hexf64_refuses_every_other_spelling,
                          parse_hexf64_reads_special_values,
                          parse_duration_reads_units,
                          parse_duration_refuses_everything_else,
                          format_duration_is_for_people,
                          format_time_is_utc_with_microseconds,
                          parse_time_reads_rfc_3339,
                          parse_time_refuses_everything_else,
                          times_read_back,
                          nearest_finds_slips_of_the_finger,
                          nearest_counts_edits,
                          nearest_is_null_when_nothing_is_near};
  return TEST_RUN("base_text", tests);
}
