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

/* Work space grows with the square of it. */
enum { MAX_CLASSES = 32768 };

typedef struct svm {
  int kernel, post;
  double gamma, coef0, degree;
  const double *vectors, *coefficients, *rho, *prob_a, *prob_b;
  size_t n_coefficients, n_rho, n_prob;
  int64_t n_vectors, n_features;
  const int64_t *first, *per_class; /* [n_classes]; NULL: a linear model a class */
  bool one_class;
  mlcm__labels labels;
} svm;

/* ---- Load ---- */

static void read_common(mlcm__ref_reader *r, svm *p, size_t *n_values) {
  static const char *const kernels[] = {[LINEAR] = "LINEAR", [POLY] = "POLY", [RBF] = "RBF", [SIGMOID] = "SIGMOID"};
  size_t n_params = 0;
  p->kernel = mlcm__ref_choice(r, "kernel_type", kernels, 4);
  const double *params = mlcm__ref_doubles(r, "kernel_params", NULL, &n_params);
  p->vectors = mlcm__ref_doubles(r, "support_vectors", NULL, n_values);
  p->coefficients = mlcm__ref_doubles(r, "coefficients", NULL, &p->n_coefficients);
  p->rho = mlcm__ref_doubles(r, "rho", NULL, &p->n_rho);
  p->post = mlcm__ref_post(r);
  if (n_params == 3) {
    p->gamma = params[0];
    p->coef0 = params[1];
    p->degree = params[2];
  } else if (n_params != 0) {
    mlcm__ref_bad(r, MLCM_PARSE, "'kernel_params' has %zu values instead of 3", n_params);
  }
  if (p->n_rho == 0 || p->n_coefficients == 0) mlcm__ref_bad(r, MLCM_PARSE, "'rho' or 'coefficients' is empty");
}

static void shape_vectors(mlcm__ref_reader *r, svm *p, size_t n_values) {
  if (p->n_vectors <= 0 || n_values % (size_t)p->n_vectors != 0)
    mlcm__ref_bad(r, MLCM_PARSE, "%zu values are no %lld support vectors", n_values, (long long)p->n_vectors);
  else
    p->n_features = (int64_t)n_values / p->n_vectors;
}

/* Where the vectors of each class begin, and how many there are in all: 'vectors_per_class' is per_class [n]. */
static void count_vectors(mlcm__ref_reader *r, svm *p, const int64_t *per_class, size_t n) {
  int64_t *first = mlcm__ref_keep(r, n, sizeof *first);
  p->per_class = mlcm__ref_keep_copy(r, per_class, n, sizeof *per_class);
  p->first = first;
  for (size_t i = 0; r->st == MLCM_OK && i < n; i++) {
    first[i] = p->n_vectors;
    if (per_class[i] < 0 || per_class[i] > (int64_t)p->n_coefficients - p->n_vectors)
      mlcm__ref_bad(r, MLCM_PARSE, "'vectors_per_class' counts more support vectors than there are coefficients");
    else
      p->n_vectors += per_class[i];
  }
}

static void read_pairs(mlcm__ref_reader *r, svm *p, const int64_t *per_class, size_t n, size_t n_values) {
  if (n > MAX_CLASSES) {
    mlcm__ref_bad(r, MLCM_LIMIT, "there are %zu classes, at most %d are supported", n, MAX_CLASSES);
    return;
  }
  count_vectors(r, p, per_class, n);
  int64_t c = (int64_t)n, pairs = c * (c - 1) / 2;
  bool fits = c == p->labels.n && c >= 2 && (int64_t)p->n_rho == pairs && (int64_t)p->n_coefficients == p->n_vectors * (c - 1) &&
              (p->n_prob == 0 || (int64_t)p->n_prob == pairs);
  if (!fits)
    mlcm__ref_bad(r, MLCM_PARSE,
                  "classes (%lld of %lld labels), rho (%zu), coefficients (%zu) and probabilities (%zu) do not fit", (long long)c,
                  (long long)p->labels.n, p->n_rho, p->n_coefficients, p->n_prob);
  shape_vectors(r, p, n_values);
}

static void read_linear(mlcm__ref_reader *r, svm *p) {
  p->kernel = LINEAR;
  if (p->labels.n == 0 || p->n_coefficients % (size_t)p->labels.n != 0)
    mlcm__ref_bad(r, MLCM_PARSE, "%zu coefficients for %lld classes", p->n_coefficients, (long long)p->labels.n);
  else
    p->n_features = (int64_t)p->n_coefficients / p->labels.n;
}

