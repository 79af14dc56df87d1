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

/* What prepare works with: the node, and memory that lives as long as the kernel. The first failure sticks: lists that are read
 * after it are empty and what is kept is NULL, so that an operator looks at `st` only before it goes through what it kept. */
typedef struct mlcm__ref_reader {
  const mlcm_node *node;
  mlcm__arena *arena;
  mlcm_error *err;
  mlcm_status st;
} mlcm__ref_reader;

typedef void mlcm__ref_prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r);
typedef mlcm_status mlcm__ref_run(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err);
/* The type of output i, from the attributes and the inputs' types; 0: not known. */
typedef mlcm_dtype mlcm__ref_gives(const mlcm_node *node, size_t i);

/* A node that is ready to run. Read-only after prepare. */
struct mlcm__ref_kernel {
  const mlcm__ref_op *op;
  int64_t opset;
  void *data; /* the operator's own: op->data_bytes, zeroed before prepare */
  mlcm__arena arena;
};

enum { MLCM__REF_CORE = 0, MLCM__REF_ML = 1 };

/* Sets of element types. SAME is the type of input 0, SAME_AS_1 that of input 1. */
enum {
  MLCM__REALS = 1 << MLCM_F16 | 1 << MLCM_BF16 | 1 << MLCM_F32 | 1 << MLCM_F64,
  MLCM__SIGNED = 1 << MLCM_I8 | 1 << MLCM_I16 | 1 << MLCM_I32 | 1 << MLCM_I64,
  MLCM__UNSIGNED = 1 << MLCM_U8 | 1 << MLCM_U16 | 1 << MLCM_U32 | 1 << MLCM_U64,
  MLCM__NUMBERS = MLCM__REALS | MLCM__SIGNED | MLCM__UNSIGNED,
  MLCM__BOOLS = 1 << MLCM_BOOL,
  MLCM__TEXTS = 1 << MLCM_STRING,
  MLCM__ANY = MLCM__NUMBERS | MLCM__BOOLS | MLCM__TEXTS,
  MLCM__INDEX = 1 << MLCM_I32 | 1 << MLCM_I64,
  MLCM__I64S = 1 << MLCM_I64,
  MLCM__SAME = 1 << 29,
  MLCM__SAME_AS_1 = 1 << 30
};

/* Type of an output: an mlcm_dtype, or that of an input. */
enum { MLCM__LIKE_0 = -1, MLCM__LIKE_1 = -2, MLCM__LIKE_2 = -3 };

enum { MLCM__REF_TAKES = 4, MLCM__REF_GIVES = 3 };

/* One operator, for the opsets since..until of its domain (until 0: all later ones that are known). */
struct mlcm__ref_op {
  const char *name;
  int domain;
  int since, until;
  int min_inputs, max_inputs;     /* max -1: any number */
  size_t max_outputs;             /* 0: one */
  int32_t takes[MLCM__REF_TAKES]; /* sets of types an input may be of; the last one given is for all further inputs */
  int32_t gives[MLCM__REF_GIVES]; /* types of the outputs; 0: not known */
  mlcm__ref_gives *gives_by;      /* instead of `gives` */
  size_t data_bytes;              /* of kernel->data */
  mlcm__ref_prepare *prepare;     /* NULL: nothing to do */
  mlcm__ref_run *run;
  const void *variant; /* what tells operators of one family apart */
};

/* How most rows begin. */
#define MLCM__REF_OP(name_, since_, min_, max_) .name = name_, .since = since_, .min_inputs = min_, .max_inputs = max_

/* Has the operator code for this type of input i? 0, which is not known yet, passes. `first`: the types of inputs 0 and 1.
 * MLCM_UNSUPPORTED names the input and what would do. */
mlcm_status mlcm__ref_check_type(const mlcm__ref_op *op, size_t i, mlcm_dtype dtype, const mlcm_dtype first[2], mlcm_error *err);
/* The type of output i where it follows from the inputs' types and the attributes, else 0. */
mlcm_dtype mlcm__ref_output_type(const mlcm__ref_op *op, const mlcm_node *node, size_t i);

typedef struct mlcm__ref_family {
  const mlcm__ref_op *ops;
  size_t n;
} mlcm__ref_family;

