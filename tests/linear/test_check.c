/* SPDX-License-Identifier: Apache-2.0
 *
 * test_check.c - the checker itself: histories that have an order, and histories that must be refused.
 */
#include <stdlib.h>
#include <string.h>

#include "linear/check.h"
#include "support/suite.h"

enum { OPS_MAX = 32 };

/* ---- short histories ---- */

/* `to` 0: the process was killed before the answer. */
static lin_op at(int32_t process, int64_t from, int64_t to, lin_op op) {
  op.process = process;
  op.called_ns = from;
  op.answered_ns = to;
  atomic_init(&op.progress, to ? LIN_ANSWERED : LIN_CALLED);
  return op;
}

#define REGISTER(n, which) ((lin_op){.kind = LIN_REGISTER, .alias = -1, .content = (which), .seen = (n)})
#define SET(to, expected, st) ((lin_op){.kind = LIN_ALIAS_SET, .version = (to), .expect = (expected), .status = (st)})
#define RESOLVE(n) ((lin_op){.kind = LIN_RESOLVE, .seen = (n), .status = (n) ? MLCM_OK : MLCM_NOT_FOUND})
#define UNDO(to) ((lin_op){.kind = LIN_UNDO, .seen = (to)})
#define DELETE(n, by_force, st) ((lin_op){.kind = LIN_DELETE, .alias = -1, .version = (n), .force = (by_force), .status = (st)})
#define RESTORE(n, st) ((lin_op){.kind = LIN_RESTORE, .alias = -1, .version = (n), .status = (st)})
#define MODEL_DELETE(by_force, st) ((lin_op){.kind = LIN_MODEL_DELETE, .alias = -1, .force = (by_force), .status = (st)})
#define MODEL_RESTORE(st) ((lin_op){.kind = LIN_MODEL_RESTORE, .alias = -1, .status = (st)})
#define TAG(n, value) ((lin_op){.kind = LIN_TAG, .alias = -1, .version = (n), .tag = (value)})
#define GET(...) ((lin_op){.kind = LIN_GET, .alias = -1, .n_rows = 1, .version = 1, .rows = {{__VA_ARGS__}}})
#define LIST1(...) ((lin_op){.kind = LIN_LIST, .alias = -1, .n_rows = 1, .rows = {{__VA_ARGS__}}})
#define LIST2(a, b) ((lin_op){.kind = LIN_LIST, .alias = -1, .n_rows = 2, .rows = {{2, (a), 0, 0, 0}, {1, (b), 0, 0, 0}}})
#define HEAD(n) ((lin_op){.kind = LIN_HEAD, .alias = -1, .seen = (n)})

static int32_t check(const lin_op *ops, size_t n, const lin_change *feed, size_t n_feed, char **out_text) {
  const lin_op *pointers[OPS_MAX];
  size_t len = 0;
  lin_model m;
  ck_assert_uint_le(n, OPS_MAX);
  for (size_t i = 0; i < n; i++) pointers[i] = &ops[i];
  FILE *out = open_memstream(out_text, &len);
  lin_model_init(&m);
  m.feed = feed;
  m.n_feed = n_feed;
  int32_t verdict = lin_check(&m, pointers, n, out);
  lin_model_reset(&m);
  fclose(out);
  return verdict;
}

#define VERDICT(expected, ...)                                                                     \
  do {                                                                                             \
    lin_op history[] = {__VA_ARGS__};                                                              \
    char *text = NULL;                                                                             \
    int32_t verdict = check(history, sizeof history / sizeof history[0], NULL, 0, &text);          \
    ck_assert_msg(verdict == (expected), "verdict %d instead of %d: %s", verdict, (expected), text); \
    free(text);                                                                                    \
  } while (0)
#define EXPLAINED(...) VERDICT(LIN_EXPLAINED, __VA_ARGS__)
#define REFUSED(...) VERDICT(LIN_UNEXPLAINED, __VA_ARGS__)

/* ---- what must have an order ---- */

