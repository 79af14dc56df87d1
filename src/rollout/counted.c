/* SPDX-License-Identifier: Apache-2.0
 *
 * counted.c - totals by routing epoch and version: taken from a meter snapshot, compared, written and read.
 *
 * {"cells":[{"epoch":"3","scopes":[{"completed":n,"errors":n,"latency":[[bucket,count],...],"outcomes":[["wrong",n,bad],...],
 *  "routed":n}, the same for all requests],"version":"2"},...]}      bucket -1 is underflow, 960 overflow
 */
#include "rollout/counted.h"

#include <stdio.h>
#include <string.h>

static const char what[] = "the totals in the evidence";

static const mlcm__scope scopes[MLCM__COUNTED_SCOPES] = {MLCM__SCOPE_KEY, MLCM__SCOPE_REQUEST};

void mlcm__counted_reset(mlcm_context *ctx, mlcm__counted *counted) {
  mlcm__free(ctx, counted->cells);
  memset(counted, 0, sizeof(*counted));
}

const mlcm__counted_cell *mlcm__counted_find(const mlcm__counted *counted, int64_t version, uint64_t epoch) {
  for (size_t i = 0; i < counted->n; i++)
    if (counted->cells[i].version == version && counted->cells[i].epoch == epoch) return &counted->cells[i];
  return NULL;
}

int32_t mlcm__counted_outcome(const mlcm__counted *counted, const char *name) {
  for (size_t i = 0; i < counted->n_outcomes; i++)
    if (strcmp(counted->outcomes[i], name) == 0) return (int32_t)i;
  return -1;
}

/* Index of a name, given a new one when it is not there. */
static mlcm_status outcome_index(mlcm__counted *counted, const char *name, int32_t *out, mlcm_error *err) {
  int32_t i = mlcm__counted_outcome(counted, name);
  if (i < 0) {
    if (counted->n_outcomes == MLCM__SNAPSHOT_OUTCOMES || strlen(name) >= MLCM__METER_OUTCOME_NAME)
      return mlcm__fail(err, MLCM_LIMIT, "more than %d kinds of outcome were reported", MLCM__SNAPSHOT_OUTCOMES);
    i = (int32_t)counted->n_outcomes++;
    memcpy(counted->outcomes[i], name, strlen(name) + 1);
  }
  *out = i;
  return MLCM_OK;
}

/* ---- from a snapshot ------------------------------------------------------------------------------------------------ */

static void take_cell(mlcm__counted_cell *out, const mlcm__meter_cell_sum *cell, const int32_t *index, size_t n_outcomes,
                      bool with_latency) {
  memset(out, 0, sizeof(*out));
  out->version = cell->version;
  out->epoch = cell->epoch;
  for (int s = 0; s < MLCM__COUNTED_SCOPES; s++) {
    const mlcm__meter_sum *from = &cell->scope[scopes[s]];
    mlcm__meter_sum *to = &out->scope[s];
    *to = *from;
    memset(to->outcome, 0, sizeof(to->outcome));
    if (!with_latency) memset(&to->latency, 0, sizeof(to->latency));
    for (size_t i = 0; i < n_outcomes; i++) to->outcome[index[i]] = from->outcome[i];
  }
}