extern const mlcm__ref_family mlcm__ref_unary_family, mlcm__ref_binary_family, mlcm__ref_variadic_family, mlcm__ref_reduce_family,
    mlcm__ref_matmul_family, mlcm__ref_shape_family, mlcm__ref_move_family, mlcm__ref_slice_family, mlcm__ref_pad_family,
    mlcm__ref_gather_family, mlcm__ref_scatter_family, mlcm__ref_cast_family, mlcm__ref_softmax_family, mlcm__ref_norm_family,
    mlcm__ref_select_family, mlcm__ref_make_family, mlcm__ref_tree_family, mlcm__ref_linear_family, mlcm__ref_svm_family,
    mlcm__ref_scale_family, mlcm__ref_encode_family, mlcm__ref_label_family, mlcm__ref_map_family, mlcm__ref_text_family;

/* ---- For prepare (attrs.c) ---- */

/* The first failure. */
void mlcm__ref_bad(mlcm__ref_reader *r, mlcm_status code, const char *format, ...) MLCM_PRINTF(3, 4);
/* Memory of the kernel, zeroed; NULL when there is none. */
void *mlcm__ref_keep(mlcm__ref_reader *r, size_t count, size_t size);
void *mlcm__ref_keep_copy(mlcm__ref_reader *r, const void *source, size_t count, size_t size);

const mlcm_attr *mlcm__ref_attr(const mlcm_node *node, const char *name); /* NULL when absent */
int64_t mlcm__ref_int(mlcm__ref_reader *r, const char *name, int64_t fallback);
bool mlcm__ref_flag(mlcm__ref_reader *r, const char *name, bool fallback);
double mlcm__ref_float(mlcm__ref_reader *r, const char *name, double fallback);
mlcm_str mlcm__ref_text(mlcm__ref_reader *r, const char *name, const char *fallback);
/* Position of a text attribute among `words`, of which the first is the default. Another word fails with MLCM_PARSE. */
int mlcm__ref_choice(mlcm__ref_reader *r, const char *name, const char *const *words, int n);
const int64_t *mlcm__ref_ints(mlcm__ref_reader *r, const char *name, size_t *n); /* NULL, *n 0 when absent */
const float *mlcm__ref_floats(mlcm__ref_reader *r, const char *name, size_t *n);
const mlcm_str *mlcm__ref_strings(mlcm__ref_reader *r, const char *name, size_t *n);
const mlcm_tensor *mlcm__ref_tensor(mlcm__ref_reader *r, const char *name);
/* FLOATS attribute `name`, or TENSOR attribute `tensor_name` of a floating type, as doubles in the kernel's memory. */
const double *mlcm__ref_doubles(mlcm__ref_reader *r, const char *name, const char *tensor_name, size_t *n);
bool mlcm__ref_text_is(mlcm_str text, const char *word);

/* A short list of ints: axes, pads, steps. */
typedef struct mlcm__int_list {
  bool given;
  size_t n;
  int64_t at[2 * MLCM_MAX_RANK];
} mlcm__int_list;
/* From an INTS attribute; no more than `cap` elements. */
void mlcm__ref_int_list(mlcm__ref_reader *r, const char *name, size_t cap, mlcm__int_list *out);

/* Most operators have but an axis: kernel->data is an int64_t, op->variant points to the default. */
void mlcm__ref_prepare_axis(mlcm__ref_kernel *k, mlcm__ref_reader *r);
extern const int64_t mlcm__ref_axis_first, mlcm__ref_axis_second, mlcm__ref_axis_last; /* 0, 1, -1 */

/* ---- Lanes ---- */

enum { MLCM__BLOCK = 128 };

/* What an element type is worked on as; tables of functions are indexed by the first three. */
enum { MLCM__LANE_F = 0, MLCM__LANE_I = 1, MLCM__LANE_U = 2, MLCM__LANE_S = 3 };
enum { MLCM__NUMBER_LANES = 3 };

typedef union mlcm__lanes {
  double f[MLCM__BLOCK];
  int64_t i[MLCM__BLOCK]; /* of unsigned types: the bits */
  uint64_t u[MLCM__BLOCK];
} mlcm__lanes;

int mlcm__lane_kind(mlcm_dtype dtype); /* bool is LANE_I: 0 or 1 */
static inline bool mlcm__is_real(mlcm_dtype dtype) { return mlcm__lane_kind(dtype) == MLCM__LANE_F; }
static inline int64_t mlcm__block_of(int64_t left) { return left < MLCM__BLOCK ? left : MLCM__BLOCK; }

