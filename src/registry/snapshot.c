/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.c - the parts that versions and models are read with.
 */
#include "registry/snapshot.h"

#include <string.h>

#include "registry/sql.h"

mlcm_status mlcm__keep_text(mlcm__arena *arena, mlcm__db_stmt *stmt, int column, const char **out, mlcm_error *err) {
  const char *text = mlcm__db_text(stmt, column); /* NOT NULL in every table */
  size_t len = strlen(text);
  const char *kept = mlcm__arena_strndup(arena, text, len);
  if (!kept) return mlcm__fail_memory(err, len + 1);
  *out = kept;
  return MLCM_OK;
}

/* Where tags are read to. */
typedef struct tagging {
  mlcm__arena *arena;
  mlcm__tags *tags;
} tagging;

static mlcm_status keep_tag(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  const tagging *to = user;
  mlcm__tags *tags = to->tags;
  mlcm_tag tag = {NULL, NULL};
  mlcm_status st = mlcm__reserve(to->arena->ctx, &tags->items, &tags->cap, tags->n + 1, sizeof tags->items[0], err);
  if (!st) st = mlcm__keep_text(to->arena, stmt, 0, &tag.key, err);
  if (!st) st = mlcm__keep_text(to->arena, stmt, 1, &tag.value, err);
  if (!st) tags->items[tags->n++] = tag;
  return st;
}

mlcm_status mlcm__tags_load(mlcm__db_conn *conn, const char *sql, int64_t id, mlcm__arena *arena, mlcm__tags *out,
                            mlcm_error *err) {
  tagging to = {arena, out};
  return mlcm__sql_each(conn, sql, MLCM__BIND(mlcm__i64(id)), keep_tag, &to, err);
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
