/* SPDX-License-Identifier: Apache-2.0
 *
 * judge.c - see judge.h.
 */
#include "damage/judge.h"

#include <check.h>
#include <ctype.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "damage/compare.h"
#include "damage/use.h"
#include "support/soak.h"
#include "support/status.h"

enum { HANG_SECONDS = 60 };

/* ---- telling ---- */

void damage_word(damage *d, const char *format, ...) {
  va_list list;
  if (d->n_words == DAMAGE_WORDS) return;
  va_start(list, format);
  (void)vsnprintf(d->words[d->n_words++], DAMAGE_WORD_BYTES, format, list);
  va_end(list);
}

static void print_findings(const mlcm_fsck_report *report) {
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    const mlcm_finding x = mlcm_fsck_report_at(report, i);
    fprintf(stderr, "    %s | %s | %s | '%s' not '%s' | %s%s%s\n", mlcm_damage_name(x.kind), x.object, x.problem, x.found,
            x.expected, x.restore, x.can_repair ? " [can repair]" : "", x.repaired ? " [repaired]" : "");
  }
}

static void complain(const damage *d, const mlcm_fsck_report *report, const char *rule) {
  fprintf(stderr, "%s: %s\n", d->what, rule);
  if (report) print_findings(report);
}

static char watched[DAMAGE_WHAT_BYTES];

static void hang(int number) {
  static const char text[] = "\nhangs: ";
  (void)number;
  (void)!write(STDERR_FILENO, text, sizeof text - 1);
  (void)!write(STDERR_FILENO, watched, strlen(watched));
  (void)!write(STDERR_FILENO, "\n", 1);
  _exit(EXIT_FAILURE);
}

void judge_watch(const char *what) {
  (void)snprintf(watched, sizeof watched, "%s", what);
  (void)signal(SIGALRM, hang);
  (void)alarm(HANG_SECONDS);
}

/* ---- found and named ---- */

static bool has_word(const char *text, const char *word) {
  const size_t len = strlen(word);
  for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
    const bool begins = at == text || !isalnum((unsigned char)at[-1]);
    if (begins && !isalnum((unsigned char)at[len])) return true;
  }
  return false;
}

static bool names(const mlcm_finding *x, const damage *d) {
  for (size_t i = 0; i < d->n_words; i++)
    if (has_word(x->object, d->words[i]) || has_word(x->problem, d->words[i]) || has_word(x->expected, d->words[i])) return true;
  return false;
}

static bool is_named(const mlcm_fsck_report *report, const damage *d) {
  if (d->n_words == 0) return true; /* nobody knows what was hit */
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    const mlcm_finding x = mlcm_fsck_report_at(report, i);
    if (x.is_damage && names(&x, d)) return true;
  }
  return false;
}

/* What is told as a whole is told to people too: no text may be missing. */
static bool is_told_whole(const mlcm_fsck_report *report) {
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    const mlcm_finding x = mlcm_fsck_report_at(report, i);
    if (!x.object[0] || !x.problem[0] || !x.restore[0]) return false;
  }
  return true;
}

static void judge_report(const damage *d, const mlcm_fsck_report *report, tally *t) {
  const bool found = mlcm_fsck_report_summary(report).damaged > 0;
  const char *rule = NULL;
  const bool may_be_found = d->harmless && strncmp(d->harmless, "sometimes", strlen("sometimes")) == 0;
  if (found && may_be_found) t->found++;
  else if (d->harmless && found) rule = "is listed as harmless and was found";
  else if (d->harmless) t->harmless++;
  else if (!found) rule = "MISSED";
  else if (!is_named(report, d)) rule = "was found and not named";
  else t->found++;
  if (rule) {
    t->missed++;
    complain(d, report, rule);
    if (!d->harmless)
      for (size_t i = 0; i < d->n_words && i < 3; i++) fprintf(stderr, "    not named: %s\n", d->words[i]);
  }
  if (!is_told_whole(report)) {
    t->broken++;
    complain(d, report, "a finding has a text missing");
  }
}

/* A registry of which nothing is left to look at is an error that names the folder; so is one that says to be of another
 * version. */
static bool is_said(const scene *s, mlcm_status st, const mlcm_error *err) {
  const bool may_be = st == MLCM_NOT_FOUND || st == MLCM_NEWER_FORMAT || st == MLCM_REFUSED || st == MLCM_IO ||
                      st == MLCM_CORRUPT;
  return may_be && strstr(err->message, s->work) != NULL;
}

static mlcm_status look(const scene *s, bool repair, const char *backup, mlcm_fsck_report **report, mlcm_error *err) {
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  options.repair = repair;
  options.backup = backup;
  return mlcm_fsck(s->ctx, s->work, &options, NULL, report, err);
}

