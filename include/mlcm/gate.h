/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/gate.h - policies of checks; evidence in, verdict out. Pure: no I/O, no clock, no store.
 *
 *   static const char yaml[] = "mlcm: gate/v1\n"
 *                              "checks:\n"
 *                              "  - {name: errors, compare: error, tolerate: 1.25x}\n";
 *   mlcm_policy *policy = NULL;
 *   mlcm_gate *gate = NULL;
 *   mlcm_status st = mlcm_policy_parse(ctx, "gate.yaml", mlcm_str_of(yaml), &policy, err);
 *   if (!st) st = mlcm_gate_new(policy, &gate, err);
 *   mlcm_counts tick = {.candidate_n = 500, .candidate_bad = 61, .stable_n = 500, .stable_bad = 7};
 *   mlcm_observation seen = {.check = 0, .n_strata = 1, .fail = &tick, .pass = &tick};
 *   if (!st) st = mlcm_gate_observe(gate, now_ns, &seen, 1, err);
 *   if (!st && mlcm_gate_verdict(gate) == MLCM_FAIL) puts("the candidate is worse, proven");
 *   mlcm_gate_free(gate);
 *   mlcm_policy_free(policy);
 *
 * What it proves. A comparing check keeps two e-processes on the counts of candidate and stable, both exact under any change
 * of traffic, weight or common error rate (method `hypergeometric-e/1`, docs/decisions/gate-evidence.md). One bets against
 * "the candidate's odds of a bad answer are at most fail_above times stable's": at E >= k/alpha the check FAILS, k being the
 * number of comparing checks. The other bets against "at least pass_below times stable's": at E >= 1/pass_alpha the check
 * PASSES. Both may be looked at after every tick without harm. Neither reached: INCONCLUSIVE. Where neither side has a bad
 * answer the two say nothing: with `at_most: 0.1%` a check passes also a candidate whose own rate is proven below that,
 * whatever stable does (method `binomial-e/1`; E is then the mean of both, so pass_alpha holds for either way). A threshold
 * check compares a measured value with limits. No data, partial, stale and error measurements never pass and never fail.
 *
 * Threads    A policy is immutable and may be shared by threads. A gate: one thread at a time.
 * Ownership  A gate keeps its policy alive; a policy keeps its context alive. Pointers inside an mlcm_check belong to the policy.
 * Sameness   Equal policies and equal calls give equal bits of every number, on every machine and compiler.
 */
#ifndef MLCM_GATE_H
#define MLCM_GATE_H

#include <mlcm/base.h>
#include <mlcm/metric.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The name of the sequential test, part of every policy digest. */
#define MLCM_GATE_METHOD "hypergeometric-e/1"

/* The name of the test of a comparing check's at_most, part of the digest of policies that have one. */
#define MLCM_GATE_BOUND_METHOD "binomial-e/1"

/* Most trials of one side in one stratum. */
#define MLCM_GATE_MAX_COUNT (INT64_C(1) << 50)

/* What a check or a gate says. */
typedef int32_t mlcm_verdict_kind;
enum { MLCM_PASS = 1, MLCM_FAIL = 2, MLCM_INCONCLUSIVE = 3 };

/* How a check decides: candidate against stable, or a value against limits. */
typedef int32_t mlcm_check_kind;
enum { MLCM_CHECK_COMPARE = 1, MLCM_CHECK_THRESHOLD = 2 };

/* Where a check's evidence comes from. Comparing checks always read the meters. */
typedef int32_t mlcm_source_kind;
enum {
  MLCM_SOURCE_METER = 1,      /* the endpoint's own meters */
  MLCM_SOURCE_PROMETHEUS = 2, /* an instant query */
  MLCM_SOURCE_HTTP = 3,       /* a probe: its status is the value */
  MLCM_SOURCE_EVALUATION = 4  /* a metric recorded with the version */
};

/* What a failed check does to the gate: FAIL, keep it from passing, or nothing. */
typedef int32_t mlcm_on_fail;
enum { MLCM_ON_FAIL_ROLLBACK = 1, MLCM_ON_FAIL_HOLD = 2, MLCM_ON_FAIL_REPORT = 3 };

