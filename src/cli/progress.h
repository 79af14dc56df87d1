/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.h - long work: a bar on a terminal, and Ctrl-C that ends it.
 */
#ifndef MLCM_CLI_PROGRESS_H
#define MLCM_CLI_PROGRESS_H

#include "cli.h"

typedef struct cli_progress {
  cli *cli;
  const char *what; /* "reading" */
  const char *unit; /* what is counted, "object"; NULL: bytes */
  int64_t started_ns;
  bool draws;
  bool shown;
} cli_progress;

/* What the library is given; the bar is drawn over stderr's last line, on terminals only. */
mlcm_progress cli_progress_start(cli *c, cli_progress *p, const char *what, const char *unit);
void cli_progress_end(cli_progress *p);

/* Whether Ctrl-C was pressed since this was first asked; a second one ends the program at once. */
bool cli_interrupted(void);
int64_t cli_now_ns(void); /* monotonic */
void cli_nap(int64_t ms);

#endif
