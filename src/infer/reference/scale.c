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

static mlcm_status prepare_scaler(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  scaler *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->offset = mlcm__ref_doubles(&r, k, "offset", NULL, &p->n_offset);
  p->scale = mlcm__ref_doubles(&r, k, "scale", NULL, &p->n_scale);
  k->data = p;
  return r.st;
}

static mlcm_status check_width(const char *what, size_t n, int64_t width, mlcm_error *err) {
  if (n <= 1 || (int64_t)n == width) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' has %zu values for %lld columns", what, n, (long long)width);
}

static mlcm_status run_scaler(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const scaler *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (!st) st = check_width("offset", p->n_offset, x.width, err);
  if (!st) st = check_width("scale", p->n_scale, x.width, err);
  if (st) return st;
  void *out = call->host->output(call, 0, MLCM_F32, x.t->rank, x.t->shape, err);
  double *row = call->host->scratch(call, (size_t)x.width * sizeof *row, err);
  if (out == NULL || row == NULL) return err->code;
  for (int64_t i = 0; i < x.n; i++) {
    mlcm__load_f64(row, x.t, i * x.width, 1, x.width);
    for (int64_t j = 0; j < x.width; j++) {
      if (p->n_offset > 0) row[j] -= p->offset[p->n_offset == 1 ? 0 : j];
      if (p->n_scale > 0) row[j] *= p->scale[p->n_scale == 1 ? 0 : j];
    }
    mlcm__store_f64(MLCM_F32, out, i * x.width, row, x.width);
  }
  return MLCM_OK;
}

/* ---- Normalizer, as f32 ---- */

enum { NORM_MAX, NORM_L1, NORM_L2 };

typedef struct normalizer {
  int norm;
} normalizer;

static mlcm_status prepare_normalizer(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  static const char *const names[] = {"MAX", "L1", "L2"};
  normalizer *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  mlcm_str norm = mlcm__ref_text(&r, "norm", "MAX");
  p->norm = -1;
  for (int i = 0; i < 3; i++)
    if (mlcm__ref_text_is(norm, names[i])) p->norm = i;
  if (p->norm < 0) return mlcm__fail(err, MLCM_PARSE, "the norm is unknown");
  k->data = p;
  return r.st;
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

static mlcm_status run_normalizer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const normalizer *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (st) return st;
  void *out = call->host->output(call, 0, MLCM_F32, x.t->rank, x.t->shape, err);
  double *row = call->host->scratch(call, (size_t)x.width * sizeof *row, err);
  if (out == NULL || row == NULL) return err->code;
  for (int64_t i = 0; i < x.n; i++) {
    mlcm__load_f64(row, x.t, i * x.width, 1, x.width);
    double size = size_of(p->norm, row, x.width);
    for (int64_t j = 0; size != 0 && j < x.width; j++) row[j] /= size;
    mlcm__store_f64(MLCM_F32, out, i * x.width, row, x.width);
  }
  return MLCM_OK;
}

/* ---- Imputer ---- */

typedef struct imputer {
  bool ints;
  const double *values;
  int64_t *int_values;
  size_t n;
  double replaced;
  int64_t int_replaced;
} imputer;

static mlcm_status prepare_imputer(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  imputer *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  size_t n_ints = 0;
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->values = mlcm__ref_doubles(&r, k, "imputed_value_floats", NULL, &p->n);
  const int64_t *ints = mlcm__ref_ints(&r, "imputed_value_int64s", &n_ints);
  p->replaced = mlcm__ref_float(&r, "replaced_value_float", 0);
  p->int_replaced = mlcm__ref_int(&r, "replaced_value_int64", 0);
  if (r.st) return r.st;
  if ((p->n == 0) == (n_ints == 0))
    return mlcm__fail(err, MLCM_PARSE, "imputed values must be given either as floats or as ints");
  p->ints = n_ints > 0;
  p->int_values = mlcm__ref_keep(k, n_ints, sizeof *ints, err);
  if (p->int_values == NULL) return err->code;
  if (p->ints) memcpy(p->int_values, ints, n_ints * sizeof *ints);
  if (p->ints) p->n = n_ints;
  k->data = p;
  return MLCM_OK;
}

static void impute_floats(const imputer *p, const mlcm__rows *x, void *out) {
  for (int64_t at = 0; at < x->t->count; at++) {
    double value = 0;
    mlcm__load_f64(&value, x->t, at, 1, 1);
    bool missing = isnan(p->replaced) ? isnan(value) != 0 : value == p->replaced;
    if (missing) value = p->values[p->n == 1 ? 0 : at % x->width];
    mlcm__store_f64(x->t->dtype, out, at, &value, 1);
  }
}

static void impute_ints(const imputer *p, const mlcm__rows *x, void *out) {
  for (int64_t at = 0; at < x->t->count; at++) {
    int64_t value = 0;
    mlcm__load_i64(&value, x->t, at, 1, 1);
    if (value == p->int_replaced) value = p->int_values[p->n == 1 ? 0 : at % x->width];
    mlcm__store_i64(x->t->dtype, out, at, &value, 1);
  }
}

