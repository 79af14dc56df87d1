/* SPDX-License-Identifier: Apache-2.0
 *
 * args.c - sorts the command line out against the table of commands.
 */
#include "args.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

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

/* Writes " (did you mean 'X'?)" with `before` in front of X, or "" for NULL. */
static void suggest(const char *nearest, const char *before, char *out, size_t size) {
  out[0] = '\0';
  if (nearest) snprintf(out, size, " (did you mean '%s%s'?)", before, nearest);
}

enum { MAX_WORDS = 128 }; /* commands and groups, or options of a command: more than there are */

void cli_suggest_command(const char *typed, char *out, size_t size) {
  const char *names[MAX_WORDS];
  char groups[MAX_WORDS][16];
  size_t n = 0;
  for (size_t i = 0; i < cli_n_commands; i++) {
    names[n++] = cli_commands[i].name;
    snprintf(groups[i], sizeof groups[i], "%.*s", (int)strcspn(cli_commands[i].name, " "), cli_commands[i].name);
    names[n++] = groups[i];
  }
  assert(n <= MAX_WORDS);
  suggest(mlcm__nearest(typed, names, n), "mlcm ", out, size);
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

static bool in_group(const cli_command *command, const char *group) {
  const size_t len = strlen(group);
  return strncmp(command->name, group, len) == 0 && command->name[len] == ' ';
}

static bool is_group(const char *word) {
  for (size_t i = 0; i < cli_n_commands; i++)
    if (in_group(&cli_commands[i], word)) return true;
  return false;
}

static int unknown_command(cli_args *args, const char *typed) {
  char meant[160];
  cli_suggest_command(typed, meant, sizeof meant);
  return wrong(args, "unknown command '%.80s'%s%s", typed, meant, *meant ? "" : "; 'mlcm help' lists them all");
}

/* A group without a verb (NULL), or with one that it has not: lists those that it has. */
static int unknown_verb(cli_args *args, const char *group, const char *verb) {
  const char *verbs[MAX_WORDS];
  char before[32], meant[96], list[200] = "";
  const size_t len = strlen(group);
  size_t n = 0;
  for (size_t i = 0; i < cli_n_commands; i++)
    if (in_group(&cli_commands[i], group)) verbs[n++] = cli_commands[i].name + len + 1;
  for (size_t i = 0; i < n; i++) snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", verbs[i]);
  if (!verb) return wrong(args, "'mlcm %s' wants a verb: %s", group, list);
  snprintf(before, sizeof before, "mlcm %s ", group);
  suggest(mlcm__nearest(verb, verbs, n), before, meant, sizeof meant);
  return wrong(args, "'mlcm %s' has no verb '%.80s'%s: %s", group, verb, meant, list);
}

/* ---- Options and arguments ----------------------------------------------------------------------------------------- */

static size_t append(const cli_option **out, size_t n_out, const cli_option *options, size_t n) {
  assert(n_out + n <= CLI_MAX_OPTIONS);
  for (size_t i = 0; i < n; i++) out[n_out + i] = &options[i];
  return n_out + n;
}

size_t cli_options_of(const cli_command *command, const cli_option *out[CLI_MAX_OPTIONS]) {
  size_t n = 0;
  if (command) n = append(out, n, command->options, command->n_options);
  if (command && (command->flags & CLI_CHANGES)) n = append(out, n, cli_change_options, cli_n_change_options);
  return append(out, n, cli_common_options, cli_n_common_options);
}

static int unknown_option(cli_args *args, const char *name, const cli_option *const *options, size_t n) {
  const char *names[CLI_MAX_OPTIONS];
  char meant[96];
  for (size_t i = 0; i < n; i++) names[i] = options[i]->name;
  suggest(mlcm__nearest(name, names, n), "--", meant, sizeof meant);
  const cli_command *command = args->command;
  if (!command)
    return wrong(args, "'--%s' is no option of every command%s: options of a command come behind its name", name, meant);
  if (*meant) return wrong(args, "'mlcm %s' has no option '--%s'%s", command->name, name, meant);
  return wrong(args, "'mlcm %s' has no option '--%s'; 'mlcm help %s' lists them", command->name, name, command->name);
}

static int keep_option(cli_args *args, const cli_option *option, const char *value) {
  if (args->n_values == CLI_MAX_VALUES) return wrong(args, "more than %d options", CLI_MAX_VALUES);
  args->values[args->n_values].name = option->name;
  args->values[args->n_values++].value = value;
  return 0;
}

/* The option argv[*i], with its value behind '=' or in the next word. */
static int add_option(cli_args *args, int *i, int argc, char **argv) {
  const cli_option *options[CLI_MAX_OPTIONS], *option = NULL;
  const size_t n = cli_options_of(args->command, options), len = strcspn(argv[*i] + 2, "=");
  const char *value = argv[*i][2 + len] ? argv[*i] + 2 + len + 1 : NULL;
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)len, argv[*i] + 2);
  for (size_t k = 0; k < n; k++)
    if (strcmp(options[k]->name, name) == 0) option = options[k];
  if (!option) return unknown_option(args, name, options, n);
  if (!option->value) return value ? wrong(args, "--%s takes no value", name) : keep_option(args, option, "");
  if (value) return keep_option(args, option, value);
  if (*i + 1 == argc) return wrong(args, "--%s wants a value: --%s %s", name, name, option->value);
  return keep_option(args, option, argv[++*i]);
}

