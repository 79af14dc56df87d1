/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - the registry's tables: one migration a schema version. A released migration is never edited, only followed.
 *
 * Invariants the code keeps, beside those the schema states itself:
 *   model.n_versions and model.newest count and name the versions that are not deleted; model.last_version never falls.
 *   alias.version always names a version that is not deleted.
 *   alias_move has one row for every change of alias, with the seq of its event.
 *   metric holds the newest value of each metric of a version; evaluation_score holds all.
 *   event.seq runs from 1 without gaps: rows are only appended, by one writer at a time.
 */
#include "registry/registry.h"
#include "registry/rollouts_schema.h"
#include "trust/audit_schema.h"

/* Names and the rows that belong to them. Indexes serve search (state with each time order, tags and metrics by key and
 * value). */
#define MODEL_SQL                                                                                                                \
  "CREATE TABLE model ("                                                                                                         \
  "  id INTEGER PRIMARY KEY,"                                                                                                    \
  "  name TEXT NOT NULL UNIQUE,"                                                                                                 \
  "  description TEXT NOT NULL DEFAULT '',"                                                                                      \
  "  state INTEGER NOT NULL DEFAULT 1 CHECK (state IN (1, 2)),"                                                                  \
  "  last_version INTEGER NOT NULL DEFAULT 0,"                                                                                   \
  "  n_versions INTEGER NOT NULL DEFAULT 0 CHECK (n_versions >= 0),"                                                             \
  "  newest INTEGER NOT NULL DEFAULT 0,"                                                                                         \
  "  created_ns INTEGER NOT NULL,"                                                                                               \
  "  updated_ns INTEGER NOT NULL,"                                                                                               \
  "  actor TEXT NOT NULL) STRICT;"                                                                                               \
  "CREATE INDEX model_by_update ON model (updated_ns);"                                                                          \
  "CREATE TABLE model_tag ("                                                                                                     \
  "  model_id INTEGER NOT NULL REFERENCES model (id),"                                                                           \
  "  key TEXT NOT NULL,"                                                                                                         \
  "  value TEXT NOT NULL,"                                                                                                       \
  "  PRIMARY KEY (model_id, key)) STRICT, WITHOUT ROWID;"                                                                        \
  "CREATE INDEX model_tag_by_value ON model_tag (key, value);"

