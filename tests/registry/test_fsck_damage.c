/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fsck_damage.c - damage that goes several ways at once, beside the plain list of test_fsck.c: evaluations against the feed,
 * manifests that versions share, pieces of the audit log, the head file, a database of two truths.
 */
#include <errno.h>
#include <mlcm/trust.h>

#include "registry/damage.h"

/* ---- evaluations ---- */

/* Besides live(): an evaluation of digits/3 with two scores and a data set, which is the third, and a model "other". */
static void evaluate_more(fixture *f) {
  const mlcm_score scores[] = {{"accuracy", 0.5}, {"loss", 0.25}};
  const mlcm_evaluation evaluation = {
      .name = "night",
      .dataset_digest = "sha256:abcd000000000000000000000000000000000000000000000000000000000000",
      .scores = scores,
      .n_scores = 2,
      .n_samples = 100};
  live(f);
  ck_assert_int_eq(add_version(f, "other", "x", NULL), 1);
  CHECK_OK(mlcm_evaluate(f->reg, "digits", 3, &evaluation, NULL, err));
  expect_clean(f, f->reg_dir);
}

#define NOT_RECORDED "its row is not what was recorded"
#define NOT_SCORES "its metric values are not those"

static const struct {
  const char *sql, *object, *problem;
} evaluations[] = {
    {"UPDATE evaluation SET name = 'day' WHERE id = 3", "digits/3 evaluation day", NOT_RECORDED},
    {"UPDATE evaluation SET n_samples = 10 WHERE id = 3", "digits/3 evaluation night", NOT_RECORDED},
    {"UPDATE evaluation SET dataset_digest = replace(dataset_digest, 'abcd', 'dcba') WHERE id = 3", "digits/3 evaluation night",
     NOT_RECORDED},
    {"UPDATE evaluation SET version_id = 2 WHERE id = 3", "digits/2 evaluation night", NOT_RECORDED},
    {"UPDATE evaluation SET version_id = (SELECT v.id FROM version v JOIN model m ON m.id = v.model_id WHERE m.name = 'other')"
     " WHERE id = 3",
     "other/1 evaluation night", NOT_RECORDED},
    {"UPDATE evaluation_score SET value = 5 WHERE evaluation_id = 3", "digits/3 evaluation night", NOT_SCORES},
    {"UPDATE evaluation_score SET value = 5 WHERE evaluation_id = 3 AND metric = 'loss'", "digits/3 evaluation night", NOT_SCORES},
    {"DELETE FROM evaluation_score WHERE evaluation_id = 3 AND metric = 'loss'", "digits/3 evaluation night", NOT_SCORES},
    {"INSERT INTO evaluation SELECT 4, version_id, 'more', '', 0, 1, 'eve', '' FROM evaluation WHERE id = 3",
     "digits/3 evaluation more", "no change of the feed made it"},
    {"DELETE FROM evaluation_score WHERE evaluation_id = 3; DELETE FROM evaluation WHERE id = 3", "digits/3 evaluation night",
     "its row is gone"},
    {"DELETE FROM evaluation_score; DELETE FROM evaluation", "digits/2 evaluation holdout", "its row is gone"},
};

START_TEST(an_evaluation_that_differs_from_the_feed_is_named) {
  fixture f;
  evaluate_more(&f);
  tamper(&f, evaluations[_i].sql);
  mlcm_fsck_report *report = check(&f);
  ck_assert(tells(report, evaluations[_i].object, evaluations[_i].problem));
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* ---- manifests ---- */

/* "other/1" has the bytes and the name of digits/2, and so its manifest; "other/2" the bytes under another name. */
static void share(fixture *f) {
  mlcm_version *version = NULL;
  live(f);
  ck_assert_int_eq(add_version(f, "other", "2", NULL), 1);
  char *path = make_file(f, "renamed.bin", "2");
  CHECK_OK(mlcm_register(f->reg, "other", path, NULL, NULL, &version, err));
  mlcm_version_free(version);
  free(path);
}

START_TEST(an_object_is_examined_once_whoever_has_it) {
  fixture f;
  share(&f);
  mlcm_fsck_report *report = check(&f);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).versions, 5);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).manifests, 4);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).objects, 3);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

#define RESIZE "UPDATE manifest SET text = CAST(replace(CAST(text AS TEXT), '\"size\":\"1\"', '\"size\":\"7\"') AS BLOB) WHERE id = "

