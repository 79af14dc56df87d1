/* SPDX-License-Identifier: Apache-2.0
 *
 * test_search.c - the search as a table: filter and order in, references out; then pages.
 */
#include "registry/fixture.h"

static void evaluate(const fixture *f, const char *model, int64_t version, double accuracy) {
  mlcm_score score = {"accuracy", accuracy};
  mlcm_evaluation e = {.name = "holdout", .scores = &score, .n_scores = 1};
  CHECK_OK(mlcm_evaluate(f->reg, model, version, &e, NULL, err));
}

/* digits 1..3 a second apart, then speech 1..2, then the deleted speech/2 and the deleted model old. */
static void fill(fixture *f) {
  set_up(f);
  const mlcm_tag vision[] = {{"team", "vision"}, {"my key", "x"}};
  const mlcm_tag sound[] = {{"team", "Sound"}, {"a.b", "100%"}};
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  for (int i = 1; i <= 3; i++) {
    o.tags = vision;
    o.n_tags = i == 3 ? 0 : 2;
    o.description = i == 2 ? "It's the second" : NULL;
    o.parent = i == 2 ? "digits/1" : NULL;
    o.source_revision = i == 1 ? "4f1c" : NULL;
    add_version(f, "digits", "12345", &o);
    test_clock_advance(&f->clock, TEST_SECOND_NS);
  }
  o = (mlcm_register_options)MLCM_REGISTER_OPTIONS_INIT;
  o.tags = sound;
  o.n_tags = 2;
  add_version(f, "speech", "1", &o);
  add_version(f, "speech", "22", NULL);
  add_version(f, "old", "1", NULL);
  move_alias(f, "digits", "champion", 2);
  move_alias(f, "speech", "champion", 1);
  move_alias(f, "digits", "challenger", 3);
  CHECK_OK(mlcm_version_delete(f->reg, "speech", 2, 0, NULL, err));
  CHECK_OK(mlcm_model_delete(f->reg, "old", 0, NULL, err));
  CHECK_OK(mlcm_model_tag_set(f->reg, "digits", "owner", "ana", NULL, err));
  CHECK_OK(mlcm_model_describe(f->reg, "speech", "words", NULL, err));
  evaluate(f, "digits", 1, 0.5);
  evaluate(f, "digits", 1, 0.8);
  evaluate(f, "digits", 2, 0.97);
  evaluate(f, "speech", 1, -1.5);
}

/* References of a page, joined by spaces: "digits/3 digits/2". */
static void references(const mlcm_page *page, char *out, size_t size) {
  size_t n = 0;
  out[0] = '\0';
  for (size_t i = 0; i < mlcm_page_n(page); i++) {
    const mlcm_version *v = mlcm_page_version(page, i);
    const mlcm_model *m = mlcm_page_model(page, i);
    const char *gap = i ? " " : "";
    if (v)
      n += (size_t)snprintf(out + n, size - n, "%s%s/%lld", gap, mlcm_version_model(v), (long long)mlcm_version_number(v));
    else
      n += (size_t)snprintf(out + n, size - n, "%s%s", gap, mlcm_model_name(m));
  }
}

