/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_tensor.c - TensorProto: shape, type, and where the elements are.
 *
 * Invariant of a tensor that was read: count is the checked product of shape, and the bytes or typed numbers that the message
 * holds are exactly that many elements.
 */
#include <string.h>

#include "format/onnx.h"

/* Field numbers of TensorProto. */
enum {
  DIMS = 1,
  DATA_TYPE = 2,
  SEGMENT = 3,
  FLOAT_DATA = 4,
  INT32_DATA = 5,
  STRING_DATA = 6,
  INT64_DATA = 7,
  NAME = 8,
  RAW_DATA = 9,
  DOUBLE_DATA = 10,
  UINT64_DATA = 11,
  EXTERNAL_DATA = 13,
  DATA_LOCATION = 14
};

/* ---- Shape ---- */

bool mlcm__shape_count(int32_t rank, const int64_t *shape, int64_t *out) {
  int64_t product = 1;
  bool empty = false;
  for (int32_t d = 0; d < rank; d++) {
    if (shape[d] < 0) return false;
    if (shape[d] == 0)
      empty = true;
    else if (product > INT64_MAX / 16 / shape[d])
      return false;
    else
      product *= shape[d];
  }
  *out = empty ? 0 : product;
  return true;
}

static void put_dim(void *user, size_t i, uint64_t value) {
  mlcm__onnx_tensor *tensor = user;
  tensor->shape[i] = (int64_t)value;
}

static mlcm_status read_shape(const mlcm__pb *pb, mlcm__onnx_tensor *t, mlcm_error *err) {
  size_t rank = 0;
  mlcm_status st = mlcm__pb_count_numbers(pb, DIMS, MLCM__PB_VARINT, "dims", &rank, err);
  if (st) return st;
  if (rank > MLCM_MAX_RANK)
    return mlcm__pb_fail(pb, MLCM_LIMIT, err, "tensor of %zu dimensions, at most %d are supported", rank, MLCM_MAX_RANK);
  t->rank = (int32_t)rank;
  mlcm__pb_each_number(pb, DIMS, MLCM__PB_VARINT, put_dim, t);
  for (size_t i = 0; i < rank; i++)
    if (t->shape[i] < 0) return mlcm__pb_fail(pb, MLCM_PARSE, err, "dimension %zu is %lld", i, (long long)t->shape[i]);
  if (mlcm__shape_count(t->rank, t->shape, &t->count)) return MLCM_OK;
  return mlcm__pb_fail(pb, MLCM_PARSE, err, "the dimensions' product is out of range");
}

/* ---- Typed elements ---- */

typedef struct typed_field {
  uint32_t number;
  uint32_t wire;
  const char *name;
} typed_field;

/* Which field holds the elements of a type, when not raw. */
static typed_field field_of(mlcm_dtype dtype) {
  switch (dtype) {
  case MLCM_F32: return (typed_field){FLOAT_DATA, MLCM__PB_FIXED32, "float_data"};
  case MLCM_F64: return (typed_field){DOUBLE_DATA, MLCM__PB_FIXED64, "double_data"};
  case MLCM_I64: return (typed_field){INT64_DATA, MLCM__PB_VARINT, "int64_data"};
  case MLCM_U64:
  case MLCM_U32: return (typed_field){UINT64_DATA, MLCM__PB_VARINT, "uint64_data"};
  case MLCM_STRING: return (typed_field){STRING_DATA, MLCM__PB_BYTES, "string_data"};
  default: return (typed_field){INT32_DATA, MLCM__PB_VARINT, "int32_data"};
  }
}

static mlcm_status check_count(const mlcm__pb *pb, const mlcm__onnx_tensor *t, mlcm_error *err) {
  typed_field f = field_of(t->dtype);
  size_t found = 0;
  mlcm_status st = f.wire == MLCM__PB_BYTES ? mlcm__pb_count(pb, f.number, &found, err)
                                            : mlcm__pb_count_numbers(pb, f.number, f.wire, f.name, &found, err);
  if (st) return st;
  if ((int64_t)found != t->count)
    return mlcm__pb_fail(pb, MLCM_PARSE, err, "'%s' has %zu elements, the shape wants %lld", f.name, found, (long long)t->count);
  return MLCM_OK;
}

