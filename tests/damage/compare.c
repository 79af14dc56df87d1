/* SPDX-License-Identifier: Apache-2.0
 *
 * compare.c - see compare.h.
 */
#include "damage/compare.h"

#include <check.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/temp_dir.h"

enum { FILES_MAX = 512, PATH_BYTES = 192, DEPTH_MAX = 8 };

/* ---- files ---- */

typedef struct entry {
  char path[PATH_BYTES]; /* below the registry's folder */
  uint64_t content;      /* hash of kind and bytes */
} entry;

typedef struct listing {
  entry items[FILES_MAX];
  size_t n;
} listing;

struct remains {
  listing files;
  char *database; /* a copy of it; NULL: it is no file */
};

static uint64_t hash_file(const char *path) {
  uint64_t hash = 0xCBF29CE484222325u;
  size_t len = 0;
  char *bytes = test_read_file(path, &len);
  for (size_t i = 0; i < len; i++) hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001B3u;
  free(bytes);
  return hash ^ len;
}

/* What SQLite makes to read and what is no content: its shared memory, a log without a frame. */
static bool is_passing(const char *name, const struct stat *st) {
  return strcmp(name, "registry.db-shm") == 0 || (strcmp(name, "registry.db-wal") == 0 && st->st_size == 0);
}

static void list_folder(listing *out, const char *root, const char *below, int depth) {
  char *folder = test_path(root, below);
  DIR *dir = opendir(folder);
  ck_assert_int_lt(depth, DEPTH_MAX);
  for (struct dirent *d; dir && (d = readdir(dir)) != NULL;) {
    struct stat st;
    if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
    ck_assert_uint_lt(out->n, FILES_MAX);
    entry *e = &out->items[out->n];
    (void)snprintf(e->path, sizeof e->path, "%s%s%.120s", below, below[0] ? "/" : "", d->d_name);
    char *path = test_path(root, e->path);
    ck_assert_int_eq(lstat(path, &st), 0);
    e->content = S_ISREG(st.st_mode) ? hash_file(path) : st.st_mode;
    free(path);
    if (is_passing(e->path, &st)) continue;
    out->n++;
    if (S_ISDIR(st.st_mode)) list_folder(out, root, out->items[out->n - 1].path, depth + 1);
  }
  if (dir) closedir(dir);
  free(folder);
}

static const entry *find(const listing *list, const char *path) {
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->items[i].path, path) == 0) return &list->items[i];
  return NULL;
}

static bool has_content(const listing *list, uint64_t content) {
  for (size_t i = 0; i < list->n; i++)
    if (list->items[i].content == content) return true;
  return false;
}

/* ---- taking ---- */

static char *copy_database(const scene *s, const char *name) {
  static const char *const suffixes[] = {"", "-wal"};
  char *copy = test_path(s->dir, name);
  for (size_t i = 0; i < 2; i++) {
    char from[64], to[512];
    struct stat st;
    (void)snprintf(from, sizeof from, "registry.db%s", suffixes[i]);
    (void)snprintf(to, sizeof to, "%s%s", copy, suffixes[i]);
    char *path = test_path(s->work, from);
    scene_remove(to);
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) scene_copy(path, to);
    free(path);
  }
  if (test_exists(copy)) return copy;
  free(copy);
  return NULL;
}

remains *remains_take(const scene *s) {
  remains *r = calloc(1, sizeof *r);
  ck_assert_ptr_nonnull(r);
  list_folder(&r->files, s->work, "", 0);
  r->database = copy_database(s, "as-damaged.db");
  return r;
}

void remains_free(remains *r) {
  free(r->database);
  free(r);
}

bool remains_are_the_same(const remains *r, const scene *s) {
  listing *now = calloc(1, sizeof *now);
  ck_assert_ptr_nonnull(now);
  list_folder(now, s->work, "", 0);
  bool same = now->n == r->files.n;
  for (size_t i = 0; same && i < now->n; i++) {
    const entry *was = find(&r->files, now->items[i].path);
    same = was && was->content == now->items[i].content;
  }
  free(now);
  return same;
}

