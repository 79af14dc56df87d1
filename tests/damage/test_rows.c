/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rows.c - every table, every column, every way to spoil a value; rows deleted and doubled; tables emptied and dropped.
 * What there is is read from the database, so that a new table is attacked by itself.
 *
 * Run bare it takes a sample, by seed; with MLCM_TEST_SCALE=1000 all.
 */
#include <check.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "damage/harmless.h"
#include "damage/judge.h"
#include "support/soak.h"
#include "support/suite.h"
#include "support/temp_dir.h"

enum { SAMPLE = 60 /* one damage in so many, at scale 1 */, COLUMNS_MAX = 32, ROWS_MAX = 16, WHERE_BYTES = 400 };

typedef struct attack {
  scene s;
  sqlite3 *good;
  tally t;
  uint64_t random;
  int one_in;
} attack;

/* ---- SQL by hand ---- */

static sqlite3 *open_file(const char *dir) {
  sqlite3 *db = NULL;
  char *path = test_path(dir, "registry.db");
  ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  free(path);
  return db;
}

/* Without triggers, checks and foreign keys. */
static sqlite3 *open_work(const attack *a) {
  sqlite3 *db = open_file(a->s.work);
  ck_assert_int_eq(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)NULL), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON", NULL, NULL, NULL),
                   SQLITE_OK);
  return db;
}

static bool run(sqlite3 *db, char *sql) {
  const bool done = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
  sqlite3_free(sql);
  return done;
}

static long long number(sqlite3 *db, char *sql) {
  sqlite3_stmt *stmt = NULL;
  long long n = -1;
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
    n = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
  return n;
}

/* ---- what a row is called ---- */

/* SQL that gives the names of a row of `table`, which stands there as t. One of them must be told. */
static const struct {
  const char *table, *sql;
} names[] = {
    {"model", "SELECT name FROM t"},
    {"model_tag", "SELECT 'model ' || m.name || ' tag ' || t.key FROM t JOIN model m ON m.id = t.model_id"},
    {"version", "SELECT m.name || '/' || t.number FROM t JOIN model m ON m.id = t.model_id"},
    {"version_tag", "SELECT m.name || '/' || v.number || ' tag ' || t.key FROM t JOIN version v ON v.id = t.version_id"
                    " JOIN model m ON m.id = v.model_id"},
    {"manifest", "SELECT m.name || '/' || v.number FROM t JOIN version v ON v.manifest_id = t.id"
                 " JOIN model m ON m.id = v.model_id UNION SELECT 'manifest ' || id FROM t"},
    {"alias", "SELECT m.name || '@' || t.name FROM t JOIN model m ON m.id = t.model_id"},
    {"alias_move", "SELECT m.name || '@' || t.alias || ' move ' || t.seq FROM t JOIN model m ON m.id = t.model_id"},
    {"evaluation", "SELECT m.name || '/' || v.number || ' evaluation ' || t.name FROM t JOIN version v ON v.id = t.version_id"
                   " JOIN model m ON m.id = v.model_id"},
    {"evaluation_score",
     "SELECT m.name || '/' || v.number || ' evaluation ' || e.name FROM t JOIN evaluation e ON e.id = t.evaluation_id"
     " JOIN version v ON v.id = e.version_id JOIN model m ON m.id = v.model_id"},
    {"metric", "SELECT m.name || '/' || v.number || ' metric ' || t.name FROM t JOIN version v ON v.id = t.version_id"
               " JOIN model m ON m.id = v.model_id"},
    {"policy", "SELECT 'policy ' || substr(sha256, 1, 16) FROM t UNION SELECT 'policy ' || sha256 FROM t"},
    {"event", "SELECT 'event ' || seq FROM t UNION SELECT 'audit entry ' || audit_seq FROM t UNION"
              " SELECT CASE WHEN alias <> '' THEN model || '@' || alias WHEN version THEN model || '/' || version ELSE model END"
              " FROM t WHERE model <> ''"},
    {"audit_entry", "SELECT 'audit entry ' || seq FROM t UNION SELECT 'audit entries' FROM t"
                    " UNION SELECT 'event ' || seq FROM t"},
    {"audit_text", "SELECT 'audit entry ' || seq FROM t UNION SELECT 'event ' || seq || ' reason' FROM t"},
    {"audit_tile", "SELECT 'audit tile ' || level || '/' || idx FROM t UNION SELECT 'audit tiles' FROM t"},
    {"audit_head", "SELECT 'audit head'"},
    {"endpoint", "SELECT 'endpoint ' || name FROM t UNION SELECT 'table endpoint' FROM t"},
    {"routing", "SELECT 'endpoint ' || e.name || ' routing epoch ' || t.epoch FROM t JOIN endpoint e ON e.id = t.endpoint_id"
                " UNION SELECT 'rollout ' || t.rollout_id FROM t WHERE t.rollout_id"
                /* no row says how many epochs there were */
                " UNION SELECT 'endpoint ' || e.name FROM t JOIN endpoint e ON e.id = t.endpoint_id"
                " WHERE t.epoch = (SELECT max(r.epoch) FROM routing r WHERE r.endpoint_id = t.endpoint_id)"},
    {"rollout", "SELECT 'rollout ' || id FROM t"},
    {"decision", "SELECT 'rollout ' || rollout_id || ' decision ' || seq FROM t"},
    {"evidence", "SELECT 'rollout ' || rollout_id || ' evidence chunk ' || chunk FROM t"},
    {"intent", "SELECT 'rollout ' || rollout_id || ' command ' || id FROM t"
               " UNION SELECT 'rollout ' || rollout_id || ' decision ' || done_seq FROM t"},
};

