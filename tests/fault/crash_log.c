/* SPDX-License-Identifier: Apache-2.0
 *
 * crash_log.c - see crash_log.h. A call is made first and noted when it succeeded.
 */
#include "crash_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite_shim.h"

/* Tests die when the host has no memory. */
static void *grow(void *items, size_t n, size_t *cap, size_t size) {
  if (n < *cap) return items;
  *cap = *cap ? 2 * *cap : 64;
  items = realloc(items, *cap * size);
  if (!items) abort();
  return items;
}

static char *copy_text(const char *text, size_t len) {
  char *copy = strndup(text, len);
  if (!copy) abort();
  return copy;
}

static effect *note(crash_log *log, effect_kind kind, int id) {
  log->effects = grow(log->effects, log->n, &log->cap, sizeof *log->effects);
  effect *e = &log->effects[log->n++];
  memset(e, 0, sizeof *e);
  e->kind = kind;
  e->id = id;
  return e;
}

static void note_sync(crash_log *log, int id) {
  if (!log->is_deaf) note(log, EFFECT_SYNC, id);
}

/* ---- names ---- */

static crash_entry *find(crash_log *log, int dir, const char *name, size_t len) {
  for (size_t i = 0; i < log->n_entries; i++) {
    crash_entry *e = &log->entries[i];
    if (e->dir == dir && strlen(e->name) == len && memcmp(e->name, name, len) == 0) return e;
  }
  return NULL;
}

/* Takes a path apart: *dir is the folder, the result the last name in it; NULL when it is not under the root or its folder not known. */
static const char *split(crash_log *log, const char *path, int *dir) {
  const size_t n_root = strlen(log->root);
  if (strncmp(path, log->root, n_root) != 0 || path[n_root] != '/') return NULL;
  const char *at = path + n_root + 1;
  *dir = CRASH_ROOT;
  for (const char *slash = strchr(at, '/'); slash; at = slash + 1, slash = strchr(at, '/')) {
    const crash_entry *e = find(log, *dir, at, (size_t)(slash - at));
    if (!e) return NULL;
    *dir = e->id;
  }
  return at;
}

/* The object of a path, -1 for none. */
static int object_of(crash_log *log, const char *path) {
  int dir = 0;
  if (strcmp(path, log->root) == 0) return CRASH_ROOT;
  const char *name = split(log, path, &dir);
  const crash_entry *e = name ? find(log, dir, name, strlen(name)) : NULL;
  return e ? e->id : -1;
}

static int new_object(crash_log *log, bool is_dir) {
  log->is_dir = grow(log->is_dir, log->n_objects, &log->cap_objects, sizeof *log->is_dir);
  log->is_dir[log->n_objects] = is_dir;
  return (int)log->n_objects++;
}

static void enter_quietly(crash_log *log, int dir, const char *name, int id) {
  crash_entry *e = find(log, dir, name, strlen(name));
  if (!e) {
    log->entries = grow(log->entries, log->n_entries, &log->cap_entries, sizeof *log->entries);
    e = &log->entries[log->n_entries++];
    e->dir = dir;
    e->name = copy_text(name, strlen(name));
  }
  e->id = id;
}

static void leave_quietly(crash_log *log, int dir, const char *name) {
  crash_entry *e = find(log, dir, name, strlen(name));
  if (!e) return;
  free(e->name);
  *e = log->entries[--log->n_entries];
}

static int enter(crash_log *log, const char *path, int id) {
  int dir = 0;
  const char *name = split(log, path, &dir);
  if (!name) return -1;
  effect *e = note(log, EFFECT_ENTER, id);
  e->dir = dir;
  e->name = copy_text(name, strlen(name));
  enter_quietly(log, dir, name, id);
  return id;
}

static void leave(crash_log *log, const char *path) {
  int dir = 0;
  const char *name = split(log, path, &dir);
  if (!name) return;
  effect *e = note(log, EFFECT_LEAVE, object_of(log, path));
  e->dir = dir;
  e->name = copy_text(name, strlen(name));
  leave_quietly(log, dir, name);
}

