/* SPDX-License-Identifier: Apache-2.0
 *
 * test_meter.c - meters within one process: what is counted is what a reader sums; files made, taken up again, damaged, swept.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "metric/meter_fixture.h"
#include "support/fake_clock.h"
#include "support/suite.h"

static const uint64_t endpoint = UINT64_C(0x00ab12cd34ef5678);

static mlcm__meter *open_meter(const room *r) { return open_meter_of(r, endpoint); }

static uint32_t cell_of(mlcm__meter *meter, int64_t version, uint64_t epoch) {
  uint32_t cell = 0;
  mlcm_error err;
  mlcm_status st = mlcm__meter_cell(meter, version, epoch, &cell, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  return cell;
}

static uint32_t outcome_of(mlcm__meter *meter, const char *name) {
  uint32_t index = 0;
  ck_assert_int_eq(mlcm__meter_outcome_index(meter, name, &index, NULL), MLCM_OK);
  return index;
}

static mlcm__meter_snapshot *read_all(const room *r) {
  mlcm__meter_snapshot *s = NULL;
  mlcm_error err;
  mlcm_status st = mlcm__meter_read(r->ctx, r->dir, endpoint, &s, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  return s;
}

/* The name of the first file the process has for the endpoint. */
static char *first_file(const room *r) {
  const mlcm__meter_file_id id = {.endpoint_id = endpoint, .process = r->self};
  char name[MLCM__METER_FILE_NAME];
  mlcm__meter_file_name(&id, name);
  return test_path(r->dir, name);
}

/* ---- Counting ------------------------------------------------------------------------------------------------------ */

START_TEST(each_event_is_summed_under_its_scope_and_request_includes_key) {
  room r = open_room();
  mlcm__meter *meter = open_meter(&r);
  const uint32_t cell = cell_of(meter, 3, 7);
  const uint32_t wrong = outcome_of(meter, "wrong");
  mlcm__meter_route(meter, cell, MLCM__SCOPE_KEY);
  mlcm__meter_complete(meter, cell, MLCM__SCOPE_KEY, 2000000, true);
  mlcm__meter_outcome(meter, cell, MLCM__SCOPE_KEY, wrong, 1);
  for (int i = 0; i < 3; i++) {
    mlcm__meter_route(meter, cell, MLCM__SCOPE_REQUEST);
    mlcm__meter_complete(meter, cell, MLCM__SCOPE_REQUEST, 4000000, i > 0);
    mlcm__meter_outcome(meter, cell, MLCM__SCOPE_REQUEST, wrong, 0);
  }
  mlcm__meter_route(meter, cell, MLCM__SCOPE_OVERRIDE);
  mlcm__meter_snapshot *s = read_all(&r);
  const mlcm__meter_cell_sum *sum = mlcm__meter_find(s, 3, 7);
  ck_assert_ptr_nonnull(sum);
  const mlcm__meter_sum *request = &sum->scope[MLCM__SCOPE_REQUEST];
  const mlcm__meter_sum *key = &sum->scope[MLCM__SCOPE_KEY];
  const int32_t at = mlcm__meter_find_outcome(s, "wrong");
  ck_assert_int_eq(at, 0);
  ck_assert_uint_eq(request->routed, 4);
  ck_assert_uint_eq(request->completed, 4);
  ck_assert_uint_eq(request->errors, 1);
  ck_assert_uint_eq(request->latency.count, 4);
  ck_assert_uint_eq(request->latency.sum_ns, 14000000);
  ck_assert_uint_eq(request->outcome[at].n, 4);
  ck_assert_uint_eq(request->outcome[at].bad, 1);
  ck_assert_uint_eq(key->routed, 1);
  ck_assert_uint_eq(key->completed, 1);
  ck_assert_uint_eq(key->errors, 0);
  ck_assert_uint_eq(key->latency.bucket[mlcm__histogram_bucket_ns(2000000)], 1);
  ck_assert_uint_eq(key->outcome[at].bad, 1);
  ck_assert_uint_eq(sum->scope[MLCM__SCOPE_OVERRIDE].routed, 1);
  ck_assert_uint_eq(sum->scope[MLCM__SCOPE_OVERRIDE].completed, 0);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

START_TEST(latencies_out_of_range_are_completed_all_the_same) {
  room r = open_room();
  mlcm__meter *meter = open_meter(&r);
  const uint32_t cell = cell_of(meter, 1, 1);
  const int64_t latencies[] = {-1, 0, 5000, INT64_MAX};
  for (size_t i = 0; i < 4; i++) mlcm__meter_complete(meter, cell, MLCM__SCOPE_KEY, latencies[i], true);
  mlcm__meter_snapshot *s = read_all(&r);
  const mlcm__meter_sum *sum = &mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_KEY];
  ck_assert_uint_eq(sum->completed, 4);
  ck_assert_uint_eq(sum->latency.count, 3);
  ck_assert_uint_eq(sum->latency.invalid, 1);
  ck_assert_uint_eq(sum->latency.underflow, 1);
  ck_assert_uint_eq(sum->latency.overflow, 1);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

START_TEST(a_score_is_summed_and_what_is_no_number_is_kept_apart) {
  room r = open_room();
  mlcm__meter *meter = open_meter(&r);
  const uint32_t cell = cell_of(meter, 1, 1);
  const uint32_t score = outcome_of(meter, "score");
  const double values[] = {0, 1, 0.25, -2.5, 1e10, NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < 8; i++) mlcm__meter_outcome(meter, cell, MLCM__SCOPE_REQUEST, score, values[i]);
  mlcm__meter_snapshot *s = read_all(&r);
  const mlcm__outcome_sum *sum = &mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_REQUEST].outcome[0];
  ck_assert_uint_eq(sum->n, 5);
  ck_assert_uint_eq(sum->bad, 4);
  ck_assert_uint_eq(sum->invalid, 3);
  ck_assert_double_eq(sum->sum, 1e10 - 1.25);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

typedef struct hammer {
  mlcm__meter *meter;
  uint32_t cell;
  uint32_t outcome;
} hammer;

enum { HAMMER_THREADS = 4, HAMMER_ROUNDS = 20000 };

static void *hammer_run(void *user) {
  const hammer *h = user;
  for (int i = 0; i < HAMMER_ROUNDS; i++) {
    mlcm__meter_route(h->meter, h->cell, MLCM__SCOPE_KEY);
    mlcm__meter_complete(h->meter, h->cell, MLCM__SCOPE_KEY, 1000 + i, i % 10 != 0);
    mlcm__meter_outcome(h->meter, h->cell, MLCM__SCOPE_KEY, h->outcome, i % 4 == 0 ? 0.5 : i % 2);
  }
  return NULL;
}

START_TEST(threads_lose_nothing) {
  room r = open_room();
  hammer h = {.meter = open_meter(&r)};
  pthread_t threads[HAMMER_THREADS];
  h.cell = cell_of(h.meter, 1, 1);
  h.outcome = outcome_of(h.meter, "wrong");
  for (int i = 0; i < HAMMER_THREADS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer_run, &h), 0);
  for (int i = 0; i < HAMMER_THREADS; i++) pthread_join(threads[i], NULL);
  mlcm__meter_snapshot *s = read_all(&r);
  const mlcm__meter_sum *sum = &mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_REQUEST];
  const uint64_t all = (uint64_t)HAMMER_THREADS * HAMMER_ROUNDS;
  ck_assert_uint_eq(sum->routed, all);
  ck_assert_uint_eq(sum->completed, all);
  ck_assert_uint_eq(sum->errors, all / 10);
  ck_assert_uint_eq(sum->outcome[0].n, all);
  ck_assert_uint_eq(sum->outcome[0].bad, all / 4 + all / 2);
  ck_assert_double_eq(sum->outcome[0].sum, (double)(all / 8 + all / 2));
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(h.meter);
  close_room(&r);
}
END_TEST

