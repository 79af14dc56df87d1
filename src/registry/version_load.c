/* SPDX-License-Identifier: Apache-2.0
 *
 * version_load.c - one version from its rows. Four queries, each by an index of the version: how many versions the model has does
 * not matter.
 */
#include <stdio.h>

#include "registry/snapshot.h"
#include "registry/sql.h"

static const char version_sql[] =
    "SELECT m.name, v.number, CASE WHEN m.state = 2 THEN 2 ELSE v.state END, v.description, v.created_ns, v.updated_ns, v.actor,"
    " v.reason, f.sha256, v.scan_verdict, v.parent, v.dataset_digest, v.source_revision, v.run_link, v.size_bytes, v.n_files,"
    " v.model_id, CASE WHEN ?2 THEN f.text END"
    " FROM version v JOIN model m ON m.id = v.model_id JOIN manifest f ON f.id = v.manifest_id WHERE v.id = ?1";

/* Columns of it, in order. */
enum { NAME, NUMBER, STATE, DESCRIPTION, CREATED, UPDATED, ACTOR, REASON, DIGEST, VERDICT, PARENT, DATASET, REVISION, RUN };
enum { SIZE = RUN + 1, FILES, MODEL, TEXT };

static mlcm_status keep_texts(mlcm_version *v, mlcm__db_stmt *stmt, mlcm_error *err) {
  const struct {
    int column;
    const char **out;
  } texts[] = {
      {NAME, &v->model},    {DESCRIPTION, &v->description}, {ACTOR, &v->actor},
      {REASON, &v->reason}, {DIGEST, &v->manifest_digest},  {VERDICT, &v->scan_verdict},
      {PARENT, &v->parent}, {DATASET, &v->dataset_digest},  {REVISION, &v->source_revision},
      {RUN, &v->run_link},
  };
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < sizeof texts / sizeof texts[0]; i++)
    st = mlcm__keep_text(&v->arena, stmt, texts[i].column, texts[i].out, err);
  return st;
}

static mlcm_status read_manifest(mlcm_version *v, mlcm__db_stmt *stmt, mlcm_error *err) {
  char what[MLCM_MODEL_NAME_MAX + 32];
  size_t len = 0;
  const void *text = mlcm__db_blob(stmt, TEXT, &len);
  (void)snprintf(what, sizeof what, "%s/%lld", v->model, (long long)v->number);
  mlcm_status st = mlcm__manifest_parse(v->ctx, what, text, len, v->manifest_digest, &v->manifest, err);
  if (!st && (int64_t)v->manifest.n != v->n_files) {
    st = mlcm__fail(err, MLCM_CORRUPT, "%s: its row says %lld files, its manifest %zu", what, (long long)v->n_files,
                    v->manifest.n);
  }
  if (!st) v->has_files = true;
  return st;
}

static mlcm_status load_row(mlcm__db_conn *conn, int64_t id, bool with_files, mlcm_version *v, int64_t *model_id,
                            mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, version_sql, MLCM__BIND(mlcm__i64(id), mlcm__i64(with_files)), &stmt, &row, err);
  if (!st && !row) st = mlcm__fail(err, MLCM_CORRUPT, "version row %lld or its manifest is missing", (long long)id);
  if (!st) {
    v->number = mlcm__db_i64(stmt, NUMBER);
    v->state = (mlcm_state)mlcm__db_i64(stmt, STATE);
    v->created_ns = mlcm__db_i64(stmt, CREATED);
    v->updated_ns = mlcm__db_i64(stmt, UPDATED);
    v->size_bytes = mlcm__db_i64(stmt, SIZE);
    v->n_files = mlcm__db_i64(stmt, FILES);
    *model_id = mlcm__db_i64(stmt, MODEL);
    st = keep_texts(v, stmt, err);
  }
  if (!st && with_files) st = read_manifest(v, stmt, err);
  mlcm__db_reset(stmt);
  return st;
}

static mlcm_status add_alias(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm_version *v = user;
  mlcm_status st = mlcm__reserve(v->ctx, &v->aliases, &v->cap_aliases, v->n_aliases + 1, sizeof v->aliases[0], err);
  if (!st) st = mlcm__keep_text(&v->arena, stmt, 0, &v->aliases[v->n_aliases], err);
  if (!st) v->n_aliases++;
  return st;
}

