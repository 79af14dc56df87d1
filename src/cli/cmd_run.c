/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_run.c - runs a version on a file of inputs.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "cli.h"
#include "memory.h"
#include "rows.h"
#include "table.h"

enum { INPUT_MAX_BYTES = 1 << 30, TEXT_ROOM = 4096 /* for strings that a model makes itself */ };

static bool wanted(cli *c, const char *name) {
  size_t cursor = 0;
  bool any = false;
  for (const char *w; (w = cli_each(&c->args, "output", &cursor)) != NULL; any = true)
    if (strcmp(w, name) == 0) return true;
  return !any;
}

static int64_t elements(const mlcm_output *out) {
  int64_t n = 1;
  for (int32_t i = 0; i < out->rank; i++) n *= out->shape[i];
  return n;
}

/* Memory for an output whose shape is known. */
static void make_room(mlcm_output *out) {
  const size_t n = (size_t)elements(out);
  out->capacity_bytes = n * mlcm_dtype_size(out->dtype);
  if (out->dtype == MLCM_STRING) out->capacity_bytes += TEXT_ROOM + 32 * n;
  out->data = cli_alloc(out->capacity_bytes, 1);
}

/* Runs twice: first for the shapes, then into memory of that size. */
static int run_session(cli *c, mlcm_session *session, const cli_inputs *in, mlcm_output *outputs, size_t n) {
  mlcm_input *inputs = cli_alloc(in->n, sizeof *inputs);
  for (size_t i = 0; i < in->n; i++) inputs[i] = in->tensors[i].input;
  mlcm_status st = mlcm_session_run(session, inputs, in->n, outputs, n, &c->err);
  for (size_t i = 0; st == MLCM_OK && i < n; i++) make_room(&outputs[i]);
  if (st == MLCM_OK) st = mlcm_session_run(session, inputs, in->n, outputs, n, &c->err);
  free(inputs);
  return st == MLCM_OK ? 0 : cli_fail(c);
}

/* A number as short as reads back as the same one. */
static void number_text(const mlcm_output *out, int64_t i, char text[64]) {
  switch (out->dtype) {
  case MLCM_F32: snprintf(text, 64, "%.9g", (double)((const float *)out->data)[i]); break;
  case MLCM_F64: snprintf(text, 64, "%.17g", ((const double *)out->data)[i]); break;
  case MLCM_F16: snprintf(text, 64, "%.5g", mlcm__f16_to_f64(((const uint16_t *)out->data)[i])); break;
  case MLCM_I64: snprintf(text, 64, "%lld", (long long)((const int64_t *)out->data)[i]); break;
  case MLCM_I32: snprintf(text, 64, "%d", (int)((const int32_t *)out->data)[i]); break;
  case MLCM_I16: snprintf(text, 64, "%d", (int)((const int16_t *)out->data)[i]); break;
  case MLCM_I8: snprintf(text, 64, "%d", (int)((const int8_t *)out->data)[i]); break;
  case MLCM_U64: snprintf(text, 64, "%llu", (unsigned long long)((const uint64_t *)out->data)[i]); break;
  case MLCM_U32: snprintf(text, 64, "%u", (unsigned)((const uint32_t *)out->data)[i]); break;
  case MLCM_U16: snprintf(text, 64, "%u", (unsigned)((const uint16_t *)out->data)[i]); break;
  case MLCM_U8:
  case MLCM_BOOL: snprintf(text, 64, "%d", (int)((const uint8_t *)out->data)[i]); break;
  default:
    assert(out->dtype == MLCM_BF16);
    snprintf(text, 64, "%.4g", mlcm__bf16_to_f64(((const uint16_t *)out->data)[i]));
    break;
  }
}

/* To be freed. */
static char *element_text(const mlcm_output *out, int64_t i) {
  char number[64];
  if (out->dtype != MLCM_STRING) return number_text(out, i, number), cli_copy(number);
  const mlcm_str *s = &((const mlcm_str *)out->data)[i];
  char *text = cli_alloc(s->len, 1);
  if (s->len) memcpy(text, s->ptr, s->len);
  return text;
}

