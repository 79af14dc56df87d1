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
  const char *name; /* of the folder inside the version, "" at the top */
  int depth;
  uint64_t registry_inode; /* of registry.db */
} place;

static const char *join(mlcm__arena *arena, const char *dir, const char *name) {
  size_t dir_len = strlen(dir);
  size_t name_len = strlen(name);
  if (dir_len == 0) return mlcm__arena_strndup(arena, name, name_len);
  size_t slash = dir[dir_len - 1] == '/' ? 0 : 1;
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
  const char *name = join(&walk->arena, folder->name, entry);
  if (!path || !name) return mlcm__fail_memory(err, strlen(entry));
  int answer = ctx->io.stat(ctx->io.user, path, &info);
  if (answer < 0) return mlcm__fail_errno(err, answer, "'%s' cannot be looked at", path);
  if (S_ISREG(info.mode)) {
    if (info.inode == folder->registry_inode && strcmp(entry, "registry.db") == 0) {
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the folder holds the registry itself ('%s'): keep models and registry apart",
                        path);
    }
    return add_file(walk, path, name, &info, err);
  }
  if (!S_ISDIR(info.mode)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' is %s", path, kind_name(info.mode));
  place inner = {walk, path, name, folder->depth + 1, folder->registry_inode};
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
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  const char *kept_path = mlcm__arena_strndup(&walk->arena, path, strlen(path));
  const char *kept_name = mlcm__arena_strndup(&walk->arena, name, strlen(name));
  if (!kept_path || !kept_name) return mlcm__fail_memory(err, strlen(path));
  return add_file(walk, kept_path, kept_name, info, err);
}

static uint64_t inode_of_registry(mlcm_context *ctx, const char *registry_dir) {
  char *db = NULL;
  mlcm_file_info info = {0};
  if (mlcm__path_join(ctx, registry_dir, "registry.db", &db, NULL)) return 0;
  if (ctx->io.stat(ctx->io.user, db, &info) < 0) info.inode = 0;
  mlcm__free(ctx, db);
  return info.inode;
}

mlcm_status mlcm__walk_run(mlcm_context *ctx, const char *path, const char *registry_dir, mlcm__walk *out, mlcm_error *err) {
  mlcm_file_info info;
  *out = (mlcm__walk){.ctx = ctx};
  mlcm__arena_init(&out->arena, ctx);
  if (!path[0]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the path to register is empty");
  int answer = ctx->io.stat(ctx->io.user, path, &info);
  if (answer < 0) return mlcm__fail_errno(err, answer, "'%s' cannot be registered", path);
  if (S_ISREG(info.mode)) return add_single(out, path, &info, err);
  if (!S_ISDIR(info.mode)) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%s' is %s", path, kind_name(info.mode));
  place top = {out, path, "", 1, inode_of_registry(ctx, registry_dir)};
  mlcm_status st = walk_folder(&top, err);
  if (!st && out->n == 0) st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "there is no file in folder '%s'", path);
  return st;
}

void mlcm__walk_reset(mlcm__walk *walk) {
  if (!walk->ctx) return;
  mlcm__free(walk->ctx, walk->files);
  mlcm__arena_reset(&walk->arena);
  *walk = (mlcm__walk){0};
}