static void move(crash_log *log, const char *from, const char *to) {
  int dir = 0, to_dir = 0;
  const int id = object_of(log, from);
  const char *name = split(log, from, &dir), *to_name = split(log, to, &to_dir);
  if (id < 0 || !name || !to_name) return;
  effect *e = note(log, EFFECT_MOVE, id);
  e->dir = dir;
  e->name = copy_text(name, strlen(name));
  e->to_dir = to_dir;
  e->to_name = copy_text(to_name, strlen(to_name));
  leave_quietly(log, dir, name);
  enter_quietly(log, to_dir, to_name, id);
}

static void write_to(crash_log *log, int id, int64_t offset, const void *data, size_t len) {
  effect *e = note(log, EFFECT_WRITE, id);
  e->offset = offset;
  e->len = len;
  e->data = malloc(len ? len : 1);
  if (!e->data) abort();
  memcpy(e->data, data, len);
}

/* ---- the library's I/O table ---- */

static int *slot(crash_log *log, int fd) { return fd >= 0 && fd < CRASH_MAX_FD ? &log->fds[fd] : NULL; }

static int io_open(void *user, const char *path, int flags, uint32_t mode) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const bool is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
  const int fd = log->real.open(log->real.user, path, flags, mode);
  int *s = slot(log, fd);
  if (s) {
    *s = is_new ? enter(log, path, new_object(log, false)) : object_of(log, path);
    if (*s >= 0 && (flags & O_TRUNC) && !is_new) note(log, EFFECT_TRUNCATE, *s);
  }
  pthread_mutex_unlock(&log->lock);
  return fd;
}

static int io_close(void *user, int fd) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  int *s = slot(log, fd);
  if (s) *s = -1;
  const int rc = log->real.close(log->real.user, fd);
  pthread_mutex_unlock(&log->lock);
  return rc;
}

static int64_t io_read(void *user, int fd, void *out, size_t size_bytes) {
  crash_log *log = user;
  return log->real.read(log->real.user, fd, out, size_bytes);
}

/* Where a descriptor stands is asked of the system: others may have moved it. */
static int64_t io_write(void *user, int fd, const void *data, size_t size_bytes) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const int *s = slot(log, fd);
  const int64_t n = log->real.write(log->real.user, fd, data, size_bytes);
  if (n > 0 && s && *s >= 0) write_to(log, *s, lseek(fd, 0, SEEK_CUR) - n, data, (size_t)n);
  pthread_mutex_unlock(&log->lock);
  return n;
}

static int io_sync(void *user, int fd) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const int *s = slot(log, fd);
  if (s && *s >= 0) note_sync(log, *s);
  pthread_mutex_unlock(&log->lock);
  return 0;
}

static int io_link(void *user, const char *from, const char *to) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const int rc = log->real.link(log->real.user, from, to);
  if (rc >= 0) enter(log, to, object_of(log, from));
  pthread_mutex_unlock(&log->lock);
  return rc;
}

static int io_rename(void *user, const char *from, const char *to) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const int rc = log->real.rename(log->real.user, from, to);
  if (rc >= 0) move(log, from, to);
  pthread_mutex_unlock(&log->lock);
  return rc;
}

static int io_unlink(void *user, const char *path) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const int rc = log->real.unlink(log->real.user, path);
  if (rc >= 0) leave(log, path);
  pthread_mutex_unlock(&log->lock);
  return rc;
}

static int io_mkdir(void *user, const char *path, uint32_t mode) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const int rc = log->real.mkdir(log->real.user, path, mode);
  if (rc >= 0) enter(log, path, new_object(log, true));
  pthread_mutex_unlock(&log->lock);
  return rc;
}

