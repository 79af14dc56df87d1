/* SPDX-License-Identifier: Apache-2.0
 *
 * test_versions.c - models and versions after they were registered: reading, describing, tags, delete and restore, evaluations,
 * JSON.
 */
#include <math.h>
#include <unistd.h>

#include "registry/fixture.h"

/* ---- models ---- */

START_TEST(a_model_without_versions_says_so) {
  fixture f;
  mlcm_version *version = NULL;
  set_up(&f);
  CHECK_OK(mlcm_model_create(f.reg, "empty", "", NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "has no versions yet", mlcm_version_get(f.reg, "empty/1", &version, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "has no version yet", mlcm_version_get(f.reg, "empty", &version, err));
  tear_down(&f);
}
END_TEST

START_TEST(a_model_can_be_made_before_its_versions) {
  fixture f;
  set_up(&f);
  mlcm_model *m = NULL;
  CHECK_OK(mlcm_model_create(f.reg, "digits", "handwritten digits", NULL, err));
  CHECK_OK(mlcm_model_get(f.reg, "digits", &m, err));
  ck_assert_str_eq(mlcm_model_name(m), "digits");
  ck_assert_str_eq(mlcm_model_description(m), "handwritten digits");
  ck_assert_str_eq(mlcm_model_actor(m), "ana");
  ck_assert_int_eq(mlcm_model_state(m), MLCM_STATE_READY);
  ck_assert_int_eq(mlcm_model_newest_version(m), 0);
  ck_assert_int_eq(mlcm_model_n_versions(m), 0);
  ck_assert_int_eq(mlcm_model_created_ns(m), TEST_EPOCH_NS);
  mlcm_model_free(m);
  CHECK_FAILS(MLCM_ALREADY_EXISTS, "exists already", mlcm_model_create(f.reg, "digits", NULL, NULL, err));
  mlcm_version *v = NULL;
  CHECK_FAILS(MLCM_NOT_FOUND, "no version yet", mlcm_version_get(f.reg, "digits", &v, err));
  tear_down(&f);
}
END_TEST

START_TEST(a_missing_model_names_its_neighbour) {
  fixture f;
  set_up(&f);
  mlcm_model *m = NULL;
  CHECK_OK(mlcm_model_create(f.reg, "digits", NULL, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "model 'digit' does not exist (did you mean 'digits'?)", mlcm_model_get(f.reg, "digit", &m, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "'weather' does not exist", mlcm_model_get(f.reg, "weather", &m, err));
  tear_down(&f);
}
END_TEST

START_TEST(descriptions_are_replaced) {
  fixture f;
  set_up(&f);
  mlcm_model *m = NULL;
  add_versions(&f, "m", 1);
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  CHECK_OK(mlcm_model_describe(f.reg, "m", "one", NULL, err));
  CHECK_OK(mlcm_version_describe(f.reg, "m", 1, "two", NULL, err));
  CHECK_OK(mlcm_model_get(f.reg, "m", &m, err));
  mlcm_version *v = get_version(&f, "m/1");
  ck_assert_str_eq(mlcm_model_description(m), "one");
  ck_assert_int_eq(mlcm_model_updated_ns(m), TEST_EPOCH_NS + TEST_SECOND_NS);
  ck_assert_str_eq(mlcm_version_description(v), "two");
  ck_assert_int_eq(mlcm_version_updated_ns(v), TEST_EPOCH_NS + TEST_SECOND_NS);
  mlcm_version_free(v);
  mlcm_model_free(m);
  CHECK_OK(mlcm_version_describe(f.reg, "m", 1, NULL, NULL, err));
  CHECK_OK(mlcm_version_delete(f.reg, "m", 1, 0, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "mlcm restore m/1", mlcm_version_describe(f.reg, "m", 1, "x", NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "m/2", mlcm_version_describe(f.reg, "m", 2, "x", NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- tags ---- */

START_TEST(tags_of_models_and_versions_are_set_and_removed) {
  fixture f;
  set_up(&f);
  mlcm_model *m = NULL;
  add_versions(&f, "m", 1);
  CHECK_OK(mlcm_model_tag_set(f.reg, "m", "team", "vision", NULL, err));
  CHECK_OK(mlcm_model_tag_set(f.reg, "m", "team", "sound", NULL, err));
  CHECK_OK(mlcm_version_tag_set(f.reg, "m", 1, "a/b", "", NULL, err));
  CHECK_OK(mlcm_model_get(f.reg, "m", &m, err));
  mlcm_version *v = get_version(&f, "m/1");
  ck_assert_uint_eq(mlcm_model_n_tags(m), 1);
  ck_assert_str_eq(mlcm_model_tag_value(m, "team"), "sound");
  ck_assert_str_eq(mlcm_version_tag_value(v, "a/b"), "");
  ck_assert_ptr_null(mlcm_version_tag_value(v, "a"));
  ck_assert_ptr_null(mlcm_version_tag_value(v, "b"));
  mlcm_version_free(v);
  mlcm_model_free(m);
  CHECK_OK(mlcm_model_tag_delete(f.reg, "m", "team", NULL, err));
  CHECK_OK(mlcm_version_tag_delete(f.reg, "m", 1, "a/b", NULL, err));
  CHECK_OK(mlcm_model_get(f.reg, "m", &m, err));
  ck_assert_uint_eq(mlcm_model_n_tags(m), 0);
  mlcm_model_free(m);
  tear_down(&f);
}
END_TEST

START_TEST(removing_a_tag_that_is_not_there_is_no_change) {
  fixture f;
  set_up(&f);
  int64_t before = 0;
  int64_t after = 0;
  add_versions(&f, "m", 1);
  CHECK_OK(mlcm_changes_head(f.reg, &before, err));
  CHECK_OK(mlcm_model_tag_delete(f.reg, "m", "team", NULL, err));
  CHECK_OK(mlcm_changes_head(f.reg, &after, err));
  ck_assert_int_eq(before, after);
  CHECK_FAILS(MLCM_NOT_FOUND, "'n'", mlcm_model_tag_delete(f.reg, "n", "team", NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "m/9", mlcm_version_tag_set(f.reg, "m", 9, "team", "x", NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "count from 1", mlcm_version_tag_set(f.reg, "m", 0, "team", "x", NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- delete and restore ---- */

START_TEST(a_deleted_version_is_found_by_number_only) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 3);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 3, 0, NULL, err));
  mlcm_version *newest = get_version(&f, "m");
  mlcm_version *deleted = get_version(&f, "m/3");
  ck_assert_int_eq(mlcm_version_number(newest), 2);
  ck_assert_int_eq(mlcm_version_state(deleted), MLCM_STATE_DELETED);
  char *json = NULL;
  CHECK_OK(mlcm_version_to_json(deleted, &json, err));
  ck_assert_ptr_nonnull(strstr(json, "\"state\":\"deleted\""));
  mlcm_free(f.ctx, json);
  mlcm_version_free(newest);
  mlcm_version_free(deleted);
  CHECK_FAILS(MLCM_NOT_FOUND, "deleted already", mlcm_version_delete(f.reg, "m", 3, 0, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "is deleted; restore it", mlcm_alias_set(f.reg, "m", "a", 3, MLCM_ALIAS_ANY, 0, NULL, err));
  tear_down(&f);
}
END_TEST

START_TEST(a_model_of_deleted_versions_has_no_newest) {
  fixture f;
  set_up(&f);
  mlcm_version *v = NULL;
  add_versions(&f, "m", 1);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 1, 0, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "no version that is not deleted", mlcm_version_get(f.reg, "m", &v, err));
  tear_down(&f);
}
END_TEST

START_TEST(a_version_comes_back_after_its_model) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 1);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 1, 0, NULL, err));
  CHECK_OK(mlcm_model_delete(f.reg, "m", 0, NULL, err));
  CHECK_FAILS(MLCM_INVALID_STATE, "restore it first", mlcm_version_restore(f.reg, "m", 1, NULL, err));
  CHECK_OK(mlcm_model_restore(f.reg, "m", NULL, err));
  CHECK_OK(mlcm_version_restore(f.reg, "m", 1, NULL, err));
  tear_down(&f);
}
END_TEST

START_TEST(a_version_an_alias_stands_on_is_kept_unless_forced) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "champion", 2);
  move_alias(&f, "m", "other", 1);
  CHECK_FAILS(MLCM_CONFLICT, "m@champion stands on version 2", mlcm_version_delete(f.reg, "m", 2, 0, NULL, err));
  CHECK_OK(mlcm_version_delete(f.reg, "m", 2, MLCM_FORCE, NULL, err));
  ck_assert_int_eq(alias_of(&f, "m", "champion"), 0);
  ck_assert_int_eq(alias_of(&f, "m", "other"), 1);
  mlcm_history *h = NULL;
  CHECK_OK(mlcm_alias_history(f.reg, "m", "champion", 0, 1, &h, err));
  ck_assert_int_eq(mlcm_history_at(h, 0).cause, MLCM_CAUSE_DELETED);
  mlcm_history_free(h);
  tear_down(&f);
}
END_TEST

START_TEST(restore_brings_back_all_but_aliases) {
  fixture f;
  set_up(&f);
  mlcm_model *m = NULL;
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "a", 2);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 2, MLCM_FORCE, NULL, err));
  CHECK_OK(mlcm_model_get(f.reg, "m", &m, err));
  ck_assert_int_eq(mlcm_model_n_versions(m), 1);
  ck_assert_int_eq(mlcm_model_newest_version(m), 1);
  mlcm_model_free(m);
  CHECK_OK(mlcm_version_restore(f.reg, "m", 2, NULL, err));
  CHECK_OK(mlcm_model_get(f.reg, "m", &m, err));
  ck_assert_int_eq(mlcm_model_n_versions(m), 2);
  ck_assert_int_eq(mlcm_model_newest_version(m), 2);
  mlcm_model_free(m);
  ck_assert_int_eq(alias_of(&f, "m", "a"), 0);
  CHECK_FAILS(MLCM_NOT_FOUND, "not deleted", mlcm_version_restore(f.reg, "m", 2, NULL, err));
  tear_down(&f);
}
END_TEST

START_TEST(a_version_without_its_bytes_is_not_restored) {
  fixture f;
  set_up(&f);
  uint8_t sha[32];
  char *object = NULL;
  add_versions(&f, "m", 1);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 1, 0, NULL, err));
  CHECK_OK(mlcm__sha256_of("1", 1, sha, err));
  CHECK_OK(mlcm__blob_path(f.reg->blobs, sha, &object, err));
  ck_assert_int_eq(unlink(object), 0);
  CHECK_FAILS(MLCM_INVALID_STATE, "were collected", mlcm_version_restore(f.reg, "m", 1, NULL, err));
  CHECK_OK(mlcm__blob_put(f.reg->blobs, "1", 1, sha, err));
  CHECK_OK(mlcm_version_restore(f.reg, "m", 1, NULL, err));
  mlcm_free(f.ctx, object);
  tear_down(&f);
}
END_TEST

