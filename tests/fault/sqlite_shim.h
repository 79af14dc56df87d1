/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_shim.h - SQLite's file calls in the test's hands: a VFS in front of the system's, the default one of the program.
 *
 *   sqlite_shim_set(&(sqlite_shim){.before = fail_the_seventh, .user = &state});   // installs the shim at the first call
 *   ...
 *   sqlite_shim_set(NULL);                                                         // everything passes through again
 *
 * Set it while no SQLite call is running. Databases opened under one setting may be used and closed under another. The shared index
 * of a log (-shm) is memory between living processes, not something a disk keeps: its calls can fail, but are not told.
 */
#ifndef MLCM_TESTS_FAULT_SQLITE_SHIM_H
#define MLCM_TESTS_FAULT_SQLITE_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum shim_call {
  SHIM_OPEN,
  SHIM_READ,
  SHIM_WRITE,
  SHIM_TRUNCATE,
  SHIM_SYNC,
  SHIM_SIZE,
  SHIM_DELETE,
  SHIM_ACCESS,
  SHIM_LOCK,
  SHIM_SHM,
  SHIM_CALLS
} shim_call;

const char *shim_call_name(shim_call call);

/* Any may be NULL. `id` is what `opened` answered for the file; negative: not to be told about. The rest is called after the call has
 * been made and has succeeded. */
typedef struct sqlite_shim {
  void *user;
  int (*before)(void *user, shim_call call); /* SQLITE_OK, or the result to answer instead of making the call */
  int (*opened)(void *user, const char *path, bool created);
  void (*wrote)(void *user, int id, int64_t offset, const void *data, size_t len);
  void (*truncated)(void *user, int id, int64_t size);
  void (*synced)(void *user, int id);
  void (*dir_synced)(void *user, const char *path); /* the folder in which `path` stands */
  void (*deleted)(void *user, const char *path);
} sqlite_shim;

/* `shim` is copied; NULL: pass through. */
void sqlite_shim_set(const sqlite_shim *shim);

#endif
