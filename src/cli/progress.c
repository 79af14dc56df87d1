/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.c - Ctrl-C, the clock, and the progress bar.
 */
#include "progress.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "memory.h"

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal) {
  (void)signal;
  interrupts = interrupts + 1;
}

bool cli_interrupted(void) {
  static bool installed;
  if (!installed) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    installed = true;
  }
  return interrupts > 0;
}

int64_t cli_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void cli_nap(int64_t ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

static cli_words amount(const cli_progress *p, double n) {
  return p->unit ? cli_count((int64_t)n, p->unit) : cli_size((int64_t)n);
}

static void bar(FILE *page, const cli_term *t, double share) {
  enum { CELLS = 24 };
  for (int i = 0; i < CELLS; i++)
    fputs(i < (int)(share * CELLS) ? cli_sign(t, "\u2588", "#") : cli_sign(t, "\u2591", "-"), page);
  fprintf(page, " %3d %%  ", (int)(share * 100));
}

/* One line, drawn over the last one: what, bar, share, amount, speed, time left. Cut to the terminal, so that it never folds. */
static void draw(cli_progress *p, double done, double total, double seconds) {
  cli_term *t = &p->cli->msg;
  cli_page memory;
  const double rate = done / seconds;
  FILE *page = cli_page_open(&memory);
  fprintf(page, "%s ", p->what);
  if (total > 0) bar(page, t, done / total);
  fputs(amount(p, done).text, page);
  if (total > 0) fprintf(page, " of %s", amount(p, total).text);
  fprintf(page, "  %s/s", amount(p, rate).text);
  if (total > 0 && done > 0) fprintf(page, "  %s left", cli_duration((int64_t)((total - done) / rate * 1e9)).text);
  char *text = cli_page_close(&memory);
  cli_term_resize(t);
  cli_print_status(t, text);
  free(text);
  p->shown = true;
}

static int on_progress(void *user, int64_t done, int64_t total) {
  cli_progress *p = user;
  const double seconds = (double)(cli_now_ns() - p->started_ns) / 1e9;
  if (p->draws && seconds > 0.3) draw(p, (double)done, (double)total, seconds); /* short work shows nothing */
  return cli_interrupted();
}

mlcm_progress cli_progress_start(cli *c, cli_progress *p, const char *what, const char *unit) {
  *p = (cli_progress){.cli = c, .what = what, .unit = unit, .started_ns = cli_now_ns()};
  p->draws = c->msg.redraw && cli_talks(c);
  (void)cli_interrupted();
  return (mlcm_progress){on_progress, p};
}

void cli_progress_end(cli_progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
}