static void *claim_run(void *user) {
  const hammer *h = user;
  for (int64_t v = 1; v <= 40; v++) mlcm__meter_route(h->meter, cell_of(h->meter, v, 1), MLCM__SCOPE_KEY);
  for (char c = 'a'; c < 'a' + MLCM__METER_OUTCOMES; c++) outcome_of(h->meter, (char[]){c, 0});
  return NULL;
}

START_TEST(threads_that_claim_the_same_cells_get_the_same_ones) {
  room r = open_room();
  hammer h = {.meter = open_meter(&r)};
  pthread_t threads[HAMMER_THREADS];
  for (int i = 0; i < HAMMER_THREADS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, claim_run, &h), 0);
  for (int i = 0; i < HAMMER_THREADS; i++) pthread_join(threads[i], NULL);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_cells, 40);
  ck_assert_uint_eq(s->n_outcomes, MLCM__METER_OUTCOMES);
  for (size_t i = 0; i < 40; i++) ck_assert_uint_eq(s->cells[i]->scope[MLCM__SCOPE_KEY].routed, HAMMER_THREADS);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(h.meter);
  close_room(&r);
}
END_TEST

/* ---- Cells, outcomes, files ---------------------------------------------------------------------------------------- */

START_TEST(a_cell_is_found_again_and_knows_its_key) {
  room r = open_room();
  mlcm__meter *meter = open_meter(&r);
  const uint32_t a = cell_of(meter, 3, 7);
  const uint32_t b = cell_of(meter, 3, 8);
  ck_assert_uint_ne(a, b);
  ck_assert_uint_eq(cell_of(meter, 3, 7), a);
  ck_assert(mlcm__meter_cell_is(meter, a, 3, 7));
  ck_assert(!mlcm__meter_cell_is(meter, a, 3, 8));
  ck_assert(!mlcm__meter_cell_is(meter, b + 1, 0, 0));
  ck_assert(!mlcm__meter_cell_is(meter, UINT32_MAX, 3, 7));
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

START_TEST(cells_beyond_one_file_go_into_a_further_one) {
  room r = open_room();
  mlcm__meter *meter = open_meter(&r);
  outcome_of(meter, "wrong");
  for (uint64_t epoch = 1; epoch <= MLCM__METER_CELLS + 3; epoch++) {
    const uint32_t cell = cell_of(meter, 1, epoch);
    ck_assert(mlcm__meter_cell_is(meter, cell, 1, epoch));
    mlcm__meter_outcome(meter, cell, MLCM__SCOPE_KEY, outcome_of(meter, "wrong"), 1);
    mlcm__meter_outcome(meter, cell, MLCM__SCOPE_KEY, outcome_of(meter, epoch > 100 ? "late" : "wrong"), 1);
  }
  ck_assert_uint_eq(test_count_entries(r.dir), 2);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_cells, MLCM__METER_CELLS + 3);
  ck_assert_uint_eq(s->n_processes, 1);
  for (size_t i = 0; i < s->n_cells; i++) {
    ck_assert_uint_eq(s->cells[i]->epoch, i + 1);
    ck_assert_uint_eq(s->cells[i]->scope[MLCM__SCOPE_KEY].outcome[0].bad, i + 1 > 100 ? 1 : 2);
    ck_assert_uint_eq(s->cells[i]->scope[MLCM__SCOPE_KEY].outcome[1].bad, i + 1 > 100 ? 1 : 0);
  }
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

START_TEST(outcome_names_are_checked_and_limited) {
  room r = open_room();
  mlcm__meter *meter = open_meter(&r);
  mlcm_error err;
  uint32_t index = 99;
  const char *const bad[] = {"", "a b", "a/b", "\xc3\xa9", "a234567890123456789012345678901234567890123456789"};
  for (size_t i = 0; i < 5; i++) ck_assert_int_eq(mlcm__meter_outcome_index(meter, bad[i], &index, &err), MLCM_INVALID_ARGUMENT);
  for (char c = 'a'; c < 'a' + MLCM__METER_OUTCOMES; c++)
    ck_assert_uint_eq(outcome_of(meter, (char[]){c, 0}), (uint32_t)(c - 'a'));
  ck_assert_uint_eq(outcome_of(meter, "c"), 2);
  ck_assert_int_eq(mlcm__meter_outcome_index(meter, "ninth", &index, &err), MLCM_LIMIT);
  ck_assert_ptr_nonnull(strstr(err.message, "8 kinds"));
  ck_assert_uint_eq(index, 99);
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

START_TEST(a_file_without_a_cell_goes_away_at_close) {
  room r = open_room();
  mlcm__meter_close(open_meter(&r));
  mlcm__meter_close(NULL);
  ck_assert_uint_eq(test_count_entries(r.dir), 0);
  close_room(&r);
}
END_TEST

START_TEST(a_later_handle_goes_on_with_the_counters) {
  room r = open_room();
  for (int i = 0; i < 3; i++) {
    mlcm__meter *meter = open_meter(&r);
    mlcm__meter_route(meter, cell_of(meter, 1, 1), MLCM__SCOPE_KEY);
    mlcm__meter_close(meter);
  }
  ck_assert_uint_eq(test_count_entries(r.dir), 1);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_KEY].routed, 3);
  mlcm__meter_snapshot_free(s);
  close_room(&r);
}
END_TEST

