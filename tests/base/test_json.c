/* SPDX-License-Identifier: Apache-2.0
 *
 * test_json.c - JSON out, JSON in.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "support/fault.h"
#include "support/malloc_fault.h"
#include "support/suite.h"

/* ---- Out ----------------------------------------------------------------------------------------------------------- */

/* What `write` writes, as text to be freed by free(). */
static char *written(void (*write)(mlcm__json *j), bool canonical, mlcm_status *bad) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__buffer b;
  mlcm__json j;
  mlcm__buffer_init(&b, ctx, 100000);
  mlcm__json_init(&j, &b, canonical);
  write(&j);
  *bad = b.bad;
  char *text = strdup(b.data ? b.data : "");
  mlcm__buffer_reset(&b);
  mlcm_context_free(ctx);
  return text;
}

static void assert_writes(void (*write)(mlcm__json *j), const char *expected) {
  mlcm_status bad = MLCM_OK;
  char *text = written(write, false, &bad);
  ck_assert_int_eq(bad, MLCM_OK);
  ck_assert_str_eq(text, expected);
  free(text);
}

static void write_all_kinds(mlcm__json *j) {
  mlcm__json_object(j, NULL);
  mlcm__json_array(j, "a");
  mlcm__json_i64(j, NULL, INT64_MIN);
  mlcm__json_f64(j, NULL, 0.1);
  mlcm__json_f64(j, NULL, NAN);
  mlcm__json_f64(j, NULL, -INFINITY);
  mlcm__json_array(j, NULL);
  mlcm__json_end(j);
  mlcm__json_end(j);
  mlcm__json_bool(j, "b", true);
  mlcm__json_bool(j, "c", false);
  mlcm__json_null(j, "d");
  mlcm__json_string(j, "e", NULL);
  mlcm__json_string_n(j, "f", "xyz", 2);
  mlcm__json_hexf64(j, "g", 3);
  mlcm__json_raw(j, "h", "[1]", 3);
  mlcm__json_object(j, "i");
  mlcm__json_end(j);
  mlcm__json_end(j);
}

START_TEST(writes_every_kind) {
  assert_writes(write_all_kinds,
                "{\"a\":[-9223372036854775808,0.1,null,null,[]],\"b\":true,\"c\":false,\"d\":null,\"e\":null,\"f\":\"xy\","
                "\"g\":\"0x1.8p+1\",\"h\":[1],\"i\":{}}");
}
END_TEST

static void write_escapes(mlcm__json *j) { mlcm__json_string_n(j, NULL, "\"\\/\b\f\n\r\t\x01\x1f\0\x7f\xE2\x82\xAC", 15); }

START_TEST(escapes_as_rfc_8785_says) {
  assert_writes(write_escapes, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u0000\x7f\xE2\x82\xAC\"");
}
END_TEST

static void write_bad_utf8(mlcm__json *j) { mlcm__json_string(j, NULL, "\xFF"); }

static void write_bad_key(mlcm__json *j) {
  mlcm__json_object(j, NULL);
  mlcm__json_i64(j, "\xC3", 1);
  mlcm__json_end(j);
}

START_TEST(text_that_is_not_utf8_spoils_the_buffer) {
  mlcm_status bad = MLCM_OK;
  free(written(write_bad_utf8, false, &bad));
  ck_assert_int_eq(bad, MLCM_INVALID_ARGUMENT);
  free(written(write_bad_key, false, &bad));
  ck_assert_int_eq(bad, MLCM_INVALID_ARGUMENT);
  const mlcm__buffer spoilt = {.bad = MLCM_INVALID_ARGUMENT};
  mlcm_error err;
  ck_assert_int_eq(mlcm__buffer_check(&spoilt, "the record", &err), MLCM_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, "the record would hold text that is not valid UTF-8");
}
END_TEST

static void write_too_deep(mlcm__json *j) {
  for (int i = 0; i < 100; i++) mlcm__json_array(j, NULL);
  mlcm__json_i64(j, NULL, 1);
  for (int i = 0; i < 100; i++) mlcm__json_end(j);
}

static void write_deepest(mlcm__json *j) {
  for (int i = 0; i < MLCM__JSON_DEPTH - 1; i++) mlcm__json_object(j, i ? "k" : NULL);
  for (int i = 0; i < MLCM__JSON_DEPTH - 1; i++) mlcm__json_end(j);
}

