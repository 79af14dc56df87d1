/* SPDX-License-Identifier: Apache-2.0
 *
 * test_audit.c - the audit log through its public face: verification of log and rows, heads, entries, proofs.
 */
#include "fixture.h"

#include <sqlite3.h>
#include <unistd.h>

#include <mlcm/trust.h>

/* A registry in which a little of everything has happened. */
static void live(fixture *f) {
  mlcm_score score = {"accuracy", 0.9};
  mlcm_evaluation evaluation = {.name = "holdout", .scores = &score, .n_scores = 1};
  mlcm_attribution by = {"bob", "better on the holdout set"};
  char sha256[65];
  set_up(f);
  add_versions(f, "digits", 3);
  move_alias(f, "digits", "champion", 1);
  move_alias(f, "digits", "champion", 3);
  move_alias(f, "digits", "old", 1);
  CHECK_OK(mlcm_alias_set(f->reg, "digits", "champion", 2, 3, 0, &by, err));
  CHECK_OK(mlcm_alias_delete(f->reg, "digits", "old", 1, 0, NULL, err));
  CHECK_OK(mlcm_evaluate(f->reg, "digits", 2, &evaluation, &by, err));
  CHECK_OK(mlcm_version_tag_set(f->reg, "digits", 2, "team", "vision", NULL, err));
  CHECK_OK(mlcm_policy_put(f->reg, mlcm_str_of("checks: []\n"), NULL, sha256, err));
  CHECK_OK(mlcm_version_delete(f->reg, "digits", 1, 0, NULL, err));
  CHECK_OK(mlcm_version_delete(f->reg, "digits", 3, 0, NULL, err));
  CHECK_OK(mlcm_version_restore(f->reg, "digits", 3, NULL, err));
  CHECK_OK(mlcm_model_create(f->reg, "other", "for later", NULL, err));
  CHECK_OK(mlcm_model_delete(f->reg, "other", 0, NULL, err));
}

/* Changes the database behind the library's back, with all its triggers gone. */
static void tamper(const fixture *f, const char *sql) {
  sqlite3 *raw = NULL;
  sqlite3_stmt *list = NULL;
  char drops[4096] = "";
  char *message = NULL;
  char *path = test_path(f->reg_dir, "registry.db");
  ck_assert_int_eq(sqlite3_open(path, &raw), SQLITE_OK);
  ck_assert_int_eq(
      sqlite3_prepare_v2(raw, "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema WHERE type = 'trigger'", -1,
                         &list, NULL),
      SQLITE_OK);
  ck_assert_int_eq(sqlite3_step(list), SQLITE_ROW);
  (void)snprintf(drops, sizeof drops, "%s", (const char *)sqlite3_column_text(list, 0));
  sqlite3_finalize(list);
  ck_assert_int_eq(sqlite3_exec(raw, drops, NULL, NULL, NULL), SQLITE_OK);
  ck_assert_msg(sqlite3_exec(raw, sql, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
  ck_assert_msg(sqlite3_changes(raw) > 0, "changes nothing: %s", sql);
  sqlite3_close(raw);
  free(path);
}

START_TEST(a_lived_in_registry_verifies) {
  fixture f;
  mlcm_audit_head head, now;
  live(&f);
  CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, &head, err));
  CHECK_OK(mlcm_audit_head_get(f.reg, &now, err));
  ck_assert_int_eq(head.size, now.size);
  ck_assert_int_gt(head.size, 14);
  ck_assert_mem_eq(head.root, now.root, 32);
  tear_down(&f);
}
END_TEST

START_TEST(an_empty_registry_verifies) {
  fixture f;
  mlcm_audit_head head;
  set_up(&f);
  CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, &head, err));
  ck_assert_int_eq(head.size, 0);
  tear_down(&f);
}
END_TEST

START_TEST(a_read_only_registry_verifies) {
  fixture f;
  live(&f);
  mlcm_registry *reader = open_registry(f.ctx, f.reg_dir, MLCM_OPEN_READ_ONLY);
  CHECK_OK(mlcm_audit_verify(reader, NULL, NULL, NULL, err));
  mlcm_registry_close(reader);
  tear_down(&f);
}
END_TEST

static const struct {
  const char *sql, *says;
} tamperings[] = {
    {"UPDATE alias SET version = 3 WHERE name = 'champion'", "champion stands on version 3"},
    {"DELETE FROM alias WHERE name = 'champion'", "champion is gone"},
    {"INSERT INTO alias (model_id, name, version, move_seq) SELECT model_id, 'new', 2, move_seq FROM alias", "new stands on"},
    {"UPDATE manifest SET text = CAST('{}' AS BLOB) WHERE id = 2", "manifest"},
    {"UPDATE version SET manifest_id = 1 WHERE number = 2", "manifest"},
    {"UPDATE version SET state = 1 WHERE number = 1", "deleted"},
    {"UPDATE version SET state = 2 WHERE number = 2", "deleted"},
    {"UPDATE model SET state = 1 WHERE name = 'other'", "deleted"},
    {"UPDATE event SET actor = 'eve' WHERE kind = 'alias.set'", "actor"},
    {"UPDATE event SET kind = 'alias.set' WHERE kind = 'alias.deleted'", "kind"},
    {"UPDATE event SET time_ns = time_ns + 1000000 WHERE seq = 5", "time"},
    {"UPDATE event SET detail = '{}' WHERE kind = 'version.evaluated'", "detail"},
    {"DELETE FROM event WHERE kind = 'version.evaluated'", "no event"},
    {"INSERT INTO event (time_ns, kind, actor, audit_seq) VALUES (1, 'alias.set', 'eve', 99)", "no audit entry"},
    {"INSERT INTO version (model_id, number, created_ns, updated_ns, actor, manifest_id, n_files, size_bytes)"
     " SELECT model_id, 9, created_ns, updated_ns, actor, manifest_id, n_files, size_bytes FROM version WHERE number = 2",
     "versions"},
    {"UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'bob', 'eve') AS BLOB)", "hash of its leaf"},
    {"UPDATE audit_text SET text = 'because'", "reason"},
};

