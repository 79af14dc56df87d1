/* SPDX-License-Identifier: Apache-2.0
 *
 * poll.c - one round of requests and what they measured; mlcm_measure is such a round with a client of its own.
 */
#include "metric/poll.h"

#include <string.h>

#include "metric/source.h"

enum { PROMETHEUS_BODY_BYTES = 1 << 20, PROBE_BODY_BYTES = 16 << 20 };

mlcm_status mlcm__sources_check(const mlcm_source *sources, size_t n, mlcm_error *err) {
  if (n && !sources) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "sources is NULL");
  if (n > MLCM__MAX_SOURCES) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%zu sources, the limit is %d", n, MLCM__MAX_SOURCES);
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; i < n && !st; i++) st = mlcm__source_check(&sources[i], i, err);
  return st;
}

static mlcm__http_request request_of(const mlcm_source *source, const char *url) {
  return (mlcm__http_request){
      .url = url,
      .headers = source->headers,
      .n_headers = source->n_headers,
      .timeout_ns = mlcm__source_timeout_ns(source),
      .max_body_bytes = source->query ? PROMETHEUS_BODY_BYTES : PROBE_BODY_BYTES,
  };
}

static mlcm_status read_answers(mlcm_context *ctx, const mlcm_source *sources, const mlcm__http_answer *answers, size_t n,
                                mlcm_measurement *out, mlcm_error *err) {
  const int64_t now = mlcm__wall_ns(ctx);
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; i < n && !st; i++) st = mlcm__source_read(ctx, &sources[i], &answers[i], now, &out[i], err);
  return st;
}

mlcm_status mlcm__poll(mlcm_context *ctx, mlcm__http *http, const mlcm_source *sources, char *const *urls, size_t n,
                       mlcm_measurement *out, mlcm_error *err) {
  mlcm__http_request *requests = mlcm__alloc_zero(ctx, n, sizeof *requests);
  mlcm__http_answer *answers = mlcm__alloc_zero(ctx, n, sizeof *answers);
  mlcm_measurement *measured = mlcm__alloc_zero(ctx, n, sizeof *measured);
  mlcm_status st = requests && answers && measured ? MLCM_OK : mlcm__fail_memory(err, n * sizeof *answers);
  if (st) goto done;
  for (size_t i = 0; i < n; i++) requests[i] = request_of(&sources[i], urls[i]);
  st = mlcm__http_run(http, requests, answers, n, err);
  if (st) goto done;
  st = read_answers(ctx, sources, answers, n, measured, err);
  for (size_t i = 0; i < n; i++) mlcm__http_answer_reset(&answers[i]);
  if (!st) memcpy(out, measured, n * sizeof *out);
done:
  mlcm__free(ctx, measured);
  mlcm__free(ctx, answers);
  mlcm__free(ctx, requests);
  return st;
}

mlcm_status mlcm_measure(mlcm_context *ctx, const mlcm_source *sources, size_t n, mlcm_measurement *out, mlcm_error *err) {
  mlcm__http *http = NULL;
  char **urls = NULL;
  if (!ctx) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "ctx is NULL");
  if (n && !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "out is NULL");
  mlcm_status st = mlcm__sources_check(sources, n, err);
  if (st || n == 0) return st;
  urls = mlcm__alloc_zero(ctx, n, sizeof *urls);
  if (!urls) return mlcm__fail_memory(err, n * sizeof *urls);
  for (size_t i = 0; i < n && !st; i++) st = mlcm__source_url(ctx, &sources[i], &urls[i], err);
  if (!st) st = mlcm__http_new(ctx, &http, err);
  if (!st) st = mlcm__poll(ctx, http, sources, urls, n, out, err);
  mlcm__http_free(http);
  for (size_t i = 0; i < n; i++) mlcm__free(ctx, urls[i]);
  mlcm__free(ctx, urls);
  return st;
}
