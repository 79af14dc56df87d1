/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.c - the parts that versions and models are read with.
 */
#include "registry/snapshot.h"

#include <string.h>

#include "registry/sql.h"

mlcm_status mlcm__keep_text(mlcm__arena *arena, mlcm__db_stmt *stmt, int column, const char **out, mlcm_error *err) {
  const char *text = mlcm__db_text(stmt, column);
  if (!text) text = "";
  size_t len = strlen(text);
  const char *kept = mlcm__arena_strndup(arena, text, len);
  if (!kept) return mlcm__fail_memory(err, len + 1);
  *out = kept;
  return MLCM_OK;
}

static mlcm_status keep_tag(mlcm__db_stmt *stmt, mlcm__arena *arena, mlcm__tags *tags, mlcm_error *err) {
  mlcm_tag tag = {NULL, NULL};
  mlcm_status st = mlcm__reserve(arena->ctx, &tags->items, &tags->cap, tags->n + 1, sizeof tags->items[0], err);
  if (!st) st = mlcm__keep_text(arena, stmt, 0, &tag.key, err);
  if (!st) st = mlcm__keep_text(arena, stmt, 1, &tag.value, err);
  if (!st) tags->items[tags->n++] = tag;
  return st;
}

mlcm_status mlcm__tags_load(mlcm__db_conn *conn, const char *sql, int64_t id, mlcm__arena *arena, mlcm__tags *out,
                            mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, sql, MLCM__BIND(mlcm__i64(id)), &stmt, &row, err);
  while (!st && row) {
    st = keep_tag(stmt, arena, out, err);
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  return st;
}

const char *mlcm__tags_find(const mlcm__tags *tags, const char *key) {
  size_t low = 0;
  size_t high = tags->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(tags->items[middle].key, key);
    if (order == 0) return tags->items[middle].value;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}
