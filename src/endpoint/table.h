/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - the routing table: everything a request needs to know, immutable once it is published.
 *
 * A table is made by the ticking thread from the registry's newest routing row, published by one pointer exchange, and freed
 * when no reader can see it any more (guard.h). It points at things that live longer than itself: loaded versions, counts of
 * requests under way, key sets. Their owner is the endpoint; tables only count how many of them still point there (n_tables,
 * touched by the ticking thread alone).
 */
#ifndef MLCM_ENDPOINT_TABLE_H
#define MLCM_ENDPOINT_TABLE_H

#include "base/json.h"
#include "endpoint/overdue.h"
#include "endpoint/route.h"
#include "metric/keyset.h"
#include "metric/meter.h"
#include "registry/rollouts.h"

/* A version that is ready to answer. */
typedef struct mlcm__served {
  mlcm__retired retired; /* first */
  struct mlcm__served *next;
  mlcm_context *ctx;
  int64_t version;
  mlcm_session *session; /* NULL: the host runs it */
} mlcm__served;

/* Which keys of a rollout were counted. Opened with the rollout's first table; an outcome's set when it is first reported. */
typedef struct mlcm__keysets {
  mlcm__retired retired; /* first */
  struct mlcm__keysets *next;
  mlcm_context *ctx;
  int64_t rollout_id;
  uint64_t first_epoch; /* of the rollout: tickets of older ones do not count for it */
  unsigned n_tables;
  mlcm__keyset *routed;
  _Atomic(mlcm__keyset *) outcome[MLCM__METER_OUTCOMES];
} mlcm__keysets;

/* One side of the routing. */
typedef struct mlcm__arm {
  int64_t version; /* 0: there is none */
  uint64_t hash;
  mlcm_session *session;
  mlcm__outstanding *outstanding; /* has the meter cell too */
} mlcm__arm;

typedef struct mlcm__table {
  mlcm__retired retired; /* first */
  mlcm_context *ctx;
  uint64_t epoch;
  union {
    struct {
      mlcm__arm stable;
      mlcm__arm candidate;
    };
    mlcm__arm arm[2]; /* the same, to choose one without a branch */
  };
  int64_t candidate_ppm;
  uint8_t salt[MLCM__SALT_BYTES];
  cJSON *rules_json; /* holds the rules' texts */
  mlcm__override_rule *rules;
  size_t n_rules;
  mlcm__keysets *keysets;     /* NULL: no rollout is active */
  mlcm__outstanding **former; /* of cells that are no arm any more and may have requests under way */
  size_t n_former;
  const mlcm__overdue *overdue; /* to note in what period this table was freed */
  /* All traffic to stable at once: a rollback takes effect before it is recorded. The one thing that changes after publishing. */
  atomic_bool halted;
} mlcm__table;

/* Copies what the row says; arms, keysets and former are the caller's to fill in before publishing. */
mlcm_status mlcm__table_new(mlcm_context *ctx, const mlcm__routing *routing, mlcm__table **out, mlcm_error *err);
/* Counts the table among those that point to its arms and keysets. Call once, right before publishing. */
void mlcm__table_hold(mlcm__table *table);
/* Frees a table that was never published, or that no reader sees. */
void mlcm__table_free(mlcm__table *table);
void mlcm__table_free_retired(mlcm__retired *self); /* the same, for mlcm__guard_retire */

static inline bool mlcm__outstanding_is_of(const mlcm__outstanding *o, const mlcm_ticket *ticket) {
  return o != NULL && o->version == ticket->version && o->epoch == ticket->epoch;
}

/* The requests under way of a ticket's cell, or NULL when none can be. */
static inline mlcm__outstanding *mlcm__table_outstanding(const mlcm__table *table, const mlcm_ticket *ticket) {
  if (mlcm__outstanding_is_of(table->stable.outstanding, ticket)) return table->stable.outstanding;
  if (mlcm__outstanding_is_of(table->candidate.outstanding, ticket)) return table->candidate.outstanding;
  for (size_t i = 0; i < table->n_former; ++i) {
    if (mlcm__outstanding_is_of(table->former[i], ticket)) return table->former[i];
  }
  return NULL;
}

/* Key sets of a rollout. `run_dir` is the registry's. */
mlcm_status mlcm__keysets_new(mlcm_context *ctx, const char *run_dir, int64_t rollout_id, uint64_t first_epoch,
                              mlcm__keysets **out, mlcm_error *err);
void mlcm__keysets_free(mlcm__keysets *sets);
/* The set of an outcome, opened when it is not yet. The caller holds the lock that keeps two threads from opening it at once. */
mlcm_status mlcm__keysets_outcome(mlcm__keysets *sets, const char *run_dir, uint32_t outcome, const char *name,
                                  mlcm__keyset **out, mlcm_error *err);

#endif
