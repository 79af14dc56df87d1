/* SPDX-License-Identifier: Apache-2.0
 *
 * register.c - new versions. In this order, so that a crash anywhere leaves the old state or the new:
 *
 *   1. check everything that can be checked without reading a byte
 *   2. hold a lease of the blob store; copy and hash the files (durable before anything names them)
 *   3. one write transaction: objects still there, manifest, version, tags, aliases, counters, events, audit leaves
 *
 * What a crash after 2 leaves behind is garbage that nothing names; gc removes it.
 */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "registry/detail.h"
#include "registry/digest.h"
#include "registry/ingest.h"
#include "registry/names.h"
#include "registry/registry.h"
#include "registry/snapshot.h"
#include "registry/sql.h"

enum { FIRST_OPTIONS_BYTES = 128, MANY_MAX = 1000000, ATTEMPTS = 3, PARENT_BYTES = MLCM_MODEL_NAME_MAX + 32 };
_Static_assert(sizeof(mlcm_register_options) == FIRST_OPTIONS_BYTES, "mlcm_register_options changed: keep the first size here");

void mlcm_register_options_init(mlcm_register_options *options, size_t size_bytes) {
  memset(options, 0, size_bytes);
  options->struct_size = size_bytes;
}

/* One distinct path of a registration and, once inside the transaction, its manifest's row. */
typedef struct source {
  mlcm__ingested files;
  int64_t manifest_id;
} source;

/* A registration of n versions. */
typedef struct batch {
  mlcm_registry *reg;
  const char *model;
  const mlcm_register_item *items;
  size_t n;
  const mlcm_attribution *by;
  mlcm__map *sources; /* path to source */
  int64_t first;      /* number of the first version */
} batch;

static mlcm_status read_options(const mlcm_register_item *item, mlcm_register_options *out, mlcm_error *err) {
  return mlcm__options_read(item->options, FIRST_OPTIONS_BYTES, out, sizeof *out, "mlcm_register_options", err);
}

/* After check_batch has read them once. */
static mlcm_register_options options_of(const mlcm_register_item *item) {
  mlcm_register_options options = {0};
  (void)read_options(item, &options, NULL);
  return options;
}

/* ---- 1. checks ---- */

static mlcm_status check_tags(const mlcm_register_options *options, mlcm_error *err) {
  if (options->n_tags && !options->tags)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "n_tags is %zu but tags is NULL", options->n_tags);
  if (options->n_tags > MLCM_TAGS_MAX)
    return mlcm__fail(err, MLCM_LIMIT, "%zu tags, more than the %d allowed", options->n_tags, (int)MLCM_TAGS_MAX);
  for (size_t i = 0; i < options->n_tags; i++) {
    mlcm_status st = mlcm__check_tag(options->tags[i].key, options->tags[i].value, err);
    if (st) return st;
    for (size_t j = 0; j < i; j++) {
      if (strcmp(options->tags[i].key, options->tags[j].key) == 0) {
        return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "tag '%s' is given twice", options->tags[i].key);
      }
    }
  }
  return MLCM_OK;
}

static mlcm_status check_aliases(const mlcm_register_options *options, mlcm_error *err) {
  if (options->n_aliases && !options->aliases)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "n_aliases is %zu but aliases is NULL", options->n_aliases);
  if (options->n_aliases > MLCM_TAGS_MAX)
    return mlcm__fail(err, MLCM_LIMIT, "%zu aliases at once, more than the %d allowed", options->n_aliases, (int)MLCM_TAGS_MAX);
  for (size_t i = 0; i < options->n_aliases; i++) {
    mlcm_status st = mlcm__check_alias_name_free(options->aliases[i], err);
    if (st) return st;
    for (size_t j = 0; j < i; j++) {
      if (strcmp(options->aliases[i], options->aliases[j]) == 0) {
        return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "alias '%s' is given twice", options->aliases[i]);
      }
    }
  }
  return MLCM_OK;
}