static void add_words(damage *d, sqlite3 *db, const char *table, const char *where, const char *sql) {
  sqlite3_stmt *stmt = NULL;
  char *text = sqlite3_mprintf("WITH t AS (SELECT * FROM \"%w\" WHERE %s) %s", table, where, sql);
  if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK)
    while (sqlite3_step(stmt) == SQLITE_ROW) {
      const char *word = (const char *)sqlite3_column_text(stmt, 0);
      if (word && word[0]) damage_word(d, "%s", word);
    }
  sqlite3_finalize(stmt);
  sqlite3_free(text);
}

/* By its key, as a row of any table is named: "table routing, row 1/7". */
static void add_key(damage *d, sqlite3 *db, const char *of, const char *from, const char *where) {
  sqlite3_stmt *stmt = NULL;
  sqlite3_str *key = sqlite3_str_new(NULL);
  char *sql = sqlite3_mprintf("SELECT name FROM pragma_table_info(%Q) WHERE pk > 0 ORDER BY cid", of);
  ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
  while (sqlite3_step(stmt) == SQLITE_ROW)
    sqlite3_str_appendf(key, " %s coalesce(\"%w\", '?')", sqlite3_str_length(key) ? "|| '/' ||" : "",
                        sqlite3_column_text(stmt, 0));
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
  char *columns = sqlite3_str_finish(key);
  sql = sqlite3_mprintf("SELECT 'table %w, row ' || %s FROM t", of, columns ? columns : "rowid");
  add_words(d, db, from, where, sql);
  sqlite3_free(sql);
  sqlite3_free(columns);
}

/* `where`: of one row, or "1". */
static void name_rows(damage *d, sqlite3 *db, const char *table, const char *where) {
  add_key(d, db, table, table, where);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i].table, table) == 0) add_words(d, db, table, where, names[i].sql);
}

/* The rows that are there now and were not: a row whose key was changed is named by the new one. */
static void name_new_rows(damage *d, const attack *a, const char *of) {
  sqlite3 *db = open_file(a->s.work);
  char *good = test_path(a->s.good, "registry.db");
  ck_assert(run(db, sqlite3_mprintf("ATTACH %Q AS good", good)));
  char *is_new = sqlite3_mprintf("SELECT * FROM main.\"%w\" EXCEPT SELECT * FROM good.\"%w\"", of, of);
  if (run(db, sqlite3_mprintf("CREATE TEMP TABLE new_rows AS %s", is_new))) {
    add_key(d, db, of, "new_rows", "1");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      if (strcmp(names[i].table, of) == 0) add_words(d, db, "new_rows", "1", names[i].sql);
  }
  sqlite3_free(is_new);
  sqlite3_close(db);
  free(good);
}

