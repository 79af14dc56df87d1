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

/* Fills `out` from `text` of `len` bytes (CSV when it does not begin with '{' or '['), which it takes over. `name` stands in
 * messages. At most `limit` rows, 0: all. Answers 0, or an exit code after telling what is wrong and where. Always to be
 * followed by cli_inputs_reset. */
int cli_inputs_read(cli *c, const mlcm_session *session, const char *name, char *text, size_t len, int64_t limit,
                    cli_inputs *out);
void cli_inputs_reset(cli_inputs *inputs);

/* Shared by the two readers. */
typedef struct cli_source {
  cli *c;
  const char *name;
  const mlcm_session *session;
  int64_t limit;
  cli_inputs *out;
} cli_source;

int cli_read_csv(const cli_source *source);
int cli_read_json(const cli_source *source);
/* Memory for a tensor of this shape, all zero. The text has a cell for each element, so there are not too many. */
void cli_tensor_make(cli_tensor *t, const mlcm_port *port, int32_t rank, const int64_t *shape);
/* Writes one cell into element `at`; false when the text is no value of the tensor's type. An empty cell is NaN where there is
 * one. */
bool cli_tensor_put(cli_tensor *t, int64_t at, const char *text);
/* "f32 [n, 64]": what a port wants. */
const char *cli_port_text(const mlcm_port *port, char *out, size_t size);

#endif
