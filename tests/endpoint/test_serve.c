/* SPDX-License-Identifier: Apache-2.0
 *
 * test_serve.c - route, complete and report for a host with its own engine; no rollout yet.
 */
#include "fixture.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(routes_everything_to_the_alias) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  for (int i = 0; i < 100; ++i) ck_assert_int_eq(route_i(ep, i).version, 1);
  ck_assert_uint_eq(info_of(ep).requests, 100);
  ck_assert_int_eq(info_of(ep).candidate, 0);
  tear_down(&f);
}
END_TEST

START_TEST(ticket_says_key_time_and_place) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  mlcm_ticket keyed = route(ep, "user-42");
  mlcm_ticket again = route(ep, "user-42");
  mlcm_ticket other = route(ep, "");
  mlcm_ticket third = route(ep, "");
  ck_assert_int_eq(keyed.routed_ns, TEST_EPOCH_NS);
  ck_assert_uint_eq(keyed.flags, MLCM_TICKET_KEYED);
  ck_assert_uint_eq(keyed.key_hash, again.key_hash);
  ck_assert_uint_eq(other.flags, MLCM_TICKET_UNIT); /* not sticky */
  ck_assert_uint_ne(other.key_hash, third.key_hash);
  ck_assert_uint_eq(keyed.reserved, 0);
  tear_down(&f);
}
END_TEST

START_TEST(unknown_model_is_not_found) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  set_up(&f);
  CHECK_FAILS(MLCM_NOT_FOUND, "digits", mlcm_endpoint_open(f.reg, "digits", NULL, &ep, err));
  ck_assert_ptr_null(ep);
  tear_down(&f);
}
END_TEST

START_TEST(alias_that_is_not_set_is_not_found) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  set_up(&f);
  add_version(&f, "digits", 1);
  CHECK_FAILS(MLCM_NOT_FOUND, "digits@champion", mlcm_endpoint_open(f.reg, "digits", NULL, &ep, err));
  tear_down(&f);
}
END_TEST

START_TEST(another_alias_can_be_served) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options options;
  set_up(&f);
  add_digits(&f, 2);
  CHECK_OK(mlcm_alias_set(f.reg, "digits", "beta", 2, MLCM_ALIAS_ANY, 0, NULL, err));
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = HOST_RUNS;
  options.alias = "beta";
  CHECK_OK(mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  ck_assert_int_eq(route(ep, "k").version, 2);
  mlcm_endpoint_close(ep);
  options.alias = "champion";
  CHECK_FAILS(MLCM_CONFLICT, "beta", mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  tear_down(&f);
}
END_TEST

static void count_destroy(void *user) { ++*(int *)user; }

START_TEST(bad_options_are_refused_and_the_user_pointer_given_back) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options options;
  int destroyed = 0;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint_options_init(&options, sizeof options);
  options.host.destroy = count_destroy;
  options.host.user = &destroyed;
  options.flags = 1u << 20;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "flags", mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  options.flags = HOST_RUNS;
  options.deadline_ns = -1;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "deadline_ns", mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  options.deadline_ns = 0;
  options.poll_ns = 1;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "poll_ns", mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  options.poll_ns = 0;
  CHECK_FAILS(MLCM_NOT_FOUND, "faces", mlcm_endpoint_open(f.reg, "faces", &options, &ep, err));
  ck_assert_int_eq(destroyed, 4);
  CHECK_OK(mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  ck_assert_int_eq(destroyed, 4);
  mlcm_endpoint_close(ep);
  ck_assert_int_eq(destroyed, 5);
  tear_down(&f);
}
END_TEST

START_TEST(moved_alias_is_followed_at_the_next_tick) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  uint64_t epoch = info_of(ep).epoch;
  set_champion(&f, "digits", 2);
  ck_assert_int_eq(route(ep, "k").version, 1);
  tick(ep);
  ck_assert_int_eq(route(ep, "k").version, 2);
  ck_assert_uint_gt(info_of(ep).epoch, epoch);
  tear_down(&f);
}
END_TEST

