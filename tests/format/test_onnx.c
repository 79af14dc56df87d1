/* SPDX-License-Identifier: Apache-2.0
 *
 * test_onnx.c - the description of a model: views into the bytes, typed and raw tensors, attributes, types of values.
 */
#include "format/onnx.h"

#include <string.h>

#include <mlcm/backend.h>

#include "infer/build.h"
#include "support/fault.h"
#include "support/suite.h"

static mlcm_error err;

static bool is(mlcm_str text, const char *word) { return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0; }

START_TEST(a_model_is_described_by_views_into_its_bytes) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  pbw bytes = make_gemm_model();
  mlcm__onnx_model m;
  mlcm__arena arena;
  mlcm__arena_init(&arena, ctx);
  ck_assert_int_eq(mlcm__onnx_read_model(&arena, "m", bytes.data, bytes.len, &m, &err), MLCM_OK);
  ck_assert(m.ir_version == 8 && m.n_opsets == 2 && m.opsets[0].version == 18 && is(m.opsets[1].domain, "ai.onnx.ml"));
  ck_assert(m.n_nodes == 1 && is(m.nodes[0].op, "Gemm") && is(m.nodes[0].name, "dense") && m.nodes[0].n_inputs == 3);
  ck_assert(m.n_initializers == 2 && m.initializers[0].rank == 2 && m.initializers[0].count == 6);
  ck_assert(m.initializers[0].form == MLCM__ONNX_RAW && m.initializers[0].raw.len == 24);
  ck_assert(m.initializers[0].raw.ptr > bytes.data && m.initializers[0].raw.ptr < bytes.data + bytes.len);
  ck_assert(m.n_inputs == 1 && m.inputs[0].kind == MLCM__ONNX_TENSOR && m.inputs[0].dtype == MLCM_F32);
  ck_assert(m.inputs[0].shape[0] == -1 && is(m.inputs[0].dim_names[0], "n") && m.inputs[0].shape[1] == 3);
  mlcm__arena_reset(&arena);
  pbw_free(&bytes);
  mlcm_context_free(ctx);
}
END_TEST

static pbw typed_tensor(int32_t dtype, uint32_t field, uint32_t wire, const uint64_t *values, size_t n) {
  pbw t = {0};
  pbw_int(&t, 1, (int64_t)n);
  pbw_int(&t, 2, dtype);
  for (size_t i = 0; i < n; i++) {
    pbw_tag(&t, field, wire);
    if (wire == 0)
      pbw_varint(&t, values[i]);
    else
      pbw_bytes_raw(&t, &values[i], wire == 5 ? 4 : 8);
  }
  return t;
}

