/* SPDX-License-Identifier: Apache-2.0
 *
 * record.c - what every change leaves behind: one event of the feed and one leaf of the audit log, in the change's own
 * transaction.
 */
#include <stdio.h>
#include <string.h>

#include "registry/digest.h"
#include "registry/registry.h"
#include "registry/sql.h"
#include "trust/audit.h"

const char *mlcm__registry_actor_of(const mlcm_registry *reg, const mlcm_attribution *by) {
  return by && by->actor ? by->actor : reg->actor;
}

const char *mlcm__registry_auth_of(const mlcm_registry *reg, const mlcm_attribution *by) {
  return by && by->actor ? "claimed" : reg->actor_auth;
}

const char *mlcm__registry_reason_of(const mlcm_attribution *by) { return by && by->reason ? by->reason : ""; }

enum { NAME_BYTES = MLCM_MODEL_NAME_MAX + 1 + MLCM_ALIAS_NAME_MAX + 1 };

/* "digits", or "digits@champion" when the change is of an alias. */
static void object_name(const mlcm__record *record, char out[NAME_BYTES]) {
  const char *model = record->model ? record->model : "";
  if (record->name) {
    (void)snprintf(out, NAME_BYTES, "%s", record->name);
  } else if (record->alias) {
    (void)snprintf(out, NAME_BYTES, "%s@%s", model, record->alias);
  } else {
    (void)snprintf(out, NAME_BYTES, "%s", model);
  }
}

static mlcm_status append_audit(mlcm__db_conn *conn, mlcm_registry *reg, const mlcm__record *record, const mlcm_attribution *by,
                                int64_t time_ns, int64_t *out_seq, mlcm_error *err) {
  char name[NAME_BYTES];
  char detail[MLCM__DIGEST_TEXT + 1];
  const char *reason = mlcm__registry_reason_of(by);
  mlcm__audit_event event = {.wall_ns = time_ns,
                             .actor = mlcm__registry_actor_of(reg, by),
                             .actor_auth = mlcm__registry_auth_of(reg, by),
                             .action = record->kind,
                             .object_kind = record->object_kind,
                             .object_version = record->version,
                             .before = record->before,
                             .after = record->after,
                             .evidence = record->evidence,
                             .reason = reason[0] ? reason : NULL};
  mlcm__audit_head head;
  object_name(record, name);
  event.object_name = name;
  mlcm_status st = MLCM_OK;
  if (record->detail && !record->evidence) { /* so that the feed cannot be changed unseen */
    st = mlcm__digest_of(record->detail, strlen(record->detail), detail, err);
    if (record->after) event.evidence = detail + MLCM__DIGEST_PREFIX;
    else event.after = detail;
  }
  if (!st) st = mlcm__audit_append(conn, &event, &head, err);
  if (!st) *out_seq = head.size;
  return st;
}

mlcm_status mlcm__registry_record(mlcm__db_conn *conn, mlcm_registry *reg, const mlcm__record *record, const mlcm_attribution *by,
                                  int64_t *out_seq, mlcm_error *err) {
  int64_t time_ns = record->time_ns ? record->time_ns : mlcm__wall_ns(reg->ctx);
  int64_t audit_seq = 0;
  mlcm_status st = append_audit(conn, reg, record, by, time_ns, &audit_seq, err);
  /* The number is given by the insert itself: one more than the newest, and events are never deleted. */
  if (!st) {
    st =
        mlcm__sql_run(conn,
                      "INSERT INTO event (time_ns, kind, model, version, alias, detail, actor, reason, audit_seq)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                      MLCM__BIND(mlcm__i64(time_ns), mlcm__text(record->kind), mlcm__text(record->model ? record->model : ""),
                                 mlcm__i64(record->version), mlcm__text(record->alias ? record->alias : ""),
                                 mlcm__text(record->detail ? record->detail : "{}"), mlcm__text(mlcm__registry_actor_of(reg, by)),
                                 mlcm__text(mlcm__registry_reason_of(by)), mlcm__i64(audit_seq)),
                      err);
  }
  if (!st && out_seq) *out_seq = mlcm__db_last_id(conn);
  return st;
}