/* n elements from `at` on, `step` apart. load_f64 converts every number type, load_i64 all but the floating ones. */
void mlcm__load_f64(double *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n);
void mlcm__load_i64(int64_t *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n);
void mlcm__load(mlcm__lanes *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n); /* by kind; n <= MLCM__BLOCK */

/* n elements to data[at ...]. Floating types round to nearest even; integers keep the low bits. */
void mlcm__store_f64(mlcm_dtype dtype, void *data, int64_t at, const double *in, int64_t n);
void mlcm__store_i64(mlcm_dtype dtype, void *data, int64_t at, const int64_t *in, int64_t n);
void mlcm__store(mlcm_dtype dtype, void *data, int64_t at, const mlcm__lanes *in, int64_t n);

/* To every step-th element of a floating type. */
void mlcm__store_line(mlcm_dtype dtype, void *data, int64_t at, int64_t step, const double *in, int64_t n);

/* Element i alone. */
double mlcm__f64_at(const mlcm_tensor *t, int64_t i);                         /* of any number type */
int64_t mlcm__i64_at(const mlcm_tensor *t, int64_t i);                        /* of any but the floating ones */
int64_t mlcm__int_at(const mlcm_tensor *t, int64_t i);                        /* of any number type: truncates */
void mlcm__put_number(mlcm_dtype dtype, void *data, int64_t i, double value); /* into any number type */

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
/* Elements of a list of i32 or i64, no more than `cap`. `t` NULL leaves *out as it is. */
mlcm_status mlcm__ref_index_list(const mlcm_tensor *t, const char *what, size_t cap, mlcm__int_list *out, mlcm_error *err);
/* The one number of an input of one element. */
mlcm_status mlcm__ref_one_int(const mlcm_tensor *t, const char *what, int64_t *out, mlcm_error *err);
/* Index i of `t`, in 0 ... size-1; negative ones count from the end. */
mlcm_status mlcm__ref_index_at(const mlcm_tensor *t, int64_t i, int64_t size, int64_t *out, mlcm_error *err);
/* Steps on to the next index of a row-major box; around to zeros at the end. */
void mlcm__index_next(int64_t *index, int32_t rank, const int64_t *shape);

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

/* Up to three tensors broadcast to one shape and walked together; row after row is the order of the result. */
typedef struct mlcm__together {
  int32_t rank;
  int64_t shape[MLCM_MAX_RANK];
  mlcm__walk walk;
} mlcm__together;
mlcm_status mlcm__walk_together(mlcm__together *out, int n, const mlcm_tensor *const *t, mlcm_error *err);

/* A tensor as lines along one axis: element j of line i stands at mlcm__line_start + j * step. */
typedef struct mlcm__lines {
  int64_t n_lines, length, step;
} mlcm__lines;
mlcm__lines mlcm__lines_along(const mlcm_tensor *t, int32_t axis);
static inline int64_t mlcm__line_start(const mlcm__lines *l, int64_t line, int64_t length) {
  return line / l->step * length * l->step + line % l->step;
}

/* Copies a box of elements of `size` bytes between two strided places. Positions and steps in elements. */
typedef struct mlcm__place {
  void *data; /* a source is only read */
  int64_t at;
  int64_t steps[MLCM_MAX_RANK];
} mlcm__place;
mlcm__place mlcm__place_whole(const mlcm_tensor *t);
void mlcm__move(size_t size, int32_t rank, const int64_t *shape, const mlcm__place *to, const mlcm__place *from);

/* Scratch for n numbers of 8 bytes. */
double *mlcm__ref_scratch(mlcm_call *call, int64_t n, mlcm_error *err);
/* Output i where it is wanted, with *out NULL where it is not. */
mlcm_status mlcm__ref_output_if(mlcm_call *call, size_t i, mlcm_dtype dtype, int32_t rank, const int64_t *shape, void **out,
                                mlcm_error *err);
/* Output 0 with the type and shape of `like`. */
void *mlcm__ref_output_like(mlcm_call *call, const mlcm_tensor *like, mlcm_error *err);
/* A whole tensor copied to output i under another shape. */
mlcm_status mlcm__ref_copy_out(mlcm_call *call, size_t i, const mlcm_tensor *t, int32_t rank, const int64_t *shape,
                               mlcm_error *err);
