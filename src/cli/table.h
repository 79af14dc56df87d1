/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - aligned columns with a header on a terminal, tab-separated without header elsewhere.
 */
#ifndef MLCM_CLI_TABLE_H
#define MLCM_CLI_TABLE_H

#include "term.h"

typedef struct cli_table cli_table;

cli_table *cli_table_new(size_t n_columns, const char *const *headers); /* cells are cleaned and copied */
void cli_table_right(cli_table *t, size_t column);                      /* align right */
void cli_table_row(cli_table *t, const char *const *cells);
void cli_table_print(const cli_table *t, const cli_term *term); /* nothing for a table without rows */
void cli_table_free(cli_table *t);

#endif
