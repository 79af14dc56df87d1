/* SPDX-License-Identifier: Apache-2.0
 *
 * blob_dir.h - the directory driver's own types and paths, shared by the blob_*.c files and by nobody else.
 */
#ifndef MLCM_STORE_BLOB_DIR_H
#define MLCM_STORE_BLOB_DIR_H

#include "base/fs.h"
#include "blob.h"

/* Immutable after open, so that it needs no lock. */
struct mlcm__blobs {
  mlcm_context *ctx;
  char *dir;
  bool read_only;
};

enum { MLCM__BLOB_CHUNK = 256 << 10 }; /* bytes read or written at a time */

/* Paths, all freed with mlcm__free. */
mlcm_status mlcm__blob_folder(const mlcm__blobs *blobs, const char *name, char **out, mlcm_error *err);
mlcm_status mlcm__blob_object_path(const mlcm__blobs *blobs, const uint8_t *sha256, char **out, mlcm_error *err);
mlcm_status mlcm__blob_object_folder(const mlcm__blobs *blobs, const uint8_t *sha256, char **out, mlcm_error *err);

mlcm_status mlcm__blob_check_writable(const mlcm__blobs *blobs, mlcm_error *err);

/* New file tmp/PREFIX-RANDOM, open for writing and locked until it is closed. */
mlcm_status mlcm__blob_tmp_open(const mlcm__blobs *blobs, const char *prefix, uint32_t mode, char **out_path, int *out_fd,
                                mlcm_error *err);

/* blob_pipe.c: threads that read ahead and write behind while the caller hashes. */
typedef struct mlcm__blob_pipe mlcm__blob_pipe;
/* Writes to `target`; reads from `source`, or -1: the caller fills the buffers. *out NULL with MLCM_OK: no thread was to be had
 * and nothing was read, do without. */
mlcm_status mlcm__blob_pipe_open(mlcm_context *ctx, int target, int source, mlcm__blob_pipe **out, mlcm_error *err);
/* With a source: the next bytes that were read, *out_len 0 at the end. Without: the buffer to fill, MLCM__BLOB_CHUNK bytes. Both
 * wait for it and answer 0 or a negative errno: reading or writing failed. */
int mlcm__blob_pipe_next(mlcm__blob_pipe *pipe, uint8_t **out, size_t *out_len);
int mlcm__blob_pipe_buffer(mlcm__blob_pipe *pipe, uint8_t **out);
/* Sends that buffer on to be written; `len`: how much was filled (with a source it is known). */
void mlcm__blob_pipe_send(mlcm__blob_pipe *pipe, size_t len);
/* Waits until all that was sent is written, ends the threads, frees. 0 or the negative errno of the first failed write. */
int mlcm__blob_pipe_close(mlcm__blob_pipe *pipe);

#endif
