/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fsck.c - each kind of damage in turn: fsck names exactly it, repairs what is safe, leaves the rest, and says so when asked
 * again.
 */
#include <errno.h>
#include <mlcm/trust.h>

#include "registry/damage.h"

START_TEST(a_sound_registry_is_clean) {
  fixture f;
  live(&f);
  mlcm_fsck_report *report = check(&f);
  mlcm_fsck_summary s = mlcm_fsck_report_summary(report);
  if (mlcm_fsck_report_n(report)) print_findings(report);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 0);
  ck_assert_int_eq(s.versions, 3);
  ck_assert_int_eq(s.manifests, 3);
  ck_assert_int_eq(s.objects, 3);
  ck_assert_int_eq(s.bytes, 3);
  ck_assert_int_gt(s.audit_entries, 10);
  ck_assert_int_eq(s.left, 0);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(an_empty_registry_is_clean) {
  fixture f;
  set_up(&f);
  expect_clean(&f, f.reg_dir);
  tear_down(&f);
}
END_TEST

START_TEST(no_registry_is_not_found_and_nothing_is_made) {
  fixture f;
  mlcm_fsck_report *report = NULL;
  set_up(&f);
  char *dir = test_path(f.dir, "nothing");
  CHECK_FAILS(MLCM_NOT_FOUND, "no registry", mlcm_fsck(f.ctx, dir, NULL, NULL, &report, err));
  ck_assert(!test_exists(dir));
  CHECK_FAILS(MLCM_NOT_FOUND, "no registry", mlcm_fsck(f.ctx, f.dir, NULL, NULL, &report, err));
  free(dir);
  tear_down(&f);
}
END_TEST

/* ---- damage by SQL ---- */

typedef struct damage {
  const char *sql;
  mlcm_damage kind;
  const char *object, *problem;
  int can_repair;
} damage;

