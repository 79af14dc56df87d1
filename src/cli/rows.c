/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - CSV and JSON into tensors.
 *
 * A model with one input takes a table's columns in their order; a model with several takes the column of each input's name.
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

void cli_inputs_reset(cli_inputs *inputs) {
  for (size_t i = 0; i < inputs->n; i++) free(inputs->tensors[i].data);
  free(inputs->tensors);
  free(inputs->text);
  cJSON_Delete(inputs->tree);
  *inputs = (cli_inputs){0};
}

static int no_memory(void) {
  fputs("mlcm: out of memory\n", stderr);
  return EXIT_ERROR;
}

/* Writes one cell into element `at` of a tensor. */
static bool put_cell(cli_tensor *t, int64_t at, const char *text) {
  char *end = NULL;
  if (t->input.dtype == MLCM_STRING) {
    ((mlcm_str *)t->data)[at] = mlcm_str_of(text);
    return true;
  }
  if (t->input.dtype == MLCM_I64 || t->input.dtype == MLCM_I32) {
    long long whole = strtoll(text, &end, 10);
    if (end == text || *end) return false;
    if (t->input.dtype == MLCM_I64) ((int64_t *)t->data)[at] = whole;
    else ((int32_t *)t->data)[at] = (int32_t)whole;
    return true;
  }
  double value = *text ? strtod(text, &end) : strtod("nan", &end); /* an empty cell is a missing value */
  if (*text && (end == text || *end)) return false;
  if (t->input.dtype == MLCM_F32) ((float *)t->data)[at] = (float)value;
  else if (t->input.dtype == MLCM_F64) ((double *)t->data)[at] = value;
  else if (t->input.dtype == MLCM_BOOL) ((uint8_t *)t->data)[at] = value != 0;
  else return false;
  return true;
}

static int make_tensor(cli_tensor *t, const mlcm_port *port, int64_t n_rows, int64_t n_columns) {
  t->input = (mlcm_input){.name = port->name, .dtype = port->dtype, .rank = port->rank == 1 ? 1 : 2, .shape = {n_rows, n_columns}};
  t->data = calloc((size_t)(n_rows * n_columns) + 1, mlcm_dtype_size(port->dtype) ? mlcm_dtype_size(port->dtype) : 8);
  t->input.data = t->data;
  return t->data ? 0 : no_memory();
}

/* ---- CSV ----------------------------------------------------------------------------------------------------------- */

enum { MAX_COLUMNS = 65536 };

typedef struct table {
  char **cells; /* header first */
  size_t n_cells, cap;
  size_t n_columns;
  int64_t n_rows;
} table;

static bool push(table *t, char *cell) {
  if (t->n_cells == t->cap) {
    t->cap = t->cap ? 2 * t->cap : 1024;
    char **grown = realloc(t->cells, t->cap * sizeof *grown);
    if (!grown) return false;
    t->cells = grown;
  }
  t->cells[t->n_cells++] = cell;
  return true;
}

/* Cuts the next cell out of *p in place; *last tells whether it ended its line. Answers NULL for a quote that is never closed. */
static char *cut_cell(char **p, bool *last) {
  char *start = *p, *write = *p, *read = *p;
  bool quoted = *read == '"';
  if (quoted) read++;
  for (; *read; read++) {
    if (quoted && *read == '"' && read[1] == '"') read++;
    else if (quoted && *read == '"') quoted = false, read[0] = '\0';
    else if (!quoted && (*read == ',' || *read == '\n' || *read == '\r')) break;
    if (*read) *write++ = *read;
  }
  if (quoted) return NULL;
  if (*read == '\r' && read[1] == '\n') read++;
  *last = *read != ',';
  *p = *read ? read + 1 : read;
  *write = '\0';
  return start;
}

