/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.c - what commands share: the registry, errors, JSON, messages, files.
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* ---- The registry -------------------------------------------------------------------------------------------------- */

static const char *chosen_dir(const cli *c) {
  const char *option = c->dir ? c->dir : cli_get(&c->args, "registry"), *variable = getenv("MLCM_REGISTRY");
  if (option && *option) return option;
  return variable && *variable ? variable : NULL;
}

const char *cli_registry_dir(const cli *c) {
  const char *dir = chosen_dir(c);
  return dir ? dir : ".mlcm";
}

int cli_open(cli *c, uint32_t flags) {
  mlcm_registry_options options;
  mlcm_registry_options_init(&options, sizeof options);
  options.flags = flags;
  options.actor = c->by.actor;
  mlcm_status st = mlcm_registry_open(c->ctx, cli_registry_dir(c), &options, &c->reg, &c->err);
  if (st == MLCM_OK) return 0;
  if (st != MLCM_NOT_FOUND || flags == MLCM_OPEN_CREATE) return cli_fail(c);
  const char *dir = chosen_dir(c); /* the library's own words are for those who write C */
  return cli_error(c, st, "there is no registry in '%s': make one with 'mlcm init%s%s', or name another with --registry",
                   cli_registry_dir(c), dir ? " " : "", dir ? dir : "");
}

void cli_close(cli *c) {
  cli_clean_reset(c);
  mlcm_registry_close(c->reg);
  mlcm_context_free(c->ctx);
}

/* ---- Errors -------------------------------------------------------------------------------------------------------- */

static int exit_code_of(mlcm_status status) {
  static const struct {
    mlcm_status status;
    int code;
  } codes[] = {{MLCM_NOT_FOUND, EXIT_NOT_FOUND},    {MLCM_CONFLICT, EXIT_CONFLICT},      {MLCM_BUSY, EXIT_CONFLICT},
               {MLCM_STALE, EXIT_CONFLICT},         {MLCM_INVALID_STATE, EXIT_CONFLICT}, {MLCM_TIMEOUT, EXIT_TIMEOUT},
               {MLCM_ALREADY_EXISTS, EXIT_CONFLICT}, {MLCM_CANCELLED, EXIT_INTERRUPTED}};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (codes[i].status == status) return codes[i].code;
  return EXIT_ERROR;
}

/* An error for machines: {"error":{"status":...,"message":...}}; for people a line on stderr. */
static void tell(cli *c, const char *status, const char *message) {
  if (c->json) {
    cJSON *root = json_object(), *error = json_object();
    json_text(error, "status", status);
    json_text(error, "message", message);
    json_put(root, "error", error);
    cli_json(root);
    return;
  }
  fprintf(stderr, "%smlcm:%s ", cli_on(&c->msg, STYLE_BAD), cli_off(&c->msg));
  cli_fold(stderr, c->msg.columns, 6, 6, cli_clean(c, message));
  fputc('\n', stderr);
}

int cli_fail(cli *c) {
  tell(c, mlcm_status_name(c->err.code), c->err.code == MLCM_CANCELLED ? "interrupted" : c->err.message);
  if (c->err.code == MLCM_DISK_FULL) cli_next(c, "make room; mlcm gc removes what nothing needs", NULL, "");
  if (c->err.code == MLCM_CORRUPT) cli_next(c, "mlcm fsck names whatever is damaged", NULL, "");
  return exit_code_of(c->err.code);
}

int cli_error(cli *c, mlcm_status status, const char *format, ...) {
  va_list list;
  c->err = (mlcm_error){.code = status};
  va_start(list, format);
  vsnprintf(c->err.message, sizeof c->err.message, format, list);
  va_end(list);
  return cli_fail(c);
}

int cli_usage_fail(cli *c) {
  const cli_command *command = c->args.tell_usage ? c->args.command : NULL;
  tell(c, "USAGE", c->args.error);
  if (!command || c->json) return EXIT_USAGE;
  fprintf(stderr, "usage: mlcm %s%s%s [OPTIONS]\n", command->name, *command->positional ? " " : "", command->positional);
  if (command->example) fprintf(stderr, "for example: %s\n", command->example);
  return EXIT_USAGE;
}

int cli_usage(cli *c, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(c->args.error, sizeof c->args.error, format, list);
  va_end(list);
  c->args.tell_usage = true;
  return cli_usage_fail(c);
}

/* ---- Printing ------------------------------------------------------------------------------------------------------ */

const char *cli_clean(cli *c, const char *text) {
  c->cleaned = cli_must(realloc(c->cleaned, (c->n_cleaned + 1) * sizeof *c->cleaned));
  return c->cleaned[c->n_cleaned++] = cli_clean_text(text);
}

