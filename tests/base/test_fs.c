/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fs.c - files through the I/O table: whole reads and writes, and every call of them failing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "support/fault.h"
#include "support/suite.h"
#include "support/temp_dir.h"

static void assert_joins(const char *dir, const char *name, const char *expected) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *path = NULL;
  ck_assert_int_eq(mlcm__path_join(ctx, dir, name, &path, NULL), MLCM_OK);
  ck_assert_str_eq(path, expected);
  mlcm__free(ctx, path);
  mlcm_context_free(ctx);
}

START_TEST(paths_are_joined_with_one_slash) {
  assert_joins("a", "b", "a/b");
  assert_joins("a/", "b", "a/b");
  assert_joins("a///", "b/c", "a/b/c");
  assert_joins("/", "b", "/b");
  assert_joins("", "b", "b");
}
END_TEST

START_TEST(a_file_is_read_whole) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir(), *path = test_path(dir, "f"), *data = NULL;
  size_t len = 0;
  test_write_file(path, "a\0b", 3);
  ck_assert_int_eq(mlcm__read_file(ctx, path, 3, &data, &len, NULL), MLCM_OK);
  ck_assert_uint_eq(len, 3);
  ck_assert_mem_eq(data, "a\0b\0", 4);
  mlcm__free(ctx, data);
  test_write_file(path, "", 0);
  ck_assert_int_eq(mlcm__read_file(ctx, path, 0, &data, &len, NULL), MLCM_OK);
  ck_assert_uint_eq(len, 0);
  ck_assert_str_eq(data, "");
  mlcm__free(ctx, data);
  free(path);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(what_cannot_be_read_is_named) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir(), *path = test_path(dir, "f"), *fifo = test_path(dir, "pipe"), *data = NULL;
  size_t len = 0;
  mlcm_error err;
  ck_assert_int_eq(mlcm__read_file(ctx, path, 10, &data, &len, &err), MLCM_NOT_FOUND);
  ck_assert_int_eq(err.sys_code, ENOENT);
  ck_assert_ptr_nonnull(strstr(err.message, path));
  ck_assert_int_eq(mlcm__read_file(ctx, dir, 10, &data, &len, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "a directory"));
  test_write_file(path, "12345678901", 11);
  ck_assert_int_eq(mlcm__read_file(ctx, path, 10, &data, &len, &err), MLCM_LIMIT);
  ck_assert_ptr_nonnull(strstr(err.message, "has 11 bytes, more than the limit of 10"));
  ck_assert_int_eq(mkfifo(fifo, 0600), 0);
  ck_assert_int_eq(mlcm__read_file(ctx, fifo, 10, &data, &len, &err), MLCM_INVALID_ARGUMENT); /* and does not wait for a writer */
  ck_assert_ptr_null(data);
  free(path), free(fifo);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

/* A file whose fstat lies: it grows between fstat and read. */
static int lying_fstat(void *user, int fd, mlcm_file_info *out) {
  mlcm_io real;
  (void)user;
  mlcm_io_default(&real);
  const int bad = real.fstat(real.user, fd, out);
  out->size_bytes = 1;
  return bad;
}

