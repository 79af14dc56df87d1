/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - JSON out (streaming, canonical where hashed) and in (cJSON with limits in front).
 */
#ifndef MLCM_BASE_JSON_H
#define MLCM_BASE_JSON_H

#include <cjson/cJSON.h>

#include "buffer.h"

/* Writes into a buffer without white space, escaping as RFC 8785 says. With `canonical` it asserts that keys of an object
 * come in ascending order of their UTF-16 code units. `key` is NULL inside arrays and at the top. Errors (too large, too deep,
 * text that is not UTF-8) stick to the buffer. */
enum { MLCM__JSON_DEPTH = 32 };

typedef struct mlcm__json {
  mlcm__buffer *out;
  bool canonical;
  int depth;
  bool has_item[MLCM__JSON_DEPTH];
  bool is_array[MLCM__JSON_DEPTH];
  char last_key[MLCM__JSON_DEPTH][64]; /* canonical only: to assert the order */
} mlcm__json;

void mlcm__json_init(mlcm__json *j, mlcm__buffer *out, bool canonical);
void mlcm__json_object(mlcm__json *j, const char *key);
void mlcm__json_array(mlcm__json *j, const char *key);
void mlcm__json_end(mlcm__json *j);                                        /* closes the innermost object or array */
void mlcm__json_string(mlcm__json *j, const char *key, const char *value); /* NULL value: null */
void mlcm__json_string_n(mlcm__json *j, const char *key, const char *value, size_t len);
void mlcm__json_i64(mlcm__json *j, const char *key, int64_t value);
void mlcm__json_f64(mlcm__json *j, const char *key, double value); /* shortest decimal; not finite: null. Not for hashed text */
void mlcm__json_hexf64(mlcm__json *j, const char *key, double value); /* as a string, see text.h */
void mlcm__json_bool(mlcm__json *j, const char *key, bool value);
void mlcm__json_null(mlcm__json *j, const char *key);
void mlcm__json_raw(mlcm__json *j, const char *key, const char *json, size_t len); /* already valid JSON */

/* Orders two keys as RFC 8785 wants them (by UTF-16 code units): negative, 0 or positive. For sorting before writing. */
int mlcm__json_key_order(const char *a, const char *b);

/* Limits for text from outside. */
typedef struct mlcm__json_limits {
  size_t max_bytes;
  int max_depth;     /* <= 64 */
  size_t max_values; /* keys are none; 0: as many as fit. In memory a value takes some 100 bytes, in the text it may take two */
} mlcm__json_limits;

/* Parses exactly one value: valid UTF-8, depth and size within limits, no duplicate keys, nothing but white space behind it.
 * `name` is for the message, which says line and column. Free with cJSON_Delete. */
mlcm_status mlcm__json_parse(mlcm_context *ctx, const char *name, const char *text, size_t len, mlcm__json_limits limits,
                             cJSON **out, mlcm_error *err);

/* Typed member reads; `what` names the object. Missing or wrong type: MLCM_PARSE naming the key. Text lives as long as the
 * object. */
mlcm_status mlcm__json_get_string(const cJSON *object, const char *key, const char *what, const char **out, mlcm_error *err);
/* A number within +-2^53, or a decimal string. */
mlcm_status mlcm__json_get_i64(const cJSON *object, const char *key, const char *what, int64_t *out, mlcm_error *err);
mlcm_status mlcm__json_get_hexf64(const cJSON *object, const char *key, const char *what, double *out, mlcm_error *err);

#endif
