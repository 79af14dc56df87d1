/* SPDX-License-Identifier: Apache-2.0
 *
 * completion.c - what a shell wants to know to complete a command line, written from the table of commands.
 *
 * Words come one at a time: "rollout st" completes to the verbs of rollout. Behind a command come its options, and files.
 */
#include <stdio.h>
#include <string.h>

#include "args.h"

static void options_of(FILE *f, const cli_command *c) {
  const cli_option *options[CLI_MAX_OPTIONS];
  const size_t n = cli_options_of(c, options);
  for (size_t k = 0; k < n; k++) fprintf(f, " --%s", options[k]->name);
}

/* Whether b is in the group of the verb a ("alias set" and "alias delete"). */
static bool same_group(const cli_command *a, const cli_command *b) {
  return strncmp(a->name, b->name, strcspn(a->name, " ") + 1) == 0;
}

/* Whether command i is the first of its group; the first of all is in none. */
static bool begins_group(size_t i) {
  return i > 0 && strchr(cli_commands[i].name, ' ') && !same_group(&cli_commands[i], &cli_commands[i - 1]);
}

static void first_words(FILE *f) {
  fprintf(f, "help");
  for (size_t i = 0; i < cli_n_commands; i++) {
    size_t len = strcspn(cli_commands[i].name, " ");
    if (!cli_commands[i].name[len] || begins_group(i)) fprintf(f, " %.*s", (int)len, cli_commands[i].name);
  }
}

static void verbs_of(FILE *f, size_t first) {
  size_t len = strcspn(cli_commands[first].name, " ");
  for (size_t i = first; i < cli_n_commands; i++)
    if (same_group(&cli_commands[first], &cli_commands[i]))
      fprintf(f, "%s%s", i == first ? "" : " ", cli_commands[i].name + len + 1);
}

static void complete_bash(FILE *f) {
  fprintf(f, "# bash completion for mlcm, written by 'mlcm completion bash'\n"
             "_mlcm() {\n  local cur=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]} words=\n  COMPREPLY=()\n"
             "  if ((COMP_CWORD == 1)); then\n    words=\"");
  first_words(f);
  fprintf(f, "\"\n  else\n    case \"$first\" in\n");
  for (size_t i = 0; i < cli_n_commands; i++) {
    const cli_command *c = &cli_commands[i];
    size_t len = strcspn(c->name, " ");
    if (begins_group(i)) {
      fprintf(f, "      %.*s)\n        if ((COMP_CWORD == 2)); then words=\"", (int)len, c->name);
      verbs_of(f, i);
      fprintf(f, "\"; else\n          case \"${COMP_WORDS[2]}\" in\n");
      for (size_t k = i; k < cli_n_commands; k++) {
        if (!same_group(c, &cli_commands[k])) continue;
        fprintf(f, "            %s) words=\"", cli_commands[k].name + len + 1);
        options_of(f, &cli_commands[k]);
        fprintf(f, "\";;\n");
      }
      fprintf(f, "          esac\n        fi;;\n");
    } else if (!c->name[len]) {
      fprintf(f, "      %s) words=\"", c->name);
      options_of(f, c);
      fprintf(f, "\";;\n");
    }
  }
  fprintf(f, "    esac\n  fi\n  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -W \"$words\" -- \"$cur\")\n"
             "  if [[ ${#COMPREPLY[@]} == 0 && $cur != -* ]]; then\n"
             "    while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -f -- \"$cur\")\n"
             "    compopt -o filenames 2>/dev/null\n  fi\n}\ncomplete -F _mlcm mlcm\n");
}

static void complete_zsh(FILE *f) {
  fprintf(f, "#compdef mlcm\nautoload -U +X bashcompinit && bashcompinit\n");
  complete_bash(f);
}

/* Text between fish's single quotes. */
static void fish_quoted(FILE *f, const char *text) {
  fputc('\'', f);
  for (; *text; text++) {
    if (strchr("'\\", *text)) fputc('\\', f);
    fputc(*text, f);
  }
  fputc('\'', f);
}

static void fish_option(FILE *f, const char *condition, const cli_option *o) {
  fprintf(f, "complete -c mlcm -n '%s' -l %s%s -d ", condition, o->name, o->value ? " -r" : "");
  fish_quoted(f, o->help);
  fputc('\n', f);
}

static void complete_fish(FILE *f) {
  fprintf(f, "# fish completion for mlcm, written by 'mlcm completion fish'\n");
  for (size_t i = 0; i < cli_n_commands; i++) {
    const cli_command *c = &cli_commands[i];
    char condition[160];
    int word = (int)strcspn(c->name, " ");
    bool verb = c->name[word] != '\0';
    if (begins_group(i)) fprintf(f, "complete -c mlcm -f -n __fish_use_subcommand -a %.*s\n", word, c->name);
    if (verb)
      fprintf(f, "complete -c mlcm -f -n '__fish_seen_subcommand_from %.*s; and test (count (commandline -opc)) -eq 2' -a %s -d ",
              word, c->name, c->name + word + 1);
    else
      fprintf(f, "complete -c mlcm -f -n __fish_use_subcommand -a %s -d ", c->name);
    fish_quoted(f, c->summary);
    fputc('\n', f);
    if (verb)
      snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s", word, c->name,
               c->name + word + 1);
    else
      snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", c->name);
    const cli_option *options[CLI_MAX_OPTIONS];
    const size_t n = cli_options_of(c, options) - cli_n_common_options;
    for (size_t k = 0; k < n; k++) fish_option(f, condition, options[k]);
  }
  for (size_t k = 0; k < cli_n_common_options; k++) fish_option(f, "true", &cli_common_options[k]);
}

bool cli_completion(FILE *f, const char *shell) {
  static const struct {
    const char *shell;
    void (*write)(FILE *f);
  } shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
  for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
    if (strcmp(shells[i].shell, shell) == 0) return shells[i].write(f), true;
  return false;
}