START_TEST(two_handles_at_a_time_have_files_of_their_own) {
  room r = open_room();
  mlcm__meter *a = open_meter(&r);
  mlcm__meter *b = open_meter(&r);
  outcome_of(a, "wrong");
  outcome_of(b, "late");
  const uint32_t b_wrong = outcome_of(b, "wrong");
  mlcm__meter_outcome(a, cell_of(a, 1, 1), MLCM__SCOPE_KEY, 0, 1);
  mlcm__meter_outcome(b, cell_of(b, 1, 1), MLCM__SCOPE_KEY, b_wrong, 1);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_processes, 1);
  ck_assert_uint_eq(mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_KEY].outcome[mlcm__meter_find_outcome(s, "wrong")].bad, 2);
  ck_assert_int_eq(mlcm__meter_find_outcome(s, "other"), -1);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(a);
  mlcm__meter_close(b);
  close_room(&r);
}
END_TEST

START_TEST(a_left_file_with_other_outcome_names_is_passed_over) {
  room r = open_room();
  mlcm__meter *a = open_meter(&r);
  mlcm__meter *b = open_meter(&r);
  outcome_of(b, "theirs");
  cell_of(b, 9, 9);
  mlcm__meter_close(b); /* number 1 is free now, with a name that a does not have */
  outcome_of(a, "ours");
  for (uint64_t epoch = 1; epoch <= MLCM__METER_CELLS + 1; epoch++) cell_of(a, 1, epoch);
  ck_assert_uint_eq(test_count_entries(r.dir), 3);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_cells, MLCM__METER_CELLS + 2);
  ck_assert_uint_eq(s->n_outcomes, 2);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(a);
  close_room(&r);
}
END_TEST

START_TEST(files_have_the_folders_mode_without_execution) {
  room r = open_room();
  struct stat info;
  ck_assert_int_eq(chmod(r.dir, 0700), 0);
  mlcm__meter *a = open_meter(&r);
  char *path = first_file(&r);
  ck_assert_int_eq(stat(path, &info), 0);
  ck_assert_uint_eq(info.st_mode & 07777, 0600);
  mlcm__meter_close(a);
  ck_assert_int_eq(chmod(r.dir, 0770), 0);
  a = open_meter(&r);
  ck_assert_int_eq(stat(path, &info), 0);
  ck_assert_uint_eq(info.st_mode & 07777, 0660);
  ck_assert_int_eq(info.st_size % MLCM__METER_PAGE, 0);
  ck_assert_int_lt(info.st_blocks * 512, 64 * 1024); /* sparse */
  mlcm__meter_close(a);
  free(path);
  close_room(&r);
}
END_TEST

