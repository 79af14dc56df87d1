/* SPDX-License-Identifier: Apache-2.0
 *
 * scale.c - ai.onnx.ml's operators on rows of features: Scaler, Normalizer, Imputer, Binarizer, FeatureVectorizer.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

/* ---- Scaler: (x - offset) * scale, as f32 ---- */

typedef struct scaler {
  const double *offset, *scale;
  size_t n_offset, n_scale; /* 0: none, 1: for all columns, else one a column */
} scaler;

static void prepare_scaler(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  scaler *p = k->data;
  p->offset = mlcm__ref_doubles(r, "offset", NULL, &p->n_offset);
  p->scale = mlcm__ref_doubles(r, "scale", NULL, &p->n_scale);
}

static mlcm_status check_width(const char *what, size_t n, int64_t width, mlcm_error *err) {
  if (n <= 1 || (int64_t)n == width) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' has %zu values for %lld columns", what, n, (long long)width);
}

/* Rows in as doubles, out as f32: `change` works on one. */
typedef void row_fn(const mlcm__ref_kernel *k, double *row, int64_t width);

static mlcm_status run_rows(const mlcm__ref_kernel *k, mlcm_call *call, const mlcm__rows *x, row_fn *change, mlcm_error *err) {
  void *out = call->host->output(call, 0, MLCM_F32, x->t->rank, x->t->shape, err);
  if (out == NULL) return err->code;
  double *row = mlcm__ref_scratch(call, x->width, err);
  if (row == NULL) return err->code;
  for (int64_t i = 0; x->t->count > 0 && i < x->n; i++) {
    mlcm__load_f64(row, x->t, i * x->width, 1, x->width);
    change(k, row, x->width);
    mlcm__store_f64(MLCM_F32, out, i * x->width, row, x->width);
  }
  return MLCM_OK;
}

static void scale_row(const mlcm__ref_kernel *k, double *row, int64_t width) {
  const scaler *p = k->data;
  for (int64_t j = 0; j < width; j++) {
    if (p->n_offset > 0) row[j] -= p->offset[p->n_offset == 1 ? 0 : j];
    if (p->n_scale > 0) row[j] *= p->scale[p->n_scale == 1 ? 0 : j];
  }
}

static mlcm_status run_scaler(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const scaler *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (!st) st = check_width("offset", p->n_offset, x.width, err);
  if (!st) st = check_width("scale", p->n_scale, x.width, err);
  return st ? st : run_rows(k, call, &x, scale_row, err);
}

/* ---- Normalizer, as f32 ---- */

enum { NORM_MAX, NORM_L1, NORM_L2 };

static void prepare_normalizer(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  static const char *const names[] = {[NORM_MAX] = "MAX", [NORM_L1] = "L1", [NORM_L2] = "L2"};
  *(int *)k->data = mlcm__ref_choice(r, "norm", names, 3);
}

static double size_of(int norm, const double *row, int64_t n) {
  double size = norm == NORM_MAX ? -INFINITY : 0;
  for (int64_t j = 0; j < n; j++) {
    if (norm == NORM_MAX)
      size = row[j] > size ? row[j] : size;
    else
      size += norm == NORM_L1 ? fabs(row[j]) : row[j] * row[j];
  }
  return norm == NORM_L2 ? sqrt(size) : size;
}

static void normalize_row(const mlcm__ref_kernel *k, double *row, int64_t width) {
  double size = size_of(*(const int *)k->data, row, width);
  for (int64_t j = 0; size != 0 && j < width; j++) row[j] /= size;
}

static mlcm_status run_normalizer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  return st ? st : run_rows(k, call, &x, normalize_row, err);
}

/* ---- Imputer ---- */

typedef struct imputer {
  const double *values;
  const int64_t *int_values; /* NULL: floats are imputed */
  size_t n;
  double replaced;
  int64_t int_replaced;
} imputer;

static mlcm_status check_imputed(const imputer *p, mlcm_dtype dtype, mlcm_error *err) {
  if (dtype == 0 || mlcm__is_real(dtype) == (p->int_values == NULL)) return MLCM_OK;
  return mlcm__fail(err, MLCM_UNSUPPORTED, "the imputed values are %s, the input is %s",
                    p->int_values != NULL ? "ints" : "floats", mlcm_dtype_name(dtype));
}

static void prepare_imputer(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  imputer *p = k->data;
  size_t n_floats = 0, n_ints = 0;
  p->values = mlcm__ref_doubles(r, "imputed_value_floats", NULL, &n_floats);
  const int64_t *ints = mlcm__ref_ints(r, "imputed_value_int64s", &n_ints);
  p->replaced = mlcm__ref_float(r, "replaced_value_float", 0);
  p->int_replaced = mlcm__ref_int(r, "replaced_value_int64", 0);
  if ((n_floats == 0) == (n_ints == 0)) mlcm__ref_bad(r, MLCM_PARSE, "imputed values must be given either as floats or as ints");
  if (n_ints > 0) p->int_values = mlcm__ref_keep_copy(r, ints, n_ints, sizeof *ints);
  p->n = n_ints > 0 ? n_ints : n_floats;
  if (r->st == MLCM_OK) r->st = check_imputed(p, r->node->input_dtypes[0], r->err);
}

