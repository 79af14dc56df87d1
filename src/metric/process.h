/* SPDX-License-Identifier: Apache-2.0
 *
 * process.h - which process on this machine: boot id, pid and start time, so that a pid used again is not taken for the old one.
 */
#ifndef MLCM_METRIC_PROCESS_H
#define MLCM_METRIC_PROCESS_H

#include "base/context.h"

enum { MLCM__BOOT_ID_CHARS = 32 };

typedef struct mlcm__process {
  char boot_id[MLCM__BOOT_ID_CHARS + 1]; /* of the kernel: 32 lower-case hexadecimal digits */
  int64_t pid;
  uint64_t start_ticks; /* since boot, field 22 of /proc/<pid>/stat */
} mlcm__process;

/* The calling process, as of now (differs after fork). MLCM_IO without /proc. */
mlcm_status mlcm__process_self(mlcm_context *ctx, mlcm__process *out, mlcm_error *err);

/* Whether that very process still runs: same boot, same pid, same start time, not a zombie. True as well when it cannot be known (an
 * error, another user's process that /proc hides): a lease is waited for then, a file of counters kept. */
bool mlcm__process_alive(mlcm_context *ctx, const mlcm__process *process);

/* Start time out of the text of /proc/<pid>/stat, whose second field may hold blanks and brackets; false for other text.
 * *out_state is the state letter. */
bool mlcm__process_parse_stat(const char *text, uint64_t *out_start_ticks, char *out_state);

#endif
