/* SPDX-License-Identifier: Apache-2.0
 *
 * nearest.h - the nearest spelling, for "did you mean". Needs nothing but the C library, so that the program can be built with a copy
 * of its own.
 */
#ifndef MLCM_BASE_NEAREST_H
#define MLCM_BASE_NEAREST_H

#include <stddef.h>

/* The candidate nearest to `text` by edit distance with transpositions, or NULL when none is near (distance > 1 + len/4). */
const char *mlcm__nearest(const char *text, const char *const *candidates, size_t n);

#endif
