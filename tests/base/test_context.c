/* SPDX-License-Identifier: Apache-2.0
 *
 * test_context.c - the context: its seams, its lifetime, its options struct, and the memory helpers on top of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/context.h"
#include "support/fake_clock.h"
#include "support/fault.h"
#include "support/suite.h"
#include "support/temp_dir.h"

static mlcm_context_options fresh_options(void) {
  mlcm_context_options options;
  mlcm_context_options_init(&options, sizeof options);
  return options;
}

/* Expects mlcm_context_new to refuse, and leaves nothing behind. */
static mlcm_error refused(const mlcm_context_options *options) {
  mlcm_context *ctx = NULL;
  mlcm_error err;
  ck_assert_int_eq(mlcm_context_new(options, &ctx, &err), MLCM_INVALID_ARGUMENT);
  ck_assert_ptr_null(ctx);
  return err;
}

START_TEST(defaults_need_no_options) {
  mlcm_context *ctx = NULL;
  ck_assert_int_eq(mlcm_context_new(NULL, &ctx, NULL), MLCM_OK);
  ck_assert_ptr_nonnull(ctx);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(freeing_null_is_allowed) {
  mlcm_context_free(NULL);
  mlcm_free(NULL, NULL);
}
END_TEST

START_TEST(out_must_not_be_null) {
  mlcm_error err;
  ck_assert_int_eq(mlcm_context_new(NULL, NULL, &err), MLCM_INVALID_ARGUMENT);
}
END_TEST

START_TEST(options_of_no_known_size_are_refused) {
  mlcm_context_options options = fresh_options();
  options.struct_size = 0;
  refused(&options);
  options.struct_size = sizeof options - 1;
  refused(&options);
  options.struct_size = SIZE_MAX;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "_init"));
}
END_TEST

START_TEST(options_of_a_newer_caller_are_read_when_their_tail_is_zero) {
  struct {
    mlcm_context_options known;
    uint64_t tail[2];
  } newer;
  memset(&newer, 0, sizeof newer);
  newer.known.struct_size = sizeof newer;
  mlcm_context *ctx = NULL;
  ck_assert_int_eq(mlcm_context_new(&newer.known, &ctx, NULL), MLCM_OK);
  mlcm_context_free(ctx);
  newer.tail[1] = 1;
  refused(&newer.known);
}
END_TEST

START_TEST(options_read_copies_what_an_older_caller_knew) {
  struct {
    size_t struct_size;
    int32_t a;
    int32_t b;
  } older = {.struct_size = sizeof(size_t) + sizeof(int32_t), .a = 7, .b = 9}, out;
  ck_assert_int_eq(mlcm__options_read(&older, sizeof(size_t) + sizeof(int32_t), &out, sizeof out, "x", NULL), MLCM_OK);
  ck_assert_int_eq(out.a, 7);
  ck_assert_int_eq(out.b, 0);
}
END_TEST

START_TEST(options_read_leaves_the_output_alone_on_failure) {
  size_t bad = 1, out = 42;
  ck_assert_int_eq(mlcm__options_read(&bad, sizeof bad, &out, sizeof out, "x", NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_uint_eq(out, 42);
}
END_TEST

static void *some_alloc(void *user, size_t size_bytes) {
  (void)user;
  return malloc(size_bytes);
}

static int64_t some_time(void *user) {
  (void)user;
  return 1;
}

START_TEST(a_partly_filled_table_is_refused) {
  mlcm_context_options options = fresh_options();
  options.allocator.alloc = some_alloc;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "allocator"));
  options = fresh_options();
  options.clock.mono_ns = some_time;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "clock"));
  options = fresh_options();
  options.random.user = &options;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "random"));
  options = fresh_options();
  options.log.user = &options;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "log"));
}
END_TEST

START_TEST(a_partly_filled_io_table_is_refused) {
  mlcm_context_options options = fresh_options();
  mlcm_io io;
  mlcm_io_default(&io);
  io.sync = NULL;
  options.io = &io;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "I/O"));
  mlcm_io_default(&io);
  io.struct_size = 8;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "I/O"));
}
END_TEST

START_TEST(a_hold_keeps_the_context_alive) {
  test_memory memory;
  test_memory_init(&memory);
  const mlcm_allocator allocator = test_memory_table(&memory);
  mlcm_context *ctx = test_context(&allocator, NULL, NULL);
  ck_assert_ptr_eq(mlcm__context_retain(ctx), ctx);
  mlcm_context_free(ctx);
  ck_assert_uint_eq(memory.n_live, 1);
  ck_assert_int_gt(mlcm_context_now(ctx).wall_ns, 0);
  mlcm__context_release(ctx);
  test_memory_check_empty(&memory, "after the last release");
}
END_TEST

