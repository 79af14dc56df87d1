/* SPDX-License-Identifier: Apache-2.0
 *
 * tick.c - one round of everything that is not a request. Each part does its work whatever the others answered; the first failure
 * is what the round answers.
 */
#include "endpoint/endpoint.h"

#include <string.h>

#include "base/text.h"

#define SWEEP_EVERY_NS INT64_C(600000000000)
#define METER_RETENTION_NS INT64_C(604800000000000) /* a week */

/* ---- Who ticks ------------------------------------------------------------------------------------------------------ */

bool mlcm__endpoint_begin_ticking(mlcm_endpoint *ep) {
  bool idle = false;
  return atomic_compare_exchange_strong(&ep->ticking, &idle, true);
}

void mlcm__endpoint_end_ticking(mlcm_endpoint *ep) { atomic_store(&ep->ticking, false); }

/* ---- Overdue requests ----------------------------------------------------------------------------------------------- */

static void count_overdue(mlcm_endpoint *ep, mlcm__outstanding *o) {
  uint64_t n[MLCM__PERIOD_SCOPES];
  mlcm__outstanding_close(&ep->overdue, o, n);
  for (int scope = 0; scope < MLCM__PERIOD_SCOPES; ++scope) {
    atomic_fetch_add(&ep->n_overdue, n[scope]);
    for (uint64_t i = 0; i < n[scope]; ++i) {
      mlcm__meter_complete(ep->meter, o->cell, (mlcm__scope)scope, ep->overdue.deadline_ns, false);
    }
  }
}

static void close_periods(mlcm_endpoint *ep, int64_t now_mono_ns) {
  while (mlcm__overdue_is_due(&ep->overdue, now_mono_ns)) {
    for (mlcm__outstanding *o = ep->outstanding; o != NULL; o = o->next) count_overdue(ep, o);
    mlcm__overdue_closed(&ep->overdue);
  }
  mlcm__overdue_turn(&ep->overdue, ep->outstanding, now_mono_ns);
}

/* ---- The rollout ---------------------------------------------------------------------------------------------------- */

/* A rollback is in effect on this process's traffic before the store has it. */
static void before_commit(void *user, const mlcm__routing *routing, mlcm_action action, const char *reason) {
  mlcm_endpoint *ep = user;
  mlcm__table *table = atomic_load(&ep->table);
  (void)routing;
  if (atomic_exchange(&table->halted, true)) return;
  mlcm__log(ep->ctx, MLCM_LOG_WARN, "endpoint '%s': all requests go to /%lld from now on (%s: %s)", ep->row.name,
            (long long)table->stable.version, mlcm_action_name(action), reason);
}

/* Another process decides, and it has not stopped the rollout. */
static void resume_traffic(mlcm_endpoint *ep) { atomic_store(&atomic_load(&ep->table)->halted, false); }

/* Makes `rollout` the handle on the newest rollout, after the host was told the end of the one before. One that has ended already
 * is opened too: the host is told of it. */
mlcm_status mlcm__endpoint_attach(mlcm_endpoint *ep, mlcm_error *err) {
  int64_t latest = 0;
  mlcm_rollout *rollout = NULL;
  mlcm_status st = mlcm__endpoint_latest_rollout(ep->reg, ep->row.id, &latest, err);
  if (st || latest == 0 || (ep->rollout != NULL && mlcm_rollout_id(ep->rollout) == latest)) return st;
  st = mlcm__endpoint_notify(ep, err);
  if (!st) st = mlcm_rollout_open_by_id(ep->reg, latest, &rollout, err);
  if (st) return st;
  mlcm__rollout_hooks hooks = {before_commit, ep};
  mlcm__rollout_set_hooks(rollout, &hooks);
  mlcm_rollout_close(ep->rollout);
  ep->rollout = rollout;
  ep->seen_decision = 0;
  ep->next_tick_ns = 0;
  return MLCM_OK;
}

static mlcm_status steer(mlcm_endpoint *ep, const mlcm_time *now, bool due_only, mlcm_decision **out, mlcm_error *err) {
  if (ep->flags & MLCM_ENDPOINT_FOLLOW || ep->rollout == NULL || ep->rollout_id != mlcm_rollout_id(ep->rollout)) return MLCM_OK;
  if (due_only && now->mono_ns < ep->next_tick_ns) return MLCM_OK;
  ep->next_tick_ns = now->mono_ns + mlcm_rollout_tick_ns(ep->rollout);
  mlcm_status st = mlcm_rollout_tick(ep->rollout, now, out, err);
  if (st == MLCM_STALE) {
    resume_traffic(ep);
    return MLCM_OK;
  }
  /* It ended elsewhere: the newest routing tells. */
  if (st == MLCM_INVALID_STATE) return MLCM_OK; /* rarely: another process ends it after this round has read the routing */
  return st;
}

/* ---- Housekeeping --------------------------------------------------------------------------------------------------- */

static mlcm_status sweep_meters(mlcm_endpoint *ep, const mlcm_time *now, mlcm_error *err) {
  const mlcm__table *table = atomic_load(&ep->table);
  uint64_t keep_from = table->keysets != NULL ? table->keysets->first_epoch : table->epoch;
  return mlcm__meter_sweep(ep->ctx, ep->reg->run_dir, ep->row.id >= 0 ? (uint64_t)ep->row.id : 0, now->wall_ns,
                           METER_RETENTION_NS, keep_from, NULL, err);
}

