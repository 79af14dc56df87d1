/* SPDX-License-Identifier: Apache-2.0
 *
 * meter.c - counting. The request path is at the end of the file: pick the shard of this CPU, add relaxed.
 *
 * `mutex` guards claiming (cells, outcome names, further files). What is claimed is published by a release store of its `ready`
 * word, so that finding needs no lock. Two threads may add to one shard (a thread can be moved to another CPU between picking
 * and adding), hence atomic additions; that they seldom meet is all the shards are for.
 */
#include "metric/meter.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "metric/meter_file.h"

struct mlcm__meter {
  mlcm_context *ctx;
  char *run_dir;
  uint64_t endpoint_id;
  mlcm__process process;
  uint32_t shards;
  pthread_mutex_t mutex;
  atomic_uint n_files;
  mlcm__meter_file files[MLCM__METER_FILES]; /* [n_files], each fixed once counted in n_files */
};

/* ---- Outcome names: one order in all files of a meter --------------------------------------------------------------- */

static bool name_is_good(const char *name) {
  const size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
  return n > 0 && n < MLCM__METER_OUTCOME_NAME && name[n] == 0;
}

static bool name_is_ready(const mlcm__meter_name *slot) { return atomic_load_explicit(&slot->ready, memory_order_acquire) == 1; }

/* Index of the name, or the number of names when it is not there. */
static uint32_t find_name(const mlcm__meter_file *file, const char *name) {
  const mlcm__meter_name *names = mlcm__meter_names(file);
  uint32_t i = 0;
  while (i < MLCM__METER_OUTCOMES && name_is_ready(&names[i]) && strcmp(names[i].text, name) != 0) i++;
  return i;
}

static void write_name(const mlcm__meter_file *file, uint32_t i, const char *name) {
  mlcm__meter_name *slot = &mlcm__meter_names(file)[i];
  if (name_is_ready(slot)) return;
  memcpy(slot->text, name, strlen(name) + 1);
  atomic_store_explicit(&slot->ready, 1, memory_order_release);
}

/* Gives a further file the names of the first one. False when it has others (an earlier handle's): it cannot be used. */
static bool adopt_names(const mlcm__meter_file *first, const mlcm__meter_file *file) {
  const mlcm__meter_name *ours = mlcm__meter_names(first);
  const mlcm__meter_name *theirs = mlcm__meter_names(file);
  for (uint32_t i = 0; i < MLCM__METER_OUTCOMES; i++) {
    if (name_is_ready(&theirs[i]) && !(name_is_ready(&ours[i]) && strcmp(ours[i].text, theirs[i].text) == 0)) return false;
  }
  for (uint32_t i = 0; i < MLCM__METER_OUTCOMES && name_is_ready(&ours[i]); i++) write_name(file, i, ours[i].text);
  return true;
}

mlcm_status mlcm__meter_outcome_index(mlcm__meter *meter, const char *name, uint32_t *out_index, mlcm_error *err) {
  if (!name_is_good(name)) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "outcome '%.60s': a name has 1 to %d of A-Z a-z 0-9 _ . -", name,
                      MLCM__METER_OUTCOME_NAME - 1);
  }
  const mlcm__meter_file *first = &meter->files[0];
  uint32_t i = find_name(first, name);
  if (i >= MLCM__METER_OUTCOMES || !name_is_ready(&mlcm__meter_names(first)[i])) {
    pthread_mutex_lock(&meter->mutex);
    i = find_name(first, name);
    const uint32_t n_files = atomic_load(&meter->n_files);
    for (uint32_t f = n_files; f-- > 0 && i < MLCM__METER_OUTCOMES;)
      write_name(&meter->files[f], i, name); /* the first one last */
    pthread_mutex_unlock(&meter->mutex);
  }
  if (i >= MLCM__METER_OUTCOMES) {
    return mlcm__fail(err, MLCM_LIMIT,
                      "outcome '%s': this process already reports %d kinds of outcome for the endpoint, the most there can be",
                      name, MLCM__METER_OUTCOMES);
  }
  *out_index = i;
  return MLCM_OK;
}