mlcm_status mlcm__counted_take(mlcm_context *ctx, const mlcm__counted *now, const mlcm__meter_snapshot *snapshot,
                               const mlcm__counted_wanted *wanted, mlcm__counted *next, mlcm_error *err) {
  int32_t index[MLCM__SNAPSHOT_OUTCOMES];
  next->n = 0;
  next->n_outcomes = now->n_outcomes;
  memcpy(next->outcomes, now->outcomes, sizeof(next->outcomes));
  mlcm_status st = mlcm__reserve(ctx, &next->cells, &next->cap, snapshot->n_cells, sizeof(*next->cells), err);
  for (size_t i = 0; !st && i < snapshot->n_outcomes; i++) st = outcome_index(next, snapshot->outcomes[i], &index[i], err);
  if (st) return st;
  for (size_t i = 0; i < snapshot->n_cells; i++) {
    const mlcm__meter_cell_sum *cell = snapshot->cells[i];
    if (cell->epoch < wanted->first_epoch || (cell->version != wanted->stable && cell->version != wanted->candidate)) continue;
    mlcm__counted_cell *out = &next->cells[next->n++];
    take_cell(out, cell, index, snapshot->n_outcomes, wanted->with_latency);
    const mlcm__counted_cell *old = mlcm__counted_find(now, cell->version, cell->epoch);
    out->is_new = !old || old->is_new || memcmp(old->scope, out->scope, sizeof(out->scope)) != 0;
  }
  return MLCM_OK;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static bool histogram_grew(const mlcm__histogram *later, const mlcm__histogram *earlier) {
  for (int b = 0; b < MLCM__HISTOGRAM_BUCKETS; b++)
    if (later->bucket[b] < earlier->bucket[b]) return false;
  return later->underflow >= earlier->underflow && later->overflow >= earlier->overflow;
}

bool mlcm__counted_grew(const mlcm__counted_cell *later, const mlcm__counted_cell *earlier) {
  if (!earlier) return true;
  for (int s = 0; s < MLCM__COUNTED_SCOPES; s++) {
    const mlcm__meter_sum *a = &later->scope[s], *b = &earlier->scope[s];
    if (a->routed < b->routed || a->completed < b->completed || a->errors < b->errors) return false;
    if (!histogram_grew(&a->latency, &b->latency)) return false;
    for (size_t i = 0; i < MLCM__SNAPSHOT_OUTCOMES; i++)
      if (a->outcome[i].n < b->outcome[i].n || a->outcome[i].bad < b->outcome[i].bad) return false;
  }
  return true;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static void write_bucket(mlcm__json *j, int b, uint64_t count) {
  if (!count) return;
  mlcm__json_array(j, NULL);
  mlcm__json_i64(j, NULL, b);
  mlcm__json_i64(j, NULL, (int64_t)count);
  mlcm__json_end(j);
}

static void write_latency(mlcm__json *j, const mlcm__histogram *h) {
  mlcm__json_array(j, "latency");
  write_bucket(j, MLCM__HISTOGRAM_UNDERFLOW, h->underflow);
  for (int b = 0; b < MLCM__HISTOGRAM_BUCKETS; b++) write_bucket(j, b, h->bucket[b]);
  write_bucket(j, MLCM__HISTOGRAM_OVERFLOW, h->overflow);
  mlcm__json_end(j);
}

static void write_outcomes(mlcm__json *j, const mlcm__counted *counted, const mlcm__meter_sum *sum) {
  mlcm__json_array(j, "outcomes");
  for (size_t i = 0; i < counted->n_outcomes; i++) {
    mlcm__json_array(j, NULL);
    mlcm__json_string(j, NULL, counted->outcomes[i]);
    mlcm__json_i64(j, NULL, (int64_t)sum->outcome[i].n);
    mlcm__json_i64(j, NULL, (int64_t)sum->outcome[i].bad);
    mlcm__json_end(j);
  }
  mlcm__json_end(j);
}

static void write_sum(mlcm__json *j, const mlcm__counted *counted, const mlcm__meter_sum *sum) {
  mlcm__json_object(j, NULL);
  mlcm__json_i64(j, "completed", (int64_t)sum->completed);
  mlcm__json_i64(j, "errors", (int64_t)sum->errors);
  write_latency(j, &sum->latency);
  write_outcomes(j, counted, sum);
  mlcm__json_i64(j, "routed", (int64_t)sum->routed);
  mlcm__json_end(j);
}

static void write_cell(mlcm__json *j, const mlcm__counted *counted, const mlcm__counted_cell *cell) {
  char text[24];
  mlcm__json_object(j, NULL);
  snprintf(text, sizeof(text), "%llu", (unsigned long long)cell->epoch);
  mlcm__json_string(j, "epoch", text);
  mlcm__json_array(j, "scopes");
  for (int s = 0; s < MLCM__COUNTED_SCOPES; s++) write_sum(j, counted, &cell->scope[s]);
  mlcm__json_end(j);
  snprintf(text, sizeof(text), "%lld", (long long)cell->version);
  mlcm__json_string(j, "version", text);
  mlcm__json_end(j);
}

bool mlcm__counted_write(mlcm__json *j, mlcm__counted *counted) {
  int n = 0;
  bool is_more = false;
  mlcm__json_array(j, "cells");
  for (size_t i = 0; i < counted->n && !is_more; i++) {
    mlcm__counted_cell *cell = &counted->cells[i];
    is_more = cell->is_new && n == MLCM__COUNTED_LINE_CELLS;
    if (!cell->is_new || is_more) continue;
    write_cell(j, counted, cell);
    cell->is_new = false;
    n++;
  }
  mlcm__json_end(j);
  return is_more;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static mlcm_status damaged(mlcm_error *err, const char *why) {
  return mlcm__fail(err, MLCM_CORRUPT, "%s are damaged: %s", what, why);
}

static bool count_of(const cJSON *item, uint64_t *out) {
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || !(item->valuedouble <= 9007199254740992.0)) return false;
  *out = (uint64_t)item->valuedouble;
  return (double)*out == item->valuedouble;
}

static mlcm_status read_latency(const cJSON *list, mlcm__histogram *h, mlcm_error *err) {
  if (!cJSON_IsArray(list)) return damaged(err, "latency is not a list");
  for (const cJSON *row = list->child; row; row = row->next) {
    uint64_t count = 0;
    const cJSON *b = cJSON_IsArray(row) ? row->child : NULL;
    if (!b || !cJSON_IsNumber(b) || !count_of(b->next, &count)) return damaged(err, "a bucket is not a pair of numbers");
    if (b->valuedouble < MLCM__HISTOGRAM_UNDERFLOW || b->valuedouble > MLCM__HISTOGRAM_OVERFLOW)
      return damaged(err, "a bucket is out of range");
    int bucket = b->valueint;
    if (bucket == MLCM__HISTOGRAM_UNDERFLOW)
      h->underflow = count;
    else if (bucket == MLCM__HISTOGRAM_OVERFLOW)
      h->overflow = count;
    else
      h->bucket[bucket] = count;
    h->count += count;
  }
  return MLCM_OK;
}

static mlcm_status read_outcomes(const cJSON *list, mlcm__counted *counted, mlcm__meter_sum *sum, mlcm_error *err) {
  if (!cJSON_IsArray(list)) return damaged(err, "outcomes are not a list");
  for (const cJSON *row = list->child; row; row = row->next) {
    const cJSON *name = cJSON_IsArray(row) ? row->child : NULL;
    int32_t i = 0;
    if (!name || !cJSON_IsString(name) || !name->next) return damaged(err, "an outcome is not name, count, bad");
    mlcm_status st = outcome_index(counted, name->valuestring, &i, err);
    if (st) return st;
    if (!count_of(name->next, &sum->outcome[i].n) || !count_of(name->next->next, &sum->outcome[i].bad))
      return damaged(err, "an outcome's counts are not numbers");
  }
  return MLCM_OK;
}

static mlcm_status read_sum(const cJSON *object, mlcm__counted *counted, mlcm__meter_sum *sum, mlcm_error *err) {
  if (!count_of(cJSON_GetObjectItemCaseSensitive(object, "completed"), &sum->completed) ||
      !count_of(cJSON_GetObjectItemCaseSensitive(object, "errors"), &sum->errors) ||
      !count_of(cJSON_GetObjectItemCaseSensitive(object, "routed"), &sum->routed))
    return damaged(err, "a count is not a number");
  mlcm_status st = read_latency(cJSON_GetObjectItemCaseSensitive(object, "latency"), &sum->latency, err);
  return st ? st : read_outcomes(cJSON_GetObjectItemCaseSensitive(object, "outcomes"), counted, sum, err);
}

static mlcm_status read_cell(const cJSON *object, mlcm__counted *counted, mlcm__counted_cell *cell, mlcm_error *err) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "scopes");
  int64_t epoch = 0;
  memset(cell, 0, sizeof(*cell));
  mlcm_status st = mlcm__json_get_i64(object, "epoch", what, &epoch, err);
  if (!st) st = mlcm__json_get_i64(object, "version", what, &cell->version, err);
  if (!st && (epoch < 0 || !cJSON_IsArray(list) || cJSON_GetArraySize(list) != MLCM__COUNTED_SCOPES))
    st = damaged(err, "a cell is not whole");
  cell->epoch = (uint64_t)epoch;
  const cJSON *item = st ? NULL : list->child;
  for (int s = 0; !st && s < MLCM__COUNTED_SCOPES; s++, item = item->next) st = read_sum(item, counted, &cell->scope[s], err);
  return st;
}

