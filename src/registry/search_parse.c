/* SPDX-License-Identifier: Apache-2.0
 *
 * search_parse.c - the grammar:
 *
 *   filter     = [ comparison { AND comparison } ]
 *   comparison = key ( "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | LIKE | ILIKE ) value  |  key IN "(" value { "," value } ")"
 *   order      = [ key [ ASC | DESC ] { "," key [ ASC | DESC ] } ]
 *   key        = [ "attribute." | "attributes." ] name  |  ( "tag." | "tags." | "metric." | "metrics." ) name
 *   value      = 'text' | "text" | number
 *
 * One token of look-ahead, no recursion.
 */
#include "registry/search_parse.h"

#include <string.h>

#include "base/text.h"
#include <mlcm/registry.h>
#include "registry/search_keys.h"

typedef struct parser {
  mlcm__lexer lexer;
  mlcm__token token; /* look-ahead */
  mlcm__entity entity;
} parser;

static mlcm_status next(parser *p, mlcm_error *err) { return mlcm__lex_next(&p->lexer, &p->token, err); }

static bool is_sign(const parser *p, const char *sign) {
  return p->token.kind == MLCM__TOKEN_SIGN && strcmp(p->token.text, sign) == 0;
}

static bool is_word(const parser *p, const char *word) {
  return p->token.kind == MLCM__TOKEN_WORD && mlcm__same_word(p->token.text, word);
}

/* What stands at the look-ahead, for "expected ..., found ...". */
static const char *found(const parser *p) { return p->token.kind == MLCM__TOKEN_END ? "the end" : p->token.text; }

/* ---- keys ---- */

static mlcm_status unknown_key(const parser *p, const mlcm__token *token, mlcm_error *err) {
  const mlcm__key *group = mlcm__key_group(p->entity, token->text);
  if (group) return mlcm__lex_fail(&p->lexer, token->at, err, "'%s' needs a name: %s.KEY", group->name, group->name);
  const char *near = mlcm__key_nearest(p->entity, token->text);
  if (near) return mlcm__lex_fail(&p->lexer, token->at, err, "unknown key '%.80s' (did you mean '%s'?)", token->text, near);
  return mlcm__lex_fail(
      &p->lexer, token->at, err,
      p->entity == MLCM__VERSIONS
          ? "unknown key '%.80s': there are name, version, alias, tags.KEY, metrics.NAME, created, updated, state, description, "
            "actor, parent, dataset, revision, run, digest, size"
          : "unknown key '%.80s': there are name, alias, tags.KEY, created, updated, state, description, actor, versions, newest",
      token->text);
}

/* After "tags.": the look-ahead is the dot, which the tail follows without a space. */
static mlcm_status parse_group(parser *p, const mlcm__key *group, const mlcm__key **out_key, const char **out_name,
                               mlcm_error *err) {
  mlcm__token tail;
  mlcm_status st = mlcm__lex_tail(&p->lexer, &tail, err);
  if (st) return st;
  if (!tail.text[0]) return mlcm__lex_fail(&p->lexer, tail.at, err, "the name after %s. is empty", group->name);
  *out_key = group;
  *out_name = tail.text;
  return next(p, err);
}

static mlcm_status parse_key(parser *p, const mlcm__key **out_key, const char **out_name, mlcm_error *err) {
  mlcm__token token = p->token;
  if (token.kind != MLCM__TOKEN_WORD && token.kind != MLCM__TOKEN_NAME) {
    return mlcm__lex_fail(&p->lexer, token.at, err, "expected a key, found %.80s", found(p));
  }
  mlcm_status st = next(p, err);
  if (!st && is_sign(p, ".")) {
    const mlcm__key *group = mlcm__key_group(p->entity, token.text);
    if (group) return parse_group(p, group, out_key, out_name, err);
    if (!mlcm__same_word(token.text, "attribute") && !mlcm__same_word(token.text, "attributes"))
      return unknown_key(p, &token, err);
    st = next(p, err);
    token = p->token;
    if (!st) st = next(p, err);
  }
  if (st) return st;
  *out_key = mlcm__key_find(p->entity, token.text);
  *out_name = NULL;
  return *out_key ? MLCM_OK : unknown_key(p, &token, err);
}

/* ---- signs ---- */

