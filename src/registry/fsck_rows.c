/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_rows.c - rows against each other: aliases and their targets, counters and what they count, digests and their texts,
 * chains.
 *
 * Most checks are one query (fsck_query.c); the rest compute digests, which SQL cannot.
 */
#include <stdio.h>
#include <string.h>

#include "registry/digest.h"
#include "registry/fsck.h"
#include "registry/sql.h"

/* ---- checks that are one query ---- */

/* Aliases with their newest move in the history (kept) and in the change feed (fed). */
#define MOVES_SQL                                                                                                                \
  "WITH move AS (SELECT m.name || '@' || a.name AS name, a.name AS alias, a.model_id, a.move_seq,"                               \
  " (SELECT max(h.seq) FROM alias_move h WHERE h.model_id = a.model_id AND h.alias = a.name) AS kept, e.seq AS fed FROM alias a" \
  " JOIN model m ON m.id = a.model_id JOIN (SELECT model, alias, max(seq) AS seq FROM event WHERE kind = 'alias.set'"            \
  "  GROUP BY model, alias) e ON e.model = m.name AND e.alias = a.name) "

#define CAUSE_SQL                                                                                                                \
  "CASE json_extract(e.detail, '$.cause') WHEN 'manual' THEN 1 WHEN 'rollout' THEN 2 WHEN 'undo' THEN 3 WHEN 'deleted' THEN 4"   \
  " WHEN 'rollback' THEN 5 END"

/* Counters of models by the change feed (c) and by counting rows (w), for models whose own differ from the feed's. They are put
 * right only where both agree: rows that are lost must not become the truth. */
#define COUNTERS_SQL                                                                                                             \
  "WITH fed AS (SELECT model, version, kind, max(seq) FROM event"                                                                \
  "  WHERE kind IN ('version.registered', 'version.deleted', 'version.restored') GROUP BY model, version)"                       \
  " SELECT 'model ' || m.name, 'versions ' || c.n || ', newest ' || c.newest || ', last ' || c.last,"                            \
  " 'versions ' || m.n_versions || ', newest ' || m.newest || ', last ' || m.last_version, m.id FROM model m"                    \
  " JOIN (SELECT m2.id, count(CASE WHEN f.kind <> 'version.deleted' THEN 1 END) AS n,"                                           \
  "  coalesce(max(CASE WHEN f.kind <> 'version.deleted' THEN f.version END), 0) AS newest, coalesce(max(f.version), 0) AS last"  \
  "  FROM model m2 LEFT JOIN fed f ON f.model = m2.name GROUP BY m2.id) c ON c.id = m.id"                                        \
  " JOIN (SELECT m3.id, count(CASE v.state WHEN 1 THEN 1 END) AS n, coalesce(max(CASE v.state WHEN 1 THEN v.number END), 0)"     \
  "  AS newest, coalesce(max(v.number), 0) AS last FROM model m3 LEFT JOIN version v ON v.model_id = m3.id GROUP BY m3.id) w"    \
  " ON w.id = m.id WHERE (c.n, c.newest, c.last) <> ("

