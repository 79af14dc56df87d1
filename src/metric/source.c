/* SPDX-License-Identifier: Apache-2.0
 *
 * source.c - a source's defaults, its address, and what the end of an exchange means. Prometheus' answers are read in
 * prometheus.c.
 */
#include "metric/source.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "metric/measurement.h"

enum { ADDRESS_MAX = 1 << 20 };

/* ---- Description --------------------------------------------------------------------------------------------------- */

static mlcm_status check_url(const mlcm_source *source, size_t index, mlcm_error *err) {
  mlcm_status st = mlcm__http_check_url(source->url, err);
  if (!st && (!mlcm__text_is_plain(source->url, strlen(source->url)) || strpbrk(source->url, " #"))) {
    st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%.200s' holds a blank, a '#' or a control character", source->url);
  }
  if (st) mlcm__error_prefix(err, "source %zu: ", index);
  return st;
}

static bool reserved_is_zero(const mlcm_source *s) {
  return s->reserved32 == 0 && !(s->reserved[0] | s->reserved[1] | s->reserved[2] | s->reserved[3]);
}

static mlcm_status check_headers(const mlcm_source *source, size_t index, mlcm_error *err) {
  if (source->n_headers && !source->headers) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "source %zu: headers is NULL", index);
  for (size_t i = 0; i < source->n_headers; i++) {
    const char *h = source->headers[i];
    if (h && strchr(h, ':') && mlcm__text_is_plain(h, strlen(h))) continue;
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "source %zu: header %zu is not of the form 'Name: value'", index, i);
  }
  return MLCM_OK;
}

mlcm_status mlcm__source_check(const mlcm_source *source, size_t index, mlcm_error *err) {
  mlcm_status st = check_url(source, index, err);
  if (st) return st;
  if (source->query && !source->query[0]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "source %zu: the query is empty", index);
  if (source->timeout_ns < 0 || source->max_age_ns < 0 || source->interval_ns < 0) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "source %zu: time-out, max age and interval cannot be negative", index);
  }
  if (source->expect_status && (source->expect_status < 100 || source->expect_status > 599)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "source %zu: expected status %" PRId32 " is not between 100 and 599", index,
                      source->expect_status);
  }
  if (!reserved_is_zero(source)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "source %zu: a reserved member is not 0", index);
  return check_headers(source, index, err);
}

int64_t mlcm__source_timeout_ns(const mlcm_source *source) {
  return source->timeout_ns ? source->timeout_ns : MLCM__SOURCE_TIMEOUT_NS;
}

int64_t mlcm__source_max_age_ns(const mlcm_source *source) {
  return source->max_age_ns ? source->max_age_ns : MLCM__SOURCE_MAX_AGE_NS;
}

int64_t mlcm__source_interval_ns(const mlcm_source *source) {
  const int64_t half_age = mlcm__source_max_age_ns(source) / 2;
  if (source->interval_ns) return source->interval_ns;
  return half_age < MLCM__SOURCE_INTERVAL_NS ? half_age : MLCM__SOURCE_INTERVAL_NS;
}

/* ---- Address ------------------------------------------------------------------------------------------------------- */

static void append_encoded(mlcm__buffer *b, const char *text) {
  static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  for (; *text; text++) {
    if (strchr(kept, *text))
      mlcm__buffer_char(b, *text);
    else
      mlcm__buffer_format(b, "%%%02X", (unsigned)(unsigned char)*text);
  }
}

static int64_t whole_ms(int64_t ns) { return ns <= 1000000 ? 1 : ns / 1000000; }

mlcm_status mlcm__source_url(mlcm_context *ctx, const mlcm_source *source, char **out, mlcm_error *err) {
  mlcm__buffer b;
  mlcm__buffer_init(&b, ctx, ADDRESS_MAX);
  const size_t base_len = source->query ? strcspn(source->url, "?") : strlen(source->url);
  size_t path_len = base_len;
  while (source->query && source->url[path_len - 1] == '/') path_len--; /* ends at the host's name: the URL was checked */
  mlcm__buffer_append(&b, source->url, path_len);
  if (source->query) {
    mlcm__buffer_text(&b, "/api/v1/query?");
    if (source->url[base_len] && source->url[base_len + 1]) mlcm__buffer_format(&b, "%s&", source->url + base_len + 1);
    mlcm__buffer_text(&b, "query=");
    append_encoded(&b, source->query);
    mlcm__buffer_format(&b, "&timeout=%" PRId64 "ms", whole_ms(mlcm__source_timeout_ns(source)));
    if (source->max_age_ns) mlcm__buffer_format(&b, "&lookback_delta=%" PRId64 "ms", whole_ms(source->max_age_ns));
  }
  mlcm_status st = mlcm__buffer_take(&b, "address of a source", out, err);
  mlcm__buffer_reset(&b);
  return st;
}

/* ---- Answers ------------------------------------------------------------------------------------------------------- */

void mlcm__probe_read(const mlcm__http_answer *answer, int32_t expect_status, int64_t now_wall_ns, mlcm_measurement *out) {
  mlcm_measurement m = {.at_ns = now_wall_ns, .took_ns = answer->took_ns};
  double value = 0;
  if (answer->end == MLCM__HTTP_CANCELLED || answer->end == MLCM__HTTP_TOO_LARGE) {
    mlcm__measurement_set(&m, MLCM_MEASURED_ERROR, "%s", answer->detail);
  } else if (answer->end != MLCM__HTTP_ANSWERED) {
    mlcm__measurement_set(&m, MLCM_MEASURED_VALUE, "down: %s", answer->detail);
  } else {
    const bool up = expect_status ? answer->status == expect_status : answer->status >= 200 && answer->status <= 299;
    m.http_status = answer->status;
    value = up ? 1 : 0;
    if (up)
      mlcm__measurement_set(&m, MLCM_MEASURED_VALUE, "%s", "");
    else if (expect_status)
      mlcm__measurement_set(&m, MLCM_MEASURED_VALUE, "down: HTTP %d, expected %" PRId32, answer->status, expect_status);
    else
      mlcm__measurement_set(&m, MLCM_MEASURED_VALUE, "down: HTTP %d, expected 2xx", answer->status);
  }
  m.value = value;
  *out = m;
}

mlcm_status mlcm__source_read(mlcm_context *ctx, const mlcm_source *source, const mlcm__http_answer *answer, int64_t now_wall_ns,
                              mlcm_measurement *out, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  if (!source->query) {
    mlcm__probe_read(answer, source->expect_status, now_wall_ns, out);
  } else if (answer->end == MLCM__HTTP_ANSWERED) {
    st = mlcm__prometheus_read(ctx, answer->status, answer->content_type, answer->body.len ? answer->body.data : "",
                               answer->body.len, now_wall_ns, mlcm__source_max_age_ns(source), out, err);
    if (!st) out->took_ns = answer->took_ns;
  } else {
    *out = (mlcm_measurement){.at_ns = now_wall_ns, .took_ns = answer->took_ns};
    mlcm__measurement_set(out, MLCM_MEASURED_ERROR, "%s", answer->detail);
  }
  return st;
}
