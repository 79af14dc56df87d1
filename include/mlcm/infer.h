/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/infer.h - tensors and sessions: run an ONNX model in process.
 *
 *   mlcm_model_file file = {"digits.onnx", bytes, n_bytes};
 *   mlcm_session *session = NULL;
 *   int64_t digit = 0;
 *   mlcm_status st = mlcm_session_open(ctx, &file, 1, NULL, &session, &err);
 *   if (st == MLCM_OK) {
 *     mlcm_input in = mlcm_input_f32(pixels, 1, 64);   // one row of 64 columns, row-major
 *     mlcm_output out = mlcm_output_i64(&digit, 1);    // the model's first output: room for one element
 *     st = mlcm_session_run(session, &in, 1, &out, 1, &err);
 *   }
 *   if (st != MLCM_OK) fprintf(stderr, "%s\n", err.message);
 *   mlcm_session_close(session);
 *
 * Threads   A session never changes after it was opened: run it from any number of threads at once. A run takes no lock, and
 *           once as many runs as ever run at the same time have each seen the largest shapes, it allocates nothing.
 * Memory    Inputs are borrowed for the call, outputs are the caller's memory, the model's bytes stay the caller's until close.
 * Limits    A model may come from anywhere. Whatever it says, a session takes no more than max_session_bytes in all (what
 *           loading makes of the files, and the buffers of all runs under way or kept for the next; not the files' own bytes),
 *           no tensor or scratch space is over max_tensor_bytes, tensors have at most 8 dimensions, types are nested at most
 *           64 deep, a forest has less than 2^30 nodes, a pairwise classifier at most 32,768 classes, a table of keys less than
 *           2^29 entries. Each of these ends with MLCM_LIMIT and its name.
 * Results   A row's answer does not depend on the other rows of its batch, nor on threads: sums are formed in double, in a
 *           fixed order.
 */
#ifndef MLCM_INFER_H
#define MLCM_INFER_H

#include <mlcm/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Tensors ------------------------------------------------------------------------------------------------------- */

/* Element types; the numbers are ONNX's TensorProto.DataType. A bool is one byte, a string element is an mlcm_str. */
typedef int32_t mlcm_dtype;
enum {
  MLCM_F32 = 1,
  MLCM_U8 = 2,
  MLCM_I8 = 3,
  MLCM_U16 = 4,
  MLCM_I16 = 5,
  MLCM_I32 = 6,
  MLCM_I64 = 7,
  MLCM_STRING = 8,
  MLCM_BOOL = 9,
  MLCM_F16 = 10,
  MLCM_F64 = 11,
  MLCM_U32 = 12,
  MLCM_U64 = 13,
  MLCM_BF16 = 16
};
enum { MLCM_MAX_RANK = 8 };

/* Bytes of one element, e.g. 4 for MLCM_F32 and sizeof(mlcm_str) for MLCM_STRING; 0 for a number that is no type. Since 0.1. */
MLCM_API size_t mlcm_dtype_size(mlcm_dtype dtype);

/* Short name of an element type as messages use it: "f32", "i64", "string", "bool"; "unknown" otherwise. Static storage.
 * Since 0.1. */
MLCM_API const char *mlcm_dtype_name(mlcm_dtype dtype);

/* A tensor given to a model: row-major without gaps, borrowed for the call, aligned for its element type. */
typedef struct mlcm_input {
  const char *name; /* NULL: by position */
  const void *data; /* may be NULL only when there are no elements */
  mlcm_dtype dtype;
  int32_t rank;                 /* 0 (one element) to MLCM_MAX_RANK */
  int64_t shape[MLCM_MAX_RANK]; /* the first `rank` count */
} mlcm_input;

/* Where an answer goes: the caller's memory. Before the call: name, data, capacity_bytes, dtype. After a successful call dtype,
 * rank and shape say what was written. dtype 0 takes whatever type the model gives. data NULL asks for dtype and shape only.
 * String elements are mlcm_str: labels of the model point into the model's bytes (alive until the session is closed), strings
 * that came in point into the caller's input, and strings that the model made (a number turned into text) are put into `data`
 * behind the elements, so leave room for them. */
typedef struct mlcm_output {
  const char *name; /* NULL: by position */
  void *data;
  size_t capacity_bytes;
  mlcm_dtype dtype;
  int32_t rank;
  int64_t shape[MLCM_MAX_RANK];
} mlcm_output;

/* Input by position of shape [n_rows, n_columns], row-major, for each of the common element types. `data` is borrowed: it
 * must stay until the run returns. For another shape or a name, set the members. Plain values: nothing to free. Since 0.1. */
MLCM_API mlcm_input mlcm_input_f32(const float *data, int64_t n_rows, int64_t n_columns);
MLCM_API mlcm_input mlcm_input_f64(const double *data, int64_t n_rows, int64_t n_columns);
MLCM_API mlcm_input mlcm_input_i64(const int64_t *data, int64_t n_rows, int64_t n_columns);
MLCM_API mlcm_input mlcm_input_str(const mlcm_str *data, int64_t n_rows, int64_t n_columns);

/* Output by position with room for n_elements (in all, whatever the shape) at `data`, which the caller owns. Since 0.1. */
MLCM_API mlcm_output mlcm_output_f32(float *data, int64_t n_elements);
MLCM_API mlcm_output mlcm_output_f64(double *data, int64_t n_elements);
MLCM_API mlcm_output mlcm_output_i64(int64_t *data, int64_t n_elements);
MLCM_API mlcm_output mlcm_output_str(mlcm_str *data, int64_t n_elements);

/* ---- Sessions ------------------------------------------------------------------------------------------------------ */

/* A loaded model on a backend. Immutable; run from any number of threads at once. */
typedef struct mlcm_session mlcm_session;

/* One file of a model held in memory, e.g. {"model.onnx", ptr, len}. The main model is the only or first file ending in .onnx;
 * others are external data that it names, by paths relative to the model's folder. */
typedef struct mlcm_model_file {
  const char *path;
  const void *data;
  size_t size_bytes;
} mlcm_model_file;

/* A backend's table of functions, see mlcm/backend.h. */
struct mlcm_backend;

/* How to load. Set up with mlcm_session_options_init. */
typedef struct mlcm_session_options {
  size_t struct_size;
  const char *backend;              /* name; NULL: "reference" */
  const struct mlcm_backend *table; /* a backend of the caller's own, which must outlive the session; NULL: one by name */
  uint64_t max_tensor_bytes;        /* a run that needs a larger tensor ends with MLCM_LIMIT; 0: 4 GiB */
  uint64_t max_session_bytes;       /* all memory of the session, see "Limits"; 0: 16 GiB */
  uint64_t reserved[1];
} mlcm_session_options;

/* Sets all members of *options to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_session_options_init(mlcm_session_options *options, size_t size_bytes);

/* Loads a model from memory: reads, checks, and asks the backend to prepare every node.
 * files [n_files]: the structs and paths are borrowed for the call; the bytes that `data` points at must stay, unchanged,
 * until mlcm_session_close (weights and label texts are used in place). No file is ever opened.
 * options: NULL for all defaults. *out is to be closed with mlcm_session_close; it keeps the context alive.
 * MLCM_INVALID_ARGUMENT: NULL where not allowed, no file ends in .onnx, options of a wrong size. MLCM_NOT_FOUND: no backend of
 * that name; external data that is not among the files. MLCM_PARSE: not ONNX, or inconsistent; the message has the field path
 * and byte offset. MLCM_UNSUPPORTED: valid, but an operator, type or form that the backend has not; the message names node,
 * operator, domain and opset, or the input and its element type. MLCM_LIMIT: see "Limits" above. MLCM_NO_MEMORY.
 * Time and memory are linear in the size of the files. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_session_open(mlcm_context *ctx, const mlcm_model_file *files, size_t n_files,
                                                     const mlcm_session_options *options, mlcm_session **out, mlcm_error *err);

/* Frees the session. No run may be under way or begin afterwards. NULL is allowed. Since 0.1. */
MLCM_API void mlcm_session_close(mlcm_session *session);

/* Signature of one input or output; all pointers live as long as the session. An ONNX map that is an input appears as two
 * ports: "NAME.keys" and "NAME.values", both of shape [n]. A sequence of maps (ZipMap) that is an output appears as a
 * tensor [n, n_classes] with its classes. */
typedef struct mlcm_port {
  const char *name;
  mlcm_dtype dtype;             /* 0: known only after a run (outputs whose type the model does not declare) */
  int32_t rank;                 /* -1: unknown */
  int64_t shape[MLCM_MAX_RANK]; /* < 0: free dimension */
  const char *const *classes;   /* ZipMap output: class names or decimal labels in column order; NULL for none */
  size_t n_classes;
} mlcm_port;

/* Number of inputs and of outputs, in the model's order. Inputs that the model gives a value to are left out. Since 0.1. */
MLCM_API size_t mlcm_session_n_inputs(const mlcm_session *session);
MLCM_API size_t mlcm_session_n_outputs(const mlcm_session *session);

/* Signature of input or output i; i must be less than the number (else all members are zero and name is ""). Since 0.1. */
MLCM_API mlcm_port mlcm_session_input(const mlcm_session *session, size_t i);
MLCM_API mlcm_port mlcm_session_output(const mlcm_session *session, size_t i);

/* Runs the model once.
 * inputs [n_inputs]: exactly the model's inputs, in any order when named. outputs [n_outputs]: those that are wanted, each at
 * most once. On failure no output is touched.
 * MLCM_MISMATCH: a name, type, shape or size does not fit; the message shows both sides, e.g. "input 'X' wants f32 [n, 64], got
 * f32 [1, 63]". MLCM_INVALID_ARGUMENT: NULL where not allowed, misaligned data; values that an operator forbids (an index out of
 * range, an unknown category where the model says error). MLCM_UNSUPPORTED: an operator met an element type that it
 * has no code for and that was not known at load. MLCM_LIMIT: max_tensor_bytes or max_session_bytes. MLCM_NO_MEMORY.
 * Thread-safe. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_session_run(mlcm_session *session, const mlcm_input *inputs, size_t n_inputs,
                                                    mlcm_output *outputs, size_t n_outputs, mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
