/* SPDX-License-Identifier: Apache-2.0
 *
 * rollout.h - what the commands on rollouts share.
 */
#ifndef MLCM_CLI_ROLLOUT_H
#define MLCM_CLI_ROLLOUT_H

#include "cli.h"

enum { PLAN_MAX_BYTES = 1 << 20 }; /* what the library takes */

/* Opens the registry and the rollout that the command speaks of: --rollout ID, else the endpoint's active or newest one. Answers
 * 0, or the exit code after having told the error. */
int cli_rollout_open(cli *c, uint32_t flags, mlcm_rollout **out);
/* Where it stands, as one JSON object. */
int cli_rollout_json(cli *c, const mlcm_rollout_state *state);

#endif
