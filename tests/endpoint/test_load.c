/* SPDX-License-Identifier: Apache-2.0
 *
 * test_load.c - versions with an engine: verified bytes, refusals that leave the old version serving, the way back.
 */
#include "fixture.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>

/* Registers a copy of answers_1.onnx with one text in it replaced by another of the same length. */
static int64_t add_changed(fixture *f, const char *from, const char *to) {
  char source[512];
  size_t len = 0;
  mlcm_version *version = NULL;
  snprintf(source, sizeof source, "%s/tests/endpoint/models/answers_1.onnx", MLCM_SOURCE_DIR);
  char *bytes = test_read_file(source, &len);
  char *at = memmem(bytes, len, from, strlen(from));
  ck_assert_ptr_nonnull(at);
  memcpy(at, to, strlen(to));
  char *path = test_path(f->dir, "changed.onnx");
  test_write_file(path, bytes, len);
  CHECK_OK(mlcm_register(f->reg, "digits", path, NULL, NULL, &version, err));
  int64_t number = mlcm_version_number(version);
  mlcm_version_free(version);
  free(path);
  free(bytes);
  return number;
}

START_TEST(infer_answers_from_the_champion_and_counts) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 2, MLCM_ENDPOINT_MANUAL);
  ck_assert_int_eq(answering(ep, "k"), 1);
  set_champion(&f, "digits", 2);
  tick(ep);
  ck_assert_int_eq(answering(ep, "k"), 2);
  counted c = count(ep, 1, 0, MLCM__SCOPE_REQUEST);
  ck_assert_uint_eq(c.routed, 1);
  ck_assert_uint_eq(c.completed, 1);
  ck_assert_uint_eq(c.errors, 0);
  tear_down(&f);
}
END_TEST

START_TEST(answer_is_given_without_a_ticket_too) {
  fixture f;
  float answer = 0;
  mlcm_endpoint *ep = set_up_serving(&f, 1, MLCM_ENDPOINT_MANUAL);
  CHECK_OK(ask(ep, "k", 1, 2, &answer, NULL, err));
  ck_assert_float_eq(answer, 4);
  tear_down(&f);
}
END_TEST

START_TEST(input_that_does_not_fit_is_told_and_counted_as_an_error) {
  fixture f;
  float row[3] = {1, 2, 3};
  float answer = 0;
  mlcm_ticket ticket = {0};
  mlcm_endpoint *ep = set_up_serving(&f, 1, MLCM_ENDPOINT_MANUAL);
  mlcm_input in = mlcm_input_f32(row, 1, 3);
  mlcm_output out = mlcm_output_f32(&answer, 1);
  CHECK_FAILS(MLCM_MISMATCH, "", mlcm_endpoint_infer(ep, MLCM_STR("k"), &in, 1, &out, 1, &ticket, err));
  ck_assert_int_eq(ticket.version, 1);
  ck_assert_uint_eq(count(ep, 1, 0, MLCM__SCOPE_REQUEST).errors, 1);
  tear_down(&f);
}
END_TEST

START_TEST(session_of_a_version_outlives_the_snapshot_and_the_registry) {
  fixture f;
  mlcm_version *version = NULL;
  mlcm_session *session = NULL;
  float row[2] = {1, 2};
  float answer = 0;
  set_up(&f);
  add_digits(&f, 2);
  CHECK_OK(mlcm_version_get(f.reg, "digits/2", &version, err));
  CHECK_OK(mlcm_version_load(f.reg, version, NULL, &session, err));
  mlcm_version_free(version);
  mlcm_registry_close(f.reg);
  f.reg = NULL;
  mlcm_input in = mlcm_input_f32(row, 1, 2);
  mlcm_output out = mlcm_output_f32(&answer, 1);
  CHECK_OK(mlcm_session_run(session, &in, 1, &out, 1, err));
  ck_assert_float_eq(answer, 5);
  mlcm_session_close(session);
  tear_down(&f);
}
END_TEST

START_TEST(changed_byte_is_refused_with_file_and_digests_and_the_old_version_serves) {
  fixture f;
  char sha256[65];
  mlcm_error err;
  mlcm_endpoint *ep = set_up_serving(&f, 2, MLCM_ENDPOINT_MANUAL);
  damage(&f, "digits/2", sha256);
  set_champion(&f, "digits", 2);
  ck_assert_int_eq(mlcm_endpoint_tick(ep, NULL, NULL, &err), MLCM_CORRUPT);
  ck_assert_msg(strstr(err.message, "digits/2") && strstr(err.message, "answers_2.onnx"), "%s", err.message);
  ck_assert_msg(strstr(err.message, sha256) != NULL, "no digest of the manifest (%s): %s", sha256, err.message);
  const char *found = strstr(err.message, "found sha256:");
  ck_assert_msg(found != NULL && strspn(found + 13, "0123456789abcdef") == 64, "no digest of the bytes: %s", err.message);
  ck_assert_int_eq(answering(ep, "k"), 1);
  tear_down(&f);
}
END_TEST

