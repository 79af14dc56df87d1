/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_rows.c - rows against each other: aliases and their targets, counters and what they count, digests and their texts, chains.
 *
 * Most checks are one query that gives a row for each thing that is wrong, in the same four columns: what, expected, found, row id. A
 * table of them says the rest.
 */
#include <stdio.h>
#include <string.h>

#include "registry/fsck.h"
#include "registry/sql.h"

/* ---- checks that are one query ---- */

typedef struct query {
  const char *table;
  const char *sql; /* object, expected, found, id, and for MOVE_SEQ the alias's name */
  mlcm_damage kind;
  mlcm__fix fix;
  const char *problem;
  const char *restore;
} query;

static const query queries[] = {
    {"alias",
     "SELECT m.name || '@' || a.name, 'a version that is there', CAST(a.version AS TEXT), a.model_id FROM alias a"
     " LEFT JOIN model m ON m.id = a.model_id LEFT JOIN version v ON v.model_id = a.model_id AND v.number = a.version WHERE v.id IS NULL",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the alias stands on a version that does not exist",
     "its history says where it stood (mlcm alias history); a person must say where it shall stand (mlcm alias set)"},
    {"alias",
     "SELECT m.name || '@' || a.name, 'a version that is not deleted', CAST(a.version AS TEXT), a.model_id FROM alias a"
     " JOIN model m ON m.id = a.model_id JOIN version v ON v.model_id = a.model_id AND v.number = a.version"
     " WHERE v.state = 2 OR m.state = 2",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the alias stands on a version that is deleted",
     "restore the version (mlcm restore), or say where the alias shall stand (mlcm alias set)"},
    {"alias",
     "SELECT m.name || '@' || a.name, CAST(h.seq AS TEXT), CAST(a.move_seq AS TEXT), a.model_id, a.name FROM alias a"
     " JOIN model m ON m.id = a.model_id"
     " JOIN (SELECT model_id, alias, max(seq) AS seq FROM alias_move GROUP BY model_id, alias) h ON h.model_id = a.model_id AND h.alias = a.name"
     " WHERE a.move_seq <> h.seq",
     MLCM_DAMAGE_COUNTER, MLCM__FIX_MOVE_SEQ, "its row does not name its newest move", "the history has the number"},
    {"alias_move",
     "SELECT e.model || '@' || e.alias || ' move ' || e.seq, CASE e.kind WHEN 'alias.set' THEN CAST(e.version AS TEXT) ELSE '0' END,"
     " coalesce(CAST(a.to_version AS TEXT), 'no row'), e.seq FROM event e LEFT JOIN alias_move a ON a.seq = e.seq"
     " WHERE e.kind IN ('alias.set', 'alias.deleted')"
     " AND (a.seq IS NULL OR a.alias <> e.alias OR a.to_version <> CASE e.kind WHEN 'alias.set' THEN e.version ELSE 0 END)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the alias's history does not say what the change feed says", "only a backup has the row"},
    {"model",
     "SELECT 'model ' || m.name, 'versions ' || c.n || ', newest ' || c.newest || ', last ' || c.last,"
     " 'versions ' || m.n_versions || ', newest ' || m.newest || ', last ' || m.last_version, m.id FROM model m"
     " JOIN (SELECT m2.id, count(CASE v.state WHEN 1 THEN 1 END) AS n, coalesce(max(CASE v.state WHEN 1 THEN v.number END), 0) AS newest,"
     "   coalesce(max(v.number), 0) AS last FROM model m2 LEFT JOIN version v ON v.model_id = m2.id GROUP BY m2.id) c ON c.id = m.id"
     " WHERE m.n_versions <> c.n OR m.newest <> c.newest OR m.last_version <> c.last",
     MLCM_DAMAGE_COUNTER, MLCM__FIX_COUNTERS, "its counters are not what counting its versions gives", "the versions are counted anew"},
    {"rollout",
     "SELECT 'rollout ' || r.id, c.n || ' decisions', r.n_decisions || ' decisions', r.id FROM rollout r"
     " JOIN (SELECT r2.id, count(d.seq) AS n FROM rollout r2 LEFT JOIN decision d ON d.rollout_id = r2.id GROUP BY r2.id) c ON c.id = r.id"
     " WHERE c.n <> r.n_decisions",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "it does not have the decisions that it counts", "only a backup has them"},
};

