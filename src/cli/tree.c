/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c - draws a rollout: one line that says where it stands or how it ended, a line a check, a bar a version, and what it
 * waits for.
 *
 * The page is written into memory and then put on the terminal line by line, each cut to its width: `watch` goes back up by the
 * number of lines, so none may fold.
 */
#include "tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

bool cli_is_active(mlcm_rollout_status status) {
  return status == MLCM_ROLLOUT_PROGRESSING || status == MLCM_ROLLOUT_PAUSED;
}

int cli_tree_exit_code(mlcm_rollout_status status) {
  switch (status) {
  case MLCM_ROLLOUT_ROLLED_BACK:
  case MLCM_ROLLOUT_ABORTED: return EXIT_ROLLED_BACK;
  case MLCM_ROLLOUT_EXPIRED: return EXIT_INCONCLUSIVE;
  default: return EXIT_OK;
  }
}

/* ---- Words --------------------------------------------------------------------------------------------------------- */

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

static cli_mark status_mark(mlcm_rollout_status status) {
  switch (status) {
  case MLCM_ROLLOUT_PROGRESSING: return CLI_RUNS;
  case MLCM_ROLLOUT_PAUSED: return CLI_PAUSED;
  case MLCM_ROLLOUT_PROMOTED: return CLI_GOOD;
  case MLCM_ROLLOUT_EXPIRED: return CLI_OPEN;
  default: return CLI_BAD;
  }
}

static cli_mark check_mark(const mlcm_check_state *s) {
  if (s->verdict == MLCM_PASS) return CLI_GOOD;
  if (s->verdict == MLCM_FAIL) return CLI_BAD;
  return s->last.kind > MLCM_MEASURED_VALUE ? CLI_OPEN : CLI_RUNS;
}

static void print_grey(const cli_term *t, const char *text) {
  fprintf(t->file, "%s%s%s", cli_on(t, STYLE_GREY), text, cli_off(t));
}

static void print_padded(const cli_term *t, const char *text, int width) {
  fprintf(t->file, "%s%*s", text, cli_width(text) < width ? width - cli_width(text) : 0, "");
}

/* ---- Checks -------------------------------------------------------------------------------------------------------- */

static double share(int64_t bad, int64_t n) { return n > 0 ? 100.0 * (double)bad / (double)n : 0; }

/* Evidence as people read it: E beside what it needs. */
static void evidence_text(double log_e, double log_needed, char out[48]) {
  double e = exp(fmin(log_e, 700)), needed = exp(fmin(log_needed, 700));
  if (e < 0.01)
    snprintf(out, 48, "0/%.0f", needed);
  else if (e >= 1e4)
    snprintf(out, 48, ">9999/%.0f", needed);
  else
    snprintf(out, 48, e >= 10 ? "%.0f/%.0f" : "%.2g/%.0f", e, needed);
}

/* How many more answers a proof takes when evidence goes on growing as it did: to one digit, as it is a guess. 0: none yet. */
static int64_t answers_missing(double log_e, double log_needed, int64_t n) {
  if (n < 30 || log_e < 0.3 || log_e >= log_needed) return 0;
  double more = (double)n * (log_needed - log_e) / log_e, unit = pow(10, floor(log10(fmax(more, 1))));
  return more < 1e9 ? (int64_t)(ceil(more / unit) * unit) : 0;
}

static void print_open_proof(const cli_term *t, const mlcm_check_state *s, bool active) {
  char fail[48], pass[48], number[32];
  evidence_text(s->log_e_fail, s->log_threshold_fail, fail);
  evidence_text(s->log_e_pass, s->log_threshold_pass, pass);
  fprintf(t->file, "%sfail %-7s pass %-6s%s", cli_on(t, STYLE_GREY), fail, pass, cli_off(t));
  if (!active) return;
  bool worse = s->log_e_fail > s->log_e_pass;
  int64_t more = worse ? answers_missing(s->log_e_fail, s->log_threshold_fail, s->total.candidate_n)
                       : answers_missing(s->log_e_pass, s->log_threshold_pass, s->step.candidate_n);
  if (more > 0)
    fprintf(t->file, "  %s~%s more answer%s%s%s", cli_on(t, worse ? STYLE_WARN : STYLE_PLAIN), grouped(more, number),
            more == 1 ? "" : "s", worse ? " to fail" : "", cli_off(t));
}