static mlcm_status run_imputer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const imputer *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (!st) st = check_width("imputed_value", p->n, x.width, err);
  if (st) return st;
  if (p->ints == (mlcm__lane_kind(x.t->dtype) == MLCM__LANE_F))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the imputed values are %s, the input is %s", p->ints ? "ints" : "floats",
                      mlcm_dtype_name(x.t->dtype));
  void *out = mlcm__ref_output_like(call, x.t, err);
  if (out == NULL) return err->code;
  if (p->ints)
    impute_ints(p, &x, out);
  else
    impute_floats(p, &x, out);
  return MLCM_OK;
}

/* ---- Binarizer ---- */

typedef struct binarizer {
  double threshold;
} binarizer;

static mlcm_status prepare_binarizer(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  binarizer *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->threshold = mlcm__ref_float(&r, "threshold", 0);
  k->data = p;
  return r.st;
}

static mlcm_status run_binarizer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const binarizer *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  double block[MLCM__BLOCK];
  int64_t ints[MLCM__BLOCK];
  bool real = mlcm__lane_kind(x->dtype) == MLCM__LANE_F;
  if (x->dtype == MLCM_STRING) return mlcm__ref_wrong_dtype(x, err);
  void *out = mlcm__ref_output_like(call, x, err);
  if (out == NULL) return err->code;
  for (int64_t at = 0; at < x->count; at += MLCM__BLOCK) {
    int64_t n = x->count - at < MLCM__BLOCK ? x->count - at : MLCM__BLOCK;
    mlcm__load_f64(block, x, at, 1, n);
    for (int64_t i = 0; i < n; i++) {
      ints[i] = block[i] > p->threshold;
      block[i] = (double)ints[i];
    }
    if (real)
      mlcm__store_f64(x->dtype, out, at, block, n);
    else
      mlcm__store_i64(x->dtype, out, at, ints, n);
  }
  return MLCM_OK;
}

/* ---- FeatureVectorizer: columns of all inputs side by side, as f32 ---- */

typedef struct vectorizer {
  size_t n;
  int64_t *widths;
  int64_t total;
} vectorizer;

static mlcm_status prepare_vectorizer(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  vectorizer *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  const int64_t *widths = mlcm__ref_ints(&r, "inputdimensions", &p->n);
  if (r.st) return r.st;
  p->widths = mlcm__ref_keep(k, p->n, sizeof *widths, err);
  if (p->widths == NULL) return err->code;
  if (p->n != node->n_inputs)
    return mlcm__fail(err, MLCM_PARSE, "'inputdimensions' has %zu values for %zu inputs", p->n, node->n_inputs);
  for (size_t i = 0; i < p->n; i++) {
    p->widths[i] = widths[i];
    if (widths[i] < 0 || __builtin_add_overflow(p->total, widths[i], &p->total))
      return mlcm__fail(err, MLCM_PARSE, "'inputdimensions' is out of range");
  }
  k->data = p;
  return MLCM_OK;
}

static mlcm_status run_vectorizer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const vectorizer *p = k->data;
  int64_t rows = -1, column = 0;
  for (size_t i = 0; i < call->n_inputs; i++) {
    mlcm__rows x;
    if (call->inputs[i] == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "input %zu is left out", i);
    mlcm_status st = mlcm__ref_rows(call->inputs[i], &x, err);
    if (st) return st;
    if (rows >= 0 && x.n != rows)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "input %zu has %lld rows, the ones before %lld", i, (long long)x.n,
                        (long long)rows);
    rows = x.n;
  }
  float *out = call->host->output(call, 0, MLCM_F32, 2, (const int64_t[]){rows, p->total}, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)call->outputs[0]->count * sizeof *out);
  for (size_t i = 0; i < call->n_inputs; i++) {
    const mlcm_tensor *x = call->inputs[i];
    int64_t width = x->shape[x->rank - 1], used = width < p->widths[i] ? width : p->widths[i];
    for (int64_t row = 0; row < rows; row++) {
      for (int64_t j = 0; j < used; j++) {
        double value = 0;
        mlcm__load_f64(&value, x, row * width + j, 1, 1);
        out[row * p->total + column + j] = (float)value;
      }
    }
    column += p->widths[i];
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"Scaler", MLCM__REF_ML, 1, 0, 1, 1, prepare_scaler, run_scaler, NULL},
    {"Normalizer", MLCM__REF_ML, 1, 0, 1, 1, prepare_normalizer, run_normalizer, NULL},
    {"Imputer", MLCM__REF_ML, 1, 0, 1, 1, prepare_imputer, run_imputer, NULL},
    {"Binarizer", MLCM__REF_ML, 1, 0, 1, 1, prepare_binarizer, run_binarizer, NULL},
    {"FeatureVectorizer", MLCM__REF_ML, 1, 0, 1, -1, prepare_vectorizer, run_vectorizer, NULL},
};

const mlcm__ref_family mlcm__ref_scale_family = {OPS, sizeof OPS / sizeof OPS[0]};
