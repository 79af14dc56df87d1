/* SPDX-License-Identifier: Apache-2.0
 *
 * walk.h - the regular files at a path, in order, before any of them is read.
 */
#ifndef MLCM_REGISTRY_WALK_H
#define MLCM_REGISTRY_WALK_H

#include "base/arena.h"

/* One file found. Texts belong to the walk. */
typedef struct mlcm__walk_file {
  const char *path;    /* to open */
  const char *name;    /* inside the version: relative, '/' between parts */
  mlcm_file_info info; /* as it was when found */
} mlcm__walk_file;

typedef struct mlcm__walk {
  mlcm_context *ctx;
  mlcm__arena arena;
  mlcm__walk_file *files; /* folder by folder, names of one folder sorted by bytes */
  size_t n;
  size_t cap;
  size_t n_entries;   /* looked at: files and folders, the empty ones too */
  int64_t size_bytes; /* sum over files */
} mlcm__walk;

enum { MLCM__WALK_DEPTH_MAX = 64, MLCM__WALK_ENTRIES_MAX = 1000000 };

/* A file gives itself under its own name, a folder everything under it. `registry_dir` must not be met on the way: a registry
 * does not swallow itself. Refused: whatever is neither a regular file nor a folder, names that mlcm__check_file_path refuses, no
 * file at all. *out is to be reset by the caller, on failure too. */
mlcm_status mlcm__walk_run(mlcm_context *ctx, const char *path, const char *registry_dir, mlcm__walk *out, mlcm_error *err);
void mlcm__walk_reset(mlcm__walk *walk);

#endif
