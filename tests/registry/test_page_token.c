/* SPDX-License-Identifier: Apache-2.0
 *
 * test_page_token.c - tokens give back what they were made of, and nothing else passes for one, even with a check that fits.
 */
#include "registry/fixture.h"

#include "base/hash.h"
#include "registry/page_token.h"

static const char query[] = "vname = 'x'\nname";

/* A token of any text between the brackets, with the check that belongs to it. */
static char *forge(const char *json) {
  mlcm__sha256 hash = {0};
  uint8_t digest[MLCM__SHA256_BYTES];
  const size_t len = strlen(json);
  char *token = malloc(16 + 2 * len + 1);
  CHECK_OK(mlcm__sha256_init(&hash, err));
  CHECK_OK(mlcm__sha256_update(&hash, query, sizeof query, err));
  CHECK_OK(mlcm__sha256_update(&hash, json, len, err));
  CHECK_OK(mlcm__sha256_final(&hash, digest, err));
  mlcm__hex(digest, 8, token);
  mlcm__hex((const uint8_t *)json, len, token + 16);
  return token;
}

typedef struct reading {
  mlcm_context *ctx;
  mlcm__arena arena;
  mlcm__bind values[4];
  size_t n;
} reading;

static mlcm_status read_token(reading *r, const char *token, mlcm_error *err) {
  *r = (reading){.ctx = test_context(NULL, NULL, NULL)};
  mlcm__arena_init(&r->arena, r->ctx);
  return mlcm__page_token_read(&r->arena, query, token, r->values, 4, &r->n, err);
}

static void end_reading(reading *r) {
  mlcm__arena_reset(&r->arena);
  mlcm_context_free(r->ctx);
}

START_TEST(values_come_back) {
  reading r;
  char *token = NULL;
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__bind values[] = {mlcm__i64(INT64_MIN), mlcm__f64(0.1), mlcm__text("a'b"), {.kind = MLCM__BIND_NULL}};
  values[2].len = 3;
  CHECK_OK(mlcm__page_token_write(ctx, query, values, 4, &token, err));
  CHECK_OK(read_token(&r, token, err));
  ck_assert_uint_eq(r.n, 4);
  ck_assert_int_eq(r.values[0].i64, INT64_MIN);
  ck_assert_double_eq(r.values[1].f64, 0.1);
  ck_assert_str_eq(r.values[2].data, "a'b");
  ck_assert_int_eq(r.values[3].kind, MLCM__BIND_NULL);
  end_reading(&r);
  mlcm_free(ctx, token);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_token_of_no_values_has_none) {
  reading r;
  char *token = forge("[]");
  CHECK_OK(read_token(&r, token, err));
  ck_assert_uint_eq(r.n, 0);
  end_reading(&r);
  free(token);
}
END_TEST

START_TEST(what_no_query_makes_is_refused) {
  static const char *const texts[] = {
      "{}",       "7",          "[1]",        "[\"\"]", "[\"i\"]",
      "[\"i7\"]", "[\"x:7\"]",  "[\"i:7x\"]", "[[]]",   "[\"f:1.5\"]",
      "[3, \"i:7\"]", "[\"f:\"]", "[\"ii:1\"]", "[null, 3]",  "[nul]",  "[\"i:1\",\"i:1\",\"i:1\",\"i:1\",\"i:1\"]"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    reading r;
    char *token = forge(texts[i]);
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, "invalid page token", read_token(&r, token, err));
    end_reading(&r);
    free(token);
  }
}
END_TEST

START_TEST(what_is_no_token_is_refused) {
  static const char *const tokens[] = {"", "0123456789abcdef", "0123456789abcdef5b5", "0123456789abcdef5b5d",
                                       "0123456789abcdef5b5X", "0123456789abcdef5b5d5"};
  for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
    reading r;
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, "invalid page token", read_token(&r, tokens[i], err));
    end_reading(&r);
  }
}
END_TEST

START_TEST(a_token_has_a_limit) {
  enum { LEN = (1 << 20) + 2 };
  reading r;
  char *token = malloc(LEN + 1);
  memset(token, '0', LEN);
  token[LEN] = '\0';
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "invalid page token", read_token(&r, token, err));
  end_reading(&r);
  free(token);
}
END_TEST

/* Its value needs memory of its own, as all that is long. */
static mlcm_status read_a_long_one(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__arena arena;
  mlcm__bind value;
  size_t n = 0;
  mlcm__arena_init(&arena, ctx);
  mlcm_status st = mlcm__page_token_read(&arena, query, user, &value, 1, &n, err);
  mlcm__arena_reset(&arena);
  return st;
}

START_TEST(a_long_token_without_memory_is_an_error) {
  char json[20000];
  memset(json, 'x', sizeof json);
  memcpy(json, "[\"t:", 4);
  memcpy(json + sizeof json - 3, "\"]", 3);
  char *token = forge(json);
  ck_assert_uint_gt(test_fault_memory(read_a_long_one, NULL, token), 2);
  free(token);
}
END_TEST

int main(void) {
  const TTest *tests[] = {values_come_back, a_token_of_no_values_has_none, what_no_query_makes_is_refused,
                          what_is_no_token_is_refused, a_token_has_a_limit, a_long_token_without_memory_is_an_error};
  return TEST_RUN("registry_page_token", tests);
}
