/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck.h - the check's inside, shared by the fsck*.c files.
 *
 *   fsck.c            the order of things: look, repair, look again
 *   fsck_report.c     findings, and the public report made of them
 *   fsck_db.c         the database file: opening, pages, schema
 *   fsck_shape.c      types of values, references between rows
 *   fsck_manifest.c   manifests, and with them the list of objects that must be there
 *   fsck_blob.c       objects
 *   fsck_query.c      checks that are one query
 *   fsck_rows.c       rows against each other
 *   fsck_rollouts.c   endpoints, routing, rollouts and their decisions against each other
 *   fsck_history.c    rows against the change feed
 *   fsck_given.c      descriptions and tags against what was given at registration
 *   fsck_audit.c      the audit log, and rows against it
 *   fsck_backup.c     a backup against its backup.json
 *   fsck_repair.c     what is safe to put right
 *
 * A check answers MLCM_OK when it came to its end, whatever it told. What stands in its way because of damage (a page that cannot
 * be read) is told as well and ends that check only; lack of memory and a caller who has had enough end everything.
 */
#ifndef MLCM_REGISTRY_FSCK_H
#define MLCM_REGISTRY_FSCK_H

#include "base/arena.h"
#include "base/map.h"
#include "registry/progress.h"
#include "registry/registry.h"
#include "trust/audit.h"

/* How a finding can be put right. */
typedef enum mlcm__fix {
  MLCM__FIX_NONE = 0,
  MLCM__FIX_FOLDERS,       /* folders of the object store that are gone */
  MLCM__FIX_REINDEX,       /* indexes, from their tables */
  MLCM__FIX_SCHEMA,        /* an index or trigger, by the SQL in `text` */
  MLCM__FIX_COUNTERS,      /* of model `id`, by counting its versions */
  MLCM__FIX_SUMS,          /* n_files and size_bytes of version `id`, from its manifest */
  MLCM__FIX_METRICS,       /* of version `id`, from its evaluations */
  MLCM__FIX_MOVE_SEQ,      /* of alias `text` of model `id`, from the change feed, which its history confirms */
  MLCM__FIX_MANIFEST,      /* text of manifest `id` */
  MLCM__FIX_MANIFEST_NAME, /* digest of manifest `id`, which the log confirms */
  MLCM__FIX_FROM_TRASH,    /* `blob`, with its time in the trash */
  MLCM__FIX_FROM_BACKUP,   /* `blob` */
  MLCM__FIX_AUDIT,         /* leaves, tiles and head from confirmed entries */
  MLCM__FIX_ANCHOR,        /* the head file, from the verified log */
  MLCM__FIX_TMP            /* files of dead writers */
} mlcm__fix;

/* A finding with what its repair needs. Texts may be NULL going in. */
typedef struct mlcm__fsck_item {
  mlcm_finding shown;
  mlcm__fix fix;
  int64_t id;
  mlcm__blob_info blob;
  const char *text;
  size_t text_len;
} mlcm__fsck_item;

struct mlcm_fsck_report {
  mlcm_context *ctx;
  mlcm__arena arena; /* all texts */
  const char *dir;
  char refusal[512]; /* why nothing was repaired, "" when it was or nobody asked */
  mlcm_fsck_summary summary;
  mlcm__fsck_item *items;
  size_t n, cap;
};

/* An object that versions refer to. */
typedef struct mlcm__fsck_object {
  uint8_t sha256[MLCM__SHA256_BYTES];
  int64_t size_bytes;
  const char *owner; /* "digits/3 weights.bin"; of the report's arena */
} mlcm__fsck_object;

typedef struct mlcm__fsck {
  mlcm_context *ctx;
  const char *dir;
  mlcm_fsck_options options;
  mlcm_fsck_report *report; /* being filled */
  char *db_path;
  mlcm__db *db;         /* NULL: cannot be opened, which was told */
  mlcm__db_conn *conn;  /* one snapshot */
  mlcm__blobs *blobs;   /* NULL: as db */
  mlcm__db *spare_db;   /* of options.backup; NULL: none */
  mlcm__db_conn *spare_conn;
  mlcm__blobs *spare_blobs;
  mlcm__fsck_object *objects; /* in order of first mention */
  size_t n_objects, cap_objects;
  mlcm__map *known;     /* digest to anything, for each of them */
  mlcm__map *told;      /* digests (hex) of manifests' texts that were told to be damaged */
  mlcm__map *confused;  /* ids of versions whose evaluations differ from the feed; see fsck_history.c */
  mlcm__pace pace;      /* bytes of objects */
} mlcm__fsck;