typedef struct op_name {
  const char *text;
  mlcm__op op;
} op_name;

static const op_name signs[] = {{"=", MLCM__OP_EQ}, {"==", MLCM__OP_EQ}, {"!=", MLCM__OP_NE}, {"<>", MLCM__OP_NE},
                                {"<", MLCM__OP_LT}, {"<=", MLCM__OP_LE}, {">", MLCM__OP_GT},  {">=", MLCM__OP_GE}};
static const op_name words[] = {{"LIKE", MLCM__OP_LIKE}, {"ILIKE", MLCM__OP_ILIKE}, {"IN", MLCM__OP_IN}};

static bool find_op(const parser *p, mlcm__op *out) {
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
    if (is_sign(p, signs[i].text)) {
      *out = signs[i].op;
      return true;
    }
  }
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (is_word(p, words[i].text)) {
      *out = words[i].op;
      return true;
    }
  }
  return false;
}

/* Which signs make sense for which type of key. */
static const char *allowed_ops(mlcm__key_type type) {
  switch (type) {
  case MLCM__TYPE_TEXT:
  case MLCM__TYPE_TAG: return "= != < <= > >= LIKE ILIKE IN";
  case MLCM__TYPE_STATE: return "= != IN";
  case MLCM__TYPE_ALIAS: return "= LIKE ILIKE IN";
  default: return "= != < <= > >= IN";
  }
}

static bool is_allowed(mlcm__key_type type, mlcm__op op) {
  bool is_like = op == MLCM__OP_LIKE || op == MLCM__OP_ILIKE;
  bool is_equal = op == MLCM__OP_EQ || op == MLCM__OP_IN;
  switch (type) {
  case MLCM__TYPE_TEXT:
  case MLCM__TYPE_TAG: return true;
  case MLCM__TYPE_STATE: return is_equal || op == MLCM__OP_NE;
  case MLCM__TYPE_ALIAS: return is_equal || is_like;
  default: return !is_like;
  }
}

static mlcm_status parse_op(parser *p, const mlcm__key *key, mlcm__op *out, mlcm_error *err) {
  if (is_word(p, "NOT")) return mlcm__lex_fail(&p->lexer, p->token.at, err, "NOT is not understood; use !=");
  if (!find_op(p, out)) {
    return mlcm__lex_fail(&p->lexer, p->token.at, err, "expected one of %s after '%s', found %.80s", allowed_ops(key->type),
                          key->name, found(p));
  }
  if (!is_allowed(key->type, *out)) {
    return mlcm__lex_fail(&p->lexer, p->token.at, err, "'%s' cannot be compared with %s, only with %s", key->name, p->token.text,
                          allowed_ops(key->type));
  }
  return next(p, err);
}

/* ---- values ---- */

static mlcm_status text_value(const parser *p, const mlcm__key *key, mlcm__value *out, mlcm_error *err) {
  if (p->token.kind == MLCM__TOKEN_NUMBER) {
    return mlcm__lex_fail(&p->lexer, p->token.at, err, "'%s' is text: write '%.80s' in single quotes", key->name, p->token.text);
  }
  *out = (mlcm__value){.kind = MLCM__VALUE_TEXT, .text = p->token.text};
  return MLCM_OK;
}

static mlcm_status number_value(const parser *p, const mlcm__key *key, mlcm__value *out, mlcm_error *err) {
  size_t len = strlen(p->token.text);
  *out = (mlcm__value){.kind = MLCM__VALUE_I64};
  if (p->token.kind != MLCM__TOKEN_NUMBER) {
    return mlcm__lex_fail(&p->lexer, p->token.at, err, "'%s' is a number: write it without quotes", key->name);
  }
  const char *digits = p->token.text[0] == '+' ? p->token.text + 1 : p->token.text;
  if (mlcm__parse_i64(digits, len - (size_t)(digits - p->token.text), &out->i64)) return MLCM_OK;
  out->kind = MLCM__VALUE_F64;
  if (mlcm__parse_f64(p->token.text, len, &out->f64)) return MLCM_OK;
  return mlcm__lex_fail(&p->lexer, p->token.at, err, "'%.80s' is not a number", p->token.text);
}

