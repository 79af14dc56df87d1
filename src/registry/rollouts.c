/* SPDX-License-Identifier: Apache-2.0
 *
 * rollouts.c - rows of rollouts, leases, evidence, decisions and intents.
 *
 * Fencing: every write for the lease holder is an UPDATE of the rollout's row with `lease_epoch = ?` in its WHERE; when it
 * changes no row, the holder has been overtaken (MLCM_STALE) and the caller's transaction is rolled back with all that it did.
 */
#include "registry/rollouts.h"

#include <string.h>

#include "registry/sql.h"

/* ---- rollouts ---- */

mlcm_status mlcm__rollout_insert(mlcm__db_conn *conn, const mlcm__rollout_new *row, int64_t *out_id, mlcm_error *err) {
  uint8_t chain[MLCM__SHA256_BYTES];
  int64_t active = 0;
  mlcm_status st = mlcm__rollout_active(conn, row->endpoint_id, &active, err);
  if (!st && active)
    st = mlcm__fail(err, MLCM_CONFLICT, "rollout %lld is active on this endpoint; wait for its end or abort it first",
                    (long long)active);
  if (!st) st = mlcm__sha256_of("", 0, chain, err);
  if (!st)
    st = mlcm__sql_run(
        conn,
        "INSERT INTO rollout (endpoint_id, active, status, stable, candidate, plan_name, plan, policy_digest, salt, actor,"
        " created_ns, chain) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        MLCM__BIND(mlcm__i64(row->endpoint_id), mlcm__i64(MLCM_ROLLOUT_PROGRESSING), mlcm__i64(row->stable),
                   mlcm__i64(row->candidate), mlcm__text(row->plan_name), mlcm__text(row->plan), mlcm__text(row->policy_digest),
                   mlcm__blob(row->salt, MLCM__ROUTING_SALT_BYTES), mlcm__text(row->actor), mlcm__i64(row->now_wall_ns),
                   mlcm__blob(chain, sizeof(chain))),
        err);
  if (!st) *out_id = mlcm__db_last_id(conn);
  return st;
}

static mlcm_status copy_bytes(mlcm__db_stmt *stmt, int column, uint8_t *out, size_t size, mlcm_error *err) {
  size_t len = 0;
  const void *data = mlcm__db_blob(stmt, column, &len);
  if (len != size) return mlcm__fail(err, MLCM_CORRUPT, "rollout row: column %d has %zu bytes instead of %zu", column, len, size);
  memcpy(out, data, size);
  return MLCM_OK;
}

static mlcm_status head_from_row(mlcm__db_stmt *stmt, mlcm__rollout_head *h, mlcm_error *err) {
  h->endpoint_id = mlcm__db_i64(stmt, 0);
  h->active = !mlcm__db_is_null(stmt, 1);
  h->status = (mlcm_rollout_status)mlcm__db_i64(stmt, 2);
  h->stable = mlcm__db_i64(stmt, 3);
  h->candidate = mlcm__db_i64(stmt, 4);
  h->created_ns = mlcm__db_i64(stmt, 5);
  h->ended_ns = mlcm__db_i64(stmt, 6);
  h->n_decisions = mlcm__db_i64(stmt, 7);
  h->n_chunks = mlcm__db_i64(stmt, 8);
  h->n_lines = mlcm__db_i64(stmt, 9);
  h->evidence_bytes = mlcm__db_i64(stmt, 10);
  h->lease_epoch = mlcm__db_i64(stmt, 11);
  h->lease_expires_ns = mlcm__db_i64(stmt, 12);
  mlcm__sql_copy_text(stmt, 13, h->holder, sizeof(h->holder));
  mlcm__sql_copy_text(stmt, 14, h->policy_digest, sizeof(h->policy_digest));
  mlcm_status st = copy_bytes(stmt, 15, h->chain, sizeof(h->chain), err);
  return st ? st : copy_bytes(stmt, 16, h->salt, sizeof(h->salt), err);
}

mlcm_status mlcm__rollout_read(mlcm__db_conn *conn, int64_t id, mlcm__rollout_head *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm__rollout_head head = {.id = id};
  bool row = false;
  mlcm_status st =
      mlcm__sql_first(conn,
                      "SELECT endpoint_id, active, status, stable, candidate, created_ns, ended_ns, n_decisions, n_chunks,"
                      " n_lines, evidence_bytes, lease_epoch, lease_expires_ns, holder, policy_digest, chain, salt"
                      " FROM rollout WHERE id = ?1",
                      MLCM__BIND(mlcm__i64(id)), &stmt, &row, err);
  if (st) return st;
  st = row ? head_from_row(stmt, &head, err) : mlcm__fail(err, MLCM_NOT_FOUND, "rollout %lld does not exist", (long long)id);
  mlcm__db_reset(stmt);
  if (!st) *out = head;
  return st;
}

