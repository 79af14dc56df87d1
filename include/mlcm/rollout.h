/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/rollout.h - plans, progress, decisions and their replay.
 *
 * A rollout moves an endpoint from its stable version to a candidate, step by step, and goes back by itself when the candidate
 * is shown to be worse. Somebody calls the tick: an endpoint's background thread, or the host:
 *
 *   static mlcm_status roll(mlcm_registry *reg, mlcm_str plan_yaml, mlcm_error *err) {
 *     mlcm_rollout *rollout = NULL;
 *     mlcm_status st = mlcm_rollout_start(reg, "plan.yaml", plan_yaml, NULL, &rollout, err);
 *     while (!st && mlcm_rollout_is_active(rollout)) {
 *       mlcm_decision *decision = NULL;
 *       st = mlcm_rollout_tick(rollout, NULL, &decision, err);
 *       if (!st && decision) puts(mlcm_decision_reason(decision));
 *       mlcm_decision_free(decision);
 *     }
 *     mlcm_rollout_close(rollout);
 *     return st;
 *   }
 *
 * Deciding    One process at a time decides; it holds the rollout's lease. Each decision is one transaction (record, evidence
 *             digest, alias move, routing, audit leaf) that carries the lease's epoch, so a holder that was overtaken writes
 *             nothing and is told MLCM_STALE. A decision is a pure function of recorded evidence: mlcm_rollout_replay.
 * No data     An outage, a stale or missing answer never promotes and never rolls back: the rollout holds where it is, and
 *             expires as its plan says.
 * Threads     A mlcm_rollout is used by one thread at a time; different handles, also on the same rollout, are independent.
 *             Decisions, states and plans are immutable and may be read from any thread.
 * Ownership   What these functions give out is freed or closed by the caller with the function named beside it, NULL allowed.
 *             Text reached through a decision, state or plan lives as long as that object.
 */
#ifndef MLCM_ROLLOUT_H
#define MLCM_ROLLOUT_H

#include <mlcm/base.h>
#include <mlcm/gate.h>
#include <mlcm/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a rollout is. The first two are active; an endpoint has at most one active rollout. */
typedef int32_t mlcm_rollout_status;
enum {
  MLCM_ROLLOUT_PROGRESSING = 1,
  MLCM_ROLLOUT_PAUSED = 2,      /* time does not pass; evidence goes on and proven harm still rolls back */
  MLCM_ROLLOUT_PROMOTED = 3,    /* the alias points to the candidate */
  MLCM_ROLLOUT_ROLLED_BACK = 4, /* harm was shown; the alias still points to stable */
  MLCM_ROLLOUT_ABORTED = 5,     /* a person stopped it */
  MLCM_ROLLOUT_EXPIRED = 6      /* nothing was shown in time; the candidate is not blamed and may be tried again */
};

/* What a decision did. */
typedef int32_t mlcm_action;
enum {
  MLCM_ACTION_START = 1,
  MLCM_ACTION_ADVANCE = 2,   /* to the next step's weight */
  MLCM_ACTION_HOLD = 3,      /* the plan's time is over and it says to go on waiting: recorded, so that people are told */
  MLCM_ACTION_PAUSE = 4,
  MLCM_ACTION_RESUME = 5,
  MLCM_ACTION_PROMOTE = 6,   /* the alias moved to the candidate */
  MLCM_ACTION_ROLL_BACK = 7, /* all traffic back to stable */
  MLCM_ACTION_ABORT = 8      /* the same, by a person */
};

/* Static name of a status ("progressing", "rolled back", ...) or an action ("advance", "roll back", ...); "unknown" for numbers
 * this version does not know. Since 0.1. */
MLCM_API const char *mlcm_rollout_status_name(mlcm_rollout_status status);
MLCM_API const char *mlcm_action_name(mlcm_action action);

/* Parts of a million, the unit of weights: 50,000 is 5 %. */
enum { MLCM_WEIGHT_ALL = 1000000 };

/* ---- Plans ---------------------------------------------------------------------------------------------------------- */

/* A parsed, validated plan (docs/formats-rollout.md); immutable. */
typedef struct mlcm_plan mlcm_plan;