static mlcm_status tell_row(mlcm__fsck *f, const query *q, mlcm__db_stmt *stmt, mlcm_error *err) {
  mlcm__fsck_item item = {.shown = {.kind = q->kind, .problem = q->problem, .restore = q->restore}, .fix = q->fix};
  item.shown.object = mlcm__db_text(stmt, 0);
  item.shown.expected = mlcm__db_text(stmt, 1);
  item.shown.found = mlcm__db_text(stmt, 2);
  item.id = mlcm__db_i64(stmt, 3);
  if (q->fix == MLCM__FIX_MOVE_SEQ) {
    item.text = mlcm__db_text(stmt, 4);
    item.text_len = strlen(item.text);
  }
  return mlcm__fsck_tell(f, &item, err);
}

static mlcm_status run_query(mlcm__fsck *f, const query *q, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(f->conn, q->sql, MLCM__NO_BIND, &stmt, &row, err);
  while (!st && row) {
    st = tell_row(f, q, stmt, err);
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  return st;
}

/* ---- metrics: derived from evaluations, but only from those that the feed confirms ---- */

static mlcm_status tell_metric(mlcm__fsck *f, mlcm__db_stmt *stmt, mlcm_error *err) {
  char key[24];
  int64_t version_id = mlcm__db_i64(stmt, 3);
  int len = snprintf(key, sizeof key, "%lld", (long long)version_id);
  bool confused = mlcm__map_get(f->confused, key, (size_t)len) != NULL;
  mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_COUNTER, .object = mlcm__db_text(stmt, 0), .expected = mlcm__db_text(stmt, 1)},
                          .fix = confused ? MLCM__FIX_NONE : MLCM__FIX_METRICS,
                          .id = version_id};
  item.shown.found = mlcm__db_text(stmt, 2);
  item.shown.problem = "the value that search sees is not that of the newest evaluation";
  item.shown.restore = confused ? "only a backup has it: the evaluations are damaged too" : "the evaluations, which the change feed confirms";
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
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(f->conn, sql, MLCM__NO_BIND, &stmt, &row, err);
  while (!st && row) {
    st = tell_metric(f, stmt, err);
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  return st;
}

/* ---- texts with digests ---- */

static mlcm_status check_policies(mlcm__fsck *f, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(f->conn, "SELECT sha256, text FROM policy ORDER BY id", MLCM__NO_BIND, &stmt, &row, err);
  while (!st && row) {
    uint8_t digest[MLCM__SHA256_BYTES];
    char found[MLCM__SHA256_HEX + 1], object[64];
    size_t len = 0;
    const char *sha256 = mlcm__db_text(stmt, 0);
    const void *text = mlcm__db_blob(stmt, 1, &len);
    st = mlcm__sha256_of(text ? text : "", len, digest, err);
    mlcm__hex(digest, sizeof digest, found);
    if (!st && strcmp(found, sha256) != 0) {
      (void)snprintf(object, sizeof object, "policy %.16s", sha256);
      mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_ROW, .object = object, .expected = sha256, .found = found}};
      item.shown.problem = "its text does not have its digest";
      item.shown.restore = "keep the same text again after removing the row, or a backup";
      st = mlcm__fsck_tell(f, &item, err);
    }
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  return st;
}

/* ---- evidence: each chunk's digest covers the one before ---- */

