/* SPDX-License-Identifier: Apache-2.0
 *
 * test_alias.c - moving aliases: compare-and-swap, history, the last good version, races.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "registry/fixture.h"
#include "registry/sql.h"

static const mlcm_attribution bot = {"deploy-bot", "nightly"};

START_TEST(an_alias_is_made_moved_and_removed) {
  fixture f;
  set_up(&f);
  add_versions(&f, "digits", 2);
  ck_assert_int_eq(alias_of(&f, "digits", "champion"), 0);
  move_alias(&f, "digits", "champion", 1);
  ck_assert_int_eq(alias_of(&f, "digits", "champion"), 1);
  move_alias(&f, "digits", "champion", 2);
  ck_assert_int_eq(alias_of(&f, "digits", "champion"), 2);
  CHECK_OK(mlcm_alias_delete(f.reg, "digits", "champion", MLCM_ALIAS_ANY, 0, NULL, err));
  ck_assert_int_eq(alias_of(&f, "digits", "champion"), 0);
  tear_down(&f);
}
END_TEST

START_TEST(what_is_missing_names_its_neighbour) {
  fixture f;
  set_up(&f);
  add_versions(&f, "digits", 2);
  move_alias(&f, "digits", "champion", 1);
  int64_t v = 77;
  CHECK_FAILS(MLCM_NOT_FOUND, "did you mean 'digits'?", mlcm_alias_get(f.reg, "digist", "champion", &v, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "did you mean 'champion'?", mlcm_alias_get(f.reg, "digits", "champoin", &v, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "versions 1 to 2", mlcm_alias_set(f.reg, "digits", "champion", 3, MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "no alias 'gone'", mlcm_alias_delete(f.reg, "digits", "gone", MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "'nobody'", mlcm_alias_set(f.reg, "nobody", "champion", 1, MLCM_ALIAS_ANY, 0, NULL, err));
  ck_assert_int_eq(v, 77);
  tear_down(&f);
}
END_TEST

START_TEST(a_lost_swap_says_where_the_alias_is_and_who_moved_it) {
  fixture f;
  set_up(&f);
  add_versions(&f, "digits", 4);
  move_alias(&f, "digits", "champion", 2);
  CHECK_OK(mlcm_alias_set(f.reg, "digits", "champion", 4, 2, 0, &bot, err));
  CHECK_FAILS(MLCM_CONFLICT, "expected version 2, found 4 (by deploy-bot, 2026-03-01T12:00:00Z). Nothing was changed",
              mlcm_alias_set(f.reg, "digits", "champion", 3, 2, 0, NULL, err));
  CHECK_FAILS(MLCM_CONFLICT, "expected that it does not exist, found 4",
              mlcm_alias_set(f.reg, "digits", "champion", 3, MLCM_ALIAS_UNSET, 0, NULL, err));
  CHECK_FAILS(MLCM_CONFLICT, "it does not exist", mlcm_alias_set(f.reg, "digits", "other", 3, 1, 0, NULL, err));
  CHECK_FAILS(MLCM_CONFLICT, "expected version 1", mlcm_alias_delete(f.reg, "digits", "champion", 1, 0, NULL, err));
  CHECK_OK(mlcm_alias_set(f.reg, "digits", "other", 3, MLCM_ALIAS_UNSET, 0, NULL, err));
  ck_assert_int_eq(alias_of(&f, "digits", "champion"), 4);
  tear_down(&f);
}
END_TEST

START_TEST(wrong_arguments_of_a_move) {
  fixture f;
  set_up(&f);
  add_versions(&f, "digits", 1);
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "reserved", mlcm_alias_set(f.reg, "digits", "latest", 1, MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "count from 1", mlcm_alias_set(f.reg, "digits", "a", 0, MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "expect is -2", mlcm_alias_set(f.reg, "digits", "a", 1, -2, 0, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "unknown flags", mlcm_alias_set(f.reg, "digits", "a", 1, MLCM_ALIAS_ANY, 8, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_alias_set(f.reg, NULL, "a", 1, MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "must not exist", mlcm_alias_delete(f.reg, "digits", "a", MLCM_ALIAS_UNSET, 0, NULL, err));
  tear_down(&f);
}
END_TEST

START_TEST(moving_to_where_it_stands_is_no_change) {
  fixture f;
  set_up(&f);
  int64_t before = 0;
  int64_t after = 0;
  add_versions(&f, "digits", 1);
  move_alias(&f, "digits", "champion", 1);
  CHECK_OK(mlcm_changes_head(f.reg, &before, err));
  move_alias(&f, "digits", "champion", 1);
  CHECK_OK(mlcm_changes_head(f.reg, &after, err));
  ck_assert_int_eq(before, after);
  tear_down(&f);
}
END_TEST

/* ---- history ---- */

