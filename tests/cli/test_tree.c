/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tree.c - the tree of a rollout, drawn from states that the tests make up: each mark, word and number in its place.
 */
#include "cli/tree.h"

#include <stdlib.h>
#include <string.h>

#include "rollout/record.h"
#include "rollout/state.h"
#include "support/suite.h"

enum { MAX_CHECKS = 5 };
static const int64_t SECOND = 1000000000, NOON = INT64_C(1767268800) * 1000000000;

static mlcm_rollout_check checks[MAX_CHECKS];
static char said[] = "step 1 begins";
static struct mlcm_decision decision;
static mlcm_rollout_state state;
static mlcm_rollout_summary *const summary = &state.summary;

/* A rollout in its first step, with one check that compares and knows nothing yet. */
static void begin(void) {
  memset(checks, 0, sizeof checks);
  checks[0] = (mlcm_rollout_check){.name = "wrong", .kind = MLCM_CHECK_COMPARE, .on_fail = MLCM_ON_FAIL_ROLLBACK};
  checks[0].state = (mlcm_check_state){.verdict = MLCM_INCONCLUSIVE, .reason = "no proof yet"};
  decision = (struct mlcm_decision){.seq = 3, .at_ns = NOON, .reason = said};
  state = (mlcm_rollout_state){.checks = checks, .decision = &decision};
  *summary = (mlcm_rollout_summary){.endpoint = "digits",
                                    .alias = "champion",
                                    .stable = 1,
                                    .candidate = 2,
                                    .status = MLCM_ROLLOUT_PROGRESSING,
                                    .step = 1,
                                    .n_steps = 2,
                                    .n_checks = 1,
                                    .weight_ppm = 50000,
                                    .step_remaining_ns = 60 * SECOND,
                                    .elapsed_ns = 90 * SECOND,
                                    .n_serving = 1,
                                    .holder = "",
                                    .reason = "rolled back to /1: wrong is worse",
                                    .waits_for = ""};
}

/* Draws the state on a screen of that size (0: none) without colours and Unicode. The answer lives until the next one. */
static const char *draw(int columns, int rows) {
  static char *page;
  size_t size;
  cli c = {.out = {.columns = columns, .rows = rows}};
  free(page);
  c.out.file = open_memstream(&page, &size);
  ck_assert_ptr_nonnull(c.out.file);
  (void)cli_tree_print(&c, &state, 0);
  ck_assert_int_eq(fclose(c.out.file), 0);
  cli_close(&c);
  return page;
}

static void expect(const char *part) {
  const char *page = draw(0, 0);
  ck_assert_msg(strstr(page, part) != NULL, "no '%s' in\n%s", part, page);
}

static void expect_no(const char *part) {
  const char *page = draw(0, 0);
  ck_assert_msg(strstr(page, part) == NULL, "'%s' in\n%s", part, page);
}

/* ---- Checks -------------------------------------------------------------------------------------------------------- */

/* "E/needed" of the fail side, for natural logarithms. */
START_TEST(evidence_is_shown_with_as_many_digits_as_matter) {
  static const struct {
    double log_e, log_needed;
    const char *shown;
  } rows[] = {{-9, 3, "fail 0/20 "},        {0, 3, "fail 1/20 "},          {0.9, 3, "fail 2.5/20 "},
              {2.5, 3, "fail 12/20 "},      {9.2, 10, "fail 9897/22026 "}, {9.3, 10, "fail >9999/22026 "},
              {1e6, 3, "fail >9999/20 "},   {-1e300, 3, "fail 0/20 "}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    checks[0].state.log_e_fail = rows[i].log_e;
    checks[0].state.log_threshold_fail = rows[i].log_needed;
    expect(rows[i].shown);
  }
}
END_TEST

