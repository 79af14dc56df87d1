/* SPDX-License-Identifier: Apache-2.0
 *
 * crash_log.h - everything a program does to a folder, in order: what a disk would have to keep, and when it was told to.
 *
 * A log is filled through an I/O table (the library's own files) and through SQLite's VFS at the same time. Files and folders are
 * numbered objects; names are entries in folders, so that renaming a folder moves all that is in it. Memory-mapped files (meters, the
 * writer lock's queue, SQLite's -shm) show with what was written through calls only: a crash may leave them with any content.
 */
#ifndef MLCM_TESTS_FAULT_CRASH_LOG_H
#define MLCM_TESTS_FAULT_CRASH_LOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlcm/base.h>

enum { CRASH_ROOT = 0, CRASH_MAX_FD = 4096 };

typedef enum effect_kind {
  EFFECT_ENTER,    /* `name` in folder `dir` is now object `id` (made or linked) */
  EFFECT_LEAVE,    /* `name` in folder `dir` is gone */
  EFFECT_MOVE,     /* `id` left `dir`/`name` and is now `to_dir`/`to_name`, in one */
  EFFECT_WRITE,    /* `len` bytes of object `id` at `offset` */
  EFFECT_TRUNCATE, /* object `id` now has `offset` bytes */
  EFFECT_SYNC,     /* object `id` is on the disk: its bytes, or when it is a folder its entries */
  EFFECT_ACK       /* the program was told that step `id` is done */
} effect_kind;

typedef struct effect {
  effect_kind kind;
  int id, dir, to_dir;
  int64_t offset;
  size_t len;
  uint8_t *data;
  char *name, *to_name;
} effect;

typedef struct crash_entry {
  int dir, id;
  char *name;
} crash_entry;


typedef struct crash_log {
  pthread_mutex_t lock; /* guards all below */
  mlcm_io real;
  char *root;
  bool is_deaf; /* syncs are not noted: what the test of the test needs */
  effect *effects;
  size_t n, cap;
  crash_entry *entries; /* the names as they are now */
  size_t n_entries, cap_entries;
  bool *is_dir; /* [n_objects] */
  size_t n_objects, cap_objects;
  int fds[CRASH_MAX_FD]; /* the object behind a descriptor, -1: none of ours */
} crash_log;

/* `root` is an existing empty folder, with an absolute path. */
void crash_log_begin(crash_log *log, const char *root);
mlcm_io crash_log_io(crash_log *log);  /* records, and makes the call (but for syncs: nothing of this is to survive) */
void crash_log_watch_sqlite(crash_log *log);
void crash_log_ack(crash_log *log, int step);
void crash_log_free(crash_log *log); /* SQLite is not watched any more */

#endif
