/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h - what is UTF-8, and what of it may be shown. Needs nothing but the C library, so that the program can be built with a copy of
 * its own.
 */
#ifndef MLCM_BASE_UTF8_H
#define MLCM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool mlcm__utf8_valid(const char *text, size_t len);    /* strict: no surrogates, no overlong forms */
bool mlcm__text_is_plain(const char *text, size_t len); /* valid UTF-8 without control characters */

#endif
