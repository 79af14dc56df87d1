/* SPDX-License-Identifier: Apache-2.0
 *
 * buffer.h - growable bytes with a hard upper bound and a sticky error, so that a writer checks once at its end.
 */
#ifndef MLCM_BASE_BUFFER_H
#define MLCM_BASE_BUFFER_H

#include "context.h"

typedef struct mlcm__buffer {
  mlcm_context *ctx;
  char *data; /* NUL-terminated whenever len > 0 */
  size_t len;
  size_t cap;
  size_t max;      /* appending past it makes the buffer fail with MLCM_LIMIT */
  mlcm_status bad; /* first failure; later appends do nothing */
} mlcm__buffer;

void mlcm__buffer_init(mlcm__buffer *b, mlcm_context *ctx, size_t max_bytes);
void mlcm__buffer_reset(mlcm__buffer *b); /* frees; may be used again */
void mlcm__buffer_clear(mlcm__buffer *b); /* len = 0, keeps memory and clears `bad` */
void mlcm__buffer_append(mlcm__buffer *b, const void *data, size_t len);
void mlcm__buffer_text(mlcm__buffer *b, const char *text);
void mlcm__buffer_char(mlcm__buffer *b, char c);
void mlcm__buffer_format(mlcm__buffer *b, const char *format, ...) MLCM_PRINTF(2, 3);
/* MLCM_OK, or the sticky failure written to err; `what` names the thing being built. */
mlcm_status mlcm__buffer_check(const mlcm__buffer *b, const char *what, mlcm_error *err);
/* Hands the bytes over (NUL-terminated, never NULL on success); the buffer is empty afterwards. Freed with mlcm__free. */
mlcm_status mlcm__buffer_take(mlcm__buffer *b, const char *what, char **out, mlcm_error *err);

#endif