static mlcm_status check_options(const mlcm_register_options *options, mlcm_error *err) {
  mlcm_status st = mlcm__check_text(options->description, MLCM_DESCRIPTION_MAX, "description", err);
  if (!st) st = mlcm__check_digest(options->dataset_digest, "the dataset digest", err);
  if (!st) st = mlcm__check_plain_text(options->source_revision, MLCM_LINEAGE_MAX, "source revision", err);
  if (!st) st = mlcm__check_plain_text(options->run_link, MLCM_LINEAGE_MAX, "run link", err);
  if (!st) st = check_tags(options, err);
  if (!st) st = check_aliases(options, err);
  return st;
}

/* "digits@champion" is kept as the number it stands for now: lineage does not move. "" for none. */
static mlcm_status resolve_parent(mlcm__db_conn *conn, const char *parent, char out[PARENT_BYTES], mlcm_error *err) {
  mlcm_ref ref;
  mlcm__model_row model;
  int64_t number = 0;
  int64_t id = 0;
  out[0] = '\0';
  if (!parent || !parent[0]) return MLCM_OK;
  mlcm_status st = mlcm_ref_parse(parent, &ref, err);
  if (!st) st = mlcm__ref_resolve(conn, &ref, &model, &number, err);
  if (!st) st = mlcm__version_find(conn, &model, ref.model, number, &id, NULL, err);
  if (st) {
    mlcm__error_prefix(err, "parent: ");
    return st;
  }
  (void)snprintf(out, PARENT_BYTES, "%s/%lld", ref.model, (long long)number);
  return MLCM_OK;
}

/* The model's row, or *out_new when there is none yet. */
static mlcm_status look_up_model(mlcm__db_conn *conn, const char *name, mlcm__model_row *out, bool *out_new, mlcm_error *err) {
  bool found = false;
  mlcm_status st = mlcm__model_look_up(conn, name, out, &found, err);
  if (st) return st;
  if (found && out->state == MLCM_STATE_DELETED) {
    return mlcm__fail(err, MLCM_INVALID_STATE, "model '%s' is deleted; restore it with `mlcm restore %s` before registering",
                      name, name);
  }
  *out_new = !found;
  return MLCM_OK;
}

static mlcm_status check_against_rows(const batch *b, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row model;
  char parent[PARENT_BYTES];
  bool is_new = false;
  mlcm_status st = mlcm__db_read_begin(b->reg->db, &conn, err);
  if (!st) st = look_up_model(conn, b->model, &model, &is_new, err);
  for (size_t i = 0; !st && i < b->n; i++) st = resolve_parent(conn, options_of(&b->items[i]).parent, parent, err);
  mlcm__db_read_end(conn);
  return st;
}

static mlcm_status check_batch(const batch *b, mlcm_error *err) {
  mlcm_status st = mlcm__check_model_name(b->model, err);
  if (!st) st = mlcm__check_attribution(b->by, err);
  for (size_t i = 0; !st && i < b->n; i++) {
    mlcm_register_options options;
    if (!b->items[i].path) st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "path of item %zu is NULL", i);
    if (!st) st = read_options(&b->items[i], &options, err);
    if (!st) st = check_options(&options, err);
  }
  return st ? st : check_against_rows(b, err);
}

/* ---- 2. files ---- */

static void free_sources(batch *b) {
  size_t cursor = 0;
  const char *key = NULL;
  size_t len = 0;
  void *value = NULL;
  if (!b->sources) return;
  while (mlcm__map_next(b->sources, &cursor, &key, &len, &value)) {
    source *s = value;
    mlcm__ingested_reset(b->reg->ctx, &s->files);
    mlcm__free(b->reg->ctx, s);
  }
  mlcm__map_free(b->sources);
  b->sources = NULL;
}