START_TEST(calls_one_after_the_other_are_explained) {
  EXPLAINED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, SET(1, 0, MLCM_OK)), at(1, 5, 6, RESOLVE(1)), at(0, 7, 8, TAG(1, 5)),
            at(1, 9, 10, GET(1, 7, 5, 0, 1)), at(0, 11, 12, REGISTER(2, 8)), at(0, 13, 14, SET(2, 1, MLCM_OK)),
            at(0, 15, 16, UNDO(1)), at(0, 17, 18, DELETE(1, 0, MLCM_CONFLICT)), at(0, 19, 20, DELETE(1, 1, MLCM_OK)),
            at(1, 21, 22, RESOLVE(0)), at(1, 23, 24, LIST1(2, 8, 0, 0, 0)), at(0, 25, 26, RESTORE(1, MLCM_OK)),
            at(1, 27, 28, HEAD(9)));
}
END_TEST

START_TEST(a_reading_beside_a_change_may_see_either_state) {
  EXPLAINED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 10, SET(1, 0, MLCM_OK)), at(1, 4, 9, RESOLVE(1)), at(2, 5, 8, RESOLVE(0)));
}
END_TEST

START_TEST(registrations_beside_each_other_may_come_in_either_order) {
  EXPLAINED(at(0, 1, 9, REGISTER(2, 7)), at(1, 2, 8, REGISTER(1, 8)), at(0, 10, 11, LIST2(7, 8)),
            at(1, 12, 13, DELETE(3, 0, MLCM_NOT_FOUND)));
}
END_TEST

START_TEST(a_call_of_a_killed_process_may_have_happened_later) {
  EXPLAINED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 0, SET(1, 0, MLCM_OK)), at(1, 4, 5, RESOLVE(0)), at(1, 6, 7, RESOLVE(1)));
}
END_TEST

START_TEST(a_call_of_a_killed_process_may_never_have_happened) {
  EXPLAINED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 0, SET(1, 0, MLCM_OK)), at(1, 4, 5, RESOLVE(0)),
            at(1, 6, 7, SET(1, 0, MLCM_OK)));
}
END_TEST

START_TEST(a_list_goes_on_behind_what_is_deleted) {
  EXPLAINED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, REGISTER(2, 8)), at(0, 5, 6, DELETE(2, 0, MLCM_OK)),
            at(1, 7, 8, LIST1(1, 7, 0, 0, 0)));
}
END_TEST

START_TEST(a_deleted_model_takes_nothing_until_it_is_restored) {
  lin_op refused = REGISTER(0, 8), empty = {.kind = LIN_LIST, .alias = -1};
  refused.status = MLCM_INVALID_STATE;
  EXPLAINED(at(0, 1, 2, MODEL_DELETE(0, MLCM_NOT_FOUND)), at(0, 3, 4, REGISTER(1, 7)), at(0, 5, 6, SET(1, 0, MLCM_OK)),
            at(0, 7, 8, MODEL_DELETE(0, MLCM_CONFLICT)), at(0, 9, 10, MODEL_DELETE(1, MLCM_OK)), at(0, 11, 12, refused),
            at(0, 13, 14, SET(1, -1, MLCM_NOT_FOUND)), at(1, 15, 16, empty), at(1, 17, 18, GET(1, 7, 0, 1, 0)),
            at(0, 19, 20, MODEL_RESTORE(MLCM_OK)), at(0, 21, 22, MODEL_RESTORE(MLCM_NOT_FOUND)), at(1, 23, 24, RESOLVE(0)),
            at(1, 25, 26, LIST1(1, 7, 0, 0, 0)), at(0, 27, 28, UNDO(1)), at(1, 29, 30, HEAD(6)));
}
END_TEST

/* ---- what must not ---- */

START_TEST(a_stale_reading_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, SET(1, 0, MLCM_OK)), at(1, 5, 6, RESOLVE(0)));
}
END_TEST

START_TEST(readings_that_go_back_in_time_are_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 20, SET(1, 0, MLCM_OK)), at(1, 4, 5, RESOLVE(1)), at(1, 6, 7, RESOLVE(0)));
}
END_TEST

START_TEST(a_lost_update_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, REGISTER(2, 7)), at(1, 5, 10, SET(1, 0, MLCM_OK)),
          at(2, 6, 9, SET(2, 0, MLCM_OK)));
}
END_TEST