mlcm_status mlcm__rollout_read_plan(mlcm__db_conn *conn, int64_t id, char **out_name, char **out_text, mlcm_error *err) {
  mlcm_context *ctx = mlcm__db_context(conn);
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st =
      mlcm__sql_first(conn, "SELECT plan_name, plan FROM rollout WHERE id = ?1", MLCM__BIND(mlcm__i64(id)), &stmt, &row, err);
  if (st) return st;
  char *name = row ? mlcm__strdup(ctx, mlcm__db_text(stmt, 0)) : NULL;
  char *text = row ? mlcm__strdup(ctx, mlcm__db_text(stmt, 1)) : NULL;
  if (!row)
    st = mlcm__fail(err, MLCM_NOT_FOUND, "rollout %lld does not exist", (long long)id);
  else if (!name || !text)
    st = mlcm__fail_memory(err, 1);
  mlcm__db_reset(stmt);
  if (!st) {
    *out_name = name;
    *out_text = text;
    return MLCM_OK;
  }
  mlcm__free(ctx, name);
  mlcm__free(ctx, text);
  return st;
}

static mlcm_status one_id(mlcm__db_conn *conn, const char *sql, int64_t endpoint_id, int64_t *out, mlcm_error *err) {
  bool row = false;
  int64_t id = 0;
  mlcm_status st = mlcm__sql_i64(conn, sql, MLCM__BIND(mlcm__i64(endpoint_id)), &row, &id, err);
  if (!st) *out = id;
  return st;
}

mlcm_status mlcm__rollout_active(mlcm__db_conn *conn, int64_t endpoint_id, int64_t *out, mlcm_error *err) {
  return one_id(conn, "SELECT id FROM rollout WHERE endpoint_id = ?1 AND active = 1", endpoint_id, out, err);
}

mlcm_status mlcm__rollout_latest(mlcm__db_conn *conn, int64_t endpoint_id, int64_t *out, mlcm_error *err) {
  mlcm_status st = mlcm__rollout_active(conn, endpoint_id, out, err);
  if (st || *out) return st;
  return one_id(conn, "SELECT id FROM rollout WHERE endpoint_id = ?1 ORDER BY id DESC LIMIT 1", endpoint_id, out, err);
}

mlcm_status mlcm__rollout_ids(mlcm__db_conn *conn, int64_t endpoint_id, int64_t before_id, int64_t *ids, size_t capacity,
                              size_t *out_n, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  size_t n = 0;
  int64_t before = before_id > 0 ? before_id : INT64_MAX;
  const char *sql = endpoint_id ? "SELECT id FROM rollout WHERE id < ?1 AND endpoint_id = ?2 ORDER BY id DESC"
                                : "SELECT id FROM rollout WHERE id < ?1 AND ?2 = 0 ORDER BY id DESC";
  mlcm_status st = mlcm__sql_first(conn, sql, MLCM__BIND(mlcm__i64(before), mlcm__i64(endpoint_id)), &stmt, &row, err);
  if (st) return st;
  while (!st && row && n < capacity) {
    ids[n++] = mlcm__db_i64(stmt, 0);
    st = mlcm__db_step(stmt, &row, err);
  }
  mlcm__db_reset(stmt);
  if (!st) *out_n = n;
  return st;
}

/* ---- the lease ---- */

/* After an UPDATE that names the lease's epoch. */
static mlcm_status fenced(mlcm__db_conn *conn, int64_t id, mlcm_error *err) {
  if (mlcm__db_changes(conn) == 1) return MLCM_OK;
  return mlcm__fail(err, MLCM_STALE, "another process decides for rollout %lld now; nothing was written", (long long)id);
}

mlcm_status mlcm__lease_take(mlcm__db_conn *conn, const mlcm__rollout_head *seen, const char *holder, int64_t expires_ns,
                             int64_t *out_epoch, mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(conn,
                                 "UPDATE rollout SET holder = ?1, lease_epoch = lease_epoch + 1, lease_expires_ns = ?2"
                                 " WHERE id = ?3 AND lease_epoch = ?4 AND lease_expires_ns = ?5 AND active = 1",
                                 MLCM__BIND(mlcm__text(holder), mlcm__i64(expires_ns), mlcm__i64(seen->id),
                                            mlcm__i64(seen->lease_epoch), mlcm__i64(seen->lease_expires_ns)),
                                 err);
  if (!st) st = fenced(conn, seen->id, err);
  if (!st) *out_epoch = seen->lease_epoch + 1;
  return st;
}

