/* SPDX-License-Identifier: Apache-2.0
 *
 * test_protobuf.c - the wire reader: every malformed form is an error with path and offset; packed and unpacked are the same.
 */
#include "format/protobuf.h"

#include <string.h>

#include "infer/build.h"
#include "support/suite.h"

static mlcm_error err;

static mlcm_status next_of(const void *bytes, size_t len, mlcm__pb_field *out, bool *more) {
  mlcm__pb pb;
  mlcm__pb_open(&pb, "f", bytes, len);
  return mlcm__pb_next(&pb, out, more, &err);
}

START_TEST(each_wire_type_is_read) {
  static const struct {
    const char *bytes;
    size_t len;
    uint32_t number, wire;
    uint64_t value;
  } cases[] = {
      {"\x08\x96\x01", 3, 1, MLCM__PB_VARINT, 150},
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, 1, MLCM__PB_VARINT, UINT64_MAX},
      {"\x15\x01\x02\x03\x04", 5, 2, MLCM__PB_FIXED32, 0x04030201},
      {"\x19\x01\x00\x00\x00\x00\x00\x00\x80", 9, 3, MLCM__PB_FIXED64, UINT64_C(0x8000000000000001)},
      {"\xf8\xff\xff\xff\x0f\x01", 6, (1u << 29) - 1, MLCM__PB_VARINT, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mlcm__pb_field f = {0};
    bool more = false;
    ck_assert_int_eq(next_of(cases[i].bytes, cases[i].len, &f, &more), MLCM_OK);
    ck_assert(more && f.number == cases[i].number && f.wire == cases[i].wire && f.value == cases[i].value);
  }
}
END_TEST

START_TEST(malformed_fields_are_refused) {
  static const struct {
    const char *bytes;
    size_t len;
    const char *message;
  } cases[] = {
      {"\x80", 1, "f at byte 0: a field's tag is cut off or too long"},
      {"\x08", 1, "f at byte 1: the number in field 1 is cut off or too long"},
      {"\x08\x80", 2, "f at byte 1: the number in field 1 is cut off or too long"},
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "f at byte 1: the number in field 1 is cut off or too long"},
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "f at byte 1: the number in field 1 is cut off or too long"},
      {"\x15\x01\x02\x03", 4, "f at byte 1: the number in field 2 is cut off or too long"},
      {"\x19\x01", 2, "f at byte 1: the number in field 3 is cut off or too long"},
      {"\x0a\x05xx", 4, "f at byte 2: field 1 claims 5 bytes, 2 are left in its message"},
      {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11,
       "f at byte 11: field 1 claims 18446744073709551615 bytes, 0 are left in its message"},
      {"\x0a", 1, "f at byte 1: the length of field 1 is cut off"},
      {"\x00\x01", 2, "f at byte 1: field number 0 is not possible"},
      {"\x0b", 1, "f at byte 1: field 1 has wire type 3, which is not read"},
      {"\x0c", 1, "f at byte 1: field 1 has wire type 4, which is not read"},
      {"\x0e", 1, "f at byte 1: field 1 has wire type 6, which is not read"},
      {"\xf8\xff\xff\xff\xff\x01\x01", 7, "f at byte 6: field number 8589934591 is not possible"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mlcm__pb_field f;
    bool more = true;
    ck_assert_int_eq(next_of(cases[i].bytes, cases[i].len, &f, &more), MLCM_PARSE);
    ck_assert_str_eq(err.message, cases[i].message);
    ck_assert(!more);
  }
}
END_TEST

START_TEST(nothing_is_an_empty_message) {
  mlcm__pb_field f;
  bool more = true;
  ck_assert_int_eq(next_of(NULL, 0, &f, &more), MLCM_OK);
  ck_assert(!more);
}
END_TEST

typedef struct numbers {
  uint64_t values[16];
  size_t n;
} numbers;

static void collect(void *user, size_t i, uint64_t value) {
  numbers *list = user;
  ck_assert_uint_eq(i, list->n);
  list->values[list->n++] = value;
}

START_TEST(packed_and_unpacked_numbers_may_be_mixed) {
  pbw w = {0};
  pbw_int(&w, 7, 1);
  pbw_bytes(&w, 7, "\x02\xac\x02", 3);
  pbw_text(&w, 3, "between");
  pbw_int(&w, 7, -1);
  pbw_bytes(&w, 7, "", 0);
  mlcm__pb pb;
  numbers list = {0};
  size_t n = 0;
  mlcm__pb_open(&pb, "f", w.data, w.len);
  ck_assert_int_eq(mlcm__pb_count_numbers(&pb, 7, MLCM__PB_VARINT, "ints", &n, &err), MLCM_OK);
  ck_assert_uint_eq(n, 4);
  mlcm__pb_each_number(&pb, 7, MLCM__PB_VARINT, collect, &list);
  ck_assert_uint_eq(list.n, 4);
  ck_assert(list.values[0] == 1 && list.values[1] == 2 && list.values[2] == 300 && list.values[3] == UINT64_MAX);
  pbw_free(&w);
}
END_TEST

