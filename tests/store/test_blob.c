/* SPDX-License-Identifier: Apache-2.0
 *
 * test_blob.c - the object store: writing, reading with verification, leases, trash, faults.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/blob.h"
#include "support/fault.h"
#include "support/suite.h"
#include "support/temp_dir.h"

#define ABC_HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

typedef struct fixture {
  mlcm_context *ctx;
  char *dir;
  mlcm__blobs *blobs;
  mlcm_error err;
  uint8_t sha256[32];
  int64_t size;
} fixture;

static void fixture_open(fixture *f) {
  memset(f, 0, sizeof *f);
  f->ctx = test_context(NULL, NULL, NULL);
  f->dir = test_temp_dir();
  ck_assert_msg(mlcm__blobs_open(f->ctx, f->dir, false, true, &f->blobs, &f->err) == MLCM_OK, "%s", f->err.message);
}

static void fixture_close(fixture *f) {
  mlcm__blobs_close(f->blobs);
  mlcm_context_free(f->ctx);
  test_temp_dir_remove(f->dir);
}

static void put(fixture *f, const char *text) {
  ck_assert_msg(mlcm__blob_put(f->blobs, text, strlen(text), f->sha256, &f->err) == MLCM_OK, "%s", f->err.message);
  f->size = (int64_t)strlen(text);
}

static char *object_path(fixture *f) {
  char *path = NULL;
  ck_assert_int_eq(mlcm__blob_path(f->blobs, f->sha256, &path, &f->err), MLCM_OK);
  return path;
}

static size_t count_tmp(const fixture *f) {
  char *tmp = test_path(f->dir, "tmp");
  size_t n = test_count_entries(tmp);
  free(tmp);
  return n;
}

/* Replaces the object's bytes behind the store's back. */
static void damage(fixture *f, const char *text) {
  char *path = object_path(f);
  ck_assert_int_eq(chmod(path, 0644), 0);
  test_write_file(path, text, strlen(text));
  mlcm__free(f->ctx, path);
}

/* ---- opening ---- */

START_TEST(opening_without_create_needs_the_folders) {
  fixture f;
  memset(&f, 0, sizeof f);
  f.ctx = test_context(NULL, NULL, NULL);
  f.dir = test_temp_dir();
  ck_assert_int_eq(mlcm__blobs_open(f.ctx, f.dir, false, false, &f.blobs, &f.err), MLCM_NOT_FOUND);
  ck_assert_ptr_null(f.blobs);
  ck_assert_uint_eq(test_count_entries(f.dir), 0);
  fixture_close(&f);
}
END_TEST

START_TEST(all_folders_are_made_at_once) {
  fixture f;
  fixture_open(&f);
  char *objects = test_path(f.dir, "objects");
  ck_assert_uint_eq(test_count_entries(objects), 256);
  ck_assert_uint_eq(count_tmp(&f), 0);
  free(objects);
  fixture_close(&f);
}
END_TEST

START_TEST(a_read_only_store_takes_no_change) {
  fixture f;
  mlcm__blobs *reader = NULL;
  mlcm__blob_writer *writer = NULL;
  mlcm__blob_lease *lease = NULL;
  fixture_open(&f);
  put(&f, "abc");
  ck_assert_int_eq(mlcm__blobs_open(f.ctx, f.dir, true, false, &reader, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_begin(reader, 1, &writer, &f.err), MLCM_REFUSED);
  ck_assert_int_eq(mlcm__blob_lease_open(reader, &lease, &f.err), MLCM_REFUSED);
  ck_assert_int_eq(mlcm__blob_trash(reader, f.sha256, 1, &f.err), MLCM_REFUSED);
  ck_assert_int_eq(mlcm__blob_exists(reader, f.sha256, 3, &f.err), MLCM_OK);
  mlcm__blobs_close(reader);
  fixture_close(&f);
}
END_TEST

/* ---- writing ---- */

START_TEST(an_object_has_the_name_of_its_digest) {
  fixture f;
  char hex[65];
  struct stat st;
  fixture_open(&f);
  put(&f, "abc");
  mlcm__hex(f.sha256, 32, hex);
  ck_assert_str_eq(hex, ABC_HEX);
  char *path = object_path(&f);
  ck_assert_ptr_nonnull(strstr(path, "/objects/ba/7816bf8f"));
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0444);
  ck_assert_uint_eq(count_tmp(&f), 0);
  mlcm__free(f.ctx, path);
  fixture_close(&f);
}
END_TEST

