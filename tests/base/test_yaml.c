/* SPDX-License-Identifier: Apache-2.0
 *
 * test_yaml.c - YAML into a tree, and complaints that say where.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"
#include "support/fault.h"
#include "support/malloc_fault.h"
#include "support/suite.h"

/* The parsed text together with the context it needs. */
typedef struct parsed {
  mlcm_context *ctx;
  mlcm__yaml *doc;
  const mlcm__node *root;
  mlcm_status st;
  mlcm_error err;
} parsed;

static parsed parse_n(const char *text, size_t len) {
  parsed p = {.ctx = test_context(NULL, NULL, NULL)};
  p.st = mlcm__yaml_parse(p.ctx, "p.yaml", text, len, &p.doc, &p.err);
  if (p.st) {
    ck_assert_ptr_null(p.doc);
  } else {
    p.root = mlcm__yaml_root(p.doc);
    ck_assert_ptr_nonnull(p.root);
  }
  return p;
}

static parsed parse(const char *text) {
  parsed p = parse_n(text, strlen(text));
  ck_assert_msg(p.st == MLCM_OK, "%s", p.st ? p.err.message : "");
  return p;
}

static void end(parsed *p) {
  mlcm__yaml_free(p->doc);
  mlcm_context_free(p->ctx);
}

static void assert_fails(const char *text, size_t len, mlcm_status code, const char *message) {
  parsed p = parse_n(text, len);
  ck_assert_int_eq(p.st, code);
  ck_assert_str_eq(p.err.message, message);
  end(&p);
}

START_TEST(the_tree_has_kinds_texts_and_positions) {
  parsed p = parse("a: 1\nlist:\n  - x\n  - {b: 'q', c: \"r\\n\"}\n");
  ck_assert_str_eq(mlcm__yaml_name(p.doc), "p.yaml");
  ck_assert_int_eq(p.root->kind, MLCM__YAML_MAP);
  ck_assert_uint_eq(p.root->n, 2);
  const mlcm__node *a = mlcm__yaml_get(p.root, "a"), *list = mlcm__yaml_get(p.root, "list");
  ck_assert_str_eq(a->text, "1");
  ck_assert(!a->quoted);
  ck_assert_int_eq(a->line, 1);
  ck_assert_int_eq(a->column, 4);
  ck_assert_int_eq(list->kind, MLCM__YAML_LIST);
  ck_assert_uint_eq(list->n, 2);
  ck_assert_str_eq(list->items[0]->text, "x");
  ck_assert_int_eq(list->items[1]->line, 4);
  ck_assert_int_eq(list->items[1]->column, 5);
  const mlcm__node *b = mlcm__yaml_get(list->items[1], "b"), *c = mlcm__yaml_get(list->items[1], "c");
  ck_assert(b->quoted && c->quoted);
  ck_assert_str_eq(c->text, "r\n");
  ck_assert_uint_eq(c->len, 2);
  ck_assert_int_eq(b->column, 9);
  end(&p);
}
END_TEST

START_TEST(empty_maps_lists_and_values_are_there) {
  parsed p = parse("m: {}\nl: []\nv:\nq: ''\n");
  ck_assert_uint_eq(mlcm__yaml_get(p.root, "m")->n, 0);
  ck_assert_uint_eq(mlcm__yaml_get(p.root, "l")->n, 0);
  ck_assert_str_eq(mlcm__yaml_get(p.root, "v")->text, "");
  ck_assert(!mlcm__yaml_get(p.root, "v")->quoted);
  ck_assert(mlcm__yaml_get(p.root, "q")->quoted);
  ck_assert_ptr_null(mlcm__yaml_get(p.root, "none"));
  ck_assert_ptr_null(mlcm__yaml_get(mlcm__yaml_get(p.root, "l"), "x"));
  ck_assert_ptr_null(mlcm__yaml_get(NULL, "x"));
  end(&p);
}
END_TEST