/* Parses a plan. `name` stands in messages ("plan.yaml:12:5: ..."). *out is freed with mlcm_plan_free.
 * MLCM_PARSE: not YAML, an unknown key, a value out of range; the message says line, column and the nearest spelling.
 * MLCM_LIMIT: larger than 1 MiB, or more steps or checks than allowed. MLCM_INVALID_ARGUMENT: a NULL pointer. MLCM_NO_MEMORY.
 * Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_plan_parse(mlcm_context *ctx, const char *name, mlcm_str yaml, mlcm_plan **out,
                                                   mlcm_error *err);
MLCM_API void mlcm_plan_free(mlcm_plan *plan);

/* The name of the endpoint, and the reference of the candidate as written ("digits/3", "@challenger"). Since 0.1. */
MLCM_API const char *mlcm_plan_endpoint(const mlcm_plan *plan);
MLCM_API const char *mlcm_plan_candidate(const mlcm_plan *plan);

/* The checks of the plan as a policy, owned by the plan: for mlcm_gate_new or a lint. Since 0.1. */
MLCM_API const mlcm_policy *mlcm_plan_policy(const mlcm_plan *plan);

/* The plan with all defaults filled in, as canonical JSON: the bytes whose SHA-256 is the policy digest of its decisions.
 * Since 0.1. */
MLCM_API const char *mlcm_plan_json(const mlcm_plan *plan);
/* That digest: 64 hex digits. Since 0.1. */
MLCM_API const char *mlcm_plan_digest(const mlcm_plan *plan);

/* Steps: weight of the candidate in parts of a million, minimum duration, and the line of the plan that it stands in; i counted
 * from 0. Out of range answers 0. Since 0.1. */
MLCM_API int32_t mlcm_plan_n_steps(const mlcm_plan *plan);
MLCM_API int64_t mlcm_plan_step_weight_ppm(const mlcm_plan *plan, int32_t i);
MLCM_API int64_t mlcm_plan_step_for_ns(const mlcm_plan *plan, int32_t i);
MLCM_API int32_t mlcm_plan_step_line(const mlcm_plan *plan, int32_t i);

/* ---- Rollouts ------------------------------------------------------------------------------------------------------- */

/* Handle on one rollout. */
typedef struct mlcm_rollout mlcm_rollout;

/* Immutable record of one decision. */
typedef struct mlcm_decision mlcm_decision;

/* Starts a rollout: parses the plan, makes the endpoint when it is missing and named like its model, resolves stable (the
 * endpoint's alias) and candidate, and records plan, salt, first decision and first routing in one transaction.
 * `by` NULL: the registry handle's actor. *out is closed with mlcm_rollout_close.
 * MLCM_PARSE, MLCM_LIMIT: as mlcm_plan_parse. MLCM_NOT_FOUND: endpoint, alias or candidate is missing or deleted.
 * MLCM_CONFLICT: the endpoint has an active rollout. MLCM_INVALID_ARGUMENT: the candidate is stable itself, or of another
 * model; a NULL pointer. MLCM_REFUSED: the registry is open read-only. MLCM_BUSY, MLCM_IO, MLCM_DISK_FULL,
 * MLCM_OUTCOME_UNKNOWN, MLCM_NO_MEMORY. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_start(mlcm_registry *reg, const char *plan_name, mlcm_str plan_yaml,
                                                      const mlcm_attribution *by, mlcm_rollout **out, mlcm_error *err);

/* Opens the active, else the newest rollout of an endpoint. *out is closed with mlcm_rollout_close.
 * MLCM_NOT_FOUND: no such endpoint, or it never had a rollout. MLCM_INVALID_ARGUMENT, MLCM_IO, MLCM_CORRUPT, MLCM_NO_MEMORY.
 * Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_open(mlcm_registry *reg, const char *endpoint, mlcm_rollout **out,
                                                     mlcm_error *err);

/* Opens a rollout by its number. Statuses as mlcm_rollout_open. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_open_by_id(mlcm_registry *reg, int64_t id, mlcm_rollout **out, mlcm_error *err);

/* Closes the handle; gives up the lease when it holds it, so that another process goes on at once. Nothing else changes:
 * the rollout stays as it is. Since 0.1. */
MLCM_API void mlcm_rollout_close(mlcm_rollout *rollout);

