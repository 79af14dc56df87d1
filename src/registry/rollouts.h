/* SPDX-License-Identifier: Apache-2.0
 *
 * rollouts.h - rows of endpoints, routing, rollouts, leases, evidence, decisions and intents. All functions work inside the
 * caller's transaction; those that change something need a write transaction.
 *
 * An endpoint's row id is also its number in the meters (mlcm__meter_open), so that evidence and routing speak of the same thing.
 *
 * Fencing: a rollout's lease has an epoch that grows with every change of hands. Functions that write for the holder take it and
 * answer MLCM_STALE, changing nothing, when it is not the present one.
 */
#ifndef MLCM_REGISTRY_ROLLOUTS_H
#define MLCM_REGISTRY_ROLLOUTS_H

#include <mlcm/rollout.h>

#include "base/hash.h"
#include "registry/registry.h"

enum {
  MLCM__ROUTING_SALT_BYTES = 16,
  MLCM__HOLDER_MAX = 192 /* of a lease holder's name, with the NUL */
};

/* ---- endpoints ---- */

typedef struct mlcm__endpoint_row {
  int64_t id;
  int64_t model_id;
  char name[MLCM_MODEL_NAME_MAX + 1];
  char model[MLCM_MODEL_NAME_MAX + 1];
  char alias[MLCM_ALIAS_NAME_MAX + 1];
} mlcm__endpoint_row;

/* MLCM_NOT_FOUND names the nearest spelling. */
mlcm_status mlcm__endpoint_find(mlcm__db_conn *conn, const char *name, mlcm__endpoint_row *out, mlcm_error *err);
mlcm_status mlcm__endpoint_read(mlcm__db_conn *conn, int64_t id, mlcm__endpoint_row *out, mlcm_error *err);

/* Finds the endpoint or makes it: model and alias NULL mean the model of the same name and "champion". A new endpoint gets its
 * first routing epoch with the alias's present target. An existing one must have that model and alias (MLCM_CONFLICT when they
 * are given and differ). MLCM_NOT_FOUND: no such model or alias. */
mlcm_status mlcm__endpoint_ensure(mlcm__db_conn *conn, mlcm_registry *reg, const char *name, const char *model, const char *alias,
                                  mlcm__endpoint_row *out, mlcm_error *err);

/* ---- routing ---- */

/* A period of constant weights: which versions answer, and how keys are spread over them. */
typedef struct mlcm__routing {
  int64_t endpoint_id;
  int64_t epoch;      /* from 1 */
  int64_t rollout_id; /* 0: no rollout is active */
  int64_t stable;
  int64_t candidate;                      /* 0: none */
  int64_t weight_ppm;                     /* of the candidate */
  uint8_t salt[MLCM__ROUTING_SALT_BYTES]; /* of the rollout, so that keys are spread anew by each; constant within one */
  char *override_json; /* the plan's rules in order, "[]" for none; freed by mlcm__routing_reset. A rule without value meets any:
                        * [{"attribute":"x-canary","to":"candidate","value":"always"},{"attribute":"x-old","to":"stable"}] */
} mlcm__routing;

/* The newest routing of an endpoint. Fill *out with zeros before the first use; it is overwritten, an old override_json freed. */
mlcm_status mlcm__routing_read(mlcm__db_conn *conn, int64_t endpoint_id, mlcm__routing *out, mlcm_error *err);
/* The same in a read transaction of its own. */
mlcm_status mlcm__routing_current(mlcm_registry *reg, int64_t endpoint_id, mlcm__routing *out, mlcm_error *err);
void mlcm__routing_reset(mlcm_context *ctx, mlcm__routing *routing);

/* The first epoch of a rollout; 0 when it has none. */
mlcm_status mlcm__routing_first_epoch(mlcm__db_conn *conn, int64_t endpoint_id, int64_t rollout_id, int64_t *out,
                                      mlcm_error *err);