START_TEST(a_change_that_vanished_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, TAG(1, 5)), at(1, 5, 6, GET(1, 7, 0, 0, 0)));
}
END_TEST

START_TEST(a_number_given_twice_is_refused) { REFUSED(at(0, 1, 9, REGISTER(1, 7)), at(1, 2, 8, REGISTER(1, 8))); }
END_TEST

START_TEST(a_number_left_out_is_refused) { REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(1, 3, 4, REGISTER(3, 8))); }
END_TEST

START_TEST(an_alias_set_to_a_deleted_version_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, DELETE(1, 0, MLCM_OK)), at(1, 5, 6, SET(1, 0, MLCM_OK)));
}
END_TEST

START_TEST(an_alias_that_stays_on_a_deleted_version_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, SET(1, 0, MLCM_OK)), at(0, 5, 6, DELETE(1, 1, MLCM_OK)),
          at(1, 7, 8, RESOLVE(1)));
}
END_TEST

START_TEST(a_deletion_under_an_alias_without_force_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, SET(1, 0, MLCM_OK)), at(0, 5, 6, DELETE(1, 0, MLCM_OK)));
}
END_TEST

START_TEST(a_registration_into_a_deleted_model_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, MODEL_DELETE(0, MLCM_OK)), at(1, 5, 6, REGISTER(2, 8)));
}
END_TEST

START_TEST(an_alias_that_comes_back_with_its_model_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, SET(1, 0, MLCM_OK)), at(0, 5, 6, MODEL_DELETE(1, MLCM_OK)),
          at(0, 7, 8, MODEL_RESTORE(MLCM_OK)), at(1, 9, 10, RESOLVE(1)));
}
END_TEST

START_TEST(bytes_of_another_version_are_refused) { REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(1, 3, 4, GET(1, 8, 0, 0, 0))); }
END_TEST

START_TEST(a_row_of_two_states_is_refused) { /* the tag of after, the alias of before */
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, SET(1, 0, MLCM_OK)), at(0, 5, 6, TAG(1, 5)), at(1, 1, 9, GET(1, 7, 5, 0, 0)));
}
END_TEST

START_TEST(a_list_without_the_newest_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, REGISTER(2, 8)), at(1, 5, 6, LIST1(1, 7, 0, 0, 0)));
}
END_TEST

START_TEST(an_undo_to_what_was_undone_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, REGISTER(2, 8)), at(0, 5, 6, SET(1, 0, MLCM_OK)),
          at(0, 7, 8, SET(2, 1, MLCM_OK)), at(0, 9, 10, UNDO(1)), at(0, 11, 12, UNDO(2)));
}
END_TEST

START_TEST(a_call_that_happened_before_it_was_made_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(1, 3, 4, RESOLVE(1)), at(0, 5, 0, SET(1, 0, MLCM_OK)));
}
END_TEST

START_TEST(a_call_of_a_killed_process_that_happened_twice_is_refused) {
  REFUSED(at(0, 1, 0, REGISTER(1, 7)), at(1, 2, 3, REGISTER(3, 8)));
}
END_TEST

/* ---- with the feed ---- */

START_TEST(a_feed_in_another_order_than_the_answers_is_refused) {
  const lin_change right[] = {{LIN_REGISTERED, -1, 1, 7}, {LIN_TAGGED, -1, 1, 5}, {LIN_MOVED, 0, 1, 0}};
  const lin_change wrong[] = {{LIN_REGISTERED, -1, 1, 7}, {LIN_MOVED, 0, 1, 0}, {LIN_TAGGED, -1, 1, 5}};
  lin_op ops[] = {at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, TAG(1, 5)), at(0, 5, 6, SET(1, 0, MLCM_OK))};
  char *text = NULL;
  ck_assert_int_eq(check(ops, 3, right, 3, &text), LIN_EXPLAINED);
  free(text);
  ck_assert_int_eq(check(ops, 3, wrong, 3, &text), LIN_UNEXPLAINED);
  free(text);
}
END_TEST

