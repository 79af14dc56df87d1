/* SPDX-License-Identifier: Apache-2.0
 *
 * service.c - a small service that answers "which digit is this?" from whatever version its endpoint says.
 *
 *   digits-service REGISTRY traffic.csv [MIN_REQUESTS] < pipe
 *
 * It stands for a real one: threads answer requests as they come, and what the right answer was becomes known a while later.
 * The rollout needs nothing from it but that: the endpoint routes, measures, decides and swaps versions on its own. It runs until
 * its standard input ends and MIN_REQUESTS are answered, and then prints one line of JSON: how many requests, how many of them got no
 * good answer, and the ticket of one of them, for `mlcm report`.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mlcm/mlcm.h>

enum { N_PIXELS = 64, N_THREADS = 4, MAX_ROWS = 2000, PAUSE_US = 1400, LABEL_DELAY = 256 };

typedef struct row {
  float pixels[N_PIXELS];
  int64_t digit;
} row;

typedef struct service {
  mlcm_endpoint *endpoint;
  row *rows;
  int64_t n_rows;
  int64_t min_requests;
  atomic_bool stop;
  atomic_llong requests, dropped, wrong;
} service;

typedef struct worker {
  service *service;
  int number;
  struct { /* answers whose label is not known yet: a ring */
    mlcm_ticket ticket;
    int32_t wrong;
  } waiting[LABEL_DELAY];
  int64_t n; /* requests so far */
} worker;

static int64_t read_rows(const char *path, row *rows) {
  FILE *file = fopen(path, "r");
  char line[1024];
  int64_t n = -1; /* the header */
  while (file && n < MAX_ROWS && fgets(line, sizeof line, file)) {
    char *at = line;
    if (n++ < 0) continue;
    for (int i = 0; i < N_PIXELS; i++, at++) rows[n - 1].pixels[i] = strtof(at, &at);
    rows[n - 1].digit = strtoll(at, NULL, 10);
  }
  if (file) fclose(file);
  return n;
}

/* The label of the request before the last LABEL_DELAY ones arrives now. */
static void report_late(worker *w, int64_t which) {
  mlcm_error err;
  mlcm_status st = mlcm_endpoint_report(w->service->endpoint, &w->waiting[which % LABEL_DELAY].ticket, MLCM_OUTCOME_WRONG,
                                        w->waiting[which % LABEL_DELAY].wrong, &err);
  if (st != MLCM_OK) fprintf(stderr, "digits-service: a label was not counted: %s\n", err.message);
}

static void answer_one(worker *w) {
  service *s = w->service;
  const row *r = &s->rows[(w->n * 7 + w->number * 131) % s->n_rows];
  char key[48];
  int64_t digit = -1;
  mlcm_error err;
  mlcm_ticket ticket;
  mlcm_input in = mlcm_input_f32(r->pixels, 1, N_PIXELS);
  mlcm_output out = mlcm_output_i64(&digit, 1);
  snprintf(key, sizeof key, "user-%d-%lld", w->number, (long long)w->n);
  mlcm_status st = mlcm_endpoint_infer(s->endpoint, mlcm_str_of(key), &in, 1, &out, 1, &ticket, &err);
  atomic_fetch_add(&s->requests, 1);
  if (st != MLCM_OK || digit < 0 || digit > 9) {
    if (atomic_fetch_add(&s->dropped, 1) == 0)
      fprintf(stderr, "digits-service: no good answer: %s\n", st != MLCM_OK ? err.message : "the answer is no digit");
    return;
  }
  if (w->n >= LABEL_DELAY) report_late(w, w->n - LABEL_DELAY);
  w->waiting[w->n % LABEL_DELAY].ticket = ticket;
  w->waiting[w->n % LABEL_DELAY].wrong = digit != r->digit;
  if (digit != r->digit) atomic_fetch_add(&s->wrong, 1);
  w->n++;
}

static void *work(void *user) {
  worker *w = user;
  while (!atomic_load(&w->service->stop)) {
    answer_one(w);
    nanosleep(&(struct timespec){0, PAUSE_US * 1000}, NULL);
  }
  for (int64_t i = w->n > LABEL_DELAY ? w->n - LABEL_DELAY : 0; i < w->n; i++) report_late(w, i);
  return NULL;
}

static void wait_until_done(service *s) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  while (atomic_load(&s->requests) < s->min_requests) nanosleep(&(struct timespec){0, 10000000}, NULL);
}

static int serve(service *s) {
  static worker workers[N_THREADS];
  pthread_t threads[N_THREADS];
  int n = 0;
  for (; n < N_THREADS; n++) {
    workers[n].service = s;
    workers[n].number = n;
    if (pthread_create(&threads[n], NULL, work, &workers[n]) != 0) break;
  }
  if (n == N_THREADS) wait_until_done(s);
  atomic_store(&s->stop, true);
  for (int i = 0; i < n; i++) pthread_join(threads[i], NULL);
  char ticket[MLCM_TICKET_TEXT_SIZE] = "";
  if (workers[0].n > 0) mlcm_ticket_to_text(&workers[0].waiting[(workers[0].n - 1) % LABEL_DELAY].ticket, ticket);
  printf("{\"requests\":%lld,\"dropped\":%lld,\"wrong\":%lld,\"ticket\":\"%s\"}\n", (long long)atomic_load(&s->requests),
         (long long)atomic_load(&s->dropped), (long long)atomic_load(&s->wrong), ticket);
  return n == N_THREADS ? 0 : 1;
}

int main(int argc, char **argv) {
  static row rows[MAX_ROWS];
  service s = {.rows = rows};
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_error err;
  int code = 1;
  if (argc != 3 && argc != 4) return fprintf(stderr, "usage: digits-service REGISTRY traffic.csv [MIN_REQUESTS]\n"), 2;
  if (argc == 4) s.min_requests = strtoll(argv[3], NULL, 10);
  s.n_rows = read_rows(argv[2], rows);
  if (s.n_rows < 1) return fprintf(stderr, "digits-service: no rows in %s\n", argv[2]), 1;
  mlcm_status st = mlcm_context_new(NULL, &ctx, &err);
  if (!st) st = mlcm_registry_open(ctx, argv[1], NULL, &reg, &err);
  if (!st) st = mlcm_endpoint_open(reg, "digits", NULL, &s.endpoint, &err); /* serves digits@champion, follows its rollouts */
  if (!st)
    code = serve(&s);
  else
    fprintf(stderr, "digits-service: %s\n", err.message);
  mlcm_endpoint_close(s.endpoint);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  return code;
}
