/* SPDX-License-Identifier: Apache-2.0
 *
 * shapes.c - steps, broadcasting, walking strided boxes.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "infer/reference/reference.h"

void mlcm__steps_of(int32_t rank, const int64_t *shape, int64_t *out) {
  int64_t step = 1;
  for (int32_t d = rank - 1; d >= 0; d--) {
    out[d] = step;
    step *= shape[d];
  }
}

int64_t mlcm__product(const int64_t *shape, int32_t from, int32_t to) {
  int64_t n = 1;
  for (int32_t d = from; d < to; d++) n *= shape[d];
  return n;
}

const char *mlcm__shape_text(char out[120], int32_t rank, const int64_t *shape) {
  int len = snprintf(out, 120, "[");
  for (int32_t d = 0; d < rank && len < 90; d++)
    len += snprintf(out + len, 120 - (size_t)len, "%s%lld", d > 0 ? ", " : "", (long long)shape[d]);
  snprintf(out + len, 120 - (size_t)len, "]");
  return out;
}

mlcm_status mlcm__broadcast(int32_t *rank, int64_t *shape, const mlcm_tensor *t, mlcm_error *err) {
  int32_t more = t->rank - *rank;
  char mine[120], theirs[120];
  if (more > 0) {
    memmove(shape + more, shape, (size_t)*rank * sizeof *shape);
    for (int32_t d = 0; d < more; d++) shape[d] = 1;
    *rank = t->rank;
  }
  for (int32_t d = 0; d < t->rank; d++) {
    int64_t *mine_d = &shape[*rank - t->rank + d];
    if (*mine_d == t->shape[d] || t->shape[d] == 1) continue;
    if (*mine_d != 1)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "shapes %s and %s do not broadcast", mlcm__shape_text(mine, *rank, shape),
                        mlcm__shape_text(theirs, t->rank, t->shape));
    *mine_d = t->shape[d];
  }
  return MLCM_OK;
}

void mlcm__broadcast_steps(const mlcm_tensor *t, int32_t rank, int64_t *out) {
  int64_t own[MLCM_MAX_RANK];
  int32_t lead = rank - t->rank;
  assert(lead >= 0);
  mlcm__steps_of(t->rank, t->shape, own);
  for (int32_t d = 0; d < rank; d++) out[d] = d < lead || t->shape[d - lead] == 1 ? 0 : own[d - lead];
}

mlcm_status mlcm__ref_axis(int64_t axis, int32_t rank, int32_t *out, mlcm_error *err) {
  if (axis < -rank || axis >= rank)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "axis %lld is out of range for %d dimensions", (long long)axis, (int)rank);
  *out = (int32_t)(axis < 0 ? axis + rank : axis);
  return MLCM_OK;
}

mlcm_status mlcm__ref_index_list(const mlcm_tensor *t, const char *what, int64_t *out, size_t cap, size_t *n, mlcm_error *err) {
  if ((t->dtype != MLCM_I64 && t->dtype != MLCM_I32) || t->rank > 1)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s must be a list of i64, it is %s of %d dimensions", what,
                      mlcm_dtype_name(t->dtype), (int)t->rank);
  if ((uint64_t)t->count > cap)
    return mlcm__fail(err, MLCM_LIMIT, "%s has %lld elements, at most %zu are supported", what, (long long)t->count, cap);
  mlcm__load_i64(out, t, 0, 1, t->count);
  *n = (size_t)t->count;
  return MLCM_OK;
}

/* ---- Walking ---- */

/* Can dimension d be joined with the last one kept, for all operands? */
static bool joins(const mlcm__walk *w, int32_t last, const int64_t *const *steps, int32_t d, int64_t size) {
  for (int k = 0; k < w->n_operands; k++)
    if (w->steps[k][last] != steps[k][d] * size) return false;
  return true;
}

/* Dimensions of size 1 vanish and neighbours that lie behind each other are joined, so that rows are as long as can be. */
void mlcm__walk_start(mlcm__walk *w, int32_t rank, const int64_t *shape, int n_operands, const int64_t *const *steps) {
  assert(rank >= 0 && rank <= MLCM_MAX_RANK && n_operands > 0 && n_operands <= MLCM__WALK);
  *w = (mlcm__walk){.n_operands = n_operands};
  for (int32_t d = 0; d < rank; d++) {
    if (shape[d] == 1) continue;
    if (w->rank > 0 && joins(w, w->rank - 1, steps, d, shape[d]))
      w->shape[w->rank - 1] *= shape[d];
    else
      w->shape[w->rank++] = shape[d];
    for (int k = 0; k < n_operands; k++) w->steps[k][w->rank - 1] = steps[k][d];
  }
  w->inner = 1;
  if (w->rank == 0) return;
  w->rank--;
  w->inner = w->shape[w->rank];
  for (int k = 0; k < n_operands; k++) w->step[k] = w->steps[k][w->rank];
}

