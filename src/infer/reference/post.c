/* SPDX-License-Identifier: Apache-2.0
 *
 * post.c - what ai.onnx.ml's classifiers and regressors share: post transforms, class labels, their two outputs.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

int mlcm__ref_post(mlcm__ref_reader *r) {
  static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  return mlcm__ref_choice(r, "post_transform", names, 5);
}

static double logistic(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

/* Inverse of the normal distribution's erf as ONNX approximates it (Winitzki, a = 0.147, and pi as 3.14159). */
static double probit(double x) {
  double y = 2 * x - 1, sign = y < 0 ? -1 : 1;
  double log_term = log((1 - y) * (1 + y));
  double a = 2 / (3.14159 * 0.147) + 0.5 * log_term;
  return 1.41421356237309505 * sign * sqrt(sqrt(a * a - log_term / 0.147) - a);
}

/* Zero scores stay zero in the SOFTMAX_ZERO form. */
static void softmax(double *x, int64_t n, bool keep_zeros) {
  double top = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
  for (int64_t i = 0; i < n; i++) {
    if (keep_zeros && fabs(x[i]) <= 1e-7)
      x[i] *= exp(-top);
    else
      x[i] = exp(x[i] - top);
    sum += x[i];
  }
  for (int64_t i = 0; i < n && sum > 0; i++) x[i] /= sum;
}

void mlcm__post_apply(int post, double *scores, int64_t n) {
  switch (post) {
  case MLCM__POST_LOGISTIC:
    for (int64_t i = 0; i < n; i++) scores[i] = logistic(scores[i]);
    break;
  case MLCM__POST_PROBIT:
    for (int64_t i = 0; i < n; i++) scores[i] = probit(scores[i]);
    break;
  case MLCM__POST_SOFTMAX: softmax(scores, n, false); break;
  case MLCM__POST_SOFTMAX_ZERO: softmax(scores, n, true); break;
  default: break;
  }
}

/* ---- Labels ---- */

void mlcm__ref_labels(mlcm__ref_reader *r, const char *what, const char *ints, const char *strings, mlcm__labels *out) {
  size_t n_ints = 0, n_strings = 0;
  const int64_t *i = mlcm__ref_ints(r, ints, &n_ints);
  const mlcm_str *s = mlcm__ref_strings(r, strings, &n_strings);
  if ((n_ints == 0) == (n_strings == 0))
    mlcm__ref_bad(r, MLCM_PARSE, "%s must be given either as ints ('%s') or as strings ('%s')", what, ints, strings);
  if (n_strings > 0)
    out->strings = mlcm__ref_keep_copy(r, s, n_strings, sizeof *s);
  else
    out->ints = mlcm__ref_keep_copy(r, i, n_ints, sizeof *i);
  out->n = (int64_t)(n_strings > 0 ? n_strings : n_ints);
}

void mlcm__label_store(const mlcm__labels *labels, void *out, int64_t row, int64_t class_index) {
  assert(class_index >= 0 && class_index < labels->n);
  if (labels->strings != NULL)
    ((mlcm_str *)out)[row] = labels->strings[class_index];
  else
    ((int64_t *)out)[row] = labels->ints[class_index];
}

/* ---- What classifiers give ---- */

mlcm_dtype mlcm__ref_gives_verdicts(const mlcm_node *node, size_t i) {
  if (i > 0) return MLCM_F32;
  return mlcm__ref_attr(node, "classlabels_strings") != NULL ? MLCM_STRING : MLCM_I64;
}

mlcm_status mlcm__ref_verdicts(mlcm_call *call, const mlcm__labels *labels, int64_t n, int64_t n_scores, mlcm__verdicts *out,
                               mlcm_error *err) {
  mlcm_status st = mlcm__ref_output_if(call, 0, mlcm__label_dtype(labels), 1, &n, &out->labels, err);
  return st ? st : mlcm__ref_output_if(call, 1, MLCM_F32, 2, (const int64_t[]){n, n_scores}, &out->scores, err);
}

void mlcm__verdict_store(const mlcm__verdicts *v, const mlcm__labels *labels, int64_t row, int64_t best, const double *scores,
                         int64_t n_scores) {
  if (v->labels != NULL) mlcm__label_store(labels, v->labels, row, best);
  if (v->scores != NULL) mlcm__store_f64(MLCM_F32, v->scores, row * n_scores, scores, n_scores);
}
