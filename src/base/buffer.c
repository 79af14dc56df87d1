/* SPDX-License-Identifier: Apache-2.0
 *
 * buffer.c - growable bytes. Invariant: bad == MLCM_OK or the bytes before the failed append are still all there; data has
 * room for len + 1 bytes and data[len] is NUL once anything was appended.
 */
#include "buffer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void mlcm__buffer_init(mlcm__buffer *b, mlcm_context *ctx, size_t max_bytes) {
  *b = (mlcm__buffer){.ctx = ctx, .max = max_bytes};
}

void mlcm__buffer_reset(mlcm__buffer *b) {
  if (b->ctx) mlcm__free(b->ctx, b->data);
  *b = (mlcm__buffer){.ctx = b->ctx, .max = b->max};
}

void mlcm__buffer_clear(mlcm__buffer *b) {
  b->len = 0;
  b->bad = MLCM_OK;
  if (b->data) b->data[0] = 0;
}

/* Room for `more` bytes and the NUL, or a sticky failure. */
static bool make_room(mlcm__buffer *b, size_t more) {
  if (b->bad) return false;
  const size_t max = b->max < SIZE_MAX ? b->max : SIZE_MAX - 1; /* keeps len + 1 from wrapping */
  if (more > max - b->len) {
    b->bad = MLCM_LIMIT;
  } else if (mlcm__reserve(b->ctx, &b->data, &b->cap, b->len + more + 1, 1, NULL)) {
    b->bad = MLCM_NO_MEMORY;
  }
  return b->bad == MLCM_OK;
}

void mlcm__buffer_append(mlcm__buffer *b, const void *data, size_t len) {
  if (!make_room(b, len)) return;
  if (len) memcpy(b->data + b->len, data, len);
  b->len += len;
  b->data[b->len] = 0;
}

void mlcm__buffer_text(mlcm__buffer *b, const char *text) { mlcm__buffer_append(b, text, strlen(text)); }

void mlcm__buffer_char(mlcm__buffer *b, char c) { mlcm__buffer_append(b, &c, 1); }

void mlcm__buffer_format(mlcm__buffer *b, const char *format, ...) {
  if (!make_room(b, 0)) return;
  const size_t room = b->cap - b->len;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  const int n = vsnprintf(b->data + b->len, room, format, args);
  va_end(args);
  b->data[b->len] = 0; /* nothing has been appended until all of it fits */
  if (n < 0) {
    b->bad = MLCM_INTERNAL;
  } else if (make_room(b, (size_t)n)) {
    vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
    b->len += (size_t)n;
  }
  va_end(again);
}

mlcm_status mlcm__buffer_check(const mlcm__buffer *b, const char *what, mlcm_error *err) {
  switch (b->bad) {
  case MLCM_OK: return MLCM_OK;
  case MLCM_LIMIT: return mlcm__fail(err, MLCM_LIMIT, "%s is larger than the limit of %zu bytes", what, b->max);
  case MLCM_NO_MEMORY: return mlcm__fail(err, MLCM_NO_MEMORY, "out of memory while building %s (%zu bytes so far)", what, b->len);
  case MLCM_INVALID_ARGUMENT: return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s would hold text that is not valid UTF-8", what);
  default: return mlcm__fail(err, b->bad, "%s cannot be built (%s)", what, mlcm_status_name(b->bad));
  }
}

mlcm_status mlcm__buffer_take(mlcm__buffer *b, const char *what, char **out, mlcm_error *err) {
  if (!b->data) mlcm__buffer_append(b, "", 0);
  const mlcm_status st = mlcm__buffer_check(b, what, err);
  if (st) return st;
  assert(b->data[b->len] == 0);
  *out = b->data;
  *b = (mlcm__buffer){.ctx = b->ctx, .max = b->max};
  return MLCM_OK;
}
