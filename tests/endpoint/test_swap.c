/* SPDX-License-Identifier: Apache-2.0
 *
 * test_swap.c - threads keep asking while versions come, go and fail to load: every request gets one good answer, from the
 * version that its ticket names, and memory does not grow.
 */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#ifdef MLCM_SANITIZED
enum { ASKERS = 2, SWAPS = 40 };
#else
enum { ASKERS = 2, SWAPS = 200 };
#endif
enum { VERSIONS = 4 };

static mlcm_endpoint *ep;
static atomic_bool stop;
static _Atomic long n_asked, n_dropped, n_mixed;

static void *ask_on_and_on(void *user) {
  int thread = (int)(intptr_t)user;
  char key[32];
  for (int i = 0; !atomic_load(&stop); ++i) {
    float answer = 0;
    mlcm_ticket ticket;
    snprintf(key, sizeof key, "%d-%d", thread, i);
    if (ask(ep, key, (float)i, 1, &answer, &ticket, NULL))
      atomic_fetch_add(&n_dropped, 1);
    else if (answer != (float)i + 1 + (float)ticket.version)
      atomic_fetch_add(&n_mixed, 1);
    atomic_fetch_add(&n_asked, 1);
    i %= 1000; /* stays exact in a float */
  }
  return NULL;
}

static long resident_kib(void) {
  long pages = 0;
  long resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_eq(fscanf(file, "%ld %ld", &pages, &resident), 2);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void start_askers(pthread_t *threads) {
  atomic_store(&stop, false);
  atomic_store(&n_asked, 0);
  atomic_store(&n_dropped, 0);
  atomic_store(&n_mixed, 0);
  for (int i = 0; i < ASKERS; ++i) ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_on_and_on, (void *)(intptr_t)i), 0);
  while (atomic_load(&n_asked) < ASKERS) sched_yield();
}

static void stop_askers(pthread_t *threads) {
  atomic_store(&stop, true);
  for (int i = 0; i < ASKERS; ++i) pthread_join(threads[i], NULL);
  ck_assert_int_eq(n_dropped, 0);
  ck_assert_int_eq(n_mixed, 0);
}

static mlcm_endpoint *open_with(fixture *f, uint32_t flags, int64_t poll_ns) {
  mlcm_endpoint_options options;
  mlcm_endpoint *opened = NULL;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = flags;
  options.poll_ns = poll_ns;
  options.deadline_ns = TEST_SECOND_NS;
  CHECK_OK(mlcm_endpoint_open(f->reg, "digits", &options, &opened, err));
  return opened;
}

/* The clock goes on, so that counts of past epochs drain as they would in life. */
static void tick_for_two_deadlines(fixture *f) {
  for (int i = 0; i < 40; ++i) {
    test_clock_advance(&f->clock, TEST_SECOND_NS / 16);
    mlcm_status st = mlcm_endpoint_tick(ep, NULL, NULL, NULL);
    ck_assert(st == MLCM_OK || st == MLCM_CORRUPT);
  }
}

static void settle_and_measure(fixture *f, test_memory *memory, int64_t champion, size_t *live_bytes, long *rss_kib) {
  set_champion(f, "digits", champion);
  tick_for_two_deadlines(f);
  set_champion(f, "digits", 3 - champion);
  tick_for_two_deadlines(f);
  pthread_mutex_lock(&memory->lock);
  *live_bytes = memory->live_bytes;
  pthread_mutex_unlock(&memory->lock);
  *rss_kib = resident_kib();
}

START_TEST(no_request_is_dropped_and_no_memory_kept_while_versions_swap_and_fail) {
  fixture f = {0};
  test_memory memory;
  pthread_t threads[ASKERS];
  char sha256[65];
  size_t live_before = 0;
  size_t live_after = 0;
  long rss_before = 0;
  long rss_after = 0;
  test_memory_init(&memory);
  mlcm_allocator allocator = test_memory_table(&memory);
  f.dir = test_temp_dir();
  test_clock_init(&f.clock, TEST_EPOCH_NS);
  mlcm_clock clock = test_clock_table(&f.clock);
  f.ctx = test_context(&allocator, NULL, &clock);
  f.reg = open_registry(f.ctx, f.dir);
  add_digits(&f, VERSIONS);
  damage(&f, "digits/4", sha256);
  ep = open_with(&f, MLCM_ENDPOINT_MANUAL, 0);
  settle_and_measure(&f, &memory, 2, &live_before, &rss_before);
  start_askers(threads);
  for (int i = 0; i < SWAPS; ++i) {
    int64_t to = i % VERSIONS + 1;
    set_champion(&f, "digits", to);
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    mlcm_status st = mlcm_endpoint_tick(ep, NULL, NULL, NULL);
    ck_assert_int_eq(st, to == 4 ? MLCM_CORRUPT : MLCM_OK);
    ck_assert_int_eq(info_of(ep).stable, to == 4 ? 3 : to);
    for (long seen = atomic_load(&n_asked); atomic_load(&n_asked) < seen + ASKERS;) sched_yield();
  }
  stop_askers(threads);
  settle_and_measure(&f, &memory, 2, &live_after, &rss_after);
  printf("%d swaps, %ld requests, 0 dropped; live %zu -> %zu bytes, resident %ld -> %ld KiB\n", SWAPS, (long)n_asked, live_before,
         live_after, rss_before, rss_after);
  /* Run states of the sessions and statement caches differ a little with the threads' luck; a version kept would be seen. */
  ck_assert_uint_le(live_after, live_before + 65536);
  mlcm_endpoint_close(ep);
  tear_down(&f);
  test_memory_check_empty(&memory, "closing everything");
}
END_TEST

