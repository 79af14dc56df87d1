/* SPDX-License-Identifier: Apache-2.0
 *
 * norm.c - BatchNormalization (inference), LayerNormalization, RMSNormalization, LpNormalization.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

typedef struct params {
  double epsilon;
  int64_t axis, p;
} params;

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  params *p = k->data;
  p->epsilon = mlcm__ref_float(r, "epsilon", 9.999999747378752e-06);
  p->axis = mlcm__ref_int(r, "axis", -1);
  p->p = mlcm__ref_int(r, "p", 2);
  if (mlcm__ref_flag(r, "training_mode", false) || !mlcm__ref_flag(r, "spatial", true))
    mlcm__ref_bad(r, MLCM_UNSUPPORTED, "training_mode 1 and spatial 0 are not supported");
}

/* ---- BatchNormalization ---- */

static mlcm_status run_batch(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t channels = x->rank > 1 ? x->shape[1] : 1, inner = x->rank > 2 ? mlcm__product(x->shape, 2, x->rank) : 1;
  for (size_t i = 1; i < 5; i++)
    if (call->inputs[i]->count != channels)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "input %zu has %lld elements for %lld channels", i,
                        (long long)call->inputs[i]->count, (long long)channels);
  if (mlcm__ref_output_like(call, x, err) == NULL) return err->code;
  const mlcm_tensor *out = call->outputs[0];
  mlcm__lanes lanes;
  for (int64_t at = 0, row = 0; at < x->count; row++) {
    double s[4]; /* scale, bias, mean, variance */
    for (size_t i = 0; i < 4; i++) s[i] = mlcm__f64_at(call->inputs[i + 1], row % channels);
    double factor = s[0] / sqrt(s[3] + p->epsilon);
    for (int64_t end = at + inner; at < end;) {
      int64_t n = mlcm__block_of(end - at);
      mlcm__load_f64(lanes.f, x, at, 1, n);
      for (int64_t i = 0; i < n; i++) lanes.f[i] = (lanes.f[i] - s[2]) * factor + s[1];
      mlcm__store_f64(out->dtype, out->data, at, lanes.f, n);
      at += n;
    }
  }
  return MLCM_OK;
}

/* ---- LayerNormalization, RMSNormalization: over the dimensions from `axis` on ---- */

typedef struct layer {
  int32_t axis;
  int64_t rows, n;
  const mlcm_tensor *scale, *bias;
  bool centred;
} layer;

static mlcm_status plan_layer(const mlcm__ref_kernel *k, const mlcm_call *call, layer *l, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  mlcm_status st = mlcm__ref_axis(((const params *)k->data)->axis, x->rank, &l->axis, err);
  if (st) return st;
  l->rows = mlcm__product(x->shape, 0, l->axis);
  l->n = mlcm__product(x->shape, l->axis, x->rank);
  l->scale = call->inputs[1];
  l->bias = mlcm__ref_input(call, 2);
  const mlcm_tensor *both[] = {l->scale, l->bias};
  for (int i = 0; i < 2; i++)
    if (both[i] != NULL && both[i]->count != l->n)
      return mlcm__fail(err, MLCM_UNSUPPORTED, "scale or bias has %lld elements, rows have %lld", (long long)both[i]->count,
                        (long long)l->n);
  return MLCM_OK;
}

typedef struct layer_outputs {
  void *y, *mean, *inverse; /* NULL: not wanted */
} layer_outputs;

static mlcm_status give_layer(mlcm_call *call, const layer *l, layer_outputs *out, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK];
  for (int32_t d = 0; d < x->rank; d++) shape[d] = d < l->axis ? x->shape[d] : 1;
  mlcm_status st = mlcm__ref_output_if(call, 0, x->dtype, x->rank, x->shape, &out->y, err);
  if (!st) st = mlcm__ref_output_if(call, 1, MLCM_F32, x->rank, shape, &out->mean, err);
  if (!st) st = mlcm__ref_output_if(call, 2, MLCM_F32, x->rank, shape, &out->inverse, err);
  return st;
}