/* ---- rows ---- */

/* The first row of a query as "table: a, b, c"; false when there is none or it cannot be asked. */
static bool first_row(sqlite3 *db, const char *table, const char *sql, char *why, size_t why_bytes) {
  sqlite3_stmt *stmt = NULL;
  bool row = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW;
  int len = row ? snprintf(why, why_bytes, "%s:", table) : 0;
  for (int i = 0; row && i < sqlite3_column_count(stmt) && len < (int)why_bytes; i++) {
    const char *text = (const char *)sqlite3_column_text(stmt, i);
    len += snprintf(why + len, why_bytes - (size_t)len, " %.60s", text ? text : "NULL");
  }
  sqlite3_finalize(stmt);
  return row;
}

/* Rows that a repair may write of itself: its line of the feed and what the audit log grows by. */
static const char *new_rows_of(const char *table) {
  static const char *const by_seq[] = {"event", "audit_entry", "audit_text"};
  for (size_t i = 0; i < sizeof by_seq / sizeof by_seq[0]; i++)
    if (strcmp(table, by_seq[i]) == 0) return "WHERE seq <= (SELECT max(seq) FROM good.audit_entry)";
  return strcmp(table, "audit_head") == 0 ? "WHERE 0" : "";
}

static bool rows_hold(sqlite3 *db, const char *table, bool sound, char *why, size_t why_bytes) {
  char text[400], *lost = NULL, *made = NULL;
  const char *mine = new_rows_of(table);
  const bool is_head = strcmp(table, "audit_head") == 0;
  lost = sound ? sqlite3_mprintf("SELECT * FROM good.\"%w\" EXCEPT SELECT * FROM main.\"%w\"", table, table)
               : sqlite3_mprintf("SELECT * FROM (SELECT * FROM good.\"%w\" INTERSECT SELECT * FROM was.\"%w\")"
                                 " EXCEPT SELECT * FROM main.\"%w\"",
                                 table, table, table);
  made = sqlite3_mprintf("SELECT * FROM (SELECT * FROM main.\"%w\" %s)"
                         " EXCEPT SELECT * FROM good.\"%w\" EXCEPT SELECT * FROM was.\"%w\"",
                         table, mine, table, table);
  bool holds = true;
  if (!is_head && first_row(db, table, lost, text, sizeof text)) {
    (void)snprintf(why, why_bytes, "a good row is not there: %s", text);
    holds = false;
  } else if (first_row(db, table, made, text, sizeof text)) {
    (void)snprintf(why, why_bytes, "a row was made up: %s", text);
    holds = false;
  }
  sqlite3_free(made);
  sqlite3_free(lost);
  return holds;
}

static bool attach(sqlite3 *db, const char *dir_or_file, const char *name) {
  char *sql = sqlite3_mprintf("ATTACH %Q AS %w", dir_or_file, name);
  const bool attached = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
  sqlite3_free(sql);
  return attached;
}

