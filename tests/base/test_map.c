/* SPDX-License-Identifier: Apache-2.0
 *
 * test_map.c - the hash table against a plain list as model, and its behaviour without memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "support/fault.h"
#include "support/suite.h"

static int values[4];

static mlcm__map *fresh(mlcm_context **ctx) {
  mlcm__map *map = NULL;
  *ctx = test_context(NULL, NULL, NULL);
  ck_assert_int_eq(mlcm__map_new(*ctx, &map, NULL), MLCM_OK);
  return map;
}

START_TEST(an_empty_map_finds_nothing) {
  mlcm_context *ctx = NULL;
  mlcm__map *map = fresh(&ctx);
  size_t cursor = 0;
  ck_assert_uint_eq(mlcm__map_count(map), 0);
  ck_assert_ptr_null(mlcm__map_get(map, "a", 1));
  ck_assert_ptr_null(mlcm__map_remove(map, "a", 1));
  ck_assert(!mlcm__map_next(map, &cursor, NULL, NULL, NULL));
  mlcm__map_free(map);
  mlcm__map_free(NULL);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_key_is_bytes_with_a_length) {
  mlcm_context *ctx = NULL;
  mlcm__map *map = fresh(&ctx);
  ck_assert_int_eq(mlcm__map_set(map, "a\0b", 3, &values[0], NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__map_set(map, "a", 1, &values[1], NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__map_set(map, NULL, 0, &values[2], NULL), MLCM_OK);
  ck_assert_ptr_eq(mlcm__map_get(map, "a\0b", 3), &values[0]);
  ck_assert_ptr_eq(mlcm__map_get(map, "a", 1), &values[1]);
  ck_assert_ptr_eq(mlcm__map_get(map, "", 0), &values[2]);
  ck_assert_ptr_null(mlcm__map_get(map, "a\0c", 3));
  ck_assert_uint_eq(mlcm__map_count(map), 3);
  mlcm__map_free(map);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(setting_again_replaces_the_value) {
  mlcm_context *ctx = NULL;
  mlcm__map *map = fresh(&ctx);
  ck_assert_int_eq(mlcm__map_set(map, "k", 1, &values[0], NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__map_set(map, "k", 1, &values[1], NULL), MLCM_OK);
  ck_assert_ptr_eq(mlcm__map_get(map, "k", 1), &values[1]);
  ck_assert_uint_eq(mlcm__map_count(map), 1);
  mlcm__map_free(map);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(keys_are_copied) {
  mlcm_context *ctx = NULL;
  mlcm__map *map = fresh(&ctx);
  char key[] = "key";
  ck_assert_int_eq(mlcm__map_set(map, key, 3, &values[0], NULL), MLCM_OK);
  key[0] = 'x';
  ck_assert_ptr_eq(mlcm__map_get(map, "key", 3), &values[0]);
  mlcm__map_free(map);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(iteration_is_in_order_of_insertion) {
  mlcm_context *ctx = NULL;
  mlcm__map *map = fresh(&ctx);
  char key[16];
  for (int i = 0; i < 1000; i++) {
    snprintf(key, sizeof key, "k%d", i * 7919 % 1000);
    ck_assert_int_eq(mlcm__map_set(map, key, strlen(key), &values[0], NULL), MLCM_OK);
  }
  for (int i = 0; i < 1000; i += 2) {
    snprintf(key, sizeof key, "k%d", i * 7919 % 1000);
    ck_assert_ptr_eq(mlcm__map_remove(map, key, strlen(key)), &values[0]);
  }
  size_t cursor = 0, len = 0;
  const char *found = NULL;
  void *value = NULL;
  for (int i = 1; i < 1000; i += 2) {
    snprintf(key, sizeof key, "k%d", i * 7919 % 1000);
    ck_assert(mlcm__map_next(map, &cursor, &found, &len, &value));
    ck_assert_str_eq(found, key);
    ck_assert_uint_eq(len, strlen(key));
  }
  ck_assert(!mlcm__map_next(map, &cursor, &found, &len, &value));
  mlcm__map_free(map);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(removing_while_iterating_is_safe) {
  mlcm_context *ctx = NULL;
  mlcm__map *map = fresh(&ctx);
  char key[16];
  for (int i = 0; i < 100; i++) {
    snprintf(key, sizeof key, "%d", i);
    ck_assert_int_eq(mlcm__map_set(map, key, strlen(key), &values[0], NULL), MLCM_OK);
  }
  size_t cursor = 0, len = 0, n = 0;
  const char *found = NULL;
  while (mlcm__map_next(map, &cursor, &found, &len, NULL)) {
    memcpy(key, found, len);
    mlcm__map_remove(map, key, len);
    n++;
  }
  ck_assert_uint_eq(n, 100);
  ck_assert_uint_eq(mlcm__map_count(map), 0);
  mlcm__map_free(map);
  mlcm_context_free(ctx);
}
END_TEST

/* Random sets and removes of 500 keys, compared with an array of what should be there. */
START_TEST(agrees_with_a_model_under_random_operations) {
  enum { N_KEYS = 500, N_STEPS = 100000 };
  static int marks[N_KEYS];
  void *model[N_KEYS] = {NULL};
  mlcm_context *ctx = NULL;
  mlcm__map *map = fresh(&ctx);
  uint64_t state = 42;
  size_t live = 0;
  for (int i = 0; i < N_STEPS; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const size_t k = (size_t)(state >> 33) % N_KEYS;
    if (state >> 60 < 9) {
      live += model[k] == NULL;
      model[k] = &marks[state >> 20 & 255];
      ck_assert_int_eq(mlcm__map_set(map, &k, sizeof k, model[k], NULL), MLCM_OK);
    } else {
      live -= model[k] != NULL;
      ck_assert_ptr_eq(mlcm__map_remove(map, &k, sizeof k), model[k]);
      model[k] = NULL;
    }
    ck_assert_uint_eq(mlcm__map_count(map), live);
  }
  for (size_t k = 0; k < N_KEYS; k++) ck_assert_ptr_eq(mlcm__map_get(map, &k, sizeof k), model[k]);
  mlcm__map_free(map);
  mlcm_context_free(ctx);
}
END_TEST

