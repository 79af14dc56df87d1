/* SPDX-License-Identifier: Apache-2.0
 *
 * gc.c - garbage collection: mark what manifests name, sweep the rest through the trash.
 *
 * Leak rather than lose. An object goes to the trash only when no manifest names it, it is older than the grace time and older
 * than every living lease; it is removed only after another grace time there. Both happen in batches, each inside a write
 * transaction that first reads the manifests that were committed meanwhile: a registration commits its manifest under the same
 * lock and looks before that whether its objects are there, so what a batch moves away is named by nobody, now or later. A run
 * that is cut off leaves objects in the trash, where the next one finds them: what is named goes back.
 */
#include <assert.h>
#include <string.h>

#include "base/map.h"
#include "registry/detail.h"
#include "registry/manifest.h"
#include "registry/progress.h"
#include "registry/registry.h"
#include "registry/sql.h"

enum { FIRST_OPTIONS_BYTES = 72, BATCH = 1000 };
_Static_assert(sizeof(mlcm_gc_options) == FIRST_OPTIONS_BYTES, "mlcm_gc_options changed: keep the first size here");
#define DEFAULT_GRACE_NS (INT64_C(86400) * INT64_C(1000000000))

/* A growing list of objects. */
typedef struct list {
  mlcm__blob_info *items;
  size_t n, cap;
} list;

typedef struct collection {
  mlcm_registry *reg;
  const mlcm_attribution *by;
  bool dry_run;
  int64_t now_ns, cutoff_ns; /* older than cutoff: grace is over */
  int64_t spared_ns;         /* objects from then on belong to living leases, or are younger than the cutoff */
  mlcm__map *marks;          /* digests that manifests name */
  int64_t last_manifest;     /* highest manifest id marked */
  list unnamed;              /* objects to move to the trash */
  list trashed;              /* what is in the trash */
  mlcm__pace pace;
  mlcm_gc_result result;
} collection;

void mlcm_gc_options_init(mlcm_gc_options *options, size_t size_bytes) {
  memset(options, 0, size_bytes);
  options->struct_size = size_bytes;
}

/* ---- mark ---- */

static mlcm_status mark_manifest(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  collection *c = user;
  mlcm__manifest manifest;
  size_t len = 0;
  const char *text = mlcm__db_blob(stmt, 2, &len);
  mlcm_status st = mlcm__manifest_parse(c->reg->ctx, "a stored manifest", text, len, mlcm__db_text(stmt, 1), &manifest, err);
  for (size_t i = 0; !st && i < manifest.n; i++) {
    st = mlcm__map_set(c->marks, manifest.files[i].sha256, MLCM__SHA256_BYTES, c, err);
  }
  mlcm__manifest_reset(&manifest);
  if (!st) c->last_manifest = mlcm__db_i64(stmt, 0);
  return st;
}

/* Marks what was committed since the last call. Manifests are never removed, so their ids only grow. */
static mlcm_status mark(collection *c, mlcm__db_conn *conn, mlcm_error *err) {
  return mlcm__sql_each(conn, "SELECT id, sha256, text FROM manifest WHERE id > ?1 ORDER BY id",
                        MLCM__BIND(mlcm__i64(c->last_manifest)), mark_manifest, c, err);
}

static bool is_named(const collection *c, const uint8_t *sha256) {
  return mlcm__map_get(c->marks, sha256, MLCM__SHA256_BYTES) != NULL;
}

/* ---- look ---- */

static mlcm_status push(collection *c, list *l, const mlcm__blob_info *info, mlcm_error *err) {
  mlcm_status st = mlcm__reserve(c->reg->ctx, &l->items, &l->cap, l->n + 1, sizeof *l->items, err);
  if (!st) l->items[l->n++] = *info;
  return st;
}

static mlcm_status visit_object(void *user, const mlcm__blob_info *info, mlcm_error *err) {
  collection *c = user;
  mlcm_status st = mlcm__pace_add(&c->pace, 1, err);
  if (st) return st;
  if (!is_named(c, info->sha256) && info->time_ns < c->spared_ns) return push(c, &c->unnamed, info, err);
  c->result.kept++;
  c->result.kept_bytes += info->size_bytes;
  return MLCM_OK;
}

static mlcm_status visit_trash(void *user, const mlcm__blob_info *info, mlcm_error *err) {
  collection *c = user;
  mlcm_status st = mlcm__pace_add(&c->pace, 1, err);
  return st ? st : push(c, &c->trashed, info, err);
}

