/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c - draws a rollout.
 */
#include "tree.h"

#include <math.h>
#include <string.h>
#include <time.h>

int cli_tree_exit_code(mlcm_rollout_status status) {
  switch (status) {
    case MLCM_ROLLOUT_ROLLED_BACK:
    case MLCM_ROLLOUT_ABORTED: return EXIT_ROLLED_BACK;
    case MLCM_ROLLOUT_EXPIRED: return EXIT_INCONCLUSIVE;
    default: return EXIT_OK;
  }
}

static void duration_text(int64_t ns, char out[32]) {
  int64_t s = (ns + 500000000) / 1000000000;
  if (s < 60) snprintf(out, 32, "%llds", (long long)s);
  else if (s < 3600) snprintf(out, 32, "%lldm%02llds", (long long)(s / 60), (long long)(s % 60));
  else snprintf(out, 32, "%lldh%02lldm", (long long)(s / 3600), (long long)(s / 60 % 60));
}

static void clock_text(int64_t ns, char out[32]) {
  time_t seconds = (time_t)(ns / 1000000000);
  struct tm tm;
  localtime_r(&seconds, &tm);
  strftime(out, 32, "%H:%M:%S", &tm);
}

/* 5400 as "5,400". */
static const char *grouped(int64_t value, char out[32]) {
  char digits[24];
  int n = snprintf(digits, sizeof digits, "%lld", (long long)value), at = 0;
  for (int i = 0; i < n; i++) {
    if (i > 0 && (n - i) % 3 == 0) out[at++] = ',';
    out[at++] = digits[i];
  }
  out[at] = '\0';
  return out;
}

typedef struct sign {
  const char *unicode, *ascii;
  cli_style style;
} sign;

static sign status_sign(mlcm_rollout_status status) {
  switch (status) {
    case MLCM_ROLLOUT_PROGRESSING: return (sign){"\u27f3", "~", STYLE_NAME};
    case MLCM_ROLLOUT_PAUSED: return (sign){"\u2016", "||", STYLE_WARN};
    case MLCM_ROLLOUT_PROMOTED: return (sign){"\u2714", "ok", STYLE_GOOD};
    case MLCM_ROLLOUT_EXPIRED: return (sign){"\u25cc", "?", STYLE_WARN};
    default: return (sign){"\u2716", "x", STYLE_BAD};
  }
}

static sign check_sign(const mlcm_check_state *s) {
  if (s->verdict == MLCM_PASS) return (sign){"\u2714", "ok", STYLE_GOOD};
  if (s->verdict == MLCM_FAIL) return (sign){"\u2716", "x", STYLE_BAD};
  if (s->last.kind > MLCM_MEASURED_VALUE) return (sign){"\u25cc", "?", STYLE_WARN};
  return (sign){"\u27f3", "~", STYLE_NAME};
}

static void print_sign(const cli_term *t, sign s) {
  fprintf(t->file, "%s%s%s", cli_on(t, s.style), cli_sign(t, s.unicode, s.ascii), cli_off(t));
}

static void print_padded(const cli_term *t, const char *text, int width) {
  fprintf(t->file, "%s%*s", text, cli_width(text) < width ? width - cli_width(text) : 0, "");
}

static double share(int64_t bad, int64_t n) {
  return n > 0 ? 100.0 * (double)bad / (double)n : 0;
}

/* Evidence as people read it: E beside what it needs. */
static void evidence_text(double log_e, double log_needed, char *out, size_t size) {
  double e = exp(fmin(log_e, 700)), needed = exp(log_needed);
  if (e >= 1e6) snprintf(out, size, "%.1e/%.0f", e, needed);
  else if (e >= 10) snprintf(out, size, "%.0f/%.0f", e, needed);
  else snprintf(out, size, "%.2g/%.0f", e, needed);
}

static void print_comparison(const cli_term *t, const mlcm_check_state *s) {
  char text[96], fail[48], pass[48];
  snprintf(text, sizeof text, "candidate %.1f %%", share(s->total.candidate_bad, s->total.candidate_n));
  print_padded(t, text, 18);
  snprintf(text, sizeof text, "stable %.1f %%", share(s->total.stable_bad, s->total.stable_n));
  print_padded(t, text, 15);
  evidence_text(s->log_e_fail, s->log_threshold_fail, fail, sizeof fail);
  evidence_text(s->log_e_pass, s->log_threshold_pass, pass, sizeof pass);
  fprintf(t->file, "%sfail %s  pass %s%s", cli_on(t, STYLE_GREY), fail, pass, cli_off(t));
}