static const mlcm__fsck_query queries[] = {
    {"alias",
     "SELECT m.name || '@' || a.name, 'a version that is there', CAST(a.version AS TEXT), a.model_id FROM alias a"
     " LEFT JOIN model m ON m.id = a.model_id LEFT JOIN version v ON v.model_id = a.model_id AND v.number = a.version"
     " WHERE v.id IS NULL",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the alias stands on a version that does not exist",
     "its history says where it stood (mlcm alias history); a person must say where it shall stand (mlcm alias set)"},
    {"alias",
     "SELECT m.name || '@' || a.name, 'a version that is not deleted', CAST(a.version AS TEXT), a.model_id FROM alias a"
     " JOIN model m ON m.id = a.model_id JOIN version v ON v.model_id = a.model_id AND v.number = a.version"
     " WHERE v.state = 2 OR m.state = 2",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the alias stands on a version that is deleted",
     "restore the version (mlcm restore), or say where the alias shall stand (mlcm alias set)"},
    {"alias",
     MOVES_SQL "SELECT name, fed, move_seq, model_id, alias FROM move WHERE move_seq <> fed AND kept = fed", MLCM_DAMAGE_COUNTER,
     MLCM__FIX_MOVE_SEQ, "its row does not name its newest move", "history and change feed have the number"},
    {"alias",
     MOVES_SQL "SELECT name, fed, move_seq, model_id, alias FROM move WHERE move_seq <> fed AND kept IS NOT fed"
               " AND move_seq IS NOT kept",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row names neither its newest move in the history nor that in the change feed",
     "history and change feed disagree: only a backup has the row"},
    {"alias_move",
     "SELECT e.model || '@' || e.alias || ' move ' || e.seq, e.kind || ' ' || e.version || ' ' || e.detail,"
     " coalesce(m.name || '@' || a.alias || ' from ' || a.from_version || ' to ' || a.to_version || ', cause ' || a.cause"
     " || ', rollout ' || a.rollout_id, 'no row'), e.seq FROM event e LEFT JOIN alias_move a ON a.seq = e.seq"
     " LEFT JOIN model m ON m.id = a.model_id"
     " WHERE e.kind IN ('alias.set', 'alias.deleted') AND (a.seq IS NULL OR a.alias <> e.alias OR m.name IS NOT e.model"
     " OR a.to_version <> CASE e.kind WHEN 'alias.set' THEN e.version ELSE 0 END"
     " OR CASE WHEN json_valid(e.detail) THEN a.from_version <> json_extract(e.detail, '$.from')"
     "  OR a.rollout_id <> CAST(json_extract(e.detail, '$.rollout') AS INTEGER) OR a.cause <> " CAUSE_SQL " END)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the alias's history does not say what the change feed says", "only a backup has the row"},
    {"alias_move",
     "SELECT coalesce(m.name, 'no model') || '@' || a.alias || ' move ' || a.seq, 'no row', 'to version ' || a.to_version, 0"
     " FROM alias_move a LEFT JOIN model m ON m.id = a.model_id"
     " WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.seq = a.seq AND e.kind IN ('alias.set', 'alias.deleted'))",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "no change of the feed made this move",
     "nothing moved the alias then: its history is right without the row"},
    {"model", COUNTERS_SQL "m.n_versions, m.newest, m.last_version) AND (w.n, w.newest, w.last) = (c.n, c.newest, c.last)"
              " AND EXISTS (SELECT 1 FROM event e WHERE e.kind = 'model.created' AND e.model = m.name)",
     MLCM_DAMAGE_COUNTER, MLCM__FIX_COUNTERS, "its counters are not what counting its versions gives",
     "the versions are counted anew"},
    {"model", COUNTERS_SQL "m.n_versions, m.newest, m.last_version) AND (w.n, w.newest, w.last) <> (c.n, c.newest, c.last)",
     MLCM_DAMAGE_COUNTER, MLCM__FIX_NONE, "its counters are not what the change feed gives, nor are its versions",
     "only a backup has them: its versions are damaged too"},
    {"rollout",
     "SELECT 'rollout ' || r.id, c.n || ' decisions', r.n_decisions || ' decisions', r.id FROM rollout r"
     " JOIN (SELECT r2.id, count(d.seq) AS n FROM rollout r2 LEFT JOIN decision d ON d.rollout_id = r2.id GROUP BY r2.id) c"
     " ON c.id = r.id"
     " WHERE c.n <> r.n_decisions",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "it does not have the decisions that it counts", "only a backup has them"},
};

/* ---- metrics: derived from evaluations, but only from those that the feed confirms ---- */

