/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest.h - files into the blob store, their list into a manifest: everything of a registration before its transaction.
 */
#ifndef MLCM_REGISTRY_INGEST_H
#define MLCM_REGISTRY_INGEST_H

#include "registry/manifest.h"
#include "registry/registry.h"

/* What one path became. */
typedef struct mlcm__ingested {
  mlcm__manifest manifest;
  char *text; /* of the manifest */
  size_t text_len;
  char sha256[MLCM__SHA256_HEX + 1];
} mlcm__ingested;

/* Copies and hashes everything at `path`, each file read once; the objects are durable afterwards. The caller holds a lease of
 * the blob store. MLCM_CONFLICT: a file changed while it was read. *out is reset by the caller, on failure too. */
mlcm_status mlcm__ingest(mlcm_registry *reg, const char *path, const mlcm_progress *progress, mlcm__ingested *out,
                         mlcm_error *err);
void mlcm__ingested_reset(mlcm_context *ctx, mlcm__ingested *ingested);

#endif
