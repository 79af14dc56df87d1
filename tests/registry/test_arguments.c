/* SPDX-License-Identifier: Apache-2.0
 *
 * test_arguments.c - what a caller may not ask for: each missing pointer and each value that breaks a rule is named, by every
 * function.
 */
#include "registry/damage.h"

#include <mlcm/trust.h>

#define BAD(part, call) CHECK_FAILS(MLCM_INVALID_ARGUMENT, part, call)

/* What the calls are made with: all of it valid, so that one thing at a time can be wrong. */
typedef struct valid {
  fixture f;
  mlcm_version *version;
  mlcm_model *model;
  mlcm_history *history;
  mlcm_feed *feed;
  char *path;
} valid;

static void set_valid(valid *v) {
  *v = (valid){0};
  set_up(&v->f);
  add_versions(&v->f, "m", 2);
  move_alias(&v->f, "m", "a", 1);
  v->version = get_version(&v->f, "m/1");
  CHECK_OK(mlcm_model_get(v->f.reg, "m", &v->model, err));
  CHECK_OK(mlcm_alias_history(v->f.reg, "m", "a", 0, 5, &v->history, err));
  CHECK_OK(mlcm_changes(v->f.reg, 0, 5, &v->feed, err));
  v->path = make_file(&v->f, "x", "x");
}

static void clear_valid(valid *v) {
  mlcm_version_free(v->version);
  mlcm_model_free(v->model);
  mlcm_history_free(v->history);
  mlcm_feed_free(v->feed);
  free(v->path);
  tear_down(&v->f);
}

static const mlcm_attribution nobody = {"", NULL};
static char text_of_2_20[1 << 20];

/* ---- the registry, models, versions ---- */

START_TEST(opening) {
  valid v;
  mlcm_registry *reg = NULL;
  set_valid(&v);
  mlcm_registry_options newer = MLCM_REGISTRY_OPTIONS_INIT;
  newer.struct_size = 3;
  BAD("ctx is NULL", mlcm_registry_open(NULL, "d", NULL, &reg, err));
  BAD("dir is NULL", mlcm_registry_open(v.f.ctx, NULL, NULL, &reg, err));
  BAD("out is NULL", mlcm_registry_open(v.f.ctx, "d", NULL, NULL, err));
  BAD("empty text", mlcm_registry_open(v.f.ctx, "", NULL, &reg, err));
  BAD("struct_size", mlcm_registry_open(v.f.ctx, "d", &newer, &reg, err));
  clear_valid(&v);
}
END_TEST

