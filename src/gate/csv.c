/* SPDX-License-Identifier: Apache-2.0
 *
 * csv.c - a row at a time into one buffer. Owns that buffer only.
 */
#include "gate/csv.h"

#include <string.h>

void mlcm__csv_init(mlcm__csv *csv, mlcm_context *ctx, const char *name, mlcm_str text) {
  memset(csv, 0, sizeof(*csv));
  csv->name = name;
  csv->at = text.ptr;
  csv->end = text.ptr + text.len;
  csv->next_line = 1;
  if (text.len >= 3 && memcmp(text.ptr, "\xEF\xBB\xBF", 3) == 0) csv->at += 3;
  mlcm__buffer_init(&csv->row, ctx, (size_t)MLCM__CSV_MAX_FIELDS * (MLCM__CSV_MAX_FIELD + 2));
}

void mlcm__csv_reset(mlcm__csv *csv) { mlcm__buffer_reset(&csv->row); }

const char *mlcm__csv_field(const mlcm__csv *csv, size_t i) { return csv->row.data + csv->start[i]; }

static bool at_line_end(const mlcm__csv *csv) {
  if (csv->at == csv->end || *csv->at == '\n') return true;
  return *csv->at == '\r' && (csv->at + 1 == csv->end || csv->at[1] == '\n');
}

static void skip_line_end(mlcm__csv *csv) {
  if (csv->at < csv->end && *csv->at == '\r') csv->at++;
  if (csv->at < csv->end) csv->at++; /* a line feed: at_line_end has seen it */
  csv->next_line++;
}

static mlcm_status take(mlcm__csv *csv, size_t len, mlcm_error *err) {
  if (memchr(csv->at, '\0', len))
    return mlcm__fail(err, MLCM_PARSE, "%s:%lld: a NUL byte: this is not text", csv->name, (long long)csv->line);
  mlcm__buffer_append(&csv->row, csv->at, len);
  csv->at += len;
  return MLCM_OK;
}

/* Up to the closing quote; a doubled quote stands for one. */
static mlcm_status read_quoted(mlcm__csv *csv, mlcm_error *err) {
  csv->at++;
  for (;;) {
    const char *quote = memchr(csv->at, '"', (size_t)(csv->end - csv->at));
    if (!quote) return mlcm__fail(err, MLCM_PARSE, "%s:%lld: a quote is never closed", csv->name, (long long)csv->line);
    for (const char *p = csv->at; p < quote; p++) csv->next_line += *p == '\n';
    mlcm_status st = take(csv, (size_t)(quote - csv->at), err);
    if (st) return st;
    csv->at++;
    if (csv->at == csv->end || *csv->at != '"') return MLCM_OK;
    mlcm__buffer_char(&csv->row, '"');
    csv->at++;
  }
}

static mlcm_status read_plain(mlcm__csv *csv, mlcm_error *err) {
  const char *p = csv->at;
  while (p < csv->end && *p != ',' && *p != '\n' && !(*p == '\r' && (p + 1 == csv->end || p[1] == '\n'))) p++;
  return take(csv, (size_t)(p - csv->at), err);
}

static mlcm_status read_field(mlcm__csv *csv, mlcm_error *err) {
  if (csv->n_fields == MLCM__CSV_MAX_FIELDS)
    return mlcm__fail(err, MLCM_LIMIT, "%s:%lld: more than %d fields in a row", csv->name, (long long)csv->line,
                      MLCM__CSV_MAX_FIELDS);
  size_t start = csv->row.len;
  bool is_quoted = csv->at < csv->end && *csv->at == '"';
  mlcm_status st = is_quoted ? read_quoted(csv, err) : read_plain(csv, err);
  if (st) return st;
  if (!at_line_end(csv) && *csv->at != ',')
    return mlcm__fail(err, MLCM_PARSE, "%s:%lld: text behind a closing quote", csv->name, (long long)csv->line);
  size_t len = csv->row.len - start;
  if (len > MLCM__CSV_MAX_FIELD)
    return mlcm__fail(err, MLCM_LIMIT, "%s:%lld: a field of %zu bytes, the limit is %d", csv->name, (long long)csv->line, len,
                      MLCM__CSV_MAX_FIELD);
  mlcm__buffer_char(&csv->row, '\0');
  csv->start[csv->n_fields] = start;
  csv->len[csv->n_fields++] = len;
  return mlcm__buffer_check(&csv->row, "a row", err);
}

mlcm_status mlcm__csv_next(mlcm__csv *csv, bool *out_more, mlcm_error *err) {
  while (csv->at < csv->end && at_line_end(csv)) skip_line_end(csv);
  *out_more = csv->at < csv->end;
  if (!*out_more) return MLCM_OK;
  mlcm__buffer_clear(&csv->row);
  csv->n_fields = 0;
  csv->line = csv->next_line;
  for (;;) {
    mlcm_status st = read_field(csv, err);
    if (st) return st;
    if (at_line_end(csv)) break;
    csv->at++; /* the comma */
  }
  skip_line_end(csv);
  return MLCM_OK;
}
