/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_run.c - runs a version on a file of inputs.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "rows.h"

enum { TEXT_ROOM = 4096 }; /* for strings that a model makes itself */

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

/* Runs twice: first for the shapes, then into memory of that size. */
static int run_session(cli *c, mlcm_session *session, const cli_inputs *in, mlcm_output *outputs, size_t n) {
  mlcm_input *inputs = calloc(in->n + 1, sizeof *inputs);
  bool memory = inputs != NULL;
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; inputs && i < in->n; i++) inputs[i] = in->tensors[i].input;
  if (memory) st = mlcm_session_run(session, inputs, in->n, outputs, n, &c->err);
  for (size_t i = 0; st == MLCM_OK && memory && i < n; i++) {
    size_t size = (size_t)elements(&outputs[i]) * mlcm_dtype_size(outputs[i].dtype);
    if (outputs[i].dtype == MLCM_STRING) size += TEXT_ROOM + 32 * (size_t)elements(&outputs[i]);
    outputs[i].data = calloc(1, size + 1);
    outputs[i].capacity_bytes = size;
    memory = outputs[i].data != NULL;
  }
  if (st == MLCM_OK && memory) st = mlcm_session_run(session, inputs, in->n, outputs, n, &c->err);
  free(inputs);
  if (!memory) return cli_no_memory(c);
  return st == MLCM_OK ? 0 : cli_fail(c);
}

static void element_text(const mlcm_output *out, int64_t i, char *text, size_t size) {
  switch (out->dtype) {
  case MLCM_F32: snprintf(text, size, "%.9g", (double)((const float *)out->data)[i]); break;
  case MLCM_F64: snprintf(text, size, "%.17g", ((const double *)out->data)[i]); break;
  case MLCM_I64: snprintf(text, size, "%lld", (long long)((const int64_t *)out->data)[i]); break;
  case MLCM_I32: snprintf(text, size, "%d", (int)((const int32_t *)out->data)[i]); break;
  case MLCM_I16: snprintf(text, size, "%d", (int)((const int16_t *)out->data)[i]); break;
  case MLCM_I8: snprintf(text, size, "%d", (int)((const int8_t *)out->data)[i]); break;
  case MLCM_U64: snprintf(text, size, "%llu", (unsigned long long)((const uint64_t *)out->data)[i]); break;
  case MLCM_U32: snprintf(text, size, "%u", (unsigned)((const uint32_t *)out->data)[i]); break;
  case MLCM_U16: snprintf(text, size, "%u", (unsigned)((const uint16_t *)out->data)[i]); break;
  case MLCM_U8:
  case MLCM_BOOL: snprintf(text, size, "%d", (int)((const uint8_t *)out->data)[i]); break;
  case MLCM_STRING: {
    const mlcm_str *s = &((const mlcm_str *)out->data)[i];
    snprintf(text, size, "%.*s", (int)s->len, s->ptr);
    break;
  }
  default: snprintf(text, size, "?"); break;
  }
}

static cJSON *string_json(const mlcm_str *s) {
  char *text = malloc(s->len + 1);
  if (!text) return NULL;
  if (s->len) memcpy(text, s->ptr, s->len);
  text[s->len] = '\0';
  cJSON *json = cJSON_CreateString(text);
  free(text);
  return json;
}

static cJSON *element_json(const mlcm_output *out, int64_t i) {
  char text[64];
  if (out->dtype == MLCM_STRING) return string_json(&((const mlcm_str *)out->data)[i]);
  if (out->dtype == MLCM_BOOL) return cJSON_CreateBool(((const uint8_t *)out->data)[i] != 0);
  element_text(out, i, text, sizeof text);
  if (strstr(text, "nan") || strstr(text, "inf")) return cJSON_CreateNull();
  return cJSON_CreateRaw(text);
}

static cJSON *output_json(const mlcm_port *port, const mlcm_output *out) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "name", port->name);
  cJSON_AddStringToObject(object, "dtype", mlcm_dtype_name(out->dtype));
  cJSON *shape = cJSON_AddArrayToObject(object, "shape");
  for (int32_t i = 0; i < out->rank; i++) cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)out->shape[i]));
  if (port->classes) {
    cJSON *classes = cJSON_AddArrayToObject(object, "classes");
    for (size_t i = 0; i < port->n_classes; i++) cJSON_AddItemToArray(classes, cJSON_CreateString(port->classes[i]));
  }
  int64_t n = elements(out), rows = out->rank > 0 ? out->shape[0] : 1, width = rows > 0 ? n / rows : 0;
  cJSON *data = cJSON_AddArrayToObject(object, "data");
  for (int64_t row = 0; row < rows; row++) {
    cJSON *list = out->rank > 1 ? cJSON_CreateArray() : NULL;
    for (int64_t k = 0; k < width; k++) cJSON_AddItemToArray(list ? list : data, element_json(out, row * width + k));
    if (list) cJSON_AddItemToArray(data, list);
  }
  return object;
}