START_TEST(typed_elements_of_every_width_are_read) {
  static const struct {
    int32_t dtype;
    uint32_t field, wire;
    uint64_t value, want;
  } cases[] = {
      {MLCM_F32, 4, 5, 0x3fc00000, 0x3fc00000},
      {MLCM_F64, 10, 1, UINT64_C(0x3ff8000000000000), UINT64_C(0x3ff8000000000000)},
      {MLCM_I64, 7, 0, (uint64_t)-5, (uint64_t)-5},
      {MLCM_U64, 11, 0, UINT64_MAX, UINT64_MAX},
      {MLCM_U32, 11, 0, 0xfffffff0, 0xfffffff0},
      {MLCM_I32, 5, 0, (uint64_t)-7, 0xfffffff9},
      {MLCM_I16, 5, 0, (uint64_t)-7, 0xfff9},
      {MLCM_U16, 5, 0, 65535, 65535},
      {MLCM_I8, 5, 0, (uint64_t)-1, 0xff},
      {MLCM_U8, 5, 0, 200, 200},
      {MLCM_BOOL, 5, 0, 2, 1},
      {MLCM_F16, 5, 0, 0x3e00, 0x3e00},
      {MLCM_BF16, 5, 0, 0x3fc0, 0x3fc0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pbw bytes = typed_tensor(cases[i].dtype, cases[i].field, cases[i].wire, &cases[i].value, 1);
    mlcm__onnx_tensor t;
    uint64_t got = 0;
    ck_assert_msg(mlcm__onnx_read_tensor("t", bytes.data, bytes.len, &t, &err) == MLCM_OK, "%s", err.message);
    ck_assert_int_eq(mlcm__onnx_tensor_elements(&t, &got, &err), MLCM_OK);
    ck_assert_msg(got == cases[i].want, "type %d", cases[i].dtype);
    pbw_free(&bytes);
  }
}
END_TEST

START_TEST(strings_are_views) {
  pbw bytes = {0};
  mlcm__onnx_tensor t;
  mlcm_str got[2];
  pbw_int(&bytes, 1, 2);
  pbw_int(&bytes, 2, MLCM_STRING);
  pbw_text(&bytes, 6, "red");
  pbw_bytes(&bytes, 6, "\xff\0", 2); /* string data is bytes */
  ck_assert_int_eq(mlcm__onnx_read_tensor("t", bytes.data, bytes.len, &t, &err), MLCM_OK);
  ck_assert_int_eq(mlcm__onnx_tensor_elements(&t, got, &err), MLCM_OK);
  ck_assert(is(got[0], "red") && got[1].len == 2 && got[1].ptr > bytes.data && got[1].ptr < bytes.data + bytes.len);
  pbw_free(&bytes);
}
END_TEST

START_TEST(the_last_of_a_repeated_scalar_counts) {
  pbw bytes = {0};
  mlcm__onnx_tensor t;
  pbw_int(&bytes, 2, MLCM_I32);
  pbw_int(&bytes, 2, MLCM_BOOL);
  pbw_bytes(&bytes, 9, "\1", 1);
  ck_assert_int_eq(mlcm__onnx_read_tensor("t", bytes.data, bytes.len, &t, &err), MLCM_OK);
  ck_assert(t.dtype == MLCM_BOOL && t.rank == 0 && t.count == 1);
  pbw_free(&bytes);
}
END_TEST

START_TEST(attributes_keep_their_kinds_and_lists) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__arena arena;
  mlcm__onnx_node node;
  mlcm__pb pb;
  pbw n = make_node("Foo", "", "a - c", "y"), f = {0}, list = {0}, words = {0};
  float floats[2] = {0};
  mlcm_str strings[2];
  pbw_text(&f, 1, "alpha");
  pbw_float(&f, 2, 0.5f);
  pbw_text(&list, 1, "weights");
  pbw_float(&list, 7, 1.5f);
  pbw_bytes(&list, 7, &(const float){2.5f}, 4);
  pbw_int(&list, 20, MLCM_ATTR_FLOATS);
  pbw_text(&words, 1, "words");
  pbw_text(&words, 9, "x");
  pbw_text(&words, 9, "");
  add(&n, 5, f); /* without a kind, as before IR version 2 */
  add(&n, 5, list);
  add(&n, 5, words);
  mlcm__arena_init(&arena, ctx);
  mlcm__pb_open(&pb, "node", n.data, n.len);
  ck_assert_msg(mlcm__onnx_parse_node(&arena, &pb, &node, &err) == MLCM_OK, "%s", err.message);
  ck_assert(node.n_inputs == 3 && node.inputs[1].len == 0 && node.n_attrs == 3);
  ck_assert(node.attrs[0].kind == MLCM_ATTR_FLOAT && node.attrs[0].f == 0.5f);
  ck_assert(node.attrs[1].n == 2);
  mlcm__onnx_attr_floats(&node.attrs[1], floats);
  ck_assert(floats[0] == 1.5f && floats[1] == 2.5f);
  ck_assert(node.attrs[2].kind == MLCM_ATTR_STRINGS && node.attrs[2].n == 2);
  ck_assert_int_eq(mlcm__onnx_attr_strings(&node.attrs[2], strings, &err), MLCM_OK);
  ck_assert(is(strings[0], "x") && strings[1].len == 0);
  mlcm__arena_reset(&arena);
  pbw_free(&n);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(dimensions_whose_product_overflows_are_no_shape) {
  int64_t count = 0;
  ck_assert(mlcm__shape_count(0, NULL, &count) && count == 1);
  ck_assert(mlcm__shape_count(2, (const int64_t[]){3, 0}, &count) && count == 0);
  ck_assert(!mlcm__shape_count(1, (const int64_t[]){-1}, &count));
  ck_assert(!mlcm__shape_count(2, (const int64_t[]){INT64_C(1) << 32, INT64_C(1) << 32}, &count));
  ck_assert(!mlcm__shape_count(3, (const int64_t[]){INT64_C(1) << 40, 0, INT64_C(1) << 40}, &count));
}
END_TEST

static mlcm_status read_again(mlcm_context *ctx, void *user, mlcm_error *e) {
  const pbw *bytes = user;
  mlcm__onnx_model m;
  mlcm__arena arena;
  mlcm__arena_init(&arena, ctx);
  mlcm_status st = mlcm__onnx_read_model(&arena, "m", bytes->data, bytes->len, &m, e);
  mlcm__arena_reset(&arena);
  return st;
}

START_TEST(no_memory_is_an_error_and_leaks_nothing) {
  pbw bytes = make_gemm_model();
  ck_assert_uint_gt(test_fault_memory(read_again, NULL, &bytes), 0);
  pbw_free(&bytes);
}
END_TEST

/* ---- Types of values ---- */

static pbw wrap(uint32_t field, pbw inner) {
  pbw outer = {0};
  add(&outer, field, inner);
  return outer;
}

/* Reads a value of this type that stands `depth` messages deep. */
static mlcm_status read_value_at(pbw type, int depth, mlcm__onnx_value *out) {
  pbw value = {0};
  mlcm__pb chain[3];
  mlcm_status st = MLCM_OK;
  pbw_text(&value, 1, "x");
  add(&value, 2, type);
  const mlcm__pb_field field = {.number = 1, .wire = MLCM__PB_BYTES, .bytes = {(const char *)value.data, value.len}};
  mlcm__pb_open(&chain[0], "v", value.data, value.len);
  for (int i = 0; i < depth && !st; i++) st = mlcm__pb_enter(&chain[i], &field, "inner", -1, &chain[i + 1], &err);
  if (!st) st = mlcm__onnx_parse_value(&chain[depth], out, &err);
  pbw_free(&value);
  return st;
}

static mlcm_status read_typed_value(pbw type) {
  mlcm__onnx_value out;
  return read_value_at(type, 0, &out);
}

START_TEST(more_dimensions_than_there_can_be_are_named) {
  pbw shape = {0}, tensor = {0};
  for (int i = 0; i <= MLCM_MAX_RANK; i++) add(&shape, 1, (pbw){0});
  add(&tensor, 2, shape);
  ck_assert_int_eq(read_typed_value(wrap(1, tensor)), MLCM_LIMIT);
}
END_TEST

START_TEST(broken_types_of_values_are_refused) {
  pbw map = {0}, cut_map = {0}, cut = {0}, odd = {0};
  pbw_int(&map, 2, 1); /* its value type is no message */
  ck_assert_int_eq(read_typed_value(wrap(5, map)), MLCM_PARSE);
  pbw_tag(&cut_map, 1, 2);
  ck_assert_int_eq(read_typed_value(wrap(5, cut_map)), MLCM_PARSE);
  pbw_tag(&cut, 1, 2);
  ck_assert_int_eq(read_typed_value(wrap(4, cut)), MLCM_PARSE);
  pbw_int(&odd, 9, 1);
  ck_assert_int_eq(read_typed_value(wrap(4, odd)), MLCM_OK); /* a field that nobody knows */
}
END_TEST

START_TEST(a_type_may_say_what_it_denotes_and_numbers_that_nobody_knows) {
  pbw type = {0};
  pbw_text(&type, 6, "IMAGE");
  pbw_int(&type, 9, 1);
  ck_assert_int_eq(read_typed_value(type), MLCM_OK);
}
END_TEST

START_TEST(sequences_of_sequences_end_at_the_limit_of_depth) {
  for (int depth = 0; depth < 3; depth++) {
    mlcm__onnx_value out;
    pbw type = {0};
    for (int i = 0; i < 70; i++) type = wrap(4, wrap(1, type));
    ck_assert_int_eq(read_value_at(type, depth, &out), MLCM_LIMIT);
  }
}
END_TEST

START_TEST(a_map_to_anything_but_tensors_is_of_another_kind) {
  mlcm__onnx_value out;
  const pbw empty = {0};
  ck_assert_int_eq(read_value_at(wrap(5, wrap(2, wrap(1, empty))), 0, &out), MLCM_OK);
  ck_assert_int_eq(out.kind, MLCM__ONNX_MAP);
  ck_assert_int_eq(read_value_at(wrap(5, wrap(2, wrap(4, empty))), 0, &out), MLCM_OK);
  ck_assert_int_eq(out.kind, MLCM__ONNX_OTHER);
}
END_TEST

/* ---- Malformed models ---- */

static mlcm_status read_model(pbw bytes) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_status st = read_again(ctx, &bytes, &err);
  mlcm_context_free(ctx);
  pbw_free(&bytes);
  return st;
}

