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

enum { MLCM__BLOB_CHUNK = 1 << 20 }; /* bytes read or written at a time */

/* Paths, all freed with mlcm__free. */
mlcm_status mlcm__blob_folder(const mlcm__blobs *blobs, const char *name, char **out, mlcm_error *err);
mlcm_status mlcm__blob_object_path(const mlcm__blobs *blobs, const uint8_t *sha256, char **out, mlcm_error *err);
mlcm_status mlcm__blob_object_folder(const mlcm__blobs *blobs, const uint8_t *sha256, char **out, mlcm_error *err);

mlcm_status mlcm__blob_check_writable(const mlcm__blobs *blobs, mlcm_error *err);

/* New file tmp/PREFIX-RANDOM, open for writing and locked until it is closed. */
mlcm_status mlcm__blob_tmp_open(const mlcm__blobs *blobs, const char *prefix, uint32_t mode, char **out_path, int *out_fd,
                                mlcm_error *err);

/* blob_pipe.c: a thread that writes full buffers to a file while the caller fills and hashes the next. */
typedef struct mlcm__blob_pipe mlcm__blob_pipe;
/* *out NULL with MLCM_OK: no thread was to be had, write without it. */
mlcm_status mlcm__blob_pipe_open(mlcm_context *ctx, int fd, mlcm__blob_pipe **out, mlcm_error *err);
/* The buffer to fill next, MLCM__BLOB_CHUNK bytes; waits for one. Negative errno: an earlier write failed. */
int mlcm__blob_pipe_buffer(mlcm__blob_pipe *pipe, uint8_t **out);
/* Sends the first `len` bytes of that buffer on. */
void mlcm__blob_pipe_send(mlcm__blob_pipe *pipe, size_t len);
/* Waits until all is written, ends the thread, frees. 0 or the negative errno of the first failure. */
int mlcm__blob_pipe_close(mlcm__blob_pipe *pipe);

/* blob_write.c, for put_file: room inside the writer to read into, and what was put there. */
mlcm_status mlcm__blob_writer_room(mlcm__blob_writer *writer, uint8_t **out, mlcm_error *err);
mlcm_status mlcm__blob_writer_advance(mlcm__blob_writer *writer, size_t len, mlcm_error *err);

#endif
