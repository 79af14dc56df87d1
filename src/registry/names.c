/* SPDX-License-Identifier: Apache-2.0
 *
 * names.c - the rules for names, keys and texts (MLflow's where they make sense: docs/formats.md).
 */
#include "registry/names.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

static bool is_ascii_word(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Beyond ASCII every letter of every script is welcome; what is a control character was refused before. */
static bool is_word(unsigned char c) { return is_ascii_word(c) || c >= 0x80; }

static bool is_space(char c) { return c == ' '; } /* a tab is a control character, which was refused before */

/* Length rule and plain UTF-8 for anything that is a name: shared beginning of all checks. */
static mlcm_status check_plain(const char *text, size_t max_bytes, const char *what, mlcm_error *err) {
  if (!text) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", what);
  size_t len = strlen(text);
  if (len == 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is empty", what);
  if (len > max_bytes) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s has %zu bytes, more than the %zu allowed: '%.40s...'", what, len, max_bytes,
                      text);
  }
  if (!mlcm__text_is_plain(text, len)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s must be valid UTF-8 without control characters", what);
  }
  return MLCM_OK;
}

mlcm_status mlcm__check_model_name(const char *name, mlcm_error *err) {
  mlcm_status st = check_plain(name, MLCM_MODEL_NAME_MAX, "the model name", err);
  if (st) return st;
  const char *bad = strpbrk(name, "/:@");
  if (bad) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "model name '%s' holds '%c': '/', ':' and '@' are kept for references such as NAME/3 and NAME@alias", name,
                      *bad);
  }
  if (name[0] == '.') return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "model name '%s' starts with a dot", name);
  if (is_space(name[0]) || is_space(name[strlen(name) - 1])) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "model name '%s' starts or ends with white space", name);
  }
  return MLCM_OK;
}

mlcm_status mlcm__check_alias_name(const char *alias, mlcm_error *err) {
  mlcm_status st = check_plain(alias, MLCM_ALIAS_NAME_MAX, "the alias", err);
  if (st) return st;
  for (const char *p = alias; *p; p++) {
    if (!is_word((unsigned char)*p) && *p != '-') {
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "alias '%s' holds '%c': letters, digits, '_' and '-' are allowed", alias, *p);
    }
  }
  return MLCM_OK;
}

static bool equals_ignoring_case(const char *a, const char *lower) {
  for (; *a && *lower; a++, lower++) {
    char c = (*a >= 'A' && *a <= 'Z') ? (char)(*a - 'A' + 'a') : *a;
    if (c != *lower) return false;
  }
  return *a == *lower;
}

/* v1, V12: they read like versions. */
static bool looks_like_version(const char *alias) {
  if (alias[0] != 'v' && alias[0] != 'V') return false;
  size_t n = strspn(alias + 1, "0123456789");
  return n > 0 && alias[1 + n] == '\0';
}

mlcm_status mlcm__check_alias_name_free(const char *alias, mlcm_error *err) {
  mlcm_status st = mlcm__check_alias_name(alias, err);
  if (st) return st;
  if (equals_ignoring_case(alias, "latest")) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "alias 'latest' is reserved: NAME alone already means the newest version");
  }
  if (looks_like_version(alias)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "alias '%s' is reserved: it reads like a version, which is written NAME/%s",
                      alias, alias + 1);
  }
  return MLCM_OK;
}

/* Whether a part between slashes is empty, '.' or '..': such paths have several spellings. */
static bool is_odd_part(const char *part, size_t len) {
  return len == 0 || (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.');
}

static bool has_odd_part(const char *path) {
  for (const char *part = path;;) {
    size_t len = strcspn(part, "/");
    if (is_odd_part(part, len)) return true;
    if (part[len] == '\0') return false;
    part += len + 1;
  }
}

mlcm_status mlcm__check_key(const char *key, const char *what, mlcm_error *err) {
  char label[48];
  (void)snprintf(label, sizeof label, "the %s key", what);
  mlcm_status st = check_plain(key, MLCM_TAG_KEY_MAX, label, err);
  if (st) return st;
  for (const char *p = key; *p; p++) {
    if (!is_word((unsigned char)*p) && !strchr("/.- :", *p)) {
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s key '%s' holds '%c': letters, digits and _ - . : / and space are allowed",
                        what, key, *p);
    }
  }
  if (has_odd_part(key))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s key '%s' has an empty, '.' or '..' part between slashes", what, key);
  return MLCM_OK;
}

mlcm_status mlcm__check_text(const char *text, size_t max_bytes, const char *what, mlcm_error *err) {
  if (!text) return MLCM_OK;
  size_t len = strlen(text);
  if (len > max_bytes)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the %s has %zu bytes, more than the %zu allowed", what, len, max_bytes);
  if (!mlcm__utf8_valid(text, len)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the %s is not valid UTF-8", what);
  return MLCM_OK;
}

mlcm_status mlcm__check_plain_text(const char *text, size_t max_bytes, const char *what, mlcm_error *err) {
  mlcm_status st = mlcm__check_text(text, max_bytes, what, err);
  if (st || !text || mlcm__text_is_plain(text, strlen(text))) return st;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the %s holds control characters", what);
}

mlcm_status mlcm__check_tag(const char *key, const char *value, mlcm_error *err) {
  mlcm_status st = mlcm__check_key(key, "tag", err);
  if (st) return st;
  if (!value) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "tag '%s' has no value: NULL", key);
  return mlcm__check_text(value, MLCM_TAG_VALUE_MAX, "tag value", err);
}

mlcm_status mlcm__check_sha256(const char *sha256, const char *what, mlcm_error *err) {
  uint8_t bytes[MLCM__SHA256_BYTES];
  if (!sha256) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", what);
  if (strlen(sha256) != MLCM__SHA256_HEX || !mlcm__unhex(sha256, MLCM__SHA256_HEX, bytes)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s '%.80s' is not a SHA-256: 64 lower-case hexadecimal digits", what, sha256);
  }
  return MLCM_OK;
}

mlcm_status mlcm__check_digest(const char *digest, const char *what, mlcm_error *err) {
  if (!digest || !digest[0]) return MLCM_OK;
  if (strncmp(digest, "sha256:", 7) != 0) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s '%.80s' does not start with 'sha256:'", what, digest);
  }
  return mlcm__check_sha256(digest + 7, what, err);
}

mlcm_status mlcm__check_version_number(int64_t number, mlcm_error *err) {
  if (number > 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "version %lld: versions count from 1", (long long)number);
}

mlcm_status mlcm__check_file_path(const char *path, mlcm_error *err) {
  size_t len = strlen(path);
  if (len > MLCM_FILE_PATH_MAX) {
    return mlcm__fail(err, MLCM_LIMIT, "path '%.60s...' has %zu bytes, more than the %d allowed", path, len,
                      (int)MLCM_FILE_PATH_MAX);
  }
  if (!mlcm__text_is_plain(path, len)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a file name of %zu bytes is not valid UTF-8 or holds control characters", len);
  }
  if (strchr(path, '\\'))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "path '%s' holds a backslash, which other systems read as a separator", path);
  if (has_odd_part(path))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "path '%s' is not relative and plain: an empty, '.' or '..' part", path);
  return MLCM_OK;
}