/* What is counted, or measured, of the meters. */
typedef int32_t mlcm_meter_kind;
enum {
  MLCM_METER_ERROR = 1,   /* share of requests that failed ("error", "error_ratio") */
  MLCM_METER_LATENCY = 2, /* a quantile of latency ("latency.p99"); as a threshold, in seconds */
  MLCM_METER_OUTCOME = 3, /* share of reported outcomes that are true ("outcome.NAME") */
  MLCM_METER_RATE = 4     /* requests a second ("requests_per_second"); thresholds only */
};

/* Unit of analysis of a comparing check. */
typedef int32_t mlcm_unit;
enum {
  MLCM_UNIT_KEY = 1,    /* each key counts once per check and rollout, by its first outcome: right for sticky users */
  MLCM_UNIT_REQUEST = 2 /* every request counts: right when requests are independent */
};

/* What happens when a rollout's time is over without proof. */
typedef int32_t mlcm_expire_action;
enum { MLCM_EXPIRE_ROLLBACK = 1, MLCM_EXPIRE_HOLD = 2 };

/* Counts of one stratum (one routing epoch within one tick): bad events among trials on both sides.
 * 0 <= bad <= n <= MLCM_GATE_MAX_COUNT. */
typedef struct mlcm_counts {
  int64_t candidate_n;
  int64_t candidate_bad;
  int64_t stable_n;
  int64_t stable_bad;
} mlcm_counts;

/* ---- Policy -------------------------------------------------------------------------------------------------------- */

/* A parsed, validated policy; immutable, reference-counted inside. */
typedef struct mlcm_policy mlcm_policy;

/* One HTTP header to send with a query. */
typedef struct mlcm_check_header {
  const char *name;
  const char *value;
} mlcm_check_header;

/* One check of a policy, defaults filled in. Texts are never NULL unless stated. Members that do not belong to the check's kind
 * and source are 0, "" or NULL. The struct may grow at its end: take it by pointer. */
typedef struct mlcm_check {
  const char *name; /* unique in the policy, 1 to 64 bytes */
  mlcm_check_kind kind;
  mlcm_source_kind source;
  mlcm_on_fail on_fail;
  int32_t line; /* where it stands in the policy's text, 1-based */
  int32_t column;
  mlcm_meter_kind meter; /* compare and meter */
  mlcm_unit unit;        /* compare */
  double quantile;       /* latency: 0.5, 0.9, 0.95, 0.99 or 0.999 */
  const char *outcome;   /* outcome: its name */
  double fail_above;     /* compare: margins, as odds ratios; for latency as ratios of the quantile, as written */
  double pass_below;
  int32_t failures;     /* threshold: bad values in a row until it fails, 1 to 1000 */
  int32_t http_status;  /* http: the status that is good */
  int32_t has_at_least; /* threshold: 1 when the limit is set */
  int32_t has_at_most;  /* threshold, and compare of errors or an outcome */
  double at_least;
  double at_most; /* compare: a candidate proven below this share passes; 1e-6 to 0.5 */
  const char *url;     /* prometheus, http */
  const char *query;   /* prometheus */
  const char *metric;  /* evaluation: name of the metric */
  const char *dataset; /* evaluation: digest of the data set ("sha256:..."), "" for any */
  int64_t timeout_ns;  /* prometheus, http */
  int64_t max_age_ns;  /* prometheus: older values are stale */
  int64_t n_headers;   /* prometheus */
  const mlcm_check_header *headers;
} mlcm_check;

/* Settings of a policy outside its checks, defaults filled in. */
typedef struct mlcm_policy_settings {
  double alpha;              /* chance of failing a good candidate, over all comparing checks and all looks */
  double pass_alpha;         /* chance of passing a candidate that is worse than pass_below, for each check */
  double sample_ratio_alpha; /* chance of a false sample-ratio alarm; 0: not checked */
  int64_t warm_up_requests;  /* candidate's first requests that stay out of the evidence */
  int64_t warm_up_ns;        /* and its first time */
  int64_t min_samples;       /* candidate trials a comparing check needs before any verdict */
  int64_t harm_budget;       /* extra failed requests that stop without statistics; -1: no budget */
  int64_t expire_after_ns;   /* length of the whole rollout */
  mlcm_expire_action expire_action;
} mlcm_policy_settings;

