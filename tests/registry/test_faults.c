/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults.c - all that changes or reads a registry, under every fault (faults.h). Checking and repairing: test_faults_fsck.c.
 */
#include "registry/faults.h"

#include <mlcm/trust.h>
#include <time.h>

#include "registry/rollouts.h"
#include "registry/sql.h"
#include "support/statement_fault.h" /* here too: it tells CMake to put it in front of SQLite */

/* Model "m": versions 1 to 4, the last deleted; champion was on 1, 2 and 3, and was taken back from 3; endpoint "m" with a
 * rollout of version 3 that holds a lease and has evidence, a decision and an open intent. "gone": deleted. */
static const uint8_t salt[MLCM__ROUTING_SALT_BYTES] = {7};
enum { ENDPOINT = 1, ROLLOUT = 1 };

static mlcm_status take_lease(mlcm__db_conn *conn, int64_t rollout, const char *holder, int64_t *out_epoch, mlcm_error *err) {
  mlcm__rollout_head seen;
  mlcm_status st = mlcm__rollout_read(conn, rollout, &seen, err);
  return st ? st : mlcm__lease_take(conn, &seen, holder, 1000, out_epoch, err);
}

static mlcm_status start_rollout(mlcm__db_conn *conn, mlcm_registry *reg, mlcm_error *err) {
  mlcm__endpoint_row endpoint;
  int64_t id = 0, epoch = 0;
  uint8_t digest[MLCM__SHA256_BYTES] = {1};
  mlcm__rollout_new row = {
      .stable = 2, .candidate = 3, .plan_name = "plan.yaml", .plan = "x", .policy_digest = "d", .salt = salt, .actor = "ana"};
  mlcm_status st = mlcm__endpoint_ensure(conn, reg, "m", NULL, NULL, &endpoint, err);
  row.endpoint_id = endpoint.id;
  if (!st) st = mlcm__rollout_insert(conn, &row, &id, err);
  if (!st) st = take_lease(conn, id, "me", &epoch, err);
  if (!st) st = mlcm__evidence_append(conn, id, epoch, "{}\n", 3, 1, digest, 1, err);
  if (!st) st = mlcm__decision_append(conn, id, epoch, 1, 1, MLCM_ACTION_ADVANCE, "{}", MLCM_ROLLOUT_PROGRESSING, true, err);
  if (!st) st = mlcm__intent_add(conn, id, MLCM__INTENT_PAUSE, "ana", NULL, 1, err);
  return st;
}

static mlcm_tag some_tags[] = {{"team", "vision"}, {"origin", "lab"}};
static const char *const some_aliases[] = {"fresh", "tried"};

static mlcm_register_options everything(void) {
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  o.description = "words";
  o.source_revision = "4f1c";
  o.tags = some_tags;
  o.n_tags = 2;
  o.aliases = some_aliases;
  o.n_aliases = 2;
  o.parent = "m@champion";
  return o;
}

/* "folder": a file, and a folder with another. */
static void make_folder(const fixture *f) {
  static const char *const folders[] = {"folder", "folder/inner"};
  for (size_t i = 0; i < 2; i++) {
    char *path = test_path(f->dir, folders[i]);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    free(path);
  }
  free(make_file(f, "folder/a", "a"));
  free(make_file(f, "folder/inner/b", "b"));
}

static void build(world *w) {
  mlcm_score score = {"accuracy", 0.9};
  mlcm_evaluation evaluation = {.name = "holdout", .scores = &score, .n_scores = 1};
  mlcm__db_conn *conn = NULL;
  char sha256[65];
  const mlcm_register_options options = everything();
  *w = (world){0};
  set_up(&w->f);
  mlcm_registry *reg = w->f.reg;
  w->path = make_file(&w->f, "new.bin", "bytes of the new version");
  make_folder(&w->f);
  add_versions(&w->f, "m", 2);
  for (int64_t v = 1; v <= 2; v++) move_alias(&w->f, "m", "champion", v);
  ck_assert_int_eq(add_version(&w->f, "m", "3", &options), 3);
  ck_assert_int_eq(add_version(&w->f, "m", "4", NULL), 4);
  ck_assert_int_eq(add_version(&w->f, "gone", "5", NULL), 1);
  CHECK_OK(mlcm_model_delete(reg, "gone", 0, NULL, err));
  CHECK_OK(mlcm_version_delete(reg, "m", 4, 0, NULL, err));
  move_alias(&w->f, "m", "champion", 3);
  CHECK_OK(mlcm_alias_undo(reg, "m", "champion", MLCM_ALIAS_ANY, 0, NULL, NULL, err));
  CHECK_OK(mlcm_model_tag_set(reg, "m", "k", "v", NULL, err));
  CHECK_OK(mlcm_version_tag_set(reg, "m", 2, "k", "v", NULL, err));
  CHECK_OK(mlcm_evaluate(reg, "m", 2, &evaluation, NULL, err));
  evaluation.name = "again";
  CHECK_OK(mlcm_evaluate(reg, "m", 2, &evaluation, NULL, err));
  CHECK_OK(mlcm_policy_put(reg, MLCM_STR("text"), NULL, sha256, err));
  CHECK_OK(mlcm__registry_write_begin(reg, &conn, err));
  CHECK_OK(start_rollout(conn, reg, err));
  CHECK_OK(mlcm__registry_commit(reg, &conn, err));
  keep_base(w);
}

