/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes.c - elements of any number type into double or int64 lanes and back.
 */
#include <assert.h>
#include <math.h>

#include "base/half.h"
#include "infer/reference/reference.h"

int mlcm__lane_kind(mlcm_dtype dtype) {
  const int32_t set = 1 << dtype;
  if ((set & MLCM__REALS) != 0) return MLCM__LANE_F;
  if ((set & (MLCM__SIGNED | MLCM__BOOLS)) != 0) return MLCM__LANE_I;
  return (set & MLCM__UNSIGNED) != 0 ? MLCM__LANE_U : MLCM__LANE_S;
}

/* ---- Loading ---- */

#define LOAD(type, convert)                                                                                                      \
  do {                                                                                                                           \
    const type *from = (const type *)t->data + at;                                                                               \
    for (int64_t i = 0; i < n; i++) out[i] = convert(from[i * step]);                                                            \
  } while (0)

#define AS_F64(x) ((double)(x))
#define AS_I64(x) ((int64_t)(x))
#define AS_BOOL(x) ((x) != 0)

void mlcm__load_f64(double *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n) {
  switch (t->dtype) {
  case MLCM_F32: LOAD(float, AS_F64); break;
  case MLCM_F64: LOAD(double, AS_F64); break;
  case MLCM_F16: LOAD(uint16_t, mlcm__f16_to_f64); break;
  case MLCM_BF16: LOAD(uint16_t, mlcm__bf16_to_f64); break;
  case MLCM_BOOL: LOAD(uint8_t, AS_BOOL); break;
  case MLCM_U8: LOAD(uint8_t, AS_F64); break;
  case MLCM_U16: LOAD(uint16_t, AS_F64); break;
  case MLCM_U32: LOAD(uint32_t, AS_F64); break;
  case MLCM_U64: LOAD(uint64_t, AS_F64); break;
  case MLCM_I8: LOAD(int8_t, AS_F64); break;
  case MLCM_I16: LOAD(int16_t, AS_F64); break;
  case MLCM_I32: LOAD(int32_t, AS_F64); break;
  default:
    assert(t->dtype == MLCM_I64);
    LOAD(int64_t, AS_F64);
    break; /* strings are no numbers: callers check */
  }
}

void mlcm__load_i64(int64_t *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n) {
  switch (t->dtype) {
  case MLCM_BOOL: LOAD(uint8_t, AS_BOOL); break;
  case MLCM_U8: LOAD(uint8_t, AS_I64); break;
  case MLCM_U16: LOAD(uint16_t, AS_I64); break;
  case MLCM_U32: LOAD(uint32_t, AS_I64); break;
  case MLCM_U64: LOAD(uint64_t, AS_I64); break;
  case MLCM_I8: LOAD(int8_t, AS_I64); break;
  case MLCM_I16: LOAD(int16_t, AS_I64); break;
  case MLCM_I32: LOAD(int32_t, AS_I64); break;
  default:
    assert(t->dtype == MLCM_I64);
    LOAD(int64_t, AS_I64);
    break; /* callers check */
  }
}

void mlcm__load(mlcm__lanes *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n) {
  assert(n <= MLCM__BLOCK);
  if (mlcm__is_real(t->dtype))
    mlcm__load_f64(out->f, t, at, step, n);
  else
    mlcm__load_i64(out->i, t, at, step, n);
}

/* ---- Storing ---- */

#define STORE(type, convert)                                                                                                     \
  do {                                                                                                                           \
    type *to = (type *)data + at;                                                                                                \
    for (int64_t i = 0; i < n; i++) to[i] = (type)convert(in[i]);                                                                \
  } while (0)

void mlcm__store_f64(mlcm_dtype dtype, void *data, int64_t at, const double *in, int64_t n) {
  switch (dtype) {
  case MLCM_F32: STORE(float, ); break;
  case MLCM_F64: STORE(double, ); break;
  case MLCM_F16: STORE(uint16_t, mlcm__f64_to_f16); break;
  default:
    assert(dtype == MLCM_BF16);
    STORE(uint16_t, mlcm__f64_to_bf16);
    break; /* callers check */
  }
}

