/* SPDX-License-Identifier: Apache-2.0
 *
 * test_overdue.c - each request is completed or overdue, never both and never neither.
 */
#include "support/suite.h"

#include <pthread.h>
#include <string.h>

#include "endpoint/overdue.h"
#include "support/fault.h"

#define DEADLINE_NS INT64_C(1600)
#define PERIOD_NS (DEADLINE_NS / MLCM__PERIOD_SPLIT)

static mlcm_context *ctx;
static mlcm__overdue overdue;
static mlcm__outstanding *cell;
static int64_t now_ns;

static void set_up(void) {
  ctx = test_context(NULL, NULL, NULL);
  now_ns = 1000000;
  mlcm__overdue_init(&overdue, DEADLINE_NS, now_ns);
  ck_assert_int_eq(mlcm__outstanding_new(&overdue, ctx, 4, &cell, NULL), MLCM_OK);
}

static void tear_down(void) {
  mlcm__outstanding_free(cell);
  mlcm_context_free(ctx);
}

/* What the ticking thread does; answers how many requests of the scope were found overdue. */
static uint64_t tick(int scope) {
  uint64_t found = 0;
  while (mlcm__overdue_is_due(&overdue, now_ns)) {
    uint64_t n[MLCM__PERIOD_SCOPES];
    mlcm__outstanding_close(&overdue, cell, n);
    found += n[scope];
    mlcm__overdue_closed(&overdue);
  }
  mlcm__overdue_turn(&overdue, cell, now_ns);
  return found;
}

static uint64_t wait_for(int64_t ns, int scope) {
  uint64_t found = 0;
  for (int64_t end = now_ns + ns; now_ns < end;) {
    now_ns += PERIOD_NS / 2;
    found += tick(scope);
  }
  return found;
}

START_TEST(completed_request_is_never_overdue) {
  set_up();
  uint32_t period = mlcm__outstanding_begin(&overdue, cell, 0, 1);
  ck_assert(mlcm__outstanding_end(&overdue, cell, 3, 1, period)); /* on another CPU */
  ck_assert_uint_eq(wait_for(3 * DEADLINE_NS, 1), 0);
  tear_down();
}
END_TEST

START_TEST(request_without_completion_is_overdue_once) {
  set_up();
  mlcm__outstanding_begin(&overdue, cell, 0, 2);
  ck_assert_uint_eq(wait_for(DEADLINE_NS - PERIOD_NS, 2), 0);
  ck_assert_uint_eq(wait_for(3 * PERIOD_NS, 2), 1);
  ck_assert_uint_eq(wait_for(5 * DEADLINE_NS, 2), 0);
  tear_down();
}
END_TEST

START_TEST(completion_within_the_deadline_counts_even_late_in_it) {
  set_up();
  uint32_t period = mlcm__outstanding_begin(&overdue, cell, 1, 0);
  ck_assert_uint_eq(wait_for(DEADLINE_NS - PERIOD_NS / 2, 0), 0);
  ck_assert(mlcm__outstanding_end(&overdue, cell, 1, 0, period));
  ck_assert_uint_eq(wait_for(3 * DEADLINE_NS, 0), 0);
  tear_down();
}
END_TEST

START_TEST(completion_after_the_deadline_is_told_so) {
  set_up();
  uint32_t period = mlcm__outstanding_begin(&overdue, cell, 1, 0);
  ck_assert_uint_eq(wait_for(2 * DEADLINE_NS, 0), 1);
  ck_assert(!mlcm__outstanding_end(&overdue, cell, 1, 0, period));
  ck_assert_uint_eq(wait_for(9 * DEADLINE_NS, 0), 0); /* the ring has come round: nothing is left of it */
  ck_assert(!mlcm__outstanding_end(&overdue, cell, 1, 0, period));
  tear_down();
}
END_TEST

START_TEST(periods_that_never_were_are_refused) {
  set_up();
  ck_assert(!mlcm__outstanding_end(&overdue, cell, 0, 0, 0));
  ck_assert(!mlcm__outstanding_end(&overdue, cell, 0, 0, 2));
  ck_assert(!mlcm__outstanding_end(&overdue, cell, 0, 0, UINT32_MAX));
  tear_down();
}
END_TEST

START_TEST(scopes_are_counted_apart) {
  set_up();
  mlcm__outstanding_begin(&overdue, cell, 0, 0);
  mlcm__outstanding_begin(&overdue, cell, 1, 2);
  mlcm__outstanding_begin(&overdue, cell, 2, 2);
  uint64_t n[MLCM__PERIOD_SCOPES] = {0};
  while (!mlcm__overdue_is_due(&overdue, now_ns)) {
    mlcm__overdue_turn(&overdue, cell, now_ns);
    now_ns += PERIOD_NS;
  }
  mlcm__outstanding_close(&overdue, cell, n);
  ck_assert_uint_eq(n[0], 1);
  ck_assert_uint_eq(n[1], 0);
  ck_assert_uint_eq(n[2], 2);
  tear_down();
}
END_TEST

