/* SPDX-License-Identifier: Apache-2.0
 *
 * malloc_fault.c - a malloc in front of the C library's. Only the thread that runs a script counts and fails; the arming variables are
 * thread-local so that servers and background threads of a test go on undisturbed.
 */
#include "malloc_fault.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static _Thread_local size_t n_calls, fail_at;
static _Thread_local bool armed, ever, fired;

#ifdef MLCM_SANITIZED

bool test_malloc_can_fail(void) { return false; }

#else

bool test_malloc_can_fail(void) { return true; }

/* glibc's own, under the names it exports for this purpose. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);

static bool due(void) {
  if (!armed || (++n_calls != fail_at && !(ever && fail_at && n_calls > fail_at))) return false;
  fired = true;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t size) { return due() ? NULL : __libc_malloc(size); }

void *calloc(size_t count, size_t size) { return due() ? NULL : __libc_calloc(count, size); }

void *realloc(void *ptr, size_t size) { return due() ? NULL : __libc_realloc(ptr, size); }

#endif

void test_malloc_arm(size_t n, bool ever_after) {
  n_calls = 0;
  fail_at = n;
  ever = ever_after;
  fired = false;
  armed = true;
}

bool test_malloc_disarm(void) {
  armed = ever = false;
  return fired;
}

static bool may_follow(mlcm_status st) {
  return st == MLCM_OK || st == MLCM_NO_MEMORY || st == MLCM_IO || st == MLCM_INTERNAL || st == MLCM_OUTCOME_UNKNOWN;
}

/* One run; 0 fails nothing. Answers whether the failure came. */
static bool run(test_script script, void (*check)(void *user), void *user, size_t n) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_error err;
  test_malloc_arm(n, false);
  const mlcm_status st = script(ctx, user, &err);
  (void)test_malloc_disarm();
  mlcm_context_free(ctx);
  ck_assert_msg(may_follow(st), "when malloc call %zu fails: %s: %s", n, mlcm_status_name(st), st ? err.message : "");
  ck_assert_msg(st == MLCM_OK || fired, "without a failure: %s", st ? err.message : "");
  if (check) check(user);
  return fired;
}

size_t test_fault_malloc(test_script script, void (*check)(void *user), void *user, size_t stride) {
  run(script, check, user, 0);
  for (size_t n = 1; run(script, check, user, n); n += stride) {
  }
  return n_calls;
}
