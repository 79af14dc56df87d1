/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fault.c - every allocation and every file operation of register, alias move, load and search fails once, and then all
 * after it: the state is the old one or the new one, nothing leaks, and the same call works afterwards.
 */
#include "registry/fixture.h"

/* What the loops share. `done`: changes that answered MLCM_OK; the registry must hold exactly those. */
typedef struct scene {
  fixture f;
  char *path;
  int64_t done;
  bool doubtful; /* a run answered MLCM_OUTCOME_UNKNOWN: one more may be there */
} scene;

static void set_scene(scene *s) {
  *s = (scene){0};
  set_up(&s->f);
  add_versions(&s->f, "m", 2);
  move_alias(&s->f, "m", "a", 1);
  s->path = make_file(&s->f, "new.bin", "bytes of the new version");
}

static void clear_scene(scene *s) {
  free(s->path);
  tear_down(&s->f);
}

static void count(scene *s, mlcm_status st) {
  if (st == MLCM_OK) s->done++;
  if (st == MLCM_OUTCOME_UNKNOWN) s->doubtful = true;
}

static mlcm_status open_again(mlcm_context *ctx, const scene *s, mlcm_registry **out, mlcm_error *err) {
  return mlcm_registry_open(ctx, s->f.reg_dir, NULL, out, err);
}

/* ---- making a registry ---- */

static mlcm_status create(mlcm_context *ctx, void *user, mlcm_error *err) {
  scene *s = user;
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_registry *reg = NULL;
  char *dir = test_path(s->f.dir, "fresh");
  options.flags = MLCM_OPEN_CREATE;
  options.actor = "ana";
  mlcm_status st = mlcm_registry_open(ctx, dir, &options, &reg, err);
  mlcm_registry_close(reg);
  free(dir);
  return st;
}

/* What a failure left is no registry yet, or all of one: whoever opens it without making anything can register at once. */
static void check_whole_or_none(void *user) {
  scene *s = user;
  mlcm_registry *reg = NULL;
  char *dir = test_path(s->f.dir, "fresh");
  mlcm_error err = {0};
  mlcm_status st = mlcm_registry_open(s->f.ctx, dir, NULL, &reg, &err);
  if (st == MLCM_OK) st = mlcm_register(reg, "m", s->path, NULL, NULL, NULL, &err);
  else if (st == MLCM_NOT_FOUND && strstr(err.message, "there is no registry")) st = MLCM_OK;
  ck_assert_msg(st == MLCM_OK, "%s: %s", mlcm_status_name(st), err.message);
  mlcm_registry_close(reg);
  test_temp_dir_remove(dir);
}

START_TEST(creating_without_memory) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_memory(create, check_whole_or_none, &s), 10);
  clear_scene(&s);
}
END_TEST

START_TEST(creating_on_a_failing_disk) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_io(create, check_whole_or_none, &s), 256);
  clear_scene(&s);
}
END_TEST

/* ---- register ---- */

static mlcm_status register_one(mlcm_context *ctx, void *user, mlcm_error *err) {
  scene *s = user;
  mlcm_registry *reg = NULL;
  mlcm_version *version = NULL;
  const char *aliases[] = {"new"};
  const mlcm_tag tags[] = {{"team", "vision"}};
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  o.aliases = aliases;
  o.n_aliases = 1;
  o.tags = tags;
  o.n_tags = 1;
  o.parent = "m@a";
  mlcm_status st = open_again(ctx, s, &reg, err);
  if (!st) {
    st = mlcm_register(reg, "m", s->path, &o, NULL, &version, err);
    count(s, st);
  }
  ck_assert((st == MLCM_OK) == (version != NULL));
  mlcm_version_free(version);
  mlcm_registry_close(reg);
  return st;
}

