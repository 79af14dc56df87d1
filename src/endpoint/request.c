/* SPDX-License-Identifier: Apache-2.0
 *
 * request.c - the request path. Everything a request reads is in the routing table, which the guard keeps alive; everything it
 * counts is an atomic addition in a line of its CPU.
 */
#include "endpoint/endpoint.h"

#include <math.h>
#include <string.h>

#include "endpoint/ticket.h"

mlcm_status mlcm__endpoint_check(const mlcm_endpoint *ep, const char *function, mlcm_error *err) {
  if (ep == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s: the endpoint is NULL", function);
  if (mlcm__forkmark_is_child(&ep->forkmark)) { /* rarely: in a child that leaves by _exit, with its counts */
    return mlcm__fail(err, MLCM_INVALID_STATE, "%s: endpoint '%s' was opened before fork; open it again in the child", function,
                      ep->row.name);
  }
  return MLCM_OK;
}

/* ---- Choosing ------------------------------------------------------------------------------------------------------- */

/* Where a request goes. */
typedef struct choice {
  const mlcm__arm *arm;
  uint64_t key_hash;
  uint32_t flags; /* MLCM_TICKET_* */
  mlcm__scope scope;
} choice;

static bool has_candidate(const mlcm__table *table) {
  return table->candidate.version != 0 && !atomic_load_explicit(&table->halted, memory_order_relaxed);
}

static bool draw_is_candidate(const mlcm__table *table, uint64_t key_hash) {
  return mlcm__route_is_candidate(key_hash, table->stable.hash, table->candidate.hash, table->candidate_ppm);
}

/* Under which scope the request counts: only a key's first request of a rollout is a unit of its analysis. */
static mlcm__scope scope_for(const mlcm__table *table, const choice *c) {
  if (c->flags & MLCM_TICKET_OVERRIDE) return MLCM__SCOPE_OVERRIDE;
  if (!(c->flags & MLCM_TICKET_KEYED)) return MLCM__SCOPE_KEY;
  if (table->keysets == NULL) return MLCM__SCOPE_REQUEST;
  return mlcm__keyset_first(table->keysets->routed, c->key_hash) ? MLCM__SCOPE_KEY : MLCM__SCOPE_REQUEST;
}

/* Chooses the arm. Marks the key as counted when the request is the first of its key.
 *
 * The order is for the processor: counting (two locked additions) needs only the hash, so the arithmetic that tells the arm runs
 * beside it. And which arm it is nobody can foresee, a branch predictor neither: so no branch depends on it. */
static choice choose(const mlcm__table *table, mlcm_str key, const mlcm_attribute *attributes, size_t n_attributes,
                     mlcm__guard_slot *slot) {
  choice c = {0};
  if (key.len > 0) {
    c.key_hash = mlcm__route_key_hash(table->salt, key);
    c.flags = MLCM_TICKET_KEYED;
  } else {
    c.key_hash = mlcm__guard_random(slot);
  }
  bool may_be_candidate = has_candidate(table);
  const mlcm__override_rule *rule = NULL;
  if (may_be_candidate) rule = mlcm__route_override(table->rules, table->n_rules, attributes, n_attributes);
  if (rule != NULL) c.flags |= MLCM_TICKET_OVERRIDE;
  c.scope = scope_for(table, &c);
  if (c.scope == MLCM__SCOPE_KEY) c.flags |= MLCM_TICKET_UNIT;
  atomic_fetch_add_explicit(&slot->routed, 1, memory_order_relaxed);
  size_t is_candidate = 0;
  if (rule != NULL)
    is_candidate = rule->to_candidate;
  else if (may_be_candidate)
    is_candidate = draw_is_candidate(table, c.key_hash);
  c.arm = &table->arm[is_candidate];
  c.flags |= (uint32_t)is_candidate * MLCM_TICKET_CANDIDATE;
  return c;
}

/* ---- Routing -------------------------------------------------------------------------------------------------------- */

static unsigned slot_index(const mlcm_endpoint *ep, const mlcm__guard_slot *slot) { return (unsigned)(slot - ep->guard.slots); }

/* Chooses, counts and writes the ticket. The caller is inside the guard. */
static const mlcm__arm *route_in(mlcm_endpoint *ep, const mlcm__table *table, mlcm__guard_slot *slot, mlcm_str key,
                                 const mlcm_attribute *attributes, size_t n_attributes, mlcm_ticket *out) {
  choice c = choose(table, key, attributes, n_attributes, slot);
  mlcm__outstanding *outstanding = c.arm->outstanding;
  *out = (mlcm_ticket){.endpoint_id = ep->id,
                       .version = c.arm->version,
                       .epoch = table->epoch,
                       .key_hash = c.key_hash,
                       .routed_ns = mlcm__wall_coarse_ns(ep->ctx),
                       .flags = c.flags,
                       .slot = outstanding->cell,
                       .source = ep->source};
  unsigned cpu = slot_index(ep, slot);
  out->period = mlcm__outstanding_begin(&ep->overdue, outstanding, cpu, (int)c.scope);
  mlcm__meter_route_on(ep->meter, cpu, outstanding->cell, c.scope);
  return c.arm;
}

mlcm_status mlcm_endpoint_route_with(mlcm_endpoint *ep, mlcm_str key, const mlcm_attribute *attributes, size_t n_attributes,
                                     mlcm_ticket *out, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_check(ep, "mlcm_endpoint_route", err);
  if (st) return st;
  if (out == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_route: out is NULL");
  mlcm__guard_token token = mlcm__guard_enter(&ep->guard);
  route_in(ep, atomic_load(&ep->table), token.slot, key, attributes, n_attributes, out);
  mlcm__guard_leave(token);
  return MLCM_OK;
}

mlcm_status mlcm_endpoint_route(mlcm_endpoint *ep, mlcm_str key, mlcm_ticket *out, mlcm_error *err) {
  return mlcm_endpoint_route_with(ep, key, NULL, 0, out, err);
}

/* ---- Completing ----------------------------------------------------------------------------------------------------- */

/* The scope a request was routed under, as its ticket tells. */
static mlcm__scope scope_of(const mlcm_ticket *ticket) {
  if (ticket->flags & MLCM_TICKET_OVERRIDE) return MLCM__SCOPE_OVERRIDE;
  return ticket->flags & MLCM_TICKET_UNIT ? MLCM__SCOPE_KEY : MLCM__SCOPE_REQUEST;
}

/* False when the request was found overdue before. The caller is inside the guard. */
static bool complete_in(mlcm_endpoint *ep, const mlcm__table *table, const mlcm__guard_slot *slot, const mlcm_ticket *ticket,
                        int64_t latency_ns, bool ok) {
  unsigned cpu = slot_index(ep, slot);
  mlcm__scope scope = scope_of(ticket);
  mlcm__outstanding *outstanding = mlcm__table_outstanding(table, ticket);
  if (outstanding == NULL) return false;
  if (!mlcm__outstanding_end(&ep->overdue, outstanding, cpu, (int)scope, ticket->period)) return false;
  mlcm__meter_complete_on(ep->meter, cpu, outstanding->cell, scope, latency_ns, ok);
  return true;
}

static mlcm_status check_ticket(const mlcm_endpoint *ep, const mlcm_ticket *ticket, const char *function, mlcm_error *err) {
  if (ticket == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s: the ticket is NULL", function);
  if (ticket->endpoint_id != ep->id) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s: the ticket is not of endpoint '%s' in this registry; nothing was counted",
                      function, ep->row.name);
  }
  if (ticket->version <= 0 || ticket->reserved != 0 || (ticket->flags & ~(uint32_t)MLCM__TICKET_FLAGS) != 0) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s: the ticket holds values that no routing writes; nothing was counted",
                      function);
  }
  return MLCM_OK;
}