/* ---- one damage ---- */

/* Counts by the list of what is harmless, and judges. */
static void judge_row(attack *a, damage *d, const char *table, const char *column, const char *kind, const char *where) {
  d->harmless = harmless_row(a->good, table, column, kind, where);
  judge(&a->s, d, &a->t);
}

static bool is_drawn(attack *a) { return damage_is_drawn(&a->random, a->one_in); }

/* One column of one row. */
typedef struct target {
  const char *table, *column, *type;
  const char *where;
} target;

/* The damaged value as an SQL literal, to be freed with sqlite3_free; NULL: this kind does not apply or changes nothing. */
typedef char *spoil(attack *a, const target *x, sqlite3_value *value);

static char *to_null(attack *a, const target *x, sqlite3_value *v) {
  (void)a;
  (void)x;
  return sqlite3_value_type(v) == SQLITE_NULL ? NULL : sqlite3_mprintf("NULL");
}

static char *to_other_type(attack *a, const target *x, sqlite3_value *v) {
  (void)a;
  (void)v;
  if (strcmp(x->type, "TEXT") == 0) return sqlite3_mprintf("x'00ff'");
  return sqlite3_mprintf("'no %q'", x->type);
}

static char *to_empty(attack *a, const target *x, sqlite3_value *v) {
  (void)a;
  (void)x;
  switch (sqlite3_value_type(v)) {
    case SQLITE_TEXT: return sqlite3_value_bytes(v) ? sqlite3_mprintf("''") : NULL;
    case SQLITE_BLOB: return sqlite3_value_bytes(v) ? sqlite3_mprintf("x''") : NULL;
    case SQLITE_NULL: return NULL;
    default: return sqlite3_value_double(v) != 0 ? sqlite3_mprintf("0") : NULL;
  }
}

