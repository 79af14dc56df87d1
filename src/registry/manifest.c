/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.c - manifests in memory, to text and back.
 */
#include "registry/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "registry/digest.h"
#include "registry/names.h"

enum {
  TEXT_MAX = 256 << 20,
  VALUES_MAX = 8 * (MLCM_FILES_MAX + 1), /* a file is four; a later library may know more of it */
  AROUND_PATH = 160                      /* bytes of a file's object beside its path, of which every byte may be an escaped quote */
};
_Static_assert((int64_t)MLCM_FILES_MAX * (2 * MLCM_FILE_PATH_MAX + AROUND_PATH) < TEXT_MAX, "no manifest is too long to be kept");

void mlcm__manifest_init(mlcm__manifest *m, mlcm_context *ctx) { *m = (mlcm__manifest){.ctx = ctx}; }

void mlcm__manifest_reset(mlcm__manifest *m) {
  for (size_t i = 0; i < m->n; i++) mlcm__free(m->ctx, m->files[i].path);
  mlcm__free(m->ctx, m->files);
  mlcm__manifest_init(m, m->ctx);
}

mlcm_status mlcm__manifest_add(mlcm__manifest *m, const char *path, int64_t size_bytes, const uint8_t sha256[MLCM__SHA256_BYTES],
                               mlcm_error *err) {
  mlcm_status st = mlcm__check_file_path(path, err);
  if (st) return st;
  if (m->n >= MLCM_FILES_MAX) return mlcm__fail(err, MLCM_LIMIT, "more than %d files in one version", (int)MLCM_FILES_MAX);
  if (size_bytes < 0 || m->size_bytes > INT64_MAX - size_bytes)
    return mlcm__fail(err, MLCM_LIMIT, "the files' sizes add up to more than 2^63 bytes");
  st = mlcm__reserve(m->ctx, &m->files, &m->cap, m->n + 1, sizeof m->files[0], err);
  if (st) return st;
  mlcm__manifest_file *file = &m->files[m->n];
  *file = (mlcm__manifest_file){.path = mlcm__strdup(m->ctx, path), .size_bytes = size_bytes};
  if (!file->path) return mlcm__fail_memory(err, strlen(path) + 1);
  memcpy(file->sha256, sha256, MLCM__SHA256_BYTES);
  mlcm__hex(sha256, MLCM__SHA256_BYTES, file->sha256_hex);
  m->size_bytes += size_bytes;
  m->n++;
  return MLCM_OK;
}

static int by_path(const void *a, const void *b) {
  const mlcm__manifest_file *x = a;
  const mlcm__manifest_file *y = b;
  return strcmp(x->path, y->path);
}

static void write_file(mlcm__json *j, const mlcm__manifest_file *file) {
  char size[24];
  (void)snprintf(size, sizeof size, "%lld", (long long)file->size_bytes);
  mlcm__json_object(j, NULL);
  mlcm__json_string(j, "path", file->path);
  mlcm__json_string(j, "sha256", file->sha256_hex);
  mlcm__json_string(j, "size", size);
  mlcm__json_end(j);
}

mlcm_status mlcm__manifest_write(mlcm__manifest *m, char **out_text, size_t *out_len, char out_sha256[MLCM__SHA256_HEX + 1],
                                 mlcm_error *err) {
  mlcm__buffer text;
  mlcm__json j;
  if (m->n) qsort(m->files, m->n, sizeof m->files[0], by_path);
  mlcm__buffer_init(&text, m->ctx, TEXT_MAX);
  mlcm__json_init(&j, &text, true);
  mlcm__json_object(&j, NULL);
  mlcm__json_array(&j, "files");
  for (size_t i = 0; i < m->n; i++) write_file(&j, &m->files[i]);
  mlcm__json_end(&j);
  mlcm__json_string(&j, "mlcm", "manifest/v1");
  mlcm__json_end(&j);
  mlcm_status st = mlcm__buffer_check(&text, "the manifest", err);
  if (!st) st = mlcm__hex_of(text.data, text.len, out_sha256, err);
  size_t len = text.len;
  if (!st) st = mlcm__buffer_take(&text, "the manifest", out_text, err);
  if (!st) *out_len = len;
  mlcm__buffer_reset(&text);
  return st;
}

