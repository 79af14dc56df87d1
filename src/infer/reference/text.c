/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - StringConcat.
 */
#include <string.h>

#include "infer/reference/reference.h"

static mlcm_status join(mlcm_call *call, mlcm_str a, mlcm_str b, mlcm_str *out, mlcm_error *err) {
  char *bytes = call->host->text(call, a.len + b.len, err);
  if (bytes == NULL) return err->code;
  if (a.len > 0) memcpy(bytes, a.ptr, a.len);
  if (b.len > 0) memcpy(bytes + a.len, b.ptr, b.len);
  *out = (mlcm_str){bytes, a.len + b.len};
  return MLCM_OK;
}

static mlcm_status run_concat(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *a = call->inputs[0], *b = call->inputs[1];
  int64_t shape[MLCM_MAX_RANK], steps_a[MLCM_MAX_RANK], steps_b[MLCM_MAX_RANK];
  int32_t rank = a->rank;
  mlcm__walk w;
  if (a->dtype != MLCM_STRING) return mlcm__ref_wrong_dtype(a, err);
  if (b->dtype != MLCM_STRING) return mlcm__ref_wrong_dtype(b, err);
  memcpy(shape, a->shape, sizeof shape);
  mlcm_status st = mlcm__broadcast(&rank, shape, b, err);
  if (st) return st;
  mlcm_str *out = call->host->output(call, 0, MLCM_STRING, rank, shape, err);
  if (out == NULL) return err->code;
  mlcm__broadcast_steps(a, rank, steps_a);
  mlcm__broadcast_steps(b, rank, steps_b);
  mlcm__walk_start(&w, rank, shape, 2, (const int64_t *const[]){steps_a, steps_b});
  while (mlcm__walk_row(&w))
    for (int64_t i = 0; i < w.inner; i++) {
      st = join(call, ((const mlcm_str *)a->data)[w.at[0] + i * w.step[0]], ((const mlcm_str *)b->data)[w.at[1] + i * w.step[1]],
                out++, err);
      if (st) return st;
    }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {{"StringConcat", MLCM__REF_CORE, 20, 0, 2, 2, NULL, run_concat, NULL}};

const mlcm__ref_family mlcm__ref_text_family = {OPS, sizeof OPS / sizeof OPS[0]};
