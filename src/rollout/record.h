/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h - the canonical record of a decision: written from an outcome, read back into an mlcm_decision.
 */
#ifndef MLCM_ROLLOUT_RECORD_H
#define MLCM_ROLLOUT_RECORD_H

#include "base/hash.h"
#include "rollout/machine.h"

struct mlcm_decision {
  mlcm_context *ctx;
  char *json;
  int64_t rollout;
  int64_t seq;
  int64_t at_ns;
  mlcm_action action;
  mlcm_rollout_status status;
  mlcm_verdict_kind verdict;
  int32_t step; /* from 1 */
  int64_t weight_ppm;
  int64_t stable;
  int64_t candidate;
  char *actor;
  char *reason;
};

/* Writes the record of an outcome that `machine` has just produced; evidence is the digest of the chunk that ends with its tick.
 * *out is freed with mlcm__free. */
mlcm_status mlcm__record_write(const mlcm__machine *machine, const mlcm__outcome *outcome, int64_t rollout_id,
                               const uint8_t evidence[MLCM__SHA256_BYTES], char **out, mlcm_error *err);

/* The same for replay: in the format of the record there is and with its sentences, so that only what was decided, on which
 * numbers and for which cause can differ. A text that is no record differs. */
mlcm_status mlcm__record_make_again(const mlcm__machine *machine, const mlcm__outcome *outcome, int64_t rollout_id,
                                    const uint8_t evidence[MLCM__SHA256_BYTES], const char *recorded, char **out,
                                    mlcm_error *err);

/* Makes a decision of a record. MLCM_CORRUPT when it is none. */
mlcm_status mlcm__decision_of(mlcm_context *ctx, const char *record, mlcm_decision **out, mlcm_error *err);

#endif