typedef struct element_sink {
  mlcm_dtype dtype;
  char *out;
  size_t size;
} element_sink;

/* Numbers of any width are stored as the low bytes of the little-endian value, which truncates as ONNX wants. */
static void put_element(void *user, size_t i, uint64_t value) {
  const element_sink *sink = user;
  memcpy(sink->out + i * sink->size, &value, sink->size);
}

static void put_bool(void *user, size_t i, uint64_t value) {
  const element_sink *sink = user;
  sink->out[i] = value != 0;
}

static mlcm_status string_elements(const mlcm__pb *message, uint32_t number, mlcm_str *out, mlcm_error *err) {
  mlcm__pb scan = *message;
  mlcm__pb_field field;
  size_t n = 0;
  mlcm_status st = MLCM_OK;
  while (!st && mlcm__pb_again(&scan, &field))
    if (field.number == number) st = mlcm__pb_bytes(&scan, &field, "strings", &out[n++], err);
  return st;
}

mlcm_status mlcm__onnx_tensor_elements(const mlcm__onnx_tensor *t, void *out, mlcm_error *err) {
  typed_field f = field_of(t->dtype);
  if (t->dtype == MLCM_STRING) return string_elements(&t->message, f.number, out, err);
  element_sink sink = {t->dtype, out, mlcm_dtype_size(t->dtype)};
  mlcm__pb_each_number(&t->message, f.number, f.wire, t->dtype == MLCM_BOOL ? put_bool : put_element, &sink);
  return MLCM_OK;
}

/* ---- External data ---- */

static bool text_is(mlcm_str text, const char *word) { return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0; }

/* A path that stays inside the model's folder whatever the file system does: relative, no empty, "." or ".." component, no
 * backslash, no colon. */
static bool path_is_safe(mlcm_str path) {
  size_t start = 0;
  if (path.len == 0 || path.len > 1024) return false;
  for (size_t i = 0; i <= path.len; i++) {
    if (i < path.len && path.ptr[i] != '/') {
      if (path.ptr[i] == '\\' || path.ptr[i] == ':') return false;
      continue;
    }
    mlcm_str part = {path.ptr + start, i - start};
    if (part.len == 0 || text_is(part, ".") || text_is(part, "..")) return false;
    start = i + 1;
  }
  return true;
}

static mlcm_status parse_size(const mlcm__pb *pb, mlcm_str text, const char *what, int64_t *out, mlcm_error *err) {
  int64_t value = 0;
  bool good = text.len > 0 && text.len < 19;
  for (size_t i = 0; good && i < text.len; i++) {
    good = text.ptr[i] >= '0' && text.ptr[i] <= '9';
    value = value * 10 + (text.ptr[i] - '0');
  }
  if (!good) return mlcm__pb_fail(pb, MLCM_PARSE, err, "external data's '%s' is not a size in bytes", what);
  *out = value;
  return MLCM_OK;
}

static mlcm_status read_entry(mlcm__pb *pb, mlcm_str *key, mlcm_str *value, mlcm_error *err) {
  mlcm__pb_field field;
  bool more = false;
  mlcm_status st = MLCM_OK;
  while ((st = mlcm__pb_next(pb, &field, &more, err)) == MLCM_OK && more) {
    if (field.number == 1) st = mlcm__pb_text(pb, &field, "key", key, err);
    if (field.number == 2) st = mlcm__pb_text(pb, &field, "value", value, err);
    if (st) return st;
  }
  return st;
}

static mlcm_status read_external(const mlcm__pb *pb, const mlcm__pb_field *field, int64_t index, mlcm__onnx_tensor *t,
                                 mlcm_error *err) {
  mlcm__pb entry;
  mlcm_str key = {0}, value = {0};
  mlcm_status st = mlcm__pb_enter(pb, field, "external_data", index, &entry, err);
  if (!st) st = read_entry(&entry, &key, &value, err);
  if (st) return st;
  if (text_is(key, "location")) t->location = value;
  if (text_is(key, "offset")) return parse_size(&entry, value, "offset", &t->offset, err);
  if (text_is(key, "length")) return parse_size(&entry, value, "length", &t->length, err);
  return MLCM_OK;
}

