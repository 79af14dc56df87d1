/* SPDX-License-Identifier: Apache-2.0
 *
 * cast.c - Cast and CastLike, between all number types and text.
 *
 * Text to number takes decimal and exponent forms, NaN and INF. Number to text gives the shortest form that reads back as the same value.
 * A floating value outside an integer type's range becomes its nearest end, NaN becomes 0.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "infer/reference/reference.h"

typedef struct params {
  mlcm_dtype to;
} params;

static mlcm_status prepare(mlcm__ref_kernel *k, const mlcm_node *node, mlcm_error *err) {
  params *p = mlcm__ref_keep(k, 1, sizeof *p, err);
  if (p == NULL) return err->code;
  mlcm__ref_reader r = mlcm__ref_read(node, err);
  int64_t to = mlcm__ref_int(&r, "to", 0);
  if (r.st) return r.st;
  if (to <= 0 || to > INT32_MAX || mlcm_dtype_size((mlcm_dtype)to) == 0)
    return mlcm__fail(err, MLCM_UNSUPPORTED, "element type %lld is not supported", (long long)to);
  p->to = (mlcm_dtype)to;
  k->data = p;
  return MLCM_OK;
}

/* ---- Numbers ---- */

static void cast_block(const mlcm_tensor *x, int64_t at, int64_t n, mlcm_dtype to, void *out) {
  bool from_real = mlcm__lane_kind(x->dtype) == MLCM__LANE_F, to_real = mlcm__lane_kind(to) == MLCM__LANE_F;
  mlcm__lanes lanes;
  if (to_real) {
    mlcm__load_f64(lanes.f, x, at, 1, n);
    mlcm__store_f64(to, out, at, lanes.f, n);
    return;
  }
  if (!from_real)
    mlcm__load_i64(lanes.i, x, at, 1, n);
  else
    mlcm__load_f64(lanes.f, x, at, 1, n);
  for (int64_t i = 0; from_real && i < n; i++)
    lanes.i[i] = to == MLCM_BOOL && isnan(lanes.f[i]) ? 1 : mlcm__f64_to_int(to, lanes.f[i]);
  mlcm__store_i64(to, out, at, lanes.i, n);
}

/* ---- Text to numbers ---- */

static mlcm_str trimmed(mlcm_str text) {
  while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t' || text.ptr[0] == '+')) text.ptr++, text.len--;
  while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) text.len--;
  return text;
}

static mlcm_status from_text(mlcm_str text, mlcm_dtype to, void *out, int64_t at, mlcm_error *err) {
  mlcm_str t = trimmed(text);
  bool to_real = mlcm__lane_kind(to) == MLCM__LANE_F;
  int64_t whole = 0;
  double real = 0;
  if (!to_real && mlcm__parse_i64(t.ptr, t.len, &whole)) {
    mlcm__store_i64(to, out, at, &whole, 1);
    return MLCM_OK;
  }
  if (!mlcm__parse_f64(t.ptr, t.len, &real))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%.*s' is no number", text.len < 60 ? (int)text.len : 60,
                      text.len > 0 ? text.ptr : "");
  whole = to_real ? 0 : mlcm__f64_to_int(to, real);
  if (to_real)
    mlcm__store_f64(to, out, at, &real, 1);
  else
    mlcm__store_i64(to, out, at, &whole, 1);
  return MLCM_OK;
}

/* ---- Numbers to text ---- */

/* The fewest digits that read back as the same f32. */
static void format_f32(double value, char out[32]) {
  for (int digits = 1; digits <= 9; digits++) {
    snprintf(out, 32, "%.*g", digits, value);
    double back = 0;
    if (mlcm__parse_f64(out, strlen(out), &back) && (float)back == (float)value) return;
  }
}

static void format_number(const mlcm_tensor *x, int64_t i, char out[32]) {
  int64_t whole = 0;
  double real = 0;
  if (mlcm__lane_kind(x->dtype) != MLCM__LANE_F) {
    mlcm__load_i64(&whole, x, i, 1, 1);
    if (x->dtype == MLCM_U64)
      snprintf(out, 32, "%llu", (unsigned long long)whole);
    else
      snprintf(out, 32, "%lld", (long long)whole);
    return;
  }
  mlcm__load_f64(&real, x, i, 1, 1);
  if (isnan(real))
    snprintf(out, 32, "NaN");
  else if (isinf(real))
    snprintf(out, 32, "%s", real > 0 ? "INF" : "-INF");
  else if (x->dtype == MLCM_F64)
    mlcm__format_f64(real, out);
  else
    format_f32(real, out);
}

static mlcm_status to_text(mlcm_call *call, const mlcm_tensor *x, mlcm_str *out, mlcm_error *err) {
  for (int64_t i = 0; i < x->count; i++) {
    char number[32] = "";
    format_number(x, i, number);
    size_t len = strlen(number);
    char *bytes = call->host->text(call, len, err);
    if (bytes == NULL) return err->code;
    memcpy(bytes, number, len);
    out[i] = (mlcm_str){bytes, len};
  }
  return MLCM_OK;
}

/* ---- The operators ---- */

static mlcm_status cast_to(mlcm_call *call, mlcm_dtype to, mlcm_error *err) {
  const mlcm_tensor *x = call->inputs[0];
  if (to == x->dtype) return mlcm__ref_copy_out(call, 0, x, x->rank, x->shape, err);
  void *out = call->host->output(call, 0, to, x->rank, x->shape, err);
  if (out == NULL) return err->code;
  if (to == MLCM_STRING) return to_text(call, x, out, err);
  mlcm_status st = MLCM_OK;
  if (x->dtype == MLCM_STRING) {
    for (int64_t i = 0; !st && i < x->count; i++) st = from_text(((const mlcm_str *)x->data)[i], to, out, i, err);
    return st;
  }
  for (int64_t at = 0; at < x->count; at += MLCM__BLOCK)
    cast_block(x, at, x->count - at < MLCM__BLOCK ? x->count - at : MLCM__BLOCK, to, out);
  return MLCM_OK;
}

static mlcm_status run_cast(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  return cast_to(call, ((const params *)k->data)->to, err);
}

static mlcm_status run_cast_like(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  return cast_to(call, call->inputs[1]->dtype, err);
}

static const mlcm__ref_op OPS[] = {
    {"Cast", MLCM__REF_CORE, 6, 0, 1, 1, prepare, run_cast, NULL},
    {"CastLike", MLCM__REF_CORE, 15, 0, 2, 2, NULL, run_cast_like, NULL},
};

const mlcm__ref_family mlcm__ref_cast_family = {OPS, sizeof OPS / sizeof OPS[0]};