static void print_comparison(const cli_term *t, const mlcm_check_state *s, bool active) {
  static const char *const words[] = {"no proof yet", "proven fine", "proven worse"};
  char text[96], evidence[48];
  /* Before there is evidence the gate's own words say why: warming up, no answers yet, too few samples. */
  bool counted = s->verdict != MLCM_INCONCLUSIVE || strncmp(s->reason, "no proof yet", 12) == 0;
  print_padded(t, words[s->verdict == MLCM_PASS ? 1 : s->verdict == MLCM_FAIL ? 2 : 0], 14);
  if (!counted) {
    print_grey(t, s->reason);
    return;
  }
  const mlcm_counts *n = s->verdict == MLCM_PASS ? &s->step : &s->total;
  snprintf(text, sizeof text, "%.1f %% against %.1f %%", share(n->candidate_bad, n->candidate_n),
           share(n->stable_bad, n->stable_n));
  print_padded(t, text, 22);
  if (s->verdict == MLCM_INCONCLUSIVE) {
    print_open_proof(t, s, active);
    return;
  }
  if (s->verdict == MLCM_PASS)
    evidence_text(s->log_e_pass, s->log_threshold_pass, evidence);
  else
    evidence_text(s->log_e_fail, s->log_threshold_fail, evidence);
  fprintf(t->file, "%s%s %-8s at %s%s", cli_on(t, STYLE_GREY), s->verdict == MLCM_PASS ? "pass" : "fail", evidence,
          cli_clock(s->decided_ns).text, cli_off(t));
}

static void print_limit(const cli_term *t, cli *c, const mlcm_rollout_check *check) {
  static const char *const words[] = {"waiting", "within limits", "out of limits"};
  const mlcm_check_state *s = &check->state;
  if (s->last.kind == MLCM_MEASURED_VALUE) {
    print_padded(t, words[s->verdict == MLCM_PASS ? 1 : s->verdict == MLCM_FAIL ? 2 : 0], 14);
    print_grey(t, cli_clean(c, s->reason));
    return;
  }
  fputs(cli_clean(c, s->reason), t->file);
  if (s->last.kind > MLCM_MEASURED_VALUE && s->verdict == MLCM_INCONCLUSIVE && check->on_fail != MLCM_ON_FAIL_REPORT)
    print_grey(t, "  holds, does not fail");
}

static void print_check(const cli_term *t, cli *c, const mlcm_rollout_check *check, bool active, bool last, int name_width) {
  fprintf(t->file, "%s ", last ? cli_sign(t, "\u2514\u2500", "`-") : cli_sign(t, "\u251c\u2500", "|-"));
  print_padded(t, cli_clean(c, check->name), name_width);
  fputc(' ', t->file);
  fputs(cli_marked(t, check_mark(&check->state)).text, t->file);
  fputc(' ', t->file);
  if (check->kind == MLCM_CHECK_COMPARE)
    print_comparison(t, &check->state, active);
  else
    print_limit(t, c, check);
  if (check->on_fail == MLCM_ON_FAIL_REPORT)
    print_grey(t, "  only shown");
  else if (check->state.verdict == MLCM_FAIL && check->on_fail == MLCM_ON_FAIL_HOLD)
    print_grey(t, "  holds");
  fputc('\n', t->file);
}

/* All checks; on a low screen as many as there is room for, those first that are not fine. */
static void print_checks(const cli_term *t, cli *c, const mlcm_rollout_state *state) {
  const mlcm_rollout_summary *summary = mlcm_rollout_state_summary(state);
  const int32_t n = summary->n_checks;
  int32_t room = t->rows > 0 ? t->rows - 9 : n, shown = 0;
  int name_width = 0;
  if (room < 2) room = 2;
  if (n > room)
    room--; /* for the line that says how many are missing */
  else
    room = n;
  for (int32_t i = 0; i < n; i++) {
    int width = cli_width(cli_clean(c, mlcm_rollout_state_check(state, i)->name));
    if (width > name_width) name_width = width;
  }
  for (int pass = 0; pass < 2; pass++)
    for (int32_t i = 0; i < n && shown < room; i++) {
      const mlcm_rollout_check *check = mlcm_rollout_state_check(state, i);
      bool fine = check->state.verdict == MLCM_PASS;
      if (room < n ? fine == (pass == 1) : pass == 0)
        print_check(t, c, check, cli_is_active(summary->status), ++shown == n, name_width);
    }
  if (shown < n) fprintf(t->file, "%s %d more\n", cli_sign(t, "\u2514\u2500", "`-"), n - shown);
}

/* ---- Head, bars, foot ---------------------------------------------------------------------------------------------- */

static void print_active_head(const cli_term *t, cli *c, const mlcm_rollout_summary *s) {
  fprintf(t->file, "%s %s%s%s  %s/%lld%s against /%lld (@%s)  %s, step %d of %d at %.4g %%",
          cli_marked(t, status_mark(s->status)).text, cli_on(t, STYLE_BOLD),
          cli_clean(c, s->endpoint), cli_off(t), cli_on(t, STYLE_NAME), (long long)s->candidate, cli_off(t), (long long)s->stable,
          s->alias, mlcm_rollout_status_name(s->status), s->step, s->n_steps, (double)s->weight_ppm / 10000);
  if (s->status == MLCM_ROLLOUT_PROGRESSING && s->step_remaining_ns > 0)
    fprintf(t->file, ", %s left", cli_duration(s->step_remaining_ns).text);
  else if (s->status == MLCM_ROLLOUT_PROGRESSING)
    fputs(", waits", t->file);
  fprintf(t->file, "\n%s  runs for %s", cli_on(t, STYLE_GREY), cli_duration(s->elapsed_ns).text);
  if (s->expire_after_ns > 0) fprintf(t->file, ", expires after %s", cli_duration(s->expire_after_ns).text);
  if (s->n_serving > 0)
    fprintf(t->file, "; %d process%s serve%s it", s->n_serving, s->n_serving == 1 ? "" : "es", s->n_serving == 1 ? "s" : "");
  if (*s->holder) fprintf(t->file, ", %s decides", cli_clean(c, s->holder));
  fprintf(t->file, "%s\n", cli_off(t));
}