START_TEST(a_registry_far_down_leaves_room_for_the_reason) {
  valid v;
  mlcm_registry *reg = NULL;
  char dir[3000];
  set_valid(&v);
  for (size_t i = 0; i + 1 < sizeof dir; i++) dir[i] = "/folder"[i % 7];
  dir[sizeof dir - 1] = '\0';
  CHECK_FAILS(MLCM_NOT_FOUND, "'; make one with `mlcm init`", mlcm_registry_open(v.f.ctx, dir, NULL, &reg, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "'/folder/folder", mlcm_registry_open(v.f.ctx, dir, NULL, &reg, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "No such file", mlcm_backup(v.f.reg, dir, NULL, NULL, NULL, err));
  clear_valid(&v);
}
END_TEST

START_TEST(without_an_error_to_write_to) {
  valid v;
  mlcm_registry *reg = NULL;
  set_valid(&v);
  char *path = make_file(&v.f, "registry.db",
                         "anything but a database, and long enough to have a header of SQLite's size: it goes on for a while");
  ck_assert_int_eq(mlcm_registry_open(v.f.ctx, v.f.dir, NULL, &reg, NULL), MLCM_CORRUPT);
  free(path);
  clear_valid(&v);
}
END_TEST

START_TEST(models) {
  valid v;
  mlcm_model *model = NULL;
  char *json = NULL;
  set_valid(&v);
  mlcm_registry *reg = v.f.reg;
  BAD("reg is NULL", mlcm_model_create(NULL, "n", NULL, NULL, err));
  BAD("name", mlcm_model_create(reg, "a/b", NULL, NULL, err));
  BAD("description", mlcm_model_create(reg, "n", "\xff", NULL, err));
  BAD("actor", mlcm_model_create(reg, "n", NULL, &nobody, err));
  BAD("reg is NULL", mlcm_model_get(NULL, "m", &model, err));
  BAD("name is NULL", mlcm_model_get(reg, NULL, &model, err));
  BAD("out is NULL", mlcm_model_get(reg, "m", NULL, err));
  BAD("reg is NULL", mlcm_model_describe(NULL, "m", "d", NULL, err));
  BAD("the model's name is NULL", mlcm_model_describe(reg, NULL, "d", NULL, err));
  BAD("not valid UTF-8", mlcm_model_describe(reg, "m", "\xff", NULL, err));
  BAD("the actor is empty", mlcm_model_describe(reg, "m", "d", &nobody, err));
  BAD("key", mlcm_model_tag_set(reg, "m", "", "v", NULL, err));
  BAD("the model's name is NULL", mlcm_model_tag_set(reg, NULL, "k", "v", NULL, err));
  BAD("key", mlcm_model_tag_delete(reg, "m", NULL, NULL, err));
  BAD("the model's name is NULL", mlcm_model_tag_delete(reg, NULL, "k", NULL, err));
  BAD("the model is NULL", mlcm_model_to_json(NULL, &json, err));
  BAD("out is NULL", mlcm_model_to_json(v.model, NULL, err));
  BAD("reg is NULL", mlcm_model_delete(NULL, "m", 0, NULL, err));
  BAD("the model's name is NULL", mlcm_model_delete(reg, NULL, 0, NULL, err));
  BAD("unknown flags", mlcm_model_delete(reg, "m", 8, NULL, err));
  BAD("the actor is empty", mlcm_model_restore(reg, "m", &nobody, err));
  clear_valid(&v);
}
END_TEST

START_TEST(versions) {
  valid v;
  mlcm_version *version = NULL;
  char *text = NULL;
  size_t len = 0;
  set_valid(&v);
  mlcm_registry *reg = v.f.reg;
  BAD("reg is NULL", mlcm_version_get(NULL, "m", &version, err));
  BAD("out is NULL", mlcm_version_get(reg, "m", NULL, err));
  BAD("the reference is NULL", mlcm_version_get(reg, NULL, &version, err));
  BAD("out is NULL", mlcm_ref_parse("m", NULL, err));
  memset(text_of_2_20, 'x', 300);
  text_of_2_20[300] = '\0';
  BAD("too long a model name", mlcm_version_get(reg, text_of_2_20, &version, err));
  BAD("no model name", mlcm_version_get(reg, "@a", &version, err));
  BAD("NULL", mlcm_version_read(NULL, v.version, "model.bin", &text, &len, err));
  BAD("NULL", mlcm_version_read(reg, NULL, "model.bin", &text, &len, err));
  BAD("NULL", mlcm_version_read(reg, v.version, NULL, &text, &len, err));
  BAD("NULL", mlcm_version_read(reg, v.version, "model.bin", NULL, &len, err));
  BAD("NULL", mlcm_version_read(reg, v.version, "model.bin", &text, NULL, err));
  BAD("reg is NULL", mlcm_version_verify(NULL, v.version, NULL, err));
  BAD("the version is NULL", mlcm_version_verify(reg, NULL, NULL, err));
  BAD("the version is NULL", mlcm_version_to_json(NULL, &text, err));
  BAD("out is NULL", mlcm_version_to_json(v.version, NULL, err));
  BAD("versions count from 1", mlcm_version_describe(reg, "m", 0, "d", NULL, err));
  BAD("versions count from 1", mlcm_version_tag_set(reg, "m", 0, "k", "v", NULL, err));
  BAD("versions count from 1", mlcm_version_tag_delete(reg, "m", -1, "k", NULL, err));
  BAD("versions count from 1", mlcm_version_delete(reg, "m", 0, 0, NULL, err));
  BAD("unknown flags", mlcm_version_delete(reg, "m", 1, 8, NULL, err));
  BAD("versions count from 1", mlcm_version_restore(reg, "m", 0, NULL, err));
  BAD("reg is NULL", mlcm_version_restore(NULL, "m", 1, NULL, err));
  ck_assert_str_eq(mlcm_version_file(v.version, 9).path, "");
  clear_valid(&v);
}
END_TEST

/* A version that came in a page lists no files. */
START_TEST(versions_of_a_page) {
  valid v;
  mlcm_page *page = NULL;
  mlcm__version_files files;
  char *text = NULL, *json = NULL;
  size_t len = 0;
  set_valid(&v);
  CHECK_OK(mlcm_search_versions(v.f.reg, NULL, &page, err));
  const mlcm_version *listed = mlcm_page_version(page, 0);
  BAD("does not list files", mlcm_version_read(v.f.reg, listed, "model.bin", &text, &len, err));
  BAD("does not list files", mlcm__version_read_files(v.f.reg, listed, &files, err));
  CHECK_OK(mlcm_version_to_json(listed, &json, err));
  ck_assert_ptr_null(strstr(json, "\"files\""));
  ck_assert_str_eq(mlcm_version_file(listed, 0).path, "");
  mlcm_free(v.f.ctx, json);
  mlcm_page_free(page);
  clear_valid(&v);
}
END_TEST

START_TEST(evaluations) {
  valid v;
  set_valid(&v);
  mlcm_registry *reg = v.f.reg;
  const mlcm_score score = {"accuracy", 0.5};
  mlcm_evaluation e = {.name = "e", .scores = &score, .n_scores = 1};
  BAD("reg is NULL", mlcm_evaluate(NULL, "m", 1, &e, NULL, err));
  BAD("model is NULL", mlcm_evaluate(reg, NULL, 1, &e, NULL, err));
  BAD("versions count from 1", mlcm_evaluate(reg, "m", 0, &e, NULL, err));
  BAD("the evaluation is NULL", mlcm_evaluate(reg, "m", 1, NULL, NULL, err));
  BAD("the actor is empty", mlcm_evaluate(reg, "m", 1, &e, &nobody, err));
  e.n_samples = -1;
  BAD("n_samples", mlcm_evaluate(reg, "m", 1, &e, NULL, err));
  e.n_samples = 0;
  e.scores = NULL;
  BAD("", mlcm_evaluate(reg, "m", 1, &e, NULL, err));
  e.scores = &score;
  e.n_scores = MLCM_SCORES_MAX + 1;
  CHECK_FAILS(MLCM_LIMIT, "", mlcm_evaluate(reg, "m", 1, &e, NULL, err));
  e.n_scores = 1;
  e.dataset_digest = "";
  CHECK_OK(mlcm_evaluate(reg, "m", 1, &e, NULL, err));
  clear_valid(&v);
}
END_TEST

/* ---- registering ---- */

START_TEST(registering) {
  valid v;
  mlcm_version *version = NULL;
  set_valid(&v);
  mlcm_registry *reg = v.f.reg;
  mlcm_register_item items[] = {{v.path, NULL}, {NULL, NULL}};
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  BAD("reg is NULL", mlcm_register(NULL, "m", v.path, NULL, NULL, &version, err));
  BAD("model is NULL", mlcm_register(reg, NULL, v.path, NULL, NULL, &version, err));
  BAD("path is NULL", mlcm_register(reg, "m", NULL, NULL, NULL, &version, err));
  BAD("the actor is empty", mlcm_register(reg, "m", v.path, NULL, &nobody, &version, err));
  BAD("path to register is empty", mlcm_register(reg, "m", "", NULL, NULL, &version, err));
  BAD("reg is NULL", mlcm_register_many(NULL, "m", items, 1, NULL, NULL, err));
  BAD("model is NULL", mlcm_register_many(reg, NULL, items, 1, NULL, NULL, err));
  BAD("items is NULL", mlcm_register_many(reg, "m", NULL, 1, NULL, NULL, err));
  BAD("0 versions at once", mlcm_register_many(reg, "m", items, 0, NULL, NULL, err));
  BAD("1000001 versions at once", mlcm_register_many(reg, "m", items, 1000001, NULL, NULL, err));
  BAD("path of item 1 is NULL", mlcm_register_many(reg, "m", items, 2, NULL, NULL, err));
  o.n_tags = 1;
  BAD("tags is NULL", mlcm_register(reg, "m", v.path, &o, NULL, &version, err));
  o.tags = &(mlcm_tag){"a=b", "v"};
  BAD("'='", mlcm_register(reg, "m", v.path, &o, NULL, &version, err));
  o.n_tags = MLCM_TAGS_MAX + 1;
  o.tags = &(mlcm_tag){"k", "v"};
  CHECK_FAILS(MLCM_LIMIT, "tags", mlcm_register(reg, "m", v.path, &o, NULL, &version, err));
  o.n_tags = 0;
  o.n_aliases = 1;
  BAD("aliases is NULL", mlcm_register(reg, "m", v.path, &o, NULL, &version, err));
  o.n_aliases = MLCM_TAGS_MAX + 1;
  o.aliases = &(const char *){"b"};
  CHECK_FAILS(MLCM_LIMIT, "aliases", mlcm_register(reg, "m", v.path, &o, NULL, &version, err));
  o.n_aliases = 0;
  o.description = "\xff";
  BAD("description", mlcm_register(reg, "m", v.path, &o, NULL, &version, err));
  o.description = NULL;
  o.parent = "m@@";
  BAD("parent: ", mlcm_register(reg, "m", v.path, &o, NULL, &version, err));
  o.parent = "m/9";
  CHECK_FAILS(MLCM_NOT_FOUND, "parent: ", mlcm_register(reg, "m", v.path, &o, NULL, &version, err));
  o.parent = "";
  CHECK_OK(mlcm_register(reg, "m", v.path, &o, NULL, NULL, err));
  clear_valid(&v);
}
END_TEST

START_TEST(a_model_has_a_thousand_tags_and_no_more) {
  valid v;
  char key[16];
  set_valid(&v);
  sqlite3 *raw = open_raw(&v.f);
  ck_assert_int_eq(sqlite3_exec(raw, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
                                     " INSERT INTO model_tag SELECT 1, 'k' || i, '' FROM n", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  (void)snprintf(key, sizeof key, "k%d", (int)MLCM_TAGS_MAX);
  CHECK_OK(mlcm_model_tag_set(v.f.reg, "m", key, "replaced", NULL, err));
  CHECK_FAILS(MLCM_LIMIT, "has 1000 tags already", mlcm_model_tag_set(v.f.reg, "m", "another", "v", NULL, err));
  clear_valid(&v);
}
END_TEST

/* ---- aliases ---- */

START_TEST(aliases) {
  valid v;
  int64_t version = 0;
  mlcm_history *history = NULL;
  char *json = NULL;
  set_valid(&v);
  mlcm_registry *reg = v.f.reg;
  BAD("NULL", mlcm_alias_get(NULL, "m", "a", &version, err));
  BAD("NULL", mlcm_alias_get(reg, NULL, "a", &version, err));
  BAD("NULL", mlcm_alias_get(reg, "m", NULL, &version, err));
  BAD("NULL", mlcm_alias_get(reg, "m", "a", NULL, err));
  BAD("reg is NULL", mlcm_alias_set(NULL, "m", "a", 1, MLCM_ALIAS_ANY, 0, NULL, err));
  BAD("model is NULL", mlcm_alias_set(reg, NULL, "a", 1, MLCM_ALIAS_ANY, 0, NULL, err));
  BAD("alias is NULL", mlcm_alias_set(reg, "m", NULL, 1, MLCM_ALIAS_ANY, 0, NULL, err));
  BAD("expect is -7", mlcm_alias_set(reg, "m", "a", 1, -7, 0, NULL, err));
  BAD("unknown flags", mlcm_alias_set(reg, "m", "a", 1, MLCM_ALIAS_ANY, 8, NULL, err));
  BAD("the actor is empty", mlcm_alias_set(reg, "m", "a", 1, MLCM_ALIAS_ANY, 0, &nobody, err));
  BAD("must not exist", mlcm_alias_delete(reg, "m", "a", MLCM_ALIAS_UNSET, 0, NULL, err));
  BAD("alias is NULL", mlcm_alias_delete(reg, "m", NULL, MLCM_ALIAS_ANY, 0, NULL, err));
  BAD("alias is NULL", mlcm_alias_undo(reg, "m", NULL, MLCM_ALIAS_ANY, 0, NULL, NULL, err));
  BAD("NULL", mlcm_alias_last_good(NULL, "m", "a", &version, err));
  BAD("NULL", mlcm_alias_last_good(reg, NULL, "a", &version, err));
  BAD("NULL", mlcm_alias_last_good(reg, "m", NULL, &version, err));
  BAD("NULL", mlcm_alias_last_good(reg, "m", "a", NULL, err));
  BAD("NULL", mlcm_alias_history(NULL, "m", "a", 0, 5, &history, err));
  BAD("NULL", mlcm_alias_history(reg, NULL, "a", 0, 5, &history, err));
  BAD("NULL", mlcm_alias_history(reg, "m", NULL, 0, 5, &history, err));
  BAD("NULL", mlcm_alias_history(reg, "m", "a", 0, 5, NULL, err));
  BAD("limit is 0", mlcm_alias_history(reg, "m", "a", 0, 0, &history, err));
  BAD("limit is 1001", mlcm_alias_history(reg, "m", "a", 0, 1001, &history, err));
  BAD("negative", mlcm_alias_history(reg, "m", "a", -1, 5, &history, err));
  BAD("alias", mlcm_alias_history(reg, "m", "a b", 0, 5, &history, err));
  BAD("the history is NULL", mlcm_history_to_json(NULL, 0, &json, err));
  BAD("out is NULL", mlcm_history_to_json(v.history, 0, NULL, err));
  BAD("move 1 of 1", mlcm_history_to_json(v.history, 1, &json, err));
  ck_assert_str_eq(mlcm_cause_name(99), "unknown");
  clear_valid(&v);
}
END_TEST

/* ---- feed, policies, search ---- */

START_TEST(feeds_and_policies) {
  valid v;
  mlcm_feed *feed = NULL;
  char *text = NULL, sha256[65] = "";
  size_t len = 0;
  int64_t seq = 0;
  set_valid(&v);
  mlcm_registry *reg = v.f.reg;
  BAD("reg is NULL", mlcm_changes(NULL, 0, 5, &feed, err));
  BAD("out is NULL", mlcm_changes(reg, 0, 5, NULL, err));
  BAD("limit is 0", mlcm_changes(reg, 0, 0, &feed, err));
  BAD("reg is NULL", mlcm_changes_head(NULL, &seq, err));
  BAD("out_seq is NULL", mlcm_changes_head(reg, NULL, err));
  BAD("the feed is NULL", mlcm_feed_to_json(NULL, 0, &text, err));
  BAD("out is NULL", mlcm_feed_to_json(v.feed, 0, NULL, err));
  BAD("change 99 of", mlcm_feed_to_json(v.feed, 99, &text, err));
  BAD("NULL", mlcm_policy_put(NULL, MLCM_STR("x"), NULL, sha256, err));
  BAD("NULL", mlcm_policy_put(reg, (mlcm_str){NULL, 1}, NULL, sha256, err));
  BAD("NULL", mlcm_policy_put(reg, MLCM_STR("x"), NULL, NULL, err));
  BAD("0 bytes", mlcm_policy_put(reg, MLCM_STR(""), NULL, sha256, err));
  BAD("bytes", mlcm_policy_put(reg, (mlcm_str){text_of_2_20, MLCM_POLICY_BYTES_MAX + 1}, NULL, sha256, err));
  BAD("not valid UTF-8", mlcm_policy_put(reg, MLCM_STR("\xff"), NULL, sha256, err));
  BAD("the actor is empty", mlcm_policy_put(reg, MLCM_STR("x"), &nobody, sha256, err));
  BAD("NULL", mlcm_policy_get(NULL, sha256, &text, &len, err));
  BAD("NULL", mlcm_policy_get(reg, sha256, NULL, &len, err));
  BAD("NULL", mlcm_policy_get(reg, sha256, &text, NULL, err));
  BAD("the policy's digest is NULL", mlcm_policy_get(reg, NULL, &text, &len, err));
  memset(sha256, 'g', 64);
  BAD("not a SHA-256", mlcm_policy_get(reg, sha256, &text, &len, err));
  clear_valid(&v);
}
END_TEST

START_TEST(a_policy_whose_text_was_changed_is_not_given_out) {
  valid v;
  char *text = NULL, sha256[65];
  size_t len = 0;
  set_valid(&v);
  CHECK_OK(mlcm_policy_put(v.f.reg, MLCM_STR("x"), NULL, sha256, err));
  tamper(&v.f, "UPDATE policy SET text = CAST('y' AS BLOB)");
  CHECK_FAILS(MLCM_CORRUPT, "was changed", mlcm_policy_get(v.f.reg, sha256, &text, &len, err));
  clear_valid(&v);
}
END_TEST

START_TEST(searches) {
  valid v;
  mlcm_page *page = NULL;
  mlcm_query query = MLCM_QUERY_INIT;
  set_valid(&v);
  BAD("reg is NULL", mlcm_search_models(NULL, NULL, &page, err));
  BAD("out is NULL", mlcm_search_models(v.f.reg, NULL, NULL, err));
  query.struct_size = 3;
  BAD("struct_size", mlcm_search_models(v.f.reg, &query, &page, err));
  clear_valid(&v);
}
END_TEST

/* ---- the audit log ---- */

START_TEST(audits) {
  valid v;
  mlcm_audit_head head = {0};
  mlcm_audit_proof proof = {0};
  char *entry = NULL;
  size_t len = 0;
  set_valid(&v);
  mlcm_registry *reg = v.f.reg;
  BAD("reg is NULL", mlcm_audit_head_get(NULL, &head, err));
  BAD("out is NULL", mlcm_audit_head_get(reg, NULL, err));
  BAD("NULL", mlcm_audit_entry(NULL, 1, &entry, &len, err));
  BAD("NULL", mlcm_audit_entry(reg, 1, NULL, &len, err));
  BAD("NULL", mlcm_audit_entry(reg, 1, &entry, NULL, err));
  BAD("reg is NULL", mlcm_audit_verify(NULL, NULL, NULL, NULL, err));
  BAD("reg is NULL", mlcm_audit_prove_inclusion(NULL, 1, 1, &proof, err));
  BAD("out is NULL", mlcm_audit_prove_inclusion(reg, 1, 1, NULL, err));
  BAD("reg is NULL", mlcm_audit_prove_consistency(NULL, 1, 1, &proof, err));
  BAD("out is NULL", mlcm_audit_prove_consistency(reg, 1, 1, NULL, err));
  BAD("NULL", mlcm_audit_check_inclusion(NULL, 1, "x", 1, &head, err));
  BAD("NULL", mlcm_audit_check_inclusion(&proof, 1, NULL, 1, &head, err));
  BAD("NULL", mlcm_audit_check_inclusion(&proof, 1, "x", 1, NULL, err));
  BAD("NULL", mlcm_audit_check_consistency(NULL, &head, &head, err));
  BAD("NULL", mlcm_audit_check_consistency(&proof, NULL, &head, err));
  BAD("NULL", mlcm_audit_check_consistency(&proof, &head, NULL, err));
  proof.n = -1;
  ck_assert_int_ne(mlcm_audit_check_inclusion(&proof, 1, "x", 1, &head, NULL), MLCM_OK);
  clear_valid(&v);
}
END_TEST

/* ---- checking, backup, restore ---- */

START_TEST(checks) {
  valid v;
  mlcm_fsck_report *report = NULL;
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  char *json = NULL;
  set_valid(&v);
  BAD("ctx is NULL", mlcm_fsck(NULL, "d", NULL, NULL, &report, err));
  BAD("dir is NULL", mlcm_fsck(v.f.ctx, NULL, NULL, NULL, &report, err));
  BAD("out is NULL", mlcm_fsck(v.f.ctx, "d", NULL, NULL, NULL, err));
  BAD("empty text", mlcm_fsck(v.f.ctx, "", NULL, NULL, &report, err));
  BAD("the actor is empty", mlcm_fsck(v.f.ctx, "d", NULL, &nobody, &report, err));
  options.repair = 2;
  BAD("neither 0 nor 1", mlcm_fsck(v.f.ctx, "d", &options, NULL, &report, err));
  options.struct_size = 3;
  BAD("struct_size", mlcm_fsck(v.f.ctx, "d", &options, NULL, &report, err));
  CHECK_OK(mlcm_fsck(v.f.ctx, v.f.reg_dir, NULL, NULL, &report, err));
  BAD("report is NULL", mlcm_fsck_report_to_json(NULL, &json, err));
  BAD("out is NULL", mlcm_fsck_report_to_json(report, NULL, err));
  ck_assert_str_eq(mlcm_fsck_report_at(report, 99).object, "");
  ck_assert_str_eq(mlcm_damage_name(99), "unknown");
  ck_assert_str_eq(mlcm_damage_name(-1), "unknown");
  mlcm_fsck_report_free(report);
  clear_valid(&v);
}
END_TEST

START_TEST(backups) {
  valid v;
  mlcm_backup_options options = MLCM_BACKUP_OPTIONS_INIT;
  set_valid(&v);
  BAD("reg is NULL", mlcm_backup(NULL, "d", NULL, NULL, NULL, err));
  BAD("dest is NULL", mlcm_backup(v.f.reg, NULL, NULL, NULL, NULL, err));
  BAD("empty text", mlcm_backup(v.f.reg, "", NULL, NULL, NULL, err));
  BAD("the actor is empty", mlcm_backup(v.f.reg, "d", NULL, &nobody, NULL, err));
  BAD("ctx is NULL", mlcm_restore(NULL, "b", "d", NULL, NULL, NULL, err));
  BAD("backup is NULL", mlcm_restore(v.f.ctx, NULL, "d", NULL, NULL, NULL, err));
  BAD("dest is NULL", mlcm_restore(v.f.ctx, "b", NULL, NULL, NULL, NULL, err));
  BAD("the backup's directory", mlcm_restore(v.f.ctx, "", "d", NULL, NULL, NULL, err));
  BAD("the registry's directory", mlcm_restore(v.f.ctx, "b", "", NULL, NULL, NULL, err));
  BAD("the actor is empty", mlcm_restore(v.f.ctx, "b", "d", NULL, &nobody, NULL, err));
  options.struct_size = 3;
  BAD("struct_size", mlcm_backup(v.f.reg, "d", &options, NULL, NULL, err));
  BAD("struct_size", mlcm_restore(v.f.ctx, "b", "d", &options, NULL, NULL, err));
  clear_valid(&v);
}
END_TEST

int main(void) {
  const TTest *tests[] = {opening,
                          a_registry_far_down_leaves_room_for_the_reason,
                          without_an_error_to_write_to,
                          models,
                          versions,
                          versions_of_a_page,
                          evaluations,
                          registering,
                          a_model_has_a_thousand_tags_and_no_more,
                          aliases,
                          feeds_and_policies,
                          a_policy_whose_text_was_changed_is_not_given_out,
                          searches,
                          audits,
                          checks,
                          backups};
  in_memory();
  return TEST_RUN("registry_arguments", tests);
}
