/* SPDX-License-Identifier: Apache-2.0
 *
 * call_site.h - the different ways in which code comes to a call, told apart by the stack.
 *
 * A long script makes thousands of calls that may fail, and most of them by the same few hundred ways. A fault loop that lets each
 * way fail once, the first time it is gone, sees every error path that call numbers would, in as many runs as there are ways:
 *
 *   test_sites sites = {0};
 *   do {
 *     memory.sites = &sites; // a run: the first call by a way that no run before it took fails
 *     ...
 *   } while (memory.fired);
 *
 * Not for scripts with threads.
 */
#ifndef MLCM_TESTS_SUPPORT_CALL_SITE_H
#define MLCM_TESTS_SUPPORT_CALL_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEST_SITES_MAX = 1 << 14 };

/* Zeros: none seen yet. */
typedef struct test_sites {
  uint64_t seen[TEST_SITES_MAX]; /* hashes of stacks, open addressing; 0: free */
  size_t n;
} test_sites;

/* Whether the stack of the caller, together with `what` (e.g. the text of a statement), was not seen before. It is now. */
bool test_site_is_new(test_sites *sites, const char *what);

#endif