START_TEST(tick_without_news_publishes_nothing) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  for (int i = 0; i < 5; ++i) tick(ep);
  ck_assert_uint_eq(info_of(ep).swaps, 1);
  add_version(&f, "digits", 3); /* news, but not of this endpoint's routing */
  tick(ep);
  ck_assert_uint_eq(info_of(ep).swaps, 1);
  tear_down(&f);
}
END_TEST

START_TEST(completions_and_outcomes_are_counted_for_the_version_and_epoch_that_answered) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  mlcm_ticket old[10];
  for (int i = 0; i < 10; ++i) old[i] = route_i(ep, i);
  set_champion(&f, "digits", 2);
  tick(ep);
  mlcm_ticket new_one = route(ep, "k");
  for (int i = 0; i < 10; ++i) complete(ep, &old[i], i != 0);
  for (int i = 0; i < 10; ++i) report(ep, &old[i], i < 3);
  complete(ep, &new_one, true);
  counted c = count(ep, 1, old[0].epoch, MLCM__SCOPE_REQUEST);
  ck_assert_uint_eq(c.routed, 10);
  ck_assert_uint_eq(c.completed, 10);
  ck_assert_uint_eq(c.errors, 1);
  ck_assert_uint_eq(c.outcomes, 10);
  ck_assert_uint_eq(c.wrong, 3);
  c = count(ep, 2, new_one.epoch, MLCM__SCOPE_REQUEST);
  ck_assert_uint_eq(c.routed, 1);
  ck_assert_uint_eq(c.completed, 1);
  ck_assert_uint_eq(c.outcomes, 0);
  tear_down(&f);
}
END_TEST

START_TEST(ticket_of_another_endpoint_is_refused) {
  fixture f;
  set_up(&f);
  add_digits(&f, 1);
  add_version(&f, "faces", 1);
  set_champion(&f, "faces", 1);
  mlcm_endpoint *digits = open_endpoint(&f, "digits", HOST_RUNS);
  mlcm_endpoint *faces = open_endpoint(&f, "faces", HOST_RUNS);
  mlcm_ticket ticket = route(faces, "k");
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "digits", mlcm_endpoint_complete(digits, &ticket, 1, 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "digits", mlcm_endpoint_report(digits, &ticket, "wrong", 1, err));
  ck_assert_uint_eq(count(digits, 1, 0, MLCM__SCOPE_REQUEST).completed, 0);
  mlcm_endpoint_close(digits);
  mlcm_endpoint_close(faces);
  tear_down(&f);
}
END_TEST

START_TEST(ticket_of_another_registry_is_refused) {
  fixture f;
  fixture g;
  set_up(&f);
  set_up(&g);
  add_digits(&f, 1);
  add_digits(&g, 1);
  mlcm_endpoint *here = open_endpoint(&f, "digits", HOST_RUNS);
  mlcm_endpoint *there = open_endpoint(&g, "digits", HOST_RUNS);
  mlcm_ticket ticket = route(there, "k");
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "this registry", mlcm_endpoint_report(here, &ticket, "wrong", 1, err));
  mlcm_endpoint_close(here);
  mlcm_endpoint_close(there);
  tear_down(&f);
  tear_down(&g);
}
END_TEST

START_TEST(ticket_with_impossible_values_is_refused) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  const mlcm_ticket good = route(ep, "k");
  mlcm_ticket impossible[3] = {good, good, good};
  impossible[0].version = 0;
  impossible[1].reserved = 1;
  impossible[2].flags |= 1u << 30;
  for (int i = 0; i < 3; ++i) {
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, "no routing writes", mlcm_endpoint_complete(ep, &impossible[i], 1, 1, err));
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, "no routing writes", mlcm_endpoint_report(ep, &impossible[i], "wrong", 1, err));
  }
  mlcm_ticket bad = good;
  bad.version = 7;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "version 7", mlcm_endpoint_report(ep, &bad, "wrong", 1, err));
  bad = good;
  bad.epoch = 999;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "epoch 999", mlcm_endpoint_report(ep, &bad, "wrong", 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_endpoint_report(ep, NULL, "wrong", 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "negative", mlcm_endpoint_complete(ep, &good, -1, 1, err));
  tear_down(&f);
}
END_TEST

