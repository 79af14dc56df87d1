/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keyset.c - each key is first once, over threads and processes.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metric/keyset.h"
#include "support/fault.h"
#include "support/suite.h"
#include "support/temp_dir.h"

static mlcm__keyset *open_set(mlcm_context *ctx, const char *dir, const char *rollout, const char *signal) {
  mlcm__keyset *set = NULL;
  mlcm_error err;
  mlcm_status st = mlcm__keyset_open(ctx, dir, rollout, signal, &set, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  return set;
}

/* Hashes as a key hash would be. */
static uint64_t hash_of(uint64_t i) {
  i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
  i = (i ^ (i >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  i = (i ^ (i >> 27)) * UINT64_C(0x94d049bb133111eb);
  return i ^ (i >> 31);
}

START_TEST(a_key_is_first_once_also_after_opening_again) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  mlcm__keyset *set = open_set(ctx, dir, "7", "complete");
  ck_assert(mlcm__keyset_first(set, 42));
  ck_assert(!mlcm__keyset_first(set, 42));
  ck_assert(mlcm__keyset_first(set, 43));
  mlcm__keyset_close(set);
  set = open_set(ctx, dir, "7", "complete");
  ck_assert(!mlcm__keyset_first(set, 42));
  ck_assert_uint_eq(mlcm__keyset_count(set), 2);
  mlcm__keyset_close(set);
  mlcm__keyset_close(NULL);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(rollouts_and_signals_do_not_touch_each_other) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  const char *const names[][2] = {
      {"7", "complete"}, {"7", "outcome.wrong"}, {"8", "complete"}, {"7-complete", "x"}, {"7", "complete-x"}};
  for (size_t i = 0; i < 5; i++) {
    mlcm__keyset *set = open_set(ctx, dir, names[i][0], names[i][1]);
    ck_assert(mlcm__keyset_first(set, 42));
    mlcm__keyset_close(set);
  }
  ck_assert_uint_eq(test_count_entries(dir), 5);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(ten_thousand_keys_lose_less_than_one_in_a_hundred) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  mlcm__keyset *set = open_set(ctx, dir, "1", "s");
  uint32_t firsts = 0;
  for (uint64_t i = 0; i < 10000; i++) firsts += mlcm__keyset_first(set, hash_of(i));
  ck_assert_uint_gt(firsts, 9900); /* 47.5 collisions are expected */
  ck_assert_uint_eq(mlcm__keyset_count(set), firsts);
  for (uint64_t i = 0; i < 10000; i++) ck_assert(!mlcm__keyset_first(set, hash_of(i)));
  mlcm__keyset_close(set);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(hashes_that_differ_in_any_one_bit_have_bits_of_their_own) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  mlcm__keyset *set = open_set(ctx, dir, "1", "s");
  for (int bit = 0; bit < 64; bit++) ck_assert_msg(mlcm__keyset_first(set, UINT64_C(1) << bit), "bit %d", bit);
  mlcm__keyset_close(set);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

enum { N_WORKERS = 4, N_KEYS = 20000 };

typedef struct worker {
  mlcm__keyset *set;
  uint32_t firsts;
} worker;

static void *try_all(void *user) {
  worker *w = user;
  for (uint64_t i = 0; i < N_KEYS; i++) w->firsts += mlcm__keyset_first(w->set, hash_of(i));
  return NULL;
}

START_TEST(threads_share_the_firsts) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  worker workers[N_WORKERS] = {{NULL, 0}};
  pthread_t threads[N_WORKERS];
  uint32_t firsts = 0;
  mlcm__keyset *set = open_set(ctx, dir, "1", "s");
  for (int i = 0; i < N_WORKERS; i++) workers[i].set = set;
  for (int i = 0; i < N_WORKERS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, try_all, &workers[i]), 0);
  for (int i = 0; i < N_WORKERS; i++) {
    pthread_join(threads[i], NULL);
    firsts += workers[i].firsts;
  }
  ck_assert_uint_eq(firsts, mlcm__keyset_count(set));
  mlcm__keyset_close(set);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(processes_that_open_it_at_the_same_moment_share_the_firsts) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  int counts[2];
  uint32_t firsts = 0;
  ck_assert_int_eq(pipe(counts), 0);
  for (int i = 0; i < N_WORKERS; i++) {
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0) continue;
    worker w = {NULL, 0};
    if (mlcm__keyset_open(ctx, dir, "1", "s", &w.set, NULL)) _exit(1);
    try_all(&w);
    _exit(write(counts[1], &w.firsts, sizeof w.firsts) == (ssize_t)sizeof w.firsts ? 0 : 1);
  }
  for (int i = 0; i < N_WORKERS; i++) {
    uint32_t n = 0;
    ck_assert_int_eq(read(counts[0], &n, sizeof n), (ssize_t)sizeof n);
    firsts += n;
  }
  for (int i = 0; i < N_WORKERS; i++) {
    int status = 0;
    ck_assert_int_gt(wait(&status), 0);
    ck_assert_int_eq(status, 0);
  }
  mlcm__keyset *set = open_set(ctx, dir, "1", "s");
  ck_assert_uint_eq(firsts, mlcm__keyset_count(set));
  ck_assert_uint_eq(test_count_entries(dir), 1);
  mlcm__keyset_close(set);
  close(counts[0]);
  close(counts[1]);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(names_outside_the_alphabet_are_refused) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__keyset *set = NULL;
  char longer[102];
  memset(longer, 'a', sizeof longer);
  longer[101] = 0;
  const char *const bad[] = {"", "a/b", "a+b", "..\n", "a b", longer};
  for (size_t i = 0; i < 6; i++) {
    ck_assert_int_eq(mlcm__keyset_open(ctx, "/nowhere", bad[i], "s", &set, NULL), MLCM_INVALID_ARGUMENT);
    ck_assert_int_eq(mlcm__keyset_open(ctx, "/nowhere", "r", bad[i], &set, NULL), MLCM_INVALID_ARGUMENT);
    ck_assert_int_eq(mlcm__keyset_remove(ctx, "/nowhere", bad[i], NULL), MLCM_INVALID_ARGUMENT);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_file_that_is_no_key_set_is_an_error_that_names_it) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  char *path = test_path(dir, "keys+1+s");
  mlcm__keyset *set = NULL;
  mlcm_error err;
  const char *const contents[] = {"", "something else", "mlcmkeys"};
  for (size_t i = 0; i < 3; i++) {
    test_write_file(path, contents[i], strlen(contents[i]));
    ck_assert_int_eq(mlcm__keyset_open(ctx, dir, "1", "s", &set, &err), MLCM_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "keys+1+s"));
  }
  ck_assert_int_eq(truncate(path, 4096 + (1 << 17)), 0); /* right size, wrong header */
  ck_assert_int_eq(mlcm__keyset_open(ctx, dir, "1", "s", &set, &err), MLCM_CORRUPT);
  ck_assert_int_eq(truncate(path, 8192), 0); /* neither */
  ck_assert_int_eq(mlcm__keyset_open(ctx, dir, "1", "s", &set, NULL), MLCM_CORRUPT);
  free(path);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(removing_takes_all_signals_of_one_rollout) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  mlcm__keyset *kept = open_set(ctx, dir, "1", "a");
  mlcm__keyset_close(open_set(ctx, dir, "1", "b"));
  mlcm__keyset_close(open_set(ctx, dir, "11", "a"));
  ck_assert_int_eq(mlcm__keyset_remove(ctx, dir, "1", NULL), MLCM_OK);
  ck_assert_uint_eq(test_count_entries(dir), 1);
  ck_assert(mlcm__keyset_first(kept, 1)); /* open ones go on */
  mlcm__keyset_close(kept);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status odd_are_over(void *user, const char *rollout, bool *out, mlcm_error *err) {
  (*(int *)user)++;
  *out = atoi(rollout) % 2 != 0;
  return strcmp(rollout, "stop") == 0 ? mlcm__fail(err, MLCM_IO, "stop") : MLCM_OK;
}