START_TEST(every_move_is_kept_with_who_when_and_why) {
  fixture f;
  set_up(&f);
  mlcm_history *h = NULL;
  add_versions(&f, "digits", 2);
  move_alias(&f, "digits", "champion", 1);
  test_clock_advance(&f.clock, 5 * TEST_SECOND_NS);
  CHECK_OK(mlcm_alias_set(f.reg, "digits", "champion", 2, 1, 0, &bot, err));
  CHECK_OK(mlcm_alias_delete(f.reg, "digits", "champion", 2, 0, NULL, err));
  CHECK_OK(mlcm_alias_history(f.reg, "digits", "champion", 0, 10, &h, err));
  ck_assert_uint_eq(mlcm_history_n(h), 3);
  mlcm_alias_move newest = mlcm_history_at(h, 0);
  ck_assert_int_eq(newest.from, 2);
  ck_assert_int_eq(newest.to, 0);
  mlcm_alias_move middle = mlcm_history_at(h, 1);
  ck_assert_int_eq(middle.from, 1);
  ck_assert_int_eq(middle.to, 2);
  ck_assert_int_eq(middle.cause, MLCM_CAUSE_MANUAL);
  ck_assert_int_eq(middle.rollout_id, 0);
  ck_assert_int_eq(middle.time_ns, TEST_EPOCH_NS + 5 * TEST_SECOND_NS);
  ck_assert_str_eq(middle.actor, "deploy-bot");
  ck_assert_str_eq(middle.reason, "nightly");
  ck_assert_int_eq(mlcm_history_at(h, 2).from, 0);
  char *json = NULL;
  CHECK_OK(mlcm_history_to_json(h, 1, &json, err));
  ck_assert_ptr_nonnull(
      strstr(json, "\"from\":1,\"to\":2,\"cause\":\"manual\",\"rollout\":null,\"actor\":\"deploy-bot\",\"reason\":\"nightly\""));
  mlcm_free(f.ctx, json);
  mlcm_history_free(h);
  tear_down(&f);
}
END_TEST

START_TEST(history_goes_on_page_by_page) {
  fixture f;
  set_up(&f);
  mlcm_history *h = NULL;
  int64_t before = 0;
  size_t total = 0;
  add_versions(&f, "digits", 2);
  for (int i = 0; i < 7; i++) move_alias(&f, "digits", "champion", 1 + i % 2);
  do {
    CHECK_OK(mlcm_alias_history(f.reg, "digits", "champion", before, 3, &h, err));
    size_t n = mlcm_history_n(h);
    if (n) before = mlcm_history_at(h, n - 1).seq;
    mlcm_history_free(h);
    total += n;
    if (n == 0) break;
  } while (total < 100);
  ck_assert_uint_eq(total, 7);
  CHECK_FAILS(MLCM_NOT_FOUND, "no alias 'never'", mlcm_alias_history(f.reg, "digits", "never", 0, 3, &h, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "limit", mlcm_alias_history(f.reg, "digits", "champion", 0, 0, &h, err));
  tear_down(&f);
}
END_TEST

/* ---- last good, undo ---- */

static int64_t last_good(const fixture *f) {
  int64_t v = 0;
  mlcm_status st = mlcm_alias_last_good(f->reg, "m", "a", &v, NULL);
  ck_assert(st == MLCM_OK || st == MLCM_NOT_FOUND);
  return v;
}

START_TEST(the_last_good_version_is_the_one_before) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 3);
  ck_assert_int_eq(last_good(&f), 0);
  move_alias(&f, "m", "a", 1);
  ck_assert_int_eq(last_good(&f), 0);
  move_alias(&f, "m", "a", 3);
  ck_assert_int_eq(last_good(&f), 1);
  move_alias(&f, "m", "a", 2);
  ck_assert_int_eq(last_good(&f), 3);
  tear_down(&f);
}
END_TEST

