/* SPDX-License-Identifier: Apache-2.0
 *
 * compare.h - what a check or a repair left of a damaged registry: row by row and byte by byte.
 */
#ifndef MLCM_TESTS_DAMAGE_COMPARE_H
#define MLCM_TESTS_DAMAGE_COMPARE_H

#include "damage/scene.h"

/* s->work as it is at this moment: a list of its files, and a copy of its database. */
typedef struct remains remains;

remains *remains_take(const scene *s);
void remains_free(remains *r);

/* Whether s->work is as it was, byte by byte. */
bool remains_are_the_same(const remains *r, const scene *s);

/* The rules of a repair. A row or file that was good (as in s->good) is as it was. A row that was neither in s->good nor in the
 * damaged registry belongs to the record of the repair. `sound`: nothing is said to be damaged any more, so that all rows of
 * s->good must be there. `false`: one is broken, and `why` says what. */
bool remains_hold(const remains *r, const scene *s, bool sound, char *why, size_t why_bytes);

/* Whether both databases have the same tables, indexes, triggers, rows and numbers in their headers. */
bool databases_are_equal(const char *one, const char *other);

#endif
