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

/* The newest event of each version, or with version 0 of each model, that counts as a change of it; events of `kinds` only. */
#define LAST_CHANGE_SQL(kinds)                                                                                                   \
  "(SELECT model, version, time_ns, audit_seq, max(seq) FROM event WHERE kind IN (" kinds ") GROUP BY "

static const mlcm__fsck_query queries[] = {
    {"audit_head", "SELECT 'audit head', 'one row, 1', 'row ' || id, 0 FROM audit_head WHERE id <> 1", MLCM_DAMAGE_AUDIT,
     MLCM__FIX_NONE, "the log has a second head, which nothing reads", "row 1 is the head: a person may remove the other"},
    {"event",
     "SELECT 'event ' || seq, CAST(audit_seq AS TEXT), CAST(seq AS TEXT), audit_seq FROM event"
     " WHERE seq <> audit_seq AND audit_seq IN (SELECT seq FROM audit_entry)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its number is not that of its audit entry", NULL},
    {"model",
     "SELECT 'model ' || m.name, e.actor || ' at ' || e.time_ns, m.actor || ' at ' || m.created_ns, e.audit_seq FROM event e"
     " JOIN model m ON m.name = e.model WHERE e.kind = 'model.created' AND (m.actor <> e.actor OR m.created_ns <> e.time_ns)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say who made it and when, as the change feed does", NULL},
    {"model",
     "SELECT 'model ' || e.model, 'a row', 'none', e.audit_seq FROM event e WHERE e.kind = 'model.created'"
     " AND NOT EXISTS (SELECT 1 FROM model m WHERE m.name = e.model)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the model is gone, and the change feed did not remove it", "only a backup has it"},
    {"model",
     "SELECT 'model ' || m.name, 'no row', 'a row', 0 FROM model m"
     " WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.kind = 'model.created' AND e.model = m.name)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "no change of the feed made it", "a backup says under which name it was made, if it was"},
    {"model",
     "SELECT 'model ' || m.name, CAST(e.time_ns AS TEXT), CAST(m.updated_ns AS TEXT), e.audit_seq FROM model m"
     " JOIN " LAST_CHANGE_SQL("'model.created', 'model.described', 'model.deleted', 'model.restored', 'version.registered',"
                              " 'version.deleted', 'version.restored'") "model) e ON e.model = m.name"
     " WHERE m.updated_ns <> e.time_ns",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say when it was changed last, as the change feed does", NULL},
    {"version",
     "SELECT m.name || '/' || v.number, CAST(e.time_ns AS TEXT), CAST(v.updated_ns AS TEXT), e.audit_seq FROM version v"
     " JOIN model m ON m.id = v.model_id"
     " JOIN " LAST_CHANGE_SQL("'version.registered', 'version.described', 'version.deleted', 'version.restored'")
     "model, version) e ON e.model = m.name AND e.version = v.number WHERE v.updated_ns <> e.time_ns",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say when it was changed last, as the change feed does", NULL},
    {"version",
     "SELECT m.name || '/' || v.number, 'reason ' || e.reason, 'reason ' || v.reason, e.audit_seq FROM event e"
     " JOIN model m ON m.name = e.model JOIN version v ON v.model_id = m.id AND v.number = e.version"
     " WHERE e.kind = 'version.registered' AND v.reason <> e.reason",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say why it was registered, as the change feed does", NULL},
    {"version",
     "SELECT m.name || '/' || v.number, 'unscanned', v.scan_verdict, 0 FROM version v JOIN model m ON m.id = v.model_id"
     " WHERE v.scan_verdict <> 'unscanned'",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "it has the verdict of a scan that was never made", "nothing scans yet: it is unscanned"},
    {"version",
     "SELECT m.name || '/' || v.number, '1 or 2', CAST(v.state AS TEXT), 0 FROM version v JOIN model m ON m.id = v.model_id"
     " WHERE v.state NOT IN (1, 2) UNION ALL SELECT 'model ' || name, '1 or 2', CAST(state AS TEXT), 0 FROM model"
     " WHERE state NOT IN (1, 2)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "it is neither ready nor deleted", "the change feed says which; a backup has the row"},
    {"policy",
     "SELECT 'policy ' || substr(p.sha256, 1, 16), coalesce(e.actor || ' at ' || e.time_ns, 'no policy'),"
     " p.actor || ' at ' || p.created_ns, coalesce(e.audit_seq, 0) FROM policy p LEFT JOIN event e ON e.kind = 'policy.kept'"
     " AND instr(e.detail, '\"' || p.sha256 || '\"') WHERE p.actor <> e.actor OR p.created_ns <> e.time_ns"
     " OR (e.seq IS NULL AND NOT EXISTS (SELECT 1 FROM audit_entry a LEFT JOIN event g ON g.seq = a.seq AND g.audit_seq = a.seq"
     "  WHERE g.seq IS NULL))",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say who kept it and when, as the change feed does",
     "a backup has the row; keeping the text again makes it anew once the row is gone"},
    {"policy",
     "SELECT 'policy ' || substr(e.sha256, 1, 16), 'a row', 'none', e.audit_seq FROM (SELECT audit_seq,"
     " CASE WHEN json_valid(detail) THEN json_extract(detail, '$.policy') END AS sha256 FROM event WHERE kind = 'policy.kept') e"
     " LEFT JOIN policy p ON p.sha256 = e.sha256 WHERE e.sha256 IS NOT NULL AND p.id IS NULL",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the policy is gone", "a backup has it; keeping the same text again brings it back"},
    {"model_tag",
     "SELECT 'model ' || m.name || ' tag ' || t.key, 'no tag', t.value, 0 FROM model_tag t JOIN model m ON m.id = t.model_id"
     " WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.kind = 'model.tag_set' AND e.model = m.name AND json_valid(e.detail)"
     "  AND json_extract(e.detail, '$.key') = t.key)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "no change of the feed set this tag", "nobody set it: it may be removed (mlcm tag)"},
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

/* ---- evaluations: rows and events of their kind are both only appended, so they come in the same order ---- */

typedef struct pairs {
  mlcm__fsck *f;
  mlcm__db_stmt *evaluations; /* id, version_id, model, number, name, n_samples, dataset, time_ns, actor, reason */
  mlcm__db_stmt *events;      /* model, version, detail, audit_seq, time_ns, actor, reason, version_id */
  bool has_evaluation, has_event;
  int64_t n_evaluations, n_events; /* still to come, those in hand included */
} pairs;

/* What search sees of this version cannot be made anew from its evaluations. */
static mlcm_status confuse(pairs *p, int64_t version_id, mlcm_error *err) {
  char key[24];
  int len = snprintf(key, sizeof key, "%lld", (long long)version_id);
  return mlcm__map_set(p->f->confused, key, (size_t)len, p, err);
}

static mlcm_status tell_evaluation(pairs *p, const char *problem, mlcm_error *err) {
  char object[MLCM_MODEL_NAME_MAX + MLCM_TAG_KEY_MAX + 64];
  mlcm__db_stmt *e = p->evaluations;
  (void)snprintf(object, sizeof object, "%s/%lld evaluation %s", mlcm__db_text(e, 2), (long long)mlcm__db_i64(e, 3),
                 mlcm__db_text(e, 4));
  mlcm_status st = confuse(p, mlcm__db_i64(e, 1), err);
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

/* Whether row and event in hand are of one evaluation, as far as that can be told from whose it is and what it is called. */
static bool belong_together(const pairs *p) {
  char name[MLCM_TAG_KEY_MAX + 32];
  mlcm__db_stmt *e = p->evaluations, *event = p->events;
  (void)snprintf(name, sizeof name, "\"evaluation\":\"%s\"", mlcm__db_text(e, 4));
  return strcmp(mlcm__db_text(e, 2), mlcm__db_text(event, 0)) == 0 && mlcm__db_i64(e, 3) == mlcm__db_i64(event, 1) &&
         mlcm__db_i64(e, 7) == mlcm__db_i64(event, 4) && has_piece(mlcm__db_text(event, 2), name);
}

static mlcm_status check_pair(pairs *p, mlcm_error *err) {
  mlcm__db_stmt *e = p->evaluations, *event = p->events;
  char dataset[MLCM_TAG_KEY_MAX + 96], samples[64];
  const char *detail = mlcm__db_text(event, 2), *quote = mlcm__db_text(e, 6)[0] ? "\"" : "";
  (void)snprintf(dataset, sizeof dataset, "\"dataset\":%s%s%s,", quote, quote[0] ? mlcm__db_text(e, 6) : "null", quote);
  (void)snprintf(samples, sizeof samples, "\"samples\":%lld}", (long long)mlcm__db_i64(e, 5));
  bool same = belong_together(p) && has_piece(detail, dataset) && has_piece(detail, samples) &&
              strcmp(mlcm__db_text(e, 8), mlcm__db_text(event, 5)) == 0 &&
              strcmp(mlcm__db_text(e, 9), mlcm__db_text(event, 6)) == 0;
  if (same) return check_scores(p, detail, err);
  mlcm_status st = confuse(p, mlcm__db_i64(event, 7), err); /* the row may stand at another version than it was made for */
  return st ? st : tell_evaluation(p, "its row is not what was recorded", err);
}

static mlcm_status next_evaluation(pairs *p, mlcm_error *err) {
  p->n_evaluations--;
  return mlcm__db_step(p->evaluations, &p->has_evaluation, err);
}

static mlcm_status next_event(pairs *p, mlcm_error *err) {
  p->n_events--;
  return mlcm__db_step(p->events, &p->has_event, err);
}

static mlcm_status tell_lost(pairs *p, mlcm_error *err) {
  char object[MLCM_MODEL_NAME_MAX + MLCM_TAG_KEY_MAX + 64];
  const char *model = mlcm__db_text(p->events, 0), *detail = mlcm__db_text(p->events, 2);
  const char *name = strstr(detail, "\"evaluation\":\"");
  name = name ? name + strlen("\"evaluation\":\"") : "";
  (void)snprintf(object, sizeof object, "%s/%lld evaluation %.*s", model, (long long)mlcm__db_i64(p->events, 1),
                 (int)strcspn(name, "\""), name);
  mlcm_status st = confuse(p, mlcm__db_i64(p->events, 7), err);
  return st ? st
            : mlcm__fsck_say(p->f, MLCM_DAMAGE_ROW, object, "only a backup has it", err, "its row is gone (audit entry %lld)",
                             (long long)mlcm__db_i64(p->events, 3));
}

/* Where the two do not belong together, the longer list has one that the other has not. */
static mlcm_status check_next(pairs *p, mlcm_error *err) {
  const bool both = p->has_evaluation && p->has_event, same = both && belong_together(p);
  mlcm_status st = MLCM_OK;
  if (both && (same || p->n_evaluations == p->n_events)) {
    st = check_pair(p, err);
    if (!st) st = next_evaluation(p, err);
    return st ? st : next_event(p, err);
  }
  if (!p->has_event || (both && p->n_evaluations > p->n_events)) {
    st = tell_evaluation(p, "no change of the feed made it", err);
    return st ? st : next_evaluation(p, err);
  }
  st = tell_lost(p, err);
  return st ? st : next_event(p, err);
}

#define EVALUATIONS_SQL " FROM evaluation e JOIN version v ON v.id = e.version_id JOIN model m ON m.id = v.model_id"
#define EVENTS_SQL                                                                                                               \
  " FROM event e LEFT JOIN model m ON m.name = e.model LEFT JOIN version v ON v.model_id = m.id AND v.number = e.version"        \
  " WHERE e.kind = 'version.evaluated'"

static mlcm_status begin(pairs *p, mlcm_error *err) {
  bool row = false;
  mlcm__db_conn *conn = p->f->conn;
  mlcm_status st = mlcm__sql_i64(conn, "SELECT count(*)" EVALUATIONS_SQL, MLCM__NO_BIND, &row, &p->n_evaluations, err);
  if (!st) st = mlcm__sql_i64(conn, "SELECT count(*)" EVENTS_SQL, MLCM__NO_BIND, &row, &p->n_events, err);
  if (!st) {
    st = mlcm__sql_first(conn,
                         "SELECT e.id, e.version_id, m.name, v.number, e.name, e.n_samples, e.dataset_digest, e.time_ns, e.actor,"
                         " e.reason" EVALUATIONS_SQL " ORDER BY e.id",
                         MLCM__NO_BIND, &p->evaluations, &p->has_evaluation, err);
  }
  if (st) return st;
  return mlcm__sql_first(conn,
                         "SELECT e.model, e.version, e.detail, e.audit_seq, e.time_ns, e.actor, e.reason, v.id" EVENTS_SQL
                         " ORDER BY e.seq",
                         MLCM__NO_BIND, &p->events, &p->has_event, err);
}

static mlcm_status check_evaluations(mlcm__fsck *f, mlcm_error *err) {
  pairs p = {.f = f};
  mlcm_status st = begin(&p, err);
  while (!st && (p.has_evaluation || p.has_event)) st = check_next(&p, err);
  mlcm__db_reset(p.events);
  mlcm__db_reset(p.evaluations);
  return st;
}

mlcm_status mlcm__fsck_history(mlcm__fsck *f, mlcm_error *err) {
  mlcm_status st = mlcm__fsck_ask(f, queries, sizeof queries / sizeof queries[0], err);
  if (!st) st = mlcm__fsck_try(f, mlcm__fsck_given, "tags and descriptions given at registration", err);
  return st ? st : mlcm__fsck_try(f, check_evaluations, "table evaluation", err);
}
