/* SPDX-License-Identifier: Apache-2.0
 *
 * search_keys.c - the table of keys, and finding one in it.
 */
#include "registry/search_keys.h"

#include <string.h>

#include "base/text.h"

enum { V = MLCM__VERSIONS, M = MLCM__MODELS, BOTH = MLCM__VERSIONS | MLCM__MODELS };

/* Spellings of MLflow stand behind our own, so that suggestions name ours first. */
static const mlcm__key keys[] = {
    {"name", BOTH, MLCM__TYPE_TEXT, "m.name", "m.name"},
    {"version", V, MLCM__TYPE_NUMBER, "v.number", NULL},
    {"alias", BOTH, MLCM__TYPE_ALIAS, NULL, NULL},
    {"created", BOTH, MLCM__TYPE_TIME, "v.created_ns", "m.created_ns"},
    {"updated", BOTH, MLCM__TYPE_TIME, "v.updated_ns", "m.updated_ns"},
    {"state", BOTH, MLCM__TYPE_STATE, "(CASE WHEN m.state = 2 THEN 2 ELSE v.state END)", "m.state"},
    {"description", BOTH, MLCM__TYPE_TEXT, "v.description", "m.description"},
    {"actor", BOTH, MLCM__TYPE_TEXT, "v.actor", "m.actor"},
    {"parent", V, MLCM__TYPE_TEXT, "v.parent", NULL},
    {"dataset", V, MLCM__TYPE_TEXT, "v.dataset_digest", NULL},
    {"revision", V, MLCM__TYPE_TEXT, "v.source_revision", NULL},
    {"run", V, MLCM__TYPE_TEXT, "v.run_link", NULL},
    {"digest", V, MLCM__TYPE_TEXT, "(SELECT f.sha256 FROM manifest f WHERE f.id = v.manifest_id)", NULL},
    {"size", V, MLCM__TYPE_NUMBER, "v.size_bytes", NULL},
    {"versions", M, MLCM__TYPE_NUMBER, NULL, "m.n_versions"},
    {"newest", M, MLCM__TYPE_NUMBER, NULL, "m.newest"},
    {"version_number", V, MLCM__TYPE_NUMBER, "v.number", NULL},
    {"creation_timestamp", BOTH, MLCM__TYPE_TIME, "v.created_ns", "m.created_ns"},
    {"last_updated_timestamp", BOTH, MLCM__TYPE_TIME, "v.updated_ns", "m.updated_ns"},
    {"timestamp", BOTH, MLCM__TYPE_TIME, "v.updated_ns", "m.updated_ns"},
};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

static const mlcm__key tag_key = {"tags", BOTH, MLCM__TYPE_TAG, NULL, NULL};
static const mlcm__key metric_key = {"metrics", V, MLCM__TYPE_METRIC, NULL, NULL};

const mlcm__key *mlcm__key_find(mlcm__entity entity, const char *name) {
  for (size_t i = 0; i < N_KEYS; i++) {
    if ((keys[i].entities & (int)entity) && mlcm__same_word(name, keys[i].name)) return &keys[i];
  }
  return NULL;
}

const mlcm__key *mlcm__key_group(mlcm__entity entity, const char *prefix) {
  if (mlcm__same_word(prefix, "tags") || mlcm__same_word(prefix, "tag")) return &tag_key;
  bool is_metric = mlcm__same_word(prefix, "metrics") || mlcm__same_word(prefix, "metric");
  return is_metric && (metric_key.entities & (int)entity) ? &metric_key : NULL;
}

const char *mlcm__key_nearest(mlcm__entity entity, const char *name) {
  const char *names[N_KEYS];
  size_t n = 0;
  for (size_t i = 0; i < N_KEYS; i++) {
    if (keys[i].entities & (int)entity) names[n++] = keys[i].name;
  }
  return mlcm__nearest(name, names, n);
}
