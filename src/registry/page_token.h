/* SPDX-License-Identifier: Apache-2.0
 *
 * page_token.h - where a page ended, as text that only the same query understands.
 *
 *   16 hex digits of SHA-256(query, values) || hex of a JSON array: "i:42", "f:0x1.8p+0", "t:digits", null
 */
#ifndef MLCM_REGISTRY_PAGE_TOKEN_H
#define MLCM_REGISTRY_PAGE_TOKEN_H

#include "base/arena.h"
#include "registry/sql.h"

/* `query`: any text that is the same for the same query. *out is freed with mlcm__free. */
mlcm_status mlcm__page_token_write(mlcm_context *ctx, const char *query, const mlcm__bind *values, size_t n, char **out,
                                   mlcm_error *err);

/* Values into values[capacity]; texts live in the arena. MLCM_INVALID_ARGUMENT: of another query, or not a token. */
mlcm_status mlcm__page_token_read(mlcm__arena *arena, const char *query, const char *token, mlcm__bind *values, size_t capacity,
                                  size_t *out_n, mlcm_error *err);

#endif
