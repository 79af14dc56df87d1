/* SPDX-License-Identifier: Apache-2.0
 *
 * child.h - how a forked child ends: at once, without what its parent has registered to run at the end, but with the counts of a
 * coverage build.
 */
#ifndef MLCM_TESTS_SUPPORT_CHILD_H
#define MLCM_TESTS_SUPPORT_CHILD_H

#include <unistd.h>

#ifdef MLCM_COVERAGE
void __gcov_dump(void);
#else
static inline void __gcov_dump(void) {}
#endif

static inline _Noreturn void test_child_exit(int code) {
  __gcov_dump();
  _exit(code);
}

#endif