static const damage damages[] = {
    /* versions, manifests */
    {"UPDATE manifest SET text = CAST('{}' AS BLOB) WHERE id = 2", MLCM_DAMAGE_MANIFEST, "digits/2 manifest",
     "its text was changed", 0},
    {"UPDATE manifest SET text = CAST(replace(CAST(text AS TEXT), '\"size\":\"1\"', '\"size\":\"7\"') AS BLOB) WHERE id = 2",
     MLCM_DAMAGE_MANIFEST, "digits/2 manifest", "its text was changed", 1},
    {"UPDATE manifest SET sha256 = replace(sha256, substr(sha256, 1, 8), '00000000') WHERE id = 2", MLCM_DAMAGE_MANIFEST,
     "digits/2 manifest", "the digest beside its text was changed", 1},
    {"UPDATE version SET size_bytes = 99 WHERE number = 2", MLCM_DAMAGE_COUNTER, "digits/2", "number and size of files", 1},
    {"UPDATE version SET actor = 'eve' WHERE number = 2", MLCM_DAMAGE_ROW, "digits/2", "who registered it", 0},
    {"UPDATE version SET parent = 'digits/1' WHERE number = 3", MLCM_DAMAGE_ROW, "digits/3", "the version's parent is not", 0},
    {"UPDATE version SET state = 2 WHERE number = 3", MLCM_DAMAGE_ROW, "digits/3",
     "knows of no deletion", 0},
    {"UPDATE version SET state = 1 WHERE number = 1", MLCM_DAMAGE_ROW, "digits/1", "deleted", 0},
    {"UPDATE version SET description = 'forged' WHERE number = 3", MLCM_DAMAGE_ROW, "digits/3 description", "given last", 0},
    {"UPDATE version_tag SET value = 'speech'", MLCM_DAMAGE_ROW, "digits/2 tag team", "set last", 0},
    {"DELETE FROM model_tag", MLCM_DAMAGE_ROW, "model digits tag kind", "set last", 0},
    {"UPDATE model SET n_versions = 7", MLCM_DAMAGE_COUNTER, "model digits", "counters", 1},
    {"UPDATE model SET newest = 1", MLCM_DAMAGE_COUNTER, "model digits", "counters", 1},
    {"UPDATE model SET last_version = 2", MLCM_DAMAGE_COUNTER, "model digits", "counters", 1},
    /* aliases */
    {"UPDATE alias SET version = 3", MLCM_DAMAGE_ROW, "digits@champion", "not what the audit log says", 0},
    {"UPDATE alias SET move_seq = 1", MLCM_DAMAGE_COUNTER, "digits@champion", "newest move", 1},
    {"DELETE FROM alias", MLCM_DAMAGE_ROW, "digits@champion", "is gone from the registry", 0},
    {"UPDATE alias_move SET to_version = 3 WHERE seq = (SELECT max(seq) FROM alias_move)", MLCM_DAMAGE_ROW,
     "digits@champion move", "history does not say", 0},
    /* evaluations */
    {"UPDATE metric SET value = 0.99", MLCM_DAMAGE_COUNTER, "digits/2 metric accuracy", "search sees", 1},
    {"DELETE FROM metric", MLCM_DAMAGE_COUNTER, "digits/2 metric accuracy", "search sees", 1},
    {"UPDATE evaluation SET n_samples = 6000 WHERE id = 1", MLCM_DAMAGE_ROW, "digits/2 evaluation holdout",
     "not what was recorded", 0},
    {"UPDATE evaluation_score SET value = 0.99 WHERE evaluation_id = 1", MLCM_DAMAGE_ROW, "digits/2 evaluation holdout",
     "metric values", 0},
    /* texts */
    {"UPDATE policy SET text = CAST('checks: [x]' AS BLOB)", MLCM_DAMAGE_ROW, "policy ", "does not have its digest", 0},
    {"UPDATE event SET actor = 'eve' WHERE kind = 'alias.set' AND version = 2", MLCM_DAMAGE_ROW, "digits@champion",
     "the change's actor", 0},
    {"DELETE FROM event WHERE kind = 'policy.kept'", MLCM_DAMAGE_ROW, "audit entry ", "no event in the change feed", 0},
    {"INSERT INTO event (time_ns, kind, actor, audit_seq) VALUES (1, 'gc.swept', 'eve', 99)", MLCM_DAMAGE_ROW, "event ",
     "no audit entry", 0},
    /* the log */
    {"UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'policy', 'POLICY') AS BLOB) WHERE CAST(entry AS TEXT) "
     "LIKE '%policy.kept%'",
     MLCM_DAMAGE_AUDIT, "audit entry ", "hash of its leaf", 0},
    {"UPDATE audit_entry SET leaf = zeroblob(32) WHERE seq = 4", MLCM_DAMAGE_AUDIT, "audit entry 4", "hash of its leaf", 1},
    {"UPDATE audit_text SET text = 'because' WHERE seq = 7", MLCM_DAMAGE_AUDIT, "audit entry ", "another reason", 0},
    {"UPDATE audit_head SET root = zeroblob(32)", MLCM_DAMAGE_AUDIT, "audit head", "root", 1},
    {"UPDATE audit_head SET frontier = zeroblob(length(frontier))", MLCM_DAMAGE_AUDIT, "audit head", "frontier", 1},
    {"UPDATE audit_head SET size = size - 1", MLCM_DAMAGE_AUDIT, "audit head", "head", 1},
    {"INSERT INTO audit_tile VALUES (0, 0, zeroblob(8192))", MLCM_DAMAGE_AUDIT, "audit tiles", "are stored", 1},
    {"DELETE FROM audit_entry WHERE seq = 5; DELETE FROM audit_text WHERE seq = 5", MLCM_DAMAGE_AUDIT, "audit entry 5", "missing",
     0},
};

static mlcm_finding expect_damage(const mlcm_fsck_report *report, const damage *d) {
  mlcm_finding x = only_finding(report);
  ck_assert_msg(x.kind == d->kind && strncmp(x.object, d->object, strlen(d->object)) == 0, "%s: %s %s: %s", d->sql,
                mlcm_damage_name(x.kind), x.object, x.problem);
  CHECK_PART(x.problem, d->problem);
  ck_assert_msg(x.restore[0] != 0, "%s: no way back is named", d->sql);
  ck_assert_int_eq(x.is_damage, 1);
  ck_assert_msg(x.can_repair == d->can_repair, "%s: can_repair is %d (%s)", d->sql, x.can_repair, x.restore);
  return x;
}

START_TEST(each_damaged_row_is_named_and_nothing_else_and_repaired_where_it_is_safe) {
  fixture f;
  live(&f);
  tamper(&f, damages[_i].sql);
  mlcm_fsck_report *report = check(&f);
  mlcm_finding x = expect_damage(report, &damages[_i]);
  ck_assert_int_eq(x.repaired, 0);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 1);
  mlcm_fsck_report_free(report);
  report = check_with(&f, f.reg_dir, 1, NULL);
  x = expect_damage(report, &damages[_i]);
  ck_assert_str_eq(mlcm_fsck_report_refusal(report), "");
  ck_assert_msg(x.repaired == damages[_i].can_repair, "%s: repaired is %d", damages[_i].sql, x.repaired);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, !damages[_i].can_repair);
  mlcm_fsck_report_free(report);
  if (damages[_i].can_repair) {
    expect_clean(&f, f.reg_dir);
    CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
    CHECK_OK(mlcm_model_describe(f.reg, "digits", "life goes on", NULL, err));
  } else {
    report = check(&f);
    (void)expect_damage(report, &damages[_i]);
    mlcm_fsck_report_free(report);
  }
  tear_down(&f);
}
END_TEST