static mlcm_status look(collection *c, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  int64_t oldest_lease_ns = 0;
  mlcm_status st = mlcm__blob_sweep_tmp(c->reg->blobs, c->cutoff_ns, c->dry_run, &oldest_lease_ns, &c->result.tmp_files,
                                        &c->result.tmp_bytes, err);
  c->spared_ns = oldest_lease_ns < c->cutoff_ns ? oldest_lease_ns : c->cutoff_ns;
  if (!st) st = mlcm__db_read_begin(c->reg->db, &conn, err);
  if (!st) st = mark(c, conn, err);
  mlcm__db_read_end(conn);
  if (!st) st = mlcm__blob_each(c->reg->blobs, MLCM__BLOB_OBJECTS, visit_object, c, err);
  if (!st) st = mlcm__blob_each(c->reg->blobs, MLCM__BLOB_TRASH, visit_trash, c, err);
  return st;
}

/* ---- sweep ---- */

/* Another collection may have been faster: what is gone is no error. */
static mlcm_status unless_gone(mlcm_status st, const mlcm_error *why, bool *done, mlcm_error *err) {
  *done = st == MLCM_OK;
  if (st == MLCM_OK || st == MLCM_NOT_FOUND) return MLCM_OK;
  return mlcm__fail_as(err, why);
}

/* To the trash, unless it was named or written anew since it was looked at. */
static mlcm_status sweep_object(collection *c, const mlcm__blob_info *seen, mlcm_gc_result *did, mlcm_error *err) {
  mlcm__blob_info now = *seen;
  mlcm_error why = {0};
  bool done = is_named(c, seen->sha256);
  mlcm_status st = MLCM_OK;
  if (done || c->dry_run) {
    done = !done;
  } else {
    st = unless_gone(mlcm__blob_stat(c->reg->blobs, seen->sha256, &now, &why), &why, &done, err);
    if (done && now.time_ns >= c->spared_ns) done = false;
    if (done) st = unless_gone(mlcm__blob_trash(c->reg->blobs, seen->sha256, c->now_ns, &why), &why, &done, err);
  }
  if (st) return st;
  if (done) {
    did->trashed++;
    did->trashed_bytes += seen->size_bytes;
  } else {
    did->kept++;
    did->kept_bytes += seen->size_bytes;
  }
  return MLCM_OK;
}

static mlcm_status restore(collection *c, const mlcm__blob_info *trashed, mlcm_gc_result *did, mlcm_error *err) {
  mlcm_error why = {0};
  bool done = c->dry_run;
  mlcm_status st = c->dry_run ? MLCM_OK : unless_gone(mlcm__blob_restore(c->reg->blobs, trashed, &why), &why, &done, err);
  if (done) did->restored++;
  return st;
}

/* Back when something names it and it is missing; away when its second grace time is over. */
static mlcm_status sweep_trash(collection *c, const mlcm__blob_info *trashed, mlcm_gc_result *did, mlcm_error *err) {
  mlcm_error why = {0};
  bool done = c->dry_run;
  mlcm_status st = MLCM_OK;
  if (is_named(c, trashed->sha256)) {
    bool is_there = false;
    st = unless_gone(mlcm__blob_exists(c->reg->blobs, trashed->sha256, trashed->size_bytes, &why), &why, &is_there, err);
    if (st) return st;
    if (!is_there) return restore(c, trashed, did, err);
  }
  if (trashed->time_ns >= c->cutoff_ns) return MLCM_OK;
  if (!c->dry_run) st = unless_gone(mlcm__blob_unlink(c->reg->blobs, trashed, &why), &why, &done, err);
  if (done) {
    did->unlinked++;
    did->unlinked_bytes += trashed->size_bytes;
  }
  return st;
}

typedef mlcm_status sweep(collection *c, const mlcm__blob_info *info, mlcm_gc_result *did, mlcm_error *err);