START_TEST(a_shared_manifest_is_named_with_the_number_of_its_versions) {
  fixture f;
  share(&f);
  tamper(&f, RESIZE "2");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert(tells(report, "digits/2 manifest (of 2 versions)", "its text was changed"));
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(a_manifest_without_text_is_named) {
  fixture f;
  live(&f);
  tamper(&f, "UPDATE manifest SET text = x'' WHERE id = 2");
  mlcm_fsck_report *report = check(&f);
  ck_assert(tells(report, "digits/2 manifest", "its text was changed"));
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* A backup that was made before the version, and one whose own text is damaged. */
START_TEST(a_backup_helps_only_with_the_very_text) {
  fixture f;
  live(&f);
  fixture spare = f;
  spare.reg_dir = test_path(f.dir, "spare");
  CHECK_OK(mlcm_backup(f.reg, spare.reg_dir, NULL, NULL, NULL, err));
  ck_assert_int_eq(add_version(&f, "digits", "4", NULL), 4);
  tamper(&f, "UPDATE manifest SET text = CAST('{}' AS BLOB) WHERE id IN (3, 4)");
  tamper(&spare, "UPDATE manifest SET text = CAST('{}' AS BLOB) WHERE id = 3");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 0, spare.reg_dir);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 2);
  for (size_t i = 0; i < 2; i++) CHECK_PART(mlcm_fsck_report_at(report, i).restore, "only a backup has it");
  mlcm_fsck_report_free(report);
  free(spare.reg_dir);
  tear_down(&f);
}
END_TEST

/* ---- the log ---- */

START_TEST(entries_lost_in_a_row_are_one_gap) {
  fixture f;
  live(&f);
  tamper(&f, "DELETE FROM audit_entry WHERE seq IN (5, 6); DELETE FROM audit_text WHERE seq IN (5, 6)");
  mlcm_fsck_report *report = check(&f);
  ck_assert(tells(report, "audit entries 5 to 6", "missing"));
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* What is no row of hashes has no first that is wrong. */
START_TEST(a_tile_that_is_lost_or_cut_is_named_and_made_anew) {
  static const char *const damages[][2] = {{"DELETE FROM audit_tile WHERE level = 0", "audit tile 0/0 at entry 1"},
                                           {"UPDATE audit_tile SET hashes = substr(hashes, 1, 64)", "audit tile 0/0 at entry 3"},
                                           {"UPDATE audit_tile SET hashes = substr(hashes, 1, 65)", "audit tile 0/0"}};
  fixture f;
  live(&f);
  for (int i = 0; i < 256; i++) CHECK_OK(mlcm_model_tag_set(f.reg, "digits", "n", i % 2 ? "1" : "0", NULL, err));
  for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
    tamper(&f, damages[i][0]);
    mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
    ck_assert(tells(report, damages[i][1], ""));
    ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
    mlcm_fsck_report_free(report);
    expect_clean(&f, f.reg_dir);
  }
  tear_down(&f);
}
END_TEST

START_TEST(several_damaged_leaves_are_one_repair) {
  fixture f;
  live(&f);
  tamper(&f, "UPDATE audit_entry SET leaf = zeroblob(32) WHERE seq IN (4, 6)");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, 2);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* ---- the head file ---- */

