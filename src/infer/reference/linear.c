/* SPDX-License-Identifier: Apache-2.0
 *
 * linear.c - ai.onnx.ml's LinearClassifier and LinearRegressor.
 */
#include <string.h>

#include "infer/reference/reference.h"

typedef struct linear {
  const double *coefficients; /* [n_targets, n_features] */
  const double *intercepts;   /* [n_targets] or NULL */
  int64_t n_targets, n_features;
  int post;
  mlcm__labels labels; /* classifier */
  bool add_class;      /* one score for two classes */
} linear;

static mlcm_status read_weights(mlcm__ref_reader *r, mlcm__ref_kernel *k, linear *p, int64_t n_targets) {
  size_t n_coefficients = 0, n_intercepts = 0;
  p->coefficients = mlcm__ref_doubles(r, k, "coefficients", NULL, &n_coefficients);
  p->intercepts = mlcm__ref_doubles(r, k, "intercepts", NULL, &n_intercepts);
  p->post = mlcm__ref_post(r);
  if (r->st) return r->st;
  p->n_targets = n_targets > 0 ? n_targets : (int64_t)n_intercepts;
  if (p->n_targets <= 0 || n_coefficients == 0 || (int64_t)n_coefficients % p->n_targets != 0 ||
      (n_intercepts != 0 && (int64_t)n_intercepts != p->n_targets))
    return r->st = mlcm__fail(r->err, MLCM_PARSE, "%zu coefficients and %zu intercepts do not fit %lld targets", n_coefficients,
                              n_intercepts, (long long)p->n_targets);
  p->n_features = (int64_t)n_coefficients / p->n_targets;
  if (n_intercepts == 0) p->intercepts = NULL;
  return MLCM_OK;
}

static mlcm_status prepare_classifier(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  linear *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  if (mlcm__ref_labels(&r, k, "classlabels_ints", "classlabels_strings", &p->labels) || read_weights(&r, k, p, 0)) return r.st;
  p->add_class = p->n_targets == 1 && p->labels.n == 2;
  if (!p->add_class && p->n_targets != p->labels.n)
    return mlcm__fail(err, MLCM_PARSE, "there are %lld rows of coefficients for %lld classes", (long long)p->n_targets,
                      (long long)p->labels.n);
  k->data = p;
  return MLCM_OK;
}

static mlcm_status prepare_regressor(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  linear *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  int64_t n_targets = mlcm__ref_int(&r, "targets", 1);
  k->data = p;
  return r.st ? r.st : read_weights(&r, k, p, n_targets);
}

/* ---- Run ---- */

typedef struct buffers {
  double *row, *scores; /* room for one score more */
} buffers;

static mlcm_status begin(const linear *p, mlcm_call *call, mlcm__rows *x, buffers *buf, mlcm_error *err) {
  mlcm_status st = mlcm__ref_rows(call->inputs[0], x, err);
  if (st) return st;
  if (x->width != p->n_features)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the model has %lld features, rows have %lld", (long long)p->n_features,
                      (long long)x->width);
  double *memory = call->host->scratch(call, (size_t)(x->width + p->n_targets + 1) * sizeof *memory, err);
  if (memory == NULL) return err->code;
  *buf = (buffers){memory, memory + x->width};
  return MLCM_OK;
}

static void score_row(const linear *p, const mlcm__rows *x, int64_t i, const buffers *buf) {
  mlcm__load_f64(buf->row, x->t, i * x->width, 1, x->width);
  for (int64_t t = 0; t < p->n_targets; t++) {
    const double *c = p->coefficients + t * p->n_features;
    double sum = 0;
    for (int64_t j = 0; j < p->n_features; j++) sum += buf->row[j] * c[j];
    buf->scores[t] = sum + (p->intercepts != NULL ? p->intercepts[t] : 0);
  }
}

/* One score for two classes: the second class wins above 0. */
static int64_t finish_binary(const linear *p, double *scores) {
  int64_t best = scores[0] > 0;
  scores[1] = scores[0];
  if (p->post == MLCM__POST_PROBIT) mlcm__post_apply(p->post, &scores[1], 1);
  scores[0] = 1 - scores[1];
  if (p->post != MLCM__POST_LOGISTIC) return best;
  scores[0] = -scores[1];
  mlcm__post_apply(p->post, scores, 2);
  return best;
}

static int64_t finish(const linear *p, double *scores) {
  int64_t best = 0;
  if (p->add_class) return finish_binary(p, scores);
  for (int64_t c = 1; c < p->n_targets; c++)
    if (scores[c] > scores[best]) best = c;
  mlcm__post_apply(p->post, scores, p->n_targets);
  return best;
}

static mlcm_status run_classifier(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const linear *p = k->data;
  int64_t n_scores = p->labels.n;
  mlcm__rows x;
  buffers buf = {0};
  void *labels = NULL, *scores = NULL;
  mlcm_status st = begin(p, call, &x, &buf, err);
  if (st) return st;
  if (mlcm__ref_wants(call, 0) &&
      (labels = call->host->output(call, 0, p->labels.strings != NULL ? MLCM_STRING : MLCM_I64, 1, &x.n, err)) == NULL)
    return err->code;
  if (mlcm__ref_wants(call, 1) &&
      (scores = call->host->output(call, 1, MLCM_F32, 2, (const int64_t[]){x.n, n_scores}, err)) == NULL)
    return err->code;
  for (int64_t i = 0; i < x.n; i++) {
    score_row(p, &x, i, &buf);
    int64_t best = finish(p, buf.scores);
    if (labels != NULL) mlcm__label_store(&p->labels, labels, i, best);
    if (scores != NULL) mlcm__store_f64(MLCM_F32, scores, i * n_scores, buf.scores, n_scores);
  }
  return MLCM_OK;
}

static mlcm_status run_regressor(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const linear *p = k->data;
  mlcm__rows x;
  buffers buf = {0};
  mlcm_status st = begin(p, call, &x, &buf, err);
  if (st) return st;
  void *out = call->host->output(call, 0, MLCM_F32, 2, (const int64_t[]){x.n, p->n_targets}, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x.n; i++) {
    score_row(p, &x, i, &buf);
    mlcm__post_apply(p->post, buf.scores, p->n_targets);
    mlcm__store_f64(MLCM_F32, out, i * p->n_targets, buf.scores, p->n_targets);
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"LinearClassifier", MLCM__REF_ML, 1, 0, 1, 1, prepare_classifier, run_classifier, NULL, 2},
    {"LinearRegressor", MLCM__REF_ML, 1, 0, 1, 1, prepare_regressor, run_regressor, NULL},
};

const mlcm__ref_family mlcm__ref_linear_family = {OPS, sizeof OPS / sizeof OPS[0]};
