/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_given.c - descriptions and tags that came with a registration and that no change of the feed has touched since.
 *
 * The event of a registration has their digests, and the audit log that of the event. What was described, set or deleted later is
 * fsck_history.c's. Events of older libraries have no digests: nothing is compared then.
 */
#include <stdio.h>
#include <string.h>

#include "registry/detail.h"
#include "registry/digest.h"
#include "registry/fsck.h"
#include "registry/sql.h"

enum { NAME_BYTES = MLCM_MODEL_NAME_MAX + MLCM_TAG_KEY_MAX + 48 };
static const char none[] = "none";

typedef struct given {
  mlcm__fsck *f;
  mlcm__map *touched; /* names of what later changes touched; see name_of */
  const char *model;  /* from here on: of the registration in hand */
  int64_t version, audit_seq;
  cJSON *tags; /* given, and not yet seen among the rows */
} given;

/* "digits/3 tag team", or without a key "digits/3 description". */
static void name_of(const char *model, int64_t version, const char *key, char out[NAME_BYTES]) {
  (void)snprintf(out, NAME_BYTES, key[0] ? "%s/%lld tag %s" : "%s/%lld description", model, (long long)version, key);
}

static mlcm_status note_touched(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  given *g = user;
  char name[NAME_BYTES];
  name_of(mlcm__db_text(stmt, 0), mlcm__db_i64(stmt, 1), mlcm__db_text(stmt, 2), name);
  return mlcm__map_set(g->touched, name, strlen(name), g, err);
}

static const char *string_of(const cJSON *object, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsString(item) ? item->valuestring : none;
}

static mlcm_status tell(given *g, const char *name, const char *expected, const char *found, mlcm_error *err) {
  char restore[128];
  mlcm__fsck_item item = {
      .shown = {.kind = MLCM_DAMAGE_ROW, .object = name, .expected = expected, .found = found, .restore = restore}};
  item.shown.problem = "it is not as it was given at registration, and no change of the feed made it so";
  (void)snprintf(restore, sizeof restore, "audit entry %lld has the digest of what was given; a backup has the text",
                 (long long)g->audit_seq);
  return mlcm__fsck_tell(g->f, &item, err);
}

/* `expected`: the digest given, or "none"; `text`: what stands in the row, NULL for nothing. */
static mlcm_status compare(given *g, const char *key, const char *expected, const char *text, mlcm_error *err) {
  char name[NAME_BYTES], found[MLCM__DIGEST_TEXT + 1];
  name_of(g->model, g->version, key, name);
  if (mlcm__map_get(g->touched, name, strlen(name))) return MLCM_OK;
  mlcm_status st = text ? mlcm__digest_of(text, strlen(text), found, err) : MLCM_OK;
  if (st || strcmp(text ? found : none, expected) == 0) return st;
  return tell(g, name, expected, text ? found : none, err);
}

static mlcm_status see_tag(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  given *g = user;
  const char *key = mlcm__db_text(stmt, 0);
  cJSON *item = g->tags->child;
  while (item && strcmp(string_of(item, "key"), key) != 0) item = item->next;
  mlcm_status st = compare(g, key, string_of(item, "value"), mlcm__db_text(stmt, 1), err);
  cJSON_Delete(cJSON_DetachItemViaPointer(g->tags, item));
  return st;
}

static mlcm_status check_registration(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  given *g = user;
  cJSON *detail = NULL;
  const char *description = mlcm__db_text(stmt, 5);
  mlcm_status st = mlcm__detail_parse(g->f->ctx, mlcm__db_text(stmt, 2), &detail, err);
  if (st) return st;
  g->model = mlcm__db_text(stmt, 0);
  g->version = mlcm__db_i64(stmt, 1);
  g->audit_seq = mlcm__db_i64(stmt, 3);
  g->tags = cJSON_GetObjectItemCaseSensitive(detail, "tags");
  st = compare(g, "", string_of(detail, "description"), description[0] ? description : NULL, err);
  if (!st) {
    st = mlcm__sql_each(g->f->conn, "SELECT key, value FROM version_tag WHERE version_id = ?1",
                        MLCM__BIND(mlcm__i64(mlcm__db_i64(stmt, 4))), see_tag, g, err);
  }
  for (const cJSON *unseen = g->tags->child; !st && unseen; unseen = unseen->next)
    st = compare(g, string_of(unseen, "key"), string_of(unseen, "value"), NULL, err);
  cJSON_Delete(detail);
  return st;
}

mlcm_status mlcm__fsck_given(mlcm__fsck *f, mlcm_error *err) {
  given g = {.f = f};
  mlcm_status st = mlcm__map_new(f->ctx, &g.touched, err);
  if (!st) {
    st = mlcm__sql_each(f->conn,
                        "SELECT model, version, coalesce(json_extract(detail, '$.key'), '') FROM event"
                        " WHERE kind IN ('version.described', 'version.tag_set', 'version.tag_deleted')",
                        MLCM__NO_BIND, note_touched, &g, err);
  }
  if (!st) {
    st = mlcm__sql_each(
        f->conn,
        "SELECT e.model, e.version, e.detail, e.audit_seq, v.id, v.description FROM event e JOIN model m ON m.name = e.model"
        " JOIN version v ON v.model_id = m.id AND v.number = e.version WHERE e.kind = 'version.registered'"
        " AND CASE WHEN json_valid(e.detail) THEN json_type(e.detail, '$.tags') END = 'array'",
        MLCM__NO_BIND, check_registration, &g, err);
  }
  mlcm__map_free(g.touched);
  return st;
}
