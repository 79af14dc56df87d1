/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_clock.h - the other seams of a context that tests hold in their hands: time, chance and the log.
 *
 *   test_clock clock;
 *   test_clock_init(&clock, TEST_EPOCH_NS);
 *   options.clock = test_clock_table(&clock);
 *   test_clock_advance(&clock, 5 * TEST_SECOND_NS);   // both clocks; from any thread
 */
#ifndef MLCM_TESTS_SUPPORT_FAKE_CLOCK_H
#define MLCM_TESTS_SUPPORT_FAKE_CLOCK_H

#include <pthread.h>
#include <stdatomic.h>

#include <mlcm/base.h>

#define TEST_SECOND_NS INT64_C(1000000000)
#define TEST_EPOCH_NS (INT64_C(1772366400) * TEST_SECOND_NS) /* 2026-03-01T12:00:00Z */

typedef struct test_clock {
  _Atomic int64_t wall_ns;
  _Atomic int64_t mono_ns; /* starts at 1000 s */
} test_clock;

void test_clock_init(test_clock *clock, int64_t wall_ns);
void test_clock_advance(test_clock *clock, int64_t ns);
void test_clock_set_wall(test_clock *clock, int64_t wall_ns); /* the wall clock alone may jump */
mlcm_clock test_clock_table(test_clock *clock);

/* Reproducible bytes (SplitMix64). From any thread. */
typedef struct test_random {
  _Atomic uint64_t state;
} test_random;

mlcm_random test_random_table(test_random *random, uint64_t seed);

/* Keeps the last line logged. From any thread. */
typedef struct test_log {
  pthread_mutex_t lock;
  int n_lines;
  int32_t level;
  char line[1024];
} test_log;

mlcm_log test_log_table(test_log *log);

#endif
