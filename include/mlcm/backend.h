/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/backend.h - what a backend (CPU reference, CUDA, ...) implements: one append-only table of functions.
 *
 * The host (libmlcm) reads the model, checks it, orders it and owns all tensors. For each node it asks the backend, in this
 * order: supports (can you?), prepare (one-time work: read attributes, pack weights), run (often, from many threads),
 * release. A backend needs nothing but this header:
 *
 *   static mlcm_status twice_run(const mlcm_backend *b, const void *kernel, mlcm_call *call, mlcm_error *err) {
 *     const mlcm_tensor *x = call->inputs[0];
 *     float *y = call->host->output(call, 0, x->dtype, x->rank, x->shape, err);
 *     if (y == NULL) return err->code;
 *     for (int64_t i = 0; i < x->count; i++) y[i] = 2 * ((const float *)x->data)[i];
 *     return MLCM_OK;
 *   }
 *
 * Versions  Both tables begin with struct_size and abi_version. The high 16 bits (major) must be equal on both sides; the low
 *           16 bits may differ: members are only ever appended, and a member beyond struct_size counts as NULL.
 * Threads   supports, prepare and release are called on the thread that opens or closes the session; run from any number of
 *           threads at once with the same kernel, which is therefore read-only. A call belongs to one thread.
 * Errors    As in mlcm/base.h, with one difference: `err` is never NULL here. The host puts the node's name in front.
 */
#ifndef MLCM_BACKEND_H
#define MLCM_BACKEND_H

#include <mlcm/base.h>
#include <mlcm/infer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MLCM_BACKEND_ABI_VERSION ((1u << 16) | 1u)

/* A tensor as kernels see it: row-major without gaps. A map is a tensor of rank 1 with one key an element. */
typedef struct mlcm_tensor {
  mlcm_dtype dtype;
  int32_t rank;
  int64_t shape[MLCM_MAX_RANK];
  int64_t count;        /* product of shape: number of elements */
  void *data;           /* inputs: not to be written */
  const void *keys;     /* maps only: [count] of key_dtype (MLCM_I64 or MLCM_STRING) */
  mlcm_dtype key_dtype; /* 0: not a map */
  uint32_t reserved;
} mlcm_tensor;

/* Kinds of attribute; the numbers are ONNX's AttributeProto.AttributeType. Others never reach a backend. */
enum {
  MLCM_ATTR_FLOAT = 1,
  MLCM_ATTR_INT = 2,
  MLCM_ATTR_STRING = 3,
  MLCM_ATTR_TENSOR = 4,
  MLCM_ATTR_FLOATS = 6,
  MLCM_ATTR_INTS = 7,
  MLCM_ATTR_STRINGS = 8
};

/* One attribute of a node. The arrays and the struct live until prepare returns; string bytes and tensor data live as long as
 * the session. */
typedef struct mlcm_attr {
  mlcm_str name;
  int32_t kind;
  uint32_t reserved;
  size_t n; /* length of floats, ints or strings */
  int64_t i;
  float f;
  mlcm_str s;
  const float *floats;
  const int64_t *ints;
  const mlcm_str *strings;
  const mlcm_tensor *tensor;
} mlcm_attr;

/* One node of the graph, for supports and prepare. Lives until the function returns. */
typedef struct mlcm_node {
  size_t struct_size;
  mlcm_context *ctx;
  mlcm_str name;   /* for messages; the host made one up when the model has none */
  mlcm_str op;     /* "Gemm" */
  mlcm_str domain; /* "ai.onnx" (also for the model's empty domain), "ai.onnx.ml", ... */
  int64_t opset;   /* version of that domain which the model imports */
  size_t n_inputs; /* trailing inputs left out by the model do not count */
  size_t n_outputs;
  const unsigned char *has_input;      /* [n_inputs] 0: an optional input that the model left out */
  const unsigned char *has_output;     /* [n_outputs] 0: nobody wants it */
  const mlcm_tensor *const *constants; /* [n_inputs] value of an input that is a constant (session lifetime), else NULL */
  const mlcm_attr *attrs;
  size_t n_attrs;
  const mlcm_dtype *input_dtypes; /* [n_inputs] element type (of a map: of its values); 0: left out, or not known before a run */
  mlcm_dtype *output_dtypes;      /* [n_outputs] zeros; supports may write what it knows, for the nodes that come after */
  const size_t *input_readers;    /* [n_inputs] how often the graph reads that value: a constant that is packed for each of many
                                   * readers is in memory as often */
} mlcm_node;

/* Options of every kernel's run: what it reads, where it writes, and whom it asks for memory. */
typedef struct mlcm_host mlcm_host;
typedef struct mlcm_call {
  const mlcm_host *host;
  void *run; /* the host's own */
  size_t node;
  size_t n_inputs;
  size_t n_outputs;
  const mlcm_tensor *const *inputs; /* [n_inputs]; NULL: left out */
  mlcm_tensor *const *outputs;      /* [n_outputs]; NULL: not wanted; filled by host->output */
} mlcm_call;

/* What the host does for a backend during run. */
struct mlcm_host {
  uint32_t struct_size;
  uint32_t abi_version;
  /* Gives output i its type and shape and answers memory for its elements (uninitialised, aligned to 64 bytes), or NULL with
   * *err set: MLCM_LIMIT, MLCM_NO_MEMORY. Once for each wanted output; inputs and outputs never overlap. */
  void *(*output)(mlcm_call *call, size_t i, mlcm_dtype dtype, int32_t rank, const int64_t *shape, mlcm_error *err);
  /* Scratch memory until run returns, aligned to 64 bytes; a second request may move the first. NULL with *err set. */
  void *(*scratch)(mlcm_call *call, size_t size_bytes, mlcm_error *err);
  /* Room for the bytes of a new string, kept until the whole run has ended. NULL with *err set. */
  char *(*text)(mlcm_call *call, size_t len, mlcm_error *err);
};

/* The table a backend hands in. */
typedef struct mlcm_backend mlcm_backend;
struct mlcm_backend {
  uint32_t struct_size;
  uint32_t abi_version;
  const char *name; /* "reference" */
  void *user;       /* the backend's own */
  uint64_t flags;   /* 0; capability bits may be added */
  /* MLCM_OK when prepare and run can do this node. Otherwise MLCM_UNSUPPORTED; the host forms the message of a missing operator
   * unless *err was written (err->code != 0) with a better one. */
  mlcm_status (*supports)(const mlcm_backend *backend, const mlcm_node *node, mlcm_error *err);
  /* One-time work. *out_kernel is handed to run and, at the end, to release. When this or run fails, message and sys_code of *err
   * are taken over, behind the node's name; code and kind follow from the status. */
  mlcm_status (*prepare)(const mlcm_backend *backend, const mlcm_node *node, void **out_kernel, mlcm_error *err);
  mlcm_status (*run)(const mlcm_backend *backend, const void *kernel, mlcm_call *call, mlcm_error *err);
  void (*release)(const mlcm_backend *backend, void *kernel);
};

#ifdef __cplusplus
}
#endif
#endif
