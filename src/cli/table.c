/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - tables.
 */
#include "table.h"

#include <stdlib.h>

#include "memory.h"
#include "text.h"

struct cli_table {
  size_t n_columns;
  size_t n_rows, cap;
  char **cells; /* [n_rows * n_columns]; row 0 is the header */
  bool *right;
};

cli_table *cli_table_new(size_t n_columns, const char *const *headers) {
  cli_table *t = cli_alloc(1, sizeof *t);
  t->n_columns = n_columns;
  t->right = cli_alloc(n_columns, sizeof *t->right);
  cli_table_row(t, headers);
  return t;
}

void cli_table_right(cli_table *t, size_t column) { t->right[column] = true; }

void cli_table_row(cli_table *t, const char *const *cells) {
  if (t->n_rows == t->cap) {
    t->cap = 2 * t->cap + 16;
    t->cells = cli_must(realloc(t->cells, t->cap * (t->n_columns + 1) * sizeof *t->cells));
  }
  for (size_t i = 0; i < t->n_columns; i++) t->cells[t->n_rows * t->n_columns + i] = cli_clean_text(cells[i]);
  t->n_rows++;
}

static int *measure(const cli_table *t) {
  int *widths = cli_alloc(t->n_columns, sizeof *widths);
  for (size_t row = 0; row < t->n_rows; row++)
    for (size_t i = 0; i < t->n_columns; i++) {
      int width = cli_width(t->cells[row * t->n_columns + i]);
      if (width > widths[i]) widths[i] = width;
    }
  return widths;
}

static void print_row(const cli_table *t, FILE *file, size_t row, const int *widths) {
  for (size_t i = 0; i < t->n_columns; i++) {
    const char *cell = t->cells[row * t->n_columns + i];
    const int pad = widths[i] - cli_width(cell);
    const bool last = i + 1 == t->n_columns;
    if (t->right[i])
      fprintf(file, "%*s%s%s", pad, "", cell, last ? "" : "  ");
    else
      fprintf(file, "%s%*s", cell, last ? 0 : pad + 2, "");
  }
}

static void print_aligned(const cli_table *t, const cli_term *term) {
  int *widths = measure(t);
  cli_page page;
  FILE *file = cli_page_open(&page);
  fputs(cli_on(term, STYLE_GREY), file);
  print_row(t, file, 0, widths);
  fprintf(file, "%s\n", cli_off(term));
  for (size_t row = 1; row < t->n_rows; row++) {
    print_row(t, file, row, widths);
    fputc('\n', file);
  }
  char *text = cli_page_close(&page);
  cli_print_over(term, text, 0);
  free(text);
  free(widths);
}

static void print_tabbed(const cli_table *t, FILE *file) {
  for (size_t row = 1; row < t->n_rows; row++)
    for (size_t i = 0; i < t->n_columns; i++)
      fprintf(file, "%s%c", t->cells[row * t->n_columns + i], i + 1 == t->n_columns ? '\n' : '\t');
}

void cli_table_print(const cli_table *t, const cli_term *term) {
  if (!term->tty)
    print_tabbed(t, term->file);
  else if (t->n_rows > 1)
    print_aligned(t, term);
}

void cli_table_free(cli_table *t) {
  for (size_t i = 0; i < t->n_rows * t->n_columns; i++) free(t->cells[i]);
  free(t->cells);
  free(t->right);
  free(t);
}
