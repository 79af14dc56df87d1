/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - making, reading and freeing routing tables.
 */
#include "endpoint/table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MAX_RULES_BYTES = 1 << 20 };

/* ---- Override rules ------------------------------------------------------------------------------------------------- */

static mlcm_status read_rule(const cJSON *item, mlcm__override_rule *out, mlcm_error *err) {
  const char *attribute = NULL;
  const char *to = NULL;
  const char *value = NULL;
  mlcm_status st = mlcm__json_get_string(item, "attribute", "override rule", &attribute, err);
  if (!st) st = mlcm__json_get_string(item, "to", "override rule", &to, err);
  if (!st && cJSON_HasObjectItem(item, "value")) st = mlcm__json_get_string(item, "value", "override rule", &value, err);
  if (st) return st;
  out->key = mlcm_str_of(attribute);
  out->value = mlcm_str_of(value);
  out->to_candidate = strcmp(to, "candidate") == 0;
  return MLCM_OK;
}

static mlcm_status read_rules(mlcm__table *table, const char *json, mlcm_error *err) {
  if (json == NULL || json[0] == '\0') return MLCM_OK;
  mlcm__json_limits limits = {.max_bytes = MAX_RULES_BYTES, .max_depth = 4};
  mlcm_status st = mlcm__json_parse(table->ctx, "override rules", json, strlen(json), limits, &table->rules_json, err);
  if (st) return st;
  int n = cJSON_GetArraySize(table->rules_json);
  if (n == 0) return MLCM_OK;
  table->rules = mlcm__alloc_zero(table->ctx, (size_t)n, sizeof *table->rules);
  if (table->rules == NULL) return mlcm__fail_memory(err, (size_t)n * sizeof *table->rules);
  for (const cJSON *item = table->rules_json->child; item != NULL; item = item->next) {
    st = read_rule(item, &table->rules[table->n_rules], err);
    if (st) return st;
    table->n_rules++;
  }
  return MLCM_OK;
}

/* ---- Making and freeing --------------------------------------------------------------------------------------------- */

mlcm_status mlcm__table_new(mlcm_context *ctx, const mlcm__routing *routing, mlcm__table **out, mlcm_error *err) {
  mlcm__table *table = mlcm__alloc_zero(ctx, 1, sizeof *table);
  if (table == NULL) return mlcm__fail_memory(err, sizeof *table);
  table->ctx = ctx;
  table->epoch = (uint64_t)routing->epoch;
  table->candidate_ppm = routing->weight_ppm;
  memcpy(table->salt, routing->salt, sizeof table->salt);
  atomic_init(&table->halted, false);
  mlcm_status st = read_rules(table, routing->override_json, err);
  if (st) {
    mlcm__table_free(table);
    return st;
  }
  *out = table;
  return MLCM_OK;
}

static void hold_arm(mlcm__arm *arm) {
  if (arm->outstanding != NULL) arm->outstanding->n_tables++;
}

static void release_arm(const mlcm__table *table, mlcm__arm *arm) {
  if (arm->outstanding == NULL) return;
  assert(arm->outstanding->n_tables > 0);
  arm->outstanding->n_tables--;
  arm->outstanding->last_period = atomic_load_explicit(&table->overdue->period, memory_order_relaxed);
}

void mlcm__table_hold(mlcm__table *table) {
  hold_arm(&table->stable);
  hold_arm(&table->candidate);
  if (table->keysets != NULL) table->keysets->n_tables++;
}

void mlcm__table_free(mlcm__table *table) {
  cJSON_Delete(table->rules_json);
  mlcm__free(table->ctx, table->rules);
  mlcm__free(table->ctx, table->former);
  mlcm__free(table->ctx, table);
}

void mlcm__table_free_retired(mlcm__retired *self) {
  mlcm__table *table = (mlcm__table *)self;
  release_arm(table, &table->stable);
  release_arm(table, &table->candidate);
  if (table->keysets != NULL) table->keysets->n_tables--;
  mlcm__table_free(table);
}

/* ---- Key sets ------------------------------------------------------------------------------------------------------- */

static mlcm_status open_set(const mlcm__keysets *sets, const char *run_dir, const char *signal, mlcm__keyset **out,
                            mlcm_error *err) {
  char rollout[24];
  snprintf(rollout, sizeof rollout, "%lld", (long long)sets->rollout_id);
  return mlcm__keyset_open(sets->ctx, run_dir, rollout, signal, out, err);
}

mlcm_status mlcm__keysets_new(mlcm_context *ctx, const char *run_dir, int64_t rollout_id, uint64_t first_epoch,
                              mlcm__keysets **out, mlcm_error *err) {
  mlcm__keysets *sets = mlcm__alloc_zero(ctx, 1, sizeof *sets);
  if (sets == NULL) return mlcm__fail_memory(err, sizeof *sets);
  sets->ctx = ctx;
  sets->rollout_id = rollout_id;
  sets->first_epoch = first_epoch;
  mlcm_status st = open_set(sets, run_dir, "complete", &sets->routed, err);
  if (st) {
    mlcm__free(ctx, sets);
    return st;
  }
  *out = sets;
  return MLCM_OK;
}

void mlcm__keysets_free(mlcm__keysets *sets) {
  mlcm__keyset_close(sets->routed);
  for (size_t i = 0; i < MLCM__METER_OUTCOMES; ++i) mlcm__keyset_close(atomic_load(&sets->outcome[i]));
  mlcm__free(sets->ctx, sets);
}

mlcm_status mlcm__keysets_outcome(mlcm__keysets *sets, const char *run_dir, uint32_t outcome, const char *name,
                                  mlcm__keyset **out, mlcm_error *err) {
  assert(outcome < MLCM__METER_OUTCOMES);
  mlcm__keyset *set = atomic_load_explicit(&sets->outcome[outcome], memory_order_acquire);
  if (set == NULL) {
    char signal[16 + MLCM__METER_OUTCOME_NAME];
    snprintf(signal, sizeof signal, "outcome.%s", name);
    mlcm_status st = open_set(sets, run_dir, signal, &set, err);
    if (st) return st;
    atomic_store_explicit(&sets->outcome[outcome], set, memory_order_release);
  }
  *out = set;
  return MLCM_OK;
}