static mlcm_status tell_metric(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm__fsck *f = user;
  char key[24];
  int64_t version_id = mlcm__db_i64(stmt, 3);
  int len = snprintf(key, sizeof key, "%lld", (long long)version_id);
  bool confused = mlcm__map_get(f->confused, key, (size_t)len) != NULL;
  mlcm__fsck_item item = {
      .shown = {.kind = MLCM_DAMAGE_COUNTER, .object = mlcm__db_text(stmt, 0), .expected = mlcm__db_text(stmt, 1)},
      .fix = confused ? MLCM__FIX_NONE : MLCM__FIX_METRICS,
      .id = version_id};
  item.shown.found = mlcm__db_text(stmt, 2);
  item.shown.problem = "the value that search sees is not that of the newest evaluation";
  item.shown.restore =
      confused ? "only a backup has it: the evaluations are damaged too" : "the evaluations, which the change feed confirms";
  return mlcm__fsck_tell(f, &item, err);
}

static mlcm_status check_metrics(mlcm__fsck *f, mlcm_error *err) {
  static const char sql[] =
      "WITH newest AS (SELECT e.version_id, s.metric AS name, s.value, max(e.id) AS at FROM evaluation_score s"
      "  JOIN evaluation e ON e.id = s.evaluation_id GROUP BY e.version_id, s.metric),"
      " keys AS (SELECT version_id, name FROM newest UNION SELECT version_id, name FROM metric)"
      " SELECT o.name || '/' || v.number || ' metric ' || k.name, coalesce(CAST(n.value AS TEXT), 'none'),"
      "  coalesce(CAST(t.value AS TEXT), 'none'), k.version_id FROM keys k"
      " LEFT JOIN newest n ON n.version_id = k.version_id AND n.name = k.name"
      " LEFT JOIN metric t ON t.version_id = k.version_id AND t.name = k.name"
      " JOIN version v ON v.id = k.version_id JOIN model o ON o.id = v.model_id WHERE n.value IS NOT t.value";
  return mlcm__sql_each(f->conn, sql, MLCM__NO_BIND, tell_metric, f, err);
}

/* ---- texts with digests ---- */

static mlcm_status check_policy(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  char found[MLCM__SHA256_HEX + 1], object[64];
  size_t len = 0;
  const char *sha256 = mlcm__db_text(stmt, 0);
  const void *text = mlcm__db_blob(stmt, 1, &len);
  mlcm_status st = mlcm__hex_of(text, len, found, err);
  if (st || strcmp(found, sha256) == 0) return st;
  (void)snprintf(object, sizeof object, "policy %.16s", sha256);
  mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_ROW, .object = object, .expected = sha256, .found = found}};
  item.shown.problem = "its text does not have its digest";
  item.shown.restore = "keep the same text again after removing the row, or a backup";
  return mlcm__fsck_tell(user, &item, err);
}

static mlcm_status check_policies(mlcm__fsck *f, mlcm_error *err) {
  return mlcm__sql_each(f->conn, "SELECT sha256, text FROM policy ORDER BY id", MLCM__NO_BIND, check_policy, f, err);
}

/* ---- evidence: each chunk's digest covers the one before ---- */

typedef struct chain {
  mlcm__fsck *f;
  int64_t rollout;
  int64_t chunk;
  uint8_t digest[MLCM__SHA256_BYTES];
} chain;

static mlcm_status next_digest(chain *c, const char *lines, size_t len, mlcm_error *err) {
  mlcm__sha256 hash = {0};
  mlcm_status st = mlcm__sha256_init(&hash, err);
  if (!st) st = mlcm__sha256_update(&hash, c->digest, sizeof c->digest, err);
  if (!st) st = mlcm__sha256_update(&hash, lines, len, err);
  if (!st) st = mlcm__sha256_final(&hash, c->digest, err);
  mlcm__sha256_reset(&hash);
  return st;
}

static mlcm_status tell_chunk(const chain *c, const char *problem, const char *expected, const char *found, mlcm_error *err) {
  char object[64];
  (void)snprintf(object, sizeof object, "rollout %lld evidence chunk %lld", (long long)c->rollout, (long long)c->chunk);
  mlcm__fsck_item item = {
      .shown = {.kind = MLCM_DAMAGE_ROW, .object = object, .problem = problem, .expected = expected, .found = found}};
  item.shown.restore = "only a backup has it; its decisions cannot be replayed until then";
  return mlcm__fsck_tell(c->f, &item, err);
}

