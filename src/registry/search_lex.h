/* SPDX-License-Identifier: Apache-2.0
 *
 * search_lex.h - words, names, texts, numbers and signs of a filter or an order, each with its place.
 */
#ifndef MLCM_REGISTRY_SEARCH_LEX_H
#define MLCM_REGISTRY_SEARCH_LEX_H

#include "base/arena.h"

typedef enum mlcm__token_kind {
  MLCM__TOKEN_END,
  MLCM__TOKEN_WORD, /* letters, digits, '_', '-': keys and key words */
  MLCM__TOKEN_NAME, /* in `back ticks` or "double quotes" */
  MLCM__TOKEN_TEXT, /* in 'single quotes' */
  MLCM__TOKEN_NUMBER,
  MLCM__TOKEN_SIGN /* = != <> < <= > >= ( ) , . */
} mlcm__token_kind;

typedef struct mlcm__token {
  mlcm__token_kind kind;
  size_t at;        /* offset of its first byte */
  const char *text; /* without quotes, doubled quotes made single; NUL-terminated, in the arena */
} mlcm__token;

typedef struct mlcm__lexer {
  const char *what; /* "filter" or "order", for messages */
  const char *text;
  size_t at;
  mlcm__arena *arena;
} mlcm__lexer;

mlcm_status mlcm__lex_next(mlcm__lexer *lexer, mlcm__token *out, mlcm_error *err);
/* What may follow "tags.": a quoted name, or letters, digits and _ - . / : without quotes. */
mlcm_status mlcm__lex_tail(mlcm__lexer *lexer, mlcm__token *out, mlcm_error *err);

/* MLCM_PARSE with "filter:1:17: " (line and column, counted in characters) before the text. */
mlcm_status mlcm__lex_fail(const mlcm__lexer *lexer, size_t at, mlcm_error *err, const char *format, ...) MLCM_PRINTF(4, 5);

bool mlcm__same_word(const char *text, const char *word); /* ASCII case does not matter */

#endif
