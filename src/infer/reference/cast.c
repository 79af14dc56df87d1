/* SPDX-License-Identifier: Apache-2.0
 *
 * cast.c - Cast and CastLike, between all number types and text.
 *
 * Text to number takes decimal and exponent forms, NaN and INF. Number to text gives the shortest form that reads back as the
 * same value. A floating value outside an integer type's range becomes its nearest end, NaN becomes 0.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "infer/reference/reference.h"

static int64_t target_of(const mlcm_node *node) {
  const mlcm_attr *to = mlcm__ref_attr(node, "to");
  return to != NULL && to->i > 0 && to->i <= MLCM_BF16 && (MLCM__ANY & 1 << to->i) != 0 ? to->i : 0;
}

static mlcm_dtype gives(const mlcm_node *node, size_t i) {
  (void)i;
  return (mlcm_dtype)target_of(node);
}

static void prepare(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  int64_t to = mlcm__ref_int(r, "to", 0);
  if (target_of(r->node) == 0) mlcm__ref_bad(r, MLCM_UNSUPPORTED, "element type %lld ('to') is not supported", (long long)to);
  *(mlcm_dtype *)k->data = (mlcm_dtype)target_of(r->node);
}

/* ---- Numbers ---- */

static void cast_block(const mlcm_tensor *x, int64_t at, int64_t n, mlcm_dtype to, void *out) {
  bool from_real = mlcm__is_real(x->dtype), to_real = mlcm__is_real(to);
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
  bool to_real = mlcm__is_real(to);
  int64_t whole = 0;
  double real = 0;
  if (!to_real && mlcm__parse_i64(t.ptr, t.len, &whole)) {
    mlcm__store_i64(to, out, at, &whole, 1);
    return MLCM_OK;
  }
  if (!mlcm__parse_f64(t.ptr, t.len, &real)) return mlcm__ref_no_number(text, err);
  mlcm__put_number(to, out, at, real);
  return MLCM_OK;
}

/* ---- Numbers to text ---- */

/* Whole numbers as such, others with the fewest digits that read back as the same f32. */
static void format_f32(double value, char out[32]) {
  double back = 0;
  int digits = 0;
  if (fabs(value) < 1e9 && value == trunc(value)) {
    snprintf(out, 32, "%.0f", value);
    return;
  }
  do {
    snprintf(out, 32, "%.*g", ++digits, value);
    mlcm__parse_f64(out, strlen(out), &back); /* reads what was just written */
  } while ((float)back != (float)value);
}

static void format_whole(mlcm_dtype dtype, int64_t value, char out[32]) {
  if (dtype == MLCM_U64)
    snprintf(out, 32, "%llu", (unsigned long long)value);
  else
    snprintf(out, 32, "%lld", (long long)value);
}

static void format_real(mlcm_dtype dtype, double value, char out[32]) {
  if (isnan(value))
    snprintf(out, 32, "NaN");
  else if (isinf(value))
    snprintf(out, 32, "%s", value > 0 ? "INF" : "-INF");
  else if (dtype == MLCM_F64)
    mlcm__format_f64(value, out);
  else
    format_f32(value, out);
}

static mlcm_status to_text(mlcm_call *call, const mlcm_tensor *x, mlcm_str *out, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (int64_t i = 0; !st && i < x->count; i++) {
    char number[32] = "";
    if (mlcm__is_real(x->dtype))
      format_real(x->dtype, mlcm__f64_at(x, i), number);
    else
      format_whole(x->dtype, mlcm__i64_at(x, i), number);
    st = mlcm__ref_make_text(call, number, &out[i], err);
  }
  return st;
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
  for (int64_t at = 0; at < x->count; at += MLCM__BLOCK) cast_block(x, at, mlcm__block_of(x->count - at), to, out);
  return MLCM_OK;
}

static mlcm_status run_cast(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  return cast_to(call, *(const mlcm_dtype *)k->data, err);
}

static mlcm_status run_cast_like(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  return cast_to(call, call->inputs[1]->dtype, err);
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("Cast", 6, 1, 1), .takes = {MLCM__ANY}, .gives_by = gives, .data_bytes = sizeof(mlcm_dtype), .prepare = prepare,
     .run = run_cast},
    {MLCM__REF_OP("CastLike", 15, 2, 2), .takes = {MLCM__ANY}, .gives = {MLCM__LIKE_1}, .run = run_cast_like},
};

const mlcm__ref_family mlcm__ref_cast_family = {OPS, sizeof OPS / sizeof OPS[0]};
