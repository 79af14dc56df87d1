/* SPDX-License-Identifier: Apache-2.0
 *
 * test_guard.c - nothing is freed under a reader, everything is freed in the end.
 */
#include "support/suite.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/guard.h"
#include "support/fault.h"

typedef struct object {
  mlcm__retired retired;
  _Atomic int *n_freed;
  int value; /* 42 while alive */
} object;

static void free_object(mlcm__retired *self) {
  object *o = (object *)self;
  o->value = 0;
  atomic_fetch_add(o->n_freed, 1);
  free(o);
}

static object *new_object(_Atomic int *n_freed) {
  object *o = calloc(1, sizeof *o);
  ck_assert_ptr_nonnull(o);
  o->value = 42;
  o->n_freed = n_freed;
  return o;
}

static mlcm__guard guard;
static mlcm_context *ctx;

static void set_up(void) {
  ctx = test_context(NULL, NULL, NULL);
  ck_assert_int_eq(mlcm__guard_init(&guard, ctx, NULL), MLCM_OK);
}

static void tear_down(void) {
  mlcm__guard_reset(&guard);
  mlcm_context_free(ctx);
}

START_TEST(retired_object_is_freed_at_once_without_readers) {
  _Atomic int n_freed = 0;
  set_up();
  mlcm__guard_retire(&guard, &new_object(&n_freed)->retired, free_object);
  ck_assert(mlcm__guard_sweep(&guard));
  ck_assert_int_eq(n_freed, 1);
  tear_down();
}
END_TEST

START_TEST(sweep_does_not_wait_for_a_reader_and_frees_after_it_left) {
  _Atomic int n_freed = 0;
  set_up();
  mlcm__guard_token reader = mlcm__guard_enter(&guard);
  mlcm__guard_retire(&guard, &new_object(&n_freed)->retired, free_object);
  for (int i = 0; i < 10; ++i) ck_assert(!mlcm__guard_sweep(&guard));
  ck_assert_int_eq(n_freed, 0);
  mlcm__guard_leave(reader);
  ck_assert(mlcm__guard_sweep(&guard));
  ck_assert_int_eq(n_freed, 1);
  tear_down();
}
END_TEST

START_TEST(reader_that_entered_between_the_phases_does_not_hold_up_older_objects_for_ever) {
  _Atomic int n_freed = 0;
  set_up();
  mlcm__guard_token first = mlcm__guard_enter(&guard);
  mlcm__guard_retire(&guard, &new_object(&n_freed)->retired, free_object);
  ck_assert(!mlcm__guard_sweep(&guard)); /* phase 0 waits for `first` */
  mlcm__guard_token second = mlcm__guard_enter(&guard);
  mlcm__guard_leave(first);
  mlcm__guard_sweep(&guard); /* phase 1 may wait for `second`, which never saw the object */
  mlcm__guard_leave(second);
  ck_assert(mlcm__guard_sweep(&guard));
  ck_assert_int_eq(n_freed, 1);
  tear_down();
}
END_TEST

START_TEST(object_retired_during_a_grace_period_waits_for_the_next) {
  _Atomic int n_freed = 0;
  set_up();
  mlcm__guard_token reader = mlcm__guard_enter(&guard);
  mlcm__guard_retire(&guard, &new_object(&n_freed)->retired, free_object);
  ck_assert(!mlcm__guard_sweep(&guard));
  mlcm__guard_retire(&guard, &new_object(&n_freed)->retired, free_object);
  ck_assert(!mlcm__guard_sweep(&guard));
  mlcm__guard_leave(reader);
  ck_assert(mlcm__guard_sweep(&guard));
  ck_assert_int_eq(n_freed, 2);
  tear_down();
}
END_TEST

START_TEST(reset_frees_what_is_still_retired) {
  _Atomic int n_freed = 0;
  set_up();
  mlcm__guard_retire(&guard, &new_object(&n_freed)->retired, free_object);
  tear_down();
  ck_assert_int_eq(n_freed, 1);
}
END_TEST

/* ---- Stress --------------------------------------------------------------------------------------------------------- */

enum { READERS = 6, SWAPS = 20000 };

static _Atomic(object *) current;
static atomic_bool stop;
static atomic_bool seen_freed;
static _Atomic long n_reads;

static void *read_on_and_on(void *user) {
  (void)user;
  while (!atomic_load(&stop)) {
    mlcm__guard_token token = mlcm__guard_enter(&guard);
    const object *o = atomic_load(&current);
    for (int i = 0; i < 8; ++i) {
      if (o->value != 42) atomic_store(&seen_freed, true);
      if (i == 4 && (mlcm__guard_random(token.slot) & 63) == 0) sched_yield();
    }
    mlcm__guard_leave(token);
    atomic_fetch_add_explicit(&n_reads, 1, memory_order_relaxed);
  }
  return NULL;
}

START_TEST(no_reader_ever_sees_a_freed_object_under_stress) {
  _Atomic int n_freed = 0;
  pthread_t readers[READERS];
  set_up();
  atomic_store(&stop, false);
  atomic_store(&current, new_object(&n_freed));
  for (int i = 0; i < READERS; ++i) ck_assert_int_eq(pthread_create(&readers[i], NULL, read_on_and_on, NULL), 0);
  while (atomic_load(&n_reads) == 0) sched_yield();
  for (int i = 0; i < SWAPS; ++i) {
    object *old = atomic_exchange(&current, new_object(&n_freed));
    mlcm__guard_retire(&guard, &old->retired, free_object);
    mlcm__guard_sweep(&guard);
  }
  atomic_store(&stop, true);
  for (int i = 0; i < READERS; ++i) pthread_join(readers[i], NULL);
  ck_assert(mlcm__guard_sweep(&guard));
  ck_assert_int_eq(n_freed, SWAPS);
  ck_assert(!seen_freed);
  free(atomic_load(&current));
  tear_down();
}
END_TEST

START_TEST(objects_are_freed_while_readers_never_pause) {
  _Atomic int n_freed = 0;
  pthread_t readers[READERS];
  set_up();
  atomic_store(&stop, false);
  atomic_store(&current, new_object(&n_freed));
  for (int i = 0; i < READERS; ++i) ck_assert_int_eq(pthread_create(&readers[i], NULL, read_on_and_on, NULL), 0);
  object *old = atomic_exchange(&current, new_object(&n_freed));
  mlcm__guard_retire(&guard, &old->retired, free_object);
  while (!mlcm__guard_sweep(&guard)) sched_yield(); /* ends although there is a reader inside at every moment */
  ck_assert_int_eq(n_freed, 1);
  atomic_store(&stop, true);
  for (int i = 0; i < READERS; ++i) pthread_join(readers[i], NULL);
  free(atomic_load(&current));
  tear_down();
}
END_TEST

int main(void) {
  const TTest *tests[] = {retired_object_is_freed_at_once_without_readers,
                          sweep_does_not_wait_for_a_reader_and_frees_after_it_left,
                          reader_that_entered_between_the_phases_does_not_hold_up_older_objects_for_ever,
                          object_retired_during_a_grace_period_waits_for_the_next,
                          reset_frees_what_is_still_retired,
                          no_reader_ever_sees_a_freed_object_under_stress,
                          objects_are_freed_while_readers_never_pause};
  return TEST_RUN("endpoint_guard", tests);
}