const char *cli_word(cli *c, const char *text) {
  static const char plain[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-./:@%+,=";
  cli_page page;
  if (*text && !text[strspn(text, plain)]) return cli_clean(c, text);
  FILE *file = cli_page_open(&page);
  fputc('\'', file);
  for (const char *p = text; *p; p++) {
    if (*p == '\'') fputs("'\\'", file); /* ends the quotes, quotes the quote, begins them again */
    fputc(*p, file);
  }
  fputc('\'', file);
  char *quoted = cli_page_close(&page);
  const char *clean = cli_clean(c, quoted);
  free(quoted);
  return clean;
}

void cli_clean_reset(cli *c) {
  for (size_t i = 0; i < c->n_cleaned; i++) free(c->cleaned[i]);
  free(c->cleaned);
  c->cleaned = NULL;
  c->n_cleaned = 0;
}

int cli_json(cJSON *object) {
  char *text = cli_must(cJSON_PrintUnformatted(object));
  puts(text);
  cJSON_free(text);
  cJSON_Delete(object);
  return EXIT_OK;
}

int cli_json_text(cli *c, char *json) {
  puts(json);
  mlcm_free(c->ctx, json);
  return EXIT_OK;
}

cJSON *cli_json_tree(cli *c, char *json) {
  cJSON *tree = json_raw(json);
  mlcm_free(c->ctx, json);
  return tree;
}

static void fold_line(const cli *c, int used, int indent, const char *format, va_list list) MLCM_PRINTF(4, 0);

static void fold_line(const cli *c, int used, int indent, const char *format, va_list list) {
  char *text = cli_copy_list(format, list);
  cli_fold(stdout, c->out.columns, used, indent, text);
  putchar('\n');
  free(text);
}

void cli_line(cli *c, int indent, const char *format, ...) {
  va_list list;
  va_start(list, format);
  fold_line(c, 0, indent, format, list);
  va_end(list);
}

void cli_lines(cli *c, const char *text) {
  while (*text) {
    const size_t len = strcspn(text, "\n");
    char *line = cli_must(strndup(text, len));
    cli_line(c, (int)strspn(line, " ") + 2, "%s", cli_clean(c, line));
    free(line);
    text += len + (text[len] == '\n');
  }
}

void cli_judge(cli *c, bool good, const char *format, ...) {
  va_list list;
  printf("%s ", cli_marked(&c->out, good ? CLI_GOOD : CLI_BAD).text);
  va_start(list, format);
  fold_line(c, 2, 2, format, list);
  va_end(list);
}

bool cli_talks(const cli *c) { return !c->quiet && !c->json; }

void cli_say(cli *c, const char *format, ...) {
  if (!cli_talks(c)) return;
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
}

void cli_next(cli *c, const char *before, const char *word, const char *behind) {
  if (!cli_talks(c) || !c->msg.tty) return;
  fprintf(stderr, "%snext: %s%s%s%s\n", cli_on(&c->msg, STYLE_GREY), before, word ? cli_word(c, word) : "", behind,
          cli_off(&c->msg));
}

/* ---- What was typed ------------------------------------------------------------------------------------------------ */

/* Reads until the end, an error, or one byte too many. */
static char *read_stream(FILE *file, size_t max_bytes, size_t *out_len) {
  char *data = NULL;
  size_t len = 0, cap = 0, n = 1;
  while (n > 0 && len <= max_bytes) {
    if (len == cap) {
      cap = 2 * cap + 65536;
      data = cli_must(realloc(data, cap + 1));
    }
    n = fread(data + len, 1, cap - len, file);
    len += n;
  }
  data[len] = '\0';
  *out_len = len;
  return data;
}

int cli_read_file(cli *c, const char *path, size_t max_bytes, char **out, size_t *out_len) {
  const bool standard = strcmp(path, "-") == 0;
  FILE *file = standard ? stdin : fopen(path, "rb");
  const char *name = standard ? "standard input" : path;
  if (!file) return cli_error(c, errno == ENOENT ? MLCM_NOT_FOUND : MLCM_IO, "%s: %s", name, strerror(errno));
  char *data = read_stream(file, max_bytes, out_len);
  const int failed = ferror(file) ? errno : 0;
  if (!standard) fclose(file);
  if (!failed && *out_len <= max_bytes) {
    *out = data;
    return 0;
  }
  free(data);
  if (failed) return cli_error(c, MLCM_IO, "%s cannot be read: %s", name, strerror(failed));
  return cli_error(c, MLCM_LIMIT, "%s is larger than %s, the most that is read", name, cli_size((int64_t)max_bytes).text);
}

int cli_get_number(cli *c, const char *option, int64_t min, int64_t max, const char *wanted, int64_t *out) {
  const char *text = cli_get(&c->args, option);
  int64_t value = 0;
  if (!text) return 0;
  if (!cli_number(text, &value) || value < min || value > max)
    return cli_usage(c, "--%s wants %s, got '%s'", option, wanted, text);
  *out = value;
  return 0;
}
