/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_shim.c - see sqlite_shim.h. Each file is a small header in front of the system VFS's own file.
 *
 * The system's VFS syncs the folder of a new journal or log along with its first sync, inside that call; the shim tells of it in the
 * same place.
 */
#include "sqlite_shim.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sqlite3_vfs *below; /* the system's */
static sqlite3_vfs above;
static sqlite_shim now;

typedef struct shim_file {
  sqlite3_file base;
  int id;
  bool syncs_dir; /* the next sync is the first of a new journal or log */
  const char *path;
  sqlite3_file *real;
} shim_file;

static sqlite3_file *real_of(sqlite3_file *file) { return ((shim_file *)file)->real; }

static int before(shim_call call) { return now.before ? now.before(now.user, call) : SQLITE_OK; }

const char *shim_call_name(shim_call call) {
  static const char *const names[] = {"open", "read", "write", "truncate", "sync", "size", "delete", "access", "lock", "shared index"};
  return call < SHIM_CALLS ? names[call] : "nothing";
}

/* ---- files ---- */

static int file_close(sqlite3_file *file) {
  sqlite3_file *real = real_of(file);
  return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at) {
  const int bad = before(SHIM_READ);
  return bad ? bad : real_of(file)->pMethods->xRead(real_of(file), out, len, at);
}

static int file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at) {
  const shim_file *f = (shim_file *)file;
  int rc = before(SHIM_WRITE);
  if (!rc) rc = f->real->pMethods->xWrite(f->real, data, len, at);
  if (!rc && f->id >= 0 && now.wrote) now.wrote(now.user, f->id, at, data, (size_t)len);
  return rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  const shim_file *f = (shim_file *)file;
  int rc = before(SHIM_TRUNCATE);
  if (!rc) rc = f->real->pMethods->xTruncate(f->real, size);
  if (!rc && f->id >= 0 && now.truncated) now.truncated(now.user, f->id, size);
  return rc;
}

static int file_sync(sqlite3_file *file, int flags) {
  shim_file *f = (shim_file *)file;
  int rc = before(SHIM_SYNC);
  if (!rc) rc = f->real->pMethods->xSync(f->real, flags);
  if (rc || f->id < 0) return rc;
  if (now.synced) now.synced(now.user, f->id);
  if (f->syncs_dir && now.dir_synced) now.dir_synced(now.user, f->path);
  f->syncs_dir = false;
  return rc;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out) {
  const int bad = before(SHIM_SIZE);
  return bad ? bad : real_of(file)->pMethods->xFileSize(real_of(file), out);
}

static int file_lock(sqlite3_file *file, int level) {
  const int bad = before(SHIM_LOCK);
  return bad ? bad : real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xUnlock(real_of(file), level); }

static int file_check_lock(sqlite3_file *file, int *out) { return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out); }

static int file_control(sqlite3_file *file, int op, void *arg) { return real_of(file)->pMethods->xFileControl(real_of(file), op, arg); }

static int file_sector(sqlite3_file *file) { return real_of(file)->pMethods->xSectorSize(real_of(file)); }

static int file_device(sqlite3_file *file) { return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file)); }

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out) {
  const int bad = before(SHIM_SHM);
  return bad ? bad : real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, out);
}

static int shm_lock(sqlite3_file *file, int at, int n, int flags) {
  const int bad = flags & SQLITE_SHM_UNLOCK ? SQLITE_OK : before(SHIM_SHM);
  return bad ? bad : real_of(file)->pMethods->xShmLock(real_of(file), at, n, flags);
}

static void shm_barrier(sqlite3_file *file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }

static int shm_unmap(sqlite3_file *file, int delete_it) { return real_of(file)->pMethods->xShmUnmap(real_of(file), delete_it); }

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* ---- the file system ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags) {
  shim_file *f = (shim_file *)file;
  (void)vfs;
  memset(f, 0, sizeof *f);
  f->id = -1;
  f->path = path; /* SQLite keeps it as long as the file is open */
  f->real = (sqlite3_file *)(f + 1);
  const bool created = path && (flags & SQLITE_OPEN_CREATE) && access(path, F_OK) != 0;
  int rc = before(SHIM_OPEN);
  if (!rc) rc = below->xOpen(below, path, f->real, flags, out_flags);
  if (rc) return rc; /* without methods: SQLite will not close it */
  f->base.pMethods = &methods;
  if (path && now.opened) f->id = now.opened(now.user, path, created);
  f->syncs_dir = created && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_dir) {
  (void)vfs;
  int rc = before(SHIM_DELETE);
  if (!rc) rc = below->xDelete(below, path, sync_dir);
  if (rc) return rc;
  if (now.deleted) now.deleted(now.user, path);
  if (sync_dir && now.dir_synced) now.dir_synced(now.user, path);
  return rc;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out) {
  (void)vfs;
  const int bad = before(SHIM_ACCESS);
  return bad ? bad : below->xAccess(below, path, flags, out);
}

void sqlite_shim_set(const sqlite_shim *shim) {
  static const sqlite_shim none;
  now = shim ? *shim : none;
  if (below) return;
  below = sqlite3_vfs_find(NULL);
  if (!below) abort();
  above = *below;
  above.zName = "shim";
  above.pNext = NULL;
  above.szOsFile = (int)sizeof(shim_file) + below->szOsFile;
  above.xOpen = vfs_open;
  above.xDelete = vfs_delete;
  above.xAccess = vfs_access;
  if (sqlite3_vfs_register(&above, 1) != SQLITE_OK) abort();
}
