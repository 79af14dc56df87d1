/* SPDX-License-Identifier: Apache-2.0
 *
 * ref.c - references: text apart into model and version or alias, and then to a row.
 *
 * Names hold neither '/', '@' nor ':', so a reference has one reading only.
 */
#include <string.h>

#include "base/text.h"
#include "registry/names.h"
#include "registry/registry.h"

static const char form[] = "write NAME, NAME/3, NAME@alias, models:/NAME/3 or models:/NAME@alias";

static mlcm_status parse_number(const char *text, const char *part, mlcm_ref *out, mlcm_error *err) {
  int64_t number = 0;
  if (strcmp(part, "latest") == 0) {
    out->kind = MLCM_REF_MODEL;
    return MLCM_OK;
  }
  if (!mlcm__parse_i64(part, strlen(part), &number) || number < 1) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "reference '%.300s': '%.40s' is not a version number; %s", text, part, form);
  }
  out->kind = MLCM_REF_NUMBER;
  out->version = number;
  return MLCM_OK;
}

static mlcm_status parse_alias(const char *part, mlcm_ref *out, mlcm_error *err) {
  if (strcmp(part, "latest") == 0) {
    out->kind = MLCM_REF_MODEL;
    return MLCM_OK;
  }
  mlcm_status st = mlcm__check_alias_name(part, err);
  if (st) return st;
  out->kind = MLCM_REF_ALIAS;
  memcpy(out->alias, part, strlen(part) + 1);
  return MLCM_OK;
}

mlcm_status mlcm_ref_parse(const char *text, mlcm_ref *out, mlcm_error *err) {
  mlcm_ref ref = {.kind = MLCM_REF_MODEL};
  if (!text || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", text ? "out" : "the reference");
  const char *rest = strncmp(text, "models:/", 8) == 0 ? text + 8 : text;
  size_t name_len = strcspn(rest, "/@");
  if (name_len == 0 || name_len > MLCM_MODEL_NAME_MAX) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "reference '%.300s' has %s model name; %s", text,
                      name_len ? "too long a" : "no", form);
  }
  memcpy(ref.model, rest, name_len);
  mlcm_status st = mlcm__check_model_name(ref.model, err);
  if (!st && rest[name_len] == '/') st = parse_number(text, rest + name_len + 1, &ref, err);
  if (!st && rest[name_len] == '@') st = parse_alias(rest + name_len + 1, &ref, err);
  if (!st) *out = ref;
  return st;
}
