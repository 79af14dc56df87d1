/* SPDX-License-Identifier: Apache-2.0
 *
 * test_search_parse.c - what is said, and where, about filters and orders that break the grammar.
 */
#include "registry/fixture.h"
#include "registry/search_parse.h"
#include "registry/search_sql.h"

static mlcm_status parse(mlcm__entity entity, const char *filter, const char *order, mlcm_error *err) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__arena arena;
  mlcm__search search;
  mlcm__arena_init(&arena, ctx);
  mlcm_status st = mlcm__search_parse(&arena, entity, filter, order, &search, err);
  mlcm__arena_reset(&arena);
  mlcm_context_free(ctx);
  return st;
}

static const char *const filters[][2] = {
    {"nam = 'x'", "filter:1:1: unknown key 'nam' (did you mean 'name'?)"},
    {"name = 'x' AND verson > 1", "filter:1:16: unknown key 'verson' (did you mean 'version'?)"},
    {"name = 'x' AND\n  verson > 1", "filter:2:3: unknown key 'verson'"},
    {"name = 'ü' AND verson > 1", "filter:1:16: unknown key"},
    {"completely = 1", "filter:1:1: unknown key 'completely': there are name, version"},
    {"attribute.nam = 'x'", "filter:1:11: unknown key 'nam'"},
    {"param.x = 'x'", "filter:1:1: unknown key 'param'"},
    {"name", "filter:1:5: expected one of = != < <= > >= LIKE ILIKE IN after 'name', found the end"},
    {"name 'x'", "filter:1:6: expected one of"},
    {"name =", "filter:1:7: expected a value: 'text' in single quotes or a number, found the end"},
    {"name = x", "filter:1:8: expected a value"},
    {"name = = 'x'", "filter:1:8: expected a value"},
    {"= 'x'", "filter:1:1: expected a key, found ="},
    {"name = 'x' AND", "filter:1:15: expected a key, found the end"},
    {"AND name = 'x'", "filter:1:1: unknown key 'AND'"},
    {"name = 'x' name = 'y'", "filter:1:12: expected AND, found name"},
    {"name = 'x' OR name = 'y'", "filter:1:12: OR is not understood"},
    {"name NOT LIKE 'x'", "filter:1:6: NOT is not understood; use !="},
    {"(name = 'x')", "filter:1:1: expected a key, found ("},
    {"name = 'x", "filter:1:8: what starts here with ' has no closing '"},
    {"name = 'x''", "filter:1:8: what starts here with ' has no closing '"},
    {"tags.`x = 'y'", "filter:1:6: what starts here with ` has no closing `"},
    {"tags. = 'y'", "filter:1:6: a name must follow the dot"},
    {"tags.`` = 'y'", "filter:1:6: the name after tags. is empty"},
    {"tags = 'y'", "filter:1:1: 'tags' needs a name: tags.KEY"},
    {"name = 3", "filter:1:8: 'name' is text: write '3' in single quotes"},
    {"version = '3'", "filter:1:11: 'version' is a number: write it without quotes"},
    {"version = 3x", "filter:1:11: '3x' is not a number"},
    {"version = 1e999", "filter:1:11:"},
    {"version = 1-2", "filter:1:12: expected AND, found -2"},
    {"version = 1.-", "filter:1:13:"},
    {"name = 'x' AND ü", "filter:1:16: unknown key 'ü'"},
    {"attribute.", "filter:1:11: unknown key ''"},
    {"version = 0x10", "filter:1:11: '0x10' is not a number"},
    {"version LIKE '3'", "filter:1:9: 'version' cannot be compared with LIKE, only with = != < <= > >= IN"},
    {"metrics.accuracy = 'high'", "filter:1:20: 'metrics' is a number"},
    {"created > 'yesterday'", "filter:1:11: 'created' is a time: write it as '2026-03-01'"},
    {"created > 5", "filter:1:11: 'created' is a time"},
    {"created > '2026-13-01'", "filter:1:11: 'created' is a time"},
    {"state = 'broken'", "filter:1:9: state is 'ready' or 'deleted', not 'broken'"},
    {"state < 'ready'", "filter:1:7: 'state' cannot be compared with <"},
    {"alias != 'x'", "filter:1:7: 'alias' cannot be compared with !="},
    {"name IN 'x'", "filter:1:9: expected ( after IN"},
    {"name IN ()", "filter:1:10: expected a value"},
    {"name IN ('x'", "filter:1:13: expected , or ) in the list of IN, found the end"},
    {"name IN ('x',)", "filter:1:14: expected a value"},
    {"name IN ('x' 'y')", "filter:1:14: expected , or )"},
    {"name = 'x'; DROP TABLE model", "filter:1:11: ';' has no meaning here"},
    {"name ! 'x'", "filter:1:6: '!' has no meaning here"},
    {"name = 'x' AND version", "filter:1:23: expected one of"},
    {"name = 'x' AND {", "filter:1:16: '{' has no meaning here"},
    {"na-me = 'x'", "filter:1:1: unknown key 'na-me' (did you mean 'name'?)"},
    {"attribute.'x", "filter:1:11: what starts here with ' has no closing '"},
    {"name IN ('x", "filter:1:10: what starts here with ' has no closing '"},
    {"name = 'x' AND 'y", "filter:1:16: what starts here with ' has no closing '"},
};

