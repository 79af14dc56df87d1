/* SPDX-License-Identifier: Apache-2.0
 *
 * args.c - sorts the command line out against the table of commands.
 */
#include "args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cli_option cli_common_options[] = {
    {"registry", "DIR", "the registry (else MLCM_REGISTRY, else ./.mlcm)"},
    {"json", NULL, "one JSON object for machines instead of text for people"},
    {"quiet", NULL, "no messages, no progress"},
    {"no-color", NULL, "no colours (also: NO_COLOR set, or not a terminal)"},
    {"help", NULL, "this text"},
};
const size_t cli_n_common_options = sizeof cli_common_options / sizeof *cli_common_options;

const cli_option cli_change_options[] = {
    {"actor", "WHO", "who makes the change (else the user's name)"},
    {"reason", "TEXT", "why; kept with the change for ever"},
};
const size_t cli_n_change_options = sizeof cli_change_options / sizeof *cli_change_options;

/* Edit distance of two short words: insertions, deletions, replacements. */
static size_t distance(const char *a, const char *b) {
  enum { WORD = 48 };
  size_t row[WORD + 1], n = strlen(a), m = strlen(b);
  if (n > WORD || m > WORD) return WORD;
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      size_t shorter = row[j - 1] < row[j] ? row[j - 1] + 1 : row[j] + 1;
      row[j] = change < shorter ? change : shorter;
    }
  }
  return row[m];
}

typedef struct nearest {
  const char *name;
  size_t distance;
} nearest;

static void consider(nearest *best, const char *typed, const char *name) {
  size_t d = distance(typed, name);
  if (d < best->distance) *best = (nearest){name, d};
}

static void print_nearest(const char *typed, nearest best, const char *dashes) {
  if (best.name && best.distance <= 1 + strlen(typed) / 3) fprintf(stderr, " (did you mean '%s%s'?)", dashes, best.name);
  fputc('\n', stderr);
}

static const cli_option *find_in(const cli_option *options, size_t n, const char *name, size_t len, nearest *best) {
  char typed[64];
  snprintf(typed, sizeof typed, "%.*s", (int)len, name);
  for (size_t i = 0; i < n; i++) {
    if (strcmp(options[i].name, typed) == 0) return &options[i];
    consider(best, typed, options[i].name);
  }
  return NULL;
}

static const cli_option *find_option(const cli_command *command, const char *name, size_t len, nearest *best) {
  const cli_option *found = find_in(command->options, command->n_options, name, len, best);
  if (!found && (command->flags & CLI_CHANGES)) found = find_in(cli_change_options, cli_n_change_options, name, len, best);
  if (!found) found = find_in(cli_common_options, cli_n_common_options, name, len, best);
  return found;
}

/* How many words of argv spell this command's name: 0 when they do not. */
static int match_words(const cli_command *command, int argc, char **argv) {
  const char *rest = command->name;
  int words = 0;
  while (*rest) {
    size_t len = strcspn(rest, " ");
    if (words >= argc || strlen(argv[words]) != len || strncmp(argv[words], rest, len) != 0) return 0;
    words++;
    rest += len;
    if (*rest == ' ') rest++;
  }
  return words;
}

static bool is_group(const char *word) {
  size_t len = strlen(word);
  for (size_t i = 0; i < cli_n_commands; i++)
    if (strncmp(cli_commands[i].name, word, len) == 0 && cli_commands[i].name[len] == ' ') return true;
  return false;
}

static int unknown_command(int argc, char **argv) {
  char typed[96];
  bool group = is_group(argv[0]);
  if (group && argc > 1) snprintf(typed, sizeof typed, "%s %s", argv[0], argv[1]);
  else snprintf(typed, sizeof typed, "%s", argv[0]);
  nearest best = {NULL, 99};
  for (size_t i = 0; i < cli_n_commands; i++)
    if (!(cli_commands[i].flags & CLI_HIDDEN)) consider(&best, typed, cli_commands[i].name);
  if (group && argc < 2) fprintf(stderr, "mlcm: '%s' wants a verb: see 'mlcm help %s'\n", typed, argv[0]);
  else {
    fprintf(stderr, "mlcm: unknown command '%s'", typed);
    print_nearest(typed, best, "mlcm ");
  }
  return 2;
}

/* Smallest and largest number of positional arguments, read off the help text. */
static void count_positional(const char *text, size_t *min, size_t *max) {
  *min = *max = 0;
  for (const char *p = text; *p;) {
    size_t len = strcspn(p, " ");
    ++*max;
    if (*p != '[') ++*min;
    if (len > 3 && strstr(p, "...") && strstr(p, "...") < p + len) *max = CLI_MAX_ARGS;
    p += len;
    while (*p == ' ') p++;
  }
}

