/* SPDX-License-Identifier: Apache-2.0
 *
 * search_sql.h - a parsed search as one SQL statement with parameters.
 *
 * The statement answers rows of (id, term 0, term 1, ...): the terms are what is ordered by, the last ones name and version, or
 * the row id, so that no two rows are equal. A page token holds the terms of a page's last row; the next page begins behind them.
 */
#ifndef MLCM_REGISTRY_SEARCH_SQL_H
#define MLCM_REGISTRY_SEARCH_SQL_H

#include "base/buffer.h"
#include "registry/search_parse.h"
#include "registry/sql.h"

enum { MLCM__TERMS_MAX = 2 * MLCM__ORDERS_MAX + 2 };

/* One thing that is ordered by. A key that may be absent gives two: whether it is, and its value. */
typedef struct mlcm__term {
  const char *sql;       /* expression, in the arena */
  mlcm__value_kind kind; /* of its values, where they are not NULL */
  bool descending;
  bool is_column; /* a column of its own: worth a bound that an index can use */
} mlcm__term;

typedef struct mlcm__query_sql {
  mlcm__buffer sql;
  mlcm__bind *binds;
  size_t n_binds;
  size_t cap_binds;
  mlcm__term terms[MLCM__TERMS_MAX];
  size_t n_terms;
} mlcm__query_sql;

/* `last` [n_last]: terms of the row to continue behind, NULL for the first page; their number must be that of this search's terms
 * (MLCM_INVALID_ARGUMENT). `rows`: the LIMIT. Texts of binds belong to search and last. *out is reset by the caller, on failure
 * too. */
mlcm_status mlcm__search_sql(mlcm__arena *arena, const mlcm__search *search, const mlcm__bind *last, size_t n_last, int64_t rows,
                             mlcm__query_sql *out, mlcm_error *err);
void mlcm__query_sql_reset(mlcm__query_sql *query);

#endif