/* ---- The message ---- */

static mlcm_status check_data(const mlcm__pb *pb, const mlcm__onnx_tensor *t, mlcm_error *err) {
  if (mlcm_dtype_size(t->dtype) == 0)
    return mlcm__pb_fail(pb, MLCM_UNSUPPORTED, err, "element type %d is not supported", (int)t->dtype);
  if (t->form == MLCM__ONNX_EXTERNAL) {
    if (t->dtype == MLCM_STRING) return mlcm__pb_fail(pb, MLCM_PARSE, err, "strings cannot be external data");
    if (!path_is_safe(t->location))
      return mlcm__pb_fail(pb, MLCM_PARSE, err, "external data at '%.*s': a path inside the model's folder is needed",
                           (int)(t->location.len < 80 ? t->location.len : 80), t->location.len > 0 ? t->location.ptr : "");
    return MLCM_OK;
  }
  if (t->form == MLCM__ONNX_TYPED) return check_count(pb, t, err);
  if (t->dtype == MLCM_STRING) return mlcm__pb_fail(pb, MLCM_PARSE, err, "strings cannot be raw data");
  if ((uint64_t)t->raw.len != (uint64_t)t->count * mlcm_dtype_size(t->dtype))
    return mlcm__pb_fail(pb, MLCM_PARSE, err, "raw_data has %zu bytes, %lld elements of %s need %llu", t->raw.len,
                         (long long)t->count, mlcm_dtype_name(t->dtype),
                         (unsigned long long)t->count * mlcm_dtype_size(t->dtype));
  return MLCM_OK;
}

static mlcm_status take_field(mlcm__pb *pb, const mlcm__pb_field *field, mlcm__onnx_tensor *t, int64_t *n_external,
                              bool *external, mlcm_error *err) {
  int32_t place = 0;
  mlcm_status st = MLCM_OK;
  switch (field->number) {
  case DATA_TYPE: return mlcm__pb_i32(pb, field, "data_type", &t->dtype, err);
  case NAME: return mlcm__pb_text(pb, field, "name", &t->name, err);
  case SEGMENT: return mlcm__pb_fail(pb, MLCM_UNSUPPORTED, err, "tensors in segments are not supported");
  case RAW_DATA: t->form = MLCM__ONNX_RAW; return mlcm__pb_bytes(pb, field, "raw_data", &t->raw, err);
  case EXTERNAL_DATA: return read_external(pb, field, (*n_external)++, t, err);
  case DATA_LOCATION:
    st = mlcm__pb_i32(pb, field, "data_location", &place, err);
    *external = place == 1;
    return st;
  default: return MLCM_OK;
  }
}

mlcm_status mlcm__onnx_parse_tensor(mlcm__pb *pb, mlcm__onnx_tensor *out, mlcm_error *err) {
  mlcm__onnx_tensor t = {.length = -1, .message = mlcm__pb_detach(pb, "tensor")};
  int64_t n_external = 0;
  bool external = false;
  mlcm__pb_field field;
  mlcm_status st = read_shape(pb, &t, err);
  while (!st && mlcm__pb_again(pb, &field)) st = take_field(pb, &field, &t, &n_external, &external, err);
  if (st) return st;
  if (external) t.form = MLCM__ONNX_EXTERNAL;
  /* The whole message was walked; counting needs it from its start. */
  mlcm__pb whole = *pb;
  whole.at = t.message.at;
  st = check_data(&whole, &t, err);
  if (!st) *out = t;
  return st;
}

mlcm_status mlcm__onnx_read_tensor(const char *name, const void *data, size_t size_bytes, mlcm__onnx_tensor *out,
                                   mlcm_error *err) {
  mlcm__pb pb;
  mlcm__pb_open(&pb, name, data, size_bytes);
  return mlcm__onnx_parse_tensor(&pb, out, err);
}