START_TEST(a_cells_disk_space_is_set_aside_when_it_is_claimed) {
  room r = open_room();
  struct stat before, after;
  mlcm__meter *meter = open_meter(&r);
  char *path = first_file(&r);
  ck_assert_int_eq(stat(path, &before), 0);
  cell_of(meter, 1, 1);
  ck_assert_int_eq(stat(path, &after), 0);
  ck_assert_int_ge((after.st_blocks - before.st_blocks) * 512, MLCM__METER_SHARD_BYTES);
  mlcm__meter_close(meter);
  free(path);
  close_room(&r);
}
END_TEST

START_TEST(a_missing_folder_is_made_for_writing_and_empty_for_reading) {
  room r = open_room();
  char *inner = test_path(r.dir, "run");
  mlcm__meter_snapshot *s = NULL;
  mlcm__meter *meter = NULL;
  ck_assert_int_eq(mlcm__meter_read(r.ctx, inner, endpoint, &s, NULL), MLCM_OK);
  ck_assert_uint_eq(s->n_cells + s->n_processes, 0);
  mlcm__meter_snapshot_free(s);
  ck_assert_int_eq(mlcm__meter_sweep(r.ctx, inner, endpoint, 0, 0, 0, NULL, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__meter_open(r.ctx, inner, endpoint, &r.self, &meter, NULL), MLCM_OK);
  mlcm__meter_close(meter);
  free(inner);
  close_room(&r);
}
END_TEST

START_TEST(only_the_endpoints_own_files_are_read) {
  room r = open_room();
  mlcm__meter *other = NULL;
  ck_assert_int_eq(mlcm__meter_open(r.ctx, r.dir, endpoint + 1, &r.self, &other, NULL), MLCM_OK);
  mlcm__meter_route(other, cell_of(other, 1, 1), MLCM__SCOPE_KEY);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_cells, 0);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(other);
  close_room(&r);
}
END_TEST

START_TEST(cells_come_sorted_by_epoch_and_version) {
  room r = open_room();
  mlcm__meter *meter = open_meter(&r);
  const struct {
    int64_t version;
    uint64_t epoch;
  } keys[] = {{2, 9}, {1, 9}, {5, 1}, {-3, 9}, {1, UINT64_MAX}, {7, 0}};
  for (size_t i = 0; i < 6; i++) cell_of(meter, keys[i].version, keys[i].epoch);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_cells, 6);
  for (size_t i = 0; i < 6; i++) {
    ck_assert_ptr_nonnull(mlcm__meter_find(s, keys[i].version, keys[i].epoch));
    if (i == 0) continue;
    const mlcm__meter_cell_sum *a = s->cells[i - 1];
    const mlcm__meter_cell_sum *b = s->cells[i];
    ck_assert(a->epoch < b->epoch || (a->epoch == b->epoch && a->version < b->version));
  }
  ck_assert_ptr_null(mlcm__meter_find(s, 2, 1));
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

/* ---- Names --------------------------------------------------------------------------------------------------------- */

