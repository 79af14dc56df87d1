/* SPDX-License-Identifier: Apache-2.0
 *
 * harmless.c - see harmless.h.
 */
#include "damage/harmless.h"

#include <stdbool.h>
#include <string.h>

typedef struct harmless {
  const char *table, *column;
  const char *kinds; /* "letter|empty", "*" for all */
  const char *rows;  /* condition on the row before; NULL: all */
  const char *why;
} harmless;

static const harmless rows[] = {
    /* leases: whoever comes next takes one */
    {"rollout", "holder", "other row|letter|empty", NULL, "who held the lease: it is taken anew, under a higher epoch"},
    {"rollout", "lease_epoch", "other row|one more|negative|empty", NULL, "only has to differ from that of an earlier holder"},
    {"rollout", "lease_expires_ns", "other row|one more|negative|empty", NULL, "a lease that seems to run is waited for once"},
    {"evidence", "lease_epoch", "other row|one more|negative|empty", NULL, "tells a follower whose lines it knows already"},
    /* what nothing is decided by */
    {"rollout", "plan_name", "other row|letter|empty", NULL, "what the plan's file was called"},
    {"rollout", "created_ns", "other row|one more|negative|empty", NULL, "is shown; its first decision has the time"},
    {"evidence", "created_ns", "other row|one more|negative|empty", NULL, "is shown nowhere; the lines have their times"},
    {"intent", "created_ns", "other row|one more|negative|empty", NULL, "is shown nowhere"},
    {"intent", "reason", "other row|letter|empty", "done_seq IS NOT NULL", "was asked and answered: the decision has the reason"},
    {"policy", "id", "other row|one more|negative|empty", NULL, "a key that no row refers to"},
    {"event", "time_ns", "one more", NULL, "sometimes: the log has the time to the microsecond"},
    {"model", "id", "*", NULL, "sometimes: a key that no row refers to"},
    {"version", "id", "*", NULL, "sometimes: a key that no row refers to"},
    {"intent", "id", "one more|negative|empty", NULL, "a key that no row refers to"},
    /* what no log has: docs/reliability-fsck.md, "Not seen" */
    {"rollout", "plan", "other row|letter|empty", NULL, "mlcm rollout replay holds it to the digest in each decision"},
    {"routing", "override", "other row|letter|empty", NULL, "sometimes: only compared between epochs of one rollout"},
    {"routing", "salt", "other row|bit", "epoch = 1", "sometimes: keys are spread anew with the next rollout"},
    {"routing", "created_ns", "other row|one more|negative|empty", NULL, "sometimes: of an epoch that no decision made"},
    {"routing", "stable", "other row|one more", NULL, "sometimes: of an epoch that is over and that an alias made"},
    {"endpoint", "name", "other row|letter", NULL, "sometimes: no rollout was ever on it"},
    {"endpoint", "alias", "other row", NULL, "sometimes: no rollout was ever on it"},
    {"endpoint", "model_id", "other row|one more", NULL, "sometimes: no rollout was ever on it"},
    {"model", "description", "other row|letter|empty", NULL, "sometimes: given when it was made and never changed since"},
    {"intent", "kind", "other row|one more", "done_seq IS NULL", "a command that nobody has answered yet"},
    {"intent", "actor", "other row|letter|empty", "done_seq IS NULL", "a command that nobody has answered yet"},
    {"intent", "reason", "other row|letter|empty", "done_seq IS NULL", "a command that nobody has answered yet"},
    {"intent", "", "delete|double", "done_seq IS NULL", "a command that nobody has answered yet"},
};

static bool is_listed(const char *kinds, const char *kind) {
  const size_t len = strlen(kind);
  if (strcmp(kinds, "*") == 0) return true;
  for (const char *at = kinds; (at = strstr(at, kind)) != NULL; at++)
    if ((at == kinds || at[-1] == '|') && (at[len] == '\0' || at[len] == '|')) return true;
  return false;
}

static bool is_selected(sqlite3 *good, const char *table, const char *condition, const char *where) {
  sqlite3_stmt *stmt = NULL;
  char *sql = sqlite3_mprintf("SELECT 1 FROM \"%w\" WHERE (%s) AND (%s)", table, where, condition);
  const bool selected = sqlite3_prepare_v2(good, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW;
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
  return selected;
}

const char *harmless_row(sqlite3 *good, const char *table, const char *column, const char *kind, const char *where) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const harmless *h = &rows[i];
    if (strcmp(h->table, table) != 0 || strcmp(h->column, column) != 0 || !is_listed(h->kinds, kind)) continue;
    if (!h->rows || is_selected(good, table, h->rows, where)) return h->why;
  }
  return NULL;
}

static const struct {
  const char *path, *kinds, *why; /* `path` is a prefix */
} files[] = {
    {"trash", "*", "waits to be removed"},
    {"run", "*", "of processes that are gone"},
    {"tmp", "*", "of processes that are gone"},
    {"registry.lock", "*", "its bytes say nothing"},
    {"audit.head", "gone|empty", "a power cut does that: it is told, and is no damage"},
    {"registry.db", "longer", "what is no whole page belongs to none"},
};

const char *harmless_file(const char *path, bool holds_objects, const char *kind) {
  if (strncmp(path, "objects/", strlen("objects/")) == 0 && !holds_objects) return "an empty folder";
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    if (strncmp(path, files[i].path, strlen(files[i].path)) == 0 && is_listed(files[i].kinds, kind)) return files[i].why;
  return NULL;
}
