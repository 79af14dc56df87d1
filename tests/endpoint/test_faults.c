/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults.c - one walk through the room, again and again, with statement, allocation and I/O call 1, 2, 3 ... failing: the walk
 * ends with an error or without, gives back all it took, and afterwards the endpoint serves as if nothing had been.
 */
#include "fixture.h"

#include <errno.h>

#include <sqlite3.h>

#include "support/malloc_fault.h"
#include "support/statement_fault.h" /* here too: it tells CMake to put it in front of SQLite */

#ifdef MLCM_SANITIZED
enum { STEP = 5 }; /* of faults that each need a registry of their own */
#else
enum { STEP = 1 };
#endif

static void build(fixture *f) {
  set_up(f);
  add_digits(f, 3);
  mlcm_rollout_close(start_half(f, 2));
}

static mlcm_status open_with_backend(mlcm_registry *reg, const char *name, mlcm_endpoint **out, mlcm_error *err) {
  mlcm_endpoint_options options;
  mlcm_session_options session;
  mlcm_session_options_init(&session, sizeof session);
  mlcm_endpoint_options_init(&options, sizeof options);
  session.backend = "reference";
  options.flags = MLCM_ENDPOINT_MANUAL;
  options.session = &session;
  return mlcm_endpoint_open(reg, name, &options, out, err);
}

/* A request, its outcome by name and by number, and the outcome of one that nobody here has routed. */
static mlcm_status serve(mlcm_endpoint *ep, mlcm_error *err) {
  mlcm_ticket ticket;
  int32_t right = 0;
  mlcm_status st = mlcm_endpoint_route(ep, MLCM_STR("user-1"), &ticket, err);
  if (!st) st = mlcm_endpoint_complete(ep, &ticket, 1000, 1, err);
  if (!st) st = mlcm_endpoint_report(ep, &ticket, MLCM_OUTCOME_WRONG, 0, err);
  if (!st) st = mlcm_endpoint_outcome(ep, "right", &right, err);
  if (!st) st = mlcm_endpoint_report_id(ep, &ticket, right, 1, err);
  ticket.epoch = 1; /* before the rollout */
  ticket.version = 1;
  ticket.slot = 99;
  if (!st) st = mlcm_endpoint_report(ep, &ticket, MLCM_OUTCOME_WRONG, 0, err);
  return st;
}

static mlcm_status walk(mlcm_context *ctx, void *user, mlcm_error *err) {
  const fixture *f = user;
  mlcm_registry *reg = NULL;
  mlcm_endpoint *ep = NULL;
  mlcm_decision *decision = NULL;
  char *json = NULL;
  int32_t fd = -1;
  mlcm_status st = mlcm_registry_open(ctx, f->dir, NULL, &reg, err);
  if (!st) st = open_with_backend(reg, "digits", &ep, err);
  if (!st) st = mlcm_endpoint_event_fd(ep, &fd, err);
  if (!st) st = serve(ep, err);
  if (!st) st = mlcm_endpoint_tick(ep, NULL, &decision, err);
  if (!st) st = mlcm_endpoint_to_json(ep, &json, err);
  mlcm_decision_free(decision);
  mlcm_free(ctx, json);
  mlcm_endpoint_close(ep);
  mlcm_registry_close(reg);
  return st;
}

static void walks_without_faults(void *user) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  CHECK_OK(walk(ctx, user, err));
  mlcm_context_free(ctx);
}

START_TEST(every_statement_may_fail) {
  static const int codes[] = {SQLITE_IOERR, SQLITE_NOMEM};
  fixture f;
  size_t n = 0;
  build(&f);
  walks_without_faults(&f);
  for (bool came = true; came;) {
    mlcm_context *ctx = test_context(NULL, NULL, NULL);
    mlcm_error why = {0};
    test_statement_arm(codes[_i], false, ++n, false);
    mlcm_status st = walk(ctx, &f, &why);
    came = test_statement_disarm();
    ck_assert_msg(came || st == MLCM_OK, "%s", why.message);
    mlcm_context_free(ctx);
  }
  ck_assert_uint_gt(n, 30);
  walks_without_faults(&f);
  tear_down(&f);
}
END_TEST

