/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - a database with an audit log and nothing else, for the tests of this room.
 */
#ifndef MLCM_TESTS_TRUST_FIXTURE_H
#define MLCM_TESTS_TRUST_FIXTURE_H

#include <sqlite3.h>
#include <stdio.h>

#include "store/db_fixture.h"
#include "trust/audit.h"
#include "trust/audit_schema.h"

typedef uint8_t hash[32];

static const char *const audit_migrations[] = {MLCM__AUDIT_SCHEMA_SQL};

typedef db_fixture fixture; /* closed with fixture_close */

static inline void log_open(fixture *f) {
  fixture_files_of(f, audit_migrations, 1);
  ck_assert_msg(fixture_reopen(f) == MLCM_OK, "%s", f->err.message);
}

static inline mlcm__audit_event event_of(int i) {
  static char name[32];
  snprintf(name, sizeof name, "digits/%d", i);
  return (mlcm__audit_event){.wall_ns = INT64_C(1772366400000000000) + i,
                             .actor = "ana",
                             .actor_auth = "os",
                             .action = "alias.set",
                             .object_kind = "alias",
                             .object_name = name,
                             .object_version = i,
                             .before = "1",
                             .after = "2",
                             .reason = i % 3 == 0 ? "it is better" : NULL};
}

/* Appends entries from..to in one transaction, so that long logs are quick to make. */
static inline void append(fixture *f, int from, int to) {
  mlcm__db_conn *conn = NULL;
  ck_assert_int_eq(mlcm__db_write_begin(f->db, -1, &conn, &f->err), MLCM_OK);
  for (int i = from; i <= to; i++) {
    mlcm__audit_event event = event_of(i);
    mlcm__audit_head head;
    ck_assert_msg(mlcm__audit_append(conn, &event, &head, &f->err) == MLCM_OK, "%s", f->err.message);
    ck_assert_int_eq(head.size, i);
  }
  ck_assert_int_eq(mlcm__db_commit(conn, &f->err), MLCM_OK);
}

static inline mlcm_status verify(fixture *f, const mlcm__audit_head *anchor, mlcm__audit_head *out) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head;
  ck_assert_int_eq(mlcm__db_read_begin(f->db, &conn, &f->err), MLCM_OK);
  mlcm_status status = mlcm__audit_verify(conn, anchor, anchor ? 1 : 0, NULL, NULL, NULL, out ? out : &head, &f->err);
  mlcm__db_read_end(conn);
  return status;
}

/* Changes the file behind the library's back, as an owner of it can: triggers are dropped first. */
static inline void tamper(fixture *f, const char *sql) {
  sqlite3 *raw = NULL;
  char *message = NULL;
  char *script =
      sqlite3_mprintf("DROP TRIGGER audit_entry_no_update; DROP TRIGGER audit_entry_no_delete; DROP TRIGGER audit_text_no_update;"
                      "DROP TRIGGER audit_tile_grows; DROP TRIGGER audit_tile_no_delete; DROP TRIGGER audit_head_grows;"
                      "DROP TRIGGER audit_head_no_delete; PRAGMA ignore_check_constraints = ON; %s",
                      sql);
  ck_assert_int_eq(sqlite3_open(f->path, &raw), SQLITE_OK);
  ck_assert_msg(sqlite3_exec(raw, script, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
  sqlite3_free(script);
  sqlite3_close(raw);
}

#endif
