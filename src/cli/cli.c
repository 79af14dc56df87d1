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

int cli_fail(cli *c) {
  if (c->json) {
    cJSON *error = cJSON_CreateObject(), *root = cJSON_CreateObject();
    cJSON_AddStringToObject(error, "status", mlcm_status_name(c->err.code));
    cJSON_AddStringToObject(error, "message", c->err.message);
    cJSON_AddItemToObject(root, "error", error);
    cli_json(c, root);
  } else {
    fprintf(stderr, "%smlcm: %s%s\n", cli_on(&c->msg, STYLE_BAD), c->err.message, cli_off(&c->msg));
  }
  return exit_code_of(c->err.code);
}

int cli_usage(cli *c, const char *format, ...) {
  va_list list;
  va_start(list, format);
  fputs("mlcm: ", stderr);
  vfprintf(stderr, format, list);
  va_end(list);
  fprintf(stderr, "\nusage: mlcm %s %s\n", c->args.command->name, c->args.command->positional);
  return EXIT_USAGE;
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

int cli_read_file(const char *path, char **out, size_t *out_len) {
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  char *data = NULL;
  size_t len = 0, cap = 0;
  if (!file) {
    fprintf(stderr, "mlcm: %s: %s\n", path, strerror(errno));
    return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_ERROR;
  }
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
  int failed = !data || ferror(file);
  if (file != stdin) fclose(file);
  if (failed) {
    fprintf(stderr, "mlcm: %s cannot be read\n", path);
    free(data);
    return EXIT_ERROR;
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

static void draw_bar(cli_progress *p, int64_t done, int64_t total, double seconds) {
  enum { CELLS = 24 };
  char bar[3 * CELLS + 1] = "";
  const cli_term *t = &p->cli->msg;
  int filled = total > 0 ? (int)(done * CELLS / total) : 0;
  for (int i = 0, at = 0; i < CELLS; i++) {
    at += snprintf(bar + at, sizeof bar - (size_t)at, "%s", cli_sign(t, i < filled ? "\u2588" : "\u2591", i < filled ? "#" : "-"));
  }
  double mib = (double)done / 1048576.0, rate = seconds > 0 ? mib / seconds : 0;
  fprintf(stderr, "\r\033[K%s %s %s%.1f", p->what, bar, cli_on(t, STYLE_BOLD), mib);
  if (total > 0) fprintf(stderr, " of %.1f", (double)total / 1048576.0);
  fprintf(stderr, " MiB%s  %.0f MiB/s", cli_off(t), rate);
  if (total > done && rate > 0) fprintf(stderr, "  %.0f s left", ((double)total / 1048576.0 - mib) / rate);
  fflush(stderr);
  p->shown = true;
}

static int on_progress(void *user, int64_t done, int64_t total) {
  cli_progress *p = user;
  double seconds = (double)(now_ns() - p->started_ns) / 1e9;
  if (seconds > 0.3) draw_bar(p, done, total, seconds); /* short work shows nothing */
  return cli_interrupted();
}

mlcm_progress cli_progress_start(cli *c, cli_progress *p, const char *what) {
  *p = (cli_progress){.cli = c, .what = what, .started_ns = now_ns()};
  (void)cli_interrupted();
  if (!c->msg.tty || c->quiet || c->json) return (mlcm_progress){0};
  return (mlcm_progress){on_progress, p};
}

void cli_progress_end(cli_progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
}
