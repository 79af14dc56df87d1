/* SPDX-License-Identifier: Apache-2.0
 *
 * reference.h - the inside of the reference backend: its kernels, its table of operators, and the tools they share.
 *
 * The reference backend is the one others are checked against. Numbers are read into lanes of double (floating types) or
 * 64-bit integers, worked on there, and rounded once on the way out; sums run in a fixed order. So every operator is
 * written once for all element types, and a row's answer never depends on its batch.
 */
#ifndef MLCM_INFER_REFERENCE_H
#define MLCM_INFER_REFERENCE_H

#include <mlcm/backend.h>

#include "base/arena.h"

/* ---- Kernels and operators ---- */

typedef struct mlcm__ref_kernel mlcm__ref_kernel;
typedef struct mlcm__ref_op mlcm__ref_op;

typedef mlcm_status mlcm__ref_prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err);
typedef mlcm_status mlcm__ref_run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err);

/* A node that is ready to run. Read-only after prepare. */
struct mlcm__ref_kernel {
  const mlcm__ref_op *op;
  int64_t opset;
  void *data; /* the operator's own, in `arena` */
  mlcm__arena arena;
};

enum { MLCM__REF_CORE = 0, MLCM__REF_ML = 1 };

/* One operator, for the opsets since..until of its domain (until 0: all later ones that are known). */
struct mlcm__ref_op {
  const char *name;
  int domain;
  int since, until;
  int min_inputs, max_inputs; /* max -1: any number */
  mlcm__ref_prepare *prepare; /* NULL: nothing to do */
  mlcm__ref_run *run;
  const void *variant; /* what tells operators of one family apart */
  size_t max_outputs;  /* 0: one */
};

typedef struct mlcm__ref_family {
  const mlcm__ref_op *ops;
  size_t n;
} mlcm__ref_family;

extern const mlcm__ref_family mlcm__ref_unary_family, mlcm__ref_binary_family, mlcm__ref_variadic_family, mlcm__ref_reduce_family,
    mlcm__ref_matmul_family, mlcm__ref_shape_family, mlcm__ref_move_family, mlcm__ref_gather_family, mlcm__ref_scatter_family,
    mlcm__ref_cast_family, mlcm__ref_softmax_family, mlcm__ref_norm_family, mlcm__ref_select_family, mlcm__ref_make_family,
    mlcm__ref_tree_family, mlcm__ref_linear_family, mlcm__ref_svm_family, mlcm__ref_scale_family, mlcm__ref_encode_family,
    mlcm__ref_label_family, mlcm__ref_map_family, mlcm__ref_text_family;

/* Memory of a kernel, zeroed. NULL with *err set. */
void *mlcm__ref_keep(mlcm__ref_kernel *k, size_t count, size_t size, mlcm_error *err);

/* ---- Attributes: a reader whose first failure sticks ---- */

typedef struct mlcm__ref_reader {
  const mlcm_node *node;
  mlcm_error *err;
  mlcm_status st;
} mlcm__ref_reader;

mlcm__ref_reader mlcm__ref_read(const mlcm_node *node, mlcm_error *err);
const mlcm_attr *mlcm__ref_attr(const mlcm_node *node, const char *name); /* NULL when absent */
int64_t mlcm__ref_int(mlcm__ref_reader *r, const char *name, int64_t fallback);
double mlcm__ref_float(mlcm__ref_reader *r, const char *name, double fallback);
mlcm_str mlcm__ref_text(mlcm__ref_reader *r, const char *name, const char *fallback);
const int64_t *mlcm__ref_ints(mlcm__ref_reader *r, const char *name, size_t *n); /* NULL, *n 0 when absent */
const float *mlcm__ref_floats(mlcm__ref_reader *r, const char *name, size_t *n);
const mlcm_str *mlcm__ref_strings(mlcm__ref_reader *r, const char *name, size_t *n);
const mlcm_tensor *mlcm__ref_tensor(mlcm__ref_reader *r, const char *name);
/* FLOATS attribute `name`, or TENSOR attribute `name_as_tensor` of f32 or f64, as doubles in the kernel's memory. */
const double *mlcm__ref_doubles(mlcm__ref_reader *r, mlcm__ref_kernel *k, const char *name, const char *tensor_name, size_t *n);
bool mlcm__ref_text_is(mlcm_str text, const char *word);

/* ---- Lanes ---- */

enum { MLCM__BLOCK = 128 };

/* What an element type is worked on as. */
enum { MLCM__LANE_F = 1, MLCM__LANE_I = 2, MLCM__LANE_U = 3, MLCM__LANE_S = 4 };

typedef union mlcm__lanes {
  double f[MLCM__BLOCK];
  int64_t i[MLCM__BLOCK]; /* of unsigned types: the bits */
  uint64_t u[MLCM__BLOCK];
} mlcm__lanes;

int mlcm__lane_kind(mlcm_dtype dtype); /* bool is LANE_I: 0 or 1 */

/* n elements from `at` on, `step` apart. load_f64 converts every number type, load_i64 all but the floating ones. */
void mlcm__load_f64(double *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n);
void mlcm__load_i64(int64_t *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n);
void mlcm__load(mlcm__lanes *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n); /* by kind; n <= MLCM__BLOCK */

/* n elements to data[at ...]. Floating types round to nearest even; integers keep the low bits. */
void mlcm__store_f64(mlcm_dtype dtype, void *data, int64_t at, const double *in, int64_t n);
void mlcm__store_i64(mlcm_dtype dtype, void *data, int64_t at, const int64_t *in, int64_t n);
void mlcm__store(mlcm_dtype dtype, void *data, int64_t at, const mlcm__lanes *in, int64_t n);