START_TEST(default_clocks_are_real_time_and_boot_time) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  struct timespec wall, boot;
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  const mlcm_time now = mlcm_context_now(ctx);
  ck_assert_int_le(llabs(now.wall_ns / 1000000000 - wall.tv_sec), 5);
  ck_assert_int_le(llabs(now.mono_ns / 1000000000 - boot.tv_sec), 5);
  ck_assert_int_le(now.mono_ns, mlcm__mono_ns(ctx));
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(the_clock_can_be_replaced) {
  test_clock clock;
  test_clock_init(&clock, TEST_EPOCH_NS);
  const mlcm_clock table = test_clock_table(&clock);
  mlcm_context *ctx = test_context(NULL, NULL, &table);
  ck_assert_int_eq(mlcm_context_now(ctx).wall_ns, TEST_EPOCH_NS);
  test_clock_advance(&clock, 5);
  ck_assert_int_eq(mlcm_context_now(ctx).wall_ns, TEST_EPOCH_NS + 5);
  ck_assert_int_eq(mlcm_context_now(ctx).mono_ns, 1000 * TEST_SECOND_NS + 5);
  mlcm_context_free(ctx);
  ck_assert_int_eq(mlcm_context_now(NULL).wall_ns, 0);
}
END_TEST

START_TEST(the_coarse_clock_is_near_and_can_be_replaced_too) {
  test_clock clock;
  test_clock_init(&clock, TEST_EPOCH_NS);
  const mlcm_clock table = test_clock_table(&clock);
  mlcm_context *ctx = test_context(NULL, NULL, &table);
  ck_assert_int_eq(mlcm__wall_coarse_ns(ctx), TEST_EPOCH_NS);
  mlcm_context_free(ctx);
  ctx = test_context(NULL, NULL, NULL);
  ck_assert_int_le(llabs(mlcm__wall_coarse_ns(ctx) - mlcm__wall_ns(ctx)), TEST_SECOND_NS);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(default_random_gives_different_bytes) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  uint8_t a[32] = {0}, b[32] = {0};
  ck_assert_int_eq(mlcm__random_bytes(ctx, a, sizeof a, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__random_bytes(ctx, b, sizeof b, NULL), MLCM_OK);
  ck_assert_mem_ne(a, b, sizeof a);
  mlcm_context_free(ctx);
}
END_TEST

static int no_entropy(void *user, void *out, size_t size_bytes) {
  (void)user;
  (void)out;
  (void)size_bytes;
  return EAGAIN;
}

START_TEST(a_failing_random_source_is_told) {
  mlcm_context_options options = fresh_options();
  options.random.fill = no_entropy;
  mlcm_context *ctx = NULL;
  mlcm_error err;
  char byte = 0;
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__random_bytes(ctx, &byte, 1, &err), MLCM_IO);
  ck_assert_int_eq(err.sys_code, EAGAIN);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(the_log_receives_whole_lines) {
  test_log log;
  mlcm_context_options options = fresh_options();
  options.log = test_log_table(&log);
  mlcm_context *ctx = NULL;
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_OK);
  mlcm__log(ctx, MLCM_LOG_WARN, "model %s", "digits");
  ck_assert_str_eq(log.line, "model digits");
  ck_assert_int_eq(log.level, MLCM_LOG_WARN);
  char text[3000];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  mlcm__log(ctx, MLCM_LOG_INFO, "%s", text);
  ck_assert_uint_ge(strlen(log.line), 1000);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(without_a_log_lines_are_dropped) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__log(ctx, MLCM_LOG_ERROR, "nobody hears this");
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(zero_bytes_are_served_as_one) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  void *a = mlcm__alloc(ctx, 0), *b = mlcm__alloc_zero(ctx, 0, 8), *c = mlcm__realloc(ctx, NULL, 0);
  ck_assert_ptr_nonnull(a);
  ck_assert_ptr_nonnull(b);
  ck_assert_ptr_nonnull(c);
  c = mlcm__realloc(ctx, c, 0);
  ck_assert_ptr_nonnull(c);
  mlcm_free(ctx, a);
  mlcm__free(ctx, b);
  mlcm__free(ctx, c);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(sizes_that_overflow_are_no_memory) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  int *array = NULL;
  size_t cap = 0;
  ck_assert_ptr_null(mlcm__alloc_zero(ctx, SIZE_MAX / 2, 3));
  ck_assert_ptr_null(mlcm__strndup(ctx, "x", SIZE_MAX));
  ck_assert_int_eq(mlcm__reserve(ctx, &array, &cap, SIZE_MAX, sizeof *array, NULL), MLCM_NO_MEMORY);
  ck_assert_int_eq(mlcm__reserve(ctx, &array, &cap, SIZE_MAX / 2, sizeof *array, NULL), MLCM_NO_MEMORY);
  ck_assert_ptr_null(array);
  ck_assert_uint_eq(cap, 0);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(reserve_doubles_and_keeps_what_is_there) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  int *array = NULL;
  size_t cap = 0;
  for (int i = 0; i < 100; i++) {
    ck_assert_int_eq(mlcm__reserve(ctx, &array, &cap, (size_t)i + 1, sizeof *array, NULL), MLCM_OK);
    array[i] = i;
  }
  ck_assert_uint_eq(cap, 128);
  for (int i = 0; i < 100; i++) ck_assert_int_eq(array[i], i);
  mlcm__free(ctx, array);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(reserve_leaves_the_array_alone_on_failure) {
  test_memory memory;
  test_memory_init(&memory);
  const mlcm_allocator allocator = test_memory_table(&memory);
  mlcm_context *ctx = test_context(&allocator, NULL, NULL);
  char *array = NULL;
  size_t cap = 0;
  ck_assert_int_eq(mlcm__reserve(ctx, &array, &cap, 4, 1, NULL), MLCM_OK);
  memcpy(array, "abc", 4);
  memory.fail_at = memory.n_calls + 1;
  ck_assert_int_eq(mlcm__reserve(ctx, &array, &cap, 5, 1, NULL), MLCM_NO_MEMORY);
  ck_assert_uint_eq(cap, 4);
  ck_assert_str_eq(array, "abc");
  mlcm__free(ctx, array);
  mlcm_context_free(ctx);
  test_memory_check_empty(&memory, "at the end");
}
END_TEST

START_TEST(a_context_without_memory_is_not_made) {
  test_memory memory;
  test_memory_init(&memory);
  memory.fail_at = 1;
  mlcm_context_options options = fresh_options();
  options.allocator = test_memory_table(&memory);
  mlcm_context *ctx = NULL;
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_NO_MEMORY);
  ck_assert_ptr_null(ctx);
}
END_TEST

