/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_rows.h - do the registry's rows say what the audit log says? Fed with the log's entries in order.
 */
#ifndef MLCM_REGISTRY_AUDIT_ROWS_H
#define MLCM_REGISTRY_AUDIT_ROWS_H

#include "trust/audit.h"

typedef struct mlcm__audit_rows mlcm__audit_rows;

mlcm_status mlcm__audit_rows_open(mlcm_context *ctx, mlcm__db_conn *conn, mlcm__audit_rows **out, mlcm_error *err);
void mlcm__audit_rows_close(mlcm__audit_rows *rows); /* NULL-safe */

/* An mlcm__audit_visit; `user` is the mlcm__audit_rows. MLCM_CORRUPT names the row and both values. */
mlcm_status mlcm__audit_rows_visit(void *user, int64_t seq, const cJSON *entry, mlcm_error *err);
/* After the last entry: nothing is left that the log does not know of. */
mlcm_status mlcm__audit_rows_end(mlcm__audit_rows *rows, mlcm_error *err);

#endif
