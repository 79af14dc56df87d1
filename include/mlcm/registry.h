/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/registry.h - models, versions, aliases, tags, lineage, evaluations, search and history in one directory.
 *
 *   mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
 *   mlcm_registry *reg = NULL;
 *   mlcm_version *version = NULL;
 *   options.flags = MLCM_OPEN_CREATE;
 *   mlcm_status st = mlcm_registry_open(ctx, "models", &options, &reg, &err);
 *   if (!st) st = mlcm_register(reg, "digits", "digits.onnx", NULL, NULL, &version, &err);
 *   if (!st) st = mlcm_alias_set(reg, "digits", "champion", mlcm_version_number(version), MLCM_ALIAS_ANY, 0, NULL, &err);
 *   if (!st) printf("%s/%lld is the champion\n", mlcm_version_model(version), (long long)mlcm_version_number(version));
 *   mlcm_version_free(version);
 *   mlcm_registry_close(reg);
 *
 * Words     A model is a name. Its versions are numbered from 1, never reused, and their artifact (a set of files) never changes.
 *           An alias is a name that can be moved from version to version; every move is kept. A tag is a key with a value.
 * Changes   Each change is one durable transaction with its line in the change feed and its leaf in the audit log: after a crash
 *           it is there with everything that belongs to it, or it is not there at all. Every change says who made it and may say
 *           why.
 * Threads   A registry may be used from any thread at the same time, and any number of processes may have it open. Snapshots
 *           (version, model, page, history, feed) never change after they were given out; any number of threads may read one, one
 *           may free it.
 * Memory    Text and structs that an accessor answers belong to the snapshot and live as long as it does. Snapshots outlive the
 *           registry they came from.
 *
 * Statuses that nearly every function here can answer are not repeated at each: MLCM_INVALID_ARGUMENT for a NULL or for a name,
 * time or number that no state makes right (the message says which and why); MLCM_NO_MEMORY; MLCM_IO and MLCM_CORRUPT from the
 * store; MLCM_INVALID_STATE after fork. Functions that change something ("Changes." in their text) can also answer MLCM_REFUSED
 * (opened read only), MLCM_BUSY (another process kept the writer lock longer than lock_timeout_ns), MLCM_DISK_FULL and
 * MLCM_OUTCOME_UNKNOWN.
 *
 * Names     Models: 1 to 256 bytes of UTF-8 without control characters, without '/', ':' and '@', not starting with '.', no white
 *           space at either end. Aliases: 1 to 255 bytes of letters, digits, '_' and '-' (any bytes above ASCII count as
 *           letters); 'latest' and 'v1', 'V12' ... are reserved. Tag keys: 1 to 250 bytes of letters, digits, '_', '-', '.', ' ',
 *           ':' and '/', no empty, '.' or '..' part between slashes. Tag values: up to 100,000 bytes. Descriptions: up to 5,000
 *           bytes.
 */
#ifndef MLCM_REGISTRY_H
#define MLCM_REGISTRY_H

#include <mlcm/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits that the text above and below speaks of. */
enum {
  MLCM_MODEL_NAME_MAX = 256,      /* bytes */
  MLCM_ALIAS_NAME_MAX = 255,      /* bytes */
  MLCM_TAG_KEY_MAX = 250,         /* bytes */
  MLCM_TAG_VALUE_MAX = 100000,    /* bytes */
  MLCM_DESCRIPTION_MAX = 5000,    /* bytes */
  MLCM_LINEAGE_MAX = 500,         /* bytes: source revision, run link */
  MLCM_FILES_MAX = 100000,        /* files of one version */
  MLCM_FILE_PATH_MAX = 1024,      /* bytes of a path inside a version */
  MLCM_TAGS_MAX = 1000,           /* tags of one model or version */
  MLCM_SCORES_MAX = 1000,         /* metric values of one evaluation */
  MLCM_POLICY_BYTES_MAX = 1048576 /* bytes of one policy text */
};

/* ---- Registry ------------------------------------------------------------------------------------------------------ */

/* A registry: one directory with a database, the artifacts' bytes and the files of running processes. */
typedef struct mlcm_registry mlcm_registry;

enum {
  MLCM_OPEN_READ_ONLY = 1, /* works in a folder without write permission; every change answers MLCM_REFUSED */
  MLCM_OPEN_CREATE = 2     /* make the registry when the directory holds none */
};

/* How to open. All zero is right for most. */
typedef struct mlcm_registry_options {
  size_t struct_size;
  uint32_t flags; /* MLCM_OPEN_* */
  uint32_t reserved0;
  const char *actor;       /* default actor of changes, 1 to 255 bytes; NULL: the name of the process's user */
  int64_t lock_timeout_ns; /* how long a change waits for the writer lock; 0: 10 s */
  uint64_t reserved[4];
} mlcm_registry_options;

/* clang-format off */
#define MLCM_REGISTRY_OPTIONS_INIT {sizeof(mlcm_registry_options), 0, 0, NULL, 0, {0, 0, 0, 0}}
/* clang-format on */

/* Sets all members of *options to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_registry_options_init(mlcm_registry_options *options, size_t size_bytes);

/* Opens the registry in directory `dir`; `options` NULL means all defaults: read and write, MLCM_NOT_FOUND when there is none.
 * *out is to be closed with mlcm_registry_close and keeps `ctx` alive.
 * MLCM_NOT_FOUND: no registry there and MLCM_OPEN_CREATE not given. MLCM_NEWER_FORMAT: written by a newer library. MLCM_CORRUPT:
 * the directory holds something else under the database's name. MLCM_INVALID_ARGUMENT: both flags at once, an actor that breaks
 * the rule. MLCM_UNSUPPORTED: the directory is on a network file system. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_registry_open(mlcm_context *ctx, const char *dir, const mlcm_registry_options *options,
                                                      mlcm_registry **out, mlcm_error *err);

/* Gives up the caller's hold; what was opened from it (endpoints, rollouts) keeps it alive and goes on working. NULL is allowed.
 * The caller must have no call on it in flight. Since 0.1. */
