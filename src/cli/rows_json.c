/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_json.c - JSON into tensors: {"input": [[...], ...]}, the same below "inputs", or for a model with one input the bare
 * rows, also below "instances". A row is one element or arrays nested as deep as the input has dimensions.
 */
#include <math.h>
#include <string.h>

#include "rows.h"

/* Where we are, for messages. */
typedef struct place {
  const cli_source *source;
  const mlcm_port *port;
  cli_tensor *tensor;
  int64_t at; /* element to be written next */
} place;

/* The row that is being read, from 1; no dimension is 0. */
static int64_t row_of(const place *p) {
  int64_t width = 1;
  for (int32_t i = 1; i < p->tensor->input.rank; i++) width *= p->tensor->input.shape[i];
  return p->at / width + 1;
}

static int wrong(const place *p, const char *what) {
  return cli_error(p->source->c, MLCM_PARSE, "%s: input '%s', row %lld: %s", p->source->name, p->port->name, (long long)row_of(p),
                   what);
}

static int put(place *p, const cJSON *item) {
  char number[40], text[160];
  const char *cell = NULL;
  mlcm_dtype dtype = p->tensor->input.dtype;
  const bool real = dtype == MLCM_F32 || dtype == MLCM_F64 || dtype == MLCM_F16 || dtype == MLCM_BF16;
  if (cJSON_IsString(item))
    cell = item->valuestring;
  else if (cJSON_IsNull(item))
    cell = "";
  else if (cJSON_IsBool(item))
    cell = cJSON_IsTrue(item) ? "1" : "0";
  else if (cJSON_IsArray(item))
    return wrong(p, "an array that is nested deeper than in the first row");
  else if (cJSON_IsObject(item))
    return wrong(p, "an object; rows are arrays: {\"input\": [[1, 2], [3, 4]]}");
  else if (dtype == MLCM_STRING)
    return wrong(p, "a number; this input wants strings");
  else {
    /* A JSON number has been read as a double: beyond 2^53 it may be another one than was written. */
    if (!real && fabs(item->valuedouble) > 9007199254740992.0) return wrong(p, "a number beyond 2^53: write it as a string");
    snprintf(number, sizeof number, "%.17g", item->valuedouble);
    cell = number;
  }
  if (cli_tensor_put(p->tensor, p->at, cell)) return p->at++, 0;
  snprintf(text, sizeof text, "'%.40s' is not %s", cell, mlcm_dtype_name(dtype));
  return wrong(p, text);
}

/* Fills dimension `depth` of one row; no deeper than MLCM_MAX_RANK. */
static int fill(place *p, const cJSON *item, int32_t depth) {
  const mlcm_input *in = &p->tensor->input;
  if (depth == in->rank || (depth == 1 && in->rank == 2 && in->shape[1] == 1 && !cJSON_IsArray(item))) return put(p, item);
  if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != in->shape[depth])
    return wrong(p, "not of the same form as the first row");
  int code = 0;
  for (const cJSON *child = item->child; !code && child; child = child->next) code = fill(p, child, depth + 1);
  return code;
}

/* Every element is at least one byte of the text: what promises more would take memory before it is found out. */
static bool fits_text(const cli_source *s, int32_t rank, const int64_t *shape) {
  size_t room = strlen(s->out->text);
  for (int32_t i = 0; i < rank; i++) room /= (size_t)shape[i];
  return room > 0;
}

/* Shape from the first row. */
static int measure(const cli_source *s, const mlcm_port *port, const cJSON *rows, int64_t n_rows, int32_t *rank, int64_t *shape) {
  shape[0] = n_rows;
  *rank = 1;
  for (const cJSON *item = rows->child; cJSON_IsArray(item); item = item->child) {
    if (*rank == MLCM_MAX_RANK)
      return cli_error(s->c, MLCM_LIMIT, "%s: input '%s' is nested deeper than %d", s->name, port->name, MLCM_MAX_RANK);
    shape[(*rank)++] = cJSON_GetArraySize(item);
    if (!item->child) return cli_error(s->c, MLCM_PARSE, "%s: input '%s': the first row is empty", s->name, port->name);
  }
  if (*rank == 1 && port->rank != 1) shape[(*rank)++] = 1; /* one element a row */
  if (fits_text(s, *rank, shape)) return 0;
  return cli_error(s->c, MLCM_PARSE, "%s: input '%s': the rows are not all of the first one's form", s->name, port->name);
}

static int read_input(const cli_source *s, const mlcm_port *port, const cJSON *rows, cli_tensor *tensor, int64_t *n_rows) {
  int64_t shape[MLCM_MAX_RANK];
  int32_t rank;
  if (!cJSON_IsArray(rows) || !rows->child)
    return cli_error(s->c, MLCM_PARSE, "%s: input '%s' wants an array of rows", s->name, port->name);
  *n_rows = cJSON_GetArraySize(rows);
  if (s->limit && *n_rows > s->limit) *n_rows = s->limit;
  int code = measure(s, port, rows, *n_rows, &rank, shape);
  if (code) return code;
  cli_tensor_make(tensor, port, rank, shape);
  place p = {s, port, tensor, 0};
  int64_t row = 0;
  for (const cJSON *item = rows->child; !code && item && row < *n_rows; item = item->next, row++) code = fill(&p, item, 1);
  return code;
}

static cJSON *member(cJSON *object, const char *name) {
  return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

/* The rows of a port, wherever they stand. */
static cJSON *find_rows(const cli_source *s, const char *port) {
  cJSON *root = s->out->tree, *inputs = member(root, "inputs");
  cJSON *rows = member(inputs ? inputs : root, port);
  if (rows || s->out->n > 1) return rows;
  if (cJSON_IsArray(root)) return root;
  return cJSON_IsArray(inputs) ? inputs : member(root, "instances");
}

int cli_read_json(const cli_source *s) {
  const char *end = NULL;
  s->out->tree = cJSON_ParseWithOpts(s->out->text, &end, 1);
  if (!s->out->tree) {
    int64_t line = 1;
    for (const char *p = s->out->text; p < end; p++) line += *p == '\n';
    return cli_error(s->c, MLCM_PARSE, "%s:%lld: not JSON", s->name, (long long)line);
  }
  int code = 0;
  for (size_t i = 0; !code && i < s->out->n; i++) {
    mlcm_port port = mlcm_session_input(s->session, i);
    cJSON *rows = find_rows(s, port.name);
    int64_t n_rows = 0;
    if (!rows) return cli_error(s->c, MLCM_NOT_FOUND, "%s has no member '%s', an input of the model", s->name, port.name);
    code = read_input(s, &port, rows, &s->out->tensors[i], &n_rows);
    if (!code && i > 0 && n_rows != s->out->n_rows)
      return cli_error(s->c, MLCM_MISMATCH, "%s: input '%s' has %lld rows, the first input %lld", s->name, port.name,
                       (long long)n_rows, (long long)s->out->n_rows);
    s->out->n_rows = n_rows;
  }
  return code;
}
