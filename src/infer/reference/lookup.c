/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup.c - from a key (string, int64, double) to its position: an open-addressing table made once, at load.
 *
 * Of equal keys the last one counts. The table is at most half full; crafted keys can slow a lookup down but only by the
 * number of keys in the model itself.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

enum { MAX_KEYS = INT32_MAX / 4 };

struct mlcm__lookup {
  const mlcm_str *strings; /* one of the two */
  const int64_t *ints;     /* doubles: their canonical bits */
  int32_t *table;          /* position + 1; 0: empty */
  size_t mask;
};

static uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdu;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53u;
  return x ^ (x >> 33);
}

static uint64_t hash_text(mlcm_str s) {
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < s.len; i++) h = (h ^ (uint8_t)s.ptr[i]) * 1099511628211u;
  return mix(h);
}

static int64_t canonical_bits(double x) {
  int64_t bits;
  if (x == 0) x = 0; /* -0 too */
  memcpy(&bits, &x, sizeof bits);
  return isnan(x) ? INT64_C(0x7ff8000000000000) : bits;
}

static mlcm__lookup *make_table(mlcm__ref_reader *r, size_t n) {
  size_t size = 4;
  /* never: so many keys make a model of 4 GiB */
  if (n > MAX_KEYS) {
    mlcm__ref_bad(r, MLCM_LIMIT, "there are %zu keys, at most %d are supported", n, MAX_KEYS);
    return NULL;
  }
  while (size < n * 2) size *= 2;
  mlcm__lookup *l = mlcm__ref_keep(r, 1, sizeof *l);
  int32_t *table = mlcm__ref_keep(r, size, sizeof *table);
  if (table == NULL) return NULL;
  l->mask = size - 1;
  l->table = table;
  return l;
}

static size_t find_text(const mlcm__lookup *l, mlcm_str key) {
  size_t at = (size_t)hash_text(key) & l->mask;
  while (l->table[at] != 0 && !mlcm__same_text(l->strings[l->table[at] - 1], key)) at = (at + 1) & l->mask;
  return at;
}

static size_t find_int(const mlcm__lookup *l, int64_t key) {
  size_t at = (size_t)mix((uint64_t)key) & l->mask;
  while (l->table[at] != 0 && l->ints[l->table[at] - 1] != key) at = (at + 1) & l->mask;
  return at;
}

const mlcm__lookup *mlcm__lookup_strings(mlcm__ref_reader *r, const mlcm_str *keys, size_t n) {
  mlcm__lookup *l = make_table(r, n);
  if (l == NULL) return NULL;
  l->strings = keys;
  for (size_t i = 0; i < n; i++) l->table[find_text(l, keys[i])] = (int32_t)i + 1;
  return l;
}

const mlcm__lookup *mlcm__lookup_ints(mlcm__ref_reader *r, const int64_t *keys, size_t n) {
  mlcm__lookup *l = make_table(r, n);
  if (l == NULL) return NULL;
  l->ints = keys;
  for (size_t i = 0; i < n; i++) l->table[find_int(l, keys[i])] = (int32_t)i + 1;
  return l;
}

const mlcm__lookup *mlcm__lookup_floats(mlcm__ref_reader *r, const double *keys, size_t n) {
  int64_t *bits = mlcm__ref_keep(r, n, sizeof *bits);
  if (bits == NULL) return NULL;
  for (size_t i = 0; i < n; i++) bits[i] = canonical_bits(keys[i]);
  return mlcm__lookup_ints(r, bits, n);
}

const mlcm__lookup *mlcm__lookup_labels(mlcm__ref_reader *r, const mlcm__labels *labels) {
  return labels->strings != NULL ? mlcm__lookup_strings(r, labels->strings, (size_t)labels->n)
                                 : mlcm__lookup_ints(r, labels->ints, (size_t)labels->n);
}

int64_t mlcm__lookup_string(const mlcm__lookup *l, mlcm_str key) {
  assert(l->strings != NULL);
  return (int64_t)l->table[find_text(l, key)] - 1;
}

int64_t mlcm__lookup_int(const mlcm__lookup *l, int64_t key) {
  assert(l->ints != NULL);
  return (int64_t)l->table[find_int(l, key)] - 1;
}

int64_t mlcm__lookup_float(const mlcm__lookup *l, double key) { return mlcm__lookup_int(l, canonical_bits(key)); }
