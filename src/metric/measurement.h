/* SPDX-License-Identifier: Apache-2.0
 *
 * measurement.h - filling in a measurement.
 */
#ifndef MLCM_METRIC_MEASUREMENT_H
#define MLCM_METRIC_MEASUREMENT_H

#include <mlcm/metric.h>

/* Sets kind and detail (cut to its size at a character, anything but plain text replaced by '?') and takes the value away, which
 * only VALUE and PARTIAL have: set it afterwards. */
void mlcm__measurement_set(mlcm_measurement *m, mlcm_measurement_kind kind, const char *format, ...) MLCM_PRINTF(3, 4);

/* *m as seen later: turns into STALE when its sample is then older than max_age_ns. `age_ns` is how old the sample was when it
 * was taken, `waited_ns` the time since then by the monotonic clock. */
void mlcm__measurement_age(mlcm_measurement *m, int64_t age_ns, int64_t waited_ns, int64_t max_age_ns);

#endif
