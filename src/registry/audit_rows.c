/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_rows.c - the registry's rows compared with the audit log.
 *
 * The feed is read side by side with the log: each entry has its event and each event its entry. What an entry says of a row that never
 * changes (a version's manifest, a decision's record) is looked up at once; what later entries may change (targets of aliases, deleted
 * or not) is followed in maps and compared at the end.
 */
#include "registry/audit_rows.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "registry/registry.h"
#include "registry/sql.h"

enum { KEY_BYTES = MLCM_MODEL_NAME_MAX + MLCM_ALIAS_NAME_MAX + 32, DIGEST_BYTES = MLCM__SHA256_HEX + 8 };

struct mlcm__audit_rows {
  mlcm_context *ctx;
  mlcm__db_conn *conn;
  mlcm__db_stmt *events; /* standing on the event of the next entry */
  bool has_event;
  mlcm__map *aliases; /* "model@alias" to version, as a number in the pointer */
  mlcm__map *deleted; /* "model" or "model/3", value not NULL */
  int64_t n_versions, n_decisions;
};

/* The event that goes with the entry in hand. Texts belong to the statement. */
typedef struct event_row {
  int64_t seq, time_ns, version;
  const char *kind, *model, *alias, *detail, *actor;
} event_row;

static mlcm_status next_event(mlcm__audit_rows *rows, mlcm_error *err) {
  return mlcm__db_step(rows->events, &rows->has_event, err);
}

mlcm_status mlcm__audit_rows_open(mlcm_context *ctx, mlcm__db_conn *conn, mlcm__audit_rows **out, mlcm_error *err) {
  mlcm__audit_rows *rows = mlcm__alloc_zero(ctx, 1, sizeof *rows);
  if (!rows) return mlcm__fail_memory(err, sizeof *rows);
  rows->ctx = ctx;
  rows->conn = conn;
  mlcm_status st = mlcm__map_new(ctx, &rows->aliases, err);
  if (!st) st = mlcm__map_new(ctx, &rows->deleted, err);
  if (!st) {
    st = mlcm__sql_open(conn, "SELECT seq, audit_seq, time_ns, kind, model, version, alias, detail, actor FROM event ORDER BY seq",
                        MLCM__NO_BIND, &rows->events, err);
  }
  if (!st) st = next_event(rows, err);
  if (!st) *out = rows;
  else mlcm__audit_rows_close(rows);
  return st;
}

void mlcm__audit_rows_close(mlcm__audit_rows *rows) {
  if (!rows) return;
  mlcm__db_reset(rows->events);
  mlcm__map_free(rows->aliases);
  mlcm__map_free(rows->deleted);
  mlcm__free(rows->ctx, rows);
}

/* ---- small helpers ---- */

static const char *text_of(const cJSON *entry, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
  return cJSON_IsString(item) ? item->valuestring : "";
}

static mlcm_status bad(int64_t seq, const char *what, const char *stored, const char *logged, mlcm_error *err) {
  return mlcm__fail(err, MLCM_CORRUPT, "audit entry %lld: %s is '%.100s' in the registry, but '%.100s' was logged", (long long)seq, what,
                    stored, logged);
}

static mlcm_status digest_text(const void *data, size_t len, char out[DIGEST_BYTES], mlcm_error *err) {
  uint8_t digest[MLCM__SHA256_BYTES];
  mlcm_status st = mlcm__sha256_of(data, len, digest, err);
  if (st) return st;
  memcpy(out, "sha256:", 7);
  mlcm__hex(digest, sizeof digest, out + 7);
  return MLCM_OK;
}

/* ---- rows that never change ---- */

static mlcm_status check_manifest(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const char *logged, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  char stored[DIGEST_BYTES] = "gone";
  mlcm_status st = mlcm__sql_first(rows->conn,
                                   "SELECT f.text FROM model m JOIN version v ON v.model_id = m.id AND v.number = ?2"
                                   " JOIN manifest f ON f.id = v.manifest_id WHERE m.name = ?1",
                                   MLCM__BIND(mlcm__text(event->model), mlcm__i64(event->version)), &stmt, &row, err);
  if (!st && row) {
    size_t len = 0;
    const void *text = mlcm__db_blob(stmt, 0, &len);
    st = digest_text(text, len, stored, err);
  }
  mlcm__db_reset(stmt);
  rows->n_versions++;
  return !st && strcmp(stored, logged) != 0 ? bad(seq, "the version's manifest", stored, logged, err) : st;
}

