/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/infer.h - tensors and sessions: run an ONNX model in process.
 */
#ifndef MLCM_INFER_H
#define MLCM_INFER_H

#include <mlcm/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element types; the numbers are ONNX's TensorProto.DataType. */
typedef int32_t mlcm_dtype;
enum {
  MLCM_F32 = 1, MLCM_U8 = 2, MLCM_I8 = 3, MLCM_U16 = 4, MLCM_I16 = 5, MLCM_I32 = 6, MLCM_I64 = 7, MLCM_STRING = 8, MLCM_BOOL = 9,
  MLCM_F16 = 10, MLCM_F64 = 11, MLCM_U32 = 12, MLCM_U64 = 13, MLCM_BF16 = 16
};
enum { MLCM_MAX_RANK = 8 };

/* A tensor given to a model: row-major, borrowed for the call. String elements are mlcm_str. */
typedef struct mlcm_input {
  const char *name; /* NULL: by position */
  const void *data;
  mlcm_dtype dtype;
  int32_t rank;
  int64_t shape[MLCM_MAX_RANK];
} mlcm_input;

/* Where an answer goes: the caller's memory. After the call `rank` and `shape` hold what was written. */
typedef struct mlcm_output {
  const char *name; /* NULL: by position */
  void *data;
  size_t capacity_bytes;
  mlcm_dtype dtype;
  int32_t rank;
  int64_t shape[MLCM_MAX_RANK];
} mlcm_output;

MLCM_API mlcm_input mlcm_input_f32(const float *data, int64_t n_rows, int64_t n_columns);
MLCM_API mlcm_output mlcm_output_f32(float *data, int64_t n_elements);
MLCM_API mlcm_output mlcm_output_i64(int64_t *data, int64_t n_elements);

/* A loaded model on a backend. Immutable; run from any number of threads at once. */
typedef struct mlcm_session mlcm_session;

/* One file of a model held in memory, e.g. {"model.onnx", ptr, len}. The main model is the only or first file ending in .onnx;
 * others are external data that it names. */
typedef struct mlcm_model_file {
  const char *path;
  const void *data;
  size_t size_bytes;
} mlcm_model_file;

typedef struct mlcm_session_options {
  size_t struct_size;
  const char *backend; /* NULL: "reference" */
  uint64_t reserved[4];
} mlcm_session_options;

MLCM_API void mlcm_session_options_init(mlcm_session_options *options, size_t size_bytes);
/* Loads from memory; the bytes must stay until the session is closed unless they are copied (the reference backend keeps views). */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_session_open(mlcm_context *ctx, const mlcm_model_file *files, size_t n_files,
                                                     const mlcm_session_options *options, mlcm_session **out, mlcm_error *err);
MLCM_API void mlcm_session_close(mlcm_session *session);

/* Signature of one input or output. shape[i] < 0: free dimension. */
typedef struct mlcm_port {
  const char *name;
  mlcm_dtype dtype;
  int32_t rank; /* -1: unknown */
  int64_t shape[MLCM_MAX_RANK];
  const char *const *classes; /* ZipMap output: class names or decimal labels in column order; NULL for none */
  size_t n_classes;
} mlcm_port;

MLCM_API size_t mlcm_session_n_inputs(const mlcm_session *session);
MLCM_API size_t mlcm_session_n_outputs(const mlcm_session *session);
MLCM_API mlcm_port mlcm_session_input(const mlcm_session *session, size_t i);
MLCM_API mlcm_port mlcm_session_output(const mlcm_session *session, size_t i);

MLCM_API MLCM_MUST_USE mlcm_status mlcm_session_run(mlcm_session *session, const mlcm_input *inputs, size_t n_inputs,
                                                    mlcm_output *outputs, size_t n_outputs, mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
