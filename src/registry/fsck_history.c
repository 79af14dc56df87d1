/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_history.c - rows against what the change feed says was done to them: who registered a version and when, descriptions, tags
 * that were set one by one, evaluations.
 *
 * The feed is held against the audit log by fsck_audit.c, so that a row that agrees with its event agrees with the log. What came
 * with a registration and was not touched since is fsck_given.c's.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "registry/fsck.h"
#include "registry/sql.h"

/* ---- checks that are one query ---- */

static const mlcm__fsck_query queries[] = {
    {"version",
     "SELECT m.name || '/' || v.number, e.actor || ' at ' || e.time_ns, v.actor || ' at ' || v.created_ns, e.audit_seq"
     " FROM event e JOIN model m ON m.name = e.model JOIN version v ON v.model_id = m.id AND v.number = e.version"
     " WHERE e.kind = 'version.registered' AND (v.actor <> e.actor OR v.created_ns <> e.time_ns)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say who registered it and when, as the change feed does", NULL},
    {"version",
     "WITH last AS (SELECT model, version, max(seq) AS seq FROM event WHERE kind = 'version.described' GROUP BY model, version)"
     " SELECT m.name || '/' || v.number || ' description', json_extract(e.detail, '$.description'), v.description, e.audit_seq"
     " FROM last"
     " JOIN event e ON e.seq = last.seq JOIN model m ON m.name = e.model"
     " JOIN version v ON v.model_id = m.id AND v.number = e.version"
     " WHERE v.description <> json_extract(e.detail, '$.description')",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the description is not the one that was given last", NULL},
    {"model",
     "WITH last AS (SELECT model, max(seq) AS seq FROM event WHERE kind = 'model.described' GROUP BY model)"
     " SELECT 'model ' || m.name || ' description', json_extract(e.detail, '$.description'), m.description, e.audit_seq FROM last"
     " JOIN event e ON e.seq = last.seq JOIN model m ON m.name = e.model"
     " WHERE m.description <> json_extract(e.detail, '$.description')",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the description is not the one that was given last", NULL},
    {"version_tag",
     "WITH last AS (SELECT model, version, json_extract(detail, '$.key') AS key, max(seq) AS seq FROM event"
     "  WHERE kind IN ('version.tag_set', 'version.tag_deleted') GROUP BY 1, 2, 3)"
     " SELECT m.name || '/' || v.number || ' tag ' || last.key, coalesce(json_extract(e.detail, '$.value'), 'no tag'),"
     "  coalesce(t.value, 'no tag'), e.audit_seq FROM last"
     " JOIN event e ON e.seq = last.seq JOIN model m ON m.name = e.model"
     " JOIN version v ON v.model_id = m.id AND v.number = e.version"
     " LEFT JOIN version_tag t ON t.version_id = v.id AND t.key = last.key"
     " WHERE t.value IS NOT json_extract(e.detail, '$.value')",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the tag is not as it was set last", NULL},
    {"model_tag",
     "WITH last AS (SELECT model, json_extract(detail, '$.key') AS key, max(seq) AS seq FROM event"
     "  WHERE kind IN ('model.tag_set', 'model.tag_deleted') GROUP BY 1, 2)"
     " SELECT 'model ' || m.name || ' tag ' || last.key, coalesce(json_extract(e.detail, '$.value'), 'no tag'),"
     "  coalesce(t.value, 'no tag'), e.audit_seq FROM last JOIN event e ON e.seq = last.seq JOIN model m ON m.name = e.model"
     " LEFT JOIN model_tag t ON t.model_id = m.id AND t.key = last.key WHERE t.value IS NOT json_extract(e.detail, '$.value')",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the tag is not as it was set last", NULL},
};

/* ---- evaluations: the n-th row belongs to the n-th event of its kind, both are only appended ---- */

typedef struct pairs {
  mlcm__fsck *f;
  mlcm__db_stmt *evaluations; /* id, version_id, model, number, name, n_samples, dataset */
  mlcm__db_stmt *events;      /* model, version, detail, audit_seq */
  bool has_evaluation, has_event;
} pairs;

static mlcm_status tell_evaluation(pairs *p, const char *problem, mlcm_error *err) {
  char object[MLCM_MODEL_NAME_MAX + MLCM_TAG_KEY_MAX + 64], key[24];
  mlcm__db_stmt *e = p->evaluations;
  (void)snprintf(object, sizeof object, "%s/%lld evaluation %s", mlcm__db_text(e, 2), (long long)mlcm__db_i64(e, 3),
                 mlcm__db_text(e, 4));
  int len = snprintf(key, sizeof key, "%lld", (long long)mlcm__db_i64(e, 1));
  mlcm_status st = mlcm__map_set(p->f->confused, key, (size_t)len, p, err);
  return st ? st
            : mlcm__fsck_say(p->f, MLCM_DAMAGE_ROW, object, "the change feed has the values; a backup has the row", err, "%s",
                             problem);
}

/* Whether canonical JSON `detail` has this piece of text. */
static bool has_piece(const char *detail, const char *piece) {
  return strstr(detail, piece) != NULL;
}

/* The scores of one evaluation against the detail of its event. */
typedef struct scores {
  const char *detail;
  size_t n;
  bool same;
} scores;

static mlcm_status check_score(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  scores *s = user;
  char value[32], piece[MLCM_TAG_KEY_MAX + 96];
  (void)err;
  mlcm__format_hexf64(mlcm__db_f64(stmt, 1), value);
  (void)snprintf(piece, sizeof piece, "{\"name\":\"%s\",\"value\":\"%s\"}", mlcm__db_text(stmt, 0), value);
  s->n++;
  s->same = s->same && has_piece(s->detail, piece);
  return MLCM_OK;
}

static mlcm_status check_scores(pairs *p, const char *detail, mlcm_error *err) {
  scores s = {.detail = detail, .same = true};
  size_t n_logged = 0;
  mlcm_status st = mlcm__sql_each(p->f->conn, "SELECT metric, value FROM evaluation_score WHERE evaluation_id = ?1",
                                  MLCM__BIND(mlcm__i64(mlcm__db_i64(p->evaluations, 0))), check_score, &s, err);
  for (const char *at = detail; (at = strstr(at, "{\"name\":\"")) != NULL; at++) n_logged++;
  return !st && (!s.same || s.n != n_logged) ? tell_evaluation(p, "its metric values are not those that were recorded", err) : st;
}

static mlcm_status check_pair(pairs *p, mlcm_error *err) {
  mlcm__db_stmt *e = p->evaluations, *event = p->events;
  char name[MLCM_TAG_KEY_MAX + 32], samples[64];
  const char *detail = mlcm__db_text(event, 2);
  const char *dataset = mlcm__db_text(e, 6);
  (void)snprintf(name, sizeof name, "\"evaluation\":\"%s\"", mlcm__db_text(e, 4));
  (void)snprintf(samples, sizeof samples, "\"samples\":%lld}", (long long)mlcm__db_i64(e, 5));
  bool same = strcmp(mlcm__db_text(e, 2), mlcm__db_text(event, 0)) == 0 && mlcm__db_i64(e, 3) == mlcm__db_i64(event, 1) &&
              has_piece(detail, name) && has_piece(detail, samples) && (!dataset[0] || has_piece(detail, dataset));
  if (!same) return tell_evaluation(p, "its row is not what was recorded", err);
  return check_scores(p, detail, err);
}

static mlcm_status check_evaluations(mlcm__fsck *f, mlcm_error *err) {
  pairs p = {.f = f};
  mlcm_status st =
      mlcm__sql_first(f->conn,
                      "SELECT e.id, e.version_id, m.name, v.number, e.name, e.n_samples, e.dataset_digest FROM evaluation e"
                      " JOIN version v ON v.id = e.version_id JOIN model m ON m.id = v.model_id ORDER BY e.id",
                      MLCM__NO_BIND, &p.evaluations, &p.has_evaluation, err);
  if (!st) {
    st = mlcm__sql_first(f->conn,
                         "SELECT model, version, detail, audit_seq FROM event WHERE kind = 'version.evaluated' ORDER BY seq",
                         MLCM__NO_BIND, &p.events, &p.has_event, err);
  }
  while (!st && p.has_evaluation && p.has_event) {
    st = check_pair(&p, err);
    if (!st) st = mlcm__db_step(p.evaluations, &p.has_evaluation, err);
    if (!st) st = mlcm__db_step(p.events, &p.has_event, err);
  }
  if (!st && p.has_evaluation) st = tell_evaluation(&p, "no change of the feed made it", err);
  if (!st && p.has_event) {
    st = mlcm__fsck_say(f, MLCM_DAMAGE_ROW, "table evaluation", "only a backup has it", err,
                        "the row of an evaluation of %s/%lld is gone (audit entry %lld)", mlcm__db_text(p.events, 0),
                        (long long)mlcm__db_i64(p.events, 1), (long long)mlcm__db_i64(p.events, 3));
  }
  mlcm__db_reset(p.events);
  mlcm__db_reset(p.evaluations);
  return st;
}

mlcm_status mlcm__fsck_history(mlcm__fsck *f, mlcm_error *err) {
  mlcm_status st = mlcm__fsck_ask(f, queries, sizeof queries / sizeof queries[0], err);
  if (!st) st = mlcm__fsck_try(f, mlcm__fsck_given, "tags and descriptions given at registration", err);
  return st ? st : mlcm__fsck_try(f, check_evaluations, "table evaluation", err);
}
