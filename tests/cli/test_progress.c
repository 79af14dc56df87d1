/* SPDX-License-Identifier: Apache-2.0
 *
 * test_progress.c - the progress bar, on a terminal that is a file in memory.
 */
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

/* What a bar shows of work that began a second ago. The answer lives until the next one. */
static const char *shown(const char *unit, int64_t done, int64_t total) {
  static char *screen;
  size_t size;
  cli c = {.msg = {.tty = true, .redraw = true}};
  cli_progress progress;
  free(screen);
  c.msg.file = open_memstream(&screen, &size);
  ck_assert_ptr_nonnull(c.msg.file);
  mlcm_progress told = cli_progress_start(&c, &progress, "reading", unit);
  ck_assert_int_eq(told.report(told.user, done, total), 0);
  ck_assert_msg(ftell(c.msg.file) == 0, "short work shows something");
  progress.started_ns -= 1000000000;
  ck_assert_int_eq(told.report(told.user, done, total), 0);
  ck_assert_int_eq(fclose(c.msg.file), 0);
  return screen;
}

START_TEST(a_bar_shows_the_share_the_speed_and_the_time_left) {
  const char *text = shown(NULL, 512, 1024);
  ck_assert_msg(strstr(text, "\r\033[Kreading ############------------  50 %  512 bytes of 1.0 KiB") == text, "%s", text);
}
END_TEST

START_TEST(nothing_done_yet_says_no_time_left) {
  const char *text = shown(NULL, 0, 1024);
  ck_assert_msg(strcmp(text, "\r\033[Kreading ------------------------   0 %  0 bytes of 1.0 KiB  0 bytes/s") == 0, "%s", text);
}
END_TEST

START_TEST(work_of_unknown_size_counts_up) {
  const char *text = shown("object", 3, -1);
  ck_assert_msg(strstr(text, "\r\033[Kreading 3 objects  ") == text && strstr(text, " objects/s") != NULL, "%s", text);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_bar_shows_the_share_the_speed_and_the_time_left, nothing_done_yet_says_no_time_left,
                          work_of_unknown_size_counts_up};
  return TEST_RUN("cli_progress", tests);
}
