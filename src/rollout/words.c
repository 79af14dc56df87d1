/* SPDX-License-Identifier: Apache-2.0
 *
 * words.c - numbers and sentences of records.
 */
#include "rollout/words.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Drops a multi-byte character that was cut in the middle at the end of `text`. */
static void trim_utf8(char *text) {
  size_t len = strlen(text), start = len;
  while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) start--;
  if (start == 0) return;
  unsigned char lead = (unsigned char)text[start - 1];
  size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (need > len - start + 1) text[start - 1] = '\0';
}

void mlcm__words_format(char *out, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(out, size, format, args);
  va_end(args);
  assert(n >= 0);
  if ((size_t)n >= size) trim_utf8(out);
}

void mlcm__words_cut(const char *text, char *out, size_t size) { mlcm__words_format(out, size, "%s", text); }

void mlcm__words_weight(int64_t weight_ppm, char out[32]) {
  int whole = (int)(weight_ppm / 10000), rest = (int)(weight_ppm % 10000);
  if (rest == 0) {
    snprintf(out, 32, "%d %%", whole);
    return;
  }
  char digits[8];
  snprintf(digits, sizeof(digits), "%04d", rest);
  for (size_t n = 4; digits[n - 1] == '0'; n--) digits[n - 1] = '\0'; /* rest is not 0: one of them stays */
  snprintf(out, 32, "%d.%s %%", whole, digits);
}

static const char *const action_words[] = {"", "start", "advance", "hold", "pause", "resume", "promote", "roll_back", "abort"};
static const char *const action_names[] = {"", "start", "advance", "hold", "pause", "resume", "promote", "roll back", "abort"};
static const char *const status_words[] = {"", "progressing", "paused", "promoted", "rolled_back", "aborted", "expired"};
static const char *const status_names[] = {"", "progressing", "paused", "promoted", "rolled back", "aborted", "expired"};

enum { N_ACTIONS = sizeof(action_words) / sizeof(*action_words), N_STATUSES = sizeof(status_words) / sizeof(*status_words) };

static int32_t find(const char *const *words, int32_t n, const char *word) {
  for (int32_t i = 1; i < n; i++)
    if (strcmp(words[i], word) == 0) return i;
  return 0;
}

const char *mlcm__action_word(mlcm_action action) {
  assert(action > 0 && action < N_ACTIONS);
  return action_words[action];
}

mlcm_action mlcm__action_of(const char *word) { return find(action_words, N_ACTIONS, word); }

const char *mlcm__status_word(mlcm_rollout_status status) {
  assert(status > 0 && status < N_STATUSES);
  return status_words[status];
}

mlcm_rollout_status mlcm__status_of(const char *word) { return find(status_words, N_STATUSES, word); }

const char *mlcm_action_name(mlcm_action action) { return action > 0 && action < N_ACTIONS ? action_names[action] : "unknown"; }

const char *mlcm_rollout_status_name(mlcm_rollout_status status) {
  return status > 0 && status < N_STATUSES ? status_names[status] : "unknown";
}