/* Files whose name is no rollout's number are somebody else's. */
static mlcm_status is_over(void *user, const char *rollout, bool *out, mlcm_error *err) {
  const mlcm_endpoint *ep = user;
  int64_t id = 0;
  bool active = true;
  mlcm_status st = MLCM_OK;
  if (mlcm__parse_i64(rollout, strlen(rollout), &id)) st = mlcm__rollout_is_active(ep->reg, id, &active, err);
  *out = !active;
  return st;
}

/* What nobody took away: meters of processes that are gone, key sets of rollouts that ended while no endpoint was open. */
static mlcm_status sweep_files(mlcm_endpoint *ep, const mlcm_time *now, mlcm_error *err) {
  if (now->mono_ns < ep->next_sweep_ns) return MLCM_OK;
  ep->next_sweep_ns = now->mono_ns + SWEEP_EVERY_NS;
  mlcm_status meters = sweep_meters(ep, now, err);
  mlcm_error why;
  mlcm_status keys = mlcm__keyset_sweep(ep->ctx, ep->reg->run_dir, is_over, ep, meters ? &why : err);
  return meters ? meters : keys;
}

/* ---- The round ------------------------------------------------------------------------------------------------------ */

/* Keeps the first failure. */
static void note(mlcm_status st, const mlcm_error *why, mlcm_status *first, mlcm_error *err) {
  if (!st || *first) return;
  *first = st;
  *err = *why;
}

static void remember_round(mlcm_endpoint *ep, mlcm_status st, const mlcm_error *why) {
  bool news = false;
  if (st) atomic_fetch_add(&ep->n_tick_failures, 1);
  pthread_mutex_lock(&ep->lock);
  news = st && strcmp(ep->last_tick_error.message, why->message) != 0;
  if (st)
    ep->last_tick_error = *why;
  else
    memset(&ep->last_tick_error, 0, sizeof ep->last_tick_error);
  pthread_mutex_unlock(&ep->lock);
  if (news) mlcm__log(ep->ctx, MLCM_LOG_WARN, "endpoint '%s': %s", ep->row.name, why->message);
}

/* What depends on the store having changed. */
static mlcm_status follow_and_attach(mlcm_endpoint *ep, const mlcm_time *now, mlcm_error *err) {
  mlcm_error why;
  mlcm_status first = MLCM_OK;
  note(mlcm__endpoint_follow(ep, now->mono_ns, &why), &why, &first, err);
  note(mlcm__endpoint_attach(ep, &why), &why, &first, err);
  return first;
}

mlcm_status mlcm__endpoint_round(mlcm_endpoint *ep, const mlcm_time *now, bool due_only, mlcm_decision **out, mlcm_error *err) {
  mlcm_error why;
  mlcm_error first_why;
  mlcm_status first = MLCM_OK;
  mlcm_decision *decision = NULL;
  int64_t generation = ep->generation;
  close_periods(ep, now->mono_ns);
  mlcm_status st = mlcm__db_changed(ep->reg->db, &generation, &why);
  note(st, &why, &first, &first_why);
  bool changed = generation != ep->generation; /* and not yet followed to the end */
  if (changed) {
    st = follow_and_attach(ep, now, &why);
    note(st, &why, &first, &first_why);
  }
  note(steer(ep, now, due_only, &decision, &why), &why, &first, &first_why);
  if (decision != NULL) note(follow_and_attach(ep, now, &why), &why, &first, &first_why);
  if (changed || decision != NULL) {
    mlcm_status told = mlcm__endpoint_notify(ep, &why);
    note(told, &why, &first, &first_why);
    if (!st && !told) ep->generation = generation; /* else: look again in the next round */
  }
  note(sweep_files(ep, now, &why), &why, &first, &first_why);
  mlcm__endpoint_sweep(ep);
  remember_round(ep, first, &first_why);
  if (out != NULL)
    *out = decision;
  else
    mlcm_decision_free(decision);
  if (first && err != NULL) *err = first_why;
  return first;
}

mlcm_status mlcm_endpoint_tick(mlcm_endpoint *ep, const mlcm_time *now, mlcm_decision **out, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_check(ep, "mlcm_endpoint_tick", err);
  if (st) return st;
  if (ep->has_thread) {
    return mlcm__fail(err, MLCM_INVALID_STATE,
                      "mlcm_endpoint_tick: endpoint '%s' has a background thread that ticks; open it with MLCM_ENDPOINT_MANUAL",
                      ep->row.name);
  }
  if (!mlcm__endpoint_begin_ticking(ep)) {
    return mlcm__fail(err, MLCM_BUSY, "mlcm_endpoint_tick: another thread is ticking endpoint '%s'", ep->row.name);
  }
  mlcm_time present = now != NULL ? *now : mlcm_context_now(ep->ctx);
  mlcm_decision *decision = NULL;
  st = mlcm__endpoint_round(ep, &present, false, &decision, err);
  mlcm__endpoint_end_ticking(ep);
  if (decision != NULL) st = MLCM_OK; /* it is a fact; what else failed is in the state, and the next tick meets it again */
  if (!st && out != NULL)
    *out = decision;
  else
    mlcm_decision_free(decision);
  return st;
}
