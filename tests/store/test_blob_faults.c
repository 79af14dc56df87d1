/* SPDX-License-Identifier: Apache-2.0
 *
 * test_blob_faults.c - the object store when single calls of the I/O table answer what they rarely do: interrupted, gone
 * meanwhile, there already, shorter than a moment ago.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/blob.h"
#include "support/fault.h"
#include "support/suite.h"
#include "support/temp_dir.h"

enum { LARGE = 9 << 20 };

/* A store opened with calls in the test's hands; `plain` has the system's. */
typedef struct fixture {
  mlcm_context *plain, *ctx;
  test_io io;
  mlcm_io table;
  char *dir;
  mlcm__blobs *blobs;
  uint8_t sha256[32]; /* of "abc", which is in it */
  mlcm_error err;
} fixture;

static void fixture_open(fixture *f) {
  memset(f, 0, sizeof *f);
  f->plain = test_context(NULL, NULL, NULL);
  test_io_init(&f->io);
  f->table = test_io_table(&f->io);
  f->ctx = test_context(NULL, &f->table, NULL);
  f->dir = test_temp_dir();
  ck_assert_int_eq(mlcm__blobs_open(f->ctx, f->dir, false, true, &f->blobs, &f->err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_put(f->blobs, "abc", 3, f->sha256, &f->err), MLCM_OK);
}

static void fixture_close(fixture *f) {
  mlcm__blobs_close(f->blobs);
  mlcm_context_free(f->ctx);
  mlcm_context_free(f->plain);
  test_temp_dir_remove(f->dir);
}

/* From here on the next call of these (TEST_IO_ bits) fails, once. */
static void fail_next(fixture *f, unsigned calls, size_t at, int error) {
  f->io.counted = calls;
  f->io.fail_errno = error;
  f->io.n_calls = 0;
  f->io.fired = false;
  f->io.fail_at = at;
}

static char *in_dir(const fixture *f, const char *name) { return test_path(f->dir, name); }

static void write_in(const fixture *f, const char *name, const char *text) {
  char *path = in_dir(f, name);
  test_write_file(path, text, strlen(text));
  free(path);
}

/* ---- reading ---- */

static mlcm_status read_and_write(fixture *f, const char *source) {
  mlcm__blob_bytes bytes = {0};
  uint8_t sha256[32];
  mlcm_status status = mlcm__blob_read_verified(f->blobs, f->sha256, 3, &bytes, &f->err);
  if (status == MLCM_OK) status = mlcm__blob_put_file(f->blobs, source, NULL, NULL, sha256, NULL, &f->err);
  mlcm__blob_bytes_free(&bytes);
  return status;
}

START_TEST(a_read_that_a_signal_interrupts_is_made_again) {
  static const size_t sizes[] = {3, LARGE};
  fixture f;
  fixture_open(&f);
  char *source = in_dir(&f, "source"), *bytes = calloc(1, LARGE);
  for (size_t i = 0; i < 2; i++) {
    test_write_file(source, bytes, sizes[i]);
    size_t n = 0;
    do {
      fail_next(&f, TEST_IO_READ, ++n, EINTR);
      ck_assert_msg(read_and_write(&f, source) == MLCM_OK, "%s", f.err.message);
    } while (f.io.fired);
    ck_assert_uint_gt(n, 3);
  }
  free(bytes);
  free(source);
  fixture_close(&f);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named) {
  fixture f;
  uint8_t sha256[32];
  fixture_open(&f);
  write_in(&f, "source", "bytes");
  char *source = in_dir(&f, "source");
  fail_next(&f, TEST_IO_READ, 1, EIO);
  ck_assert_int_eq(mlcm__blob_put_file(f.blobs, source, NULL, NULL, sha256, NULL, &f.err), MLCM_IO);
  ck_assert_ptr_nonnull(strstr(f.err.message, source));
  free(source);
  fixture_close(&f);
}
END_TEST

/* Says that an object has one byte more than it has: as if it had been cut after that was asked. */
static int (*real_fstat)(void *user, int fd, mlcm_file_info *out);

static int longer_fstat(void *user, int fd, mlcm_file_info *out) {
  const int rc = real_fstat(user, fd, out);
  if (rc >= 0) out->size_bytes++;
  return rc;
}

START_TEST(an_object_that_ends_early_is_corrupt) {
  fixture f;
  mlcm__blobs *blobs = NULL;
  mlcm__blob_bytes bytes = {0};
  fixture_open(&f);
  real_fstat = f.table.fstat;
  f.table.fstat = longer_fstat;
  mlcm_context *ctx = test_context(NULL, &f.table, NULL);
  ck_assert_int_eq(mlcm__blobs_open(ctx, f.dir, false, false, &blobs, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_read_verified(blobs, f.sha256, 4, &bytes, &f.err), MLCM_CORRUPT);
  ck_assert_ptr_nonnull(strstr(f.err.message, "has 3 bytes, 4 were stored"));
  mlcm__blobs_close(blobs);
  mlcm_context_free(ctx);
  fixture_close(&f);
}
END_TEST

/* ---- opening ---- */

static int nothing_there(void *user, const char *path, mlcm_file_info *out) {
  (void)user;
  (void)path;
  (void)out;
  return -ENOENT;
}

/* Nothing is there when asked, all is there when made: another process set the store up in between. */
START_TEST(whoever_loses_the_race_to_set_up_uses_what_is_there) {
  fixture f;
  mlcm__blobs *blobs = NULL;
  fixture_open(&f);
  f.table.stat = nothing_there;
  mlcm_context *ctx = test_context(NULL, &f.table, NULL);
  ck_assert_msg(mlcm__blobs_open(ctx, f.dir, false, true, &blobs, &f.err) == MLCM_OK, "%s", f.err.message);
  mlcm__blobs_close(blobs);
  mlcm_context_free(ctx);
  char *tmp = in_dir(&f, "tmp");
  ck_assert_uint_eq(test_count_entries(tmp), 0);
  ck_assert_int_eq(mlcm__blob_exists(f.blobs, f.sha256, 3, &f.err), MLCM_OK);
  free(tmp);
  fixture_close(&f);
}
END_TEST

START_TEST(the_folder_of_objects_is_there_already_or_cannot_be_moved_to_its_place) {
  static const struct {
    int error;
    mlcm_status status;
  } cases[] = {{EEXIST, MLCM_OK}, {EIO, MLCM_IO}};
  fixture f;
  fixture_open(&f);
  for (size_t i = 0; i < 2; i++) {
    mlcm__blobs *blobs = NULL;
    char *fresh = test_temp_dir();
    fail_next(&f, TEST_IO_RENAME, 1, cases[i].error);
    ck_assert_int_eq(mlcm__blobs_open(f.ctx, fresh, false, true, &blobs, &f.err), cases[i].status);
    ck_assert(f.io.fired);
    mlcm__blobs_close(blobs);
    test_temp_dir_remove(fresh);
  }
  fixture_close(&f);
}
END_TEST

static mlcm_status set_up(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__blobs *blobs = NULL;
  char *fresh = test_temp_dir();
  (void)user;
  const mlcm_status status = mlcm__blobs_open(ctx, fresh, false, true, &blobs, err);
  mlcm__blobs_close(blobs);
  test_temp_dir_remove(fresh);
  return status;
}

START_TEST(every_allocation_of_setting_up_may_fail) { ck_assert_uint_gt(test_fault_memory(set_up, NULL, NULL), 256); }
END_TEST

static int no_chance(void *user, void *out, size_t size_bytes) {
  (void)user;
  (void)out;
  (void)size_bytes;
  return -EIO;
}

START_TEST(without_random_names_nothing_is_made) {
  fixture f;
  mlcm__blobs *blobs = NULL;
  mlcm__blob_lease *lease = NULL;
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  mlcm_context *ctx = NULL;
  char *fresh = test_temp_dir();
  fixture_open(&f);
  options.random = (mlcm_random){no_chance, NULL};
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, &f.err), MLCM_OK);
  ck_assert_int_ne(mlcm__blobs_open(ctx, fresh, false, true, &blobs, &f.err), MLCM_OK);
  ck_assert_ptr_null(blobs);
  ck_assert_int_eq(mlcm__blobs_open(ctx, f.dir, false, false, &blobs, &f.err), MLCM_OK);
  ck_assert_int_ne(mlcm__blob_lease_open(blobs, &lease, &f.err), MLCM_OK);
  ck_assert_ptr_null(lease);
  mlcm__blobs_close(blobs);
  mlcm_context_free(ctx);
  test_temp_dir_remove(fresh);
  fixture_close(&f);
}
END_TEST

