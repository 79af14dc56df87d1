/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rollout.c - the whole loop in one process, on a clock in the test's hands: routing by weight, what counts and what does
 * not, promotion, rollback, replay.
 */
#include "fixture.h"

#include <unistd.h>

START_TEST(keys_are_split_by_weight_and_stay_where_they_are) {
  fixture f;
  int n = 0;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  for (int i = 0; i < 4000; ++i) {
    mlcm_ticket ticket = route_i(ep, i);
    ck_assert_int_eq(ticket.version, ticket.flags & MLCM_TICKET_CANDIDATE ? 2 : 1);
    ck_assert_int_eq(route_i(ep, i).version, ticket.version);
    n += ticket.version == 2;
  }
  ck_assert_int_gt(n, 1850);
  ck_assert_int_lt(n, 2150);
  ck_assert_int_eq(info_of(ep).weight_ppm, 500000);
  tear_down(&f);
}
END_TEST

START_TEST(requests_without_a_key_are_split_too) {
  fixture f;
  int n = 0;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  for (int i = 0; i < 4000; ++i) n += route(ep, "").version == 2;
  ck_assert_int_gt(n, 1850);
  ck_assert_int_lt(n, 2150);
  tear_down(&f);
}
END_TEST

START_TEST(each_key_is_a_unit_once_and_each_request_without_key_is_one) {
  fixture f;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  mlcm_ticket first = route(ep, "user-42");
  mlcm_ticket again = route(ep, "user-42");
  mlcm_ticket none = route(ep, "");
  mlcm_ticket other_none = route(ep, "");
  ck_assert(first.flags & MLCM_TICKET_UNIT);
  ck_assert(!(again.flags & MLCM_TICKET_UNIT));
  ck_assert(none.flags & MLCM_TICKET_UNIT);
  const mlcm_ticket *all[] = {&first, &again, &none, &other_none};
  for (int i = 0; i < 4; ++i) {
    complete(ep, all[i], true);
    report(ep, all[i], 1);
  }
  uint64_t units = 0, repeats = 0, outcome_units = 0;
  for (int64_t v = 1; v <= 2; ++v) {
    counted key = count(ep, v, 0, MLCM__SCOPE_KEY);
    counted request = count(ep, v, 0, MLCM__SCOPE_REQUEST); /* of a snapshot: includes the units */
    ck_assert_uint_eq(key.routed, key.completed);
    units += key.completed;
    outcome_units += key.outcomes;
    repeats += request.completed - key.completed;
  }
  ck_assert_uint_eq(units, 3);
  ck_assert_uint_eq(outcome_units, 3);
  ck_assert_uint_eq(repeats, 1);
  tear_down(&f);
}
END_TEST

START_TEST(first_outcome_of_a_key_is_its_unit_even_when_an_earlier_request_got_none) {
  fixture f;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  route(ep, "user-42");
  mlcm_ticket second = route(ep, "user-42");
  report(ep, &second, 1);
  report(ep, &second, 1); /* a copy of the ticket would do the same */
  ck_assert_uint_eq(count(ep, second.version, 0, MLCM__SCOPE_KEY).outcomes, 1);
  ck_assert_uint_eq(count(ep, second.version, 0, MLCM__SCOPE_REQUEST).outcomes, 2);
  tear_down(&f);
}
END_TEST

START_TEST(two_handles_count_a_key_once_between_them) {
  fixture f;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  mlcm_endpoint *other = open_endpoint(&f, "digits", HOST_RUNS | MLCM_ENDPOINT_FOLLOW);
  ck_assert(route(ep, "user-42").flags & MLCM_TICKET_UNIT);
  ck_assert(!(route(other, "user-42").flags & MLCM_TICKET_UNIT));
  mlcm_endpoint_close(other);
  tear_down(&f);
}
END_TEST

