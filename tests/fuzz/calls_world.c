/* SPDX-License-Identifier: Apache-2.0
 *
 * calls_world.c - see calls_world.h. What takes time (the 256 folders of objects, the schema) is made once; an input costs a copy of the
 * database and the removal of what the input before it left behind.
 */
#include "calls_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "calls_heap.h"

#define START_NS (INT64_C(2000000000) * TEST_SECOND_NS) /* in 2033: every file is older than any grace */

/* Two files that are all there is to put back, as they were. */
typedef struct kept {
  char path[CALLS_PATH + 16];
  char *data;
  size_t len;
} kept;

static char scratch[CALLS_PATH - 32];
static kept database, head;

void calls_violation(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("\nviolation: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  abort();
}

static void must(int ok, const char *what) {
  if (!ok) calls_violation("the disk does not play: %s", what);
}

/* ---- files ---- */

static void write_file(const char *path, const void *data, size_t len) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  must(fd >= 0 && write(fd, data, len) == (ssize_t)len && close(fd) == 0, path);
}

static void keep(kept *file, const char *dir, const char *name) {
  struct stat st;
  snprintf(file->path, sizeof file->path, "%s/%s", dir, name);
  const int fd = open(file->path, O_RDONLY | O_CLOEXEC);
  must(fd >= 0 && fstat(fd, &st) == 0, file->path);
  file->len = (size_t)st.st_size;
  file->data = malloc(file->len);
  must(file->data && read(fd, file->data, file->len) == st.st_size && close(fd) == 0, file->path);
}

static void empty_folder(const char *dir, const char *name) {
  char path[2 * CALLS_PATH + 256];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  DIR *folder = opendir(path);
  if (!folder) return;
  for (const struct dirent *entry = NULL; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s/%s", dir, name, entry->d_name);
    unlink(path);
  }
  closedir(folder);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
  (void)st, (void)type, (void)where;
  return remove(path);
}

static void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void remove_scratch(void) { remove_tree(scratch); }

/* ---- once ---- */

static void make_contents(calls_world *w) {
  for (int i = 0; i < CALLS_CONTENTS; i++) {
    snprintf(w->content[i], CALLS_PATH, "%s/content%d", scratch, i);
    write_file(w->content[i], w->content[i] + strlen(w->content[i]) - 1, 1); /* its digit */
  }
}

static void settle_database(const char *reg_dir) {
  char path[CALLS_PATH + 16];
  sqlite3 *db = NULL;
  snprintf(path, sizeof path, "%s/registry.db", reg_dir);
  must(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK, path);
  sqlite3_close(db);
}

static void make_registry(calls_world *w) {
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_error err;
  options.flags = MLCM_OPEN_CREATE;
  mlcm_status st = mlcm_context_new(NULL, &ctx, &err);
  if (!st) st = mlcm_registry_open(ctx, w->reg_dir, &options, &reg, &err);
  for (int i = 0; !st && i < 2; i++) st = mlcm_register(reg, "a", w->content[i], NULL, NULL, NULL, &err);
  if (!st) st = mlcm_alias_set(reg, "a", "champion", 1, MLCM_ALIAS_ANY, 0, NULL, &err);
  if (st) calls_violation("the first registry: %s", err.message);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
}

static void make_world(calls_world *w) {
  const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  const char *where = getenv("TMPDIR");
  calls_heap_use();
  snprintf(scratch, sizeof scratch, "%s/mlcm-calls-XXXXXX", where ? where : shm);
  must(mkdtemp(scratch) != NULL && atexit(remove_scratch) == 0, scratch);
  snprintf(w->reg_dir, CALLS_PATH, "%s/registry", scratch);
  snprintf(w->backup_dir, CALLS_PATH, "%s/backup", scratch);
  make_contents(w);
  make_registry(w);
  settle_database(w->reg_dir);
  keep(&database, w->reg_dir, "registry.db");
  keep(&head, w->reg_dir, "audit.head");
}

/* ---- for each input ---- */

static void remove_object(const calls_world *w, int content) {
  char path[CALLS_PATH + 128], hex[MLCM__SHA256_HEX + 1];
  uint8_t digest[MLCM__SHA256_BYTES];
  const char digit = (char)('0' + content);
  must(mlcm__sha256_of(&digit, 1, digest, NULL) == MLCM_OK, "SHA-256");
  mlcm__hex(digest, sizeof digest, hex);
  snprintf(path, sizeof path, "%s/objects/%.2s/%s", w->reg_dir, hex, hex + 2);
  unlink(path);
}

static void put_back(const calls_world *w) {
  static const char *const logs[] = {"registry.db-wal", "registry.db-shm"};
  for (size_t i = 0; i < 2; i++) {
    char path[CALLS_PATH + 32];
    snprintf(path, sizeof path, "%s/%s", w->reg_dir, logs[i]);
    unlink(path);
  }
  write_file(database.path, database.data, database.len);
  write_file(head.path, head.data, head.len);
  for (int i = 2; i < CALLS_CONTENTS; i++) remove_object(w, i);
  empty_folder(w->reg_dir, "trash");
  empty_folder(w->reg_dir, "tmp");
  empty_folder(w->reg_dir, "run");
  if (access(w->backup_dir, F_OK) == 0) remove_tree(w->backup_dir);
}

static void open_handle(calls_world *w, int i, int read_only) {
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_error err;
  options.flags = read_only ? MLCM_OPEN_READ_ONLY : 0;
  options.actor = i ? "bo" : "ana";
  w->read_only[i] = read_only;
  if (mlcm_registry_open(w->ctx[i], w->reg_dir, &options, &w->reg[i], &err)) calls_violation("it does not open: %s", err.message);
}

calls_world *calls_world_begin(void) {
  static calls_world world;
  static int made;
  if (!made) make_world(&world);
  made = 1;
  put_back(&world);
  test_clock_init(&world.clock, START_NS);
  for (int i = 0; i < CALLS_HANDLES; i++) {
    mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
    options.clock = test_clock_table(&world.clock);
    if (mlcm_context_new(&options, &world.ctx[i], NULL)) calls_violation("no context");
    world.rollout[i] = NULL;
    open_handle(&world, i, 0);
  }
  return &world;
}

static void close_handle(calls_world *w, int i) {
  mlcm_rollout_close(w->rollout[i]);
  w->rollout[i] = NULL;
  mlcm_registry_close(w->reg[i]);
  w->reg[i] = NULL;
}

void calls_world_reopen(calls_world *w, int handle, int read_only) {
  close_handle(w, handle);
  open_handle(w, handle, read_only);
}

void calls_world_end(calls_world *w) {
  for (int i = 0; i < CALLS_HANDLES; i++) {
    close_handle(w, i);
    mlcm_context_free(w->ctx[i]);
  }
}