START_TEST(an_alias_on_a_deleted_version_is_named_beside_the_logs_word) {
  fixture f;
  live(&f);
  tamper(&f, "UPDATE alias SET version = 1");
  mlcm_fsck_report *report = check(&f);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 2);
  mlcm_finding x = mlcm_fsck_report_at(report, 0);
  ck_assert_str_eq(x.object, "digits@champion");
  CHECK_PART(x.problem, "deleted");
  CHECK_PART(x.restore, "mlcm alias set");
  x = mlcm_fsck_report_at(report, 1);
  ck_assert_str_eq(x.found, "1");
  ck_assert_str_eq(x.expected, "2");
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(all_damage_is_named_not_only_the_first) {
  fixture f;
  live(&f);
  char *first = object_of(&f, "digits/2"), *second = object_of(&f, "digits/3");
  flip(first, 0);
  ck_assert_int_eq(unlink(second), 0);
  tamper(&f,
         "UPDATE model SET n_versions = 7; UPDATE audit_text SET text = 'because' WHERE seq = (SELECT max(seq) FROM audit_text);"
         "UPDATE version_tag SET value = 'speech'");
  mlcm_fsck_report *report = check(&f);
  if (mlcm_fsck_report_n(report) != 5) print_findings(report);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 5);
  mlcm_fsck_report_free(report);
  report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, 1);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 4);
  mlcm_fsck_report_free(report);
  free(second);
  free(first);
  tear_down(&f);
}
END_TEST

/* ---- objects ---- */

START_TEST(a_flipped_byte_is_named_with_file_and_both_digests) {
  fixture f;
  live(&f);
  char *path = object_of(&f, "digits/2");
  flip(path, 0);
  mlcm_fsck_report *report = check(&f);
  mlcm_finding x = only_finding(report);
  ck_assert_int_eq(x.kind, MLCM_DAMAGE_BLOB);
  ck_assert_str_eq(x.object, "digits/2 model.bin");
  ck_assert_uint_eq(strlen(x.expected), 64);
  ck_assert_uint_eq(strlen(x.found), 64);
  ck_assert_str_ne(x.expected, x.found);
  ck_assert_int_eq(x.can_repair, 0);
  mlcm_fsck_report_free(report);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(a_cut_object_is_named_with_both_sizes) {
  fixture f;
  live(&f);
  char *path = object_of(&f, "digits/2");
  ck_assert_int_eq(truncate(path, 0), 0);
  mlcm_fsck_report *report = check(&f);
  CHECK_PART(only_finding(report).found, "0 bytes instead of 1");
  mlcm_fsck_report_free(report);
  free(path);
  tear_down(&f);
}
END_TEST

static void to_trash(const fixture *f, const char *ref, const char *bytes) {
  char *path = object_of(f, ref);
  char name[160];
  const char *folder = strstr(path, "/objects/") + 9;
  (void)snprintf(name, sizeof name, "trash/%.2s%s-1000", folder, folder + 3);
  char *trash = test_path(f->reg_dir, name);
  ck_assert_int_eq(rename(path, trash), 0);
  if (bytes) {
    ck_assert_int_eq(chmod(trash, 0644), 0);
    test_write_file(trash, bytes, strlen(bytes));
  }
  free(trash);
  free(path);
}

START_TEST(a_missing_object_comes_back_from_the_trash) {
  fixture f;
  live(&f);
  to_trash(&f, "digits/2", NULL);
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  mlcm_finding x = only_finding(report);
  ck_assert_str_eq(x.object, "digits/2 model.bin");
  CHECK_PART(x.problem, "gone");
  CHECK_PART(x.restore, "in the trash");
  ck_assert_int_eq(x.repaired, 1);
  mlcm_fsck_report_free(report);
  expect_clean(&f, f.reg_dir);
  tear_down(&f);
}
END_TEST

START_TEST(damaged_bytes_in_the_trash_are_no_help) {
  fixture f;
  live(&f);
  to_trash(&f, "digits/2", "x");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  mlcm_finding x = only_finding(report);
  ck_assert_int_eq(x.can_repair, 0);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 1);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(lost_bytes_and_manifests_come_back_from_a_backup) {
  fixture f;
  live(&f);
  char *backup = test_path(f.dir, "backup"), *object = object_of(&f, "digits/2");
  CHECK_OK(mlcm_backup(f.reg, backup, NULL, NULL, NULL, err));
  flip(object, 0);
  tamper(&f, "UPDATE manifest SET text = CAST('{}' AS BLOB) WHERE id = 3");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 0, backup);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 2);
  CHECK_PART(mlcm_fsck_report_at(report, 0).restore, "in the backup");
  CHECK_PART(mlcm_fsck_report_at(report, 1).restore, "in the backup");
  mlcm_fsck_report_free(report);
  report = check_with(&f, f.reg_dir, 1, backup);
  if (mlcm_fsck_report_summary(report).left) print_findings(report);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, 2);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
  free(object);
  free(backup);
  tear_down(&f);
}
END_TEST