START_TEST(a_file_name_says_all_and_has_one_spelling) {
  mlcm__meter_file_id id = {.endpoint_id = endpoint,
                            .process = {.boot_id = "0123456789abcdef0123456789abcdef", .pid = 4711, .start_ticks = 99},
                            .number = 3};
  mlcm__meter_file_id back;
  char name[MLCM__METER_FILE_NAME];
  mlcm__meter_file_name(&id, name);
  ck_assert_str_eq(name, "meter-00ab12cd34ef5678-0123456789abcdef0123456789abcdef-4711-99-3");
  ck_assert(mlcm__meter_file_parse(name, &back));
  ck_assert_uint_eq(back.endpoint_id, endpoint);
  ck_assert_int_eq(back.process.pid, 4711);
  ck_assert_uint_eq(back.process.start_ticks, 99);
  ck_assert_uint_eq(back.number, 3);
  ck_assert(!back.unfinished);
  ck_assert(mlcm__meter_file_parse("meter-00ab12cd34ef5678-0123456789abcdef0123456789abcdef-4711-99-3.new-aa", &back));
  ck_assert(back.unfinished);
  const char *const bad[] = {"",
                             "meter-",
                             "keys+r+s",
                             "meter-00ab12cd34ef5678-0123456789abcdef0123456789abcdef-4711-99",
                             "meter-ab12cd34ef5678-0123456789abcdef0123456789abcdef-4711-99-3",
                             "meter-00AB12cd34ef5678-0123456789abcdef0123456789abcdef-4711-99-3",
                             "meter-00ab12cd34ef5678-0123456789abcdef0123456789abcdef- 4711-99-3",
                             "meter-00ab12cd34ef5678-0123456789abcdef0123456789abcdef-4711-99-03",
                             "meter-00ab12cd34ef5678-0123456789abcdef0123456789abcdef-4711-99-3.bak"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(!mlcm__meter_file_parse(bad[i], &back), "%s", bad[i]);
}
END_TEST

/* ---- Damage -------------------------------------------------------------------------------------------------------- */

/* Overwrites bytes of the process's first file, which must exist and be closed. */
static void poke(const room *r, off_t at, const void *bytes, size_t n) {
  char *path = first_file(r);
  const int fd = open(path, O_WRONLY);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
  close(fd);
  free(path);
}

static void make_file(const room *r) {
  mlcm__meter *meter = open_meter(r);
  outcome_of(meter, "wrong");
  mlcm__meter_route(meter, cell_of(meter, 1, 1), MLCM__SCOPE_KEY);
  mlcm__meter_close(meter);
}

static void expect_read(const room *r, mlcm_status code, const char *words) {
  mlcm__meter_snapshot *s = NULL;
  mlcm_error err;
  ck_assert_int_eq(mlcm__meter_read(r->ctx, r->dir, endpoint, &s, &err), code);
  ck_assert_ptr_null(s);
  ck_assert_msg(strstr(err.message, words) != NULL, "'%s' lacks '%s'", err.message, words);
  ck_assert_msg(strstr(err.message, "meter-00ab12cd34ef5678-") != NULL, "'%s' names no file", err.message);
}

START_TEST(a_damaged_file_is_an_error_that_names_it) {
  const struct {
    off_t at;
    uint64_t bytes;
    mlcm_status code;
    const char *words;
  } cases[] = {
      {0, UINT64_C(0x6c6d6f726e6f6e65), MLCM_CORRUPT, "does not begin with"},
      {8, UINT64_C(0x0000000104030201), MLCM_CORRUPT, "byte order"},
      {24, 77, MLCM_CORRUPT, "the header changed"},
      {4096, 5, MLCM_CORRUPT, "the entry of cell 0 changed"},
      {4096 + 8, 42, MLCM_CORRUPT, "the entry of cell 0 changed"},
      {1024 + 8, 0, MLCM_CORRUPT, "without a proper name"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    room r = open_room();
    make_file(&r);
    poke(&r, cases[i].at, &cases[i].bytes, 8);
    expect_read(&r, cases[i].code, cases[i].words);
    close_room(&r);
  }
}
END_TEST

START_TEST(a_damaged_file_of_a_dead_process_is_left_out) {
  static const off_t places[] = {24, 1024 + 8, 4096 + 8}; /* in the header, an outcome's name, a cell's entry */
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const uint64_t damage = 0;
    room r = open_room(), dead = r;
    dead.self.pid = INT64_C(1) << 40;
    make_file(&dead);
    poke(&dead, places[i], &damage, 8);
    make_file(&r);
    mlcm__meter_snapshot *s = read_all(&r);
    ck_assert_uint_eq(mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_KEY].routed, 1);
    ck_assert_uint_eq(s->n_processes, 1);
    mlcm__meter_snapshot_free(s);
    close_room(&r);
  }
}
END_TEST

START_TEST(a_cut_file_is_an_error_and_a_file_of_a_newer_format_too) {
  room r = open_room();
  make_file(&r);
  char *path = first_file(&r);
  mlcm__meter_header header;
  ck_assert_int_eq(truncate(path, 3 * MLCM__METER_PAGE), 0);
  expect_read(&r, MLCM_CORRUPT, "has 12288 bytes");
  char *bytes = test_read_file(path, NULL);
  memcpy(&header, bytes, sizeof header);
  header.format = 2;
  const uint8_t no_key[16] = {0};
  header.checksum = mlcm__siphash(no_key, &header, sizeof header - sizeof header.checksum);
  poke(&r, 0, &header, sizeof header);
  expect_read(&r, MLCM_NEWER_FORMAT, "has format 2");
  free(bytes);
  free(path);
  close_room(&r);
}
END_TEST

START_TEST(an_unfinished_file_is_left_out_with_a_line_in_the_log) {
  test_log log;
  mlcm_context_options options;
  room r = open_room();
  mlcm_context *ctx = NULL;
  mlcm__meter_snapshot *s = NULL;
  mlcm_context_options_init(&options, sizeof options);
  options.log = test_log_table(&log);
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_OK);
  char *path = first_file(&r);
  test_write_file(path, "", 0);
  ck_assert_int_eq(mlcm__meter_read(ctx, r.dir, endpoint, &s, NULL), MLCM_OK);
  ck_assert_uint_eq(s->n_cells + s->n_processes, 0);
  ck_assert_int_eq(log.n_lines, 1);
  ck_assert_ptr_nonnull(strstr(log.line, "never finished"));
  mlcm__meter_snapshot_free(s);
  ck_assert_int_eq(truncate(path, 1 << 20), 0); /* all zero: a power failure */
  ck_assert_int_eq(mlcm__meter_read(ctx, r.dir, endpoint, &s, NULL), MLCM_OK);
  ck_assert_int_eq(log.n_lines, 2);
  mlcm__meter_snapshot_free(s);
  mlcm_context_free(ctx);
  free(path);
  close_room(&r);
}
END_TEST

