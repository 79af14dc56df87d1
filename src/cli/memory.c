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

static ssize_t append(void *cookie, const char *data, size_t n) {
  cli_page *page = cookie;
  page->text = cli_must(realloc(page->text, page->size + n + 1));
  memcpy(page->text + page->size, data, n);
  page->size += n;
  page->text[page->size] = '\0';
  return (ssize_t)n;
}

/* Not open_memstream: that one loses what it has no memory for, and does not tell. */
FILE *cli_page_open(cli_page *page) {
  *page = (cli_page){.text = cli_alloc(1, 1)};
  page->file = cli_must(fopencookie(page, "w", (cookie_io_functions_t){.write = append}));
  return page->file;
}

char *cli_page_close(cli_page *page) {
  (void)fclose(page->file); /* what it cannot write ends the program */
  return page->text;
}
