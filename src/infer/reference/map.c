/* SPDX-License-Identifier: Apache-2.0
 *
 * map.c - ai.onnx.ml's operators on maps: ZipMap, DictVectorizer, CastMap.
 *
 * ZipMap's sequence of maps is delivered as the table it was made from; the session knows the class names.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "infer/reference/reference.h"

/* ---- ZipMap ---- */

static void prepare_zip(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  mlcm__ref_labels(r, "class labels", "classlabels_int64s", "classlabels_strings", k->data);
}

static mlcm_status run_zip(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm__labels *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (st) return st;
  if (x.width != p->n)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "there are %lld columns for %lld classes", (long long)x.width, (long long)p->n);
  return mlcm__ref_copy_out(call, 0, x.t, 2, (const int64_t[]){x.n, x.width}, err);
}

/* ---- DictVectorizer: the values of known keys in the vocabulary's order, 0 or "" for missing ones ---- */

typedef struct vocabulary {
  mlcm__labels words;
  const mlcm__lookup *positions;
} vocabulary;

static void prepare_dict(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  vocabulary *p = k->data;
  mlcm__ref_labels(r, "the vocabulary", "int64_vocabulary", "string_vocabulary", &p->words);
  p->positions = mlcm__lookup_labels(r, &p->words);
}

static mlcm_status run_dict(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const vocabulary *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  const bool strings = p->words.strings != NULL;
  size_t size = mlcm_dtype_size(x->dtype);
  if (x->key_dtype != (strings ? MLCM_STRING : MLCM_I64))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the vocabulary is %s, the map's keys are %s", strings ? "strings" : "ints",
                      mlcm_dtype_name(x->key_dtype));
  char *out = call->host->output(call, 0, x->dtype, 2, (const int64_t[]){1, p->words.n}, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)p->words.n * size);
  for (int64_t i = 0; i < x->count; i++) {
    int64_t position = strings ? mlcm__lookup_string(p->positions, ((const mlcm_str *)x->keys)[i])
                               : mlcm__lookup_int(p->positions, ((const int64_t *)x->keys)[i]);
    if (position >= 0) memcpy(out + (size_t)position * size, (const char *)x->data + (size_t)i * size, size);
  }
  return MLCM_OK;
}

/* ---- CastMap: values by key (DENSE), or by key as column number (SPARSE) ---- */

static const char *const CASTS[] = {"TO_FLOAT", "TO_INT64", "TO_STRING"};
static const mlcm_dtype CAST_TYPES[] = {MLCM_F32, MLCM_I64, MLCM_STRING};

typedef struct cast_map {
  mlcm_dtype to;
  bool sparse;
  int64_t width;
} cast_map;

static void prepare_cast(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  static const char *const forms[] = {"DENSE", "SPARSE"};
  cast_map *p = k->data;
  p->to = CAST_TYPES[mlcm__ref_choice(r, "cast_to", CASTS, 3)];
  p->sparse = mlcm__ref_choice(r, "map_form", forms, 2) == 1;
  p->width = mlcm__ref_int(r, "max_map", 1);
  if (p->sparse && p->width <= 0) mlcm__ref_bad(r, MLCM_PARSE, "'max_map' is %lld", (long long)p->width);
}

static mlcm_dtype cast_gives(const mlcm_node *node, size_t i) {
  const mlcm_attr *to = mlcm__ref_attr(node, "cast_to");
  (void)i;
  for (size_t t = 0; to != NULL && t < 3; t++)
    if (mlcm__ref_text_is(to->s, CASTS[t])) return CAST_TYPES[t];
  return to == NULL ? MLCM_F32 : 0;
}

static mlcm_status number_of(const mlcm_tensor *x, int64_t i, double *out, mlcm_error *err) {
  if (x->dtype != MLCM_STRING) {
    *out = mlcm__f64_at(x, i);
    return MLCM_OK;
  }
  mlcm_str text = ((const mlcm_str *)x->data)[i];
  return mlcm__parse_f64(text.ptr, text.len, out) ? MLCM_OK : mlcm__ref_no_number(text, err);
}

static mlcm_status text_of(mlcm_call *call, const mlcm_tensor *x, int64_t i, mlcm_str *out, mlcm_error *err) {
  char number[32];
  if (x->dtype == MLCM_STRING) {
    *out = ((const mlcm_str *)x->data)[i];
    return MLCM_OK;
  }
  double value = mlcm__f64_at(x, i);
  if (value > -1e12 && value < 1e12)
    snprintf(number, sizeof number, "%f", value); /* as ONNX Runtime prints it */
  else
    mlcm__format_f64(value, number);
  return mlcm__ref_make_text(call, number, out, err);
}

static mlcm_status put_value(mlcm_call *call, const mlcm_tensor *x, int64_t i, mlcm_dtype to, void *out, int64_t column,
                             mlcm_error *err) {
  double value = 0;
  if (to == MLCM_STRING) return text_of(call, x, i, &((mlcm_str *)out)[column], err);
  mlcm_status st = number_of(x, i, &value, err);
  if (!st) mlcm__put_number(to, out, column, value);
  return st;
}

/* Keys in ascending order; maps are small, so the next one is searched each time. -1 at the end. */
static int64_t next_key(const int64_t *keys, int64_t n, int64_t after, bool first) {
  int64_t best = -1;
  for (int64_t i = 0; i < n; i++)
    if ((first || keys[i] > after) && (best < 0 || keys[i] < keys[best])) best = i;
  return best;
}

static mlcm_status run_cast(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const cast_map *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  const int64_t *keys = x->keys;
  int64_t width = p->sparse ? p->width : x->count, column = 0;
  mlcm_status st = MLCM_OK;
  if (x->key_dtype != MLCM_I64) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a map with i64 keys is needed");
  char *out = call->host->output(call, 0, p->to, 2, (const int64_t[]){1, width}, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)width * mlcm_dtype_size(p->to));
  if (x->count == 0) return MLCM_OK;
  for (int64_t i = next_key(keys, x->count, 0, true); !st && i >= 0; i = next_key(keys, x->count, keys[i], false)) {
    int64_t at = p->sparse ? keys[i] : column++;
    if (at >= 0 && at < width) st = put_value(call, x, i, p->to, out, at, err);
  }
  return st;
}

#define OP(name_, takes_, data, prepare_, run_, ...)                                                                             \
  {.name = name_,                                                                                                                \
   .domain = MLCM__REF_ML,                                                                                                       \
   .since = 1,                                                                                                                   \
   .min_inputs = 1,                                                                                                              \
   .max_inputs = 1,                                                                                                              \
   .takes = {takes_},                                                                                                            \
   .data_bytes = sizeof(data),                                                                                                   \
   .prepare = prepare_,                                                                                                          \
   .run = run_,                                                                                                                  \
   __VA_ARGS__}

static const mlcm__ref_op OPS[] = {
    OP("ZipMap", MLCM__NUMBERS, mlcm__labels, prepare_zip, run_zip, .gives = {MLCM__LIKE_0}),
    OP("DictVectorizer", MLCM__ANY, vocabulary, prepare_dict, run_dict, .gives = {MLCM__LIKE_0}),
    OP("CastMap", MLCM__ANY, cast_map, prepare_cast, run_cast, .gives_by = cast_gives),
};

const mlcm__ref_family mlcm__ref_map_family = {OPS, sizeof OPS / sizeof OPS[0]};