static mlcm_status time_value(const parser *p, const mlcm__key *key, mlcm__value *out, mlcm_error *err) {
  *out = (mlcm__value){.kind = MLCM__VALUE_I64};
  if (p->token.kind != MLCM__TOKEN_NUMBER && mlcm__parse_time(p->token.text, strlen(p->token.text), &out->i64)) return MLCM_OK;
  return mlcm__lex_fail(&p->lexer, p->token.at, err, "'%s' is a time: write it as '2026-03-01' or '2026-03-01T14:02:11Z'",
                        key->name);
}

static mlcm_status state_value(const parser *p, mlcm__value *out, mlcm_error *err) {
  *out = (mlcm__value){.kind = MLCM__VALUE_I64};
  if (mlcm__same_word(p->token.text, "ready"))
    out->i64 = MLCM_STATE_READY;
  else if (mlcm__same_word(p->token.text, "deleted"))
    out->i64 = MLCM_STATE_DELETED;
  else
    return mlcm__lex_fail(&p->lexer, p->token.at, err, "state is 'ready' or 'deleted', not '%.80s'", p->token.text);
  return MLCM_OK;
}

static mlcm_status parse_value(parser *p, const mlcm__key *key, mlcm__value *out, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  if (p->token.kind != MLCM__TOKEN_TEXT && p->token.kind != MLCM__TOKEN_NAME && p->token.kind != MLCM__TOKEN_NUMBER) {
    return mlcm__lex_fail(&p->lexer, p->token.at, err, "expected a value: 'text' in single quotes or a number, found %.80s",
                          found(p));
  }
  switch (key->type) { /* never: each has its case */
  case MLCM__TYPE_NUMBER:
  case MLCM__TYPE_METRIC: st = number_value(p, key, out, err); break;
  case MLCM__TYPE_TIME: st = time_value(p, key, out, err); break;
  case MLCM__TYPE_STATE: st = state_value(p, out, err); break;
  case MLCM__TYPE_TEXT:
  case MLCM__TYPE_ALIAS:
  case MLCM__TYPE_TAG: st = text_value(p, key, out, err); break;
  }
  return st ? st : next(p, err);
}

static mlcm_status parse_list(parser *p, mlcm__comparison *c, mlcm_error *err) {
  if (!is_sign(p, "(")) return mlcm__lex_fail(&p->lexer, p->token.at, err, "expected ( after IN, found %.80s", found(p));
  mlcm_status st = MLCM_OK;
  c->values = mlcm__arena_alloc(p->lexer.arena, MLCM__IN_VALUES_MAX, sizeof c->values[0]);
  if (!c->values) return mlcm__fail_memory(err, MLCM__IN_VALUES_MAX * sizeof c->values[0]);
  do {
    if (c->n_values == MLCM__IN_VALUES_MAX)
      return mlcm__fail(err, MLCM_LIMIT, "more than %d values of IN", (int)MLCM__IN_VALUES_MAX);
    st = next(p, err); /* past ( or , */
    if (!st) st = parse_value(p, c->key, &c->values[c->n_values], err);
    if (!st) c->n_values++;
  } while (!st && is_sign(p, ","));
  if (st) return st;
  if (!is_sign(p, ")"))
    return mlcm__lex_fail(&p->lexer, p->token.at, err, "expected , or ) in the list of IN, found %.80s", found(p));
  return next(p, err);
}

static mlcm_status parse_single(parser *p, mlcm__comparison *c, mlcm_error *err) {
  c->values = mlcm__arena_alloc(p->lexer.arena, 1, sizeof c->values[0]);
  if (!c->values) return mlcm__fail_memory(err, sizeof c->values[0]);
  c->n_values = 1;
  return parse_value(p, c->key, &c->values[0], err);
}

/* ---- the whole ---- */

static mlcm_status parse_comparison(parser *p, mlcm__search *out, mlcm_error *err) {
  mlcm__comparison c = {0};
  if (out->n_comparisons == MLCM__COMPARISONS_MAX) {
    return mlcm__fail(err, MLCM_LIMIT, "more than %d comparisons in one filter", (int)MLCM__COMPARISONS_MAX);
  }
  mlcm_status st = parse_key(p, &c.key, &c.name, err);
  if (!st) st = parse_op(p, c.key, &c.op, err);
  if (!st) st = c.op == MLCM__OP_IN ? parse_list(p, &c, err) : parse_single(p, &c, err);
  if (!st) out->comparisons[out->n_comparisons++] = c;
  return st;
}

