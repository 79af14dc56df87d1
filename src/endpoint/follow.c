/* SPDX-License-Identifier: Apache-2.0
 *
 * follow.c - from the registry's newest routing row to the table that requests see. Runs on the ticking thread.
 *
 * Order: everything the new table needs is made first (versions ready, meter cells claimed, key sets open); then one pointer
 * exchange; then what is not needed any more is retired. A failure before the exchange changes nothing. The one compromise: when
 * stable is ready and the candidate is not, all requests go to stable.
 */
#include "endpoint/endpoint.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- What a table points to ----------------------------------------------------------------------------------------- */

static mlcm_status outstanding_for(mlcm_endpoint *ep, int64_t version, uint64_t epoch, mlcm__outstanding **out, mlcm_error *err) {
  for (mlcm__outstanding *o = ep->outstanding; o != NULL; o = o->next) {
    if (o->version == version && o->epoch == epoch) {
      *out = o;
      return MLCM_OK;
    }
  }
  uint32_t cell = 0;
  mlcm__outstanding *o = NULL;
  mlcm_status st = mlcm__meter_cell(ep->meter, version, epoch, &cell, err);
  if (!st) st = mlcm__outstanding_new(&ep->overdue, ep->ctx, ep->guard.n_slots, &o, err);
  if (st) return st;
  o->version = version;
  o->epoch = epoch;
  o->cell = cell;
  o->last_period = atomic_load_explicit(&ep->overdue.period, memory_order_relaxed);
  o->next = ep->outstanding;
  ep->outstanding = o;
  *out = o;
  return MLCM_OK;
}

static mlcm_status keysets_for(mlcm_endpoint *ep, int64_t rollout_id, mlcm__keysets **out, mlcm_error *err) {
  if (rollout_id == 0) return MLCM_OK;
  for (mlcm__keysets *sets = ep->keysets; sets != NULL; sets = sets->next) {
    if (sets->rollout_id == rollout_id) {
      *out = sets;
      return MLCM_OK;
    }
  }
  uint64_t first_epoch = 0;
  mlcm__keysets *sets = NULL;
  mlcm_status st = mlcm__rollout_first_epoch(ep->reg, ep->row.id, rollout_id, &first_epoch, err);
  if (!st) st = mlcm__keysets_new(ep->ctx, ep->reg->run_dir, rollout_id, first_epoch, &sets, err);
  if (st) return st;
  sets->next = ep->keysets;
  ep->keysets = sets;
  *out = sets;
  return MLCM_OK;
}

static mlcm_status make_arm(mlcm_endpoint *ep, const mlcm__served *served, uint64_t epoch, mlcm__arm *out, mlcm_error *err) {
  *out = (mlcm__arm){.version = served->version, .hash = mlcm__route_arm_hash(served->version), .session = served->session};
  return outstanding_for(ep, served->version, epoch, &out->outstanding, err);
}

/* Cells that are no arm of the new table, but whose requests may still complete. */
static mlcm_status list_former(mlcm_endpoint *ep, mlcm__table *table, mlcm_error *err) {
  size_t n = 0;
  for (const mlcm__outstanding *o = ep->outstanding; o != NULL; o = o->next) n++;
  assert(n > 0); /* stable's is there */
  table->former = mlcm__alloc_zero(ep->ctx, n, sizeof(mlcm__outstanding *));
  if (table->former == NULL) return mlcm__fail_memory(err, n * sizeof(mlcm__outstanding *));
  for (mlcm__outstanding *o = ep->outstanding; o != NULL; o = o->next) {
    if (o == table->stable.outstanding || o == table->candidate.outstanding) continue;
    if (!mlcm__outstanding_is_drained(&ep->overdue, o)) table->former[table->n_former++] = o;
  }
  return MLCM_OK;
}

static mlcm_status build(mlcm_endpoint *ep, const mlcm__routing *routing, const mlcm__served *stable,
                         const mlcm__served *candidate, mlcm__table **out, mlcm_error *err) {
  mlcm__table *table = NULL;
  uint64_t epoch = (uint64_t)routing->epoch;
  mlcm_status st = mlcm__table_new(ep->ctx, routing, &table, err);
  if (st) return st;
  table->overdue = &ep->overdue;
  st = make_arm(ep, stable, epoch, &table->stable, err);
  if (!st && candidate != NULL) st = make_arm(ep, candidate, epoch, &table->candidate, err);
  if (!st) st = keysets_for(ep, routing->rollout_id, &table->keysets, err);
  if (!st) st = list_former(ep, table, err);
  if (st) {
    mlcm__table_free(table);
    return st;
  }
  *out = table;
  return MLCM_OK;
}

