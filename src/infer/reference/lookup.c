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
  if (isnan(x)) x = (double)NAN;
  if (x == 0) x = 0;
  memcpy(&bits, &x, sizeof bits);
  return isnan(x) ? INT64_C(0x7ff8000000000000) : bits;
}

static mlcm_status make_table(mlcm__ref_kernel *k, mlcm__lookup *l, size_t n, mlcm_error *err) {
  size_t size = 4;
  if (n > INT32_MAX / 4) return mlcm__fail(err, MLCM_LIMIT, "%zu keys are too many", n);
  while (size < n * 2) size *= 2;
  l->mask = size - 1;
  l->table = mlcm__ref_keep(k, size, sizeof *l->table, err);
  return l->table == NULL ? err->code : MLCM_OK;
}

static bool same_text(mlcm_str a, mlcm_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }

static size_t find_text(const mlcm__lookup *l, mlcm_str key) {
  size_t at = (size_t)hash_text(key) & l->mask;
  while (l->table[at] != 0 && !same_text(l->strings[l->table[at] - 1], key)) at = (at + 1) & l->mask;
  return at;
}

static size_t find_int(const mlcm__lookup *l, int64_t key) {
  size_t at = (size_t)mix((uint64_t)key) & l->mask;
  while (l->table[at] != 0 && l->ints[l->table[at] - 1] != key) at = (at + 1) & l->mask;
  return at;
}

mlcm_status mlcm__lookup_strings(mlcm__ref_kernel *k, const mlcm_str *keys, size_t n, const mlcm__lookup **out, mlcm_error *err) {
  mlcm__lookup *l = mlcm__ref_keep(k, 1, sizeof *l, err);
  mlcm_str *copy = mlcm__ref_keep(k, n, sizeof *copy, err);
  if (l == NULL || copy == NULL) return err->code;
  if (n > 0) memcpy(copy, keys, n * sizeof *copy);
  l->strings = copy;
  mlcm_status st = make_table(k, l, n, err);
  for (size_t i = 0; !st && i < n; i++) l->table[find_text(l, copy[i])] = (int32_t)i + 1;
  *out = l;
  return st;
}

mlcm_status mlcm__lookup_ints(mlcm__ref_kernel *k, const int64_t *keys, size_t n, const mlcm__lookup **out, mlcm_error *err) {
  mlcm__lookup *l = mlcm__ref_keep(k, 1, sizeof *l, err);
  int64_t *copy = mlcm__ref_keep(k, n, sizeof *copy, err);
  if (l == NULL || copy == NULL) return err->code;
  if (n > 0) memcpy(copy, keys, n * sizeof *copy);
  l->ints = copy;
  mlcm_status st = make_table(k, l, n, err);
  for (size_t i = 0; !st && i < n; i++) l->table[find_int(l, copy[i])] = (int32_t)i + 1;
  *out = l;
  return st;
}

mlcm_status mlcm__lookup_floats(mlcm__ref_kernel *k, const double *keys, size_t n, const mlcm__lookup **out, mlcm_error *err) {
  int64_t *bits = mlcm__ref_keep(k, n, sizeof *bits, err);
  if (bits == NULL) return err->code;
  for (size_t i = 0; i < n; i++) bits[i] = canonical_bits(keys[i]);
  return mlcm__lookup_ints(k, bits, n, out, err);
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
