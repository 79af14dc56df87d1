/* SPDX-License-Identifier: Apache-2.0
 *
 * temp_dir.h - scratch folders of tests.
 *
 *   char *dir = test_temp_dir();            // a fresh, empty folder under $TMPDIR or /tmp
 *   char *file = test_path(dir, "a.onnx");  // dir/a.onnx
 *   test_write_file(file, "bytes", 5);
 *   free(file);
 *   test_temp_dir_remove(dir);              // with all that is in it; frees `dir`
 */
#ifndef MLCM_TESTS_SUPPORT_TEMP_DIR_H
#define MLCM_TESTS_SUPPORT_TEMP_DIR_H

#include <stdbool.h>
#include <stddef.h>

/* All of these fail the running test (Check) when the system says no. What they return is freed with free(). */
char *test_temp_dir(void);
void test_temp_dir_remove(char *dir);
char *test_path(const char *dir, const char *name);
void test_write_file(const char *path, const void *data, size_t len);
/* NUL-terminated beyond *len; len may be NULL. */
char *test_read_file(const char *path, size_t *len);
bool test_exists(const char *path); /* NULL: no */
/* Entries of a folder without "." and "..". */
size_t test_count_entries(const char *dir);

#endif
