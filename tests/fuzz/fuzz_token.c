/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_token.c - any text as a page token, as it is and (since nobody guesses a checksum) as the content of one whose checksum is right.
 * What is accepted must be written as the same values again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "registry/page_token.h"

enum { VALUES = 34, CHECK_BYTES = 8 };
static const char query[] = "name = 'x'";

static void check_same(mlcm_context *ctx, mlcm__arena *arena, const mlcm__bind *values, size_t n) {
  mlcm__bind again[VALUES];
  mlcm__bind copy[VALUES];
  char *token = NULL;
  size_t n_again = 0;
  for (size_t i = 0; i < n; i++) {
    copy[i] = values[i];
    if (copy[i].kind == MLCM__BIND_TEXT) copy[i].len = strlen(copy[i].data);
  }
  if (mlcm__page_token_write(ctx, query, copy, n, &token, NULL)) abort();
  if (mlcm__page_token_read(arena, query, token, again, VALUES, &n_again, NULL) || n_again != n) abort();
  for (size_t i = 0; i < n; i++) {
    if (again[i].kind != values[i].kind || again[i].i64 != values[i].i64) abort();
    if (memcmp(&again[i].f64, &values[i].f64, sizeof(double)) != 0) abort();
    if (again[i].kind == MLCM__BIND_TEXT && strcmp(again[i].data, values[i].data) != 0) abort();
  }
  mlcm__free(ctx, token);
}

static void try_token(mlcm_context *ctx, const char *token) {
  mlcm__arena arena;
  mlcm__bind values[VALUES];
  mlcm_error err = {0};
  size_t n = 0;
  mlcm__arena_init(&arena, ctx);
  mlcm_status st = mlcm__page_token_read(&arena, query, token, values, VALUES, &n, &err);
  if (st == MLCM_OK) check_same(ctx, &arena, values, n);
  else if (st != MLCM_INVALID_ARGUMENT || !err.message[0]) abort();
  mlcm__arena_reset(&arena);
}

/* The token that has these bytes inside. */
static char *seal(const uint8_t *data, size_t size) {
  mlcm__sha256 hash = {0};
  uint8_t digest[MLCM__SHA256_BYTES];
  char *token = malloc(2 * (CHECK_BYTES + size) + 1);
  if (!token || mlcm__sha256_init(&hash, NULL) || mlcm__sha256_update(&hash, query, sizeof query, NULL) ||
      mlcm__sha256_update(&hash, data, size, NULL) || mlcm__sha256_final(&hash, digest, NULL))
    abort();
  mlcm__hex(digest, CHECK_BYTES, token);
  mlcm__hex(data, size, token + 2 * CHECK_BYTES);
  return token;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  if (mlcm_context_new(NULL, &ctx, NULL)) abort();
  char *plain = mlcm__strndup(ctx, (const char *)data, size);
  char *sealed = seal(data, size);
  if (!plain) abort();
  try_token(ctx, plain);
  try_token(ctx, sealed);
  free(sealed);
  mlcm__free(ctx, plain);
  mlcm_context_free(ctx);
  return 0;
}
