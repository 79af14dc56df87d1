/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_rows.c - the registry's rows compared with the audit log.
 *
 * The feed is read side by side with the log: each entry has its event and each event its entry. What an entry says of a row that
 * never changes (a version's manifest and lineage, a decision's record) is looked up at once; what later entries may change
 * (targets of aliases, deleted or not) is followed in maps and compared at the end. Descriptions and tags are fsck's
 * (fsck_history.c, fsck_given.c).
 */
#include "registry/audit_rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "registry/detail.h"
#include "registry/digest.h"
#include "registry/registry.h"
#include "registry/sql.h"

enum { KEY_BYTES = MLCM_MODEL_NAME_MAX + MLCM_ALIAS_NAME_MAX + 32 };

struct mlcm__audit_rows {
  mlcm_context *ctx;
  mlcm__db_conn *conn;
  mlcm__db_stmt *events; /* standing on the event of the next entry */
  bool has_event;
  mlcm__map *aliases; /* "model@alias" to version, as a number in the pointer */
  mlcm__map *deleted; /* "model" or "model/3", value not NULL */
  mlcm__audit_rows_tell *tell; /* NULL: the first fault ends it */
  void *user;
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
    st =
        mlcm__sql_open(conn, "SELECT seq, audit_seq, time_ns, kind, model, version, alias, detail, actor FROM event ORDER BY seq",
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

void mlcm__audit_rows_tell_to(mlcm__audit_rows *rows, mlcm__audit_rows_tell *tell, void *user) {
  rows->tell = tell;
  rows->user = user;
}

/* ---- small helpers ---- */

static const char *text_of(const cJSON *entry, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
  return cJSON_IsString(item) ? item->valuestring : "";
}

/* What an event is about, as it is written: "digits@champion", "digits/3", "digits", or "event 17". */
static void name_object(const event_row *event, char out[KEY_BYTES]) {
  if (!event->model[0]) (void)snprintf(out, KEY_BYTES, "event %lld", (long long)event->seq);
  else if (event->alias[0]) (void)snprintf(out, KEY_BYTES, "%s@%s", event->model, event->alias);
  else if (event->version) (void)snprintf(out, KEY_BYTES, "%s/%lld", event->model, (long long)event->version);
  else (void)snprintf(out, KEY_BYTES, "%s", event->model);
}

static mlcm_status bad(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const char *what, const char *stored,
                       const char *logged, mlcm_error *err) {
  char object[KEY_BYTES];
  name_object(event, object);
  if (rows->tell) return rows->tell(rows->user, &(mlcm__row_fault){seq, object, what, stored, logged}, err);
  return mlcm__fail(err, MLCM_CORRUPT, "audit entry %lld: %s is '%.100s' in the registry, but '%.100s' was logged",
                    (long long)seq, what, stored, logged);
}

/* A fault with a sentence of its own; `object` is what a report names. */
static MLCM_PRINTF(5, 6) mlcm_status
    tell(mlcm__audit_rows *rows, int64_t seq, const char *object, mlcm_error *err, const char *format, ...) {
  char text[sizeof err->message];
  va_list list;
  va_start(list, format);
  (void)vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (rows->tell) return rows->tell(rows->user, &(mlcm__row_fault){seq, object, text, "", ""}, err);
  return mlcm__fail(err, MLCM_CORRUPT, "%s", text);
}

/* ---- rows that never change ---- */

/* What is wrong with a detail that cannot be read is told, whatever else it hides; other failures stay. */
static mlcm_status unless_garbled(mlcm__audit_rows *rows, int64_t seq, const event_row *event, mlcm_status st,
                                  const mlcm_error *why, mlcm_error *err) {
  if (st == MLCM_LIMIT) return bad(rows, seq, event, "the event's detail", why->message, "a JSON object", err);
  if (st == MLCM_PARSE) return bad(rows, seq, event, "the event's detail", event->detail, "a JSON object", err);
  return st ? mlcm__fail_as(err, why) : MLCM_OK;
}

/* Where a version came from: columns under their keys in the detail of its registration. Details of older libraries have the
 * parent only; what is not there is not compared. */
static mlcm_status check_lineage(mlcm__audit_rows *rows, int64_t seq, const event_row *event, mlcm__db_stmt *stmt,
                                 mlcm_error *err) {
  static const char *const keys[] = {"dataset_digest", "parent", "run_link", "source_revision"};
  cJSON *detail = NULL;
  mlcm_error why = {0};
  mlcm_status st = mlcm__detail_parse(rows->ctx, event->detail, &detail, &why);
  st = unless_garbled(rows, seq, event, st, &why, err);
  for (size_t i = 0; !st && i < sizeof keys / sizeof keys[0]; i++) {
    char what[48];
    const char *stored = mlcm__db_text(stmt, (int)i + 1), *given = text_of(detail, keys[i]);
    if (!cJSON_HasObjectItem(detail, keys[i]) || strcmp(stored, given) == 0) continue;
    (void)snprintf(what, sizeof what, "the version's %s", keys[i]);
    st = bad(rows, seq, event, what, stored[0] ? stored : "none", given[0] ? given : "none", err);
  }
  cJSON_Delete(detail);
  return st;
}

static mlcm_status check_version(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const char *logged,
                                 mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  char manifest[MLCM__DIGEST_TEXT + 1] = "gone";
  mlcm_status st =
      mlcm__sql_first(rows->conn,
                      "SELECT f.text, v.dataset_digest, v.parent, v.run_link, v.source_revision FROM model m"
                      " JOIN version v ON v.model_id = m.id AND v.number = ?2 JOIN manifest f ON f.id = v.manifest_id"
                      " WHERE m.name = ?1",
                      MLCM__BIND(mlcm__text(event->model), mlcm__i64(event->version)), &stmt, &row, err);
  if (!st && row) {
    size_t len = 0;
    const void *text = mlcm__db_blob(stmt, 0, &len);
    st = mlcm__digest_of(text, len, manifest, err);
  }
  rows->n_versions++;
  if (!st && strcmp(manifest, logged) != 0) st = bad(rows, seq, event, "the version's manifest", manifest, logged, err);
  if (!st && row) st = check_lineage(rows, seq, event, stmt, err);
  mlcm__db_reset(stmt);
  return st;
}

static mlcm_status check_decision(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const char *logged,
                                  mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  char stored[MLCM__SHA256_HEX + 1] = "gone", what[96];
  cJSON *detail = NULL;
  int64_t rollout = 0, number = 0;
  mlcm_error why = {0};
  mlcm_status st = mlcm__detail_parse(rows->ctx, event->detail, &detail, &why);
  if (!st) st = mlcm__json_get_i64(detail, "rollout", "event", &rollout, &why);
  if (!st) st = mlcm__json_get_i64(detail, "seq", "event", &number, &why);
  cJSON_Delete(detail);
  rows->n_decisions++;
  if (st) return unless_garbled(rows, seq, event, st, &why, err);
  st = mlcm__sql_first(rows->conn, "SELECT record FROM decision WHERE rollout_id = ?1 AND seq = ?2",
                       MLCM__BIND(mlcm__i64(rollout), mlcm__i64(number)), &stmt, &row, err);
  if (!st && row) {
    const char *record = mlcm__db_text(stmt, 0);
    st = mlcm__hex_of(record, strlen(record), stored, err);
  }
  mlcm__db_reset(stmt);
  (void)snprintf(what, sizeof what, "the record of rollout %lld decision %lld", (long long)rollout, (long long)number);
  return !st && strcmp(stored, logged) != 0 ? bad(rows, seq, event, what, stored, logged, err) : st;
}

static bool is_tombstone(const char *kind) {
  static const char *const kinds[] = {"model.deleted", "model.restored", "version.deleted", "version.restored"};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kind, kinds[i]) == 0) return true;
  return false;
}

