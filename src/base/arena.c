/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c - blocks that double up to a bound; a piece larger than half a block gets a block of its own.
 *
 * Invariant: `at` and `left` describe the free end of one of the blocks; at is aligned to 16.
 */
#include "arena.h"

#include <assert.h>
#include <string.h>

enum { ALIGN = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

struct mlcm__arena_block {
  mlcm__arena_block *next;
  size_t size_bytes;
};

enum { HEAD = (sizeof(mlcm__arena_block) + ALIGN - 1) / ALIGN * ALIGN };

void mlcm__arena_init(mlcm__arena *arena, mlcm_context *ctx) {
  memset(arena, 0, sizeof *arena);
  arena->ctx = ctx;
}

void mlcm__arena_reset(mlcm__arena *arena) {
  while (arena->blocks != NULL) {
    mlcm__arena_block *next = arena->blocks->next;
    mlcm__free(arena->ctx, arena->blocks);
    arena->blocks = next;
  }
  arena->at = NULL;
  arena->left = 0;
}

static mlcm__arena_block *add_block(mlcm__arena *arena, size_t size_bytes) {
  mlcm__arena_block *block = mlcm__alloc(arena->ctx, HEAD + size_bytes);
  if (block == NULL) return NULL;
  block->next = arena->blocks;
  block->size_bytes = size_bytes;
  arena->blocks = block;
  return block;
}

static size_t next_block_bytes(const mlcm__arena *arena) {
  size_t last = arena->blocks != NULL ? arena->blocks->size_bytes : FIRST_BLOCK / 2;
  assert(last >= FIRST_BLOCK / 2); /* also a block for one large piece */
  return last >= LARGEST_BLOCK / 2 ? LARGEST_BLOCK : last * 2;
}

void *mlcm__arena_alloc(mlcm__arena *arena, size_t count, size_t size_bytes) {
  size_t need = 0;
  if (__builtin_mul_overflow(count, size_bytes, &need) || need > SIZE_MAX / 2) return NULL;
  need = (need == 0 ? 1 : need) + (ALIGN - 1);
  need -= need % ALIGN;
  if (need > arena->left) {
    size_t usual = next_block_bytes(arena);
    mlcm__arena_block *block = add_block(arena, need > usual / 2 ? need : usual);
    if (block == NULL) return NULL;
    if (need > usual / 2) return memset((char *)block + HEAD, 0, need); /* of its own: the free end stays in use */
    arena->at = (char *)block + HEAD;
    arena->left = usual;
  }
  void *piece = arena->at;
  arena->at += need;
  arena->left -= need;
  return memset(piece, 0, need);
}

char *mlcm__arena_strndup(mlcm__arena *arena, const char *text, size_t len) {
  if (len == SIZE_MAX) return NULL;
  char *copy = mlcm__arena_alloc(arena, len + 1, 1);
  if (copy != NULL && len > 0) memcpy(copy, text, len);
  return copy;
}