/* After a break the stored digest, if it is one, is taken as the new start, so that each break is told once. */
static mlcm_status tell_break(chain *c, const void *stored, size_t len, mlcm_error *err) {
  char expected[MLCM__SHA256_HEX + 1], found[MLCM__SHA256_HEX + 1];
  mlcm__hex(c->digest, sizeof c->digest, expected);
  mlcm__hex(stored, len < MLCM__SHA256_BYTES ? len : MLCM__SHA256_BYTES, found);
  if (len == sizeof c->digest) memcpy(c->digest, stored, len);
  return tell_chunk(c, "its lines, or the chunk before, do not have the digest of the chain", expected, found, err);
}

/* Continues the chain with a row. */
static mlcm_status check_chunk(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  chain *c = user;
  size_t len = 0, lines_len = 0;
  int64_t rollout = mlcm__db_i64(stmt, 0), chunk = mlcm__db_i64(stmt, 1);
  mlcm_status st = MLCM_OK;
  if (rollout != c->rollout) {
    *c = (chain){.f = c->f, .rollout = rollout};
    st = mlcm__sha256_of("", 0, c->digest, err);
  }
  if (!st && chunk != c->chunk + 1) {
    c->chunk++;
    st = tell_chunk(c, "the chunk is missing", NULL, NULL, err);
  }
  c->chunk = chunk;
  const char *lines = mlcm__db_blob(stmt, 2, &lines_len);
  if (!st) st = next_digest(c, lines, lines_len, err);
  const void *stored = mlcm__db_blob(stmt, 3, &len);
  if (st || (len == sizeof c->digest && memcmp(stored, c->digest, len) == 0)) return st;
  return tell_break(c, stored, len, err);
}

static mlcm_status check_evidence(mlcm__fsck *f, mlcm_error *err) {
  chain c = {.f = f};
  return mlcm__sql_each(f->conn, "SELECT rollout_id, chunk, lines, digest FROM evidence ORDER BY rollout_id, chunk",
                        MLCM__NO_BIND, check_chunk, &c, err);
}

static const mlcm__fsck_query chain_ends[] = {
    {"evidence",
     "SELECT 'rollout ' || r.id || ' evidence chunk ' || (e.last + 1), r.n_chunks || ' chunks', e.last || ' chunks', r.id"
     " FROM rollout r JOIN (SELECT r2.id, coalesce(max(c.chunk), 0) AS last FROM rollout r2"
     "  LEFT JOIN evidence c ON c.rollout_id = r2.id GROUP BY r2.id) e ON e.id = r.id WHERE e.last < r.n_chunks",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the chunk is missing at the end of its rollout's evidence", "only a backup has it"},
    {"rollout",
     "SELECT 'rollout ' || r.id, lower(hex(e.digest)), lower(hex(r.chain)), r.id FROM rollout r"
     " JOIN (SELECT rollout_id, digest, max(chunk) AS last FROM evidence GROUP BY rollout_id) e ON e.rollout_id = r.id"
     " WHERE e.digest <> r.chain OR e.last <> r.n_chunks",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its evidence does not end where its row says: chunks were removed or added",
     "only a backup has them"},
};

/* ---- all ---- */

mlcm_status mlcm__fsck_rows(mlcm__fsck *f, mlcm_error *err) {
  mlcm_status st = mlcm__fsck_ask(f, queries, sizeof queries / sizeof queries[0], err);
  if (!st) st = mlcm__fsck_try(f, check_metrics, "table metric", err);
  if (!st) st = mlcm__fsck_try(f, check_policies, "table policy", err);
  if (!st) st = mlcm__fsck_try(f, check_evidence, "table evidence", err);
  return st ? st : mlcm__fsck_ask(f, chain_ends, sizeof chain_ends / sizeof chain_ends[0], err);
}
