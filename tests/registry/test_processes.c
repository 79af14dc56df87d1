/* SPDX-License-Identifier: Apache-2.0
 *
 * test_processes.c - several processes on one registry, and processes killed at any moment of a registration or an alias move.
 */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mlcm/trust.h>

#include "registry/fixture.h"
#include "support/soak.h"

enum { KILLS = 40, PROCESSES = 8, CHANGES = 12 };

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* What a child answers with _exit: Check's asserts are of no use there. */
static void must(mlcm_status st, const mlcm_error *err) {
  if (st == MLCM_OK) return;
  fprintf(stderr, "child: %s: %s\n", mlcm_status_name(st), err->message);
  _exit(1);
}

static mlcm_registry *open_in_child(const char *dir) {
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_error err = {0};
  must(mlcm_context_new(NULL, &ctx, &err), &err);
  must(mlcm_registry_open(ctx, dir, NULL, &reg, &err), &err);
  mlcm_context_free(ctx);
  return reg;
}

/* Registers the file and moves the alias to the new version, again and again; one byte into the pipe after each change. */
static void change_for_ever(const fixture *f, const char *path, int out) {
  mlcm_registry *reg = open_in_child(f->reg_dir);
  for (int i = 0;; i++) {
    mlcm_version *v = NULL;
    mlcm_error err = {0};
    char bytes[64];
    (void)snprintf(bytes, sizeof bytes, "process %ld, version %d", (long)getpid(), i);
    FILE *file = fopen(path, "w");
    if (!file || fputs(bytes, file) < 0 || fclose(file) != 0) _exit(1);
    must(mlcm_register(reg, "m", path, NULL, NULL, &v, &err), &err);
    if (write(out, "r", 1) != 1) _exit(0);
    must(mlcm_alias_set(reg, "m", "a", mlcm_version_number(v), MLCM_ALIAS_ANY, 0, NULL, &err), &err);
    if (write(out, "a", 1) != 1) _exit(0);
    mlcm_version_free(v);
  }
}

/* Lets the child report a few changes, then kills it somewhere in the next ones. Adds what it reported. */
static void run_and_kill(const fixture *f, const char *path, unsigned *seed, int64_t *registered) {
  int ends[2];
  char done = 0;
  ck_assert_int_eq(pipe(ends), 0);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    close(ends[0]);
    change_for_ever(f, path, ends[1]);
  }
  close(ends[1]);
  int n = 1 + rand_r(seed) % 5;
  for (int i = 0; i < n && read(ends[0], &done, 1) == 1; i++) *registered += done == 'r';
  int64_t until = now_ns() + rand_r(seed) % 4000000;
  while (now_ns() < until) {
  }
  kill(child, SIGKILL);
  while (read(ends[0], &done, 1) == 1) *registered += done == 'r';
  close(ends[0]);
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFSIGNALED(status), "the child ended by itself with %d", status);
}

/* Whatever was reported is there and whole; what was on its way is there whole or not at all. */
static void check_registry(const fixture *f, int64_t registered) {
  mlcm_model *m = NULL;
  mlcm_registry *reg = open_registry(f->ctx, f->reg_dir, 0);
  mlcm_audit_head head;
  CHECK_OK(mlcm_audit_verify(reg, NULL, NULL, &head, err));
  mlcm_status st = mlcm_model_get(reg, "m", &m, NULL);
  if (st == MLCM_OK) {
    int64_t n = mlcm_model_n_versions(m);
    ck_assert_int_ge(n, registered);
    for (int64_t i = n; i > 0 && i > n - 3; i--) {
      char ref[32];
      mlcm_version *v = NULL;
      (void)snprintf(ref, sizeof ref, "m/%lld", (long long)i);
      CHECK_OK(mlcm_version_get(reg, ref, &v, err));
      CHECK_OK(mlcm_version_verify(reg, v, NULL, err));
      mlcm_version_free(v);
    }
    ck_assert_int_le(alias_of(f, "m", "a"), n);
    mlcm_model_free(m);
  }
  mlcm_registry_close(reg);
}

START_TEST(a_killed_process_leaves_the_old_state_or_the_new) {
  fixture f;
  set_up(&f);
  unsigned seed = test_seed(20260301);
  int64_t registered = 0;
  int killed = 0;
  char *path = test_path(f.dir, "model.bin");
  for (; killed < KILLS * test_scale() && test_time_left(); killed++) {
    run_and_kill(&f, path, &seed, &registered);
    check_registry(&f, registered);
  }
  ck_assert_int_gt(registered, killed / 2);
  printf("{\"what\":\"processes killed\",\"n\":%d,\"violations\":0}\n", killed);
  free(path);
  tear_down(&f);
}
END_TEST

