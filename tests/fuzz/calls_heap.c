/* SPDX-License-Identifier: Apache-2.0
 *
 * calls_heap.c - memory for SQLite alone, from lists of free blocks by power of two: SQLite is not what is tested, and a sanitizer's
 * malloc under its thousands of small allocations would be most of an input's time. One thread only, as fuzz_calls is.
 */
#include "calls_heap.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 31, SMALLEST = 5, ARENA = 1 << 20 };

/* Before each block; keeps the block aligned to 16. */
typedef union header {
  unsigned class;
  union header *next; /* while it is free */
  long double align;
} header;

static header *free_blocks[CLASSES];
static char *arena, *arena_end;

static unsigned class_of(int size) {
  unsigned class = SMALLEST;
  while (((int64_t)1 << class) < size) class++;
  return class;
}

static header *from_arena(size_t size) {
  if ((size_t)(arena_end - arena) < size) {
    const size_t block = size > ARENA ? size : ARENA;
    arena = malloc(block); /* for ever: blocks are used again by the next input */
    if (!arena) abort();
    arena_end = arena + block;
  }
  header *h = (header *)(void *)arena;
  arena += size;
  return h;
}

static void *heap_malloc(int size) {
  const unsigned class = class_of(size);
  header *h = free_blocks[class];
  if (h) free_blocks[class] = h->next;
  else h = from_arena(sizeof *h + ((size_t)1 << class));
  h->class = class;
  return h + 1;
}

static void heap_free(void *block) {
  if (!block) return;
  header *h = (header *)block - 1;
  const unsigned class = h->class;
  h->next = free_blocks[class];
  free_blocks[class] = h;
}

static int heap_size(void *block) { return block ? 1 << ((header *)block - 1)->class : 0; }

static void *heap_realloc(void *block, int size) {
  if (block && heap_size(block) >= size) return block;
  void *larger = heap_malloc(size);
  if (block) memcpy(larger, block, (size_t)heap_size(block));
  heap_free(block);
  return larger;
}

static int heap_roundup(int size) { return 1 << class_of(size); }

static int heap_init(void *data) {
  (void)data;
  return SQLITE_OK;
}

static void heap_shutdown(void *data) { (void)data; }

void calls_heap_use(void) {
  static const sqlite3_mem_methods methods = {heap_malloc, heap_free, heap_realloc, heap_size, heap_roundup, heap_init, heap_shutdown, NULL};
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK || sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK) abort();
}
