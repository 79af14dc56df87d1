/* SPDX-License-Identifier: Apache-2.0
 *
 * move.c - operators that put all elements elsewhere, by strided copies: Transpose, Expand, Tile.
 */
#include <string.h>

#include "infer/reference/reference.h"

/* ---- Transpose ---- */

static void prepare_transpose(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  mlcm__int_list *perm = k->data;
  bool seen[MLCM_MAX_RANK] = {false};
  mlcm__ref_int_list(r, "perm", MLCM_MAX_RANK, perm);
  for (size_t i = 0; i < perm->n; i++) {
    int64_t d = perm->at[i];
    if (d < 0 || d >= (int64_t)perm->n || seen[d]) {
      mlcm__ref_bad(r, MLCM_PARSE, "'perm' is no permutation");
      return;
    }
    seen[d] = true;
  }
}

static mlcm_status run_transpose(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  const mlcm__int_list *perm = k->data;
  const mlcm_tensor *x = call->inputs[0];
  int64_t shape[MLCM_MAX_RANK];
  mlcm__place whole = mlcm__place_whole(x), from = whole;
  if (perm->n != 0 && perm->n != (size_t)x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'perm' has %zu elements for %d dimensions", perm->n, (int)x->rank);
  for (int32_t d = 0; d < x->rank; d++) {
    int64_t source = perm->n != 0 ? perm->at[d] : x->rank - 1 - d;
    shape[d] = x->shape[source];
    from.steps[d] = whole.steps[source];
  }
  if (call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  mlcm__place to = mlcm__place_whole(call->outputs[0]);
  mlcm__move(mlcm_dtype_size(x->dtype), x->rank, shape, &to, &from);
  return MLCM_OK;
}

/* ---- Expand ---- */

static mlcm_status run_expand(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *x = call->inputs[0];
  mlcm__int_list wanted = {0};
  mlcm__place from = {.data = x->data};
  mlcm_tensor as_wanted = {0};
  int64_t shape[MLCM_MAX_RANK];
  int32_t rank = x->rank;
  mlcm_status st = mlcm__ref_index_list(call->inputs[1], "shape", MLCM_MAX_RANK, &wanted, err);
  if (st) return st;
  as_wanted.rank = (int32_t)wanted.n;
  memcpy(as_wanted.shape, wanted.at, sizeof as_wanted.shape);
  memcpy(shape, x->shape, sizeof shape);
  st = mlcm__broadcast(&rank, shape, &as_wanted, err);
  if (st) return st;
  if (call->host->output(call, 0, x->dtype, rank, shape, err) == NULL) return err->code;
  mlcm__broadcast_steps(x, rank, from.steps);
  mlcm__place to = mlcm__place_whole(call->outputs[0]);
  mlcm__move(mlcm_dtype_size(x->dtype), rank, shape, &to, &from);
  return MLCM_OK;
}

/* ---- Tile: each dimension is seen as [repeats, size] ---- */

static mlcm_status run_tile(const mlcm__ref_kernel *k, mlcm_call *call, mlcm_error *err) {
  (void)k;
  const mlcm_tensor *x = call->inputs[0];
  mlcm__int_list repeats = {0};
  int64_t shape[MLCM_MAX_RANK], grid_steps[MLCM_MAX_RANK] = {0};
  mlcm__walk w;
  mlcm_status st = mlcm__ref_index_list(call->inputs[1], "repeats", MLCM_MAX_RANK, &repeats, err);
  if (st) return st;
  if (repeats.n != (size_t)x->rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'repeats' has %zu elements for %d dimensions", repeats.n, (int)x->rank);
  for (size_t d = 0; d < repeats.n; d++)
    if (repeats.at[d] < 0 || __builtin_mul_overflow(x->shape[d], repeats.at[d], &shape[d]))
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "repeat %lld of dimension %zu is out of range", (long long)repeats.at[d], d);
  if (call->host->output(call, 0, x->dtype, x->rank, shape, err) == NULL) return err->code;
  if (call->outputs[0]->count == 0) return MLCM_OK;
  mlcm__place from = mlcm__place_whole(x), to = mlcm__place_whole(call->outputs[0]);
  for (int32_t d = 0; d < x->rank; d++) grid_steps[d] = to.steps[d] * x->shape[d];
  mlcm__walk_start(&w, x->rank, repeats.at, 1, (const int64_t *const[]){grid_steps});
  while (mlcm__walk_row(&w)) {
    for (int64_t i = 0; i < w.inner; i++) {
      to.at = w.at[0] + i * w.step[0];
      mlcm__move(mlcm_dtype_size(x->dtype), x->rank, x->shape, &to, &from);
    }
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("Transpose", 1, 1, 1), .takes = {MLCM__ANY}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(mlcm__int_list),
     .prepare = prepare_transpose, .run = run_transpose},
    {MLCM__REF_OP("Expand", 8, 2, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0}, .run = run_expand},
    {MLCM__REF_OP("Tile", 6, 2, 2), .takes = {MLCM__ANY, MLCM__INDEX}, .gives = {MLCM__LIKE_0}, .run = run_tile},
};

const mlcm__ref_family mlcm__ref_move_family = {OPS, sizeof OPS / sizeof OPS[0]};