START_TEST(endpoint_does_not_open_on_changed_bytes) {
  fixture f;
  char sha256[65];
  mlcm_endpoint *ep = NULL;
  set_up(&f);
  add_digits(&f, 1);
  damage(&f, "digits/1", sha256);
  CHECK_FAILS(MLCM_CORRUPT, "answers_1.onnx", mlcm_endpoint_open(f.reg, "digits", NULL, &ep, err));
  tear_down(&f);
}
END_TEST

START_TEST(endpoint_does_not_open_on_a_damaged_routing) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint_close(open_endpoint(&f, "digits", MLCM_ENDPOINT_MANUAL));
  change_store(&f, "PRAGMA ignore_check_constraints = 1; UPDATE routing SET salt = x'00'; PRAGMA ignore_check_constraints = 0");
  CHECK_FAILS(MLCM_CORRUPT, "the salt has 1 bytes", mlcm_endpoint_open(f.reg, "digits", NULL, &ep, err));
  tear_down(&f);
}
END_TEST

START_TEST(version_that_heals_is_loaded_on_a_later_attempt) {
  fixture f;
  char sha256[65];
  mlcm_endpoint *ep = set_up_serving(&f, 2, MLCM_ENDPOINT_MANUAL);
  damage(&f, "digits/2", sha256);
  set_champion(&f, "digits", 2);
  CHECK_FAILS(MLCM_CORRUPT, "", mlcm_endpoint_tick(ep, NULL, NULL, err));
  add_version(&f, "digits", 2); /* the same bytes: writing them heals the object */
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  tick(ep);
  ck_assert_int_eq(answering(ep, "k"), 2);
  tear_down(&f);
}
END_TEST

START_TEST(operator_that_is_missing_is_named_and_the_old_version_serves) {
  fixture f;
  mlcm_endpoint *ep = set_up_serving(&f, 1, MLCM_ENDPOINT_MANUAL);
  set_champion(&f, "digits", add_changed(&f, "MatMul", "MatMux"));
  CHECK_FAILS(MLCM_UNSUPPORTED, "MatMux", mlcm_endpoint_tick(ep, NULL, NULL, err));
  ck_assert_int_eq(answering(ep, "k"), 1);
  tear_down(&f);
}
END_TEST

START_TEST(way_back_needs_no_loading) {
  fixture f;
  char sha256[65];
  mlcm_endpoint *ep = set_up_serving(&f, 2, MLCM_ENDPOINT_MANUAL);
  set_champion(&f, "digits", 2);
  tick(ep);
  damage(&f, "digits/1", sha256); /* would be refused if it were read again */
  set_champion(&f, "digits", 1);
  tick(ep);
  ck_assert_int_eq(answering(ep, "k"), 1);
  tear_down(&f);
}
END_TEST

START_TEST(background_thread_follows_and_is_joined_by_close) {
  fixture f;
  mlcm_endpoint_options options;
  mlcm_endpoint *ep = NULL;
  set_up(&f);
  add_digits(&f, 2);
  mlcm_endpoint_options_init(&options, sizeof options);
  options.poll_ns = 1000000;
  CHECK_OK(mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  CHECK_FAILS(MLCM_INVALID_STATE, "background thread", mlcm_endpoint_tick(ep, NULL, NULL, err));
  set_champion(&f, "digits", 2);
  while (answering(ep, "k") != 2) sched_yield();
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

/* The mask of blocked signals of the thread with that name, 0 when there is none. */
static unsigned long long blocked_signals(const char *thread_name) {
  unsigned long long mask = 0;
  DIR *tasks = opendir("/proc/self/task");
  ck_assert_ptr_nonnull(tasks);
  for (const struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
    char path[300];
    char line[128];
    bool found = false;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
    FILE *file = fopen(path, "r");
    if (file == NULL) continue;
    while (fgets(line, sizeof line, file) != NULL) {
      char name[64];
      if (sscanf(line, "Name: %63s", name) == 1) found = strcmp(name, thread_name) == 0;
      if (found && sscanf(line, "SigBlk: %llx", &mask) == 1) break;
    }
    fclose(file);
  }
  closedir(tasks);
  return mask;
}

START_TEST(background_thread_has_a_name_and_takes_no_signal_of_the_host) {
  fixture f;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint *ep = open_endpoint(&f, "digits", 0);
  unsigned long long mask = blocked_signals("mlcm:digits");
  const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGALRM, SIGUSR1, SIGUSR2, SIGPROF};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
    ck_assert_msg(mask >> (signals[i] - 1) & 1, "signal %d is not blocked (%llx)", signals[i], mask);
  }
  mlcm_endpoint_close(ep);
  ck_assert_uint_eq(blocked_signals("mlcm:digits"), 0); /* joined */
  tear_down(&f);
}
END_TEST

