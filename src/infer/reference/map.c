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

typedef struct zip {
  int64_t n;
} zip;

static mlcm_status prepare_zip(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  zip *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  size_t n_ints = 0, n_strings = 0;
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  (void)mlcm__ref_ints(&r, "classlabels_int64s", &n_ints);
  (void)mlcm__ref_strings(&r, "classlabels_strings", &n_strings);
  if (r.st) return r.st;
  if ((n_ints == 0) == (n_strings == 0))
    return mlcm__fail(err, MLCM_PARSE, "class labels must be given either as ints or as strings");
  p->n = (int64_t)(n_ints + n_strings);
  k->data = p;
  return MLCM_OK;
}

static mlcm_status run_zip(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const zip *p = k->data;
  mlcm__rows x;
  mlcm_status st = mlcm__ref_rows(call->inputs[0], &x, err);
  if (st) return st;
  if (x.width != p->n)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "there are %lld columns for %lld classes", (long long)x.width, (long long)p->n);
  return mlcm__ref_copy_out(call, 0, x.t, 2, (const int64_t[]){x.n, x.width}, err);
}

/* ---- DictVectorizer: the values of known keys in the vocabulary's order, 0 or "" for missing ones ---- */

typedef struct vocabulary {
  bool strings;
  const mlcm__lookup *words;
  int64_t n;
} vocabulary;

static mlcm_status prepare_dict(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  vocabulary *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  size_t n_ints = 0, n_strings = 0;
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  const int64_t *ints = mlcm__ref_ints(&r, "int64_vocabulary", &n_ints);
  const mlcm_str *strings = mlcm__ref_strings(&r, "string_vocabulary", &n_strings);
  if (r.st) return r.st;
  if ((n_ints == 0) == (n_strings == 0))
    return mlcm__fail(err, MLCM_PARSE, "the vocabulary must be given either as ints or as strings");
  p->strings = n_strings > 0;
  p->n = (int64_t)(n_ints + n_strings);
  k->data = p;
  return p->strings ? mlcm__lookup_strings(k, strings, n_strings, &p->words, err)
                    : mlcm__lookup_ints(k, ints, n_ints, &p->words, err);
}

static mlcm_status run_dict(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const vocabulary *p = k->data;
  const mlcm_tensor *x = call->inputs[0];
  size_t size = mlcm_dtype_size(x->dtype);
  if (x->key_dtype != (p->strings ? MLCM_STRING : MLCM_I64))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the vocabulary is %s, the map's keys are %s", p->strings ? "strings" : "ints",
                      mlcm_dtype_name(x->key_dtype));
  char *out = call->host->output(call, 0, x->dtype, 2, (const int64_t[]){1, p->n}, err);
  if (out == NULL) return err->code;
  memset(out, 0, (size_t)p->n * size);
  for (int64_t i = 0; i < x->count; i++) {
    int64_t position = p->strings ? mlcm__lookup_string(p->words, ((const mlcm_str *)x->keys)[i])
                                  : mlcm__lookup_int(p->words, ((const int64_t *)x->keys)[i]);
    if (position >= 0) memcpy(out + (size_t)position * size, (const char *)x->data + (size_t)i * size, size);
  }
  return MLCM_OK;
}

/* ---- CastMap: values by key (DENSE), or by key as column number (SPARSE) ---- */

typedef struct cast_map {
  mlcm_dtype to;
  bool sparse;
  int64_t width;
} cast_map;

static mlcm_status prepare_cast(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  cast_map *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  mlcm_str to = mlcm__ref_text(&r, "cast_to", "TO_FLOAT");
  p->sparse = mlcm__ref_text_is(mlcm__ref_text(&r, "map_form", "DENSE"), "SPARSE");
  p->width = mlcm__ref_int(&r, "max_map", 1);
  p->to = mlcm__ref_text_is(to, "TO_FLOAT")    ? MLCM_F32
          : mlcm__ref_text_is(to, "TO_INT64")  ? MLCM_I64
          : mlcm__ref_text_is(to, "TO_STRING") ? MLCM_STRING
                                               : 0;
  if (r.st) return r.st;
  if (p->to == 0 || (p->sparse && p->width <= 0)) return mlcm__fail(err, MLCM_PARSE, "'cast_to' or 'max_map' is out of range");
  k->data = p;
  return MLCM_OK;
}

static mlcm_status number_of(const mlcm_tensor *x, int64_t i, double *out, mlcm_error *err) {
  if (x->dtype != MLCM_STRING) {
    mlcm__load_f64(out, x, i, 1, 1);
    return MLCM_OK;
  }
  mlcm_str text = ((const mlcm_str *)x->data)[i];
  if (mlcm__parse_f64(text.ptr, text.len, out)) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%.*s' is no number", text.len < 60 ? (int)text.len : 60,
                    text.len > 0 ? text.ptr : "");
}

static mlcm_status text_of(mlcm_call *call, const mlcm_tensor *x, int64_t i, mlcm_str *out, mlcm_error *err) {
  char number[32];
  double value = 0;
  if (x->dtype == MLCM_STRING) {
    *out = ((const mlcm_str *)x->data)[i];
    return MLCM_OK;
  }
  mlcm__load_f64(&value, x, i, 1, 1);
  snprintf(number, sizeof number, "%f", value); /* as ONNX Runtime prints it */
  if (!(value > -1e12 && value < 1e12)) mlcm__format_f64(value, number);
  size_t len = strlen(number);
  char *bytes = call->host->text(call, len, err);
  if (bytes == NULL) return err->code;
  memcpy(bytes, number, len);
  *out = (mlcm_str){bytes, len};
  return MLCM_OK;
}

static mlcm_status put_value(mlcm_call *call, const mlcm_tensor *x, int64_t i, mlcm_dtype to, void *out, int64_t column,
                             mlcm_error *err) {
  double value = 0;
  if (to == MLCM_STRING) return text_of(call, x, i, &((mlcm_str *)out)[column], err);
  mlcm_status st = number_of(x, i, &value, err);
  if (st) return st;
  if (to == MLCM_F32)
    ((float *)out)[column] = (float)value;
  else
    ((int64_t *)out)[column] = mlcm__f64_to_int(MLCM_I64, value);
  return MLCM_OK;
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

static const mlcm__ref_op OPS[] = {
    {"ZipMap", MLCM__REF_ML, 1, 0, 1, 1, prepare_zip, run_zip, NULL},
    {"DictVectorizer", MLCM__REF_ML, 1, 0, 1, 1, prepare_dict, run_dict, NULL},
    {"CastMap", MLCM__REF_ML, 1, 0, 1, 1, prepare_cast, run_cast, NULL},
};

const mlcm__ref_family mlcm__ref_map_family = {OPS, sizeof OPS / sizeof OPS[0]};