static char *to_other_row(attack *a, const target *x, sqlite3_value *v) {
  (void)v;
  char *others = sqlite3_mprintf("FROM \"%w\" WHERE \"%w\" IS NOT (SELECT \"%w\" FROM \"%w\" WHERE %s)", x->table, x->column,
                                 x->column, x->table, x->where);
  const long long n = number(a->good, sqlite3_mprintf("SELECT count(*) %s", others));
  sqlite3_stmt *stmt = NULL;
  char *literal = NULL;
  if (n > 0) {
    const long long at = (long long)(damage_draw(&a->random) % (uint64_t)n);
    char *sql = sqlite3_mprintf("SELECT quote(\"%w\") %s LIMIT 1 OFFSET %lld", x->column, others, at);
    if (sqlite3_prepare_v2(a->good, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
      literal = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
  }
  sqlite3_free(others);
  return literal;
}

static char *to_one_more(attack *a, const target *x, sqlite3_value *v) {
  (void)a;
  (void)x;
  if (sqlite3_value_type(v) == SQLITE_INTEGER) return sqlite3_mprintf("%lld", sqlite3_value_int64(v) + 1);
  return sqlite3_value_type(v) == SQLITE_FLOAT ? sqlite3_mprintf("%!.17g", sqlite3_value_double(v) + 0.001) : NULL;
}

static char *to_negative(attack *a, const target *x, sqlite3_value *v) {
  (void)a;
  (void)x;
  const int type = sqlite3_value_type(v);
  return type == SQLITE_INTEGER || type == SQLITE_FLOAT ? sqlite3_mprintf("-7") : NULL;
}

static char *to_other_letter(attack *a, const target *x, sqlite3_value *v) {
  (void)x;
  if (sqlite3_value_type(v) != SQLITE_TEXT || sqlite3_value_bytes(v) == 0) return NULL;
  char *text = sqlite3_mprintf("%s", sqlite3_value_text(v));
  text[damage_draw(&a->random) % strlen(text)] ^= 1;
  char *literal = sqlite3_mprintf("%Q", text);
  sqlite3_free(text);
  return literal;
}

static char *to_other_bit(attack *a, const target *x, sqlite3_value *v) {
  (void)x;
  const int len = sqlite3_value_bytes(v);
  if (sqlite3_value_type(v) != SQLITE_BLOB || len == 0) return NULL;
  const unsigned char *bytes = sqlite3_value_blob(v);
  const int at = (int)(damage_draw(&a->random) % (unsigned)len), bit = (int)(damage_draw(&a->random) % 8);
  sqlite3_str *s = sqlite3_str_new(NULL);
  sqlite3_str_appendall(s, "x'");
  for (int i = 0; i < len; i++) sqlite3_str_appendf(s, "%02x", i == at ? bytes[i] ^ (1 << bit) : bytes[i]);
  sqlite3_str_appendall(s, "'");
  return sqlite3_str_finish(s);
}

static const struct {
  const char *name;
  spoil *make;
  bool breaks_schema; /* the table itself would refuse it */
} kinds[] = {
    {"null", to_null, true},          {"type", to_other_type, true},     {"empty", to_empty, false},
    {"other row", to_other_row, false}, {"one more", to_one_more, false}, {"negative", to_negative, false},
    {"letter", to_other_letter, false}, {"bit", to_other_bit, false},
};

/* What the schema says of a table, or with `relaxed` without types and NOT NULL. */
static void set_schema(const attack *a, const char *table, bool relaxed) {
  sqlite3 *db = open_work(a);
  char *good = NULL;
  sqlite3_stmt *stmt = NULL;
  char *sql = sqlite3_mprintf("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = %Q", table);
  ck_assert_int_eq(sqlite3_prepare_v2(a->good, sql, -1, &stmt, NULL), SQLITE_OK);
  ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
  good = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
  ck_assert(run(db, sqlite3_mprintf(relaxed ? "UPDATE sqlite_schema SET sql = replace(replace(replace(%Q, 'STRICT, ', ''),"
                                              " ' STRICT', ''), ' NOT NULL', '') WHERE type = 'table' AND name = %Q"
                                            : "UPDATE sqlite_schema SET sql = %Q WHERE type = 'table' AND name = %Q",
                                    good, table)));
  sqlite3_free(good);
  sqlite3_close(db);
}

static bool set_value(const attack *a, const target *x, const char *literal) {
  sqlite3 *db = open_work(a);
  const bool done = run(db, sqlite3_mprintf("UPDATE \"%w\" SET \"%w\" = %s WHERE %s", x->table, x->column, literal, x->where));
  sqlite3_close(db);
  return done;
}

static void spoil_value(attack *a, const target *x, size_t kind, sqlite3_value *value) {
  damage d = {.n_words = 0};
  char *literal = kinds[kind].make(a, x, value);
  if (!literal) return;
  scene_renew(&a->s);
  if (kinds[kind].breaks_schema) set_schema(a, x->table, true);
  const bool done = set_value(a, x, literal);
  if (kinds[kind].breaks_schema) set_schema(a, x->table, false);
  if (done) {
    (void)snprintf(d.what, sizeof d.what, "%s.%s WHERE %s: %s: %.60s", x->table, x->column, x->where, kinds[kind].name, literal);
    name_rows(&d, a->good, x->table, x->where);
    name_new_rows(&d, a, x->table);
    judge_row(a, &d, x->table, x->column, kinds[kind].name, x->where);
  }
  sqlite3_free(literal);
}

/* ---- rows ---- */

typedef struct table_info {
  char name[64];
  char columns[COLUMNS_MAX][64];
  char types[COLUMNS_MAX][16];
  int in_key[COLUMNS_MAX];
  int n;
  char rows[ROWS_MAX][WHERE_BYTES]; /* conditions, each of one row */
  int n_rows;
} table_info;

static void read_columns(const attack *a, table_info *t) {
  sqlite3_stmt *stmt = NULL;
  char *sql = sqlite3_mprintf("SELECT name, type, pk FROM pragma_table_info(%Q)", t->name);
  ck_assert_int_eq(sqlite3_prepare_v2(a->good, sql, -1, &stmt, NULL), SQLITE_OK);
  while (sqlite3_step(stmt) == SQLITE_ROW) {
    ck_assert_int_lt(t->n, COLUMNS_MAX);
    (void)snprintf(t->columns[t->n], sizeof t->columns[0], "%s", (const char *)sqlite3_column_text(stmt, 0));
    (void)snprintf(t->types[t->n], sizeof t->types[0], "%s", (const char *)sqlite3_column_text(stmt, 1));
    t->in_key[t->n++] = sqlite3_column_int(stmt, 2);
  }
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
}

/* A sample of rows by their keys, the first and the last always among them. */
static void read_rows(attack *a, table_info *t) {
  sqlite3_stmt *stmt = NULL;
  sqlite3_str *key = sqlite3_str_new(NULL);
  for (int i = 0; i < t->n; i++)
    if (t->in_key[i])
      sqlite3_str_appendf(key, "%s'\"%w\" = ' || quote(\"%w\")", sqlite3_str_length(key) ? " || ' AND ' || " : "", t->columns[i],
                          t->columns[i]);
  char *expression = sqlite3_str_finish(key);
  const long long n = number(a->good, sqlite3_mprintf("SELECT count(*) FROM \"%w\"", t->name));
  const long long step = n > ROWS_MAX ? n / ROWS_MAX : 1;
  char *sql = sqlite3_mprintf("SELECT %s FROM \"%w\"", expression ? expression : "'rowid = ' || rowid", t->name);
  ck_assert_int_eq(sqlite3_prepare_v2(a->good, sql, -1, &stmt, NULL), SQLITE_OK);
  for (long long i = 0; sqlite3_step(stmt) == SQLITE_ROW && t->n_rows < ROWS_MAX; i++) {
    const bool is_last = t->n_rows == ROWS_MAX - 1;
    if (is_last ? i != n - 1 : i % step != 0) continue;
    (void)snprintf(t->rows[t->n_rows++], WHERE_BYTES, "%s", (const char *)sqlite3_column_text(stmt, 0));
  }
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
  sqlite3_free(expression);
}

static void read_tables(attack *a, table_info **out, int *out_n) {
  sqlite3_stmt *stmt = NULL;
  table_info *tables = NULL;
  int n = 0;
  ck_assert_int_eq(sqlite3_prepare_v2(a->good,
                                      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                                      " AND coalesce(instr(?1, name || ' '), 1) ORDER BY name",
                                      -1, &stmt, NULL),
                   SQLITE_OK);
  ck_assert_int_eq(sqlite3_bind_text(stmt, 1, getenv("MLCM_TEST_TABLES"), -1, SQLITE_STATIC), SQLITE_OK);
  while (sqlite3_step(stmt) == SQLITE_ROW) {
    tables = realloc(tables, (size_t)(n + 1) * sizeof *tables);
    ck_assert_ptr_nonnull(tables);
    tables[n] = (table_info){.n = 0};
    (void)snprintf(tables[n].name, sizeof tables[n].name, "%s", (const char *)sqlite3_column_text(stmt, 0));
    read_columns(a, &tables[n]);
    read_rows(a, &tables[n]);
    ck_assert_msg(tables[n].n_rows > 0, "the scene has no row of table %s: it is not attacked", tables[n].name);
    n++;
  }
  sqlite3_finalize(stmt);
  *out = tables;
  *out_n = n;
}

/* ---- the attacks ---- */

static void attack_begin(attack *a, int one_in) {
  *a = (attack){.random = test_seed(1)};
  scene_open(&a->s);
  a->good = open_file(a->s.good);
  a->one_in = one_in;
}

static void attack_end(attack *a, const char *name) {
  sqlite3_close(a->good);
  scene_close(&a->s);
  tally_end(&a->t, name);
}

static void attack_column(attack *a, const table_info *t, int row, int column) {
  const target x = {.table = t->name, .column = t->columns[column], .type = t->types[column], .where = t->rows[row]};
  sqlite3_stmt *stmt = NULL;
  char *sql = sqlite3_mprintf("SELECT \"%w\" FROM \"%w\" WHERE %s", x.column, x.table, x.where);
  ck_assert_int_eq(sqlite3_prepare_v2(a->good, sql, -1, &stmt, NULL), SQLITE_OK);
  ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
  sqlite3_value *value = sqlite3_value_dup(sqlite3_column_value(stmt, 0));
  for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++)
    if (is_drawn(a)) spoil_value(a, &x, kind, value);
  sqlite3_value_free(value);
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
}

/* Otherwise nothing that is found below would mean anything. */
START_TEST(a_sound_registry_is_clean) {
  attack a;
  mlcm_fsck_report *report = NULL;
  attack_begin(&a, 1);
  scene_renew(&a.s);
  ck_assert_int_eq(mlcm_fsck(a.s.ctx, a.s.work, NULL, NULL, &report, NULL), MLCM_OK);
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++)
    fprintf(stderr, "%s: %s\n", mlcm_fsck_report_at(report, i).object, mlcm_fsck_report_at(report, i).problem);
  ck_assert_uint_eq(mlcm_fsck_report_n(report), 0);
  mlcm_fsck_report_free(report);
  sqlite3_close(a.good);
  scene_close(&a.s);
}
END_TEST

