/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - what the CSV and the JSON reader of `mlcm run` share: tensors with memory of their own, and text into elements.
 */
#include "rows.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/half.h"
#include "memory.h"

void cli_inputs_reset(cli_inputs *inputs) {
  for (size_t i = 0; i < inputs->n; i++) free(inputs->tensors[i].data);
  free(inputs->tensors);
  free(inputs->text);
  cJSON_Delete(inputs->tree);
  *inputs = (cli_inputs){0};
}

const char *cli_port_text(const mlcm_port *port, char *out, size_t size) {
  snprintf(out, size, "%s [%s", mlcm_dtype_name(port->dtype), port->rank < 0 ? "..." : "");
  for (int32_t i = 0; i < port->rank; i++) {
    const size_t used = strlen(out);
    const char *comma = i > 0 ? ", " : "";
    if (port->shape[i] < 0)
      snprintf(out + used, size - used, "%s%c", comma, i > 0 ? '?' : 'n');
    else
      snprintf(out + used, size - used, "%s%lld", comma, (long long)port->shape[i]);
  }
  const size_t used = strlen(out);
  snprintf(out + used, size - used, "]");
  return out;
}

void cli_tensor_make(cli_tensor *t, const mlcm_port *port, int32_t rank, const int64_t *shape) {
  size_t n = 1;
  t->input = (mlcm_input){.name = port->name, .dtype = port->dtype, .rank = rank};
  for (int32_t i = 0; i < rank; i++) {
    t->input.shape[i] = shape[i];
    n *= (size_t)shape[i];
  }
  t->data = cli_alloc(n, mlcm_dtype_size(port->dtype));
  t->input.data = t->data;
}

/* A whole number between two bounds. Spaces may follow. */
static bool whole(const char *text, int64_t min, int64_t max, int64_t *out) {
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return !errno && end != text && !end[strspn(end, " ")] && *out >= min && *out <= max;
}

static bool put_u64(uint64_t *element, const char *text) {
  char *end;
  errno = 0;
  *element = strtoull(text, &end, 10);
  return !errno && end != text && !end[strspn(end, " ")] && !strchr(text, '-');
}

static bool put_truth(uint8_t *element, const char *text) {
  *element = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
  return *element || strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

/* An empty cell is a missing value. */
static bool real(const char *text, double *out) {
  char *end;
  *out = *text ? strtod(text, &end) : (double)NAN;
  return !*text || (end != text && !end[strspn(end, " ")]);
}

bool cli_tensor_put(cli_tensor *t, int64_t at, const char *text) {
  int64_t n = 0;
  double x = 0;
  bool fits;
  switch (t->input.dtype) {
  case MLCM_STRING: return ((mlcm_str *)t->data)[at] = mlcm_str_of(text), true;
  case MLCM_BOOL: return put_truth(&((uint8_t *)t->data)[at], text);
  case MLCM_F32: return fits = real(text, &x), ((float *)t->data)[at] = (float)x, fits;
  case MLCM_F64: return real(text, &((double *)t->data)[at]);
  case MLCM_F16: return fits = real(text, &x), ((uint16_t *)t->data)[at] = mlcm__f64_to_f16(x), fits;
  case MLCM_BF16: return fits = real(text, &x), ((uint16_t *)t->data)[at] = mlcm__f64_to_bf16(x), fits;
  case MLCM_I8: return fits = whole(text, INT8_MIN, INT8_MAX, &n), ((int8_t *)t->data)[at] = (int8_t)n, fits;
  case MLCM_U8: return fits = whole(text, 0, UINT8_MAX, &n), ((uint8_t *)t->data)[at] = (uint8_t)n, fits;
  case MLCM_I16: return fits = whole(text, INT16_MIN, INT16_MAX, &n), ((int16_t *)t->data)[at] = (int16_t)n, fits;
  case MLCM_U16: return fits = whole(text, 0, UINT16_MAX, &n), ((uint16_t *)t->data)[at] = (uint16_t)n, fits;
  case MLCM_I32: return fits = whole(text, INT32_MIN, INT32_MAX, &n), ((int32_t *)t->data)[at] = (int32_t)n, fits;
  case MLCM_U32: return fits = whole(text, 0, UINT32_MAX, &n), ((uint32_t *)t->data)[at] = (uint32_t)n, fits;
  case MLCM_I64: return whole(text, INT64_MIN, INT64_MAX, &((int64_t *)t->data)[at]);
  default:
    assert(t->input.dtype == MLCM_U64);
    return put_u64(&((uint64_t *)t->data)[at], text);
  }
}

int cli_inputs_read(cli *c, const mlcm_session *session, const char *name, char *text, size_t len, int64_t limit,
                    cli_inputs *out) {
  *out = (cli_inputs){.n = mlcm_session_n_inputs(session), .text = text};
  cli_source source = {c, name, session, limit, out};
  out->tensors = cli_alloc(out->n, sizeof *out->tensors);
  if (strlen(text) != len) return cli_error(c, MLCM_PARSE, "%s is neither CSV nor JSON: it has a NUL byte", name);
  if (strncmp(text, "\xef\xbb\xbf", 3) == 0) memset(text, ' ', 3); /* a byte order mark */
  const char *p = text + strspn(text, " \t\r\n");
  return *p == '{' || *p == '[' ? cli_read_json(&source) : cli_read_csv(&source);
}