START_TEST(backend_of_the_options_is_used) {
  fixture f;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options options;
  mlcm_session_options session;
  char name[16] = "reference";
  set_up(&f);
  add_digits(&f, 2);
  mlcm_session_options_init(&session, sizeof session);
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = MLCM_ENDPOINT_MANUAL;
  options.session = &session;
  session.backend = "nowhere";
  CHECK_FAILS(MLCM_NOT_FOUND, "nowhere", mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  session.backend = name;
  CHECK_OK(mlcm_endpoint_open(f.reg, "digits", &options, &ep, err));
  strcpy(name, "nowhere"); /* the endpoint has a copy */
  set_champion(&f, "digits", 2);
  tick(ep);
  ck_assert_int_eq(answering(ep, "k"), 2);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

/* ---- Failing memory ------------------------------------------------------------------------------------------------- */

static mlcm_status load_and_run(mlcm_context *ctx, void *user, mlcm_error *err) {
  const fixture *f = user;
  mlcm_registry *reg = NULL;
  mlcm_version *version = NULL;
  mlcm_session *session = NULL;
  mlcm_status st = mlcm_registry_open(ctx, f->dir, NULL, &reg, err);
  if (!st) st = mlcm_version_get(reg, "digits/1", &version, err);
  if (!st) st = mlcm_version_load(reg, version, NULL, &session, err);
  mlcm_session_close(session);
  mlcm_version_free(version);
  mlcm_registry_close(reg);
  return st;
}

START_TEST(load_survives_any_failing_allocation) {
  fixture f;
  set_up(&f);
  add_digits(&f, 1);
  test_fault_memory(load_and_run, NULL, &f);
  tear_down(&f);
}
END_TEST

static mlcm_status serve_and_swap(mlcm_context *ctx, void *user, mlcm_error *err) {
  const fixture *f = user;
  mlcm_endpoint_options options;
  mlcm_registry *reg = NULL;
  mlcm_endpoint *ep = NULL;
  mlcm_ticket ticket;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = MLCM_ENDPOINT_MANUAL;
  mlcm_status st = mlcm_registry_open(ctx, f->dir, NULL, &reg, err);
  if (!st) st = mlcm_endpoint_open(reg, "digits", &options, &ep, err);
  int64_t now = 0;
  if (!st) st = mlcm_alias_get(reg, "digits", "champion", &now, err);
  if (!st) st = mlcm_alias_set(reg, "digits", "champion", 3 - now, MLCM_ALIAS_ANY, 0, NULL, err);
  if (!st) {
    float answer = 0;
    int64_t before = info_of(ep).stable;
    st = mlcm_endpoint_tick(ep, NULL, NULL, err);
    int64_t after = info_of(ep).stable;
    ck_assert(after == 3 - now || (st && after == before)); /* the new, or the old and an error */
    mlcm_error run_err;
    mlcm_status run = ask(ep, "k", 1, 1, &answer, &ticket, &run_err); /* the run may lack memory of its own */
    ck_assert_msg(run == MLCM_OK || run == MLCM_NO_MEMORY, "%s", run_err.message);
    ck_assert_int_eq(ticket.version, info_of(ep).stable);
    if (!st && run) {
      *err = run_err;
      st = run;
    }
  }
  mlcm_endpoint_close(ep);
  mlcm_registry_close(reg);
  return st;
}

START_TEST(serving_and_swapping_survive_any_failing_allocation) {
  fixture f;
  set_up(&f);
  add_digits(&f, 2);
  test_fault_memory(serve_and_swap, NULL, &f);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {infer_answers_from_the_champion_and_counts,
                          answer_is_given_without_a_ticket_too,
                          input_that_does_not_fit_is_told_and_counted_as_an_error,
                          session_of_a_version_outlives_the_snapshot_and_the_registry,
                          changed_byte_is_refused_with_file_and_digests_and_the_old_version_serves,
                          endpoint_does_not_open_on_changed_bytes,
                          endpoint_does_not_open_on_a_damaged_routing,
                          version_that_heals_is_loaded_on_a_later_attempt,
                          operator_that_is_missing_is_named_and_the_old_version_serves,
                          way_back_needs_no_loading,
                          background_thread_follows_and_is_joined_by_close,
                          background_thread_has_a_name_and_takes_no_signal_of_the_host,
                          backend_of_the_options_is_used,
                          load_survives_any_failing_allocation,
                          serving_and_swapping_survive_any_failing_allocation};
  return TEST_RUN("endpoint_load", tests);
}
