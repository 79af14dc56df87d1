/* SPDX-License-Identifier: Apache-2.0
 *
 * meter_file.c - meter files by name: made, taken up again, mapped for reading, judged. Counting is in meter.c, summing in
 * meter_read.c.
 */
#include "metric/meter_file.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static const uint8_t no_key[16] = {0};

/* ---- Names: meter-<endpoint, 16 hex>-<boot id, 32 hex>-<pid>-<start ticks>-<number> --------------------------------- */

void mlcm__meter_file_name(const mlcm__meter_file_id *id, char out[MLCM__METER_FILE_NAME]) {
  const int n = snprintf(out, MLCM__METER_FILE_NAME, "meter-%016" PRIx64 "-%s-%" PRId64 "-%" PRIu64 "-%" PRIu32, id->endpoint_id,
                         id->process.boot_id, id->process.pid, id->process.start_ticks, id->number);
  assert(n > 0 && n < MLCM__METER_FILE_NAME);
  (void)n;
}

bool mlcm__meter_file_parse(const char *name, mlcm__meter_file_id *out) {
  mlcm__meter_file_id id = {0};
  char again[MLCM__METER_FILE_NAME];
  if (sscanf(name, "meter-%16" SCNx64 "-%32[0-9a-f]-%" SCNd64 "-%" SCNu64 "-%" SCNu32, &id.endpoint_id, id.process.boot_id,
             &id.process.pid, &id.process.start_ticks, &id.number) != 5) {
    return false;
  }
  mlcm__meter_file_name(&id, again); /* one spelling a file: what sscanf was lenient about differs here */
  const size_t n = strlen(again);
  if (strncmp(name, again, n) != 0) return false;
  id.unfinished = strncmp(name + n, MLCM__MAPPED_UNFINISHED, strlen(MLCM__MAPPED_UNFINISHED)) == 0;
  if (name[n] && !id.unfinished) return false;
  *out = id;
  return true;
}

/* ---- Header -------------------------------------------------------------------------------------------------------- */

static uint64_t header_checksum(const mlcm__meter_header *h) {
  return mlcm__siphash(no_key, h, offsetof(mlcm__meter_header, checksum));
}

uint64_t mlcm__meter_slot_checksum(int64_t version, uint64_t epoch) {
  const uint64_t key[2] = {(uint64_t)version, epoch};
  return mlcm__siphash(no_key, key, sizeof key);
}

static size_t file_bytes(uint32_t shards) {
  return MLCM__METER_FIRST_CELL + (size_t)MLCM__METER_CELLS * shards * MLCM__METER_SHARD_BYTES;
}

static mlcm__meter_header header_of(const mlcm__meter_file_id *id, uint32_t shards, int64_t wall_ns) {
  mlcm__meter_header h = {
      .byte_order = MLCM__METER_BYTE_ORDER,
      .format = MLCM__METER_FORMAT,
      .shards = shards,
      .cells = MLCM__METER_CELLS,
      .shard_bytes = MLCM__METER_SHARD_BYTES,
      .number = id->number,
      .endpoint_id = id->endpoint_id,
      .pid = id->process.pid,
      .start_ticks = id->process.start_ticks,
      .created_wall_ns = wall_ns,
  };
  memcpy(h.magic, MLCM__METER_MAGIC, sizeof h.magic);
  memcpy(h.boot_id, id->process.boot_id, sizeof h.boot_id);
  h.checksum = header_checksum(&h);
  return h;
}

/* A name appears with its header complete; but after a power failure the name may be there and the bytes not. */
static bool never_finished(const mlcm__mapped *m) {
  static const mlcm__meter_header zero;
  return !m->base || memcmp(m->base, &zero, sizeof zero) == 0;
}

static mlcm_status check_header(const mlcm__mapped *m, const char *name, mlcm_error *err) {
  mlcm__meter_header h;
  memcpy(&h, m->base, sizeof h);
  if (memcmp(h.magic, MLCM__METER_MAGIC, sizeof h.magic) != 0) {
    return mlcm__fail(err, MLCM_CORRUPT, "%s: is not a meter file: it does not begin with '" MLCM__METER_MAGIC "'; move it away",
                      name);
  }
  if (h.byte_order != MLCM__METER_BYTE_ORDER) {
    return mlcm__fail(err, MLCM_CORRUPT, "%s: was written by a machine of another byte order; move it away", name);
  }
  if (h.checksum != header_checksum(&h)) {
    return mlcm__fail(err, MLCM_CORRUPT,
                      "%s: the header changed: its checksum is %016" PRIx64 ", it says %016" PRIx64 "; move it away", name,
                      header_checksum(&h), h.checksum);
  }
  if (h.format > MLCM__METER_FORMAT) {
    return mlcm__fail(err, MLCM_NEWER_FORMAT, "%s: has format %" PRIu32 ", this library reads up to %d; update it", name,
                      h.format, MLCM__METER_FORMAT);
  }
  if (h.shards == 0 || h.shards > MLCM__METER_MAX_SHARDS || (h.shards & (h.shards - 1)) != 0) {
    return mlcm__fail(err, MLCM_CORRUPT, "%s: its header says %" PRIu32 " shards, not 1, 2, 4, 8 or %d; move it away", name,
                      h.shards, MLCM__METER_MAX_SHARDS);
  }
  const bool fits = h.cells == MLCM__METER_CELLS && h.shard_bytes == MLCM__METER_SHARD_BYTES;
  if (!fits || m->size_bytes != file_bytes(h.shards)) {
    return mlcm__fail(err, MLCM_CORRUPT,
                      "%s: has %zu bytes, its header says %" PRIu32 " cells of %" PRIu32 " shards of %" PRIu32
                      " bytes; move it away",
                      name, m->size_bytes, h.cells, h.shards, h.shard_bytes);
  }
  return MLCM_OK;
}

