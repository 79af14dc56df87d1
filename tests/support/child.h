/* SPDX-License-Identifier: Apache-2.0
 *
 * child.h - how a forked child ends: at once, without what its parent has registered to run at the end, but with the counts of a
 * coverage build.
 */
#ifndef MLCM_TESTS_SUPPORT_CHILD_H
#define MLCM_TESTS_SUPPORT_CHILD_H

#include <unistd.h>

extern void __gcov_dump(void) __attribute__((weak)); /* there in a coverage build only */

static inline _Noreturn void test_child_exit(int code) {
  if (__gcov_dump) __gcov_dump();
  _exit(code);
}

#endif
