/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fork.c - a process is forked while one of its threads waits for the database: the child can close the handle.
 */
#include "store/db_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/asleep.h"
#include "support/child.h"
#include "support/suite.h"

typedef struct waiter {
  mlcm__db *db;
  bool (*wait)(mlcm__db *db); /* takes what it waits for, and gives it back */
  _Atomic pid_t id;
} waiter;

static void *wait_for(void *user) {
  waiter *w = user;
  atomic_store(&w->id, gettid());
  ck_assert(w->wait(w->db));
  return NULL;
}

static bool write_once(mlcm__db *db) {
  mlcm__db_conn *conn = NULL;
  const bool taken = mlcm__db_write_begin(db, INT64_MAX, &conn, NULL) == MLCM_OK;
  if (taken) mlcm__db_rollback(conn);
  return taken;
}

static bool read_once(mlcm__db *db) {
  mlcm__db_conn *conn = NULL;
  const bool taken = mlcm__db_read_begin(db, &conn, NULL) == MLCM_OK;
  if (taken) mlcm__db_read_end(conn);
  return taken;
}

/* Forks while a thread waits; the child closes the handle within a time that a test never takes. */
static void fork_beside(mlcm__db *db, pthread_t *thread, waiter *w) {
  int how = 0;
  ck_assert_int_eq(pthread_create(thread, NULL, wait_for, w), 0);
  while (!atomic_load(&w->id)) sched_yield();
  test_wait_until_asleep(atomic_load(&w->id));
  const pid_t child = fork();
  if (child == 0) {
    (void)alarm(60);
    mlcm__db_close(db);
    test_child_exit(0);
  }
  ck_assert_int_eq(waitpid(child, &how, 0), child);
  ck_assert_int_eq(how, 0);
}

START_TEST(a_child_closes_a_handle_that_a_thread_waited_to_write_with) {
  db_fixture f;
  mlcm__db_conn *conn = NULL;
  pthread_t thread;
  fixture_open(&f);
  ck_assert_int_eq(mlcm__db_write_begin(f.db, -1, &conn, &f.err), MLCM_OK);
  waiter w = {.db = f.db, .wait = write_once};
  fork_beside(f.db, &thread, &w);
  mlcm__db_rollback(conn);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  fixture_close(&f);
}
END_TEST

START_TEST(a_child_closes_a_handle_that_a_thread_waited_to_read_with) {
  enum { READERS = 8 };
  db_fixture f;
  mlcm__db_conn *conns[READERS] = {NULL};
  pthread_t thread;
  fixture_files(&f);
  f.options.lock_timeout_ns = INT64_MAX;
  ck_assert_int_eq(fixture_reopen(&f), MLCM_OK);
  for (int i = 0; i < READERS; i++) ck_assert_int_eq(mlcm__db_read_begin(f.db, &conns[i], &f.err), MLCM_OK);
  waiter w = {.db = f.db, .wait = read_once};
  fork_beside(f.db, &thread, &w);
  for (int i = 0; i < READERS; i++) mlcm__db_read_end(conns[i]);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_child_closes_a_handle_that_a_thread_waited_to_write_with,
                          a_child_closes_a_handle_that_a_thread_waited_to_read_with};
  return TEST_RUN("store_fork", tests);
}
