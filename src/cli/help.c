/* SPDX-License-Identifier: Apache-2.0
 *
 * help.c - help, written from the table of commands.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* The list of commands in parts: each begins with the command named. */
static const struct {
  const char *first, *title;
} sections[] = {
    {"init", "Models and versions"},      {"alias set", "Aliases"},   {"gate lint", "Gates"}, {"rollout start", "Rollouts"},
    {"log", "What happened, and upkeep"}, {"version", "The program"},
};

static const char *const exit_codes = "0 ok, 1 error, 2 usage, 3 gate failed, 4 inconclusive, 5 rolled back, 6 not found, 7 "
                                      "conflict or locked, 124 time-out, 130 interrupted";

/* Whether the topic is the command, or the group that it is in. */
static bool is_about(const cli_command *command, const char *topic) {
  size_t len = strlen(topic);
  return strncmp(command->name, topic, len) == 0 && (command->name[len] == ' ' || command->name[len] == '\0');
}

/* "  left       right", the right part folded to the width; on a narrow terminal below the left one. */
static void entry(int columns, int indent, const char *left, const char *right) {
  if (columns > 0 && columns < indent + 20) {
    printf("  %s\n      ", left);
    cli_fold(stdout, columns, 6, 6, right);
  } else {
    const int used = printf("  %-*s ", indent - 3, left);
    cli_fold(stdout, columns, used, indent, right);
  }
  putchar('\n');
}

static void print_options(int columns, const char *title, const cli_option *options, size_t n) {
  if (n == 0) return;
  printf("\n%s\n", title);
  for (size_t i = 0; i < n; i++) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", options[i].name, options[i].value ? " " : "",
             options[i].value ? options[i].value : "");
    entry(columns, 26, left, options[i].help);
  }
}

static void help_command(int columns, const cli_command *c) {
  printf("usage: mlcm %s%s%s [OPTIONS]\n\n", c->name, *c->positional ? " " : "", c->positional);
  cli_fold(stdout, columns, 0, 0, c->summary);
  putchar('\n');
  if (c->details) {
    putchar('\n');
    cli_fold(stdout, columns, 0, 0, c->details);
    putchar('\n');
  }
  print_options(columns, "Options", c->options, c->n_options);
  if (c->flags & CLI_CHANGES) print_options(columns, "With every change", cli_change_options, cli_n_change_options);
  print_options(columns, "Always", cli_common_options, cli_n_common_options);
  if (c->example) printf("\nExample\n  %s\n", c->example);
}

static void help_list(int columns, const char *group) {
  for (size_t i = 0; i < cli_n_commands; i++) {
    const cli_command *c = &cli_commands[i];
    if (*group && !is_about(c, group)) continue;
    for (size_t k = 0; !*group && k < sizeof sections / sizeof *sections; k++)
      if (strcmp(sections[k].first, c->name) == 0) printf("\n%s\n", sections[k].title);
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", c->name, *c->positional ? " " : "", c->positional);
    entry(columns, 38, left, c->summary);
  }
}

static void help_all(int columns) {
  cli_fold(stdout, columns, 0, 2, "mlcm: the whole life of a machine-learning model in one directory");
  printf("\n\n");
  cli_fold(stdout, columns, 0, 2, "usage: mlcm COMMAND [ARGUMENTS] [--json] [--registry DIR]");
  putchar('\n');
  help_list(columns, "");
  putchar('\n');
  cli_fold(stdout, columns, 0, 2, "A reference (REF) is NAME, NAME/3, NAME@alias, or models:/NAME/3, models:/NAME@alias.");
  putchar('\n');
  cli_fold(stdout, columns, 0, 2, "'mlcm help COMMAND' says more; 'mlcm man | man -l -' is the manual.");
  putchar('\n');
  printf("Exit status: ");
  cli_fold(stdout, columns, 13, 13, exit_codes);
  printf("\n\nFirst steps\n  mlcm init\n  mlcm register digits model.onnx --alias champion\n  mlcm show digits@champion\n");
}

bool cli_help_knows(const char *topic) {
  bool known = !*topic;
  for (size_t i = 0; i < cli_n_commands; i++) known = known || is_about(&cli_commands[i], topic);
  return known;
}

void cli_help(const char *topic, int columns) {
  if (columns > 110) columns = 110; /* longer lines are hard to read */
  if (!*topic) {
    help_all(columns);
    return;
  }
  for (size_t i = 0; i < cli_n_commands; i++)
    if (strcmp(cli_commands[i].name, topic) == 0) {
      help_command(columns, &cli_commands[i]);
      return;
    }
  help_list(columns, topic);
  printf("\n'mlcm help %s COMMAND' says more.\n", topic);
}

/* ---- For machines -------------------------------------------------------------------------------------------------- */

static cJSON *option_json(const cli_option *option) {
  cJSON *object = json_object();
  json_text(object, "name", option->name);
  json_text(object, "value", option->value);
  json_text(object, "help", option->help);
  return object;
}

static cJSON *command_json(const cli_command *c) {
  const cli_option *options[CLI_MAX_OPTIONS];
  const size_t n = cli_options_of(c, options);
  cJSON *object = json_object();
  json_text(object, "name", c->name);
  json_text(object, "arguments", c->positional);
  json_text(object, "summary", c->summary);
  json_truth(object, "changes", (c->flags & CLI_CHANGES) != 0);
  json_truth(object, "streams", (c->flags & CLI_STREAMS) != 0);
  cJSON *list = json_put_list(object, "options");
  for (size_t i = 0; i < n; i++) json_add(list, option_json(options[i]));
  return object;
}

cJSON *cli_help_json(const char *topic) {
  cJSON *root = json_object(), *list = json_put_list(root, "commands");
  for (size_t i = 0; i < cli_n_commands; i++)
    if (!*topic || is_about(&cli_commands[i], topic)) json_add(list, command_json(&cli_commands[i]));
  return root;
}
