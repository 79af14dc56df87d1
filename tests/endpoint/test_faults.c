/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults.c - one walk through the room, again and again, with statement, allocation and I/O call 1, 2, 3 ... failing: the walk
 * ends with an error or without, gives back all it took, and afterwards the endpoint serves as if nothing had been.
 */
#include "fixture.h"

#include <sqlite3.h>

#include "support/malloc_fault.h"
#include "support/statement_fault.h" /* here too: it tells CMake to put it in front of SQLite */

static void build(fixture *f) {
  set_up(f);
  add_digits(f, 3);
  mlcm_rollout_close(start_half(f, 2));
}

static mlcm_status open_with_backend(mlcm_registry *reg, mlcm_endpoint **out, mlcm_error *err) {
  mlcm_endpoint_options options;
  mlcm_session_options session;
  mlcm_session_options_init(&session, sizeof session);
  mlcm_endpoint_options_init(&options, sizeof options);
  session.backend = "reference";
  options.flags = MLCM_ENDPOINT_MANUAL;
  options.session = &session;
  return mlcm_endpoint_open(reg, "digits", &options, out, err);
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
  if (!st) st = open_with_backend(reg, &ep, err);
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

int main(void) {
  Suite *suite = suite_create("endpoint_faults");
  TCase *c = tcase_create("all");
  tcase_set_timeout(c, 300);
  tcase_add_loop_test(c, every_statement_may_fail, 0, 2);
  tcase_add_test(c, every_allocation_may_fail);
  tcase_add_test(c, every_io_call_may_fail);
  tcase_add_test(c, memory_of_the_libraries_may_fail);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