static int add_option(cli_args *args, int *i, int argc, char **argv) {
  const char *name = argv[*i] + 2;
  size_t len = strcspn(name, "=");
  nearest best = {NULL, 99};
  const cli_option *option = find_option(args->command, name, len, &best);
  if (!option) {
    fprintf(stderr, "mlcm: '%s' has no option '--%.*s'", args->command->name, (int)len, name);
    char typed[64];
    snprintf(typed, sizeof typed, "%.*s", (int)len, name);
    print_nearest(typed, best, "--");
    return 2;
  }
  const char *value = name[len] == '=' ? name + len + 1 : NULL;
  if (!option->value && value) return fprintf(stderr, "mlcm: --%s takes no value\n", option->name), 2;
  if (option->value && !value) {
    if (*i + 1 >= argc) return fprintf(stderr, "mlcm: --%s wants a value: --%s %s\n", option->name, option->name, option->value), 2;
    value = argv[++*i];
  }
  if (args->n_values == CLI_MAX_VALUES) return fprintf(stderr, "mlcm: more than %d options\n", CLI_MAX_VALUES), 2;
  args->values[args->n_values].name = option->name;
  args->values[args->n_values++].value = value ? value : "";
  return 0;
}

static int check_positional(const cli_args *args) {
  size_t min, max;
  count_positional(args->command->positional, &min, &max);
  if (args->n_positional >= min && args->n_positional <= max) return 0;
  fprintf(stderr, "mlcm: %s: usage: mlcm %s %s\n", args->n_positional < min ? "too few arguments" : "too many arguments",
          args->command->name, args->command->positional);
  if (args->command->example) fprintf(stderr, "for example: %s\n", args->command->example);
  return 2;
}

static int ask_help(cli_args *args, int argc, char **argv) {
  static char topic[96];
  topic[0] = '\0';
  for (int i = 0; i < argc && i < 2; i++) {
    if (argv[i][0] == '-') break;
    size_t used = strlen(topic);
    snprintf(topic + used, sizeof topic - used, "%s%s", i ? " " : "", argv[i]);
  }
  args->help_topic = topic;
  return 0;
}

int cli_args_parse(cli_args *args, int argc, char **argv) {
  memset(args, 0, sizeof *args);
  argc--, argv++;
  if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) return ask_help(args, 0, argv);
  if (strcmp(argv[0], "help") == 0) return ask_help(args, argc - 1, argv + 1);
  if (strcmp(argv[0], "--version") == 0) argv[0] += 2;

  int words = 0;
  for (size_t i = 0; i < cli_n_commands; i++) {
    int n = match_words(&cli_commands[i], argc, argv);
    if (n > words) words = n, args->command = &cli_commands[i];
  }
  if (!args->command) {
    for (int i = 1; i < argc && is_group(argv[0]); i++)
      if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return ask_help(args, 1, argv);
    return unknown_command(argc, argv);
  }
  bool options_end = false;
  for (int i = words; i < argc; i++) {
    int bad = 0;
    if (!options_end && strcmp(argv[i], "--") == 0) options_end = true;
    else if (!options_end && strcmp(argv[i], "-h") == 0) return ask_help(args, words, argv);
    else if (!options_end && strncmp(argv[i], "--", 2) == 0) bad = add_option(args, &i, argc, argv);
    else if (!options_end && argv[i][0] == '-' && argv[i][1] && (argv[i][1] < '0' || argv[i][1] > '9'))
      bad = (fprintf(stderr, "mlcm: unknown option '%s': options are long ones, see 'mlcm %s --help'\n", argv[i], args->command->name), 2);
    else if (args->n_positional == CLI_MAX_ARGS) bad = (fprintf(stderr, "mlcm: more than %d arguments\n", CLI_MAX_ARGS), 2);
    else args->positional[args->n_positional++] = argv[i];
    if (bad) return bad;
  }
  if (cli_has(args, "help")) return ask_help(args, words, argv);
  return check_positional(args);
}

const char *cli_get(const cli_args *args, const char *option) {
  for (size_t i = args->n_values; i-- > 0;)
    if (strcmp(args->values[i].name, option) == 0) return args->values[i].value;
  return NULL;
}

bool cli_has(const cli_args *args, const char *option) {
  return cli_get(args, option) != NULL;
}

const char *cli_each(const cli_args *args, const char *option, size_t *cursor) {
  while (*cursor < args->n_values) {
    size_t i = (*cursor)++;
    if (strcmp(args->values[i].name, option) == 0) return args->values[i].value;
  }
  return NULL;
}
