/* SPDX-License-Identifier: Apache-2.0
 *
 * keyset.h - which keys were counted already: 2^20 bits in a file that all serving processes of a rollout share.
 *
 * One file a rollout and signal ("complete", "outcome.wrong"), so that each key counts once per check and rollout. Two keys that
 * share a bit lose one count; nothing is ever counted twice, whatever process sees the key next.
 */
#ifndef MLCM_METRIC_KEYSET_H
#define MLCM_METRIC_KEYSET_H

#include "base/context.h"

enum { MLCM__KEYSET_BITS = 1 << 20 };

typedef struct mlcm__keyset mlcm__keyset; /* any thread at the same time, except _close */

/* Opens the shared file of a rollout and signal, or makes it with its disk space reserved (132 KiB). Both names: 1 to 100 of
 * A-Z a-z 0-9 _ . -   (MLCM_INVALID_ARGUMENT). MLCM_IO, MLCM_DISK_FULL, MLCM_CORRUPT (names the file), MLCM_NO_MEMORY. */
mlcm_status mlcm__keyset_open(mlcm_context *ctx, const char *run_dir, const char *rollout, const char *signal, mlcm__keyset **out,
                              mlcm_error *err);
void mlcm__keyset_close(mlcm__keyset *set);

/* True for the first caller, over all threads and processes, with a key of this hash; false ever after. No lock. */
bool mlcm__keyset_first(mlcm__keyset *set, uint64_t key_hash);

/* How many bits are set. Reads 128 KiB. */
uint32_t mlcm__keyset_count(const mlcm__keyset *set);

/* Removes the files of a rollout that is over. Processes that have them open go on undisturbed. */
mlcm_status mlcm__keyset_remove(mlcm_context *ctx, const char *run_dir, const char *rollout, mlcm_error *err);

/* Removes the files of every rollout that `is_over` calls over: of those that ended while nobody served. It is asked after a file
 * was seen, so a rollout that begins meanwhile is asked about when it is there. The first failure ends the sweep. */
typedef mlcm_status (*mlcm__keyset_is_over)(void *user, const char *rollout, bool *out, mlcm_error *err);
mlcm_status mlcm__keyset_sweep(mlcm_context *ctx, const char *run_dir, mlcm__keyset_is_over is_over, void *user, mlcm_error *err);

#endif
