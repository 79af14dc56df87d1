/* SPDX-License-Identifier: Apache-2.0
 *
 * preload.c - what test_cli_faults.py puts under the program with LD_PRELOAD: memory that runs out, and a clock that runs.
 *
 *   MLCM_TEST_FAIL=N       the N-th allocation of main fails, once; 0: none
 *   MLCM_TEST_COUNT=FILE   the number of allocations is written there at the end
 *   MLCM_TEST_OWN=1        only allocations that the program itself asks for, directly or through cJSON, are counted
 *   MLCM_TEST_CLOCK=MS     the monotonic clock advances by MS with each look at it, so that short work takes long
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* glibc's own, under the names it exports for this purpose. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);

enum { MAX_RANGES = 16 };
static struct {
  uintptr_t from, to;
} ranges[MAX_RANGES]; /* code of the program and of cJSON */
static size_t n_ranges;
static long n_calls, fail_at;
static bool armed, only_own;

static int add_ranges(struct dl_phdr_info *info, size_t size, void *user) {
  (void)size;
  bool *is_first = user;
  for (int i = 0; i < info->dlpi_phnum && (*is_first || strstr(info->dlpi_name, "libcjson")) && n_ranges < MAX_RANGES; i++) {
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    ranges[n_ranges].from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    ranges[n_ranges].to = ranges[n_ranges].from + info->dlpi_phdr[i].p_memsz;
    n_ranges++;
  }
  *is_first = false;
  return 0;
}

static void end(void) {
  const char *path = getenv("MLCM_TEST_COUNT");
  armed = false; /* what a coverage build writes at its end is not the program's */
  FILE *file = path ? fopen(path, "w") : NULL;
  if (file) fprintf(file, "%ld\n", n_calls), fclose(file);
}

static int (*program)(int argc, char **argv, char **env);

static int begin(int argc, char **argv, char **env) {
  const char *fail = getenv("MLCM_TEST_FAIL");
  bool is_first = true;
  if (!fail || atexit(end) != 0) return program(argc, argv, env);
  dl_iterate_phdr(add_ranges, &is_first);
  only_own = getenv("MLCM_TEST_OWN") != NULL;
  fail_at = atol(fail);
  armed = true;
  return program(argc, argv, env);
}

/* The C library's start of a program, so that only what main does is counted. */
int __libc_start_main(int (*main)(int argc, char **argv, char **env), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end) {
  union {
    void *symbol;
    int (*call)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
  } next = {dlsym(RTLD_NEXT, "__libc_start_main")};
  program = main;
  return next.call(begin, argc, argv, init, fini, rtld_fini, stack_end);
}

static bool due(void *caller) {
  bool counts = armed && !only_own;
  for (size_t i = 0; armed && only_own && i < n_ranges; i++)
    counts = counts || ((uintptr_t)caller >= ranges[i].from && (uintptr_t)caller < ranges[i].to);
  if (!counts || __atomic_add_fetch(&n_calls, 1, __ATOMIC_RELAXED) != fail_at) return false;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t size) { return due(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }

void *calloc(size_t count, size_t size) { return due(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size); }

void *realloc(void *ptr, size_t size) { return due(__builtin_return_address(0)) ? NULL : __libc_realloc(ptr, size); }

/* The C library asks itself: for the sake of MLCM_TEST_OWN the call counts as the caller's. */
char *strdup(const char *text) {
  const size_t size = strlen(text) + 1;
  char *copy = due(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
  return copy ? memcpy(copy, text, size) : NULL;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
  static long long looked;
  const char *step_ms = getenv("MLCM_TEST_CLOCK");
  const int answer = (int)syscall(SYS_clock_gettime, clock, out);
  if (!step_ms || clock != CLOCK_MONOTONIC) return answer;
  const long long add_ms = atoll(step_ms) * __atomic_add_fetch(&looked, 1, __ATOMIC_RELAXED);
  out->tv_sec += (time_t)(add_ms / 1000);
  out->tv_nsec += add_ms % 1000 * 1000000;
  if (out->tv_nsec >= 1000000000) out->tv_sec++, out->tv_nsec -= 1000000000;
  return answer;
}
