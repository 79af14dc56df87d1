/* SPDX-License-Identifier: Apache-2.0
 *
 * test_arguments.c - what callers get wrong: NULL, numbers out of range, options of another world. Each has its error, also when
 * nobody wants to read it, and nothing has changed.
 */
#include "fixture.h"

#include <unistd.h>

/* Every function of a handle without the handle, or without a place for the answer. */
START_TEST(a_missing_endpoint_or_answer_is_refused) {
  fixture f;
  mlcm_ticket ticket = {0};
  mlcm_endpoint_info info;
  mlcm_decision *decision = NULL;
  char *json = NULL;
  int32_t number = 0;
  mlcm_endpoint *ep = set_up_serving(&f, 1, MLCM_ENDPOINT_MANUAL);
  const mlcm_str key = MLCM_STR("k");
  const mlcm_status answers[] = {
      mlcm_endpoint_route(NULL, key, &ticket, NULL),
      mlcm_endpoint_route(ep, key, NULL, NULL),
      mlcm_endpoint_complete(NULL, &ticket, 1, 1, NULL),
      mlcm_endpoint_complete(ep, NULL, 1, 1, NULL),
      mlcm_endpoint_infer(NULL, key, NULL, 0, NULL, 0, NULL, NULL),
      mlcm_endpoint_outcome(NULL, "wrong", &number, NULL),
      mlcm_endpoint_outcome(ep, NULL, &number, NULL),
      mlcm_endpoint_outcome(ep, "wrong", NULL, NULL),
      mlcm_endpoint_report(NULL, &ticket, "wrong", 1, NULL),
      mlcm_endpoint_report(ep, &ticket, NULL, 1, NULL),
      mlcm_endpoint_report_id(NULL, &ticket, 0, 1, NULL),
      mlcm_endpoint_report_id(ep, NULL, 0, 1, NULL),
      mlcm_endpoint_get_info(NULL, &info, NULL),
      mlcm_endpoint_get_info(ep, NULL, NULL),
      mlcm_endpoint_to_json(NULL, &json, NULL),
      mlcm_endpoint_to_json(ep, NULL, NULL),
      mlcm_endpoint_event_fd(NULL, &number, NULL),
      mlcm_endpoint_event_fd(ep, NULL, NULL),
      mlcm_endpoint_next_decision(NULL, &decision, NULL),
      mlcm_endpoint_next_decision(ep, NULL, NULL),
      mlcm_endpoint_tick(NULL, NULL, NULL, NULL),
      mlcm_ticket_from_text(MLCM_STR("x"), NULL, NULL),
      mlcm_version_load(NULL, NULL, NULL, NULL, NULL),
      mlcm_version_load(f.reg, NULL, NULL, NULL, NULL),
  };
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; ++i)
    ck_assert_msg(answers[i] == MLCM_INVALID_ARGUMENT, "call %d: %s", (int)i, mlcm_status_name(answers[i]));
  ck_assert_uint_eq(info_of(ep).requests, 0);
  tear_down(&f);
}
END_TEST

