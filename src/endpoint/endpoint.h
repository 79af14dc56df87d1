/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoint.h - the handle's inside and how its files work together.
 *
 *   request.c  route, infer, complete, report: any thread, under the guard
 *   follow.c   makes the routing table that the registry's newest routing row asks for
 *   load.c     makes a version ready: entitlement, verified bytes, session, warm-up
 *   tick.c     one round: overdue requests, follow, rollout, decisions, freeing. thread.c calls it, or the host
 *   notify.c   decisions to the host
 *   rows.c     the few things read from the store that registry/rollouts.h does not have
 *   state.c    what a person wants to see
 *   endpoint.c open and close
 *
 * One thread at a time ticks (`ticking`); what is marked "ticking thread" is its own and needs no lock. `lock` guards what it
 * says below, is held for moments only, never while a callback or the store is called, except that the first report of an
 * outcome opens its key set and a first report from another process looks up its epoch under it.
 */
#ifndef MLCM_ENDPOINT_ENDPOINT_H
#define MLCM_ENDPOINT_ENDPOINT_H

#include <pthread.h>

#include "endpoint/forkmark.h"
#include "endpoint/table.h"
#include "rollout/controller.h"

enum {
  MLCM__WAITING_DECISIONS = 64,
  MLCM__LOAD_ATTEMPTS = 3, /* of a candidate that fails for a reason that may pass, before it is called broken */
  MLCM__FAILED_VERSIONS = 4
};

/* A version that could not be made ready. */
typedef struct mlcm__failed {
  int64_t version; /* 0: free */
  int32_t attempts;
  int64_t retry_ns; /* monotonic: not before */
  bool told;        /* the rollout knows */
  mlcm_error err;
} mlcm__failed;

struct mlcm_endpoint {
  mlcm_context *ctx;
  mlcm_registry *reg;
  mlcm__endpoint_row row;
  uint64_t id;     /* of its tickets: of this registry's endpoint */
  uint64_t source; /* of its tickets: of this handle */
  uint32_t flags;
  int64_t poll_ns;
  mlcm_session_options session_options;
  char *backend; /* session_options.backend */
  mlcm_endpoint_host host;
  mlcm__forkmark forkmark;

  /* The request path. */
  mlcm__guard guard;
  _Atomic(mlcm__table *) table; /* guarded by `guard`; never NULL once open */
  mlcm__meter *meter;
  mlcm__overdue overdue;
  atomic_bool outcome_known[MLCM__METER_OUTCOMES];
  char outcome_name[MLCM__METER_OUTCOMES][MLCM__METER_OUTCOME_NAME]; /* set before outcome_known is, under `lock` */

  _Atomic uint64_t n_overdue;
  _Atomic uint64_t n_swaps;
  _Atomic uint64_t n_load_failures;
  _Atomic uint64_t n_tick_failures;

  /* Ticking thread. What `lock` guards besides is changed by the ticking thread alone, under it, and read by others under it. */
  atomic_bool ticking;
  mlcm__served *served;                       /* lock */
  mlcm__failed failed[MLCM__FAILED_VERSIONS]; /* lock */
  mlcm__outstanding *outstanding;
  mlcm__keysets *keysets;
  int64_t warm;          /* the stable version before this one, kept ready for the way back; 0: none */
  int64_t generation;    /* of the store, as last looked at */
  bool settled;          /* the table is what the newest routing asks for */
  int64_t rollout_id;    /* the active one, 0 for none, as of the newest routing */
  mlcm_rollout *rollout; /* handle on the newest rollout seen; may have ended */
  int64_t seen_decision; /* of `rollout`: told to the host */
  int64_t next_tick_ns;  /* of `rollout`; monotonic */
  int64_t next_sweep_ns; /* of files that nobody took away; monotonic */

  pthread_mutex_t lock;
  mlcm_error last_tick_error;                      /* lock; code 0: none */
  int event_fd;                                    /* lock; -1 until asked for */
  mlcm_decision *waiting[MLCM__WAITING_DECISIONS]; /* lock; a ring, kept once event_fd is open */
  unsigned waiting_first, n_waiting;               /* lock */

