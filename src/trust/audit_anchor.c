/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_anchor.c - the newest head in a small file outside the database, so that a log that was cut short is noticed.
 *
 * The file is one line of fixed length, written in place by a single write: "mlcm-audit-head/1 SIZE ROOT\n", SIZE with 19 digits.
 * It is written after the commit and not synced; after a power cut it is an older head, or empty, never a newer one than the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/fs.h"
#include "base/text.h"

#define MAGIC "mlcm-audit-head/1 "

enum { MAGIC_LEN = sizeof MAGIC - 1, SIZE_DIGITS = 19, LINE_LEN = MAGIC_LEN + SIZE_DIGITS + 1 + MLCM__SHA256_HEX + 1 };

void mlcm__audit_anchor_write(mlcm_context *ctx, const char *path, const mlcm__audit_head *head) {
  char line[LINE_LEN + 1], hex[MLCM__SHA256_HEX + 1];
  mlcm__hex(head->root, sizeof head->root, hex);
  snprintf(line, sizeof line, MAGIC "%0*lld %s\n", SIZE_DIGITS, (long long)head->size, hex);
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK; /* a pipe in its place is not waited for */
  int fd = ctx->io.open(ctx->io.user, path, flags, 0644);
  int rc = fd < 0 ? fd : mlcm__write_all(ctx, fd, line, LINE_LEN);
  if (fd >= 0) ctx->io.close(ctx->io.user, fd);
  if (rc < 0) mlcm__log(ctx, MLCM_LOG_WARN, "the audit log's head could not be written to '%s': errno %d", path, -rc);
}

static bool is_blank(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (text[i] != '\0') return false;
  return true;
}

static bool parse_line(const char *text, size_t len, mlcm__audit_head *out) {
  if (len != LINE_LEN || memcmp(text, MAGIC, MAGIC_LEN) != 0 || text[LINE_LEN - 1] != '\n') return false;
  const char *digits = text + MAGIC_LEN, *hex = digits + SIZE_DIGITS + 1;
  return hex[-1] == ' ' && mlcm__parse_i64(digits, SIZE_DIGITS, &out->size) && out->size >= 0 &&
         mlcm__unhex(hex, MLCM__SHA256_HEX, out->root);
}

mlcm_status mlcm__audit_anchor_read(mlcm_context *ctx, const char *path, mlcm__audit_head *out, mlcm_error *err) {
  char *text = NULL;
  size_t len = 0;
  mlcm__audit_head head;
  mlcm_status status = mlcm__read_file(ctx, path, 4096, &text, &len, err);
  if (status != MLCM_OK) return status;
  if (is_blank(text, len)) status = mlcm__fail(err, MLCM_NOT_FOUND, "'%s' is empty: no head was kept there yet", path);
  else if (!parse_line(text, len, &head)) status = mlcm__fail(err, MLCM_CORRUPT, "'%s' is not a head of an audit log", path);
  else *out = head;
  mlcm__free(ctx, text);
  return status;
}