static mlcm_status parse_filter(parser *p, mlcm__search *out, mlcm_error *err) {
  mlcm_status st = next(p, err);
  if (st || p->token.kind == MLCM__TOKEN_END) return st;
  for (;;) {
    st = parse_comparison(p, out, err);
    if (st || p->token.kind == MLCM__TOKEN_END) return st;
    if (is_word(p, "OR"))
      return mlcm__lex_fail(&p->lexer, p->token.at, err,
                            "OR is not understood: comparisons are joined by AND; use IN for one key");
    if (!is_word(p, "AND")) return mlcm__lex_fail(&p->lexer, p->token.at, err, "expected AND, found %.80s", found(p));
    st = next(p, err);
    if (st) return st;
  }
}

static mlcm_status check_once(const parser *p, const mlcm__search *out, const mlcm__order *order, size_t at, mlcm_error *err) {
  for (size_t i = 0; i < out->n_orders; i++) {
    const mlcm__order *other = &out->orders[i];
    bool same_name = (!order->name && !other->name) || (order->name && other->name && strcmp(order->name, other->name) == 0);
    if (other->key->type == order->key->type && same_name && other->key->version_sql == order->key->version_sql &&
        other->key->model_sql == order->key->model_sql) {
      return mlcm__lex_fail(&p->lexer, at, err, "'%s' is ordered by twice", order->name ? order->name : order->key->name);
    }
  }
  return MLCM_OK;
}

static mlcm_status parse_order_key(parser *p, mlcm__search *out, mlcm_error *err) {
  mlcm__order order = {0};
  size_t at = p->token.at;
  if (out->n_orders == MLCM__ORDERS_MAX)
    return mlcm__fail(err, MLCM_LIMIT, "more than %d keys to order by", (int)MLCM__ORDERS_MAX);
  mlcm_status st = parse_key(p, &order.key, &order.name, err);
  if (st) return st;
  if (order.key->type == MLCM__TYPE_ALIAS)
    return mlcm__lex_fail(&p->lexer, at, err, "'alias' cannot be ordered by: there may be several");
  st = check_once(p, out, &order, at, err);
  if (st) return st;
  order.descending = is_word(p, "DESC");
  if (order.descending || is_word(p, "ASC")) st = next(p, err);
  if (!st) out->orders[out->n_orders++] = order;
  return st;
}

static mlcm_status parse_order(parser *p, mlcm__search *out, mlcm_error *err) {
  mlcm_status st = next(p, err);
  if (st || p->token.kind == MLCM__TOKEN_END) return st;
  for (;;) {
    st = parse_order_key(p, out, err);
    if (st || p->token.kind == MLCM__TOKEN_END) return st;
    if (!is_sign(p, ","))
      return mlcm__lex_fail(&p->lexer, p->token.at, err, "expected ASC, DESC or a comma, found %.80s", found(p));
    st = next(p, err);
    if (st) return st;
  }
}

static mlcm_status check_text(const char *what, const char *text, mlcm_error *err) {
  size_t len = strlen(text);
  if (len > MLCM__FILTER_BYTES_MAX) {
    return mlcm__fail(err, MLCM_LIMIT, "the %s has %zu bytes, more than the %d allowed", what, len, (int)MLCM__FILTER_BYTES_MAX);
  }
  if (!mlcm__utf8_valid(text, len)) return mlcm__fail(err, MLCM_PARSE, "the %s is not valid UTF-8", what);
  return MLCM_OK;
}

mlcm_status mlcm__search_parse(mlcm__arena *arena, mlcm__entity entity, const char *filter, const char *order_by,
                               mlcm__search *out, mlcm_error *err) {
  mlcm__search search = {.entity = entity};
  parser p = {.lexer = {.what = "filter", .text = filter ? filter : "", .arena = arena}, .entity = entity};
  parser q = {.lexer = {.what = "order", .text = order_by ? order_by : "", .arena = arena}, .entity = entity};
  mlcm_status st = check_text("filter", p.lexer.text, err);
  if (!st) st = check_text("order", q.lexer.text, err);
  if (!st) st = parse_filter(&p, &search, err);
  if (!st) st = parse_order(&q, &search, err);
  if (!st) *out = search;
  return st;
}
