/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml_read.c - reading values out of a YAML tree: keys by name, and scalars by type with a complaint that says what was wanted
 * and what was found.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "text.h"
#include "yaml.h"

const mlcm__node *mlcm__yaml_get(const mlcm__node *map, const char *key) {
  if (!map || map->kind != MLCM__YAML_MAP) return NULL;
  for (size_t i = 0; i < map->n; i++) {
    if (strcmp(map->items[2 * i]->text, key) == 0) return map->items[2 * i + 1];
  }
  return NULL;
}

static bool is_one_of(const char *text, const char *const *words, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (strcmp(text, words[i]) == 0) return true;
  }
  return false;
}

/* All known keys, cut to what fits a message. */
static void list_words(char *out, size_t size, const char *const *words, size_t n) {
  size_t at = 0;
  out[0] = 0;
  for (size_t i = 0; i < n; i++) {
    const size_t wrote = (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", words[i]);
    if (wrote >= size - at) {
      out[at] = 0;
      return;
    }
    at += wrote;
  }
}

static mlcm_status unknown_key(const mlcm__yaml *doc, const mlcm__node *key, const char *const *keys, size_t n, mlcm_error *err) {
  const char *nearest = mlcm__nearest(key->text, keys, n);
  if (nearest) return mlcm__yaml_fail(doc, key, err, "unknown key '%.60s' (did you mean '%s'?)", key->text, nearest);
  char known[320];
  list_words(known, sizeof known, keys, n);
  return mlcm__yaml_fail(doc, key, err, "unknown key '%.60s' (known here: %s)", key->text, known);
}

mlcm_status mlcm__yaml_known_keys(const mlcm__yaml *doc, const mlcm__node *map, const char *const *keys, size_t n,
                                  mlcm_error *err) {
  if (map->kind != MLCM__YAML_MAP) return mlcm__yaml_fail(doc, map, err, "must be a map of keys and values");
  for (size_t i = 0; i < map->n; i++) {
    const mlcm__node *key = map->items[2 * i];
    if (!is_one_of(key->text, keys, n)) return unknown_key(doc, key, keys, n, err);
  }
  return MLCM_OK;
}

/* ---- Scalars ------------------------------------------------------------------------------------------------------- */

static mlcm_status wanted(const mlcm__yaml *doc, const mlcm__node *node, const char *what, const char *want, mlcm_error *err) {
  if (!node) return mlcm__yaml_fail(doc, NULL, err, "'%s' is missing: it must be %s", what, want);
  if (node->kind == MLCM__YAML_LIST) return mlcm__yaml_fail(doc, node, err, "'%s' must be %s, found a list", what, want);
  if (node->kind == MLCM__YAML_MAP) return mlcm__yaml_fail(doc, node, err, "'%s' must be %s, found a map", what, want);
  if (node->len == 0) return mlcm__yaml_fail(doc, node, err, "'%s' must be %s, found nothing", what, want);
  const size_t cut = mlcm__utf8_cut(node->text, node->len, 60);
  return mlcm__yaml_fail(doc, node, err, "'%s' must be %s, found '%.*s'%s", what, want, (int)cut, node->text,
                         node->quoted ? " in quotes" : "");
}

static bool is_scalar(const mlcm__node *node) { return node && node->kind == MLCM__YAML_SCALAR; }

static bool finite_number(const char *text, size_t len, double *out) { return mlcm__parse_f64(text, len, out) && isfinite(*out); }

mlcm_status mlcm__yaml_f64(const mlcm__yaml *doc, const mlcm__node *node, const char *what, double *out, mlcm_error *err) {
  double value = 0;
  if (!is_scalar(node) || node->quoted || !finite_number(node->text, node->len, &value))
    return wanted(doc, node, what, "a number", err);
  *out = value;
  return MLCM_OK;
}

mlcm_status mlcm__yaml_i64(const mlcm__yaml *doc, const mlcm__node *node, const char *what, int64_t *out, mlcm_error *err) {
  if (is_scalar(node) && !node->quoted && mlcm__parse_i64(node->text, node->len, out)) return MLCM_OK;
  return wanted(doc, node, what, "a whole number", err);
}

mlcm_status mlcm__yaml_bool(const mlcm__yaml *doc, const mlcm__node *node, const char *what, bool *out, mlcm_error *err) {
  const bool yes = is_scalar(node) && !node->quoted && strcmp(node->text, "true") == 0;
  const bool no = is_scalar(node) && !node->quoted && strcmp(node->text, "false") == 0;
  if (!yes && !no) return wanted(doc, node, what, "true or false", err);
  *out = yes;
  return MLCM_OK;
}

mlcm_status mlcm__yaml_text(const mlcm__yaml *doc, const mlcm__node *node, const char *what, const char **out, mlcm_error *err) {
  if (!is_scalar(node) || (node->len == 0 && !node->quoted)) return wanted(doc, node, what, "text", err);
  *out = node->text;
  return MLCM_OK;
}

mlcm_status mlcm__yaml_duration(const mlcm__yaml *doc, const mlcm__node *node, const char *what, int64_t *out_ns,
                                mlcm_error *err) {
  if (is_scalar(node) && mlcm__parse_duration(node->text, node->len, out_ns)) return MLCM_OK;
  return wanted(doc, node, what, "a duration with its unit, such as 250ms, 30s or 1h30m", err);
}

mlcm_status mlcm__yaml_share(const mlcm__yaml *doc, const mlcm__node *node, const char *what, double *out, mlcm_error *err) {
  double value = -1;
  if (is_scalar(node) && node->len > 0) {
    const bool percent = node->text[node->len - 1] == '%';
    if (!finite_number(node->text, node->len - percent, &value)) value = -1;
    if (percent && value >= 0) value /= 100;
  }
  if (!(value >= 0 && value <= 1)) return wanted(doc, node, what, "a share from 0% to 100% (or 0 to 1)", err);
  *out = value;
  return MLCM_OK;
}

mlcm_status mlcm__yaml_times(const mlcm__yaml *doc, const mlcm__node *node, const char *what, double *out, mlcm_error *err) {
  double value = 0;
  if (is_scalar(node) && node->len > 0) {
    const bool suffix = node->text[node->len - 1] == 'x';
    if (!finite_number(node->text, node->len - suffix, &value)) value = 0;
  }
  if (!(value > 0)) return wanted(doc, node, what, "a factor above 0, such as 1.25x", err);
  *out = value;
  return MLCM_OK;
}
