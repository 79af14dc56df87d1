/* SPDX-License-Identifier: Apache-2.0
 *
 * walk.c - finding the files of a version. Nothing is followed: a symbolic link could lead out of the folder, or somewhere else
 * tomorrow.
 */
#include "registry/walk.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "registry/names.h"

/* The walk's fixed part and its place in the tree, handed down to each folder's visitor. */
typedef struct place {
  mlcm__walk *walk;
  const char *path; /* of the folder */
  size_t top_len;   /* of the path of the top folder and its slash: what follows in a path is a name inside the version */
  int depth;
  const mlcm_file_info *registry; /* registry.db */
} place;

/* Where the path of an entry of the folder begins to be the entry's name. */
static size_t prefix_len(const char *folder) {
  size_t len = strlen(folder);
  return folder[len - 1] == '/' ? len : len + 1;
}

static const char *join(mlcm__arena *arena, const char *dir, const char *name) {
  size_t dir_len = strlen(dir);
  size_t name_len = strlen(name);
  size_t slash = prefix_len(dir) - dir_len;
  char *out = mlcm__arena_alloc(arena, dir_len + slash + name_len + 1, 1);
  if (!out) return NULL;
  memcpy(out, dir, dir_len);
  if (slash) out[dir_len] = '/';
  memcpy(out + dir_len + slash, name, name_len + 1);
  return out;
}

static const char *kind_name(uint32_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link: register what it points to, or put a copy there";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device"; /* of characters or of blocks */
}

static mlcm_status add_file(mlcm__walk *walk, const char *path, const char *name, const mlcm_file_info *info, mlcm_error *err) {
  mlcm_status st = mlcm__check_file_path(name, err);
  if (st) return st;
  if (walk->n >= MLCM_FILES_MAX)
    return mlcm__fail(err, MLCM_LIMIT, "more than %d files; register an archive or fewer files", (int)MLCM_FILES_MAX);
  if (walk->size_bytes > INT64_MAX - info->size_bytes)
    return mlcm__fail(err, MLCM_LIMIT, "the files' sizes add up to more than 2^63 bytes");
  st = mlcm__reserve(walk->ctx, &walk->files, &walk->cap, walk->n + 1, sizeof walk->files[0], err);
  if (st) return st;
  walk->files[walk->n++] = (mlcm__walk_file){.path = path, .name = name, .info = *info};
  walk->size_bytes += info->size_bytes;
  return MLCM_OK;
}

static mlcm_status walk_folder(place *folder, mlcm_error *err);

/* Hard links of other names too: to read the database and close it would take SQLite's locks off it. Another file system may
 * have a file of the same number, but not of the same time or name as well. */
static bool is_registry(const mlcm_file_info *registry, const char *name, const mlcm_file_info *info) {
  if (info->inode != registry->inode) return false;
  return info->mtime_ns == registry->mtime_ns || strcmp(name, "registry.db") == 0;
}

static mlcm_status visit(void *user, const char *entry, mlcm_error *err) {
  place *folder = user;
  mlcm__walk *walk = folder->walk;
  mlcm_context *ctx = walk->ctx;
  mlcm_file_info info;
  if (++walk->n_entries > MLCM__WALK_ENTRIES_MAX) {
    return mlcm__fail(err, MLCM_LIMIT, "there are more than %d files and folders to look at, at '%s' and before",
                      (int)MLCM__WALK_ENTRIES_MAX, folder->path);
  }
  const char *path = join(&walk->arena, folder->path, entry);
  if (!path) return mlcm__fail_memory(err, strlen(folder->path) + strlen(entry));
  int answer = ctx->io.stat(ctx->io.user, path, &info);
  if (answer < 0) return mlcm__fail_errno(err, answer, "'%s' cannot be looked at", path);
  if (S_ISREG(info.mode)) {
    if (is_registry(folder->registry, entry, &info)) {
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the folder holds the registry itself ('%s'): keep models and registry apart",
                        path);
    }
    return add_file(walk, path, path + folder->top_len, &info, err);
  }
  if (!S_ISDIR(info.mode)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' is %s", path, kind_name(info.mode));
  place inner = {walk, path, folder->top_len, folder->depth + 1, folder->registry};
  return walk_folder(&inner, err);
}

/* Recursion is bounded by MLCM__WALK_DEPTH_MAX. */
static mlcm_status walk_folder(place *folder, mlcm_error *err) {
  if (folder->depth > MLCM__WALK_DEPTH_MAX) {
    return mlcm__fail(err, MLCM_LIMIT, "'%s' lies more than %d folders deep", folder->path, (int)MLCM__WALK_DEPTH_MAX);
  }
  return mlcm__list_dir(folder->walk->ctx, folder->path, visit, folder, err);
}

/* "a/b/model.onnx/" and "model.onnx" both give "model.onnx". */
static mlcm_status add_single(mlcm__walk *walk, const char *path, const mlcm_file_info *info, mlcm_error *err) {
  const char *kept = mlcm__arena_strndup(&walk->arena, path, strlen(path));
  if (!kept) return mlcm__fail_memory(err, strlen(path) + 1);
  const char *slash = strrchr(kept, '/');
  return add_file(walk, kept, slash ? slash + 1 : kept, info, err);
}

static mlcm_status look_at_registry(mlcm_context *ctx, const char *registry_dir, mlcm_file_info *out, mlcm_error *err) {
  char *db = NULL;
  mlcm_status st = mlcm__path_join(ctx, registry_dir, "registry.db", &db, err);
  if (st) return st;
  int answer = ctx->io.stat(ctx->io.user, db, out);
  if (answer < 0) st = mlcm__fail_errno(err, answer, "'%s' cannot be looked at", db);
  mlcm__free(ctx, db);
  return st;
}

mlcm_status mlcm__walk_run(mlcm_context *ctx, const char *path, const char *registry_dir, mlcm__walk *out, mlcm_error *err) {
  mlcm_file_info info, registry;
  *out = (mlcm__walk){.ctx = ctx};
  mlcm__arena_init(&out->arena, ctx);
  if (!path[0]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the path to register is empty");
  int answer = ctx->io.stat(ctx->io.user, path, &info);
  if (answer < 0) return mlcm__fail_errno(err, answer, "'%s' cannot be registered", path);
  if (S_ISREG(info.mode)) return add_single(out, path, &info, err);
  if (!S_ISDIR(info.mode)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' is %s", path, kind_name(info.mode));
  mlcm_status st = look_at_registry(ctx, registry_dir, &registry, err);
  place top = {out, path, prefix_len(path), 1, &registry};
  if (!st) st = walk_folder(&top, err);
  if (!st && out->n == 0) st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "there is no file in folder '%s'", path);
  return st;
}

void mlcm__walk_reset(mlcm__walk *walk) {
  mlcm__free(walk->ctx, walk->files);
  mlcm__arena_reset(&walk->arena);
  *walk = (mlcm__walk){0};
}
