/* SPDX-License-Identifier: Apache-2.0
 *
 * constant.c - initializers, Constant nodes, attributes: what the file holds, turned into tensors and arrays.
 *
 * Nothing is copied that can be used in place: raw data that is aligned for its type stays in the caller's bytes.
 */
#include <assert.h>
#include <string.h>

#include "infer/graph.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ONNX data is little-endian and is used in place; this machine is not"
#endif

/* The library never writes through a constant's data; mlcm_tensor has one pointer for both. */
static void *view_of(const void *data) { return (void *)(uintptr_t)data; }

/* ---- External data ---- */

static size_t folder_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

static const mlcm_model_file *find_file(const mlcm__files *files, mlcm_str location) {
  const char *main_path = files->files[files->model].path;
  size_t folder = folder_length(main_path);
  for (size_t i = 0; i < files->n_files; i++) {
    const char *path = files->files[i].path;
    if (strlen(path) == folder + location.len && memcmp(path, main_path, folder) == 0 &&
        memcmp(path + folder, location.ptr, location.len) == 0)
      return &files->files[i];
  }
  return NULL;
}

static mlcm_status external_bytes(const mlcm__onnx_tensor *t, const mlcm__files *files, const char **out, mlcm_error *err) {
  const mlcm_model_file *file = find_file(files, t->location);
  int shown = t->location.len < 100 ? (int)t->location.len : 100;
  if (file == NULL)
    return mlcm__fail(err, MLCM_NOT_FOUND, "the model needs external data '%.*s', which is not among the %zu files given", shown,
                      t->location.ptr, files->n_files);
  uint64_t need = (uint64_t)t->count * mlcm_dtype_size(t->dtype), at = (uint64_t)t->offset;
  if (t->length >= 0 && (uint64_t)t->length != need)
    return mlcm__fail(err, MLCM_PARSE, "external data '%.*s': length is %lld, the shape needs %llu bytes", shown, t->location.ptr,
                      (long long)t->length, (unsigned long long)need);
  if (at > file->size_bytes || need > file->size_bytes - at)
    return mlcm__fail(err, MLCM_PARSE, "external data '%.*s': %llu bytes at offset %llu do not fit in a file of %zu bytes", shown,
                      t->location.ptr, (unsigned long long)need, (unsigned long long)at, file->size_bytes);
  *out = (const char *)file->data + at;
  return MLCM_OK;
}

/* ---- Tensors ---- */

static mlcm_status copy_bytes(mlcm__arena *arena, const char *bytes, size_t count, size_t size, void **out, mlcm_error *err) {
  void *copy = mlcm__arena_alloc(arena, count, size);
  if (copy == NULL) return mlcm__fail_memory(err, count * size);
  if (count > 0) memcpy(copy, bytes, count * size);
  *out = copy;
  return MLCM_OK;
}

mlcm_status mlcm__tensor_load(mlcm__arena *arena, const mlcm__onnx_tensor *source, const mlcm__files *files, mlcm_tensor *out,
                              mlcm_error *err) {
  mlcm_tensor t = {.dtype = source->dtype, .rank = source->rank, .count = source->count};
  size_t size = mlcm_dtype_size(source->dtype), count = (size_t)source->count;
  const char *bytes = source->raw.ptr;
  mlcm_status st = MLCM_OK;
  memcpy(t.shape, source->shape, sizeof t.shape);
  if (source->form == MLCM__ONNX_TYPED) {
    t.data = mlcm__arena_alloc(arena, count, size);
    if (t.data == NULL) return mlcm__fail_memory(err, count * size);
    st = mlcm__onnx_tensor_elements(source, t.data, err);
  } else {
    assert(source->dtype != MLCM_STRING); /* the reader takes strings as typed data only */
    if (source->form == MLCM__ONNX_EXTERNAL) st = external_bytes(source, files, &bytes, err);
    if (!st && count > 0 && (uintptr_t)bytes % size == 0)
      t.data = view_of(bytes);
    else if (!st)
      st = copy_bytes(arena, bytes, count, size, &t.data, err);
  }
  if (!st) *out = t;
  return st;
}

/* ---- Attributes ---- */