static int no_entropy(void *user, void *out, size_t size_bytes) {
  (void)user, (void)out, (void)size_bytes;
  return EIO;
}

START_TEST(without_random_bytes_there_is_no_map) {
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  mlcm_context *ctx = NULL;
  mlcm__map *map = NULL;
  options.random.fill = no_entropy;
  ck_assert_int_eq(mlcm_context_new(&options, &ctx, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__map_new(ctx, &map, NULL), MLCM_IO);
  ck_assert_ptr_null(map);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status fill(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__map *map = NULL;
  mlcm_status st = mlcm__map_new(ctx, &map, err);
  size_t n = 0;
  for (; n < 40 && !st; n++) st = mlcm__map_set(map, &n, sizeof n, user, err);
  if (st && map) { /* what went in before the failure is still found, the failed key is not */
    const size_t failed = n - 1;
    ck_assert_uint_eq(mlcm__map_count(map), failed);
    ck_assert_ptr_null(mlcm__map_get(map, &failed, sizeof failed));
    for (size_t i = 0; i < failed; i++) ck_assert_ptr_eq(mlcm__map_get(map, &i, sizeof i), user);
  }
  mlcm__map_free(map);
  return st;
}

START_TEST(a_failed_set_changes_nothing) { ck_assert_uint_gt(test_fault_memory(fill, NULL, &values[0]), 40); }
END_TEST

START_TEST(iteration_may_ask_for_nothing) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__map *map = NULL;
  size_t cursor = 0;
  ck_assert_int_eq(mlcm__map_new(ctx, &map, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__map_set(map, "k", 1, ctx, NULL), MLCM_OK);
  ck_assert(mlcm__map_next(map, &cursor, NULL, NULL, NULL));
  ck_assert(!mlcm__map_next(map, &cursor, NULL, NULL, NULL));
  mlcm__map_free(map);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {an_empty_map_finds_nothing,
                          a_key_is_bytes_with_a_length,
                          setting_again_replaces_the_value,
                          keys_are_copied,
                          iteration_is_in_order_of_insertion,
                          removing_while_iterating_is_safe,
                          agrees_with_a_model_under_random_operations,
                          without_random_bytes_there_is_no_map,
                          a_failed_set_changes_nothing,
                          iteration_may_ask_for_nothing};
  return TEST_RUN("base_map", tests);
}
