/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_meter.c - what metering costs: complete plus report of one request as a unit of analysis, and reading everything back. The
 * opponent keeps the same counters (same histogram) in plain memory behind a mutex, which is what a first version would do.
 * Takes the median of rounds; prints one JSON line a bar.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "metric/meter.h"

enum { ROUNDS = 31, REQUESTS = 50000, READS = 20, CELLS = 4 };

static int64_t latencies[REQUESTS];

typedef struct locked_meter {
  pthread_mutex_t mutex;
  mlcm__histogram latency;
  uint64_t errors;
  uint64_t n;
  uint64_t bad;
  double sum;
} locked_meter;

static locked_meter opponent = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void must(mlcm_status st, const mlcm_error *err) {
  if (st == MLCM_OK) return;
  fprintf(stderr, "bench_meter: %s: %s\n", mlcm_status_name(st), err->message);
  exit(1);
}

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static double median(double *took) {
  qsort(took, ROUNDS, sizeof *took, by_value);
  return took[ROUNDS / 2];
}

/* Latencies over two decades, as traffic has them: neighbours in time seldom share a bucket. */
static void make_latencies(void) {
  uint64_t state = 1;
  for (int i = 0; i < REQUESTS; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    latencies[i] = 200000 + (int64_t)((state >> 40) % 20000000);
  }
}

static double count_ours(mlcm__meter *meter, uint32_t cell, uint32_t wrong) {
  const double begun = now_ns();
  for (int i = 0; i < REQUESTS; i++) {
    mlcm__meter_complete(meter, cell, MLCM__SCOPE_KEY, latencies[i], i % 100 != 0);
    mlcm__meter_outcome(meter, cell, MLCM__SCOPE_KEY, wrong, i % 50 == 0);
  }
  return (now_ns() - begun) / REQUESTS;
}

static void locked_complete(int64_t latency_ns, bool ok) {
  pthread_mutex_lock(&opponent.mutex);
  mlcm__histogram_record_ns(&opponent.latency, latency_ns);
  opponent.errors += !ok;
  pthread_mutex_unlock(&opponent.mutex);
}

static void locked_outcome(double value) {
  pthread_mutex_lock(&opponent.mutex);
  opponent.n++;
  opponent.bad += value != 0;
  opponent.sum += value;
  pthread_mutex_unlock(&opponent.mutex);
}

static double count_theirs(void) {
  const double begun = now_ns();
  for (int i = 0; i < REQUESTS; i++) {
    locked_complete(latencies[i], i % 100 != 0);
    locked_outcome(i % 50 == 0);
  }
  return (now_ns() - begun) / REQUESTS;
}

/* ---- Two threads at a time: what shards are for ---------------------------------------------------------------------- */

typedef struct pair {
  mlcm__meter *meter; /* NULL: the opponent */
  uint32_t cell;
  uint32_t outcome;
  double took;
} pair;

static void *count_one(void *user) {
  pair *p = user;
  p->took = p->meter ? count_ours(p->meter, p->cell, p->outcome) : count_theirs();
  return NULL;
}

/* Nanoseconds a request as each thread sees them. */
static double count_together(pair both) {
  pair other = both;
  pthread_t thread;
  if (pthread_create(&thread, NULL, count_one, &other) != 0) exit(1);
  count_one(&both);
  pthread_join(thread, NULL);
  return (both.took + other.took) / 2;
}

static double read_back(mlcm_context *ctx, const char *dir) {
  mlcm_error err;
  const double begun = now_ns();
  for (int i = 0; i < READS; i++) {
    mlcm__meter_snapshot *s = NULL;
    must(mlcm__meter_read(ctx, dir, 1, &s, &err), &err);
    mlcm__meter_snapshot_free(s);
  }
  return (now_ns() - begun) / READS / 1e3;
}

static void print_bar(const char *name, const char *unit, double ours, double theirs, double goal) {
  char opponent_text[64] = "null,\"ratio\":null";
  if (theirs > 0) snprintf(opponent_text, sizeof opponent_text, "%.1f,\"ratio\":%.2f", theirs, ours / theirs);
  printf("{\"name\":\"%s\",\"unit\":\"%s\",\"ours\":%.1f,\"theirs\":%s,\"goal\":\"<= %g\",\"ok\":%s}\n", name, unit, ours,
         opponent_text, goal, ours <= goal ? "true" : "false");
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
  (void)info;
  (void)type;
  (void)ftw;
  return remove(path);
}

int main(void) {
  char dir[] = "/tmp/mlcm-bench-XXXXXX";
  double ours[ROUNDS], theirs[ROUNDS], ours_2[ROUNDS], theirs_2[ROUNDS], reads[ROUNDS];
  mlcm_context *ctx = NULL;
  mlcm__meter *meter = NULL;
  mlcm__process self;
  mlcm_error err;
  uint32_t cell[CELLS];
  uint32_t wrong = 0;
  if (mkdtemp(dir) == NULL) return 1;
  make_latencies();
  must(mlcm_context_new(NULL, &ctx, &err), &err);
  must(mlcm__process_self(ctx, &self, &err), &err);
  must(mlcm__meter_open(ctx, dir, 1, &self, &meter, &err), &err);
  for (uint64_t i = 0; i < CELLS; i++) must(mlcm__meter_cell(meter, 1 + (int64_t)i % 2, 1 + i / 2, &cell[i], &err), &err);
  must(mlcm__meter_outcome_index(meter, "wrong", &wrong, &err), &err);
  for (int r = 0; r < ROUNDS; r++) {
    ours[r] = count_ours(meter, cell[r % CELLS], wrong);
    theirs[r] = count_theirs();
    ours_2[r] = count_together((pair){.meter = meter, .cell = cell[r % CELLS], .outcome = wrong});
    theirs_2[r] = count_together((pair){.meter = NULL});
    reads[r] = read_back(ctx, dir);
  }
  print_bar("meter: complete plus outcome", "ns", median(ours), median(theirs), 50);
  print_bar("meter: complete plus outcome, 2 threads", "ns", median(ours_2), median(theirs_2), 50);
  print_bar("meter: read 4 cells of one process", "us", median(reads), 0, 2000);
  mlcm__meter_close(meter);
  mlcm_context_free(ctx);
  return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
