/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_manifest.c - manifests against their digests; what they list is what the object store must have.
 *
 * A text that does not have its digest is not given up: the audit log may confirm the text and not the digest; a backup may have
 * the text; or the sizes of the objects, put in place of those the text claims, may give a text that has the digest, which proves
 * it right.
 */
#include <stdio.h>
#include <string.h>

#include "registry/digest.h"
#include "registry/fsck.h"
#include "registry/manifest.h"
#include "registry/sql.h"

enum { OWNER_BYTES = MLCM_MODEL_NAME_MAX + 64 };

/* One row of manifest, and whose it is. */
typedef struct listing {
  int64_t id;
  const char *sha256; /* as its column says */
  const char *text;
  size_t len;
  char digest[MLCM__SHA256_HEX + 1];   /* of the text */
  char model[MLCM_MODEL_NAME_MAX + 1]; /* of the first version that has it, "" for none */
  char owner[OWNER_BYTES];             /* "digits/3", or "manifest 7" when no version has it */
  int64_t number;
  int64_t n_versions;
} listing;

/* ---- whose it is ---- */

/* A row for each model that has it: name, first version, how many. */
static mlcm_status add_owner(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  listing *l = user;
  (void)err;
  if (l->n_versions == 0) {
    l->number = mlcm__db_i64(stmt, 1);
    (void)snprintf(l->model, sizeof l->model, "%s", mlcm__db_text(stmt, 0));
    (void)snprintf(l->owner, sizeof l->owner, "%s/%lld", l->model, (long long)l->number);
  }
  l->n_versions += mlcm__db_i64(stmt, 2);
  return MLCM_OK;
}

static mlcm_status find_owner(mlcm__fsck *f, listing *l, mlcm_error *err) {
  (void)snprintf(l->owner, sizeof l->owner, "manifest %lld", (long long)l->id);
  return mlcm__sql_each(f->conn,
                        "SELECT m.name, min(v.number), count(*) FROM version v JOIN model m ON m.id = v.model_id"
                        " WHERE v.manifest_id = ?1 GROUP BY m.id ORDER BY min(v.id)",
                        MLCM__BIND(mlcm__i64(l->id)), add_owner, l, err);
}

/* ---- what the objects must be ---- */

static mlcm_status need(mlcm__fsck *f, const listing *l, const mlcm__manifest_file *file, mlcm_error *err) {
  char owner[OWNER_BYTES + MLCM_FILE_PATH_MAX];
  if (mlcm__map_get(f->known, file->sha256, MLCM__SHA256_BYTES)) return MLCM_OK;
  (void)snprintf(owner, sizeof owner, "%s %s", l->owner, file->path);
  mlcm_status st = mlcm__reserve(f->ctx, &f->objects, &f->cap_objects, f->n_objects + 1, sizeof *f->objects, err);
  if (st) return st;
  mlcm__fsck_object *object = &f->objects[f->n_objects];
  *object = (mlcm__fsck_object){.size_bytes = file->size_bytes,
                                .owner = mlcm__arena_strndup(&f->report->arena, owner, strlen(owner))};
  if (!object->owner) return mlcm__fail_memory(err, strlen(owner) + 1);
  memcpy(object->sha256, file->sha256, MLCM__SHA256_BYTES);
  f->n_objects++;
  f->pace.total += file->size_bytes;
  return mlcm__map_set(f->known, file->sha256, MLCM__SHA256_BYTES, f, err);
}

static mlcm_status need_all(mlcm__fsck *f, const listing *l, const mlcm__manifest *manifest, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < manifest->n; i++) st = need(f, l, &manifest->files[i], err);
  return st;
}

/* The numbers that versions keep beside their manifest. */
typedef struct sums {
  mlcm__fsck *f;
  const listing *l;
  const mlcm__manifest *manifest;
} sums;

static mlcm_status tell_sums(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  const sums *s = user;
  char object[OWNER_BYTES], expected[64], found[64];
  (void)snprintf(object, sizeof object, "%s/%lld", mlcm__db_text(stmt, 0), (long long)mlcm__db_i64(stmt, 1));
  (void)snprintf(expected, sizeof expected, "%zu files, %lld bytes", s->manifest->n, (long long)s->manifest->size_bytes);
  (void)snprintf(found, sizeof found, "%lld files, %lld bytes", (long long)mlcm__db_i64(stmt, 2),
                 (long long)mlcm__db_i64(stmt, 3));
  const bool confirmed = mlcm__db_i64(stmt, 5) != 0;
  mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_COUNTER, .object = object, .expected = expected, .found = found},
                          .fix = confirmed ? MLCM__FIX_SUMS : MLCM__FIX_NONE,
                          .id = mlcm__db_i64(stmt, 4)};
  item.shown.problem = "its row does not have the number and size of files that its manifest has";
  item.shown.restore = confirmed ? "the manifest is the one that was registered: the numbers are counted from it"
                                 : "only a backup has it: the version was not registered with this manifest";
  return mlcm__fsck_tell(s->f, &item, err);
}

