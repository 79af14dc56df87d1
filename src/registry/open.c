/* SPDX-License-Identifier: Apache-2.0
 *
 * open.c - the registry handle: open, hold, close; the frame of every write transaction.
 */
#include <assert.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "registry/names.h"
#include "registry/registry.h"
#include "trust/audit.h"

enum { FIRST_OPTIONS_BYTES = 64, ACTOR_MAX = 255, REASON_MAX = 4096 };
_Static_assert(sizeof(mlcm_registry_options) == FIRST_OPTIONS_BYTES, "mlcm_registry_options changed: keep the first size here");

void mlcm_registry_options_init(mlcm_registry_options *options, size_t size_bytes) {
  memset(options, 0, size_bytes);
  options->struct_size = size_bytes;
}

/* The name of the process's user as the system knows it (no environment), or "uid-1000" where it has none. */
static mlcm_status system_actor(mlcm_context *ctx, char **out, mlcm_error *err) {
  char scratch[4096];
  char fallback[32];
  struct passwd entry;
  struct passwd *found = NULL;
  const char *name = fallback;
  (void)snprintf(fallback, sizeof fallback, "uid-%lu", (unsigned long)geteuid());
  /* rarely: the user of this process has no name */
  if (getpwuid_r(geteuid(), &entry, scratch, sizeof scratch, &found) == 0 && found && found->pw_name[0]) name = found->pw_name;
  *out = mlcm__strdup(ctx, name);
  return *out ? MLCM_OK : mlcm__fail_memory(err, strlen(name) + 1);
}

static mlcm_status set_actor(mlcm_registry *reg, const char *actor, mlcm_error *err) {
  reg->actor_auth = actor ? "claimed" : "os";
  if (!actor) return system_actor(reg->ctx, &reg->actor, err);
  mlcm_status st = mlcm__check_attribution(&(mlcm_attribution){.actor = actor}, err);
  if (st) return st;
  reg->actor = mlcm__strdup(reg->ctx, actor);
  return reg->actor ? MLCM_OK : mlcm__fail_memory(err, strlen(actor) + 1);
}

static mlcm_status set_paths(mlcm_registry *reg, const char *dir, mlcm_error *err) {
  reg->dir = mlcm__strdup(reg->ctx, dir);
  if (!reg->dir) return mlcm__fail_memory(err, strlen(dir) + 1);
  mlcm_status st = mlcm__path_join(reg->ctx, dir, "run", &reg->run_dir, err);
  if (!st) st = mlcm__path_join(reg->ctx, dir, "audit.head", &reg->anchor_path, err);
  return st;
}

static mlcm_status open_db(mlcm_registry *reg, const mlcm_registry_options *options, bool create, mlcm_error *err) {
  char *path = NULL;
  char *lock = NULL;
  mlcm_status st = mlcm__path_join(reg->ctx, reg->dir, "registry.db", &path, err);
  if (!st) st = mlcm__path_join(reg->ctx, reg->dir, "registry.lock", &lock, err);
  if (!st) {
    mlcm__db_options db = {.read_only = reg->read_only,
                           .create = create,
                           .application_id = MLCM__REGISTRY_APPLICATION_ID,
                           .migrations = mlcm__registry_migrations,
                           .n_migrations = mlcm__registry_n_migrations,
                           .lock_path = lock,
                           .lock_timeout_ns = options->lock_timeout_ns};
    st = mlcm__db_open(reg->ctx, path, &db, &reg->db, err);
  }
  if (st == MLCM_NOT_FOUND) {
    (void)mlcm__fail(err, st, "there is no registry in '%s'; make one with `mlcm init` or MLCM_OPEN_CREATE", reg->dir);
  }
  mlcm__free(reg->ctx, path);
  mlcm__free(reg->ctx, lock);
  return st;
}

static mlcm_status check_options(const mlcm_registry_options *options, mlcm_error *err) {
  const uint32_t both = MLCM_OPEN_READ_ONLY | MLCM_OPEN_CREATE;
  if (options->flags & ~both)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "unknown flags 0x%x", (unsigned)(options->flags & ~both));
  if (options->flags == both)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a registry cannot be made and opened read-only at once");
  if (options->lock_timeout_ns < 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "lock_timeout_ns is negative");
  return MLCM_OK;
}

/* The database is made last: where there is one, all the rest is there too, whenever the power went. */
static mlcm_status create_parts(mlcm_registry *reg, const mlcm_registry_options *options, mlcm_error *err) {
  mlcm_status st = mlcm__make_dirs(reg->ctx, reg->run_dir, 0755, err);
  if (!st) st = mlcm__blobs_open(reg->ctx, reg->dir, false, true, &reg->blobs, err);
  return st ? st : open_db(reg, options, true, err);
}

