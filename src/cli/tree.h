/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.h - a rollout as people see it: the tree that `watch` draws, and one line for pipes.
 */
#ifndef MLCM_CLI_TREE_H
#define MLCM_CLI_TREE_H

#include "cli.h"

/* Writes the tree to stdout over the `over` lines that the last one took (0: below all), each line cut to the terminal, and
 * answers how many lines it takes. */
int cli_tree_print(cli *c, const mlcm_rollout_state *state, int over);
/* An ended rollout in one line without colours. */
void cli_tree_line(cli *c, const mlcm_rollout_state *state);
/* Whether it goes on. */
bool cli_is_active(mlcm_rollout_status status);
/* Exit code for an ended rollout; EXIT_OK while it is active. */
int cli_tree_exit_code(mlcm_rollout_status status);

#endif