static int print_json(cli *c, const mlcm_version *v, const mlcm_port *ports, const mlcm_output *outputs, size_t n) {
  cJSON *root = cJSON_CreateObject();
  cJSON_AddStringToObject(root, "model", mlcm_version_model(v));
  cJSON_AddNumberToObject(root, "version", (double)mlcm_version_number(v));
  cJSON *list = cJSON_AddArrayToObject(root, "outputs");
  for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(list, output_json(&ports[i], &outputs[i]));
  return cli_json(c, root);
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

static void print_table(cli *c, const mlcm_port *ports, const mlcm_output *outputs, size_t n, int64_t n_rows) {
  char text[MAX_SHOWN][128];
  const char *cells[MAX_SHOWN] = {NULL};
  size_t width[MAX_SHOWN], columns = 0;
  for (size_t i = 0; i < n; i++) {
    int64_t rows = outputs[i].rank > 0 ? outputs[i].shape[0] : 1;
    width[i] = rows == n_rows && rows > 0 ? (size_t)(elements(&outputs[i]) / rows) : 0;
    for (size_t k = 0; k < width[i] && columns < MAX_SHOWN; k++, columns++) {
      if (ports[i].classes && k < ports[i].n_classes)
        snprintf(text[columns], 128, "%.60s[%.60s]", ports[i].name, ports[i].classes[k]);
      else if (width[i] > 1)
        snprintf(text[columns], 128, "%.100s[%zu]", ports[i].name, k);
      else
        snprintf(text[columns], 128, "%.120s", ports[i].name);
      cells[columns] = text[columns];
    }
  }
  cli_table *table = cli_table_new(columns, cells);
  for (int64_t row = 0; row < n_rows; row++) {
    size_t column = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < width[i] && column < columns; k++, column++)
        element_text(&outputs[i], row * (int64_t)width[i] + (int64_t)k, text[column], 128);
    cli_table_row(table, cells);
  }
  for (size_t i = 0; i < columns; i++) cli_table_right(table, i);
  cli_table_print(table, &c->out);
  say_left_out(c, ports, width, n);
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

int cmd_run(cli *c) {
  mlcm_version *v = NULL;
  mlcm_session *session = NULL;
  cli_inputs in = {0};
  mlcm_port *ports = NULL;
  mlcm_output *outputs = NULL;
  size_t n = 0, len;
  int64_t limit = 0;
  char *text = NULL;
  const char *file = cli_get(&c->args, "input"), *limit_text = cli_get(&c->args, "limit");
  if (!file) return cli_usage(c, "--input FILE is missing ('-' reads standard input)");
  if (limit_text && (!cli_number(limit_text, &limit) || limit < 1))
    return cli_usage(c, "--limit wants a number above 0, got '%s'", limit_text);
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  if (mlcm_version_get(c->reg, c->args.positional[0], &v, &c->err) != MLCM_OK ||
      mlcm_version_load(c->reg, v, NULL, &session, &c->err) != MLCM_OK) {
    code = cli_fail(c);
    goto done;
  }
  code = check_wanted(c, session);
  if (!code) code = cli_read_file(c, file, &text, &len);
  if (!code) code = cli_inputs_read(c, session, strcmp(file, "-") == 0 ? "standard input" : file, text, len, limit, &in);
  if (code) goto done;
  ports = calloc(mlcm_session_n_outputs(session) + 1, sizeof *ports);
  outputs = calloc(mlcm_session_n_outputs(session) + 1, sizeof *outputs);
  n = ports && outputs ? pick_outputs(c, session, ports, outputs) : 0;
  code = ports && outputs ? run_session(c, session, &in, outputs, n) : cli_no_memory(c);
  if (!code && c->json)
    code = print_json(c, v, ports, outputs, n);
  else if (!code)
    print_table(c, ports, outputs, n, in.n_rows);
done:
  for (size_t i = 0; i < n; i++) free(outputs[i].data);
  free(outputs);
  free(ports);
  cli_inputs_reset(&in);
  mlcm_session_close(session);
  mlcm_version_free(v);
  return code;
}