static cJSON *element_json(const mlcm_output *out, int64_t i) {
  if (out->dtype == MLCM_BOOL) return cli_must(cJSON_CreateBool(((const uint8_t *)out->data)[i] != 0));
  char *text = element_text(out, i);
  cJSON *json = NULL;
  if (out->dtype == MLCM_STRING)
    json = json_string(text);
  else if (strchr(text, 'n')) /* nan, inf */
    json = cli_must(cJSON_CreateNull());
  else
    json = json_raw(text);
  free(text);
  return json;
}

/* Numbers of the first dimension are arrays of their own when there are more dimensions. */
static void add_data(cJSON *data, const mlcm_output *out) {
  const int64_t n = elements(out), rows = out->rank > 1 ? out->shape[0] : 1, width = rows > 0 ? n / rows : 0;
  for (int64_t row = 0; row < rows; row++) {
    cJSON *list = out->rank > 1 ? json_list() : data;
    for (int64_t k = 0; k < width; k++) json_add(list, element_json(out, row * width + k));
    if (list != data) json_add(data, list);
  }
}

static cJSON *output_json(const mlcm_port *port, const mlcm_output *out) {
  cJSON *object = json_object();
  json_text(object, "name", port->name);
  json_text(object, "dtype", mlcm_dtype_name(out->dtype));
  cJSON *shape = json_put_list(object, "shape");
  for (int32_t i = 0; i < out->rank; i++) json_add(shape, cli_must(cJSON_CreateNumber((double)out->shape[i])));
  if (port->classes) {
    cJSON *classes = json_put_list(object, "classes");
    for (size_t i = 0; i < port->n_classes; i++) json_add(classes, json_string(port->classes[i]));
  }
  add_data(json_put_list(object, "data"), out);
  return object;
}

static int print_json(const mlcm_version *v, const mlcm_port *ports, const mlcm_output *outputs, size_t n) {
  cJSON *root = json_object();
  json_text(root, "model", mlcm_version_model(v));
  json_whole(root, "version", mlcm_version_number(v));
  cJSON *list = json_put_list(root, "outputs");
  for (size_t i = 0; i < n; i++) json_add(list, output_json(&ports[i], &outputs[i]));
  return cli_json(root);
}

enum { MAX_SHOWN = 64 }; /* columns of a table for people */

/* What a table cannot hold is said: an output without a row for each row of the input, columns beyond the last. */
static void say_left_out(cli *c, const mlcm_port *ports, const size_t *width, size_t n) {
  size_t columns = 0;
  for (size_t i = 0; i < n; i++) {
    columns += width[i];
    if (!width[i]) cli_say(c, "output '%s' has no row for each row of the input: --json shows it", cli_clean(c, ports[i].name));
  }
  if (columns > MAX_SHOWN) cli_say(c, "%zu more columns: --json shows them", columns - MAX_SHOWN);
}

/* Elements of an output for each row of the input; 0 when there is not one row for each. */
static size_t width_of(const mlcm_output *out, int64_t n_rows) {
  const int64_t rows = out->rank > 0 ? out->shape[0] : 1;
  return rows == n_rows && rows > 0 ? (size_t)(elements(out) / rows) : 0;
}

/* The name of column k of an output; to be freed. */
static char *column_name(const mlcm_port *port, size_t width, size_t k) {
  cli_page page;
  FILE *file = cli_page_open(&page);
  fputs(port->name, file);
  if (k < port->n_classes)
    fprintf(file, "[%s]", port->classes[k]);
  else if (width > 1)
    fprintf(file, "[%zu]", k);
  return cli_page_close(&page);
}

static void free_cells(char **cells, size_t n) {
  for (size_t i = 0; i < n; i++) free(cells[i]);
}

static void print_rows(cli *c, const mlcm_port *ports, const mlcm_output *outputs, const size_t *width, size_t n,
                       int64_t n_rows) {
  char *cells[MAX_SHOWN];
  size_t columns = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < width[i] && columns < MAX_SHOWN; k++) cells[columns++] = column_name(&ports[i], width[i], k);
  cli_table *table = cli_table_new(columns, (const char *const *)cells);
  free_cells(cells, columns);
  for (int64_t row = 0; row < n_rows; row++) {
    size_t column = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < width[i] && column < columns; k++)
        cells[column++] = element_text(&outputs[i], row * (int64_t)width[i] + (int64_t)k);
    cli_table_row(table, (const char *const *)cells);
    free_cells(cells, columns);
  }
  for (size_t i = 0; i < columns; i++) cli_table_right(table, i);
  if (columns > 0) cli_table_print(table, &c->out);
  cli_table_free(table);
}

