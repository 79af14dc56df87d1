/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_program.c - commands on the program itself: its version, manual page and completions.
 */
#include <stdlib.h>

#include "cli.h"
#include "memory.h"

/* Text that is not data: as it is, or with --json as {"text": ...}. */
static int print_text(const cli *c, const char *text) {
  if (!c->json) return fputs(text, stdout), EXIT_OK;
  cJSON *root = json_object();
  json_text(root, "text", text);
  return cli_json(root);
}

int cmd_completion(cli *c) {
  cli_page page;
  const bool known = cli_completion(cli_page_open(&page), c->args.positional[0]);
  char *text = cli_page_close(&page);
  int code = known ? print_text(c, text) : cli_usage(c, "no completion for '%s': bash, zsh or fish", c->args.positional[0]);
  free(text);
  return code;
}

int cmd_man(cli *c) {
  cli_page page;
  cli_manual(cli_page_open(&page));
  char *text = cli_page_close(&page);
  int code = print_text(c, text);
  free(text);
  return code;
}

int cmd_version(cli *c) {
  if (!c->json) return printf("mlcm %s\n", mlcm_library_version()), EXIT_OK;
  cJSON *root = json_object();
  json_text(root, "version", mlcm_library_version());
  return cli_json(root);
}