static mlcm__meter_file file_of(const mlcm__mapped *m) {
  mlcm__meter_header h;
  memcpy(&h, m->base, sizeof h);
  return (mlcm__meter_file){.map = *m, .shards = h.shards, .number = h.number};
}

/* ---- Taking up or making ------------------------------------------------------------------------------------------- */

/* Takes up the file of that name when it is there and free. MLCM_NOT_FOUND: none; MLCM_BUSY: another handle has it. */
static mlcm_status take_up(mlcm_context *ctx, const char *run_dir, const char *name, mlcm__meter_file *out, mlcm_error *err) {
  mlcm__mapped m = MLCM__MAPPED_NONE;
  mlcm_status st = mlcm__mapped_open(ctx, run_dir, name, true, MLCM__METER_FIRST_CELL, &m, err);
  if (st) return st;
  if (!mlcm__mapped_lock(ctx, &m))
    st = MLCM_BUSY;
  else if (never_finished(&m))
    st = mlcm__fail(err, MLCM_CORRUPT, "%s: has no header; move it away", name);
  else
    st = check_header(&m, name, err);
  if (!st) {
    *out = file_of(&m);
    return MLCM_OK;
  }
  mlcm__mapped_close(ctx, &m);
  return st;
}

static mlcm_status make(mlcm_context *ctx, const char *run_dir, const mlcm__meter_file_id *id, const char *name, uint32_t shards,
                        mlcm__meter_file *out, mlcm_error *err) {
  const mlcm__meter_header header = header_of(id, shards, mlcm__wall_ns(ctx));
  const mlcm__mapped_spec spec = {
      .run_dir = run_dir,
      .name = name,
      .header = &header,
      .header_bytes = sizeof header,
      .size_bytes = file_bytes(shards),
      .reserve_bytes = MLCM__METER_FIRST_CELL,
      .lock = true,
  };
  mlcm__mapped m = MLCM__MAPPED_NONE;
  mlcm_status st = mlcm__mapped_make(ctx, &spec, &m, err);
  if (!st) *out = file_of(&m);
  return st;
}

mlcm_status mlcm__meter_file_take(mlcm_context *ctx, const char *run_dir, const mlcm__meter_file_id *id, uint32_t shards,
                                  mlcm__meter_file *out, mlcm_error *err) {
  /* A number is busy while another handle of this process has it; more handles than this are a leak of the host's. */
  enum { MOST_NUMBERS = 100000 };
  mlcm__meter_file_id next = *id;
  mlcm_error why;
  while (next.number < MOST_NUMBERS) {
    char name[MLCM__METER_FILE_NAME];
    mlcm__meter_file_name(&next, name);
    mlcm_status st = take_up(ctx, run_dir, name, out, &why);
    if (st == MLCM_NOT_FOUND) st = make(ctx, run_dir, &next, name, shards, out, &why);
    if (st == MLCM_ALREADY_EXISTS) continue; /* another handle was faster: look at that file */
    if (st == MLCM_OK) return MLCM_OK;
    if (st != MLCM_BUSY) {
      if (err) *err = why;
      return st;
    }
    next.number++;
  }
  return mlcm__fail(err, MLCM_LIMIT, "%s: this process has %d meter files of one endpoint open; close handles", run_dir,
                    MOST_NUMBERS);
}

mlcm_status mlcm__meter_file_reserve(const mlcm__meter_file *file, uint32_t slot, mlcm_error *err) {
  const size_t bytes = (size_t)file->shards * MLCM__METER_SHARD_BYTES;
  return mlcm__mapped_reserve(&file->map, MLCM__METER_FIRST_CELL + slot * bytes, bytes, "meter cell", err);
}

mlcm_status mlcm__meter_file_map(mlcm_context *ctx, const char *run_dir, const char *name, mlcm__meter_file *out,
                                 mlcm_error *err) {
  mlcm__mapped m = MLCM__MAPPED_NONE;
  const mlcm__meter_file none = {.map = MLCM__MAPPED_NONE};
  mlcm_status st = mlcm__mapped_open(ctx, run_dir, name, false, MLCM__METER_FIRST_CELL, &m, err);
  /* rarely: swept since the folder was listed */
  if (st == MLCM_NOT_FOUND) {
    *out = none;
    return MLCM_OK;
  }
  if (st) return st;
  if (never_finished(&m)) {
    mlcm__log(ctx, MLCM_LOG_WARN, "%s/%s: was never finished, left out", run_dir, name);
    mlcm__mapped_close(ctx, &m);
    *out = none;
    return MLCM_OK;
  }
  st = check_header(&m, name, err);
  if (!st)
    *out = file_of(&m);
  else
    mlcm__mapped_close(ctx, &m);
  return st;
}
