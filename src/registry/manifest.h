/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.h - the list of a version's files, as canonical JSON with a digest of its own.
 *
 *   {"files":[{"path":"model.onnx","sha256":"<64 hex>","size":"1234"}],"mlcm":"manifest/v1"}
 *
 * Files are sorted by the bytes of their paths, each path once; sizes are strings because 64-bit integers are. The text in the
 * database is the truth: who reads it checks its digest (mlcm__manifest_parse does) and takes files only from it.
 */
#ifndef MLCM_REGISTRY_MANIFEST_H
#define MLCM_REGISTRY_MANIFEST_H

#include <mlcm/registry.h>

#include "base/buffer.h"
#include "base/hash.h"

typedef struct mlcm__manifest_file {
  char *path;
  int64_t size_bytes;
  uint8_t sha256[MLCM__SHA256_BYTES];
  char sha256_hex[MLCM__SHA256_HEX + 1];
} mlcm__manifest_file;

typedef struct mlcm__manifest {
  mlcm_context *ctx;
  mlcm__manifest_file *files;
  size_t n;
  size_t cap;
  int64_t size_bytes; /* sum over files */
} mlcm__manifest;

void mlcm__manifest_init(mlcm__manifest *m, mlcm_context *ctx);
void mlcm__manifest_reset(mlcm__manifest *m);

/* Adds a file; `path` is copied and checked (mlcm__check_file_path). MLCM_LIMIT past MLCM_FILES_MAX. */
mlcm_status mlcm__manifest_add(mlcm__manifest *m, const char *path, int64_t size_bytes, const uint8_t sha256[MLCM__SHA256_BYTES],
                               mlcm_error *err);

/* Sorts, and writes text and digest (hex). *out_text is freed with mlcm__free. */
mlcm_status mlcm__manifest_write(mlcm__manifest *m, char **out_text, size_t *out_len, char out_sha256[MLCM__SHA256_HEX + 1],
                                 mlcm_error *err);

/* Reads a text whose digest must be `sha256` (hex). `what` names the version in messages. *out (initialised by this call) is
 * reset by the caller, on failure too. MLCM_CORRUPT: digest, form, order, a path or size that could not have been written. */
mlcm_status mlcm__manifest_parse(mlcm_context *ctx, const char *what, const char *text, size_t len, const char *sha256,
                                 mlcm__manifest *out, mlcm_error *err);

/* File by path, or NULL. O(log n). */
const mlcm__manifest_file *mlcm__manifest_find(const mlcm__manifest *m, const char *path);

#endif
