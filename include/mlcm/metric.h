/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/metric.h - measurements: one typed answer from a meter, a Prometheus query or an HTTP probe.
 *
 *   mlcm_source sources[2] = {
 *       {.url = "http://127.0.0.1:9090", .query = "avg(up)"},
 *       {.url = "http://127.0.0.1:8080/healthz", .timeout_ns = 2000000000},
 *   };
 *   mlcm_measurement m[2];
 *   if (mlcm_measure(ctx, sources, 2, m, &err) != MLCM_OK) return 1;
 *   if (m[0].kind == MLCM_MEASURED_VALUE) printf("%g\n", m[0].value);
 *   else printf("%s: %s\n", mlcm_measurement_kind_name(m[0].kind), m[0].detail);
 *
 * A source that cannot be reached is not a failed call: it is a measurement of kind ERROR (Prometheus) or the value 0 (probe).
 * What each answer becomes:
 *
 *   Prometheus  one finite sample of a scalar or a vector of one series              VALUE
 *               empty vector, NaN                                                    NO_DATA
 *               a value that came with warnings, or marked isPartial                 PARTIAL
 *               sample older than max_age_ns                                         STALE
 *               +Inf, -Inf, several series, a matrix, a string, a native histogram,
 *               status "error" (with or without data), HTTP status not 2xx, HTML,
 *               not JSON, refused, timed out, TLS failure, answer too large          ERROR
 *   HTTP probe  the expected status (any 2xx by default)                             VALUE 1
 *               any other status, refused, timed out, TLS failure, not HTTP          VALUE 0, detail says which
 *               more than 16 MiB of answer                                           ERROR
 */
#ifndef MLCM_METRIC_H
#define MLCM_METRIC_H

#include <mlcm/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What kind of answer a measurement is. Only VALUE counts; no other kind ever passes or fails a check. */
typedef int32_t mlcm_measurement_kind;
enum {
  MLCM_MEASURED_VALUE = 1,
  MLCM_MEASURED_NO_DATA = 2, /* NaN, empty vector, nothing observed yet */
  MLCM_MEASURED_PARTIAL = 3, /* warnings or a partial answer: value is set but does not count */
  MLCM_MEASURED_STALE = 4,   /* older than the source's max age */
  MLCM_MEASURED_ERROR = 5    /* refused, timed out, not 2xx, HTML, several series, infinite */
};

/* One answer. Plain value, copied freely. */
typedef struct mlcm_measurement {
  mlcm_measurement_kind kind;
  int32_t http_status; /* 0 when none */
  double value;        /* for VALUE and PARTIAL, always finite; else 0 */
  int64_t at_ns;       /* wall time the value is from; when there is none, of the attempt; 0 before the first attempt */
  int64_t took_ns;     /* how long the source took */
  char detail[128];    /* why it is not a value (for a probe also: why it is down), or ""; valid UTF-8 */
} mlcm_measurement;

/* Static name of a kind: "value", "no data", "partial", "stale", "error"; "unknown" for other numbers. Since 0.1. */
MLCM_API const char *mlcm_measurement_kind_name(mlcm_measurement_kind kind);

/* Where a measurement comes from. A plain value whose zero members mean the default, so that `{.url = ..., .query = ...}` is
 * enough; strings are borrowed for the call they are passed to. Frozen: new members take the place of `reserved`, which must
 * be 0. */
typedef struct mlcm_source {
  const char *url;   /* http or https. Prometheus: its base address, "/api/v1/query" is added (before a '?', when the address
                      * has parameters such as "?partial_response=false"). Probe: the address to GET */
  const char *query; /* PromQL of an instant query; NULL: an HTTP probe of `url` */
  const char *const *headers; /* "Name: value", e.g. "Authorization: Bearer ..." [n_headers] */
  size_t n_headers;
  int64_t timeout_ns;    /* for the whole exchange; 0: 10 s */
  int64_t max_age_ns;    /* 0: 60 s. A measurement older than this is STALE. Where set, it also goes to Prometheus as
                          * lookback_delta, so that a sample scraped longer ago gives NO_DATA instead of an old value */
  int64_t interval_ns;   /* how often a background sampler asks; 0: 5 s, or half of max_age_ns where that is less */
  int32_t expect_status; /* probe: the status that means up; 0: any from 200 to 299 */
  uint32_t reserved32;
  uint64_t reserved[4];
} mlcm_source;

/* Asks n sources side by side and waits until each has answered or run into its own time limit; so it takes as long as the
 * slowest. For one-off gates; a rollout uses a background sampler instead.
 *   sources, out  [n]; n may be 0. Every out[i] is set on success.
 * A source that does not answer, or not usably, is a measurement (see the table above), not a failure.
 * MLCM_INVALID_ARGUMENT: a NULL pointer; a source whose url is missing, malformed or not http or https, with a negative time or a
 * non-zero reserved member; more than 256 sources. The message names the index.
 * MLCM_NO_MEMORY, MLCM_INTERNAL (the HTTP client cannot go on). Out is unchanged on failure.
 * Thread-safe. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_measure(mlcm_context *ctx, const mlcm_source *sources, size_t n, mlcm_measurement *out,
                                                mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
