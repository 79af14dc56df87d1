/* SPDX-License-Identifier: Apache-2.0
 *
 * measurement.c - the kinds of a measurement, and what makes one stale.
 */
#include "metric/measurement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

const char *mlcm_measurement_kind_name(mlcm_measurement_kind kind) {
  switch (kind) {
  case MLCM_MEASURED_VALUE: return "value";
  case MLCM_MEASURED_NO_DATA: return "no data";
  case MLCM_MEASURED_PARTIAL: return "partial";
  case MLCM_MEASURED_STALE: return "stale";
  case MLCM_MEASURED_ERROR: return "error";
  default: return "unknown";
  }
}

/* Copies what fits, as plain text: details go into records and on terminals. */
static void set_detail(mlcm_measurement *m, const char *text) {
  const size_t n = mlcm__utf8_cut(text, strlen(text), sizeof m->detail - 1);
  const bool plain = mlcm__text_is_plain(text, n);
  for (size_t i = 0; i < n; i++) m->detail[i] = plain || (text[i] >= ' ' && text[i] <= '~') ? text[i] : '?';
  memset(m->detail + n, 0, sizeof m->detail - n);
}

void mlcm__measurement_set(mlcm_measurement *m, mlcm_measurement_kind kind, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  m->kind = kind;
  m->value = 0;
  set_detail(m, text);
}

void mlcm__measurement_age(mlcm_measurement *m, int64_t age_ns, int64_t waited_ns, int64_t max_age_ns) {
  char age[32];
  char limit[32];
  if (age_ns < 0) age_ns = 0; /* a source whose clock runs ahead */
  if (waited_ns < 0) waited_ns = 0;
  if (m->kind == MLCM_MEASURED_STALE || (age_ns <= max_age_ns && waited_ns <= max_age_ns - age_ns)) return;
  mlcm__format_duration(age_ns <= INT64_MAX - waited_ns ? age_ns + waited_ns : INT64_MAX, age);
  mlcm__format_duration(max_age_ns, limit);
  mlcm__measurement_set(m, MLCM_MEASURED_STALE, "the newest answer is %s old, the limit is %s", age, limit);
}