START_TEST(every_value_that_is_changed_is_found_and_named) {
  attack a;
  table_info *tables = NULL;
  int n = 0;
  attack_begin(&a, SAMPLE);
  read_tables(&a, &tables, &n);
  for (int i = 0; i < n; i++)
    for (int row = 0; row < tables[i].n_rows; row++)
      for (int column = 0; column < tables[i].n; column++) attack_column(&a, &tables[i], row, column);
  free(tables);
  attack_end(&a, "values");
}
END_TEST

/* By SQL; `what` is for people, `where` names the rows concerned. */
static void attack_sql(attack *a, const char *of, const char *kind, const char *where, const char *sql) {
  damage d = {.n_words = 0};
  scene_renew(&a->s);
  sqlite3 *db = open_work(a);
  const bool done = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK && sqlite3_total_changes(db) >= 0;
  if (done) {
    (void)snprintf(d.what, sizeof d.what, "%s: %.250s", kind, sql);
    if (strcmp(where, "1") == 0) damage_word(&d, "table %s", of);
    name_rows(&d, a->good, of, where);
  }
  sqlite3_close(db);
  if (done && strcmp(kind, "double") == 0) name_new_rows(&d, a, of);
  if (done) judge_row(a, &d, of, "", kind, where);
}

/* The same row again under a key of its own. */
static char *sql_to_double(const table_info *t, const char *where) {
  sqlite3_str *into = sqlite3_str_new(NULL), *from = sqlite3_str_new(NULL);
  for (int i = 0; i < t->n; i++) {
    const char *comma = i ? ", " : "";
    const bool is_last_of_key = t->in_key[i] && (i + 1 == t->n || !t->in_key[i + 1]);
    sqlite3_str_appendf(into, "%s\"%w\"", comma, t->columns[i]);
    if (is_last_of_key && strcmp(t->types[i], "INTEGER") == 0)
      sqlite3_str_appendf(from, "%s(SELECT max(\"%w\") + 1 FROM \"%w\")", comma, t->columns[i], t->name);
    else if (is_last_of_key)
      sqlite3_str_appendf(from, "%s\"%w\" || 'x'", comma, t->columns[i]);
    else if (strcmp(t->columns[i], "sha256") == 0 || (strcmp(t->columns[i], "name") == 0 && t->in_key[0] == 1))
      sqlite3_str_appendf(from, "%ssubstr(\"%w\", 2) || '0'", comma, t->columns[i]); /* is unique */
    else
      sqlite3_str_appendf(from, "%s\"%w\"", comma, t->columns[i]);
  }
  char *columns = sqlite3_str_finish(into), *values = sqlite3_str_finish(from);
  char *sql = sqlite3_mprintf("INSERT INTO \"%w\" (%s) SELECT %s FROM \"%w\" WHERE %s", t->name, columns, values, t->name, where);
  sqlite3_free(columns);
  sqlite3_free(values);
  return sql;
}

