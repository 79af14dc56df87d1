/* SPDX-License-Identifier: Apache-2.0
 *
 * tree_ops.c - TreeEnsembleClassifier, TreeEnsembleRegressor, TreeEnsemble.
 *
 * Two classes are special in ONNX, and exporters rely on how ONNX Runtime reads it: when all leaves are for one class, their sum
 * s is the score of the second class. If no weight is negative, s is a probability (1 - s, s; the threshold is 0.5), otherwise a
 * margin (-s, s; the threshold is 0). Of the post transforms only LOGISTIC is applied then, to (-s, s).
 */
#include <math.h>
#include <string.h>

#include "infer/reference/tree.h"

typedef struct ensemble {
  mlcm__forest forest;
  const double *base;
  size_t n_base;
  int post;
  mlcm__labels labels;   /* classifier */
  bool binary, positive; /* all leaves for one of two classes; no weight negative */
  mlcm_dtype out_dtype;  /* 0: the input's */
} ensemble;

/* ---- Load ---- */

static int aggregate_of(mlcm__ref_reader *r) {
  static const char *const names[] = {"SUM", "AVERAGE", "MIN", "MAX"};
  mlcm_str text = mlcm__ref_text(r, "aggregate_function", "SUM");
  for (int i = 0; i < 4; i++)
    if (mlcm__ref_text_is(text, names[i])) return i;
  if (r->st == MLCM_OK) r->st = mlcm__fail(r->err, MLCM_PARSE, "aggregate_function is unknown");
  return MLCM__SUM;
}

static mlcm_status check_base(mlcm__ref_reader *r, const ensemble *e) {
  if (e->n_base == 0 || (int64_t)e->n_base == e->forest.n_targets || (e->binary && e->n_base == 1)) return MLCM_OK;
  return r->st = mlcm__fail(r->err, MLCM_PARSE, "'base_values' has %zu values for %lld targets", e->n_base,
                            (long long)e->forest.n_targets);
}

static void look_for_binary(ensemble *e, const mlcm__tree_source *s) {
  e->binary = e->labels.n == 2 && s->n_weights > 0;
  e->positive = true;
  for (size_t i = 0; i < s->n_weights; i++) {
    if (s->leaf_target[i] != s->leaf_target[0]) e->binary = false;
    if (s->leaf_weight[i] < 0) e->positive = false;
  }
}

/* `load` gives memory that goes when prepare ends; what stays is kept in k. */
typedef struct loader {
  mlcm__ref_kernel *k, load;
  mlcm__ref_reader r;
  mlcm__tree_source source;
  int aggregate;
} loader;

static mlcm_status read_classifier(loader *l, ensemble *e) {
  if (mlcm__tree_read_old(&l->r, &l->load, "class", &l->source)) return l->r.st;
  if (mlcm__ref_labels(&l->r, l->k, "classlabels_int64s", "classlabels_strings", &e->labels)) return l->r.st;
  l->source.n_targets = e->labels.n;
  l->aggregate = MLCM__SUM;
  look_for_binary(e, &l->source);
  e->base = mlcm__ref_doubles(&l->r, l->k, "base_values", "base_values_as_tensor", &e->n_base);
  e->post = mlcm__ref_post(&l->r);
  return l->r.st;
}

static mlcm_status read_regressor(loader *l, ensemble *e) {
  l->source.n_targets = mlcm__ref_int(&l->r, "n_targets", 1);
  if (mlcm__tree_read_old(&l->r, &l->load, "target", &l->source)) return l->r.st;
  e->base = mlcm__ref_doubles(&l->r, l->k, "base_values", "base_values_as_tensor", &e->n_base);
  e->post = mlcm__ref_post(&l->r);
  e->out_dtype = MLCM_F32;
  l->aggregate = aggregate_of(&l->r);
  return l->r.st;
}

static mlcm_status read_ensemble(loader *l, ensemble *e) {
  static const int posts[] = {MLCM__POST_NONE, MLCM__POST_SOFTMAX, MLCM__POST_LOGISTIC, MLCM__POST_SOFTMAX_ZERO,
                              MLCM__POST_PROBIT};
  static const int aggregates[] = {MLCM__AVERAGE, MLCM__SUM, MLCM__MIN, MLCM__MAX};
  l->source.n_targets = mlcm__ref_int(&l->r, "n_targets", 1);
  int64_t post = mlcm__ref_int(&l->r, "post_transform", 0), aggregate = mlcm__ref_int(&l->r, "aggregate_function", 1);
  if (mlcm__tree_read_new(&l->r, &l->load, &l->source)) return l->r.st;
  if (post < 0 || post > 4 || aggregate < 0 || aggregate > 3)
    return mlcm__fail(l->r.err, MLCM_PARSE, "post_transform or aggregate_function is out of range");
  e->post = posts[post];
  l->aggregate = aggregates[aggregate];
  return MLCM_OK;
}

typedef struct variant {
  mlcm_status (*read)(loader *l, ensemble *e);
} variant;