START_TEST(no_request_is_dropped_with_the_background_thread) {
  fixture f;
  pthread_t threads[ASKERS];
  char sha256[65];
  set_up(&f);
  add_digits(&f, VERSIONS);
  damage(&f, "digits/4", sha256);
  ep = open_with(&f, 0, 1000000);
  start_askers(threads);
  for (int i = 0; i < SWAPS / 4; ++i) {
    int64_t to = i % 3 + 1;
    if (i % 5 == 4) set_champion(&f, "digits", 4); /* not loaded, or not even seen: all the same for the askers */
    set_champion(&f, "digits", to);
    while (info_of(ep).stable != to) sched_yield();
  }
  stop_askers(threads);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

/* ---- A host with its own engine, rollouts coming and going ---------------------------------------------------------- */

static const char plan[] =
    "mlcm: rollout/v1\nendpoint: digits\ncandidate: digits/2\nsteps:\n  - {weight: 30%, for: 1h}\nchecks:\n"
    "  - {name: wrong answers, compare: outcome.wrong, tolerate: 1.25x}\n";

static void *serve_on_and_on(void *user) {
  int thread = (int)(intptr_t)user;
  char key[32];
  for (int i = 0; !atomic_load(&stop); ++i) {
    mlcm_ticket ticket;
    snprintf(key, sizeof key, "%d-%d", thread, i);
    mlcm_status st = mlcm_endpoint_route(ep, mlcm_str_of(i % 4 ? key : ""), &ticket, NULL);
    if (!st) st = mlcm_endpoint_complete(ep, &ticket, 1000 + i, 1, NULL);
    if (!st) st = mlcm_endpoint_report(ep, &ticket, MLCM_OUTCOME_WRONG, 0, NULL); /* nothing to roll back for */
    if (st) atomic_fetch_add(&n_dropped, 1);
    atomic_fetch_add(&n_asked, 1);
  }
  return NULL;
}

START_TEST(every_request_is_counted_once_while_rollouts_begin_and_end) {
  fixture f;
  pthread_t threads[ASKERS];
  counted all = {0};
  set_up(&f);
  add_digits(&f, 2);
  ep = open_with(&f, HOST_RUNS, 0);
  atomic_store(&stop, false);
  atomic_store(&n_asked, 0);
  for (int i = 0; i < ASKERS; ++i) ck_assert_int_eq(pthread_create(&threads[i], NULL, serve_on_and_on, (void *)(intptr_t)i), 0);
  for (int i = 0; i < SWAPS / 8; ++i) {
    mlcm_rollout *rollout = start_rollout(&f, plan);
    tick(ep);
    for (long seen = atomic_load(&n_asked); atomic_load(&n_asked) < seen + 100;) sched_yield();
    CHECK_OK(mlcm_rollout_command(rollout, MLCM_COMMAND_ABORT, NULL, err));
    tick(ep);
    mlcm_rollout_close(rollout);
  }
  stop_askers(threads);
  for (int64_t version = 1; version <= 2; ++version) {
    counted c = count(ep, version, 0, MLCM__SCOPE_REQUEST); /* includes the units */
    ck_assert_uint_gt(c.completed, 0);
    all.routed += c.routed;
    all.completed += c.completed;
    all.outcomes += c.outcomes;
    all.errors += c.errors;
  }
  ck_assert_uint_eq(all.routed, (uint64_t)n_asked);
  ck_assert_uint_eq(all.completed, (uint64_t)n_asked);
  ck_assert_uint_eq(all.outcomes, (uint64_t)n_asked);
  ck_assert_uint_eq(all.errors, 0);
  ck_assert_uint_eq(info_of(ep).requests, (uint64_t)n_asked);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {no_request_is_dropped_and_no_memory_kept_while_versions_swap_and_fail,
                          no_request_is_dropped_with_the_background_thread,
                          every_request_is_counted_once_while_rollouts_begin_and_end};
  return TEST_RUN("endpoint_swap", tests);
}