/* The numbers of an endpoint's rollouts, newest first; endpoint NULL: of all endpoints. Writes at most `capacity` ids smaller
 * than before_id (0: from the newest) to ids[] and their count to *out_n; a full array means there may be more.
 * MLCM_NOT_FOUND: no such endpoint. MLCM_INVALID_ARGUMENT, MLCM_IO. Cost: O(capacity). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_list(mlcm_registry *reg, const char *endpoint, int64_t before_id, int64_t *ids,
                                                     size_t capacity, size_t *out_n, mlcm_error *err);

/* The rollout's number in its registry. Since 0.1. */
MLCM_API int64_t mlcm_rollout_id(const mlcm_rollout *rollout);
/* 1 while the rollout is progressing or paused as far as this handle has seen, else 0. Since 0.1. */
MLCM_API int32_t mlcm_rollout_is_active(const mlcm_rollout *rollout);
/* The time between two ticks that the plan asks for; ticks at another pace are fine. Since 0.1. */
MLCM_API int64_t mlcm_rollout_tick_ns(const mlcm_rollout *rollout);

/* One step at `now` (NULL: the context's clocks): takes or renews the lease, gathers evidence, decides, records. Never waits
 * for a source. At most one decision a tick; *out is NULL when nothing was decided, else freed with mlcm_decision_free.
 * Taking the lease over from another process replays the committed evidence: about a second for a day of ticks.
 * MLCM_STALE: another process holds the lease and decides; nothing was written (and this is how a second process that ticks
 * along finds out that it is not needed). MLCM_INVALID_STATE: the rollout has ended, or the process has forked. MLCM_REFUSED:
 * the registry is open read-only. MLCM_LIMIT: the store has not taken evidence for very long; the rollout holds.
 * MLCM_BUSY, MLCM_IO, MLCM_DISK_FULL: the store did not take the decision or the evidence; nothing is lost, the next tick
 * tries again; a rollback is in effect on this process's traffic all the same. MLCM_OUTCOME_UNKNOWN: the same, and the next
 * tick finds out. MLCM_CORRUPT: the recorded evidence does not match its digests. MLCM_NO_MEMORY. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_tick(mlcm_rollout *rollout, const mlcm_time *now, mlcm_decision **out,
                                                     mlcm_error *err);

/* What a person can ask of an active rollout. */
typedef int32_t mlcm_command;
enum {
  MLCM_COMMAND_PAUSE = 1,
  MLCM_COMMAND_RESUME = 2,
  MLCM_COMMAND_ABORT = 3,  /* all traffic back to stable; ends the rollout */
  MLCM_COMMAND_PROMOTE = 4 /* the alias moves to the candidate now, whatever is proven; ends the rollout */
};

/* Asks for a command on behalf of `by` (NULL: the registry handle's actor). It is written down first, then obeyed by the
 * process that holds the lease within one tick; when no process does, by this call. Either way a decision records who and
 * why. MLCM_OK: the command is written and will be obeyed; mlcm_rollout_state_get tells whether it is still pending (when the
 * obeying itself failed, it is, and the log says why). Any other status but MLCM_OUTCOME_UNKNOWN: nothing was written.
 * MLCM_INVALID_STATE: the rollout has ended; resume of one that is not paused; pause of one that is; resume or promote after
 * the alias was moved by hand. MLCM_INVALID_ARGUMENT: unknown command. MLCM_REFUSED: the registry is open read-only.
 * MLCM_BUSY, MLCM_IO, MLCM_DISK_FULL, MLCM_OUTCOME_UNKNOWN, MLCM_NO_MEMORY. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_command(mlcm_rollout *rollout, mlcm_command command, const mlcm_attribution *by,
                                                        mlcm_error *err);

enum { MLCM_UNDO_ABORT = 1 }; /* flags of mlcm_rollout_undo: abort an active rollout first */

/* Moves the endpoint's alias back to the last good version: the newest earlier target that was promoted and neither rolled back
 * nor deleted since. *out_version (NULL allowed) gets it. Endpoints follow within a moment.
 * MLCM_NOT_FOUND: no such endpoint or model, or no earlier good version. MLCM_CONFLICT: a rollout is active and
 * MLCM_UNDO_ABORT is not given, or the alias moved meanwhile. MLCM_REFUSED, MLCM_BUSY, MLCM_IO, MLCM_DISK_FULL,
 * MLCM_OUTCOME_UNKNOWN, MLCM_NO_MEMORY, MLCM_INVALID_ARGUMENT. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_undo(mlcm_registry *reg, const char *endpoint, uint32_t flags,
                                                     const mlcm_attribution *by, int64_t *out_version, mlcm_error *err);

/* ---- Decisions ------------------------------------------------------------------------------------------------------ */