START_TEST(columns_count_characters) {
  parsed p = parse("\xC3\xA4\xC3\xB6: {x: 1}\n");
  ck_assert_int_eq(mlcm__yaml_get(p.root->items[1], "x")->column, 9);
  end(&p);
}
END_TEST

START_TEST(block_text_is_joined) {
  parsed p = parse("t: |\n  a\n  b\n");
  ck_assert_str_eq(mlcm__yaml_get(p.root, "t")->text, "a\nb\n");
  ck_assert(mlcm__yaml_get(p.root, "t")->quoted);
  end(&p);
}
END_TEST

START_TEST(the_same_key_may_stand_in_different_maps) {
  parsed p = parse("a: {a: 1, b: {a: 2}}\nb: {a: 3}\nc: [{a: 1}, {a: 1}]\n");
  end(&p);
}
END_TEST

START_TEST(refuses_with_position) {
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "p.yaml:1:1: the text is empty"},
      {"# only a comment\n", "p.yaml:1:1: the text is empty"},
      {"---\n", "p.yaml:1:1: the text is empty"},
      {"a: 1\nb: 2\na: 3\n", "p.yaml:3:1: key 'a' stands twice, first in line 1"},
      {"x: {k: 1, 'k': 2}\n", "p.yaml:1:11: key 'k' stands twice, first in line 1"},
      {"a: &x 1\n", "p.yaml:1:4: anchors ('&name') are not supported: write the value out"},
      {"a: 1\nb: [*x]\n", "p.yaml:2:5: aliases ('*name') are not supported: write the value out"},
      {"a: !!str 1\n", "p.yaml:1:4: tags ('!name') are not supported: leave it out, or quote the text"},
      {"a: !t [1]\n", "p.yaml:1:4: tags ('!name') are not supported: leave it out, or quote the text"},
      {"a: &m {b: 1}\n", "p.yaml:1:4: anchors ('&name') are not supported: write the value out"},
      {"a: 1\n---\nb: 2\n", "p.yaml:2:1: a second document begins: one a file, please"},
      {"[1, 2]: 3\n", "p.yaml:1:1: a key must be a plain value"},
      {"? {a: b}\n: c\n", "p.yaml:1:3: a key must be a plain value"},
      {"a: \"x\\0y\"\n", "p.yaml:1:4: text with a NUL character is not supported"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    assert_fails(rows[i].text, strlen(rows[i].text), MLCM_PARSE, rows[i].message);
}
END_TEST

START_TEST(what_is_no_yaml_has_a_position) {
  static const char *const rows[][2] = {{"a: [1, 2\n", "p.yaml:2:1: "},
                                        {"a: 1\n\tb: 2\n", "p.yaml:2:1: "},
                                        {"a: b: c\n", "p.yaml:1:5: "},
                                        {"a: 'x\n", "p.yaml:2:1: "}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    parsed p = parse_n(rows[i][0], strlen(rows[i][0]));
    ck_assert_int_eq(p.st, MLCM_PARSE); /* the words are libyaml's and differ between its versions */
    ck_assert_msg(strncmp(p.err.message, rows[i][1], strlen(rows[i][1])) == 0, "%s", p.err.message);
    end(&p);
  }
}
END_TEST

START_TEST(bytes_that_are_not_utf8_have_a_position_too) {
  parsed p = parse_n("a: 1\nb: \xFF\n", 10);
  ck_assert_int_eq(p.st, MLCM_PARSE);
  ck_assert_int_eq(strncmp(p.err.message, "p.yaml:2:4: ", 12), 0);
  end(&p);
  p = parse_n("\xFF\xFE"
              "a\0:\0 \0"
              "1\0",
              10); /* UTF-16 is not guessed */
  ck_assert_int_eq(p.st, MLCM_PARSE);
  end(&p);
}
END_TEST

