/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_fault.c - see statement_fault.h. Only the thread that runs a script counts and fails, as in malloc_fault.c.
 */
#include "statement_fault.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct {
  size_t n_calls, fail_at;
  int rc;
  bool armed, ever, rolls_back, fired;
  const char *only; /* NULL: all are counted */
  test_sites *sites; /* NULL: by number */
  char what[120];
} fault;

int __real_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **out, const char **tail);
int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags, sqlite3_stmt **out, const char **tail);
int __real_sqlite3_step(sqlite3_stmt *stmt);
int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *user, char **message);
int __real_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *schema, int mode, int *in_log, int *copied);
int __real_sqlite3_backup_step(sqlite3_backup *backup, int pages);

/* SQLITE_OK, or what the call is to answer without doing its work. `db` may be NULL: nothing to roll back. */
static int due(sqlite3 *db, const char *what) {
  if (!fault.armed || (fault.only && !strstr(what, fault.only))) return SQLITE_OK;
  const size_t n = ++fault.n_calls;
  const bool by_number = n == fault.fail_at || (fault.ever && fault.fail_at && n > fault.fail_at);
  if (!by_number && !(fault.sites && !fault.fired && test_site_is_new(fault.sites, what))) return SQLITE_OK;
  if (!fault.fired) (void)snprintf(fault.what, sizeof fault.what, "%s", what);
  fault.fired = true;
  if (fault.rolls_back && db && !sqlite3_get_autocommit(db)) (void)__real_sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  return fault.rc;
}

int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **out, const char **tail) {
  const int bad = due(db, sql);
  if (bad) *out = NULL;
  return bad ? bad : __real_sqlite3_prepare_v2(db, sql, len, out, tail);
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags, sqlite3_stmt **out, const char **tail) {
  const int bad = due(db, sql);
  if (bad) *out = NULL;
  return bad ? bad : __real_sqlite3_prepare_v3(db, sql, len, flags, out, tail);
}

int __wrap_sqlite3_step(sqlite3_stmt *stmt) {
  const int bad = due(sqlite3_db_handle(stmt), sqlite3_sql(stmt));
  return bad ? bad : __real_sqlite3_step(stmt);
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *user, char **message) {
  const int bad = due(db, sql);
  return bad ? bad : __real_sqlite3_exec(db, sql, row, user, message);
}

int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *schema, int mode, int *in_log, int *copied) {
  const int bad = due(NULL, "a checkpoint");
  return bad ? bad : __real_sqlite3_wal_checkpoint_v2(db, schema, mode, in_log, copied);
}

int __wrap_sqlite3_backup_step(sqlite3_backup *backup, int pages) {
  const int bad = due(NULL, "a step of a copy");
  return bad ? bad : __real_sqlite3_backup_step(backup, pages);
}

void test_statement_arm(int rc, bool rolls_back, size_t n, bool ever_after) {
  fault.n_calls = 0;
  fault.fail_at = n;
  fault.rc = rc;
  fault.rolls_back = rolls_back;
  fault.ever = ever_after;
  fault.fired = false;
  fault.only = NULL;
  fault.sites = NULL;
  fault.what[0] = '\0';
  fault.armed = true;
}

void test_statement_only(const char *text) { fault.only = text; }

void test_statement_sites(test_sites *sites) { fault.sites = sites; }

bool test_statement_disarm(void) {
  fault.armed = false;
  return fault.fired;
}

const char *test_statement_failed(void) { return fault.what; }
