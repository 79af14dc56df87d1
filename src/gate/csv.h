/* SPDX-License-Identifier: Apache-2.0
 *
 * csv.h - rows of comma-separated text (RFC 4180: quoted fields, doubled quotes, LF or CRLF), one at a time without copying all.
 */
#ifndef MLCM_GATE_CSV_H
#define MLCM_GATE_CSV_H

#include "base/buffer.h"

enum { MLCM__CSV_MAX_FIELDS = 256, MLCM__CSV_MAX_FIELD = 4096 };

typedef struct mlcm__csv {
  const char *name; /* for messages */
  const char *at;
  const char *end;
  int64_t line; /* of the row that was read last, 1-based */
  int64_t next_line;
  size_t n_fields;
  size_t start[MLCM__CSV_MAX_FIELDS]; /* fields of the last row, NUL-terminated, in `row` */
  size_t len[MLCM__CSV_MAX_FIELDS];
  mlcm__buffer row;
} mlcm__csv;

/* text is borrowed until reset. A byte order mark is skipped. */
void mlcm__csv_init(mlcm__csv *csv, mlcm_context *ctx, const char *name, mlcm_str text);
void mlcm__csv_reset(mlcm__csv *csv);

/* Reads the next row that is not blank; *out_more is false at the end. MLCM_PARSE with the line: an open quote, text behind a
 * closing one, a NUL. MLCM_LIMIT: too many fields, a field too long. */
mlcm_status mlcm__csv_next(mlcm__csv *csv, bool *out_more, mlcm_error *err);

/* Field i of the last row. */
const char *mlcm__csv_field(const mlcm__csv *csv, size_t i);

#endif
