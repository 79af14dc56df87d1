/* SPDX-License-Identifier: Apache-2.0
 *
 * test_meter_files.c - the files around a meter: what it takes up, what it passes over, what it leaves behind, and whose they
 * are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metric/meter_fixture.h"
#include "support/fake_clock.h"
#include "support/suite.h"

enum { ENDPOINT = 7 };

static mlcm__meter *open_meter(const room *r) { return open_meter_of(r, ENDPOINT); }

static void claim(mlcm__meter *meter, uint64_t first_epoch, uint64_t n) {
  uint32_t cell = 0;
  for (uint64_t epoch = first_epoch; epoch < first_epoch + n; epoch++)
    ck_assert_int_eq(mlcm__meter_cell(meter, 1, epoch, &cell, NULL), MLCM_OK);
}

static void name_outcomes(mlcm__meter *meter, const char *letters) {
  uint32_t index = 0;
  for (; *letters; letters++)
    ck_assert_int_eq(mlcm__meter_outcome_index(meter, (char[]){*letters, 0}, &index, NULL), MLCM_OK);
}

/* Puts an empty file into the folder: <name of the process's first file><suffix>. */
static void put_file(const room *r, uint64_t endpoint_id, const char *suffix) {
  const mlcm__meter_file_id id = {.endpoint_id = endpoint_id, .process = r->self};
  char name[MLCM__METER_FILE_NAME + 16];
  mlcm__meter_file_name(&id, name);
  strcat(name, suffix);
  char *path = test_path(r->dir, name);
  test_write_file(path, "", 0);
  free(path);
}

/* ---- Taking up ----------------------------------------------------------------------------------------------------- */

