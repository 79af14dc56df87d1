/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_clock.c - time, chance and log in the test's hands.
 */
#include "fake_clock.h"

#include <stdio.h>
#include <string.h>

static int64_t read_wall(void *user) { return ((test_clock *)user)->wall_ns; }

static int64_t read_mono(void *user) { return ((test_clock *)user)->mono_ns; }

void test_clock_init(test_clock *clock, int64_t wall_ns) {
  atomic_init(&clock->wall_ns, wall_ns);
  atomic_init(&clock->mono_ns, 1000 * TEST_SECOND_NS);
}

void test_clock_advance(test_clock *clock, int64_t ns) {
  clock->wall_ns += ns;
  clock->mono_ns += ns;
}

void test_clock_set_wall(test_clock *clock, int64_t wall_ns) { clock->wall_ns = wall_ns; }

mlcm_clock test_clock_table(test_clock *clock) { return (mlcm_clock){read_wall, read_mono, clock}; }

static uint64_t mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static int fill(void *user, void *out, size_t size_bytes) {
  test_random *random = user;
  unsigned char *bytes = out;
  for (size_t i = 0; i < size_bytes; i++) bytes[i] = (unsigned char)mix(atomic_fetch_add(&random->state, 0x9e3779b97f4a7c15u));
  return 0;
}

mlcm_random test_random_table(test_random *random, uint64_t seed) {
  atomic_init(&random->state, seed);
  return (mlcm_random){fill, random};
}

static void keep_line(void *user, int32_t level, const char *message) {
  test_log *log = user;
  pthread_mutex_lock(&log->lock);
  log->n_lines++;
  log->level = level;
  snprintf(log->line, sizeof log->line, "%s", message);
  pthread_mutex_unlock(&log->lock);
}

mlcm_log test_log_table(test_log *log) {
  memset(log, 0, sizeof *log);
  pthread_mutex_init(&log->lock, NULL);
  return (mlcm_log){keep_line, log};
}