static mlcm_status check_decision(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const char *logged, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  char stored[DIGEST_BYTES] = "sha256:gone";
  cJSON *detail = NULL;
  int64_t rollout = 0, number = 0;
  const mlcm__json_limits limits = {.max_bytes = 65536, .max_depth = 8};
  mlcm_status st = mlcm__json_parse(rows->ctx, "event", event->detail, strlen(event->detail), limits, &detail, err);
  if (!st) st = mlcm__json_get_i64(detail, "rollout", "event", &rollout, err);
  if (!st) st = mlcm__json_get_i64(detail, "seq", "event", &number, err);
  cJSON_Delete(detail);
  if (!st) {
    st = mlcm__sql_first(rows->conn, "SELECT record FROM decision WHERE rollout_id = ?1 AND seq = ?2",
                         MLCM__BIND(mlcm__i64(rollout), mlcm__i64(number)), &stmt, &row, err);
  }
  if (!st && row) {
    const char *record = mlcm__db_text(stmt, 0);
    st = digest_text(record, strlen(record), stored, err);
  }
  mlcm__db_reset(stmt);
  rows->n_decisions++;
  return !st && strcmp(stored + 7, logged) != 0 ? bad(seq, "the decision's record", stored + 7, logged, err) : st;
}

/* An entry without a state of its own after the change holds the digest of the event's detail. */
static mlcm_status check_detail(int64_t seq, const event_row *event, const char *logged, mlcm_error *err) {
  char stored[DIGEST_BYTES];
  if (strncmp(logged, "sha256:", 7) != 0 || strcmp(event->kind, "policy.kept") == 0) return MLCM_OK;
  mlcm_status st = digest_text(event->detail, strlen(event->detail), stored, err);
  return !st && strcmp(stored, logged) != 0 ? bad(seq, "the event's detail", stored, logged, err) : st;
}

/* ---- what later entries may change ---- */

static mlcm_status follow_alias(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const char *after, mlcm_error *err) {
  char key[KEY_BYTES];
  int64_t version = 0;
  int len = snprintf(key, sizeof key, "%s@%s", event->model, event->alias);
  if (strcmp(event->kind, "alias.deleted") == 0) {
    (void)mlcm__map_remove(rows->aliases, key, (size_t)len);
    return MLCM_OK;
  }
  if (!mlcm__parse_i64(after, strlen(after), &version) || version != event->version) {
    return bad(seq, "the event's version", "another", after, err);
  }
  return mlcm__map_set(rows->aliases, key, (size_t)len, (void *)(uintptr_t)version, err);
}

static mlcm_status follow_deleted(mlcm__audit_rows *rows, const event_row *event, mlcm_error *err) {
  char key[KEY_BYTES];
  int len = event->version ? snprintf(key, sizeof key, "%s/%lld", event->model, (long long)event->version)
                           : snprintf(key, sizeof key, "%s", event->model);
  bool is_deleted = strstr(event->kind, ".deleted") != NULL;
  if (is_deleted) return mlcm__map_set(rows->deleted, key, (size_t)len, rows, err);
  (void)mlcm__map_remove(rows->deleted, key, (size_t)len);
  return MLCM_OK;
}

/* ---- one entry ---- */

static mlcm_status check_event(int64_t seq, const event_row *event, const cJSON *entry, mlcm_error *err) {
  char time[40];
  mlcm__format_time(event->time_ns, time);
  if (strcmp(event->kind, text_of(entry, "action")) != 0) return bad(seq, "the change's kind", event->kind, text_of(entry, "action"), err);
  if (strcmp(event->actor, text_of(entry, "actor")) != 0) return bad(seq, "the change's actor", event->actor, text_of(entry, "actor"), err);
  if (strcmp(time, text_of(entry, "ts")) != 0) return bad(seq, "the change's time", time, text_of(entry, "ts"), err);
  return MLCM_OK;
}

static mlcm_status check_subject(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const cJSON *entry, mlcm_error *err) {
  static const char *const tombstones[] = {"model.deleted", "model.restored", "version.deleted", "version.restored"};
  const char *after = text_of(entry, "after");
  if (strcmp(event->kind, "version.registered") == 0) return check_manifest(rows, seq, event, after, err);
  if (strcmp(event->kind, "rollout.decided") == 0) return check_decision(rows, seq, event, text_of(entry, "evidence"), err);
  if (strncmp(event->kind, "alias.", 6) == 0) return follow_alias(rows, seq, event, after, err);
  for (size_t i = 0; i < sizeof tombstones / sizeof tombstones[0]; i++) {
    if (strcmp(event->kind, tombstones[i]) == 0) return follow_deleted(rows, event, err);
  }
  return check_detail(seq, event, after, err);
}