/* Smallest and largest number of positional arguments, read off the help text. */
static void count_positional(const char *text, size_t *min, size_t *max) {
  *min = *max = 0;
  while (*text) {
    const size_t len = strcspn(text, " ");
    ++*max;
    *min += *text != '[';
    if (len > 3 && memcmp(text + len - 3, "...", 3) == 0) *max = CLI_MAX_ARGS;
    text += len + strspn(text + len, " ");
  }
}

static int check_positional(cli_args *args) {
  size_t min, max;
  count_positional(args->command->positional, &min, &max);
  if (args->n_positional >= min && args->n_positional <= max) return 0;
  args->tell_usage = true;
  return wrong(args, "too %s arguments", args->n_positional < min ? "few" : "many");
}

static bool is_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

/* Help for the first one or two words: a command, a group, or all. */
static int ask_help(cli_args *args, int argc, char **argv) {
  args->topic[0] = '\0';
  for (int i = 0; i < argc && i < 2 && argv[i][0] != '-'; i++) {
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
    else if (strchr("0123456789", word[1]))
      bad = add_argument(args, word); /* a negative number */
    else
      bad = wrong(args, "unknown option '%s': options are long ones, 'mlcm help %s' lists them", word, args->command->name);
    if (bad) return bad;
  }
  return check_positional(args);
}

/* Options of every command may stand before its name. Answers how many words they take, or -1 when one is wrong. */
static int parse_first(cli_args *args, int argc, char **argv) {
  int at = 0;
  for (; at < argc && strncmp(argv[at], "--", 2) == 0 && !is_help(argv[at]) && strcmp(argv[at], "--version") != 0; at++) {
    if (strcmp(argv[at], "--") == 0) return at + 1;
    if (add_option(args, &at, argc, argv) != 0) return -1;
  }
  return at;
}

int cli_args_parse(cli_args *args, int argc, char **argv) {
  memset(args, 0, sizeof *args);
  const int at = parse_first(args, argc - 1, argv + 1);
  if (at < 0) return 2;
  argc -= 1 + at, argv += 1 + at;
  if (argc == 0 || is_help(argv[0])) return ask_help(args, 0, argv);
  if (strcmp(argv[0], "help") == 0) return ask_help(args, argc - 1, argv + 1);
  if (strcmp(argv[0], "--version") == 0) argv[0] += 2;

  int words = 0;
  for (size_t i = 0; i < cli_n_commands; i++) {
    int n = match_words(&cli_commands[i], argc, argv);
    if (n > words) words = n, args->command = &cli_commands[i];
  }
  if (args->command) return parse_rest(args, words, argc, argv);
  if (!is_group(argv[0])) return unknown_command(args, argv[0]);
  for (int i = 1; i < argc; i++)
    if (is_help(argv[i])) return ask_help(args, 1, argv);
  return unknown_verb(args, argv[0], argc > 1 && argv[1][0] != '-' ? argv[1] : NULL);
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