/* The detail of an event by its digest: in the entry's `after` when the change has no state of its own, else in its `evidence`,
 * which entries of older libraries do not have. A decision's evidence is its record. Some kinds of change have no detail, and so
 * nothing in the log. */
static mlcm_status check_detail(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const cJSON *entry,
                                mlcm_error *err) {
  const char *after = text_of(entry, "after"), *logged = text_of(entry, "evidence");
  char stored[MLCM__SHA256_HEX + 1];
  bool is_state = strcmp(event->kind, "version.registered") == 0 || strcmp(event->kind, "policy.kept") == 0;
  if (strcmp(event->kind, "rollout.decided") == 0) return MLCM_OK;
  if (strcmp(event->kind, "model.created") == 0 || is_tombstone(event->kind))
    return strcmp(event->detail, "{}") != 0 ? bad(rows, seq, event, "the event's detail", event->detail, "{}", err) : MLCM_OK;
  if (strncmp(after, "sha256:", MLCM__DIGEST_PREFIX) == 0 && !is_state) logged = after + MLCM__DIGEST_PREFIX;
  if (!logged[0]) return MLCM_OK;
  mlcm_status st = mlcm__hex_of(event->detail, strlen(event->detail), stored, err);
  return !st && strcmp(stored, logged) != 0 ? bad(rows, seq, event, "the event's detail", stored, logged, err) : st;
}