START_TEST(too_deep_is_an_error_and_not_a_crash) {
  mlcm_status bad = MLCM_OK;
  free(written(write_too_deep, true, &bad));
  ck_assert_int_eq(bad, MLCM_LIMIT);
  free(written(write_deepest, true, &bad));
  ck_assert_int_eq(bad, MLCM_OK);
}
END_TEST

START_TEST(keys_are_ordered_by_utf16_units) {
  ck_assert_int_lt(mlcm__json_key_order("a", "b"), 0);
  ck_assert_int_lt(mlcm__json_key_order("a", "ab"), 0);
  ck_assert_int_lt(mlcm__json_key_order("", "a"), 0);
  ck_assert_int_eq(mlcm__json_key_order("a", "a"), 0);
  ck_assert_int_lt(mlcm__json_key_order("A", "a"), 0);
  ck_assert_int_lt(mlcm__json_key_order("\xED\x9F\xBF", "\xF0\x9F\x98\x80"), 0); /* U+D7FF before U+1F600 */
  ck_assert_int_lt(mlcm__json_key_order("\xF0\x9F\x98\x80", "\xEF\xAC\xB3"), 0); /* U+1F600 (D83D DE00) before U+FB33 */
  ck_assert_int_gt(mlcm__json_key_order("\xEE\x80\x80", "\xF4\x8F\xBF\xBF"), 0); /* U+E000 behind U+10FFFF */
}
END_TEST

/* ---- In ------------------------------------------------------------------------------------------------------------ */

static const mlcm__json_limits limits = {.max_bytes = 10000, .max_depth = 8};

static mlcm_status parse_n(const char *text, size_t len, cJSON **out, mlcm_error *err) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  const mlcm_status st = mlcm__json_parse(ctx, "f.json", text, len, limits, out, err);
  mlcm_context_free(ctx);
  return st;
}

START_TEST(reads_what_is_json) {
  static const char *const good[] = {"0",
                                     "-0",
                                     "1.5e+3",
                                     "1E2",
                                     "\"\"",
                                     "null",
                                     "true",
                                     "false",
                                     "[]",
                                     "{}",
                                     " \t\r\n[ 1 , 2 ] \n",
                                     "{\"a\":{\"b\":[{}]}}",
                                     "\"\\ud83d\\ude00\\u00e9\\/\"",
                                     "[[[[[[[[1]]]]]]]]",
                                     "{\"a\":1,\"b\":{\"a\":1}}",
                                     "{\"a\":{},\"A\":{}}",
                                     "[{\"a\":1},{\"a\":1}]"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    cJSON *tree = NULL;
    mlcm_error err;
    const mlcm_status st = parse_n(good[i], strlen(good[i]), &tree, &err);
    ck_assert_msg(st == MLCM_OK, "'%s': %s", good[i], st ? err.message : "");
    ck_assert_ptr_nonnull(tree);
    cJSON_Delete(tree);
  }
}
END_TEST

START_TEST(decodes_values) {
  cJSON *tree = NULL;
  const char *text = "{\"s\":\"\\u00e9\\n\\ud83d\\ude00\",\"n\":-2.5e1,\"t\":true,\"l\":[null]}";
  ck_assert_int_eq(parse_n(text, strlen(text), &tree, NULL), MLCM_OK);
  ck_assert_str_eq(cJSON_GetObjectItemCaseSensitive(tree, "s")->valuestring, "\xC3\xA9\n\xF0\x9F\x98\x80");
  ck_assert(cJSON_GetObjectItemCaseSensitive(tree, "n")->valuedouble == -25);
  ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "t")));
  ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(tree, "l")), 1);
  cJSON_Delete(tree);
}
END_TEST

