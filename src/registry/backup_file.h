/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_file.h - backup.json: what a backup holds, so that it can be held to it.
 */
#ifndef MLCM_REGISTRY_BACKUP_FILE_H
#define MLCM_REGISTRY_BACKUP_FILE_H

#include "base/hash.h"
#include "trust/audit.h"

typedef struct mlcm__backup_file {
  int64_t created_ns; /* read back: to the microsecond */
  int64_t versions;
  int64_t objects, object_bytes;
  int64_t database_bytes;
  char database_sha256[MLCM__SHA256_HEX + 1];
  mlcm__audit_head audit;
} mlcm__backup_file;

/* Writes DIR/backup.json, durably. */
mlcm_status mlcm__backup_file_write(mlcm_context *ctx, const char *dir, const mlcm__backup_file *file, mlcm_error *err);
/* MLCM_NOT_FOUND: no such file. MLCM_CORRUPT: not one that was written by the above. MLCM_NEWER_FORMAT: of a form that is not
 * known here. */
mlcm_status mlcm__backup_file_read(mlcm_context *ctx, const char *dir, mlcm__backup_file *out, mlcm_error *err);

#endif