/* ---- a folder that was lost ---- */

static void lose_folder(const fixture *f) {
  char *object = NULL;
  ck_assert_int_eq(mlcm__blob_path(f->blobs, f->sha256, &object, NULL), MLCM_OK);
  unlink(object);
  *strrchr(object, '/') = '\0';
  rmdir(object);
  mlcm__free(f->ctx, object);
}

static mlcm_status put_again(mlcm_context *ctx, void *user, mlcm_error *err) {
  fixture *f = user;
  mlcm__blobs *blobs = NULL;
  uint8_t sha256[32];
  mlcm__blob_info info;
  lose_folder(f);
  mlcm_status status = mlcm__blobs_open(ctx, f->dir, false, false, &blobs, err);
  if (status == MLCM_OK) status = mlcm__blob_put(blobs, "abc", 3, sha256, err);
  if (status == MLCM_OK) status = mlcm__blob_stat(blobs, sha256, &info, err);
  write_in(f, "source", "bytes of a file");
  char *source = in_dir(f, "source");
  if (status == MLCM_OK) status = mlcm__blob_put_file(blobs, source, NULL, NULL, sha256, NULL, err);
  free(source);
  mlcm__blobs_close(blobs);
  return status;
}

START_TEST(making_a_lost_folder_may_fail_at_every_allocation_and_call) {
  fixture f;
  fixture_open(&f);
  ck_assert_uint_gt(test_fault_memory(put_again, NULL, &f), 10);
  ck_assert_uint_gt(test_fault_io(put_again, NULL, &f), 10);
  fixture_close(&f);
}
END_TEST

