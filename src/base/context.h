/* SPDX-License-Identifier: Apache-2.0
 *
 * context.h - the context's inside: allocation, clock, random and log as the library's own code uses them.
 */
#ifndef MLCM_BASE_CONTEXT_H
#define MLCM_BASE_CONTEXT_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <mlcm/base.h>
#include "error.h"

struct mlcm_context {
  mlcm_allocator allocator;
  mlcm_clock clock;
  mlcm_random random;
  mlcm_log log;
  mlcm_io io;
  atomic_int refs;
};

/* Counted hold on a context: every handle takes one at open and gives it up as the last step of close. */
mlcm_context *mlcm__context_retain(mlcm_context *ctx);
void mlcm__context_release(mlcm_context *ctx);

/* Memory. All answer NULL when there is none. Sizes of zero are served as one byte. */
void *mlcm__alloc(mlcm_context *ctx, size_t size_bytes);
void *mlcm__alloc_zero(mlcm_context *ctx, size_t count, size_t size_bytes); /* NULL on overflow too */
void *mlcm__realloc(mlcm_context *ctx, void *ptr, size_t size_bytes);
void mlcm__free(mlcm_context *ctx, void *ptr);
char *mlcm__strdup(mlcm_context *ctx, const char *text);
char *mlcm__strndup(mlcm_context *ctx, const char *text, size_t len);

/* Makes room for `need` elements of `elem_size` bytes in *array, doubling *cap; the array is unchanged on failure. */
mlcm_status mlcm__reserve(mlcm_context *ctx, void *array_ptr, size_t *cap, size_t need, size_t elem_size, mlcm_error *err);

int64_t mlcm__wall_ns(const mlcm_context *ctx);
int64_t mlcm__mono_ns(const mlcm_context *ctx);
/* The wall clock as cheaply as it comes: the system's is a few milliseconds behind. For marks on a request path. */
int64_t mlcm__wall_coarse_ns(const mlcm_context *ctx);
mlcm_status mlcm__random_bytes(mlcm_context *ctx, void *out, size_t size_bytes, mlcm_error *err);
void mlcm__log(mlcm_context *ctx, int32_t level, const char *format, ...) MLCM_PRINTF(3, 4);

/* Validates a caller's options struct by the rule of mlcm/base.h ("Options") and copies what is known into out (size
 * known_bytes, zeroed first). first_bytes is the size the struct had in its first release. `options` NULL gives all zeros. */
mlcm_status mlcm__options_read(const void *options, size_t first_bytes, void *out, size_t known_bytes, const char *what,
                               mlcm_error *err);

#endif
