/* SPDX-License-Identifier: Apache-2.0
 *
 * help.c - help, the manual page and shell completion, all written from the table of commands.
 */
#include <stdio.h>
#include <string.h>

#include "args.h"

static const char *const exit_codes =
    "0 ok, 1 error, 2 usage, 3 gate failed, 4 inconclusive, 5 rolled back, 6 not found, 7 conflict or locked, 124 time-out, 130 interrupted";

static bool in_group(const cli_command *command, const char *group) {
  size_t len = strlen(group);
  return strncmp(command->name, group, len) == 0 && (command->name[len] == ' ' || command->name[len] == '\0');
}

static void print_options(const char *title, const cli_option *options, size_t n) {
  if (n == 0) return;
  printf("\n%s\n", title);
  for (size_t i = 0; i < n; i++) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", options[i].name, options[i].value ? " " : "", options[i].value ? options[i].value : "");
    printf("  %-26s %s\n", left, options[i].help);
  }
}

static void help_command(const cli_command *c) {
  printf("mlcm %s %s\n\n%s\n", c->name, c->positional, c->summary);
  if (c->details) printf("\n%s\n", c->details);
  print_options("Options", c->options, c->n_options);
  if (c->flags & CLI_CHANGES) print_options("With every change", cli_change_options, cli_n_change_options);
  print_options("Always", cli_common_options, cli_n_common_options);
  if (c->example) printf("\nExample\n  %s\n", c->example);
}

static void help_list(const char *group) {
  for (size_t i = 0; i < cli_n_commands; i++) {
    const cli_command *c = &cli_commands[i];
    if ((c->flags & CLI_HIDDEN) || (*group && !in_group(c, group))) continue;
    char left[64];
    snprintf(left, sizeof left, "%s %s", c->name, c->positional);
    printf("  %-42s %s\n", left, c->summary);
  }
}

void cli_help(const char *topic) {
  for (size_t i = 0; *topic && i < cli_n_commands; i++)
    if (strcmp(cli_commands[i].name, topic) == 0) {
      help_command(&cli_commands[i]);
      return;
    }
  if (!*topic) printf("mlcm: the whole life of a machine-learning model in one directory\n\nusage: mlcm COMMAND [ARGUMENTS] [--json] [--registry DIR]\n\n");
  help_list(topic);
  printf("\nA reference is NAME, NAME/3, NAME@alias, or models:/NAME/3, models:/NAME@alias.\n");
  printf("'mlcm help COMMAND' says more. Exit codes: %s.\n", exit_codes);
  if (!*topic) printf("\nFirst steps\n  mlcm init\n  mlcm register digits model.onnx --alias champion\n  mlcm show digits@champion\n");
}

static void manual_escaped(const char *text) {
  for (; *text; text++) {
    if (*text == '-' || *text == '\\') putchar('\\');
    putchar(*text);
  }
}

static void manual_option(const cli_option *o) {
  printf(".TP\n\\fB\\-\\-");
  manual_escaped(o->name);
  printf("\\fR");
  if (o->value) printf(" \\fI%s\\fR", o->value);
  putchar('\n');
  manual_escaped(o->help);
  putchar('\n');
}

void cli_manual(void) {
  printf(".TH MLCM 1 \"\" \"libmlcm\" \"User Commands\"\n.SH NAME\nmlcm \\- the whole life of a machine\\-learning model in one directory\n"
         ".SH SYNOPSIS\n.B mlcm\n.I COMMAND\n[\\fIARGUMENTS\\fR] [\\fB\\-\\-json\\fR] [\\fB\\-\\-registry\\fR \\fIDIR\\fR]\n.SH COMMANDS\n");
  for (size_t i = 0; i < cli_n_commands; i++) {
    const cli_command *c = &cli_commands[i];
    if (c->flags & CLI_HIDDEN) continue;
    printf(".SS \"mlcm %s %s\"\n", c->name, c->positional);
    manual_escaped(c->summary);
    putchar('\n');
    if (c->details) printf(".PP\n"), manual_escaped(c->details), putchar('\n');
    for (size_t k = 0; k < c->n_options; k++) manual_option(&c->options[k]);
    if (c->example) printf(".PP\n.EX\n"), manual_escaped(c->example), printf("\n.EE\n");
  }
  printf(".SH OPTIONS OF EVERY CHANGE\n");
  for (size_t k = 0; k < cli_n_change_options; k++) manual_option(&cli_change_options[k]);
  printf(".SH OPTIONS OF EVERY COMMAND\n");
  for (size_t k = 0; k < cli_n_common_options; k++) manual_option(&cli_common_options[k]);
  printf(".SH EXIT STATUS\n%s.\n.SH ENVIRONMENT\n.TP\n.B MLCM_REGISTRY\nThe registry when \\-\\-registry is not given.\n"
         ".TP\n.B NO_COLOR\nWhen set and not empty: no colours.\n",
         exit_codes);
}

static void complete_words(const cli_command *c) {
  for (size_t k = 0; k < c->n_options; k++) printf(" --%s", c->options[k].name);
  for (size_t k = 0; k < cli_n_change_options && (c->flags & CLI_CHANGES); k++) printf(" --%s", cli_change_options[k].name);
  for (size_t k = 0; k < cli_n_common_options; k++) printf(" --%s", cli_common_options[k].name);
}

static void complete_bash(void) {
  printf("_mlcm() {\n  local cur=${COMP_WORDS[COMP_CWORD]} line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n  case \"$line\" in\n");
  for (size_t i = 0; i < cli_n_commands; i++) {
    printf("    \"%s\"*) COMPREPLY=($(compgen -f -W \"", cli_commands[i].name);
    complete_words(&cli_commands[i]);
    printf("\" -- \"$cur\"));;\n");
  }
  printf("    *) COMPREPLY=($(compgen -W \"");
  for (size_t i = 0; i < cli_n_commands; i++) printf(" %s", cli_commands[i].name);
  printf("\" -- \"$cur\"));;\n  esac\n}\ncomplete -F _mlcm mlcm\n");
}

static void complete_zsh(void) {
  printf("#compdef mlcm\nautoload -U +X bashcompinit && bashcompinit\n");
  complete_bash();
}

static void complete_fish(void) {
  printf("complete -c mlcm -f\n");
  for (size_t i = 0; i < cli_n_commands; i++) {
    const cli_command *c = &cli_commands[i];
    size_t word = strcspn(c->name, " ");
    if (!c->name[word]) printf("complete -c mlcm -n __fish_use_subcommand -a %s -d '%s'\n", c->name, c->summary);
    else printf("complete -c mlcm -n '__fish_seen_subcommand_from %.*s' -a %s -d '%s'\n", (int)word, c->name, c->name + word + 1, c->summary);
    for (size_t k = 0; k < c->n_options; k++)
      printf("complete -c mlcm -n '__fish_seen_subcommand_from %.*s' -l %s\n", (int)word, c->name, c->options[k].name);
  }
}

int cli_completion(const char *shell) {
  if (strcmp(shell, "bash") == 0) complete_bash();
  else if (strcmp(shell, "zsh") == 0) complete_zsh();
  else if (strcmp(shell, "fish") == 0) complete_fish();
  else return fprintf(stderr, "mlcm: no completion for '%s': bash, zsh or fish\n", shell), 2;
  return 0;
}
