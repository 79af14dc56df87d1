/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits_rows.c - rows that claim too much: every number of every table becomes the largest and the smallest there is, every text
 * and blob becomes long. What is read then may be wrong, and fsck says so in its own tests; here a child reads it all, and must come
 * to an end in little time and memory.
 */
#include "registry/damage.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <mlcm/trust.h>

#include "support/child.h"

enum { SECONDS = 60, LONG_BYTES = 8 << 20 };

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
static bool answers(reader *r, const char *call, mlcm_status st) {
  if (st == MLCM_NO_MEMORY && !r->starved) r->starved = call;
  return st == MLCM_OK;
}

#define ANSWERS(call) answers(r, #call, call)

static void read_versions(reader *r) {
  mlcm_query query = MLCM_QUERY_INIT;
  mlcm_page *page = NULL;
  query.order_by = "tags.team, metrics.accuracy, version DESC";
  if (!ANSWERS(mlcm_search_versions(r->reg, &query, &page, NULL))) return;
  for (size_t i = 0; i < mlcm_page_n(page); i++) {
    char *json = NULL;
    if (ANSWERS(mlcm_version_to_json(mlcm_page_version(page, i), &json, NULL))) mlcm_free(r->ctx, json);
  }
  mlcm_page_free(page);
}

static void read_rest(reader *r) {
  mlcm_query query = MLCM_QUERY_INIT;
  mlcm_page *models = NULL;
  mlcm_history *history = NULL;
  mlcm_feed *feed = NULL;
  mlcm_version *version = NULL;
  int64_t target = 0;
  if (ANSWERS(mlcm_search_models(r->reg, &query, &models, NULL))) mlcm_page_free(models);
  if (ANSWERS(mlcm_alias_history(r->reg, "digits", "champion", 0, 100, &history, NULL))) mlcm_history_free(history);
  if (ANSWERS(mlcm_changes(r->reg, 0, 1000, &feed, NULL))) mlcm_feed_free(feed);
  if (ANSWERS(mlcm_version_get(r->reg, "digits@champion", &version, NULL))) mlcm_version_free(version);
  (void)ANSWERS(mlcm_alias_get(r->reg, "digits", "champion", &target, NULL));
  (void)ANSWERS(mlcm_audit_verify(r->reg, NULL, NULL, NULL, NULL));
}

static void write_some(reader *r) {
  mlcm_gc_result collected;
  (void)ANSWERS(mlcm_version_tag_set(r->reg, "digits", 2, "team", "sound", NULL, NULL));
  (void)ANSWERS(mlcm_alias_set(r->reg, "digits", "champion", 3, MLCM_ALIAS_ANY, 0, NULL, NULL));
  (void)ANSWERS(mlcm_gc(r->reg, NULL, NULL, &collected, NULL));
}

/* The child's part; answers 0 at its end. */
static int use_all(const fixture *f) {
  const struct rlimit addresses = {ADDRESSES, ADDRESSES};
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_fsck_report *report = NULL;
  reader own = {.ctx = f->ctx}, *r = &own;
  (void)alarm(SECONDS);
  (void)setrlimit(RLIMIT_AS, &addresses);
  if (ANSWERS(mlcm_registry_open(r->ctx, f->reg_dir, &options, &r->reg, NULL))) {
    read_versions(r);
    read_rest(r);
    write_some(r);
    mlcm_registry_close(r->reg);
  }
  if (ANSWERS(mlcm_fsck(r->ctx, f->reg_dir, NULL, NULL, &report, NULL))) mlcm_fsck_report_free(report);
  if (r->starved) fprintf(stderr, "no memory for %s\n", r->starved);
  return r->starved != NULL;
}

/* SQL that does each damage; freed by the caller. */
static char **list_damages(const fixture *f, size_t *out_n) {
  static const char select[] =
      "SELECT printf('UPDATE \"%w\" SET \"%w\" = %s WHERE rowid = (SELECT max(rowid) FROM \"%w\")', t.name, c.name, d.value, t.name)"
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

/* What became of the child that read it: 0 when all is well. */
static int outcome_of(const fixture *f) {
  int how = 0;
  const pid_t child = fork();
  if (child == 0) test_child_exit(use_all(f));
  ck_assert_int_eq(waitpid(child, &how, 0), child);
  return how;
}

/* All that end badly are told, not the first alone. */
START_TEST(rows_that_claim_too_much_come_to_an_end) {
  fixture f;
  kept whole = {0};
  size_t n = 0, n_done = 0, n_bad = 0;
  live(&f);
  close_and_checkpoint(&f);
  keep(&f, &whole);
  char **damages = list_damages(&f, &n);
  for (size_t i = 0; i < n; i++) {
    make_whole(&f, &whole);
    if (damage(&f, damages[i])) {
      const int how = outcome_of(&f);
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
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {rows_that_claim_too_much_come_to_an_end};
  in_memory();
  return TEST_RUN("registry_limits_rows", tests);
}
