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
} ensemble;

/* ---- Load ---- */

static void check_base(mlcm__ref_reader *r, const ensemble *e) {
  if (e->n_base == 0 || (int64_t)e->n_base == e->forest.n_targets || (e->binary && e->n_base == 1)) return;
  mlcm__ref_bad(r, MLCM_PARSE, "'base_values' has %zu values for %lld targets", e->n_base, (long long)e->forest.n_targets);
}

static void look_for_binary(ensemble *e, const mlcm__tree_source *s) {
  e->binary = e->labels.n == 2 && s->n_weights > 0;
  e->positive = true;
  for (size_t i = 0; i < s->n_weights; i++) {
    if (s->leaf_target[i] != s->leaf_target[0]) e->binary = false;
    if (s->leaf_weight[i] < 0) e->positive = false;
  }
}

/* `load` gives memory that goes when prepare ends; what stays is kept through `stay`. */
typedef struct loader {
  mlcm__ref_reader *stay, load;
  mlcm__tree_source source;
  int aggregate;
} loader;

typedef struct variant {
  void (*read)(loader *l, ensemble *e);
} variant;

static void read_classifier(loader *l, ensemble *e) {
  mlcm__ref_labels(l->stay, "class labels", "classlabels_int64s", "classlabels_strings", &e->labels);
  mlcm__tree_read_old(&l->load, "class", &l->source);
  l->source.n_targets = e->labels.n;
  l->aggregate = MLCM__SUM;
  if (l->load.st == MLCM_OK) look_for_binary(e, &l->source);
  e->base = mlcm__ref_doubles(l->stay, "base_values", "base_values_as_tensor", &e->n_base);
  e->post = mlcm__ref_post(l->stay);
}

static void read_regressor(loader *l, ensemble *e) {
  static const char *const names[] = {[MLCM__SUM] = "SUM", [MLCM__AVERAGE] = "AVERAGE", [MLCM__MIN] = "MIN", [MLCM__MAX] = "MAX"};
  mlcm__tree_read_old(&l->load, "target", &l->source);
  l->source.n_targets = mlcm__ref_int(l->stay, "n_targets", 1);
  l->aggregate = mlcm__ref_choice(l->stay, "aggregate_function", names, 4);
  e->base = mlcm__ref_doubles(l->stay, "base_values", "base_values_as_tensor", &e->n_base);
  e->post = mlcm__ref_post(l->stay);
}

/* Here post transforms and aggregates are numbers, in an order of their own. */
static void read_ensemble(loader *l, ensemble *e) {
  static const int posts[] = {MLCM__POST_NONE, MLCM__POST_SOFTMAX, MLCM__POST_LOGISTIC, MLCM__POST_SOFTMAX_ZERO,
                              MLCM__POST_PROBIT};
  static const int aggregates[] = {MLCM__AVERAGE, MLCM__SUM, MLCM__MIN, MLCM__MAX};
  mlcm__tree_read_new(&l->load, &l->source);
  l->source.n_targets = mlcm__ref_int(l->stay, "n_targets", 1);
  int64_t post = mlcm__ref_int(l->stay, "post_transform", 0), aggregate = mlcm__ref_int(l->stay, "aggregate_function", 1);
  if (post < 0 || post > 4 || aggregate < 0 || aggregate > 3) {
    mlcm__ref_bad(l->stay, MLCM_PARSE, "post_transform or aggregate_function is out of range");
    return;
  }
  e->post = posts[post];
  l->aggregate = aggregates[aggregate];
}

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  const variant *v = k->op->variant;
  ensemble *e = k->data;
  mlcm__arena arena;
  mlcm__arena_init(&arena, r->node->ctx);
  loader l = {.stay = r, .load = {.node = r->node, .arena = &arena, .err = r->err}};
  v->read(&l, e);
  if (r->st == MLCM_OK) r->st = l.load.st;
  if (r->st == MLCM_OK) mlcm__forest_build(r, &l.source, l.aggregate, &e->forest);
  check_base(r, e);
  mlcm__arena_reset(&arena);
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
  int64_t targets = e->forest.n_targets;
  double *memory = mlcm__ref_scratch(call, x->width + 2 * targets, err); /* has_score needs an eighth of its part */
  if (memory == NULL) return err->code;
  *buf = (buffers){.row = memory, .scores = memory + x->width, .has_score = (uint8_t *)(memory + x->width + targets)};
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
  mlcm__verdicts out;
  mlcm_status st = begin(e, call, &x, &buf, err);
  if (!st) st = mlcm__ref_verdicts(call, &e->labels, x.n, e->labels.n, &out, err);
  for (int64_t i = 0; !st && i < x.n; i++) {
    score_row(e, &x, i, &buf);
    int64_t best = e->binary ? finish_binary(e, buf.scores, buf.has_score) : finish_classes(e, buf.scores);
    mlcm__verdict_store(&out, &e->labels, i, best, buf.scores, e->labels.n);
  }
  return st;
}

static mlcm_status run_regressor(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const ensemble *e = k->data;
  int64_t n_targets = e->forest.n_targets;
  mlcm__rows x;
  buffers buf = {0};
  mlcm_status st = begin(e, call, &x, &buf, err);
  if (st) return st;
  mlcm_dtype dtype = k->op->gives[0] == MLCM_F32 ? MLCM_F32 : x.t->dtype;
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

#define OP(name_, since_, takes_, run_, read, ...)                                                                               \
  {.name = name_,                                                                                                                \
   .domain = MLCM__REF_ML,                                                                                                       \
   .since = since_,                                                                                                              \
   .min_inputs = 1,                                                                                                              \
   .max_inputs = 1,                                                                                                              \
   .takes = {takes_},                                                                                                            \
   .data_bytes = sizeof(ensemble),                                                                                               \
   .prepare = prepare,                                                                                                           \
   .run = run_,                                                                                                                  \
   .variant = &(const variant){read},                                                                                            \
   __VA_ARGS__}

static const mlcm__ref_op OPS[] = {
    OP("TreeEnsembleClassifier", 1, MLCM__NUMBERS, run_classifier, read_classifier, .max_outputs = 2,
       .gives_by = mlcm__ref_gives_verdicts),
    OP("TreeEnsembleRegressor", 1, MLCM__NUMBERS, run_regressor, read_regressor, .gives = {MLCM_F32}),
    OP("TreeEnsemble", 5, MLCM__REALS, run_regressor, read_ensemble, .gives = {MLCM__LIKE_0}),
};

const mlcm__ref_family mlcm__ref_tree_family = {OPS, sizeof OPS / sizeof OPS[0]};
