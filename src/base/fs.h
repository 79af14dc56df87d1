/* SPDX-License-Identifier: Apache-2.0
 *
 * fs.h - files through the context's I/O table.
 */
#ifndef MLCM_BASE_FS_H
#define MLCM_BASE_FS_H

#include "buffer.h"

/* Joins with one '/' between; the result is freed with mlcm__free. */
mlcm_status mlcm__path_join(mlcm_context *ctx, const char *dir, const char *name, char **out, mlcm_error *err);
/* Reads a whole regular file of at most max_bytes (else MLCM_LIMIT, naming file and limit). *out is NUL-terminated beyond len. */
mlcm_status mlcm__read_file(mlcm_context *ctx, const char *path, size_t max_bytes, char **out, size_t *out_len, mlcm_error *err);
/* Writes all bytes; handles short writes and EINTR. Returns 0 or a negative errno. */
int mlcm__write_all(mlcm_context *ctx, int fd, const void *data, size_t len);
/* mkdir -p, syncing each parent that got a new entry. */
mlcm_status mlcm__make_dirs(mlcm_context *ctx, const char *path, uint32_t mode, mlcm_error *err);
/* Opens the directory, syncs it, closes it. */
mlcm_status mlcm__sync_dir(mlcm_context *ctx, const char *path, mlcm_error *err);
/* Small file: temporary name in the same folder, write, sync, rename over, sync folder. */
mlcm_status mlcm__replace_file(mlcm_context *ctx, const char *path, const void *data, size_t len, uint32_t mode, mlcm_error *err);
enum { MLCM__DIR_ENTRIES_MAX = 1 << 20 };
/* Calls visit with each entry of a directory, sorted by bytes. A non-OK status stops and is returned. MLCM_LIMIT: more than
 * MLCM__DIR_ENTRIES_MAX entries, whose names would all have to be kept. */
mlcm_status mlcm__list_dir(mlcm_context *ctx, const char *path,
                           mlcm_status (*visit)(void *user, const char *name, mlcm_error *err), void *user, mlcm_error *err);

#endif