START_TEST(size_depth_and_number_of_values_are_limited) {
  enum { LARGE = 1 << 20 };
  char *text = malloc(LARGE + 2);
  ck_assert_ptr_nonnull(text);
  memset(text, ' ', LARGE + 1);
  assert_fails(text, LARGE + 1, MLCM_LIMIT, "p.yaml has 1048577 bytes, more than the limit of 1048576");
  memset(text, '[', 33);
  assert_fails(text, 33, MLCM_LIMIT, "p.yaml:1:33: nested deeper than the limit of 32");
  memset(text, '[', LARGE);
  assert_fails(text, LARGE, MLCM_LIMIT, "p.yaml:1:33: nested deeper than the limit of 32");
  size_t at = 0;
  for (int i = 0; i < 100001; i++) memcpy(text + at, "- 1\n", 4), at += 4;
  assert_fails(text, at, MLCM_LIMIT, "p.yaml:100000:3: more than the limit of 100000 values");
  at = 0;
  for (int i = 0; i < 100001; i++) memcpy(text + at, "- []\n", 5), at += 5;
  assert_fails(text, at, MLCM_LIMIT, "p.yaml:100000:3: more than the limit of 100000 values");
  memset(text, '[', 32);
  memset(text + 32, ']', 32);
  parsed p = parse_n(text, 64);
  ck_assert_int_eq(p.st, MLCM_OK);
  end(&p);
  free(text);
}
END_TEST

