/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.h - the registry handle's inside, and what rollouts, gc, audit and the endpoint use of it.
 *
 * The rule of every change: open a write transaction, read what it depends on inside it, change rows, record it (one event of the
 * feed and one leaf of the audit log, mlcm__registry_record), commit. Nothing is changed outside such a transaction but the
 * objects of the blob store, which nobody sees before a row names them.
 *
 *   mlcm__db_conn *conn = NULL;
 *   mlcm_status st = mlcm__registry_write_begin(reg, &conn, err);
 *   if (!st) st = ... changes on conn ...
 *   if (!st) st = mlcm__registry_record(conn, reg, &change, by, NULL, err);
 *   if (!st) st = mlcm__registry_commit(reg, &conn, err);   // conn is NULL afterwards, whatever the answer
 *   mlcm__db_rollback(conn);                                // NULL-safe: undoes when anything above failed
 */
#ifndef MLCM_REGISTRY_REGISTRY_H
#define MLCM_REGISTRY_REGISTRY_H

#include <mlcm/registry.h>

#include "base/context.h"
#include "store/blob.h"
#include "store/db.h"

/* Immutable after open but for `refs`. Files: DIR/registry.db (with -wal and -shm), DIR/registry.lock (writer lock), DIR/objects,
 * DIR/tmp and DIR/trash (blob store), DIR/audit.head (newest audit head, outside the database), DIR/run (files of serving
 * processes). */
struct mlcm_registry {
  mlcm_context *ctx;
  char *dir;
  char *run_dir;
  char *anchor_path; /* DIR/audit.head */
  mlcm__db *db;
  mlcm__blobs *blobs;
  char *actor;            /* of changes that name none */
  const char *actor_auth; /* how that actor is known: "os" or "claimed" */
  bool read_only;
  atomic_int refs;
};

/* Counted hold: endpoints and rollouts take one at open and give it up at close. mlcm_registry_close gives up the caller's. */
mlcm_registry *mlcm__registry_retain(mlcm_registry *reg);
void mlcm__registry_release(mlcm_registry *reg);

enum { MLCM__REGISTRY_APPLICATION_ID = 0x6d6c636d /* "mlcm", in the database's header */ };

/* Schema of the database: migrations[i] takes version i to i + 1. */
extern const char *const mlcm__registry_migrations[];
extern const size_t mlcm__registry_n_migrations;

/* Hands on a failure that was kept back to be looked at: writes it into `err` (nullable) and answers its code. */
static inline mlcm_status mlcm__fail_as(mlcm_error *err, const mlcm_error *why) {
  if (err) *err = *why;
  return why->code;
}

/* ---- writing ---- */

/* MLCM_REFUSED with a sentence of its own when the registry is read-only; else mlcm__db_write_begin with its time limit. */
mlcm_status mlcm__registry_write_begin(mlcm_registry *reg, mlcm__db_conn **out, mlcm_error *err);
/* Commits, then writes the audit head beside the database. *conn is NULL afterwards whatever the answer. */
mlcm_status mlcm__registry_commit(mlcm_registry *reg, mlcm__db_conn **conn, mlcm_error *err);

/* One change, for the feed and the audit log. Texts may be NULL but for kind and object_kind. */
typedef struct mlcm__record {
  const char *kind;        /* of the event, and action of the audit entry: "version.registered", "alias.set" ... */
  const char *object_kind; /* "model", "version", "alias", "policy", "rollout", "registry" */
  const char *model;
  int64_t version;
  const char *alias;
  const char *name;     /* object's name in the audit entry; NULL: made of model and alias ("digits@champion") */
  const char *before;   /* digest or short state */
  const char *after;    /* digest or short state */
  const char *evidence; /* sha256 in hex; NULL: of the detail, which stands in `after` when that is NULL */
  const char *detail;   /* canonical JSON object for the feed; NULL: "{}" */
  int64_t time_ns;      /* 0: now */
} mlcm__record;

/* Writes the event and its audit leaf, both with the actor and reason of `by` (NULL: the registry's actor, no reason).
 * *out_seq (nullable) is the event's number. */
mlcm_status mlcm__registry_record(mlcm__db_conn *conn, mlcm_registry *reg, const mlcm__record *record, const mlcm_attribution *by,
                                  int64_t *out_seq, mlcm_error *err);

/* The actor that `by` stands for, how it is known, and its reason ("" for none). */
const char *mlcm__registry_actor_of(const mlcm_registry *reg, const mlcm_attribution *by);
const char *mlcm__registry_auth_of(const mlcm_registry *reg, const mlcm_attribution *by);
const char *mlcm__registry_reason_of(const mlcm_attribution *by);
/* Public functions check `by` with this before anything else. */
mlcm_status mlcm__check_attribution(const mlcm_attribution *by, mlcm_error *err);

/* ---- finding rows, inside a transaction ---- */

/* A model's row. */
typedef struct mlcm__model_row {
  int64_t id;
  int32_t state;
  int64_t last_version; /* highest number ever given */
  int64_t n_versions;   /* not deleted */
  int64_t newest;       /* newest not deleted, 0 for none */
} mlcm__model_row;