/* ---- what later entries may change ---- */

/* The length of a key that snprintf has written: a damaged name may be longer than any that is. */
static size_t length_of_key(int wanted) { return wanted < KEY_BYTES ? (size_t)wanted : KEY_BYTES - 1; }

static mlcm_status follow_alias(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const char *after, mlcm_error *err) {
  char key[KEY_BYTES];
  int64_t version = 0;
  const size_t len = length_of_key(snprintf(key, sizeof key, "%s@%s", event->model, event->alias));
  if (strcmp(event->kind, "alias.deleted") == 0) {
    (void)mlcm__map_remove(rows->aliases, key, len);
    return MLCM_OK;
  }
  if (!mlcm__parse_i64(after, strlen(after), &version) || version != event->version) {
    mlcm_status st = bad(rows, seq, event, "the event's version", "another", after, err);
    if (st) return st;
    version = version > 0 ? version : event->version;
  }
  return mlcm__map_set(rows->aliases, key, len, (void *)(uintptr_t)version, err);
}

static mlcm_status follow_deleted(mlcm__audit_rows *rows, const event_row *event, mlcm_error *err) {
  char key[KEY_BYTES];
  const int wanted = event->version ? snprintf(key, sizeof key, "%s/%lld", event->model, (long long)event->version)
                                    : snprintf(key, sizeof key, "%s", event->model);
  const size_t len = length_of_key(wanted);
  bool is_deleted = strstr(event->kind, ".deleted") != NULL;
  if (is_deleted) return mlcm__map_set(rows->deleted, key, len, rows, err);
  (void)mlcm__map_remove(rows->deleted, key, len);
  return MLCM_OK;
}

/* ---- one entry ---- */

/* What an entry says it is about. Policies and decisions have names of their own, which their digests cover; a policy is of no
 * model. */
static mlcm_status check_object(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const cJSON *entry,
                                mlcm_error *err) {
  const cJSON *object = cJSON_GetObjectItemCaseSensitive(entry, "object");
  int64_t logged = 0;
  if (mlcm__json_get_i64(object, "version", "audit entry", &logged, NULL)) logged = 0; /* it is about none */
  const bool is_policy = strcmp(event->kind, "policy.kept") == 0, is_decision = strcmp(event->kind, "rollout.decided") == 0;
  char name[KEY_BYTES], is[24], should[24];
  (void)snprintf(name, sizeof name, "%s%s%s", event->model, event->alias[0] ? "@" : "", event->alias);
  if (!is_decision && strcmp(name, is_policy ? "" : text_of(object, "name")) != 0)
    return bad(rows, seq, event, "the change's object", name, is_policy ? "" : text_of(object, "name"), err);
  if (logged == event->version) return MLCM_OK;
  (void)snprintf(is, sizeof is, "%lld", (long long)event->version);
  (void)snprintf(should, sizeof should, "%lld", (long long)logged);
  return bad(rows, seq, event, "the change's version", is, should, err);
}

static mlcm_status check_event(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const cJSON *entry, mlcm_error *err) {
  char time[40];
  mlcm__format_time(event->time_ns, time);
  if (strcmp(event->kind, text_of(entry, "action")) != 0)
    return bad(rows, seq, event, "the change's kind", event->kind, text_of(entry, "action"), err);
  if (strcmp(event->actor, text_of(entry, "actor")) != 0)
    return bad(rows, seq, event, "the change's actor", event->actor, text_of(entry, "actor"), err);
  if (strcmp(time, text_of(entry, "ts")) != 0) return bad(rows, seq, event, "the change's time", time, text_of(entry, "ts"), err);
  return check_object(rows, seq, event, entry, err);
}