#define CALL world *w, mlcm_error *err

/* ---- opening and registering ---- */

static mlcm_status opening(CALL) {
  mlcm_registry *reg = NULL;
  mlcm_status st = mlcm_registry_open(w->f.ctx, w->f.reg_dir, NULL, &reg, err);
  mlcm_registry_close(reg);
  return st;
}

static mlcm_status registering(CALL) {
  const mlcm_register_options options = everything();
  mlcm_version *version = NULL;
  mlcm_status st = mlcm_register(w->f.reg, "m", w->path, &options, NULL, &version, err);
  mlcm_version_free(version);
  return st;
}

static mlcm_status registering_many(CALL) {
  const mlcm_register_options options = {.struct_size = sizeof options, .parent = "m/4"};
  const mlcm_register_item items[] = {{w->path, NULL}, {w->path, &options}};
  return mlcm_register_many(w->f.reg, "new", items, 2, NULL, NULL, err);
}

static mlcm_status registering_a_folder(CALL) {
  char *folder = test_path(w->f.dir, "folder/");
  mlcm_status st = mlcm_register(w->f.reg, "m", folder, NULL, NULL, NULL, err);
  free(folder);
  return st;
}

static mlcm_status registering_under_a_deleted_name(CALL) {
  return mlcm_register(w->f.reg, "gone", w->path, NULL, NULL, NULL, err);
}

/* ---- models and versions ---- */

static mlcm_status making_a_model(CALL) { return mlcm_model_create(w->f.reg, "new", "words", NULL, err); }
static mlcm_status making_it_again(CALL) { return mlcm_model_create(w->f.reg, "gone", "words", NULL, err); }
static mlcm_status describing_a_model(CALL) { return mlcm_model_describe(w->f.reg, "m", "words", NULL, err); }
static mlcm_status describing_a_version(CALL) { return mlcm_version_describe(w->f.reg, "m", 2, NULL, NULL, err); }
static mlcm_status tagging_a_model(CALL) { return mlcm_model_tag_set(w->f.reg, "m", "new", "v", NULL, err); }
static mlcm_status tagging_a_version(CALL) { return mlcm_version_tag_set(w->f.reg, "m", 2, "new", "v", NULL, err); }
static mlcm_status untagging_a_model(CALL) { return mlcm_model_tag_delete(w->f.reg, "m", "k", NULL, err); }
static mlcm_status untagging_a_version(CALL) { return mlcm_version_tag_delete(w->f.reg, "m", 2, "k", NULL, err); }
static mlcm_status untagging_nothing(CALL) { return mlcm_version_tag_delete(w->f.reg, "m", 2, "none", NULL, err); }
static mlcm_status deleting_a_model(CALL) { return mlcm_model_delete(w->f.reg, "m", MLCM_FORCE, NULL, err); }
static mlcm_status restoring_a_model(CALL) { return mlcm_model_restore(w->f.reg, "gone", NULL, err); }
static mlcm_status deleting_a_version(CALL) { return mlcm_version_delete(w->f.reg, "m", 2, MLCM_FORCE, NULL, err); }
static mlcm_status deleting_what_is_used(CALL) { return mlcm_version_delete(w->f.reg, "m", 2, 0, NULL, err); }
static mlcm_status restoring_a_version(CALL) { return mlcm_version_restore(w->f.reg, "m", 4, NULL, err); }

