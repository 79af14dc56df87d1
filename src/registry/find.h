/* SPDX-License-Identifier: Apache-2.0
 *
 * find.h - "did you mean": the nearest name among the first thousand that a query lists.
 */
#ifndef MLCM_REGISTRY_FIND_H
#define MLCM_REGISTRY_FIND_H

#include "registry/sql.h"

/* Fills out with " (did you mean 'digits'?)", or with nothing when no listed name is near or the question cannot be answered. */
enum { MLCM__HINT_BYTES = 320 };
void mlcm__hint(mlcm__db_conn *conn, const char *wanted, const char *sql, const mlcm__bind *binds, size_t n,
                char out[MLCM__HINT_BYTES]);

#endif
