/* SPDX-License-Identifier: Apache-2.0
 *
 * suite.h - a test program in three lines:
 *
 *   int main(void) {
 *     const TTest *tests[] = {one_fact, another_fact};
 *     return TEST_RUN("room_thing", tests);
 *   }
 */
#ifndef MLCM_TESTS_SUPPORT_SUITE_H
#define MLCM_TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stddef.h>

#define TEST_RUN(name, tests) test_run(name, tests, sizeof(tests) / sizeof((tests)[0]))

/* Runs them in order and returns main's exit status. */
int test_run(const char *name, const TTest *const *tests, size_t n);

#endif
