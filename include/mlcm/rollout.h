/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/rollout.h - plans, progress, decisions and their replay.
 */
#ifndef MLCM_ROLLOUT_H
#define MLCM_ROLLOUT_H

#include <mlcm/base.h>
#include <mlcm/gate.h>
#include <mlcm/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t mlcm_rollout_status;
enum {
  MLCM_ROLLOUT_PROGRESSING = 1, MLCM_ROLLOUT_PAUSED = 2, MLCM_ROLLOUT_PROMOTED = 3, MLCM_ROLLOUT_ROLLED_BACK = 4,
  MLCM_ROLLOUT_ABORTED = 5, MLCM_ROLLOUT_EXPIRED = 6
};

typedef int32_t mlcm_action;
enum {
  MLCM_ACTION_START = 1, MLCM_ACTION_ADVANCE = 2, MLCM_ACTION_HOLD = 3, MLCM_ACTION_PAUSE = 4, MLCM_ACTION_RESUME = 5,
  MLCM_ACTION_PROMOTE = 6, MLCM_ACTION_ROLL_BACK = 7, MLCM_ACTION_ABORT = 8
};

typedef struct mlcm_rollout mlcm_rollout;   /* handle on one rollout; see mlcm_rollout_open */
typedef struct mlcm_decision mlcm_decision; /* immutable record of one decision */

/* Parses the plan, resolves stable (the endpoint's alias) and candidate, records policy and start. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_start(mlcm_registry *reg, const char *plan_name, mlcm_str plan_yaml,
                                                      const mlcm_attribution *by, mlcm_rollout **out, mlcm_error *err);
/* The active, else the newest rollout of an endpoint. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_open(mlcm_registry *reg, const char *endpoint, mlcm_rollout **out, mlcm_error *err);
MLCM_API void mlcm_rollout_close(mlcm_rollout *rollout);

/* One step at `now`: takes or renews the lease, gathers evidence, decides, records. *out is NULL when nothing was decided. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_tick(mlcm_rollout *rollout, const mlcm_time *now, mlcm_decision **out,
                                                     mlcm_error *err);

typedef int32_t mlcm_command;
enum { MLCM_COMMAND_PAUSE = 1, MLCM_COMMAND_RESUME = 2, MLCM_COMMAND_ABORT = 3, MLCM_COMMAND_PROMOTE = 4 };
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_command(mlcm_rollout *rollout, mlcm_command command, const mlcm_attribution *by,
                                                        mlcm_error *err);

MLCM_API void mlcm_decision_free(mlcm_decision *decision);
MLCM_API mlcm_action mlcm_decision_action(const mlcm_decision *decision);
MLCM_API const char *mlcm_decision_json(const mlcm_decision *decision); /* the canonical record */

#ifdef __cplusplus
}
#endif
#endif
