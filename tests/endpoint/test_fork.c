/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fork.c - a process is forked while the endpoint's thread waits for its next round: the child can close the handle.
 */
#include "fixture.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/asleep.h"
#include "support/child.h"

/* The thread of this name; 0: none. */
static pid_t find_thread(const char *name) {
  DIR *tasks = opendir("/proc/self/task");
  pid_t found = 0;
  for (struct dirent *task = readdir(tasks); task && !found; task = readdir(tasks)) {
    char path[300], text[32] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
    FILE *comm = fopen(path, "r");
    if (!comm) continue;
    if (fgets(text, sizeof text, comm) && strncmp(text, name, strlen(name)) == 0) found = (pid_t)strtol(task->d_name, NULL, 10);
    (void)fclose(comm);
  }
  (void)closedir(tasks);
  return found;
}

START_TEST(a_child_closes_an_endpoint_whose_thread_waits) {
  fixture f;
  int how = 0;
  set_up(&f);
  add_digits(&f, 1);
  mlcm_endpoint *ep = open_endpoint(&f, "digits", MLCM_ENDPOINT_NO_ENGINE); /* with its thread */
  pid_t thread = find_thread("mlcm:digits");
  ck_assert_int_gt(thread, 0);
  test_wait_until_asleep(thread);
  const pid_t child = fork();
  if (child == 0) {
    (void)alarm(60);
    mlcm_endpoint_close(ep);
    test_child_exit(0);
  }
  ck_assert_int_eq(waitpid(child, &how, 0), child);
  ck_assert_int_eq(how, 0);
  mlcm_endpoint_close(ep);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_child_closes_an_endpoint_whose_thread_waits};
  return TEST_RUN("endpoint_fork", tests);
}