/* Double to an integer type's range: truncates, saturates, NaN is 0. */
int64_t mlcm__f64_to_int(mlcm_dtype dtype, double value);

/* ---- Shapes ---- */

/* Steps (in elements) of a row-major tensor. */
void mlcm__steps_of(int32_t rank, const int64_t *shape, int64_t *out);
/* Shape that a and b broadcast to. MLCM_INVALID_ARGUMENT shows both. */
mlcm_status mlcm__broadcast(int32_t *rank, int64_t *shape, const mlcm_tensor *t, mlcm_error *err);
/* Steps of t seen as a tensor of that larger shape: 0 along what is repeated. */
void mlcm__broadcast_steps(const mlcm_tensor *t, int32_t rank, int64_t *out);
/* Negative counts from the end. */
mlcm_status mlcm__ref_axis(int64_t axis, int32_t rank, int32_t *out, mlcm_error *err);
int64_t mlcm__product(const int64_t *shape, int32_t from, int32_t to);
/* "[2, 3]" for messages. */
const char *mlcm__shape_text(char out[120], int32_t rank, const int64_t *shape);
/* Elements of a rank 0 or 1 tensor of i32 or i64. */
mlcm_status mlcm__ref_index_list(const mlcm_tensor *t, const char *what, int64_t *out, size_t cap, size_t *n, mlcm_error *err);

/* Walks the rows of a shape for up to three operands at once: at[k] is where the row begins, step[k] its inner step. */
enum { MLCM__WALK = 3 };
typedef struct mlcm__walk {
  int32_t rank;
  int n_operands;
  bool started;
  int64_t shape[MLCM_MAX_RANK], index[MLCM_MAX_RANK];
  int64_t steps[MLCM__WALK][MLCM_MAX_RANK];
  int64_t at[MLCM__WALK], step[MLCM__WALK];
  int64_t inner; /* elements of a row */
} mlcm__walk;
void mlcm__walk_start(mlcm__walk *w, int32_t rank, const int64_t *shape, int n_operands, const int64_t *const *steps);
bool mlcm__walk_row(mlcm__walk *w);

/* Copies a box of elements of `size` bytes between two strided places. Positions and steps in elements. */
typedef struct mlcm__place {
  void *data; /* a source is only read */
  int64_t at;
  int64_t steps[MLCM_MAX_RANK];
} mlcm__place;
void mlcm__move(size_t size, int32_t rank, const int64_t *shape, const mlcm__place *to, const mlcm__place *from);

/* Output 0 with the type and shape of `like`. */
void *mlcm__ref_output_like(mlcm_call *call, const mlcm_tensor *like, mlcm_error *err);
/* A whole tensor copied to output i under another shape. */
mlcm_status mlcm__ref_copy_out(mlcm_call *call, size_t i, const mlcm_tensor *t, int32_t rank, const int64_t *shape,
                               mlcm_error *err);
mlcm_status mlcm__ref_wrong_dtype(const mlcm_tensor *t, mlcm_error *err);

/* Input i, or NULL when it was left out. */
static inline const mlcm_tensor *mlcm__ref_input(const mlcm_call *call, size_t i) {
  return i < call->n_inputs ? call->inputs[i] : NULL;
}

static inline bool mlcm__ref_wants(const mlcm_call *call, size_t i) { return i < call->n_outputs && call->outputs[i] != NULL; }

/* ---- Rows of features, as the ai.onnx.ml operators see their input: [n] is one row ---- */

typedef struct mlcm__rows {
  const mlcm_tensor *t;
  int64_t n, width;
} mlcm__rows;
mlcm_status mlcm__ref_rows(const mlcm_tensor *t, mlcm__rows *out, mlcm_error *err);

/* ---- Lookup of keys (lookup.c) ---- */

/* Finds the position of a key among many; the last of equal ones counts for strings and ints alike. */
typedef struct mlcm__lookup mlcm__lookup;
mlcm_status mlcm__lookup_strings(mlcm__ref_kernel *k, const mlcm_str *keys, size_t n, const mlcm__lookup **out, mlcm_error *err);
mlcm_status mlcm__lookup_ints(mlcm__ref_kernel *k, const int64_t *keys, size_t n, const mlcm__lookup **out, mlcm_error *err);
mlcm_status mlcm__lookup_floats(mlcm__ref_kernel *k, const double *keys, size_t n, const mlcm__lookup **out, mlcm_error *err);
int64_t mlcm__lookup_string(const mlcm__lookup *l, mlcm_str key); /* -1: not there */
int64_t mlcm__lookup_int(const mlcm__lookup *l, int64_t key);
int64_t mlcm__lookup_float(const mlcm__lookup *l, double key); /* NaN equals NaN, -0 equals 0 */

/* ---- Post transforms of classifiers (post.c) ---- */

enum { MLCM__POST_NONE = 0, MLCM__POST_SOFTMAX, MLCM__POST_LOGISTIC, MLCM__POST_SOFTMAX_ZERO, MLCM__POST_PROBIT };
int mlcm__ref_post(mlcm__ref_reader *r);
void mlcm__post_apply(int post, double *scores, int64_t n);

/* Class labels: strings or int64s. */
typedef struct mlcm__labels {
  const int64_t *ints;
  const mlcm_str *strings;
  int64_t n;
} mlcm__labels;
mlcm_status mlcm__ref_labels(mlcm__ref_reader *r, mlcm__ref_kernel *k, const char *ints, const char *strings, mlcm__labels *out);
void mlcm__label_store(const mlcm__labels *labels, void *out, int64_t row, int64_t class_index);

#endif
