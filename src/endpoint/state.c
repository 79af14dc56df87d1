/* SPDX-License-Identifier: Apache-2.0
 *
 * state.c - what an endpoint serves now, as a struct and as JSON.
 */
#include "endpoint/endpoint.h"

#include "base/json.h"

enum { STATE_MAX = 1 << 20 };

static void fill_counts(mlcm_endpoint *ep, mlcm_endpoint_info *out) {
  for (unsigned i = 0; i < ep->guard.n_slots; ++i) out->requests += atomic_load(&ep->guard.slots[i].routed);
  out->overdue = atomic_load(&ep->n_overdue);
  out->swaps = atomic_load(&ep->n_swaps);
  out->load_failures = atomic_load(&ep->n_load_failures);
  out->tick_failures = atomic_load(&ep->n_tick_failures);
  out->flags = ep->flags;
}

static mlcm_endpoint_info info_of(mlcm_endpoint *ep) {
  mlcm_endpoint_info info = {0};
  mlcm__guard_token token = mlcm__guard_enter(&ep->guard);
  const mlcm__table *table = atomic_load(&ep->table);
  bool halted = atomic_load(&table->halted);
  info.stable = table->stable.version;
  info.candidate = halted ? 0 : table->candidate.version;
  info.epoch = table->epoch;
  info.weight_ppm = info.candidate != 0 ? table->candidate_ppm : 0;
  mlcm__guard_leave(token);
  fill_counts(ep, &info);
  return info;
}

mlcm_status mlcm_endpoint_get_info(mlcm_endpoint *ep, mlcm_endpoint_info *out, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_check(ep, "mlcm_endpoint_get_info", err);
  if (st) return st;
  if (out == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_get_info: out is NULL");
  *out = info_of(ep);
  return MLCM_OK;
}

static void write_error(mlcm__json *j, const char *key, const mlcm_error *why) {
  if (why->code == MLCM_OK) {
    mlcm__json_null(j, key);
    return;
  }
  mlcm__json_object(j, key);
  mlcm__json_string(j, "status", mlcm_status_name(why->code));
  mlcm__json_string(j, "message", why->message);
  mlcm__json_end(j);
}

static const char *role_of(const mlcm_endpoint_info *info, int64_t version) {
  if (version == info->stable) return "stable";
  return version == info->candidate ? "candidate" : "standby";
}

static void write_versions(mlcm_endpoint *ep, mlcm__json *j, const mlcm_endpoint_info *info) {
  mlcm__json_array(j, "versions");
  for (const mlcm__served *s = ep->served; s != NULL; s = s->next) {
    mlcm__json_object(j, NULL);
    mlcm__json_i64(j, "version", s->version);
    mlcm__json_string(j, "state", "ready");
    mlcm__json_string(j, "role", role_of(info, s->version));
    mlcm__json_end(j);
  }
  for (size_t i = 0; i < MLCM__FAILED_VERSIONS; ++i) {
    const mlcm__failed *failed = &ep->failed[i];
    if (failed->version == 0) continue;
    mlcm__json_object(j, NULL);
    mlcm__json_i64(j, "version", failed->version);
    mlcm__json_string(j, "state", "failed");
    mlcm__json_i64(j, "attempts", failed->attempts);
    write_error(j, "error", &failed->err);
    mlcm__json_end(j);
  }
  mlcm__json_end(j);
}

static void write_info(const mlcm_endpoint *ep, mlcm__json *j, const mlcm_endpoint_info *info) {
  mlcm__json_string(j, "endpoint", ep->row.name);
  mlcm__json_string(j, "model", ep->row.model);
  mlcm__json_string(j, "alias", ep->row.alias);
  mlcm__json_i64(j, "stable", info->stable);
  if (info->candidate != 0)
    mlcm__json_i64(j, "candidate", info->candidate);
  else
    mlcm__json_null(j, "candidate");
  mlcm__json_i64(j, "weight_ppm", info->weight_ppm);
  mlcm__json_i64(j, "epoch", (int64_t)info->epoch);
  mlcm__json_i64(j, "requests", (int64_t)info->requests);
  mlcm__json_i64(j, "overdue", (int64_t)info->overdue);
  mlcm__json_i64(j, "swaps", (int64_t)info->swaps);
  mlcm__json_i64(j, "load_failures", (int64_t)info->load_failures);
  mlcm__json_i64(j, "tick_failures", (int64_t)info->tick_failures);
}

mlcm_status mlcm_endpoint_to_json(mlcm_endpoint *ep, char **out, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_check(ep, "mlcm_endpoint_to_json", err);
  if (st) return st;
  if (out == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_to_json: out is NULL");
  const mlcm_endpoint_info info = info_of(ep);
  mlcm__buffer buffer;
  mlcm__json json;
  mlcm__buffer_init(&buffer, ep->ctx, STATE_MAX);
  mlcm__json_init(&json, &buffer, false);
  mlcm__json_object(&json, NULL);
  write_info(ep, &json, &info);
  pthread_mutex_lock(&ep->lock);
  write_versions(ep, &json, &info);
  write_error(&json, "error", &ep->last_tick_error);
  pthread_mutex_unlock(&ep->lock);
  mlcm__json_end(&json);
  st = mlcm__buffer_take(&buffer, "endpoint state", out, err);
  mlcm__buffer_reset(&buffer);
  return st;
}