MLCM_API void mlcm_registry_close(mlcm_registry *reg);

/* The directory as it was given to mlcm_registry_open. Since 0.1. */
MLCM_API const char *mlcm_registry_dir(const mlcm_registry *reg);

/* The actor of changes that name none. Since 0.1. */
MLCM_API const char *mlcm_registry_actor(const mlcm_registry *reg);

/* 1 when opened with MLCM_OPEN_READ_ONLY, else 0. Since 0.1. */
MLCM_API int32_t mlcm_registry_is_read_only(const mlcm_registry *reg);

/* A key with its value. */
typedef struct mlcm_tag {
  const char *key;
  const char *value;
} mlcm_tag;

/* What a model or version can be. Deleted ones keep their rows and bytes until garbage collection and can be restored. */
typedef int32_t mlcm_state;
enum { MLCM_STATE_READY = 1, MLCM_STATE_DELETED = 2 };

/* ---- References ---------------------------------------------------------------------------------------------------- */

typedef int32_t mlcm_ref_kind;
enum {
  MLCM_REF_MODEL = 1,  /* NAME, also NAME/latest and NAME@latest: the newest version that is not deleted */
  MLCM_REF_NUMBER = 2, /* NAME/3 */
  MLCM_REF_ALIAS = 3   /* NAME@champion */
};

/* A reference taken apart. Plain value. */
typedef struct mlcm_ref {
  mlcm_ref_kind kind;
  int32_t reserved;
  int64_t version; /* MLCM_REF_NUMBER, else 0 */
  char model[MLCM_MODEL_NAME_MAX + 1];
  char alias[MLCM_ALIAS_NAME_MAX + 1]; /* MLCM_REF_ALIAS, else "" */
} mlcm_ref;

/* Takes NAME, NAME/3, NAME@alias, models:/NAME/3 or models:/NAME@alias apart. Looks nothing up.
 * MLCM_INVALID_ARGUMENT: not a reference; the message shows what one looks like. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_ref_parse(const char *text, mlcm_ref *out, mlcm_error *err);

/* ---- Models -------------------------------------------------------------------------------------------------------- */

/* Immutable snapshot of a model with its tags and aliases. */
typedef struct mlcm_model mlcm_model;

/* An alias of a model and the version it stands on. */
typedef struct mlcm_alias {
  const char *name;
  int64_t version;
} mlcm_alias;

/* Makes a model without versions. Registering makes a missing model by itself, so this is for those who want to describe it
 * first. `description` may be NULL; `by` NULL means the registry's actor and no reason.
 * Changes. MLCM_ALREADY_EXISTS: also when the model is deleted (restore it). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_model_create(mlcm_registry *reg, const char *name, const char *description,
                                                     const mlcm_attribution *by, mlcm_error *err);

/* Reads a model. *out is to be freed with mlcm_model_free. O(tags + aliases), whatever the number of versions.
 * MLCM_NOT_FOUND: no such model; the message names the nearest spelling. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_model_get(mlcm_registry *reg, const char *name, mlcm_model **out, mlcm_error *err);
/* Frees the snapshot. NULL is allowed. Since 0.1. */
MLCM_API void mlcm_model_free(mlcm_model *model);

/* What a model snapshot says; text lives as long as the snapshot. Any thread. Since 0.1. */
/* What the snapshot holds; each O(1), from any thread. Since 0.1. */
MLCM_API const char *mlcm_model_name(const mlcm_model *model);        /* as it was made */
MLCM_API const char *mlcm_model_description(const mlcm_model *model); /* "" when none */
MLCM_API mlcm_state mlcm_model_state(const mlcm_model *model);        /* MLCM_STATE_* */
MLCM_API int64_t mlcm_model_created_ns(const mlcm_model *model);      /* wall clock */
/* Last time the model was made, described, deleted or restored, or a version was registered, deleted or restored; tags and
 * aliases do not count (as in MLflow). Since 0.1. */
MLCM_API int64_t mlcm_model_updated_ns(const mlcm_model *model);
MLCM_API const char *mlcm_model_actor(const mlcm_model *model);      /* who made it */
MLCM_API int64_t mlcm_model_newest_version(const mlcm_model *model); /* newest that is not deleted, 0 when there is none */
MLCM_API int64_t mlcm_model_n_versions(const mlcm_model *model);     /* without deleted ones */
MLCM_API size_t mlcm_model_n_tags(const mlcm_model *model);          /* how many tags */
MLCM_API mlcm_tag mlcm_model_tag(const mlcm_model *model, size_t i); /* i < n_tags, sorted by key */
/* Value of a tag, or NULL when the model has no such tag. Since 0.1. */
MLCM_API const char *mlcm_model_tag_value(const mlcm_model *model, const char *key);
MLCM_API size_t mlcm_model_n_aliases(const mlcm_model *model);           /* how many aliases */
MLCM_API mlcm_alias mlcm_model_alias(const mlcm_model *model, size_t i); /* i < n_aliases, sorted by name */

/* The snapshot as one JSON object (docs/formats.md); *out is to be freed with mlcm_free. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_model_to_json(const mlcm_model *model, char **out, mlcm_error *err);

/* Replaces the description; NULL or "" clears it. Changes. MLCM_NOT_FOUND. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_model_describe(mlcm_registry *reg, const char *name, const char *description,
                                                       const mlcm_attribution *by, mlcm_error *err);

/* Sets one tag, replacing its value. `value` "" is allowed. Changes. MLCM_NOT_FOUND: no such model. MLCM_LIMIT: more than
 * MLCM_TAGS_MAX tags. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_model_tag_set(mlcm_registry *reg, const char *name, const char *key, const char *value,
                                                      const mlcm_attribution *by, mlcm_error *err);

/* Removes one tag; a tag that is not there is no error and no change. Changes. MLCM_NOT_FOUND: no such model. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_model_tag_delete(mlcm_registry *reg, const char *name, const char *key,
                                                         const mlcm_attribution *by, mlcm_error *err);

/* Marks the model deleted: its aliases are removed (their history stays), it is left out of lists and searches, registering into
 * it is refused. Versions, tags and bytes stay. `flags`: 0 or MLCM_FORCE.
 * Changes. MLCM_NOT_FOUND: none, or deleted already. MLCM_CONFLICT: it has aliases or an active rollout, and MLCM_FORCE not
 * given; with it an active rollout is paused and told who did it. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_model_delete(mlcm_registry *reg, const char *name, uint32_t flags,
                                                     const mlcm_attribution *by, mlcm_error *err);

/* Undoes mlcm_model_delete; aliases do not come back. Changes. MLCM_NOT_FOUND: none, or it is not deleted. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_model_restore(mlcm_registry *reg, const char *name, const mlcm_attribution *by,
                                                      mlcm_error *err);

/* ---- Versions ------------------------------------------------------------------------------------------------------ */