static mlcm_status load_list(mlcm__arena *arena, const mlcm__onnx_attr *a, mlcm_attr *out, mlcm_error *err) {
  size_t size = a->kind == MLCM_ATTR_FLOATS ? sizeof(float) : a->kind == MLCM_ATTR_INTS ? sizeof(int64_t) : sizeof(mlcm_str);
  void *array = mlcm__arena_alloc(arena, a->n, size);
  if (array == NULL) return mlcm__fail_memory(err, a->n * size);
  out->n = a->n;
  switch (a->kind) {
  case MLCM_ATTR_FLOATS: out->floats = array; mlcm__onnx_attr_floats(a, array); return MLCM_OK;
  case MLCM_ATTR_INTS: out->ints = array; mlcm__onnx_attr_ints(a, array); return MLCM_OK;
  default: out->strings = array; return mlcm__onnx_attr_strings(a, array, err);
  }
}

static mlcm_status load_attr(mlcm__arena *arena, mlcm__arena *keep, const mlcm__onnx_attr *a, const mlcm__files *files,
                             mlcm_attr *out, mlcm_error *err) {
  mlcm_tensor *tensor = NULL;
  *out = (mlcm_attr){.name = a->name, .kind = a->kind, .i = a->i, .f = a->f, .s = a->s};
  switch (a->kind) {
  case MLCM_ATTR_FLOATS:
  case MLCM_ATTR_INTS:
  case MLCM_ATTR_STRINGS: return load_list(arena, a, out, err);
  case MLCM_ATTR_TENSOR:
    tensor = mlcm__arena_alloc(keep, 1, sizeof *tensor);
    if (tensor == NULL) return mlcm__fail_memory(err, sizeof *tensor);
    out->tensor = tensor;
    return mlcm__tensor_load(keep, a->tensor, files, tensor, err);
  case MLCM_ATTR_FLOAT:
  case MLCM_ATTR_INT:
  case MLCM_ATTR_STRING: return MLCM_OK;
  default:
    return mlcm__fail(err, MLCM_UNSUPPORTED,
                      "attribute '%.*s' is of kind %d (a graph, type or sparse tensor), which is not supported",
                      a->name.len < 60 ? (int)a->name.len : 60, a->name.ptr, (int)a->kind);
  }
}

mlcm_status mlcm__attrs_load(mlcm__arena *arena, mlcm__arena *keep, const mlcm__onnx_node *node, const mlcm__files *files,
                             mlcm_attr **out, mlcm_error *err) {
  mlcm_attr *attrs = mlcm__arena_alloc(arena, node->n_attrs, sizeof *attrs);
  if (attrs == NULL) return mlcm__fail_memory(err, node->n_attrs * sizeof *attrs);
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < node->n_attrs; i++) st = load_attr(arena, keep, &node->attrs[i], files, &attrs[i], err);
  if (!st) *out = attrs;
  return st;
}

/* ---- Constant nodes ---- */

static mlcm_tensor list_tensor(mlcm_dtype dtype, const void *data, size_t n, int32_t rank) {
  return (mlcm_tensor){
      .dtype = dtype, .rank = rank, .shape = {rank > 0 ? (int64_t)n : 0}, .count = (int64_t)n, .data = view_of(data)};
}

mlcm_status mlcm__constant_load(mlcm__arena *arena, const mlcm__onnx_node *node, const mlcm__files *files, mlcm_tensor *out,
                                mlcm_error *err) {
  mlcm_attr *a = NULL;
  if (node->n_attrs == 0) return mlcm__fail(err, MLCM_PARSE, "Constant has no value");
  mlcm_status st = mlcm__attrs_load(arena, arena, node, files, &a, err);
  if (st) return st;
  switch (a->kind) { /* the first attribute is the value */
  case MLCM_ATTR_TENSOR: *out = *a->tensor; break;
  case MLCM_ATTR_FLOATS: *out = list_tensor(MLCM_F32, a->floats, a->n, 1); break;
  case MLCM_ATTR_INTS: *out = list_tensor(MLCM_I64, a->ints, a->n, 1); break;
  case MLCM_ATTR_STRINGS: *out = list_tensor(MLCM_STRING, a->strings, a->n, 1); break;
  case MLCM_ATTR_FLOAT: *out = list_tensor(MLCM_F32, &a->f, 1, 0); break;
  case MLCM_ATTR_INT: *out = list_tensor(MLCM_I64, &a->i, 1, 0); break;
  default: /* load_attr has refused all other kinds */ *out = list_tensor(MLCM_STRING, &a->s, 1, 0); break;
  }
  return MLCM_OK;
}
