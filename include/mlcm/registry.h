/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/registry.h - models, versions, aliases, tags, lineage, evaluations, search and history in one directory.
 */
#ifndef MLCM_REGISTRY_H
#define MLCM_REGISTRY_H

#include <mlcm/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlcm_registry mlcm_registry;

enum {
  MLCM_OPEN_READ_ONLY = 1, /* works in a folder without write permission; every change answers MLCM_REFUSED */
  MLCM_OPEN_CREATE = 2     /* make the registry when the directory holds none */
};

typedef struct mlcm_registry_options {
  size_t struct_size;
  uint32_t flags; /* MLCM_OPEN_* */
  uint32_t reserved0;
  const char *actor;          /* default actor of changes; NULL: the name of the process's user */
  int64_t lock_timeout_ns;    /* how long a change waits for the writer lock; 0: 10 s */
  uint64_t reserved[4];
} mlcm_registry_options;

MLCM_API void mlcm_registry_options_init(mlcm_registry_options *options, size_t size_bytes);
MLCM_API MLCM_MUST_USE mlcm_status mlcm_registry_open(mlcm_context *ctx, const char *dir, const mlcm_registry_options *options,
                                                      mlcm_registry **out, mlcm_error *err);
MLCM_API void mlcm_registry_close(mlcm_registry *reg);
MLCM_API const char *mlcm_registry_dir(const mlcm_registry *reg);

typedef struct mlcm_tag {
  const char *key;
  const char *value;
} mlcm_tag;

/* ---- versions ---- */

/* Immutable snapshot of one version with its tags, aliases, lineage, manifest and evaluations. Freed by the caller. */
typedef struct mlcm_version mlcm_version;

typedef struct mlcm_register_options {
  size_t struct_size;
  const char *description;
  const char *const *aliases; /* set in the same transaction */
  size_t n_aliases;
  const mlcm_tag *tags;
  size_t n_tags;
  const char *parent;         /* reference of the parent version, e.g. "digits/2" */
  const char *dataset_digest; /* "sha256:" and 64 hex digits */
  const char *source_revision;
  const char *run_link;
  mlcm_progress progress;
  uint64_t reserved[4];
} mlcm_register_options;

MLCM_API void mlcm_register_options_init(mlcm_register_options *options, size_t size_bytes);

/* Registers the file or folder at `path` as the next version of `model` (made when missing). */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_register(mlcm_registry *reg, const char *model, const char *path,
                                                 const mlcm_register_options *options, const mlcm_attribution *by,
                                                 mlcm_version **out, mlcm_error *err);

/* Reads a version by reference: NAME (its newest), NAME/3, NAME@alias, models:/NAME/3, models:/NAME@alias. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_get(mlcm_registry *reg, const char *ref, mlcm_version **out, mlcm_error *err);
MLCM_API void mlcm_version_free(mlcm_version *version);

enum { MLCM_VERSION_READY = 1, MLCM_VERSION_DELETED = 2 };

typedef struct mlcm_file {
  const char *path; /* relative, '/' between parts */
  int64_t size_bytes;
  const char *sha256; /* 64 hex digits */
} mlcm_file;

MLCM_API const char *mlcm_version_model(const mlcm_version *v);
MLCM_API int64_t mlcm_version_number(const mlcm_version *v);
MLCM_API int32_t mlcm_version_state(const mlcm_version *v);
MLCM_API int64_t mlcm_version_created_ns(const mlcm_version *v);
MLCM_API const char *mlcm_version_actor(const mlcm_version *v);
MLCM_API const char *mlcm_version_manifest_digest(const mlcm_version *v); /* 64 hex digits */
MLCM_API size_t mlcm_version_n_files(const mlcm_version *v);
MLCM_API mlcm_file mlcm_version_file(const mlcm_version *v, size_t i);
MLCM_API size_t mlcm_version_n_tags(const mlcm_version *v);
MLCM_API mlcm_tag mlcm_version_tag(const mlcm_version *v, size_t i);
MLCM_API size_t mlcm_version_n_aliases(const mlcm_version *v);
MLCM_API const char *mlcm_version_alias(const mlcm_version *v, size_t i);
/* ... accessors for description, reason, parent, dataset digest, source revision, run link, verdicts, evaluations */

/* The snapshot as one JSON object (docs/formats.md); *out freed with mlcm_free. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_to_json(const mlcm_version *v, char **out, mlcm_error *err);

/* Re-reads every byte of the version and compares it with the manifest: MLCM_CORRUPT names file and both digests. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_verify(mlcm_registry *reg, const mlcm_version *v, const mlcm_progress *progress,
                                                       mlcm_error *err);

/* ---- aliases ---- */

/* Resolves alias to version number: the read the hot start of every service makes. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_get(mlcm_registry *reg, const char *model, const char *alias, int64_t *out_version,
                                                  mlcm_error *err);

enum { MLCM_ALIAS_ANY = -1, MLCM_ALIAS_UNSET = 0 }; /* values of `expect` beside a version number */
enum { MLCM_ALIAS_FORCE = 1 };                      /* flags: move although a rollout is active (pauses it) */

MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_set(mlcm_registry *reg, const char *model, const char *alias, int64_t version,
                                                  int64_t expect, uint32_t flags, const mlcm_attribution *by, mlcm_error *err);
MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_delete(mlcm_registry *reg, const char *model, const char *alias, int64_t expect,
                                                     uint32_t flags, const mlcm_attribution *by, mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