/* ---- Cells --------------------------------------------------------------------------------------------------------- */

static bool slot_is(const mlcm__meter_slot *slot, int64_t version, uint64_t epoch) {
  return atomic_load_explicit(&slot->ready, memory_order_acquire) == 1 && slot->version == version && slot->epoch == epoch;
}

/* Slots are claimed in order, so the first free one ends the search. */
bool mlcm__meter_find_cell(const mlcm__meter *meter, int64_t version, uint64_t epoch, uint32_t *out_cell) {
  const uint32_t n_files = atomic_load_explicit(&meter->n_files, memory_order_acquire);
  for (uint32_t f = n_files; f-- > 0;) {
    const mlcm__meter_slot *slots = mlcm__meter_slots(&meter->files[f]);
    for (uint32_t i = 0; i < MLCM__METER_CELLS && atomic_load_explicit(&slots[i].ready, memory_order_acquire); i++) {
      if (!slot_is(&slots[i], version, epoch)) continue;
      *out_cell = f * MLCM__METER_CELLS + i;
      return true;
    }
  }
  return false;
}

/* First free slot of a file, or MLCM__METER_CELLS. */
static uint32_t free_slot(const mlcm__meter_file *file) {
  const mlcm__meter_slot *slots = mlcm__meter_slots(file);
  uint32_t i = 0;
  while (i < MLCM__METER_CELLS && atomic_load(&slots[i].ready)) i++;
  return i;
}

/* Adds a file with room to the meter. Under the mutex, or before anybody else has the meter. A file that an earlier handle of
 * this process left with other outcome names is passed over. */
static mlcm_status add_file(mlcm__meter *meter, mlcm_error *err) {
  const uint32_t n = atomic_load(&meter->n_files);
  if (n == MLCM__METER_FILES) {
    return mlcm__fail(err, MLCM_LIMIT,
                      "meter of endpoint %016" PRIx64 ": all %d cells of this process are taken; close and open it",
                      meter->endpoint_id, MLCM__METER_FILES * MLCM__METER_CELLS);
  }
  mlcm__meter_file_id id = {.endpoint_id = meter->endpoint_id, .process = meter->process};
  id.number = n == 0 ? 0 : meter->files[n - 1].number + 1;
  for (;; id.number++) {
    mlcm__meter_file file = {.map = MLCM__MAPPED_NONE};
    mlcm_status st = mlcm__meter_file_take(meter->ctx, meter->run_dir, &id, meter->shards, &file, err);
    if (st) return st;
    id.number = file.number;
    if (file.shards == meter->shards && (n == 0 || adopt_names(&meter->files[0], &file))) {
      meter->files[n] = file;
      atomic_store_explicit(&meter->n_files, n + 1, memory_order_release);
      return MLCM_OK;
    }
    mlcm__mapped_close(meter->ctx, &file.map);
  }
}

/* A file with a free slot: the newest one, else a further one. */
static mlcm_status find_room(mlcm__meter *meter, uint32_t *out_file, uint32_t *out_slot, mlcm_error *err) {
  for (;;) {
    const uint32_t f = atomic_load(&meter->n_files) - 1;
    const uint32_t i = free_slot(&meter->files[f]);
    if (i < MLCM__METER_CELLS) {
      *out_file = f;
      *out_slot = i;
      return MLCM_OK;
    }
    mlcm_status st = add_file(meter, err);
    if (st) return st;
  }
}

static mlcm_status claim(mlcm__meter *meter, int64_t version, uint64_t epoch, uint32_t *out_cell, mlcm_error *err) {
  uint32_t f = 0;
  uint32_t i = 0;
  mlcm_status st = find_room(meter, &f, &i, err);
  if (!st) st = mlcm__meter_file_reserve(&meter->files[f], i, err);
  if (st) return st;
  mlcm__meter_slot *slot = &mlcm__meter_slots(&meter->files[f])[i];
  slot->version = version;
  slot->epoch = epoch;
  slot->checksum = mlcm__meter_slot_checksum(version, epoch);
  atomic_store_explicit(&slot->ready, 1, memory_order_release);
  *out_cell = f * MLCM__METER_CELLS + i;
  return MLCM_OK;
}

