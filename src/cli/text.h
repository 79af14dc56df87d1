/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h - text from outside as it may be shown, and numbers as people read them.
 */
#ifndef MLCM_CLI_TEXT_H
#define MLCM_CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* A copy in which what could move a reader's cursor or change colours became '?': control characters and bytes that are no
 * UTF-8; tabs and newlines became spaces. free() it. */
char *cli_clean_text(const char *text);
/* A copy in which each byte that is no UTF-8 became U+FFFD. free() it. */
char *cli_valid_text(const char *text);

bool cli_number(const char *text, int64_t *out); /* a whole number and nothing else */
bool cli_real(const char *text, double *out);    /* a finite number and nothing else */

typedef struct cli_words {
  char text[48];
} cli_words;
cli_words cli_count(int64_t n, const char *noun); /* "1 version", "2 entries" */
cli_words cli_size(int64_t bytes);                /* "3.6 KiB" */
cli_words cli_date(int64_t wall_ns);              /* "2026-03-01 14:02:11", here */
cli_words cli_duration(int64_t ns);             /* "42s", "3m05s", "2h30m" */
cli_words cli_clock(int64_t wall_ns);             /* "14:02:11" */

#endif
