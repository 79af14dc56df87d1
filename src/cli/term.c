/* SPDX-License-Identifier: Apache-2.0
 *
 * term.c - terminals and tables.
 */
#include "term.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

void cli_term_resize(cli_term *t) {
  struct winsize size;
  t->columns = 0;
  if (!t->tty) return;
  t->columns = ioctl(fileno(t->file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static bool set(const char *variable) {
  const char *value = getenv(variable);
  return value && *value;
}

void cli_term_init(cli_term *t, FILE *file, bool no_color) {
  const char *term = getenv("TERM");
  *t = (cli_term){.file = file};
  t->tty = isatty(fileno(file)) == 1;
  t->color = !no_color && !set("NO_COLOR") && ((t->tty && term && strcmp(term, "dumb") != 0) || set("CLICOLOR_FORCE"));
  t->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  cli_term_resize(t);
}

const char *cli_on(const cli_term *t, cli_style style) {
  static const char *const codes[] = {[STYLE_PLAIN] = "",         [STYLE_BOLD] = "\033[1m",  [STYLE_GREY] = "\033[2m",
                                      [STYLE_GOOD] = "\033[32m",  [STYLE_BAD] = "\033[31m",  [STYLE_WARN] = "\033[33m",
                                      [STYLE_NAME] = "\033[36m"};
  return t->color ? codes[style] : "";
}

const char *cli_off(const cli_term *t) {
  return t->color ? "\033[0m" : "";
}

const char *cli_sign(const cli_term *t, const char *unicode, const char *ascii) {
  return t->unicode ? unicode : ascii;
}

int cli_width(const char *text) {
  mbstate_t state;
  memset(&state, 0, sizeof state);
  int width = 0;
  size_t left = strlen(text);
  while (left > 0) {
    wchar_t c;
    size_t n = mbrtowc(&c, text, left, &state);
    if (n == (size_t)-1 || n == (size_t)-2) { /* not in this locale: a byte takes a column */
      memset(&state, 0, sizeof state);
      n = 1, width++;
    } else {
      int w = wcwidth(c);
      if (w > 0) width += w;
    }
    if (n == 0) break;
    text += n, left -= n;
  }
  return width;
}

struct cli_table {
  size_t n_columns;
  size_t n_rows, cap;
  char **cells; /* [n_rows * n_columns]; row 0 is the header */
  bool *right;
};

static void *must(void *ptr) {
  if (!ptr) {
    fputs("mlcm: out of memory\n", stderr);
    exit(1);
  }
  return ptr;
}

cli_table *cli_table_new(size_t n_columns, const char *const *headers) {
  cli_table *t = must(calloc(1, sizeof *t));
  t->n_columns = n_columns;
  t->right = must(calloc(n_columns, sizeof *t->right));
  cli_table_row(t, headers);
  return t;
}

void cli_table_right(cli_table *t, size_t column) {
  t->right[column] = true;
}

void cli_table_row(cli_table *t, const char *const *cells) {
  if (t->n_rows == t->cap) {
    t->cap = t->cap ? 2 * t->cap : 16;
    t->cells = must(realloc(t->cells, t->cap * t->n_columns * sizeof *t->cells));
  }
  for (size_t i = 0; i < t->n_columns; i++) t->cells[t->n_rows * t->n_columns + i] = must(strdup(cells[i] ? cells[i] : ""));
  t->n_rows++;
}

static void print_row(const cli_table *t, const cli_term *term, size_t row, const int *widths) {
  for (size_t i = 0; i < t->n_columns; i++) {
    const char *cell = t->cells[row * t->n_columns + i];
    int pad = widths[i] - cli_width(cell);
    bool last = i + 1 == t->n_columns;
    if (t->right[i]) fprintf(term->file, "%*s%s%s", pad, "", cell, last ? "" : "  ");
    else fprintf(term->file, "%s%*s", cell, last ? 0 : pad + 2, "");
  }
}

static void print_aligned(const cli_table *t, const cli_term *term) {
  int *widths = must(calloc(t->n_columns, sizeof *widths));
  for (size_t row = 0; row < t->n_rows; row++)
    for (size_t i = 0; i < t->n_columns; i++) {
      int w = cli_width(t->cells[row * t->n_columns + i]);
      if (w > widths[i]) widths[i] = w;
    }
  for (size_t row = 0; row < t->n_rows; row++) {
    if (row == 0) fputs(cli_on(term, STYLE_GREY), term->file);
    print_row(t, term, row, widths);
    if (row == 0) fputs(cli_off(term), term->file);
    fputc('\n', term->file);
  }
  free(widths);
}

void cli_table_print(cli_table *t, const cli_term *term) {
  if (term->tty) print_aligned(t, term);
  else
    for (size_t row = 1; row < t->n_rows; row++)
      for (size_t i = 0; i < t->n_columns; i++)
        fprintf(term->file, "%s%c", t->cells[row * t->n_columns + i], i + 1 == t->n_columns ? '\n' : '\t');
  for (size_t i = 0; i < t->n_rows * t->n_columns; i++) free(t->cells[i]);
  free(t->cells);
  free(t->right);
  free(t);
}
