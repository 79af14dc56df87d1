/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - a registry with a row of everything that a rollout leaves, and a change of every kind in its audit log.
 */
#ifndef MLCM_TESTS_REGISTRY_ROWS_H
#define MLCM_TESTS_REGISTRY_ROWS_H

#include "registry/damage.h"

#include <mlcm/trust.h>

#include "registry/digest.h"
#include "registry/rollouts.h"

static const uint8_t salt[MLCM__ROUTING_SALT_BYTES] = {7};
static const char decision[] = "{\"action\":\"advance\"}";

enum { DECISION_ENTRY = 9, POLICY_ENTRY = 13, LAST_ENTRY = 14 }; /* of the audit log */

/* "m" with versions 1 to 3, champion on 1 and serving at endpoint "e"; a rollout of version 2 with a chunk of evidence and one
 * decision, which is recorded as the controller does it. "deleted" is gone, "back" was. */
static UNUSED void set_rows(fixture *f) {
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row endpoint;
  mlcm__rollout_head head;
  int64_t id = 0, epoch = 0;
  char hex[MLCM__SHA256_HEX + 1];
  uint8_t digest[MLCM__SHA256_BYTES], chained[MLCM__SHA256_BYTES + 3];
  mlcm__rollout_new row = {
      .stable = 1, .candidate = 2, .plan_name = "plan.yaml", .plan = "x", .policy_digest = "d", .salt = salt, .actor = "ana"};
  set_up(f);
  add_versions(f, "m", 3);
  move_alias(f, "m", "champion", 1);
  move_alias(f, "m", "other", 3);
  CHECK_OK(mlcm_model_create(f->reg, "deleted", NULL, NULL, err));
  CHECK_OK(mlcm_model_delete(f->reg, "deleted", 0, NULL, err));
  CHECK_OK(mlcm__hex_of(decision, strlen(decision), hex, err));
  const mlcm__record record = {.kind = "rollout.decided",
                               .object_kind = "rollout",
                               .model = "m",
                               .alias = "champion",
                               .name = "e",
                               .after = "progressing",
                               .evidence = hex,
                               .detail = "{\"action\":\"advance\",\"rollout\":\"1\",\"seq\":\"1\"}"};
  CHECK_OK(mlcm__registry_write_begin(f->reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f->reg, "e", "m", "champion", &endpoint, err));
  row.endpoint_id = endpoint.id;
  CHECK_OK(mlcm__rollout_insert(conn, &row, &id, err));
  CHECK_OK(mlcm__rollout_read(conn, id, &head, err));
  CHECK_OK(mlcm__lease_take(conn, &head, "me", 1000, &epoch, err));
  memcpy(chained, head.chain, sizeof head.chain);
  memcpy(chained + sizeof head.chain, "{}\n", 3);
  CHECK_OK(mlcm__sha256_of(chained, sizeof chained, digest, err));
  CHECK_OK(mlcm__evidence_append(conn, id, epoch, "{}\n", 3, 1, digest, 1, err));
  CHECK_OK(mlcm__decision_append(conn, id, epoch, 1, 1, MLCM_ACTION_ADVANCE, decision, MLCM_ROLLOUT_PROGRESSING, true, err));
  CHECK_OK(mlcm__registry_record(conn, f->reg, &record, NULL, NULL, err));
  CHECK_OK(mlcm__registry_commit(f->reg, &conn, err));
  CHECK_OK(mlcm_model_create(f->reg, "back", NULL, NULL, err));
  CHECK_OK(mlcm_model_delete(f->reg, "back", 0, NULL, err));
  CHECK_OK(mlcm_model_restore(f->reg, "back", NULL, err));
  CHECK_OK(mlcm_policy_put(f->reg, MLCM_STR("checks: []\n"), NULL, hex, err));
  CHECK_OK(mlcm_model_tag_set(f->reg, "back", "k", "v", NULL, err));
}

#endif