START_TEST(strings_are_copied_with_their_end) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *whole = mlcm__strdup(ctx, "digits"), *part = mlcm__strndup(ctx, "digits", 3);
  ck_assert_str_eq(whole, "digits");
  ck_assert_str_eq(part, "dig");
  mlcm__free(ctx, whole);
  mlcm__free(ctx, part);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(str_of_null_is_empty) {
  ck_assert_uint_eq(mlcm_str_of(NULL).len, 0);
  ck_assert_uint_eq(mlcm_str_of("abc").len, 3);
  ck_assert_uint_eq(MLCM_STR("abc").len, 3);
}
END_TEST

START_TEST(version_text_and_number_agree) {
  ck_assert_int_eq(mlcm_library_version_number(), MLCM_VERSION_NUMBER);
  int major = 0, minor = 0, patch = 0;
  ck_assert_int_eq(sscanf(mlcm_library_version(), "%d.%d.%d", &major, &minor, &patch), 3);
  ck_assert_int_eq(major * 10000 + minor * 100 + patch, MLCM_VERSION_NUMBER);
}
END_TEST

START_TEST(default_io_answers_negative_errno) {
  mlcm_io io;
  mlcm_io_default(&io);
  mlcm_file_info info;
  ck_assert_int_eq(io.open(io.user, "/nowhere/at/all", O_RDONLY, 0), -ENOENT);
  ck_assert_int_eq(io.close(io.user, -1), -EBADF);
  ck_assert_int_eq(io.sync(io.user, -1), -EBADF);
  ck_assert_int_eq((int)io.read(io.user, -1, &info, 1), -EBADF);
  ck_assert_int_eq((int)io.write(io.user, -1, &info, 1), -EBADF);
  ck_assert_int_eq(io.stat(io.user, "/nowhere", &info), -ENOENT);
  ck_assert_int_eq(io.fstat(io.user, -1, &info), -EBADF);
  ck_assert_int_eq(io.link(io.user, "/nowhere", "/elsewhere"), -ENOENT);
  ck_assert_int_eq(io.rename(io.user, "/nowhere", "/elsewhere"), -ENOENT);
  ck_assert_int_eq(io.unlink(io.user, "/nowhere"), -ENOENT);
  ck_assert_int_eq(io.mkdir(io.user, "/", 0700), -EEXIST);
  ck_assert_int_eq(io.rmdir(io.user, "/nowhere"), -ENOENT);
  ck_assert_int_eq(io.list(io.user, "/nowhere", NULL, NULL), -ENOENT);
}
END_TEST