START_TEST(override_decides_and_never_enters_a_comparison) {
  fixture f;
  mlcm_ticket ticket;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  mlcm_attribute canary = {MLCM_STR("x-canary"), MLCM_STR("always")};
  mlcm_attribute old = {MLCM_STR("x-old"), MLCM_STR("")};
  mlcm_attribute neither = {MLCM_STR("x-canary"), MLCM_STR("perhaps")};
  for (int i = 0; i < 20; ++i) {
    char key[32];
    snprintf(key, sizeof key, "user-%d", i);
    CHECK_OK(mlcm_endpoint_route_with(ep, mlcm_str_of(key), &canary, 1, &ticket, err));
    ck_assert_int_eq(ticket.version, 2);
    ck_assert_uint_eq(ticket.flags, MLCM_TICKET_KEYED | MLCM_TICKET_OVERRIDE | MLCM_TICKET_CANDIDATE);
    complete(ep, &ticket, false);
    report(ep, &ticket, 1);
    CHECK_OK(mlcm_endpoint_route_with(ep, mlcm_str_of(key), &old, 1, &ticket, err));
    ck_assert_int_eq(ticket.version, 1);
    CHECK_OK(mlcm_endpoint_route_with(ep, mlcm_str_of(key), &neither, 1, &ticket, err));
    ck_assert_uint_eq(ticket.flags & MLCM_TICKET_OVERRIDE, 0);
  }
  counted c = count(ep, 2, 0, MLCM__SCOPE_OVERRIDE);
  ck_assert_uint_eq(c.routed, 20);
  ck_assert_uint_eq(c.errors, 20);
  ck_assert_uint_eq(c.wrong, 20);
  ck_assert_uint_eq(count(ep, 2, 0, MLCM__SCOPE_REQUEST).errors, 0);
  tear_down(&f);
}
END_TEST

START_TEST(hanging_candidate_is_seen_in_the_units) {
  fixture f;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS | MLCM_ENDPOINT_FOLLOW);
  for (int i = 0; i < 200; ++i) {
    mlcm_ticket ticket = route_i(ep, i);
    if (ticket.version == 1) complete(ep, &ticket, true);
  }
  for (int i = 0; i < 40; ++i) {
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    tick(ep);
  }
  counted c = count(ep, 2, 0, MLCM__SCOPE_KEY);
  ck_assert_uint_gt(c.routed, 50);
  ck_assert_uint_eq(c.errors, c.routed);
  ck_assert_uint_eq(count(ep, 1, 0, MLCM__SCOPE_KEY).errors, 0);
  tear_down(&f);
}
END_TEST