/* Immutable snapshot of one version with its tags, aliases, lineage, manifest and evaluations. */
typedef struct mlcm_version mlcm_version;

/* What goes into a version beside its files. All zero is right for most. Lineage (parent, dataset, revision, run) never changes
 * afterwards; description, tags and aliases can. */
typedef struct mlcm_register_options {
  size_t struct_size;
  const char *description;
  const char *const *aliases; /* [n_aliases] set in the same transaction, wherever they stood */
  size_t n_aliases;
  const mlcm_tag *tags; /* [n_tags] */
  size_t n_tags;
  const char *parent;          /* reference of the parent version, e.g. "digits/2"; must exist; kept as NAME/NUMBER */
  const char *dataset_digest;  /* "sha256:" and 64 hex digits */
  const char *source_revision; /* e.g. a git commit; up to MLCM_LINEAGE_MAX bytes */
  const char *run_link;        /* e.g. the address of the training run; up to MLCM_LINEAGE_MAX bytes */
  mlcm_progress progress;      /* bytes read so far, of all */
  uint64_t reserved[4];
} mlcm_register_options;

/* clang-format off */
#define MLCM_REGISTER_OPTIONS_INIT \
  {sizeof(mlcm_register_options), NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, {NULL, NULL}, {0, 0, 0, 0}}
/* clang-format on */

/* Sets all members of *options to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_register_options_init(mlcm_register_options *options, size_t size_bytes);

/* Registers the file or folder at `path` as the next version of `model` (made when missing). A file becomes the one file of the
 * version under its own name; a folder gives all its files under their paths inside it. Bytes are copied and hashed in one
 * reading; the caller's files are not touched and may go afterwards (hard-linked ones are copied like any other). Empty folders
 * are left out. `by` NULL means the registry's actor and no reason. `out` may be NULL; else *out is to be freed with
 * mlcm_version_free. O(bytes) plus one transaction.
 * Changes. MLCM_NOT_FOUND: path or parent does not exist. MLCM_INVALID_ARGUMENT: a symbolic link, device, socket or pipe in the
 * folder, a name with control characters, not UTF-8 or holding a backslash, an empty folder, an alias or tag that breaks its rule
 * or comes twice. MLCM_LIMIT: more than MLCM_FILES_MAX files, a path above MLCM_FILE_PATH_MAX bytes, folders more than 64 deep.
 * MLCM_CONFLICT: a file changed while it was read, or an alias would move under an active rollout. MLCM_INVALID_STATE: the model
 * is deleted. MLCM_CANCELLED: the progress callback said so. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_register(mlcm_registry *reg, const char *model, const char *path,
                                                 const mlcm_register_options *options, const mlcm_attribution *by,
                                                 mlcm_version **out, mlcm_error *err);

/* One version of a bulk import. */
typedef struct mlcm_register_item {
  const char *path;
  const mlcm_register_options *options; /* NULL: none */
} mlcm_register_item;

/* Registers `n` versions (1 to 1,000,000) of `model` in one transaction, in the order given: all or none. A path that comes again
 * is read once. `out_first` (may be NULL) gets the number of the first; the others follow it. Otherwise as mlcm_register. Since
 * 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_register_many(mlcm_registry *reg, const char *model, const mlcm_register_item *items,
                                                      size_t n, const mlcm_attribution *by, int64_t *out_first, mlcm_error *err);

/* Reads a version by reference: NAME (its newest), NAME/3, NAME@alias, models:/NAME/3, models:/NAME@alias. A deleted version is
 * found by its number only. *out is to be freed with mlcm_version_free. The cost does not depend on how many versions the model
 * has.
 * MLCM_NOT_FOUND: no such model, version or alias; the message names the nearest spelling. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_get(mlcm_registry *reg, const char *ref, mlcm_version **out, mlcm_error *err);
/* Frees the snapshot. NULL is allowed. Since 0.1. */
MLCM_API void mlcm_version_free(mlcm_version *version);

/* One file of a version. */
typedef struct mlcm_file {
  const char *path; /* relative, '/' between parts */
  int64_t size_bytes;
  const char *sha256; /* 64 hex digits */
} mlcm_file;

