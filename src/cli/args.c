/* SPDX-License-Identifier: Apache-2.0
 *
 * args.c - sorts the command line out against the table of commands.
 */
#include "args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cli_option cli_common_options[] = {
    {"registry", "DIR", "the registry (else MLCM_REGISTRY, else ./.mlcm)"},
    {"json", NULL, "JSON for machines instead of text for people; errors too"},
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

static int wrong(cli_args *args, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int wrong(cli_args *args, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(args->error, sizeof args->error, format, list);
  va_end(list);
  return 2;
}

/* ---- The nearest spelling ------------------------------------------------------------------------------------------ */

/* Edit distance of two short words: insertions, deletions, replacements, neighbours exchanged. */
static size_t distance(const char *a, const char *b) {
  enum { WORD = 48 };
  size_t rows[3][WORD + 1], n = strlen(a), m = strlen(b);
  size_t *before = rows[0], *above = rows[1], *row = rows[2];
  if (n > WORD || m > WORD) return WORD;
  for (size_t j = 0; j <= m; j++) row[j] = j, above[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t *free_row = before;
    before = above, above = row, row = free_row;
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
      if (above[j] + 1 < best) best = above[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best) best = before[j - 2] + 1;
      row[j] = best;
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

/* " (did you mean 'X'?)" when something is near enough, else "". */
static void suggest(const char *typed, nearest best, const char *before, char *out, size_t size) {
  out[0] = '\0';
  if (best.name && best.distance <= 1 + strlen(typed) / 3) snprintf(out, size, " (did you mean '%s%s'?)", before, best.name);
}

void cli_suggest_command(const char *typed, char *out, size_t size) {
  nearest best = {NULL, 99};
  for (size_t i = 0; i < cli_n_commands; i++)
    if (!(cli_commands[i].flags & CLI_HIDDEN)) consider(&best, typed, cli_commands[i].name);
  char group[32];
  for (size_t i = 0; i < cli_n_commands && !strchr(typed, ' '); i++) {
    snprintf(group, sizeof group, "%.*s", (int)strcspn(cli_commands[i].name, " "), cli_commands[i].name);
    if (distance(typed, group) < best.distance) best = (nearest){cli_commands[i].name, distance(typed, group)};
  }
  suggest(typed, best, "mlcm ", out, size);
}

/* ---- Commands ------------------------------------------------------------------------------------------------------ */

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

/* The verbs of a group, as "set, delete, history". */
static void list_verbs(const char *group, char *out, size_t size) {
  size_t len = strlen(group);
  out[0] = '\0';
  for (size_t i = 0; i < cli_n_commands; i++) {
    size_t used = strlen(out);
    if (strncmp(cli_commands[i].name, group, len) == 0 && cli_commands[i].name[len] == ' ')
      snprintf(out + used, size - used, "%s%s", used ? ", " : "", cli_commands[i].name + len + 1);
  }
}

static int unknown_command(cli_args *args, int argc, char **argv) {
  char typed[96], meant[160], verbs[200];
  bool group = is_group(argv[0]), verb = group && argc > 1 && argv[1][0] != '-';
  if (verb)
    snprintf(typed, sizeof typed, "%s %s", argv[0], argv[1]);
  else
    snprintf(typed, sizeof typed, "%s", argv[0]);
  if (group) list_verbs(argv[0], verbs, sizeof verbs);
  if (group && !verb) return wrong(args, "'mlcm %s' wants a verb: %s", typed, verbs);
  cli_suggest_command(typed, meant, sizeof meant);
  if (group && !*meant) return wrong(args, "'mlcm %s' has no verb '%.80s': %s", argv[0], argv[1], verbs);
  return wrong(args, "unknown command '%s'%s%s", typed, meant, *meant ? "" : "; 'mlcm help' lists them all");
}

/* ---- Options and arguments ----------------------------------------------------------------------------------------- */

static const cli_option *find_in(const cli_option *options, size_t n, const char *name, nearest *best) {
  for (size_t i = 0; i < n; i++) {
    if (strcmp(options[i].name, name) == 0) return &options[i];
    consider(best, name, options[i].name);
  }
  return NULL;
}

/* An option of the command, or before the command's name one that all have. */
static const cli_option *find_option(const cli_command *command, const char *name, nearest *best) {
  const cli_option *found = command ? find_in(command->options, command->n_options, name, best) : NULL;
  if (!found && command && (command->flags & CLI_CHANGES)) found = find_in(cli_change_options, cli_n_change_options, name, best);
  if (!found) found = find_in(cli_common_options, cli_n_common_options, name, best);
  return found;
}

static int unknown_option(cli_args *args, const char *name, nearest best) {
  char meant[96];
  suggest(name, best, "--", meant, sizeof meant);
  if (!args->command)
    return wrong(args, "'--%s' is no option of every command%s: options of a command come behind its name", name, meant);
  if (*meant) return wrong(args, "'mlcm %s' has no option '--%s'%s", args->command->name, name, meant);
  return wrong(args, "'mlcm %s' has no option '--%s'; 'mlcm help %s' lists them", args->command->name, name, args->command->name);
}

static int add_option(cli_args *args, int *i, int argc, char **argv) {
  char name[64];
  const char *equals = strchr(argv[*i], '=');
  size_t len = equals ? (size_t)(equals - argv[*i]) - 2 : strlen(argv[*i]) - 2;
  nearest best = {NULL, 99};
  snprintf(name, sizeof name, "%.*s", (int)len, argv[*i] + 2);
  const cli_option *option = find_option(args->command, name, &best);
  if (!option) return unknown_option(args, name, best);
  const char *value = equals ? equals + 1 : NULL;
  if (!option->value && value) return wrong(args, "--%s takes no value", option->name);
  if (option->value && !value) {
    if (*i + 1 >= argc) return wrong(args, "--%s wants a value: --%s %s", option->name, option->name, option->value);
    value = argv[++*i];
  }
  if (args->n_values == CLI_MAX_VALUES) return wrong(args, "more than %d options", CLI_MAX_VALUES);
  args->values[args->n_values].name = option->name;
  args->values[args->n_values++].value = value ? value : "";
  return 0;
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

static int check_positional(cli_args *args) {
  size_t min, max;
  const cli_command *c = args->command;
  count_positional(c->positional, &min, &max);
  if (args->n_positional >= min && args->n_positional <= max) return 0;
  return wrong(args, "%s\nusage: mlcm %s%s%s [OPTIONS]%s%s",
               args->n_positional < min ? "too few arguments" : "too many arguments", c->name, *c->positional ? " " : "",
               c->positional, c->example ? "\nfor example: " : "", c->example ? c->example : "");
}

static bool is_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

static int ask_help(cli_args *args, int argc, char **argv) {
  args->topic[0] = '\0';
  for (int i = 0; i < argc && i < 2; i++) {
    if (argv[i][0] == '-') break;
    size_t used = strlen(args->topic);
    snprintf(args->topic + used, sizeof args->topic - used, "%s%s", i ? " " : "", argv[i]);
  }
  args->help_topic = args->topic;
  return 0;
}

static int add_argument(cli_args *args, const char *text) {
  if (args->n_positional == CLI_MAX_ARGS) return wrong(args, "more than %d arguments", CLI_MAX_ARGS);
  args->positional[args->n_positional++] = text;
  return 0;
}

/* What stands behind the command's name. */
static int parse_rest(cli_args *args, int words, int argc, char **argv) {
  bool options_end = false;
  for (int i = words; i < argc; i++) {
    const char *word = argv[i];
    int bad = 0;
    if (options_end || word[0] != '-' || !word[1])
      bad = add_argument(args, word);
    else if (strcmp(word, "--") == 0)
      options_end = true;
    else if (is_help(word))
      return ask_help(args, words, argv);
    else if (word[1] == '-')
      bad = add_option(args, &i, argc, argv);
    else if (word[1] >= '0' && word[1] <= '9')
      bad = add_argument(args, word); /* a negative number */
    else
      bad = wrong(args, "unknown option '%s': options are long ones, 'mlcm help %s' lists them", word, args->command->name);
    if (bad) return bad;
  }
  return check_positional(args);
}

int cli_args_parse(cli_args *args, int argc, char **argv) {
  memset(args, 0, sizeof *args);
  argc--, argv++;
  int at = 0;
  for (; at < argc && strncmp(argv[at], "--", 2) == 0 && !is_help(argv[at]) && strcmp(argv[at], "--version") != 0; at++) {
    int bad = add_option(args, &at, argc, argv);
    if (bad) return bad;
  }
  argc -= at, argv += at;
  if (argc == 0 || is_help(argv[0])) return ask_help(args, 0, argv);
  if (strcmp(argv[0], "help") == 0) return ask_help(args, argc - 1, argv + 1);
  if (strcmp(argv[0], "--version") == 0) argv[0] += 2;

  int words = 0;
  for (size_t i = 0; i < cli_n_commands; i++) {
    int n = match_words(&cli_commands[i], argc, argv);
    if (n > words) words = n, args->command = &cli_commands[i];
  }
  if (args->command) return parse_rest(args, words, argc, argv);
  for (int i = 1; i < argc && is_group(argv[0]); i++)
    if (is_help(argv[i])) return ask_help(args, 1, argv);
  return unknown_command(args, argc, argv);
}

const char *cli_get(const cli_args *args, const char *option) {
  for (size_t i = args->n_values; i-- > 0;)
    if (strcmp(args->values[i].name, option) == 0) return args->values[i].value;
  return NULL;
}

bool cli_has(const cli_args *args, const char *option) { return cli_get(args, option) != NULL; }

const char *cli_each(const cli_args *args, const char *option, size_t *cursor) {
  while (*cursor < args->n_values) {
    size_t i = (*cursor)++;
    if (strcmp(args->values[i].name, option) == 0) return args->values[i].value;
  }
  return NULL;
}
