/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_words.c - a check's state in one line for people: numbers and limits, no codes. Never longer than the room it is given.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "gate/math.h"
#include "gate/state.h"

const char *mlcm__verdict_name(mlcm_verdict_kind verdict) {
  if (verdict == MLCM_PASS) return "pass";
  if (verdict == MLCM_FAIL) return "fail";
  return verdict == MLCM_INCONCLUSIVE ? "inconclusive" : "unknown";
}

static const char *kind_name(mlcm_measurement_kind kind) {
  static const char *const names[] = {"not measured yet", "value", "no data", "partial", "stale", "error"};
  assert(kind >= 0 && kind <= MLCM_MEASURED_ERROR); /* a gate takes no others */
  return names[kind];
}

static void say(char *out, size_t size, const char *format, ...) MLCM_PRINTF(3, 4);

/* snprintf that cuts at a character's boundary. */
static void say(char *out, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(out, size, format, args);
  va_end(args);
  size_t len = strlen(out);
  while (!mlcm__utf8_valid(out, len)) out[--len] = '\0'; /* nothing at all is valid */
}

void mlcm__gate_number(double value, int digits, char out[40]) {
  char text[40];
  snprintf(text, sizeof(text), "%.*g", digits, value);
  size_t len = 0;
  for (const char *p = text; *p; p++) {
    bool is_number = (*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == 'e';
    /* rarely: only in a locale whose point has several bytes */
    if (is_number || len == 0 || out[len - 1] != '.')
      out[len++] = is_number ? *p : '.'; /* a locale's point may have several bytes */
  }
  out[len] = '\0';
}

/* E as people read it: "0.07", "355", "over 1e+300". */
static void evidence(double log_e, char out[40]) {
  if (log_e > 690)
    snprintf(out, 40, "over 1e+300");
  else
    mlcm__gate_number(mlcm__math_exp(log_e), 3, out);
}

static void percent(int64_t bad, int64_t n, char out[40]) {
  mlcm__gate_number(n == 0 ? 0 : 100.0 * (double)bad / (double)n, 3, out);
}

static const char *bad_word(const mlcm_check *check) { return check->meter == MLCM_METER_LATENCY ? " too slow" : ""; }

static void compare_reason(const mlcm_gate *gate, size_t i, char *out, size_t size) {
  const mlcm__check_progress *p = &gate->checks[i];
  const mlcm_check *check = &gate->policy->checks[i];
  const mlcm_counts *c = p->has_failed ? &p->total : &p->step;
  char fail[40], pass[40], need_fail[40], need_pass[40], candidate[40], stable[40], at_most[40];
  int64_t missing = gate->policy->settings.min_samples - p->step.candidate_n;
  evidence(p->fail.log_e, fail);
  evidence(mlcm__progress_log_e_pass(check, p), pass);
  evidence(gate->log_threshold_fail, need_fail);
  evidence(gate->log_threshold_pass, need_pass);
  percent(c->candidate_bad, c->candidate_n, candidate);
  percent(c->stable_bad, c->stable_n, stable);
  mlcm__gate_number(100 * check->at_most, 3, at_most);
  if (p->has_failed)
    say(out, size, "%s %% against %s %%%s, proven after %lld answers (evidence %s, needed %s)", candidate, stable,
        bad_word(check), (long long)c->candidate_n, fail, need_fail);
  else if (p->has_passed && check->has_at_most && p->bound.log_e > p->pass.log_e)
    say(out, size, "%s %%, proven below %s %% (evidence %s, needed %s)", candidate, at_most, pass, need_pass);
  else if (p->has_passed)
    say(out, size, "%s %% against %s %%%s, proven fine (evidence %s, needed %s)", candidate, stable, bad_word(check), pass,
        need_pass);
  else if (gate->is_warming_up)
    say(out, size, "warming up");
  else if (p->step.candidate_n == 0)
    say(out, size, "no answers of the candidate yet");
  else if (missing > 0)
    say(out, size, "%lld answers more needed (min_samples)", (long long)missing);
  else
    say(out, size, "no proof yet, fail %s/%s pass %s/%s", fail, need_fail, pass, need_pass);
}

/* A number in the unit that people think in: "32 us" for a latency, "1.5 %" for a share, else as it is. */
static void quantity(const mlcm_check *check, double value, char out[48]) {
  const bool is_meter = check->source == MLCM_SOURCE_METER;
  char number[40];
  if (is_meter && check->meter == MLCM_METER_LATENCY && value >= 0 && value < 1e9) {
    mlcm__format_duration((int64_t)(value * 1e9 + 0.5), out);
  } else if (is_meter && (check->meter == MLCM_METER_ERROR || check->meter == MLCM_METER_OUTCOME)) {
    mlcm__gate_number(100 * value, 3, number);
    snprintf(out, 48, "%s %%", number);
  } else {
    mlcm__gate_number(value, 6, out);
  }
}

/* "at least 40", "at most 250 ms", "between 1 and 2", "status 200", "any 2xx". */
static void limits(const mlcm_check *check, char out[80]) {
  char least[48], most[48];
  quantity(check, check->at_least, least);
  quantity(check, check->at_most, most);
  if (check->source == MLCM_SOURCE_HTTP && check->http_status == 0)
    snprintf(out, 80, "any 2xx status");
  else if (check->source == MLCM_SOURCE_HTTP)
    snprintf(out, 80, "status %d", (int)check->http_status);
  else if (check->has_at_least && check->has_at_most)
    snprintf(out, 80, "between %.32s and %.32s", least, most);
  else
    snprintf(out, 80, "%s %s", check->has_at_least ? "at least" : "at most", check->has_at_least ? least : most);
}

/* What was measured: a number, or what a probe saw. */
static void measured(const mlcm_check *check, const mlcm_measurement *m, char out[64]) {
  if (check->source != MLCM_SOURCE_HTTP)
    quantity(check, m->value, out);
  else if (m->http_status != 0)
    snprintf(out, 64, "status %d", (int)m->http_status);
  else
    snprintf(out, 64, "%.60s", m->value != 0 ? "up" : m->detail[0] ? m->detail : "down");
}

static void threshold_reason(const mlcm_gate *gate, size_t i, char *out, size_t size) {
  const mlcm__check_progress *p = &gate->checks[i];
  const mlcm_check *check = &gate->policy->checks[i];
  char value[64], wanted[80];
  limits(check, wanted);
  measured(check, &p->last, value);
  if (p->last.kind != MLCM_MEASURED_VALUE && p->has_failed)
    say(out, size, "%s wanted, %d bad values in a row, then %s", wanted, (int)p->failures_in_a_row, kind_name(p->last.kind));
  else if (p->last.kind != MLCM_MEASURED_VALUE)
    say(out, size, "%s%s%s", kind_name(p->last.kind), p->last.detail[0] ? ": " : "", p->last.detail);
  else if (p->has_failed)
    say(out, size, "%s, %s wanted: %d bad values in a row", value, wanted, (int)p->failures_in_a_row);
  else if (!mlcm__check_is_good(check, &p->last))
    say(out, size, "%s, %s wanted: bad value %d of %d", value, wanted, (int)p->failures_in_a_row, (int)check->failures);
  else if (p->has_passed)
    say(out, size, "%s, %s wanted", value, wanted);
  else
    say(out, size, "%s, before this step", value);
}

void mlcm__gate_reason(const mlcm_gate *gate, size_t i, char *out, size_t size) {
  if (gate->policy->checks[i].kind == MLCM_CHECK_COMPARE)
    compare_reason(gate, i, out, size);
  else
    threshold_reason(gate, i, out, size);
}
