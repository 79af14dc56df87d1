/* SPDX-License-Identifier: Apache-2.0
 *
 * test_system.c - what the kernel may answer where no I/O table stands in between: locks, mappings, threads, the file system's
 * kind; and a hash function that fails. The linker puts the functions below in front of the C library's and OpenSSL's (--wrap,
 * see CMakeLists.txt).
 */
#include <check.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "store/blob.h"
#include "store/db_sqlite.h"
#include "store/lock.h"
#include "support/fault.h"
#include "support/suite.h"
#include "support/temp_dir.h"

/* ---- calls that fail ---- */

static struct {
  const char *name; /* NULL: all go through */
  size_t n, fail_at;
  int error;
  bool ever, fired;
} call;

static void fail_call(const char *name, size_t at, int error) {
  memset(&call, 0, sizeof call);
  call.name = name;
  call.fail_at = at;
  call.error = error;
}

static bool end_call(void) {
  const bool fired = call.fired;
  call.name = NULL;
  return fired;
}

static bool due(const char *name) {
  if (!call.name || strcmp(call.name, name) != 0) return false;
  const size_t n = ++call.n;
  if (n != call.fail_at && !(call.ever && n > call.fail_at)) return false;
  call.fired = true;
  errno = call.error;
  return true;
}

int __real_fcntl(int fd, int command, ...);
off_t __real_lseek(int fd, off_t at, int whence);
void *__real_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
int __real_mprotect(void *at, size_t len, int protection);
int __real_statfs(const char *path, struct statfs *out);
int __real_pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *), void *user);
EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
int __real_EVP_DigestUpdate(EVP_MD_CTX *md, const void *data, size_t len);
int __real_EVP_DigestFinal_ex(EVP_MD_CTX *md, unsigned char *out, unsigned *len);

int __wrap_fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void *arg = va_arg(list, void *);
  va_end(list);
  return due("fcntl") ? -1 : __real_fcntl(fd, command, arg);
}

off_t __wrap_lseek(int fd, off_t at, int whence) { return due("lseek") ? -1 : __real_lseek(fd, at, whence); }

void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset) {
  return due("mmap") ? MAP_FAILED : __real_mmap(at, len, protection, flags, fd, offset);
}

int __wrap_mprotect(void *at, size_t len, int protection) { return due("mprotect") ? -1 : __real_mprotect(at, len, protection); }

/* Error 0: it is a network file system. */
int __wrap_statfs(const char *path, struct statfs *out) {
  const bool is_due = due("statfs");
  const int rc = is_due && errno ? -1 : __real_statfs(path, out);
  if (is_due && rc == 0) out->f_type = 0x6969;
  return rc;
}

int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *), void *user) {
  return due("pthread_create") ? EAGAIN : __real_pthread_create(out, attr, run, user);
}

EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void) { return due("new") ? NULL : __real_EVP_MD_CTX_new(); }

int __wrap_EVP_DigestUpdate(EVP_MD_CTX *md, const void *data, size_t len) {
  return due("update") ? 0 : __real_EVP_DigestUpdate(md, data, len);
}

int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *md, unsigned char *out, unsigned *len) {
  return due("final") ? 0 : __real_EVP_DigestFinal_ex(md, out, len);
}

/* ---- the writer lock ---- */

typedef struct lock_fixture {
  mlcm_context *ctx;
  char *dir, *path;
  mlcm__lock *lock;
  mlcm_error err;
} lock_fixture;

static void lock_begin(lock_fixture *f) {
  memset(f, 0, sizeof *f);
  f->ctx = test_context(NULL, NULL, NULL);
  f->dir = test_temp_dir();
  f->path = test_path(f->dir, "lock");
  ck_assert_int_eq(mlcm__lock_open(f->ctx, f->path, &f->lock, &f->err), MLCM_OK);
  ck_assert_int_eq(mlcm__lock_take(f->lock, 0, &f->err), MLCM_OK); /* so that later tickets have others before them */
  mlcm__lock_release(f->lock);
}

static void lock_end(lock_fixture *f) {
  mlcm__lock_close(f->lock);
  mlcm_context_free(f->ctx);
  free(f->path);
  test_temp_dir_remove(f->dir);
}

/* Taking makes three calls: the ticket's byte, whether smaller ones are locked, the byte that excludes. */
enum { TICKET = 1, LOOK = 2, EXCLUDE = 3 };