/* A few changes of each kind; answers the longest wait of one. */
static void change_a_little(const fixture *f, const char *path, int number, int out) {
  mlcm_registry *reg = open_in_child(f->reg_dir);
  mlcm_error err = {0};
  int64_t longest = 0;
  char model[16];
  (void)snprintf(model, sizeof model, "m%d", number % 2);
  for (int i = 0; i < CHANGES; i++) {
    mlcm_version *v = NULL;
    int64_t began = now_ns();
    must(mlcm_register(reg, model, path, NULL, NULL, &v, &err), &err);
    must(mlcm_alias_set(reg, model, "a", mlcm_version_number(v), MLCM_ALIAS_ANY, 0, NULL, &err), &err);
    must(mlcm_version_tag_set(reg, model, mlcm_version_number(v), "k", "v", NULL, &err), &err);
    mlcm_version_free(v);
    if ((now_ns() - began) / 3 > longest) longest = (now_ns() - began) / 3;
  }
  mlcm_registry_close(reg);
  _exit(write(out, &longest, sizeof longest) == sizeof longest ? 0 : 1);
}

START_TEST(eight_processes_change_one_registry_without_an_error) {
  fixture f;
  set_up(&f);
  int ends[2];
  pid_t children[PROCESSES];
  int64_t longest = 0;
  char *path = make_file(&f, "x", "x");
  ck_assert_int_eq(pipe(ends), 0);
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = fork();
    ck_assert_int_ge(children[i], 0);
    if (children[i] == 0) change_a_little(&f, path, i, ends[1]);
  }
  close(ends[1]);
  for (int i = 0; i < PROCESSES; i++) {
    int status = 0;
    int64_t wait_ns = 0;
    ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(ends[0], &wait_ns, sizeof wait_ns), sizeof wait_ns);
    if (wait_ns > longest) longest = wait_ns;
  }
  close(ends[0]);
  printf("%d processes, %d changes each: the longest mean wait of three was %.1f ms\n", PROCESSES, 3 * CHANGES,
         (double)longest / 1e6);
  for (int i = 0; i < 2; i++) {
    mlcm_model *m = NULL;
    CHECK_OK(mlcm_model_get(f.reg, i ? "m1" : "m0", &m, err));
    ck_assert_int_eq(mlcm_model_n_versions(m), PROCESSES / 2 * CHANGES);
    mlcm_model_free(m);
  }
  free(path);
  tear_down(&f);
}
END_TEST

static _Noreturn void open_first(const char *dir) {
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_error err = {0};
  mlcm_registry_options o = MLCM_REGISTRY_OPTIONS_INIT;
  o.flags = MLCM_OPEN_CREATE;
  must(mlcm_context_new(NULL, &ctx, &err), &err);
  must(mlcm_registry_open(ctx, dir, &o, &reg, &err), &err);
  must(mlcm_policy_put(reg, MLCM_STR("same"), NULL, (char[65]){0}, &err), &err);
  _exit(0);
}

/* Often, because the moment in which another process sees a file half set up is short: it was met once in sixty. */
START_TEST(processes_that_open_first_together_make_one_registry) {
  enum { ROUNDS = 30 };
  fixture f;
  set_up(&f);
  int failed = 0;
  for (int round = 0; round < ROUNDS; round++) {
    char name[32];
    snprintf(name, sizeof name, "together%d", round);
    char *dir = test_path(f.dir, name);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
      children[i] = fork();
      if (children[i] == 0) open_first(dir);
    }
    for (int i = 0; i < PROCESSES; i++) {
      int status = 1;
      failed += children[i] < 0 || waitpid(children[i], &status, 0) != children[i] || status != 0;
    }
    free(dir);
  }
  ck_assert_int_eq(failed, 0);
  tear_down(&f);
}
END_TEST

START_TEST(a_child_may_not_use_its_parents_registry) {
  fixture f;
  set_up(&f);
  add_versions(&f, "m", 1);
  move_alias(&f, "m", "a", 1);
  char *path = make_file(&f, "x", "x");
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    int64_t v = 0;
    bool refused = mlcm_alias_get(f.reg, "m", "a", &v, NULL) == MLCM_INVALID_STATE &&
                   mlcm_register(f.reg, "m", path, NULL, NULL, NULL, NULL) == MLCM_INVALID_STATE &&
                   mlcm_alias_set(f.reg, "m", "b", 1, MLCM_ALIAS_ANY, 0, NULL, NULL) == MLCM_INVALID_STATE;
    mlcm_registry_close(f.reg);
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  ck_assert_int_eq(alias_of(&f, "m", "a"), 1);
  ck_assert_int_eq(add_version(&f, "m", "2", NULL), 2);
  free(path);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_killed_process_leaves_the_old_state_or_the_new, eight_processes_change_one_registry_without_an_error,
                          processes_that_open_first_together_make_one_registry, a_child_may_not_use_its_parents_registry};
  return TEST_RUN("registry_processes", tests);
}