static mlcm_status too_late(const mlcm_endpoint *ep, mlcm_error *err) {
  return mlcm__fail(err, MLCM_TIMEOUT,
                    "mlcm_endpoint_complete: the request passed endpoint '%s's deadline of %.3f s and was counted as an error "
                    "then; not counted again",
                    ep->row.name, (double)ep->overdue.deadline_ns / 1e9);
}

mlcm_status mlcm_endpoint_complete(mlcm_endpoint *ep, const mlcm_ticket *ticket, int64_t latency_ns, int32_t ok,
                                   mlcm_error *err) {
  static const char function[] = "mlcm_endpoint_complete";
  mlcm_status st = mlcm__endpoint_check(ep, function, err);
  if (!st) st = check_ticket(ep, ticket, function, err);
  if (st) return st;
  if (latency_ns < 0) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s: the latency is negative (%lld ns)", function, (long long)latency_ns);
  }
  if (ticket->source != ep->source) {
    return mlcm__fail(err, MLCM_INVALID_STATE,
                      "%s: another handle on endpoint '%s' routed this ticket and counts it; complete it there (outcomes may be "
                      "reported anywhere)",
                      function, ep->row.name);
  }
  mlcm__guard_token token = mlcm__guard_enter(&ep->guard);
  bool in_time = complete_in(ep, atomic_load(&ep->table), token.slot, ticket, latency_ns, ok != 0);
  mlcm__guard_leave(token);
  return in_time ? MLCM_OK : too_late(ep, err);
}

