/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - UTF-8 and the nearest spelling.
 */
#include "text.h"

#include <string.h>

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

enum { LONGEST_WORD = 64 }; /* longer ones are not slips of the finger */

static size_t min3(size_t a, size_t b, size_t c) {
  const size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b; both at most LONGEST_WORD long. */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b) {
  size_t rows[3][LONGEST_WORD + 1];
  size_t *before = rows[0], *last = rows[1], *now = rows[2];
  for (size_t j = 0; j <= n_b; j++) last[j] = j;
  memset(before, 0, sizeof rows[0]);
  for (size_t i = 1; i <= n_a; i++) {
    now[0] = i;
    for (size_t j = 1; j <= n_b; j++) {
      now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped && before[j - 2] + 1 < now[j]) now[j] = before[j - 2] + 1;
    }
    size_t *free_row = before;
    before = last;
    last = now;
    now = free_row;
  }
  return last[n_b];
}

const char *mlcm__nearest(const char *text, const char *const *candidates, size_t n) {
  const size_t len = strlen(text);
  if (len > LONGEST_WORD) return NULL;
  const char *best = NULL;
  size_t best_distance = 1 + len / 4 + 1;
  for (size_t i = 0; i < n; i++) {
    const size_t n_candidate = strlen(candidates[i]);
    if (n_candidate > LONGEST_WORD) continue;
    const size_t distance = edit_distance(text, len, candidates[i], n_candidate);
    if (distance < best_distance) best_distance = distance, best = candidates[i];
  }
  return best;
}