START_TEST(a_sweep_takes_the_rollouts_that_are_over_and_nothing_else) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  char *strange = test_path(dir, "keys+1");
  int asked = 0;
  char *other = test_path(dir, "meter"), long_name[160] = "keys+";
  memset(long_name + 5, 'r', 130);
  memcpy(long_name + 135, "+s", 3);
  char *too_long = test_path(dir, long_name);
  test_write_file(strange, "x", 1);
  test_write_file(other, "x", 1);
  test_write_file(too_long, "x", 1);
  for (int i = 0; i < 4; i++) {
    char rollout[8];
    snprintf(rollout, sizeof rollout, "%d", i);
    mlcm__keyset_close(open_set(ctx, dir, rollout, "a"));
  }
  ck_assert_int_eq(mlcm__keyset_sweep(ctx, dir, odd_are_over, &asked, NULL), MLCM_OK);
  ck_assert_int_eq(asked, 4);
  ck_assert_uint_eq(test_count_entries(dir), 5);
  mlcm__keyset_close(open_set(ctx, dir, "stop", "a"));
  ck_assert_int_eq(mlcm__keyset_sweep(ctx, dir, odd_are_over, &asked, NULL), MLCM_IO);
  free(too_long);
  free(other);
  free(strange);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status use(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__keyset *set = NULL;
  mlcm_status st = mlcm__keyset_open(ctx, user, "1", "s", &set, err);
  if (!st) mlcm__keyset_first(set, 1);
  mlcm__keyset_close(set);
  return st ? st : mlcm__keyset_remove(ctx, user, "1", err);
}

/* Whatever failed, the set can be had afterwards; then it is taken away, so that the next run makes it anew. */
static void usable(void *user) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__keyset_close(open_set(ctx, user, "1", "s"));
  ck_assert_int_eq(mlcm__keyset_remove(ctx, user, "1", NULL), MLCM_OK);
  ck_assert_uint_eq(test_count_entries(user), 0);
  mlcm_context_free(ctx);
}

START_TEST(failing_memory_and_disk_leave_it_usable) {
  char *dir = test_temp_dir();
  ck_assert_uint_gt(test_fault_memory(use, usable, dir), 3);
  ck_assert_uint_gt(test_fault_io(use, usable, dir), 8);
  test_temp_dir_remove(dir);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_key_is_first_once_also_after_opening_again,
                          rollouts_and_signals_do_not_touch_each_other,
                          ten_thousand_keys_lose_less_than_one_in_a_hundred,
                          hashes_that_differ_in_any_one_bit_have_bits_of_their_own,
                          threads_share_the_firsts,
                          processes_that_open_it_at_the_same_moment_share_the_firsts,
                          names_outside_the_alphabet_are_refused,
                          a_file_that_is_no_key_set_is_an_error_that_names_it,
                          removing_takes_all_signals_of_one_rollout,
                          a_sweep_takes_the_rollouts_that_are_over_and_nothing_else,
                          failing_memory_and_disk_leave_it_usable};
  return TEST_RUN("metric_keyset", tests);
}