/* Reads a policy of the form `mlcm: gate/v1` (docs/formats-gate.md). `name` is for messages ("gate.yaml:12:5: ..."), at most 1
 * MiB of text. *out is to be freed with mlcm_policy_free. MLCM_PARSE with line and column: not YAML, an unknown key, a value
 * out of range. MLCM_INVALID_ARGUMENT: a pointer is NULL. MLCM_NO_MEMORY. O(text). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_policy_parse(mlcm_context *ctx, const char *name, mlcm_str yaml, mlcm_policy **out,
                                                     mlcm_error *err);

/* Gives up the caller's hold. NULL is allowed. Gates made from it go on. Since 0.1. */
MLCM_API void mlcm_policy_free(mlcm_policy *policy);

/* The settings, by value. Since 0.1. */
MLCM_API mlcm_policy_settings mlcm_policy_get_settings(const mlcm_policy *policy);

/* Number of checks, 1 to 100. Since 0.1. */
MLCM_API size_t mlcm_policy_n_checks(const mlcm_policy *policy);

/* Number of comparing checks, by which alpha is split. Since 0.1. */
MLCM_API size_t mlcm_policy_n_comparing(const mlcm_policy *policy);

/* Check i, or NULL when i is not below the number of checks. Lives as long as the policy. Since 0.1. */
MLCM_API const mlcm_check *mlcm_policy_check(const mlcm_policy *policy, size_t i);

/* Canonical JSON (RFC 8785) of everything that decides: settings and checks with their defaults, and the method's name; doubles
 * as hexadecimal floats, integers as strings. Positions and the text's layout do not show. Lives as long as the policy.
 * Since 0.1. */
MLCM_API const char *mlcm_policy_to_json(const mlcm_policy *policy);

/* SHA-256 of mlcm_policy_to_json as 64 hexadecimal digits: what a decision record calls the policy digest. Since 0.1. */
MLCM_API const char *mlcm_policy_digest(const mlcm_policy *policy);

/* ---- Gate ---------------------------------------------------------------------------------------------------------- */

/* State of a policy's checks over time. */
typedef struct mlcm_gate mlcm_gate;

/* A gate without any evidence, in its first step. *out is to be freed with mlcm_gate_free. MLCM_INVALID_ARGUMENT: a pointer is
 * NULL. MLCM_NO_MEMORY. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_new(const mlcm_policy *policy, mlcm_gate **out, mlcm_error *err);

/* An independent copy with the same evidence: one allocation. The rest as mlcm_gate_new. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_clone(const mlcm_gate *gate, mlcm_gate **out, mlcm_error *err);

/* NULL is allowed. Since 0.1. */
MLCM_API void mlcm_gate_free(mlcm_gate *gate);

/* What one check learned in one tick. A comparing check brings strata, a threshold check a measurement; the other stays empty.
 * For an error or outcome check `fail` and `pass` are the same strata (the same pointer will do); a latency check counts
 * exceedances of two thresholds (fail_above and pass_below times stable's past quantile). */
typedef struct mlcm_observation {
  int32_t check;                       /* index in the policy */
  int32_t n_strata;                    /* 0 to 1000 */
  const mlcm_counts *fail;             /* [n_strata] */
  const mlcm_counts *pass;             /* [n_strata] */
  const mlcm_measurement *measurement; /* threshold checks */
} mlcm_observation;

/* The traffic of one routing epoch in one tick, for the checks on the evidence itself. The sample-ratio check asks whether the
 * candidate's share of reports is its share of what is routed in the epoch; both count the same units. */