/* The candidate's weight in an epoch, 0 when there is no such epoch. */
mlcm_status mlcm__routing_weight(mlcm__db_conn *conn, int64_t endpoint_id, int64_t epoch, int64_t *out_ppm, mlcm_error *err);

/* Appends `routing` as the endpoint's next epoch; routing->epoch is set to it. */
mlcm_status mlcm__routing_append(mlcm__db_conn *conn, mlcm__routing *routing, int64_t now_wall_ns, mlcm_error *err);

/* Whether `version` may serve on the endpoint: it is the alias's present target, or stable or candidate of the active rollout. */
mlcm_status mlcm__entitled(mlcm__db_conn *conn, const mlcm__endpoint_row *endpoint, int64_t version, bool *out, mlcm_error *err);

/* ---- rollouts ---- */

/* What every tick looks at: no text but the holder. */
typedef struct mlcm__rollout_head {
  int64_t id;
  int64_t endpoint_id;
  bool active;
  mlcm_rollout_status status;
  int64_t stable;
  int64_t candidate;
  int64_t created_ns;
  int64_t ended_ns;
  int64_t n_decisions;
  int64_t n_chunks;
  int64_t n_lines;
  int64_t evidence_bytes;
  uint8_t chain[MLCM__SHA256_BYTES]; /* digest of the last chunk; of the empty text before the first */
  uint8_t salt[MLCM__ROUTING_SALT_BYTES];
  char policy_digest[MLCM__SHA256_HEX + 1];
  int64_t lease_epoch;
  int64_t lease_expires_ns;      /* monotonic clock of the holder's boot */
  char holder[MLCM__HOLDER_MAX]; /* "" when nobody holds the lease */
} mlcm__rollout_head;

typedef struct mlcm__rollout_new {
  int64_t endpoint_id;
  int64_t stable;
  int64_t candidate;
  const char *plan_name;
  const char *plan;
  const char *policy_digest;
  const uint8_t *salt; /* [MLCM__ROUTING_SALT_BYTES] */
  const char *actor;
  int64_t now_wall_ns;
} mlcm__rollout_new;

/* MLCM_CONFLICT: the endpoint has an active rollout. */
mlcm_status mlcm__rollout_insert(mlcm__db_conn *conn, const mlcm__rollout_new *row, int64_t *out_id, mlcm_error *err);
mlcm_status mlcm__rollout_read(mlcm__db_conn *conn, int64_t id, mlcm__rollout_head *out, mlcm_error *err);
/* Plan's name and text; both freed with mlcm__free. */
mlcm_status mlcm__rollout_read_plan(mlcm__db_conn *conn, int64_t id, char **out_name, char **out_text, mlcm_error *err);
/* The active, else the newest rollout of the endpoint; *out 0 when there never was one. */
mlcm_status mlcm__rollout_latest(mlcm__db_conn *conn, int64_t endpoint_id, int64_t *out, mlcm_error *err);
/* The active rollout of the endpoint, 0 for none. */
mlcm_status mlcm__rollout_active(mlcm__db_conn *conn, int64_t endpoint_id, int64_t *out, mlcm_error *err);
/* Ids below before_id, newest first; endpoint_id 0: of all endpoints. */
mlcm_status mlcm__rollout_ids(mlcm__db_conn *conn, int64_t endpoint_id, int64_t before_id, int64_t *ids, size_t capacity,
                              size_t *out_n, mlcm_error *err);

/* ---- the lease ---- */

/* Makes `holder` the holder and raises the epoch, provided the lease is still as `seen`: neither taken nor renewed since
 * (MLCM_STALE). */
mlcm_status mlcm__lease_take(mlcm__db_conn *conn, const mlcm__rollout_head *seen, const char *holder, int64_t expires_ns,
                             int64_t *out_epoch, mlcm_error *err);
mlcm_status mlcm__lease_renew(mlcm__db_conn *conn, int64_t id, int64_t epoch, int64_t expires_ns, mlcm_error *err);
/* Nobody holds it afterwards; no error when it was lost already. */
mlcm_status mlcm__lease_release(mlcm__db_conn *conn, int64_t id, int64_t epoch, mlcm_error *err);