/* The cell's place: where one of the same epoch and version stands, else behind the last. */
static size_t place_of(const mlcm__counted *counted, const mlcm__counted_cell *cell) {
  size_t i = 0;
  while (i < counted->n && (counted->cells[i].version != cell->version || counted->cells[i].epoch != cell->epoch)) i++;
  return i;
}

mlcm_status mlcm__counted_read(mlcm_context *ctx, const cJSON *object, mlcm__counted *out, mlcm_error *err) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "cells");
  int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : -1;
  if (n < 0) return damaged(err, "cells are not a list");
  size_t most = out->n + (size_t)n;
  if (most > MLCM__SNAPSHOT_CELLS) most = MLCM__SNAPSHOT_CELLS;
  mlcm_status st = mlcm__reserve(ctx, &out->cells, &out->cap, most + 1, sizeof(*out->cells), err);
  const cJSON *item = st ? NULL : list->child;
  for (; !st && item; item = item->next) {
    mlcm__counted_cell *cell = &out->cells[out->n]; /* read behind the last, then moved to its place */
    st = read_cell(item, out, cell, err);
    if (st) break;
    size_t place = place_of(out, cell);
    if (place == MLCM__SNAPSHOT_CELLS)
      st = mlcm__fail(err, MLCM_CORRUPT, "%s are damaged: more than the %d cells that an endpoint has", what, MLCM__SNAPSHOT_CELLS);
    else if (place == out->n)
      out->n++;
    else
      out->cells[place] = *cell;
  }
  return st;
}
