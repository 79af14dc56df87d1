/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fsck_repair.c - repairs when things change between look and repair, when there are many, and when none can be made.
 */
#include "registry/damage.h"

/* ---- what changes between look and repair ---- */

typedef struct meanwhile {
  const fixture *f;
  const char *sql;  /* NULL: nothing */
  const char *file; /* its first byte changes; NULL: none */
} meanwhile;

/* The end of the first look's bytes; its rows are read from a snapshot. */
static int on_progress(void *user, int64_t done, int64_t total) {
  meanwhile *m = user;
  (void)done, (void)total;
  if (m->sql) tamper(m->f, m->sql);
  if (m->file) flip(m->file, 0);
  m->sql = m->file = NULL;
  return 0;
}

static mlcm_fsck_report *repair_while(const fixture *f, meanwhile m, const char *backup) {
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  mlcm_fsck_report *report = NULL;
  options.repair = 1;
  options.backup = backup;
  options.progress.report = on_progress;
  options.progress.user = &m;
  CHECK_OK(mlcm_fsck(f->ctx, f->reg_dir, &options, NULL, &report, err));
  ck_assert_str_eq(mlcm_fsck_report_refusal(report), "");
  return report;
}

static int64_t newest_change(const fixture *f) {
  int64_t seq = 0;
  CHECK_OK(mlcm_changes_head(f->reg, &seq, err));
  return seq;
}

START_TEST(numbers_of_a_manifest_that_is_gone_are_not_repaired) {
  fixture f;
  live(&f);
  const int64_t before = newest_change(&f);
  tamper(&f, "UPDATE version SET size_bytes = 99 WHERE number = 2");
  mlcm_fsck_report *report = repair_while(&f, (meanwhile){.f = &f, .sql = "DELETE FROM manifest WHERE id = 2"}, NULL);
  ck_assert_int_gt(mlcm_fsck_report_summary(report).left, 0);
  ck_assert_int_eq(newest_change(&f), before); /* nothing was done, and nothing is recorded */
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(bytes_of_a_backup_that_change_are_not_taken) {
  fixture f;
  live(&f);
  char *backup = test_path(f.dir, "backup"), *object = object_of(&f, "digits/2");
  CHECK_OK(mlcm_backup(f.reg, backup, NULL, NULL, NULL, err));
  char *copy = test_path(backup, strstr(object, "objects/"));
  ck_assert_int_eq(unlink(object), 0);
  mlcm_fsck_report *report = repair_while(&f, (meanwhile){.f = &f, .file = copy}, backup);
  mlcm_finding x = only_finding(report);
  ck_assert_str_eq(x.object, "digits/2 model.bin");
  ck_assert_int_eq(x.repaired, 0);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 1);
  ck_assert(!test_exists(object));
  mlcm_fsck_report_free(report);
  free(copy);
  free(object);
  free(backup);
  tear_down(&f);
}
END_TEST

/* ---- many ---- */

START_TEST(a_record_names_a_hundred_objects_and_counts_all) {
  enum { MODELS = 103, NAMED = 100 };
  fixture f;
  mlcm_feed *feed = NULL;
  set_up(&f);
  for (int i = 0; i < MODELS; i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "m%03d", i);
    CHECK_OK(mlcm_model_create(f.reg, name, NULL, NULL, err));
  }
  tamper(&f, "UPDATE model SET n_versions = 7");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, MODELS);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
  CHECK_OK(mlcm_changes(f.reg, newest_change(&f) - 1, 1, &feed, err));
  const char *detail = mlcm_feed_at(feed, 0).detail;
  CHECK_PART(detail, "\"repairs\":103");
  int n_named = 0;
  for (const char *at = detail; (at = strstr(at, "\"model m")) != NULL; at++) n_named++;
  ck_assert_int_eq(n_named, NAMED);
  mlcm_feed_free(feed);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* A name of any length may stand in a damaged row: it is told, and stops no repair. */
START_TEST(a_name_beyond_all_limits_stops_no_repair) {
  fixture f;
  live(&f);
  tamper(&f, "UPDATE model SET n_versions = 7;"
             "INSERT INTO alias (model_id, name, version, move_seq)"
             " SELECT model_id, replace(hex(zeroblob(50000)), '00', 'xy'), 9, move_seq FROM alias LIMIT 1");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert(tells(report, "model digits", "its counters are not"));
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, 1);
  ck_assert_int_gt(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* ---- none ---- */

/* A trigger that nobody knows refuses the repairs one by one: each is undone, and the second look says that all are there. */
START_TEST(repairs_that_all_fail_are_left_and_not_recorded) {
  fixture f;
  live(&f);
  tamper(&f, "UPDATE model SET n_versions = 7");
  sqlite3 *raw = open_raw(&f);
  ck_assert_int_eq(sqlite3_exec(raw,
                                "CREATE TRIGGER strange BEFORE UPDATE ON model BEGIN SELECT raise(ABORT, 'not so'); END", NULL,
                                NULL, NULL),
                   SQLITE_OK);
  sqlite3_close(raw);
  const int64_t before = newest_change(&f);
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert(tells(report, "model digits", "its counters are not"));
  ck_assert(tells(report, "trigger strange", "makes none of that name"));
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, 0);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 2);
  ck_assert_int_eq(newest_change(&f), before);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

int main(void) {
  in_memory();
  const TTest *tests[] = {numbers_of_a_manifest_that_is_gone_are_not_repaired,
                          bytes_of_a_backup_that_change_are_not_taken,
                          a_record_names_a_hundred_objects_and_counts_all,
                          a_name_beyond_all_limits_stops_no_repair,
                          repairs_that_all_fail_are_left_and_not_recorded};
  return TEST_RUN("registry_fsck_repair", tests);
}