static mlcm_status ingest_item(batch *b, const mlcm_register_item *item, mlcm_error *err) {
  const mlcm_register_options options = options_of(item);
  size_t len = strlen(item->path);
  if (mlcm__map_get(b->sources, item->path, len)) return MLCM_OK;
  source *s = mlcm__alloc_zero(b->reg->ctx, 1, sizeof *s);
  if (!s) return mlcm__fail_memory(err, sizeof *s);
  mlcm_status st = mlcm__ingest(b->reg, item->path, &options.progress, &s->files, err);
  if (!st) st = mlcm__map_set(b->sources, item->path, len, s, err);
  if (st) {
    mlcm__ingested_reset(b->reg->ctx, &s->files);
    mlcm__free(b->reg->ctx, s);
  }
  return st;
}

static mlcm_status ingest_all(batch *b, mlcm_error *err) {
  mlcm_status st = mlcm__map_new(b->reg->ctx, &b->sources, err);
  for (size_t i = 0; !st && i < b->n; i++) st = ingest_item(b, &b->items[i], err);
  return st;
}

/* ---- 3. rows ---- */

/* What is there now stays until this transaction ends (blob.h): after it, it is named. *gone: one was swept meanwhile. */
static mlcm_status check_objects(const batch *b, const source *s, bool *gone, mlcm_error *err) {
  for (size_t i = 0; i < s->files.manifest.n; i++) {
    const mlcm__manifest_file *file = &s->files.manifest.files[i];
    mlcm_status st = mlcm__blob_exists(b->reg->blobs, file->sha256, file->size_bytes, err);
    *gone = st == MLCM_NOT_FOUND;
    if (st) return st;
  }
  return MLCM_OK;
}

static mlcm_status insert_manifest(mlcm__db_conn *conn, const batch *b, source *s, bool *gone, mlcm_error *err) {
  bool row = false;
  if (s->manifest_id) return MLCM_OK;
  mlcm_status st = check_objects(b, s, gone, err);
  if (!st) {
    st = mlcm__sql_i64(conn, "SELECT id FROM manifest WHERE sha256 = ?1", MLCM__BIND(mlcm__text(s->files.sha256)), &row,
                       &s->manifest_id, err);
  }
  if (st || row) return st;
  st = mlcm__sql_run(conn, "INSERT INTO manifest (sha256, text) VALUES (?1, ?2)",
                     MLCM__BIND(mlcm__text(s->files.sha256), mlcm__blob(s->files.text, s->files.text_len)), err);
  if (!st) s->manifest_id = mlcm__db_last_id(conn);
  return st;
}

static const char *or_empty(const char *text) { return text ? text : ""; }

static mlcm_status insert_version(mlcm__db_conn *conn, const batch *b, int64_t model_id, int64_t number, const source *s,
                                  const mlcm_register_options *options, const char *parent, int64_t now, int64_t *out_id,
                                  mlcm_error *err) {
  mlcm_status st = mlcm__sql_run(
      conn,
      "INSERT INTO version (model_id, number, created_ns, updated_ns, actor, reason, description, parent, dataset_digest,"
      " source_revision, run_link, manifest_id, n_files, size_bytes) VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
      "?12, ?13)",
      MLCM__BIND(mlcm__i64(model_id), mlcm__i64(number), mlcm__i64(now), mlcm__text(mlcm__registry_actor_of(b->reg, b->by)),
                 mlcm__text(mlcm__registry_reason_of(b->by)), mlcm__text(or_empty(options->description)), mlcm__text(parent),
                 mlcm__text(or_empty(options->dataset_digest)), mlcm__text(or_empty(options->source_revision)),
                 mlcm__text(or_empty(options->run_link)), mlcm__i64(s->manifest_id), mlcm__i64((int64_t)s->files.manifest.n),
                 mlcm__i64(s->files.manifest.size_bytes)),
      err);
  if (!st) *out_id = mlcm__db_last_id(conn);
  return st;
}