/* All versions there, each whole, the alias on the newest of them, one event each. */
static void check_versions(void *user) {
  scene *s = user;
  mlcm_model *m = NULL;
  CHECK_OK(mlcm_model_get(s->f.reg, "m", &m, err));
  int64_t n = mlcm_model_n_versions(m);
  mlcm_model_free(m);
  if (s->doubtful && n == s->done + 3) s->done++;
  s->doubtful = false;
  ck_assert_int_eq(n, s->done + 2);
  ck_assert_int_eq(alias_of(&s->f, "m", "new"), s->done ? n : 0);
  mlcm_version *v = get_version(&s->f, "m");
  ck_assert_int_eq(mlcm_version_number(v), n);
  CHECK_OK(mlcm_version_verify(s->f.reg, v, NULL, err));
  if (s->done) ck_assert_str_eq(mlcm_version_tag_value(v, "team"), "vision");
  mlcm_version_free(v);
}

START_TEST(register_without_memory) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_memory(register_one, check_versions, &s), 50);
  check_versions(&s);
  clear_scene(&s);
}
END_TEST

START_TEST(register_on_a_failing_disk) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_io(register_one, check_versions, &s), 10);
  check_versions(&s);
  clear_scene(&s);
}
END_TEST

/* ---- alias ---- */

static mlcm_status swap_alias(mlcm_context *ctx, void *user, mlcm_error *err) {
  scene *s = user;
  mlcm_registry *reg = NULL;
  int64_t now = 0;
  mlcm_status st = open_again(ctx, s, &reg, err);
  if (!st) st = mlcm_alias_get(reg, "m", "a", &now, err);
  if (!st) {
    st = mlcm_alias_set(reg, "m", "a", 3 - now, now, 0, NULL, err);
    count(s, st);
  }
  mlcm_registry_close(reg);
  return st;
}

/* One move a success, and the alias where the newest move says. */
static void check_alias(void *user) {
  scene *s = user;
  mlcm_history *h = NULL;
  CHECK_OK(mlcm_alias_history(s->f.reg, "m", "a", 0, 1000, &h, err));
  int64_t n = (int64_t)mlcm_history_n(h);
  if (s->doubtful && n == s->done + 2) s->done++;
  s->doubtful = false;
  ck_assert_int_eq(n, s->done + 1);
  ck_assert_int_eq(mlcm_history_at(h, 0).to, alias_of(&s->f, "m", "a"));
  mlcm_history_free(h);
}

START_TEST(alias_move_without_memory) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_memory(swap_alias, check_alias, &s), 10);
  check_alias(&s);
  clear_scene(&s);
}
END_TEST

START_TEST(alias_move_on_a_failing_disk) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_io(swap_alias, check_alias, &s), 3);
  check_alias(&s);
  clear_scene(&s);
}
END_TEST

/* ---- reading ---- */

static mlcm_status load(mlcm_context *ctx, void *user, mlcm_error *err) {
  scene *s = user;
  mlcm_registry *reg = NULL;
  mlcm_version *version = NULL;
  mlcm__version_files files = {0};
  char *json = NULL;
  mlcm_status st = open_again(ctx, s, &reg, err);
  if (!st) st = mlcm_version_get(reg, "m@a", &version, err);
  if (!st) st = mlcm__version_read_files(reg, version, &files, err);
  if (!st) st = mlcm_version_verify(reg, version, NULL, err);
  if (!st) st = mlcm_version_to_json(version, &json, err);
  if (st == MLCM_OK) ck_assert_mem_eq(files.items[0].bytes.data, "1", 1);
  mlcm__version_files_free(&files);
  mlcm_free(ctx, json);
  mlcm_version_free(version);
  mlcm_registry_close(reg);
  return st;
}

START_TEST(load_without_memory) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_memory(load, NULL, &s), 20);
  clear_scene(&s);
}
END_TEST

START_TEST(load_on_a_failing_disk) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_io(load, NULL, &s), 3);
  clear_scene(&s);
}
END_TEST

/* "it's" and so much more that filter, order and token need memory of their own. */
static char long_value[5000];