void mlcm__store_i64(mlcm_dtype dtype, void *data, int64_t at, const int64_t *in, int64_t n) {
  switch (dtype) {
  case MLCM_BOOL: STORE(uint8_t, AS_BOOL); break;
  case MLCM_U8: STORE(uint8_t, ); break;
  case MLCM_U16: STORE(uint16_t, ); break;
  case MLCM_U32: STORE(uint32_t, ); break;
  case MLCM_U64: STORE(uint64_t, ); break;
  case MLCM_I8: STORE(int8_t, ); break;
  case MLCM_I16: STORE(int16_t, ); break;
  case MLCM_I32: STORE(int32_t, ); break;
  default:
    assert(dtype == MLCM_I64);
    STORE(int64_t, );
    break; /* callers check */
  }
}

void mlcm__store(mlcm_dtype dtype, void *data, int64_t at, const mlcm__lanes *in, int64_t n) {
  if (mlcm__is_real(dtype))
    mlcm__store_f64(dtype, data, at, in->f, n);
  else
    mlcm__store_i64(dtype, data, at, in->i, n);
}

/* ---- One element ---- */

double mlcm__f64_at(const mlcm_tensor *t, int64_t i) {
  double value = 0;
  mlcm__load_f64(&value, t, i, 1, 1);
  return value;
}

int64_t mlcm__i64_at(const mlcm_tensor *t, int64_t i) {
  int64_t value = 0;
  mlcm__load_i64(&value, t, i, 1, 1);
  return value;
}

int64_t mlcm__int_at(const mlcm_tensor *t, int64_t i) {
  return mlcm__is_real(t->dtype) ? mlcm__f64_to_int(MLCM_I64, mlcm__f64_at(t, i)) : mlcm__i64_at(t, i);
}

void mlcm__put_number(mlcm_dtype dtype, void *data, int64_t i, double value) {
  if (mlcm__is_real(dtype))
    mlcm__store_f64(dtype, data, i, &value, 1);
  else
    mlcm__store_i64(dtype, data, i, &(const int64_t){mlcm__f64_to_int(dtype, value)}, 1);
}

void mlcm__store_line(mlcm_dtype dtype, void *data, int64_t at, int64_t step, const double *in, int64_t n) {
  if (step == 1) {
    mlcm__store_f64(dtype, data, at, in, n);
    return;
  }
  for (int64_t i = 0; i < n; i++) mlcm__store_f64(dtype, data, at + i * step, &in[i], 1);
}

static int64_t clamp_to(double value, double low, double high) {
  return value <= low ? (int64_t)low : value >= high ? (int64_t)high : (int64_t)value;
}

int64_t mlcm__f64_to_int(mlcm_dtype dtype, double value) {
  if (isnan(value)) return 0;
  switch (dtype) {
  case MLCM_BOOL: return value != 0;
  case MLCM_U8: return clamp_to(value, 0, UINT8_MAX);
  case MLCM_U16: return clamp_to(value, 0, UINT16_MAX);
  case MLCM_U32: return clamp_to(value, 0, UINT32_MAX);
  case MLCM_I8: return clamp_to(value, INT8_MIN, INT8_MAX);
  case MLCM_I16: return clamp_to(value, INT16_MIN, INT16_MAX);
  case MLCM_I32: return clamp_to(value, INT32_MIN, INT32_MAX);
  case MLCM_U64: return value <= 0 ? 0 : value >= 0x1p64 ? (int64_t)UINT64_MAX : (int64_t)(uint64_t)value;
  default: return value <= -0x1p63 ? INT64_MIN : value >= 0x1p63 ? INT64_MAX : (int64_t)value;
  }
}