static void print_table(cli *c, const mlcm_port *ports, const mlcm_output *outputs, size_t n, int64_t n_rows) {
  size_t *width = cli_alloc(n, sizeof *width);
  for (size_t i = 0; i < n; i++) width[i] = width_of(&outputs[i], n_rows);
  print_rows(c, ports, outputs, width, n, n_rows);
  say_left_out(c, ports, width, n);
  free(width);
}

/* Picks the outputs asked for; answers how many. */
static size_t pick_outputs(cli *c, const mlcm_session *session, mlcm_port *ports, mlcm_output *outputs) {
  size_t n = 0, all = mlcm_session_n_outputs(session);
  for (size_t i = 0; i < all; i++) {
    mlcm_port port = mlcm_session_output(session, i);
    if (!wanted(c, port.name)) continue;
    ports[n] = port;
    outputs[n++] = (mlcm_output){.name = port.name};
  }
  return n;
}

/* Each --output must name one that there is. */
static int check_wanted(cli *c, const mlcm_session *session) {
  size_t cursor = 0, all = mlcm_session_n_outputs(session);
  for (const char *w; (w = cli_each(&c->args, "output", &cursor)) != NULL;) {
    char names[300] = "";
    bool found = false;
    for (size_t i = 0; i < all; i++) {
      size_t used = strlen(names);
      const char *name = mlcm_session_output(session, i).name;
      found = found || strcmp(name, w) == 0;
      snprintf(names + used, sizeof names - used, "%s'%.100s'", i ? ", " : "", name);
    }
    if (!found) return cli_error(c, MLCM_NOT_FOUND, "the model has no output '%.100s'; it has %s", w, names);
  }
  return 0;
}

static int load_session(cli *c, mlcm_version **out_version, mlcm_session **out) {
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  mlcm_status st = mlcm_version_get(c->reg, c->args.positional[0], out_version, &c->err);
  if (st == MLCM_OK) st = mlcm_version_load(c->reg, *out_version, NULL, out, &c->err);
  return st == MLCM_OK ? check_wanted(c, *out) : cli_fail(c);
}

static int run_and_print(cli *c, const mlcm_version *v, mlcm_session *session, const cli_inputs *in) {
  const size_t all = mlcm_session_n_outputs(session);
  mlcm_port *ports = cli_alloc(all, sizeof *ports);
  mlcm_output *outputs = cli_alloc(all, sizeof *outputs);
  const size_t n = pick_outputs(c, session, ports, outputs);
  int code = run_session(c, session, in, outputs, n);
  if (!code && c->json)
    code = print_json(v, ports, outputs, n);
  else if (!code)
    print_table(c, ports, outputs, n, in->n_rows);
  for (size_t i = 0; i < n; i++) free(outputs[i].data);
  free(outputs);
  free(ports);
  return code;
}

int cmd_run(cli *c) {
  mlcm_version *v = NULL;
  mlcm_session *session = NULL;
  cli_inputs in = {0};
  size_t len = 0;
  int64_t limit = 0;
  char *text = NULL;
  const char *file = cli_get(&c->args, "input");
  if (!file) return cli_usage(c, "--input FILE is missing ('-' reads standard input)");
  int code = cli_get_number(c, "limit", 1, INT64_MAX - 1, "a number above 0", &limit);
  if (!code) code = load_session(c, &v, &session);
  if (!code) code = cli_read_file(c, file, INPUT_MAX_BYTES, &text, &len);
  if (!code) code = cli_inputs_read(c, session, strcmp(file, "-") == 0 ? "standard input" : file, text, len, limit, &in);
  if (!code) code = run_and_print(c, v, session, &in);
  cli_inputs_reset(&in);
  mlcm_session_close(session);
  mlcm_version_free(v);
  return code;
}
