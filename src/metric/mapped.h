/* SPDX-License-Identifier: Apache-2.0
 *
 * mapped.h - files in run/ that processes share by mapping them: made complete and linked into place, so that nobody ever sees
 * half of one; with disk space set aside, so that writing through the map cannot meet a full disk (that would be a SIGBUS).
 */
#ifndef MLCM_METRIC_MAPPED_H
#define MLCM_METRIC_MAPPED_H

#include "base/context.h"

typedef struct mlcm__mapped {
  unsigned char *base; /* NULL when nothing is mapped */
  size_t size_bytes;
  int fd; /* -1: none */
} mlcm__mapped;

#define MLCM__MAPPED_NONE ((mlcm__mapped){NULL, 0, -1})

/* Marks the name a file has before it is linked into place. */
#define MLCM__MAPPED_UNFINISHED ".new-"

/* What to make. */
typedef struct mlcm__mapped_spec {
  const char *run_dir; /* made when missing */
  const char *name;
  const void *header; /* first bytes; the rest is zero */
  size_t header_bytes;
  size_t size_bytes;
  size_t reserve_bytes; /* of it on disk from the start */
  bool lock;            /* hold an exclusive flock from before it can be seen */
} mlcm__mapped_spec;

/* MLCM_ALREADY_EXISTS when the name is taken; MLCM_IO, MLCM_DISK_FULL, MLCM_NO_MEMORY. Mode: 0600, and the bits for reading and
 * writing that run_dir has. */
mlcm_status mlcm__mapped_make(mlcm_context *ctx, const mlcm__mapped_spec *spec, mlcm__mapped *out, mlcm_error *err);

/* MLCM_NOT_FOUND when there is none (also no run_dir). A file shorter than min_bytes is opened but not mapped. A symbolic link
 * is MLCM_IO. */
mlcm_status mlcm__mapped_open(mlcm_context *ctx, const char *run_dir, const char *name, bool writable, size_t min_bytes,
                              mlcm__mapped *out, mlcm_error *err);

/* Tries for the exclusive lock. False when somebody else has it, or the file has lost its name meanwhile. */
bool mlcm__mapped_lock(mlcm_context *ctx, const mlcm__mapped *m);

/* Sets disk space aside for a part of the file. */
mlcm_status mlcm__mapped_reserve(const mlcm__mapped *m, size_t offset, size_t size_bytes, const char *what, mlcm_error *err);

/* Unmaps, closes (which unlocks); *m is MLCM__MAPPED_NONE afterwards. */
void mlcm__mapped_close(mlcm_context *ctx, mlcm__mapped *m);

#endif
