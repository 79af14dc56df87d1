/* SPDX-License-Identifier: Apache-2.0
 *
 * map.h - the one hash table: byte-string keys (copied) to pointers (not owned), seeded against crafted collisions.
 */
#ifndef MLCM_BASE_MAP_H
#define MLCM_BASE_MAP_H

#include "context.h"

typedef struct mlcm__map mlcm__map;

mlcm_status mlcm__map_new(mlcm_context *ctx, mlcm__map **out, mlcm_error *err);
void mlcm__map_free(mlcm__map *map);
size_t mlcm__map_count(const mlcm__map *map);
void *mlcm__map_get(const mlcm__map *map, const void *key, size_t len); /* NULL when absent */
mlcm_status mlcm__map_set(mlcm__map *map, const void *key, size_t len, void *value, mlcm_error *err);
void *mlcm__map_remove(mlcm__map *map, const void *key, size_t len);
/* Iterates in insertion order of the surviving keys: start with *cursor = 0; false at the end. */
bool mlcm__map_next(const mlcm__map *map, size_t *cursor, const char **key, size_t *len, void **value);

#endif
