/* SPDX-License-Identifier: Apache-2.0
 *
 * map.c - a hash table that remembers insertion order: `entries` holds keys and values in that order, `slots` is an
 * open-addressed index of entry numbers. Removed entries leave a hole (key NULL) and a TOMB slot until the next rebuild.
 *
 * Invariants: n_slots is 0 or a power of two; at most 2/3 of the slots are not FREE; every live entry is found by probing from
 * its hash. Setting may rebuild and so move cursors; removing never does.
 */
#include "map.h"

#include <assert.h>
#include <string.h>

#include "hash.h"

enum { FREE = 0, TOMB = 1, FIRST = 2 }; /* a slot holds FIRST + entry number */

typedef struct entry {
  char *key; /* copied, NUL behind it; NULL: removed */
  size_t len;
  uint64_t hash;
  void *value;
} entry;

struct mlcm__map {
  mlcm_context *ctx;
  uint8_t seed[16];
  entry *entries;
  size_t n_entries; /* holes included */
  size_t entries_cap;
  size_t n_live;
  uint32_t *slots;
  size_t n_slots;
  size_t n_used; /* slots that are not FREE */
};

mlcm_status mlcm__map_new(mlcm_context *ctx, mlcm__map **out, mlcm_error *err) {
  mlcm__map *map = mlcm__alloc_zero(ctx, 1, sizeof *map);
  if (!map) return mlcm__fail_memory(err, sizeof *map);
  map->ctx = ctx;
  const mlcm_status st = mlcm__random_bytes(ctx, map->seed, sizeof map->seed, err);
  if (st) {
    mlcm__free(ctx, map);
    return st;
  }
  *out = map;
  return MLCM_OK;
}

void mlcm__map_free(mlcm__map *map) {
  if (!map) return;
  for (size_t i = 0; i < map->n_entries; i++) mlcm__free(map->ctx, map->entries[i].key);
  mlcm__free(map->ctx, map->entries);
  mlcm__free(map->ctx, map->slots);
  mlcm__free(map->ctx, map);
}

size_t mlcm__map_count(const mlcm__map *map) { return map->n_live; }

/* Slot that holds the key, or n_slots when it is absent. */
static size_t find_slot(const mlcm__map *map, uint64_t hash, const void *key, size_t len) {
  if (map->n_slots == 0) return 0;
  const size_t mask = map->n_slots - 1;
  for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
    const uint32_t slot = map->slots[at];
    if (slot == FREE) return map->n_slots;
    if (slot == TOMB) continue;
    const entry *e = &map->entries[slot - FIRST];
    /* never: two keys of one hash of 64 bits, whose seed nobody knows */
    if (e->hash == hash && e->len == len && (len == 0 || memcmp(e->key, key, len) == 0)) return at;
  }
}

static uint64_t hash_of(const mlcm__map *map, const void *key, size_t len) { return mlcm__siphash(map->seed, key, len); }

void *mlcm__map_get(const mlcm__map *map, const void *key, size_t len) {
  const size_t at = find_slot(map, hash_of(map, key, len), key, len);
  return at < map->n_slots ? map->entries[map->slots[at] - FIRST].value : NULL;
}

static void index_entry(uint32_t *slots, size_t n_slots, uint64_t hash, size_t number) {
  const size_t mask = n_slots - 1;
  size_t at = (size_t)hash & mask;
  while (slots[at] != FREE) at = (at + 1) & mask;
  slots[at] = (uint32_t)(FIRST + number);
}

/* Closes the holes and indexes what lives in n_slots fresh slots. */
static void rebuild(mlcm__map *map, uint32_t *slots, size_t n_slots) {
  size_t n = 0;
  for (size_t i = 0; i < map->n_entries; i++) {
    if (!map->entries[i].key) continue;
    map->entries[n] = map->entries[i];
    index_entry(slots, n_slots, map->entries[n].hash, n);
    n++;
  }
  assert(n == map->n_live);
  mlcm__free(map->ctx, map->slots);
  map->slots = slots;
  map->n_slots = n_slots;
  map->n_entries = n;
  map->n_used = n;
}

/* Makes sure that one more entry can be added without failing. */
static mlcm_status make_room(mlcm__map *map, mlcm_error *err) {
  /* never: four thousand million keys */
  if (map->n_live >= UINT32_MAX - FIRST - 1)
    return mlcm__fail(err, MLCM_LIMIT, "a table holds at most %u keys", UINT32_MAX - FIRST - 1);
  if ((map->n_used + 1) * 3 > map->n_slots * 2) {
    size_t n_slots = 8;
    while ((map->n_live + 1) * 2 > n_slots) n_slots *= 2; /* at most half full afterwards */
    uint32_t *slots = mlcm__alloc_zero(map->ctx, n_slots, sizeof *slots);
    if (!slots) return mlcm__fail_memory(err, n_slots * sizeof *slots);
    rebuild(map, slots, n_slots);
  }
  return mlcm__reserve(map->ctx, &map->entries, &map->entries_cap, map->n_entries + 1, sizeof *map->entries, err);
}

mlcm_status mlcm__map_set(mlcm__map *map, const void *key, size_t len, void *value, mlcm_error *err) {
  const uint64_t hash = hash_of(map, key, len);
  const size_t at = find_slot(map, hash, key, len);
  if (at < map->n_slots) {
    map->entries[map->slots[at] - FIRST].value = value;
    return MLCM_OK;
  }
  const mlcm_status st = make_room(map, err);
  if (st) return st;
  char *copy = mlcm__strndup(map->ctx, len ? key : "", len);
  if (!copy) return mlcm__fail_memory(err, len + 1);
  map->entries[map->n_entries] = (entry){copy, len, hash, value};
  index_entry(map->slots, map->n_slots, hash, map->n_entries);
  map->n_entries++;
  map->n_live++;
  map->n_used++;
  return MLCM_OK;
}

void *mlcm__map_remove(mlcm__map *map, const void *key, size_t len) {
  const size_t at = find_slot(map, hash_of(map, key, len), key, len);
  if (at >= map->n_slots) return NULL;
  entry *e = &map->entries[map->slots[at] - FIRST];
  void *value = e->value;
  mlcm__free(map->ctx, e->key);
  *e = (entry){NULL, 0, 0, NULL};
  map->slots[at] = TOMB;
  map->n_live--;
  return value;
}

bool mlcm__map_next(const mlcm__map *map, size_t *cursor, const char **key, size_t *len, void **value) {
  while (*cursor < map->n_entries) {
    const entry *e = &map->entries[(*cursor)++];
    if (!e->key) continue;
    if (key) *key = e->key;
    if (len) *len = e->len;
    if (value) *value = e->value;
    return true;
  }
  return false;
}