static mlcm_status read_file(mlcm__manifest *m, const cJSON *item, mlcm_error *err) {
  const char *path = NULL;
  const char *sha256 = NULL;
  int64_t size = 0;
  uint8_t digest[MLCM__SHA256_BYTES];
  mlcm_status st = mlcm__json_get_string(item, "path", "file", &path, err);
  if (!st) st = mlcm__json_get_string(item, "sha256", "file", &sha256, err);
  if (!st) st = mlcm__json_get_i64(item, "size", "file", &size, err);
  if (st) return st;
  if (strlen(sha256) != MLCM__SHA256_HEX || !mlcm__unhex(sha256, MLCM__SHA256_HEX, digest)) {
    return mlcm__fail(err, MLCM_CORRUPT, "'%s' has no SHA-256 but '%.80s'", path, sha256);
  }
  if (m->n && strcmp(m->files[m->n - 1].path, path) >= 0) return mlcm__fail(err, MLCM_CORRUPT, "'%s' is out of order", path);
  return mlcm__manifest_add(m, path, size, digest, err);
}

static mlcm_status read_files(mlcm__manifest *m, const cJSON *root, mlcm_error *err) {
  const char *form = NULL;
  const cJSON *item = NULL;
  mlcm_status st = mlcm__json_get_string(root, "mlcm", "manifest", &form, err);
  if (st) return st;
  if (strcmp(form, "manifest/v1") != 0)
    return mlcm__fail(err, MLCM_UNSUPPORTED, "it has the form '%.40s'; this library reads manifest/v1", form);
  const cJSON *files = cJSON_GetObjectItemCaseSensitive(root, "files");
  if (!cJSON_IsArray(files)) return mlcm__fail(err, MLCM_CORRUPT, "it has no array 'files'");
  cJSON_ArrayForEach(item, files) { /* never: an array is not NULL */
    st = read_file(m, item, err);
    if (st) return st;
  }
  return MLCM_OK;
}

/* Before all of it is hashed. */
static mlcm_status check_length(size_t len, mlcm_error *err) {
  if (len <= TEXT_MAX) return MLCM_OK;
  return mlcm__fail(err, MLCM_CORRUPT, "it has %zu bytes, more than the limit of %d", len, TEXT_MAX);
}

static mlcm_status check_digest(const char *text, size_t len, const char *sha256, mlcm_error *err) {
  char hex[MLCM__SHA256_HEX + 1];
  mlcm_status st = mlcm__hex_of(text, len, hex, err);
  if (st || strcmp(hex, sha256) == 0) return st;
  return mlcm__fail(err, MLCM_CORRUPT, "sha256 is %s, registered was %s", hex, sha256);
}

mlcm_status mlcm__manifest_parse(mlcm_context *ctx, const char *what, const char *text, size_t len, const char *sha256,
                                 mlcm__manifest *out, mlcm_error *err) {
  const mlcm__json_limits limits = {.max_bytes = TEXT_MAX, .max_depth = 4, .max_values = VALUES_MAX};
  cJSON *root = NULL;
  mlcm__manifest_init(out, ctx);
  mlcm_status st = check_length(len, err);
  if (!st) st = check_digest(text, len, sha256, err);
  if (!st) st = mlcm__json_parse(ctx, "manifest", text, len, limits, &root, err);
  if (!st) st = read_files(out, root, err);
  cJSON_Delete(root);
  if (st == MLCM_OK || st == MLCM_NO_MEMORY || st == MLCM_UNSUPPORTED || st == MLCM_INTERNAL)
    return st; /* says nothing about its bytes */
  mlcm__error_prefix(err, "%s: the manifest is damaged: ", what);
  if (err) err->code = MLCM_CORRUPT;
  return MLCM_CORRUPT;
}

static int path_of_file(const void *path, const void *file) { return strcmp(path, ((const mlcm__manifest_file *)file)->path); }

const mlcm__manifest_file *mlcm__manifest_find(const mlcm__manifest *m, const char *path) {
  return m->n ? bsearch(path, m->files, m->n, sizeof m->files[0], path_of_file) : NULL;
}