static mlcm_status check_subject(mlcm__audit_rows *rows, int64_t seq, const event_row *event, const cJSON *entry,
                                 mlcm_error *err) {
  const char *after = text_of(entry, "after");
  if (strcmp(event->kind, "version.registered") == 0) return check_version(rows, seq, event, after, err);
  if (strcmp(event->kind, "rollout.decided") == 0) return check_decision(rows, seq, event, text_of(entry, "evidence"), err);
  if (strncmp(event->kind, "alias.", 6) == 0) return follow_alias(rows, seq, event, after, err);
  return is_tombstone(event->kind) ? follow_deleted(rows, event, err) : MLCM_OK;
}

static event_row current_event(mlcm__audit_rows *rows) {
  mlcm__db_stmt *stmt = rows->events;
  return (event_row){.seq = mlcm__db_i64(stmt, 0),
                     .time_ns = mlcm__db_i64(stmt, 2),
                     .kind = mlcm__db_text(stmt, 3),
                     .model = mlcm__db_text(stmt, 4),
                     .version = mlcm__db_i64(stmt, 5),
                     .alias = mlcm__db_text(stmt, 6),
                     .detail = mlcm__db_text(stmt, 7),
                     .actor = mlcm__db_text(stmt, 8)};
}

/* Takes the event's word for an entry that is lost. */
static mlcm_status believe(mlcm__audit_rows *rows, const event_row *event, mlcm_error *err) {
  char after[24];
  (void)snprintf(after, sizeof after, "%lld", (long long)event->version);
  if (strcmp(event->kind, "version.registered") == 0) rows->n_versions++;
  if (strcmp(event->kind, "rollout.decided") == 0) rows->n_decisions++;
  if (strncmp(event->kind, "alias.", 6) == 0) return follow_alias(rows, event->seq, event, after, err);
  if (strstr(event->kind, ".deleted") || strstr(event->kind, ".restored")) return follow_deleted(rows, event, err);
  return MLCM_OK;
}

static mlcm_status skip_lost(mlcm__audit_rows *rows, int64_t seq, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  while (!st && rows->has_event && mlcm__db_i64(rows->events, 1) <= seq) {
    event_row event = current_event(rows);
    st = believe(rows, &event, err);
    if (!st) st = next_event(rows, err);
  }
  return st;
}

/* Events that claim entries before `seq` came from nowhere. */
static mlcm_status check_strays(mlcm__audit_rows *rows, int64_t seq, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  while (!st && rows->tell && rows->has_event && mlcm__db_i64(rows->events, 1) < seq) {
    char object[KEY_BYTES];
    event_row event = current_event(rows);
    (void)snprintf(object, sizeof object, "event %lld", (long long)event.seq);
    st = tell(rows, 0, object, err, "it names audit entry %lld, which is that of another event",
              (long long)mlcm__db_i64(rows->events, 1));
    if (!st) st = next_event(rows, err);
  }
  return st;
}

mlcm_status mlcm__audit_rows_visit(void *user, int64_t seq, const cJSON *entry, mlcm_error *err) {
  mlcm__audit_rows *rows = user;
  char object[48];
  if (!entry) return skip_lost(rows, seq, err);
  mlcm_status st = check_strays(rows, seq, err);
  if (st) return st;
  if (!rows->has_event || mlcm__db_i64(rows->events, 1) != seq) {
    (void)snprintf(object, sizeof object, "audit entry %lld", (long long)seq);
    return tell(rows, seq, object, err, "audit entry %lld has no event in the change feed: rows were removed or changed",
                (long long)seq);
  }
  event_row event = current_event(rows);
  st = check_event(rows, seq, &event, entry, err);
  if (!st) st = check_detail(rows, seq, &event, entry, err);
  if (!st) st = check_subject(rows, seq, &event, entry, err);
  if (!st) st = next_event(rows, err);
  return st;
}

/* ---- the end ---- */

/* What is left in a map of expectations has no row. */
static mlcm_status check_left(mlcm__audit_rows *rows, const mlcm__map *map, const char *before, const char *after,
                              mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  size_t cursor = 0, len = 0;
  const char *key = NULL;
  void *value = NULL;
  while (!st && mlcm__map_next(map, &cursor, &key, &len, &value)) {
    char object[KEY_BYTES];
    (void)snprintf(object, sizeof object, "%.*s", (int)len, key);
    st = tell(rows, 0, object, err, "%s%s%s", before, object, after);
  }
  return st;
}

