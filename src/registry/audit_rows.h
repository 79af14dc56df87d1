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

/* A row that does not say what the log says. */
typedef struct mlcm__row_fault {
  int64_t seq;          /* audit entry, 0 for none */
  const char *object;   /* "digits/3", "digits@champion", "event 17" */
  const char *what;     /* "the version's manifest" */
  const char *stored;   /* in the registry */
  const char *logged;   /* by the log */
} mlcm__row_fault;

/* Sees each fault in turn; a non-OK answer stops and is returned. Without one the first fault is MLCM_CORRUPT and the end. */
typedef mlcm_status mlcm__audit_rows_tell(void *user, const mlcm__row_fault *fault, mlcm_error *err);
void mlcm__audit_rows_tell_to(mlcm__audit_rows *rows, mlcm__audit_rows_tell *tell, void *user);

/* An mlcm__audit_visit; `user` is the mlcm__audit_rows. MLCM_CORRUPT names the row and both values. `entry` NULL: the log lost
 * it; its event is believed, so that what follows can be judged. */
mlcm_status mlcm__audit_rows_visit(void *user, int64_t seq, const cJSON *entry, mlcm_error *err);
/* After the last entry: nothing is left that the log does not know of. */
mlcm_status mlcm__audit_rows_end(mlcm__audit_rows *rows, mlcm_error *err);

#endif
