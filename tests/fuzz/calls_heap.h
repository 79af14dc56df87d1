/* SPDX-License-Identifier: Apache-2.0
 *
 * calls_heap.h - a fast heap for SQLite in fuzz_calls.
 */
#ifndef MLCM_TESTS_FUZZ_CALLS_HEAP_H
#define MLCM_TESTS_FUZZ_CALLS_HEAP_H

/* To be called before SQLite's first use. */
void calls_heap_use(void);

#endif
