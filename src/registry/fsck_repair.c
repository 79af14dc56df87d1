/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_repair.c - puts right what needs no guess, in one write transaction with its line in the feed and its leaf in the audit
 * log.
 *
 * Each repair stands in a savepoint: one that fails is undone and the others go on; the second look says that it is still there.
 * The audit log is rebuilt first, because the record of the repairs is appended to it. When that cannot be appended, everything
 * is rolled back: a registry is not changed without saying so. Objects that were brought back by then stay, which does no harm:
 * they have their digest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "registry/detail.h"
#include "registry/fsck.h"
#include "registry/manifest.h"
#include "registry/sql.h"

enum { NAMED_MAX = 100 }; /* objects that the record names */
#define HOUR_NS INT64_C(3600000000000)

typedef struct repair {
  mlcm__fsck *f;
  mlcm_fsck_report *found;
  const mlcm_attribution *by;
  mlcm_registry *reg;
  mlcm__db_conn *conn;
  mlcm__blobs *spare;
  bool reindexed, rebuilt;
  size_t n_done;
  size_t named[NAMED_MAX]; /* indexes of findings */
  size_t n_named;
} repair;

/* ---- rows that triggers guard ---- */

/* Takes a trigger down and answers the text that puts it up again, NULL when it is gone anyway; freed with mlcm__free. */
static mlcm_status take_down(repair *r, const char *trigger, char **out_sql, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  char drop[96];
  mlcm_status st = mlcm__sql_first(r->conn, "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1",
                                   MLCM__BIND(mlcm__text(trigger)), &stmt, &row, err);
  if (!st && row) {
    *out_sql = mlcm__strdup(r->f->ctx, mlcm__db_text(stmt, 0));
    if (!*out_sql) st = mlcm__fail_memory(err, 1024);
  }
  mlcm__db_reset(stmt);
  (void)snprintf(drop, sizeof drop, "DROP TRIGGER %s", trigger);
  return st || !*out_sql ? st : mlcm__db_exec(r->conn, drop, err);
}

static mlcm_status run_guarded(repair *r, const char *trigger, const char *sql, const mlcm__bind *binds, size_t n,
                               mlcm_error *err) {
  char *put_up = NULL;
  mlcm_status st = take_down(r, trigger, &put_up, err);
  if (!st) st = mlcm__sql_run(r->conn, sql, binds, n, err);
  if (!st && put_up) st = mlcm__db_exec(r->conn, put_up, err);
  mlcm__free(r->f->ctx, put_up);
  return st;
}

/* ---- one kind of repair each ---- */

static mlcm_status fix_counters(repair *r, int64_t model_id, mlcm_error *err) {
  return mlcm__sql_run(r->conn,
                       "UPDATE model SET n_versions = (SELECT count(*) FROM version WHERE model_id = ?1 AND state = 1),"
                       " newest = coalesce((SELECT max(number) FROM version WHERE model_id = ?1 AND state = 1), 0),"
                       " last_version = coalesce((SELECT max(number) FROM version WHERE model_id = ?1), 0) WHERE id = ?1",
                       MLCM__BIND(mlcm__i64(model_id)), err);
}

static mlcm_status fix_sums(repair *r, int64_t version_id, mlcm_error *err) {
  mlcm__db_stmt *stmt = NULL;
  mlcm__manifest manifest;
  bool row = false;
  mlcm__manifest_init(&manifest, r->f->ctx);
  mlcm_status st = mlcm__sql_first(r->conn,
                                   "SELECT f.text, f.sha256 FROM version v JOIN manifest f ON f.id = v.manifest_id"
                                   " WHERE v.id = ?1",
                                   MLCM__BIND(mlcm__i64(version_id)), &stmt, &row, err);
  if (!st && !row) st = mlcm__fail(err, MLCM_CORRUPT, "the manifest of version row %lld is gone", (long long)version_id);
  if (!st) {
    size_t len = 0;
    const char *text = mlcm__db_blob(stmt, 0, &len);
    st = mlcm__manifest_parse(r->f->ctx, "a manifest", text, len, mlcm__db_text(stmt, 1), &manifest, err);
  }
  mlcm__db_reset(stmt);
  if (!st) {
    st = run_guarded(r, "version_is_immutable", "UPDATE version SET n_files = ?2, size_bytes = ?3 WHERE id = ?1",
                     MLCM__BIND(mlcm__i64(version_id), mlcm__i64((int64_t)manifest.n), mlcm__i64(manifest.size_bytes)), err);
  }
  mlcm__manifest_reset(&manifest);
  return st;
}

