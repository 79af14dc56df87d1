/* SPDX-License-Identifier: Apache-2.0
 *
 * json_write.c - JSON out. The writer keeps one bit a level (is a comma due?) and, where the text is hashed, the last key of each
 * level, because RFC 8785 orders keys and an unordered writer is a bug that no reader would notice.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "text.h"

void mlcm__json_init(mlcm__json *j, mlcm__buffer *out, bool canonical) {
  memset(j, 0, sizeof *j);
  j->out = out;
  j->canonical = canonical;
}

/* Rank of a UTF-8 byte for ordering by UTF-16 code units: there U+E000 to U+FFFF (lead bytes EE and EF) come behind the
 * characters above U+FFFF (lead bytes F0 to F4), which are surrogate pairs. All else is ordered as its bytes are. */
static int utf16_rank(unsigned char c) { return c == 0xEE || c == 0xEF ? c + 0x10 : c; }

int mlcm__json_key_order(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return utf16_rank((unsigned char)*a) - utf16_rank((unsigned char)*b);
}

static void check_order(mlcm__json *j, const char *key) {
  char *last = j->last_key[j->depth];
  if (j->has_item[j->depth]) assert(mlcm__json_key_order(last, key) <= 0); /* equal: keys are remembered up to 63 bytes */
  const size_t len = mlcm__utf8_cut(key, strlen(key), sizeof j->last_key[0] - 1);
  memcpy(last, key, len);
  last[len] = 0;
}

static void quote(mlcm__buffer *out, const char *text, size_t len) {
  if (!mlcm__utf8_valid(text, len)) {
    if (!out->bad) out->bad = MLCM_INVALID_ARGUMENT;
    return;
  }
  mlcm__buffer_char(out, '"');
  size_t first = 0; /* of the run that needs no escape */
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    mlcm__buffer_append(out, text + first, i - first);
    first = i + 1;
    static const char named[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
    const char *name = c ? strchr(named, c) : NULL;
    if (name) {
      mlcm__buffer_char(out, '\\');
      mlcm__buffer_char(out, letters[name - named]);
    } else {
      mlcm__buffer_format(out, "\\u%04x", c);
    }
  }
  mlcm__buffer_append(out, text + first, len - first);
  mlcm__buffer_char(out, '"');
}

/* Comma and key before a value. */
static void begin(mlcm__json *j, const char *key) {
  if (j->depth >= MLCM__JSON_DEPTH) return; /* the buffer is already bad */
  if (j->has_item[j->depth]) mlcm__buffer_char(j->out, ',');
  if (key) {
    if (j->canonical) check_order(j, key);
    quote(j->out, key, strlen(key));
    mlcm__buffer_char(j->out, ':');
  }
  j->has_item[j->depth] = true;
}

/* Depth is counted past the limit too, so that each end meets its beginning. */
static void open_level(mlcm__json *j, const char *key, char bracket) {
  begin(j, key);
  mlcm__buffer_char(j->out, bracket);
  j->depth++;
  if (j->depth >= MLCM__JSON_DEPTH) {
    if (!j->out->bad) j->out->bad = MLCM_LIMIT;
    return;
  }
  j->has_item[j->depth] = false;
  j->is_array[j->depth] = bracket == '[';
}

void mlcm__json_object(mlcm__json *j, const char *key) { open_level(j, key, '{'); }

void mlcm__json_array(mlcm__json *j, const char *key) { open_level(j, key, '['); }

void mlcm__json_end(mlcm__json *j) {
  assert(j->depth > 0);
  const bool array = j->depth < MLCM__JSON_DEPTH && j->is_array[j->depth];
  mlcm__buffer_char(j->out, array ? ']' : '}');
  j->depth--;
}

void mlcm__json_string_n(mlcm__json *j, const char *key, const char *value, size_t len) {
  begin(j, key);
  quote(j->out, value, len);
}

void mlcm__json_string(mlcm__json *j, const char *key, const char *value) {
  if (value) {
    mlcm__json_string_n(j, key, value, strlen(value));
  } else {
    mlcm__json_null(j, key);
  }
}

void mlcm__json_i64(mlcm__json *j, const char *key, int64_t value) {
  begin(j, key);
  mlcm__buffer_format(j->out, "%lld", (long long)value);
}

void mlcm__json_f64(mlcm__json *j, const char *key, double value) {
  char text[32];
  if (value - value != 0) { /* not finite: JSON has no word for it */
    mlcm__json_null(j, key);
    return;
  }
  begin(j, key);
  mlcm__format_f64(value, text);
  mlcm__buffer_text(j->out, text);
}

void mlcm__json_hexf64(mlcm__json *j, const char *key, double value) {
  char text[32];
  mlcm__format_hexf64(value, text);
  mlcm__json_string(j, key, text);
}

void mlcm__json_bool(mlcm__json *j, const char *key, bool value) {
  begin(j, key);
  mlcm__buffer_text(j->out, value ? "true" : "false");
}

void mlcm__json_null(mlcm__json *j, const char *key) {
  begin(j, key);
  mlcm__buffer_text(j->out, "null");
}

void mlcm__json_raw(mlcm__json *j, const char *key, const char *json, size_t len) {
  begin(j, key);
  mlcm__buffer_append(j->out, json, len);
}
