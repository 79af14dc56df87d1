/* SPDX-License-Identifier: Apache-2.0
 *
 * asleep.h - waits until another thread of this process waits for something, so that a fork meets it there.
 */
#ifndef MLCM_TESTS_SUPPORT_ASLEEP_H
#define MLCM_TESTS_SUPPORT_ASLEEP_H

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

static inline bool test_is_asleep(pid_t thread) {
  char path[64], text[256] = "";
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
  FILE *f = fopen(path, "r");
  if (!f) return false;
  const size_t n = fread(text, 1, sizeof text - 1, f);
  (void)fclose(f);
  text[n] = '\0';
  const char *state = strrchr(text, ')'); /* "123 (name) S ..." */
  return state && state[1] == ' ' && state[2] == 'S';
}

/* A moment's wait on the way, for memory or a file, is told from the one that lasts by looking often. */
static inline void test_wait_until_asleep(pid_t thread) {
  for (int seen = 0; seen < 100; sched_yield()) seen = test_is_asleep(thread) ? seen + 1 : 0;
}

#endif
