/* SPDX-License-Identifier: Apache-2.0
 *
 * malloc_fault.h - failing memory also for those who do not ask the context: SQLite, OpenSSL, cJSON, curl, libyaml, the C library.
 *
 *   if (test_malloc_can_fail()) test_fault_malloc(script, check, user, 1);
 *
 * A program that uses this gets a malloc of its own in front of the C library's. Sanitizers have theirs in that place, so in sanitized
 * builds test_malloc_can_fail() is false and nothing is replaced.
 */
#ifndef MLCM_TESTS_SUPPORT_MALLOC_FAULT_H
#define MLCM_TESTS_SUPPORT_MALLOC_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "support/fault.h"

bool test_malloc_can_fail(void);

/* Runs the script (see fault.h) once to warm up what is set up once in a process, then again and again with the calling thread's call
 * number 1, 1 + stride, 1 + 2 * stride ... of malloc, calloc or realloc failing once, until none was due. Each run must answer OK or a
 * status that lack of memory may have inside those libraries (NO_MEMORY, IO, INTERNAL, OUTCOME_UNKNOWN); check (may be NULL) is called
 * after each. Returns the number of calls of the last run. */
size_t test_fault_malloc(test_script script, void (*check)(void *user), void *user, size_t stride);

/* The same for a part of a script: from here on the calling thread's call number n (1-based; 0: none) fails, and all after it when asked.
 * test_malloc_disarm ends it and answers whether one failed. */
void test_malloc_arm(size_t n, bool ever_after);
bool test_malloc_disarm(void);

#endif
