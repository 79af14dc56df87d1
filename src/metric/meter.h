/* SPDX-License-Identifier: Apache-2.0
 *
 * meter.h - what a serving process counts, in memory-mapped files that other processes read and that survive a kill.
 *
 * One process and endpoint has one file (more when 128 cells are not enough) in the registry's run/ folder;
 * docs/formats-metric.md has the layout. A cell holds the counters of one (version, routing epoch). Within a cell a shard is
 * picked by CPU, within a shard a block by scope. All counters only grow; a reader takes differences.
 *
 *   mlcm__meter_cell(meter, version, epoch, &cell, err);           once a routing table
 *   mlcm__meter_route(meter, cell, scope);                         the request path: no lock, no allocation
 *   mlcm__meter_complete(meter, cell, scope, latency_ns, ok);
 *   mlcm__meter_outcome(meter, cell, scope, outcome, value);
 *
 * Each event is written once, under one scope. REQUEST is a request whose key was counted before; KEY is a request that
 * counts as a unit of analysis: the first of its key (keyset.h), or one without a key. A snapshot's REQUEST includes KEY.
 *
 * A forked child shares its parent's map: what it counts goes into the parent's file and is not lost.
 */
#ifndef MLCM_METRIC_METER_H
#define MLCM_METRIC_METER_H

#include "base/context.h"
#include "metric/histogram.h"
#include "metric/process.h"

enum {
  MLCM__METER_OUTCOMES = 8,      /* kinds of outcome a process can report for an endpoint */
  MLCM__METER_OUTCOME_NAME = 48, /* with the closing NUL: names have 1 to 47 of A-Z a-z 0-9 _ . - */
  MLCM__METER_CELLS = 128,       /* a file */
  MLCM__METER_FILES = 64,        /* a process and endpoint: 8,192 cells */
  MLCM__SNAPSHOT_OUTCOMES = 32,  /* different names over all processes */
  MLCM__SNAPSHOT_CELLS = 8192    /* different (version, epoch) over all processes; 26 KiB each in memory */
};

typedef enum mlcm__scope {
  MLCM__SCOPE_OVERRIDE = 0, /* sent by an override: metered, never compared */
  MLCM__SCOPE_REQUEST = 1,  /* written: a repeat of a key. In a snapshot: all requests but overrides, KEY included */
  MLCM__SCOPE_KEY = 2,      /* first of its key, or without a key */
  MLCM__SCOPES = 3
} mlcm__scope;

/* ---- Writing ------------------------------------------------------------------------------------------------------- */

typedef struct mlcm__meter mlcm__meter; /* any thread at the same time, except _close */

/* Opens the process's file for an endpoint, or makes it: 0600, or wider where run_dir is (its mode without x). A file that an
 * earlier handle of this same process left is taken up again, so counters go on. `process` is mlcm__process_self's.
 * MLCM_IO, MLCM_DISK_FULL, MLCM_NO_MEMORY, MLCM_CORRUPT (names the file). */
mlcm_status mlcm__meter_open(mlcm_context *ctx, const char *run_dir, uint64_t endpoint_id, const mlcm__process *process,
                             mlcm__meter **out, mlcm_error *err);
/* Unmaps. The files stay for readers, except one in which nothing was ever counted. NULL is allowed. */
void mlcm__meter_close(mlcm__meter *meter);

/* The cell of (version, epoch), claimed when there is none. Finding takes no lock; claiming takes a mutex and reserves the
 * cell's disk space, so that a full disk is MLCM_DISK_FULL here and never a SIGBUS on the request path. MLCM_LIMIT when all
 * files are full. A cell index stays valid until close, in this process only. */
mlcm_status mlcm__meter_cell(mlcm__meter *meter, int64_t version, uint64_t epoch, uint32_t *out_cell, mlcm_error *err);

/* The cell of (version, epoch) when it was claimed before; claims nothing. No lock. */
bool mlcm__meter_find_cell(const mlcm__meter *meter, int64_t version, uint64_t epoch, uint32_t *out_cell);

/* Whether `cell` (any number, e.g. a ticket's hint from another process) is this meter's cell of (version, epoch). No lock. */
bool mlcm__meter_cell_is(const mlcm__meter *meter, uint32_t cell, int64_t version, uint64_t epoch);

/* Index of an outcome kind, claimed when new. Finding takes no lock. MLCM_INVALID_ARGUMENT: name out of its alphabet or
 * length. MLCM_LIMIT: a ninth name. */
mlcm_status mlcm__meter_outcome_index(mlcm__meter *meter, const char *name, uint32_t *out_index, mlcm_error *err);