/* *found false when there is no such model; a deleted one is found (look at state). */
mlcm_status mlcm__model_look_up(mlcm__db_conn *conn, const char *name, mlcm__model_row *out, bool *found, mlcm_error *err);
/* The same, and a missing one is MLCM_NOT_FOUND with the nearest spelling. */
mlcm_status mlcm__model_find(mlcm__db_conn *conn, const char *name, mlcm__model_row *out, mlcm_error *err);
/* The same, and a deleted one is MLCM_NOT_FOUND that says so. */
mlcm_status mlcm__model_find_ready(mlcm__db_conn *conn, const char *name, mlcm__model_row *out, mlcm_error *err);
/* Name of a model by its id; freed with mlcm__free. */
mlcm_status mlcm__model_name_of(mlcm__db_conn *conn, int64_t model_id, char **out, mlcm_error *err);

/* Makes a model's row with its event; the caller checked name and absence (MLCM_ALREADY_EXISTS otherwise). */
mlcm_status mlcm__model_create_in(mlcm__db_conn *conn, mlcm_registry *reg, const char *name, const char *description,
                                  int64_t now_ns, const mlcm_attribution *by, mlcm_error *err);

/* A version's row id by model and number. *out_state may be NULL. MLCM_NOT_FOUND says which versions there are. */
mlcm_status mlcm__version_find(mlcm__db_conn *conn, const mlcm__model_row *model, const char *name, int64_t number,
                               int64_t *out_id, int32_t *out_state, mlcm_error *err);
/* The same, and a deleted one is MLCM_NOT_FOUND that says so. */
mlcm_status mlcm__version_find_ready(mlcm__db_conn *conn, const mlcm__model_row *model, const char *name, int64_t number,
                                     int64_t *out_id, mlcm_error *err);

/* Resolves a parsed reference to model row and version number (which may be of a deleted version only for MLCM_REF_NUMBER). */
mlcm_status mlcm__ref_resolve(mlcm__db_conn *conn, const mlcm_ref *ref, mlcm__model_row *out_model, int64_t *out_number,
                              mlcm_error *err);

/* Target of an alias by model id: *out 0 when the alias does not exist. */
mlcm_status mlcm__alias_target(mlcm__db_conn *conn, int64_t model_id, const char *alias, int64_t *out, mlcm_error *err);

/* The MLCM_NOT_FOUND of an alias, with the nearest spelling. */
mlcm_status mlcm__alias_missing(mlcm__db_conn *conn, int64_t model_id, const char *model, const char *alias, mlcm_error *err);

/* ---- aliases, inside a caller's write transaction ---- */

/* Moves (to_version > 0) or removes (0) an alias with history, event and audit leaf; `expect` as in mlcm_alias_set. rollout_id: 0
 * when no rollout makes the move. Does not ask mlcm__rollouts_on_alias_change: that is for moves from outside. The target must
 * exist and not be deleted. No change and no record when it stands there already. */
mlcm_status mlcm__alias_move_in(mlcm__db_conn *conn, mlcm_registry *reg, int64_t model_id, const char *alias, int64_t to_version,
                                int64_t expect, mlcm_cause cause, int64_t rollout_id, const mlcm_attribution *by,
                                mlcm_error *err);

/* The last good version of mlcm_alias_last_good; MLCM_NOT_FOUND when there is none. */
mlcm_status mlcm__alias_last_good_in(mlcm__db_conn *conn, int64_t model_id, const char *model, const char *alias,
                                     int64_t *out_version, mlcm_error *err);

/* mlcm_policy_put inside a caller's write transaction; the text was checked. */
mlcm_status mlcm__policy_put_in(mlcm__db_conn *conn, mlcm_registry *reg, mlcm_str text, const mlcm_attribution *by,
                                char out_sha256[65], mlcm_error *err);

/* ---- the hook of rollouts.c ---- */

/* Called inside the write transaction of every alias move that no rollout made (also by undo, delete and register with aliases),
 * after the move. `from` and `to`: versions, 0 for none. alias NULL: version `from`, or with 0 the whole
 * model, is being deleted, whatever its aliases. Answers MLCM_CONFLICT when an active rollout of that model and alias (or
 * speaking of that version) stands in the way and `flags` lacks MLCM_FORCE; with it pauses the rollout and says who. Writes the
 * new routing epoch when an endpoint serves model and alias. */
mlcm_status mlcm__rollouts_on_alias_change(mlcm__db_conn *conn, mlcm_registry *reg, int64_t model_id, const char *alias,
                                           int64_t from, int64_t to, uint32_t flags, const mlcm_attribution *by, mlcm_error *err);

/* ---- reading artifacts ---- */

/* One file of a version with its verified bytes. */
typedef struct mlcm__version_bytes {
  const char *path; /* the version's */
  mlcm__blob_bytes bytes;
} mlcm__version_bytes;

typedef struct mlcm__version_files {
  mlcm_context *ctx;
  size_t n;
  mlcm__version_bytes *items; /* sorted by path */
} mlcm__version_files;

/* Reads every file of the version once into private memory and checks the digest of that copy. The version must outlive *out.
 * MLCM_CORRUPT: "digits/3: weights.bin changed: sha256 is 4f1c..., the manifest says 9a02... (registered 2026-03-01 by ana)".
 * MLCM_INVALID_STATE: the version is deleted. */
mlcm_status mlcm__version_read_files(mlcm_registry *reg, const mlcm_version *version, mlcm__version_files *out, mlcm_error *err);
void mlcm__version_files_free(mlcm__version_files *files); /* fine on a zeroed one */

#endif
