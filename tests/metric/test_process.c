/* SPDX-License-Identifier: Apache-2.0
 *
 * test_process.c - who is alive.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metric/process.h"
#include "support/fault.h"
#include "support/suite.h"

START_TEST(this_process_knows_itself_and_lives) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__process self;
  ck_assert_int_eq(mlcm__process_self(ctx, &self, NULL), MLCM_OK);
  ck_assert_int_eq(self.pid, getpid());
  ck_assert_uint_eq(strlen(self.boot_id), MLCM__BOOT_ID_CHARS);
  ck_assert(mlcm__process_alive(ctx, &self));
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(another_boot_or_start_time_is_another_process) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__process self;
  ck_assert_int_eq(mlcm__process_self(ctx, &self, NULL), MLCM_OK);
  mlcm__process other = self;
  other.start_ticks++;
  ck_assert(!mlcm__process_alive(ctx, &other));
  other = self;
  other.boot_id[0] = other.boot_id[0] == '0' ? '1' : '0';
  ck_assert(!mlcm__process_alive(ctx, &other));
  other = self;
  other.pid = INT64_C(1) << 32; /* out of a file's name: as a pid_t it would be 0, the caller's own group */
  ck_assert(!mlcm__process_alive(ctx, &other));
  other.pid = -1;
  ck_assert(!mlcm__process_alive(ctx, &other));
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_killed_process_is_dead_before_and_after_it_is_reaped) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__process child;
  int ready[2];
  ck_assert_int_eq(pipe(ready), 0);
  const pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    mlcm__process self;
    if (mlcm__process_self(ctx, &self, NULL) || write(ready[1], &self, sizeof self) != (ssize_t)sizeof self) _exit(1);
    for (;;) pause();
  }
  ck_assert_int_eq(read(ready[0], &child, sizeof child), (ssize_t)sizeof child);
  ck_assert_int_eq(child.pid, pid);
  ck_assert(mlcm__process_alive(ctx, &child));
  siginfo_t info;
  kill(pid, SIGKILL);
  ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
  ck_assert(!mlcm__process_alive(ctx, &child)); /* a zombie */
  ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
  ck_assert(!mlcm__process_alive(ctx, &child));
  close(ready[0]);
  close(ready[1]);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status is_alive(mlcm_context *ctx, void *user, mlcm_error *err) {
  return mlcm__process_alive(ctx, user) ? MLCM_OK : mlcm__fail(err, MLCM_INTERNAL, "taken for dead");
}

/* Whoever runs out of descriptors must not take the others for dead: it would take their lease, and remove their counters. */
START_TEST(a_process_that_cannot_be_looked_at_is_not_dead) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__process self;
  ck_assert_int_eq(mlcm__process_self(ctx, &self, NULL), MLCM_OK);
  ck_assert_uint_ge(test_fault_io(is_alive, NULL, &self), 6);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(stat_is_read_behind_the_last_bracket) {
  uint64_t start = 0;
  char state = 0;
  const char *const good = "77 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
  ck_assert(mlcm__process_parse_stat(good, &start, &state));
  ck_assert_uint_eq(start, 4242);
  ck_assert_int_eq(state, 'S');
  const char *const bad[] = {"", "77", "77 (a) S", "77 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18", "77 (a) S x"};
  for (size_t i = 0; i < 5; i++) ck_assert(!mlcm__process_parse_stat(bad[i], &start, &state));
}
END_TEST

static mlcm_status who(mlcm_context *ctx, void *user, mlcm_error *err) { return mlcm__process_self(ctx, user, err); }

START_TEST(without_proc_it_is_an_error) {
  mlcm__process self;
  ck_assert_uint_ge(test_fault_io(who, NULL, &self), 6);
}
END_TEST

/* A /proc of the test's own: what each file holds. */
typedef struct odd_proc {
  mlcm_io real;
  const char *boot_id, *stat; /* NULL: as it is; "" ends at once */
  const char *now;            /* what the open file holds */
  int interrupted;
} odd_proc;

static int odd_open(void *user, const char *path, int flags, uint32_t mode) {
  odd_proc *p = user;
  p->now = strstr(path, "boot_id") ? p->boot_id : p->stat;
  return p->real.open(p->real.user, path, flags, mode);
}

static int64_t odd_read(void *user, int fd, void *out, size_t size_bytes) {
  odd_proc *p = user;
  if (p->interrupted++ % 2 == 0) return -EINTR;
  if (!p->now) return p->real.read(p->real.user, fd, out, size_bytes);
  size_t n = strlen(p->now) < size_bytes ? strlen(p->now) : size_bytes;
  memcpy(out, p->now, n);
  p->now += n;
  return (int64_t)n;
}

START_TEST(what_proc_says_is_read_with_care) {
  static char huge[4000];
  odd_proc odd = {0};
  mlcm_io io;
  mlcm__process self;
  mlcm_error err;
  memset(huge, 'x', sizeof huge - 1);
  mlcm_io_default(&odd.real);
  mlcm_io_default(&io);
  io.user = &odd;
  io.open = odd_open;
  io.read = odd_read;
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  ck_assert_int_eq(mlcm__process_self(ctx, &self, &err), MLCM_OK); /* interrupted at every other call */
  odd.boot_id = "0123-zz~ab";
  ck_assert_int_eq(mlcm__process_self(ctx, &self, &err), MLCM_IO);
  ck_assert_ptr_nonnull(strstr(err.message, "found 6 hexadecimal digits"));
  odd.boot_id = NULL;
  odd.stat = "nonsense";
  ck_assert_int_eq(mlcm__process_self(ctx, &self, &err), MLCM_IO);
  odd.stat = huge; /* more than is read */
  ck_assert_int_eq(mlcm__process_self(ctx, &self, &err), MLCM_IO);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {this_process_knows_itself_and_lives, another_boot_or_start_time_is_another_process,
                          a_killed_process_is_dead_before_and_after_it_is_reaped, stat_is_read_behind_the_last_bracket,
                          a_process_that_cannot_be_looked_at_is_not_dead, without_proc_it_is_an_error,
                          what_proc_says_is_read_with_care};
  return TEST_RUN("metric_process", tests);
}
