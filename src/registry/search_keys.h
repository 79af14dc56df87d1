/* SPDX-License-Identifier: Apache-2.0
 *
 * search_keys.h - which keys a filter and an order may speak of.
 */
#ifndef MLCM_REGISTRY_SEARCH_KEYS_H
#define MLCM_REGISTRY_SEARCH_KEYS_H

#include "registry/search_lex.h"
#include "registry/search_parse.h"

const mlcm__key *mlcm__key_find(mlcm__entity entity, const char *name);    /* NULL: no such key */
const mlcm__key *mlcm__key_group(mlcm__entity entity, const char *prefix); /* of tags.KEY or metrics.NAME; NULL: none */
const char *mlcm__key_nearest(mlcm__entity entity, const char *name);      /* NULL: none is near */

#endif