mlcm_status mlcm__lease_renew(mlcm__db_conn *conn, int64_t id, int64_t epoch, int64_t expires_ns, mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(conn, "UPDATE rollout SET lease_expires_ns = ?1 WHERE id = ?2 AND lease_epoch = ?3",
                                 MLCM__BIND(mlcm__i64(expires_ns), mlcm__i64(id), mlcm__i64(epoch)), err);
  return st ? st : fenced(conn, id, err);
}

mlcm_status mlcm__lease_release(mlcm__db_conn *conn, int64_t id, int64_t epoch, mlcm_error *err) {
  return mlcm__sql_run(conn, "UPDATE rollout SET holder = '', lease_expires_ns = 0 WHERE id = ?1 AND lease_epoch = ?2",
                       MLCM__BIND(mlcm__i64(id), mlcm__i64(epoch)), err);
}

/* ---- evidence ---- */

mlcm_status mlcm__evidence_append(mlcm__db_conn *conn, int64_t id, int64_t lease_epoch, const char *lines, size_t len,
                                  int64_t n_lines, const uint8_t digest[MLCM__SHA256_BYTES], int64_t now_wall_ns,
                                  mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(conn,
                                 "UPDATE rollout SET n_chunks = n_chunks + 1, n_lines = n_lines + ?1,"
                                 " evidence_bytes = evidence_bytes + ?2, chain = ?3 WHERE id = ?4 AND lease_epoch = ?5",
                                 MLCM__BIND(mlcm__i64(n_lines), mlcm__i64((int64_t)len), mlcm__blob(digest, MLCM__SHA256_BYTES),
                                            mlcm__i64(id), mlcm__i64(lease_epoch)),
                                 err);
  if (!st) st = fenced(conn, id, err);
  if (!st)
    st = mlcm__sql_run(conn,
                       "INSERT INTO evidence (rollout_id, chunk, lease_epoch, n_lines, lines, digest, created_ns)"
                       " SELECT id, n_chunks, lease_epoch, ?1, ?2, chain, ?3 FROM rollout WHERE id = ?4",
                       MLCM__BIND(mlcm__i64(n_lines), mlcm__text(lines), mlcm__i64(now_wall_ns), mlcm__i64(id)), err);
  return st;
}

/* Who sees the chunks. */
typedef struct chunk_reader {
  mlcm__evidence_visit *visit;
  void *user;
} chunk_reader;

static mlcm_status read_chunk(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  const chunk_reader *reader = user;
  uint8_t digest[MLCM__SHA256_BYTES];
  const char *lines = mlcm__db_text(stmt, 2);
  mlcm_status st = copy_bytes(stmt, 3, digest, sizeof(digest), err);
  if (st) return st;
  return reader->visit(reader->user, mlcm__db_i64(stmt, 0), mlcm__db_i64(stmt, 1), lines, strlen(lines), digest, err);
}

mlcm_status mlcm__evidence_each(mlcm__db_conn *conn, int64_t id, int64_t after_chunk, mlcm__evidence_visit *visit, void *user,
                                mlcm_error *err) {
  chunk_reader reader = {visit, user};
  return mlcm__sql_each(
      conn, "SELECT chunk, lease_epoch, lines, digest FROM evidence WHERE rollout_id = ?1 AND chunk > ?2 ORDER BY chunk",
      MLCM__BIND(mlcm__i64(id), mlcm__i64(after_chunk)), read_chunk, &reader, err);
}

/* ---- decisions ---- */