typedef struct mlcm_traffic {
  int64_t candidate_routed;   /* units routed in this routing epoch so far, all its ticks together; or, better, the weights of */
  int64_t stable_routed;      /* random routing: any two numbers in that proportion. 0: the check is skipped */
  int64_t candidate_reported; /* units of this epoch reported since the last tick, however late */
  int64_t stable_reported;
  mlcm_counts requests; /* every request completed since the last tick and whether it failed, whatever the unit */
} mlcm_traffic;

/* Tells the gate of a tick's traffic, before that tick's mlcm_gate_observe, once for each routing epoch. Feeds the sample-ratio
 * check, the harm budget and warm_up.requests (which counts the checks' candidate trials when no traffic was ever told). The
 * harm budget is charged with extra = candidate_bad - candidate_n * stable_bad / stable_n of each call that has stable trials, as
 * harm = max(0, harm + extra): the candidate's failures beyond stable's rate since it was last no worse.
 * MLCM_INVALID_ARGUMENT: NULL, a negative or too large number, more bad than trials; the gate is unchanged. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_observe_traffic(mlcm_gate *gate, int64_t now_ns, const mlcm_traffic *traffic,
                                                             mlcm_error *err);

/* Takes in one tick's evidence. now_ns: any clock that never goes back, used for warm-up and decided_ns only. The order of
 * observations of different checks does not matter; strata of one check are added in the order given. A check without an
 * observation keeps its state. Strata in which a side has no trials, or nobody had a bad event, change no evidence. During
 * warm-up comparing evidence is dropped. MLCM_INVALID_ARGUMENT: NULL, an index out of range, strata for a threshold check or a
 * measurement for a comparing one, counts out of range; then the gate is unchanged. O(checks * strata): a few microseconds
 * each at 2,000 requests and 1 % errors, bounded (about a millisecond) for any counts. Allocates nothing. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_observe(mlcm_gate *gate, int64_t now_ns, const mlcm_observation *observations,
                                                     size_t n, mlcm_error *err);

/* A new step begins: PASS evidence and PASS verdicts start anew, FAIL evidence goes on. Since 0.1. */
MLCM_API void mlcm_gate_begin_step(mlcm_gate *gate);

/* State of one check, for people and records. */
typedef struct mlcm_check_state {
  mlcm_verdict_kind verdict;
  int32_t failures_in_a_row; /* threshold */
  double log_e_fail;         /* compare: natural logarithm, over the whole rollout */
  double log_e_pass;         /* compare: over this step; with at_most that of the mean of both tests */
  double log_threshold_fail; /* ln(k / alpha) */
  double log_threshold_pass; /* ln(1 / pass_alpha) */
  mlcm_counts total;         /* compare, fail side: all strata after warm-up, over the whole rollout */
  mlcm_counts step;          /* compare, pass side: in this step */
  int64_t n_values;          /* threshold: values (not other measurements) in this step */
  mlcm_measurement last;     /* threshold: kind 0 before the first */
  int64_t decided_ns;        /* when the verdict was reached, 0 when open */
  char reason[128];          /* one line why it is so */
} mlcm_check_state;

/* Number of checks, as in the policy. Since 0.1. */
MLCM_API size_t mlcm_gate_n_checks(const mlcm_gate *gate);

/* State of check i; all zero when i is out of range. Since 0.1. */
MLCM_API mlcm_check_state mlcm_gate_check(const mlcm_gate *gate, size_t i);

/* The verdict of all checks together: FAIL when a check with on_fail rollback has failed or the harm budget is spent; PASS when
 * every check but those that only report has passed and the sample ratio is sound; else INCONCLUSIVE. Since 0.1. */
MLCM_API mlcm_verdict_kind mlcm_gate_verdict(const mlcm_gate *gate);

/* The verdict with its cause. */
typedef struct mlcm_verdict {
  mlcm_verdict_kind kind;
  int32_t check;         /* the check that decides or stands in the way, -1 when it is none of them */
  double harm;           /* extra failed requests of the candidate so far */
  double log_e_ratio;    /* evidence against an equal share of reports, ln */
  int32_t ratio_alarm;   /* 1 when the sample-ratio check has fired */
  int32_t warming_up;    /* 1 while evidence is dropped */
  int64_t samples_short; /* candidate trials still missing to min_samples, of the check that has fewest */
  char reason[192];
} mlcm_verdict;

