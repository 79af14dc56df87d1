/* SPDX-License-Identifier: Apache-2.0
 *
 * crash_check.c - see crash_check.h.
 */
#include "crash_check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlcm/rollout.h>
#include <mlcm/trust.h>

/* ---- the state as a number ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t len) {
  const unsigned char *at = data;
  for (size_t i = 0; i < len; i++) hash = (hash ^ at[i]) * 0x100000001B3u;
  return (hash ^ len) * 0x100000001B3u;
}

static uint64_t mix_rows(sqlite3 *db, const char *sql, uint64_t hash) {
  sqlite3_stmt *stmt = NULL;
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) return 0;
  while (sqlite3_step(stmt) == SQLITE_ROW) {
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
      const void *bytes = sqlite3_column_blob(stmt, i);
      hash = mix(hash, bytes ? bytes : "", (size_t)sqlite3_column_bytes(stmt, i));
    }
  }
  return sqlite3_finalize(stmt) == SQLITE_OK ? hash : 0;
}

uint64_t crash_db_state(const char *path) {
  sqlite3 *db = NULL;
  sqlite3_stmt *tables = NULL;
  uint64_t hash = 0xCBF29CE484222325u;
  if (access(path, F_OK) != 0) return 0;
  if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix") == SQLITE_OK &&
      sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL) == SQLITE_OK &&
      sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1, &tables, NULL) == SQLITE_OK) {
    hash = mix_rows(db, "PRAGMA user_version", hash);
    hash = mix_rows(db, "SELECT type, name, sql FROM sqlite_schema ORDER BY name", hash);
    while (sqlite3_step(tables) == SQLITE_ROW) {
      char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", (const char *)sqlite3_column_text(tables, 0));
      hash = mix_rows(db, sql, hash);
      sqlite3_free(sql);
    }
  }
  sqlite3_finalize(tables);
  sqlite3_close(db);
  return hash;
}

/* ---- soundness ---- */

static bool fail(char *why, const char *what, mlcm_status st, const mlcm_error *err) {
  snprintf(why, CRASH_WHY, "%s: %s: %s", what, mlcm_status_name(st), err->message);
  return false;
}

bool crash_check_copy(mlcm_context *ctx, const char *dir, char why[CRASH_WHY]) {
  mlcm_error err = {0};
  mlcm_fsck_report *report = NULL;
  mlcm_status st = mlcm_fsck(ctx, dir, NULL, NULL, &report, &err);
  if (st) return fail(why, "fsck", st, &err);
  const int64_t damaged = mlcm_fsck_report_summary(report).damaged;
  for (size_t i = 0; damaged && i < mlcm_fsck_report_n(report); i++) {
    const mlcm_finding found = mlcm_fsck_report_at(report, i);
    if (!found.is_damage) continue;
    snprintf(why, CRASH_WHY, "fsck: %s: %s: %s", mlcm_damage_name(found.kind), found.object, found.problem);
    break;
  }
  mlcm_fsck_report_free(report);
  return damaged == 0;
}

static bool check_audit(mlcm_registry *reg, int64_t min_audit, char *why) {
  mlcm_error err = {0};
  mlcm_audit_head head = {0};
  const mlcm_status st = mlcm_audit_verify(reg, NULL, NULL, &head, &err);
  if (st) return fail(why, "the audit log", st, &err);
  if (head.size >= min_audit) return true;
  snprintf(why, CRASH_WHY, "the audit log has %lld entries, it had %lld", (long long)head.size, (long long)min_audit);
  return false;
}

static bool check_version(mlcm_registry *reg, const char *ref, char *why) {
  mlcm_error err = {0};
  mlcm_version *version = NULL;
  mlcm_status st = mlcm_version_get(reg, ref, &version, &err);
  if (!st) st = mlcm_version_verify(reg, version, NULL, &err);
  mlcm_version_free(version);
  return st ? fail(why, ref, st, &err) : true;
}

static bool check_model(mlcm_registry *reg, const char *name, char *why) {
  mlcm_error err = {0};
  mlcm_model *model = NULL;
  char ref[600];
  mlcm_status st = mlcm_model_get(reg, name, &model, &err);
  if (st) return fail(why, name, st, &err);
  bool sound = true;
  for (size_t i = 0; sound && i < mlcm_model_n_aliases(model); i++) {
    snprintf(ref, sizeof ref, "%s@%s", name, mlcm_model_alias(model, i).name);
    sound = check_version(reg, ref, why);
  }
  for (int64_t number = mlcm_model_newest_version(model); sound && number > 0; number--) {
    snprintf(ref, sizeof ref, "%s/%lld", name, (long long)number);
    sound = check_version(reg, ref, why);
  }
  mlcm_model_free(model);
  return sound;
}

static bool check_models(mlcm_registry *reg, char *why) {
  mlcm_error err = {0};
  mlcm_page *page = NULL;
  mlcm_status st = mlcm_search_models(reg, NULL, &page, &err);
  if (st) return fail(why, "search", st, &err);
  bool sound = true;
  for (size_t i = 0; sound && i < mlcm_page_n(page); i++) sound = check_model(reg, mlcm_model_name(mlcm_page_model(page, i)), why);
  mlcm_page_free(page);
  return sound;
}

static bool check_rollouts(mlcm_registry *reg, char *why) {
  mlcm_error err = {0};
  int64_t ids[16];
  size_t n = 0;
  mlcm_status st = mlcm_rollout_list(reg, NULL, 0, ids, 16, &n, &err);
  if (st) return fail(why, "list of rollouts", st, &err);
  for (size_t i = 0; i < n; i++) {
    mlcm_replay_report report;
    st = mlcm_rollout_replay(reg, ids[i], &report, &err);
    if (st) return fail(why, "replay", st, &err);
    if (report.identical == report.decisions) continue;
    snprintf(why, CRASH_WHY, "rollout %lld: %lld of %lld decisions replay: %s", (long long)ids[i], (long long)report.identical,
             (long long)report.decisions, report.difference);
    return false;
  }
  return true;
}

static bool go_on(mlcm_registry *reg, const char *file, char *why) {
  mlcm_error err = {0};
  mlcm_status st = mlcm_register(reg, "afterwards", file, NULL, NULL, NULL, &err);
  if (!st) st = mlcm_alias_set(reg, "afterwards", "champion", 1, MLCM_ALIAS_ANY, 0, NULL, &err);
  return st ? fail(why, "a change afterwards", st, &err) : check_version(reg, "afterwards@champion", why);
}

bool crash_check_registry(mlcm_context *ctx, const char *dir, uint32_t open_flags, int64_t min_audit, const char *file, uint64_t *state,
                          char why[CRASH_WHY]) {
  mlcm_error err = {0};
  mlcm_registry *reg = NULL;
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  char path[600];
  options.flags = open_flags;
  options.actor = "ana";
  snprintf(path, sizeof path, "%s/registry.db", dir);
  const mlcm_status st = mlcm_registry_open(ctx, dir, &options, &reg, &err);
  if (st) return fail(why, "open", st, &err);
  *state = crash_db_state(path);
  const bool sound = check_audit(reg, min_audit, why) && check_models(reg, why) && check_rollouts(reg, why) && crash_check_copy(ctx, dir, why) &&
                     go_on(reg, file, why);
  mlcm_registry_close(reg);
  return sound;
}
