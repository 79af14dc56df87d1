/* SPDX-License-Identifier: Apache-2.0
 *
 * rounds.h - rounds of work on one registry, with kill -9 at random moments, and the question after each: is there an order?
 */
#ifndef MLCM_TESTS_LINEAR_ROUNDS_H
#define MLCM_TESTS_LINEAR_ROUNDS_H

#include "linear/model.h"
#include "linear/workload.h"

typedef struct lin_feed {
  lin_change *changes; /* [n], of one model */
  int64_t *seqs;       /* [n], in the registry's feed */
  size_t n, cap;
} lin_feed;

typedef struct lin_run {
  lin_work work;
  lin_model models[LIN_MODELS]; /* as they are after the last round */
  lin_feed feeds[LIN_MODELS];   /* since the beginning */
  uint64_t *hashes;             /* [n_hashes] of each change of the registry's feed */
  size_t n_hashes, cap_hashes;
  unsigned seed;
  int64_t n_killed, n_ops, n_changes, n_open; /* over all rounds */
  int64_t n_unexplained;                      /* parts without an order, readers of the feed that saw another one */
} lin_run;

/* All of these fail the running test when a process ends by itself or the registry cannot be read. */
void lin_run_open(lin_run *run, unsigned seed);
/* One round of about so many calls of the writers; what has no explanation is counted and printed to `out`. */
void lin_run_round(lin_run *run, int64_t n_calls, FILE *out);
void lin_run_close(lin_run *run);

#endif