static const struct {
  const char *filter;
  const char *order;
  const char *expected;
} versions[] = {
    {NULL, NULL, "speech/1 digits/3 digits/2 digits/1"},
    {"", "", "speech/1 digits/3 digits/2 digits/1"},
    {"  \n ", NULL, "speech/1 digits/3 digits/2 digits/1"},
    {"name = 'digits'", NULL, "digits/3 digits/2 digits/1"},
    {"name = \"digits\"", NULL, "digits/3 digits/2 digits/1"},
    {"attribute.name = 'digits' and attributes.version_number >= 2", NULL, "digits/3 digits/2"},
    {"NAME='digits' AND version<3 aNd VERSION>1", NULL, "digits/2"},
    {"name != 'digits'", NULL, "speech/1"},
    {"name <> 'digits'", NULL, "speech/1"},
    {"name LIKE 'dig%'", NULL, "digits/3 digits/2 digits/1"},
    {"name LIKE 'DIG%'", NULL, ""},
    {"name ILIKE 'DIG%'", NULL, "digits/3 digits/2 digits/1"},
    {"name LIKE '_igits'", NULL, "digits/3 digits/2 digits/1"},
    {"name LIKE '*'", NULL, ""},
    {"name LIKE '[d]igits'", NULL, ""},
    {"name IN ('digits', 'speech')", "name, version", "digits/1 digits/2 digits/3 speech/1"},
    {"name in ('speech')", NULL, "speech/1"},
    {"name > 'e'", NULL, "speech/1"},
    {"version IN (1, 3) AND name = 'digits'", NULL, "digits/3 digits/1"},
    {"version > 1.5", NULL, "digits/3 digits/2"},
    {"version = 9223372036854775807", NULL, ""},
    {"version > -1 AND version < 1e3", NULL, "speech/1 digits/3 digits/2 digits/1"},
    {"alias = 'champion'", NULL, "speech/1 digits/2"},
    {"alias LIKE 'ch%'", "name, version", "digits/2 digits/3 speech/1"},
    {"alias IN ('challenger', 'x')", NULL, "digits/3"},
    {"alias = 'Champion'", NULL, ""},
    {"tags.team = 'vision'", NULL, "digits/2 digits/1"},
    {"tag.team = 'vision'", NULL, "digits/2 digits/1"},
    {"tags.team != 'vision'", NULL, "speech/1"},
    {"tags.team ILIKE 's%'", NULL, "speech/1"},
    {"tags.team IN ('vision', 'Sound')", NULL, "speech/1 digits/2 digits/1"},
    {"tags.`my key` = 'x'", NULL, "digits/2 digits/1"},
    {"tags.\"my key\" = 'x'", NULL, "digits/2 digits/1"},
    {"tags.a.b = '100%'", NULL, "speech/1"},
    {"tags.a.b LIKE '100%'", NULL, "speech/1"},
    {"tags.Team = 'vision'", NULL, ""},
    {"metrics.accuracy > 0.9", NULL, "digits/2"},
    {"metrics.accuracy = 0.8", NULL, "digits/1"},
    {"metrics.accuracy = 0.5", NULL, ""},
    {"metric.accuracy < -1", NULL, "speech/1"},
    {"metrics.accuracy >= -1.5 AND metrics.accuracy <= 1", "metrics.accuracy", "speech/1 digits/1 digits/2"},
    {"created < '2026-03-01T12:00:01Z'", NULL, "digits/1"},
    {"created >= '2026-03-01T13:00:01+01:00' AND created < '2026-03-01T12:00:02.5Z'", NULL, "digits/3 digits/2"},
    {"created > '2026-03-02'", NULL, ""},
    {"creation_timestamp = '2026-03-01T12:00:00Z'", NULL, "digits/1"},
    {"updated > '2026-03-01T12:00:02Z'", NULL, "speech/1"},
    {"state = 'deleted'", "name", "old/1 speech/2"},
    {"state IN ('ready', 'deleted') AND name = 'speech'", "version", "speech/1 speech/2"},
    {"state != 'deleted' AND name = 'speech'", NULL, "speech/1"},
    {"description = 'It''s the second'", NULL, "digits/2"},
    {"description LIKE '%second%'", NULL, "digits/2"},
    {"parent = 'digits/1'", NULL, "digits/2"},
    {"revision = '4f1c'", NULL, "digits/1"},
    {"actor = 'ana' AND size = 5", NULL, "digits/3 digits/2 digits/1"},
    {"digest LIKE '%' AND run = ''", "version DESC, name", "digits/3 digits/2 digits/1 speech/1"},
    {NULL, "version", "digits/1 speech/1 digits/2 digits/3"},
    {NULL, "version DESC, name DESC", "digits/3 digits/2 speech/1 digits/1"},
    {NULL, "created ASC", "digits/1 digits/2 digits/3 speech/1"},
    {NULL, "metrics.accuracy DESC", "digits/2 digits/1 speech/1 digits/3"},
    {NULL, "metrics.accuracy ASC", "speech/1 digits/1 digits/2 digits/3"},
    {NULL, "tags.team, version desc", "speech/1 digits/2 digits/1 digits/3"},
    {NULL, "tags.`my key` desc", "digits/2 digits/1 digits/3 speech/1"},
    {NULL, "state, name desc", "speech/1 digits/3 digits/2 digits/1"},
};

