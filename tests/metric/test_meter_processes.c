/* SPDX-License-Identifier: Apache-2.0
 *
 * test_meter_processes.c - several processes count for one endpoint; some are killed; the reader sums exactly what they counted.
 *
 * Each writer tells through a pipe how many rounds it has done; the test waits for words on pipes, never for time to pass.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metric/meter.h"
#include "support/fault.h"
#include "support/suite.h"
#include "support/temp_dir.h"

static const uint64_t endpoint = 77;

enum { N_WRITERS = 5, ROUNDS = 3000 };

/* What a writer counts: `rounds` requests of version 1 or 2, every tenth an error, every third a wrong answer. */
static mlcm_status write_rounds(mlcm_context *ctx, const char *dir, int rounds, uint64_t epoch, mlcm__meter **out) {
  mlcm__process self;
  mlcm__meter *meter = NULL;
  uint32_t cell[2];
  uint32_t wrong = 0;
  mlcm_status st = mlcm__process_self(ctx, &self, NULL);
  if (!st) st = mlcm__meter_open(ctx, dir, endpoint, &self, &meter, NULL);
  if (!st) st = mlcm__meter_cell(meter, 1, epoch, &cell[0], NULL);
  if (!st) st = mlcm__meter_cell(meter, 2, epoch, &cell[1], NULL);
  if (!st) st = mlcm__meter_outcome_index(meter, "wrong", &wrong, NULL);
  for (int i = 0; !st && i < rounds; i++) {
    const uint32_t c = cell[i % 2];
    mlcm__meter_route(meter, c, MLCM__SCOPE_KEY);
    mlcm__meter_complete(meter, c, MLCM__SCOPE_KEY, 1000000 + i, i % 10 != 0);
    mlcm__meter_outcome(meter, c, MLCM__SCOPE_KEY, wrong, i % 3 == 0);
  }
  *out = meter;
  return st;
}

static pid_t start_writer(mlcm_context *ctx, const char *dir, int rounds, int tell) {
  const pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid > 0) return pid;
  mlcm__meter *meter = NULL; /* never closed */
  if (write_rounds(ctx, dir, rounds, 1, &meter) || write(tell, "d", 1) != 1) _exit(1);
  for (;;) pause();
}

static void kill_writer(pid_t pid) {
  int status = 0;
  ck_assert_int_eq(kill(pid, SIGKILL), 0);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFSIGNALED(status)); /* it had not failed before */
}

static void wait_for_words(int fd, int n) {
  char word;
  for (int i = 0; i < n; i++) ck_assert_int_eq(read(fd, &word, 1), 1);
}

