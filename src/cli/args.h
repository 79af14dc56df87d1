/* SPDX-License-Identifier: Apache-2.0
 *
 * args.h - one table describes every command; parsing, help, shell completion and the manual page come from it.
 */
#ifndef MLCM_CLI_ARGS_H
#define MLCM_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cli;

/* An option of a command. All are long ones; `value` names the argument in help and is NULL for a switch. */
typedef struct cli_option {
  const char *name;  /* without the dashes */
  const char *value; /* "K=V", "FILE"; NULL: no argument */
  const char *help;
} cli_option;

enum { CLI_MAX_ARGS = 64, CLI_MAX_VALUES = 128, CLI_MAX_OPTIONS = 24 };

/* Groups of options that many commands share; added to a command by its flags. */
enum {
  CLI_CHANGES = 1, /* --actor, --reason */
  CLI_STREAMS = 2  /* --json gives one object a line */
};

typedef struct cli_command {
  const char *name;       /* "alias set" */
  const char *positional; /* "NAME ALIAS VERSION", with [X] optional and X... repeated: for help and for counting */
  const char *summary;    /* one line */
  const char *details;    /* further help, or NULL */
  const char *example;    /* "mlcm alias set digits champion 3", or NULL */
  const cli_option *options;
  size_t n_options;
  unsigned flags;
  int (*run)(struct cli *cli);
} cli_command;

extern const cli_command cli_commands[];
extern const size_t cli_n_commands;
extern const cli_option cli_common_options[]; /* every command has them */
extern const size_t cli_n_common_options;
extern const cli_option cli_change_options[];
extern const size_t cli_n_change_options;
/* All options of a command, its own first; of NULL those of every command. Answers how many. */
size_t cli_options_of(const cli_command *command, const cli_option *out[CLI_MAX_OPTIONS]);

/* What was typed, sorted out. Strings point into argv. */
typedef struct cli_args {
  const cli_command *command;
  const char *positional[CLI_MAX_ARGS];
  size_t n_positional;
  struct {
    const char *name;
    const char *value; /* "" for a switch */
  } values[CLI_MAX_VALUES];
  size_t n_values;
  const char *help_topic; /* set when help is asked for: a command, a group ("alias") or "" */
  char topic[96];         /* room for it */
  char error[1024];       /* what is wrong, with the nearest spelling */
  bool tell_usage;        /* the usage of the command explains it */
} cli_args;

/* Sorts argv out against the table. Answers 0, or 2 with the reason in args->error. */
int cli_args_parse(cli_args *args, int argc, char **argv);

const char *cli_get(const cli_args *args, const char *option); /* last value given, or NULL */
bool cli_has(const cli_args *args, const char *option);
const char *cli_each(const cli_args *args, const char *option, size_t *cursor); /* next value of a repeated option, or NULL */

/* Whether there is help for a topic: "" (the list of commands), a group, a command. */
bool cli_help_knows(const char *topic);
/* Writes it to stdout, folded to `columns` (0: not at all). */
void cli_help(const char *topic, int columns);
/* The nearest of all commands to what was typed, as " (did you mean 'mlcm X'?)", or "". */
void cli_suggest_command(const char *typed, char *out, size_t size);
/* What `mlcm completion SHELL` and `mlcm man` write; false for an unknown shell. */
bool cli_completion(FILE *f, const char *shell);
void cli_manual(FILE *f);

#endif