/* ---- evidence and decisions, for the holder of lease epoch `lease_epoch` ---- */

/* Appends lines (each ending with '\n') as the next chunk and moves the chain on. */
mlcm_status mlcm__evidence_append(mlcm__db_conn *conn, int64_t id, int64_t lease_epoch, const char *lines, size_t len,
                                  int64_t n_lines, const uint8_t digest[MLCM__SHA256_BYTES], int64_t now_wall_ns,
                                  mlcm_error *err);

/* Sees each chunk after `after_chunk` in order. A non-OK answer stops and is returned. */
typedef mlcm_status mlcm__evidence_visit(void *user, int64_t chunk, int64_t lease_epoch, const char *lines, size_t len,
                                         const uint8_t digest[MLCM__SHA256_BYTES], mlcm_error *err);
mlcm_status mlcm__evidence_each(mlcm__db_conn *conn, int64_t id, int64_t after_chunk, mlcm__evidence_visit *visit, void *user,
                                mlcm_error *err);

/* Appends decision `seq` (must be the next) and sets the rollout's status; `active` false ends it. */
mlcm_status mlcm__decision_append(mlcm__db_conn *conn, int64_t id, int64_t lease_epoch, int64_t seq, int64_t at_ns,
                                  mlcm_action action, const char *record, mlcm_rollout_status status, bool active,
                                  mlcm_error *err);
/* *out_record is freed with mlcm__free. MLCM_NOT_FOUND. */
mlcm_status mlcm__decision_read(mlcm__db_conn *conn, int64_t id, int64_t seq, char **out_record, mlcm_error *err);

/* ---- intents ---- */

/* What is asked of the holder. The first four are mlcm_command. */
enum {
  MLCM__INTENT_PAUSE = MLCM_COMMAND_PAUSE,
  MLCM__INTENT_RESUME = MLCM_COMMAND_RESUME,
  MLCM__INTENT_ABORT = MLCM_COMMAND_ABORT,
  MLCM__INTENT_PROMOTE = MLCM_COMMAND_PROMOTE,
  MLCM__INTENT_DISPLACED = 5, /* the alias was moved by hand, or stable or candidate deleted: pause, weight 0, no way back */
  MLCM__INTENT_BROKEN = 6     /* the candidate cannot serve at all (load failed, crash loop): roll back without statistics */
};

enum { MLCM__INTENT_REASON_MAX = 4096 };

typedef struct mlcm__intent {
  int64_t id; /* 0: none */
  int32_t kind;
  char actor[256];
  char reason[MLCM__INTENT_REASON_MAX + 1];
} mlcm__intent;

mlcm_status mlcm__intent_add(mlcm__db_conn *conn, int64_t rollout_id, int32_t kind, const char *actor, const char *reason,
                             int64_t now_wall_ns, mlcm_error *err);
/* The one to look at next of those that are open; out->id 0 when there is none. What has happened already (displaced, broken)
 * goes before what is asked for, an abort before other commands (so that one that cannot be obeyed never blocks it), older before
 * newer. */
mlcm_status mlcm__intent_next(mlcm__db_conn *conn, int64_t rollout_id, mlcm__intent *out, mlcm_error *err);
/* Obeyed by decision done_seq, or refused (done_seq 0) for a reason. */
mlcm_status mlcm__intent_close(mlcm__db_conn *conn, int64_t intent_id, int64_t done_seq, const char *refused, mlcm_error *err);
/* The rollout has ended: what is open is refused. */
mlcm_status mlcm__intent_close_all(mlcm__db_conn *conn, int64_t rollout_id, const char *refused, mlcm_error *err);
mlcm_status mlcm__intent_count(mlcm__db_conn *conn, int64_t rollout_id, int64_t *out, mlcm_error *err);

#endif
