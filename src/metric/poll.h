/* SPDX-License-Identifier: Apache-2.0
 *
 * poll.h - asking sources once, side by side.
 */
#ifndef MLCM_METRIC_POLL_H
#define MLCM_METRIC_POLL_H

#include <mlcm/metric.h>
#include "base/http.h"

enum { MLCM__MAX_SOURCES = 256 };

/* Checks a list of sources: MLCM_INVALID_ARGUMENT names the first bad one. */
mlcm_status mlcm__sources_check(const mlcm_source *sources, size_t n, mlcm_error *err);

/* Asks n sources through `http` and sets every out[i] once each has answered or timed out. urls[i] is mlcm__source_url's. Fails
 * only for lack of memory or when the client itself cannot go on; out is unchanged then. */
mlcm_status mlcm__poll(mlcm_context *ctx, mlcm__http *http, const mlcm_source *sources, char *const *urls, size_t n,
                       mlcm_measurement *out, mlcm_error *err);

#endif