static void layer_row(const layer *l, double epsilon, const mlcm_tensor *input, const layer_outputs *out, int64_t row,
                      double *x) {
  double mean = 0, variance = 0;
  mlcm__load_f64(x, input, row * l->n, 1, l->n);
  for (int64_t i = 0; l->centred && i < l->n; i++) mean += x[i];
  mean /= (double)l->n;
  for (int64_t i = 0; i < l->n; i++) variance += (x[i] - mean) * (x[i] - mean);
  double inverse = 1 / sqrt(variance / (double)l->n + epsilon);
  for (int64_t i = 0; i < l->n; i++) {
    double bias = l->bias != NULL ? mlcm__f64_at(l->bias, i) : 0;
    x[i] = (x[i] - mean) * inverse * mlcm__f64_at(l->scale, i) + bias;
  }
  if (out->y != NULL) mlcm__store_f64(input->dtype, out->y, row * l->n, x, l->n);
  if (out->mean != NULL) ((float *)out->mean)[row] = (float)mean;
  if (out->inverse != NULL) ((float *)out->inverse)[row] = (float)inverse;
}

static mlcm_status run_rows(const mlcm__ref_kernel *k, mlcm_call *call, bool centred, mlcm_error *err) {
  const params *p = k->data;
  layer l = {.centred = centred};
  layer_outputs out = {0};
  mlcm_status st = plan_layer(k, call, &l, err);
  if (!st) st = give_layer(call, &l, &out, err);
  if (st) return st;
  double *x = mlcm__ref_scratch(call, l.n, err);
  if (x == NULL) return err->code;
  for (int64_t row = 0; l.n > 0 && row < l.rows; row++) layer_row(&l, p->epsilon, call->inputs[0], &out, row, x);
  return MLCM_OK;
}

static mlcm_status run_layer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) { return run_rows(k, call, true, err); }

static mlcm_status run_rms(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) { return run_rows(k, call, false, err); }

/* ---- LpNormalization ---- */

static void divide_by_size(double *x, int64_t n, int64_t p) {
  double size = 0;
  for (int64_t j = 0; j < n; j++) size += p == 1 ? fabs(x[j]) : x[j] * x[j];
  if (p != 1) size = sqrt(size);
  for (int64_t j = 0; j < n; j++) x[j] = size == 0 ? 0 : x[j] / size;
}

static mlcm_status run_lp(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int32_t axis = 0;
  mlcm_status st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  void *out = mlcm__ref_output_like(call, x, err);
  if (out == NULL) return err->code;
  mlcm__lines lines = mlcm__lines_along(x, axis);
  double *row = mlcm__ref_scratch(call, lines.length, err);
  if (row == NULL) return err->code;
  for (int64_t i = 0; x->count > 0 && i < lines.n_lines; i++) {
    int64_t start = mlcm__line_start(&lines, i, lines.length);
    mlcm__load_f64(row, x, start, lines.step, lines.length);
    divide_by_size(row, lines.length, p->p);
    mlcm__store_line(x->dtype, out, start, lines.step, row, lines.length);
  }
  return MLCM_OK;
}

#define OP(name_, since_, min, max, run_, ...)                                                                                   \
  {.name = name_,                                                                                                                \
   .since = since_,                                                                                                              \
   .min_inputs = min,                                                                                                            \
   .max_inputs = max,                                                                                                            \
   .takes = {MLCM__REALS},                                                                                                       \
   .data_bytes = sizeof(params),                                                                                                 \
   .prepare = prepare,                                                                                                           \
   .run = run_,                                                                                                                  \
   __VA_ARGS__}

static const mlcm__ref_op OPS[] = {
    OP("BatchNormalization", 7, 5, 5, run_batch, .gives = {MLCM__LIKE_0}),
    OP("LayerNormalization", 17, 2, 3, run_layer, .gives = {MLCM__LIKE_0, MLCM_F32, MLCM_F32}, .max_outputs = 3),
    OP("RMSNormalization", 23, 2, 2, run_rms, .gives = {MLCM__LIKE_0}),
    OP("LpNormalization", 1, 1, 1, run_lp, .gives = {MLCM__LIKE_0}),
};

const mlcm__ref_family mlcm__ref_norm_family = {OPS, sizeof OPS / sizeof OPS[0]};