START_TEST(a_second_graph_is_refused) {
  pbw model = make_gemm_model();
  add(&model, 7, (pbw){0});
  ck_assert_int_eq(read_model(model), MLCM_PARSE);
  ck_assert_ptr_nonnull(strstr(err.message, "two graphs"));
}
END_TEST

static mlcm_status read_node(pbw bytes, mlcm__onnx_node *node, mlcm__arena *arena) {
  mlcm__pb pb;
  mlcm__pb_open(&pb, "node", bytes.data, bytes.len);
  return mlcm__onnx_parse_node(arena, &pb, node, &err);
}

START_TEST(of_two_tensors_in_an_attribute_the_last_counts) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__arena arena;
  mlcm__onnx_node node;
  pbw n = make_node("Foo", "", "a", "y"), attr = {0};
  pbw_text(&attr, 1, "value");
  for (int i = 0; i < 2; i++) add(&attr, 5, make_tensor(i ? "second" : "first", (const int64_t[]){1}, 1, &(const float){1}, 1));
  add(&n, 5, attr);
  mlcm__arena_init(&arena, ctx);
  ck_assert_int_eq(read_node(n, &node, &arena), MLCM_OK);
  ck_assert(is(node.attrs[0].tensor->name, "second"));
  mlcm__arena_reset(&arena);
  pbw_free(&n);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_number_among_strings_is_refused_when_they_are_read) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__arena arena;
  mlcm__onnx_node node;
  mlcm_str strings[2];
  pbw n = make_node("Foo", "", "a", "y"), words = {0};
  pbw_text(&words, 1, "words");
  pbw_int(&words, 9, 1);
  pbw_text(&words, 9, "x");
  add(&n, 5, words);
  mlcm__arena_init(&arena, ctx);
  ck_assert_int_eq(read_node(n, &node, &arena), MLCM_OK);
  ck_assert_int_eq(mlcm__onnx_attr_strings(&node.attrs[0], strings, &err), MLCM_PARSE);
  mlcm__arena_reset(&arena);
  pbw_free(&n);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Malformed tensors ---- */