START_TEST(a_lost_folder_that_another_process_makes_first_is_used) {
  fixture f;
  fixture_open(&f);
  fail_next(&f, TEST_IO_RENAME, 1, ENOENT); /* the folder is there when it is to be made */
  ck_assert_msg(mlcm__blob_put(f.blobs, "abc", 3, f.sha256, &f.err) == MLCM_OK, "%s", f.err.message);
  ck_assert(f.io.fired);
  fixture_close(&f);
}
END_TEST

/* ---- sweeping ---- */

static mlcm_status sweep(fixture *f, int64_t *files) {
  int64_t oldest = 0, bytes = 0;
  *files = 0;
  return mlcm__blob_sweep_tmp(f->blobs, INT64_MAX, false, &oldest, files, &bytes, &f->err);
}

START_TEST(what_vanishes_while_it_is_swept_is_passed_by_and_what_cannot_be_swept_stays) {
  static const struct {
    unsigned call;
    int error;
    mlcm_status status;
    bool stays;
  } cases[] = {
      {TEST_IO_STAT, ENOENT, MLCM_OK, true},   {TEST_IO_STAT, EIO, MLCM_IO, true},   {TEST_IO_OPEN, ENOENT, MLCM_OK, true},
      {TEST_IO_OPEN, EACCES, MLCM_OK, true},   {TEST_IO_UNLINK, EIO, MLCM_OK, true}, {TEST_IO_UNLINK, ENOENT, MLCM_OK, true},
      {TEST_IO_CLOSE, EINTR, MLCM_OK, false},
  };
  fixture f;
  fixture_open(&f);
  char *folder = in_dir(&f, "tmp/folder");
  ck_assert_int_eq(mkdir(folder, 0755), 0); /* not a file of anybody's */
  free(folder);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t files = 0, then = 0;
    write_in(&f, "tmp/up-1", "left by a dead writer");
    fail_next(&f, cases[i].call, 1, cases[i].error);
    if (cases[i].call == TEST_IO_STAT) f.io.fail_ever_after = true; /* the folder may come first */
    ck_assert_int_eq(sweep(&f, &files), cases[i].status);
    ck_assert(f.io.fired);
    f.io.fail_ever_after = false;
    fail_next(&f, TEST_IO_ALL, 0, 0);
    ck_assert_int_eq(sweep(&f, &then), MLCM_OK);
    ck_assert_int_eq(then, cases[i].stays);
    ck_assert_int_eq(files, !cases[i].stays);
  }
  fixture_close(&f);
}
END_TEST

/* ---- listing ---- */

static mlcm_status count(void *user, const mlcm__blob_info *info, mlcm_error *err) {
  (void)info;
  (void)err;
  ++*(int *)user;
  return MLCM_OK;
}