START_TEST(a_broken_filter_says_where_and_why) {
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
    CHECK_FAILS(MLCM_PARSE, filters[i][1], parse(MLCM__VERSIONS, filters[i][0], NULL, err));
  }
}
END_TEST

static const char *const orders[][2] = {
    {"nme", "order:1:1: unknown key 'nme' (did you mean 'name'?)"},
    {"name version", "order:1:6: expected ASC, DESC or a comma, found version"},
    {"name,", "order:1:6: expected a key, found the end"},
    {"name ASC DESC", "order:1:10: expected ASC, DESC or a comma"},
    {"name, version, name DESC", "order:1:16: 'name' is ordered by twice"},
    {"updated, timestamp", "order:1:10: 'timestamp' is ordered by twice"},
    {"tags.a, tags.b, tags.a", "order:1:17: 'a' is ordered by twice"},
    {"alias", "order:1:1: 'alias' cannot be ordered by"},
    {"name = 'x'", "order:1:6: expected ASC, DESC or a comma"},
    {"'x", "order:1:1: what starts here with ' has no closing '"},
    {"name, 'x", "order:1:7: what starts here with ' has no closing '"},
    {"name DESC 'x", "order:1:11: what starts here with ' has no closing '"},
};

START_TEST(a_broken_order_says_where_and_why) {
  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
    CHECK_FAILS(MLCM_PARSE, orders[i][1], parse(MLCM__VERSIONS, NULL, orders[i][0], err));
}
END_TEST

START_TEST(spellings_that_are_fine) {
  static const char *const fine[] = {"\tname\r\n=\n'x' ",
                                     "version = +5",
                                     "version = -5",
                                     "metrics.a > 1e-5 AND metrics.a < 1E+5 AND metrics.a > .5",
                                     "tags.`a key` = 'x' AND tags.\"b key\" = 'y' AND tags.ü-1./: = 'z'",
                                     "Attributes.NAME = 'x' AND attribute.version <> 1",
                                     "`name` = \"x\"",
                                     ""};
  static const char *const ordered[] = {"name ASC, version desc", "tags.`a`, tags.b DESC", "metrics.a, metrics.b",
                                        "tags.a, metrics.a", "name, description", ""};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) CHECK_OK(parse(MLCM__VERSIONS, fine[i], NULL, err));
  for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) CHECK_OK(parse(MLCM__VERSIONS, NULL, ordered[i], err));
}
END_TEST

START_TEST(models_and_versions_have_keys_of_their_own) {
  CHECK_FAILS(MLCM_PARSE, "did you mean 'versions'?", parse(MLCM__MODELS, "version > 1", NULL, err));
  CHECK_FAILS(MLCM_PARSE, "unknown key 'metrics'", parse(MLCM__MODELS, "metrics.accuracy > 1", NULL, err));
  CHECK_FAILS(MLCM_PARSE, "did you mean 'version'?", parse(MLCM__VERSIONS, "versions > 1", NULL, err));
  CHECK_OK(parse(MLCM__MODELS, NULL, "versions, newest", err));
}
END_TEST

/* `unit` n times, joined by `glue`. */
static char *repeat(const char *unit, const char *glue, int n) {
  char *out = malloc((strlen(unit) + strlen(glue)) * (size_t)n + 1);
  out[0] = '\0';
  for (int i = 0; i < n; i++) {
    strcat(out, i ? glue : "");
    strcat(out, unit);
  }
  return out;
}

static void limit(const char *unit, const char *glue, int n, const char *part) {
  char *filter = repeat(unit, glue, n);
  CHECK_FAILS(MLCM_LIMIT, part, parse(MLCM__VERSIONS, filter, NULL, err));
  free(filter);
}