/* As mlcm_gate_verdict, with the reason in words. Since 0.1. */
MLCM_API mlcm_verdict mlcm_gate_explain(const mlcm_gate *gate);

/* Canonical JSON of the gate's whole state (policy digest, checks, verdict; doubles as hexadecimal floats, integers as strings):
 * equal states give equal bytes. *out is freed with mlcm_free of the policy's context. MLCM_INVALID_ARGUMENT, MLCM_NO_MEMORY.
 * O(checks). Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_to_json(const mlcm_gate *gate, char **out, mlcm_error *err);

/* ---- What-if and advice -------------------------------------------------------------------------------------------- */

/* Runs the policy over recorded counts: one gate for each value of the column `run`, the file as one step, one tick a row. `name`
 * is for messages; csv is at most 64 MiB with a header line naming, in any order, tick, candidate_requests, candidate_errors,
 * stable_requests, stable_errors and optionally run; other columns are ignored. The counts go to the policy's `compare: error`
 * check, or else to its only comparing check; its alpha is split as the policy says. warm_up.requests and min_samples count
 * candidate_requests; warm_up.for does nothing, as the file has no time.
 * Either out may be NULL; each is freed with mlcm_free.
 *   out_json {"ticks":[{"log_e_fail":N,"log_e_pass":N,"run":"text" or null,"tick":N,"verdict":"pass|fail|inconclusive"}...]}
 *            numbers with 17 significant digits, rows in the file's order, a verdict latched, evidence going on after it
 *   out_text the same as a table for people, with a closing line for each run
 * MLCM_PARSE with line: a missing column, not a whole number, more errors than requests. MLCM_LIMIT: too large.
 * MLCM_INVALID_ARGUMENT: a pointer is NULL, or the policy has no check or no clear check to feed. MLCM_NO_MEMORY. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_gate_replay(mlcm_context *ctx, const mlcm_policy *policy, const char *name, mlcm_str csv,
                                                    char **out_json, char **out_text, mlcm_error *err);

/* One step of a plan, as lint needs it. */
typedef struct mlcm_lint_step {
  double weight;  /* candidate's share of requests, in (0, 1) */
  int64_t for_ns; /* least length of the step */
  int32_t line;   /* where it stands in the plan, 0 when unknown */
  int32_t column;
} mlcm_lint_step;

/* What lint knows about the traffic. */
typedef struct mlcm_lint_options {
  size_t struct_size;
  const char *name;            /* the policy's or plan's name for messages; NULL: "policy" */
  double requests_per_second;  /* today's rate of the endpoint; 0: unknown */
  double bad_rate;             /* today's share of bad events; 0: 0.01 is assumed, and said */
  const mlcm_lint_step *steps; /* [n_steps]; none: a canary at 5 % is assumed, and said */
  size_t n_steps;
  uint64_t reserved[4];
} mlcm_lint_options;

/* Sets all members of *options to zero and struct_size to `size_bytes`. Since 0.1. */
MLCM_API void mlcm_lint_options_init(mlcm_lint_options *options, size_t size_bytes);

/* Reads a valid policy as a colleague would and says what will not work as hoped: steps too short to prove anything, margins that
 * overlap, thresholds that only report ... `options` may be NULL. Either out may be NULL; each is freed with mlcm_free.
 *   out_json {"findings":[{"check":"name" or null,"column":N,"level":"warning|note","line":N,"message":"..."}...]}
 *   out_text one line for each finding: "plan.yaml:16:5: 'wrong answers' sees a doubling ..."; "" when there is none
 * MLCM_INVALID_ARGUMENT, MLCM_NO_MEMORY. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_policy_lint(mlcm_context *ctx, const mlcm_policy *policy,
                                                    const mlcm_lint_options *options, char **out_json, char **out_text,
                                                    mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
