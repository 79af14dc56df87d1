/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf.c - the wire reader. Owns nothing. Invariant: file <= at <= end, and end never lies outside the enclosing message.
 */
#include "format/protobuf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void mlcm__pb_open(mlcm__pb *pb, const char *name, const void *data, size_t size_bytes) {
  static const char nothing[1] = "";
  memset(pb, 0, sizeof *pb);
  pb->at = size_bytes > 0 ? (const char *)data : nothing;
  pb->end = pb->at + size_bytes;
  pb->file = pb->at;
  pb->name = name;
  pb->index = -1;
}

mlcm__pb mlcm__pb_detach(const mlcm__pb *pb, const char *name) {
  mlcm__pb alone = *pb;
  alone.up = NULL;
  alone.name = name;
  alone.index = -1;
  return alone;
}

/* Writes "file: a.b[3].c" into out; the deepest names win when there is no room. */
static void format_path(const mlcm__pb *pb, char *out, size_t cap) {
  const mlcm__pb *chain[MLCM__PB_MAX_DEPTH + 1];
  int n = 0;
  for (const mlcm__pb *p = pb; p != NULL; p = p->up) {
    assert(n <= MLCM__PB_MAX_DEPTH);
    chain[n++] = p;
  }
  size_t len = 0;
  out[0] = '\0';
  for (int i = n - 1; i >= 0; i--) {
    if (i == 7 && n > 12) len += (size_t)snprintf(out + len, cap - len, "...");
    if (i >= 7 && n > 12 && i != n - 1) continue;
    const char *before = i == n - 1 ? "" : i == n - 2 ? ": " : ".";
    int wrote = chain[i]->index >= 0
                    ? snprintf(out + len, cap - len, "%s%s[%lld]", before, chain[i]->name, (long long)chain[i]->index)
                    : snprintf(out + len, cap - len, "%s%s", before, chain[i]->name);
    len += (size_t)wrote;
    if (len >= cap) return;
  }
}

mlcm_status mlcm__pb_fail(const mlcm__pb *pb, mlcm_status code, mlcm_error *err, const char *format, ...) {
  char path[240], text[200];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  format_path(pb, path, sizeof path);
  return mlcm__fail(err, code, "%s at byte %lld: %s", path, (long long)(pb->at - pb->file), text);
}

/* At most 10 bytes, the last of them 0 or 1. False: cut off or too long. */
static bool read_varint(const char **at, const char *end, uint64_t *out) {
  uint64_t value = 0;
  const char *p = *at;
  for (unsigned shift = 0; p < end; shift += 7) {
    uint8_t byte = (uint8_t)*p++;
    if (shift == 63 && byte > 1) return false; /* so that the tenth byte is the last */
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *at = p;
      *out = value;
      return true;
    }
  }
  return false;
}

static uint64_t read_little_endian(const char *at, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value |= (uint64_t)(uint8_t)at[i] << (8 * i);
  return value;
}

static bool read_fixed(const char **at, const char *end, size_t n, uint64_t *out) {
  if ((size_t)(end - *at) < n) return false;
  *out = read_little_endian(*at, n);
  *at += n;
  return true;
}

static bool read_number(const char **at, const char *end, uint32_t wire, uint64_t *out) {
  switch (wire) {
  case MLCM__PB_VARINT: return read_varint(at, end, out);
  case MLCM__PB_FIXED32: return read_fixed(at, end, 4, out);
  default: return read_fixed(at, end, 8, out);
  }
}

