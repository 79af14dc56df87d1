/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/endpoint.h - the live handle: which version answers a request, the answer itself, and what became of it.
 *
 *   mlcm_status serve_one(mlcm_registry *reg, const float pixels[64], int64_t *digit, mlcm_error *err) {
 *     mlcm_endpoint *ep = NULL;
 *     mlcm_ticket ticket;
 *     mlcm_status st = mlcm_endpoint_open(reg, "digits", NULL, &ep, err);  // serves digits@champion, follows its rollouts
 *     if (!st) {
 *       mlcm_input in = mlcm_input_f32(pixels, 1, 64);
 *       mlcm_output out = mlcm_output_i64(digit, 1);
 *       st = mlcm_endpoint_infer(ep, mlcm_str_of("user-42"), &in, 1, &out, 1, &ticket, err);
 *     }
 *     if (!st) st = mlcm_endpoint_report(ep, &ticket, MLCM_OUTCOME_WRONG, *digit != 7, err);  // may come hours later
 *     mlcm_endpoint_close(ep);
 *     return st;
 *   }
 *
 * An endpoint is a served name. It answers from the version that its alias names (stable) and, while a rollout is active, sends
 * the rollout's share of the keys to the candidate. A host either lets the library run the model (mlcm_endpoint_infer) or has an
 * engine of its own and calls route, complete and report, which take no tensors.
 *
 * Threads    Every function but close may be called from any thread at the same time. route, infer, complete and report take no
 *            lock and allocate nothing (infer as far as the session's backend does; a report on an epoch long past may do both).
 *            A background thread, unless MLCM_ENDPOINT_MANUAL turns it off, follows the registry, loads versions, ticks the
 *            rollout and counts requests that never completed. It blocks all signals and is joined by close.
 * Ownership  An endpoint keeps its registry's inside alive; tickets are plain values.
 * Fork       In a child process every function of a handle that the parent opened answers MLCM_INVALID_STATE.
 */
#ifndef MLCM_ENDPOINT_H
#define MLCM_ENDPOINT_H

#include <mlcm/base.h>
#include <mlcm/infer.h>
#include <mlcm/registry.h>
#include <mlcm/rollout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Loading one version ------------------------------------------------------------------------------------------- */

/* Loads a version for running, apart from any endpoint: reads its files into private memory, compares the digest of that copy
 * with the manifest, and opens a session on it. `options` as in mlcm_session_open, NULL for the defaults. The session owns the
 * bytes; *out is to be closed with mlcm_session_close. Takes time and memory in proportion to the files.
 * MLCM_INVALID_STATE: the version is deleted. MLCM_CORRUPT: a changed byte (the message names file and both digests).
 * MLCM_UNSUPPORTED: an operator that the backend lacks. MLCM_PARSE, MLCM_NO_MEMORY, MLCM_IO, MLCM_NOT_FOUND. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_load(mlcm_registry *reg, const mlcm_version *version,
                                                     const mlcm_session_options *options, mlcm_session **out, mlcm_error *err);

/* ---- Opening and closing ------------------------------------------------------------------------------------------- */

typedef struct mlcm_endpoint mlcm_endpoint;

enum {
  MLCM_ENDPOINT_MANUAL = 1,    /* no background thread: the host calls mlcm_endpoint_tick */
  MLCM_ENDPOINT_NO_ENGINE = 2, /* the host runs the models: no session is loaded and infer answers MLCM_INVALID_STATE */
  MLCM_ENDPOINT_FOLLOW = 4     /* follow rollouts, never steer them: another process ticks */
};

/* Calls to the host. All on the thread that ticks (the background thread, or the caller of mlcm_endpoint_tick and _open), with no
 * lock held: they may route, infer and report, but not tick or close the endpoint. Any may be NULL. */
typedef struct mlcm_endpoint_host {
  /* A decision on this endpoint's rollout was recorded, by this process or another; freed by the library after the call. */
  void (*on_decision)(void *user, const mlcm_decision *decision);
  /* With MLCM_ENDPOINT_NO_ENGINE: make `version` ready, since requests are about to be routed to it. Anything but MLCM_OK
   * (with `err` filled in) leaves the old version serving, as a failed load would. */
  mlcm_status (*prepare)(void *user, int64_t version, mlcm_error *err);
  /* With MLCM_ENDPOINT_NO_ENGINE: `version` gets no more requests and is not kept ready either (the stable version before the
   * present one is, so that the way back is one pointer exchange). Tickets already routed may still be in flight. */
  void (*retire)(void *user, int64_t version);
  void (*destroy)(void *user); /* once, when the endpoint is closed or could not be opened */
  void *user;
} mlcm_endpoint_host;

typedef struct mlcm_endpoint_options {
  size_t struct_size;
  uint32_t flags;       /* MLCM_ENDPOINT_* */
  uint32_t reserved0;   /* 0 */
  const char *alias;    /* that names the stable version; NULL: "champion" */
  int64_t deadline_ns;  /* a request that did not complete for this long counts as an error; 0: 30 s; 1 ms to 10 min */
  int64_t poll_ns;      /* how often the background thread looks at the registry; 0: 100 ms; 1 ms to 60 s */
  const mlcm_session_options *session; /* for every version loaded; NULL: defaults */
  mlcm_endpoint_host host;
  uint64_t reserved[4]; /* 0 */
} mlcm_endpoint_options;

/* Sets all members of *options to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_endpoint_options_init(mlcm_endpoint_options *options, size_t size_bytes);

/* Opens the endpoint `name`: the model of that name, served under the alias of the options. Loads stable and the candidate of an
 * active rollout and starts the background thread. A candidate that cannot be loaded does not fail the call: it is reported (log,
 * mlcm_endpoint_to_json, and to the rollout). `options` NULL means all defaults. *out is to be closed with mlcm_endpoint_close.
 * MLCM_NOT_FOUND: no such model, or the alias is not set. MLCM_REFUSED: the alias names a version that neither a promotion nor an
 * active rollout entitles to serve, or the registry is open read-only. MLCM_CONFLICT: the endpoint serves another alias than the
 * options say. MLCM_CORRUPT: a changed byte in stable. MLCM_INVALID_ARGUMENT (options), MLCM_LIMIT, MLCM_DISK_FULL,
 * MLCM_OUTCOME_UNKNOWN, MLCM_UNSUPPORTED, MLCM_PARSE, MLCM_NO_MEMORY, MLCM_IO, MLCM_BUSY. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_open(mlcm_registry *reg, const char *name, const mlcm_endpoint_options *options,
                                                      mlcm_endpoint **out, mlcm_error *err);

/* Joins the background thread (at most one tick and the source time limits of a poll in flight, which is cancelled) and frees
 * everything. No other call on the endpoint may be running or come later. NULL is allowed. In a forked child it frees the
 * handle and touches nothing that the parent uses. Since 0.1. */
MLCM_API void mlcm_endpoint_close(mlcm_endpoint *ep);

/* ---- Tickets ------------------------------------------------------------------------------------------------------- */

/* Which version answers a request, and when it was routed. A plain value: copy it, keep it for days, send it elsewhere as
 * text. 64 bytes for ever. Copies are not told apart: reporting two copies of a ticket counts twice (once, for a request with
 * a key). */
typedef struct mlcm_ticket {
  uint64_t endpoint_id; /* registry and endpoint; a ticket of another one is refused */
  int64_t version;      /* the version to run, or that ran */
  uint64_t epoch;       /* routing epoch: the period of constant weights in which it was routed */
  uint64_t key_hash;    /* of the request's key; random without one */
  int64_t routed_ns;    /* wall time */
  uint32_t flags;       /* MLCM_TICKET_* */
  uint32_t slot;        /* hint: the meter cell in the process that routed it */
  uint64_t source;      /* the endpoint handle that routed it; that one takes its completion */
  uint32_t period;      /* in which that handle counts it as outstanding */
  uint32_t reserved;    /* 0 */
} mlcm_ticket;

enum {
  MLCM_TICKET_KEYED = 1,    /* the request had a key: the routing is sticky. Without: random */
  MLCM_TICKET_OVERRIDE = 2, /* a rule on an attribute chose the version: counted, never compared */
  MLCM_TICKET_CANDIDATE = 4, /* the candidate answers */
  MLCM_TICKET_UNIT = 8       /* the first of its key in this rollout, or without a key: its completion enters comparisons */
};

enum { MLCM_TICKET_TEXT_SIZE = 128 }; /* bytes of the text form, the NUL included, at most */

/* Writes the text form: printable ASCII without white space or quotes, fit for a header, a log line or a database column.
 * `out` [MLCM_TICKET_TEXT_SIZE]. Since 0.1. */
MLCM_API void mlcm_ticket_to_text(const mlcm_ticket *ticket, char *out);

/* Reads the text form. MLCM_PARSE: not a ticket, or changed on the way (its checksum tells). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_ticket_from_text(mlcm_str text, mlcm_ticket *out, mlcm_error *err);

/* ---- The request path ---------------------------------------------------------------------------------------------- */

/* A property of a request that a plan's override rules may look at, e.g. a header. */
typedef struct mlcm_attribute {
  mlcm_str key;
  mlcm_str value;
} mlcm_attribute;

/* Routes a request by its key, runs the version on the inputs, and counts latency and success. `key` is any bytes (a user, a
 * session); the same key meets the same version as long as weights only rise. An empty key routes at random. Inputs, outputs and
 * their statuses as in mlcm_session_run; an error of the run is counted for the version that made it. *out_ticket (nullable) is
 * written as soon as the request is routed, even if the run then fails, so that it can be reported.
 * MLCM_INVALID_STATE: opened with MLCM_ENDPOINT_NO_ENGINE, or forked. MLCM_MISMATCH and what the backend returns. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_infer(mlcm_endpoint *ep, mlcm_str key, const mlcm_input *inputs, size_t n_inputs,
                                                       mlcm_output *outputs, size_t n_outputs, mlcm_ticket *out_ticket,
                                                       mlcm_error *err);

/* mlcm_endpoint_infer for a request with attributes, `attributes` [n_attributes]. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_infer_with(mlcm_endpoint *ep, mlcm_str key, const mlcm_attribute *attributes,
                                                            size_t n_attributes, const mlcm_input *inputs, size_t n_inputs,
                                                            mlcm_output *outputs, size_t n_outputs, mlcm_ticket *out_ticket,
                                                            mlcm_error *err);

/* Routes a request and hands out its ticket: out->version is to be run by the host, which then calls mlcm_endpoint_complete.
 * MLCM_INVALID_STATE: forked. MLCM_INVALID_ARGUMENT: ep or out is NULL. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_route(mlcm_endpoint *ep, mlcm_str key, mlcm_ticket *out, mlcm_error *err);

/* mlcm_endpoint_route for a request with attributes, `attributes` [n_attributes]: the first rule of the plan that one of them
 * meets decides. O(rules x attributes). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_route_with(mlcm_endpoint *ep, mlcm_str key, const mlcm_attribute *attributes,
                                                            size_t n_attributes, mlcm_ticket *out, mlcm_error *err);

/* Says that a routed request is over: `latency_ns` >= 0 as the host measured it, `ok` 0 for an error. Once per ticket, on the
 * handle that routed it. mlcm_endpoint_infer has done it already.
 * MLCM_TIMEOUT: the deadline had passed, and the request was counted as an error then; this completion is not counted.
 * MLCM_INVALID_ARGUMENT: not a ticket of this endpoint, or a negative latency. MLCM_INVALID_STATE: forked, or the ticket was
 * routed by another handle (which will count it). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_complete(mlcm_endpoint *ep, const mlcm_ticket *ticket, int64_t latency_ns,
                                                          int32_t ok, mlcm_error *err);

#define MLCM_OUTCOME_WRONG "wrong"

/* Says what became of an answer: the outcome `outcome` (1 to 47 letters, digits, '_', '-' and '.') of the ticket's request has
 * `value`, 1 or 0 for a label (the answer was wrong or not), any finite number for a score. Counts for the version that
 * answered and the epoch it was routed in, whenever it comes, from any process that has the endpoint open. Of a request with a
 * key only the key's first value of an outcome enters a rollout's comparison. MLCM_INVALID_ARGUMENT: not a ticket of this
 * endpoint, a bad name, a value that is not finite. MLCM_LIMIT: a ninth outcome name in this process. MLCM_INVALID_STATE:
 * forked. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_report(mlcm_endpoint *ep, const mlcm_ticket *ticket, const char *outcome,
                                                        double value, mlcm_error *err);

/* Looks an outcome's name up once, for mlcm_endpoint_report_id. *out is valid for this handle. Statuses as mlcm_endpoint_report.
 * Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_outcome(mlcm_endpoint *ep, const char *outcome, int32_t *out, mlcm_error *err);

/* mlcm_endpoint_report by the number of the outcome. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_report_id(mlcm_endpoint *ep, const mlcm_ticket *ticket, int32_t outcome,
                                                           double value, mlcm_error *err);

/* ---- Ticks and what is going on ------------------------------------------------------------------------------------ */

/* One round of what the background thread does: looks at the registry, loads what is to serve, polls the sources of checks, ticks
 * the active rollout (unless MLCM_ENDPOINT_FOLLOW, or another process holds its lease), counts requests that passed the deadline
 * and frees what nobody uses. `now` NULL: the context's clocks. *out (nullable) is the decision taken or NULL, to be freed with
 * mlcm_decision_free. A decision also goes to on_decision.
 * MLCM_INVALID_STATE: without MLCM_ENDPOINT_MANUAL, or forked. MLCM_BUSY: another thread is in a tick. Any failure of loading or
 * of the tick itself is returned after everything else of the round was done, unless there is a decision to hand out; it is in
 * mlcm_endpoint_to_json too. What served goes on serving. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_tick(mlcm_endpoint *ep, const mlcm_time *now, mlcm_decision **out,
                                                      mlcm_error *err);

/* What an endpoint serves now. Plain value. */
typedef struct mlcm_endpoint_info {
  int64_t stable;         /* version */
  int64_t candidate;      /* version; 0: none is routed to */
  uint64_t epoch;         /* routing epoch */
  int64_t weight_ppm;     /* the candidate's share, in parts per million of the keys */
  uint64_t requests;      /* routed by this handle */
  uint64_t overdue;       /* of these, counted as errors since they passed the deadline */
  uint64_t swaps;         /* routing tables published by this handle */
  uint64_t load_failures; /* versions that could not be loaded */
  uint64_t tick_failures; /* rounds that ended with an error */
  uint32_t flags;         /* of the options */
  uint32_t reserved0;
  uint64_t reserved[4];
} mlcm_endpoint_info;

/* Reads what is served now. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_get_info(mlcm_endpoint *ep, mlcm_endpoint_info *out, mlcm_error *err);

/* The same and more (loaded versions with their state, the last error of a load and of a tick) as one JSON object
 * (docs/formats.md). *out freed with mlcm_free. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_to_json(mlcm_endpoint *ep, char **out, mlcm_error *err);

/* A file descriptor (eventfd) for poll or select that is readable while decisions wait for mlcm_endpoint_next_decision. Owned by
 * the endpoint; not to be read or closed. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_event_fd(mlcm_endpoint *ep, int32_t *out, mlcm_error *err);

/* Takes the oldest decision that waits; *out is NULL when none does, else to be freed with mlcm_decision_free. The 64 newest are
 * kept from the first call of mlcm_endpoint_event_fd on; all are in the registry. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_next_decision(mlcm_endpoint *ep, mlcm_decision **out, mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