typedef struct chain {
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

static mlcm_status tell_chunk(mlcm__fsck *f, const chain *c, const char *problem, const uint8_t *expected, const uint8_t *found, mlcm_error *err) {
  char object[64], expected_hex[MLCM__SHA256_HEX + 1] = "", found_hex[MLCM__SHA256_HEX + 1] = "";
  (void)snprintf(object, sizeof object, "rollout %lld evidence chunk %lld", (long long)c->rollout, (long long)c->chunk);
  if (expected) mlcm__hex(expected, MLCM__SHA256_BYTES, expected_hex);
  if (found) mlcm__hex(found, MLCM__SHA256_BYTES, found_hex);
  mlcm__fsck_item item = {.shown = {.kind = MLCM_DAMAGE_ROW, .object = object, .problem = problem, .expected = expected_hex, .found = found_hex}};
  item.shown.restore = "only a backup has it; its decisions cannot be replayed until then";
  return mlcm__fsck_tell(f, &item, err);
}

/* Continues the chain with a row; after a break the stored digest is taken as the new start, so that each break is told once. */
static mlcm_status check_chunk(mlcm__fsck *f, chain *c, mlcm__db_stmt *stmt, mlcm_error *err) {
  size_t len = 0, lines_len = 0;
  int64_t rollout = mlcm__db_i64(stmt, 0), chunk = mlcm__db_i64(stmt, 1);
  mlcm_status st = MLCM_OK;
  if (rollout != c->rollout) {
    *c = (chain){.rollout = rollout};
    st = mlcm__sha256_of("", 0, c->digest, err);
  }
  if (!st && chunk != c->chunk + 1) {
    c->chunk++;
    st = tell_chunk(f, c, "the chunk is missing", NULL, NULL, err);
  }
  c->chunk = chunk;
  const char *lines = mlcm__db_blob(stmt, 2, &lines_len);
  if (!st) st = next_digest(c, lines ? lines : "", lines_len, err);
  const void *stored = mlcm__db_blob(stmt, 3, &len);
  if (st || !stored || len != sizeof c->digest || memcmp(stored, c->digest, len) == 0) return st;
  st = tell_chunk(f, c, "its lines, or the chunk before, do not have the digest of the chain", stored, c->digest, err);
  memcpy(c->digest, stored, sizeof c->digest);
  return st;
}

static mlcm_status check_evidence(mlcm__fsck *f, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  chain c = {0};
  mlcm_status st = mlcm__sql_first(f->conn, "SELECT rollout_id, chunk, lines, digest FROM evidence ORDER BY rollout_id, chunk", MLCM__NO_BIND,
                                   &stmt, &row, err);
  while (!st && row) {
    st = check_chunk(f, &c, stmt, err);
    if (!st) st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  return st;
}

static mlcm_status check_chain_ends(mlcm__fsck *f, mlcm_error *err) {
  static const query ends = {
      "rollout",
      "SELECT 'rollout ' || r.id, lower(hex(e.digest)), lower(hex(r.chain)), r.id FROM rollout r"
      " JOIN (SELECT rollout_id, digest, max(chunk) AS last FROM evidence GROUP BY rollout_id) e ON e.rollout_id = r.id"
      " WHERE e.digest <> r.chain OR e.last <> r.n_chunks",
      MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its evidence does not end where its row says: chunks were removed or added", "only a backup has them"};
  return run_query(f, &ends, err);
}

/* ---- all ---- */

mlcm_status mlcm__fsck_rows(mlcm__fsck *f, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < sizeof queries / sizeof queries[0]; i++) {
    mlcm_error why = {0};
    st = run_query(f, &queries[i], &why);
    st = mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_DATABASE, queries[i].table, err);
  }
  if (!st) st = mlcm__fsck_try(f, check_metrics, "table metric", err);
  if (!st) st = mlcm__fsck_try(f, check_policies, "table policy", err);
  if (!st) st = mlcm__fsck_try(f, check_evidence, "table evidence", err);
  if (!st) st = mlcm__fsck_try(f, check_chain_ends, "table rollout", err);
  return st;
}
