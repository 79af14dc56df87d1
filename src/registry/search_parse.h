/* SPDX-License-Identifier: Apache-2.0
 *
 * search_parse.h - a filter and an order as trees of keys, signs and values. Pure: no database, no clock.
 */
#ifndef MLCM_REGISTRY_SEARCH_PARSE_H
#define MLCM_REGISTRY_SEARCH_PARSE_H

#include "base/arena.h"

enum { MLCM__FILTER_BYTES_MAX = 10000, MLCM__COMPARISONS_MAX = 64, MLCM__IN_VALUES_MAX = 1000, MLCM__ORDERS_MAX = 16 };

/* What is searched; also a mask in the table of keys. */
typedef enum mlcm__entity { MLCM__VERSIONS = 1, MLCM__MODELS = 2 } mlcm__entity;

typedef enum mlcm__key_type {
  MLCM__TYPE_TEXT,
  MLCM__TYPE_NUMBER,
  MLCM__TYPE_TIME,  /* values are RFC 3339 text, kept as nanoseconds */
  MLCM__TYPE_STATE, /* 'ready' or 'deleted', kept as mlcm_state */
  MLCM__TYPE_ALIAS, /* some alias of it */
  MLCM__TYPE_TAG,   /* text under a name */
  MLCM__TYPE_METRIC /* number under a name */
} mlcm__key_type;

/* A key that may stand in a filter or an order. */
typedef struct mlcm__key {
  const char *name;
  int entities; /* mask of mlcm__entity */
  mlcm__key_type type;
  const char *version_sql; /* expression over v (version) and m (model); NULL for alias, tag and metric */
  const char *model_sql;   /* expression over m */
} mlcm__key;

typedef enum mlcm__op {
  MLCM__OP_EQ,
  MLCM__OP_NE,
  MLCM__OP_LT,
  MLCM__OP_LE,
  MLCM__OP_GT,
  MLCM__OP_GE,
  MLCM__OP_LIKE,
  MLCM__OP_ILIKE,
  MLCM__OP_IN
} mlcm__op;

typedef enum mlcm__value_kind { MLCM__VALUE_TEXT, MLCM__VALUE_I64, MLCM__VALUE_F64 } mlcm__value_kind;

typedef struct mlcm__value {
  mlcm__value_kind kind;
  const char *text;
  int64_t i64;
  double f64;
} mlcm__value;

typedef struct mlcm__comparison {
  const mlcm__key *key;
  const char *name; /* of the tag or metric */
  mlcm__op op;
  mlcm__value *values;
  size_t n_values; /* 1 but for IN */
} mlcm__comparison;

typedef struct mlcm__order {
  const mlcm__key *key;
  const char *name;
  bool descending;
} mlcm__order;

typedef struct mlcm__search {
  mlcm__entity entity;
  mlcm__comparison comparisons[MLCM__COMPARISONS_MAX];
  size_t n_comparisons;
  mlcm__order orders[MLCM__ORDERS_MAX];
  size_t n_orders;
} mlcm__search;

/* Parses both texts (NULL or blank: nothing) into *out; what it points to lives in the arena. MLCM_PARSE, MLCM_LIMIT,
 * MLCM_NO_MEMORY. */
mlcm_status mlcm__search_parse(mlcm__arena *arena, mlcm__entity entity, const char *filter, const char *order_by,
                               mlcm__search *out, mlcm_error *err);

#endif