  /* The background thread. */
  pthread_t thread;
  bool has_thread;
  pthread_cond_t wake; /* with `lock` */
  bool stop;           /* lock */
};

/* follow.c: looks at the registry and publishes the table it asks for. On failure what served goes on serving. */
mlcm_status mlcm__endpoint_follow(mlcm_endpoint *ep, int64_t now_mono_ns, mlcm_error *err);
/* Frees what no table points to any more, as far as possible now. */
void mlcm__endpoint_sweep(mlcm_endpoint *ep);
/* Gives up everything that serves. No reader may be inside. */
void mlcm__endpoint_drop_all(mlcm_endpoint *ep);

/* load.c: the version, ready to answer: the one at hand, else loaded. A failure is remembered in `failed` and not tried again
 * before its time. */
mlcm_status mlcm__endpoint_need(mlcm_endpoint *ep, int64_t version, int64_t now_mono_ns, mlcm__served **out, mlcm_error *err);
mlcm__failed *mlcm__endpoint_failed(mlcm_endpoint *ep, int64_t version);                 /* NULL: it did not fail */
void mlcm__endpoint_forget_failed(mlcm_endpoint *ep, int64_t stable, int64_t candidate); /* all but these */
void mlcm__served_free(mlcm__served *served);
void mlcm__served_free_retired(mlcm__retired *self);

/* tick.c: one round. `due_only`: tick the rollout only when its plan's interval is over. The caller owns `ticking`. */
mlcm_status mlcm__endpoint_round(mlcm_endpoint *ep, const mlcm_time *now, bool due_only, mlcm_decision **out, mlcm_error *err);
/* Opens the newest rollout, when it is another than `rollout`. */
mlcm_status mlcm__endpoint_attach(mlcm_endpoint *ep, mlcm_error *err);
bool mlcm__endpoint_begin_ticking(mlcm_endpoint *ep);
void mlcm__endpoint_end_ticking(mlcm_endpoint *ep);

/* thread.c */
mlcm_status mlcm__endpoint_start(mlcm_endpoint *ep, mlcm_error *err);
void mlcm__endpoint_stop(mlcm_endpoint *ep);

/* notify.c: hands the host what was decided on `rollout` since it was last told. */
mlcm_status mlcm__endpoint_notify(mlcm_endpoint *ep, mlcm_error *err);
void mlcm__endpoint_drop_waiting(mlcm_endpoint *ep);

/* rows.c */
mlcm_status mlcm__endpoint_identity(mlcm_registry *reg, const mlcm__endpoint_row *row, uint64_t *out, mlcm_error *err);
mlcm_status mlcm__rollout_first_epoch(mlcm_registry *reg, int64_t endpoint_id, int64_t rollout_id, uint64_t *out,
                                      mlcm_error *err);
mlcm_status mlcm__rollout_is_active(mlcm_registry *reg, int64_t rollout_id, bool *out, mlcm_error *err); /* false: unknown too */
mlcm_status mlcm__endpoint_has_routed(mlcm_registry *reg, int64_t endpoint_id, uint64_t epoch, int64_t version, bool *out,
                                      mlcm_error *err);
mlcm_status mlcm__endpoint_is_entitled(mlcm_registry *reg, const mlcm__endpoint_row *row, int64_t version, bool *out,
                                       mlcm_error *err);
/* The active, else the newest rollout; 0 when there never was one. */
mlcm_status mlcm__endpoint_latest_rollout(mlcm_registry *reg, int64_t endpoint_id, int64_t *out, mlcm_error *err);

/* MLCM_INVALID_STATE in a forked child, MLCM_INVALID_ARGUMENT when ep is NULL. */
mlcm_status mlcm__endpoint_check(const mlcm_endpoint *ep, const char *function, mlcm_error *err);

#endif
