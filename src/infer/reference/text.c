/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - StringConcat, and what operators that make or read text share.
 */
#include <string.h>

#include "infer/reference/reference.h"

bool mlcm__same_text(mlcm_str a, mlcm_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }

mlcm_status mlcm__ref_no_number(mlcm_str text, mlcm_error *err) {
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%.*s' is no number", text.len < 60 ? (int)text.len : 60,
                    text.ptr != NULL ? text.ptr : "");
}

mlcm_status mlcm__ref_make_text(mlcm_call *call, const char *text, mlcm_str *out, mlcm_error *err) {
  size_t len = strlen(text);
  char *bytes = call->host->text(call, len, err);
  if (bytes == NULL) return err->code;
  memcpy(bytes, text, len);
  *out = (mlcm_str){bytes, len};
  return MLCM_OK;
}

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
  const mlcm_str *a = call->inputs[0]->data, *b = call->inputs[1]->data;
  mlcm__together both;
  mlcm_status st = mlcm__walk_together(&both, 2, call->inputs, err);
  if (st) return st;
  mlcm_str *out = call->host->output(call, 0, MLCM_STRING, both.rank, both.shape, err);
  if (out == NULL) return err->code;
  const mlcm__walk *w = &both.walk;
  while (!st && mlcm__walk_row(&both.walk))
    for (int64_t i = 0; !st && i < w->inner; i++)
      st = join(call, a[w->at[0] + i * w->step[0]], b[w->at[1] + i * w->step[1]], out++, err);
  return st;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("StringConcat", 20, 2, 2), .takes = {MLCM__TEXTS}, .gives = {MLCM_STRING}, .run = run_concat},
};

const mlcm__ref_family mlcm__ref_text_family = {OPS, sizeof OPS / sizeof OPS[0]};