START_TEST(a_link_in_place_of_a_file_is_refused) {
  room r = open_room();
  char *path = first_file(&r);
  mlcm__meter_snapshot *s = NULL;
  mlcm_error err;
  ck_assert_int_eq(symlink("/etc/passwd", path), 0);
  ck_assert_int_eq(mlcm__meter_read(r.ctx, r.dir, endpoint, &s, &err), MLCM_IO);
  free(path);
  close_room(&r);
}
END_TEST

/* ---- Sweeping ------------------------------------------------------------------------------------------------------ */

/* A file of a process that is no more, holding one cell of the epoch. */
static void make_dead_file(const room *r, uint64_t epoch) {
  mlcm__process dead = r->self;
  mlcm__meter *meter = NULL;
  dead.start_ticks += 1000 + epoch;
  ck_assert_int_eq(mlcm__meter_open(r->ctx, r->dir, endpoint, &dead, &meter, NULL), MLCM_OK);
  mlcm__meter_route(meter, cell_of(meter, 1, epoch), MLCM__SCOPE_KEY);
  mlcm__meter_close(meter);
}

START_TEST(the_sweep_takes_only_old_files_of_the_dead_without_a_living_epoch) {
  room r = open_room();
  const int64_t now = mlcm_context_now(r.ctx).wall_ns;
  const int64_t hour = INT64_C(3600) * 1000000000;
  size_t removed = 99;
  make_file(&r); /* of this process, which lives */
  make_dead_file(&r, 4);
  make_dead_file(&r, 5);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_processes, 3);
  ck_assert_uint_eq(mlcm__meter_n_alive(s), 1);
  mlcm__meter_snapshot_free(s);
  ck_assert_int_eq(mlcm__meter_sweep(r.ctx, r.dir, endpoint, now, hour, UINT64_MAX, &removed, NULL), MLCM_OK);
  ck_assert_uint_eq(removed, 0);
  ck_assert_int_eq(mlcm__meter_sweep(r.ctx, r.dir, endpoint, now + 2 * hour, hour, 5, &removed, NULL), MLCM_OK);
  ck_assert_uint_eq(removed, 1);
  s = read_all(&r);
  ck_assert_ptr_null(mlcm__meter_find(s, 1, 4));
  ck_assert_ptr_nonnull(mlcm__meter_find(s, 1, 5));
  ck_assert_ptr_nonnull(mlcm__meter_find(s, 1, 1));
  mlcm__meter_snapshot_free(s);
  ck_assert_int_eq(mlcm__meter_sweep(r.ctx, r.dir, endpoint, now + 2 * hour, hour, 6, &removed, NULL), MLCM_OK);
  ck_assert_uint_eq(removed, 1);
  ck_assert_uint_eq(test_count_entries(r.dir), 1);
  close_room(&r);
}
END_TEST

START_TEST(the_sweep_leaves_a_file_that_somebody_holds) {
  room r = open_room();
  mlcm__process elsewhere = r.self;
  mlcm__meter *meter = NULL;
  size_t removed = 99;
  elsewhere.pid = INT64_C(1) << 40; /* as it looks when the process is in another pid namespace */
  ck_assert_int_eq(mlcm__meter_open(r.ctx, r.dir, endpoint, &elsewhere, &meter, NULL), MLCM_OK);
  cell_of(meter, 1, 1);
  ck_assert_int_eq(mlcm__meter_sweep(r.ctx, r.dir, endpoint, INT64_MAX / 2, 0, UINT64_MAX, &removed, NULL), MLCM_OK);
  ck_assert_uint_eq(removed, 0);
  mlcm__meter_close(meter);
  ck_assert_int_eq(mlcm__meter_sweep(r.ctx, r.dir, endpoint, INT64_MAX / 2, 0, UINT64_MAX, &removed, NULL), MLCM_OK);
  ck_assert_uint_eq(removed, 1);
  close_room(&r);
}
END_TEST

/* ---- A full disk --------------------------------------------------------------------------------------------------- */

/* Stands in front of libc's: there is no entry for it in the I/O table. */
static atomic_bool disk_is_full;
int posix_fallocate(int fd, off_t offset, off_t len) {
  if (atomic_load(&disk_is_full)) return ENOSPC;
  return fallocate(fd, 0, offset, len) == 0 ? 0 : errno;
}

START_TEST(a_full_disk_is_an_error_when_a_cell_is_claimed_and_counting_goes_on) {
  room r = open_room();
  mlcm_error err;
  uint32_t cell = 77;
  mlcm__meter *second = NULL;
  mlcm__meter *meter = open_meter(&r);
  const uint32_t old = cell_of(meter, 1, 1);
  atomic_store(&disk_is_full, true);
  ck_assert_int_eq(mlcm__meter_cell(meter, 1, 2, &cell, &err), MLCM_DISK_FULL);
  ck_assert_uint_eq(cell, 77);
  ck_assert_int_eq(mlcm__meter_open(r.ctx, r.dir, endpoint, &r.self, &second, &err), MLCM_DISK_FULL);
  ck_assert_ptr_null(second);
  ck_assert_uint_eq(test_count_entries(r.dir), 1);
  ck_assert_uint_eq(cell_of(meter, 1, 1), old);
  mlcm__meter_route(meter, old, MLCM__SCOPE_KEY);
  atomic_store(&disk_is_full, false);
  mlcm__meter_route(meter, cell_of(meter, 1, 2), MLCM__SCOPE_KEY);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_cells, 2);
  ck_assert_uint_eq(mlcm__meter_find(s, 1, 1)->scope[MLCM__SCOPE_KEY].routed, 1);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

