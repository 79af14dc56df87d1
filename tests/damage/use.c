/* SPDX-License-Identifier: Apache-2.0
 *
 * use.c - see use.h.
 */
#include "damage/use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlcm/rollout.h>
#include <mlcm/trust.h>

#include "base/hash.h"

enum { REF_BYTES = 600, PAGES_MAX = 20, FEED_LIMIT = 1000, ROLLOUTS_MAX = 16 };

typedef struct use {
  mlcm_context *ctx;
  mlcm_registry *reg;
  char *why;
  size_t why_bytes;
  bool sound;
} use;

/* Whether the call answered MLCM_OK. */
static bool went(use *u, const char *call, mlcm_status st, const mlcm_error *err) {
  const bool told = st == MLCM_OK || (err->message[0] && err->code == st);
  if (!told && u->sound) {
    (void)snprintf(u->why, u->why_bytes, "%s answers %s with the error '%s'", call, mlcm_status_name(st), err->message);
    u->sound = false;
  }
  return st == MLCM_OK;
}

/* ---- versions and their bytes ---- */

static void read_file(use *u, const mlcm_version *version, mlcm_file file) {
  mlcm_error err = {0};
  char *bytes = NULL, hex[MLCM__SHA256_HEX + 1];
  uint8_t sha256[MLCM__SHA256_BYTES];
  size_t len = 0;
  if (!went(u, "mlcm_version_read", mlcm_version_read(u->reg, version, file.path, &bytes, &len, &err), &err)) return;
  if (mlcm__sha256_of(bytes, len, sha256, &err) == MLCM_OK) mlcm__hex(sha256, sizeof sha256, hex);
  if (u->sound && (strcmp(hex, file.sha256) != 0 || (int64_t)len != file.size_bytes)) {
    (void)snprintf(u->why, u->why_bytes, "%s/%lld %s: bytes with sha256 %s were handed out as %s", mlcm_version_model(version),
                   (long long)mlcm_version_number(version), file.path, hex, file.sha256);
    u->sound = false;
  }
  mlcm_free(u->ctx, bytes);
}

static void read_version(use *u, const char *ref) {
  mlcm_error err = {0};
  mlcm_version *version = NULL;
  char *json = NULL;
  if (!went(u, "mlcm_version_get", mlcm_version_get(u->reg, ref, &version, &err), &err)) return;
  for (size_t i = 0; i < mlcm_version_n_files(version); i++) read_file(u, version, mlcm_version_file(version, i));
  (void)went(u, "mlcm_version_verify", mlcm_version_verify(u->reg, version, NULL, &err), &err);
  if (went(u, "mlcm_version_to_json", mlcm_version_to_json(version, &json, &err), &err)) mlcm_free(u->ctx, json);
  mlcm_version_free(version);
}

static void read_alias(use *u, const char *model, const char *alias) {
  mlcm_error err = {0};
  mlcm_history *history = NULL;
  int64_t version = 0;
  char ref[REF_BYTES];
  (void)snprintf(ref, sizeof ref, "%s@%s", model, alias);
  (void)went(u, "mlcm_alias_get", mlcm_alias_get(u->reg, model, alias, &version, &err), &err);
  read_version(u, ref);
  if (went(u, "mlcm_alias_history", mlcm_alias_history(u->reg, model, alias, 0, 0, &history, &err), &err))
    mlcm_history_free(history);
  (void)went(u, "mlcm_alias_last_good", mlcm_alias_last_good(u->reg, model, alias, &version, &err), &err);
}

static void read_model(use *u, const char *name) {
  mlcm_error err = {0};
  mlcm_model *model = NULL;
  char ref[REF_BYTES];
  if (!went(u, "mlcm_model_get", mlcm_model_get(u->reg, name, &model, &err), &err)) return;
  for (size_t i = 0; i < mlcm_model_n_aliases(model); i++) read_alias(u, name, mlcm_model_alias(model, i).name);
  for (int version = 1; version <= 4; version++) {
    (void)snprintf(ref, sizeof ref, "%s/%d", name, version);
    read_version(u, ref);
  }
  mlcm_model_free(model);
}

/* ---- lists ---- */

typedef mlcm_status search(mlcm_registry *reg, const mlcm_query *query, mlcm_page **out, mlcm_error *err);

