/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - every text and count that a caller hands in: what the limit allows is taken, one more is an error with the
 * limit in it. docs/limits.md lists them.
 */
#include "registry/fixture.h"

/* `n` times 'a'. */
static const char *letters(size_t n) {
  static char text[MLCM_POLICY_BYTES_MAX + 2];
  ck_assert_uint_lt(n, sizeof text);
  memset(text, 'a', n);
  text[n] = '\0';
  return text;
}

typedef mlcm_status limited_call(const fixture *f, const char *text, mlcm_error *err);

static mlcm_status model_name(const fixture *f, const char *text, mlcm_error *err) {
  return mlcm_model_create(f->reg, text, NULL, NULL, err);
}

static mlcm_status description(const fixture *f, const char *text, mlcm_error *err) {
  return mlcm_model_describe(f->reg, "m", text, NULL, err);
}

static mlcm_status alias_name(const fixture *f, const char *text, mlcm_error *err) {
  return mlcm_alias_set(f->reg, "m", text, 1, MLCM_ALIAS_ANY, 0, NULL, err);
}

static mlcm_status tag_key(const fixture *f, const char *text, mlcm_error *err) {
  return mlcm_model_tag_set(f->reg, "m", text, "", NULL, err);
}

static mlcm_status tag_value(const fixture *f, const char *text, mlcm_error *err) {
  return mlcm_version_tag_set(f->reg, "m", 1, "k", text, NULL, err);
}

static mlcm_status actor(const fixture *f, const char *text, mlcm_error *err) {
  return mlcm_model_describe(f->reg, "m", text, &(mlcm_attribution){text, NULL}, err);
}

static mlcm_status reason(const fixture *f, const char *text, mlcm_error *err) {
  return mlcm_model_tag_set(f->reg, "m", "k", "", &(mlcm_attribution){NULL, text}, err);
}

static mlcm_status metric_name(const fixture *f, const char *text, mlcm_error *err) {
  const mlcm_score score = {text, 0.5};
  const mlcm_evaluation evaluation = {.name = "e", .scores = &score, .n_scores = 1};
  return mlcm_evaluate(f->reg, "m", 1, &evaluation, NULL, err);
}

static mlcm_status policy_text(const fixture *f, const char *text, mlcm_error *err) {
  char digest[65];
  return mlcm_policy_put(f->reg, mlcm_str_of(text), NULL, digest, err);
}

static mlcm_status lineage(const fixture *f, const char *text, mlcm_error *err) {
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  options.source_revision = options.run_link = text;
  char *path = make_file(f, "model.bin", "x");
  mlcm_status st = mlcm_register(f->reg, "m", path, &options, NULL, NULL, err);
  free(path);
  return st;
}

START_TEST(each_text_has_its_limit) {
  static const struct {
    limited_call *call;
    size_t max;
    const char *number;
  } cases[] = {
      {model_name, MLCM_MODEL_NAME_MAX, "256"},   {alias_name, MLCM_ALIAS_NAME_MAX, "255"},
      {description, MLCM_DESCRIPTION_MAX, "5000"}, {tag_key, MLCM_TAG_KEY_MAX, "250"},
      {tag_value, MLCM_TAG_VALUE_MAX, "100000"},   {actor, 255, "255"},
      {reason, 4096, "4096"},                      {metric_name, MLCM_TAG_KEY_MAX, "250"},
      {policy_text, MLCM_POLICY_BYTES_MAX, "1048576"}, {lineage, MLCM_LINEAGE_MAX, "500"},
  };
  fixture f;
  set_up(&f);
  add_version(&f, "m", "x", NULL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_OK(cases[i].call(&f, letters(cases[i].max), err));
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, cases[i].number, cases[i].call(&f, letters(cases[i].max + 1), err));
  }
  tear_down(&f);
}
END_TEST

START_TEST(each_page_has_its_limit) {
  fixture f;
  set_up(&f);
  add_version(&f, "m", "x", NULL);
  move_alias(&f, "m", "champion", 1);
  mlcm_history *history = NULL;
  mlcm_feed *feed = NULL;
  mlcm_page *page = NULL;
  mlcm_query query = MLCM_QUERY_INIT;
  query.limit = 1001;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "1000", mlcm_alias_history(f.reg, "m", "champion", 0, 1001, &history, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "10000", mlcm_changes(f.reg, 0, 10001, &feed, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "1000", mlcm_search_versions(f.reg, &query, &page, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "1000", mlcm_search_models(f.reg, &query, &page, err));
  CHECK_OK(mlcm_alias_history(f.reg, "m", "champion", 0, 1000, &history, err));
  CHECK_OK(mlcm_changes(f.reg, 0, 10000, &feed, err));
  mlcm_history_free(history);
  mlcm_feed_free(feed);
  tear_down(&f);
}
END_TEST

START_TEST(a_tag_too_many_is_a_limit) {
  static char keys[MLCM_TAGS_MAX + 1][8];
  static mlcm_tag tags[MLCM_TAGS_MAX + 1];
  fixture f;
  set_up(&f);
  for (int i = 0; i <= MLCM_TAGS_MAX; i++) {
    (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
    tags[i] = (mlcm_tag){keys[i], ""};
  }
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  options.tags = tags;
  options.n_tags = MLCM_TAGS_MAX + 1;
  char *path = make_file(&f, "model.bin", "x");
  CHECK_FAILS(MLCM_LIMIT, "1000", mlcm_register(f.reg, "m", path, &options, NULL, NULL, err));
  options.n_tags = MLCM_TAGS_MAX;
  CHECK_OK(mlcm_register(f.reg, "m", path, &options, NULL, NULL, err));
  CHECK_FAILS(MLCM_LIMIT, "1000", mlcm_version_tag_set(f.reg, "m", 1, "more", "", NULL, err));
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(a_score_too_many_is_a_limit) {
  static char names[MLCM_SCORES_MAX + 1][8];
  static mlcm_score scores[MLCM_SCORES_MAX + 1];
  fixture f;
  set_up(&f);
  add_version(&f, "m", "x", NULL);
  for (int i = 0; i <= MLCM_SCORES_MAX; i++) {
    (void)snprintf(names[i], sizeof names[i], "k%d", i);
    scores[i] = (mlcm_score){names[i], i};
  }
  mlcm_evaluation evaluation = {.name = "e", .scores = scores, .n_scores = MLCM_SCORES_MAX + 1};
  CHECK_FAILS(MLCM_LIMIT, "1000", mlcm_evaluate(f.reg, "m", 1, &evaluation, NULL, err));
  evaluation.n_scores = MLCM_SCORES_MAX;
  CHECK_OK(mlcm_evaluate(f.reg, "m", 1, &evaluation, NULL, err));
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {each_text_has_its_limit, each_page_has_its_limit, a_tag_too_many_is_a_limit,
                          a_score_too_many_is_a_limit};
  return TEST_RUN("registry_limits", tests);
}