static mlcm_status check_sums(mlcm__fsck *f, const listing *l, const mlcm__manifest *manifest, mlcm_error *err) {
  sums s = {f, l, manifest};
  return mlcm__sql_each(f->conn,
                        "SELECT m.name, v.number, v.n_files, v.size_bytes, v.id, EXISTS (SELECT 1 FROM event e"
                        "  WHERE e.kind = 'version.registered' AND e.model = m.name AND e.version = v.number"
                        "  AND instr(e.detail, f.sha256)) FROM version v JOIN model m ON m.id = v.model_id"
                        " JOIN manifest f ON f.id = v.manifest_id WHERE v.manifest_id = ?1"
                        " AND (v.n_files <> ?2 OR v.size_bytes <> ?3) ORDER BY v.id",
                        MLCM__BIND(mlcm__i64(l->id), mlcm__i64((int64_t)manifest->n), mlcm__i64(manifest->size_bytes)), tell_sums,
                        &s, err);
}

/* ---- a damaged one ---- */

/* Whether the audit log has the text's digest for the version's registration. *seq: the entry. */
static mlcm_status find_in_log(mlcm__fsck *f, const listing *l, bool *is_logged, int64_t *seq, mlcm_error *err) {
  char digest[MLCM__DIGEST_TEXT + 1];
  mlcm__digest_from_hex(l->digest, digest);
  return mlcm__sql_i64(f->conn,
                       "WITH registered AS (SELECT a.seq, CAST(a.entry AS TEXT) AS entry FROM event e"
                       "  JOIN audit_entry a ON a.seq = e.audit_seq"
                       "  WHERE e.kind = 'version.registered' AND e.model = ?1 AND e.version = ?2)"
                       " SELECT seq FROM registered WHERE CASE WHEN json_valid(entry) THEN json_extract(entry, '$.after') END = ?3",
                       MLCM__BIND(mlcm__text(l->model), mlcm__i64(l->number), mlcm__text(digest)), is_logged, seq, err);
}

/* The text with `sha256` in the backup's table, copied into the report. NULL: not there. */
static mlcm_status text_in_backup(mlcm__fsck *f, const char *sha256, const char **out, size_t *out_len, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  char hex[MLCM__SHA256_HEX + 1];
  if (!f->spare_conn) return MLCM_OK;
  mlcm_status st = mlcm__sql_first(f->spare_conn, "SELECT text FROM manifest WHERE sha256 = ?1", MLCM__BIND(mlcm__text(sha256)),
                                   &stmt, &row, err);
  if (!st && row) {
    const char *text = mlcm__db_text(stmt, 0);
    *out_len = strlen(text);
    st = mlcm__hex_of(text, *out_len, hex, err);
    if (!st && strcmp(hex, sha256) == 0) {
      *out = mlcm__arena_strndup(&f->report->arena, text, *out_len);
      if (!*out) st = mlcm__fail_memory(err, *out_len);
    }
  }
  mlcm__db_reset(stmt);
  return st;
}

/* The size of the object, if it is there; else what the text says stands. */
static mlcm_status take_size(mlcm__fsck *f, mlcm__manifest_file *file, mlcm_error *err) {
  mlcm__blob_info info;
  mlcm_status st = mlcm__blob_stat(f->blobs, file->sha256, &info, err);
  if (!st) file->size_bytes = info.size_bytes;
  return st == MLCM_NO_MEMORY ? st : MLCM_OK;
}

/* Puts the sizes that the objects have into what the damaged text lists; NULL when that does not give `sha256`. */
static mlcm_status text_from_objects(mlcm__fsck *f, const listing *l, const char **out, size_t *out_len, mlcm_error *err) {
  mlcm__manifest manifest;
  char *text = NULL;
  char digest[MLCM__SHA256_HEX + 1] = "";
  mlcm_error why = {0};
  mlcm_status st = mlcm__manifest_parse(f->ctx, "it", l->text, l->len, l->digest, &manifest, &why);
  for (size_t i = 0; !st && f->blobs && i < manifest.n; i++) st = take_size(f, &manifest.files[i], &why);
  if (!st) st = mlcm__manifest_write(&manifest, &text, out_len, digest, &why);
  if (!st && strcmp(digest, l->sha256) == 0) {
    *out = mlcm__arena_strndup(&f->report->arena, text, *out_len);
    if (!*out) st = mlcm__fail_memory(&why, *out_len);
  }
  mlcm__free(f->ctx, text);
  mlcm__manifest_reset(&manifest);
  if (st != MLCM_NO_MEMORY) return MLCM_OK; /* not even a list: nothing can be made of it */
  return mlcm__fail_as(err, &why);
}