static mlcm_status record(collection *c, mlcm__db_conn *conn, const mlcm_gc_result *did, mlcm_error *err) {
  mlcm__detail detail;
  mlcm__record change = {.kind = "gc.swept", .object_kind = "registry", .time_ns = c->now_ns};
  if (did->trashed + did->unlinked + did->restored == 0) return MLCM_OK;
  mlcm__detail_open(&detail, c->reg->ctx);
  mlcm__json_i64(&detail.json, "restored", did->restored);
  mlcm__json_i64(&detail.json, "trashed", did->trashed);
  mlcm__json_i64(&detail.json, "trashed_bytes", did->trashed_bytes);
  mlcm__json_i64(&detail.json, "unlinked", did->unlinked);
  mlcm__json_i64(&detail.json, "unlinked_bytes", did->unlinked_bytes);
  return mlcm__detail_record(&detail, conn, c->reg, change, c->by, NULL, err);
}

static void add(mlcm_gc_result *to, const mlcm_gc_result *did) {
  to->kept += did->kept;
  to->kept_bytes += did->kept_bytes;
  to->trashed += did->trashed;
  to->trashed_bytes += did->trashed_bytes;
  to->unlinked += did->unlinked;
  to->unlinked_bytes += did->unlinked_bytes;
  to->restored += did->restored;
}

static mlcm_status run_batch(collection *c, const mlcm__blob_info *items, size_t n, sweep *one, mlcm_gc_result *did,
                             mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < n; i++) st = one(c, &items[i], did, err);
  return st;
}

/* One batch under the writer lock. What was moved before a failure is recorded too. */
static mlcm_status sweep_batch(collection *c, const mlcm__blob_info *items, size_t n, sweep *one, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_gc_result did = {0};
  mlcm_error late = {0};
  mlcm_status st = mlcm__registry_write_begin(c->reg, &conn, err);
  if (!st) st = mark(c, conn, err);
  if (st) {
    mlcm__db_rollback(conn);
    return st;
  }
  st = run_batch(c, items, n, one, &did, err);
  mlcm_status recorded = record(c, conn, &did, &late);
  if (!recorded) recorded = mlcm__registry_commit(c->reg, &conn, &late);
  mlcm__db_rollback(conn);
  add(&c->result, &did);
  return st || !recorded ? st : mlcm__fail_as(err, &late);
}

static mlcm_status sweep_list(collection *c, const list *l, sweep *one, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  if (c->dry_run) return run_batch(c, l->items, l->n, one, &c->result, err);
  for (size_t at = 0; !st && at < l->n; at += BATCH)
    st = sweep_batch(c, l->items + at, l->n - at < BATCH ? l->n - at : BATCH, one, err);
  return st;
}

/* ---- the whole ---- */

static mlcm_status check(mlcm_registry *reg, const mlcm_gc_options *options, const mlcm_attribution *by, mlcm_error *err) {
  if (options->grace_ns < 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "grace_ns is negative");
  if (options->dry_run != 0 && options->dry_run != 1) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "dry_run is neither 0 nor 1");
  if (reg->read_only && !options->dry_run) {
    return mlcm__fail(err, MLCM_REFUSED, "registry '%s' was opened read only: only a dry run of garbage collection is possible",
                      reg->dir);
  }
  return mlcm__check_attribution(by, err);
}

mlcm_status mlcm_gc(mlcm_registry *reg, const mlcm_gc_options *options, const mlcm_attribution *by, mlcm_gc_result *out,
                    mlcm_error *err) {
  mlcm_gc_options known;
  if (!reg) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "reg is NULL");
  mlcm_status st = mlcm__options_read(options, FIRST_OPTIONS_BYTES, &known, sizeof known, "mlcm_gc_options", err);
  if (!st) st = check(reg, &known, by, err);
  if (st) return st;
  collection c = {.reg = reg, .by = by, .dry_run = known.dry_run == 1, .now_ns = mlcm__wall_ns(reg->ctx)};
  c.cutoff_ns = c.now_ns - (known.grace_ns ? known.grace_ns : DEFAULT_GRACE_NS);
  mlcm__pace_init(&c.pace, reg->ctx, &known.progress, -1);
  st = mlcm__map_new(reg->ctx, &c.marks, err);
  if (!st) st = look(&c, err);
  if (!st) st = sweep_list(&c, &c.trashed, sweep_trash, err);
  if (!st) st = sweep_list(&c, &c.unnamed, sweep_object, err);
  if (!st) st = mlcm__pace_end(&c.pace, err);
  if (!st && out) *out = c.result;
  mlcm__map_free(c.marks);
  mlcm__free(reg->ctx, c.unnamed.items);
  mlcm__free(reg->ctx, c.trashed.items);
  return st;
}