START_TEST(an_empty_object_is_one_too) {
  fixture f;
  mlcm__blob_bytes bytes = {0};
  fixture_open(&f);
  put(&f, "");
  ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, 0, &bytes, &f.err), MLCM_OK);
  ck_assert_uint_eq(bytes.size, 0);
  ck_assert_ptr_nonnull(bytes.data);
  mlcm__blob_bytes_free(&bytes);
  fixture_close(&f);
}
END_TEST

START_TEST(an_aborted_write_leaves_nothing) {
  fixture f;
  mlcm__blob_writer *writer = NULL;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__blob_begin(f.blobs, -1, &writer, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_write(writer, "abc", 3, &f.err), MLCM_OK);
  ck_assert_uint_eq(count_tmp(&f), 1);
  mlcm__blob_abort(writer);
  ck_assert_uint_eq(count_tmp(&f), 0);
  fixture_close(&f);
}
END_TEST

START_TEST(writing_an_object_again_renews_and_heals_it) {
  fixture f;
  fixture_open(&f);
  put(&f, "abc");
  damage(&f, "abd");
  put(&f, "abc");
  mlcm__blob_bytes bytes = {0};
  ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, 3, &bytes, &f.err), MLCM_OK);
  ck_assert_mem_eq(bytes.data, "abc", 4); /* with the zero behind it */
  mlcm__blob_bytes_free(&bytes);
  fixture_close(&f);
}
END_TEST

START_TEST(a_lost_folder_is_made_again) {
  fixture f;
  fixture_open(&f);
  char *folder = test_path(f.dir, "objects/ba");
  ck_assert_int_eq(rmdir(folder), 0);
  put(&f, "abc");
  ck_assert_int_eq(mlcm__blob_exists(f.blobs, f.sha256, 3, &f.err), MLCM_OK);
  free(folder);
  fixture_close(&f);
}
END_TEST

static mlcm_status count_bytes(void *user, const void *data, size_t len, mlcm_error *err) {
  (void)data;
  (void)err;
  *(int64_t *)user += (int64_t)len;
  return MLCM_OK;
}

/* Sizes around the chunk of 256 KiB and the threshold of 8 MiB from which a thread helps. */
START_TEST(files_of_every_size_come_back) {
  static const size_t sizes[] = {1, 4096, 262143, 262144, 262145, 8388607, 8388608, 8388609, 20000000};
  fixture f;
  fixture_open(&f);
  char *source = test_path(f.dir, "source");
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    uint8_t expected[32];
    int64_t size = 0, seen = 0, verified = 0;
    mlcm__blob_bytes bytes = {0};
    char *data = malloc(sizes[i]);
    for (size_t k = 0; k < sizes[i]; k++) data[k] = (char)(k * 7 + k / 4096 + i);
    test_write_file(source, data, sizes[i]);
    ck_assert_int_eq(mlcm__sha256_of(data, sizes[i], expected, &f.err), MLCM_OK);
    ck_assert_int_eq(mlcm__blob_put_file(f.blobs, source, count_bytes, &seen, f.sha256, &size, &f.err), MLCM_OK);
    ck_assert_mem_eq(f.sha256, expected, 32);
    ck_assert_int_eq(size, (int64_t)sizes[i]);
    ck_assert_int_eq(seen, size);
    ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, size, &bytes, &f.err), MLCM_OK);
    ck_assert_mem_eq(bytes.data, data, sizes[i]);
    ck_assert_uint_eq((uintptr_t)bytes.data % 64, 0);
    ck_assert_int_eq(bytes.data[sizes[i]], 0);
    mlcm__blob_bytes_free(&bytes);
    ck_assert_int_eq(mlcm__blob_verify(f.blobs, f.sha256, size, count_bytes, &verified, &f.err), MLCM_OK);
    ck_assert_int_eq(verified, size);
    ck_assert_int_eq(mlcm__blob_put(f.blobs, data, sizes[i], f.sha256, &f.err), MLCM_OK);
    ck_assert_mem_eq(f.sha256, expected, 32);
    free(data);
  }
  free(source);
  fixture_close(&f);
}
END_TEST