/* The manifest's text stands in a table of its own: versions with the same files share it, and rows of version stay short. */
#define VERSION_SQL                                                                                                              \
  "CREATE TABLE manifest ("                                                                                                      \
  "  id INTEGER PRIMARY KEY,"                                                                                                    \
  "  sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),"                                                                   \
  "  text BLOB NOT NULL) STRICT;"                                                                                                \
  "CREATE TABLE version ("                                                                                                       \
  "  id INTEGER PRIMARY KEY,"                                                                                                    \
  "  model_id INTEGER NOT NULL REFERENCES model (id),"                                                                           \
  "  number INTEGER NOT NULL CHECK (number > 0),"                                                                                \
  "  state INTEGER NOT NULL DEFAULT 1 CHECK (state IN (1, 2)),"                                                                  \
  "  created_ns INTEGER NOT NULL,"                                                                                               \
  "  updated_ns INTEGER NOT NULL,"                                                                                               \
  "  actor TEXT NOT NULL,"                                                                                                       \
  "  reason TEXT NOT NULL DEFAULT '',"                                                                                           \
  "  description TEXT NOT NULL DEFAULT '',"                                                                                      \
  "  parent TEXT NOT NULL DEFAULT '',"                                                                                           \
  "  dataset_digest TEXT NOT NULL DEFAULT '',"                                                                                   \
  "  source_revision TEXT NOT NULL DEFAULT '',"                                                                                  \
  "  run_link TEXT NOT NULL DEFAULT '',"                                                                                         \
  "  scan_verdict TEXT NOT NULL DEFAULT 'unscanned',"                                                                            \
  "  manifest_id INTEGER NOT NULL REFERENCES manifest (id),"                                                                     \
  "  n_files INTEGER NOT NULL,"                                                                                                  \
  "  size_bytes INTEGER NOT NULL,"                                                                                               \
  "  UNIQUE (model_id, number)) STRICT;"                                                                                         \
  "CREATE INDEX version_by_update ON version (updated_ns);"                                                                      \
  "CREATE INDEX version_by_model_update ON version (model_id, updated_ns);"                                                      \
  "CREATE INDEX version_newest ON version (model_id, state, number);"                                                            \
  "CREATE INDEX version_by_manifest ON version (manifest_id);"                                                                   \
  /* Bytes, lineage and numbers of a version are what was evaluated, signed and promoted: nothing may change them. */            \
  "CREATE TRIGGER version_is_immutable BEFORE UPDATE OF model_id, number, created_ns, actor, reason, parent, dataset_digest,"    \
  "  source_revision, run_link, manifest_id, n_files, size_bytes ON version"                                                     \
  "  BEGIN SELECT RAISE(ABORT, 'a version never changes'); END;"                                                                 \
  "CREATE TRIGGER manifest_is_immutable BEFORE UPDATE ON manifest"                                                               \
  "  BEGIN SELECT RAISE(ABORT, 'a manifest never changes'); END;"                                                                \
  "CREATE TABLE version_tag ("                                                                                                   \
  "  version_id INTEGER NOT NULL REFERENCES version (id),"                                                                       \
  "  key TEXT NOT NULL,"                                                                                                         \
  "  value TEXT NOT NULL,"                                                                                                       \
  "  PRIMARY KEY (version_id, key)) STRICT, WITHOUT ROWID;"                                                                      \
  "CREATE INDEX version_tag_by_value ON version_tag (key, value);"

#define ALIAS_SQL                                                                                                                \
  "CREATE TABLE alias ("                                                                                                         \
  "  model_id INTEGER NOT NULL,"                                                                                                 \
  "  name TEXT NOT NULL,"                                                                                                        \
  "  version INTEGER NOT NULL,"                                                                                                  \
  "  move_seq INTEGER NOT NULL," /* its newest row of alias_move: who, when, why */                                              \
  "  PRIMARY KEY (model_id, name),"                                                                                              \
  "  FOREIGN KEY (model_id, version) REFERENCES version (model_id, number)) STRICT, WITHOUT ROWID;"                              \
  "CREATE INDEX alias_by_version ON alias (model_id, version);"                                                                  \
  "CREATE INDEX alias_by_name ON alias (name);"                                                                                  \
  "CREATE TABLE alias_move ("                                                                                                    \
  "  seq INTEGER PRIMARY KEY REFERENCES event (seq),"                                                                            \
  "  model_id INTEGER NOT NULL REFERENCES model (id),"                                                                           \
  "  alias TEXT NOT NULL,"                                                                                                       \
  "  from_version INTEGER NOT NULL,"                                                                                             \
  "  to_version INTEGER NOT NULL,"                                                                                               \
  "  cause INTEGER NOT NULL,"                                                                                                    \
  "  rollout_id INTEGER NOT NULL DEFAULT 0) STRICT;"                                                                             \
  "CREATE INDEX alias_move_by_alias ON alias_move (model_id, alias, seq);"                                                       \
  "CREATE TRIGGER alias_move_no_update BEFORE UPDATE ON alias_move"                                                              \
  "  BEGIN SELECT RAISE(ABORT, 'alias history is append-only'); END;"                                                            \
  "CREATE TRIGGER alias_move_no_delete BEFORE DELETE ON alias_move"                                                              \
  "  BEGIN SELECT RAISE(ABORT, 'alias history is append-only'); END;"

