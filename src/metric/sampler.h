/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler.h - asks sources in the background, so that a tick reads the newest measurement of each without waiting.
 *
 * Every source has a thread of its own (all signals blocked, joined by free): a slow source delays only itself. It asks every
 * interval_ns; after an error it tries again sooner, at random within 0.5 to 1 times a delay that doubles from 1 s up to the
 * interval.
 */
#ifndef MLCM_METRIC_SAMPLER_H
#define MLCM_METRIC_SAMPLER_H

#include <mlcm/metric.h>
#include "base/context.h"

typedef struct mlcm__sampler mlcm__sampler; /* any thread at the same time, except _free */

/* Starts asking. The sources are copied, their strings too. n may be 0. The errors of mlcm_measure, and
 * MLCM_INVALID_ARGUMENT for an interval that is not shorter than the max age (every measurement would be stale). */
mlcm_status mlcm__sampler_new(mlcm_context *ctx, const mlcm_source *sources, size_t n, mlcm__sampler **out, mlcm_error *err);
/* Stops asking, cancels what is under way, joins the threads. NULL is allowed. In a forked child, which has none of the threads,
 * it touches nothing. */
void mlcm__sampler_free(mlcm__sampler *sampler);

/* The newest measurement of source i, judged at `now`: NO_DATA ("not measured yet") before the first answer, STALE when older
 * than the source's max age. Never waits for a source. */
void mlcm__sampler_read(mlcm__sampler *sampler, size_t i, const mlcm_time *now, mlcm_measurement *out);

/* How many measurements of source i have come in so far. */
uint64_t mlcm__sampler_count(mlcm__sampler *sampler, size_t i);

/* Asks all sources now instead of when they are due (a source that is being asked is asked again). Does not wait. */
void mlcm__sampler_wake(mlcm__sampler *sampler);

#endif
