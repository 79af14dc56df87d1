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
  int32_t d = 0;
  for (; d < rank && len < 90; d++)
    len += snprintf(out + len, 120 - (size_t)len, "%s%lld", d > 0 ? ", " : "", (long long)shape[d]);
  snprintf(out + len, 120 - (size_t)len, "%s]", d < rank ? ", ..." : "");
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

mlcm_status mlcm__ref_index_list(const mlcm_tensor *t, const char *what, size_t cap, mlcm__int_list *out, mlcm_error *err) {
  assert(cap <= sizeof out->at / sizeof out->at[0]);
  if (t == NULL) return MLCM_OK;
  if (t->rank > 1) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' must be a list, it has %d dimensions", what, (int)t->rank);
  if ((uint64_t)t->count > cap)
    return mlcm__fail(err, MLCM_LIMIT, "'%s' has %lld elements, at most %zu are supported", what, (long long)t->count, cap);
  mlcm__load_i64(out->at, t, 0, 1, t->count);
  out->n = (size_t)t->count;
  out->given = true;
  return MLCM_OK;
}

mlcm_status mlcm__ref_one_int(const mlcm_tensor *t, const char *what, int64_t *out, mlcm_error *err) {
  if (t == NULL) return MLCM_OK;
  if (t->count != 1)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' must be one number, it has %lld", what, (long long)t->count);
  *out = mlcm__int_at(t, 0);
  return MLCM_OK;
}

mlcm_status mlcm__ref_index_at(const mlcm_tensor *t, int64_t i, int64_t size, int64_t *out, mlcm_error *err) {
  int64_t index = mlcm__i64_at(t, i);
  if (index < -size || index >= size)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "index %lld is out of range for %lld elements", (long long)index,
                      (long long)size);
  *out = index < 0 ? index + size : index;
  return MLCM_OK;
}

mlcm_status mlcm__ref_rank_limit(int32_t rank, mlcm_error *err) {
  if (rank <= MLCM_MAX_RANK) return MLCM_OK;
  return mlcm__fail(err, MLCM_LIMIT, "the result has %d dimensions, at most %d are supported", (int)rank, MLCM_MAX_RANK);
}

void mlcm__index_next(int64_t *index, int32_t rank, const int64_t *shape) {
  for (int32_t d = rank - 1; d >= 0 && ++index[d] == shape[d]; d--) index[d] = 0;
}

mlcm__lines mlcm__lines_along(const mlcm_tensor *t, int32_t axis) {
  int64_t step = mlcm__product(t->shape, axis + 1, t->rank);
  return (mlcm__lines){.n_lines = mlcm__product(t->shape, 0, axis) * step, .length = t->shape[axis], .step = step};
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

mlcm_status mlcm__walk_together(mlcm__together *out, int n, const mlcm_tensor *const *t, mlcm_error *err) {
  int64_t steps[MLCM__WALK][MLCM_MAX_RANK];
  mlcm_status st = MLCM_OK;
  out->rank = 0;
  for (int i = 0; !st && i < n; i++) st = mlcm__broadcast(&out->rank, out->shape, t[i], err);
  if (st) return st;
  for (int i = 0; i < n; i++) mlcm__broadcast_steps(t[i], out->rank, steps[i]);
  mlcm__walk_start(&out->walk, out->rank, out->shape, n, (const int64_t *const[]){steps[0], steps[1], steps[2]});
  return MLCM_OK;
}

/* ---- Moving ---- */

mlcm__place mlcm__place_whole(const mlcm_tensor *t) {
  mlcm__place place = {.data = t->data};
  mlcm__steps_of(t->rank, t->shape, place.steps);
  return place;
}

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

double *mlcm__ref_scratch(mlcm_call *call, int64_t n, mlcm_error *err) {
  assert(n >= 0 && n <= INT64_MAX / 8);
  return call->host->scratch(call, (size_t)n * sizeof(double), err);
}

mlcm_status mlcm__ref_output_if(mlcm_call *call, size_t i, mlcm_dtype dtype, int32_t rank, const int64_t *shape, void **out,
                                mlcm_error *err) {
  *out = NULL;
  if (!mlcm__ref_wants(call, i)) return MLCM_OK;
  *out = call->host->output(call, i, dtype, rank, shape, err);
  return *out != NULL ? MLCM_OK : err->code;
}

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

/* ---- Rows ---- */

mlcm_status mlcm__ref_rows(const mlcm_tensor *t, mlcm__rows *out, mlcm_error *err) {
  char shape[120];
  if (t->rank < 1 || t->rank > 2)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "rows of features [n, f] are needed, got %s",
                      mlcm__shape_text(shape, t->rank, t->shape));
  *out = (mlcm__rows){.t = t, .n = t->rank == 1 ? 1 : t->shape[0], .width = t->shape[t->rank - 1]};
  return MLCM_OK;
}

mlcm_status mlcm__ref_rows_of(const mlcm_tensor *t, int64_t n_features, mlcm__rows *out, mlcm_error *err) {
  mlcm_status st = mlcm__ref_rows(t, out, err);
  if (st || out->width == n_features) return st;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the model has %lld features, rows have %lld", (long long)n_features,
                    (long long)out->width);
}