static bool is_empty(const mlcm__walk *w) {
  bool empty = w->inner == 0;
  for (int32_t d = 0; d < w->rank; d++) empty = empty || w->shape[d] == 0;
  return empty;
}

bool mlcm__walk_row(mlcm__walk *w) {
  if (!w->started) {
    w->started = true;
    return !is_empty(w);
  }
  for (int32_t d = w->rank - 1; d >= 0; d--) {
    for (int k = 0; k < w->n_operands; k++) w->at[k] += w->steps[k][d];
    if (++w->index[d] < w->shape[d]) return true;
    for (int k = 0; k < w->n_operands; k++) w->at[k] -= w->steps[k][d] * w->shape[d];
    w->index[d] = 0;
  }
  return false;
}

/* ---- Moving ---- */

#define MOVE_ROW(type)                                                                                                           \
  do {                                                                                                                           \
    type *t = (type *)to->data + to->at + w.at[0];                                                                               \
    const type *f = (const type *)from->data + from->at + w.at[1];                                                               \
    for (int64_t i = 0; i < w.inner; i++) t[i * w.step[0]] = f[i * w.step[1]];                                                   \
  } while (0)

void mlcm__move(size_t size, int32_t rank, const int64_t *shape, const mlcm__place *to, const mlcm__place *from) {
  const int64_t *steps[] = {to->steps, from->steps};
  assert(size == 1 || size == 2 || size == 4 || size == 8 || size == sizeof(mlcm_str));
  mlcm__walk w;
  mlcm__walk_start(&w, rank, shape, 2, steps);
  while (mlcm__walk_row(&w)) {
    if (w.step[0] == 1 && w.step[1] == 1) {
      memcpy((char *)to->data + (size_t)(to->at + w.at[0]) * size, (const char *)from->data + (size_t)(from->at + w.at[1]) * size,
             (size_t)w.inner * size);
      continue;
    }
    switch (size) {
    case 1: MOVE_ROW(uint8_t); break;
    case 2: MOVE_ROW(uint16_t); break;
    case 4: MOVE_ROW(uint32_t); break;
    case 8: MOVE_ROW(uint64_t); break;
    default: MOVE_ROW(mlcm_str); break;
    }
  }
}

/* ---- Outputs ---- */

void *mlcm__ref_output_like(mlcm_call *call, const mlcm_tensor *like, mlcm_error *err) {
  return call->host->output(call, 0, like->dtype, like->rank, like->shape, err);
}

mlcm_status mlcm__ref_copy_out(mlcm_call *call, size_t i, const mlcm_tensor *t, int32_t rank, const int64_t *shape,
                               mlcm_error *err) {
  void *out = call->host->output(call, i, t->dtype, rank, shape, err);
  if (out == NULL) return err->code;
  assert(call->outputs[i]->count == t->count);
  if (t->count > 0) memcpy(out, t->data, (size_t)t->count * mlcm_dtype_size(t->dtype));
  return MLCM_OK;
}

mlcm_status mlcm__ref_wrong_dtype(const mlcm_tensor *t, mlcm_error *err) {
  return mlcm__fail(err, MLCM_UNSUPPORTED, "the operator has no code for %s", mlcm_dtype_name(t->dtype));
}

mlcm_status mlcm__ref_rows(const mlcm_tensor *t, mlcm__rows *out, mlcm_error *err) {
  char shape[120];
  if (mlcm__lane_kind(t->dtype) == MLCM__LANE_S) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "numbers are needed, got strings");
  if (t->rank < 1 || t->rank > 2)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "rows of features [n, f] are needed, got %s",
                      mlcm__shape_text(shape, t->rank, t->shape));
  *out = (mlcm__rows){.t = t, .n = t->rank == 1 ? 1 : t->shape[0], .width = t->shape[t->rank - 1]};
  return MLCM_OK;
}
