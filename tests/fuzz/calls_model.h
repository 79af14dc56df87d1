/* SPDX-License-Identifier: Apache-2.0
 *
 * calls_model.h - what a registry must look like after a sequence of calls, in a few plain structs, and why a call must fail.
 *
 * A reason is a bit (1 << status). A call with no reason to fail must succeed; one with reasons must answer one of them.
 */
#ifndef MLCM_TESTS_FUZZ_CALLS_MODEL_H
#define MLCM_TESTS_FUZZ_CALLS_MODEL_H

#include <stdbool.h>

#include "calls_world.h"

enum { CALLS_MODELS = 2, CALLS_ALIASES = 2, CALLS_VERSIONS = 40 };

#define CALLS_BECAUSE(status) (1u << (status))

typedef struct calls_version {
  bool deleted;
  int content;
  int n_evaluations;
} calls_version;

typedef struct calls_model {
  bool exists, deleted;
  int64_t n; /* versions, the deleted ones too */
  calls_version version[CALLS_VERSIONS + 1]; /* by number */
  int64_t alias[CALLS_ALIASES];              /* 0: unset */
  bool alias_ever[CALLS_ALIASES];
  char tag[2]; /* "" when unset */
  /* As the registry says: the model believes it and holds guarded calls to it. */
  bool had_rollout, rollout_active;
  int64_t stable, candidate;
} calls_model;

typedef struct calls_state {
  calls_model model[CALLS_MODELS];
  int64_t audit_size, seq; /* after the last call */
  int64_t n_rollouts;
} calls_state;

extern const char *const calls_model_names[CALLS_MODELS];
extern const char *const calls_alias_names[CALLS_ALIASES]; /* the first is the one that rollouts move */

void calls_state_begin(calls_state *s, const calls_world *w);

/* Why a call that needs it ready (not deleted) cannot be. */
unsigned calls_no_model(const calls_model *m);
unsigned calls_no_version(const calls_model *m, int64_t version);
/* Why an alias cannot go from where it stands to `to` (0: away). */
unsigned calls_no_move(const calls_model *m, int alias, int64_t to, int64_t expect, bool force);
/* Why a version, or with 0 the model, cannot be deleted. */
unsigned calls_no_delete(const calls_model *m, int64_t version, bool force);
void calls_did_move(calls_model *m, int alias, int64_t to);
void calls_did_delete(calls_model *m, int64_t version);

/* Reads what the rollouts have done to the model: status, and the one alias they may move. */
void calls_learn_rollout(calls_state *s, const calls_world *w, int model);

/* After a call: its status is one that it may have, a failed call changed nothing, the log did not shrink, aliases stand where they
 * must. `whole`: false for the few calls of several transactions. */
void calls_check_step(calls_state *s, const calls_world *w, const char *call, mlcm_status st, const mlcm_error *err, unsigned reasons,
                      bool whole);
/* After all of them: everything else; with_fsck also all that mlcm_fsck looks at, which takes as long as many calls. */
void calls_check_end(calls_state *s, const calls_world *w, bool with_fsck);

#endif
