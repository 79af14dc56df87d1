/* SPDX-License-Identifier: Apache-2.0
 *
 * claims.h - rows that claim too much: every number of every table becomes the largest and the smallest there is, every text and
 * blob becomes long, one at a time in a registry that is whole again before each. A child reads it all, and must come to an end
 * in little time and memory. What fsck says of such rows is in its own tests.
 */
#ifndef MLCM_TESTS_REGISTRY_CLAIMS_H
#define MLCM_TESTS_REGISTRY_CLAIMS_H

#include <sys/resource.h>
#include <sys/wait.h>

#include "registry/damage.h"
#include "support/child.h"

enum { CLAIM_SECONDS = 60 };

/* A sanitizer reserves more addresses than any machine has memory. */
#ifdef MLCM_SANITIZED
#define ADDRESSES RLIM_INFINITY
#else
#define ADDRESSES ((rlim_t)1 << 30)
#endif

typedef struct reader {
  mlcm_context *ctx;
  mlcm_registry *reg;
  const char *starved; /* the first call for which a gigabyte was too little */
} reader;

/* Whatever a call answers is right here, but for a lack of memory. */
static UNUSED bool answers(reader *r, const char *call, mlcm_status st) {
  if (st == MLCM_NO_MEMORY && !r->starved) r->starved = call;
  return st == MLCM_OK;
}

#define ANSWERS(call) answers(r, #call, call)

/* What the child does; r->reg is NULL at first. */
typedef void use_claims(reader *r, const char *dir);

/* SQL that does each damage; freed by the caller. */
static char **list_damages(const fixture *f, size_t *out_n) {
  static const char select[] =
      "SELECT printf('UPDATE \"%w\" SET \"%w\" = %s WHERE rowid = (SELECT max(rowid) FROM \"%w\")',"
      " t.name, c.name, d.value, t.name)"
      " FROM sqlite_schema t, pragma_table_info(t.name) c, (SELECT 'INTEGER' AS type, '9223372036854775807' AS value UNION ALL"
      " SELECT 'INTEGER', '-9223372036854775807 - 1' UNION ALL SELECT 'TEXT', 'printf(''%.*c'', 8388608, ''x'')' UNION ALL"
      " SELECT 'BLOB', 'zeroblob(8388608)') d WHERE t.type = 'table' AND c.type = d.type ORDER BY 1";
  sqlite3 *raw = open_raw(f);
  sqlite3_stmt *list = NULL;
  char **damages = NULL;
  size_t n = 0;
  ck_assert_int_eq(sqlite3_prepare_v2(raw, select, -1, &list, NULL), SQLITE_OK);
  while (sqlite3_step(list) == SQLITE_ROW) {
    damages = realloc(damages, (n + 1) * sizeof *damages);
    damages[n++] = strdup((const char *)sqlite3_column_text(list, 0));
  }
  sqlite3_finalize(list);
  sqlite3_close(raw);
  *out_n = n;
  return damages;
}

/* Whether the damage could be done: keys may stand in its way. */
static bool damage(const fixture *f, const char *sql) {
  sqlite3 *raw = open_raw(f);
  char *drop = NULL;
  sqlite3_stmt *triggers = NULL;
  ck_assert_int_eq(
      sqlite3_prepare_v2(raw, "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema WHERE type = 'trigger'", -1,
                         &triggers, NULL),
      SQLITE_OK);
  ck_assert_int_eq(sqlite3_step(triggers), SQLITE_ROW);
  drop = strdup((const char *)sqlite3_column_text(triggers, 0));
  sqlite3_finalize(triggers);
  ck_assert_int_eq(sqlite3_exec(raw, drop, NULL, NULL, NULL), SQLITE_OK);
  free(drop);
  ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL), SQLITE_OK);
  const bool done = sqlite3_exec(raw, sql, NULL, NULL, NULL) == SQLITE_OK && sqlite3_changes(raw) > 0;
  sqlite3_close(raw);
  return done;
}

/* ---- one registry, whole again before each damage ---- */

enum { N_KEPT = 2 };
static const char *const kept_names[N_KEPT] = {"registry.db", "audit.head"};

typedef struct kept {
  char *bytes[N_KEPT];
  size_t len[N_KEPT];
} kept;

static void keep(const fixture *f, kept *k) {
  for (int i = 0; i < N_KEPT; i++) {
    char *path = test_path(f->reg_dir, kept_names[i]);
    k->bytes[i] = test_read_file(path, &k->len[i]);
    free(path);
  }
}

static void make_whole(const fixture *f, const kept *k) {
  static const char *const logs[] = {"registry.db-wal", "registry.db-shm"};
  for (int i = 0; i < N_KEPT; i++) {
    char *path = test_path(f->reg_dir, kept_names[i]), *log = test_path(f->reg_dir, logs[i]);
    test_write_file(path, k->bytes[i], k->len[i]);
    (void)unlink(log);
    free(path);
    free(log);
  }
}

/* The child's part; answers 0 when memory was enough. */
static int use_in_little(const fixture *f, use_claims *use) {
  const struct rlimit addresses = {ADDRESSES, ADDRESSES};
  reader r = {.ctx = f->ctx};
  (void)alarm(CLAIM_SECONDS);
  (void)setrlimit(RLIMIT_AS, &addresses);
  use(&r, f->reg_dir);
  if (r.starved) fprintf(stderr, "no memory for %s\n", r.starved);
  return r.starved != NULL;
}

/* What became of the child: 0 when all is well. */
static int outcome_of(const fixture *f, use_claims *use) {
  int how = 0;
  const pid_t child = fork();
  if (child == 0) test_child_exit(use_in_little(f, use));
  ck_assert_int_eq(waitpid(child, &how, 0), child);
  return how;
}

/* Does all damages to the registry, which is closed. All that end badly are told, not the first alone. */
static UNUSED void check_claims(fixture *f, use_claims *use) {
  kept whole = {0};
  size_t n = 0, n_done = 0, n_bad = 0;
  keep(f, &whole);
  char **damages = list_damages(f, &n);
  for (size_t i = 0; i < n; i++) {
    make_whole(f, &whole);
    if (damage(f, damages[i])) {
      const int how = outcome_of(f, use);
      if (how) fprintf(stderr, "wait status %#x: %s\n", (unsigned)how, damages[i]);
      n_bad += how != 0;
      n_done++;
    }
    free(damages[i]);
  }
  free(damages);
  for (int i = 0; i < N_KEPT; i++) free(whole.bytes[i]);
  ck_assert_uint_gt(n_done, 100);
  ck_assert_uint_eq(n_bad, 0);
}

#endif
