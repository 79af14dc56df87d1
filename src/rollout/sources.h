/* SPDX-License-Identifier: Apache-2.0
 *
 * sources.h - measurements of threshold checks: probes and queries from background samplers, recorded evaluations, the meters.
 *
 * A measurement is handed on once, when it is new, so that `failures: 3` counts three answers and not one answer three times.
 */
#ifndef MLCM_ROLLOUT_SOURCES_H
#define MLCM_ROLLOUT_SOURCES_H

#include "rollout/counted.h"
#include "rollout/plan.h"

typedef struct mlcm__sources mlcm__sources; /* one thread at a time */

typedef struct mlcm__sources_options {
  mlcm_registry *reg;    /* borrowed */
  const mlcm_plan *plan; /* borrowed */
  const char *model;     /* copied */
  int64_t candidate;
} mlcm__sources_options;

/* Starts the samplers. */
mlcm_status mlcm__sources_new(const mlcm__sources_options *options, mlcm__sources **out, mlcm_error *err);
void mlcm__sources_free(mlcm__sources *sources);

/* What the candidate's meters counted since the last tick (all requests but overrides), with the names of its outcomes. */
void mlcm__sources_add(mlcm__sources *sources, const mlcm__meter_sum *candidate, const mlcm__counted *names, int32_t n_serving,
                       const mlcm_time *now);

/* The newest measurement of check i, which is a threshold check; false when there is nothing new. Never waits. */
bool mlcm__sources_read(mlcm__sources *sources, size_t i, const mlcm_time *now, mlcm_measurement *out);

#endif
