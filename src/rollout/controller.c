/* SPDX-License-Identifier: Apache-2.0
 *
 * controller.c - the tick of the lease holder: lease, gathering, deciding, writing. With the files of handle.h it is all the I/O
 * of this room; the deciding itself is the machine's.
 *
 * Order of effects. Advance, promote and resume happen when their transaction has been committed, not before. Rollback and abort
 * take effect on this process's traffic first (hook), and are then offered to the store at every tick until it takes them. Evidence
 * without a decision waits in the chunk; a store that is full or busy delays its record, not the watch over the candidate.
 */
#include "rollout/controller.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "rollout/handle.h"

mlcm_status mlcm__handle_check(const mlcm_rollout *h, const char *function, mlcm_error *err) {
  if (!h) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s: rollout is NULL", function);
  if (h->pid != getpid()) /* rarely: in a forked child, where nothing is counted */
    return mlcm__fail(err, MLCM_INVALID_STATE, "%s: the process has forked since the rollout was opened; open it in the child",
                      function);
  return MLCM_OK;
}

void mlcm__rollout_set_hooks(mlcm_rollout *rollout, const mlcm__rollout_hooks *hooks) {
  rollout->hooks = *hooks;
}

/* How long a write waits for the writer lock. What can be tried again at the next tick does not hold this one up for long. */
#define SHORT_WAIT_NS INT64_C(250000000)
#define DECISION_WAIT_NS INT64_C(2000000000)

/* ---- lease ---------------------------------------------------------------------------------------------------------- */

/* Everything the next holder needs: the record, then a gather that goes on from its totals. */
static mlcm_status begin_holding(mlcm_rollout *h, mlcm_error *err) {
  if (h->live.len > 0) mlcm__handle_forget(h); /* live lines of another holder are not evidence */
  mlcm_status st = mlcm__handle_follow(h, err);
  if (!st && !h->gather) {
    mlcm__gather_options options = {h->reg, h->plan, h->head.endpoint_id, h->head.stable, h->head.candidate, h->first_epoch};
    st = mlcm__gather_new(&options, &h->gather, err);
  }
  if (st) return st;
  mlcm__counted_reset(h->ctx, mlcm__gather_counted(h->gather));
  *mlcm__gather_counted(h->gather) = h->counted;
  memset(&h->counted, 0, sizeof(h->counted));
  h->is_synced = true;
  h->chunk_since_ns = mlcm__mono_ns(h->ctx);
  mlcm__live_begin(h->reg, &h->live_file, h->id, h->lease.epoch, h->n_chunks);
  return MLCM_OK;
}

static mlcm_status write_lease(mlcm_rollout *h, bool take, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  int64_t epoch = h->lease.epoch, expires = mlcm__mono_ns(h->ctx) + h->lease.length_ns;
  mlcm_status st = mlcm__db_write_begin(h->reg->db, take ? DECISION_WAIT_NS : SHORT_WAIT_NS, &conn, err);
  if (!st && take) st = mlcm__lease_take(conn, &h->head, h->lease.holder, expires, &epoch, err);
  if (!st && !take) st = mlcm__lease_renew(conn, h->id, epoch, expires, err);
  if (!st) st = mlcm__registry_commit(h->reg, &conn, err);
  mlcm__db_rollback(conn);
  if (st) return st;
  h->lease.epoch = epoch;
  h->lease.expires_ns = expires;
  return MLCM_OK;
}

static mlcm_status not_mine(const mlcm_rollout *h, mlcm_error *err) {
  char who[64];
  mlcm__lease_describe(h->head.holder, who);
  return mlcm__fail(err, MLCM_STALE, "rollout %lld is decided by another process (%s); nothing was written", (long long)h->id,
                    who[0] ? who : "unknown");
}

/* A renewal that the store does not take now is no reason to stop watching the candidate: what is written is fenced by the epoch
 * anyway, and what takes effect without being written only makes traffic safer. Nor is one that came too late: the next tick sees
 * whose the lease is. */
static void renew(mlcm_rollout *h, int64_t now) {
  mlcm_error why;
  if (h->lease.expires_ns - now >= h->lease.length_ns / 2) return;
  if (write_lease(h, false, &why))
    mlcm__log(h->ctx, MLCM_LOG_WARN, "rollout %lld: the lease cannot be renewed now: %s", (long long)h->id, why.message);
}

