/* SPDX-License-Identifier: Apache-2.0
 *
 * version.c - the version snapshot as the caller sees it.
 */
#include <assert.h>
#include <string.h>

#include "registry/snapshot.h"

void mlcm_version_free(mlcm_version *v) {
  if (!v) return;
  mlcm_context *ctx = v->ctx;
  mlcm__manifest_reset(&v->manifest);
  mlcm__free(ctx, v->tags.items);
  mlcm__free(ctx, v->aliases);
  mlcm__free(ctx, v->evaluations);
  mlcm__free(ctx, v->scores);
  mlcm__arena_reset(&v->arena);
  mlcm__free(ctx, v);
  mlcm__context_release(ctx);
}

const char *mlcm_version_model(const mlcm_version *v) { return v->model; }

int64_t mlcm_version_number(const mlcm_version *v) { return v->number; }

mlcm_state mlcm_version_state(const mlcm_version *v) { return v->state; }

const char *mlcm_version_description(const mlcm_version *v) { return v->description; }

int64_t mlcm_version_created_ns(const mlcm_version *v) { return v->created_ns; }

int64_t mlcm_version_updated_ns(const mlcm_version *v) { return v->updated_ns; }

const char *mlcm_version_actor(const mlcm_version *v) { return v->actor; }

const char *mlcm_version_reason(const mlcm_version *v) { return v->reason; }

const char *mlcm_version_manifest_digest(const mlcm_version *v) { return v->manifest_digest; }

int64_t mlcm_version_size_bytes(const mlcm_version *v) { return v->size_bytes; }

const char *mlcm_version_scan_verdict(const mlcm_version *v) { return v->scan_verdict; }

const char *mlcm_version_parent(const mlcm_version *v) { return v->parent; }

const char *mlcm_version_dataset_digest(const mlcm_version *v) { return v->dataset_digest; }

const char *mlcm_version_source_revision(const mlcm_version *v) { return v->source_revision; }

const char *mlcm_version_run_link(const mlcm_version *v) { return v->run_link; }

size_t mlcm_version_n_files(const mlcm_version *v) { return (size_t)v->n_files; }

mlcm_file mlcm_version_file(const mlcm_version *v, size_t i) {
  if (!v->has_files || i >= v->manifest.n) return (mlcm_file){.path = "", .sha256 = ""};
  const mlcm__manifest_file *file = &v->manifest.files[i];
  return (mlcm_file){.path = file->path, .size_bytes = file->size_bytes, .sha256 = file->sha256_hex};
}

size_t mlcm_version_n_tags(const mlcm_version *v) { return v->tags.n; }

mlcm_tag mlcm_version_tag(const mlcm_version *v, size_t i) {
  assert(i < v->tags.n);
  return v->tags.items[i];
}

const char *mlcm_version_tag_value(const mlcm_version *v, const char *key) { return mlcm__tags_find(&v->tags, key); }

size_t mlcm_version_n_aliases(const mlcm_version *v) { return v->n_aliases; }

const char *mlcm_version_alias(const mlcm_version *v, size_t i) {
  assert(i < v->n_aliases);
  return v->aliases[i];
}

size_t mlcm_version_n_evaluations(const mlcm_version *v) { return v->n_evaluations; }

mlcm_evaluation mlcm_version_evaluation(const mlcm_version *v, size_t i) {
  assert(i < v->n_evaluations);
  return v->evaluations[i];
}

int32_t mlcm_version_metric(const mlcm_version *v, const char *metric, double *out) {
  for (size_t i = v->n_scores; i > 0; i--) { /* the newest evaluation stands last */
    if (strcmp(v->scores[i - 1].metric, metric) == 0) {
      *out = v->scores[i - 1].value;
      return 1;
    }
  }
  return 0;
}
