/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_csv.c - CSV (RFC 4180: quotes, doubled quotes, LF or CRLF) into tensors.
 *
 * A model with one input takes a table's columns in their order; a model with several takes the column of each input's name. A
 * row of an input with more than two dimensions is its elements one after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "rows.h"

enum { MAX_COLUMNS = 65536 };

typedef struct table {
  char **cells; /* header first */
  size_t n_cells, cap;
  size_t n_columns;
  int64_t n_rows;
} table;

static void push(table *t, char *cell) {
  if (t->n_cells == t->cap) {
    t->cap = 2 * t->cap + 1024;
    t->cells = cli_must(realloc(t->cells, t->cap * sizeof *t->cells));
  }
  t->cells[t->n_cells++] = cell;
}

/* Cuts the next cell out of *p in place; *last tells whether it ended its record; counts lines. Answers NULL for a quote that is
 * never closed. */
static char *cut_cell(char **p, bool *last, int64_t *line) {
  char *start = *p, *write = *p, *read = *p;
  bool quoted = *read == '"';
  if (quoted) read++;
  for (; *read; read++) {
    if (quoted && *read == '"' && read[1] == '"')
      *write++ = *read++;
    else if (quoted && *read == '"')
      quoted = false;
    else if (!quoted && (*read == ',' || *read == '\n' || *read == '\r'))
      break;
    else
      *line += *read == '\n', *write++ = *read;
  }
  if (quoted) return NULL;
  *last = *read != ',';
  if (*read == '\r' && read[1] == '\n') read++;
  *line += *last;
  *p = *read ? read + 1 : read;
  *write = '\0';
  return start;
}

static int cut_table(const cli_source *s, table *t) {
  size_t column = 0;
  int64_t line = 1, record = 1;
  for (char *p = s->out->text + strspn(s->out->text, " "); *p && (s->limit == 0 || t->n_rows <= s->limit);) {
    bool last;
    if (column == 0 && (*p == '\n' || *p == '\r')) { /* an empty line */
      line += *p == '\n';
      p++;
      continue;
    }
    if (column == 0) record = line;
    char *cell = cut_cell(&p, &last, &line);
    if (!cell) return cli_error(s->c, MLCM_PARSE, "%s:%lld: a quote is never closed", s->name, (long long)record);
    push(t, cell);
    column++;
    if (!last) continue;
    if (t->n_columns == 0) t->n_columns = column;
    if (column > MAX_COLUMNS) return cli_error(s->c, MLCM_LIMIT, "%s: more than %d columns", s->name, MAX_COLUMNS);
    if (column != t->n_columns)
      return cli_error(s->c, MLCM_PARSE, "%s:%lld: %zu cell%s, the header has %zu", s->name, (long long)record, column,
                       column == 1 ? "" : "s", t->n_columns);
    column = 0, t->n_rows++;
  }
  if (column > 0) return cli_error(s->c, MLCM_PARSE, "%s:%lld: the last line ends in a comma", s->name, (long long)record);
  if (t->n_rows < 2) return cli_error(s->c, MLCM_PARSE, "%s: no rows below the header", s->name);
  t->n_rows--; /* the header */
  return 0;
}

static size_t find_column(const table *t, const char *name) {
  for (size_t i = 0; i < t->n_columns; i++)
    if (strcmp(t->cells[i], name) == 0) return i;
  return MAX_COLUMNS;
}

static bool left_out(const cli_source *s, const char *column) {
  size_t cursor = 0;
  for (const char *w; (w = cli_each(&s->c->args, "without", &cursor)) != NULL;)
    if (strcmp(w, column) == 0) return true;
  return false;
}

/* --without must name columns that there are: a spelling mistake would feed one column too many. */
static int check_without(const cli_source *s, const table *t) {
  size_t cursor = 0;
  for (const char *w; (w = cli_each(&s->c->args, "without", &cursor)) != NULL;)
    if (find_column(t, w) == MAX_COLUMNS)
      return cli_error(s->c, MLCM_NOT_FOUND, "%s has no column '%s' to leave out", s->name, w);
  return 0;
}

/* Elements of one row of a port, -1 when a dimension is free, INT64_MAX when there are more. */
static int64_t row_elements(const mlcm_port *port) {
  int64_t n = 1;
  if (port->rank < 0) return -1;
  for (int32_t i = 1; i < port->rank; i++) {
    if (port->shape[i] < 0) return -1;
    if (__builtin_mul_overflow(n, port->shape[i], &n)) return INT64_MAX;
  }
  return n;
}

