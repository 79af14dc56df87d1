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

static bool in_group(const cli_command *command, const char *group) {
  size_t len = strlen(group);
  return strncmp(command->name, group, len) == 0 && (command->name[len] == ' ' || command->name[len] == '\0');
}

/* "  left       right", the right part folded to the width. */
static void entry(int columns, int indent, const char *left, const char *right) {
  int used = printf("  %-*s ", indent - 3, left);
  if (used > indent) {
    printf("\n%*s", indent, "");
    used = indent;
  }
  cli_fold(stdout, columns, used, indent, right);
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

static size_t help_list(int columns, const char *group) {
  size_t n = 0;
  for (size_t i = 0; i < cli_n_commands; i++) {
    const cli_command *c = &cli_commands[i];
    if ((c->flags & CLI_HIDDEN) || (*group && !in_group(c, group))) continue;
    for (size_t k = 0; !*group && k < sizeof sections / sizeof *sections; k++)
      if (strcmp(sections[k].first, c->name) == 0) printf("\n%s\n", sections[k].title);
    char left[64];
    snprintf(left, sizeof left, "%s %s", c->name, c->positional);
    entry(columns, 38, left, c->summary);
    n++;
  }
  return n;
}

static void help_all(int columns) {
  printf("mlcm: the whole life of a machine-learning model in one directory\n\n"
         "usage: mlcm COMMAND [ARGUMENTS] [--json] [--registry DIR]\n");
  help_list(columns, "");
  printf("\nA reference (REF) is NAME, NAME/3, NAME@alias, or models:/NAME/3, models:/NAME@alias.\n"
         "'mlcm help COMMAND' says more; 'mlcm man | man -l -' is the manual.\n");
  cli_fold(stdout, columns, 12, 12, "Exit status:");
  putchar(' ');
  cli_fold(stdout, columns, 13, 13, exit_codes);
  printf("\n\nFirst steps\n  mlcm init\n  mlcm register digits model.onnx --alias champion\n  mlcm show digits@champion\n");
}

int cli_help(cli_args *args, int columns) {
  const char *topic = args->help_topic;
  if (columns > 110) columns = 110; /* longer lines are hard to read */
  for (size_t i = 0; *topic && i < cli_n_commands; i++)
    if (strcmp(cli_commands[i].name, topic) == 0) {
      help_command(columns, &cli_commands[i]);
      return 0;
    }
  if (!*topic) {
    help_all(columns);
    return 0;
  }
  if (help_list(columns, topic) > 0) {
    printf("\n'mlcm help %s COMMAND' says more.\n", topic);
    return 0;
  }
  char meant[160];
  cli_suggest_command(topic, meant, sizeof meant);
  snprintf(args->error, sizeof args->error, "there is no help on '%s'%s; 'mlcm help' lists all commands", topic, meant);
  return 2;
}

/* ---- For machines -------------------------------------------------------------------------------------------------- */

static void options_json(cJSON *list, const cli_option *options, size_t n) {
  for (size_t i = 0; i < n; i++) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", options[i].name);
    if (options[i].value)
      cJSON_AddStringToObject(object, "value", options[i].value);
    else
      cJSON_AddNullToObject(object, "value");
    cJSON_AddStringToObject(object, "help", options[i].help);
    cJSON_AddItemToArray(list, object);
  }
}

cJSON *cli_help_json(const char *topic) {
  cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "commands");
  for (size_t i = 0; i < cli_n_commands; i++) {
    const cli_command *c = &cli_commands[i];
    if ((c->flags & CLI_HIDDEN) || (*topic && !in_group(c, topic) && strcmp(c->name, topic) != 0)) continue;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", c->name);
    cJSON_AddStringToObject(object, "arguments", c->positional);
    cJSON_AddStringToObject(object, "summary", c->summary);
    cJSON_AddBoolToObject(object, "changes", (c->flags & CLI_CHANGES) != 0);
    cJSON_AddBoolToObject(object, "streams", (c->flags & CLI_STREAMS) != 0);
    cJSON *options = cJSON_AddArrayToObject(object, "options");
    options_json(options, c->options, c->n_options);
    if (c->flags & CLI_CHANGES) options_json(options, cli_change_options, cli_n_change_options);
    options_json(options, cli_common_options, cli_n_common_options);
    cJSON_AddItemToArray(list, object);
  }
  return root;
}
