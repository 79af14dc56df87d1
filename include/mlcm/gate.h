/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/gate.h - policies of checks, evidence in, verdict out. Pure: no I/O, no clock, no store.
 */
#ifndef MLCM_GATE_H
#define MLCM_GATE_H

#include <mlcm/base.h>
#include <mlcm/metric.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t mlcm_verdict_kind;
enum { MLCM_PASS = 1, MLCM_FAIL = 2, MLCM_INCONCLUSIVE = 3 };

typedef int32_t mlcm_check_kind;
enum { MLCM_CHECK_COMPARE = 1, MLCM_CHECK_THRESHOLD = 2 };

typedef int32_t mlcm_source_kind;
enum { MLCM_SOURCE_METER = 1, MLCM_SOURCE_PROMETHEUS = 2, MLCM_SOURCE_HTTP = 3, MLCM_SOURCE_EVALUATION = 4 };

typedef int32_t mlcm_on_fail;
enum { MLCM_ON_FAIL_ROLLBACK = 1, MLCM_ON_FAIL_HOLD = 2, MLCM_ON_FAIL_REPORT = 3 };

/* Counts of one stratum (one routing epoch within one tick): events among trials on both sides. */
typedef struct mlcm_counts {
  int64_t candidate_n;
  int64_t candidate_bad;
  int64_t stable_n;
  int64_t stable_bad;
} mlcm_counts;

/* A parsed, validated policy; immutable. */
typedef struct mlcm_policy mlcm_policy;

/* `name` is used in messages (plan.yaml:12:5: ...). */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_policy_parse(mlcm_context *ctx, const char *name, mlcm_str yaml, mlcm_policy **out,
                                                     mlcm_error *err);
MLCM_API void mlcm_policy_free(mlcm_policy *policy);

/* State of a policy's checks over time. */
typedef struct mlcm_gate mlcm_gate;
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_new(const mlcm_policy *policy, mlcm_gate **out, mlcm_error *err);
MLCM_API void mlcm_gate_free(mlcm_gate *gate);

/* What one check learned in one tick. For an error or outcome check `fail` and `pass` are the same strata; a latency check
 * counts exceedances of two different thresholds (fail_above and pass_below times stable's past quantile). */
typedef struct mlcm_observation {
  int32_t check;                 /* index in the policy */
  int32_t n_strata;
  const mlcm_counts *fail;       /* [n_strata] */
  const mlcm_counts *pass;       /* [n_strata] */
  const mlcm_measurement *measurement; /* threshold checks */
} mlcm_observation;

MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_observe(mlcm_gate *gate, int64_t now_ns, const mlcm_observation *observations,
                                                     size_t n, mlcm_error *err);
/* A new step begins: PASS evidence starts anew, FAIL evidence goes on. */
MLCM_API void mlcm_gate_begin_step(mlcm_gate *gate);

/* State of one check, for people and records. */
typedef struct mlcm_check_state {
  mlcm_verdict_kind verdict;
  double log_e_fail;
  double log_e_pass;
  double log_threshold_fail; /* ln(k / alpha) */
  double log_threshold_pass; /* ln(1 / pass_alpha) */
  mlcm_counts total;
  mlcm_measurement last;
  int32_t failures_in_a_row;
  int64_t decided_ns; /* when the verdict latched, 0 when open */
  char reason[128];
} mlcm_check_state;

MLCM_API size_t mlcm_gate_n_checks(const mlcm_gate *gate);
MLCM_API mlcm_check_state mlcm_gate_check(const mlcm_gate *gate, size_t i);
MLCM_API mlcm_verdict_kind mlcm_gate_verdict(const mlcm_gate *gate);

#ifdef __cplusplus
}
#endif
#endif