START_TEST(a_change_missing_in_the_feed_is_refused) {
  const lin_change feed[] = {{LIN_REGISTERED, -1, 1, 7}};
  lin_op ops[] = {at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, TAG(1, 5))};
  char *text = NULL;
  ck_assert_int_eq(check(ops, 2, feed, 1, &text), LIN_UNEXPLAINED);
  free(text);
}
END_TEST

START_TEST(a_head_behind_an_acknowledged_change_is_refused) {
  REFUSED(at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, TAG(1, 5)), at(1, 5, 6, HEAD(1)));
}
END_TEST

/* ---- what it says ---- */

START_TEST(only_the_piece_without_explanation_is_shown) {
  lin_op ops[] = {at(0, 1, 2, REGISTER(1, 7)), at(0, 3, 4, TAG(1, 5)), at(0, 5, 9, SET(1, 0, MLCM_OK)), at(1, 6, 8, RESOLVE(9)),
                  at(2, 20, 21, TAG(1, 6))};
  char *text = NULL;
  ck_assert_int_eq(check(ops, 5, NULL, 0, &text), LIN_UNEXPLAINED);
  ck_assert_ptr_nonnull(strstr(text, "resolve a -> OK 9"));
  ck_assert_ptr_nonnull(strstr(text, "1 versions, 2 changes"));
  ck_assert_ptr_nonnull(strstr(text, "set a to 1 expecting 0 -> OK"));
  ck_assert_ptr_null(strstr(text, "tag 1 with 5"));
  ck_assert_ptr_null(strstr(text, "tag 1 with 6"));
  free(text);
}
END_TEST

/* Many calls side by side, all explained by one order only: without a memory of what was tried this would not end. */
START_TEST(a_search_does_not_try_the_same_twice) {
  enum { SIDE_BY_SIDE = 14 };
  lin_op ops[SIDE_BY_SIDE + 2];
  ops[0] = at(0, 1, 2, REGISTER(1, 7));
  for (int i = 0; i < SIDE_BY_SIDE; i++) ops[i + 1] = at(i + 1, 3, 100, TAG(1, i + 1));
  ops[SIDE_BY_SIDE + 1] = at(0, 200, 201, GET(1, 7, SIDE_BY_SIDE + 1, 0, 0));
  char *text = NULL;
  ck_assert_int_eq(check(ops, SIDE_BY_SIDE + 2, NULL, 0, &text), LIN_UNEXPLAINED);
  free(text);
}
END_TEST

int main(void) {
  const TTest *tests[] = {calls_one_after_the_other_are_explained,
                          a_reading_beside_a_change_may_see_either_state,
                          registrations_beside_each_other_may_come_in_either_order,
                          a_call_of_a_killed_process_may_have_happened_later,
                          a_call_of_a_killed_process_may_never_have_happened,
                          a_list_goes_on_behind_what_is_deleted,
                          a_deleted_model_takes_nothing_until_it_is_restored,
                          a_stale_reading_is_refused,
                          readings_that_go_back_in_time_are_refused,
                          a_lost_update_is_refused,
                          a_change_that_vanished_is_refused,
                          a_number_given_twice_is_refused,
                          a_number_left_out_is_refused,
                          an_alias_set_to_a_deleted_version_is_refused,
                          an_alias_that_stays_on_a_deleted_version_is_refused,
                          a_deletion_under_an_alias_without_force_is_refused,
                          a_registration_into_a_deleted_model_is_refused,
                          an_alias_that_comes_back_with_its_model_is_refused,
                          bytes_of_another_version_are_refused,
                          a_row_of_two_states_is_refused,
                          a_list_without_the_newest_is_refused,
                          an_undo_to_what_was_undone_is_refused,
                          a_call_that_happened_before_it_was_made_is_refused,
                          a_call_of_a_killed_process_that_happened_twice_is_refused,
                          a_feed_in_another_order_than_the_answers_is_refused,
                          a_change_missing_in_the_feed_is_refused,
                          a_head_behind_an_acknowledged_change_is_refused,
                          only_the_piece_without_explanation_is_shown,
                          a_search_does_not_try_the_same_twice};
  return TEST_RUN("linear_check", tests);
}