/* The first thing that an ended rollout says is how and why. */
static void print_ended_head(const cli_term *t, cli *c, const mlcm_rollout_summary *s) {
  const cli_words mark = cli_marked(t, status_mark(s->status));
  const char *endpoint = cli_clean(c, s->endpoint);
  fprintf(t->file, "%s %s%s%s ", mark.text, cli_on(t, STYLE_BOLD), endpoint, cli_off(t));
  cli_fold(t->file, t->columns, cli_width(mark.text) + cli_width(endpoint) + 2, 2, cli_clean(c, s->reason));
  fprintf(t->file, "\n%s  /%lld against /%lld (@%s): ended at %s after %s, in step %d of %d%s\n", cli_on(t, STYLE_GREY),
          (long long)s->candidate, (long long)s->stable, s->alias, cli_clock(s->ended_ns).text,
          cli_duration(s->elapsed_ns).text, s->step, s->n_steps, cli_off(t));
}

static void print_bar(const cli_term *t, int64_t version, double part, int64_t requests, cli_style style) {
  char number[32], name[32];
  int cells = t->columns > 0 && t->columns < 85 ? t->columns - 45 : 40;
  if (cells < 8) cells = 8;
  int filled = (int)(part * cells + 0.5);
  if (filled == 0 && part > 0) filled = 1;
  snprintf(name, sizeof name, "/%lld", (long long)version);
  fprintf(t->file, "   %-5s %s", name, cli_on(t, style));
  for (int i = 0; i < cells; i++) fputs(i < filled ? cli_sign(t, "\u2588", "#") : cli_sign(t, "\u00b7", "."), t->file);
  fprintf(t->file, "%s %5.1f %%  %10s requests\n", cli_off(t), 100 * part, grouped(requests, number));
}

static void print_foot(const cli_term *t, cli *c, const mlcm_rollout_state *state) {
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  const mlcm_decision *d = mlcm_rollout_state_decision(state);
  if (!cli_is_active(s->status)) return;
  fprintf(t->file, "  decision %lld, %s: %s\n", (long long)mlcm_decision_seq(d), cli_clock(mlcm_decision_at_ns(d)).text,
          cli_clean(c, mlcm_decision_reason(d)));
  if (*s->waits_for) fprintf(t->file, "%s  waits for: %s%s\n", cli_on(t, STYLE_GREY), cli_clean(c, s->waits_for), cli_off(t));
  if (s->n_serving == 0)
    fprintf(t->file, "%s  no process serves this endpoint now: nothing is measured%s\n", cli_on(t, STYLE_WARN), cli_off(t));
  if (s->n_pending > 0)
    fprintf(t->file, "%s  %d command%s not obeyed yet%s\n", cli_on(t, STYLE_WARN), s->n_pending, s->n_pending == 1 ? "" : "s",
            cli_off(t));
}

static void draw(const cli_term *t, cli *c, const mlcm_rollout_state *state) {
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  double weight = s->status == MLCM_ROLLOUT_PROMOTED ? 1 : (double)s->weight_ppm / MLCM_WEIGHT_ALL;
  if (cli_is_active(s->status))
    print_active_head(t, c, s);
  else
    print_ended_head(t, c, s);
  print_checks(t, c, state);
  print_bar(t, s->stable, 1 - weight, s->stable_requests, STYLE_PLAIN);
  print_bar(t, s->candidate, weight, s->candidate_requests, STYLE_NAME);
  print_foot(t, c, state);
}

int cli_tree_print(cli *c, const mlcm_rollout_state *state, int over) {
  cli_page page;
  cli_term term = c->out;
  term.file = cli_page_open(&page);
  draw(&term, c, state);
  char *text = cli_page_close(&page);
  int lines = cli_print_over(&c->out, text, over);
  free(text);
  return lines;
}

void cli_tree_line(cli *c, const mlcm_rollout_state *state) {
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  printf("%s: /%lld against /%lld %s in step %d of %d", cli_clean(c, s->endpoint), (long long)s->candidate, (long long)s->stable,
         mlcm_rollout_status_name(s->status), s->step, s->n_steps);
  for (int32_t i = 0; i < s->n_checks; i++) {
    const mlcm_rollout_check *check = mlcm_rollout_state_check(state, i);
    const mlcm_check_state *k = &check->state;
    printf("; %s %s", cli_clean(c, check->name), k->verdict == MLCM_PASS ? "pass" : k->verdict == MLCM_FAIL ? "fail" : "open");
    if (check->kind == MLCM_CHECK_COMPARE)
      printf(" (%.1f %% against %.1f %%)", share(k->total.candidate_bad, k->total.candidate_n),
             share(k->total.stable_bad, k->total.stable_n));
  }
  putchar('\n');
}