static pbw external_entry(const char *key, const void *value, size_t len) {
  pbw entry = {0};
  pbw_text(&entry, 1, key);
  pbw_bytes(&entry, 2, value, len);
  return entry;
}

static pbw external_tensor(int32_t dtype) {
  pbw t = {0};
  pbw_int(&t, 2, dtype);
  pbw_int(&t, 14, 1);
  return t;
}

static mlcm_status read_tensor(pbw bytes) {
  mlcm__onnx_tensor t;
  mlcm_status st = mlcm__onnx_read_tensor("t", bytes.data, bytes.len, &t, &err);
  pbw_free(&bytes);
  return st;
}

START_TEST(external_data_is_described_properly_or_refused) {
  char path[1100];
  memset(path, 'p', sizeof path);
  pbw t = external_tensor(MLCM_F32);
  add(&t, 13, external_entry("location", "weights/a.bin", 13));
  add(&t, 13, external_entry("offset", "4096", 4));
  ck_assert_int_eq(read_tensor(t), MLCM_OK);
  ck_assert_int_eq(read_tensor(external_tensor(MLCM_F32)), MLCM_PARSE); /* no place at all */
  t = external_tensor(MLCM_F32);
  add(&t, 13, external_entry("location", path, sizeof path));
  ck_assert_int_eq(read_tensor(t), MLCM_PARSE);
  t = external_tensor(MLCM_STRING);
  add(&t, 13, external_entry("location", "a", 1));
  ck_assert_int_eq(read_tensor(t), MLCM_PARSE);
  t = external_tensor(MLCM_F32);
  add(&t, 13, external_entry("length", "1234567890123456789", 19)); /* a digit too many */
  ck_assert_int_eq(read_tensor(t), MLCM_PARSE);
  t = external_tensor(MLCM_F32);
  add(&t, 13, external_entry("length", "", 0));
  ck_assert_int_eq(read_tensor(t), MLCM_PARSE);
  t = external_tensor(MLCM_F32);
  add(&t, 13, external_entry("location", "\xff", 1)); /* no text */
  ck_assert_int_eq(read_tensor(t), MLCM_PARSE);
  t = external_tensor(MLCM_F32);
  pbw_int(&t, 13, 1);
  ck_assert_int_eq(read_tensor(t), MLCM_PARSE);
}
END_TEST

