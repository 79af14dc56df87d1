/* SPDX-License-Identifier: Apache-2.0
 *
 * command.c - what people ask for: written as an intent first, so that it is never lost, then obeyed by whoever holds the lease.
 */
#include <string.h>

#include "rollout/handle.h"
#include "rollout/words.h"

enum { OBEY_TICKS = 3 }; /* a more urgent decision may come first */

static const char *command_word(mlcm_command command) {
  static const char *const words[] = {"", "pause", "resume", "abort", "promote"};
  return words[command];
}

/* Says no at once where the answer is known; the holder looks again when it obeys. */
static mlcm_status check(const mlcm_rollout *h, mlcm_command command, mlcm_error *err) {
  const mlcm__rollout_head *head = &h->head;
  bool paused = head->status == MLCM_ROLLOUT_PAUSED;
  if (!head->active)
    return mlcm__fail(err, MLCM_INVALID_STATE, "rollout %lld has ended (%s); there is nothing to %s", (long long)h->id,
                      mlcm_rollout_status_name(head->status), command_word(command));
  if (command == MLCM_COMMAND_PAUSE && paused)
    return mlcm__fail(err, MLCM_INVALID_STATE, "rollout %lld is paused already", (long long)h->id);
  if (command == MLCM_COMMAND_RESUME && !paused)
    return mlcm__fail(err, MLCM_INVALID_STATE, "rollout %lld is not paused", (long long)h->id);
  return MLCM_OK;
}

/* A forced change of the alias has happened, whether its pause is recorded yet or not. */
static mlcm_status check_alias(const mlcm_rollout *h, mlcm__db_conn *conn, mlcm_command command, mlcm_error *err) {
  int64_t target = 0;
  if (command != MLCM_COMMAND_RESUME && command != MLCM_COMMAND_PROMOTE) return MLCM_OK;
  mlcm_status st = mlcm__alias_target(conn, h->endpoint.model_id, h->endpoint.alias, &target, err);
  if (st || target == h->head.stable) return st;
  return mlcm__fail(err, MLCM_INVALID_STATE,
                    "alias %s was moved to /%lld by hand; rollout %lld cannot go on, abort it and start a new one",
                    h->endpoint.alias, (long long)target, (long long)h->id);
}