/* ---- Faults -------------------------------------------------------------------------------------------------------- */

typedef struct fault_room {
  char *dir;
  mlcm__process self;
} fault_room;

static mlcm_status write_and_read(mlcm_context *ctx, void *user, mlcm_error *err) {
  const fault_room *r = user;
  mlcm__meter *meter = NULL;
  mlcm__meter_snapshot *s = NULL;
  uint32_t cell = 0;
  uint32_t outcome = 0;
  mlcm_status st = mlcm__meter_open(ctx, r->dir, endpoint, &r->self, &meter, err);
  if (!st) st = mlcm__meter_cell(meter, 1, 1, &cell, err);
  if (!st) st = mlcm__meter_outcome_index(meter, "wrong", &outcome, err);
  if (!st) mlcm__meter_outcome(meter, cell, MLCM__SCOPE_KEY, outcome, 1);
  if (!st) st = mlcm__meter_read(ctx, r->dir, endpoint, &s, err);
  if (!st) ck_assert_ptr_nonnull(mlcm__meter_find(s, 1, 1));
  if (!st) st = mlcm__meter_sweep(ctx, r->dir, endpoint, INT64_MAX / 2, 0, UINT64_MAX, NULL, err);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(meter);
  return st;
}

/* After any failure the folder is readable. */
static void still_readable(void *user) {
  const fault_room *r = user;
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__meter_snapshot *s = NULL;
  mlcm_error err;
  mlcm_status st = mlcm__meter_read(ctx, r->dir, endpoint, &s, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  mlcm__meter_snapshot_free(s);
  mlcm_context_free(ctx);
}

START_TEST(failing_memory_and_disk_leave_a_folder_that_can_be_read) {
  room r = open_room();
  fault_room f = {r.dir, r.self};
  ck_assert_uint_gt(test_fault_memory(write_and_read, still_readable, &f), 5);
  ck_assert_uint_gt(test_fault_io(write_and_read, still_readable, &f), 10);
  close_room(&r);
}
END_TEST

/* ---- More of each kind ---------------------------------------------------------------------------------------------- */

START_TEST(a_header_that_is_whole_but_makes_no_sense_is_damage) {
  const struct {
    size_t at;
    uint32_t value;
  } cases[] = {{offsetof(mlcm__meter_header, shards), 0},
               {offsetof(mlcm__meter_header, shards), 2 * MLCM__METER_MAX_SHARDS},
               {offsetof(mlcm__meter_header, shards), 3},
               {offsetof(mlcm__meter_header, cells), MLCM__METER_CELLS + 1},
               {offsetof(mlcm__meter_header, shard_bytes), 1}};
  static const uint8_t no_key[16] = {0};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mlcm__meter_header header;
    room r = open_room();
    make_file(&r);
    char *path = first_file(&r), *bytes = test_read_file(path, NULL);
    memcpy(&header, bytes, sizeof header);
    memcpy((char *)&header + cases[i].at, &cases[i].value, sizeof cases[i].value);
    header.checksum = mlcm__siphash(no_key, &header, sizeof header - sizeof header.checksum);
    poke(&r, 0, &header, sizeof header);
    expect_read(&r, MLCM_CORRUPT, "its header says");
    free(bytes);
    free(path);
    close_room(&r);
  }
}
END_TEST

START_TEST(more_kinds_of_outcome_than_an_endpoint_can_have_are_named) {
  room r = open_room();
  char name[MLCM__METER_OUTCOME_NAME];
  for (int process = 0; process <= MLCM__SNAPSHOT_OUTCOMES / MLCM__METER_OUTCOMES; process++) {
    room other = r;
    other.self.start_ticks += (uint64_t)process;
    mlcm__meter *meter = open_meter(&other);
    cell_of(meter, 1, 1);
    for (int i = 0; i < MLCM__METER_OUTCOMES; i++) {
      snprintf(name, sizeof name, "outcome-%d-%d", process, i);
      outcome_of(meter, name);
    }
    mlcm__meter_close(meter);
  }
  expect_read(&r, MLCM_LIMIT, "one kind more than");
  close_room(&r);
}
END_TEST

START_TEST(a_file_left_without_a_header_is_not_taken_up) {
  room r = open_room();
  mlcm__meter *meter = NULL;
  mlcm_error err;
  char *path = first_file(&r);
  test_write_file(path, "", 0);
  ck_assert_int_eq(mlcm__meter_open(r.ctx, r.dir, endpoint, &r.self, &meter, &err), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(err.message, "has no header"));
  ck_assert_int_eq(mlcm__meter_open(r.ctx, r.dir, endpoint, &r.self, &meter, NULL), MLCM_CORRUPT);
  free(path);
  close_room(&r);
}
END_TEST