/* ---- Running -------------------------------------------------------------------------------------------------------- */

mlcm_status mlcm_endpoint_infer_with(mlcm_endpoint *ep, mlcm_str key, const mlcm_attribute *attributes, size_t n_attributes,
                                     const mlcm_input *inputs, size_t n_inputs, mlcm_output *outputs, size_t n_outputs,
                                     mlcm_ticket *out_ticket, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_check(ep, "mlcm_endpoint_infer", err);
  if (st) return st;
  if (ep->flags & MLCM_ENDPOINT_NO_ENGINE) {
    return mlcm__fail(
        err, MLCM_INVALID_STATE,
        "mlcm_endpoint_infer: endpoint '%s' was opened without an engine; use mlcm_endpoint_route and run the version yourself",
        ep->row.name);
  }
  mlcm_ticket ticket;
  mlcm__guard_token token = mlcm__guard_enter(&ep->guard);
  const mlcm__table *table = atomic_load(&ep->table);
  const mlcm__arm *arm = route_in(ep, table, token.slot, key, attributes, n_attributes, &ticket);
  if (out_ticket != NULL) *out_ticket = ticket;
  int64_t begun_ns = mlcm__mono_ns(ep->ctx);
  st = mlcm_session_run(arm->session, inputs, n_inputs, outputs, n_outputs, err);
  int64_t took_ns = mlcm__mono_ns(ep->ctx) - begun_ns;
  /* A late answer is still an answer; that it was counted as an error is no news for this caller. */
  complete_in(ep, table, token.slot, &ticket, took_ns < 0 ? 0 : took_ns, st == MLCM_OK);
  mlcm__guard_leave(token);
  return st;
}

mlcm_status mlcm_endpoint_infer(mlcm_endpoint *ep, mlcm_str key, const mlcm_input *inputs, size_t n_inputs, mlcm_output *outputs,
                                size_t n_outputs, mlcm_ticket *out_ticket, mlcm_error *err) {
  return mlcm_endpoint_infer_with(ep, key, NULL, 0, inputs, n_inputs, outputs, n_outputs, out_ticket, err);
}

/* ---- Outcomes ------------------------------------------------------------------------------------------------------- */

static bool is_known(const mlcm_endpoint *ep, int32_t outcome) {
  return outcome >= 0 && outcome < MLCM__METER_OUTCOMES &&
         atomic_load_explicit(&ep->outcome_known[outcome], memory_order_acquire);
}

static int32_t find_outcome(const mlcm_endpoint *ep, const char *name) {
  for (int32_t i = 0; i < MLCM__METER_OUTCOMES; ++i) {
    if (is_known(ep, i) && strcmp(ep->outcome_name[i], name) == 0) return i;
  }
  return -1;
}

/* Learns a name that this handle has not met: claims its index in the meter. */
static mlcm_status learn_outcome(mlcm_endpoint *ep, const char *name, int32_t *out, mlcm_error *err) {
  uint32_t index = 0;
  mlcm_status st = mlcm__meter_outcome_index(ep->meter, name, &index, err);
  if (st) return st;
  pthread_mutex_lock(&ep->lock);
  if (!is_known(ep, (int32_t)index)) { /* rarely: another thread has learned the same name just now */
    strncpy(ep->outcome_name[index], name, MLCM__METER_OUTCOME_NAME - 1);
    atomic_store_explicit(&ep->outcome_known[index], true, memory_order_release);
  }
  pthread_mutex_unlock(&ep->lock);
  *out = (int32_t)index;
  return MLCM_OK;
}

mlcm_status mlcm_endpoint_outcome(mlcm_endpoint *ep, const char *outcome, int32_t *out, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_check(ep, "mlcm_endpoint_outcome", err);
  if (st) return st;
  if (outcome == NULL || out == NULL) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_outcome: the outcome's name and out must not be NULL");
  }
  int32_t found = find_outcome(ep, outcome);
  if (found < 0) return learn_outcome(ep, outcome, out, err);
  *out = found;
  return MLCM_OK;
}