START_TEST(a_symbolic_link_or_folder_is_not_read_as_a_file) {
  fixture f;
  fixture_open(&f);
  char *source = test_path(f.dir, "source"), *link_path = test_path(f.dir, "link");
  test_write_file(source, "abc", 3);
  ck_assert_int_eq(symlink(source, link_path), 0);
  ck_assert_int_eq(mlcm__blob_put_file(f.blobs, link_path, NULL, NULL, f.sha256, NULL, &f.err), MLCM_IO);
  ck_assert_int_eq(mlcm__blob_put_file(f.blobs, f.dir, NULL, NULL, f.sha256, NULL, &f.err), MLCM_INVALID_ARGUMENT);
  ck_assert_uint_eq(count_tmp(&f), 0);
  free(source);
  free(link_path);
  fixture_close(&f);
}
END_TEST

static mlcm_status stop(void *user, const void *data, size_t len, mlcm_error *err) {
  (void)user;
  (void)data;
  (void)len;
  return mlcm__fail(err, MLCM_CANCELLED, "stopped");
}

START_TEST(a_tap_that_stops_leaves_nothing) {
  fixture f;
  fixture_open(&f);
  char *source = test_path(f.dir, "source");
  test_write_file(source, "abc", 3);
  ck_assert_int_eq(mlcm__blob_put_file(f.blobs, source, stop, NULL, f.sha256, NULL, &f.err), MLCM_CANCELLED);
  ck_assert_uint_eq(count_tmp(&f), 0);
  free(source);
  fixture_close(&f);
}
END_TEST

/* ---- reading ---- */

START_TEST(a_changed_byte_is_found_naming_both_digests) {
  fixture f;
  mlcm__blob_bytes bytes = {0};
  fixture_open(&f);
  put(&f, "abc");
  damage(&f, "abd");
  ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, 3, &bytes, &f.err), MLCM_CORRUPT);
  ck_assert_ptr_null(bytes.data);
  ck_assert_ptr_nonnull(strstr(f.err.message, ABC_HEX));
  ck_assert_ptr_nonnull(strstr(f.err.message, "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9"));
  ck_assert_int_eq(mlcm__blob_verify(f.blobs, f.sha256, 3, NULL, NULL, &f.err), MLCM_CORRUPT);
  fixture_close(&f);
}
END_TEST

START_TEST(another_size_is_found_before_reading) {
  fixture f;
  mlcm__blob_bytes bytes = {0};
  fixture_open(&f);
  put(&f, "abc");
  damage(&f, "abcd");
  ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, 3, &bytes, &f.err), MLCM_CORRUPT);
  ck_assert_int_eq(mlcm__blob_exists(f.blobs, f.sha256, 3, &f.err), MLCM_CORRUPT);
  ck_assert_int_eq(mlcm__blob_exists(f.blobs, f.sha256, -1, &f.err), MLCM_OK);
  fixture_close(&f);
}
END_TEST

START_TEST(an_object_that_is_not_there_is_not_found) {
  fixture f;
  mlcm__blob_bytes bytes = {0};
  fixture_open(&f);
  memset(f.sha256, 7, 32);
  ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, 3, &bytes, &f.err), MLCM_NOT_FOUND);
  ck_assert_int_eq(mlcm__blob_exists(f.blobs, f.sha256, 3, &f.err), MLCM_NOT_FOUND);
  ck_assert_int_eq(mlcm__blob_trash(f.blobs, f.sha256, 1, &f.err), MLCM_NOT_FOUND);
  fixture_close(&f);
}
END_TEST

START_TEST(a_large_objects_memory_is_read_only) {
  fixture f;
  mlcm__blob_bytes bytes = {0};
  int status = 0;
  fixture_open(&f);
  char *data = calloc(1, 1 << 20);
  ck_assert_int_eq(mlcm__blob_put(f.blobs, data, 1 << 20, f.sha256, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, 1 << 20, &bytes, &f.err), MLCM_OK);
  pid_t pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL);
    *(volatile uint8_t *)(uintptr_t)bytes.data = 1;
    _exit(0);
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFSIGNALED(status));
  mlcm__blob_bytes_free(&bytes);
  free(data);
  fixture_close(&f);
}
END_TEST

/* ---- listing, trash, leases ---- */

static mlcm_status keep_last(void *user, const mlcm__blob_info *info, mlcm_error *err) {
  (void)err;
  *(mlcm__blob_info *)user = *info;
  return MLCM_OK;
}

static mlcm_status count_visits(void *user, const mlcm__blob_info *info, mlcm_error *err) {
  (void)info;
  (void)err;
  ++*(int *)user;
  return MLCM_OK;
}