/* How many answers a proof still takes, where evidence has grown enough to say so. */
START_TEST(missing_answers_are_a_guess_to_one_digit) {
  static const struct {
    double log_e, log_needed;
    int64_t n;
    const char *shown; /* NULL: nothing */
  } rows[] = {{2, 3, 100, "  ~50 more answers\n"},   {1, 3, 3456, "  ~7,000 more answers\n"},
              {2.99, 3, 30, "  ~1 more answer\n"},  {2, 3, 29, NULL},
              {0.29, 3, 1000, NULL},                 {3, 3, 1000, NULL},
              {0.3, 30, INT64_C(20000000), NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    checks[0].state.log_e_pass = rows[i].log_e;
    checks[0].state.log_threshold_pass = rows[i].log_needed;
    checks[0].state.step.candidate_n = rows[i].n;
    if (rows[i].shown)
      expect(rows[i].shown);
    else
      expect_no("more answer");
  }
}
END_TEST

START_TEST(missing_answers_of_a_candidate_that_looks_worse_are_to_fail) {
  begin();
  checks[0].state.log_e_fail = 2;
  checks[0].state.log_threshold_fail = 3;
  checks[0].state.total = (mlcm_counts){.candidate_n = 100, .candidate_bad = 10, .stable_n = 1000, .stable_bad = 11};
  expect("`- wrong ~  no proof yet  10.0 % against 1.1 %  fail 7.4/20  pass 1/1     ~50 more answers to fail\n");
}
END_TEST

START_TEST(an_ended_rollout_misses_no_answers) {
  begin();
  summary->status = MLCM_ROLLOUT_EXPIRED;
  checks[0].state.log_e_pass = 2;
  checks[0].state.log_threshold_pass = 3;
  checks[0].state.step.candidate_n = 100;
  expect("pass 7.4/20");
  expect_no("more answer");
}
END_TEST

START_TEST(a_comparison_without_evidence_gives_the_gates_reason) {
  begin();
  checks[0].state = (mlcm_check_state){.verdict = MLCM_INCONCLUSIVE, .reason = "warming up"};
  expect("`- wrong ~  no proof yet  warming up\n");
}
END_TEST

/* A proof for the candidate is of this step, one against it of the whole rollout. */
START_TEST(a_proven_comparison_shows_its_counts_its_evidence_and_when) {
  begin();
  char expected[160];
  mlcm_check_state *s = &checks[0].state;
  s->step = (mlcm_counts){.candidate_n = 200, .candidate_bad = 2, .stable_n = 100, .stable_bad = 2};
  s->total = (mlcm_counts){.candidate_n = 10, .candidate_bad = 3};
  s->log_e_pass = s->log_e_fail = 4;
  s->log_threshold_pass = s->log_threshold_fail = 3;
  s->decided_ns = NOON;
  s->verdict = MLCM_PASS;
  snprintf(expected, sizeof expected, "`- wrong ok proven fine   1.0 %% against 2.0 %%   pass 55/20    at %s\n",
           cli_clock(NOON).text);
  expect(expected);
  s->verdict = MLCM_FAIL;
  snprintf(expected, sizeof expected, "`- wrong x  proven worse  30.0 %% against 0.0 %%  fail 55/20    at %s\n",
           cli_clock(NOON).text);
  expect(expected);
}
END_TEST

START_TEST(a_threshold_shows_its_value_or_why_there_is_none) {
  static const struct {
    mlcm_verdict_kind verdict;
    mlcm_measurement_kind measured;
    mlcm_on_fail on_fail;
    const char *reason, *shown;
  } rows[] = {
      {MLCM_PASS, MLCM_MEASURED_VALUE, MLCM_ON_FAIL_ROLLBACK, "1 %, at most 2 %", "ok within limits 1 %, at most 2 %\n"},
      {MLCM_FAIL, MLCM_MEASURED_VALUE, MLCM_ON_FAIL_ROLLBACK, "5 %", "x  out of limits 5 %\n"},
      {MLCM_FAIL, MLCM_MEASURED_VALUE, MLCM_ON_FAIL_HOLD, "5 %", "x  out of limits 5 %  holds\n"},
      {MLCM_FAIL, MLCM_MEASURED_VALUE, MLCM_ON_FAIL_REPORT, "5 %", "x  out of limits 5 %  only shown\n"},
      {MLCM_INCONCLUSIVE, MLCM_MEASURED_VALUE, MLCM_ON_FAIL_HOLD, "5 %", "~  waiting       5 %\n"},
      {MLCM_INCONCLUSIVE, 0, MLCM_ON_FAIL_HOLD, "not measured yet", "~  not measured yet\n"},
      {MLCM_INCONCLUSIVE, MLCM_MEASURED_NO_DATA, MLCM_ON_FAIL_HOLD, "no data", "?  no data  holds, does not fail\n"},
      {MLCM_INCONCLUSIVE, MLCM_MEASURED_ERROR, MLCM_ON_FAIL_ROLLBACK, "error: no", "?  error: no  holds, does not fail\n"},
      {MLCM_INCONCLUSIVE, MLCM_MEASURED_STALE, MLCM_ON_FAIL_REPORT, "stale", "?  stale  only shown\n"},
      {MLCM_FAIL, MLCM_MEASURED_NO_DATA, MLCM_ON_FAIL_HOLD, "bad, then no data", "x  bad, then no data  holds\n"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    checks[0] = (mlcm_rollout_check){.name = "up", .kind = MLCM_CHECK_THRESHOLD, .on_fail = rows[i].on_fail};
    checks[0].state.verdict = rows[i].verdict;
    checks[0].state.last.kind = rows[i].measured;
    snprintf(checks[0].state.reason, sizeof checks[0].state.reason, "%s", rows[i].reason);
    expect(rows[i].shown);
  }
}
END_TEST

static void begin_with_five(void) {
  static const char *const names[MAX_CHECKS] = {"a", "b", "c", "d", "e"};
  begin();
  for (int i = 0; i < MAX_CHECKS; i++) {
    checks[i] = checks[0];
    checks[i].name = names[i];
    checks[i].state.verdict = i < 3 ? MLCM_PASS : MLCM_FAIL;
  }
  summary->n_checks = MAX_CHECKS;
}

static void expect_order(const char *page, const char *const *parts, size_t n) {
  const char *at = page;
  for (size_t i = 0; i < n; i++) {
    at = strstr(at, parts[i]);
    ck_assert_msg(at != NULL, "no '%s' in its place in\n%s", parts[i], page);
  }
}

START_TEST(a_low_screen_shows_the_checks_first_that_are_not_fine) {
  begin_with_five();
  expect_order(draw(0, 13), (const char *const[]){"|- d ", "|- e ", "|- a ", "`- 2 more\n"}, 4);
  expect_order(draw(0, 3), (const char *const[]){"|- d ", "`- 4 more\n"}, 2);
  expect_order(draw(0, 14), (const char *const[]){"|- a ", "|- b ", "|- c ", "|- d ", "`- e "}, 5);
}
END_TEST

START_TEST(names_of_different_length_are_padded) {
  begin_with_five();
  checks[0].name = "a long name";
  expect("\n|- b           ok");
}
END_TEST

/* ---- Head, bars, foot ---------------------------------------------------------------------------------------------- */

START_TEST(the_head_says_where_it_stands) {
  begin();
  expect("~  digits  /2 against /1 (@champion)  progressing, step 1 of 2 at 5 %, 1m00s left\n"
         "  runs for 1m30s; 1 process serves it\n");
  summary->step_remaining_ns = 0;
  summary->expire_after_ns = 3600 * SECOND;
  summary->n_serving = 2;
  summary->holder = "pid 7";
  expect("at 5 %, waits\n  runs for 1m30s, expires after 1h00m; 2 processes serve it, pid 7 decides\n");
  summary->status = MLCM_ROLLOUT_PAUSED;
  summary->n_serving = 0;
  expect("|| digits  /2 against /1 (@champion)  paused, step 1 of 2 at 5 %\n"
         "  runs for 1m30s, expires after 1h00m, pid 7 decides\n");
}
END_TEST

START_TEST(an_ended_rollout_begins_with_how_and_why) {
  static const struct {
    mlcm_rollout_status status;
    const char *mark;
  } rows[] = {{MLCM_ROLLOUT_PROMOTED, "ok"},
              {MLCM_ROLLOUT_ROLLED_BACK, "x "},
              {MLCM_ROLLOUT_ABORTED, "x "},
              {MLCM_ROLLOUT_EXPIRED, "? "}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char expected[240];
    begin();
    summary->status = rows[i].status;
    summary->ended_ns = NOON;
    snprintf(expected, sizeof expected,
             "%s digits rolled back to /1: wrong is worse\n"
             "  /2 against /1 (@champion): ended at %s after 1m30s, in step 1 of 2\n",
             rows[i].mark, cli_clock(NOON).text);
    expect(expected);
    expect_no("decision 3");
  }
}
END_TEST

START_TEST(bars_show_the_share_of_traffic) {
  begin();
  summary->candidate_requests = 1234567;
  summary->stable_requests = 999;
  expect("   /1    ######################################..  95.0 %         999 requests\n");
  expect("   /2    ##......................................   5.0 %   1,234,567 requests\n");
  summary->weight_ppm = 1; /* some traffic is some bar */
  expect("   /2    #.......................................   0.0 %");
  summary->status = MLCM_ROLLOUT_PROMOTED;
  expect("   /2    ######################################## 100.0 %");
  summary->status = MLCM_ROLLOUT_ROLLED_BACK;
  summary->weight_ppm = 0;
  expect("   /2    ........................................   0.0 %");
}
END_TEST

START_TEST(bars_fit_the_width_of_the_screen) {
  begin();
  ck_assert_ptr_nonnull(strstr(draw(84, 40), " #####################################..  95.0 %"));
  ck_assert_ptr_nonnull(strstr(draw(85, 40), " ######################################..  95.0 %"));
  ck_assert_ptr_nonnull(strstr(draw(50, 40), " ########  95.0 %"));
}
END_TEST

START_TEST(the_foot_says_what_was_decided_and_what_it_waits_for) {
  char expected[80];
  begin();
  snprintf(expected, sizeof expected, "\n  decision 3, %s: step 1 begins\n", cli_clock(NOON).text);
  expect(expected);
  expect_no("waits for");
  expect_no("not obeyed");
  expect_no("no process");
  summary->waits_for = "a proof of wrong";
  summary->n_pending = 1;
  summary->n_serving = 0;
  expect("  waits for: a proof of wrong\n"
         "  no process serves this endpoint now: nothing is measured\n"
         "  1 command not obeyed yet\n");
  summary->n_pending = 2;
  expect("  2 commands not obeyed yet\n");
}
END_TEST

START_TEST(texts_cannot_move_the_cursor) {
  begin();
  checks[0].name = "a\033[2Jb";
  summary->waits_for = "c\rd";
  expect("`- a?[2Jb ");
  expect("waits for: c?d\n");
}
END_TEST

START_TEST(exit_codes_say_how_it_ended) {
  ck_assert_int_eq(cli_tree_exit_code(MLCM_ROLLOUT_PROGRESSING), 0);
  ck_assert_int_eq(cli_tree_exit_code(MLCM_ROLLOUT_PAUSED), 0);
  ck_assert_int_eq(cli_tree_exit_code(MLCM_ROLLOUT_PROMOTED), 0);
  ck_assert_int_eq(cli_tree_exit_code(MLCM_ROLLOUT_ROLLED_BACK), 5);
  ck_assert_int_eq(cli_tree_exit_code(MLCM_ROLLOUT_ABORTED), 5);
  ck_assert_int_eq(cli_tree_exit_code(MLCM_ROLLOUT_EXPIRED), 4);
}
END_TEST

int main(void) {
  const TTest *tests[] = {evidence_is_shown_with_as_many_digits_as_matter,
                          missing_answers_are_a_guess_to_one_digit,
                          missing_answers_of_a_candidate_that_looks_worse_are_to_fail,
                          an_ended_rollout_misses_no_answers,
                          a_comparison_without_evidence_gives_the_gates_reason,
                          a_proven_comparison_shows_its_counts_its_evidence_and_when,
                          a_threshold_shows_its_value_or_why_there_is_none,
                          a_low_screen_shows_the_checks_first_that_are_not_fine,
                          names_of_different_length_are_padded,
                          the_head_says_where_it_stands,
                          an_ended_rollout_begins_with_how_and_why,
                          bars_show_the_share_of_traffic,
                          bars_fit_the_width_of_the_screen,
                          the_foot_says_what_was_decided_and_what_it_waits_for,
                          texts_cannot_move_the_cursor,
                          exit_codes_say_how_it_ended};
  return TEST_RUN("cli_tree", tests);
}
