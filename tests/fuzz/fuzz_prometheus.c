/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_prometheus.c - any bytes as the answer to an instant query: always a measurement that keeps its promises.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "metric/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm_measurement m;
  mlcm_error err;
  memset(&m, 0x55, sizeof m);
  if (mlcm_context_new(NULL, &ctx, &err)) abort();
  const int64_t now = INT64_C(1772366400000000000);
  if (mlcm__prometheus_read(ctx, 200, "application/json", (const char *)data, size, now, INT64_C(60000000000), &m, &err)) abort();
  const bool has_value = m.kind == MLCM_MEASURED_VALUE || m.kind == MLCM_MEASURED_PARTIAL;
  if (m.kind < MLCM_MEASURED_VALUE || m.kind > MLCM_MEASURED_ERROR) abort();
  if (!isfinite(m.value) || (!has_value && m.value != 0)) abort();
  if (memchr(m.detail, 0, sizeof m.detail) == NULL || !mlcm__text_is_plain(m.detail, strlen(m.detail))) abort();
  if (m.kind != MLCM_MEASURED_VALUE && m.detail[0] == 0) abort();
  mlcm_context_free(ctx);
  return 0;
}
