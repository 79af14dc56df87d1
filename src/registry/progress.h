/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.h - telling a caller how far long work is, about 20 times a second and once at the end.
 */
#ifndef MLCM_REGISTRY_PROGRESS_H
#define MLCM_REGISTRY_PROGRESS_H

#include "base/context.h"

typedef struct mlcm__pace {
  const mlcm_context *ctx;
  mlcm_progress progress; /* report NULL: nobody listens */
  int64_t done;
  int64_t total; /* bytes; < 0: objects are counted, nobody knows how many there are */
  int64_t next_ns; /* monotonic time of the next report */
} mlcm__pace;

void mlcm__pace_init(mlcm__pace *pace, const mlcm_context *ctx, const mlcm_progress *progress, int64_t total);
/* MLCM_CANCELLED when the caller says so. */
mlcm_status mlcm__pace_add(mlcm__pace *pace, int64_t amount, mlcm_error *err);
mlcm_status mlcm__pace_end(mlcm__pace *pace, mlcm_error *err);

#endif