/* What a version snapshot says; text lives as long as the snapshot. Any thread. Since 0.1. */
/* What the snapshot holds; each O(1), from any thread. Since 0.1. */
MLCM_API const char *mlcm_version_model(const mlcm_version *v);           /* name of its model */
MLCM_API int64_t mlcm_version_number(const mlcm_version *v);              /* from 1 */
MLCM_API mlcm_state mlcm_version_state(const mlcm_version *v);            /* deleted also while its model is */
MLCM_API const char *mlcm_version_description(const mlcm_version *v);     /* "" when none */
MLCM_API int64_t mlcm_version_created_ns(const mlcm_version *v);          /* when it was registered, wall clock */
MLCM_API int64_t mlcm_version_updated_ns(const mlcm_version *v);          /* described, deleted or restored; tags do not count */
MLCM_API const char *mlcm_version_actor(const mlcm_version *v);           /* who registered it */
MLCM_API const char *mlcm_version_reason(const mlcm_version *v);          /* why, "" when not said */
MLCM_API const char *mlcm_version_manifest_digest(const mlcm_version *v); /* 64 hex digits: SHA-256 of the canonical manifest */
MLCM_API int64_t mlcm_version_size_bytes(const mlcm_version *v);          /* all files */
MLCM_API const char *mlcm_version_scan_verdict(const mlcm_version *v);    /* "unscanned" */
MLCM_API const char *mlcm_version_parent(const mlcm_version *v);          /* NAME/NUMBER, "" when none */
MLCM_API const char *mlcm_version_dataset_digest(const mlcm_version *v);  /* "sha256:...", "" when none */
MLCM_API const char *mlcm_version_source_revision(const mlcm_version *v); /* "" when none */
MLCM_API const char *mlcm_version_run_link(const mlcm_version *v);        /* "" when none */
MLCM_API size_t mlcm_version_n_files(const mlcm_version *v);              /* how many files */
/* Files sorted by the bytes of their paths, i < n_files. A version that came in a page knows how many files it has but not which:
 * then all members are "" and 0 (read it with mlcm_version_get). Since 0.1. */
MLCM_API mlcm_file mlcm_version_file(const mlcm_version *v, size_t i);
MLCM_API size_t mlcm_version_n_tags(const mlcm_version *v);          /* how many tags */
MLCM_API mlcm_tag mlcm_version_tag(const mlcm_version *v, size_t i); /* i < n_tags, sorted by key */
/* Value of a tag, or NULL when the version has no such tag. Since 0.1. */
MLCM_API const char *mlcm_version_tag_value(const mlcm_version *v, const char *key);
MLCM_API size_t mlcm_version_n_aliases(const mlcm_version *v);            /* how many aliases stand on it */
MLCM_API const char *mlcm_version_alias(const mlcm_version *v, size_t i); /* i < n_aliases, sorted */

/* The snapshot as one JSON object (docs/formats.md); *out is to be freed with mlcm_free. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_to_json(const mlcm_version *v, char **out, mlcm_error *err);

/* Reads one file of the version whole into memory and checks the bytes read against the manifest. *out (NUL-terminated beyond its
 * length, never NULL) is to be freed with mlcm_free. O(bytes).
 * MLCM_NOT_FOUND: no such path in the version, or its bytes are gone from the store. MLCM_CORRUPT: the bytes changed; the message
 * names file and both digests. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_read(mlcm_registry *reg, const mlcm_version *v, const char *path, char **out,
                                                     size_t *out_len, mlcm_error *err);

/* Re-reads every byte of the version and compares it with the manifest, in constant memory. `progress` may be NULL. O(bytes).
 * MLCM_CORRUPT: names the file and both digests, or the manifest. MLCM_NOT_FOUND: a file's bytes are gone. MLCM_CANCELLED. Since
 * 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_verify(mlcm_registry *reg, const mlcm_version *v, const mlcm_progress *progress,
                                                       mlcm_error *err);

/* Replaces the description; NULL or "" clears it. Changes. MLCM_NOT_FOUND. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_describe(mlcm_registry *reg, const char *model, int64_t version,
                                                         const char *description, const mlcm_attribution *by, mlcm_error *err);

/* Sets one tag, replacing its value. Changes. MLCM_NOT_FOUND: no such version. MLCM_LIMIT: more than MLCM_TAGS_MAX tags. Since
 * 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_tag_set(mlcm_registry *reg, const char *model, int64_t version, const char *key,
                                                        const char *value, const mlcm_attribution *by, mlcm_error *err);

/* Removes one tag; a tag that is not there is no error and no change. Changes. MLCM_NOT_FOUND: no such version. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_tag_delete(mlcm_registry *reg, const char *model, int64_t version,
                                                           const char *key, const mlcm_attribution *by, mlcm_error *err);

/* Flags of calls that an active rollout or a serving alias would refuse. */
enum { MLCM_FORCE = 1 };

/* Marks the version deleted: its aliases are removed (their history stays), it is left out of lists and searches, it cannot be
 * loaded. Its row and bytes stay until garbage collection. `flags`: 0 or MLCM_FORCE.
 * Changes. MLCM_NOT_FOUND: none, or deleted already. MLCM_CONFLICT: an alias stands on it or an active rollout speaks of it, and
 * MLCM_FORCE not given; with it an active rollout is paused and told who did it. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_delete(mlcm_registry *reg, const char *model, int64_t version, uint32_t flags,
                                                       const mlcm_attribution *by, mlcm_error *err);

/* Undoes mlcm_version_delete; aliases do not come back. Changes. MLCM_NOT_FOUND: none, or it is not deleted. MLCM_INVALID_STATE:
 * the model is deleted, or its bytes were collected. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_version_restore(mlcm_registry *reg, const char *model, int64_t version,
                                                        const mlcm_attribution *by, mlcm_error *err);

/* ---- Evaluations --------------------------------------------------------------------------------------------------- */

/* One metric value of an evaluation. */
typedef struct mlcm_score {
  const char *metric; /* 1 to 250 bytes, rule of tag keys */
  double value;       /* finite */
} mlcm_score;

/* Metric values measured on one data set. Going in, time_ns, actor and reason are ignored. */
typedef struct mlcm_evaluation {
  const char *name;           /* e.g. "holdout"; 1 to 250 bytes, rule of tag keys */
  const char *dataset_digest; /* "sha256:" and 64 hex digits; NULL or "" when not known */
  const mlcm_score *scores;   /* [n_scores], sorted by metric when read */
  size_t n_scores;            /* 1 to MLCM_SCORES_MAX */
  int64_t n_samples;          /* how many examples were looked at; 0 when not known */
  int64_t time_ns;
  const char *actor;
  const char *reason;
} mlcm_evaluation;