START_TEST(a_head_file_is_not_written_from_a_log_that_does_not_verify) {
  fixture f;
  live(&f);
  free(make_file(&f, "reg/audit.head", "rubbish"));
  tamper(&f, "UPDATE audit_head SET root = zeroblob(32)");
  mlcm_fsck_report *report = check(&f);
  ck_assert(tells(report, "audit.head", "is not a head"));
  mlcm_finding last = mlcm_fsck_report_at(report, mlcm_fsck_report_n(report) - 1);
  ck_assert_str_eq(last.object, "audit.head");
  ck_assert_int_eq(last.can_repair, 0);
  CHECK_PART(last.restore, "the log must be sound before");
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(a_head_file_that_is_far_too_long_or_a_folder_is_none) {
  fixture f;
  char rubbish[5000];
  live(&f);
  char *path = test_path(f.reg_dir, "audit.head");
  memset(rubbish, 'x', sizeof rubbish);
  test_write_file(path, rubbish, sizeof rubbish);
  mlcm_fsck_report *report = check(&f);
  ck_assert(tells(report, "audit.head", "is not a head"));
  mlcm_fsck_report_free(report);
  ck_assert_int_eq(unlink(path), 0);
  ck_assert_int_eq(mkdir(path, 0755), 0);
  report = check(&f);
  ck_assert(tells(report, "audit.head", "is not a head"));
  mlcm_fsck_report_free(report);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(a_lost_head_file_is_a_note_and_written_anew) {
  fixture f;
  live(&f);
  char *path = test_path(f.reg_dir, "audit.head");
  ck_assert_int_eq(unlink(path), 0);
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert_int_eq(only_finding(report).is_damage, 0);
  ck_assert_int_eq(only_finding(report).repaired, 1);
  ck_assert(test_exists(path));
  mlcm_fsck_report_free(report);
  free(path);
  tear_down(&f);
}
END_TEST

/* ---- the database and the folder ---- */

START_TEST(a_file_is_no_registry) {
  fixture f;
  mlcm_fsck_report *report = NULL;
  set_up(&f);
  char *file = make_file(&f, "file", "x");
  CHECK_FAILS(MLCM_NOT_FOUND, "there is no registry in", mlcm_fsck(f.ctx, file, NULL, NULL, &report, err));
  free(file);
  tear_down(&f);
}
END_TEST

#define INDEX_SQL(unique) "CREATE " unique "INDEX rollout_active ON rollout (endpoint_id, active)"
#define AS_IF(sql) "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '" sql "' WHERE name = 'rollout_active'"

/* Two active rollouts of one endpoint: which of them is the true one, no index can say. */
START_TEST(rows_that_an_index_forbids_are_not_repaired_by_making_it_anew) {
  static const char rows[] =
      "INSERT INTO endpoint (id, name, model_id, alias, created_ns) VALUES (1, 'e', 1, 'champion', 1);"
      "INSERT INTO rollout (id, endpoint_id, active, status, stable, candidate, plan_name, plan, policy_digest, salt, actor,"
      " created_ns, chain) VALUES (1, 1, 1, 1, 2, 3, 'p', 'x', 'd', zeroblob(16), 'ana', 1, zeroblob(32)),"
      " (2, 1, 1, 1, 2, 3, 'p', 'x', 'd', zeroblob(16), 'ana', 1, zeroblob(32))";
  fixture f;
  live(&f);
  tamper(&f, AS_IF(INDEX_SQL("")));
  tamper(&f, rows);
  tamper(&f, AS_IF(INDEX_SQL("UNIQUE ")));
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert(tells(report, "rollout_active", "non-unique entry"));
  ck_assert_int_gt(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* The files of objects are gone between the list and the look: a collector was there. */
static int open_but_no_object(void *user, const char *path, int flags, uint32_t mode) {
  const mlcm_io *real = user;
  const bool is_object = strstr(path, "/objects/") && !(flags & O_DIRECTORY);
  return is_object ? -ENOENT : real->open(real->user, path, flags, mode);
}

START_TEST(an_object_that_vanishes_while_all_are_listed_is_no_damage) {
  fixture f;
  mlcm_io real = {0};
  mlcm_fsck_report *report = NULL;
  live(&f);
  close_and_checkpoint(&f);
  free(make_file(&f, "reg/registry.db", "no database"));
  mlcm_io_default(&real);
  mlcm_io table = real;
  table.user = &real;
  table.open = open_but_no_object;
  mlcm_context *ctx = test_context(NULL, &table, NULL);
  CHECK_OK(mlcm_fsck(ctx, f.reg_dir, NULL, NULL, &report, err));
  ck_assert_int_eq(mlcm_fsck_report_summary(report).objects, 3);
  ck_assert_int_eq(only_finding(report).kind, MLCM_DAMAGE_DATABASE);
  mlcm_fsck_report_free(report);
  mlcm_context_free(ctx);
  tear_down(&f);
}
END_TEST

int main(void) {
  in_memory();
  Suite *s = suite_create("registry_fsck_damage");
  TCase *one = tcase_create("one"), *table = tcase_create("table");
  const TTest *tests[] = {an_object_is_examined_once_whoever_has_it,
                          a_shared_manifest_is_named_with_the_number_of_its_versions,
                          a_manifest_without_text_is_named,
                          a_backup_helps_only_with_the_very_text,
                          entries_lost_in_a_row_are_one_gap,
                          a_tile_that_is_lost_or_cut_is_named_and_made_anew,
                          several_damaged_leaves_are_one_repair,
                          a_head_file_is_not_written_from_a_log_that_does_not_verify,
                          a_head_file_that_is_far_too_long_or_a_folder_is_none,
                          a_lost_head_file_is_a_note_and_written_anew,
                          a_file_is_no_registry,
                          rows_that_an_index_forbids_are_not_repaired_by_making_it_anew,
                          an_object_that_vanishes_while_all_are_listed_is_no_damage};
  tcase_set_timeout(one, 120);
  tcase_set_timeout(table, 120);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) tcase_add_test(one, tests[i]);
  tcase_add_loop_test(table, an_evaluation_that_differs_from_the_feed_is_named, 0,
                      (int)(sizeof evaluations / sizeof evaluations[0]));
  suite_add_tcase(s, one);
  suite_add_tcase(s, table);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