mlcm_status mlcm__decision_append(mlcm__db_conn *conn, int64_t id, int64_t lease_epoch, int64_t seq, int64_t at_ns,
                                  mlcm_action action, const char *record, mlcm_rollout_status status, bool active,
                                  mlcm_error *err) {
  mlcm__bind is_active = active ? mlcm__i64(1) : (mlcm__bind){.kind = MLCM__BIND_NULL};
  mlcm_status st = mlcm__sql_run(conn,
                                 "UPDATE rollout SET n_decisions = ?1, status = ?2, active = ?3, ended_ns = ?4"
                                 " WHERE id = ?5 AND lease_epoch = ?6 AND n_decisions = ?1 - 1 AND active = 1",
                                 MLCM__BIND(mlcm__i64(seq), mlcm__i64(status), is_active, mlcm__i64(active ? 0 : at_ns),
                                            mlcm__i64(id), mlcm__i64(lease_epoch)),
                                 err);
  if (!st) st = fenced(conn, id, err);
  if (!st)
    st = mlcm__sql_run(conn, "INSERT INTO decision (rollout_id, seq, at_ns, action, record) VALUES (?1, ?2, ?3, ?4, ?5)",
                       MLCM__BIND(mlcm__i64(id), mlcm__i64(seq), mlcm__i64(at_ns), mlcm__i64(action), mlcm__text(record)), err);
  return st;
}

mlcm_status mlcm__decision_read(mlcm__db_conn *conn, int64_t id, int64_t seq, char **out_record, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn, "SELECT record FROM decision WHERE rollout_id = ?1 AND seq = ?2",
                                   MLCM__BIND(mlcm__i64(id), mlcm__i64(seq)), &stmt, &row, err);
  if (st) return st;
  char *record = row ? mlcm__strdup(mlcm__db_context(conn), mlcm__db_text(stmt, 0)) : NULL;
  if (!row)
    st = mlcm__fail(err, MLCM_NOT_FOUND, "rollout %lld has no decision %lld", (long long)id, (long long)seq);
  else if (!record)
    st = mlcm__fail_memory(err, 1);
  mlcm__db_reset(stmt);
  if (!st) *out_record = record;
  return st;
}

/* ---- intents ---- */

mlcm_status mlcm__intent_add(mlcm__db_conn *conn, int64_t rollout_id, int32_t kind, const char *actor, const char *reason,
                             int64_t now_wall_ns, mlcm_error *err) {
  return mlcm__sql_run(conn, "INSERT INTO intent (rollout_id, kind, actor, reason, created_ns) VALUES (?1, ?2, ?3, ?4, ?5)",
                       MLCM__BIND(mlcm__i64(rollout_id), mlcm__i64(kind), mlcm__text(actor), mlcm__text(reason ? reason : ""),
                                  mlcm__i64(now_wall_ns)),
                       err);
}

mlcm_status mlcm__intent_next(mlcm__db_conn *conn, int64_t rollout_id, mlcm__intent *out, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  mlcm_status st = mlcm__sql_first(conn,
                                   "SELECT id, kind, actor, reason FROM intent WHERE rollout_id = ?1 AND done_seq IS NULL"
                                   " ORDER BY kind < 5, kind <> 3, id LIMIT 1",
                                   MLCM__BIND(mlcm__i64(rollout_id)), &stmt, &row, err);
  if (st) return st;
  *out = (mlcm__intent){0};
  if (row) {
    out->id = mlcm__db_i64(stmt, 0);
    out->kind = (int32_t)mlcm__db_i64(stmt, 1);
    mlcm__sql_copy_text(stmt, 2, out->actor, sizeof(out->actor));
    mlcm__sql_copy_text(stmt, 3, out->reason, sizeof(out->reason));
  }
  mlcm__db_reset(stmt);
  return MLCM_OK;
}

mlcm_status mlcm__intent_close(mlcm__db_conn *conn, int64_t intent_id, int64_t done_seq, const char *refused, mlcm_error *err) {
  return mlcm__sql_run(conn, "UPDATE intent SET done_seq = ?1, refused = ?2 WHERE id = ?3 AND done_seq IS NULL",
                       MLCM__BIND(mlcm__i64(done_seq), mlcm__text(refused), mlcm__i64(intent_id)), err);
}

mlcm_status mlcm__intent_close_all(mlcm__db_conn *conn, int64_t rollout_id, const char *refused, mlcm_error *err) {
  return mlcm__sql_run(conn, "UPDATE intent SET done_seq = 0, refused = ?1 WHERE rollout_id = ?2 AND done_seq IS NULL",
                       MLCM__BIND(mlcm__text(refused), mlcm__i64(rollout_id)), err);
}

mlcm_status mlcm__intent_count(mlcm__db_conn *conn, int64_t rollout_id, int64_t *out, mlcm_error *err) {
  bool row = false;
  int64_t n = 0;
  mlcm_status st = mlcm__sql_i64(conn, "SELECT count(*) FROM intent WHERE rollout_id = ?1 AND done_seq IS NULL",
                                 MLCM__BIND(mlcm__i64(rollout_id)), &row, &n, err);
  if (!st) *out = n;
  return st;
}
