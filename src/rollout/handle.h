/* SPDX-License-Identifier: Apache-2.0
 *
 * handle.h - the inside of a mlcm_rollout, shared by the files that make up the controller.
 *
 * A handle always has a machine, fed from recorded evidence (follow.c). While it holds the lease it also gathers (controller.c): then
 * the machine runs ahead of the record by the lines in `chunk`. Whatever goes wrong, mlcm__handle_forget brings it back to the record.
 *
 *   open.c        start, open, close, list
 *   follow.c      recorded (and live) evidence into the machine
 *   controller.c  the tick: lease, gathering, deciding
 *   commit.c      the one transaction of a decision or a chunk
 *   command.c     commands of people, undo
 *   state.c       snapshots for people and programs
 *   replay.c      the same decisions again from the record
 */
#ifndef MLCM_ROLLOUT_HANDLE_H
#define MLCM_ROLLOUT_HANDLE_H

#include <sys/types.h>

#include "rollout/controller.h"
#include "rollout/evidence.h"
#include "rollout/gather.h"
#include "rollout/lease.h"
#include "rollout/live.h"
#include "rollout/record.h"

#define MLCM__CHUNK_NS INT64_C(10000000000) /* evidence waits at most so long for its commit */
enum {
  MLCM__CHUNK_BYTES = 256 << 10,   /* or until it is so long */
  MLCM__CHUNK_MAX_BYTES = 32 << 20 /* what is kept while the store does not take it */
};

/* Something that is written, or waits for the store to take it: a decision, or a plain chunk. */
typedef struct mlcm__pending {
  bool is_open;
  bool has_decision;
  bool must_stand;  /* in effect on traffic already: kept until the store takes it */
  bool alias_moved; /* the last write found the alias elsewhere: somebody's change goes before this decision */
  mlcm__outcome outcome;
  char *record;
  mlcm_decision *decision;            /* of the record, made before it is written: what is committed can be handed out */
  size_t lines_len;                   /* of the chunk, before the line of totals */
  uint8_t digest[MLCM__SHA256_BYTES]; /* of the chunk with that line */
  mlcm__intent intent;                /* that it answers; id 0: none */
} mlcm__pending;

struct mlcm_rollout {
  mlcm_context *ctx;
  mlcm_registry *reg;
  pid_t pid;
  int64_t id;
  mlcm__endpoint_row endpoint;
  char *plan_name;
  mlcm_plan *plan;
  uint64_t first_epoch;
  mlcm__rollout_hooks hooks;
  mlcm__rollout_head head; /* as read last */

  mlcm__machine *machine;
  int64_t n_chunks;                  /* recorded chunks that are in the machine */
  uint8_t chain[MLCM__SHA256_BYTES]; /* digest of the last of them */
  mlcm__buffer live;                 /* live lines in the machine that are not recorded yet; empty for the holder */
  int64_t live_epoch;                /* lease epoch they are of */
  mlcm__counted counted;             /* totals of the recorded chunks; the gather's own while holding */

  mlcm__lease lease;
  mlcm__gather *gather; /* NULL unless holding */
  bool is_synced;       /* holding, and gather and machine stand at the same tick */
  mlcm__buffer chunk;   /* lines that are not recorded yet */
  int64_t chunk_lines;
  int64_t chunk_since_ns; /* monotonic, of the context's clock */
  mlcm__pending pending;
  mlcm__live live_file;
};

/* MLCM_INVALID_STATE in a forked child. */
mlcm_status mlcm__handle_check(const mlcm_rollout *h, const char *function, mlcm_error *err);

/* Drops what is ahead of the record; the next use reads it anew. Keeps lease and samplers. */
void mlcm__handle_forget(mlcm_rollout *h);
/* Drops lease (without giving it back), samplers and all that is not recorded. */
void mlcm__handle_drop_lease(mlcm_rollout *h);
bool mlcm__handle_holds(const mlcm_rollout *h);
/* Writes what is open, gives the lease back and drops it. */
void mlcm__handle_give_up_lease(mlcm_rollout *h);

/* Brings head and machine up to the record. MLCM_CORRUPT: evidence does not match its digests or cannot be read. */
mlcm_status mlcm__handle_follow(mlcm_rollout *h, mlcm_error *err);
/* Adds what the holder has not recorded yet, as far as it can be seen. */
mlcm_status mlcm__handle_follow_live(mlcm_rollout *h, mlcm_error *err);

/* Closes the chunk (totals, digest, and the record when there is a decision) into h->pending. */
mlcm_status mlcm__pending_seal(mlcm_rollout *h, const mlcm__outcome *outcome, const mlcm__intent *intent, mlcm__counted *counted,
                               mlcm_error *err);
/* Takes the line of totals off again, so that the chunk can grow. */
void mlcm__pending_unseal(mlcm_rollout *h);
/* Writes h->pending inside a transaction, for lease epoch `lease_epoch`. MLCM_STALE; MLCM_CONFLICT with alias_moved set. */
mlcm_status mlcm__pending_write(mlcm_rollout *h, mlcm__db_conn *conn, int64_t lease_epoch, mlcm_error *err);
/* The store has it: the machine's state is the record's. */
void mlcm__pending_done(mlcm_rollout *h);

/* What routing a decision leads to; *out has the plan's rules while the rollout goes on. override_json is borrowed. */
void mlcm__routing_after(const mlcm_rollout *h, const mlcm__outcome *outcome, mlcm__routing *out);

#endif
