/* SPDX-License-Identifier: Apache-2.0
 *
 * artifact.c - reading a version: by reference from its rows, and its files with every byte checked.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "registry/progress.h"
#include "registry/registry.h"
#include "registry/snapshot.h"

mlcm_status mlcm_version_get(mlcm_registry *reg, const char *ref, mlcm_version **out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row model;
  mlcm_ref parsed;
  int64_t number = 0;
  int64_t id = 0;
  if (!reg || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "out" : "reg");
  mlcm_status st = mlcm_ref_parse(ref, &parsed, err);
  if (!st) st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st) st = mlcm__ref_resolve(conn, &parsed, &model, &number, err);
  if (!st) st = mlcm__version_find(conn, &model, parsed.model, number, &id, NULL, err);
  if (!st) st = mlcm__version_load(conn, id, true, out, err);
  mlcm__db_read_end(conn);
  return st;
}

static mlcm_status check_files(const mlcm_version *v, mlcm_error *err) {
  if (v->has_files) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                    "%s/%lld came in a page, which does not list files; read it with mlcm_version_get", v->model,
                    (long long)v->number);
}

/* Says whose file it is and what it should have been: the store speaks of digests only. */
static mlcm_status explain(const mlcm_version *v, const mlcm__manifest_file *file, mlcm_status st, mlcm_error *err) {
  char when[40];
  mlcm__format_time(v->created_ns, when);
  if (st == MLCM_CORRUPT) {
    mlcm__error_prefix(err, "%s/%lld: %s (registered %.10s by %s): ", v->model, (long long)v->number, file->path, when, v->actor);
  } else if (st == MLCM_NOT_FOUND) {
    return mlcm__fail(err, st, "%s/%lld: the bytes of %s (sha256 %s) are gone from the store; restore them from a backup",
                      v->model, (long long)v->number, file->path, file->sha256_hex);
  }
  return st;
}

static mlcm_status read_file(mlcm_registry *reg, const mlcm_version *v, const mlcm__manifest_file *file, mlcm__blob_bytes *out,
                             mlcm_error *err) {
  mlcm_status st = mlcm__blob_read_verified(reg->blobs, file->sha256, file->size_bytes, out, err);
  return st ? explain(v, file, st, err) : MLCM_OK;
}

mlcm_status mlcm_version_read(mlcm_registry *reg, const mlcm_version *v, const char *path, char **out, size_t *out_len,
                              mlcm_error *err) {
  mlcm__blob_bytes bytes = {0};
  if (!reg || !v || !path || !out || !out_len)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an argument of mlcm_version_read is NULL");
  mlcm_status st = check_files(v, err);
  if (st) return st;
  const mlcm__manifest_file *file = mlcm__manifest_find(&v->manifest, path);
  if (!file) return mlcm__fail(err, MLCM_NOT_FOUND, "%s/%lld has no file '%s'", v->model, (long long)v->number, path);
  st = read_file(reg, v, file, &bytes, err);
  if (st) return st;
  char *copy = mlcm__strndup(reg->ctx, (const char *)bytes.data, bytes.size);
  if (copy) {
    *out = copy;
    *out_len = bytes.size;
  } else {
    st = mlcm__fail_memory(err, bytes.size + 1);
  }
  mlcm__blob_bytes_free(&bytes);
  return st;
}

mlcm_status mlcm__version_read_files(mlcm_registry *reg, const mlcm_version *version, mlcm__version_files *out, mlcm_error *err) {
  mlcm__version_files files = {.ctx = reg->ctx};
  mlcm_status st = check_files(version, err);
  if (!st && version->state == MLCM_STATE_DELETED) {
    st = mlcm__fail(err, MLCM_INVALID_STATE, "%s/%lld is deleted; restore it before it is loaded", version->model,
                    (long long)version->number);
  }
  if (st) return st;
  files.items = mlcm__alloc_zero(reg->ctx, version->manifest.n, sizeof files.items[0]);
  if (!files.items) return mlcm__fail_memory(err, version->manifest.n * sizeof files.items[0]);
  for (size_t i = 0; !st && i < version->manifest.n; i++) {
    const mlcm__manifest_file *file = &version->manifest.files[i];
    st = read_file(reg, version, file, &files.items[i].bytes, err);
    files.items[i].path = file->path;
    if (!st) files.n++;
  }
  if (!st)
    *out = files;
  else
    mlcm__version_files_free(&files);
  return st;
}

void mlcm__version_files_free(mlcm__version_files *files) {
  for (size_t i = 0; i < files->n; i++) mlcm__blob_bytes_free(&files->items[i].bytes);
  if (files->ctx) mlcm__free(files->ctx, files->items);
  *files = (mlcm__version_files){0};
}

static mlcm_status count_chunk(void *user, const void *data, size_t len, mlcm_error *err) {
  (void)data;
  return mlcm__pace_add(user, (int64_t)len, err);
}

mlcm_status mlcm_version_verify(mlcm_registry *reg, const mlcm_version *v, const mlcm_progress *progress, mlcm_error *err) {
  mlcm__pace pace;
  if (!reg || !v) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", reg ? "the version" : "reg");
  mlcm_status st = check_files(v, err);
  mlcm__pace_init(&pace, reg->ctx, progress, v->size_bytes);
  for (size_t i = 0; !st && i < v->manifest.n; i++) {
    const mlcm__manifest_file *file = &v->manifest.files[i];
    st = mlcm__blob_verify(reg->blobs, file->sha256, file->size_bytes, count_chunk, &pace, err);
    if (st) st = explain(v, file, st, err);
  }
  return st ? st : mlcm__pace_end(&pace, err);
}
