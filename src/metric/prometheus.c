/* SPDX-License-Identifier: Apache-2.0
 *
 * prometheus.c - the answer to an instant query (GET /api/v1/query) as a measurement. The order of judgement: HTTP status,
 * content type, JSON, "status", result type, number of series, the value, its age, warnings.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "metric/measurement.h"
#include "metric/source.h"

enum { ANSWER_DEPTH = 16 }; /* its length is the request's to limit */

/* Member of that name as text, or "" when it is missing or something else. */
static const char *text_of(const cJSON *object, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsString(item) ? item->valuestring : "";
}

/* ---- From the data ------------------------------------------------------------------------------------------------- */

/* [unix seconds, "value"]: false when it is anything else. */
static bool read_pair(const cJSON *pair, int64_t *out_at_ns, double *out_value) {
  const cJSON *at = cJSON_GetArrayItem(pair, 0);
  const cJSON *value = cJSON_GetArrayItem(pair, 1);
  if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2 || !cJSON_IsNumber(at) || !cJSON_IsString(value)) return false;
  if (!(at->valuedouble >= 0 && at->valuedouble < 9e9)) return false; /* until the year 2255 in int64 nanoseconds */
  *out_at_ns = (int64_t)(at->valuedouble * 1e3) * 1000000;            /* Prometheus counts milliseconds */
  return mlcm__parse_f64(value->valuestring, strlen(value->valuestring), out_value);
}

static void judge_value(mlcm_measurement *m, const cJSON *pair) {
  double value = 0;
  if (!read_pair(pair, &m->at_ns, &value)) {
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "the sample is not a pair of time and value");
  } else if (isnan(value)) {
    mlcm__measurement_set(m, MLCM_MEASURED_NO_DATA, "the value is NaN");
  } else if (isinf(value)) {
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "the value is %s infinite", value > 0 ? "positive" : "negative");
  } else {
    mlcm__measurement_set(m, MLCM_MEASURED_VALUE, "%s", "");
    m->value = value;
  }
}

static void judge_vector(mlcm_measurement *m, const cJSON *result) {
  const int n = cJSON_GetArraySize(result);
  const cJSON *series = cJSON_GetArrayItem(result, 0);
  if (!cJSON_IsArray(result)) {
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "the vector is not a list");
  } else if (n == 0) {
    mlcm__measurement_set(m, MLCM_MEASURED_NO_DATA, "no series matches");
  } else if (n > 1) {
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "%d series where one is expected: aggregate, e.g. with sum() or avg()", n);
  } else if (cJSON_GetObjectItemCaseSensitive(series, "histogram")) {
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "a native histogram where a number is expected: use e.g. histogram_quantile()");
  } else {
    judge_value(m, cJSON_GetObjectItemCaseSensitive(series, "value"));
  }
}

static void judge_data(mlcm_measurement *m, const cJSON *data) {
  const char *type = text_of(data, "resultType");
  const cJSON *result = cJSON_GetObjectItemCaseSensitive(data, "result");
  if (strcmp(type, "vector") == 0)
    judge_vector(m, result);
  else if (strcmp(type, "scalar") == 0)
    judge_value(m, result);
  else if (strcmp(type, "matrix") == 0)
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "a range of samples where one is expected: drop the [range]");
  else if (strcmp(type, "string") == 0)
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "a string where a number is expected");
  else
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "an answer without a result type that is known ('%.40s')", type);
}

/* ---- From the whole answer ----------------------------------------------------------------------------------------- */

/* First warning, "" for a partial answer without one, NULL when the answer is whole. */
static const char *find_warning(const cJSON *answer) {
  const cJSON *warnings = cJSON_GetObjectItemCaseSensitive(answer, "warnings");
  const cJSON *first = cJSON_GetArrayItem(warnings, 0);
  if (cJSON_IsArray(warnings) && first) return cJSON_IsString(first) ? first->valuestring : "";
  return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "isPartial")) ? "" : NULL;
}

static void judge_warnings(mlcm_measurement *m, const cJSON *answer) {
  const char *warning = find_warning(answer);
  const double value = m->value;
  if (!warning || m->kind != MLCM_MEASURED_VALUE) return;
  mlcm__measurement_set(m, MLCM_MEASURED_PARTIAL, "%s", warning[0] ? warning : "the server says the answer is partial");
  m->value = value;
}

static void judge_answer(mlcm_measurement *m, const cJSON *answer, int64_t now_wall_ns, int64_t max_age_ns) {
  const char *error = text_of(answer, "error");
  if (strcmp(text_of(answer, "status"), "success") != 0) {
    mlcm__measurement_set(m, MLCM_MEASURED_ERROR, "%s: %s",
                          text_of(answer, "errorType")[0] ? text_of(answer, "errorType") : "error",
                          error[0] ? error : "the answer's status is not success");
    return;
  }
  judge_data(m, cJSON_GetObjectItemCaseSensitive(answer, "data"));
  judge_warnings(m, answer);
  if (m->kind == MLCM_MEASURED_VALUE || m->kind == MLCM_MEASURED_PARTIAL)
    mlcm__measurement_age(m, now_wall_ns - m->at_ns, 0, max_age_ns);
}

/* An answer that is no JSON at all is said to be so; one with a bad status tells Prometheus' reason when it has one. */
static void judge_status(mlcm_measurement *m, const cJSON *answer) {
  const char *error = text_of(answer, "error");
  mlcm__measurement_set(m, MLCM_MEASURED_ERROR, error[0] ? "HTTP %" PRId32 ": %s" : "HTTP %" PRId32 "%s", m->http_status, error);
}

static bool is_json(const char *content_type) { return content_type[0] == 0 || strcmp(content_type, "application/json") == 0; }

mlcm_status mlcm__prometheus_read(mlcm_context *ctx, int32_t http_status, const char *content_type, const char *body,
                                  size_t body_len, int64_t now_wall_ns, int64_t max_age_ns, mlcm_measurement *out,
                                  mlcm_error *err) {
  const mlcm__json_limits limits = {.max_bytes = SIZE_MAX, .max_depth = ANSWER_DEPTH};
  const bool good_status = http_status >= 200 && http_status <= 299;
  mlcm_measurement m = {.http_status = http_status, .at_ns = now_wall_ns};
  mlcm_error why;
  cJSON *answer = NULL;
  mlcm_status st = MLCM_OK;
  if (is_json(content_type)) st = mlcm__json_parse(ctx, "answer", body, body_len, limits, &answer, &why);
  if (st == MLCM_NO_MEMORY) {
    if (err) *err = why;
    return st;
  }
  if (!good_status)
    judge_status(&m, answer);
  else if (!is_json(content_type))
    mlcm__measurement_set(&m, MLCM_MEASURED_ERROR, "%.40s instead of JSON: a login page or proxy?", content_type);
  else if (st)
    mlcm__measurement_set(&m, MLCM_MEASURED_ERROR, "not JSON: %s", why.message);
  else
    judge_answer(&m, answer, now_wall_ns, max_age_ns);
  cJSON_Delete(answer);
  *out = m;
  return MLCM_OK;
}