START_TEST(a_search_has_limits) {
  limit("version > 1", " AND ", 65, "more than 64 comparisons");
  limit(" ", "", 10001, "10001 bytes, more than the 10000");
  char *values = repeat("1", ",", 1001);
  char filter[3000];
  (void)snprintf(filter, sizeof filter, "version IN (%s)", values);
  CHECK_FAILS(MLCM_LIMIT, "1000 values of IN", parse(MLCM__VERSIONS, filter, NULL, err));
  free(values);
  char order[600] = "name";
  for (int i = 0; i < 16; i++) (void)snprintf(order + strlen(order), sizeof order - strlen(order), ", tags.k%d", i);
  CHECK_FAILS(MLCM_LIMIT, "more than 16 keys", parse(MLCM__VERSIONS, NULL, order, err));
  CHECK_FAILS(MLCM_PARSE, "UTF-8", parse(MLCM__VERSIONS, "name = '\xff'", NULL, err));
}
END_TEST

START_TEST(the_fullest_search_runs) {
  fixture f;
  set_up(&f);
  char *filter = repeat("tags.`a key` LIKE '%[x]_'", " AND ", 64);
  char order[600] = "name";
  for (int i = 0; i < 15; i++)
    (void)snprintf(order + strlen(order), sizeof order - strlen(order), ", tags.k%d%s", i, i % 2 ? " DESC" : "");
  add_versions(&f, "m", 3);
  mlcm_page *page = NULL;
  mlcm_query q = MLCM_QUERY_INIT;
  q.order_by = order;
  q.limit = 1;
  CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
  char *token = strdup(mlcm_page_next(page));
  mlcm_page_free(page);
  q.page_token = token;
  CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
  ck_assert_int_eq(mlcm_version_number(mlcm_page_version(page, 0)), 2);
  mlcm_page_free(page);
  q.page_token = NULL;
  q.filter = filter;
  CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
  mlcm_page_free(page);
  free(token);
  free(filter);
  tear_down(&f);
}
END_TEST

/* ---- the statement ---- */

/* The terms are six: whether there is a tag, the tag, the same of the metric, name and number. */
static mlcm_status make_statement(mlcm_context *ctx, size_t used_bytes, size_t n_last, mlcm_error *err) {
  enum { PIECE = 1024 };
  const mlcm__bind last[MLCM__TERMS_MAX] = {{.kind = MLCM__BIND_NULL}};
  mlcm__arena arena;
  mlcm__search search;
  mlcm__query_sql sql = {0};
  mlcm_status st = MLCM_OK;
  mlcm__arena_init(&arena, ctx);
  for (size_t n = 0; !st && n < used_bytes; n += PIECE)
    if (!mlcm__arena_alloc(&arena, used_bytes - n < PIECE ? used_bytes - n : PIECE, 1)) st = mlcm__fail_memory(err, PIECE);
  if (!st) {
    st = mlcm__search_parse(&arena, MLCM__VERSIONS, "name = 'x' AND tags.`k` IN ('a', 'b')", "tags.a DESC, metrics.b", &search,
                            err);
  }
  if (!st) st = mlcm__search_sql(&arena, &search, last, n_last, 10, &sql, err);
  mlcm__query_sql_reset(&sql);
  mlcm__arena_reset(&arena);
  return st;
}

START_TEST(a_page_goes_on_with_as_many_values_as_are_ordered_by) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  CHECK_OK(make_statement(ctx, 0, 6, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "has 5 values, this query orders by 6", make_statement(ctx, 0, 5, err));
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status make_it_without_memory(mlcm_context *ctx, void *user, mlcm_error *err) {
  return make_statement(ctx, *(const size_t *)user, 6, err);
}

/* So much of the arena's first block is taken that each piece, in one round or another, is the first one of a new block. */
START_TEST(each_piece_of_a_statement_may_lack_its_memory) {
  for (size_t used = 2048; used <= 4096; used += 16) ck_assert_uint_gt(test_fault_memory(make_it_without_memory, NULL, &used), 3);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_broken_filter_says_where_and_why,
                          a_broken_order_says_where_and_why,
                          spellings_that_are_fine,
                          models_and_versions_have_keys_of_their_own,
                          a_search_has_limits,
                          the_fullest_search_runs,
                          a_page_goes_on_with_as_many_values_as_are_ordered_by,
                          each_piece_of_a_statement_may_lack_its_memory};
  return TEST_RUN("registry_search_parse", tests);
}
