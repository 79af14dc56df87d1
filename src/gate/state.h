/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h - the inside of a gate: one flat block, so that a clone is a copy.
 */
#ifndef MLCM_GATE_STATE_H
#define MLCM_GATE_STATE_H

#include "gate/evalue.h"
#include "gate/policy.h"

typedef struct mlcm__check_progress {
  mlcm__evalue fail;  /* compare: over the whole rollout */
  mlcm__evalue pass;  /* compare: over this step */
  mlcm__evalue bound; /* compare with at_most: over this step */
  mlcm_counts total;
  mlcm_counts step;
  mlcm_measurement last; /* threshold */
  int64_t n_values;
  int64_t decided_ns;
  int32_t failures_in_a_row;
  bool has_failed; /* latched, but for threshold checks that hold or report: those recover */
  bool has_passed; /* compare: latched within the step; threshold: the last measurement was a good value */
} mlcm__check_progress;

struct mlcm_gate {
  mlcm_policy *policy; /* held */
  double log_threshold_fail;
  double log_threshold_pass;
  double log_threshold_ratio;
  bool has_started;
  bool has_traffic;
  bool is_warming_up;
  bool has_ratio_alarm;
  bool is_harm_spent;
  int64_t started_ns;
  int64_t warm_up_ns;    /* the policy's; 0 in a replay of a file, which has no time */
  int64_t warm_requests; /* candidate's requests before this tick */
  int64_t traffic_requests;
  int64_t counted_requests; /* the same from the checks, where no traffic is told */
  double harm;
  mlcm__evalue ratio;
  size_t n_checks;
  mlcm__check_progress checks[]; /* [n_checks] */
};

/* ln of the evidence on which a comparing check passes: the comparison's, or its mean with the bound's where there is one. */
double mlcm__progress_log_e_pass(const mlcm_check *check, const mlcm__check_progress *p);

/* Whether a value is good for a threshold check. */
bool mlcm__check_is_good(const mlcm_check *check, const mlcm_measurement *m);

mlcm_verdict_kind mlcm__progress_verdict(const mlcm__check_progress *p);

/* A number with so many significant digits and a point, whatever the host's locale says: reasons are part of records. */
void mlcm__gate_number(double value, int digits, char out[40]);

/* Why a check's verdict is what it is, without the check's name (gate_words.c). */
void mlcm__gate_reason(const mlcm_gate *gate, size_t i, char *out, size_t size);

#endif
