/* SPDX-License-Identifier: Apache-2.0
 *
 * commit.c - what a decision changes, in one transaction: evidence, record, alias, routing, intents, feed and audit log.
 *
 * Every write is fenced by the lease epoch. Beyond that a decision that goes on with the rollout demands that the alias still
 * points to stable: a person's change, seen or not yet seen, wins.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "gate/policy.h"
#include "rollout/handle.h"
#include "rollout/words.h"

enum { EVENT_JSON_MAX = 65536 };

/* ---- sealing -------------------------------------------------------------------------------------------------------- */

static void drop_record(mlcm_rollout *h) {
  mlcm__free(h->ctx, h->pending.record);
  mlcm_decision_free(h->pending.decision);
  memset(&h->pending, 0, sizeof(h->pending));
}

/* Rollback, abort and expiry take effect before they are recorded, and so does a pause that takes the traffic away. */
static bool must_stand(const mlcm__outcome *outcome) {
  return outcome->action == MLCM_ACTION_ROLL_BACK || outcome->action == MLCM_ACTION_ABORT ||
         (outcome->action == MLCM_ACTION_PAUSE && outcome->to_weight_ppm == 0);
}

mlcm_status mlcm__pending_seal(mlcm_rollout *h, const mlcm__outcome *outcome, const mlcm__intent *intent, mlcm__counted *counted,
                               mlcm_error *err) {
  mlcm__pending *p = &h->pending;
  assert(!p->is_open);
  memset(p, 0, sizeof(*p));
  p->lines_len = h->chunk.len;
  memcpy(p->digest, h->chain, sizeof(p->digest));
  mlcm_status st = mlcm__evidence_write_counted(&h->chunk, counted, err);
  if (!st) st = mlcm__evidence_chain(p->digest, h->chunk.data, h->chunk.len, err);
  if (!st && outcome->action) st = mlcm__record_write(h->machine, outcome, h->id, p->digest, &p->record, err);
  if (!st && outcome->action) st = mlcm__decision_of(h->ctx, p->record, &p->decision, err);
  if (st) {
    drop_record(h);
    return st;
  }
  p->is_open = true;
  p->has_decision = outcome->action != 0;
  p->must_stand = p->has_decision && must_stand(outcome);
  p->outcome = *outcome;
  if (intent) p->intent = *intent;
  return MLCM_OK;
}

void mlcm__pending_unseal(mlcm_rollout *h) {
  assert(h->pending.is_open && h->pending.lines_len <= h->chunk.len && h->gather);
  mlcm__counted *counted = mlcm__gather_counted(h->gather);
  h->chunk.len = h->pending.lines_len;
  h->chunk.data[h->chunk.len] = '\0'; /* sealing has written a line */
  for (size_t i = 0; i < counted->n; i++) counted->cells[i].is_new = true;
  drop_record(h);
}

void mlcm__pending_done(mlcm_rollout *h) {
  memcpy(h->chain, h->pending.digest, sizeof(h->chain));
  h->n_chunks++;
  h->chunk_lines = 0;
  h->chunk_since_ns = mlcm__mono_ns(h->ctx);
  mlcm__buffer_clear(&h->chunk);
  drop_record(h);
}

/* ---- routing -------------------------------------------------------------------------------------------------------- */

void mlcm__routing_after(const mlcm_rollout *h, const mlcm__outcome *outcome, mlcm__routing *out) {
  bool goes_on = outcome->status == MLCM_ROLLOUT_PROGRESSING || outcome->status == MLCM_ROLLOUT_PAUSED;
  memset(out, 0, sizeof(*out));
  out->endpoint_id = h->head.endpoint_id;
  out->stable = outcome->status == MLCM_ROLLOUT_PROMOTED ? h->machine->candidate : h->machine->stable;
  memcpy(out->salt, h->head.salt, sizeof(out->salt));
  if (!goes_on) return;
  out->rollout_id = h->id;
  if (outcome->to_weight_ppm == 0) return;
  out->candidate = h->machine->candidate;
  out->weight_ppm = outcome->to_weight_ppm;
  out->override_json = h->plan->override_json;
}

/* A rollout that ends without promotion leaves its traffic to whatever the alias names: a person may have moved it a moment ago. A
 * displaced rollout's routing was written by the change that displaced it. */