static mlcm_status take_with(lock_fixture *f, size_t at, int error) {
  fail_call("fcntl", at, error);
  const mlcm_status status = mlcm__lock_take(f->lock, INT64_C(10000000000), &f->err);
  ck_assert(end_call());
  if (status == MLCM_OK) mlcm__lock_release(f->lock);
  return status;
}

START_TEST(what_a_signal_interrupts_in_the_lock_is_made_again) {
  lock_fixture f;
  lock_begin(&f);
  for (size_t at = TICKET; at <= EXCLUDE; at++) ck_assert_int_eq(take_with(&f, at, EINTR), MLCM_OK);
  lock_end(&f);
}
END_TEST

START_TEST(a_byte_that_somebody_has_is_waited_for_or_drawn_again) {
  static const int errors[] = {EAGAIN, EACCES};
  lock_fixture f;
  lock_begin(&f);
  for (size_t i = 0; i < 2; i++) {
    ck_assert_int_eq(take_with(&f, TICKET, errors[i]), MLCM_OK);
    ck_assert_int_eq(take_with(&f, EXCLUDE, errors[i]), MLCM_OK);
  }
  lock_end(&f);
}
END_TEST

START_TEST(a_lock_that_the_kernel_refuses_is_an_error_and_can_be_taken_later) {
  lock_fixture f;
  lock_begin(&f);
  for (size_t at = TICKET; at <= EXCLUDE; at++) {
    ck_assert_int_eq(take_with(&f, at, ENOLCK), MLCM_IO);
    ck_assert_int_eq(f.err.sys_code, ENOLCK);
    ck_assert_int_eq(mlcm__lock_take(f.lock, 0, &f.err), MLCM_OK);
    mlcm__lock_release(f.lock);
  }
  lock_end(&f);
}
END_TEST

START_TEST(a_lock_file_that_cannot_be_mapped_is_not_opened) {
  static const struct {
    const char *call;
    size_t at;
    int error;
    mlcm_status status;
  } cases[] = {{"lseek", 1, EIO, MLCM_IO}, {"lseek", 2, EIO, MLCM_IO}, {"mmap", 1, ENOMEM, MLCM_NO_MEMORY}};
  lock_fixture f;
  lock_begin(&f);
  char *fresh = test_path(f.dir, "fresh");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mlcm__lock *lock = NULL;
    fail_call(cases[i].call, cases[i].at, cases[i].error);
    ck_assert_int_eq(mlcm__lock_open(f.ctx, fresh, &lock, &f.err), cases[i].status);
    ck_assert(end_call());
    ck_assert_ptr_null(lock);
  }
  free(fresh);
  lock_end(&f);
}
END_TEST

START_TEST(no_timeout_is_too_long) {
  lock_fixture f;
  lock_begin(&f);
  ck_assert_int_eq(mlcm__lock_take(f.lock, INT64_MAX, &f.err), MLCM_OK);
  mlcm__lock_release(f.lock);
  lock_end(&f);
}
END_TEST

typedef struct waiting {
  mlcm__lock *lock;
  mlcm_status status;
} waiting;

static void *wait_for_it(void *user) {
  waiting *w = user;
  w->status = mlcm__lock_take(w->lock, INT64_C(60000000000), NULL);
  if (w->status == MLCM_OK) mlcm__lock_release(w->lock);
  return NULL;
}

/* Two threads wait while this one holds the lock. It tries once more now and then, which puts it behind those that are there
 * already. */
START_TEST(threads_that_wait_are_served_and_one_that_gives_up_leaves_the_queue) {
  enum { N = 3, TRIES = 100 };
  lock_fixture f;
  waiting w[N];
  pthread_t threads[N];
  lock_begin(&f);
  ck_assert_int_eq(mlcm__lock_take(f.lock, 0, &f.err), MLCM_OK);
  for (int i = 0; i < N; i++) {
    w[i] = (waiting){.lock = f.lock};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_it, &w[i]), 0);
  }
  for (int i = 0; i < TRIES; i++) ck_assert_int_eq(mlcm__lock_take(f.lock, 1000000, &f.err), MLCM_BUSY);
  mlcm__lock_release(f.lock);
  for (int i = 0; i < N; i++) {
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(w[i].status, MLCM_OK);
  }
  lock_end(&f);
}
END_TEST