START_TEST(every_allocation_may_fail) {
  fixture f;
  build(&f);
  walks_without_faults(&f);
  ck_assert_uint_gt(test_fault_memory_sampled(walk, NULL, &f, 1), 100);
  walks_without_faults(&f);
  tear_down(&f);
}
END_TEST

START_TEST(every_io_call_may_fail) {
  fixture f;
  build(&f);
  walks_without_faults(&f);
  ck_assert_uint_gt(test_fault_io(walk, NULL, &f), 20);
  walks_without_faults(&f);
  tear_down(&f);
}
END_TEST

START_TEST(memory_of_the_libraries_may_fail) {
  fixture f;
  if (!test_malloc_can_fail()) return;
  build(&f);
  walks_without_faults(&f);
  ck_assert_uint_gt(test_fault_malloc(walk, NULL, &f, 7), 100);
  walks_without_faults(&f);
  tear_down(&f);
}
END_TEST

/* ---- The first opening ---------------------------------------------------------------------------------------------- */

/* Each time of another model, whose endpoint is yet to be made; nobody reads every second error. */
START_TEST(first_opening_may_fail_at_every_statement) {
  fixture f;
  size_t n = 0;
  set_up(&f);
  for (bool came = true; came; n++) {
    char name[32];
    mlcm_endpoint *ep = NULL;
    mlcm_error why = {0};
    snprintf(name, sizeof name, "model-%zu", n);
    set_champion(&f, name, add_version(&f, name, 1));
    test_statement_arm(SQLITE_IOERR, false, 1 + n / 2, false);
    mlcm_status st = open_with_backend(f.reg, name, &ep, n % 2 ? &why : NULL);
    came = test_statement_disarm();
    ck_assert(st == MLCM_OK || ep == NULL);
    ck_assert_msg(came || st == MLCM_OK, "%s", why.message);
    mlcm_endpoint_close(ep);
    CHECK_OK(open_with_backend(f.reg, name, &ep, err));
    mlcm_endpoint_close(ep);
  }
  ck_assert_uint_gt(n, 20);
  tear_down(&f);
}
END_TEST

typedef struct dice {
  int n_rolls;
  int fail_at; /* 1-based */
} dice;

static int roll(void *user, void *out, size_t size_bytes) {
  dice *d = user;
  memset(out, d->n_rolls + 1, size_bytes);
  return ++d->n_rolls == d->fail_at ? EIO : 0;
}

START_TEST(every_random_number_may_fail) {
  fixture f;
  build(&f);
  for (dice d = {.n_rolls = 0, .fail_at = 1}; d.n_rolls + 1 >= d.fail_at; d.fail_at++) {
    mlcm_context_options options;
    mlcm_context *ctx = NULL;
    mlcm_error why = {0};
    mlcm_context_options_init(&options, sizeof options);
    options.random = (mlcm_random){roll, &d};
    d.n_rolls = 0;
    CHECK_OK(mlcm_context_new(&options, &ctx, err));
    mlcm_status st = walk(ctx, &f, &why);
    ck_assert_msg(d.n_rolls >= d.fail_at || st == MLCM_OK, "number %d: %s", d.fail_at, why.message);
    mlcm_context_free(ctx);
  }
  walks_without_faults(&f);
  tear_down(&f);
}
END_TEST

/* ---- From one rollout to the next ----------------------------------------------------------------------------------- */

/* An endpoint in whose next round one rollout is over and another, of version 3, has begun. */
static void set_up_change(fixture *f, const mlcm_allocator *allocator) {
  set_up_on(f, allocator);
  add_digits(f, 3);
  mlcm_rollout_close(start_half(f, 2));
  f->ep = open_endpoint(f, "digits", HOST_RUNS);
  tick(f->ep);
  test_clock_advance(&f->clock, 100 * TEST_SECOND_NS); /* its lease runs out: the command is obeyed at once */
  command(f, MLCM_COMMAND_ABORT);
  mlcm_rollout_close(start_half(f, 3));
}

