/* SPDX-License-Identifier: Apache-2.0
 *
 * staging.h - a new directory that appears complete or not at all: built as DEST.tmp-RANDOM beside its place, then renamed.
 *
 * Whoever fills it syncs his files and folders; publish syncs the directory itself, renames it and syncs where it stands.
 */
#ifndef MLCM_REGISTRY_STAGING_H
#define MLCM_REGISTRY_STAGING_H

#include "base/context.h"

typedef struct mlcm__staging {
  mlcm_context *ctx;
  const char *dest; /* the caller's */
  char *parent;
  char *path; /* to build in; NULL: not made */
} mlcm__staging;

/* MLCM_ALREADY_EXISTS: there is something at `dest`. MLCM_NOT_FOUND: no folder to make it in. *s is to be closed, on failure
 * too. */
mlcm_status mlcm__staging_open(mlcm__staging *s, mlcm_context *ctx, const char *dest, mlcm_error *err);
/* On failure nothing is at `dest`, but for MLCM_OUTCOME_UNKNOWN: it is there, was not synced, and could not be taken back. */
mlcm_status mlcm__staging_publish(mlcm__staging *s, mlcm_error *err);
/* Takes back what was published. False: the file system does not let it, it stays. */
bool mlcm__staging_withdraw(mlcm__staging *s);
/* Removes what was built, unless `keep`. */
void mlcm__staging_close(mlcm__staging *s, bool keep);

#endif
