/* SPDX-License-Identifier: Apache-2.0
 *
 * linear.c - ai.onnx.ml's LinearClassifier and LinearRegressor.
 */
#include "infer/reference/reference.h"

typedef struct linear {
  const double *coefficients; /* [n_targets, n_features] */
  const double *intercepts;   /* [n_targets] or NULL */
  int64_t n_targets, n_features;
  int post;
  mlcm__labels labels; /* classifier */
  bool add_class;      /* one score for two classes */
} linear;

static void read_weights(mlcm__ref_reader *r, linear *p, int64_t n_targets) {
  size_t n_coefficients = 0, n_intercepts = 0;
  p->coefficients = mlcm__ref_doubles(r, "coefficients", NULL, &n_coefficients);
  p->intercepts = mlcm__ref_doubles(r, "intercepts", NULL, &n_intercepts);
  p->post = mlcm__ref_post(r);
  p->n_targets = n_targets > 0 ? n_targets : (int64_t)n_intercepts;
  bool fits = p->n_targets > 0 && n_coefficients > 0 && (int64_t)n_coefficients % p->n_targets == 0 &&
              (n_intercepts == 0 || (int64_t)n_intercepts == p->n_targets);
  if (!fits) {
    mlcm__ref_bad(r, MLCM_PARSE, "%zu coefficients and %zu intercepts do not fit %lld targets", n_coefficients, n_intercepts,
                  (long long)p->n_targets);
    return;
  }
  p->n_features = (int64_t)n_coefficients / p->n_targets;
  if (n_intercepts == 0) p->intercepts = NULL;
}

static void prepare_classifier(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  linear *p = k->data;
  mlcm__ref_labels(r, "class labels", "classlabels_ints", "classlabels_strings", &p->labels);
  read_weights(r, p, 0);
  p->add_class = p->n_targets == 1 && p->labels.n == 2;
  if (!p->add_class && p->n_targets != p->labels.n)
    mlcm__ref_bad(r, MLCM_PARSE, "there are %lld rows of coefficients for %lld classes", (long long)p->n_targets,
                  (long long)p->labels.n);
}

static void prepare_regressor(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  read_weights(r, k->data, mlcm__ref_int(r, "targets", 1));
}

/* ---- Run ---- */

typedef struct buffers {
  double *row, *scores; /* room for one score more */
} buffers;

static mlcm_status begin(const linear *p, mlcm_call *call, mlcm__rows *x, buffers *buf, mlcm_error *err) {
  mlcm_status st = mlcm__ref_rows_of(call->inputs[0], p->n_features, x, err);
  if (st) return st;
  double *memory = mlcm__ref_scratch(call, x->width + p->n_targets + 1, err);
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
  mlcm__rows x;
  buffers buf = {0};
  mlcm__verdicts out;
  mlcm_status st = begin(p, call, &x, &buf, err);
  if (!st) st = mlcm__ref_verdicts(call, &p->labels, x.n, p->labels.n, &out, err);
  for (int64_t i = 0; !st && i < x.n; i++) {
    score_row(p, &x, i, &buf);
    mlcm__verdict_store(&out, &p->labels, i, finish(p, buf.scores), buf.scores, p->labels.n);
  }
  return st;
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
    {MLCM__REF_OP("LinearClassifier", 1, 1, 1), .domain = MLCM__REF_ML, .max_outputs = 2, .takes = {MLCM__NUMBERS},
     .gives_by = mlcm__ref_gives_verdicts, .data_bytes = sizeof(linear), .prepare = prepare_classifier, .run = run_classifier},
    {MLCM__REF_OP("LinearRegressor", 1, 1, 1), .domain = MLCM__REF_ML, .takes = {MLCM__NUMBERS}, .gives = {MLCM_F32},
     .data_bytes = sizeof(linear), .prepare = prepare_regressor, .run = run_regressor},
};

const mlcm__ref_family mlcm__ref_linear_family = {OPS, sizeof OPS / sizeof OPS[0]};
