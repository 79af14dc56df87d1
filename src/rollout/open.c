/* SPDX-License-Identifier: Apache-2.0
 *
 * open.c - starting, opening, closing and listing rollouts.
 *
 * Starting is a decision like any other: evidence of one empty tick, a record, routing and audit leaf in one transaction. It is
 * written under lease epoch 0, before anybody can hold the lease.
 */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "rollout/handle.h"

/* ---- the handle ----------------------------------------------------------------------------------------------------- */

static mlcm_status handle_new(mlcm_registry *reg, mlcm_rollout **out, mlcm_error *err) {
  mlcm_rollout *h = mlcm__alloc_zero(reg->ctx, 1, sizeof(*h));
  if (!h) return mlcm__fail_memory(err, sizeof(*h));
  h->ctx = mlcm__context_retain(reg->ctx);
  h->reg = mlcm__registry_retain(reg);
  h->pid = getpid();
  mlcm__buffer_init(&h->live, h->ctx, MLCM__LIVE_MAX);
  mlcm__buffer_init(&h->chunk, h->ctx, 2 * (size_t)MLCM__CHUNK_MAX_BYTES);
  *out = h;
  return MLCM_OK;
}

/* Frees memory only: nothing is written, no file is touched. In a forked child the samplers' threads do not exist and cannot be
 * joined: their memory is left alone. */
static void handle_free(mlcm_rollout *h) {
  if (!h) return;
  mlcm_context *ctx = h->ctx;
  mlcm__handle_forget(h);
  if (h->pid == getpid()) mlcm__gather_free(h->gather); /* rarely: another in a forked child, where nothing is counted */
  mlcm__live_close(h->reg, &h->live_file);
  mlcm__buffer_reset(&h->live);
  mlcm__buffer_reset(&h->chunk);
  mlcm__free(ctx, h->plan_name);
  mlcm_plan_free(h->plan);
  mlcm__registry_release(h->reg);
  mlcm__free(ctx, h);
  mlcm__context_release(ctx);
}

/* A write without an answer may have happened: it is in the record then. */
static mlcm_status write_open(mlcm_rollout *h, mlcm__db_conn *conn, mlcm_error *err) {
  if (!h->pending.is_open) return MLCM_OK;
  mlcm_status st = mlcm__rollout_read(conn, h->id, &h->head, err);
  if (st || memcmp(h->head.chain, h->pending.digest, sizeof(h->head.chain)) == 0) return st;
  return mlcm__pending_write(h, conn, h->lease.epoch, err);
}

/* Writes what is still open and gives the lease back. Whatever fails here is made good by the next holder from the meters. */
static void give_up_lease(mlcm_rollout *h) {
  mlcm__db_conn *conn = NULL;
  mlcm__outcome nothing = {.check = -1};
  mlcm_error why;
  mlcm_status st = MLCM_OK;
  if (!h->pending.is_open && h->chunk.len > 0) st = mlcm__pending_seal(h, &nothing, NULL, mlcm__gather_counted(h->gather), &why);
  if (!st) st = mlcm__registry_write_begin(h->reg, &conn, &why);
  if (!st) st = write_open(h, conn, &why);
  if (!st) st = mlcm__lease_release(conn, h->id, h->lease.epoch, &why);
  if (!st) st = mlcm__registry_commit(h->reg, &conn, &why);
  mlcm__db_rollback(conn);
  if (st && st != MLCM_STALE)
    mlcm__log(h->ctx, MLCM_LOG_WARN, "rollout %lld: the lease was not given back and runs out by itself: %s", (long long)h->id,
              why.message);
  if (!st && h->pending.is_open) mlcm__pending_done(h);
}

void mlcm__handle_give_up_lease(mlcm_rollout *h) {
  if (!h->lease.epoch) return;
  if (h->is_synced) give_up_lease(h);
  mlcm__handle_drop_lease(h);
}

void mlcm_rollout_close(mlcm_rollout *rollout) {
  if (!rollout) return;
  if (rollout->pid == getpid()) mlcm__handle_give_up_lease(rollout); /* rarely: another, as above */
  handle_free(rollout);
}

int64_t mlcm_rollout_id(const mlcm_rollout *rollout) { return rollout->id; }

int32_t mlcm_rollout_is_active(const mlcm_rollout *rollout) { return rollout->head.active; }

int64_t mlcm_rollout_tick_ns(const mlcm_rollout *rollout) { return rollout->plan->tick_ns; }

/* ---- opening -------------------------------------------------------------------------------------------------------- */

static mlcm_status read_rows(mlcm_rollout *h, mlcm__db_conn *conn, char **plan_text, mlcm_error *err) {
  int64_t epoch = 0;
  mlcm_status st = mlcm__rollout_read(conn, h->id, &h->head, err);
  if (!st) st = mlcm__rollout_read_plan(conn, h->id, &h->plan_name, plan_text, err);
  if (!st) st = mlcm__endpoint_read(conn, h->head.endpoint_id, &h->endpoint, err);
  if (!st) st = mlcm__routing_first_epoch(conn, h->head.endpoint_id, h->id, &epoch, err);
  if (!st) h->first_epoch = (uint64_t)epoch;
  return st;
}