static int count_to_two(void *user, const char *name) {
  int *n = user;
  ck_assert_str_ne(name, ".");
  ck_assert_str_ne(name, "..");
  return ++*n == 2 ? 77 : 0;
}

START_TEST(default_io_does_the_work) {
  char *dir = test_temp_dir(), *a = test_path(dir, "a"), *b = test_path(dir, "b"), *c = test_path(dir, "c"),
       *sub = test_path(dir, "sub");
  mlcm_io io;
  mlcm_io_default(&io);
  mlcm_file_info info;
  char text[8] = {0};
  int fd = io.open(io.user, a, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq((int)io.write(io.user, fd, "hello", 5), 5);
  ck_assert_int_eq(io.sync(io.user, fd), 0);
  ck_assert_int_eq(io.fstat(io.user, fd, &info), 0);
  ck_assert_int_eq(info.size_bytes, 5);
  ck_assert_int_eq(io.close(io.user, fd), 0);
  ck_assert_int_eq(io.link(io.user, a, b), 0);
  ck_assert_int_eq(io.link(io.user, a, b), -EEXIST);
  ck_assert_int_eq(io.stat(io.user, b, &info), 0);
  ck_assert_uint_eq(info.nlinks, 2);
  ck_assert(S_ISREG(info.mode));
  const struct timespec times[2] = {{1000, 0}, {1772366400, 123456789}};
  ck_assert_int_eq(utimensat(AT_FDCWD, b, times, 0), 0);
  ck_assert_int_eq(io.stat(io.user, b, &info), 0);
  ck_assert_int_eq(info.mtime_ns, TEST_EPOCH_NS + 123456789);
  ck_assert_int_eq(io.rename(io.user, b, c), 0);
  fd = io.open(io.user, c, O_RDONLY | O_CLOEXEC, 0);
  ck_assert_int_eq((int)io.read(io.user, fd, text, sizeof text), 5);
  ck_assert_int_eq(io.close(io.user, fd), 0);
  ck_assert_str_eq(text, "hello");
  ck_assert_int_eq(io.mkdir(io.user, sub, 0700), 0);
  int n = 0;
  ck_assert_int_eq(io.list(io.user, dir, count_to_two, &n), 77);
  ck_assert_int_eq(n, 2);
  ck_assert_int_eq(io.rmdir(io.user, sub), 0);
  ck_assert_int_eq(io.unlink(io.user, c), 0);
  ck_assert(!test_exists(c));
  free(a), free(b), free(c), free(sub);
  test_temp_dir_remove(dir);
}
END_TEST

START_TEST(options_of_no_size_are_not_touched) {
  mlcm_context_options options;
  memset(&options, 0xaa, sizeof options);
  mlcm_context_options_init(&options, 0);
  ck_assert_uint_eq(options.struct_size, SIZE_MAX / 255 * 0xaa);
}
END_TEST

static void *some_realloc(void *user, void *block, size_t size_bytes) {
  (void)user;
  return realloc(block, size_bytes);
}

static void some_free(void *user, void *block) {
  (void)user;
  free(block);
}

START_TEST(each_member_that_is_missing_makes_a_table_partly_filled) {
  for (int set = 1; set < 8; set++) { /* one bit a function; 7: all of them */
    mlcm_context_options options = fresh_options();
    if (set & 1) options.allocator.alloc = some_alloc;
    if (set & 2) options.allocator.realloc = some_realloc;
    if (set & 4) options.allocator.free = some_free;
    if (set != 7) ck_assert_ptr_nonnull(strstr(refused(&options).message, "allocator"));
  }
  for (int set = 1; set < 3; set++) {
    mlcm_context_options options = fresh_options();
    if (set & 1) options.clock.mono_ns = some_time;
    if (set & 2) options.clock.wall_ns = some_time;
    ck_assert_ptr_nonnull(strstr(refused(&options).message, "clock"));
  }
  mlcm_context_options options = fresh_options();
  options.allocator.user = &options;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "allocator"));
  options = fresh_options();
  options.clock.user = &options;
  ck_assert_ptr_nonnull(strstr(refused(&options).message, "clock"));
}
END_TEST