START_TEST(outcome_that_cannot_be_counted_is_refused) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  mlcm_ticket ticket = route(ep, "k");
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "", mlcm_endpoint_report(ep, &ticket, "", 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "", mlcm_endpoint_report(ep, &ticket, "no good", 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "finite", mlcm_endpoint_report(ep, &ticket, "score", NAN, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "finite", mlcm_endpoint_report(ep, &ticket, "score", INFINITY, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "7 is no outcome", mlcm_endpoint_report_id(ep, &ticket, 7, 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "-1 is no outcome", mlcm_endpoint_report_id(ep, &ticket, -1, 1, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "8 is no outcome", mlcm_endpoint_report_id(ep, &ticket, MLCM__METER_OUTCOMES, 1, err));
  tear_down(&f);
}
END_TEST

START_TEST(outcome_number_reports_the_same_as_its_name) {
  fixture f;
  int32_t id = -1;
  int32_t again = -1;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  CHECK_OK(mlcm_endpoint_outcome(ep, "wrong", &id, err));
  CHECK_OK(mlcm_endpoint_outcome(ep, "wrong", &again, err));
  ck_assert_int_eq(id, again);
  mlcm_ticket ticket = route(ep, "k");
  CHECK_OK(mlcm_endpoint_report_id(ep, &ticket, id, 1, err));
  report(ep, &ticket, 0);
  ck_assert_uint_eq(count(ep, 1, 0, MLCM__SCOPE_REQUEST).outcomes, 2);
  tear_down(&f);
}
END_TEST

START_TEST(completion_goes_to_the_handle_that_routed_and_outcomes_anywhere) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  mlcm_endpoint *other = open_endpoint(&f, "digits", HOST_RUNS | MLCM_ENDPOINT_FOLLOW);
  mlcm_ticket ticket = route(ep, "k");
  CHECK_FAILS(MLCM_INVALID_STATE, "another handle", mlcm_endpoint_complete(other, &ticket, 1, 1, err));
  report(other, &ticket, 1);
  complete(ep, &ticket, true);
  ck_assert_uint_eq(count(ep, 1, ticket.epoch, MLCM__SCOPE_REQUEST).wrong, 1);
  mlcm_endpoint_close(other);
  tear_down(&f);
}
END_TEST

START_TEST(completion_of_an_epoch_that_this_handle_does_not_know_counts_nothing) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  mlcm_ticket ticket = route(ep, "k");
  ticket.epoch += 1000;
  CHECK_FAILS(MLCM_TIMEOUT, "not counted again", mlcm_endpoint_complete(ep, &ticket, 1, 1, err));
  ck_assert_uint_eq(count(ep, 1, 0, MLCM__SCOPE_REQUEST).completed, 0);
  tear_down(&f);
}
END_TEST

START_TEST(outcome_of_an_epoch_before_this_handle_still_counts) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  mlcm_ticket ticket = route(ep, "k");
  set_champion(&f, "digits", 2);
  mlcm_endpoint *later = open_endpoint(&f, "digits", HOST_RUNS);
  ck_assert_uint_gt(info_of(later).epoch, ticket.epoch);
  report(later, &ticket, 1);
  ck_assert_uint_eq(count(ep, 1, ticket.epoch, MLCM__SCOPE_REQUEST).wrong, 1);
  mlcm_endpoint_close(later);
  tear_down(&f);
}
END_TEST

START_TEST(request_that_never_completes_is_an_error_after_the_deadline_and_only_once) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  mlcm_ticket done = route(ep, "a");
  mlcm_ticket hanging = route(ep, "b");
  complete(ep, &done, true);
  for (int i = 0; i < 29; ++i) {
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    tick(ep);
  }
  ck_assert_uint_eq(info_of(ep).overdue, 0);
  for (int i = 0; i < 100; ++i) {
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    tick(ep);
  }
  counted c = count(ep, 1, 0, MLCM__SCOPE_REQUEST);
  ck_assert_uint_eq(info_of(ep).overdue, 1);
  ck_assert_uint_eq(c.completed, 2);
  ck_assert_uint_eq(c.errors, 1);
  CHECK_FAILS(MLCM_TIMEOUT, "30.000 s", mlcm_endpoint_complete(ep, &hanging, 1, 1, err));
  ck_assert_uint_eq(count(ep, 1, 0, MLCM__SCOPE_REQUEST).completed, 2);
  tear_down(&f);
}
END_TEST