/* All columns that are not left out; answers how many. */
static size_t take_all(const cli_source *s, const table *t, size_t *columns) {
  size_t n = 0;
  for (size_t i = 0; i < t->n_columns; i++)
    if (!left_out(s, t->cells[i])) columns[n++] = i;
  return n;
}

/* Tells that a port's row has another number of elements than there are columns. */
static int misfit(const cli_source *s, const table *t, const mlcm_port *port, const size_t *columns, size_t n) {
  char wants[160];
  const int64_t want = row_elements(port);
  (void)cli_port_text(port, wants, sizeof wants);
  if (n == 0)
    return cli_error(s->c, MLCM_MISMATCH, "%s: all columns are left out, input '%s' wants %s", s->name, port->name, wants);
  const char *spare = n > (size_t)want ? t->cells[columns[n - 1]] : "";
  return cli_error(s->c, MLCM_MISMATCH, "%s has %s, input '%s' wants %lld (%s)%s%s", s->name,
                   cli_count((int64_t)n, "column").text, port->name, (long long)want, wants,
                   *spare ? "; leave one out with --without " : "", spare);
}

/* Which columns feed a port, in order: the one of its name, else all that are not taken out with --without. */
static int choose_columns(const cli_source *s, const table *t, const mlcm_port *port, size_t *columns, size_t *n) {
  char wants[160];
  const size_t own = find_column(t, port->name);
  const int64_t want = row_elements(port);
  if (own != MAX_COLUMNS && want <= 1) {
    columns[0] = own;
    *n = 1;
    return 0;
  }
  if (s->out->n > 1 && own == MAX_COLUMNS)
    return cli_error(s->c, MLCM_NOT_FOUND, "%s has no column '%s', an input of the model", s->name, port->name);
  if (s->out->n > 1)
    return cli_error(s->c, MLCM_MISMATCH, "input '%s' wants %s, more than one column of a CSV; give the inputs as JSON",
                     port->name, cli_port_text(port, wants, sizeof wants));
  *n = take_all(s, t, columns);
  return *n > 0 && (want < 0 || (size_t)want == *n) ? 0 : misfit(s, t, port, columns, *n);
}

/* Memory for n columns in the shape that a port has. */
static void make_tensor(const mlcm_port *port, int64_t n_rows, int64_t n, cli_tensor *tensor) {
  int64_t shape[MLCM_MAX_RANK] = {n_rows, n};
  int32_t rank = port->rank == 1 ? 1 : 2;
  if (port->rank > 2 && row_elements(port) >= 0) {
    rank = port->rank;
    for (int32_t i = 1; i < rank; i++) shape[i] = port->shape[i];
  }
  cli_tensor_make(tensor, port, rank, shape);
}

static int fill(const cli_source *s, const table *t, const size_t *columns, size_t n, cli_tensor *tensor) {
  for (int64_t row = 0; row < t->n_rows; row++)
    for (size_t k = 0; k < n; k++) {
      const char *cell = t->cells[(size_t)(row + 1) * t->n_columns + columns[k]];
      if (!cli_tensor_put(tensor, row * (int64_t)n + (int64_t)k, cell))
        return cli_error(s->c, MLCM_PARSE, "%s: row %lld, column '%s': '%.40s' is not %s", s->name, (long long)row + 1,
                         t->cells[columns[k]], cell, mlcm_dtype_name(tensor->input.dtype));
    }
  return 0;
}

int cli_read_csv(const cli_source *s) {
  table t = {0};
  size_t *columns = NULL, n = 0;
  int code = cut_table(s, &t);
  if (!code) code = check_without(s, &t);
  if (code) goto done;
  columns = cli_alloc(t.n_columns, sizeof *columns);
  s->out->n_rows = t.n_rows;
  for (size_t i = 0; !code && i < s->out->n; i++) {
    mlcm_port port = mlcm_session_input(s->session, i);
    code = choose_columns(s, &t, &port, columns, &n);
    if (code) break;
    make_tensor(&port, t.n_rows, (int64_t)n, &s->out->tensors[i]);
    code = fill(s, &t, columns, n, &s->out->tensors[i]);
  }
done:
  free(columns);
  free(t.cells);
  return code;
}
