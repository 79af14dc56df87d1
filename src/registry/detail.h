/* SPDX-License-Identifier: Apache-2.0
 *
 * detail.h - the small canonical JSON object that an event carries.
 */
#ifndef MLCM_REGISTRY_DETAIL_H
#define MLCM_REGISTRY_DETAIL_H

#include "base/json.h"
#include "registry/registry.h"

/* An object being written. Open, write members in ascending order of keys with detail.json, then record. */
typedef struct mlcm__detail {
  mlcm__buffer text;
  mlcm__json json;
} mlcm__detail;

void mlcm__detail_open(mlcm__detail *detail, mlcm_context *ctx);
/* A member that is the digest of a text, "sha256:...", or null for NULL. A failure shows when the change is recorded. */
void mlcm__detail_digest(mlcm__detail *detail, const char *key, const char *text);
/* Closes the object, records the change with it, frees it. `record` needs no detail; a failure of the writer shows here. */
mlcm_status mlcm__detail_record(mlcm__detail *detail, mlcm__db_conn *conn, mlcm_registry *reg, mlcm__record record,
                                const mlcm_attribution *by, int64_t *out_seq, mlcm_error *err);

/* Reads a detail back; freed with cJSON_Delete. */
mlcm_status mlcm__detail_parse(mlcm_context *ctx, const char *text, cJSON **out, mlcm_error *err);

#endif