static mlcm_status prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  const variant *v = k->op->variant;
  ensemble *e = mlcm__ref_keep(k, 1, sizeof *e, err);
  if (e == NULL) return err->code;
  loader l = {.k = k, .r = mlcm__ref_read(node, err)};
  mlcm__arena_init(&l.load.arena, node->ctx);
  mlcm_status st = v->read(&l, e);
  if (!st) st = mlcm__forest_build(k, &l.source, l.aggregate, &e->forest, err);
  if (!st) st = check_base(&l.r, e);
  mlcm__arena_reset(&l.load.arena);
  k->data = e;
  return st;
}

/* ---- Run ---- */

typedef struct buffers {
  double *row, *scores;
  uint8_t *has_score;
} buffers;

static mlcm_status begin(const ensemble *e, mlcm_call *call, mlcm__rows *x, buffers *buf, mlcm_error *err) {
  mlcm_status st = mlcm__ref_rows(call->inputs[0], x, err);
  if (st) return st;
  if (x->width < e->forest.n_features)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the trees read feature %lld, rows have %lld features",
                      (long long)e->forest.n_features - 1, (long long)x->width);
  size_t width = (size_t)x->width, targets = (size_t)e->forest.n_targets;
  double *memory = call->host->scratch(call, (width + targets) * sizeof *memory + targets, err);
  if (memory == NULL) return err->code;
  *buf = (buffers){.row = memory, .scores = memory + width, .has_score = (uint8_t *)(memory + width + targets)};
  return MLCM_OK;
}

static void score_row(const ensemble *e, const mlcm__rows *x, int64_t i, const buffers *buf) {
  mlcm__load_f64(buf->row, x->t, i * x->width, 1, x->width);
  mlcm__forest_score(&e->forest, buf->row, buf->scores, buf->has_score);
}

/* Turns the one sum into the scores of both classes and answers which class it is. */
static int64_t finish_binary(const ensemble *e, double *scores, const uint8_t *has_score) {
  double s = has_score[1] ? scores[1] : scores[0];
  if (e->n_base == 1) s += e->base[0];
  if (e->n_base == 2) s += e->base[1];
  int64_t best = s > (e->positive ? 0.5 : 0.0);
  scores[0] = e->positive && e->post != MLCM__POST_LOGISTIC ? 1 - s : -s;
  scores[1] = s;
  if (e->post == MLCM__POST_LOGISTIC) mlcm__post_apply(e->post, scores, 2);
  return best;
}

static int64_t finish_classes(const ensemble *e, double *scores) {
  int64_t best = 0;
  for (size_t t = 0; t < e->n_base; t++) scores[t] += e->base[t];
  for (int64_t c = 1; c < e->labels.n; c++)
    if (scores[c] > scores[best]) best = c;
  mlcm__post_apply(e->post, scores, e->labels.n);
  return best;
}

static mlcm_status run_classifier(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const ensemble *e = k->data;
  mlcm__rows x;
  buffers buf = {0};
  void *labels = NULL, *scores = NULL;
  mlcm_status st = begin(e, call, &x, &buf, err);
  if (st) return st;
  if (mlcm__ref_wants(call, 0) &&
      (labels = call->host->output(call, 0, e->labels.strings != NULL ? MLCM_STRING : MLCM_I64, 1, &x.n, err)) == NULL)
    return err->code;
  if (mlcm__ref_wants(call, 1) &&
      (scores = call->host->output(call, 1, MLCM_F32, 2, (const int64_t[]){x.n, e->labels.n}, err)) == NULL)
    return err->code;
  for (int64_t i = 0; i < x.n; i++) {
    score_row(e, &x, i, &buf);
    int64_t best = e->binary ? finish_binary(e, buf.scores, buf.has_score) : finish_classes(e, buf.scores);
    if (labels != NULL) mlcm__label_store(&e->labels, labels, i, best);
    if (scores != NULL) mlcm__store_f64(MLCM_F32, scores, i * e->labels.n, buf.scores, e->labels.n);
  }
  return MLCM_OK;
}

static mlcm_status run_regressor(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const ensemble *e = k->data;
  int64_t n_targets = e->forest.n_targets;
  mlcm__rows x;
  buffers buf = {0};
  mlcm_status st = begin(e, call, &x, &buf, err);
  if (st) return st;
  mlcm_dtype dtype = e->out_dtype != 0 || mlcm__lane_kind(x.t->dtype) != MLCM__LANE_F ? MLCM_F32 : x.t->dtype;
  void *out = call->host->output(call, 0, dtype, 2, (const int64_t[]){x.n, n_targets}, err);
  if (out == NULL) return err->code;
  for (int64_t i = 0; i < x.n; i++) {
    score_row(e, &x, i, &buf);
    for (size_t t = 0; t < e->n_base; t++) buf.scores[t] += e->base[t];
    mlcm__post_apply(e->post, buf.scores, n_targets);
    mlcm__store_f64(dtype, out, i * n_targets, buf.scores, n_targets);
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {"TreeEnsembleClassifier", MLCM__REF_ML, 1, 0, 1, 1, prepare, run_classifier, &(const variant){read_classifier}, 2},
    {"TreeEnsembleRegressor", MLCM__REF_ML, 1, 0, 1, 1, prepare, run_regressor, &(const variant){read_regressor}},
    {"TreeEnsemble", MLCM__REF_ML, 5, 0, 1, 1, prepare, run_regressor, &(const variant){read_ensemble}},
};

const mlcm__ref_family mlcm__ref_tree_family = {OPS, sizeof OPS / sizeof OPS[0]};
