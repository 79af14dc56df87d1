/* SPDX-License-Identifier: Apache-2.0
 *
 * json_read.c - JSON in. A strict scanner goes over the text first (grammar, UTF-8, depth, duplicate keys, number range), because
 * cJSON accepts much that RFC 8259 does not, recurses, and tells no position. What passes is then built into a tree by cJSON.
 *
 * The scanner is a loop with an explicit stack of open brackets. Duplicate keys are found in one map for the whole document,
 * whose keys are the number of the object followed by the decoded key.
 */
#include <assert.h>
#include <string.h>

#include "json.h"
#include "map.h"
#include "text.h"

enum { DEEPEST = 64, LONGEST_NUMBER = 63 /* bytes: cJSON copies a number into 64 */ };

typedef struct level {
  bool is_object;
  uint64_t number; /* of the object, counted through the document */
} level;

typedef struct scan {
  const char *name, *text;
  size_t len, at;
  int depth, max_depth;
  size_t n_values, max_values;
  level levels[DEEPEST];
  uint64_t n_objects;
  mlcm__buffer key; /* object number and decoded key */
  mlcm__map *keys;
  mlcm_error *err;
} scan;

/* ---- Complaints ---------------------------------------------------------------------------------------------------- */

/* Line and column (in characters) of a byte. */
static void position(const scan *s, size_t at, size_t *line, size_t *column) {
  *line = *column = 1;
  assert(at <= s->len);
  for (size_t i = 0; i < at; i++) {
    if (s->text[i] == '\n') {
      (*line)++;
      *column = 1;
    } else if (((unsigned char)s->text[i] & 0xC0) != 0x80) {
      (*column)++;
    }
  }
}

static mlcm_status complain(const scan *s, size_t at, mlcm_status code, const char *what) {
  size_t line = 0, column = 0;
  position(s, at, &line, &column);
  return mlcm__fail(s->err, code, "%s:%zu:%zu: %s", s->name, line, column, what);
}

static mlcm_status unexpected(const scan *s, const char *wanted) {
  size_t line = 0, column = 0;
  position(s, s->at, &line, &column);
  if (s->at >= s->len)
    return mlcm__fail(s->err, MLCM_PARSE, "%s:%zu:%zu: the text ends where %s should be", s->name, line, column, wanted);
  const unsigned char c = (unsigned char)s->text[s->at];
  if (c > 0x20 && c < 0x7F)
    return mlcm__fail(s->err, MLCM_PARSE, "%s:%zu:%zu: found '%c' where %s should be", s->name, line, column, c, wanted);
  return mlcm__fail(s->err, MLCM_PARSE, "%s:%zu:%zu: found byte 0x%02x where %s should be", s->name, line, column, c, wanted);
}

/* ---- Tokens -------------------------------------------------------------------------------------------------------- */

static int peek(const scan *s) { return s->at < s->len ? (unsigned char)s->text[s->at] : -1; }

static void skip_space(scan *s) {
  while (s->at < s->len && s->text[s->at] && strchr(" \t\n\r", s->text[s->at])) s->at++;
}

static mlcm_status scan_word(scan *s, const char *word) {
  const size_t len = strlen(word);
  if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0) return unexpected(s, "a value");
  s->at += len;
  return MLCM_OK;
}

static bool is_digit(int c) { return c >= '0' && c <= '9'; }

static bool skip_digits(scan *s) {
  const size_t first = s->at;
  while (is_digit(peek(s))) s->at++;
  return s->at > first;
}

static mlcm_status scan_number(scan *s) {
  const size_t first = s->at;
  if (peek(s) == '-') s->at++;
  if (peek(s) == '0') {
    s->at++;
    if (is_digit(peek(s))) return complain(s, first, MLCM_PARSE, "a number has a leading zero");
  } else if (!skip_digits(s)) {
    return unexpected(s, "a digit");
  }
  if (peek(s) == '.') {
    s->at++;
    if (!skip_digits(s)) return unexpected(s, "a digit");
  }
  if (peek(s) == 'e' || peek(s) == 'E') {
    s->at++;
    if (peek(s) == '+' || peek(s) == '-') s->at++;
    if (!skip_digits(s)) return unexpected(s, "a digit");
  }
  double value = 0;
  if (s->at - first > LONGEST_NUMBER) return complain(s, first, MLCM_LIMIT, "a number is longer than the limit of 63 characters");
  if (mlcm__parse_f64(s->text + first, s->at - first, &value)) return MLCM_OK;
  return complain(s, first, MLCM_PARSE, "a number is too large for a double");
}

