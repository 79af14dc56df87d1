/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.c - see progress.h.
 */
#include "registry/progress.h"

static const int64_t interval_ns = 50 * INT64_C(1000000);

void mlcm__pace_init(mlcm__pace *pace, const mlcm_context *ctx, const mlcm_progress *progress, int64_t total) {
  *pace = (mlcm__pace){.ctx = ctx, .total = total};
  if (progress) pace->progress = *progress;
  if (pace->progress.report) pace->next_ns = mlcm__mono_ns(ctx) + interval_ns;
}

static mlcm_status report(mlcm__pace *pace, mlcm_error *err) {
  if (!pace->progress.report || pace->progress.report(pace->progress.user, pace->done, pace->total) == 0) return MLCM_OK;
  if (pace->total < 0)
    return mlcm__fail(err, MLCM_CANCELLED, "stopped by the caller, objects looked at: %lld", (long long)pace->done);
  return mlcm__fail(err, MLCM_CANCELLED, "stopped by the caller after %lld of %lld bytes", (long long)pace->done,
                    (long long)pace->total);
}

mlcm_status mlcm__pace_add(mlcm__pace *pace, int64_t amount, mlcm_error *err) {
  pace->done += amount;
  if (!pace->progress.report) return MLCM_OK;
  int64_t now = mlcm__mono_ns(pace->ctx);
  if (now < pace->next_ns) return MLCM_OK;
  pace->next_ns = now + interval_ns;
  return report(pace, err);
}

mlcm_status mlcm__pace_end(mlcm__pace *pace, mlcm_error *err) { return report(pace, err); }