/* On success this handle is the holder. */
static mlcm_status ensure_lease(mlcm_rollout *h, mlcm_error *err) {
  int64_t now = mlcm__mono_ns(h->ctx);
  bool is_mine = h->lease.epoch && h->lease.epoch == h->head.lease_epoch;
  if (h->lease.epoch && !is_mine) mlcm__handle_drop_lease(h);
  if (!is_mine && !mlcm__lease_is_free(h->ctx, &h->head, now)) return not_mine(h, err);
  mlcm_status st = MLCM_OK;
  if (is_mine)
    renew(h, now);
  else
    st = write_lease(h, true, err);
  if (!st && !h->is_synced) st = begin_holding(h, err);
  return st;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static mlcm_status commit_pending(mlcm_rollout *h, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  int64_t expires = mlcm__mono_ns(h->ctx) + h->lease.length_ns;
  bool ends = h->pending.has_decision && !mlcm__machine_active(h->machine);
  mlcm_status st = mlcm__db_write_begin(h->reg->db, h->pending.has_decision ? DECISION_WAIT_NS : SHORT_WAIT_NS, &conn, err);
  if (!st) st = mlcm__pending_write(h, conn, h->lease.epoch, err);
  if (!st && !ends) st = mlcm__lease_renew(conn, h->id, h->lease.epoch, expires, err);
  if (!st) st = mlcm__registry_commit(h->reg, &conn, err);
  mlcm__db_rollback(conn);
  if (!st && !ends) h->lease.expires_ns = expires;
  return st;
}

/* The record has the pending write: hands out its decision and goes on from there. Cannot fail. */
static mlcm_status settle(mlcm_rollout *h, mlcm_decision **out) {
  bool ends = h->pending.has_decision && !mlcm__machine_active(h->machine);
  if (h->pending.has_decision) {
    *out = h->pending.decision;
    h->pending.decision = NULL;
    h->head.active = !ends;
    h->head.status = h->machine->status;
    h->head.ended_ns = h->machine->ended_ns;
    h->head.n_decisions = h->pending.outcome.seq;
  }
  mlcm__pending_done(h);
  if (ends)
    mlcm__handle_drop_lease(h);
  else
    mlcm__live_begin(h->reg, &h->live_file, h->id, h->lease.epoch, h->n_chunks);
  return MLCM_OK;
}

/* After a failed write. What is in effect on traffic stays pending, and so does what may have been written after all; a decision
 * that is not in effect yet is taken back, to be made again from fresh evidence. */
static mlcm_status keep_or_take_back(mlcm_rollout *h, mlcm_status st, mlcm_error *err) {
  if (st == MLCM_STALE) {
    mlcm__handle_drop_lease(h);
    return st;
  }
  if (st == MLCM_OUTCOME_UNKNOWN) return st;
  if (h->pending.must_stand) {
    mlcm__error_prefix(err, "in effect on this process's traffic, but not recorded yet (%s): ", h->pending.outcome.reason);
    return st;
  }
  if (!h->pending.has_decision)
    mlcm__pending_unseal(h);
  else
    mlcm__handle_forget(h);
  return st;
}

static mlcm_status write_pending(mlcm_rollout *h, mlcm_decision **out, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = commit_pending(h, &why);
  if (!st) return settle(h, out);
  bool moved = st == MLCM_CONFLICT && h->pending.alias_moved;
  st = keep_or_take_back(h, st, &why);
  if (moved) { /* the change's own intent is what the next tick sees */
    mlcm__log(h->ctx, MLCM_LOG_WARN, "rollout %lld: a decision was not taken: %s", (long long)h->id, why.message);
    return MLCM_OK;
  }
  if (err) *err = why;
  return st;
}

/* A write of an earlier tick that is still open: written after all, or to be tried again. *settled: this tick is over. */
static mlcm_status resolve_pending(mlcm_rollout *h, mlcm_decision **out, bool *settled, mlcm_error *err) {
  *settled = false;
  if (!h->pending.is_open) return MLCM_OK;
  *settled = h->pending.has_decision;
  if (memcmp(h->head.chain, h->pending.digest, sizeof(h->head.chain)) == 0) return settle(h, out);
  if (h->pending.must_stand) return write_pending(h, out, err);
  *settled = false;
  if (!h->pending.has_decision) {
    mlcm__pending_unseal(h);
    return MLCM_OK;
  }
  mlcm__handle_forget(h);
  return begin_holding(h, err);
}

/* ---- the tick ------------------------------------------------------------------------------------------------------- */

static void divert_traffic(mlcm_rollout *h, const mlcm__outcome *outcome) {
  mlcm__routing routing;
  if (!h->pending.must_stand || !h->hooks.before_commit) return;
  mlcm__routing_after(h, outcome, &routing);
  h->hooks.before_commit(h->hooks.user, &routing, outcome->action, outcome->reason);
}

static bool is_due(const mlcm_rollout *h) {
  return h->chunk.len >= MLCM__CHUNK_BYTES || mlcm__mono_ns(h->ctx) - h->chunk_since_ns >= MLCM__CHUNK_NS;
}

/* Evidence of this tick. A meter that cannot be read is no data: time passes, people are obeyed, nothing is proven. */
static mlcm_status gather(mlcm_rollout *h, mlcm__tick *tick, mlcm_error *err) {
  mlcm_status st = mlcm__gather_tick(h->gather, tick, err);
  if (!st || st == MLCM_NO_MEMORY) return st;
  tick->n_traffic = 0;
  tick->n_observations = 0;
  return st;
}

static mlcm_status add_line(mlcm_rollout *h, const mlcm__tick *tick, mlcm__outcome *outcome, mlcm_error *err) {
  size_t before = h->chunk.len;
  mlcm_status st = mlcm__evidence_write(&h->chunk, tick, err);
  if (!st) st = mlcm__machine_tick(h->machine, tick, outcome, err);
  if (st) return st;
  h->chunk_lines++;
  if (outcome->action) return MLCM_OK; /* a watcher would take the same decision before it is recorded */
  mlcm__live_append(h->reg, &h->live_file, h->chunk.data + before, h->chunk.len - before);
  return MLCM_OK;
}

static mlcm_status decide(mlcm_rollout *h, const mlcm_time *now, const mlcm__intent *intent, mlcm_decision **out,
                          mlcm_error *err) {
  mlcm__outcome outcome;
  mlcm_error why = {0};
  mlcm__tick tick = {.wall_ns = now->wall_ns, .mono_ns = now->mono_ns};
  if (h->chunk.len > MLCM__CHUNK_MAX_BYTES)
    return mlcm__fail(err, MLCM_LIMIT, "rollout %lld: %zu bytes of evidence wait for the store; it holds until they are recorded",
                      (long long)h->id, h->chunk.len);
  if (intent->id) tick.command = (mlcm__tick_command){intent->kind, intent->actor, intent->reason};
  mlcm_status seen = gather(h, &tick, &why);
  mlcm_status st = seen == MLCM_NO_MEMORY ? seen : add_line(h, &tick, &outcome, &why);
  if (st) { /* the tick did not happen: what was gathered is ahead of the machine */
    mlcm__handle_forget(h);
    if (err) *err = why;
    return st;
  }
  if (outcome.action || intent->id || is_due(h)) {
    st = mlcm__pending_seal(h, &outcome, intent, mlcm__gather_counted(h->gather), err);
    if (st) {
      mlcm__handle_forget(h);
      return st;
    }
    divert_traffic(h, &outcome);
    st = write_pending(h, out, err);
  }
  if (st || !seen) return st;
  if (*out) {
    mlcm__log(h->ctx, MLCM_LOG_ERROR, "rollout %lld: meters cannot be read: %s", (long long)h->id, why.message);
    return MLCM_OK;
  }
  if (err) *err = why;
  return seen;
}

static mlcm_status read_head(mlcm_rollout *h, mlcm__intent *intent, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__rollout_head head;
  mlcm_status st = mlcm__db_read_begin(h->reg->db, &conn, err);
  if (!st) st = mlcm__rollout_read(conn, h->id, &head, err);
  if (!st) st = mlcm__intent_next(conn, h->id, intent, err);
  mlcm__db_read_end(conn);
  if (!st) h->head = head;
  return st;
}

/* Ended: by a write of this handle whose outcome was unknown, or by another process. */
static mlcm_status ended(mlcm_rollout *h, mlcm_decision **out, mlcm_error *err) {
  bool mine = h->pending.is_open && memcmp(h->head.chain, h->pending.digest, sizeof(h->head.chain)) == 0;
  if (mine) return settle(h, out);
  if (h->lease.epoch) mlcm__handle_drop_lease(h);
  return mlcm__fail(err, MLCM_INVALID_STATE, "rollout %lld has ended: %s", (long long)h->id,
                    mlcm_rollout_status_name(h->head.status));
}

static mlcm_status tick_at(mlcm_rollout *h, const mlcm_time *now, mlcm_decision **out, mlcm_error *err) {
  mlcm__intent intent;
  bool settled = false;
  mlcm_status st = read_head(h, &intent, err);
  if (st) return st;
  if (!h->head.active) return ended(h, out, err);
  st = ensure_lease(h, err);
  if (!st) st = resolve_pending(h, out, &settled, err);
  if (st || settled) return st;
  return decide(h, now, &intent, out, err);
}

mlcm_status mlcm_rollout_tick(mlcm_rollout *rollout, const mlcm_time *now, mlcm_decision **out, mlcm_error *err) {
  mlcm_status st = mlcm__handle_check(rollout, "mlcm_rollout_tick", err);
  if (st) return st;
  if (!out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_tick: out is NULL");
  if (rollout->reg->read_only)
    return mlcm__fail(err, MLCM_REFUSED, "rollout %lld: the registry was opened read-only; who ticks must write",
                      (long long)rollout->id);
  mlcm_decision *decision = NULL;
  mlcm_time moment = now ? *now : mlcm_context_now(rollout->ctx);
  st = tick_at(rollout, &moment, &decision, err);
  if (st)
    mlcm_decision_free(decision);
  else
    *out = decision;
  return st;
}