/* Appends an evaluation to the version. Earlier ones stay; search and mlcm_version_metric see the newest value of each metric.
 * Changes. MLCM_NOT_FOUND: no such version, or it is deleted. MLCM_INVALID_ARGUMENT: also a value that is not finite, a metric
 * that comes twice. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_evaluate(mlcm_registry *reg, const char *model, int64_t version,
                                                 const mlcm_evaluation *evaluation, const mlcm_attribution *by, mlcm_error *err);

/* The evaluations of a version, as of when it was read; text lives as long as the snapshot. Since 0.1. */
/* How many evaluations; evaluation i < n, oldest first. O(1). Since 0.1. */
MLCM_API size_t mlcm_version_n_evaluations(const mlcm_version *v);
MLCM_API mlcm_evaluation mlcm_version_evaluation(const mlcm_version *v, size_t i);
/* Newest value of a metric over all evaluations: 1 and *out, or 0 when it was never measured. Since 0.1. */
MLCM_API int32_t mlcm_version_metric(const mlcm_version *v, const char *metric, double *out);

/* ---- Aliases ------------------------------------------------------------------------------------------------------- */

/* Resolves an alias to a version number: the read that the start of every service makes. One indexed query, whatever the number
 * of versions. MLCM_NOT_FOUND: no such model or alias; the message names the nearest spelling. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_get(mlcm_registry *reg, const char *model, const char *alias, int64_t *out_version,
                                                  mlcm_error *err);

enum { MLCM_ALIAS_ANY = -1, MLCM_ALIAS_UNSET = 0 }; /* values of `expect` beside a version number */
enum { MLCM_ALIAS_FORCE = MLCM_FORCE };             /* flags: move although a rollout is active (pauses it) */

/* Moves `alias` of `model` to `version`, making it when missing. `expect`: the version it must stand on now, MLCM_ALIAS_UNSET
 * when it must not exist, MLCM_ALIAS_ANY when that does not matter. Moving it to where it stands is a success and no change.
 * Changes. MLCM_NOT_FOUND: no such model or version, or the version is deleted. MLCM_CONFLICT: it stands elsewhere than expected
 * (the message says where, since when and by whom), or a rollout is active on it and MLCM_ALIAS_FORCE not given. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_set(mlcm_registry *reg, const char *model, const char *alias, int64_t version,
                                                  int64_t expect, uint32_t flags, const mlcm_attribution *by, mlcm_error *err);

/* Removes the alias; its history stays. `expect` as above (MLCM_ALIAS_UNSET is refused).
 * Changes. MLCM_NOT_FOUND: no such model or alias. MLCM_CONFLICT: as mlcm_alias_set. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_delete(mlcm_registry *reg, const char *model, const char *alias, int64_t expect,
                                                     uint32_t flags, const mlcm_attribution *by, mlcm_error *err);

/* The last good version behind an alias: the newest version other than the one it stands on that it was moved to (by hand or by a
 * promotion) and that was neither rolled back from nor deleted since. For an alias that was removed that may be where it stood
 * last.
 * MLCM_NOT_FOUND: no such model, the alias never existed, or there is none.
 * O(moves of the alias) at worst. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_last_good(mlcm_registry *reg, const char *model, const char *alias,
                                                        int64_t *out_version, mlcm_error *err);

/* Moves the alias to its last good version in one transaction and records the move as an undo, so that a second undo does not
 * come back to where it left. `expect` and `flags` as in mlcm_alias_set; `out_version` may be NULL. Changes. As
 * mlcm_alias_last_good and mlcm_alias_set. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_undo(mlcm_registry *reg, const char *model, const char *alias, int64_t expect,
                                                   uint32_t flags, const mlcm_attribution *by, int64_t *out_version,
                                                   mlcm_error *err);

/* What moved an alias. */
typedef int32_t mlcm_cause;
enum {
  MLCM_CAUSE_MANUAL = 1,   /* mlcm_alias_set, mlcm_alias_delete, aliases of mlcm_register */
  MLCM_CAUSE_ROLLOUT = 2,  /* a rollout promoted its candidate */
  MLCM_CAUSE_UNDO = 3,     /* mlcm_alias_undo */
  MLCM_CAUSE_DELETED = 4,  /* its version or model was deleted */
  MLCM_CAUSE_ROLLBACK = 5  /* a rollout took a promotion back */
};

/* One move of an alias. */
typedef struct mlcm_alias_move {
  int64_t seq;     /* of the change feed */
  int64_t time_ns;
  int64_t from;    /* version, 0: it did not exist */
  int64_t to;      /* version, 0: it was removed */
  mlcm_cause cause;
  int32_t reserved;
  int64_t rollout_id; /* 0 unless a rollout moved it */
  const char *actor;
  const char *reason; /* "" when not said */
} mlcm_alias_move;

/* Immutable snapshot of moves of one alias, newest first. */
typedef struct mlcm_history mlcm_history;

/* Reads up to `limit` (1 to 1,000) moves of an alias, newest first; `before_seq` 0 starts with the newest, else only moves with a
 * smaller seq are given (pass the last seq of one page to get the next). An alias that was removed still has its history. *out is
 * to be freed with mlcm_history_free. MLCM_NOT_FOUND: no such model, or the alias never existed. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_alias_history(mlcm_registry *reg, const char *model, const char *alias,
                                                      int64_t before_seq, size_t limit, mlcm_history **out, mlcm_error *err);
/* Frees the snapshot (NULL is allowed); how many moves it holds; move i < n. Since 0.1. */
MLCM_API void mlcm_history_free(mlcm_history *history);
MLCM_API size_t mlcm_history_n(const mlcm_history *history);
MLCM_API mlcm_alias_move mlcm_history_at(const mlcm_history *history, size_t i);

/* Move `i` as one JSON object (docs/formats.md); *out is to be freed with mlcm_free. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_history_to_json(const mlcm_history *history, size_t i, char **out, mlcm_error *err);

/* Static name of a cause: "manual", "rollout", "undo", "deleted", "rollback"; "unknown" for others. Since 0.1. */
MLCM_API const char *mlcm_cause_name(mlcm_cause cause);

/* ---- Search -------------------------------------------------------------------------------------------------------- */