static mlcm_status insert_tags(mlcm__db_conn *conn, int64_t version_id, const mlcm_register_options *options, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < options->n_tags; i++) {
    st = mlcm__sql_run(conn, "INSERT INTO version_tag (version_id, key, value) VALUES (?1, ?2, ?3)",
                       MLCM__BIND(mlcm__i64(version_id), mlcm__text(options->tags[i].key), mlcm__text(options->tags[i].value)),
                       err);
  }
  return st;
}

static mlcm_status set_aliases(mlcm__db_conn *conn, const batch *b, int64_t model_id, int64_t number,
                               const mlcm_register_options *options, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < options->n_aliases; i++) {
    const char *alias = options->aliases[i];
    int64_t from = 0;
    st = mlcm__alias_target(conn, model_id, alias, &from, err);
    if (!st) st = mlcm__alias_move_in(conn, b->reg, model_id, alias, number, MLCM_ALIAS_ANY, MLCM_CAUSE_MANUAL, 0, b->by, err);
    if (!st) st = mlcm__rollouts_on_alias_change(conn, b->reg, model_id, alias, from, number, 0, b->by, err);
  }
  return st;
}

static const char *or_null(const char *text) { return text && text[0] ? text : NULL; }

/* What may be changed later stands as a digest: what was given can still be told from what was made of it, and the feed stays
 * small. */
static mlcm_status record_version(mlcm__db_conn *conn, const batch *b, int64_t number, const source *s,
                                  const mlcm_register_options *options, const char *parent, int64_t now, mlcm_error *err) {
  mlcm__detail detail;
  char manifest[MLCM__DIGEST_TEXT + 1];
  mlcm__digest_from_hex(s->files.sha256, manifest);
  mlcm__detail_open(&detail, b->reg->ctx);
  mlcm__json_string(&detail.json, "dataset_digest", or_null(options->dataset_digest));
  mlcm__detail_digest(&detail, "description", or_null(options->description));
  mlcm__json_string(&detail.json, "manifest", manifest);
  mlcm__json_string(&detail.json, "parent", or_null(parent));
  mlcm__json_string(&detail.json, "run_link", or_null(options->run_link));
  mlcm__json_string(&detail.json, "source_revision", or_null(options->source_revision));
  mlcm__json_array(&detail.json, "tags");
  for (size_t i = 0; i < options->n_tags; i++) {
    mlcm__json_object(&detail.json, NULL);
    mlcm__json_string(&detail.json, "key", options->tags[i].key);
    mlcm__detail_digest(&detail, "value", options->tags[i].value);
    mlcm__json_end(&detail.json);
  }
  mlcm__json_end(&detail.json);
  mlcm__record record = {.kind = "version.registered",
                         .object_kind = "version",
                         .model = b->model,
                         .version = number,
                         .after = manifest,
                         .time_ns = now};
  return mlcm__detail_record(&detail, conn, b->reg, record, b->by, NULL, err);
}

static mlcm_status write_item(mlcm__db_conn *conn, const batch *b, size_t i, int64_t model_id, int64_t now, int64_t *out_id,
                              bool *gone, mlcm_error *err) {
  const mlcm_register_item *item = &b->items[i];
  source *s = mlcm__map_get(b->sources, item->path, strlen(item->path));
  int64_t number = b->first + (int64_t)i;
  const mlcm_register_options options = options_of(item);
  char parent[PARENT_BYTES];
  mlcm_status st = resolve_parent(conn, options.parent, parent, err);
  if (!st) st = insert_manifest(conn, b, s, gone, err);
  if (!st) st = insert_version(conn, b, model_id, number, s, &options, parent, now, out_id, err);
  if (!st) st = insert_tags(conn, *out_id, &options, err);
  if (!st) st = record_version(conn, b, number, s, &options, parent, now, err);
  if (!st) st = set_aliases(conn, b, model_id, number, &options, err);
  return st;
}

