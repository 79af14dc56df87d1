/* SPDX-License-Identifier: Apache-2.0
 *
 * nearest.c - the nearest spelling.
 */
#include "nearest.h"

#include <stdbool.h>
#include <string.h>

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
