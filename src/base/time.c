/* SPDX-License-Identifier: Apache-2.0
 *
 * time.c - durations and moments as text. All arithmetic is in whole nanoseconds; what does not fit an int64 (years before 1678
 * and after 2261) is refused rather than wrapped.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };
static const int64_t ns_per_minute = INT64_C(60) * NS_PER_S;
static const int64_t ns_per_hour = INT64_C(3600) * NS_PER_S;
static const int64_t ns_per_day = INT64_C(86400) * NS_PER_S;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- Durations ----------------------------------------------------------------------------------------------------- */

typedef struct unit {
  const char *name;
  int64_t ns;
} unit;

static const unit *match_unit(const char *text, size_t len, size_t *name_len) {
  static const unit units[] = {{"ns", 1},
                               {"us", NS_PER_US},
                               {"ms", NS_PER_MS},
                               {"s", NS_PER_S},
                               {"m", INT64_C(60) * NS_PER_S},
                               {"h", INT64_C(3600) * NS_PER_S},
                               {"d", INT64_C(86400) * NS_PER_S}};
  size_t n = 0;
  while (n < len && text[n] >= 'a' && text[n] <= 'z') n++;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (strlen(units[i].name) == n && memcmp(units[i].name, text, n) == 0) {
      *name_len = n;
      return &units[i];
    }
  }
  return NULL;
}

/* "12.5" in units of unit_ns; digits that would mean a part of a nanosecond are refused. */
static bool amount(const char *whole, size_t n_whole, const char *fraction, size_t n_fraction, int64_t unit_ns, int64_t *out_ns) {
  int64_t value = 0;
  if (!mlcm__parse_i64(whole, n_whole, &value) || __builtin_mul_overflow(value, unit_ns, &value)) return false;
  for (size_t i = 0; i < n_fraction; i++) {
    if (unit_ns % 10 != 0 && fraction[i] != '0') return false;
    unit_ns /= 10;
    if (__builtin_add_overflow(value, (fraction[i] - '0') * unit_ns, &value)) return false;
  }
  *out_ns = value;
  return true;
}

bool mlcm__parse_duration(const char *text, size_t len, int64_t *out_ns) {
  if (len == 1 && text[0] == '0') {
    *out_ns = 0;
    return true;
  }
  int64_t total = 0, previous_unit = INT64_MAX;
  size_t at = 0;
  while (at < len) {
    const char *whole = text + at;
    size_t n_whole = 0, n_fraction = 0, n_name = 0;
    while (at < len && is_digit(text[at])) at++, n_whole++;
    const char *fraction = text + at + 1;
    if (at < len && text[at] == '.') {
      for (at++; at < len && is_digit(text[at]); at++) n_fraction++;
      if (n_fraction == 0) return false;
    }
    const unit *u = match_unit(text + at, len - at, &n_name);
    int64_t part = 0;
    if (!u || u->ns >= previous_unit) return false; /* "30m1h" and "1s1s" are slips */
    if (!amount(whole, n_whole, fraction, n_fraction, u->ns, &part)) return false;
    if (__builtin_add_overflow(total, part, &total)) return false;
    previous_unit = u->ns;
    at += n_name;
  }
  if (len == 0) return false;
  *out_ns = total;
  return true;
}

/* Below a minute: three digits and one unit. Answers false when rounding reaches the next unit. */
static bool write_small(uint64_t ns, uint64_t unit_ns, uint64_t units_to_next, const char *name, const char *sign, char out[32]) {
  const uint64_t whole = ns / unit_ns;
  uint64_t per = whole < 10 ? 100 : whole < 100 ? 10 : 1; /* parts of a unit that are shown */
  if (per > unit_ns) per = 1;
  const uint64_t step = unit_ns / per;
  const uint64_t parts = (ns + step / 2) / step;
  if (parts >= units_to_next * per) return false;
  char number[48];
  const int n_decimals = per == 100 ? 2 : 1;
  snprintf(number, sizeof number, "%llu.%0*llu", (unsigned long long)(parts / per), n_decimals, (unsigned long long)(parts % per));
  size_t n = strlen(number);
  while (number[n - 1] == '0') n--;
  if (number[n - 1] == '.') n--;
  snprintf(out, 32, "%s%.*s %s", sign, (int)n, number, name);
  return true;
}

static void write_pair(uint64_t big, const char *big_name, const char *alone, uint64_t small, const char *small_name,
                       const char *sign, char out[32]) {
  if (small) {
    snprintf(out, 32, "%s%llu%s%llu%s", sign, (unsigned long long)big, big_name, (unsigned long long)small, small_name);
  } else {
    snprintf(out, 32, "%s%llu %s", sign, (unsigned long long)big, alone);
  }
}

