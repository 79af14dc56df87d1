/* SPDX-License-Identifier: Apache-2.0
 *
 * term.c - what a stream can show.
 */
#include "term.h"

#include <langinfo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

void cli_term_resize(cli_term *t) {
  struct winsize size = {0};
  t->columns = t->rows = 0;
  if (!t->tty) return;
  (void)ioctl(fileno(t->file), TIOCGWINSZ, &size);
  t->columns = size.ws_col > 0 ? size.ws_col : 80; /* 0: it does not know */
  t->rows = size.ws_row > 0 ? size.ws_row : 24;
}

static bool set(const char *variable) {
  const char *value = getenv(variable);
  return value && *value;
}

void cli_term_init(cli_term *t, FILE *file, bool no_color) {
  const char *term = getenv("TERM");
  *t = (cli_term){.file = file};
  t->tty = isatty(fileno(file)) == 1;
  t->redraw = t->tty && term && *term && strcmp(term, "dumb") != 0;
  t->color = !no_color && !set("NO_COLOR") && (t->redraw || set("CLICOLOR_FORCE"));
  t->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  cli_term_resize(t);
}

const char *cli_on(const cli_term *t, cli_style style) {
  static const char *const codes[] = {
      [STYLE_PLAIN] = "",       [STYLE_BOLD] = "\033[1m",  [STYLE_GREY] = "\033[2m", [STYLE_GOOD] = "\033[32m",
      [STYLE_BAD] = "\033[31m", [STYLE_WARN] = "\033[33m", [STYLE_NAME] = "\033[36m"};
  return t->color ? codes[style] : "";
}

const char *cli_off(const cli_term *t) { return t->color ? "\033[0m" : ""; }

const char *cli_sign(const cli_term *t, const char *unicode, const char *ascii) { return t->unicode ? unicode : ascii; }

const cli_mark CLI_GOOD = {"\u2714", "ok", STYLE_GOOD};
const cli_mark CLI_BAD = {"\u2716", "x ", STYLE_BAD};
const cli_mark CLI_OPEN = {"\u25cc", "? ", STYLE_WARN};
const cli_mark CLI_RUNS = {"\u27f3", "~ ", STYLE_NAME};
const cli_mark CLI_PAUSED = {"\u2016", "||", STYLE_WARN};

cli_words cli_marked(const cli_term *t, cli_mark mark) {
  cli_words words;
  snprintf(words.text, sizeof words.text, "%s%s%s", cli_on(t, mark.style), cli_sign(t, mark.unicode, mark.ascii), cli_off(t));
  return words;
}

/* Bytes and columns of the character at `text`. A byte that is none in this locale takes a column. */
static size_t character(const char *text, size_t left, mbstate_t *state, int *width) {
  wchar_t c;
  const size_t n = mbrtowc(&c, text, left, state);
  if (n > left) { /* none, or only its beginning */
    memset(state, 0, sizeof *state);
    *width = 1;
    return 1;
  }
  *width = wcwidth(c) > 0 ? wcwidth(c) : 0;
  return n;
}

/* Bytes of the longest beginning of `text` that fits into `columns`; escape codes take none. */
static size_t fitting(const char *text, size_t len, int columns, int *out_width) {
  mbstate_t state;
  memset(&state, 0, sizeof state);
  size_t at = 0;
  *out_width = 0;
  while (at < len) {
    int width = 0;
    size_t n = 1;
    if (text[at] == '\033')
      n = strcspn(text + at, "m") + 1;
    else
      n = character(text + at, len - at, &state, &width);
    if (*out_width + width > columns) break;
    *out_width += width, at += n;
  }
  return at;
}

int cli_width(const char *text) {
  int width;
  fitting(text, strlen(text), INT_MAX / 2, &width);
  return width;
}

void cli_fold(FILE *file, int columns, int used, int indent, const char *text) {
  if (columns > 0 && columns < indent + 20) indent = 2; /* a narrow terminal */
  while (*text) {
    const size_t spaces = strspn(text, " "), word = strcspn(text + spaces, " ");
    int width;
    fitting(text + spaces, word, INT_MAX / 2, &width);
    if (columns > 0 && used > indent && used + (int)spaces + width > columns) {
      fprintf(file, "\n%*s", indent, "");
      used = indent;
    } else {
      fwrite(text, 1, spaces, file);
      used += (int)spaces;
    }
    fwrite(text + spaces, 1, word, file);
    used += width;
    text += spaces + word;
  }
}

static void print_cut(const cli_term *t, const char *line, size_t len) {
  int width;
  size_t fits = fitting(line, len, t->columns > 0 ? t->columns : INT_MAX / 2, &width);
  if (fits < len) fits = fitting(line, len, t->columns - 1, &width);
  fwrite(line, 1, fits, t->file);
  if (fits < len) fprintf(t->file, "%s%s", cli_off(t), cli_sign(t, "\u2026", ">"));
}

void cli_print_status(const cli_term *t, const char *text) {
  fputs("\r\033[K", t->file);
  print_cut(t, text, strlen(text));
  fflush(t->file);
}

int cli_print_over(const cli_term *t, const char *text, int over) {
  int lines = 0;
  if (over > 0) fprintf(t->file, "\r\033[%dA", over);
  while (*text) {
    size_t len = strcspn(text, "\n");
    print_cut(t, text, len);
    fputs(over > 0 ? "\033[K\n" : "\n", t->file);
    text += len + (text[len] == '\n');
    lines++;
  }
  if (over > 0) fputs("\033[J", t->file); /* what a longer page, or a key that was pressed, left */
  fflush(t->file);
  return lines;
}