#define EVALUATION_SQL                                                                                                           \
  "CREATE TABLE evaluation ("                                                                                                    \
  "  id INTEGER PRIMARY KEY,"                                                                                                    \
  "  version_id INTEGER NOT NULL REFERENCES version (id),"                                                                       \
  "  name TEXT NOT NULL,"                                                                                                        \
  "  dataset_digest TEXT NOT NULL DEFAULT '',"                                                                                   \
  "  n_samples INTEGER NOT NULL DEFAULT 0,"                                                                                      \
  "  time_ns INTEGER NOT NULL,"                                                                                                  \
  "  actor TEXT NOT NULL,"                                                                                                       \
  "  reason TEXT NOT NULL DEFAULT '') STRICT;"                                                                                   \
  "CREATE INDEX evaluation_by_version ON evaluation (version_id, id);"                                                           \
  "CREATE TABLE evaluation_score ("                                                                                              \
  "  evaluation_id INTEGER NOT NULL REFERENCES evaluation (id),"                                                                 \
  "  metric TEXT NOT NULL,"                                                                                                      \
  "  value REAL NOT NULL,"                                                                                                       \
  "  PRIMARY KEY (evaluation_id, metric)) STRICT, WITHOUT ROWID;"                                                                \
  "CREATE TABLE metric ("                                                                                                        \
  "  version_id INTEGER NOT NULL REFERENCES version (id),"                                                                       \
  "  name TEXT NOT NULL,"                                                                                                        \
  "  value REAL NOT NULL,"                                                                                                       \
  "  PRIMARY KEY (version_id, name)) STRICT, WITHOUT ROWID;"                                                                     \
  "CREATE INDEX metric_by_value ON metric (name, value);"

#define POLICY_SQL                                                                                                               \
  "CREATE TABLE policy ("                                                                                                        \
  "  id INTEGER PRIMARY KEY,"                                                                                                    \
  "  sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),"                                                                   \
  "  text BLOB NOT NULL,"                                                                                                        \
  "  created_ns INTEGER NOT NULL,"                                                                                               \
  "  actor TEXT NOT NULL) STRICT;"                                                                                               \
  "CREATE TRIGGER policy_is_immutable BEFORE UPDATE ON policy"                                                                   \
  "  BEGIN SELECT RAISE(ABORT, 'a policy never changes'); END;"

#define EVENT_SQL                                                                                                                \
  "CREATE TABLE event ("                                                                                                         \
  "  seq INTEGER PRIMARY KEY CHECK (seq > 0),"                                                                                   \
  "  time_ns INTEGER NOT NULL,"                                                                                                  \
  "  kind TEXT NOT NULL,"                                                                                                        \
  "  model TEXT NOT NULL DEFAULT '',"                                                                                            \
  "  version INTEGER NOT NULL DEFAULT 0,"                                                                                        \
  "  alias TEXT NOT NULL DEFAULT '',"                                                                                            \
  "  detail TEXT NOT NULL DEFAULT '{}',"                                                                                         \
  "  actor TEXT NOT NULL,"                                                                                                       \
  "  reason TEXT NOT NULL DEFAULT '',"                                                                                           \
  "  audit_seq INTEGER NOT NULL) STRICT;"                                                                                        \
  "CREATE TRIGGER event_no_update BEFORE UPDATE ON event"                                                                        \
  "  BEGIN SELECT RAISE(ABORT, 'the change feed is append-only'); END;"                                                          \
  "CREATE TRIGGER event_no_delete BEFORE DELETE ON event"                                                                        \
  "  BEGIN SELECT RAISE(ABORT, 'the change feed is append-only'); END;"

/* The first release takes an empty file from version 0 to 8 in one go: a step a subject (C compilers only promise literals of
 * 4,095 bytes). */
const char *const mlcm__registry_migrations[] = {
    MLCM__AUDIT_SCHEMA_SQL, EVENT_SQL, MODEL_SQL, VERSION_SQL, ALIAS_SQL, EVALUATION_SQL, POLICY_SQL, MLCM__ROLLOUTS_SCHEMA_SQL,
};
const size_t mlcm__registry_n_migrations = sizeof mlcm__registry_migrations / sizeof mlcm__registry_migrations[0];