START_TEST(ticket_of_an_earlier_rollout_takes_no_key_from_this_one) {
  fixture f;
  set_up(&f);
  add_digits(&f, 3);
  mlcm_rollout_close(start_half(&f, 2));
  mlcm_endpoint *ep = open_endpoint(&f, "digits", HOST_RUNS);
  mlcm_ticket late = route(ep, "user-42");
  command(&f, MLCM_COMMAND_ABORT);
  tick(ep);
  mlcm_rollout_close(start_half(&f, 3));
  tick(ep);
  ck_assert_int_eq(info_of(ep).candidate, 3);
  report(ep, &late, 1);
  mlcm_ticket now = route(ep, "user-42");
  ck_assert(now.flags & MLCM_TICKET_UNIT);
  report(ep, &now, 1);
  ck_assert_uint_eq(count(ep, now.version, now.epoch, MLCM__SCOPE_KEY).outcomes, 1);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

/* ---- Decisions ------------------------------------------------------------------------------------------------------ */

static uint64_t chance = 1;

static bool happens(double p) {
  chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(chance >> 11) * 0x1p-53 < p;
}

enum { PER_TICK = 400, LATE = 3 };

/* A second's traffic; labels come LATE ticks after their request. wrong[v]: how often version v is wrong. */
typedef struct traffic {
  mlcm_ticket waiting[LATE][PER_TICK];
  int n_ticks;
  long n_requests, n_dropped;
  const double *wrong;
} traffic;

static void one_request(mlcm_endpoint *ep, traffic *t, mlcm_ticket *ticket) {
  char key[32];
  float answer = 0;
  snprintf(key, sizeof key, "user-%ld", t->n_requests++);
  if (ask(ep, key, 1, 2, &answer, ticket, NULL) || answer != 3 + (float)ticket->version) t->n_dropped++;
}

static void one_second(fixture *f, mlcm_endpoint *ep, traffic *t) {
  mlcm_ticket *slot = t->waiting[t->n_ticks % LATE];
  for (int i = 0; i < PER_TICK; ++i) {
    if (t->n_ticks >= LATE) report(ep, &slot[i], happens(t->wrong[slot[i].version]));
    one_request(ep, t, &slot[i]);
  }
  t->n_ticks++;
  test_clock_advance(&f->clock, TEST_SECOND_NS);
}

static const char loop_plan[] = "mlcm: rollout/v1\n"
                                "endpoint: digits\n"
                                "candidate: digits/%d\n"
                                "steps:\n"
                                "  - {weight: 10%%, for: 3s}\n"
                                "  - {weight: 50%%, for: 3s}\n"
                                "then: promote\n"
                                "expire: {after: 1h, action: rollback}\n"
                                "checks:\n"
                                "  - {name: wrong answers, compare: outcome.wrong, tolerate: 1.25x}\n"
                                "  - {name: errors, compare: error, tolerate: 2x, on_fail: report}\n";

/* Runs a rollout to its end and answers how it ended. */
static mlcm_action run_to_the_end(fixture *f, mlcm_endpoint *ep, traffic *t, int candidate, int64_t *out_id) {
  char plan[1024];
  snprintf(plan, sizeof plan, loop_plan, candidate);
  mlcm_rollout *rollout = start_rollout(f, plan);
  mlcm_action last = 0;
  *out_id = mlcm_rollout_id(rollout);
  mlcm_rollout_close(rollout);
  for (int i = 0; i < 600 && last != MLCM_ACTION_PROMOTE && last != MLCM_ACTION_ROLL_BACK; ++i) {
    mlcm_decision *decision = NULL;
    one_second(f, ep, t);
    CHECK_OK(mlcm_endpoint_tick(ep, NULL, &decision, err));
    if (decision != NULL) last = mlcm_decision_action(decision);
    mlcm_decision_free(decision);
  }
  return last;
}

static void check_replay(fixture *f, int64_t id) {
  mlcm_replay_report report;
  CHECK_OK(mlcm_rollout_replay(f->reg, id, &report, err));
  ck_assert_int_gt(report.decisions, 0);
  ck_assert_msg(report.identical == report.decisions, "%s", report.difference);
}

START_TEST(better_version_is_promoted_and_worse_one_rolled_back_without_a_dropped_request) {
  static const double wrong[] = {0, 0.10, 0.04, 0.20};
  static traffic t;
  fixture f;
  int64_t id = 0;
  mlcm_endpoint *ep = set_up_serving(&f, 3, MLCM_ENDPOINT_MANUAL);
  t.wrong = wrong;
  ck_assert_int_eq(run_to_the_end(&f, ep, &t, 2, &id), MLCM_ACTION_PROMOTE);
  check_replay(&f, id);
  ck_assert_int_eq(info_of(ep).stable, 2);
  int64_t champion = 0;
  CHECK_OK(mlcm_alias_get(f.reg, "digits", "champion", &champion, err));
  ck_assert_int_eq(champion, 2);
  ck_assert_int_eq(run_to_the_end(&f, ep, &t, 3, &id), MLCM_ACTION_ROLL_BACK);
  check_replay(&f, id);
  ck_assert_int_eq(info_of(ep).stable, 2);
  ck_assert_int_eq(info_of(ep).candidate, 0);
  for (int i = 0; i < 100; ++i) ck_assert_int_eq(answering(ep, "k"), 2);
  ck_assert_int_eq(t.n_dropped, 0);
  ck_assert_uint_eq(info_of(ep).tick_failures, 0);
  tear_down(&f);
}
END_TEST

START_TEST(rollout_goes_on_after_the_process_was_replaced) {
  static const double wrong[] = {0, 0.10, 0.02};
  static traffic t;
  fixture f;
  char plan[1024];
  mlcm_action last = 0;
  set_up(&f);
  add_digits(&f, 2);
  snprintf(plan, sizeof plan, loop_plan, 2);
  mlcm_rollout_close(start_rollout(&f, plan));
  t.wrong = wrong;
  for (int i = 0; i < 600 && last != MLCM_ACTION_PROMOTE; i += 5) {
    mlcm_endpoint *ep = open_endpoint(&f, "digits", MLCM_ENDPOINT_MANUAL);
    for (int j = 0; j < 5 && last != MLCM_ACTION_PROMOTE; ++j) {
      mlcm_decision *decision = NULL;
      one_second(&f, ep, &t);
      CHECK_OK(mlcm_endpoint_tick(ep, NULL, &decision, err));
      if (decision != NULL) last = mlcm_decision_action(decision);
      mlcm_decision_free(decision);
    }
    mlcm_endpoint_close(ep);
  }
  ck_assert_int_eq(last, MLCM_ACTION_PROMOTE);
  ck_assert_int_eq(t.n_dropped, 0);
  tear_down(&f);
}
END_TEST

START_TEST(candidate_that_cannot_be_loaded_rolls_back_and_stable_serves_on) {
  fixture f;
  char sha256[65];
  char plan[1024];
  mlcm_decision *decision = NULL;
  mlcm_endpoint *ep = set_up_serving(&f, 2, MLCM_ENDPOINT_MANUAL);
  damage(&f, "digits/2", sha256);
  snprintf(plan, sizeof plan, loop_plan, 2);
  mlcm_rollout_close(start_rollout(&f, plan));
  for (int i = 0; i < 5 && decision == NULL; ++i) {
    ck_assert_int_eq(answering(ep, "k"), 1);
    mlcm_status st = mlcm_endpoint_tick(ep, NULL, &decision, NULL);
    ck_assert(st == MLCM_OK || st == MLCM_CORRUPT);
    test_clock_advance(&f.clock, TEST_SECOND_NS);
  }
  ck_assert_ptr_nonnull(decision);
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_ROLL_BACK);
  ck_assert_msg(strstr(mlcm_decision_json(decision), "answers_2.onnx") != NULL, "%s", mlcm_decision_json(decision));
  check_replay(&f, mlcm_decision_rollout(decision));
  mlcm_decision_free(decision);
  tick(ep);
  for (int i = 0; i < 100; ++i) ck_assert_int_eq(answering(ep, "k"), 1);
  tear_down(&f);
}
END_TEST