/* ---- the file system's kind ---- */

START_TEST(a_network_file_system_is_refused_and_one_that_cannot_be_asked_is_an_error) {
  mlcm_error err;
  char *dir = test_temp_dir();
  fail_call("statfs", 1, EINTR);
  ck_assert_int_eq(mlcm__refuse_network_fs(dir, &err), MLCM_OK);
  fail_call("statfs", 1, EIO);
  ck_assert_int_eq(mlcm__refuse_network_fs(dir, &err), MLCM_IO);
  fail_call("statfs", 1, 0);
  ck_assert_int_eq(mlcm__refuse_network_fs(dir, &err), MLCM_UNSUPPORTED);
  ck_assert(end_call());
  test_temp_dir_remove(dir);
}
END_TEST

/* ---- objects ---- */

enum { LARGE = 9 << 20 };

typedef struct fixture {
  mlcm_context *ctx;
  char *dir, *source;
  uint8_t *bytes; /* LARGE of them, also in the file `source` */
  mlcm__blobs *blobs;
  uint8_t sha256[32];
  mlcm_error err;
} fixture;

static void fixture_open(fixture *f) {
  memset(f, 0, sizeof *f);
  f->ctx = test_context(NULL, NULL, NULL);
  f->dir = test_temp_dir();
  f->source = test_path(f->dir, "source");
  f->bytes = malloc(LARGE);
  ck_assert_ptr_nonnull(f->bytes);
  for (size_t i = 0; i < LARGE; i++) f->bytes[i] = (uint8_t)(i * 31 >> 3);
  test_write_file(f->source, f->bytes, LARGE);
  ck_assert_int_eq(mlcm__blobs_open(f->ctx, f->dir, false, true, &f->blobs, &f->err), MLCM_OK);
}

static void fixture_close(fixture *f) {
  mlcm__blobs_close(f->blobs);
  mlcm_context_free(f->ctx);
  free(f->bytes);
  free(f->source);
  test_temp_dir_remove(f->dir);
}

static mlcm_status put_file(fixture *f) { return mlcm__blob_put_file(f->blobs, f->source, NULL, NULL, f->sha256, NULL, &f->err); }

static void check_object(fixture *f) {
  mlcm__blob_bytes bytes = {0};
  ck_assert_msg(mlcm__blob_read_verified(f->blobs, f->sha256, LARGE, &bytes, &f->err) == MLCM_OK, "%s", f->err.message);
  ck_assert_mem_eq(bytes.data, f->bytes, LARGE);
  mlcm__blob_bytes_free(&bytes);
}

START_TEST(without_threads_a_large_object_is_written_all_the_same) {
  fixture f;
  fixture_open(&f);
  for (size_t at = 1; at <= 2; at++) { /* the writer's, the reader's */
    fail_call("pthread_create", at, EAGAIN);
    ck_assert_msg(put_file(&f) == MLCM_OK, "%s", f.err.message);
    ck_assert(end_call());
    check_object(&f);
  }
  fixture_close(&f);
}
END_TEST

START_TEST(memory_for_a_large_object_may_be_refused) {
  fixture f;
  mlcm__blob_bytes bytes = {0};
  fixture_open(&f);
  ck_assert_int_eq(put_file(&f), MLCM_OK);
  fail_call("mmap", 1, ENOMEM);
  ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, LARGE, &bytes, &f.err), MLCM_NO_MEMORY);
  fail_call("mprotect", 1, ENOMEM);
  ck_assert_int_eq(mlcm__blob_read_verified(f.blobs, f.sha256, LARGE, &bytes, &f.err), MLCM_NO_MEMORY);
  ck_assert(end_call());
  ck_assert_ptr_null(bytes.data);
  check_object(&f);
  fixture_close(&f);
}
END_TEST

START_TEST(a_temporary_file_that_was_swept_before_it_was_locked_is_made_again) {
  static const int errors[] = {EINTR, EAGAIN, EACCES};
  fixture f;
  fixture_open(&f);
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    mlcm__blob_lease *lease = NULL;
    fail_call("fcntl", 1, errors[i]);
    ck_assert_int_eq(mlcm__blob_lease_open(f.blobs, &lease, &f.err), MLCM_OK);
    ck_assert(end_call());
    mlcm__blob_lease_close(lease);
  }
  fixture_close(&f);
}
END_TEST