START_TEST(listing_passes_over_what_is_no_object) {
  fixture f;
  int n = 0;
  fixture_open(&f);
  put(&f, "abc");
  put(&f, "def");
  char *stray = test_path(f.dir, "objects/ba/readme");
  test_write_file(stray, "x", 1);
  ck_assert_int_eq(mlcm__blob_each(f.blobs, MLCM__BLOB_OBJECTS, count_visits, &n, &f.err), MLCM_OK);
  ck_assert_int_eq(n, 2);
  free(stray);
  fixture_close(&f);
}
END_TEST

START_TEST(the_trash_gives_back_and_removes) {
  fixture f;
  mlcm__blob_info info = {0};
  fixture_open(&f);
  put(&f, "abc");
  ck_assert_int_eq(mlcm__blob_trash(f.blobs, f.sha256, 1234, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_exists(f.blobs, f.sha256, 3, &f.err), MLCM_NOT_FOUND);
  ck_assert_int_eq(mlcm__blob_each(f.blobs, MLCM__BLOB_TRASH, keep_last, &info, &f.err), MLCM_OK);
  ck_assert_mem_eq(info.sha256, f.sha256, 32);
  ck_assert_int_eq(info.time_ns, 1234);
  ck_assert_int_eq(info.size_bytes, 3);
  ck_assert_int_eq(mlcm__blob_restore(f.blobs, &info, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_exists(f.blobs, f.sha256, 3, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_trash(f.blobs, f.sha256, 1234, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_unlink(f.blobs, &info, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_unlink(f.blobs, &info, &f.err), MLCM_NOT_FOUND);
  fixture_close(&f);
}
END_TEST

START_TEST(a_living_lease_is_seen_and_stays) {
  fixture f;
  mlcm__blob_lease *lease = NULL;
  int64_t oldest = 0, files = 0, bytes = 0;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(f.blobs, INT64_MAX, false, &oldest, &files, &bytes, &f.err), MLCM_OK);
  ck_assert_int_eq(oldest, INT64_MAX);
  ck_assert_int_eq(mlcm__blob_lease_open(f.blobs, &lease, &f.err), MLCM_OK);
  put(&f, "abc");
  mlcm__blob_info info;
  ck_assert_int_eq(mlcm__blob_stat(f.blobs, f.sha256, &info, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(f.blobs, INT64_MAX, false, &oldest, &files, &bytes, &f.err), MLCM_OK);
  ck_assert_int_le(oldest, info.time_ns);
  ck_assert_int_eq(files, 0);
  mlcm__blob_lease_close(lease);
  ck_assert_uint_eq(count_tmp(&f), 0);
  fixture_close(&f);
}
END_TEST

START_TEST(what_a_killed_writer_left_is_removed_after_its_time) {
  fixture f;
  int64_t oldest = 0, files = 0, bytes = 0;
  fixture_open(&f);
  pid_t pid = fork();
  if (pid == 0) {
    mlcm__blob_writer *writer = NULL;
    mlcm__blob_lease *lease = NULL;
    if (mlcm__blob_lease_open(f.blobs, &lease, NULL) != MLCM_OK || mlcm__blob_begin(f.blobs, 3, &writer, NULL) != MLCM_OK)
      _exit(1);
    if (mlcm__blob_write(writer, "abc", 3, NULL) != MLCM_OK) _exit(1);
    raise(SIGKILL);
  }
  ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
  ck_assert_uint_eq(count_tmp(&f), 2);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(f.blobs, 0, false, &oldest, &files, &bytes, &f.err), MLCM_OK);
  ck_assert_int_eq(files, 0);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(f.blobs, INT64_MAX, true, &oldest, &files, &bytes, &f.err), MLCM_OK);
  ck_assert_int_eq(files, 2);
  ck_assert_uint_eq(count_tmp(&f), 2);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(f.blobs, INT64_MAX, false, &oldest, &files, &bytes, &f.err), MLCM_OK);
  ck_assert_int_eq(files, 4);
  ck_assert_int_eq(bytes, 6);
  ck_assert_uint_eq(count_tmp(&f), 0);
  fixture_close(&f);
}
END_TEST

/* Processes that write the same objects at the same time: nobody fails, nothing is left over. */
START_TEST(writers_of_the_same_object_do_not_collide) {
  fixture f;
  fixture_open(&f);
  for (int i = 0; i < 4; i++) {
    if (fork() > 0) continue;
    mlcm_status status = MLCM_OK;
    for (int k = 0; status == MLCM_OK && k < 20; k++) {
      char text[16];
      snprintf(text, sizeof text, "object %d", k);
      status = mlcm__blob_put(f.blobs, text, strlen(text), f.sha256, &f.err);
    }
    if (status != MLCM_OK) fprintf(stderr, "%s\n", f.err.message);
    _exit(status == MLCM_OK ? 0 : 1);
  }
  for (int i = 0; i < 4; i++) {
    int status = 0;
    ck_assert_int_gt(wait(&status), 0);
    ck_assert_int_eq(status, 0);
  }
  int n = 0;
  ck_assert_int_eq(mlcm__blob_each(f.blobs, MLCM__BLOB_OBJECTS, count_visits, &n, &f.err), MLCM_OK);
  ck_assert_int_eq(n, 20);
  ck_assert_uint_eq(count_tmp(&f), 0);
  fixture_close(&f);
}
END_TEST

/* ---- faults ---- */

static mlcm_status script(mlcm_context *ctx, void *user, mlcm_error *err) {
  fixture *f = (fixture *)user;
  mlcm__blobs *blobs = NULL;
  mlcm__blob_lease *lease = NULL;
  mlcm__blob_bytes bytes = {0};
  mlcm__blob_info last = {0};
  uint8_t sha256[32];
  int64_t size = 0, oldest = 0, files = 0, swept = 0;
  mlcm_status status = mlcm__blobs_open(ctx, f->dir, false, true, &blobs, err);
  if (status == MLCM_OK) status = mlcm__blob_lease_open(blobs, &lease, err);
  if (status == MLCM_OK) status = mlcm__blob_put(blobs, "abc", 3, sha256, err);
  if (status == MLCM_OK) status = mlcm__blob_read_verified(blobs, sha256, 3, &bytes, err);
  if (status == MLCM_OK) ck_assert_mem_eq(bytes.data, "abc", 3);
  if (status == MLCM_OK) status = mlcm__blob_verify(blobs, sha256, 3, count_bytes, &size, err);
  if (status == MLCM_OK) status = mlcm__blob_sweep_tmp(blobs, 0, false, &oldest, &files, &swept, err);
  if (status == MLCM_OK) status = mlcm__blob_trash(blobs, sha256, 1, err);
  if (status == MLCM_OK) status = mlcm__blob_each(blobs, MLCM__BLOB_TRASH, keep_last, &last, err);
  if (status == MLCM_OK) status = mlcm__blob_restore(blobs, &last, err);
  mlcm__blob_bytes_free(&bytes);
  mlcm__blob_lease_close(lease);
  mlcm__blobs_close(blobs);
  return status;
}

/* Whatever failed: what is there is whole, and the store opens and works. Left-overs of failed removals are swept, as gc would.
 * */
static void still_sound(void *user) {
  fixture *f = (fixture *)user;
  int64_t oldest = 0, files = 0, swept = 0;
  mlcm__blobs *blobs = NULL;
  mlcm__blob_bytes bytes = {0};
  uint8_t sha256[32];
  ck_assert(mlcm__unhex(ABC_HEX, 64, sha256));
  ck_assert_msg(mlcm__blobs_open(f->ctx, f->dir, false, true, &blobs, &f->err) == MLCM_OK, "%s", f->err.message);
  mlcm_status status = mlcm__blob_read_verified(blobs, sha256, 3, &bytes, &f->err);
  ck_assert_msg(status == MLCM_OK || status == MLCM_NOT_FOUND, "%s", f->err.message);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(blobs, INT64_MAX, false, &oldest, &files, &swept, &f->err), MLCM_OK);
  ck_assert_int_eq(oldest, INT64_MAX);
  mlcm__blob_bytes_free(&bytes);
  mlcm__blobs_close(blobs);
}

START_TEST(every_allocation_may_fail) {
  fixture f;
  fixture_open(&f);
  ck_assert_uint_gt(test_fault_memory(script, still_sound, &f), 20);
  fixture_close(&f);
}
END_TEST

START_TEST(every_call_of_the_io_table_may_fail) {
  fixture f;
  fixture_open(&f);
  ck_assert_uint_gt(test_fault_io(script, still_sound, &f), 30);
  fixture_close(&f);
}
END_TEST

/* Setting up makes 256 folders, so that only some of its calls are made to fail: the first ones and then every fortieth. */
START_TEST(setting_up_may_fail_anywhere_and_be_repeated) {
  fixture f;
  bool fired = true;
  fixture_open(&f);
  char *fresh = test_path(f.dir, "fresh"), *objects = test_path(f.dir, "fresh/objects");
  for (size_t call = 1; fired; call += call < 12 ? 1 : 40) {
    test_io io;
    mlcm__blobs *blobs = NULL;
    test_io_init(&io);
    io.fail_at = call;
    mlcm_io table = test_io_table(&io);
    mlcm_context *ctx = test_context(NULL, &table, NULL);
    ck_assert_int_eq(mkdir(fresh, 0755), 0);
    mlcm_status status = mlcm__blobs_open(ctx, fresh, false, true, &blobs, &f.err);
    fired = io.fired;
    ck_assert(fired || status == MLCM_OK);
    mlcm__blobs_close(blobs);
    mlcm_context_free(ctx);
    blobs = NULL;
    ck_assert_msg(mlcm__blobs_open(f.ctx, fresh, false, true, &blobs, &f.err) == MLCM_OK, "%s", f.err.message);
    mlcm__blobs_close(blobs);
    ck_assert_uint_eq(test_count_entries(objects), 256);
    test_temp_dir_remove(strdup(fresh));
  }
  free(objects);
  free(fresh);
  fixture_close(&f);
}
END_TEST

static mlcm_status put_large(mlcm_context *ctx, void *user, mlcm_error *err) {
  fixture *f = (fixture *)user;
  mlcm__blobs *blobs = NULL;
  uint8_t sha256[32];
  char *source = test_path(f->dir, "source");
  mlcm_status status = mlcm__blobs_open(ctx, f->dir, false, false, &blobs, err);
  if (status == MLCM_OK) status = mlcm__blob_put_file(blobs, source, NULL, NULL, sha256, NULL, err);
  mlcm__blobs_close(blobs);
  free(source);
  return status;
}

START_TEST(a_piped_write_may_fail_anywhere) {
  fixture f;
  fixture_open(&f);
  char *source = test_path(f.dir, "source");
  char *data = calloc(1, 9 << 20);
  test_write_file(source, data, 9 << 20);
  test_fault_io(put_large, NULL, &f);
  test_fault_memory(put_large, NULL, &f);
  free(data);
  free(source);
  fixture_close(&f);
}
END_TEST

START_TEST(short_transfers_are_completed) {
  fixture f;
  test_io io;
  fixture_open(&f);
  test_io_init(&io);
  io.max_transfer = 1000;
  mlcm_io table = test_io_table(&io);
  mlcm_context *ctx = test_context(NULL, &table, NULL);
  mlcm__blobs *blobs = NULL;
  mlcm__blob_bytes bytes = {0};
  char *data = malloc(100000);
  for (int i = 0; i < 100000; i++) data[i] = (char)(i * 31);
  ck_assert_int_eq(mlcm__blobs_open(ctx, f.dir, false, false, &blobs, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_put(blobs, data, 100000, f.sha256, &f.err), MLCM_OK);
  ck_assert_int_eq(mlcm__blob_read_verified(blobs, f.sha256, 100000, &bytes, &f.err), MLCM_OK);
  ck_assert_mem_eq(bytes.data, data, 100000);
  mlcm__blob_bytes_free(&bytes);
  mlcm__blobs_close(blobs);
  mlcm_context_free(ctx);
  free(data);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      opening_without_create_needs_the_folders,
      all_folders_are_made_at_once,
      a_read_only_store_takes_no_change,
      an_object_has_the_name_of_its_digest,
      an_empty_object_is_one_too,
      an_aborted_write_leaves_nothing,
      writing_an_object_again_renews_and_heals_it,
      a_lost_folder_is_made_again,
      files_of_every_size_come_back,
      a_symbolic_link_or_folder_is_not_read_as_a_file,
      a_tap_that_stops_leaves_nothing,
      a_changed_byte_is_found_naming_both_digests,
      another_size_is_found_before_reading,
      an_object_that_is_not_there_is_not_found,
      a_large_objects_memory_is_read_only,
      listing_passes_over_what_is_no_object,
      the_trash_gives_back_and_removes,
      a_living_lease_is_seen_and_stays,
      what_a_killed_writer_left_is_removed_after_its_time,
      writers_of_the_same_object_do_not_collide,
      every_allocation_may_fail,
      every_call_of_the_io_table_may_fail,
      setting_up_may_fail_anywhere_and_be_repeated,
      a_piped_write_may_fail_anywhere,
      short_transfers_are_completed,
  };
  return TEST_RUN("store_blob", tests);
}
