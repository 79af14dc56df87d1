/* SPDX-License-Identifier: Apache-2.0
 *
 * page_token.c - see page_token.h. The check keeps mistakes out, not adversaries: a token gives no right that its query does not
 * have.
 */
#include "registry/page_token.h"

#include <stdio.h>
#include <string.h>

#include <mlcm/registry.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "registry/search_parse.h"

enum { CHECK_HEX = 16, TOKEN_BYTES_MAX = 32 << 20, JSON_MAX = (TOKEN_BYTES_MAX - CHECK_HEX) / 2, LONGEST_ESCAPE = 6 };
/* Whatever a search orders by, its pages have a token: tags are the longest values, and each of their bytes may be escaped; one
 * more of that length is room for what else a token holds. */
_Static_assert((MLCM__ORDERS_MAX + 1) * LONGEST_ESCAPE * MLCM_TAG_VALUE_MAX < JSON_MAX, "no token of a search is too long");

static mlcm_status check_of(const char *query, const char *json, size_t len, char out[CHECK_HEX + 1], mlcm_error *err) {
  mlcm__sha256 hash = {0};
  uint8_t digest[MLCM__SHA256_BYTES];
  mlcm_status st = mlcm__sha256_init(&hash, err);
  if (!st) st = mlcm__sha256_update(&hash, query, strlen(query) + 1, err);
  if (!st) st = mlcm__sha256_update(&hash, json, len, err);
  if (!st) st = mlcm__sha256_final(&hash, digest, err);
  if (!st) mlcm__hex(digest, CHECK_HEX / 2, out);
  mlcm__sha256_reset(&hash);
  return st;
}

static void write_value(mlcm__json *j, mlcm__buffer *scratch, const mlcm__bind *value) {
  char number[40];
  mlcm__buffer_clear(scratch);
  switch (value->kind) { /* never: each has its case */
  case MLCM__BIND_I64: mlcm__buffer_format(scratch, "i:%lld", (long long)value->i64); break;
  case MLCM__BIND_F64:
    mlcm__format_hexf64(value->f64, number);
    mlcm__buffer_format(scratch, "f:%s", number);
    break;
  case MLCM__BIND_TEXT:
    mlcm__buffer_text(scratch, "t:");
    mlcm__buffer_append(scratch, value->data, value->len);
    break;
  case MLCM__BIND_NULL:
  case MLCM__BIND_BLOB: mlcm__json_null(j, NULL); return;
  }
  if (scratch->bad)
    j->out->bad = scratch->bad;
  else
    mlcm__json_string_n(j, NULL, scratch->data, scratch->len);
}

static mlcm_status write_json(mlcm__buffer *out, const mlcm__bind *values, size_t n, mlcm_error *err) {
  mlcm__buffer scratch;
  mlcm__json j;
  mlcm__buffer_init(&scratch, out->ctx, JSON_MAX);
  mlcm__json_init(&j, out, false);
  mlcm__json_array(&j, NULL);
  for (size_t i = 0; i < n; i++) write_value(&j, &scratch, &values[i]);
  mlcm__json_end(&j);
  mlcm__buffer_reset(&scratch);
  return mlcm__buffer_check(out, "the page token", err);
}

mlcm_status mlcm__page_token_write(mlcm_context *ctx, const char *query, const mlcm__bind *values, size_t n, char **out,
                                   mlcm_error *err) {
  mlcm__buffer json;
  char check[CHECK_HEX + 1];
  char *token = NULL;
  mlcm__buffer_init(&json, ctx, JSON_MAX);
  mlcm_status st = write_json(&json, values, n, err);
  if (!st) st = check_of(query, json.data, json.len, check, err);
  if (!st) {
    token = mlcm__alloc(ctx, CHECK_HEX + 2 * json.len + 1);
    if (!token) st = mlcm__fail_memory(err, CHECK_HEX + 2 * json.len + 1);
  }
  if (token) {
    memcpy(token, check, CHECK_HEX);
    mlcm__hex((const uint8_t *)json.data, json.len, token + CHECK_HEX);
    *out = token;
  }
  mlcm__buffer_reset(&json);
  return st;
}

static mlcm_status fail_token(mlcm_error *err) {
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                    "invalid page token: it belongs to another filter or order, or was changed; start again without one");
}

static mlcm_status read_value(mlcm__arena *arena, const cJSON *item, mlcm__bind *out, mlcm_error *err) {
  const char *text = cJSON_IsString(item) ? item->valuestring : NULL;
  if (cJSON_IsNull(item)) {
    *out = (mlcm__bind){.kind = MLCM__BIND_NULL};
    return MLCM_OK;
  }
  if (!text || !text[0] || text[1] != ':') return fail_token(err);
  const char *rest = text + 2;
  size_t len = strlen(rest);
  *out = (mlcm__bind){.kind = MLCM__BIND_I64};
  if (text[0] == 'i' && mlcm__parse_i64(rest, len, &out->i64)) return MLCM_OK;
  out->kind = MLCM__BIND_F64;
  if (text[0] == 'f' && mlcm__parse_hexf64(rest, len, &out->f64)) return MLCM_OK;
  if (text[0] != 't') return fail_token(err);
  const char *kept = mlcm__arena_strndup(arena, rest, len);
  if (!kept) return mlcm__fail_memory(err, len + 1);
  *out = mlcm__text(kept);
  return MLCM_OK;
}

static mlcm_status read_values(mlcm__arena *arena, const char *json, size_t len, mlcm__bind *values, size_t capacity,
                               size_t *out_n, mlcm_error *err) {
  cJSON *root = NULL;
  const cJSON *item = NULL;
  size_t n = 0;
  mlcm__json_limits limits = {.max_bytes = JSON_MAX, .max_depth = 2, .max_values = 1 + capacity}; /* the array and its items */
  mlcm_status st = mlcm__json_parse(arena->ctx, "page token", json, len, limits, &root, err);
  if (st) return st == MLCM_NO_MEMORY ? st : fail_token(err);
  if (!cJSON_IsArray(root)) st = fail_token(err);
  if (!st) {
    cJSON_ArrayForEach(item, root) { /* never: an array is not NULL */
      if (!st) st = read_value(arena, item, &values[n++], err);
    }
  }
  cJSON_Delete(root);
  if (!st) *out_n = n;
  return st;
}

mlcm_status mlcm__page_token_read(mlcm__arena *arena, const char *query, const char *token, mlcm__bind *values, size_t capacity,
                                  size_t *out_n, mlcm_error *err) {
  size_t len = strlen(token);
  char check[CHECK_HEX + 1];
  if (len > TOKEN_BYTES_MAX) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "invalid page token: it has %zu bytes, the longest has %d", len,
                      TOKEN_BYTES_MAX);
  }
  if (len < CHECK_HEX + 4 || (len - CHECK_HEX) % 2) return fail_token(err);
  size_t json_len = (len - CHECK_HEX) / 2;
  char *json = mlcm__arena_alloc(arena, json_len + 1, 1);
  if (!json) return mlcm__fail_memory(err, json_len + 1);
  if (!mlcm__unhex(token + CHECK_HEX, len - CHECK_HEX, (uint8_t *)json)) return fail_token(err);
  mlcm_status st = check_of(query, json, json_len, check, err);
  if (st) return st;
  if (memcmp(check, token, CHECK_HEX) != 0) return fail_token(err);
  return read_values(arena, json, json_len, values, capacity, out_n, err);
}