static void prepare_classifier(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  svm *p = k->data;
  size_t n_values = 0, n_b = 0, n = 0;
  p->prob_a = mlcm__ref_doubles(r, "prob_a", NULL, &p->n_prob);
  p->prob_b = mlcm__ref_doubles(r, "prob_b", NULL, &n_b);
  if (n_b != p->n_prob) mlcm__ref_bad(r, MLCM_PARSE, "'prob_a' and 'prob_b' differ in length");
  mlcm__ref_labels(r, "class labels", "classlabels_ints", "classlabels_strings", &p->labels);
  read_common(r, p, &n_values);
  const int64_t *per_class = mlcm__ref_ints(r, "vectors_per_class", &n);
  if (n > 0)
    read_pairs(r, p, per_class, n, n_values);
  else
    read_linear(r, p);
}

static void prepare_regressor(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  svm *p = k->data;
  size_t n_values = 0;
  p->one_class = mlcm__ref_flag(r, "one_class", false);
  p->n_vectors = mlcm__ref_int(r, "n_supports", 0);
  read_common(r, p, &n_values);
  if (p->n_vectors <= 0) {
    p->n_vectors = 0;
    p->kernel = LINEAR;
    p->n_features = (int64_t)p->n_coefficients;
    return;
  }
  if ((int64_t)p->n_coefficients != p->n_vectors)
    mlcm__ref_bad(r, MLCM_PARSE, "%zu coefficients for %lld support vectors", p->n_coefficients, (long long)p->n_vectors);
  shape_vectors(r, p, n_values);
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
  /* never: near enough after a few rounds; the bound is LIBSVM's, for numbers that nobody has met */
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
  int64_t c = p->labels.n, pairs = p->per_class != NULL ? n_pairs(p) : 0, square = p->n_prob > 0 ? c * c : 0;
  int64_t decisions = pairs > c ? pairs : c;
  double *memory = mlcm__ref_scratch(call, width + p->n_vectors + decisions + 3 * c + 2 * square, err);
  if (memory == NULL) return err->code;
  b->row = memory;
  b->kernels = b->row + width;
  b->decisions = b->kernels + p->n_vectors;
  b->probabilities = b->decisions + decisions;
  b->qp = b->probabilities + c;
  b->votes = (int64_t *)(void *)(b->qp + c);
  b->pairs = b->qp + 2 * c;
  b->q = b->pairs + square;
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
  mlcm__verdicts out;
  bool pairwise = p->per_class != NULL && p->n_prob == 0 && p->labels.n > 2;
  int64_t n_scores = pairwise ? n_pairs(p) : p->labels.n;
  mlcm_status st = mlcm__ref_rows_of(call->inputs[0], p->n_features, &x, err);
  if (!st) st = get_buffers(p, call, x.width, &b, err);
  if (!st) st = mlcm__ref_verdicts(call, &p->labels, x.n, n_scores, &out, err);
  for (int64_t i = 0; !st && i < x.n; i++) {
    const double *scores = NULL;
    mlcm__load_f64(b.row, x.t, i * x.width, 1, x.width);
    int64_t best = score_row(p, &b, &scores);
    mlcm__verdict_store(&out, &p->labels, i, best, scores, n_scores);
  }
  return st;
}

/* ---- Regressor ---- */

static double regress_row(const svm *p, const double *row, double *kernels) {
  if (p->n_vectors == 0) return p->rho[0] + dot(p->coefficients, row, p->n_features);
  all_kernels(p, row, kernels);
  return p->rho[0] + dot(p->coefficients, kernels, p->n_vectors);
}

static mlcm_status run_regressor(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const svm *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows_of(call->inputs[0], p->n_features, &x, err);
  if (st) return st;
  void *out = call->host->output(call, 0, MLCM_F32, 2, (const int64_t[]){x.n, 1}, err);
  if (out == NULL) return err->code;
  double *row = mlcm__ref_scratch(call, x.width + p->n_vectors, err);
  if (row == NULL) return err->code;
  for (int64_t i = 0; i < x.n; i++) {
    mlcm__load_f64(row, x.t, i * x.width, 1, x.width);
    double score = regress_row(p, row, row + x.width);
    if (p->one_class) score = score > 0 ? 1 : -1;
    mlcm__post_apply(p->post, &score, 1);
    mlcm__store_f64(MLCM_F32, out, i, &score, 1);
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("SVMClassifier", 1, 1, 1), .domain = MLCM__REF_ML, .max_outputs = 2, .takes = {MLCM__NUMBERS},
     .gives_by = mlcm__ref_gives_verdicts, .data_bytes = sizeof(svm), .prepare = prepare_classifier, .run = run_classifier},
    {MLCM__REF_OP("SVMRegressor", 1, 1, 1), .domain = MLCM__REF_ML, .takes = {MLCM__NUMBERS}, .gives = {MLCM_F32},
     .data_bytes = sizeof(svm), .prepare = prepare_regressor, .run = run_regressor},
};

const mlcm__ref_family mlcm__ref_svm_family = {OPS, sizeof OPS / sizeof OPS[0]};
