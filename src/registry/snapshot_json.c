/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_json.c - versions and models as JSON for people's tools (docs/formats.md). Not hashed, so numbers are numbers.
 */
#include "base/text.h"
#include "registry/snapshot.h"

static void write_time(mlcm__json *j, const char *key, int64_t wall_ns) {
  char text[40];
  mlcm__format_time(wall_ns, text);
  mlcm__json_string(j, key, text);
}

/* Absent is null, so that "" never has to be told from absent. */
static void write_optional(mlcm__json *j, const char *key, const char *value) {
  mlcm__json_string(j, key, value[0] ? value : NULL);
}

static void write_tags(mlcm__json *j, const mlcm__tags *tags) {
  mlcm__json_object(j, "tags");
  for (size_t i = 0; i < tags->n; i++) mlcm__json_string(j, tags->items[i].key, tags->items[i].value);
  mlcm__json_end(j);
}

static const char *state_name(mlcm_state state) { return state == MLCM_STATE_DELETED ? "deleted" : "ready"; }

static void write_evaluation(mlcm__json *j, const mlcm_evaluation *e) {
  mlcm__json_object(j, NULL);
  mlcm__json_string(j, "name", e->name);
  write_optional(j, "dataset_digest", e->dataset_digest);
  mlcm__json_object(j, "metrics");
  for (size_t i = 0; i < e->n_scores; i++) mlcm__json_f64(j, e->scores[i].metric, e->scores[i].value);
  mlcm__json_end(j);
  mlcm__json_i64(j, "n_samples", e->n_samples);
  write_time(j, "time", e->time_ns);
  mlcm__json_string(j, "actor", e->actor);
  write_optional(j, "reason", e->reason);
  mlcm__json_end(j);
}

static void write_files(mlcm__json *j, const mlcm_version *v) {
  mlcm__json_array(j, "files");
  for (size_t i = 0; i < v->manifest.n; i++) {
    const mlcm__manifest_file *file = &v->manifest.files[i];
    mlcm__json_object(j, NULL);
    mlcm__json_string(j, "path", file->path);
    mlcm__json_i64(j, "size_bytes", file->size_bytes);
    mlcm__json_string(j, "sha256", file->sha256_hex);
    mlcm__json_end(j);
  }
  mlcm__json_end(j);
}

static void write_lineage(mlcm__json *j, const mlcm_version *v) {
  write_optional(j, "parent", v->parent);
  write_optional(j, "dataset_digest", v->dataset_digest);
  write_optional(j, "source_revision", v->source_revision);
  write_optional(j, "run_link", v->run_link);
}

void mlcm__version_write_json(mlcm__json *j, const char *key, const mlcm_version *v) {
  mlcm__json_object(j, key);
  mlcm__json_string(j, "model", v->model);
  mlcm__json_i64(j, "version", v->number);
  mlcm__json_string(j, "state", state_name(v->state));
  write_optional(j, "description", v->description);
  write_time(j, "created", v->created_ns);
  write_time(j, "updated", v->updated_ns);
  mlcm__json_string(j, "actor", v->actor);
  write_optional(j, "reason", v->reason);
  mlcm__json_array(j, "aliases");
  for (size_t i = 0; i < v->n_aliases; i++) mlcm__json_string(j, NULL, v->aliases[i]);
  mlcm__json_end(j);
  write_tags(j, &v->tags);
  write_lineage(j, v);
  mlcm__json_string(j, "scan_verdict", v->scan_verdict);
  mlcm__json_string(j, "manifest_digest", v->manifest_digest);
  mlcm__json_i64(j, "n_files", v->n_files);
  mlcm__json_i64(j, "size_bytes", v->size_bytes);
  if (v->has_files) write_files(j, v);
  mlcm__json_array(j, "evaluations");
  for (size_t i = 0; i < v->n_evaluations; i++) write_evaluation(j, &v->evaluations[i]);
  mlcm__json_end(j);
  mlcm__json_end(j);
}

void mlcm__model_write_json(mlcm__json *j, const char *key, const mlcm_model *m) {
  mlcm__json_object(j, key);
  mlcm__json_string(j, "name", m->name);
  mlcm__json_string(j, "state", state_name(m->state));
  write_optional(j, "description", m->description);
  write_time(j, "created", m->created_ns);
  write_time(j, "updated", m->updated_ns);
  mlcm__json_string(j, "actor", m->actor);
  mlcm__json_i64(j, "newest_version", m->newest);
  mlcm__json_i64(j, "n_versions", m->n_versions);
  mlcm__json_object(j, "aliases");
  for (size_t i = 0; i < m->n_aliases; i++) mlcm__json_i64(j, m->aliases[i].name, m->aliases[i].version);
  mlcm__json_end(j);
  write_tags(j, &m->tags);
  mlcm__json_end(j);
}

mlcm_status mlcm_version_to_json(const mlcm_version *v, char **out, mlcm_error *err) {
  mlcm__buffer text;
  mlcm__json j;
  if (!v || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", v ? "out" : "the version");
  mlcm__buffer_init(&text, v->ctx, MLCM__SNAPSHOT_JSON_MAX);
  mlcm__json_init(&j, &text, false);
  mlcm__version_write_json(&j, NULL, v);
  mlcm_status st = mlcm__buffer_take(&text, "the version's JSON", out, err);
  mlcm__buffer_reset(&text);
  return st;
}

mlcm_status mlcm_model_to_json(const mlcm_model *m, char **out, mlcm_error *err) {
  mlcm__buffer text;
  mlcm__json j;
  if (!m || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", m ? "out" : "the model");
  mlcm__buffer_init(&text, m->ctx, MLCM__SNAPSHOT_JSON_MAX);
  mlcm__json_init(&j, &text, false);
  mlcm__model_write_json(&j, NULL, m);
  mlcm_status st = mlcm__buffer_take(&text, "the model's JSON", out, err);
  mlcm__buffer_reset(&text);
  return st;
}
