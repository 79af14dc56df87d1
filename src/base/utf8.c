/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.c - what is UTF-8, and what of it may be shown.
 */
#include "utf8.h"

#include <stdint.h>

/* Decodes one character of at most `len` bytes; answers its length or 0 when it is not strict UTF-8. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *out) {
  if (s[0] < 0x80) {
    *out = s[0];
    return 1;
  }
  const size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; /* below it the form is overlong */
  if (s[0] < 0xC2 || s[0] > 0xF4 || len < n) return 0;
  uint32_t c = s[0] & (0x7Fu >> n);
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
    c = c << 6 | (s[i] & 0x3Fu);
  }
  if (c < smallest[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return 0;
  *out = c;
  return n;
}

static bool every_char(const char *text, size_t len, bool (*accept)(uint32_t c)) {
  const unsigned char *s = (const unsigned char *)text;
  uint32_t c = 0;
  for (size_t at = 0, n = 0; at < len; at += n) {
    n = decode(s + at, len - at, &c);
    if (n == 0 || (accept && !accept(c))) return false;
  }
  return true;
}

static bool not_control(uint32_t c) { return c >= 0x20 && (c < 0x7F || c > 0x9F); }

bool mlcm__utf8_valid(const char *text, size_t len) { return every_char(text, len, NULL); }

bool mlcm__text_is_plain(const char *text, size_t len) { return every_char(text, len, not_control); }
