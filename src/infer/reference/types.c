/* SPDX-License-Identifier: Apache-2.0
 *
 * types.c - which element types an operator has code for, and what it gives: the rows of the tables, read.
 *
 * The same check runs at load, where types follow from the graph's inputs and constants, and before each run, where they are all
 * known. So kernels never look at types to refuse them.
 */
#include <stdio.h>

#include "infer/reference/reference.h"

static int32_t set_for(const mlcm__ref_op *op, size_t i) {
  size_t at = i < MLCM__REF_TAKES ? i : MLCM__REF_TAKES - 1;
  while (at > 0 && op->takes[at] == 0) at--;
  return op->takes[at];
}

/* "f32, i64" */
static void list_types(int32_t set, char *out, size_t cap) {
  size_t len = 0;
  out[0] = '\0';
  for (mlcm_dtype t = MLCM_F32; t <= MLCM_BF16; t++)
    if ((set & 1 << t) != 0) len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "", mlcm_dtype_name(t));
}

static mlcm_status check_same(size_t i, mlcm_dtype dtype, size_t with, mlcm_dtype wanted, mlcm_error *err) {
  if (wanted == 0 || dtype == wanted) return MLCM_OK;
  return mlcm__fail(err, MLCM_UNSUPPORTED, "input %zu is %s and input %zu is %s: they must be of one type", with,
                    mlcm_dtype_name(wanted), i, mlcm_dtype_name(dtype));
}

mlcm_status mlcm__ref_check_type(const mlcm__ref_op *op, size_t i, mlcm_dtype dtype, const mlcm_dtype first[2], mlcm_error *err) {
  char known[128];
  int32_t set = set_for(op, i);
  if (dtype == 0) return MLCM_OK;
  if (set == MLCM__SAME) return check_same(i, dtype, 0, first[0], err);
  if (set == MLCM__SAME_AS_1) return check_same(i, dtype, 1, first[1], err);
  if ((set & 1 << dtype) != 0) return MLCM_OK;
  list_types(set, known, sizeof known);
  return mlcm__fail(err, MLCM_UNSUPPORTED, "input %zu is %s; the operator has code for %s", i, mlcm_dtype_name(dtype), known);
}

mlcm_dtype mlcm__ref_output_type(const mlcm__ref_op *op, const mlcm_node *node, size_t i) {
  if (op->gives_by != NULL) return op->gives_by(node, i);
  int32_t gives = i < MLCM__REF_GIVES ? op->gives[i] : 0;
  return gives >= 0 ? gives : node->input_dtypes[-1 - gives];
}