mlcm_status mlcm__meter_cell(mlcm__meter *meter, int64_t version, uint64_t epoch, uint32_t *out_cell, mlcm_error *err) {
  if (mlcm__meter_find_cell(meter, version, epoch, out_cell)) return MLCM_OK;
  mlcm_status st = MLCM_OK;
  pthread_mutex_lock(&meter->mutex);
  /* rarely: another thread claimed the same cell meanwhile */
  if (!mlcm__meter_find_cell(meter, version, epoch, out_cell)) st = claim(meter, version, epoch, out_cell, err);
  pthread_mutex_unlock(&meter->mutex);
  return st;
}

bool mlcm__meter_cell_is(const mlcm__meter *meter, uint32_t cell, int64_t version, uint64_t epoch) {
  const uint32_t f = cell / MLCM__METER_CELLS;
  if (f >= atomic_load_explicit(&meter->n_files, memory_order_acquire)) return false;
  return slot_is(&mlcm__meter_slots(&meter->files[f])[cell % MLCM__METER_CELLS], version, epoch);
}

/* ---- Opening and closing ------------------------------------------------------------------------------------------- */

/* Configured CPUs rounded up to a power of two, at most 16: the same for all files of a process. */
static uint32_t pick_shards(void) {
  const long cpus = sysconf(_SC_NPROCESSORS_CONF);
  uint32_t shards = 1;
  while (shards < MLCM__METER_MAX_SHARDS && (long)shards < cpus) shards *= 2; /* rarely: depends on the machine */
  return shards;
}

mlcm_status mlcm__meter_open(mlcm_context *ctx, const char *run_dir, uint64_t endpoint_id, const mlcm__process *process,
                             mlcm__meter **out, mlcm_error *err) {
  mlcm__meter *meter = mlcm__alloc_zero(ctx, 1, sizeof *meter);
  if (!meter) return mlcm__fail_memory(err, sizeof *meter);
  meter->ctx = mlcm__context_retain(ctx);
  meter->endpoint_id = endpoint_id;
  meter->process = *process;
  meter->shards = pick_shards();
  pthread_mutex_init(&meter->mutex, NULL);
  meter->run_dir = mlcm__strdup(ctx, run_dir);
  mlcm_status st = meter->run_dir ? add_file(meter, err) : mlcm__fail_memory(err, strlen(run_dir) + 1);
  if (!st)
    *out = meter;
  else
    mlcm__meter_close(meter);
  return st;
}

/* Takes the file's name away when nothing was ever counted in it, while its lock is held. A failure leaves it to the sweep. */
static void remove_if_unused(const mlcm__meter *meter, const mlcm__meter_file *file) {
  const mlcm__meter_file_id id = {.endpoint_id = meter->endpoint_id, .process = meter->process, .number = file->number};
  char name[MLCM__METER_FILE_NAME];
  char *path = NULL;
  if (free_slot(file) > 0) return;
  mlcm__meter_file_name(&id, name);
  if (mlcm__path_join(meter->ctx, meter->run_dir, name, &path, NULL)) return;
  const int bad = meter->ctx->io.unlink(meter->ctx->io.user, path);
  if (bad) mlcm__log(meter->ctx, MLCM_LOG_WARN, "%s: cannot remove the unused file: %s", path, strerror(-bad));
  mlcm__free(meter->ctx, path);
}

void mlcm__meter_close(mlcm__meter *meter) {
  if (!meter) return;
  mlcm_context *ctx = meter->ctx;
  for (uint32_t f = 0; f < atomic_load(&meter->n_files); f++) {
    remove_if_unused(meter, &meter->files[f]);
    mlcm__mapped_close(ctx, &meter->files[f].map);
  }
  pthread_mutex_destroy(&meter->mutex);
  mlcm__free(ctx, meter->run_dir);
  mlcm__free(ctx, meter);
  mlcm__context_release(ctx);
}

