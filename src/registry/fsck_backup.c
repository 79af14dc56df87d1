/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_backup.c - a backup against its backup.json. A registry that is no backup has no such file, and nothing is checked.
 */
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "registry/backup_file.h"
#include "registry/fsck.h"

static mlcm_status tell(mlcm__fsck *f, const char *object, const char *problem, const char *expected, const char *found,
                        mlcm_error *err) {
  mlcm__fsck_item item = {
      .shown = {.kind = MLCM_DAMAGE_BACKUP, .object = object, .problem = problem, .expected = expected, .found = found}};
  item.shown.restore = "another backup; this one is not what was made";
  return mlcm__fsck_tell(f, &item, err);
}

static mlcm_status check_database(mlcm__fsck *f, const mlcm__backup_file *file, mlcm_error *err) {
  char hex[MLCM__SHA256_HEX + 1];
  int64_t size = 0;
  mlcm_error why = {0};
  char *path = NULL;
  mlcm_status st = mlcm__path_join(f->ctx, f->dir, "registry.db", &path, &why);
  if (!st) st = mlcm__fsck_hash_file(f->ctx, path, &size, hex, &why);
  mlcm__free(f->ctx, path);
  if (st == MLCM_NOT_FOUND) return MLCM_OK; /* was told */
  if (st) return mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_BACKUP, "registry.db", err);
  if (strcmp(hex, file->database_sha256) == 0) return MLCM_OK;
  return tell(f, "registry.db", "it is not the file that backup.json was written for", file->database_sha256, hex, err);
}

static mlcm_status check_count(mlcm__fsck *f, const char *object, int64_t expected, int64_t found, mlcm_error *err) {
  char is[24], should[24];
  if (expected == found) return MLCM_OK;
  (void)snprintf(should, sizeof should, "%lld", (long long)expected);
  (void)snprintf(is, sizeof is, "%lld", (long long)found);
  return tell(f, object, "their number is not what backup.json says", should, is, err);
}

mlcm_status mlcm__fsck_backup_file(mlcm__fsck *f, mlcm_error *err) {
  mlcm__backup_file file;
  mlcm_error why = {0};
  mlcm_status st = mlcm__backup_file_read(f->ctx, f->dir, &file, &why);
  if (st == MLCM_NOT_FOUND) return MLCM_OK;
  if (st == MLCM_CORRUPT) return tell(f, "backup.json", why.message, NULL, NULL, err);
  if (st) return mlcm__fail_as(err, &why);
  st = check_database(f, &file, err);
  if (!st && f->conn) st = check_count(f, "versions", file.versions, f->report->summary.versions, err);
  if (!st && f->conn) st = check_count(f, "objects", file.objects, (int64_t)f->n_objects, err);
  return st;
}