static mlcm_status tell_damaged(mlcm__fsck *f, const listing *l, const mlcm__fsck_item *fix, const char *restore,
                                mlcm_error *err) {
  char object[OWNER_BYTES + 48];
  int len = snprintf(object, sizeof object, "%s manifest", l->owner);
  if (l->n_versions > 1)
    (void)snprintf(object + len, sizeof object - (size_t)len, " (of %lld versions)", (long long)l->n_versions);
  mlcm__fsck_item item = *fix;
  item.id = l->id;
  item.shown = (mlcm_finding){
      .kind = MLCM_DAMAGE_MANIFEST, .object = object, .expected = l->sha256, .found = l->digest, .restore = restore};
  item.shown.problem = item.fix == MLCM__FIX_MANIFEST_NAME ? "the digest beside its text was changed" : "its text was changed";
  mlcm_status st = mlcm__map_set(f->told, l->digest, MLCM__SHA256_HEX, f, err);
  return st ? st : mlcm__fsck_tell(f, &item, err);
}

/* Tells a manifest without its digest, with the best way back. *out_text: what can be believed, NULL for nothing. */
static mlcm_status examine_damaged(mlcm__fsck *f, const listing *l, const char **out_text, size_t *out_len,
                                   const char **out_sha256, mlcm_error *err) {
  char restore[256];
  bool is_logged = false;
  int64_t seq = 0;
  mlcm__fsck_item item = {.fix = MLCM__FIX_MANIFEST};
  mlcm_status st = find_in_log(f, l, &is_logged, &seq, err);
  if (st) return st;
  if (is_logged) {
    (void)snprintf(restore, sizeof restore, "the text is confirmed by audit entry %lld", (long long)seq);
    item = (mlcm__fsck_item){.fix = MLCM__FIX_MANIFEST_NAME, .text = l->digest, .text_len = MLCM__SHA256_HEX};
    *out_text = l->text;
    *out_len = l->len;
    *out_sha256 = l->digest;
    return tell_damaged(f, l, &item, restore, err);
  }
  st = text_in_backup(f, l->sha256, &item.text, &item.text_len, err);
  (void)snprintf(restore, sizeof restore, "the same manifest is in the backup '%.200s'",
                 f->options.backup ? f->options.backup : "");
  if (!st && !item.text) {
    st = text_from_objects(f, l, &item.text, &item.text_len, err);
    (void)snprintf(restore, sizeof restore,
                   "it can be recomputed from the objects: the result has the digest that was registered");
  }
  if (!st && !item.text) {
    item.fix = MLCM__FIX_NONE;
    (void)snprintf(restore, sizeof restore,
                   "only a backup has it: mlcm fsck --from BACKUP; until then its files cannot be checked");
  }
  *out_text = item.text;
  *out_len = item.text_len;
  *out_sha256 = l->sha256;
  return st ? st : tell_damaged(f, l, &item, restore, err);
}

/* ---- all of them ---- */

static mlcm_status check_one(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm__fsck *f = user;
  mlcm__manifest manifest = {0};
  mlcm_error why = {0};
  listing l = {.id = mlcm__db_i64(stmt, 0), .sha256 = mlcm__db_text(stmt, 1)};
  l.text = mlcm__db_blob(stmt, 2, &l.len);
  if (!l.text) l.text = ""; /* so is a text of no bytes handed out */
  mlcm_status st = mlcm__hex_of(l.text, l.len, l.digest, err);
  if (!st) st = find_owner(f, &l, err);
  const char *text = l.text, *sha256 = l.sha256;
  size_t len = l.len;
  if (!st && strcmp(l.digest, l.sha256) != 0) st = examine_damaged(f, &l, &text, &len, &sha256, err);
  if (st || !text) return st;
  f->report->summary.manifests++;
  st = mlcm__manifest_parse(f->ctx, l.owner, text, len, sha256, &manifest, &why);
  if (!st) st = need_all(f, &l, &manifest, err);
  else st = mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_MANIFEST, l.owner, err);
  if (!st && manifest.n) st = check_sums(f, &l, &manifest, err);
  mlcm__manifest_reset(&manifest);
  return st;
}

mlcm_status mlcm__fsck_manifests(mlcm__fsck *f, mlcm_error *err) {
  bool row = false;
  mlcm__pace_init(&f->pace, f->ctx, &f->options.progress, 0);
  mlcm_status st = mlcm__sql_i64(f->conn, "SELECT count(*) FROM version", MLCM__NO_BIND, &row, &f->report->summary.versions, err);
  return st ? st : mlcm__sql_each(f->conn, "SELECT id, sha256, text FROM manifest ORDER BY id", MLCM__NO_BIND, check_one, f, err);
}
