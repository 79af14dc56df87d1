/* SPDX-License-Identifier: Apache-2.0
 *
 * evaluate.c - appending an evaluation: all scores, and the newest value of each metric for search.
 */
#include <math.h>
#include <string.h>

#include "registry/detail.h"
#include "registry/names.h"
#include "registry/registry.h"
#include "registry/sql.h"

static mlcm_status check_scores(const mlcm_evaluation *e, mlcm_error *err) {
  if (e->n_scores < 1 || !e->scores)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "evaluation '%s' has no metric values", e->name);
  if (e->n_scores > MLCM_SCORES_MAX) {
    return mlcm__fail(err, MLCM_LIMIT, "evaluation '%s' has %zu metric values, more than the %d allowed", e->name, e->n_scores,
                      (int)MLCM_SCORES_MAX);
  }
  for (size_t i = 0; i < e->n_scores; i++) {
    mlcm_status st = mlcm__check_key(e->scores[i].metric, "metric", err);
    if (st) return st;
    if (!isfinite(e->scores[i].value)) {
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "metric '%s' is not a finite number: nothing measured is no value",
                        e->scores[i].metric);
    }
    for (size_t j = 0; j < i; j++) {
      if (strcmp(e->scores[i].metric, e->scores[j].metric) == 0) {
        return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "metric '%s' is given twice", e->scores[i].metric);
      }
    }
  }
  return MLCM_OK;
}

static mlcm_status check_evaluation(const mlcm_evaluation *e, mlcm_error *err) {
  if (!e) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the evaluation is NULL");
  mlcm_status st = mlcm__check_key(e->name, "evaluation", err);
  if (!st) st = mlcm__check_digest(e->dataset_digest, "the dataset digest", err);
  if (!st && e->n_samples < 0) st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "n_samples is negative");
  return st ? st : check_scores(e, err);
}

static mlcm_status insert_evaluation(mlcm__db_conn *conn, mlcm_registry *reg, int64_t version_id, const mlcm_evaluation *e,
                                     int64_t now, const mlcm_attribution *by, int64_t *out_id, mlcm_error *err) {
  mlcm_status st =
      mlcm__sql_run(conn,
                    "INSERT INTO evaluation (version_id, name, dataset_digest, n_samples, time_ns, actor, reason)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    MLCM__BIND(mlcm__i64(version_id), mlcm__text(e->name), mlcm__text(e->dataset_digest ? e->dataset_digest : ""),
                               mlcm__i64(e->n_samples), mlcm__i64(now), mlcm__text(mlcm__registry_actor_of(reg, by)),
                               mlcm__text(mlcm__registry_reason_of(by))),
                    err);
  if (!st) *out_id = mlcm__db_last_id(conn);
  return st;
}

static mlcm_status insert_score(mlcm__db_conn *conn, int64_t version_id, int64_t evaluation_id, const mlcm_score *score,
                                mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(conn, "INSERT INTO evaluation_score (evaluation_id, metric, value) VALUES (?1, ?2, ?3)",
                                 MLCM__BIND(mlcm__i64(evaluation_id), mlcm__text(score->metric), mlcm__f64(score->value)), err);
  if (st) return st;
  return mlcm__sql_run(conn,
                       "INSERT INTO metric (version_id, name, value) VALUES (?1, ?2, ?3)"
                       " ON CONFLICT (version_id, name) DO UPDATE SET value = excluded.value",
                       MLCM__BIND(mlcm__i64(version_id), mlcm__text(score->metric), mlcm__f64(score->value)), err);
}

/* Doubles as hexadecimal floats: this text is hashed into the audit log. */
static mlcm_status record(mlcm__db_conn *conn, mlcm_registry *reg, const char *model, int64_t version, const mlcm_evaluation *e,
                          int64_t now, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__detail detail;
  mlcm__detail_open(&detail, reg->ctx);
  mlcm__json_string(&detail.json, "dataset", e->dataset_digest && e->dataset_digest[0] ? e->dataset_digest : NULL);
  mlcm__json_string(&detail.json, "evaluation", e->name);
  mlcm__json_array(&detail.json, "metrics");
  for (size_t i = 0; i < e->n_scores; i++) {
    mlcm__json_object(&detail.json, NULL);
    mlcm__json_string(&detail.json, "name", e->scores[i].metric);
    mlcm__json_hexf64(&detail.json, "value", e->scores[i].value);
    mlcm__json_end(&detail.json);
  }
  mlcm__json_end(&detail.json);
  mlcm__json_i64(&detail.json, "samples", e->n_samples);
  mlcm__record change = {
      .kind = "version.evaluated", .object_kind = "version", .model = model, .version = version, .time_ns = now};
  return mlcm__detail_record(&detail, conn, reg, change, by, NULL, err);
}

static mlcm_status evaluate_in(mlcm__db_conn *conn, mlcm_registry *reg, const char *model, int64_t version,
                               const mlcm_evaluation *e, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__model_row row;
  int64_t version_id = 0;
  int64_t evaluation_id = 0;
  int64_t now = mlcm__wall_ns(reg->ctx);
  mlcm_status st = mlcm__model_find_ready(conn, model, &row, err);
  if (!st) st = mlcm__version_find_ready(conn, &row, model, version, &version_id, err);
  if (!st) st = insert_evaluation(conn, reg, version_id, e, now, by, &evaluation_id, err);
  for (size_t i = 0; !st && i < e->n_scores; i++) st = insert_score(conn, version_id, evaluation_id, &e->scores[i], err);
  return st ? st : record(conn, reg, model, version, e, now, by, err);
}

mlcm_status mlcm_evaluate(mlcm_registry *reg, const char *model, int64_t version, const mlcm_evaluation *evaluation,
                          const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  if (!reg || !model) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "model" : "reg");
  mlcm_status st = mlcm__check_version_number(version, err);
  if (!st) st = check_evaluation(evaluation, err);
  if (!st) st = mlcm__check_attribution(by, err);
  if (!st) st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = evaluate_in(conn, reg, model, version, evaluation, by, err);
  if (!st) st = mlcm__registry_commit(reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}
