/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/metric.h - measurements: one typed answer from a meter, a Prometheus query or an HTTP probe.
 */
#ifndef MLCM_METRIC_H
#define MLCM_METRIC_H

#include <mlcm/base.h>

#ifdef __cplusplus
extern "C" {
#endif

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
  double value;        /* for VALUE and PARTIAL; else 0 */
  int64_t at_ns;       /* wall time the value is from */
  int64_t took_ns;     /* how long the source took */
  char detail[128];    /* why it is not a value, or "" */
} mlcm_measurement;

#ifdef __cplusplus
}
#endif
#endif