/* Reads decision `seq` (from 1; 0: the last). *out is freed with mlcm_decision_free.
 * MLCM_NOT_FOUND: there is none with that number. MLCM_CORRUPT, MLCM_IO, MLCM_NO_MEMORY, MLCM_INVALID_ARGUMENT. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_decision_get(mlcm_rollout *rollout, int64_t seq, mlcm_decision **out, mlcm_error *err);
MLCM_API void mlcm_decision_free(mlcm_decision *decision);

MLCM_API int64_t mlcm_decision_rollout(const mlcm_decision *decision); /* number of the rollout. Since 0.1. */
MLCM_API int64_t mlcm_decision_seq(const mlcm_decision *decision);     /* from 1, without gaps. Since 0.1. */
MLCM_API int64_t mlcm_decision_at_ns(const mlcm_decision *decision);   /* wall time of its tick. Since 0.1. */
MLCM_API mlcm_action mlcm_decision_action(const mlcm_decision *decision);             /* Since 0.1. */
MLCM_API mlcm_rollout_status mlcm_decision_status(const mlcm_decision *decision);     /* after it. Since 0.1. */
MLCM_API mlcm_verdict_kind mlcm_decision_verdict(const mlcm_decision *decision);      /* that it stands on. Since 0.1. */
MLCM_API int32_t mlcm_decision_step(const mlcm_decision *decision);                   /* after it, from 1. Since 0.1. */
MLCM_API int64_t mlcm_decision_weight_ppm(const mlcm_decision *decision);             /* after it. Since 0.1. */
MLCM_API int64_t mlcm_decision_stable(const mlcm_decision *decision);                 /* version number. Since 0.1. */
MLCM_API int64_t mlcm_decision_candidate(const mlcm_decision *decision);              /* version number. Since 0.1. */
MLCM_API const char *mlcm_decision_actor(const mlcm_decision *decision); /* who asked; "" for its own. Since 0.1. */
MLCM_API const char *mlcm_decision_reason(const mlcm_decision *decision); /* one sentence for people. Since 0.1. */
/* The canonical record (docs/formats-rollout.md), the bytes that replay compares; its sentences are taken as they are. Since 0.1. */
MLCM_API const char *mlcm_decision_json(const mlcm_decision *decision);

/* Several lines for people: what was decided, by whom, on which evidence of each check. *out is freed with mlcm_free.
 * MLCM_NO_MEMORY, MLCM_CORRUPT, MLCM_INVALID_ARGUMENT. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_decision_explain(mlcm_context *ctx, const mlcm_decision *decision, char **out,
                                                         mlcm_error *err);

/* What a replay found. */
typedef struct mlcm_replay_report {
  int64_t decisions;           /* recorded */
  int64_t identical;           /* of these, made again byte for byte */
  int64_t ticks;               /* replayed */
  int64_t first_different_seq; /* 0: none */
  char difference[256];        /* what differs first, or "" */
  uint64_t reserved[4];        /* 0 */
} mlcm_replay_report;

/* Makes every decision of a rollout again from its recorded evidence and plan and compares the records byte for byte. A
 * difference is a finding in *out, not an error. Evidence that does not match its digests is MLCM_CORRUPT.
 * MLCM_NOT_FOUND: no such rollout. MLCM_IO, MLCM_NO_MEMORY, MLCM_INVALID_ARGUMENT. Cost: O(ticks). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_replay(mlcm_registry *reg, int64_t id, mlcm_replay_report *out, mlcm_error *err);

/* ---- State ---------------------------------------------------------------------------------------------------------- */

/* Immutable snapshot of a rollout, as a person or a program wants to see it. */
typedef struct mlcm_rollout_state mlcm_rollout_state;