static int cut_table(const char *name, char *text, int64_t limit, table *t) {
  size_t column = 0;
  int64_t line = 1;
  for (char *p = text; *p && (limit == 0 || t->n_rows <= limit);) {
    bool last;
    if (column == 0 && (*p == '\n' || *p == '\r')) { /* an empty line */
      p++;
      continue;
    }
    char *cell = cut_cell(&p, &last);
    if (!cell) return fprintf(stderr, "mlcm: %s:%lld: a quote is never closed\n", name, (long long)line), EXIT_ERROR;
    if (!push(t, cell)) return no_memory();
    column++;
    if (!last) continue;
    if (t->n_columns == 0) t->n_columns = column;
    if (column != t->n_columns || column > MAX_COLUMNS)
      return fprintf(stderr, "mlcm: %s:%lld: %zu cells, the header has %zu\n", name, (long long)line, column, t->n_columns), EXIT_ERROR;
    column = 0, line++, t->n_rows++;
  }
  t->n_rows--; /* the header */
  if (t->n_rows < 1) return fprintf(stderr, "mlcm: %s: no rows below the header\n", name), EXIT_ERROR;
  if (limit && t->n_rows > limit) t->n_rows = limit;
  return 0;
}

static size_t find_column(const table *t, const char *name) {
  for (size_t i = 0; i < t->n_columns; i++)
    if (strcmp(t->cells[i], name) == 0) return i;
  return MAX_COLUMNS;
}

/* Which columns feed a port, in order: the one of its name, else all that are not taken out with --without. */
static int choose_columns(cli *c, const char *name, const table *t, const mlcm_port *port, size_t n_ports, size_t *columns, size_t *n) {
  size_t own = find_column(t, port->name);
  *n = 0;
  if (own != MAX_COLUMNS) columns[(*n)++] = own;
  else if (n_ports > 1)
    return fprintf(stderr, "mlcm: %s has no column '%s', an input of the model\n", name, port->name), EXIT_ERROR;
  for (size_t i = 0; *n == 0 || own == MAX_COLUMNS; i++) {
    if (i == t->n_columns) break;
    bool left_out = false;
    size_t cursor = 0;
    for (const char *w; (w = cli_each(&c->args, "without", &cursor)) != NULL;) left_out = left_out || strcmp(w, t->cells[i]) == 0;
    if (!left_out) columns[(*n)++] = i;
  }
  int64_t want = port->rank == 2 ? port->shape[1] : -1;
  if (want < 0 || (size_t)want == *n) return 0;
  fprintf(stderr, "mlcm: %s has %zu columns, input '%s' wants %lld", name, *n, port->name, (long long)want);
  if (*n > (size_t)want) fprintf(stderr, "; leave one out with --without %s", t->cells[columns[*n - 1]]);
  fputc('\n', stderr);
  return EXIT_ERROR;
}

static int fill_from_table(const char *name, const table *t, const size_t *columns, size_t n, cli_tensor *tensor) {
  for (int64_t row = 0; row < t->n_rows; row++)
    for (size_t k = 0; k < n; k++) {
      const char *cell = t->cells[(size_t)(row + 1) * t->n_columns + columns[k]];
      if (!put_cell(tensor, row * (int64_t)n + (int64_t)k, cell))
        return fprintf(stderr, "mlcm: %s: row %lld, column '%s': '%s' is not %s\n", name, (long long)row + 1, t->cells[columns[k]], cell,
                       mlcm_dtype_name(tensor->input.dtype)), EXIT_ERROR;
    }
  return 0;
}