static mlcm_status write_routing(mlcm_rollout *h, mlcm__db_conn *conn, int64_t alias_target, mlcm_error *err) {
  const mlcm__outcome *o = &h->pending.outcome;
  mlcm__routing routing, now = {0};
  bool ends = o->status != MLCM_ROLLOUT_PROGRESSING && o->status != MLCM_ROLLOUT_PAUSED;
  if (!ends && (o->from_weight_ppm == o->to_weight_ppm || h->machine->displaced)) return MLCM_OK;
  mlcm__routing_after(h, o, &routing);
  mlcm_status st = MLCM_OK;
  if (ends && o->status != MLCM_ROLLOUT_PROMOTED) {
    st = mlcm__routing_read(conn, h->head.endpoint_id, &now, err);
    routing.stable = alias_target ? alias_target : now.stable;
    mlcm__routing_reset(h->ctx, &now);
  }
  return st ? st : mlcm__routing_append(conn, &routing, o->at_ns, err);
}

/* ---- the alias ------------------------------------------------------------------------------------------------------ */

/* Who made the change, for alias history, feed and audit log. */
typedef struct author {
  char name[64];
  mlcm_attribution by;
} author;

static void author_of(const mlcm_rollout *h, author *a) {
  const mlcm__outcome *o = &h->pending.outcome;
  snprintf(a->name, sizeof(a->name), "rollout %lld", (long long)h->id);
  a->by.actor = o->actor[0] ? o->actor : a->name;
  a->by.reason = o->note[0] ? o->note : o->reason;
}

static mlcm_status check_alias(mlcm_rollout *h, int64_t target, mlcm_error *err) {
  assert(h->pending.must_stand || !h->machine->displaced); /* after a displacement nothing but an abort is decided */
  h->pending.alias_moved = !h->pending.must_stand && target != h->machine->stable;
  if (!h->pending.alias_moved) return MLCM_OK;
  return mlcm__fail(err, MLCM_CONFLICT, "alias %s points to /%lld, not to stable /%lld any more; rollout %lld does not go on",
                    h->endpoint.alias, (long long)target, (long long)h->machine->stable, (long long)h->id);
}

static mlcm_status move_alias(mlcm_rollout *h, mlcm__db_conn *conn, mlcm_error *err) {
  author a;
  if (h->pending.outcome.action != MLCM_ACTION_PROMOTE) return MLCM_OK;
  author_of(h, &a);
  return mlcm__alias_move_in(conn, h->reg, h->endpoint.model_id, h->endpoint.alias, h->machine->candidate, h->machine->stable,
                             MLCM_CAUSE_ROLLOUT, h->id, &a.by, err);
}

/* ---- feed and audit log --------------------------------------------------------------------------------------------- */

static mlcm_status detail_of(const mlcm_rollout *h, char **out, mlcm_error *err) {
  const mlcm__outcome *o = &h->pending.outcome;
  mlcm__buffer buffer;
  mlcm__json j;
  mlcm__buffer_init(&buffer, h->ctx, EVENT_JSON_MAX);
  mlcm__json_init(&j, &buffer, true);
  mlcm__json_object(&j, NULL);
  mlcm__json_string(&j, "action", mlcm__action_word(o->action));
  mlcm__json_i64(&j, "candidate", h->machine->candidate);
  mlcm__json_string(&j, "endpoint", h->endpoint.name);
  mlcm__json_string(&j, "reason", o->reason);
  mlcm__json_i64(&j, "rollout", h->id);
  mlcm__json_i64(&j, "seq", o->seq);
  mlcm__json_i64(&j, "stable", h->machine->stable);
  mlcm__json_string(&j, "status", mlcm__status_word(o->status));
  mlcm__json_string(&j, "verdict", mlcm__verdict_name(o->verdict));
  mlcm__json_i64(&j, "weight_ppm", o->to_weight_ppm);
  mlcm__json_end(&j);
  mlcm_status st = mlcm__buffer_take(&buffer, "an event", out, err);
  mlcm__buffer_reset(&buffer);
  return st;
}

