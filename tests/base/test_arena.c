/* SPDX-License-Identifier: Apache-2.0
 *
 * test_arena.c - pieces are zeroed, aligned, apart, and gone together.
 */
#include <string.h>

#include "base/arena.h"
#include "support/fault.h"
#include "support/suite.h"

/* In one assertion: Check keeps a record of each. */
static size_t count_other_bytes(const char *piece, size_t size, char expected) {
  size_t n = 0;
  for (size_t i = 0; i < size; i++) n += piece[i] != expected;
  return n;
}

START_TEST(pieces_are_zeroed_aligned_and_apart) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__arena arena;
  char *pieces[500];
  mlcm__arena_init(&arena, ctx);
  for (size_t i = 0; i < 500; i++) {
    size_t size = i * 37 % 9000;
    pieces[i] = mlcm__arena_alloc(&arena, size, 1);
    ck_assert_ptr_nonnull(pieces[i]);
    ck_assert_uint_eq((uintptr_t)pieces[i] % 16, 0);
    ck_assert_uint_eq(count_other_bytes(pieces[i], size, 0), 0);
    memset(pieces[i], (int)(i & 0x7f), size);
  }
  for (size_t i = 0; i < 500; i++) ck_assert_uint_eq(count_other_bytes(pieces[i], i * 37 % 9000, (char)(i & 0x7f)), 0);
  mlcm__arena_reset(&arena);
  ck_assert_ptr_nonnull(mlcm__arena_alloc(&arena, 1, 1));
  mlcm__arena_reset(&arena);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_product_that_overflows_gives_null) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__arena arena;
  mlcm__arena_init(&arena, ctx);
  ck_assert_ptr_null(mlcm__arena_alloc(&arena, SIZE_MAX / 2, 3));
  ck_assert_ptr_null(mlcm__arena_alloc(&arena, SIZE_MAX, 1));
  ck_assert_ptr_nonnull(mlcm__arena_alloc(&arena, 8, 0));
  ck_assert_ptr_null(mlcm__arena_strndup(&arena, "", SIZE_MAX));
  ck_assert_ptr_nonnull(mlcm__arena_alloc(&arena, 0, 8));
  ck_assert_str_eq(mlcm__arena_strndup(&arena, "words", 4), "word");
  mlcm__arena_reset(&arena);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status script(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__arena arena;
  mlcm_status st = MLCM_OK;
  (void)user;
  mlcm__arena_init(&arena, ctx);
  for (size_t size = 1; !st && size < 100000; size *= 3)
    if (mlcm__arena_alloc(&arena, size, 1) == NULL) st = mlcm__fail_memory(err, size);
  mlcm__arena_reset(&arena);
  return st;
}

START_TEST(no_memory_leaks_nothing) { ck_assert_uint_gt(test_fault_memory(script, NULL, NULL), 2); }
END_TEST

int main(void) {
  const TTest *tests[] = {pieces_are_zeroed_aligned_and_apart, a_product_that_overflows_gives_null, no_memory_leaks_nothing};
  return TEST_RUN("base_arena", tests);
}
