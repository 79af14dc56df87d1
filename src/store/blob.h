/* SPDX-License-Identifier: Apache-2.0
 *
 * blob.h - content-addressed objects in a directory: written once, named by their SHA-256, never changed.
 *
 *   DIR/objects/ab/cdef...   an object; mode 0444; the name is its digest in hex, split after two digits
 *   DIR/tmp/up-RANDOM        an upload in progress, locked by its writer while that lives
 *   DIR/tmp/lease-RANDOM     a lease, locked by its holder while that lives
 *   DIR/trash/HEX-NS         swept by garbage collection at that time, waiting to be unlinked
 *
 * Write: temporary file, hash while writing, sync it, rename to its name, sync the folder. An object that is there already is
 * replaced by the same bytes, which renews its time and heals a damaged one. When finish answers MLCM_OK the bytes are durable.
 *
 * How a writer keeps its objects from garbage collection, in this order:
 *   1. mlcm__blob_lease_open      before the first write: objects newer than the oldest living lease are never swept
 *   2. mlcm__blob_begin/write/finish, any number
 *   3. mlcm__db_write_begin
 *   4. mlcm__blob_exists for each object about to be referred to: the sweep renames only inside a write transaction, so what is
 *      there now stays until the reference is committed. Missing: roll back, write it again.
 *   5. insert the references, mlcm__db_commit, mlcm__blob_lease_close
 *
 * All file operations go through the context's I/O table, but for the locks on leases.
 * Threads: a store from any thread; a writer from one thread at a time.
 */
#ifndef MLCM_STORE_BLOB_H
#define MLCM_STORE_BLOB_H

#include "base/context.h"
#include "base/hash.h"

typedef struct mlcm__blobs mlcm__blobs;
typedef struct mlcm__blob_writer mlcm__blob_writer;
typedef struct mlcm__blob_lease mlcm__blob_lease;

/* Opens the object store in `dir` (which exists). `create` makes its folders where they are missing; without it a missing one is
 * MLCM_NOT_FOUND. Read-only: every change answers MLCM_REFUSED. */
mlcm_status mlcm__blobs_open(mlcm_context *ctx, const char *dir, bool read_only, bool create, mlcm__blobs **out, mlcm_error *err);
void mlcm__blobs_close(mlcm__blobs *blobs); /* NULL-safe; writers and leases are to be closed before */

/* ---- leases ---- */

mlcm_status mlcm__blob_lease_open(mlcm__blobs *blobs, mlcm__blob_lease **out, mlcm_error *err);
void mlcm__blob_lease_close(mlcm__blob_lease *lease); /* NULL-safe */

/* ---- writing ---- */

/* size_hint_bytes: the expected size, or -1. From 8 MiB on a helper thread writes and syncs while the caller hashes. */
mlcm_status mlcm__blob_begin(mlcm__blobs *blobs, int64_t size_hint_bytes, mlcm__blob_writer **out, mlcm_error *err);
mlcm_status mlcm__blob_write(mlcm__blob_writer *writer, const void *data, size_t len, mlcm_error *err);
/* Publishes. The writer is gone whatever the answer; after a failure the object may be there without being durable, which is
 * garbage until it is written again. out_size may be NULL. */
mlcm_status mlcm__blob_finish(mlcm__blob_writer *writer, uint8_t out_sha256[MLCM__SHA256_BYTES], int64_t *out_size,
                              mlcm_error *err);
void mlcm__blob_abort(mlcm__blob_writer *writer); /* NULL-safe */

/* All in one for bytes in memory. */
mlcm_status mlcm__blob_put(mlcm__blobs *blobs, const void *data, size_t len, uint8_t out_sha256[MLCM__SHA256_BYTES],
                           mlcm_error *err);
/* All in one for a regular file (a symbolic link is not followed at the last part), read once. `tap` (nullable) sees every chunk
 * in order, for scanners and progress; a non-OK answer stops and is returned. *out_size may be NULL. */
typedef mlcm_status mlcm__blob_tap(void *user, const void *data, size_t len, mlcm_error *err);
mlcm_status mlcm__blob_put_file(mlcm__blobs *blobs, const char *path, mlcm__blob_tap *tap, void *user,
                                uint8_t out_sha256[MLCM__SHA256_BYTES], int64_t *out_size, mlcm_error *err);
