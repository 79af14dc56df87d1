/* SPDX-License-Identifier: Apache-2.0
 *
 * dtype.c - element types, and the constructors of inputs and outputs.
 */
#include <mlcm/infer.h>

#include <stdbool.h>
#include <string.h>

typedef struct dtype_facts {
  const char *name;
  size_t size;
} dtype_facts;

static const dtype_facts FACTS[] = {
    [MLCM_F32] = {"f32", 4}, [MLCM_U8] = {"u8", 1},     [MLCM_I8] = {"i8", 1},
    [MLCM_U16] = {"u16", 2}, [MLCM_I16] = {"i16", 2},   [MLCM_I32] = {"i32", 4},
    [MLCM_I64] = {"i64", 8}, [MLCM_BOOL] = {"bool", 1}, [MLCM_STRING] = {"string", sizeof(mlcm_str)},
    [MLCM_F16] = {"f16", 2}, [MLCM_F64] = {"f64", 8},   [MLCM_U32] = {"u32", 4},
    [MLCM_U64] = {"u64", 8}, [MLCM_BF16] = {"bf16", 2},
};

static const dtype_facts *facts_of(mlcm_dtype dtype) {
  static const dtype_facts none = {"unknown", 0};
  bool known = dtype >= 0 && (size_t)dtype < sizeof FACTS / sizeof FACTS[0] && FACTS[dtype].name != NULL;
  return known ? &FACTS[dtype] : &none;
}

size_t mlcm_dtype_size(mlcm_dtype dtype) { return facts_of(dtype)->size; }

const char *mlcm_dtype_name(mlcm_dtype dtype) { return facts_of(dtype)->name; }

static mlcm_input table_input(const void *data, mlcm_dtype dtype, int64_t n_rows, int64_t n_columns) {
  return (mlcm_input){.data = data, .dtype = dtype, .rank = 2, .shape = {n_rows, n_columns}};
}

mlcm_input mlcm_input_f32(const float *data, int64_t n_rows, int64_t n_columns) {
  return table_input(data, MLCM_F32, n_rows, n_columns);
}

mlcm_input mlcm_input_f64(const double *data, int64_t n_rows, int64_t n_columns) {
  return table_input(data, MLCM_F64, n_rows, n_columns);
}

mlcm_input mlcm_input_i64(const int64_t *data, int64_t n_rows, int64_t n_columns) {
  return table_input(data, MLCM_I64, n_rows, n_columns);
}

mlcm_input mlcm_input_str(const mlcm_str *data, int64_t n_rows, int64_t n_columns) {
  return table_input(data, MLCM_STRING, n_rows, n_columns);
}

/* A negative number of elements is no room. */
static mlcm_output flat_output(void *data, mlcm_dtype dtype, int64_t n_elements) {
  size_t n = n_elements > 0 ? (size_t)n_elements : 0, size = mlcm_dtype_size(dtype);
  return (mlcm_output){.data = data, .capacity_bytes = n > SIZE_MAX / size ? SIZE_MAX : n * size, .dtype = dtype};
}

mlcm_output mlcm_output_f32(float *data, int64_t n_elements) { return flat_output(data, MLCM_F32, n_elements); }

mlcm_output mlcm_output_f64(double *data, int64_t n_elements) { return flat_output(data, MLCM_F64, n_elements); }

mlcm_output mlcm_output_i64(int64_t *data, int64_t n_elements) { return flat_output(data, MLCM_I64, n_elements); }

mlcm_output mlcm_output_str(mlcm_str *data, int64_t n_elements) { return flat_output(data, MLCM_STRING, n_elements); }