START_TEST(unknown_keys_suggest_the_nearest) {
  static const char *const keys[] = {"weight", "for", "gates"};
  mlcm_error err;
  parsed p = parse("weight: 1\nwieght: 2\n");
  ck_assert_int_eq(mlcm__yaml_known_keys(p.doc, p.root, keys, 3, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "p.yaml:2:1: unknown key 'wieght' (did you mean 'weight'?)");
  end(&p);
  p = parse("weight: 1\nsomething: 2\n");
  ck_assert_int_eq(mlcm__yaml_known_keys(p.doc, p.root, keys, 3, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "p.yaml:2:1: unknown key 'something' (known here: weight, for, gates)");
  end(&p);
  p = parse("weight: 1\ngates: []\n");
  ck_assert_int_eq(mlcm__yaml_known_keys(p.doc, p.root, keys, 3, &err), MLCM_OK);
  ck_assert_int_eq(mlcm__yaml_known_keys(p.doc, mlcm__yaml_get(p.root, "gates"), keys, 3, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "p.yaml:2:8: must be a map of keys and values");
  end(&p);
}
END_TEST

START_TEST(a_long_list_of_known_keys_is_cut_at_a_word) {
  char words[40][32];
  const char *keys[40];
  for (int i = 0; i < 40; i++) {
    snprintf(words[i], sizeof words[i], "some-key-%02d", i);
    keys[i] = words[i];
  }
  mlcm_error err;
  parsed p = parse("zzzzzz: 1\n");
  ck_assert_int_eq(mlcm__yaml_known_keys(p.doc, p.root, keys, 40, &err), MLCM_PARSE);
  ck_assert_ptr_nonnull(strstr(err.message, "some-key-23)"));
  ck_assert_ptr_null(strstr(err.message, "some-key-24"));
  end(&p);
}
END_TEST

START_TEST(fail_without_a_place_names_the_file) {
  mlcm_error err;
  parsed p = parse("a: 1\n");
  ck_assert_int_eq(mlcm__yaml_fail(p.doc, NULL, &err, "key '%s' is missing", "steps"), MLCM_PARSE);
  ck_assert_str_eq(err.message, "p.yaml: key 'steps' is missing");
  ck_assert_int_eq(mlcm__yaml_fail(p.doc, p.root, NULL, "x"), MLCM_PARSE);
  end(&p);
}
END_TEST

/* ---- Typed scalars ------------------------------------------------------------------------------------------------- */

/* One function for all types, so that one table holds all rows. The value comes back as text. */
typedef mlcm_status (*typed_read)(const parsed *p, const mlcm__node *node, char out[64], mlcm_error *err);

static mlcm_status as_f64(const parsed *p, const mlcm__node *node, char out[64], mlcm_error *err) {
  double value = 0;
  const mlcm_status st = mlcm__yaml_f64(p->doc, node, "x", &value, err);
  snprintf(out, 64, "%.17g", value);
  return st;
}

static mlcm_status as_i64(const parsed *p, const mlcm__node *node, char out[64], mlcm_error *err) {
  int64_t value = 0;
  const mlcm_status st = mlcm__yaml_i64(p->doc, node, "x", &value, err);
  snprintf(out, 64, "%lld", (long long)value);
  return st;
}

static mlcm_status as_bool(const parsed *p, const mlcm__node *node, char out[64], mlcm_error *err) {
  bool value = false;
  const mlcm_status st = mlcm__yaml_bool(p->doc, node, "x", &value, err);
  snprintf(out, 64, "%s", value ? "true" : "false");
  return st;
}

static mlcm_status as_text(const parsed *p, const mlcm__node *node, char out[64], mlcm_error *err) {
  const char *value = "";
  const mlcm_status st = mlcm__yaml_text(p->doc, node, "x", &value, err);
  snprintf(out, 64, "%s", value);
  return st;
}

static mlcm_status as_duration(const parsed *p, const mlcm__node *node, char out[64], mlcm_error *err) {
  int64_t value = 0;
  const mlcm_status st = mlcm__yaml_duration(p->doc, node, "x", &value, err);
  snprintf(out, 64, "%lld", (long long)value);
  return st;
}

static mlcm_status as_share(const parsed *p, const mlcm__node *node, char out[64], mlcm_error *err) {
  double value = 0;
  const mlcm_status st = mlcm__yaml_share(p->doc, node, "x", &value, err);
  snprintf(out, 64, "%g", value);
  return st;
}

static mlcm_status as_times(const parsed *p, const mlcm__node *node, char out[64], mlcm_error *err) {
  double value = 0;
  const mlcm_status st = mlcm__yaml_times(p->doc, node, "x", &value, err);
  snprintf(out, 64, "%g", value);
  return st;
}

START_TEST(typed_scalars_are_read) {
  static const struct {
    typed_read read;
    const char *text, *value;
  } rows[] = {
      {as_f64, "0.25", "0.25"},
      {as_f64, "-1e3", "-1000"},
      {as_i64, "-42", "-42"},
      {as_i64, "0", "0"},
      {as_bool, "true", "true"},
      {as_bool, "false", "false"},
      {as_text, "digits", "digits"},
      {as_text, "'7'", "7"},
      {as_text, "''", ""},
      {as_text, "true", "true"},
      {as_duration, "1m", "60000000000"},
      {as_duration, "'250ms'", "250000000"},
      {as_duration, "0", "0"},
      {as_share, "5%", "0.05"},
      {as_share, "'100%'", "1"},
      {as_share, "0.05", "0.05"},
      {as_share, "1", "1"},
      {as_share, "0%", "0"},
      {as_times, "1.25x", "1.25"},
      {as_times, "2", "2"},
      {as_times, "'0.9x'", "0.9"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[64], value[64];
    mlcm_error err;
    snprintf(text, sizeof text, "x: %s\n", rows[i].text);
    parsed p = parse(text);
    const mlcm_status st = rows[i].read(&p, mlcm__yaml_get(p.root, "x"), value, &err);
    ck_assert_msg(st == MLCM_OK, "%s: %s", rows[i].text, st ? err.message : "");
    ck_assert_str_eq(value, rows[i].value);
    end(&p);
  }
}
END_TEST

START_TEST(typed_scalars_complain_with_what_was_found) {
  static const struct {
    typed_read read;
    const char *text, *message;
  } rows[] = {
      {as_f64, "abc", "p.yaml:1:4: 'x' must be a number, found 'abc'"},
      {as_f64, "'1'", "p.yaml:1:4: 'x' must be a number, found '1' in quotes"},
      {as_f64, "NaN", "p.yaml:1:4: 'x' must be a number, found 'NaN'"},
      {as_f64, "inf", "p.yaml:1:4: 'x' must be a number, found 'inf'"},
      {as_f64, "", "p.yaml:1:3: 'x' must be a number, found nothing"},
      {as_f64, "[1]", "p.yaml:1:4: 'x' must be a number, found a list"},
      {as_i64, "'1'", "p.yaml:1:4: 'x' must be a whole number, found '1' in quotes"},
      {as_i64, "1.5", "p.yaml:1:4: 'x' must be a whole number, found '1.5'"},
      {as_i64, "[1]", "p.yaml:1:4: 'x' must be a whole number, found a list"},
      {as_bool, "yes", "p.yaml:1:4: 'x' must be true or false, found 'yes'"},
      {as_bool, "[]", "p.yaml:1:4: 'x' must be true or false, found a list"},
      {as_bool, "'true'", "p.yaml:1:4: 'x' must be true or false, found 'true' in quotes"},
      {as_text, "{a: 1}", "p.yaml:1:4: 'x' must be text, found a map"},
      {as_text, "", "p.yaml:1:3: 'x' must be text, found nothing"},
      {as_duration, "10", "p.yaml:1:4: 'x' must be a duration with its unit, such as 250ms, 30s or 1h30m, found '10'"},
      {as_duration, "-1s", "p.yaml:1:4: 'x' must be a duration with its unit, such as 250ms, 30s or 1h30m, found '-1s'"},
      {as_duration, "[]", "p.yaml:1:4: 'x' must be a duration with its unit, such as 250ms, 30s or 1h30m, found a list"},
      {as_share, "[]", "p.yaml:1:4: 'x' must be a share from 0% to 100% (or 0 to 1), found a list"},
      {as_share, "", "p.yaml:1:3: 'x' must be a share from 0% to 100% (or 0 to 1), found nothing"},
      {as_times, "[]", "p.yaml:1:4: 'x' must be a factor above 0, such as 1.25x, found a list"},
      {as_times, "", "p.yaml:1:3: 'x' must be a factor above 0, such as 1.25x, found nothing"},
      {as_share, "101%", "p.yaml:1:4: 'x' must be a share from 0% to 100% (or 0 to 1), found '101%'"},
      {as_share, "5", "p.yaml:1:4: 'x' must be a share from 0% to 100% (or 0 to 1), found '5'"},
      {as_share, "-0.1", "p.yaml:1:4: 'x' must be a share from 0% to 100% (or 0 to 1), found '-0.1'"},
      {as_share, "nan%", "p.yaml:1:4: 'x' must be a share from 0% to 100% (or 0 to 1), found 'nan%'"},
      {as_share, "'%'", "p.yaml:1:4: 'x' must be a share from 0% to 100% (or 0 to 1), found '%' in quotes"},
      {as_times, "0x", "p.yaml:1:4: 'x' must be a factor above 0, such as 1.25x, found '0x'"},
      {as_times, "-1x", "p.yaml:1:4: 'x' must be a factor above 0, such as 1.25x, found '-1x'"},
      {as_times, "infx", "p.yaml:1:4: 'x' must be a factor above 0, such as 1.25x, found 'infx'"},
      {as_times, "x", "p.yaml:1:4: 'x' must be a factor above 0, such as 1.25x, found 'x'"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[64], value[64];
    mlcm_error err;
    snprintf(text, sizeof text, "x: %s\n", rows[i].text);
    parsed p = parse(text);
    ck_assert_int_eq(rows[i].read(&p, mlcm__yaml_get(p.root, "x"), value, &err), MLCM_PARSE);
    ck_assert_str_eq(err.message, rows[i].message);
    end(&p);
  }
}
END_TEST

START_TEST(a_missing_value_is_named) {
  char value[64];
  mlcm_error err;
  parsed p = parse("a: 1\n");
  ck_assert_int_eq(as_i64(&p, mlcm__yaml_get(p.root, "x"), value, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "p.yaml: 'x' is missing: it must be a whole number");
  end(&p);
}
END_TEST

static mlcm_status read_plan(mlcm_context *ctx, void *user, mlcm_error *err) {
  (void)user;
  const char *text =
      "mlcm: rollout/v1\nsteps:\n  - {weight: 5%, for: 1m}\n  - {weight: 25%, for: 2m}\nchecks: [a, b, [c, d, {e: f}]]\n";
  mlcm__yaml *doc = NULL;
  const mlcm_status st = mlcm__yaml_parse(ctx, "p.yaml", text, strlen(text), &doc, err);
  mlcm__yaml_free(doc);
  return st;
}

START_TEST(lack_of_memory_is_an_error_each_time) { ck_assert_uint_gt(test_fault_memory(read_plan, NULL, NULL), 10); }
END_TEST

/* The parser underneath has the C library's memory. */
START_TEST(lack_of_the_parsers_memory_is_an_error_too) {
  if (test_malloc_can_fail()) ck_assert_uint_gt(test_fault_malloc(read_plan, NULL, NULL, 1), 8);
}
END_TEST

START_TEST(a_word_and_an_empty_text_in_quotes_are_documents) {
  static const char *const texts[] = {"word", "''"};
  for (size_t i = 0; i < 2; i++) {
    parsed p = parse(texts[i]);
    ck_assert_int_eq(p.root->kind, MLCM__YAML_SCALAR);
    ck_assert_str_eq(p.root->text, i == 0 ? "word" : "");
    end(&p);
  }
}
END_TEST

START_TEST(no_text_at_all_is_an_empty_one) { assert_fails(NULL, 0, MLCM_PARSE, "p.yaml:1:1: the text is empty"); }
END_TEST

/* Appends a word; answers its length. */
static size_t put(char *at, const char *word) {
  memcpy(at, word, strlen(word));
  return strlen(word);
}

/* Enough of everything that each kind of memory is asked for anew somewhere in it. */
static mlcm_status read_large(mlcm_context *ctx, void *user, mlcm_error *err) {
  const char *text = user;
  mlcm__yaml *doc = NULL;
  const mlcm_status st = mlcm__yaml_parse(ctx, "p.yaml", text, strlen(text), &doc, err);
  mlcm__yaml_free(doc);
  return st;
}

START_TEST(lack_of_memory_in_a_large_text_is_an_error_each_time) {
  enum { LISTS = 60, ITEMS = 66000, LONG = 50000 };
  char *text = calloc(LISTS * 8 + ITEMS * 8 + LONG + 100, 1), *at = text;
  ck_assert_ptr_nonnull(text);
  at += put(at, "long: ");
  memset(at, 'x', LONG);
  at += LONG;
  at += put(at, "\nitems: [");
  for (int i = 0; i < ITEMS; i++) at += put(at, "a, ");
  at += put(at, "]\nlists: [");
  for (int i = 0; i < LISTS; i++) at += put(at, "[], ");
  (void)put(at, "]\n");
  ck_assert_uint_gt(test_fault_memory(read_large, NULL, text), 20);
  free(text);
}
END_TEST

int main(void) {
  const TTest *tests[] = {the_tree_has_kinds_texts_and_positions,
                          empty_maps_lists_and_values_are_there,
                          columns_count_characters,
                          block_text_is_joined,
                          the_same_key_may_stand_in_different_maps,
                          refuses_with_position,
                          what_is_no_yaml_has_a_position,
                          bytes_that_are_not_utf8_have_a_position_too,
                          size_depth_and_number_of_values_are_limited,
                          unknown_keys_suggest_the_nearest,
                          a_long_list_of_known_keys_is_cut_at_a_word,
                          fail_without_a_place_names_the_file,
                          typed_scalars_are_read,
                          typed_scalars_complain_with_what_was_found,
                          a_missing_value_is_named,
                          lack_of_memory_is_an_error_each_time,
                          lack_of_the_parsers_memory_is_an_error_too,
                          a_word_and_an_empty_text_in_quotes_are_documents,
                          no_text_at_all_is_an_empty_one,
                          lack_of_memory_in_a_large_text_is_an_error_each_time};
  return TEST_RUN("base_yaml", tests);
}