/* The request path. `cell` is from mlcm__meter_cell of this meter, `outcome` from _outcome_index. No lock, no allocation. The
 * forms with `_on` take a hint instead of asking for the CPU: any number, the same most of the time for calls on one CPU. */
void mlcm__meter_route(mlcm__meter *meter, uint32_t cell, mlcm__scope scope);
void mlcm__meter_route_on(mlcm__meter *meter, uint32_t cpu, uint32_t cell, mlcm__scope scope);
/* latency_ns < 0 is completed with an invalid latency. Every completion enters the histogram, also one that is not ok. */
void mlcm__meter_complete(mlcm__meter *meter, uint32_t cell, mlcm__scope scope, int64_t latency_ns, bool ok);
void mlcm__meter_complete_on(mlcm__meter *meter, uint32_t cpu, uint32_t cell, mlcm__scope scope, int64_t latency_ns, bool ok);
/* value 0 is good, anything else bad; NaN and infinities are counted as invalid and nowhere else. */
void mlcm__meter_outcome(mlcm__meter *meter, uint32_t cell, mlcm__scope scope, uint32_t outcome, double value);
void mlcm__meter_outcome_on(mlcm__meter *meter, uint32_t cpu, uint32_t cell, mlcm__scope scope, uint32_t outcome, double value);

/* ---- Reading ------------------------------------------------------------------------------------------------------- */

typedef struct mlcm__outcome_sum {
  uint64_t n;       /* reports with a finite value */
  uint64_t bad;     /* of these: value not 0 */
  uint64_t invalid; /* NaN or infinite */
  double sum;       /* of the values */
} mlcm__outcome_sum;

/* One scope of one cell, summed over shards, files and processes. */
typedef struct mlcm__meter_sum {
  uint64_t routed;
  uint64_t completed; /* latency.count + latency.invalid */
  uint64_t errors;    /* completed, not ok */
  mlcm__histogram latency;
  mlcm__outcome_sum outcome[MLCM__SNAPSHOT_OUTCOMES]; /* by index in the snapshot's table of names */
} mlcm__meter_sum;

typedef struct mlcm__meter_cell_sum {
  int64_t version;
  uint64_t epoch;
  mlcm__meter_sum scope[MLCM__SCOPES];
} mlcm__meter_cell_sum;

typedef struct mlcm__meter_process {
  mlcm__process process;
  bool alive;
} mlcm__meter_process;

/* Everything counted for an endpoint, at about one moment (counters are read one after another while writers go on). */
typedef struct mlcm__meter_snapshot {
  mlcm_context *ctx;
  size_t n_cells;
  mlcm__meter_cell_sum **cells; /* ascending by (epoch, version) */
  size_t n_outcomes;
  char outcomes[MLCM__SNAPSHOT_OUTCOMES][MLCM__METER_OUTCOME_NAME];
  size_t n_processes;
  mlcm__meter_process *processes; /* one entry a process, dead ones included, as long as a file of it is there */
} mlcm__meter_snapshot;

/* Sums all files of the endpoint, of living and dead processes. A folder or files that are not there give an empty snapshot; a
 * file that was never finished, or that a dead process left damaged, is left out with a log line. MLCM_CORRUPT: a damaged one
 * of a process that lives; the message names it. MLCM_NEWER_FORMAT: a file of a newer library. MLCM_LIMIT: more than 32
 * different outcome names, or more than 8,192 versions and epochs. O(cells * shards). */
mlcm_status mlcm__meter_read(mlcm_context *ctx, const char *run_dir, uint64_t endpoint_id, mlcm__meter_snapshot **out,
                             mlcm_error *err);
void mlcm__meter_snapshot_free(mlcm__meter_snapshot *snapshot);

/* The cell of (version, epoch), or NULL. */
const mlcm__meter_cell_sum *mlcm__meter_find(const mlcm__meter_snapshot *snapshot, int64_t version, uint64_t epoch);
/* Index of an outcome name in the snapshot, or -1 when nobody has reported it. */
int32_t mlcm__meter_find_outcome(const mlcm__meter_snapshot *snapshot, const char *name);
/* How many of the snapshot's processes are alive. */
size_t mlcm__meter_n_alive(const mlcm__meter_snapshot *snapshot);

/* Removes the endpoint's files whose process is gone (also by its lock), that were not written for retention_ns, and that hold no
 * cell of an epoch >= keep_from_epoch, so that sums which a rollout takes differences of never run backwards. Unfinished files of
 * dead processes go too. *out_removed counts them; NULL is allowed. */
mlcm_status mlcm__meter_sweep(mlcm_context *ctx, const char *run_dir, uint64_t endpoint_id, int64_t now_wall_ns,
                              int64_t retention_ns, uint64_t keep_from_epoch, size_t *out_removed, mlcm_error *err);

#endif
