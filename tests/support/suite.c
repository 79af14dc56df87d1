/* SPDX-License-Identifier: Apache-2.0
 *
 * suite.c - the runner of a test program.
 */
#include "suite.h"

#include <stdlib.h>

enum { SECONDS_A_TEST = 120 }; /* only holds where Check forks */

int test_run(const char *name, const TTest *const *tests, size_t n) {
  Suite *suite = suite_create(name);
  TCase *all = tcase_create("all");
  tcase_set_timeout(all, SECONDS_A_TEST);
  for (size_t i = 0; i < n; i++) tcase_add_test(all, tests[i]);
  suite_add_tcase(suite, all);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int n_failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