START_TEST(strings_as_raw_data_are_refused) {
  pbw t = {0};
  pbw_int(&t, 2, MLCM_STRING);
  pbw_bytes(&t, 9, "a", 1);
  ck_assert_int_eq(read_tensor(t), MLCM_PARSE);
  ck_assert_ptr_nonnull(strstr(err.message, "strings cannot be raw data"));
}
END_TEST

START_TEST(a_number_among_the_strings_of_a_tensor_is_refused_when_they_are_read) {
  pbw bytes = {0};
  mlcm__onnx_tensor t;
  mlcm_str got[2];
  pbw_int(&bytes, 1, 2);
  pbw_int(&bytes, 2, MLCM_STRING);
  pbw_int(&bytes, 6, 1);
  pbw_text(&bytes, 6, "x");
  ck_assert_int_eq(mlcm__onnx_read_tensor("t", bytes.data, bytes.len, &t, &err), MLCM_OK);
  ck_assert_int_eq(mlcm__onnx_tensor_elements(&t, got, &err), MLCM_PARSE);
  pbw_free(&bytes);
}
END_TEST

/* Each list is more than half of the largest block and so gets one of its own; the tensors of the attributes fill several. */
START_TEST(lack_of_memory_in_a_large_model_is_an_error_each_time) {
  enum { MANY = 40000, NODES = 3000, TENSORS = 6000 };
  pbw node = {0}, graph = {0}, model = {0};
  for (int i = 0; i < MANY; i++) pbw_text(&node, 1, "i");
  for (int i = 0; i < MANY; i++) pbw_text(&node, 2, "o");
  pbw_text(&node, 4, "Op");
  for (int i = 0; i < TENSORS; i++) {
    pbw attr = {0};
    pbw_text(&attr, 1, "v");
    add(&attr, 5, make_tensor("t", (const int64_t[]){1}, 1, &(const float){1}, 1));
    add(&node, 5, attr);
  }
  for (int i = 0; i < NODES; i++) add(&graph, 1, make_node("Op", "", "a", "b"));
  add(&graph, 1, node);
  add(&model, 7, graph);
  ck_assert_uint_gt(test_fault_memory(read_again, NULL, &model), 5);
  pbw_free(&model);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_model_is_described_by_views_into_its_bytes,
                          typed_elements_of_every_width_are_read,
                          strings_are_views,
                          the_last_of_a_repeated_scalar_counts,
                          attributes_keep_their_kinds_and_lists,
                          dimensions_whose_product_overflows_are_no_shape,
                          no_memory_is_an_error_and_leaks_nothing,
                          more_dimensions_than_there_can_be_are_named,
                          broken_types_of_values_are_refused,
                          a_type_may_say_what_it_denotes_and_numbers_that_nobody_knows,
                          sequences_of_sequences_end_at_the_limit_of_depth,
                          a_map_to_anything_but_tensors_is_of_another_kind,
                          a_second_graph_is_refused,
                          of_two_tensors_in_an_attribute_the_last_counts,
                          a_number_among_strings_is_refused_when_they_are_read,
                          external_data_is_described_properly_or_refused,
                          strings_as_raw_data_are_refused,
                          a_number_among_the_strings_of_a_tensor_is_refused_when_they_are_read,
                          lack_of_memory_in_a_large_model_is_an_error_each_time};
  return TEST_RUN("format_onnx", tests);
}