/* ---- telling (fsck_report.c) ---- */

mlcm_status mlcm__fsck_report_new(mlcm_context *ctx, const char *dir, mlcm_fsck_report **out, mlcm_error *err);
/* Copies all texts. is_damage and can_repair are set here: the latter says whether there is a fix. */
mlcm_status mlcm__fsck_tell(mlcm__fsck *f, const mlcm__fsck_item *item, mlcm_error *err);
/* Without a fix, the problem as a format. */
MLCM_PRINTF(6, 7)
mlcm_status mlcm__fsck_say(mlcm__fsck *f, mlcm_damage kind, const char *object, const char *restore, mlcm_error *err,
                           const char *problem, ...);
/* Adds what `before` has and `after` has not to `after`, as repaired. */
mlcm_status mlcm__fsck_merge(mlcm_fsck_report *after, const mlcm_fsck_report *before, mlcm_error *err);
void mlcm__fsck_count(mlcm_fsck_report *report);

/* Damage that stopped a check becomes a finding and MLCM_OK; other failures stay. */
mlcm_status mlcm__fsck_unless_damage(mlcm__fsck *f, mlcm_status st, const mlcm_error *why, mlcm_damage kind, const char *object,
                                     mlcm_error *err);
typedef mlcm_status mlcm__fsck_check(mlcm__fsck *f, mlcm_error *err);
/* Runs a check over `object` (a table) so. */
mlcm_status mlcm__fsck_try(mlcm__fsck *f, mlcm__fsck_check *check, const char *object, mlcm_error *err);

/* ---- checks that are one query (fsck_query.c) ---- */

/* Gives a row for each thing that is wrong. Columns: object, expected, found, id of what `fix` needs or, without `restore`, the
 * audit entry that has the right value; for MLCM__FIX_MOVE_SEQ also the alias's name. */
typedef struct mlcm__fsck_query {
  const char *table; /* named when it cannot be read */
  const char *sql;
  mlcm_damage kind;
  mlcm__fix fix;
  const char *problem;
  const char *restore; /* NULL: the audit entry */
} mlcm__fsck_query;

/* Asks each; a table that cannot be read is told and the others are still asked. */
mlcm_status mlcm__fsck_ask(mlcm__fsck *f, const mlcm__fsck_query *queries, size_t n, mlcm_error *err);

/* What most damage to the database can be restored from. */
#define MLCM__FSCK_BACKUP "only a backup has it: mlcm backup restore"

/* ---- the checks ---- */

/* Opens database and objects of the directory without making anything; and those of options.backup. */
mlcm_status mlcm__fsck_open(mlcm__fsck *f, mlcm_error *err);
void mlcm__fsck_close(mlcm__fsck *f);
mlcm_status mlcm__fsck_database(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_types(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_references(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_manifests(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_objects(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_rows(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_rollouts(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_history(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_given(mlcm__fsck *f, mlcm_error *err);
mlcm_status mlcm__fsck_backup_file(mlcm__fsck *f, mlcm_error *err);

/* The head file is to be read before the snapshot is taken, so that it cannot be newer than the log. */
typedef struct mlcm__fsck_anchor {
  bool is_there;
  mlcm__audit_head head;
  bool is_unreadable;
} mlcm__fsck_anchor;
mlcm_status mlcm__fsck_anchor_read(mlcm__fsck *f, mlcm__fsck_anchor *out, mlcm_error *err);
mlcm_status mlcm__fsck_audit(mlcm__fsck *f, const mlcm__fsck_anchor *anchor, mlcm_error *err);

/* Puts right what `found` offers a fix for. What stands in the way goes into found->refusal. */
mlcm_status mlcm__fsck_repair(mlcm__fsck *f, mlcm_fsck_report *found, const mlcm_attribution *by, mlcm_error *err);

/* SHA-256 of a file's bytes as they are. */
mlcm_status mlcm__fsck_hash_file(mlcm_context *ctx, const char *path, int64_t *out_size, char out_hex[MLCM__SHA256_HEX + 1],
                                 mlcm_error *err);

#endif
