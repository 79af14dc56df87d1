/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.c - what commands share: the registry, errors, JSON, messages, files, Ctrl-C, the progress bar.
 */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *cli_registry_dir(const cli *c) {
  const char *dir = cli_get(&c->args, "registry");
  if (!dir || !*dir) dir = getenv("MLCM_REGISTRY");
  return dir && *dir ? dir : ".mlcm";
}

int cli_open(cli *c, uint32_t flags) {
  mlcm_registry_options options;
  mlcm_registry_options_init(&options, sizeof options);
  options.flags = flags;
  options.actor = cli_get(&c->args, "actor");
  c->by.actor = options.actor;
  c->by.reason = cli_get(&c->args, "reason");
  if (mlcm_registry_open(c->ctx, cli_registry_dir(c), &options, &c->reg, &c->err) == MLCM_OK) return 0;
  int code = cli_fail(c);
  if (code == EXIT_NOT_FOUND) cli_next(c, "mlcm init --registry %s", cli_registry_dir(c));
  return code;
}

static int exit_code_of(mlcm_status status) {
  switch (status) {
  case MLCM_OK: return EXIT_OK;
  case MLCM_NOT_FOUND: return EXIT_NOT_FOUND;
  case MLCM_CONFLICT:
  case MLCM_BUSY:
  case MLCM_ALREADY_EXISTS:
  case MLCM_STALE: return EXIT_CONFLICT;
  case MLCM_TIMEOUT: return EXIT_TIMEOUT;
  case MLCM_CANCELLED: return EXIT_INTERRUPTED;
  default: return EXIT_ERROR;
  }
}

/* An error for machines: {"error":{"status":...,"message":...}}. */
static void json_error(cli *c, const char *status, const char *message) {
  cJSON *error = cJSON_CreateObject(), *root = cJSON_CreateObject();
  cJSON_AddStringToObject(error, "status", status);
  cJSON_AddStringToObject(error, "message", message);
  cJSON_AddItemToObject(root, "error", error);
  cli_json(c, root);
}

int cli_fail(cli *c) {
  if (c->json)
    json_error(c, mlcm_status_name(c->err.code), c->err.message);
  else
    fprintf(stderr, "%smlcm:%s %s\n", cli_on(&c->msg, STYLE_BAD), cli_off(&c->msg), cli_clean(c, c->err.message));
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

int cli_no_memory(cli *c) { return cli_error(c, MLCM_NO_MEMORY, "out of memory"); }

int cli_usage_fail(cli *c) {
  if (c->json)
    json_error(c, "USAGE", c->args.error);
  else
    fprintf(stderr, "%smlcm:%s %s\n", cli_on(&c->msg, STYLE_BAD), cli_off(&c->msg), c->args.error);
  return EXIT_USAGE;
}

int cli_usage(cli *c, const char *format, ...) {
  char *error = c->args.error;
  const size_t size = sizeof c->args.error;
  va_list list;
  va_start(list, format);
  vsnprintf(error, size, format, list);
  va_end(list);
  size_t used = strlen(error);
  const cli_command *command = c->args.command;
  snprintf(error + used, size - used, "\nusage: mlcm %s%s%s [OPTIONS]", command->name, *command->positional ? " " : "",
           command->positional);
  return cli_usage_fail(c);
}

const char *cli_clean(cli *c, const char *text) {
  char *clean = text ? cli_clean_text(text) : NULL;
  if (!clean) return text;
  char **grown = realloc(c->cleaned, (c->n_cleaned + 1) * sizeof *grown);
  if (!grown) {
    free(clean);
    return "?";
  }
  c->cleaned = grown;
  c->cleaned[c->n_cleaned++] = clean;
  return clean;
}

void cli_close(cli *c) {
  for (size_t i = 0; i < c->n_cleaned; i++) free(c->cleaned[i]);
  free(c->cleaned);
  mlcm_registry_close(c->reg);
  mlcm_context_free(c->ctx);
}

int cli_json(cli *c, cJSON *object) {
  char *text = c->json ? cJSON_PrintUnformatted(object) : NULL;
  if (text) puts(text);
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
  cJSON *tree = cJSON_CreateRaw(json); /* kept as written: 64-bit integers do not pass through double */
  mlcm_free(c->ctx, json);
  return tree;
}

void cli_line(cli *c, int indent, const char *format, ...) {
  char *text = NULL;
  va_list list;
  va_start(list, format);
  int n = vasprintf(&text, format, list);
  va_end(list);
  if (n < 0) return;
  cli_fold(stdout, c->out.columns, 0, indent, text);
  putchar('\n');
  free(text);
}

void cli_say(cli *c, const char *format, ...) {
  if (c->quiet || c->json) return;
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
}

void cli_next(cli *c, const char *format, ...) {
  if (c->quiet || c->json || !c->msg.tty) return;
  va_list list;
  va_start(list, format);
  fprintf(stderr, "%snext: ", cli_on(&c->msg, STYLE_GREY));
  vfprintf(stderr, format, list);
  fprintf(stderr, "%s\n", cli_off(&c->msg));
  va_end(list);
}

bool cli_number(const char *text, int64_t *out) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno || end == text || *end || text[0] == ' ' || text[0] == '+') return false;
  *out = value;
  return true;
}