START_TEST(every_row_that_is_deleted_or_doubled_is_found_and_named) {
  attack a;
  table_info *tables = NULL;
  int n = 0;
  attack_begin(&a, 12);
  read_tables(&a, &tables, &n);
  for (int i = 0; i < n; i++) {
    const table_info *t = &tables[i];
    for (int row = 0; row < t->n_rows; row++) {
      const char *where = t->rows[row];
      char *deletion = sqlite3_mprintf("DELETE FROM \"%w\" WHERE %s", t->name, where);
      if (is_drawn(&a)) attack_sql(&a, t->name, "delete", where, deletion);
      char *doubling = sql_to_double(t, where);
      if (is_drawn(&a)) attack_sql(&a, t->name, "double", where, doubling);
      sqlite3_free(doubling);
      sqlite3_free(deletion);
    }
  }
  free(tables);
  attack_end(&a, "rows");
}
END_TEST

START_TEST(every_table_that_is_emptied_or_gone_is_found_and_named) {
  attack a;
  table_info *tables = NULL;
  int n = 0;
  attack_begin(&a, 4);
  read_tables(&a, &tables, &n);
  for (int i = 0; i < n; i++) {
    const char *name = tables[i].name;
    char *deletion = sqlite3_mprintf("DELETE FROM \"%w\"", name), *drop = sqlite3_mprintf("DROP TABLE \"%w\"", name);
    if (is_drawn(&a)) attack_sql(&a, name, "delete all", "1", deletion);
    if (is_drawn(&a)) attack_sql(&a, name, "drop", "1", drop);
    sqlite3_free(drop);
    sqlite3_free(deletion);
  }
  free(tables);
  attack_end(&a, "tables");
}
END_TEST