mlcm_status mlcm__audit_rows_visit(void *user, int64_t seq, const cJSON *entry, mlcm_error *err) {
  mlcm__audit_rows *rows = user;
  mlcm__db_stmt *stmt = rows->events;
  if (!rows->has_event || mlcm__db_i64(stmt, 1) != seq) {
    return mlcm__fail(err, MLCM_CORRUPT, "audit entry %lld has no event in the change feed: rows were removed or changed", (long long)seq);
  }
  event_row event = {.seq = mlcm__db_i64(stmt, 0),
                     .time_ns = mlcm__db_i64(stmt, 2),
                     .kind = mlcm__db_text(stmt, 3),
                     .model = mlcm__db_text(stmt, 4),
                     .version = mlcm__db_i64(stmt, 5),
                     .alias = mlcm__db_text(stmt, 6),
                     .detail = mlcm__db_text(stmt, 7),
                     .actor = mlcm__db_text(stmt, 8)};
  mlcm_status st = check_event(seq, &event, entry, err);
  if (!st) st = check_subject(rows, seq, &event, entry, err);
  if (!st) st = next_event(rows, err);
  return st;
}

/* ---- the end ---- */

static mlcm_status check_aliases(mlcm__audit_rows *rows, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  size_t n = 0;
  mlcm_status st = mlcm__sql_first(rows->conn,
                                   "SELECT m.name || '@' || a.name, a.version FROM alias a JOIN model m ON m.id = a.model_id"
                                   " ORDER BY a.model_id, a.name",
                                   MLCM__NO_BIND, &stmt, &row, err);
  for (; !st && row; n++) {
    const char *key = mlcm__db_text(stmt, 0);
    int64_t stored = mlcm__db_i64(stmt, 1);
    int64_t logged = (int64_t)(uintptr_t)mlcm__map_get(rows->aliases, key, strlen(key));
    if (stored != logged) {
      st = mlcm__fail(err, MLCM_CORRUPT, "alias %s stands on version %lld, but the audit log moved it to %lld", key, (long long)stored,
                      (long long)logged);
    }
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  if (!st && n != mlcm__map_count(rows->aliases)) {
    st = mlcm__fail(err, MLCM_CORRUPT, "the registry has %zu aliases, the audit log made %zu: rows were removed", n,
                    mlcm__map_count(rows->aliases));
  }
  return st;
}

static mlcm_status check_deleted(mlcm__audit_rows *rows, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  size_t n = 0;
  mlcm_status st = mlcm__sql_first(rows->conn,
                                   "SELECT m.name || '/' || v.number FROM version v JOIN model m ON m.id = v.model_id WHERE v.state = 2"
                                   " UNION ALL SELECT name FROM model WHERE state = 2",
                                   MLCM__NO_BIND, &stmt, &row, err);
  for (; !st && row; n++) {
    const char *key = mlcm__db_text(stmt, 0);
    if (!mlcm__map_get(rows->deleted, key, strlen(key))) {
      st = mlcm__fail(err, MLCM_CORRUPT, "%s is deleted in the registry, but the audit log knows of no deletion", key);
    }
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  if (!st && n != mlcm__map_count(rows->deleted)) {
    st = mlcm__fail(err, MLCM_CORRUPT, "the audit log deleted %zu models and versions, in the registry %zu are", mlcm__map_count(rows->deleted),
                    n);
  }
  return st;
}

static mlcm_status check_count(mlcm__audit_rows *rows, const char *sql, const char *what, int64_t logged, mlcm_error *err) {
  bool row = false;
  int64_t stored = 0;
  mlcm_status st = mlcm__sql_i64(rows->conn, sql, MLCM__NO_BIND, &row, &stored, err);
  if (!st && stored != logged) {
    st = mlcm__fail(err, MLCM_CORRUPT, "the registry has %lld %s, the audit log %lld", (long long)stored, what, (long long)logged);
  }
  return st;
}

mlcm_status mlcm__audit_rows_end(mlcm__audit_rows *rows, mlcm_error *err) {
  if (rows->has_event) {
    return mlcm__fail(err, MLCM_CORRUPT, "event %lld of the change feed has no audit entry: it was added behind the log's back",
                      (long long)mlcm__db_i64(rows->events, 0));
  }
  mlcm_status st = check_count(rows, "SELECT count(*) FROM version", "versions", rows->n_versions, err);
  if (!st) st = check_count(rows, "SELECT count(*) FROM decision", "decisions", rows->n_decisions, err);
  if (!st) st = check_aliases(rows, err);
  if (!st) st = check_deleted(rows, err);
  return st;
}