mlcm_status mlcm__pb_next(mlcm__pb *pb, mlcm__pb_field *out, bool *more, mlcm_error *err) {
  assert(pb->at <= pb->end);
  *more = false;
  if (pb->at == pb->end) return MLCM_OK;
  uint64_t tag = 0, len = 0;
  mlcm__pb_field field = {0};
  if (!read_varint(&pb->at, pb->end, &tag)) return mlcm__pb_fail(pb, MLCM_PARSE, err, "a field's tag is cut off or too long");
  if (tag > UINT32_MAX || tag >> 3 == 0)
    return mlcm__pb_fail(pb, MLCM_PARSE, err, "field number %llu is not possible", (unsigned long long)(tag >> 3));
  field.number = (uint32_t)(tag >> 3);
  field.wire = (uint32_t)(tag & 7);
  switch (field.wire) {
  case MLCM__PB_VARINT:
  case MLCM__PB_FIXED32:
  case MLCM__PB_FIXED64:
    if (!read_number(&pb->at, pb->end, field.wire, &field.value))
      return mlcm__pb_fail(pb, MLCM_PARSE, err, "the number in field %u is cut off or too long", field.number);
    break;
  case MLCM__PB_BYTES:
    if (!read_varint(&pb->at, pb->end, &len))
      return mlcm__pb_fail(pb, MLCM_PARSE, err, "the length of field %u is cut off", field.number);
    if (len > (uint64_t)(pb->end - pb->at))
      return mlcm__pb_fail(pb, MLCM_PARSE, err, "field %u claims %llu bytes, %llu are left in its message", field.number,
                           (unsigned long long)len, (unsigned long long)(pb->end - pb->at));
    field.bytes = (mlcm_str){pb->at, (size_t)len};
    pb->at += len;
    break;
  default: return mlcm__pb_fail(pb, MLCM_PARSE, err, "field %u has wire type %u, which is not read", field.number, field.wire);
  }
  *out = field;
  *more = true;
  return MLCM_OK;
}

bool mlcm__pb_again(mlcm__pb *pb, mlcm__pb_field *out) {
  bool more = false;
  mlcm_status st = mlcm__pb_next(pb, out, &more, NULL);
  assert(st == MLCM_OK);
  (void)st;
  return more;
}

static mlcm_status check_wire(const mlcm__pb *pb, const mlcm__pb_field *field, uint32_t wire, const char *what, mlcm_error *err) {
  if (field->wire == wire) return MLCM_OK;
  return mlcm__pb_fail(pb, MLCM_PARSE, err, "'%s' has wire type %u instead of %u", what, field->wire, wire);
}

mlcm_status mlcm__pb_enter(const mlcm__pb *pb, const mlcm__pb_field *field, const char *name, int64_t index, mlcm__pb *out,
                           mlcm_error *err) {
  mlcm_status st = check_wire(pb, field, MLCM__PB_BYTES, name, err);
  if (st) return st;
  if (pb->depth >= MLCM__PB_MAX_DEPTH)
    return mlcm__pb_fail(pb, MLCM_LIMIT, err, "messages are nested more than %d deep", MLCM__PB_MAX_DEPTH);
  assert(field->bytes.ptr != NULL);
  *out = (mlcm__pb){.at = field->bytes.ptr,
                    .end = field->bytes.ptr + field->bytes.len,
                    .file = pb->file,
                    .up = pb,
                    .name = name,
                    .index = index,
                    .depth = pb->depth + 1};
  return MLCM_OK;
}

mlcm_status mlcm__pb_i64(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, int64_t *out, mlcm_error *err) {
  mlcm_status st = check_wire(pb, field, MLCM__PB_VARINT, what, err);
  if (!st) *out = (int64_t)field->value;
  return st;
}

mlcm_status mlcm__pb_i32(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, int32_t *out, mlcm_error *err) {
  int64_t wide = 0;
  mlcm_status st = mlcm__pb_i64(pb, field, what, &wide, err);
  if (st) return st;
  if (wide < INT32_MIN || wide > INT32_MAX)
    return mlcm__pb_fail(pb, MLCM_PARSE, err, "'%s' is %lld, which is not a 32-bit number", what, (long long)wide);
  *out = (int32_t)wide;
  return MLCM_OK;
}