/* ---- Publishing and letting go -------------------------------------------------------------------------------------- */

static bool is_former(const mlcm__table *table, const mlcm__outstanding *o) {
  for (size_t i = 0; i < table->n_former; ++i) {
    if (table->former[i] == o) return true;
  }
  return false;
}

static void free_outstanding(mlcm__retired *self) { mlcm__outstanding_free((mlcm__outstanding *)self); }
static void free_keysets(mlcm__retired *self) { mlcm__keysets_free((mlcm__keysets *)self); }

/* Retires counts of cells that the published table does not know: no request of theirs can complete any more. */
static void let_go_outstanding(mlcm_endpoint *ep, const mlcm__table *table) {
  for (mlcm__outstanding **at = &ep->outstanding; *at != NULL;) {
    mlcm__outstanding *o = *at;
    bool known = o == table->stable.outstanding || o == table->candidate.outstanding || is_former(table, o);
    if (known || !mlcm__outstanding_is_drained(&ep->overdue, o)) {
      at = &o->next;
      continue;
    }
    *at = o->next;
    mlcm__guard_retire(&ep->guard, &o->retired, free_outstanding);
  }
}

/* Its files are of no use once the rollout is over; a process that lags behind keeps what it has open. */
static void remove_files(mlcm_endpoint *ep, int64_t rollout_id) {
  char rollout[24];
  mlcm_error why;
  snprintf(rollout, sizeof rollout, "%lld", (long long)rollout_id);
  if (mlcm__keyset_remove(ep->ctx, ep->reg->run_dir, rollout, &why)) {
    mlcm__log(ep->ctx, MLCM_LOG_WARN, "endpoint '%s': key sets of rollout %s stay behind: %s", ep->row.name, rollout,
              why.message);
  }
}

static void let_go_keysets(mlcm_endpoint *ep, const mlcm__table *table) {
  for (mlcm__keysets **at = &ep->keysets; *at != NULL;) {
    mlcm__keysets *sets = *at;
    if (sets == table->keysets || sets->n_tables > 0) {
      at = &sets->next;
      continue;
    }
    *at = sets->next;
    if (sets->rollout_id != ep->rollout_id) remove_files(ep, sets->rollout_id);
    mlcm__guard_retire(&ep->guard, &sets->retired, free_keysets);
  }
}

/* Retires versions that neither serve nor stand by. */
static void let_go_served(mlcm_endpoint *ep, const mlcm__table *table) {
  for (mlcm__served **at = &ep->served; *at != NULL;) {
    mlcm__served *served = *at;
    int64_t v = served->version;
    if (v == table->stable.version || v == table->candidate.version || v == ep->warm) {
      at = &served->next;
      continue;
    }
    pthread_mutex_lock(&ep->lock);
    *at = served->next;
    pthread_mutex_unlock(&ep->lock);
    if (ep->flags & MLCM_ENDPOINT_NO_ENGINE && ep->host.retire != NULL) ep->host.retire(ep->host.user, v);
    mlcm__guard_retire(&ep->guard, &served->retired, mlcm__served_free_retired);
  }
}

static void publish(mlcm_endpoint *ep, mlcm__table *table) {
  mlcm__table_hold(table);
  mlcm__table *old = atomic_exchange(&ep->table, table);
  if (old != NULL) {
    if (old->stable.version != table->stable.version) ep->warm = old->stable.version;
    mlcm__guard_retire(&ep->guard, &old->retired, mlcm__table_free_retired);
  }
  atomic_fetch_add(&ep->n_swaps, 1);
  let_go_served(ep, table);
}

void mlcm__endpoint_sweep(mlcm_endpoint *ep) {
  const mlcm__table *table = atomic_load(&ep->table);
  assert(table != NULL); /* from open to close */
  mlcm__guard_sweep(&ep->guard); /* frees old tables, which then hold on to nothing */
  let_go_outstanding(ep, table);
  let_go_keysets(ep, table);
  mlcm__guard_sweep(&ep->guard);
}

