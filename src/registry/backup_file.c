/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_file.c - see backup_file.h; the shape is in docs/formats-fsck.md.
 */
#include "registry/backup_file.h"

#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "registry/registry.h"

enum { FILE_MAX = 65536, DEPTH = 4 };
static const char form[] = "mlcm-backup/v1";
static const char name[] = "backup.json";

static void write_json(mlcm__json *j, const mlcm__backup_file *file) {
  char time[40], root[MLCM__SHA256_HEX + 1];
  mlcm__format_time(file->created_ns, time);
  mlcm__hex(file->audit.root, sizeof file->audit.root, root);
  mlcm__json_object(j, NULL);
  mlcm__json_i64(j, "audit_entries", file->audit.size);
  mlcm__json_string(j, "audit_root", root);
  mlcm__json_string(j, "created", time);
  mlcm__json_i64(j, "database_bytes", file->database_bytes);
  mlcm__json_string(j, "database_sha256", file->database_sha256);
  mlcm__json_string(j, "form", form);
  mlcm__json_string(j, "library", mlcm_library_version());
  mlcm__json_i64(j, "object_bytes", file->object_bytes);
  mlcm__json_i64(j, "objects", file->objects);
  mlcm__json_i64(j, "versions", file->versions);
  mlcm__json_end(j);
}

mlcm_status mlcm__backup_file_write(mlcm_context *ctx, const char *dir, const mlcm__backup_file *file, mlcm_error *err) {
  mlcm__buffer text;
  mlcm__json j;
  char *path = NULL;
  mlcm__buffer_init(&text, ctx, FILE_MAX);
  mlcm__json_init(&j, &text, true);
  write_json(&j, file);
  mlcm__buffer_char(&text, '\n');
  mlcm_status st = mlcm__buffer_check(&text, name, err);
  if (!st) st = mlcm__path_join(ctx, dir, name, &path, err);
  if (!st) {
    mlcm_error why = {0};
    st = mlcm__replace_file(ctx, path, text.data, text.len, 0644, &why);
    if (st == MLCM_OUTCOME_UNKNOWN) st = MLCM_IO; /* it stands in a directory that nobody sees yet */
    if (st) st = mlcm__fail(err, st, "%s", why.message);
  }
  mlcm__free(ctx, path);
  mlcm__buffer_reset(&text);
  return st;
}

static mlcm_status read_hex(const cJSON *root, const char *key, char out[MLCM__SHA256_HEX + 1],
                            uint8_t digest[MLCM__SHA256_BYTES], mlcm_error *err) {
  const char *text = NULL;
  mlcm_status st = mlcm__json_get_string(root, key, name, &text, err);
  if (st) return st;
  if (strlen(text) != MLCM__SHA256_HEX || !mlcm__unhex(text, MLCM__SHA256_HEX, digest)) {
    return mlcm__fail(err, MLCM_PARSE, "%s: '%s' is not a SHA-256 in hex", name, key);
  }
  memcpy(out, text, MLCM__SHA256_HEX + 1);
  return MLCM_OK;
}

static mlcm_status read_members(const cJSON *root, mlcm__backup_file *out, mlcm_error *err) {
  const char *created = NULL;
  char root_hex[MLCM__SHA256_HEX + 1];
  uint8_t digest[MLCM__SHA256_BYTES];
  const struct {
    const char *key;
    int64_t *value;
  } numbers[] = {{"audit_entries", &out->audit.size},
                 {"database_bytes", &out->database_bytes},
                 {"object_bytes", &out->object_bytes},
                 {"objects", &out->objects},
                 {"versions", &out->versions}};
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < sizeof numbers / sizeof numbers[0]; i++)
    st = mlcm__json_get_i64(root, numbers[i].key, name, numbers[i].value, err);
  if (!st) st = read_hex(root, "database_sha256", out->database_sha256, digest, err);
  if (!st) st = read_hex(root, "audit_root", root_hex, out->audit.root, err);
  if (!st) st = mlcm__json_get_string(root, "created", name, &created, err);
  if (!st && !mlcm__parse_time(created, strlen(created), &out->created_ns))
    st = mlcm__fail(err, MLCM_PARSE, "%s: 'created' is not a time", name);
  return st;
}

static mlcm_status read_form(const cJSON *root, mlcm_error *err) {
  const char *text = NULL;
  mlcm_status st = mlcm__json_get_string(root, "form", name, &text, err);
  if (st || strcmp(text, form) == 0) return st;
  return mlcm__fail(err, MLCM_NEWER_FORMAT, "%s has the form '%.40s', this library knows '%s': use a newer library", name, text,
                    form);
}

mlcm_status mlcm__backup_file_read(mlcm_context *ctx, const char *dir, mlcm__backup_file *out, mlcm_error *err) {
  char *path = NULL, *text = NULL;
  cJSON *root = NULL;
  size_t len = 0;
  mlcm__backup_file file = {0};
  mlcm_error why = {0};
  mlcm_status st = mlcm__path_join(ctx, dir, name, &path, &why);
  if (!st) st = mlcm__read_file(ctx, path, FILE_MAX, &text, &len, &why);
  if (!st)
    st = mlcm__json_parse(ctx, name, text, len, (mlcm__json_limits){.max_bytes = FILE_MAX, .max_depth = DEPTH}, &root, &why);
  if (!st) st = read_form(root, &why);
  if (!st) st = read_members(root, &file, &why);
  if (!st) *out = file;
  else if (st == MLCM_PARSE || st == MLCM_LIMIT || st == MLCM_INVALID_ARGUMENT)
    st = mlcm__fail(err, MLCM_CORRUPT, "%s", why.message);
  else st = mlcm__fail_as(err, &why);
  cJSON_Delete(root);
  mlcm__free(ctx, text);
  mlcm__free(ctx, path);
  return st;
}
