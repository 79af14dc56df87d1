/* SPDX-License-Identifier: Apache-2.0
 *
 * damage.h - a registry in which a little of everything has happened, and ways to damage it behind the library's back.
 */
#ifndef MLCM_TESTS_REGISTRY_DAMAGE_H
#define MLCM_TESTS_REGISTRY_DAMAGE_H

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/fixture.h"

/* Scratch folders in memory where there is such a place: these programs make hundreds of registries, and each would wait for a
 * disk dozens of times. Whether a sync succeeded is in the hands of the tests, not of a disk. */
static UNUSED void in_memory(void) {
  if (access("/dev/shm", W_OK | X_OK) == 0) (void)setenv("TMPDIR", "/dev/shm", 0);
}

static UNUSED void live(fixture *f) {
  mlcm_score score = {"accuracy", 0.9};
  mlcm_evaluation evaluation = {.name = "holdout", .scores = &score, .n_scores = 1, .n_samples = 600};
  mlcm_attribution by = {"bob", "better on the holdout set"};
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  char sha256[65];
  options.parent = "digits/2";
  set_up(f);
  add_versions(f, "digits", 2);
  (void)add_version(f, "digits", "3", &options);
  move_alias(f, "digits", "champion", 1);
  move_alias(f, "digits", "champion", 3);
  CHECK_OK(mlcm_alias_set(f->reg, "digits", "champion", 2, 3, 0, &by, err));
  CHECK_OK(mlcm_evaluate(f->reg, "digits", 2, &evaluation, &by, err));
  score.value = 0.95;
  CHECK_OK(mlcm_evaluate(f->reg, "digits", 2, &evaluation, &by, err));
  CHECK_OK(mlcm_version_tag_set(f->reg, "digits", 2, "team", "vision", NULL, err));
  CHECK_OK(mlcm_model_tag_set(f->reg, "digits", "kind", "cnn", NULL, err));
  CHECK_OK(mlcm_version_describe(f->reg, "digits", 3, "the third", NULL, err));
  CHECK_OK(mlcm_policy_put(f->reg, mlcm_str_of("checks: []\n"), NULL, sha256, err));
  CHECK_OK(mlcm_version_delete(f->reg, "digits", 1, 0, NULL, err));
}

static UNUSED sqlite3 *open_raw(const fixture *f) {
  sqlite3 *raw = NULL;
  char *path = test_path(f->reg_dir, "registry.db");
  ck_assert_int_eq(sqlite3_open_v2(path, &raw, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  free(path);
  return raw;
}

/* Runs SQL with all triggers down and all checks off; the triggers are up again afterwards. */
static UNUSED void tamper(const fixture *f, const char *sql) {
  sqlite3 *raw = open_raw(f);
  sqlite3_stmt *list = NULL;
  char *ups[64];
  size_t n = 0;
  char *message = NULL;
  ck_assert_int_eq(sqlite3_prepare_v2(raw, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'", -1, &list, NULL),
                   SQLITE_OK);
  char *drops[64];
  while (sqlite3_step(list) == SQLITE_ROW) {
    drops[n] = sqlite3_mprintf("DROP TRIGGER %s", sqlite3_column_text(list, 0));
    ups[n++] = sqlite3_mprintf("%s", sqlite3_column_text(list, 1));
  }
  sqlite3_finalize(list);
  for (size_t i = 0; i < n; i++) ck_assert_int_eq(sqlite3_exec(raw, drops[i], NULL, NULL, NULL), SQLITE_OK);
  int rc = sqlite3_exec(raw, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_exec(raw, sql, NULL, NULL, &message);
  ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, message ? message : "");
  for (size_t i = 0; i < n; i++) {
    ck_assert_int_eq(sqlite3_exec(raw, ups[i], NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(ups[i]);
    sqlite3_free(drops[i]);
  }
  sqlite3_close(raw);
}

/* Path of the object that holds the one file of a version. */
static UNUSED char *object_of(const fixture *f, const char *ref) {
  mlcm_version *v = get_version(f, ref);
  const char *hex = mlcm_version_file(v, 0).sha256;
  char name[128];
  (void)snprintf(name, sizeof name, "objects/%.2s/%s", hex, hex + 2);
  mlcm_version_free(v);
  return test_path(f->reg_dir, name);
}

/* Changes one byte at `at` of a file, which may be read-only. */
static UNUSED void flip(const char *path, long at) {
  unsigned char byte = 0;
  ck_assert_int_eq(chmod(path, 0644), 0);
  int fd = open(path, O_RDWR);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
  byte ^= 0x40;
  ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
  close(fd);
}

/* Everything into the database file, so that damage to it is not healed by its log; the registry is closed for that. */
static UNUSED void close_and_checkpoint(fixture *f) {
  mlcm_registry_close(f->reg);
  f->reg = NULL;
  sqlite3 *raw = open_raw(f);
  ck_assert_int_eq(sqlite3_exec(raw, "SELECT count(*) FROM model; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
}

/* ---- fsck ---- */

static UNUSED mlcm_fsck_report *check_with(const fixture *f, const char *dir, int repair, const char *backup) {
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  mlcm_fsck_report *report = NULL;
  options.repair = repair;
  options.backup = backup;
  CHECK_OK(mlcm_fsck(f->ctx, dir, &options, NULL, &report, err));
  return report;
}

static UNUSED mlcm_fsck_report *check(const fixture *f) {
  return check_with(f, f->reg_dir, 0, NULL);
}

static UNUSED void print_findings(const mlcm_fsck_report *report) {
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    mlcm_finding x = mlcm_fsck_report_at(report, i);
    fprintf(stderr, "%zu: %s | %s | %s | '%s' not '%s' | %s%s%s\n", i, mlcm_damage_name(x.kind), x.object, x.problem, x.found,
            x.expected, x.restore, x.can_repair ? " [can repair]" : "", x.repaired ? " [repaired]" : "");
  }
}

static UNUSED void expect_clean(const fixture *f, const char *dir) {
  mlcm_fsck_report *report = check_with(f, dir, 0, NULL);
  if (mlcm_fsck_report_summary(report).left) print_findings(report);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
}

/* A report of exactly one finding; the caller frees it. */
static UNUSED mlcm_finding only_finding(const mlcm_fsck_report *report) {
  if (mlcm_fsck_report_n(report) != 1) print_findings(report);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 1);
  return mlcm_fsck_report_at(report, 0);
}

/* Whether there is such a finding about `object`, with this in its problem. */
static UNUSED bool tells(const mlcm_fsck_report *report, const char *object, const char *problem) {
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    mlcm_finding x = mlcm_fsck_report_at(report, i);
    if (strcmp(x.object, object) == 0 && strstr(x.problem, problem)) return true;
  }
  fprintf(stderr, "nothing of '%s' with '%s' among:\n", object, problem);
  print_findings(report);
  return false;
}

#define CHECK_PART(text, part) ck_assert_msg(strstr(text, part) != NULL, "no '%s' in '%s'", part, text)

#endif