static mlcm_status open_parts(mlcm_registry *reg, const mlcm_registry_options *options, mlcm_error *err) {
  bool create = (options->flags & MLCM_OPEN_CREATE) != 0;
  mlcm_error why = {0};
  mlcm_status st = open_db(reg, options, false, &why);
  if (st == MLCM_NOT_FOUND && create) return create_parts(reg, options, err);
  if (!st) return mlcm__blobs_open(reg->ctx, reg->dir, reg->read_only, create, &reg->blobs, err);
  return mlcm__fail_as(err, &why);
}

mlcm_status mlcm_registry_open(mlcm_context *ctx, const char *dir, const mlcm_registry_options *options, mlcm_registry **out,
                               mlcm_error *err) {
  mlcm_registry_options known;
  mlcm_registry *reg = NULL;
  if (!ctx || !dir || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", !ctx ? "ctx" : !dir ? "dir" : "out");
  if (!dir[0]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the registry's directory is empty text");
  mlcm_status st = mlcm__options_read(options, FIRST_OPTIONS_BYTES, &known, sizeof known, "mlcm_registry_options", err);
  if (!st) st = check_options(&known, err);
  if (st) return st;
  reg = mlcm__alloc_zero(ctx, 1, sizeof *reg);
  if (!reg) return mlcm__fail_memory(err, sizeof *reg);
  reg->ctx = mlcm__context_retain(ctx);
  reg->read_only = (known.flags & MLCM_OPEN_READ_ONLY) != 0;
  atomic_init(&reg->refs, 1);
  st = set_actor(reg, known.actor, err);
  if (!st) st = set_paths(reg, dir, err);
  if (!st) st = open_parts(reg, &known, err);
  if (!st) {
    *out = reg;
    reg = NULL;
  }
  mlcm__registry_release(reg);
  return st;
}

mlcm_registry *mlcm__registry_retain(mlcm_registry *reg) {
  int before = atomic_fetch_add_explicit(&reg->refs, 1, memory_order_relaxed);
  assert(before > 0);
  (void)before;
  return reg;
}

void mlcm__registry_release(mlcm_registry *reg) {
  if (!reg || atomic_fetch_sub_explicit(&reg->refs, 1, memory_order_acq_rel) != 1) return;
  mlcm_context *ctx = reg->ctx;
  mlcm__blobs_close(reg->blobs);
  mlcm__db_close(reg->db);
  mlcm__free(ctx, reg->actor);
  mlcm__free(ctx, reg->anchor_path);
  mlcm__free(ctx, reg->run_dir);
  mlcm__free(ctx, reg->dir);
  mlcm__free(ctx, reg);
  mlcm__context_release(ctx);
}

void mlcm_registry_close(mlcm_registry *reg) { mlcm__registry_release(reg); }

const char *mlcm_registry_dir(const mlcm_registry *reg) { return reg->dir; }

const char *mlcm_registry_actor(const mlcm_registry *reg) { return reg->actor; }

int32_t mlcm_registry_is_read_only(const mlcm_registry *reg) { return reg->read_only ? 1 : 0; }

mlcm_status mlcm__registry_write_begin(mlcm_registry *reg, mlcm__db_conn **out, mlcm_error *err) {
  if (reg->read_only) {
    return mlcm__fail(err, MLCM_REFUSED,
                      "the registry in '%s' was opened read-only; open it without MLCM_OPEN_READ_ONLY to change it", reg->dir);
  }
  return mlcm__db_write_begin(reg->db, -1, out, err);
}

mlcm_status mlcm__registry_commit(mlcm_registry *reg, mlcm__db_conn **conn, mlcm_error *err) {
  mlcm__audit_head head;
  mlcm__db_conn *ending = *conn;
  *conn = NULL;
  mlcm_status st = mlcm__audit_head_read(ending, &head, err);
  if (st) {
    mlcm__db_rollback(ending);
    return st;
  }
  st = mlcm__db_commit(ending, err);
  if (!st) mlcm__audit_anchor_write(reg->ctx, reg->anchor_path, &head);
  return st;
}

mlcm_status mlcm__check_attribution(const mlcm_attribution *by, mlcm_error *err) {
  if (!by) return MLCM_OK;
  if (by->actor && !by->actor[0])
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the actor is empty; NULL means the registry's actor");
  mlcm_status st = mlcm__check_plain_text(by->actor, ACTOR_MAX, "actor", err);
  if (!st) st = mlcm__check_text(by->reason, REASON_MAX, "reason", err);
  return st;
}