static mlcm_status evaluating(CALL) {
  const mlcm_score scores[] = {{"accuracy", 0.5}, {"recall", 0.25}};
  const mlcm_evaluation evaluation = {.name = "e", .scores = scores, .n_scores = 2, .n_samples = 9};
  return mlcm_evaluate(w->f.reg, "m", 3, &evaluation, NULL, err);
}

static mlcm_status loading_a_model(CALL) {
  mlcm_model *model = NULL;
  char *json = NULL;
  mlcm_status st = mlcm_model_get(w->f.reg, "m", &model, err);
  if (!st) st = mlcm_model_to_json(model, &json, err);
  mlcm_free(w->f.ctx, json);
  mlcm_model_free(model);
  return st;
}

static mlcm_status loading_a_version(CALL) {
  mlcm_version *version = NULL;
  mlcm__version_files files = {0};
  char *json = NULL, *text = NULL;
  size_t len = 0;
  mlcm_status st = mlcm_version_get(w->f.reg, "m@champion", &version, err);
  if (!st) st = mlcm_version_verify(w->f.reg, version, NULL, err);
  if (!st) st = mlcm__version_read_files(w->f.reg, version, &files, err);
  if (!st) st = mlcm_version_read(w->f.reg, version, "model.bin", &text, &len, err);
  if (!st) st = mlcm_version_to_json(version, &json, err);
  mlcm__version_files_free(&files);
  mlcm_free(w->f.ctx, text);
  mlcm_free(w->f.ctx, json);
  mlcm_version_free(version);
  return st;
}

static mlcm_status finding(CALL, const char *ref) {
  mlcm_version *version = NULL;
  mlcm_status st = mlcm_version_get(w->f.reg, ref, &version, err);
  mlcm_version_free(version);
  return st;
}

static mlcm_status misspelling_a_model(CALL) { return finding(w, err, "n"); }
static mlcm_status misspelling_an_alias(CALL) { return finding(w, err, "m@champoin"); }
static mlcm_status asking_for_a_version_too_far(CALL) { return finding(w, err, "m/9"); }
static mlcm_status asking_for_the_newest(CALL) { return finding(w, err, "m"); }

/* ---- aliases ---- */

static mlcm_status moving_an_alias(CALL) { return mlcm_alias_set(w->f.reg, "m", "champion", 1, 2, MLCM_FORCE, NULL, err); }
static mlcm_status making_an_alias(CALL) { return mlcm_alias_set(w->f.reg, "m", "new", 1, MLCM_ALIAS_UNSET, 0, NULL, err); }
static mlcm_status moving_a_guarded_alias(CALL) { return mlcm_alias_set(w->f.reg, "m", "champion", 1, 2, 0, NULL, err); }
static mlcm_status removing_an_alias(CALL) { return mlcm_alias_delete(w->f.reg, "m", "fresh", MLCM_ALIAS_ANY, 0, NULL, err); }
static mlcm_status removing_none(CALL) { return mlcm_alias_delete(w->f.reg, "m", "none", MLCM_ALIAS_ANY, 0, NULL, err); }
static mlcm_status undoing(CALL) {
  return mlcm_alias_undo(w->f.reg, "m", "champion", MLCM_ALIAS_ANY, MLCM_FORCE, NULL, NULL, err);
}

static mlcm_status reading_aliases(CALL) {
  mlcm_history *history = NULL;
  char *json = NULL;
  int64_t version = 0;
  mlcm_status st = mlcm_alias_get(w->f.reg, "m", "champion", &version, err);
  if (!st) st = mlcm_alias_last_good(w->f.reg, "m", "champion", &version, err);
  if (!st) st = mlcm_alias_history(w->f.reg, "m", "champion", 0, 3, &history, err);
  if (!st) st = mlcm_history_to_json(history, 0, &json, err);
  mlcm_free(w->f.ctx, json);
  mlcm_history_free(history);
  return st;
}

static mlcm_status asking_where_none_is(CALL) {
  int64_t version = 0;
  return mlcm_alias_get(w->f.reg, "m", "none", &version, err);
}

static mlcm_status history_of_none(CALL) {
  mlcm_history *history = NULL;
  return mlcm_alias_history(w->f.reg, "m", "none", 0, 3, &history, err);
}

/* ---- feed, policies, audit log ---- */

static mlcm_status reading_the_feed(CALL) {
  mlcm_feed *feed = NULL;
  char *json = NULL;
  int64_t seq = 0;
  mlcm_status st = mlcm_changes_head(w->f.reg, &seq, err);
  if (!st) st = mlcm_changes(w->f.reg, 0, 4, &feed, err);
  if (!st) st = mlcm_feed_to_json(feed, 0, &json, err);
  mlcm_free(w->f.ctx, json);
  mlcm_feed_free(feed);
  return st;
}