static mlcm_status write_intent(mlcm_rollout *h, mlcm_command command, const mlcm_attribution *by, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__registry_write_begin(h->reg, &conn, err);
  if (!st) st = mlcm__rollout_read(conn, h->id, &h->head, err);
  if (!st) st = check(h, command, err);
  if (!st) st = check_alias(h, conn, command, err);
  if (!st)
    st = mlcm__intent_add(conn, h->id, command, mlcm__registry_actor_of(h->reg, by), mlcm__registry_reason_of(by),
                          mlcm__wall_ns(h->ctx), err);
  if (!st) st = mlcm__registry_commit(h->reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

static mlcm_status count_open(mlcm_rollout *h, int64_t *out, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__db_read_begin(h->reg->db, &conn, err);
  if (!st) st = mlcm__intent_count(conn, h->id, out, err);
  mlcm__db_read_end(conn);
  return st;
}

/* Nobody decides for this rollout: this handle does for a moment, and gives the lease back. The command is written already, so
 * what fails here only leaves it to the next holder. */
static void obey_here(mlcm_rollout *h) {
  int64_t open = 1;
  mlcm_error why;
  mlcm_status st = MLCM_OK;
  for (int i = 0; !st && open && i < OBEY_TICKS; i++) {
    mlcm_decision *decision = NULL;
    st = mlcm_rollout_tick(h, NULL, &decision, &why);
    mlcm_decision_free(decision);
    if (!st) st = count_open(h, &open, &why);
  }
  mlcm__handle_give_up_lease(h);
  if (st && st != MLCM_STALE) /* rarely: stale when somebody else took it in between, who will obey */
    mlcm__log(h->ctx, MLCM_LOG_WARN, "rollout %lld: a command is written and not obeyed yet: %s", (long long)h->id, why.message);
}

mlcm_status mlcm_rollout_command(mlcm_rollout *rollout, mlcm_command command, const mlcm_attribution *by, mlcm_error *err) {
  mlcm_status st = mlcm__handle_check(rollout, "mlcm_rollout_command", err);
  if (!st && (command < MLCM_COMMAND_PAUSE || command > MLCM_COMMAND_PROMOTE))
    st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_command: %d is no command", (int)command);
  if (!st) st = mlcm__check_attribution(by, err);
  if (!st) st = write_intent(rollout, command, by, err);
  if (st) return st;
  bool is_free = !mlcm__handle_holds(rollout) && mlcm__lease_is_free(rollout->ctx, &rollout->head, mlcm__mono_ns(rollout->ctx));
  if (is_free) obey_here(rollout);
  return MLCM_OK;
}

mlcm_status mlcm__rollout_report_broken(mlcm_registry *reg, int64_t rollout_id, const char *reason, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__rollout_head head;
  char text[512];
  mlcm__words_cut(reason ? reason : "", text, sizeof(text));
  mlcm_status st = mlcm__registry_write_begin(reg, &conn, err);
  if (!st) st = mlcm__rollout_read(conn, rollout_id, &head, err);
  if (!st && head.active) {
    st = mlcm__intent_add(conn, rollout_id, MLCM__INTENT_BROKEN, reg->actor, text, mlcm__wall_ns(reg->ctx), err);
    if (!st) st = mlcm__registry_commit(reg, &conn, err);
  }
  mlcm__db_rollback(conn);
  return st;
}

/* ---- undo ----------------------------------------------------------------------------------------------------------- */

/* Which model and alias: the endpoint's, or those it would get. */
static mlcm_status find(mlcm_registry *reg, const char *name, mlcm__endpoint_row *row, int64_t *active, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__model_row model;
  mlcm_error why;
  mlcm_status st = mlcm__db_read_begin(reg->db, &conn, &why);
  if (!st) st = mlcm__endpoint_find(conn, name, row, &why);
  if (!st) st = mlcm__rollout_active(conn, row->id, active, &why);
  if (st == MLCM_NOT_FOUND && !mlcm__model_find_ready(conn, name, &model, NULL)) {
    mlcm__words_cut(name, row->model, sizeof(row->model));
    mlcm__words_cut("champion", row->alias, sizeof(row->alias));
    st = MLCM_OK;
  }
  mlcm__db_read_end(conn);
  if (st && err) *err = why;
  return st;
}

static mlcm_status abort_active(mlcm_registry *reg, int64_t id, const mlcm_attribution *by, mlcm_error *err) {
  mlcm_rollout *rollout = NULL;
  mlcm_status st = mlcm_rollout_open_by_id(reg, id, &rollout, err);
  if (!st) st = mlcm_rollout_command(rollout, MLCM_COMMAND_ABORT, by, err);
  mlcm_rollout_close(rollout);
  return st == MLCM_INVALID_STATE ? MLCM_OK : st; /* rarely: it ended by itself in between */
}

/* Another process may hold the lease and abort only at its next tick; the alias moves at once all the same, which takes the
 * candidate's traffic away in the same transaction. */
mlcm_status mlcm_rollout_undo(mlcm_registry *reg, const char *endpoint, uint32_t flags, const mlcm_attribution *by,
                              int64_t *out_version, mlcm_error *err) {
  if (!reg || !endpoint) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_undo: an argument is NULL");
  if (flags & ~(uint32_t)MLCM_UNDO_ABORT)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_undo: unknown flags 0x%x", (unsigned)flags);
  mlcm__endpoint_row row;
  int64_t active = 0, good = 0;
  memset(&row, 0, sizeof(row));
  mlcm_status st = find(reg, endpoint, &row, &active, err);
  if (!st && active && !(flags & MLCM_UNDO_ABORT))
    return mlcm__fail(err, MLCM_CONFLICT, "rollout %lld is active on endpoint '%s'; abort it first, or undo with abort",
                      (long long)active, endpoint);
  if (!st) st = mlcm_alias_last_good(reg, row.model, row.alias, &good, err); /* before anything is aborted */
  if (!st && active) st = abort_active(reg, active, by, err);
  if (!st) st = mlcm_alias_undo(reg, row.model, row.alias, MLCM_ALIAS_ANY, active ? MLCM_FORCE : 0, by, &good, err);
  if (!st && out_version) *out_version = good;
  return st;
}
