/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.h - a rollout as people see it: the tree that `watch` draws, and one line for pipes.
 */
#ifndef MLCM_CLI_TREE_H
#define MLCM_CLI_TREE_H

#include "cli.h"

/* Writes the tree and answers how many lines it took on this terminal. */
int cli_tree_print(const cli_term *t, const mlcm_rollout_state *state);
/* The same in one line without colours. */
void cli_tree_line(FILE *file, const mlcm_rollout_state *state);
/* Exit code for an ended rollout; EXIT_OK while it is active. */
int cli_tree_exit_code(mlcm_rollout_status status);

#endif