START_TEST(names_that_are_no_objects_are_passed_over) {
  static const char hex62[] = "7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  static const char hex64[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  fixture f;
  char name[128];
  int n = 0;
  fixture_open(&f);
  write_in(&f, "objects/ba/short", "");
  snprintf(name, sizeof name, "objects/ba/%s-longer", hex62);
  write_in(&f, name, "");
  snprintf(name, sizeof name, "objects/ba/x%s", hex62 + 1); /* a digit that is none */
  write_in(&f, name, "");
  snprintf(name, sizeof name, "objects/bb/%s", hex62);
  char *folder = in_dir(&f, name);
  ck_assert_int_eq(mkdir(folder, 0755), 0);
  free(folder);
  ck_assert_int_eq(mlcm__blob_each(f.blobs, MLCM__BLOB_OBJECTS, count, &n, &f.err), MLCM_OK);
  ck_assert_int_eq(n, 1);
  snprintf(name, sizeof name, "trash/%s+1", hex64);
  write_in(&f, name, "");
  snprintf(name, sizeof name, "trash/%s-when", hex64);
  write_in(&f, name, "");
  ck_assert_int_eq(mlcm__blob_each(f.blobs, MLCM__BLOB_TRASH, count, &n, &f.err), MLCM_OK);
  ck_assert_int_eq(n, 1);
  fixture_close(&f);
}
END_TEST

/* 187 folders come before that of "abc"; its own is asked for, then the file. */
START_TEST(what_vanishes_while_it_is_listed_is_passed_by) {
  enum { FOLDER = 0xba + 1, FILE_IN_IT };
  static const struct {
    size_t at;
    int error;
    mlcm_status status;
  } cases[] = {{FOLDER, ENOENT, MLCM_OK}, {FILE_IN_IT, ENOENT, MLCM_OK}, {FOLDER, EIO, MLCM_IO}, {FILE_IN_IT, EIO, MLCM_IO}};
  fixture f;
  fixture_open(&f);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int n = 0;
    fail_next(&f, TEST_IO_STAT, cases[i].at, cases[i].error);
    ck_assert_int_eq(mlcm__blob_each(f.blobs, MLCM__BLOB_OBJECTS, count, &n, &f.err), cases[i].status);
    ck_assert(f.io.fired);
    ck_assert_int_eq(n, 0);
  }
  fixture_close(&f);
}
END_TEST

/* ---- the trash ---- */

static mlcm_status through_the_trash(mlcm_context *ctx, void *user, mlcm_error *err) {
  fixture *f = user;
  mlcm__blobs *blobs = NULL;
  mlcm__blob_info trashed = {.size_bytes = 3, .time_ns = 7};
  int64_t oldest = 0, files = 0, bytes = 0;
  memcpy(trashed.sha256, f->sha256, 32);
  ck_assert_int_eq(mlcm__blob_put(f->blobs, "abc", 3, f->sha256, &f->err), MLCM_OK);
  mlcm_status status = mlcm__blobs_open(ctx, f->dir, false, false, &blobs, err);
  if (status == MLCM_OK) status = mlcm__blob_trash(blobs, f->sha256, 7, err);
  if (status == MLCM_OK) status = mlcm__blob_restore(blobs, &trashed, err);
  if (status == MLCM_OK) status = mlcm__blob_trash(blobs, f->sha256, 7, err);
  if (status == MLCM_OK) status = mlcm__blob_unlink(blobs, &trashed, err);
  if (status == MLCM_OK) status = mlcm__blob_sweep_tmp(blobs, INT64_MAX, false, &oldest, &files, &bytes, err);
  mlcm__blobs_close(blobs);
  return status;
}

START_TEST(moving_and_removing_may_fail_at_every_allocation_and_call) {
  fixture f;
  fixture_open(&f);
  ck_assert_uint_gt(test_fault_memory(through_the_trash, NULL, &f), 8);
  ck_assert_uint_gt(test_fault_io(through_the_trash, NULL, &f), 4);
  fixture_close(&f);
}
END_TEST

static mlcm_status enough(void *user, const void *data, size_t len, mlcm_error *err) {
  (void)data;
  *(size_t *)user += len;
  return mlcm__fail(err, MLCM_CANCELLED, "enough");
}