static void list(use *u, const char *call, search *find, const char *order) {
  mlcm_error err = {0};
  mlcm_query query = MLCM_QUERY_INIT;
  mlcm_page *page = NULL, *next = NULL;
  query.limit = 3;
  query.order_by = order;
  for (int i = 0; i < PAGES_MAX; i++) {
    query.page_token = page ? mlcm_page_next(page) : NULL;
    if (page && !query.page_token) break;
    if (!went(u, call, find(u->reg, &query, &next, &err), &err)) break;
    mlcm_page_free(page);
    page = next;
  }
  mlcm_page_free(page);
}

static void read_feed(use *u) {
  mlcm_error err = {0};
  mlcm_feed *feed = NULL;
  int64_t head = 0;
  if (went(u, "mlcm_changes", mlcm_changes(u->reg, 0, FEED_LIMIT, &feed, &err), &err)) mlcm_feed_free(feed);
  (void)went(u, "mlcm_changes_head", mlcm_changes_head(u->reg, &head, &err), &err);
}

/* ---- the log, rollouts ---- */

static void read_log(use *u) {
  mlcm_error err = {0};
  mlcm_audit_head head;
  mlcm_audit_proof proof;
  (void)went(u, "mlcm_audit_verify", mlcm_audit_verify(u->reg, NULL, NULL, &head, &err), &err);
  if (!went(u, "mlcm_audit_head_get", mlcm_audit_head_get(u->reg, &head, &err), &err)) return;
  (void)went(u, "mlcm_audit_prove_inclusion", mlcm_audit_prove_inclusion(u->reg, 7, head.size, &proof, &err), &err);
  (void)went(u, "mlcm_audit_prove_consistency", mlcm_audit_prove_consistency(u->reg, 9, head.size, &proof, &err), &err);
}

static void replay(use *u) {
  mlcm_error err = {0};
  mlcm_replay_report report;
  int64_t ids[ROLLOUTS_MAX];
  size_t n = 0;
  if (!went(u, "mlcm_rollout_list", mlcm_rollout_list(u->reg, NULL, 0, ids, ROLLOUTS_MAX, &n, &err), &err)) return;
  for (size_t i = 0; i < n; i++)
    (void)went(u, "mlcm_rollout_replay", mlcm_rollout_replay(u->reg, ids[i], &report, &err), &err);
}

static void tick(use *u) {
  mlcm_error err = {0};
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  mlcm_decision *decision = NULL;
  if (!went(u, "mlcm_rollout_open", mlcm_rollout_open(u->reg, "m", &rollout, &err), &err)) return;
  (void)went(u, "mlcm_rollout_tick", mlcm_rollout_tick(rollout, NULL, &decision, &err), &err);
  mlcm_decision_free(decision);
  if (went(u, "mlcm_rollout_state_get", mlcm_rollout_state_get(rollout, &state, &err), &err)) mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
}

static void change(use *u) {
  mlcm_error err = {0};
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  mlcm_gc_result result;
  options.dry_run = 1;
  (void)went(u, "mlcm_version_tag_set", mlcm_version_tag_set(u->reg, "other", 2, "after", "damage", NULL, &err), &err);
  (void)went(u, "mlcm_alias_set", mlcm_alias_set(u->reg, "other", "after", 2, MLCM_ALIAS_ANY, 0, NULL, &err), &err);
  (void)went(u, "mlcm_gc", mlcm_gc(u->reg, &options, NULL, &result, &err), &err);
}

bool use_registry(mlcm_context *ctx, const char *dir, char *why, size_t why_bytes) {
  static const char *const models[] = {"digits", "other", "m", "old", "empty"};
  use u = {.ctx = ctx, .why = why, .why_bytes = why_bytes, .sound = true};
  mlcm_error err = {0};
  if (!went(&u, "mlcm_registry_open", mlcm_registry_open(ctx, dir, NULL, &u.reg, &err), &err)) return u.sound;
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) read_model(&u, models[i]);
  list(&u, "mlcm_search_models", mlcm_search_models, NULL);
  list(&u, "mlcm_search_versions", mlcm_search_versions, "metrics.accuracy DESC");
  read_feed(&u);
  read_log(&u);
  replay(&u);
  tick(&u);
  change(&u);
  mlcm_registry_close(u.reg);
  return u.sound;
}
