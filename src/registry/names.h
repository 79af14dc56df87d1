/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h - which names, keys and texts are accepted. Every check answers MLCM_INVALID_ARGUMENT (MLCM_LIMIT for lengths) with a
 * sentence that names the text, the rule and, where there is one, the way out.
 */
#ifndef MLCM_REGISTRY_NAMES_H
#define MLCM_REGISTRY_NAMES_H

#include <mlcm/registry.h>

#include "base/context.h"

mlcm_status mlcm__check_model_name(const char *name, mlcm_error *err);
mlcm_status mlcm__check_alias_name(const char *alias, mlcm_error *err);      /* to look up: form only */
mlcm_status mlcm__check_alias_name_free(const char *alias, mlcm_error *err); /* to set: also not reserved */
mlcm_status mlcm__check_tag(const char *key, const char *value, mlcm_error *err);
mlcm_status mlcm__check_key(const char *key, const char *what, mlcm_error *err); /* rule of tag keys; what: "tag", "metric" ... */
mlcm_status mlcm__check_text(const char *text, size_t max_bytes, const char *what, mlcm_error *err); /* NULL is fine */
/* The same, and no control characters. */
mlcm_status mlcm__check_plain_text(const char *text, size_t max_bytes, const char *what, mlcm_error *err);
/* "sha256:" and 64 lower-case hex digits; NULL or "" is fine. */
mlcm_status mlcm__check_digest(const char *digest, const char *what, mlcm_error *err);
mlcm_status mlcm__check_sha256(const char *sha256, const char *what, mlcm_error *err); /* 64 lower-case hex digits */
mlcm_status mlcm__check_version_number(int64_t number, mlcm_error *err);
/* Path inside a version: relative, '/' between non-empty parts, none '.' or '..', plain UTF-8, no backslash. */
mlcm_status mlcm__check_file_path(const char *path, mlcm_error *err);

#endif