START_TEST(rollback_takes_effect_while_the_store_does_not_take_it) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm_decision *decision = NULL;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  tick(ep); /* takes the lease */
  command(&f, MLCM_COMMAND_ABORT);
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err)); /* somebody sits on the writer lock */
  CHECK_FAILS(MLCM_BUSY, "", mlcm_endpoint_tick(ep, NULL, &decision, err));
  ck_assert_int_eq(info_of(ep).candidate, 0);
  for (int i = 0; i < 100; ++i) ck_assert_int_eq(route_i(ep, i).version, 1);
  mlcm__db_rollback(conn);
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  CHECK_OK(mlcm_endpoint_tick(ep, NULL, &decision, err));
  ck_assert_ptr_nonnull(decision);
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_ABORT);
  mlcm_decision_free(decision);
  tear_down(&f);
}
END_TEST

START_TEST(command_of_a_person_is_obeyed_at_the_next_tick) {
  fixture f;
  mlcm_decision *decision = NULL;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  tick(ep);
  command(&f, MLCM_COMMAND_PROMOTE);
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  CHECK_OK(mlcm_endpoint_tick(ep, NULL, &decision, err));
  ck_assert_ptr_nonnull(decision);
  ck_assert_int_eq(mlcm_decision_action(decision), MLCM_ACTION_PROMOTE);
  ck_assert_int_eq(route(ep, "k").version, 2);
  mlcm_decision_free(decision);
  tear_down(&f);
}
END_TEST

START_TEST(change_by_hand_takes_the_candidates_traffic_until_somebody_aborts) {
  fixture f;
  mlcm_decision *decision = NULL;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  ck_assert_int_eq(add_version(&f, "digits", 3), 3);
  tick(ep);
  CHECK_OK(mlcm_alias_set(f.reg, "digits", "champion", 3, MLCM_ALIAS_ANY, MLCM_ALIAS_FORCE, NULL, err));
  static const mlcm_action expected[] = {MLCM_ACTION_PAUSE, MLCM_ACTION_ABORT};
  for (int i = 0; i < 2; ++i) {
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    CHECK_OK(mlcm_endpoint_tick(ep, NULL, &decision, err));
    ck_assert_ptr_nonnull(decision);
    ck_assert_int_eq(mlcm_decision_action(decision), expected[i]);
    mlcm_decision_free(decision);
    ck_assert(info_of(ep).stable == 3 && info_of(ep).candidate == 0);
    if (i == 0) command(&f, MLCM_COMMAND_ABORT);
  }
  tear_down(&f);
}
END_TEST

START_TEST(round_that_is_not_due_leaves_the_rollout_alone) {
  fixture f;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS);
  tick(ep);
  const mlcm_time now = {.wall_ns = mlcm__wall_ns(f.ctx), .mono_ns = mlcm__mono_ns(f.ctx)};
  const int64_t next_tick_ns = ep->next_tick_ns;
  ck_assert_int_gt(next_tick_ns, now.mono_ns);
  CHECK_OK(mlcm__endpoint_round(ep, &now, true, NULL, err));
  ck_assert_int_eq(ep->next_tick_ns, next_tick_ns);
  const mlcm_time later = {.wall_ns = now.wall_ns, .mono_ns = next_tick_ns};
  CHECK_OK(mlcm__endpoint_round(ep, &later, true, NULL, err));
  ck_assert_int_gt(ep->next_tick_ns, next_tick_ns);
  tear_down(&f);
}
END_TEST

