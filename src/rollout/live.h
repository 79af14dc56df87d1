/* SPDX-License-Identifier: Apache-2.0
 *
 * live.h - the evidence that the lease holder has gathered and not committed yet, in a file of run/ for watchers.
 *
 * Evidence is committed every ten seconds; a person who watches wants to see the last one. The file has a head line naming lease
 * epoch and number of committed chunks, then the lines of evidence themselves, so that a watcher feeds the same machine with them.
 * It is for display only: never synced, never an input of a decision, and a failure to write it is logged and forgotten.
 */
#ifndef MLCM_ROLLOUT_LIVE_H
#define MLCM_ROLLOUT_LIVE_H

#include "base/buffer.h"
#include "registry/rollouts.h"

enum { MLCM__LIVE_MAX = 64 << 20 }; /* bytes of the file: twice what may wait for the store */

/* The holder's side; start with zeros. */
typedef struct mlcm__live {
  char *path;
  int fd; /* -1 unless open; meaningful when path is set */
} mlcm__live;

/* Begins the file anew for lease epoch and number of committed chunks. */
void mlcm__live_begin(mlcm_registry *reg, mlcm__live *live, int64_t rollout_id, int64_t lease_epoch, int64_t n_chunks);
void mlcm__live_append(mlcm_registry *reg, mlcm__live *live, const char *line, size_t len);
/* Closes and removes the file. */
void mlcm__live_end(mlcm_registry *reg, mlcm__live *live);
/* Closes it and leaves it there: what is left of a handle that is no longer the holder. */
void mlcm__live_close(mlcm_registry *reg, mlcm__live *live);

/* The watcher's side: whole lines that follow what `head` shows, in *out (cleared first); none when there is no such file or it is
 * of another moment. MLCM_NO_MEMORY, MLCM_IO, MLCM_LIMIT: a file longer than any holder writes. */
mlcm_status mlcm__live_read(mlcm_registry *reg, const mlcm__rollout_head *head, mlcm__buffer *out, mlcm_error *err);

#endif
