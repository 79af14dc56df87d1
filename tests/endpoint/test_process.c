/* SPDX-License-Identifier: Apache-2.0
 *
 * test_process.c - several processes on one endpoint. The program runs itself again as a reporter or a server (argv[1]).
 */
#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- What the other process does ------------------------------------------------------------------------------------ */

static int complain(const mlcm_error *err) {
  fprintf(stderr, "reporter: %s\n", err->message);
  return 2;
}

/* Reports the outcome `value` of a ticket in text form. */
static int run_reporter(const char *dir, const char *text, const char *value) {
  mlcm_error err;
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options options;
  mlcm_ticket ticket;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = HOST_RUNS | MLCM_ENDPOINT_FOLLOW;
  mlcm_status st = mlcm_context_new(NULL, &ctx, &err);
  if (!st) st = mlcm_registry_open(ctx, dir, NULL, &reg, &err);
  if (!st) st = mlcm_endpoint_open(reg, "digits", &options, &ep, &err);
  if (!st) st = mlcm_ticket_from_text(mlcm_str_of(text), &ticket, &err);
  if (!st) st = mlcm_endpoint_report(ep, &ticket, MLCM_OUTCOME_WRONG, strtod(value, NULL), &err);
  mlcm_endpoint_close(ep);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  return st ? complain(&err) : 0;
}

/* Serves until it is killed: routes and completes, one character on stdout for each thousand. */
static int run_server(const char *dir) {
  mlcm_error err;
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options options;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = MLCM_ENDPOINT_NO_ENGINE;
  mlcm_status st = mlcm_context_new(NULL, &ctx, &err);
  if (!st) st = mlcm_registry_open(ctx, dir, NULL, &reg, &err);
  if (!st) st = mlcm_endpoint_open(reg, "digits", &options, &ep, &err);
  for (long i = 0; !st; ++i) {
    char key[32];
    mlcm_ticket ticket;
    snprintf(key, sizeof key, "user-%ld", i);
    st = mlcm_endpoint_route(ep, mlcm_str_of(key), &ticket, &err);
    if (!st) st = mlcm_endpoint_complete(ep, &ticket, 1000, 1, &err);
    if (i % 1000 == 999 && write(STDOUT_FILENO, ".", 1) != 1) return 3;
  }
  return complain(&err);
}

/* ---- The tests ------------------------------------------------------------------------------------------------------ */

static pid_t spawn(const char *const *arguments, int out_fd) {
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    if (out_fd >= 0) dup2(out_fd, STDOUT_FILENO);
    execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
    _exit(127);
  }
  return child;
}

static int wait_for(pid_t child) {
  int how = 0;
  ck_assert_int_eq(waitpid(child, &how, 0), child);
  return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static int report_elsewhere(const fixture *f, const char *text, const char *value) {
  const char *arguments[] = {"reporter", "report", f->dir, text, value, NULL};
  return wait_for(spawn(arguments, -1));
}

START_TEST(outcome_from_another_process_counts_for_version_epoch_and_key) {
  fixture f;
  char text[MLCM_TICKET_TEXT_SIZE];
  set_up(&f);
  add_digits(&f, 2);
  mlcm_rollout_close(start_half(&f, 2));
  mlcm_endpoint *ep = open_endpoint(&f, "digits", HOST_RUNS);
  mlcm_ticket ticket = route(ep, "user-42");
  complete(ep, &ticket, true);
  mlcm_ticket_to_text(&ticket, text);
  ck_assert_int_eq(report_elsewhere(&f, text, "1"), 0);
  counted c = count(ep, ticket.version, ticket.epoch, MLCM__SCOPE_KEY);
  ck_assert_uint_eq(c.routed, 1);
  ck_assert_uint_eq(c.outcomes, 1);
  ck_assert_uint_eq(c.wrong, 1);
  report(ep, &ticket, 1); /* the key has had its outcome, over there */
  ck_assert_uint_eq(count(ep, ticket.version, ticket.epoch, MLCM__SCOPE_KEY).outcomes, 1);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

START_TEST(mangled_ticket_is_refused_elsewhere) {
  fixture f;
  char text[MLCM_TICKET_TEXT_SIZE];
  mlcm_endpoint *ep = set_up_serving(&f, 1, HOST_RUNS);
  mlcm_ticket ticket = route(ep, "user-42");
  mlcm_ticket_to_text(&ticket, text);
  text[20] = text[20] == 'A' ? 'B' : 'A';
  ck_assert_int_eq(report_elsewhere(&f, text, "1"), 2);
  ck_assert_uint_eq(count(ep, 1, 0, MLCM__SCOPE_REQUEST).outcomes, 0);
  tear_down(&f);
}
END_TEST

/* Real clock: the other process has no other. */
START_TEST(counts_of_a_killed_server_survive_and_another_goes_on) {
  fixture f;
  int ends[2];
  char dot = 0;
  set_up(&f);
  add_digits(&f, 1);
  ck_assert_int_eq(pipe(ends), 0);
  const char *arguments[] = {"server", "serve", f.dir, NULL};
  pid_t child = spawn(arguments, ends[1]);
  close(ends[1]);
  for (int i = 0; i < 3; ++i) ck_assert_int_eq(read(ends[0], &dot, 1), 1);
  ck_assert_int_eq(kill(child, SIGKILL), 0);
  ck_assert_int_eq(wait_for(child), -1);
  close(ends[0]);
  mlcm_endpoint *ep = open_endpoint(&f, "digits", HOST_RUNS);
  ck_assert_uint_ge(count(ep, 1, 0, MLCM__SCOPE_REQUEST).completed, 3000);
  ck_assert_int_eq(route(ep, "k").version, 1);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "report") == 0) return run_reporter(argv[2], argv[3], argv[4]);
  if (argc == 3 && strcmp(argv[1], "serve") == 0) return run_server(argv[2]);
  const TTest *tests[] = {outcome_from_another_process_counts_for_version_epoch_and_key, mangled_ticket_is_refused_elsewhere,
                          counts_of_a_killed_server_survive_and_another_goes_on};
  return TEST_RUN("endpoint_process", tests);
}
