/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.h - what mlcm_version and mlcm_model are made of, and how they are read from the database.
 *
 * A snapshot is filled once and never changed. Texts live in its arena, arrays are its own; it holds the context, not the
 * registry.
 */
#ifndef MLCM_REGISTRY_SNAPSHOT_H
#define MLCM_REGISTRY_SNAPSHOT_H

#include "base/arena.h"
#include "base/json.h"
#include "registry/manifest.h"
#include "registry/registry.h"

typedef struct mlcm__tags {
  mlcm_tag *items; /* sorted by key */
  size_t n;
  size_t cap;
} mlcm__tags;

struct mlcm_version {
  mlcm_context *ctx;
  mlcm__arena arena;
  const char *model;
  int64_t number;
  mlcm_state state; /* deleted also when the model is */
  const char *description;
  int64_t created_ns;
  int64_t updated_ns;
  const char *actor;
  const char *reason;
  const char *manifest_digest;
  const char *scan_verdict;
  const char *parent;
  const char *dataset_digest;
  const char *source_revision;
  const char *run_link;
  int64_t size_bytes;
  int64_t n_files;
  bool has_files; /* manifest was read */
  mlcm__manifest manifest;
  mlcm__tags tags;
  const char **aliases; /* sorted */
  size_t n_aliases;
  size_t cap_aliases;
  mlcm_evaluation *evaluations; /* oldest first */
  size_t n_evaluations;
  size_t cap_evaluations;
  mlcm_score *scores; /* of all evaluations, which point into it */
  size_t n_scores;
  size_t cap_scores;
};

struct mlcm_model {
  mlcm_context *ctx;
  mlcm__arena arena;
  const char *name;
  const char *description;
  mlcm_state state;
  int64_t created_ns;
  int64_t updated_ns;
  const char *actor;
  int64_t newest;
  int64_t n_versions;
  mlcm__tags tags;
  mlcm_alias *aliases; /* sorted by name */
  size_t n_aliases;
  size_t cap_aliases;
};

/* Reads a version by row id; without files a page is cheap however many each version has. */
mlcm_status mlcm__version_load(mlcm__db_conn *conn, int64_t version_id, bool with_files, mlcm_version **out, mlcm_error *err);
mlcm_status mlcm__model_load(mlcm__db_conn *conn, int64_t model_id, mlcm_model **out, mlcm_error *err);

/* Text column of the current row, kept in the arena; NULL is kept as "". */
mlcm_status mlcm__keep_text(mlcm__arena *arena, mlcm__db_stmt *stmt, int column, const char **out, mlcm_error *err);
/* Rows (key, value) of `sql` with ?1 = id. */
mlcm_status mlcm__tags_load(mlcm__db_conn *conn, const char *sql, int64_t id, mlcm__arena *arena, mlcm__tags *out,
                            mlcm_error *err);
const char *mlcm__tags_find(const mlcm__tags *tags, const char *key);

/* The snapshots as JSON objects into a writer (key NULL inside arrays and at the top). */
void mlcm__version_write_json(mlcm__json *j, const char *key, const mlcm_version *v);
void mlcm__model_write_json(mlcm__json *j, const char *key, const mlcm_model *m);
enum { MLCM__SNAPSHOT_JSON_MAX = 1 << 30 };

#endif
