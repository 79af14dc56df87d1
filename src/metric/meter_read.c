/* SPDX-License-Identifier: Apache-2.0
 *
 * meter_read.c - sums an endpoint's meter files of all processes into a snapshot. Files come in the order of their names and
 * shards in theirs, so that equal files give equal bits, also of the sums of doubles.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/fs.h"
#include "metric/meter_file.h"

/* ---- Adding one file ----------------------------------------------------------------------------------------------- */

/* Where each of a file's outcomes goes in the snapshot; -1 where the file has none. */
typedef struct outcome_map {
  int32_t to[MLCM__METER_OUTCOMES];
} outcome_map;

static uint64_t load(const mlcm__counter *counter) { return atomic_load_explicit(counter, memory_order_relaxed); }

static double load_double(const mlcm__counter *counter) {
  const uint64_t bits = load(counter);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void add_latency(mlcm__histogram *h, const mlcm__scope_block *block) {
  const uint64_t underflow = load(&block->underflow);
  const uint64_t overflow = load(&block->overflow);
  uint64_t count = underflow + overflow;
  for (size_t b = 0; b < MLCM__HISTOGRAM_BUCKETS; b++) {
    const uint64_t n = load(&block->bucket[b]);
    h->bucket[b] += n;
    count += n;
  }
  h->underflow += underflow;
  h->overflow += overflow;
  h->invalid += load(&block->invalid);
  h->count += count;
  h->sum_ns += load(&block->sum_ns);
}

static void add_outcome(mlcm__outcome_sum *sum, const mlcm__outcome_block *block) {
  const uint64_t one = load(&block->one);
  const uint64_t other = load(&block->other);
  sum->n += load(&block->zero) + one + other;
  sum->bad += one + other;
  sum->invalid += load(&block->invalid);
  sum->sum += (double)one + load_double(&block->other_sum);
}

static void add_block(mlcm__meter_sum *sum, const mlcm__scope_block *block, const outcome_map *map) {
  sum->errors += load(&block->errors);
  add_latency(&sum->latency, block);
  for (uint32_t i = 0; i < MLCM__METER_OUTCOMES; i++) {
    if (map->to[i] >= 0) add_outcome(&sum->outcome[map->to[i]], &block->outcome[i]);
  }
  sum->completed = sum->latency.count + sum->latency.invalid;
  sum->routed += load(&block->routed);
}

/* The blocks are disjoint; a snapshot's REQUEST includes KEY. */
static void add_cell(mlcm__meter_cell_sum *cell, const mlcm__meter_file *file, uint32_t slot, const outcome_map *map) {
  for (uint32_t shard = 0; shard < file->shards; shard++) {
    const mlcm__scope_block *key = mlcm__meter_block(file, slot, shard, MLCM__SCOPE_KEY);
    add_block(&cell->scope[MLCM__SCOPE_OVERRIDE], mlcm__meter_block(file, slot, shard, MLCM__SCOPE_OVERRIDE), map);
    add_block(&cell->scope[MLCM__SCOPE_KEY], key, map);
    add_block(&cell->scope[MLCM__SCOPE_REQUEST], key, map);
    add_block(&cell->scope[MLCM__SCOPE_REQUEST], mlcm__meter_block(file, slot, shard, MLCM__SCOPE_REQUEST), map);
  }
}

/* ---- The snapshot as it grows -------------------------------------------------------------------------------------- */

typedef struct reading {
  mlcm_context *ctx;
  const char *run_dir;
  uint64_t endpoint_id;
  mlcm__meter_snapshot *snapshot;
  size_t cells_cap;
  size_t processes_cap;
} reading;

static bool comes_before(const mlcm__meter_cell_sum *cell, int64_t version, uint64_t epoch) {
  return cell->epoch != epoch ? cell->epoch < epoch : cell->version < version;
}

/* Index of the first cell that does not come before (version, epoch). */
static size_t lower_bound(const mlcm__meter_snapshot *s, int64_t version, uint64_t epoch) {
  size_t low = 0;
  size_t high = s->n_cells;
  while (low < high) {
    const size_t mid = low + (high - low) / 2;
    if (comes_before(s->cells[mid], version, epoch))
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

static bool is_cell(const mlcm__meter_snapshot *s, size_t at, int64_t version, uint64_t epoch) {
  return at < s->n_cells && s->cells[at]->version == version && s->cells[at]->epoch == epoch;
}

static mlcm_status cell_for(reading *r, int64_t version, uint64_t epoch, mlcm__meter_cell_sum **out, mlcm_error *err) {
  mlcm__meter_snapshot *s = r->snapshot;
  const size_t at = lower_bound(s, version, epoch);
  if (!is_cell(s, at, version, epoch)) {
    if (s->n_cells == MLCM__SNAPSHOT_CELLS) {
      return mlcm__fail(err, MLCM_LIMIT,
                        "%s: the meter files of one endpoint have more than %d versions and epochs; move old ones away",
                        r->run_dir, MLCM__SNAPSHOT_CELLS);
    }
    mlcm_status st = mlcm__reserve(r->ctx, &s->cells, &r->cells_cap, s->n_cells + 1, sizeof *s->cells, err);
    if (st) return st;
    mlcm__meter_cell_sum *cell = mlcm__alloc_zero(r->ctx, 1, sizeof *cell);
    if (!cell) return mlcm__fail_memory(err, sizeof *cell);
    cell->version = version;
    cell->epoch = epoch;
    memmove(&s->cells[at + 1], &s->cells[at], (s->n_cells - at) * sizeof *s->cells);
    s->cells[at] = cell;
    s->n_cells++;
  }
  *out = s->cells[at];
  return MLCM_OK;
}

/* Nothing of a damaged file may get into the sums, so all of it is looked at first. */
static mlcm_status check_entries(const mlcm__meter_file *file, const char *name, mlcm_error *err) {
  const mlcm__meter_name *names = mlcm__meter_names(file);
  const mlcm__meter_slot *slots = mlcm__meter_slots(file);
  for (uint32_t i = 0; i < MLCM__METER_OUTCOMES; i++) {
    if (!atomic_load_explicit(&names[i].ready, memory_order_acquire)) continue;
    if (memchr(names[i].text, 0, sizeof names[i].text) && names[i].text[0]) continue;
    return mlcm__fail(err, MLCM_CORRUPT, "%s: holds an outcome without a proper name; move it away", name);
  }
  for (uint32_t i = 0; i < MLCM__METER_CELLS; i++) {
    const uint64_t ready = atomic_load_explicit(&slots[i].ready, memory_order_acquire);
    if (ready == 0 || (ready == 1 && slots[i].checksum == mlcm__meter_slot_checksum(slots[i].version, slots[i].epoch))) continue;
    return mlcm__fail(err, MLCM_CORRUPT, "%s: the entry of cell %" PRIu32 " changed: its checksum does not match; move it away",
                      name, i);
  }
  return MLCM_OK;
}

static mlcm_status outcome_for(reading *r, const mlcm__meter_name *name, const char *file_name, int32_t *out, mlcm_error *err) {
  mlcm__meter_snapshot *s = r->snapshot;
  char text[MLCM__METER_OUTCOME_NAME];
  memcpy(text, name->text, sizeof text);
  text[sizeof text - 1] = 0; /* it ends before that, unless somebody changed it since it was checked */
  *out = mlcm__meter_find_outcome(s, text);
  if (*out >= 0) return MLCM_OK;
  if (s->n_outcomes == MLCM__SNAPSHOT_OUTCOMES) {
    return mlcm__fail(err, MLCM_LIMIT, "%s: outcome '%s' is one kind more than the %d an endpoint can have", file_name, text,
                      MLCM__SNAPSHOT_OUTCOMES);
  }
  *out = (int32_t)s->n_outcomes;
  memcpy(s->outcomes[s->n_outcomes++], text, sizeof text);
  return MLCM_OK;
}

static mlcm_status map_outcomes(reading *r, const mlcm__meter_file *file, const char *name, outcome_map *out, mlcm_error *err) {
  const mlcm__meter_name *names = mlcm__meter_names(file);
  for (uint32_t i = 0; i < MLCM__METER_OUTCOMES; i++) {
    out->to[i] = -1;
    if (!atomic_load_explicit(&names[i].ready, memory_order_acquire)) continue;
    mlcm_status st = outcome_for(r, &names[i], name, &out->to[i], err);
    if (st) return st;
  }
  return MLCM_OK;
}

static mlcm_status add_file(reading *r, const mlcm__meter_file *file, const char *name, mlcm_error *err) {
  outcome_map map;
  mlcm_status st = check_entries(file, name, err);
  if (!st) st = map_outcomes(r, file, name, &map, err);
  const mlcm__meter_slot *slots = mlcm__meter_slots(file);
  for (uint32_t i = 0; !st && i < MLCM__METER_CELLS; i++) {
    mlcm__meter_cell_sum *cell = NULL;
    if (!atomic_load_explicit(&slots[i].ready, memory_order_acquire)) continue;
    st = cell_for(r, slots[i].version, slots[i].epoch, &cell, err);
    if (!st) add_cell(cell, file, i, &map);
  }
  return st;
}

static mlcm_status add_process(reading *r, const mlcm__process *process, mlcm_error *err) {
  mlcm__meter_snapshot *s = r->snapshot;
  for (size_t i = 0; i < s->n_processes; i++) {
    const mlcm__process *p = &s->processes[i].process;
    if (p->pid == process->pid && p->start_ticks == process->start_ticks && strcmp(p->boot_id, process->boot_id) == 0)
      return MLCM_OK;
  }
  mlcm_status st = mlcm__reserve(r->ctx, &s->processes, &r->processes_cap, s->n_processes + 1, sizeof *s->processes, err);
  if (st) return st;
  s->processes[s->n_processes++] = (mlcm__meter_process){*process, mlcm__process_alive(r->ctx, process)};
  return MLCM_OK;
}

static mlcm_status read_file(reading *r, const mlcm__meter_file_id *id, const char *name, mlcm_error *err) {
  mlcm__meter_file file = {.map = MLCM__MAPPED_NONE};
  mlcm_status st = mlcm__meter_file_map(r->ctx, r->run_dir, name, &file, err);
  if (!st && file.map.base) {
    st = add_file(r, &file, name, err);
    if (!st) st = add_process(r, &id->process, err);
  }
  mlcm__mapped_close(r->ctx, &file.map);
  return st;
}

/* What a dead process left damaged is left out, so that it holds up nobody until the sweep: the traffic of living ones is all
 * there. The counters of a living one cannot be done without. */
static mlcm_status read_one(void *user, const char *name, mlcm_error *err) {
  reading *r = user;
  mlcm__meter_file_id id;
  mlcm_error why;
  if (!mlcm__meter_file_parse(name, &id) || id.endpoint_id != r->endpoint_id || id.unfinished) return MLCM_OK;
  mlcm_status st = read_file(r, &id, name, &why);
  if (st == MLCM_CORRUPT && !mlcm__process_alive(r->ctx, &id.process)) {
    mlcm__log(r->ctx, MLCM_LOG_WARN, "left out, its process is gone: %s", why.message);
    return MLCM_OK;
  }
  if (st && err) *err = why;
  return st;
}

/* ---- What the header offers ---------------------------------------------------------------------------------------- */

/* Lists run_dir unless it is not there. */
static mlcm_status each_file(mlcm_context *ctx, const char *run_dir,
                             mlcm_status (*visit)(void *user, const char *name, mlcm_error *err), void *user, mlcm_error *err) {
  mlcm_file_info info;
  const int bad = ctx->io.stat(ctx->io.user, run_dir, &info);
  if (bad == -ENOENT) return MLCM_OK;
  if (bad < 0) return mlcm__fail_errno(err, bad, "%s: cannot look at the folder", run_dir);
  return mlcm__list_dir(ctx, run_dir, visit, user, err);
}

mlcm_status mlcm__meter_read(mlcm_context *ctx, const char *run_dir, uint64_t endpoint_id, mlcm__meter_snapshot **out,
                             mlcm_error *err) {
  mlcm__meter_snapshot *s = mlcm__alloc_zero(ctx, 1, sizeof *s);
  if (!s) return mlcm__fail_memory(err, sizeof *s);
  s->ctx = mlcm__context_retain(ctx);
  reading r = {.ctx = ctx, .run_dir = run_dir, .endpoint_id = endpoint_id, .snapshot = s};
  mlcm_status st = each_file(ctx, run_dir, read_one, &r, err);
  if (!st)
    *out = s;
  else
    mlcm__meter_snapshot_free(s);
  return st;
}

void mlcm__meter_snapshot_free(mlcm__meter_snapshot *snapshot) {
  if (!snapshot) return;
  mlcm_context *ctx = snapshot->ctx;
  for (size_t i = 0; i < snapshot->n_cells; i++) mlcm__free(ctx, snapshot->cells[i]);
  mlcm__free(ctx, snapshot->cells);
  mlcm__free(ctx, snapshot->processes);
  mlcm__free(ctx, snapshot);
  mlcm__context_release(ctx);
}

const mlcm__meter_cell_sum *mlcm__meter_find(const mlcm__meter_snapshot *snapshot, int64_t version, uint64_t epoch) {
  const size_t at = lower_bound(snapshot, version, epoch);
  return is_cell(snapshot, at, version, epoch) ? snapshot->cells[at] : NULL;
}

int32_t mlcm__meter_find_outcome(const mlcm__meter_snapshot *snapshot, const char *name) {
  for (size_t i = 0; i < snapshot->n_outcomes; i++) {
    if (strcmp(snapshot->outcomes[i], name) == 0) return (int32_t)i;
  }
  return -1;
}

size_t mlcm__meter_n_alive(const mlcm__meter_snapshot *snapshot) {
  size_t n = 0;
  for (size_t i = 0; i < snapshot->n_processes; i++) n += snapshot->processes[i].alive;
  return n;
}

/* ---- Sweeping ------------------------------------------------------------------------------------------------------ */

typedef struct sweeping {
  mlcm_context *ctx;
  const char *run_dir;
  uint64_t endpoint_id;
  int64_t written_before_ns;
  uint64_t keep_from_epoch;
  size_t removed;
} sweeping;

/* Whether a cell of the file may still count. A file that cannot be read holds nothing that counts. */
static bool is_needed(sweeping *s, const char *name) {
  mlcm__meter_file file = {.map = MLCM__MAPPED_NONE};
  mlcm_error why;
  bool needed = false;
  if (mlcm__meter_file_map(s->ctx, s->run_dir, name, &file, &why)) {
    mlcm__log(s->ctx, MLCM_LOG_WARN, "%s: removing a meter file of a dead process that cannot be read: %s", s->run_dir,
              why.message);
    return false;
  }
  if (file.map.base) {
    const mlcm__meter_slot *slots = mlcm__meter_slots(&file);
    for (uint32_t i = 0; i < MLCM__METER_CELLS && !needed; i++) {
      needed = atomic_load_explicit(&slots[i].ready, memory_order_acquire) && slots[i].epoch >= s->keep_from_epoch;
    }
  }
  mlcm__mapped_close(s->ctx, &file.map);
  return needed;
}

/* Removes a file that is old and that nobody holds (its process may live in another pid namespace, where /proc does not show it).
 * The lock is kept until the name is gone. */
static mlcm_status remove_if_over(sweeping *s, const mlcm__meter_file_id *id, const char *name, const char *path,
                                  mlcm_error *err) {
  mlcm__mapped held = MLCM__MAPPED_NONE;
  mlcm_file_info info;
  mlcm_status st = MLCM_OK;
  const bool old = s->ctx->io.stat(s->ctx->io.user, path, &info) == 0 && info.mtime_ns < s->written_before_ns;
  if (!old || mlcm__mapped_open(s->ctx, s->run_dir, name, false, SIZE_MAX, &held, NULL)) return MLCM_OK;
  if (mlcm__mapped_lock(s->ctx, &held) && (id->unfinished || !is_needed(s, name))) {
    const int bad = s->ctx->io.unlink(s->ctx->io.user, path);
    if (bad == 0)
      s->removed++;
    else if (bad != -ENOENT) /* rarely: another sweep was faster */
      st = mlcm__fail_errno(err, bad, "%s: cannot remove", path);
  }
  mlcm__mapped_close(s->ctx, &held);
  return st;
}

static mlcm_status sweep_one(void *user, const char *name, mlcm_error *err) {
  sweeping *s = user;
  mlcm__meter_file_id id;
  char *path = NULL;
  if (!mlcm__meter_file_parse(name, &id) || id.endpoint_id != s->endpoint_id || mlcm__process_alive(s->ctx, &id.process))
    return MLCM_OK;
  mlcm_status st = mlcm__path_join(s->ctx, s->run_dir, name, &path, err);
  if (!st) st = remove_if_over(s, &id, name, path, err);
  mlcm__free(s->ctx, path);
  return st;
}

mlcm_status mlcm__meter_sweep(mlcm_context *ctx, const char *run_dir, uint64_t endpoint_id, int64_t now_wall_ns,
                              int64_t retention_ns, uint64_t keep_from_epoch, size_t *out_removed, mlcm_error *err) {
  sweeping s = {.ctx = ctx,
                .run_dir = run_dir,
                .endpoint_id = endpoint_id,
                .written_before_ns = now_wall_ns - retention_ns,
                .keep_from_epoch = keep_from_epoch};
  mlcm_status st = each_file(ctx, run_dir, sweep_one, &s, err);
  if (!st && out_removed) *out_removed = s.removed;
  return st;
}