START_TEST(each_call_that_is_missing_makes_the_io_table_partly_filled) {
  static const size_t calls[] = {offsetof(mlcm_io, open),  offsetof(mlcm_io, close), offsetof(mlcm_io, read),
                                 offsetof(mlcm_io, write), offsetof(mlcm_io, sync),  offsetof(mlcm_io, stat),
                                 offsetof(mlcm_io, fstat), offsetof(mlcm_io, link),  offsetof(mlcm_io, rename),
                                 offsetof(mlcm_io, unlink), offsetof(mlcm_io, mkdir), offsetof(mlcm_io, rmdir),
                                 offsetof(mlcm_io, list)};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    mlcm_context_options options = fresh_options();
    mlcm_io io;
    mlcm_io_default(&io);
    memset((char *)&io + calls[i], 0, sizeof io.open);
    options.io = &io;
    ck_assert_ptr_nonnull(strstr(refused(&options).message, "I/O"));
  }
}
END_TEST

/* Stands in front of libc's: the kernel interrupts it, gives less than asked and fails only when it is hardly up. */
static atomic_int odd_random; /* 0: as always; then counts what has been odd so far */
ssize_t getrandom(void *out, size_t size_bytes, unsigned flags) {
  const int step = odd_random > 0 ? odd_random++ : 0;
  if (step == 1) errno = EINTR;
  if (step >= 3) errno = ENOSYS;
  if (step == 1 || step >= 3) return -1;
  return syscall(SYS_getrandom, out, step == 2 ? 1 : size_bytes, flags);
}

START_TEST(random_bytes_are_asked_for_until_all_are_there_or_none_come) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  uint8_t bytes[2];
  mlcm_error err;
  odd_random = 1;
  ck_assert_int_eq(mlcm__random_bytes(ctx, bytes, 1, NULL), MLCM_OK); /* interrupted, then the one byte */
  odd_random = 2;
  ck_assert_int_eq(mlcm__random_bytes(ctx, bytes, 2, &err), MLCM_IO); /* one byte, then no more */
  ck_assert_int_eq(err.sys_code, ENOSYS);
  odd_random = 0;
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_line_that_cannot_be_written_is_dropped) {
  test_log log;
  mlcm_context_options options = fresh_options();
  options.log = test_log_table(&log);
  mlcm_context *ctx = NULL;
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_OK);
  mlcm__log(ctx, MLCM_LOG_WARN, "%ls", L"\u00e9"); /* the C locale has no bytes for it */
  ck_assert_int_eq(log.n_lines, 0);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {defaults_need_no_options,
                          freeing_null_is_allowed,
                          out_must_not_be_null,
                          options_of_no_known_size_are_refused,
                          options_of_a_newer_caller_are_read_when_their_tail_is_zero,
                          options_read_copies_what_an_older_caller_knew,
                          options_read_leaves_the_output_alone_on_failure,
                          a_partly_filled_table_is_refused,
                          a_partly_filled_io_table_is_refused,
                          a_hold_keeps_the_context_alive,
                          default_clocks_are_real_time_and_boot_time,
                          the_clock_can_be_replaced,
                          the_coarse_clock_is_near_and_can_be_replaced_too,
                          default_random_gives_different_bytes,
                          a_failing_random_source_is_told,
                          the_log_receives_whole_lines,
                          without_a_log_lines_are_dropped,
                          zero_bytes_are_served_as_one,
                          sizes_that_overflow_are_no_memory,
                          reserve_doubles_and_keeps_what_is_there,
                          reserve_leaves_the_array_alone_on_failure,
                          a_context_without_memory_is_not_made,
                          strings_are_copied_with_their_end,
                          str_of_null_is_empty,
                          version_text_and_number_agree,
                          default_io_answers_negative_errno,
                          default_io_does_the_work,
                          options_of_no_size_are_not_touched,
                          each_member_that_is_missing_makes_a_table_partly_filled,
                          each_call_that_is_missing_makes_the_io_table_partly_filled,
                          random_bytes_are_asked_for_until_all_are_there_or_none_come,
                          a_line_that_cannot_be_written_is_dropped};
  return TEST_RUN("base_context", tests);
}
