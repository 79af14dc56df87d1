/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoint.c - opening and closing the live handle.
 */
#include "endpoint/endpoint.h"

#include <string.h>

#define DEFAULT_DEADLINE_NS INT64_C(30000000000)
#define MAX_DEADLINE_NS INT64_C(600000000000)
#define MIN_DEADLINE_NS INT64_C(1000000)
#define DEFAULT_POLL_NS INT64_C(100000000)
#define MAX_POLL_NS INT64_C(60000000000)
#define MIN_POLL_NS INT64_C(1000000)

enum {
  FIRST_OPTIONS_BYTES = sizeof(mlcm_endpoint_options),
  ALL_FLAGS = MLCM_ENDPOINT_MANUAL | MLCM_ENDPOINT_NO_ENGINE | MLCM_ENDPOINT_FOLLOW
};

void mlcm_endpoint_options_init(mlcm_endpoint_options *options, size_t size_bytes) {
  if (options == NULL || size_bytes < sizeof options->struct_size) return;
  memset(options, 0, size_bytes);
  options->struct_size = size_bytes;
}

/* ---- Options -------------------------------------------------------------------------------------------------------- */

static mlcm_status check_range(const char *what, int64_t value, int64_t min, int64_t max, mlcm_error *err) {
  if (value == 0 || (value >= min && value <= max)) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_open: %s is %lld; it must be 0 (the default) or from %lld to %lld",
                    what, (long long)value, (long long)min, (long long)max);
}

static mlcm_status check_options(const mlcm_endpoint_options *options, mlcm_error *err) {
  if (options->flags & ~(uint32_t)ALL_FLAGS) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_open: unknown flags 0x%x",
                      (unsigned)(options->flags & ~(uint32_t)ALL_FLAGS));
  }
  mlcm_status st = check_range("deadline_ns", options->deadline_ns, MIN_DEADLINE_NS, MAX_DEADLINE_NS, err);
  return st ? st : check_range("poll_ns", options->poll_ns, MIN_POLL_NS, MAX_POLL_NS, err);
}

/* Copies what the endpoint keeps of the options. */
static mlcm_status take_options(mlcm_endpoint *ep, const mlcm_endpoint_options *options, mlcm_error *err) {
  ep->flags = options->flags;
  ep->poll_ns = options->poll_ns ? options->poll_ns : DEFAULT_POLL_NS;
  mlcm_session_options_init(&ep->session_options, sizeof ep->session_options);
  if (options->session == NULL) return MLCM_OK;
  mlcm_status st = mlcm__options_read(options->session, sizeof ep->session_options, &ep->session_options,
                                      sizeof ep->session_options, "session options", err);
  if (st) return st;
  ep->session_options.struct_size = sizeof ep->session_options;
  if (ep->session_options.backend == NULL) return MLCM_OK;
  ep->backend = mlcm__strdup(ep->ctx, ep->session_options.backend);
  if (ep->backend == NULL) return mlcm__fail_memory(err, strlen(ep->session_options.backend) + 1);
  ep->session_options.backend = ep->backend;
  return MLCM_OK;
}

/* ---- Opening -------------------------------------------------------------------------------------------------------- */

static mlcm_status find_row(mlcm_endpoint *ep, const char *name, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__db_read_begin(ep->reg->db, &conn, err);
  if (!st) st = mlcm__endpoint_find(conn, name, &ep->row, err);
  mlcm__db_read_end(conn);
  return st;
}

static mlcm_status make_row(mlcm_endpoint *ep, const char *name, const char *alias, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__registry_write_begin(ep->reg, &conn, err);
  if (!st) st = mlcm__endpoint_ensure(conn, ep->reg, name, NULL, alias, &ep->row, err);
  if (!st) st = mlcm__registry_commit(ep->reg, &conn, err);
  mlcm__db_rollback(conn);
  return st;
}

/* Finds the endpoint's row, or makes it the first time the name is served. */
static mlcm_status resolve(mlcm_endpoint *ep, const char *name, const char *alias, mlcm_error *err) {
  mlcm_error why;
  mlcm_status st = find_row(ep, name, &why);
  if (st == MLCM_NOT_FOUND) return make_row(ep, name, alias, err);
  if (st) {
    if (err != NULL) *err = why;
    return st;
  }
  if (alias == NULL || strcmp(alias, ep->row.alias) == 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_CONFLICT,
                    "endpoint '%s' serves alias '%s', not '%s'; leave the alias out, or open another endpoint", name,
                    ep->row.alias, alias);
}

static mlcm_status open_meter(mlcm_endpoint *ep, mlcm_error *err) {
  mlcm__process self;
  mlcm_status st = mlcm__process_self(ep->ctx, &self, err);
  if (!st) st = mlcm__meter_open(ep->ctx, ep->reg->run_dir, (uint64_t)ep->row.id, &self, &ep->meter, err);
  return st;
}

/* Decisions taken before the endpoint was opened are no news. */
static mlcm_status skip_old_decisions(mlcm_endpoint *ep, mlcm_error *err) {
  mlcm_decision *last = NULL;
  mlcm_status st = mlcm__endpoint_attach(ep, err);
  if (st || ep->rollout == NULL) return st;
  st = mlcm_decision_get(ep->rollout, 0, &last, err);
  if (!st) ep->seen_decision = mlcm_decision_seq(last);
  mlcm_decision_free(last);
  return st;
}

