/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h - the inside of a state snapshot: the summary and the texts that it points to.
 */
#ifndef MLCM_ROLLOUT_STATE_H
#define MLCM_ROLLOUT_STATE_H

#include "rollout/machine.h"

struct mlcm_rollout_state {
  mlcm_context *ctx;
  mlcm_rollout_summary summary;
  mlcm_rollout_check *checks; /* [summary.n_checks] */
  char **check_names;
  mlcm_decision *decision;
  char endpoint[MLCM_MODEL_NAME_MAX + 1];
  char model[MLCM_MODEL_NAME_MAX + 1];
  char alias[MLCM_ALIAS_NAME_MAX + 1];
  char holder[64];
  char waits_for[MLCM__REASON_MAX];
};

#endif
