/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h - the inside of a plan: steps, what happens at their end, override rules, and the policy of its checks.
 *
 * Pure: text in, an immutable object out. The canonical JSON is written with all defaults, so that its digest names everything a
 * decision depends on.
 */
#ifndef MLCM_ROLLOUT_PLAN_H
#define MLCM_ROLLOUT_PLAN_H

#include <mlcm/rollout.h>

#include "base/context.h"
#include "base/text.h"

enum {
  MLCM__PLAN_MAX_STEPS = 100,
  MLCM__PLAN_MAX_OVERRIDES = 100,
  MLCM__PLAN_OVERRIDE_BYTES = 65536,
  MLCM__PLAN_GAP_TICKS = 5 /* default of `gap`, in ticks */
};

#define MLCM__PLAN_TICK_NS INT64_C(1000000000)

typedef enum mlcm__then { MLCM__THEN_PROMOTE = 1, MLCM__THEN_PAUSE = 2 } mlcm__then;

typedef struct mlcm__plan_step {
  int64_t weight_ppm;
  int64_t for_ns;
  int line, column;
  bool *required; /* [n checks] which of the policy's checks must pass before the step is over */
} mlcm__plan_step;

typedef struct mlcm__override {
  char *attribute;
  char *value; /* NULL: any */
  bool to_candidate;
} mlcm__override;

struct mlcm_plan {
  mlcm_context *ctx;
  char *endpoint;
  char *candidate;
  mlcm_policy *policy;
  int64_t tick_ns;
  int64_t gap_ns; /* most that one tick adds to any duration */
  mlcm__then then;
  int32_t n_steps;
  mlcm__plan_step *steps;
  int32_t n_overrides;
  mlcm__override *overrides;
  char *override_json; /* "[]" for none */
  char *json;
  char digest[65];
};

/* plan_json.c: fills override_json, json and digest of a plan that is otherwise complete. */
mlcm_status mlcm__plan_seal(mlcm_plan *plan, mlcm_error *err);

#endif