void mlcm__format_duration(int64_t ns, char out[32]) {
  const char *sign = ns < 0 ? "-" : "";
  const uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
  if (left == 0) {
    snprintf(out, 32, "0 s");
    return;
  }
  if (left < NS_PER_US) {
    (void)write_small(left, 1, 1000, "ns", sign, out); /* whole ones: nothing is rounded */
    return;
  }
  if (left < NS_PER_MS && write_small(left, NS_PER_US, 1000, "us", sign, out)) return;
  if (left < NS_PER_S && write_small(left, NS_PER_MS, 1000, "ms", sign, out)) return;
  if (left < 60u * (uint64_t)NS_PER_S && write_small(left, NS_PER_S, 60, "s", sign, out)) return;
  const uint64_t seconds = (left + NS_PER_S / 2) / NS_PER_S;
  if (seconds < 3600) {
    write_pair(seconds / 60, "m", "min", seconds % 60, "s", sign, out);
  } else if (seconds < 86400) {
    write_pair(seconds / 3600, "h", "h", seconds % 3600 / 60, "m", sign, out);
  } else {
    write_pair(seconds / 86400, "d", "d", seconds % 86400 / 3600, "h", sign, out);
  }
}

/* ---- Moments ------------------------------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar: years counted from March put the leap day last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
  if (month <= 2) year--;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day) {
  days += 719468;
  assert(days >= 0); /* 64 bits of nanoseconds begin in 1677 */
  const int64_t era = days / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;
  *day = day_of_year - (153 * shifted + 2) / 5 + 1;
  *month = shifted < 10 ? shifted + 3 : shifted - 9;
  *year = year_of_era + era * 400 + (*month <= 2);
}

void mlcm__format_time(int64_t wall_ns, char out[40]) {
  int64_t days = wall_ns / ns_per_day;
  int64_t rest = wall_ns % ns_per_day;
  if (rest < 0) rest += ns_per_day, days--;
  int64_t year = 0, month = 0, day = 0;
  date_of(days, &year, &month, &day);
  snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", (int)year, (int)month, (int)day, (int)(rest / ns_per_hour),
           (int)(rest % ns_per_hour / ns_per_minute), (int)(rest % ns_per_minute / NS_PER_S), (int)(rest % NS_PER_S / NS_PER_US));
}

/* A reader over the text: each step moves `at` or spoils `ok`. */
typedef struct cursor {
  const char *text;
  size_t len, at;
  bool ok;
} cursor;

static int64_t number(cursor *c, int n_digits) {
  int64_t value = 0;
  for (int i = 0; i < n_digits; i++) {
    if (c->at >= c->len || !is_digit(c->text[c->at])) {
      c->ok = false;
      return 0;
    }
    value = value * 10 + (c->text[c->at++] - '0');
  }
  return value;
}

static bool skip(cursor *c, const char *any_of) {
  if (c->at >= c->len || !strchr(any_of, c->text[c->at]) || !c->text[c->at]) return false;
  c->at++;
  return true;
}

static void expect(cursor *c, const char *any_of) {
  if (!skip(c, any_of)) c->ok = false;
}

static int64_t fraction_ns(cursor *c) {
  int64_t ns = 0, weight = NS_PER_S / 10;
  const size_t first = c->at;
  for (; c->at < c->len && is_digit(c->text[c->at]); c->at++, weight /= 10) ns += (c->text[c->at] - '0') * weight;
  if (c->at == first) c->ok = false;
  return ns;
}

static int64_t zone_ns(cursor *c) {
  if (skip(c, "Zz")) return 0;
  const bool west = c->at < c->len && c->text[c->at] == '-';
  expect(c, "+-");
  const int64_t hours = number(c, 2);
  expect(c, ":");
  const int64_t minutes = number(c, 2);
  if (hours > 23 || minutes > 59) c->ok = false;
  return (west ? -1 : 1) * (hours * ns_per_hour + minutes * ns_per_minute);
}

static int64_t clock_ns(cursor *c) {
  const int64_t hour = number(c, 2);
  expect(c, ":");
  const int64_t minute = number(c, 2);
  expect(c, ":");
  const int64_t second = number(c, 2);
  if (hour > 23 || minute > 59 || second > 59) c->ok = false;
  int64_t ns = hour * ns_per_hour + minute * ns_per_minute + second * NS_PER_S;
  if (skip(c, ".")) ns += fraction_ns(c);
  return ns - zone_ns(c);
}

static int64_t days_in(int64_t year, int64_t month) {
  static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return days[month - 1] + (month == 2 && leap);
}

bool mlcm__parse_time(const char *text, size_t len, int64_t *out_ns) {
  cursor c = {text, len, 0, true};
  const int64_t year = number(&c, 4);
  expect(&c, "-");
  const int64_t month = number(&c, 2);
  expect(&c, "-");
  const int64_t day = number(&c, 2);
  if (!c.ok || month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return false;
  int64_t of_day = 0;
  if (c.at < len) {
    expect(&c, "Tt ");
    of_day = clock_ns(&c);
  }
  if (!c.ok || c.at != len) return false;
  int64_t ns = 0;
  if (__builtin_mul_overflow(days_of(year, month, day), ns_per_day, &ns) || __builtin_add_overflow(ns, of_day, &ns)) return false;
  *out_ns = ns;
  return true;
}