START_TEST(files_of_dead_writers_are_a_note_and_are_removed) {
  fixture f;
  live(&f);
  char *path = test_path(f.reg_dir, "tmp/up-0123456789abcdef01234567");
  test_write_file(path, "half", 4);
  struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
  ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
  mlcm_fsck_report *report = check(&f);
  mlcm_finding x = only_finding(report);
  ck_assert_int_eq(x.kind, MLCM_DAMAGE_LEFTOVER);
  ck_assert_int_eq(x.is_damage, 0);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
  report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert_int_eq(only_finding(report).repaired, 1);
  ck_assert(!test_exists(path));
  mlcm_fsck_report_free(report);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(a_missing_folder_is_made_anew) {
  fixture f;
  live(&f);
  char *tmp = test_path(f.reg_dir, "tmp");
  mlcm_registry_close(f.reg);
  f.reg = NULL;
  ck_assert_int_eq(rmdir(tmp), 0);
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  CHECK_PART(only_finding(report).problem, "'tmp'");
  ck_assert_int_eq(only_finding(report).repaired, 1);
  mlcm_fsck_report_free(report);
  free(tmp);
  tear_down(&f);
}
END_TEST

/* ---- the database file ---- */

START_TEST(an_index_that_disagrees_is_made_anew) {
  fixture f;
  live(&f);
  tamper(&f, "UPDATE version SET updated_ns = updated_ns + 1000 WHERE number = 3"); /* the index follows this time */
  tamper(
      &f,
      "PRAGMA writable_schema = ON;"
      "UPDATE sqlite_schema SET sql = 'CREATE INDEX version_by_update ON version (created_ns)' WHERE name = 'version_by_update'");
  tamper(&f, "UPDATE version SET updated_ns = updated_ns - 1000 WHERE number = 3");
  tamper(
      &f,
      "PRAGMA writable_schema = ON;"
      "UPDATE sqlite_schema SET sql = 'CREATE INDEX version_by_update ON version (updated_ns)' WHERE name = 'version_by_update'");
  mlcm_registry_close(f.reg);
  f.reg = NULL;
  mlcm_fsck_report *report = check(&f);
  ck_assert_uint_ge(mlcm_fsck_report_n(report), 1);
  mlcm_finding x = mlcm_fsck_report_at(report, 0);
  ck_assert_int_eq(x.kind, MLCM_DAMAGE_INDEX);
  ck_assert_str_eq(x.object, "version_by_update");
  mlcm_fsck_report_free(report);
  report = check_with(&f, f.reg_dir, 1, NULL);
  if (mlcm_fsck_report_summary(report).left) print_findings(report);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 0);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(a_lost_or_changed_trigger_is_put_back_and_a_strange_one_is_named) {
  fixture f;
  live(&f);
  sqlite3 *raw = open_raw(&f);
  ck_assert_int_eq(sqlite3_exec(raw,
                                "DROP TRIGGER event_no_delete; DROP INDEX alias_by_name; DROP TRIGGER policy_is_immutable;"
                                "CREATE TRIGGER policy_is_immutable BEFORE UPDATE ON policy BEGIN SELECT 1; END;"
                                "CREATE TRIGGER strange AFTER INSERT ON alias BEGIN SELECT 1; END",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  if (mlcm_fsck_report_n(report) != 4) print_findings(report);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 4);
  ck_assert_str_eq(mlcm_fsck_report_at(report, 0).object, "trigger strange");
  ck_assert_int_eq(mlcm_fsck_report_at(report, 0).can_repair, 0);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, 3);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).left, 1);
  mlcm_fsck_report_free(report);
  ck_assert_int_eq(sqlite3_exec(raw, "DROP TRIGGER strange", NULL, NULL, NULL), SQLITE_OK);
  expect_clean(&f, f.reg_dir);
  ck_assert_int_ne(sqlite3_exec(raw, "DELETE FROM event", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  tear_down(&f);
}
END_TEST

START_TEST(a_row_that_refers_to_nothing_is_named) {
  fixture f;
  live(&f);
  tamper(&f, "INSERT INTO evaluation_score VALUES (77, 'x', 1.0)");
  mlcm_fsck_report *report = check(&f);
  mlcm_finding x = only_finding(report);
  ck_assert_int_eq(x.kind, MLCM_DAMAGE_ROW);
  CHECK_PART(x.object, "evaluation_score");
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

/* Writes rubbish over a page; the pages of a fresh registry are few, so that any of them carries something. */
static void spoil_page(const fixture *f, int64_t page) {
  char rubbish[4096];
  char *path = test_path(f->reg_dir, "registry.db");
  memset(rubbish, 0xA5, sizeof rubbish);
  int fd = open(path, O_RDWR);
  ck_assert_int_eq(pwrite(fd, rubbish, sizeof rubbish, (off_t)((page - 1) * 4096)), 4096);
  close(fd);
  free(path);
}

static int64_t root_page(const fixture *f, const char *table) {
  sqlite3 *raw = open_raw(f);
  sqlite3_stmt *stmt = NULL;
  ck_assert_int_eq(sqlite3_prepare_v2(raw, "SELECT rootpage FROM sqlite_schema WHERE name = ?1", -1, &stmt, NULL), SQLITE_OK);
  sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
  ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
  int64_t page = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  sqlite3_close(raw);
  return page;
}

START_TEST(a_garbage_page_stops_its_table_and_nothing_else) {
  fixture f;
  live(&f);
  char *object = object_of(&f, "digits/2");
  flip(object, 0);
  close_and_checkpoint(&f);
  spoil_page(&f, root_page(&f, "policy"));
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  bool page = false, policy = false, blob = false;
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    mlcm_finding x = mlcm_fsck_report_at(report, i);
    page = page || (x.kind == MLCM_DAMAGE_DATABASE && strcmp(x.object, "registry.db") == 0);
    policy = policy || strcmp(x.object, "table policy") == 0;
    blob = blob || (x.kind == MLCM_DAMAGE_BLOB && strcmp(x.object, "digits/2 model.bin") == 0);
    ck_assert(x.kind == MLCM_DAMAGE_DATABASE || x.kind == MLCM_DAMAGE_BLOB);
  }
  if (!page || !policy || !blob) print_findings(report);
  ck_assert(page && policy && blob);
  mlcm_fsck_report_free(report);
  free(object);
  tear_down(&f);
}
END_TEST

START_TEST(a_garbage_first_page_leaves_the_objects_checked_by_their_names) {
  fixture f;
  live(&f);
  char *object = object_of(&f, "digits/2");
  flip(object, 0);
  close_and_checkpoint(&f);
  spoil_page(&f, 1);
  mlcm_fsck_report *report = check(&f);
  if (mlcm_fsck_report_n(report) != 2) print_findings(report);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 2);
  ck_assert_int_eq(mlcm_fsck_report_at(report, 0).kind, MLCM_DAMAGE_DATABASE);
  const char *problem = mlcm_fsck_report_at(report, 0).problem;
  CHECK_PART(problem, "file is not a database");
  const char *told = strstr(problem, "cannot be opened"); /* and not twice */
  ck_assert(told && !strstr(told + 1, "cannot be opened"));
  ck_assert_int_eq(mlcm_fsck_report_at(report, 1).kind, MLCM_DAMAGE_BLOB);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).objects, 3);
  mlcm_fsck_report_free(report);
  free(object);
  tear_down(&f);
}
END_TEST