static mlcm__meter_snapshot *read_all(mlcm_context *ctx, const char *dir) {
  mlcm__meter_snapshot *s = NULL;
  mlcm_error err;
  mlcm_status st = mlcm__meter_read(ctx, dir, endpoint, &s, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  return s;
}

static void check_sums(const mlcm__meter_snapshot *s) {
  for (int64_t version = 1; version <= 2; version++) {
    const mlcm__meter_sum *sum = &mlcm__meter_find(s, version, 1)->scope[MLCM__SCOPE_REQUEST];
    uint64_t errors = 0;
    uint64_t bad = 0;
    uint64_t ns = 0;
    for (int i = (int)version - 1; i < ROUNDS; i += 2) {
      errors += i % 10 == 0;
      bad += i % 3 == 0;
      ns += (uint64_t)(1000000 + i);
    }
    ck_assert_uint_eq(sum->routed, N_WRITERS * ROUNDS / 2);
    ck_assert_uint_eq(sum->completed, N_WRITERS * ROUNDS / 2);
    ck_assert_uint_eq(sum->errors, N_WRITERS * errors);
    ck_assert_uint_eq(sum->latency.sum_ns, N_WRITERS * ns);
    ck_assert_uint_eq(sum->outcome[0].n, N_WRITERS * ROUNDS / 2);
    ck_assert_uint_eq(sum->outcome[0].bad, N_WRITERS * bad);
  }
}

START_TEST(sums_over_processes_are_exact_and_survive_kill_9) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  int words[2];
  pid_t pids[N_WRITERS];
  ck_assert_int_eq(pipe(words), 0);
  for (int i = 0; i < N_WRITERS; i++) pids[i] = start_writer(ctx, dir, ROUNDS, words[1]);
  wait_for_words(words[0], N_WRITERS);
  mlcm__meter_snapshot *s = read_all(ctx, dir);
  check_sums(s);
  ck_assert_uint_eq(s->n_processes, N_WRITERS);
  ck_assert_uint_eq(mlcm__meter_n_alive(s), N_WRITERS);
  mlcm__meter_snapshot_free(s);
  for (int i = 0; i < N_WRITERS; i++) {
    kill_writer(pids[i]);
    s = read_all(ctx, dir);
    check_sums(s);
    ck_assert_uint_eq(mlcm__meter_n_alive(s), (size_t)(N_WRITERS - 1 - i));
    mlcm__meter_snapshot_free(s);
  }
  size_t removed = 0;
  ck_assert_int_eq(mlcm__meter_sweep(ctx, dir, endpoint, INT64_MAX / 2, 0, 2, &removed, NULL), MLCM_OK);
  ck_assert_uint_eq(removed, N_WRITERS);
  ck_assert_uint_eq(test_count_entries(dir), 0);
  close(words[0]);
  close(words[1]);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

/* Counts without end; says so once it has begun. */
static void count_for_ever(mlcm_context *ctx, const char *dir, int tell) {
  mlcm__process self;
  mlcm__meter *meter = NULL;
  uint32_t cell = 0;
  mlcm_status st = mlcm__process_self(ctx, &self, NULL);
  if (!st) st = mlcm__meter_open(ctx, dir, endpoint, &self, &meter, NULL);
  if (!st) st = mlcm__meter_cell(meter, 1, 1, &cell, NULL);
  for (uint64_t i = 0; !st; i++) {
    mlcm__meter_route(meter, cell, MLCM__SCOPE_KEY);
    mlcm__meter_complete(meter, cell, MLCM__SCOPE_KEY, (int64_t)(i % 1000000), true);
    if (i == 100 && write(tell, "c", 1) != 1) st = MLCM_IO;
  }
  _exit(1);
}

START_TEST(killed_in_the_middle_of_counting_the_sums_only_ever_grow_and_stay) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  int words[2];
  uint64_t before = 0;
  ck_assert_int_eq(pipe(words), 0);
  for (int round = 0; round < 8; round++) {
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) count_for_ever(ctx, dir, words[1]);
    wait_for_words(words[0], 1);
    for (int i = 0; i < 20; i++) {
      mlcm__meter_snapshot *s = read_all(ctx, dir);
      const mlcm__meter_sum *sum = &mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_KEY];
      ck_assert_uint_ge(sum->routed, before);
      before = sum->routed;
      mlcm__meter_snapshot_free(s);
    }
    kill_writer(pid);
    mlcm__meter_snapshot *s = read_all(ctx, dir);
    const mlcm__meter_sum *sum = &mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_KEY];
    ck_assert_uint_le(sum->routed - sum->completed, (uint64_t)round + 1); /* at most one request a killed process was cut off */
    before = sum->routed;
    mlcm__meter_snapshot_free(s);
    s = read_all(ctx, dir);
    ck_assert_uint_eq(mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_KEY].routed, before);
    mlcm__meter_snapshot_free(s);
  }
  close(words[0]);
  close(words[1]);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(killed_while_opening_nothing_unreadable_is_left) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  int words[2];
  ck_assert_int_eq(pipe(words), 0);
  for (int round = 0; round < 40; round++) {
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) { /* opens and closes under ever new epochs until the kill comes */
      if (write(words[1], "o", 1) != 1) _exit(1);
      for (uint64_t epoch = 1;; epoch++) {
        mlcm__meter *meter = NULL;
        if (write_rounds(ctx, dir, 2, epoch, &meter)) _exit(1);
        mlcm__meter_close(meter);
      }
    }
    wait_for_words(words[0], 1);
    if (round % 2) mlcm__meter_snapshot_free(read_all(ctx, dir));
    kill_writer(pid);
    mlcm__meter_snapshot_free(read_all(ctx, dir));
    ck_assert_int_eq(mlcm__meter_sweep(ctx, dir, endpoint, INT64_MAX / 2, 0, UINT64_MAX, NULL, NULL), MLCM_OK);
    ck_assert_uint_eq(test_count_entries(dir), 0);
  }
  close(words[0]);
  close(words[1]);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {sums_over_processes_are_exact_and_survive_kill_9,
                          killed_in_the_middle_of_counting_the_sums_only_ever_grow_and_stay,
                          killed_while_opening_nothing_unreadable_is_left};
  return TEST_RUN("metric_meter_processes", tests);
}