START_TEST(a_time_without_a_target_is_no_good_version) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "a", 1);
  CHECK_OK(mlcm_alias_delete(f.reg, "m", "a", MLCM_ALIAS_ANY, 0, NULL, err));
  move_alias(&f, "m", "a", 2);
  ck_assert_int_eq(last_good(&f), 1);
  tear_down(&f);
}
END_TEST

START_TEST(a_version_taken_back_twice_is_as_bad_as_one_taken_back_once) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "a", 1);
  for (int i = 0; i < 2; i++) {
    move_alias(&f, "m", "a", 2);
    CHECK_OK(mlcm_alias_undo(f.reg, "m", "a", 2, 0, NULL, NULL, err));
  }
  ck_assert_int_eq(last_good(&f), 0);
  tear_down(&f);
}
END_TEST

START_TEST(a_second_undo_does_not_come_back) {
  fixture f;
  set_up(&f);
  int64_t v = 0;
  add_versions(&f, "m", 3);
  for (int i = 1; i <= 3; i++) move_alias(&f, "m", "a", i);
  CHECK_OK(mlcm_alias_undo(f.reg, "m", "a", 3, 0, NULL, &v, err));
  ck_assert_int_eq(v, 2);
  CHECK_OK(mlcm_alias_undo(f.reg, "m", "a", MLCM_ALIAS_ANY, 0, NULL, &v, err));
  ck_assert_int_eq(v, 1);
  CHECK_FAILS(MLCM_NOT_FOUND, "no earlier good version", mlcm_alias_undo(f.reg, "m", "a", MLCM_ALIAS_ANY, 0, NULL, &v, err));
  ck_assert_int_eq(alias_of(&f, "m", "a"), 1);
  move_alias(&f, "m", "a", 3); /* promoted again: it is good again */
  move_alias(&f, "m", "a", 1);
  ck_assert_int_eq(last_good(&f), 3);
  tear_down(&f);
}
END_TEST

START_TEST(an_undo_expects_too) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "a", 1);
  move_alias(&f, "m", "a", 2);
  CHECK_FAILS(MLCM_CONFLICT, "expected version 1", mlcm_alias_undo(f.reg, "m", "a", 1, 0, NULL, NULL, err));
  ck_assert_int_eq(alias_of(&f, "m", "a"), 2);
  tear_down(&f);
}
END_TEST

START_TEST(deleted_versions_are_not_good) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 3);
  for (int i = 1; i <= 3; i++) move_alias(&f, "m", "a", i);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 2, 0, NULL, err));
  ck_assert_int_eq(last_good(&f), 1);
  tear_down(&f);
}
END_TEST

START_TEST(a_rollback_marks_what_it_left_as_bad) {
  fixture f;
  set_up(&f);
  mlcm__db_conn *conn = NULL;
  mlcm__model_row row;
  add_versions(&f, "m", 3);
  for (int i = 1; i <= 2; i++) move_alias(&f, "m", "a", i);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__model_find(conn, "m", &row, err));
  CHECK_OK(mlcm__alias_move_in(conn, f.reg, row.id, "a", 3, 2, MLCM_CAUSE_ROLLOUT, 17, NULL, err));
  CHECK_OK(mlcm__alias_move_in(conn, f.reg, row.id, "a", 2, 3, MLCM_CAUSE_ROLLBACK, 17, NULL, err));
  CHECK_OK(mlcm__registry_commit(f.reg, &conn, err));
  ck_assert_int_eq(last_good(&f), 1);
  mlcm_history *h = NULL;
  CHECK_OK(mlcm_alias_history(f.reg, "m", "a", 0, 1, &h, err));
  ck_assert_int_eq(mlcm_history_at(h, 0).cause, MLCM_CAUSE_ROLLBACK);
  ck_assert_int_eq(mlcm_history_at(h, 0).rollout_id, 17);
  mlcm_history_free(h);
  tear_down(&f);
}
END_TEST

