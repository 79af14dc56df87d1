/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_meter.c - any bytes as the beginning of a meter file that another process maps. The first byte says what is put right first,
 * since nobody guesses a checksum: 1 the header's, 2 the whole header, 4 those of the directory.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "metric/meter_file.h"

enum { BYTES = MLCM__METER_FIRST_CELL + MLCM__METER_CELLS * MLCM__METER_SHARD_BYTES, WRITTEN = MLCM__METER_FIRST_CELL + MLCM__METER_SHARD_BYTES };
static const char name[] = "meter-0000000000000001-0123456789abcdef0123456789abcdef-1-1-0";

static int meter_open(void *user, const char *path, int flags, uint32_t mode) {
  (void)flags, (void)mode;
  return strstr(path, name) ? dup(*(int *)user) : -ENOENT;
}

static int meter_stat(void *user, const char *path, mlcm_file_info *out) {
  (void)user, (void)path;
  *out = (mlcm_file_info){.mode = S_IFDIR | 0700};
  return 0;
}

static int meter_list(void *user, const char *path, int (*visit)(void *visit_user, const char *entry), void *visit_user) {
  (void)user, (void)path;
  return visit(visit_user, name);
}

static mlcm_context *make_context(int *fd) {
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  mlcm_context *ctx = NULL;
  mlcm_io io;
  mlcm_io_default(&io);
  io.user = fd;
  io.open = meter_open;
  io.stat = meter_stat;
  io.list = meter_list;
  options.io = &io;
  if (mlcm_context_new(&options, &ctx, NULL)) abort();
  return ctx;
}

static void put_right(unsigned char *file, unsigned what) {
  static const uint8_t no_key[16] = {0};
  mlcm__meter_header *header = (mlcm__meter_header *)(void *)file;
  mlcm__meter_slot *slots = (mlcm__meter_slot *)(void *)(file + MLCM__METER_PAGE);
  if (what & 2) {
    *header = (mlcm__meter_header){.byte_order = MLCM__METER_BYTE_ORDER, .format = MLCM__METER_FORMAT, .shards = 1,
                                   .cells = MLCM__METER_CELLS, .shard_bytes = MLCM__METER_SHARD_BYTES};
    memcpy(header->magic, MLCM__METER_MAGIC, sizeof header->magic);
  }
  if (what & 3) header->checksum = mlcm__siphash(no_key, header, offsetof(mlcm__meter_header, checksum));
  for (int i = 0; (what & 4) && i < MLCM__METER_CELLS; i++)
    slots[i].checksum = mlcm__meter_slot_checksum(slots[i].version, slots[i].epoch);
}

static void check(const mlcm__meter_snapshot *s) {
  if (s->n_cells > MLCM__METER_CELLS || s->n_outcomes > MLCM__SNAPSHOT_OUTCOMES) abort();
  for (size_t i = 0; i < s->n_outcomes; i++)
    if (!memchr(s->outcomes[i], 0, MLCM__METER_OUTCOME_NAME)) abort();
  for (size_t i = 0; i < s->n_cells; i++)
    if (mlcm__meter_find(s, s->cells[i]->version, s->cells[i]->epoch) != s->cells[i]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static int fd = -1;
  static unsigned char *file; /* mapped once, zeroed behind each input */
  mlcm__meter_snapshot *snapshot = NULL;
  mlcm_error err = {0};
  if (fd < 0) {
    fd = memfd_create("meter", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, BYTES) != 0) abort();
    file = mmap(NULL, WRITTEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) abort();
  }
  if (size < 1) return 0;
  const size_t n = size - 1 < WRITTEN ? size - 1 : WRITTEN;
  memcpy(file, data + 1, n);
  put_right(file, data[0]);
  mlcm_context *ctx = make_context(&fd);
  mlcm_status st = mlcm__meter_read(ctx, "run", 1, &snapshot, &err);
  if (!st) check(snapshot);
  else if ((st != MLCM_CORRUPT && st != MLCM_NEWER_FORMAT && st != MLCM_LIMIT) || !strstr(err.message, "meter-")) abort();
  mlcm__meter_snapshot_free(snapshot);
  mlcm_context_free(ctx);
  memset(file, 0, n > MLCM__METER_FIRST_CELL ? n : MLCM__METER_FIRST_CELL);
  return 0;
}