/* The first table. A candidate that does not load is no reason not to serve stable. */
static mlcm_status first_table(mlcm_endpoint *ep, mlcm_error *err) {
  mlcm_error why;
  mlcm_status st = mlcm__endpoint_follow(ep, mlcm__mono_ns(ep->ctx), &why);
  if (!st || atomic_load(&ep->table) != NULL) return MLCM_OK;
  if (err != NULL) *err = why;
  return st;
}

static mlcm_status fill(mlcm_endpoint *ep, const char *name, const mlcm_endpoint_options *options, mlcm_error *err) {
  if (ep->reg->read_only) {
    return mlcm__fail(err, MLCM_REFUSED,
                      "endpoint '%s': the registry is open read-only, so nothing could be counted; open it for writing, or use "
                      "mlcm_version_load",
                      name);
  }
  int64_t deadline_ns = options->deadline_ns ? options->deadline_ns : DEFAULT_DEADLINE_NS;
  mlcm__overdue_init(&ep->overdue, deadline_ns, mlcm__mono_ns(ep->ctx));
  mlcm_status st = mlcm__guard_init(&ep->guard, ep->ctx, err);
  if (!st) st = take_options(ep, options, err);
  if (!st) st = mlcm__random_bytes(ep->ctx, &ep->source, sizeof ep->source, err);
  if (!st) st = resolve(ep, name, options->alias, err);
  if (!st) st = mlcm__endpoint_identity(ep->reg, &ep->row, &ep->id, err);
  if (!st) st = open_meter(ep, err);
  if (!st) st = first_table(ep, err);
  if (!st) st = skip_old_decisions(ep, err);
  return st;
}

static void init_locks(mlcm_endpoint *ep) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&ep->wake, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&ep->lock, NULL);
}

static void free_rest(mlcm_endpoint *ep) {
  mlcm__forkmark_reset(&ep->forkmark);
  mlcm__free(ep->ctx, ep->backend);
  mlcm_context *ctx = ep->ctx;
  mlcm__free(ctx, ep);
  mlcm__context_release(ctx);
}

/* An empty handle that owns the host's user pointer and that close can free. */
static mlcm_endpoint *new_handle(mlcm_registry *reg, const mlcm_endpoint_host *host) {
  mlcm_endpoint *ep = mlcm__alloc_zero(reg->ctx, 1, sizeof *ep);
  if (ep == NULL) return NULL;
  ep->ctx = mlcm__context_retain(reg->ctx);
  ep->reg = mlcm__registry_retain(reg);
  ep->host = *host;
  ep->event_fd = -1;
  init_locks(ep);
  mlcm__forkmark_init(&ep->forkmark);
  return ep;
}

mlcm_status mlcm_endpoint_open(mlcm_registry *reg, const char *name, const mlcm_endpoint_options *options, mlcm_endpoint **out,
                               mlcm_error *err) {
  mlcm_endpoint_options known;
  mlcm_endpoint *ep = NULL;
  mlcm_status st = mlcm__options_read(options, FIRST_OPTIONS_BYTES, &known, sizeof known, "endpoint options", err);
  if (st) return st;
  if (reg == NULL || name == NULL || out == NULL) {
    st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_open: registry, name and out must not be NULL");
  } else {
    st = check_options(&known, err);
    if (!st) ep = new_handle(reg, &known.host);
    if (!st && ep == NULL) st = mlcm__fail_memory(err, sizeof *ep);
  }
  if (ep == NULL) {
    if (known.host.destroy != NULL) known.host.destroy(known.host.user);
    return st;
  }
  st = fill(ep, name, &known, err);
  if (!st && !(ep->flags & MLCM_ENDPOINT_MANUAL)) st = mlcm__endpoint_start(ep, err);
  if (st)
    mlcm_endpoint_close(ep);
  else
    *out = ep;
  return st;
}

/* ---- Closing -------------------------------------------------------------------------------------------------------- */

void mlcm_endpoint_close(mlcm_endpoint *ep) {
  if (ep == NULL) return;
  if (mlcm__forkmark_is_child(&ep->forkmark)) { /* rarely: in a child that leaves by _exit, with its counts */
    /* Thread, lease, meter and callbacks are the parent's; touching them here could take something away from it. The locks are
     * as the thread held them, which is not here: to destroy a condition that it waits for would wait for ever. */
    free_rest(ep);
    return;
  }
  mlcm__endpoint_stop(ep);
  mlcm_rollout_close(ep->rollout);
  if (ep->guard.memory != NULL) mlcm__endpoint_drop_all(ep);
  mlcm__meter_close(ep->meter);
  mlcm__endpoint_drop_waiting(ep);
  if (ep->host.destroy != NULL) ep->host.destroy(ep->host.user);
  mlcm__registry_release(ep->reg);
  pthread_mutex_destroy(&ep->lock);
  pthread_cond_destroy(&ep->wake);
  free_rest(ep);
}
