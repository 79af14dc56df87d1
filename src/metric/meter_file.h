/* SPDX-License-Identifier: Apache-2.0
 *
 * meter_file.h - one meter file: its layout, how it is made, mapped and judged. docs/formats-metric.md is its specification.
 *
 *   page 0     header, then the table of outcome names
 *   page 1     directory: 128 cells of 32 bytes
 *   from 8192  cell after cell: `shards` shards of 24 KiB, each three scope blocks
 *
 * The file has its full size from the start and is sparse; a cell's space is reserved on disk when it is claimed. It is written
 * under a name of its own and linked into place complete, with its header. The writer holds an exclusive flock as long as it
 * has the file open; the kernel drops it when the process ends, however that happens.
 */
#ifndef MLCM_METRIC_METER_FILE_H
#define MLCM_METRIC_METER_FILE_H

#include <assert.h>
#include <stdatomic.h>

#include "metric/mapped.h"
#include "metric/meter.h"

enum {
  MLCM__METER_FORMAT = 1,
  MLCM__METER_BYTE_ORDER = 0x01020304,
  MLCM__METER_PAGE = 4096,
  MLCM__METER_FIRST_CELL = 2 * MLCM__METER_PAGE,
  MLCM__METER_SHARD_BYTES = 6 * MLCM__METER_PAGE,
  MLCM__METER_MAX_SHARDS = 16,
  MLCM__METER_NAMES_OFFSET = 1024,
  MLCM__METER_FILE_NAME = 160 /* enough for any name of a meter file */
};

#define MLCM__METER_MAGIC "mlcmmetr"

typedef _Atomic uint64_t mlcm__counter;
static_assert(sizeof(mlcm__counter) == 8 && ATOMIC_LLONG_LOCK_FREE == 2,
              "counters are shared by processes: no lock may hide in them");

/* Fixed when the file is made; never changes afterwards. */
typedef struct mlcm__meter_header {
  char magic[8];
  uint32_t byte_order;
  uint32_t format;
  uint32_t shards; /* 1, 2, 4, 8 or 16 */
  uint32_t cells;
  uint32_t shard_bytes;
  uint32_t number; /* the last part of the file's name */
  uint64_t endpoint_id;
  int64_t pid;
  uint64_t start_ticks;
  int64_t created_wall_ns;
  char boot_id[MLCM__BOOT_ID_CHARS];
  uint64_t checksum; /* SipHash-2-4 with a zero key of the bytes before it */
} mlcm__meter_header;
static_assert(sizeof(mlcm__meter_header) == 104, "layout of the meter file");

/* ready turns from 0 to 1 once, after the rest is written. */
typedef struct mlcm__meter_name {
  _Atomic uint64_t ready;
  char text[MLCM__METER_OUTCOME_NAME];
  uint64_t reserved;
} mlcm__meter_name;
static_assert(sizeof(mlcm__meter_name) == 64, "layout of the meter file");

typedef struct mlcm__meter_slot {
  _Atomic uint64_t ready;
  int64_t version;
  uint64_t epoch;
  uint64_t checksum; /* of version and epoch, like the header's */
} mlcm__meter_slot;
static_assert(sizeof(mlcm__meter_slot) == 32, "layout of the meter file");

/* An outcome of value 0 or 1 is one addition; `other` and its sum serve scores. */
typedef struct mlcm__outcome_block {
  mlcm__counter zero;
  mlcm__counter one;
  mlcm__counter other;
  mlcm__counter other_sum; /* bits of a double */
  mlcm__counter invalid;
} mlcm__outcome_block;

/* A completion is two additions: its bucket and the sum. How many completed is the sum over the buckets. */
typedef struct mlcm__scope_block {
  mlcm__counter routed;
  mlcm__counter errors;
  mlcm__counter sum_ns;
  mlcm__counter underflow;
  mlcm__counter overflow;
  mlcm__counter invalid;
  mlcm__counter reserved[2];
  mlcm__outcome_block outcome[MLCM__METER_OUTCOMES];
  mlcm__counter bucket[MLCM__HISTOGRAM_BUCKETS];
} mlcm__scope_block;
static_assert(sizeof(mlcm__scope_block) == 8064 && sizeof(mlcm__scope_block) % 64 == 0, "layout of the meter file");
static_assert(MLCM__SCOPES * sizeof(mlcm__scope_block) <= MLCM__METER_SHARD_BYTES, "three scopes fit a shard");

/* A mapped file: a writer's, which holds the lock, or a reader's. */
typedef struct mlcm__meter_file {
  mlcm__mapped map;
  uint32_t shards;
  uint32_t number;
} mlcm__meter_file;

/* What a file's name says. */
typedef struct mlcm__meter_file_id {
  uint64_t endpoint_id;
  mlcm__process process;
  uint32_t number;
  bool unfinished; /* the name it has before it is linked into place */
} mlcm__meter_file_id;

void mlcm__meter_file_name(const mlcm__meter_file_id *id, char out[MLCM__METER_FILE_NAME]);
bool mlcm__meter_file_parse(const char *name, mlcm__meter_file_id *out);

/* Takes up, or makes, the file of that name whose number is the lowest from id->number on that no other handle has open. */
mlcm_status mlcm__meter_file_take(mlcm_context *ctx, const char *run_dir, const mlcm__meter_file_id *id, uint32_t shards,
                                  mlcm__meter_file *out, mlcm_error *err);

/* Maps a file for reading. out->map.base is NULL when it is gone or was never finished (the latter is logged). MLCM_CORRUPT,
 * MLCM_NEWER_FORMAT name the file. */
mlcm_status mlcm__meter_file_map(mlcm_context *ctx, const char *run_dir, const char *name, mlcm__meter_file *out,
                                 mlcm_error *err);

/* Sets disk space aside for a cell. */
mlcm_status mlcm__meter_file_reserve(const mlcm__meter_file *file, uint32_t slot, mlcm_error *err);

uint64_t mlcm__meter_slot_checksum(int64_t version, uint64_t epoch);

static inline mlcm__meter_slot *mlcm__meter_slots(const mlcm__meter_file *file) {
  return (mlcm__meter_slot *)(void *)(file->map.base + MLCM__METER_PAGE);
}
static inline mlcm__meter_name *mlcm__meter_names(const mlcm__meter_file *file) {
  return (mlcm__meter_name *)(void *)(file->map.base + MLCM__METER_NAMES_OFFSET);
}
static inline mlcm__scope_block *mlcm__meter_block(const mlcm__meter_file *file, uint32_t slot, uint32_t shard, uint32_t scope) {
  const size_t at = MLCM__METER_FIRST_CELL + ((size_t)slot * file->shards + shard) * MLCM__METER_SHARD_BYTES;
  return (mlcm__scope_block *)(void *)(file->map.base + at) + scope;
}

#endif