static int read_csv(cli *c, const mlcm_session *session, const char *name, int64_t limit, cli_inputs *out) {
  table t = {0};
  size_t *columns = NULL, n;
  int code = cut_table(name, out->text, limit, &t);
  if (code) goto done;
  columns = malloc((t.n_columns + 1) * sizeof *columns);
  if (!columns) code = no_memory();
  out->n_rows = t.n_rows;
  for (size_t i = 0; !code && i < out->n; i++) {
    mlcm_port port = mlcm_session_input(session, i);
    code = choose_columns(c, name, &t, &port, out->n, columns, &n);
    if (!code) code = make_tensor(&out->tensors[i], &port, t.n_rows, (int64_t)n);
    if (!code) code = fill_from_table(name, &t, columns, n, &out->tensors[i]);
  }
done:
  free(columns);
  free(t.cells);
  return code;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static bool put_json(cli_tensor *t, int64_t at, cJSON *item) {
  char number[40];
  if (cJSON_IsString(item)) return put_cell(t, at, item->valuestring); /* 64-bit integers as text */
  if (cJSON_IsNull(item)) return put_cell(t, at, "");
  if (cJSON_IsBool(item)) return put_cell(t, at, cJSON_IsTrue(item) ? "1" : "0");
  if (!cJSON_IsNumber(item)) return false;
  snprintf(number, sizeof number, "%.17g", item->valuedouble);
  return put_cell(t, at, number);
}

static int fill_from_json(const char *name, cJSON *rows, int64_t limit, const mlcm_port *port, cli_tensor *tensor, int64_t *n_rows) {
  if (!cJSON_IsArray(rows) || cJSON_GetArraySize(rows) == 0)
    return fprintf(stderr, "mlcm: %s: input '%s' wants an array of rows\n", name, port->name), EXIT_ERROR;
  *n_rows = cJSON_GetArraySize(rows);
  if (limit && *n_rows > limit) *n_rows = limit;
  int64_t width = cJSON_IsArray(rows->child) ? cJSON_GetArraySize(rows->child) : 1, row = 0;
  int code = make_tensor(tensor, port, *n_rows, width);
  for (cJSON *item = rows->child; !code && item && row < *n_rows; item = item->next, row++) {
    int64_t column = 0;
    cJSON *cell = cJSON_IsArray(item) ? item->child : item;
    for (; !code && cell && column < width; cell = cJSON_IsArray(item) ? cell->next : NULL, column++)
      if (!put_json(tensor, row * width + column, cell))
        code = (fprintf(stderr, "mlcm: %s: input '%s', row %lld, column %lld is not %s\n", name, port->name, (long long)row + 1,
                        (long long)column + 1, mlcm_dtype_name(port->dtype)), EXIT_ERROR);
    if (!code && (column != width || (cell && cJSON_IsArray(item))))
      code = (fprintf(stderr, "mlcm: %s: input '%s', row %lld has not %lld columns like the first\n", name, port->name,
                      (long long)row + 1, (long long)width), EXIT_ERROR);
  }
  return code;
}

static int read_json(const mlcm_session *session, const char *name, int64_t limit, cli_inputs *out) {
  const char *end = NULL;
  cJSON *root = cJSON_ParseWithOpts(out->text, &end, 1);
  if (!root) {
    int64_t line = 1;
    for (const char *p = out->text; end && p < end; p++) line += *p == '\n';
    return fprintf(stderr, "mlcm: %s:%lld: not JSON\n", name, (long long)line), EXIT_ERROR;
  }
  out->tree = root;
  cJSON *inputs = cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(root, "inputs")) ? cJSON_GetObjectItemCaseSensitive(root, "inputs") : root;
  int code = 0;
  for (size_t i = 0; !code && i < out->n; i++) {
    mlcm_port port = mlcm_session_input(session, i);
    cJSON *rows = cJSON_IsArray(inputs) && out->n == 1 ? inputs : cJSON_GetObjectItemCaseSensitive(inputs, port.name);
    int64_t n_rows = 0;
    if (!rows) code = (fprintf(stderr, "mlcm: %s has no member '%s', an input of the model\n", name, port.name), EXIT_ERROR);
    else code = fill_from_json(name, rows, limit, &port, &out->tensors[i], &n_rows);
    if (!code && i > 0 && n_rows != out->n_rows)
      code = (fprintf(stderr, "mlcm: %s: input '%s' has %lld rows, the first %lld\n", name, port.name, (long long)n_rows, (long long)out->n_rows), EXIT_ERROR);
    out->n_rows = n_rows;
  }
  return code;
}

int cli_inputs_read(cli *c, const mlcm_session *session, const char *name, char *text, int64_t limit, cli_inputs *out) {
  const char *p = text + strspn(text, " \t\r\n");
  *out = (cli_inputs){.n = mlcm_session_n_inputs(session), .text = text};
  out->tensors = calloc(out->n + 1, sizeof *out->tensors);
  if (!out->tensors) return no_memory();
  return *p == '{' || *p == '[' ? read_json(session, name, limit, out) : read_csv(c, session, name, limit, out);
}