/* The plan was valid when it was recorded: now it must parse to the same digest. */
static mlcm_status parse_recorded(mlcm_rollout *h, const char *text, mlcm_error *err) {
  mlcm_status st = mlcm_plan_parse(h->ctx, h->plan_name, mlcm_str_of(text), &h->plan, err);
  if (st) return st;
  if (strcmp(h->plan->digest, h->head.policy_digest) == 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_CORRUPT, "rollout %lld: the recorded plan has digest %.12s..., its decisions speak of %.12s...",
                    (long long)h->id, h->plan->digest, h->head.policy_digest);
}

/* endpoint NULL: by id. */
static mlcm_status open_one(mlcm_registry *reg, const char *endpoint, int64_t id, mlcm_rollout **out, mlcm_error *err) {
  mlcm_rollout *h = NULL;
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  char *plan_text = NULL;
  mlcm_status st = handle_new(reg, &h, err);
  if (!st) st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st && endpoint) st = mlcm__endpoint_find(conn, endpoint, &row, err);
  if (!st && endpoint) st = mlcm__rollout_latest(conn, row.id, &id, err);
  if (!st && endpoint && !id) st = mlcm__fail(err, MLCM_NOT_FOUND, "endpoint '%s' has never had a rollout", endpoint);
  if (!st) {
    h->id = id;
    st = read_rows(h, conn, &plan_text, err);
  }
  mlcm__db_read_end(conn);
  if (!st) st = parse_recorded(h, plan_text, err);
  if (!st) st = mlcm__lease_init(h->ctx, h->plan->tick_ns, &h->lease, err);
  mlcm__free(reg->ctx, plan_text);
  if (st)
    handle_free(h);
  else
    *out = h;
  return st;
}

