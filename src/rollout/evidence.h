/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.h - a tick as one line of canonical JSON, and back; the digest chain over chunks of lines.
 *
 * A chunk is a run of tick lines and, as its last line, the totals counted by then (those that changed), by which the next holder of the lease knows
 * what is in the evidence already. Its digest is SHA-256(digest of the chunk before || its bytes). Doubles are hexadecimal floats
 * and 64-bit times are strings, so that a line says exactly what the machine was given.
 */
#ifndef MLCM_ROLLOUT_EVIDENCE_H
#define MLCM_ROLLOUT_EVIDENCE_H

#include "base/buffer.h"
#include "base/hash.h"
#include "rollout/counted.h"
#include "rollout/machine.h"

/* Appends the tick's line, '\n' included. MLCM_LIMIT: it would be too long to be read again; nothing is appended. */
mlcm_status mlcm__evidence_write(mlcm__buffer *out, const mlcm__tick *tick, mlcm_error *err);
/* Appends the totals: a line of them, or as many as the cells that changed need. */
mlcm_status mlcm__evidence_write_counted(mlcm__buffer *out, mlcm__counted *counted, mlcm_error *err);

/* A line read back: `tick` points into the rest. Reused from line to line; start with zeros, end with _reset. */
typedef struct mlcm__evidence_line {
  mlcm__tick tick;
  bool is_counted; /* a line of totals: `tick` is empty, the totals went to the caller's mlcm__counted */
  mlcm_traffic *traffic;
  size_t traffic_cap;
  mlcm_observation *observations;
  size_t observations_cap;
  mlcm_measurement *measurements;
  size_t measurements_cap;
  mlcm_counts *counts;
  size_t counts_cap;
  char *actor;
  char *reason;
} mlcm__evidence_line;

/* Reads one line without its '\n'. `counted` (nullable) gets the totals of such a line. MLCM_CORRUPT: not a line of evidence. */
mlcm_status mlcm__evidence_read(mlcm_context *ctx, const char *line, size_t len, mlcm__evidence_line *out, mlcm__counted *counted,
                                mlcm_error *err);
void mlcm__evidence_line_reset(mlcm_context *ctx, mlcm__evidence_line *line);

/* chain = SHA-256(chain || bytes). */
mlcm_status mlcm__evidence_chain(uint8_t chain[MLCM__SHA256_BYTES], const char *bytes, size_t len, mlcm_error *err);

#endif
