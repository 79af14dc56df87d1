/* SPDX-License-Identifier: Apache-2.0
 *
 * test_reading.c - opening a registry, reading artifacts with every byte checked, the change feed, policies.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "registry/fixture.h"
#include "registry/sql.h"
#include "trust/audit.h"

/* ---- opening ---- */

START_TEST(a_registry_is_made_only_when_asked) {
  fixture f;
  set_up(&f);
  mlcm_registry *reg = NULL;
  char *other = test_path(f.dir, "other");
  CHECK_FAILS(MLCM_NOT_FOUND, "mlcm init", mlcm_registry_open(f.ctx, other, NULL, &reg, err));
  ck_assert(!test_exists(other));
  mlcm_registry_close(open_registry(f.ctx, other, MLCM_OPEN_CREATE));
  mlcm_registry_close(open_registry(f.ctx, other, MLCM_OPEN_CREATE));
  CHECK_OK(mlcm_registry_open(f.ctx, other, NULL, &reg, err));
  ck_assert_str_eq(mlcm_registry_dir(reg), other);
  ck_assert_uint_gt(strlen(mlcm_registry_actor(reg)), 0);
  ck_assert_int_eq(mlcm_registry_is_read_only(reg), 0);
  mlcm_registry_close(reg);
  free(other);
  tear_down(&f);
}
END_TEST

START_TEST(wrong_options_of_open) {
  fixture f;
  set_up(&f);
  mlcm_registry *reg = NULL;
  mlcm_registry_options o = MLCM_REGISTRY_OPTIONS_INIT;
  o.flags = MLCM_OPEN_CREATE | MLCM_OPEN_READ_ONLY;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "read-only at once", mlcm_registry_open(f.ctx, f.reg_dir, &o, &reg, err));
  o.flags = 64;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "unknown flags 0x40", mlcm_registry_open(f.ctx, f.reg_dir, &o, &reg, err));
  o.flags = 0;
  o.actor = "";
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "actor is empty", mlcm_registry_open(f.ctx, f.reg_dir, &o, &reg, err));
  o.actor = "a\nb";
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "control", mlcm_registry_open(f.ctx, f.reg_dir, &o, &reg, err));
  o.actor = NULL;
  o.lock_timeout_ns = -1;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "negative", mlcm_registry_open(f.ctx, f.reg_dir, &o, &reg, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "empty", mlcm_registry_open(f.ctx, "", NULL, &reg, err));
  ck_assert_ptr_null(reg);
  tear_down(&f);
}
END_TEST

START_TEST(the_init_functions_agree_with_the_macros) {
  mlcm_registry_options a = MLCM_REGISTRY_OPTIONS_INIT, b;
  mlcm_register_options c = MLCM_REGISTER_OPTIONS_INIT, d;
  mlcm_query e = MLCM_QUERY_INIT, g;
  mlcm_registry_options_init(&b, sizeof b);
  mlcm_register_options_init(&d, sizeof d);
  mlcm_query_init(&g, sizeof g);
  ck_assert_mem_eq(&a, &b, sizeof a);
  ck_assert_mem_eq(&c, &d, sizeof c);
  ck_assert_mem_eq(&e, &g, sizeof e);
}
END_TEST