static mlcm_status check_alias(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm__audit_rows *rows = user;
  const char *key = mlcm__db_text(stmt, 0);
  int64_t stored = mlcm__db_i64(stmt, 1);
  int64_t logged = (int64_t)(uintptr_t)mlcm__map_remove(rows->aliases, key, strlen(key));
  char at[24], should[24];
  if (stored == logged) return MLCM_OK;
  (void)snprintf(at, sizeof at, "%lld", (long long)stored);
  (void)snprintf(should, sizeof should, "%lld", (long long)logged);
  if (rows->tell) return rows->tell(rows->user, &(mlcm__row_fault){0, key, "the alias's version", at, should}, err);
  return mlcm__fail(err, MLCM_CORRUPT, "alias %s stands on version %s, but the audit log moved it to %s", key, at, should);
}

static mlcm_status check_aliases(mlcm__audit_rows *rows, mlcm_error *err) {
  mlcm_status st = mlcm__sql_each(rows->conn,
                                  "SELECT coalesce(m.name, '?') || '@' || coalesce(a.name, '?'), a.version"
                                  " FROM alias a JOIN model m ON m.id = a.model_id"
                                  " ORDER BY a.model_id, a.name",
                                  MLCM__NO_BIND, check_alias, rows, err);
  return st ? st
            : check_left(rows, rows->aliases, "alias ", " is gone from the registry, but the audit log did not remove it", err);
}

static mlcm_status check_deletion(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm__audit_rows *rows = user;
  const char *key = mlcm__db_text(stmt, 0);
  if (mlcm__map_remove(rows->deleted, key, strlen(key))) return MLCM_OK;
  return tell(rows, 0, key, err, "%s is deleted in the registry, but the audit log knows of no deletion", key);
}

static mlcm_status check_deleted(mlcm__audit_rows *rows, mlcm_error *err) {
  mlcm_status st =
      mlcm__sql_each(rows->conn,
                     "SELECT m.name || '/' || v.number FROM version v JOIN model m ON m.id = v.model_id WHERE v.state = 2"
                     " UNION ALL SELECT name FROM model WHERE state = 2",
                     MLCM__NO_BIND, check_deletion, rows, err);
  return st ? st : check_left(rows, rows->deleted, "the audit log deleted ", ", in the registry it is not deleted", err);
}

/* Rows that no entry made. Those that an entry made and that are gone were told with the entry. */
static mlcm_status check_count(mlcm__audit_rows *rows, const char *sql, const char *what, int64_t logged, mlcm_error *err) {
  bool row = false;
  int64_t stored = 0;
  mlcm_status st = mlcm__sql_i64(rows->conn, sql, MLCM__NO_BIND, &row, &stored, err);
  if (st || stored == logged) return st;
  return tell(rows, 0, what, err, "the registry has %lld %s, the audit log %lld", (long long)stored, what, (long long)logged);
}

static mlcm_status tell_stranger(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  const char *key = mlcm__db_text(stmt, 0);
  return tell(user, 0, key, err, "%s is a version that no change of the feed registered: its row was added behind the log's back",
              key);
}

static mlcm_status check_strangers(mlcm__audit_rows *rows, mlcm_error *err) {
  return mlcm__sql_each(
      rows->conn,
      "SELECT coalesce(name, '?') || '/' || coalesce(number, '?') FROM (SELECT m.name, v.number FROM version v"
      " JOIN model m ON m.id = v.model_id"
      " EXCEPT SELECT model, version FROM event WHERE kind = 'version.registered')",
      MLCM__NO_BIND, tell_stranger, rows, err);
}

static mlcm_status check_last_events(mlcm__audit_rows *rows, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  while (!st && rows->has_event) {
    char object[48];
    int64_t seq = mlcm__db_i64(rows->events, 0);
    (void)snprintf(object, sizeof object, "event %lld", (long long)seq);
    st = tell(rows, 0, object, err, "event %lld of the change feed has no audit entry: it was added behind the log's back",
              (long long)seq);
    if (!st) st = next_event(rows, err);
  }
  return st;
}

mlcm_status mlcm__audit_rows_end(mlcm__audit_rows *rows, mlcm_error *err) {
  mlcm_status st = check_last_events(rows, err);
  if (!st && rows->tell) st = check_strangers(rows, err);
  if (!st && !rows->tell) st = check_count(rows, "SELECT count(*) FROM version", "versions", rows->n_versions, err);
  if (!st) st = check_count(rows, "SELECT count(*) FROM decision", "decisions", rows->n_decisions, err);
  if (!st) st = check_aliases(rows, err);
  if (!st) st = check_deleted(rows, err);
  return st;
}
