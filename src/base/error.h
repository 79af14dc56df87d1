/* SPDX-License-Identifier: Apache-2.0
 *
 * error.h - how a failure is written into the caller's mlcm_error.
 */
#ifndef MLCM_BASE_ERROR_H
#define MLCM_BASE_ERROR_H

#include <mlcm/base.h>

/* Writes code, kind (derived from the code) and message into err when it is not NULL, and returns code, so that a failing
 * function ends with `return mlcm__fail(err, MLCM_NOT_FOUND, "model '%s' does not exist", name);`. */
mlcm_status mlcm__fail(mlcm_error *err, mlcm_status code, const char *format, ...) MLCM_PRINTF(3, 4);

/* The same for a negative or positive errno: picks MLCM_DISK_FULL, MLCM_NOT_FOUND, MLCM_NO_MEMORY or MLCM_IO, sets sys_code and
 * appends ": <strerror text>". */
mlcm_status mlcm__fail_errno(mlcm_error *err, int errnum, const char *format, ...) MLCM_PRINTF(3, 4);

/* Out of memory: needs no memory itself. */
mlcm_status mlcm__fail_memory(mlcm_error *err, size_t size_bytes);

/* Puts a formatted prefix before the message already in err (keeps code, kind, sys_code). No effect when err is NULL. */
void mlcm__error_prefix(mlcm_error *err, const char *format, ...) MLCM_PRINTF(2, 3);

/* Largest length <= max at which text[len] can be cut without splitting a UTF-8 character. */
size_t mlcm__utf8_cut(const char *text, size_t len, size_t max);

#endif