static void print_check(const cli_term *t, const mlcm_rollout_check *check, bool last) {
  const mlcm_check_state *s = &check->state;
  static const char *const words[] = {"no proof yet", "proven fine", "proven worse"};
  static const char *const limits[] = {"waiting", "within limits", "outside limits"};
  size_t word = s->verdict == MLCM_PASS ? 1 : s->verdict == MLCM_FAIL ? 2 : 0;
  bool compare = check->kind == MLCM_CHECK_COMPARE;
  fprintf(t->file, "%s ", last ? cli_sign(t, "\u2514\u2500", "`-") : cli_sign(t, "\u251c\u2500", "|-"));
  print_padded(t, check->name, 20);
  fputc(' ', t->file);
  print_sign(t, check_sign(s));
  fputc(' ', t->file);
  if (compare) {
    print_padded(t, words[word], 14);
    print_comparison(t, s);
  } else if (s->last.kind == MLCM_MEASURED_VALUE) {
    print_padded(t, limits[word], 15);
    fprintf(t->file, "%.6g  %s%s%s", s->last.value, cli_on(t, STYLE_GREY), s->reason, cli_off(t));
  } else {
    fprintf(t->file, "%s", *s->last.detail ? s->last.detail : *s->reason ? s->reason : "no data yet");
    if (s->verdict == MLCM_INCONCLUSIVE) fprintf(t->file, "  %sholds, does not fail%s", cli_on(t, STYLE_GREY), cli_off(t));
  }
  if (s->decided_ns && compare) {
    char when[32];
    clock_text(s->decided_ns, when);
    fprintf(t->file, "  %sat %s%s", cli_on(t, STYLE_GREY), when, cli_off(t));
  }
  fputc('\n', t->file);
}

static void print_bar(const cli_term *t, int64_t version, double part, int64_t requests, cli_style style) {
  enum { CELLS = 40 };
  char number[32];
  int filled = (int)(part * CELLS + 0.5);
  fprintf(t->file, "   /%-4lld %s", (long long)version, cli_on(t, style));
  for (int i = 0; i < CELLS; i++) fputs(i < filled ? cli_sign(t, "\u2588", "#") : " ", t->file);
  fprintf(t->file, "%s %5.1f %%  %s requests\n", cli_off(t), 100 * part, grouped(requests, number));
}

static void print_header(const cli_term *t, const mlcm_rollout_summary *s) {
  char left[32];
  fprintf(t->file, "%s%s%s   canary of /%lld against /%lld (@%s)   step %d of %d %s %.4g %%", cli_on(t, STYLE_BOLD), s->endpoint, cli_off(t),
          (long long)s->candidate, (long long)s->stable, s->alias, s->step, s->n_steps, cli_sign(t, "\u00b7", "-"), (double)s->weight_ppm / 10000);
  if (s->status == MLCM_ROLLOUT_PROGRESSING) {
    duration_text(s->step_remaining_ns, left);
    if (s->step_remaining_ns > 0) fprintf(t->file, " %s %s left", cli_sign(t, "\u00b7", "-"), left);
  }
  fputs("   ", t->file);
  print_sign(t, status_sign(s->status));
  fprintf(t->file, " %s\n", mlcm_rollout_status_name(s->status));
}

static int print_footer(const cli_term *t, const mlcm_rollout_state *state) {
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  const mlcm_decision *d = mlcm_rollout_state_decision(state);
  int lines = 0;
  if (d) {
    char when[32];
    clock_text(mlcm_decision_at_ns(d), when);
    fprintf(t->file, " decision %lld, %s: %s\n", (long long)mlcm_decision_seq(d), when, mlcm_decision_reason(d));
    lines++;
  }
  bool active = s->status == MLCM_ROLLOUT_PROGRESSING || s->status == MLCM_ROLLOUT_PAUSED;
  if (active && *s->waits_for) fprintf(t->file, " %swaits for: %s%s\n", cli_on(t, STYLE_GREY), s->waits_for, cli_off(t)), lines++;
  if (active && s->n_serving == 0)
    fprintf(t->file, " %sno process serves this endpoint now: nothing is measured%s\n", cli_on(t, STYLE_WARN), cli_off(t)), lines++;
  if (active && s->n_pending > 0)
    fprintf(t->file, " %s%d command%s not obeyed yet%s\n", cli_on(t, STYLE_WARN), s->n_pending, s->n_pending == 1 ? "" : "s", cli_off(t)), lines++;
  return lines;
}

int cli_tree_print(const cli_term *t, const mlcm_rollout_state *state) {
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  bool promoted = s->status == MLCM_ROLLOUT_PROMOTED;
  double weight = promoted ? 1 : (double)s->weight_ppm / MLCM_WEIGHT_ALL;
  print_header(t, s);
  for (int32_t i = 0; i < s->n_checks; i++) print_check(t, mlcm_rollout_state_check(state, i), i + 1 == s->n_checks);
  print_bar(t, s->stable, 1 - weight, s->stable_requests, STYLE_PLAIN);
  print_bar(t, s->candidate, weight, s->candidate_requests, STYLE_NAME);
  return 3 + s->n_checks + print_footer(t, state);
}

void cli_tree_line(FILE *file, const mlcm_rollout_state *state) {
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  fprintf(file, "%s /%lld against /%lld: %s, step %d of %d, %.4g %%", s->endpoint, (long long)s->candidate, (long long)s->stable,
          mlcm_rollout_status_name(s->status), s->step, s->n_steps, (double)s->weight_ppm / 10000);
  for (int32_t i = 0; i < s->n_checks; i++) {
    const mlcm_rollout_check *check = mlcm_rollout_state_check(state, i);
    fprintf(file, "; %s %s", check->name, check->state.verdict == MLCM_PASS ? "pass" : check->state.verdict == MLCM_FAIL ? "fail" : "open");
    if (check->kind == MLCM_CHECK_COMPARE)
      fprintf(file, " %.1f%%/%.1f%%", share(check->state.total.candidate_bad, check->state.total.candidate_n),
              share(check->state.total.stable_bad, check->state.total.stable_n));
  }
  fputc('\n', file);
}