START_TEST(rows_that_differ_from_the_log_are_found) {
  for (size_t i = 0; i < sizeof tamperings / sizeof tamperings[0]; i++) {
    fixture f;
    live(&f);
    tamper(&f, tamperings[i].sql);
    CHECK_FAILS(MLCM_CORRUPT, tamperings[i].says, mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
    tear_down(&f);
  }
}
END_TEST

START_TEST(the_head_file_follows_every_change) {
  fixture f;
  mlcm_audit_head head;
  char size[32];
  live(&f);
  char *path = test_path(f.reg_dir, "audit.head");
  char *text = test_read_file(path, NULL);
  CHECK_OK(mlcm_audit_head_get(f.reg, &head, err));
  (void)snprintf(size, sizeof size, "%019lld ", (long long)head.size);
  ck_assert_ptr_nonnull(strstr(text, size));
  free(text);
  free(path);
  tear_down(&f);
}
END_TEST

/* Someone puts an older copy of the whole database in place: each of its parts fits the others. */
START_TEST(an_older_copy_of_the_database_is_found_by_the_head_file) {
  fixture f;
  size_t len = 0;
  sqlite3 *raw = NULL;
  live(&f);
  char *path = test_path(f.reg_dir, "registry.db"), *wal = test_path(f.reg_dir, "registry.db-wal"),
       *shm = test_path(f.reg_dir, "registry.db-shm");
  mlcm_registry_close(f.reg);
  ck_assert_int_eq(sqlite3_open(path, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  char *copy = test_read_file(path, &len);
  f.reg = open_registry(f.ctx, f.reg_dir, 0);
  move_alias(&f, "digits", "champion", 3);
  mlcm_registry_close(f.reg);
  (void)unlink(wal);
  (void)unlink(shm);
  test_write_file(path, copy, len);
  f.reg = open_registry(f.ctx, f.reg_dir, 0);
  CHECK_FAILS(MLCM_CORRUPT, "entries were removed", mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  free(copy);
  free(path);
  free(wal);
  free(shm);
  tear_down(&f);
}
END_TEST

START_TEST(a_head_file_that_cannot_be_written_stops_nothing) {
  fixture f;
  set_up(&f);
  char *path = test_path(f.reg_dir, "audit.head");
  char *inside = test_path(path, "x");
  (void)unlink(path);
  ck_assert_int_eq(symlink(inside, path), 0); /* not followed: opening it fails */
  add_versions(&f, "digits", 1);
  free(inside);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(a_callers_anchor_is_compared_too) {
  fixture f;
  mlcm_audit_head anchor;
  live(&f);
  CHECK_OK(mlcm_audit_head_get(f.reg, &anchor, err));
  move_alias(&f, "digits", "champion", 3);
  CHECK_OK(mlcm_audit_verify(f.reg, &anchor, NULL, NULL, err));
  anchor.root[0] ^= 1;
  CHECK_FAILS(MLCM_CORRUPT, "rewritten", mlcm_audit_verify(f.reg, &anchor, NULL, NULL, err));
  anchor.size = -1;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "-1", mlcm_audit_verify(f.reg, &anchor, NULL, NULL, err));
  tear_down(&f);
}
END_TEST

START_TEST(entries_and_proofs_check_without_the_registry) {
  fixture f;
  mlcm_audit_head old, now;
  mlcm_audit_proof proof;
  char *entry = NULL;
  size_t len = 0;
  live(&f);
  CHECK_OK(mlcm_audit_head_get(f.reg, &old, err));
  move_alias(&f, "digits", "champion", 3);
  CHECK_OK(mlcm_audit_head_get(f.reg, &now, err));
  CHECK_OK(mlcm_audit_entry(f.reg, 4, &entry, &len, err));
  CHECK_OK(mlcm_audit_prove_inclusion(f.reg, 4, now.size, &proof, err));
  CHECK_OK(mlcm_audit_check_inclusion(&proof, 4, entry, len, &now, err));
  CHECK_FAILS(MLCM_CORRUPT, "entry 5", mlcm_audit_check_inclusion(&proof, 5, entry, len, &now, err));
  CHECK_FAILS(MLCM_CORRUPT, "entry 4", mlcm_audit_check_inclusion(&proof, 4, entry, len - 1, &now, err));
  CHECK_OK(mlcm_audit_prove_consistency(f.reg, old.size, now.size, &proof, err));
  CHECK_OK(mlcm_audit_check_consistency(&proof, &old, &now, err));
  proof.n = 65;
  CHECK_FAILS(MLCM_CORRUPT, "", mlcm_audit_check_consistency(&proof, &old, &now, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "", mlcm_audit_entry(f.reg, 1000, &entry, &len, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "", mlcm_audit_entry(f.reg, 0, &entry, &len, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "", mlcm_audit_prove_inclusion(f.reg, 4, 1000, &proof, err));
  mlcm_free(f.ctx, entry);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      a_lived_in_registry_verifies,
      an_empty_registry_verifies,
      a_read_only_registry_verifies,
      rows_that_differ_from_the_log_are_found,
      the_head_file_follows_every_change,
      an_older_copy_of_the_database_is_found_by_the_head_file,
      a_head_file_that_cannot_be_written_stops_nothing,
      a_callers_anchor_is_compared_too,
      entries_and_proofs_check_without_the_registry,
  };
  return TEST_RUN("registry_audit", tests);
}
