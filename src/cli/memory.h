/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.h - memory of the program: it is there, or the program says that it is not and ends. What the library had begun is
 * undone by whoever opens the registry next, as after any other end.
 */
#ifndef MLCM_CLI_MEMORY_H
#define MLCM_CLI_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

void cli_memory_tells_json(bool json); /* how the lack of it is told */
_Noreturn void cli_no_memory(void);

void *cli_must(void *ptr); /* `ptr`, which is not NULL */
void *cli_alloc(size_t count, size_t size); /* all zero, never NULL, also for nothing */
char *cli_copy(const char *text);
char *cli_copy_list(const char *format, va_list list) __attribute__((format(printf, 1, 0))); /* as printf would have it */

/* A file in memory; stays where it is while it is open. */
typedef struct cli_page {
  FILE *file;
  char *text;
  size_t size;
} cli_page;
FILE *cli_page_open(cli_page *page);
char *cli_page_close(cli_page *page); /* what was written to it; to be freed */

#endif