START_TEST(a_tap_that_stops_a_large_file_leaves_nothing) {
  fixture f;
  uint8_t sha256[32];
  size_t seen = 0;
  fixture_open(&f);
  char *source = in_dir(&f, "source"), *bytes = calloc(1, LARGE), *tmp = in_dir(&f, "tmp");
  test_write_file(source, bytes, LARGE);
  ck_assert_int_eq(mlcm__blob_put_file(f.blobs, source, enough, &seen, sha256, NULL, &f.err), MLCM_CANCELLED);
  ck_assert_uint_gt(seen, 0);
  ck_assert_uint_eq(test_count_entries(tmp), 0);
  free(tmp);
  free(bytes);
  free(source);
  fixture_close(&f);
}
END_TEST

START_TEST(the_oldest_of_two_leases_counts) {
  fixture f;
  mlcm__blob_lease *leases[2] = {NULL, NULL};
  int64_t both = 0, first = 0, files = 0, bytes = 0;
  fixture_open(&f);
  for (int i = 0; i < 2; i++) ck_assert_int_eq(mlcm__blob_lease_open(f.blobs, &leases[i], &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(f.blobs, INT64_MAX, false, &both, &files, &bytes, &f.err), MLCM_OK);
  mlcm__blob_lease_close(leases[1]);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(f.blobs, INT64_MAX, false, &first, &files, &bytes, &f.err), MLCM_OK);
  ck_assert_int_eq(both, first);
  mlcm__blob_lease_close(leases[0]);
  fixture_close(&f);
}
END_TEST

START_TEST(a_store_opened_to_read_is_not_made) {
  fixture f;
  mlcm__blobs *blobs = NULL;
  char *fresh = test_temp_dir();
  fixture_open(&f);
  ck_assert_int_eq(mlcm__blobs_open(f.plain, fresh, true, true, &blobs, &f.err), MLCM_NOT_FOUND);
  ck_assert_uint_eq(test_count_entries(fresh), 0);
  test_temp_dir_remove(fresh);
  fixture_close(&f);
}
END_TEST

START_TEST(a_read_only_store_keeps_its_trash) {
  fixture f;
  mlcm__blobs *reader = NULL;
  int64_t oldest = 0, files = 0, bytes = 0;
  mlcm__blob_info trashed = {.size_bytes = 3, .time_ns = 7};
  fixture_open(&f);
  memcpy(trashed.sha256, f.sha256, 32);
  ck_assert_int_eq(mlcm__blobs_open(f.plain, f.dir, true, false, &reader, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_unlink(reader, &trashed, &f.err), MLCM_REFUSED);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(reader, 0, false, &oldest, &files, &bytes, &f.err), MLCM_REFUSED);
  mlcm__blobs_close(reader);
  fixture_close(&f);
}
END_TEST

/* ---- large objects from memory ---- */

START_TEST(a_large_write_that_fails_is_told_at_once_or_at_the_end) {
  fixture f;
  uint8_t sha256[32];
  fixture_open(&f);
  uint8_t *bytes = calloc(1, LARGE);
  fail_next(&f, TEST_IO_WRITE, 1, ENOSPC);
  ck_assert_int_eq(mlcm__blob_put(f.blobs, bytes, LARGE, sha256, &f.err), MLCM_DISK_FULL);
  free(bytes);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      a_read_that_a_signal_interrupts_is_made_again,
      a_file_that_cannot_be_read_is_named,
      an_object_that_ends_early_is_corrupt,
      whoever_loses_the_race_to_set_up_uses_what_is_there,
      the_folder_of_objects_is_there_already_or_cannot_be_moved_to_its_place,
      every_allocation_of_setting_up_may_fail,
      without_random_names_nothing_is_made,
      making_a_lost_folder_may_fail_at_every_allocation_and_call,
      a_lost_folder_that_another_process_makes_first_is_used,
      what_vanishes_while_it_is_swept_is_passed_by_and_what_cannot_be_swept_stays,
      names_that_are_no_objects_are_passed_over,
      what_vanishes_while_it_is_listed_is_passed_by,
      moving_and_removing_may_fail_at_every_allocation_and_call,
      a_tap_that_stops_a_large_file_leaves_nothing,
      the_oldest_of_two_leases_counts,
      a_store_opened_to_read_is_not_made,
      a_read_only_store_keeps_its_trash,
      a_large_write_that_fails_is_told_at_once_or_at_the_end,
  };
  return TEST_RUN("store_blob_faults", tests);
}
