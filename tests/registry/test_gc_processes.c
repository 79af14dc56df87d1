/* SPDX-License-Identifier: Apache-2.0
 *
 * test_gc_processes.c - garbage collection without any grace time beside processes that register the same few contents again and
 * again, and others that are killed while they do: no committed version loses a byte.
 *
 * Six write, one is killed again and again and one collects throughout: eight. The contents are few, so that a registration often
 * meets an object that a collection is about to sweep. MLCM_TEST_SCALE multiplies the work.
 */
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mlcm/trust.h>

#include "fixture.h"
#include "store/blob.h"
#include "support/soak.h"

enum { WRITERS = 6, REGISTRATIONS = 30, KILLS = 20, CONTENTS = 6 };

/* What a child does instead of asserting. */
static void must(mlcm_status st, const mlcm_error *err) {
  if (st == MLCM_OK) return;
  fprintf(stderr, "process %d: %s: %s\n", (int)getpid(), mlcm_status_name(st), err->message);
  _exit(1);
}

static mlcm_registry *open_in_child(const fixture *f) {
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_error err = {0};
  must(mlcm_context_new(NULL, &ctx, &err), &err);
  must(mlcm_registry_open(ctx, f->reg_dir, NULL, &reg, &err), &err);
  mlcm_context_free(ctx);
  return reg;
}

/* Not through tests/support: what that asserts, Check would note in a file that all processes share. */
static void write_bytes(const char *path, const char *bytes) {
  FILE *file = fopen(path, "wb");
  bool written = file && fputs(bytes, file) >= 0;
  if ((file && fclose(file) != 0) || !written) {
    fprintf(stderr, "process %d: %s cannot be written\n", (int)getpid(), path);
    _exit(1);
  }
}

/* A folder of one file with one of few contents; n < 0: until killed. */
static void register_on(const fixture *f, int n) {
  mlcm_registry *reg = open_in_child(f);
  mlcm_error err = {0};
  char path[PATH_MAX], bytes[32];
  (void)snprintf(path, sizeof path, "%s/file-%d", f->dir, (int)getpid());
  for (int i = 0; n < 0 || (i < n && test_time_left()); i++) {
    (void)snprintf(bytes, sizeof bytes, "content %d", (i + (int)getpid()) % CONTENTS);
    write_bytes(path, bytes);
    must(mlcm_register(reg, "m", path, NULL, NULL, NULL, &err), &err);
  }
  mlcm_registry_close(reg);
  _exit(0);
}

/* Objects that nothing names, of the same contents, so that there is always something to sweep. */
static void litter(mlcm_registry *reg, int round) {
  uint8_t sha256[32];
  char bytes[32];
  mlcm_error err = {0};
  (void)snprintf(bytes, sizeof bytes, "litter %d", round % CONTENTS);
  must(mlcm__blob_put(reg->blobs, bytes, strlen(bytes), sha256, &err), &err);
}

/* Collects without rest until it is killed: that, too, may happen anywhere. */
static void collect_on(const fixture *f) {
  mlcm_registry *reg = open_in_child(f);
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  mlcm_error err = {0};
  options.grace_ns = 1;
  for (int round = 0;; round++) {
    litter(reg, round);
    must(mlcm_gc(reg, &options, NULL, NULL, &err), &err);
  }
}

static pid_t spawn(void) {
  fflush(NULL);
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  return pid;
}

static void stop(pid_t pid) {
  int status = 0;
  kill(pid, SIGKILL);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_msg(WIFSIGNALED(status), "a child ended by itself with %d", status);
}

static void pass_time(unsigned *seed) {
  struct timespec t = {0, rand_r(seed) % 30000000};
  nanosleep(&t, NULL);
}

static int64_t check_all_versions(const fixture *f) {
  mlcm_model *model = NULL;
  CHECK_OK(mlcm_model_get(f->reg, "m", &model, err));
  int64_t n = mlcm_model_n_versions(model);
  for (int64_t i = 1; i <= n; i++) {
    char ref[32];
    (void)snprintf(ref, sizeof ref, "m/%lld", (long long)i);
    mlcm_version *v = get_version(f, ref);
    CHECK_OK(mlcm_version_verify(f->reg, v, NULL, err));
    mlcm_version_free(v);
  }
  mlcm_model_free(model);
  return n;
}

START_TEST(collecting_beside_registrations_loses_nothing) {
  fixture f;
  pid_t writers[WRITERS];
  unsigned seed = test_seed(7);
  int rounds = 0;
  mlcm_gc_result rest = {0};
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  set_up(&f);
  for (int i = 0; i < WRITERS; i++)
    if ((writers[i] = spawn()) == 0) register_on(&f, REGISTRATIONS * test_scale());
  for (; rounds < KILLS * test_scale() && test_time_left(); rounds++) {
    pid_t victim = spawn();
    if (victim == 0) register_on(&f, -1);
    pid_t collector = spawn();
    if (collector == 0) collect_on(&f);
    pass_time(&seed);
    stop(victim);
    pass_time(&seed);
    stop(collector);
  }
  for (int i = 0; i < WRITERS; i++) {
    int status = 0;
    ck_assert_int_eq(waitpid(writers[i], &status, 0), writers[i]);
    ck_assert_int_eq(status, 0);
  }
  int64_t n = check_all_versions(&f);
  if (test_scale() == 1) ck_assert_int_ge(n, WRITERS * REGISTRATIONS);
  CHECK_OK(mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  test_clock_set_wall(&f.clock, INT64_C(9000000000) * TEST_SECOND_NS); /* the year 2255 */
  CHECK_OK(mlcm_gc(f.reg, &options, NULL, &rest, err));
  ck_assert_int_eq(rest.kept, CONTENTS);
  printf("%lld versions whole beside %d collections cut off; the last one found %lld to sweep\n", (long long)n, rounds,
         (long long)(rest.trashed + rest.unlinked + rest.tmp_files));
  printf("{\"what\":\"processes killed\",\"n\":%d,\"violations\":0}\n", 2 * rounds);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {collecting_beside_registrations_loses_nothing};
  return TEST_RUN("registry_gc_processes", tests);
}
