/* SPDX-License-Identifier: Apache-2.0
 *
 * gather.h - turns meters, sources and recorded evaluations into one tick's evidence.
 *
 * What arrived since the last tick forms one stratum for each routing epoch of the rollout, whenever its request was routed; within
 * an epoch the share of keys is constant, so late outcomes are exact. A source is read from its background sampler and never
 * waited for; a measurement is handed on once.
 */
#ifndef MLCM_ROLLOUT_GATHER_H
#define MLCM_ROLLOUT_GATHER_H

#include "rollout/counted.h"
#include "rollout/machine.h"

typedef struct mlcm__gather mlcm__gather; /* one thread at a time */

typedef struct mlcm__gather_options {
  mlcm_registry *reg;    /* retained */
  const mlcm_plan *plan; /* borrowed */
  int64_t endpoint_id;
  int64_t stable;
  int64_t candidate;
  uint64_t first_epoch; /* the rollout's first routing epoch */
} mlcm__gather_options;

/* Starts the samplers of the plan's sources. */
mlcm_status mlcm__gather_new(const mlcm__gather_options *options, mlcm__gather **out, mlcm_error *err);
void mlcm__gather_free(mlcm__gather *gather);

/* The totals that the evidence has; a new holder puts the recorded ones here. */
mlcm__counted *mlcm__gather_counted(mlcm__gather *gather);

/* Fills in traffic and observations of *tick, whose times are set; they stay valid until the next call. On failure nothing was
 * counted. MLCM_IO, MLCM_CORRUPT: a meter file cannot be read. MLCM_NO_MEMORY. */
mlcm_status mlcm__gather_tick(mlcm__gather *gather, mlcm__tick *tick, mlcm_error *err);

/* Living processes that serve the endpoint, as of the last tick. */
int32_t mlcm__gather_n_serving(const mlcm__gather *gather);

#endif