/* What to look for. All zero gives everything that is not deleted, in the default order.
 *
 * filter    Comparisons joined by AND:  name = 'digits' AND version > 2 AND tags.team ILIKE 'vis%' AND created >= '2026-03-01'
 *           Operators: = != < <= > >= LIKE ILIKE IN ('a', 'b'). In a LIKE pattern % stands for any text and _ for one character;
 *           LIKE minds case, ILIKE minds no case of ASCII letters. Words (AND, LIKE, keys) are read in any case; names of tags,
 *           metrics and aliases are not. Values: 'text' ('' inside stands for one quote), numbers, times as RFC 3339 text.
 *   keys of versions  name, version (also version_number), alias (some alias of it), tags.KEY, metrics.NAME (newest value of an
 *                     evaluation), created, updated (also creation_timestamp, last_updated_timestamp), state ('ready',
 *                     'deleted'), description, actor, parent, dataset, revision, run, digest (of the manifest), size (bytes)
 *   keys of models    name, alias (some alias of it), tags.KEY, created, updated, state, description, actor, versions (how many),
 *                     newest (number of the newest version)
 *           A key may be written with `attribute.` before it, tags also as tag.KEY; KEY may stand in `back ticks` or "double
 *           quotes". A tag or metric that is absent matches nothing, not even !=. Deleted ones are found only when the filter
 *           says state = 'deleted' or names state otherwise.
 * order_by  KEY [ASC|DESC], ... over all keys above but alias; absent tags and metrics come last. Ties fall to name, then to
 * version
 *           DESC. NULL or "": versions the newest change first (of one transaction the last registered first), models by name.
 * limit     1 to 1,000; 0: 100.
 * page_token  From mlcm_page_next of the same query (filter and order), or NULL. It continues behind the last key, so that
 * changes
 *           in between neither repeat nor skip what did not change. */
typedef struct mlcm_query {
  size_t struct_size;
  const char *filter;
  const char *order_by;
  const char *page_token;
  size_t limit;
  uint64_t reserved[4];
} mlcm_query;

/* clang-format off */
#define MLCM_QUERY_INIT {sizeof(mlcm_query), NULL, NULL, NULL, 0, {0, 0, 0, 0}}
/* clang-format on */

/* Sets all members of *query to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_query_init(mlcm_query *query, size_t size_bytes);

/* Immutable snapshot of one page of versions or of models. */
typedef struct mlcm_page mlcm_page;

/* Finds versions, or models. `query` NULL means all defaults. *out is to be freed with mlcm_page_free. With an index for name,
 * version, alias, tags, metrics and updated; other keys are compared row by row.
 * MLCM_PARSE: the filter or the order breaks the grammar; the message says where, as "filter:1:17: unknown key 'verson' (did you
 * mean 'version'?)". MLCM_LIMIT: more than 64 comparisons, 10,000 bytes of filter, 16 keys of order, 1,000 values of IN.
 * MLCM_INVALID_ARGUMENT: also a page token of another query, or one that was changed. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_search_versions(mlcm_registry *reg, const mlcm_query *query, mlcm_page **out,
                                                        mlcm_error *err);
MLCM_API MLCM_MUST_USE mlcm_status mlcm_search_models(mlcm_registry *reg, const mlcm_query *query, mlcm_page **out,
                                                      mlcm_error *err);
/* Frees the page with its items (NULL is allowed); how many items it holds. Since 0.1. */
MLCM_API void mlcm_page_free(mlcm_page *page);
MLCM_API size_t mlcm_page_n(const mlcm_page *page);
/* Item i < n, owned by the page; NULL when the page is of the other kind. Versions of a page do not list their files. Since
 * 0.1. */
MLCM_API const mlcm_version *mlcm_page_version(const mlcm_page *page, size_t i);
MLCM_API const mlcm_model *mlcm_page_model(const mlcm_page *page, size_t i);
/* Token of the next page, or NULL when this is the last. Since 0.1. */
MLCM_API const char *mlcm_page_next(const mlcm_page *page);

/* ---- Policies ------------------------------------------------------------------------------------------------------ */

/* Keeps a policy's text under its SHA-256 for ever; keeping the same text again is a success and no change. `text`: 1 to
 * MLCM_POLICY_BYTES_MAX bytes of UTF-8. `out_sha256` gets 64 hex digits and a NUL. Changes. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_policy_put(mlcm_registry *reg, mlcm_str text, const mlcm_attribution *by,
                                                   char out_sha256[65], mlcm_error *err);

/* Reads a policy's text by its digest (64 hex digits) and checks it. *out is to be freed with mlcm_free. MLCM_NOT_FOUND.
 * MLCM_CORRUPT: the text kept does not have that digest. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_policy_get(mlcm_registry *reg, const char *sha256, char **out, size_t *out_len,
                                                   mlcm_error *err);

/* ---- Change feed --------------------------------------------------------------------------------------------------- */

/* One change, as others may follow it. */
typedef struct mlcm_change {
  int64_t seq;       /* 1, 2, 3 ... without gaps in the order of commits */
  int64_t time_ns;
  const char *kind;  /* e.g. "version.registered", "alias.set"; the list is in docs/formats.md */
  const char *model; /* "" when it is of no model */
  int64_t version;   /* 0 when it is of no version */
  const char *alias; /* "" when it is of no alias */
  const char *detail; /* a JSON object with what the kind adds; "{}" when nothing */
  const char *actor;
  const char *reason; /* "" when not said */
  int64_t audit_seq;  /* its leaf in the audit log */
} mlcm_change;

/* Immutable snapshot of a stretch of the feed, oldest first. */
typedef struct mlcm_feed mlcm_feed;

/* Reads up to `limit` (1 to 10,000) changes with seq > after_seq; an empty feed when there are none yet. *out is to be freed with
 * mlcm_feed_free. O(limit). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_changes(mlcm_registry *reg, int64_t after_seq, size_t limit, mlcm_feed **out,
                                                mlcm_error *err);
/* Frees the snapshot (NULL is allowed); how many changes it holds; change i < n. Since 0.1. */
MLCM_API void mlcm_feed_free(mlcm_feed *feed);
MLCM_API size_t mlcm_feed_n(const mlcm_feed *feed);
MLCM_API mlcm_change mlcm_feed_at(const mlcm_feed *feed, size_t i);