START_TEST(undo_is_followed_without_loading) {
  fixture f;
  char sha256[65];
  int64_t to = 0;
  mlcm_endpoint *ep = set_up_rolling(&f, MLCM_ENDPOINT_MANUAL);
  command(&f, MLCM_COMMAND_PROMOTE);
  tick(ep);
  ck_assert_int_eq(answering(ep, "k"), 2);
  damage(&f, "digits/1", sha256);
  CHECK_OK(mlcm_rollout_undo(f.reg, "digits", 0, NULL, &to, err));
  ck_assert_int_eq(to, 1);
  tick(ep);
  ck_assert_int_eq(answering(ep, "k"), 1);
  tear_down(&f);
}
END_TEST

START_TEST(following_handle_never_steers) {
  fixture f;
  mlcm_decision *decision = NULL;
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint *steering = open_endpoint(&f, "digits", HOST_RUNS);
  mlcm_endpoint *following = open_endpoint(&f, "digits", HOST_RUNS | MLCM_ENDPOINT_FOLLOW);
  mlcm_rollout_close(start_half(&f, 2));
  tick(steering);
  command(&f, MLCM_COMMAND_PAUSE);
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  CHECK_OK(mlcm_endpoint_tick(following, NULL, &decision, err));
  ck_assert_ptr_null(decision);
  CHECK_OK(mlcm_endpoint_tick(steering, NULL, &decision, err));
  ck_assert_ptr_nonnull(decision);
  mlcm_decision_free(decision);
  mlcm_endpoint_close(following);
  mlcm_endpoint_close(steering);
  tear_down(&f);
}
END_TEST

