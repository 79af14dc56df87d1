/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - reads the inputs of `mlcm run` from CSV or JSON into tensors that fit a session's ports.
 */
#ifndef MLCM_CLI_ROWS_H
#define MLCM_CLI_ROWS_H

#include "cli.h"

/* One input tensor with its own memory. */
typedef struct cli_tensor {
  mlcm_input input;
  void *data;
} cli_tensor;

typedef struct cli_inputs {
  cli_tensor *tensors; /* [n], one a port of the session */
  size_t n;
  int64_t n_rows;
  char *text;  /* cells of a CSV point into it */
  cJSON *tree; /* and those of JSON into this */
} cli_inputs;

/* Fills `out` from `text` (CSV when it does not begin with '{' or '['), which it takes over. At most `limit` rows, 0: all.
 * Answers 0, or an exit code after telling what is wrong and where. Always to be followed by cli_inputs_reset. */
int cli_inputs_read(cli *c, const mlcm_session *session, const char *name, char *text, int64_t limit, cli_inputs *out);
void cli_inputs_reset(cli_inputs *inputs);

#endif