START_TEST(a_folder_in_place_of_a_file_is_refused) {
  room r = open_room();
  mlcm__meter_snapshot *s = NULL;
  char *path = first_file(&r);
  ck_assert_int_eq(mkdir(path, 0700), 0);
  ck_assert_int_eq(mlcm__meter_read(r.ctx, r.dir, endpoint, &s, NULL), MLCM_IO);
  free(path);
  close_room(&r);
}
END_TEST

START_TEST(several_files_of_one_process_are_one_process) {
  room r = open_room();
  mlcm__meter *one = open_meter(&r), *two = open_meter(&r);
  cell_of(one, 1, 1);
  cell_of(two, 1, 1);
  mlcm__meter_snapshot *s = read_all(&r);
  ck_assert_uint_eq(s->n_processes, 1);
  mlcm__meter_snapshot_free(s);
  mlcm__meter_close(two);
  mlcm__meter_close(one);
  close_room(&r);
}
END_TEST

START_TEST(the_sweep_takes_damaged_and_unfinished_files_of_the_dead) {
  room r = open_room(), dead = r, unfinished = r;
  const uint64_t damage = 0;
  size_t removed = 0;
  dead.self.start_ticks++;
  make_file(&dead);
  poke(&dead, 24, &damage, 8);
  unfinished.self.start_ticks += 2;
  char *path = first_file(&unfinished);
  test_write_file(path, "", 0);
  ck_assert_int_eq(mlcm__meter_sweep(r.ctx, r.dir, endpoint, INT64_MAX / 2, 0, 1, &removed, NULL), MLCM_OK);
  ck_assert_uint_eq(removed, 2);
  free(path);
  close_room(&r);
}
END_TEST

static mlcm_status sweep_dead(mlcm_context *ctx, void *user, mlcm_error *err) {
  const fault_room *f = user;
  room dead = {.ctx = test_context(NULL, NULL, NULL), .dir = f->dir, .self = f->self};
  dead.self.start_ticks++;
  make_file(&dead);
  mlcm_context_free(dead.ctx);
  mlcm_status st = mlcm__meter_sweep(ctx, f->dir, endpoint, INT64_MAX / 2, 0, UINT64_MAX, NULL, err);
  mlcm_context *good = test_context(NULL, NULL, NULL);
  ck_assert_int_eq(mlcm__meter_sweep(good, f->dir, endpoint, INT64_MAX / 2, 0, UINT64_MAX, NULL, NULL), MLCM_OK);
  ck_assert_uint_eq(test_count_entries(f->dir), 0);
  mlcm_context_free(good);
  return st;
}

START_TEST(a_sweep_that_fails_leaves_the_rest_to_the_next) {
  room r = open_room();
  fault_room f = {r.dir, r.self};
  ck_assert_uint_gt(test_fault_memory(sweep_dead, NULL, &f), 2);
  ck_assert_uint_gt(test_fault_io(sweep_dead, NULL, &f), 8);
  close_room(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {each_event_is_summed_under_its_scope_and_request_includes_key,
                          latencies_out_of_range_are_completed_all_the_same,
                          a_score_is_summed_and_what_is_no_number_is_kept_apart,
                          threads_lose_nothing,
                          threads_that_claim_the_same_cells_get_the_same_ones,
                          a_cell_is_found_again_and_knows_its_key,
                          cells_beyond_one_file_go_into_a_further_one,
                          outcome_names_are_checked_and_limited,
                          a_file_without_a_cell_goes_away_at_close,
                          a_later_handle_goes_on_with_the_counters,
                          two_handles_at_a_time_have_files_of_their_own,
                          a_left_file_with_other_outcome_names_is_passed_over,
                          files_have_the_folders_mode_without_execution,
                          a_cells_disk_space_is_set_aside_when_it_is_claimed,
                          a_missing_folder_is_made_for_writing_and_empty_for_reading,
                          only_the_endpoints_own_files_are_read,
                          cells_come_sorted_by_epoch_and_version,
                          a_file_name_says_all_and_has_one_spelling,
                          a_damaged_file_is_an_error_that_names_it,
                          a_damaged_file_of_a_dead_process_is_left_out,
                          a_cut_file_is_an_error_and_a_file_of_a_newer_format_too,
                          an_unfinished_file_is_left_out_with_a_line_in_the_log,
                          a_link_in_place_of_a_file_is_refused,
                          the_sweep_takes_only_old_files_of_the_dead_without_a_living_epoch,
                          the_sweep_leaves_a_file_that_somebody_holds,
                          a_full_disk_is_an_error_when_a_cell_is_claimed_and_counting_goes_on,
                          failing_memory_and_disk_leave_a_folder_that_can_be_read,
                          a_header_that_is_whole_but_makes_no_sense_is_damage,
                          more_kinds_of_outcome_than_an_endpoint_can_have_are_named,
                          a_file_left_without_a_header_is_not_taken_up,
                          a_folder_in_place_of_a_file_is_refused,
                          several_files_of_one_process_are_one_process,
                          the_sweep_takes_damaged_and_unfinished_files_of_the_dead,
                          a_sweep_that_fails_leaves_the_rest_to_the_next};
  return TEST_RUN("metric_meter", tests);
}