static mlcm_status write_event(mlcm_rollout *h, mlcm__db_conn *conn, mlcm_error *err) {
  const mlcm__outcome *o = &h->pending.outcome;
  uint8_t digest[MLCM__SHA256_BYTES];
  char hex[MLCM__SHA256_HEX + 1], name[MLCM_MODEL_NAME_MAX + 64], *detail = NULL;
  author a;
  mlcm_status st = mlcm__sha256_of(h->pending.record, strlen(h->pending.record), digest, err);
  if (!st) st = detail_of(h, &detail, err);
  if (st) return st;
  mlcm__hex(digest, sizeof(digest), hex);
  snprintf(name, sizeof(name), "%s rollout %lld decision %lld", h->endpoint.name, (long long)h->id, (long long)o->seq);
  author_of(h, &a);
  mlcm__record record = {.kind = "rollout.decided",
                         .object_kind = "rollout",
                         .model = h->endpoint.model,
                         .version = h->machine->candidate,
                         .alias = h->endpoint.alias,
                         .name = name,
                         .after = mlcm__action_word(o->action),
                         .evidence = hex,
                         .detail = detail,
                         .time_ns = o->at_ns};
  st = mlcm__registry_record(conn, h->reg, &record, &a.by, NULL, err);
  mlcm__free(h->ctx, detail);
  return st;
}

/* ---- the transaction ------------------------------------------------------------------------------------------------ */

static mlcm_status write_decision(mlcm_rollout *h, mlcm__db_conn *conn, int64_t lease_epoch, mlcm_error *err) {
  const mlcm__outcome *o = &h->pending.outcome;
  bool active = o->status == MLCM_ROLLOUT_PROGRESSING || o->status == MLCM_ROLLOUT_PAUSED;
  int64_t target = 0;
  mlcm_status st = mlcm__alias_target(conn, h->endpoint.model_id, h->endpoint.alias, &target, err);
  if (!st) st = check_alias(h, target, err);
  if (!st)
    st = mlcm__decision_append(conn, h->id, lease_epoch, o->seq, o->at_ns, o->action, h->pending.record, o->status, active, err);
  if (!st) st = move_alias(h, conn, err);
  if (!st) st = write_routing(h, conn, target, err);
  if (!st) st = write_event(h, conn, err);
  if (!st && !active) st = mlcm__intent_close_all(conn, h->id, "the rollout has ended", err);
  if (!st && !active) st = mlcm__lease_release(conn, h->id, lease_epoch, err);
  return st;
}

static mlcm_status answer_intent(mlcm_rollout *h, mlcm__db_conn *conn, mlcm_error *err) {
  const mlcm__pending *p = &h->pending;
  if (!p->intent.id) return MLCM_OK;
  if (p->outcome.is_obeyed) return mlcm__intent_close(conn, p->intent.id, p->outcome.seq, NULL, err);
  if (p->outcome.refused[0]) return mlcm__intent_close(conn, p->intent.id, 0, p->outcome.refused, err);
  return MLCM_OK; /* something more urgent was decided: it stays open for the next tick */
}

/* The chunk continues what this handle knows. A write whose answer was lost may have happened: it must not happen again. */
static mlcm_status check_chain(const mlcm_rollout *h, mlcm__db_conn *conn, mlcm_error *err) {
  mlcm__rollout_head now;
  mlcm_status st = mlcm__rollout_read(conn, h->id, &now, err);
  if (st || memcmp(now.chain, h->chain, sizeof(now.chain)) == 0) return st;
  return mlcm__fail(err, MLCM_STALE, "rollout %lld: evidence has been recorded since this process looked; nothing was written",
                    (long long)h->id);
}

mlcm_status mlcm__pending_write(mlcm_rollout *h, mlcm__db_conn *conn, int64_t lease_epoch, mlcm_error *err) {
  const mlcm__pending *p = &h->pending;
  int64_t now = mlcm__wall_ns(h->ctx);
  mlcm_status st = check_chain(h, conn, err);
  if (!st)
    st = mlcm__evidence_append(conn, h->id, lease_epoch, h->chunk.data, h->chunk.len, h->chunk_lines, p->digest, now, err);
  if (!st) st = answer_intent(h, conn, err);
  if (!st && p->has_decision) st = write_decision(h, conn, lease_epoch, err);
  return st;
}