START_TEST(versions_by_filter_and_order) {
  fixture f;
  fill(&f);
  char found[512];
  for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
    mlcm_page *page = NULL;
    mlcm_query q = MLCM_QUERY_INIT;
    q.filter = versions[i].filter;
    q.order_by = versions[i].order;
    CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
    references(page, found, sizeof found);
    ck_assert_msg(strcmp(found, versions[i].expected) == 0, "%s | %s: '%s' instead of '%s'", q.filter ? q.filter : "",
                  q.order_by ? q.order_by : "", found, versions[i].expected);
    ck_assert_ptr_null(mlcm_page_next(page));
    mlcm_page_free(page);
  }
  tear_down(&f);
}
END_TEST

static const struct {
  const char *filter;
  const char *order;
  const char *expected;
} models[] = {
    {NULL, NULL, "digits speech"},
    {"name LIKE '%e%'", NULL, "speech"},
    {"alias = 'champion'", NULL, "digits speech"},
    {"alias = 'challenger'", NULL, "digits"},
    {"tags.owner = 'ana'", NULL, "digits"},
    {"tag.`mlflow.prompt.is_prompt` != 'true'", NULL, ""},
    {"versions > 1", NULL, "digits"},
    {"newest = 3", NULL, "digits"},
    {"description = 'words'", NULL, "speech"},
    {"state = 'deleted'", NULL, "old"},
    {NULL, "versions", "speech digits"},
    {NULL, "updated DESC", "speech digits"},
    {NULL, "timestamp ASC", "digits speech"},
    {NULL, "tags.owner", "digits speech"},
    {NULL, "name DESC", "speech digits"},
};

START_TEST(models_by_filter_and_order) {
  fixture f;
  fill(&f);
  char found[512];
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    mlcm_page *page = NULL;
    mlcm_query q = MLCM_QUERY_INIT;
    q.filter = models[i].filter;
    q.order_by = models[i].order;
    CHECK_OK(mlcm_search_models(f.reg, &q, &page, err));
    references(page, found, sizeof found);
    ck_assert_msg(strcmp(found, models[i].expected) == 0, "%s | %s: '%s' instead of '%s'", q.filter ? q.filter : "",
                  q.order_by ? q.order_by : "", found, models[i].expected);
    mlcm_page_free(page);
  }
  tear_down(&f);
}
END_TEST

START_TEST(found_versions_have_all_but_their_files) {
  fixture f;
  fill(&f);
  mlcm_page *page = NULL;
  mlcm_query q = MLCM_QUERY_INIT;
  q.filter = "alias = 'champion' AND name = 'digits'";
  CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
  const mlcm_version *v = mlcm_page_version(page, 0);
  ck_assert_ptr_null(mlcm_page_model(page, 0));
  ck_assert_str_eq(mlcm_version_alias(v, 0), "champion");
  ck_assert_str_eq(mlcm_version_tag_value(v, "team"), "vision");
  ck_assert_uint_eq(mlcm_version_n_evaluations(v), 1);
  ck_assert_uint_eq(mlcm_version_n_files(v), 1);
  ck_assert_str_eq(mlcm_version_file(v, 0).path, "");
  char *bytes = NULL;
  size_t len = 0;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "came in a page", mlcm_version_read(f.reg, v, "model.bin", &bytes, &len, err));
  mlcm_page_free(page);
  tear_down(&f);
}
END_TEST

/* ---- pages ---- */

/* Walks all pages of `limit` and joins what they hold. */
static void walk(const fixture *f, const char *filter, const char *order, size_t limit, char *out, size_t size) {
  char *token = NULL;
  size_t n = 0;
  out[0] = '\0';
  for (int i = 0; i < 100; i++) {
    mlcm_page *page = NULL;
    mlcm_query q = MLCM_QUERY_INIT;
    q.filter = filter;
    q.order_by = order;
    q.limit = limit;
    q.page_token = token;
    CHECK_OK(mlcm_search_versions(f->reg, &q, &page, err));
    ck_assert_uint_le(mlcm_page_n(page), limit);
    if (n && mlcm_page_n(page)) out[n++] = ' ';
    references(page, out + n, size - n);
    n += strlen(out + n);
    free(token);
    token = mlcm_page_next(page) ? strdup(mlcm_page_next(page)) : NULL;
    mlcm_page_free(page);
    if (!token) return;
  }
  ck_abort_msg("pages do not end");
}