/* The meter cell a report counts in. Rare path: a ticket of another process, or of an epoch before this handle was opened. */
static mlcm_status claim_cell(mlcm_endpoint *ep, const mlcm_ticket *ticket, uint32_t *out, mlcm_error *err) {
  bool routed = false;
  mlcm_status st = mlcm__endpoint_has_routed(ep->reg, ep->row.id, ticket->epoch, ticket->version, &routed, err);
  if (st) return st;
  if (!routed) {
    return mlcm__fail(
        err, MLCM_INVALID_ARGUMENT,
        "the ticket speaks of version %lld in routing epoch %llu, and endpoint '%s' never routed so; nothing was counted",
        (long long)ticket->version, (unsigned long long)ticket->epoch, ep->row.name);
  }
  return mlcm__meter_cell(ep->meter, ticket->version, ticket->epoch, out, err);
}

static mlcm_status cell_of(mlcm_endpoint *ep, const mlcm__table *table, const mlcm_ticket *ticket, uint32_t *out,
                           mlcm_error *err) {
  const mlcm__outstanding *outstanding = mlcm__table_outstanding(table, ticket);
  if (outstanding != NULL) {
    *out = outstanding->cell;
  } else if (mlcm__meter_cell_is(ep->meter, ticket->slot, ticket->version, ticket->epoch)) {
    *out = ticket->slot;
  } else if (!mlcm__meter_find_cell(ep->meter, ticket->version, ticket->epoch, out)) {
    return claim_cell(ep, ticket, out, err);
  }
  return MLCM_OK;
}

/* The scope of an outcome: of a key, only the first value of each outcome is a unit of its rollout's analysis. */
static mlcm_status outcome_scope(mlcm_endpoint *ep, const mlcm__table *table, const mlcm_ticket *ticket, uint32_t outcome,
                                 mlcm__scope *out, mlcm_error *err) {
  mlcm__keysets *sets = table->keysets;
  *out = MLCM__SCOPE_REQUEST;
  if (ticket->flags & MLCM_TICKET_OVERRIDE)
    *out = MLCM__SCOPE_OVERRIDE;
  else if (!(ticket->flags & MLCM_TICKET_KEYED))
    *out = MLCM__SCOPE_KEY;
  if (*out != MLCM__SCOPE_REQUEST || sets == NULL || ticket->epoch < sets->first_epoch) return MLCM_OK;
  mlcm__keyset *set = atomic_load_explicit(&sets->outcome[outcome], memory_order_acquire);
  if (set == NULL) {
    pthread_mutex_lock(&ep->lock);
    mlcm_status st = mlcm__keysets_outcome(sets, ep->reg->run_dir, outcome, ep->outcome_name[outcome], &set, err);
    pthread_mutex_unlock(&ep->lock);
    if (st) return st;
  }
  if (mlcm__keyset_first(set, ticket->key_hash)) *out = MLCM__SCOPE_KEY;
  return MLCM_OK;
}

static mlcm_status report_in(mlcm_endpoint *ep, const mlcm__table *table, unsigned cpu, const mlcm_ticket *ticket,
                             uint32_t outcome, double value, mlcm_error *err) {
  uint32_t cell = 0;
  mlcm__scope scope = MLCM__SCOPE_REQUEST;
  mlcm_status st = cell_of(ep, table, ticket, &cell, err);
  if (!st) st = outcome_scope(ep, table, ticket, outcome, &scope, err);
  if (!st) mlcm__meter_outcome_on(ep->meter, cpu, cell, scope, outcome, value);
  return st;
}

mlcm_status mlcm_endpoint_report_id(mlcm_endpoint *ep, const mlcm_ticket *ticket, int32_t outcome, double value,
                                    mlcm_error *err) {
  static const char function[] = "mlcm_endpoint_report";
  mlcm_status st = mlcm__endpoint_check(ep, function, err);
  if (!st) st = check_ticket(ep, ticket, function, err);
  if (st) return st;
  if (!is_known(ep, outcome)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "%s: %d is no outcome of endpoint '%s'; ask mlcm_endpoint_outcome for its number", function, (int)outcome,
                      ep->row.name);
  }
  if (!isfinite(value)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s: the value of outcome '%s' is not finite; nothing was counted", function,
                      ep->outcome_name[outcome]);
  }
  mlcm__guard_token token = mlcm__guard_enter(&ep->guard);
  st = report_in(ep, atomic_load(&ep->table), slot_index(ep, token.slot), ticket, (uint32_t)outcome, value, err);
  mlcm__guard_leave(token);
  return st;
}

mlcm_status mlcm_endpoint_report(mlcm_endpoint *ep, const mlcm_ticket *ticket, const char *outcome, double value,
                                 mlcm_error *err) {
  int32_t id = 0;
  mlcm_status st = mlcm_endpoint_outcome(ep, outcome, &id, err);
  return st ? st : mlcm_endpoint_report_id(ep, ticket, id, value, err);
}