START_TEST(read_only_reads_and_refuses_every_change) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "a", 1);
  mlcm_registry *reg = open_registry(f.ctx, f.reg_dir, MLCM_OPEN_READ_ONLY);
  mlcm_version *v = NULL;
  mlcm_score score = {"x", 1};
  mlcm_evaluation e = {.name = "e", .scores = &score, .n_scores = 1};
  char sha[65];
  char *path = make_file(&f, "x", "x");
  CHECK_OK(mlcm_version_get(reg, "m@a", &v, err));
  CHECK_OK(mlcm_version_verify(reg, v, NULL, err));
  mlcm_version_free(v);
  ck_assert_int_eq(mlcm_registry_is_read_only(reg), 1);
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_register(reg, "m", path, NULL, NULL, NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_model_create(reg, "n", NULL, NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_model_describe(reg, "m", "x", NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_model_tag_set(reg, "m", "k", "v", NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_version_tag_delete(reg, "m", 1, "k", NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_alias_set(reg, "m", "a", 2, MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_alias_undo(reg, "m", "a", MLCM_ALIAS_ANY, 0, NULL, NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_version_delete(reg, "m", 2, 0, NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_version_restore(reg, "m", 2, NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_model_delete(reg, "m", 0, NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_evaluate(reg, "m", 1, &e, NULL, err));
  CHECK_FAILS(MLCM_REFUSED, "opened read-only", mlcm_policy_put(reg, MLCM_STR("x"), NULL, sha, err));
  mlcm_registry_close(reg);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(changes_of_one_handle_are_seen_by_another) {
  fixture f;
  set_up(&f);
  mlcm_registry *other = open_registry(f.ctx, f.reg_dir, 0);
  int64_t v = 0;
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "a", 2);
  CHECK_OK(mlcm_alias_get(other, "m", "a", &v, err));
  ck_assert_int_eq(v, 2);
  CHECK_OK(mlcm_alias_set(other, "m", "a", 1, 2, 0, NULL, err));
  ck_assert_int_eq(alias_of(&f, "m", "a"), 1);
  mlcm_registry_close(other);
  tear_down(&f);
}
END_TEST

/* ---- artifacts ---- */

/* Path of the object that holds these bytes. */
static char *object_of(const fixture *f, const char *bytes) {
  uint8_t sha[32];
  char *path = NULL;
  CHECK_OK(mlcm__sha256_of(bytes, strlen(bytes), sha, err));
  CHECK_OK(mlcm__blob_path(f->reg->blobs, sha, &path, err));
  return path;
}

START_TEST(files_are_read_with_their_bytes_checked) {
  fixture f;
  set_up(&f);
  char *bytes = NULL;
  size_t len = 0;
  mlcm__version_files files = {0};
  add_version(&f, "m", "hello", NULL);
  mlcm_version *v = get_version(&f, "m");
  CHECK_OK(mlcm_version_read(f.reg, v, "model.bin", &bytes, &len, err));
  ck_assert_uint_eq(len, 5);
  ck_assert_str_eq(bytes, "hello");
  mlcm_free(f.ctx, bytes);
  CHECK_FAILS(MLCM_NOT_FOUND, "m/1 has no file 'other'", mlcm_version_read(f.reg, v, "other", &bytes, &len, err));
  CHECK_OK(mlcm__version_read_files(f.reg, v, &files, err));
  ck_assert_uint_eq(files.n, 1);
  ck_assert_str_eq(files.items[0].path, "model.bin");
  ck_assert_mem_eq(files.items[0].bytes.data, "hello", 5);
  mlcm__version_files_free(&files);
  mlcm_version_free(v);
  tear_down(&f);
}
END_TEST

START_TEST(a_changed_byte_is_found_and_named) {
  fixture f;
  set_up(&f);
  char *bytes = NULL;
  size_t len = 0;
  mlcm__version_files files = {0};
  add_version(&f, "digits", "hello", NULL);
  mlcm_version *v = get_version(&f, "digits");
  char *object = object_of(&f, "hello");
  ck_assert_int_eq(chmod(object, 0644), 0);
  test_write_file(object, "hellp", 5);
  static const char *const parts[] = {"digits/1: model.bin (registered 2026-03-01 by ana)",
                                      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", /* of hello */
                                      "fdd7585e08c4e2afd71dcabdb4636c89d557a3f42db9e2040c8bbd1708aa4ce7" /* of hellp */};
  mlcm_error error = {0};
  ck_assert_int_eq(mlcm_version_read(f.reg, v, "model.bin", &bytes, &len, &error), MLCM_CORRUPT);
  for (int i = 0; i < 3; i++) ck_assert_msg(strstr(error.message, parts[i]) != NULL, "no %s in %s", parts[i], error.message);
  ck_assert_int_eq(mlcm__version_read_files(f.reg, v, &files, &error), MLCM_CORRUPT);
  ck_assert_int_eq(mlcm_version_verify(f.reg, v, NULL, &error), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(error.message, parts[0]));
  ck_assert_int_eq(unlink(object), 0);
  CHECK_FAILS(MLCM_NOT_FOUND, "the bytes of model.bin", mlcm_version_verify(f.reg, v, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "restore them from a backup", mlcm_version_read(f.reg, v, "model.bin", &bytes, &len, err));
  mlcm_free(f.ctx, object);
  mlcm_version_free(v);
  tear_down(&f);
}
END_TEST

START_TEST(a_changed_manifest_is_found) {
  fixture f;
  set_up(&f);
  mlcm__db_conn *conn = NULL;
  mlcm_version *v = NULL;
  add_version(&f, "m", "hello", NULL);
  CHECK_OK(mlcm__db_write_begin(f.reg->db, -1, &conn, err));
  CHECK_OK(mlcm__db_exec(
      conn, "DROP TRIGGER manifest_is_immutable; UPDATE manifest SET text = CAST(replace(text, 'model', 'mode1') AS BLOB)", err));
  CHECK_OK(mlcm__db_commit(conn, err));
  CHECK_FAILS(MLCM_CORRUPT, "m/1: the manifest is damaged", mlcm_version_get(f.reg, "m", &v, err));
  tear_down(&f);
}
END_TEST

START_TEST(rows_of_the_past_cannot_be_changed) {
  static const char *const statements[] = {"UPDATE version SET number = 7",        "UPDATE version SET manifest_id = 1",
                                           "UPDATE version SET parent = 'x'",      "UPDATE manifest SET sha256 = sha256",
                                           "UPDATE alias_move SET to_version = 1", "DELETE FROM alias_move",
                                           "UPDATE event SET kind = 'x'",          "DELETE FROM event",
                                           "UPDATE policy SET text = x''"};
  fixture f;
  set_up(&f);
  char sha[65];
  add_versions(&f, "m", 1);
  move_alias(&f, "m", "a", 1);
  CHECK_OK(mlcm_policy_put(f.reg, MLCM_STR("x"), NULL, sha, err));
  for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
    mlcm__db_conn *conn = NULL;
    CHECK_OK(mlcm__db_write_begin(f.reg->db, -1, &conn, err));
    ck_assert_msg(mlcm__db_exec(conn, statements[i], NULL) != MLCM_OK, "%s", statements[i]);
    mlcm__db_rollback(conn);
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_deleted_version_is_not_loaded) {
  fixture f;
  set_up(&f);
  mlcm__version_files files = {0};
  add_versions(&f, "m", 1);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 1, 0, NULL, err));
  mlcm_version *v = get_version(&f, "m/1");
  CHECK_FAILS(MLCM_INVALID_STATE, "m/1 is deleted", mlcm__version_read_files(f.reg, v, &files, err));
  mlcm_version_free(v);
  tear_down(&f);
}
END_TEST

/* ---- change feed ---- */

START_TEST(every_change_is_one_event_with_its_leaf) {
  static const char *const kinds[] = {"model.created",       "version.registered", "alias.set",       "version.tag_set",
                                      "version.tag_deleted", "model.tag_set",      "model.described", "version.described",
                                      "version.evaluated",   "policy.kept",        "alias.deleted",   "version.deleted",
                                      "version.restored",    "model.deleted",      "model.restored"};
  enum { N = sizeof kinds / sizeof kinds[0] };
  fixture f;
  set_up(&f);
  mlcm_score score = {"accuracy", 0.5};
  mlcm_evaluation e = {.name = "e", .scores = &score, .n_scores = 1};
  char sha[65];
  mlcm_feed *feed = NULL;
  add_versions(&f, "m", 1);
  move_alias(&f, "m", "a", 1);
  CHECK_OK(mlcm_version_tag_set(f.reg, "m", 1, "k", "v", NULL, err));
  CHECK_OK(mlcm_version_tag_delete(f.reg, "m", 1, "k", NULL, err));
  CHECK_OK(mlcm_model_tag_set(f.reg, "m", "k", "v", NULL, err));
  CHECK_OK(mlcm_model_describe(f.reg, "m", "d", NULL, err));
  CHECK_OK(mlcm_version_describe(f.reg, "m", 1, "d", NULL, err));
  CHECK_OK(mlcm_evaluate(f.reg, "m", 1, &e, NULL, err));
  CHECK_OK(mlcm_policy_put(f.reg, MLCM_STR("policy"), NULL, sha, err));
  CHECK_OK(mlcm_version_delete(f.reg, "m", 1, MLCM_FORCE, &(mlcm_attribution){"bo", "why"}, err));
  CHECK_OK(mlcm_version_restore(f.reg, "m", 1, NULL, err));
  CHECK_OK(mlcm_model_delete(f.reg, "m", 0, NULL, err));
  CHECK_OK(mlcm_model_restore(f.reg, "m", NULL, err));
  CHECK_OK(mlcm_changes(f.reg, 0, 1000, &feed, err));
  ck_assert_uint_eq(mlcm_feed_n(feed), N);
  for (size_t i = 0; i < N; i++) {
    mlcm_change c = mlcm_feed_at(feed, i);
    ck_assert_int_eq(c.seq, (int64_t)i + 1);
    ck_assert_int_eq(c.audit_seq, (int64_t)i + 1);
    ck_assert_str_eq(c.kind, kinds[i]);
  }
  ck_assert_str_eq(mlcm_feed_at(feed, 11).actor, "bo");
  ck_assert_str_eq(mlcm_feed_at(feed, 11).reason, "why");
  mlcm_feed_free(feed);
  tear_down(&f);
}
END_TEST

START_TEST(the_feed_goes_on_after_a_number) {
  fixture f;
  set_up(&f);
  mlcm_feed *feed = NULL;
  char *json = NULL;
  add_versions(&f, "m", 3);
  CHECK_OK(mlcm_changes(f.reg, 1, 2, &feed, err));
  ck_assert_uint_eq(mlcm_feed_n(feed), 2);
  ck_assert_int_eq(mlcm_feed_at(feed, 0).seq, 2);
  CHECK_OK(mlcm_feed_to_json(feed, 0, &json, err));
  ck_assert_ptr_nonnull(strstr(
      json, "{\"seq\":2,\"time\":\"2026-03-01T12:00:00.000000Z\",\"kind\":\"version.registered\",\"model\":\"m\",\"version\":1,"
            "\"alias\":null,\"detail\":{\"dataset_digest\":null,\"description\":null,\"manifest\":\"sha256:"));
  mlcm_free(f.ctx, json);
  mlcm_feed_free(feed);
  CHECK_OK(mlcm_changes(f.reg, 4, 2, &feed, err));
  ck_assert_uint_eq(mlcm_feed_n(feed), 0);
  mlcm_feed_free(feed);
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "limit", mlcm_changes(f.reg, 0, 10001, &feed, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "negative", mlcm_changes(f.reg, -1, 1, &feed, err));
  tear_down(&f);
}
END_TEST

START_TEST(the_audit_log_of_all_that_verifies) {
  fixture f;
  set_up(&f);
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head;
  add_versions(&f, "m", 5);
  move_alias(&f, "m", "a", 5);
  CHECK_OK(mlcm__db_read_begin(f.reg->db, &conn, err));
  CHECK_OK(mlcm__audit_verify(conn, NULL, 0, NULL, NULL, NULL, &head, err));
  mlcm__db_read_end(conn);
  ck_assert_int_eq(head.size, 7);
  tear_down(&f);
}
END_TEST

/* ---- policies ---- */

START_TEST(a_policy_is_kept_by_its_digest) {
  fixture f;
  set_up(&f);
  char sha[65];
  char again[65];
  char *text = NULL;
  size_t len = 0;
  int64_t before = 0;
  int64_t after = 0;
  CHECK_OK(mlcm_policy_put(f.reg, MLCM_STR("abc"), NULL, sha, err));
  ck_assert_str_eq(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_OK(mlcm_changes_head(f.reg, &before, err));
  CHECK_OK(mlcm_policy_put(f.reg, MLCM_STR("abc"), NULL, again, err));
  CHECK_OK(mlcm_changes_head(f.reg, &after, err));
  ck_assert_str_eq(sha, again);
  ck_assert_int_eq(before, after);
  CHECK_OK(mlcm_policy_get(f.reg, sha, &text, &len, err));
  ck_assert_uint_eq(len, 3);
  ck_assert_str_eq(text, "abc");
  mlcm_free(f.ctx, text);
  sha[0] = 'a';
  CHECK_FAILS(MLCM_NOT_FOUND, "no policy", mlcm_policy_get(f.reg, sha, &text, &len, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "64 lower-case", mlcm_policy_get(f.reg, "abc", &text, &len, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "0 bytes", mlcm_policy_put(f.reg, MLCM_STR(""), NULL, sha, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "UTF-8", mlcm_policy_put(f.reg, MLCM_STR("\xff"), NULL, sha, err));
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_registry_is_made_only_when_asked,        wrong_options_of_open,
                          the_init_functions_agree_with_the_macros,  read_only_reads_and_refuses_every_change,
                          changes_of_one_handle_are_seen_by_another, files_are_read_with_their_bytes_checked,
                          a_changed_byte_is_found_and_named,         a_changed_manifest_is_found,
                          rows_of_the_past_cannot_be_changed,        a_deleted_version_is_not_loaded,
                          every_change_is_one_event_with_its_leaf,   the_feed_goes_on_after_a_number,
                          the_audit_log_of_all_that_verifies,        a_policy_is_kept_by_its_digest};
  return TEST_RUN("registry_reading", tests);
}
