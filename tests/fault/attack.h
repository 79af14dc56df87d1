/* SPDX-License-Identifier: Apache-2.0
 *
 * attack.h - one harness for faults of all kinds (seams.h): memory, files, SQL statements, SQLite's files, and malloc below
 * everybody.
 *
 * A function is called in a prepared world with its first, second, third ... allocation (or file call, or statement) failing,
 * once and then once more with all later ones failing too, until a call ends before the failure was due. Each time:
 *   - the status is one that such a fault may have;
 *   - after a failure nothing has changed: the database says what it said before (but for MLCM_OUTCOME_UNKNOWN);
 *   - after a success it says what it says after a call without faults;
 *   - the same call on the same handles then succeeds;
 *   - nothing is left allocated and no descriptor open;
 *   - fsck finds no damage (after some of the runs: it reads everything).
 */
#ifndef MLCM_TESTS_FAULT_ATTACK_H
#define MLCM_TESTS_FAULT_ATTACK_H

#include <mlcm/mlcm.h>

#include "seams.h"
#include "support/fake_clock.h"

/* What a function is called with and gives out. All pointers are freed after each call's run. */
typedef struct attack_world {
  char *dir;     /* scratch */
  char *reg_dir; /* the registry, put back as it was before each run */
  char *file;    /* a model to register */
  char *backup;  /* of the registry */
  char *fresh;   /* a path in the scratch folder that does not exist */
  test_clock clock;
  mlcm_context *ctx;
  mlcm_registry *reg;

  mlcm_model *model;
  mlcm_version *version;
  mlcm_page *page;
  mlcm_history *history;
  mlcm_feed *feed;
  mlcm_fsck_report *report;
  mlcm_rollout *rollout;
  mlcm_rollout_state *state;
  mlcm_decision *decision;
  mlcm_policy *policy;
  mlcm_plan *plan;
  mlcm_gate *gate;
  mlcm_session *session;
  mlcm_endpoint *endpoint;
  mlcm_ticket ticket;
  mlcm_audit_head head, old_head;
  mlcm_audit_proof proof;
  size_t text_len;
  char *text, *text2;
} attack_world;

enum {
  ATTACK_SEVERAL = 1, /* several transactions: a failure may leave some of them done; fsck after every run */
  ATTACK_ONCE = 2,    /* not called again: its result is in the way */
  ATTACK_JUDGES = 4,  /* what cannot be read is damage to it: it may answer MLCM_CORRUPT, or that its transaction is gone */
  ATTACK_RANDOM = 16, /* what it writes has chance in it: successes are not compared */
  ATTACK_CALM = 8     /* makes no fallible call at all: no fault may meet it */
};

typedef struct attack {
  const char *function;
  mlcm_status (*prepare)(attack_world *w, mlcm_error *err); /* without faults; NULL: nothing */
  mlcm_status (*call)(attack_world *w, mlcm_error *err);
  unsigned flags;
} attack;

typedef struct attack_counts {
  long faults[FAULT_KINDS];
  long violations;
} attack_counts;

long attack_all_faults(const attack_counts *counts);

/* Makes the world; `build` fills its registry. */
void attack_begin(attack_world *w, void (*build)(attack_world *w));
/* Faults of every kind: each of the first `all_of_first` calls, then ever sparser (by one in so many). Violations are printed. */
void attack_function(attack_world *w, const attack *what, size_t all_of_first, attack_counts *counts);
void attack_end(attack_world *w);

#endif