static bool hex4(const scan *s, size_t at, uint32_t *out) {
  if (s->len - at < 4) return false;
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; i++) {
    const char c = s->text[i];
    const bool digit = c >= '0' && c <= '9', letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
    if (!digit && !letter) return false;
    value = value << 4 | (uint32_t)(digit ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  *out = value;
  return true;
}

static void put_utf8(mlcm__buffer *out, uint32_t c) {
  char bytes[4];
  size_t n = 0;
  if (c < 0x80) {
    bytes[n++] = (char)c;
  } else if (c < 0x800) {
    bytes[n++] = (char)(0xC0 | c >> 6);
  } else if (c < 0x10000) {
    bytes[n++] = (char)(0xE0 | c >> 12);
    bytes[n++] = (char)(0x80 | (c >> 6 & 0x3F));
  } else {
    bytes[n++] = (char)(0xF0 | c >> 18);
    bytes[n++] = (char)(0x80 | (c >> 12 & 0x3F));
    bytes[n++] = (char)(0x80 | (c >> 6 & 0x3F));
  }
  if (c >= 0x80) bytes[n++] = (char)(0x80 | (c & 0x3F));
  mlcm__buffer_append(out, bytes, n);
}

/* Behind "\u": one character, of two escapes when it is a surrogate pair. */
static mlcm_status scan_unicode(scan *s, size_t escape, mlcm__buffer *decoded) {
  uint32_t c = 0, low = 0;
  if (!hex4(s, s->at, &c)) return complain(s, escape, MLCM_PARSE, "\\u wants four hexadecimal digits");
  s->at += 4;
  if (c == 0) return complain(s, escape, MLCM_PARSE, "text with a NUL character is not supported");
  if (c >= 0xD800 && c <= 0xDFFF) {
    const bool pair = c < 0xDC00 && s->len - s->at >= 6 && s->text[s->at] == '\\' && s->text[s->at + 1] == 'u' &&
                      hex4(s, s->at + 2, &low) && low >= 0xDC00 && low <= 0xDFFF;
    if (!pair) return complain(s, escape, MLCM_PARSE, "half of a surrogate pair stands alone");
    s->at += 6;
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
  }
  if (decoded) put_utf8(decoded, c);
  return MLCM_OK;
}

/* At the opening quote. `decoded` (may be NULL) receives the text without escapes. */
static mlcm_status scan_string(scan *s, mlcm__buffer *decoded) {
  static const char letters[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
  const size_t first = s->at++;
  for (;;) {
    const int c = peek(s);
    if (c < 0) return complain(s, first, MLCM_PARSE, "a string is not closed");
    if (c < 0x20) return complain(s, s->at, MLCM_PARSE, "a control character in a string must be escaped");
    s->at++;
    if (c == '"') return MLCM_OK;
    if (c != '\\') {
      if (decoded) mlcm__buffer_char(decoded, (char)c);
      continue;
    }
    const size_t escape = s->at - 1;
    const int letter = peek(s);
    const char *known = letter > 0 ? strchr(letters, letter) : NULL;
    if (letter >= 0) s->at++;
    if (letter == 'u') {
      const mlcm_status st = scan_unicode(s, escape, decoded);
      if (st) return st;
    } else if (known) {
      if (decoded) mlcm__buffer_char(decoded, meaning[known - letters]);
    } else {
      return complain(s, escape, MLCM_PARSE, "an escape is not one that JSON has");
    }
  }
}

/* ---- Structure ----------------------------------------------------------------------------------------------------- */

static mlcm_status open_level(scan *s) {
  if (s->depth >= s->max_depth) {
    size_t line = 0, column = 0;
    position(s, s->at, &line, &column);
    return mlcm__fail(s->err, MLCM_LIMIT, "%s:%zu:%zu: nested deeper than the limit of %d", s->name, line, column, s->max_depth);
  }
  const bool is_object = s->text[s->at++] == '{';
  s->levels[s->depth++] = (level){is_object, is_object ? s->n_objects++ : 0};
  return MLCM_OK;
}

/* A key, its colon, and the check that the object has not seen it. */
static mlcm_status scan_key(scan *s) {
  if (peek(s) != '"') return unexpected(s, "a key in double quotes");
  const size_t first = s->at;
  const uint64_t number = s->levels[s->depth - 1].number;
  mlcm__buffer_clear(&s->key);
  mlcm__buffer_append(&s->key, &number, sizeof number);
  mlcm_status st = scan_string(s, &s->key);
  if (!st) st = mlcm__buffer_check(&s->key, "a key", s->err);
  if (st) return st;
  if (mlcm__map_get(s->keys, s->key.data, s->key.len)) {
    size_t line = 0, column = 0;
    position(s, first, &line, &column);
    return mlcm__fail(s->err, MLCM_PARSE, "%s:%zu:%zu: key '%.100s' stands twice in one object", s->name, line, column,
                      s->key.data + sizeof number);
  }
  st = mlcm__map_set(s->keys, s->key.data, s->key.len, s, s->err);
  if (st) return st;
  skip_space(s);
  if (peek(s) != ':') return unexpected(s, "':'");
  s->at++;
  skip_space(s);
  return MLCM_OK;
}

/* One value that is not a bracket. */
static mlcm_status scan_scalar(scan *s) {
  switch (peek(s)) {
  case '"': return scan_string(s, NULL);
  case 't': return scan_word(s, "true");
  case 'f': return scan_word(s, "false");
  case 'n': return scan_word(s, "null");
  default: return peek(s) == '-' || is_digit(peek(s)) ? scan_number(s) : unexpected(s, "a value");
  }
}

/* Closes every level that ends here; then, inside one, steps over the comma to the next item. */
static mlcm_status after_value(scan *s) {
  for (;;) {
    skip_space(s);
    if (s->depth == 0) return MLCM_OK;
    const bool is_object = s->levels[s->depth - 1].is_object;
    if (peek(s) == ',') break;
    if (peek(s) != (is_object ? '}' : ']')) return unexpected(s, is_object ? "',' or '}'" : "',' or ']'");
    s->at++;
    s->depth--;
  }
  s->at++;
  skip_space(s);
  return s->levels[s->depth - 1].is_object ? scan_key(s) : MLCM_OK;
}

static mlcm_status count_value(scan *s) {
  if (s->max_values == 0 || s->n_values++ < s->max_values) return MLCM_OK;
  size_t line = 0, column = 0;
  position(s, s->at, &line, &column);
  return mlcm__fail(s->err, MLCM_LIMIT, "%s:%zu:%zu: more values than the limit of %zu", s->name, line, column, s->max_values);
}

static mlcm_status scan_value(scan *s) {
  for (;;) {
    mlcm_status st = count_value(s);
    if (st) return st;
    if (peek(s) == '{' || peek(s) == '[') {
      st = open_level(s);
      if (st) return st;
      skip_space(s);
      const bool is_object = s->levels[s->depth - 1].is_object;
      if (peek(s) != (is_object ? '}' : ']')) {
        if (is_object) st = scan_key(s);
        if (st) return st;
        continue;
      }
    } else {
      st = scan_scalar(s);
    }
    if (!st) st = after_value(s);
    if (st || s->depth == 0) return st;
  }
}

static mlcm_status scan_document(scan *s) {
  if (!mlcm__utf8_valid(s->text, s->len)) {
    size_t good = 0; /* longest valid beginning: text is short or this is the last thing done with it */
    for (size_t step = 0;; good += step) {
      step = 1;
      while (step <= 4 && good + step <= s->len && !mlcm__utf8_valid(s->text + good, step)) step++;
      if (step > 4 || good + step > s->len) break;
    }
    return complain(s, good, MLCM_PARSE, "the text is not valid UTF-8");
  }
  skip_space(s);
  const mlcm_status st = scan_value(s);
  if (st) return st;
  return s->at == s->len ? MLCM_OK : unexpected(s, "the end");
}

mlcm_status mlcm__json_parse(mlcm_context *ctx, const char *name, const char *text, size_t len, mlcm__json_limits limits,
                             cJSON **out, mlcm_error *err) {
  assert(limits.max_depth > 0 && limits.max_depth <= DEEPEST);
  if (len > limits.max_bytes)
    return mlcm__fail(err, MLCM_LIMIT, "%s has %zu bytes, more than the limit of %zu", name, len, limits.max_bytes);
  scan s = {.name = name, .text = text, .len = len, .max_depth = limits.max_depth, .max_values = limits.max_values, .err = err};
  mlcm__buffer_init(&s.key, ctx, len + sizeof(uint64_t));
  mlcm_status st = mlcm__map_new(ctx, &s.keys, err);
  if (!st) st = scan_document(&s);
  if (!st) {
    cJSON *tree = cJSON_ParseWithLength(text, len);
    if (tree) {
      *out = tree;
    } else {
      st = mlcm__fail_memory(err, len); /* the grammar was checked: only memory can be missing */
    }
  }
  mlcm__map_free(s.keys);
  mlcm__buffer_reset(&s.key);
  return st;
}

/* ---- Members ------------------------------------------------------------------------------------------------------- */

/* Strings never get here: each reader takes those, or says what is wrong with them. */
static const char *type_name(const cJSON *item) {
  if (cJSON_IsNumber(item)) return "a number";
  if (cJSON_IsBool(item)) return "true or false";
  if (cJSON_IsNull(item)) return "null";
  return cJSON_IsArray(item) ? "an array" : "an object";
}

static mlcm_status missing(const cJSON *object, const char *key, const char *what, mlcm_error *err) {
  if (cJSON_IsObject(object)) return mlcm__fail(err, MLCM_PARSE, "%s: key '%s' is missing", what, key);
  return mlcm__fail(err, MLCM_PARSE, "%s: must be an object with the key '%s'", what, key);
}

static mlcm_status mistyped(const cJSON *item, const char *key, const char *what, const char *wanted, mlcm_error *err) {
  return mlcm__fail(err, MLCM_PARSE, "%s: '%s' must be %s, found %s", what, key, wanted, type_name(item));
}

mlcm_status mlcm__json_get_string(const cJSON *object, const char *key, const char *what, const char **out, mlcm_error *err) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  if (!item) return missing(object, key, what, err);
  if (!cJSON_IsString(item)) return mistyped(item, key, what, "a string", err);
  *out = item->valuestring;
  return MLCM_OK;
}

mlcm_status mlcm__json_get_i64(const cJSON *object, const char *key, const char *what, int64_t *out, mlcm_error *err) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  if (!item) return missing(object, key, what, err);
  if (cJSON_IsString(item)) {
    if (mlcm__parse_i64(item->valuestring, strlen(item->valuestring), out)) return MLCM_OK;
    return mlcm__fail(err, MLCM_PARSE, "%s: '%s' must be an integer, found '%.60s'", what, key, item->valuestring);
  }
  if (!cJSON_IsNumber(item)) return mistyped(item, key, what, "an integer", err);
  const double value = item->valuedouble;
  if (value < -0x1p53 || value > 0x1p53 || value != (double)(int64_t)value) {
    return mlcm__fail(err, MLCM_PARSE, "%s: '%s' must be an integer within 2^53, or one in a string, found %.17g", what, key,
                      value);
  }
  *out = (int64_t)value;
  return MLCM_OK;
}

mlcm_status mlcm__json_get_hexf64(const cJSON *object, const char *key, const char *what, double *out, mlcm_error *err) {
  const char *text = NULL;
  const mlcm_status st = mlcm__json_get_string(object, key, what, &text, err);
  if (st) return st;
  if (mlcm__parse_hexf64(text, strlen(text), out)) return MLCM_OK;
  return mlcm__fail(err, MLCM_PARSE, "%s: '%s' must be a hexadecimal float like \"0x1.8p+1\", found '%.60s'", what, key, text);
}
