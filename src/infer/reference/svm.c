/* SPDX-License-Identifier: Apache-2.0
 *
 * svm.c - ai.onnx.ml's SVMClassifier and SVMRegressor, as libsvm evaluates them.
 *
 * A classifier with support vectors has one decision value for each pair of classes; pairs vote for the label. With Platt
 * parameters (prob_a, prob_b) the scores are probabilities, coupled by libsvm's iteration.
 */
#include <math.h>
#include <string.h>

#include "infer/reference/reference.h"

enum { LINEAR, POLY, RBF, SIGMOID };

typedef struct svm {
  int kernel, post;
  double gamma, coef0, degree;
  const double *vectors, *coefficients, *rho, *prob_a, *prob_b;
  size_t n_coefficients, n_rho, n_prob;
  int64_t n_vectors, n_features;
  int64_t *first, *per_class; /* [n_classes]; NULL: a linear model a class */
  bool one_class, positive;
  mlcm__labels labels;
} svm;

/* ---- Load ---- */

static mlcm_status read_common(mlcm__ref_reader *r, mlcm__ref_kernel *k, svm *p, size_t *n_vectors) {
  static const char *const kernels[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
  size_t n_params = 0;
  mlcm_str kernel = mlcm__ref_text(r, "kernel_type", "LINEAR");
  const double *params = mlcm__ref_doubles(r, k, "kernel_params", NULL, &n_params);
  p->vectors = mlcm__ref_doubles(r, k, "support_vectors", NULL, n_vectors);
  p->coefficients = mlcm__ref_doubles(r, k, "coefficients", NULL, &p->n_coefficients);
  p->rho = mlcm__ref_doubles(r, k, "rho", NULL, &p->n_rho);
  p->post = mlcm__ref_post(r);
  if (r->st) return r->st;
  p->kernel = -1;
  for (int i = 0; i < 4; i++)
    if (mlcm__ref_text_is(kernel, kernels[i])) p->kernel = i;
  if (p->kernel < 0) return r->st = mlcm__fail(r->err, MLCM_PARSE, "kernel_type is unknown");
  if (n_params != 0 && n_params != 3)
    return r->st = mlcm__fail(r->err, MLCM_PARSE, "'kernel_params' has %zu values instead of 3", n_params);
  p->gamma = n_params == 3 ? params[0] : 0;
  p->coef0 = n_params == 3 ? params[1] : 0;
  p->degree = n_params == 3 ? params[2] : 0;
  if (p->n_rho == 0 || p->n_coefficients == 0) return r->st = mlcm__fail(r->err, MLCM_PARSE, "'rho' or 'coefficients' is empty");
  return MLCM_OK;
}

static mlcm_status shape_vectors(mlcm__ref_reader *r, svm *p, size_t n_values) {
  if (p->n_vectors <= 0 || n_values % (size_t)p->n_vectors != 0)
    return r->st = mlcm__fail(r->err, MLCM_PARSE, "%zu values are no %lld support vectors", n_values, (long long)p->n_vectors);
  p->n_features = (int64_t)n_values / p->n_vectors;
  return MLCM_OK;
}

static mlcm_status read_classes(mlcm__ref_reader *r, mlcm__ref_kernel *k, svm *p, size_t n_values) {
  size_t n = 0;
  const int64_t *per_class = mlcm__ref_ints(r, "vectors_per_class", &n);
  if (r->st || n == 0) return r->st;
  p->first = mlcm__ref_keep(k, n, sizeof *p->first, r->err);
  p->per_class = mlcm__ref_keep(k, n, sizeof *p->per_class, r->err);
  if (p->first == NULL || p->per_class == NULL) return r->st = r->err->code;
  for (size_t i = 0; i < n; i++) {
    if (per_class[i] < 0 || per_class[i] > INT32_MAX)
      return r->st = mlcm__fail(r->err, MLCM_PARSE, "'vectors_per_class' is out of range");
    p->first[i] = p->n_vectors;
    p->per_class[i] = per_class[i];
    p->n_vectors += per_class[i];
  }
  int64_t c = (int64_t)n, pairs = c * (c - 1) / 2;
  if (p->n_vectors > (int64_t)p->n_coefficients)
    return r->st = mlcm__fail(r->err, MLCM_PARSE, "there are more support vectors than coefficients");
  if (c != p->labels.n || c < 2 || (int64_t)p->n_rho != pairs || (int64_t)p->n_coefficients != p->n_vectors * (c - 1) ||
      (p->n_prob != 0 && (int64_t)p->n_prob != pairs))
    return r->st = mlcm__fail(r->err, MLCM_PARSE,
                              "classes (%lld of %lld labels), rho (%zu), coefficients (%zu) and probabilities (%zu) do not fit",
                              (long long)c, (long long)p->labels.n, p->n_rho, p->n_coefficients, p->n_prob);
  return shape_vectors(r, p, n_values);
}

static mlcm_status prepare_classifier(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  svm *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  size_t n_values = 0, n_b = 0;
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->prob_a = mlcm__ref_doubles(&r, k, "prob_a", NULL, &p->n_prob);
  p->prob_b = mlcm__ref_doubles(&r, k, "prob_b", NULL, &n_b);
  if (mlcm__ref_labels(&r, k, "classlabels_ints", "classlabels_strings", &p->labels) || read_common(&r, k, p, &n_values))
    return r.st;
  if (n_b != p->n_prob) return mlcm__fail(err, MLCM_PARSE, "'prob_a' and 'prob_b' differ in length");
  p->positive = true;
  for (size_t i = 0; i < p->n_coefficients; i++) p->positive = p->positive && p->coefficients[i] >= 0;
  k->data = p;
  if (read_classes(&r, k, p, n_values) || p->per_class != NULL) return r.st;
  p->kernel = LINEAR;
  if (p->labels.n == 0 || p->n_coefficients % (size_t)p->labels.n != 0)
    return mlcm__fail(err, MLCM_PARSE, "%zu coefficients for %lld classes", p->n_coefficients, (long long)p->labels.n);
  p->n_features = (int64_t)p->n_coefficients / p->labels.n;
  return MLCM_OK;
}

static mlcm_status prepare_regressor(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  svm *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  size_t n_values = 0;
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  p->one_class = mlcm__ref_int(&r, "one_class", 0) != 0;
  p->n_vectors = mlcm__ref_int(&r, "n_supports", 0);
  k->data = p;
  if (read_common(&r, k, p, &n_values)) return r.st;
  if (p->n_vectors <= 0) {
    p->kernel = LINEAR;
    p->n_features = (int64_t)p->n_coefficients;
    return MLCM_OK;
  }
  if ((int64_t)p->n_coefficients != p->n_vectors)
    return mlcm__fail(err, MLCM_PARSE, "%zu coefficients for %lld support vectors", p->n_coefficients, (long long)p->n_vectors);
  return shape_vectors(&r, p, n_values);
}

/* ---- Kernels ---- */

static double dot(const double *a, const double *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static double squared_distance(const double *a, const double *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

static double kernel_of(const svm *p, const double *x, const double *v) {
  switch (p->kernel) {
  case POLY: return pow(p->gamma * dot(x, v, p->n_features) + p->coef0, p->degree);
  case RBF: return exp(-p->gamma * squared_distance(x, v, p->n_features));
  case SIGMOID: return tanh(p->gamma * dot(x, v, p->n_features) + p->coef0);
  default: return dot(x, v, p->n_features);
  }
}

static void all_kernels(const svm *p, const double *x, double *out) {
  for (int64_t i = 0; i < p->n_vectors; i++) out[i] = kernel_of(p, x, p->vectors + i * p->n_features);
}

/* ---- Probabilities: libsvm's coupling of pairwise estimates ---- */

static double pair_probability(double decision, double a, double b) {
  double p = 1 / (1 + exp(decision * a + b));
  return p < 1e-7 ? 1e-7 : p > 1 - 1e-7 ? 1 - 1e-7 : p;
}

/* r[i*c+j]: probability of i against j. q and qp are work space of c*c and c. */
static void couple(int64_t c, const double *r, double *q, double *qp, double *p) {
  double eps = 0.005 / (double)c;
  for (int64_t t = 0; t < c; t++) {
    p[t] = 1.0 / (double)c;
    q[t * c + t] = 0;
    for (int64_t j = 0; j < c; j++) {
      if (j == t) continue;
      q[t * c + t] += r[j * c + t] * r[j * c + t];
      q[t * c + j] = j < t ? q[j * c + t] : -r[j * c + t] * r[t * c + j];
    }
  }
  for (int64_t round = 0; round < (c > 100 ? c : 100); round++) {
    double pqp = 0, worst = 0;
    for (int64_t t = 0; t < c; t++) {
      qp[t] = dot(q + t * c, p, c);
      pqp += p[t] * qp[t];
    }
    for (int64_t t = 0; t < c; t++) worst = fmax(worst, fabs(qp[t] - pqp));
    if (worst < eps) return;
    for (int64_t t = 0; t < c; t++) {
      double diff = (-qp[t] + pqp) / q[t * c + t];
      p[t] += diff;
      pqp = (pqp + diff * (diff * q[t * c + t] + 2 * qp[t])) / (1 + diff) / (1 + diff);
      for (int64_t j = 0; j < c; j++) {
        qp[j] = (qp[j] + diff * q[t * c + j]) / (1 + diff);
        p[j] /= 1 + diff;
      }
    }
  }
}

/* ---- Classifier ---- */

typedef struct buffers {
  double *row, *kernels, *decisions, *probabilities, *pairs, *q, *qp;
  int64_t *votes;
} buffers;

static int64_t n_pairs(const svm *p) { return p->labels.n * (p->labels.n - 1) / 2; }

static mlcm_status get_buffers(const svm *p, mlcm_call *call, int64_t width, buffers *b, mlcm_error *err) {
  int64_t c = p->labels.n, decisions = n_pairs(p) > c ? n_pairs(p) : c;
  int64_t n = width + p->n_vectors + decisions + 2 * c + 2 * c * c + c;
  double *memory = call->host->scratch(call, (size_t)n * sizeof *memory, err);
  if (memory == NULL) return err->code;
  b->row = memory;
  b->kernels = b->row + width;
  b->decisions = b->kernels + p->n_vectors;
  b->probabilities = b->decisions + decisions;
  b->qp = b->probabilities + c;
  b->pairs = b->qp + c;
  b->q = b->pairs + c * c;
  b->votes = (int64_t *)(void *)(b->q + c * c);
  return MLCM_OK;
}

/* The decision of class i against class j, i < j. */
static double decide(const svm *p, const double *kernels, int64_t i, int64_t j, int64_t pair) {
  const double *for_i = p->coefficients + p->n_vectors * (j - 1) + p->first[i];
  const double *for_j = p->coefficients + p->n_vectors * i + p->first[j];
  return dot(for_i, kernels + p->first[i], p->per_class[i]) + dot(for_j, kernels + p->first[j], p->per_class[j]) + p->rho[pair];
}

static void decide_pairs(const svm *p, const buffers *b) {
  int64_t c = p->labels.n, pair = 0;
  all_kernels(p, b->row, b->kernels);
  for (int64_t i = 0; i < c; i++) b->votes[i] = 0;
  for (int64_t i = 0; i < c; i++) {
    for (int64_t j = i + 1; j < c; j++, pair++) {
      double d = b->decisions[pair] = decide(p, b->kernels, i, j, pair);
      b->votes[d > 0 ? i : j]++;
      if (p->n_prob == 0) continue;
      b->pairs[i * c + j] = pair_probability(d, p->prob_a[pair], p->prob_b[pair]);
      b->pairs[j * c + i] = 1 - b->pairs[i * c + j];
    }
  }
}

static int64_t most_votes(const svm *p, const buffers *b) {
  int64_t best = 0;
  for (int64_t i = 1; i < p->labels.n; i++)
    if (b->votes[i] > b->votes[best]) best = i;
  return best;
}

/* One linear model a class: the largest decision wins. */
static int64_t decide_linear(const svm *p, const buffers *b) {
  int64_t best = 0;
  for (int64_t i = 0; i < p->labels.n; i++) {
    b->decisions[i] =
        dot(b->row, p->coefficients + i * p->n_features, p->n_features) + p->rho[p->n_rho == (size_t)p->labels.n ? i : 0];
    if (b->decisions[i] > b->decisions[best]) best = i;
  }
  return best;
}

/* Scores of a row: probabilities; one a class; or one a pair, of which a single pair is spread over its two classes. */
static int64_t score_row(const svm *p, const buffers *b, const double **scores) {
  *scores = b->decisions;
  if (p->per_class == NULL) {
    int64_t best = decide_linear(p, b);
    mlcm__post_apply(p->post, b->decisions, p->labels.n);
    return best;
  }
  decide_pairs(p, b);
  int64_t best = most_votes(p, b);
  if (p->n_prob > 0) {
    couple(p->labels.n, b->pairs, b->q, b->qp, b->probabilities);
    mlcm__post_apply(p->post, b->probabilities, p->labels.n);
    *scores = b->probabilities;
  } else if (p->labels.n == 2) {
    double d = b->decisions[0];
    b->decisions[0] = p->post == MLCM__POST_NONE || p->post == MLCM__POST_LOGISTIC ? -d : 1 - d;
    b->decisions[1] = d;
    if (p->post == MLCM__POST_LOGISTIC) mlcm__post_apply(p->post, b->decisions, 2);
  } else {
    mlcm__post_apply(p->post, b->decisions, n_pairs(p));
  }
  return best;
}

static mlcm_status run_classifier(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const svm *p = k->data;
  mlcm__rows x;
  buffers b = {0};
  void *labels = NULL, *out = NULL;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (st) return st;
  if (x.width != p->n_features)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the model has %lld features, rows have %lld", (long long)p->n_features,
                      (long long)x.width);
  bool pairwise = p->per_class != NULL && p->n_prob == 0 && p->labels.n > 2;
  int64_t n_scores = pairwise ? n_pairs(p) : p->labels.n;
  st = get_buffers(p, call, x.width, &b, err);
  if (st) return st;
  if (mlcm__ref_wants(call, 0) &&
      (labels = call->host->output(call, 0, p->labels.strings != NULL ? MLCM_STRING : MLCM_I64, 1, &x.n, err)) == NULL)
    return err->code;
  if (mlcm__ref_wants(call, 1) && (out = call->host->output(call, 1, MLCM_F32, 2, (const int64_t[]){x.n, n_scores}, err)) == NULL)
    return err->code;
  for (int64_t i = 0; i < x.n; i++) {
    const double *scores = NULL;
    mlcm__load_f64(b.row, x.t, i * x.width, 1, x.width);
    int64_t best = score_row(p, &b, &scores);
    if (labels != NULL) mlcm__label_store(&p->labels, labels, i, best);
    if (out != NULL) mlcm__store_f64(MLCM_F32, out, i * n_scores, scores, n_scores);
  }
  return MLCM_OK;
}

/* ---- Regressor ---- */

static mlcm_status run_regressor(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const svm *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (st) return st;
  if (x.width != p->n_features)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the model has %lld features, rows have %lld", (long long)p->n_features,
                      (long long)x.width);
  void *out = call->host->output(call, 0, MLCM_F32, 2, (const int64_t[]){x.n, 1}, err);
  double *row = call->host->scratch(call, (size_t)(x.width + (p->n_vectors > 0 ? p->n_vectors : 0)) * sizeof *row, err);
  if (out == NULL || row == NULL) return err->code;
  double *kernels = row + x.width;
  for (int64_t i = 0; i < x.n; i++) {
    mlcm__load_f64(row, x.t, i * x.width, 1, x.width);
    if (p->n_vectors > 0) all_kernels(p, row, kernels);
    double score =
        p->rho[0] + (p->n_vectors > 0 ? dot(p->coefficients, kernels, p->n_vectors) : dot(p->coefficients, row, x.width));
    if (p->one_class) score = score > 0 ? 1 : -1;
    mlcm__post_apply(p->post, &score, 1);
    mlcm__store_f64(MLCM_F32, out, i, &score, 1);
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"SVMClassifier", MLCM__REF_ML, 1, 0, 1, 1, prepare_classifier, run_classifier, NULL, 2},
    {"SVMRegressor", MLCM__REF_ML, 1, 0, 1, 1, prepare_regressor, run_regressor, NULL},
};

const mlcm__ref_family mlcm__ref_svm_family = {OPS, sizeof OPS / sizeof OPS[0]};