static int io_rmdir(void *user, const char *path) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const int rc = log->real.rmdir(log->real.user, path);
  if (rc >= 0) leave(log, path);
  pthread_mutex_unlock(&log->lock);
  return rc;
}

/* stat, fstat and list have nothing to remember, but get the log as their user. */
static int io_stat(void *user, const char *path, mlcm_file_info *out) {
  crash_log *log = user;
  return log->real.stat(log->real.user, path, out);
}

static int io_fstat(void *user, int fd, mlcm_file_info *out) {
  crash_log *log = user;
  return log->real.fstat(log->real.user, fd, out);
}

static int io_list(void *user, const char *path, int (*visit)(void *visit_user, const char *name), void *visit_user) {
  crash_log *log = user;
  return log->real.list(log->real.user, path, visit, visit_user);
}

mlcm_io crash_log_io(crash_log *log) {
  return (mlcm_io){.struct_size = sizeof(mlcm_io),
                   .user = log,
                   .open = io_open,
                   .close = io_close,
                   .read = io_read,
                   .write = io_write,
                   .sync = io_sync,
                   .stat = io_stat,
                   .fstat = io_fstat,
                   .link = io_link,
                   .rename = io_rename,
                   .unlink = io_unlink,
                   .mkdir = io_mkdir,
                   .rmdir = io_rmdir,
                   .list = io_list};
}

/* ---- SQLite ---- */

static int db_opened(void *user, const char *path, bool created) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  const int id = created ? enter(log, path, new_object(log, false)) : object_of(log, path);
  pthread_mutex_unlock(&log->lock);
  return id;
}

static void db_wrote(void *user, int id, int64_t offset, const void *data, size_t len) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  write_to(log, id, offset, data, len);
  pthread_mutex_unlock(&log->lock);
}

static void db_truncated(void *user, int id, int64_t size) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  note(log, EFFECT_TRUNCATE, id)->offset = size;
  pthread_mutex_unlock(&log->lock);
}

static void db_synced(void *user, int id) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  note_sync(log, id);
  pthread_mutex_unlock(&log->lock);
}

static void db_dir_synced(void *user, const char *path) {
  crash_log *log = user;
  int dir = 0;
  pthread_mutex_lock(&log->lock);
  if (split(log, path, &dir)) note_sync(log, dir);
  pthread_mutex_unlock(&log->lock);
}

static void db_deleted(void *user, const char *path) {
  crash_log *log = user;
  pthread_mutex_lock(&log->lock);
  leave(log, path);
  pthread_mutex_unlock(&log->lock);
}

void crash_log_watch_sqlite(crash_log *log) {
  sqlite_shim_set(&(sqlite_shim){.user = log,
                                 .opened = db_opened,
                                 .wrote = db_wrote,
                                 .truncated = db_truncated,
                                 .synced = db_synced,
                                 .dir_synced = db_dir_synced,
                                 .deleted = db_deleted});
}

/* ---- the whole ---- */

void crash_log_begin(crash_log *log, const char *root) {
  memset(log, 0, sizeof *log);
  pthread_mutex_init(&log->lock, NULL);
  mlcm_io_default(&log->real);
  log->root = copy_text(root, strlen(root));
  for (size_t i = 0; i < CRASH_MAX_FD; i++) log->fds[i] = -1;
  new_object(log, true); /* the root */
}

void crash_log_ack(crash_log *log, int step) {
  pthread_mutex_lock(&log->lock);
  note(log, EFFECT_ACK, step);
  pthread_mutex_unlock(&log->lock);
}

void crash_log_free(crash_log *log) {
  sqlite_shim_set(NULL);
  for (size_t i = 0; i < log->n; i++) {
    free(log->effects[i].data);
    free(log->effects[i].name);
    free(log->effects[i].to_name);
  }
  for (size_t i = 0; i < log->n_entries; i++) free(log->entries[i].name);
  free(log->effects);
  free(log->entries);
  free(log->is_dir);
  free(log->root);
  pthread_mutex_destroy(&log->lock);
}