static mlcm_status load_aliases(mlcm__db_conn *conn, int64_t model_id, mlcm_version *v, mlcm_error *err) {
  return mlcm__sql_each(conn, "SELECT name FROM alias WHERE model_id = ?1 AND version = ?2 ORDER BY name",
                        MLCM__BIND(mlcm__i64(model_id), mlcm__i64(v->number)), add_alias, v, err);
}

/* One row a score, ordered by evaluation: a new id opens the next evaluation. */
static const char evaluation_sql[] =
    "SELECT e.id, e.name, e.dataset_digest, e.n_samples, e.time_ns, e.actor, e.reason, s.metric, s.value"
    " FROM evaluation e JOIN evaluation_score s ON s.evaluation_id = e.id WHERE e.version_id = ?1 ORDER BY e.id, s.metric";

static mlcm_status open_evaluation(mlcm_version *v, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm_evaluation e = {.n_samples = mlcm__db_i64(stmt, 3), .time_ns = mlcm__db_i64(stmt, 4)};
  mlcm_status st =
      mlcm__reserve(v->ctx, &v->evaluations, &v->cap_evaluations, v->n_evaluations + 1, sizeof v->evaluations[0], err);
  if (!st) st = mlcm__keep_text(&v->arena, stmt, 1, &e.name, err);
  if (!st) st = mlcm__keep_text(&v->arena, stmt, 2, &e.dataset_digest, err);
  if (!st) st = mlcm__keep_text(&v->arena, stmt, 5, &e.actor, err);
  if (!st) st = mlcm__keep_text(&v->arena, stmt, 6, &e.reason, err);
  if (!st) v->evaluations[v->n_evaluations++] = e;
  return st;
}

static mlcm_status add_score(mlcm_version *v, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm_status st = mlcm__reserve(v->ctx, &v->scores, &v->cap_scores, v->n_scores + 1, sizeof v->scores[0], err);
  if (!st) st = mlcm__keep_text(&v->arena, stmt, 7, &v->scores[v->n_scores].metric, err);
  if (st) return st;
  v->scores[v->n_scores].value = mlcm__db_f64(stmt, 8);
  v->n_scores++;
  v->evaluations[v->n_evaluations - 1].n_scores++;
  return MLCM_OK;
}

/* Evaluations on their way in. */
typedef struct scoring {
  mlcm_version *v;
  int64_t evaluation_id; /* of the row before; ids count from 1 */
} scoring;

static mlcm_status add_row(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  scoring *s = user;
  int64_t id = mlcm__db_i64(stmt, 0);
  mlcm_status st = id == s->evaluation_id ? MLCM_OK : open_evaluation(s->v, stmt, err);
  s->evaluation_id = id;
  return st ? st : add_score(s->v, stmt, err);
}

static mlcm_status load_evaluations(mlcm__db_conn *conn, int64_t version_id, mlcm_version *v, mlcm_error *err) {
  scoring s = {.v = v};
  mlcm_status st = mlcm__sql_each(conn, evaluation_sql, MLCM__BIND(mlcm__i64(version_id)), add_row, &s, err);
  size_t first = 0; /* the array has its last place only now */
  for (size_t i = 0; !st && i < v->n_evaluations; i++) {
    v->evaluations[i].scores = &v->scores[first];
    first += v->evaluations[i].n_scores;
  }
  return st;
}

mlcm_status mlcm__version_load(mlcm__db_conn *conn, int64_t version_id, bool with_files, mlcm_version **out, mlcm_error *err) {
  mlcm_context *ctx = mlcm__db_context(conn);
  int64_t model_id = 0;
  mlcm_version *v = mlcm__alloc_zero(ctx, 1, sizeof *v);
  if (!v) return mlcm__fail_memory(err, sizeof *v);
  v->ctx = mlcm__context_retain(ctx);
  mlcm__arena_init(&v->arena, ctx);
  mlcm__manifest_init(&v->manifest, ctx);
  mlcm_status st = load_row(conn, version_id, with_files, v, &model_id, err);
  if (!st) {
    st = mlcm__tags_load(conn, "SELECT key, value FROM version_tag WHERE version_id = ?1 ORDER BY key", version_id, &v->arena,
                         &v->tags, err);
  }
  if (!st) st = load_aliases(conn, model_id, v, err);
  if (!st) st = load_evaluations(conn, version_id, v, err);
  if (!st) {
    *out = v;
    v = NULL;
  }
  mlcm_version_free(v);
  return st;
}
