/* SPDX-License-Identifier: Apache-2.0
 *
 * test_given.c - what was given at registration is held against the audit log: lineage for ever, description and tags until they
 * are changed through the library. Entries of older libraries, which have no digest of it, still verify.
 */
#include "registry/damage.h"

#include <mlcm/trust.h>

#include "registry/digest.h"
#include "registry/sql.h"
#include "trust/audit.h"

static const char dataset[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* m/1 has nothing; m/2 has everything that can be given. */
static void give(fixture *f) {
  const mlcm_tag tags[] = {{"team", "vision"}, {"origin", "lab"}};
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  options.description = "trained at night";
  options.dataset_digest = dataset;
  options.source_revision = "4f1c9a";
  options.run_link = "https://runs.example/7";
  options.parent = "m/1";
  options.tags = tags;
  options.n_tags = 2;
  set_up(f);
  add_versions(f, "m", 1);
  ck_assert_int_eq(add_version(f, "m", "2", &options), 2);
}

START_TEST(the_event_has_lineage_and_digests) {
  fixture f;
  mlcm_feed *feed = NULL;
  char tag[MLCM__DIGEST_TEXT + 1], expected[MLCM__DIGEST_TEXT + 64];
  give(&f);
  CHECK_OK(mlcm_changes(f.reg, 0, 10, &feed, err));
  const char *detail = mlcm_feed_at(feed, 2).detail;
  CHECK_PART(detail, "\"parent\":\"m/1\",\"run_link\":\"https://runs.example/"
                     "7\",\"source_revision\":\"4f1c9a\",\"tags\":[{\"key\":\"team\",\"value\":\"sha256:");
  CHECK_OK(mlcm__digest_of("lab", 3, tag, err));
  (void)snprintf(expected, sizeof expected, "{\"key\":\"origin\",\"value\":\"%s\"}]}", tag);
  CHECK_PART(detail, expected);
  ck_assert_ptr_null(strstr(detail, "night"));
  CHECK_PART(mlcm_feed_at(feed, 1).detail, "{\"dataset_digest\":null,\"description\":null,\"manifest\":\"sha256:");
  mlcm_feed_free(feed);
  tear_down(&f);
}
END_TEST

START_TEST(the_audit_entry_has_the_digest_of_the_event) {
  fixture f;
  mlcm_feed *feed = NULL;
  char *entry = NULL;
  size_t len = 0;
  char hex[MLCM__SHA256_HEX + 1];
  give(&f);
  CHECK_OK(mlcm_changes(f.reg, 2, 1, &feed, err));
  mlcm_change change = mlcm_feed_at(feed, 0);
  CHECK_OK(mlcm__hex_of(change.detail, strlen(change.detail), hex, err));
  CHECK_OK(mlcm_audit_entry(f.reg, change.audit_seq, &entry, &len, err));
  CHECK_PART(entry, hex);
  CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  mlcm_free(f.ctx, entry);
  mlcm_feed_free(feed);
  tear_down(&f);
}
END_TEST

/* ---- damage ---- */

static const struct {
  const char *sql, *object, *problem;
  bool breaks_audit; /* the audit log itself does not verify: the row never changes */
} damages[] = {
    {"UPDATE version_tag SET value = 'shop' WHERE key = 'origin'", "m/2 tag origin", "given at registration", false},
    {"DELETE FROM version_tag WHERE key = 'origin'", "m/2 tag origin", "given at registration", false},
    {"INSERT INTO version_tag SELECT id, 'approved', 'yes' FROM version WHERE number = 2", "m/2 tag approved",
     "given at registration", false},
    {"INSERT INTO version_tag SELECT id, 'approved', 'yes' FROM version WHERE number = 1", "m/1 tag approved",
     "given at registration", false},
    {"UPDATE version SET description = 'forged' WHERE number = 2", "m/2 description", "given at registration", false},
    {"UPDATE version SET description = '' WHERE number = 2", "m/2 description", "given at registration", false},
    {"UPDATE version SET description = 'forged' WHERE number = 1", "m/1 description", "given at registration", false},
    {"UPDATE version SET parent = '' WHERE number = 2", "m/2", "the version's parent is not", true},
    {"UPDATE version SET dataset_digest = '' WHERE number = 2", "m/2", "the version's dataset_digest is not", true},
    {"UPDATE version SET source_revision = 'ffffff' WHERE number = 2", "m/2", "the version's source_revision is not", true},
    {"UPDATE version SET run_link = 'elsewhere' WHERE number = 2", "m/2", "the version's run_link is not", true},
    {"UPDATE version SET run_link = 'elsewhere' WHERE number = 1", "m/1", "the version's run_link is not", true},
    {"UPDATE event SET detail = replace(detail, '}]}', '},{}]}') WHERE version = 2", "m/2", "the event's detail is not", true},
};

START_TEST(what_was_given_and_is_not_so_now_is_named) {
  for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
    fixture f;
    give(&f);
    tamper(&f, damages[i].sql);
    mlcm_fsck_report *report = check(&f);
    mlcm_finding x = only_finding(report);
    ck_assert_msg(strcmp(x.object, damages[i].object) == 0, "%s: '%s': %s", damages[i].sql, x.object, x.problem);
    CHECK_PART(x.problem, damages[i].problem);
    ck_assert_str_ne(x.expected, x.found);
    mlcm_fsck_report_free(report);
    if (damages[i].breaks_audit) CHECK_FAILS(MLCM_CORRUPT, "was logged", mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
    else CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
    tear_down(&f);
  }
}
END_TEST

/* A detail that is not even JSON is told as such, by the log that has its digest. */
START_TEST(a_garbled_event_is_named) {
  fixture f;
  give(&f);
  tamper(&f, "UPDATE event SET detail = 'garbled' WHERE kind = 'version.registered' AND version = 2");
  mlcm_fsck_report *report = check(&f);
  ck_assert_int_gt(mlcm_fsck_report_summary(report).left, 0);
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) ck_assert_str_eq(mlcm_fsck_report_at(report, i).object, "m/2");
  mlcm_fsck_report_free(report);
  CHECK_FAILS(MLCM_CORRUPT, "detail", mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  tear_down(&f);
}
END_TEST

/* SQLite reads as JSON what is no UTF-8; the library does not. The check says how far it came, and the others go on. */
START_TEST(an_event_that_only_sqlite_can_read_ends_its_check_and_no_other) {
  fixture f;
  give(&f);
  tamper(&f, "UPDATE event SET detail = replace(detail, '\"tags\":[', '\"tags\":[\"' || CAST(x'ff' AS TEXT) || '\",')"
             " WHERE kind = 'version.registered' AND version = 2;"
             "UPDATE model SET n_versions = 7");
  mlcm_fsck_report *report = check(&f);
  ck_assert(tells(report, "tags and descriptions given at registration", "cannot be checked to its end"));
  ck_assert(tells(report, "model m", "its counters are not"));
  mlcm_fsck_report_free(report);
  tear_down(&f);
}
END_TEST

START_TEST(what_was_changed_since_is_not_compared_with_the_registration) {
  fixture f;
  give(&f);
  CHECK_OK(mlcm_version_tag_set(f.reg, "m", 2, "origin", "shop", NULL, err));
  CHECK_OK(mlcm_version_tag_set(f.reg, "m", 2, "approved", "yes", NULL, err));
  CHECK_OK(mlcm_version_tag_delete(f.reg, "m", 2, "team", NULL, err));
  CHECK_OK(mlcm_version_describe(f.reg, "m", 2, "trained by day", NULL, err));
  expect_clean(&f, f.reg_dir);
  CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- older libraries ---- */

/* Registers m/3 as the first libraries did: with the bytes of m/2, a tag, and only manifest and parent in the event. */
static void register_as_before(fixture *f) {
  static const char rows[] =
      "INSERT INTO version (model_id, number, created_ns, updated_ns, actor, description, manifest_id, n_files, size_bytes, "
      "run_link)"
      " SELECT model_id, 3, 1, 1, 'ana', 'of old', manifest_id, n_files, size_bytes, 'runs/3' FROM version WHERE number = 2;"
      "INSERT INTO version_tag SELECT id, 'team', 'audio' FROM version WHERE number = 3;"
      "UPDATE model SET n_versions = 3, newest = 3, last_version = 3, updated_ns = 1;";
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head;
  char after[MLCM__DIGEST_TEXT + 1], detail[256];
  mlcm_version *two = get_version(f, "m/2");
  mlcm__digest_from_hex(mlcm_version_manifest_digest(two), after);
  mlcm_version_free(two);
  (void)snprintf(detail, sizeof detail, "{\"manifest\":\"%s\",\"parent\":null}", after);
  const mlcm__audit_event event = {.wall_ns = 1, .actor = "ana", .actor_auth = "os", .action = "version.registered",
                                   .object_kind = "version", .object_name = "m", .object_version = 3, .after = after};
  CHECK_OK(mlcm__registry_write_begin(f->reg, &conn, err));
  CHECK_OK(mlcm__db_exec(conn, rows, err));
  CHECK_OK(mlcm__audit_append(conn, &event, &head, err));
  CHECK_OK(mlcm__sql_run(conn,
                         "INSERT INTO event (time_ns, kind, model, version, alias, detail, actor, reason, audit_seq)"
                         " VALUES (1, 'version.registered', 'm', 3, '', ?1, 'ana', '', ?2)",
                         MLCM__BIND(mlcm__text(detail), mlcm__i64(head.size)), err));
  CHECK_OK(mlcm__registry_commit(f->reg, &conn, err));
}

START_TEST(an_entry_without_the_digest_verifies) {
  fixture f;
  give(&f);
  register_as_before(&f);
  CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  expect_clean(&f, f.reg_dir);
  tear_down(&f);
}
END_TEST

START_TEST(its_parent_is_compared_and_no_more) {
  fixture f;
  give(&f);
  register_as_before(&f);
  tamper(&f, "UPDATE version SET run_link = 'elsewhere' WHERE number = 3");
  CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  tamper(&f, "UPDATE version SET parent = 'm/1' WHERE number = 3");
  CHECK_FAILS(MLCM_CORRUPT, "the version's parent", mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  tear_down(&f);
}
END_TEST

int main(void) {
  in_memory();
  const TTest *tests[] = {the_event_has_lineage_and_digests,
                          the_audit_entry_has_the_digest_of_the_event,
                          what_was_given_and_is_not_so_now_is_named,
                          a_garbled_event_is_named,
                          an_event_that_only_sqlite_can_read_ends_its_check_and_no_other,
                          what_was_changed_since_is_not_compared_with_the_registration,
                          an_entry_without_the_digest_verifies,
                          its_parent_is_compared_and_no_more};
  return TEST_RUN("registry_given", tests);
}