mlcm_status mlcm_rollout_open(mlcm_registry *reg, const char *endpoint, mlcm_rollout **out, mlcm_error *err) {
  if (!reg || !endpoint || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_open: an argument is NULL");
  return open_one(reg, endpoint, 0, out, err);
}

mlcm_status mlcm_rollout_open_by_id(mlcm_registry *reg, int64_t id, mlcm_rollout **out, mlcm_error *err) {
  if (!reg || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_open_by_id: an argument is NULL");
  return open_one(reg, NULL, id, out, err);
}

mlcm_status mlcm_rollout_list(mlcm_registry *reg, const char *endpoint, int64_t before_id, int64_t *ids, size_t capacity,
                              size_t *out_n, mlcm_error *err) {
  if (!reg || (!ids && capacity) || !out_n)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_list: an argument is NULL");
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row = {0};
  mlcm_status st = mlcm__db_read_begin(reg->db, &conn, err);
  if (!st && endpoint) st = mlcm__endpoint_find(conn, endpoint, &row, err);
  if (!st) st = mlcm__rollout_ids(conn, row.id, before_id, ids, capacity, out_n, err);
  mlcm__db_read_end(conn);
  return st;
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */

/* "@challenger" or "digits/3" of the endpoint's model, as a version that can serve. */
static mlcm_status resolve_candidate(mlcm_rollout *h, mlcm__db_conn *conn, int64_t *out, mlcm_error *err) {
  const char *text = h->plan->candidate;
  mlcm__model_row model;
  mlcm_ref ref;
  int64_t id = 0;
  int32_t state = 0;
  memset(&ref, 0, sizeof(ref));
  mlcm_status st = mlcm__model_find_ready(conn, h->endpoint.model, &model, err);
  if (!st && text[0] == '@') return mlcm__alias_target(conn, model.id, text + 1, out, err);
  if (!st) st = mlcm_ref_parse(text, &ref, err);
  if (!st && strcmp(ref.model, h->endpoint.model) != 0)
    st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "candidate %s is not a version of '%s', which endpoint '%s' serves", text,
                    h->endpoint.model, h->endpoint.name);
  if (!st) st = mlcm__ref_resolve(conn, &ref, &model, out, err);
  if (!st) st = mlcm__version_find(conn, &model, h->endpoint.model, *out, &id, &state, err);
  if (!st && state != MLCM_STATE_READY) st = mlcm__fail(err, MLCM_NOT_FOUND, "candidate %s is deleted; restore it first", text);
  return st;
}

static mlcm_status resolve(mlcm_rollout *h, mlcm__db_conn *conn, int64_t *stable, int64_t *candidate, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_ensure(conn, h->reg, h->plan->endpoint, NULL, NULL, &h->endpoint, err);
  if (!st) st = mlcm__alias_target(conn, h->endpoint.model_id, h->endpoint.alias, stable, err);
  if (!st && !*stable)
    st = mlcm__fail(err, MLCM_NOT_FOUND, "%s@%s does not exist, so there is no stable version to go back to", h->endpoint.model,
                    h->endpoint.alias);
  if (!st) st = resolve_candidate(h, conn, candidate, err);
  if (!st && !*candidate)
    st = mlcm__fail(err, MLCM_NOT_FOUND, "candidate %s%s does not exist", h->endpoint.model, h->plan->candidate);
  if (!st && *candidate == *stable)
    st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "candidate /%lld is stable itself (%s@%s); there is nothing to roll out",
                    (long long)*candidate, h->endpoint.model, h->endpoint.alias);
  return st;
}

static mlcm_status insert(mlcm_rollout *h, mlcm__db_conn *conn, const char *text, const char *actor, mlcm_error *err) {
  uint8_t salt[MLCM__ROUTING_SALT_BYTES];
  int64_t stable = 0, candidate = 0;
  mlcm_status st = resolve(h, conn, &stable, &candidate, err);
  if (!st) st = mlcm__random_bytes(h->ctx, salt, sizeof(salt), err);
  if (st) return st;
  mlcm__rollout_new row = {.endpoint_id = h->endpoint.id,
                           .stable = stable,
                           .candidate = candidate,
                           .plan_name = h->plan_name,
                           .plan = text,
                           .policy_digest = h->plan->digest,
                           .salt = salt,
                           .actor = actor,
                           .now_wall_ns = mlcm__wall_ns(h->ctx)};
  st = mlcm__rollout_insert(conn, &row, &h->id, err);
  if (!st) st = mlcm__rollout_read(conn, h->id, &h->head, err);
  return st;
}

/* The first tick, which starts the rollout. */
static mlcm_status first_decision(mlcm_rollout *h, mlcm__db_conn *conn, const char *actor, const char *reason, mlcm_error *err) {
  mlcm__counted nothing = {0};
  mlcm__outcome outcome;
  mlcm_time now = mlcm_context_now(h->ctx);
  mlcm__tick tick = {.wall_ns = now.wall_ns, .mono_ns = now.mono_ns, .command = {MLCM__INTENT_RESUME, actor, reason}};
  mlcm_status st = mlcm__machine_new(h->ctx, h->plan, h->head.stable, h->head.candidate, &h->machine, err);
  if (!st) st = mlcm__sha256_of("", 0, h->chain, err);
  if (!st) st = mlcm__evidence_write(&h->chunk, &tick, err);
  if (!st) st = mlcm__machine_tick(h->machine, &tick, &outcome, err);
  h->chunk_lines = 1;
  if (!st) st = mlcm__pending_seal(h, &outcome, NULL, &nothing, err);
  if (!st) st = mlcm__pending_write(h, conn, 0, err);
  return st;
}

static mlcm_status start(mlcm_rollout *h, const char *text, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  int64_t epoch = 0;
  const char *actor = mlcm__registry_actor_of(h->reg, by);
  mlcm_status st = mlcm__registry_write_begin(h->reg, &conn, err);
  if (!st) st = insert(h, conn, text, actor, err);
  if (!st) st = first_decision(h, conn, actor, mlcm__registry_reason_of(by), err);
  if (!st) st = mlcm__routing_first_epoch(conn, h->endpoint.id, h->id, &epoch, err);
  if (!st) st = mlcm__rollout_read(conn, h->id, &h->head, err);
  if (!st) st = mlcm__registry_commit(h->reg, &conn, err);
  mlcm__db_rollback(conn);
  if (st) return st;
  h->first_epoch = (uint64_t)epoch;
  mlcm__pending_done(h);
  return MLCM_OK;
}

mlcm_status mlcm_rollout_start(mlcm_registry *reg, const char *plan_name, mlcm_str plan_yaml, const mlcm_attribution *by,
                               mlcm_rollout **out, mlcm_error *err) {
  if (!reg || !plan_name || !plan_yaml.ptr || !out)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_start: an argument is NULL");
  mlcm_rollout *h = NULL;
  char *text = NULL;
  mlcm_status st = mlcm__check_attribution(by, err);
  if (!st) st = handle_new(reg, &h, err);
  if (!st) st = mlcm_plan_parse(reg->ctx, plan_name, plan_yaml, &h->plan, err);
  if (!st) {
    h->plan_name = mlcm__strdup(reg->ctx, plan_name);
    text = mlcm__strndup(reg->ctx, plan_yaml.ptr, plan_yaml.len);
    if (!h->plan_name || !text) st = mlcm__fail_memory(err, plan_yaml.len);
  }
  if (!st) st = mlcm__lease_init(h->ctx, h->plan->tick_ns, &h->lease, err);
  if (!st) st = start(h, text, by, err);
  mlcm__free(reg->ctx, text);
  if (st)
    handle_free(h);
  else
    *out = h;
  return st;
}
