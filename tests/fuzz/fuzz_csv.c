/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_csv.c - any bytes as comma-separated text. What is read must be read as the same rows again after it was written with every
 * field in quotes.
 */
#include <stdlib.h>
#include <string.h>

#include "gate/csv.h"

/* One row, all of its fields in quotes. */
static void write_row(mlcm__buffer *out, const mlcm__csv *csv) {
  for (size_t i = 0; i < csv->n_fields; i++) {
    mlcm__buffer_text(out, i ? ",\"" : "\"");
    for (const char *p = mlcm__csv_field(csv, i); *p; p++) {
      if (*p == '"') mlcm__buffer_char(out, '"');
      mlcm__buffer_char(out, *p);
    }
    mlcm__buffer_char(out, '"');
  }
  mlcm__buffer_char(out, '\n');
}

/* All rows into *out, quoted. */
static mlcm_status rewrite(mlcm_context *ctx, mlcm_str text, mlcm__buffer *out) {
  static mlcm__csv csv; /* too large for a stack under a sanitizer */
  mlcm_error err = {0};
  bool more = true;
  mlcm__csv_init(&csv, ctx, "input", text);
  mlcm_status st = MLCM_OK;
  while (!st && more) {
    const int64_t line = csv.line;
    st = mlcm__csv_next(&csv, &more, &err);
    if (st || !more) break;
    if (csv.n_fields < 1 || csv.n_fields > MLCM__CSV_MAX_FIELDS || csv.line <= line) abort();
    for (size_t i = 0; i < csv.n_fields; i++)
      if (strlen(mlcm__csv_field(&csv, i)) != csv.len[i] || csv.len[i] > MLCM__CSV_MAX_FIELD) abort();
    write_row(out, &csv);
  }
  mlcm__csv_reset(&csv);
  if (st && ((st != MLCM_PARSE && st != MLCM_LIMIT) || !err.message[0])) abort();
  return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm__buffer once, twice;
  if (mlcm_context_new(NULL, &ctx, NULL)) abort();
  mlcm__buffer_init(&once, ctx, 16 << 20);
  mlcm__buffer_init(&twice, ctx, 16 << 20);
  if (rewrite(ctx, (mlcm_str){(const char *)data, size}, &once) == MLCM_OK) {
    if (once.len && rewrite(ctx, (mlcm_str){once.data, once.len}, &twice)) abort();
    if (once.len != twice.len || (once.len && memcmp(once.data, twice.data, once.len) != 0)) abort();
  }
  mlcm__buffer_reset(&once);
  mlcm__buffer_reset(&twice);
  mlcm_context_free(ctx);
  return 0;
}