static mlcm_status fix_metrics(repair *r, int64_t version_id, mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(r->conn, "DELETE FROM metric WHERE version_id = ?1", MLCM__BIND(mlcm__i64(version_id)), err);
  if (st) return st;
  return mlcm__sql_run(r->conn,
                       "INSERT INTO metric (version_id, name, value) SELECT ?1, metric, value FROM"
                       " (SELECT s.metric, s.value, max(e.id) FROM evaluation_score s JOIN evaluation e ON e.id = s.evaluation_id"
                       "  WHERE e.version_id = ?1 GROUP BY s.metric)",
                       MLCM__BIND(mlcm__i64(version_id)), err);
}

static mlcm_status fix_from_backup(repair *r, const mlcm__blob_info *blob, mlcm_error *err) {
  char *path = NULL;
  uint8_t digest[MLCM__SHA256_BYTES];
  mlcm_status st = MLCM_OK;
  if (!r->spare) st = mlcm__blobs_open(r->f->ctx, r->f->options.backup, true, false, &r->spare, err);
  if (!st) st = mlcm__blob_path(r->spare, blob->sha256, &path, err);
  if (!st) st = mlcm__blob_put_file(r->reg->blobs, path, NULL, NULL, digest, NULL, err);
  if (!st && memcmp(digest, blob->sha256, sizeof digest) != 0)
    st = mlcm__fail(err, MLCM_CORRUPT, "'%s' changed while it was copied", path);
  mlcm__free(r->f->ctx, path);
  return st;
}

/* The file is written by the commit; a longer one would keep its end. */
static mlcm_status fix_anchor(repair *r, mlcm_error *err) {
  mlcm_context *ctx = r->f->ctx;
  int rc = ctx->io.unlink(ctx->io.user, r->reg->anchor_path);
  return rc < 0 && rc != -ENOENT ? mlcm__fail_errno(err, rc, "'%s' cannot be removed", r->reg->anchor_path) : MLCM_OK;
}

static mlcm_status fix_tmp(repair *r, mlcm_error *err) {
  int64_t oldest = 0, files = 0, bytes = 0;
  return mlcm__blob_sweep_tmp(r->reg->blobs, mlcm__wall_ns(r->f->ctx) - HOUR_NS, false, &oldest, &files, &bytes, err);
}

/* Several findings have one cure. */
static mlcm_status once(bool *done, mlcm_status (*cure)(mlcm__db_conn *conn, mlcm_error *err), mlcm__db_conn *conn,
                        mlcm_error *err) {
  if (*done) return MLCM_OK;
  mlcm_status st = cure(conn, err);
  *done = st == MLCM_OK;
  return st;
}

static mlcm_status reindex(mlcm__db_conn *conn, mlcm_error *err) {
  return mlcm__db_exec(conn, "REINDEX", err);
}

/* `object` is "trigger NAME" or "index NAME". */
static mlcm_status fix_schema(repair *r, const mlcm__fsck_item *item, mlcm_error *err) {
  char drop[224];
  (void)snprintf(drop, sizeof drop, "DROP %.*s IF EXISTS \"%s\"", (int)strcspn(item->shown.object, " "), item->shown.object,
                 strchr(item->shown.object, ' ') + 1);
  mlcm_status st = mlcm__db_exec(r->conn, drop, err);
  return st ? st : mlcm__db_exec(r->conn, item->text, err);
}

static mlcm_status apply(repair *r, const mlcm__fsck_item *item, mlcm_error *err) {
  switch (item->fix) { /* never: each has its case */
    case MLCM__FIX_NONE:
    case MLCM__FIX_FOLDERS: return MLCM_OK; /* made before the registry was opened */
    case MLCM__FIX_REINDEX: return once(&r->reindexed, reindex, r->conn, err);
    case MLCM__FIX_SCHEMA: return fix_schema(r, item, err);
    case MLCM__FIX_COUNTERS: return fix_counters(r, item->id, err);
    case MLCM__FIX_SUMS: return fix_sums(r, item->id, err);
    case MLCM__FIX_METRICS: return fix_metrics(r, item->id, err);
    case MLCM__FIX_MOVE_SEQ:
      return mlcm__sql_run(r->conn,
                           "UPDATE alias SET move_seq = (SELECT max(seq) FROM alias_move WHERE model_id = ?1 AND alias = ?2)"
                           " WHERE model_id = ?1 AND name = ?2",
                           MLCM__BIND(mlcm__i64(item->id), mlcm__text(item->text)), err);
    case MLCM__FIX_MANIFEST:
      return run_guarded(r, "manifest_is_immutable", "UPDATE manifest SET text = ?2 WHERE id = ?1",
                         MLCM__BIND(mlcm__i64(item->id), mlcm__blob(item->text, item->text_len)), err);
    case MLCM__FIX_MANIFEST_NAME:
      return run_guarded(r, "manifest_is_immutable", "UPDATE manifest SET sha256 = ?2 WHERE id = ?1",
                         MLCM__BIND(mlcm__i64(item->id), mlcm__text(item->text)), err);
    case MLCM__FIX_FROM_TRASH: return mlcm__blob_restore(r->reg->blobs, &item->blob, err);
    case MLCM__FIX_FROM_BACKUP: return fix_from_backup(r, &item->blob, err);
    case MLCM__FIX_AUDIT: return once(&r->rebuilt, mlcm__audit_rebuild, r->conn, err);
    case MLCM__FIX_ANCHOR: return fix_anchor(r, err);
    case MLCM__FIX_TMP: return fix_tmp(r, err);
  }
  return MLCM_OK;
}

