/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_fault.h - failing SQL statements: call n of prepare, step, exec, checkpoint or of a copy's step answers with an error
 * of SQLite's.
 *
 *   test_statement_arm(SQLITE_BUSY, false, n, false);
 *   mlcm_status st = ...;
 *   bool came = test_statement_disarm();
 *
 * The linker puts these in front of SQLite's functions (--wrap) in the programs that include this header; the product knows
 * nothing of it, and calls that SQLite makes to itself are not seen. BEGIN, COMMIT and ROLLBACK are statements like all others.
 */
#ifndef MLCM_TESTS_SUPPORT_STATEMENT_FAULT_H
#define MLCM_TESTS_SUPPORT_STATEMENT_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "support/call_site.h"

/* From here on the calling thread's call number n (1-based; 0: none) answers `rc` instead of doing its work, and all after it
 * when asked. `rolls_back`: the transaction is rolled back then, as SQLite does by itself for want of memory, of space or of a
 * disk that works. */
void test_statement_arm(int rc, bool rolls_back, size_t n, bool ever_after);
/* Counts only calls whose SQL has `text` in it, until the end; call it after arming. */
void test_statement_only(const char *text);
/* Instead of call n, the first by a way not among these fails; call it after arming with n = 0. */
void test_statement_sites(test_sites *sites);
/* Ends it and answers whether one failed. */
bool test_statement_disarm(void);
/* What the first that failed was to do: its SQL, or the name of the call; "" before. */
const char *test_statement_failed(void);

#endif
