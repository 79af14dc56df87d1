/* SPDX-License-Identifier: Apache-2.0
 *
 * soak.h - the same tests for longer: how test.sh --soak stretches a loop. Without its variables all of this is the small default.
 *
 *   for (int i = 0; i < KILLS * test_scale() && test_time_left(); i++) ...
 *   printf("{\"what\":\"processes killed\",\"n\":%d,\"violations\":0}\n", i);   // one line, read by tests/fault/soak.py
 */
#ifndef MLCM_TESTS_SUPPORT_SOAK_H
#define MLCM_TESTS_SUPPORT_SOAK_H

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

static inline long long test_variable(const char *name, long long otherwise) {
  const char *text = getenv(name);
  const long long n = text ? atoll(text) : otherwise;
  return n > 0 ? n : otherwise;
}

/* MLCM_TEST_SCALE: how many times the default work. */
static inline int test_scale(void) { return (int)test_variable("MLCM_TEST_SCALE", 1); }

/* MLCM_TEST_SEED: added to every seed, so that runs differ. */
static inline unsigned test_seed(unsigned seed) { return seed + (unsigned)test_variable("MLCM_TEST_SEED", 0); }

/* MLCM_TEST_UNTIL: seconds after 1970 from which on no new round begins. */
static inline bool test_time_left(void) { return time(NULL) < (time_t)test_variable("MLCM_TEST_UNTIL", 1LL << 40); }

#endif