static mlcm_status find_or_create_model(mlcm__db_conn *conn, const batch *b, int64_t now, mlcm__model_row *out, mlcm_error *err) {
  bool is_new = false;
  mlcm_status st = look_up_model(conn, b->model, out, &is_new, err);
  if (!st && is_new) st = mlcm__model_create_in(conn, b->reg, b->model, "", now, b->by, err);
  if (!st && is_new) st = mlcm__model_find(conn, b->model, out, err);
  return st;
}

static mlcm_status write_all(batch *b, mlcm_version **out, bool *gone, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row model;
  mlcm_version *version = NULL;
  int64_t now = mlcm__wall_ns(b->reg->ctx);
  int64_t version_id = 0;
  mlcm_status st = mlcm__registry_write_begin(b->reg, &conn, err);
  if (!st) st = find_or_create_model(conn, b, now, &model, err);
  if (!st) b->first = model.last_version + 1;
  for (size_t i = 0; !st && i < b->n; i++) st = write_item(conn, b, i, model.id, now, &version_id, gone, err);
  if (!st) {
    st = mlcm__sql_run(
        conn, "UPDATE model SET last_version = ?2, newest = ?2, n_versions = n_versions + ?3, updated_ns = ?4 WHERE id = ?1",
        MLCM__BIND(mlcm__i64(model.id), mlcm__i64(model.last_version + (int64_t)b->n), mlcm__i64((int64_t)b->n), mlcm__i64(now)),
        err);
  }
  if (!st && out) st = mlcm__version_load(conn, version_id, true, &version, err);
  if (!st) st = mlcm__registry_commit(b->reg, &conn, err);
  mlcm__db_rollback(conn);
  if (!st && out) {
    *out = version;
    version = NULL;
  }
  mlcm_version_free(version);
  return st;
}

/* ---- all of it ---- */

/* Again when garbage collection swept an object that was there before our lease was. */
static mlcm_status ingest_and_write(batch *b, mlcm_version **out, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  bool gone = true;
  for (int attempt = 0; gone && attempt < ATTEMPTS; attempt++) {
    gone = false;
    free_sources(b);
    st = ingest_all(b, err);
    if (!st) st = write_all(b, out, &gone, err);
  }
  free_sources(b);
  return st;
}

static mlcm_status run_batch(batch *b, mlcm_version **out, mlcm_error *err) {
  mlcm__blob_lease *lease = NULL;
  mlcm_status st = check_batch(b, err);
  if (!st && b->reg->read_only) st = mlcm__registry_write_begin(b->reg, NULL, err); /* says why not, before reading a byte */
  if (!st) st = mlcm__blob_lease_open(b->reg->blobs, &lease, err);
  if (!st) st = ingest_and_write(b, out, err);
  mlcm__blob_lease_close(lease);
  return st;
}

mlcm_status mlcm_register(mlcm_registry *reg, const char *model, const char *path, const mlcm_register_options *options,
                          const mlcm_attribution *by, mlcm_version **out, mlcm_error *err) {
  if (!reg || !model || !path)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", !reg ? "reg" : !model ? "model" : "path");
  mlcm_register_item item = {path, options};
  batch b = {.reg = reg, .model = model, .items = &item, .n = 1, .by = by};
  return run_batch(&b, out, err);
}

mlcm_status mlcm_register_many(mlcm_registry *reg, const char *model, const mlcm_register_item *items, size_t n,
                               const mlcm_attribution *by, int64_t *out_first, mlcm_error *err) {
  if (!reg || !model || !items)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", !reg ? "reg" : !model ? "model" : "items");
  if (n < 1 || n > MANY_MAX) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%zu versions at once, not 1 to %d", n, MANY_MAX);
  batch b = {.reg = reg, .model = model, .items = items, .n = n, .by = by};
  mlcm_status st = run_batch(&b, NULL, err);
  if (!st && out_first) *out_first = b.first;
  return st;
}
