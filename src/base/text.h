/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h - small text: numbers and times; with utf8.h and nearest.h all that base knows of text.
 */
#ifndef MLCM_BASE_TEXT_H
#define MLCM_BASE_TEXT_H

#include "context.h"
#include "nearest.h"
#include "utf8.h"

/* Whole string, base 10, no white space, no '+', overflow refused. */
bool mlcm__parse_i64(const char *text, size_t len, int64_t *out);
/* Whole string, decimal or exponent, locale-independent; also accepts NaN, +Inf, -Inf (any case, Inf or Infinity) . */
bool mlcm__parse_f64(const char *text, size_t len, double *out);
/* "250ms", "1.5s", "10m", "2h", "1d", "1h30m" to nanoseconds; no sign; unit required, except for "0". */
bool mlcm__parse_duration(const char *text, size_t len, int64_t *out_ns);

/* Shortest decimal that reads back as the same double ("0.1", "1e+300"; integers without ".0"); out has 32 bytes. */
void mlcm__format_f64(double value, char out[32]);
/* Hexadecimal float for hashed records: "0x1.8p+1", "-0x0p+0", "0x1p-1074", "inf", "-inf", "nan"; one spelling per value. */
void mlcm__format_hexf64(double value, char out[32]);
bool mlcm__parse_hexf64(const char *text, size_t len, double *out);
/* "2026-03-01T14:02:11.123456Z" (UTC, microseconds); out has 40 bytes. */
void mlcm__format_time(int64_t wall_ns, char out[40]);
/* RFC 3339 with optional fraction and zone; a plain date is midnight UTC. */
bool mlcm__parse_time(const char *text, size_t len, int64_t *out_ns);
/* For people: "1m12s", "2.5 ms", "3 d". out has 32 bytes. */
void mlcm__format_duration(int64_t ns, char out[32]);

#endif