START_TEST(request_of_a_former_version_is_overdue_too) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  mlcm_ticket hanging = route(ep, "b");
  set_champion(&f, "digits", 2);
  for (int i = 0; i < 60; ++i) {
    test_clock_advance(&f.clock, TEST_SECOND_NS);
    tick(ep);
    if (i == 20) set_champion(&f, "digits", 1);
    if (i == 21) set_champion(&f, "digits", 2);
  }
  ck_assert_uint_eq(count(ep, 1, hanging.epoch, MLCM__SCOPE_REQUEST).errors, 1);
  tear_down(&f);
}
END_TEST

/* ---- The host's engine ---------------------------------------------------------------------------------------------- */

typedef struct engine {
  int64_t prepared[8], retired[8];
  int n_prepared, n_retired;
  int64_t refuse;
} engine;

static mlcm_status prepare(void *user, int64_t version, mlcm_error *err) {
  engine *e = user;
  if (version == e->refuse) return mlcm__fail(err, MLCM_LIMIT, "the device is full");
  e->prepared[e->n_prepared++] = version;
  return MLCM_OK;
}

static void retire(void *user, int64_t version) {
  engine *e = user;
  e->retired[e->n_retired++] = version;
}

static mlcm_endpoint *open_with_engine(fixture *f, engine *e) {
  return open_hosted(f, "digits", HOST_RUNS, (mlcm_endpoint_host){.prepare = prepare, .retire = retire, .user = e});
}

START_TEST(host_prepares_a_version_before_it_gets_requests_and_keeps_the_one_before) {
  fixture f;
  engine e = {0};
  set_up(&f);
  add_digits(&f, 3);
  mlcm_endpoint *ep = open_with_engine(&f, &e);
  ck_assert_int_eq(e.n_prepared, 1);
  set_champion(&f, "digits", 2);
  tick(ep);
  ck_assert_int_eq(e.n_prepared, 2);
  ck_assert_int_eq(e.prepared[1], 2);
  ck_assert_int_eq(e.n_retired, 0);
  set_champion(&f, "digits", 1); /* the way back needs nothing */
  tick(ep);
  ck_assert_int_eq(e.n_prepared, 2);
  ck_assert_int_eq(info_of(ep).stable, 1);
  set_champion(&f, "digits", 3);
  tick(ep);
  ck_assert_int_eq(e.prepared[2], 3);
  ck_assert_int_eq(e.n_retired, 1);
  ck_assert_int_eq(e.retired[0], 2);
  mlcm_endpoint_close(ep);
  ck_assert_int_eq(e.n_retired, 3);
  tear_down(&f);
}
END_TEST

START_TEST(version_that_the_host_cannot_prepare_leaves_the_old_one_serving) {
  fixture f;
  engine e = {.refuse = 2};
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint *ep = open_with_engine(&f, &e);
  set_champion(&f, "digits", 2);
  CHECK_FAILS(MLCM_LIMIT, "digits/2: the host could not prepare it: the device is full", mlcm_endpoint_tick(ep, NULL, NULL, err));
  ck_assert_int_eq(route(ep, "k").version, 1);
  ck_assert_uint_eq(info_of(ep).load_failures, 1);
  CHECK_FAILS(MLCM_LIMIT, "device", mlcm_endpoint_tick(ep, NULL, NULL, err)); /* not tried again at once */
  ck_assert_uint_eq(info_of(ep).load_failures, 1);
  e.refuse = 0;
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  tick(ep);
  ck_assert_int_eq(route(ep, "k").version, 2);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(version_that_nothing_entitles_is_refused_and_the_old_one_serves) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  mlcm__db_conn *conn = NULL;
  mlcm__routing routing = {0};
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__routing_read(conn, ep->row.id, &routing, err));
  routing.stable = 2; /* neither the alias nor a rollout says so */
  CHECK_OK(mlcm__routing_append(conn, &routing, TEST_EPOCH_NS, err));
  CHECK_OK(mlcm__registry_commit(f.reg, &conn, err));
  mlcm__routing_reset(f.ctx, &routing);
  CHECK_FAILS(MLCM_REFUSED, "digits/2 may not serve", mlcm_endpoint_tick(ep, NULL, NULL, err));
  ck_assert_int_eq(route(ep, "k").version, 1);
  tear_down(&f);
}
END_TEST