START_TEST(complains_with_line_and_column) {
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "f.json:1:1: the text ends where a value should be"},
      {"[1,\n 2,]", "f.json:2:4: found ']' where a value should be"},
      {"{\"a\" 1}", "f.json:1:6: found '1' where ':' should be"},
      {"{a:1}", "f.json:1:2: found 'a' where a key in double quotes should be"},
      {"{\"a\":1,}", "f.json:1:8: found '}' where a key in double quotes should be"},
      {"[1 2]", "f.json:1:4: found '2' where ',' or ']' should be"},
      {"{\"a\":1]", "f.json:1:7: found ']' where ',' or '}' should be"},
      {"[1", "f.json:1:3: the text ends where ',' or ']' should be"},
      {"1 2", "f.json:1:3: found '2' where the end should be"},
      {"01", "f.json:1:1: a number has a leading zero"},
      {"1.", "f.json:1:3: the text ends where a digit should be"},
      {".5", "f.json:1:1: found '.' where a value should be"},
      {"+1", "f.json:1:1: found '+' where a value should be"},
      {"-", "f.json:1:2: the text ends where a digit should be"},
      {"1e", "f.json:1:3: the text ends where a digit should be"},
      {"[1e999]", "f.json:1:2: a number is too large for a double"},
      {"NaN", "f.json:1:1: found 'N' where a value should be"},
      {"nul", "f.json:1:1: found 'n' where a value should be"},
      {"tru!", "f.json:1:1: found 't' where a value should be"},
      {"\"abc", "f.json:1:1: a string is not closed"},
      {"\"a\nb\"", "f.json:1:3: a control character in a string must be escaped"},
      {"[\"\\x\"]", "f.json:1:3: an escape is not one that JSON has"},
      {"\"\\", "f.json:1:2: an escape is not one that JSON has"},
      {"\"\\u12\"", "f.json:1:2: \\u wants four hexadecimal digits"},
      {"\"\\u12zz\"", "f.json:1:2: \\u wants four hexadecimal digits"},
      {"\"\\u 123\"", "f.json:1:2: \\u wants four hexadecimal digits"},
      {"\"\\u:123\"", "f.json:1:2: \\u wants four hexadecimal digits"},
      {"\"\\u0000\"", "f.json:1:2: text with a NUL character is not supported"},
      {"\"\\ud800\"", "f.json:1:2: half of a surrogate pair stands alone"},
      {"\"\\ud800\\u0041\"", "f.json:1:2: half of a surrogate pair stands alone"},
      {"\"\\udc00\\ud800\"", "f.json:1:2: half of a surrogate pair stands alone"},
      {"\"\\ud800\\ue000\"", "f.json:1:2: half of a surrogate pair stands alone"},
      {"\"\\ud800\\uzzzz\"", "f.json:1:2: half of a surrogate pair stands alone"},
      {"\"\\ud800\\n1234\"", "f.json:1:2: half of a surrogate pair stands alone"},
      {"\"\\ud800 12345\"", "f.json:1:2: half of a surrogate pair stands alone"},
      {"{\"\\x\":1}", "f.json:1:3: an escape is not one that JSON has"},
      {"{\"a\":1,\n\"b\":2,\"\\u0061\":3}", "f.json:2:7: key 'a' stands twice in one object"},
      {"[\"\xC3\xA4\xC3\xA4\", x]", "f.json:1:8: found 'x' where a value should be"},
      {"[\"\xC3\xA4\xFF\"]", "f.json:1:4: the text is not valid UTF-8"},
      {"\"\xC3\xA4\xFF\xFF\xFF\xFF\xFF\"", "f.json:1:3: the text is not valid UTF-8"},
      {"\"\xE2\x82", "f.json:1:2: the text is not valid UTF-8"},
      {"\xEF\xBB\xBF{}", "f.json:1:1: found byte 0xef where a value should be"},
      {"{'a':1}", "f.json:1:2: found ''' where a key in double quotes should be"},
      {"/* c */ 1", "f.json:1:1: found '/' where a value should be"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    cJSON *tree = NULL;
    mlcm_error err;
    ck_assert_msg(parse_n(rows[i].text, strlen(rows[i].text), &tree, &err) == MLCM_PARSE, "'%s'", rows[i].text);
    ck_assert_str_eq(err.message, rows[i].message);
    ck_assert_ptr_null(tree);
  }
}
END_TEST

/* Two spellings of one key are one key. */
START_TEST(keys_are_compared_decoded) {
  static const char *const rows[] = {"{\"\\u00e9\":1,\"\xC3\xA9\":2}", "{\"\xE2\x82\xAC\":1,\"\\u20AC\":2}",
                                     "{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}", "{\"\\/\\n\":1,\"/\\u000a\":2}",
                                     "{\"\\uFFFD\":1,\"\xEF\xBF\xBD\":2}"};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    cJSON *tree = NULL;
    mlcm_error err;
    ck_assert_int_eq(parse_n(rows[i], strlen(rows[i]), &tree, &err), MLCM_PARSE);
    ck_assert_msg(strstr(err.message, "stands twice") != NULL, "%s", err.message);
  }
}
END_TEST

