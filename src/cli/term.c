/* SPDX-License-Identifier: Apache-2.0
 *
 * term.c - terminals and tables.
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
  struct winsize size;
  t->columns = t->rows = 0;
  if (!t->tty) return;
  bool known = ioctl(fileno(t->file), TIOCGWINSZ, &size) == 0;
  t->columns = known && size.ws_col > 0 ? size.ws_col : 80;
  t->rows = known && size.ws_row > 0 ? size.ws_row : 24;
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

/* Bytes and columns of the character at `text`. A byte that is none in this locale takes a column. */
static size_t character(const char *text, size_t left, mbstate_t *state, int *width) {
  wchar_t c;
  size_t n = mbrtowc(&c, text, left, state);
  if (n == (size_t)-1 || n == (size_t)-2) {
    memset(state, 0, sizeof *state);
    *width = 1;
    return 1;
  }
  *width = wcwidth(c) > 0 ? wcwidth(c) : 0;
  return n > 0 ? n : 1;
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

/* Length of the control character at `p`: 0 for none, 2 for one of U+0080 to U+009F. */
static size_t control(const char *p) {
  unsigned char c = (unsigned char)p[0];
  if (c < 0x20 || c == 0x7f) return 1;
  return c == 0xc2 && ((unsigned char)p[1] & 0xe0) == 0x80 ? 2 : 0;
}

char *cli_clean_text(const char *text) {
  const char *p = text;
  while (*p && control(p) == 0) p++;
  if (!*p) return NULL;
  char *copy = malloc(strlen(text) + 1), *write = copy;
  if (!copy) return NULL;
  for (p = text; *p;) {
    size_t n = control(p);
    *write++ = n == 0 ? *p : *p == '\n' || *p == '\t' ? ' ' : '?';
    p += n ? n : 1;
  }
  *write = '\0';
  return copy;
}

void cli_fold(FILE *file, int columns, int used, int indent, const char *text) {
  for (bool first = true; *text; first = false) {
    size_t word = strcspn(text, " ");
    int width;
    fitting(text, word, INT_MAX / 2, &width);
    if (!first && columns > 0 && used + 1 + width > columns) {
      fprintf(file, "\n%*s", indent, "");
      used = indent;
    } else if (!first) {
      fputc(' ', file);
      used++;
    }
    fwrite(text, 1, word, file);
    used += width;
    text += word + (text[word] == ' ');
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

void cli_table_right(cli_table *t, size_t column) { t->right[column] = true; }

void cli_table_row(cli_table *t, const char *const *cells) {
  if (t->n_rows == t->cap) {
    t->cap = t->cap ? 2 * t->cap : 16;
    t->cells = must(realloc(t->cells, t->cap * t->n_columns * sizeof *t->cells));
  }
  for (size_t i = 0; i < t->n_columns; i++) {
    const char *cell = cells[i] ? cells[i] : "";
    char *clean = cli_clean_text(cell);
    t->cells[t->n_rows * t->n_columns + i] = clean ? clean : must(strdup(cell));
  }
  t->n_rows++;
}

static void print_row(const cli_table *t, FILE *file, size_t row, const int *widths) {
  for (size_t i = 0; i < t->n_columns; i++) {
    const char *cell = t->cells[row * t->n_columns + i];
    int pad = widths[i] - cli_width(cell);
    bool last = i + 1 == t->n_columns;
    if (t->right[i])
      fprintf(file, "%*s%s%s", pad, "", cell, last ? "" : "  ");
    else
      fprintf(file, "%s%*s", cell, last ? 0 : pad + 2, "");
  }
  fputc('\n', file);
}

static void print_aligned(const cli_table *t, const cli_term *term) {
  int *widths = must(calloc(t->n_columns, sizeof *widths));
  for (size_t row = 0; row < t->n_rows; row++)
    for (size_t i = 0; i < t->n_columns; i++) {
      int w = cli_width(t->cells[row * t->n_columns + i]);
      if (w > widths[i]) widths[i] = w;
    }
  char *text = NULL;
  size_t size;
  FILE *page = must(open_memstream(&text, &size));
  for (size_t row = 0; row < t->n_rows; row++) {
    if (row == 0) fputs(cli_on(term, STYLE_GREY), page);
    print_row(t, page, row, widths);
    if (row == 0) fputs(cli_off(term), page);
  }
  fclose(page);
  cli_print_over(term, must(text), 0);
  free(text);
  free(widths);
}

void cli_table_print(cli_table *t, const cli_term *term) {
  if (term->tty)
    print_aligned(t, term);
  else
    for (size_t row = 1; row < t->n_rows; row++)
      for (size_t i = 0; i < t->n_columns; i++)
        fprintf(term->file, "%s%c", t->cells[row * t->n_columns + i], i + 1 == t->n_columns ? '\n' : '\t');
  cli_table_free(t);
}

void cli_table_free(cli_table *t) {
  for (size_t i = 0; i < t->n_rows * t->n_columns; i++) free(t->cells[i]);
  free(t->cells);
  free(t->right);
  free(t);
}
