/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - text from outside as it may be shown, and numbers as people read them.
 */
#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "memory.h"

/* Length of the UTF-8 character at `p`, 0 when there is none. */
static size_t character(const char *p) {
  size_t n = 1;
  while (n <= 4 && !mlcm__utf8_valid(p, n)) n = p[n - 1] ? n + 1 : 5; /* not past the end */
  return n <= 4 ? n : 0;
}

/* Copies text; `shown` answers what stands for the character of `n` bytes at `p` (n 0: a byte that is none), NULL for itself. */
static char *replace(const char *text, const char *(*shown)(const char *p, size_t n)) {
  char *copy = cli_alloc(3 * strlen(text) + 1, 1), *write = copy;
  for (const char *p = text; *p;) {
    const size_t n = character(p), step = n ? n : 1;
    const char *instead = shown(p, n);
    const size_t len = instead ? strlen(instead) : step;
    memcpy(write, instead ? instead : p, len);
    write += len;
    p += step;
  }
  return copy;
}

static const char *only_plain(const char *p, size_t n) {
  if (*p == '\n' || *p == '\t') return " ";
  return n && mlcm__text_is_plain(p, n) ? NULL : "?";
}

static const char *only_valid(const char *p, size_t n) {
  (void)p;
  return n ? NULL : "\xef\xbf\xbd";
}

char *cli_clean_text(const char *text) { return replace(text, only_plain); }

char *cli_valid_text(const char *text) { return replace(text, only_valid); }

bool cli_number(const char *text, int64_t *out) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno || *end || text[strspn(text, "-0123456789")] || !*text) return false;
  *out = value;
  return true;
}

bool cli_real(const char *text, double *out) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end || !isfinite(value)) return false;
  *out = value;
  return true;
}

cli_words cli_count(int64_t n, const char *noun) {
  cli_words words;
  const size_t len = strlen(noun), stem = len - (noun[len - 1] == 'y');
  const char *ending = stem < len ? "ies" : "s";
  snprintf(words.text, sizeof words.text, "%lld %.*s%s", (long long)n, (int)stem, noun, n == 1 ? noun + stem : ending);
  return words;
}

cli_words cli_size(int64_t bytes) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
  cli_words words;
  double value = (double)bytes / 1024;
  size_t unit = 0;
  if (bytes < 1024) return cli_count(bytes, "byte");
  for (; value >= 1024 && unit < 3; unit++) value /= 1024;
  snprintf(words.text, sizeof words.text, "%.1f %s", value, units[unit]);
  return words;
}

cli_words cli_date(int64_t wall_ns) {
  cli_words words;
  struct tm tm;
  localtime_r(&(time_t){wall_ns / 1000000000}, &tm);
  strftime(words.text, sizeof words.text, "%Y-%m-%d %H:%M:%S", &tm);
  return words;
}

cli_words cli_clock(int64_t wall_ns) {
  cli_words date = cli_date(wall_ns), words;
  snprintf(words.text, sizeof words.text, "%s", strchr(date.text, ' ') + 1);
  return words;
}

cli_words cli_duration(int64_t ns) {
  cli_words words;
  const int64_t s = (ns + 500000000) / 1000000000;
  if (s < 60)
    snprintf(words.text, sizeof words.text, "%llds", (long long)s);
  else if (s < 3600)
    snprintf(words.text, sizeof words.text, "%lldm%02llds", (long long)(s / 60), (long long)(s % 60));
  else
    snprintf(words.text, sizeof words.text, "%lldh%02lldm", (long long)(s / 3600), (long long)(s / 60 % 60));
  return words;
}
