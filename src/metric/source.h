/* SPDX-License-Identifier: Apache-2.0
 *
 * source.h - what to ask a source, and what its answer means. Pure: no I/O, no clock (sampler.h does the asking).
 */
#ifndef MLCM_METRIC_SOURCE_H
#define MLCM_METRIC_SOURCE_H

#include <mlcm/metric.h>
#include "base/http.h"

/* Defaults for the zero members of mlcm_source. */
#define MLCM__SOURCE_TIMEOUT_NS INT64_C(10000000000)
#define MLCM__SOURCE_MAX_AGE_NS INT64_C(60000000000)
#define MLCM__SOURCE_INTERVAL_NS INT64_C(5000000000)

/* Whether a source is well formed; `index` is for the message. MLCM_INVALID_ARGUMENT. */
mlcm_status mlcm__source_check(const mlcm_source *source, size_t index, mlcm_error *err);

/* The members with their defaults filled in. */
int64_t mlcm__source_timeout_ns(const mlcm_source *source);
int64_t mlcm__source_max_age_ns(const mlcm_source *source);
int64_t mlcm__source_interval_ns(const mlcm_source *source);

/* The address to GET: a probe's own; for Prometheus base + "/api/v1/query?query=...&timeout=..." (percent-encoded, and
 * lookback_delta where max_age_ns is set). Freed with mlcm__free. */
mlcm_status mlcm__source_url(mlcm_context *ctx, const mlcm_source *source, char **out, mlcm_error *err);

/* What an answer to an instant query means, by the table in mlcm/metric.h. `body` need not be NUL-terminated; content_type is
 * lower case without parameters, "" when absent. Sets every member of *out but took_ns. MLCM_NO_MEMORY only: anything that can be
 * wrong with the answer is a measurement. */
mlcm_status mlcm__prometheus_read(mlcm_context *ctx, int32_t http_status, const char *content_type, const char *body,
                                  size_t body_len, int64_t now_wall_ns, int64_t max_age_ns, mlcm_measurement *out,
                                  mlcm_error *err);

/* What a probe's exchange means: value 1 (up) or 0 (down); kind ERROR only for an exchange that was cancelled. */
void mlcm__probe_read(const mlcm__http_answer *answer, int32_t expect_status, int64_t now_wall_ns, mlcm_measurement *out);

/* Either of the two, and the ends of an exchange that brought no answer. Sets every member of *out. */
mlcm_status mlcm__source_read(mlcm_context *ctx, const mlcm_source *source, const mlcm__http_answer *answer, int64_t now_wall_ns,
                              mlcm_measurement *out, mlcm_error *err);

#endif