START_TEST(a_deleted_model_is_out_of_the_way_until_restored) {
  fixture f;
  set_up(&f);
  mlcm_version *v = NULL;
  mlcm_model *m = NULL;
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "a", 2);
  CHECK_FAILS(MLCM_CONFLICT, "m@a stands", mlcm_model_delete(f.reg, "m", 0, NULL, err));
  CHECK_OK(mlcm_model_delete(f.reg, "m", MLCM_FORCE, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "is deleted", mlcm_model_delete(f.reg, "m", MLCM_FORCE, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "is deleted", mlcm_version_get(f.reg, "m", &v, err));
  CHECK_FAILS(MLCM_ALREADY_EXISTS, "is deleted", mlcm_model_create(f.reg, "m", NULL, NULL, err));
  char *path = make_file(&f, "x", "x");
  CHECK_FAILS(MLCM_INVALID_STATE, "is deleted", mlcm_register(f.reg, "m", path, NULL, NULL, NULL, err));
  free(path);
  CHECK_OK(mlcm_version_get(f.reg, "m/1", &v, err));
  ck_assert_int_eq(mlcm_version_state(v), MLCM_STATE_DELETED);
  mlcm_version_free(v);
  CHECK_OK(mlcm_model_get(f.reg, "m", &m, err));
  ck_assert_int_eq(mlcm_model_state(m), MLCM_STATE_DELETED);
  mlcm_model_free(m);
  CHECK_OK(mlcm_model_restore(f.reg, "m", NULL, err));
  ck_assert_int_eq(add_version(&f, "m", "3", NULL), 3);
  CHECK_FAILS(MLCM_NOT_FOUND, "not deleted", mlcm_model_restore(f.reg, "m", NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- evaluations ---- */

static const char data_digest[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static mlcm_status evaluate(const fixture *f, const char *name, const mlcm_score *scores, size_t n, mlcm_error *err) {
  mlcm_evaluation e = {.name = name, .dataset_digest = data_digest, .scores = scores, .n_scores = n, .n_samples = 360};
  return mlcm_evaluate(f->reg, "m", 1, &e, &(mlcm_attribution){"ci", "nightly"}, err);
}

START_TEST(evaluations_are_appended) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 1);
  CHECK_OK(evaluate(&f, "holdout", (mlcm_score[]){{"accuracy", 0.5}, {"f1", 0.25}}, 2, err));
  CHECK_OK(evaluate(&f, "holdout", (mlcm_score[]){{"accuracy", 0.1}}, 1, err));
  mlcm_version *v = get_version(&f, "m/1");
  ck_assert_uint_eq(mlcm_version_n_evaluations(v), 2);
  mlcm_evaluation first = mlcm_version_evaluation(v, 0);
  ck_assert_str_eq(first.name, "holdout");
  ck_assert_str_eq(first.dataset_digest, data_digest);
  ck_assert_int_eq(first.n_samples, 360);
  ck_assert_int_eq(first.time_ns, TEST_EPOCH_NS);
  ck_assert_str_eq(first.actor, "ci");
  ck_assert_str_eq(first.reason, "nightly");
  ck_assert_uint_eq(first.n_scores, 2);
  ck_assert_str_eq(first.scores[1].metric, "f1");
  ck_assert(first.scores[1].value == 0.25);
  double value = 0;
  ck_assert_int_eq(mlcm_version_metric(v, "accuracy", &value), 1);
  ck_assert(value == 0.1);
  ck_assert_int_eq(mlcm_version_metric(v, "f1", &value), 1);
  ck_assert(value == 0.25);
  ck_assert_int_eq(mlcm_version_metric(v, "recall", &value), 0);
  mlcm_version_free(v);
  tear_down(&f);
}
END_TEST

START_TEST(evaluations_that_say_nothing_are_refused) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 2);
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "no metric", evaluate(&f, "holdout", NULL, 0, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "finite", evaluate(&f, "holdout", (mlcm_score[]){{"a", (double)NAN}}, 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "finite", evaluate(&f, "holdout", (mlcm_score[]){{"a", (double)INFINITY}}, 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "twice", evaluate(&f, "holdout", (mlcm_score[]){{"a", 1}, {"a", 2}}, 2, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "metric key", evaluate(&f, "holdout", (mlcm_score[]){{"a=b", 1}}, 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "evaluation key", evaluate(&f, "", (mlcm_score[]){{"a", 1}}, 1, err));
  CHECK_OK(mlcm_version_delete(f.reg, "m", 1, 0, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "m/1 is deleted", evaluate(&f, "holdout", (mlcm_score[]){{"a", 1}}, 1, err));
  tear_down(&f);
}
END_TEST

/* ---- JSON ---- */

START_TEST(a_version_as_json) {
  fixture f;
  set_up(&f);
  char *json = NULL;
  const mlcm_tag tags[] = {{"team", "a \"b\""}};
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  o.tags = tags;
  o.n_tags = 1;
  add_version(&f, "m", "abc", &o);
  CHECK_OK(evaluate(&f, "holdout", (mlcm_score[]){{"accuracy", 0.5}}, 1, err));
  mlcm_version *v = get_version(&f, "m/1");
  CHECK_OK(mlcm_version_to_json(v, &json, err));
  char expected[2048];
  (void)snprintf(
      expected, sizeof expected,
      "{\"model\":\"m\",\"version\":1,\"state\":\"ready\",\"description\":null,\"created\":\"2026-03-01T12:00:00.000000Z\","
      "\"updated\":\"2026-03-01T12:00:00.000000Z\",\"actor\":\"ana\",\"reason\":null,\"aliases\":[],\"tags\":{\"team\":\"a "
      "\\\"b\\\"\"},"
      "\"parent\":null,\"dataset_digest\":null,\"source_revision\":null,\"run_link\":null,\"scan_verdict\":\"unscanned\","
      "\"manifest_digest\":\"%s\",\"n_files\":1,\"size_bytes\":3,\"files\":[{\"path\":\"model.bin\",\"size_bytes\":3,"
      "\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}],\"evaluations\":[{\"name\":\"holdout\","
      "\"dataset_digest\":\"%s\",\"metrics\":{\"accuracy\":0.5},\"n_samples\":360,\"time\":\"2026-03-01T12:00:00.000000Z\","
      "\"actor\":\"ci\",\"reason\":\"nightly\"}]}",
      mlcm_version_manifest_digest(v), data_digest);
  ck_assert_str_eq(json, expected);
  mlcm_free(f.ctx, json);
  mlcm_version_free(v);
  tear_down(&f);
}
END_TEST

START_TEST(a_model_as_json) {
  fixture f;
  set_up(&f);
  char *json = NULL;
  mlcm_model *m = NULL;
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "champion", 1);
  CHECK_OK(mlcm_model_tag_set(f.reg, "m", "team", "vision", NULL, err));
  CHECK_OK(mlcm_model_get(f.reg, "m", &m, err));
  CHECK_OK(mlcm_model_to_json(m, &json, err));
  ck_assert_str_eq(json, "{\"name\":\"m\",\"state\":\"ready\",\"description\":null,\"created\":\"2026-03-01T12:00:00.000000Z\","
                         "\"updated\":\"2026-03-01T12:00:00.000000Z\",\"actor\":\"ana\",\"newest_version\":2,\"n_versions\":2,"
                         "\"aliases\":{\"champion\":1},\"tags\":{\"team\":\"vision\"}}");
  mlcm_free(f.ctx, json);
  mlcm_model_free(m);
  tear_down(&f);
}
END_TEST

START_TEST(snapshots_outlive_their_registry) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 1);
  mlcm_version *v = get_version(&f, "m");
  tear_down(&f);
  ck_assert_str_eq(mlcm_version_model(v), "m");
  ck_assert_str_eq(mlcm_version_file(v, 0).path, "model.bin");
  mlcm_version_free(v);
  mlcm_version_free(NULL);
  mlcm_model_free(NULL);
  mlcm_page_free(NULL);
  mlcm_history_free(NULL);
  mlcm_feed_free(NULL);
  mlcm_registry_close(NULL);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_model_without_versions_says_so,
                          a_model_can_be_made_before_its_versions,
                          a_missing_model_names_its_neighbour,
                          descriptions_are_replaced,
                          tags_of_models_and_versions_are_set_and_removed,
                          removing_a_tag_that_is_not_there_is_no_change,
                          a_deleted_version_is_found_by_number_only,
                          a_model_of_deleted_versions_has_no_newest,
                          a_version_comes_back_after_its_model,
                          a_version_an_alias_stands_on_is_kept_unless_forced,
                          restore_brings_back_all_but_aliases,
                          a_version_without_its_bytes_is_not_restored,
                          a_deleted_model_is_out_of_the_way_until_restored,
                          evaluations_are_appended,
                          evaluations_that_say_nothing_are_refused,
                          a_version_as_json,
                          a_model_as_json,
                          snapshots_outlive_their_registry};
  return TEST_RUN("registry_versions", tests);
}