static void attack_schema(attack *a, const char *word, char *sql) {
  damage d = {.n_words = 0};
  scene_renew(&a->s);
  sqlite3 *db = open_work(a);
  (void)snprintf(d.what, sizeof d.what, "%.300s", sql);
  damage_word(&d, "%s", word);
  damage_word(&d, "registry.db");
  ck_assert_msg(run(db, sql), "%s", d.what);
  sqlite3_close(db);
  judge(&a->s, &d, &a->t);
}

START_TEST(every_index_and_trigger_that_is_gone_or_another_is_found_and_named) {
  attack a;
  sqlite3_stmt *stmt = NULL;
  attack_begin(&a, 12);
  ck_assert_int_eq(sqlite3_prepare_v2(a.good,
                                      "SELECT type, name, CASE type WHEN 'trigger' THEN replace(sql, 'ABORT', 'FAIL')"
                                      " ELSE replace(sql, ')', ' DESC)') END FROM sqlite_schema"
                                      " WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY name",
                                      -1, &stmt, NULL),
                   SQLITE_OK);
  while (sqlite3_step(stmt) == SQLITE_ROW) {
    const char *type = (const char *)sqlite3_column_text(stmt, 0), *name = (const char *)sqlite3_column_text(stmt, 1);
    const char *other = (const char *)sqlite3_column_text(stmt, 2);
    if (is_drawn(&a)) attack_schema(&a, name, sqlite3_mprintf("DROP %s \"%w\"", type, name));
    if (is_drawn(&a)) attack_schema(&a, name, sqlite3_mprintf("DROP %s \"%w\"; %s", type, name, other));
  }
  sqlite3_finalize(stmt);
  attack_schema(&a, "stranger", sqlite3_mprintf("CREATE TABLE stranger (x)"));
  attack_end(&a, "schema");
}
END_TEST

START_TEST(numbers_of_the_file_that_are_others_are_told) {
  static const char *const numbers[] = {"user_version = 0", "user_version = 3", "user_version = 999", "user_version = -1",
                                        "application_id = 0", "application_id = 7"};
  attack a;
  attack_begin(&a, 1);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    attack_schema(&a, "registry.db", sqlite3_mprintf("PRAGMA %s", numbers[i]));
  attack_end(&a, "numbers");
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_sound_registry_is_clean, every_value_that_is_changed_is_found_and_named,
                          every_row_that_is_deleted_or_doubled_is_found_and_named,
                          every_table_that_is_emptied_or_gone_is_found_and_named,
                          every_index_and_trigger_that_is_gone_or_another_is_found_and_named,
                          numbers_of_the_file_that_are_others_are_told};
  return TEST_RUN("damage_rows", tests);
}