START_TEST(a_temporary_file_that_cannot_be_locked_is_an_error) {
  fixture f;
  mlcm__blob_lease *lease = NULL;
  fixture_open(&f);
  fail_call("fcntl", 1, ENOLCK);
  ck_assert_int_eq(mlcm__blob_lease_open(f.blobs, &lease, &f.err), MLCM_IO);
  fail_call("fcntl", 1, EAGAIN);
  call.ever = true;
  ck_assert_int_eq(mlcm__blob_lease_open(f.blobs, &lease, &f.err), MLCM_BUSY);
  ck_assert(end_call());
  ck_assert_ptr_null(lease);
  fixture_close(&f);
}
END_TEST

START_TEST(a_sweep_that_a_signal_interrupts_still_sees_who_lives) {
  fixture f;
  mlcm__blob_lease *lease = NULL;
  int64_t oldest = 0, files = 0, bytes = 0;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__blob_lease_open(f.blobs, &lease, &f.err), MLCM_OK);
  fail_call("fcntl", 1, EINTR);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(f.blobs, INT64_MAX, false, &oldest, &files, &bytes, &f.err), MLCM_OK);
  ck_assert(end_call());
  ck_assert_int_lt(oldest, INT64_MAX);
  ck_assert_int_eq(files, 0);
  mlcm__blob_lease_close(lease);
  fixture_close(&f);
}
END_TEST

/* ---- a hash function that fails ---- */

static mlcm_status write_in_pieces(fixture *f) {
  mlcm__blob_writer *writer = NULL;
  uint8_t sha256[32];
  mlcm_status status = mlcm__blob_begin(f->blobs, LARGE, &writer, &f->err);
  for (int i = 0; status == MLCM_OK && i < 3; i++) status = mlcm__blob_write(writer, f->bytes, 100000, &f->err);
  if (status == MLCM_OK) return mlcm__blob_finish(writer, sha256, NULL, &f->err);
  mlcm__blob_abort(writer);
  return status;
}

static mlcm_status put_and_read(fixture *f) {
  mlcm__blob_bytes bytes = {0};
  uint8_t sha256[32];
  mlcm_status status = mlcm__blob_put(f->blobs, "abc", 3, sha256, &f->err);
  if (status == MLCM_OK) status = mlcm__blob_read_verified(f->blobs, sha256, 3, &bytes, &f->err);
  if (status == MLCM_OK) status = mlcm__blob_verify(f->blobs, sha256, 3, NULL, NULL, &f->err);
  if (status == MLCM_OK) status = put_file(f);
  if (status == MLCM_OK) status = write_in_pieces(f);
  mlcm__blob_bytes_free(&bytes);
  return status;
}

START_TEST(nothing_is_stored_or_trusted_that_could_not_be_hashed) {
  static const struct {
    const char *call;
    mlcm_status status;
  } cases[] = {{"new", MLCM_NO_MEMORY}, {"update", MLCM_INTERNAL}, {"final", MLCM_INTERNAL}};
  fixture f;
  fixture_open(&f);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bool fired = true;
    for (size_t n = 1; fired; n++) {
      fail_call(cases[i].call, n, 0);
      const mlcm_status status = put_and_read(&f);
      fired = end_call();
      ck_assert_int_eq(status, fired ? cases[i].status : MLCM_OK);
    }
  }
  check_object(&f);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      what_a_signal_interrupts_in_the_lock_is_made_again,
      a_byte_that_somebody_has_is_waited_for_or_drawn_again,
      a_lock_that_the_kernel_refuses_is_an_error_and_can_be_taken_later,
      a_lock_file_that_cannot_be_mapped_is_not_opened,
      no_timeout_is_too_long,
      threads_that_wait_are_served_and_one_that_gives_up_leaves_the_queue,
      a_network_file_system_is_refused_and_one_that_cannot_be_asked_is_an_error,
      without_threads_a_large_object_is_written_all_the_same,
      memory_for_a_large_object_may_be_refused,
      a_temporary_file_that_was_swept_before_it_was_locked_is_made_again,
      a_temporary_file_that_cannot_be_locked_is_an_error,
      a_sweep_that_a_signal_interrupts_still_sees_who_lives,
      nothing_is_stored_or_trusted_that_could_not_be_hashed,
  };
  return TEST_RUN("store_system", tests);
}
