/* SPDX-License-Identifier: Apache-2.0
 *
 * crash_disk.c - see crash_disk.h.
 */
#include "crash_disk.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, MAX_DEPTH = 32 };

typedef struct disk_file {
  uint8_t *data;
  size_t len, cap;
} disk_file;

typedef struct disk_name {
  int dir, id;
  const char *name; /* of the log */
} disk_name;

struct crash_disk {
  const crash_log *log;
  disk_file *files; /* [n_objects] */
  disk_name *names;
  size_t n_names;
  uint64_t random;
};

const char *crash_mode_name(crash_mode mode) {
  static const char *const names[] = {"kept", "lost", "names only", "bytes only", "torn", "reordered"};
  return mode < CRASH_MODES ? names[mode] : "unknown";
}

/* SplitMix64. */
static uint64_t draw(crash_disk *disk) {
  uint64_t z = (disk->random += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static bool coin(crash_disk *disk) { return draw(disk) & 1; }

/* ---- names ---- */

static disk_name *find(crash_disk *disk, int dir, const char *name) {
  for (size_t i = 0; i < disk->n_names; i++)
    if (disk->names[i].dir == dir && strcmp(disk->names[i].name, name) == 0) return &disk->names[i];
  return NULL;
}

static void enter(crash_disk *disk, int dir, const char *name, int id) {
  disk_name *at = find(disk, dir, name);
  if (!at) at = &disk->names[disk->n_names++];
  *at = (disk_name){dir, id, name};
}

/* Only that object: another may have taken the name's place when effects between were lost. */
static void leave(crash_disk *disk, int dir, const char *name, int id) {
  disk_name *at = find(disk, dir, name);
  if (at && at->id == id) *at = disk->names[--disk->n_names];
}

static void change_name(crash_disk *disk, const effect *e) {
  if (e->kind != EFFECT_ENTER) leave(disk, e->dir, e->name, e->id);
  if (e->kind == EFFECT_ENTER) enter(disk, e->dir, e->name, e->id);
  if (e->kind == EFFECT_MOVE) enter(disk, e->to_dir, e->to_name, e->id);
}

/* ---- bytes ---- */

static void reach(disk_file *f, size_t len) {
  if (len > f->cap) {
    f->cap = 2 * len;
    f->data = realloc(f->data, f->cap);
    if (!f->data) abort();
  }
  if (len > f->len) {
    memset(f->data + f->len, 0, len - f->len);
    f->len = len;
  }
}

static void write_all(disk_file *f, const effect *e) {
  reach(f, (size_t)e->offset + e->len);
  memcpy(f->data + e->offset, e->data, e->len);
}

/* The file's length is as after the write; which of the sectors hold it is chance. */
static void write_some(crash_disk *disk, disk_file *f, const effect *e) {
  if (e->len == 0) return;
  reach(f, (size_t)e->offset + e->len);
  for (size_t at = 0; at < e->len;) {
    const size_t sector_end = ((size_t)e->offset + at) / SECTOR * SECTOR + SECTOR - (size_t)e->offset;
    const size_t n = (sector_end < e->len ? sector_end : e->len) - at;
    if (coin(disk)) memcpy(f->data + (size_t)e->offset + at, e->data + at, n);
    at += n;
  }
}

static void truncate_to(disk_file *f, size_t len) {
  reach(f, len);
  f->len = len;
}

static void change_bytes(disk_file *f, const effect *e) {
  if (e->kind == EFFECT_WRITE) write_all(f, e);
  if (e->kind == EFFECT_TRUNCATE) truncate_to(f, (size_t)e->offset);
}

/* ---- what is safe, and what becomes of the rest ---- */

static bool is_name(const effect *e) { return e->kind == EFFECT_ENTER || e->kind == EFFECT_LEAVE || e->kind == EFFECT_MOVE; }

static bool is_bytes(const effect *e) { return e->kind == EFFECT_WRITE || e->kind == EFFECT_TRUNCATE; }

/* The object whose sync makes an effect safe. */
static int guard_of(const effect *e) { return is_bytes(e) ? e->id : e->kind == EFFECT_MOVE ? e->to_dir : e->dir; }

/* For each object: effects before synced[id] are safe; of those after it the first until[id] survive a torn crash. */
typedef struct horizon {
  size_t *synced, *until, *pending;
} horizon;

static void look_ahead(crash_disk *disk, size_t n, horizon *h, size_t *out_pending) {
  const crash_log *log = disk->log;
  *out_pending = 0;
  for (size_t i = 0; i < n; i++)
    if (log->effects[i].kind == EFFECT_SYNC) h->synced[log->effects[i].id] = i;
  for (size_t i = 0; i < n; i++) {
    const effect *e = &log->effects[i];
    if (!(is_name(e) || is_bytes(e)) || i < h->synced[guard_of(e)]) continue;
    h->pending[guard_of(e)]++;
    ++*out_pending;
  }
  for (size_t i = 0; i < log->n_objects; i++) h->until[i] = draw(disk) % (h->pending[i] + 1);
}

/* An effect that no sync covered. `number`: it is the so many-th of its object. */
static void meet(crash_disk *disk, const effect *e, crash_mode mode, size_t number, size_t until) {
  disk_file *f = &disk->files[e->id < 0 ? 0 : e->id];
  const bool is_whole = mode == CRASH_KEPT || (mode == CRASH_NAMES && is_name(e)) || (mode == CRASH_BYTES && is_bytes(e)) ||
                        (mode == CRASH_TORN && number < until);
  if (is_name(e)) {
    if (is_whole || (mode == CRASH_REORDERED && coin(disk))) change_name(disk, e);
  } else if (is_whole || (mode == CRASH_REORDERED && e->kind == EFFECT_TRUNCATE && coin(disk))) {
    change_bytes(f, e);
  } else if (e->kind == EFFECT_WRITE && ((mode == CRASH_REORDERED && draw(disk) % 4) || (mode == CRASH_TORN && number == until))) {
    write_some(disk, f, e);
  }
}

static void *zeroed(size_t n, size_t size) {
  void *items = calloc(n ? n : 1, size);
  if (!items) abort();
  return items;
}

crash_disk *crash_disk_after(const crash_log *log, size_t n, crash_mode mode, uint64_t seed, size_t *out_pending) {
  crash_disk *disk = zeroed(1, sizeof *disk);
  disk->log = log;
  disk->random = seed;
  disk->files = zeroed(log->n_objects, sizeof *disk->files);
  disk->names = zeroed(n + 1, sizeof *disk->names);
  horizon h = {zeroed(log->n_objects, sizeof(size_t)), zeroed(log->n_objects, sizeof(size_t)), zeroed(log->n_objects, sizeof(size_t))};
  size_t *met = zeroed(log->n_objects, sizeof(size_t));
  look_ahead(disk, n, &h, out_pending);
  for (size_t i = 0; i < n; i++) {
    const effect *e = &log->effects[i];
    if (!is_name(e) && !is_bytes(e)) continue;
    const int guard = guard_of(e);
    if (i >= h.synced[guard]) meet(disk, e, mode, met[guard]++, h.until[guard]);
    else if (is_name(e)) change_name(disk, e);
    else change_bytes(&disk->files[e->id], e);
  }
  free(met);
  free(h.synced);
  free(h.until);
  free(h.pending);
  return disk;
}

/* ---- out of it ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t len) {
  const uint8_t *at = data;
  for (size_t i = 0; i < len; i++) hash = (hash ^ at[i]) * 0x100000001B3u;
  return hash;
}

/* The names' order in the array is no part of the state, so that their hashes are added. */
uint64_t crash_disk_hash(const crash_disk *disk) {
  uint64_t sum = 0;
  for (size_t i = 0; i < disk->n_names; i++) {
    const disk_name *at = &disk->names[i];
    uint64_t hash = mix(0xCBF29CE484222325u, &at->dir, sizeof at->dir);
    hash = mix(hash, &at->id, sizeof at->id);
    hash = mix(hash, at->name, strlen(at->name));
    const disk_file *f = &disk->files[at->id];
    sum += mix(hash, f->data, f->len) ^ f->len;
  }
  return sum;
}

static void write_out(const disk_file *f, int dir_fd, const char *name) {
  const int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  ck_assert_int_ge(fd, 0);
  for (size_t at = 0; at < f->len;) {
    const ssize_t n = write(fd, f->data + at, f->len - at);
    ck_assert_int_gt(n, 0);
    at += (size_t)n;
  }
  close(fd);
}

static void lay_out(const crash_disk *disk, int id, int dir_fd, int depth) {
  ck_assert_int_lt(depth, MAX_DEPTH);
  for (size_t i = 0; i < disk->n_names; i++) {
    const disk_name *at = &disk->names[i];
    if (at->dir != id) continue;
    if (!disk->log->is_dir[at->id]) {
      write_out(&disk->files[at->id], dir_fd, at->name);
      continue;
    }
    ck_assert_int_eq(mkdirat(dir_fd, at->name, 0755), 0);
    const int inner = openat(dir_fd, at->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(inner, 0);
    lay_out(disk, at->id, inner, depth + 1);
    close(inner);
  }
}

void crash_disk_lay_out(const crash_disk *disk, const char *folder) {
  const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  lay_out(disk, CRASH_ROOT, fd, 0);
  close(fd);
}

void crash_disk_free(crash_disk *disk) {
  for (size_t i = 0; i < disk->log->n_objects; i++) free(disk->files[i].data);
  free(disk->files);
  free(disk->names);
  free(disk);
}