START_TEST(a_broken_packed_list_is_refused) {
  pbw w = {0};
  mlcm__pb pb;
  size_t n = 0;
  pbw_bytes(&w, 7, "\x02\x80", 2);
  mlcm__pb_open(&pb, "f", w.data, w.len);
  ck_assert_int_eq(mlcm__pb_count_numbers(&pb, 7, MLCM__PB_VARINT, "ints", &n, &err), MLCM_PARSE);
  ck_assert_int_eq(mlcm__pb_count_numbers(&pb, 7, MLCM__PB_FIXED32, "floats", &n, &err), MLCM_PARSE);
  pbw_free(&w);
  pbw_float(&w, 7, 1.5f);
  mlcm__pb_open(&pb, "f", w.data, w.len);
  ck_assert_int_eq(mlcm__pb_count_numbers(&pb, 7, MLCM__PB_VARINT, "ints", &n, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "f at byte 5: 'ints' has wire type 5 instead of 0");
  pbw_free(&w);
}
END_TEST

START_TEST(text_must_be_utf8_without_zero) {
  static const struct {
    const char *bytes;
    size_t len;
    mlcm_status want;
  } cases[] = {{"gr\xc3\xbc\xc3\x9f", 6, MLCM_OK},
               {"", 0, MLCM_OK},
               {"a\0b", 3, MLCM_PARSE},
               {"\xff", 1, MLCM_PARSE},
               {"\xc3", 1, MLCM_PARSE}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mlcm__pb pb;
    mlcm__pb_field f = {.number = 1, .wire = MLCM__PB_BYTES, .bytes = {cases[i].bytes, cases[i].len}};
    mlcm_str out = {0};
    mlcm__pb_open(&pb, "f", "", 0);
    ck_assert_int_eq(mlcm__pb_text(&pb, &f, "name", &out, &err), cases[i].want);
  }
}
END_TEST

START_TEST(the_path_to_the_place_is_told) {
  mlcm__pb top, graph, node;
  mlcm__pb_field f = {.number = 7, .wire = MLCM__PB_BYTES, .bytes = {"\x0b", 1}};
  bool more = false;
  mlcm__pb_open(&top, "m.onnx", f.bytes.ptr, 1);
  ck_assert_int_eq(mlcm__pb_enter(&top, &f, "graph", -1, &graph, &err), MLCM_OK);
  ck_assert_int_eq(mlcm__pb_enter(&graph, &f, "node", 3, &node, &err), MLCM_OK);
  ck_assert_int_eq(mlcm__pb_next(&node, &f, &more, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "m.onnx: graph.node[3] at byte 1: field 1 has wire type 3, which is not read");
}
END_TEST

START_TEST(depth_ends_at_64) {
  mlcm__pb chain[80];
  mlcm__pb_field f = {.number = 1, .wire = MLCM__PB_BYTES, .bytes = {"", 0}};
  int depth = 0;
  mlcm__pb_open(&chain[0], "f", "", 0);
  while (depth < 79 && mlcm__pb_enter(&chain[depth], &f, "inner", -1, &chain[depth + 1], &err) == MLCM_OK) depth++;
  ck_assert_int_eq(depth, 64);
  ck_assert_int_eq(err.code, MLCM_LIMIT);
}
END_TEST

START_TEST(numbers_beyond_32_bits_are_refused_where_they_must_fit) {
  static const struct {
    int64_t value;
    mlcm_status want;
  } cases[] = {{INT32_MIN, MLCM_OK},
               {INT32_MAX, MLCM_OK},
               {(int64_t)INT32_MIN - 1, MLCM_PARSE},
               {(int64_t)INT32_MAX + 1, MLCM_PARSE}};
  mlcm__pb pb;
  mlcm__pb_open(&pb, "f", "", 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const mlcm__pb_field f = {.number = 1, .wire = MLCM__PB_VARINT, .value = (uint64_t)cases[i].value};
    int32_t out = 0;
    ck_assert_int_eq(mlcm__pb_i32(&pb, &f, "type", &out, &err), cases[i].want);
  }
}
END_TEST

START_TEST(a_whole_number_is_no_float) {
  const mlcm__pb_field f = {.number = 2, .wire = MLCM__PB_VARINT, .value = 1};
  mlcm__pb pb;
  float out = 7;
  mlcm__pb_open(&pb, "f", "", 0);
  ck_assert_int_eq(mlcm__pb_f32(&pb, &f, "f", &out, &err), MLCM_PARSE);
  ck_assert_ptr_nonnull(strstr(err.message, "'f' has wire type 0 instead of 5"));
  ck_assert_float_eq(out, 7);
}
END_TEST

START_TEST(a_path_too_long_for_a_message_is_cut) {
  char name[400];
  mlcm__pb pb;
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = 0;
  mlcm__pb_open(&pb, name, "", 0);
  mlcm__pb_field f = {.number = 1, .wire = MLCM__PB_VARINT};
  mlcm__pb inner;
  ck_assert_int_eq(mlcm__pb_enter(&pb, &f, "graph", -1, &inner, &err), MLCM_PARSE);
  ck_assert_ptr_nonnull(strstr(err.message, "'graph' has wire type 0 instead of 2"));
}
END_TEST

int main(void) {
  const TTest *tests[] = {each_wire_type_is_read,          malformed_fields_are_refused,
                          nothing_is_an_empty_message,     packed_and_unpacked_numbers_may_be_mixed,
                          a_broken_packed_list_is_refused, text_must_be_utf8_without_zero,
                          the_path_to_the_place_is_told,   depth_ends_at_64,
                          numbers_beyond_32_bits_are_refused_where_they_must_fit,
                          a_whole_number_is_no_float,      a_path_too_long_for_a_message_is_cut};
  return TEST_RUN("format_protobuf", tests);
}
