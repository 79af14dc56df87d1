/* SPDX-License-Identifier: Apache-2.0
 *
 * test_backup_file.c - backup.json: what cannot be one is an error that says why, and fsck of a backup tells it.
 */
#include "registry/backup_file.h"
#include "registry/damage.h"

#define HEX64 "abcd000000000000000000000000000000000000000000000000000000000000"
#define TIME ",\"created\":\"2026-01-02T03:04:05Z\""
#define NUMBERS "\"audit_entries\":\"1\",\"database_bytes\":\"2\",\"object_bytes\":\"3\",\"objects\":\"4\",\"versions\":\"5\""
#define FORM ",\"form\":\"mlcm-backup/v1\"}"
#define DIGESTS ",\"audit_root\":\"" HEX64 "\",\"database_sha256\":\"" HEX64 "\""

/* Writes it to the folder and reads it as a backup's. */
static mlcm_status read_text(const fixture *f, const char *text, mlcm__backup_file *out, mlcm_error *err) {
  free(make_file(f, "backup.json", text));
  return mlcm__backup_file_read(f->ctx, f->dir, out, err);
}

static const struct {
  const char *text, *says;
} damaged[] = {
    {"", "backup.json"},
    {"[]", "form"},
    {"{\"form\":7}", "form"},
    {"{" NUMBERS DIGESTS TIME ",\"form\":null}", "form"},
    {"{\"audit_entries\":\"many\"" DIGESTS TIME FORM, "audit_entries"},
    {"{" NUMBERS ",\"audit_root\":\"" HEX64 "\"" TIME FORM, "database_sha256"},
    {"{" NUMBERS ",\"audit_root\":\"" HEX64 "\",\"database_sha256\":\"abcd\"" TIME FORM, "'database_sha256' is not a SHA-256 in hex"},
    {"{" NUMBERS ",\"audit_root\":\"zz" HEX64 "\",\"database_sha256\":\"" HEX64 "\"" TIME FORM, "'audit_root' is not a SHA-256"},
    {"{" NUMBERS ",\"audit_root\":\"zzcd000000000000000000000000000000000000000000000000000000000000\",\"database_sha256\":\"" HEX64
     "\"" TIME FORM,
     "'audit_root' is not a SHA-256"},
    {"{" NUMBERS DIGESTS FORM, "created"},
    {"{" NUMBERS DIGESTS ",\"created\":\"yesterday\"" FORM, "'created' is not a time"},
};

START_TEST(what_is_no_backup_json_is_damaged_and_says_where) {
  fixture f;
  mlcm__backup_file file;
  set_up(&f);
  CHECK_FAILS(MLCM_CORRUPT, damaged[_i].says, read_text(&f, damaged[_i].text, &file, err));
  tear_down(&f);
}
END_TEST

START_TEST(the_members_are_read) {
  fixture f;
  mlcm__backup_file file = {0};
  set_up(&f);
  CHECK_OK(read_text(&f, "{" NUMBERS DIGESTS TIME FORM, &file, err));
  ck_assert_int_eq(file.audit.size, 1);
  ck_assert_int_eq(file.database_bytes, 2);
  ck_assert_int_eq(file.object_bytes, 3);
  ck_assert_int_eq(file.objects, 4);
  ck_assert_int_eq(file.versions, 5);
  ck_assert_str_eq(file.database_sha256, HEX64);
  ck_assert_uint_eq(file.audit.root[0], 0xab);
  tear_down(&f);
}
END_TEST

START_TEST(a_newer_form_asks_for_a_newer_library) {
  fixture f;
  mlcm__backup_file file;
  set_up(&f);
  CHECK_FAILS(MLCM_NEWER_FORMAT, "use a newer library", read_text(&f, "{\"form\":\"mlcm-backup/v9\"}", &file, err));
  tear_down(&f);
}
END_TEST

START_TEST(what_is_too_long_or_no_file_is_damaged) {
  fixture f;
  mlcm__backup_file file;
  set_up(&f);
  char *path = test_path(f.dir, "backup.json");
  char *longer = malloc(70001);
  memset(longer, ' ', 70000);
  longer[70000] = '\0';
  CHECK_FAILS(MLCM_CORRUPT, "70000 bytes, more than the limit of 65536", read_text(&f, longer, &file, err));
  ck_assert_int_eq(unlink(path), 0);
  ck_assert_int_eq(mkdir(path, 0755), 0);
  CHECK_FAILS(MLCM_CORRUPT, "a directory, not a regular file", mlcm__backup_file_read(f.ctx, f.dir, &file, err));
  free(longer);
  free(path);
  tear_down(&f);
}
END_TEST

/* ---- as fsck tells it ---- */

static char *make_backup(const fixture *f) {
  char *backup = test_path(f->dir, "backup");
  CHECK_OK(mlcm_backup(f->reg, backup, NULL, NULL, NULL, err));
  return backup;
}

START_TEST(fsck_tells_a_damaged_backup_json) {
  fixture f;
  live(&f);
  char *backup = make_backup(&f), *path = test_path(backup, "backup.json");
  test_write_file(path, "{}", 2);
  mlcm_fsck_report *report = check_with(&f, backup, 0, NULL);
  ck_assert(tells(report, "backup.json", "form"));
  mlcm_fsck_report_free(report);
  free(path);
  free(backup);
  tear_down(&f);
}
END_TEST

START_TEST(fsck_tells_a_backup_without_its_database_once) {
  fixture f;
  live(&f);
  char *backup = make_backup(&f), *path = test_path(backup, "registry.db");
  ck_assert_int_eq(unlink(path), 0);
  mlcm_fsck_report *report = check_with(&f, backup, 0, NULL);
  ck_assert_int_eq(only_finding(report).kind, MLCM_DAMAGE_DATABASE);
  mlcm_fsck_report_free(report);
  free(path);
  free(backup);
  tear_down(&f);
}
END_TEST

START_TEST(fsck_tells_numbers_that_are_not_those_of_backup_json) {
  fixture f;
  live(&f);
  char *backup = make_backup(&f), *path = test_path(backup, "backup.json");
  char *text = test_read_file(path, NULL);
  char *number = strstr(text, "\"versions\":");
  ck_assert_ptr_nonnull(number);
  number[strcspn(number, "0123456789")] = '8';
  test_write_file(path, text, strlen(text));
  mlcm_fsck_report *report = check_with(&f, backup, 0, NULL);
  mlcm_finding x = only_finding(report);
  ck_assert_str_eq(x.object, "versions");
  ck_assert_str_eq(x.expected, "8");
  ck_assert_str_eq(x.found, "3");
  mlcm_fsck_report_free(report);
  free(text);
  free(path);
  free(backup);
  tear_down(&f);
}
END_TEST

int main(void) {
  in_memory();
  Suite *s = suite_create("registry_backup_file");
  TCase *one = tcase_create("one"), *table = tcase_create("table");
  const TTest *tests[] = {the_members_are_read,
                          a_newer_form_asks_for_a_newer_library,
                          what_is_too_long_or_no_file_is_damaged,
                          fsck_tells_a_damaged_backup_json,
                          fsck_tells_a_backup_without_its_database_once,
                          fsck_tells_numbers_that_are_not_those_of_backup_json};
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) tcase_add_test(one, tests[i]);
  tcase_add_loop_test(table, what_is_no_backup_json_is_damaged_and_says_where, 0, (int)(sizeof damaged / sizeof damaged[0]));
  suite_add_tcase(s, one);
  suite_add_tcase(s, table);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