START_TEST(key_sets_of_a_rollout_are_removed_when_it_is_over) {
  fixture f;
  set_up(&f);
  add_digits(&f, 2);
  mlcm_rollout_close(start_half(&f, 2));
  mlcm_endpoint *ep = open_endpoint(&f, "digits", HOST_RUNS);
  mlcm_ticket ticket = route(ep, "k");
  report(ep, &ticket, 1);
  size_t during = test_count_entries(f.reg->run_dir);
  command(&f, MLCM_COMMAND_ABORT);
  tick(ep);
  tick(ep);
  ck_assert_uint_le(test_count_entries(f.reg->run_dir), during - 2); /* completions and one outcome */
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

/* ---- Failing memory ------------------------------------------------------------------------------------------------- */

/* Opens an endpoint in the middle of a rollout, serves a little and ticks. */
static mlcm_status serve_and_tick(mlcm_context *ctx, void *user, mlcm_error *err) {
  const fixture *f = user;
  mlcm_endpoint_options options;
  mlcm_registry *reg = NULL;
  mlcm_endpoint *ep = NULL;
  mlcm_decision *decision = NULL;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = HOST_RUNS;
  mlcm_status st = mlcm_registry_open(ctx, f->dir, NULL, &reg, err);
  if (!st) st = mlcm_endpoint_open(reg, "digits", &options, &ep, err);
  for (int i = 0; !st && i < 10; ++i) {
    mlcm_ticket ticket = route(ep, "");
    complete(ep, &ticket, true);
    st = mlcm_endpoint_report(ep, &ticket, MLCM_OUTCOME_WRONG, 0, err);
  }
  if (!st) st = mlcm_endpoint_tick(ep, NULL, &decision, err);
  if (ep != NULL) ck_assert_int_eq(info_of(ep).stable, 1); /* still serves */
  mlcm_decision_free(decision);
  mlcm_endpoint_close(ep);
  mlcm_registry_close(reg);
  return st;
}

START_TEST(tick_survives_any_failing_allocation) {
  fixture f;
  set_up(&f);
  add_digits(&f, 2);
  mlcm_rollout_close(start_half(&f, 2));
  test_fault_memory(serve_and_tick, NULL, &f);
  mlcm_endpoint *ep = open_endpoint(&f, "digits", HOST_RUNS);
  tick(ep);
  ck_assert_int_eq(info_of(ep).candidate, 2);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

/* ---- Files ---------------------------------------------------------------------------------------------------------- */

static bool has_key_set(const fixture *f, int64_t rollout, const char *signal) {
  char name[64];
  snprintf(name, sizeof name, "run/keys+%lld+%s", (long long)rollout, signal);
  char *path = test_path(f->dir, name);
  bool is_there = access(path, F_OK) == 0;
  free(path);
  return is_there;
}

START_TEST(key_sets_of_a_rollout_that_ended_while_nobody_served_go_with_the_next_endpoint) {
  fixture f;
  set_up(&f);
  add_digits(&f, 2);
  mlcm_rollout *rollout = start_half(&f, 2);
  int64_t id = mlcm_rollout_id(rollout);
  mlcm_endpoint *ep = open_endpoint(&f, "digits", HOST_RUNS);
  mlcm_ticket ticket = route(ep, "user-1");
  report(ep, &ticket, 1);
  mlcm_endpoint_close(ep);
  ck_assert(has_key_set(&f, id, "complete") && has_key_set(&f, id, "outcome.wrong"));
  CHECK_OK(mlcm_rollout_command(rollout, MLCM_COMMAND_ABORT, NULL, err));
  mlcm_rollout_close(rollout);
  ep = open_endpoint(&f, "digits", HOST_RUNS);
  tick(ep);
  ck_assert(!has_key_set(&f, id, "complete") && !has_key_set(&f, id, "outcome.wrong"));
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(key_sets_of_a_running_rollout_and_strange_files_stay) {
  fixture f;
  set_up(&f);
  add_digits(&f, 2);
  ck_assert_int_eq(add_version(&f, "letters", 1), 1);
  set_champion(&f, "letters", 1);
  mlcm_rollout *rollout = start_half(&f, 2);
  int64_t id = mlcm_rollout_id(rollout);
  mlcm_endpoint_close(open_endpoint(&f, "digits", HOST_RUNS));
  char *strange = test_path(f.dir, "run/keys+mine+complete");
  test_write_file(strange, "x", 1);
  mlcm_endpoint *other = open_endpoint(&f, "letters", HOST_RUNS);
  tick(other);
  ck_assert(has_key_set(&f, id, "complete"));
  ck_assert_int_eq(access(strange, F_OK), 0);
  free(strange);
  mlcm_endpoint_close(other);
  mlcm_rollout_close(rollout);
  tear_down(&f);
}
END_TEST

START_TEST(key_sets_that_cannot_be_removed_are_taken_by_a_later_sweep) {
  fixture f;
  mlcm_endpoint *ep = set_up_rolling(&f, HOST_RUNS | MLCM_ENDPOINT_FOLLOW);
  tick(ep); /* sweeps, and then not for ten minutes */
  command(&f, MLCM_COMMAND_ABORT);
  hide_run_dir(&f);
  for (int i = 0; i < 2; ++i) tick(ep);
  show_run_dir(&f);
  ck_assert(has_key_set(&f, 1, "complete"));
  tick(ep);
  ck_assert(has_key_set(&f, 1, "complete"));
  test_clock_advance(&f.clock, 600 * TEST_SECOND_NS);
  tick(ep);
  ck_assert(!has_key_set(&f, 1, "complete"));
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {keys_are_split_by_weight_and_stay_where_they_are,
                          requests_without_a_key_are_split_too,
                          each_key_is_a_unit_once_and_each_request_without_key_is_one,
                          first_outcome_of_a_key_is_its_unit_even_when_an_earlier_request_got_none,
                          two_handles_count_a_key_once_between_them,
                          override_decides_and_never_enters_a_comparison,
                          hanging_candidate_is_seen_in_the_units,
                          ticket_of_an_earlier_rollout_takes_no_key_from_this_one,
                          better_version_is_promoted_and_worse_one_rolled_back_without_a_dropped_request,
                          rollout_goes_on_after_the_process_was_replaced,
                          candidate_that_cannot_be_loaded_rolls_back_and_stable_serves_on,
                          rollback_takes_effect_while_the_store_does_not_take_it,
                          command_of_a_person_is_obeyed_at_the_next_tick,
                          change_by_hand_takes_the_candidates_traffic_until_somebody_aborts,
                          round_that_is_not_due_leaves_the_rollout_alone,
                          undo_is_followed_without_loading,
                          following_handle_never_steers,
                          key_sets_of_a_rollout_are_removed_when_it_is_over,
                          tick_survives_any_failing_allocation,
                          key_sets_of_a_rollout_that_ended_while_nobody_served_go_with_the_next_endpoint,
                          key_sets_of_a_running_rollout_and_strange_files_stay,
                          key_sets_that_cannot_be_removed_are_taken_by_a_later_sweep};
  return TEST_RUN("endpoint_rollout", tests);
}
