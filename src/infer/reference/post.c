/* SPDX-License-Identifier: Apache-2.0
 *
 * post.c - what ai.onnx.ml's classifiers and regressors share: post transforms and class labels.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

int mlcm__ref_post(mlcm__ref_reader *r) {
  static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  mlcm_str text = mlcm__ref_text(r, "post_transform", "NONE");
  for (int i = 0; i < 5; i++)
    if (mlcm__ref_text_is(text, names[i])) return i;
  if (r->st == MLCM_OK)
    r->st = mlcm__fail(r->err, MLCM_PARSE, "post_transform '%.*s' is unknown", text.len < 40 ? (int)text.len : 40, text.ptr);
  return MLCM__POST_NONE;
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

mlcm_status mlcm__ref_labels(mlcm__ref_reader *r, mlcm__ref_kernel *k, const char *ints, const char *strings, mlcm__labels *out) {
  size_t n_ints = 0, n_strings = 0;
  const int64_t *i = mlcm__ref_ints(r, ints, &n_ints);
  const mlcm_str *s = mlcm__ref_strings(r, strings, &n_strings);
  if (r->st) return r->st;
  if ((n_ints == 0) == (n_strings == 0))
    return r->st = mlcm__fail(r->err, MLCM_PARSE, "class labels must be given either as ints or as strings");
  int64_t *own_ints = mlcm__ref_keep(k, n_ints, sizeof *own_ints, r->err);
  mlcm_str *own_strings = mlcm__ref_keep(k, n_strings, sizeof *own_strings, r->err);
  if (own_ints == NULL || own_strings == NULL) return r->st = r->err->code;
  if (n_ints > 0) memcpy(own_ints, i, n_ints * sizeof *i);
  if (n_strings > 0) memcpy(own_strings, s, n_strings * sizeof *s);
  *out = (mlcm__labels){
      .ints = n_ints > 0 ? own_ints : NULL, .strings = n_strings > 0 ? own_strings : NULL, .n = (int64_t)(n_ints + n_strings)};
  return MLCM_OK;
}

void mlcm__label_store(const mlcm__labels *labels, void *out, int64_t row, int64_t class_index) {
  assert(class_index >= 0 && class_index < labels->n);
  if (labels->strings != NULL)
    ((mlcm_str *)out)[row] = labels->strings[class_index];
  else
    ((int64_t *)out)[row] = labels->ints[class_index];
}
