/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.h - the state machine of a rollout. Pure: one tick's evidence in, at most one decision out.
 *
 * The same plan and the same inputs in the same order give the same decisions, bit for bit, on every machine; replay, a new lease
 * holder and a watcher in another process all rely on that. What is not in mlcm__tick is not known here: no clock, no store.
 *
 * Rules, in the order in which a tick looks at them:
 *   1. time     durations add up differences of the monotonic clock, each between 0 and the plan's gap; none while paused.
 *   2. evidence goes to the gate, paused or not.
 *   3. harm     a failed check, a spent harm budget or a broken candidate: roll back, whatever else is asked.
 *   4. displaced: somebody moved the alias or deleted a version: weight 0 and paused, with no way back but abort.
 *   5. commands of people.
 *   6. progress the step's time is over, its checks have passed in this very step, and their evidence is fresh.
 *   7. expiry   not failed, not proven, time over.
 */
#ifndef MLCM_ROLLOUT_MACHINE_H
#define MLCM_ROLLOUT_MACHINE_H

#include "registry/rollouts.h"
#include "rollout/plan.h"

enum { MLCM__REASON_MAX = 384, MLCM__QUIET_TICKS = 10 };

/* One thing asked of the rollout; kind 0 for none (MLCM__INTENT_*). */
typedef struct mlcm__tick_command {
  int32_t kind;
  const char *actor;
  const char *reason;
} mlcm__tick_command;

/* Everything that one tick knows. */
typedef struct mlcm__tick {
  int64_t wall_ns;
  int64_t mono_ns;
  const mlcm_traffic *traffic; /* [n_traffic] one a routing epoch */
  size_t n_traffic;
  const mlcm_observation *observations; /* [n_observations] at most one a check */
  size_t n_observations;
  mlcm__tick_command command;
} mlcm__tick;

/* What a decision stands on: the reason as a type, which records keep beside the sentence. */
typedef enum mlcm__cause {
  MLCM__CAUSE_START = 1,
  MLCM__CAUSE_CHECK,           /* a check has failed */
  MLCM__CAUSE_HARM_BUDGET,     /* spent */
  MLCM__CAUSE_BROKEN,          /* the candidate cannot serve */
  MLCM__CAUSE_CHANGED_BY_HAND, /* alias moved or version deleted */
  MLCM__CAUSE_COMMAND,
  MLCM__CAUSE_PROVEN,
  MLCM__CAUSE_EXPIRED
} mlcm__cause;

/* What a tick led to. action 0: no decision; then `refused` says why a command was not obeyed, "" when there was none. */
typedef struct mlcm__outcome {
  mlcm_action action;
  int64_t seq;
  int64_t at_ns;
  int32_t from_step; /* 0-based */
  int32_t to_step;
  int64_t from_weight_ppm;
  int64_t to_weight_ppm;
  mlcm_rollout_status status; /* after it */
  mlcm_verdict_kind verdict;
  int32_t check; /* that it stands on; -1: none */
  mlcm__cause cause;
  char reason[MLCM__REASON_MAX];
  char actor[256]; /* "" for its own decisions */
  char note[256];  /* the person's reason, cut */
  bool is_obeyed;  /* the decision answers the tick's command */
  char refused[MLCM__REASON_MAX];
} mlcm__outcome;

typedef struct mlcm__machine {
  const mlcm_plan *plan; /* borrowed */
  mlcm_context *ctx;
  mlcm_gate *gate;
  int64_t stable;
  int64_t candidate;
  mlcm_rollout_status status; /* 0 before the first tick */
  int32_t step;               /* 0-based */
  int64_t weight_ppm;
  int64_t seq; /* of the last decision */
  int64_t n_ticks;
  int64_t last_wall_ns;
  int64_t last_mono_ns;
  int64_t started_ns; /* wall */
  int64_t ended_ns;   /* wall; 0: active */
  int64_t counted_ns; /* time that passed, pauses included, each tick capped: the gate's clock is started_ns + counted_ns */
  int64_t step_elapsed_ns;
  int64_t elapsed_ns;
  int64_t next_expiry_ns;    /* elapsed_ns at which it expires; INT64_MAX: never */
  mlcm_check_state *decided; /* [n checks] as they were when the last decision was taken, before a new step starts them anew */
  int64_t *last_data_ns;     /* [n checks] step_elapsed_ns when a comparing check last got candidate data, -1: not in this step */
  int64_t last_request_ns;   /* step_elapsed_ns when the candidate last completed any request, -1: not in this step */
  mlcm_counts requests;      /* all requests so far */
  bool displaced;
  char waits_for[MLCM__REASON_MAX]; /* why it does not advance, of the last tick */
} mlcm__machine;

/* A machine before its first tick, which starts the rollout. `plan` must outlive it. */
mlcm_status mlcm__machine_new(mlcm_context *ctx, const mlcm_plan *plan, int64_t stable, int64_t candidate, mlcm__machine **out,
                              mlcm_error *err);
void mlcm__machine_free(mlcm__machine *machine);

/* Takes in one tick. MLCM_INVALID_STATE: the rollout has ended. MLCM_INVALID_ARGUMENT: evidence that the gate refuses; then only
 * the time has passed. O(checks * strata). */
mlcm_status mlcm__machine_tick(mlcm__machine *machine, const mlcm__tick *tick, mlcm__outcome *out, mlcm_error *err);

bool mlcm__machine_active(const mlcm__machine *machine);

#endif