START_TEST(stall_of_the_ticking_thread_does_not_shorten_the_deadline) {
  set_up();
  mlcm__outstanding_begin(&overdue, cell, 0, 0);
  now_ns += 10 * DEADLINE_NS; /* nobody ticked: the request may have come just now */
  ck_assert_uint_eq(tick(0), 0);
  ck_assert_uint_eq(wait_for(DEADLINE_NS - PERIOD_NS, 0), 0);
  ck_assert_uint_eq(wait_for(2 * PERIOD_NS, 0), 1);
  tear_down();
}
END_TEST

START_TEST(cell_is_drained_when_its_last_period_is_closed) {
  set_up();
  cell->n_tables = 1;
  wait_for(DEADLINE_NS * 3, 0);
  ck_assert(!mlcm__outstanding_is_drained(&overdue, cell)); /* requests may still come */
  cell->n_tables = 0;
  cell->last_period = atomic_load(&overdue.period);
  ck_assert(!mlcm__outstanding_is_drained(&overdue, cell));
  wait_for(DEADLINE_NS + 3 * PERIOD_NS, 0);
  ck_assert(mlcm__outstanding_is_drained(&overdue, cell));
  tear_down();
}
END_TEST

/* ---- Stress: completions race with closing -------------------------------------------------------------------------- */

enum { WORKERS = 4, REQUESTS = 50000 };

START_TEST(no_period_begins_while_the_ring_is_full_of_open_ones) {
  set_up();
  uint32_t first = mlcm__outstanding_begin(&overdue, cell, 0, 1);
  for (int i = 0; i < 2 * MLCM__PERIODS; ++i) { /* turns only: nobody closes */
    now_ns += PERIOD_NS;
    mlcm__overdue_turn(&overdue, cell, now_ns);
  }
  uint32_t last = mlcm__outstanding_begin(&overdue, cell, 0, 1);
  ck_assert_uint_eq(last - first, MLCM__PERIODS - 1);
  ck_assert(mlcm__outstanding_end(&overdue, cell, 0, 1, first));
  tear_down();
}
END_TEST

static _Atomic long n_completed, n_late;
static _Atomic int n_working;

static void *work(void *user) {
  unsigned shard = (unsigned)(uintptr_t)user;
  uint32_t held[64];
  for (int i = 0; i < REQUESTS; ++i) {
    uint32_t *oldest = &held[i % 64];
    if (i >= 64) atomic_fetch_add(mlcm__outstanding_end(&overdue, cell, shard + 1, 1, *oldest) ? &n_completed : &n_late, 1);
    *oldest = mlcm__outstanding_begin(&overdue, cell, shard, 1);
  }
  for (int i = 0; i < 64; ++i) {
    atomic_fetch_add(mlcm__outstanding_end(&overdue, cell, shard, 1, held[i]) ? &n_completed : &n_late, 1);
  }
  atomic_fetch_sub(&n_working, 1);
  return NULL;
}

START_TEST(every_request_is_completed_or_overdue_under_stress) {
  pthread_t workers[WORKERS];
  uint64_t found = 0;
  set_up();
  atomic_store(&n_working, WORKERS);
  for (int i = 0; i < WORKERS; ++i) {
    ck_assert_int_eq(pthread_create(&workers[i], NULL, work, (void *)(uintptr_t)i), 0);
  }
  while (atomic_load(&n_working) > 0) { /* periods fly by, so that many are closed under the workers' hands */
    now_ns += PERIOD_NS;
    found += tick(1);
  }
  for (int i = 0; i < WORKERS; ++i) pthread_join(workers[i], NULL);
  found += wait_for(3 * DEADLINE_NS, 1);
  ck_assert_int_eq(n_completed + n_late, (long)WORKERS * REQUESTS);
  ck_assert_int_eq((long)found, n_late);
  tear_down();
}
END_TEST

int main(void) {
  const TTest *tests[] = {completed_request_is_never_overdue,
                          request_without_completion_is_overdue_once,
                          completion_within_the_deadline_counts_even_late_in_it,
                          completion_after_the_deadline_is_told_so,
                          periods_that_never_were_are_refused,
                          scopes_are_counted_apart,
                          stall_of_the_ticking_thread_does_not_shorten_the_deadline,
                          cell_is_drained_when_its_last_period_is_closed,
                          no_period_begins_while_the_ring_is_full_of_open_ones,
                          every_request_is_completed_or_overdue_under_stress};
  return TEST_RUN("endpoint_overdue", tests);
}
