/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_args.c - any words as the arguments of mlcm: the input is cut at each newline. Words that are taken must be the command's own,
 * in the numbers that its help promises; others are told in a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"

enum { WORDS = 200 };

static void check_taken(const cli_args *args) {
  if (!args->command || args->n_positional > CLI_MAX_ARGS || args->n_values > CLI_MAX_VALUES) abort();
  for (size_t i = 0; i < args->n_values; i++) {
    size_t cursor = 0;
    if (!cli_has(args, args->values[i].name) || !cli_each(args, args->values[i].name, &cursor)) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static cli_args args;
  static char program[] = "mlcm";
  char *argv[WORDS + 1] = {program};
  int argc = 1;
  char *text = malloc(size + 1);
  if (!text) abort();
  memcpy(text, data, size);
  text[size] = '\0';
  for (char *rest = text; rest && argc < WORDS;) {
    argv[argc++] = strsep(&rest, "\n");
  }
  const int code = cli_args_parse(&args, argc, argv);
  if (code == 0 && !args.help_topic) check_taken(&args);
  if (code && (code != 2 || !args.error[0])) abort();
  if (!memchr(args.topic, 0, sizeof args.topic) || !memchr(args.error, 0, sizeof args.error)) abort();
  free(text);
  return 0;
}