/* ---- repair ---- */

static bool is_in(const mlcm_fsck_report *report, const mlcm_finding *x) {
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    const mlcm_finding other = mlcm_fsck_report_at(report, i);
    if (!other.repaired && other.kind == x->kind && strcmp(other.object, x->object) == 0 &&
        strcmp(other.problem, x->problem) == 0 && strcmp(other.found, x->found) == 0)
      return true;
  }
  return false;
}

/* Nothing that was not there before, nothing again that was called repaired. */
static const char *compare_reports(const damage *d, const mlcm_fsck_report *before, const mlcm_fsck_report *repair,
                                   const mlcm_fsck_report *after) {
  for (size_t i = 0; i < mlcm_fsck_report_n(repair); i++) {
    const mlcm_finding x = mlcm_fsck_report_at(repair, i);
    if (x.repaired && is_in(after, &x)) return "a second check finds what was called repaired";
  }
  if (mlcm_fsck_report_summary(after).left != mlcm_fsck_report_summary(repair).left) return "a second check counts otherwise";
  const bool more = mlcm_fsck_report_summary(after).left > mlcm_fsck_report_summary(before).left;
  return more && !d->hides_others ? "a second check finds more than the first" : NULL;
}

static void judge_repair(scene *s, const damage *d, const mlcm_fsck_report *before, const char *backup, tally *t) {
  mlcm_fsck_report *repair = NULL, *after = NULL;
  mlcm_error err = {0};
  char why[512] = "";
  remains *as_damaged = remains_take(s);
  mlcm_status st = look(s, true, backup, &repair, &err);
  if (!st) st = look(s, false, NULL, &after, &err);
  const char *rule = st ? err.message : compare_reports(d, before, repair, after);
  if (!rule && !remains_hold(as_damaged, s, mlcm_fsck_report_summary(after).left == 0, why, sizeof why)) rule = why;
  if (!st) t->repaired += mlcm_fsck_report_summary(repair).repaired > 0;
  if (rule) {
    t->broken++;
    fprintf(stderr, "%s: repair%s: %s\n", d->what, backup ? " from a backup" : "", rule);
    print_findings(before);
    if (repair) fprintf(stderr, "   repaired: %s\n", mlcm_fsck_report_refusal(repair)), print_findings(repair);
    if (after) fprintf(stderr, "   after:\n"), print_findings(after);
  }
  remains_free(as_damaged);
  mlcm_fsck_report_free(after);
  mlcm_fsck_report_free(repair);
}

/* ---- the whole ---- */

static void judge_use(scene *s, const damage *d, tally *t) {
  char why[512] = "";
  scene_copy(s->work, s->used);
  if (use_registry(s->ctx, s->used, why, sizeof why)) return;
  t->broken++;
  complain(d, NULL, why);
}

void judge(scene *s, const damage *d, tally *t) {
  mlcm_fsck_report *before = NULL;
  mlcm_error err = {0};
  judge_watch(d->what);
  t->made++;
  remains *untouched = remains_take(s);
  mlcm_status st = look(s, false, NULL, &before, &err);
  if (!remains_are_the_same(untouched, s)) {
    t->broken++;
    complain(d, before, "looking changed something");
  }
  remains_free(untouched);
  if (st == MLCM_OK) {
    judge_report(d, before, t);
  } else if (is_said(s, st, &err)) {
    t->found++;
  } else {
    t->missed++;
    fprintf(stderr, "%s: fsck: %s: %s\n", d->what, mlcm_status_name(st), err.message);
  }
  judge_use(s, d, t);
  if (st == MLCM_OK && mlcm_fsck_report_n(before) > 0) {
    judge_repair(s, d, before, t->made % 2 ? NULL : s->backup, t);
  }
  mlcm_fsck_report_free(before);
  (void)alarm(0);
}

uint64_t damage_draw(uint64_t *random) {
  uint64_t z = *random += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  return (z ^ (z >> 27)) * 0x94D049BB133111EBu >> 16;
}

bool damage_is_drawn(uint64_t *random, long one_in) {
  one_in = one_in * DAMAGE_SPARSER / test_scale();
  return damage_draw(random) % (uint64_t)(one_in > 1 ? one_in : 1) == 0;
}

void tally_end(const tally *t, const char *name) {
  printf("{\"what\":\"damages of %s\",\"n\":%ld,\"found\":%ld,\"harmless\":%ld,\"repaired\":%ld,\"violations\":%ld}\n", name,
         t->made, t->found, t->harmless, t->repaired, t->missed + t->broken);
  ck_assert_int_gt(t->made, 0);
  ck_assert_int_eq(t->missed, 0);
  ck_assert_int_eq(t->broken, 0);
}