START_TEST(a_database_cut_short_is_named_at_every_length) {
  static const long lengths[] = {0, 1, 100, 4095, 4096, 8192, 20000, 40960};
  fixture f;
  live(&f);
  close_and_checkpoint(&f);
  char *path = test_path(f.reg_dir, "registry.db");
  ck_assert_int_eq(truncate(path, lengths[_i]), 0);
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert_int_gt(mlcm_fsck_report_summary(report).left, 0);
  ck_assert_int_eq(mlcm_fsck_report_at(report, 0).kind, MLCM_DAMAGE_DATABASE);
  mlcm_fsck_report_free(report);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(a_lost_database_is_named) {
  fixture f;
  live(&f);
  close_and_checkpoint(&f);
  char *path = test_path(f.reg_dir, "registry.db");
  ck_assert_int_eq(unlink(path), 0);
  mlcm_fsck_report *report = check(&f);
  CHECK_PART(only_finding(report).problem, "the database is gone");
  ck_assert(!test_exists(path));
  mlcm_fsck_report_free(report);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(a_newer_registry_is_not_judged) {
  fixture f;
  mlcm_fsck_report *report = NULL;
  mlcm_registry *reg = NULL;
  live(&f);
  tamper(&f, "PRAGMA user_version = 99");
  CHECK_FAILS(MLCM_NEWER_FORMAT, "99", mlcm_fsck(f.ctx, f.reg_dir, NULL, NULL, &report, err));
  CHECK_FAILS(MLCM_NEWER_FORMAT, "use a newer library", mlcm_registry_open(f.ctx, f.reg_dir, NULL, &reg, err));
  tear_down(&f);
}
END_TEST

/* ---- the head file ---- */

START_TEST(a_head_file_of_rubbish_is_written_anew) {
  fixture f;
  live(&f);
  char *path = test_path(f.reg_dir, "audit.head");
  test_write_file(path, "rubbish", 7);
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  mlcm_finding x = only_finding(report);
  ck_assert_str_eq(x.object, "audit.head");
  ck_assert_int_eq(x.kind, MLCM_DAMAGE_AUDIT);
  ck_assert_int_eq(x.repaired, 1);
  mlcm_fsck_report_free(report);
  expect_clean(&f, f.reg_dir);
  CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(an_empty_head_file_is_what_a_power_cut_leaves_and_no_damage) {
  fixture f;
  live(&f);
  char *path = test_path(f.reg_dir, "audit.head");
  test_write_file(path, "", 0);
  mlcm_fsck_report *report = check(&f);
  ck_assert_int_eq(only_finding(report).is_damage, 0);
  ck_assert_int_eq(only_finding(report).can_repair, 1);
  mlcm_fsck_report_free(report);
  free(path);
  tear_down(&f);
}
END_TEST

/* The last entry and everything that tells of it, cut away: only the head file remembers. */
START_TEST(a_log_cut_short_is_seen_and_never_repaired) {
  fixture f;
  live(&f);
  char *db = test_path(f.reg_dir, "registry.db"), *wal = test_path(f.reg_dir, "registry.db-wal");
  close_and_checkpoint(&f);
  size_t len = 0;
  char *before = test_read_file(db, &len);
  f.reg = open_registry(f.ctx, f.reg_dir, 0);
  CHECK_OK(mlcm_model_describe(f.reg, "digits", "one more entry", NULL, err));
  close_and_checkpoint(&f);
  test_write_file(db, before, len);
  (void)unlink(wal);
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  mlcm_finding x = only_finding(report);
  ck_assert_str_eq(x.object, "audit.head");
  CHECK_PART(x.problem, "entries were removed");
  ck_assert_int_eq(x.can_repair, 0);
  mlcm_fsck_report_free(report);
  free(before);
  free(wal);
  free(db);
  tear_down(&f);
}
END_TEST

/* An entry and its leaf changed together: the tree's root gives it away, and rebuilding would hide it. */
START_TEST(a_forged_entry_is_never_made_the_truth) {
  fixture f;
  live(&f);
  tamper(&f, "UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'ana', 'eve') AS BLOB),"
             " leaf = zeroblob(32) WHERE seq = 1");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, 0);
  ck_assert_int_gt(mlcm_fsck_report_summary(report).left, 1);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(a_tile_with_a_wrong_hash_is_named_with_its_entry_and_rebuilt) {
  fixture f;
  live(&f);
  for (int i = 0; i < 256; i++) CHECK_OK(mlcm_model_tag_set(f.reg, "digits", "n", i % 2 ? "1" : "0", NULL, err));
  tamper(
      &f,
      "UPDATE audit_tile SET hashes = CAST(substr(hashes, 1, 64) || zeroblob(32) || substr(hashes, 97) AS BLOB) WHERE level = 0");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  mlcm_finding x = only_finding(report);
  ck_assert_str_eq(x.object, "audit tile 0/0 at entry 3");
  ck_assert_int_eq(x.repaired, 1);
  mlcm_fsck_report_free(report);
  expect_clean(&f, f.reg_dir);
  tear_down(&f);
}
END_TEST

/* ---- the record, the shape ---- */

START_TEST(a_repair_is_recorded_with_who_and_what) {
  fixture f;
  mlcm_feed *feed = NULL;
  int64_t head = 0;
  mlcm_attribution by = {"root", "disk was swapped"};
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  mlcm_fsck_report *report = NULL;
  live(&f);
  tamper(&f, "UPDATE model SET n_versions = 7");
  options.repair = 1;
  CHECK_OK(mlcm_fsck(f.ctx, f.reg_dir, &options, &by, &report, err));
  mlcm_fsck_report_free(report);
  CHECK_OK(mlcm_changes_head(f.reg, &head, err));
  CHECK_OK(mlcm_changes(f.reg, head - 1, 1, &feed, err));
  mlcm_change change = mlcm_feed_at(feed, 0);
  ck_assert_str_eq(change.kind, "registry.repaired");
  ck_assert_str_eq(change.actor, "root");
  CHECK_PART(change.detail, "model digits");
  mlcm_feed_free(feed);
  tear_down(&f);
}
END_TEST

START_TEST(a_check_changes_nothing) {
  fixture f;
  int64_t before = 0, after = 0;
  live(&f);
  tamper(&f, "UPDATE model SET n_versions = 7");
  CHECK_OK(mlcm_changes_head(f.reg, &before, err));
  mlcm_fsck_report_free(check(&f));
  mlcm_fsck_report_free(check(&f));
  CHECK_OK(mlcm_changes_head(f.reg, &after, err));
  ck_assert_int_eq(before, after);
  tear_down(&f);
}
END_TEST

START_TEST(a_repair_that_cannot_be_recorded_is_not_made) {
  fixture f;
  live(&f);
  /* the log can take no entry: its next place is taken, and nothing confirms it */
  tamper(&f, "UPDATE model SET n_versions = 7; UPDATE audit_head SET size = 2, root = zeroblob(32);"
             "UPDATE audit_entry SET entry = CAST('{}' AS BLOB) WHERE seq = 2");
  mlcm_fsck_report *report = check_with(&f, f.reg_dir, 1, NULL);
  ck_assert_str_ne(mlcm_fsck_report_refusal(report), "");
  ck_assert_int_eq(mlcm_fsck_report_summary(report).repaired, 0);
  mlcm_fsck_report_free(report);
  report = check(&f);
  bool there = false;
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++)
    there = there || strcmp(mlcm_fsck_report_at(report, i).object, "model digits") == 0;
  ck_assert(there);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(the_report_is_json) {
  fixture f;
  char *json = NULL;
  live(&f);
  tamper(&f, "UPDATE model SET n_versions = 7");
  mlcm_fsck_report *report = check(&f);
  CHECK_OK(mlcm_fsck_report_to_json(report, &json, err));
  CHECK_PART(json, "{\"clean\":false,\"damaged\":1,");
  CHECK_PART(json, "\"kind\":\"counter\",\"object\":\"model digits\"");
  mlcm_free(f.ctx, json);
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

static int stop(void *user, int64_t done, int64_t total) {
  (void)user;
  (void)done;
  (void)total;
  return 1;
}

START_TEST(a_check_can_be_stopped) {
  fixture f;
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  mlcm_fsck_report *report = NULL;
  live(&f);
  options.progress.report = stop;
  CHECK_FAILS(MLCM_CANCELLED, "", mlcm_fsck(f.ctx, f.reg_dir, &options, NULL, &report, err));
  ck_assert_ptr_null(report);
  tear_down(&f);
}
END_TEST

static mlcm_status fsck_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  const fixture *f = user;
  mlcm_fsck_report *report = NULL;
  char *json = NULL;
  mlcm_status st = mlcm_fsck(ctx, f->reg_dir, NULL, NULL, &report, err);
  if (!st) st = mlcm_fsck_report_to_json(report, &json, err);
  mlcm_free(ctx, json);
  mlcm_fsck_report_free(report);
  return st;
}

START_TEST(a_check_survives_every_failing_allocation_and_call) {
  fixture f;
  live(&f);
  char *object = object_of(&f, "digits/2");
  flip(object, 0);
  tamper(&f, "UPDATE manifest SET text = CAST('{}' AS BLOB) WHERE id = 3; UPDATE alias SET version = 3");
  ck_assert_uint_gt(test_fault_memory(fsck_script, NULL, &f), 100);
  ck_assert_uint_gt(test_fault_io(fsck_script, NULL, &f), 20);
  free(object);
  tear_down(&f);
}
END_TEST

/* Damage that is put right in each run, and some that never is. */
static mlcm_status repair_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  const fixture *f = user;
  mlcm_fsck_report *report = NULL;
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  options.repair = 1;
  tamper(f, "UPDATE model SET n_versions = 7; UPDATE audit_entry SET leaf = zeroblob(32) WHERE seq = 4; DELETE FROM metric");
  mlcm_status st = mlcm_fsck(ctx, f->reg_dir, &options, NULL, &report, err);
  mlcm_fsck_report_free(report);
  return st;
}

/* All of it or nothing: the counters are wrong exactly when the leaf is. */
static void check_repaired_or_not(void *user) {
  const fixture *f = user;
  mlcm_fsck_report *report = check(f);
  int64_t left = mlcm_fsck_report_summary(report).left;
  if (left != 1 && left != 4) print_findings(report);
  ck_assert(left == 1 || left == 4);
  mlcm_fsck_report_free(report);
}

/* test_fault_memory would run for minutes: there are thousands of allocations, and each run looks three times. Every 61st fails
 * in turn. */
static void fail_some_allocations(const fixture *f) {
  enum { STRIDE = 61 };
  bool fired = true;
  for (size_t n = 1; fired; n += STRIDE) {
    test_memory memory;
    mlcm_error error;
    test_memory_init(&memory);
    memory.fail_at = n + 8; /* the context's own are test_context's */
    mlcm_allocator table = test_memory_table(&memory);
    mlcm_context *ctx = test_context(&table, NULL, NULL);
    fixture copy = *f;
    mlcm_status st = repair_script(ctx, &copy, &error);
    mlcm_context_free(ctx);
    ck_assert(st == MLCM_OK || st == MLCM_NO_MEMORY);
    test_memory_check_empty(&memory, "a repair");
    check_repaired_or_not(&copy);
    fired = memory.fired;
  }
}

/* The same for the disk: most calls list the 256 folders of objects/, three times. */
static void fail_some_calls(const fixture *f) {
  enum { STRIDE = 97 };
  bool fired = true;
  for (size_t n = 1; fired; n += STRIDE) {
    test_io io;
    mlcm_error error;
    test_io_init(&io);
    io.fail_at = n;
    io.fail_errno = EIO;
    mlcm_io table = test_io_table(&io);
    mlcm_context *ctx = test_context(NULL, &table, NULL);
    fixture copy = *f;
    (void)repair_script(ctx, &copy, &error);
    mlcm_context_free(ctx);
    ck_assert_int_eq(atomic_load(&io.n_open), 0);
    check_repaired_or_not(&copy);
    fired = atomic_load(&io.fired);
  }
}

START_TEST(a_repair_is_made_whole_or_not_at_all_under_failures) {
  fixture f;
  live(&f);
  char *object = object_of(&f, "digits/2");
  flip(object, 0);
  fail_some_allocations(&f);
  fail_some_calls(&f);
  free(object);
  tear_down(&f);
}
END_TEST

int main(void) {
  in_memory();
  Suite *s = suite_create("registry_fsck");
  TCase *faults = tcase_create("faults"), *one = tcase_create("one"), *table = tcase_create("table");
  const TTest *tests[] = {a_sound_registry_is_clean,
                          an_empty_registry_is_clean,
                          no_registry_is_not_found_and_nothing_is_made,
                          an_alias_on_a_deleted_version_is_named_beside_the_logs_word,
                          all_damage_is_named_not_only_the_first,
                          a_flipped_byte_is_named_with_file_and_both_digests,
                          a_cut_object_is_named_with_both_sizes,
                          a_missing_object_comes_back_from_the_trash,
                          damaged_bytes_in_the_trash_are_no_help,
                          lost_bytes_and_manifests_come_back_from_a_backup,
                          files_of_dead_writers_are_a_note_and_are_removed,
                          a_missing_folder_is_made_anew,
                          an_index_that_disagrees_is_made_anew,
                          a_lost_or_changed_trigger_is_put_back_and_a_strange_one_is_named,
                          a_row_that_refers_to_nothing_is_named,
                          a_garbage_page_stops_its_table_and_nothing_else,
                          a_garbage_first_page_leaves_the_objects_checked_by_their_names,
                          a_lost_database_is_named,
                          a_newer_registry_is_not_judged,
                          a_head_file_of_rubbish_is_written_anew,
                          an_empty_head_file_is_what_a_power_cut_leaves_and_no_damage,
                          a_log_cut_short_is_seen_and_never_repaired,
                          a_forged_entry_is_never_made_the_truth,
                          a_tile_with_a_wrong_hash_is_named_with_its_entry_and_rebuilt,
                          a_repair_is_recorded_with_who_and_what,
                          a_check_changes_nothing,
                          a_repair_that_cannot_be_recorded_is_not_made,
                          the_report_is_json,
                          a_check_can_be_stopped};
  const int n_damages = (int)(sizeof damages / sizeof damages[0]);
  tcase_set_timeout(one, 120);
  tcase_set_timeout(table, 120);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) tcase_add_test(one, tests[i]);
  tcase_add_loop_test(table, each_damaged_row_is_named_and_nothing_else_and_repaired_where_it_is_safe, 0, n_damages);
  tcase_add_loop_test(table, a_database_cut_short_is_named_at_every_length, 0, 8);
  tcase_set_timeout(faults, 250);
  tcase_add_test(faults, a_check_survives_every_failing_allocation_and_call);
  tcase_add_test(faults, a_repair_is_made_whole_or_not_at_all_under_failures);
  suite_add_tcase(s, one);
  suite_add_tcase(s, faults);
  suite_add_tcase(s, table);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