START_TEST(loading_needs_registry_version_and_a_place) {
  fixture f;
  mlcm_version *version = NULL;
  mlcm_session *session = NULL;
  set_up(&f);
  add_digits(&f, 1);
  CHECK_OK(mlcm_version_get(f.reg, "digits/1", &version, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "must not be NULL", mlcm_version_load(NULL, version, NULL, &session, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "must not be NULL", mlcm_version_load(f.reg, version, NULL, NULL, err));
  mlcm_version_free(version);
  tear_down(&f);
}
END_TEST

START_TEST(opening_needs_registry_name_and_a_place) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  set_up(&f);
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "must not be NULL", mlcm_endpoint_open(NULL, "digits", NULL, &ep, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "must not be NULL", mlcm_endpoint_open(f.reg, NULL, NULL, &ep, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "must not be NULL", mlcm_endpoint_open(f.reg, "digits", NULL, NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- Options -------------------------------------------------------------------------------------------------------- */

static const struct {
  int64_t deadline_ns, poll_ns;
  bool is_good;
} times[] = {{0, 0, true},
             {1000000, 1000000, true},
             {INT64_C(600000000000), INT64_C(60000000000), true},
             {-1, 0, false},
             {999999, 0, false},
             {INT64_C(600000000001), 0, false},
             {0, 999999, false},
             {0, INT64_C(60000000001), false}};

START_TEST(times_have_their_range) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options options;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = HOST_RUNS;
  options.deadline_ns = times[_i].deadline_ns;
  options.poll_ns = times[_i].poll_ns;
  mlcm_status st = mlcm_endpoint_open(f.reg, "digits", &options, &ep, NULL);
  ck_assert_int_eq(st, times[_i].is_good ? MLCM_OK : MLCM_INVALID_ARGUMENT);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(options_of_no_known_size_are_refused) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options options;
  mlcm_session_options session;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint_options_init(NULL, 0);
  mlcm_endpoint_options_init(&options, sizeof options);
  mlcm_endpoint_options_init(&options, 1); /* too small for its own size: nothing is written */
  ck_assert_uint_eq(options.struct_size, sizeof options);
  options.struct_size = 1;
  ck_assert_int_eq(mlcm_endpoint_open(f.reg, "digits", &options, &ep, NULL), MLCM_INVALID_ARGUMENT);
  options.struct_size = sizeof options;
  options.flags = HOST_RUNS;
  options.session = &session;
  mlcm_session_options_init(&session, sizeof session);
  session.struct_size = 1;
  ck_assert_int_eq(mlcm_endpoint_open(f.reg, "digits", &options, &ep, NULL), MLCM_INVALID_ARGUMENT);
  session.struct_size = sizeof session;
  CHECK_OK(mlcm_endpoint_open(f.reg, "digits", &options, &ep, err)); /* no backend named: the default */
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(the_alias_of_an_endpoint_may_be_said_again_but_not_another) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options options;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint_close(open_endpoint(&f, "digits", HOST_RUNS));
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = HOST_RUNS;
  options.alias = "champion";
  CHECK_OK(mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  mlcm_endpoint_close(ep);
  options.alias = "other";
  CHECK_FAILS(MLCM_CONFLICT, "serves alias 'champion', not 'other'", mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  tear_down(&f);
}
END_TEST

/* ---- Errors that nobody reads --------------------------------------------------------------------------------------- */

START_TEST(failures_without_a_place_for_the_error_are_answered_all_the_same) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  char sha256[65];
  set_up(&f);
  add_digits(&f, 2);
  ck_assert_int_eq(mlcm_endpoint_open(f.reg, "nobody", NULL, &ep, NULL), MLCM_NOT_FOUND);
  ep = open_endpoint(&f, "digits", MLCM_ENDPOINT_MANUAL);
  damage(&f, "digits/2", sha256);
  set_champion(&f, "digits", 2);
  ck_assert_int_eq(mlcm_endpoint_tick(ep, NULL, NULL, NULL), MLCM_CORRUPT);
  ck_assert_int_eq(mlcm_endpoint_tick(ep, NULL, NULL, NULL), MLCM_CORRUPT); /* remembered, not tried again */
  mlcm_endpoint_close(ep);
  ep = NULL;
  ck_assert_int_eq(mlcm_endpoint_open(f.reg, "digits", NULL, &ep, NULL), MLCM_CORRUPT);
  ck_assert_ptr_null(ep);
  tear_down(&f);
}
END_TEST

START_TEST(a_tick_beside_another_is_busy) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  ck_assert(mlcm__endpoint_begin_ticking(ep)); /* as another thread would */
  CHECK_FAILS(MLCM_BUSY, "another thread is ticking endpoint 'digits'", mlcm_endpoint_tick(ep, NULL, NULL, err));
  mlcm__endpoint_end_ticking(ep);
  mlcm_time now = mlcm_context_now(f.ctx);
  CHECK_OK(mlcm_endpoint_tick(ep, &now, NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- Roles ---------------------------------------------------------------------------------------------------------- */

START_TEST(each_ready_version_has_its_role_in_the_state) {
  fixture f;
  char *json = NULL;
  mlcm_endpoint *ep = set_up_serving(&f, 3, MLCM_ENDPOINT_MANUAL);
  set_champion(&f, "digits", 2);
  tick(ep);
  mlcm_rollout_close(start_half(&f, 3));
  tick(ep);
  CHECK_OK(mlcm_endpoint_to_json(ep, &json, err));
  ck_assert_ptr_nonnull(strstr(json, "{\"version\":1,\"state\":\"ready\",\"role\":\"standby\"}"));
  ck_assert_ptr_nonnull(strstr(json, "{\"version\":2,\"state\":\"ready\",\"role\":\"stable\"}"));
  ck_assert_ptr_nonnull(strstr(json, "{\"version\":3,\"state\":\"ready\",\"role\":\"candidate\"}"));
  mlcm_free(f.ctx, json);
  tear_down(&f);
}
END_TEST

START_TEST(decisions_that_nobody_took_are_freed_by_close) {
  fixture f;
  int32_t fd = -1, again = -1;
  mlcm_endpoint *ep = set_up_serving(&f, 3, HOST_RUNS);
  CHECK_OK(mlcm_endpoint_event_fd(ep, &fd, err));
  CHECK_OK(mlcm_endpoint_event_fd(ep, &again, err));
  ck_assert_int_eq(fd, again);
  mlcm_rollout_close(start_half(&f, 3));
  tick(ep);
  command(&f, MLCM_COMMAND_ABORT);
  tick(ep);
  tear_down(&f);
}
END_TEST

/* ---- Override rules as the store has them --------------------------------------------------------------------------- */

static const struct {
  const char *json;
  int n_rules; /* -1: refused */
} stored[] = {{NULL, 0},
              {"", 0},
              {"[]", 0},
              {"[{\"attribute\":\"a\",\"to\":\"candidate\"}]", 1},
              {"[{\"attribute\":\"a\",\"to\":\"stable\",\"value\":\"v\"},{\"attribute\":\"b\",\"to\":\"stable\"}]", 2},
              {"[", -1},
              {"[{}]", -1},
              {"[{\"attribute\":\"a\"}]", -1},
              {"[{\"attribute\":\"a\",\"to\":\"stable\",\"value\":1}]", -1}};

START_TEST(override_rules_are_read_or_refused_as_a_whole) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__table *table = NULL;
  char *json = stored[_i].json ? strdup(stored[_i].json) : NULL;
  mlcm__routing routing = {.epoch = 1, .override_json = json};
  mlcm_status st = mlcm__table_new(ctx, &routing, &table, NULL);
  ck_assert_int_eq(st == MLCM_OK, stored[_i].n_rules >= 0);
  if (!st) {
    ck_assert_uint_eq(table->n_rules, (size_t)stored[_i].n_rules);
    mlcm__table_free(table);
  }
  free(json);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_ticket_with_a_nul_inside_is_refused) {
  char text[128];
  mlcm_ticket ticket = {.version = 1};
  mlcm_ticket_to_text(&ticket, text);
  size_t len = strlen(text);
  text[len / 2] = '\0';
  CHECK_FAILS(MLCM_PARSE, "not one of base64url", mlcm_ticket_from_text((mlcm_str){text, len}, &ticket, err));
}
END_TEST

int main(void) {
  enum { ALL_TIMES = sizeof times / sizeof times[0] };
  Suite *suite = suite_create("endpoint_arguments");
  TCase *c = tcase_create("all");
  tcase_set_timeout(c, 120);
  tcase_add_test(c, a_missing_endpoint_or_answer_is_refused);
  tcase_add_test(c, loading_needs_registry_version_and_a_place);
  tcase_add_test(c, opening_needs_registry_name_and_a_place);
  tcase_add_loop_test(c, times_have_their_range, 0, ALL_TIMES);
  tcase_add_test(c, options_of_no_known_size_are_refused);
  tcase_add_test(c, the_alias_of_an_endpoint_may_be_said_again_but_not_another);
  tcase_add_test(c, failures_without_a_place_for_the_error_are_answered_all_the_same);
  tcase_add_test(c, a_tick_beside_another_is_busy);
  tcase_add_loop_test(c, override_rules_are_read_or_refused_as_a_whole, 0, (int)(sizeof stored / sizeof stored[0]));
  tcase_add_test(c, a_ticket_with_a_nul_inside_is_refused);
  tcase_add_test(c, each_ready_version_has_its_role_in_the_state);
  tcase_add_test(c, decisions_that_nobody_took_are_freed_by_close);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