/* What cannot be opened has no rows that could be compared. */
static bool database_holds(const remains *r, const scene *s, bool sound, char *why, size_t why_bytes) {
  sqlite3 *db = NULL;
  sqlite3_stmt *tables = NULL;
  char *now = copy_database(s, "repaired.db"), *good = test_path(s->good, "registry.db");
  bool holds = true;
  if (now && r->database && sqlite3_open_v2(now, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK && attach(db, good, "good") &&
      attach(db, r->database, "was") &&
      sqlite3_prepare_v2(db, "SELECT name FROM good.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", -1, &tables,
                         NULL) == SQLITE_OK) {
    while (holds && sqlite3_step(tables) == SQLITE_ROW)
      holds = rows_hold(db, (const char *)sqlite3_column_text(tables, 0), sound, why, why_bytes);
  }
  sqlite3_finalize(tables);
  sqlite3_close(db);
  free(good);
  free(now);
  return holds;
}

/* ---- files again ---- */

static bool may_change(const char *path) {
  return strncmp(path, "registry.", 9) == 0 || strcmp(path, "audit.head") == 0 || strncmp(path, "tmp", 3) == 0;
}

static bool files_hold(const remains *r, const scene *s, char *why, size_t why_bytes) {
  listing *good = calloc(2, sizeof *good), *now = good + 1;
  ck_assert_ptr_nonnull(good);
  list_folder(good, s->good, "", 0);
  list_folder(now, s->work, "", 0);
  bool holds = true;
  for (size_t i = 0; holds && i < good->n; i++) {
    const entry *g = &good->items[i], *was = find(&r->files, g->path), *is = find(now, g->path);
    if (may_change(g->path) || !was || was->content != g->content || (is && is->content == g->content)) continue;
    holds = strncmp(g->path, "trash/", 6) == 0 && has_content(now, g->content);
    if (!holds) (void)snprintf(why, why_bytes, "a good file was %s: %s", is ? "changed" : "removed", g->path);
  }
  free(good);
  return holds;
}

bool remains_hold(const remains *r, const scene *s, bool sound, char *why, size_t why_bytes) {
  return database_holds(r, s, sound, why, why_bytes) && files_hold(r, s, why, why_bytes);
}

/* ---- whole databases ---- */

static bool is_empty(sqlite3 *db, const char *format, const char *table) {
  sqlite3_stmt *stmt = NULL;
  char *sql = sqlite3_mprintf(format, table, table);
  const bool empty = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_DONE;
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
  return empty;
}

static long long pragma(sqlite3 *db, const char *format, const char *schema) {
  sqlite3_stmt *stmt = NULL;
  char *sql = sqlite3_mprintf(format, schema);
  long long value = -1;
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
    value = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
  return value;
}

static bool is_whole(sqlite3 *db) {
  sqlite3_stmt *stmt = NULL;
  const bool whole = sqlite3_prepare_v2(db, "PRAGMA main.integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
                     sqlite3_step(stmt) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
  sqlite3_finalize(stmt);
  return whole;
}

static bool compare_tables(sqlite3 *db) {
  sqlite3_stmt *tables = NULL;
  bool equal = is_empty(db,
                        "SELECT type, name, tbl_name, sql FROM main.sqlite_schema EXCEPT"
                        " SELECT type, name, tbl_name, sql FROM other.sqlite_schema",
                        "") &&
               is_empty(db,
                        "SELECT type, name, tbl_name, sql FROM other.sqlite_schema EXCEPT"
                        " SELECT type, name, tbl_name, sql FROM main.sqlite_schema",
                        "") &&
               pragma(db, "PRAGMA %s.user_version", "main") == pragma(db, "PRAGMA %s.user_version", "other") &&
               pragma(db, "PRAGMA %s.application_id", "main") == pragma(db, "PRAGMA %s.application_id", "other");
  if (sqlite3_prepare_v2(db, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", -1, &tables,
                         NULL) != SQLITE_OK)
    equal = false;
  while (equal && sqlite3_step(tables) == SQLITE_ROW) {
    const char *table = (const char *)sqlite3_column_text(tables, 0);
    equal = is_empty(db, "SELECT * FROM main.\"%w\" EXCEPT SELECT * FROM other.\"%w\"", table) &&
            is_empty(db, "SELECT * FROM other.\"%w\" EXCEPT SELECT * FROM main.\"%w\"", table);
  }
  sqlite3_finalize(tables);
  return equal;
}

bool databases_are_equal(const char *one, const char *other) {
  sqlite3 *db = NULL;
  const bool equal = sqlite3_open_v2(one, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK && attach(db, other, "other") &&
                     is_whole(db) && compare_tables(db);
  sqlite3_close(db);
  return equal;
}