START_TEST(version_without_a_place_to_count_does_not_serve) {
  fixture f;
  uint32_t cell = 0;
  mlcm_error why;
  mlcm_endpoint *ep = set_up_serving(&f, 2, HOST_RUNS);
  for (uint64_t epoch = 1000; epoch < 1000 + MLCM__METER_CELLS - 1; ++epoch)
    CHECK_OK(mlcm__meter_cell(ep->meter, 9, epoch, &cell, err)); /* its file is full: the next one needs another */
  set_champion(&f, "digits", 2);
  hide_run_dir(&f);
  ck_assert_int_ne(mlcm_endpoint_tick(ep, NULL, NULL, &why), MLCM_OK);
  ck_assert_int_eq(route(ep, "k").version, 1);
  show_run_dir(&f);
  tick(ep);
  ck_assert_int_eq(route(ep, "k").version, 2);
  tear_down(&f);
}
END_TEST

START_TEST(infer_needs_an_engine) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  CHECK_FAILS(MLCM_INVALID_STATE, "without an engine", mlcm_endpoint_infer(ep, MLCM_STR("k"), NULL, 0, NULL, 0, NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- Fork, read-only, state ----------------------------------------------------------------------------------------- */

static bool answers_forked(mlcm_endpoint *ep, const mlcm_ticket *ticket) {
  mlcm_ticket out;
  mlcm_endpoint_info info;
  char *json = NULL;
  return mlcm_endpoint_route(ep, MLCM_STR("k"), &out, NULL) == MLCM_INVALID_STATE &&
         mlcm_endpoint_complete(ep, ticket, 1, 1, NULL) == MLCM_INVALID_STATE &&
         mlcm_endpoint_report(ep, ticket, "wrong", 1, NULL) == MLCM_INVALID_STATE &&
         mlcm_endpoint_infer(ep, MLCM_STR("k"), NULL, 0, NULL, 0, NULL, NULL) == MLCM_INVALID_STATE &&
         mlcm_endpoint_tick(ep, NULL, NULL, NULL) == MLCM_INVALID_STATE &&
         mlcm_endpoint_get_info(ep, &info, NULL) == MLCM_INVALID_STATE &&
         mlcm_endpoint_to_json(ep, &json, NULL) == MLCM_INVALID_STATE;
}

START_TEST(forked_child_is_told_and_can_close_without_harm) {
  fixture f;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint *ep = open_endpoint(&f, "digits", MLCM_ENDPOINT_NO_ENGINE); /* with its thread */
  mlcm_ticket ticket = route(ep, "k");
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    bool right = answers_forked(ep, &ticket);
#ifndef MLCM_SANITIZED /* AddressSanitizer's allocator is not safe after a fork of many threads; malloc is */
    mlcm_endpoint_close(ep);
#endif
    _exit(right ? 0 : 1);
  }
  int how = 0;
  ck_assert_int_eq(waitpid(child, &how, 0), child);
  ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
  complete(ep, &ticket, true);
  ck_assert_uint_eq(count(ep, 1, 0, MLCM__SCOPE_REQUEST).completed, 1);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(fork_without_the_kernels_help_is_found_by_process_id) {
  mlcm__forkmark mark;
  mlcm__forkmark_init(&mark);
  ck_assert(!mlcm__forkmark_is_child(&mark));
  mlcm__forkmark_reset(&mark); /* as on a kernel without MADV_WIPEONFORK */
  ck_assert(!mlcm__forkmark_is_child(&mark));
  pid_t child = fork();
  if (child == 0) _exit(mlcm__forkmark_is_child(&mark) ? 0 : 1);
  int how = 0;
  ck_assert_int_eq(waitpid(child, &how, 0), child);
  ck_assert_int_eq(how, 0);
}
END_TEST

START_TEST(read_only_registry_is_refused) {
  fixture f;
  mlcm_registry_options options;
  mlcm_registry *reg = NULL;
  mlcm_endpoint *ep = NULL;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_registry_options_init(&options, sizeof options);
  options.flags = MLCM_OPEN_READ_ONLY;
  CHECK_OK(mlcm_registry_open(f.ctx, f.dir, &options, &reg, err));
  CHECK_FAILS(MLCM_REFUSED, "read-only", mlcm_endpoint_open(reg, "digits", NULL, &ep, err));
  mlcm_registry_close(reg);
  tear_down(&f);
}
END_TEST

START_TEST(state_as_json_names_versions_and_failures) {
  fixture f;
  engine e = {.refuse = 2};
  char *json = NULL;
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint *ep = open_with_engine(&f, &e);
  set_champion(&f, "digits", 2);
  ck_assert_int_eq(mlcm_endpoint_tick(ep, NULL, NULL, NULL), MLCM_LIMIT);
  CHECK_OK(mlcm_endpoint_to_json(ep, &json, err));
  ck_assert_ptr_nonnull(strstr(json, "\"endpoint\":\"digits\""));
  ck_assert_ptr_nonnull(strstr(json, "\"stable\":1,"));
  ck_assert_ptr_nonnull(strstr(json, "{\"version\":1,\"state\":\"ready\",\"role\":\"stable\"}"));
  ck_assert_ptr_nonnull(strstr(json, "\"version\":2,\"state\":\"failed\",\"attempts\":1,\"error\":{\"status\":\"LIMIT\""));
  mlcm_free(f.ctx, json);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(registry_may_be_closed_before_the_endpoint) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  mlcm_registry_close(f.reg);
  f.reg = NULL;
  tick(ep);
  ck_assert_int_eq(route(ep, "k").version, 1);
  tear_down(&f);
}
END_TEST

START_TEST(close_of_null_is_fine_and_null_arguments_are_refused) {
  mlcm_ticket ticket;
  mlcm_endpoint_close(NULL);
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_endpoint_open(NULL, "x", NULL, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_endpoint_route(NULL, MLCM_STR("k"), &ticket, err));
}
END_TEST

int main(void) {
  const TTest *tests[] = {routes_everything_to_the_alias,
                          ticket_says_key_time_and_place,
                          unknown_model_is_not_found,
                          alias_that_is_not_set_is_not_found,
                          another_alias_can_be_served,
                          bad_options_are_refused_and_the_user_pointer_given_back,
                          moved_alias_is_followed_at_the_next_tick,
                          tick_without_news_publishes_nothing,
                          completions_and_outcomes_are_counted_for_the_version_and_epoch_that_answered,
                          ticket_of_another_endpoint_is_refused,
                          ticket_of_another_registry_is_refused,
                          ticket_with_impossible_values_is_refused,
                          outcome_that_cannot_be_counted_is_refused,
                          outcome_number_reports_the_same_as_its_name,
                          completion_goes_to_the_handle_that_routed_and_outcomes_anywhere,
                          completion_of_an_epoch_that_this_handle_does_not_know_counts_nothing,
                          outcome_of_an_epoch_before_this_handle_still_counts,
                          request_that_never_completes_is_an_error_after_the_deadline_and_only_once,
                          request_of_a_former_version_is_overdue_too,
                          host_prepares_a_version_before_it_gets_requests_and_keeps_the_one_before,
                          version_that_the_host_cannot_prepare_leaves_the_old_one_serving,
                          version_that_nothing_entitles_is_refused_and_the_old_one_serves,
                          version_without_a_place_to_count_does_not_serve,
                          infer_needs_an_engine,
                          forked_child_is_told_and_can_close_without_harm,
                          fork_without_the_kernels_help_is_found_by_process_id,
                          read_only_registry_is_refused,
                          state_as_json_names_versions_and_failures,
                          registry_may_be_closed_before_the_endpoint,
                          close_of_null_is_fine_and_null_arguments_are_refused};
  return TEST_RUN("endpoint_serve", tests);
}
