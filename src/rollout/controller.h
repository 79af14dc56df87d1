/* SPDX-License-Identifier: Apache-2.0
 *
 * controller.h - what the endpoint sees of a rollout handle besides mlcm/rollout.h.
 */
#ifndef MLCM_ROLLOUT_CONTROLLER_H
#define MLCM_ROLLOUT_CONTROLLER_H

#include "registry/rollouts.h"
#include "rollout/machine.h"

/* Called by mlcm_rollout_tick on its thread before a rollback, abort or expiry is written: `routing` is how traffic must go from
 * now on (epoch is the present one, weight 0). The store may refuse or be slow; traffic is safe all the same. */
typedef struct mlcm__rollout_hooks {
  void (*before_commit)(void *user, const mlcm__routing *routing, mlcm_action action, const char *reason);
  void *user;
} mlcm__rollout_hooks;

void mlcm__rollout_set_hooks(mlcm_rollout *rollout, const mlcm__rollout_hooks *hooks);

/* Tells the lease holder that the candidate cannot serve (it failed to load, its process crashes again and again): the rollout is
 * rolled back without statistics. From any process that serves; not an error when the rollout has ended. */
mlcm_status mlcm__rollout_report_broken(mlcm_registry *reg, int64_t rollout_id, const char *reason, mlcm_error *err);

#endif