static mlcm_status keeping_a_policy(CALL) {
  char sha256[65], *text = NULL;
  size_t len = 0;
  mlcm_status st = mlcm_policy_put(w->f.reg, MLCM_STR("another"), NULL, sha256, err);
  if (!st) st = mlcm_policy_get(w->f.reg, sha256, &text, &len, err);
  mlcm_free(w->f.ctx, text);
  return st;
}

static mlcm_status auditing(CALL) {
  mlcm_audit_head head;
  mlcm_audit_proof proof;
  char *entry = NULL;
  size_t len = 0;
  mlcm_status st = mlcm_audit_verify(w->f.reg, NULL, NULL, &head, err);
  if (!st) st = mlcm_audit_head_get(w->f.reg, &head, err);
  if (!st) st = mlcm_audit_entry(w->f.reg, 3, &entry, &len, err);
  if (!st) st = mlcm_audit_prove_inclusion(w->f.reg, 3, head.size, &proof, err);
  if (!st) st = mlcm_audit_check_inclusion(&proof, 3, entry, len, &head, err);
  if (!st) st = mlcm_audit_prove_consistency(w->f.reg, 2, head.size, &proof, err);
  mlcm_free(w->f.ctx, entry);
  return st;
}

/* ---- search ---- */

static mlcm_status page_through(mlcm_registry *reg,
                                mlcm_status (*search)(mlcm_registry *, const mlcm_query *, mlcm_page **, mlcm_error *),
                                mlcm_query query, mlcm_error *err) {
  mlcm_page *page = NULL;
  char token[4096] = "";
  query.limit = 1;
  mlcm_status st = search(reg, &query, &page, err);
  if (!st && mlcm_page_next(page)) (void)snprintf(token, sizeof token, "%s", mlcm_page_next(page));
  mlcm_page_free(page);
  page = NULL;
  query.page_token = token;
  if (!st) st = search(reg, &query, &page, err);
  mlcm_page_free(page);
  return st;
}

static mlcm_status searching_versions(CALL) {
  mlcm_query query = MLCM_QUERY_INIT;
  query.filter = "name ILIKE 'M%' AND version IN (1, 2, 3) AND alias LIKE '%' AND created > '2020-01-01' AND state = 'ready'";
  query.order_by = "metrics.accuracy DESC, tags.`k`, \"version\" ASC";
  return page_through(w->f.reg, mlcm_search_versions, query, err);
}

static mlcm_status searching_models(CALL) {
  mlcm_query query = MLCM_QUERY_INIT;
  query.filter = "tags.k = 'v' OR x";
  mlcm_status st = page_through(w->f.reg, mlcm_search_models, query, err);
  if (st != MLCM_PARSE) return st;
  query.filter = "state IN ('ready', 'deleted') AND versions < 10.5";
  query.order_by = "tags.k, updated DESC";
  return page_through(w->f.reg, mlcm_search_models, query, err);
}

/* ---- endpoints and rollouts ---- */