START_TEST(pages_of_any_size_give_the_same_as_one) {
  fixture f;
  fill(&f);
  char whole[512];
  char paged[512];
  for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
    walk(&f, versions[i].filter, versions[i].order, 1000, whole, sizeof whole);
    for (size_t limit = 1; limit <= 3; limit++) {
      walk(&f, versions[i].filter, versions[i].order, limit, paged, sizeof paged);
      ck_assert_msg(strcmp(whole, paged) == 0, "%s | %s by %zu: '%s' instead of '%s'",
                    versions[i].filter ? versions[i].filter : "", versions[i].order ? versions[i].order : "", limit, paged,
                    whole);
    }
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_page_goes_on_behind_its_last_key_whatever_happened_since) {
  fixture f;
  set_up(&f);
  mlcm_page *page = NULL;
  char found[128];
  add_versions(&f, "m", 5);
  mlcm_query q = MLCM_QUERY_INIT;
  q.order_by = "version";
  q.limit = 2;
  CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
  char *token = strdup(mlcm_page_next(page));
  mlcm_page_free(page);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 1, 0, NULL, err));
  CHECK_OK(mlcm_version_delete(f.reg, "m", 2, 0, NULL, err));
  q.page_token = token;
  CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
  references(page, found, sizeof found);
  ck_assert_str_eq(found, "m/3 m/4");
  mlcm_page_free(page);
  free(token);
  tear_down(&f);
}
END_TEST

START_TEST(a_token_belongs_to_its_query) {
  fixture f;
  set_up(&f);
  mlcm_page *page = NULL;
  add_versions(&f, "m", 3);
  mlcm_query q = MLCM_QUERY_INIT;
  q.limit = 1;
  CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
  char *token = strdup(mlcm_page_next(page));
  mlcm_page_free(page);
  q.page_token = token;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "invalid page token", mlcm_search_models(f.reg, &q, &page, err));
  q.order_by = "version";
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "invalid page token", mlcm_search_versions(f.reg, &q, &page, err));
  q.order_by = NULL;
  for (size_t i = 0; token[i]; i++) {
    char before = token[i];
    token[i] = before == '0' ? '1' : '0';
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, "invalid page token", mlcm_search_versions(f.reg, &q, &page, err));
    token[i] = before;
  }
  static const char *const wrong[] = {"x", "0123456789abcdef", "0123456789abcdef5b", "0123456789abcdef5b5d",
                                      "0123456789abcdef5b5dzz"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    q.page_token = wrong[i];
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, "invalid page token", mlcm_search_versions(f.reg, &q, &page, err));
  }
  free(token);
  tear_down(&f);
}
END_TEST

START_TEST(a_token_of_no_text_is_none) {
  fixture f;
  set_up(&f);
  mlcm_page *page = NULL;
  add_versions(&f, "m", 2);
  mlcm_query q = MLCM_QUERY_INIT;
  q.page_token = "";
  CHECK_OK(mlcm_search_versions(f.reg, &q, &page, err));
  ck_assert_uint_eq(mlcm_page_n(page), 2);
  mlcm_page_free(page);
  tear_down(&f);
}
END_TEST

START_TEST(limits_of_a_page) {
  fixture f;
  set_up(&f);
  mlcm_page *page = NULL;
  mlcm_query q = MLCM_QUERY_INIT;
  q.limit = 1001;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "limit is 1001", mlcm_search_versions(f.reg, &q, &page, err));
  CHECK_OK(mlcm_search_versions(f.reg, NULL, &page, err));
  ck_assert_uint_eq(mlcm_page_n(page), 0);
  mlcm_page_free(page);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {versions_by_filter_and_order,
                          models_by_filter_and_order,
                          found_versions_have_all_but_their_files,
                          pages_of_any_size_give_the_same_as_one,
                          a_page_goes_on_behind_its_last_key_whatever_happened_since,
                          a_token_belongs_to_its_query,
                          a_token_of_no_text_is_none,
                          limits_of_a_page};
  return TEST_RUN("registry_search", tests);
}