/* The same for a file that was looked at before: MLCM_CONFLICT when the path leads to another one now, e.g. through a folder that
 * was replaced by a symbolic link. */
mlcm_status mlcm__blob_put_known_file(mlcm__blobs *blobs, const char *path, const mlcm_file_info *known, mlcm__blob_tap *tap,
                                      void *user, uint8_t out_sha256[MLCM__SHA256_BYTES], int64_t *out_size, mlcm_error *err);

/* ---- reading ---- */

/* Private memory with the verified bytes of an object; 64-byte aligned, read-only, followed by at least one zero byte. */
typedef struct mlcm__blob_bytes {
  const uint8_t *data;
  size_t size;
  mlcm_context *ctx;
  size_t mapped; /* bytes of the own mapping; 0: from the allocator */
} mlcm__blob_bytes;

/* Reads the object into private memory and hashes that copy. MLCM_CORRUPT: size or digest differ, the message has both of each.
 * MLCM_NOT_FOUND: no such object. *out is freed with mlcm__blob_bytes_free. */
mlcm_status mlcm__blob_read_verified(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], int64_t size_bytes,
                                     mlcm__blob_bytes *out, mlcm_error *err);
void mlcm__blob_bytes_free(mlcm__blob_bytes *bytes); /* zeroes *bytes; fine on a zeroed one */

/* The same check in constant memory, keeping nothing. `tap` as above, called after each chunk was hashed. */
mlcm_status mlcm__blob_verify(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], int64_t size_bytes,
                              mlcm__blob_tap *tap, void *user, mlcm_error *err);

/* MLCM_OK when an object of that size is there (bytes not read), MLCM_NOT_FOUND, or MLCM_CORRUPT when its size differs.
 * size_bytes < 0: any size. */
mlcm_status mlcm__blob_exists(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], int64_t size_bytes, mlcm_error *err);

/* Path of an object, for export and opt-in mapping; freed with mlcm__free. Does not look whether it is there. */
mlcm_status mlcm__blob_path(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], char **out, mlcm_error *err);

/* ---- garbage collection ---- */

enum { MLCM__BLOB_OBJECTS = 1, MLCM__BLOB_TRASH = 2 };

typedef struct mlcm__blob_info {
  uint8_t sha256[MLCM__SHA256_BYTES];
  int64_t size_bytes;
  int64_t time_ns; /* of an object: when it was written; in the trash: when it came there */
} mlcm__blob_info;

typedef mlcm_status mlcm__blob_visit(void *user, const mlcm__blob_info *info, mlcm_error *err);
/* Visits every object of an area in order of digest. Files that are not objects by name are passed over. */
mlcm_status mlcm__blob_each(mlcm__blobs *blobs, int32_t area, mlcm__blob_visit *visit, void *user, mlcm_error *err);

/* Moves an object to the trash, noting the time; moves what each(TRASH) has shown back; removes that for good. MLCM_NOT_FOUND
 * when it is not there. Only inside a write transaction in which nothing refers to it (trash, unlink). */
mlcm_status mlcm__blob_trash(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], int64_t now_ns, mlcm_error *err);
mlcm_status mlcm__blob_restore(mlcm__blobs *blobs, const mlcm__blob_info *trashed, mlcm_error *err);
mlcm_status mlcm__blob_unlink(mlcm__blobs *blobs, const mlcm__blob_info *trashed, mlcm_error *err);
/* Size and time of an object as they are now. MLCM_NOT_FOUND. */
mlcm_status mlcm__blob_stat(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], mlcm__blob_info *out, mlcm_error *err);

/* Looks through tmp/: *out_oldest_ns is the time of the oldest living lease or upload (INT64_MAX: none). Files of dead writers
 * last changed before `before_ns` are removed unless `dry_run`; their number and bytes are added to *out_files and *out_bytes. */
mlcm_status mlcm__blob_sweep_tmp(mlcm__blobs *blobs, int64_t before_ns, bool dry_run, int64_t *out_oldest_ns, int64_t *out_files,
                                 int64_t *out_bytes, mlcm_error *err);

#endif