void mlcm__endpoint_drop_all(mlcm_endpoint *ep) {
  mlcm__table *table = atomic_exchange(&ep->table, NULL);
  if (table != NULL) mlcm__guard_retire(&ep->guard, &table->retired, mlcm__table_free_retired);
  while (ep->served != NULL) {
    mlcm__served *served = ep->served;
    ep->served = served->next;
    if (ep->flags & MLCM_ENDPOINT_NO_ENGINE && ep->host.retire != NULL) ep->host.retire(ep->host.user, served->version);
    mlcm__guard_retire(&ep->guard, &served->retired, mlcm__served_free_retired);
  }
  mlcm__guard_reset(&ep->guard); /* tables first: they count down what they point to */
  while (ep->outstanding != NULL) {
    mlcm__outstanding *o = ep->outstanding;
    ep->outstanding = o->next;
    mlcm__outstanding_free(o);
  }
  while (ep->keysets != NULL) {
    mlcm__keysets *sets = ep->keysets;
    ep->keysets = sets->next;
    mlcm__keysets_free(sets);
  }
}

/* ---- Following ------------------------------------------------------------------------------------------------------ */

/* A candidate that cannot be loaded is a fact for the rollout; one that may load on another attempt gets a few of them. */
static void tell_broken(mlcm_endpoint *ep, const mlcm__routing *routing) {
  mlcm__failed *failed = mlcm__endpoint_failed(ep, routing->candidate);
  assert(failed != NULL); /* the failure that brought us here was remembered */
  if (failed->told) return;
  if (failed->err.kind == MLCM_KIND_TRANSIENT && failed->attempts < MLCM__LOAD_ATTEMPTS) return;
  mlcm_error why = failed->err;
  mlcm_error err;
  mlcm__error_prefix(&why, "the candidate could not be loaded: ");
  if (mlcm__rollout_report_broken(ep->reg, routing->rollout_id, why.message, &err)) {
    mlcm__log(ep->ctx, MLCM_LOG_WARN, "endpoint '%s': could not tell the rollout that its candidate does not load: %s",
              ep->row.name, err.message);
    return;
  }
  pthread_mutex_lock(&ep->lock);
  failed->told = true;
  pthread_mutex_unlock(&ep->lock);
}

/* Without the candidate nothing is gained by a new table when the present one sends everything to the same stable version. */
static bool serves_stable_only(const mlcm__table *table, int64_t stable) {
  return table != NULL && table->stable.version == stable && table->candidate.version == 0;
}

static mlcm_status adopt(mlcm_endpoint *ep, const mlcm__routing *routing, int64_t now_mono_ns, mlcm_error *err) {
  mlcm__served *stable = NULL;
  mlcm__served *candidate = NULL;
  mlcm__table *table = NULL;
  mlcm__endpoint_forget_failed(ep, routing->stable, routing->candidate);
  mlcm_status st = mlcm__endpoint_need(ep, routing->stable, now_mono_ns, &stable, err);
  if (st) return st;
  mlcm_status candidate_st = MLCM_OK;
  if (routing->candidate != 0) {
    candidate_st = mlcm__endpoint_need(ep, routing->candidate, now_mono_ns, &candidate, err);
    if (candidate_st) tell_broken(ep, routing);
  }
  const mlcm__table *present = atomic_load(&ep->table);
  if (candidate_st && serves_stable_only(present, routing->stable)) return candidate_st;
  st = build(ep, routing, stable, candidate, &table, err);
  if (st) return st;
  publish(ep, table);
  return candidate_st;
}

mlcm_status mlcm__endpoint_follow(mlcm_endpoint *ep, int64_t now_mono_ns, mlcm_error *err) {
  const mlcm__table *table = atomic_load(&ep->table);
  mlcm__routing routing = {0};
  mlcm_status st = mlcm__routing_current(ep->reg, ep->row.id, &routing, err);
  if (!st && !(ep->settled && table->epoch == (uint64_t)routing.epoch)) {
    ep->rollout_id = routing.rollout_id;
    st = adopt(ep, &routing, now_mono_ns, err);
    ep->settled = st == MLCM_OK;
  }
  mlcm__routing_reset(ep->ctx, &routing);
  return st;
}