START_TEST(change_of_rollouts_without_memory_is_made_up_for) {
  size_t n = 1;
  for (bool came = true; came; n += STEP) {
    fixture f;
    test_memory memory;
    mlcm_error why = {0};
    test_memory_init(&memory);
    mlcm_allocator allocator = test_memory_table(&memory);
    set_up_change(&f, &allocator);
    memory.fail_at = memory.n_calls + n;
    mlcm_status st = mlcm_endpoint_tick(f.ep, NULL, NULL, &why);
    memory.fail_at = 0;
    came = memory.fired;
    ck_assert_msg(st == MLCM_OK || (came && st == MLCM_NO_MEMORY), "%s", why.message);
    ck_assert_int_eq(info_of(f.ep).stable, 1);
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    tick(f.ep);
    ck_assert_int_eq(info_of(f.ep).candidate, 3);
    tear_down(&f);
    test_memory_check_empty(&memory, "all is closed");
  }
  ck_assert_uint_gt(n, 50);
}
END_TEST

START_TEST(change_of_rollouts_with_a_failing_store_leaves_stable_serving) {
  size_t n = 1;
  for (bool came = true; came; n += STEP) {
    fixture f;
    mlcm_error why = {0};
    set_up_change(&f, NULL);
    test_statement_arm(SQLITE_IOERR, false, n, false);
    mlcm_status st = mlcm_endpoint_tick(f.ep, NULL, NULL, &why);
    came = test_statement_disarm();
    ck_assert_msg(came || st == MLCM_OK, "%s", why.message);
    ck_assert_int_eq(info_of(f.ep).stable, 1);
    tick(f.ep);
    if (!came) ck_assert_int_eq(info_of(f.ep).candidate, 3); /* else it may be rolled back: it could not be made ready */
    tear_down(&f);
  }
  ck_assert_uint_gt(n, 20);
}
END_TEST

START_TEST(outcome_of_an_epoch_that_the_store_does_not_answer_for_is_an_error) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  set_up(&f);
  add_digits(&f, 2);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f.reg, "digits", NULL, NULL, &row, err)); /* epoch 1, which nobody serves */
  CHECK_OK(mlcm__registry_commit(f.reg, &conn, err));
  set_champion(&f, "digits", 2);
  f.ep = open_endpoint(&f, "digits", HOST_RUNS);
  mlcm_ticket ticket = route(f.ep, "k");
  ticket.epoch = 1;
  ticket.version = 1;
  test_statement_arm(SQLITE_IOERR, false, 1, true);
  CHECK_FAILS(MLCM_IO, "", mlcm_endpoint_report(f.ep, &ticket, MLCM_OUTCOME_WRONG, 1, err));
  ck_assert(test_statement_disarm());
  ck_assert_uint_eq(count(f.ep, 1, 1, MLCM__SCOPE_REQUEST).outcomes, 0);
  report(f.ep, &ticket, 1);
  ck_assert_uint_eq(count(f.ep, 1, 1, MLCM__SCOPE_REQUEST).outcomes, 1);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("endpoint_faults");
  TCase *c = tcase_create("all");
  tcase_set_timeout(c, 300);
  tcase_add_loop_test(c, every_statement_may_fail, 0, 2);
  tcase_add_test(c, every_allocation_may_fail);
  tcase_add_test(c, every_io_call_may_fail);
  tcase_add_test(c, memory_of_the_libraries_may_fail);
  tcase_add_test(c, first_opening_may_fail_at_every_statement);
  tcase_add_test(c, every_random_number_may_fail);
  tcase_add_test(c, change_of_rollouts_without_memory_is_made_up_for);
  tcase_add_test(c, change_of_rollouts_with_a_failing_store_leaves_stable_serving);
  tcase_add_test(c, outcome_of_an_epoch_that_the_store_does_not_answer_for_is_an_error);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
