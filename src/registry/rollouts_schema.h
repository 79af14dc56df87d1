/* SPDX-License-Identifier: Apache-2.0
 *
 * rollouts_schema.h - tables of endpoints, routing and rollouts, as a part of the registry's first migration.
 *
 * routing   one row an epoch: a period of constant weights. Rows are only appended; the newest is in force.
 * rollout   `active` is 1 or NULL, so that the unique index allows one active rollout an endpoint and any number of ended ones.
 *           The lease lives in the row: whoever writes for the rollout names lease_epoch in his WHERE (fencing).
 * evidence  chunks of lines (docs/formats-rollout.md); digest is SHA-256(digest of the chunk before || lines).
 * intent    what people and other processes ask for; done_seq is the decision that obeyed, 0 when it was refused.
 */
#ifndef MLCM_REGISTRY_ROLLOUTS_SCHEMA_H
#define MLCM_REGISTRY_ROLLOUTS_SCHEMA_H

/* clang-format off */
#define MLCM__ROLLOUTS_SCHEMA_SQL                                                    \
  "CREATE TABLE endpoint ("                                                          \
  "  id INTEGER PRIMARY KEY,"                                                        \
  "  name TEXT NOT NULL UNIQUE,"                                                     \
  "  model_id INTEGER NOT NULL REFERENCES model (id),"                               \
  "  alias TEXT NOT NULL,"                                                           \
  "  created_ns INTEGER NOT NULL) STRICT;"                                           \
  "CREATE INDEX endpoint_by_alias ON endpoint (model_id, alias);"                    \
  "CREATE TABLE rollout ("                                                           \
  "  id INTEGER PRIMARY KEY,"                                                        \
  "  endpoint_id INTEGER NOT NULL REFERENCES endpoint (id),"                         \
  "  active INTEGER CHECK (active = 1),"                                             \
  "  status INTEGER NOT NULL,"                                                       \
  "  stable INTEGER NOT NULL,"                                                       \
  "  candidate INTEGER NOT NULL,"                                                    \
  "  plan_name TEXT NOT NULL,"                                                       \
  "  plan TEXT NOT NULL,"                                                            \
  "  policy_digest TEXT NOT NULL,"                                                   \
  "  salt BLOB NOT NULL CHECK (length(salt) = 16),"                                  \
  "  actor TEXT NOT NULL,"                                                           \
  "  created_ns INTEGER NOT NULL,"                                                   \
  "  ended_ns INTEGER NOT NULL DEFAULT 0,"                                           \
  "  n_decisions INTEGER NOT NULL DEFAULT 0,"                                        \
  "  n_chunks INTEGER NOT NULL DEFAULT 0,"                                           \
  "  n_lines INTEGER NOT NULL DEFAULT 0,"                                            \
  "  evidence_bytes INTEGER NOT NULL DEFAULT 0,"                                     \
  "  chain BLOB NOT NULL CHECK (length(chain) = 32),"                                \
  "  holder TEXT NOT NULL DEFAULT '',"                                               \
  "  lease_epoch INTEGER NOT NULL DEFAULT 0,"                                        \
  "  lease_expires_ns INTEGER NOT NULL DEFAULT 0) STRICT;"                           \
  "CREATE UNIQUE INDEX rollout_active ON rollout (endpoint_id, active);"             \
  "CREATE INDEX rollout_by_endpoint ON rollout (endpoint_id, id);"                   \
  "CREATE TABLE routing ("                                                           \
  "  endpoint_id INTEGER NOT NULL REFERENCES endpoint (id),"                         \
  "  epoch INTEGER NOT NULL,"                                                        \
  "  rollout_id INTEGER NOT NULL DEFAULT 0,"                                         \
  "  stable INTEGER NOT NULL,"                                                       \
  "  candidate INTEGER NOT NULL DEFAULT 0,"                                          \
  "  weight_ppm INTEGER NOT NULL DEFAULT 0 CHECK (weight_ppm BETWEEN 0 AND 1000000),"\
  "  salt BLOB NOT NULL CHECK (length(salt) = 16),"                                  \
  "  override TEXT NOT NULL DEFAULT '[]',"                                           \
  "  created_ns INTEGER NOT NULL,"                                                   \
  "  PRIMARY KEY (endpoint_id, epoch)) STRICT, WITHOUT ROWID;"                       \
  "CREATE TABLE decision ("                                                          \
  "  rollout_id INTEGER NOT NULL REFERENCES rollout (id),"                           \
  "  seq INTEGER NOT NULL,"                                                          \
  "  at_ns INTEGER NOT NULL,"                                                        \
  "  action INTEGER NOT NULL,"                                                       \
  "  record TEXT NOT NULL,"                                                          \
  "  PRIMARY KEY (rollout_id, seq)) STRICT, WITHOUT ROWID;"                          \
  "CREATE TRIGGER decision_is_immutable BEFORE UPDATE ON decision"                   \
  "  BEGIN SELECT RAISE(ABORT, 'a decision never changes'); END;"                    \
  "CREATE TABLE evidence ("                                                          \
  "  rollout_id INTEGER NOT NULL REFERENCES rollout (id),"                           \
  "  chunk INTEGER NOT NULL,"                                                        \
  "  lease_epoch INTEGER NOT NULL,"                                                  \
  "  n_lines INTEGER NOT NULL,"                                                      \
  "  lines TEXT NOT NULL,"                                                           \
  "  digest BLOB NOT NULL CHECK (length(digest) = 32),"                              \
  "  created_ns INTEGER NOT NULL,"                                                   \
  "  PRIMARY KEY (rollout_id, chunk)) STRICT;"                                       \
  "CREATE TABLE intent ("                                                            \
  "  id INTEGER PRIMARY KEY,"                                                        \
  "  rollout_id INTEGER NOT NULL REFERENCES rollout (id),"                           \
  "  kind INTEGER NOT NULL,"                                                         \
  "  actor TEXT NOT NULL,"                                                           \
  "  reason TEXT NOT NULL,"                                                          \
  "  created_ns INTEGER NOT NULL,"                                                   \
  "  done_seq INTEGER,"                                                              \
  "  refused TEXT) STRICT;"                                                          \
  "CREATE INDEX intent_open ON intent (rollout_id, id) WHERE done_seq IS NULL;"
/* clang-format on */

#endif
