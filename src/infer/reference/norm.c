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

static mlcm_status prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  params *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->epsilon = mlcm__ref_float(&r, "epsilon", 9.999999747378752e-06);
  p->axis = mlcm__ref_int(&r, "axis", -1);
  p->p = mlcm__ref_int(&r, "p", 2);
  bool training = mlcm__ref_int(&r, "training_mode", 0) != 0;
  bool per_element = mlcm__ref_int(&r, "spatial", 1) == 0;
  k->data = p;
  if (r.st) return r.st;
  if (training || per_element) return mlcm__fail(err, MLCM_UNSUPPORTED, "training_mode 1 and spatial 0 are not supported");
  return MLCM_OK;
}

/* ---- BatchNormalization ---- */

static mlcm_status run_batch(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  if (mlcm__lane_kind(x->dtype) != MLCM__LANE_F) return mlcm__ref_wrong_dtype(x, err);
  int64_t channels = x->rank > 1 ? x->shape[1] : 1, inner = x->rank > 2 ? mlcm__product(x->shape, 2, x->rank) : 1;
  for (size_t i = 1; i < 5; i++)
    if (call->inputs[i]->count != channels || mlcm__lane_kind(call->inputs[i]->dtype) != MLCM__LANE_F)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "input %zu has %lld elements for %lld channels", i,
                        (long long)call->inputs[i]->count, (long long)channels);
  if (mlcm__ref_output_like(call, x, err) == NULL) return err->code;
  const mlcm_tensor *out = call->outputs[0];
  mlcm__lanes lanes;
  for (int64_t at = 0, row = 0; inner > 0 && at < x->count; row++) {
    double s[4]; /* scale, bias, mean, variance */
    for (size_t i = 0; i < 4; i++) mlcm__load_f64(&s[i], call->inputs[i + 1], row % channels, 1, 1);
    double factor = s[0] / sqrt(s[3] + p->epsilon);
    for (int64_t end = at + inner; at < end;) {
      int64_t n = end - at < MLCM__BLOCK ? end - at : MLCM__BLOCK;
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
  if (mlcm__lane_kind(x->dtype) != MLCM__LANE_F) return mlcm__ref_wrong_dtype(x, err);
  mlcm_status st = mlcm__ref_axis(((const params *)k->data)->axis, x->rank, &l->axis, err);
  if (st) return st;
  l->rows = mlcm__product(x->shape, 0, l->axis);
  l->n = mlcm__product(x->shape, l->axis, x->rank);
  l->scale = mlcm__ref_input(call, 1);
  l->bias = mlcm__ref_input(call, 2);
  const mlcm_tensor *both[] = {l->scale, l->bias};
  for (int i = 0; i < 2; i++)
    if (both[i] != NULL && (both[i]->count != l->n || mlcm__lane_kind(both[i]->dtype) != MLCM__LANE_F))
      return mlcm__fail(err, MLCM_UNSUPPORTED, "scale or bias has %lld elements, rows have %lld", (long long)both[i]->count,
                        (long long)l->n);
  return MLCM_OK;
}

static mlcm_status statistics_outputs(mlcm_call *call, const layer *l, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK];
  for (int32_t d = 0; d < x->rank; d++) shape[d] = d < l->axis ? x->shape[d] : 1;
  for (size_t i = 1; i < 3; i++)
    if (mlcm__ref_wants(call, i) && call->host->output(call, i, MLCM_F32, x->rank, shape, err) == NULL) return err->code;
  return MLCM_OK;
}

static void layer_row(const layer *l, const params *p, mlcm_call *call, int64_t row, double *x) {
  double mean = 0, variance = 0;
  mlcm__load_f64(x, call->inputs[0], row * l->n, 1, l->n);
  for (int64_t i = 0; l->centred && i < l->n; i++) mean += x[i];
  mean /= (double)l->n;
  for (int64_t i = 0; i < l->n; i++) variance += (x[i] - mean) * (x[i] - mean);
  double inverse = 1 / sqrt(variance / (double)l->n + p->epsilon);
  for (int64_t i = 0; i < l->n; i++) {
    double scale = 1, bias = 0;
    if (l->scale != NULL) mlcm__load_f64(&scale, l->scale, i, 1, 1);
    if (l->bias != NULL) mlcm__load_f64(&bias, l->bias, i, 1, 1);
    x[i] = (x[i] - mean) * inverse * scale + bias;
  }
  if (mlcm__ref_wants(call, 0)) mlcm__store_f64(call->outputs[0]->dtype, call->outputs[0]->data, row * l->n, x, l->n);
  if (mlcm__ref_wants(call, 1)) ((float *)call->outputs[1]->data)[row] = (float)mean;
  if (mlcm__ref_wants(call, 2)) ((float *)call->outputs[2]->data)[row] = (float)inverse;
}

static mlcm_status run_rows(const mlcm__ref_kernel *k, mlcm_call *call, bool centred, mlcm_error *err) {
  layer l = {.centred = centred};
  mlcm_status st = plan_layer(k, call, &l, err);
  if (!st) st = statistics_outputs(call, &l, err);
  if (st) return st;
  if (mlcm__ref_wants(call, 0) && mlcm__ref_output_like(call, call->inputs[0], err) == NULL) return err->code;
  double *x = call->host->scratch(call, (size_t)l.n * sizeof *x, err);
  if (x == NULL) return err->code;
  for (int64_t row = 0; l.n > 0 && row < l.rows; row++) layer_row(&l, k->data, call, row, x);
  return MLCM_OK;
}

static mlcm_status run_layer(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) { return run_rows(k, call, true, err); }

static mlcm_status run_rms(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) { return run_rows(k, call, false, err); }

/* ---- LpNormalization ---- */

static mlcm_status run_lp(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const params *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int32_t axis = 0;
  if (mlcm__lane_kind(x->dtype) != MLCM__LANE_F) return mlcm__ref_wrong_dtype(x, err);
  mlcm_status st = mlcm__ref_axis(p->axis, x->rank, &axis, err);
  if (st) return st;
  if (mlcm__ref_output_like(call, x, err) == NULL) return err->code;
  int64_t n = x->shape[axis], step = mlcm__product(x->shape, axis + 1, x->rank);
  double *row = call->host->scratch(call, (size_t)n * sizeof *row, err);
  if (row == NULL) return err->code;
  for (int64_t block = 0; n > 0 && block < x->count; block += n * step) {
    for (int64_t i = 0; i < step; i++) {
      double size = 0;
      mlcm__load_f64(row, x, block + i, step, n);
      for (int64_t j = 0; j < n; j++) size += p->p == 1 ? fabs(row[j]) : row[j] * row[j];
      if (p->p != 1) size = sqrt(size);
      for (int64_t j = 0; j < n; j++) {
        double value = size == 0 ? 0 : row[j] / size;
        mlcm__store_f64(x->dtype, call->outputs[0]->data, block + i + j * step, &value, 1);
      }
    }
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"BatchNormalization", MLCM__REF_CORE, 7, 0, 5, 5, prepare, run_batch, NULL},
    {"LayerNormalization", MLCM__REF_CORE, 17, 0, 2, 3, prepare, run_layer, NULL, 3},
    {"RMSNormalization", MLCM__REF_CORE, 23, 0, 2, 2, prepare, run_rms, NULL},
    {"LpNormalization", MLCM__REF_CORE, 1, 0, 1, 1, prepare, run_lp, NULL},
};

const mlcm__ref_family mlcm__ref_norm_family = {OPS, sizeof OPS / sizeof OPS[0]};
