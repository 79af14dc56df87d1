/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf.h - protobuf's wire format, read in place: nothing is copied, every length is checked against its message.
 *
 * A cursor walks the fields of one message. Cursors of nested messages point to the one they were entered from, so that a
 * complaint can name the path: "model.onnx: graph.node[3].attribute[0] at byte 1234: ...". A cursor therefore must not outlive
 * its parent, except as a plain range of bytes (mlcm__pb_detach).
 */
#ifndef MLCM_FORMAT_PROTOBUF_H
#define MLCM_FORMAT_PROTOBUF_H

#include "base/context.h"

enum { MLCM__PB_VARINT = 0, MLCM__PB_FIXED64 = 1, MLCM__PB_BYTES = 2, MLCM__PB_FIXED32 = 5 };
enum { MLCM__PB_MAX_DEPTH = 64 };

typedef struct mlcm__pb mlcm__pb;
struct mlcm__pb {
  const char *at;
  const char *end;
  const char *file;   /* first byte of the file, for offsets in messages */
  const mlcm__pb *up; /* NULL at the top */
  const char *name;   /* field name of this message in its parent; at the top the file's name */
  int64_t index;      /* position in a repeated field, -1 when not repeated */
  int depth;
};

typedef struct mlcm__pb_field {
  uint32_t number;
  uint32_t wire;
  uint64_t value; /* varint and fixed */
  mlcm_str bytes; /* wire type 2 */
} mlcm__pb_field;

void mlcm__pb_open(mlcm__pb *pb, const char *name, const void *data, size_t size_bytes);

/* The next field: *more is false at the end of the message. MLCM_PARSE for anything malformed, groups included. */
mlcm_status mlcm__pb_next(mlcm__pb *pb, mlcm__pb_field *out, bool *more, mlcm_error *err);

/* The same in a message that was walked to its end before, by counting: nothing is malformed any more. False at the end. */
bool mlcm__pb_again(mlcm__pb *pb, mlcm__pb_field *out);

/* A cursor over the message inside `field`. MLCM_PARSE when it is not of wire type 2, MLCM_LIMIT at depth 64. */
mlcm_status mlcm__pb_enter(const mlcm__pb *pb, const mlcm__pb_field *field, const char *name, int64_t index, mlcm__pb *out,
                           mlcm_error *err);

/* A cursor over the same bytes that stands alone; its messages begin with `name`. */
mlcm__pb mlcm__pb_detach(const mlcm__pb *pb, const char *name);

/* Typed reads of one field; the wire type is checked, `what` names the field. A text is UTF-8 without NUL. */
mlcm_status mlcm__pb_i64(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, int64_t *out, mlcm_error *err);
mlcm_status mlcm__pb_i32(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, int32_t *out, mlcm_error *err);
mlcm_status mlcm__pb_f32(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, float *out, mlcm_error *err);
mlcm_status mlcm__pb_bytes(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, mlcm_str *out, mlcm_error *err);
mlcm_status mlcm__pb_text(const mlcm__pb *pb, const mlcm__pb_field *field, const char *what, mlcm_str *out, mlcm_error *err);

/* How many elements a repeated number field holds in this message, packed and unpacked alike. `wire` is the element's wire
 * type. */
mlcm_status mlcm__pb_count_numbers(const mlcm__pb *pb, uint32_t number, uint32_t wire, const char *what, size_t *out,
                                   mlcm_error *err);

/* Visits those elements in order, raw: the varint, or the fixed 4 or 8 bytes. The message was counted before, so it is well
 * formed. */
typedef void mlcm__pb_visit(void *user, size_t i, uint64_t value);
void mlcm__pb_each_number(const mlcm__pb *pb, uint32_t number, uint32_t wire, mlcm__pb_visit *visit, void *user);

/* How many times a field occurs. */
mlcm_status mlcm__pb_count(const mlcm__pb *pb, uint32_t number, size_t *out, mlcm_error *err);

/* MLCM_PARSE (or `code`) with the path and offset in front. */
mlcm_status mlcm__pb_fail(const mlcm__pb *pb, mlcm_status code, mlcm_error *err, const char *format, ...) MLCM_PRINTF(4, 5);

#endif
