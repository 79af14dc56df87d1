/* SPDX-License-Identifier: Apache-2.0
 *
 * error.c - status names and the one place that writes an mlcm_error. Needs no memory, so it works when there is none.
 * Messages are formatted into a local buffer first: an argument may point into the very error that is being overwritten.
 */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(mlcm_error) == 512, "mlcm_error is 512 bytes for ever");

enum { MESSAGE_BYTES = sizeof(((mlcm_error *)0)->message) };

typedef struct status_entry {
  const char *name;
  uint32_t kind;
} status_entry;

static const status_entry statuses[] = {
    [MLCM_OK] = {"OK", 0},
    [MLCM_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", MLCM_KIND_CALLER},
    [MLCM_NO_MEMORY] = {"NO_MEMORY", MLCM_KIND_TRANSIENT},
    [MLCM_IO] = {"IO", MLCM_KIND_PERMANENT},
    [MLCM_NOT_FOUND] = {"NOT_FOUND", MLCM_KIND_CALLER},
    [MLCM_ALREADY_EXISTS] = {"ALREADY_EXISTS", MLCM_KIND_CALLER},
    [MLCM_CONFLICT] = {"CONFLICT", MLCM_KIND_TRANSIENT},
    [MLCM_BUSY] = {"BUSY", MLCM_KIND_TRANSIENT},
    [MLCM_CORRUPT] = {"CORRUPT", MLCM_KIND_PERMANENT},
    [MLCM_UNSUPPORTED] = {"UNSUPPORTED", MLCM_KIND_PERMANENT},
    [MLCM_INVALID_STATE] = {"INVALID_STATE", MLCM_KIND_CALLER},
    [MLCM_REFUSED] = {"REFUSED", MLCM_KIND_PERMANENT},
    [MLCM_LIMIT] = {"LIMIT", MLCM_KIND_PERMANENT},
    [MLCM_PARSE] = {"PARSE", MLCM_KIND_CALLER},
    [MLCM_TIMEOUT] = {"TIMEOUT", MLCM_KIND_TRANSIENT},
    [MLCM_CANCELLED] = {"CANCELLED", MLCM_KIND_CANCELLED},
    [MLCM_NETWORK] = {"NETWORK", MLCM_KIND_TRANSIENT},
    [MLCM_STALE] = {"STALE", MLCM_KIND_TRANSIENT},
    [MLCM_OUTCOME_UNKNOWN] = {"OUTCOME_UNKNOWN", MLCM_KIND_TRANSIENT},
    [MLCM_DISK_FULL] = {"DISK_FULL", MLCM_KIND_PERMANENT},
    [MLCM_NEWER_FORMAT] = {"NEWER_FORMAT", MLCM_KIND_PERMANENT},
    [MLCM_MISMATCH] = {"MISMATCH", MLCM_KIND_CALLER},
    [MLCM_INTERNAL] = {"INTERNAL", MLCM_KIND_PERMANENT},
};

static const status_entry *find(mlcm_status status) {
  const size_t n = sizeof statuses / sizeof statuses[0];
  return status >= 0 && (size_t)status < n ? &statuses[status] : NULL;
}

const char *mlcm_status_name(mlcm_status status) {
  const status_entry *entry = find(status);
  return entry ? entry->name : "UNKNOWN";
}

size_t mlcm__utf8_cut(const char *text, size_t len, size_t max) {
  if (len <= max) return len;
  size_t cut = max;
  while (cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80) cut--; /* text[cut] must begin a character */
  return cut;
}

/* Takes so much out of the middle that `max` bytes are left, between two characters: what makes a message long is a path or a
 * name, and what happened to it stands behind. Answers the new length. */
static size_t shorten(char *text, size_t len, size_t max) {
  static const char gap[] = "...";
  const size_t gap_len = sizeof gap - 1;
  if (len <= max) return len;
  const size_t head = mlcm__utf8_cut(text, len, (max - gap_len) / 2);
  size_t tail = len - (max - gap_len - head);
  while (((unsigned char)text[tail] & 0xC0) == 0x80) tail++; /* the end is no such byte */
  memcpy(text + head, gap, gap_len);
  memmove(text + head + gap_len, text + tail, len - tail + 1);
  return head + gap_len + len - tail;
}

/* Copies what fits and clears the rest: the bytes of an error never hold what stood on the stack before. */
static void set_message(mlcm_error *err, char *message, size_t len) {
  len = shorten(message, len, MESSAGE_BYTES - 1);
  memcpy(err->message, message, len);
  memset(err->message + len, 0, MESSAGE_BYTES - len);
}

static void fill(mlcm_error *err, mlcm_status code, int32_t sys_code, char *message, size_t len) {
  const status_entry *entry = find(code);
  err->code = code;
  err->sys_code = sys_code;
  err->kind = entry ? entry->kind : MLCM_KIND_PERMANENT;
  err->reserved = 0;
  set_message(err, message, len);
}

enum { LONGEST_PATH = 4096, ROOM = 2 * LONGEST_PATH + 2 * MESSAGE_BYTES }; /* for two paths and what is said of them */

MLCM_PRINTF(2, 0)
static size_t format_into(char text[ROOM], const char *format, va_list args) {
  const int n = vsnprintf(text, ROOM, format, args);
  size_t len = n < 0 ? 0 : (size_t)n;
  if (len >= ROOM) len = mlcm__utf8_cut(text, len, ROOM - 2); /* the last character may lack its end */
  text[len] = 0;
  return len;
}

mlcm_status mlcm__fail(mlcm_error *err, mlcm_status code, const char *format, ...) {
  if (!err) return code;
  char text[ROOM];
  va_list args;
  va_start(args, format);
  const size_t len = format_into(text, format, args);
  va_end(args);
  fill(err, code, 0, text, len);
  return code;
}

static mlcm_status status_of_errno(int errnum) {
  switch (errnum) {
  case ENOSPC:
  case EDQUOT: return MLCM_DISK_FULL;
  case ENOENT:
  case ENOTDIR: return MLCM_NOT_FOUND;
  case ENOMEM: return MLCM_NO_MEMORY;
  default: return MLCM_IO;
  }
}

mlcm_status mlcm__fail_errno(mlcm_error *err, int errnum, const char *format, ...) {
  if (errnum < 0) errnum = -errnum;
  const mlcm_status code = status_of_errno(errnum);
  if (!err) return code;
  char text[ROOM];
  va_list args;
  va_start(args, format);
  size_t len = format_into(text, format, args);
  va_end(args);
  const char *why = strerrordesc_np(errnum); /* untranslated and thread-safe, unlike strerror */
  len = shorten(text, len, ROOM - MESSAGE_BYTES);
  len += (size_t)snprintf(text + len, MESSAGE_BYTES, ": %s", why ? why : "unknown error"); /* text: that cannot fail */
  fill(err, code, errnum, text, len);
  return code;
}

mlcm_status mlcm__fail_memory(mlcm_error *err, size_t size_bytes) {
  return mlcm__fail(err, MLCM_NO_MEMORY, "out of memory: the allocator has no %zu bytes", size_bytes);
}

void mlcm__error_prefix(mlcm_error *err, const char *format, ...) {
  if (!err) return;
  char text[ROOM];
  va_list args;
  va_start(args, format);
  size_t len = format_into(text, format, args);
  va_end(args);
  const size_t old = strnlen(err->message, MESSAGE_BYTES - 1);
  len = shorten(text, len, ROOM - MESSAGE_BYTES);
  memcpy(text + len, err->message, old);
  text[len + old] = 0;
  set_message(err, text, len + old);
}
