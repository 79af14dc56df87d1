/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.h - the writer lock: one holder among all threads and processes that use the same file, first come, first served.
 */
#ifndef MLCM_STORE_LOCK_H
#define MLCM_STORE_LOCK_H

#include "base/context.h"

typedef struct mlcm__lock mlcm__lock;

/* Opens (and makes) the lock file. MLCM_IO, MLCM_NO_MEMORY. */
mlcm_status mlcm__lock_open(mlcm_context *ctx, const char *path, mlcm__lock **out, mlcm_error *err);
void mlcm__lock_close(mlcm__lock *lock); /* NULL-safe; not while it is held */

/* Waits for its turn, at most timeout_ns of the real monotonic clock (0: does not wait). MLCM_BUSY names the holder. */
mlcm_status mlcm__lock_take(mlcm__lock *lock, int64_t timeout_ns, mlcm_error *err);
void mlcm__lock_release(mlcm__lock *lock);

#endif