/* ---- the frame ---- */

static mlcm_status try_one(repair *r, size_t i, mlcm_error *err) {
  const mlcm__fsck_item *item = &r->found->items[i];
  mlcm_error why = {0};
  mlcm_status st = mlcm__db_exec(r->conn, "SAVEPOINT repair", err);
  if (st) return st;
  st = apply(r, item, &why);
  if (st == MLCM_OK) {
    r->n_done++;
    if (r->n_named < NAMED_MAX) r->named[r->n_named++] = i;
    return mlcm__db_exec(r->conn, "RELEASE repair", err);
  }
  mlcm__log(r->f->ctx, MLCM_LOG_WARN, "fsck could not repair %s: %s", item->shown.object, why.message);
  if (st == MLCM_NO_MEMORY) return mlcm__fail_as(err, &why);
  return mlcm__db_exec(r->conn, "ROLLBACK TO repair; RELEASE repair", err);
}

/* The log first, because the record is appended to it. */
static mlcm_status try_all(repair *r, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (int turn = 0; turn < 2; turn++) {
    for (size_t i = 0; !st && i < r->found->n; i++) {
      mlcm__fix fix = r->found->items[i].fix;
      if (fix != MLCM__FIX_NONE && (fix == MLCM__FIX_AUDIT) == (turn == 0)) st = try_one(r, i, err);
    }
  }
  return st;
}

static mlcm_status record(repair *r, mlcm_error *err) {
  mlcm__detail detail;
  mlcm__detail_open(&detail, r->f->ctx);
  mlcm__json_array(&detail.json, "objects");
  for (size_t i = 0; i < r->n_named; i++) mlcm__json_string(&detail.json, NULL, r->found->items[r->named[i]].shown.object);
  mlcm__json_end(&detail.json);
  mlcm__json_i64(&detail.json, "repairs", (int64_t)r->n_done);
  return mlcm__detail_record(&detail, r->conn, r->reg, (mlcm__record){.kind = "registry.repaired", .object_kind = "registry"},
                             r->by, NULL, err);
}

static mlcm_status run(repair *r, mlcm_error *err) {
  mlcm_status st = mlcm__registry_write_begin(r->reg, &r->conn, err);
  if (!st) st = try_all(r, err);
  if (!st && r->n_done > 0) st = record(r, err);
  if (!st && r->n_done > 0) st = mlcm__registry_commit(r->reg, &r->conn, err);
  mlcm__db_rollback(r->conn);
  r->conn = NULL;
  return st;
}

static mlcm_status make_folders(repair *r, mlcm_error *err) {
  mlcm__blobs *blobs = NULL;
  for (size_t i = 0; i < r->found->n; i++) {
    if (r->found->items[i].fix != MLCM__FIX_FOLDERS) continue;
    mlcm_status st = mlcm__blobs_open(r->f->ctx, r->f->dir, false, true, &blobs, err);
    mlcm__blobs_close(blobs);
    return st;
  }
  return MLCM_OK;
}

mlcm_status mlcm__fsck_repair(mlcm__fsck *f, mlcm_fsck_report *found, const mlcm_attribution *by, mlcm_error *err) {
  repair r = {.f = f, .found = found, .by = by};
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_error why = {0};
  mlcm_status st = make_folders(&r, &why);
  if (!st) st = mlcm_registry_open(f->ctx, f->dir, &options, &r.reg, &why);
  if (!st) st = run(&r, &why);
  mlcm__blobs_close(r.spare);
  mlcm_registry_close(r.reg);
  if (st == MLCM_NO_MEMORY || st == MLCM_OUTCOME_UNKNOWN) return mlcm__fail_as(err, &why);
  if (st) (void)snprintf(found->refusal, sizeof found->refusal, "%s", why.message);
  return MLCM_OK;
}
