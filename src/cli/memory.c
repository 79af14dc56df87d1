/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c - memory of the program.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static bool tells_json;

void cli_memory_tells_json(bool json) { tells_json = json; }

_Noreturn void cli_no_memory(void) {
  if (tells_json)
    puts("{\"error\":{\"status\":\"NO_MEMORY\",\"message\":\"out of memory\"}}");
  else
    fputs("mlcm: out of memory\n", stderr);
  exit(1);
}

void *cli_must(void *ptr) {
  if (!ptr) cli_no_memory();
  return ptr;
}

void *cli_alloc(size_t count, size_t size) { return cli_must(calloc(count + 1, size)); }

char *cli_copy(const char *text) { return cli_must(strdup(text)); }

char *cli_copy_list(const char *format, va_list list) {
  char *text = NULL;
  if (vasprintf(&text, format, list) < 0) cli_no_memory();
  return text;
}

FILE *cli_page_open(char **text, size_t *size) { return cli_must(open_memstream(text, size)); }

void cli_page_close(FILE *page) {
  if (fclose(page) != 0) cli_no_memory();
}