START_TEST(a_growing_file_is_read_to_its_end_or_its_limit) {
  mlcm_io io;
  mlcm_io_default(&io);
  io.fstat = lying_fstat;
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  char *dir = test_temp_dir(), *path = test_path(dir, "f"), *data = NULL;
  size_t len = 0;
  char large[5000];
  memset(large, 'z', sizeof large);
  test_write_file(path, large, sizeof large);
  ck_assert_int_eq(mlcm__read_file(ctx, path, sizeof large, &data, &len, NULL), MLCM_OK);
  ck_assert_uint_eq(len, sizeof large);
  mlcm__free(ctx, data);
  data = NULL;
  ck_assert_int_eq(mlcm__read_file(ctx, path, sizeof large - 1, &data, &len, NULL), MLCM_LIMIT);
  ck_assert_ptr_null(data);
  free(path);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(short_reads_and_writes_are_completed) {
  test_io io;
  test_io_init(&io);
  io.max_transfer = 3;
  const mlcm_io table = test_io_table(&io);
  mlcm_context *ctx = test_context(NULL, &table, NULL);
  char *dir = test_temp_dir(), *path = test_path(dir, "f"), *data = NULL;
  size_t len = 0;
  ck_assert_int_eq(mlcm__replace_file(ctx, path, "0123456789", 10, 0600, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__read_file(ctx, path, 10, &data, &len, NULL), MLCM_OK);
  ck_assert_str_eq(data, "0123456789");
  mlcm__free(ctx, data);
  free(path);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

static int64_t interrupted_write(void *user, int fd, const void *data, size_t size_bytes) {
  mlcm_io real;
  int *n = user;
  mlcm_io_default(&real);
  return (*n)++ % 2 == 0 ? -EINTR : real.write(real.user, fd, data, size_bytes ? 1 : 0);
}

static int64_t zero_write(void *user, int fd, const void *data, size_t size_bytes) {
  (void)user, (void)fd, (void)data, (void)size_bytes;
  return 0;
}

START_TEST(interrupted_writes_go_on_and_stuck_ones_end) {
  mlcm_io io;
  int n = 0;
  mlcm_io_default(&io);
  io.user = &n;
  io.write = interrupted_write;
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  char *dir = test_temp_dir(), *path = test_path(dir, "f");
  ck_assert_int_eq(mlcm__replace_file(ctx, path, "abc", 3, 0600, NULL), MLCM_OK);
  char *text = test_read_file(path, NULL);
  ck_assert_str_eq(text, "abc");
  free(text);
  mlcm_context_free(ctx);
  io.write = zero_write;
  ctx = test_context(NULL, &io, NULL);
  ck_assert_int_eq(mlcm__write_all(ctx, 1, "abc", 3), -EIO);
  mlcm_context_free(ctx);
  free(path);
  test_temp_dir_remove(dir);
}
END_TEST

START_TEST(directories_are_made_with_their_parents) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir(), *deep = test_path(dir, "a/b//c/"), *c = test_path(dir, "a/b/c"), *link = test_path(dir, "link");
  struct stat st;
  ck_assert_int_eq(mlcm__make_dirs(ctx, deep, 0700, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__make_dirs(ctx, deep, 0700, NULL), MLCM_OK);
  ck_assert_int_eq(stat(c, &st), 0);
  ck_assert(S_ISDIR(st.st_mode));
  ck_assert_uint_eq(st.st_mode & 0777, 0700);
  ck_assert_int_eq(symlink(c, link), 0);
  ck_assert_int_eq(mlcm__make_dirs(ctx, link, 0700, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__make_dirs(ctx, "/", 0700, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__make_dirs(ctx, ".", 0700, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__make_dirs(ctx, "", 0700, NULL), MLCM_INVALID_ARGUMENT);
  free(deep), free(c), free(link);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_file_in_the_way_of_a_directory_is_told) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir(), *file = test_path(dir, "f"), *below = test_path(dir, "f/g");
  mlcm_error err;
  test_write_file(file, "x", 1);
  ck_assert_int_ne(mlcm__make_dirs(ctx, file, 0700, &err), MLCM_OK);
  ck_assert_int_eq(err.sys_code, ENOTDIR);
  ck_assert_int_ne(mlcm__make_dirs(ctx, below, 0700, &err), MLCM_OK);
  ck_assert_ptr_nonnull(strstr(err.message, "f/g"));
  free(file), free(below);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(replacing_leaves_one_file_with_the_new_bytes) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir(), *path = test_path(dir, "f");
  struct stat st;
  ck_assert_int_eq(mlcm__replace_file(ctx, path, "old", 3, 0600, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__replace_file(ctx, path, "newer", 5, 0640, NULL), MLCM_OK);
  char *text = test_read_file(path, NULL);
  ck_assert_str_eq(text, "newer");
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_uint_eq(st.st_mode & 0700, 0600);
  ck_assert_uint_eq(test_count_entries(dir), 1);
  free(text), free(path);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_relative_name_stands_in_the_working_directory) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  const int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_eq(chdir(dir), 0);
  const mlcm_status st = mlcm__replace_file(ctx, "plain", "x", 1, 0600, NULL);
  ck_assert_int_eq(fchdir(back), 0);
  close(back);
  ck_assert_int_eq(st, MLCM_OK);
  ck_assert_uint_eq(test_count_entries(dir), 1);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

typedef struct seen {
  char names[64];
  mlcm_status answer;
} seen;

static mlcm_status visit(void *user, const char *name, mlcm_error *err) {
  seen *s = user;
  strncat(s->names, name, sizeof s->names - strlen(s->names) - 1);
  return s->answer ? mlcm__fail(err, s->answer, "stopped at %s", name) : MLCM_OK;
}

START_TEST(listing_is_sorted_by_bytes_and_can_be_stopped) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *dir = test_temp_dir();
  static const char *const names[] = {"b", "a", "B", "c"};
  for (size_t i = 0; i < 4; i++) {
    char *path = test_path(dir, names[i]);
    test_write_file(path, "", 0);
    free(path);
  }
  seen s = {"", MLCM_OK};
  mlcm_error err;
  ck_assert_int_eq(mlcm__list_dir(ctx, dir, visit, &s, NULL), MLCM_OK);
  ck_assert_str_eq(s.names, "Babc");
  s = (seen){"", MLCM_BUSY};
  ck_assert_int_eq(mlcm__list_dir(ctx, dir, visit, &s, &err), MLCM_BUSY);
  ck_assert_str_eq(s.names, "B");
  ck_assert_str_eq(err.message, "stopped at B");
  ck_assert_int_eq(mlcm__list_dir(ctx, "/nowhere", visit, &s, &err), MLCM_NOT_FOUND);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Faults -------------------------------------------------------------------------------------------------------- */

/* Replaces a file whose old bytes are "old". */
static mlcm_status replace(mlcm_context *ctx, void *user, mlcm_error *err) {
  char *path = test_path(user, "f");
  test_write_file(path, "old", 3);
  const mlcm_status st = mlcm__replace_file(ctx, path, "new!", 4, 0600, err);
  char *text = test_read_file(path, NULL);
  if (st == MLCM_OK || st == MLCM_OUTCOME_UNKNOWN) {
    ck_assert_str_eq(text, "new!");
  } else {
    ck_assert_str_eq(text, "old");
  }
  free(text);
  free(path);
  return st;
}

static mlcm_status make_read_list(mlcm_context *ctx, void *user, mlcm_error *err) {
  char *sub = test_path(user, "x/y"), *x = test_path(user, "x"), *file = test_path(user, "f"), *data = NULL;
  size_t len = 0;
  seen s = {"", MLCM_OK};
  rmdir(sub);
  rmdir(x);
  test_write_file(file, "data", 4);
  mlcm_status st = mlcm__make_dirs(ctx, sub, 0700, err);
  if (!st) st = mlcm__read_file(ctx, file, 100, &data, &len, err);
  if (!st) st = mlcm__list_dir(ctx, user, visit, &s, err);
  mlcm__free(ctx, data);
  free(sub), free(x), free(file);
  return st;
}

START_TEST(a_failed_replacement_leaves_the_old_file) {
  char *dir = test_temp_dir();
  ck_assert_uint_ge(test_fault_io(replace, NULL, dir), 8);
  ck_assert_uint_ge(test_fault_memory(replace, NULL, dir), 2);
  test_temp_dir_remove(dir);
}
END_TEST

START_TEST(every_failing_call_is_told_and_nothing_leaks) {
  char *dir = test_temp_dir();
  ck_assert_uint_ge(test_fault_io(make_read_list, NULL, dir), 15);
  ck_assert_uint_ge(test_fault_memory(make_read_list, NULL, dir), 5);
  test_temp_dir_remove(dir);
}
END_TEST

START_TEST(a_full_disk_has_a_status_of_its_own) {
  test_io io;
  test_io_init(&io);
  io.counted = TEST_IO_WRITE;
  io.fail_at = 1;
  io.fail_errno = ENOSPC;
  const mlcm_io table = test_io_table(&io);
  mlcm_context *ctx = test_context(NULL, &table, NULL);
  char *dir = test_temp_dir(), *path = test_path(dir, "f");
  mlcm_error err;
  ck_assert_int_eq(mlcm__replace_file(ctx, path, "x", 1, 0600, &err), MLCM_DISK_FULL);
  ck_assert_uint_eq(test_count_entries(dir), 0); /* no temporary file either */
  free(path);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(an_unsynced_folder_is_outcome_unknown) {
  test_io io;
  test_io_init(&io);
  io.counted = TEST_IO_SYNC;
  io.fail_at = 2; /* the first is the file's */
  const mlcm_io table = test_io_table(&io);
  mlcm_context *ctx = test_context(NULL, &table, NULL);
  char *dir = test_temp_dir(), *path = test_path(dir, "f");
  mlcm_error err;
  ck_assert_int_eq(mlcm__replace_file(ctx, path, "x", 1, 0600, &err), MLCM_OUTCOME_UNKNOWN);
  ck_assert_int_eq(err.sys_code, EIO);
  ck_assert(test_exists(path));
  io.fail_at = io.n_calls + 2;
  ck_assert_int_eq(mlcm__replace_file(ctx, path, "y", 1, 0600, NULL), MLCM_OUTCOME_UNKNOWN);
  free(path);
  test_temp_dir_remove(dir);
  mlcm_context_free(ctx);
}
END_TEST

/* An I/O table that interrupts every other call and says that files are empty, so that reading makes room as it goes. */
typedef struct odd_io {
  mlcm_io real;
  int n;
  int64_t size_bytes; /* what fstat says */
} odd_io;

static int odd_open(void *user, const char *path, int flags, uint32_t mode) {
  odd_io *io = user;
  return io->n++ % 2 == 0 ? -EINTR : io->real.open(io->real.user, path, flags, mode);
}

static int64_t odd_read(void *user, int fd, void *out, size_t size_bytes) {
  odd_io *io = user;
  return io->n++ % 2 == 0 ? -EINTR : io->real.read(io->real.user, fd, out, size_bytes);
}

static int odd_fstat(void *user, int fd, mlcm_file_info *out) {
  odd_io *io = user;
  const int bad = io->real.fstat(io->real.user, fd, out);
  out->size_bytes = io->size_bytes;
  return bad;
}

static mlcm_io odd_table(odd_io *odd) {
  mlcm_io io;
  mlcm_io_default(&odd->real);
  mlcm_io_default(&io);
  io.user = odd;
  io.open = odd_open;
  io.read = odd_read;
  io.fstat = odd_fstat;
  return io;
}

static mlcm_status read_odd(mlcm_context *ctx, void *user, mlcm_error *err) {
  char *data = NULL;
  size_t len = 0;
  mlcm_status st = mlcm__read_file(ctx, user, 10000, &data, &len, err);
  if (!st) ck_assert_uint_eq(len, 5000);
  mlcm__free(ctx, data);
  return st;
}

START_TEST(interrupted_reads_go_on_and_files_may_be_larger_than_they_say) {
  odd_io odd = {.size_bytes = 0};
  const mlcm_io io = odd_table(&odd);
  char bytes[5000] = {0}, *dir = test_temp_dir(), *path = test_path(dir, "f");
  test_write_file(path, bytes, sizeof bytes);
  test_memory memory;
  for (size_t fail_at = 0; fail_at < 6; fail_at++) {
    test_memory_init(&memory);
    const mlcm_allocator allocator = test_memory_table(&memory);
    mlcm_context *ctx = test_context(&allocator, &io, NULL);
    memory.fail_at = fail_at ? memory.n_calls + fail_at : 0;
    const mlcm_status st = read_odd(ctx, path, NULL);
    ck_assert_int_eq(st, memory.fired ? MLCM_NO_MEMORY : MLCM_OK);
    mlcm_context_free(ctx);
    test_memory_check_empty(&memory, "after a read");
  }
  free(path);
  test_temp_dir_remove(dir);
}
END_TEST

START_TEST(a_size_below_zero_is_too_large) {
  odd_io odd = {.size_bytes = -1};
  const mlcm_io io = odd_table(&odd);
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  char *data = NULL;
  size_t len = 0;
  ck_assert_int_eq(mlcm__read_file(ctx, MLCM_SOURCE_DIR "/CMakeLists.txt", SIZE_MAX, &data, &len, NULL), MLCM_LIMIT);
  mlcm_context_free(ctx);
}
END_TEST

static int refused_open(void *user, const char *path, int flags, uint32_t mode) {
  (void)flags, (void)mode;
  snprintf(user, 64, "%s", path);
  return -EACCES;
}

START_TEST(a_name_below_the_root_has_the_root_as_its_folder) {
  static const char *const names[] = {"/x", "//x", "/dev//x"};
  char tried[64];
  mlcm_io io;
  mlcm_io_default(&io);
  io.open = refused_open;
  io.user = tried;
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq(mlcm__replace_file(ctx, names[i], "", 0, 0600, NULL), MLCM_IO);
    ck_assert_int_eq(strncmp(tried, names[i], strlen(names[i])), 0);
  }
  mlcm_context_free(ctx);
}
END_TEST

static int no_chance(void *user, void *out, size_t size_bytes) {
  (void)user, (void)out, (void)size_bytes;
  return EIO;
}

START_TEST(without_random_bytes_no_file_is_replaced) {
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  mlcm_context *ctx = NULL;
  options.random.fill = no_chance;
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__replace_file(ctx, "/nowhere/f", "x", 1, 0600, NULL), MLCM_IO);
  mlcm_context_free(ctx);
}
END_TEST

static int list_for_ever(void *user, const char *path, int (*take)(void *, const char *), void *take_user) {
  (void)user, (void)path;
  for (;;) {
    const int bad = take(take_user, "entry");
    if (bad) return bad;
  }
}

START_TEST(a_folder_of_too_many_entries_is_refused) {
  mlcm_io io;
  mlcm_error err;
  seen s = {"", MLCM_OK};
  mlcm_io_default(&io);
  io.list = list_for_ever;
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  ck_assert_int_eq(mlcm__list_dir(ctx, "/large", visit, &s, &err), MLCM_LIMIT);
  ck_assert_ptr_nonnull(strstr(err.message, "'/large' has more than"));
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {paths_are_joined_with_one_slash,
                          a_file_is_read_whole,
                          what_cannot_be_read_is_named,
                          a_growing_file_is_read_to_its_end_or_its_limit,
                          short_reads_and_writes_are_completed,
                          interrupted_writes_go_on_and_stuck_ones_end,
                          directories_are_made_with_their_parents,
                          a_file_in_the_way_of_a_directory_is_told,
                          replacing_leaves_one_file_with_the_new_bytes,
                          a_relative_name_stands_in_the_working_directory,
                          listing_is_sorted_by_bytes_and_can_be_stopped,
                          a_failed_replacement_leaves_the_old_file,
                          every_failing_call_is_told_and_nothing_leaks,
                          a_full_disk_has_a_status_of_its_own,
                          an_unsynced_folder_is_outcome_unknown,
                          interrupted_reads_go_on_and_files_may_be_larger_than_they_say,
                          a_size_below_zero_is_too_large,
                          a_name_below_the_root_has_the_root_as_its_folder,
                          without_random_bytes_no_file_is_replaced,
                          a_folder_of_too_many_entries_is_refused};
  return TEST_RUN("base_fs", tests);
}