mlcm_status mlcm__ref_rank_limit(int32_t rank, mlcm_error *err);

/* Input i, or NULL when it was left out. */
static inline const mlcm_tensor *mlcm__ref_input(const mlcm_call *call, size_t i) {
  return i < call->n_inputs ? call->inputs[i] : NULL;
}

static inline bool mlcm__ref_wants(const mlcm_call *call, size_t i) { return i < call->n_outputs && call->outputs[i] != NULL; }

/* ---- Text (text.c) ---- */

bool mlcm__same_text(mlcm_str a, mlcm_str b);
mlcm_status mlcm__ref_no_number(mlcm_str text, mlcm_error *err);
/* A copy of `text` that lasts as long as the run. */
mlcm_status mlcm__ref_make_text(mlcm_call *call, const char *text, mlcm_str *out, mlcm_error *err);

/* ---- Rows of features, as the ai.onnx.ml operators see their input: [n] is one row ---- */

typedef struct mlcm__rows {
  const mlcm_tensor *t;
  int64_t n, width;
} mlcm__rows;
mlcm_status mlcm__ref_rows(const mlcm_tensor *t, mlcm__rows *out, mlcm_error *err);
/* The same where rows must have as many features as the model: n_features. */
mlcm_status mlcm__ref_rows_of(const mlcm_tensor *t, int64_t n_features, mlcm__rows *out, mlcm_error *err);

/* ---- Lookup of keys (lookup.c) ---- */

/* Finds the position of a key among many; the last of equal ones counts for strings and ints alike. The keys must live as long as
 * the kernel. */
typedef struct mlcm__lookup mlcm__lookup;
const mlcm__lookup *mlcm__lookup_strings(mlcm__ref_reader *r, const mlcm_str *keys, size_t n);
const mlcm__lookup *mlcm__lookup_ints(mlcm__ref_reader *r, const int64_t *keys, size_t n);
const mlcm__lookup *mlcm__lookup_floats(mlcm__ref_reader *r, const double *keys, size_t n);
int64_t mlcm__lookup_string(const mlcm__lookup *l, mlcm_str key); /* -1: not there */
int64_t mlcm__lookup_int(const mlcm__lookup *l, int64_t key);
int64_t mlcm__lookup_float(const mlcm__lookup *l, double key); /* NaN equals NaN, -0 equals 0 */

/* ---- Post transforms of classifiers (post.c) ---- */

enum { MLCM__POST_NONE = 0, MLCM__POST_SOFTMAX, MLCM__POST_LOGISTIC, MLCM__POST_SOFTMAX_ZERO, MLCM__POST_PROBIT };
int mlcm__ref_post(mlcm__ref_reader *r);
void mlcm__post_apply(int post, double *scores, int64_t n);

/* Class labels, categories, vocabularies: strings or int64s. */
typedef struct mlcm__labels {
  const int64_t *ints;
  const mlcm_str *strings;
  int64_t n;
} mlcm__labels;
/* From two attributes of which exactly one must be there. `what` names them in a message. */
void mlcm__ref_labels(mlcm__ref_reader *r, const char *what, const char *ints, const char *strings, mlcm__labels *out);
const mlcm__lookup *mlcm__lookup_labels(mlcm__ref_reader *r, const mlcm__labels *labels);
static inline mlcm_dtype mlcm__label_dtype(const mlcm__labels *labels) {
  return labels->strings != NULL ? MLCM_STRING : MLCM_I64;
}
void mlcm__label_store(const mlcm__labels *labels, void *out, int64_t row, int64_t class_index);
/* What a classifier gives: labels [n] and scores [n, n_scores] as f32; NULL where not wanted. */
typedef struct mlcm__verdicts {
  void *labels, *scores;
} mlcm__verdicts;
mlcm_status mlcm__ref_verdicts(mlcm_call *call, const mlcm__labels *labels, int64_t n, int64_t n_scores, mlcm__verdicts *out,
                               mlcm_error *err);
void mlcm__verdict_store(const mlcm__verdicts *v, const mlcm__labels *labels, int64_t row, int64_t best, const double *scores,
                         int64_t n_scores);
mlcm_dtype mlcm__ref_gives_verdicts(const mlcm_node *node, size_t i);

#endif