/* The rollout as a whole. Read through a pointer into the state; grows at the tail. */
typedef struct mlcm_rollout_summary {
  int64_t id;
  const char *endpoint;
  const char *model;
  const char *alias;
  int64_t stable;    /* version number */
  int64_t candidate; /* version number */
  mlcm_rollout_status status;
  int32_t step;    /* from 1 */
  int32_t n_steps;
  int32_t n_checks;
  int64_t weight_ppm;        /* of the candidate, now */
  int64_t step_for_ns;       /* minimum duration of this step */
  int64_t step_elapsed_ns;   /* of it; can pass step_for_ns while a check has no proof yet */
  int64_t step_remaining_ns; /* 0 when only proof is missing */
  int64_t elapsed_ns;        /* not counting pauses */
  int64_t expire_after_ns;   /* 0: never */
  int64_t started_ns;        /* wall time */
  int64_t ended_ns;          /* wall time; 0: active */
  int64_t n_decisions;
  int64_t n_ticks;           /* seen by this state */
  int64_t stable_requests;   /* routed by weight since the start, as far as meters show */
  int64_t candidate_requests;
  int64_t evidence_bytes;    /* recorded */
  int32_t n_serving;         /* living processes that serve the endpoint */
  int32_t n_pending;         /* commands written and not yet obeyed */
  int64_t lease_epoch;
  const char *holder;        /* of the lease: "pid 1234", or "" */
  const char *reason;        /* of the last decision */
  const char *waits_for;     /* why it does not advance now, or "" */
} mlcm_rollout_summary;

/* One check of the rollout. Read through a pointer into the state; grows at the tail. */
typedef struct mlcm_rollout_check {
  const char *name;
  mlcm_check_kind kind;
  mlcm_on_fail on_fail;
  int32_t required;       /* 1: the present step waits for it */
  mlcm_check_state state; /* of the gate: verdict, evidence, totals, last measurement */
} mlcm_rollout_check;

/* Reads the present state: of this handle's own ticks when it holds the lease, else the recorded evidence and what the holder
 * has not recorded yet, as far as it can be seen. Works for ended rollouts and in read-only registries too. *out is freed with
 * mlcm_rollout_state_free. MLCM_CORRUPT, MLCM_IO, MLCM_NO_MEMORY, MLCM_INVALID_ARGUMENT.
 * Cost: O(ticks since the last call on this handle). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_state_get(mlcm_rollout *rollout, mlcm_rollout_state **out, mlcm_error *err);
MLCM_API void mlcm_rollout_state_free(mlcm_rollout_state *state);

/* The whole. Never NULL. Since 0.1. */
MLCM_API const mlcm_rollout_summary *mlcm_rollout_state_summary(const mlcm_rollout_state *state);
/* Check i from 0 in the order of the plan; NULL when out of range. Since 0.1. */
MLCM_API const mlcm_rollout_check *mlcm_rollout_state_check(const mlcm_rollout_state *state, int32_t i);
/* The last decision; owned by the state. Since 0.1. */
MLCM_API const mlcm_decision *mlcm_rollout_state_decision(const mlcm_rollout_state *state);

/* The state as one JSON object (docs/formats-rollout.md). *out is freed with mlcm_free. MLCM_NO_MEMORY,
 * MLCM_INVALID_ARGUMENT. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_rollout_state_to_json(const mlcm_rollout_state *state, char **out, mlcm_error *err);

/* ---- A policy asked once -------------------------------------------------------------------------------------------- */

/* Asks every threshold check of a policy once, side by side, outside any rollout: Prometheus queries and HTTP probes, the metrics
 * recorded with version `ref` and what the endpoint's meters have counted for it. One answer decides: a value outside its limits
 * counts as often as its check wants bad values in a row. Comparing checks stay inconclusive: they need a rollout. `reg` and `ref`
 * may be NULL: checks that look at a version then have no data. *out has the verdict (mlcm_gate_explain) and the answers
 * (mlcm_gate_check); freed with mlcm_gate_free.
 * A source without an answer is a measurement, not an error. MLCM_NOT_FOUND: no version `ref`. MLCM_INVALID_ARGUMENT,
 * MLCM_CORRUPT, MLCM_IO, MLCM_NO_MEMORY. Takes as long as the slowest source. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_run(mlcm_context *ctx, const mlcm_policy *policy, mlcm_registry *reg, const char *ref,
                                                 mlcm_gate **out, mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