static mlcm_status in_write(world *w, mlcm_status (*body)(mlcm__db_conn *, mlcm_registry *, mlcm_error *), mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__registry_write_begin(w->f.reg, &conn, err);
  if (!st) st = body(conn, w->f.reg, err);
  if (!st) st = mlcm__registry_commit(w->f.reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

static mlcm_status make_endpoints(mlcm__db_conn *conn, mlcm_registry *reg, mlcm_error *err) {
  mlcm__endpoint_row row;
  mlcm_status st = mlcm__endpoint_ensure(conn, reg, "m", "m", "champion", &row, err);
  return st ? st : mlcm__endpoint_ensure(conn, reg, "second", "m", "fresh", &row, err);
}

static mlcm_status making_endpoints(CALL) { return in_write(w, make_endpoints, err); }

static mlcm_status no_such_endpoint(CALL) {
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  mlcm_status st = mlcm__db_read_begin(w->f.reg->db, &conn, err);
  if (!st) st = mlcm__endpoint_find(conn, "mm", &row, err);
  mlcm__db_read_end(conn);
  return st;
}

static mlcm_status see_chunk(void *user, int64_t chunk, int64_t lease_epoch, const char *lines, size_t len, const uint8_t *digest,
                             mlcm_error *err) {
  (void)user, (void)chunk, (void)lease_epoch, (void)lines, (void)len, (void)digest, (void)err;
  return MLCM_OK;
}

static mlcm_status read_rollouts_in(mlcm__db_conn *conn, mlcm_context *ctx, mlcm_error *err) {
  mlcm__endpoint_row endpoint;
  mlcm__rollout_head head;
  mlcm__routing routing = {0};
  mlcm__intent intent;
  int64_t ids[2], id = 0;
  size_t n = 0;
  bool entitled = false;
  char *name = NULL, *text = NULL, *record = NULL;
  mlcm_status st = mlcm__endpoint_find(conn, "m", &endpoint, err);
  if (!st) st = mlcm__endpoint_read(conn, ENDPOINT, &endpoint, err);
  if (!st) st = mlcm__routing_read(conn, ENDPOINT, &routing, err);
  if (!st) st = mlcm__routing_first_epoch(conn, ENDPOINT, ROLLOUT, &id, err);
  if (!st) st = mlcm__routing_weight(conn, ENDPOINT, 1, &id, err);
  for (int64_t version = 1; !st && version <= 3; version++) st = mlcm__entitled(conn, &endpoint, version, &entitled, err);
  if (!st) st = mlcm__rollout_latest(conn, ENDPOINT, &id, err);
  if (!st) st = mlcm__rollout_latest(conn, ENDPOINT + 1, &id, err);
  if (!st) st = mlcm__rollout_ids(conn, 0, 0, ids, 2, &n, err);
  if (!st) st = mlcm__rollout_read(conn, ROLLOUT, &head, err);
  if (!st) st = mlcm__rollout_read_plan(conn, ROLLOUT, &name, &text, err);
  if (!st) st = mlcm__evidence_each(conn, ROLLOUT, 0, see_chunk, NULL, err);
  if (!st) st = mlcm__decision_read(conn, ROLLOUT, 1, &record, err);
  if (!st) st = mlcm__intent_next(conn, ROLLOUT, &intent, err);
  if (!st) st = mlcm__intent_count(conn, ROLLOUT, &id, err);
  mlcm__routing_reset(ctx, &routing);
  mlcm__free(ctx, name);
  mlcm__free(ctx, text);
  mlcm__free(ctx, record);
  return st;
}

static mlcm_status reading_rollouts(CALL) {
  mlcm__db_conn *conn = NULL;
  mlcm__routing routing = {0};
  mlcm_status st = mlcm__routing_current(w->f.reg, ENDPOINT, &routing, err);
  mlcm__routing_reset(w->f.ctx, &routing);
  if (!st) st = mlcm__db_read_begin(w->f.reg->db, &conn, err);
  if (!st) st = read_rollouts_in(conn, w->f.ctx, err);
  mlcm__db_read_end(conn);
  return st;
}

static mlcm_status steer(mlcm__db_conn *conn, mlcm_registry *reg, mlcm_error *err) {
  const uint8_t digest[MLCM__SHA256_BYTES] = {2};
  int64_t epoch = 1;
  (void)reg;
  mlcm_status st = mlcm__lease_renew(conn, ROLLOUT, epoch, 2000, err);
  if (!st) st = take_lease(conn, ROLLOUT, "you", &epoch, err);
  if (!st) st = mlcm__evidence_append(conn, ROLLOUT, epoch, "{}\n", 3, 1, digest, 2, err);
  if (!st) st = mlcm__intent_close(conn, 1, 2, NULL, err);
  if (!st)
    st = mlcm__decision_append(conn, ROLLOUT, epoch, 2, 2, MLCM_ACTION_ROLL_BACK, "{}", MLCM_ROLLOUT_ROLLED_BACK, false, err);
  if (!st) st = mlcm__intent_close_all(conn, ROLLOUT, "over", err);
  if (!st) st = mlcm__lease_release(conn, ROLLOUT, epoch, err);
  return st;
}

static mlcm_status steering(CALL) { return in_write(w, steer, err); }

static mlcm_status starting_a_second_rollout(CALL) { return in_write(w, start_rollout, err); }

/* ---- gc, backup, restore ---- */

static mlcm_status collecting(CALL) {
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  options.grace_ns = 1;
  return mlcm_gc(w->f.reg, &options, NULL, NULL, err);
}

static mlcm_status looking_what_to_collect(CALL) {
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  options.grace_ns = 1;
  options.dry_run = 1;
  return mlcm_gc(w->f.reg, &options, NULL, NULL, err);
}

static const struct {
  const char *name;
  world_call *call;
  unsigned flags;
} calls[] = {
    {"opening", opening, WORLD_FILES},
    {"registering", registering, WORLD_FILES},
    {"registering many", registering_many, 0},
    {"registering a folder", registering_a_folder, WORLD_FILES},
    {"registering under a deleted name", registering_under_a_deleted_name, 0},
    {"making a model", making_a_model, WORLD_FILES},
    {"making it again", making_it_again, 0},
    {"describing a model", describing_a_model, 0},
    {"describing a version", describing_a_version, 0},
    {"tagging a model", tagging_a_model, 0},
    {"tagging a version", tagging_a_version, 0},
    {"untagging a model", untagging_a_model, 0},
    {"untagging a version", untagging_a_version, 0},
    {"untagging nothing", untagging_nothing, 0},
    {"deleting a model", deleting_a_model, 0},
    {"restoring a model", restoring_a_model, 0},
    {"deleting a version", deleting_a_version, 0},
    {"deleting what is used", deleting_what_is_used, 0},
    {"restoring a version", restoring_a_version, WORLD_FILES},
    {"evaluating", evaluating, 0},
    {"loading a model", loading_a_model, 0},
    {"loading a version", loading_a_version, WORLD_FILES},
    {"misspelling a model", misspelling_a_model, 0},
    {"misspelling an alias", misspelling_an_alias, 0},
    {"asking for a version too far", asking_for_a_version_too_far, 0},
    {"asking for the newest", asking_for_the_newest, 0},
    {"moving an alias", moving_an_alias, WORLD_FILES},
    {"making an alias", making_an_alias, 0},
    {"moving a guarded alias", moving_a_guarded_alias, 0},
    {"removing an alias", removing_an_alias, 0},
    {"removing none", removing_none, 0},
    {"undoing", undoing, 0},
    {"reading aliases", reading_aliases, 0},
    {"asking where none is", asking_where_none_is, 0},
    {"history of none", history_of_none, 0},
    {"reading the feed", reading_the_feed, 0},
    {"keeping a policy", keeping_a_policy, WORLD_SEVERAL},
    {"auditing", auditing, WORLD_FILES | WORLD_SITES},
    {"searching versions", searching_versions, 0},
    {"searching models", searching_models, 0},
    {"making endpoints", making_endpoints, 0},
    {"no such endpoint", no_such_endpoint, 0},
    {"reading rollouts", reading_rollouts, 0},
    {"steering", steering, 0},
    {"starting a second rollout", starting_a_second_rollout, 0},
};

/* Work for a collection: an object that nothing names, one that is named but lies in the trash, one whose time there is over. */
#define UNNAMED "ababababababababababababababababababababababababababababababab"
#define NAMED "735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35" /* of the digest of "2", after d4 */

static void put(const world *w, const char *name, const char *bytes) {
  char *path = test_path(w->f.reg_dir, name);
  (void)unlink(path);
  if (bytes) test_write_file(path, bytes, strlen(bytes));
  free(path);
}

static void litter(world *w) {
  char *folder = test_path(w->f.reg_dir, "objects/ab");
  (void)mkdir(folder, 0777);
  free(folder);
  put(w, "objects/ab/" UNNAMED, "x");
  put(w, "objects/d4/" NAMED, NULL);
  put(w, "trash/d4" NAMED "-1", "2");
  put(w, "trash/cd" UNNAMED "-1", "y");
}

START_TEST(a_collection_with_work_to_do_under_every_fault) {
  world w;
  build(&w);
  test_clock_set_wall(&w.f.clock, ((int64_t)time(NULL) + 60) * TEST_SECOND_NS);
  w.prepare = litter;
  world_attack(&w, "collecting", collecting, WORLD_SEVERAL | WORLD_FILES);
  world_attack(&w, "looking what to collect", looking_what_to_collect, 0);
  world_end(&w);
}
END_TEST

START_TEST(each_call_fails_whole_or_succeeds_under_every_fault) {
  const char *only = getenv("MLCM_FAULT_ONLY");
  world w;
  build(&w);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    if (!only || strstr(calls[i].name, only)) world_attack(&w, calls[i].name, calls[i].call, calls[i].flags);
  }
  world_end(&w);
}
END_TEST

int main(void) {
  take_over_crypto_memory();
  in_memory();
  const TTest *tests[] = {each_call_fails_whole_or_succeeds_under_every_fault,
                          a_collection_with_work_to_do_under_every_fault};
  return TEST_RUN("registry_faults", tests);
}
