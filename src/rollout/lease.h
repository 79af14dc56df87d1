/* SPDX-License-Identifier: Apache-2.0
 *
 * lease.h - who decides. A holder is named by boot, pid namespace, pid, start time and a random part a handle.
 *
 * A lease is free when nobody holds it, when its time is over on the clock of this boot, when it is from another boot, or when its
 * holder's process (of this pid namespace, else it cannot be known) is gone. Time is CLOCK_BOOTTIME, never wall time.
 */
#ifndef MLCM_ROLLOUT_LEASE_H
#define MLCM_ROLLOUT_LEASE_H

#include "registry/rollouts.h"

#define MLCM__LEASE_NS INT64_C(20000000000) /* how long a lease holds without renewal; 3 ticks when those are longer */

typedef struct mlcm__lease {
  char holder[MLCM__HOLDER_MAX]; /* this handle's name */
  int64_t length_ns;
  int64_t epoch;      /* 0: not held */
  int64_t expires_ns; /* monotonic */
} mlcm__lease;

/* Names this handle; holds nothing yet. */
mlcm_status mlcm__lease_init(mlcm_context *ctx, int64_t tick_ns, mlcm__lease *out, mlcm_error *err);

/* Whether another handle may take the lease that `head` shows. */
bool mlcm__lease_is_free(mlcm_context *ctx, const mlcm__rollout_head *head, int64_t mono_ns);

/* "pid 1234" for people, "" for none; out has 64 bytes. */
void mlcm__lease_describe(const char *holder, char out[64]);

#endif