static void impute_floats(const imputer *p, const mlcm__rows *x, void *out) {
  for (int64_t at = 0; at < x->t->count; at++) {
    double value = mlcm__f64_at(x->t, at);
    bool missing = isnan(p->replaced) ? isnan(value) != 0 : value == p->replaced;
    if (missing) value = p->values[p->n == 1 ? 0 : at % x->width];
    mlcm__store_f64(x->t->dtype, out, at, &value, 1);
  }
}

static void impute_ints(const imputer *p, const mlcm__rows *x, void *out) {
  for (int64_t at = 0; at < x->t->count; at++) {
    int64_t value = mlcm__i64_at(x->t, at);
    if (value == p->int_replaced) value = p->int_values[p->n == 1 ? 0 : at % x->width];
    mlcm__store_i64(x->t->dtype, out, at, &value, 1);
  }
}

static mlcm_status run_imputer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const imputer *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (!st) st = check_width("imputed_value", p->n, x.width, err);
  if (!st) st = check_imputed(p, x.t->dtype, err);
  if (st) return st;
  void *out = mlcm__ref_output_like(call, x.t, err);
  if (out == NULL) return err->code;
  if (p->int_values != NULL)
    impute_ints(p, &x, out);
  else
    impute_floats(p, &x, out);
  return MLCM_OK;
}

/* ---- Binarizer ---- */

static void prepare_binarizer(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  *(double *)k->data = mlcm__ref_float(r, "threshold", 0);
}

static mlcm_status run_binarizer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const double threshold = *(const double *)k->data;
  const mlcm_tensor *x = call->inputs[0];
  void *out = mlcm__ref_output_like(call, x, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x->count; i++) mlcm__put_number(x->dtype, out, i, mlcm__f64_at(x, i) > threshold);
  return MLCM_OK;
}

/* ---- FeatureVectorizer: columns of all inputs side by side, as f32 ---- */

typedef struct vectorizer {
  const int64_t *widths;
  int64_t total;
} vectorizer;

static void prepare_vectorizer(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  vectorizer *p = k->data;
  size_t n = 0;
  const int64_t *widths = mlcm__ref_ints(r, "inputdimensions", &n);
  if (n != r->node->n_inputs)
    mlcm__ref_bad(r, MLCM_PARSE, "'inputdimensions' has %zu values for %zu inputs", n, r->node->n_inputs);
  for (size_t i = 0; i < n; i++)
    if (widths[i] < 0 || __builtin_add_overflow(p->total, widths[i], &p->total))
      mlcm__ref_bad(r, MLCM_PARSE, "'inputdimensions' is out of range");
  p->widths = mlcm__ref_keep_copy(r, widths, n, sizeof *widths);
}

/* How many rows all inputs have. */
static mlcm_status common_rows(const mlcm_call *call, int64_t *out, mlcm_error *err) {
  for (size_t i = 0; i < call->n_inputs; i++) {
    mlcm__rows x;
    mlcm_status st = mlcm__ref_rows(call->inputs[i], &x, err);
    if (st) return st;
    if (i > 0 && x.n != *out)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "input %zu has %lld rows, the ones before %lld", i, (long long)x.n,
                        (long long)*out);
    *out = x.n;
  }
  return MLCM_OK;
}

static mlcm_status run_vectorizer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const vectorizer *p = k->data;
  int64_t rows = 0, column = 0;
  mlcm_status st = common_rows(call, &rows, err);
  if (st) return st;
  float *out = call->host->output(call, 0, MLCM_F32, 2, (const int64_t[]){rows, p->total}, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)call->outputs[0]->count * sizeof *out);
  for (size_t i = 0; i < call->n_inputs; i++) {
    const mlcm_tensor *x = call->inputs[i];
    int64_t width = x->shape[x->rank - 1], used = width < p->widths[i] ? width : p->widths[i];
    for (int64_t at = 0; used > 0 && at < rows * used; at++) {
      int64_t row = at / used, j = at % used;
      out[row * p->total + column + j] = (float)mlcm__f64_at(x, row * width + j);
    }
    column += p->widths[i];
  }
  return MLCM_OK;
}

#define OP(name_, max, gives_, data, prepare_, run_)                                                                             \
  {.name = name_,                                                                                                                \
   .domain = MLCM__REF_ML,                                                                                                       \
   .since = 1,                                                                                                                   \
   .min_inputs = 1,                                                                                                              \
   .max_inputs = max,                                                                                                            \
   .takes = {MLCM__NUMBERS},                                                                                                     \
   .gives = {gives_},                                                                                                            \
   .data_bytes = sizeof(data),                                                                                                   \
   .prepare = prepare_,                                                                                                          \
   .run = run_}

static const mlcm__ref_op OPS[] = {
    OP("Scaler", 1, MLCM_F32, scaler, prepare_scaler, run_scaler),
    OP("Normalizer", 1, MLCM_F32, int, prepare_normalizer, run_normalizer),
    OP("Imputer", 1, MLCM__LIKE_0, imputer, prepare_imputer, run_imputer),
    OP("Binarizer", 1, MLCM__LIKE_0, double, prepare_binarizer, run_binarizer),
    OP("FeatureVectorizer", -1, MLCM_F32, vectorizer, prepare_vectorizer, run_vectorizer),
};

const mlcm__ref_family mlcm__ref_scale_family = {OPS, sizeof OPS / sizeof OPS[0]};
