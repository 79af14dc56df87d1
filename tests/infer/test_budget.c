/* SPDX-License-Identifier: Apache-2.0
 *
 * test_budget.c - a budget counts what is allocated through it, from any thread, and says when it was the one to refuse.
 */
#include <pthread.h>
#include <string.h>

#include "infer/budget.h"
#include "support/fault.h"
#include "support/suite.h"

static mlcm_error err;

START_TEST(what_is_freed_can_be_had_again) {
  mlcm_context *parent = test_context(NULL, NULL, NULL);
  mlcm__budget *b = NULL;
  ck_assert_int_eq(mlcm__budget_open(parent, 1 << 20, &b, &err), MLCM_OK);
  mlcm_context *ctx = mlcm__budget_context(b);
  for (int i = 0; i < 100; i++) {
    char *half = mlcm__alloc(ctx, 1 << 19);
    ck_assert_ptr_nonnull(half);
    ck_assert_ptr_null(mlcm__alloc(ctx, 1 << 19)); /* the heads, and the context's own, are counted too */
    mlcm__free(ctx, half);
  }
  mlcm__budget_close(b);
  mlcm_context_free(parent);
}
END_TEST

START_TEST(growing_keeps_the_bytes_and_a_refusal_keeps_the_block) {
  mlcm_context *parent = test_context(NULL, NULL, NULL);
  mlcm__budget *b = NULL;
  ck_assert_int_eq(mlcm__budget_open(parent, 1 << 16, &b, &err), MLCM_OK);
  mlcm_context *ctx = mlcm__budget_context(b);
  char *text = mlcm__realloc(ctx, NULL, 6);
  memcpy(text, "kept!", 6);
  text = mlcm__realloc(ctx, text, 1000);
  ck_assert_str_eq(text, "kept!");
  ck_assert_ptr_null(mlcm__realloc(ctx, text, 1 << 17));
  ck_assert_str_eq(text, "kept!");
  text = mlcm__realloc(ctx, text, 3);
  ck_assert_mem_eq(text, "kep", 3);
  mlcm__free(ctx, text);
  mlcm__budget_close(b);
  mlcm_context_free(parent);
}
END_TEST

START_TEST(only_its_own_refusals_are_explained) {
  test_memory memory;
  test_memory_init(&memory);
  mlcm_allocator table = test_memory_table(&memory);
  mlcm_context *parent = test_context(&table, NULL, NULL);
  mlcm__budget *b = NULL;
  ck_assert_int_eq(mlcm__budget_open(parent, 1 << 16, &b, &err), MLCM_OK);
  ck_assert_int_eq(mlcm__budget_explain(b, MLCM_NO_MEMORY, &err), MLCM_NO_MEMORY);
  ck_assert_ptr_null(mlcm__alloc(mlcm__budget_context(b), 1 << 17));
  ck_assert_int_eq(mlcm__budget_explain(b, MLCM_IO, &err), MLCM_IO);
  ck_assert_int_eq(mlcm__budget_explain(b, MLCM_NO_MEMORY, &err), MLCM_LIMIT);
  ck_assert_str_eq(err.message, "the session would need more than its limit of 65536 bytes (max_session_bytes)");
  ck_assert_int_eq(mlcm__budget_explain(b, MLCM_NO_MEMORY, &err), MLCM_LIMIT); /* a second thread that was refused beside it */
  memory.fail_at = memory.n_calls + 1;
  ck_assert_ptr_null(mlcm__alloc(mlcm__budget_context(b), 1));
  ck_assert_int_eq(mlcm__budget_explain(b, MLCM_NO_MEMORY, &err), MLCM_NO_MEMORY);
  mlcm__budget_close(b);
  mlcm_context_free(parent);
}
END_TEST

/* Takes and gives blocks of all sizes; some are refused. */
static void *churn(void *user) {
  mlcm_context *ctx = user;
  char *held[8] = {0};
  for (unsigned i = 0; i < 4000; i++) {
    size_t size = 1 + i * 37 % 9000;
    mlcm__free(ctx, held[i % 8]);
    held[i % 8] = mlcm__alloc(ctx, size);
    if (held[i % 8] != NULL) memset(held[i % 8], (int)i, size);
  }
  for (size_t i = 0; i < 8; i++) mlcm__free(ctx, held[i]);
  return NULL;
}

START_TEST(many_threads_share_one_budget) {
  enum { N = 4, LIMIT = 1 << 17 };
  test_memory memory;
  test_memory_init(&memory);
  mlcm_allocator table = test_memory_table(&memory);
  mlcm_context *parent = test_context(&table, NULL, NULL);
  size_t before = memory.live_bytes;
  mlcm__budget *b = NULL;
  pthread_t threads[N];
  ck_assert_int_eq(mlcm__budget_open(parent, LIMIT, &b, &err), MLCM_OK);
  for (int i = 0; i < N; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, mlcm__budget_context(b)), 0);
  for (int i = 0; i < N; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  ck_assert_uint_lt(memory.peak_bytes, before + LIMIT + 1024); /* and the budget's own description */
  mlcm__budget_close(b);
  ck_assert_uint_eq(memory.live_bytes, before);
  mlcm_context_free(parent);
  test_memory_check_empty(&memory, "at the end");
}
END_TEST

int main(void) {
  const TTest *tests[] = {what_is_freed_can_be_had_again, growing_keeps_the_bytes_and_a_refusal_keeps_the_block,
                          only_its_own_refusals_are_explained, many_threads_share_one_budget};
  return TEST_RUN("infer_budget", tests);
}