static mlcm_status search(mlcm_context *ctx, void *user, mlcm_error *err) {
  scene *s = user;
  mlcm_registry *reg = NULL;
  mlcm_page *page = NULL;
  char *token = NULL;
  char filter[sizeof long_value + 100];
  mlcm_query q = MLCM_QUERY_INIT;
  (void)snprintf(filter, sizeof filter, "name LIKE 'm%%' AND tags.k = 'it''%s'", long_value + 3);
  q.filter = filter;
  q.order_by = "metrics.accuracy DESC, tags.k, version";
  q.limit = 1;
  mlcm_status st = open_again(ctx, s, &reg, err);
  if (!st) st = mlcm_search_versions(reg, &q, &page, err);
  if (!st) token = strdup(mlcm_page_next(page));
  mlcm_page_free(page);
  page = NULL;
  q.page_token = token;
  if (!st) st = mlcm_search_versions(reg, &q, &page, err);
  mlcm_page_free(page);
  page = NULL;
  if (!st) st = mlcm_search_models(reg, NULL, &page, err);
  mlcm_page_free(page);
  free(token);
  mlcm_registry_close(reg);
  return st;
}

START_TEST(search_without_memory) {
  scene s;
  set_scene(&s);
  memset(long_value, 's', sizeof long_value - 1);
  memcpy(long_value, "it'", 3);
  for (int i = 1; i <= 2; i++) CHECK_OK(mlcm_version_tag_set(s.f.reg, "m", i, "k", long_value, NULL, err));
  ck_assert_uint_gt(test_fault_memory(search, NULL, &s), 30);
  clear_scene(&s);
}
END_TEST

static mlcm_status the_rest(mlcm_context *ctx, void *user, mlcm_error *err) {
  scene *s = user;
  mlcm_registry *reg = NULL;
  mlcm_model *m = NULL;
  mlcm_feed *feed = NULL;
  mlcm_history *h = NULL;
  char *json = NULL;
  char *text = NULL;
  size_t len = 0;
  char sha[65];
  mlcm_score score = {"accuracy", 0.5};
  mlcm_evaluation e = {.name = "e", .scores = &score, .n_scores = 1};
  mlcm_status st = open_again(ctx, s, &reg, err);
  if (!st) st = mlcm_model_tag_set(reg, "m", "k", "v", NULL, err);
  if (!st) st = mlcm_version_describe(reg, "m", 1, "d", NULL, err);
  if (!st) st = mlcm_evaluate(reg, "m", 1, &e, NULL, err);
  if (!st) st = mlcm_policy_put(reg, MLCM_STR("text"), NULL, sha, err);
  if (!st) st = mlcm_policy_get(reg, sha, &text, &len, err);
  if (!st) st = mlcm_model_get(reg, "m", &m, err);
  if (!st) st = mlcm_model_to_json(m, &json, err);
  if (!st) st = mlcm_changes(reg, 0, 5, &feed, err);
  if (!st) st = mlcm_alias_history(reg, "m", "a", 0, 5, &h, err);
  mlcm_free(ctx, json);
  mlcm_free(ctx, text);
  mlcm_model_free(m);
  mlcm_feed_free(feed);
  mlcm_history_free(h);
  mlcm_registry_close(reg);
  return st;
}

START_TEST(other_calls_without_memory) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_memory(the_rest, NULL, &s), 50);
  clear_scene(&s);
}
END_TEST

/* A missing name is explained even when the explanation cannot be made. */
static mlcm_status misspell(mlcm_context *ctx, void *user, mlcm_error *err) {
  scene *s = user;
  mlcm_registry *reg = NULL;
  int64_t v = 0;
  mlcm_status st = open_again(ctx, s, &reg, err);
  if (!st) {
    st = mlcm_alias_get(reg, "n", "a", &v, err);
    ck_assert(st == MLCM_NOT_FOUND || st == MLCM_NO_MEMORY);
    if (st == MLCM_NOT_FOUND) st = MLCM_OK;
  }
  mlcm_registry_close(reg);
  return st;
}

START_TEST(hints_without_memory) {
  scene s;
  set_scene(&s);
  ck_assert_uint_gt(test_fault_memory(misspell, NULL, &s), 5);
  clear_scene(&s);
}
END_TEST

int main(void) {
  const TTest *tests[] = {creating_without_memory,      creating_on_a_failing_disk,
                          register_without_memory,      register_on_a_failing_disk, alias_move_without_memory,
                          alias_move_on_a_failing_disk, load_without_memory,        load_on_a_failing_disk,
                          search_without_memory,        other_calls_without_memory, hints_without_memory};
  return TEST_RUN("registry_fault", tests);
}
