/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - what the CSV and the JSON reader of `mlcm run` share: tensors with memory of their own, and text into elements.
 */
#include "rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void cli_inputs_reset(cli_inputs *inputs) {
  for (size_t i = 0; i < inputs->n; i++) free(inputs->tensors[i].data);
  free(inputs->tensors);
  free(inputs->text);
  cJSON_Delete(inputs->tree);
  *inputs = (cli_inputs){0};
}

const char *cli_port_text(const mlcm_port *port, char *out, size_t size) {
  snprintf(out, size, "%s", mlcm_dtype_name(port->dtype));
  for (int32_t i = 0; i < port->rank; i++) {
    size_t used = strlen(out);
    if (port->shape[i] < 0)
      snprintf(out + used, size - used, "%s%s", i ? ", " : " [", i ? "?" : "n");
    else
      snprintf(out + used, size - used, "%s%lld", i ? ", " : " [", (long long)port->shape[i]);
  }
  size_t used = strlen(out);
  if (port->rank > 0) snprintf(out + used, size - used, "]");
  return out;
}

int cli_tensor_make(cli *c, cli_tensor *t, const mlcm_port *port, int32_t rank, const int64_t *shape) {
  size_t n = 1, size = mlcm_dtype_size(port->dtype);
  if (!size) return cli_error(c, MLCM_UNSUPPORTED, "input '%s' has elements of an unknown type", port->name);
  t->input = (mlcm_input){.name = port->name, .dtype = port->dtype, .rank = rank};
  for (int32_t i = 0; i < rank; i++) {
    t->input.shape[i] = shape[i];
    if (shape[i] > 0 && n > ((size_t)1 << 40) / (size_t)shape[i])
      return cli_error(c, MLCM_LIMIT, "input '%s' is too large", port->name);
    n *= (size_t)shape[i];
  }
  t->data = calloc(n + 1, size);
  t->input.data = t->data;
  return t->data ? 0 : cli_no_memory(c);
}

static bool put_whole(cli_tensor *t, int64_t at, const char *text) {
  static const struct {
    mlcm_dtype dtype;
    int64_t min, max;
  } ranges[] = {{MLCM_U8, 0, UINT8_MAX},          {MLCM_I8, INT8_MIN, INT8_MAX},    {MLCM_U16, 0, UINT16_MAX},
                {MLCM_I16, INT16_MIN, INT16_MAX}, {MLCM_I32, INT32_MIN, INT32_MAX}, {MLCM_U32, 0, UINT32_MAX},
                {MLCM_I64, INT64_MIN, INT64_MAX}, {MLCM_U64, 0, INT64_MAX},         {MLCM_BOOL, 0, 1}};
  char *end = NULL;
  errno = 0;
  int64_t value = strtoll(text, &end, 10);
  if (errno || end == text || strspn(end, " ") != strlen(end)) return false;
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (ranges[i].dtype == t->input.dtype && (value < ranges[i].min || value > ranges[i].max)) return false;
  size_t size = mlcm_dtype_size(t->input.dtype); /* the low bytes, on either kind of machine */
  const union {
    int64_t value;
    int32_t i32;
    int16_t i16;
    int8_t i8;
  } narrow[] = {{.value = value}, {.i32 = (int32_t)value}, {.i16 = (int16_t)value}, {.i8 = (int8_t)value}};
  memcpy((char *)t->data + (size_t)at * size, &narrow[size == 8 ? 0 : size == 4 ? 1 : size == 2 ? 2 : 3], size);
  return true;
}

static bool put_truth(cli_tensor *t, int64_t at, const char *text) {
  if (strcmp(text, "true") == 0 || strcmp(text, "True") == 0) text = "1";
  if (strcmp(text, "false") == 0 || strcmp(text, "False") == 0) text = "0";
  return put_whole(t, at, text);
}

static bool put_real(cli_tensor *t, int64_t at, const char *text) {
  char *end = NULL;
  double value = *text ? strtod(text, &end) : (double)NAN; /* an empty cell is a missing value */
  if (*text && (end == text || strspn(end, " ") != strlen(end))) return false;
  if (t->input.dtype == MLCM_F32)
    ((float *)t->data)[at] = (float)value;
  else
    ((double *)t->data)[at] = value;
  return true;
}

bool cli_tensor_put(cli_tensor *t, int64_t at, const char *text) {
  switch (t->input.dtype) {
  case MLCM_STRING: ((mlcm_str *)t->data)[at] = mlcm_str_of(text); return true;
  case MLCM_F32:
  case MLCM_F64: return put_real(t, at, text);
  case MLCM_BOOL: return put_truth(t, at, text);
  case MLCM_F16:
  case MLCM_BF16: return false;
  default: return put_whole(t, at, text);
  }
}

int cli_inputs_read(cli *c, const mlcm_session *session, const char *name, char *text, size_t len, int64_t limit,
                    cli_inputs *out) {
  *out = (cli_inputs){.n = mlcm_session_n_inputs(session), .text = text};
  cli_source source = {c, name, session, limit, out};
  out->tensors = calloc(out->n + 1, sizeof *out->tensors);
  if (!out->tensors) return cli_no_memory(c);
  if (strlen(text) != len) return cli_error(c, MLCM_PARSE, "%s is neither CSV nor JSON: it has a NUL byte", name);
  if (strncmp(text, "\xef\xbb\xbf", 3) == 0) memset(text, ' ', 3); /* a byte order mark */
  const char *p = text + strspn(text, " \t\r\n");
  return *p == '{' || *p == '[' ? cli_read_json(&source) : cli_read_csv(&source);
}
