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
/* Closes the object, records the change with it, frees it. `record` needs no detail; a failure of the writer shows here. */
mlcm_status mlcm__detail_record(mlcm__detail *detail, mlcm__db_conn *conn, mlcm_registry *reg, mlcm__record record,
                                const mlcm_attribution *by, int64_t *out_seq, mlcm_error *err);

#endif
