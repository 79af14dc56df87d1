/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_query.c - checks that are one query each: a row for each thing that is wrong.
 */
#include <stdio.h>
#include <string.h>

#include "registry/fsck.h"
#include "registry/sql.h"

/* One query at work. */
typedef struct asking {
  mlcm__fsck *f;
  const mlcm__fsck_query *query;
} asking;

static mlcm_status tell_row(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  const asking *a = user;
  char restore[128], table[64];
  mlcm__fsck_item item = {.shown = {.kind = a->query->kind, .problem = a->query->problem, .restore = a->query->restore},
                          .fix = a->query->fix,
                          .id = mlcm__db_i64(stmt, 3)};
  (void)snprintf(table, sizeof table, "table %s", a->query->table); /* of a row whose name is lost too */
  item.shown.object = mlcm__db_text(stmt, 0)[0] ? mlcm__db_text(stmt, 0) : table;
  item.shown.expected = mlcm__db_text(stmt, 1);
  item.shown.found = mlcm__db_text(stmt, 2);
  if (item.fix == MLCM__FIX_MOVE_SEQ) {
    item.text = mlcm__db_text(stmt, 4);
    item.text_len = strlen(item.text);
  }
  if (!item.shown.restore) {
    (void)snprintf(restore, sizeof restore,
                   "audit entry %lld and its event have the right value; setting it again records who did", (long long)item.id);
    item.shown.restore = restore;
  }
  return mlcm__fsck_tell(a->f, &item, err);
}

static mlcm_status ask(mlcm__fsck *f, const mlcm__fsck_query *query, mlcm_error *err) {
  asking a = {f, query};
  char table[64];
  mlcm_error why = {0};
  mlcm_status st = mlcm__sql_each(f->conn, query->sql, MLCM__NO_BIND, tell_row, &a, &why);
  (void)snprintf(table, sizeof table, "table %s", query->table);
  return mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_DATABASE, table, err);
}

mlcm_status mlcm__fsck_ask(mlcm__fsck *f, const mlcm__fsck_query *queries, size_t n, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < n; i++) st = ask(f, &queries[i], err);
  return st;
}
