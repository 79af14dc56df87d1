/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - many small pieces of memory that live and die together.
 *
 * Owns the blocks it got from the context. One thread at a time. Pieces are never moved and never freed alone.
 */
#ifndef MLCM_BASE_ARENA_H
#define MLCM_BASE_ARENA_H

#include "context.h"

typedef struct mlcm__arena_block mlcm__arena_block;

typedef struct mlcm__arena {
  mlcm_context *ctx;
  mlcm__arena_block *blocks; /* newest first */
  size_t left;               /* bytes free at the end of the newest block */
  char *at;
} mlcm__arena;

void mlcm__arena_init(mlcm__arena *arena, mlcm_context *ctx);
void mlcm__arena_reset(mlcm__arena *arena); /* frees all; may be used again */

/* count * size_bytes bytes, zeroed, aligned to 16; count 0 is served as one byte. NULL for lack of memory or overflow. */
void *mlcm__arena_alloc(mlcm__arena *arena, size_t count, size_t size_bytes);
/* A NUL-terminated copy. NULL for lack of memory. */
char *mlcm__arena_strndup(mlcm__arena *arena, const char *text, size_t len);

#endif