START_TEST(a_nul_in_the_text_is_no_end) {
  cJSON *tree = NULL;
  ck_assert_int_eq(parse_n("1\0", 2, &tree, NULL), MLCM_PARSE);
  ck_assert_int_eq(parse_n("[1\0]", 4, &tree, NULL), MLCM_PARSE);
  ck_assert_int_eq(parse_n("\"a\0b\"", 5, &tree, NULL), MLCM_PARSE);
}
END_TEST

START_TEST(limits_are_named) {
  static char large[10002];
  cJSON *tree = NULL;
  mlcm_error err;
  memset(large, ' ', sizeof large);
  ck_assert_int_eq(parse_n(large, 10001, &tree, &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message, "f.json has 10001 bytes, more than the limit of 10000");
  ck_assert_int_eq(parse_n("[[[[[[[[[1]]]]]]]]]", 19, &tree, &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message, "f.json:1:9: nested deeper than the limit of 8");
  const mlcm__json_limits four = {.max_bytes = 100, .max_depth = 8, .max_values = 4};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  ck_assert_int_eq(mlcm__json_parse(ctx, "f.json", "[1,{\"a\":2}]", 11, four, &tree, &err), MLCM_OK);
  cJSON_Delete(tree);
  ck_assert_int_eq(mlcm__json_parse(ctx, "f.json", "[1,{\"a\":[]},3]", 14, four, &tree, &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message, "f.json:1:13: more values than the limit of 4");
  mlcm_context_free(ctx);
  memset(large, '1', 64);
  ck_assert_int_eq(parse_n(large, 64, &tree, &err), MLCM_LIMIT);
  ck_assert_int_eq(parse_n(large, 63, &tree, &err), MLCM_OK);
  cJSON_Delete(tree);
}
END_TEST

START_TEST(typed_members) {
  const char *text = "{\"s\":\"x\",\"i\":-5,\"big\":\"9223372036854775807\",\"edge\":9007199254740992,\"half\":0.5,\"huge\":"
                     "1e300,\"h\":\"0x1.8p+1\",\"bad\":\"zz\",\"o\":{},\"z\":null,\"low\":-1e300,\"t\":true,\"l\":[]}";
  cJSON *tree = NULL;
  mlcm_error err;
  const char *s = NULL;
  int64_t i = 0;
  double d = 0;
  ck_assert_int_eq(parse_n(text, strlen(text), &tree, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__json_get_string(tree, "s", "it", &s, NULL), MLCM_OK);
  ck_assert_str_eq(s, "x");
  ck_assert_int_eq(mlcm__json_get_i64(tree, "i", "it", &i, NULL), MLCM_OK);
  ck_assert_int_eq(i, -5);
  ck_assert_int_eq(mlcm__json_get_i64(tree, "big", "it", &i, NULL), MLCM_OK);
  ck_assert_int_eq(i, INT64_MAX);
  ck_assert_int_eq(mlcm__json_get_i64(tree, "edge", "it", &i, NULL), MLCM_OK);
  ck_assert_int_eq(i, INT64_C(1) << 53);
  ck_assert_int_eq(mlcm__json_get_hexf64(tree, "h", "it", &d, NULL), MLCM_OK);
  ck_assert(d == 3);
  static const char *const not_i64[] = {"half", "huge", "low", "bad", "o", "z", "s", "none"};
  for (size_t k = 0; k < sizeof not_i64 / sizeof not_i64[0]; k++) {
    ck_assert_int_eq(mlcm__json_get_i64(tree, not_i64[k], "the record", &i, &err), MLCM_PARSE);
    ck_assert_ptr_nonnull(strstr(err.message, not_i64[k]));
    ck_assert_int_eq(strncmp(err.message, "the record: ", 12), 0);
  }
  ck_assert_int_eq(mlcm__json_get_string(tree, "i", "it", &s, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "it: 'i' must be a string, found a number");
  static const char *const kinds[][2] = {{"o", "an object"}, {"z", "null"}, {"t", "true or false"}, {"l", "an array"}};
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
    ck_assert_int_eq(mlcm__json_get_string(tree, kinds[k][0], "it", &s, &err), MLCM_PARSE);
    ck_assert_ptr_nonnull(strstr(err.message, kinds[k][1]));
  }
  ck_assert_int_eq(mlcm__json_get_string(tree, "none", "it", &s, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "it: key 'none' is missing");
  ck_assert_int_eq(mlcm__json_get_string(NULL, "none", "it", &s, &err), MLCM_PARSE);
  ck_assert_int_eq(mlcm__json_get_hexf64(tree, "bad", "it", &d, &err), MLCM_PARSE);
  ck_assert_int_eq(mlcm__json_get_hexf64(tree, "i", "it", &d, &err), MLCM_PARSE);
  cJSON_Delete(tree);
}
END_TEST

static mlcm_status read_and_write(mlcm_context *ctx, void *user, mlcm_error *err) {
  (void)user;
  const char *text = "{\"a\":[1,2,{\"b\":\"c\"}],\"d\":{\"e\":null,\"f\":\"0123456789012345678901234567890123456789\"}}";
  cJSON *tree = NULL;
  mlcm__buffer b;
  mlcm__json j;
  mlcm__buffer_init(&b, ctx, 10000);
  mlcm__json_init(&j, &b, true);
  mlcm_status st = mlcm__json_parse(ctx, "x", text, strlen(text), limits, &tree, err);
  write_all_kinds(&j);
  if (!st) st = mlcm__buffer_check(&b, "it", err);
  mlcm__buffer_reset(&b);
  cJSON_Delete(tree);
  return st;
}

START_TEST(lack_of_memory_is_an_error_each_time) { ck_assert_uint_gt(test_fault_memory(read_and_write, NULL, NULL), 8); }
END_TEST

/* The parser underneath has the C library's memory. */
START_TEST(lack_of_the_parsers_memory_is_an_error_too) {
  if (test_malloc_can_fail()) ck_assert_uint_gt(test_fault_malloc(read_and_write, NULL, NULL, 1), 8);
}
END_TEST

/* One document with 20,000 keys: finding duplicates must not take the square of it. */
START_TEST(many_keys_are_read_quickly) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__buffer b;
  mlcm__json j;
  char key[16];
  mlcm__buffer_init(&b, ctx, 1 << 20);
  mlcm__json_init(&j, &b, false);
  mlcm__json_object(&j, NULL);
  for (int i = 0; i < 20000; i++) {
    snprintf(key, sizeof key, "k%d", i);
    mlcm__json_i64(&j, key, i);
  }
  mlcm__json_end(&j);
  cJSON *tree = NULL;
  ck_assert_int_eq(mlcm__json_parse(ctx, "x", b.data, b.len, (mlcm__json_limits){.max_bytes = 1 << 20, .max_depth = 4}, &tree, NULL), MLCM_OK);
  ck_assert_int_eq(cJSON_GetArraySize(tree), 20000);
  cJSON_Delete(tree);
  mlcm__buffer_reset(&b);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_buffer_that_is_bad_already_keeps_its_reason) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__buffer b;
  mlcm__json j;
  mlcm__buffer_init(&b, ctx, 3);
  mlcm__json_init(&j, &b, false);
  mlcm__json_string(&j, NULL, "too long");
  ck_assert_int_eq(b.bad, MLCM_LIMIT);
  mlcm__json_init(&j, &b, false);
  mlcm__json_string(&j, NULL, "\xff");
  ck_assert_int_eq(b.bad, MLCM_LIMIT);
  mlcm__buffer_reset(&b);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(numbers_have_exponents_of_both_signs) {
  static const char *const good[] = {"1e5", "1E+5", "1e-5", "-1.5e-3"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    cJSON *tree = NULL;
    ck_assert_int_eq(parse_n(good[i], strlen(good[i]), &tree, NULL), MLCM_OK);
    cJSON_Delete(tree);
  }
}
END_TEST

int main(void) {
  const TTest *tests[] = {writes_every_kind,
                          escapes_as_rfc_8785_says,
                          text_that_is_not_utf8_spoils_the_buffer,
                          too_deep_is_an_error_and_not_a_crash,
                          keys_are_ordered_by_utf16_units,
                          reads_what_is_json,
                          decodes_values,
                          complains_with_line_and_column,
                          keys_are_compared_decoded,
                          a_nul_in_the_text_is_no_end,
                          limits_are_named,
                          typed_members,
                          lack_of_memory_is_an_error_each_time,
                          lack_of_the_parsers_memory_is_an_error_too,
                          many_keys_are_read_quickly,
                          a_buffer_that_is_bad_already_keeps_its_reason,
                          numbers_have_exponents_of_both_signs};
  return TEST_RUN("base_json", tests);
}