/* Change `i` as one JSON object (docs/formats.md); *out is to be freed with mlcm_free. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_feed_to_json(const mlcm_feed *feed, size_t i, char **out, mlcm_error *err);

/* The seq of the newest change, 0 when there is none: to wait for something new cheaply. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_changes_head(mlcm_registry *reg, int64_t *out_seq, mlcm_error *err);

/* ---- Garbage collection -------------------------------------------------------------------------------------------- */

/* How to collect. All zero is right for most. */
typedef struct mlcm_gc_options {
  size_t struct_size;
  int32_t dry_run; /* 1: count, change nothing */
  int32_t reserved0;
  int64_t grace_ns; /* spares what is younger than this, in the store and again in the trash; 0: 24 h; at least 1 ns */
  mlcm_progress progress; /* objects looked at; total is -1: how many there are is not known */
  uint64_t reserved[4];
} mlcm_gc_options;

/* clang-format off */
#define MLCM_GC_OPTIONS_INIT {sizeof(mlcm_gc_options), 0, 0, 0, {NULL, NULL}, {0, 0, 0, 0}}
/* clang-format on */

/* Sets all members of *options to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_gc_options_init(mlcm_gc_options *options, size_t size_bytes);

/* What a collection did, or with dry_run would do. */
typedef struct mlcm_gc_result {
  int64_t kept;            /* objects that something refers to, or that are too young */
  int64_t kept_bytes;
  int64_t trashed;         /* objects moved to the trash: nothing refers to them any more */
  int64_t trashed_bytes;
  int64_t unlinked;        /* objects removed for good, after a second grace time in the trash */
  int64_t unlinked_bytes;
  int64_t restored;        /* objects taken back from the trash because something refers to them */
  int64_t tmp_files;       /* left-overs of dead writers that were removed */
  int64_t tmp_bytes;
  int64_t reserved[4];
} mlcm_gc_result;

/* Frees the bytes of artifacts that no version refers to: those whose registration never finished. Versions that are deleted keep
 * their bytes, because they can be restored. An object must have been without reference for a grace time before it goes to the
 * trash, and be there for another before it is removed, so one run does not do both; a run that is cut off anywhere loses nothing
 * and the next goes on. Uploads of living processes are never touched, however long they take. `options` NULL means all defaults,
 * `by` NULL the registry's actor and no reason; `out` may be NULL. Runs beside readers and writers; the writer lock is held for
 * short stretches. Writes an audit entry for every 1,000 objects trashed, restored or removed. O(objects).
 * Changes. MLCM_CANCELLED: the progress callback said so; what was done stays done. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gc(mlcm_registry *reg, const mlcm_gc_options *options, const mlcm_attribution *by,
                                           mlcm_gc_result *out, mlcm_error *err);

/* ---- Check and repair ---------------------------------------------------------------------------------------------- */

/* What kind of thing is damaged. */
typedef int32_t mlcm_damage;
enum {
  MLCM_DAMAGE_DATABASE = 1, /* the database file: missing, cut, a damaged page, a table or index that cannot be read */
  MLCM_DAMAGE_INDEX = 2,    /* an index of the database disagrees with its table */
  MLCM_DAMAGE_ROW = 3,      /* a row disagrees with the rest of the registry or with the audit log */
  MLCM_DAMAGE_COUNTER = 4,  /* a number that is kept for speed is not what counting gives */
  MLCM_DAMAGE_MANIFEST = 5, /* a version's list of files */
  MLCM_DAMAGE_BLOB = 6,     /* stored bytes: gone, cut, changed, unreadable */
  MLCM_DAMAGE_AUDIT = 7,    /* an entry, leaf, tile or head of the audit log, or the head file */
  MLCM_DAMAGE_BACKUP = 8,   /* a backup is not as its backup.json says */
  MLCM_DAMAGE_LEFTOVER = 9  /* no damage: files of writers that died; they only take room */
};

/* Static name of a kind: "database", "index", "row", ...; "unknown" for others. Since 0.1. */
MLCM_API const char *mlcm_damage_name(mlcm_damage kind);

/* One thing found. Texts are never NULL. */
typedef struct mlcm_finding {
  mlcm_damage kind;
  int32_t is_damage;  /* 0: a note, the registry is sound */
  int32_t can_repair; /* 1: mlcm_fsck with `repair` can put it right without inventing anything */
  int32_t repaired;   /* 1: this call did, and looking again found it sound */
  const char *object;   /* e.g. "digits/3 weights.bin", "audit entry 17", "model digits" */
  const char *problem;  /* what is wrong */
  const char *expected; /* digest or value it should have, "" when that does not apply */
  const char *found;    /* what it has */
  const char *restore;  /* what can be restored from where, and how */
} mlcm_finding;

/* How to check. All zero: look only. */
typedef struct mlcm_fsck_options {
  size_t struct_size;
  int32_t repair;     /* 1: put right what is safe, record it, look again */
  int32_t reserved0;
  const char *backup; /* directory of a backup (or another registry) to look for lost bytes and manifests in; NULL: none */
  mlcm_progress progress; /* bytes read, of all that versions refer to */
  uint64_t reserved[4];
} mlcm_fsck_options;

/* clang-format off */
#define MLCM_FSCK_OPTIONS_INIT {sizeof(mlcm_fsck_options), 0, 0, NULL, {NULL, NULL}, {0, 0, 0, 0}}
/* clang-format on */

/* Sets all members of *options to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_fsck_options_init(mlcm_fsck_options *options, size_t size_bytes);

/* Immutable snapshot of what a check found. */
typedef struct mlcm_fsck_report mlcm_fsck_report;

