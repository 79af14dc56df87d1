/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - the start: streams, terminals, the command line, the command, the end.
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "memory.h"

static int help(cli *c) {
  char meant[160];
  const char *topic = c->args.help_topic;
  if (cli_help_knows(topic)) {
    if (c->json) return cli_json(cli_help_json(topic));
    return cli_help(topic, c->out.columns), EXIT_OK;
  }
  cli_suggest_command(topic, meant, sizeof meant);
  snprintf(c->args.error, sizeof c->args.error, "there is no help on '%s'%s; 'mlcm help' lists all commands", topic, meant);
  return cli_usage_fail(c);
}

/* Whether an option stands anywhere on the command line: errors of parsing want to know it too. */
static bool typed(int argc, char **argv, const char *option) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], option) == 0) return true;
  return false;
}

static int run(cli *c, int argc, char **argv) {
  if (cli_args_parse(&c->args, argc, argv) != 0) return cli_usage_fail(c);
  if (c->args.help_topic) return help(c);
  c->json = cli_has(&c->args, "json"); /* it may have been an option's value */
  cli_memory_tells_json(c->json);
  c->by = (mlcm_attribution){.actor = cli_get(&c->args, "actor"), .reason = cli_get(&c->args, "reason")};
  if (mlcm_context_new(NULL, &c->ctx, &c->err) != MLCM_OK) return cli_fail(c);
  return c->args.command->run(c);
}

/* A closed standard stream would be given to the next file that is opened, and what is printed would be written into it. Opened
 * for the wrong direction, so that using it is an error all the same. */
static void guard_streams(void) {
  static const int wrong_way[] = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", wrong_way[fd]) != fd) _exit(EXIT_ERROR); /* rarely: without /dev */
}

int main(int argc, char **argv) {
  static cli c; /* all zero */
  guard_streams();
  signal(SIGXFSZ, SIG_IGN); /* a file beyond `ulimit -f` is an error to tell, not a sudden death */
  setlocale(LC_CTYPE, ""); /* for the widths of characters; numbers stay as in C */
  c.json = typed(argc, argv, "--json");
  c.quiet = typed(argc, argv, "--quiet");
  cli_memory_tells_json(c.json);
  cli_term_init(&c.out, stdout, typed(argc, argv, "--no-color"));
  cli_term_init(&c.msg, stderr, typed(argc, argv, "--no-color"));
  int code = run(&c, argc, argv);
  cli_close(&c);
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  fputs("mlcm: the output could not be written\n", stderr);
  return code == EXIT_OK ? EXIT_ERROR : code;
}