/* ---- races ---- */

enum { THREADS = 4, ROUNDS = 25 };

typedef struct racer {
  const fixture *f;
  atomic_int *won;
  int version;
} racer;

/* Counts up by compare-and-swap: each success is one step, so that no step can be lost. */
static void *race(void *user) {
  racer *r = user;
  for (int done = 0; done < ROUNDS;) {
    int64_t now = alias_of(r->f, "m", "counter");
    mlcm_error err;
    mlcm_status st = mlcm_alias_set(r->f->reg, "m", "counter", now + 1, now, 0, NULL, &err);
    if (st == MLCM_OK) {
      done++;
      atomic_fetch_add(r->won, 1);
    } else {
      ck_assert_int_eq(st, MLCM_CONFLICT);
    }
  }
  return NULL;
}

START_TEST(threads_that_swap_lose_no_step) {
  fixture f;
  set_up(&f);
  pthread_t threads[THREADS];
  racer racers[THREADS];
  atomic_int won = 0;
  static mlcm_register_item items[THREADS * ROUNDS];
  char *path = make_file(&f, "x", "x");
  for (size_t i = 0; i < THREADS * ROUNDS; i++) items[i].path = path;
  CHECK_OK(mlcm_register_many(f.reg, "m", items, THREADS * ROUNDS, NULL, NULL, err));
  for (int i = 0; i < THREADS; i++) {
    racers[i] = (racer){&f, &won, i};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  ck_assert_int_eq(won, THREADS * ROUNDS);
  ck_assert_int_eq(alias_of(&f, "m", "counter"), THREADS * ROUNDS);
  free(path);
  tear_down(&f);
}
END_TEST

/* ---- cost ---- */

static void no_scan(const fixture *f, const char *sql) {
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  CHECK_OK(mlcm__db_read_begin(f->reg->db, &conn, err));
  CHECK_OK(mlcm__sql_first(conn, sql, MLCM__NO_BIND, &stmt, &row, err));
  ck_assert(row);
  while (row) {
    const char *step = mlcm__db_text(stmt, 3);
    ck_assert_msg(strstr(step, "SCAN") == NULL, "%s", step);
    CHECK_OK(mlcm__db_step(stmt, &row, err));
  }
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
}

START_TEST(reads_of_one_thing_go_by_index) {
  fixture f;
  set_up(&f);
  no_scan(&f,
          "EXPLAIN QUERY PLAN SELECT a.version FROM model m JOIN alias a ON a.model_id = m.id WHERE m.name = ?1 AND a.name = ?2");
  no_scan(&f, "EXPLAIN QUERY PLAN SELECT id, state FROM version WHERE model_id = ?1 AND number = ?2");
  no_scan(&f, "EXPLAIN QUERY PLAN SELECT max(number) FROM version WHERE model_id = ?1 AND state = 1");
  no_scan(&f, "EXPLAIN QUERY PLAN SELECT name FROM alias WHERE model_id = ?1 AND version = ?2 ORDER BY name");
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {an_alias_is_made_moved_and_removed,
                          what_is_missing_names_its_neighbour,
                          a_lost_swap_says_where_the_alias_is_and_who_moved_it,
                          wrong_arguments_of_a_move,
                          moving_to_where_it_stands_is_no_change,
                          every_move_is_kept_with_who_when_and_why,
                          history_goes_on_page_by_page,
                          the_last_good_version_is_the_one_before,
                          a_time_without_a_target_is_no_good_version,
                          a_version_taken_back_twice_is_as_bad_as_one_taken_back_once,
                          a_second_undo_does_not_come_back,
                          an_undo_expects_too,
                          deleted_versions_are_not_good,
                          a_rollback_marks_what_it_left_as_bad,
                          threads_that_swap_lose_no_step,
                          reads_of_one_thing_go_by_index};
  return TEST_RUN("registry_alias", tests);
}