/* ---- The request path ---------------------------------------------------------------------------------------------- */

static mlcm__scope_block *block_of(const mlcm__meter *meter, uint32_t cpu, uint32_t cell, mlcm__scope scope) {
  const uint32_t shard = cpu & (meter->shards - 1);
  assert(cell / MLCM__METER_CELLS < atomic_load_explicit(&meter->n_files, memory_order_relaxed));
  return mlcm__meter_block(&meter->files[cell / MLCM__METER_CELLS], cell % MLCM__METER_CELLS, shard, (uint32_t)scope);
}

/* -1 where there is no such call: shard of all ones, as good as any. */
static uint32_t this_cpu(void) { return (uint32_t)sched_getcpu(); }

static void add(mlcm__counter *counter, uint64_t n) { atomic_fetch_add_explicit(counter, n, memory_order_relaxed); }

static void add_double(mlcm__counter *counter, double value) {
  uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
  uint64_t new_bits;
  do {
    double sum;
    memcpy(&sum, &old, sizeof sum);
    sum += value;
    memcpy(&new_bits, &sum, sizeof new_bits);
    /* rarely: another thread added in the same moment */
  } while (!atomic_compare_exchange_weak_explicit(counter, &old, new_bits, memory_order_relaxed, memory_order_relaxed));
}

void mlcm__meter_route_on(mlcm__meter *meter, uint32_t cpu, uint32_t cell, mlcm__scope scope) {
  add(&block_of(meter, cpu, cell, scope)->routed, 1);
}

void mlcm__meter_complete_on(mlcm__meter *meter, uint32_t cpu, uint32_t cell, mlcm__scope scope, int64_t latency_ns, bool ok) {
  mlcm__scope_block *block = block_of(meter, cpu, cell, scope);
  const int32_t b = mlcm__histogram_bucket_ns(latency_ns);
  if (b >= 0 && b < MLCM__HISTOGRAM_BUCKETS)
    add(&block->bucket[b], 1);
  else if (b == MLCM__HISTOGRAM_UNDERFLOW)
    add(&block->underflow, 1);
  else if (b == MLCM__HISTOGRAM_OVERFLOW)
    add(&block->overflow, 1);
  else
    add(&block->invalid, 1);
  if (b != MLCM__HISTOGRAM_INVALID) add(&block->sum_ns, (uint64_t)latency_ns);
  if (!ok) add(&block->errors, 1);
}

void mlcm__meter_outcome_on(mlcm__meter *meter, uint32_t cpu, uint32_t cell, mlcm__scope scope, uint32_t outcome, double value) {
  assert(outcome < MLCM__METER_OUTCOMES);
  mlcm__outcome_block *block = &block_of(meter, cpu, cell, scope)->outcome[outcome];
  if (value == 0)
    add(&block->zero, 1);
  else if (value == 1)
    add(&block->one, 1);
  else if (!isfinite(value))
    add(&block->invalid, 1);
  else {
    add_double(&block->other_sum, value);
    add(&block->other, 1);
  }
}

void mlcm__meter_route(mlcm__meter *meter, uint32_t cell, mlcm__scope scope) {
  mlcm__meter_route_on(meter, this_cpu(), cell, scope);
}

void mlcm__meter_complete(mlcm__meter *meter, uint32_t cell, mlcm__scope scope, int64_t latency_ns, bool ok) {
  mlcm__meter_complete_on(meter, this_cpu(), cell, scope, latency_ns, ok);
}

void mlcm__meter_outcome(mlcm__meter *meter, uint32_t cell, mlcm__scope scope, uint32_t outcome, double value) {
  mlcm__meter_outcome_on(meter, this_cpu(), cell, scope, outcome, value);
}