int cli_read_file(cli *c, const char *path, char **out, size_t *out_len) {
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  char *data = NULL;
  size_t len = 0, cap = 0;
  if (!file) return cli_error(c, errno == ENOENT ? MLCM_NOT_FOUND : MLCM_IO, "%s: %s", path, strerror(errno));
  for (;;) {
    if (cap - len < 65536) {
      cap = cap ? 2 * cap : 131072;
      char *grown = realloc(data, cap + 1);
      if (!grown) break;
      data = grown;
    }
    size_t n = fread(data + len, 1, cap - len, file);
    if (n == 0) break;
    len += n;
  }
  int failed = ferror(file) ? errno : 0;
  bool whole = feof(file) != 0;
  if (file != stdin) fclose(file);
  if (!whole) {
    free(data);
    return failed ? cli_error(c, MLCM_IO, "%s: %s", path, strerror(failed)) : cli_no_memory(c);
  }
  data[len] = '\0';
  *out = data;
  *out_len = len;
  return 0;
}

/* ---- Ctrl-C -------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal) {
  (void)signal;
  interrupts = interrupts + 1;
}

bool cli_interrupted(void) {
  static bool installed;
  if (!installed) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND}; /* a second Ctrl-C ends at once */
    sigaction(SIGINT, &action, NULL);
    installed = true;
  }
  return interrupts > 0;
}

/* ---- progress ------------------------------------------------------------------------------------------------------ */

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

const char *cli_size_text(double bytes, char out[32]) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  size_t i = 0;
  for (; bytes >= 1024 && i < 4; i++) bytes /= 1024;
  snprintf(out, 32, i == 0 ? "%.0f %s" : "%.1f %s", bytes, units[i]);
  return out;
}

static void left_text(double seconds, char out[32]) {
  if (seconds < 99.5)
    snprintf(out, 32, "%.0fs", seconds);
  else
    snprintf(out, 32, "%dm%02ds", (int)seconds / 60, (int)seconds % 60);
}

/* One line, drawn over the last one: what, bar, share, amount, speed, time left. Cut to the terminal, so that it never folds. */
static void draw_bar(cli_progress *p, int64_t done, int64_t total, double seconds) {
  enum { CELLS = 24 };
  cli_term *t = &p->cli->msg;
  char text[512], amount[32], all[32], speed[32], left[32];
  double rate = seconds > 0 ? (double)done / seconds : 0;
  int filled = total > 0 ? (int)(done * CELLS / total) : 0, at = snprintf(text, sizeof text, "%s ", p->what);
  cli_term_resize(t);
  for (int i = 0; i < CELLS && total > 0; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, "%s",
                   cli_sign(t, i < filled ? "\u2588" : "\u2591", i < filled ? "#" : "-"));
  cli_size_text((double)done, amount);
  cli_size_text((double)total, all);
  cli_size_text(rate, speed);
  left_text(rate > 0 ? (double)(total - done) / rate : 0, left);
  if (total > 0)
    snprintf(text + at, sizeof text - (size_t)at, " %3d %%  %s of %s  %s/s  %s left", (int)(done * 100 / total), amount, all,
             speed, left);
  else
    snprintf(text + at, sizeof text - (size_t)at, "%s  %s/s", amount, speed);
  cli_print_status(t, text);
  p->shown = true;
}

static int on_progress(void *user, int64_t done, int64_t total) {
  cli_progress *p = user;
  double seconds = (double)(now_ns() - p->started_ns) / 1e9;
  if (p->draws && seconds > 0.3) draw_bar(p, done, total, seconds); /* short work shows nothing */
  return cli_interrupted();
}

mlcm_progress cli_progress_start(cli *c, cli_progress *p, const char *what) {
  *p = (cli_progress){.cli = c, .what = what, .started_ns = now_ns(), .draws = c->msg.redraw && !c->quiet && !c->json};
  (void)cli_interrupted();
  return (mlcm_progress){on_progress, p};
}

void cli_progress_end(cli_progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
}