/* A file that an earlier handle left, and a meter with a full file that comes to it next: is it used or passed over? */
START_TEST(a_left_file_is_used_when_the_names_in_it_are_the_meters) {
  static const struct {
    const char *ours, *theirs;
    bool used;
  } rows[] = {
      {"", "", true},  {"ab", "", true},    {"ab", "a", true},   {"abcdefgh", "abcdefgh", true},
      {"", "a", false}, {"a", "ab", false}, {"ab", "ba", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    room r = open_room();
    uint32_t cell = 0;
    mlcm__meter *ours = open_meter(&r), *theirs = open_meter(&r);
    name_outcomes(theirs, rows[i].theirs);
    claim(theirs, 1000, 1);
    mlcm__meter_close(theirs);
    name_outcomes(ours, rows[i].ours);
    claim(ours, 1, MLCM__METER_CELLS + 1);
    ck_assert_msg(mlcm__meter_find_cell(ours, 1, 1000, &cell) == rows[i].used, "row %zu", i);
    ck_assert_uint_eq(test_count_entries(r.dir), rows[i].used ? 2 : 3);
    mlcm__meter_close(ours);
    close_room(&r);
  }
}
END_TEST

/* The number of CPUs may have changed since a process of this id wrote it. */
START_TEST(a_left_file_of_another_number_of_shards_is_passed_over) {
  room r = open_room();
  const mlcm__meter_file_id id = {.endpoint_id = ENDPOINT, .process = r.self};
  mlcm__meter_file file;
  ck_assert_int_eq(mlcm__meter_file_take(r.ctx, r.dir, &id, sysconf(_SC_NPROCESSORS_CONF) > 1 ? 1 : 2, &file, NULL), MLCM_OK);
  mlcm__mapped_close(r.ctx, &file.map);
  mlcm__meter *meter = open_meter(&r);
  claim(meter, 1, 1);
  ck_assert_uint_eq(test_count_entries(r.dir), 2);
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

/* How many shards the process's files have. */
static uint32_t shards_of(const room *r) {
  const mlcm__meter_file_id id = {.endpoint_id = ENDPOINT, .process = r->self};
  char name[MLCM__METER_FILE_NAME];
  mlcm__meter_file file;
  mlcm__meter_file_name(&id, name);
  ck_assert_int_eq(mlcm__meter_file_map(r->ctx, r->dir, name, &file, NULL), MLCM_OK);
  mlcm__mapped_close(r->ctx, &file.map);
  return file.shards;
}

/* A left file of this number whose directory is full, with epochs of its own; its counters take no space. */
static void make_full_file(const room *r, uint32_t number, uint32_t shards) {
  const mlcm__meter_file_id id = {.endpoint_id = ENDPOINT, .process = r->self, .number = number};
  mlcm__meter_file file;
  ck_assert_int_eq(mlcm__meter_file_take(r->ctx, r->dir, &id, shards, &file, NULL), MLCM_OK);
  mlcm__meter_slot *slots = mlcm__meter_slots(&file);
  for (uint32_t i = 0; i < MLCM__METER_CELLS; i++) {
    slots[i].version = 1;
    slots[i].epoch = (uint64_t)number * MLCM__METER_CELLS + i + 1;
    slots[i].checksum = mlcm__meter_slot_checksum(slots[i].version, slots[i].epoch);
    slots[i].ready = 1;
  }
  mlcm__mapped_close(r->ctx, &file.map);
}

START_TEST(more_cells_than_all_files_of_a_meter_have_are_a_limit) {
  room r = open_room();
  uint32_t cell = 99;
  mlcm_error err;
  mlcm__meter *meter = open_meter(&r);
  const uint32_t shards = shards_of(&r);
  for (uint32_t number = 1; number < MLCM__METER_FILES; number++) make_full_file(&r, number, shards);
  claim(meter, 1, MLCM__METER_CELLS);
  ck_assert_int_eq(mlcm__meter_cell(meter, 2, 1, &cell, &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message,
                   "meter of endpoint 0000000000000007: all 8192 cells of this process are taken; close and open it");
  ck_assert_uint_eq(cell, 99);
  claim(meter, MLCM__METER_FILES * MLCM__METER_CELLS, 1); /* the last one is there */
  mlcm__meter_close(meter);
  close_room(&r);
}
END_TEST

/* ---- Making -------------------------------------------------------------------------------------------------------- */

/* A system on which somebody makes the file in the moment before we do, once. */
typedef struct rival {
  mlcm_io real;
  int n_links;
} rival;

static int link_second(void *user, const char *from, const char *to) {
  rival *other = user;
  if (other->n_links++ == 0) ck_assert_int_eq(other->real.link(other->real.user, from, to), 0);
  return other->real.link(other->real.user, from, to);
}

START_TEST(a_file_that_another_handle_made_in_the_same_moment_is_taken_up) {
  room r = open_room();
  rival other = {.n_links = 0};
  mlcm_io_default(&other.real);
  mlcm_io io = other.real;
  io.user = &other;
  io.link = link_second;
  room with_rival = {.ctx = test_context(NULL, &io, NULL), .dir = r.dir, .self = r.self};
  mlcm__meter *meter = open_meter(&with_rival);
  claim(meter, 1, 1);
  ck_assert_int_eq(other.n_links, 1);
  ck_assert_uint_eq(test_count_entries(r.dir), 1);
  mlcm__meter_close(meter);
  mlcm_context_free(with_rival.ctx);
  close_room(&r);
}
END_TEST

static int no_random(void *user, void *out, size_t size_bytes) {
  (void)user;
  memset(out, 0, size_bytes);
  return EIO;
}

START_TEST(without_random_bytes_no_file_is_made) {
  room r = open_room();
  mlcm_context_options options;
  mlcm_context *ctx = NULL;
  mlcm__meter *meter = NULL;
  mlcm_context_options_init(&options, sizeof options);
  options.random = (mlcm_random){.fill = no_random};
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_OK);
  ck_assert_int_ne(mlcm__meter_open(ctx, r.dir, ENDPOINT, &r.self, &meter, NULL), MLCM_OK);
  ck_assert_ptr_null(meter);
  ck_assert_uint_eq(test_count_entries(r.dir), 0);
  mlcm_context_free(ctx);
  close_room(&r);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_an_error) {
  room r = open_room();
  test_io disk;
  mlcm__meter *meter = NULL;
  test_io_init(&disk);
  disk.counted = TEST_IO_MKDIR;
  disk.fail_at = 1;
  disk.fail_errno = EIO;
  const mlcm_io io = test_io_table(&disk);
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  char *run = test_path(r.dir, "run");
  ck_assert_int_eq(mlcm__meter_open(ctx, run, ENDPOINT, &r.self, &meter, NULL), MLCM_IO);
  ck_assert_uint_eq(test_count_entries(r.dir), 0);
  free(run);
  mlcm_context_free(ctx);
  close_room(&r);
}
END_TEST

/* ---- Leaving behind ------------------------------------------------------------------------------------------------ */

START_TEST(an_unused_file_that_cannot_be_removed_stays_with_a_line_in_the_log) {
  room r = open_room();
  mlcm_context_options options;
  test_io disk;
  test_log log;
  test_io_init(&disk);
  const mlcm_io io = test_io_table(&disk);
  mlcm_context_options_init(&options, sizeof options);
  options.log = test_log_table(&log);
  options.io = &io;
  room failing = {.dir = r.dir, .self = r.self};
  ck_assert_int_eq(mlcm_context_new(&options, &failing.ctx, NULL), MLCM_OK);
  mlcm__meter *meter = open_meter(&failing);
  disk.counted = TEST_IO_UNLINK;
  disk.fail_errno = EIO;
  disk.fail_at = 1;
  atomic_store(&disk.n_calls, 0);
  mlcm__meter_close(meter);
  ck_assert_msg(strstr(log.line, "cannot remove the unused file") != NULL, "%s", log.line);
  ck_assert_uint_eq(test_count_entries(r.dir), 1);
  mlcm__meter_close(open_meter(&failing)); /* taken up again, and removed this time */
  ck_assert_uint_eq(test_count_entries(r.dir), 0);
  mlcm_context_free(failing.ctx);
  close_room(&r);
}
END_TEST

static mlcm_status open_and_close(mlcm_context *ctx, void *user, mlcm_error *err) {
  const room *r = user;
  mlcm__meter *meter = NULL;
  const mlcm_status st = mlcm__meter_open(ctx, r->dir, ENDPOINT, &r->self, &meter, err);
  mlcm__meter_close(meter);
  return st;
}

static void leaves_nothing_at_last(void *user) {
  const room *r = user;
  mlcm__meter_close(open_meter(r));
  ck_assert_uint_eq(test_count_entries(r->dir), 0);
}

START_TEST(a_file_left_for_lack_of_memory_goes_with_the_next_handle) {
  room r = open_room();
  ck_assert_uint_gt(test_fault_memory(open_and_close, leaves_nothing_at_last, &r), 5);
  close_room(&r);
}
END_TEST

/* ---- Whose they are ------------------------------------------------------------------------------------------------ */

START_TEST(processes_differ_by_pid_start_and_boot) {
  room r = open_room(), others[3] = {r, r, r};
  mlcm__meter_snapshot *s = NULL;
  others[0].self.pid = INT64_C(1) << 40;
  others[1].self.start_ticks++;
  others[2].self.boot_id[0] = r.self.boot_id[0] == '0' ? '1' : '0';
  mlcm__meter *meters[4] = {open_meter(&r), open_meter(&others[0]), open_meter(&others[1]), open_meter(&others[2])};
  ck_assert_int_eq(mlcm__meter_read(r.ctx, r.dir, ENDPOINT, &s, NULL), MLCM_OK);
  ck_assert_uint_eq(s->n_processes, 4);
  ck_assert_uint_eq(mlcm__meter_n_alive(s), 1);
  mlcm__meter_snapshot_free(s);
  for (size_t i = 0; i < 4; i++) mlcm__meter_close(meters[i]);
  close_room(&r);
}
END_TEST

START_TEST(what_is_no_file_of_the_endpoint_is_neither_read_nor_swept) {
  room r = open_room(), dead = r;
  mlcm__meter_snapshot *s = NULL;
  size_t removed = 99;
  dead.self.start_ticks++;
  put_file(&dead, ENDPOINT + 1, "");
  put_file(&dead, ENDPOINT, ".bak");
  put_file(&r, ENDPOINT, ".new-0123"); /* being made by a living process */
  put_file(&dead, ENDPOINT, ".new-0123");
  ck_assert_int_eq(mlcm__meter_read(r.ctx, r.dir, ENDPOINT, &s, NULL), MLCM_OK);
  ck_assert_uint_eq(s->n_processes, 0);
  mlcm__meter_snapshot_free(s);
  ck_assert_int_eq(mlcm__meter_sweep(r.ctx, r.dir, ENDPOINT, INT64_MAX / 2, 0, 1, &removed, NULL), MLCM_OK);
  ck_assert_uint_eq(removed, 1); /* the one that nobody will finish */
  ck_assert_uint_eq(test_count_entries(r.dir), 3);
  close_room(&r);
}
END_TEST

START_TEST(an_outcomes_name_without_an_end_is_damage) {
  room r = open_room();
  const mlcm__meter_file_id id = {.endpoint_id = ENDPOINT, .process = r.self};
  mlcm__meter_file file;
  mlcm__meter_snapshot *s = NULL;
  mlcm_error err;
  ck_assert_int_eq(mlcm__meter_file_take(r.ctx, r.dir, &id, 1, &file, NULL), MLCM_OK);
  memset(mlcm__meter_names(&file)->text, 'x', MLCM__METER_OUTCOME_NAME);
  mlcm__meter_names(&file)->ready = 1;
  mlcm__mapped_close(r.ctx, &file.map);
  ck_assert_int_eq(mlcm__meter_read(r.ctx, r.dir, ENDPOINT, &s, &err), MLCM_CORRUPT);
  ck_assert_msg(strstr(err.message, "without a proper name") != NULL, "%s", err.message);
  close_room(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_left_file_is_used_when_the_names_in_it_are_the_meters,
                          a_left_file_of_another_number_of_shards_is_passed_over,
                          more_cells_than_all_files_of_a_meter_have_are_a_limit,
                          a_file_that_another_handle_made_in_the_same_moment_is_taken_up,
                          without_random_bytes_no_file_is_made,
                          a_folder_that_cannot_be_made_is_an_error,
                          an_unused_file_that_cannot_be_removed_stays_with_a_line_in_the_log,
                          a_file_left_for_lack_of_memory_goes_with_the_next_handle,
                          processes_differ_by_pid_start_and_boot,
                          what_is_no_file_of_the_endpoint_is_neither_read_nor_swept,
                          an_outcomes_name_without_an_end_is_damage};
  return TEST_RUN("metric_meter_files", tests);
}