mlcm_status mlcm__pb_f32(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, float *out, mlcm_error *err) {
  mlcm_status st = check_wire(pb, field, MLCM__PB_FIXED32, what, err);
  if (st) return st;
  uint32_t bits = (uint32_t)field->value;
  memcpy(out, &bits, sizeof *out);
  return MLCM_OK;
}

mlcm_status mlcm__pb_bytes(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, mlcm_str *out, mlcm_error *err) {
  mlcm_status st = check_wire(pb, field, MLCM__PB_BYTES, what, err);
  if (!st) *out = field->bytes;
  return st;
}

mlcm_status mlcm__pb_text(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, mlcm_str *out, mlcm_error *err) {
  mlcm_str text = {0};
  mlcm_status st = mlcm__pb_bytes(pb, field, what, &text, err);
  if (st) return st;
  if (!mlcm__utf8_valid(text.ptr, text.len) || (text.len > 0 && memchr(text.ptr, 0, text.len) != NULL))
    return mlcm__pb_fail(pb, MLCM_PARSE, err, "'%s' is not text (UTF-8 without zero bytes)", what);
  *out = text;
  return MLCM_OK;
}

static mlcm_status count_packed(const mlcm__pb *pb, const mlcm__pb_field *field, uint32_t wire, const char *what, size_t *count,
                                mlcm_error *err) {
  const char *at = field->bytes.ptr, *end = at + field->bytes.len;
  if (wire != MLCM__PB_VARINT) {
    size_t width = wire == MLCM__PB_FIXED32 ? 4 : 8;
    if (field->bytes.len % width != 0)
      return mlcm__pb_fail(pb, MLCM_PARSE, err, "'%s' has %zu bytes, not a multiple of %zu", what, field->bytes.len, width);
    *count += field->bytes.len / width;
    return MLCM_OK;
  }
  for (uint64_t unused = 0; at < end; ++*count)
    if (!read_varint(&at, end, &unused))
      return mlcm__pb_fail(pb, MLCM_PARSE, err, "a number in '%s' is cut off or too long", what);
  return MLCM_OK;
}

mlcm_status mlcm__pb_count_numbers(const mlcm__pb *pb, uint32_t number, uint32_t wire, const char *what, size_t *out,
                                   mlcm_error *err) {
  mlcm__pb scan = *pb;
  mlcm__pb_field field;
  size_t count = 0;
  bool more = false;
  mlcm_status st = MLCM_OK;
  while ((st = mlcm__pb_next(&scan, &field, &more, err)) == MLCM_OK && more) {
    if (field.number != number) continue;
    if (field.wire == wire)
      count++;
    else if (field.wire == MLCM__PB_BYTES)
      st = count_packed(&scan, &field, wire, what, &count, err);
    else
      st = check_wire(&scan, &field, wire, what, err);
    if (st) return st;
  }
  if (!st) *out = count;
  return st;
}

void mlcm__pb_each_number(const mlcm__pb *pb, uint32_t number, uint32_t wire, mlcm__pb_visit *visit, void *user) {
  mlcm__pb scan = *pb;
  mlcm__pb_field field;
  size_t i = 0;
  while (mlcm__pb_again(&scan, &field)) {
    if (field.number != number) continue;
    if (field.wire == wire) {
      visit(user, i++, field.value);
      continue;
    }
    for (const char *at = field.bytes.ptr, *end = at + field.bytes.len; at < end;) {
      uint64_t value = 0;
      bool whole = read_number(&at, end, wire, &value);
      assert(whole);
      (void)whole;
      visit(user, i++, value);
    }
  }
}

mlcm_status mlcm__pb_count(const mlcm__pb *pb, uint32_t number, size_t *out, mlcm_error *err) {
  mlcm__pb scan = *pb;
  mlcm__pb_field field;
  size_t count = 0;
  bool more = false;
  mlcm_status st = MLCM_OK;
  while ((st = mlcm__pb_next(&scan, &field, &more, err)) == MLCM_OK && more) count += field.number == number;
  if (!st) *out = count;
  return st;
}
