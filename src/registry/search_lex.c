/* SPDX-License-Identifier: Apache-2.0
 *
 * search_lex.c - see search_lex.h. The text was checked to be plain UTF-8 before.
 */
#include "registry/search_lex.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool mlcm__same_word(const char *text, const char *word) {
  for (; *text && lower(*text) == lower(*word); text++, word++) {
  }
  return *text == *word;
}

mlcm_status mlcm__lex_fail(const mlcm__lexer *lexer, size_t at, mlcm_error *err, const char *format, ...) {
  char message[400];
  int line = 1;
  int column = 1;
  va_list args;
  for (size_t i = 0; i < at; i++) {
    bool continues = ((unsigned char)lexer->text[i] & 0xC0) == 0x80;
    if (lexer->text[i] == '\n') {
      line++;
      column = 1;
    } else if (!continues) {
      column++;
    }
  }
  va_start(args, format);
  (void)vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return mlcm__fail(err, MLCM_PARSE, "%s:%d:%d: %s", lexer->what, line, column, message);
}

static mlcm_status take(mlcm__lexer *lexer, mlcm__token_kind kind, size_t start, size_t len, mlcm__token *out, mlcm_error *err) {
  const char *text = mlcm__arena_strndup(lexer->arena, lexer->text + start, len);
  if (!text) return mlcm__fail_memory(err, len + 1);
  *out = (mlcm__token){.kind = kind, .at = start, .text = text};
  lexer->at = start + len;
  return MLCM_OK;
}

/* Length of what stands between the quotes (a quote inside is written twice); false when there is no closing one. */
static bool quoted_length(const char *start, size_t *out) {
  char quote = start[0];
  for (size_t i = 1; start[i]; i++) {
    if (start[i] != quote) continue;
    if (start[i + 1] != quote) {
      *out = i - 1;
      return true;
    }
    i++;
  }
  return false;
}

static mlcm_status take_quoted(mlcm__lexer *lexer, mlcm__token_kind kind, mlcm__token *out, mlcm_error *err) {
  const char *start = lexer->text + lexer->at;
  char quote = start[0];
  size_t len = 0;
  size_t n = 0;
  if (!quoted_length(start, &len))
    return mlcm__lex_fail(lexer, lexer->at, err, "what starts here with %c has no closing %c", quote, quote);
  char *text = mlcm__arena_alloc(lexer->arena, len + 1, 1);
  if (!text) return mlcm__fail_memory(err, len + 1);
  for (size_t i = 1; i <= len; i++) {
    text[n++] = start[i];
    if (start[i] == quote) i++;
  }
  text[n] = '\0';
  *out = (mlcm__token){.kind = kind, .at = lexer->at, .text = text};
  lexer->at += len + 2;
  return MLCM_OK;
}

static bool starts_number(const char *p) {
  if (*p == '-' || *p == '+') p++;
  if (*p == '.') p++;
  return is_digit(*p);
}

/* Greedy: "1e-5" is one token, and so is "12abc", which is then no number. */
static size_t number_length(const char *p) {
  size_t n = 1;
  while (is_word(p[n]) || p[n] == '.' || ((p[n] == '-' || p[n] == '+') && lower(p[n - 1]) == 'e')) n++;
  return n;
}

static size_t word_length(const char *p) {
  size_t n = 1;
  while (is_word(p[n]) || p[n] == '-') n++;
  return n;
}

static mlcm_status take_sign(mlcm__lexer *lexer, mlcm__token *out, mlcm_error *err) {
  static const char *const signs[] = {"!=", "<>", "<=", ">=", "==", "=", "<", ">", "(", ")", ",", "."};
  const char *p = lexer->text + lexer->at;
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
    size_t len = strlen(signs[i]);
    if (strncmp(p, signs[i], len) == 0) return take(lexer, MLCM__TOKEN_SIGN, lexer->at, len, out, err);
  }
  return mlcm__lex_fail(lexer, lexer->at, err, "'%c' has no meaning here", *p);
}

static void skip_space(mlcm__lexer *lexer) {
  while (is_space(lexer->text[lexer->at])) lexer->at++;
}

mlcm_status mlcm__lex_next(mlcm__lexer *lexer, mlcm__token *out, mlcm_error *err) {
  skip_space(lexer);
  const char *p = lexer->text + lexer->at;
  if (*p == '\0') return take(lexer, MLCM__TOKEN_END, lexer->at, 0, out, err);
  if (*p == '\'') return take_quoted(lexer, MLCM__TOKEN_TEXT, out, err);
  if (*p == '`' || *p == '"') return take_quoted(lexer, MLCM__TOKEN_NAME, out, err);
  if (starts_number(p)) return take(lexer, MLCM__TOKEN_NUMBER, lexer->at, number_length(p), out, err);
  if (is_word(*p)) return take(lexer, MLCM__TOKEN_WORD, lexer->at, word_length(p), out, err);
  return take_sign(lexer, out, err);
}

mlcm_status mlcm__lex_tail(mlcm__lexer *lexer, mlcm__token *out, mlcm_error *err) {
  const char *p = lexer->text + lexer->at;
  size_t n = 0;
  if (*p == '`' || *p == '"') return take_quoted(lexer, MLCM__TOKEN_NAME, out, err);
  while (is_word(p[n]) || (p[n] && strchr("-./:", p[n]))) n++;
  if (n == 0)
    return mlcm__lex_fail(lexer, lexer->at, err, "a name must follow the dot; put it in back ticks when it holds spaces");
  return take(lexer, MLCM__TOKEN_NAME, lexer->at, n, out, err);
}
