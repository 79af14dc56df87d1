/* SPDX-License-Identifier: Apache-2.0
 *
 * harmless.h - what mlcm_fsck need not find, each with the reason why. Everything else it must. An entry that is found after all
 * fails the test, so that the list only shrinks; but for reasons that begin with "sometimes", where it depends on the row.
 */
#ifndef MLCM_TESTS_DAMAGE_HARMLESS_H
#define MLCM_TESTS_DAMAGE_HARMLESS_H

#include <sqlite3.h>
#include <stdbool.h>

/* Why damage of this kind to the row of `table` that `where` selects is harmless; NULL when it is not. `column` "": the row.
 * `good`: the database before. */
const char *harmless_row(sqlite3 *good, const char *table, const char *column, const char *kind, const char *where);

/* The same for a file or folder, by its path below the registry's folder. */
const char *harmless_file(const char *path, bool holds_objects, const char *kind);

#endif