/* Looks at everything in the registry (or backup) in `dir` and names every damaged row, blob, manifest and part of the audit log,
 * not only the first: the database's pages, indexes and references; each manifest against its digest; each object's bytes against
 * theirs; counters; aliases, versions, deletions and decisions against the audit log; evidence chains; the log's entries, leaves,
 * tiles and head. Works on what mlcm_registry_open would refuse; makes no registry where there is none. Without `repair` nothing
 * is changed; running processes go on.
 *
 * With `repair` it does only what needs no guess: bytes are taken back from the trash or from `backup` when their digest is
 * right, a manifest is taken from there or recomputed from the objects when its digest then is right, counters, indexes and what
 * else can be derived are derived anew, tiles and head of the audit log are rebuilt when independent evidence confirms the
 * entries, files of dead writers are removed. All in one transaction with its line in the feed and its leaf in the log; where
 * those cannot be written nothing is repaired. What was put right is found by looking a second time. The rest is left as it is,
 * and said.
 *
 * `options` NULL: look only. `by` is for the record of a repair. *out is to be freed with mlcm_fsck_report_free. O(bytes).
 * MLCM_OK: the check was made, whatever it found: see mlcm_fsck_summary. MLCM_NOT_FOUND: no registry in `dir`, or none in
 * `backup`.
 * MLCM_NEWER_FORMAT: written by a newer library, nothing was judged. MLCM_REFUSED: its schema is older; open it once for writing.
 * MLCM_CANCELLED: the progress callback said so. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_fsck(mlcm_context *ctx, const char *dir, const mlcm_fsck_options *options,
                                             const mlcm_attribution *by, mlcm_fsck_report **out, mlcm_error *err);
MLCM_API void mlcm_fsck_report_free(mlcm_fsck_report *report);

/* What was looked at and found, in numbers. */
typedef struct mlcm_fsck_summary {
  int64_t versions, manifests; /* looked at */
  int64_t objects, bytes;      /* that versions refer to, read and hashed */
  int64_t unreferenced;        /* objects that nothing refers to: garbage, not damage */
  int64_t audit_entries;
  int64_t damaged;  /* findings that are damage, the repaired ones included */
  int64_t repaired; /* of all findings */
  int64_t left;     /* damage that is still there: 0 means the registry is sound */
  int64_t reserved[4];
} mlcm_fsck_summary;

/* What a report says; text lives as long as the report. Any thread. Since 0.1. */
MLCM_API mlcm_fsck_summary mlcm_fsck_report_summary(const mlcm_fsck_report *report);
MLCM_API size_t mlcm_fsck_report_n(const mlcm_fsck_report *report);                      /* findings */
MLCM_API mlcm_finding mlcm_fsck_report_at(const mlcm_fsck_report *report, size_t i); /* i < n */
/* Why a repair that was asked for could not be made at all; "" otherwise. Since 0.1. */
MLCM_API const char *mlcm_fsck_report_refusal(const mlcm_fsck_report *report);

/* The report as one JSON object (docs/formats-fsck.md); *out is to be freed with mlcm_free. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_fsck_report_to_json(const mlcm_fsck_report *report, char **out, mlcm_error *err);

/* ---- Backup and restore -------------------------------------------------------------------------------------------- */

/* How to make or bring back a backup. All zero is right for most. */
typedef struct mlcm_backup_options {
  size_t struct_size;
  mlcm_progress progress; /* bytes copied, of all */
  uint64_t reserved[4];
} mlcm_backup_options;

/* clang-format off */
#define MLCM_BACKUP_OPTIONS_INIT {sizeof(mlcm_backup_options), {NULL, NULL}, {0, 0, 0, 0}}
/* clang-format on */

/* Sets all members of *options to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_backup_options_init(mlcm_backup_options *options, size_t size_bytes);

/* What a backup holds. */
typedef struct mlcm_backup_result {
  int64_t versions;
  int64_t objects, object_bytes;
  int64_t database_bytes;
  int64_t audit_entries; /* length of the audit log in it */
  char audit_root[65];   /* hex; worth keeping elsewhere: it holds the backup to its past */
  char reserved[7];
} mlcm_backup_result;

/* Copies the registry as it is at one moment into the new directory `dest`: the database, every object that one of its versions
 * refers to, and backup.json with digests and counts. Writers and garbage collection go on meanwhile. Each object's bytes are
 * checked while they are copied. `dest` appears complete and durable, or not at all: it is built beside itself as
 * dest.tmp-RANDOM; what a crash leaves of that may be removed. A backup is a registry that can be opened read-only, checked with
 * mlcm_fsck, and brought back with mlcm_restore. Bytes are copied, never linked, so that no later damage is shared. `options`,
 * `by` and `out` may be NULL. O(bytes). Changes (records the backup in feed and log). MLCM_ALREADY_EXISTS: `dest` exists.
 * MLCM_NOT_FOUND: its parent does not, or an object is gone. MLCM_CORRUPT: an object or manifest is damaged; the message names
 * it, mlcm_fsck names all. MLCM_CANCELLED. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_backup(mlcm_registry *reg, const char *dest, const mlcm_backup_options *options,
                                               const mlcm_attribution *by, mlcm_backup_result *out, mlcm_error *err);

/* Makes a new registry in `dest` from the backup in `backup`. The backup is checked whole first (mlcm_fsck), then copied beside
 * `dest`, its audit log continued with the record of the restore, then renamed: `dest` appears complete and durable or not at
 * all. An existing `dest` is never touched. An older backup is brought to this library's format on the way; the backup itself is
 * not changed. `options`, `by` and `out` may be NULL. O(bytes).
 * MLCM_ALREADY_EXISTS: `dest` exists. MLCM_NOT_FOUND: no backup there. MLCM_CORRUPT: the backup is damaged; the message names the
 * first finding and says how many there are. MLCM_NEWER_FORMAT. MLCM_CANCELLED. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_restore(mlcm_context *ctx, const char *backup, const char *dest,
                                                const mlcm_backup_options *options, const mlcm_attribution *by,
                                                mlcm_backup_result *out, mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
