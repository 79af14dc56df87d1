/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml.h - YAML documents as a tree with positions, so that every complaint says file:line:column.
 */
#ifndef MLCM_BASE_YAML_H
#define MLCM_BASE_YAML_H

#include "context.h"

typedef struct mlcm__yaml mlcm__yaml; /* a parsed document: owns its nodes */

enum { MLCM__YAML_SCALAR = 1, MLCM__YAML_LIST = 2, MLCM__YAML_MAP = 3 };

typedef struct mlcm__node mlcm__node;
struct mlcm__node {
  int kind;
  int line, column; /* 1-based */
  bool quoted;      /* scalar was quoted: text even when it looks like a number */
  const char *text; /* scalar: NUL-terminated (no embedded zeros) */
  size_t len;
  size_t n;           /* list: items; map: pairs */
  mlcm__node **items; /* list: [n]; map: [2n] key, value, key, value ... keys are scalars, no duplicates */
};

/* One document of at most 1 MiB, depth 32, 100,000 nodes; anchors and aliases are refused by name. An empty text is an error. */
mlcm_status mlcm__yaml_parse(mlcm_context *ctx, const char *name, const char *text, size_t len, mlcm__yaml **out,
                             mlcm_error *err);
void mlcm__yaml_free(mlcm__yaml *doc);
const mlcm__node *mlcm__yaml_root(const mlcm__yaml *doc);
const char *mlcm__yaml_name(const mlcm__yaml *doc);

/* MLCM_PARSE with "name:line:column: " before the text. */
mlcm_status mlcm__yaml_fail(const mlcm__yaml *doc, const mlcm__node *at, mlcm_error *err, const char *format, ...)
    MLCM_PRINTF(4, 5);

/* Value of a key in a map node, or NULL. */
const mlcm__node *mlcm__yaml_get(const mlcm__node *map, const char *key);
/* Every key of the map must be one of keys[n]; else "unknown key 'wieght' (did you mean 'weight'?)". */
mlcm_status mlcm__yaml_known_keys(const mlcm__yaml *doc, const mlcm__node *map, const char *const *keys, size_t n,
                                  mlcm_error *err);

/* Typed scalars; the message names the key (`what`) and what was found. */
mlcm_status mlcm__yaml_f64(const mlcm__yaml *doc, const mlcm__node *node, const char *what, double *out, mlcm_error *err);
mlcm_status mlcm__yaml_i64(const mlcm__yaml *doc, const mlcm__node *node, const char *what, int64_t *out, mlcm_error *err);
mlcm_status mlcm__yaml_bool(const mlcm__yaml *doc, const mlcm__node *node, const char *what, bool *out, mlcm_error *err);
mlcm_status mlcm__yaml_text(const mlcm__yaml *doc, const mlcm__node *node, const char *what, const char **out, mlcm_error *err);
mlcm_status mlcm__yaml_duration(const mlcm__yaml *doc, const mlcm__node *node, const char *what, int64_t *out_ns,
                                mlcm_error *err);
/* "5%" or 0.05, within [0, 1]. */
mlcm_status mlcm__yaml_share(const mlcm__yaml *doc, const mlcm__node *node, const char *what, double *out, mlcm_error *err);
/* "1.25x" or 1.25, above 0. */
mlcm_status mlcm__yaml_times(const mlcm__yaml *doc, const mlcm__node *node, const char *what, double *out, mlcm_error *err);

#endif
